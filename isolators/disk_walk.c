#include "isolators/disk_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define BLOCK_BYTES 512 /* of st_blocks, whatever the file system's are */

/* --- files of more than one name ----------------------------------------------------------------- */

static size_t find_slot(const struct disk_walk *self, uint64_t dev, uint64_t ino)
{
    size_t slot = (size_t)((ino * 0x9e3779b97f4a7c15ULL) ^ dev) & (self->seen_size - 1);

    while (self->seen[slot].ino && (self->seen[slot].ino != ino || self->seen[slot].dev != dev))
        slot = (slot + 1) & (self->seen_size - 1);
    return slot;
}

static void grow(struct disk_walk *self)
{
    struct disk_walk larger = {.seen_size = self->seen_size ? 2 * self->seen_size : 256};

    larger.seen = mem_calloc(larger.seen_size, sizeof(larger.seen[0]));
    for (size_t i = 0; i < self->seen_size; i++)
        if (self->seen[i].ino)
            larger.seen[find_slot(&larger, self->seen[i].dev, self->seen[i].ino)] = self->seen[i];
    free(self->seen);
    self->seen = larger.seen;
    self->seen_size = larger.seen_size;
}

/* False: it was there. */
static bool see(struct disk_walk *self, uint64_t dev, uint64_t ino)
{
    size_t slot;

    if (2 * (self->seen_count + 1) > self->seen_size)
        grow(self);
    slot = find_slot(self, dev, ino);
    if (self->seen[slot].ino)
        return false;
    self->seen[slot].dev = dev;
    self->seen[slot].ino = ino;
    self->seen_count++;
    return true;
}

static void count(struct disk_walk *self, const struct stat *info)
{
    self->bytes += (int64_t)info->st_blocks * BLOCK_BYTES;
    self->files++;
}

void disk_walk_add_file(struct disk_walk *self, const struct stat *info)
{
    if (see(self, info->st_dev, info->st_ino))
        count(self, info);
}

void disk_walk_fini(struct disk_walk *self)
{
    free(self->seen);
    *self = (struct disk_walk){0};
}

/* --- the tree ------------------------------------------------------------------------------------ */

/* The folder to go into next, or NULL: this one is done. */
static DIR *step(struct disk_walk *self, DIR *stream, dev_t dev)
{
    const struct dirent *entry;
    struct stat info;

    while (!(self->must_end && *self->must_end) && (entry = readdir(stream))) {
        int fd;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(dirfd(stream), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0 ||
            info.st_dev != dev)
            continue;
        if (!S_ISDIR(info.st_mode)) {
            if (info.st_nlink > 1)
                disk_walk_add_file(self, &info);
            else
                count(self, &info);
            continue;
        }
        count(self, &info);
        fd = openat(dirfd(stream), entry->d_name,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            return fdopendir(fd);
        if (errno == EMFILE || errno == ENFILE)
            self->is_too_deep = true;
    }
    return NULL;
}

static void walk(struct disk_walk *self, DIR *root, dev_t dev)
{
    DIR **levels = mem_calloc(DISK_WALK_DEPTH_MAX, sizeof(DIR *));
    size_t depth = 1;

    levels[0] = root;
    while (depth > 0) {
        DIR *next = step(self, levels[depth - 1], dev);

        if (!next) {
            closedir(levels[--depth]);
        } else if (depth == DISK_WALK_DEPTH_MAX) {
            self->is_too_deep = true;
            closedir(next);
        } else {
            levels[depth++] = next;
        }
    }
    free(levels);
}

int disk_walk_add(struct disk_walk *self, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    DIR *stream;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &info) < 0 || !(stream = fdopendir(fd))) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    count(self, &info);
    walk(self, stream, info.st_dev);
    return 0;
}
