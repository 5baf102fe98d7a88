/* The agent's core: a task that can be said to it, and with what the agent adds not to who makes its container.
 *
 * Numbers of many digits are the dearest on the wire for what they take in memory, and volumes below a long path are
 * what an agent adds the most for. */
#include <stdio.h>
#include <string.h>

#include "proto/message.h"
#include "tests/unit/agent_fixture.h"

#define NAMES    3 /* resources of many numbers */
#define NUMBERS  65500
#define TOO_MANY 64600 /* with the volumes; in memory it is less than a task may be */
#define VOLUMES  64

static char long_dir[2048];

struct wide {
    struct world *world;
    struct range_info ranges[NUMBERS];
    struct reservation_info reservation;
    struct volume_info volumes[VOLUMES];
    char ids[VOLUMES][16];
    struct resource_info all[NAMES + VOLUMES];
};

/* An agent with all of it. */
static int setup(void **state)
{
    static const char *const names[NAMES] = {"a", "b", "c"};
    static struct wide self;

    memset(long_dir, 'd', sizeof(long_dir) - 1);
    long_dir[0] = '/';
    for (size_t i = 0; i < NUMBERS; i++)
        self.ranges[i].begin = self.ranges[i].end = (INT64_C(1) << 40) + 2 * (int64_t)i;
    for (size_t i = 0; i < NAMES; i++)
        self.all[i] = (struct resource_info){
            .name = names[i], .kind = VALUE_RANGES, .ranges = self.ranges, .ranges_count = NUMBERS};
    self.reservation = (struct reservation_info){.role = "ads", .dynamic = true};
    for (size_t i = 0; i < VOLUMES; i++) {
        snprintf(self.ids[i], sizeof(self.ids[i]), "v%zu", i);
        self.volumes[i].id = self.ids[i];
        self.all[NAMES + i] = (struct resource_info){.name = "disk",
                                                     .kind = VALUE_SCALAR,
                                                     .scalar = 1000,
                                                     .role = "ads",
                                                     .reservations = &self.reservation,
                                                     .reservations_count = 1,
                                                     .volume = &self.volumes[i]};
    }
    self.world =
        world_new(&(struct world_plan){.volumes_dir = long_dir, .sandboxes_dir = long_dir});
    self.world->resources = self.all;
    self.world->resources_count = NAMES + VOLUMES;
    world_reborn(self.world);
    *state = &self;
    return 0;
}

static int teardown(void **state)
{
    world_destroy(&((struct wide *)*state)->world);
    return 0;
}

/* Takes `numbers` of each resource, and all volumes or none. */
static struct task_info wide_task(struct wide *self, const char *id, size_t numbers,
                                  bool has_volumes)
{
    struct task_info task = *simple_task(id);

    for (size_t i = 0; i < NAMES; i++)
        self->all[i].ranges_count = numbers;
    task.resources = self->all;
    task.resources_count = has_volumes ? NAMES + VOLUMES : NAMES;
    return task;
}

static void run(struct wide *self, const char *id, size_t numbers, bool has_volumes)
{
    const struct task_info task = wide_task(self, id, numbers, has_volumes);

    world_run_task(self->world, &task);
}

static size_t size_of(const struct message *message)
{
    CLEANUP(buf_fini) struct buf frame = {0};
    struct err err = {""};

    if (message_encode(message, &frame, &err) < 0)
        fail_msg("%s", err.text);
    return frame.size;
}

static const struct message *last_launch(const struct wide *self)
{
    return record_last(&self->world->orders, MSG_LAUNCH_CONTAINER);
}

static void what_cannot_be_said_of_a_task_fails_it(void **state)
{
    struct wide *self = *state;
    const struct task_status *status;

    run(self, "t1", TOO_MANY, true);
    assert_null(last_launch(self));
    status = world_update(self->world, "t1")->status;
    assert_int_equal(status->state, TASK_FAILED);
    assert_int_equal(status->reason, REASON_CONTAINER_LAUNCH_FAILED);
    assert_non_null(strstr(status->message, "environment and volumes the task takes more than"));
    assert_true(size_of(record_last(&self->world->records, MSG_KEEP_TASK)) < FRAME_MAX);
    world_acknowledge(self->world, "t1");
    run(self, "t2", TOO_MANY, false);
    assert_true(size_of(last_launch(self)) > FRAME_MAX / 20 * 19);
}

/* By the bounds that a launcher has. */
static void assert_readable(const struct message *message)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new((size_t)64 * 1024 * 1024);
    CLEANUP(buf_fini) struct buf frame = {0};
    struct message read;
    struct err err = {""};

    assert_int_equal(message_encode(message, &frame, NULL), 0);
    if (message_decode(frame.data, frame.size, arena, &read, &err) < 0)
        fail_msg("%s", err.text);
}

/* On either side of the limit. */
static void what_is_just_small_enough_is_said(void **state)
{
    struct wide *self = *state;
    size_t fits = 1000, fails = TOO_MANY, largest = 0;
    char id[32];

    while (fails - fits > 1) {
        size_t numbers = fits + (fails - fits) / 2;
        size_t launches = record_count(&self->world->orders, MSG_LAUNCH_CONTAINER);

        snprintf(id, sizeof(id), "t%zu", numbers);
        run(self, id, numbers, true);
        if (record_count(&self->world->orders, MSG_LAUNCH_CONTAINER) == launches) {
            assert_state(self->world, id, TASK_FAILED);
            fails = numbers;
        } else {
            largest = size_of(last_launch(self));
            fits = numbers;
            assert_readable(last_launch(self));
            world_exited_code(self->world, id, 0);
        }
        world_acknowledge(self->world, id);
    }
    assert_in_range(largest, FRAME_MAX - 66000, FRAME_MAX);
}

static void nothing_of_a_group_is_launched_then(void **state)
{
    struct wide *self = *state;
    const struct group_info group = {.id = "g"};
    const struct group_member member = {.id = "g", .part = GROUP_MAIN};
    struct task_info tasks[] = {*simple_task("small"), wide_task(self, "wide", TOO_MANY, true)};

    tasks[0].group = tasks[1].group = &member;
    world_say(self->world,
              MESSAGE(RUN_GROUP, run_group,
                      .framework = &(struct framework_info){.id = FRAMEWORK, .name = "f"},
                      .group = &group, .tasks = tasks, .tasks_count = 2));
    assert_null(last_launch(self));
    assert_state(self->world, "small", TASK_FAILED);
    assert_state(self->world, "wide", TASK_FAILED);
    assert_non_null(strstr(world_update(self->world, "small")->status->message, "task wide: with"));
}

#define with_wide(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_wide(what_cannot_be_said_of_a_task_fails_it),
        with_wide(what_is_just_small_enough_is_said),
        with_wide(nothing_of_a_group_is_launched_then),
    };

    return cmocka_run_group_tests_name("agent size", tests, NULL, NULL);
}
