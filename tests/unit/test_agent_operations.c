/* The agent owns its reservations and volumes: it applies, writes down, tells, brings back. */
#include <errno.h>
#include <string.h>

#include "base/ids.h"
#include "base/mem.h"
#include "base/resources.h"
#include "proto/resources_info.h"
#include "tests/unit/agent_fixture.h"

#define DISK "disk(ads dynamic by ops)"

static const struct resource_info *resources(struct world *world, const char *text,
                                             size_t *ret_count)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    struct agent_info info = {0};
    const struct agent_info *copy;
    struct err err;

    if (resources_parse(&sum, text, &err) < 0)
        fail_msg("%s", err.text);
    info.resources = resources_to_info(&sum, world->arena, &info.resources_count);
    copy = record_copy(&agent_info_def, &info, world->arena);
    *ret_count = copy->resources_count;
    return copy->resources;
}

static void apply_of(struct world *world, const char *framework_id, enum operation_kind kind,
                     const char *id, const char *from, const char *to)
{
    struct msg_apply_operation call = {
        .framework_id = framework_id, .operation_id = id, .kind = kind};

    call.consumed = resources(world, from, &call.consumed_count);
    call.converted = resources(world, to, &call.converted_count);
    world_say(world, (struct message){.type = MSG_APPLY_OPERATION, .apply_operation = &call});
}

static void apply(struct world *world, enum operation_kind kind, const char *id, const char *from,
                  const char *to)
{
    apply_of(world, FRAMEWORK, kind, id, from, to);
}

static const char *print(struct world *world, const struct resource_info *items, size_t count)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    CLEANUP(buf_fini) struct buf text = {0};

    assert_int_equal(resources_from_info(&sum, items, count, NULL), 0);
    resources_print(&sum, &text);
    return arena_strdup(world->arena, buf_text(&text));
}

/* As the newest registration, or the newest change of itself, says. */
static const char *registered(struct world *world)
{
    const struct agent_info *info =
        record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent->agent;

    return print(world, info->resources, info->resources_count);
}

static const char *shown(struct world *world)
{
    const struct agent_info *info =
        record_last(&world->changes, MSG_CHANGE_AGENT)->change_agent->agent;

    return print(world, info->resources, info->resources_count);
}

static const struct operation_status *result(const struct world *world)
{
    const struct message *message = record_last(&world->sent, MSG_OPERATION_RESULT);

    return message ? message->operation_result->status : NULL;
}

/* Another agent begins with these settings; false: it does not want to. */
static bool restart(struct world *world, const char *settings)
{
    world_crash(world);
    world->resources = resources(world, settings, &world->resources_count);
    if (!world_restart(world))
        return false;
    world_connect(world);
    return true;
}

static void acknowledge(struct world *world, const char *id)
{
    world_say(world, MESSAGE(ACKNOWLEDGE_RESULT, acknowledge_result, .framework_id = FRAMEWORK,
                             .operation_id = id, .uuid = result(world)->uuid));
}

/* --- applying ---------------------------------------------------------------- */

static void an_operation_changes_what_the_agent_has(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    apply(world, OPERATION_RESERVE, "r1", "cpus:1", "cpus(ads dynamic by ops):1");
    assert_string_equal(shown(world),
                        "cpus:3;cpus(ads dynamic by ops):1;disk:100;mem:8192;ports:[31000-32000]");
    assert_int_equal(result(world)->state, OPERATION_FINISHED);
    assert_string_equal(result(world)->operation_id, "r1");
    assert_string_equal(result(world)->framework_id, FRAMEWORK);
    assert_int_equal(result(world)->uuid.size, UUID_BYTES);
    assert_string_equal(print(world, result(world)->converted, result(world)->converted_count),
                        "cpus(ads dynamic by ops):1");
    world_disconnect(world);
    world_connect(world);
    assert_string_equal(registered(world), shown(world));
}

static void an_operators_operation_has_a_result_too(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const char *settings = "cpus:4;disk:100;mem:8192;ports:[31000-32000]";

    (void)state;
    apply_of(world, "", OPERATION_RESERVE, "P1", "cpus:1", "cpus(ads dynamic by ops):1");
    assert_string_equal(result(world)->framework_id, "");
    assert_string_equal(result(world)->operation_id, "P1");
    /* It outlives the process, until it is acknowledged. */
    assert_true(restart(world, settings));
    assert_int_equal(
        record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent->operations_count, 1);
    world_registered(world);
    assert_string_equal(result(world)->operation_id, "P1");
    world_say(world, MESSAGE(ACKNOWLEDGE_RESULT, acknowledge_result, .framework_id = "",
                             .operation_id = "P1", .uuid = result(world)->uuid));
    assert_true(restart(world, settings));
    world_registered(world);
    world_pass(world, 3600000);
    assert_int_equal(record_count(&world->sent, MSG_OPERATION_RESULT), 0);
}

static void a_result_is_repeated_until_it_is_acknowledged(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    apply(world, OPERATION_RESERVE, "r1", "cpus:1", "cpus(ads dynamic by ops):1");
    apply(world, OPERATION_RESERVE, "", "cpus:1", "cpus(ads dynamic by ops):1");
    apply(world, OPERATION_RESERVE, "r1", "cpus:1", "cpus(ads dynamic by ops):1"); /* came twice */
    assert_int_equal(record_count(&world->sent, MSG_OPERATION_RESULT), 1);
    world_pass(world, 10000);
    assert_int_equal(record_count(&world->sent, MSG_OPERATION_RESULT), 2);
    world_disconnect(world);
    world_connect(world);
    assert_int_equal(
        record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent->operations_count, 1);
    world_registered(world);
    assert_int_equal(record_count(&world->sent, MSG_OPERATION_RESULT), 3);
    acknowledge(world, "r1");
    world_pass(world, 3600000);
    assert_int_equal(record_count(&world->sent, MSG_OPERATION_RESULT), 3);
    assert_non_null(strstr(shown(world), "cpus(ads dynamic by ops):2"));
}

static void an_operation_that_cannot_be_is_told_once_as_such(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    apply(world, OPERATION_RESERVE, "r1", "cpus:9", "cpus(ads dynamic by ops):9");
    assert_int_equal(result(world)->state, OPERATION_FAILED);
    assert_non_null(strstr(result(world)->message, "lacks"));
    assert_true(record_last(&world->sent, MSG_OPERATION_RESULT)->operation_result->unlike);
    /* What came after it may rest on it. */
    apply(world, OPERATION_RESERVE, "r2", "cpus:1", "cpus(ads dynamic by ops):1");
    assert_int_equal(result(world)->state, OPERATION_FAILED);
    assert_false(record_last(&world->sent, MSG_OPERATION_RESULT)->operation_result->unlike);
    world_run(world, "t1");
    assert_state(world, "t1", TASK_DROPPED);
    world_disconnect(world);
    world_connect(world);
    world_registered(world);
    assert_false(record_last(&world->sent, MSG_OPERATION_RESULT)->operation_result->unlike);
    apply(world, OPERATION_RESERVE, "r3", "cpus:1", "cpus(ads dynamic by ops):1");
    assert_int_equal(result(world)->state, OPERATION_FINISHED);
}

static void what_cannot_be_written_is_not_told(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world->disk_is_full = true;
    world_run(world, "t1"); /* so that there is something to write */
    apply(world, OPERATION_RESERVE, "r1", "cpus:1", "cpus(ads dynamic by ops):1");
    assert_int_equal(result(world)->state, OPERATION_FAILED);
    assert_non_null(strstr(result(world)->message, "write"));
}

/* --- volumes ----------------------------------------------------------------- */

static void a_volume_has_a_folder_and_a_destroyed_one_has_none(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    apply(world, OPERATION_RESERVE, "", "disk:50", DISK ":50");
    apply(world, OPERATION_CREATE, "c", DISK ":40", DISK "[v by ops]:40");
    assert_int_equal(result(world)->state, OPERATION_FINISHED);
    assert_string_equal(world->volumes, "+ads/v ");
    apply(world, OPERATION_GROW_VOLUME, "", DISK "[v by ops]:40;" DISK ":5", DISK "[v by ops]:45");
    assert_string_equal(world->volumes, "+ads/v ");
    apply(world, OPERATION_DESTROY, "d", DISK "[v by ops]:45", DISK ":45");
    assert_string_equal(world->volumes, "+ads/v -ads/v ");
    assert_string_equal(shown(world), "cpus:4;disk:50;" DISK ":50;mem:8192;ports:[31000-32000]");
}

static void a_volume_whose_folder_cannot_be_made_is_none(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    apply(world, OPERATION_RESERVE, "", "disk:50", DISK ":50");
    world->volume_error = -ENOSPC;
    apply(world, OPERATION_CREATE, "c", DISK ":40", DISK "[v by ops]:40");
    assert_int_equal(result(world)->state, OPERATION_FAILED);
    assert_string_equal(shown(world), "cpus:4;disk:50;" DISK ":50;mem:8192;ports:[31000-32000]");
}

static void a_task_is_told_where_its_volumes_are(void **state)
{
    static const struct mount_info mount = {
        .volume_id = "v", .role = "", .container_path = "data/db"};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");
    const struct msg_launch_container *order;

    (void)state;
    apply(world, OPERATION_RESERVE, "", "disk:50", "disk(a/b dynamic):50");
    apply(world, OPERATION_CREATE, "", "disk(a/b dynamic):50",
          "disk(a/b dynamic)[v]:40;disk(a/b dynamic)[w shared]:10");
    task.mounts = &mount;
    task.mounts_count = 1;
    task.resources =
        resources(world, "cpus:1;disk(a/b dynamic)[v]:40;disk(a/b dynamic)[w shared]:10",
                  &task.resources_count);
    world_run_task(world, &task);
    order = world_launch(world, "t1");
    assert_int_equal(order->volumes_count, 2);
    assert_string_equal(order->volumes[0].path, "/work/volumes/a b/v");
    assert_string_equal(order->volumes[0].container_path, "data/db");
    assert_false(order->volumes[0].shared);
    assert_string_equal(order->volumes[1].path, "/work/volumes/a b/w");
    assert_string_equal(order->volumes[1].container_path, "w");
    assert_true(order->volumes[1].shared);
    /* While it runs its volume is not taken away from under it. */
    apply(world, OPERATION_DESTROY, "d", "disk(a/b dynamic)[v]:40", "disk(a/b dynamic):40");
    assert_int_equal(result(world)->state, OPERATION_FAILED);
    assert_non_null(strstr(result(world)->message, "task t1 still uses volume v"));
}

static void a_task_on_what_is_not_there_is_an_error(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");

    (void)state;
    task.resources = resources(world, "cpus:1;disk(ads)[v]:40", &task.resources_count);
    world_run_task(world, &task);
    assert_state(world, "t1", TASK_ERROR);
    assert_non_null(strstr(world_update(world, "t1")->status->message, "this agent lacks 40 disk"));
}

/* --- the next life ----------------------------------------------------------- */

static void the_next_agent_has_what_the_last_one_had(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    apply(world, OPERATION_RESERVE, "r", "disk:50;cpus:1", DISK ":50;cpus(ads dynamic by ops):1");
    acknowledge(world, "r");
    apply(world, OPERATION_CREATE, "c", DISK ":40", DISK "[v by ops]:40");
    assert_true(restart(world, "cpus:8;disk:60;mem:10;ports:[31000-32000]"));
    assert_string_equal(registered(world), "cpus:7;cpus(ads dynamic by ops):1;disk:10;" DISK
                                           ":10;" DISK "[v by ops]:40;mem:10;ports:[31000-32000]");
    world_registered(world);
    assert_string_equal(result(world)->operation_id, "c"); /* told again: nobody has heard it */
    assert_int_equal(
        record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent->operations_count, 1);
}

static void an_agent_without_room_for_what_is_kept_does_not_begin(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    apply(world, OPERATION_RESERVE, "", "disk:50", DISK ":50");
    assert_false(restart(world, "cpus:8;disk:49"));
    assert_int_equal(world->refused, -ERANGE);
    assert_non_null(strstr(world->refusal.text, "--resources has no room"));
}

static void results_of_a_removed_framework_are_forgotten(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    apply(world, OPERATION_RESERVE, "r", "disk:50", DISK ":50");
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    world_disconnect(world);
    world_connect(world);
    assert_int_equal(
        record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent->operations_count, 0);
    assert_non_null(strstr(registered(world), DISK)); /* reservations are the role's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_changes_what_the_agent_has),
        cmocka_unit_test(an_operators_operation_has_a_result_too),
        cmocka_unit_test(a_result_is_repeated_until_it_is_acknowledged),
        cmocka_unit_test(an_operation_that_cannot_be_is_told_once_as_such),
        cmocka_unit_test(what_cannot_be_written_is_not_told),
        cmocka_unit_test(a_volume_has_a_folder_and_a_destroyed_one_has_none),
        cmocka_unit_test(a_volume_whose_folder_cannot_be_made_is_none),
        cmocka_unit_test(a_task_is_told_where_its_volumes_are),
        cmocka_unit_test(a_task_on_what_is_not_there_is_an_error),
        cmocka_unit_test(the_next_agent_has_what_the_last_one_had),
        cmocka_unit_test(an_agent_without_room_for_what_is_kept_does_not_begin),
        cmocka_unit_test(results_of_a_removed_framework_are_forgotten),
    };

    return cmocka_run_group_tests_name("agent operations", tests, NULL, NULL);
}
