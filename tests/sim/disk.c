/* tests/sim/disk.c - what an agent has written down of its resources, and the volumes themselves.
 *
 * Held here: a volume is made and removed by its operation and by nothing else, none goes while
 * something that counts uses it, and what is launched on a volume finds it there.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

struct disk {
    struct sim_agent *agent;
    struct arena *arena; /* owned; of kept */
    const struct msg_keep_resources *kept;
    struct resources volumes; /* as they lie there */
};

struct disk *disk_new(struct sim_agent *agent)
{
    struct disk *self = mem_new(struct disk);

    self->agent = agent;
    return self;
}

void disk_free(struct disk **self_p)
{
    if (!*self_p)
        return;
    resources_fini(&(*self_p)->volumes);
    arena_destroy(&(*self_p)->arena);
    free(*self_p);
    *self_p = NULL;
}

const struct msg_keep_resources *disk_kept(const struct disk *self)
{
    return self->kept;
}

/* The volumes among these; of a shared one it is no matter how often. */
static void volumes_of(const struct resource_info *items, size_t count, struct resources *ret)
{
    CLEANUP(resources_fini) struct resources all = {0}, volumes = {0};

    if (resources_from_info(&all, items, count, NULL) < 0)
        return;
    for (size_t i = 0; i < all.count; i++) {
        const struct resources one = {.items = &all.items[i], .count = 1};

        if (resource_volume(&all.items[i]))
            resources_add(&volumes, &one, NULL);
    }
    resources_swap(ret, &volumes);
}

static bool is_on(const struct resources *volumes, const struct resource *wanted)
{
    for (size_t i = 0; i < volumes->count; i++)
        if (!strcmp(volumes->items[i].role, wanted->role) &&
            !strcmp(volumes->items[i].terms->volume->id, wanted->terms->volume->id))
            return true;
    return false;
}

static void check_unused(const struct disk *self, const struct resource *volume)
{
    const struct container *container;

    DL_FOREACH (self->agent->containers, container)
        for (size_t i = 0; i < container->volumes.count; i++)
            if (resource_volume(&container->volumes.items[i]) &&
                is_on(&(struct resources){.items = (struct resource *)volume, .count = 1},
                      &container->volumes.items[i]))
                sim_fail(self->agent->process.sim, "%s removes volume %s, which %s uses",
                         self->agent->process.name, volume->terms->volume->id, container->id);
}

static void check_changes(const struct disk *self, const struct resources *volumes,
                          enum operation_kind kind)
{
    struct sim *sim = self->agent->process.sim;

    for (size_t i = 0; i < volumes->count; i++)
        if (!is_on(&self->volumes, &volumes->items[i]) && kind != OPERATION_CREATE)
            sim_fail(sim, "%s makes volume %s, and nobody asked for it", self->agent->process.name,
                     volumes->items[i].terms->volume->id);
    for (size_t i = 0; i < self->volumes.count; i++) {
        if (is_on(volumes, &self->volumes.items[i]))
            continue;
        if (kind != OPERATION_DESTROY)
            sim_fail(sim, "%s loses volume %s", self->agent->process.name,
                     self->volumes.items[i].terms->volume->id);
        check_unused(self, &self->volumes.items[i]);
    }
}

int disk_keep(void *agent, const struct msg_keep_resources *record,
              const struct msg_apply_operation *operation, struct err *err)
{
    struct disk *self = ((struct sim_agent *)agent)->disk;
    struct sim *sim = self->agent->process.sim;
    CLEANUP(resources_fini) struct resources volumes = {0};
    struct arena *arena;

    sim_check_inert(sim, "a change of resources");
    if (sim->phase == SIM_BAD_TIME && !sim->plan.calm && sim_chance(sim, 5))
        return err_set(err, -ENOSPC, "the disk is full");
    volumes_of(record->resources, record->resources_count, &volumes);
    check_changes(self, &volumes, operation ? operation->kind : 0);
    resources_swap(&self->volumes, &volumes);
    arena = arena_new(0);
    self->kept = message_copy_body(MSG_KEEP_RESOURCES, record, arena);
    arena_destroy(&self->arena);
    self->arena = arena;
    return 0;
}

void disk_check_volumes(const struct disk *self, const struct container *container)
{
    for (size_t i = 0; i < container->volumes.count; i++)
        if (resource_volume(&container->volumes.items[i]) &&
            !is_on(&self->volumes, &container->volumes.items[i]))
            sim_fail(self->agent->process.sim, "%s is launched on volume %s, which is not there",
                     container->id, container->volumes.items[i].terms->volume->id);
}
