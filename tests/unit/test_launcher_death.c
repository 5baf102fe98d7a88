/* What becomes of containers when somebody dies: the task, its shim, the launcher, the agent. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/launcher/records.h"
#include "agent/shim/shim.h"
#include "base/cleanup.h"
#include "tests/unit/launcher_rig.h"

static const struct rig_plan plain;
static const struct rig_plan posix = {.is_posix = true};
static const struct rig_plan v1 = {.hides_cgroup2 = true};
/* The shim is the first process of a PID namespace. */
static const struct rig_plan contained = {
    .also = ARGV("namespaces/mount", "namespaces/pid", "linux/capabilities")};

/* Leaves the process group, the session and its parent, as a daemon does; its pid stands in `pid`. */
#define DAEMONIZE                                                                                  \
    "(setsid sh -c 'echo $$ >pid; exec sleep 1000' >/dev/null 2>&1 &); "                           \
    "while [ ! -s pid ]; do :; done; "

static pid_t start(struct rig *rig, const char *id, const char *shell)
{
    rig_launch(rig, &(struct rig_task){.id = id, .shell = shell});
    return (pid_t)rig_wait(rig, MSG_CONTAINER_STARTED, id)->container_started->pid;
}

static void sigterm_reaches_the_whole_group_of_the_command(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_container_exited *exited;

    (void)state;
    start(rig, "t1",
          "trap 'wait; echo caught; exit 7' TERM; "
          "(trap 'echo too; exit' TERM; echo ready; while :; do sleep 0.01; done) & wait");
    rig_wait_file(rig, "t1", "stdout");
    rig_signal(rig, "t1", false);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited;

    assert_int_equal(exited->exit->code, 7);
    assert_string_equal(rig_read(rig, "t1", "stdout"), "ready\ntoo\ncaught\n");
}

static void kill_ends_what_sigterm_does_not(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct msg_container_exited *exited;
    pid_t pid, child;

    pid = start(rig, "t1", "trap '' TERM; " DAEMONIZE "echo ready; while :; do sleep 0.01; done");
    rig_wait_file(rig, "t1", "stdout");
    child = rig_pid_beside(pid, (pid_t)atol(rig_read(rig, "t1", "pid")));
    rig_signal(rig, "t1", false);
    rig_signal(rig, "t1", true);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited;

    assert_int_equal(exited->exit->signal, SIGKILL);
    rig_wait_gone(child);
}

static void what_a_task_leaves_running_ends_with_it(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct msg_container_exited *exited =
        rig_run(rig, &(struct rig_task){.id = "t1", .shell = DAEMONIZE "exit 3"});
    pid_t child = (pid_t)atol(rig_read(rig, "t1", "pid"));

    assert_int_equal(exited->exit->code, 3);
    assert_true(child > 1);
    assert_int_equal(kill(child, 0), -1); /* gone by the time that the end is reported */
}

static void a_task_whose_shim_is_killed_is_killed_too(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    pid_t pid = start(rig, "t1", DAEMONIZE "echo ready; sleep 1000");
    const struct msg_container_exited *exited;
    pid_t child;

    rig_wait_file(rig, "t1", "stdout");
    child = rig_pid_beside(pid, (pid_t)atol(rig_read(rig, "t1", "pid")));
    kill(rig_parent_of(pid), SIGKILL);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited;

    assert_null(exited->exit);
    assert_string_equal(exited->error, "its shim was killed, so its end was not seen");
    rig_wait_gone(pid);
    rig_wait_gone(child);
}

static void v1_alone_kills_by_itself(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&v1);
    const struct msg_container_exited *exited;
    pid_t pid, child;

    (void)state;
    if (strcmp(rig->ready.launcher_ready->cgroups, "v1") != 0) {
        print_message("skip: no cgroup v1 here\n");
        skip();
    }
    pid = start(rig, "t1", DAEMONIZE "echo ready; while :; do (sleep 0.01); done");
    rig_wait_file(rig, "t1", "stdout");
    child = rig_pid_beside(pid, (pid_t)atol(rig_read(rig, "t1", "pid")));
    rig_signal(rig, "t1", true);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited;

    assert_int_equal(exited->exit->signal, SIGKILL);
    rig_wait_gone(child);
}

static void an_end_is_told_though_its_record_has_no_room(void **state)
{
    rig_skip_unless_root();
    char dir[] = "/tmp/proffer-test-full-XXXXXX";
    char records[64], fill[80];
    struct rig_plan plan = *(const struct rig_plan *)*state;

    plan.dir = dir;
    assert_non_null(mkdtemp(dir));
    snprintf(records, sizeof(records), "%s/records", dir);
    snprintf(fill, sizeof(fill), "%s/fill", records);
    assert_int_equal(mkdir(records, 0700), 0);
    assert_int_equal(mount("none", records, "tmpfs", 0, "size=4k"), 0);
    assert_int_equal(rig_fill(fill), 4096);
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
        const struct msg_container_exited *exited =
            rig_run(rig, &(struct rig_task){.id = "t1", .shell = "exit 6"});

        rig->keeps_root = true; /* its check would find `fill` */
        assert_string_equal(exited->error, "");
        assert_int_equal(exited->exit->code, 6);
    }
    umount2(records, MNT_DETACH);
    rig_remove(dir);
}

/* Ends come faster than the launcher looks for what their shims have told. */
static void no_end_is_lost_when_records_have_no_room(void **state)
{
    char dir[] = "/tmp/proffer-test.XXXXXX", records[64], fill[80];
    const struct rig_plan plan = {.dir = mkdtemp(dir)};

    (void)state;
    rig_skip_unless_root();
    snprintf(records, sizeof(records), "%s/records", dir);
    snprintf(fill, sizeof(fill), "%s/fill", records);
    assert_int_equal(mkdir(records, 0700), 0);
    assert_int_equal(mount("none", records, "tmpfs", 0, "size=4k"), 0);
    assert_int_equal(rig_fill(fill), 4096);
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
        const struct msg_container_exited *exited;
        char id[16];

        rig->keeps_root = true;
        for (int i = 0; i < 200; i++) {
            snprintf(id, sizeof(id), "t%d", i);
            rig_launch(rig, &(struct rig_task){.id = id,
                                               .shell = i % 2 ? "exit 6" : NULL,
                                               .argv = i % 2 ? NULL : ARGV("/nowhere/at/all")});
        }
        for (int i = 0; i < 200; i++) {
            snprintf(id, sizeof(id), "t%d", i);
            exited = rig_wait(rig, MSG_CONTAINER_EXITED, id)->container_exited;
            if (i % 2)
                assert_int_equal(exited->exit ? exited->exit->code : -1, 6);
            else
                assert_non_null(strstr(exited->error, "No such file"));
        }
    }
    umount2(records, MNT_DETACH);
    rig_remove(dir);
}

static void tasks_end_when_the_agent_says_so(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    pid_t first = start(rig, "t1", "trap '' TERM; while :; do sleep 1000; done");
    pid_t second = start(rig, "t2", "sleep 1000");

    rig_destroy(&rig);

    rig_wait_gone(first);
    rig_wait_gone(second);
}

/* Orders stand before it, and what they lead to cannot be told any more. */
static void the_word_to_end_is_heard_though_the_agent_reads_no_more(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    char id[16];

    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        rig_launch(rig, &(struct rig_task){.id = id, .shell = "exec sleep 3339"});
    }
    /* rig_destroy says it and closes its end, then looks for what is left. */
}

/* A service manager sends it to all processes of a service at once: the agent's word is what counts. */
static void a_launcher_does_not_end_by_sigterm(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    pid_t pid = start(rig, "t1", "exec sleep 1000");

    (void)state;
    kill(rig->pid, SIGTERM);
    assert_int_equal(rig_run(rig, &(struct rig_task){.id = "t2", .shell = "exit 5"})->exit->code,
                     5);

    assert_int_equal(kill(pid, 0), 0);
}

static void a_task_that_nests_cgroups_is_removed_with_them(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const char *shell = arena_printf(rig->arena,
                                     "for f in /sys/fs/cgroup/*/%s/t1 /sys/fs/cgroup/%s/t1; "
                                     "do [ -d $f ] && mkdir -p $f/a/b && echo $f; done; exit 0",
                                     rig->root, rig->root);

    (void)state;
    rig_skip_unless_cgroups(rig);
    rig_run(rig, &(struct rig_task){.id = "t1", .shell = shell});

    assert_non_null(strstr(rig_read(rig, "t1", "stdout"), "/t1"));
}

/* --- a shim that comes late --------------------------------------------------------------------- */

/* As the launcher does it, for one that is `launcher`, which may live still; this process is the one that rules. */
static void run_shim(struct rig *rig, struct records *records, pid_t launcher, const char *id)
{
    const struct command_info command = {.value = "echo ran; exit 3"};
    const struct msg_launch_container order = {.container_id = id, .command = &command};
    CLEANUP(close_fd) int parent = open(rig->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char spare[RECORD_SPARE_MAX];
    struct spawn spawn;
    struct shim_plan plan = {
        .order = &order,
        .spawn = &spawn,
        .sandbox = {parent, id},
        .records_dir = records->dir,
        .spare = spare,
        .launcher = launcher,
        .notes_fd = records->notes_write_fd,
        .log_files = 1,
    };
    sigset_t signals;
    pid_t pid;

    spawn_init(&spawn);
    assert_int_equal(mkdirat(parent, id, 0700), 0);
    records_spare(records, spare);
    records_take(records);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        sigfillset(&signals);
        sigprocmask(SIG_SETMASK, &signals, NULL);
        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        plan.signals_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        shim_run(&plan);
    }
    waitpid(pid, NULL, 0);
}

/* A launcher is killed between the fork and its shim's first step; the next one has looked for records by then. */
static void a_shim_starts_nothing_when_another_launcher_rules(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&posix);
    const struct msg_container_exited *late, *in_time;
    struct records records;
    char path[200];
    struct err err;

    (void)state;
    rig_leave(rig);
    rig->keeps_root = true;
    records_init(&records);
    snprintf(path, sizeof(path), "%s/records", rig->dir);
    assert_int_equal(records_open(&records, path, &err), 0);
    run_shim(rig, &records, getppid(), "late");
    run_shim(rig, &records, getpid(), "in_time");
    late = rig_wait_record(rig, "late");
    in_time = rig_wait_record(rig, "in_time");

    assert_true(late->never_launched);
    assert_null(late->exit);
    assert_string_equal(late->error, "its launcher died before it was started");
    snprintf(path, sizeof(path), "%s/late/stdout", rig->dir);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_false(in_time->never_launched);
    assert_int_equal(in_time->exit->code, 3);
    records_fini(&records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigterm_reaches_the_whole_group_of_the_command),
        cmocka_unit_test_prestate(kill_ends_what_sigterm_does_not, (void *)&plain),
        {"kill_ends_what_sigterm_does_not_without_cgroups", kill_ends_what_sigterm_does_not, NULL,
         NULL, (void *)&posix},
        {"kill_ends_what_sigterm_does_not_contained", kill_ends_what_sigterm_does_not, NULL, NULL,
         (void *)&contained},
        cmocka_unit_test_prestate(what_a_task_leaves_running_ends_with_it, (void *)&plain),
        {"what_a_task_leaves_running_ends_with_it_without_cgroups",
         what_a_task_leaves_running_ends_with_it, NULL, NULL, (void *)&posix},
        cmocka_unit_test_prestate(a_task_whose_shim_is_killed_is_killed_too, (void *)&plain),
        {"a_task_whose_shim_is_killed_is_killed_too_without_cgroups",
         a_task_whose_shim_is_killed_is_killed_too, NULL, NULL, (void *)&posix},
        {"a_task_whose_shim_is_killed_is_killed_too_contained",
         a_task_whose_shim_is_killed_is_killed_too, NULL, NULL, (void *)&contained},
        cmocka_unit_test(v1_alone_kills_by_itself),
        cmocka_unit_test_prestate(an_end_is_told_though_its_record_has_no_room, (void *)&plain),
        {"an_end_is_told_though_its_record_has_no_room_contained",
         an_end_is_told_though_its_record_has_no_room, NULL, NULL, (void *)&contained},
        cmocka_unit_test(no_end_is_lost_when_records_have_no_room),
        cmocka_unit_test_prestate(tasks_end_when_the_agent_says_so, (void *)&plain),
        {"tasks_end_when_the_agent_says_so_without_cgroups", tasks_end_when_the_agent_says_so, NULL,
         NULL, (void *)&posix},
        {"tasks_end_when_the_agent_says_so_contained", tasks_end_when_the_agent_says_so, NULL, NULL,
         (void *)&contained},
        cmocka_unit_test_prestate(the_word_to_end_is_heard_though_the_agent_reads_no_more,
                                  (void *)&plain),
        cmocka_unit_test(a_launcher_does_not_end_by_sigterm),
        cmocka_unit_test(a_task_that_nests_cgroups_is_removed_with_them),
        cmocka_unit_test(a_shim_starts_nothing_when_another_launcher_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
