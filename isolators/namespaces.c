#include "isolators/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* What is told over the pipe; below PIPE_BUF. */
struct outcome {
    int rc;
    struct err err;
};

/* Who makes a PID namespace is not in it, but its child is. */
static int be_inside(uint64_t kinds)
{
    pid_t pid = kinds & CLONE_NEWPID ? fork() : 0;
    int status;

    if (pid < 0)
        return -errno;
    if (pid == 0)
        return 0;
    _exit(waitpid(pid, &status, 0) < 0 || status != 0 ? 1 : 0);
}

static int try_inside(uint64_t kinds, int (*then)(struct err *err), struct err *err)
{
    int rc = unshare((int)kinds) < 0 ? -errno : 0;

    if (rc == -ENOSPC || rc == -EPERM)
        return err_errno(err, rc,
                         "this system does not let us (see /proc/sys/user/max_*_namespaces)");
    if (rc < 0)
        return err_errno(err, rc, "unshare");
    rc = be_inside(kinds);
    if (rc == 0 && kinds & CLONE_NEWNS && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        rc = -errno;
    if (rc < 0)
        return err_errno(err, rc, "cannot use it");
    return then ? then(err) : 0;
}

/* -errno of the child, with its text. */
static int read_outcome(int fd, pid_t pid, struct err *err)
{
    int rc = -EIO;
    struct outcome outcome;

    if (read(fd, &outcome, sizeof(outcome)) == (ssize_t)sizeof(outcome)) {
        rc = outcome.rc;
        if (rc < 0)
            err_set(err, rc, "%s", outcome.err.text);
    } else {
        err_set(err, rc, "trying it ended without a word");
    }
    waitpid(pid, NULL, 0);
    return rc;
}

__attribute__((noreturn)) static void try_and_tell(int fd, uint64_t kinds,
                                                   int (*then)(struct err *err))
{
    struct outcome outcome = {0};

    outcome.rc = try_inside(kinds, then, &outcome.err);
    _exit(write(fd, &outcome, sizeof(outcome)) == (ssize_t)sizeof(outcome) ? 0 : 1);
}

int namespaces_try(const struct isolator_host *host, const char *name, uint64_t kinds,
                   int (*then)(struct err *err), struct err *err)
{
    CLEANUP(close_fd) int read_fd = -1;
    char path[64];
    int ends[2];
    pid_t pid;

    snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
    if (access(path, F_OK) < 0)
        return err_set(err, -ENOTSUP, "this kernel has no %s namespaces (there is no %s)", name,
                       path);
    if (isolator_is_wanted(host, "namespaces/user"))
        kinds |= CLONE_NEWUSER;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "pipe");
    read_fd = ends[0];
    pid = fork();
    if (pid == 0)
        try_and_tell(ends[1], kinds, then);
    close(ends[1]);
    return pid < 0 ? err_errno(err, -errno, "fork") : read_outcome(read_fd, pid, err);
}
