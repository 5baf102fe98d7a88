/* master/core/allocate.c - one allocation: whom to offer what is free.
 *
 * Its cost follows what changed. An agent whose free resources changed is shown to all, in the
 * allocator's order, until it has nothing left; one that nobody wanted is idle, and shown again only
 * to those for whom something changed: whose filter on it has ended, or whom the allocator recalls.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/filters.h"
#include "master/core/gangs.h"
#include "master/core/explain.h"
#include "master/core/maintenance.h"
#include "master/core/needs.h"
#include "master/core/offers.h"
#include "master/core/optimistic.h"
#include "master/core/policy.h"

#define MIN_ALLOCATABLE_DEFAULT "cpus:0.01|mem:32"
#define MIN_ALLOCATABLE_MAX     16
#define RETRY_MAX               16 /* whose filters on an agent ended at once; more: all are asked */

/* --- the least that is worth an offer ---------------------------------------- */

static int min_parse(struct resources *ret_min, const char *text, size_t size, struct err *err)
{
    CLEANUP(free_p) char *part = mem_alloc(size + 1);
    int r;

    memcpy(part, text, size);
    part[size] = '\0';
    r = resources_parse(ret_min, part, err);
    if (r < 0)
        return err_wrap(err, r, "min_allocatable");
    for (size_t i = 0; i < ret_min->count; i++)
        if (ret_min->items[i].kind != RESOURCE_SCALAR)
            return err_set(err, -EINVAL, "min_allocatable: %s is no scalar, as in cpus:0.01|mem:32",
                           ret_min->items[i].name);
    return 0;
}

int offers_init(struct master *master, const char *min_allocatable, struct err *err)
{
    const char *text =
        min_allocatable && *min_allocatable ? min_allocatable : MIN_ALLOCATABLE_DEFAULT;

    master->min_allocatable = mem_calloc(MIN_ALLOCATABLE_MAX, sizeof(struct resources));
    for (bool is_last = false; !is_last;) {
        size_t size = strcspn(text, "|");
        int r;

        if (master->min_allocatable_count == MIN_ALLOCATABLE_MAX)
            return err_set(err, -EINVAL, "min_allocatable: more than %d alternatives",
                           MIN_ALLOCATABLE_MAX);
        r = min_parse(&master->min_allocatable[master->min_allocatable_count++], text, size, err);
        if (r < 0)
            return r;
        is_last = text[size] == '\0';
        text += size + 1;
    }
    return 0;
}

void offers_fini(struct master *master)
{
    for (size_t i = 0; i < master->min_allocatable_count; i++)
        resources_fini(&master->min_allocatable[i]);
    free(master->min_allocatable);
}

static bool has_at_least(const struct resources *available, const struct resources *min)
{
    for (size_t i = 0; i < min->count; i++)
        if (resources_scalar(available, min->items[i].name) < min->items[i].milli)
            return false;
    return true;
}

/* A shared volume alone would be offered again and again. */
static bool has_sole(const struct resources *available)
{
    for (size_t i = 0; i < available->count; i++)
        if (!resource_is_shared(&available->items[i]))
            return true;
    return false;
}

bool is_allocatable(const struct master *master, const struct resources *available)
{
    if (!has_sole(available))
        return false;
    for (size_t i = 0; i < master->min_allocatable_count; i++)
        if (has_at_least(available, &master->min_allocatable[i]))
            return true;
    return false;
}

/* --- what is for whom --------------------------------------------------------- */

bool is_too_remote(const struct master *master, const struct subscription *subscription,
                   const struct agent *agent)
{
    const struct domain_info *domain = agent->info->domain;

    return domain && *master->region && strcmp(domain->region, master->region) != 0 &&
           !subscription->framework->is_region_aware;
}

void available_for(const struct subscription *subscription, const struct agent *agent,
                   struct resources *ret_available)
{
    resources_for_role(ret_available, &agent->free, subscription->role);
    if (!subscription->framework->takes_revocable && !MUTATE(OFFER_REVOCABLE))
        resources_drop_revocable(ret_available);
}

/* --- one agent --------------------------------------------------------------- */

struct candidate {
    struct master *master;
    struct agent *agent;
    const char *role;     /* of `available`; NULL: none yet. The allocator goes role by role. */
    bool takes_revocable; /* likewise */
    struct resources *available; /* to that role: `own`, or all that the agent has free */
    struct resources own;
    bool is_allocatable;
    struct resources sized; /* what serves a need of the client that was asked last */
    struct need *need;      /* that one; NULL: it takes all that is available */
    int64_t units;
};

/* Something of the agent is shown to several, or would be. */
static void candidate_beside(struct candidate *candidate, const struct subscription *subscription)
{
    struct master *master = candidate->master;

    available_for(subscription, candidate->agent, &candidate->own);
    /* What a framework is shown of an agent is, all of it together, within its quotas. */
    if (!subscription->is_optimistic)
        optimistic_leave(candidate->agent, subscription, true, &candidate->own);
    allocator_clip(master->allocator, subscription->client, &candidate->own);
    if (subscription->is_optimistic)
        optimistic_leave(candidate->agent, subscription, false, &candidate->own);
    candidate->available = &candidate->own;
    candidate->is_allocatable = is_allocatable(master, candidate->available);
    /* Of each framework of an optimistic role, something else is left. */
    candidate->role = subscription->is_optimistic ? NULL : subscription->role;
}

static void candidate_for(struct candidate *candidate, const struct subscription *subscription)
{
    struct master *master = candidate->master;
    bool takes_revocable = subscription->framework->takes_revocable;

    if (candidate->role && !strcmp(candidate->role, subscription->role) &&
        candidate->takes_revocable == takes_revocable)
        return;
    candidate->takes_revocable = takes_revocable;
    if (candidate->agent->shown || subscription->is_optimistic) {
        candidate_beside(candidate, subscription);
        return;
    }
    candidate->role = subscription->role;
    candidate->available = &candidate->agent->free;
    if (candidate->agent->has_special || allocator_has_quotas(master->allocator)) {
        candidate->available = &candidate->own;
        available_for(subscription, candidate->agent, &candidate->own);
        allocator_clip(master->allocator, subscription->client, &candidate->own);
    }
    candidate->is_allocatable = is_allocatable(master, candidate->available);
}

/* The first of its needs that the agent serves and that is not filtered. */
static bool find_need(const struct subscription *subscription, const struct agent *agent,
                      const struct resources *available, struct candidate *ret_found)
{
    bool is_shown = subscription->is_optimistic;
    CLEANUP(resources_fini) struct resources exclusive = {0};

    for (size_t i = 0; i < subscription->needs->count; i++) {
        struct need *need = &subscription->needs->items[i];
        const struct resources *from = available;

        if (!gang_may_take(ret_found->master, need) ||
            !agent_has_time(ret_found->master, agent, need->info->min_available_ms))
            continue;
        if (is_shown && need->info->gang) {
            resources_copy(&exclusive, available);
            optimistic_leave(agent, subscription, true, &exclusive);
            from = &exclusive;
        } else if (is_shown && !optimistic_may_show(ret_found->master, agent)) {
            continue;
        }
        ret_found->units = need_fit(need, agent, from, &ret_found->sized);
        if (!ret_found->units || filter_hides_units(subscription, agent, &ret_found->sized))
            continue;
        ret_found->need = need;
        return true;
    }
    return false;
}

static enum answer judge(struct candidate *candidate, const struct subscription *subscription,
                         bool for_guarantee)
{
    bool is_shown = subscription->is_optimistic;

    if (is_too_remote(candidate->master, subscription, candidate->agent))
        return ANSWER_NO;
    /* Only gangs may have some of it then, whose offers are exclusive. */
    if (is_shown && !optimistic_may_show(candidate->master, candidate->agent) &&
        (!subscription->needs || !candidate->master->gangs))
        return candidate->master->gangs ? ANSWER_NO : ANSWER_NOT_THIS_ROLE;
    candidate_for(candidate, subscription);
    candidate->need = NULL;
    /* Others in the role may take what is revocable. */
    if (!candidate->is_allocatable)
        return candidate->agent->has_special || is_shown ? ANSWER_NO : ANSWER_NOT_THIS_ROLE;
    if (for_guarantee && !allocator_is_guaranteed(candidate->master->allocator,
                                                  subscription->client, candidate->available))
        return is_shown ? ANSWER_NO : ANSWER_NOT_THIS_ROLE;
    if (subscription->needs)
        return find_need(subscription, candidate->agent, candidate->available, candidate)
                   ? ANSWER_YES
                   : ANSWER_NO;
    return filter_hides(subscription, candidate->agent, candidate->available) ? ANSWER_NO
                                                                              : ANSWER_YES;
}

static enum answer candidate_suits(void *ctx, void *owner, bool for_guarantee)
{
    const struct subscription *subscription = owner;
    struct candidate *candidate = ctx;
    struct agent *agent = candidate->agent;
    enum answer answer = judge(candidate, subscription, for_guarantee);

    if (answer == ANSWER_YES || subscription->is_optimistic || !agent->shown || agent->is_awaited)
        return answer;
    /* What keeps it from an exclusive offer is only that others look at it: no more of them do. */
    if (obstacle_find(candidate->master, agent, subscription, NULL) == OBSTACLE_SHOWN)
        optimistic_await(candidate->master, agent);
    /* Another one in the role may be kept from it so. */
    return answer == ANSWER_NOT_THIS_ROLE && !agent->is_awaited ? ANSWER_NO : answer;
}

/* Who is asked about an agent: all, those who were recalled, or some. */
struct scope {
    void *(*first)(struct allocator *allocator, allocator_visit_fn *visit, void *ctx);
    struct allocator_client *const *clients; /* when `first` is NULL */
    size_t clients_count;
};

static const struct scope scope_all = {.first = allocator_first};

/* All that is left goes to the first who can use it, or what it needs of that; what is reserved for
 * others, kept from the first by a quota, or not needed by it, remains for them. */
static void offer_agent(struct master *master, struct agent *agent, const struct scope *scope)
{
    struct candidate candidate = {.master = master, .agent = agent};
    struct allocator *allocator = master->allocator;

    while (!resources_are_empty(&agent->free)) {
        struct subscription *subscription;
        struct portion_offered portion;

        candidate.role = NULL;
        if (scope->first)
            subscription = scope->first(allocator, candidate_suits, &candidate);
        else
            subscription = allocator_first_of(allocator, scope->clients, scope->clients_count,
                                              candidate_suits, &candidate);
        if (!subscription)
            break;
        portion = (struct portion_offered){
            .subscription = subscription,
            .agent = agent,
            .resources = candidate.need ? &candidate.sized : candidate.available,
            .need = candidate.need,
            .units = candidate.units,
            .is_shown =
                subscription->is_optimistic && !(candidate.need && candidate.need->info->gang),
        };
        offer_make(master, &portion);
        /* What is left is another sum than others have refused. */
        scope = &scope_all;
    }
    resources_fini(&candidate.own);
    resources_fini(&candidate.sized);
    agent_list_move(master, agent,
                    resources_are_empty(&agent->free) ? AGENT_LIST_NONE : AGENT_LIST_IDLE);
}

/* The next in the list is looked at soon: have it at hand by then. */
static void prefetch_next(const struct agent *agent)
{
    if (!agent->next)
        return;
    __builtin_prefetch(agent->next->free.items);
    __builtin_prefetch(agent->next->next);
}

/* --- which agents are offered to whom ----------------------------------------- */

static void offer_changed(struct master *master, struct agent *agent)
{
    prefetch_next(agent);
    filters_take_ended(master, agent, NULL, 0);
    offer_agent(master, agent, &scope_all);
}

/* Nobody else wanted it. */
static void offer_again(struct master *master, struct agent *agent)
{
    struct allocator_client *clients[RETRY_MAX];
    struct scope some = {.clients = clients};

    some.clients_count = filters_take_ended(master, agent, clients, RETRY_MAX);
    if (some.clients_count > RETRY_MAX)
        some.first = allocator_first;
    offer_agent(master, agent, &some);
}

static void offer_idle(struct master *master)
{
    const struct scope recalled = {.first = allocator_first_recalled};
    struct agent *agent, *next, *last;

    if (!allocator_recall_is_due(master->allocator))
        return;
    allocator_recall_begin(master->allocator);
    last = master->lists[AGENT_LIST_IDLE] ? master->lists[AGENT_LIST_IDLE]->prev : NULL;
    for (agent = master->lists[AGENT_LIST_IDLE];
         agent && allocator_recall_goes_on(master->allocator); agent = next) {
        next = agent == last ? NULL : agent->next;
        prefetch_next(agent);
        offer_agent(master, agent, &recalled);
        if (agent->list != AGENT_LIST_IDLE)
            continue;
        /* The next time begins with those that were not shown this time. */
        DL_DELETE(master->lists[AGENT_LIST_IDLE], agent);
        DL_APPEND(master->lists[AGENT_LIST_IDLE], agent);
    }
    allocator_recall_end(master->allocator);
}

void allocate(void *owner, struct deadline *deadline)
{
    struct master *master = owner;

    (void)deadline;
    counter_add(master, COUNTER_ALLOCATION_RUNS);
    master->round++;
    policy_enforce(master);
    while (master->lists[AGENT_LIST_DIRTY])
        offer_changed(master, master->lists[AGENT_LIST_DIRTY]);
    while (master->lists[AGENT_LIST_RETRY])
        offer_again(master, master->lists[AGENT_LIST_RETRY]);
    offer_idle(master);
    while (master->unsent) {
        struct framework *framework = master->unsent;

        master->unsent = framework->next_unsent;
        framework->next_unsent = NULL;
        offers_send(master, framework);
    }
    optimistic_enforce(master);
}
