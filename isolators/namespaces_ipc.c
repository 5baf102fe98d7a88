/* namespaces/ipc: System V and POSIX queues, semaphores and shared memory of its own; with namespaces/mount also a
 * /dev/shm of its own. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/mounting.h"
#include "isolators/namespaces.h"

#define SHM_DEFAULT_BYTES ((int64_t)64 * 1024 * 1024)
#define SIZE_TEXT         24

static bool has_mounts;

static int ipc_setup(const struct isolator_host *host, struct err *err)
{
    has_mounts = isolator_is_wanted(host, "namespaces/mount");
    return namespaces_try(host, "ipc", CLONE_NEWIPC, NULL, err);
}

/* Over what is there, which is the host's, or new and empty. */
static int mount_shm(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const char *size = step->data;
    const struct mounting_option options[] = {{"size", size}, {"mode", "1777"}, {NULL, NULL}};
    struct stat info;

    (void)spawned;
    if (stat("/dev/shm", &info) < 0)
        return 0; /* a tree without one */
    return mounting_new_at("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, AT_FDCWD,
                           "/dev/shm", err);
}

/* Where the host has its queues mounted, they would be seen through that. */
static int mount_queues(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    struct stat info;

    (void)step;
    (void)spawned;
    if (stat("/dev/mqueue", &info) < 0)
        return 0;
    return mounting_new_at("mqueue", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                           AT_FDCWD, "/dev/mqueue", err);
}

/* A copy of what the holder of its group has there: taken in that one's mount namespace, put into its own. */
static int share_shm(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    CLEANUP(close_fd) int own_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    CLEANUP(close_fd) int mount_fd = -1;
    CLEANUP(close_fd) int target_fd = -1;
    int rc;

    (void)spawned;
    rc = mounting_open(-1, "/dev/shm", MOUNTING_DIR, &target_fd, NULL);
    if (rc == -ENOENT)
        return 0; /* a tree without one */
    if (rc < 0 || own_fd < 0)
        return err_errno(err, rc < 0 ? rc : -errno, "cannot open its /dev/shm");
    if (setns(step->number, CLONE_NEWNS) < 0)
        return err_errno(err, -errno, "cannot look into the mounts of its group");
    mount_fd =
        (int)syscall(SYS_open_tree, AT_FDCWD, "/dev/shm", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    rc = mount_fd < 0 ? -errno : 0;
    if (setns(own_fd, CLONE_NEWNS) < 0)
        return err_errno(err, -errno, "cannot come back to its own mounts");
    return rc < 0 ? err_errno(err, rc, "/dev/shm of its group")
                  : mounting_attach(mount_fd, target_fd, err);
}

/* The queues are those of its IPC namespace, whosever that is. */
static int add_shared_steps(const struct isolation *want, struct spawn *spawn, struct err *err)
{
    const struct spawn_step shm = {.phase = SPAWN_SYSTEM,
                                   .what = "mount the /dev/shm of its group",
                                   .run = share_shm,
                                   .number = want->group->mounts_fd};
    const struct spawn_step queues = {
        .phase = SPAWN_SYSTEM, .what = "mount its /dev/mqueue", .run = mount_queues};
    int rc = 0;

    if (!has_mounts || want->group->mounts_fd < 0)
        return 0;
    rc = spawn_add_step(spawn, &shm, err);
    return rc < 0 ? rc : spawn_add_step(spawn, &queues, err);
}

static int add_steps(struct spawn *spawn, const char *size, struct err *err)
{
    const struct spawn_step shm = {
        .phase = SPAWN_SYSTEM, .what = "mount its /dev/shm", .run = mount_shm, .data = size};
    const struct spawn_step queues = {
        .phase = SPAWN_SYSTEM, .what = "mount its /dev/mqueue", .run = mount_queues};
    int rc = spawn_add_step(spawn, &shm, err);

    return rc < 0 ? rc : spawn_add_step(spawn, &queues, err);
}

static int ipc_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                       struct err *err)
{
    int64_t bytes = want->asks->shm_bytes ? want->asks->shm_bytes : SHM_DEFAULT_BYTES;
    char *size;
    int rc;

    if (isolation_is_shared(want, CLONE_NEWIPC))
        return add_shared_steps(want, spawn, err);
    if (!has_mounts && want->asks->shm_bytes)
        return err_set(err, -ENOTSUP, "a size of /dev/shm needs namespaces/mount, too");
    spawn->namespaces |= CLONE_NEWIPC;
    if (!has_mounts)
        return 0;
    size = mem_printf("%lld", (long long)bytes);
    rc = add_steps(spawn, size, err);
    if (rc < 0) {
        free(size);
        return rc;
    }
    *ret_state = size;
    return 0;
}

static void ipc_destroy(void **state_p)
{
    free(*state_p);
    *state_p = NULL;
}

const struct isolator_ops isolator_namespaces_ipc = {
    .name = "namespaces/ipc",
    .needs = ISOLATOR_PRIVILEGED,
    .setup = ipc_setup,
    .prepare = ipc_prepare,
    .destroy = ipc_destroy,
};
