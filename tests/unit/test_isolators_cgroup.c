/* Each cgroup isolator on the real kernel: what it grants, what it refuses, what it tells, what changes on a live task. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "isolators/block_device.h"
#include "tests/unit/launcher_rig.h"

#define MIB (1024 * 1024)

/* --- tasks that are this program ------------------------------------------------------------------ */

static void burn(int64_t us)
{
    const int64_t until_us = clock_now().mono_us + us;

    while (clock_now().mono_us < until_us)
        ;
}

/* Idle, then more at once than its share of a period, which is little: a busy machine gives that much, too. */
__attribute__((noreturn)) static void burst(void)
{
    for (;;) {
        usleep(250000);
        burn(60000);
    }
}

static int eat(int mib)
{
    char *memory = malloc((size_t)mib * MIB);

    if (!memory)
        return 2;
    for (int64_t offset = 0; offset < (int64_t)mib * MIB; offset += 1024)
        ((volatile char *)memory)[offset] = 1;
    puts("eaten");
    fflush(stdout);
    pause();
    return 0;
}

static int be_a_task(int argc, char **argv)
{
    const char *argument = argc > 2 ? argv[2] : "";
    int code = 64;

    if (!strcmp(argv[1], "burst"))
        burst();
    if (!strcmp(argv[1], "burn")) {
        puts("burning");
        fflush(stdout);
        burn(INT64_MAX / 2);
    }
    if (!strcmp(argv[1], "eat"))
        code = eat(atoi(argument));
    fflush(stdout);
    _exit(code);
}

/* --- what this machine has ------------------------------------------------------------------------ */

static bool is_v2(const struct rig *rig)
{
    return !strcmp(rig->ready.launcher_ready->cgroups, "v2");
}

static void end(struct rig *rig, const char *id)
{
    rig_signal(rig, id, true);
    rig_wait(rig, MSG_CONTAINER_EXITED, id);
}

/* --- cgroup/cpu ----------------------------------------------------------------------------------- */

static void what_a_task_saves_it_may_burst(void **state)
{
    static const struct limit_info limits[] = {{.name = "cpu_burst", .scalar = 100, .device = ""}};
    const struct rig_plan plan = ISOLATE("cgroup/cpu");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const struct rig_task task = {.id = "t1",
                                  .argv = ARGV(rig_self_path(), "burst"),
                                  .cpus_milli = 100,
                                  .limits = limits,
                                  .limits_count = 1};
    const int64_t until_us = clock_now().mono_us + (int64_t)RIG_TIMEOUT_MS * US_PER_MS;
    const struct usage_info *usage;

    (void)state;
    rig_launch(rig, &task);
    /* On a busy machine it may not come to use even its share. */
    do {
        poll(NULL, 0, 200);
        usage = rig_usage(rig, "t1");
    } while (!usage->more->cpu_bursts && clock_now().mono_us < until_us);

    print_message("%d bursts, %d us\n", (int)usage->more->cpu_bursts,
                  (int)usage->more->cpu_burst_us);
    assert_true(usage->more->cpu_bursts > 0);
    assert_true(usage->more->cpu_burst_us > 0);
    end(rig, "t1");
}

static void a_burst_above_the_limit_is_refused_with_the_reason(void **state)
{
    static const struct limit_info limits[] = {{.name = "cpu_burst", .scalar = 500, .device = ""}};
    const struct rig_plan plan = ISOLATE("cgroup/cpu");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const struct rig_task task = {
        .id = "t1", .shell = "true", .cpus_milli = 400, .limits = limits, .limits_count = 1};
    const struct msg_container_exited *exited = rig_run(rig, &task);

    (void)state;
    assert_null(exited->exit);
    assert_non_null(strstr(exited->error, "cgroup/cpu: cpu_burst"));
}

static void processors_of_a_live_task_change(void **state)
{
    static const struct limit_info burst_limit[] = {
        {.name = "cpus", .scalar = 900, .device = ""},
        {.name = "cpu_burst", .scalar = 800, .device = ""}};
    const struct rig_plan plan = ISOLATE("cgroup/cpu");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    struct rig_task task = {.id = "t1",
                            .shell = "echo x; exec sleep 1000",
                            .cpus_milli = 900,
                            .limits = burst_limit,
                            .limits_count = 2};

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    assert_int_equal(rig_usage(rig, "t1")->cpus_limit, 900);
    task.limits = NULL;
    task.limits_count = 0;
    task.cpus_milli = 300; /* below the burst that it had */
    assert_string_equal(rig_update(rig, &task), "");
    assert_int_equal(rig_usage(rig, "t1")->cpus_limit, 300);
    task.cpus_milli = 1700;
    assert_string_equal(rig_update(rig, &task), "");
    assert_int_equal(rig_usage(rig, "t1")->cpus_limit, 1700);
    end(rig, "t1");
}

/* --- limits above what is granted ---------------------------------------------------------------- */

/* v1 and v2 say it in other files and words. */
static void expect_file(struct rig *rig, const char *controller, const char *v1, const char *text1,
                        const char *v2, const char *text2)
{
    const char *file = is_v2(rig) ? v2 : v1;
    const char *text = file ? rig_group_file(rig, controller, "t1", file) : "";
    const char *want = is_v2(rig) ? text2 : text1;

    if (file && strcmp(text, want) != 0)
        fail_msg("%s says '%s', not '%s'", file, text, want);
}

static void limits_above_requests_are_what_the_kernel_has(void **state)
{
    static const struct limit_info limits[] = {{.name = "cpus", .scalar = 1500, .device = ""},
                                               {.name = "mem", .scalar = 128000, .device = ""},
                                               {.name = "swap", .scalar = 16000, .device = ""}};
    static const struct limit_info unlimited[] = {{.name = "cpus", .unlimited = true},
                                                  {.name = "mem", .unlimited = true}};
    const struct rig_plan plan = ISOLATE("cgroup/cpu", "cgroup/memory");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    struct rig_task task = {.id = "t1",
                            .shell = "echo x; exec sleep 1000",
                            .cpus_milli = 500,
                            .mem_mib = 64,
                            .limits = limits,
                            .limits_count = 3};

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    expect_file(rig, "cpu", "cpu.cfs_quota_us", "150000\n", "cpu.max", "150000 100000\n");
    expect_file(rig, "cpu", "cpu.shares", "512\n", NULL, "");
    expect_file(rig, "memory", "memory.limit_in_bytes", "134217728\n", "memory.max", "134217728\n");
    expect_file(rig, "memory", "memory.soft_limit_in_bytes", "67108864\n", "memory.low",
                "67108864\n");
    assert_int_equal(rig_usage(rig, "t1")->cpus_limit, 1500);
    assert_int_equal(rig_usage(rig, "t1")->mem_limit_bytes, 128 * MIB);
    task.limits = unlimited;
    task.limits_count = 2;
    assert_string_equal(rig_update(rig, &task), "");
    expect_file(rig, "cpu", "cpu.cfs_quota_us", "-1\n", "cpu.max", "max 100000\n");
    expect_file(rig, "memory", "memory.limit_in_bytes", "9223372036854771712\n", "memory.max",
                "max\n");
    task.limits_count = 0;
    assert_string_equal(rig_update(rig, &task), "");
    expect_file(rig, "cpu", "cpu.cfs_quota_us", "50000\n", "cpu.max", "50000 100000\n");
    expect_file(rig, "memory", "memory.limit_in_bytes", "67108864\n", "memory.max", "67108864\n");
    end(rig, "t1");
}

static void a_task_uses_memory_up_to_its_limit_above_what_it_requests(void **state)
{
    static const struct limit_info limits[] = {{.name = "mem", .scalar = 128000, .device = ""}};
    const struct rig_plan plan = ISOLATE("cgroup/memory");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    struct rig_task task = {.id = "t1",
                            .argv = ARGV(rig_self_path(), "eat", "64"),
                            .mem_mib = 32,
                            .limits = limits,
                            .limits_count = 1};

    (void)state;
    rig_launch(rig, &task);
    assert_string_equal(rig_wait_file(rig, "t1", "stdout"), "eaten\n");
    end(rig, "t1");
    task.id = "t2";
    task.limits_count = 0;
    assert_int_equal(rig_run(rig, &task)->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
    task.id = "t3";
    task.limits_count = 1;
    task.argv = ARGV(rig_self_path(), "eat", "192");
    assert_int_equal(rig_run(rig, &task)->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
}

/* By what the kernel counts, as how fast a busy machine is says nothing. */
static void a_task_without_a_ceiling_is_never_held_back(void **state)
{
    static const struct limit_info limits[] = {{.name = "cpus", .unlimited = true}};
    const struct rig_plan plan = ISOLATE("cgroup/cpu");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    struct rig_task task = {.id = "t1",
                            .argv = ARGV(rig_self_path(), "burn"),
                            .cpus_milli = 100,
                            .limits = limits,
                            .limits_count = 1};
    const int64_t until_us = clock_now().mono_us + (int64_t)RIG_TIMEOUT_MS * US_PER_MS;

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    while (rig_usage(rig, "t1")->cpu_user_us < 300000 && clock_now().mono_us < until_us)
        poll(NULL, 0, 50);
    assert_true(rig_usage(rig, "t1")->cpu_user_us >= 300000);
    assert_int_equal(rig_usage(rig, "t1")->cpu_throttled, 0);
    task.limits_count = 0;
    assert_string_equal(rig_update(rig, &task), "");
    while (!rig_usage(rig, "t1")->cpu_throttled && clock_now().mono_us < until_us)
        poll(NULL, 0, 50);
    assert_true(rig_usage(rig, "t1")->cpu_throttled > 0);
    end(rig, "t1");
}

/* PSI: a thread that may not run waits. */
static void time_that_a_task_waits_is_told(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/cpu");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const struct rig_task task = {
        .id = "t1", .argv = ARGV(rig_self_path(), "burst"), .cpus_milli = 100};
    const int64_t until_us = clock_now().mono_us + (int64_t)RIG_TIMEOUT_MS * US_PER_MS;
    CLEANUP(close_fd) int psi = open("/proc/pressure/cpu", O_RDONLY | O_CLOEXEC);
    const struct usage_info *usage;
    char text[64];

    (void)state;
    if (psi < 0 || read(psi, text, sizeof(text)) <= 0)
        rig_skip(TAKE(rig), "this kernel has no PSI, or it is switched off");
    rig_launch(rig, &task);
    do {
        poll(NULL, 0, 200);
        usage = rig_usage(rig, "t1");
    } while (!usage->more->cpu_some_us && clock_now().mono_us < until_us);
    print_message("waited %d us\n", (int)usage->more->cpu_some_us);
    assert_true(usage->more->cpu_some_us > 0);
    end(rig, "t1");
}

/* --- cgroup/cpuset -------------------------------------------------------------------------------- */

static const char *allowed(struct rig *rig, const char *id)
{
    const struct usage_info *usage = rig_usage(rig, id);

    return usage->more->cpus;
}

static void a_task_runs_where_it_is_put_and_moves(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/cpuset");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const struct rig_task task = {.id = "t1",
                                  .shell = "grep _allowed_list /proc/self/status; exec sleep 1000",
                                  .cpus = "1",
                                  .mems = "0"};

    (void)state;
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
        rig_skip(TAKE(rig), "one processor");
    rig_launch(rig, &task);
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    while (!strstr(rig_wait_file(rig, "t1", "stdout"), "Mems"))
        ;
    assert_non_null(strstr(rig_read(rig, "t1", "stdout"), "Cpus_allowed_list:\t1\n"));
    assert_non_null(strstr(rig_read(rig, "t1", "stdout"), "Mems_allowed_list:\t0\n"));
    assert_string_equal(allowed(rig, "t1"), "1");
    assert_string_equal(rig_move(rig, "t1", "0-1", ""), "");
    assert_string_equal(allowed(rig, "t1"), "0-1");
    assert_string_equal(rig_move(rig, "t1", "0", "0"), "");
    assert_string_equal(allowed(rig, "t1"), "0");
    assert_string_equal(rig_usage(rig, "t1")->more->mems, "0");
    assert_non_null(strstr(rig_move(rig, "t1", "4000", ""), "cgroup/cpuset: "));
    assert_string_equal(allowed(rig, "t1"), "0");
    end(rig, "t1");
}

static void a_task_without_a_place_has_all_processors(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/cpuset");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const struct rig_task task = {.id = "t1", .shell = "nproc"};
    char want[32];

    (void)state;
    assert_int_equal(rig_run(rig, &task)->exit->code, 0);
    snprintf(want, sizeof(want), "%ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    assert_string_equal(rig_read(rig, "t1", "stdout"), want);
}

/* "anon N0=4096 N1=42000000" */
static int64_t anon_on(struct rig *rig, const char *id, int node)
{
    const char *text = rig_group_file(rig, "memory", id, "memory.numa_stat");
    const char *line = strstr(text, "anon"), *at;
    char key[8];

    snprintf(key, sizeof(key), "N%d=", node);
    at = line ? strstr(line, key) : NULL;
    return at ? atoll(at + 3) : -1;
}

static void memory_comes_from_the_node_that_it_is_bound_to(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/cpuset", "cgroup/memory");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    struct rig_task task = {
        .argv = ARGV(rig_self_path(), "eat", "40"), .mem_mib = 100, .mems = "1"};

    (void)state;
    if (access("/sys/devices/system/node/node1", F_OK) < 0)
        rig_skip(TAKE(rig), "one NUMA node");
    task.id = "t1";
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    print_message("%d MiB on node 0, %d on node 1\n", (int)(anon_on(rig, "t1", 0) / MIB),
                  (int)(anon_on(rig, "t1", 1) / MIB));
    assert_in_range(anon_on(rig, "t1", 0), 0, MIB);
    assert_in_range(anon_on(rig, "t1", 1), 40 * MIB, 50 * MIB);
    assert_string_equal(rig_move(rig, "t1", "", "0"), ""); /* and it moves along */
    assert_in_range(anon_on(rig, "t1", 0), 40 * MIB, 50 * MIB);
    assert_in_range(anon_on(rig, "t1", 1), 0, MIB);
    end(rig, "t1");
}

/* --- cgroup/memory -------------------------------------------------------------------------------- */

/* The shell would go on without its child. */
static void all_of_a_task_ends_when_one_process_is_killed_for_memory(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/memory");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    char shell[600];
    const struct msg_container_exited *exited;

    (void)state;
    snprintf(shell, sizeof(shell), "%s eat 200 & sleep 1000 & while :; do wait; done",
             rig_self_path());
    exited = rig_run(rig, &(struct rig_task){.id = "t1", .shell = shell, .mem_mib = 32});

    assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
    assert_non_null(strstr(exited->message, "the limit is 32MiB"));
}

/* v1 tells of each group's removal in the same way as of an event. */
static void many_ends_are_not_taken_for_events(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/memory");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    char shell[600], id[16];

    (void)state;
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        assert_int_equal(rig_run(rig, &(struct rig_task){.id = id, .shell = "true"})->exit->code,
                         0);
    }
    snprintf(shell, sizeof(shell), "%s eat 200 & while :; do wait; sleep 1; done", rig_self_path());
    assert_int_equal(
        rig_run(rig, &(struct rig_task){.id = "eater", .shell = shell, .mem_mib = 32})->limitation,
        REASON_CONTAINER_LIMITATION_MEMORY);
}

static void memory_of_a_live_task_grows_and_shrinks_but_not_below_what_it_uses(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/memory");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    struct rig_task task = {.id = "t1", .argv = ARGV(rig_self_path(), "eat", "40"), .mem_mib = 64};
    const char *error;

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    /* A sanitizer takes some, too. */
    assert_in_range(rig_usage(rig, "t1")->mem_rss_bytes, 40 * MIB, 56 * MIB);
    assert_true(rig_usage(rig, "t1")->more->mem_kernel_bytes > 0);
    task.mem_mib = 128;
    assert_string_equal(rig_update(rig, &task), "");
    assert_int_equal(rig_usage(rig, "t1")->mem_limit_bytes, 128 * MIB);
    task.mem_mib = 60;
    assert_string_equal(rig_update(rig, &task), "");
    assert_int_equal(rig_usage(rig, "t1")->mem_limit_bytes, 60 * MIB);
    task.mem_mib = 20;
    error = rig_update(rig, &task);
    print_message("%s\n", error);
    assert_non_null(strstr(error, "are in use and cannot be taken away"));
    assert_int_equal(rig_usage(rig, "t1")->mem_limit_bytes, 60 * MIB);
    assert_int_equal(rig_usage(rig, "t1")->more->mem_oom_kills, 0);
    end(rig, "t1");
}

static void soft_limit_and_swap_are_written(void **state)
{
    static const struct limit_info limits[] = {{.name = "mem", .scalar = 96000, .device = ""},
                                               {.name = "swap", .scalar = 10000, .device = ""}};
    const struct rig_plan plan = ISOLATE("cgroup/memory");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    struct rig_task task = {.id = "t1",
                            .shell = "echo x; exec sleep 1000",
                            .mem_mib = 64,
                            .limits = limits,
                            .limits_count = 2};
    char want[32];

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    assert_int_equal(rig_usage(rig, "t1")->more->mem_soft_bytes, 64 * MIB);
    snprintf(want, sizeof(want), "%d\n", (is_v2(rig) ? 10 : 106) * MIB);
    if (*rig_group_file(rig, "memory", "t1",
                        is_v2(rig) ? "memory.swap.max" : "memory.memsw.limit_in_bytes"))
        assert_string_equal(
            rig_group_file(rig, "memory", "t1",
                           is_v2(rig) ? "memory.swap.max" : "memory.memsw.limit_in_bytes"),
            want);
    task.limits_count = 0; /* what is not said any more is as if it had never been */
    assert_string_equal(rig_update(rig, &task), "");
    assert_int_equal(rig_usage(rig, "t1")->more->mem_soft_bytes, 0);
    end(rig, "t1");
}

/* A file system without a disk holds on to its pages. */
static bool is_in_memory(const struct rig *rig)
{
    struct statfs fs;

    return statfs(rig->dir, &fs) < 0 || fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}

/* The file is larger than its memory: to read it, pages have to go. */
static void memory_is_told_by_kind_with_its_pressure(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/memory");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const struct rig_task task = {
        .id = "t1",
        .shell = "echo x; while [ ! -e go ]; do sleep 0.05; done;"
                 "head -c 100000000 /dev/zero >big; for i in 1 2 3; do cat big >/dev/null; done;"
                 "echo done >end; exec sleep 1000",
        .mem_mib = 24};
    const struct usage_info *usage;

    (void)state;
    if (is_in_memory(rig))
        rig_skip(TAKE(rig), "sandboxes are in memory");
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    rig_usage(rig, "t1"); /* from here on it is counted */
    rig_write(rig, "t1", "go");
    rig_wait_file(rig, "t1", "end");
    usage = rig_usage(rig, "t1");

    print_message("%d MiB cache, limit met %d times, pressure low %d medium %d critical %d\n",
                  (int)(usage->mem_cache_bytes / MIB), (int)usage->more->mem_limit_hits,
                  (int)usage->more->mem_low_pressure, (int)usage->more->mem_medium_pressure,
                  (int)usage->more->mem_critical_pressure);
    assert_true(usage->mem_rss_bytes > 0);
    assert_true(usage->more->mem_kernel_bytes > 0);
    assert_in_range(usage->mem_cache_bytes, 1, 24 * MIB);
    if (is_v2(
            rig)) /* newer kernels count that no more on v1, where the limit with swap is met first */
        assert_true(usage->more->mem_limit_hits > 0);
    assert_int_equal(usage->more->mem_oom_kills, 0);
    if (!is_v2(rig))
        assert_true(usage->more->mem_low_pressure > 0);
    end(rig, "t1");
}

/* --- cgroup/pids ---------------------------------------------------------------------------------- */

static void processes_of_a_live_task_are_limited_anew(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/cpu");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    struct rig_task task = {.id = "t1", .pids_max = 50};

    (void)state;
    task.argv = ARGV("/bin/bash", "-c",
                     "mkfifo fifo; echo x; while [ ! -e go ]; do read -t 0.05 y <>fifo; done;"
                     "sleep 1000 & echo tried >end; wait");
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    assert_int_equal(rig_usage(rig, "t1")->more->pids_limit, 50);
    task.pids_max = 1;
    assert_string_equal(rig_update(rig, &task), "");
    assert_int_equal(rig_usage(rig, "t1")->more->pids_limit, 1);
    rig_write(rig, "t1", "go");
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1"); /* bash gives up when it cannot fork */
    assert_non_null(strstr(rig_read(rig, "t1", "stderr"), "fork"));
}

/* --- cgroup/io ------------------------------------------------------------------------------------ */

/* The disk of a file in memory: the kernel's loop device. "": there is none to be had. */
static const char *attach_loop(struct rig *rig)
{
    static char name[64];
    char command[256];
    FILE *pipe;

    snprintf(command, sizeof(command),
             "truncate -s 16M /dev/shm/proffer-io-%d && losetup -f --show /dev/shm/proffer-io-%d "
             "2>/dev/null",
             getpid(), getpid());
    *name = '\0';
    (void)rig;
    pipe = popen(command, "re");
    if (pipe && fgets(name, sizeof(name), pipe))
        name[strcspn(name, "\n")] = '\0';
    if (pipe)
        pclose(pipe);
    return name;
}

static void detach_loop(const char *name)
{
    char command[256];

    snprintf(command, sizeof(command), "%s%s; rm -f /dev/shm/proffer-io-%d",
             *name ? "losetup -d " : "true", name, getpid());
    if (system(command) != 0)
        print_message("%s is left behind\n", name);
}

/* 3 MiB at 2 MiB a second, less what the kernel lets through at once. */
static void writing_is_held_to_its_ceiling(void **state)
{
    struct limit_info limits[] = {{.name = "io_write", .scalar = 2000, .device = ""}};
    const struct rig_plan plan = ISOLATE("cgroup/io");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const char *disk = attach_loop(rig);
    char shell[256];
    struct rig_task task = {.id = "t1", .shell = shell, .limits = limits, .limits_count = 1};
    const struct msg_container_exited *exited;
    int64_t began_us, slow_us, fast_us;

    (void)state;
    if (!*disk) {
        detach_loop(disk);
        rig_skip(TAKE(rig), "no loop device");
    }
    limits[0].device = disk;
    snprintf(shell, sizeof(shell), "dd if=/dev/zero of=%s oflag=direct bs=64k count=48 2>&1", disk);
    began_us = clock_now().mono_us;
    exited = rig_run(rig, &task);
    slow_us = clock_now().mono_us - began_us;
    task.id = "t2";
    task.limits_count = 0;
    began_us = clock_now().mono_us;
    rig_run(rig, &task);
    fast_us = clock_now().mono_us - began_us;
    detach_loop(disk);

    print_message("%d ms at 2 MiB/s, %d ms without a ceiling %s\n", (int)(slow_us / 1000),
                  (int)(fast_us / 1000), exited->error);
    assert_int_equal(exited->exit->code, 0);
    assert_true(slow_us > 1000000);
    assert_true(slow_us > 2 * fast_us);
}

static void what_a_task_writes_is_counted_and_its_ceiling_changes(void **state)
{
    struct limit_info limits[] = {{.name = "io_write", .scalar = 5000, .device = ""},
                                  {.name = "io_read_ops", .scalar = 700000, .device = ""}};
    const struct rig_plan plan = ISOLATE("cgroup/io");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const char *disk = attach_loop(rig);
    char shell[256];
    struct rig_task task = {.id = "t1", .shell = shell};
    const struct usage_info *usage;
    const char *write_ceiling, *read_ceiling, *none, *error;

    (void)state;
    if (!*disk) {
        detach_loop(disk);
        rig_skip(TAKE(rig), "no loop device");
    }
    limits[0].device = limits[1].device = disk;
    snprintf(shell, sizeof(shell),
             "dd if=/dev/zero of=%s oflag=direct bs=64k count=32 && echo x && exec sleep 1000",
             disk);
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    usage = rig_usage(rig, "t1");
    task.limits = limits;
    task.limits_count = 2;
    error = rig_update(rig, &task);
    write_ceiling = rig_group_file(rig, "blkio", "t1",
                                   is_v2(rig) ? "io.max" : "blkio.throttle.write_bps_device");
    read_ceiling = rig_group_file(rig, "blkio", "t1",
                                  is_v2(rig) ? "io.max" : "blkio.throttle.read_iops_device");
    task.limits_count = 0;
    rig_update(rig, &task);
    none = rig_group_file(rig, "blkio", "t1",
                          is_v2(rig) ? "io.max" : "blkio.throttle.write_bps_device");
    detach_loop(disk);

    assert_string_equal(error, "");
    assert_true(usage->more->io_write_bytes >= 2 * MIB);
    assert_true(usage->more->io_writes >= 16);
    assert_non_null(strstr(write_ceiling, "5242880"));
    assert_non_null(strstr(read_ceiling, "700"));
    assert_string_equal(none, "");
    end(rig, "t1");
}

static void a_ceiling_for_what_is_no_disk_is_refused(void **state)
{
    static const struct limit_info limits[] = {
        {.name = "io_read", .scalar = 1000, .device = "/dev/null"}};
    const struct rig_plan plan = ISOLATE("cgroup/io");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const struct msg_container_exited *exited = rig_run(
        rig, &(struct rig_task){.id = "t1", .shell = "true", .limits = limits, .limits_count = 1});

    (void)state;
    assert_non_null(strstr(exited->error, "cgroup/io: io_read: /dev/null is no disk"));
}

static void a_disk_is_named_by_its_number_or_in_dev_only(void **state)
{
    static const char *const names[] = {"/etc/passwd",
                                        "/dev/../etc/passwd",
                                        "sda",
                                        "/proc/self/root/dev/null",
                                        "/dev",
                                        "8:0x",
                                        "8"};
    char link[64];
    struct err err;
    dev_t device;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_int_equal(block_device_find(names[i], NULL, &device, &err), -EINVAL);
        assert_non_null(strstr(err.text, "want a disk as 8:0 or /dev/sda"));
    }
    /* Where anybody may write: it leads nowhere, neither inside nor out. */
    snprintf(link, sizeof(link), "/dev/shm/proffer-link-%d", getpid());
    assert_int_equal(symlink("/dev/null", link), 0);
    assert_int_equal(block_device_find(link, NULL, &device, &err), -EXDEV);
    unlink(link);
    if (access("/dev/fd/0", F_OK) == 0)
        assert_int_equal(block_device_find("/dev/fd/0", NULL, &device, &err), -EXDEV);
}

/* Where the kernel knows weights it is written, else the reason is told: nothing is silently left out. */
static void a_weight_is_set_or_refused(void **state)
{
    static const struct limit_info limits[] = {
        {.name = "io_weight", .scalar = 300000, .device = ""}};
    const struct rig_plan plan = ISOLATE("cgroup/io");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    struct rig_task task = {.id = "t1", .shell = "echo x; exec sleep 1000"};
    const char *error, *weight;

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    task.limits = limits;
    task.limits_count = 1;
    error = rig_update(rig, &task);
    weight = rig_group_file(rig, "blkio", "t1", is_v2(rig) ? "io.weight" : "blkio.bfq.weight");
    if (is_v2(rig) && !*weight)
        weight = rig_group_file(rig, "blkio", "t1", "io.bfq.weight");
    print_message("%s%s\n", weight, error);
    if (*weight)
        assert_non_null(strstr(weight, "300"));
    else
        assert_non_null(strstr(error, "no scheduler of this kernel knows weights"));
    end(rig, "t1");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_task_saves_it_may_burst),
        cmocka_unit_test(a_burst_above_the_limit_is_refused_with_the_reason),
        cmocka_unit_test(processors_of_a_live_task_change),
        cmocka_unit_test(limits_above_requests_are_what_the_kernel_has),
        cmocka_unit_test(a_task_uses_memory_up_to_its_limit_above_what_it_requests),
        cmocka_unit_test(a_task_without_a_ceiling_is_never_held_back),
        cmocka_unit_test(time_that_a_task_waits_is_told),
        cmocka_unit_test(a_task_runs_where_it_is_put_and_moves),
        cmocka_unit_test(a_task_without_a_place_has_all_processors),
        cmocka_unit_test(memory_comes_from_the_node_that_it_is_bound_to),
        cmocka_unit_test(all_of_a_task_ends_when_one_process_is_killed_for_memory),
        cmocka_unit_test(many_ends_are_not_taken_for_events),
        cmocka_unit_test(memory_of_a_live_task_grows_and_shrinks_but_not_below_what_it_uses),
        cmocka_unit_test(soft_limit_and_swap_are_written),
        cmocka_unit_test(memory_is_told_by_kind_with_its_pressure),
        cmocka_unit_test(processes_of_a_live_task_are_limited_anew),
        cmocka_unit_test(writing_is_held_to_its_ceiling),
        cmocka_unit_test(what_a_task_writes_is_counted_and_its_ceiling_changes),
        cmocka_unit_test(a_ceiling_for_what_is_no_disk_is_refused),
        cmocka_unit_test(a_disk_is_named_by_its_number_or_in_dev_only),
        cmocka_unit_test(a_weight_is_set_or_refused),
    };

    if (argc > 1)
        return be_a_task(argc, argv);
    if (geteuid() != 0) {
        print_message("skip: not root\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
