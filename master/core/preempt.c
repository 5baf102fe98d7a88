/* master/core/preempt.c - the life of a preemption, from its notice to the offer that comes of it. */
#include "master/core/preempt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/changes.h"
#include "master/core/frameworks.h"
#include "master/core/kill.h"
#include "master/core/log.h"
#include "master/core/offers.h"
#include "master/core/optimistic.h"
#include "master/core/preempt_state.h"

#define GRACE_MS     30000
#define GRACE_MAX_MS 300000
#define RATE_COUNT   20
#define RATE_PER_MS  60000
/* Behind the longest grace of a kill: then it is given up. */
#define KILL_SLACK_US (60 * (int64_t)US_PER_S)

/* --- beginning and end ------------------------------------------------------------ */

int preempt_init(struct master *master, const struct master_settings *settings, struct err *err)
{
    int64_t max_ms = settings->preemption_grace_max_ms, count = settings->preemption_count;
    int64_t grace_ms = settings->preemption_grace_ms, per_ms = settings->preemption_per_ms;
    struct preempting *self = master->preempting = mem_new(struct preempting);

    max_ms = max_ms ? max_ms : GRACE_MAX_MS;
    grace_ms = grace_ms ? grace_ms : GRACE_MS;
    count = count ? count : RATE_COUNT;
    per_ms = per_ms ? per_ms : RATE_PER_MS;
    if (max_ms < 0 || max_ms > FAILOVER_MAX_MS || grace_ms > FAILOVER_MAX_MS)
        return err_set(err, -EINVAL, "a grace of preemption is negative or more than ten years");
    if (count < 0 || per_ms < 0 || per_ms > FAILOVER_MAX_MS)
        return err_set(err, -EINVAL, "the rate of preemptions is negative or too slow");
    if (grace_ms > max_ms)
        grace_ms = max_ms;
    self->is_on = settings->preemption;
    self->grace_us = grace_ms < 0 ? 0 : grace_ms * US_PER_MS;
    self->grace_max_us = max_ms * US_PER_MS;
    self->every_us = per_ms * US_PER_MS / count;
    self->burst_us = (count - 1) * self->every_us;
    self->look.due = preempt_look;
    return 0;
}

void preempt_fini(struct master *master)
{
    struct preempting *self = master->preempting;

    if (!self)
        return;
    preempt_bounds_fini(self);
    free(self);
    master->preempting = NULL;
}

size_t preempt_count(const struct master *master)
{
    return master->preempting->count;
}

bool preempt_is_on(const struct master *master)
{
    return master->preempting->is_on;
}

/* --- victims ------------------------------------------------------------------------- */

static void victim_add(struct preemption *preemption, struct task *task)
{
    struct victim *victim = mem_new(struct victim);

    victim->preemption = preemption;
    victim->task = task;
    task->victim = victim;
    DL_APPEND(preemption->victims, victim);
}

static void victim_free(struct victim *victim)
{
    victim->task->victim = NULL;
    DL_DELETE(victim->preemption->victims, victim);
    free(victim);
}

/* It need not give way any more. */
static void spare(struct master *master, struct victim *victim, const char *why)
{
    struct task *task = victim->task;
    bool is_told = victim->preemption->stage == PREEMPT_NOTICE;

    if (is_told)
        preemption_tell(master, task, why, true);
    victim_free(victim);
    publish_task_status(master, task, NULL);
}

static void spare_all(struct master *master, struct preemption *preemption, const char *why)
{
    while (preemption->victims)
        spare(master, preemption->victims, why);
}

/* --- gathering ------------------------------------------------------------------------ */

/* Hold what is missing, as far as it is free and the subscription may have it now. */
static void absorb(struct master *master, struct preemption *preemption)
{
    CLEANUP(resources_fini) struct resources part = {0}, free = {0};
    struct offer *offer = preemption->offer;

    if (MUTATE(GIVE_FREED_AWAY))
        return;
    resources_copy(&free, &offer->agent->free);
    optimistic_leave(offer->agent, offer->subscription, true, &free);
    resources_intersect(&part, &preemption->missing, &free);
    allocator_cut(master->allocator, offer->subscription->client, &part);
    if (preemption->victims) /* what it does not get now, they leave to it */
        preemption_leave_others(master, preemption, &part);
    if (resources_are_empty(&part))
        return;
    BUG_ON(resources_subtract(&preemption->missing, &part, NULL) < 0);
    offer_absorb(master, offer, &part);
}

static void cancel(struct master *master, struct preemption *preemption, const char *why)
{
    if (preemption->stage == PREEMPT_NOTICE)
        counter_add(master, COUNTER_PREEMPTIONS_WITHDRAWN);
    else
        counter_add(master, COUNTER_PREEMPTIONS_UNUSED);
    log_note(master, "preemption on agent %s for role %s is over: %s", preemption->offer->agent->id,
             preemption->subscription->role, why);
    spare_all(master, preemption, why);
    offer_drop(master, preemption->offer);
}

/* Something became free on its agent, or a victim is no more. */
static void look_whether_done(struct master *master, struct preemption *preemption)
{
    if (preemption->stage == PREEMPT_DONE)
        return;
    absorb(master, preemption);
    if (resources_are_empty(&preemption->missing)) {
        spare_all(master, preemption, "there is room without it");
        preemption->stage = PREEMPT_DONE;
        deadline_set(&master->deadlines, &preemption->due, master->now.mono_us);
    } else if (!preemption->victims) {
        /* Not from here: whoever gives something back is not done with it. */
        deadline_set(&master->deadlines, &preemption->due, master->now.mono_us);
    }
}

void preempt_on_released(struct master *master, struct task *task)
{
    struct preemption *preemption, *next;

    if (task->victim)
        victim_free(task->victim);
    DL_FOREACH_SAFE (master->preempting->list, preemption, next)
        if (preemption->offer->agent == task->agent)
            look_whether_done(master, preemption);
}

void preempt_on_task_gone(struct master *master, struct task *task)
{
    struct preempting *self = master->preempting;

    self->revocable_tasks -= task->is_revocable;
    if (task->victim)
        victim_free(task->victim);
}

/* --- stages ---------------------------------------------------------------------------- */

static void kill_all(struct master *master, struct preemption *preemption)
{
    struct preempting *self = master->preempting;
    struct victim *victim;

    preemption->stage = PREEMPT_KILLING;
    deadline_set(&master->deadlines, &preemption->due,
                 master->now.mono_us + self->grace_max_us + KILL_SLACK_US);
    DL_FOREACH (preemption->victims, victim) {
        victim->task->is_preempted = true;
        counter_add(master, COUNTER_TASKS_PREEMPTED);
        if (!MUTATE(SPARE_PREEMPTED))
            kill_task(master, victim->task, NULL);
    }
}

/* Who had to wait for it looks again. */
static void preemption_free(struct master *master, struct preemption *preemption)
{
    seek_again_beside(master, preemption->subscription);
    DL_DELETE(master->preempting->list, preemption);
    master->preempting->count--;
    resources_fini(&preemption->missing);
    free(preemption);
}

static void offer_freed(struct master *master, struct preemption *preemption)
{
    struct offer *offer = preemption->offer;
    struct need *need = preemption->need;

    if (need->left <= 0 || preemption->subscription->is_suppressed) {
        if (preemption->subscription->is_suppressed)
            preemption_hold_off(master, preemption->subscription);
        cancel(master, preemption, "nobody needs it any more");
        return;
    }
    need->pending--;
    counter_add(master, COUNTER_PREEMPTIONS_OFFERED);
    preemption_free(master, preemption);
    offer_reveal(master, offer, need, 1);
}

/* Its framework holds as many offers as it may: what was freed counts among them from now on, and is shown
 * once it has answered another. */
static void await_room(struct master *master, struct preemption *preemption)
{
    preemption->is_waiting = true;
    preemption->subscription->framework->offers_waiting++;
    deadline_set(&master->deadlines, &preemption->due, master->now.mono_us + PREEMPT_HOLD_US);
    subscriptions_settle(master, preemption->subscription->framework);
}

static void await_no_more(struct preemption *preemption)
{
    if (preemption->is_waiting)
        preemption->subscription->framework->offers_waiting--;
    preemption->is_waiting = false;
}

static void on_freed(struct master *master, struct preemption *preemption)
{
    const struct framework *framework = preemption->subscription->framework;
    bool has_waited = preemption->is_waiting;

    await_no_more(preemption);
    if (!framework_is_at_cap(master, framework)) {
        offer_freed(master, preemption);
    } else if (!has_waited) {
        await_room(master, preemption);
    } else {
        preemption_hold_off(master, preemption->subscription);
        cancel(master, preemption, "its framework answers none of the offers that it has");
    }
}

static void on_notice_ends(struct master *master, struct preemption *preemption)
{
    if (framework_is_at_cap(master, preemption->subscription->framework))
        cancel(master, preemption, "its framework holds as many offers as it may");
    else if (!preemption_is_right(master, preemption))
        cancel(master, preemption, "priorities or quotas are others now");
    else
        kill_all(master, preemption);
}

static void on_due(void *owner, struct deadline *deadline)
{
    struct preemption *preemption = CONTAINER_OF(deadline, struct preemption, due);
    struct master *master = owner;

    if (preemption->stage == PREEMPT_DONE)
        on_freed(master, preemption);
    else if (!preemption->victims)
        cancel(master, preemption, "what became free is not enough any more");
    else if (preemption->stage == PREEMPT_NOTICE)
        on_notice_ends(master, preemption);
    else
        cancel(master, preemption, "its tasks have not ended in time");
}

/* The longest that one of them has; who hears nothing has nothing from waiting. */
static int64_t grace_us(const struct master *master, const struct found *found)
{
    const struct preempting *self = master->preempting;
    int64_t longest_us = 0;

    for (size_t i = 0; i < found->count; i++) {
        const struct task *task = found->victims[i];
        int64_t us = task->notice_ms < 0 ? self->grace_us : task->notice_ms * US_PER_MS;

        if (!task->subscription->framework->hears_notice)
            continue;
        if (us > self->grace_max_us)
            us = self->grace_max_us;
        longest_us = us > longest_us ? us : longest_us;
    }
    return longest_us;
}

static void give_notice(struct master *master, struct preemption *preemption)
{
    const struct victim *victim;
    char why[PREEMPT_WHY_MAX];

    DL_FOREACH (preemption->victims, victim) {
        const struct task *task = victim->task;

        preemption_describe(master, preemption, task, why);
        log_note(master,
                 "audit: task %s of framework %s on agent %s gives way within %" PRId64 " ms: %s",
                 task->id, task->subscription->framework->id, task->agent->id,
                 (preemption->due.at_us - master->now.mono_us) / US_PER_MS, why);
        losses_note(master, task->subscription->role);
        preemption_tell(master, task, why, false);
        publish_task_status(master, task, NULL);
    }
}

void preemption_begin(struct master *master, struct subscription *subscription, struct need *need,
                      struct found *found)
{
    struct preemption *preemption = mem_new(struct preemption);
    int64_t for_us = grace_us(master, found);

    preemption->subscription = subscription;
    preemption->need = need;
    preemption->by_guarantee = found->by_guarantee;
    preemption->due.due = on_due;
    preemption->kill_us = master->now.wall_us + for_us;
    resources_swap(&preemption->missing, &found->wanted);
    preemption->offer = offer_reserve(master, subscription, found->agent, preemption);
    need->pending++;
    for (size_t i = 0; i < found->count; i++)
        victim_add(preemption, found->victims[i]);
    DL_APPEND(master->preempting->list, preemption);
    master->preempting->count++;
    counter_add(master, COUNTER_PREEMPTIONS);
    deadline_set(&master->deadlines, &preemption->due, master->now.mono_us + for_us);
    give_notice(master, preemption);
    look_whether_done(master, preemption);
}

/* --- what ends it early ------------------------------------------------------------------ */

void preempt_on_offer_gone(struct master *master, struct preemption *preemption)
{
    await_no_more(preemption);
    preemption->need->pending--;
    spare_all(master, preemption, "what was to be freed is not needed any more");
    deadline_cancel(&master->deadlines, &preemption->due);
    preemption_free(master, preemption);
}

void preempt_drop_all(struct master *master)
{
    struct preemption *preemption, *next;

    if (!master->preempting)
        return;
    DL_FOREACH_SAFE (master->preempting->list, preemption, next) {
        while (preemption->victims)
            victim_free(preemption->victims);
        await_no_more(preemption);
        preemption->offer->preemption = NULL;
        preemption->subscription->framework->offers_count++;
        deadline_cancel(&master->deadlines, &preemption->due);
        resources_fini(&preemption->missing);
        free(preemption);
    }
    master->preempting->list = NULL;
    master->preempting->count = 0;
}

/* NULL: it goes on. */
static const char *why_not(const struct preemption *preemption)
{
    /* Before the kill it costs nobody anything to stop. */
    if (preemption->stage != PREEMPT_NOTICE)
        return NULL;
    if (preemption->subscription->is_suppressed)
        return "its framework wants no offers any more";
    if (preemption->need->left < preemption->need->pending)
        return "its need was met elsewhere";
    return NULL;
}

/* But for what waits. */
static bool has_room(const struct master *master, const struct framework *framework)
{
    size_t max = framework_offers_max(master, framework);

    return !max || framework->offers_count < max;
}

void preempt_settle(struct master *master)
{
    struct preempting *self = master->preempting;
    struct preemption *preemption, *before;

    /* The newest first: the others are nearer to their end. */
    for (preemption = self->list ? self->list->prev : NULL; preemption; preemption = before) {
        const char *why = why_not(preemption);

        before = preemption == self->list ? NULL : preemption->prev;
        if (why)
            cancel(master, preemption, why);
        else if (preemption->is_waiting && has_room(master, preemption->subscription->framework))
            deadline_set(&master->deadlines, &preemption->due, master->now.mono_us);
    }
}

/* The newest first: with them gone, there may be room for the others. */
void preempt_on_policy(struct master *master)
{
    struct preempting *self = master->preempting;
    struct preemption *preemption, *before;

    for (preemption = self->list ? self->list->prev : NULL; preemption; preemption = before) {
        before = preemption == self->list ? NULL : preemption->prev;
        if (preemption->stage == PREEMPT_NOTICE && !preemption_is_right(master, preemption))
            cancel(master, preemption, "priorities or quotas are others now");
    }
    seek_again_all(master);
}

/* The same need as before, or one for which what is gathered is still right. */
static struct need *same_need(const struct preemption *preemption, struct needs *needs)
{
    struct need *need = need_find(needs, preemption->need->info->name);
    CLEANUP(resources_fini) struct resources whole = {0};

    if (!need || need->info->gang || need->left <= 0)
        return NULL;
    resources_copy(&whole, &preemption->offer->resources);
    BUG_ON(resources_add(&whole, &preemption->missing, NULL) < 0);
    return need_units(need, preemption->offer->agent, &whole) > 0 ? need : NULL;
}

void preempt_on_needs(struct master *master, struct subscription *subscription, struct needs *needs)
{
    struct preemption *preemption, *next;
    bool is_held_off = false;

    DL_FOREACH_SAFE (master->preempting->list, preemption, next) {
        struct need *need;

        if (preemption->subscription != subscription)
            continue;
        need = same_need(preemption, needs);
        if (!need) {
            /* It may change its mind until others are killed. */
            if (preemption->stage != PREEMPT_NOTICE && !is_held_off)
                preemption_hold_off(master, subscription);
            is_held_off = is_held_off || preemption->stage != PREEMPT_NOTICE;
            cancel(master, preemption, "its framework needs something else now");
            continue;
        }
        preemption->need->pending--;
        need->pending++;
        preemption->need = need;
    }
    seek_again(master, subscription);
}

/* --- tasks that may have to give way --------------------------------------------------------- */

static void note_task(struct master *master, struct task *task, const struct task_info *info)
{
    struct preempting *self = master->preempting;
    int64_t priority = info->priority;

    if (priority > PRIORITY_MAX)
        priority = PRIORITY_MAX;
    if (priority < -PRIORITY_MAX)
        priority = -PRIORITY_MAX;
    task->priority = (int32_t)priority;
    task->is_grouped = info->group;
    if (priority < self->lowest_priority)
        self->lowest_priority = priority;
    if (info->preemption_policy)
        task->notice_ms = info->preemption_policy->grace_ms < FAILOVER_MAX_MS
                              ? info->preemption_policy->grace_ms
                              : FAILOVER_MAX_MS;
    for (size_t i = 0; i < task->resources.count && !task->is_revocable; i++)
        task->is_revocable = task->resources.items[i].revocable;
    self->revocable_tasks += task->is_revocable;
}

void preempt_on_launch(struct master *master, struct task *task, const struct task_info *granted)
{
    note_task(master, task, granted);
}

void preempt_on_report(struct master *master, struct task *task, const struct agent_task *reported)
{
    const struct task_status *status = reported->status;

    note_task(master, task, reported->task);
    if (status && status->container && status->container->started_us)
        task->since_us = status->container->started_us;
}

/* --- check ------------------------------------------------------------------------------------ */

static int check_one(const struct preemption *preemption, struct err *err)
{
    const struct victim *victim;

    if (preemption->offer->preemption != preemption ||
        preemption->offer->subscription != preemption->subscription)
        return err_set(err, -EINVAL, "a preemption does not have its offer");
    if (!deadline_is_set(&preemption->due))
        return err_set(err, -EINVAL, "a preemption for role %.64s has no end",
                       preemption->subscription->role);
    if (preemption->need->pending <= 0 || preemption->need->pending > PREEMPTIONS_MAX)
        return err_set(err, -EINVAL, "need %.64s does not know what is preempted for it",
                       preemption->need->info->name);
    if (preemption->is_waiting && preemption->stage != PREEMPT_DONE)
        return err_set(err, -EINVAL, "what is freed for role %.64s waits before it is there",
                       preemption->subscription->role);
    DL_FOREACH (preemption->victims, victim)
        if (victim->task->victim != victim || !victim->task->is_holding ||
            victim->task->agent != preemption->offer->agent)
            return err_set(err, -EINVAL, "task %.64s gives way, and holds nothing there",
                           victim->task->id);
    return 0;
}

int preempt_check(const struct master *master, struct err *err)
{
    const struct preempting *self = master->preempting;
    const struct preemption *preemption;
    size_t count = 0;

    DL_FOREACH (self->list, preemption) {
        int r = check_one(preemption, err);

        if (r < 0)
            return r;
        count++;
    }
    if (count != self->count || count > PREEMPTIONS_MAX)
        return err_set(err, -EINVAL, "%zu preemptions, %zu counted", count, self->count);
    if (self->seekers && !deadline_is_set(&self->look))
        return err_set(err, -EINVAL, "needs wait, and nobody will look for room for them");
    return 0;
}
