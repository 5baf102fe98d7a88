/* master/core/filters.c - a filter a subscription and agent. */
#include "master/core/filters.h"

#include "base/cleanup.h"
#include "base/mem.h"
#include "master/core/needs.h"
#include "master/core/offers.h"

#define FEW_FILTERS 4

/* Most agents have few: then looking at them is cheaper than the table. */
static struct filter *filter_find(const struct subscription *subscription,
                                  const struct agent *agent)
{
    struct filter *filter = agent->filters;

    for (int i = 0; i < FEW_FILTERS; i++, filter = filter->next)
        if (!filter || filter->subscription == subscription)
            return filter;
    HASH_FIND_PTR(subscription->filters, &agent, filter);
    return filter;
}

static void filter_remove(struct master *master, struct filter *filter)
{
    deadline_cancel(&master->deadlines, &filter->end);
    HASH_DEL(filter->subscription->filters, filter);
    DL_DELETE(filter->agent->filters, filter);
    resources_fini(&filter->refused);
    free(filter);
}

static void on_filter_end(void *owner, struct deadline *deadline)
{
    struct filter *filter = CONTAINER_OF(deadline, struct filter, end);
    struct agent *agent = filter->agent;

    if (agent->list != AGENT_LIST_IDLE && agent->list != AGENT_LIST_RETRY) {
        filter_remove(owner, filter);
        return;
    }
    filter->is_ended = true;
    DL_DELETE(agent->filters, filter);
    DL_PREPEND(agent->filters, filter);
    offers_retry(owner, agent);
}

size_t filters_take_ended(struct master *master, struct agent *agent,
                          struct allocator_client **ret_clients, size_t room)
{
    size_t count = 0;

    while (agent->filters && agent->filters->is_ended) {
        if (count < room)
            ret_clients[count] = agent->filters->subscription->client;
        count++;
        filter_remove(master, agent->filters);
    }
    return count;
}

/* Whoever declines round after round is asked ever more rarely. */
static int64_t back_off_us(const struct subscription *subscription)
{
    unsigned doublings = subscription->refusals ? subscription->refusals - 1 : 0;

    if (doublings >= BACK_OFF_DOUBLINGS)
        return BACK_OFF_MAX_MS * US_PER_MS;
    return (REFUSE_MIN_MS << doublings) * US_PER_MS;
}

static int64_t refuse_us(const struct master *master, const struct subscription *subscription,
                         const struct filters *filters)
{
    int64_t us = master->refuse_default_us, least_us = back_off_us(subscription);

    if (filters && filters->refuse_ms >= 0)
        us = (filters->refuse_ms > REFUSE_MAX_MS ? REFUSE_MAX_MS : filters->refuse_ms) * US_PER_MS;
    return us < least_us ? least_us : us;
}

static struct filter *filter_add(struct subscription *subscription, struct agent *agent)
{
    struct filter *filter = mem_new(struct filter);

    filter->agent = agent;
    filter->subscription = subscription;
    filter->end.due = on_filter_end;
    HASH_ADD_PTR(subscription->filters, agent, filter);
    DL_APPEND(agent->filters, filter);
    return filter;
}

/* What it refused before covers this, for as long. */
static bool is_covered(const struct filter *filter, const struct resources *refused, int64_t end_us)
{
    return !filter->is_ended && filter->end.at_us >= end_us &&
           (filter->is_whole || resources_contain(&filter->refused, refused));
}

void filter_set(struct master *master, struct subscription *subscription, struct agent *agent,
                const struct resources *refused, const struct filters *filters)
{
    int64_t end_us = master->now.mono_us + refuse_us(master, subscription, filters);
    struct filter *filter = filter_find(subscription, agent);

    if (resources_are_empty(refused))
        return;
    if (filter && is_covered(filter, refused, end_us))
        return;
    if (filter && filter->is_ended) {
        filter_remove(master, filter);
        filter = NULL;
    }
    if (!filter)
        filter = filter_add(subscription, agent);
    filter->is_whole = resources_are_equal(refused, &agent->total);
    if (filter->is_whole)
        resources_fini(&filter->refused);
    else
        resources_copy(&filter->refused, refused);
    deadline_set(&master->deadlines, &filter->end, end_us);
}

void filters_spell_out(struct agent *agent)
{
    struct filter *filter;

    DL_FOREACH (agent->filters, filter) {
        if (!filter->is_whole)
            continue;
        resources_copy(&filter->refused, &agent->total);
        filter->is_whole = false;
    }
}

bool filter_hides(const struct subscription *subscription, const struct agent *agent,
                  const struct resources *candidate)
{
    const struct filter *filter;

    if (!agent->filters)
        return false;
    filter = filter_find(subscription, agent);
    return filter && !filter->is_ended &&
           (filter->is_whole || resources_contain(&filter->refused, candidate));
}

bool filter_hides_units(const struct subscription *subscription, const struct agent *agent,
                        const struct resources *candidate)
{
    const struct filter *filter = agent->filters ? filter_find(subscription, agent) : NULL;

    if (!filter || filter->is_ended)
        return false;
    for (size_t i = 0; i < candidate->count && !filter->is_whole; i++) {
        const char *name = candidate->items[i].name;

        if (need_amount(candidate, name) > need_amount(&filter->refused, name))
            return false;
    }
    return true;
}

int64_t filter_left_us(const struct master *master, const struct subscription *subscription,
                       const struct agent *agent)
{
    const struct filter *filter = filter_find(subscription, agent);

    return filter && !filter->is_ended ? filter->end.at_us - master->now.mono_us : 0;
}

void filters_clear_subscription(struct master *master, struct subscription *subscription)
{
    struct filter *filter, *next;

    HASH_ITER (hh, subscription->filters, filter, next)
        filter_remove(master, filter);
}

void filters_clear_agent(struct master *master, struct agent *agent)
{
    while (agent->filters)
        filter_remove(master, agent->filters);
}
