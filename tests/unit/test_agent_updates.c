/* The stream of updates of each task: one in flight, repeated until acknowledged. */
#include "tests/unit/agent_fixture.h"

static struct world *world_with_running_task(void)
{
    struct world *world = world_new(&(struct world_plan){0});

    world_run(world, "t1");
    world_started(world, "t1");
    return world;
}

static void only_the_oldest_update_is_in_flight(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_kill(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_KILLING);
    assert_int_equal(world_update(world, "t1")->latest_state, TASK_KILLED);
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_KILLED);
    assert_int_equal(world_updates_count(world, "t1"), 3);
}

static void update_is_repeated_with_doubling_waits(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_pass(world, 9999);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    world_pass(world, 1);
    assert_int_equal(world_updates_count(world, "t1"), 2);
    world_pass(world, 19999);
    assert_int_equal(world_updates_count(world, "t1"), 2);
    world_pass(world, 1);
    assert_int_equal(world_updates_count(world, "t1"), 3);
    /* 40 + 80 + 160 + 320 s, then every ten minutes. */
    world_pass(world, 600000);
    assert_int_equal(world_updates_count(world, "t1"), 7);
    world_pass(world, 1200000);
    assert_int_equal(world_updates_count(world, "t1"), 9);
    assert_int_equal(world_counter(world, "slave/status_updates_repeated"), 8);
}

static void update_is_sent_at_once_when_its_framework_is_back(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_pass(world, 100000);
    size_t before = world_updates_count(world, "t1");
    world_say(world, MESSAGE(RESEND_UPDATES, resend_updates, .framework_id = "another"));
    assert_int_equal(world_updates_count(world, "t1"), before);
    world_say(world, MESSAGE(RESEND_UPDATES, resend_updates, .framework_id = FRAMEWORK));
    assert_int_equal(world_updates_count(world, "t1"), before + 1);
    world_pass(world, 10000); /* and with the shortest pause again */
    assert_int_equal(world_updates_count(world, "t1"), before + 2);
    world_acknowledge(world, "t1");
    world_say(world, MESSAGE(RESEND_UPDATES, resend_updates, .framework_id = FRAMEWORK));
    assert_int_equal(world_updates_count(world, "t1"), before + 2);
}

static void acknowledged_update_is_not_repeated(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_acknowledge(world, "t1");
    world_pass(world, 3600000);
    assert_int_equal(world_updates_count(world, "t1"), 1);
}

/* Nothing depends on it, so no transaction is made for it alone. */
static void acknowledgement_waits_for_other_records(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    uint64_t needed = world->needed;

    (void)state;
    world_acknowledge(world, "t1");
    assert_int_equal(record_last(&world->records, MSG_KEEP_TASK_STATE)->number, needed + 1);
    assert_int_equal(world->needed, needed);
    world_exited_code(world, "t1", 0);
    needed = world->needed;
    assert_int_equal(needed, world->records.count);
    world_acknowledge(world, "t1");
    assert_int_equal(record_last(&world->records, MSG_FORGET_TASK)->number, needed + 1);
    assert_int_equal(world->needed, needed);
}

static void next_update_does_not_wait_for_the_acknowledgement_to_be_written(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_kill(world, "t1");
    world->turn_goes_on = true;
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_KILLING);
}

static void acknowledgement_that_was_not_written_is_asked_for_again(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world->turn_goes_on = true;
    world_acknowledge(world, "t1");
    world_crash(world);
    world->turn_goes_on = false;
    assert_true(world_restart(world));
    world_connect(world);
    world_registered(world);
    assert_state(world, "t1", TASK_RUNNING);
    world_acknowledge(world, "t1");
    world_reborn(world);
    assert_int_equal(world_updates_count(world, "t1"), 0);
}

/* The next agent begins with the end, whatever came before it. */
static void what_came_before_an_end_needs_no_record_of_its_acknowledgement(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    size_t before;

    (void)state;
    world_exited_code(world, "t1", 0);
    before = world->records.count;
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_FINISHED);
    assert_int_equal(world->records.count, before);
    world_reborn(world);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    assert_state(world, "t1", TASK_FINISHED);
}

static void wait_starts_anew_with_each_update(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_pass(world, 100000);
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_FINISHED);
    size_t before = world_updates_count(world, "t1");
    world_pass(world, 10000);
    assert_int_equal(world_updates_count(world, "t1"), before + 1);
}

static void wrong_acknowledgement_is_ignored_and_counted(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    static const unsigned char other[16] = "another update's";

    (void)state;
    world_say(world, MESSAGE(ACKNOWLEDGE_UPDATE, acknowledge_update, .framework_id = FRAMEWORK,
                             .task_id = "t1", .uuid = {other, 16}));
    world_say(world, MESSAGE(ACKNOWLEDGE_UPDATE, acknowledge_update, .framework_id = FRAMEWORK,
                             .task_id = "t1", .uuid = {other, 3}));
    world_say(world, MESSAGE(ACKNOWLEDGE_UPDATE, acknowledge_update, .framework_id = FRAMEWORK,
                             .task_id = "t9", .uuid = {other, 16}));
    assert_int_equal(world_counter(world, "slave/invalid_acknowledgements"), 3);
    world_pass(world, 10000);
    assert_int_equal(world_updates_count(world, "t1"), 2);
}

static void doubled_acknowledgement_does_not_skip_an_update(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    struct bytes uuid = world_update(world, "t1")->status->uuid;

    (void)state;
    world_kill(world, "t1");
    world_acknowledge(world, "t1");
    world_say(world, MESSAGE(ACKNOWLEDGE_UPDATE, acknowledge_update, .framework_id = FRAMEWORK,
                             .task_id = "t1", .uuid = uuid));
    assert_int_equal(world_counter(world, "slave/invalid_acknowledgements"), 1);
    world_pass(world, 3000);
    world_exited_code(world, "t1", 0);
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_KILLED);
}

static void end_behind_an_unacknowledged_update_is_told_soon(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_exited_code(world, "t1", 0);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    world_pass(world, 1000);
    assert_int_equal(world_updates_count(world, "t1"), 2);
    assert_state(world, "t1", TASK_RUNNING);
    assert_int_equal(world_update(world, "t1")->latest_state, TASK_FINISHED);
}

static void updates_rest_while_disconnected_and_are_sent_again_when_registered(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_disconnect(world);
    world_pass(world, 3600000);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    world_connect(world);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    world_registered(world);
    assert_int_equal(world_updates_count(world, "t1"), 2);
    assert_state(world, "t1", TASK_RUNNING);
    world_pass(world, 10000);
    assert_int_equal(world_updates_count(world, "t1"), 3);
}

static void of_a_task_that_ended_only_the_end_is_told_after_a_registration(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();

    (void)state;
    world_disconnect(world);
    world_exited_code(world, "t1", 0);
    world_connect(world);
    world_registered(world);
    assert_int_equal(world_updates_count(world, "t1"), 2);
    assert_state(world, "t1", TASK_FINISHED);
    world_acknowledge(world, "t1");
    world_pass(world, 3600000);
    assert_int_equal(world_updates_count(world, "t1"), 2);
}

static void every_update_has_a_uuid_of_its_own(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_running_task();
    struct bytes first = world_update(world, "t1")->status->uuid;

    (void)state;
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_int_equal(first.size, 16);
    assert_memory_not_equal(first.data, world_update(world, "t1")->status->uuid.data, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_oldest_update_is_in_flight),
        cmocka_unit_test(update_is_repeated_with_doubling_waits),
        cmocka_unit_test(update_is_sent_at_once_when_its_framework_is_back),
        cmocka_unit_test(acknowledged_update_is_not_repeated),
        cmocka_unit_test(acknowledgement_waits_for_other_records),
        cmocka_unit_test(next_update_does_not_wait_for_the_acknowledgement_to_be_written),
        cmocka_unit_test(acknowledgement_that_was_not_written_is_asked_for_again),
        cmocka_unit_test(what_came_before_an_end_needs_no_record_of_its_acknowledgement),
        cmocka_unit_test(wait_starts_anew_with_each_update),
        cmocka_unit_test(wrong_acknowledgement_is_ignored_and_counted),
        cmocka_unit_test(doubled_acknowledgement_does_not_skip_an_update),
        cmocka_unit_test(end_behind_an_unacknowledged_update_is_told_soon),
        cmocka_unit_test(updates_rest_while_disconnected_and_are_sent_again_when_registered),
        cmocka_unit_test(of_a_task_that_ended_only_the_end_is_told_after_a_registration),
        cmocka_unit_test(every_update_has_a_uuid_of_its_own),
    };

    return cmocka_run_group_tests_name("agent updates", tests, NULL, NULL);
}
