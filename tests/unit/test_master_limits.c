/* tests/unit/test_master_limits.c - new limits of live tasks on their way, cores that are free, and tasks that ask for
 * what cannot be. */
#include "tests/unit/master_fixture.h"

#include <string.h>

#define RESOURCES "cpus:4;mem:1024"

struct scene {
    struct node agent, framework;
};

static struct scene scene_of(struct cluster *cluster)
{
    struct scene scene = {.agent = cluster_agent(cluster, RESOURCES)};

    scene.framework = cluster_framework(cluster, NULL);
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, 0);
    cluster_acknowledge(cluster, scene.framework, "t1");
    return scene;
}

static const struct limit_info limit = {.name = "cpus", .scalar = 2000};

static void change(struct cluster *cluster, struct node framework, const char *task_id)
{
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(CHANGE_LIMITS, change_limits, .framework_id = "somebody",
                                   .task_id = task_id, .number = 3, .limits = &limit,
                                   .limits_count = 1));
}

static const struct msg_limits_changed *answer(struct cluster *cluster, struct node framework)
{
    const struct message *message = cluster_last(cluster, framework.session, MSG_LIMITS_CHANGED);

    assert_non_null(message);
    return message->limits_changed;
}

static void new_limits_go_to_the_agent_in_the_name_of_who_asked_and_back(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct msg_change_limits *call;

    (void)state;
    change(cluster, scene.framework, "t1");
    call = cluster_last(cluster, scene.agent.session, MSG_CHANGE_LIMITS)->change_limits;
    assert_string_equal(call->framework_id, scene.framework.id);
    assert_string_equal(call->agent_id, scene.agent.id);
    assert_int_equal(call->limits_count, 1);
    cluster_agent_says(cluster, scene.agent.session,
                       MESSAGE(LIMITS_CHANGED, limits_changed, .framework_id = scene.framework.id,
                               .task_id = "t1", .number = 3, .error = "no such disk"));
    assert_string_equal(answer(cluster, scene.framework)->error, "no such disk");
    assert_int_equal(answer(cluster, scene.framework)->number, 3);
    assert_string_equal(answer(cluster, scene.framework)->agent_id, scene.agent.id);
}

static void limits_of_what_is_not_there_are_refused_by_the_master(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    change(cluster, scene.framework, "t2");
    assert_non_null(strstr(answer(cluster, scene.framework)->error, "there is no such task"));
    cluster_close(cluster, scene.agent.session);
    change(cluster, scene.framework, "t1");
    assert_non_null(strstr(answer(cluster, scene.framework)->error, "its agent is away"));
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_CHANGE_LIMITS), 0);
}

/* Nobody's tasks are another's to limit, and no agent answers for another. */
static void limits_are_between_a_framework_and_the_agent_of_its_task(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node other = cluster_framework(cluster, NULL);
    struct node far = cluster_agent(cluster, RESOURCES);

    (void)state;
    change(cluster, other, "t1");
    assert_non_null(strstr(answer(cluster, other)->error, "there is no such task"));
    cluster_agent_says(cluster, far.session,
                       MESSAGE(LIMITS_CHANGED, limits_changed, .framework_id = scene.framework.id,
                               .task_id = "t1", .number = 3));
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_LIMITS_CHANGED), 0);
}

/* --- cores --------------------------------------------------------------------------------------- */

static void offers_show_the_cores_that_are_free_now(void **state)
{
    static const char *const capabilities[] = {"TOPOLOGY"};
    static const char *const cores[] = {"0", "1", "2", "3"};
    static const struct node_threads before = {
        .cores = cores, .cores_count = 4, .free_cpus = "0-3", .free_cores = 4};
    static const struct node_threads now = {.free_cpus = "2-3", .free_cores = 2};
    static const struct numa_info node = {.mem_bytes = 5, .cpus = "0-3", .threads = &before};
    static const struct numa_info news[] = {{.threads = &now}, {.number = 7, .threads = &now}};
    static const struct topology_info topology = {.numa_nodes = &node, .numa_nodes_count = 1};
    static const struct framework_info wanting = {
        .name = "f", .capabilities = capabilities, .capabilities_count = 1};
    CLUSTER(NULL);
    struct agent_info info = {.hostname = "h", .topology = &topology};
    uint64_t session = cluster_session(cluster);
    const struct topology_info *shown;
    struct node framework;

    (void)state;
    info.resources = cluster_resources(cluster, "cpus:4;mem:64", &info.resources_count);
    cluster_agent_says(cluster, session, MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    cluster_agent_says(cluster, session,
                       MESSAGE(CORES_FREE, cores_free, .numa_nodes = news, .numa_nodes_count = 2));
    framework = cluster_subscribe(cluster, wanting);
    shown = cluster_offer(cluster, framework)->topology;
    assert_int_equal(shown->numa_nodes_count, 1);
    assert_string_equal(shown->numa_nodes[0].cpus, "0-3");
    assert_string_equal(shown->numa_nodes[0].threads->free_cpus, "2-3");
    assert_int_equal(shown->numa_nodes[0].threads->free_cores, 2);
    assert_int_equal(shown->numa_nodes[0].threads->cores_count, 4);
}

static void exclusive_cores_are_whole(void **state)
{
    static const struct cores_info own = {.policy = CORES_COMPACT, .exclusive = true};
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, RESOURCES);
    struct node framework = cluster_framework(cluster, NULL);
    struct task_info task = cluster_task(cluster, "t", agent.id, "cpus:0.5;mem:32");

    (void)state;
    task.cores = &own;
    cluster_accept(cluster, framework, cluster_offer(cluster, framework)->id, &task, 1, 0);
    assert_update(cluster, framework, "t", TASK_ERROR, REASON_TASK_INVALID);
    assert_non_null(strstr(cluster_update(cluster, framework, "t")->message,
                           "exclusive cores are whole: cpus:1, cpus:2 and so on"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_limits_go_to_the_agent_in_the_name_of_who_asked_and_back),
        cmocka_unit_test(limits_of_what_is_not_there_are_refused_by_the_master),
        cmocka_unit_test(limits_are_between_a_framework_and_the_agent_of_its_task),
        cmocka_unit_test(offers_show_the_cores_that_are_free_now),
        cmocka_unit_test(exclusive_cores_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
