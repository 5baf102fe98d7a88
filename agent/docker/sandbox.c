#include "agent/docker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/folder.h"
#include "base/mem.h"

#define SANDBOX_MODE 0700
#define PARENT_MODE  0700
#define FOLDER_MODE  0755
#define NOBODY_YET   0
#define MARK_SUFFIX  ".sandbox"
#define NEW_PREFIX   ".new."
#define MARK_MAGIC   UINT64_C(0x3158425352465250) /* "PRFRSBX1" */

struct sandbox_owner sandbox_owner(const char *user)
{
    unsigned uid = 0, gid = 0;
    char rest;
    int count = sscanf(user, "%10u:%10u%c", &uid, &gid, &rest);

    if (count == 2)
        return (struct sandbox_owner){true, uid, gid};
    if (sscanf(user, "%10u%c", &uid, &rest) == 1)
        return (struct sandbox_owner){true, uid, uid};
    return (struct sandbox_owner){0};
}

/* What is behind `folder` and a slash; NULL: it is not where sandboxes and volumes are. */
static const char *beneath(const char *path, const char *folder)
{
    return *folder && folder_has(folder, path, 2) ? path + strlen(folder) + 1 : NULL;
}

static int open_beneath(const char *folder, const char *path, const char *what, int *ret_fd,
                        struct err *err)
{
    const struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    const char *rest = beneath(path, folder);
    CLEANUP(close_fd) int folder_fd = -1;
    int fd;

    if (!rest)
        return err_set(err, -EPERM, "the %s %.110s is not two names below %.80s", what, path,
                       folder);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = folder_fd < 0 ? -1 : (int)syscall(SYS_openat2, folder_fd, rest, &how, sizeof(how));
    if (fd < 0)
        return err_errno(err, -errno, "cannot open the %s %.150s", what, path);
    *ret_fd = fd;
    return 0;
}

int sandbox_open(const struct msg_docker_configure *want, const char *path, int *ret_fd,
                 struct err *err)
{
    return open_beneath(want->sandboxes_dir, path, "sandbox", ret_fd, err);
}

static int give(int fd, const struct sandbox_owner *owner)
{
    if (owner->is_known && fchown(fd, owner->uid, owner->gid) < 0)
        return -errno;
    return 0;
}

/* It may have been somebody else's, while files were fetched. */
static int give_root(int fd, const struct sandbox_owner *owner)
{
    struct stat info;

    if (owner->is_known)
        return give(fd, owner);
    if (fstat(fd, &info) < 0)
        return -errno;
    return info.st_uid == geteuid() || fchown(fd, geteuid(), getegid()) == 0 ? 0 : -errno;
}

/* Who follows the output of a task looks for these from its first status on. */
static void make_streams(int sandbox_fd)
{
    static const char *const names[] = {"stdout", "stderr"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        int fd = openat(sandbox_fd, names[i], O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        0644);

        close_fd(&fd);
    }
}

/* Beneath it, following no link. Parts that are there stay as they are, but for their owner. */
static int make_folder(int root_fd, const char *path, const struct sandbox_owner *owner,
                       int *ret_fd, struct err *err)
{
    CLEANUP(free_p) char *parts = mem_strdup(path);
    CLEANUP(close_fd) int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    char *rest = parts, *part;

    while (fd >= 0 && (part = strsep(&rest, "/"))) {
        int below;

        if (!*part || !strcmp(part, "."))
            continue;
        if (!strcmp(part, ".."))
            return err_set(err, -EINVAL, "docker: %.100s leads out of where it may be", path);
        if (mkdirat(fd, part, FOLDER_MODE) < 0 && errno != EEXIST)
            return err_errno(err, -errno, "cannot make %.100s", path);
        below = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close_fd(&fd);
        fd = below;
        if (fd >= 0 && give(fd, owner) < 0)
            return err_errno(err, -errno, "cannot give %.100s away", path);
    }
    if (fd < 0)
        return err_errno(err, -errno, "cannot open %.100s", path);
    if (ret_fd)
        *ret_fd = TAKE_FD(fd);
    return 0;
}

/* --- whose it is -------------------------------------------------------------------------------- */

/* In <state_dir>/<container id>.sandbox: the folder that was made for it. */
struct mark {
    uint64_t magic;
    uint64_t device, inode;
    int64_t born_ns; /* an inode has other lives */
};

static int mark_of(int fd, struct mark *ret_mark)
{
    struct statx info;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &info) < 0)
        return -errno;
    *ret_mark = (struct mark){
        .magic = MARK_MAGIC,
        .device = (uint64_t)info.stx_dev_major << 32 | info.stx_dev_minor,
        .inode = info.stx_ino,
    };
    if (info.stx_mask & STATX_BTIME)
        ret_mark->born_ns = info.stx_btime.tv_sec * 1000000000 + info.stx_btime.tv_nsec;
    return 0;
}

static int open_mark(int state_dir, const char *id, int flags)
{
    CLEANUP(free_p) char *name = mem_printf("%s%s", id, MARK_SUFFIX);
    int fd = strchr(name, '/') ? -1 : openat(state_dir, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);

    return strchr(name, '/') ? -EINVAL : fd < 0 ? -errno : fd;
}

static int note_mark(int state_dir, const char *id, int sandbox_fd)
{
    CLEANUP(close_fd) int fd = open_mark(state_dir, id, O_WRONLY | O_CREAT | O_TRUNC);
    struct mark mark;
    int rc = fd < 0 ? fd : mark_of(sandbox_fd, &mark);

    if (rc < 0)
        return rc;
    return write(fd, &mark, sizeof(mark)) == (ssize_t)sizeof(mark) ? 0 : -EIO;
}

static int check_mark(int state_dir, const char *id, int sandbox_fd)
{
    CLEANUP(close_fd) int fd = open_mark(state_dir, id, O_RDONLY);
    struct mark is = {0}, was = {0};

    if (fd < 0 || mark_of(sandbox_fd, &is) < 0 || read(fd, &was, sizeof(was)) != sizeof(was))
        return -EEXIST;
    return memcmp(&is, &was, sizeof(is)) == 0 ? 0 : -EEXIST;
}

void sandbox_forget(int state_dir, const char *id)
{
    CLEANUP(free_p) char *name = mem_printf("%s%s", id, MARK_SUFFIX);

    if (!strchr(name, '/'))
        unlinkat(state_dir, name, 0);
}

static int open_folder(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* Not every file system can be told to replace nothing; what is replaced then is an empty folder at most. */
static int rename_new(int parent_fd, const char *from, const char *to)
{
    if (renameat2(parent_fd, from, parent_fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == EINVAL && renameat(parent_fd, from, parent_fd, to) == 0)
        return 0;
    return -errno;
}

/* Under another name, until it is marked: what is there under its own is known to be whose, whenever this process is killed.
 * The folder above is ours alone: one of that other name was left there by such an end. */
static int make_marked(int parent_fd, const char *name, int state_dir, const char *id, int *ret_fd)
{
    CLEANUP(free_p) char *new_name = mem_printf(NEW_PREFIX "%s", name);
    CLEANUP(close_fd) int fd = -1;
    int rc;

    unlinkat(parent_fd, new_name, AT_REMOVEDIR);
    if (mkdirat(parent_fd, new_name, SANDBOX_MODE) < 0)
        return -errno;
    fd = open_folder(parent_fd, new_name);
    rc = fd < 0 ? fd : note_mark(state_dir, id, fd);
    if (rc == 0)
        rc = rename_new(parent_fd, new_name, name);
    if (rc < 0) {
        unlinkat(parent_fd, new_name, AT_REMOVEDIR);
        return rc;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* What the Engine binds into a container it finds by its path, at the start: until then nobody may make a link of a part of it,
 * not even a task of the same user. */
static int make_parent(int folder_fd, const char *parent, int *ret_fd, struct err *err)
{
    static const struct sandbox_owner nobody = {0};
    size_t size = strlen(parent), end = strlen(DOCKER_SANDBOXES);
    CLEANUP(close_fd) int fd = -1;
    int rc;

    if (size <= end || strcmp(parent + size - end, DOCKER_SANDBOXES) != 0)
        return err_set(err, -EPERM, "the sandboxes of containers are in a folder *%s, not %.100s",
                       DOCKER_SANDBOXES, parent);
    rc = make_folder(folder_fd, parent, &nobody, &fd, err);
    if (rc < 0)
        return rc;
    if (fchmod(fd, PARENT_MODE) < 0)
        return err_errno(err, -errno, "%.100s", parent);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* One that is there already is somebody else's, with processes that may work in it: unless it was made for this very
 * container (and files were fetched into it). */
static int make_new(int parent_fd, const char *name, int state_dir, const char *id, int *ret_fd)
{
    CLEANUP(close_fd) int fd = open_folder(parent_fd, name);
    int rc;

    if (fd == -ENOENT)
        return make_marked(parent_fd, name, state_dir, id, ret_fd);
    if (fd == -ENOTDIR || fd == -ELOOP)
        return -EEXIST;
    rc = fd < 0 ? fd : check_mark(state_dir, id, fd);
    if (rc == 0)
        *ret_fd = TAKE_FD(fd);
    return rc;
}

static int make_root(const struct msg_docker_configure *want, int state_dir,
                     const struct msg_launch_container *order, const struct sandbox_owner *owner,
                     int *ret_fd, struct err *err)
{
    const char *path = order->sandbox, *rest = beneath(path, want->sandboxes_dir);
    const char *slash = rest ? strchr(rest, '/') : NULL;
    CLEANUP(free_p) char *parent = slash ? mem_printf("%.*s", (int)(slash - rest), rest) : NULL;
    CLEANUP(close_fd) int folder_fd = -1;
    CLEANUP(close_fd) int parent_fd = -1;
    CLEANUP(close_fd) int fd = -1;
    int rc;

    if (!slash)
        return err_set(err, -EPERM, "the sandbox %.110s is not two names below %.80s", path,
                       want->sandboxes_dir);
    folder_fd = open(want->sandboxes_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return err_errno(err, -errno, "cannot open %.150s", want->sandboxes_dir);
    rc = make_parent(folder_fd, parent, &parent_fd, err);
    if (rc < 0)
        return rc;
    rc = make_new(parent_fd, slash + 1, state_dir, order->container_id, &fd);
    if (rc < 0)
        return err_errno(err, rc, "cannot make the sandbox %s", path);
    rc = fchmod(fd, SANDBOX_MODE) < 0 ? -errno : give_root(fd, owner);
    if (rc < 0)
        return err_errno(err, rc, "cannot give the sandbox %s away", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* --- what is in it ------------------------------------------------------------------------------ */

static int give_volume(const struct msg_docker_configure *want, const struct volume_link *link,
                       const struct sandbox_owner *owner, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    struct stat info;
    int rc = open_beneath(want->volumes_dir, link->path, "volume", &fd, err);

    if (rc < 0)
        return rc;
    if (fstat(fd, &info) < 0)
        return err_errno(err, -errno, "volume %s", link->path);
    if (info.st_uid == NOBODY_YET || !link->shared)
        rc = give(fd, owner);
    return rc < 0 ? err_errno(err, rc, "cannot give volume %s away", link->path) : 0;
}

/* Folders that the task names as volumes: of `docker`, and of `isolation`. */
static int make_folders(int sandbox_fd, const struct msg_launch_container *order,
                        const struct sandbox_owner *owner, struct err *err)
{
    const struct docker_info *docker = order->docker;
    const struct isolation_info *asks = order->isolation;
    int rc = 0;

    for (size_t i = 0; i < docker->volumes_count && rc == 0; i++)
        if (*docker->volumes[i].host_path && *docker->volumes[i].host_path != '/')
            rc = make_folder(sandbox_fd, docker->volumes[i].host_path, owner, NULL, err);
    for (size_t i = 0; asks && i < asks->mounts_count && rc == 0; i++)
        if (asks->mounts[i].source_kind == MOUNT_SANDBOX)
            rc = make_folder(sandbox_fd, asks->mounts[i].source, owner, NULL, err);
    return rc;
}

int sandbox_make(const struct msg_docker_configure *want, int state_dir,
                 const struct msg_launch_container *order, struct err *err)
{
    const struct sandbox_owner owner = sandbox_owner(order->docker->user);
    CLEANUP(close_fd) int fd = -1;
    int rc = make_root(want, state_dir, order, &owner, &fd, err);

    if (rc == 0)
        make_streams(fd);
    for (size_t i = 0; i < order->volumes_count && rc == 0; i++) {
        rc = give_volume(want, &order->volumes[i], &owner, err);
        if (rc == 0)
            rc = make_folder(fd, order->volumes[i].container_path, &owner, NULL, err);
    }
    return rc < 0 ? rc : make_folders(fd, order, &owner, err);
}
