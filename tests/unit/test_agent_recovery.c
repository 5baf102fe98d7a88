/* An agent that goes on where an earlier one was. */
#include "tests/unit/agent_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"

static struct world *world_with_task(const struct task_info *task)
{
    struct world *world = world_new(&(struct world_plan){0});

    world_run_task(world, task);
    world_started(world, task->task_id);
    world_acknowledge(world, task->task_id);
    return world;
}

static struct world *world_with_running_task(void)
{
    return world_with_task(simple_task("t1"));
}

static const struct agent_task *reported(const struct world *world, const char *task_id)
{
    const struct msg_register_agent *call =
        record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent;

    for (size_t i = 0; i < call->tasks_count; i++)
        if (!strcmp(call->tasks[i].task->task_id, task_id))
            return &call->tasks[i];
    return NULL;
}

static void assert_nothing_stored(struct world *world)
{
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, ""), 0);
    assert_int_equal(world_stored(world, MSG_KEEP_TASK_STATE, ""), 0);
}

/* --- what is written ---------------------------------------------------------------------------- */

static void task_is_written_before_it_is_launched(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world->disk_is_full = true;
    world_run(world, "t1");
    assert_null(world_launch(world, "t1"));
    world->disk_is_full = false;
    world_commit(world);
    world_run(world, "t2");
    assert_non_null(world_launch(world, "t2"));
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, "t1"), 0);
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, "t2"), 1);
    assert_int_equal(world_stored(world, MSG_KEEP_FRAMEWORK, ""), 1);
}

static void kill_in_the_same_turn_comes_after_the_launch(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world->turn_goes_on = true;
    world_run(world, "t1");
    world_kill(world, "t1");
    assert_int_equal(world->orders.count, 0);
    assert_int_equal(world_updates_count(world, "t1"), 0);
    world->turn_goes_on = false;
    world_commit(world);
    assert_int_equal(world->orders.count, 2);
    assert_int_equal(world->orders.items[0].type, MSG_LAUNCH_CONTAINER);
    assert_int_equal(world->orders.items[1].type, MSG_SIGNAL_CONTAINER);
    world->turn_goes_on = true;
    world_run(world, "t2");
    world_kill(world, "t2");
    world->turn_goes_on = false;
    world->disk_is_full = true;
    world_commit(world);
    assert_state(world, "t2", TASK_KILLED);
    assert_int_equal(world->orders.count, 2);
}

static void what_is_forgotten_leaves_no_record(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    assert_int_equal(world_stored(world, MSG_KEEP_TASK_STATE, "t1"), 1);
    world_exited_code(world, "t1", 0);
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, "t1"), 1);
    world_acknowledge(world, "t1");
    assert_nothing_stored(world);
    world_pass(world, 61000);
    assert_int_equal(world_stored(world, MSG_KEEP_FRAMEWORK, ""), 0);
    assert_int_equal(world_stored(world, MSG_KEEP_IDENTITY, ""), 1);
}

static void container_is_forgotten_once_its_end_is_written(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world->disk_is_full = true;
    world_exited_code(world, "t1", 0);
    assert_int_equal(world_forgets(world, "t1"), 0);
    world->disk_is_full = false;
    world_commit(world);
    assert_int_equal(world_forgets(world, "t1"), 1);
}

/* --- what goes on ------------------------------------------------------------------------------- */

static void running_task_goes_on(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    const struct msg_change_task *shown;

    (void)state;
    world_reborn(world);
    assert_string_equal(agent_id(world->agent), AGENT);
    assert_int_equal(reported(world, "t1")->state, TASK_RUNNING);
    assert_int_equal(reported(world, "t1")->status->container->pid, 4711);
    assert_string_equal(reported(world, "t1")->role, "ads");
    assert_int_equal(world_updates_count(world, "t1"), 0); /* RUNNING is acknowledged */
    assert_null(world_launch(world, "t1"));
    shown = record_last(&world->changes, MSG_CHANGE_TASK)->change_task;
    assert_int_equal(shown->state, TASK_RUNNING);
    assert_int_equal(shown->status->state, TASK_RUNNING);
    assert_non_null(record_last(&world->changes, MSG_CHANGE_FRAMEWORK));
    assert_int_equal(world_counter(world, "slave/tasks_recovered"), 1);
    world_exited_code(world, "t1", 3);
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->exit->code, 3);
    world_acknowledge(world, "t1");
    assert_nothing_stored(world);
}

static void start_and_end_that_nobody_heard_are_told(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    world_reborn(world);
    assert_int_equal(reported(world, "t1")->state, TASK_STAGING);
    world_started(world, "t1");
    assert_state(world, "t1", TASK_RUNNING);
    world_started(world, "t1");
    assert_int_equal(world_updates_count(world, "t1"), 1);
    world_exited_code(world, "t1", 0);
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_FINISHED);
}

static void updates_go_on_from_the_first_unacknowledged(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct bytes first;

    (void)state;
    world_run(world, "t1");
    world_started(world, "t1");
    first = world_update(world, "t1")->status->uuid;
    world_kill(world, "t1");
    world_reborn(world);
    assert_state(world, "t1", TASK_RUNNING);
    assert_memory_equal(world_update(world, "t1")->status->uuid.data, first.data, first.size);
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_KILLING);
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_KILLED);
}

static void files_are_asked_for_where_the_agent_is_now(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    world_started(world, "t1");
    assert_string_equal(world_update(world, "t1")->status->container->agent_address,
                        "10.0.0.2:5051");
    world->address = "10.0.0.2:40000";
    world_reborn(world);
    assert_string_equal(world_update(world, "t1")->status->container->agent_address,
                        "10.0.0.2:40000");
    assert_string_equal(reported(world, "t1")->status->container->agent_address, "10.0.0.2:40000");
}

static void end_that_was_not_acknowledged_is_told_again(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    struct bytes uuid;

    (void)state;
    world_exited_code(world, "t1", 0);
    uuid = world_update(world, "t1")->status->uuid;
    world_reborn(world);
    assert_state(world, "t1", TASK_FINISHED);
    assert_memory_equal(world_update(world, "t1")->status->uuid.data, uuid.data, uuid.size);
    world_acknowledge(world, "t1");
    assert_nothing_stored(world);
    world_reborn(world);
    assert_int_equal(world_counter(world, "slave/tasks_remembered"), 0);
}

static void only_what_has_not_ended_is_to_be_recovered(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    const char *ids[8];
    struct agent_past past;

    (void)state;
    world_run(world, "t2");
    world_exited_code(world, "t2", 1);
    world_run(world, "t3");
    world_crash(world);
    past = world_past(world);
    assert_int_equal(agent_past_containers(&past, "boot 1", false, ids), 2);
    assert_true(strstr(ids[0], "t1.") == ids[0] || strstr(ids[1], "t1.") == ids[1]);
    assert_true(strstr(ids[0], "t3.") == ids[0] || strstr(ids[1], "t3.") == ids[1]);
    assert_int_equal(agent_past_containers(&past, "boot 2", false, ids), 0);
    assert_true(world_restart(world));
}

static void task_that_never_reached_the_launcher_is_dropped(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    world_reborn(world);
    world_exited(world, "t1", (struct msg_container_exited){.never_launched = true});
    assert_state(world, "t1", TASK_DROPPED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_AGENT_RESTARTED);
}

static void end_that_nobody_saw_is_a_failure(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_reborn(world);
    world_exited(world, "t1", (struct msg_container_exited){.error = "its shim was killed"});
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_EXECUTOR_TERMINATED);
}

/* --- endings ------------------------------------------------------------------------------------ */

static void ending_goes_on_with_what_is_left_of_its_grace(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_kill_grace(world, "t1", 10000);
    world_crash(world);
    world->now.mono_us += 4 * US_PER_S;
    world->now.wall_us += 4 * US_PER_S;
    assert_true(world_restart(world));
    assert_int_equal(world_signals(world, "t1", false), 1);
    world_pass(world, 5900);
    assert_int_equal(world_signals(world, "t1", true), 0);
    world_pass(world, 200);
    assert_int_equal(world_signals(world, "t1", true), 1);
    world_crash(world);
    assert_true(world_restart(world));
    assert_int_equal(world_signals(world, "t1", true), 1);
    world_connect(world);
    world_registered(world);
    world_exited_code(world, "t1", 0);
    world_acknowledge(world, "t1"); /* KILLING */
    assert_state(world, "t1", TASK_KILLED);
}

static void preemption_outlives_the_agent(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_say(world, MESSAGE(KILL_TASK, kill_task, .framework_id = FRAMEWORK, .task_id = "t1",
                             .preempted = "role ads needs its room"));
    world_reborn(world);
    world_exited_code(world, "t1", 0);
    world_acknowledge(world, "t1"); /* KILLING */
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_PREEMPTED);
    assert_string_equal(world_update(world, "t1")->status->message,
                        "preempted: role ads needs its room: exited with status 0");
}

static void grace_does_not_mind_what_becomes_of_the_wall_clock(void **state)
{
    static const int64_t hours[] = {-7, 5};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(hours); i++) {
        CLEANUP(world_destroy) struct world *world = world_with_running_task();

        world_kill_grace(world, "t1", 10000);
        world_crash(world);
        world->now.wall_us += hours[i] * 3600 * US_PER_S;
        assert_true(world_restart(world));
        world_pass(world, 9900);
        assert_int_equal(world_signals(world, "t1", true), 0);
        world_pass(world, 101);
        assert_int_equal(world_signals(world, "t1", true), 1);
    }
}

static void time_limit_does_not_mind_what_becomes_of_the_wall_clock(void **state)
{
    struct task_info task = *simple_task("t1");
    CLEANUP(world_destroy) struct world *world = NULL;

    (void)state;
    task.max_completion_ms = 60000;
    world = world_with_task(&task);
    world->now.wall_us += 5 * 3600 * (int64_t)US_PER_S;
    world_reborn(world);
    world_pass(world, 59000);
    assert_int_equal(world_signals(world, "t1", false), 0);
    world_pass(world, 1001);
    assert_int_equal(world_signals(world, "t1", false), 1);
}

static void time_limit_counts_from_the_start(void **state)
{
    struct task_info task = *simple_task("t1");
    CLEANUP(world_destroy) struct world *world = NULL;

    (void)state;
    task.max_completion_ms = 60000;
    world = world_with_task(&task);
    world_pass(world, 50000);
    world_reborn(world);
    world_pass(world, 9000);
    assert_int_equal(world_signals(world, "t1", false), 0);
    world_pass(world, 1001);
    assert_int_equal(world_signals(world, "t1", false), 1);
    world_exited(world, "t1", (struct msg_container_exited){0});
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_MAX_COMPLETION_TIME_REACHED);
}

static void tasks_of_a_removed_framework_are_ended_still(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    world_reborn(world);
    assert_true(reported(world, "t1")->disowned);
    assert_int_equal(world_signals(world, "t1", false), 1);
    world_acknowledge(world, "t1"); /* TASK_KILLING, by the master */
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_KILLED);
    world_acknowledge(world, "t1");
    assert_nothing_stored(world);
    assert_int_equal(world_stored(world, MSG_KEEP_FRAMEWORK, ""), 0);
}

/* --- leaving ------------------------------------------------------------------------------------ */

static void agent_that_has_unregistered_begins_anew(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_stop(world, 1000, "SIGTERM");
    world_pass(world, 5000);
    assert_true(world->is_stopped);
    assert_non_null(record_last(&world->sent, MSG_UNREGISTER));
    assert_non_null(record_last(&world->orders, MSG_LAUNCHER_END));
    assert_nothing_stored(world);
    world_crash(world);
    assert_true(world_restart(world));
    assert_string_equal(agent_id(world->agent), "");
    world_connect(world);
    assert_int_equal(record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent->last_epoch,
                     EPOCH);
}

static void agent_that_could_not_say_good_bye_comes_back_and_tells(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_disconnect(world);
    world_stop(world, 1000, "SIGTERM");
    world_exited_code(world, "t1", 0);
    assert_true(world->is_stopped);
    world_reborn(world);
    assert_string_equal(agent_id(world->agent), AGENT);
    assert_state(world, "t1", TASK_KILLED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_AGENT_REMOVED);
}

static void agent_that_was_sent_away_keeps_its_id_and_nothing_else(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_say(world, MESSAGE(SHUTDOWN_AGENT, shutdown_agent, .reason = "it is gone"));
    world_exited_code(world, "t1", 0);
    assert_false(world->is_stopped); /* the end is not acknowledged yet */
    world_disconnect(world);
    assert_true(world->is_stopped);
    world_crash(world);
    assert_true(world_restart(world));
    assert_string_equal(agent_id(world->agent), AGENT);
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, ""), 0);
}

static void agent_that_leaves_its_tasks_is_followed_by_one_that_has_them(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_leave(world, 0, "SIGUSR1");
    assert_int_equal(world->exit_code, 0);
    world_reborn(world);
    assert_int_equal(reported(world, "t1")->state, TASK_RUNNING);
}

/* --- masters ------------------------------------------------------------------------------------ */

static void epoch_that_was_obeyed_is_remembered(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const struct msg_register_agent *call;

    (void)state;
    world_crash(world);
    assert_true(world_restart(world));
    world_connect(world);
    call = record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent;
    assert_int_equal(call->last_epoch, EPOCH);
    assert_string_equal(call->last_master_id, "M");
    world->epoch = EPOCH - 1;
    world_registered(world);
    assert_false(agent_is_registered(world->agent));
    world->epoch = EPOCH;
    world_registered(world);
    assert_true(agent_is_registered(world->agent));
}

static void second_master_of_one_epoch_is_not_obeyed(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const struct message rival =
        MESSAGE(AGENT_REGISTERED, agent_registered, .agent_id = AGENT, .master_id = "N");

    (void)state;
    world_crash(world);
    assert_true(world_restart(world));
    world_connect(world);
    world_say(world, rival);
    assert_false(agent_is_registered(world->agent));
    assert_non_null(strstr(world->error, "two masters rule at once"));
    world_registered(world);
    assert_true(agent_is_registered(world->agent));
    world_disconnect(world);
    world_connect(world);
    world->epoch = EPOCH + 1;
    world_say(world, rival);
    assert_true(agent_is_registered(world->agent));
}

/* --- another boot, another machine -------------------------------------------------------------- */

static void host_that_was_started_anew_keeps_its_id_and_its_ends(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_run(world, "t2");
    world_exited_code(world, "t2", 0);
    world->is_new_boot = true;
    world_reborn(world);
    assert_string_equal(agent_id(world->agent), AGENT);
    assert_null(reported(world, "t1"));
    assert_int_equal(world_updates_count(world, "t1"), 0);
    assert_state(world, "t2", TASK_FINISHED);
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, "t1"), 0);
    world_acknowledge(world, "t2");
    world_run(world, "t3");
    world_reborn(world); /* the same boot as before */
    assert_int_equal(reported(world, "t3")->state, TASK_STAGING);
}

static void smaller_machine_is_refused_while_its_tasks_run(void **state)
{
    static const struct resource_info cpus[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 3000}};
    static const struct resource_info fewer[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 2000}};
    struct task_info task = *simple_task("t1");
    CLEANUP(world_destroy) struct world *world = NULL;

    (void)state;
    task.resources = cpus;
    task.resources_count = 1;
    world = world_with_task(&task);
    world_crash(world);
    world->resources = fewer;
    world->resources_count = 1;
    assert_false(world_restart(world));
    assert_int_equal(world->refused, -ERANGE);
    assert_non_null(strstr(world->refusal.text, "cpus"));
    world_crash(world);
    world->resources = cpus;
    assert_true(world_restart(world));
    assert_int_equal(world_counter(world, "slave/tasks_running"), 1);
}

/* --- records that cannot be --------------------------------------------------------------------- */

static void past_that_makes_no_sense_is_refused(void **state)
{
    static const struct framework_info framework = {.id = "F", .name = "f"};
    static const struct command_info command = {.value = "true"};
    static const struct task_info task = {.task_id = "t", .agent_id = "A", .command = &command};
    const struct message identity = MESSAGE(KEEP_IDENTITY, keep_identity, .agent_id = "A",
                                            .master_id = "", .boot_id = "boot 1"),
                         of = MESSAGE(KEEP_FRAMEWORK, keep_framework, .framework = &framework),
                         keep = MESSAGE(KEEP_TASK, keep_task, .framework_id = "F", .role = "*",
                                        .task = &task, .container_id = "t.1", .sandbox = "/s",
                                        .user = ""),
                         running = MESSAGE(KEEP_TASK_STATE, keep_task_state, .framework_id = "F",
                                           .task_id = "t", .state = TASK_RUNNING, .started = true),
                         killing = MESSAGE(KEEP_TASK_STATE, keep_task_state, .framework_id = "F",
                                           .task_id = "t", .state = TASK_KILLING),
                         ended = MESSAGE(KEEP_TASK_STATE, keep_task_state, .framework_id = "F",
                                         .task_id = "t", .state = TASK_FINISHED);
    const struct message pasts[][4] = {
        {of, keep},
        {identity, keep},
        {identity, of, running},
        {identity, of, keep, killing},
        {identity, of, keep, ended},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pasts); i++) {
        CLEANUP(world_destroy)
        struct world *world = world_new(&(struct world_plan){.unregistered = true});

        world_crash(world);
        world_set_store(world, pasts[i], ARRAY_SIZE(pasts[i]));
        assert_false(world_restart(world));
        assert_int_equal(world->refused, -EBADMSG);
    }
}

/* --- a disk that is full ------------------------------------------------------------------------ */

static void full_disk_refuses_tasks_and_goes_on_by_itself(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world->disk_is_full = true;
    world_run(world, "t2"); /* finds it out */
    assert_state(world, "t2", TASK_DROPPED);
    assert_non_null(strstr(world_update(world, "t2")->status->message, "cannot write"));
    assert_non_null(strstr(world->error, "checkpoint cannot be written"));
    world_run(world, "t3"); /* knows it */
    assert_state(world, "t3", TASK_DROPPED);
    world_acknowledge(world, "t2");
    world_acknowledge(world, "t3");
    assert_int_equal(world_counter(world, "slave/checkpoint_failing"), 1);
    assert_int_equal(world_counter(world, "slave/tasks_remembered"), 1);
    world->disk_is_full = false;
    world_commit(world);
    assert_int_equal(world_counter(world, "slave/checkpoint_failing"), 0);
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, ""), 1);
    world_run(world, "t4");
    assert_non_null(world_launch(world, "t4"));
}

static void full_disk_lets_tasks_be_killed_and_tells_when_it_can(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world->disk_is_full = true;
    world_kill(world, "t1");
    assert_int_equal(world_signals(world, "t1", false), 1);
    world_exited_code(world, "t1", 0);
    world_pass(world, 60000);
    assert_state(world, "t1", TASK_RUNNING);
    world->disk_is_full = false;
    world_commit(world);
    assert_state(world, "t1", TASK_KILLED);
    world_acknowledge(world, "t1");
    assert_nothing_stored(world);
}

/* Seed 617: one whose launch was taken back was told to be DROPPED, and then STAGING. */
static void task_that_was_given_up_is_not_reported_as_staging(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world->disk_is_full = true;
    world_run(world, "t2");
    assert_state(world, "t2", TASK_DROPPED);
    world_disconnect(world);
    world_connect(world);
    assert_int_equal(reported(world, "t2")->state, TASK_DROPPED);
}

static void agent_with_a_full_disk_registers_with_what_is_written(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world->disk_is_full = true;
    world_exited_code(world, "t1", 0);
    world_disconnect(world);
    world_connect(world);
    assert_int_equal(reported(world, "t1")->state, TASK_RUNNING);
    assert_int_equal(reported(world, "t1")->status->state, TASK_RUNNING);
    world_registered(world);
    assert_state(world, "t1", TASK_RUNNING);
    world->disk_is_full = false;
    world_commit(world);
    assert_state(world, "t1", TASK_FINISHED);
}

static void what_a_full_disk_did_not_take_is_as_if_it_had_not_been(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world->disk_is_full = true;
    world_exited_code(world, "t1", 0);
    world_run(world, "t2");
    world_crash(world);
    world->disk_is_full = false;
    assert_true(world_restart(world));
    world_connect(world);
    assert_int_equal(reported(world, "t1")->state, TASK_RUNNING);
    assert_null(reported(world, "t2"));
    world_registered(world);
    world_exited_code(world, "t1", 0); /* its record was not forgotten */
    assert_state(world, "t1", TASK_FINISHED);
}

/* --- at random ---------------------------------------------------------------------------------- */

#define TASKS 8

static void do_random_event(struct world *world, struct rng *rng)
{
    char id[16];

    snprintf(id, sizeof(id), "t%d", (int)rng_below(rng, TASKS));
    switch (rng_below(rng, 16)) {
    case 0:
        world_crash(world);
        world->is_new_boot = world->is_new_boot || rng_below(rng, 50) == 0;
        assert_true(world_restart(world));
        break;
    case 1:
        world->disk_is_full = !world->disk_is_full;
        world_commit(world);
        break;
    case 2:
        world_disconnect(world);
        break;
    case 3:
    case 4:
        world_connect(world);
        world_registered(world);
        break;
    case 5:
        world_kill_grace(world, id, (int64_t)rng_below(rng, 5000));
        break;
    case 6:
        world_pass(world, (int64_t)rng_below(rng, 20000));
        break;
    case 7:
        if (rng_below(rng, 10) == 0)
            world_say(world,
                      MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
        break;
    case 8:
    case 9:
        world_run(world, id);
        break;
    case 10:
        world_started(world, id);
        break;
    case 11:
        world_exited_code(world, id, (int)rng_below(rng, 2));
        break;
    default:
        if (world_update(world, id))
            world_acknowledge(world, id);
        break;
    }
}

static void random_crashes_leave_the_books_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
        struct rng rng = {.state = seed};
        char id[16];

        for (int i = 0; i < 400; i++)
            do_random_event(world, &rng);
        world->disk_is_full = false;
        world_commit(world);
        world_reborn(world);
        for (int round = 0; round < 5; round++)
            for (int i = 0; i < TASKS; i++) {
                snprintf(id, sizeof(id), "t%d", i);
                world_exited_code(world, id, 0);
                if (world_update(world, id))
                    world_acknowledge(world, id);
            }
        assert_int_equal(world_counter(world, "slave/tasks_remembered"), 0);
        assert_nothing_stored(world);
        world_pass(world, 61000);
        assert_int_equal(world_stored(world, MSG_KEEP_FRAMEWORK, ""), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_is_written_before_it_is_launched),
        cmocka_unit_test(kill_in_the_same_turn_comes_after_the_launch),
        cmocka_unit_test(what_is_forgotten_leaves_no_record),
        cmocka_unit_test(container_is_forgotten_once_its_end_is_written),
        cmocka_unit_test(running_task_goes_on),
        cmocka_unit_test(start_and_end_that_nobody_heard_are_told),
        cmocka_unit_test(updates_go_on_from_the_first_unacknowledged),
        cmocka_unit_test(files_are_asked_for_where_the_agent_is_now),
        cmocka_unit_test(end_that_was_not_acknowledged_is_told_again),
        cmocka_unit_test(only_what_has_not_ended_is_to_be_recovered),
        cmocka_unit_test(task_that_never_reached_the_launcher_is_dropped),
        cmocka_unit_test(end_that_nobody_saw_is_a_failure),
        cmocka_unit_test(ending_goes_on_with_what_is_left_of_its_grace),
        cmocka_unit_test(preemption_outlives_the_agent),
        cmocka_unit_test(grace_does_not_mind_what_becomes_of_the_wall_clock),
        cmocka_unit_test(time_limit_does_not_mind_what_becomes_of_the_wall_clock),
        cmocka_unit_test(time_limit_counts_from_the_start),
        cmocka_unit_test(tasks_of_a_removed_framework_are_ended_still),
        cmocka_unit_test(agent_that_has_unregistered_begins_anew),
        cmocka_unit_test(agent_that_could_not_say_good_bye_comes_back_and_tells),
        cmocka_unit_test(agent_that_was_sent_away_keeps_its_id_and_nothing_else),
        cmocka_unit_test(agent_that_leaves_its_tasks_is_followed_by_one_that_has_them),
        cmocka_unit_test(epoch_that_was_obeyed_is_remembered),
        cmocka_unit_test(second_master_of_one_epoch_is_not_obeyed),
        cmocka_unit_test(host_that_was_started_anew_keeps_its_id_and_its_ends),
        cmocka_unit_test(smaller_machine_is_refused_while_its_tasks_run),
        cmocka_unit_test(past_that_makes_no_sense_is_refused),
        cmocka_unit_test(full_disk_refuses_tasks_and_goes_on_by_itself),
        cmocka_unit_test(full_disk_lets_tasks_be_killed_and_tells_when_it_can),
        cmocka_unit_test(task_that_was_given_up_is_not_reported_as_staging),
        cmocka_unit_test(agent_with_a_full_disk_registers_with_what_is_written),
        cmocka_unit_test(what_a_full_disk_did_not_take_is_as_if_it_had_not_been),
        cmocka_unit_test(random_crashes_leave_the_books_in_order),
    };

    return cmocka_run_group_tests_name("agent recovery", tests, NULL, NULL);
}
