/* master/core/allocate.c - one allocation: whom to offer what is free on the agents that changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/filters.h"
#include "master/core/offers.h"

#define MIN_ALLOCATABLE_DEFAULT "cpus:0.01|mem:32"
#define MIN_ALLOCATABLE_MAX     16

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

static bool is_allocatable(const struct master *master, const struct resources *available)
{
    if (resources_are_empty(available))
        return false;
    for (size_t i = 0; i < master->min_allocatable_count; i++)
        if (has_at_least(available, &master->min_allocatable[i]))
            return true;
    return false;
}

/* --- one agent --------------------------------------------------------------- */

struct candidate {
    const struct master *master;
    const struct agent *agent;
    const char *role;     /* of `available`; NULL: none yet. The allocator goes role by role. */
    bool takes_revocable; /* likewise */
    bool is_second;       /* others were offered the shared volumes in this round */
    struct resources available; /* to that role */
    bool is_allocatable;
};

/* What stands far away is for those who know what that means. */
static bool is_remote(const struct master *master, const struct agent *agent)
{
    const struct domain_info *domain = agent->info->domain;

    return domain && *master->region && strcmp(domain->region, master->region) != 0;
}

static void candidate_look(struct candidate *candidate, const struct subscription *subscription)
{
    candidate->role = subscription->role;
    candidate->takes_revocable = subscription->framework->takes_revocable;
    resources_for_role(&candidate->available, &candidate->agent->free, subscription->role);
    if (candidate->is_second && resources_have_shared(&candidate->available))
        resources_unshared(&candidate->available, &candidate->available);
    if (!candidate->takes_revocable && !MUTATE(OFFER_REVOCABLE))
        resources_drop_revocable(&candidate->available);
    candidate->is_allocatable = is_allocatable(candidate->master, &candidate->available);
}

static bool candidate_suits(void *ctx, void *owner)
{
    const struct subscription *subscription = owner;
    struct candidate *candidate = ctx;

    if (!subscription->framework->is_region_aware && is_remote(candidate->master, candidate->agent))
        return false;
    if (!candidate->role || strcmp(candidate->role, subscription->role) != 0 ||
        candidate->takes_revocable != subscription->framework->takes_revocable)
        candidate_look(candidate, subscription);
    return candidate->is_allocatable &&
           !filter_hides(subscription, candidate->agent, &candidate->available);
}

/* All that is left goes to the first who can use it; what is reserved for others remains for them.
 */
static void offer_agent(struct master *master, struct agent *agent)
{
    struct candidate candidate = {.master = master, .agent = agent};
    struct subscription *subscription;

    while (!resources_are_empty(&agent->free)) {
        candidate.role = NULL;
        subscription = master->allocator_ops->first(master->allocator, candidate_suits, &candidate);
        if (!subscription)
            break;
        candidate.is_second |= resources_have_shared(&candidate.available);
        offer_new(master, subscription, agent, &candidate.available);
    }
    resources_fini(&candidate.available);
    agent_list_move(master, agent,
                    resources_are_empty(&agent->free) ? AGENT_LIST_NONE : AGENT_LIST_IDLE);
}

void allocate(void *owner, struct deadline *deadline)
{
    struct master *master = owner;

    (void)deadline;
    counter_add(master, COUNTER_ALLOCATION_RUNS);
    while (master->lists[AGENT_LIST_DIRTY])
        offer_agent(master, master->lists[AGENT_LIST_DIRTY]);
    while (master->unsent) {
        struct framework *framework = master->unsent;

        master->unsent = framework->next_unsent;
        framework->next_unsent = NULL;
        offers_send(master, framework);
    }
}
