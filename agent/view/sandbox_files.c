#include "agent/view/sandbox_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/mem.h"

/* For each request: who cleans up behind us may remove it, and the launcher makes a new one then. */
static int open_root(const char *dir, struct err *err)
{
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? err_errno(err, -errno, "sandboxes folder %s", dir) : fd;
}

int sandbox_files_init(struct sandbox_files *self, const char *dir, struct err *err)
{
    CLEANUP(close_fd) int fd = open_root(dir, err);

    if (fd < 0)
        return fd;
    *self = (struct sandbox_files){.dir = mem_strdup(dir)};
    return 0;
}

void sandbox_files_fini(struct sandbox_files *self)
{
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

static int say_wrong(int rc, const char *path, struct err *err)
{
    if (rc == -EXDEV || rc == -ELOOP)
        return err_set(err, -EACCES, "%s leads out of the sandboxes or through a link", path);
    return err_errno(err, rc, "%s", path);
}

/* Only the name is opened: nothing happens to what it is of, whatever that may be. */
static int open_name(const struct sandbox_files *self, const char *path, struct err *err)
{
    CLEANUP(close_fd) int root_fd = -1;
    const char *relative = sandbox_files_relative(self, path);
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;

    if (!relative)
        return err_set(err, -EACCES, "%s is not below the sandboxes folder %s", path, self->dir);
    root_fd = open_root(self->dir, err);
    if (root_fd < 0)
        return root_fd;
    do
        fd = syscall(SYS_openat2, root_fd, relative, &how, sizeof(how));
    while (fd < 0 && errno == EAGAIN); /* something was renamed on the way */
    return fd < 0 ? say_wrong(-errno, path, err) : (int)fd;
}

static int check_kind(const struct stat *info, mode_t want, const char *path, struct err *err)
{
    mode_t kind = info->st_mode & S_IFMT;

    if (kind == want)
        return 0;
    if (kind == S_IFDIR)
        return err_set(err, -EISDIR, "%s is a folder", path);
    if (kind == S_IFREG)
        return err_set(err, -ENOTDIR, "%s is not a folder", path);
    return err_set(err, -EACCES, "%s is neither a file nor a folder", path);
}

/* A descriptor of the very thing that was looked at: its name may be another's by now. */
static int reopen(int name_fd, int flags, const char *path, struct err *err)
{
    char self_path[64];
    int fd;

    snprintf(self_path, sizeof(self_path), "/proc/self/fd/%d", name_fd);
    fd = open(self_path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
    return fd < 0 ? err_errno(err, -errno, "%s", path) : fd;
}

static int open_kind(const struct sandbox_files *self, const char *path, mode_t want, int flags,
                     struct stat *ret_info, struct err *err)
{
    CLEANUP(close_fd) int name_fd = open_name(self, path, err);
    struct stat info;
    int rc;

    if (name_fd < 0)
        return name_fd;
    if (fstat(name_fd, &info) < 0)
        return err_errno(err, -errno, "%s", path);
    rc = check_kind(&info, want, path, err);
    if (rc < 0)
        return rc;
    rc = reopen(name_fd, flags, path, err);
    if (rc >= 0)
        *ret_info = info;
    return rc;
}

int sandbox_files_open(const struct sandbox_files *self, const char *path, struct stat *ret_info,
                       struct err *err)
{
    return open_kind(self, path, S_IFREG, 0, ret_info, err);
}

/* --- folders ------------------------------------------------------------------------------------ */

static void dir_close(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static bool is_dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct sandbox_entry *)a)->name, ((const struct sandbox_entry *)b)->name);
}

static void read_entries(DIR *dir, struct sandbox_list *list)
{
    const struct dirent *entry;
    size_t capacity = 0;

    while (list->count < SANDBOX_LIST_MAX && (entry = readdir(dir))) {
        struct stat info;

        /* What is gone by now is left out. */
        if (is_dots(entry->d_name) ||
            fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (list->count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            list->items = mem_resize(list->items, capacity, sizeof(*list->items));
        }
        list->items[list->count].name = mem_strdup(entry->d_name);
        list->items[list->count++].info = info;
    }
}

int sandbox_files_list(const struct sandbox_files *self, const char *path,
                       struct sandbox_list *ret_list, struct err *err)
{
    CLEANUP(dir_close) DIR *dir = NULL;
    struct sandbox_list list = {0};
    struct stat info;
    int fd = open_kind(self, path, S_IFDIR, O_DIRECTORY, &info, err);

    if (fd < 0)
        return fd;
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return err_errno(err, -errno, "%s", path);
    }
    read_entries(dir, &list);
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), compare);
    *ret_list = list;
    return 0;
}

void sandbox_list_fini(struct sandbox_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].name);
    free(list->items);
    *list = (struct sandbox_list){0};
}
