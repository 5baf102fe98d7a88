/* isolators/cgfs.h - files of a cgroup, beneath a directory descriptor that is kept open.
 *
 * A group is named by the descriptor of the directory above it and its own name, so that nothing
 * walks a path from the root and nothing has to be kept open per group. Links are not followed.
 * Works on any directory tree, which is how it is tested. No global state.
 */
#ifndef PROFFER_ISOLATORS_CGFS_H
#define PROFFER_ISOLATORS_CGFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "isolators/spawn.h"

#define CGFS_NAME_MAX  240  /* bytes of a group's name */
#define CGFS_VALUE_MAX 4096 /* bytes that are read of a file */
#define CGFS_UNLIMITED INT64_MAX

struct cgfs {
    int dir;          /* borrowed */
    const char *name; /* borrowed; "." is the directory itself */
};

/* Write the whole value at once, as the kernel wants it. -errno; -ENOENT: no such file or group. */
ISOLATOR_SHOWN int cgfs_write(struct cgfs group, const char *file, const char *value);
ISOLATOR_SHOWN int cgfs_write_int(struct cgfs group, const char *file, int64_t value);
/* Bytes read, with a NUL behind them; cut at size - 1. */
ISOLATOR_SHOWN ssize_t cgfs_read(struct cgfs group, const char *file, char *ret_text, size_t size);
/* A file of one number, or of "max" (CGFS_UNLIMITED). -EINVAL: it is something else. */
ISOLATOR_SHOWN int cgfs_read_int(struct cgfs group, const char *file, int64_t *ret_value);
ISOLATOR_SHOWN bool cgfs_has(struct cgfs group, const char *file);

/* One line "key value" of a file such as cpu.stat. */
struct cgfs_key {
    const char *key;
    int64_t *ret_value; /* left as it is when the file has no such key */
};

/* The number of keys found, or -errno. */
ISOLATOR_SHOWN int cgfs_read_keys(struct cgfs group, const char *file, const struct cgfs_key *keys,
                                  size_t count);

/* 0, -EEXIST and so on. */
int cgfs_make(struct cgfs group);
/* With the groups that the task made inside of it. 0 also when it is gone already; -EBUSY: a
 * process is still in it. */
int cgfs_remove(struct cgfs group);
/* Signal each process that is in it now, inner groups included. How many there were, or -errno. */
int cgfs_signal(struct cgfs group, int signal);
/* Wait for the end of each, so long for each at most. How many there were, or -errno. */
int cgfs_wait(struct cgfs group, int timeout_ms);
int cgfs_count_processes(struct cgfs group);
/* Calls `each` with every process that is in it now, inner groups included. How many there were, or -errno. */
int cgfs_each_process(struct cgfs group, void (*each)(void *owner, pid_t pid), void *owner);

/* Calls `each` with the name of every group directly beneath `dir`; stops when it gives non-zero
 * and returns that, else 0 or -errno. */
int cgfs_each(int dir, int (*each)(void *owner, struct cgfs group), void *owner);

#endif
