/* tests/sim/volumes.c - the folders of volumes on an agent's machine, which outlive everything but their
 * destruction.
 *
 * Held here: each volume that is written down has its folder, whatever crashed; a folder goes only when it is
 * written that its volume is none any more; none goes while something that counts uses it; what is launched
 * on a volume finds it there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/agent.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

struct folder {
    UT_hash_handle hh;
    char name[]; /* role/id */
};

static char *name_of(struct sim *sim, const char *role, const char *id)
{
    return arena_printf(sim->arena, "%s/%s", role, id);
}

static struct folder *folder_find(const struct sim_agent *self, const char *role, const char *id)
{
    const char *name = name_of(self->process.sim, role, id);
    struct folder *folder;

    HASH_FIND_STR(self->folders, name, folder);
    return folder;
}

static void folder_free(struct sim_agent *self, struct folder *folder)
{
    HASH_DEL(self->folders, folder);
    free(folder);
}

void volumes_fini(struct sim_agent *self)
{
    while (self->folders)
        folder_free(self, self->folders);
}

/* What is written down, the newest record. */
static void written_volumes(const struct sim_agent *self, struct resources *ret)
{
    CLEANUP(resources_fini) struct resources kept = {0};

    resources_fini(ret);
    for (size_t i = 0; i < self->disk.committed; i++)
        if (self->disk.records[i].type == MSG_KEEP_RESOURCES &&
            resources_from_info(&kept, self->disk.records[i].keep_resources->resources,
                                self->disk.records[i].keep_resources->resources_count, NULL) < 0)
            sim_fail(self->process.sim, "%s has written down what is no resource",
                     self->process.name);
    resources_swap(ret, &kept);
}

static bool is_written(const struct sim_agent *self, const char *role, const char *id)
{
    CLEANUP(resources_fini) struct resources kept = {0};

    written_volumes(self, &kept);
    for (size_t i = 0; i < kept.count; i++)
        if (resource_volume(&kept.items[i]) && !strcmp(kept.items[i].role, role) &&
            !strcmp(kept.items[i].terms->volume->id, id))
            return true;
    return false;
}

int volumes_make(void *agent, const char *role, const char *id, struct err *err)
{
    struct sim_agent *self = agent;
    struct sim *sim = self->process.sim;
    struct folder *folder = folder_find(self, role, id);
    const char *name = name_of(sim, role, id);

    sim_check_inert(sim, "a volume is made");
    if (self->disk.is_full ||
        (sim->phase == SIM_BAD_TIME && !sim->plan.calm && sim_chance(sim, 10)))
        return err_set(err, -ENOSPC, "the disk is full");
    if (folder && is_written(self, role, id))
        sim_fail(sim, "%s makes volume %s, which there is", self->process.name, name);
    if (folder)
        return 0; /* an empty one, of a creation that was not written */
    folder = mem_calloc(1, sizeof(*folder) + strlen(name) + 1);
    memcpy(folder->name, name, strlen(name) + 1);
    HASH_ADD_STR(self->folders, name, folder);
    return 0;
}

static bool holds(const struct container *container, const char *role, const char *id)
{
    CLEANUP(free_p) char *folder = agent_volume_folder(role);
    CLEANUP(free_p) char *name = mem_printf("/%s/%s", folder, id);

    for (size_t i = 0; i < container->held_count; i++)
        if (strlen(container->held[i]) > strlen(name) &&
            !strcmp(container->held[i] + strlen(container->held[i]) - strlen(name), name))
            return true;
    return false;
}

static bool has_volume(const struct container *container, const char *role, const char *id)
{
    if (holds(container, role, id))
        return true;
    for (size_t i = 0; i < container->volumes.count; i++)
        if (resource_volume(&container->volumes.items[i]) &&
            !strcmp(container->volumes.items[i].role, role) &&
            !strcmp(container->volumes.items[i].terms->volume->id, id))
            return true;
    return false;
}

void volumes_remove(void *agent, const char *role, const char *id)
{
    struct sim_agent *self = agent;
    struct folder *folder = folder_find(self, role, id);
    const struct container *container;

    sim_check_inert(self->process.sim, "a volume is removed");
    if (is_written(self, role, id))
        sim_fail(self->process.sim, "%s removes volume %s, which is written down to be there",
                 self->process.name, id);
    DL_FOREACH (self->containers, container)
        if (container->state != CONTAINER_ENDED && has_volume(container, role, id))
            sim_fail(self->process.sim, "%s removes volume %s, which %s uses", self->process.name,
                     id, container->id);
    if (folder)
        folder_free(self, folder);
}

void volumes_check_launch(const struct sim_agent *self, const struct container *container)
{
    for (size_t i = 0; i < container->volumes.count; i++) {
        const struct resource *portion = &container->volumes.items[i];

        if (resource_volume(portion) &&
            !folder_find(self, portion->role, portion->terms->volume->id))
            sim_fail(self->process.sim, "%s is launched on volume %s, which is not there",
                     container->id, portion->terms->volume->id);
    }
}

void volumes_check(const struct sim_agent *self)
{
    CLEANUP(resources_fini) struct resources kept = {0};

    written_volumes(self, &kept);
    for (size_t i = 0; i < kept.count; i++)
        if (resource_volume(&kept.items[i]) &&
            !folder_find(self, kept.items[i].role, kept.items[i].terms->volume->id))
            sim_fail(self->process.sim, "%s has lost volume %s", self->process.name,
                     kept.items[i].terms->volume->id);
}

void sim_agent_has(const struct sim_agent *self, struct resources *ret)
{
    CLEANUP(resources_fini) struct resources changed = {0}, base = {0};

    written_volumes(self, &changed);
    resources_copy(ret, &self->total);
    if (resources_undo(&changed, &base, NULL) < 0 ||
        resources_exchange(ret, &base, &changed, NULL) < 0)
        sim_fail(self->process.sim, "%s has written down what it cannot have", self->process.name);
}
