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
                                     .shell = "i=0; while [ $i -lt 1100 ]; do mkdir d; cd d; "
                                              "i=$((i+1)); done; sleep 1000",
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
    snprintf(path, sizeof(path), "%s/volume", rig->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    rig_launch(rig, &task);
    more = wait_bytes(rig, "t1", 8 * MIB);
    assert_true(more->volume_bytes >= 8 * MIB);
    assert_true(more->disk_bytes < MIB);
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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_bomb_is_ended),
        cmocka_unit_test(a_bomb_without_a_name_is_ended),
        cmocka_unit_test(a_mapped_bomb_without_a_name_is_ended),
        cmocka_unit_test(a_pit_of_folders_is_ended),
        cmocka_unit_test(within_its_grant_it_is_measured_and_left_alone),
        cmocka_unit_test(it_can_be_reported_only),
        cmocka_unit_test(volumes_count_for_themselves),
        cmocka_unit_test(what_was_granted_outlives_the_launcher_and_can_change),
    };

    (void)argv;
    return argc > 1 ? map_unnamed() : cmocka_run_group_tests(tests, NULL, NULL);
}
