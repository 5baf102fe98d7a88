/* master/core/preempt_explain.c - what people are told of preemptions. */
#include "base/cleanup.h"
#include "base/units.h"
#include "master/core/needs.h"
#include "master/core/preempt_state.h"

/* Whole seconds, rounded up. */
static void print_left(const struct master *master, int64_t at_us, struct buf *out)
{
    int64_t left_us = at_us - master->now.mono_us;

    units_print_duration(left_us > 0 ? (left_us + US_PER_S - 1) / US_PER_S * 1000 : 0, out);
}

static void print_whole(const struct preemption *preemption, struct buf *out)
{
    CLEANUP(resources_fini) struct resources whole = {0};

    resources_copy(&whole, &preemption->offer->resources);
    if (resources_add(&whole, &preemption->missing, NULL) == 0)
        resources_print(&whole, out);
}

static void explain_waiting(const struct master *master, const struct preemption *preemption,
                            struct buf *out)
{
    const struct victim *victim;
    char name[NEED_NAME_SHOWN];
    size_t count;

    DL_COUNT(preemption->victims, victim, count);
    need_print_name(preemption->need, name);
    buf_printf(out, "\n  need %s: ", name);
    print_whole(preemption, out);
    if (preemption->stage == PREEMPT_NOTICE) {
        buf_printf(out, " are being preempted on agent %.64s: %zu tasks have notice for ",
                   preemption->offer->agent->id, count);
        print_left(master, preemption->due.at_us, out);
        buf_puts(out, " more");
    } else if (preemption->is_waiting) {
        buf_printf(out, " are free for it on agent %.64s, and it holds as many offers as it may",
                   preemption->offer->agent->id);
    } else {
        buf_printf(out, " are being preempted on agent %.64s: %zu tasks are ending",
                   preemption->offer->agent->id, count);
    }
}

static void explain_losing(const struct master *master, const struct victim *victim,
                           struct buf *out)
{
    const struct preemption *preemption = victim->preemption;

    buf_printf(out, "\n  task %.64s on agent %.64s gives way to role %.64s, ", victim->task->id,
               victim->task->agent->id, preemption->subscription->role);
    if (preemption->stage != PREEMPT_NOTICE) {
        buf_puts(out, "now");
        return;
    }
    buf_puts(out, "in ");
    print_left(master, preemption->due.at_us, out);
}

static const char *const outcomes[] = {
    [SEEK_NOT_YET] = "nobody has looked yet",
    [SEEK_FOUND] = "one more is being looked for",
    [SEEK_GANG] = "a gang preempts nothing",
    [SEEK_ENDLESS] = "it has no count, and no guarantee that is not met speaks for it",
    [SEEK_NO_RIGHT] = "no guarantee of its role lacks so much, and no role or task has a lower "
                      "priority",
    [SEEK_FILTERED] = "the framework has declined what would meet it",
    [SEEK_HELD] = "the framework holds an offer that would meet it",
    [SEEK_NO_ROOM] = "no agent would have room for it if all gave way that have to; roles keep "
                     "what they are guaranteed, do not get beyond their limits, and lose no more "
                     "than --preemption-rate",
    [SEEK_BUSY] = "as many as may be are under way",
};

static void explain_need(const struct master *master, const struct subscription *subscription,
                         const struct need *need, struct buf *out)
{
    char name[NEED_NAME_SHOWN];

    need_print_name(need, name);
    buf_printf(out, "\n  need %s: nothing is preempted for it: ", name);
    if (!preempt_is_on(master)) {
        buf_puts(out, "this master preempts nothing (--preemption)");
    } else if (subscription->seek_not_before_us > master->now.mono_us) {
        buf_puts(out, "it did not use what was freed for it last, and is held off for ");
        print_left(master, subscription->seek_not_before_us, out);
    } else {
        buf_puts(out, outcomes[need->outcome]);
    }
}

/* Of each kind so many are told, so that a reply takes it. */
#define TOLD_MAX 4

static void tell_rest(size_t count, const char *what, struct buf *out)
{
    if (count > TOLD_MAX)
        buf_printf(out, "\n  and so for %zu more %s", count - TOLD_MAX, what);
}

static void explain_under_way(const struct master *master, const struct subscription *subscription,
                              struct buf *out)
{
    const struct preemption *preemption;
    const struct victim *victim;
    size_t waiting = 0, losing = 0;

    DL_FOREACH (master->preempting->list, preemption)
        if (preemption->subscription == subscription && waiting++ < TOLD_MAX)
            explain_waiting(master, preemption, out);
    tell_rest(waiting, "units", out);
    DL_FOREACH (master->preempting->list, preemption)
        DL_FOREACH (preemption->victims, victim)
            if (victim->task->subscription == subscription && losing++ < TOLD_MAX)
                explain_losing(master, victim, out);
    tell_rest(losing, "tasks", out);
}

void preempt_explain(const struct master *master, const struct subscription *subscription,
                     struct buf *out)
{
    const struct needs *needs = subscription->is_asked ? subscription->needs : NULL;
    size_t open = 0;

    explain_under_way(master, subscription, out);
    for (size_t i = 0; needs && i < needs->count; i++)
        if (needs->items[i].left - needs->items[i].pending > 0 && open++ < TOLD_MAX)
            explain_need(master, subscription, &needs->items[i], out);
    tell_rest(open, "needs", out);
}
