/* Groups of tasks on an agent: who is launched when, whose end is the end of whom, and how a new agent goes on. */
#include "tests/unit/group_scene.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "proto/groups.h"

/* --- the order ---------------------------------------------------------------------------------- */

static void tasks_are_launched_in_their_order(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_group();

    (void)state;
    assert_non_null(holder_order(world));
    assert_string_equal(launched(world), "");
    holder_started(world);
    assert_string_equal(launched(world), "init1 ");
    world_started(world, "init1");
    assert_string_equal(launched(world), "init1 ");
    world_exited_code(world, "init1", 0);
    assert_string_equal(launched(world), "init1 init2 ");
    finish(world, "init2");
    assert_string_equal(launched(world), "init1 init2 log ");
    world_started(world, "log");
    assert_string_equal(launched(world), "init1 init2 log proxy ");
    world_started(world, "proxy");
    assert_string_equal(launched(world), "init1 init2 log proxy main1 main2 ");
}

static void a_task_is_told_whom_to_join_and_where_its_volumes_are(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_group();
    const struct msg_launch_container *holder = holder_order(world), *task;

    (void)state;
    assert_string_equal(holder->group->volumes[0], "data");
    assert_string_equal(holder->user, "alice");
    holder_started(world);
    task = world_launch(world, "init1");
    assert_string_equal(task->holder, holder->container_id);
    assert_string_equal(task->group_folder, holder->sandbox);
}

static void the_holder_is_granted_the_ports_of_all(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const struct framework_info framework = {.id = FRAMEWORK, .name = "test"};
    const struct group_info group = {.id = GROUP};
    const struct group_member member = {.id = GROUP};
    const struct range_info first = {31000, 31001}, second = {31005, 31005};
    const struct resource_info ports[] = {
        {.name = "ports", .kind = VALUE_RANGES, .ranges = &first, .ranges_count = 1},
        {.name = "ports", .kind = VALUE_RANGES, .ranges = &second, .ranges_count = 1}};
    struct task_info tasks[2] = {*simple_task("a"), *simple_task("b")};
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tasks[i].group = &member;
        tasks[i].resources = &ports[i];
        tasks[i].resources_count = 1;
    }
    world_say(world, MESSAGE(RUN_GROUP, run_group, .framework = &framework, .group = &group,
                             .tasks = tasks, .tasks_count = 2));
    for (size_t i = 0; i < holder_order(world)->resources_count; i++)
        count += !strcmp(holder_order(world)->resources[i].name, "ports");
    assert_int_equal(count, 2);
}

/* --- how it ends -------------------------------------------------------------------------------- */

static void sidecars_are_ended_when_all_mains_have_finished(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_group();

    (void)state;
    world_exited_code(world, "main1", 0);
    assert_int_equal(world_signals(world, "proxy", false), 0);
    world_exited_code(world, "main2", 0);
    assert_int_equal(world_signals(world, "proxy", false), 1);
    assert_int_equal(world_signals(world, "log", false), 0);
    killed(world, "proxy");
    assert_end(world, "proxy", TASK_KILLED, );
    assert_int_equal(world_signals(world, "log", false), 1);
    assert_int_equal(holder_kills(world), 0);
    world_exited_code(world, "log", 0); /* it ends itself when it is asked to */
    assert_int_equal(holder_kills(world), 1);
    assert_int_equal(world_stored(world, MSG_KEEP_GROUP, ""), 1);
    holder_exits(world);
    assert_end(world, "log", TASK_FINISHED, );
    assert_nothing_left(world);
}

static void failed_init_ends_all_and_what_waits_never_starts(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_group();

    (void)state;
    holder_started(world);
    world_started(world, "init1");
    world_exited_code(world, "init1", 3);
    assert_string_equal(launched(world), "init1 ");
    assert_end(world, "init1", TASK_FAILED, REASON_COMMAND_EXECUTOR_FAILED);
    assert_end(world, "main1", TASK_KILLED, REASON_TASK_GROUP_ENDED);
    assert_string_equal(world_update(world, "main1")->status->message,
                        "ended with its group: task init1 is TASK_FAILED: exited with status 3; it "
                        "had not been started");
    assert_end(world, "log", TASK_KILLED, REASON_TASK_GROUP_ENDED);
    assert_int_equal(holder_kills(world), 1);
}

static void failed_main_ends_mains_first_then_sidecars(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_group();

    (void)state;
    world_exited_code(world, "main1", 1);
    assert_int_equal(world_signals(world, "main2", false), 1);
    assert_int_equal(world_signals(world, "proxy", false), 0);
    world_pass(world, 4999);
    assert_int_equal(world_signals(world, "main2", true), 0);
    world_pass(world, 1); /* its own grace */
    assert_int_equal(world_signals(world, "main2", true), 1);
    killed(world, "main2");
    assert_int_equal(world_signals(world, "proxy", false), 1);
    killed(world, "proxy");
    killed(world, "log");
    holder_exits(world);
    assert_end(world, "main2", TASK_KILLED, REASON_TASK_GROUP_ENDED);
    assert_string_equal(world_update(world, "main2")->status->message,
                        "ended with its group: task main1 is TASK_FAILED: exited with status 1; "
                        "terminated by signal 15 (Terminated)");
    assert_end(world, "log", TASK_KILLED, REASON_TASK_GROUP_ENDED);
}

static void sidecar_that_ends_early_ends_all_unless_it_may(void **state)
{
    static const struct part parts[] = {{"log", GROUP_SIDECAR, true, 0},
                                        {"proxy", GROUP_SIDECAR, false, 0},
                                        {"main1", GROUP_MAIN, false, 0}};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_parts(world, parts, ARRAY_SIZE(parts));
    holder_started(world);
    world_started(world, "log");
    world_exited_code(world, "log", 1);
    assert_end(world, "log", TASK_FAILED, REASON_COMMAND_EXECUTOR_FAILED);
    world_started(world, "proxy");
    world_started(world, "main1");
    assert_int_equal(world_signals(world, "main1", false), 0);
    world_exited_code(world, "proxy", 0);
    assert_end(world, "proxy", TASK_FINISHED, );
    assert_int_equal(world_signals(world, "main1", false), 1);
}

static void kill_of_one_is_the_end_of_all_for_that_reason(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_group();

    (void)state;
    world_kill_grace(world, "log", 700); /* whose turn is the last */
    world_kill(world, "log");            /* takes nothing of that back */
    assert_int_equal(world_signals(world, "log", false), 0);
    assert_int_equal(world_signals(world, "main1", false), 1);
    assert_int_equal(world_signals(world, "main2", false), 1);
    killed(world, "main1");
    killed(world, "main2");
    killed(world, "proxy");
    assert_int_equal(world_signals(world, "log", false), 1);
    world_pass(world, 700);
    assert_int_equal(world_signals(world, "log", true), 1);
    killed(world, "log");
    holder_exits(world);
    assert_end(world, "main1", TASK_KILLED, );
    assert_string_equal(world_update(world, "main1")->status->message,
                        "killed on request: terminated by signal 15 (Terminated)");
    assert_end(world, "log", TASK_KILLED, );
}

static void drain_has_one_end_for_all(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_group();
    const struct drain_info drain = {.max_grace_ms = 2000};

    (void)state;
    world_say(world, MESSAGE(KILL_TASK, kill_task, .framework_id = FRAMEWORK, .task_id = "main1",
                             .drain = &drain));
    world_pass(world, 1500);
    killed(world, "main1");
    killed(world, "main2");
    assert_int_equal(world_signals(world, "proxy", false), 1);
    world_pass(world, 500);
    assert_int_equal(world_signals(world, "proxy", true), 1);
    killed(world, "proxy");
    assert_int_equal(world_signals(world, "log", true), 1); /* no time is left */
    killed(world, "log");
    holder_exits(world);
    assert_end(world, "log", TASK_KILLED, REASON_AGENT_DRAINING);
    assert_end(world, "main2", TASK_KILLED, REASON_AGENT_DRAINING);
}

static void kill_before_the_start_ends_what_waits(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_group();

    (void)state;
    world_kill(world, "main2");
    assert_end(world, "init1", TASK_KILLED, REASON_TASK_KILLED_DURING_LAUNCH);
    holder_started(world);
    assert_string_equal(launched(world), "");
    assert_int_equal(holder_kills(world), 1);
}

static void time_limit_of_one_ends_all(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const struct framework_info framework = {.id = FRAMEWORK, .name = "test"};
    const struct group_info group = {.id = GROUP};
    const struct group_member member = {.id = GROUP};
    struct task_info tasks[2] = {*simple_task("main1"), *simple_task("main2")};

    (void)state;
    tasks[0].group = tasks[1].group = &member;
    tasks[0].max_completion_ms = 1000;
    world_say(world, MESSAGE(RUN_GROUP, run_group, .framework = &framework, .group = &group,
                             .tasks = tasks, .tasks_count = 2));
    holder_started(world);
    world_started(world, "main1");
    world_started(world, "main2");
    world_pass(world, 1000);
    assert_int_equal(world_signals(world, "main1", false), 1);
    assert_int_equal(world_signals(world, "main2", false), 0);
    killed(world, "main1");
    assert_int_equal(world_signals(world, "main2", false), 1);
    killed(world, "main2");
    holder_exits(world);
    assert_end(world, "main1", TASK_FAILED, REASON_MAX_COMPLETION_TIME_REACHED);
    assert_end(world, "main2", TASK_KILLED, REASON_TASK_GROUP_ENDED);
}

static void holder_that_cannot_be_had_fails_all(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_group();

    (void)state;
    holder_exited(world, (struct msg_container_exited){.error = "network/bridge is not used"});
    assert_end(world, "main1", TASK_FAILED, REASON_CONTAINER_LAUNCH_FAILED);
    assert_string_equal(world_update(world, "main1")->status->message,
                        "what its group shares cannot be had: network/bridge is not used");
    assert_end(world, "init1", TASK_FAILED, REASON_CONTAINER_LAUNCH_FAILED);
    assert_nothing_left(world);
}

static void end_of_the_holder_is_the_end_of_all(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_group();

    (void)state;
    holder_exited(world,
                  (struct msg_container_exited){.exit = &(const struct exit_info){.signal = 9}});
    assert_int_equal(world_signals(world, "main1", false), 1);
    killed(world, "main1");
    killed(world, "main2");
    killed(world, "proxy");
    killed(world, "log");
    assert_string_equal(last_of(world, "main1")->message,
                        "ended with its group: what holds its namespaces has ended; terminated by "
                        "signal 15 (Terminated)");
    assert_nothing_left(world);
}

static void framework_that_is_removed_and_agent_that_leaves_end_all_at_once(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_group();
    CLEANUP(world_destroy) struct world *other = world_with_group();

    (void)state;
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    assert_int_equal(world_signals(world, "main1", false), 1);
    assert_int_equal(world_signals(world, "log", false), 1);
    for (size_t i = 2; i < ARRAY_SIZE(whole); i++)
        killed(world, whole[i].task_id);
    assert_end(world, "log", TASK_KILLED, REASON_FRAMEWORK_REMOVED);
    holder_exits(world);
    assert_end(world, "main2", TASK_KILLED, REASON_FRAMEWORK_REMOVED);
    assert_nothing_left(world);

    holder_started(other);
    world_started(other, "init1");
    world_stop(other, 1000, "test");
    assert_end(other, "main1", TASK_KILLED, REASON_AGENT_REMOVED);
    assert_int_equal(world_signals(other, "init1", false), 1);
    killed(other, "init1");
    for (size_t i = 1; i < ARRAY_SIZE(whole); i++) {
        last_of(other, whole[i].task_id);
        world_acknowledge(other, whole[i].task_id);
    }
    assert_false(other->is_stopped);
    holder_exits(other);
    assert_end(other, "init1", TASK_KILLED, REASON_AGENT_REMOVED);
    world_acknowledge(other, "init1");
    assert_true(other->is_stopped);
}

/* --- what is refused ---------------------------------------------------------------------------- */

static void bad_group_is_refused_as_a_whole_and_the_culprit_is_named(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const struct framework_info framework = {.id = FRAMEWORK, .name = "test"};
    const struct group_info group = {.id = GROUP};
    const struct group_member member = {.id = GROUP};
    struct task_info tasks[2] = {*simple_task("a"), *simple_task("b")};
    const struct resource_info much = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 99000};

    (void)state;
    tasks[0].group = tasks[1].group = &member;
    tasks[1].resources = &much;
    tasks[1].resources_count = 1;
    world_say(world, MESSAGE(RUN_GROUP, run_group, .framework = &framework, .group = &group,
                             .tasks = tasks, .tasks_count = 2));
    assert_null(holder_order(world));
    assert_end(world, "a", TASK_ERROR, REASON_TASK_GROUP_INVALID);
    assert_string_equal(world_update(world, "a")->status->message,
                        "nothing of group pod is launched: task b: this agent lacks 95 cpus");
    assert_end(world, "b", TASK_ERROR, REASON_TASK_GROUP_INVALID);
    assert_nothing_left(world);
}

static void group_that_comes_twice_is_ignored_and_its_id_is_taken_while_it_lives(void **state)
{
    static const struct part others[] = {{"x", GROUP_MAIN, false, 0}};
    CLEANUP(world_destroy) struct world *world = world_with_group();
    size_t orders = world->orders.count;

    (void)state;
    run_parts(world, whole, ARRAY_SIZE(whole));
    assert_int_equal(world->orders.count, orders);
    run_parts(world, others, 1);
    assert_end(world, "x", TASK_ERROR, REASON_TASK_GROUP_INVALID);
    assert_int_equal(world->orders.count, orders);
}

static void group_whose_predecessor_is_on_its_way_out_may_come_again(void **state)
{
    static const struct part one[] = {{"init1", GROUP_MAIN, false, 0}};
    static const struct part next[] = {{"x", GROUP_MAIN, false, 0}};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_parts(world, one, 1);
    holder_started(world);
    finish(world, "init1");
    assert_int_equal(holder_kills(world), 1);
    run_parts(world, next, 1);
    assert_end(world, "x", TASK_DROPPED, REASON_CONTAINER_LAUNCH_FAILED);
    world_acknowledge(world, "x");
    holder_exited(world, (struct msg_container_exited){0});
    run_parts(world, next, 1);
    holder_started(world);
    assert_true(is_launched(world, "x"));
}

static void task_of_a_group_cannot_come_alone(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const struct group_member member = {.id = GROUP};
    struct task_info task = *simple_task("a");

    (void)state;
    task.group = &member;
    world_run_task(world, &task);
    assert_end(world, "a", TASK_ERROR, REASON_TASK_INVALID);
}

/* --- what is written, and the next life --------------------------------------------------------- */

static void nothing_is_launched_before_all_is_written(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world->disk_is_full = true;
    run_parts(world, whole, ARRAY_SIZE(whole));
    assert_null(holder_order(world));
    assert_end(world, "init1", TASK_DROPPED, REASON_CONTAINER_LAUNCH_FAILED);
    assert_end(world, "main2", TASK_DROPPED, REASON_CONTAINER_LAUNCH_FAILED);
    world->disk_is_full = false;
    world_commit(world);
    assert_null(holder_order(world));
    assert_nothing_left(world);
    assert_int_equal(world_stored(world, MSG_KEEP_TASK, ""), 0);
}

static void what_cannot_be_launched_for_a_full_disk_waits_for_room(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_group();

    (void)state;
    holder_started(world);
    world_started(world, "init1");
    world->disk_is_full = true;
    world_exited_code(world, "init1", 0);
    assert_string_equal(launched(world), "init1 ");
    world->disk_is_full = false;
    world_commit(world);
    assert_string_equal(launched(world), "init1 init2 ");
    world->disk_is_full = true;
    finish(world, "init2");
    world_kill(world, "main1"); /* and is ended by then */
    world->disk_is_full = false;
    world_commit(world);
    assert_string_equal(launched(world), "init1 init2 ");
    assert_end(world, "log", TASK_KILLED, REASON_TASK_KILLED_DURING_LAUNCH);
    world_crash(world);
    assert_true(world_restart(world));
}

/* What the next agent asks its launcher about. */
static size_t listed(struct world *world, const char *ids[16])
{
    const struct agent_past past = world_past(world);

    assert_true(past.count <= 16);
    return agent_past_containers(&past, "boot 1", false, ids);
}

static void new_agent_goes_on_between_two_inits(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_group();
    const char *ids[16];

    (void)state;
    holder_started(world);
    finish(world, "init1");
    last_of(world, "init1");
    world_acknowledge(world, "init1"); /* and is forgotten */
    world->turn_goes_on = false;
    world_crash(world);
    assert_int_equal(listed(world, ids), 2); /* the holder and init2 */
    assert_true(world_restart(world));
    world_connect(world);
    world_registered(world);
    assert_string_equal(launched(world), "");
    holder_started(world);
    assert_string_equal(launched(world), "");
    finish(world, "init2");
    assert_string_equal(launched(world), "log ");
}

static void what_ended_while_no_agent_was_there_is_gone_on_from(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_group();

    (void)state;
    reborn(world);
    holder_started(world);
    world_exited_code(world, "main1", 0);
    world_exited_code(world, "main2", 0);
    assert_int_equal(world_signals(world, "proxy", false), 1);
    reborn(world);
    assert_int_equal(world_signals(world, "proxy", false), 1); /* again: it had not ended yet */
    assert_int_equal(world_signals(world, "log", false), 0);
    killed(world, "proxy");
    assert_int_equal(world_signals(world, "log", false), 1);
    killed(world, "log");
    assert_int_equal(holder_kills(world), 1);
    reborn(world);
    assert_int_equal(holder_kills(world), 1);
    killed(world, "log"); /* it is told again */
    holder_exits(world);
    assert_end(world, "log", TASK_KILLED, );
    assert_nothing_left(world);
}

static void end_that_has_begun_goes_on_for_its_reason(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_group();

    (void)state;
    world_exited_code(world, "main1", 1);
    last_of(world, "main1");
    world_acknowledge(world, "main1");
    reborn(world);
    killed(world, "main2");
    killed(world, "proxy");
    killed(world, "log");
    holder_exits(world);
    assert_end(world, "log", TASK_KILLED, REASON_TASK_GROUP_ENDED);
    assert_string_equal(world_update(world, "log")->status->message,
                        "ended with its group: task main1 is TASK_FAILED: exited with status 1; "
                        "terminated by signal 15 (Terminated)");
}

static void grace_that_a_kill_gives_is_kept_until_the_turn_comes(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_group();

    (void)state;
    world_kill_grace(world, "log", 700); /* whose turn is the last */
    reborn(world);
    killed(world, "main1");
    killed(world, "main2");
    killed(world, "proxy");
    assert_int_equal(world_signals(world, "log", false), 1);
    world_pass(world, 699);
    assert_int_equal(world_signals(world, "log", true), 0);
    world_pass(world, 1);
    assert_int_equal(world_signals(world, "log", true), 1);
}

static void launch_that_was_lost_with_an_agent_is_made_again(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_group();
    char before[256];

    (void)state;
    reborn(world); /* the holder's order was lost, too */
    holder_exited(world, (struct msg_container_exited){.never_launched = true, .error = "lost"});
    assert_non_null(holder_order(world));
    holder_started(world);
    snprintf(before, sizeof(before), "%s", world_launch(world, "init1")->container_id);
    reborn(world);
    holder_started(world);
    assert_string_equal(launched(world), "");
    world_exited(world, "init1",
                 (struct msg_container_exited){.never_launched = true, .error = "lost"});
    assert_string_equal(launched(world), "init1 ");
    assert_string_not_equal(world_launch(world, "init1")->container_id, before);
    assert_null(world_update(world, "init1"));
    world_started(world, "init1");
    assert_string_equal(world_update(world, "init1")->status->container->container_id,
                        world_launch(world, "init1")->container_id);
    world_exited_code(world, "init1", 0);
    assert_string_equal(launched(world), "init1 init2 ");
}

static void group_is_gone_with_its_host(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_group();

    (void)state;
    world_exited_code(world, "main1", 0);
    world->is_new_boot = true;
    world_reborn(world);
    assert_nothing_left(world);
    assert_string_equal(launched(world), "");
    assert_end(world, "main1", TASK_FINISHED, );
}

static void holders_are_kept_from_the_collector(void **state)
{
    CLEANUP(world_destroy)
    struct world *world = world_new(&(struct world_plan){.collects = true});
    const struct msg_collect_sandboxes *order;
    bool is_kept = false;

    (void)state;
    run_parts(world, whole, ARRAY_SIZE(whole));
    holder_started(world);
    world_pass(world, 61000);
    order = record_last(&world->orders, MSG_COLLECT_SANDBOXES)->collect_sandboxes;
    for (size_t i = 0; i < order->keep_count; i++)
        is_kept = is_kept || !strcmp(order->keep[i], holder_order(world)->container_id);
    assert_true(is_kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_launched_in_their_order),
        cmocka_unit_test(a_task_is_told_whom_to_join_and_where_its_volumes_are),
        cmocka_unit_test(the_holder_is_granted_the_ports_of_all),
        cmocka_unit_test(sidecars_are_ended_when_all_mains_have_finished),
        cmocka_unit_test(failed_init_ends_all_and_what_waits_never_starts),
        cmocka_unit_test(failed_main_ends_mains_first_then_sidecars),
        cmocka_unit_test(sidecar_that_ends_early_ends_all_unless_it_may),
        cmocka_unit_test(kill_of_one_is_the_end_of_all_for_that_reason),
        cmocka_unit_test(drain_has_one_end_for_all),
        cmocka_unit_test(kill_before_the_start_ends_what_waits),
        cmocka_unit_test(time_limit_of_one_ends_all),
        cmocka_unit_test(holder_that_cannot_be_had_fails_all),
        cmocka_unit_test(end_of_the_holder_is_the_end_of_all),
        cmocka_unit_test(framework_that_is_removed_and_agent_that_leaves_end_all_at_once),
        cmocka_unit_test(bad_group_is_refused_as_a_whole_and_the_culprit_is_named),
        cmocka_unit_test(group_that_comes_twice_is_ignored_and_its_id_is_taken_while_it_lives),
        cmocka_unit_test(group_whose_predecessor_is_on_its_way_out_may_come_again),
        cmocka_unit_test(task_of_a_group_cannot_come_alone),
        cmocka_unit_test(nothing_is_launched_before_all_is_written),
        cmocka_unit_test(what_cannot_be_launched_for_a_full_disk_waits_for_room),
        cmocka_unit_test(new_agent_goes_on_between_two_inits),
        cmocka_unit_test(what_ended_while_no_agent_was_there_is_gone_on_from),
        cmocka_unit_test(end_that_has_begun_goes_on_for_its_reason),
        cmocka_unit_test(grace_that_a_kill_gives_is_kept_until_the_turn_comes),
        cmocka_unit_test(launch_that_was_lost_with_an_agent_is_made_again),
        cmocka_unit_test(group_is_gone_with_its_host),
        cmocka_unit_test(holders_are_kept_from_the_collector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
