/* When a task is looked at, and what follows, in virtual time. */
#include "tests/unit/agent_fixture.h"

#include <errno.h>
#include <string.h>

static const struct command_info command = {.value = "true"};
static const struct http_check http = {.path = "/health"};
static const struct range_info port = {31005, 31006};

static const struct resource_info resources[] = {
    {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1000},
    {.name = "ports", .kind = VALUE_RANGES, .ranges = &port, .ranges_count = 1},
};

static struct task_info task_with(const struct check_info *health, const struct check_info *check)
{
    return (struct task_info){
        .task_id = "t1",
        .agent_id = AGENT,
        .command = &command,
        .resources = resources,
        .resources_count = 2,
        .health_check = health,
        .check = check,
    };
}

static struct world *world_with(const struct check_info *health, const struct check_info *check)
{
    struct world *world = world_new(&(struct world_plan){0});
    const struct task_info task = task_with(health, check);

    world_run_task(world, &task);
    world_started(world, "t1");
    world_acknowledge(world, "t1");
    return world;
}

static size_t looks(const struct world *world)
{
    return record_count(&world->orders, MSG_CHECK_CONTAINER);
}

static const struct msg_check_container *last_look(const struct world *world)
{
    return record_last(&world->orders, MSG_CHECK_CONTAINER)->check_container;
}

static void answer(struct world *world, struct check_status result)
{
    world_hear(world, MESSAGE(CONTAINER_CHECKED, container_checked,
                              .container_id = last_look(world)->container_id,
                              .number = last_look(world)->number, .result = &result));
}

static void pass(struct world *world)
{
    answer(world, (struct check_status){.kind = CHECK_HTTP, .passed = true, .http_status = 200});
}

static void fail_once(struct world *world)
{
    answer(world, (struct check_status){.kind = CHECK_HTTP, .http_status = 503});
}

static void first_look_comes_after_the_delay_and_the_next_after_the_interval(void **state)
{
    const struct check_info health = {.http = &http, .delay_ms = 5000, .interval_ms = 2000};
    CLEANUP(world_destroy) struct world *world = world_with(&health, NULL);

    (void)state;
    world_pass(world, 4999);
    assert_int_equal(looks(world), 0);
    world_pass(world, 1);
    assert_int_equal(looks(world), 1);
    assert_int_equal(last_look(world)->check->http->port, 31005);
    assert_string_equal(last_look(world)->check->http->path, "/health");
    assert_int_equal(last_look(world)->check->timeout_ms, 20000);
    world_pass(world, 60000); /* one goes on at a time */
    assert_int_equal(looks(world), 1);
    pass(world);
    world_pass(world, 1999);
    assert_int_equal(looks(world), 1);
    world_pass(world, 1);
    assert_int_equal(looks(world), 2);
}

static void first_success_is_told_and_later_ones_are_not(void **state)
{
    const struct check_info health = {.http = &http, .interval_ms = 1000};
    CLEANUP(world_destroy) struct world *world = world_with(&health, NULL);
    const struct task_status *status;

    (void)state;
    world_pass(world, 0);
    pass(world);
    status = world_update(world, "t1")->status;
    assert_int_equal(status->state, TASK_RUNNING);
    assert_int_equal(status->health, HEALTH_HEALTHY);
    assert_int_equal(status->reason, REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
    world_acknowledge(world, "t1");
    for (int i = 0; i < 5; i++) {
        world_pass(world, 1000);
        pass(world);
    }
    assert_int_equal(world_updates_count(world, "t1"), 2);
    assert_int_equal(world_counter(world, "slave/checks_done"), 6);
}

static void task_is_killed_after_its_failures_in_a_row(void **state)
{
    const struct check_info health = {
        .http = &http, .interval_ms = 20000, .consecutive_failures = 2, .grace_ms = 1};
    CLEANUP(world_destroy) struct world *world = world_with(&health, NULL);
    const struct task_status *status;

    (void)state;
    world_pass(world, 10);
    fail_once(world);
    world_pass(world, 20000);
    pass(world); /* begins anew */
    world_acknowledge(world, "t1");
    world_pass(world, 20000);
    fail_once(world);
    assert_int_equal(world_signals(world, "t1", false), 0);
    world_pass(world, 20000);
    fail_once(world);
    assert_int_equal(world_signals(world, "t1", false), 1);
    status = world_update(world, "t1")->status;
    assert_int_equal(status->state, TASK_KILLING);
    assert_int_equal(status->reason, REASON_TASK_UNHEALTHY);
    assert_int_equal(status->health, HEALTH_UNHEALTHY);
    assert_string_equal(status->message,
                        "its health check failed 2 times in a row: HTTP status 503");
    world_pass(world, 3000);
    assert_int_equal(world_signals(world, "t1", true), 1);
    assert_int_equal(looks(world), 4); /* none after the end began */
    world_exited(world, "t1",
                 (struct msg_container_exited){.exit = &(struct exit_info){.signal = 9}});
    world_acknowledge(world, "t1");
    status = world_update(world, "t1")->status;
    assert_int_equal(status->state, TASK_FAILED);
    assert_int_equal(status->reason, REASON_TASK_UNHEALTHY);
    assert_int_equal(status->health, HEALTH_UNHEALTHY);
    assert_string_equal(status->message, "its health check failed 2 times in a row: HTTP status "
                                         "503; terminated by signal 9 (Killed)");
}

static void failures_in_the_grace_do_not_count(void **state)
{
    const struct check_info health = {
        .http = &http, .interval_ms = 1000, .consecutive_failures = 1, .grace_ms = 10000};
    CLEANUP(world_destroy) struct world *world = world_with(&health, NULL);

    (void)state;
    for (int i = 0; i < 9; i++) {
        world_pass(world, 1000);
        fail_once(world);
    }
    assert_int_equal(world_signals(world, "t1", false), 0);
    world_pass(world, 1001);
    fail_once(world);
    assert_int_equal(world_signals(world, "t1", false), 1);
}

/* As Mesos has it: the first success ends the grace. */
static void grace_ends_with_the_first_success(void **state)
{
    const struct check_info health = {
        .http = &http, .interval_ms = 1000, .consecutive_failures = 1, .grace_ms = 600000};
    CLEANUP(world_destroy) struct world *world = world_with(&health, NULL);

    (void)state;
    world_pass(world, 0);
    pass(world);
    world_pass(world, 1000);
    fail_once(world);
    assert_int_equal(world_signals(world, "t1", false), 1);
}

static void unhealthy_task_is_only_reported_when_asked(void **state)
{
    const struct check_info health = {.http = &http,
                                      .interval_ms = 1000,
                                      .consecutive_failures = 1,
                                      .grace_ms = 1,
                                      .report_only = true};
    CLEANUP(world_destroy) struct world *world = world_with(&health, NULL);

    (void)state;
    world_pass(world, 10);
    for (int i = 0; i < 5; i++) {
        fail_once(world);
        world_pass(world, 1000);
    }
    assert_int_equal(world_signals(world, "t1", false), 0);
    assert_int_equal(world_updates_count(world, "t1"), 2);
    assert_int_equal(world_update(world, "t1")->status->health, HEALTH_UNHEALTHY);
    world_acknowledge(world, "t1");
    pass(world);
    assert_int_equal(world_update(world, "t1")->status->health, HEALTH_HEALTHY);
}

static void check_tells_each_new_result_and_nothing_else(void **state)
{
    const struct check_info check = {.command = &command, .interval_ms = 1000};
    CLEANUP(world_destroy) struct world *world = world_with(NULL, &check);
    const struct task_status *status;

    (void)state;
    world_pass(world, 0);
    answer(world, (struct check_status){.kind = CHECK_COMMAND, .exit_code = 3, .message = "no"});
    status = world_update(world, "t1")->status;
    assert_int_equal(status->state, TASK_RUNNING);
    assert_int_equal(status->reason, REASON_TASK_CHECK_STATUS_UPDATED);
    assert_string_equal(status->message, "its command exited with status 3: no");
    assert_int_equal(status->check->exit_code, 3);
    assert_int_equal(status->health, 0);
    world_acknowledge(world, "t1");
    world_pass(world, 1000);
    answer(world, (struct check_status){.kind = CHECK_COMMAND, .exit_code = 3, .message = "nope"});
    assert_int_equal(world_updates_count(world, "t1"), 2);
    world_pass(world, 1000);
    answer(world, (struct check_status){.kind = CHECK_COMMAND, .timed_out = true});
    assert_int_equal(world_updates_count(world, "t1"), 3);
    assert_true(world_update(world, "t1")->status->check->timed_out);
    assert_int_equal(world_signals(world, "t1", false), 0);
}

static void command_that_checks_finds_the_tasks_environment(void **state)
{
    const struct env_info env = {.name = "ONLY", .value = "here"};
    const struct command_info probing = {.value = "probe", .env = &env, .env_count = 1};
    const struct check_info check = {.command = &probing};
    CLEANUP(world_destroy) struct world *world = world_with(NULL, &check);
    const struct command_info *sent;
    unsigned found = 0;

    (void)state;
    world_pass(world, 0);
    sent = last_look(world)->check->command;
    for (size_t i = 0; i < sent->env_count; i++)
        found += !strcmp(sent->env[i].name, "ONLY") || !strcmp(sent->env[i].name, "PORT0") ||
                 !strcmp(sent->env[i].name, "PROFFER_TASK_ID");
    assert_int_equal(found, 3);
    assert_true(world_launch(world, "t1")->checked);
}

/* While its framework is away a task that flaps keeps two updates: the one in flight and the newest. */
static void updates_of_a_task_that_flaps_do_not_pile_up(void **state)
{
    const struct check_info check = {.command = &command, .interval_ms = 1000};
    CLEANUP(world_destroy) struct world *world = world_with(NULL, &check);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        world_pass(world, 1000);
        answer(world, (struct check_status){.kind = CHECK_COMMAND, .exit_code = 1 + i});
    }
    world_acknowledge(world, "t1");
    assert_int_equal(world_update(world, "t1")->status->check->exit_code, 1000);
    world_acknowledge(world, "t1");
    world_pass(world, 100000);
    assert_int_equal(world_update(world, "t1")->status->check->exit_code, 1000);
}

/* Of what could not be written there is the newest, and the end comes after it. */
static void what_a_full_disk_did_not_take_is_told_once_and_in_order(void **state)
{
    const struct check_info check = {.command = &command, .interval_ms = 1000};
    CLEANUP(world_destroy) struct world *world = world_with(NULL, &check);
    size_t told = world_updates_count(world, "t1");

    (void)state;
    world->disk_is_full = true;
    for (int i = 0; i < 1000; i++) {
        world_pass(world, 1000);
        answer(world, (struct check_status){.kind = CHECK_COMMAND, .exit_code = 1 + i});
        assert_true(
            record_last(&world->records, MSG_KEEP_TASK_STATE)->keep_task_state->updates_count <= 2);
    }
    world_exited_code(world, "t1", 0);
    assert_int_equal(world_updates_count(world, "t1"), told);
    world->disk_is_full = false;
    world_commit(world);
    world_pass(world, 10000);
    while (world_update(world, "t1")->status->state == TASK_RUNNING) {
        world_acknowledge(world, "t1");
        assert_true(++told < 10);
    }
    assert_state(world, "t1", TASK_FINISHED);
    assert_int_equal(world_update(world, "t1")->status->check->exit_code, 1000);
}

static void next_agent_goes_on_looking(void **state)
{
    const struct check_info health = {
        .http = &http, .interval_ms = 1000, .consecutive_failures = 2, .grace_ms = 1};
    CLEANUP(world_destroy) struct world *world = world_with(&health, NULL);

    (void)state;
    world_pass(world, 10);
    pass(world);
    world_acknowledge(world, "t1");
    world_pass(world, 1000);
    fail_once(world);
    world_pass(world, 1000); /* under way when it dies */
    world_reborn(world);
    world_started(world, "t1");
    world_pass(world, 0);
    assert_int_equal(looks(world), 1);
    fail_once(world);
    assert_int_equal(world_signals(world, "t1", false), 0); /* it counts anew */
    world_pass(world, 1000);
    fail_once(world);
    assert_int_equal(world_signals(world, "t1", false), 1);
}

/* Until then proffer-docker would not answer, and nobody would ask again. */
static void next_agent_looks_into_a_docker_container_when_that_is_found(void **state)
{
    static const struct docker_info docker = {.image = "busybox:1"};
    const struct check_info health = {.http = &http, .interval_ms = 1000};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = task_with(&health, NULL);

    (void)state;
    task.docker = &docker;
    world_run_task(world, &task);
    world_started(world, "t1");
    world_acknowledge(world, "t1");
    world_pass(world, 10);
    pass(world);
    world_acknowledge(world, "t1");
    world_reborn(world);
    world_pass(world, 60000);
    assert_int_equal(looks(world), 0);
    world_started(world, "t1");
    world_pass(world, 0);
    assert_int_equal(looks(world), 1);
    pass(world);
    world_started(world, "t1"); /* told again: it goes on as it is */
    world_pass(world, 0);
    assert_int_equal(looks(world), 1);
}

/* Killed for it, and the agent dies before that has come to an end. */
static void why_a_task_was_killed_outlives_the_agent(void **state)
{
    const struct check_info health = {.http = &http, .consecutive_failures = 1, .grace_ms = 1};
    CLEANUP(world_destroy) struct world *world = world_with(&health, NULL);

    (void)state;
    world_pass(world, 10);
    fail_once(world);
    world_acknowledge(world, "t1");
    world_reborn(world);
    assert_int_equal(looks(world), 0);
    world_exited(world, "t1",
                 (struct msg_container_exited){.exit = &(struct exit_info){.signal = 15}});
    assert_state(world, "t1", TASK_FAILED);
    assert_int_equal(world_update(world, "t1")->status->reason, REASON_TASK_UNHEALTHY);
    assert_non_null(strstr(world_update(world, "t1")->status->message, "HTTP status 503"));
}

static void answer_that_nobody_waits_for_is_dropped(void **state)
{
    const struct check_info health = {.http = &http, .consecutive_failures = 1, .grace_ms = 1};
    CLEANUP(world_destroy) struct world *world = world_with(&health, NULL);

    (void)state;
    world_pass(world, 10);
    world_kill(world, "t1");
    fail_once(world);
    assert_int_equal(world_update(world, "t1")->latest_state, TASK_KILLING);
    assert_int_equal(world_update(world, "t1")->status->reason, 0);
    world_hear(world, MESSAGE(CONTAINER_CHECKED, container_checked, .container_id = "nobody",
                              .number = 1, .result = &(struct check_status){.passed = true}));
    assert_int_equal(world_counter(world, "slave/health_checks_failed"), 0);
}

static void refuses(const struct check_info *health, const struct check_info *check,
                    const char *text)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const struct task_info task = task_with(health, check);

    world_run_task(world, &task);
    assert_state(world, "t1", TASK_ERROR);
    if (!strstr(world_update(world, "t1")->status->message, text))
        fail_msg("%s: %s", world_update(world, "t1")->status->message, text);
}

static void check_that_cannot_be_is_refused(void **state)
{
    static const struct http_check spaced = {.path = "/a b"}, crlf = {.path = "/\r\nX: y"},
                                   ftp = {.scheme = "ftp"}, far = {.address = "example.org"},
                                   high = {.port = 65536};
    static const struct tcp_check tcp = {.port = 80};
    static const char *const argv[] = {"a"};
    static const struct command_info both = {.value = "a", .argv = argv, .argv_count = 1},
                                     other = {.value = "a", .user = "root"};

    (void)state;
    refuses(&(struct check_info){.interval_ms = 1000}, NULL, "one of command, http and tcp");
    refuses(&(struct check_info){.http = &http, .tcp = &tcp}, NULL, "one of command, http and tcp");
    refuses(&(struct check_info){.http = &spaced}, NULL, "begins with '/'");
    refuses(&(struct check_info){.http = &crlf}, NULL, "begins with '/'");
    refuses(&(struct check_info){.http = &ftp}, NULL, "want http or https");
    refuses(&(struct check_info){.http = &far}, NULL, "want a numeric one");
    refuses(&(struct check_info){.http = &high}, NULL, "ports end at 65535");
    refuses(&(struct check_info){.command = &both}, NULL, "either `value` or `argv`");
    refuses(&(struct check_info){.command = &other}, NULL, "of the task");
    refuses(&(struct check_info){.http = &http, .interval_ms = 1}, NULL, "at least 50");
    refuses(NULL, &(struct check_info){.http = &http, .grace_ms = 1}, "of a health check");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_look_comes_after_the_delay_and_the_next_after_the_interval),
        cmocka_unit_test(first_success_is_told_and_later_ones_are_not),
        cmocka_unit_test(task_is_killed_after_its_failures_in_a_row),
        cmocka_unit_test(failures_in_the_grace_do_not_count),
        cmocka_unit_test(grace_ends_with_the_first_success),
        cmocka_unit_test(unhealthy_task_is_only_reported_when_asked),
        cmocka_unit_test(check_tells_each_new_result_and_nothing_else),
        cmocka_unit_test(command_that_checks_finds_the_tasks_environment),
        cmocka_unit_test(updates_of_a_task_that_flaps_do_not_pile_up),
        cmocka_unit_test(what_a_full_disk_did_not_take_is_told_once_and_in_order),
        cmocka_unit_test(next_agent_goes_on_looking),
        cmocka_unit_test(next_agent_looks_into_a_docker_container_when_that_is_found),
        cmocka_unit_test(why_a_task_was_killed_outlives_the_agent),
        cmocka_unit_test(answer_that_nobody_waits_for_is_dropped),
        cmocka_unit_test(check_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
