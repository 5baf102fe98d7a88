/* master/core/limits.c - new limits of live tasks, handed on to the agent that holds them and back; and what an agent has
 * left of its cores, which is shown in offers. */
#include "master/core/limits.h"

#include "base/cleanup.h"
#include "base/mem.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/frameworks.h"
#include "master/core/tasks.h"

static void refuse(struct master *master, const struct framework *framework,
                   const struct msg_change_limits *call, const char *agent_id, const char *why)
{
    framework_send(master, framework,
                   MESSAGE(LIMITS_CHANGED, limits_changed, .framework_id = framework->id,
                           .agent_id = agent_id, .task_id = call->task_id, .number = call->number,
                           .error = why));
}

void on_change_limits(struct master *master, struct framework *framework,
                      const struct message *message)
{
    struct msg_change_limits call = *message->change_limits;
    const struct task *task = task_find(framework, call.task_id);

    if (!task || task_state_is_terminal(task->state)) {
        refuse(master, framework, &call, call.agent_id, "there is no such task, or it has ended");
        return;
    }
    if (task->agent->state != AGENT_REGISTERED) {
        refuse(master, framework, &call, task->agent->id, "its agent is away: try again later");
        return;
    }
    call.framework_id = framework->id;
    call.agent_id = task->agent->id;
    agent_send(master, task->agent,
               (struct message){.type = MSG_CHANGE_LIMITS, .change_limits = &call});
}

void on_limits_changed(struct master *master, struct agent *agent, const struct message *message)
{
    struct msg_limits_changed relayed = *message->limits_changed;
    const struct framework *framework = framework_find(master, relayed.framework_id);
    const struct task *task = framework ? task_find(framework, relayed.task_id) : NULL;

    if (!framework || (task && task->agent != agent))
        return;
    if (task && !*relayed.error)
        publish_task_limits(master, task, &relayed);
    relayed.agent_id = agent->id;
    if (framework->state == FRAMEWORK_SUBSCRIBED)
        framework_send(master, framework,
                       (struct message){.type = MSG_LIMITS_CHANGED, .limits_changed = &relayed});
}

/* Only of nodes that it has told of when it registered. `threads` is room for what they have now. */
static void renew(struct numa_info *node, struct node_threads *threads,
                  const struct msg_cores_free *call)
{
    for (size_t i = 0; i < call->numa_nodes_count; i++) {
        const struct numa_info *news = &call->numa_nodes[i];

        if (news->number != node->number || !news->threads)
            continue;
        *threads = *news->threads;
        threads->cores = node->threads ? node->threads->cores : NULL;
        threads->cores_count = node->threads ? node->threads->cores_count : 0;
        node->threads = threads;
        return;
    }
}

void on_cores_free(struct master *master, struct agent *agent, const struct message *message)
{
    const struct topology_info *known = agent->info->topology;
    CLEANUP(free_p) struct numa_info *nodes = NULL;
    CLEANUP(free_p) struct node_threads *threads = NULL;
    struct topology_info topology;
    struct agent_info info;

    if (!known || !known->numa_nodes_count)
        return;
    nodes = mem_calloc(known->numa_nodes_count, sizeof(*nodes));
    threads = mem_calloc(known->numa_nodes_count, sizeof(*threads));
    for (size_t i = 0; i < known->numa_nodes_count; i++) {
        nodes[i] = known->numa_nodes[i];
        renew(&nodes[i], &threads[i], message->cores_free);
    }
    topology = *known;
    topology.numa_nodes = nodes;
    info = *agent->info;
    info.topology = &topology;
    agent_set_info(agent, &info);
    publish_agent(master, agent);
}
