/* How tasks are ended: on request, by their time, with their framework, with the agent. */
#include "agent/core/state.h"
#include "tests/unit/agent_fixture.h"

static struct world *world_with_running_task(void)
{
    struct world *world = world_new(&(struct world_plan){0});

    world_run(world, "t1");
    world_started(world, "t1");
    world_acknowledge(world, "t1");
    return world;
}

static void run_with_grace(struct world *world, const char *task_id, int64_t grace_ms)
{
    const struct kill_policy policy = {.grace_ms = grace_ms};
    struct task_info task = *simple_task(task_id);

    task.kill_policy = &policy;
    world_run_task(world, &task);
    world_started(world, task_id);
    world_acknowledge(world, task_id);
}

static void kill_is_a_signal_then_force_after_the_grace(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_kill(world, "t1");
    assert_state(world, "t1", TASK_KILLING);
    assert_int_equal(world_signals(world, "t1", false), 1);
    world_pass(world, 2999);
    assert_int_equal(world_signals(world, "t1", true), 0);
    world_pass(world, 1);
    assert_int_equal(world_signals(world, "t1", true), 1);
    world_acknowledge(world, "t1");
    world_exited(world, "t1",
                 (struct msg_container_exited){.exit = &(const struct exit_info){.signal = 9}});
    assert_state(world, "t1", TASK_KILLED);
    assert_string_equal(world_update(world, "t1")->status->message,
                        "killed on request: terminated by signal 9 (Killed)");
    world_pass(world, 5000);
    assert_int_equal(world_signals(world, "t1", true), 1);
}

static void task_that_obeys_is_killed_even_if_it_exits_with_zero(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_kill(world, "t1");
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_KILLED);
    world_pass(world, 10000);
    assert_int_equal(world_signals(world, "t1", true), 0);
}

static void drain(struct world *world, const struct drain_info *info)
{
    world_say(world, MESSAGE(KILL_TASK, kill_task, .framework_id = FRAMEWORK, .task_id = "t1",
                             .drain = info));
}

static void drain_cuts_the_grace_and_is_the_reason(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_with_grace(world, "t1", 60000);
    drain(world, &(struct drain_info){.max_grace_ms = 100000}); /* it asks for less itself */
    world_pass(world, 59000);
    assert_int_equal(world_signals(world, "t1", true), 0);
    drain(world, &(struct drain_info){.max_grace_ms = 500});
    world_pass(world, 500);
    assert_int_equal(world_signals(world, "t1", true), 1);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_AGENT_DRAINING);
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_KILLED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_AGENT_DRAINING);
    assert_string_equal(world_update(world, "t1")->status->message,
                        "killed because its agent is being drained: exited with status 0");
}

static void drain_of_an_agent_that_will_be_gone_ends_tasks_so(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    drain(world, &(struct drain_info){.mark_gone = true});
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_GONE_BY_OPERATOR);
}

static void preempt(struct world *world, const char *why, int64_t max_grace_ms)
{
    world_say(world, MESSAGE(KILL_TASK, kill_task, .framework_id = FRAMEWORK, .task_id = "t1",
                             .preempted = why, .max_grace_ms = max_grace_ms));
}

static void preempted_task_ends_as_such_and_says_for_whom(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_with_grace(world, "t1", 60000);
    preempt(world, "role ads needs its room", 5000);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_PREEMPTED);
    world_pass(world, 4999);
    assert_int_equal(world_signals(world, "t1", true), 0);
    world_pass(world, 1);
    assert_int_equal(world_signals(world, "t1", true), 1);
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_KILLED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_PREEMPTED);
    assert_string_equal(world_update(world, "t1")->status->message,
                        "preempted: role ads needs its room: exited with status 0");
}

/* Its end is not acknowledged, and the master goes on asking. */
static void ended_task_does_not_grow_by_what_is_asked_of_it(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    const struct task *task;
    size_t bytes;

    (void)state;
    world_exited_code(world, "t1", 0);
    task = agent_task_get(agent_framework_get(world->agent, FRAMEWORK), "t1");
    bytes = arena_used(task->arena);
    for (int i = 0; i < 100; i++)
        preempt(world, "role ads needs its room", 5000);
    assert_int_equal(arena_used(task->arena), bytes);
    assert_string_equal(world_update(world, "t1")->status->message, "exited with status 0");
}

static void task_that_was_to_be_killed_before_ends_as_killed(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_kill(world, "t1");
    preempt(world, "role ads needs its room", 0);
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_string_equal(world_update(world, "t1")->status->message,
                        "killed on request: exited with status 0");
}

static void kill_before_the_start_says_so(void **state)
{
    static const struct {
        struct msg_container_exited event;
        const char *text;
    } cases[] = {
        {{0}, "killed on request: it had not been started"},
        {{.error = "cannot fetch http://h/x: HTTP status 404"},
         "killed on request: cannot fetch http://h/x: HTTP status 404"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

        world_run_task(world, simple_task("t1"));
        world_kill(world, "t1");
        world_acknowledge(world, "t1");
        world_exited(world, "t1", cases[i].event);
        assert_state(world, "t1", TASK_KILLED);
        assert_string_equal(world_update(world, "t1")->status->message, cases[i].text);
    }
}

static void own_policy_gives_the_grace_and_the_call_overrides_it(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_with_grace(world, "t1", 20000);
    world_kill(world, "t1");
    world_pass(world, 19999);
    assert_int_equal(world_signals(world, "t1", true), 0);
    world_pass(world, 1);
    assert_int_equal(world_signals(world, "t1", true), 1);

    run_with_grace(world, "t2", 20000);
    world_kill_grace(world, "t2", 1000);
    world_pass(world, 1000);
    assert_int_equal(world_signals(world, "t2", true), 1);

    run_with_grace(world, "t3", 0);
    world_kill(world, "t3");
    assert_int_equal(world_signals(world, "t3", false), 0);
    assert_int_equal(world_signals(world, "t3", true), 1);
}

static void second_kill_may_shorten_the_grace_but_not_lengthen_it(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_kill_grace(world, "t1", 60000);
    world_kill_grace(world, "t1", 5000);
    world_kill_grace(world, "t1", 600000);
    assert_int_equal(world_signals(world, "t1", false), 1);
    world_pass(world, 5000);
    assert_int_equal(world_signals(world, "t1", true), 1);
    world_kill_grace(world, "t1", 0);
    assert_int_equal(world_signals(world, "t1", true), 1);
}

static void kill_before_the_start_is_by_force(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    world_kill(world, "t1");
    assert_state(world, "t1", TASK_KILLING);
    assert_int_equal(world_signals(world, "t1", true), 1);
    world_acknowledge(world, "t1");
    world_exited(world, "t1", (struct msg_container_exited){.error = "killed"});
    assert_state(world, "t1", TASK_KILLED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_TASK_KILLED_DURING_LAUNCH);

    world_run(world, "t2");
    world_kill(world, "t2");
    world_started(world, "t2");
    world_acknowledge(world, "t2");
    world_exited_code(world, "t2", 0);
    assert_state(world, "t2", TASK_KILLED);
}

static void kill_of_an_unknown_or_ended_task_does_nothing(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    size_t sent;

    (void)state;
    world_kill(world, "t9");
    assert_int_equal(world_counter(world, "slave/kills_of_unknown_tasks"), 1);
    world_exited_code(world, "t1", 0);
    sent = world->sent.count;
    world_kill(world, "t1");
    assert_int_equal(world->sent.count, sent);
    assert_state(world, "t1", TASK_FINISHED);
}

static void task_that_runs_too_long_fails(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");

    (void)state;
    task.max_completion_ms = 60000;
    world_run_task(world, &task);
    world_pass(world, 30000);
    world_started(world, "t1");
    world_acknowledge(world, "t1");
    world_pass(world, 59999);
    assert_state(world, "t1", TASK_RUNNING);
    world_pass(world, 1);
    assert_state(world, "t1", TASK_KILLING);
    assert_int_equal(world_signals(world, "t1", false), 1);
    world_kill(world, "t1"); /* comes second: the first cause stands */
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_MAX_COMPLETION_TIME_REACHED);
}

/* The shim read the clock before it was set, the agent hears of the start after that. */
static void clock_that_is_set_while_a_task_starts_does_not_shorten_its_time(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");

    (void)state;
    task.max_completion_ms = 60000;
    world_run_task(world, &task);
    world_started_at(world, "t1", world->now.wall_us - 5 * 3600 * (int64_t)US_PER_S);
    world_acknowledge(world, "t1");
    world_pass(world, 59999);
    assert_state(world, "t1", TASK_RUNNING);
    world_pass(world, 1);
    assert_state(world, "t1", TASK_KILLING);
}

/* The master counts what its tasks hold until it has heard how each of them ended. */
static void removed_framework_ends_when_the_master_has_heard_how_its_tasks_ended(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_run(world, "t2");
    world_exited_code(world, "t2", 0); /* ended, not acknowledged */
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    assert_int_equal(world_counter(world, "slave/tasks_remembered"), 2);
    assert_int_equal(world_signals(world, "t1", false), 1);
    world_acknowledge(world, "t2");
    world_acknowledge(world, "t1"); /* KILLING */
    world_pass(world, 3000);
    assert_int_equal(world_signals(world, "t1", true), 1);
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_KILLED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_FRAMEWORK_REMOVED);
    assert_int_equal(world_counter(world, "slave/tasks_remembered"), 1);
    world_acknowledge(world, "t1");
    assert_int_equal(world_counter(world, "slave/tasks_remembered"), 0);
    assert_int_equal(world_counter(world, "slave/frameworks_active"), 0);
    assert_non_null(record_last(&world->changes, MSG_CHANGE_FRAMEWORK_REMOVED));
}

/* As a master does for each update of a framework that it does not know any more: that many times all tasks. */
static void removal_that_is_said_again_changes_nothing(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    size_t records, orders;

    (void)state;
    world_run(world, "t2");
    world_exited_code(world, "t2", 0);
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    records = world->records.count;
    orders = world->orders.count;
    for (int i = 0; i < 100; i++)
        world_say(world,
                  MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    assert_int_equal(world->records.count, records);
    assert_int_equal(world->orders.count, orders);
    world_reborn(world);
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    world_pass(world, 3000);
    assert_int_equal(world_signals(world, "t1", true), 1);
}

static void task_of_a_removed_framework_is_dropped_and_said_to_be(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    world_run(world, "t3");
    assert_state(world, "t3", TASK_DROPPED);
    assert_int_equal(world_update(world, "t3")->status->reason, REASON_FRAMEWORK_REMOVED);
}

static void removal_of_a_framework_without_tasks_is_at_once(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_exited_code(world, "t1", 0);
    world_acknowledge(world, "t1");
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    assert_int_equal(world_counter(world, "slave/frameworks_active"), 0);
}

static void agent_that_stops_ends_tasks_delivers_and_says_goodbye(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_stop(world, 10000, "asked to");
    assert_state(world, "t1", TASK_KILLING);
    world_run(world, "t2");
    assert_state(world, "t2", TASK_DROPPED);
    world_acknowledge(world, "t2");
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_KILLED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_AGENT_REMOVED);
    assert_false(world->is_stopped);
    world_acknowledge(world, "t1");
    assert_true(world->is_stopped);
    assert_int_equal(world->exit_code, 0);
    assert_int_equal(record_count(&world->sent, MSG_UNREGISTER), 1);
}

static void stopping_has_an_end_whatever_tasks_and_master_do(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_with_grace(world, "t1", 3600000);
    world_stop(world, 5000, "asked to");
    world_pass(world, 5000);
    assert_int_equal(world_signals(world, "t1", true), 1);
    assert_false(world->is_stopped);
    world_pass(world, 2000);
    assert_true(world->is_stopped);
    world_pass(world, 3600000);
    world_exited_code(world, "t1", 0);
}

static void idle_or_disconnected_agent_stops_at_once(void **state)
{
    CLEANUP(world_destroy) struct world *idle = world_new(&(struct world_plan){0});
    CLEANUP(world_destroy) struct world *offline = world_with_running_task();

    (void)state;
    agent_stop(idle->agent, idle->now, 5000, "asked to");
    assert_true(idle->is_stopped);
    world_disconnect(offline);
    agent_stop(offline->agent, offline->now, 5000, "asked to");
    assert_false(offline->is_stopped);
    world_exited_code(offline, "t1", 0);
    assert_true(offline->is_stopped);
    assert_int_equal(record_count(&offline->sent, MSG_UNREGISTER), 0);
}

static void second_stop_may_hurry(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_with_grace(world, "t1", 3600000);
    world_stop(world, 60000, "asked to");
    world_stop(world, 0, "asked again");
    assert_int_equal(world_signals(world, "t1", true), 1);
    world_pass(world, 2000);
    assert_true(world->is_stopped);
}

static void agent_that_is_not_wanted_ends_tasks_and_fails(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_say(world, MESSAGE(SHUTDOWN_AGENT, shutdown_agent, .reason = "marked gone"));
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    world_acknowledge(world, "t1");
    assert_true(world->is_stopped);
    assert_int_equal(world->exit_code, 1);
}

static void agent_that_leaves_its_tasks_says_nothing_and_ends_nothing(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_leave(world, 1, "the launcher died");
    assert_true(world->is_stopped);
    assert_int_equal(world->exit_code, 1);
    assert_null(record_last(&world->sent, MSG_UNREGISTER));
    assert_null(record_last(&world->orders, MSG_LAUNCHER_END));
    assert_int_equal(world_signals(world, "t1", false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kill_is_a_signal_then_force_after_the_grace),
        cmocka_unit_test(task_that_obeys_is_killed_even_if_it_exits_with_zero),
        cmocka_unit_test(kill_before_the_start_says_so),
        cmocka_unit_test(own_policy_gives_the_grace_and_the_call_overrides_it),
        cmocka_unit_test(drain_cuts_the_grace_and_is_the_reason),
        cmocka_unit_test(drain_of_an_agent_that_will_be_gone_ends_tasks_so),
        cmocka_unit_test(preempted_task_ends_as_such_and_says_for_whom),
        cmocka_unit_test(ended_task_does_not_grow_by_what_is_asked_of_it),
        cmocka_unit_test(task_that_was_to_be_killed_before_ends_as_killed),
        cmocka_unit_test(second_kill_may_shorten_the_grace_but_not_lengthen_it),
        cmocka_unit_test(kill_before_the_start_is_by_force),
        cmocka_unit_test(kill_of_an_unknown_or_ended_task_does_nothing),
        cmocka_unit_test(task_that_runs_too_long_fails),
        cmocka_unit_test(clock_that_is_set_while_a_task_starts_does_not_shorten_its_time),
        cmocka_unit_test(removed_framework_ends_when_the_master_has_heard_how_its_tasks_ended),
        cmocka_unit_test(removal_that_is_said_again_changes_nothing),
        cmocka_unit_test(task_of_a_removed_framework_is_dropped_and_said_to_be),
        cmocka_unit_test(removal_of_a_framework_without_tasks_is_at_once),
        cmocka_unit_test(agent_that_stops_ends_tasks_delivers_and_says_goodbye),
        cmocka_unit_test(stopping_has_an_end_whatever_tasks_and_master_do),
        cmocka_unit_test(idle_or_disconnected_agent_stops_at_once),
        cmocka_unit_test(second_stop_may_hurry),
        cmocka_unit_test(agent_that_is_not_wanted_ends_tasks_and_fails),
        cmocka_unit_test(agent_that_leaves_its_tasks_says_nothing_and_ends_nothing),
    };

    return cmocka_run_group_tests_name("agent kill", tests, NULL, NULL);
}
