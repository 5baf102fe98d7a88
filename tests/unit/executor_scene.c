#include "tests/unit/executor_scene.h"

#include <string.h>

/* --- what is said ------------------------------------------------------------------------------- */

static const struct resource_info small[] = {
    {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 100},
    {.name = "mem", .kind = VALUE_SCALAR, .scalar = 32000},
};

void run_executor_with(struct world *world, const struct executor_info *info)
{
    struct task_info task = *simple_task(E1);

    task.executor = info;
    task.resources = small;
    task.resources_count = ARRAY_SIZE(small);
    world_run_task(world, &task);
}

void run_executor(struct world *world)
{
    static const struct executor_info info = {0};

    run_executor_with(world, &info);
}

void run_inside(struct world *world, const char *task_id)
{
    static const struct command_info nothing = {.value = ""};
    struct task_info task = *simple_task(task_id);

    task.command = &nothing;
    task.executor_id = E1;
    task.resources = small;
    task.resources_count = ARRAY_SIZE(small);
    world_run_task(world, &task);
}

const char *run_of(const struct world *world, const char *task_id)
{
    const struct msg_keep_task *kept = world_kept(world, task_id);

    assert_non_null(kept);
    return kept->container_id;
}

void executor_greets_with(struct world *world, uint64_t link, const char *token)
{
    world_executor_says(world, link,
                        MESSAGE(EXECUTOR_HELLO, executor_hello, .framework_id = FRAMEWORK,
                                .executor_id = E1, .token = token,
                                .protocol_version = PROTOCOL_VERSION));
}

void executor_greets(struct world *world, uint64_t link)
{
    executor_greets_with(world, link, world_kept(world, E1)->executor_token);
}

void executor_subscribes_with(struct world *world, uint64_t link, const char *const *runs,
                              size_t count)
{
    world_executor_says(
        world, link,
        MESSAGE(EXECUTOR_SUBSCRIBE, executor_subscribe, .runs = runs, .runs_count = count));
}

void executor_subscribes(struct world *world, uint64_t link)
{
    executor_greets(world, link);
    executor_subscribes_with(world, link, NULL, 0);
}

void executor_says_about(struct world *world, const char *run_id, enum task_state state,
                         int64_t number)
{
    const struct task_status status = {
        .task_id = "t1", .state = state, .message = "so", .data = {"data", 4}};

    world_executor_says(world, LINK,
                        MESSAGE(EXECUTOR_UPDATE, executor_update, .run_id = run_id,
                                .number = number, .status = &status));
}

void executor_says(struct world *world, const char *task_id, enum task_state state, int64_t number)
{
    executor_says_about(world, run_of(world, task_id), state, number);
}

/* An executor that runs and is there. */
struct world *executor_begins(void)
{
    static const char *const isolation[] = {"cgroup/memory", NULL};
    struct world *world = world_new(&(struct world_plan){.isolation = isolation});

    run_executor(world);
    world_started(world, E1);
    executor_subscribes(world, LINK);
    world_acknowledge(world, E1);
    world_acknowledge(world, E1);
    return world;
}

/* ... and has a task, of which it has said nothing yet. */
struct world *executor_begins_with_task(void)
{
    struct world *world = executor_begins();

    run_inside(world, "t1");
    world_limits_set(world, "");
    assert_int_equal(record_count(&world->told, MSG_EXECUTOR_LAUNCH), 1);
    return world;
}
