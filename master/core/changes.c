/* master/core/changes.c - what the view is told. */
#include "master/core/changes.h"

#include "master/core/drain.h"
#include "master/core/preempt.h"
#include "master/core/inverse.h"

static void publish(struct master *master, struct message change)
{
    change.number = ++master->changes;
    master->env.publish(master->env.ctx, &change);
}

void publish_master(struct master *master)
{
    publish(master,
            MESSAGE(CHANGE_MASTER, change_master, .master_id = master->id,
                    .hostname = master->hostname, .address = master->address,
                    .cluster = master->cluster, .started_us = master->started.wall_us,
                    .elected_us = master->started.wall_us, .problem = master->keep_problem.text));
}

void publish_agent(struct master *master, const struct agent *agent)
{
    bool is_connected = agent->state == AGENT_REGISTERED;

    publish(master,
            MESSAGE(CHANGE_AGENT, change_agent, .agent = agent->info, .connected = is_connected,
                    .active = agent_is_active(agent), .deactivated = agent->is_deactivated,
                    .drain = agent->is_draining ? &agent->drain : NULL,
                    .registered_us = agent->registered_us,
                    .reregistered_us = agent->reregistered_us,
                    .recovered = agent->state == AGENT_RECOVERED,
                    .unavailability = agent_unavailability(agent, master->scratch),
                    .down = agent->is_down));
}

void publish_agent_removed(struct master *master, const struct agent *agent,
                           enum removal_reason reason)
{
    publish(master, MESSAGE(CHANGE_AGENT_REMOVED, change_agent_removed, .agent_id = agent->id,
                            .reason = reason, .when_us = master->now.wall_us));
}

void publish_role(struct master *master, const struct msg_kept_role *role)
{
    publish(master, MESSAGE(CHANGE_ROLE, change_role, .role = role->role,
                            .weight_milli = role->weight_milli, .guarantees = role->guarantees,
                            .guarantees_count = role->guarantees_count, .limits = role->limits,
                            .limits_count = role->limits_count, .offers = role->offers,
                            .priority = role->priority, .has_priority = role->has_priority));
}

void publish_window(struct master *master, const struct window *window)
{
    publish(master, MESSAGE(CHANGE_WINDOW, change_window, .id = window->info->id,
                            .window = window->info, .state = window->state));
}

void publish_window_removed(struct master *master, const char *id)
{
    publish(master, MESSAGE(CHANGE_WINDOW, change_window, .id = id));
}

void publish_answer(struct master *master, const struct inverse_offer *offer)
{
    const struct window_answer answer = {
        .agent_id = offer->stay->agent->id,
        .framework_id = offer->framework->id,
        .state = offer->state,
        .when_us = master->now.wall_us,
    };

    publish(master, MESSAGE(CHANGE_WINDOW, change_window, .id = offer->stay->window->info->id,
                            .answer = &answer));
}

void publish_framework(struct master *master, const struct framework *framework)
{
    bool is_connected = framework->state == FRAMEWORK_SUBSCRIBED;
    const char *suppressed[FRAMEWORK_ROLES_MAX];
    const struct subscription *subscription;
    size_t count = 0;

    DL_FOREACH (framework->subscriptions, subscription)
        if (subscription->is_wanted && subscription->is_suppressed)
            suppressed[count++] = subscription->role;
    publish(master, MESSAGE(CHANGE_FRAMEWORK, change_framework, .framework = framework->info,
                            .connected = is_connected, .active = is_connected,
                            .recovered = framework->state == FRAMEWORK_RECOVERED,
                            .registered_us = framework->registered_us,
                            .reregistered_us = framework->reregistered_us,
                            .suppressed_roles = suppressed, .suppressed_roles_count = count));
}

void publish_framework_removed(struct master *master, const struct framework *framework,
                               enum removal_reason reason)
{
    publish(master, MESSAGE(CHANGE_FRAMEWORK_REMOVED, change_framework_removed,
                            .framework_id = framework->id, .reason = reason,
                            .unregistered_us = master->now.wall_us));
}

void publish_task(struct master *master, const struct task *task, const struct task_info *info,
                  const struct task_status *status)
{
    const struct framework *framework = task->subscription->framework;
    const struct container_info *container = status ? status->container : NULL;
    const char *user = info->command->user;
    struct command_info command = *info->command;
    struct task_info shown = *info;

    command.env = NULL;
    command.env_count = 0;
    shown.command = &command;
    shown.data = (struct bytes){0};
    publish(master,
            MESSAGE(CHANGE_TASK, change_task, .framework_id = framework->id,
                    .role = task->subscription->role, .user = *user ? user : framework->info->user,
                    .task = &shown, .state = task->state, .status = status,
                    .container_id = container ? container->container_id : "",
                    .sandbox = container ? container->sandbox : ""));
}

void publish_task_status(struct master *master, const struct task *task,
                         const struct task_status *status)
{
    struct preempt_info preempt;

    publish(master,
            MESSAGE(CHANGE_TASK_STATUS, change_task_status,
                    .framework_id = task->subscription->framework->id, .task_id = task->id,
                    .state = task->state, .status = status, .preempt = preempt_of(task, &preempt)));
}

void publish_task_limits(struct master *master, const struct task *task,
                         const struct msg_limits_changed *changed)
{
    publish(master, MESSAGE(CHANGE_TASK_STATUS, change_task_status,
                            .framework_id = task->subscription->framework->id, .task_id = task->id,
                            .state = task->state, .has_limits = true, .limits = changed->limits,
                            .limits_count = changed->limits_count));
}

void publish_task_removed(struct master *master, const struct task *task)
{
    publish(master,
            MESSAGE(CHANGE_TASK_REMOVED, change_task_removed,
                    .framework_id = task->subscription->framework->id, .task_id = task->id));
}

void publish_offer(struct master *master, const struct offer_info *info)
{
    publish(master, MESSAGE(CHANGE_OFFER, change_offer, .offer = info));
}

void publish_offer_removed(struct master *master, const struct offer *offer)
{
    publish(master, MESSAGE(CHANGE_OFFER_REMOVED, change_offer_removed, .offer_id = offer->id));
}
