/* isolators/block_device.h - the disk that a limit is about, as the kernel numbers it. */
#ifndef PROFFER_ISOLATORS_BLOCK_DEVICE_H
#define PROFFER_ISOLATORS_BLOCK_DEVICE_H

#include <sys/types.h>

#include "base/err.h"

/* `name`: "8:0", or the path of a block device in /dev, not by what is mounted in there; "": the disk that the folder `near`
 * is on. What is named as a partition is the whole disk, for only that has a queue. -EINVAL: it is no such name. -ENODEV
 * with a text: there is no such disk, or what `near` is on has none (tmpfs, overlay, a file system over the network). */
int block_device_find(const char *name, const char *near, dev_t *ret_device, struct err *err);

#endif
