/* master/core/explain_agent.c - the rules, in their order, for one agent and one subscription. */
#include "master/core/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mutant.h"
#include "base/units.h"
#include "master/core/agents.h"
#include "master/core/drain.h"
#include "master/core/filters.h"
#include "master/core/frameworks.h"
#include "master/core/gangs.h"
#include "master/core/maintenance.h"
#include "master/core/needs.h"
#include "master/core/offers.h"
#include "master/core/optimistic.h"

/* --- one agent ------------------------------------------------------------------------------ */

struct look {
    const struct master *master;
    const struct agent *agent;
    const struct subscription *subscription;
    struct obstacle_detail *detail; /* or NULL */
    bool is_beside;                 /* what others are shown counts, and what it is shown already */
};

static void print_amount(const struct allocator_cut_reason *reason, int64_t milli, struct buf *out)
{
    units_print_milli(milli, out);
    buf_printf(out, " %s", reason->scalar);
}

/* --- what is missing ------------------------------------------------------------------------ */

/* So much of each of these would be enough: of a need, or of the least that is worth an offer. */
struct demand {
    const char *name[NEED_RESOURCES_MAX];
    int64_t milli[NEED_RESOURCES_MAX];
    size_t count;
    const struct need *need; /* NULL: any offer */
};

static struct demand demand_of_need(const struct need *need)
{
    struct demand demand = {.need = need};

    for (size_t i = 0; i < need->info->minimum_count; i++) {
        demand.name[demand.count] = need->info->minimum[i].name;
        demand.milli[demand.count++] = need->info->minimum[i].scalar;
    }
    return demand;
}

static struct demand demand_of_offer(const struct resources *least)
{
    struct demand demand = {0};

    for (size_t i = 0; i < least->count && i < NEED_RESOURCES_MAX; i++) {
        demand.name[demand.count] = least->items[i].name;
        demand.milli[demand.count++] = least->items[i].milli;
    }
    return demand;
}

static int64_t amount_for(const struct demand *demand, const struct resources *available,
                          const char *name)
{
    return demand->need ? need_amount(available, name) : resources_scalar(available, name);
}

/* What of the demand is missing, and the largest part of it that is. */
static size_t find_lacks(const struct demand *demand, const struct resources *available,
                         struct quota_amount ret_lacks[NEED_RESOURCES_MAX], double *ret_part)
{
    size_t count = 0;

    *ret_part = 0;
    for (size_t i = 0; i < demand->count; i++) {
        int64_t missing = demand->milli[i] - amount_for(demand, available, demand->name[i]);
        double part = (double)missing / (double)demand->milli[i];

        if (missing <= 0)
            continue;
        ret_lacks[count++] = (struct quota_amount){demand->name[i], missing};
        if (part > *ret_part)
            *ret_part = part;
    }
    return count;
}

/* Of a demand, if that is less than what was noted before. */
static void describe_lack(const struct look *look, const struct demand *demand,
                          const struct resources *available)
{
    char name[NEED_NAME_SHOWN] = "";
    struct obstacle_detail *detail = look->detail;
    struct quota_amount lacks[NEED_RESOURCES_MAX];
    CLEANUP(buf_fini) struct buf text = {0};
    size_t count;
    double part;

    if (!detail)
        return;
    count = find_lacks(demand, available, lacks, &part);
    if (!count || (detail->lacks_count && detail->lack_part <= part))
        return;
    for (size_t i = 0; i < count; i++) {
        buf_puts(&text, i ? " and " : "");
        units_print_milli(lacks[i].milli, &text);
        buf_printf(&text, " %s", lacks[i].name);
    }
    detail->lack_part = part;
    detail->lacks_count = count;
    memcpy(detail->lacks, lacks, count * sizeof(lacks[0]));
    if (demand->need)
        need_print_name(demand->need, name);
    snprintf(detail->lack, sizeof(detail->lack), "%.80s for %s%s", buf_text(&text),
             demand->need ? "need " : "any offer", name);
}

static void describe_small(const struct look *look, const struct resources *available)
{
    for (size_t i = 0; i < look->master->min_allocatable_count; i++) {
        const struct demand demand = demand_of_offer(&look->master->min_allocatable[i]);

        describe_lack(look, &demand, available);
    }
}

/* --- what a quota keeps from it ------------------------------------------------------------- */

/* What the quota lets through and what it keeps, and whose wish comes nearest to being met. */
struct cutting {
    const struct resources *available, *cut;
    struct demand nearest;
    double part;
};

/* Only what could be met without the quota. */
static void consider(struct cutting *cutting, const struct demand *demand)
{
    struct quota_amount lacks[NEED_RESOURCES_MAX];
    double part;

    if (find_lacks(demand, cutting->available, lacks, &part) ||
        !find_lacks(demand, cutting->cut, lacks, &part))
        return;
    if (cutting->nearest.count && cutting->part <= part)
        return;
    cutting->nearest = *demand;
    cutting->part = part;
}

static void consider_all(const struct look *look, struct cutting *cutting)
{
    const struct needs *needs = look->subscription->needs;
    struct demand demand;

    for (size_t i = 0; needs && i < needs->count; i++) {
        if (needs->items[i].left <= 0 || need_violated(&needs->items[i], look->agent))
            continue;
        demand = demand_of_need(&needs->items[i]);
        consider(cutting, &demand);
    }
    /* Or not even the least that is worth an offer is let through. */
    for (size_t i = 0; !cutting->nearest.count && i < look->master->min_allocatable_count; i++) {
        demand = demand_of_offer(&look->master->min_allocatable[i]);
        consider(cutting, &demand);
    }
}

/* The first scalar of the demand that a quota keeps. What is reserved comes on top of what it lets through. */
static bool find_reason(const struct look *look, const struct cutting *cutting,
                        struct allocator_cut_reason *ret_reason)
{
    const struct demand *demand = &cutting->nearest;

    for (size_t i = 0; i < demand->count; i++) {
        const char *name = demand->name[i];
        const struct resource *pool = resources_find(cutting->available, name, NULL, false);
        int64_t others = amount_for(demand, cutting->available, name) - (pool ? pool->milli : 0);

        if (pool && allocator_cut_reason(look->master->allocator, look->subscription->client, name,
                                         demand->milli[i] - others, ret_reason))
            return true;
    }
    return false;
}

/* What limited roles have on agents that are not back yet is not known. */
static void describe_held(const struct look *look, const struct allocator_cut_reason *reason,
                          struct buf *out)
{
    const struct master *master = look->master;

    buf_printf(out, "role %.48s waits for %zu agents of the registry, ", reason->role,
               master->recovered_count);
    explain_print_time(master->limits_held.at_us - master->now.mono_us, out);
    buf_printf(out, " more: what it has of its limit of ");
    print_amount(reason, reason->limit_milli, out);
    buf_puts(out, " there is not known");
}

static void describe_cut(const struct look *look, const struct resources *available,
                         const struct resources *cut)
{
    struct cutting cutting = {.available = available, .cut = cut};
    CLEANUP(buf_fini) struct buf text = {0};
    struct allocator_cut_reason reason;

    if (!look->detail)
        return;
    consider_all(look, &cutting);
    if (!find_reason(look, &cutting, &reason))
        return;
    look->detail->cut = reason;
    if (reason.is_held) {
        describe_held(look, &reason, &text);
    } else if (reason.role) {
        buf_printf(&text, "role %.48s has ", reason.role);
        print_amount(&reason, reason.may_milli, &text);
        buf_puts(&text, " left of its limit of ");
        print_amount(&reason, reason.limit_milli, &text);
        buf_puts(&text, ", which would have to be higher by ");
        units_print_milli(reason.missing_milli, &text);
    } else {
        buf_puts(&text, "all but ");
        print_amount(&reason, reason.may_milli, &text);
        buf_puts(&text, " is held back for what other roles are guaranteed; ");
        units_print_milli(reason.missing_milli, &text);
        buf_puts(&text, " more would have to be free");
    }
    snprintf(look->detail->quota, sizeof(look->detail->quota), "%s", buf_text(&text));
}

/* --- the rules ------------------------------------------------------------------------------ */

static enum obstacle filter_of(const struct look *look, const struct resources *candidate)
{
    bool has_needs = look->subscription->needs != NULL;
    bool is_hidden = has_needs ? filter_hides_units(look->subscription, look->agent, candidate)
                               : filter_hides(look->subscription, look->agent, candidate);

    if (!is_hidden || MUTATE(OVERLOOK_FILTER))
        return OBSTACLE_NONE;
    if (look->detail)
        look->detail->filter_us = filter_left_us(look->master, look->subscription, look->agent);
    return OBSTACLE_FILTER;
}

/* Of a role whose offers are shown to several: no more than so many, and to nobody more from the next allocation
 * on when an exclusive role waits. Gangs are not concerned. */
static bool may_be_made(const struct look *look, const struct need *need)
{
    return !look->subscription->is_optimistic || (need && need->info->gang) ||
           (!look->agent->is_awaited && optimistic_may_show(look->master, look->agent));
}

/* Of several needs, the obstacle that comes nearest to an offer. */
static enum obstacle of_needs(const struct look *look, const struct resources *available)
{
    const struct needs *needs = look->subscription->needs;
    enum obstacle nearest = OBSTACLE_CONSTRAINT;

    for (size_t i = 0; i < needs->count; i++) {
        const struct need *need = &needs->items[i];
        CLEANUP(resources_fini) struct resources sized = {0}, from = {0};
        enum obstacle obstacle;

        if (need->left <= 0)
            continue;
        resources_copy(&from, available);
        if (look->is_beside && look->subscription->is_optimistic && need->info->gang)
            optimistic_leave(look->agent, look->subscription, true, &from);
        if (need_violated(need, look->agent))
            obstacle = OBSTACLE_CONSTRAINT;
        else if (!agent_has_time(look->master, look->agent, need->info->min_available_ms))
            obstacle = OBSTACLE_TIME;
        else if (!need_fit(need, look->agent, &from, &sized))
            obstacle = OBSTACLE_LACKS;
        else if (look->is_beside && !may_be_made(look, need))
            obstacle = OBSTACLE_SHOWN;
        else if (!gang_may_take(look->master, need))
            obstacle = OBSTACLE_GANG;
        else
            obstacle = filter_of(look, &sized);
        if (obstacle == OBSTACLE_NONE)
            return obstacle;
        if (obstacle == OBSTACLE_LACKS) {
            const struct demand demand = demand_of_need(need);

            describe_lack(look, &demand, &from);
        }
        if (obstacle > nearest)
            nearest = obstacle;
    }
    return nearest;
}

/* Apart from quotas. */
static enum obstacle of_available(const struct look *look, const struct resources *available)
{
    if (!is_allocatable(look->master, available)) {
        describe_small(look, available);
        return OBSTACLE_TOO_SMALL;
    }
    if (look->subscription->needs)
        return of_needs(look, available);
    if (look->is_beside && !may_be_made(look, NULL))
        return OBSTACLE_SHOWN;
    return filter_of(look, available);
}

/* With quotas. */
static enum obstacle of_free(struct look *look, const struct resources *available)
{
    struct obstacle_detail *detail = look->detail;
    CLEANUP(resources_fini) struct resources cut = {0};
    enum obstacle obstacle;

    resources_copy(&cut, available);
    if (!allocator_cut(look->master->allocator, look->subscription->client, &cut))
        return of_available(look, available);
    look->detail = NULL;
    obstacle = of_available(look, &cut);
    look->detail = detail;
    if (obstacle != OBSTACLE_TOO_SMALL && obstacle != OBSTACLE_LACKS)
        return of_available(look, &cut);
    /* What the agent lacks, it lacks without the quota too. */
    if (of_available(look, available) == obstacle)
        return obstacle;
    describe_cut(look, available, &cut);
    return OBSTACLE_QUOTA;
}

enum obstacle obstacle_find(const struct master *master, const struct agent *agent,
                            const struct subscription *subscription,
                            struct obstacle_detail *ret_detail)
{
    struct look look = {
        .master = master, .agent = agent, .subscription = subscription, .detail = ret_detail};
    CLEANUP(resources_fini) struct resources available = {0};
    enum obstacle obstacle;

    if (agent->state != AGENT_REGISTERED)
        return OBSTACLE_AWAY;
    if (agent->is_down)
        return OBSTACLE_MAINTENANCE;
    if (!agent_is_active(agent))
        return OBSTACLE_OUT_OF_USE;
    if (is_too_remote(master, subscription, agent))
        return OBSTACLE_REGION;
    if (resources_are_empty(&agent->free))
        return OBSTACLE_NOTHING_FREE;
    available_for(subscription, agent, &available);
    if (resources_are_empty(&available))
        return OBSTACLE_RESERVED;
    obstacle = of_free(&look, &available);
    if (obstacle != OBSTACLE_NONE || (!agent->shown && !subscription->is_optimistic))
        return obstacle;
    look.is_beside = true;
    look.detail = NULL;
    if (!subscription->is_optimistic)
        optimistic_leave(agent, subscription, true, &available);
    (void)allocator_cut(master->allocator, subscription->client, &available);
    if (subscription->is_optimistic)
        optimistic_leave(agent, subscription, false, &available);
    return of_available(&look, &available) == OBSTACLE_NONE ? OBSTACLE_NONE : OBSTACLE_SHOWN;
}
