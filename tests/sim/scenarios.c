/* tests/sim/scenarios.c - single stories in a calm world, where nothing goes wrong but what the story
 * says. Those from a seed on were found by the simulator and once were bugs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "proto/message.h"
#include "tests/sim/sim.h"

#define S 1000 /* in ms */

/* One agent and one framework, which has launched "t1". */
static struct sim *calm_sim(const char *command)
{
    struct sim *sim = sim_new(
        7, &(struct sim_plan){
               .calm = true, .agents = 1, .frameworks = {SIM_BATCH}, .frameworks_count = 1});

    sim_run_until(sim, sim_all_are_registered, 10 * S);
    sim_launch(sim, "t1", command);
    return sim;
}

static bool t1_is_asked_for(struct sim *sim)
{
    return sim_seen(sim, "t1") == TASK_STAGING;
}

static bool t1_is_contained(struct sim *sim)
{
    return sim_is_contained(sim, "t1");
}

static bool t1_is_not_contained(struct sim *sim)
{
    return !sim_is_contained(sim, "t1");
}

static bool t1_is_running(struct sim *sim)
{
    return sim_seen(sim, "t1") == TASK_RUNNING;
}

static bool t1_is_unreachable(struct sim *sim)
{
    return sim_seen(sim, "t1") == TASK_UNREACHABLE;
}

static bool t1_is_unknown(struct sim *sim)
{
    return sim_seen(sim, "t1") == TASK_UNKNOWN;
}

static bool t1_has_ended(struct sim *sim)
{
    return task_state_is_terminal(sim_seen(sim, "t1"));
}

#define assert_calm(sim)        assert_string_equal(sim_failure(sim), "")
#define assert_seen(sim, state) assert_string_equal(task_state_name(sim_seen((sim), "t1")), #state)

/* --- the wire ---------------------------------------------------------------------------------- */

static void task_runs_to_its_end_and_is_forgotten(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 500 0");

    (void)state;
    sim_run_until(sim, sim_all_tasks_forgotten, 10 * S);
    assert_calm(sim);
    assert_int_equal(sim_updates_seen(sim, "t1", TASK_RUNNING), 1);
    assert_int_equal(sim_updates_seen(sim, "t1", TASK_FINISHED), 1);
}

static void update_is_repeated_until_acknowledged(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 5000 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_pass(sim, S);
    sim_cut_at(sim, MSG_ACKNOWLEDGE);
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_int_equal(sim_updates_seen(sim, "t1", TASK_RUNNING), 1);
    assert_int_equal(sim_updates_seen(sim, "t1", TASK_FINISHED), 2);
}

static void acknowledgement_that_never_reaches_the_agent_is_given_again(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 500 0");

    (void)state;
    sim_cut_at(sim, MSG_ACKNOWLEDGE_UPDATE);
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_FINISHED);
}

static void task_that_never_reaches_its_agent_is_dropped(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 500 0");

    (void)state;
    sim_cut_at(sim, MSG_RUN_TASK);
    sim_run_until(sim, t1_has_ended, 60 * S);
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_DROPPED);
}

static void launch_that_never_reaches_the_master_is_found_out(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 500 0");

    (void)state;
    sim_cut_at(sim, MSG_ACCEPT);
    sim_run_until(sim, t1_has_ended, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_GONE);
}

static void kill_that_never_reaches_the_agent_is_said_again(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run -1 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_cut_at(sim, MSG_KILL_TASK);
    sim_kill(sim, "t1");
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_KILLED);
}

static void kill_that_never_reaches_the_master_is_said_again(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run -1 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_cut_at(sim, MSG_KILL);
    sim_kill(sim, "t1");
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_KILLED);
}

/* --- agents ------------------------------------------------------------------------------------ */

static void task_of_an_agent_cut_off_is_unreachable_and_returns(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 100000 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_cut_agent(sim, 0, 40 * S);
    sim_run_until(sim, t1_is_unreachable, 30 * S);
    sim_run_until(sim, t1_is_running, 60 * S);
    sim_run_until(sim, sim_all_tasks_forgotten, 120 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_FINISHED);
}

static void task_of_an_agent_that_is_down_for_long_is_given_up_and_returns(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run -1 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_crash_agent(sim, 0, 120 * S);
    sim_run_until(sim, t1_is_unreachable, 30 * S);
    sim_run_until(sim, t1_is_unknown, 90 * S);
    sim_run_until(sim, t1_is_running, 60 * S);
    assert_calm(sim);
}

/* It was given up as unknown, and comes back while its framework cannot be told. */
static void task_that_returns_against_all_odds_is_found(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run -1 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_pass(sim, S); /* all is acknowledged */
    sim_cut_agent(sim, 0, 110 * S);
    sim_run_until(sim, t1_is_unknown, 105 * S);
    sim_cut_framework(sim, 0, 60 * S);
    sim_run_until(sim, sim_all_are_registered, 58 * S);
    assert_seen(sim, TASK_UNKNOWN);
    sim_run_until(sim, t1_is_running, 90 * S);
    assert_calm(sim);
}

static void task_outlives_its_agent(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 20000 3");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_pass(sim, S); /* RUNNING is acknowledged */
    sim_crash_agent(sim, 0, 3 * S);
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_FAILED);
    assert_int_equal(sim_updates_seen(sim, "t1", TASK_RUNNING), 1);
}

static void task_that_ends_while_its_agent_is_down_has_ended_so(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 2000 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_crash_agent(sim, 0, 5 * S);
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_FINISHED);
}

static void task_is_gone_with_its_host(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run -1 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_crash_host(sim, 0, 3 * S);
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_GONE);
}

static void end_that_nobody_saw_is_told_as_one(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run -1 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_lose_shim(sim, 0);
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_FAILED);
}

static void end_on_a_full_disk_is_told_when_there_is_room(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 2000 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_pass(sim, S);
    sim_fill_disk(sim, 0, 30 * S);
    sim_run_until(sim, t1_is_not_contained, 10 * S);
    sim_pass(sim, 10 * S);
    assert_seen(sim, TASK_RUNNING);
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_FINISHED);
}

static void full_disk_drops_new_tasks(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 2000 0");

    (void)state;
    sim_fill_disk(sim, 0, 30 * S);
    sim_run_until(sim, t1_has_ended, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_DROPPED);
}

/* Seeds 2, 38: RUNNING, not acknowledged yet, was told after FINISHED. */
static void after_the_end_nothing_from_before_it_is_told(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 500 0");

    (void)state;
    sim_run_until(sim, t1_is_contained, 10 * S);
    sim_cut_framework(sim, 0, 8 * S);
    sim_run_until(sim, t1_is_not_contained, 5 * S);
    sim_pass(sim, 4 * S);
    sim_cut_agent(sim, 0, 30 * S);
    sim_run_until(sim, t1_has_ended, 60 * S);
    sim_run_until(sim, sim_all_tasks_forgotten, 120 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_FINISHED);
}

/* --- masters ----------------------------------------------------------------------------------- */

static void task_outlives_its_master(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 20000 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_crash_master(sim, 3 * S);
    sim_run_until(sim, sim_all_tasks_forgotten, 90 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_FINISHED);
}

static void task_outlives_a_master_that_is_replaced(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 40000 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_replace_master(sim, 20 * S);
    sim_cut_agent(sim, 0, 0);
    sim_run_until(sim, sim_all_tasks_forgotten, 120 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_FINISHED);
}

/* Seed 1159: the framework asked while the agent was away, was told UNREACHABLE of a task that never
 * reached the master, and nobody ever told it more. */
static void unreachable_is_not_the_last_word_on_a_task_that_never_was(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 500 0");

    (void)state;
    sim_cut_at(sim, MSG_ACCEPT);
    sim_run_until(sim, t1_is_asked_for, 10 * S);
    sim_cut_agent(sim, 0, 150 * S);
    sim_cut_framework(sim, 0, 26 * S);
    sim_run_until(sim, t1_is_unreachable, 60 * S);
    sim_run_until(sim, t1_is_unknown, 180 * S);
    assert_calm(sim);
}

/* --- frameworks -------------------------------------------------------------------------------- */

static void framework_that_comes_back_is_told_what_it_missed(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run 3000 0");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_crash_framework(sim, 0, 6 * S);
    sim_run_until(sim, sim_all_tasks_forgotten, 60 * S);
    assert_calm(sim);
    assert_seen(sim, TASK_FINISHED);
}

static void tasks_of_a_framework_that_leaves_are_ended(void **state)
{
    CLEANUP(sim_destroy) struct sim *sim = calm_sim("run -1 0 stubborn");

    (void)state;
    sim_run_until(sim, t1_is_running, 10 * S);
    sim_tear_down(sim, 0);
    sim_run_until(sim, t1_is_not_contained, 20 * S);
    assert_calm(sim);
}

/* --- contests ----------------------------------------------------------------------------------- */

static void run_contests(enum sim_contest contest, uint64_t seeds)
{
    const struct sim_plan plan = {.contest = contest};

    for (uint64_t seed = 1; seed <= seeds; seed++) {
        CLEANUP(sim_destroy) struct sim *sim = sim_new(seed, &plan);

        if (!sim_run(sim))
            fail_msg("seed %d: %s", (int)seed, sim_failure(sim));
    }
}

static void one_of_the_gangs_for_which_there_is_room_is_launched_within_the_bound(void **state)
{
    (void)state;
    run_contests(SIM_CONTEST_OF_GANGS, 100);
}

static void whoever_wants_anything_is_made_an_offer_within_the_bound(void **state)
{
    (void)state;
    run_contests(SIM_CONTEST_OF_OFFERS, 20);
}

static void same_seed_gives_the_same_run(void **state)
{
    const struct sim_plan plan = {.bad_events = 1500};
    uint64_t events[2];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        CLEANUP(sim_destroy) struct sim *sim = sim_new(3, &plan);

        sim_run(sim);
        assert_calm(sim);
        events[i] = sim_events(sim);
    }
    assert_int_equal(events[0], events[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_runs_to_its_end_and_is_forgotten),
        cmocka_unit_test(update_is_repeated_until_acknowledged),
        cmocka_unit_test(acknowledgement_that_never_reaches_the_agent_is_given_again),
        cmocka_unit_test(task_that_never_reaches_its_agent_is_dropped),
        cmocka_unit_test(launch_that_never_reaches_the_master_is_found_out),
        cmocka_unit_test(kill_that_never_reaches_the_agent_is_said_again),
        cmocka_unit_test(kill_that_never_reaches_the_master_is_said_again),
        cmocka_unit_test(task_of_an_agent_cut_off_is_unreachable_and_returns),
        cmocka_unit_test(task_of_an_agent_that_is_down_for_long_is_given_up_and_returns),
        cmocka_unit_test(task_that_returns_against_all_odds_is_found),
        cmocka_unit_test(task_outlives_its_agent),
        cmocka_unit_test(task_that_ends_while_its_agent_is_down_has_ended_so),
        cmocka_unit_test(task_is_gone_with_its_host),
        cmocka_unit_test(end_that_nobody_saw_is_told_as_one),
        cmocka_unit_test(end_on_a_full_disk_is_told_when_there_is_room),
        cmocka_unit_test(full_disk_drops_new_tasks),
        cmocka_unit_test(after_the_end_nothing_from_before_it_is_told),
        cmocka_unit_test(task_outlives_its_master),
        cmocka_unit_test(task_outlives_a_master_that_is_replaced),
        cmocka_unit_test(unreachable_is_not_the_last_word_on_a_task_that_never_was),
        cmocka_unit_test(framework_that_comes_back_is_told_what_it_missed),
        cmocka_unit_test(tasks_of_a_framework_that_leaves_are_ended),
        cmocka_unit_test(one_of_the_gangs_for_which_there_is_room_is_launched_within_the_bound),
        cmocka_unit_test(whoever_wants_anything_is_made_an_offer_within_the_bound),
        cmocka_unit_test(same_seed_gives_the_same_run),
    };

    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
