/* tests/unit/test_master_register.c - agents come, come back, and bring what runs on them. */
#include "tests/unit/master_fixture.h"

#include <string.h>

static void agent_gets_an_id_of_the_master(void **state)
{
    CLUSTER(NULL);
    struct node first = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node second = cluster_agent(cluster, "cpus:4;mem:1024");

    (void)state;
    assert_string_equal(first.id, "M-S0");
    assert_string_equal(second.id, "M-S1");
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 2);
    assert_int_equal(cluster_counter(cluster, "master/slave_registrations"), 2);
    assert_int_equal(cluster_counter(cluster, "master/cpus_total"), 8);
    assert_true(cluster_last(cluster, 0, MSG_CHANGE_AGENT)->change_agent->connected);
}

static void repeated_registration_is_answered_again(void **state)
{
    CLUSTER(NULL);
    struct agent_info info = {.hostname = "h"};
    struct node framework = cluster_framework(cluster, NULL);
    uint64_t session = cluster_session(cluster);

    (void)state;
    info.resources = cluster_resources(cluster, "cpus:4;mem:1024", &info.resources_count);
    cluster_agent_says(cluster, session, MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:32");
    /* Sent before the agent saw the answer: that it does not list the task means nothing. */
    cluster_agent_says(cluster, session, MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    assert_int_equal(cluster_count(cluster, session, MSG_AGENT_REGISTERED), 2);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 1);
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 1);
    assert_null(cluster_update(cluster, framework, "t1"));
}

static void agent_that_speaks_before_registering_is_closed(void **state)
{
    CLUSTER(NULL);
    uint64_t session = cluster_session(cluster);

    (void)state;
    cluster_agent_says(cluster, session, MESSAGE(UNREGISTER, unregister, .reason = "hi"));
    assert_true(cluster_is_closed(cluster, session));
}

static void newer_session_of_an_agent_closes_the_older(void **state)
{
    CLUSTER(NULL);
    struct node old = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node new = cluster_agent_back(cluster, old.id, "cpus:4;mem:1024", NULL, 0);

    (void)state;
    assert_true(cluster_is_closed(cluster, old.session));
    assert_false(cluster_is_closed(cluster, new.session));
    assert_string_equal(
        cluster_last(cluster, new.session, MSG_AGENT_REGISTERED)->agent_registered->agent_id,
        old.id);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 1);
    assert_int_equal(cluster_counter(cluster, "master/slave_reregistrations"), 1);
}

static struct node comes_from(struct cluster *cluster, const char *id, struct agent_info info)
{
    struct node agent = {cluster_session(cluster), id};

    info.id = id;
    info.resources = cluster_resources(cluster, "cpus:4;mem:1024", &info.resources_count);
    cluster_agent_says(cluster, agent.session,
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    return agent;
}

/* Of the one agent that the master has. */
static const char *place(const struct cluster *cluster)
{
    return cluster_last(cluster, 0, MSG_CHANGE_AGENT)->change_agent->agent->address;
}

#define ON_A(port)                                                                                 \
    (struct agent_info)                                                                            \
    {                                                                                              \
        .hostname = "a", .boot_id = "1", .address = "10.0.0.1:" port                               \
    }
#define ON_B                                                                                       \
    (struct agent_info)                                                                            \
    {                                                                                              \
        .hostname = "b", .boot_id = "2", .address = "10.0.0.2:1"                                   \
    }

static void copy_on_another_host_waits_until_the_first_is_away(void **state)
{
    CLUSTER(NULL);
    struct node first = comes_from(cluster, "OLD-S0", ON_A("1"));
    struct node copy = comes_from(cluster, "OLD-S0", ON_B);

    (void)state;
    assert_true(cluster_is_closed(cluster, copy.session));
    assert_non_null(strstr(cluster->closed_reason, "connected from a (10.0.0.1:1)"));
    assert_false(cluster_is_closed(cluster, first.session));
    assert_string_equal(place(cluster), "10.0.0.1:1");
    cluster_close(cluster, first.session);
    copy = comes_from(cluster, "OLD-S0", ON_B);
    assert_false(cluster_is_closed(cluster, copy.session));
    assert_string_equal(place(cluster), "10.0.0.2:1");
}

static void host_that_was_started_anew_does_not_wait(void **state)
{
    CLUSTER(NULL);
    struct agent_info anew = ON_A("7");
    struct node first = comes_from(cluster, "OLD-S0", ON_A("1")), second;

    (void)state;
    anew.boot_id = "2";
    second = comes_from(cluster, "OLD-S0", anew);
    assert_true(cluster_is_closed(cluster, first.session));
    assert_false(cluster_is_closed(cluster, second.session));
}

static void two_that_drive_each_other_out_come_to_rest(void **state)
{
    CLUSTER(NULL);
    struct node agent = {0};

    (void)state;
    for (int i = 0; i < 6; i++) {
        agent = comes_from(cluster, "OLD-S0", i % 2 ? ON_A("2") : ON_A("1"));
        assert_false(cluster_is_closed(cluster, agent.session));
        cluster_pass(cluster, SECOND);
    }
    for (int i = 0; i < 5; i++) {
        struct node other = comes_from(cluster, "OLD-S0", ON_A("1"));

        assert_true(cluster_is_closed(cluster, other.session));
        assert_non_null(strstr(cluster->closed_reason, "10.0.0.1:2"));
        assert_false(cluster_is_closed(cluster, agent.session));
        cluster_pass(cluster, 20 * SECOND);
    }
    assert_string_equal(place(cluster), "10.0.0.1:2");
    cluster_close(cluster, agent.session);
    agent = comes_from(cluster, "OLD-S0", ON_A("1"));
    assert_false(cluster_is_closed(cluster, agent.session));
}

static void one_that_moves_now_and_then_is_let_in(void **state)
{
    CLUSTER(NULL);

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct node agent = comes_from(cluster, "OLD-S0", i % 2 ? ON_A("2") : ON_A("1"));

        assert_false(cluster_is_closed(cluster, agent.session));
        cluster_pass(cluster, 61 * SECOND);
    }
}

/* Found by the simulator, seed 1320: what an agent said before it was killed came after the next one
 * had registered and told how the task ended. */
static void registration_that_a_newer_session_has_overtaken_is_not_heard(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024"), newer;
    struct node framework = cluster_framework(cluster, NULL);
    const struct agent_task task =
        cluster_report(cluster, framework.id, "t1", "cpus:1;mem:64", TASK_RUNNING);
    struct node first = {cluster_session(cluster), agent.id};
    struct node second = {cluster_session(cluster), agent.id};

    (void)state;
    newer = cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", NULL, 0);
    cluster_agent_registers(cluster, first, "cpus:4;mem:1024", &task, 1);
    assert_true(cluster_is_closed(cluster, first.session));
    assert_false(cluster_is_closed(cluster, newer.session));
    assert_null(cluster_update(cluster, framework, "t1"));
    cluster_close(cluster, newer.session);
    cluster_agent_registers(cluster, second, "cpus:4;mem:1024", &task, 1);
    assert_true(cluster_is_closed(cluster, second.session));
    assert_null(cluster_update(cluster, framework, "t1"));
}

static void agent_of_an_earlier_master_is_readmitted_with_its_tasks(void **state)
{
    CLUSTER(NULL);
    struct agent_task tasks[] = {
        cluster_report(cluster, "OLD-0007", "t1", "cpus:1;mem:64", TASK_RUNNING),
        cluster_report(cluster, "OLD-0007", "t2", "cpus:1;mem:64", TASK_FINISHED),
    };
    struct node agent = cluster_agent_back(cluster, "OLD-S3", "cpus:4;mem:1024", tasks, 2);
    const struct message *change = cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK);
    struct node framework;

    (void)state;
    assert_string_equal(
        cluster_last(cluster, agent.session, MSG_AGENT_REGISTERED)->agent_registered->agent_id,
        "OLD-S3");
    assert_true(change->change_framework->recovered);
    assert_false(change->change_framework->active);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
    framework =
        cluster_subscribe(cluster, (struct framework_info){.id = "OLD-0007", .name = "old"});
    assert_string_equal(framework.id, "OLD-0007");
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, framework)),
                        "cpus:3;mem:960");
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(RECONCILE, reconcile, .tasks = NULL));
    assert_update(cluster, framework, "t1", TASK_RUNNING, REASON_RECONCILIATION);
}

static void ids_of_an_earlier_life_are_not_given_again(void **state)
{
    CLUSTER(NULL);
    struct node agent, framework;

    (void)state;
    cluster_agent_back(cluster, "M-S0", "cpus:4;mem:1024", NULL, 0);
    agent = cluster_agent(cluster, "cpus:4;mem:1024");
    assert_string_equal(agent.id, "M-S1");
    cluster_subscribe(cluster, (struct framework_info){.id = "M-0000", .name = "old"});
    framework = cluster_framework(cluster, NULL);
    assert_string_equal(framework.id, "M-0001");
}

static void task_that_never_reached_its_agent_is_dropped(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:64");
    cluster_close(cluster, agent.session);
    cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", NULL, 0);
    assert_update(cluster, framework, "t1", TASK_DROPPED, REASON_RECONCILIATION);
    assert_int_equal(cluster_update(cluster, framework, "t1")->uuid.size, 0);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, framework)),
                        "cpus:4;mem:1024");
}

static void task_that_an_agent_lost_is_gone(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:64");
    cluster_status(cluster, agent, framework.id, "t1", TASK_RUNNING, 0);
    cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", NULL, 0);
    assert_update(cluster, framework, "t1", TASK_GONE, REASON_RECONCILIATION);
    assert_int_equal(cluster_counter(cluster, "master/tasks_gone"), 1);
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
}

static void task_that_ended_while_its_agent_was_away_frees_its_resources(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);
    struct agent_task task;

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:64");
    cluster_close(cluster, agent.session);
    task = cluster_report(cluster, framework.id, "t1", "cpus:1;mem:64", TASK_FINISHED);
    agent.session = cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", &task, 1).session;
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
    /* How it ended comes with the agent's own update, to be acknowledged. */
    assert_null(cluster_update(cluster, framework, "t1"));
    cluster_status(cluster, agent, framework.id, "t1", TASK_FINISHED, TASK_FINISHED);
    cluster_acknowledge(cluster, framework, "t1");
    assert_int_equal(cluster_count(cluster, agent.session, MSG_ACKNOWLEDGE_UPDATE), 1);
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
}

static void acknowledged_task_is_forgotten_when_the_agent_says_so(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);
    struct agent_task task;

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:64");
    cluster_status(cluster, agent, framework.id, "t1", TASK_FINISHED, 0);
    task = cluster_report(cluster, framework.id, "t1", "cpus:1;mem:64", TASK_FINISHED);
    task.acknowledged = true;
    cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", &task, 1);
    assert_non_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_REMOVED));
    assert_int_equal(cluster_updates_count(cluster, framework, "t1"), 1);
}

static void agent_whose_tasks_hold_more_than_it_has_is_refused(void **state)
{
    CLUSTER(NULL);
    struct agent_task task =
        cluster_report(cluster, "OLD-0000", "t1", "cpus:8;mem:64", TASK_RUNNING);
    struct node agent = cluster_agent_back(cluster, "OLD-S0", "cpus:4;mem:1024", &task, 1);

    (void)state;
    assert_true(cluster_is_closed(cluster, agent.session));
    assert_non_null(strstr(cluster->closed_reason, "4 cpus"));
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 0);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 0);
}

static void agent_with_fewer_resources_than_before_is_offered_what_it_has(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_agent_back(cluster, agent.id, "cpus:2;mem:512", NULL, 0);
    assert_int_equal(cluster_count(cluster, framework.session, MSG_RESCIND), 1);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, framework)),
                        "cpus:2;mem:512");
    assert_int_equal(cluster_counter(cluster, "master/cpus_total"), 2);
}

static void agent_that_obeyed_a_newer_master_is_refused(void **state)
{
    CLUSTER(NULL);
    const struct agent_info info = {.hostname = "h"};
    uint64_t session = cluster_session(cluster);

    (void)state;
    cluster_agent_says(
        cluster, session,
        MESSAGE(REGISTER_AGENT, register_agent, .agent = &info, .last_epoch = CLUSTER_EPOCH + 4));
    assert_true(cluster_is_closed(cluster, session));
    assert_non_null(strstr(cluster->closed_reason, "registry is an old copy"));
    /* It is there to its end. */
    assert_non_null(strstr(cluster->closed_reason, "start it with --epoch-at-least 8"));
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 0);
}

/* Two masters that began with copies of one registry. */
static void agent_that_obeyed_another_master_of_this_epoch_is_refused(void **state)
{
    CLUSTER(NULL);
    const struct agent_info info = {.hostname = "h"};
    uint64_t session = cluster_session(cluster), same = cluster_session(cluster);

    (void)state;
    cluster_agent_says(cluster, session,
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info,
                               .last_epoch = CLUSTER_EPOCH, .last_master_id = "other"));
    assert_true(cluster_is_closed(cluster, session));
    assert_non_null(strstr(cluster->closed_reason, "start the other with --epoch-at-least 4"));
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 0);
    cluster_agent_says(cluster, same,
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info,
                               .last_epoch = CLUSTER_EPOCH, .last_master_id = CLUSTER_MASTER));
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 1);
}

/* --- in parts ---------------------------------------------------------------------------------- */

static void says_part(struct cluster *cluster, struct node agent, const struct agent_task *task)
{
    cluster_agent_says(cluster, agent.session,
                       MESSAGE(REGISTER_TASKS, register_tasks, .tasks = task, .tasks_count = 1));
}

static void what_is_said_before_the_registration_is_part_of_it(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL), agent;
    struct agent_task reports[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        reports[i] = cluster_report(cluster, framework.id, arena_printf(cluster->arena, "t%d", i),
                                    "cpus:1;mem:100", TASK_RUNNING);
    agent = (struct node){.session = cluster_session(cluster), .id = "other-S0"};
    says_part(cluster, agent, &reports[0]);
    says_part(cluster, agent, &reports[1]);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 0);
    cluster_agent_registers(cluster, agent, "cpus:4;mem:400", &reports[2], 1);
    assert_non_null(cluster_last(cluster, agent.session, MSG_AGENT_REGISTERED));
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 3);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, framework)),
                        "cpus:1;mem:100");
    /* It has not heard the answer. */
    for (int i = 0; i < 2; i++)
        says_part(cluster, agent, &reports[i]);
    cluster_agent_registers(cluster, agent, "cpus:4;mem:400", &reports[2], 1);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 3);
}

static void parts_are_checked_as_a_whole(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    struct node agent = {.session = cluster_session(cluster), .id = "other-S0"};
    struct agent_task reports[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        reports[i] = cluster_report(cluster, framework.id, arena_printf(cluster->arena, "t%d", i),
                                    "cpus:3;mem:100", TASK_RUNNING);
    says_part(cluster, agent, &reports[0]);
    cluster_agent_registers(cluster, agent, "cpus:4;mem:400", &reports[1], 1);
    assert_true(cluster_is_closed(cluster, agent.session));
    assert_non_null(strstr(cluster->closed_reason, "its tasks hold more than it has, by 2 cpus"));
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 0);
}

/* What was said in a session that is over, or before something else, is no part of what comes later. */
static void parts_end_with_their_session(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    struct node agent = {.session = cluster_session(cluster), .id = "other-S0"};
    struct agent_task report = cluster_report(cluster, framework.id, "t0", "cpus:1", TASK_RUNNING);

    (void)state;
    says_part(cluster, agent, &report);
    cluster_close(cluster, agent.session);
    agent.session = cluster_session(cluster);
    cluster_agent_registers(cluster, agent, "cpus:4;mem:400", NULL, 0);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 0);
    agent = (struct node){.session = cluster_session(cluster), .id = "other-S1"};
    says_part(cluster, agent, &report);
    cluster_agent_says(cluster, agent.session, MESSAGE(UNREGISTER, unregister, .reason = ""));
    assert_true(cluster_is_closed(cluster, agent.session));
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 0);
}

/* Nor are they gathered without end. */
static void parts_beyond_all_bounds_are_refused(void **state)
{
    CLUSTER(NULL);
    struct node agent = {.session = cluster_session(cluster), .id = "other-S0"};
    struct agent_task report = cluster_report(cluster, "F", "t0", "cpus:1", TASK_RUNNING);
    struct task_info task = *report.task;
    char *text = arena_alloc(cluster->arena, 131073);
    const char *arguments[24];
    struct command_info command = {.value = "", .argv = arguments, .argv_count = 24};

    (void)state;
    memset(text, 'x', 131072);
    text[131072] = '\0';
    for (size_t i = 0; i < 24; i++)
        arguments[i] = text;
    task.command = &command;
    report.task = &task;
    for (int i = 0; i < 100 && !cluster_is_closed(cluster, agent.session); i++)
        says_part(cluster, agent, &report);
    assert_true(cluster_is_closed(cluster, agent.session));
    assert_non_null(strstr(cluster->closed_reason, "not now"));
    /* Nothing is left of them. */
    agent = (struct node){.session = cluster_session(cluster), .id = "other-S1"};
    says_part(cluster, agent, &report);
    assert_false(cluster_is_closed(cluster, agent.session));
}

static void message_of_another_epoch_is_dropped(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct message message = MESSAGE(UNREGISTER, unregister, .reason = "old");

    (void)state;
    message.epoch = CLUSTER_EPOCH - 1;
    cluster_agent_says(cluster, agent.session, message);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 1);
    assert_int_equal(cluster_counter(cluster, "master/dropped_messages/other_epoch"), 1);
}

static void task_that_two_agents_claim_stays_with_the_first(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);
    struct agent_task task;
    struct node other;

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:64");
    task = cluster_report(cluster, framework.id, "t1", "cpus:1;mem:64", TASK_RUNNING);
    other = cluster_agent_back(cluster, "", "cpus:4;mem:1024", &task, 1);
    assert_int_equal(cluster_count(cluster, other.session, MSG_KILL_TASK), 1);
    assert_int_equal(cluster_count(cluster, agent.session, MSG_KILL_TASK), 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
}

#define HELD "exited with status 0; that counts when its group uses what it was granted no more"

static const struct container_info held_container = {.container_id = "c", .sandbox = "/s"};
static const struct task_status held_status = {.task_id = "t1",
                                               .state = TASK_RUNNING,
                                               .source = SOURCE_AGENT,
                                               .message = HELD,
                                               .timestamp_us = 7,
                                               .container = &held_container,
                                               .health = HEALTH_UNHEALTHY};

/* Its update was acknowledged when another master ruled: it is not told by that again. */
static void what_an_agent_says_of_its_task_is_shown_by_a_new_master(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    struct agent_task task =
        cluster_report(cluster, framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    const struct task_status *shown, *told;

    (void)state;
    task.status = &held_status;
    cluster_agent_back(cluster, "OLD-S0", "cpus:4;mem:1024", &task, 1);
    shown = cluster_last(cluster, 0, MSG_CHANGE_TASK)->change_task->status;
    assert_string_equal(shown->message, HELD);
    assert_int_equal(shown->timestamp_us, 7);
    assert_int_equal(shown->source, SOURCE_AGENT);
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_TASK_STATUS));
    assert_update(cluster, framework, "t1", TASK_RUNNING, REASON_AGENT_REREGISTERED);
    told = cluster_update(cluster, framework, "t1");
    assert_string_equal(told->message, HELD);
    assert_string_equal(told->container->sandbox, "/s");
    assert_int_equal(told->uuid.size, 0);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
}

static void so_is_what_it_says_when_it_was_unreachable(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);
    struct agent_task task =
        cluster_report(cluster, framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    const struct task_status *shown;

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:24");
    cluster_close(cluster, agent.session);
    cluster_pass(cluster, 3600 * SECOND);
    task.status = &held_status;
    cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", &task, 1);
    assert_update(cluster, framework, "t1", TASK_RUNNING, REASON_AGENT_REREGISTERED);
    shown = cluster_last(cluster, 0, MSG_CHANGE_TASK_STATUS)->change_task_status->status;
    assert_int_equal(shown->reason, REASON_AGENT_REREGISTERED);
    assert_string_equal(shown->message, HELD);
    assert_string_equal(shown->container->sandbox, "/s");
    assert_int_equal(shown->health, HEALTH_UNHEALTHY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agent_gets_an_id_of_the_master),
        cmocka_unit_test(repeated_registration_is_answered_again),
        cmocka_unit_test(agent_that_speaks_before_registering_is_closed),
        cmocka_unit_test(newer_session_of_an_agent_closes_the_older),
        cmocka_unit_test(copy_on_another_host_waits_until_the_first_is_away),
        cmocka_unit_test(host_that_was_started_anew_does_not_wait),
        cmocka_unit_test(two_that_drive_each_other_out_come_to_rest),
        cmocka_unit_test(one_that_moves_now_and_then_is_let_in),
        cmocka_unit_test(registration_that_a_newer_session_has_overtaken_is_not_heard),
        cmocka_unit_test(agent_of_an_earlier_master_is_readmitted_with_its_tasks),
        cmocka_unit_test(ids_of_an_earlier_life_are_not_given_again),
        cmocka_unit_test(task_that_never_reached_its_agent_is_dropped),
        cmocka_unit_test(task_that_an_agent_lost_is_gone),
        cmocka_unit_test(task_that_ended_while_its_agent_was_away_frees_its_resources),
        cmocka_unit_test(acknowledged_task_is_forgotten_when_the_agent_says_so),
        cmocka_unit_test(agent_whose_tasks_hold_more_than_it_has_is_refused),
        cmocka_unit_test(agent_with_fewer_resources_than_before_is_offered_what_it_has),
        cmocka_unit_test(agent_that_obeyed_a_newer_master_is_refused),
        cmocka_unit_test(agent_that_obeyed_another_master_of_this_epoch_is_refused),
        cmocka_unit_test(what_is_said_before_the_registration_is_part_of_it),
        cmocka_unit_test(parts_are_checked_as_a_whole),
        cmocka_unit_test(parts_end_with_their_session),
        cmocka_unit_test(parts_beyond_all_bounds_are_refused),
        cmocka_unit_test(message_of_another_epoch_is_dropped),
        cmocka_unit_test(task_that_two_agents_claim_stays_with_the_first),
        cmocka_unit_test(what_an_agent_says_of_its_task_is_shown_by_a_new_master),
        cmocka_unit_test(so_is_what_it_says_when_it_was_unreachable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
