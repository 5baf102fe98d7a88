/* master/core/preempt_bounds.c - how much may give way: a role loses so many tasks in so much time, and
 * who does not use what was freed for it is held off.
 *
 * A framework could leave its hold-off behind: by leaving the role, or by its teardown, and coming back as
 * another one. So a hold-off is remembered by role and principal for as long as the longest one lasts, and
 * whoever subscribes anew in that role for that principal takes it up.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "master/core/offers.h"
#include "master/core/preempt_state.h"

/* Twice as long each time in a row. */
#define HOLD_OFF_US        (60 * (int64_t)US_PER_S)
#define HOLD_OFF_DOUBLINGS 6
#define HOLD_OFF_KEPT_US   (HOLD_OFF_US << HOLD_OFF_DOUBLINGS)
/* Records; those that are over are forgotten then. */
#define LOSSES_MANY    1024
#define HOLD_OFFS_MANY 1024

/* --- how many a role may lose ------------------------------------------------------ */

int64_t losses_left(const struct master *master, const char *role)
{
    const struct preempting *self = master->preempting;
    struct losses *losses;
    int64_t ahead_us;

    HASH_FIND_STR(self->losses, role, losses);
    ahead_us = losses ? losses->next_us - master->now.mono_us : 0;
    if (ahead_us < 0)
        ahead_us = 0;
    return (self->burst_us + self->every_us - ahead_us) / self->every_us;
}

static void forget_losses(struct master *master)
{
    struct preempting *self = master->preempting;
    struct losses *losses, *next;

    HASH_ITER (hh, self->losses, losses, next) {
        if (losses->next_us > master->now.mono_us)
            continue;
        HASH_DEL(self->losses, losses);
        free(losses);
    }
}

void losses_note(struct master *master, const char *role)
{
    struct preempting *self = master->preempting;
    size_t size = strlen(role) + 1;
    struct losses *losses;

    HASH_FIND_STR(self->losses, role, losses);
    if (!losses) {
        if (HASH_COUNT(self->losses) >= LOSSES_MANY)
            forget_losses(master);
        losses = mem_calloc(1, sizeof(*losses) + size);
        memcpy(losses->role, role, size);
        HASH_ADD_STR(self->losses, role, losses);
    }
    if (losses->next_us < master->now.mono_us)
        losses->next_us = master->now.mono_us;
    losses->next_us += self->every_us;
}

/* --- who is held off ----------------------------------------------------------------- */

/* In a text of the event's: "role", a line's end, "principal". */
static const char *key_of(struct master *master, const struct subscription *subscription)
{
    return arena_printf(master->scratch, "%s\n%s", subscription->role,
                        subscription->framework->info->principal);
}

static struct hold_off *find(struct master *master, const struct subscription *subscription)
{
    const char *key = key_of(master, subscription);
    struct hold_off *found;

    HASH_FIND_STR(master->preempting->hold_offs, key, found);
    return found;
}

static void forget(struct preempting *self, struct hold_off *hold_off)
{
    HASH_DEL(self->hold_offs, hold_off);
    free(hold_off);
}

/* Those that are over; the one that ends first, if there is none. */
static void forget_some(struct master *master)
{
    struct preempting *self = master->preempting;
    struct hold_off *each, *next, *first = NULL;

    HASH_ITER (hh, self->hold_offs, each, next) {
        if (each->not_before_us + HOLD_OFF_KEPT_US <= master->now.mono_us)
            forget(self, each);
        else if (!first || each->not_before_us < first->not_before_us)
            first = each;
    }
    if (HASH_COUNT(self->hold_offs) >= HOLD_OFFS_MANY)
        forget(self, first);
}

static void remember(struct master *master, const struct subscription *subscription)
{
    struct preempting *self = master->preempting;
    const char *key = key_of(master, subscription);
    struct hold_off *hold_off = find(master, subscription);
    size_t size = strlen(key) + 1;

    if (!hold_off) {
        if (HASH_COUNT(self->hold_offs) >= HOLD_OFFS_MANY)
            forget_some(master);
        hold_off = mem_calloc(1, sizeof(*hold_off) + size);
        memcpy(hold_off->key, key, size);
        HASH_ADD_STR(self->hold_offs, key, hold_off);
    }
    hold_off->not_before_us = subscription->seek_not_before_us;
    hold_off->failures = subscription->seek_failures;
}

void preemption_hold_off(struct master *master, struct subscription *subscription)
{
    unsigned doublings = subscription->seek_failures;

    if (doublings > HOLD_OFF_DOUBLINGS)
        doublings = HOLD_OFF_DOUBLINGS;
    subscription->seek_not_before_us = master->now.mono_us + (HOLD_OFF_US << doublings);
    subscription->seek_failures++;
    remember(master, subscription);
}

void preempt_on_joined(struct master *master, struct subscription *subscription)
{
    const struct hold_off *hold_off = find(master, subscription);

    if (!hold_off || hold_off->not_before_us + HOLD_OFF_KEPT_US <= master->now.mono_us)
        return;
    subscription->seek_not_before_us = hold_off->not_before_us;
    subscription->seek_failures = hold_off->failures;
}

void preempt_on_used(struct master *master, struct subscription *subscription)
{
    struct hold_off *hold_off = find(master, subscription);

    subscription->seek_failures = 0;
    subscription->seek_not_before_us = 0;
    if (hold_off)
        forget(master->preempting, hold_off);
}

void preempt_on_answer(struct master *master, const struct offer *offer, int offer_end)
{
    const struct preemption *preemption = offer->preemption;

    /* It costs nobody anything as long as all have their notice only. */
    if (preemption && preemption->stage == PREEMPT_NOTICE)
        return;
    if (offer_end != OFFER_RESCINDED && offer_end != OFFER_TAKEN)
        preemption_hold_off(master, offer->subscription); /* until it is seen to use it */
}

void preempt_bounds_fini(struct preempting *self)
{
    struct losses *losses, *next;

    HASH_ITER (hh, self->losses, losses, next) {
        HASH_DEL(self->losses, losses);
        free(losses);
    }
    while (self->hold_offs)
        forget(self, self->hold_offs);
}
