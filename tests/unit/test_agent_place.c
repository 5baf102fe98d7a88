/* The agent's core: cores and devices of tasks, and limits that change while they run. */
#include "agent/core/state.h"
#include "tests/unit/agent_fixture.h"

#include <string.h>

static const char *const isolation[] = {
    "cgroup/cpu", "cgroup/cpuset", "cgroup/devices", "gpu/devices",
    "cgroup/io",  "cgroup/memory", "cgroup/pids",    NULL};

static struct world *new_world(void)
{
    static const char *const cores0[] = {"0,2"}, *const cores1[] = {"1,3"};
    static const struct node_threads threads[] = {{.cores = cores0, .cores_count = 1},
                                                  {.cores = cores1, .cores_count = 1}};
    static const struct numa_info nodes[] = {
        {.number = 0, .mem_bytes = INT64_C(4) << 30, .cpus = "0,2", .threads = &threads[0]},
        {.number = 1, .mem_bytes = INT64_C(4) << 30, .cpus = "1,3", .threads = &threads[1]},
    };
    static const struct topology_info topology = {.numa_nodes = nodes, .numa_nodes_count = 2};
    static const char *const path[] = {"/dev/zero"};
    static const struct gpu_info gpus[] = {{.name = "g0", .paths = path, .paths_count = 1},
                                           {.name = "g1", .paths = path, .paths_count = 1}};

    return world_new(&(struct world_plan){
        .isolation = isolation, .topology = &topology, .gpus = gpus, .gpus_count = 2});
}

static void run(struct world *world, const char *id, int64_t cpus, const struct cores_info *cores)
{
    const struct resource_info resources[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = cpus * 1000},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = 1024000}};
    struct task_info task = *simple_task(id);

    task.resources = resources;
    task.resources_count = 2;
    task.cores = cores;
    world_run_task(world, &task);
}

static void run_with(struct world *world, const char *id, const struct resource_info *gpus)
{
    struct task_info task = *simple_task(id);

    task.resources = gpus;
    task.resources_count = 1;
    world_run_task(world, &task);
}

static const struct cores_info compact = {.policy = CORES_COMPACT, .exclusive = true};

/* What the launcher was last told of a task's cpus, by launch or by move. */
static const char *cpus_of(struct world *world, const char *id)
{
    const struct msg_launch_container *launch = world_launch(world, id);
    const char *cpus = launch->cpus;

    for (size_t i = 0; i < world->orders.count; i++)
        if (world->orders.items[i].type == MSG_UPDATE_CONTAINER &&
            world->orders.items[i].update_container->only_cpus &&
            !strcmp(world->orders.items[i].update_container->container_id, launch->container_id))
            cpus = world->orders.items[i].update_container->cpus;
    return cpus;
}

static void those_who_share_make_room_before_one_with_cores_of_its_own_is_launched(void **state)
{
    CLEANUP(world_destroy) struct world *world = new_world();
    const struct container_info *container;

    (void)state;
    run(world, "shared", 1, NULL);
    assert_string_equal(cpus_of(world, "shared"), "0-3");
    run(world, "own", 2, &compact);
    assert_string_equal(cpus_of(world, "own"), "0,2");
    assert_string_equal(world_launch(world, "own")->mems, "0");
    assert_string_equal(cpus_of(world, "shared"), "1,3");
    assert_int_equal(world->orders.items[world->orders.count - 1].type, MSG_LAUNCH_CONTAINER);
    world_started(world, "own");
    container = world_update(world, "own")->status->container;
    assert_string_equal(container->cpus, "0,2");
    assert_true(container->exclusive);
    world_exited_code(world, "own", 0);
    assert_string_equal(cpus_of(world, "shared"), "0-3");
}

static void the_master_hears_what_is_free_before_it_hears_of_the_end(void **state)
{
    CLEANUP(world_destroy) struct world *world = new_world();
    const struct numa_info *nodes;

    (void)state;
    run(world, "own", 2, &compact);
    nodes = record_last(&world->sent, MSG_CORES_FREE)->cores_free->numa_nodes;
    assert_string_equal(nodes[0].threads->free_cpus, "");
    assert_int_equal(nodes[0].threads->free_cores, 0);
    assert_string_equal(nodes[1].threads->free_cpus, "1,3");
    world_started(world, "own");
    world_acknowledge(world, "own");
    world_exited_code(world, "own", 0);
    assert_int_equal(world->sent.items[world->sent.count - 1].type, MSG_STATUS_UPDATE);
    assert_int_equal(world->sent.items[world->sent.count - 2].type, MSG_CORES_FREE);
    assert_string_equal(
        record_last(&world->sent, MSG_CORES_FREE)->cores_free->numa_nodes[0].threads->free_cpus,
        "0,2");
    assert_string_equal(world_update(world, "own")->status->container->cpus, "0,2");
}

static void group_of_which_one_finds_no_cores_gives_back_what_the_others_had(void **state)
{
    CLEANUP(world_destroy) struct world *world = new_world();
    const struct framework_info framework = {.id = FRAMEWORK, .name = "test"};
    const struct group_info group = {.id = "pod"};
    const struct group_member member = {.id = "pod"};
    const struct resource_info mem = {.name = "mem", .kind = VALUE_SCALAR, .scalar = 32000};
    const struct resource_info all = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 4000};
    struct task_info tasks[] = {*simple_task("shares"), *simple_task("own")};

    (void)state;
    run(world, "held", 1, &compact);
    tasks[0].group = tasks[1].group = &member;
    tasks[0].resources = &mem;
    tasks[1].resources = &all;
    tasks[0].resources_count = tasks[1].resources_count = 1;
    tasks[1].cores = &compact;
    world_say(world, MESSAGE(RUN_GROUP, run_group, .framework = &framework, .group = &group,
                             .tasks = tasks, .tasks_count = 2));
    assert_state(world, "shares", TASK_FAILED);
    assert_state(world, "own", TASK_FAILED);
    assert_string_equal(world_update(world, "shares")->status->container->cpus, "");
    world_acknowledge(world, "shares");
    world_acknowledge(world, "own");
    run(world, "next", 2, &compact);
    assert_string_equal(cpus_of(world, "next"), "1,3");
}

static void cores_that_are_not_free_are_refused_and_nothing_is_lost(void **state)
{
    CLEANUP(world_destroy) struct world *world = new_world();

    (void)state;
    run(world, "a", 3, &compact);
    run(world, "b", 2, &compact);
    assert_state(world, "b", TASK_FAILED);
    assert_non_null(strstr(world_update(world, "b")->status->message,
                           "2 cores are wanted for one task, 1 are free"));
    run(world, "c", 1, &compact);
    assert_string_equal(cpus_of(world, "c"), "3");
}

static void grants_survive_the_agent(void **state)
{
    CLEANUP(world_destroy) struct world *world = new_world();
    const struct msg_register_agent *registered;

    (void)state;
    run(world, "own", 2, &compact);
    run(world, "shared", 1, NULL);
    world_started(world, "own");
    world_started(world, "shared");
    world_crash(world);
    assert_true(world_restart(world));
    world_connect(world);
    registered = record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent;
    assert_string_equal(registered->agent->topology->numa_nodes[0].threads->free_cpus, "");
    /* Who shares is told again where: the order may have been lost. */
    assert_string_equal(record_last(&world->orders, MSG_UPDATE_CONTAINER)->update_container->cpus,
                        "1,3");
    world_registered(world);
    run(world, "next", 1, &compact);
    assert_string_equal(cpus_of(world, "next"), "1");
}

static void no_two_tasks_get_the_same_device(void **state)
{
    static const struct resource_info one = {.name = "gpus", .kind = VALUE_SCALAR, .scalar = 1000};
    static const struct resource_info half = {.name = "gpus", .kind = VALUE_SCALAR, .scalar = 500};
    static const struct resource_info all[] = {
        {.name = "gpus", .kind = VALUE_SCALAR, .scalar = 5000}};
    CLEANUP(world_destroy) struct world *world = new_world();

    (void)state;
    world->resources = all;
    world->resources_count = 1;
    world_crash(world);
    assert_true(world_restart(world));
    world_connect(world);
    world_registered(world);
    run_with(world, "a", &one);
    assert_string_equal(world_launch(world, "a")->gpus[0], "g0");
    run_with(world, "b", &one);
    assert_string_equal(world_launch(world, "b")->gpus[0], "g1");
    run_with(world, "c", &one);
    assert_state(world, "c", TASK_FAILED);
    run_with(world, "d", &half);
    assert_state(world, "d", TASK_FAILED);
    world_started(world, "a");
    assert_int_equal(world_update(world, "a")->status->container->gpus_count, 1);
    world_crash(world);
    assert_true(world_restart(world));
    world_connect(world);
    world_registered(world);
    run_with(world, "e", &one); /* they still have them */
    assert_state(world, "e", TASK_FAILED);
    world_exited_code(world, "b", 0);
    run_with(world, "f", &one);
    assert_string_equal(world_launch(world, "f")->gpus[0], "g1");
}

static void a_device_that_was_offered_by_name_is_the_one_that_is_given(void **state)
{
    static const char *const names[] = {"g1"}, *const unknown[] = {"g7"};
    static const struct resource_info g1 = {
        .name = "gpus", .kind = VALUE_SET, .items = names, .items_count = 1};
    static const struct resource_info g7 = {
        .name = "gpus", .kind = VALUE_SET, .items = unknown, .items_count = 1};
    static const char *const both[] = {"g1", "g7"};
    static const struct resource_info all[] = {
        {.name = "gpus", .kind = VALUE_SET, .items = both, .items_count = 2}};
    CLEANUP(world_destroy) struct world *world = new_world();

    (void)state;
    world->resources = all;
    world->resources_count = 1;
    world_crash(world);
    assert_true(world_restart(world));
    world_connect(world);
    world_registered(world);
    run_with(world, "a", &g1);
    assert_string_equal(world_launch(world, "a")->gpus[0], "g1");
    run_with(world, "b", &g7); /* the settings offer what is not there */
    assert_state(world, "b", TASK_FAILED);
    assert_non_null(strstr(world_update(world, "b")->status->message, "there is no GPU g7 here"));
}

static void an_agent_without_cpusets_refuses_who_asks_for_cores(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run(world, "own", 1, &compact);
    assert_state(world, "own", TASK_ERROR);
    assert_non_null(
        strstr(world_update(world, "own")->status->message, "does not use cgroup/cpuset"));
}

/* --- limits -------------------------------------------------------------------------------------- */

static void change(struct world *world, const char *id, const struct limit_info *limits,
                   size_t count)
{
    world_say(world, MESSAGE(CHANGE_LIMITS, change_limits, .framework_id = FRAMEWORK, .task_id = id,
                             .number = 5, .limits = limits, .limits_count = count));
}

static const struct msg_limits_changed *answer(const struct world *world)
{
    const struct message *message = record_last(&world->sent, MSG_LIMITS_CHANGED);

    assert_non_null(message);
    return message->limits_changed;
}

static const struct limit_info higher[] = {{.name = "cpus", .scalar = 3000},
                                           {.name = "io_read", .scalar = 5000, .device = "8:0"}};

static void limits_that_the_launcher_has_set_are_written_down_and_told(void **state)
{
    CLEANUP(world_destroy) struct world *world = new_world();
    const struct msg_update_container *order;

    (void)state;
    run(world, "t", 1, NULL);
    world_started(world, "t");
    change(world, "t", higher, 2);
    order = record_last(&world->orders, MSG_UPDATE_CONTAINER)->update_container;
    assert_int_equal(order->limits_count, 2);
    assert_int_equal(order->resources_count, 2);
    assert_null(record_last(&world->sent, MSG_LIMITS_CHANGED));
    world_limits_set(world, "");
    assert_string_equal(answer(world)->error, "");
    assert_int_equal(answer(world)->number, 5);
    assert_int_equal(answer(world)->limits_count, 2);
    world_crash(world);
    assert_true(world_restart(world));
    world_connect(world);
    assert_int_equal(
        record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent->tasks[0].task->limits_count,
        2);
}

static void limits_that_cannot_be_set_are_put_back(void **state)
{
    CLEANUP(world_destroy) struct world *world = new_world();
    const struct msg_update_container *order;

    (void)state;
    run(world, "t", 1, NULL);
    world_started(world, "t");
    change(world, "t", higher, 2);
    world_limits_set(world, "cgroup/io: io_read: there is no disk 8:0");
    assert_string_equal(answer(world)->error, "cgroup/io: io_read: there is no disk 8:0");
    assert_int_equal(answer(world)->limits_count, 0);
    order = record_last(&world->orders, MSG_UPDATE_CONTAINER)->update_container;
    assert_int_equal(order->number, 0);
    assert_int_equal(order->limits_count, 0);
}

static void limits_that_make_no_sense_are_refused_at_once(void **state)
{
    static const struct limit_info low = {.name = "mem", .scalar = 1000};
    static const struct limit_info unknown = {.name = "speed", .scalar = 1000};
    static const struct limit_info ports = {.name = "ports", .scalar = 31000000};
    CLEANUP(world_destroy) struct world *world = new_world();

    (void)state;
    change(world, "t", &low, 1);
    assert_non_null(strstr(answer(world)->error, "there is no such task here"));
    run(world, "t", 1, NULL);
    change(world, "t", &low, 1);
    assert_non_null(strstr(answer(world)->error, "has not started yet"));
    world_started(world, "t");
    change(world, "t", &low, 1);
    assert_non_null(strstr(answer(world)->error, "less than what it is granted"));
    change(world, "t", &unknown, 1);
    assert_non_null(strstr(answer(world)->error, "there is none for speed"));
    change(world, "t", &ports, 1);
    assert_non_null(strstr(answer(world)->error, "there is none for ports"));
    change(world, "t", higher, 2);
    change(world, "t", higher, 2);
    assert_non_null(strstr(answer(world)->error, "another change"));
    world_exited_code(world, "t", 0);
    world_limits_set(world, ""); /* the answer that came too late */
    assert_int_equal(record_count(&world->sent, MSG_LIMITS_CHANGED), 6);
}

/* Each of its statuses says where it runs. */
static void task_with_cores_does_not_grow_by_what_is_told_of_it(void **state)
{
    static const struct command_info command = {.value = "true"};
    static const struct check_info check = {.command = &command, .interval_ms = 1000};
    static const struct resource_info cpus = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1000};
    CLEANUP(world_destroy) struct world *world = new_world();
    struct task_info info = *simple_task("t1");
    const struct task *task;
    size_t bytes = 0;

    (void)state;
    info.check = &check;
    info.cores = &compact;
    info.resources = &cpus;
    info.resources_count = 1;
    world_run_task(world, &info);
    world_started(world, "t1");
    world_acknowledge(world, "t1");
    task = agent_task_get(agent_framework_get(world->agent, FRAMEWORK), "t1");
    for (int i = 1; i < 200; i++) {
        const struct check_status result = {.kind = CHECK_COMMAND, .exit_code = i};
        const struct msg_check_container *look;

        world_pass(world, 1000);
        look = record_last(&world->orders, MSG_CHECK_CONTAINER)->check_container;
        world_hear(world, MESSAGE(CONTAINER_CHECKED, container_checked, .number = look->number,
                                  .container_id = look->container_id, .result = &result));
        if (i == 1)
            bytes = arena_used(task->arena);
    }
    assert_int_equal(arena_used(task->arena), bytes);
    assert_string_equal(world_update(world, "t1")->status->container->cpus, "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_who_share_make_room_before_one_with_cores_of_its_own_is_launched),
        cmocka_unit_test(the_master_hears_what_is_free_before_it_hears_of_the_end),
        cmocka_unit_test(group_of_which_one_finds_no_cores_gives_back_what_the_others_had),
        cmocka_unit_test(cores_that_are_not_free_are_refused_and_nothing_is_lost),
        cmocka_unit_test(grants_survive_the_agent),
        cmocka_unit_test(no_two_tasks_get_the_same_device),
        cmocka_unit_test(a_device_that_was_offered_by_name_is_the_one_that_is_given),
        cmocka_unit_test(an_agent_without_cpusets_refuses_who_asks_for_cores),
        cmocka_unit_test(limits_that_the_launcher_has_set_are_written_down_and_told),
        cmocka_unit_test(limits_that_cannot_be_set_are_put_back),
        cmocka_unit_test(limits_that_make_no_sense_are_refused_at_once),
        cmocka_unit_test(task_with_cores_does_not_grow_by_what_is_told_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
