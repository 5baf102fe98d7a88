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
__attribute__((noreturn)) static void become(const char *path, const char *name, int fd,
                                             int error_fd)
{
    char *const argv[] = {(char *)name, NULL};
    sigset_t none;
    int error;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    if (fd == LAUNCHER_FD ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, LAUNCHER_FD) >= 0)
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

/* Above LAUNCHER_FD, so that the child's dup2 does not close the pipe that tells its errors. */
static int move_up(int *fd)
{
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, LAUNCHER_FD + 1);

    if (moved < 0)
        return -errno;
    close(*fd);
    *fd = moved;
    return 0;
}

static int spawn(const char *path, const struct launcher_program *program, int fd, pid_t *ret_pid,
                 struct err *err)
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
        become(path, program->name, fd, write_end);
    close_fd(&write_end);
    *ret_pid = pid;
    return wait_for_exec(pid, read_end, path, program, err);
}

int launcher_process_start(const struct launcher_program *program,
                           struct launcher_process *ret_launcher, struct err *err)
{
    CLEANUP(free_p) char *found = NULL;
    CLEANUP(close_fd) int ours = -1;
    CLEANUP(close_fd) int theirs = -1;
    int ends[2];
    pid_t pid = 0;
    int rc;

    rc = find(program, &found, err);
    if (rc < 0)
        return rc;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(err, -errno, "socket pair for the launcher");
    ours = ends[0];
    theirs = ends[1];
    rc = spawn(found, program, theirs, &pid, err);
    if (rc < 0)
        return rc;
    ret_launcher->pid = pid;
    free(ret_launcher->programs_dir);
    ret_launcher->programs_dir = mem_strdup(dirname(found));
    channel_init(&ret_launcher->channel, TAKE_FD(ours));
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

static int exchange(struct channel *channel, const struct message *configure,
                    enum msg_type expected, struct arena *arena, struct message *ret_ready,
                    struct err *err)
{
    int rc = channel_send(channel, configure, err);

    if (rc < 0)
        return rc;
    rc = channel_flush(channel);
    if (rc < 0)
        return err_errno(err, rc, "its channel");
    rc = wait_message(channel, arena, ret_ready, err);
    if (rc < 0)
        return rc;
    if (ret_ready->type != expected)
        return err_set(err, -EPROTO, "it answered %s", message_name(ret_ready->type));
    return 0;
}

int launcher_process_configure(struct launcher_process *self,
                               const struct msg_launcher_configure *configure, struct arena *arena,
                               const struct msg_launcher_ready **ret_ready, struct err *err)
{
    const struct message message = {.type = MSG_LAUNCHER_CONFIGURE,
                                    .launcher_configure = configure};
    struct message ready;
    int rc = exchange(&self->channel, &message, MSG_LAUNCHER_READY, arena, &ready, err);

    if (rc == 0 && *ready.launcher_ready->error)
        rc = err_set(err, -EIO, "%s", ready.launcher_ready->error);
    if (rc < 0)
        return err_wrap(err, rc, "the launcher is of no use");
    *ret_ready = ready.launcher_ready;
    return 0;
}

int launcher_process_configure_docker(struct launcher_process *self,
                                      const struct msg_docker_configure *configure,
                                      struct arena *arena,
                                      const struct msg_docker_ready **ret_ready, struct err *err)
{
    const struct message message = {.type = MSG_DOCKER_CONFIGURE, .docker_configure = configure};
    struct message ready;
    int rc = exchange(&self->channel, &message, MSG_DOCKER_READY, arena, &ready, err);

    if (rc == 0 && *ready.docker_ready->error)
        rc = err_set(err, -EIO, "%s", ready.docker_ready->error);
    if (rc < 0)
        return err_wrap(err, rc, "proffer-docker is of no use");
    *ret_ready = ready.docker_ready;
    return 0;
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
    if (!self->pid)
        return 0;
    pidfd = (int)syscall(SYS_pidfd_open, self->pid, 0);
    rc = reason ? tell_end(&self->channel, reason, deadline_us) : 0;
    channel_fini(&self->channel);
    if (pidfd < 0 || wait_for(pidfd, POLLIN, deadline_us) == 0)
        kill(self->pid, SIGKILL);
    waitpid(self->pid, &status, 0);
    self->pid = 0;
    return rc == 0 && status == 0 ? 0 : -EIO;
}
