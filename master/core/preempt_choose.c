/* master/core/preempt_choose.c - which tasks of an agent are to give way to a need.
 *
 * Of the agents looked at the one is chosen where least is lost: by the most valuable of its victims, then
 * by their number. Sources: Kubernetes' preemption (victims are chosen on one node, as many as possible
 * are reprieved, the most valuable first); Borg (section 3.2: bands of priority, no cascades).
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mutant.h"
#include "master/core/books.h"
#include "master/core/filters.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"
#include "master/core/optimistic.h"
#include "master/core/preempt_state.h"
#include "master/core/tasks.h"

/* --- who comes after whom ---------------------------------------------------------- */

int64_t preempt_role_priority(const struct master *master, const char *role)
{
    size_t size = strlen(role);

    while (size) {
        struct policy *policy;

        HASH_FIND(hh, master->policies, role, size, policy);
        if (policy && policy->record->has_priority)
            return policy->record->priority;
        while (size > 0 && role[size - 1] != '/')
            size--;
        size -= size > 0;
    }
    return 0;
}

/* May the task have to give way to the need at all? Guarantees apart. */
bool preempt_comes_after(const struct seek *seek, const struct task *task)
{
    const struct subscription *other = task->subscription;

    if (MUTATE(PREEMPT_ANYBODY))
        return true;
    if (task->is_revocable && other != seek->subscription)
        return true;
    if (!strcmp(other->role, seek->subscription->role))
        return seek->need->info->count && task->priority < seek->need->info->priority;
    if (seek->lacking && !role_is_within(other->role, seek->lacking))
        return true;
    return seek->need->info->count &&
           preempt_role_priority(seek->master, other->role) < seek->role_priority;
}

/* An executor goes when its tasks have gone, which may come before it or not: its end would be theirs. */
static bool is_candidate(const struct seek *seek, const struct task *task)
{
    return task->is_holding && !task->victim && !task->is_kill_wanted &&
           (!task->is_grouped || MUTATE(PREEMPT_GROUPED)) && task->state != TASK_KILLING &&
           task->subscription->framework->state != FRAMEWORK_REMOVED &&
           preempt_comes_after(seek, task) &&
           losses_left(seek->master, task->subscription->role) > 0 && !task_has_tasks(task);
}

/* With what it is compared by. */
struct candidate {
    struct task *task;
    int64_t role_priority;
};

/* Who gives way first comes first. */
static int compare(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->task->is_revocable != y->task->is_revocable)
        return x->task->is_revocable ? -1 : 1;
    if (x->role_priority != y->role_priority)
        return x->role_priority < y->role_priority ? -1 : 1;
    if (x->task->priority != y->task->priority)
        return x->task->priority < y->task->priority ? -1 : 1;
    if (x->task->since_us != y->task->since_us)
        return x->task->since_us > y->task->since_us ? -1 : 1;
    return strcmp(x->task->id, y->task->id);
}

static struct candidate *list_candidates(const struct seek *seek, size_t *ret_count)
{
    const struct agent *agent = seek->agent;
    struct candidate *candidates;
    size_t room, count = 0;
    struct task *task;

    DL_COUNT(agent->tasks, task, room);
    candidates = arena_array(seek->master->scratch, room, sizeof(struct candidate));
    DL_FOREACH (agent->tasks, task)
        if (is_candidate(seek, task))
            candidates[count++] = (struct candidate){
                task, preempt_role_priority(seek->master, task->subscription->role)};
    if (count)
        qsort(candidates, count, sizeof(*candidates), compare);
    *ret_count = count;
    return candidates;
}

/* --- would there be room? ------------------------------------------------------------ */

/* Of the yields from `first` to `end`. */
static void cut_after(const struct seek *seek, size_t first, size_t end,
                      struct resources *available)
{
    allocator_cut_after(seek->master->allocator, seek->subscription->client, seek->yields + first,
                        end - first, available);
}

/* What the subscription could be offered of `sum`, if all of `yields` had come to pass, and also if those that
 * were under way before had not: they may last longer, or come to nothing. */
static void available_after(const struct seek *seek, const struct resources *sum, size_t yields,
                            struct resources *ret_available)
{
    resources_for_role(ret_available, sum, seek->subscription->role);
    resources_drop_revocable(ret_available);
    cut_after(seek, 0, yields, ret_available);
    cut_after(seek, seek->base, yields, ret_available);
}

static bool fits(const struct seek *seek, const struct resources *sum, size_t yields)
{
    CLEANUP(resources_fini) struct resources available = {0};

    available_after(seek, sum, yields, &available);
    return need_units(seek->need, seek->agent, &available) > 0;
}

/* There is room for it already, or there will be when what is under way is done. */
static bool fits_in_time(const struct seek *seek, const struct resources *sum)
{
    CLEANUP(resources_fini) struct resources available = {0};

    resources_for_role(&available, sum, seek->subscription->role);
    resources_drop_revocable(&available);
    cut_after(seek, 0, seek->base, &available);
    return need_units(seek->need, seek->agent, &available) > 0;
}

/* What the task holds, given back: a shared volume is free already. */
static void give_back(struct resources *sum, const struct task *task)
{
    CLEANUP(resources_fini) struct resources sole = {0};

    resources_unshared(&sole, &task->resources);
    BUG_ON(resources_add(sum, &sole, NULL) < 0);
}

/* Is there something in it that the need lacks, with `available`? */
static bool helps(const struct seek *seek, const struct resources *available,
                  const struct task *task)
{
    const struct need_info *info = seek->need->info;
    CLEANUP(resources_fini) struct resources of_role = {0};

    resources_for_role(&of_role, &task->resources, seek->subscription->role);
    for (size_t i = 0; i < info->minimum_count; i++)
        if (need_amount(available, info->minimum[i].name) < info->minimum[i].scalar &&
            need_amount(&of_role, info->minimum[i].name) > 0)
            return true;
    return false;
}

static bool has_losses_left(const struct seek *seek, const struct candidate *const *chosen,
                            size_t count, const struct task *task)
{
    int64_t left = losses_left(seek->master, task->subscription->role);

    for (size_t i = 0; i < count; i++)
        left -= !strcmp(chosen[i]->task->subscription->role, task->subscription->role);
    return left > 0;
}

/* In the order in which they give way, until there is room. How many; 0: there is none. */
static size_t choose_enough(struct seek *seek, const struct candidate *candidates, size_t count,
                            const struct candidate **ret_chosen)
{
    const struct allocator *allocator = seek->master->allocator;
    CLEANUP(resources_fini) struct resources available = {0};
    size_t chosen = 0;

    available_after(seek, &seek->sum, seek->base, &available);
    for (size_t i = 0; i < count && chosen < VICTIMS_MAX; i++) {
        const struct task *task = candidates[i].task;
        size_t yields = seek->base + chosen;

        if (!helps(seek, &available, task) || !has_losses_left(seek, ret_chosen, chosen, task))
            continue;
        seek->yields[yields] = (struct allocator_yield){.client = task->subscription->client,
                                                        .resources = &task->resources};
        if (!MUTATE(PREEMPT_GUARANTEED) &&
            !allocator_may_yield(allocator, seek->subscription->client, seek->yields, seek->base,
                                 yields + 1))
            continue;
        ret_chosen[chosen++] = &candidates[i];
        give_back(&seek->sum, task);
        available_after(seek, &seek->sum, yields + 1, &available);
        if (need_units(seek->need, seek->agent, &available) > 0)
            return chosen;
    }
    return 0;
}

/* Who of them is not needed after all stays, the most valuable first. How many are left. */
static size_t reprieve(struct seek *seek, const struct candidate **chosen, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        const struct allocator_yield yield = seek->yields[seek->base + i];
        CLEANUP(resources_fini) struct resources sum = {0};

        resources_copy(&sum, &seek->agent->free);
        optimistic_leave(seek->agent, seek->subscription, true, &sum);
        for (size_t j = 0; j < count; j++)
            if (j != i)
                give_back(&sum, chosen[j]->task);
        memmove(&seek->yields[seek->base + i], &seek->yields[seek->base + i + 1],
                (count - i - 1) * sizeof(yield));
        if (fits(seek, &sum, seek->base + count - 1)) {
            memmove(&chosen[i], &chosen[i + 1], (count - i - 1) * sizeof(chosen[0]));
            resources_swap(&seek->sum, &sum);
            count--;
            continue;
        }
        memmove(&seek->yields[seek->base + i + 1], &seek->yields[seek->base + i],
                (count - i - 1) * sizeof(yield));
        seek->yields[seek->base + i] = yield;
    }
    return count;
}

/* --- one agent ------------------------------------------------------------------------- */

/* Is less lost here than with the best so far? The last of each is its most valuable one. */
static bool is_better(const struct seek *seek, const struct candidate *const *chosen, size_t count)
{
    const struct found *best = seek->best;
    struct candidate most;
    int order;

    if (!best->count)
        return true;
    most.task = best->victims[best->count - 1];
    most.role_priority = preempt_role_priority(seek->master, most.task->subscription->role);
    if (chosen[count - 1]->task->is_revocable == most.task->is_revocable &&
        chosen[count - 1]->role_priority == most.role_priority &&
        chosen[count - 1]->task->priority == most.task->priority && count != best->count)
        return count < best->count;
    order = compare(chosen[count - 1], &most);
    return order < 0;
}

static void note_best(struct seek *seek, const struct candidate *const *chosen, size_t count)
{
    CLEANUP(resources_fini) struct resources available = {0};
    CLEANUP(resources_fini) struct resources wanted = {0};
    struct found *best = seek->best;

    available_after(seek, &seek->sum, seek->base + count, &available);
    if (need_take(seek->need, &available, 1, &wanted) < 0 ||
        filter_hides_units(seek->subscription, seek->agent, &wanted))
        return;
    best->agent = seek->agent;
    best->count = count;
    best->by_guarantee = seek->lacking != NULL;
    for (size_t i = 0; i < count; i++)
        best->victims[i] = chosen[i]->task;
    resources_swap(&best->wanted, &wanted);
}

static bool is_possible(const struct seek *seek)
{
    const struct agent *agent = seek->agent;
    const struct offer *offer;

    if (!agent_is_active(agent) || !agent->tasks ||
        is_too_remote(seek->master, seek->subscription, agent) ||
        need_violated(seek->need, agent) ||
        !agent_has_time(seek->master, agent, seek->need->info->min_available_ms))
        return false;
    /* One preemption at a time on an agent: what becomes free is for that. */
    for (offer = agent->offers; offer; offer = offer->agent_next)
        if (offer->preemption)
            return false;
    return true;
}

static void choose_on(struct seek *seek)
{
    const struct candidate *chosen[VICTIMS_MAX];
    struct candidate *candidates;
    size_t count;

    candidates = list_candidates(seek, &count);
    if (!count)
        return;
    resources_copy(&seek->sum, &seek->agent->free);
    /* Something is free for it: it is filtered, or shown to others, who will answer. */
    if (fits_in_time(seek, &seek->sum))
        return;
    optimistic_leave(seek->agent, seek->subscription, true, &seek->sum);
    count = choose_enough(seek, candidates, count, chosen);
    if (!count)
        return;
    count = reprieve(seek, chosen, count);
    if (count && is_better(seek, chosen, count))
        note_best(seek, chosen, count);
}

void preempt_choose(struct seek *seek, struct agent *agent)
{
    seek->agent = agent;
    if (is_possible(seek))
        choose_on(seek);
}
