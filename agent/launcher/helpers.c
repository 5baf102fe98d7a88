#include "agent/launcher/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/state.h"
#include "base/cleanup.h"
#include "base/fds.h"

#define EVENTS_AT_ONCE 16

int helpers_init(struct helpers *self, struct err *err)
{
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return self->epoll_fd < 0 ? err_errno(err, -errno, "epoll for helpers") : 0;
}

void helpers_fini(struct helpers *self)
{
    struct helper *helper, *next;

    HASH_ITER (hh, self->by_pid, helper, next) {
        kill(helper->pid, SIGKILL);
        waitpid(helper->pid, NULL, 0);
        close_fd(&helper->fd);
        HASH_DEL(self->by_pid, helper);
    }
    close_fd(&self->epoll_fd);
}

void helpers_leave(const struct helpers *self)
{
    const struct helper *helper, *next;

    HASH_ITER (hh, self->by_pid, helper, next)
        close(helper->fd);
    close(self->epoll_fd);
}

/* --- in the child ------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void become(struct launcher *launcher, pid_t parent, int fd,
                                             bool keeps_all, int (*run)(void *arg, int fd),
                                             void *arg)
{
    if (keeps_all)
        launcher_leave(launcher);
    else
        fds_close_but(&fd, 1);
    prctl(PR_SET_NAME, "proffer-helper", 0, 0, 0);
    setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
        _exit(1);
    _exit(run(arg, fd));
}

/* --- in the launcher ---------------------------------------------------------------------------- */

static int watch(const struct helpers *self, struct helper *helper)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = helper};

    return epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, helper->fd, &event) < 0 ? -errno : 0;
}

int helper_start(struct launcher *launcher, struct helper *helper, bool keeps_all,
                 int (*run)(void *arg, int fd), void *arg, struct err *err)
{
    CLEANUP(close_fd) int ours = -1;
    CLEANUP(close_fd) int theirs = -1;
    pid_t parent = getpid();
    int ends[2];
    int rc;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(err, -errno, "socket pair for a helper");
    ours = ends[0];
    theirs = ends[1];
    if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
        return err_errno(err, -errno, "socket pair for a helper");
    helper->fd = ours;
    rc = watch(&launcher->helpers, helper);
    helper->fd = -1;
    if (rc < 0)
        return err_errno(err, rc, "cannot watch a helper");
    helper->pid = fork();
    if (helper->pid == 0) {
        close(ours);
        become(launcher, parent, theirs, keeps_all, run, arg);
    }
    if (helper->pid < 0) {
        rc = -errno;
        helper->pid = 0;
        return err_errno(err, rc, "cannot fork a helper");
    }
    helper->fd = TAKE_FD(ours);
    HASH_ADD(hh, launcher->helpers.by_pid, pid, sizeof(helper->pid), helper);
    return 0;
}

void helper_kill(const struct helper *helper)
{
    if (helper->pid)
        kill(helper->pid,
             SIGKILL); /* our child: its number is its own until we have waited for it */
}

static struct helper *find(const struct helpers *self, pid_t pid)
{
    struct helper *helper;

    HASH_FIND(hh, self->by_pid, &pid, sizeof(pid), helper);
    return helper;
}

bool helpers_have(const struct helpers *self, pid_t pid)
{
    return find(self, pid) != NULL;
}

bool helpers_reap(struct launcher *launcher, pid_t pid, int status)
{
    struct helper *helper = find(&launcher->helpers, pid);

    if (!helper)
        return false;
    helper->on_readable(launcher, helper);
    HASH_DEL(launcher->helpers.by_pid, helper);
    helper->pid = 0;
    /* Closing does not do that: what was forked meanwhile may have the same. */
    epoll_ctl(launcher->helpers.epoll_fd, EPOLL_CTL_DEL, helper->fd, NULL);
    close_fd(&helper->fd);
    helper->on_ended(launcher, helper, status);
    return true;
}

/* One that has closed its end is silent until it is reaped, which is soon. */
static void on_event(struct launcher *launcher, const struct epoll_event *event)
{
    struct helper *helper = event->data.ptr;

    if (event->events & EPOLLIN)
        helper->on_readable(launcher, helper);
    if (event->events & (EPOLLHUP | EPOLLERR))
        epoll_ctl(launcher->helpers.epoll_fd, EPOLL_CTL_DEL, helper->fd, NULL);
}

void helpers_read(struct launcher *launcher)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(launcher->helpers.epoll_fd, events, EVENTS_AT_ONCE, 0);

    for (int i = 0; i < count; i++)
        on_event(launcher, &events[i]);
}
