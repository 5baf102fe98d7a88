#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define PID_MAX      32 /* bytes of a pid as text */
#define TICK_US      100000
#define REST_MOST_US 5000000

/* As mkdir -p. Changes `path` while it goes, and back. */
static int make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        int rc;

        *slash = '\0';
        rc = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
        *slash = '/';
        if (rc < 0)
            return rc;
    }
    return 0;
}

int folder_make(const char *path, mode_t mode, char **ret_path, struct err *err)
{
    CLEANUP(free_p) char *copy = mem_strdup(path);
    int rc;

    if (!*path)
        return err_set(err, -EINVAL, "the work folder's name is empty: say --work-dir DIR");
    rc = make_parents(copy);
    if (rc == 0 && mkdir(path, mode) < 0 && errno != EEXIST)
        rc = -errno;
    if (rc < 0)
        return err_errno(
            err, rc, "cannot make the work folder %s (say --work-dir DIR for another one)", path);
    *ret_path = realpath(path, NULL);
    return *ret_path ? 0 : err_errno(err, -errno, "work folder %s", path);
}

static void read_holder(int fd, char ret_pid[PID_MAX])
{
    ssize_t size = pread(fd, ret_pid, PID_MAX - 1, 0);

    ret_pid[size > 0 ? size : 0] = '\0';
    ret_pid[strcspn(ret_pid, "\n")] = '\0';
}

static int say_holder(const char *path, const char *who, int fd, struct err *err)
{
    char pid[PID_MAX];

    read_holder(fd, pid);
    return err_set(err, -EBUSY,
                   "work folder %s is in use by another %s, pid %s: stop that one, or give this "
                   "one a folder of its own by --work-dir",
                   path, who, *pid ? pid : "unknown");
}

static void on_alarm(int signal)
{
    (void)signal;
}

/* Readable is what has ended, whether its parent has waited for it or not. */
static bool has_ended(const char *pid)
{
    int number = (int)strtol(pid, NULL, 10);
    CLEANUP(close_fd) int fd = number > 0 ? (int)syscall(SYS_pidfd_open, number, 0) : -1;

    if (number <= 0)
        return false;
    return fd < 0 ? errno == ESRCH : poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0) > 0;
}

/* Its holder has been killed, and what it had started, which holds it as well, is just going. 0: it is ours. */
static int wait_for_rest(int fd)
{
    const struct sigaction wake = {.sa_handler = on_alarm};
    const struct itimerval ticks = {{0, TICK_US}, {0, TICK_US}}, none = {0};
    struct sigaction before;
    int rc = -1;

    sigaction(SIGALRM, &wake, &before);
    setitimer(ITIMER_REAL, &ticks, NULL);
    for (int left = REST_MOST_US / TICK_US; rc < 0 && left > 0; left--)
        rc = flock(fd, LOCK_EX);
    setitimer(ITIMER_REAL, &none, NULL);
    sigaction(SIGALRM, &before, NULL);
    return rc;
}

static int take(int fd)
{
    char pid[PID_MAX];

    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return -errno;
    read_holder(fd, pid);
    return has_ended(pid) && wait_for_rest(fd) == 0 ? 0 : -EBUSY;
}

int folder_lock(const char *path, const char *name, const char *who, int *ret_fd, struct err *err)
{
    CLEANUP(free_p) char *file = mem_printf("%s/%s", path, name);
    CLEANUP(close_fd) int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    char pid[PID_MAX];
    int size, rc;

    if (fd < 0)
        return err_errno(err, -errno, "cannot open %s", file);
    rc = take(fd);
    if (rc < 0)
        return rc == -EBUSY ? say_holder(path, who, fd, err)
                            : err_errno(err, rc, "cannot lock %s", file);
    size = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    /* On a full disk it is held all the same. */
    if (ftruncate(fd, 0) == 0)
        (void)!pwrite(fd, pid, (size_t)size, 0);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static bool is_name(const char *name, size_t size)
{
    return size && !(size == 1 && *name == '.') && !(size == 2 && !strncmp(name, "..", 2));
}

bool folder_is_plain(const char *path)
{
    for (;;) {
        size_t size = strcspn(path, "/");

        if (!is_name(path, size))
            return false;
        if (!path[size])
            return true;
        path += size + 1;
    }
}

bool folder_has(const char *dir, const char *path, size_t depth)
{
    size_t size = strlen(dir);

    if (*dir != '/' || strncmp(path, dir, size) != 0)
        return false;
    for (path += size; depth && *path == '/'; depth--, path += size) {
        size = strcspn(++path, "/");
        if (!is_name(path, size))
            return false;
    }
    return !depth && !*path;
}
