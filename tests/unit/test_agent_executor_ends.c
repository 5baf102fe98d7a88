/* The agent's core and executors: messages, ends, and another life of the agent. */
#include "tests/unit/executor_scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- messages ------------------------------------------------------------------------------------ */

static void say_to(struct world *world, const char *task_id)
{
    world_say(world, MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .framework_id = FRAMEWORK,
                             .agent_id = AGENT, .task_id = task_id, .data = {"hi", 2}));
}

static void messages_go_both_ways(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    say_to(world, E1);
    say_to(world, "t1");
    assert_int_equal(record_count(&world->told, MSG_MESSAGE_TO_EXECUTOR), 2);
    world_run(world, "plain");
    say_to(world, "plain");
    say_to(world, "nobody");
    world->executor_is_slow = true;
    say_to(world, E1);
    assert_int_equal(record_count(&world->told, MSG_MESSAGE_TO_EXECUTOR), 2);
    assert_int_equal(world_counter(world, "slave/dropped_framework_messages"), 3);
    world_executor_says(world, LINK,
                        MESSAGE(MESSAGE_TO_FRAMEWORK, message_to_framework,
                                .framework_id = "another", .task_id = "plain", .data = {"yo", 2}));
    assert_string_equal(
        record_last(&world->sent, MSG_MESSAGE_TO_FRAMEWORK)->message_to_framework->framework_id,
        FRAMEWORK);
    assert_string_equal(
        record_last(&world->sent, MSG_MESSAGE_TO_FRAMEWORK)->message_to_framework->task_id, E1);
}

/* --- ends ---------------------------------------------------------------------------------------- */

static void kill_of_a_task_is_its_executors(void **state)
{
    WORLD *world = executor_begins_with_task();
    const struct msg_executor_kill *kill;

    (void)state;
    executor_says(world, "t1", TASK_RUNNING, 1);
    world_acknowledge(world, "t1");
    world_kill_grace(world, "t1", 900);
    kill = record_last(&world->told, MSG_EXECUTOR_KILL)->executor_kill;
    assert_string_equal(kill->run_id, run_of(world, "t1"));
    assert_int_equal(kill->grace_ms, 900);
    assert_int_equal(record_count(&world->orders, MSG_SIGNAL_CONTAINER), 0);
    world_kill_grace(world, "t1", 1000);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_KILL), 1);
    world_kill_grace(world, "t1", 100);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_KILL), 2);
    executor_says(world, "t1", TASK_RUNNING, 2); /* said before it heard */
    world_acknowledge(world, "t1");
    executor_says(world, "t1", TASK_KILLED, 3);
    assert_state(world, "t1", TASK_KILLED);
    assert_state(world, E1, TASK_RUNNING);
}

static void task_that_finishes_in_the_face_of_a_kill_has_finished(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    world_kill(world, "t1");
    world_acknowledge(world, "t1");
    executor_says(world, "t1", TASK_FINISHED, 1);
    assert_state(world, "t1", TASK_FINISHED);
}

static void task_that_waits_is_killed_at_once(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    run_inside(world, "t1");
    world_kill(world, "t1");
    assert_state(world, "t1", TASK_KILLED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_TASK_KILLED_DURING_LAUNCH);
    world_limits_set(world, "");
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
}

static void kill_of_an_executor_asks_it_first(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    executor_says(world, "t1", TASK_RUNNING, 1);
    world_acknowledge(world, "t1");
    world_kill(world, E1);
    assert_int_equal(record_last(&world->told, MSG_EXECUTOR_SHUTDOWN)->executor_shutdown->grace_ms,
                     5000);
    assert_int_equal(world_signals(world, E1, false), 0);
    assert_state(world, E1, TASK_KILLING);
    assert_state(world, "t1", TASK_KILLING);
    assert_null(record_last(&world->told, MSG_EXECUTOR_KILL));
    world_acknowledge(world, "t1");
    world_pass(world, 4900);
    assert_int_equal(world_signals(world, E1, true), 0);
    world_pass(world, 200);
    assert_int_equal(world_signals(world, E1, true), 1);
    world_exited(world, E1,
                 (struct msg_container_exited){.exit = &(struct exit_info){.signal = 9}});
    assert_state(world, "t1", TASK_KILLED);
    world_acknowledge(world, E1);
    assert_state(world, E1, TASK_KILLED);
}

/* A next agent that does not know of it would launch into it what ends with it. */
static void executor_hears_of_its_end_when_that_is_written_down(void **state)
{
    static const bool is_there[] = {true, false};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(is_there); i++) {
        WORLD *world = executor_begins();

        if (!is_there[i])
            world_executor_lost(world, LINK);
        world->turn_goes_on = true;
        world_kill(world, E1);
        assert_null(record_last(&world->told, MSG_EXECUTOR_SHUTDOWN));
        assert_int_equal(world_signals(world, E1, false), 0);
        world->turn_goes_on = false;
        world_commit(world);
        assert_int_equal(record_count(&world->told, MSG_EXECUTOR_SHUTDOWN), is_there[i]);
        assert_int_equal(world_signals(world, E1, false), !is_there[i]);
        world_commit(world);
        world_pass(world, 6000);
        assert_int_equal(record_count(&world->told, MSG_EXECUTOR_SHUTDOWN), is_there[i]);
        assert_int_equal(world_signals(world, E1, false), !is_there[i]);
        assert_int_equal(world_signals(world, E1, true), 1);
    }
}

static void executor_that_comes_before_its_end_is_written_down_hears_of_it_once(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    world_executor_lost(world, LINK);
    world->turn_goes_on = true;
    world_kill(world, E1);
    executor_greets(world, LINK + 1);
    executor_subscribes_with(world, LINK + 1, NULL, 0);
    assert_null(record_last(&world->told, MSG_EXECUTOR_SHUTDOWN));
    world->turn_goes_on = false;
    world_commit(world);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_SHUTDOWN), 1);
    assert_int_equal(world_signals(world, E1, false), 0);
}

static void executor_is_ended_by_force_when_that_is_written_down(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    world->turn_goes_on = true;
    world_kill_grace(world, E1, 0);
    assert_int_equal(world_signals(world, E1, true), 0);
    world->turn_goes_on = false;
    world_commit(world);
    assert_int_equal(world_signals(world, E1, true), 1);
    assert_null(record_last(&world->told, MSG_EXECUTOR_SHUTDOWN));
}

static void full_disk_keeps_no_executor_alive(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    world->disk_is_full = true;
    world_kill(world, E1);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_SHUTDOWN), 1);
    world_pass(world, 6000);
    assert_int_equal(world_signals(world, E1, true), 1);
    world->disk_is_full = false;
    world_commit(world);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_SHUTDOWN), 1);
    assert_int_equal(world_signals(world, E1, true), 1);
}

/* Nothing has happened to it, so it may take more. */
static void executor_whose_end_was_not_written_down_goes_on(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    world->turn_goes_on = true;
    world_kill(world, E1);
    assert_null(record_last(&world->told, MSG_EXECUTOR_SHUTDOWN));
    world->turn_goes_on = false;
    world_reborn(world);
    executor_subscribes(world, LINK);
    assert_null(record_last(&world->told, MSG_EXECUTOR_SHUTDOWN));
    world_limits_set(world, "");
    run_inside(world, "t1");
    world_limits_set(world, "");
    assert_non_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
}

static void executor_that_is_not_there_gets_a_signal(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    world_executor_lost(world, LINK);
    world_kill(world, E1);
    assert_int_equal(world_signals(world, E1, false), 1);
}

static void tasks_end_with_their_executor(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    executor_says(world, "t1", TASK_RUNNING, 1);
    world_acknowledge(world, "t1");
    run_inside(world, "t2");
    world_exited_code(world, E1, 3);
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_EXECUTOR_TERMINATED);
    assert_string_equal(world_update(world, "t1")->status->message,
                        "its executor pool: exited with status 3");
    assert_state(world, "t2", TASK_DROPPED);
    assert_state(world, E1, TASK_FAILED);
    world_acknowledge(world, E1);
    world_acknowledge(world, "t1");
    world_acknowledge(world, "t2");
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, ""), 0);
}

static void limit_that_ends_an_executor_ends_its_tasks(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    world_exited(world, E1,
                 (struct msg_container_exited){.limitation = REASON_CONTAINER_LIMITATION_MEMORY,
                                               .message = "64 MiB",
                                               .exit = &(struct exit_info){.signal = 9}});
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_CONTAINER_LIMITATION_MEMORY);
}

static void drain_ends_both_and_tells_each_once(void **state)
{
    WORLD *world = executor_begins_with_task();
    const struct drain_info drain = {.since_us = 1};

    (void)state;
    world_say(world, MESSAGE(KILL_TASK, kill_task, .framework_id = FRAMEWORK, .task_id = "t1",
                             .drain = &drain));
    world_say(world, MESSAGE(KILL_TASK, kill_task, .framework_id = FRAMEWORK, .task_id = E1,
                             .drain = &drain));
    world_exited_code(world, E1, 0);
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_KILLED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_AGENT_DRAINING);
    assert_int_equal(world_updates_count(world, "t1"), 2);
}

static void framework_that_is_removed_takes_both_along(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    run_inside(world, "t2");
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    world_exited_code(world, E1, 0);
    world_acknowledge(world, "t1");
    world_acknowledge(world, E1);
    assert_state(world, "t1", TASK_KILLED);
    assert_state(world, "t2", TASK_KILLED);
    world_acknowledge(world, "t1");
    world_acknowledge(world, "t2");
    world_acknowledge(world, E1);
    assert_int_equal(world_stored(world, MSG_KEEP_FRAMEWORK, ""), 0);
}

static void agent_that_leaves_ends_executors_and_their_tasks(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    world_stop(world, 1000, "SIGTERM");
    assert_non_null(record_last(&world->told, MSG_EXECUTOR_SHUTDOWN));
    world_exited_code(world, E1, 0);
    world_acknowledge(world, "t1");
    world_acknowledge(world, E1);
    world_acknowledge(world, "t1");
    assert_false(world->is_stopped);
    world_acknowledge(world, E1);
    assert_true(world->is_stopped);
}

/* --- another life of the agent ------------------------------------------------------------------- */

/* With what it has: t1, and perhaps more. */
static void come_back(struct world *world, const char *const *runs, size_t count)
{
    executor_greets(world, LINK);
    executor_subscribes_with(world, LINK, runs, count);
}

static void executor_comes_back_to_a_new_agent(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    executor_says(world, "t1", TASK_RUNNING, 1);
    world_acknowledge(world, "t1");
    world_reborn(world);
    come_back(world, &run, 1);
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    world_pass(world, 60000);
    assert_int_equal(world_signals(world, E1, true), 0);
    executor_says(world, "t1", TASK_FINISHED, 2);
    assert_state(world, "t1", TASK_FINISHED);
}

static void executor_that_does_not_come_back_is_ended(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    executor_says(world, "t1", TASK_RUNNING, 1);
    world_reborn(world);
    world_pass(world, 14000);
    assert_int_equal(world_signals(world, E1, true), 0);
    world_pass(world, 2000);
    assert_int_equal(world_signals(world, E1, true), 1);
    world_exited(world, E1,
                 (struct msg_container_exited){.exit = &(struct exit_info){.signal = 9}});
    world_acknowledge(world, "t1");
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason,
                     REASON_EXECUTOR_REREGISTRATION_TIMEOUT);
}

static void executor_that_loses_its_connection_has_as_long(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    world_executor_lost(world, LINK);
    world_pass(world, 14000);
    executor_subscribes(world, 8);
    world_pass(world, 60000);
    assert_int_equal(world_signals(world, E1, true), 0);
    world_executor_lost(world, 8);
    world_pass(world, 16000);
    assert_int_equal(world_signals(world, E1, true), 1);
}

static void task_that_it_never_got_is_handed_over_by_the_new_agent(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    world_reborn(world);
    come_back(world, NULL, 0);
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    world_limits_set(world, "");
    world_limits_set(world, "");
    assert_non_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    assert_null(world_update(world, "t1"));
}

static void task_that_it_never_got_is_not_lost_when_it_is_killed(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    world_reborn(world);
    world_kill(world, "t1");
    come_back(world, NULL, 0);
    world_acknowledge(world, "t1"); /* KILLING */
    assert_state(world, "t1", TASK_KILLED);
    assert_string_equal(world_update(world, "t1")->status->message,
                        "killed on request: its executor had not got it yet");
}

static void task_that_it_has_and_said_nothing_of_is_not_handed_over_again(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    world_reborn(world);
    come_back(world, &run, 1);
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    executor_says(world, "t1", TASK_RUNNING, 1);
    assert_state(world, "t1", TASK_RUNNING);
}

static void task_that_it_has_lost_has_failed(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    executor_says(world, "t1", TASK_RUNNING, 1);
    world_acknowledge(world, "t1");
    world_reborn(world);
    come_back(world, NULL, 0);
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_EXECUTOR_TERMINATED);
}

static void what_was_not_acknowledged_counts_once_over_lives(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    executor_says(world, "t1", TASK_STARTING, 1);
    world_acknowledge(world, "t1");
    executor_says(world, "t1", TASK_RUNNING, 2);
    world_acknowledge(world, "t1");
    world_reborn(world);
    come_back(world, &run, 1);
    executor_says(world, "t1", TASK_STARTING, 1);
    executor_says(world, "t1", TASK_RUNNING, 2);
    assert_null(world_update(world, "t1"));
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_ACKNOWLEDGED), 2);
    assert_int_equal(world_counter(world, "slave/executors_unruly"), 0);
}

static void what_was_not_written_down_is_told_by_what_comes_again(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    world->turn_goes_on = true;
    executor_says(world, "t1", TASK_RUNNING, 1);
    world_crash(world);
    world->turn_goes_on = false;
    assert_true(world_restart(world));
    world_connect(world);
    world_registered(world);
    come_back(world, &run, 1);
    executor_says(world, "t1", TASK_RUNNING, 1);
    assert_state(world, "t1", TASK_RUNNING);
}

static void last_word_of_a_task_outlives_its_executor(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *run = run_of(world, "t1"), *pool = run_of(world, E1);
    const struct container_info *container;

    (void)state;
    world_reborn(world);
    come_back(world, &run, 1);
    world_hear(world, MESSAGE(CONTAINER_STARTED, container_started, .container_id = pool,
                              .network_address = "172.17.0.2"));
    executor_says(world, "t1", TASK_RUNNING, 1);
    world_exited_code(world, E1, 3);
    world_acknowledge(world, E1);
    world_pass(world, 60000); /* it is told again and again */
    assert_state(world, "t1", TASK_RUNNING);
    container = world_update(world, "t1")->status->container;
    assert_string_equal(container->container_id, pool);
    assert_string_equal(container->network_address, "172.17.0.2");
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_FAILED);
    assert_string_equal(world_update(world, "t1")->status->container->container_id, pool);
}

static void kill_is_said_again_to_an_executor_that_comes_back(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    world_kill_grace(world, "t1", 700);
    world_reborn(world);
    come_back(world, &run, 1);
    assert_int_equal(record_last(&world->told, MSG_EXECUTOR_KILL)->executor_kill->grace_ms, 700);
    world_acknowledge(world, "t1");
    executor_says(world, "t1", TASK_KILLED, 1);
    assert_state(world, "t1", TASK_KILLED);
}

static void run_that_nobody_here_knows_is_ended(void **state)
{
    WORLD *world = executor_begins();
    const char *run = "strange";

    (void)state;
    world_executor_lost(world, LINK);
    come_back(world, &run, 1);
    assert_string_equal(record_last(&world->told, MSG_EXECUTOR_KILL)->executor_kill->run_id,
                        "strange");
}

static void executor_that_was_being_ended_is_told_so_again(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    world_kill(world, E1);
    world_pass(world, 2000);
    world_reborn(world);
    assert_int_equal(world_signals(world, E1, false), 0);
    come_back(world, &run, 1);
    assert_int_equal(record_last(&world->told, MSG_EXECUTOR_SHUTDOWN)->executor_shutdown->grace_ms,
                     3000);
    world_pass(world, 3100);
    assert_int_equal(world_signals(world, E1, true), 1);
}

static void executor_that_ended_unseen_takes_its_tasks_along(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    world_reborn(world);
    world_exited(world, E1, (struct msg_container_exited){.error = "its shim is gone"});
    assert_state(world, "t1", TASK_FAILED);
    assert_string_equal(world_update(world, "t1")->status->message,
                        "its executor pool: its shim is gone");
}

static void executor_that_was_never_launched_takes_its_tasks_along(void **state)
{
    WORLD *world = world_new(&(struct world_plan){0});

    (void)state;
    run_executor(world);
    run_inside(world, "t1");
    world_reborn(world);
    world_exited(world, E1, (struct msg_container_exited){.never_launched = true});
    assert_state(world, E1, TASK_DROPPED);
    assert_state(world, "t1", TASK_DROPPED);
}

static void another_boot_leaves_nothing_of_either(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    world->is_new_boot = true;
    world_reborn(world);
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, ""), 0);
}

static void launcher_is_not_asked_for_tasks_of_executors(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *ids[64];
    struct agent_past past;

    (void)state;
    world_crash(world);
    past = world_past(world);
    assert_int_equal(agent_past_containers(&past, "boot 1", false, ids), 1);
    assert_string_equal(ids[0], run_of(world, E1));
    assert_true(world_restart(world));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_go_both_ways),
        cmocka_unit_test(kill_of_a_task_is_its_executors),
        cmocka_unit_test(task_that_finishes_in_the_face_of_a_kill_has_finished),
        cmocka_unit_test(task_that_waits_is_killed_at_once),
        cmocka_unit_test(kill_of_an_executor_asks_it_first),
        cmocka_unit_test(executor_hears_of_its_end_when_that_is_written_down),
        cmocka_unit_test(executor_that_comes_before_its_end_is_written_down_hears_of_it_once),
        cmocka_unit_test(executor_is_ended_by_force_when_that_is_written_down),
        cmocka_unit_test(full_disk_keeps_no_executor_alive),
        cmocka_unit_test(executor_whose_end_was_not_written_down_goes_on),
        cmocka_unit_test(executor_that_is_not_there_gets_a_signal),
        cmocka_unit_test(tasks_end_with_their_executor),
        cmocka_unit_test(limit_that_ends_an_executor_ends_its_tasks),
        cmocka_unit_test(drain_ends_both_and_tells_each_once),
        cmocka_unit_test(framework_that_is_removed_takes_both_along),
        cmocka_unit_test(agent_that_leaves_ends_executors_and_their_tasks),
        cmocka_unit_test(executor_comes_back_to_a_new_agent),
        cmocka_unit_test(executor_that_does_not_come_back_is_ended),
        cmocka_unit_test(executor_that_loses_its_connection_has_as_long),
        cmocka_unit_test(task_that_it_never_got_is_handed_over_by_the_new_agent),
        cmocka_unit_test(task_that_it_never_got_is_not_lost_when_it_is_killed),
        cmocka_unit_test(task_that_it_has_and_said_nothing_of_is_not_handed_over_again),
        cmocka_unit_test(task_that_it_has_lost_has_failed),
        cmocka_unit_test(what_was_not_acknowledged_counts_once_over_lives),
        cmocka_unit_test(what_was_not_written_down_is_told_by_what_comes_again),
        cmocka_unit_test(last_word_of_a_task_outlives_its_executor),
        cmocka_unit_test(kill_is_said_again_to_an_executor_that_comes_back),
        cmocka_unit_test(run_that_nobody_here_knows_is_ended),
        cmocka_unit_test(executor_that_was_being_ended_is_told_so_again),
        cmocka_unit_test(executor_that_ended_unseen_takes_its_tasks_along),
        cmocka_unit_test(executor_that_was_never_launched_takes_its_tasks_along),
        cmocka_unit_test(another_boot_leaves_nothing_of_either),
        cmocka_unit_test(launcher_is_not_asked_for_tasks_of_executors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
