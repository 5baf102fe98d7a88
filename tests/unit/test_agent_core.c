/* A task's states on an agent, from RUN_TASK to its last acknowledgement. */
#include "tests/unit/agent_fixture.h"

#include <errno.h>
#include <string.h>

static const char *env_of(const struct world *world, const char *task_id, const char *name)
{
    const struct msg_launch_container *launch = world_launch(world, task_id);
    const char *value = NULL;

    assert_non_null(launch);
    for (size_t i = 0; i < launch->command->env_count; i++) {
        if (strcmp(launch->command->env[i].name, name) != 0)
            continue;
        assert_null(value); /* a name stands once */
        value = launch->command->env[i].value;
    }
    return value;
}

static void task_runs_finishes_and_is_forgotten(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    assert_null(world_update(world, "t1"));
    world_started(world, "t1");
    assert_state(world, "t1", TASK_RUNNING);
    assert_int_equal(world_update(world, "t1")->status->container->pid, 4711);
    assert_string_equal(world_update(world, "t1")->status->agent_id, AGENT);
    world_acknowledge(world, "t1");
    world_exited_code(world, "t1", 0);
    assert_state(world, "t1", TASK_FINISHED);
    assert_string_equal(world_update(world, "t1")->status->message, "exited with status 0");
    assert_int_equal(world_counter(world, "slave/tasks_remembered"), 1);
    world_acknowledge(world, "t1");
    assert_int_equal(world_counter(world, "slave/tasks_remembered"), 0);
    assert_int_equal(world_counter(world, "slave/tasks_finished"), 1);
    assert_non_null(record_last(&world->changes, MSG_CHANGE_TASK_REMOVED));
}

static void container_that_fails_makes_the_task_fail(void **state)
{
    static const struct exit_info killed = {.signal = 9};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    world_exited_code(world, "t1", 3);
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_COMMAND_EXECUTOR_FAILED);
    assert_string_equal(world_update(world, "t1")->status->message, "exited with status 3");
    assert_int_equal(world_update(world, "t1")->status->exit->code, 3);

    world_run(world, "t2");
    world_exited(world, "t2", (struct msg_container_exited){.exit = &killed});
    assert_state(world, "t2", TASK_FAILED);
    assert_string_equal(world_update(world, "t2")->status->message,
                        "terminated by signal 9 (Killed)");
}

static void launch_error_limitation_and_unseen_end_have_their_reasons(void **state)
{
    static const struct exit_info killed = {.signal = 9};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    world_exited(world, "t1", (struct msg_container_exited){.error = "no such program"});
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_CONTAINER_LAUNCH_FAILED);
    assert_string_equal(world_update(world, "t1")->status->message, "no such program");

    world_run(world, "t2");
    world_exited(world, "t2",
                 (struct msg_container_exited){.exit = &killed,
                                               .limitation = REASON_CONTAINER_LIMITATION_MEMORY,
                                               .message = "used 64 MiB of 64 MiB",
                                               .peak_mem_bytes = 67108864});
    assert_state(world, "t2", TASK_FAILED);
    assert_int_equal(world_update(world, "t2")->status->reason, REASON_CONTAINER_LIMITATION_MEMORY);
    assert_string_equal(world_update(world, "t2")->status->message, "used 64 MiB of 64 MiB");
    assert_int_equal(world_update(world, "t2")->status->container->peak_mem_bytes, 67108864);

    world_run(world, "t3");
    world_exited(world, "t3", (struct msg_container_exited){0});
    assert_state(world, "t3", TASK_FAILED);
    assert_int_equal(world_update(world, "t3")->status->reason, REASON_EXECUTOR_TERMINATED);

    world_run(world, "t4"); /* of one that was not started */
    world_exited(world, "t4",
                 (struct msg_container_exited){.error = "ended while its URIs were fetched",
                                               .limitation = REASON_CONTAINER_LIMITATION_MEMORY,
                                               .message = "used 64 MiB of 64 MiB"});
    assert_state(world, "t4", TASK_FAILED);
    assert_int_equal(world_update(world, "t4")->status->reason, REASON_CONTAINER_LIMITATION_MEMORY);
    assert_string_equal(world_update(world, "t4")->status->message,
                        "used 64 MiB of 64 MiB; ended while its URIs were fetched");
}

static void invalid_tasks_are_answered_and_not_launched(void **state)
{
    static const struct command_info empty = {0};
    static const struct env_info bad_env = {.name = "a=b", .value = ""};
    static const struct command_info bad_name = {.value = "true", .env = &bad_env, .env_count = 1};
    static const struct resource_info bad_resource = {
        .name = "no name", .kind = VALUE_SCALAR, .scalar = 1};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");

    (void)state;
    task.command = &empty;
    world_run_task(world, &task);
    assert_state(world, "t1", TASK_ERROR);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_TASK_INVALID);

    task = *simple_task("t2");
    task.command = &bad_name;
    world_run_task(world, &task);
    assert_state(world, "t2", TASK_ERROR);

    task = *simple_task("t3");
    task.resources = &bad_resource;
    task.resources_count = 1;
    world_run_task(world, &task);
    assert_state(world, "t3", TASK_ERROR);

    task = *simple_task("t4");
    task.agent_id = "another";
    world_run_task(world, &task);
    assert_state(world, "t4", TASK_ERROR);

    assert_int_equal(record_count(&world->orders, MSG_LAUNCH_CONTAINER), 0);
    world_acknowledge(world, "t1");
    assert_int_equal(world_counter(world, "slave/tasks_remembered"), 3);
}

static void doubled_task_is_run_once(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    world_started(world, "t1");
    world_run(world, "t1");
    assert_int_equal(record_count(&world->orders, MSG_LAUNCH_CONTAINER), 1);
    assert_int_equal(world_updates_count(world, "t1"), 1);
    assert_int_equal(world_counter(world, "slave/tasks_doubled"), 1);
}

static void container_ids_are_readable_safe_and_unique(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    char long_id[256] = {0};

    (void)state;
    world_run(world, ".web one\xc3\xa9.3");
    assert_int_equal(
        strncmp(world_launch(world, ".web one\xc3\xa9.3")->container_id, "_web_one__.3.", 13), 0);
    assert_string_equal(world_launch(world, ".web one\xc3\xa9.3")->user, "alice");
    memset(long_id, 'x', 255);
    world_run(world, long_id);
    assert_true(strlen(world_launch(world, long_id)->container_id) < 100);
}

static void environment_is_complete_and_the_users_comes_last(void **state)
{
    static const struct env_info env[] = {
        {.name = "PATH", .value = "/opt/bin"},
        {.name = "PROFFER_TASK_ID", .value = "forged"},
        {.name = "PROFFER_MASTER", .value = "m:5050"},
        {.name = "X", .value = "1"},
        {.name = "X", .value = "2"},
    };
    static const struct command_info command = {.value = "true", .env = env, .env_count = 5};
    static const struct range_info ranges[] = {{31000, 31001}, {31005, 31005}};
    static const struct resource_info ports = {
        .name = "ports", .kind = VALUE_RANGES, .ranges = ranges, .ranges_count = 2};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");

    (void)state;
    task.command = &command;
    task.resources = &ports;
    task.resources_count = 1;
    world_run_task(world, &task);
    assert_string_equal(env_of(world, "t1", "PATH"), "/opt/bin");
    assert_string_equal(env_of(world, "t1", "PROFFER_TASK_ID"), "t1");
    assert_string_equal(env_of(world, "t1", "PROFFER_MASTER"), "m:5050");
    assert_string_equal(env_of(world, "t1", "X"), "2");
    assert_string_equal(env_of(world, "t1", "PORT0"), "31000");
    assert_string_equal(env_of(world, "t1", "PORT2"), "31005");
    assert_null(env_of(world, "t1", "PORT3"));
    assert_string_equal(env_of(world, "t1", "PORTS"), "31000,31001,31005");
    assert_string_equal(env_of(world, "t1", "PROFFER_ROLE"), "ads");
    assert_string_equal(env_of(world, "t1", "PROFFER_AGENT_ID"), AGENT);
    assert_string_equal(env_of(world, "t1", "PROFFER_FRAMEWORK_ID"), FRAMEWORK);
    assert_string_equal(env_of(world, "t1", "HOST"), "host1");
    assert_string_equal(env_of(world, "t1", "HOME"), world_launch(world, "t1")->sandbox);
    assert_string_equal(env_of(world, "t1", "MESOS_SANDBOX"),
                        env_of(world, "t1", "PROFFER_SANDBOX"));
}

static void published_tasks_keep_environment_and_data_private(void **state)
{
    static const struct env_info secret = {.name = "PASSWORD", .value = "x"};
    static const struct command_info command = {.value = "true", .env = &secret, .env_count = 1};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");
    const struct task_info *public_task;

    (void)state;
    task.command = &command;
    task.data = (struct bytes){"data", 4};
    world_run_task(world, &task);
    public_task = record_last(&world->changes, MSG_CHANGE_TASK)->change_task->task;
    assert_int_equal(public_task->command->env_count, 0);
    assert_int_equal(public_task->data.size, 0);
    assert_string_equal(public_task->command->value, "true");
}

static void user_is_the_commands_else_the_frameworks_else_the_default(void **state)
{
    static const struct command_info as_bob = {.value = "true", .user = "bob"};
    static const struct framework_info nobodys = {.id = "M-0002", .name = "anonymous"};
    CLEANUP(world_destroy)
    struct world *world = world_new(&(struct world_plan){.default_user = "carol"});
    struct task_info task = *simple_task("t1");

    (void)state;
    task.command = &as_bob;
    world_run_task(world, &task);
    assert_string_equal(world_launch(world, "t1")->user, "bob");
    world_run(world, "t2");
    assert_string_equal(world_launch(world, "t2")->user, "alice");
    world_say(world, MESSAGE(RUN_TASK, run_task, .framework = &nobodys, .task = simple_task("t3")));
    assert_string_equal(world_launch(world, "t3")->user, "carol");
    assert_string_equal(env_of(world, "t3", "PROFFER_ROLE"), "*");
}

static void agent_that_cannot_switch_runs_tasks_as_itself(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){.no_switch = true});

    (void)state;
    world_run(world, "t1");
    assert_string_equal(world_launch(world, "t1")->user, "");
    assert_string_equal(world_launch(world, "t1")->command->user, "");
}

static void events_of_unknown_containers_are_counted(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_started(world, "never");
    world_exited_code(world, "never", 0);
    assert_int_equal(world_counter(world, "slave/events_of_unknown_containers"), 2);
}

static void messages_for_executors_are_counted_and_dropped(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_say(world, MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .framework_id = FRAMEWORK,
                             .agent_id = AGENT, .task_id = "t1", .data = {"hi", 2}));
    assert_int_equal(world_counter(world, "slave/dropped_framework_messages"), 1);
}

static void used_resources_are_those_of_live_containers(void **state)
{
    static const struct resource_info cpus = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 2000};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");

    (void)state;
    task.resources = &cpus;
    task.resources_count = 1;
    world_run_task(world, &task);
    assert_int_equal(world_counter(world, "slave/cpus_used"), 2);
    assert_int_equal(world_counter(world, "slave/cpus_total"), 4);
    world_exited_code(world, "t1", 0);
    assert_int_equal(world_counter(world, "slave/cpus_used"), 0);
}

static void framework_without_tasks_is_forgotten_after_a_while(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    world_exited_code(world, "t1", 0);
    world_acknowledge(world, "t1");
    world_pass(world, 59000);
    world_run(world, "t2");
    world_pass(world, 59000);
    assert_int_equal(world_counter(world, "slave/frameworks_active"), 1);
    assert_int_equal(record_count(&world->changes, MSG_CHANGE_FRAMEWORK), 1);
    world_exited_code(world, "t2", 0);
    world_acknowledge(world, "t2");
    world_pass(world, 61000);
    assert_int_equal(world_counter(world, "slave/frameworks_active"), 0);
    assert_non_null(record_last(&world->changes, MSG_CHANGE_FRAMEWORK_REMOVED));
}

static void bad_settings_are_refused(void **state)
{
    const struct agent_info nameless = {.hostname = ""};
    const struct agent_env env = {0};
    struct agent_settings settings = {.info = &nameless, .sandboxes_dir = "/s"};
    struct agent *agent = NULL;
    struct err err;

    (void)state;
    assert_int_equal(agent_new(&settings, &env, (struct now){0}, &agent, &err), -EINVAL);
    settings.info = &(const struct agent_info){.hostname = "h"};
    settings.sandboxes_dir = "relative";
    assert_int_equal(agent_new(&settings, &env, (struct now){0}, &agent, &err), -EINVAL);
    assert_null(agent);
}

static struct world *world_that_fetches(int64_t max_completion_ms)
{
    static const struct uri_info uris[] = {{.value = "http://me:pw@host/one"},
                                           {.value = "http://host/two", .cache = true}};
    static const struct command_info command = {.value = "true", .uris = uris, .uris_count = 2};
    struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");

    task.command = &command;
    task.max_completion_ms = max_completion_ms;
    world_run_task(world, &task);
    return world;
}

static void hear_fetching(struct world *world, int64_t uri, int64_t bytes)
{
    world_hear(world, MESSAGE(CONTAINER_FETCHING, container_fetching,
                              .container_id = world_launch(world, "t1")->container_id, .uri = uri,
                              .bytes = bytes));
}

static void time_limit_begins_when_all_is_fetched(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_fetches(60000);

    (void)state;
    hear_fetching(world, 0, 0);
    world_acknowledge(world, "t1");
    world_pass(world, 600000);
    hear_fetching(world, 1, 5);
    assert_state(world, "t1", TASK_STARTING);
    world_acknowledge(world, "t1");
    world_started(world, "t1");
    world_acknowledge(world, "t1");
    world_pass(world, 59999);
    assert_state(world, "t1", TASK_RUNNING);
    world_pass(world, 1);
    assert_state(world, "t1", TASK_KILLING);
}

static void task_is_starting_while_its_uris_are_fetched(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_fetches(0);

    (void)state;
    assert_int_equal(world_launch(world, "t1")->command->uris_count, 2);
    hear_fetching(world, 0, 0);
    assert_state(world, "t1", TASK_STARTING);
    assert_string_equal(world_update(world, "t1")->status->message,
                        "fetching http://***@host/one (1 of 2), 0 bytes so far");
    for (int i = 0; i < 100; i++)
        hear_fetching(world, 1, i);
    world_acknowledge(world, "t1"); /* of what came meanwhile, the newest is left */
    assert_string_equal(world_update(world, "t1")->status->message,
                        "fetching http://host/two (2 of 2), 99 bytes so far");
    world_acknowledge(world, "t1");
    world_started(world, "t1");
    assert_state(world, "t1", TASK_RUNNING);
    assert_int_equal(world_updates_count(world, "t1"), 3);
    hear_fetching(world, 1, 100); /* late */
    assert_state(world, "t1", TASK_RUNNING);
}

static void next_agent_finds_it_starting(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_fetches(0);
    const char *container_id = world_launch(world, "t1")->container_id;

    (void)state;
    hear_fetching(world, 0, 5);
    world_acknowledge(world, "t1");
    world_reborn(world);
    world_hear(world, MESSAGE(CONTAINER_FETCHING, container_fetching, .container_id = container_id,
                              .uri = 1, .bytes = 7));
    assert_state(world, "t1", TASK_STARTING);
    world_exited(world, "t1", (struct msg_container_exited){.error = "cannot fetch it"});
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_CONTAINER_LAUNCH_FAILED);
    assert_string_equal(world_update(world, "t1")->status->message, "cannot fetch it");
}

static void task_is_killed_while_it_is_fetched(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_that_fetches(0);

    (void)state;
    hear_fetching(world, 0, 5);
    world_acknowledge(world, "t1");
    world_kill(world, "t1");
    assert_int_equal(world_signals(world, "t1", true), 1); /* nothing could end gracefully */
    hear_fetching(world, 1, 6);
    world_acknowledge(world, "t1");
    world_exited(world, "t1", (struct msg_container_exited){.error = "ended while ..."});
    assert_state(world, "t1", TASK_KILLED);
}

static void uri_that_cannot_be_fetched_is_refused(void **state)
{
    static const struct {
        struct uri_info uri;
        const char *why;
    } cases[] = {
        {{.value = "ftp://host/x"}, "want http://, https://"},
        {{.value = "http://host/"}, "give it an output_file"},
        {{.value = "http://host/a b"}, "a space or a control character"},
        {{.value = "http://host/a\r\nX: y"}, "a space or a control character"},
        {{.value = "http://host/x", .output_file = "../x"}, "without '..'"},
        {{.value = "http://host/x", .output_file = "/x"}, "without '..'"},
        {{.value = "http://host/x", .output_file = "a//x"}, "without '..'"},
        {{.value = "http://host/stdout"}, "the task's output goes there"},
        {{.value = "http://host/x", .output_file = "stderr.12"}, "the task's output goes there"},
        {{.value = "http://host/x", .output_file = "stdout/x"}, "the task's output goes there"},
        {{.value = "http://host/x", .sha256 = "abc"}, "want 64 hexadecimal digits"},
        {{.value = "http://host/x", .extract = true, .executable = true}, "cannot be executable"},
        {{.value = "http://host/same"}, "another one is the file same already"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
        const struct uri_info uris[] = {{.value = "http://other/same?x"}, cases[i].uri};
        const struct command_info command = {.value = "true", .uris = uris, .uris_count = 2};
        struct task_info task = *simple_task("t1");

        task.command = &command;
        world_run_task(world, &task);
        assert_state(world, "t1", TASK_ERROR);
        if (!strstr(world_update(world, "t1")->status->message, cases[i].why))
            fail_msg("%s: %s", world_update(world, "t1")->status->message, cases[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_limit_begins_when_all_is_fetched),
        cmocka_unit_test(task_is_starting_while_its_uris_are_fetched),
        cmocka_unit_test(next_agent_finds_it_starting),
        cmocka_unit_test(task_is_killed_while_it_is_fetched),
        cmocka_unit_test(uri_that_cannot_be_fetched_is_refused),
        cmocka_unit_test(task_runs_finishes_and_is_forgotten),
        cmocka_unit_test(container_that_fails_makes_the_task_fail),
        cmocka_unit_test(launch_error_limitation_and_unseen_end_have_their_reasons),
        cmocka_unit_test(invalid_tasks_are_answered_and_not_launched),
        cmocka_unit_test(doubled_task_is_run_once),
        cmocka_unit_test(container_ids_are_readable_safe_and_unique),
        cmocka_unit_test(environment_is_complete_and_the_users_comes_last),
        cmocka_unit_test(published_tasks_keep_environment_and_data_private),
        cmocka_unit_test(user_is_the_commands_else_the_frameworks_else_the_default),
        cmocka_unit_test(agent_that_cannot_switch_runs_tasks_as_itself),
        cmocka_unit_test(events_of_unknown_containers_are_counted),
        cmocka_unit_test(messages_for_executors_are_counted_and_dropped),
        cmocka_unit_test(used_resources_are_those_of_live_containers),
        cmocka_unit_test(framework_without_tasks_is_forgotten_after_a_while),
        cmocka_unit_test(bad_settings_are_refused),
    };

    return cmocka_run_group_tests_name("agent core", tests, NULL, NULL);
}
