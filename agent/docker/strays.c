#include "agent/docker/strays.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* How many there were. What these have started comes to us when they end. */
static size_t end_those_there(FILE *children, const pid_t *own, size_t count)
{
    size_t found = 0;
    int pid;

    while (fscanf(children, "%d", &pid) == 1) {
        if (is_among(pid, own, count))
            continue;
        end(pid);
        found++;
    }
    return found;
}

/* The kernel gives them to the first thread of a process. */
int strays_end(const pid_t *own, size_t count)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
    for (int i = 0; i < ROUNDS_MAX; i++) {
        FILE *children = fopen(path, "re");
        size_t found;

        if (!children)
            return errno == ENOENT ? 0 : -errno; /* a kernel that does not tell */
        found = end_those_there(children, own, count);
        fclose(children);
        if (!found)
            return 0;
    }
    return -EBUSY;
}
