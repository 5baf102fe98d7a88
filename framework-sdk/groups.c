/* Groups of tasks: from what an author writes to one LAUNCH_GROUP, on named offers or where it fits. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "framework-sdk/err.h"
#include "framework-sdk/fit.h"
#include "framework-sdk/scheduler.h"
#include "framework-sdk/tasks.h"
#include "proto/groups.h"
#include "proto/message.h"
#include "proto/mounts.h"

/* --- into what goes over the wire --------------------------------------------------------------- */

static const struct port_mapping *ports_to_info(const struct proffer_group *group,
                                                struct arena *arena)
{
    struct port_mapping *infos = arena_array(arena, group->port_count, sizeof(*infos));

    for (size_t i = 0; i < group->port_count; i++)
        infos[i] = (struct port_mapping){.host_port = group->ports[i].host_port,
                                         .container_port = group->ports[i].container_port,
                                         .protocol = group->ports[i].protocol};
    return infos;
}

/* In `arena`, and borrows nothing of the group. */
static int group_to_info(const struct proffer_group *group, struct arena *arena,
                         const struct group_info **ret_info, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *scratch = arena_new(0);
    struct group_info info = {
        .id = group->id ? group->id : "",
        .volumes = group->volumes,
        .network = group->network,
        .port_mappings = ports_to_info(group, scratch),
        .port_mappings_count = group->port_count,
        .hostname = group->hostname,
        .shm_bytes = group->shm_bytes,
    };

    while (group->volumes && group->volumes[info.volumes_count])
        info.volumes_count++;
    info.labels = sdk_labels_to_info(group->labels, scratch, &info.labels_count);
    if (record_check(&group_info_def, &info, err) < 0)
        return err_wrap(err, -EINVAL, "group %.80s", info.id);
    *ret_info = record_copy(&group_info_def, &info, arena);
    return *ret_info ? 0 : err_set(err, -EMSGSIZE, "the group does not fit in one message");
}

static const struct group_member *member_of(const struct proffer_task *task,
                                            const struct group_info *group, struct arena *arena)
{
    struct group_member *member = arena_alloc(arena, sizeof(*member));

    if (member)
        *member =
            (struct group_member){.id = group->id,
                                  .part = task->part ? (enum group_part)task->part : GROUP_MAIN,
                                  .may_end = task->may_end};
    return member;
}

static int check(const struct group_info *group, const struct task_info *infos, size_t count,
                 struct err *err)
{
    const char *task_id;
    int rc = group_check(group, infos, count, &task_id, err);

    if (rc < 0 && task_id)
        err_wrap(err, rc, "task %.80s", task_id);
    return rc < 0 ? err_wrap(err, -EINVAL, "group %.80s", group->id) : 0;
}

/* --- on named offers ---------------------------------------------------------------------------- */

int proffer_accept_group(struct proffer_scheduler *scheduler, const char *const *offer_ids,
                         size_t offer_count, const struct proffer_group *group,
                         const struct proffer_task *tasks, size_t task_count, double refuse_seconds,
                         struct proffer_err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(SDK_ACCEPT_MAX);
    struct task_info *infos = arena_array(arena, task_count, sizeof(*infos));
    const char *agent_id = offer_count ? driver_offer_agent(scheduler->driver, offer_ids[0]) : NULL;
    struct operation_info launch = {
        .kind = OPERATION_LAUNCH_GROUP, .tasks = infos, .tasks_count = task_count};
    const struct sdk_work work = {.operations = &launch, .operations_count = 1};
    int rc = 0;

    if (!offer_count || !agent_id)
        return err_set(sdk_err(err), offer_count ? -ENOENT : -EINVAL,
                       offer_count ? "the offer is not ours: answered, rescinded or void"
                                   : "no offer is named");
    if (!infos)
        return err_set(sdk_err(err), -EMSGSIZE, "%zu tasks do not fit in one message", task_count);
    rc = group_to_info(group, arena, &launch.group, sdk_err(err));
    for (size_t i = 0; i < task_count && rc >= 0; i++) {
        rc = sdk_task_on_offer(&tasks[i], agent_id, arena, &infos[i], sdk_err(err));
        if (rc >= 0)
            infos[i].group = member_of(&tasks[i], launch.group, arena);
    }
    if (rc >= 0)
        rc = check(launch.group, infos, task_count, sdk_err(err));
    return rc < 0 ? rc
                  : sdk_accept(scheduler, offer_ids, offer_count, &work,
                               sdk_refuse_ms(refuse_seconds), sdk_err(err));
}

/* --- where it fits ------------------------------------------------------------------------------ */

static bool has_same(const struct resources *sum, const struct resource *volume)
{
    for (size_t i = 0; i < sum->count; i++) {
        const struct volume *other = resource_volume(&sum->items[i]);

        if (other && !strcmp(other->id, resource_volume(volume)->id) &&
            !strcmp(resource_role(&sum->items[i]), resource_role(volume)))
            return true;
    }
    return false;
}

/* A volume may be wanted by several: whether it is a shared one only offers say. */
static int add_once(struct resources *sum, const struct resources *want, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < want->count && rc >= 0; i++) {
        const struct resources one = {.items = &want->items[i], .count = 1};

        if (!resource_volume(&want->items[i]) || !has_same(sum, &want->items[i]))
            rc = resources_add(sum, &one, err);
    }
    return rc;
}

static int sum_up(const struct proffer_task *tasks, size_t count, struct resources *ret_sum,
                  struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc >= 0; i++) {
        CLEANUP(resources_fini) struct resources want = {0};

        rc = sdk_task_parse_resources(&tasks[i], &want, err);
        if (rc >= 0)
            rc = add_once(ret_sum, &want, err);
    }
    return rc;
}

/* That one before it has the volume that is lacking says more than that it is. */
static int explain(const struct resources *want, const struct task_info *infos, size_t count,
                   int rc, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < infos[i].resources_count; j++) {
            const struct resource_info *has = &infos[i].resources[j];

            for (size_t k = 0; k < want->count && has->volume && !has->volume->shared; k++)
                if (resource_volume(&want->items[k]) && mounts_has(&infos[i], &want->items[k]) &&
                    !strcmp(resource_volume(&want->items[k])->id, has->volume->id))
                    return group_volume_is_taken(has->volume->id, infos[i].task_id, rc, err);
        }
    return rc;
}

/* One after the other, each from what the one before has left. */
static int carve_all(struct heap *heap, const struct proffer_task *tasks, size_t count,
                     const struct group_info *group, struct task_info *infos, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc >= 0; i++) {
        CLEANUP(resources_fini) struct resources want = {0};
        CLEANUP(resources_fini) struct resources granted = {0};
        CLEANUP(resources_fini) struct resources left = {0};
        const struct task_info *info;

        rc = sdk_task_parse_resources(&tasks[i], &want, err);
        if (rc >= 0)
            rc = fit_carve(heap, &want, tasks[i].ports, &granted, &left, err);
        if (rc == -ERANGE)
            rc = explain(&want, infos, i, rc, err);
        if (rc >= 0)
            rc = sdk_task_to_info(&tasks[i], heap->first->agent_id, &granted, heap_arena(heap),
                                  &info, err);
        if (rc < 0)
            break;
        resources_swap(&heap->left, &left);
        infos[i] = *info;
        infos[i].group = member_of(&tasks[i], group, heap_arena(heap));
    }
    return rc;
}

/* All of it, or the heap is as it was. */
static int place(struct proffer_fit *fit, struct heap *heap, const struct proffer_group *group,
                 const struct proffer_task *tasks, size_t count, struct err *err)
{
    CLEANUP(resources_fini) struct resources before = {0};
    struct task_info *infos = arena_array(heap_arena(heap), count, sizeof(*infos));
    struct operation_info launch = {
        .kind = OPERATION_LAUNCH_GROUP, .tasks = infos, .tasks_count = count};
    int rc = infos ? group_to_info(group, heap_arena(heap), &launch.group, err)
                   : err_set(err, -EMSGSIZE, "the group does not fit in one message any more");

    resources_copy(&before, &heap->left);
    if (rc >= 0)
        rc = carve_all(heap, tasks, count, launch.group, infos, err);
    if (rc >= 0)
        rc = check(launch.group, infos, count, err);
    if (rc < 0) {
        resources_swap(&heap->left, &before);
        return rc;
    }
    heap->operations =
        mem_resize(heap->operations, heap->operations_count + 1, sizeof(*heap->operations));
    heap->operations[heap->operations_count++] = launch;
    heap->grouped += count;
    for (size_t i = 0; i < count; i++)
        fit_note_placed(fit, heap, infos[i].task_id);
    return 0;
}

int proffer_fit_launch_group(struct proffer_fit *fit, const struct proffer_group *group,
                             const struct proffer_task *tasks, size_t task_count,
                             struct proffer_err *err)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    struct err miss = {.text = "there is no offer"};
    bool is_first = true;
    struct heap *heap;
    int rc = sum_up(tasks, task_count, &sum, sdk_err(err));

    for (size_t i = 0; i < task_count && rc >= 0; i++)
        if (tasks[i].id && fit_is_placed(fit, tasks[i].id))
            rc = err_set(sdk_err(err), -EEXIST, "task %s is alive already", tasks[i].id);
    if (rc < 0)
        return rc;
    fit_measure(fit, &sum);
    while ((heap = fit_next(fit))) {
        struct err why = {0};

        rc = place(fit, heap, group, tasks, task_count, &why);
        if (rc != -ERANGE && rc != -EMSGSIZE)
            return rc < 0 ? err_set(sdk_err(err), rc, "%s", why.text) : 0;
        if (is_first)
            err_set(&miss, rc, "%s %.128s", heap->first->hostname, why.text);
        is_first = false;
    }
    return err_set(sdk_err(err), -ENOSPC, "group %.64s fits nowhere: %.170s",
                   group->id ? group->id : "?", miss.text);
}
