#include "agent/docker/images_kept.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/table.h"

#define FILE_NAME  "images"
#define FILE_NEW   "images.new"
#define FILE_MOST  (256 * 1024) /* then it is written anew, with one line a name */
#define LINE_BYTES 1100

struct line {
    char *name; /* owned */
    int64_t used_us;
    UT_hash_handle hh;
};

struct lines {
    struct line *by_name;
};

static void lines_fini(struct lines *self)
{
    struct line *line, *next;

    HASH_ITER (hh, self->by_name, line, next) {
        HASH_DEL(self->by_name, line);
        free(line->name);
        free(line);
    }
}

static void set(struct lines *self, const char *name, int64_t used_us)
{
    struct line *line;

    HASH_FIND_STR(self->by_name, name, line);
    if (!line) {
        line = mem_new(struct line);
        line->name = mem_strdup(name);
        HASH_ADD_KEYPTR(hh, self->by_name, line->name, strlen(line->name), line);
    }
    line->used_us = used_us;
}

static void load(int dir, struct lines *ret_lines)
{
    int fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    char text[LINE_BYTES], name[LINE_BYTES];
    int64_t seconds;

    if (!file)
        close_fd(&fd);
    while (file && fgets(text, sizeof(text), file))
        if (sscanf(text, "%" SCNd64 " %1024[^\n]", &seconds, name) == 2 && seconds >= 0 &&
            seconds < INT64_MAX / US_PER_S)
            set(ret_lines, name, seconds * US_PER_S);
    if (file)
        fclose(file);
}

static void put(int fd, const char *name, int64_t used_us)
{
    char text[LINE_BYTES];
    int size = snprintf(text, sizeof(text), "%" PRId64 " %.1024s\n", used_us / US_PER_S, name);

    (void)!write(fd, text, (size_t)size); /* lost on a full disk: then the image stays */
}

static void write_anew(int dir)
{
    CLEANUP(lines_fini) struct lines lines = {0};
    CLEANUP(close_fd)
    int fd = openat(dir, FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return;
    load(dir, &lines);
    for (const struct line *line = lines.by_name; line; line = line->hh.next)
        if (line->used_us)
            put(fd, line->name, line->used_us);
    renameat(dir, FILE_NEW, dir, FILE_NAME);
}

void images_kept_read(int state_dir, void (*each)(void *owner, const char *name, int64_t used_us),
                      void *owner)
{
    CLEANUP(lines_fini) struct lines lines = {0};

    load(state_dir, &lines);
    for (const struct line *line = lines.by_name; line; line = line->hh.next)
        if (line->used_us)
            each(owner, line->name, line->used_us);
}

void images_kept_note(int state_dir, const char *name, int64_t used_us)
{
    CLEANUP(close_fd)
    int fd =
        openat(state_dir, FILE_NAME, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat info;

    if (fd < 0)
        return;
    put(fd, name, used_us);
    if (fstat(fd, &info) == 0 && info.st_size > FILE_MOST)
        write_anew(state_dir);
}
