/* master/core/explain.c - why a framework is offered an agent, or is not. */
#include "master/core/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "master/core/agents.h"
#include "master/core/filters.h"
#include "master/core/frameworks.h"
#include "master/core/gangs.h"
#include "master/core/maintenance.h"
#include "master/core/needs.h"
#include "master/core/offers.h"
#include "master/core/preempt.h"
#include "master/core/optimistic.h"

#define EXPLAIN_MAX 3000 /* bytes; a role's explanation and this are below what a reply takes */

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

static void describe_cut(const struct look *look, const struct resources *available)
{
    CLEANUP(buf_fini) struct buf text = {0};
    struct allocator_cut_reason reason;

    if (!look->detail || !allocator_cut_reason(look->master->allocator, look->subscription->client,
                                               available, &reason))
        return;
    if (reason.is_held) {
        buf_printf(&text,
                   "role %.48s is limited, and what it has on %zu agents that are not back yet is "
                   "not known",
                   reason.role, look->master->recovered_count);
    } else if (reason.role) {
        buf_printf(&text, "role %.48s has ", reason.role);
        print_amount(&reason, reason.may_milli, &text);
        buf_puts(&text, " left of its limit of ");
        print_amount(&reason, reason.limit_milli, &text);
    } else {
        buf_puts(&text, "all but ");
        print_amount(&reason, reason.may_milli, &text);
        buf_puts(&text, " is held back for what other roles are guaranteed");
    }
    snprintf(look->detail->quota, sizeof(look->detail->quota), "%s", buf_text(&text));
}

/* What the need lacks of this, if that is less than what was noted before. */
static void describe_lack(const struct look *look, const struct need *need,
                          const struct resources *available)
{
    CLEANUP(buf_fini) struct buf text = {0};
    double part = 0;

    for (size_t i = 0; i < need->info->minimum_count; i++) {
        const struct resource_info *minimum = &need->info->minimum[i];
        int64_t missing = minimum->scalar - need_amount(available, minimum->name);

        if (missing <= 0)
            continue;
        buf_puts(&text, text.size ? " and " : "");
        units_print_milli(missing, &text);
        buf_printf(&text, " %s", minimum->name);
        if ((double)missing / (double)minimum->scalar > part)
            part = (double)missing / (double)minimum->scalar;
    }
    if (!look->detail || (*look->detail->lack && look->detail->lack_part <= part))
        return;
    look->detail->lack_part = part;
    snprintf(look->detail->lack, sizeof(look->detail->lack), "%.80s for need %.64s",
             buf_text(&text), need->info->name);
}

static enum obstacle filter_of(const struct look *look, const struct resources *candidate)
{
    bool has_needs = look->subscription->needs != NULL;
    bool is_hidden = has_needs ? filter_hides_units(look->subscription, look->agent, candidate)
                               : filter_hides(look->subscription, look->agent, candidate);

    if (!is_hidden)
        return OBSTACLE_NONE;
    if (look->detail)
        look->detail->filter_us = filter_left_us(look->master, look->subscription, look->agent);
    return OBSTACLE_FILTER;
}

/* Of a role whose offers are shown to several: no more than so many. Gangs are not concerned. */
static bool may_be_made(const struct look *look, const struct need *need)
{
    return !look->subscription->is_optimistic || (need && need->info->gang) ||
           optimistic_may_show(look->master, look->agent);
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
        if (obstacle == OBSTACLE_LACKS)
            describe_lack(look, need, available);
        if (obstacle > nearest)
            nearest = obstacle;
    }
    return nearest;
}

/* Apart from quotas. */
static enum obstacle of_available(const struct look *look, const struct resources *available)
{
    if (!is_allocatable(look->master, available))
        return OBSTACLE_TOO_SMALL;
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
    obstacle = of_available(look, &cut);
    if (obstacle != OBSTACLE_TOO_SMALL && obstacle != OBSTACLE_LACKS)
        return obstacle;
    /* Would it be another one without the quota? */
    look->detail = NULL;
    if (of_available(look, available) == obstacle)
        return obstacle;
    look->detail = detail;
    describe_cut(look, available);
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

/* --- all agents ----------------------------------------------------------------------------- */

struct survey {
    size_t counts[OBSTACLE_MAX];
    size_t agents;
    int64_t filter_least_us, filter_most_us;
    const struct agent *nearest; /* that lacks the least */
    struct obstacle_detail nearest_detail;
    char quota[160];
    const struct window *window;   /* that ends last, of those that agents are in */
    int64_t soonest_us, latest_us; /* OBSTACLE_TIME: until their windows begin */
};

static void note_window(const struct master *master, const struct agent *agent,
                        enum obstacle obstacle, struct survey *survey)
{
    int64_t left_us = agent->window->info->start_us - maintenance_now_us(master);

    if (obstacle == OBSTACLE_MAINTENANCE) {
        if (!survey->window ||
            window_end_us(agent->window->info) > window_end_us(survey->window->info))
            survey->window = agent->window;
        return;
    }
    if (survey->counts[OBSTACLE_TIME] == 1 || left_us < survey->soonest_us)
        survey->soonest_us = left_us;
    if (survey->counts[OBSTACLE_TIME] == 1 || left_us > survey->latest_us)
        survey->latest_us = left_us;
}

static void survey_agent(const struct master *master, const struct agent *agent,
                         const struct subscription *subscription, struct survey *survey)
{
    struct obstacle_detail detail = {0};
    enum obstacle obstacle = obstacle_find(master, agent, subscription, &detail);

    survey->agents++;
    survey->counts[obstacle]++;
    if (obstacle == OBSTACLE_FILTER) {
        if (!survey->filter_least_us || detail.filter_us < survey->filter_least_us)
            survey->filter_least_us = detail.filter_us;
        if (detail.filter_us > survey->filter_most_us)
            survey->filter_most_us = detail.filter_us;
    }
    if (obstacle == OBSTACLE_MAINTENANCE || obstacle == OBSTACLE_TIME)
        note_window(master, agent, obstacle, survey);
    if (obstacle == OBSTACLE_QUOTA)
        memcpy(survey->quota, detail.quota, sizeof(survey->quota));
    if (obstacle == OBSTACLE_LACKS &&
        (!survey->nearest || detail.lack_part < survey->nearest_detail.lack_part)) {
        survey->nearest = agent;
        survey->nearest_detail = detail;
    }
}

/* Whole seconds, rounded up, from a second on. */
static void print_time(int64_t us, struct buf *out)
{
    int64_t ms = (us + US_PER_MS - 1) / US_PER_MS;

    units_print_duration(ms < 1000 ? ms : (ms + 999) / 1000 * 1000, out);
}

static void print_windows(const struct survey *survey, enum obstacle obstacle, struct buf *out)
{
    const struct window_info *info = survey->window ? survey->window->info : NULL;

    if (obstacle == OBSTACLE_TIME) {
        buf_puts(out, ": the first in ");
        print_time(survey->soonest_us, out);
        buf_puts(out, ", the last in ");
        print_time(survey->latest_us, out);
        return;
    }
    buf_puts(out, ", from ");
    window_print_span(info, out);
    buf_printf(out, " (window %.64s%s%.128s)", info->id, *info->reason ? ": " : "", info->reason);
}

static void print_count(const struct survey *survey, enum obstacle obstacle, struct buf *out)
{
    static const char *const texts[OBSTACLE_MAX] = {
        [OBSTACLE_NONE] = "offered as soon as it is this framework's turn",
        [OBSTACLE_AWAY] = "without a connection",
        [OBSTACLE_MAINTENANCE] = "in maintenance",
        [OBSTACLE_REGION] = "in another region, for frameworks with the capability REGION_AWARE",
        [OBSTACLE_NOTHING_FREE] = "with nothing free",
        [OBSTACLE_RESERVED] = "with nothing but what is for others: reserved, or revocable",
        [OBSTACLE_QUOTA] = "kept by a quota",
        [OBSTACLE_TOO_SMALL] = "with too little free for any offer",
        [OBSTACLE_CONSTRAINT] = "that meet the constraints of no open need",
        [OBSTACLE_TIME] = "with maintenance too soon for any open need",
        [OBSTACLE_LACKS] = "with too little for any open need",
        [OBSTACLE_SHOWN] = "shown to it already, or to others who have to answer first",
        [OBSTACLE_GANG] = "that have to wait for this gang's turn to gather",
        [OBSTACLE_FILTER] = "filtered by its declines",
    };

    if (!survey->counts[obstacle])
        return;
    buf_printf(out, "\n  %zu of %zu agents: %s", survey->counts[obstacle], survey->agents,
               texts[obstacle]);
    if (obstacle == OBSTACLE_MAINTENANCE || obstacle == OBSTACLE_TIME)
        print_windows(survey, obstacle, out);
    if (obstacle == OBSTACLE_QUOTA)
        buf_printf(out, ": %s", survey->quota);
    if (obstacle == OBSTACLE_FILTER) {
        buf_puts(out, ", the first for ");
        print_time(survey->filter_least_us, out);
        buf_puts(out, " more, the last for ");
        print_time(survey->filter_most_us, out);
    }
    if (obstacle == OBSTACLE_LACKS)
        buf_printf(out, "; the nearest miss: agent %.128s lacks %s", survey->nearest->id,
                   survey->nearest_detail.lack);
}

static size_t offers_of(const struct subscription *subscription)
{
    const struct offer *offer;
    size_t count = 0;

    for (offer = subscription->framework->offers; offer; offer = offer->framework_next)
        count += offer->subscription == subscription && !offer->preemption;
    return count;
}

/* What holds for all agents: NULL when it wants offers. */
static const char *unwanted(const struct master *master, const struct subscription *subscription)
{
    const struct framework *framework = subscription->framework;

    if (framework->state != FRAMEWORK_SUBSCRIBED)
        return "the framework has no connection";
    if (!subscription->is_wanted)
        return "the framework has left the role";
    if (subscription->is_suppressed)
        return "the framework has suppressed the role; it has to revive it";
    if (!needs_are_open(subscription->needs))
        return "all that it said it needs is met or offered; it has to state its needs anew";
    if (framework_is_at_cap(master, framework))
        return "it holds as many offers as it may; it has to answer some";
    return NULL;
}

static void explain_subscription(const struct master *master,
                                 const struct subscription *subscription, const struct agent *only,
                                 struct buf *out)
{
    const char *why_not = unwanted(master, subscription);
    struct survey survey = {0};
    const struct agent *agent;

    buf_printf(out, "%srole %.128s: %zu offers are out", out->size ? "\n" : "", subscription->role,
               offers_of(subscription));
    preempt_explain(master, subscription, out);
    if (why_not) {
        buf_printf(out, "\n  no more are made: %s", why_not);
        return;
    }
    if (only)
        survey_agent(master, only, subscription, &survey);
    for (agent = master->agents; agent && !only; agent = agent->hh.next)
        survey_agent(master, agent, subscription, &survey);
    if (!survey.agents)
        buf_puts(out, "\n  there are no agents");
    for (int obstacle = OBSTACLE_NONE; obstacle < OBSTACLE_MAX; obstacle++)
        print_count(&survey, (enum obstacle)obstacle, out);
}

/* --- the call ------------------------------------------------------------------------------- */

/* By id, or by a name that only one has. */
static const struct framework *framework_named(const struct master *master, const char *name,
                                               size_t *ret_count)
{
    const struct framework *found = framework_find(master, name), *framework;

    *ret_count = found ? 1 : 0;
    if (found)
        return found;
    for (framework = master->frameworks; framework; framework = framework->hh.next) {
        if (strcmp(framework->info->name, name) != 0)
            continue;
        found = framework;
        (*ret_count)++;
    }
    return found;
}

int explain(const struct master *master, const struct msg_operator_explain *call, struct buf *out)
{
    const struct agent *agent = *call->agent_id ? agent_find(master, call->agent_id) : NULL;
    const struct subscription *subscription;
    const struct framework *framework;
    size_t count;

    framework = framework_named(master, call->framework, &count);
    if (count > 1) {
        buf_printf(out, "%zu frameworks have the name %.128s: give an id", count, call->framework);
        return 409;
    }
    if (!framework) {
        buf_printf(out, "no framework has the id or name %.128s", call->framework);
        return 404;
    }
    if (*call->agent_id && !agent) {
        buf_printf(out, "no agent has the id %.128s", call->agent_id);
        return 404;
    }
    DL_FOREACH (framework->subscriptions, subscription)
        if ((!*call->role || !strcmp(call->role, subscription->role)) && out->size < EXPLAIN_MAX)
            explain_subscription(master, subscription, agent, out);
    if (out->size)
        return 200;
    buf_printf(out, "the framework is not in role %.128s", call->role);
    return 404;
}
