#include "tests/unit/group_scene.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "proto/resources_info.h"

/* An init, another, a sidecar, two mains. */
const struct part whole[WHOLE_COUNT] = {
    {"init1", GROUP_INIT, false, 0},     {"init2", GROUP_INIT, false, 0},
    {"log", GROUP_SIDECAR, false, 0},    {"proxy", GROUP_SIDECAR, false, 0},
    {"main1", GROUP_MAIN, false, 10000}, {"main2", GROUP_MAIN, false, 5000},
};

#define DISK "disk(ads dynamic)"

static const struct resource_info *parse(struct world *world, const char *text, size_t *ret_count)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    struct agent_info info = {0};
    const struct agent_info *copy;

    assert_int_equal(resources_parse(&resources, text, NULL), 0);
    info.resources = resources_to_info(&resources, world->arena, &info.resources_count);
    copy = record_copy(&agent_info_def, &info, world->arena);
    *ret_count = copy->resources_count;
    return copy->resources;
}

static void apply(struct world *world, enum operation_kind kind, const char *from, const char *to)
{
    struct msg_apply_operation call = {.framework_id = FRAMEWORK, .operation_id = "", .kind = kind};

    call.consumed = parse(world, from, &call.consumed_count);
    call.converted = parse(world, to, &call.converted_count);
    world_say(world, (struct message){.type = MSG_APPLY_OPERATION, .apply_operation = &call});
}

void make_volume(struct world *world)
{
    apply(world, OPERATION_RESERVE, "disk:100", DISK ":100");
    apply(world, OPERATION_CREATE, DISK ":100", DISK "[own]:100");
}

void run_parts(struct world *world, const struct part *parts, size_t count)
{
    static const struct grant nothing[WHOLE_COUNT];

    run_granted(world, parts, nothing, count);
}

void run_granted(struct world *world, const struct part *parts, const struct grant *grants,
                 size_t count)
{
    static const struct command_info command = {.value = "true"};
    static const char *const volumes[] = {"data"};
    const struct framework_info framework = {.id = FRAMEWORK, .name = "test", .user = "alice"};
    static const struct port_mapping web = {.host_port = 31000, .container_port = 80};
    struct group_info group = {.id = GROUP, .volumes = volumes, .volumes_count = 1};
    struct range_info ranges[8];
    struct resource_info ports[8];
    struct mount_info mounts[8];
    struct command_info commands[8];
    struct kill_policy policies[8];
    struct group_member members[8];
    struct task_info tasks[8];

    for (size_t i = 0; i < count; i++) {
        policies[i] = (struct kill_policy){.grace_ms = parts[i].grace_ms};
        members[i] = (struct group_member){
            .id = GROUP, .part = parts[i].part, .may_end = parts[i].may_end, .number = 77};
        tasks[i] = (struct task_info){.task_id = parts[i].task_id,
                                      .name = parts[i].task_id,
                                      .agent_id = AGENT,
                                      .command = &command,
                                      .kill_policy = parts[i].grace_ms ? &policies[i] : NULL,
                                      .group = &members[i]};
        commands[i] = command;
        commands[i].user = grants[i].user;
        tasks[i].command = &commands[i];
        if (grants[i].mounted) {
            mounts[i] = (struct mount_info){.volume_id = grants[i].mounted,
                                            .role = "",
                                            .container_path = "at",
                                            .read_only = grants[i].read_only};
            tasks[i].mounts = &mounts[i];
            tasks[i].mounts_count = 1;
        }
        if (grants[i].volume)
            tasks[i].resources =
                parse(world, arena_printf(world->arena, DISK "[%s]:100", grants[i].volume),
                      &tasks[i].resources_count);
        if (!grants[i].port)
            continue;
        ranges[i] = (struct range_info){.begin = grants[i].port, .end = grants[i].port};
        ports[i] = (struct resource_info){
            .name = "ports", .kind = VALUE_RANGES, .ranges = &ranges[i], .ranges_count = 1};
        tasks[i].resources = &ports[i];
        tasks[i].resources_count = 1;
        group.network = "bridge";
        group.port_mappings = &web;
        group.port_mappings_count = 1;
    }
    world_say(world, MESSAGE(RUN_GROUP, run_group, .framework = &framework, .group = &group,
                             .tasks = tasks, .tasks_count = count, .role = "ads"));
}

/* The newest order for a holder, in this life or in what was written. */
const struct msg_launch_container *holder_order(const struct world *world)
{
    for (size_t i = world->orders.count; i-- > 0;)
        if (world->orders.items[i].type == MSG_LAUNCH_CONTAINER &&
            world->orders.items[i].launch_container->group)
            return world->orders.items[i].launch_container;
    return NULL;
}

static char holder_id[256]; /* across lives */

void holder_started(struct world *world)
{
    const struct msg_launch_container *order = holder_order(world);

    if (order)
        snprintf(holder_id, sizeof(holder_id), "%s", order->container_id);
    world_hear(world, MESSAGE(CONTAINER_STARTED, container_started, .container_id = holder_id,
                              .pid = 99, .started_us = 1));
}

void holder_exited(struct world *world, struct msg_container_exited end)
{
    const struct msg_launch_container *order = holder_order(world);

    if (order)
        snprintf(holder_id, sizeof(holder_id), "%s", order->container_id);
    end.container_id = holder_id;
    world_hear(world, (struct message){.type = MSG_CONTAINER_EXITED, .container_exited = &end});
}

void holder_exits(struct world *world)
{
    holder_exited(world, (struct msg_container_exited){.error = ""});
}

void reborn(struct world *world)
{
    const struct msg_launch_container *order = holder_order(world);

    if (order)
        snprintf(holder_id, sizeof(holder_id), "%s", order->container_id);
    world_reborn(world);
}

size_t holder_kills(const struct world *world)
{
    size_t count = 0;

    for (size_t i = 0; i < world->orders.count; i++)
        count += world->orders.items[i].type == MSG_SIGNAL_CONTAINER &&
                 !strcmp(world->orders.items[i].signal_container->container_id, holder_id);
    return count;
}

bool is_launched(const struct world *world, const char *task_id)
{
    return world_launch(world, task_id) != NULL;
}

/* "init1 log main1 ": the tasks that were launched in this life. */
const char *launched(const struct world *world)
{
    static char text[256];
    size_t size = 0;

    *text = '\0';
    for (size_t i = 0; i < WHOLE_COUNT; i++)
        if (is_launched(world, whole[i].task_id))
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%s ", whole[i].task_id);
    return text;
}

void finish(struct world *world, const char *task_id)
{
    world_started(world, task_id);
    world_exited_code(world, task_id, 0);
}

void killed(struct world *world, const char *task_id)
{
    world_exited(world, task_id,
                 (struct msg_container_exited){.exit = &(const struct exit_info){.signal = 15}});
}

/* The last update of a task, though those before it wait. */
const struct task_status *last_of(struct world *world, const char *task_id)
{
    while (world_update(world, task_id) && world_update(world, task_id)->status->state !=
                                               world_update(world, task_id)->latest_state)
        world_acknowledge(world, task_id);
    /* What is newer than the one in flight comes with the acknowledgement. */
    for (size_t i = 0; i < 4; i++) {
        const struct task_status *status = world_update(world, task_id)->status;

        if (task_state_is_terminal(status->state))
            return status;
        world_acknowledge(world, task_id);
    }
    return world_update(world, task_id)->status;
}

struct world *world_with_group(void)
{
    struct world *world = world_new(&(struct world_plan){0});

    run_parts(world, whole, WHOLE_COUNT);
    return world;
}

/* Everything but the inits runs. */
struct world *world_with_running_group(void)
{
    struct world *world = world_with_group();

    holder_started(world);
    finish(world, "init1");
    finish(world, "init2");
    world_started(world, "log");
    world_started(world, "proxy");
    world_started(world, "main1");
    world_started(world, "main2");
    assert_string_equal(launched(world), "init1 init2 log proxy main1 main2 ");
    return world;
}

void assert_nothing_left(struct world *world)
{
    assert_int_equal(world_stored(world, MSG_KEEP_GROUP, ""), 0);
}
