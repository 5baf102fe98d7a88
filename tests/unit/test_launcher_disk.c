/* Disk isolators on the real kernel: what a task takes of the disk is known, and ends it. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "isolators/kept.h"
#include "tests/unit/launcher_rig.h"

#define MIB   ((int64_t)1024 * 1024)
#define LOOKS 600
#define US    25000

/* --- disk/usage ---------------------------------------------------------------------------------- */

static const struct label_info each_second[] = {{.key = "disk/usage.interval", .value = "1"},
                                                {NULL, NULL}};
static const struct label_info only_report[] = {{.key = "disk/usage.interval", .value = "1"},
                                                {.key = "disk/usage.action", .value = "report"},
                                                {NULL, NULL}};
static const struct rig_plan measured = {.also = ARGV("disk/usage"), .options = each_second};
static const struct rig_plan reported = {.also = ARGV("disk/usage"), .options = only_report};

static const struct usage_more *wait_bytes(struct rig *rig, const char *id, int64_t at_least)
{
    for (int i = 0; i < LOOKS; i++) {
        const struct usage_more *more = rig_usage(rig, id)->more;

        if (more->disk_bytes + more->volume_bytes >= at_least)
            return more;
        usleep(US);
    }
    fail_msg("less than %lld bytes are seen", (long long)at_least);
    return NULL;
}

static void expect_killed(struct rig *rig, const struct rig_task *task, const char *of_what)
{
    const struct msg_container_exited *exited;

    assert_int_equal(rig->ready.launcher_ready->warnings_count, 0);
    rig_launch(rig, task);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, task->id)->container_exited;
    assert_string_equal(exited->error, "");
    assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION_DISK);
    assert_non_null(strstr(exited->message, of_what));
    assert_int_equal(exited->exit->signal, SIGKILL);
}

static void a_disk_bomb_is_ended(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&measured);

    (void)state;
    expect_killed(rig,
                  &(struct rig_task){.id = "t1",
                                     .shell = "for i in 1 2 3 4; do dd if=/dev/zero of=f$i bs=1M "
                                              "count=8 2>/dev/null; done; sleep 1000",
                                     .resource = "disk",
                                     .resource_mib = 20},
                  "MiB of 20 MiB");
}

/* Without a name nothing finds it but its descriptors. */
static void a_bomb_without_a_name_is_ended(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&measured);

    (void)state;
    rig_skip_unless_cgroups(rig);
    expect_killed(rig,
                  &(struct rig_task){.id = "t1",
                                     .shell = "exec 3>f; rm f; dd if=/dev/zero bs=1M count=32 >&3 "
                                              "2>/dev/null; sleep 1000",
                                     .resource = "disk",
                                     .resource_mib = 20},
                  "MiB of 20 MiB");
}

/* --- tasks that are this program */
static int map_unnamed(void)
{
    int fd = open("mapped", O_RDWR | O_CREAT, 0600);
    char *at;

    if (fd < 0 || ftruncate(fd, 32 * MIB) < 0)
        return 2;
    at = mmap(NULL, (size_t)(32 * MIB), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return 3;
    memset(at, 'x', (size_t)(32 * MIB));
    msync(at, (size_t)(32 * MIB), MS_SYNC);
    unlink("mapped");
    close(fd);
    for (;;)
        pause();
}

static int dig(void)
{
    for (int i = 0; i < 1100; i++)
        if (mkdir("d", 0700) < 0 || chdir("d") < 0)
            return 2;
    for (;;)
        pause();
}

static void a_mapped_bomb_without_a_name_is_ended(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&measured);

    (void)state;
    rig_skip_unless_cgroups(rig);
    expect_killed(rig,
                  &(struct rig_task){.id = "t1",
                                     .argv = ARGV(rig_self_path(), "map"),
                                     .resource = "disk",
                                     .resource_mib = 20},
                  "MiB of 20 MiB");
}

static void a_pit_of_folders_is_ended(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&measured);

    (void)state;
    expect_killed(rig,
                  &(struct rig_task){.id = "t1",
                                     .argv = ARGV(rig_self_path(), "pit"),
                                     .resource = "disk",
                                     .resource_mib = 100},
                  "its folders are nested more than 1000 deep");
}

static void within_its_grant_it_is_measured_and_left_alone(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&measured);
    const struct rig_task task = {.id = "t1",
                                  .shell = "dd if=/dev/zero of=f bs=1M count=8 2>/dev/null; ln f "
                                           "g; ln -s /usr u; sleep 1000",
                                  .resource = "disk",
                                  .resource_mib = 20};
    const struct usage_more *more;

    (void)state;
    rig_launch(rig, &task);
    more = wait_bytes(rig, "t1", 8 * MIB);
    assert_true(more->disk_bytes < 9 * MIB);
    assert_int_equal(more->disk_limit_bytes, 20 * MIB);
    rig_signal(rig, "t1", true);
    assert_int_equal(rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited->limitation, 0);
}

static void it_can_be_reported_only(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&reported);
    const struct rig_task task = {.id = "t1",
                                  .shell =
                                      "dd if=/dev/zero of=f bs=1M count=8 2>/dev/null; sleep 1000",
                                  .resource = "disk",
                                  .resource_mib = 2};

    (void)state;
    rig_launch(rig, &task);
    wait_bytes(rig, "t1", 8 * MIB);
    rig_signal(rig, "t1", true);
    assert_int_equal(rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited->limitation, 0);
}

#define HEAVY_VOLUMES 200
#define HEAVY_DIR     "/." /* where there are large volumes, two names below */

/* Whose measurement takes very long: it has the same large tree many times. Nothing is written there. */
static struct rig_task heavy(const char *id)
{
    static struct volume_link volumes[HEAVY_VOLUMES];
    static char places[HEAVY_VOLUMES][16];

    for (int i = 0; i < HEAVY_VOLUMES; i++) {
        snprintf(places[i], sizeof(places[i]), "v%d", i);
        volumes[i] =
            (struct volume_link){.path = HEAVY_DIR "/usr/lib", .container_path = places[i]};
    }
    return (struct rig_task){
        .id = id, .shell = "echo; sleep 1000", .volumes = volumes, .volumes_count = HEAVY_VOLUMES};
}

/* Its children that measure. */
static int count_workers(const struct rig *rig)
{
    char path[64], name[32];
    int pid, count = 0;
    FILE *children;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", rig->pid, rig->pid);
    children = fopen(path, "re");
    assert_non_null(children);
    while (fscanf(children, "%d", &pid) == 1) {
        FILE *comm;

        snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        comm = fopen(path, "re");
        count += comm && fgets(name, sizeof(name), comm) && !strcmp(name, "proffer-worker\n");
        if (comm)
            fclose(comm);
    }
    fclose(children);
    return count;
}

static void wait_workers(const struct rig *rig, int count)
{
    for (int i = 0; i < LOOKS; i++) {
        if (count_workers(rig) == count)
            return;
        usleep(US);
    }
    fail_msg("there are never %d workers", count);
}

static void who_takes_long_keeps_no_others_waiting(void **state)
{
    static const char *const ids[] = {"h1", "h2", "h3", "h4"};
    const struct rig_plan plan = {
        .also = ARGV("disk/usage"), .options = each_second, .volumes_dir = HEAVY_DIR};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const struct rig_task task = heavy(ids[i]);

        rig_launch(rig, &task);
        rig_wait_file(rig, ids[i], "stdout");
    }
    wait_workers(rig, 4);
    expect_killed(rig,
                  &(struct rig_task){.id = "bomb",
                                     .shell = "dd if=/dev/zero of=f bs=1M count=8 2>/dev/null; "
                                              "sleep 1000",
                                     .resource = "disk",
                                     .resource_mib = 4},
                  "MiB of 4 MiB");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(rig_usage(rig, ids[i])->more->disk_bytes, 0); /* not done yet */
        rig_signal(rig, ids[i], true);
        rig_wait(rig, MSG_CONTAINER_EXITED, ids[i]);
    }
}

/* As one that is being ended is: for as long as something in it cannot be killed. */
static void who_is_not_asked_about_keeps_nobody_waiting(void **state)
{
    char dir[] = "/tmp/proffer-test-XXXXXX";
    const struct isolator_ops *ops = isolator_find("disk/usage");
    const struct isolator_host host = {.options = each_second, .options_count = 1};
    struct isolation want = {.asks = &isolation_asks_nothing, .container_id = "first"};
    struct usage_more more = {0};
    struct usage_info usage = {.more = &more};
    struct limitation limitation = {0};
    void *states[2] = {NULL};
    struct spawn spawn;

    (void)state;
    assert_non_null(mkdtemp(dir));
    CLEANUP(close_fd) int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    kept_open(dir_fd);
    spawn_init(&spawn);
    assert_int_equal(ops->setup(&host, NULL), 0);
    want.sandbox = dir;
    assert_int_equal(ops->prepare(&want, &spawn, &states[0], NULL), 0);
    want.container_id = "second";
    assert_int_equal(ops->prepare(&want, &spawn, &states[1], NULL), 0);
    for (int i = 0; i < LOOKS && !more.disk_files; i++) {
        ops->check(states[1], &limitation);
        ops->usage(states[1], &usage, NULL);
        usleep(US);
    }
    assert_int_not_equal(more.disk_files, 0);
    for (size_t i = 0; i < 2; i++)
        ops->destroy(&states[i]);
    kept_open(-1);
    rig_remove(dir);
}

static const struct label_info in_a_second[] = {{.key = "disk/usage.timeout", .value = "1"},
                                                {NULL, NULL}};

static void who_takes_too_long_is_judged_by_what_was_counted(void **state)
{
    const struct rig_plan plan = {
        .also = ARGV("disk/usage"), .options = in_a_second, .volumes_dir = HEAVY_DIR};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    struct rig_task task = heavy("h1");

    (void)state;
    assert_int_equal(rig->ready.launcher_ready->warnings_count, 0);
    rig_launch(rig, &task);
    wait_bytes(rig, "h1", MIB);
    rig_signal(rig, "h1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "h1");
    task = heavy("h2");
    task.shell = "dd if=/dev/zero of=f bs=1M count=8 2>/dev/null; sleep 1000";
    task.resource = "disk";
    task.resource_mib = 4;
    expect_killed(rig, &task, "MiB of 4 MiB");
}

static void make_volume(struct rig *rig, char *ret_path, size_t size)
{
    assert_int_equal(mkdir(arena_printf(rig->arena, "%s/volumes", rig->dir), 0755), 0);
    assert_int_equal(mkdir(arena_printf(rig->arena, "%s/volumes/role", rig->dir), 0755), 0);
    snprintf(ret_path, size, "%s/volumes/role/v", rig->dir);
    assert_int_equal(mkdir(ret_path, 0755), 0);
}

static void volumes_count_for_themselves(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&reported);
    char path[256];
    struct volume_link volumes[] = {{.path = path, .container_path = "data"}};
    const struct rig_task task = {
        .id = "t1",
        .shell = "dd if=/dev/zero of=data/f bs=1M count=8 2>/dev/null; sleep 1000",
        .resource = "disk",
        .resource_mib = 2,
        .volumes = volumes,
        .volumes_count = 1};
    const struct usage_more *more;

    (void)state;
    make_volume(rig, path, sizeof(path));
    rig_launch(rig, &task);
    more = wait_bytes(rig, "t1", 8 * MIB);
    assert_true(more->volume_bytes >= 8 * MIB);
    assert_true(more->disk_bytes < MIB);
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

/* It is its owner's matter, and may be larger than what the task has. */
static void borrowed_volume_counts_for_its_owner(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&measured);
    char path[256];
    struct volume_link volumes[] = {{.path = path, .container_path = "data", .borrowed = true}};
    const struct rig_task task = {.id = "t1",
                                  .shell = "dd if=/dev/zero of=data/f bs=1M count=8 2>/dev/null; "
                                           "dd if=/dev/zero of=f bs=1M count=2 2>/dev/null; "
                                           "sleep 1000",
                                  .resource = "disk",
                                  .resource_mib = 4,
                                  .volumes = volumes,
                                  .volumes_count = 1};

    (void)state;
    make_volume(rig, path, sizeof(path));
    rig_launch(rig, &task);
    assert_int_equal(wait_bytes(rig, "t1", 2 * MIB)->volume_bytes, 0);
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

static void what_was_granted_outlives_the_launcher_and_can_change(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&measured);
    CLEANUP(rig_destroy) struct rig *next = NULL;
    struct rig_task task = {.id = "t1",
                            .shell = "dd if=/dev/zero of=f bs=1M count=8 2>/dev/null; echo; while "
                                     "[ ! -e go ]; do sleep 0.1; done; sleep 1000",
                            .resource = "disk",
                            .resource_mib = 20};
    const struct msg_container_exited *exited;

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    rig_leave(rig);
    next = rig_again(rig, ARGV("t1"));
    rig_wait(next, MSG_CONTAINER_STARTED, "t1");
    assert_int_equal(wait_bytes(next, "t1", 8 * MIB)->disk_limit_bytes, 20 * MIB);
    task.resource_mib = 4;
    assert_string_equal(rig_update(next, &task), "");
    exited = rig_wait(next, MSG_CONTAINER_EXITED, "t1")->container_exited;
    assert_non_null(strstr(exited->message, "MiB of 4 MiB"));
}

/* Its limits are changed by those that knew it from its start; what would need another is refused. */
static void isolators_that_came_later_keep_no_limit_from_being_changed(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plain = {.isolators = ARGV("cgroup/cpu")};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    CLEANUP(rig_destroy) struct rig *next = NULL;
    struct rig_task task = {.id = "t1", .shell = "echo; sleep 1000"};
    const struct limit_info cpus[] = {{.name = "cpus", .scalar = 2000}};
    const struct limit_info mem[] = {{.name = "mem", .scalar = 256000}};

    (void)state;
    rig_skip_unless_cgroups(rig);
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    rig_leave(rig);
    rig->plan.isolators =
        ARGV("cgroup/cpu", "cgroup/memory", "cgroup/pids", "disk/usage", "network/ports");
    next = rig_again(rig, ARGV("t1"));
    rig_wait(next, MSG_CONTAINER_STARTED, "t1");
    task.limits = cpus;
    task.limits_count = 1;
    assert_string_equal(rig_update(next, &task), "");
    task.limits = mem;
    if (strcmp(next->ready.launcher_ready->cgroups, "v2") != 0) /* one group is all groups there */
        assert_string_equal(rig_update(next, &task),
                            "cgroup/memory: it was started when that was not in use");
    rig_signal(next, "t1", true);
    rig_wait(next, MSG_CONTAINER_EXITED, "t1");
}

/* --- disk/quota ---------------------------------------------------------------------------------- */

static const struct rig_plan limited = {.also = ARGV("linux/capabilities", "disk/quota")};

/* A file system with project quota in a file, mounted at dir; skips the test where there can be none. */
static void mount_quota(const char *dir)
{
    char command[512];

    rig_skip_unless_root();
    snprintf(
        command, sizeof(command),
        "exec >/dev/null 2>&1; cd '%s' && truncate -s 64M ../quota.img && mkfs.ext4 -q -O "
        "quota,project -E "
        "quotatype=prjquota ../quota.img && mount -o loop,prjquota ../quota.img . && chmod 755 .",
        dir);
    if (system(command) == 0)
        return;
    print_message(
        "skip: no ext4 with project quota here (CONFIG_QFMT_V2, loop devices, mkfs.ext4)\n");
    snprintf(command, sizeof(command), "rm -r \"$(dirname '%s')\"", dir);
    assert_int_equal(system(command), 0);
    skip();
}

struct site {
    char top[64], dir[80];
};

static void site_new(struct site *site)
{
    strcpy(site->top, "/tmp/proffer-quota-XXXXXX");
    assert_non_null(mkdtemp(site->top));
    assert_int_equal(chmod(site->top, 0755), 0);
    snprintf(site->dir, sizeof(site->dir), "%s/dir", site->top);
    assert_int_equal(mkdir(site->dir, 0755), 0);
    mount_quota(site->dir);
}

static void site_fini(struct site *site)
{
    char command[256];

    snprintf(command, sizeof(command), "umount '%s'; rm -r '%s'", site->dir, site->top);
    assert_int_equal(system(command), 0);
}

static const char *run_out(struct rig *rig, const struct rig_task *task)
{
    const struct msg_container_exited *exited = rig_run(rig, task);

    assert_string_equal(exited->error, "");
    return rig_read(rig, task->id, "stdout");
}

#define FILLS                                                                                      \
    "dd if=/dev/zero of=f bs=1M count=8 2>&1 | grep -o 'Disk quota exceeded'; "                    \
    "stat -c %s f | awk '{print int($1/1048576 + 0.5)}'"

static void a_write_beyond_the_quota_fails(void **state)
{
    struct site site;

    (void)state;
    site_new(&site);
    struct rig_plan plan = limited;

    plan.dir = site.dir;
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
        struct rig_task task = {.id = "t1", .shell = FILLS, .resource = "disk", .resource_mib = 4};

        assert_int_equal(rig->ready.launcher_ready->warnings_count, 0);
        assert_string_equal(run_out(rig, &task), "Disk quota exceeded\n4\n");
        task.id = "t2"; /* another project: what the first has written is not its own */
        task.resource_mib = 6;
        task.user = "nobody";
        assert_string_equal(run_out(rig, &task), "Disk quota exceeded\n6\n");
        task.id = "t3";
        task.resource = NULL; /* nothing granted: no limit */
        assert_string_equal(run_out(rig, &task), "8\n");
    }
    site_fini(&site);
}

static void its_files_stay_of_its_project(void **state)
{
    struct site site;

    (void)state;
    site_new(&site);
    struct rig_plan plan = limited;

    plan.dir = site.dir;
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
        const struct rig_task task = {.id = "t1",
                                      .shell = "mkdir d; chattr -p 0 d 2>/dev/null && echo given; "
                                               "chattr -P . 2>/dev/null && echo cleared; "
                                               "lsattr -pd d | awk '{print $1}'",
                                      .resource = "disk",
                                      .resource_mib = 4,
                                      .user = "nobody"};

        assert_string_equal(run_out(rig, &task), "1000000\n");
    }
    site_fini(&site);
}

static void a_quota_outlives_the_launcher_and_can_change(void **state)
{
    struct site site;

    (void)state;
    site_new(&site);
    struct rig_plan plan = limited;

    plan.dir = site.dir;
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
        CLEANUP(rig_destroy) struct rig *next = NULL;
        struct rig_task task = {.id = "t1",
                                .shell = "dd if=/dev/zero of=a bs=1M count=2 2>/dev/null; echo; "
                                         "while [ ! -e go ]; do sleep 0.1; done; " FILLS,
                                .resource = "disk",
                                .resource_mib = 4};
        const struct rig_task other = {.id = "t2",
                                       .shell = "lsattr -pd . | awk '{print $1}'",
                                       .resource = "disk",
                                       .resource_mib = 4};

        rig_launch(rig, &task);
        rig_wait_file(rig, "t1", "stdout");
        rig_leave(rig);
        next = rig_again(rig, ARGV("t1"));
        rig_wait(next, MSG_CONTAINER_STARTED, "t1");
        assert_string_equal(run_out(next, &other), "1000001\n"); /* the first one's is taken */
        task.resource_mib = 7;
        assert_string_equal(rig_update(next, &task), "");
        assert_true(rig_usage(next, "t1")->more->disk_bytes >= 2 * MIB);
        assert_int_equal(rig_usage(next, "t1")->more->disk_limit_bytes, 7 * MIB);
        rig_write(next, "t1", "go");
        rig_wait(next, MSG_CONTAINER_EXITED, "t1");
        assert_string_equal(rig_read(next, "t1", "stdout"), "\nDisk quota exceeded\n5\n");
    }
    site_fini(&site);
}

/* The folders above a volume's place are made before its process is. */
static void folders_above_a_volume_are_of_its_project(void **state)
{
    struct site site;

    (void)state;
    site_new(&site);
    struct rig_plan plan = limited;

    plan.dir = site.dir;
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
        char path[256];
        struct volume_link volumes[] = {{.path = path, .container_path = "a/b/data"}};
        const struct rig_task task = {.id = "t1",
                                      .shell = "lsattr -pd a a/b | awk '{print $1}'",
                                      .resource = "disk",
                                      .resource_mib = 4,
                                      .user = "nobody",
                                      .volumes = volumes,
                                      .volumes_count = 1};

        assert_int_equal(mkdir(arena_printf(rig->arena, "%s/volumes", rig->dir), 0755), 0);
        assert_int_equal(mkdir(arena_printf(rig->arena, "%s/volumes/role", rig->dir), 0755), 0);
        snprintf(path, sizeof(path), "%s/volumes/role/v", rig->dir);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_string_equal(run_out(rig, &task), "1000000\n1000000\n");
    }
    site_fini(&site);
}

/* The shim is root, who is above quotas on some file systems. */
static void what_a_task_says_counts_too(void **state)
{
    struct site site;

    (void)state;
    site_new(&site);
    struct rig_plan plan = limited;

    plan.dir = site.dir;
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
        struct rig_task task = {.id = "t1",
                                .shell = "dd if=/dev/zero bs=1M count=8",
                                .resource = "disk",
                                .resource_mib = 4};
        struct stat info;

        assert_string_equal(rig_run(rig, &task)->error, "");
        assert_int_equal(stat(rig_path(rig, "t1", "stdout"), &info), 0);
        assert_true(info.st_blocks * 512 <= 4 * MIB);
        task.id = "t2";
        task.user = "nobody";
        assert_string_equal(rig_run(rig, &task)->error, "");
        assert_int_equal(stat(rig_path(rig, "t2", "stdout"), &info), 0);
        assert_true(info.st_blocks * 512 <= 4 * MIB);
    }
    site_fini(&site);
}

/* And what is fetched for a task that is root. */
static void what_is_fetched_counts_too(void **state)
{
    struct site site;
    const struct fetcher_info settings = {.cache_dir = "",
                                          .files = ARGV("/tmp"),
                                          .files_count = 1,
                                          .ca_file = "",
                                          .max_bytes = 16 * MIB,
                                          .timeout_ms = 60000};
    char path[128], command[256];

    (void)state;
    site_new(&site);
    struct rig_plan plan = limited;

    plan.dir = site.dir;
    plan.fetcher = &settings;
    snprintf(path, sizeof(path), "%s/data", site.top);
    snprintf(command, sizeof(command), "dd if=/dev/zero of=%s bs=1M count=8 2>/dev/null", path);
    assert_int_equal(system(command), 0);
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
        const struct rig_task task = {.id = "t1",
                                      .shell = "true",
                                      .resource = "disk",
                                      .resource_mib = 4,
                                      .uris = &(struct uri_info){.value = path},
                                      .uris_count = 1};

        assert_non_null(strstr(rig_run(rig, &task)->error, "Disk quota exceeded"));
    }
    site_fini(&site);
}

static const struct label_info two_projects[] = {{.key = "disk/quota.projects", .value = "70-71"},
                                                 {NULL, NULL}};

static void a_project_id_is_free_when_its_sandbox_is_gone(void **state)
{
    struct site site;

    (void)state;
    site_new(&site);
    struct rig_plan plan = limited;

    plan.dir = site.dir;
    plan.options = two_projects;
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
        struct rig_task task = {.id = "t1", .shell = "lsattr -pd . | awk '{print $1}'"};

        assert_string_equal(run_out(rig, &task), "70\n");
        task.id = "t2";
        assert_string_equal(run_out(rig, &task), "71\n");
        task.id = "t3";
        assert_non_null(
            strstr(rig_run(rig, &task)->error, "all 2 project ids belong to sandboxes"));
        rig_remove(rig_path(rig, "t1", ""));
        task.id = "t4";
        assert_string_equal(run_out(rig, &task), "70\n");
    }
    site_fini(&site);
}

static void without_project_quota_it_says_what_to_mount(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&limited);

    (void)state;
    assert_non_null(strstr(rig->ready.launcher_ready->warnings[0], "disk/quota is not used: "));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_bomb_is_ended),
        cmocka_unit_test(a_bomb_without_a_name_is_ended),
        cmocka_unit_test(a_mapped_bomb_without_a_name_is_ended),
        cmocka_unit_test(a_pit_of_folders_is_ended),
        cmocka_unit_test(within_its_grant_it_is_measured_and_left_alone),
        cmocka_unit_test(it_can_be_reported_only),
        cmocka_unit_test(who_takes_long_keeps_no_others_waiting),
        cmocka_unit_test(who_is_not_asked_about_keeps_nobody_waiting),
        cmocka_unit_test(who_takes_too_long_is_judged_by_what_was_counted),
        cmocka_unit_test(volumes_count_for_themselves),
        cmocka_unit_test(borrowed_volume_counts_for_its_owner),
        cmocka_unit_test(what_was_granted_outlives_the_launcher_and_can_change),
        cmocka_unit_test(isolators_that_came_later_keep_no_limit_from_being_changed),
        cmocka_unit_test(a_write_beyond_the_quota_fails),
        cmocka_unit_test(its_files_stay_of_its_project),
        cmocka_unit_test(a_quota_outlives_the_launcher_and_can_change),
        cmocka_unit_test(folders_above_a_volume_are_of_its_project),
        cmocka_unit_test(what_a_task_says_counts_too),
        cmocka_unit_test(what_is_fetched_counts_too),
        cmocka_unit_test(a_project_id_is_free_when_its_sandbox_is_gone),
        cmocka_unit_test(without_project_quota_it_says_what_to_mount),
    };

    if (argc > 1)
        return strcmp(argv[1], "pit") == 0 ? dig() : map_unnamed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
