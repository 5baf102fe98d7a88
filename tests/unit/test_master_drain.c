/* tests/unit/test_master_drain.c - agents that an operator deactivates, drains, reactivates, marks gone. */
#include "tests/unit/master_fixture.h"

#include <string.h>

#define RESOURCES "cpus:4;mem:1024"

struct scene {
    struct node agent, framework;
};

/* One agent, on which a framework runs t1, and the rest of which it is offered. */
static struct scene scene_of(struct cluster *cluster)
{
    struct scene scene = {.agent = cluster_agent(cluster, RESOURCES)};

    scene.framework = cluster_framework(cluster, NULL);
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, 0);
    cluster_acknowledge(cluster, scene.framework, "t1");
    cluster_pass(cluster, 6 * SECOND); /* its filter is over */
    return scene;
}

static int64_t drain(struct cluster *cluster, struct node agent, int64_t max_grace_ms,
                     bool mark_gone)
{
    return cluster_operator(cluster, MESSAGE(OPERATOR_DRAIN_AGENT, operator_drain_agent,
                                             .agent_id = agent.id, .max_grace_ms = max_grace_ms,
                                             .mark_gone = mark_gone, .reason = "new disks"))
        .code;
}

static int64_t deactivate(struct cluster *cluster, const char *agent_id)
{
    return cluster_operator(cluster, MESSAGE(OPERATOR_DEACTIVATE_AGENT, operator_deactivate_agent,
                                             .agent_id = agent_id))
        .code;
}

static int64_t reactivate(struct cluster *cluster, const char *agent_id)
{
    return cluster_operator(cluster, MESSAGE(OPERATOR_REACTIVATE_AGENT, operator_reactivate_agent,
                                             .agent_id = agent_id))
        .code;
}

static int64_t mark_gone(struct cluster *cluster, const char *agent_id)
{
    return cluster_operator(cluster,
                            MESSAGE(OPERATOR_MARK_GONE, operator_mark_gone, .agent_id = agent_id))
        .code;
}

static void end_task(struct cluster *cluster, struct scene scene, enum task_state state)
{
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", state, 0);
    cluster_acknowledge(cluster, scene.framework, "t1");
}

static const struct msg_change_agent *change(const struct cluster *cluster)
{
    return cluster_last(cluster, 0, MSG_CHANGE_AGENT)->change_agent;
}

/* --- draining ------------------------------------------------------------------- */

static void draining_agent_is_not_offered(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node second;

    (void)state;
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
    assert_int_equal(drain(cluster, scene.agent, 0, false), 200);
    assert_non_null(strstr(cluster->reply.message, "drained of 1 tasks"));
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND), 1);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 0);
    assert_false(change(cluster)->active);
    assert_true(change(cluster)->connected);
    assert_false(change(cluster)->drain->drained);
    second = cluster_framework(cluster, NULL);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(REVIVE, revive, .roles_count = 0));
    cluster_pass(cluster, 3600 * (int64_t)SECOND);
    assert_int_equal(cluster_offers_count(cluster, second), 0);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 0);
    assert_int_equal(cluster_counter(cluster, "master/slaves_draining"), 1);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 0);
}

static void its_tasks_are_killed_within_the_grace_of_the_drain(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct msg_kill_task *kill;

    (void)state;
    drain(cluster, scene.agent, 5000, true);
    kill = cluster_last(cluster, scene.agent.session, MSG_KILL_TASK)->kill_task;
    assert_string_equal(kill->task_id, "t1");
    assert_null(kill->kill_policy);
    assert_int_equal(kill->drain->max_grace_ms, 5000);
    assert_true(kill->drain->mark_gone);
    /* It may be made shorter. */
    assert_int_equal(drain(cluster, scene.agent, 1000, false), 200);
    kill = cluster_last(cluster, scene.agent.session, MSG_KILL_TASK)->kill_task;
    assert_int_equal(kill->drain->max_grace_ms, 1000);
    assert_false(kill->drain->mark_gone);
}

static void agent_is_drained_when_the_last_end_is_acknowledged(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    drain(cluster, scene.agent, 0, false);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_counter(cluster, "master/slaves_drained"), 0);
    cluster_acknowledge(cluster, scene.framework, "t1");
    assert_int_equal(cluster_counter(cluster, "master/slaves_drained"), 1);
    assert_true(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->drain->drained);
    assert_true(change(cluster)->drain->drained);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 0);
}

static void agent_without_tasks_is_drained_at_once(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    assert_int_equal(drain(cluster, agent, 0, false), 200);
    assert_int_equal(cluster_counter(cluster, "master/slaves_drained"), 1);
}

static void task_told_gone_by_the_agent_is_told_so_to_its_framework(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    drain(cluster, scene.agent, 0, true);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_GONE_BY_OPERATOR, 0);
    assert_update(cluster, scene.framework, "t1", TASK_GONE_BY_OPERATOR, 0);
}

static void kills_are_said_again_when_the_agent_is_back(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct agent_task task =
        cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    struct node back;

    (void)state;
    cluster_close(cluster, scene.agent.session);
    assert_int_equal(drain(cluster, scene.agent, 0, false), 200);
    assert_non_null(strstr(cluster->reply.message, "it is away"));
    back = cluster_agent_back(cluster, scene.agent.id, RESOURCES, &task, 1);
    assert_non_null(cluster_last(cluster, back.session, MSG_KILL_TASK)->kill_task->drain);
    /* One that was not known of, too. */
    task = cluster_report(cluster, scene.framework.id, "t2", "cpus:1;mem:24", TASK_RUNNING);
    back = cluster_agent_back(cluster, scene.agent.id, RESOURCES, &task, 1);
    assert_string_equal(cluster_last(cluster, back.session, MSG_KILL_TASK)->kill_task->task_id,
                        "t2");
    assert_int_equal(cluster_counter(cluster, "master/slaves_drained"), 0);
}

static void agent_that_is_away_is_not_drained_before_it_is_back(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    cluster_close(cluster, agent.session);
    drain(cluster, agent, 0, false);
    assert_int_equal(cluster_counter(cluster, "master/slaves_draining"), 1);
    cluster_agent_back(cluster, agent.id, RESOURCES, NULL, 0);
    assert_int_equal(cluster_counter(cluster, "master/slaves_drained"), 1);
}

static void drained_agent_that_comes_back_with_a_task_is_drained_again(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, RESOURCES);
    struct node framework = cluster_framework(cluster, NULL);
    struct agent_task task =
        cluster_report(cluster, framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);

    (void)state;
    drain(cluster, agent, 0, false);
    agent = cluster_agent_back(cluster, agent.id, RESOURCES, &task, 1);
    assert_int_equal(cluster_counter(cluster, "master/slaves_draining"), 1);
    cluster_status(cluster, agent, framework.id, "t1", TASK_KILLED, 0);
    cluster_acknowledge(cluster, framework, "t1");
    assert_int_equal(cluster_counter(cluster, "master/slaves_drained"), 1);
}

static void drain_ends_when_it_is_reactivated(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    drain(cluster, scene.agent, 0, false);
    assert_int_equal(reactivate(cluster, scene.agent.id), 409);
    end_task(cluster, scene, TASK_KILLED);
    assert_int_equal(reactivate(cluster, scene.agent.id), 200);
    assert_null(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->drain);
    assert_null(change(cluster)->drain);
    assert_true(change(cluster)->active);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
    assert_int_equal(reactivate(cluster, scene.agent.id), 200); /* it is in use already */
}

/* --- the registry ------------------------------------------------------------------ */

static void nothing_happens_before_it_is_kept(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster->is_store_slow = true;
    assert_int_equal(drain(cluster, scene.agent, 0, false), 0);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND), 0);
    assert_null(cluster_last(cluster, scene.agent.session, MSG_KILL_TASK));
    assert_non_null(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->drain);
    cluster_answer_records(cluster);
    assert_int_equal(cluster->reply.code, 200);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND), 1);
}

static void two_orders_at_once_do_not_undo_each_other(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    cluster->is_store_slow = true;
    drain(cluster, agent, 0, false);
    assert_int_equal(deactivate(cluster, agent.id), 503);
    assert_non_null(strstr(cluster->reply.message, "try again"));
}

static void what_cannot_be_kept_is_not_done(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster->store_fails = "No space left on device";
    assert_int_equal(drain(cluster, scene.agent, 0, false), 503);
    assert_non_null(strstr(cluster->reply.message, "No space left"));
    assert_int_equal(deactivate(cluster, scene.agent.id), 503);
    assert_int_equal(mark_gone(cluster, scene.agent.id), 503);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 1);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
    assert_null(cluster_last(cluster, scene.agent.session, MSG_KILL_TASK));
    /* What may have reached the disk is written over. */
    cluster->store_fails = NULL;
    cluster_pass(cluster, 60 * SECOND);
    assert_null(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->drain);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->state, KEPT_ADMITTED);
}

static void drained_is_written_when_the_registry_can_again(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    drain(cluster, scene.agent, 0, false);
    cluster->store_fails = "No space left on device";
    end_task(cluster, scene, TASK_KILLED);
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slaves_drained"), 0);
    cluster->store_fails = NULL;
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slaves_drained"), 1);
}

static void orders_outlive_the_master(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node idle = cluster_agent(cluster, RESOURCES), burnt = cluster_agent(cluster, RESOURCES);
    struct agent_task task =
        cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);

    (void)state;
    drain(cluster, scene.agent, 5000, false);
    deactivate(cluster, idle.id);
    mark_gone(cluster, burnt.id);
    cluster_restart(cluster, NULL);
    cluster_subscribe(cluster, (struct framework_info){.id = scene.framework.id, .name = "x"});
    scene.agent = cluster_agent_back(cluster, scene.agent.id, RESOURCES, &task, 1);
    assert_int_equal(
        cluster_last(cluster, scene.agent.session, MSG_KILL_TASK)->kill_task->drain->max_grace_ms,
        5000);
    cluster_agent_back(cluster, idle.id, RESOURCES, NULL, 0);
    burnt = cluster_agent_back(cluster, burnt.id, RESOURCES, NULL, 0);
    assert_non_null(cluster_last(cluster, burnt.session, MSG_SHUTDOWN_AGENT));
    assert_int_equal(cluster_counter(cluster, "master/slaves_draining"), 1);
    assert_int_equal(cluster_counter(cluster, "master/slaves_deactivated"), 1);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 0);
    assert_int_equal(reactivate(cluster, idle.id), 200);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
}

/* --- deactivated ------------------------------------------------------------------- */

static void deactivated_agent_keeps_its_tasks_and_is_not_offered(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct agent_task task =
        cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    struct node back;

    (void)state;
    assert_int_equal(deactivate(cluster, scene.agent.id), 200);
    assert_true(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->deactivated);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND), 1);
    assert_null(cluster_last(cluster, scene.agent.session, MSG_KILL_TASK));
    assert_true(change(cluster)->deactivated);
    assert_int_equal(deactivate(cluster, scene.agent.id), 200); /* it is already */
    back = cluster_agent_back(cluster, scene.agent.id, RESOURCES, &task, 1);
    assert_null(cluster_last(cluster, back.session, MSG_KILL_TASK));
    cluster_pass(cluster, 3600 * (int64_t)SECOND);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 0);
    assert_int_equal(cluster_counter(cluster, "master/slaves_deactivated"), 1);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 1);
    assert_int_equal(reactivate(cluster, scene.agent.id), 200);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
}

/* --- gone --------------------------------------------------------------------------- */

static void gone_agent_is_shut_down_and_never_let_in_again(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node back;

    (void)state;
    assert_int_equal(mark_gone(cluster, scene.agent.id), 200);
    assert_update(cluster, scene.framework, "t1", TASK_GONE_BY_OPERATOR,
                  REASON_AGENT_REMOVED_BY_OPERATOR);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->state, KEPT_GONE);
    assert_non_null(cluster_last(cluster, scene.agent.session, MSG_SHUTDOWN_AGENT));
    assert_true(cluster_is_closed(cluster, scene.agent.session));
    assert_int_equal(cluster_counter(cluster, "master/slaves_connected"), 0);
    back = cluster_agent_back(cluster, scene.agent.id, RESOURCES, NULL, 0);
    assert_non_null(cluster_last(cluster, back.session, MSG_SHUTDOWN_AGENT));
    assert_null(cluster_last(cluster, back.session, MSG_AGENT_REGISTERED));
    cluster_reconcile(cluster, scene.framework, "t1", scene.agent.id);
    assert_update(cluster, scene.framework, "t1", TASK_GONE_BY_OPERATOR, REASON_RECONCILIATION);
    assert_int_equal(mark_gone(cluster, scene.agent.id), 409);
    assert_int_equal(drain(cluster, scene.agent, 0, false), 409);
}

static void drained_agent_is_gone_if_that_was_asked_for(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    drain(cluster, scene.agent, 0, true);
    assert_null(cluster_last(cluster, scene.agent.session, MSG_SHUTDOWN_AGENT));
    end_task(cluster, scene, TASK_GONE_BY_OPERATOR);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->state, KEPT_GONE);
    assert_non_null(cluster_last(cluster, scene.agent.session, MSG_SHUTDOWN_AGENT));
    assert_int_equal(cluster_counter(cluster, "master/slaves_connected"), 0);
}

static void agent_that_is_away_can_be_gone(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 200 * SECOND);
    assert_update(cluster, scene.framework, "t1", TASK_UNREACHABLE, REASON_AGENT_REMOVED);
    assert_int_equal(mark_gone(cluster, scene.agent.id), 200);
    assert_update(cluster, scene.framework, "t1", TASK_GONE_BY_OPERATOR,
                  REASON_AGENT_REMOVED_BY_OPERATOR);
}

static void order_about_an_unreachable_agent_does_not_show_it(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node back;

    (void)state;
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 200 * SECOND);
    cluster_forget(cluster);
    assert_int_equal(drain(cluster, scene.agent, 0, false), 200);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->state, KEPT_UNREACHABLE);
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_AGENT));
    back = cluster_agent_back(cluster, scene.agent.id, RESOURCES, NULL, 0);
    assert_non_null(cluster_last(cluster, back.session, MSG_AGENT_REGISTERED));
    assert_true(change(cluster)->drain->drained);
}

static void be_unreachable(struct cluster *cluster, struct node agent)
{
    cluster_close(cluster, agent.session);
    cluster_pass(cluster, 76 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slave_removals"), 1);
    cluster->is_store_slow = true;
}

/* Found by the simulator, seed 1271: its record as admitted went behind the one as gone. */
static void agent_that_comes_back_as_it_becomes_gone_is_gone(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, RESOURCES), back;

    (void)state;
    be_unreachable(cluster, agent);
    assert_int_equal(mark_gone(cluster, agent.id), 0);
    back = cluster_agent_back(cluster, agent.id, RESOURCES, NULL, 0);
    assert_true(cluster_is_closed(cluster, back.session));
    cluster_answer_records(cluster);
    assert_int_equal(cluster->reply.code, 200);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->state, KEPT_GONE);
    back = cluster_agent_back(cluster, agent.id, RESOURCES, NULL, 0);
    assert_non_null(cluster_last(cluster, back.session, MSG_SHUTDOWN_AGENT));
}

static void agent_that_comes_back_as_its_drain_is_written_is_drained(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, RESOURCES), back;

    (void)state;
    be_unreachable(cluster, agent);
    assert_int_equal(drain(cluster, agent, SECOND, false), 0);
    back = cluster_agent_back(cluster, agent.id, RESOURCES, NULL, 0);
    assert_true(cluster_is_closed(cluster, back.session));
    cluster_answer_records(cluster);
    back = cluster_agent_back(cluster, agent.id, RESOURCES, NULL, 0);
    cluster_answer_records(cluster);
    assert_non_null(cluster_last(cluster, back.session, MSG_AGENT_REGISTERED));
    assert_non_null(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->drain);
}

static void drain_that_ends_in_gone_waits_for_the_registry(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    drain(cluster, scene.agent, 0, true);
    cluster->store_fails = "No space left on device";
    end_task(cluster, scene, TASK_KILLED);
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slaves_draining"), 1);
    cluster->store_fails = NULL;
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slaves_draining"), 0);
    assert_non_null(cluster_last(cluster, scene.agent.session, MSG_SHUTDOWN_AGENT));
}

/* --- who is not there ------------------------------------------------------------------ */

static void unknown_agents_are_told_so(void **state)
{
    CLUSTER(NULL);

    (void)state;
    assert_int_equal(drain(cluster, (struct node){.id = "nobody"}, 0, false), 404);
    assert_string_equal(cluster->reply.message, "no agent has the id nobody");
    assert_int_equal(deactivate(cluster, "nobody"), 404);
    assert_int_equal(reactivate(cluster, "nobody"), 404);
    assert_int_equal(mark_gone(cluster, "nobody"), 404);
}

static void agent_that_leaves_while_its_order_is_written_is_told_of(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    cluster->is_store_slow = true;
    drain(cluster, agent, 0, false);
    cluster_agent_says(cluster, agent.session, MESSAGE(UNREGISTER, unregister, .reason = "bye"));
    cluster_answer_records(cluster);
    assert_int_equal(cluster->reply.code, 409);
    assert_non_null(strstr(cluster->reply.message, "has left meanwhile"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draining_agent_is_not_offered),
        cmocka_unit_test(its_tasks_are_killed_within_the_grace_of_the_drain),
        cmocka_unit_test(agent_is_drained_when_the_last_end_is_acknowledged),
        cmocka_unit_test(agent_without_tasks_is_drained_at_once),
        cmocka_unit_test(task_told_gone_by_the_agent_is_told_so_to_its_framework),
        cmocka_unit_test(kills_are_said_again_when_the_agent_is_back),
        cmocka_unit_test(agent_that_is_away_is_not_drained_before_it_is_back),
        cmocka_unit_test(drained_agent_that_comes_back_with_a_task_is_drained_again),
        cmocka_unit_test(drain_ends_when_it_is_reactivated),
        cmocka_unit_test(nothing_happens_before_it_is_kept),
        cmocka_unit_test(two_orders_at_once_do_not_undo_each_other),
        cmocka_unit_test(what_cannot_be_kept_is_not_done),
        cmocka_unit_test(drained_is_written_when_the_registry_can_again),
        cmocka_unit_test(orders_outlive_the_master),
        cmocka_unit_test(deactivated_agent_keeps_its_tasks_and_is_not_offered),
        cmocka_unit_test(gone_agent_is_shut_down_and_never_let_in_again),
        cmocka_unit_test(drained_agent_is_gone_if_that_was_asked_for),
        cmocka_unit_test(agent_that_is_away_can_be_gone),
        cmocka_unit_test(order_about_an_unreachable_agent_does_not_show_it),
        cmocka_unit_test(agent_that_comes_back_as_it_becomes_gone_is_gone),
        cmocka_unit_test(agent_that_comes_back_as_its_drain_is_written_is_drained),
        cmocka_unit_test(drain_that_ends_in_gone_waits_for_the_registry),
        cmocka_unit_test(unknown_agents_are_told_so),
        cmocka_unit_test(agent_that_leaves_while_its_order_is_written_is_told_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
