#include "agent/view/sandbox_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

void sandbox_files_init(struct sandbox_files *self, const char *dir, int desk_fd)
{
    *self = (struct sandbox_files){.dir = mem_strdup(dir), .arena = arena_new(0), .inotify_fd = -1};
    desk_init(&self->desk, fcntl(desk_fd, F_DUPFD_CLOEXEC, 0));
}

void sandbox_files_fini(struct sandbox_files *self)
{
    if (!self->dir)
        return;
    desk_fini(&self->desk);
    close_fd(&self->inotify_fd);
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

/* The first watched file brings the inotify, the others another descriptor of it. */
static int take(struct sandbox_files *self, const struct msg_desk_answer *answer, int fds[],
                int *ret_watch)
{
    if (ret_watch && fds[1] >= 0 && answer->watch > 0) {
        *ret_watch = (int)answer->watch;
        if (self->inotify_fd < 0)
            self->inotify_fd = TAKE_FD(fds[1]);
    }
    close_fd(&fds[1]);
    return fds[0];
}

/* `ret_watch` NULL: it is not watched. */
static int ask(struct sandbox_files *self, const char *path, bool is_folder, int *ret_watch,
               struct err *err)
{
    const char *relative = sandbox_files_relative(self, path);
    const struct msg_desk_answer *answer;
    int fds[DESK_DESCRIPTORS_MAX] = {-1, -1};
    struct bytes bytes;
    int rc, fd;

    if (!relative)
        return err_set(err, -EACCES, "%s is not below the sandboxes folder %s", path, self->dir);
    bytes = (struct bytes){relative, strlen(relative)};
    if (bytes.size > MESSAGE_MAX)
        return err_set(err, -ENAMETOOLONG, "a path of %zu bytes", bytes.size);
    arena_reset(self->arena);
    rc = desk_ask(&self->desk,
                  &MESSAGE(OPEN_FILE, open_file, .path = bytes, .folder = is_folder,
                           .watched = ret_watch != NULL),
                  self->arena, &answer, fds, err);
    if (rc < 0)
        return rc;
    fd = take(self, answer, fds, ret_watch);
    return fd >= 0
               ? fd
               : err_set(err, -EPROTO, "%s: there is no descriptor in the launcher's answer", path);
}

int sandbox_files_open(struct sandbox_files *self, const char *path, struct stat *ret_info,
                       struct err *err)
{
    CLEANUP(close_fd) int fd = ask(self, path, false, NULL, err);

    if (fd < 0)
        return fd;
    if (fstat(fd, ret_info) < 0)
        return err_errno(err, -errno, "%s", path);
    return TAKE_FD(fd);
}

int sandbox_files_open_watched(struct sandbox_files *self, const char *path, int *ret_watch,
                               struct err *err)
{
    *ret_watch = -1;
    return ask(self, path, false, ret_watch, err);
}

void sandbox_files_unwatch(struct sandbox_files *self, int watch)
{
    if (watch >= 0)
        inotify_rm_watch(self->inotify_fd, watch);
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
    CLEANUP(close_fd) int fd = ask(self, path, true, NULL, err);
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
