/* Namespaces on the real kernel: what a task sees of others, and what others see of its mounts. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "isolators/isolator.h"
#include "tests/unit/launcher_rig.h"

#define NOBODY 65534

/* Most tests are run with both: their state is the plan. */
static const struct rig_plan below_init = {
    .also = ARGV("namespaces/mount", "namespaces/pid", "namespaces/ipc", "namespaces/uts",
                 "namespaces/net", "namespaces/cgroup"),
};
static const struct rig_plan below_shim = {
    .also = ARGV("namespaces/mount", "namespaces/pid", "namespaces/ipc", "namespaces/uts",
                 "namespaces/net", "linux/capabilities"),
};

static const char *output_of(struct rig *rig, const struct rig_task *task)
{
    const struct msg_container_exited *exited = rig_run(rig, task);

    assert_string_equal(exited->error, "");
    if (exited->exit->code || exited->exit->signal)
        fail_msg("exit %d, signal %d: %s", (int)exited->exit->code, (int)exited->exit->signal,
                 rig_read(rig, task->id, "stderr"));
    return rig_read(rig, task->id, "stdout");
}

static void a_task_sees_its_own_processes_only(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct rig_task task = {.id = "t1",
                                  .shell = "cd /proc; echo [0-9]*; cat /proc/1/comm; echo $$"};

    assert_int_equal(rig->ready.launcher_ready->warnings_count, 0);
    assert_string_equal(output_of(rig, &task), *state == &below_init ? "1 2\nproffer-init\n2\n"
                                                                     : "1 2\nproffer-shim\n2\n");
}

static void the_end_of_a_task_is_the_end_of_what_it_left(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct rig_task task = {.id = "t1", .shell = "setsid sh -c 'sleep 1000' & exit 3"};

    assert_int_equal(rig_run(rig, &task)->exit->code, 3);
}

static void a_task_is_asked_to_end_before_it_is_killed(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct msg_container_exited *exited;

    rig_launch(rig, &(struct rig_task){.id = "t1", .argv = ARGV("sleep", "1000")});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    rig_signal(rig, "t1", false);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited;
    assert_int_equal(exited->exit->signal, SIGTERM);
}

static void a_command_that_is_not_there_is_told_with_namespaces_too(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);

    assert_string_equal(
        rig_run(rig, &(struct rig_task){.id = "t1", .argv = ARGV("no-such-program")})->error,
        "exec no-such-program: No such file or directory");
}

static void what_changes_the_host_is_read_only(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct rig_task task = {
        .id = "t1",
        .shell =
            "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger "
            "/sys/kernel/uevent_helper; do [ -e $f ] && (: >>$f) 2>/dev/null && echo "
            "$f; done; "
            "cat /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/timer_list "
            "/proc/timer_stats 2>/dev/null | wc -c; "
            "ls -A /proc/acpi /proc/asound /proc/scsi /sys/firmware 2>/dev/null | "
            "grep -v -e : -e '^$' | wc -l; touch /sys/firmware/x 2>/dev/null && echo firmware; "
            "for d in bus fs irq sys; do grep -q \" /proc/$d proc ro\" /proc/mounts || echo $d; "
            "done; "
            "mkdir /sys/fs/cgroup/*/x 2>/dev/null && echo cgroup; true"};

    assert_string_equal(output_of(rig, &task), "0\n0\n");
}

static void a_host_name_is_its_own(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct isolation_info asks = {.hostname = "inside"};
    char before[128], after[128];

    gethostname(before, sizeof(before));
    assert_string_equal(
        output_of(rig, &(struct rig_task){.id = "t1", .shell = "uname -n", .isolation = &asks}),
        "inside\n");
    gethostname(after, sizeof(after));
    assert_string_equal(before, after);
}

static void no_network_is_a_loopback_that_is_up(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct isolation_info asks = {.network = "none"};
    const struct rig_task task = {
        .id = "t1",
        .shell = "ip -o link | grep -v 'state DOWN' | cut -d' ' -f2; ip -o -4 addr | wc -l",
        .isolation = &asks};

    assert_string_equal(output_of(rig, &task), "lo:\n1\n");
}

static void shared_memory_is_its_own(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct isolation_info asks = {.shm_bytes = 4096 * 1024};
    const struct rig_task task = {
        .id = "t1",
        .shell = "ipcmk -M 4096 >/dev/null; : >/dev/shm/proffer-test; "
                 "df --output=size /dev/shm | tail -1 | tr -d ' '; ls /dev/shm",
        .isolation = &asks};

    assert_string_equal(output_of(rig, &task), "4096\nproffer-test\n");
    assert_int_not_equal(access("/dev/shm/proffer-test", F_OK), 0);
}

static void a_cgroup_namespace_hides_where_it_is(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&below_init);

    (void)state;
    rig_skip_unless_cgroups(rig);
    assert_null(
        strstr(output_of(rig, &(struct rig_task){.id = "t1", .shell = "cat /proc/self/cgroup"}),
               rig->root));
}

static void what_a_task_mounts_goes_with_it(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&below_init);
    const struct rig_task task = {.id = "t1",
                                  .shell = "mkdir m; mount -t tmpfs none m && : >m/x && ls m"};

    (void)state;
    assert_string_equal(output_of(rig, &task), "x\n");
    assert_false(rig_has(rig, "t1", "m/x"));
}

static void a_tmpfs_is_of_the_size_asked_for(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct isolation_mount mount = {.source_kind = MOUNT_TMPFS,
                                          .source = "",
                                          .container_path = "/media",
                                          .size_bytes = 1 << 20};
    const struct isolation_info asks = {.mounts = &mount, .mounts_count = 1};
    const struct rig_task task = {
        .id = "t1", .shell = "df --output=size /media | tail -1 | tr -d ' '", .isolation = &asks};

    assert_string_equal(output_of(rig, &task), "1024\n");
}

static void tmpfs_without_a_size_is_half_of_its_memory(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct isolation_mount mount = {
        .source_kind = MOUNT_TMPFS, .source = "", .container_path = "/media"};
    const struct isolation_info asks = {.mounts = &mount, .mounts_count = 1};
    const struct rig_task task = {.id = "t1",
                                  .shell = "df --output=size /media | tail -1 | tr -d ' '",
                                  .isolation = &asks,
                                  .mem_mib = 64};

    assert_string_equal(output_of(rig, &task), "32768\n");
}

static void what_no_isolator_does_is_refused(void **state)
{
    rig_skip_unless_root();
    static const struct rig_plan plain;
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct isolation_info asks = {.hostname = "inside"};

    (void)state;
    assert_string_equal(
        rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true", .isolation = &asks})->error,
        "it asks for a host name, and this agent does not use namespaces/uts");
}

/* The whole container ends with its shim: by its groups, or (without any) because its init does. */
static void expect_end_with_shim(const struct rig_plan *plan)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(plan);
    const struct rig_task task = {.id = "t1", .shell = "setsid sleep 1000 & sleep 1000"};
    const struct msg_container_exited *exited;
    pid_t pid;

    rig_launch(rig, &task);
    pid = (pid_t)rig_wait(rig, MSG_CONTAINER_STARTED, "t1")->container_started->pid;
    kill(rig_parent_of(pid), SIGKILL);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited;
    assert_string_equal(exited->error, "its shim was killed, so its end was not seen");
    rig_wait_gone(pid);
}

static void a_contained_task_ends_with_its_shim(void **state)
{
    rig_skip_unless_root();
    expect_end_with_shim(*state);
}

/* --- the shim as init -------------------------------------------------------------------------------- */

/* What it is told of the command is what the host calls it. */
static void the_command_is_told_by_its_number_outside(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&below_shim);
    pid_t pid;

    (void)state;
    rig_launch(rig, &(struct rig_task){.id = "t1", .argv = ARGV("sleep", "1000")});
    pid = (pid_t)rig_wait(rig, MSG_CONTAINER_STARTED, "t1")->container_started->pid;
    assert_string_equal(rig_status_of(rig, pid, "Name"), "sleep");
    assert_string_equal(rig_status_of(rig, rig_parent_of(pid), "Name"), "proffer-shim");
    rig_signal(rig, "t1", true);
    assert_int_equal(rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited->exit->signal,
                     SIGKILL);
}

/* It is root's, as the task is: it can be seen, and nothing else. */
static void a_task_can_do_nothing_to_a_shim_that_it_sees(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&below_shim);
    const struct rig_task task = {
        .id = "t1",
        .shell =
            "cd /proc/1; for f in mem environ maps auxv syscall io fdinfo/0; do cat $f && echo $f; "
            "done; ls map_files; readlink exe cwd root ns/mnt fd/*; head -qc 1 fd/* autogroup; "
            "dd if=/dev/zero of=mem bs=1 count=1; prlimit --pid 1 --nofile=0:0 && echo limits; "
            "renice -n 5 -p 1 && echo nice; taskset -p 1 1 >/dev/null && echo set; "
            "kill -KILL 1; kill -STOP 1; kill -SEGV 1; kill -HUP 1; "
            "cmp mountinfo /proc/2/mountinfo; cmp net/dev /proc/2/net/dev; exit 3"};

    (void)state;
    assert_int_equal(rig_run(rig, &task)->exit->code, 3);
    assert_string_equal(rig_read(rig, "t1", "stdout"), "");
}

/* They would be kept for it, and be searched whenever a child ends. */
static void signals_to_a_shim_are_not_queued(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&below_shim);
    const struct rig_task task = {
        .id = "t1",
        .shell = "kill -40 1; kill -HUP 1; "
                 "until grep -q '^ShdPnd:.0000000000000000' /proc/1/status; do :; done; exit 5"};

    (void)state;
    assert_int_equal(rig_run(rig, &task)->exit->code, 5);
}

/* Who kills its shim (or asks it to end) ends itself. */
static void a_task_that_signals_its_shim_is_ended(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&below_shim);
    const struct rig_task term = {.id = "t1", .shell = "kill -TERM 1; exec sleep 1000"};
    const struct rig_task kill_all = {.id = "t2", .shell = "kill -USR2 1; exec sleep 1000"};

    (void)state;
    assert_int_equal(rig_run(rig, &term)->exit->signal, SIGTERM);
    assert_int_equal(rig_run(rig, &kill_all)->exit->signal, SIGKILL);
}

static void who_could_reach_a_shim_has_an_init_without_rights(void **state)
{
    rig_skip_unless_root();
    static const struct label_info allow[] = {
        {.key = "linux/capabilities.allow", .value = "SYS_PTRACE:SYS_RESOURCE:SYS_NICE"},
        {NULL, NULL}};
    const struct rig_plan plan = {.also = below_shim.also, .options = allow};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    static const char *const names[] = {"SYS_PTRACE", "SYS_RESOURCE", "SYS_NICE"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct isolation_info asks = {.capabilities_add = &names[i],
                                            .capabilities_add_count = 1};
        const struct rig_task task = {
            .id = names[i],
            .shell = "cat /proc/1/comm; grep CapPrm /proc/1/status | cut -f2",
            .isolation = &asks,
        };

        assert_string_equal(output_of(rig, &task), "proffer-init\n0000000000000000\n");
    }
}

/* Where the shim is in the namespace, it is the parent of all that lose theirs. */
static void orphans_are_buried_while_the_task_runs(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct rig_task task = {
        .id = "t1",
        .shell = "for i in 1 2 3 4 5; do (true & true); done; "
                 "while grep -q '^State:.*Z' /proc/[0-9]*/status 2>/dev/null; do :; done; exit 4"};

    assert_int_equal(rig_run(rig, &task)->exit->code, 4);
}

static void root_that_may_not_contain_says_so_and_runs_tasks(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.is_bounded = true,
                                  .also = ARGV("namespaces/mount", "namespaces/pid",
                                               "namespaces/ipc", "filesystem/rootfs",
                                               "linux/capabilities", "linux/seccomp")};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct msg_launcher_ready *ready = rig->ready.launcher_ready;

    (void)state;
    assert_int_equal(ready->warnings_count, 5);
    assert_non_null(
        strstr(ready->warnings[0], "namespaces/mount is not used: this system does not let us"));
    assert_string_equal(ready->warnings[1],
                        "namespaces/pid is not used: it needs namespaces/mount, which is not used");
    assert_string_equal(
        ready->warnings[4],
        "linux/capabilities is not used: cannot drop capabilities: Operation not permitted");
    assert_string_equal(output_of(rig, &(struct rig_task){.id = "t1", .shell = "echo ran"}),
                        "ran\n");
}

/* --- users ---------------------------------------------------------------------------------------- */

static const struct rig_plan mapped = {
    .also = ARGV("namespaces/user", "namespaces/mount", "namespaces/pid", "namespaces/ipc",
                 "namespaces/uts"),
};

static void a_task_is_root_inside_and_its_user_outside(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&mapped);
    const struct isolation_info asks = {.inner_root = true, .hostname = "inside"};
    const struct rig_task task = {.id = "t1",
                                  .shell =
                                      "id -u; id -g; cat /proc/self/uid_map | tr -s ' '; : >made; "
                                      "uname -n; cat /etc/shadow",
                                  .user = "nobody",
                                  .isolation = &asks};
    struct stat info;

    (void)state;
    assert_int_equal(rig_run(rig, &task)->exit->code, 1);
    assert_string_equal(rig_read(rig, "t1", "stdout"), "0\n0\n 0 65534 1\ninside\n");
    assert_int_equal(stat(rig_path(rig, "t1", "made"), &info), 0);
    assert_int_equal(info.st_uid, NOBODY);
}

static void a_user_keeps_its_number_and_has_no_rights(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&mapped);
    const struct rig_task task = {.id = "t1",
                                  .shell =
                                      "id -u; grep CapEff /proc/self/status | cut -f2; echo $$",
                                  .user = "nobody"};

    (void)state;
    assert_string_equal(output_of(rig, &task), "65534\n0000000000000000\n2\n");
}

static void who_is_not_root_contains_by_a_user_namespace(void **state)
{
    rig_skip_unless_root();
    rig_skip_unless_readable_by(NOBODY);
    const struct rig_plan plan = {.is_posix = true, .uid = NOBODY, .also = mapped.also};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct isolation_info asks = {.inner_root = true, .hostname = "inside"};

    (void)state;
    for (size_t i = 0; i < rig->ready.launcher_ready->warnings_count; i++)
        fail_msg("%s", rig->ready.launcher_ready->warnings[i]);
    assert_string_equal(output_of(rig, &(struct rig_task){.id = "t1",
                                                          .shell = "id -u; echo $$; uname -n",
                                                          .isolation = &asks}),
                        "0\n2\ninside\n");
}

/* --- a range of users */

static const struct label_info with_range[] = {{.key = "namespaces/user.range", .value = "200000"},
                                               {NULL, NULL}};

static void with_a_range_root_inside_has_other_users(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = mapped.also, .options = with_range};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct isolation_info asks = {.inner_root = true};
    const struct rig_task task = {
        .id = "t1",
        .shell = "tr -s ' ' </proc/self/uid_map; : >made; chown 33:44 made; "
                 "setpriv --reuid 1000 --regid 1001 --groups 27 sh -c 'id -u; id -G; cat made'; "
                 "stat -c '%u %g' made /etc/passwd; chown 65536 made 2>/dev/null || echo no more",
        .user = "nobody",
        .isolation = &asks};
    struct stat info;

    (void)state;
    assert_int_equal(rig->ready.launcher_ready->warnings_count, 0);
    assert_string_equal(output_of(rig, &task), " 0 65534 1\n 1 200001 65535\n"
                                               "1000\n1001 27\n33 44\n65534 65534\nno more\n");
    assert_int_equal(stat(rig_path(rig, "t1", "made"), &info), 0);
    assert_int_equal(info.st_uid, 200033);
    assert_int_equal(info.st_gid, 200044);
}

static void with_a_range_a_user_keeps_its_number(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = mapped.also, .options = with_range};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct rig_task task = {
        .id = "t1", .shell = "id -u; tr -s ' ' </proc/self/gid_map", .user = "nobody"};

    (void)state;
    assert_string_equal(output_of(rig, &task),
                        "65534\n 65534 65534 1\n 0 200000 65534\n 65535 265535 1\n");
}

static void a_range_that_cannot_be_had_is_told(void **state)
{
    static const struct label_info low[] = {{.key = "namespaces/user.range", .value = "1000"},
                                            {NULL, NULL}};
    static const struct {
        uid_t uid;
        bool is_inside;
        const struct label_info *options;
        const char *text;
    } cases[] = {
        {0, false, low, "range=1000: want the first of 65536 users and groups that are nobody's"},
        {NOBODY, false, with_range,
         "range=200000: the agent is not root, and can map one user only"},
        {NOBODY, true, with_range,
         "range=200000: cannot map these users and groups: Operation not permitted"},
    };

    (void)state;
    rig_skip_unless_root();
    rig_skip_unless_readable_by(NOBODY);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct rig_plan plan = {.is_posix = true,
                                      .uid = cases[i].uid,
                                      .is_inside = cases[i].is_inside,
                                      .also = ARGV("namespaces/user"),
                                      .options = cases[i].options};
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

        const struct msg_launcher_ready *ready = rig->ready.launcher_ready;
        const char *said = *ready->error ? ready->error : ready->warnings[0];

        if (!strstr(said, cases[i].text))
            fail_msg("%s", said);
        if (*ready->error)
            rig_end_launcher(rig, 0);
    }
}

/* As in somebody else's container that has no rights: `unshare -r`, and the agent in that. */
static void who_is_root_of_a_user_namespace_contains_by_another(void **state)
{
    rig_skip_unless_root();
    rig_skip_unless_readable_by(NOBODY);
    const struct rig_plan plan = {
        .is_posix = true, .uid = NOBODY, .is_inside = true, .also = mapped.also};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct isolation_info asks = {.inner_root = true, .hostname = "inside"};
    struct stat info;

    (void)state;
    for (size_t i = 0; i < rig->ready.launcher_ready->warnings_count; i++)
        fail_msg("%s", rig->ready.launcher_ready->warnings[i]);
    assert_string_equal(
        output_of(rig, &(struct rig_task){.id = "t1",
                                          .shell = "id -u; echo $$; uname -n; : >made",
                                          .isolation = &asks}),
        "0\n2\ninside\n");
    assert_int_equal(stat(rig_path(rig, "t1", "made"), &info), 0);
    assert_int_equal(info.st_uid, NOBODY);
}

static void without_cgroups_a_namespace_ends_with_its_shim(void **state)
{
    const struct rig_plan plan = {.is_posix = true, .uid = NOBODY, .also = mapped.also};

    (void)state;
    rig_skip_unless_root();
    rig_skip_unless_readable_by(NOBODY);
    expect_end_with_shim(&plan);
}

static void without_root_or_that_it_is_told_what_is_lacking(void **state)
{
    rig_skip_unless_root();
    rig_skip_unless_readable_by(NOBODY);
    const struct rig_plan plan = {
        .is_posix = true, .uid = NOBODY, .also = ARGV("namespaces/mount", "namespaces/pid")};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct msg_launcher_ready *ready = rig->ready.launcher_ready;

    (void)state;
    assert_int_equal(ready->warnings_count, 1);
    assert_string_equal(ready->warnings[0],
                        "tasks are held by process groups only, without namespaces/mount, "
                        "namespaces/pid: the agent is not root, and namespaces/user is not used");
}

#define BOTH(test)                                                                                 \
    {#test " (below an init)", test, NULL, NULL, (void *)&below_init},                             \
    {                                                                                              \
#test " (below the shim)", test, NULL, NULL, (void *)&below_shim                           \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_task_sees_its_own_processes_only),
        BOTH(the_end_of_a_task_is_the_end_of_what_it_left),
        BOTH(a_task_is_asked_to_end_before_it_is_killed),
        BOTH(a_command_that_is_not_there_is_told_with_namespaces_too),
        BOTH(what_changes_the_host_is_read_only),
        BOTH(a_host_name_is_its_own),
        BOTH(no_network_is_a_loopback_that_is_up),
        BOTH(shared_memory_is_its_own),
        cmocka_unit_test(a_cgroup_namespace_hides_where_it_is),
        cmocka_unit_test(what_a_task_mounts_goes_with_it),
        BOTH(a_tmpfs_is_of_the_size_asked_for),
        BOTH(tmpfs_without_a_size_is_half_of_its_memory),
        cmocka_unit_test(what_no_isolator_does_is_refused),
        BOTH(a_contained_task_ends_with_its_shim),
        cmocka_unit_test(the_command_is_told_by_its_number_outside),
        cmocka_unit_test(a_task_can_do_nothing_to_a_shim_that_it_sees),
        cmocka_unit_test(signals_to_a_shim_are_not_queued),
        cmocka_unit_test(a_task_that_signals_its_shim_is_ended),
        cmocka_unit_test(who_could_reach_a_shim_has_an_init_without_rights),
        BOTH(orphans_are_buried_while_the_task_runs),
        cmocka_unit_test(root_that_may_not_contain_says_so_and_runs_tasks),
        cmocka_unit_test(without_cgroups_a_namespace_ends_with_its_shim),
        cmocka_unit_test(a_task_is_root_inside_and_its_user_outside),
        cmocka_unit_test(a_user_keeps_its_number_and_has_no_rights),
        cmocka_unit_test(who_is_not_root_contains_by_a_user_namespace),
        cmocka_unit_test(with_a_range_root_inside_has_other_users),
        cmocka_unit_test(with_a_range_a_user_keeps_its_number),
        cmocka_unit_test(a_range_that_cannot_be_had_is_told),
        cmocka_unit_test(who_is_root_of_a_user_namespace_contains_by_another),
        cmocka_unit_test(without_root_or_that_it_is_told_what_is_lacking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
