#include "isolators/block_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
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

int block_device_find(const char *name, const char *near, dev_t *ret_device, struct err *err)
{
    unsigned major, minor;
    struct stat status;
    dev_t device;
    char rest;

    if (!*name) {
        if (!near || stat(near, &status) < 0)
            return err_set(err, -ENODEV, "say which disk, as 8:0 or /dev/sda");
        device = status.st_dev;
    } else if (sscanf(name, "%u:%u%c", &major, &minor, &rest) == 2) {
        device = makedev(major, minor);
    } else if (stat(name, &status) < 0) {
        return err_errno(err, -errno, "%.200s", name);
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
