/* volume/group: folders that the tasks of a group share, where each wants them: in its sandbox, or elsewhere in its tree.
 * Where it is not in use, those in a sandbox are links. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/mounting.h"
#include "isolators/volumes.h"
#include "proto/groups.h"

struct group_state {
    char *folder; /* owned */
    uint64_t dev, ino;
    struct bindings *bindings; /* owned; sources are paths beneath the folder */
};

static void group_destroy(void **state_p)
{
    struct group_state *self = TAKE(*state_p);
    void *bindings;

    if (!self)
        return;
    bindings = self->bindings;
    bindings_destroy(&bindings);
    free(self->folder);
    free(self);
}

/* Tasks may write to the folder: nothing in it is believed, and it must be the one that the launcher has found. */
static int open_source(const struct group_state *self, const struct binding *binding, int *ret_fd,
                       struct err *err)
{
    CLEANUP(close_fd)
    int fd = open(self->folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) < 0)
        return err_errno(err, -errno, "the folder of its group");
    if (info.st_dev != self->dev || info.st_ino != self->ino)
        return err_set(err, -ESTALE, "the folder of its group is another one");
    return mounting_open(fd, binding->source, MOUNTING_NO_LINKS | MOUNTING_DIR, ret_fd, err);
}

/* Its place there was made with the sandbox. */
static int bind_in_sandbox(const struct spawned *spawned, int source_fd,
                           const struct binding *binding, struct err *err)
{
    const uint64_t attributes =
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (binding->is_read_only ? MOUNT_ATTR_RDONLY : 0);
    CLEANUP(close_fd) int sandbox_fd = -1;
    CLEANUP(close_fd) int target_fd = -1;
    int rc = bindings_open_seen(spawned, &sandbox_fd, err);

    if (rc == 0)
        rc = mounting_open(sandbox_fd, binding->target, MOUNTING_NO_LINKS | MOUNTING_DIR,
                           &target_fd, err);
    return rc < 0 ? rc : mounting_bind(source_fd, target_fd, attributes, err);
}

static int bind_one(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const struct group_state *self = step->data;
    const struct binding *binding = &self->bindings->items[step->number];
    CLEANUP(close_fd) int source_fd = -1;
    int rc = open_source(self, binding, &source_fd, err);

    if (rc == 0)
        rc = binding->target[0] == '/' ? bindings_bind(spawned, source_fd, binding, err)
                                       : bind_in_sandbox(spawned, source_fd, binding, err);
    return rc < 0 ? err_wrap(err, rc, "volume %.80s of its group", binding->source) : 0;
}

static int add(struct group_state *self, const struct isolation_mount *mount, struct spawn *spawn,
               struct err *err)
{
    const struct spawn_step step = {.phase = SPAWN_VOLUMES,
                                    .what = "mount a volume of its group",
                                    .run = bind_one,
                                    .data = self,
                                    .number = (int)self->bindings->count};
    CLEANUP(free_p) char *source = mem_printf(GROUP_VOLUMES_DIR "/%s", mount->source);

    bindings_add(self->bindings, source, mount->container_path, mount->read_only);
    return spawn_add_step(spawn, &step, err);
}

static int group_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                         struct err *err)
{
    const struct isolation_info *asks = want->asks;
    struct group_state *self;
    void *state;
    int rc = 0;

    if (!want->group || want->group->is_holder || !asks->mounts_count)
        return 0;
    state = self = mem_new(struct group_state);
    self->folder = mem_strdup(want->group->folder);
    self->dev = want->group->folder_dev;
    self->ino = want->group->folder_ino;
    self->bindings = bindings_new(asks->mounts_count);
    for (size_t i = 0; i < asks->mounts_count && rc == 0; i++)
        if (asks->mounts[i].source_kind == MOUNT_GROUP)
            rc = add(self, &asks->mounts[i], spawn, err);
    if (rc < 0)
        group_destroy(&state);
    else
        *ret_state = state;
    return rc;
}

static const char *const group_with[] = {"namespaces/mount", NULL};

const struct isolator_ops isolator_volume_group = {
    .name = "volume/group",
    .needs = ISOLATOR_PRIVILEGED,
    .with = group_with,
    .prepare = group_prepare,
    .destroy = group_destroy,
};
