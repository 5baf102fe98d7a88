/* The launcher as the agent sees it: an order in, what became of it out. Real processes, real cgroups. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/launcher_rig.h"

static const struct rig_plan plain;

static void a_task_that_ends_well_is_reported(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_container_exited *exited;
    const struct message *started;

    (void)state;
    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "echo hello; echo world >&2"});
    started = rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited;

    assert_true(started->container_started->pid > 0);
    assert_non_null(exited->exit);
    assert_int_equal(exited->exit->code, 0);
    assert_int_equal(exited->exit->signal, 0);
    assert_string_equal(exited->error, "");
    assert_string_equal(rig_read(rig, "t1", "stdout"), "hello\n");
    assert_string_equal(rig_read(rig, "t1", "stderr"), "world\n");
    assert_int_equal(exited->stdout_bytes, 6);
    assert_int_equal(exited->stderr_bytes, 6);
    assert_int_equal(exited->started_us, started->container_started->started_us);
    assert_true(exited->ended_us >= exited->started_us);
    assert_true(exited->peak_mem_bytes > 0);
}

static void exit_code_and_signal_are_told_apart(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_container_exited *code, *signal;

    (void)state;
    code = rig_run(rig, &(struct rig_task){.id = "t1", .shell = "exit 42"});
    signal = rig_run(rig, &(struct rig_task){.id = "t2", .shell = "kill -USR1 $$"});

    assert_int_equal(code->exit->code, 42);
    assert_int_equal(code->exit->signal, 0);
    assert_int_equal(signal->exit->code, 0);
    assert_int_equal(signal->exit->signal, SIGUSR1);
}

static void a_command_that_cannot_be_executed_says_why(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_container_exited *absent, *denied, *nowhere, *empty;

    (void)state;
    absent = rig_run(rig, &(struct rig_task){.id = "t1", .argv = ARGV("/x")});
    denied = rig_run(rig, &(struct rig_task){.id = "t2", .argv = ARGV("/etc/passwd")});
    nowhere = rig_run(rig, &(struct rig_task){.id = "t3", .argv = ARGV("no-such-program")});
    empty = rig_run(rig, &(struct rig_task){.id = "t4", .shell = ""});

    assert_string_equal(absent->error, "exec /x: No such file or directory");
    assert_null(absent->exit);
    assert_string_equal(denied->error, "exec /etc/passwd: Permission denied");
    assert_string_equal(nowhere->error, "exec no-such-program: No such file or directory");
    assert_string_equal(empty->error, "the command is empty");
    assert_int_equal(rig->events_count, 0); /* none was STARTED */
}

static void a_program_without_a_path_is_found_in_the_tasks_own_path(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_container_exited *by_default, *by_env, *wrong;

    (void)state;
    by_default = rig_run(rig, &(struct rig_task){.id = "t1", .argv = ARGV("true")});
    by_env = rig_run(
        rig,
        &(struct rig_task){.id = "t2", .argv = ARGV("true"), .env = ARGV("PATH", "/nowhere:/bin")});
    wrong = rig_run(
        rig, &(struct rig_task){.id = "t3", .argv = ARGV("true"), .env = ARGV("PATH", "/none")});

    assert_string_equal(by_default->error, "");
    assert_string_equal(by_env->error, "");
    assert_string_equal(wrong->error, "exec true: No such file or directory");
}

static void the_environment_is_exactly_as_given(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rig_task task = {.id = "t1",
                                  .argv = ARGV("/usr/bin/env"),
                                  .env = ARGV("ONE", "1", "EMPTY", "", "TWO", "x y=z")};

    (void)state;
    rig_run(rig, &task);

    assert_string_equal(rig_read(rig, "t1", "stdout"), "ONE=1\nEMPTY=\nTWO=x y=z\n");
}

static void a_task_starts_in_its_sandbox_with_a_plain_state(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rig_task task = {
        .id = "t1",
        .shell = "pwd -P; umask; ls /proc/self/fd | tr '\\n' ' '; echo; ps -o pid= -o sid= -p $$ "
                 "| { read pid sid; [ $pid = $sid ] && echo session; }; "
                 "for f in SigBlk SigIgn NoNewPrivs; do grep ^$f /proc/self/status; done"};
    char expected[512];

    (void)state;
    rig_run(rig, &task);

    /* `ls` has opened 3 itself. */
    snprintf(expected, sizeof(expected),
             "%s/sandboxes/f1/t1\n0022\n0 1 2 3 \nsession\nSigBlk:\t0000000000000000\n"
             "SigIgn:\t0000000000000000\nNoNewPrivs:\t1\n",
             rig->dir);
    assert_string_equal(rig_read(rig, "t1", "stdout"), expected);
}

static void an_unknown_user_is_refused(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_container_exited *exited =
        rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true", .user = "no-such-user"});

    (void)state;
    assert_string_equal(exited->error, "there is no user 'no-such-user' on this host");
    assert_null(exited->exit);
}

static void a_task_runs_as_its_user_and_owns_its_sandbox(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rig_task task = {
        .id = "t1",
        .user = "nobody",
        .shell = "id -u; id -G; echo x >mine && stat -c %u mine stdout .; cat /etc/shadow"};

    (void)state;
    rig_run(rig, &task);

    assert_string_equal(rig_read(rig, "t1", "stdout"), "65534\n65534\n65534\n65534\n65534\n");
    assert_non_null(strstr(rig_read(rig, "t1", "stderr"), "Permission denied"));
}

static void resource_limits_are_set(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rlimit_info files = {.name = "RLMT_NOFILE", .soft = 123, .hard = 124};
    const struct rlimit_info unknown = {.name = "NOFILE", .soft = 123, .hard = 124};
    const struct rlimit_info upside_down = {.name = "RLMT_NOFILE", .soft = 9, .hard = 8};
    const struct msg_container_exited *refused, *wrong;

    (void)state;
    rig_run(rig,
            &(struct rig_task){.id = "t1", .shell = "ulimit -Sn; ulimit -Hn", .rlimit = &files});
    refused = rig_run(rig, &(struct rig_task){.id = "t2", .shell = "true", .rlimit = &unknown});
    wrong = rig_run(rig, &(struct rig_task){.id = "t3", .shell = "true", .rlimit = &upside_down});

    assert_string_equal(rig_read(rig, "t1", "stdout"), "123\n124\n");
    assert_string_equal(refused->error,
                        "posix/rlimits: unknown limit 'NOFILE'; limits are RLMT_NOFILE and so on");
    assert_string_equal(wrong->error,
                        "posix/rlimits: RLMT_NOFILE: the soft limit is above the hard limit");
}

static void a_sandbox_that_is_there_already_is_not_used(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_container_exited *again;

    (void)state;
    rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true"});
    again = rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true"});

    assert_non_null(strstr(again->error, "cannot make the sandbox"));
    assert_non_null(strstr(again->error, "File exists"));
}

/* --- output ------------------------------------------------------------------------------------- */

static void output_rotates_and_the_newest_files_are_kept(void **state)
{
    const struct rig_plan plan = {.log_max_bytes = 1000, .log_files = 3};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct rig_task task = {
        .id = "t1",
        .shell = "i=0; while [ $i -lt 105 ]; do printf '%099d\\n' $i; i=$((i+1)); done"};
    const struct msg_container_exited *exited;

    (void)state;
    exited = rig_run(rig, &task);

    assert_int_equal(exited->stdout_bytes, 10500);
    assert_int_equal(strlen(rig_read(rig, "t1", "stdout")), 500);
    assert_int_equal(strlen(rig_read(rig, "t1", "stdout.1")), 1000);
    assert_int_equal(strlen(rig_read(rig, "t1", "stdout.2")), 1000);
    assert_false(rig_has(rig, "t1", "stdout.3"));
    assert_int_equal(atol(strrchr(rig_read(rig, "t1", "stdout"), '0')), 4);
}

static void one_log_file_starts_again_when_it_is_full(void **state)
{
    const struct rig_plan plan = {.log_max_bytes = 1000, .log_files = 1};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct rig_task task = {.id = "t1", .shell = "head -c 2300 /dev/zero | tr '\\0' x"};

    (void)state;
    rig_run(rig, &task);

    assert_int_equal(strlen(rig_read(rig, "t1", "stdout")), 300);
    assert_false(rig_has(rig, "t1", "stdout.1"));
}

static void rotation_does_not_follow_what_the_task_puts_in_its_place(void **state)
{
    const struct rig_plan plan = {.log_max_bytes = 1000, .log_files = 2};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct rig_task task = {
        .id = "t1",
        .shell = "echo precious >victim; rm stdout; ln -s victim stdout; ln -s victim stdout.1; "
                 "head -c 5500 /dev/zero | tr '\\0' x; cat victim >&2"};

    (void)state;
    rig_run(rig, &task);

    assert_string_equal(rig_read(rig, "t1", "victim"), "precious\n");
    assert_string_equal(rig_read(rig, "t1", "stderr"), "precious\n");
}

static void a_full_disk_does_not_stop_a_task(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rig_task task = {.id = "t1",
                                  .shell = "head -c 1000000 /dev/zero | tr '\\0' x; rm stderr; "
                                           "head -c 1000 /dev/zero | tr '\\0' x"};
    char path[256];
    size_t kept;
    const struct msg_container_exited *exited;

    (void)state;
    snprintf(path, sizeof(path), "%s/sandboxes", rig->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(mount("none", path, "tmpfs", 0, "size=256k"), 0);
    exited = rig_run(rig, &task);
    kept = strlen(rig_read(rig, "t1", "stdout"));
    umount2(path, MNT_DETACH);

    assert_int_equal(exited->exit->code, 0);
    assert_in_range(kept, 100000, 262144);
    assert_int_equal(exited->stdout_bytes, 1001000); /* so who shows it knows what is missing */
}

static void output_without_a_reader_of_the_file_is_complete(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_container_exited *exited =
        rig_run(rig, &(struct rig_task){.id = "t1", .shell = "head -c 20000000 /dev/zero"});

    (void)state;
    assert_int_equal(exited->stdout_bytes, 20000000);
}

/* --- many --------------------------------------------------------------------------------------- */

static void three_hundred_tasks_at_once(void **state)
{
    enum { COUNT = 300 };
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    static char ids[COUNT][16];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(ids[i], sizeof(ids[i]), "t%d", i);
        rig_launch(rig, &(struct rig_task){.id = ids[i], .argv = ARGV("/bin/true")});
    }
    for (int i = 0; i < COUNT; i++) {
        const struct msg_container_exited *exited;

        rig_wait(rig, MSG_CONTAINER_STARTED, ids[i]);
        exited = rig_wait(rig, MSG_CONTAINER_EXITED, ids[i])->container_exited;
        assert_string_equal(exited->error, "");
        assert_int_equal(exited->exit->code, 0);
    }
    assert_int_equal(rig->events_count, 0);
}

/* --- bad input ---------------------------------------------------------------------------------- */

static void an_unknown_isolator_is_refused(void **state)
{
    const struct rig_plan plan = {.isolation = "cgroup/none"};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    assert_string_equal(rig->ready.launcher_ready->error, "there is no isolator 'cgroup/none'");
    rig_end_launcher(rig, 0);
    assert_int_equal(rig->status, 1 << 8);
}

static void a_cgroup_root_that_climbs_is_refused(void **state)
{
    const struct rig_plan plan = {.root = "proffer/../../x"};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    assert_non_null(strstr(rig->ready.launcher_ready->error, "cgroup_root 'proffer/../../x'"));
    rig_end_launcher(rig, 0);
}

static void a_sandbox_that_climbs_is_refused(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct command_info command = {.value = "true"};
    const char *const bad[] = {"relative/t", "/tmp/../t", "/tmp/x/..", "/tmp/", "/"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        rig_send(rig, &MESSAGE(LAUNCH_CONTAINER, launch_container, .container_id = "t",
                               .sandbox = bad[i], .command = &command));
        assert_non_null(strstr(rig_wait(rig, MSG_CONTAINER_EXITED, "t")->container_exited->error,
                               "is no sandbox"));
    }
}

static void garbage_in_a_frame_is_skipped(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);

    (void)state;
    assert_int_equal(write(rig->channel.fd, "\5\0\0\0hello", 9), 9);

    assert_int_equal(rig_run(rig, &(struct rig_task){.id = "t1", .shell = "exit 3"})->exit->code,
                     3);
}

/* Its agent is as good as dead: tasks run on, for a later one to decide about. */
static void garbage_for_a_length_ends_the_launcher_and_no_task(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    struct rig *next;
    pid_t pid;

    (void)state;
    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "sleep 1000"});
    pid = (pid_t)rig_wait(rig, MSG_CONTAINER_STARTED, "t1")->container_started->pid;
    assert_int_equal(write(rig->channel.fd, "\377\377\377\377", 4), 4);

    rig_end_launcher(rig, 0);
    assert_int_equal(rig->status, 0);
    next = rig_again(rig, ARGV("t1"));
    assert_int_equal(rig_wait(next, MSG_CONTAINER_STARTED, "t1")->container_started->pid, pid);
    rig_destroy(&next);
    rig_wait_gone(pid);
}

static void half_a_message_and_the_end_is_the_end(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);

    (void)state;
    assert_int_equal(write(rig->channel.fd, "\200\0\0\0PRF", 7), 7);
}

static void orders_before_the_configuration_are_refused(void **state)
{
    const struct rig_plan plan = {.is_unconfigured = true};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct msg_container_exited *exited =
        rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true"});

    (void)state;
    assert_string_equal(exited->error, "the launcher is not configured");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_ends_well_is_reported),
        cmocka_unit_test(exit_code_and_signal_are_told_apart),
        cmocka_unit_test(a_command_that_cannot_be_executed_says_why),
        cmocka_unit_test(a_program_without_a_path_is_found_in_the_tasks_own_path),
        cmocka_unit_test(the_environment_is_exactly_as_given),
        cmocka_unit_test(a_task_starts_in_its_sandbox_with_a_plain_state),
        cmocka_unit_test(an_unknown_user_is_refused),
        cmocka_unit_test(a_task_runs_as_its_user_and_owns_its_sandbox),
        cmocka_unit_test(resource_limits_are_set),
        cmocka_unit_test(a_sandbox_that_is_there_already_is_not_used),
        cmocka_unit_test(output_rotates_and_the_newest_files_are_kept),
        cmocka_unit_test(one_log_file_starts_again_when_it_is_full),
        cmocka_unit_test(rotation_does_not_follow_what_the_task_puts_in_its_place),
        cmocka_unit_test(a_full_disk_does_not_stop_a_task),
        cmocka_unit_test(output_without_a_reader_of_the_file_is_complete),
        cmocka_unit_test(three_hundred_tasks_at_once),
        cmocka_unit_test(an_unknown_isolator_is_refused),
        cmocka_unit_test(a_cgroup_root_that_climbs_is_refused),
        cmocka_unit_test(a_sandbox_that_climbs_is_refused),
        cmocka_unit_test(garbage_in_a_frame_is_skipped),
        cmocka_unit_test(garbage_for_a_length_ends_the_launcher_and_no_task),
        cmocka_unit_test(half_a_message_and_the_end_is_the_end),
        cmocka_unit_test(orders_before_the_configuration_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
