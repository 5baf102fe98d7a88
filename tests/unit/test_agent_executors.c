/* The agent's core and executors: who may speak, what is handed over when, what they say of tasks. */
#include "tests/unit/executor_scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- being an executor -------------------------------------------------------------------------- */

static const char *variable(const struct world *world, const char *name)
{
    const struct command_info *command = world_launch(world, E1)->command;

    for (size_t i = 0; i < command->env_count; i++)
        if (!strcmp(command->env[i].name, name))
            return command->env[i].value;
    return NULL;
}

static void executor_finds_its_agent_by_its_environment(void **state)
{
    WORLD *world = world_new(&(struct world_plan){0});
    const struct executor_info info = {.shutdown_grace_ms = 1500};

    (void)state;
    run_executor_with(world, &info);
    assert_true(world_launch(world, E1)->executor);
    assert_string_equal(variable(world, "PROFFER_EXECUTOR_SOCKET"), "/work/executors/agent.sock");
    assert_string_equal(variable(world, "PROFFER_EXECUTOR_ID"), E1);
    assert_string_equal(variable(world, "PROFFER_FRAMEWORK_ID"), FRAMEWORK);
    assert_string_equal(variable(world, "PROFFER_EXECUTOR_SHUTDOWN_GRACE_MS"), "1500");
    assert_string_equal(variable(world, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"), "1500ms");
    assert_string_equal(variable(world, "MESOS_RECOVERY_TIMEOUT"), "900000ms");
    assert_int_equal(strlen(variable(world, "PROFFER_EXECUTOR_TOKEN")), 32);
    assert_string_equal(variable(world, "PROFFER_EXECUTOR_TOKEN"),
                        world_kept(world, E1)->executor_token);
}

static void executor_with_a_root_of_its_own_finds_the_socket_there(void **state)
{
    WORLD *world = world_new(&(struct world_plan){0});
    const struct isolation_info isolation = {.rootfs = "debian"};
    const struct executor_info info = {0};
    struct task_info task = *simple_task(E1);

    (void)state;
    task.executor = &info;
    task.isolation = &isolation;
    world_run_task(world, &task);
    assert_string_equal(variable(world, "PROFFER_EXECUTOR_SOCKET"), "/proffer/agent.sock");
}

static void executor_runs_when_it_has_subscribed(void **state)
{
    WORLD *world = world_new(&(struct world_plan){0});

    (void)state;
    run_executor(world);
    world_started(world, E1);
    assert_state(world, E1, TASK_STARTING);
    world_acknowledge(world, E1);
    executor_subscribes(world, LINK);
    assert_int_equal(world->admitted, LINK);
    assert_state(world, E1, TASK_RUNNING);
    assert_string_equal(
        record_last(&world->told, MSG_EXECUTOR_SUBSCRIBED)->executor_subscribed->agent_id, AGENT);
}

static void executor_may_be_quicker_than_its_launcher(void **state)
{
    WORLD *world = world_new(&(struct world_plan){0});

    (void)state;
    run_executor(world);
    executor_subscribes(world, LINK);
    assert_null(world_update(world, E1));
    world_started(world, E1);
    assert_state(world, E1, TASK_RUNNING);
}

static void executor_that_does_not_subscribe_is_ended(void **state)
{
    WORLD *world = world_new(&(struct world_plan){0});
    const struct executor_info info = {.registration_timeout_ms = 2000};

    (void)state;
    run_executor_with(world, &info);
    world_started(world, E1);
    run_inside(world, "t1");
    world_pass(world, 1900);
    assert_int_equal(world_signals(world, E1, true), 0);
    world_pass(world, 200);
    assert_int_equal(world_signals(world, E1, true), 1);
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason,
                     REASON_EXECUTOR_REGISTRATION_TIMEOUT);
    world_acknowledge(world, E1);
    world_exited(world, E1,
                 (struct msg_container_exited){.exit = &(struct exit_info){.signal = 9}});
    world_acknowledge(world, E1);
    assert_state(world, E1, TASK_FAILED);
    assert_int_equal(world_update(world, E1)->status->reason, REASON_EXECUTOR_REGISTRATION_TIMEOUT);
}

static void stranger_is_shown_the_door(void **state)
{
    WORLD *world = executor_begins();
    const char *token = world_kept(world, E1)->executor_token;
    char nearly[64];

    (void)state;
    snprintf(nearly, sizeof(nearly), "%s", token);
    nearly[31] = nearly[31] == '0' ? '1' : '0';
    executor_greets_with(world, 20, "guessed");
    assert_int_equal(world->dropped, 20);
    executor_greets_with(world, 21, nearly);
    assert_int_equal(world->dropped, 21);
    executor_subscribes_with(world, 22, NULL, 0);
    assert_int_equal(world->dropped, 22);
    executor_says_about(world, "x", TASK_RUNNING, 1);
    world_executor_says(world, 23,
                        MESSAGE(EXECUTOR_HELLO, executor_hello, .framework_id = FRAMEWORK,
                                .executor_id = "nobody", .token = token,
                                .protocol_version = PROTOCOL_VERSION));
    assert_int_equal(world->dropped, 23);
    world_executor_says(world, 24,
                        MESSAGE(EXECUTOR_HELLO, executor_hello, .framework_id = FRAMEWORK,
                                .executor_id = E1, .token = token, .protocol_version = 99));
    assert_int_equal(world->dropped, 24);
    assert_int_equal(world_counter(world, "slave/executors_refused"), 5);
    assert_int_equal(world->admitted, LINK);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_ERROR), 5);
}

static void token_of_a_task_that_has_ended_is_worth_nothing(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    world_exited_code(world, E1, 0);
    executor_greets(world, 20);
    assert_int_equal(world->dropped, 20);
}

static void newer_connection_of_an_executor_replaces_the_older(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    executor_subscribes(world, 8);
    assert_int_equal(world->dropped, LINK);
    run_inside(world, "t1");
    world_limits_set(world, "");
    assert_int_equal(record_last(&world->told, MSG_EXECUTOR_LAUNCH)->number, 8);
    executor_says(world, "t1", TASK_RUNNING, 1); /* on the older */
    assert_null(world_update(world, "t1"));
}

static void agent_without_a_socket_takes_no_executors(void **state)
{
    WORLD *world = world_new(&(struct world_plan){.no_executors = true});

    (void)state;
    run_executor(world);
    assert_state(world, E1, TASK_FAILED);
    assert_null(world_launch(world, E1));
}

static void executor_without_a_secret_is_not_launched(void **state)
{
    WORLD *world = world_new(&(struct world_plan){0});

    (void)state;
    world->secret_error = -EIO;
    run_executor(world);
    assert_state(world, E1, TASK_FAILED);
    assert_null(world_launch(world, E1));
}

/* --- handing over ------------------------------------------------------------------------------- */

static void task_waits_for_its_executor(void **state)
{
    WORLD *world = world_new(&(struct world_plan){0});
    const struct msg_executor_launch *launch;

    (void)state;
    run_executor(world);
    run_inside(world, "t1");
    assert_null(world_launch(world, "t1"));
    world_started(world, E1);
    world_limits_set(world, "");
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    executor_subscribes(world, LINK);
    launch = record_last(&world->told, MSG_EXECUTOR_LAUNCH)->executor_launch;
    assert_string_equal(launch->task->task_id, "t1");
    assert_string_equal(launch->run_id, run_of(world, "t1"));
    assert_null(world_update(world, "t1"));
}

static void task_is_handed_over_when_it_is_written_down(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    world->turn_goes_on = true;
    run_inside(world, "t1");
    world_limits_set(world, "");
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    world->turn_goes_on = false;
    world_commit(world);
    assert_non_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
}

static void task_that_cannot_be_written_down_is_dropped(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    world->disk_is_full = true;
    run_inside(world, "t1");
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    assert_state(world, "t1", TASK_DROPPED);
    run_inside(world, "t2");
    assert_state(world, "t2", TASK_DROPPED);
    world->disk_is_full = false;
    world_commit(world);
    run_inside(world, "t3");
    world_limits_set(world, ""); /* of t1 */
    world_limits_set(world, "");
    assert_non_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
}

/* How many updates it can say before it is not heard any more. */
static int64_t say_until_unheard(struct world *world, int64_t number)
{
    int64_t before = number;

    while (!world->unheard && number < before + 10000)
        executor_says(world, "t1", TASK_RUNNING, number++);
    return number - before;
}

static void executor_is_not_heard_while_what_it_said_cannot_be_written(void **state)
{
    WORLD *world = executor_begins_with_task();
    size_t records;

    (void)state;
    executor_says(world, "t1", TASK_RUNNING, 1);
    world->disk_is_full = true;
    records = world->records.count;
    assert_int_equal(say_until_unheard(world, 2), 256);
    assert_int_equal(world->unheard, LINK);
    assert_int_equal(world->records.count - records, 256);
    assert_int_equal(world_counter(world, "slave/executors_unheard"), 1);
    world->disk_is_full = false;
    world_commit(world);
    assert_int_equal(world->unheard, 0);
    assert_int_equal(
        record_last(&world->told, MSG_EXECUTOR_ACKNOWLEDGED)->executor_acknowledged->number, 257);
    assert_int_equal(say_until_unheard(world, 258), 10000); /* each is written at once */
}

static void executor_that_comes_again_is_not_heard_the_more(void **state)
{
    static const char *runs[1];
    WORLD *world = executor_begins_with_task();

    (void)state;
    world->disk_is_full = true;
    say_until_unheard(world, 1);
    world_executor_lost(world, LINK);
    runs[0] = run_of(world, "t1");
    executor_greets(world, LINK + 1);
    executor_subscribes_with(world, LINK + 1, runs, 1);
    assert_int_equal(world->unheard, LINK + 1);
    world->disk_is_full = false;
    world_commit(world);
    assert_int_equal(world->unheard, 0);
}

static void large_updates_and_those_of_unknown_tasks_count_too(void **state)
{
    static const char large[600 * 1024];
    const struct task_status status = {
        .task_id = "t1", .state = TASK_RUNNING, .message = "", .data = {large, sizeof(large)}};
    WORLD *world = executor_begins_with_task();
    WORLD *other = executor_begins_with_task();

    (void)state;
    world->disk_is_full = true;
    for (int64_t i = 1; i <= 2; i++) {
        assert_int_equal(world->unheard, 0);
        world_executor_says(world, LINK,
                            MESSAGE(EXECUTOR_UPDATE, executor_update, .run_id = run_of(world, "t1"),
                                    .number = i, .status = &status));
    }
    assert_int_equal(world->unheard, LINK);

    other->disk_is_full = true;
    executor_says(other, "t1", TASK_RUNNING, 1);
    for (int i = 0; i < 300 && !other->unheard; i++) {
        char run_id[32];

        snprintf(run_id, sizeof(run_id), "none.%d", i);
        executor_says_about(other, run_id, TASK_RUNNING, 1);
    }
    assert_int_equal(other->unheard, LINK);
}

static void task_of_no_executor_is_dropped(void **state)
{
    WORLD *world = world_new(&(struct world_plan){0});

    (void)state;
    run_inside(world, "t1");
    assert_state(world, "t1", TASK_DROPPED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_EXECUTOR_TERMINATED);
}

static void task_for_an_executor_that_is_being_ended_is_dropped(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    world_kill(world, E1);
    run_inside(world, "t1");
    assert_state(world, "t1", TASK_DROPPED);
}

static void task_for_one_that_is_none_is_dropped(void **state)
{
    WORLD *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, E1);
    world_started(world, E1);
    run_inside(world, "t1");
    assert_state(world, "t1", TASK_DROPPED);
}

static void slow_executor_gets_the_rest_later(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    world->executor_is_slow = true;
    run_inside(world, "t2");
    world_limits_set(world, "");
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_LAUNCH), 1);
    world->executor_is_slow = false;
    world_executor_ready(world, LINK);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_LAUNCH), 2);
}

static void what_is_the_executors_cannot_be_asked_for_inside(void **state)
{
    WORLD *world = executor_begins();
    const struct isolation_info isolation = {.rootfs = "debian"};
    struct task_info task = *simple_task("t1");

    (void)state;
    task.executor_id = E1;
    task.isolation = &isolation;
    world_run_task(world, &task);
    assert_state(world, "t1", TASK_ERROR);
    assert_non_null(strstr(world_update(world, "t1")->status->message, "isolation is for tasks"));
}

/* --- the container's size ------------------------------------------------------------------------ */

static int64_t memory_ordered(const struct world *world)
{
    const struct msg_update_container *order =
        record_last(&world->orders, MSG_UPDATE_CONTAINER)->update_container;

    for (size_t i = 0; i < order->resources_count; i++)
        if (!strcmp(order->resources[i].name, "mem"))
            return order->resources[i].scalar / 1000;
    return -1;
}

static void container_grows_before_and_shrinks_behind(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    run_inside(world, "t1");
    assert_int_equal(memory_ordered(world), 64);
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    run_inside(world, "t2"); /* one change at a time */
    assert_int_equal(memory_ordered(world), 64);
    world_limits_set(world, "");
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_LAUNCH), 1);
    assert_int_equal(memory_ordered(world), 96);
    world_limits_set(world, "");
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_LAUNCH), 2);
    executor_says(world, "t1", TASK_FINISHED, 1);
    assert_int_equal(memory_ordered(world), 64);
}

static void task_for_which_there_is_no_room_fails(void **state)
{
    WORLD *world = executor_begins();

    (void)state;
    run_inside(world, "t1");
    world_limits_set(world, "cgroup/memory: no");
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_CONTAINER_UPDATE_FAILED);
    assert_int_equal(memory_ordered(world), 32);
}

static void task_for_one_that_has_just_ended_ends_with_it(void **state)
{
    WORLD *world = executor_begins();
    size_t orders;

    (void)state;
    run_inside(world, "t1");
    world_limits_too_late(world);
    orders = world->orders.count;
    run_inside(world, "t2"); /* its end is on its way */
    assert_int_equal(world->orders.count, orders);
    assert_null(world_update(world, "t1"));
    world_exited_code(world, E1, 3);
    for (const char *const *id = (const char *const[]){"t1", "t2", NULL}; *id; id++) {
        assert_state(world, *id, TASK_DROPPED);
        assert_int_equal(world_update(world, *id)->status->reason, REASON_EXECUTOR_TERMINATED);
        assert_string_equal(world_update(world, *id)->status->message,
                            "its executor pool: exited with status 3");
    }
}

static void memory_that_is_in_use_is_asked_for_again(void **state)
{
    WORLD *world = executor_begins_with_task();
    size_t asked;

    (void)state;
    executor_says(world, "t1", TASK_FINISHED, 1);
    world_limits_set(world, "mem: in use");
    asked = record_count(&world->orders, MSG_UPDATE_CONTAINER);
    world_pass(world, 3000);
    assert_int_equal(record_count(&world->orders, MSG_UPDATE_CONTAINER), asked + 1);
    world_limits_set(world, "");
    world_pass(world, 10000);
    assert_int_equal(record_count(&world->orders, MSG_UPDATE_CONTAINER), asked + 1);
}

static void task_that_fits_what_could_not_be_taken_away_need_not_wait(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    executor_says(world, "t1", TASK_FINISHED, 1);
    world_limits_set(world, "mem: in use");
    run_inside(world, "t2");
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_LAUNCH), 2);
    run_inside(world, "t3");
    world_limits_set(world, "mem: in use");
    assert_int_equal(memory_ordered(world), 96);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_LAUNCH), 2);
    world_limits_set(world, "mem: no");
    assert_state(world, "t3", TASK_FAILED);
    assert_null(world_update(world, "t2"));
}

static void limits_of_an_executor_stay_above_its_tasks(void **state)
{
    WORLD *world = executor_begins_with_task();
    const struct limit_info limit = {.name = "mem", .scalar = 40000};
    const struct msg_update_container *order;

    (void)state;
    world_say(world, MESSAGE(CHANGE_LIMITS, change_limits, .framework_id = FRAMEWORK, .task_id = E1,
                             .limits = &limit, .limits_count = 1));
    order = record_last(&world->orders, MSG_UPDATE_CONTAINER)->update_container;
    assert_int_equal(order->limits[0].scalar, 72000);
    world_say(world, MESSAGE(CHANGE_LIMITS, change_limits, .framework_id = FRAMEWORK,
                             .task_id = "t1", .limits = &limit, .limits_count = 1));
    assert_non_null(strstr(record_last(&world->sent, MSG_LIMITS_CHANGED)->limits_changed->error,
                           "executor's limits"));
}

/* --- updates ------------------------------------------------------------------------------------- */

static void update_is_written_down_before_it_is_acknowledged(void **state)
{
    WORLD *world = executor_begins_with_task();
    const struct msg_executor_acknowledged *ack;
    const struct task_status *status;

    (void)state;
    world->turn_goes_on = true;
    executor_says(world, "t1", TASK_RUNNING, 4);
    executor_says(world, "t1", TASK_RUNNING, 5); /* one answer is for both */
    assert_null(record_last(&world->told, MSG_EXECUTOR_ACKNOWLEDGED));
    world->turn_goes_on = false;
    world_commit(world);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_ACKNOWLEDGED), 1);
    ack = record_last(&world->told, MSG_EXECUTOR_ACKNOWLEDGED)->executor_acknowledged;
    assert_string_equal(ack->run_id, run_of(world, "t1"));
    assert_int_equal(ack->number, 5);
    status = world_update(world, "t1")->status;
    assert_int_equal(status->state, TASK_RUNNING);
    assert_int_equal(status->source, SOURCE_EXECUTOR);
    assert_int_equal(status->data.size, 4);
    assert_string_equal(status->message, "so");
    assert_string_equal(status->container->container_id, run_of(world, E1));
}

static void end_that_comes_again_is_acknowledged_only_when_it_is_written_down(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    world->disk_is_full = true;
    executor_says(world, "t1", TASK_FINISHED, 1);
    world_executor_lost(world, LINK);
    executor_greets(world, LINK);
    executor_subscribes_with(world, LINK, &run, 1);
    executor_says_about(world, run, TASK_FINISHED, 1);
    assert_null(record_last(&world->told, MSG_EXECUTOR_ACKNOWLEDGED));
    world->disk_is_full = false;
    world_commit(world);
    assert_non_null(record_last(&world->told, MSG_EXECUTOR_ACKNOWLEDGED));
    assert_state(world, "t1", TASK_FINISHED);
}

static void update_that_comes_again_counts_once(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    executor_says(world, "t1", TASK_RUNNING, 5);
    world_acknowledge(world, "t1");
    executor_says(world, "t1", TASK_RUNNING, 5);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_ACKNOWLEDGED), 2);
    executor_says(world, "t1", TASK_RUNNING, 6);
    assert_int_equal(world_updates_count(world, "t1"), 2);
}

static void end_of_a_task_that_is_forgotten_is_acknowledged(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    executor_says(world, "t1", TASK_FINISHED, 1);
    assert_state(world, "t1", TASK_FINISHED);
    world_acknowledge(world, "t1");
    executor_says_about(world, run, TASK_FINISHED, 1);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_ACKNOWLEDGED), 2);
    assert_int_equal(world_updates_count(world, "t1"), 1);
}

static void another_task_of_that_id_is_another_run(void **state)
{
    WORLD *world = executor_begins_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    executor_says(world, "t1", TASK_FINISHED, 1);
    world_acknowledge(world, "t1");
    run_inside(world, "t1");
    world_limits_set(world, "");
    world_limits_set(world, "");
    assert_string_not_equal(run, run_of(world, "t1"));
    executor_says_about(world, run, TASK_FAILED, 2);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    executor_says(world, "t1", TASK_RUNNING, 3);
    assert_state(world, "t1", TASK_RUNNING);
}

static void data_is_not_shown(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    executor_says(world, "t1", TASK_RUNNING, 1);
    assert_int_equal(
        record_last(&world->changes, MSG_CHANGE_TASK_STATUS)->change_task_status->status->data.size,
        0);
}

static void executor_that_says_what_cannot_be_is_ended(void **state)
{
    static const enum task_state wrong[] = {TASK_STAGING, TASK_KILLING, TASK_GONE, TASK_DROPPED,
                                            TASK_UNREACHABLE};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        WORLD *world = executor_begins_with_task();

        executor_says(world, "t1", wrong[i], 1);
        assert_int_equal(world->dropped, LINK);
        assert_int_equal(world_signals(world, E1, true), 1);
        assert_non_null(record_last(&world->told, MSG_EXECUTOR_ERROR));
        world_exited(world, E1,
                     (struct msg_container_exited){.exit = &(struct exit_info){.signal = 9}});
        world_acknowledge(world, "t1"); /* KILLING */
        assert_state(world, "t1", TASK_FAILED);
        assert_int_equal(world_update(world, "t1")->status->reason, REASON_EXECUTOR_TERMINATED);
        assert_non_null(strstr(world_update(world, "t1")->status->message, "broke the protocol"));
    }
}

static void task_that_runs_does_not_start_again(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    executor_says(world, "t1", TASK_RUNNING, 1);
    executor_says(world, "t1", TASK_STARTING, 2);
    assert_int_equal(world_counter(world, "slave/executors_unruly"), 1);
}

static void nobody_speaks_of_anothers_task(void **state)
{
    WORLD *world = executor_begins_with_task();

    (void)state;
    world_run(world, "other");
    world_started(world, "other");
    executor_says(world, "other", TASK_FAILED, 1);
    assert_state(world, "other", TASK_RUNNING);
    executor_says(world, E1, TASK_FAILED, 2);
    assert_state(world, E1, TASK_RUNNING);
    assert_int_equal(world_counter(world, "slave/executor_updates_of_unknown_tasks"), 2);
}

static void task_of_an_executor_may_take_only_so_long(void **state)
{
    WORLD *world = executor_begins();
    struct task_info task = *simple_task("t1");
    static const struct command_info nothing = {.value = ""};

    (void)state;
    task.command = &nothing;
    task.executor_id = E1;
    task.max_completion_ms = 5000;
    world_run_task(world, &task);
    world_limits_set(world, "");
    executor_says(world, "t1", TASK_RUNNING, 1);
    world_acknowledge(world, "t1");
    world_pass(world, 5100);
    assert_non_null(record_last(&world->told, MSG_EXECUTOR_KILL));
    world_acknowledge(world, "t1");
    executor_says(world, "t1", TASK_KILLED, 2);
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_MAX_COMPLETION_TIME_REACHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(executor_finds_its_agent_by_its_environment),
        cmocka_unit_test(executor_with_a_root_of_its_own_finds_the_socket_there),
        cmocka_unit_test(executor_runs_when_it_has_subscribed),
        cmocka_unit_test(executor_may_be_quicker_than_its_launcher),
        cmocka_unit_test(executor_that_does_not_subscribe_is_ended),
        cmocka_unit_test(stranger_is_shown_the_door),
        cmocka_unit_test(token_of_a_task_that_has_ended_is_worth_nothing),
        cmocka_unit_test(newer_connection_of_an_executor_replaces_the_older),
        cmocka_unit_test(agent_without_a_socket_takes_no_executors),
        cmocka_unit_test(executor_without_a_secret_is_not_launched),
        cmocka_unit_test(task_waits_for_its_executor),
        cmocka_unit_test(task_is_handed_over_when_it_is_written_down),
        cmocka_unit_test(task_that_cannot_be_written_down_is_dropped),
        cmocka_unit_test(task_of_no_executor_is_dropped),
        cmocka_unit_test(task_for_an_executor_that_is_being_ended_is_dropped),
        cmocka_unit_test(task_for_one_that_is_none_is_dropped),
        cmocka_unit_test(slow_executor_gets_the_rest_later),
        cmocka_unit_test(what_is_the_executors_cannot_be_asked_for_inside),
        cmocka_unit_test(container_grows_before_and_shrinks_behind),
        cmocka_unit_test(task_for_which_there_is_no_room_fails),
        cmocka_unit_test(task_for_one_that_has_just_ended_ends_with_it),
        cmocka_unit_test(memory_that_is_in_use_is_asked_for_again),
        cmocka_unit_test(task_that_fits_what_could_not_be_taken_away_need_not_wait),
        cmocka_unit_test(limits_of_an_executor_stay_above_its_tasks),
        cmocka_unit_test(update_is_written_down_before_it_is_acknowledged),
        cmocka_unit_test(end_that_comes_again_is_acknowledged_only_when_it_is_written_down),
        cmocka_unit_test(update_that_comes_again_counts_once),
        cmocka_unit_test(end_of_a_task_that_is_forgotten_is_acknowledged),
        cmocka_unit_test(another_task_of_that_id_is_another_run),
        cmocka_unit_test(data_is_not_shown),
        cmocka_unit_test(executor_that_says_what_cannot_be_is_ended),
        cmocka_unit_test(task_that_runs_does_not_start_again),
        cmocka_unit_test(nobody_speaks_of_anothers_task),
        cmocka_unit_test(task_of_an_executor_may_take_only_so_long),
        cmocka_unit_test(executor_is_not_heard_while_what_it_said_cannot_be_written),
        cmocka_unit_test(executor_that_comes_again_is_not_heard_the_more),
        cmocka_unit_test(large_updates_and_those_of_unknown_tasks_count_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
