/* master/core/preempt_seek.c - for which need, and on which agent, tasks are to give way.
 *
 * Only needs that stay open after an allocation are looked at, some agents at a time, so that nobody else
 * waits for it. Of the agents looked at the one is chosen where least is lost: by the most valuable of its
 * victims, then by their number. Sources: Kubernetes' preemption (victims are chosen on one node, as many
 * as possible are reprieved, the most valuable first); Borg (section 3.2: bands of priority, no
 * cascades).
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/allocator_yield.h"
#include "master/core/books.h"
#include "master/core/filters.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"
#include "master/core/optimistic.h"
#include "master/core/preempt_state.h"

#define PATIENCE_US    ((int64_t)US_PER_S) /* a need is open before others have to give way */
#define SLICE          512                 /* agents that are looked at without a pause, ... */
#define LOOKS          8192                /* ... as long as that is no more looks at tasks */
#define SLICE_PAUSE_US (10 * (int64_t)US_PER_MS)
#define TRY_AGAIN_US   ((int64_t)US_PER_S) /* when all were looked at in vain, doubled each time */
#define TRY_DOUBLINGS  6
#define OF_ONE_MAX     16 /* preemptions under way for a subscription */

/* A look at agents, for one need. */
struct seek {
    struct master *master;
    struct subscription *subscription;
    struct need *need;
    int64_t role_priority;
    const char *lacking;            /* the role whose guarantee speaks for it; NULL: none does */
    struct allocator_yield *yields; /* what is under way, and behind that what is tried */
    size_t base;                    /* of these, are under way */
    struct agent *agent;            /* that is being looked at */
    struct resources sum;           /* owned: what is free there, with what the tried ones hold */
    struct found *best;
};

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
static bool comes_after(const struct seek *seek, const struct task *task)
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

static bool is_candidate(const struct seek *seek, const struct task *task)
{
    return task->is_holding && !task->victim && !task->is_kill_wanted && !task->is_grouped &&
           task->state != TASK_KILLING &&
           task->subscription->framework->state != FRAMEWORK_REMOVED && comes_after(seek, task) &&
           losses_left(seek->master, task->subscription->role) > 0;
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

/* What the subscription could be offered of `sum`, if all of `yields` had come to pass. */
static void available_after(const struct seek *seek, const struct resources *sum, size_t yields,
                            struct resources *ret_available)
{
    resources_for_role(ret_available, sum, seek->subscription->role);
    resources_drop_revocable(ret_available);
    allocator_cut_after(seek->master->allocator, seek->subscription->client, seek->yields, yields,
                        ret_available);
}

static bool fits(const struct seek *seek, const struct resources *sum, size_t yields)
{
    CLEANUP(resources_fini) struct resources available = {0};

    available_after(seek, sum, yields, &available);
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

static void seek_on(struct seek *seek)
{
    const struct candidate *chosen[VICTIMS_MAX];
    struct candidate *candidates;
    size_t count;

    candidates = list_candidates(seek, &count);
    if (!count)
        return;
    resources_copy(&seek->sum, &seek->agent->free);
    /* Something is free for it: it is filtered, or shown to others, who will answer. */
    if (fits(seek, &seek->sum, seek->base))
        return;
    optimistic_leave(seek->agent, seek->subscription, true, &seek->sum);
    count = choose_enough(seek, candidates, count, chosen);
    if (!count)
        return;
    count = reprieve(seek, chosen, count);
    if (count && is_better(seek, chosen, count))
        note_best(seek, chosen, count);
}

/* --- one need ----------------------------------------------------------------------------- */

/* As if all that is under way were done. */
static void read_under_way(struct seek *seek)
{
    const struct preemption *preemption;
    const struct victim *victim;
    size_t room = VICTIMS_MAX;

    DL_FOREACH (seek->master->preempting->list, preemption) {
        room++;
        DL_FOREACH (preemption->victims, victim)
            room++;
    }
    seek->yields = arena_array(seek->master->scratch, room, sizeof(struct allocator_yield));
    DL_FOREACH (seek->master->preempting->list, preemption) {
        seek->yields[seek->base++] =
            (struct allocator_yield){preemption->subscription->client, &preemption->missing, true};
        DL_FOREACH (preemption->victims, victim)
            seek->yields[seek->base++] = (struct allocator_yield){
                victim->task->subscription->client, &victim->task->resources, false};
    }
}

/* Of what a guarantee lacks, some is on its way already. */
static int64_t under_way(const struct seek *seek, const char *name)
{
    const struct preemption *preemption;
    int64_t sum = 0;

    DL_FOREACH (seek->master->preempting->list, preemption)
        sum += need_amount(&preemption->missing, name);
    return sum;
}

/* For a unit more than what is on its way, or for that alone. */
static const char *find_lacking(const struct seek *seek, bool is_under_way)
{
    const struct need_info *info = seek->need->info;
    struct quota_amount *amounts =
        arena_array(seek->master->scratch, info->minimum_count, sizeof(struct quota_amount));

    for (size_t i = 0; i < info->minimum_count; i++) {
        int64_t more = under_way(seek, info->minimum[i].name);

        amounts[i] = (struct quota_amount){.name = info->minimum[i].name,
                                           .milli = is_under_way ? 0 : info->minimum[i].scalar};
        if (info->minimum[i].scalar && more < RESOURCE_MILLI_MAX - amounts[i].milli)
            amounts[i].milli += more;
    }
    return allocator_lacks(seek->master->allocator, seek->subscription->client, amounts,
                           info->minimum_count);
}

bool preemption_is_right(struct master *master, const struct preemption *preemption)
{
    struct subscription *subscription = preemption->subscription;
    struct seek seek = {.master = master,
                        .subscription = subscription,
                        .need = preemption->need,
                        .role_priority = preempt_role_priority(master, subscription->role)};
    const struct victim *victim;

    if (preemption->by_guarantee)
        seek.lacking = find_lacking(&seek, true);
    DL_FOREACH (preemption->victims, victim)
        if (!comes_after(&seek, victim->task))
            return false;
    return true;
}

/* Is there anybody at all who could come after it? Without looking at agents. */
static bool has_right(const struct seek *seek)
{
    const struct preempting *preempting = seek->master->preempting;
    const struct policy *policy;

    if (seek->lacking || preempting->revocable_tasks)
        return true;
    if (!seek->need->info->count)
        return false;
    if (seek->role_priority > 0 || seek->need->info->priority > preempting->lowest_priority)
        return true;
    for (policy = seek->master->policies; policy; policy = policy->hh.next)
        if (policy->record->has_priority && policy->record->priority < seek->role_priority)
            return true;
    return MUTATE(PREEMPT_ANYBODY);
}

/* It has declined what would meet it. */
static bool is_filtered(const struct seek *seek)
{
    const struct subscription *subscription = seek->subscription;

    for (const struct filter *filter = subscription->filters; filter; filter = filter->hh.next) {
        CLEANUP(resources_fini) struct resources available = {0};

        if (filter->is_ended || !agent_is_active(filter->agent))
            continue;
        available_for(subscription, filter->agent, &available);
        resources_drop_revocable(&available);
        allocator_cut(seek->master->allocator, subscription->client, &available);
        if (need_units(seek->need, filter->agent, &available) > 0)
            return true;
    }
    return false;
}

/* It holds an offer that would do, which was not made for a need: it has to answer that. */
static bool is_held(const struct seek *seek)
{
    const struct offer *offer;

    for (offer = seek->subscription->framework->offers; offer; offer = offer->framework_next)
        if (offer->subscription == seek->subscription && !offer->need && !offer->preemption &&
            need_units(seek->need, offer->agent, &offer->resources) > 0)
            return true;
    return false;
}

static size_t count_of(const struct master *master, const struct subscription *subscription)
{
    const struct preemption *preemption;
    size_t count = 0;

    DL_FOREACH (master->preempting->list, preemption)
        count += preemption->subscription == subscription;
    return count;
}

/* What stands against looking at agents; SEEK_NO_ROOM: nothing. */
static enum seek_outcome before_agents(struct seek *seek)
{
    const struct master *master = seek->master;

    if (seek->need->info->gang)
        return SEEK_GANG;
    if (master->preempting->count >= PREEMPTIONS_MAX ||
        count_of(master, seek->subscription) >= OF_ONE_MAX)
        return SEEK_BUSY;
    seek->lacking = find_lacking(seek, false);
    if (!has_right(seek))
        return seek->need->info->count ? SEEK_NO_RIGHT : SEEK_ENDLESS;
    if (is_held(seek))
        return SEEK_HELD;
    return is_filtered(seek) ? SEEK_FILTERED : SEEK_NO_ROOM;
}

/* --- all agents ------------------------------------------------------------------------------ */

static const struct agent *first_of_slice(const struct master *master)
{
    const struct agent *cursor = master->preempting->cursor;

    return cursor ? cursor : master->agents;
}

/* Whether something was found. */
static bool seek_for(struct master *master, struct subscription *subscription, struct need *need,
                     size_t slice)
{
    struct found *found = arena_alloc(master->scratch, sizeof(*found));
    struct seek seek = {.master = master,
                        .subscription = subscription,
                        .need = need,
                        .role_priority = preempt_role_priority(master, subscription->role),
                        .best = found};
    struct agent *agent = (struct agent *)first_of_slice(master);

    *found = (struct found){0};
    if (need->left - need->pending <= 0)
        return false;
    need->outcome = before_agents(&seek);
    if (need->outcome != SEEK_NO_ROOM)
        return false;
    read_under_way(&seek);
    for (size_t i = 0; i < slice && agent; i++) {
        seek.agent = agent;
        if (is_possible(&seek))
            seek_on(&seek);
        agent = agent->hh.next ? agent->hh.next : master->agents;
    }
    resources_fini(&seek.sum);
    if (found->count) {
        need->outcome = SEEK_FOUND;
        preemption_begin(master, subscription, need, found);
    }
    resources_fini(&found->wanted);
    return found->count > 0;
}

static void move_cursor(struct master *master, size_t slice)
{
    const struct agent *agent = first_of_slice(master);

    for (size_t i = 0; i < slice && agent; i++)
        agent = agent->hh.next ? agent->hh.next : master->agents;
    master->preempting->cursor = agent;
}

/* How many agents are looked at for all of its needs without a pause: others wait meanwhile. */
static size_t measure_slice(const struct master *master, const struct subscription *subscription)
{
    const struct agent *agent = first_of_slice(master);
    size_t agents = HASH_COUNT(master->agents), needs = 0, looks = 0, slice = 0;

    for (size_t i = 0; subscription->needs && i < subscription->needs->count; i++)
        needs += subscription->needs->items[i].left > subscription->needs->items[i].pending;
    while (agent && slice < agents && slice < SLICE) {
        const struct task *task;
        size_t tasks;

        DL_COUNT(agent->tasks, task, tasks);
        looks += needs * (tasks + 1);
        if (slice > 0 && looks > LOOKS)
            break;
        slice++;
        agent = agent->hh.next ? agent->hh.next : master->agents;
    }
    return slice;
}

/* One slice of agents, for all of its needs. */
static void seek_for_all(struct master *master, struct subscription *subscription)
{
    size_t agents = HASH_COUNT(master->agents), slice = measure_slice(master, subscription);
    unsigned doublings = subscription->seek_tries;

    for (size_t i = 0; subscription->needs && i < subscription->needs->count; i++)
        if (seek_for(master, subscription, &subscription->needs->items[i], slice)) {
            subscription->seek_tries = 0;
            subscription->seek_seen = 0;
            subscription->seek_at_us = master->now.mono_us + SLICE_PAUSE_US;
            return;
        }
    move_cursor(master, slice);
    subscription->seek_seen += slice;
    subscription->seek_at_us = master->now.mono_us + SLICE_PAUSE_US;
    if (subscription->seek_seen < agents)
        return;
    if (doublings > TRY_DOUBLINGS)
        doublings = TRY_DOUBLINGS;
    subscription->seek_seen = 0;
    subscription->seek_tries++;
    subscription->seek_at_us = master->now.mono_us + (TRY_AGAIN_US << doublings);
}

/* --- who looks, and when ------------------------------------------------------------------------ */

static int64_t due_us(const struct subscription *subscription)
{
    return subscription->seek_at_us > subscription->seek_not_before_us
               ? subscription->seek_at_us
               : subscription->seek_not_before_us;
}

static void arm(struct master *master, int64_t at_us)
{
    struct preempting *self = master->preempting;

    if (!deadline_is_set(&self->look) || at_us < self->look.at_us)
        deadline_set(&master->deadlines, &self->look, at_us);
}

/* Of those whose time has come the one whose role comes first. */
static struct subscription *choose(struct master *master)
{
    struct subscription *each, *chosen = NULL;
    int64_t priority, best = 0;

    DL_FOREACH2(master->preempting->seekers, each, seek_next)
    {
        if (due_us(each) > master->now.mono_us)
            continue;
        priority = preempt_role_priority(master, each->role);
        if (chosen && (priority < best || (priority == best && due_us(each) >= due_us(chosen))))
            continue;
        chosen = each;
        best = priority;
    }
    return chosen;
}

void preempt_look(void *owner, struct deadline *deadline)
{
    struct master *master = owner;
    struct subscription *subscription;
    int64_t next_us = DEADLINE_NEVER;

    /* What is free is offered first. */
    if (deadline_is_set(&master->allocation)) {
        deadline_set(&master->deadlines, deadline, master->allocation.at_us + SLICE_PAUSE_US);
        return;
    }
    subscription = choose(master);
    if (subscription)
        seek_for_all(master, subscription);
    DL_FOREACH2(master->preempting->seekers, subscription, seek_next)
    if (due_us(subscription) < next_us)
        next_us = due_us(subscription);
    if (next_us == DEADLINE_NEVER)
        return;
    if (next_us < master->now.mono_us + SLICE_PAUSE_US)
        next_us = master->now.mono_us + SLICE_PAUSE_US;
    deadline_set(&master->deadlines, deadline, next_us);
}

void seek_again(struct master *master, struct subscription *subscription)
{
    subscription->seek_at_us = master->now.mono_us + PATIENCE_US;
    subscription->seek_tries = 0;
    subscription->seek_seen = 0;
    if (subscription->is_seeking)
        arm(master, due_us(subscription));
}

void preempt_on_wish(struct master *master, struct subscription *subscription)
{
    struct preempting *self = master->preempting;
    bool seeks = self->is_on && subscription->is_asked && subscription->needs;

    if (!seeks) {
        preempt_forget(master, subscription);
        return;
    }
    if (subscription->is_seeking)
        return;
    subscription->is_seeking = true;
    DL_APPEND2(self->seekers, subscription, seek_prev, seek_next);
    seek_again(master, subscription);
}

void preempt_forget(struct master *master, struct subscription *subscription)
{
    struct preempting *self = master->preempting;

    if (!subscription->is_seeking)
        return;
    subscription->is_seeking = false;
    DL_DELETE2(self->seekers, subscription, seek_prev, seek_next);
    if (!self->seekers)
        deadline_cancel(&master->deadlines, &self->look);
}

void seek_again_all(struct master *master)
{
    struct subscription *subscription;

    DL_FOREACH2(master->preempting->seekers, subscription, seek_next)
    seek_again(master, subscription);
}

void preempt_on_agent_gone(struct master *master, const struct agent *agent)
{
    struct preempting *self = master->preempting;

    if (self && self->cursor == agent)
        self->cursor = agent->hh.next;
}
