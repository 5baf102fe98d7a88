/* volume/persistent: a task's volumes as mounts in its sandbox, which can be read-only and need no path of the host;
 * where it is not in use they are links. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "isolators/mounting.h"
#include "isolators/volumes.h"

static int bind_one(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const struct binding *binding = step->data;
    const uint64_t attributes =
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (binding->is_read_only ? MOUNT_ATTR_RDONLY : 0);
    CLEANUP(close_fd)
    int source_fd = open(binding->source, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(close_fd) int sandbox_fd = -1;
    CLEANUP(close_fd) int target_fd = -1;
    int rc;

    if (source_fd < 0)
        return err_errno(err, -errno, "volume %.150s", binding->source);
    rc = bindings_open_seen(spawned, &sandbox_fd, err);
    if (rc == 0)
        rc = mounting_open(sandbox_fd, binding->target, MOUNTING_NO_LINKS | MOUNTING_DIR,
                           &target_fd, err);
    if (rc == 0)
        rc = mounting_bind(source_fd, target_fd, attributes, err);
    return rc < 0 ? err_wrap(err, rc, "cannot mount a volume at %.100s", binding->target) : 0;
}

static int persistent_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                              struct err *err)
{
    struct spawn_step step = {.phase = SPAWN_VOLUMES, .what = "mount a volume", .run = bind_one};
    struct bindings *self;
    void *state;
    int rc = 0;

    if (!want->volumes_count)
        return 0;
    state = self = bindings_new(want->volumes_count);
    for (size_t i = 0; i < want->volumes_count && rc == 0; i++) {
        step.data = bindings_add(self, want->volumes[i].path, want->volumes[i].container_path,
                                 want->volumes[i].read_only);
        rc = spawn_add_step(spawn, &step, err);
    }
    if (rc < 0)
        bindings_destroy(&state);
    else
        *ret_state = state;
    return rc;
}

static const char *const persistent_with[] = {"namespaces/mount", NULL};

const struct isolator_ops isolator_volume_persistent = {
    .name = "volume/persistent",
    .needs = ISOLATOR_PRIVILEGED,
    .with = persistent_with,
    .prepare = persistent_prepare,
    .destroy = bindings_destroy,
};
