/* isolators/mounting.h - mounts of a task, made by descriptors.
 *
 * A path that a task can change (in its root, its sandbox, a volume) is never handed to mount(2), where a link in it
 * would be followed while we look: it is opened first, beneath the directory it belongs to, and what is mounted goes
 * onto that descriptor. Mounts are made detached (open_tree, fsmount: Linux 5.2; mount_setattr: 5.12) and attached
 * last. (CVE-2021-30465, CVE-2017-1002101 and their kin: a link swapped in between check and mount.)
 *
 * For steps of spawn.h: in the task's process, in its mount namespace. All answer -errno with a text; descriptors that
 * are returned are the caller's.
 */
#ifndef PROFFER_ISOLATORS_MOUNTING_H
#define PROFFER_ISOLATORS_MOUNTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct mounting_option {
    const char *key;
    const char *value; /* NULL: a flag */
};

enum mounting_open_flag {
    MOUNTING_NO_LINKS = 1, /* not even inside of the root */
    MOUNTING_DIR = 2,      /* it must be a folder */
};

/* Does this kernel have what is needed? -ENOTSUP. */
int mounting_check(struct err *err);

/* Open (O_PATH) what `path` leads to when `root_fd` is `/` (-1: that of the process): links are followed as inside, never out; no magic links of
 * /proc. */
int mounting_open(int root_fd, const char *path, unsigned flags, int *ret_fd, struct err *err);
/* The same, and makes what is missing: folders, and for a file an empty one at the end. */
int mounting_make(int root_fd, const char *path, bool is_dir, int *ret_fd, struct err *err);

/* A copy of what is at the descriptor (which must be of this mount namespace), detached; with all that is mounted
 * below if `recursive`. `attributes`: MOUNT_ATTR_..., set on all of it. */
int mounting_clone(int from_fd, bool recursive, uint64_t attributes, int *ret_mount_fd,
                   struct err *err);
/* A new file system, detached. `options` ends with a NULL key. */
int mounting_new(const char *type, const struct mounting_option *options, uint64_t attributes,
                 int *ret_mount_fd, struct err *err);
int mounting_attach(int mount_fd, int target_fd, struct err *err);

/* Both at once, on an existing target. */
int mounting_bind(int from_fd, int target_fd, uint64_t attributes, struct err *err);
int mounting_new_at(const char *type, const struct mounting_option *options, uint64_t attributes,
                    int dir_fd, const char *path, struct err *err);
int mounting_proc(int dir_fd, const char *path, struct err *err);

/* What of /proc and /sys says too much is covered, what changes the host is made read-only; in the tree that is `/`
 * now. Leaves another current folder. */
int mounting_protect_system(struct err *err);

#endif
