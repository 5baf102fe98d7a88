/* Registration, reconnection, epochs; and random events that no order may confuse. */
#include "tests/unit/agent_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/deadlines.h"
#include "base/mem.h"
#include "base/rng.h"

static void registration_is_repeated_with_doubling_waits_until_answered(void **state)
{
    CLEANUP(world_destroy)
    struct world *world = world_new(&(struct world_plan){.unregistered = true});

    (void)state;
    world_pass(world, 60000);
    assert_int_equal(world->sent.count, 0);
    world_connect(world);
    assert_int_equal(record_count(&world->sent, MSG_REGISTER_AGENT), 1);
    world_pass(world, 1000);
    assert_int_equal(record_count(&world->sent, MSG_REGISTER_AGENT), 2);
    world_pass(world, 2000 + 4000 + 8000);
    assert_int_equal(record_count(&world->sent, MSG_REGISTER_AGENT), 5);
    world_pass(world, 15000 + 15000);
    assert_int_equal(record_count(&world->sent, MSG_REGISTER_AGENT), 7);
    world_registered(world);
    world_pass(world, 3600000);
    assert_int_equal(record_count(&world->sent, MSG_REGISTER_AGENT), 7);
    assert_string_equal(agent_id(world->agent), AGENT);
    assert_true(agent_is_registered(world->agent));
    assert_int_equal(world_counter(world, "slave/registered"), 1);
}

static void reconnection_tells_all_tasks_and_keeps_the_id(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const struct msg_register_agent *again;

    (void)state;
    world_run(world, "staging");
    world_run(world, "running");
    world_started(world, "running");
    world_run(world, "ended");
    world_exited_code(world, "ended", 1);
    world_disconnect(world);
    assert_int_equal(world_counter(world, "slave/registered"), 0);
    world_connect(world);
    again = record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent;
    assert_string_equal(again->agent->id, AGENT);
    assert_int_equal(again->last_epoch, EPOCH);
    assert_int_equal(again->tasks_count, 3);
    assert_int_equal(again->frameworks_count, 1);
    assert_string_equal(again->frameworks[0].id, FRAMEWORK);
    assert_int_equal(again->tasks[0].state, TASK_STAGING);
    assert_null(again->tasks[0].status);
    assert_int_equal(again->tasks[1].state, TASK_RUNNING);
    assert_int_equal(again->tasks[2].state, TASK_FAILED);
    assert_int_equal(again->tasks[2].status->exit->code, 1);
    assert_string_equal(again->tasks[2].role, "ads");
    world_registered(world);
    assert_int_equal(world_updates_count(world, "running"), 2);
    assert_int_equal(world_updates_count(world, "ended"), 2);
    assert_int_equal(world_updates_count(world, "staging"), 0);
}

/* Of all messages of the last registration, each of which has to fit in a frame: how many tasks. */
static size_t registered_tasks(struct world *world, size_t *ret_parts)
{
    size_t tasks = 0;

    *ret_parts = 0;
    for (size_t i = 0; i < world->sent.count; i++) {
        const struct message *message = &world->sent.items[i];
        CLEANUP(buf_fini) struct buf frame = {0};

        if (message->type == MSG_REGISTER_TASKS) {
            tasks += message->register_tasks->tasks_count;
            (*ret_parts)++;
        } else if (message->type == MSG_REGISTER_AGENT) {
            tasks += message->register_agent->tasks_count;
        }
        assert_int_equal(message_encode(message, &frame, NULL), 0);
    }
    return tasks;
}

/* An earlier agent has left them; the new one registers. */
static struct world *world_of_tasks(size_t count, size_t command_size, size_t arguments_count)
{
    struct world *world = world_new(&(struct world_plan){.unregistered = true});
    struct message *past = mem_calloc(count + 2, sizeof(*past));
    CLEANUP(free_p) struct message *owned = past;
    char *text = arena_alloc(world->arena, command_size + 1);
    const char **arguments = arena_array(world->arena, arguments_count, sizeof(*arguments));
    const struct command_info command = {
        .value = text, .argv = arguments, .argv_count = arguments_count};
    struct framework_info framework = {.id = FRAMEWORK, .name = "f"};

    memset(text, 'x', command_size);
    text[command_size] = '\0';
    for (size_t i = 0; i < arguments_count; i++)
        arguments[i] = text;
    world_crash(world);
    past[0] = MESSAGE(KEEP_IDENTITY, keep_identity, .agent_id = AGENT, .epoch = EPOCH,
                      .master_id = "", .boot_id = "boot 1");
    past[1] = MESSAGE(KEEP_FRAMEWORK, keep_framework, .framework = &framework);
    for (size_t i = 0; i < count; i++) {
        struct task_info *task = arena_alloc(world->arena, sizeof(*task));

        *task = *simple_task(arena_printf(world->arena, "t%zu", i));
        task->agent_id = AGENT;
        task->command = &command;
        task->resources_count = 0;
        past[i + 2] = (struct message){.type = MSG_KEEP_TASK};
        past[i + 2].keep_task = record_copy(
            &msg_keep_task_def,
            &(struct msg_keep_task){.framework_id = FRAMEWORK,
                                    .role = "*",
                                    .task = task,
                                    .container_id = arena_printf(world->arena, "t%zu.1", i),
                                    .sandbox = "/s",
                                    .user = "",
                                    .cpus = "",
                                    .mems = ""},
            world->arena);
    }
    world_set_store(world, past, count + 2);
    assert_true(world_restart(world));
    world_connect(world);
    return world;
}

/* A registration that is too long to be sent would lose the agent with all its tasks. */
static void registration_that_is_too_long_for_a_message_comes_in_several(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_of_tasks(40, 131072, 0);
    const struct msg_register_agent *last;
    size_t parts;

    (void)state;
    assert_int_equal(registered_tasks(world, &parts), 40);
    assert_in_range(parts, 4, 8);
    last = record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent;
    assert_int_equal(strlen(last->tasks[0].task->command->value), 131072);
    assert_int_equal(
        record_last(&world->sent, MSG_REGISTER_TASKS)->register_tasks->frameworks_count +
            last->frameworks_count,
        0); /* it came with the first of its tasks */
}

static void twenty_thousand_tasks_are_registered(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_of_tasks(20000, 1000, 0);
    size_t parts;

    (void)state;
    assert_int_equal(registered_tasks(world, &parts), 20000);
    assert_in_range(parts, 20, 100);
}

static void task_that_is_too_much_for_a_message_is_told_in_brief(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_of_tasks(1, 100000, 30);
    const struct msg_register_agent *last;
    size_t parts;

    (void)state;
    assert_int_equal(registered_tasks(world, &parts), 1);
    last = record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent;
    assert_string_equal(last->tasks[0].task->command->value, "");
    assert_string_equal(last->tasks[0].task->task_id, "t0");
}

static void reconnection_without_a_disconnection_registers_anew(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    world_started(world, "t1");
    world_connect(world);
    assert_false(agent_is_registered(world->agent));
    world_registered(world);
    assert_int_equal(world_updates_count(world, "t1"), 2);
}

static void removed_frameworks_tasks_are_told_as_disowned(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    world_say(world, MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
    world_disconnect(world);
    world_connect(world);
    assert_int_equal(record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent->tasks_count, 1);
    assert_true(record_last(&world->sent, MSG_REGISTER_AGENT)->register_agent->tasks[0].disowned);
}

static void master_of_an_older_epoch_is_complained_of_once(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world->epoch = EPOCH - 1;
    world_run(world, "t1");
    world_run(world, "t2");
    assert_int_equal(world->warnings, 1);
    assert_non_null(strstr(world->warning, "--epoch-at-least"));
}

static void older_epoch_is_not_obeyed(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world->epoch = EPOCH - 1;
    world_run(world, "t1");
    assert_int_equal(world->orders.count, 0);
    assert_int_equal(world_counter(world, "slave/messages_of_older_epochs"), 1);

    world_disconnect(world);
    world_connect(world);
    world_registered(world);
    assert_false(agent_is_registered(world->agent));
    world->epoch = EPOCH + 1;
    world_registered(world);
    assert_true(agent_is_registered(world->agent));
    world_run(world, "t2");
    world_started(world, "t2");
    assert_int_equal(record_last(&world->sent, MSG_STATUS_UPDATE)->epoch, EPOCH + 1);
    world->epoch = EPOCH;
    world_kill(world, "t2");
    assert_state(world, "t2", TASK_RUNNING);
}

static void nothing_is_obeyed_before_the_answer(void **state)
{
    CLEANUP(world_destroy)
    struct world *world = world_new(&(struct world_plan){.unregistered = true});

    (void)state;
    world_connect(world);
    world_run(world, "t1");
    assert_int_equal(world->orders.count, 0);
    assert_int_equal(world_counter(world, "slave/messages_before_registration"), 1);
    world_say(world, MESSAGE(SHUTDOWN_AGENT, shutdown_agent, .reason = "not in the list"));
    assert_true(world->is_stopped);
    assert_int_equal(world->exit_code, 1);
}

static void other_id_from_the_master_ends_the_agent(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_say(world,
              MESSAGE(AGENT_REGISTERED, agent_registered, .agent_id = "M-S9", .master_id = "M"));
    assert_false(world->is_stopped); /* an answer that nobody waited for */
    world_disconnect(world);
    world_connect(world);
    world_say(world,
              MESSAGE(AGENT_REGISTERED, agent_registered, .agent_id = "M-S9", .master_id = "M"));
    assert_true(world->is_stopped);
    assert_int_equal(world->exit_code, 1);
}

static void message_that_an_agent_does_not_get_is_counted(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_say(world, MESSAGE(RESCIND, rescind, .offer_id = "o"));
    assert_int_equal(world_counter(world, "slave/messages_unexpected"), 1);
}

/* --- random events ------------------------------------------------------------------------------
 */

#define TASKS 12

static void do_random_task_event(struct world *world, struct rng *rng)
{
    static const struct exit_info killed = {.signal = 9};
    char id[16];

    snprintf(id, sizeof(id), "t%d", (int)rng_below(rng, TASKS));
    switch (rng_below(rng, 8)) {
    case 0:
    case 1:
        world_run(world, id);
        break;
    case 2:
        world_started(world, id);
        break;
    case 3:
        world_exited_code(world, id, (int)rng_below(rng, 2));
        break;
    case 4:
        world_exited(world, id, (struct msg_container_exited){.exit = &killed});
        break;
    case 5:
        world_kill_grace(world, id, (int64_t)rng_below(rng, 5000));
        break;
    default:
        if (world_update(world, id))
            world_acknowledge(world, id);
        break;
    }
}

static void do_random_event(struct world *world, struct rng *rng)
{
    switch (rng_below(rng, 40)) {
    case 0:
        world_disconnect(world);
        break;
    case 1:
        world_connect(world);
        break;
    case 2:
    case 3:
        world_registered(world);
        break;
    case 4:
        world->epoch = EPOCH + rng_below(rng, 3);
        break;
    case 5:
        world_say(world,
                  MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = FRAMEWORK));
        break;
    case 6:
        world_pass(world, (int64_t)rng_below(rng, 20000));
        break;
    default:
        do_random_task_event(world, rng);
        break;
    }
}

/* Whatever happened: with a master that answers and containers that end, all is forgotten. */
static void settle(struct world *world)
{
    char id[16];

    world->epoch = EPOCH + 3;
    world_connect(world);
    world_registered(world);
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < TASKS; i++) {
            snprintf(id, sizeof(id), "t%d", i);
            world_exited_code(world, id, 0);
            if (world_update(world, id))
                world_acknowledge(world, id);
        }
    assert_int_equal(world_counter(world, "slave/tasks_remembered"), 0);
    world_pass(world, 61000);
    assert_int_equal(world_counter(world, "slave/frameworks_active"), 0);
    assert_int_equal(agent_next_deadline_us(world->agent), DEADLINE_NEVER);
}

static void random_events_leave_the_books_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
        struct rng rng = {.state = seed};

        for (int i = 0; i < 400; i++)
            do_random_event(world, &rng);
        settle(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registration_is_repeated_with_doubling_waits_until_answered),
        cmocka_unit_test(reconnection_tells_all_tasks_and_keeps_the_id),
        cmocka_unit_test(registration_that_is_too_long_for_a_message_comes_in_several),
        cmocka_unit_test(twenty_thousand_tasks_are_registered),
        cmocka_unit_test(task_that_is_too_much_for_a_message_is_told_in_brief),
        cmocka_unit_test(reconnection_without_a_disconnection_registers_anew),
        cmocka_unit_test(removed_frameworks_tasks_are_told_as_disowned),
        cmocka_unit_test(older_epoch_is_not_obeyed),
        cmocka_unit_test(master_of_an_older_epoch_is_complained_of_once),
        cmocka_unit_test(nothing_is_obeyed_before_the_answer),
        cmocka_unit_test(other_id_from_the_master_ends_the_agent),
        cmocka_unit_test(message_that_an_agent_does_not_get_is_counted),
        cmocka_unit_test(random_events_leave_the_books_in_order),
    };

    return cmocka_run_group_tests_name("agent registration", tests, NULL, NULL);
}
