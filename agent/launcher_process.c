#include "agent/launcher_process.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#define READY_TIMEOUT_MS 30000 /* as long as a Docker Engine that hangs may take us */
#define END_TIMEOUT_MS   10000
#define SOCKETS_MAX      (1 + LAUNCHER_DESKS)

static int find(const struct launcher_program *program, char **ret_path, struct err *err)
{
    char self[PATH_MAX];
    ssize_t size;

    if (*program->path) {
        *ret_path = mem_strdup(program->path);
        return 0;
    }
    size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (size < 0)
        return err_errno(err, -errno, "/proc/self/exe (say %s FILE)", program->option);
    self[size] = '\0';
    *ret_path = mem_printf("%s/../libexec/proffer/%s", dirname(self), program->name);
    return 0;
}

/* In the child: what the agent has blocked or ignored must not be so for tasks. */
__attribute__((noreturn)) static void become(const char *path, const char *name,
                                             const int fds[SOCKETS_MAX], int error_fd)
{
    char *const argv[] = {(char *)name, NULL};
    bool is_there = true;
    sigset_t none;
    int error;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    for (int i = 0; i < SOCKETS_MAX && is_there; i++)
        is_there = fds[i] < 0 || dup2(fds[i], LAUNCHER_FD + i) >= 0;
    if (is_there)
        execv(path, argv);
    error = errno;
    while (write(error_fd, &error, sizeof(error)) < 0 && errno == EINTR)
        ;
    _exit(127);
}

/* The pipe closes at the exec; until then it brings the error that prevented it. */
static int wait_for_exec(pid_t pid, int error_fd, const char *path,
                         const struct launcher_program *program, struct err *err)
{
    int error = 0;

    if (read(error_fd, &error, sizeof(error)) != (ssize_t)sizeof(error))
        return 0;
    waitpid(pid, NULL, 0);
    return err_errno(err, -error, "cannot start %s (say %s FILE)", path, program->option);
}

/* Above those that the child is given, so that its dup2 closes nothing that it still needs. */
static int move_up(int *fd)
{
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, LAUNCHER_FD + SOCKETS_MAX);

    if (moved < 0)
        return -errno;
    close(*fd);
    *fd = moved;
    return 0;
}

static int spawn(const char *path, const struct launcher_program *program,
                 const int fds[SOCKETS_MAX], pid_t *ret_pid, struct err *err)
{
    CLEANUP(close_fd) int read_end = -1;
    CLEANUP(close_fd) int write_end = -1;
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "pipe for the launcher");
    read_end = ends[0];
    write_end = ends[1];
    if (move_up(&write_end) < 0)
        return err_errno(err, -errno, "pipe for the launcher");
    pid = fork();
    if (pid < 0)
        return err_errno(err, -errno, "fork for the launcher");
    if (pid == 0)
        become(path, program->name, fds, write_end);
    close_fd(&write_end);
    *ret_pid = pid;
    return wait_for_exec(pid, read_end, path, program, err);
}

/* The channel, and the desks behind it; -1 where there is none. */
static int make_sockets(bool has_desks, int ours[SOCKETS_MAX], int theirs[SOCKETS_MAX])
{
    for (int i = 0; i < SOCKETS_MAX; i++)
        ours[i] = theirs[i] = -1;
    for (int i = 0; i < (has_desks ? SOCKETS_MAX : 1); i++) {
        int ends[2];

        if (socketpair(AF_UNIX, (i ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0, ends) < 0)
            return -errno;
        ours[i] = ends[0];
        theirs[i] = ends[1];
        if (move_up(&theirs[i]) < 0)
            return -errno;
    }
    return 0;
}

static void close_all(int fds[SOCKETS_MAX])
{
    for (int i = 0; i < SOCKETS_MAX; i++)
        close_fd(&fds[i]);
}

int launcher_process_start(const struct launcher_program *program,
                           struct launcher_process *ret_launcher, struct err *err)
{
    CLEANUP(free_p) char *found = NULL;
    int ours[SOCKETS_MAX], theirs[SOCKETS_MAX];
    pid_t pid = 0;
    int rc = find(program, &found, err);

    if (rc < 0)
        return rc;
    rc = make_sockets(program->has_desks, ours, theirs);
    rc = rc < 0 ? err_errno(err, rc, "socket pair for the launcher")
                : spawn(found, program, theirs, &pid, err);
    close_all(theirs);
    if (rc < 0) {
        close_all(ours);
        return rc;
    }
    ret_launcher->pid = pid;
    free(ret_launcher->programs_dir);
    ret_launcher->programs_dir = mem_strdup(dirname(found));
    channel_init(&ret_launcher->channel, ours[0]);
    for (int i = 0; i < LAUNCHER_DESKS; i++)
        ret_launcher->desks[i] = ours[i + 1];
    return 0;
}

/* 1: it is so; 0: the time is over. */
static int wait_for(int fd, short events, int64_t deadline_us)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int64_t left_us = deadline_us - clock_now().mono_us;
        int rc;

        if (left_us < 0)
            return 0;
        rc = poll(&poll_fd, 1, (int)(left_us / US_PER_MS) + 1);
        if (rc >= 0 || errno != EINTR)
            return rc < 0 ? -errno : rc;
    }
}

static int wait_message(struct channel *channel, struct arena *arena, struct message *ret_message,
                        struct err *err)
{
    int64_t deadline_us = clock_now().mono_us + (int64_t)READY_TIMEOUT_MS * US_PER_MS;

    for (;;) {
        int rc = channel_next(channel, arena, ret_message, err);

        if (rc != 0)
            return rc;
        rc = wait_for(channel->fd, POLLIN, deadline_us);
        if (rc == 0)
            return err_set(err, -ETIMEDOUT, "it has not answered for %d s",
                           READY_TIMEOUT_MS / 1000);
        rc = rc < 0 ? rc : channel_fill(channel);
        if (rc == 0)
            return err_set(err, -EPIPE, "it ended; its own words stand above");
        if (rc < 0 && rc != -EAGAIN)
            return err_errno(err, rc, "its channel");
    }
}

int launcher_process_tell(struct launcher_process *self, const struct message *message,
                          struct err *err)
{
    int64_t deadline_us = clock_now().mono_us + (int64_t)READY_TIMEOUT_MS * US_PER_MS;
    int rc = channel_send(&self->channel, message, err);

    if (rc < 0)
        return rc;
    while ((rc = channel_flush(&self->channel)) > 0)
        if (wait_for(self->channel.fd, POLLOUT, deadline_us) == 0)
            return err_set(err, -ETIMEDOUT, "it does not read");
    return rc < 0 ? err_errno(err, rc, "its channel") : 0;
}

int launcher_process_recover(struct launcher_process *self, const char *const *recover,
                             size_t count, enum msg_type expected, struct arena *arena,
                             struct message *ret_ready, struct err *err)
{
    int rc = launcher_process_tell(
        self,
        &MESSAGE(LAUNCHER_RECOVER, launcher_recover, .recover = recover, .recover_count = count),
        err);

    if (rc == 0)
        rc = wait_message(&self->channel, arena, ret_ready, err);
    if (rc < 0)
        return rc;
    if (ret_ready->type != expected)
        return err_set(err, -EPROTO, "it answered %s", message_name(ret_ready->type));
    return 0;
}

void launcher_process_leave(struct launcher_process *self)
{
    channel_fini(&self->channel);
    for (int i = 0; i < LAUNCHER_DESKS; i++)
        close_fd(&self->desks[i]);
}

static int tell_end(struct channel *channel, const char *reason, int64_t deadline_us)
{
    int rc = channel_send(channel, &MESSAGE(LAUNCHER_END, launcher_end, .reason = reason), NULL);

    while (rc == 0 && (rc = channel_flush(channel)) > 0)
        rc = wait_for(channel->fd, POLLOUT, deadline_us) > 0 ? 0 : -ETIMEDOUT;
    return rc;
}

int launcher_process_end(struct launcher_process *self, const char *reason)
{
    int64_t deadline_us = clock_now().mono_us + (int64_t)END_TIMEOUT_MS * US_PER_MS;
    CLEANUP(close_fd) int pidfd = -1;
    int status = 0;
    int rc;

    free_p(&self->programs_dir);
    rc = reason && self->channel.fd >= 0 ? tell_end(&self->channel, reason, deadline_us) : 0;
    launcher_process_leave(self);
    if (!self->pid)
        return rc;
    pidfd = (int)syscall(SYS_pidfd_open, self->pid, 0);
    if (pidfd < 0 || wait_for(pidfd, POLLIN, deadline_us) == 0)
        kill(self->pid, SIGKILL);
    waitpid(self->pid, &status, 0);
    self->pid = 0;
    return rc == 0 && status == 0 ? 0 : -EIO;
}
