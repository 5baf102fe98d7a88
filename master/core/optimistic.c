/* master/core/optimistic.c - what is shown to several at once, and who is told when it goes. */
#include "master/core/optimistic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "base/units.h"
#include "master/core/books.h"
#include "master/core/changes.h"
#include "master/core/frameworks.h"
#include "master/core/needs.h"
#include "master/core/offers.h"
#include "master/core/policy.h"
#include "proto/resources_info.h"

/* --- which roles are optimistic ------------------------------------------------ */

bool optimistic_is_role(const struct master *master, const char *role)
{
    CLEANUP(free_p) char *name = master->policies ? mem_strdup(role) : NULL;
    char *slash = name;

    while (slash) {
        const struct policy *policy = policy_find(master, name);

        if (policy && policy->record->offers)
            return policy->record->offers == OFFERS_OPTIMISTIC;
        slash = strrchr(name, '/');
        if (slash)
            *slash = '\0';
    }
    return false;
}

void optimistic_on_policy(struct master *master)
{
    struct framework *framework;
    struct subscription *subscription;

    for (framework = master->frameworks; framework; framework = framework->hh.next)
        DL_FOREACH (framework->subscriptions, subscription) {
            bool is_optimistic = optimistic_is_role(master, subscription->role);

            if (is_optimistic == subscription->is_optimistic)
                continue;
            offers_remove_framework(master, framework, subscription, OFFER_RESCINDED,
                                    is_optimistic ? "the role's offers are optimistic from now on"
                                                  : "the role's offers are exclusive from now on");
            subscription->is_optimistic = is_optimistic;
            allocator_recall(master->allocator, subscription->client);
        }
}

/* --- what may be offered ------------------------------------------------------- */

/* As much of it as is there. A shared volume is there for all. */
static void take_away(struct resources *from, const struct resources *what)
{
    CLEANUP(resources_fini) struct resources both = {0}, sole = {0};

    resources_intersect(&both, from, what);
    resources_unshared(&sole, &both);
    BUG_ON(resources_subtract(from, &sole, NULL) < 0);
}

/* All that this framework is shown. */
static void take_shown(struct resources *from, const struct agent *agent,
                       const struct framework *framework)
{
    const struct offer *offer;

    for (offer = agent->offers; offer; offer = offer->agent_next)
        if (offer->is_shown && offer->subscription->framework == framework && !MUTATE(OFFER_SHOWN))
            take_away(from, &offer->resources);
}

static bool is_first_of_framework(const struct offer *offer)
{
    const struct offer *other;

    for (other = offer->agent->offers; other != offer; other = other->agent_next)
        if (other->is_shown && other->subscription->framework == offer->subscription->framework)
            return false;
    return true;
}

void optimistic_leave(const struct agent *agent, const struct subscription *subscription,
                      bool is_exclusive, struct resources *available)
{
    CLEANUP(resources_fini) struct resources whole = {0};
    const struct offer *offer;

    if (!agent->shown)
        return;
    if (!is_exclusive) {
        take_shown(available, agent, subscription->framework);
        return;
    }
    /* Frameworks that are shown the same keep it from a third one once. */
    resources_copy(&whole, available);
    for (offer = agent->offers; offer; offer = offer->agent_next) {
        CLEANUP(resources_fini) struct resources left = {0}, both = {0};

        if (!offer->is_shown || !is_first_of_framework(offer))
            continue;
        resources_copy(&left, &whole);
        take_shown(&left, agent, offer->subscription->framework);
        resources_intersect(&both, available, &left);
        resources_swap(available, &both);
    }
}

bool optimistic_may_show(const struct master *master, const struct agent *agent)
{
    bool is_late = agent->is_awaited && agent->awaited_round != master->round;

    return agent->shown < master->optimistic_max && (!is_late || MUTATE(SHOW_FOR_EVER));
}

/* Where offers have no timeout, somebody who never answers would keep it from others for ever. */
static void bound_shown(struct master *master, const struct agent *agent)
{
    int64_t end_us = master->now.mono_us + OPTIMISTIC_HOLD_US;
    struct offer *offer;

    for (offer = agent->offers; offer && master->offer_timeout_us < 0; offer = offer->agent_next)
        if (offer->is_shown && (!deadline_is_set(&offer->timeout) || offer->timeout.at_us > end_us))
            deadline_set(&master->deadlines, &offer->timeout, end_us);
}

void optimistic_await(struct master *master, struct agent *agent)
{
    if (agent->is_awaited)
        return;
    agent->is_awaited = true;
    agent->awaited_round = master->round;
    if (!MUTATE(SHOW_FOR_EVER))
        bound_shown(master, agent);
}

/* --- its books ----------------------------------------------------------------- */

void optimistic_begin(struct master *master, struct offer *offer)
{
    const struct resources nothing = {0};

    offer->agent->shown++;
    offer->subscription->shown++;
    master->shown++;
    counter_add(master, COUNTER_OPTIMISTIC_OFFERS);
    allocator_note_shown(master->allocator, offer->subscription->client, &offer->resources);
    /* It has had its turn, and holds nothing by that. Its role has not had that of somebody in it who came first,
     * and could have no exclusive offer of this. */
    allocator_charge(master->allocator, offer->subscription->client, &nothing,
                     CHARGE_OFFER | (offer->agent->is_awaited ? CHARGE_BESIDE : 0));
}

static void is_no_longer_shown(struct master *master, struct offer *offer)
{
    offer->is_shown = false;
    master->shown--;
    if (--offer->subscription->shown == 0)
        allocator_forget_shown(master->allocator, offer->subscription->client);
    if (--offer->agent->shown == 0)
        offer->agent->is_awaited = false;
}

void optimistic_end(struct master *master, struct offer *offer)
{
    const struct resources nothing = {0};

    is_no_longer_shown(master, offer);
    allocator_discharge(master->allocator, offer->subscription->client, &nothing, CHARGE_OFFER);
}

/* --- what is lost ---------------------------------------------------------------- */

void offer_loss_free(struct offer *offer)
{
    if (!offer->loss)
        return;
    resources_fini(&offer->loss->lost);
    free(offer->loss);
    offer->loss = NULL;
}

static void loss_add(struct offer_loss *loss, const struct resources *lost, const char *how)
{
    /* The same port is not lost twice; if sums are too large, less is explained. */
    (void)resources_add(&loss->lost, lost, NULL);
    snprintf(loss->how, sizeof(loss->how), "%s", how);
}

static void note_loss(struct offer *offer, const struct resources *lost, const char *how)
{
    if (!offer->loss)
        offer->loss = mem_new(struct offer_loss);
    loss_add(offer->loss, lost, how);
}

void optimistic_gather_loss(struct offer_loss *loss, const struct offer *offer)
{
    if (offer->loss)
        loss_add(loss, &offer->loss->lost, offer->loss->how);
}

/* "2 cpus, 512 mem" */
static void print_amounts(const struct resources *amounts, struct buf *out)
{
    const struct resources nothing = {0};

    resources_describe_lack(&nothing, amounts, out);
}

/* "agent a7: 2 cpus were taken by an earlier accept in role ads, 0.5 cpus are left" */
static void describe(const struct agent *agent, const struct resources *lost, const char *how,
                     const struct resources *left, struct err *ret_text)
{
    CLEANUP(buf_fini) struct buf gone = {0}, rest = {0};

    print_amounts(lost, &gone);
    print_amounts(left, &rest);
    err_set(ret_text, -ESTALE, "agent %.44s: %.48s %.100s, %.36s%s left", agent->id,
            buf_text(&gone), how, rest.size ? buf_text(&rest) : "nothing", rest.size ? "" : " is");
}

/* Its own other frameworks a principal may know by name. */
static void describe_taker(const struct subscription *taker, const struct framework *loser,
                           char *ret_how, size_t size)
{
    const char *principal = loser->info->principal;

    if (!taker)
        snprintf(ret_how, size, "are not there any more");
    else if (*principal && !strcmp(principal, taker->framework->info->principal))
        snprintf(ret_how, size, "were taken by an earlier accept of framework %.48s in role %.32s",
                 taker->framework->info->name, taker->role);
    else
        snprintf(ret_how, size, "were taken by an earlier accept in role %.48s", taker->role);
}

/* --- offers that were lost as a whole ---------------------------------------------- */

struct lost_offer {
    UT_hash_handle hh;  /* master->lost, by id */
    char *id;           /* owned */
    char *framework_id; /* owned */
    struct err text;
};

static void lost_free(struct master *master, struct lost_offer *lost)
{
    HASH_DEL(master->lost, lost);
    free(lost->id);
    free(lost->framework_id);
    free(lost);
}

static void lost_add(struct master *master, const struct offer *offer, const struct err *text)
{
    struct lost_offer *lost = mem_new(struct lost_offer);

    lost->id = mem_strdup(offer->id);
    lost->framework_id = mem_strdup(offer->subscription->framework->id);
    lost->text = *text;
    HASH_ADD_KEYPTR(hh, master->lost, lost->id, strlen(lost->id), lost);
    if (HASH_COUNT(master->lost) > LOST_OFFERS_MAX)
        lost_free(master, master->lost);
}

int optimistic_was_lost(const struct master *master, const struct framework *framework,
                        const char *offer_id, struct err *err)
{
    const struct lost_offer *lost;

    HASH_FIND_STR(master->lost, offer_id, lost);
    if (!lost || strcmp(lost->framework_id, framework->id) != 0)
        return 0;
    return err_set(err, -ESTALE, "%s", lost->text.text);
}

void optimistic_fini(struct master *master)
{
    while (master->lost)
        lost_free(master, master->lost);
}

/* --- being told -------------------------------------------------------------------- */

static void tell_reduced(struct master *master, struct offer *offer, const struct resources *lost,
                         const char *why)
{
    struct msg_offer_reduced reduced = {
        .offer_id = offer->id, .units = offer->need ? offer->units : 0, .reason = why};

    reduced.lost = resources_to_info(lost, master->scratch, &reduced.lost_count);
    reduced.left = resources_to_info(&offer->resources, master->scratch, &reduced.left_count);
    framework_send(master, offer->subscription->framework,
                   (struct message){.type = MSG_OFFER_REDUCED, .offer_reduced = &reduced});
}

/* Units that do not fit any more are open again. */
static void settle_units(struct master *master, struct offer *offer)
{
    int64_t units = need_count(offer->need, &offer->resources, offer->units);

    if (units == offer->units)
        return;
    need_move(offer->need, offer->units - units);
    offer->units = units;
    subscriptions_settle(master, offer->subscription->framework);
    allocator_recall(master->allocator, offer->subscription->client);
}

/* It holds no more than `left` from now on; the rest has gone as `how` says. */
static void reduce(struct master *master, struct offer *offer, struct resources *left,
                   const char *how)
{
    CLEANUP(resources_fini) struct resources lost = {0}, both = {0};
    struct err text;

    resources_copy(&lost, &offer->resources);
    resources_intersect(&both, &lost, left);
    BUG_ON(resources_subtract(&lost, &both, NULL) < 0);
    resources_swap(&offer->resources, left);
    note_loss(offer, &lost, how);
    describe(offer->agent, &lost, how, &offer->resources, &text);
    if (offer->need)
        settle_units(master, offer);
    if (!MUTATE(SKIP_CONFLICT))
        tell_reduced(master, offer, &lost, text.text);
    if (!is_allocatable(master, &offer->resources) || (offer->need && !offer->units)) {
        lost_add(master, offer, &text);
        offer_remove(master, offer, OFFER_TAKEN, text.text);
        return;
    }
    counter_add(master, COUNTER_OPTIMISTIC_REDUCED);
    /* What quotas kept from it may be for somebody else. */
    offers_wake(master, offer->agent);
    offer_publish_again(master, offer);
}

/* What its framework is shown in earlier offers of the agent counts first. */
static void free_for(const struct offer *offer, struct resources *ret_free)
{
    const struct offer *other;

    resources_copy(ret_free, &offer->agent->free);
    for (other = offer->agent->offers; other != offer; other = other->agent_next)
        if (other->is_shown && other->subscription->framework == offer->subscription->framework)
            take_away(ret_free, &other->resources);
}

static void settle_agent(struct master *master, struct agent *agent)
{
    struct offer *offer, *next;

    for (offer = agent->offers; offer; offer = next) {
        CLEANUP(resources_fini) struct resources free = {0}, left = {0};
        char how[160];

        next = offer->agent_next;
        if (!offer->is_shown)
            continue;
        free_for(offer, &free);
        resources_intersect(&left, &offer->resources, &free);
        if (resources_are_equal(&left, &offer->resources))
            continue;
        describe_taker(agent->taker, offer->subscription->framework, how, sizeof(how));
        reduce(master, offer, &left, how);
    }
}

/* --- what was taken ------------------------------------------------------------------ */

void optimistic_on_taken(struct master *master, struct agent *agent,
                         const struct subscription *taker)
{
    if (!agent->shown || MUTATE(KEEP_SHOWN))
        return;
    if (!agent->is_taken) {
        DL_APPEND2(master->taken, agent, prev_taken, next_taken);
        agent->is_taken = true;
        agent->taker = taker;
    }
    if (agent->taker != taker)
        agent->taker = NULL;
}

void optimistic_forget_agent(struct master *master, struct agent *agent)
{
    if (!agent->is_taken)
        return;
    DL_DELETE2(master->taken, agent, prev_taken, next_taken);
    agent->is_taken = false;
    agent->taker = NULL;
}

void optimistic_forget_taker(struct master *master, const struct subscription *taker)
{
    struct agent *agent;

    DL_FOREACH2(master->taken, agent, next_taken)
    if (agent->taker == taker)
        agent->taker = NULL;
}

void optimistic_settle(struct master *master)
{
    while (master->taken) {
        struct agent *agent = master->taken;

        settle_agent(master, agent);
        optimistic_forget_agent(master, agent);
    }
}

/* --- quotas -------------------------------------------------------------------------- */

/* "are not to be had ...: role ads has 0 cpus left of its limit of 20 cpus" */
static void describe_quota(const struct master *master, const struct offer *offer, char *ret_how,
                           size_t size)
{
    CLEANUP(buf_fini) struct buf text = {0};
    struct allocator_cut_reason reason;

    buf_puts(&text, "are not to be had within the quotas");
    if (allocator_cut_reason_of(master->allocator, offer->subscription->client, &offer->resources,
                                &reason)) {
        if (reason.role) {
            buf_printf(&text, ": role %.32s has ", reason.role);
            units_print_milli(reason.may_milli, &text);
            buf_printf(&text, " %.24s left of its limit", reason.scalar);
        } else {
            buf_printf(&text, ": %.24s is held back for guarantees", reason.scalar);
        }
    }
    snprintf(ret_how, size, "%s", buf_text(&text));
}

void optimistic_claim(struct master *master, struct offer *offer)
{
    CLEANUP(resources_fini) struct resources may = {0}, lost = {0};
    char how[160];

    if (!offer->is_shown)
        return;
    resources_copy(&may, &offer->resources);
    if (!MUTATE(CLAIM_UNCUT) &&
        allocator_cut(master->allocator, offer->subscription->client, &may)) {
        describe_quota(master, offer, how, sizeof(how));
        resources_copy(&lost, &offer->resources);
        BUG_ON(resources_subtract(&lost, &may, NULL) < 0);
        note_loss(offer, &lost, how);
        resources_swap(&offer->resources, &may);
        if (offer->need)
            settle_units(master, offer);
    }
    counter_add(master, offer->loss ? COUNTER_OPTIMISTIC_LOSSES : COUNTER_OPTIMISTIC_WINS);
    is_no_longer_shown(master, offer);
    books_subtract(&offer->agent->free, &offer->resources);
    allocator_charge(master->allocator, offer->subscription->client, &offer->resources,
                     CHARGE_FREE | CHARGE_MORE);
}

static void enforce_on(struct master *master, struct subscription *subscription)
{
    struct offer *offer, *next;

    allocator_forget_shown(master->allocator, subscription->client);
    for (offer = subscription->framework->offers; offer; offer = next) {
        CLEANUP(resources_fini) struct resources may = {0};
        char how[160];
        bool is_cut;

        next = offer->framework_next;
        if (!offer->is_shown || offer->subscription != subscription)
            continue;
        resources_copy(&may, &offer->resources);
        is_cut = allocator_clip(master->allocator, subscription->client, &may);
        allocator_note_shown(master->allocator, subscription->client, &may);
        if (!is_cut)
            continue;
        describe_quota(master, offer, how, sizeof(how));
        reduce(master, offer, &may, how);
    }
}

/* Only where one of its offers may be too large now: there may be a hundred thousand. */
void optimistic_enforce(struct master *master)
{
    struct framework *framework;
    struct subscription *subscription;

    if (!master->shown || !allocator_has_quotas(master->allocator))
        return;
    for (framework = master->frameworks; framework; framework = framework->hh.next)
        DL_FOREACH (framework->subscriptions, subscription)
            if (subscription->shown &&
                allocator_is_shown_too_much(master->allocator, subscription->client))
                enforce_on(master, subscription);
}

/* --- too late ------------------------------------------------------------------------ */

bool optimistic_is_conflict(const struct agent *agent, const struct offer_loss *loss,
                            const struct resources *remaining, const struct resources *wanted,
                            struct err *ret_text)
{
    CLEANUP(resources_fini) struct resources promised = {0}, have = {0}, lacking = {0}, taken = {0};
    CLEANUP(resources_fini) struct resources left = {0};

    if (resources_are_empty(&loss->lost) || resources_are_empty(wanted) ||
        resources_contain(remaining, wanted))
        return false;
    resources_copy(&promised, remaining);
    if (resources_add(&promised, &loss->lost, NULL) < 0 || !resources_contain(&promised, wanted))
        return false;
    resources_intersect(&have, remaining, wanted);
    resources_copy(&lacking, wanted);
    BUG_ON(resources_subtract(&lacking, &have, NULL) < 0);
    /* Of what was lost and what is left, only the kinds that it lacks are of interest. */
    for (size_t i = 0; i < lacking.count; i++) {
        const char *name = lacking.items[i].name;

        if (i > 0 && !strcmp(name, lacking.items[i - 1].name))
            continue;
        for (size_t j = 0; j < loss->lost.count; j++)
            if (!strcmp(loss->lost.items[j].name, name))
                (void)resources_add_portion(&taken, &loss->lost.items[j], NULL);
        for (size_t j = 0; j < remaining->count; j++)
            if (!strcmp(remaining->items[j].name, name))
                (void)resources_add_portion(&left, &remaining->items[j], NULL);
    }
    describe(agent, &taken, loss->how, &left, ret_text);
    return true;
}

/* --- check --------------------------------------------------------------------------- */

int optimistic_check_agent(const struct master *master, const struct agent *agent, struct err *err)
{
    const struct offer *offer;
    size_t shown = 0;

    for (offer = agent->offers; offer; offer = offer->agent_next) {
        CLEANUP(resources_fini) struct resources free = {0};

        if (!offer->is_shown)
            continue;
        shown++;
        free_for(offer, &free);
        if (!resources_contain(&free, &offer->resources))
            return err_set(err, -EINVAL, "offer %.64s shows what agent %.64s has not free",
                           offer->id, agent->id);
        if (!allocator_knows_shown(master->allocator, offer->subscription->client,
                                   &offer->resources))
            return err_set(err, -EINVAL, "offer %.64s shows more than quotas are held against",
                           offer->id);
        if (offer->need && offer->need->info->gang)
            return err_set(err, -EINVAL, "offer %.64s is to a gang, and others may take it",
                           offer->id);
    }
    if (shown != agent->shown)
        return err_set(err, -EINVAL, "agent %.64s: %zu offers are optimistic, %zu counted",
                       agent->id, shown, agent->shown);
    if (agent->is_taken || (agent->is_awaited && !shown))
        return err_set(err, -EINVAL, "agent %.64s: nobody was told what was taken", agent->id);
    return 0;
}
