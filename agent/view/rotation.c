#include "agent/view/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

/* An inode's number is soon that of another file, the time of its birth is not. */
void rotation_id(int fd, char ret_id[ROTATION_ID_SIZE])
{
    struct statx info;

    *ret_id = '\0';
    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &info) < 0)
        return;
    if (!(info.stx_mask & STATX_BTIME))
        info.stx_btime = (struct statx_timestamp){0};
    snprintf(ret_id, ROTATION_ID_SIZE, "%" PRIx64 "-%" PRIx64 ".%x", (uint64_t)info.stx_ino,
             (uint64_t)info.stx_btime.tv_sec, info.stx_btime.tv_nsec);
}

struct candidate {
    int fd; /* owned */
    char id[ROTATION_ID_SIZE];
    struct stat info;
};

static int open_number(struct sandbox_files *files, const char *path, int number,
                       struct candidate *ret, struct err *err)
{
    CLEANUP(free_p) char *name = number ? mem_printf("%s.%d", path, number) : mem_strdup(path);

    ret->fd = sandbox_files_open(files, name, &ret->info, err);
    if (ret->fd >= 0)
        rotation_id(ret->fd, ret->id);
    return ret->fd;
}

static int take(struct candidate *from, struct rotated *ret)
{
    memcpy(ret->id, from->id, sizeof(ret->id));
    ret->info = from->info;
    return TAKE_FD(from->fd);
}

/* It has been emptied if it is shorter than what was read of it. */
static int go_on_in(struct candidate *found, int64_t offset, struct rotated *ret)
{
    ret->has_gap = offset > found->info.st_size;
    ret->offset = ret->has_gap ? 0 : offset;
    return take(found, ret);
}

/* From the newest on; between two looks all may have moved by one, so that the same is seen twice. */
static int find(struct sandbox_files *files, const char *path, const char *id, int64_t offset,
                struct candidate *newer, struct rotated *ret)
{
    bool is_newest = true;

    for (int number = 1; number <= ROTATION_MOST; number++) {
        struct candidate older;

        if (open_number(files, path, number, &older, NULL) < 0)
            break;
        if (!strcmp(older.id, newer->id)) {
            close_fd(&older.fd);
            continue;
        }
        ret->has_gap = strcmp(older.id, id) != 0;
        if (!ret->has_gap && offset >= older.info.st_size) {
            close_fd(&older.fd);
            break;
        }
        close_fd(&newer->fd);
        *newer = older;
        is_newest = false;
        ret->offset = ret->has_gap ? 0 : offset;
        if (!ret->has_gap)
            break;
    }
    ret->is_newest = is_newest;
    return take(newer, ret);
}

int rotation_open(struct sandbox_files *files, const char *path, const char *id, int64_t offset,
                  struct rotated *ret, struct err *err)
{
    struct candidate newest;
    int rc = open_number(files, path, 0, &newest, err);

    if (rc < 0)
        return rc;
    *ret = (struct rotated){.is_newest = true, .offset = offset};
    if (!id || !*id)
        return take(&newest, ret);
    if (!strcmp(newest.id, id))
        return go_on_in(&newest, offset, ret);
    *ret = (struct rotated){.has_gap = true};
    return find(files, path, id, offset, &newest, ret);
}

int rotation_go_on(int fd, const char *id, int64_t offset, struct rotated *ret, struct err *err)
{
    struct candidate newest = {.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)};

    if (newest.fd < 0 || fstat(newest.fd, &newest.info) < 0)
        return err_errno(err, -errno, "a file that is followed");
    rotation_id(newest.fd, newest.id);
    *ret = (struct rotated){.is_newest = true, .offset = offset};
    return id && *id ? go_on_in(&newest, offset, ret) : take(&newest, ret);
}
