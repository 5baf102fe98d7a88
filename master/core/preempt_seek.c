/* master/core/preempt_seek.c - for which need tasks are to give way, and when agents are looked at for it.
 *
 * Only needs that stay open after an allocation are looked at, some agents at a time, so that nobody else
 * waits for it.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/mutant.h"
#include "master/core/books.h"
#include "master/core/filters.h"
#include "master/core/offers.h"
#include "master/core/preempt_state.h"

#define PATIENCE_US    ((int64_t)US_PER_S) /* a need is open before others have to give way */
#define SLICE          512                 /* agents that are looked at without a pause, ... */
#define LOOKS          8192                /* ... as long as that is no more looks at tasks */
#define SLICE_PAUSE_US (10 * (int64_t)US_PER_MS)
#define TRY_AGAIN_US   ((int64_t)US_PER_S) /* when all were looked at in vain, doubled each time */
#define TRY_DOUBLINGS  6
#define OF_ONE_MAX     16 /* preemptions under way for a subscription */

/* --- one need ----------------------------------------------------------------------------- */

static void read_victims(struct seek *seek, const struct preemption *preemption)
{
    const struct victim *victim;

    DL_FOREACH (preemption->victims, victim)
        seek->yields[seek->base++] = (struct allocator_yield){victim->task->subscription->client,
                                                              &victim->task->resources, false};
}

/* As if all that is under way were done, except for `but`. */
static void read_under_way(struct seek *seek, const struct preemption *but)
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
        if (preemption == but)
            continue;
        seek->yields[seek->base++] =
            (struct allocator_yield){preemption->subscription->client, &preemption->missing, true};
        read_victims(seek, preemption);
    }
}

/* Do both lie in the same role of the top? No guarantee speaks for both else. */
static bool are_related(const char *a, const char *b)
{
    size_t size = strcspn(a, "/");

    return strcspn(b, "/") == size && !memcmp(a, b, size);
}

/* Of what a guarantee lacks, some is on its way already; for one that is itself under way, what began before
 * it counts. */
static int64_t under_way(const struct seek *seek, const struct preemption *until, const char *name)
{
    const char *role = seek->subscription->role;
    const struct preemption *preemption;
    int64_t sum = 0;

    DL_FOREACH (seek->master->preempting->list, preemption) {
        if (are_related(preemption->subscription->role, role))
            sum += need_amount(&preemption->missing, name);
        if (preemption == until)
            break;
    }
    return sum;
}

/* For a unit more than what is on its way, or for `until`, which is. */
static const char *find_lacking(const struct seek *seek, const struct preemption *until)
{
    const struct need_info *info = seek->need->info;
    struct quota_amount *amounts =
        arena_array(seek->master->scratch, info->minimum_count, sizeof(struct quota_amount));

    for (size_t i = 0; i < info->minimum_count; i++) {
        int64_t more = under_way(seek, until, info->minimum[i].name);

        amounts[i] = (struct quota_amount){.name = info->minimum[i].name,
                                           .milli = until ? 0 : info->minimum[i].scalar};
        if (info->minimum[i].scalar && more < RESOURCE_MILLI_MAX - amounts[i].milli)
            amounts[i].milli += more;
    }
    return allocator_lacks(seek->master->allocator, seek->subscription->client, amounts,
                           info->minimum_count);
}

static bool may_have_after(const struct seek *seek, const struct resources *missing)
{
    CLEANUP(resources_fini) struct resources cut = {0};

    resources_copy(&cut, missing);
    allocator_cut_after(seek->master->allocator, seek->subscription->client, seek->yields,
                        seek->base, &cut);
    return resources_are_equal(&cut, missing);
}

/* What it still lacks, once all that is under way is done; and once its own victims have ended,
 * if nothing comes of the rest. */
static bool may_have_missing(struct seek *seek, const struct preemption *preemption)
{
    read_under_way(seek, preemption);
    read_victims(seek, preemption);
    if (!may_have_after(seek, &preemption->missing))
        return false;
    seek->base = 0;
    read_victims(seek, preemption);
    return may_have_after(seek, &preemption->missing);
}

void preemption_leave_others(struct master *master, const struct preemption *preemption,
                             struct resources *available)
{
    struct seek seek = {.master = master, .subscription = preemption->subscription};

    read_under_way(&seek, preemption);
    allocator_cut_after(master->allocator, seek.subscription->client, seek.yields, seek.base,
                        available);
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
        seek.lacking = find_lacking(&seek, preemption);
    DL_FOREACH (preemption->victims, victim)
        if (!preempt_comes_after(&seek, victim->task))
            return false;
    return may_have_missing(&seek, preemption);
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
    seek->lacking = find_lacking(seek, NULL);
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
    read_under_way(&seek, NULL);
    for (size_t i = 0; i < slice && agent; i++) {
        preempt_choose(&seek, agent);
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

void seek_again_beside(struct master *master, const struct subscription *subscription)
{
    struct subscription *each;

    DL_FOREACH2(master->preempting->seekers, each, seek_next)
    if (are_related(each->role, subscription->role))
        seek_again(master, each);
}

void preempt_on_agent_gone(struct master *master, const struct agent *agent)
{
    struct preempting *self = master->preempting;

    if (self && self->cursor == agent)
        self->cursor = agent->hh.next;
}
