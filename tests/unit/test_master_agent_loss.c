/* tests/unit/test_master_agent_loss.c - agents fall silent, become unreachable, come back, leave. */
#include "tests/unit/master_fixture.h"

#include <string.h>

struct scene {
    struct node agent, framework;
};

static struct scene scene_of(struct cluster *cluster)
{
    struct scene scene = {.agent = cluster_agent(cluster, "cpus:4;mem:1024")};

    scene.framework = cluster_framework(cluster, NULL);
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, 0);
    cluster_pass(cluster, SECOND);
    return scene;
}

static void silent_agent_keeps_its_tasks_for_its_timeout(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_close(cluster, scene.agent.session);
    assert_int_equal(cluster_counter(cluster, "master/slaves_disconnected"), 1);
    assert_false(cluster_last(cluster, 0, MSG_CHANGE_AGENT)->change_agent->active);
    cluster_pass(cluster, 75 * SECOND - 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
    assert_null(cluster_last(cluster, scene.framework.session, MSG_AGENT_LOST));
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 0);
}

static void unreachable_agent_takes_its_tasks_along(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct msg_agent_lost *lost;

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 75 * SECOND);
    lost = cluster_last(cluster, scene.framework.session, MSG_AGENT_LOST)->agent_lost;
    assert_string_equal(lost->agent_id, scene.agent.id);
    assert_int_equal(lost->reason, REMOVED_UNREACHABLE);
    assert_update(cluster, scene.framework, "t1", TASK_UNREACHABLE, REASON_AGENT_REMOVED);
    assert_int_equal(cluster_update(cluster, scene.framework, "t1")->unreachable_us,
                     cluster->now.wall_us);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 1);
    assert_int_equal(cluster_counter(cluster, "master/tasks_unreachable"), 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_total"), 0);
    cluster_reconcile(cluster, scene.framework, "t1", "");
    assert_update(cluster, scene.framework, "t1", TASK_UNREACHABLE, REASON_RECONCILIATION);
}

static void task_id_stays_in_use_while_its_agent_is_unreachable(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 75 * SECOND);
    cluster_agent(cluster, "cpus:4;mem:1024");
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    assert_update(cluster, scene.framework, "t1", TASK_ERROR, REASON_TASK_INVALID);
}

static void returning_agent_brings_its_tasks_back_to_running(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct agent_task task =
        cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 3600 * SECOND);
    cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &task, 1);
    assert_update(cluster, scene.framework, "t1", TASK_RUNNING, REASON_AGENT_REREGISTERED);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 1);
    assert_int_equal(cluster_counter(cluster, "master/tasks_unreachable"), 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, scene.framework)),
                        "cpus:3;mem:1000");
}

static void unacknowledged_update_gets_through_after_the_return(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct agent_task task =
        cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    struct node back = scene.agent;

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 3600 * SECOND);
    back.session = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &task, 1).session;
    /* It was told RUNNING by the master; the agent's own stream is still at its beginning. */
    cluster_status(cluster, back, scene.framework.id, "t1", TASK_STARTING, TASK_RUNNING);
    assert_update(cluster, scene.framework, "t1", TASK_STARTING, 0);
    cluster_acknowledge(cluster, scene.framework, "t1");
    assert_int_equal(cluster_count(cluster, back.session, MSG_ACKNOWLEDGE_UPDATE), 1);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 1);
}

static void task_missing_after_the_return_is_gone(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 3600 * SECOND);
    cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", NULL, 0);
    assert_update(cluster, scene.framework, "t1", TASK_GONE, REASON_RECONCILIATION);
    assert_int_equal(cluster_counter(cluster, "master/tasks_unreachable"), 0);
}

static void kill_of_an_unreachable_task_is_done_on_its_return(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct agent_task task =
        cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    struct node back;

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 3600 * SECOND);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(KILL, kill, .task_id = "t1", .agent_id = ""));
    assert_update(cluster, scene.framework, "t1", TASK_UNREACHABLE, REASON_RECONCILIATION);
    back = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &task, 1);
    assert_int_equal(cluster_count(cluster, back.session, MSG_KILL_TASK), 1);
}

static void agent_is_forgotten_in_the_end(void **state)
{
    CLUSTER((&(struct master_settings){.agent_removed_keep_ms = 3600 * SECOND}));
    struct scene scene = scene_of(cluster);
    const struct msg_change_agent_removed *removed;

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 75 * SECOND + 3600 * SECOND);
    assert_update(cluster, scene.framework, "t1", TASK_UNKNOWN, REASON_AGENT_REMOVED);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 0);
    assert_int_equal(cluster_counter(cluster, "master/tasks_unreachable"), 0);
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_AGENT_REMOVED), 2);
    removed = cluster_last(cluster, 0, MSG_CHANGE_AGENT_REMOVED)->change_agent_removed;
    assert_string_equal(removed->agent_id, scene.agent.id);
    assert_int_equal(removed->reason, REMOVED_FORGOTTEN);
}

static void ended_task_of_an_unreachable_agent_is_told_as_it_ended(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, TASK_FINISHED);
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 75 * SECOND);
    assert_update(cluster, scene.framework, "t1", TASK_FINISHED, REASON_AGENT_REMOVED);
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
    assert_int_equal(cluster_counter(cluster, "master/tasks_finished"), 1);
}

static void end_that_was_told_is_not_told_twice(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_forget(cluster);
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 75 * SECOND);
    assert_int_equal(cluster_updates_count(cluster, scene.framework, "t1"), 0);
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
}

static void leaving_agent_ends_its_tasks(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_agent_says(cluster, scene.agent.session,
                       MESSAGE(UNREGISTER, unregister, .reason = "maintenance"));
    assert_int_equal(
        cluster_last(cluster, scene.framework.session, MSG_AGENT_LOST)->agent_lost->reason,
        REMOVED_UNREGISTERED);
    assert_update(cluster, scene.framework, "t1", TASK_GONE, REASON_AGENT_REMOVED);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND), 1);
    assert_true(cluster_is_closed(cluster, scene.agent.session));
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 0);
    assert_int_equal(cluster_counter(cluster, "master/slave_removals/reason_unregistered"), 1);
    assert_int_equal(
        cluster_last(cluster, 0, MSG_CHANGE_AGENT_REMOVED)->change_agent_removed->reason,
        REMOVED_UNREGISTERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_agent_keeps_its_tasks_for_its_timeout),
        cmocka_unit_test(unreachable_agent_takes_its_tasks_along),
        cmocka_unit_test(task_id_stays_in_use_while_its_agent_is_unreachable),
        cmocka_unit_test(returning_agent_brings_its_tasks_back_to_running),
        cmocka_unit_test(unacknowledged_update_gets_through_after_the_return),
        cmocka_unit_test(task_missing_after_the_return_is_gone),
        cmocka_unit_test(kill_of_an_unreachable_task_is_done_on_its_return),
        cmocka_unit_test(agent_is_forgotten_in_the_end),
        cmocka_unit_test(ended_task_of_an_unreachable_agent_is_told_as_it_ended),
        cmocka_unit_test(end_that_was_told_is_not_told_twice),
        cmocka_unit_test(leaving_agent_ends_its_tasks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
