/* tests/unit/test_master_failover.c - frameworks go, come back, are taken over, or end. */
#include "tests/unit/master_fixture.h"

#include <string.h>

#include "master/core/state.h"

/* A framework with task "t1" on an agent, and an offer of the rest. */
struct scene {
    struct node agent, framework;
};

static struct scene scene_with(struct cluster *cluster, struct framework_info info)
{
    struct scene scene = {.agent = cluster_agent(cluster, "cpus:4;mem:1024")};

    scene.framework = cluster_subscribe(cluster, info);
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
    return scene;
}

static struct scene scene_of(struct cluster *cluster)
{
    return scene_with(cluster,
                      (struct framework_info){.name = "x", .failover_timeout_ms = 60 * SECOND});
}

static void lost_framework_has_its_failover_timeout_to_come_back(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node again;

    (void)state;
    cluster_close(cluster, scene.framework.session);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 0);
    assert_false(cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK)->change_framework->connected);
    cluster_pass(cluster, 60 * SECOND - 1);
    again =
        cluster_subscribe(cluster, (struct framework_info){.id = scene.framework.id, .name = "x"});
    assert_string_equal(again.id, scene.framework.id);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
    cluster_pass(cluster, 3600 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 1);
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 1);
}

static void framework_that_stays_away_is_removed_with_its_tasks(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_close(cluster, scene.framework.session);
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 0);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
    assert_int_equal(cluster_counter(cluster, "master/tasks_killed"), 1);
    assert_int_equal(
        cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED)->change_framework_removed->reason,
        REMOVED_FAILOVER_TIMEOUT);
}

/* The agent is given time to end a task gracefully; nobody else is promised what it has meanwhile. */
static void what_a_removed_framework_holds_is_held_until_the_agent_has_ended_it(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node next;

    (void)state;
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = ""));
    assert_true(cluster_is_closed(cluster, scene.framework.session));
    next = cluster_framework(cluster, NULL);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, next)), "cpus:3;mem:1000");
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED));
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_KILLING, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
    /* Nobody else is there to acknowledge. */
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_ACKNOWLEDGE_UPDATE), 2);
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED));
}

static void agent_that_is_back_without_a_removed_frameworks_task_frees_it(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = ""));
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
    cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", NULL, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED));
}

static void agent_that_is_lost_with_a_removed_frameworks_task_frees_it(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct agent_task task =
        cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_KILLING);
    struct node back;

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = ""));
    cluster_pass(cluster, 75 * SECOND);
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED));
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 1);
    /* It may come back with it: then it counts again, and is still to be ended. */
    back = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &task, 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
    assert_int_equal(cluster_count(cluster, back.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    cluster_status(cluster, back, scene.framework.id, "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED), 2);
}

static void default_failover_timeout_is_a_week(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_with(cluster, (struct framework_info){.name = "x"});

    (void)state;
    cluster_close(cluster, scene.framework.session);
    cluster_pass(cluster, (int64_t)7 * 24 * 3600 * SECOND - 1);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 1);
    cluster_pass(cluster, 1);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 0);
}

/* A scheduler that crashes and begins anew each time, for example: each life has a week to come back. */
static void frameworks_that_are_away_without_tasks_have_a_bound(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_with(cluster, (struct framework_info){.name = "x"});

    (void)state;
    cluster_close(cluster, scene.framework.session);
    for (int i = 0; i < FRAMEWORKS_AWAY_MAX + 2; i++)
        cluster_close(cluster, cluster_framework(cluster, NULL).session);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), FRAMEWORKS_AWAY_MAX);
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 1);
    assert_string_equal(cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED)
                            ->change_framework_removed->framework_id,
                        "M-0003");
}

static void tool_in_the_foreground_ends_with_its_session(void **state)
{
    CLUSTER(NULL);
    struct scene scene =
        scene_with(cluster, (struct framework_info){.name = "x", .ends_with_session = true});

    (void)state;
    assert_true(cluster_last(cluster, scene.agent.session, MSG_RUN_TASK)
                    ->run_task->framework->ends_with_session);
    cluster_close(cluster, scene.framework.session);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 0);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
}

static void newer_instance_takes_over_and_the_older_is_told(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node newer;

    (void)state;
    newer =
        cluster_subscribe(cluster, (struct framework_info){.id = scene.framework.id, .name = "x"});
    assert_string_equal(cluster_last(cluster, scene.framework.session, MSG_ERROR)->error->message,
                        "Framework failed over");
    assert_true(cluster_is_closed(cluster, scene.framework.session));
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
    assert_int_equal(cluster_offers_count(cluster, newer), 1);
    cluster_status(cluster, scene.agent, newer.id, "t1", TASK_RUNNING, 0);
    assert_update(cluster, newer, "t1", TASK_RUNNING, 0);
    assert_null(cluster_update(cluster, scene.framework, "t1"));
    /* What the older one still says has no effect. */
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = ""));
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 1);
}

static void subscription_that_a_newer_session_has_overtaken_does_not_take_over(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    uint64_t older = cluster_session(cluster);
    const struct framework_info info = {
        .id = scene.framework.id, .name = "x", .roles = (const char *[]){"*"}, .roles_count = 1};
    struct node newer = cluster_subscribe(cluster, info);

    (void)state;
    cluster_framework_says(cluster, older, MESSAGE(SUBSCRIBE, subscribe, .framework = &info));
    assert_true(cluster_is_closed(cluster, older));
    assert_null(
        cluster_last(cluster, older, MSG_ERROR)); /* it may come again, and then takes over */
    assert_false(cluster_is_closed(cluster, newer.session));
}

static void who_comes_back_gets_its_updates_at_once(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RESEND_UPDATES), 0);
    cluster_close(cluster, scene.framework.session);
    cluster_subscribe(cluster, (struct framework_info){.id = scene.framework.id, .name = "x"});
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RESEND_UPDATES), 1);
    assert_string_equal(cluster_last(cluster, scene.agent.session, MSG_RESEND_UPDATES)
                            ->resend_updates->framework_id,
                        scene.framework.id);
}

static void closing_an_older_session_does_not_harm_the_newer(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_subscribe(cluster, (struct framework_info){.id = scene.framework.id, .name = "x"});
    cluster_close(cluster, scene.framework.session);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 1);
}

static void teardown_kills_on_each_agent_once(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node second, third;

    (void)state;
    cluster_launch(cluster, scene.framework, "t2", "cpus:1;mem:24");
    second = cluster_agent(cluster, "cpus:4;mem:1024");
    cluster_launch(cluster, scene.framework, "t3", "cpus:1;mem:24");
    third = cluster_agent(cluster, "cpus:4;mem:1024");
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = "done"));
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    assert_int_equal(cluster_count(cluster, second.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    assert_int_equal(cluster_count(cluster, third.session, MSG_SHUTDOWN_FRAMEWORK), 0);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_KILLED, 0);
    cluster_status(cluster, scene.agent, scene.framework.id, "t2", TASK_KILLED, 0);
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED));
    cluster_status(cluster, second, scene.framework.id, "t3", TASK_KILLED, 0);
    assert_int_equal(cluster_counter(cluster, "master/tasks_killed"), 3);
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_TASK_REMOVED), 3);
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED), 1);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 0);
}

static void agent_that_was_away_at_the_teardown_hears_of_it_later(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct agent_task task =
        cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    struct node back;

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = ""));
    back = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &task, 1);
    assert_int_equal(cluster_count(cluster, back.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    cluster_status(cluster, back, scene.framework.id, "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
}

static void recovered_framework_that_never_subscribes_is_removed(void **state)
{
    CLUSTER(NULL);
    struct agent_task task =
        cluster_report(cluster, "OLD-0000", "t1", "cpus:1;mem:24", TASK_RUNNING);
    const struct framework_info known = {
        .id = "OLD-0000", .name = "old", .failover_timeout_ms = 10 * SECOND};
    struct agent_info info = {.id = "OLD-S0", .hostname = "h"};
    uint64_t session = cluster_session(cluster);

    (void)state;
    info.resources = cluster_resources(cluster, "cpus:4;mem:64", &info.resources_count);
    cluster_agent_says(cluster, session,
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info, .tasks = &task,
                               .tasks_count = 1, .frameworks = &known, .frameworks_count = 1));
    assert_string_equal(
        cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK)->change_framework->framework->name, "old");
    cluster_pass(cluster, 10 * SECOND);
    assert_int_equal(cluster_count(cluster, session, MSG_SHUTDOWN_FRAMEWORK), 1);
    cluster_status(cluster, (struct node){session, "OLD-S0"}, "OLD-0000", "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_framework_has_its_failover_timeout_to_come_back),
        cmocka_unit_test(framework_that_stays_away_is_removed_with_its_tasks),
        cmocka_unit_test(what_a_removed_framework_holds_is_held_until_the_agent_has_ended_it),
        cmocka_unit_test(agent_that_is_back_without_a_removed_frameworks_task_frees_it),
        cmocka_unit_test(agent_that_is_lost_with_a_removed_frameworks_task_frees_it),
        cmocka_unit_test(default_failover_timeout_is_a_week),
        cmocka_unit_test(frameworks_that_are_away_without_tasks_have_a_bound),
        cmocka_unit_test(tool_in_the_foreground_ends_with_its_session),
        cmocka_unit_test(newer_instance_takes_over_and_the_older_is_told),
        cmocka_unit_test(subscription_that_a_newer_session_has_overtaken_does_not_take_over),
        cmocka_unit_test(who_comes_back_gets_its_updates_at_once),
        cmocka_unit_test(closing_an_older_session_does_not_harm_the_newer),
        cmocka_unit_test(teardown_kills_on_each_agent_once),
        cmocka_unit_test(agent_that_was_away_at_the_teardown_hears_of_it_later),
        cmocka_unit_test(recovered_framework_that_never_subscribes_is_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
