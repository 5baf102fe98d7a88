/* A volume that one task of a group was granted, and others of it mount. */
#include <string.h>

#include "tests/unit/group_scene.h"

static const struct part lending[] = {
    {"put", GROUP_INIT, false, 0}, {"own", GROUP_MAIN, false, 0}, {"look", GROUP_MAIN, false, 0}};
static const struct grant lent[ARRAY_SIZE(lending)] = {
    {.mounted = "own"},
    {.volume = "own", .user = "bob"},
    {.mounted = "own", .read_only = true, .user = "bob"}};

static struct world *world_with_volume(void)
{
    struct world *world = world_new(&(struct world_plan){0});

    make_volume(world);
    run_granted(world, lending, lent, ARRAY_SIZE(lending));
    holder_started(world);
    return world;
}

static void volume_of_one_is_mounted_by_others(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_volume();
    const struct msg_launch_container *put, *own, *look;

    (void)state;
    finish(world, "put");
    put = world_launch(world, "put");
    own = world_launch(world, "own");
    look = world_launch(world, "look");
    assert_int_equal(put->volumes_count, 1);
    assert_string_equal(put->volumes[0].path, "/work/volumes/ads/own");
    assert_string_equal(put->volumes[0].container_path, "at");
    assert_true(put->volumes[0].borrowed);
    assert_true(put->volumes[0].foreign); /* it runs as alice, and the volume is bob's */
    assert_int_equal(own->volumes_count, 1);
    assert_string_equal(own->volumes[0].path, "/work/volumes/ads/own");
    assert_string_equal(own->volumes[0].container_path, "own");
    assert_false(own->volumes[0].borrowed);
    assert_false(own->volumes[0].foreign);
    assert_int_equal(look->volumes_count, 1);
    assert_true(look->volumes[0].read_only);
    assert_true(look->volumes[0].borrowed);
    assert_false(look->volumes[0].foreign);
    assert_int_equal(look->resources_count, 0);
}

static void its_owner_has_not_ended_while_others_mount_it(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_with_volume();

    (void)state;
    finish(world, "put");
    world_started(world, "look");
    finish(world, "own");
    assert_string_equal(
        last_of(world, "own")->message,
        "exited with status 0; that counts when its group uses what it was granted no more");
    reborn(world);
    holder_started(world);
    world_started(world, "look");
    world_exited_code(world, "own", 0);
    assert_int_equal(world_forgets(world, "own"), 0);
    holder_exits(world); /* is not the end of who mounts it */
    assert_int_equal(world_forgets(world, "own"), 0);
    assert_int_equal(world_signals(world, "look", false), 1);
    killed(world, "look");
    assert_int_equal(world_forgets(world, "own"), 1);
    assert_end(world, "own", TASK_FINISHED, );
    assert_end(world, "look", TASK_KILLED, REASON_TASK_GROUP_ENDED);
    assert_nothing_left(world);
}

/* Who waits is launched with it. */
static void one_that_is_to_mount_it_is_waited_for(void **state)
{
    static const struct part parts[] = {{"own", GROUP_INIT, false, 0},
                                        {"log", GROUP_SIDECAR, false, 0},
                                        {"main1", GROUP_MAIN, false, 0}};
    static const struct grant grants[ARRAY_SIZE(parts)] = {
        {.volume = "own"}, {0}, {.mounted = "own"}};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    make_volume(world);
    run_granted(world, parts, grants, ARRAY_SIZE(parts));
    holder_started(world);
    finish(world, "own");
    assert_int_equal(world_forgets(world, "own"), 0);
    reborn(world);
    holder_started(world);
    world_started(world, "log");
    assert_string_equal(world_launch(world, "main1")->volumes[0].path, "/work/volumes/ads/own");
    world_exited_code(world, "own", 0);
    finish(world, "main1");
    assert_int_equal(world_forgets(world, "own"), 1);
    assert_end(world, "own", TASK_FINISHED, );
}

static void volume_that_nobody_has_is_not_mounted(void **state)
{
    static const struct part parts[] = {{"a", GROUP_MAIN, false, 0}, {"b", GROUP_MAIN, false, 0}};
    static const struct grant none[ARRAY_SIZE(parts)] = {{.mounted = "own"}};
    static const struct grant two[ARRAY_SIZE(parts)] = {{.volume = "own"}, {.volume = "own"}};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    CLEANUP(world_destroy) struct world *other = world_new(&(struct world_plan){0});

    (void)state;
    make_volume(world);
    run_granted(world, parts, none, ARRAY_SIZE(parts));
    assert_end(world, "b", TASK_ERROR, REASON_TASK_GROUP_INVALID);
    assert_non_null(strstr(last_of(world, "b")->message, "task a: mounts: there is no volume own"));
    make_volume(other);
    run_granted(other, parts, two, ARRAY_SIZE(parts));
    assert_end(other, "a", TASK_ERROR, REASON_TASK_GROUP_INVALID);
    assert_non_null(strstr(last_of(other, "a")->message,
                           "task b: volume own is not shared and a has it: name it there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volume_of_one_is_mounted_by_others),
        cmocka_unit_test(its_owner_has_not_ended_while_others_mount_it),
        cmocka_unit_test(one_that_is_to_mount_it_is_waited_for),
        cmocka_unit_test(volume_that_nobody_has_is_not_mounted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
