/* The last task of a group, and one whose port leads to it: what they are granted is theirs until the holder has ended,
 * too. */
#include "tests/unit/group_scene.h"

static const struct part only[] = {{"main1", GROUP_MAIN, false, 0}};

static struct world *world_with_one(void)
{
    struct world *world = world_new(&(struct world_plan){0});

    run_parts(world, only, 1);
    holder_started(world);
    world_started(world, "main1");
    return world;
}

/* What is told before that is acknowledged. */
static bool is_over(struct world *world, const char *task_id)
{
    const struct msg_status_update *update = world_update(world, task_id);

    for (size_t i = 0; i < 4 && update && !task_state_is_terminal(update->status->state); i++) {
        world_acknowledge(world, task_id);
        update = world_update(world, task_id);
    }
    return update && task_state_is_terminal(update->status->state);
}

static void what_the_last_one_has_is_free_when_the_holder_has_ended(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_one();

    (void)state;
    world_exited_code(world, "main1", 3);
    assert_int_equal(holder_kills(world), 1);
    world_acknowledge(world, "main1"); /* RUNNING */
    world_disconnect(world);
    world_connect(world);
    assert_int_equal(record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent->tasks[0].state,
                     TASK_RUNNING);
    world_registered(world);
    assert_false(is_over(world, "main1"));
    assert_int_equal(world_forgets(world, "main1"), 0);
    holder_exits(world);
    assert_end(world, "main1", TASK_FAILED, REASON_COMMAND_EXECUTOR_FAILED);
    assert_int_equal(world_forgets(world, "main1"), 1);
    assert_nothing_left(world);
}

static void nothing_changes_how_the_last_one_has_ended(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_one();
    size_t updates;

    (void)state;
    world_exited_code(world, "main1", 0);
    updates = world_updates_count(world, "main1");
    world_kill(world, "main1");
    world_stop(world, 1000, "test");
    assert_int_equal(world_signals(world, "main1", false), 0);
    assert_int_equal(world_updates_count(world, "main1"), updates);
    holder_exits(world);
    assert_end(world, "main1", TASK_FINISHED, );
}

static void last_one_that_waits_is_held_back_as_well(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_group();

    (void)state;
    world_kill(world, "main1"); /* while the holder is on its way */
    assert_end(world, "main1", TASK_KILLED, REASON_TASK_KILLED_DURING_LAUNCH);
    assert_string_equal(task_state_name(last_of(world, "main2")->state), "TASK_KILLING");
    reborn(world);
    assert_int_equal(holder_kills(world), 1);
    assert_false(is_over(world, "main2"));
    holder_exits(world);
    assert_end(world, "main2", TASK_KILLED, REASON_TASK_KILLED_DURING_LAUNCH);
    assert_nothing_left(world);
}

/* The new agent hears of the two ends as they come. */
static void last_one_is_told_by_the_next_agent_as_it_ended(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_one();
    CLEANUP(world_destroy) struct world *other = world_with_one();

    (void)state;
    world_exited_code(world, "main1", 3);
    reborn(world);
    assert_int_equal(holder_kills(world), 1);
    holder_exits(world); /* is not why the task ends: it has */
    assert_int_equal(world_signals(world, "main1", false), 0);
    assert_false(is_over(world, "main1"));
    reborn(world);
    assert_int_equal(holder_kills(world), 0);
    world_exited_code(world, "main1", 3);
    assert_end(world, "main1", TASK_FAILED, REASON_COMMAND_EXECUTOR_FAILED);
    assert_nothing_left(world);

    world_exited_code(other, "main1", 0);
    reborn(other);
    world_kill(other, "main1"); /* too late */
    world_exited_code(other, "main1", 0);
    assert_false(is_over(other, "main1"));
    holder_exits(other);
    assert_end(other, "main1", TASK_FINISHED, );
}

static void removed_framework_waits_for_the_holder_of_its_last_task(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_one();

    (void)state;
    world_exited_code(world, "main1", 0);
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    assert_false(is_over(world, "main1"));
    holder_exits(world);
    assert_end(world, "main1", TASK_KILLED, REASON_FRAMEWORK_REMOVED);
    assert_nothing_left(world);
}

static void holder_ends_though_the_disk_is_full(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_one();

    (void)state;
    world->disk_is_full = true;
    world_kill(world, "main1");
    killed(world, "main1");
    assert_int_equal(holder_kills(world), 1);
    holder_exits(world);
    world->disk_is_full = false;
    world_commit(world);
    assert_end(world, "main1", TASK_KILLED, );
    assert_nothing_left(world);
}

/* --- a port that leads to the group ------------------------------------------------------------- */

/* Port 31000 leads to the group; `other` has one that does not. */
static const struct part leading[] = {
    {"web", GROUP_MAIN, false, 0},
    {"other", GROUP_MAIN, false, 0},
    {"plain", GROUP_MAIN, false, 0},
};
static const struct grant led[ARRAY_SIZE(leading)] = {{.port = 31000}, {.port = 31001}};

static struct world *world_with_port(void)
{
    struct world *world = world_new(&(struct world_plan){0});

    run_granted(world, leading, led, ARRAY_SIZE(leading));
    holder_started(world);
    for (size_t i = 0; i < ARRAY_SIZE(leading); i++)
        world_started(world, leading[i].task_id);
    return world;
}

static void port_is_not_free_while_it_leads_to_the_group(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_port();

    (void)state;
    world_exited_code(world, "web", 0);
    world_exited_code(world, "other", 0);
    assert_false(is_over(world, "web"));
    assert_string_equal(
        world_update(world, "web")->status->message,
        "exited with status 0; that counts when its group uses what it was granted no more");
    assert_true(is_over(world, "other"));
    assert_int_equal(world_forgets(world, "web"), 0);
    assert_int_equal(holder_kills(world), 0);
    world_exited_code(world, "plain", 0);
    assert_int_equal(holder_kills(world), 1);
    assert_false(is_over(world, "web"));
    assert_false(is_over(world, "plain"));
    holder_exits(world);
    assert_end(world, "web", TASK_FINISHED, );
    assert_end(world, "plain", TASK_FINISHED, );
    assert_int_equal(world_forgets(world, "web"), 1);
    assert_nothing_left(world);
}

static void end_that_is_not_told_yet_is_that_of_the_group(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_port();

    (void)state;
    world_exited_code(world, "web", 3);
    assert_int_equal(world_signals(world, "plain", false), 1);
    assert_false(is_over(world, "web"));
    killed(world, "other");
    killed(world, "plain");
    holder_exits(world);
    assert_end(world, "web", TASK_FAILED, REASON_COMMAND_EXECUTOR_FAILED);
    assert_end(world, "plain", TASK_KILLED, REASON_TASK_GROUP_ENDED);
    assert_string_equal(last_of(world, "plain")->message,
                        "ended with its group: task web is TASK_FAILED: exited with status 3; "
                        "terminated by signal 15 (Terminated)");
}

static void kill_of_one_that_has_ended_is_one_of_the_others(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_port();

    (void)state;
    world_exited_code(world, "web", 0);
    world_kill(world, "web");
    assert_int_equal(world_signals(world, "web", false), 0);
    assert_int_equal(world_signals(world, "other", false), 1);
    assert_int_equal(world_signals(world, "plain", false), 1);
    killed(world, "other");
    killed(world, "plain");
    holder_exits(world);
    assert_end(world, "web", TASK_FINISHED, );
    assert_end(world, "plain", TASK_KILLED, );
    assert_nothing_left(world);
}

static void port_is_free_when_the_holder_has_ended_before_the_others(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_port();

    (void)state;
    world_exited_code(world, "web", 0);
    holder_exits(world);
    assert_end(world, "web", TASK_FINISHED, );
    assert_int_equal(world_signals(world, "plain", false), 1);
    assert_false(is_over(world, "plain"));
}

static void one_that_waits_has_its_port_until_the_holder_has_ended(void **state)
{
    static const struct part parts[] = {{"init1", GROUP_INIT, false, 0},
                                        {"web", GROUP_MAIN, false, 0}};
    static const struct grant grants[ARRAY_SIZE(parts)] = {{0}, {.port = 31000}};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_granted(world, parts, grants, ARRAY_SIZE(parts));
    holder_started(world);
    world_started(world, "init1");
    world_kill(world, "init1");
    assert_false(is_over(world, "web"));
    reborn(world);
    assert_false(is_over(world, "web"));
    killed(world, "init1");
    assert_int_equal(holder_kills(world), 1);
    holder_exits(world);
    assert_end(world, "web", TASK_KILLED, REASON_TASK_KILLED_DURING_LAUNCH);
    assert_end(world, "init1", TASK_KILLED, );
    assert_nothing_left(world);
}

/* It does not wait for an init that has ended until it is told of that once more. */
static void next_agent_knows_who_has_ended(void **state)
{
    static const struct part parts[] = {{"init1", GROUP_INIT, false, 0},
                                        {"log", GROUP_SIDECAR, false, 0},
                                        {"main1", GROUP_MAIN, false, 0}};
    static const struct grant grants[ARRAY_SIZE(parts)] = {{.port = 31000}};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_granted(world, parts, grants, ARRAY_SIZE(parts));
    holder_started(world);
    finish(world, "init1");
    assert_false(is_over(world, "init1"));
    assert_string_equal(launched(world), "init1 log ");
    reborn(world);
    holder_started(world);
    world_started(world, "log");
    assert_string_equal(launched(world), "main1 ");
    world_kill(world, "init1");
    assert_int_equal(world_signals(world, "init1", false), 0);
    assert_int_equal(world_signals(world, "log", false), 0);
    world_exited_code(world, "init1", 0);
    assert_false(is_over(world, "init1"));
    killed(world, "main1");
    assert_int_equal(world_signals(world, "log", false), 1);
    killed(world, "log");
    holder_exits(world);
    assert_end(world, "init1", TASK_FINISHED, );
    assert_end(world, "main1", TASK_KILLED, REASON_TASK_KILLED_DURING_LAUNCH);
    assert_nothing_left(world);
}

/* --- what has been held back when the agent dies ------------------------------------------------- */

static void refused(struct world *world, const char *task_id)
{
    world_exited(world, task_id, (struct msg_container_exited){.error = "no room for its cgroup"});
}

/* What a new launcher says of it, which has no record. */
static void never_launched(struct world *world, const char *task_id)
{
    world_exited(world, task_id,
                 (struct msg_container_exited){.never_launched = true, .error = "lost"});
}

static const char *message_of(struct world *world, const char *task_id)
{
    return last_of(world, task_id)->message;
}

static void refused_launch_is_told_as_that_by_the_next_agent(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_granted(world, leading, led, ARRAY_SIZE(leading));
    holder_started(world);
    world_started(world, "other");
    world_started(world, "plain");
    refused(world, "web");
    assert_int_equal(world_signals(world, "plain", false), 1);
    reborn(world);
    never_launched(world, "web");
    assert_false(is_launched(world, "web"));
    assert_int_equal(world_forgets(world, "web"), 0);
    reborn(world); /* nor has the one after that forgotten it */
    killed(world, "other");
    killed(world, "plain");
    holder_exits(world);
    assert_null(world_update(world, "web")); /* its container is to be heard of once more */
    never_launched(world, "web");
    assert_end(world, "web", TASK_FAILED, REASON_CONTAINER_LAUNCH_FAILED);
    assert_string_equal(message_of(world, "web"), "no room for its cgroup");
    assert_string_equal(message_of(world, "plain"),
                        "ended with its group: task web is TASK_FAILED: no room for its cgroup; "
                        "terminated by signal 15 (Terminated)");
    assert_int_equal(world_forgets(world, "web"), 1);
    assert_nothing_left(world);
}

static void sidecar_that_may_end_and_was_refused_is_not_launched_again(void **state)
{
    static const struct part parts[] = {{"log", GROUP_SIDECAR, true, 0},
                                        {"main1", GROUP_MAIN, false, 0}};
    static const struct grant grants[ARRAY_SIZE(parts)] = {{.port = 31000}};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_granted(world, parts, grants, ARRAY_SIZE(parts));
    holder_started(world);
    refused(world, "log");
    world_started(world, "main1");
    reborn(world);
    holder_started(world);
    never_launched(world, "log");
    assert_string_equal(launched(world), "");
    world_exited_code(world, "main1", 0);
    holder_exits(world);
    assert_end(world, "log", TASK_FAILED, REASON_CONTAINER_LAUNCH_FAILED);
    assert_end(world, "main1", TASK_FINISHED, );
    assert_nothing_left(world);
}

static void last_one_that_was_refused_is_not_launched_again(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_parts(world, only, 1);
    holder_started(world);
    refused(world, "main1");
    reborn(world);
    assert_int_equal(holder_kills(world), 1);
    never_launched(world, "main1");
    assert_string_equal(launched(world), "");
    assert_null(world_update(world, "main1"));
    holder_exits(world);
    assert_end(world, "main1", TASK_FAILED, REASON_CONTAINER_LAUNCH_FAILED);
    assert_int_equal(world_forgets(world, "main1"), 1);
    assert_nothing_left(world);
}

/* Nobody was told, and nothing has followed from it. */
static void refusal_that_is_not_written_down_has_not_been(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run_parts(world, only, 1);
    holder_started(world);
    world->disk_is_full = true;
    refused(world, "main1");
    world->disk_is_full = false;
    reborn(world);
    holder_started(world);
    never_launched(world, "main1");
    assert_string_equal(launched(world), "main1 ");
}

/* What the launcher knew of it, and its record does not say. */
static void limit_that_ended_it_is_told_by_the_next_agent(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_port();

    (void)state;
    world_exited(world, "web",
                 (struct msg_container_exited){.exit = &(const struct exit_info){.signal = 9},
                                               .limitation = REASON_CONTAINER_LIMITATION_MEMORY,
                                               .message = "more than 64 MiB",
                                               .peak_mem_bytes = 67108864});
    reborn(world);
    world_exited(world, "web", (struct msg_container_exited){.error = "its end was not seen"});
    killed(world, "other");
    killed(world, "plain");
    holder_exits(world);
    assert_end(world, "web", TASK_FAILED, REASON_CONTAINER_LIMITATION_MEMORY);
    assert_string_equal(message_of(world, "web"), "more than 64 MiB");
    assert_int_equal(last_of(world, "web")->container->peak_mem_bytes, 67108864);
}

static void end_that_is_held_back_outlives_the_host(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_port();

    (void)state;
    world_exited_code(world, "web", 0);
    world->is_new_boot = true;
    reborn(world);
    assert_end(world, "web", TASK_FINISHED, );
    assert_int_equal(world_forgets(world, "web"), 1);
    assert_int_equal(world_updates_count(world, "plain"), 0); /* the master says that it is gone */
    assert_nothing_left(world);
}

/* That it was told, and that was acknowledged, may have been lost with the host: that it runs is not told again. */
static void end_that_is_held_back_outlives_the_host_on_a_full_disk(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_port();
    const struct msg_register_agent *call;

    (void)state;
    world_exited_code(world, "web", 0);
    world->is_new_boot = world->disk_is_full = true;
    reborn(world);
    call = record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent;
    assert_int_equal(call->tasks_count, 1);
    assert_string_equal(task_state_name(call->tasks[0].state), "TASK_FINISHED");
    assert_int_equal(call->tasks[0].status->state, TASK_FINISHED);
    world->disk_is_full = false;
    world_commit(world);
    assert_end(world, "web", TASK_FINISHED, );
    assert_nothing_left(world);
}

/* Older agents wrote no more than that it rests, or that the group is left: the launcher says the rest. */
static void records_of_an_older_agent_are_read(void **state)
{
    static const bool is_left[] = {false, true};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(is_left); i++) {
        CLEANUP(world_destroy) struct world *world = world_with_one();
        struct msg_keep_task_state task;
        struct msg_keep_group group;

        world_exited_code(world, "main1", 3);
        world_crash(world);
        for (size_t r = 0; r < world->store.count; r++) {
            struct message *record = &world->store.items[r];

            if (record->type == MSG_KEEP_TASK_STATE) {
                task = *record->keep_task_state;
                task.rests = !is_left[i];
                task.ended = NULL;
                record->keep_task_state = &task;
            } else if (record->type == MSG_KEEP_GROUP) {
                group = *record->keep_group;
                group.left = is_left[i];
                record->keep_group = &group;
            }
        }
        assert_true(world_restart(world));
        world_connect(world);
        world_registered(world);
        assert_int_equal(holder_kills(world), 1);
        holder_exits(world);
        assert_int_equal(world_signals(world, "main1", false), 0);
        assert_false(is_over(world, "main1"));
        world_exited_code(world, "main1", 3);
        assert_end(world, "main1", TASK_FAILED, REASON_COMMAND_EXECUTOR_FAILED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_last_one_has_is_free_when_the_holder_has_ended),
        cmocka_unit_test(nothing_changes_how_the_last_one_has_ended),
        cmocka_unit_test(last_one_that_waits_is_held_back_as_well),
        cmocka_unit_test(last_one_is_told_by_the_next_agent_as_it_ended),
        cmocka_unit_test(removed_framework_waits_for_the_holder_of_its_last_task),
        cmocka_unit_test(holder_ends_though_the_disk_is_full),
        cmocka_unit_test(port_is_not_free_while_it_leads_to_the_group),
        cmocka_unit_test(end_that_is_not_told_yet_is_that_of_the_group),
        cmocka_unit_test(kill_of_one_that_has_ended_is_one_of_the_others),
        cmocka_unit_test(port_is_free_when_the_holder_has_ended_before_the_others),
        cmocka_unit_test(one_that_waits_has_its_port_until_the_holder_has_ended),
        cmocka_unit_test(next_agent_knows_who_has_ended),
        cmocka_unit_test(refused_launch_is_told_as_that_by_the_next_agent),
        cmocka_unit_test(sidecar_that_may_end_and_was_refused_is_not_launched_again),
        cmocka_unit_test(last_one_that_was_refused_is_not_launched_again),
        cmocka_unit_test(refusal_that_is_not_written_down_has_not_been),
        cmocka_unit_test(limit_that_ended_it_is_told_by_the_next_agent),
        cmocka_unit_test(end_that_is_held_back_outlives_the_host),
        cmocka_unit_test(end_that_is_held_back_outlives_the_host_on_a_full_disk),
        cmocka_unit_test(records_of_an_older_agent_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
