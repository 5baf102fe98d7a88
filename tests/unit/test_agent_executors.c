/* The agent's core and executors: who may speak, what is handed over when, what becomes of tasks. */
#include "tests/unit/agent_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define E1   "pool"
#define LINK UINT64_C(7)

/* --- what is said ------------------------------------------------------------------------------- */

static const struct resource_info small[] = {
    {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 100},
    {.name = "mem", .kind = VALUE_SCALAR, .scalar = 32000},
};

static void run_executor_with(struct world *world, const struct executor_info *info)
{
    struct task_info task = *simple_task(E1);

    task.executor = info;
    task.resources = small;
    task.resources_count = ARRAY_SIZE(small);
    world_run_task(world, &task);
}

static void run_executor(struct world *world)
{
    static const struct executor_info info = {0};

    run_executor_with(world, &info);
}

static void run_inside(struct world *world, const char *task_id)
{
    static const struct command_info nothing = {.value = ""};
    struct task_info task = *simple_task(task_id);

    task.command = &nothing;
    task.executor_id = E1;
    task.resources = small;
    task.resources_count = ARRAY_SIZE(small);
    world_run_task(world, &task);
}

static const char *run_of(const struct world *world, const char *task_id)
{
    const struct msg_keep_task *kept = world_kept(world, task_id);

    assert_non_null(kept);
    return kept->container_id;
}

static void hello_with(struct world *world, uint64_t link, const char *token)
{
    world_executor_says(world, link,
                        MESSAGE(EXECUTOR_HELLO, executor_hello, .framework_id = FRAMEWORK,
                                .executor_id = E1, .token = token,
                                .protocol_version = PROTOCOL_VERSION));
}

static void hello(struct world *world, uint64_t link)
{
    hello_with(world, link, world_kept(world, E1)->executor_token);
}

static void subscribe_with(struct world *world, uint64_t link, const char *const *runs,
                           size_t count)
{
    world_executor_says(
        world, link,
        MESSAGE(EXECUTOR_SUBSCRIBE, executor_subscribe, .runs = runs, .runs_count = count));
}

static void subscribe(struct world *world, uint64_t link)
{
    hello(world, link);
    subscribe_with(world, link, NULL, 0);
}

static void say_about(struct world *world, const char *run_id, enum task_state state,
                      int64_t number)
{
    const struct task_status status = {
        .task_id = "t1", .state = state, .message = "so", .data = {"data", 4}};

    world_executor_says(world, LINK,
                        MESSAGE(EXECUTOR_UPDATE, executor_update, .run_id = run_id,
                                .number = number, .status = &status));
}

static void say(struct world *world, const char *task_id, enum task_state state, int64_t number)
{
    say_about(world, run_of(world, task_id), state, number);
}

/* An executor that runs and is there. */
static struct world *begin(void)
{
    static const char *const isolation[] = {"cgroup/memory", NULL};
    struct world *world = world_new(&(struct world_plan){.isolation = isolation});

    run_executor(world);
    world_started(world, E1);
    subscribe(world, LINK);
    world_acknowledge(world, E1);
    world_acknowledge(world, E1);
    return world;
}

/* ... and has a task, of which it has said nothing yet. */
static struct world *begin_with_task(void)
{
    struct world *world = begin();

    run_inside(world, "t1");
    world_limits_set(world, "");
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_LAUNCH), 1);
    return world;
}

#define WORLD CLEANUP(world_destroy) struct world

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
    subscribe(world, LINK);
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
    subscribe(world, LINK);
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
    WORLD *world = begin();
    const char *token = world_kept(world, E1)->executor_token;
    char nearly[64];

    (void)state;
    snprintf(nearly, sizeof(nearly), "%s", token);
    nearly[31] = nearly[31] == '0' ? '1' : '0';
    hello_with(world, 20, "guessed");
    assert_int_equal(world->dropped, 20);
    hello_with(world, 21, nearly);
    assert_int_equal(world->dropped, 21);
    subscribe_with(world, 22, NULL, 0);
    assert_int_equal(world->dropped, 22);
    say_about(world, "x", TASK_RUNNING, 1);
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
    WORLD *world = begin();

    (void)state;
    world_exited_code(world, E1, 0);
    hello(world, 20);
    assert_int_equal(world->dropped, 20);
}

static void newer_connection_of_an_executor_replaces_the_older(void **state)
{
    WORLD *world = begin();

    (void)state;
    subscribe(world, 8);
    assert_int_equal(world->dropped, LINK);
    run_inside(world, "t1");
    world_limits_set(world, "");
    assert_int_equal(record_last(&world->told, MSG_EXECUTOR_LAUNCH)->number, 8);
    say(world, "t1", TASK_RUNNING, 1); /* on the older */
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
    subscribe(world, LINK);
    launch = record_last(&world->told, MSG_EXECUTOR_LAUNCH)->executor_launch;
    assert_string_equal(launch->task->task_id, "t1");
    assert_string_equal(launch->run_id, run_of(world, "t1"));
    assert_null(world_update(world, "t1"));
}

static void task_is_handed_over_when_it_is_written_down(void **state)
{
    WORLD *world = begin();

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
    WORLD *world = begin();

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
    WORLD *world = begin();

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
    WORLD *world = begin_with_task();

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
    WORLD *world = begin();
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
    WORLD *world = begin();

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
    say(world, "t1", TASK_FINISHED, 1);
    assert_int_equal(memory_ordered(world), 64);
}

static void task_for_which_there_is_no_room_fails(void **state)
{
    WORLD *world = begin();

    (void)state;
    run_inside(world, "t1");
    world_limits_set(world, "cgroup/memory: no");
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_CONTAINER_UPDATE_FAILED);
    assert_int_equal(memory_ordered(world), 32);
}

static void memory_that_is_in_use_is_asked_for_again(void **state)
{
    WORLD *world = begin_with_task();
    size_t asked;

    (void)state;
    say(world, "t1", TASK_FINISHED, 1);
    world_limits_set(world, "mem: in use");
    asked = record_count(&world->orders, MSG_UPDATE_CONTAINER);
    world_pass(world, 3000);
    assert_int_equal(record_count(&world->orders, MSG_UPDATE_CONTAINER), asked + 1);
    world_limits_set(world, "");
    world_pass(world, 10000);
    assert_int_equal(record_count(&world->orders, MSG_UPDATE_CONTAINER), asked + 1);
}

static void limits_of_an_executor_stay_above_its_tasks(void **state)
{
    WORLD *world = begin_with_task();
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
    WORLD *world = begin_with_task();
    const struct msg_executor_acknowledged *ack;
    const struct task_status *status;

    (void)state;
    world->turn_goes_on = true;
    say(world, "t1", TASK_RUNNING, 5);
    assert_null(record_last(&world->told, MSG_EXECUTOR_ACKNOWLEDGED));
    world->turn_goes_on = false;
    world_commit(world);
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

static void update_that_comes_again_counts_once(void **state)
{
    WORLD *world = begin_with_task();

    (void)state;
    say(world, "t1", TASK_RUNNING, 5);
    world_acknowledge(world, "t1");
    say(world, "t1", TASK_RUNNING, 5);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_ACKNOWLEDGED), 2);
    say(world, "t1", TASK_RUNNING, 6);
    assert_int_equal(world_updates_count(world, "t1"), 2);
}

static void end_of_a_task_that_is_forgotten_is_acknowledged(void **state)
{
    WORLD *world = begin_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    say(world, "t1", TASK_FINISHED, 1);
    assert_state(world, "t1", TASK_FINISHED);
    world_acknowledge(world, "t1");
    say_about(world, run, TASK_FINISHED, 1);
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_ACKNOWLEDGED), 2);
    assert_int_equal(world_updates_count(world, "t1"), 1);
}

static void another_task_of_that_id_is_another_run(void **state)
{
    WORLD *world = begin_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    say(world, "t1", TASK_FINISHED, 1);
    world_acknowledge(world, "t1");
    run_inside(world, "t1");
    world_limits_set(world, "");
    world_limits_set(world, "");
    assert_string_not_equal(run, run_of(world, "t1"));
    say_about(world, run, TASK_FAILED, 2);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    say(world, "t1", TASK_RUNNING, 3);
    assert_state(world, "t1", TASK_RUNNING);
}

static void data_is_not_shown(void **state)
{
    WORLD *world = begin_with_task();

    (void)state;
    say(world, "t1", TASK_RUNNING, 1);
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
        WORLD *world = begin_with_task();

        say(world, "t1", wrong[i], 1);
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
    WORLD *world = begin_with_task();

    (void)state;
    say(world, "t1", TASK_RUNNING, 1);
    say(world, "t1", TASK_STARTING, 2);
    assert_int_equal(world_counter(world, "slave/executors_unruly"), 1);
}

static void nobody_speaks_of_anothers_task(void **state)
{
    WORLD *world = begin_with_task();

    (void)state;
    world_run(world, "other");
    world_started(world, "other");
    say(world, "other", TASK_FAILED, 1);
    assert_state(world, "other", TASK_RUNNING);
    say(world, E1, TASK_FAILED, 2);
    assert_state(world, E1, TASK_RUNNING);
    assert_int_equal(world_counter(world, "slave/executor_updates_of_unknown_tasks"), 2);
}

static void task_of_an_executor_may_take_only_so_long(void **state)
{
    WORLD *world = begin();
    struct task_info task = *simple_task("t1");
    static const struct command_info nothing = {.value = ""};

    (void)state;
    task.command = &nothing;
    task.executor_id = E1;
    task.max_completion_ms = 5000;
    world_run_task(world, &task);
    world_limits_set(world, "");
    say(world, "t1", TASK_RUNNING, 1);
    world_acknowledge(world, "t1");
    world_pass(world, 5100);
    assert_non_null(record_last(&world->told, MSG_EXECUTOR_KILL));
    world_acknowledge(world, "t1");
    say(world, "t1", TASK_KILLED, 2);
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_MAX_COMPLETION_TIME_REACHED);
}

/* --- messages ------------------------------------------------------------------------------------ */

static void say_to(struct world *world, const char *task_id)
{
    world_say(world, MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .framework_id = FRAMEWORK,
                             .agent_id = AGENT, .task_id = task_id, .data = {"hi", 2}));
}

static void messages_go_both_ways(void **state)
{
    WORLD *world = begin_with_task();

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
    WORLD *world = begin_with_task();
    const struct msg_executor_kill *kill;

    (void)state;
    say(world, "t1", TASK_RUNNING, 1);
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
    say(world, "t1", TASK_RUNNING, 2); /* said before it heard */
    world_acknowledge(world, "t1");
    say(world, "t1", TASK_KILLED, 3);
    assert_state(world, "t1", TASK_KILLED);
    assert_state(world, E1, TASK_RUNNING);
}

static void task_that_finishes_in_the_face_of_a_kill_has_finished(void **state)
{
    WORLD *world = begin_with_task();

    (void)state;
    world_kill(world, "t1");
    world_acknowledge(world, "t1");
    say(world, "t1", TASK_FINISHED, 1);
    assert_state(world, "t1", TASK_FINISHED);
}

static void task_that_waits_is_killed_at_once(void **state)
{
    WORLD *world = begin();

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
    WORLD *world = begin_with_task();

    (void)state;
    say(world, "t1", TASK_RUNNING, 1);
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

static void executor_that_is_not_there_gets_a_signal(void **state)
{
    WORLD *world = begin();

    (void)state;
    world_executor_lost(world, LINK);
    world_kill(world, E1);
    assert_int_equal(world_signals(world, E1, false), 1);
}

static void tasks_end_with_their_executor(void **state)
{
    WORLD *world = begin_with_task();

    (void)state;
    say(world, "t1", TASK_RUNNING, 1);
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
    WORLD *world = begin_with_task();

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
    WORLD *world = begin_with_task();
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
    WORLD *world = begin_with_task();

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
    WORLD *world = begin_with_task();

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
    hello(world, LINK);
    subscribe_with(world, LINK, runs, count);
}

static void executor_comes_back_to_a_new_agent(void **state)
{
    WORLD *world = begin_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    say(world, "t1", TASK_RUNNING, 1);
    world_acknowledge(world, "t1");
    world_reborn(world);
    come_back(world, &run, 1);
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    world_pass(world, 60000);
    assert_int_equal(world_signals(world, E1, true), 0);
    say(world, "t1", TASK_FINISHED, 2);
    assert_state(world, "t1", TASK_FINISHED);
}

static void executor_that_does_not_come_back_is_ended(void **state)
{
    WORLD *world = begin_with_task();

    (void)state;
    say(world, "t1", TASK_RUNNING, 1);
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
    WORLD *world = begin();

    (void)state;
    world_executor_lost(world, LINK);
    world_pass(world, 14000);
    subscribe(world, 8);
    world_pass(world, 60000);
    assert_int_equal(world_signals(world, E1, true), 0);
    world_executor_lost(world, 8);
    world_pass(world, 16000);
    assert_int_equal(world_signals(world, E1, true), 1);
}

static void task_that_it_never_got_is_handed_over_by_the_new_agent(void **state)
{
    WORLD *world = begin_with_task();

    (void)state;
    world_reborn(world);
    come_back(world, NULL, 0);
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    world_limits_set(world, "");
    world_limits_set(world, "");
    assert_non_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    assert_null(world_update(world, "t1"));
}

static void task_that_it_has_and_said_nothing_of_is_not_handed_over_again(void **state)
{
    WORLD *world = begin_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    world_reborn(world);
    come_back(world, &run, 1);
    assert_null(record_last(&world->told, MSG_EXECUTOR_LAUNCH));
    say(world, "t1", TASK_RUNNING, 1);
    assert_state(world, "t1", TASK_RUNNING);
}

static void task_that_it_has_lost_has_failed(void **state)
{
    WORLD *world = begin_with_task();

    (void)state;
    say(world, "t1", TASK_RUNNING, 1);
    world_acknowledge(world, "t1");
    world_reborn(world);
    come_back(world, NULL, 0);
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_EXECUTOR_TERMINATED);
}

static void what_was_not_acknowledged_counts_once_over_lives(void **state)
{
    WORLD *world = begin_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    say(world, "t1", TASK_STARTING, 1);
    world_acknowledge(world, "t1");
    say(world, "t1", TASK_RUNNING, 2);
    world_acknowledge(world, "t1");
    world_reborn(world);
    come_back(world, &run, 1);
    say(world, "t1", TASK_STARTING, 1);
    say(world, "t1", TASK_RUNNING, 2);
    assert_null(world_update(world, "t1"));
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_ACKNOWLEDGED), 2);
    assert_int_equal(world_counter(world, "slave/executors_unruly"), 0);
}

static void what_was_not_written_down_is_told_by_what_comes_again(void **state)
{
    WORLD *world = begin_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    world->turn_goes_on = true;
    say(world, "t1", TASK_RUNNING, 1);
    world_crash(world);
    world->turn_goes_on = false;
    assert_true(world_restart(world));
    world_connect(world);
    world_registered(world);
    come_back(world, &run, 1);
    say(world, "t1", TASK_RUNNING, 1);
    assert_state(world, "t1", TASK_RUNNING);
}

static void kill_is_said_again_to_an_executor_that_comes_back(void **state)
{
    WORLD *world = begin_with_task();
    const char *run = run_of(world, "t1");

    (void)state;
    world_kill_grace(world, "t1", 700);
    world_reborn(world);
    come_back(world, &run, 1);
    assert_int_equal(record_last(&world->told, MSG_EXECUTOR_KILL)->executor_kill->grace_ms, 700);
    world_acknowledge(world, "t1");
    say(world, "t1", TASK_KILLED, 1);
    assert_state(world, "t1", TASK_KILLED);
}

static void run_that_nobody_here_knows_is_ended(void **state)
{
    WORLD *world = begin();
    const char *run = "strange";

    (void)state;
    world_executor_lost(world, LINK);
    come_back(world, &run, 1);
    assert_string_equal(record_last(&world->told, MSG_EXECUTOR_KILL)->executor_kill->run_id,
                        "strange");
}

static void executor_that_was_being_ended_is_told_so_again(void **state)
{
    WORLD *world = begin_with_task();
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
    WORLD *world = begin_with_task();

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
    assert_int_equal(world_update(world, "t1")->status->state, TASK_FAILED);
}

static void another_boot_leaves_nothing_of_either(void **state)
{
    WORLD *world = begin_with_task();

    (void)state;
    world->is_new_boot = true;
    world_reborn(world);
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, ""), 0);
}

static void launcher_is_not_asked_for_tasks_of_executors(void **state)
{
    WORLD *world = begin_with_task();
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
        cmocka_unit_test(memory_that_is_in_use_is_asked_for_again),
        cmocka_unit_test(limits_of_an_executor_stay_above_its_tasks),
        cmocka_unit_test(update_is_written_down_before_it_is_acknowledged),
        cmocka_unit_test(update_that_comes_again_counts_once),
        cmocka_unit_test(end_of_a_task_that_is_forgotten_is_acknowledged),
        cmocka_unit_test(another_task_of_that_id_is_another_run),
        cmocka_unit_test(data_is_not_shown),
        cmocka_unit_test(executor_that_says_what_cannot_be_is_ended),
        cmocka_unit_test(task_that_runs_does_not_start_again),
        cmocka_unit_test(nobody_speaks_of_anothers_task),
        cmocka_unit_test(task_of_an_executor_may_take_only_so_long),
        cmocka_unit_test(messages_go_both_ways),
        cmocka_unit_test(kill_of_a_task_is_its_executors),
        cmocka_unit_test(task_that_finishes_in_the_face_of_a_kill_has_finished),
        cmocka_unit_test(task_that_waits_is_killed_at_once),
        cmocka_unit_test(kill_of_an_executor_asks_it_first),
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
        cmocka_unit_test(task_that_it_has_and_said_nothing_of_is_not_handed_over_again),
        cmocka_unit_test(task_that_it_has_lost_has_failed),
        cmocka_unit_test(what_was_not_acknowledged_counts_once_over_lives),
        cmocka_unit_test(what_was_not_written_down_is_told_by_what_comes_again),
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
