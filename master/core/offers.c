/* master/core/offers.c - the life of an offer, from its making to its end. */
#include "master/core/offers.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/books.h"
#include "master/core/changes.h"
#include "master/core/drain.h"
#include "master/core/filters.h"
#include "master/core/frameworks.h"
#include "master/core/gangs.h"
#include "master/core/maintenance.h"
#include "master/core/needs.h"
#include "master/core/preempt.h"
#include "master/core/optimistic.h"
#include "proto/resources_info.h"

/* One message takes as many offers as stay below these, which is far below a frame's limit. */
#define OFFERS_PER_MESSAGE 1000
#define OFFERS_WEIGHT_MAX  1048576
#define DIGITS_MAX         20 /* of a number of 64 bits */

static const struct {
    enum counter counter;
    bool is_told;
} offer_ends[OFFER_END_MAX] = {
    [OFFER_ACCEPTED] = {COUNTER_OFFERS_ACCEPTED, false},
    [OFFER_DECLINED] = {COUNTER_OFFERS_DECLINED, false},
    [OFFER_INVALIDATED] = {COUNTER_OFFERS_INVALID, false},
    [OFFER_TIMED_OUT] = {COUNTER_OFFERS_TIMED_OUT, true},
    [OFFER_RESCINDED] = {COUNTER_OFFERS_RESCINDED, true},
    [OFFER_LEFT] = {COUNTER_OFFERS_RESCINDED, true},
    [OFFER_ABANDONED] = {COUNTER_OFFERS_RESCINDED, false},
    [OFFER_TAKEN] = {COUNTER_OPTIMISTIC_TAKEN, true},
};

/* --- which agents to look at ------------------------------------------------- */

void agent_list_move(struct master *master, struct agent *agent, enum agent_list list)
{
    if (agent->list == list)
        return;
    if (agent->list != AGENT_LIST_NONE)
        DL_DELETE(master->lists[agent->list], agent);
    agent->list = list;
    if (list != AGENT_LIST_NONE)
        DL_APPEND(master->lists[list], agent);
}

static void schedule_allocation(struct master *master)
{
    if (!deadline_is_set(&master->allocation))
        deadline_set(&master->deadlines, &master->allocation,
                     master->now.mono_us + master->offer_batch_us);
}

void offers_wake(struct master *master, struct agent *agent)
{
    if (!agent_is_active(agent))
        return;
    agent_list_move(master, agent, AGENT_LIST_DIRTY);
    schedule_allocation(master);
}

void offers_retry(struct master *master, struct agent *agent)
{
    BUG_ON(agent->list != AGENT_LIST_IDLE && agent->list != AGENT_LIST_RETRY);
    agent_list_move(master, agent, AGENT_LIST_RETRY);
    schedule_allocation(master);
}

void offers_look(struct master *master)
{
    if (allocator_recall_is_due(master->allocator) || allocator_must_rescind(master->allocator))
        schedule_allocation(master);
}

/* --- beginning and end ------------------------------------------------------- */

/* "<id of the master>-O<number>", the number without zeros before it; false: it is not one of ours. */
static bool read_id(const struct master *master, const char *id, uint64_t *ret_number)
{
    size_t prefix = strlen(master->id);
    uint64_t number = 0;
    const char *digits;

    if (strncmp(id, master->id, prefix) != 0 || strncmp(id + prefix, "-O", 2) != 0)
        return false;
    digits = id + prefix + 2;
    if (!*digits || (digits[0] == '0' && digits[1]))
        return false;
    for (; *digits; digits++) {
        if (*digits < '0' || *digits > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*digits - '0'), &number))
            return false;
    }
    *ret_number = number;
    return true;
}

struct offer *offer_find(const struct master *master, const char *id)
{
    uint64_t number;

    struct offer *offer =
        read_id(master, id, &number) ? offer_table_find(&master->offers, number) : NULL;

    return offer && !offer->preemption ? offer : NULL;
}

/* All offers of one allocation, and those that were under way when it declined the first, are one
 * refusal. */
void offers_note_refusal(const struct master *master, struct subscription *subscription,
                         uint64_t round)
{
    if (round <= subscription->refused_round)
        return;
    subscription->refused_round = master->round;
    subscription->refusals++;
}

/* As declined: else one that never answers, and so holds nothing, would be asked first for ever. */
static void on_offer_timeout(void *owner, struct deadline *deadline)
{
    struct offer *offer = CONTAINER_OF(deadline, struct offer, timeout);

    if (offer->need && offer->need->info->gang) {
        gang_give_up(owner, offer->need);
        return;
    }
    if (!MUTATE(FORGIVE_SILENCE))
        offers_note_refusal(owner, offer->subscription, offer->round);
    filter_set(owner, offer->subscription, offer->agent, &offer->resources, NULL);
    offer_remove(owner, offer, OFFER_TIMED_OUT, "the offer was not answered in time");
}

static struct offer_info offer_describe(struct master *master, const struct offer *offer)
{
    const struct agent_info *agent = offer->agent->info;
    struct offer_info info = {
        .id = offer->id,
        .framework_id = offer->subscription->framework->id,
        .agent_id = offer->agent->id,
        .hostname = agent->hostname,
        .address = agent->address,
        .role = offer->subscription->role,
        .attributes = agent->attributes,
        .attributes_count = agent->attributes_count,
        .domain = agent->domain,
        .topology = offer->subscription->framework->wants_topology ? agent->topology : NULL,
        .need = offer->need ? offer->need->info->name : "",
        .units = offer->need ? offer->units : 0,
        .preempted = offer->was_preempted,
        .optimistic = offer->is_shown,
        .unavailability = agent_unavailability(offer->agent, master->scratch),
    };

    info.resources = resources_to_info(&offer->resources, master->scratch, &info.resources_count);
    return info;
}

void offer_publish_again(struct master *master, const struct offer *offer)
{
    struct offer_info info = offer_describe(master, offer);

    publish_offer_removed(master, offer);
    publish_offer(master, &info);
}

static struct offer *offer_alloc(struct master *master)
{
    char digits[DIGITS_MAX];
    size_t prefix = strlen(master->id), size = 0;
    uint64_t number = master->next_offer, rest = number;
    struct offer *offer;

    do {
        digits[size++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    BUG_ON(prefix + 2 + size > ID_MAX);
    offer = mem_calloc(1, sizeof(*offer) + prefix + 2 + size + 1);
    memcpy(offer->id, master->id, prefix);
    memcpy(offer->id + prefix, "-O", 2);
    for (size_t i = 0; i < size; i++)
        offer->id[prefix + 2 + i] = digits[size - 1 - i];
    offer->number = number;
    master->next_offer++;
    return offer;
}

static void framework_has_unsent(struct framework *framework, struct offer *offer,
                                 struct framework **unsent)
{
    if (framework->unsent)
        return;
    framework->unsent = offer;
    LL_PREPEND2(*unsent, framework, next_unsent);
}

static void take_portion(const struct portion_offered *portion)
{
    if (portion->resources != &portion->agent->free && !portion->is_shown)
        books_subtract(&portion->agent->free, portion->resources);
    if (portion->need)
        need_move(portion->need, -portion->units);
}

static void set_timeout(struct master *master, struct offer *offer)
{
    const struct framework *framework = offer->subscription->framework;
    int64_t timeout_us = master->offer_timeout_us;

    if (framework->offer_timeout_us && (timeout_us < 0 || framework->offer_timeout_us < timeout_us))
        timeout_us = framework->offer_timeout_us;
    /* Where others have given way, or wait for it, it is held for a bounded time in any case. */
    if (offer->was_preempted && timeout_us < 0)
        timeout_us = PREEMPT_HOLD_US;
    if (offer->is_shown && offer->agent->is_awaited && timeout_us < 0)
        timeout_us = OPTIMISTIC_HOLD_US;
    if (offer->need && offer->need->info->gang) {
        if (!MUTATE(HOLD_FOR_EVER))
            deadline_set(&master->deadlines, &offer->timeout, offer->need->hold_end_us);
    } else if (timeout_us >= 0)
        deadline_set(&master->deadlines, &offer->timeout, master->now.mono_us + timeout_us);
}

/* Known, and not to those whom it is for. */
static struct offer *offer_add(struct master *master, struct subscription *subscription,
                               struct agent *agent)
{
    struct offer *offer = offer_alloc(master);

    offer->agent = agent;
    offer->subscription = subscription;
    offer->round = master->round;
    offer->timeout.due = on_offer_timeout;
    offer_table_add(&master->offers, offer->number, offer);
    DL_APPEND2(agent->offers, offer, agent_prev, agent_next);
    DL_APPEND2(subscription->framework->offers, offer, framework_prev, framework_next);
    return offer;
}

static void offer_new(struct master *master, const struct portion_offered *portion)
{
    struct subscription *subscription = portion->subscription;
    struct framework *framework = subscription->framework;
    struct offer *offer = offer_add(master, subscription, portion->agent);

    offer->need = portion->need;
    offer->units = portion->units;
    if (offer->need)
        gang_takes(master, offer->need);
    take_portion(portion);
    resources_swap(&offer->resources, portion->resources);
    framework->offers_count++;
    framework_has_unsent(framework, offer, &master->unsent);
    offer->is_shown = portion->is_shown;
    if (offer->is_shown)
        optimistic_begin(master, offer);
    else
        allocator_charge(master->allocator, subscription->client, &offer->resources,
                         CHARGE_FREE | CHARGE_OFFER);
    set_timeout(master, offer);
    counter_add(master, COUNTER_OFFERS_MADE);
}

/* --- gathered before it is made ------------------------------------------------ */

struct offer *offer_reserve(struct master *master, struct subscription *subscription,
                            struct agent *agent, struct preemption *preemption)
{
    struct offer *offer = offer_add(master, subscription, agent);

    offer->preemption = preemption;
    offer->was_preempted = true;
    allocator_charge(master->allocator, subscription->client, &offer->resources,
                     CHARGE_FREE | CHARGE_OFFER);
    return offer;
}

void offer_absorb(struct master *master, struct offer *offer, const struct resources *more)
{
    books_subtract(&offer->agent->free, more);
    allocator_charge(master->allocator, offer->subscription->client, more,
                     CHARGE_FREE | CHARGE_MORE);
    BUG_ON(resources_add(&offer->resources, more, NULL) < 0);
}

void offer_reveal(struct master *master, struct offer *offer, struct need *need, int64_t units)
{
    struct framework *framework = offer->subscription->framework;

    BUG_ON(framework->unsent);
    offer->preemption = NULL;
    offer->need = need;
    offer->units = units;
    gang_takes(master, need);
    need_move(need, -units);
    /* Those behind the first that is not sent are not, either. */
    DL_DELETE2(framework->offers, offer, framework_prev, framework_next);
    DL_APPEND2(framework->offers, offer, framework_prev, framework_next);
    framework->offers_count++;
    set_timeout(master, offer);
    counter_add(master, COUNTER_OFFERS_MADE);
    framework->unsent = offer;
    offers_send(master, framework);
    subscriptions_settle(master, framework);
}

/* Made by the running allocation for the same need. */
static struct offer *offer_growing(const struct master *master,
                                   const struct portion_offered *portion)
{
    struct offer *offer;

    if (!portion->need)
        return NULL;
    for (offer = portion->agent->offers; offer; offer = offer->agent_next)
        if (offer->need == portion->need && offer->round == master->round)
            return offer;
    return NULL;
}

static void offer_grow(struct master *master, struct offer *offer,
                       const struct portion_offered *portion)
{
    take_portion(portion);
    offer->units += portion->units;
    if (!portion->is_shown)
        allocator_charge(master->allocator, offer->subscription->client, portion->resources,
                         CHARGE_FREE | CHARGE_MORE);
    if (portion->resources == &portion->agent->free) {
        struct resources all = {0};

        resources_swap(&all, portion->resources);
        BUG_ON(resources_add(&offer->resources, &all, NULL) < 0);
        resources_fini(&all);
        return;
    }
    BUG_ON(resources_add(&offer->resources, portion->resources, NULL) < 0);
    if (portion->is_shown)
        allocator_note_shown(master->allocator, offer->subscription->client, &offer->resources);
}

void offer_make(struct master *master, const struct portion_offered *portion)
{
    struct framework *framework = portion->subscription->framework;
    struct offer *growing = offer_growing(master, portion);

    if (growing)
        offer_grow(master, growing, portion);
    else
        offer_new(master, portion);
    if (portion->need || framework_is_at_cap(master, framework))
        subscriptions_settle(master, framework);
}

void offer_drop(struct master *master, struct offer *offer)
{
    struct framework *framework = offer->subscription->framework;
    bool was_at_cap = framework_is_at_cap(master, framework);
    struct agent *agent = offer->agent;

    if (offer->preemption)
        preempt_on_offer_gone(master, offer->preemption);
    else
        framework->offers_count--;
    deadline_cancel(&master->deadlines, &offer->timeout);
    offer_table_remove(&master->offers, offer->number);
    DL_DELETE2(agent->offers, offer, agent_prev, agent_next);
    DL_DELETE2(framework->offers, offer, framework_prev, framework_next);
    if (offer->is_shown) {
        optimistic_end(master, offer);
    } else {
        allocator_discharge(master->allocator, offer->subscription->client, &offer->resources,
                            agent_charge(agent) | CHARGE_OFFER);
        books_return(&agent->free, &offer->resources);
    }
    offers_wake(master, agent);
    if (offer->need) {
        /* More units are open than when it was asked about what lies idle. */
        offer->need->held--;
        need_move(offer->need, offer->units);
        allocator_recall(master->allocator, offer->subscription->client);
    }
    if (offer->need || was_at_cap)
        subscriptions_settle(master, framework);
    resources_fini(&offer->resources);
    offer_loss_free(offer);
    free(offer);
}

void offer_remove(struct master *master, struct offer *offer, enum offer_end end,
                  const char *reason)
{
    if (offer->was_preempted)
        preempt_on_answer(master, offer, end);
    if (offer->preemption) { /* nobody has heard of it */
        offer_drop(master, offer);
        return;
    }
    counter_add(master, offer_ends[end].counter);
    if (end == OFFER_ACCEPTED) {
        /* Its units are met for good. */
        if (offer->need)
            offer->need->held--;
        offer->need = NULL;
    }
    publish_offer_removed(master, offer);
    if (offer_ends[end].is_told && !MUTATE(SKIP_RESCIND))
        framework_send(master, offer->subscription->framework,
                       MESSAGE(RESCIND, rescind, .offer_id = offer->id, .reason = reason));
    offer_drop(master, offer);
}

void offers_rescind_agent(struct master *master, struct agent *agent, const char *reason)
{
    while (agent->offers)
        offer_remove(master, agent->offers, OFFER_RESCINDED, reason);
}

void offers_remove_framework(struct master *master, struct framework *framework,
                             const struct subscription *only, enum offer_end end,
                             const char *reason)
{
    struct offer *offer = framework->offers, *next;

    for (; offer; offer = next) {
        next = offer->framework_next;
        if (!only || offer->subscription == only)
            offer_remove(master, offer, end, reason);
    }
}

/* --- messages ---------------------------------------------------------------- */

/* How many offers from this one on are a message's worth. */
static size_t message_worth(const struct offer *offer)
{
    size_t count = 0, weight = 0;

    for (; offer && count < OFFERS_PER_MESSAGE && weight < OFFERS_WEIGHT_MAX; count++) {
        weight += offer->agent->weight;
        __builtin_prefetch(offer->agent->info);
        __builtin_prefetch(offer->resources.items);
        offer = offer->framework_next;
    }
    return count;
}

/* Up to a message's worth of offers from *offer_p on, which is moved behind them. */
static void send_some(struct master *master, struct framework *framework, struct offer **offer_p)
{
    size_t worth = message_worth(*offer_p), count = 0;
    struct offer_info *infos = arena_array(master->scratch, worth, sizeof(struct offer_info));

    while (count < worth) {
        infos[count] = offer_describe(master, *offer_p);
        publish_offer(master, &infos[count++]);
        *offer_p = (*offer_p)->framework_next;
    }
    framework_send(master, framework,
                   MESSAGE(OFFERS, offers, .offers = infos, .offers_count = count));
}

void offers_send(struct master *master, struct framework *framework)
{
    while (framework->unsent) {
        send_some(master, framework, &framework->unsent);
        /* A round of a hundred thousand offers need not have them all described at once. */
        arena_reset(master->scratch);
    }
}

void on_decline(struct master *master, struct framework *framework, const struct message *message)
{
    const struct msg_decline *decline = message->decline;

    for (size_t i = 0; i < decline->offer_ids_count; i++) {
        struct offer *offer = offer_find(master, decline->offer_ids[i]);

        /* It may have been rescinded while the answer was on its way. */
        if (!offer || offer->subscription->framework != framework)
            continue;
        offers_note_refusal(master, offer->subscription, offer->round);
        filter_set(master, offer->subscription, offer->agent, &offer->resources, decline->filters);
        offer_remove(master, offer, OFFER_DECLINED, NULL);
    }
}
