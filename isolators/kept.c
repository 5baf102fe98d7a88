#include "isolators/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define TEXT_SIZE_MAX ((off_t)1 << 20)

static int kept_dir = -1; /* one launcher */

void kept_open(int dir)
{
    kept_dir = dir;
}

int kept_folder(void)
{
    return kept_dir;
}

static void print_name(const char *id, const char *kind, char ret_name[NAME_MAX + 1])
{
    snprintf(ret_name, NAME_MAX + 1, "%s.%s", id, kind);
}

int kept_write(const char *container_id, const char *kind, const struct buf *text, struct err *err)
{
    char name[NAME_MAX + 1], fresh[NAME_MAX + 1];
    CLEANUP(close_fd) int fd = -1;

    print_name(container_id, kind, name);
    snprintf(fresh, sizeof(fresh), ".new.%s", kind);
    fd = openat(kept_dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text->data, text->size) != (ssize_t)text->size ||
        renameat(kept_dir, fresh, kept_dir, name) < 0)
        return err_errno(err, errno ? -errno : -ENOSPC, "cannot write %.64s", name);
    return 0;
}

char *kept_read(const char *container_id, const char *kind)
{
    char name[NAME_MAX + 1];
    CLEANUP(close_fd) int fd = -1;
    struct stat info;
    char *text;
    ssize_t size;

    print_name(container_id, kind, name);
    fd = openat(kept_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) < 0 || info.st_size > TEXT_SIZE_MAX)
        return NULL;
    text = mem_calloc(1, (size_t)info.st_size + 1);
    size = read(fd, text, (size_t)info.st_size);
    if (size == info.st_size)
        return text;
    free(text);
    return NULL;
}

void kept_remove(const char *container_id, const char *kind)
{
    char name[NAME_MAX + 1];

    print_name(container_id, kind, name);
    unlinkat(kept_dir, name, 0);
}

void kept_each(const char *kind, void (*each)(void *owner, const char *container_id), void *owner)
{
    int fd = kept_dir < 0 ? -1 : openat(kept_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!stream) {
        close_fd(&fd);
        return;
    }
    while ((entry = readdir(stream))) {
        const char *dot = strrchr(entry->d_name, '.');
        char id[NAME_MAX + 1];

        if (!dot || dot == entry->d_name || strcmp(dot + 1, kind) != 0 || *entry->d_name == '.')
            continue;
        snprintf(id, sizeof(id), "%.*s", (int)(dot - entry->d_name), entry->d_name);
        each(owner, id);
    }
    closedir(stream);
}

struct others {
    const char *kind;
    const struct isolator_living *living;
};

static void drop_other(void *owner, const char *container_id)
{
    const struct others *self = owner;

    if (!self->living->has(self->living->owner, container_id))
        kept_remove(container_id, self->kind);
}

void kept_drop_others(const char *kind, const struct isolator_living *living)
{
    kept_each(kind, drop_other, &(struct others){kind, living});
}

bool kept_get(const char *text, const char *name, size_t number, char *ret_value, size_t size)
{
    const size_t name_size = strlen(name);

    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        size_t length;

        line += *line == '\n';
        if (strncmp(line, name, name_size) != 0 || line[name_size] != ' ' || number-- > 0)
            continue;
        line += name_size + 1;
        length = strcspn(line, "\n");
        if (length >= size)
            return false;
        memcpy(ret_value, line, length);
        ret_value[length] = '\0';
        return true;
    }
    return false;
}

int64_t kept_get_int(const char *text, const char *name)
{
    char value[32];

    return kept_get(text, name, 0, value, sizeof(value)) ? strtoll(value, NULL, 10) : 0;
}
