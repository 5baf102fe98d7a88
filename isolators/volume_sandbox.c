/* volume/sandbox: a folder of a task's sandbox at another place of its tree, as /var/lib/app. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "isolators/mounting.h"
#include "isolators/volumes.h"

/* Nobody is in the sandbox before the task is, so what is made there is made for it. */
static int bind_one(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const struct binding *binding = step->data;
    CLEANUP(close_fd) int sandbox_fd = -1;
    CLEANUP(close_fd) int source_fd = -1;
    int rc = bindings_open_sandbox(spawned, &sandbox_fd, err);

    if (rc == 0)
        rc = mounting_make(sandbox_fd, binding->source, true, &source_fd, err);
    if (rc < 0)
        return rc;
    if (spawned->has_user && !spawned->has_user_namespace &&
        fchownat(source_fd, "", spawned->uid, spawned->gid, AT_EMPTY_PATH) < 0)
        return err_errno(err, -errno, "cannot give %.100s to its user", binding->source);
    return bindings_bind(spawned, source_fd, binding, err);
}

static int sandbox_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                           struct err *err)
{
    const struct spawn_step step = {
        .phase = SPAWN_VOLUMES, .what = "mount a folder of its sandbox", .run = bind_one};

    return bindings_prepare(want, MOUNT_SANDBOX, &step, spawn, ret_state, err);
}

static const char *const sandbox_with[] = {"namespaces/mount", NULL};

const struct isolator_ops isolator_volume_sandbox = {
    .name = "volume/sandbox",
    .needs = ISOLATOR_PRIVILEGED,
    .with = sandbox_with,
    .prepare = sandbox_prepare,
    .destroy = bindings_destroy,
};
