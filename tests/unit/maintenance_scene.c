#include "tests/unit/maintenance_scene.h"

struct node maintenance_framework(struct cluster *cluster)
{
    static const char *const capabilities[] = {"INVERSE_OFFERS"};

    return cluster_subscribe(cluster, (struct framework_info){.name = "knowing",
                                                              .user = "nobody",
                                                              .capabilities = capabilities,
                                                              .capabilities_count = 1});
}

struct maintenance_scene maintenance_scene(struct cluster *cluster)
{
    struct maintenance_scene scene = {.agent = cluster_agent(cluster, RESOURCES)};

    scene.framework = maintenance_framework(cluster);
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, 0);
    cluster_acknowledge(cluster, scene.framework, "t1");
    cluster_pass(cluster, 6 * SECOND); /* its filter is over */
    return scene;
}

int64_t maintenance_schedule(struct cluster *cluster, const char *id, const char *agent,
                             int64_t in_ms, int64_t for_ms)
{
    return cluster_operator(cluster,
                            MESSAGE(OPERATOR_SCHEDULE_MAINTENANCE, operator_schedule_maintenance,
                                    .id = id, .agents = &agent, .agents_count = 1,
                                    .start_us = cluster->now.wall_us + in_ms * US_PER_MS,
                                    .duration_ms = for_ms, .reason = "new disks",
                                    .max_grace_ms = 7000, .asked_by = "ann"))
        .code;
}

int64_t maintenance_cancel(struct cluster *cluster, const char *id)
{
    return cluster_operator(
               cluster, MESSAGE(OPERATOR_CANCEL_MAINTENANCE, operator_cancel_maintenance, .id = id))
        .code;
}

enum window_state maintenance_state(const struct cluster *cluster)
{
    for (size_t i = cluster->sent_count; i-- > 0;)
        if (cluster->sent[i].message.type == MSG_CHANGE_WINDOW &&
            cluster->sent[i].message.change_window->window)
            return cluster->sent[i].message.change_window->state;
    return 0;
}
