#include "isolators/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/mounting.h"
#include "proto/isolation.h"

struct bindings *bindings_new(size_t max)
{
    return mem_calloc(1, sizeof(struct bindings) + max * sizeof(struct binding));
}

struct binding *bindings_add(struct bindings *self, const char *source, const char *target,
                             bool is_read_only)
{
    struct binding *binding = &self->items[self->count++];

    *binding = (struct binding){mem_strdup(source), mem_strdup(target), is_read_only};
    return binding;
}

void bindings_destroy(void **state_p)
{
    struct bindings *self = TAKE(*state_p);

    for (size_t i = 0; self && i < self->count; i++) {
        free(self->items[i].source);
        free(self->items[i].target);
    }
    free(self);
}

int bindings_prepare(const struct isolation *want, enum mount_source kind,
                     const struct spawn_step *step, struct spawn *spawn, void **ret_state,
                     struct err *err)
{
    const struct isolation_info *asks = want->asks;
    struct bindings *self = NULL;
    void *state = NULL;
    int rc = 0;

    for (size_t i = 0; i < asks->mounts_count && rc == 0; i++) {
        const struct isolation_mount *mount = &asks->mounts[i];
        struct spawn_step one = *step;

        if (mount->source_kind != kind)
            continue;
        if (!self)
            state = self = bindings_new(asks->mounts_count);
        one.data = bindings_add(self, mount->source, mount->container_path, mount->read_only);
        rc = spawn_add_step(spawn, &one, err);
    }
    if (rc < 0) {
        bindings_destroy(&state);
        return rc;
    }
    if (state)
        *ret_state = state;
    return 0;
}

int bindings_open_sandbox(const struct spawned *spawned, int *ret_fd, struct err *err)
{
    CLEANUP(close_fd)
    int fd = open(spawned->sandbox, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat found, made;

    if (fd < 0 || fstat(fd, &found) < 0 || fstat(spawned->sandbox_fd, &made) < 0)
        return err_errno(err, -errno, "its sandbox");
    if (found.st_dev != made.st_dev || found.st_ino != made.st_ino)
        return err_set(err, -ESTALE, "its sandbox is not where it was made any more");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int bindings_open_seen(const struct spawned *spawned, int *ret_fd, struct err *err)
{
    if (spawned->root_fd < 0)
        return bindings_open_sandbox(spawned, ret_fd, err);
    return mounting_open(spawned->root_fd, ISOLATION_SANDBOX, MOUNTING_NO_LINKS | MOUNTING_DIR,
                         ret_fd, err);
}

static int open_target(const struct spawned *spawned, const struct binding *binding, bool is_dir,
                       int *ret_fd, struct err *err)
{
    if (spawned->root_fd >= 0)
        return mounting_make(spawned->root_fd, binding->target, is_dir, ret_fd, err);
    return mounting_open(-1, binding->target, MOUNTING_NO_LINKS, ret_fd, err);
}

int bindings_bind(const struct spawned *spawned, int source_fd, const struct binding *binding,
                  struct err *err)
{
    const uint64_t attributes =
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (binding->is_read_only ? MOUNT_ATTR_RDONLY : 0);
    CLEANUP(close_fd) int target_fd = -1;
    struct stat info;
    int rc;

    if (fstat(source_fd, &info) < 0)
        return err_errno(err, -errno, "%.100s", binding->source);
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
        return err_set(err, -EPERM, "%.100s is neither a folder nor a file", binding->source);
    rc = open_target(spawned, binding, S_ISDIR(info.st_mode), &target_fd, err);
    if (rc == 0)
        rc = mounting_bind(source_fd, target_fd, attributes, err);
    return rc < 0
               ? err_wrap(err, rc, "cannot mount %.80s at %.80s", binding->source, binding->target)
               : 0;
}
