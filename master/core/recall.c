/* master/core/recall.c - records become agents and frameworks that are not there yet. */
#include "master/core/recall.h"

#include <errno.h>

#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/departed.h"
#include "master/core/frameworks.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"
#include "master/core/policy.h"

/* The wall clock may have been turned since the record was made. */
static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void recall_admitted(struct master *master, struct agent *agent)
{
    agent->state = AGENT_RECOVERED;
    master->recovered_count++;
    policy_await_agents(master);
    agent_await_return(master, agent, master->agent_reregister_us);
    publish_agent(master, agent);
}

static void recall_unreachable(struct master *master, struct agent *agent, int64_t since_us)
{
    int64_t left_us = since_us + master->agent_removed_keep_us - master->now.wall_us;

    agent->state = AGENT_UNREACHABLE;
    agent->unreachable_us = since_us;
    master->unreachable_count++;
    agent_list_move(master, agent, AGENT_LIST_UNREACHABLE);
    agent_await_forgetting(master, agent, clamp(left_us, 0, master->agent_removed_keep_us));
    publish_agent(master, agent);
    publish_agent_removed(master, agent, REMOVED_UNREACHABLE);
}

static int recall_agent(struct master *master, const struct msg_kept_agent *record, struct err *err)
{
    const char *id = record->agent->id;
    struct agent *agent;

    if (!*id || agent_find(master, id) || agent_is_gone(master, id))
        return err_set(err, -EINVAL, "agent '%.128s' has no id, or two records", id);
    if (record->state == KEPT_GONE) {
        if (!MUTATE(FORGET_GONE))
            departed_add_agent(master, id, record->since_us);
        return 0;
    }
    if (record->state != KEPT_ADMITTED && record->state != KEPT_UNREACHABLE)
        return err_set(err, -EINVAL, "agent %.128s: state %d is not known", id, (int)record->state);
    if (MUTATE(FORGET_ADMITTED))
        return 0;
    agent = agent_add(master, id);
    agent_set_info(agent, record->agent);
    maintenance_on_agent(master, agent);
    agent->registered_us = record->registered_us;
    agent->is_deactivated = record->deactivated;
    agent->is_draining = record->drain != NULL;
    if (record->drain)
        agent->drain = *record->drain;
    if (record->state == KEPT_UNREACHABLE)
        recall_unreachable(master, agent, record->since_us);
    else
        recall_admitted(master, agent);
    return 0;
}

/* One whose time is over still has as long as an agent may be silent: it could not come while there
 * was no master. */
static int recall_framework(struct master *master, const struct msg_kept_framework *record,
                            struct err *err)
{
    const char *id = record->framework->id;
    struct framework *framework;
    int64_t failover_us;

    if (!*id || framework_find(master, id) || framework_is_completed(master, id))
        return err_set(err, -EINVAL, "framework '%.128s' has no id, or two records", id);
    if (record->removed) {
        if (!MUTATE(FORGET_REMOVED))
            departed_add_framework(master, id, record->since_us);
        return 0;
    }
    framework = framework_add(master, id);
    framework_set_info(framework, record->framework);
    framework->is_recorded = true;
    framework->registered_us = record->registered_us;
    failover_us = framework_failover_us(master, framework);
    if (record->deadline_us)
        failover_us =
            clamp(record->deadline_us - master->now.wall_us,
                  failover_us < master->agent_timeout_us ? failover_us : master->agent_timeout_us,
                  failover_us);
    framework_await_return(master, framework, failover_us);
    if (record->deadline_us)
        framework->deadline_us = record->deadline_us;
    publish_framework(master, framework);
    return 0;
}

int recall(struct master *master, const struct message *record, struct err *err)
{
    if (record->type == MSG_KEPT_AGENT)
        return recall_agent(master, record->kept_agent, err);
    if (record->type == MSG_KEPT_FRAMEWORK)
        return recall_framework(master, record->kept_framework, err);
    if (record->type == MSG_KEPT_ROLE)
        return policy_recall(master, record->kept_role, err);
    if (record->type == MSG_KEPT_WINDOW)
        return maintenance_recall(master, record->kept_window->window, err);
    return err_set(err, -EINVAL, "%s is no record of an agent, a framework, a role or a window",
                   message_name(record->type));
}
