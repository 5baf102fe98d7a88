/* master/core/explain.c - why a framework is offered something, or is not: all agents, in words. */
#include "master/core/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "master/core/agents.h"
#include "master/core/frameworks.h"
#include "master/core/maintenance.h"
#include "master/core/preempt.h"

#define EXPLAIN_MAX 3000 /* bytes; a role's explanation and this are below what a reply takes */

void explain_print_time(int64_t us, struct buf *out)
{
    int64_t ms = (us + US_PER_MS - 1) / US_PER_MS;

    units_print_duration(ms < 1000 ? ms : (ms + 999) / 1000 * 1000, out);
}

/* --- all agents ----------------------------------------------------------------------------- */

struct survey {
    size_t counts[OBSTACLE_MAX];
    size_t agents;
    int64_t filter_least_us, filter_most_us;
    /* By obstacle, of LACKS and TOO_SMALL: the agent that lacks the least. */
    const struct agent *nearest[OBSTACLE_MAX];
    struct obstacle_detail nearest_detail[OBSTACLE_MAX];
    char quota[280];
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
    if ((obstacle == OBSTACLE_LACKS || obstacle == OBSTACLE_TOO_SMALL) && detail.lacks_count &&
        (!survey->nearest[obstacle] ||
         detail.lack_part < survey->nearest_detail[obstacle].lack_part)) {
        survey->nearest[obstacle] = agent;
        survey->nearest_detail[obstacle] = detail;
    }
}

static void print_windows(const struct survey *survey, enum obstacle obstacle, struct buf *out)
{
    const struct window_info *info = survey->window ? survey->window->info : NULL;

    if (obstacle == OBSTACLE_TIME) {
        buf_puts(out, ": the first in ");
        explain_print_time(survey->soonest_us, out);
        buf_puts(out, ", the last in ");
        explain_print_time(survey->latest_us, out);
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
        [OBSTACLE_OUT_OF_USE] = "taken out of use by an operator: deactivated, or drained",
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
    if (obstacle == OBSTACLE_QUOTA)
        buf_printf(out, ": %s", survey->quota);
    if (obstacle == OBSTACLE_MAINTENANCE || obstacle == OBSTACLE_TIME)
        print_windows(survey, obstacle, out);
    if (obstacle == OBSTACLE_FILTER) {
        buf_puts(out, ", the first for ");
        explain_print_time(survey->filter_least_us, out);
        buf_puts(out, " more, the last for ");
        explain_print_time(survey->filter_most_us, out);
    }
    if (survey->nearest[obstacle])
        buf_printf(out, "; the nearest miss: agent %.128s lacks %s", survey->nearest[obstacle]->id,
                   survey->nearest_detail[obstacle].lack);
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
