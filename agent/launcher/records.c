#include "agent/launcher/records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/shim/shim.h"
#include "base/cleanup.h"
#include "base/mem.h"

#define DIR_MODE 0700

static bool is_ours(const char *name)
{
    const size_t suffix = strlen(SHIM_RECORD_SUFFIX);
    const size_t size = strlen(name);

    return strncmp(name, SHIM_SPARE_PREFIX, strlen(SHIM_SPARE_PREFIX)) == 0 ||
           (size > suffix && strcmp(name + size - suffix, SHIM_RECORD_SUFFIX) == 0);
}

/* Spares, and records of containers that an earlier agent did not live to hear of. */
static void clear(const struct records *self)
{
    int fd = openat(self->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    while (stream && (entry = readdir(stream)))
        if (is_ours(entry->d_name))
            unlinkat(self->dir, entry->d_name, 0);
    if (stream)
        closedir(stream);
}

int records_open(struct records *self, const char *path, struct err *err)
{
    if (mkdir(path, DIR_MODE) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "cannot make %s", path);
    self->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->dir < 0)
        return err_errno(err, -errno, "cannot open %s", path);
    clear(self);
    return 0;
}

void records_fini(struct records *self)
{
    if (self->dir >= 0)
        clear(self);
    free(self->free);
    close_fd(&self->dir);
    *self = (struct records){.dir = -1};
}

unsigned records_take(struct records *self)
{
    return self->free_count ? self->free[--self->free_count] : self->made++;
}

void records_spare_name(unsigned number, char ret_name[RECORD_SPARE_MAX])
{
    /* The shims of a launcher that was killed may still write into theirs. */
    snprintf(ret_name, RECORD_SPARE_MAX, SHIM_SPARE_PREFIX "%d.%u", getpid(), number);
}

static void record_name(const char *id, char ret_name[SHIM_RECORD_NAME_MAX + 1])
{
    snprintf(ret_name, SHIM_RECORD_NAME_MAX + 1, "%s" SHIM_RECORD_SUFFIX, id);
}

void records_give(struct records *self, unsigned number, const char *id)
{
    char record[SHIM_RECORD_NAME_MAX + 1], spare[RECORD_SPARE_MAX];

    record_name(id, record);
    records_spare_name(number, spare);
    renameat(self->dir, record, self->dir, spare);
    if (self->free_count == self->free_capacity) {
        self->free_capacity = self->free_capacity ? 2 * self->free_capacity : 16;
        self->free = mem_resize(self->free, self->free_capacity, sizeof(self->free[0]));
    }
    self->free[self->free_count++] = number;
}

int records_read(const struct records *self, const char *id, char *ret_bytes, size_t size)
{
    char record[SHIM_RECORD_NAME_MAX + 1];

    record_name(id, record);
    CLEANUP(close_fd) int fd = openat(self->dir, record, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, ret_bytes, size);

    return got < 0 ? -errno : (int)got;
}
