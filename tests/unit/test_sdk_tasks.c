/* Tasks as an author writes them, into what goes over the wire; and states, the other way. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "framework-sdk/status.h"
#include "framework-sdk/tasks.h"
#include "proto/schema.h"

static const struct task_info *converted(const struct proffer_task *task, struct arena *arena)
{
    CLEANUP(resources_fini) struct resources granted = {0};
    const struct task_info *info = NULL;
    struct err err = {0};

    if (sdk_task_parse_resources(task, &granted, &err) < 0 ||
        sdk_task_to_info(task, "A1", &granted, arena, &info, &err) < 0)
        fail_msg("%s", err.text);
    return info;
}

static void refuses(const struct proffer_task *task, const char *text)
{
    CLEANUP(resources_fini) struct resources granted = {0};
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct task_info *info = NULL;
    struct err err = {0};
    int rc = sdk_task_parse_resources(task, &granted, &err);

    if (rc >= 0)
        rc = sdk_task_to_info(task, "A1", &granted, arena, &info, &err);
    assert_int_equal(rc, -EINVAL);
    if (!strstr(err.text, text))
        fail_msg("'%s' does not say '%s'", err.text, text);
    assert_null(info);
}

static void checks_become_records(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const char *const argv[] = {"probe", "-q", NULL};
    const struct proffer_check health = {
        .http = "/ready", .https = true, .port = 8443, .grace_ms = 500, .failures = 5};
    const struct proffer_check check = {.argv = argv, .interval_ms = 1000};
    const struct proffer_task task = {
        .id = "t1", .command = "true", .health_check = &health, .check = &check};
    const struct task_info *info = converted(&task, arena);

    (void)state;
    assert_string_equal(info->health_check->http->scheme, "https");
    assert_string_equal(info->health_check->http->path, "/ready");
    assert_int_equal(info->health_check->http->port, 8443);
    assert_int_equal(info->health_check->consecutive_failures, 5);
    assert_null(info->health_check->command);
    assert_int_equal(info->check->command->argv_count, 2);
    assert_string_equal(info->check->command->argv[1], "-q");
}

static void wrong_checks_are_refused(void **state)
{
    const struct proffer_check none = {.interval_ms = 1000};
    const struct proffer_check two = {.tcp = true, .port = 1, .command = "true"};
    const struct proffer_check portless = {.tcp = true};

    (void)state;
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .health_check = &none},
            "health_check: want one of command, http and tcp");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .check = &two},
            "check: want one of command, http and tcp");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .check = &portless},
            "want a port, or a task that has one");
}

static void health_and_check_come_with_a_status(void **state)
{
    const struct check_status check = {.kind = CHECK_COMMAND, .exit_code = 3, .message = "no"};
    const struct check_status late = {.kind = CHECK_COMMAND, .timed_out = true};
    struct task_status info = {.task_id = "t1", .state = TASK_RUNNING, .check = &check};
    struct proffer_status status = sdk_status(&info);

    (void)state;
    assert_int_equal(status.health, PROFFER_HEALTH_UNKNOWN);
    assert_true(status.has_check);
    assert_false(status.check_passed);
    assert_int_equal(status.check_exit_code, 3);
    assert_string_equal(status.check_message, "no");
    info.check = &late;
    info.health = HEALTH_UNHEALTHY;
    status = sdk_status(&info);
    assert_int_equal(status.health, PROFFER_HEALTH_UNHEALTHY);
    assert_int_equal(status.check_exit_code, -1);
}

static void a_task_needs_little(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct proffer_task task = {.id = "t1", .command = "true"};
    const struct task_info *info = converted(&task, arena);

    (void)state;
    assert_string_equal(info->task_id, "t1");
    assert_string_equal(info->name, "t1");
    assert_string_equal(info->agent_id, "A1");
    assert_string_equal(info->command->value, "true");
    assert_int_equal(info->command->argv_count, 0);
    assert_int_equal(info->resources_count, 0);
    assert_null(info->kill_policy);
}

static void all_of_a_task_is_carried_over(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const char *const argv[] = {"/bin/echo", "a", "b", NULL};
    const struct proffer_pair env[] = {{"A", "1"}, {"EMPTY", NULL}, {NULL, NULL}};
    const struct proffer_pair labels[] = {{"team", "ops"}, {NULL, NULL}};
    const struct proffer_pair rlimits[] = {
        {"RLMT_NOFILE", "1024"}, {"RLMT_NPROC", "10:20"}, {"RLMT_CORE", "unlimited"}, {NULL, NULL}};
    const struct proffer_task task = {
        .id = "t1",
        .name = "web",
        .resources = "cpus:0.5;mem:128;ports:[31000-31001]",
        .command = "not this",
        .argv = argv,
        .env = env,
        .user = "nobody",
        .labels = labels,
        .rlimits = rlimits,
        .kill_grace_ms = 1500,
        .priority = -5,
        .preemption_grace_ms = 2500,
        .max_completion_ms = 60000,
        .pids_max = 64,
        .data = "xyz",
        .data_size = 3,
    };
    const struct task_info *info = converted(&task, arena);

    (void)state;
    assert_string_equal(info->name, "web");
    assert_int_equal(info->resources_count, 3);
    assert_string_equal(info->command->value, "");
    assert_int_equal(info->command->argv_count, 3);
    assert_string_equal(info->command->argv[2], "b");
    assert_string_equal(info->command->env[1].name, "EMPTY");
    assert_string_equal(info->command->env[1].value, "");
    assert_string_equal(info->command->user, "nobody");
    assert_string_equal(info->labels[0].key, "team");
    assert_int_equal(info->command->rlimits[0].soft, 1024);
    assert_int_equal(info->command->rlimits[0].hard, 1024);
    assert_int_equal(info->command->rlimits[1].soft, 10);
    assert_int_equal(info->command->rlimits[1].hard, 20);
    assert_true(info->command->rlimits[2].unlimited);
    assert_int_equal(info->kill_policy->grace_ms, 1500);
    assert_int_equal(info->preemption_policy->grace_ms, 2500);
    assert_int_equal(info->priority, -5);
    assert_int_equal(info->max_completion_ms, 60000);
    assert_int_equal(info->pids_max, 64);
    assert_memory_equal(info->data.data, "xyz", 3);
}

static void what_it_asks_of_isolators_is_an_object(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct proffer_task task = {
        .id = "t1",
        .command = "true",
        .isolation =
            "{\"rootfs\":\"debian\",\"capabilities_drop\":[\"ALL\"],\"mounts\":[{\"source_kind\":"
            "\"MOUNT_TMPFS\",\"container_path\":\"/tmp\",\"size_bytes\":4096}]}"};
    const struct isolation_info *isolation = converted(&task, arena)->isolation;

    (void)state;
    assert_string_equal(isolation->rootfs, "debian");
    assert_string_equal(isolation->capabilities_drop[0], "ALL");
    assert_int_equal(isolation->mounts[0].source_kind, MOUNT_TMPFS);
    assert_int_equal(isolation->mounts[0].size_bytes, 4096);
}

static void what_it_asks_is_never_left_out(void **state)
{
    (void)state;
    refuses(
        &(struct proffer_task){.id = "t1", .command = "true", .isolation = "{\"rootsf\":\"x\"}"},
        "isolation: has no field \"rootsf\"");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .isolation = "{\"rootfs\":1}"},
            "isolation: rootfs");
    refuses(
        &(struct proffer_task){.id = "t1", .command = "true", .isolation = "{\"rootfs\":\"../x\"}"},
        "\"../x\" is no root");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .isolation = "none"},
            "isolation: JSON");
}

static void a_negative_grace_is_none(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct proffer_task task = {
        .id = "t1", .command = "true", .kill_grace_ms = -1, .preemption_grace_ms = -1};

    (void)state;
    assert_int_equal(converted(&task, arena)->kill_policy->grace_ms, 0);
    assert_int_equal(converted(&task, arena)->preemption_policy->grace_ms, 0);
}

static const struct proffer_pair *pair(const char *name, const char *value)
{
    static struct proffer_pair pairs[2];

    pairs[0] = (struct proffer_pair){name, value};
    return pairs;
}

static void what_is_wrong_is_said_clearly(void **state)
{
    char name[2000] = "";

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    refuses(&(struct proffer_task){.command = "true"}, "task_id is empty");
    refuses(&(struct proffer_task){.id = "a/b", .command = "true"}, "task_id");
    refuses(&(struct proffer_task){.id = name, .command = "true"}, "task_id is 1999 bytes long");
    refuses(&(struct proffer_task){.id = "t1"},
            "task t1: there is nothing to run: give it `command` or `argv`");
    refuses(&(struct proffer_task){.id = "t1", .argv = (const char *const[]){NULL}},
            "nothing to run");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .resources = "cpus:-1"},
            "task t1: resources: ");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .env = pair("A=B", "")},
            "task t1: env: 'A=B' is no name of a variable");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .env = pair("", "")}, "env: ''");
    refuses(
        &(struct proffer_task){.id = "t1", .command = "true", .rlimits = pair("RLMT_CORE", "x")},
        "task t1: rlimits: RLMT_CORE=x (wanted N, SOFT:HARD or unlimited)");
    refuses(
        &(struct proffer_task){.id = "t1", .command = "true", .rlimits = pair("RLMT_CORE", "2:1")},
        "above the hard one");
    refuses(
        &(struct proffer_task){.id = "t1", .command = "true", .rlimits = pair("RLMT_CORE", NULL)},
        "rlimits: RLMT_CORE=");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .pids_max = -1}, "pids_max");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .max_completion_ms = -1},
            "max_completion_ms");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .name = name}, "name");
    refuses(&(struct proffer_task){.id = "t1", .command = "\xff"}, "UTF-8");
    refuses(&(struct proffer_task){.id = "t1", .command = "true", .labels = pair("", "v")},
            "labels");
}

static void more_than_a_message_holds_is_told_apart(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(4096);
    CLEANUP(resources_fini) struct resources none = {0};
    char command[5000] = "";
    const struct proffer_task task = {.id = "t1", .command = command};
    const struct task_info *info = NULL;
    struct err err = {0};

    (void)state;
    memset(command, ' ', sizeof(command) - 1);
    assert_int_equal(sdk_task_to_info(&task, "A1", &none, arena, &info, &err), -EMSGSIZE);
    assert_string_equal(err.text, "task t1: does not fit in one message any more");
}

static void states_have_the_names_of_mesos(void **state)
{
    (void)state;
    assert_string_equal(proffer_task_state_name(PROFFER_TASK_RUNNING), "TASK_RUNNING");
    assert_string_equal(proffer_task_state_name((enum proffer_task_state)99), "");
    assert_true(proffer_task_state_is_terminal(PROFFER_TASK_GONE));
    assert_false(proffer_task_state_is_terminal(PROFFER_TASK_UNREACHABLE));
    assert_false(proffer_task_state_is_terminal(PROFFER_TASK_UNKNOWN));
}

static void absent_texts_of_a_status_are_empty(void **state)
{
    const struct task_status info = {.state = TASK_STAGING, .uuid = {"short", 5}};
    struct proffer_status status = sdk_status(&info);

    (void)state;
    assert_string_equal(status.task_id, "");
    assert_string_equal(status.reason, "");
    assert_string_equal(status.sandbox, "");
    assert_false(status.has_exit);
    assert_null(status.uuid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_become_records),
        cmocka_unit_test(wrong_checks_are_refused),
        cmocka_unit_test(health_and_check_come_with_a_status),
        cmocka_unit_test(a_task_needs_little),
        cmocka_unit_test(all_of_a_task_is_carried_over),
        cmocka_unit_test(what_it_asks_of_isolators_is_an_object),
        cmocka_unit_test(what_it_asks_is_never_left_out),
        cmocka_unit_test(a_negative_grace_is_none),
        cmocka_unit_test(what_is_wrong_is_said_clearly),
        cmocka_unit_test(more_than_a_message_holds_is_told_apart),
        cmocka_unit_test(states_have_the_names_of_mesos),
        cmocka_unit_test(absent_texts_of_a_status_are_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
