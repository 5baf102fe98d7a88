#include "isolators/block_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"

static int read_numbers(const char *path, dev_t *ret_device)
{
    FILE *file = fopen(path, "re");
    unsigned major = 0, minor = 0;
    int count;

    if (!file)
        return -errno;
    count = fscanf(file, "%u:%u", &major, &minor);
    fclose(file);
    if (count != 2)
        return -ENODEV;
    *ret_device = makedev(major, minor);
    return 0;
}

/* sysfs has a partition in the folder of its disk. */
static int to_whole(dev_t *device)
{
    char path[96];

    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(*device), minor(*device));
    if (access(path, F_OK) < 0)
        return -ENODEV;
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(*device), minor(*device));
    if (access(path, F_OK) < 0)
        return 0;
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(*device), minor(*device));
    return read_numbers(path, device);
}

/* A framework says it and the launcher looks, as root and with nobody beside it: so not into folders of others, which may
 * hang, and not by what is mounted in /dev, which tasks may write to. Nothing is opened. */
static int look_at(const char *name, struct stat *ret_status, struct err *err)
{
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                                 .resolve =
                                     RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
    CLEANUP(close_fd) int dev_fd = -1;
    CLEANUP(close_fd) int fd = -1;

    if (strncmp(name, "/dev/", 5) != 0 || strstr(name, ".."))
        return err_set(err, -EINVAL, "%.200s: want a disk as 8:0 or /dev/sda", name);
    dev_fd = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
    fd = dev_fd < 0 ? -1 : (int)syscall(SYS_openat2, dev_fd, name + 5, &how, sizeof(how));
    if (fd < 0 || fstat(fd, ret_status) < 0)
        return err_errno(err, -errno, "%.200s", name);
    return 0;
}

int block_device_find(const char *name, const char *near, dev_t *ret_device, struct err *err)
{
    unsigned major, minor;
    struct stat status;
    dev_t device;
    char rest;
    int rc;

    if (!*name) {
        if (!near || stat(near, &status) < 0)
            return err_set(err, -ENODEV, "say which disk, as 8:0 or /dev/sda");
        device = status.st_dev;
    } else if (sscanf(name, "%u:%u%c", &major, &minor, &rest) == 2) {
        device = makedev(major, minor);
    } else if ((rc = look_at(name, &status, err)) < 0) {
        return rc;
    } else if (!S_ISBLK(status.st_mode)) {
        return err_set(err, -ENODEV, "%.200s is no disk", name);
    } else {
        device = status.st_rdev;
    }
    if (to_whole(&device) < 0)
        return err_set(err, -ENODEV, "%.200s: there is no disk %u:%u", *name ? name : near,
                       major(device), minor(device));
    *ret_device = device;
    return 0;
}
