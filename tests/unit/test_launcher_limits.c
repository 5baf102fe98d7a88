/* Limits on the real kernel: memory, processors, processes; and what is left of them without root. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "isolators/cgfs.h"
#include "tests/unit/launcher_rig.h"

#define MIB       (1024 * 1024)
#define NOBODY    65534
#define HOG_US    ((int64_t)2 * US_PER_S)
#define PERIOD_US 100000 /* of the kernel's bandwidth control */

static const struct rig_plan plain;

/* --- tasks that are this program ---------------------------------------------------------------- */

static int eat_memory(void)
{
    for (int i = 0; i < 4096; i++) {
        volatile char *chunk = malloc(MIB);

        if (!chunk)
            return 2;
        for (int offset = 0; offset < MIB; offset += 1024)
            chunk[offset] = 1;
    }
    return 0;
}

/* Forks until it may not any more and says how often it could. */
static int fork_on(void)
{
    int count = 0;
    pid_t pid;

    while (count < 1000 && (pid = fork()) > 0)
        count++;
    if (pid == 0) {
        pause();
        _exit(0);
    }
    printf("%d\n", count);
    return 0;
}

/* Says so when half of the time is over. */
static int burn_cpu(void)
{
    const int64_t start_us = clock_now().mono_us;

    while (clock_now().mono_us < start_us + HOG_US / 2)
        ;
    puts("half");
    fflush(stdout);
    while (clock_now().mono_us < start_us + HOG_US)
        ;
    return 0;
}

static int be_a_task(const char *name)
{
    int code = 64;

    if (strcmp(name, "eat") == 0)
        code = eat_memory();
    if (strcmp(name, "fork") == 0)
        code = fork_on();
    if (strcmp(name, "burn") == 0)
        code = burn_cpu();
    fflush(stdout);
    _exit(code); /* a sanitizer would need a thread for its last look, and may have none */
}

/* --- with cgroups ------------------------------------------------------------------------------- */

static void all_isolators_are_in_use(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_launcher_ready *ready = rig->ready.launcher_ready;

    (void)state;
    rig_skip_unless_cgroups(rig);
    print_message("cgroups: %s\n", ready->cgroups);
    assert_string_equal(ready->error, "");
    assert_int_equal(ready->isolation_count, 4);
    assert_string_equal(ready->isolation[0], "cgroup/cpu");
    assert_int_equal(ready->warnings_count, 0);
}

static void a_task_that_eats_memory_is_killed_at_its_limit(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rig_task task = {.id = "t1", .argv = ARGV(rig_self_path(), "eat"), .mem_mib = 32};
    const struct msg_container_exited *exited;

    (void)state;
    rig_skip_unless_cgroups(rig);
    exited = rig_run(rig, &task);

    print_message("%s\n", exited->message);
    assert_int_equal(exited->exit->signal, SIGKILL);
    assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
    assert_non_null(strstr(exited->message, "Memory limit exceeded: the limit is 32MiB"));
    assert_in_range(exited->peak_mem_bytes, 28 * MIB, 32 * MIB);
}

static void a_child_that_is_killed_for_memory_fails_its_task(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    char shell[600];
    const struct msg_container_exited *exited;

    (void)state;
    rig_skip_unless_cgroups(rig);
    snprintf(shell, sizeof(shell), "%s eat; exit 0", rig_self_path());
    exited = rig_run(rig, &(struct rig_task){.id = "t1", .shell = shell, .mem_mib = 32});

    assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
}

static void a_task_within_its_memory_is_left_alone(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rig_task task = {
        .id = "t1", .shell = "head -c 20000000 /dev/zero | tail -c 20000000 >/dev/null"};
    const struct msg_container_exited *exited = rig_run(rig, &task);

    (void)state;
    assert_int_equal(exited->exit->code, 0);
    assert_int_equal(exited->limitation, 0);
    assert_in_range(exited->peak_mem_bytes, 1 * MIB, 64 * MIB);
}

static void a_task_with_hardly_any_memory_still_starts(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rig_task task = {
        .id = "t1", .argv = ARGV("/bin/true"), .mem_mib = 1, .cpus_milli = 1};

    (void)state;
    assert_int_equal(rig_run(rig, &task)->exit->code, 0);
}

static void a_fork_bomb_meets_its_limit(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rig_task task = {
        .id = "t1", .argv = ARGV(rig_self_path(), "fork"), .pids_max = 20};
    const struct msg_container_exited *exited;

    (void)state;
    rig_skip_unless_cgroups(rig);
    exited = rig_run(rig, &task);

    assert_int_equal(exited->exit->code, 0);
    assert_int_equal(atol(rig_read(rig, "t1", "stdout")), 19);
}

static const struct usage_info *read_usage(struct rig *rig, const char *id)
{
    static int64_t number;
    const struct msg_usage_reply *reply;

    rig_send(rig, &MESSAGE(USAGE_REQUEST, usage_request, .number = ++number, .container_ids = &id,
                           .container_ids_count = id ? 1 : 0));
    reply = rig_wait(rig, MSG_USAGE_REPLY, NULL)->usage_reply;
    assert_int_equal(reply->number, number);
    return reply->usages_count == 1 ? reply->usages : NULL;
}

static const struct msg_container_updated *ask_update(struct rig *rig, const char *id,
                                                      int64_t cpus_milli, int64_t mem_mib,
                                                      const struct limit_info *limit)
{
    const struct resource_info resources[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = cpus_milli},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = mem_mib * 1000},
    };

    rig_send(rig, &MESSAGE(UPDATE_CONTAINER, update_container, .container_id = id, .number = 7,
                           .resources = resources, .resources_count = ARRAY_SIZE(resources),
                           .limits = limit, .limits_count = limit ? 1 : 0));
    return rig_wait(rig, MSG_CONTAINER_UPDATED, NULL)->container_updated;
}

static const char *update(struct rig *rig, const char *id, int64_t cpus_milli, int64_t mem_mib,
                          const struct limit_info *limit)
{
    const struct msg_container_updated *answer = ask_update(rig, id, cpus_milli, mem_mib, limit);

    assert_false(answer->ended);
    return answer->error;
}

static void limits_of_a_task_that_runs_are_changed(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct limit_info no_limit = {.name = "mem", .unlimited = true};
    const struct usage_info *usage;

    (void)state;
    rig_skip_unless_cgroups(rig);
    rig_launch(rig, &(struct rig_task){.id = "t1", .argv = ARGV("sleep", "1000"), .mem_mib = 32});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    assert_string_equal(update(rig, "t1", 500, 48, NULL), "");
    usage = read_usage(rig, "t1");
    assert_int_equal(usage->cpus_limit, 500);
    assert_int_equal(usage->mem_limit_bytes, 48 * MIB);
    assert_string_equal(update(rig, "t1", 2000, 64, &no_limit), "");
    usage = read_usage(rig, "t1");
    assert_int_equal(usage->cpus_limit, 2000);
    assert_true(usage->mem_limit_bytes > (int64_t)1 << 40);
}

static void new_limits_come_too_late_for_who_has_ended(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_container_updated *answer;

    (void)state;
    rig_launch(rig, &(struct rig_task){.id = "t1", .argv = ARGV("true")});
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
    answer = ask_update(rig, "t1", 500, 48, NULL);
    assert_string_equal(answer->error, "it has ended");
    assert_true(answer->ended);
}

/* User-mode Linux is a process among others: its clock goes on while it waits for a processor, and its timers
 * come late: it gives too much. There the throttling is what counts. */
static int hog_percent_max(void)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];
    bool is_uml = false;

    while (file && !is_uml && fgets(line, sizeof(line), file))
        is_uml = strstr(line, "User Mode Linux") != NULL;
    if (file)
        fclose(file);
    return is_uml ? 95 : 60;
}

/* Runs a hog, and answers how much time it got. */
static int64_t run_hog(struct rig *rig, const char *id)
{
    const struct rig_task task = {
        .id = id, .argv = ARGV(rig_self_path(), "burn"), .cpus_milli = 500};
    const struct msg_container_exited *exited;
    struct usage_info usage;
    int64_t used_us;

    rig_launch(rig, &task);
    rig_wait_file(rig, id, "stdout");
    usage = *read_usage(rig, id);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, id)->container_exited;
    used_us = exited->cpu_user_us + exited->cpu_system_us;
    print_message("%d ms of %d ms, throttled in %d of %d periods\n", (int)(used_us / 1000),
                  (int)(HOG_US / 1000), (int)usage.cpu_throttled, (int)usage.cpu_periods);
    assert_in_range(used_us, 1, HOG_US * hog_percent_max() / 100);
    if (used_us < HOG_US * 48 / 100)
        return used_us;
    assert_in_range(usage.cpu_periods, 3, HOG_US / PERIOD_US);
    assert_in_range(usage.cpu_throttled, 1, usage.cpu_periods);
    assert_true(usage.cpu_throttled_us > 0);
    return used_us;
}

/* Others on this machine may take time from it, so that it never comes to its limit: then it is tried again.
 * But nothing can give it more. */
static void a_hog_with_half_a_cpu_gets_half_a_core(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    char id[] = "t0";

    (void)state;
    rig_skip_unless_cgroups(rig);
    while (run_hog(rig, id) < HOG_US * 48 / 100)
        if (++id[1] > '9') {
            print_message("skip: this machine is too busy to give half a core\n");
            rig_destroy(&rig);
            skip();
        }
}

/* What others leave: beyond what it is granted, up to its limit or without one. */
static void a_task_may_burst_up_to_its_limits(void **state)
{
    static const struct limit_info higher[] = {{.name = "cpus", .scalar = 700},
                                               {.name = "mem", .scalar = 96000}};
    static const struct limit_info none[] = {{.name = "cpus", .unlimited = true},
                                             {.name = "mem", .unlimited = true}};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    struct rig_task task = {.shell = "echo x; sleep 1000", .cpus_milli = 500, .mem_mib = 64};
    const struct usage_info *usage;

    (void)state;
    rig_skip_unless_cgroups(rig);
    task.id = "high";
    task.limits = higher;
    task.limits_count = ARRAY_SIZE(higher);
    rig_launch(rig, &task);
    rig_wait_file(rig, "high", "stdout");
    usage = read_usage(rig, "high");
    assert_int_equal(usage->cpus_limit, 700);
    assert_int_equal(usage->mem_limit_bytes, 96 * MIB);
    task.id = "none";
    task.limits = none;
    rig_launch(rig, &task);
    rig_wait_file(rig, "none", "stdout");
    usage = read_usage(rig, "none");
    assert_int_equal(usage->cpus_limit, 0);
    assert_true(usage->mem_limit_bytes > INT64_C(1) << 50);
    rig_signal(rig, "high", true);
    rig_signal(rig, "none", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "high");
    rig_wait(rig, MSG_CONTAINER_EXITED, "none");
}

/* v2's weights end at that of 256 processors. */
static void more_processors_than_weights_can_say_are_granted(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rig_task task = {.id = "t1", .shell = "exit 3", .cpus_milli = 1000 * 1000};
    const struct msg_container_exited *exited = rig_run(rig, &task);

    (void)state;
    assert_string_equal(exited->error, "");
    assert_int_equal(exited->exit->code, 3);
}

static void usage_of_a_running_task_is_told(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct rig_task task = {
        .id = "t1",
        .shell = "sleep 1000 & i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo x; wait",
        .cpus_milli = 1500,
        .mem_mib = 100};
    const struct usage_info *usage;

    (void)state;
    rig_skip_unless_cgroups(rig);
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    usage = read_usage(rig, NULL);

    assert_non_null(usage);
    assert_string_equal(usage->container_id, "t1");
    assert_int_equal(usage->processes, 2);
    assert_int_equal(usage->threads, 2);
    assert_int_equal(usage->cpus_limit, 1500);
    assert_true(usage->cpu_user_us + usage->cpu_system_us > 1000);
    assert_int_equal(usage->mem_limit_bytes, 100 * MIB);
    assert_in_range(usage->mem_total_bytes, 1, 100 * MIB);
    assert_in_range(usage->mem_peak_bytes, 1, 100 * MIB);
    assert_true(usage->timestamp_us > 0);
    assert_non_null(read_usage(rig, "t1"));
    assert_null(read_usage(rig, "t2"));
}

static void v1_alone_limits_and_counts(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.hides_cgroup2 = true};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct rig_task task = {
        .id = "t1",
        .shell = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo x; sleep 1000"};
    const struct usage_info *usage;

    (void)state;
    if (strcmp(rig->ready.launcher_ready->cgroups, "v1") != 0) {
        print_message("skip: no cgroup v1 here\n");
        skip();
    }
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    usage = read_usage(rig, "t1");

    assert_true(usage->cpu_user_us + usage->cpu_system_us > 10000);
    assert_int_equal(usage->mem_limit_bytes, 64 * MIB);
}

static const char *warning_of(const struct rig *rig)
{
    const struct msg_launcher_ready *ready = rig->ready.launcher_ready;

    return ready->warnings_count ? ready->warnings[0] : "";
}

/* A service with a group of its own, as systemd gives it: v2 wants its processes out of the way. */
static void on_v2_an_agent_in_its_own_group_moves_into_a_leaf(void **state)
{
    rig_skip_unless_root();
    const struct cgfs mount = {open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "."};
    const struct cgfs service = {mount.dir, "service"};
    const struct rig_plan plan = {.root = "service/tasks"};

    (void)state;
    if (!cgfs_has(mount, "cgroup.controllers")) {
        print_message("skip: no cgroup v2 here\n");
        skip();
    }
    assert_int_equal(cgfs_make(service), 0);
    assert_int_equal(cgfs_write_int(service, "cgroup.procs", getpid()), 0);
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

        assert_string_equal(warning_of(rig), "");
        assert_int_equal(rig->ready.launcher_ready->isolation_count, 4);
        assert_int_equal(
            rig_run(rig, &(struct rig_task){.id = "t1", .shell = "exit 3"})->exit->code, 3);
    }
    assert_int_equal(cgfs_write_int(mount, "cgroup.procs", getpid()), 0);
    assert_int_equal(cgfs_remove(service), 0);
}

/* --- without root ------------------------------------------------------------------------------- */

static struct rig *rig_new_as_nobody(void)
{
    const struct rig_plan plan = {.uid = NOBODY};

    rig_skip_unless_root();
    rig_skip_unless_readable_by(NOBODY);
    return rig_new(&plan);
}

static void without_root_one_warning_says_what_is_missing(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new_as_nobody();
    const struct msg_launcher_ready *ready = rig->ready.launcher_ready;

    (void)state;
    assert_string_equal(ready->error, "");
    assert_string_equal(ready->cgroups, "none");
    assert_int_equal(ready->isolation_count, 1);
    assert_string_equal(ready->isolation[0], "posix/rlimits");
    assert_int_equal(ready->warnings_count, 1);
    print_message("%s\n", ready->warnings[0]);
    assert_non_null(strstr(ready->warnings[0], "cgroup/cpu, cgroup/memory, cgroup/pids"));
    assert_non_null(strstr(ready->warnings[0], "not root"));
}

static void without_root_tasks_run_and_end_as_a_whole(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new_as_nobody();
    const struct rig_task task = {
        .id = "t1", .shell = "id -u; (setsid sleep 1000 >/dev/null 2>&1 & echo $! >pid); exit 5"};
    const struct msg_container_exited *exited = rig_run(rig, &task);

    (void)state;
    assert_int_equal(exited->exit->code, 5);
    assert_string_equal(rig_read(rig, "t1", "stdout"), "65534\n");
    rig_wait_gone((pid_t)atol(rig_read(rig, "t1", "pid")));
}

static void without_root_nobody_becomes_somebody_else(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new_as_nobody();
    const struct msg_container_exited *other, *same;

    (void)state;
    other = rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true", .user = "root"});
    same = rig_run(rig, &(struct rig_task){.id = "t2", .shell = "true", .user = "nobody"});

    assert_string_equal(other->error, "cannot run as 'root': the agent is not root");
    assert_int_equal(same->exit->code, 0);
}

static void without_root_a_hard_limit_cannot_be_raised(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new_as_nobody();
    const struct rlimit_info more = {.name = "RLMT_MEMLOCK", .unlimited = true};
    const struct rlimit_info less = {.name = "RLMT_CORE", .soft = 0, .hard = 0};
    const struct msg_container_exited *refused, *taken;

    (void)state;
    refused = rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true", .rlimit = &more});
    taken = rig_run(rig, &(struct rig_task){.id = "t2", .shell = "true", .rlimit = &less});

    assert_non_null(strstr(refused->error, "RLMT_MEMLOCK: above the agent's own hard limit"));
    assert_string_equal(taken->error, "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_isolators_are_in_use),
        cmocka_unit_test(limits_of_a_task_that_runs_are_changed),
        cmocka_unit_test(new_limits_come_too_late_for_who_has_ended),
        cmocka_unit_test(a_task_that_eats_memory_is_killed_at_its_limit),
        cmocka_unit_test(a_child_that_is_killed_for_memory_fails_its_task),
        cmocka_unit_test(a_task_within_its_memory_is_left_alone),
        cmocka_unit_test(a_task_with_hardly_any_memory_still_starts),
        cmocka_unit_test(a_fork_bomb_meets_its_limit),
        cmocka_unit_test(a_hog_with_half_a_cpu_gets_half_a_core),
        cmocka_unit_test(a_task_may_burst_up_to_its_limits),
        cmocka_unit_test(more_processors_than_weights_can_say_are_granted),
        cmocka_unit_test(usage_of_a_running_task_is_told),
        cmocka_unit_test(v1_alone_limits_and_counts),
        cmocka_unit_test(on_v2_an_agent_in_its_own_group_moves_into_a_leaf),
        cmocka_unit_test(without_root_one_warning_says_what_is_missing),
        cmocka_unit_test(without_root_tasks_run_and_end_as_a_whole),
        cmocka_unit_test(without_root_nobody_becomes_somebody_else),
        cmocka_unit_test(without_root_a_hard_limit_cannot_be_raised),
    };

    return argc > 1 ? be_a_task(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}
