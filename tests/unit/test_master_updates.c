/* tests/unit/test_master_updates.c - status updates one way, acknowledgements the other, and messages
 * of executors.
 */
#include "tests/unit/master_fixture.h"

#include <string.h>

/* A framework with task "t1" (cpus:1;mem:24) staging on an agent with cpus:4;mem:1024. */
struct scene {
    struct node agent, framework;
};

static struct scene scene_of(struct cluster *cluster)
{
    struct scene scene = {.agent = cluster_agent(cluster, "cpus:4;mem:1024")};

    scene.framework = cluster_framework(cluster, NULL);
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    return scene;
}

static void update_is_relayed_and_acknowledged(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct msg_acknowledge_update *ack;
    const struct task_status *status;

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, 0);
    status = cluster_update(cluster, scene.framework, "t1");
    assert_int_equal(status->state, TASK_RUNNING);
    assert_int_equal(status->uuid.size, 16);
    assert_string_equal(status->agent_id, scene.agent.id);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 1);
    cluster_acknowledge(cluster, scene.framework, "t1");
    ack = cluster_last(cluster, scene.agent.session, MSG_ACKNOWLEDGE_UPDATE)->acknowledge_update;
    assert_string_equal(ack->task_id, "t1");
    assert_string_equal(ack->framework_id, scene.framework.id);
    assert_memory_equal(ack->uuid.data, status->uuid.data, 16);
    assert_int_equal(cluster_counter(cluster, "master/valid_status_updates"), 1);
    assert_int_equal(cluster_counter(cluster, "master/valid_status_update_acknowledgements"), 1);
}

/* A framework that fails over learns it by asking. */
static void health_is_kept_for_reconciliation(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const char uuid[16] = "0123456789abcde";
    const struct task_status status = {.task_id = "t1",
                                       .state = TASK_RUNNING,
                                       .agent_id = scene.agent.id,
                                       .uuid = {uuid, sizeof(uuid)},
                                       .health = HEALTH_UNHEALTHY};

    (void)state;
    cluster_agent_says(cluster, scene.agent.session,
                       MESSAGE(STATUS_UPDATE, status_update, .framework_id = scene.framework.id,
                               .status = &status, .latest_state = TASK_RUNNING));
    assert_int_equal(cluster_update(cluster, scene.framework, "t1")->health, HEALTH_UNHEALTHY);
    cluster_acknowledge(cluster, scene.framework, "t1");
    cluster_reconcile(cluster, scene.framework, "t1", NULL);
    assert_int_equal(cluster_update(cluster, scene.framework, "t1")->reason, REASON_RECONCILIATION);
    assert_int_equal(cluster_update(cluster, scene.framework, "t1")->health, HEALTH_UNHEALTHY);
}

static void terminal_update_frees_resources_at_once(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, scene.framework)),
                        "cpus:4;mem:1024");
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
    cluster_acknowledge(cluster, scene.framework, "t1");
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
    assert_int_equal(cluster_counter(cluster, "master/tasks_finished"), 1);
}

static void terminal_latest_state_frees_resources_before_its_turn(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct msg_change_task_status *change;

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, TASK_FAILED);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
    change = cluster_last(cluster, 0, MSG_CHANGE_TASK_STATUS)->change_task_status;
    assert_int_equal(change->state, TASK_FAILED);
    assert_int_equal(change->status->state, TASK_RUNNING);
    cluster_acknowledge(cluster, scene.framework, "t1");
    /* The end has not been told yet. */
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FAILED, TASK_FAILED);
    cluster_acknowledge(cluster, scene.framework, "t1");
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
    assert_int_equal(cluster_counter(cluster, "master/tasks_failed"), 1);
}

static void task_id_is_free_again_after_the_last_acknowledgement(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    assert_update(cluster, scene.framework, "t1", TASK_ERROR, REASON_TASK_INVALID);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_acknowledge(cluster, scene.framework, "t1");
    cluster_pass(cluster, SECOND);
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 1);
}

static void other_acknowledgement_does_not_remove_the_task(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct bytes other = {"0123456789abcdef", 16}, brief = {"0123", 4};

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACKNOWLEDGE, acknowledge, .agent_id = scene.agent.id,
                                   .task_id = "t1", .uuid = other));
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_ACKNOWLEDGE_UPDATE), 1);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACKNOWLEDGE, acknowledge, .agent_id = scene.agent.id,
                                   .task_id = "t1", .uuid = brief));
    cluster_framework_says(
        cluster, scene.framework.session,
        MESSAGE(ACKNOWLEDGE, acknowledge, .agent_id = "M-S9", .task_id = "t1", .uuid = other));
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_ACKNOWLEDGE_UPDATE), 1);
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
    assert_int_equal(cluster_counter(cluster, "master/invalid_status_update_acknowledgements"), 2);
}

static void repeated_update_is_relayed_but_published_once(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    size_t published;

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, 0);
    published = cluster_count(cluster, 0, MSG_CHANGE_TASK_STATUS);
    cluster->uuids--;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, 0);
    assert_int_equal(cluster_updates_count(cluster, scene.framework, "t1"), 2);
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_TASK_STATUS), published);
}

static void update_of_a_forgotten_task_is_relayed_until_acknowledged(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_acknowledge(cluster, scene.framework, "t1");
    /* The acknowledgement was lost on its way to the agent. */
    cluster->uuids--;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    assert_int_equal(cluster_updates_count(cluster, scene.framework, "t1"), 2);
    cluster_acknowledge(cluster, scene.framework, "t1");
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_ACKNOWLEDGE_UPDATE), 2);
}

static void terminal_state_is_never_left(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FAILED, 0);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, 0);
    assert_int_equal(cluster_updates_count(cluster, scene.framework, "t1"), 1);
    assert_int_equal(cluster_counter(cluster, "master/invalid_status_updates"), 2);
    assert_int_equal(cluster_counter(cluster, "master/tasks_failed"), 0);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 0);
}

static void states_that_only_a_master_gives_are_refused_from_agents(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const enum task_state states[] = {TASK_UNREACHABLE, TASK_UNKNOWN};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++)
        cluster_status(cluster, scene.agent, scene.framework.id, "t1", states[i], 0);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, TASK_UNKNOWN);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, TASK_RUNNING);
    assert_int_equal(cluster_updates_count(cluster, scene.framework, "t1"), 0);
    assert_int_equal(cluster_counter(cluster, "master/invalid_status_updates"), 4);
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 1);
}

static void update_without_uuid_is_refused(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct task_status status = {.task_id = "t1", .state = TASK_RUNNING};

    (void)state;
    cluster_agent_says(cluster, scene.agent.session,
                       MESSAGE(STATUS_UPDATE, status_update, .framework_id = scene.framework.id,
                               .status = &status));
    assert_int_equal(cluster_updates_count(cluster, scene.framework, "t1"), 0);
}

static void agent_cannot_speak_for_a_task_elsewhere(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node other = cluster_agent(cluster, "cpus:4;mem:1024");

    (void)state;
    cluster_status(cluster, other, scene.framework.id, "t1", TASK_FAILED, 0);
    assert_null(cluster_update(cluster, scene.framework, "t1"));
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 1);
}

static void update_for_a_removed_framework_is_acknowledged_by_the_master(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = ""));
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED));
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    cluster_forget(cluster);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_ACKNOWLEDGE_UPDATE), 1);
    cluster_status(cluster, scene.agent, "nobody", "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_ACKNOWLEDGE_UPDATE), 1);
}

/* What is lost is lost with the session. */
static void agent_is_told_of_the_end_of_a_framework_once_a_session(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node other = cluster_agent(cluster, "cpus:4;mem:1024"), back;

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = ""));
    for (size_t i = 0; i < 3; i++) {
        cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
        cluster_status(cluster, other, scene.framework.id, "t2", TASK_FINISHED, 0);
    }
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    assert_int_equal(cluster_count(cluster, other.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    back = cluster_agent_back(cluster, other.id, "cpus:4;mem:1024", NULL, 0);
    cluster_status(cluster, back, scene.framework.id, "t2", TASK_FINISHED, 0);
    cluster_status(cluster, back, scene.framework.id, "t3", TASK_RUNNING, 0);
    assert_int_equal(cluster_count(cluster, back.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    assert_int_equal(cluster_count(cluster, back.session, MSG_ACKNOWLEDGE_UPDATE), 2);
}

/* Who is forgotten is told of once more. */
static void ends_that_an_agent_was_told_of_are_bounded(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024"), framework;
    const char *first = NULL;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        framework = cluster_framework(cluster, NULL);
        first = first ? first : framework.id;
        cluster_framework_says(cluster, framework.session,
                               MESSAGE(TEARDOWN, teardown, .reason = ""));
        cluster_status(cluster, agent, framework.id, "t", TASK_FINISHED, 0);
    }
    assert_int_equal(cluster_count(cluster, agent.session, MSG_SHUTDOWN_FRAMEWORK), 100);
    cluster_status(cluster, agent, first, "t", TASK_FINISHED, 0);
    assert_int_equal(cluster_count(cluster, agent.session, MSG_SHUTDOWN_FRAMEWORK), 101);
}

/* Of so many that have been removed since, its id is forgotten: it may come back, and go again. */
static void agent_is_told_of_each_end_of_a_framework(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node again;

    (void)state;
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = ""));
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    for (size_t i = 0; i < 4096; i++) {
        struct node framework = cluster_framework(cluster, NULL);

        cluster_framework_says(cluster, framework.session,
                               MESSAGE(TEARDOWN, teardown, .reason = ""));
    }
    cluster_forget(cluster);
    again = cluster_subscribe(cluster,
                              (struct framework_info){.id = scene.framework.id, .name = "test"});
    cluster_launch(cluster, again, "t2", "cpus:1;mem:64");
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_TASK), 1);
    cluster_framework_says(cluster, again.session, MESSAGE(TEARDOWN, teardown, .reason = ""));
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_SHUTDOWN_FRAMEWORK), 1);
}

static void update_while_the_framework_is_away_counts_and_waits(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node again;

    (void)state;
    cluster_close(cluster, scene.framework.session);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
    again = cluster_subscribe(cluster,
                              (struct framework_info){.id = scene.framework.id, .name = "test"});
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_acknowledge(cluster, again, "t1");
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
}

static void messages_go_to_the_executor_and_back(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct message *relayed;

    (void)state;
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor,
                                   .framework_id = "forged", .agent_id = scene.agent.id,
                                   .task_id = "t1", .data = {"hi", 2}));
    relayed = cluster_last(cluster, scene.agent.session, MSG_MESSAGE_TO_EXECUTOR);
    assert_string_equal(relayed->message_to_executor->framework_id, scene.framework.id);
    assert_int_equal(relayed->epoch, CLUSTER_EPOCH);
    cluster_agent_says(cluster, scene.agent.session,
                       MESSAGE(MESSAGE_TO_FRAMEWORK, message_to_framework,
                               .framework_id = scene.framework.id, .agent_id = "forged",
                               .task_id = "t1", .data = {"hi", 2}));
    relayed = cluster_last(cluster, scene.framework.session, MSG_MESSAGE_TO_FRAMEWORK);
    assert_string_equal(relayed->message_to_framework->agent_id, scene.agent.id);
}

static void message_about_a_task_that_is_not_ones_own_is_dropped(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node other = cluster_framework(cluster, NULL);
    struct node agent = cluster_agent(cluster, "cpus:1;mem:64");

    (void)state;
    cluster_framework_says(cluster, other.session,
                           MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor,
                                   .agent_id = scene.agent.id, .task_id = "t1"));
    cluster_framework_says(
        cluster, scene.framework.session,
        MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .agent_id = agent.id, .task_id = "t1"));
    cluster_agent_says(cluster, agent.session,
                       MESSAGE(MESSAGE_TO_FRAMEWORK, message_to_framework,
                               .framework_id = scene.framework.id, .task_id = "t1"));
    assert_int_equal(cluster_counter(cluster, "master/invalid_framework_to_executor_messages"), 2);
    assert_int_equal(cluster_counter(cluster, "master/invalid_executor_to_framework_messages"), 1);
    assert_null(cluster_last(cluster, scene.agent.session, MSG_MESSAGE_TO_EXECUTOR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_is_relayed_and_acknowledged),
        cmocka_unit_test(health_is_kept_for_reconciliation),
        cmocka_unit_test(terminal_update_frees_resources_at_once),
        cmocka_unit_test(terminal_latest_state_frees_resources_before_its_turn),
        cmocka_unit_test(task_id_is_free_again_after_the_last_acknowledgement),
        cmocka_unit_test(other_acknowledgement_does_not_remove_the_task),
        cmocka_unit_test(repeated_update_is_relayed_but_published_once),
        cmocka_unit_test(update_of_a_forgotten_task_is_relayed_until_acknowledged),
        cmocka_unit_test(terminal_state_is_never_left),
        cmocka_unit_test(states_that_only_a_master_gives_are_refused_from_agents),
        cmocka_unit_test(update_without_uuid_is_refused),
        cmocka_unit_test(agent_cannot_speak_for_a_task_elsewhere),
        cmocka_unit_test(update_for_a_removed_framework_is_acknowledged_by_the_master),
        cmocka_unit_test(agent_is_told_of_the_end_of_a_framework_once_a_session),
        cmocka_unit_test(ends_that_an_agent_was_told_of_are_bounded),
        cmocka_unit_test(agent_is_told_of_each_end_of_a_framework),
        cmocka_unit_test(update_while_the_framework_is_away_counts_and_waits),
        cmocka_unit_test(messages_go_to_the_executor_and_back),
        cmocka_unit_test(message_about_a_task_that_is_not_ones_own_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
