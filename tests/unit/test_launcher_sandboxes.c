/* COLLECT_SANDBOXES in a real launcher: whose sandbox goes, and whose stays. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/launcher_rig.h"

static const struct rig_plan plain;

static const struct msg_sandboxes_collected *collect(struct rig *rig, int64_t ended_before_us)
{
    const char *dir = arena_printf(rig->arena, "%s/sandboxes", rig->dir);

    rig_send(rig, &MESSAGE(COLLECT_SANDBOXES, collect_sandboxes, .sandboxes_dir = dir,
                           .ended_before_us = ended_before_us));
    return rig_wait(rig, MSG_SANDBOXES_COLLECTED, NULL)->sandboxes_collected;
}

/* Everything that has ended by now. */
static const struct msg_sandboxes_collected *collect_all(struct rig *rig)
{
    return collect(rig, clock_now().wall_us + 1);
}

static void ended_one_goes_and_live_one_stays(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_sandboxes_collected *answer;

    (void)state;
    rig_run(rig, &(struct rig_task){.id = "old", .shell = "head -c 100000 /dev/zero >file"});
    rig_launch(rig, &(struct rig_task){.id = "live", .shell = "exec sleep 1000"});
    rig_wait(rig, MSG_CONTAINER_STARTED, "live");
    answer = collect_all(rig);
    assert_int_equal(answer->removed, 1);
    assert_true(answer->removed_bytes >= 100000);
    assert_int_equal(answer->left, 1);
    assert_int_equal(answer->failed, 0);
    assert_string_equal(answer->error, "");
    assert_false(rig_has(rig, "old", "."));
    assert_true(rig_has(rig, "live", "stdout"));
    rig_signal(rig, "live", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "live");
    answer = collect_all(rig);
    assert_int_equal(answer->removed, 1);
    assert_int_equal(answer->left, 0);
    assert_int_equal(answer->oldest_us, 0);
    /* The framework's folder too, and a new task makes it again. */
    assert_false(rig_has(rig, "..", "f1"));
    assert_int_equal(rig_run(rig, &(struct rig_task){.id = "new", .shell = "true"})->exit->code, 0);
    assert_true(rig_has(rig, "new", "stdout"));
}

/* It lives in a Docker Engine, as far as the launcher is told. */
static void one_that_is_to_be_kept_stays(void **state)
{
    static const char *const keep[] = {"another", "docker"};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_sandboxes_collected *answer;

    (void)state;
    rig_run(rig, &(struct rig_task){.id = "docker", .shell = "true"});
    rig_run(rig, &(struct rig_task){.id = "old", .shell = "true"});
    rig_send(rig,
             &MESSAGE(COLLECT_SANDBOXES, collect_sandboxes,
                      .sandboxes_dir = arena_printf(rig->arena, "%s/sandboxes", rig->dir),
                      .ended_before_us = clock_now().wall_us + 1, .keep = keep, .keep_count = 2));
    answer = rig_wait(rig, MSG_SANDBOXES_COLLECTED, NULL)->sandboxes_collected;
    assert_int_equal(answer->removed, 1);
    assert_int_equal(answer->left, 1);
    assert_true(rig_has(rig, "docker", "stdout"));
}

static void younger_one_stays_and_says_its_age(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_sandboxes_collected *answer;
    int64_t before_us;

    (void)state;
    rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true"});
    before_us = clock_now().wall_us;
    answer = collect(rig, before_us - (int64_t)60 * US_PER_S);
    assert_int_equal(answer->removed, 0);
    assert_int_equal(answer->left, 1);
    assert_in_range(answer->oldest_us, before_us - (int64_t)30 * US_PER_S, before_us);
}

/* What its task did to the folder's times does not count: forgetting it sets the one that nobody can set. */
static void age_begins_when_the_container_is_forgotten(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_sandboxes_collected *answer;
    int64_t before_us;

    (void)state;
    rig_run(rig, &(struct rig_task){.id = "t1", .shell = "touch -d 2001-01-01 ."});
    before_us = clock_now().wall_us;
    rig_send(rig, &MESSAGE(FORGET_CONTAINER, forget_container, .container_id = "t1",
                           .sandbox = arena_printf(rig->arena, "%s/sandboxes/f1/t1", rig->dir)));
    answer = collect(rig, before_us - (int64_t)20000);
    assert_int_equal(answer->removed, 0);
    assert_true(answer->oldest_us >=
                before_us - 20000); /* the kernel's clock of files is a tick late */
    assert_int_equal(collect_all(rig)->removed, 1);
}

static void next_launcher_goes_on(void **state)
{
    CLEANUP(rig_destroy) struct rig *first = rig_new(&plain);
    CLEANUP(rig_destroy) struct rig *second = NULL;
    const struct msg_sandboxes_collected *answer;

    (void)state;
    rig_run(first, &(struct rig_task){.id = "old", .shell = "true"});
    rig_launch(first, &(struct rig_task){.id = "live", .shell = "exec sleep 1000"});
    rig_wait(first, MSG_CONTAINER_STARTED, "live");
    rig_leave(first);
    second = rig_again(first, ARGV("live"));
    answer = collect_all(second);
    assert_int_equal(answer->removed, 1);
    assert_int_equal(answer->left, 1);
    assert_true(rig_has(second, "live", "stdout"));
    rig_signal(second, "live", true);
    rig_wait(second, MSG_CONTAINER_EXITED, "live");
}

/* A task's leavings of all kinds, of another user's too, and what is no sandbox stays. */
static void hostile_leavings_go_and_other_things_stay(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_sandboxes_collected *answer;
    char link[300];

    (void)state;
    rig_run(rig, &(struct rig_task){.id = "t1",
                                    .shell = "mkdir a; ln -s / a/root; ln -s .. up; mkfifo pipe;"
                                             "chmod 0 a; mkdir -p x/x/x/x/x/x; touch ./-rf"});
    snprintf(link, sizeof(link), "%s/sandboxes/f1/link", rig->dir);
    assert_int_equal(symlink("/etc", link), 0);
    rig_write(rig, "..", "f1/file");
    answer = collect_all(rig);
    assert_int_equal(answer->removed, 1);
    assert_string_equal(answer->error, "");
    assert_false(rig_has(rig, "t1", "."));
    assert_true(rig_has(rig, "..", "f1/file"));
    assert_int_equal(access("/etc/passwd", F_OK), 0);
}

/* Of a container that somebody else holds. */
static void what_the_agent_names_stays(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const char *const keep[] = {"t1"};

    (void)state;
    rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true"});
    rig_send(rig,
             &MESSAGE(COLLECT_SANDBOXES, collect_sandboxes,
                      .sandboxes_dir = arena_printf(rig->arena, "%s/sandboxes", rig->dir),
                      .ended_before_us = clock_now().wall_us + 1, .keep = keep, .keep_count = 1));
    assert_int_equal(rig_wait(rig, MSG_SANDBOXES_COLLECTED, NULL)->sandboxes_collected->left, 1);
    assert_true(rig_has(rig, "t1", "stdout"));
}

static void launcher_works_while_it_collects(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);

    (void)state;
    rig_run(rig,
            &(struct rig_task){
                .id = "big", .shell = "i=0; while [ $i -lt 3000 ]; do mkdir $i; i=$((i+1)); done"});
    rig_send(rig, &MESSAGE(COLLECT_SANDBOXES, collect_sandboxes,
                           .sandboxes_dir = arena_printf(rig->arena, "%s/sandboxes", rig->dir),
                           .ended_before_us = clock_now().wall_us + 1));
    for (int i = 0; i < 5; i++)
        assert_int_equal(rig_run(rig, &(struct rig_task){.id = arena_printf(rig->arena, "t%d", i),
                                                         .shell = "true"})
                             ->exit->code,
                         0);
    assert_true(rig_wait(rig, MSG_SANDBOXES_COLLECTED, NULL)->sandboxes_collected->removed >= 1);
    assert_false(rig_has(rig, "big", "."));
}

static void folder_that_is_not_there_is_an_error(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct msg_sandboxes_collected *answer;

    (void)state;
    rig_send(rig, &MESSAGE(COLLECT_SANDBOXES, collect_sandboxes, .sandboxes_dir = "/nowhere/at/all",
                           .ended_before_us = 1));
    answer = rig_wait(rig, MSG_SANDBOXES_COLLECTED, NULL)->sandboxes_collected;
    assert_non_null(strstr(answer->error, "/nowhere/at"));
}

static void launcher_that_ends_takes_its_helper_with_it(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);

    (void)state;
    rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true"});
    rig_send(rig, &MESSAGE(COLLECT_SANDBOXES, collect_sandboxes,
                           .sandboxes_dir = arena_printf(rig->arena, "%s/sandboxes", rig->dir),
                           .ended_before_us = clock_now().wall_us + 1));
    /* rig_destroy waits for the launcher's end, and looks for what is left. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ended_one_goes_and_live_one_stays),
        cmocka_unit_test(one_that_is_to_be_kept_stays),
        cmocka_unit_test(younger_one_stays_and_says_its_age),
        cmocka_unit_test(age_begins_when_the_container_is_forgotten),
        cmocka_unit_test(next_launcher_goes_on),
        cmocka_unit_test(hostile_leavings_go_and_other_things_stay),
        cmocka_unit_test(what_the_agent_names_stays),
        cmocka_unit_test(launcher_works_while_it_collects),
        cmocka_unit_test(folder_that_is_not_there_is_an_error),
        cmocka_unit_test(launcher_that_ends_takes_its_helper_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
