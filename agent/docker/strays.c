#include "agent/docker/strays.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/children.h"
#include "base/cleanup.h"

#define ROUNDS_MAX 64
#define END_MS     100

void strays_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static bool is_among(pid_t pid, const pid_t *own, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (own[i] == pid)
            return true;
    return false;
}

/* Our child: its number is its own until we have waited for it. */
static void end(pid_t pid)
{
    CLEANUP(close_fd) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd poll_fd = {pidfd, POLLIN, 0};

    kill(pid, SIGKILL);
    if (pidfd >= 0)
        poll(&poll_fd, 1, END_MS);
    waitpid(pid, NULL, WNOHANG);
}

struct round {
    const pid_t *own;
    size_t count;
    size_t found;
};

/* What these have started comes to us when they end. */
static void look_at(void *owner, pid_t pid)
{
    struct round *self = owner;

    if (is_among(pid, self->own, self->count))
        return;
    end(pid);
    self->found++;
}

int strays_end(const pid_t *own, size_t count)
{
    CLEANUP(close_fd) int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (proc_fd < 0)
        return -errno;
    for (int i = 0; i < ROUNDS_MAX; i++) {
        struct round round = {own, count, 0};
        int rc = children_each(proc_fd, getpid(), look_at, &round);

        if (rc < 0)
            return rc;
        if (!round.found)
            return 0;
    }
    return -EBUSY;
}
