/* tests/sim/pods.c - groups of tasks: what a good framework has for one offer it now and then launches as one.
 *
 * Held here: none is launched before its turn, nor without its holder; what goes to an agent is all of it; when one has
 * failed, none of the others goes on for long; what the last one had, and the ports that lead to the group, nobody else
 * has before the holder has ended; a volume that others mount is nobody else's before these have ended.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "proto/executors.h"
#include "proto/groups.h"
#include "tests/sim/world.h"

/* --- who asks for one ---------------------------------------------------------------------------- */

/* The last is a main one; what comes before it may be anything. */
static enum group_part draw_part(struct sim *sim, size_t number, size_t count)
{
    static const enum group_part parts[] = {GROUP_INIT, GROUP_SIDECAR, GROUP_MAIN, GROUP_MAIN};

    return number + 1 == count ? GROUP_MAIN : SIM_PICK(sim, parts);
}

/* Of a volume that one has, and that is not shared, others want to be let into. */
static void draw_mounts(struct sim *sim, const struct resource_info *volume, size_t owner,
                        struct task_info *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct mount_info *mount;

        if (i == owner || tasks[i].mounts_count || sim_chance(sim, 20))
            continue;
        mount = arena_alloc(sim->arena, sizeof(*mount));
        *mount = (struct mount_info){.volume_id = volume->volume->id,
                                     .role = volume->role,
                                     .container_path = "lent",
                                     .read_only = sim_chance(sim, 50)};
        tasks[i].mounts = mount;
        tasks[i].mounts_count = 1;
    }
}

static void draw_all_mounts(struct sim *sim, struct task_info *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < tasks[i].resources_count; j++)
            if (tasks[i].resources[j].volume && !tasks[i].resources[j].volume->shared)
                draw_mounts(sim, &tasks[i].resources[j], i, tasks, count);
}

/* Keepers have volumes, and not much else to launch. */
static bool makes_pod(const struct instance *self)
{
    struct sim *sim = self->process.sim;

    if (sim->plan.calm)
        return false;
    if (self->framework->character == &keeper_character)
        return sim_chance(sim, 80);
    return self->framework->character == &batch_character && sim_chance(sim, 40);
}

/* Executors and what runs in them are in no group: whoever goes on asking for that is asked ever more rarely. */
static bool is_refused(const struct task_info *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tasks[i].executor || task_is_inside(&tasks[i]))
            return true;
    return false;
}

void pods_draw(struct instance *self, struct operation_info *launch, struct task_info *tasks,
               size_t count)
{
    struct sim *sim = self->process.sim;
    static const struct port_mapping web = {.container_port = 8080};
    struct group_info *group;
    struct group_member *members;

    if (count < 2 || !makes_pod(self) || (sim->phase != SIM_BAD_TIME && is_refused(tasks, count)))
        return;
    group = arena_alloc(sim->arena, sizeof(*group));
    members = arena_array(sim->arena, count, sizeof(*members));
    group->id = arena_printf(sim->arena, "g%llu", (unsigned long long)++sim->groups_count);
    for (size_t i = 0; i < count; i++) {
        members[i] = (struct group_member){.id = group->id, .part = draw_part(sim, i, count)};
        members[i].may_end = members[i].part == GROUP_SIDECAR && sim_chance(sim, 70);
        tasks[i].group = &members[i];
    }
    draw_all_mounts(sim, tasks, count);
    if (sim_chance(sim, 50)) {
        group->network = "bridge";
        group->port_mappings = &web;
        group->port_mappings_count = 1;
    }
    launch->kind = OPERATION_LAUNCH_GROUP;
    launch->group = group;
}

void pods_on_launch(struct instance *self, const struct operation_info *launch)
{
    struct sim *sim = self->process.sim;

    if (launch->kind != OPERATION_LAUNCH_GROUP)
        return;
    for (size_t i = 0; i < launch->tasks_count; i++) {
        const struct task_info *task = &launch->tasks[i];
        struct fact *fact = fact_get(sim, self->framework->id, task->task_id);

        fact->group = sim->groups_count;
        fact->part = group_part_of(task);
        fact->may_end = task->group->may_end;
        fact->maps_ports = launch->group->port_mappings_count > 0;
        fact->number = (int64_t)i;
    }
}

/* --- its turn ------------------------------------------------------------------------------------ */

static bool holder_runs(const struct sim_agent *agent, const char *id)
{
    const struct container *container;

    DL_FOREACH (agent->containers, container)
        if (!strcmp(container->id, id))
            return container->is_holder && container->state == CONTAINER_RUNS;
    return false;
}

/* What `one` waits for, if it is another of the group. */
static bool has_turn(const struct fact *one, const struct fact *other)
{
    if (other->part == GROUP_INIT && (one->part != GROUP_INIT || other->number < one->number))
        return other->has_succeeded;
    if (other->part == GROUP_SIDECAR &&
        (one->part == GROUP_MAIN || (one->part == GROUP_SIDECAR && other->number < one->number)))
        return other->has_started || (other->may_end && other->has_ended);
    return true;
}

static bool has_same_volume(const struct container *a, const struct container *b)
{
    for (size_t i = 0; i < a->held_count; i++)
        for (size_t j = 0; j < b->held_count; j++)
            if (!strcmp(a->held[i], b->held[j]))
                return true;
    return false;
}

/* One that is not shared is had by one, and by others of its group. */
static void check_volumes(const struct container *container)
{
    const struct container *other;
    const struct fact *fact = container->fact;

    DL_FOREACH (container->agent->containers, other)
        if (other != container && other->state != CONTAINER_ENDED &&
            (!fact->group || other->fact->group != fact->group) &&
            has_same_volume(container, other))
            sim_fail(container->agent->process.sim, "%s and %s have one volume", container->id,
                     other->id);
}

void pods_check_launch(const struct container *container, const struct msg_launch_container *order)
{
    const struct fact *fact = container->fact, *other;
    struct sim *sim = container->agent->process.sim;

    check_volumes(container);
    if (!fact->group)
        return;
    /* It may have ended just now, and the agent has not heard. */
    if (!order->holder || !*order->holder)
        sim_fail(sim, "task %s of a group is launched without a holder", fact->key);
    else if (!holder_runs(container->agent, order->holder))
        sim_trace(sim, "the holder of %s has ended", container->id);
    for (other = sim->facts; other; other = other->hh.next)
        if (other->group == fact->group && other != fact && !has_turn(fact, other))
            sim_fail(sim, "task %s is launched before its turn: %s is not done", fact->key,
                     other->key);
}

/* --- the end ------------------------------------------------------------------------------------- */

static bool is_last(const struct sim *sim, const struct fact *fact)
{
    for (const struct fact *other = sim->facts; other; other = other->hh.next)
        if (other->group == fact->group && !other->is_told)
            return false;
    return true;
}

static struct container *living_holder(const struct container *container)
{
    struct container *holder;

    DL_FOREACH (container->agent->containers, holder)
        if (holder->state != CONTAINER_ENDED && !strcmp(holder->id, container->holder))
            return holder;
    return NULL;
}

/* The ports of the host that lead to its group: whichever the holder has chosen. */
static void copy_ports(struct resources *ret, const struct container *container)
{
    for (size_t i = 0; i < container->granted.count && container->fact->maps_ports; i++)
        if (!strcmp(container->granted.items[i].name, "ports"))
            resources_add_portion(ret, &container->granted.items[i], NULL);
}

/* What the last was granted is the holder's now, and what of others leads to the group. */
void pods_on_told(struct container *container)
{
    struct sim_agent *agent = container->agent;
    CLEANUP(resources_fini) struct resources kept = {0};
    struct container *holder;

    if (!container->fact->group || !*container->holder ||
        (container->is_not_launched && !container->fact->is_decided))
        return;
    container->fact->is_told = true;
    holder = container->is_passed ? NULL : living_holder(container);
    if (!holder)
        return;
    if (is_last(agent->process.sim, container->fact))
        resources_copy(&kept, &container->granted);
    else
        copy_ports(&kept, container);
    if (resources_are_empty(&kept))
        return;
    container->is_passed = true;
    if (resources_add(&holder->resources, &kept, NULL) < 0 ||
        resources_add(&agent->in_use, &kept, NULL) < 0)
        sim_fail(agent->process.sim, "what %s had is another's before its holder has ended",
                 container->fact->key);
}

static bool has_failed(const struct fact *fact)
{
    return fact->has_ended && !fact->has_succeeded && !fact->container &&
           !(fact->part == GROUP_SIDECAR && fact->may_end);
}

int pods_check_ends(const struct sim *sim, struct err *why)
{
    for (const struct fact *one = sim->facts; one; one = one->hh.next) {
        if (!one->group || !has_failed(one))
            continue;
        for (const struct fact *other = sim->facts; other; other = other->hh.next)
            if (other->group == one->group && other->container)
                return err_set(why, -EAGAIN, "task %.100s runs, and %.100s of its group has failed",
                               other->key, one->key);
    }
    return 0;
}
