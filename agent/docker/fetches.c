#include "agent/docker/fetches.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/docker/fetch_groups.h"
#include "agent/docker/sandbox.h"
#include "agent/docker/strays.h"
#include "agent/shim/fetch_report.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/utf8.h"
#include "proto/channel.h"

#define PROGRAM     "proffer-fetcher"
#define NOBODY      65534
#define REPORTS_MAX 64 /* of one turn */
#define FETCHES_MAX 256

struct fetching {
    char *id;               /* owned */
    struct channel channel; /* to it: its order; from it come reports, which are no frames */
    pid_t pid;
    int pidfd;
    struct launched *group; /* owned: its cgroups; NULL: there are none */
    bool is_done;
    bool is_cancelled; /* not in `by_id`: nobody waits for it but us */
    struct err failure;
    struct fetching *prev, *next;
    UT_hash_handle hh;
};

struct fetches {
    struct fetches_settings settings;
    int epoll_fd;
    char *program;
    struct fetch_groups *groups; /* owned */
    struct fetching *all;        /* owned */
    struct fetching *by_id;
    size_t count; /* of all */
};

/* --- begin -------------------------------------------------------------------------------------- */

/* Beside our own program: where that is nobody has to tell us. */
static char *find_program(void)
{
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash;

    if (size < 0)
        return mem_strdup(PROGRAM);
    path[size] = '\0';
    slash = strrchr(path, '/');
    return mem_printf("%.*s/%s", slash ? (int)(slash - path) : 0, path, PROGRAM);
}

struct start {
    const char *program;
    int sandbox_fd;
    int null_fd;
    int socket_fd;
    const int *group_fds;
    int groups_count;
    pid_t parent;
};

/* Between fork and exec there may be only what a signal handler may do: libcurl has threads. */
__attribute__((noreturn)) static void become_fetcher(const struct start *self)
{
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGTERM, SIGINT, SIGHUP};
    char *const argv[] = {(char *)(uintptr_t)self->program, NULL};
    char *const envp[] = {NULL};

    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
        signal(ignored[i], SIG_DFL);
    setsid();
    for (int i = 0; i < self->groups_count; i++)
        if (write(self->group_fds[i], "0", 1) < 0)
            _exit(126);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != self->parent ||
        fchdir(self->sandbox_fd) < 0 || dup2(self->null_fd, STDIN_FILENO) < 0 ||
        dup2(self->socket_fd, FETCH_FD) < 0 || dup2(self->null_fd, STDERR_FILENO) < 0 ||
        syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) < 0)
        _exit(126);
    execve(self->program, argv, envp);
    _exit(127);
}

static int start(struct fetches *self, struct fetching *one, int sandbox_fd, struct err *err)
{
    CLEANUP(close_fd) int theirs = -1;
    CLEANUP(close_fd) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct start child = {
        .program = self->program, .sandbox_fd = sandbox_fd, .null_fd = null, .parent = getpid()};
    int ends[2];

    if (null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(err, -errno, "socket pair for %s", PROGRAM);
    channel_init(&one->channel, ends[0]);
    theirs = child.socket_fd = ends[1];
    child.groups_count = fetch_groups_open(self->groups, one->group, &child.group_fds, err);
    if (child.groups_count < 0)
        return child.groups_count;
    one->pid = fork();
    if (one->pid == 0)
        become_fetcher(&child);
    fetch_groups_close(self->groups);
    if (one->pid < 0)
        return err_errno(err, -errno, "fork of %s", PROGRAM);
    one->pidfd = (int)syscall(SYS_pidfd_open, one->pid, 0);
    return one->pidfd < 0 ? err_errno(err, -errno, "pidfd of %s", PROGRAM) : 0;
}

/* Root reads what comes from a server, or lies on the agent, for nobody. */
static struct sandbox_owner user_of(const struct msg_launch_container *order, int sandbox_fd)
{
    struct sandbox_owner user = sandbox_owner(order->docker->user);

    if ((!user.is_known || user.uid == 0) && fchown(sandbox_fd, NOBODY, NOBODY) == 0)
        user = (struct sandbox_owner){true, NOBODY, NOBODY};
    return user;
}

static int send_order(const struct fetches *self, struct fetching *one,
                      const struct msg_launch_container *order, struct sandbox_owner user,
                      struct err *err)
{
    const struct msg_fetch fetch = {
        .uris = order->command->uris,
        .uris_count = order->command->uris_count,
        .settings = self->settings.want->fetcher,
        .has_user = user.is_known,
        .uid = user.uid,
        .gid = user.gid,
    };
    int rc =
        channel_send(&one->channel, &(struct message){.type = MSG_FETCH, .fetch = &fetch}, err);

    return rc < 0 ? rc : channel_flush(&one->channel);
}

static int watch(const struct fetches *self, struct fetching *one, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};

    if (channel_has_output(&one->channel))
        event.events |= EPOLLOUT;
    if (epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, one->channel.fd, &event) < 0)
        return err_errno(err, -errno, "%s", PROGRAM);
    event.events = EPOLLIN;
    return epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, one->pidfd, &event) < 0
               ? err_errno(err, -errno, "%s", PROGRAM)
               : 0;
}

/* --- end ---------------------------------------------------------------------------------------- */

/* Its jobs are in its group; it may not have made that yet. */
static void kill_all(const struct fetching *one)
{
    kill(-one->pid, SIGKILL);
    kill(one->pid, SIGKILL);
}

/* Who fetches may have been taken over, and have left its group. */
static int end_strays(const struct fetches *self)
{
    pid_t own[FETCHES_MAX];
    const struct fetching *one;
    size_t count = 0;

    DL_FOREACH (self->all, one)
        if (one->pid > 0)
            own[count++] = one->pid;
    return strays_end(own, count);
}

static void cancel(struct fetches *self, struct fetching *one)
{
    HASH_DEL(self->by_id, one);
    one->is_cancelled = true;
    kill_all(one);
}

static void fetching_destroy(struct fetches *self, struct fetching *one)
{
    struct limitation limitation;

    fetch_groups_end(self->groups, &one->group, &limitation);
    if (!one->is_cancelled)
        HASH_DEL(self->by_id, one);
    DL_DELETE(self->all, one);
    self->count--;
    close_fd(&one->pidfd);
    channel_fini(&one->channel);
    free(one->id);
    free(one);
}

static struct fetching *fetching_new(struct fetches *self, const char *id)
{
    struct fetching *one = mem_new(struct fetching);

    one->id = mem_strdup(id);
    one->pidfd = one->channel.fd = -1;
    DL_APPEND(self->all, one);
    self->count++;
    HASH_ADD_KEYPTR(hh, self->by_id, one->id, strlen(one->id), one);
    return one;
}

int fetches_begin(struct fetches *self, const struct msg_launch_container *order, struct err *err)
{
    struct fetching *one;
    CLEANUP(close_fd) int sandbox_fd = -1;
    int rc;

    if (!self->settings.want->fetcher)
        return err_set(err, -ENOTSUP, "this agent fetches no URIs");
    if (self->count == FETCHES_MAX)
        return err_set(err, -EAGAIN, "URIs of %d containers are being fetched already",
                       FETCHES_MAX);
    rc = sandbox_open(self->settings.want, order->sandbox, &sandbox_fd, err);
    if (rc < 0)
        return rc;
    one = fetching_new(self, order->container_id);
    rc = fetch_groups_make(self->groups, order, &one->group, err);
    if (rc == 0)
        rc = start(self, one, sandbox_fd, err);
    if (rc == 0)
        rc = send_order(self, one, order, user_of(order, sandbox_fd), err);
    if (rc >= 0)
        rc = watch(self, one, err);
    if (rc >= 0)
        return 0;
    if (one->pid > 0) {
        kill_all(one);
        waitpid(one->pid, NULL, 0);
    }
    fetching_destroy(self, one);
    end_strays(self);
    return rc;
}

void fetches_cancel(struct fetches *self, const char *container_id)
{
    struct fetching *one;

    HASH_FIND_STR(self->by_id, container_id, one);
    if (one)
        cancel(self, one);
}

/* --- what it says ------------------------------------------------------------------------------- */

static void fail(struct fetching *one, const char *text)
{
    if (!*one->failure.text)
        err_set(&one->failure, -EIO, "%s", text);
}

/* A server may have taken over who reads from it, and that can write to us as well. */
static void on_report(struct fetches *self, struct fetching *one, struct fetch_report *report)
{
    report->text[sizeof(report->text) - 1] = '\0';
    utf8_repair(report->text);
    if (one->is_cancelled)
        return;
    if (report->kind == FETCH_DONE)
        one->is_done = true;
    else if (report->kind == FETCH_FAILED)
        fail(one, report->text);
    else if (report->kind == FETCH_PROGRESS && report->uri >= 0 && report->bytes >= 0)
        self->settings.on_progress(self->settings.owner, one->id, report->uri, report->bytes);
}

/* Reports are far smaller than the socket's buffer: each comes as a whole. */
static void read_reports(struct fetches *self, struct fetching *one)
{
    struct fetch_report report;

    for (int i = 0; i < REPORTS_MAX; i++) {
        ssize_t size = recv(one->channel.fd, &report, sizeof(report), MSG_DONTWAIT);

        if (size <= 0)
            return;
        if (size < (ssize_t)sizeof(report)) {
            fail(one, "the program that fetches its URIs says what makes no sense");
            kill_all(one);
            return;
        }
        on_report(self, one, &report);
    }
}

static void judge(const struct fetching *one, int status, struct err *ret_err)
{
    ret_err->text[0] = '\0';
    if (*one->failure.text)
        *ret_err = one->failure;
    else if (!one->is_done && WIFSIGNALED(status))
        err_set(ret_err, -EIO, "fetching its URIs was ended by signal %d (%s)", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else if (!one->is_done)
        err_set(ret_err, -EIO, "the program that fetches its URIs ended with status %d",
                WEXITSTATUS(status));
}

/* What outlives it is nobody's. Its number is its own until it is reaped. */
static void finish(struct fetches *self, struct fetching *one)
{
    struct limitation limitation;
    CLEANUP(free_p) char *id = one->is_cancelled ? NULL : mem_strdup(one->id);
    int status = 0, rc;
    struct err err;

    read_reports(self, one);
    kill(-one->pid, SIGKILL);
    waitpid(one->pid, &status, 0);
    one->pid = 0;
    judge(one, status, &err);
    rc = end_strays(self);
    fetch_groups_end(self->groups, &one->group, &limitation);
    if (*err.text && limitation.reason)
        err_set(&err, -EIO, "fetching its URIs: %s", limitation.message);
    if (rc < 0)
        err_set(&err, -EBUSY, "what has fetched its URIs has left processes that do not end");
    fetching_destroy(self, one);
    if (id)
        self->settings.on_fetched(self->settings.owner, id, err.text,
                                  rc < 0 ? 0 : limitation.reason);
}

static void write_order(const struct fetches *self, struct fetching *one)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};

    if (channel_has_output(&one->channel) && channel_flush(&one->channel) > 0)
        return;
    epoll_ctl(self->epoll_fd, EPOLL_CTL_MOD, one->channel.fd, &event);
}

/* The socket at its end says so again and again, until the process has ended as well. */
static void look_at(struct fetches *self, struct fetching *one, uint32_t events)
{
    siginfo_t info = {0};

    if (events & EPOLLOUT)
        write_order(self, one);
    read_reports(self, one);
    if (events & EPOLLHUP)
        epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, one->channel.fd, NULL);
    if (waitid(P_PIDFD, (id_t)one->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
        finish(self, one);
}

/* --- all ---------------------------------------------------------------------------------------- */

int fetches_new(const struct fetches_settings *settings, struct fetches **ret_fetches,
                struct err *err)
{
    struct fetches *self = mem_new(struct fetches);
    struct epoll_event event = {.events = EPOLLIN};
    int rc = 0;

    self->settings = *settings;
    self->program = find_program();
    strays_adopt();
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll_fd < 0) {
        fetches_destroy(&self);
        return err_errno(err, -errno, "epoll");
    }
    if (settings->want->fetcher)
        rc = fetch_groups_new(settings->want->cgroup_parent, settings->want->pids_max,
                              &self->groups, err);
    event.data.ptr = NULL;
    if (rc == 0 && self->groups &&
        epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fetch_groups_fd(self->groups), &event) < 0)
        rc = err_errno(err, -errno, "epoll");
    if (rc < 0) {
        fetches_destroy(&self);
        return rc;
    }
    *ret_fetches = self;
    return 0;
}

void fetches_destroy(struct fetches **self_p)
{
    struct fetches *self = TAKE(*self_p);
    struct fetching *one, *next;

    if (!self)
        return;
    DL_FOREACH_SAFE (self->all, one, next) {
        kill_all(one);
        waitpid(one->pid, NULL, 0);
        fetching_destroy(self, one);
    }
    end_strays(self);
    fetch_groups_destroy(&self->groups);
    close_fd(&self->epoll_fd);
    free(self->program);
    free(self);
}

int fetches_fd(const struct fetches *self)
{
    return self->epoll_fd;
}

/* One event a turn: what it leads to may end any other one. */
void fetches_run(struct fetches *self)
{
    struct epoll_event event;

    if (epoll_wait(self->epoll_fd, &event, 1, 0) != 1)
        return;
    if (event.data.ptr)
        look_at(self, event.data.ptr, event.events);
    else
        fetch_groups_run(self->groups);
}
