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

static int owned_fd = -1; /* one launcher */

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

static int open_file(const char *name, int *ret_fd, struct err *err)
{
    struct stat network;
    char path[128];

    if (stat("/proc/self/ns/net", &network) < 0)
        return err_errno(err, -errno, "our network namespace");
    snprintf(path, sizeof(path), "/run/proffer-bridge-%" PRIu64 "-%s", (uint64_t)network.st_ino,
             name);
    *ret_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? err_errno(err, -errno, "cannot open %s", path) : 0;
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

int bridge_own(const char *name, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    char us[OWNER_MAX];
    int rc;

    close_fd(&owned_fd);
    rc = name_us(us, err);
    if (rc == 0)
        rc = open_file(name, &fd, err);
    if (rc == 0)
        rc = lock(fd, us, name, err);
    if (rc < 0)
        return rc;
    if (ftruncate(fd, 0) < 0 || pwrite(fd, us, strlen(us), 0) < 0)
        return err_errno(err, -errno, "cannot write whose the bridge %s is", name);
    owned_fd = TAKE_FD(fd);
    return 0;
}
