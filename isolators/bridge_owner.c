#include "isolators/bridge_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "isolators/kept.h"

#define OWNER_MAX   64
#define PATIENCE_MS 3000
#define TRIES_MAX   1000 /* each is one in which another came or went */

static struct {
    int fd;
    char path[128];
} owned = {.fd = -1}; /* one launcher */

/* The folder of an agent's records: the same for all its launchers. */
static int name_us(char ret_text[OWNER_MAX], struct err *err)
{
    struct stat info;

    if (fstat(kept_folder(), &info) < 0)
        return err_errno(err, -errno, "the folder of records");
    snprintf(ret_text, OWNER_MAX, "%" PRIx64 ":%" PRIx64 "\n", (uint64_t)info.st_dev,
             (uint64_t)info.st_ino);
    return 0;
}

static int print_path(const char *name, char *ret_path, size_t size, struct err *err)
{
    struct stat network;

    if (stat("/proc/self/ns/net", &network) < 0)
        return err_errno(err, -errno, "our network namespace");
    snprintf(ret_path, size, "/run/proffer-bridge-%" PRIu64 "-%s", (uint64_t)network.st_ino, name);
    return 0;
}

/* Who leaves removes it, and the next one makes it anew: a lock on what was removed is nobody's. */
static bool is_still_there(int fd, const char *path)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

static bool is_of_our_agent(int fd, const char *us)
{
    char text[OWNER_MAX] = "";

    return pread(fd, text, sizeof(text) - 1, 0) > 0 && !strcmp(text, us);
}

static int refuse(const char *name, pid_t pid, struct err *err)
{
    return err_set(
        err, -EBUSY,
        "another agent of this host has the bridge %s (its launcher is process %d): each "
        "needs a bridge and a subnet of its own",
        name, (int)pid);
}

static void wait_for_end(pid_t pid)
{
    CLEANUP(close_fd) int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd >= 0)
        (void)poll(&(struct pollfd){fd, POLLIN, 0}, 1, PATIENCE_MS);
}

/* 0: it is ours; 1: *ret_pid has it. */
static int try_lock(int fd, pid_t *ret_pid)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    *ret_pid = 0;
    if (fcntl(fd, F_SETLK, &whole) == 0)
        return 0;
    if (errno != EAGAIN && errno != EACCES)
        return -errno;
    if (fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
        *ret_pid = whole.l_pid;
    return 1;
}

static int lock(int fd, const char *us, const char *name, struct err *err)
{
    pid_t pid;
    int rc = try_lock(fd, &pid);

    if (rc == 1 && is_of_our_agent(fd, us)) {
        wait_for_end(pid);
        rc = try_lock(fd, &pid);
    }
    if (rc < 0)
        return err_errno(err, rc, "cannot lock the bridge %s", name);
    return rc ? refuse(name, pid, err) : 0;
}

static int take(const char *name, const char *path, const char *us, int *ret_fd, struct err *err)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        CLEANUP(close_fd) int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        int rc = fd < 0 ? err_errno(err, -errno, "cannot open %s", path) : lock(fd, us, name, err);

        if (fd >= 0 && !is_still_there(fd, path))
            continue;
        if (rc == 0)
            *ret_fd = TAKE_FD(fd);
        return rc;
    }
    return err_set(err, -EBUSY, "others take the bridge %s and leave it, again and again", name);
}

int bridge_own(const char *name, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    char us[OWNER_MAX], path[sizeof(owned.path)];
    int rc;

    bridge_leave();
    rc = name_us(us, err);
    if (rc == 0)
        rc = print_path(name, path, sizeof(path), err);
    if (rc == 0)
        rc = take(name, path, us, &fd, err);
    if (rc < 0)
        return rc;
    memcpy(owned.path, path, sizeof(path));
    owned.fd = TAKE_FD(fd);
    if (ftruncate(owned.fd, 0) < 0 || pwrite(owned.fd, us, strlen(us), 0) < 0) {
        rc = err_errno(err, -errno, "cannot write whose the bridge %s is", name);
        bridge_leave();
    }
    return rc;
}

/* While we have the lock on it nobody else removes it. */
void bridge_leave(void)
{
    if (owned.fd >= 0 && is_still_there(owned.fd, owned.path))
        unlink(owned.path);
    close_fd(&owned.fd);
}
