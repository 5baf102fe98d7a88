/* tests/unit/test_master_registry.c - what waits for the registry, what it does not hold up, and what a
 * master knows that has been started again. */
#include "tests/unit/master_fixture.h"

#include <string.h>

#include "master/core/state.h"

#define FULL "the disk is full"

static uint64_t ask_to_register(struct cluster *cluster, const char *id)
{
    return cluster_agent_back(cluster, id, "cpus:4;mem:1024", NULL, 0).session;
}

/* --- new agents --------------------------------------------------------------- */

static void new_agent_is_answered_when_the_registry_has_it(void **state)
{
    CLUSTER(NULL);
    const struct msg_kept_agent *record;
    struct node framework = cluster_framework(cluster, NULL);
    uint64_t session;

    (void)state;
    cluster->is_store_slow = true;
    session = ask_to_register(cluster, "");
    assert_null(cluster_last(cluster, session, MSG_AGENT_REGISTERED));
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_AGENT));
    assert_int_equal(cluster_counter(cluster, "registrar/queued_operations"), 1);
    cluster_answer_records(cluster);
    record = cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent;
    assert_int_equal(record->state, KEPT_ADMITTED);
    assert_string_equal(
        cluster_last(cluster, session, MSG_AGENT_REGISTERED)->agent_registered->agent_id,
        record->agent->id);
    assert_int_equal(cluster_offers_count(cluster, framework), 1);
}

static void agent_that_asks_again_while_it_waits_is_one_agent(void **state)
{
    CLUSTER(NULL);
    const struct agent_info info = {.hostname = "h"};
    uint64_t session;

    (void)state;
    cluster->is_store_slow = true;
    session = ask_to_register(cluster, "");
    cluster_agent_says(cluster, session, MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    assert_int_equal(cluster_records_count(cluster, MSG_KEPT_AGENT), 1);
    cluster_answer_records(cluster);
    assert_int_equal(cluster_count(cluster, session, MSG_AGENT_REGISTERED), 1);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 1);
}

static void new_agent_that_leaves_before_its_record_is_kept_is_forgotten(void **state)
{
    CLUSTER(NULL);
    uint64_t session;

    (void)state;
    cluster->is_store_slow = true;
    session = ask_to_register(cluster, "");
    cluster_close(cluster, session);
    cluster_answer_records(cluster);
    assert_string_equal(cluster_record(cluster, MSG_DROP_AGENT)->drop_agent->agent_id,
                        cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->agent->id);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 0);
}

static void newer_session_of_an_agent_that_waits_is_the_one_that_counts(void **state)
{
    CLUSTER(NULL);
    uint64_t older, newer;

    (void)state;
    cluster->is_store_slow = true;
    older = ask_to_register(cluster, "OLD-S1");
    newer = ask_to_register(cluster, "OLD-S1");
    assert_true(cluster_is_closed(cluster, older));
    cluster_answer_records(cluster);
    assert_null(cluster_last(cluster, older, MSG_AGENT_REGISTERED));
    assert_non_null(cluster_last(cluster, newer, MSG_AGENT_REGISTERED));
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 1);
}

/* --- new frameworks ----------------------------------------------------------- */

static void new_framework_is_subscribed_when_the_registry_has_it(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024"), framework;

    (void)state;
    (void)agent;
    cluster->is_store_slow = true;
    framework = cluster_subscribe(cluster, (struct framework_info){.name = "x"});
    assert_string_equal(framework.id, "");
    assert_int_equal(cluster_offers_count(cluster, framework), 0);
    cluster_answer_records(cluster);
    assert_string_equal(
        cluster_last(cluster, framework.session, MSG_SUBSCRIBED)->subscribed->framework_id,
        cluster_record(cluster, MSG_KEPT_FRAMEWORK)->kept_framework->framework->id);
    assert_int_equal(cluster_offers_count(cluster, framework), 1);
}

static void framework_may_tear_itself_down_before_it_is_let_in(void **state)
{
    CLUSTER(NULL);
    struct node framework, returning;

    (void)state;
    cluster->is_store_slow = true;
    framework = cluster_subscribe(cluster, (struct framework_info){.name = "x"});
    cluster_framework_says(cluster, framework.session, MESSAGE(TEARDOWN, teardown, .reason = ""));
    returning = cluster_subscribe(cluster, (struct framework_info){.id = "OLD-0", .name = "y"});
    cluster_framework_says(cluster, returning.session, MESSAGE(TEARDOWN, teardown, .reason = ""));
    cluster->is_store_slow = false;
    cluster_answer_records(cluster);
    assert_null(cluster_last(cluster, framework.session, MSG_SUBSCRIBED));
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 0);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 0);
    cluster_subscribe(cluster, (struct framework_info){.id = "OLD-0", .name = "y"});
    assert_null(cluster_last(cluster, cluster->sessions, MSG_SUBSCRIBED));
}

static void framework_that_changes_its_mind_while_it_waits_is_kept_as_it_is(void **state)
{
    CLUSTER(NULL);
    const struct framework_info changed = {.name = "after"};
    struct node framework;

    (void)state;
    cluster->is_store_slow = true;
    framework = cluster_subscribe(cluster, (struct framework_info){.name = "before"});
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(SUBSCRIBE, subscribe, .framework = &changed));
    cluster->is_store_slow = false;
    cluster_answer_records(cluster);
    assert_int_equal(cluster_count(cluster, framework.session, MSG_SUBSCRIBED), 1);
    assert_string_equal(
        cluster_record(cluster, MSG_KEPT_FRAMEWORK)->kept_framework->framework->name, "after");
}

/* --- a registry that fails ---------------------------------------------------- */

static void full_disk_keeps_new_ones_out_until_there_is_room(void **state)
{
    CLUSTER(NULL);
    uint64_t session;
    struct node framework;

    (void)state;
    cluster->store_fails = FULL;
    session = ask_to_register(cluster, "");
    assert_true(cluster_is_closed(cluster, session));
    assert_non_null(strstr(cluster->closed_reason, FULL));
    framework = cluster_subscribe(cluster, (struct framework_info){.name = "x"});
    assert_true(cluster_is_closed(cluster, framework.session));
    assert_null(cluster_last(cluster, framework.session, MSG_ERROR)); /* it may come again */
    assert_int_equal(cluster_counter(cluster, "registrar/ok"), 0);
    assert_non_null(
        strstr(cluster_last(cluster, 0, MSG_CHANGE_MASTER)->change_master->problem, FULL));
    cluster->store_fails = NULL;
    cluster_agent(cluster, "cpus:4;mem:1024");
    cluster_framework(cluster, NULL);
    assert_int_equal(cluster_counter(cluster, "registrar/ok"), 1);
    assert_string_equal(cluster_last(cluster, 0, MSG_CHANGE_MASTER)->change_master->problem, "");
}

static void slow_registry_does_not_fill_the_memory(void **state)
{
    CLUSTER(NULL);
    uint64_t session;
    struct node framework;

    (void)state;
    cluster->is_store_slow = true;
    cluster->master->waiting_bytes += KEEP_WAITING_MAX;
    session = ask_to_register(cluster, "");
    assert_true(cluster_is_closed(cluster, session));
    assert_non_null(strstr(cluster->closed_reason, "too slow"));
    framework = cluster_subscribe(cluster, (struct framework_info){.name = "x"});
    assert_true(cluster_is_closed(cluster, framework.session));
    cluster->master->waiting_bytes -= KEEP_WAITING_MAX;
    ask_to_register(cluster, "");
    assert_int_not_equal(cluster->master->waiting_bytes, 0);
    cluster_answer_records(cluster);
    assert_int_equal(cluster->master->waiting_bytes, 0);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 1);
}

static void what_runs_goes_on_whatever_the_registry_does(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster->store_fails = FULL;
    ask_to_register(cluster, "");
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:24");
    cluster_status(cluster, agent, framework.id, "t1", TASK_RUNNING, 0);
    assert_update(cluster, framework, "t1", TASK_RUNNING, 0);
    cluster_acknowledge(cluster, framework, "t1");
    assert_int_equal(cluster_count(cluster, agent.session, MSG_ACKNOWLEDGE_UPDATE), 1);
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(KILL, kill, .task_id = "t1", .agent_id = agent.id));
    assert_int_equal(cluster_count(cluster, agent.session, MSG_KILL_TASK), 1);
    /* Both are known: they need no record to come back. */
    cluster_close(cluster, agent.session);
    agent = cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", NULL, 0);
    assert_non_null(cluster_last(cluster, agent.session, MSG_AGENT_REGISTERED));
    cluster_close(cluster, framework.session);
    framework =
        cluster_subscribe(cluster, (struct framework_info){.id = framework.id, .name = "test"});
    assert_non_null(cluster_last(cluster, framework.session, MSG_SUBSCRIBED));
}

static void what_has_happened_is_written_when_there_is_room(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    size_t tried;

    (void)state;
    cluster->store_fails = FULL;
    cluster_close(cluster, framework.session);
    tried = cluster_records_count(cluster, MSG_KEPT_FRAMEWORK);
    cluster_pass(cluster, 60 * SECOND);
    assert_in_range(cluster_records_count(cluster, MSG_KEPT_FRAMEWORK), tried + 3, tried + 8);
    cluster->store_fails = NULL;
    cluster_pass(cluster, 60 * SECOND);
    assert_int_not_equal(cluster_record(cluster, MSG_KEPT_FRAMEWORK)->kept_framework->deadline_us,
                         0);
    tried = cluster_records_count(cluster, MSG_KEPT_FRAMEWORK);
    cluster_pass(cluster, 600 * SECOND);
    assert_int_equal(cluster_records_count(cluster, MSG_KEPT_FRAMEWORK), tried);
}

static void operator_is_answered_when_his_call_is_kept(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    const struct message call =
        MESSAGE(OPERATOR_TEARDOWN, operator_teardown, .framework_id = framework.id);

    (void)state;
    cluster->store_fails = FULL;
    assert_int_equal(cluster_operator(cluster, call).code, 503);
    assert_non_null(strstr(cluster->reply.message, FULL));
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 1);
    cluster->store_fails = NULL;
    cluster->is_store_slow = true;
    assert_int_equal(cluster_operator(cluster, call).code, 0);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 1);
    cluster_answer_records(cluster);
    assert_int_equal(cluster->reply.code, 200);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 0);
}

/* What is known of a thing changes while a call about it is on its way: the older must not win. */
static void record_that_is_on_its_way_is_not_overwritten_by_an_older_one(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    const struct message call =
        MESSAGE(OPERATOR_TEARDOWN, operator_teardown, .framework_id = framework.id);

    (void)state;
    cluster->is_store_slow = true;
    cluster_operator(cluster, call);
    cluster_close(cluster, framework.session);
    cluster->is_store_slow = false;
    cluster_answer_records(cluster);
    assert_true(cluster_record(cluster, MSG_KEPT_FRAMEWORK)->kept_framework->removed);
}

/* --- agents that are lost ------------------------------------------------------- */

static void nobody_hears_that_an_agent_is_lost_before_the_registry_has_it(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:24");
    cluster_close(cluster, agent.session);
    cluster->is_store_slow = true;
    cluster_pass(cluster, 75 * SECOND);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->state, KEPT_UNREACHABLE);
    assert_null(cluster_last(cluster, framework.session, MSG_AGENT_LOST));
    assert_null(cluster_update(cluster, framework, "t1"));
    cluster_answer_records(cluster);
    assert_non_null(cluster_last(cluster, framework.session, MSG_AGENT_LOST));
    assert_update(cluster, framework, "t1", TASK_UNREACHABLE, REASON_AGENT_REMOVED);
}

static void agent_that_is_back_while_its_loss_is_written_is_not_lost(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_close(cluster, agent.session);
    cluster->is_store_slow = true;
    cluster_pass(cluster, 75 * SECOND);
    agent = cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", NULL, 0);
    assert_non_null(cluster_last(cluster, agent.session, MSG_AGENT_REGISTERED));
    cluster->is_store_slow = false;
    cluster_answer_records(cluster);
    assert_null(cluster_last(cluster, framework.session, MSG_AGENT_LOST));
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 1);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->state, KEPT_ADMITTED);
}

static void agent_is_not_lost_while_that_cannot_be_written(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_close(cluster, agent.session);
    cluster->store_fails = FULL;
    cluster_pass(cluster, 120 * SECOND);
    assert_null(cluster_last(cluster, framework.session, MSG_AGENT_LOST));
    assert_in_range(cluster_records_count(cluster, MSG_KEPT_AGENT), 5, 15);
    cluster->store_fails = NULL;
    cluster_pass(cluster, 10 * SECOND);
    assert_non_null(cluster_last(cluster, framework.session, MSG_AGENT_LOST));
}

static void lost_agent_is_admitted_again_with_its_record_and_its_tasks(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL), back;
    struct agent_task task;

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:24");
    cluster_close(cluster, agent.session);
    cluster_pass(cluster, 75 * SECOND);
    assert_update(cluster, framework, "t1", TASK_UNREACHABLE, REASON_AGENT_REMOVED);
    task = cluster_report(cluster, framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    cluster->is_store_slow = true;
    back = cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", &task, 1);
    assert_null(cluster_last(cluster, back.session, MSG_AGENT_REGISTERED));
    cluster_answer_records(cluster);
    assert_non_null(cluster_last(cluster, back.session, MSG_AGENT_REGISTERED));
    assert_update(cluster, framework, "t1", TASK_RUNNING, REASON_AGENT_REREGISTERED);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_AGENT)->kept_agent->state, KEPT_ADMITTED);
}

static void lost_agents_are_marked_at_a_bounded_rate(void **state)
{
    CLUSTER(&((struct master_settings){.agent_removal_count = 2,
                                       .agent_removal_per_ms = 20 * SECOND,
                                       .agent_removal_limit = 100}));
    struct node agents[6];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(agents); i++)
        agents[i] = cluster_agent(cluster, "cpus:1;mem:64");
    for (size_t i = 0; i < ARRAY_SIZE(agents); i++)
        cluster_close(cluster, agents[i].session);
    cluster_pass(cluster, 75 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 2);
    assert_int_equal(cluster_counter(cluster, "master/slave_removals_pending"), 4);
    cluster_pass(cluster, 10 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 3);
    cluster_agent_back(cluster, agents[3].id, "cpus:1;mem:64", NULL, 0);
    cluster_pass(cluster, 20 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 5);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 1);
}

static void many_that_are_away_at_once_are_not_lost(void **state)
{
    CLUSTER(&((struct master_settings){.agent_removal_limit = 50}));
    struct node agents[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(agents); i++)
        agents[i] = cluster_agent(cluster, "cpus:1;mem:64");
    for (size_t i = 0; i < 3; i++)
        cluster_close(cluster, agents[i].session);
    cluster_pass(cluster, 600 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 0);
    assert_int_equal(cluster_counter(cluster, "master/slave_removals_held"), 3);
    /* Half of them is not more than half. */
    cluster_agent_back(cluster, agents[0].id, "cpus:1;mem:64", NULL, 0);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 2);
    assert_int_equal(cluster_counter(cluster, "master/slave_removals_held"), 0);
}

static void one_agent_that_is_away_is_never_too_many(void **state)
{
    CLUSTER(&((struct master_settings){.agent_removal_limit = 1}));
    struct node agent = cluster_agent(cluster, "cpus:1;mem:64");

    (void)state;
    cluster_close(cluster, agent.session);
    cluster_pass(cluster, 75 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 1);
}

/* --- started again -------------------------------------------------------------- */

/* An agent with a task of a framework, and a second agent; the master is gone. */
struct scene {
    struct node agent, other, framework;
    struct agent_task task;
};

static struct scene scene_of(struct cluster *cluster, const struct master_settings *settings)
{
    struct scene scene = {.agent = cluster_agent(cluster, "cpus:4;mem:1024")};

    scene.framework = cluster_subscribe(
        cluster, (struct framework_info){.name = "x", .failover_timeout_ms = 3600 * SECOND});
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    scene.other = cluster_agent(cluster, "cpus:2;mem:512");
    scene.task = cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    cluster_restart(cluster, settings);
    cluster_forget(cluster);
    return scene;
}

static struct node subscribe_again(struct cluster *cluster, const struct scene *scene)
{
    return cluster_subscribe(
        cluster, (struct framework_info){
                     .id = scene->framework.id, .name = "x", .failover_timeout_ms = 3600 * SECOND});
}

static void agents_and_frameworks_are_known_and_come_back_by_themselves(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster, NULL);
    struct node framework, agent;

    (void)state;
    assert_int_equal(cluster_counter(cluster, "master/recovered_slaves"), 2);
    assert_int_equal(cluster_counter(cluster, "master/cpus_total"), 0);
    cluster->is_store_slow = true; /* it need not be asked */
    framework = subscribe_again(cluster, &scene);
    assert_string_equal(framework.id, scene.framework.id);
    agent = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &scene.task, 1);
    assert_string_equal(
        cluster_last(cluster, agent.session, MSG_AGENT_REGISTERED)->agent_registered->agent_id,
        scene.agent.id);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, framework)),
                        "cpus:3;mem:1000");
    assert_update(cluster, framework, "t1", TASK_RUNNING, REASON_AGENT_REREGISTERED);
    assert_int_equal(cluster_counter(cluster, "master/recovered_slaves"), 1);
}

static void agent_that_is_not_back_in_time_is_unreachable(void **state)
{
    CLUSTER(NULL);
    struct scene scene =
        scene_of(cluster, &(struct master_settings){.agent_reregister_ms = 30 * SECOND});
    struct node framework = subscribe_again(cluster, &scene);

    (void)state;
    cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &scene.task, 1);
    cluster_pass(cluster, 30 * SECOND - 1);
    assert_null(cluster_last(cluster, framework.session, MSG_AGENT_LOST));
    cluster_pass(cluster, 1);
    assert_string_equal(
        cluster_last(cluster, framework.session, MSG_AGENT_LOST)->agent_lost->agent_id,
        scene.other.id);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 1);
    cluster_restart(cluster, NULL);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 1);
    assert_int_equal(cluster_counter(cluster, "master/recovered_slaves"), 1);
}

/* Mesos' Master::reconcile, case by case. */
static void reconciliation_after_a_restart_says_nothing_too_early(void **state)
{
    CLUSTER(NULL);
    struct scene scene =
        scene_of(cluster, &(struct master_settings){.agent_reregister_ms = 30 * SECOND});
    struct node framework = subscribe_again(cluster, &scene);

    (void)state;
    cluster_reconcile(cluster, framework, "t1", scene.agent.id); /* it may still bring it */
    cluster_reconcile(cluster, framework, "t2", "");             /* any may */
    assert_null(cluster_update(cluster, framework, "t1"));
    assert_null(cluster_update(cluster, framework, "t2"));
    cluster_reconcile(cluster, framework, "t2", "nowhere"); /* the registry knows better */
    assert_update(cluster, framework, "t2", TASK_UNKNOWN, REASON_RECONCILIATION);
    cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &scene.task, 1);
    cluster_reconcile(cluster, framework, "t1", scene.agent.id);
    assert_update(cluster, framework, "t1", TASK_RUNNING, REASON_RECONCILIATION);
    cluster_reconcile(cluster, framework, "t3", scene.agent.id);
    assert_update(cluster, framework, "t3", TASK_GONE, REASON_RECONCILIATION);
    cluster_pass(cluster, 30 * SECOND);
    cluster_reconcile(cluster, framework, "t4", scene.other.id);
    assert_update(cluster, framework, "t4", TASK_UNREACHABLE, REASON_RECONCILIATION);
    cluster_reconcile(cluster, framework, "t5", "");
    assert_update(cluster, framework, "t5", TASK_UNKNOWN, REASON_RECONCILIATION);
}

/* As it comes from a store: absent texts are empty. */
static int recall(struct cluster *cluster, struct message record, struct err *err)
{
    record.body = message_copy_body(record.type, record.body, cluster->arena);
    return master_recall(cluster->master, &record, err);
}

static void agent_that_is_gone_is_told_to_shut_down(void **state)
{
    CLUSTER(NULL);
    const struct agent_info info = {.id = "OLD-S1", .hostname = "h"};
    uint64_t session;
    struct node framework;

    (void)state;
    assert_int_equal(recall(cluster,
                            MESSAGE(KEPT_AGENT, kept_agent, .agent = &info, .state = KEPT_GONE,
                                    .since_us = 1999 * (int64_t)US_PER_S),
                            NULL),
                     0);
    session = ask_to_register(cluster, "OLD-S1");
    assert_int_equal(cluster_count(cluster, session, MSG_SHUTDOWN_AGENT), 1);
    assert_int_equal(cluster_last(cluster, session, MSG_SHUTDOWN_AGENT)->epoch, CLUSTER_EPOCH);
    assert_true(cluster_is_closed(cluster, session));
    framework = cluster_framework(cluster, NULL);
    cluster_reconcile(cluster, framework, "t1", "OLD-S1");
    assert_update(cluster, framework, "t1", TASK_GONE_BY_OPERATOR, REASON_RECONCILIATION);
    assert_int_equal(cluster_counter(cluster, "master/slaves_gone"), 1);
    cluster_pass(cluster, (int64_t)15 * 24 * 3600 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/slaves_gone"), 0);
    assert_string_equal(cluster_record(cluster, MSG_DROP_AGENT)->drop_agent->agent_id, "OLD-S1");
}

static void framework_that_is_removed_stays_removed(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL), again;

    (void)state;
    cluster_framework_says(cluster, framework.session, MESSAGE(TEARDOWN, teardown, .reason = ""));
    cluster_restart(cluster, NULL);
    again = cluster_subscribe(cluster, (struct framework_info){.id = framework.id, .name = "x"});
    assert_string_equal(cluster_last(cluster, again.session, MSG_ERROR)->error->message,
                        "Framework has been removed");
}

static void time_to_come_back_goes_on_while_the_master_is_away(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_subscribe(
        cluster, (struct framework_info){.name = "x", .failover_timeout_ms = 1000 * SECOND});

    (void)state;
    cluster_close(cluster, framework.session);
    cluster_pass(cluster, 300 * SECOND);
    cluster_restart(cluster, NULL);
    cluster_pass(cluster, 700 * SECOND - 1);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 1);
    cluster_pass(cluster, 1);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 0);
    assert_true(cluster_record(cluster, MSG_KEPT_FRAMEWORK)->kept_framework->removed);
}

/* Nobody could come back while there was no master; and the clock may have been set wrong. */
static void framework_whose_time_ran_out_meanwhile_has_a_moment(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_subscribe(
        cluster, (struct framework_info){.name = "x", .failover_timeout_ms = 1000 * SECOND});

    (void)state;
    cluster_close(cluster, framework.session);
    cluster->now.wall_us += 1000000 * (int64_t)US_PER_S;
    cluster_restart(cluster, NULL);
    cluster_pass(cluster, 75 * SECOND - 1);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 1);
    cluster_pass(cluster, 1);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 0);
    cluster->now.wall_us -= 2000000 * (int64_t)US_PER_S;
}

static void task_of_a_framework_that_was_removed_counts_until_it_has_ended(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);
    struct agent_task task;

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:24");
    cluster_framework_says(cluster, framework.session, MESSAGE(TEARDOWN, teardown, .reason = ""));
    task = cluster_report(cluster, framework.id, "t1", "cpus:1;mem:24", TASK_KILLING);
    cluster_restart(cluster, NULL);
    agent = cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", &task, 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
    assert_int_equal(cluster_count(cluster, agent.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    cluster_status(cluster, agent, framework.id, "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_count(cluster, agent.session, MSG_ACKNOWLEDGE_UPDATE), 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
}

/* The registry may be an old copy, which does not have the removal. */
static void disowned_task_is_of_a_removed_framework(void **state)
{
    CLUSTER(NULL);
    struct agent_task task = cluster_report(cluster, "OLD-0", "t1", "cpus:1;mem:24", TASK_KILLING);
    struct node agent;

    (void)state;
    task.disowned = true;
    agent = cluster_agent_back(cluster, "OLD-S1", "cpus:4;mem:1024", &task, 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
    assert_true(cluster_record(cluster, MSG_KEPT_FRAMEWORK)->kept_framework->removed);
    cluster_status(cluster, agent, "OLD-0", "t1", TASK_KILLED, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
}

static void unreachable_agent_is_forgotten_on_disk_too(void **state)
{
    CLUSTER(&((struct master_settings){.agent_removed_keep_ms = 60 * SECOND}));
    struct node agent = cluster_agent(cluster, "cpus:1;mem:64");

    (void)state;
    cluster_close(cluster, agent.session);
    cluster_pass(cluster, 75 * SECOND);
    cluster_pass(cluster, 30 * SECOND);
    cluster_restart(cluster, &(struct master_settings){.agent_removed_keep_ms = 60 * SECOND});
    cluster_pass(cluster, 30 * SECOND - 1);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 1);
    cluster_pass(cluster, 1);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 0);
    assert_string_equal(cluster_record(cluster, MSG_DROP_AGENT)->drop_agent->agent_id, agent.id);
}

static void record_that_cannot_be_is_refused(void **state)
{
    CLUSTER(NULL);
    const struct agent_info info = {.id = "OLD-S1", .hostname = "h"}, none = {.hostname = "h"},
                            third = {.id = "OLD-S2", .hostname = "h"};
    struct err err;

    (void)state;
#define RECALL(agent_, state_)                                                                     \
    recall(cluster, MESSAGE(KEPT_AGENT, kept_agent, .agent = (agent_), .state = (state_)), &err)
    assert_int_equal(RECALL(&info, KEPT_ADMITTED), 0);
    assert_true(RECALL(&info, KEPT_ADMITTED) < 0);
    assert_non_null(strstr(err.text, "two records"));
    assert_true(RECALL(&none, KEPT_ADMITTED) < 0);
    assert_true(RECALL(&third, 99) < 0);
    assert_true(recall(cluster, MESSAGE(PING, ping, .number = 1), &err) < 0);
#undef RECALL
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_agent_is_answered_when_the_registry_has_it),
        cmocka_unit_test(agent_that_asks_again_while_it_waits_is_one_agent),
        cmocka_unit_test(new_agent_that_leaves_before_its_record_is_kept_is_forgotten),
        cmocka_unit_test(newer_session_of_an_agent_that_waits_is_the_one_that_counts),
        cmocka_unit_test(new_framework_is_subscribed_when_the_registry_has_it),
        cmocka_unit_test(framework_may_tear_itself_down_before_it_is_let_in),
        cmocka_unit_test(framework_that_changes_its_mind_while_it_waits_is_kept_as_it_is),
        cmocka_unit_test(full_disk_keeps_new_ones_out_until_there_is_room),
        cmocka_unit_test(slow_registry_does_not_fill_the_memory),
        cmocka_unit_test(what_runs_goes_on_whatever_the_registry_does),
        cmocka_unit_test(what_has_happened_is_written_when_there_is_room),
        cmocka_unit_test(operator_is_answered_when_his_call_is_kept),
        cmocka_unit_test(record_that_is_on_its_way_is_not_overwritten_by_an_older_one),
        cmocka_unit_test(nobody_hears_that_an_agent_is_lost_before_the_registry_has_it),
        cmocka_unit_test(agent_that_is_back_while_its_loss_is_written_is_not_lost),
        cmocka_unit_test(agent_is_not_lost_while_that_cannot_be_written),
        cmocka_unit_test(lost_agent_is_admitted_again_with_its_record_and_its_tasks),
        cmocka_unit_test(lost_agents_are_marked_at_a_bounded_rate),
        cmocka_unit_test(many_that_are_away_at_once_are_not_lost),
        cmocka_unit_test(one_agent_that_is_away_is_never_too_many),
        cmocka_unit_test(agents_and_frameworks_are_known_and_come_back_by_themselves),
        cmocka_unit_test(agent_that_is_not_back_in_time_is_unreachable),
        cmocka_unit_test(reconciliation_after_a_restart_says_nothing_too_early),
        cmocka_unit_test(agent_that_is_gone_is_told_to_shut_down),
        cmocka_unit_test(framework_that_is_removed_stays_removed),
        cmocka_unit_test(time_to_come_back_goes_on_while_the_master_is_away),
        cmocka_unit_test(framework_whose_time_ran_out_meanwhile_has_a_moment),
        cmocka_unit_test(task_of_a_framework_that_was_removed_counts_until_it_has_ended),
        cmocka_unit_test(disowned_task_is_of_a_removed_framework),
        cmocka_unit_test(unreachable_agent_is_forgotten_on_disk_too),
        cmocka_unit_test(record_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
