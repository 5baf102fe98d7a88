/* isolators/disk_walk.h - how much room a tree takes on its file system.
 *
 * As du(1): what is allocated, hard links once, no link is followed and no other file system entered. Each folder is
 * opened in the one above it, so nobody leads us elsewhere by swapping it. For a process that may wait: see disk/usage.
 */
#ifndef PROFFER_ISOLATORS_DISK_WALK_H
#define PROFFER_ISOLATORS_DISK_WALK_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define DISK_WALK_DEPTH_MAX 1000 /* one descriptor each */

struct disk_walk {
    int64_t bytes;
    int64_t files;    /* folders and all else included */
    bool is_too_deep; /* what is beneath was not measured */
    const volatile sig_atomic_t
        *must_end; /* given, or NULL; once it is set, what follows does not count */
    struct {
        uint64_t dev, ino;
    } * seen; /* owned; with more than one name, a table that is half empty at least */
    size_t seen_count, seen_size;
};

/* Adds what is at `path`, a folder (not a link), and in it. Zero it first; fini later. -errno: it cannot be opened. What
 * goes away meanwhile counts or does not. */
int disk_walk_add(struct disk_walk *self, const char *path);
/* One file, if it was not counted yet. */
void disk_walk_add_file(struct disk_walk *self, const struct stat *info);
void disk_walk_fini(struct disk_walk *self);

#endif
