/* The last task of a group: what it is granted is its own until the holder has ended, too. */
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

static bool is_over(const struct world *world, const char *task_id)
{
    const struct msg_status_update *update = world_update(world, task_id);

    return update && task_state_is_terminal(update->latest_state);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_last_one_has_is_free_when_the_holder_has_ended),
        cmocka_unit_test(nothing_changes_how_the_last_one_has_ended),
        cmocka_unit_test(last_one_that_waits_is_held_back_as_well),
        cmocka_unit_test(last_one_is_told_by_the_next_agent_as_it_ended),
        cmocka_unit_test(removed_framework_waits_for_the_holder_of_its_last_task),
        cmocka_unit_test(holder_ends_though_the_disk_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
