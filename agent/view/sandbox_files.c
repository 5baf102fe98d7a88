#include "agent/view/sandbox_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

void sandbox_files_init(struct sandbox_files *self, const char *dir, int desk_fd)
{
    *self = (struct sandbox_files){.dir = mem_strdup(dir), .arena = arena_new(0)};
    desk_init(&self->desk, fcntl(desk_fd, F_DUPFD_CLOEXEC, 0));
}

void sandbox_files_fini(struct sandbox_files *self)
{
    if (!self->dir)
        return;
    desk_fini(&self->desk);
    arena_destroy(&self->arena);
    free(self->dir);
    self->dir = NULL;
}

const char *sandbox_files_relative(const struct sandbox_files *self, const char *path)
{
    size_t size = strlen(self->dir);

    if (*path == '/') {
        if (strncmp(path, self->dir, size) != 0 || (path[size] && path[size] != '/'))
            return NULL;
        path += size;
        path += strspn(path, "/");
    }
    return *path ? path : ".";
}

static int ask(struct sandbox_files *self, const char *path, bool is_folder, struct err *err)
{
    const char *relative = sandbox_files_relative(self, path);
    struct bytes bytes;
    int fd = -1;
    int rc;

    if (!relative)
        return err_set(err, -EACCES, "%s is not below the sandboxes folder %s", path, self->dir);
    bytes = (struct bytes){relative, strlen(relative)};
    if (bytes.size > MESSAGE_MAX)
        return err_set(err, -ENAMETOOLONG, "a path of %zu bytes", bytes.size);
    arena_reset(self->arena);
    rc = desk_ask(&self->desk, &MESSAGE(OPEN_FILE, open_file, .path = bytes, .folder = is_folder),
                  NULL, 0, self->arena, NULL, &fd, err);
    if (rc == 0 && fd < 0)
        rc = err_set(err, -EPROTO, "%s: there is no descriptor in the launcher's answer", path);
    return rc < 0 ? rc : fd;
}

int sandbox_files_open(struct sandbox_files *self, const char *path, struct stat *ret_info,
                       struct err *err)
{
    CLEANUP(close_fd) int fd = ask(self, path, false, err);

    if (fd < 0)
        return fd;
    if (fstat(fd, ret_info) < 0)
        return err_errno(err, -errno, "%s", path);
    return TAKE_FD(fd);
}

int sandbox_files_watch(struct sandbox_files *self, int inotify_fd, int fd, uint32_t events,
                        struct err *err)
{
    const struct msg_desk_answer *answer;
    const int fds[] = {inotify_fd, fd};
    int rc;

    arena_reset(self->arena);
    rc = desk_ask(&self->desk, &MESSAGE(WATCH_FILE, watch_file, .events = events), fds, 2,
                  self->arena, &answer, NULL, err);
    return rc < 0 ? rc : (int)answer->watch;
}

/* --- folders ------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct sandbox_entry *)a)->name, ((const struct sandbox_entry *)b)->name);
}

static int read_whole(int fd, struct buf *buf, struct err *err)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return err_errno(err, -errno, "a folder's listing");
    if (info.st_size > FRAME_MAX)
        return err_set(err, -EMSGSIZE, "a folder's listing is too long");
    while (buf->size < (size_t)info.st_size) {
        size_t left = (size_t)info.st_size - buf->size;
        ssize_t size = pread(fd, buf_reserve(buf, left), left, (off_t)buf->size);

        if (size <= 0)
            return err_errno(err, size < 0 ? -errno : -EIO, "a folder's listing");
        buf->size += (size_t)size;
    }
    return 0;
}

static void take_entries(const struct msg_folder_listing *listing, struct sandbox_list *list)
{
    list->items = mem_calloc(listing->entries_count + 1, sizeof(*list->items));
    for (size_t i = 0; i < listing->entries_count; i++) {
        const struct folder_entry *entry = &listing->entries[i];

        list->items[list->count++] = (struct sandbox_entry){
            .name = mem_printf("%.*s", (int)entry->name.size, (const char *)entry->name.data),
            .info =
                {
                    .st_mode = (mode_t)entry->mode,
                    .st_nlink = (nlink_t)entry->links,
                    .st_size = entry->size,
                    .st_mtime = entry->mtime,
                    .st_uid = (uid_t)entry->uid,
                    .st_gid = (gid_t)entry->gid,
                },
        };
    }
    qsort(list->items, list->count, sizeof(*list->items), compare);
}

int sandbox_files_list(struct sandbox_files *self, const char *path, struct sandbox_list *ret_list,
                       struct err *err)
{
    CLEANUP(close_fd) int fd = ask(self, path, true, err);
    CLEANUP(buf_fini) struct buf frame = {0};
    struct message message;
    int rc;

    if (fd < 0)
        return fd;
    rc = read_whole(fd, &frame, err);
    if (rc == 0)
        rc = message_decode(frame.data, frame.size, self->arena, &message, err);
    if (rc == 0 && message.type != MSG_FOLDER_LISTING)
        rc = err_set(err, -EPROTO, "%s is no folder's listing", message_name(message.type));
    if (rc < 0)
        return rc;
    *ret_list = (struct sandbox_list){0};
    take_entries(message.folder_listing, ret_list);
    return 0;
}

void sandbox_list_fini(struct sandbox_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].name);
    free(list->items);
    *list = (struct sandbox_list){0};
}
