/* filesystem/rootfs: a folder (an unpacked image) as the root of a task, which leaves no trace in it.
 *
 * What the task writes goes into an overlay on a tmpfs, which is in its memory and goes with it; that also gives places
 * to mount things at, whatever the image has. Its /proc, /sys, /dev are made, its sandbox is at ISOLATION_SANDBOX, and of
 * an executor the folder with its agent's socket at ISOLATION_EXECUTORS: the folder, as a new agent makes a new one. The
 * host's tree is left by pivot_root and let go. All in the task's mount namespace, by descriptors: links in the image
 * lead to what is in the image. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/mounting.h"
#include "isolators/volumes.h"
#include "proto/isolation.h"

#define SCRATCH_MODE 0755

static char *roots; /* owned: the folder with the operator's */
static bool has_pids;

struct rootfs {
    bool is_in_sandbox;
    bool is_read_only;
    const char *executors_dir; /* behind the name; NULL: none is to be seen */
    char name[];               /* below `roots`, or the sandbox */
};

/* --- setup ---------------------------------------------------------------------------------------- */

static int check_overlay(struct err *err)
{
    CLEANUP(close_fd) int fd = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);

    if (fd < 0 && errno != EPERM) /* who is not root here may be so in its user namespace */
        return err_errno(err, -errno, "this kernel has no overlay file system");
    return 0;
}

static int rootfs_setup(const struct isolator_host *host, struct err *err)
{
    const char *folder = isolator_option(host, "filesystem/rootfs", "dir");

    if (folder && *folder != '/')
        return err_set(err, -ISOLATOR_WRONG_SETTING, "dir=%.100s: want an absolute path", folder);
    free(roots);
    roots = folder ? mem_strdup(folder) : NULL;
    has_pids = isolator_is_wanted(host, "namespaces/pid");
    return check_overlay(err);
}

/* --- the layers ------------------------------------------------------------------------------------ */

static int open_image(const struct rootfs *self, const struct spawned *spawned, int *ret_fd,
                      struct err *err)
{
    CLEANUP(close_fd) int above = -1;
    int rc;

    if (self->is_in_sandbox) {
        rc = bindings_open_sandbox(spawned, &above, err);
        if (rc < 0)
            return rc;
    } else {
        above = open(roots, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (above < 0)
            return err_errno(err, -errno, "%.150s", roots);
    }
    rc = mounting_open(above, self->name, MOUNTING_DIR, ret_fd, err);
    return rc < 0
               ? err_wrap(err, rc, "there is no root in %s",
                          self->is_in_sandbox ? "its sandbox" : "the agent's filesystem/rootfs.dir")
               : 0;
}

static int make_overlay(int image_fd, int scratch_fd, const struct spawned *spawned,
                        int *ret_mount_fd, struct err *err)
{
    char lower[48], upper[64], work[64];
    const struct mounting_option options[] = {
        {"lowerdir", lower}, {"upperdir", upper},
        {"workdir", work},   {spawned->has_user_namespace ? "userxattr" : NULL, NULL},
        {NULL, NULL},
    };

    if (mkdirat(scratch_fd, "upper", SCRATCH_MODE) < 0 || mkdirat(scratch_fd, "work", 0700) < 0 ||
        mkdirat(scratch_fd, "root", SCRATCH_MODE) < 0)
        return err_errno(err, -errno, "cannot make folders on a tmpfs");
    snprintf(lower, sizeof(lower), "/proc/self/fd/%d", image_fd);
    snprintf(upper, sizeof(upper), "/proc/self/fd/%d/upper", scratch_fd);
    snprintf(work, sizeof(work), "/proc/self/fd/%d/work", scratch_fd);
    return mounting_new("overlay", options, MOUNT_ATTR_NODEV, ret_mount_fd, err);
}

/* The tmpfs is put over the image, because it has to be somewhere: nobody else sees that. */
static int mount_layers(int image_fd, const struct spawned *spawned, int *ret_root_fd,
                        struct err *err)
{
    static const struct mounting_option options[] = {{"mode", "0755"}, {NULL, NULL}};
    CLEANUP(close_fd) int scratch_fd = -1;
    CLEANUP(close_fd) int mount_fd = -1;
    CLEANUP(close_fd) int place_fd = -1;
    int rc = mounting_new("tmpfs", options, MOUNT_ATTR_NODEV, &scratch_fd, err);

    if (rc == 0)
        rc = mounting_attach(scratch_fd, image_fd, err);
    if (rc == 0)
        rc = make_overlay(image_fd, scratch_fd, spawned, &mount_fd, err);
    if (rc < 0)
        return rc;
    place_fd = openat(scratch_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place_fd < 0)
        return err_errno(err, -errno, "cannot open a folder on a tmpfs");
    rc = mounting_attach(mount_fd, place_fd, err);
    if (rc == 0)
        *ret_root_fd = TAKE_FD(mount_fd);
    return rc;
}

/* --- what every root has ---------------------------------------------------------------------------- */

static int put_mount(int root_fd, int mount_fd, const char *path, struct err *err)
{
    CLEANUP(close_fd) int target_fd = -1;
    int rc = mounting_make(root_fd, path, true, &target_fd, err);

    return rc < 0 ? rc : mounting_attach(mount_fd, target_fd, err);
}

static int put_new(int root_fd, const char *type, const struct mounting_option *options,
                   uint64_t attributes, const char *path, struct err *err)
{
    CLEANUP(close_fd) int mount_fd = -1;
    int rc = mounting_new(type, options, attributes, &mount_fd, err);

    return rc < 0 ? rc : put_mount(root_fd, mount_fd, path, err);
}

/* A copy of what the host has there. */
static int put_clone(int root_fd, const char *from, bool recursive, uint64_t attributes,
                     const char *path, struct err *err)
{
    CLEANUP(close_fd) int from_fd = open(from, O_PATH | O_CLOEXEC);
    CLEANUP(close_fd) int mount_fd = -1;
    int rc;

    if (from_fd < 0)
        return err_errno(err, -errno, "%.100s", from);
    rc = mounting_clone(from_fd, recursive, attributes, &mount_fd, err);
    return rc < 0 ? rc : put_mount(root_fd, mount_fd, path, err);
}

static int put_proc(int root_fd, struct err *err)
{
    const uint64_t plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

    return has_pids ? put_new(root_fd, "proc", NULL, plain, "/proc", err)
                    : put_clone(root_fd, "/proc", true, plain, "/proc", err);
}

/* -ENOENT: this kernel has no cgroups, or no folder for them. */
static int hide_cgroups(int root_fd, uint64_t attributes, struct err *err)
{
    static const struct mounting_option options[] = {{"mode", "0555"}, {NULL, NULL}};
    CLEANUP(close_fd) int target_fd = -1;
    CLEANUP(close_fd) int mount_fd = -1;
    int rc = mounting_open(root_fd, "/sys/fs/cgroup", MOUNTING_DIR, &target_fd, err);

    if (rc == -ENOENT)
        return 0;
    if (rc == 0)
        rc = mounting_new("tmpfs", options, attributes, &mount_fd, err);
    return rc < 0 ? rc : mounting_attach(mount_fd, target_fd, err);
}

/* Without what is mounted below, cgroups above all; in a user namespace the kernel gives it only as a whole. */
static int put_sys(int root_fd, const struct spawned *spawned, struct err *err)
{
    const uint64_t attributes =
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    int rc = put_clone(root_fd, "/sys", spawned->has_user_namespace, attributes, "/sys", err);

    if (rc < 0 || !spawned->has_user_namespace)
        return rc;
    return hide_cgroups(root_fd, attributes, err);
}

/* --- /dev --------------------------------------------------------------------------------------------- */

static const struct device {
    const char *name;
    unsigned major, minor;
} devices[] = {
    {"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
    {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

/* The host's node, once it is seen to be that device and no other. */
static int put_device(int dev_fd, const struct device *device, struct err *err)
{
    CLEANUP(close_fd) int host_fd = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(close_fd) int from_fd = openat(host_fd, device->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(close_fd) int target_fd = -1;
    struct stat info;
    int rc;

    if (from_fd < 0 || fstat(from_fd, &info) < 0)
        return err_errno(err, -errno, "/dev/%s", device->name);
    if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(device->major, device->minor))
        return err_set(err, -ENXIO, "/dev/%s of the host is not what it is called", device->name);
    rc = mounting_make(dev_fd, device->name, false, &target_fd, err);
    return rc < 0 ? rc : mounting_bind(from_fd, target_fd, MOUNT_ATTR_NOEXEC, err);
}

static int put_links(int dev_fd, struct err *err)
{
    static const char *const links[][2] = {
        {"/proc/self/fd", "fd"},       {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
        {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        if (symlinkat(links[i][0], dev_fd, links[i][1]) < 0)
            return err_errno(err, -errno, "/dev/%s", links[i][1]);
    return 0;
}

/* A new one over whatever the image has there; that it were a link would lead within the image. */
static int put_dev(int root_fd, struct err *err)
{
    static const struct mounting_option dev[] = {{"mode", "0755"}, {"size", "1m"}, {NULL, NULL}};
    static const struct mounting_option shm[] = {{"mode", "1777"}, {"size", "64m"}, {NULL, NULL}};
    static const struct mounting_option pts[] = {
        {"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {NULL, NULL}};
    const uint64_t plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    CLEANUP(close_fd) int dev_fd = -1;
    int rc = mounting_new("tmpfs", dev, MOUNT_ATTR_NOSUID, &dev_fd, err);

    if (rc == 0)
        rc = put_mount(root_fd, dev_fd, "/dev", err);
    for (size_t i = 0; i < ARRAY_SIZE(devices) && rc == 0; i++)
        rc = put_device(dev_fd, &devices[i], err);
    if (rc == 0)
        rc = put_links(dev_fd, err);
    if (rc == 0)
        rc = put_new(dev_fd, "devpts", pts, plain, "/pts", err);
    return rc < 0 ? rc : put_new(dev_fd, "tmpfs", shm, plain | MOUNT_ATTR_NODEV, "/shm", err);
}

/* --- of the host ------------------------------------------------------------------------------------- */

/* How names are found on this host's network. In a user namespace the image's folders may not be ours to add to. */
static int put_names(int root_fd, struct err *err)
{
    static const char *const files[] = {"/etc/resolv.conf", "/etc/hosts"};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        CLEANUP(close_fd) int from_fd = open(files[i], O_PATH | O_CLOEXEC);
        CLEANUP(close_fd) int target_fd = -1;
        int rc;

        if (from_fd < 0)
            continue;
        rc = mounting_make(root_fd, files[i], false, &target_fd, err);
        if (rc == -EACCES)
            continue;
        if (rc == 0)
            rc = mounting_bind(from_fd, target_fd,
                               MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int put_sandbox(int root_fd, const struct spawned *spawned, struct err *err)
{
    CLEANUP(close_fd) int sandbox_fd = -1;
    CLEANUP(close_fd) int mount_fd = -1;
    int rc = bindings_open_sandbox(spawned, &sandbox_fd, err);

    if (rc == 0)
        rc =
            mounting_clone(sandbox_fd, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &mount_fd, err);
    return rc < 0 ? rc : put_mount(root_fd, mount_fd, ISOLATION_SANDBOX, err);
}

/* --- steps --------------------------------------------------------------------------------------------- */

static int make_root(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const struct rootfs *self = step->data;
    CLEANUP(close_fd) int image_fd = -1;
    CLEANUP(close_fd) int root_fd = -1;
    int rc = open_image(self, spawned, &image_fd, err);

    if (rc == 0)
        rc = mount_layers(image_fd, spawned, &root_fd, err);
    if (rc == 0)
        rc = put_proc(root_fd, err);
    if (rc == 0)
        rc = put_sys(root_fd, spawned, err);
    if (rc == 0)
        rc = put_dev(root_fd, err);
    if (rc == 0)
        rc = put_names(root_fd, err);
    if (rc == 0)
        rc = put_sandbox(root_fd, spawned, err);
    if (rc == 0 && self->executors_dir)
        rc = put_clone(root_fd, self->executors_dir, false,
                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                       ISOLATION_EXECUTORS, err);
    if (rc < 0)
        return rc;
    spawned->root_fd = TAKE_FD(root_fd);
    return 0;
}

/* The old root comes to lie below the new one, and goes. */
static int pivot(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const struct rootfs *self = step->data;
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    int rc = 0;

    if (self->is_read_only && syscall(SYS_mount_setattr, spawned->root_fd, "", AT_EMPTY_PATH,
                                      &read_only, sizeof(read_only)) < 0)
        return err_errno(err, -errno, "cannot make it read-only");
    if (fchdir(spawned->root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        rc = err_errno(err, -errno, "cannot go into its root");
    close_fd(&spawned->root_fd);
    return rc;
}

static int add_steps(struct rootfs *self, struct spawn *spawn, struct err *err)
{
    const struct spawn_step make = {
        .phase = SPAWN_ROOT, .what = "make its root", .run = make_root, .data = self};
    const struct spawn_step go = {
        .phase = SPAWN_PIVOT, .what = "go into its root", .run = pivot, .data = self};
    int rc = spawn_add_step(spawn, &make, err);

    return rc < 0 ? rc : spawn_add_step(spawn, &go, err);
}

static int rootfs_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                          struct err *err)
{
    const char *name = want->asks->rootfs;
    CLEANUP(free_p) struct rootfs *self = NULL;
    const bool is_in_sandbox = strncmp(name, "./", 2) == 0;
    int rc;

    if (!*name)
        return 0;
    if (!roots && !is_in_sandbox)
        return err_set(err, -ENOENT, "this agent has no roots: filesystem/rootfs.dir is not set");
    self = mem_calloc(1, sizeof(*self) + strlen(name) + 1 +
                             (want->executors_dir ? strlen(want->executors_dir) + 1 : 0));
    self->is_in_sandbox = is_in_sandbox;
    self->is_read_only = want->asks->rootfs_read_only;
    memcpy(self->name, name, strlen(name) + 1);
    if (want->executors_dir)
        self->executors_dir = memcpy(self->name + strlen(name) + 1, want->executors_dir,
                                     strlen(want->executors_dir) + 1);
    rc = add_steps(self, spawn, err);
    if (rc < 0)
        return rc;
    spawn->work_folder = ISOLATION_SANDBOX;
    *ret_state = TAKE(self);
    return 0;
}

static void rootfs_destroy(void **state_p)
{
    free(*state_p);
    *state_p = NULL;
}

static const struct isolator_option rootfs_options[] = {
    {"dir", "the folder with the roots that tasks can name"},
    {NULL, NULL},
};

static const char *const rootfs_with[] = {"namespaces/mount", NULL};

const struct isolator_ops isolator_filesystem_rootfs = {
    .name = "filesystem/rootfs",
    .needs = ISOLATOR_PRIVILEGED,
    .with = rootfs_with,
    .options = rootfs_options,
    .setup = rootfs_setup,
    .prepare = rootfs_prepare,
    .destroy = rootfs_destroy,
};
