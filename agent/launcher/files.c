#include "agent/launcher/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/message.h"

#define NOBODY        65534 /* reads what is above sandboxes, which is open to all */
#define SANDBOX_DEPTH 2

/* --- names -------------------------------------------------------------------------------------- */

static int say_closed(const char *path, struct err *err)
{
    return err_set(err, -EACCES, "%s leads out of the sandboxes or through a link", path);
}

/* Without what says nothing ("a/./b//" is "a/b"); in `text`, of strlen(path) + 1 bytes. How many names it has; -EACCES:
 * ".." is among them. */
static int make_plain(const char *path, char *text)
{
    int count = 0;

    while (*path) {
        size_t size = strcspn(path, "/");

        if (size == 2 && !strncmp(path, "..", 2))
            return -EACCES;
        if (size && !(size == 1 && *path == '.')) {
            if (count++)
                *text++ = '/';
            memcpy(text, path, size);
            text += size;
        }
        path += size;
        path += strspn(path, "/");
    }
    *text = '\0';
    return count;
}

/* Behind the first two names; "" when there are no more. */
static char *cut_sandbox(char *text)
{
    char *slash = strchr(text, '/');

    slash = slash ? strchr(slash + 1, '/') : NULL;
    if (!slash)
        return text + strlen(text);
    *slash = '\0';
    return slash + 1;
}

/* --- opening ------------------------------------------------------------------------------------ */

/* Only the name is opened: nothing happens to what it is of, whatever that may be. */
static int open_name(int dir_fd, const char *name)
{
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;

    do
        fd = syscall(SYS_openat2, dir_fd, *name ? name : ".", &how, sizeof(how));
    while (fd < 0 && errno == EAGAIN); /* something was renamed on the way */
    return fd < 0 ? -errno : (int)fd;
}

static int open_below(int dir_fd, const char *name, const char *path, int *ret_fd, struct err *err)
{
    int fd = open_name(dir_fd, name);

    if (fd == -EXDEV || fd == -ELOOP)
        return say_closed(path, err);
    if (fd < 0)
        return err_errno(err, fd, "%s", path);
    *ret_fd = fd;
    return 0;
}

/* Only root can, and only for good. Without the groups that this user may be in beside his own: his files are his. */
static int become(uid_t uid, gid_t gid, struct err *err)
{
    if (geteuid() != 0 || uid == 0)
        return 0;
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 ||
        syscall(SYS_setresuid, uid, uid, uid) < 0)
        return err_errno(err, -errno, "cannot become user %u", uid);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return 0;
}

static int become_owner(int sandbox_fd, const char *path, struct err *err)
{
    struct stat info;

    if (fstat(sandbox_fd, &info) < 0)
        return err_errno(err, -errno, "%s", path);
    return become(info.st_uid, info.st_gid, err);
}

static int check_kind(const struct stat *info, bool is_folder, const char *path, struct err *err)
{
    mode_t kind = info->st_mode & S_IFMT;

    if (kind == (is_folder ? S_IFDIR : S_IFREG))
        return 0;
    if (kind == S_IFDIR)
        return err_set(err, -EISDIR, "%s is a folder", path);
    if (kind == S_IFREG)
        return err_set(err, -ENOTDIR, "%s is not a folder", path);
    return err_set(err, -EACCES, "%s is neither a file nor a folder", path);
}

/* A descriptor of the very thing that was looked at: its name may be another's by now. */
static int reopen(int name_fd, bool is_folder, const char *path, int *ret_fd, struct err *err)
{
    char self_path[64];
    struct stat info;
    int fd, rc;

    if (fstat(name_fd, &info) < 0)
        return err_errno(err, -errno, "%s", path);
    rc = check_kind(&info, is_folder, path, err);
    if (rc < 0)
        return rc;
    snprintf(self_path, sizeof(self_path), "/proc/self/fd/%d", name_fd);
    fd = open(self_path,
              O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (is_folder ? O_DIRECTORY : 0));
    if (fd < 0)
        return err_errno(err, -errno, "%s", path);
    *ret_fd = fd;
    return 0;
}

/* --- folders ------------------------------------------------------------------------------------ */

static void closedir_p(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static bool is_dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

/* What is gone by now is left out. */
static size_t read_entries(DIR *dir, struct arena *arena, struct folder_entry *entries)
{
    const struct dirent *entry;
    size_t count = 0;

    while (count < FILES_LISTED_MAX && (entry = readdir(dir))) {
        size_t size = strlen(entry->d_name);
        struct stat info;

        if (is_dots(entry->d_name) ||
            fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
            continue;
        entries[count++] = (struct folder_entry){
            .name = {arena_memdup(arena, entry->d_name, size), size},
            .mode = info.st_mode,
            .links = (int64_t)info.st_nlink,
            .size = info.st_size,
            .mtime = info.st_mtime,
            .uid = info.st_uid,
            .gid = info.st_gid,
        };
    }
    return count;
}

static int write_whole(int fd, const struct buf *buf)
{
    for (size_t at = 0; at < buf->size;) {
        ssize_t size = write(fd, buf->data + at, buf->size - at);

        if (size < 0)
            return -errno;
        at += (size_t)size;
    }
    return 0;
}

static int list_into(DIR *dir, int memory_fd, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf frame = {0};
    struct folder_entry *entries = arena_array(arena, FILES_LISTED_MAX, sizeof(*entries));
    size_t count = read_entries(dir, arena, entries);
    int rc = message_encode(
        &MESSAGE(FOLDER_LISTING, folder_listing, .entries = entries, .entries_count = count),
        &frame, err);

    if (rc < 0)
        return rc;
    rc = write_whole(memory_fd, &frame);
    return rc < 0 ? err_errno(err, rc, "cannot list a folder") : 0;
}

/* In place of the folder: what is in it. */
static int list(int *fd, const char *path, struct err *err)
{
    CLEANUP(close_fd) int memory_fd = memfd_create("listing", MFD_CLOEXEC);
    CLEANUP(closedir_p) DIR *dir = fdopendir(*fd);
    int rc;

    if (!dir || memory_fd < 0)
        return err_errno(err, -errno, "%s", path);
    (void)TAKE_FD(*fd);
    rc = list_into(dir, memory_fd, err);
    if (rc < 0)
        return rc;
    *fd = TAKE_FD(memory_fd);
    return 0;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static int open_inside(int root_fd, char *text, int depth, bool is_folder, int *ret_fd,
                       const char *path, struct err *err)
{
    CLEANUP(close_fd) int sandbox_fd = -1;
    CLEANUP(close_fd) int name_fd = -1;
    const char *rest = cut_sandbox(text);
    int rc;

    if (depth < SANDBOX_DEPTH) {
        rc = become(NOBODY, NOBODY, err);
        if (rc == 0)
            rc = open_below(root_fd, text, path, &name_fd, err);
        return rc < 0 ? rc : reopen(name_fd, is_folder, path, ret_fd, err);
    }
    rc = open_below(root_fd, text, path, &sandbox_fd, err);
    if (rc == 0)
        rc = become_owner(sandbox_fd, path, err);
    if (rc == 0)
        rc = open_below(sandbox_fd, rest, path, &name_fd, err);
    return rc < 0 ? rc : reopen(name_fd, is_folder, path, ret_fd, err);
}

int files_open(const char *sandboxes_dir, const char *path, bool is_folder, int *ret_fd,
               struct err *err)
{
    CLEANUP(free_p) char *text = mem_calloc(1, strlen(path) + 1);
    CLEANUP(close_fd)
    int root_fd = open(sandboxes_dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(close_fd) int fd = -1;
    int depth = make_plain(path, text);
    int rc;

    if (root_fd < 0)
        return err_errno(err, -errno, "sandboxes folder %s", sandboxes_dir);
    if (*path == '/' || depth < 0)
        return say_closed(path, err);
    rc = open_inside(root_fd, text, depth, is_folder, &fd, path, err);
    if (rc == 0 && is_folder)
        rc = list(&fd, path, err);
    if (rc == 0)
        *ret_fd = TAKE_FD(fd);
    return rc;
}

/* Whom it counts to the kernel takes from who makes it. Only the effective user changes, and comes back. */
int files_watches_new(uid_t uid, struct err *err)
{
    const bool is_other = uid && geteuid() == 0;
    int fd, rc;

    if (is_other && syscall(SYS_setresuid, -1, uid, -1) < 0)
        return err_errno(err, -errno, "cannot count watches to user %u", uid);
    fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    rc = -errno;
    if (is_other)
        BUG_ON(syscall(SYS_setresuid, -1, 0, -1) < 0);
    if (is_other)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return fd < 0 ? err_errno(err, rc, "cannot watch files") : fd;
}

int files_watch(int inotify_fd, int fd, struct err *err)
{
    char path[64];
    int watch;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    watch = inotify_add_watch(inotify_fd, path,
                              IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF);
    return watch < 0 ? err_errno(err, -errno, "cannot watch a file") : watch;
}
