#include "isolators/mounting.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PATH_TEXT_MAX 1024
#define FOLDER_MODE   0755
#define FILE_MODE     0644

/* --- the kernel's calls --------------------------------------------------------------------------- */

/* Of the current folder it would make a root; who has none means that of the process. */
static int open_in_root(int root_fd, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};

    if (root_fd < 0)
        how.resolve &= ~(uint64_t)RESOLVE_IN_ROOT;
    return (int)syscall(SYS_openat2, root_fd < 0 ? AT_FDCWD : root_fd, path, &how, sizeof(how));
}

static int set_attributes(int mount_fd, bool recursive, uint64_t attributes)
{
    struct mount_attr attr = {.attr_set = attributes};
    unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

    return (int)syscall(SYS_mount_setattr, mount_fd, "", flags, &attr, sizeof(attr));
}

int mounting_check(struct err *err)
{
    struct mount_attr attr = {0};

    /* Nothing is changed: -EBADF where the call is known. */
    if (syscall(SYS_mount_setattr, -1, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 &&
        errno == ENOSYS)
        return err_set(err, -ENOTSUP, "this kernel has no mount_setattr (Linux 5.12)");
    return 0;
}

/* --- paths ---------------------------------------------------------------------------------------- */

int mounting_open(int root_fd, const char *path, unsigned flags, int *ret_fd, struct err *err)
{
    uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
                       (flags & MOUNTING_NO_LINKS ? RESOLVE_NO_SYMLINKS : 0);
    int fd =
        open_in_root(root_fd, path, O_PATH | (flags & MOUNTING_DIR ? O_DIRECTORY : 0), resolve);

    if (fd < 0)
        return err_errno(err, -errno, "%.150s", path);
    *ret_fd = fd;
    return 0;
}

static int make_last(int above_fd, const char *name, bool is_dir)
{
    int fd;

    if (is_dir)
        return mkdirat(above_fd, name, FOLDER_MODE) < 0 && errno != EEXIST ? -errno : 0;
    fd = openat(above_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return errno == EEXIST ? 0 : -errno;
    close(fd);
    return 0;
}

/* What `path` leads to inside the root; made beneath `above_fd`, where its last part belongs, if there is nothing. */
static int open_or_make(int root_fd, const char *path, int above_fd, bool is_dir, int *ret_fd,
                        struct err *err)
{
    const uint64_t flags = O_PATH | (is_dir ? O_DIRECTORY : 0);
    const uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const char *slash = strrchr(path, '/');
    int fd = open_in_root(root_fd, path, flags, resolve);

    if (fd < 0 && errno == ENOENT) {
        int rc = make_last(above_fd, slash ? slash + 1 : path, is_dir);

        if (rc < 0)
            return err_errno(err, rc, "cannot make %.150s", path);
        fd = open_in_root(root_fd, path, flags, resolve);
    }
    if (fd < 0)
        return err_errno(err, -errno, "%.150s", path);
    *ret_fd = fd;
    return 0;
}

/* Each part is opened inside the root before the next one is made beneath it. */
int mounting_make(int root_fd, const char *path, bool is_dir, int *ret_fd, struct err *err)
{
    CLEANUP(close_fd) int above = open_in_root(root_fd, "/", O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
    char done[PATH_TEXT_MAX];
    size_t size = strlen(path), end;

    if (above < 0)
        return err_errno(err, -errno, "its root");
    if (size >= sizeof(done))
        return err_set(err, -ENAMETOOLONG, "%.100s...: too long", path);
    for (size_t start = strspn(path, "/"); start < size; start = end + strspn(path + end, "/")) {
        int below = -1, rc;

        end = start + strcspn(path + start, "/");
        if (end - start == 2 && memcmp(path + start, "..", 2) == 0)
            return err_set(err, -EINVAL, "%.150s: '..' is not wanted in it", path);
        memcpy(done, path, end);
        done[end] = '\0';
        rc = open_or_make(root_fd, done, above, is_dir || strchr(path + end, '/'), &below, err);
        if (rc < 0)
            return rc;
        close_fd(&above);
        above = below;
    }
    *ret_fd = TAKE_FD(above);
    return 0;
}

/* --- mounts --------------------------------------------------------------------------------------- */

int mounting_clone(int from_fd, bool recursive, uint64_t attributes, int *ret_mount_fd,
                   struct err *err)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
                     (recursive ? (unsigned)AT_RECURSIVE : 0);
    CLEANUP(close_fd) int fd = (int)syscall(SYS_open_tree, from_fd, "", flags);

    if (fd < 0)
        return err_errno(err, -errno, "open_tree");
    if (attributes && set_attributes(fd, recursive, attributes) < 0)
        return err_errno(err, -errno, "mount_setattr");
    *ret_mount_fd = TAKE_FD(fd);
    return 0;
}

static int configure(int fs_fd, const struct mounting_option *options)
{
    for (; options && options->key; options++)
        if (syscall(SYS_fsconfig, fs_fd, options->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
                    options->key, options->value, 0) < 0)
            return -errno;
    return syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

int mounting_new(const char *type, const struct mounting_option *options, uint64_t attributes,
                 int *ret_mount_fd, struct err *err)
{
    CLEANUP(close_fd) int fs_fd = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    int mount_fd, rc;

    if (fs_fd < 0)
        return err_errno(err, -errno, "no file system %s", type);
    rc = configure(fs_fd, options);
    if (rc < 0)
        return err_errno(err, rc, "cannot make a %s", type);
    mount_fd = (int)syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, attributes);
    if (mount_fd < 0)
        return err_errno(err, -errno, "cannot mount a %s", type);
    *ret_mount_fd = mount_fd;
    return 0;
}

int mounting_attach(int mount_fd, int target_fd, struct err *err)
{
    if (syscall(SYS_move_mount, mount_fd, "", target_fd, "",
                MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return err_errno(err, -errno, "move_mount");
    return 0;
}

int mounting_bind(int from_fd, int target_fd, uint64_t attributes, struct err *err)
{
    CLEANUP(close_fd) int mount_fd = -1;
    int rc = mounting_clone(from_fd, true, attributes, &mount_fd, err);

    return rc < 0 ? rc : mounting_attach(mount_fd, target_fd, err);
}

int mounting_new_at(const char *type, const struct mounting_option *options, uint64_t attributes,
                    int dir_fd, const char *path, struct err *err)
{
    CLEANUP(close_fd) int target_fd = openat(dir_fd, path, O_PATH | O_CLOEXEC);
    CLEANUP(close_fd) int mount_fd = -1;
    int rc;

    if (target_fd < 0)
        return err_errno(err, -errno, "%.150s", path);
    rc = mounting_new(type, options, attributes, &mount_fd, err);
    if (rc == 0)
        rc = mounting_attach(mount_fd, target_fd, err);
    return rc < 0 ? err_wrap(err, rc, "%.150s", path) : 0;
}

int mounting_proc(int dir_fd, const char *path, struct err *err)
{
    return mounting_new_at("proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                           dir_fd, path, err);
}

/* --- /proc and /sys --------------------------------------------------------------------------------- */

/* As Docker and runc do it. What there is differs from kernel to kernel, and modules add to it: so all of them are tried
 * for each task. */
static const char *const covered_files[] = {
    "kcore",      "keys",        "latency_stats", "sched_debug",
    "timer_list", "timer_stats", "1/autogroup", /* of the session of all shims: root may write to it */
};
static const char *const covered_folders[] = {"acpi", "asound", "scsi"};
static const char *const read_only[] = {"bus", "fs", "irq", "sys", "sysrq-trigger"};

/* -ENOENT: there is no such thing here. */
static int open_system(const char *path, uint64_t flags)
{
    int fd = open_in_root(AT_FDCWD, path, O_PATH | flags, RESOLVE_NO_SYMLINKS);

    return fd < 0 ? -errno : fd;
}

/* Are the names in it the kernel's own, and nobody else makes any? What an image has in their place says nothing of the
 * host. */
static bool is_of_kind(int fd, long magic)
{
    struct statfs info;

    return fd >= 0 && fstatfs(fd, &info) == 0 && info.f_type == magic;
}

/* Names in the current folder, which is a root of the kernel's own: nobody puts links there. What is not there need not be
 * covered. One call that does all is less work than to copy, to attach and to close. */
static int bind_named(const char *source, const char *name, bool is_read_only, struct err *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

    if (mount(source, name, NULL, MS_BIND | MS_REC, NULL) < 0)
        return errno == ENOENT ? 0 : err_errno(err, -errno, "cannot cover %s", name);
    if (is_read_only &&
        syscall(SYS_mount_setattr, AT_FDCWD, name, AT_RECURSIVE, &attr, sizeof(attr)) < 0)
        return err_errno(err, -errno, "cannot make %s read-only", name);
    return 0;
}

/* The kernel has an empty folder in /proc that it keeps for old programs. A new file system for one takes as long as all
 * the rest of this. */
#define EMPTY_FOLDER "/proc/tty/ldisc"

static int cover_folder(const char *name, bool has_empty, struct err *err)
{
    if (has_empty)
        return bind_named(EMPTY_FOLDER, name, true, err);
    if (mount("tmpfs", name, "tmpfs", MS_RDONLY, NULL) < 0 && errno != ENOENT)
        return err_errno(err, -errno, "cannot cover %s", name);
    return 0;
}

static int protect_proc(int proc_fd, bool has_empty, struct err *err)
{
    int rc = fchdir(proc_fd) < 0 ? err_errno(err, -errno, "/proc") : 0;

    for (size_t i = 0; i < ARRAY_SIZE(covered_files) && rc == 0; i++)
        rc = bind_named("/dev/null", covered_files[i], false, err);
    for (size_t i = 0; i < ARRAY_SIZE(covered_folders) && rc == 0; i++)
        rc = cover_folder(covered_folders[i], has_empty, err);
    for (size_t i = 0; i < ARRAY_SIZE(read_only) && rc == 0; i++)
        rc = bind_named(read_only[i], read_only[i], true, err);
    return rc;
}

/* All that is mounted below /sys, cgroups included: nothing there is a task's to change. */
static int protect_sys(int sys_fd, bool has_empty, struct err *err)
{
    if (set_attributes(sys_fd, true, MOUNT_ATTR_RDONLY) < 0 && errno != EINVAL) /* a plain folder */
        return err_errno(err, -errno, "/sys");
    if (!is_of_kind(sys_fd, SYSFS_MAGIC))
        return 0;
    return fchdir(sys_fd) < 0 ? err_errno(err, -errno, "/sys")
                              : cover_folder("firmware", has_empty, err);
}

int mounting_protect_system(struct err *err)
{
    CLEANUP(close_fd) int proc_fd = open_system("/proc", O_DIRECTORY);
    CLEANUP(close_fd) int sys_fd = open_system("/sys", O_DIRECTORY);
    CLEANUP(close_fd) int null_fd = open_system("/dev/null", 0);
    bool has_proc = is_of_kind(proc_fd, PROC_SUPER_MAGIC);
    bool has_empty = has_proc && access(EMPTY_FOLDER, F_OK) == 0;
    int rc = 0;

    if (null_fd < 0) /* or what it should cover would be taken for missing */
        return err_errno(err, null_fd, "/dev/null");
    if (proc_fd < 0 && proc_fd != -ENOENT)
        return err_errno(err, proc_fd, "/proc");
    if (sys_fd < 0 && sys_fd != -ENOENT)
        return err_errno(err, sys_fd, "/sys");
    if (sys_fd >= 0)
        rc = protect_sys(sys_fd, has_empty, err);
    return rc == 0 && has_proc ? protect_proc(proc_fd, has_empty, err) : rc;
}
