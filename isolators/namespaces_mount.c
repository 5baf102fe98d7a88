/* namespaces/mount: what is mounted for it is seen by it alone and goes with it; what of /proc and /sys changes the host
 * is read-only. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/mounting.h"
#include "isolators/namespaces.h"

#define MIB ((int64_t)1024 * 1024)

/* A tmpfs that a task asks for. */
struct tmpfs {
    char *path;
    char size[24]; /* as the kernel takes it; "" for its default */
};

struct mount_state {
    size_t count;
    struct tmpfs items[];
};

static int mount_setup(const struct isolator_host *host, struct err *err)
{
    int rc = mounting_check(err);

    return rc < 0 ? rc : namespaces_try(host, "mnt", CLONE_NEWNS, mounting_protect_system, err);
}

static int protect(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    (void)step;
    (void)spawned;
    return mounting_protect_system(err);
}

static int mount_tmpfs(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const struct tmpfs *tmpfs = step->data;
    const struct mounting_option options[] = {
        {"mode", "1777"}, {*tmpfs->size ? "size" : NULL, tmpfs->size}, {NULL, NULL}};
    CLEANUP(close_fd) int target_fd = -1;
    CLEANUP(close_fd) int mount_fd = -1;
    int rc;

    /* Nothing is made in the host's own tree. */
    if (spawned->root_fd >= 0)
        rc = mounting_make(spawned->root_fd, tmpfs->path, true, &target_fd, err);
    else
        rc =
            mounting_open(AT_FDCWD, tmpfs->path, MOUNTING_NO_LINKS | MOUNTING_DIR, &target_fd, err);
    if (rc == 0)
        rc = mounting_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &mount_fd, err);
    if (rc == 0)
        rc = mounting_attach(mount_fd, target_fd, err);
    return rc < 0 ? err_wrap(err, rc, "cannot mount a tmpfs at %.100s", tmpfs->path) : 0;
}

static void mount_destroy(void **state_p)
{
    struct mount_state *self = TAKE(*state_p);

    for (size_t i = 0; self && i < self->count; i++)
        free(self->items[i].path);
    free(self);
}

/* Half of what its memory may be; 0: it has no limit, and the kernel's default does. */
static int64_t usual_size(const struct isolation *want)
{
    const int64_t limit = isolation_limit(want, "mem");

    return limit <= 0 || limit > INT64_MAX / MIB ? 0 : limit * MIB / 1000 / 2;
}

static int add_tmpfs(struct mount_state *self, const struct isolation *want,
                     const struct isolation_mount *mount, struct spawn *spawn, struct err *err)
{
    const int64_t size = mount->size_bytes ? mount->size_bytes : usual_size(want);
    struct tmpfs *tmpfs = &self->items[self->count];
    const struct spawn_step step = {
        .phase = SPAWN_VOLUMES, .what = "mount a tmpfs", .run = mount_tmpfs, .data = tmpfs};

    tmpfs->path = mem_strdup(mount->container_path);
    self->count++;
    if (size)
        snprintf(tmpfs->size, sizeof(tmpfs->size), "%" PRId64, size);
    return spawn_add_step(spawn, &step, err);
}

static int mount_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                         struct err *err)
{
    const struct spawn_step step = {
        .phase = SPAWN_SYSTEM, .what = "protect /proc and /sys", .run = protect};
    const struct isolation_info *asks = want->asks;
    void *state = NULL;
    int rc = spawn_add_step(spawn, &step, err);

    spawn->namespaces |= CLONE_NEWNS;
    if (asks->mounts_count)
        state =
            mem_calloc(1, sizeof(struct mount_state) + asks->mounts_count * sizeof(struct tmpfs));
    for (size_t i = 0; i < asks->mounts_count && rc == 0; i++)
        if (asks->mounts[i].source_kind == MOUNT_TMPFS)
            rc = add_tmpfs(state, want, &asks->mounts[i], spawn, err);
    if (rc < 0) {
        mount_destroy(&state);
        return rc;
    }
    *ret_state = state;
    return 0;
}

const struct isolator_ops isolator_namespaces_mount = {
    .name = "namespaces/mount",
    .needs = ISOLATOR_PRIVILEGED,
    .setup = mount_setup,
    .prepare = mount_prepare,
    .destroy = mount_destroy,
};
