/* proffer-docker's core beside an Engine that answers, refuses, hangs, forgets and lies. */
#include "tests/unit/dock_fixture.h"

#include <stdio.h>
#include <string.h>

static const struct msg_container_exited *end_of(const struct dock_bench *bench, const char *id)
{
    const struct message *told = bench_told(bench, MSG_CONTAINER_EXITED, id);

    return told ? told->container_exited : NULL;
}

static struct dock_bench *running(const char *id)
{
    struct dock_bench *bench = bench_new(NULL);

    bench_work(bench);
    bench_launch(bench, id);
    bench_work(bench);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, id));
    return bench;
}

/* --- the way of one ----------------------------------------------------------------------------- */

static void it_says_ready_when_the_engine_has_answered(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);
    const struct msg_docker_ready *ready;

    (void)state;
    bench_work(bench);
    ready = bench_told(bench, MSG_DOCKER_READY, "")->docker_ready;
    assert_true(ready->engine->up);
    assert_string_equal(ready->engine->version, "20.10");
    assert_string_equal(ready->engine->api_version, "1.41");
    assert_int_equal(bench_asked(bench, CALL_EVENTS), 1);
}

static void it_says_ready_without_an_engine_too(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);
    const struct msg_docker_ready *ready;

    (void)state;
    bench->mood = MOOD_REFUSES;
    bench_work(bench);
    ready = bench_told(bench, MSG_DOCKER_READY, "")->docker_ready;
    assert_false(ready->engine->up);
    assert_string_equal(ready->engine->problem, "connection refused");
}

static void a_container_starts_ends_and_is_removed_when_it_is_forgotten(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    assert_int_equal(bench_told(bench, MSG_CONTAINER_STARTED, "t.1")->container_started->pid, 77);
    bench_end_box(bench, "t.1", 7);
    assert_exit(bench, "t.1", 7);
    assert_int_equal(end_of(bench, "t.1")->stdout_bytes, 3);
    assert_non_null(bench_box(bench, "t.1")); /* the record of its end */
    bench_forget(bench, "t.1");
    bench_work(bench);
    assert_null(bench_box(bench, "t.1"));
    assert_int_equal(dock_count(bench->dock), 0);
}

static void an_exit_code_above_128_is_a_signal(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_end_box(bench, "t.1", 137);
    assert_int_equal(end_of(bench, "t.1")->exit->signal, 9);
    assert_int_equal(end_of(bench, "t.1")->exit->code, 0);
}

static void the_end_by_memory_is_a_limitation_with_its_text(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_box(bench, "t.1")->oom = true;
    bench_end_box(bench, "t.1", 137);
    assert_int_equal(end_of(bench, "t.1")->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
    assert_non_null(strstr(end_of(bench, "t.1")->message, "64 MiB"));
}

static void one_that_survives_the_death_of_a_child_by_memory_finishes(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_box(bench, "t.1")->oom = true;
    bench_end_box(bench, "t.1", 0);
    assert_int_equal(end_of(bench, "t.1")->limitation, 0);
    assert_exit(bench, "t.1", 0);
}

static void a_command_that_is_not_there_fails_with_127_and_the_engines_words(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench->start_error = "exec: \"x\": executable file not found in $PATH: unknown";
    bench->start_status = 400;
    bench_launch(bench, "t.1");
    bench_work(bench);
    assert_exit(bench, "t.1", 127);
    assert_string_equal(end_of(bench, "t.1")->error, bench->start_error);
    assert_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
    bench_forget(bench, "t.1");
    bench_work(bench);
    assert_null(bench_box(bench, "t.1"));
}

static void what_is_not_allowed_fails_before_anything_is_asked_of_the_engine(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    err_set(&bench->refusal, -1, "no devices here");
    bench_launch(bench, "t.1");
    bench_work(bench);
    assert_string_equal(end_of(bench, "t.1")->error, "no devices here");
    assert_int_equal(bench->calls_of[CALL_CREATE], 0);
    assert_int_equal(dock_count(bench->dock), 0);
}

static void the_name_of_a_stranger_is_left_alone(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_add_box(bench, "t.1", SEEN_RUNNING, 0);
    snprintf(bench_box(bench, "t.1")->owner, 64, "somebody");
    bench_launch(bench, "t.1");
    bench_work(bench);
    assert_non_null(strstr(end_of(bench, "t.1")->error, "another container of the name"));
    bench_forget(bench, "t.1");
    bench_work(bench);
    assert_int_equal(bench_box(bench, "t.1")->state, SEEN_RUNNING);
}

/* --- kill --------------------------------------------------------------------------------------- */

static void a_polite_end_is_the_images_signal_and_then_comes_sigkill(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_signal(bench, "t.1", false);
    assert_int_equal(bench_asked(bench, CALL_KILL), 1);
    for (size_t i = 0; i < BENCH_CALLS; i++)
        if (bench->asked[i].number && bench->asked[i].kind == CALL_KILL)
            assert_string_equal(bench->asked[i].signal, "SIGQUIT");
    bench_work(bench);
    assert_null(end_of(bench, "t.1"));
    bench_signal(bench, "t.1", true);
    bench_work(bench);
    bench_pass(bench, 1000);
    assert_int_equal(end_of(bench, "t.1")->exit->signal, 9);
}

static void a_kill_that_was_not_answered_is_sent_again(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench->mood = MOOD_HANGS;
    bench_signal(bench, "t.1", true);
    bench_pass(bench, 120000);
    assert_null(end_of(bench, "t.1"));
    bench->mood = MOOD_WELL;
    bench_pass(bench, 20000);
    assert_int_equal(end_of(bench, "t.1")->exit->signal, 9);
}

static void a_kill_that_fails_while_it_is_looked_at_is_sent_again(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_signal(bench, "t.1", true);
    dock_on_event(bench->dock, bench->now, "t.1"); /* so it is looked at */
    bench_break(bench, MOOD_WELL);                 /* both answers are lost */
    bench_pass(bench, 30000);
    assert_int_equal(end_of(bench, "t.1")->exit->signal, 9);
}

static void one_that_is_killed_before_it_is_made_is_never_made(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench->mood = MOOD_REFUSES;
    bench_pass(bench, 6000);
    bench_launch(bench, "t.1");
    bench_signal(bench, "t.1", true);
    assert_non_null(end_of(bench, "t.1"));
    bench->mood = MOOD_WELL;
    bench_pass(bench, 20000);
    assert_null(bench_box(bench, "t.1"));
}

static void one_that_is_killed_while_it_is_made_is_not_started(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch(bench, "t.1");
    assert_int_equal(bench_asked(bench, CALL_CREATE), 1);
    bench_signal(bench, "t.1", true);
    bench_work(bench);
    assert_non_null(end_of(bench, "t.1"));
    assert_int_equal(bench->calls_of[CALL_START], 0);
}

/* --- an engine that goes away ------------------------------------------------------------------- */

static void nothing_fails_because_the_engine_was_restarted(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_break(bench, MOOD_REFUSES);
    bench_pass(bench, 3600000);
    assert_null(end_of(bench, "t.1"));
    assert_false(bench_told(bench, MSG_CHANGE_ENGINE, "")->change_engine->engine->up);
    bench->mood = MOOD_WELL;
    bench_pass(bench, 10000);
    assert_true(bench_told(bench, MSG_CHANGE_ENGINE, "")->change_engine->engine->up);
    assert_null(end_of(bench, "t.1"));
    assert_int_equal(bench_told_count(bench, MSG_CONTAINER_STARTED, "t.1"), 1);
    assert_int_equal(bench_asked(bench, CALL_LOGS), 1); /* its output goes on */
    bench_end_box(bench, "t.1", 0);
    assert_exit(bench, "t.1", 0);
}

static void what_ended_while_the_engine_was_away_is_told_as_it_was(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_break(bench, MOOD_REFUSES);
    bench_end_box_silently(bench, "t.1", 5);
    bench_pass(bench, 30000);
    bench->mood = MOOD_WELL;
    bench_pass(bench, 10000);
    assert_exit(bench, "t.1", 5);
    assert_int_equal(bench_told_count(bench, MSG_CONTAINER_EXITED, "t.1"), 1);
}

static void the_rest_of_its_output_is_read_when_the_engine_is_back(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_break(bench, MOOD_WELL); /* its log is cut off, */
    bench_end_box_silently(bench, "t.1", 5);
    dock_on_event(bench->dock, bench->now, "t.1");
    while (!bench->calls_of[CALL_LOGS] || !bench_asked(bench, CALL_LOGS))
        if (!bench_step(bench))
            bench_pass(bench, 100);
    bench_break(bench, MOOD_REFUSES); /* and so is the rest of it */
    bench_pass(bench, 5000);
    assert_null(end_of(bench, "t.1"));
    bench->mood = MOOD_WELL;
    bench_pass(bench, 20000);
    assert_exit(bench, "t.1", 5);
    assert_true(bench->calls_of[CALL_LOGS] >= 3);
}

static void an_engine_that_hangs_is_waited_for(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench->mood = MOOD_HANGS;
    bench_pass(bench, 300000);
    assert_false(dock_engine(bench->dock)->up);
    assert_null(end_of(bench, "t.1"));
    bench->mood = MOOD_WELL;
    bench_pass(bench, 20000);
    assert_true(dock_engine(bench->dock)->up);
    assert_null(end_of(bench, "t.1"));
}

static void new_tasks_wait_for_an_engine_that_is_restarted(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_break(bench, MOOD_REFUSES);
    bench_pass(bench, 10000);
    bench_launch(bench, "t.1");
    bench_pass(bench, 10000);
    assert_null(end_of(bench, "t.1"));
    bench->mood = MOOD_WELL;
    bench_pass(bench, 10000);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
}

static void new_tasks_fail_when_patience_is_over_and_at_once_after_that(void **state)
{
    const struct msg_docker_configure configure = {.patience_ms = 30000};
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(&configure);

    (void)state;
    bench_work(bench);
    bench_break(bench, MOOD_REFUSES);
    bench_pass(bench, 6000);
    bench_launch(bench, "t.1");
    bench_pass(bench, 40000);
    assert_non_null(strstr(end_of(bench, "t.1")->error, "does not answer"));
    bench_launch(bench, "t.2");
    assert_non_null(strstr(end_of(bench, "t.2")->error, "there is no Docker Engine"));
}

static void tasks_fail_at_once_when_there_never_was_an_engine(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench->mood = MOOD_REFUSES;
    bench_work(bench);
    bench_launch(bench, "t.1");
    assert_non_null(strstr(end_of(bench, "t.1")->error, "/run/docker.sock"));
}

static void a_create_that_was_not_answered_makes_no_second_container(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch(bench, "t.1");
    bench_add_box(bench, "t.1", SEEN_CREATED, 0); /* it was done */
    bench_break(bench, MOOD_WELL);                /* and its answer lost */
    bench_pass(bench, 10000);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
    assert_int_equal(bench_box(bench, "t.1")->starts, 1);
}

static void an_end_without_an_event_is_found(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_end_box_silently(bench, "t.1", 4);
    bench_pass(bench, 15000);
    assert_exit(bench, "t.1", 4);
}

static void one_that_somebody_else_removed_is_told_of_as_not_seen(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_box(bench, "t.1")->is_there = false;
    bench_pass(bench, 15000);
    assert_null(end_of(bench, "t.1")->exit);
    assert_non_null(strstr(end_of(bench, "t.1")->error, "by somebody else"));
    assert_false(end_of(bench, "t.1")->never_launched);
}

/* --- a process that dies ------------------------------------------------------------------------ */

static void containers_are_adopted_by_the_next_process(void **state)
{
    static const char *const ids[] = {"t.1", "t.2", "t.3", "t.4"};
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_add_box(bench, "t.2", SEEN_EXITED, 6);
    bench_add_box(bench, "t.3", SEEN_CREATED, 0);
    bench_reborn(bench, ids, 4);
    bench_pass(bench, 1000);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
    assert_int_equal(bench_asked(bench, CALL_LOGS), 1);
    assert_exit(bench, "t.2", 6);
    assert_true(end_of(bench, "t.3")->never_launched);
    assert_true(end_of(bench, "t.4")->never_launched);
    bench_end_box(bench, "t.1", 0);
    assert_exit(bench, "t.1", 0);
}

static void containers_are_adopted_when_the_engine_comes_later(void **state)
{
    static const char *const ids[] = {"t.1"};
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench->mood = MOOD_REFUSES;
    bench_reborn(bench, ids, 1);
    bench_pass(bench, 600000);
    assert_null(end_of(bench, "t.1"));
    bench->mood = MOOD_WELL;
    bench_pass(bench, 10000);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
}

static void what_nobody_knows_of_is_removed_and_what_is_not_ours_stays(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_add_box(bench, "other", SEEN_RUNNING, 0);
    snprintf(bench_box(bench, "other")->owner, 64, "agent-2");
    bench_reborn(bench, NULL, 0);
    bench_pass(bench, 1000);
    assert_null(bench_box(bench, "t.1"));
    assert_non_null(bench_box(bench, "other"));
    bench_add_box(bench, "late", SEEN_CREATED, 0); /* a create that had been on its way */
    bench_pass(bench, 15000);
    assert_null(bench_box(bench, "late"));
    assert_int_equal(bench_told_count(bench, MSG_CONTAINER_EXITED, ""), 0);
}

static void when_the_agent_leaves_all_are_removed(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_launch(bench, "t.2");
    dock_on_order(bench->dock, bench->now, &MESSAGE(LAUNCHER_END, launcher_end, .reason = "bye"));
    bench_work(bench);
    assert_true(bench->is_over);
    assert_int_equal(bench->over_code, 0);
    assert_null(bench_box(bench, "t.1"));
}

static void the_end_does_not_wait_for_an_engine_that_is_away(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_break(bench, MOOD_REFUSES);
    bench_pass(bench, 6000);
    dock_on_order(bench->dock, bench->now, &MESSAGE(LAUNCHER_END, launcher_end, .reason = "bye"));
    assert_true(bench->is_over);
    assert_int_equal(bench->over_code, 1);
}

/* --- chance ------------------------------------------------------------------------------------- */

#define LOTS 12

static void mess_about(struct dock_bench *bench, struct rng *rng)
{
    char id[16];

    snprintf(id, sizeof(id), "t.%d", (int)(rng_next(rng) % LOTS));
    switch (rng_next(rng) % 8) {
    case 0:
    case 1:
        bench_launch_image(bench, id, rng_next(rng) % 3 ? "busybox" : "new:1", 0);
        break;
    case 2:
        bench_signal(bench, id, rng_next(rng) % 2);
        break;
    case 3:
        if (bench_box(bench, id) && bench_box(bench, id)->state == SEEN_RUNNING)
            bench_end_box_silently(bench, id, (int64_t)(rng_next(rng) % 3));
        break;
    case 4:
        dock_on_event(bench->dock, bench->now, id);
        break;
    case 5:
        bench_break(bench, (enum engine_mood)(rng_next(rng) % 3));
        break;
    case 6:
        bench->mood = MOOD_WELL;
        break;
    default:
        bench_pass(bench, (int64_t)(rng_next(rng) % 20000));
    }
}

/* Whatever happens: no container runs twice, each has one end at most, and once the engine is well and all is
 * killed and forgotten, nothing is left. */
static void nothing_is_lost_by_chance(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);
        struct rng rng = {.state = seed};
        char id[16];

        bench->rng.state = seed;
        bench->lose_answer = 10;
        for (int i = 0; i < 150 && bench->told_count < BENCH_TOLD - 200; i++) {
            mess_about(bench, &rng);
            for (uint64_t steps = rng_next(&rng) % 10; steps > 0; steps--)
                bench_step(bench);
        }
        bench->lose_answer = 0;
        bench->mood = MOOD_WELL;
        bench->told_count = 0;
        for (int round = 0; round < 3; round++) {
            bench_pass(bench, 400000);
            for (int i = 0; i < LOTS; i++) {
                snprintf(id, sizeof(id), "t.%d", i);
                bench_signal(bench, id, true);
                bench_pass(bench, 2000);
                bench_forget(bench, id);
            }
        }
        bench_pass(bench, 60000);
        if (dock_count(bench->dock))
            fail_msg("seed %d: %zu are left", (int)seed, dock_count(bench->dock));
        for (size_t i = 0; i < BENCH_BOXES; i++)
            if (bench->boxes[i].is_there || bench->boxes[i].starts > 1)
                fail_msg("seed %d: %s is left, started %d times", (int)seed, bench->boxes[i].name,
                         bench->boxes[i].starts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_ready_when_the_engine_has_answered),
        cmocka_unit_test(it_says_ready_without_an_engine_too),
        cmocka_unit_test(a_container_starts_ends_and_is_removed_when_it_is_forgotten),
        cmocka_unit_test(an_exit_code_above_128_is_a_signal),
        cmocka_unit_test(the_end_by_memory_is_a_limitation_with_its_text),
        cmocka_unit_test(one_that_survives_the_death_of_a_child_by_memory_finishes),
        cmocka_unit_test(a_command_that_is_not_there_fails_with_127_and_the_engines_words),
        cmocka_unit_test(what_is_not_allowed_fails_before_anything_is_asked_of_the_engine),
        cmocka_unit_test(the_name_of_a_stranger_is_left_alone),
        cmocka_unit_test(a_polite_end_is_the_images_signal_and_then_comes_sigkill),
        cmocka_unit_test(a_kill_that_was_not_answered_is_sent_again),
        cmocka_unit_test(a_kill_that_fails_while_it_is_looked_at_is_sent_again),
        cmocka_unit_test(one_that_is_killed_before_it_is_made_is_never_made),
        cmocka_unit_test(one_that_is_killed_while_it_is_made_is_not_started),
        cmocka_unit_test(nothing_fails_because_the_engine_was_restarted),
        cmocka_unit_test(what_ended_while_the_engine_was_away_is_told_as_it_was),
        cmocka_unit_test(the_rest_of_its_output_is_read_when_the_engine_is_back),
        cmocka_unit_test(an_engine_that_hangs_is_waited_for),
        cmocka_unit_test(new_tasks_wait_for_an_engine_that_is_restarted),
        cmocka_unit_test(new_tasks_fail_when_patience_is_over_and_at_once_after_that),
        cmocka_unit_test(tasks_fail_at_once_when_there_never_was_an_engine),
        cmocka_unit_test(a_create_that_was_not_answered_makes_no_second_container),
        cmocka_unit_test(an_end_without_an_event_is_found),
        cmocka_unit_test(one_that_somebody_else_removed_is_told_of_as_not_seen),
        cmocka_unit_test(containers_are_adopted_by_the_next_process),
        cmocka_unit_test(containers_are_adopted_when_the_engine_comes_later),
        cmocka_unit_test(what_nobody_knows_of_is_removed_and_what_is_not_ours_stays),
        cmocka_unit_test(when_the_agent_leaves_all_are_removed),
        cmocka_unit_test(the_end_does_not_wait_for_an_engine_that_is_away),
        cmocka_unit_test(nothing_is_lost_by_chance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
