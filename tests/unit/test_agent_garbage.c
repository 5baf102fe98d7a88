/* How long sandboxes of ended tasks stay, in virtual time. */
#include "tests/unit/agent_fixture.h"

#include <errno.h>
#include <string.h>

#define HOUR_MS ((int64_t)3600 * 1000)
#define DAY_US  ((int64_t)24 * 3600 * US_PER_S)

static struct world *world_that_collects(void)
{
    return world_new(&(struct world_plan){.collects = true});
}

static const struct msg_collect_sandboxes *last_order(const struct world *world)
{
    return record_last(&world->orders, MSG_COLLECT_SANDBOXES)->collect_sandboxes;
}

static size_t orders_count(const struct world *world)
{
    return record_count(&world->orders, MSG_COLLECT_SANDBOXES);
}

static void answer(struct world *world, struct msg_sandboxes_collected answer)
{
    world_hear(world,
               (struct message){.type = MSG_SANDBOXES_COLLECTED, .sandboxes_collected = &answer});
}

static void run_and_end(struct world *world, const char *task_id)
{
    world_run(world, task_id);
    world_started(world, task_id);
    world_exited_code(world, task_id, 0);
    world_acknowledge(world, task_id);
    world_acknowledge(world, task_id);
}

static void first_look_is_at_all_that_earlier_agents_left(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    world_pass(world, 59999);
    assert_int_equal(orders_count(world), 0);
    world_pass(world, 1);
    assert_int_equal(orders_count(world), 1);
    assert_string_equal(last_order(world)->sandboxes_dir, "/work/sandboxes");
    /* Empty disk, headroom 0.1: nine tenths of a day. */
    assert_int_equal(last_order(world)->ended_before_us, world->now.wall_us - DAY_US * 9 / 10);
}

static void one_collection_goes_on_at_a_time(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    world_pass(world, 48 * HOUR_MS);
    assert_int_equal(orders_count(world), 1);
    answer(world, (struct msg_sandboxes_collected){.left = 1, .oldest_us = 1});
    world_pass(world, 60000);
    assert_int_equal(orders_count(world), 2);
}

static void live_containers_of_both_kinds_are_named(void **state)
{
    static const struct docker_info docker = {.image = "busybox"};
    CLEANUP(world_destroy) struct world *world = world_that_collects();
    struct task_info task = *simple_task("t1");

    (void)state;
    task.docker = &docker;
    world_run_task(world, &task);
    world_run(world, "t2");
    world_pass(world, 60000);
    assert_int_equal(last_order(world)->keep_count, 2);
    assert_string_equal(last_order(world)->keep[0], world_launch(world, "t1")->container_id);
}

static void nothing_is_walked_while_nothing_is_old_enough(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    world_pass(world, 60000);
    answer(world, (struct msg_sandboxes_collected){0});
    world_pass(world, 100 * HOUR_MS);
    assert_int_equal(orders_count(world), 1);
    run_and_end(world, "t1");
    world_pass(world, 24 * HOUR_MS * 9 / 10 - 60000);
    assert_int_equal(orders_count(world), 1);
    world_pass(world, 180000);
    assert_int_equal(orders_count(world), 2);
}

static void sandbox_of_a_task_that_ended_meanwhile_is_not_overlooked(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    world_pass(world, 60000);
    run_and_end(world, "t1");
    answer(world, (struct msg_sandboxes_collected){0}); /* it was not there yet */
    world_pass(world, 24 * HOUR_MS);
    assert_int_equal(orders_count(world), 2);
}

/* Its file times are from the future then: the launcher sees to them, once it is asked. */
static void clock_that_is_set_back_keeps_nothing_for_longer(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    world_pass(world, 60000);
    answer(world, (struct msg_sandboxes_collected){.left = 1, .oldest_us = world->now.wall_us});
    world->now.wall_us -= 365 * DAY_US;
    world_pass(world, 24 * HOUR_MS);
    assert_int_equal(orders_count(world), 2);
}

static void fuller_disk_shortens_the_age(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    world->disk_used = 400;
    world_pass(world, 60000);
    assert_int_equal(last_order(world)->ended_before_us, world->now.wall_us - DAY_US / 2);
    answer(world, (struct msg_sandboxes_collected){.left = 1, .oldest_us = world->now.wall_us});
    world->disk_used = 900;
    world_pass(world, 60000);
    assert_int_equal(last_order(world)->ended_before_us, world->now.wall_us);
    answer(world, (struct msg_sandboxes_collected){0});
    world->disk_used = 1000; /* never into the future */
    run_and_end(world, "t1");
    world_pass(world, 60000);
    assert_int_equal(orders_count(world), 3);
    assert_int_equal(last_order(world)->ended_before_us, world->now.wall_us);
}

static void disk_that_cannot_be_read_counts_as_empty(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    world->disk_used = -EIO;
    world_pass(world, 180000);
    assert_int_equal(world->warnings, 1);
    assert_int_equal(orders_count(world), 1);
    assert_int_equal(world_counter(world, "gc/max_age_secs"), DAY_US / US_PER_S * 9 / 10);
}

static void what_cannot_be_removed_is_told_once_and_tried_every_hour(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();
    const struct msg_sandboxes_collected stuck = {.failed = 1, .error = "t1.7: it is mounted"};

    (void)state;
    world_pass(world, 60000);
    answer(world, stuck);
    assert_int_equal(world->warnings, 1);
    assert_non_null(strstr(world->warning, "t1.7: it is mounted"));
    world_pass(world, HOUR_MS - 60000);
    assert_int_equal(orders_count(world), 1);
    world_pass(world, 120000);
    assert_int_equal(orders_count(world), 2);
    answer(world, stuck);
    assert_int_equal(world->warnings, 1);
    assert_int_equal(world_counter(world, "gc/path_removals_failed"), 1);
}

static void what_was_removed_is_counted_and_shown(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();
    const struct msg_change_sandboxes *change;

    (void)state;
    run_and_end(world, "t1");
    assert_int_equal(world_counter(world, "gc/path_removals_pending"), 1);
    world->disk_used = 250;
    world_pass(world, 60000);
    answer(world, (struct msg_sandboxes_collected){
                      .removed = 3, .removed_bytes = 4096, .left = 2, .oldest_us = 5});
    change = record_last(&world->changes, MSG_CHANGE_SANDBOXES)->change_sandboxes;
    assert_int_equal(change->kept, 2);
    assert_int_equal(change->removed, 3);
    assert_int_equal(change->removed_bytes, 4096);
    assert_int_equal(change->disk_used, 250);
    assert_int_equal(change->max_age_ms, 24 * HOUR_MS * 65 / 100);
    assert_int_equal(world_counter(world, "gc/path_removals_succeeded"), 3);
    assert_int_equal(world_counter(world, "gc/removed_bytes"), 4096);
}

static void sandboxes_of_new_tasks_are_shown_at_the_next_look(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    world_pass(world, 60000);
    answer(world, (struct msg_sandboxes_collected){0});
    world_run(world, "t1");
    world_run(world, "t2");
    world_pass(world, 60000); /* and the disk is as full as before */
    assert_int_equal(record_last(&world->changes, MSG_CHANGE_SANDBOXES)->change_sandboxes->kept, 2);
}

static void launcher_is_told_whose_age_begins(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    run_and_end(world, "t1");
    assert_string_equal(
        record_last(&world->orders, MSG_FORGET_CONTAINER)->forget_container->sandbox,
        world_launch(world, "t1")->sandbox);
}

static void what_lives_is_named(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    run_and_end(world, "t1");
    world_run(world, "t2");
    world_pass(world, 60000);
    assert_int_equal(last_order(world)->keep_count, 1);
    assert_string_equal(last_order(world)->keep[0], world_launch(world, "t2")->container_id);
}

static void answer_that_was_not_asked_for_is_dropped(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_collects();

    (void)state;
    answer(world, (struct msg_sandboxes_collected){.removed = 3});
    assert_int_equal(world_counter(world, "gc/path_removals_succeeded"), 0);
    assert_int_equal(world_counter(world, "slave/messages_unexpected"), 1);
}

static void agent_without_a_view_of_its_disk_keeps_everything(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_pass(world, 100 * HOUR_MS);
    assert_int_equal(orders_count(world), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_look_is_at_all_that_earlier_agents_left),
        cmocka_unit_test(one_collection_goes_on_at_a_time),
        cmocka_unit_test(live_containers_of_both_kinds_are_named),
        cmocka_unit_test(nothing_is_walked_while_nothing_is_old_enough),
        cmocka_unit_test(sandbox_of_a_task_that_ended_meanwhile_is_not_overlooked),
        cmocka_unit_test(clock_that_is_set_back_keeps_nothing_for_longer),
        cmocka_unit_test(fuller_disk_shortens_the_age),
        cmocka_unit_test(disk_that_cannot_be_read_counts_as_empty),
        cmocka_unit_test(what_cannot_be_removed_is_told_once_and_tried_every_hour),
        cmocka_unit_test(what_was_removed_is_counted_and_shown),
        cmocka_unit_test(sandboxes_of_new_tasks_are_shown_at_the_next_look),
        cmocka_unit_test(launcher_is_told_whose_age_begins),
        cmocka_unit_test(what_lives_is_named),
        cmocka_unit_test(answer_that_was_not_asked_for_is_dropped),
        cmocka_unit_test(agent_without_a_view_of_its_disk_keeps_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
