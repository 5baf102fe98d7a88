#include "tests/unit/preempt_scene.h"

const struct master_settings preempting_master = {
    .id = "M", .epoch = CLUSTER_EPOCH, .preemption = true};

struct node framework_in(struct cluster *cluster, const char *role, bool hears)
{
    static const char *const capabilities[] = {"PREEMPTION_NOTICE", "REVOCABLE_RESOURCES"};

    return cluster_subscribe(cluster, (struct framework_info){.name = role,
                                                              .user = "nobody",
                                                              .roles = &role,
                                                              .roles_count = 1,
                                                              .capabilities = capabilities,
                                                              .capabilities_count = hears ? 2 : 0});
}

void runs_task(struct cluster *cluster, struct node framework, const struct task_info *task)
{
    cluster_accept(cluster, framework, cluster_offer(cluster, framework)->id, task, 1, HOUR);
}

void runs(struct cluster *cluster, struct node framework, const char *id, const char *resources,
          int64_t priority)
{
    struct task_info task =
        cluster_task(cluster, id, cluster_offer(cluster, framework)->agent_id, resources);

    task.priority = priority;
    runs_task(cluster, framework, &task);
}

void needs(struct cluster *cluster, struct node framework, const char *role, const char *minimum,
           int64_t count, int64_t priority)
{
    struct need_info need = {.name = "web", .count = count, .priority = priority};
    const struct role_needs all = {.role = role, .needs = &need, .needs_count = 1};

    need.minimum = cluster_resources(cluster, minimum, &need.minimum_count);
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(NEEDS, needs, .roles = &all, .roles_count = 1));
}

static struct node needy(struct cluster *cluster, uint64_t session, struct framework_info info,
                         const char *role, const char *minimum, int64_t count, int64_t priority)
{
    static const char *const capabilities[] = {"PREEMPTION_NOTICE"};
    struct need_info need = {.name = "web", .count = count, .priority = priority};
    const struct role_needs all = {.role = role, .needs = &need, .needs_count = 1};
    struct node framework = {.session = session};

    info.name = role;
    info.roles = &role;
    info.roles_count = 1;
    info.capabilities = capabilities;
    info.capabilities_count = 1;
    need.minimum = cluster_resources(cluster, minimum, &need.minimum_count);
    cluster_framework_says(
        cluster, session,
        MESSAGE(SUBSCRIBE, subscribe, .framework = &info, .needs = &all, .needs_count = 1));
    framework.id = cluster_last(cluster, session, MSG_SUBSCRIBED)->subscribed->framework_id;
    return framework;
}

struct node needy_in(struct cluster *cluster, const char *role, const char *minimum, int64_t count,
                     int64_t priority)
{
    return needy(cluster, cluster_session(cluster), (struct framework_info){0}, role, minimum,
                 count, priority);
}

struct node needy_again(struct cluster *cluster, const char *id, const char *role,
                        const char *minimum)
{
    return needy(cluster, cluster_session(cluster), (struct framework_info){.id = id}, role,
                 minimum, 1, 0);
}

struct msg_operator_reply set_priority(struct cluster *cluster, const char *role, int64_t priority)
{
    return cluster_operator(cluster,
                            MESSAGE(OPERATOR_SET_PRIORITY, operator_set_priority, .role = role,
                                    .priority = priority, .asked_by = "ops"));
}

void set_quota(struct cluster *cluster, const char *role, const char *guarantee, const char *limit)
{
    struct msg_operator_set_quota call = {.role = role, .force = true};

    if (guarantee)
        call.guarantees = cluster_resources(cluster, guarantee, &call.guarantees_count);
    if (limit)
        call.limits = cluster_resources(cluster, limit, &call.limits_count);
    assert_int_equal(
        cluster_operator(cluster, (struct message){.type = MSG_OPERATOR_SET_QUOTA, .body = &call})
            .code,
        200);
}

const struct msg_preempt *notice(struct cluster *cluster, struct node framework)
{
    const struct message *message = cluster_last(cluster, framework.session, MSG_PREEMPT);

    return message ? message->preempt : NULL;
}

size_t notices(struct cluster *cluster, struct node framework)
{
    return cluster_count(cluster, framework.session, MSG_PREEMPT);
}

size_t kills(struct cluster *cluster, struct node agent)
{
    return cluster_count(cluster, agent.session, MSG_KILL_TASK);
}

struct scene full_scene(struct cluster *cluster)
{
    struct scene scene = {.agent = cluster_agent(cluster, "cpus:4;mem:400")};

    assert_int_equal(set_priority(cluster, "high", 10).code, 200);
    scene.low = framework_in(cluster, "low", true);
    runs(cluster, scene.low, "t", "cpus:4;mem:400", 0);
    return scene;
}

struct node freed_for_high(struct cluster *cluster, const struct scene *scene, const char *minimum)
{
    struct node high = needy_in(cluster, "high", minimum, 1, 0);

    cluster_pass(cluster, 2 * SECOND);
    cluster_status(cluster, scene->agent, scene->low.id, "t", TASK_FINISHED, 0);
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    return high;
}

struct node killed_for_high(struct cluster *cluster, const struct scene *scene, const char *minimum)
{
    struct node high = needy_in(cluster, "high", minimum, 1, 0);

    cluster_pass(cluster, GRACE + 2 * SECOND);
    assert_int_equal(kills(cluster, scene->agent), 1);
    return high;
}
