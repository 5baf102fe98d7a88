/* The view's tables: what is kept of the core's changes, what is summed up, what is forgotten. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/replica_fixture.h"

#define FW    "M-0000"
#define AGENT "M-S0"
#define ONE   "cpus:1;mem:128;ports:[31000-31000]"

static struct publisher small_cluster(struct replica *replica)
{
    struct publisher core = replaying(replica);

    say_master(&core);
    say_agent(&core, AGENT);
    say_framework(&core, FW, "batch");
    return core;
}

static void a_gap_in_the_numbers_is_refused(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    struct message change = MESSAGE(CHANGE_OFFER_REMOVED, change_offer_removed, .offer_id = "M-O0");
    struct err err;

    (void)state;
    change.number = core.number + 2;
    assert_int_equal(replica_apply(replica, &change, &err), -EPROTO);
    assert_string_equal(err.text, "change 5 follows change 3");
    assert_int_equal(replica->number, core.number);
}

static void what_does_not_fit_is_told_with_its_number(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    struct message change =
        MESSAGE(CHANGE_TASK_REMOVED, change_task_removed, .framework_id = FW, .task_id = "nobody");
    struct err err;

    (void)state;
    change.number = core.number + 1;
    assert_int_equal(replica_apply(replica, &change, &err), -EBADMSG);
    assert_string_equal(err.text, "change 4 (CHANGE_TASK_REMOVED): task nobody of framework M-0000 "
                                  "is not known");
}

static void a_task_is_used_while_it_runs(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    struct framework *framework = replica_framework(replica, FW);
    struct agent *agent = replica_agent(replica, AGENT);

    (void)state;
    say_task(&core, FW, "t1", AGENT, ONE);
    assert_true(sum_is(&agent->holdings.used, ONE));
    assert_true(sum_is(&framework->holdings.used, "cpus:1;mem:128"));
    say_status(&core, FW, "t1", TASK_RUNNING);
    assert_true(sum_is(&agent->holdings.used, ONE));
    say_status(&core, FW, "t1", TASK_FINISHED);
    assert_true(sum_is(&agent->holdings.used, ""));
    assert_true(sum_is(&framework->holdings.used, ""));
    assert_int_equal(HASH_COUNT(framework->tasks), 1);
    say_task_removed(&core, FW, "t1");
    assert_int_equal(HASH_COUNT(framework->tasks), 0);
    assert_int_equal(framework->completed_count, 1);
}

static void history_is_bounded_by_bytes_too(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    struct framework *framework = replica_framework(replica, FW);
    const struct command_info command = {.value = "true"};
    static char value[4097];
    struct label_info labels[128];

    (void)state;
    memset(value, 'x', 4096);
    for (size_t i = 0; i < 128; i++)
        labels[i] = (struct label_info){.key = "k", .value = value};
    for (int i = 0; i < 100; i++) {
        const struct task_info task = {.task_id = "t1",
                                       .agent_id = AGENT,
                                       .command = &command,
                                       .labels = labels,
                                       .labels_count = 128};

        say(&core, MESSAGE(CHANGE_TASK, change_task, .framework_id = FW, .role = "*", .task = &task,
                           .state = TASK_FINISHED));
        say_task_removed(&core, FW, "t1");
        assert_true(framework->completed_bytes <= COMPLETED_BYTES_MAX);
    }
    assert_in_range(framework->completed_count, 8, 16);
}

static void the_same_port_of_two_agents_is_no_conflict(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    struct framework *framework = replica_framework(replica, FW);

    (void)state;
    say_agent(&core, "M-S1");
    say_task(&core, FW, "t1", AGENT, ONE);
    say_task(&core, FW, "t2", "M-S1", ONE);
    assert_true(sum_is(&framework->holdings.used, "cpus:2;mem:256"));
    say_status(&core, FW, "t2", TASK_FAILED);
    assert_true(sum_is(&framework->holdings.used, "cpus:1;mem:128"));
    assert_true(sum_is(&replica_agent(replica, AGENT)->holdings.used, ONE));
}

static void an_offer_is_offered_until_it_is_removed(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    struct framework *framework = replica_framework(replica, FW);
    struct role *role;

    (void)state;
    say_offer(&core, "M-O0", FW, AGENT, "cpus:2;cpus(ads):1;ports:[31000-31009]");
    HASH_FIND_STR(replica->roles, "ads", role);
    assert_true(sum_is(&replica_agent(replica, AGENT)->holdings.offered,
                       "cpus:2;cpus(ads):1;ports:[31000-31009]"));
    assert_true(sum_is(&framework->holdings.offered, "cpus:3"));
    assert_true(sum_is(&role->holdings.offered, "cpus:3"));
    assert_true(sum_is(&role->reserved, "cpus:1;mem:100"));
    assert_int_equal(role->members_count, 1);
    say_offer_removed(&core, "M-O0");
    assert_true(sum_is(&framework->holdings.offered, ""));
    assert_true(sum_is(&role->holdings.offered, ""));
    assert_null(framework->offers);
}

static void an_unreachable_agents_tasks_come_back_with_it(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    struct framework *framework = replica_framework(replica, FW);

    (void)state;
    say_task(&core, FW, "t1", AGENT, ONE);
    say_agent_removed(&core, AGENT, REMOVED_UNREACHABLE);
    assert_null(replica_agent(replica, AGENT));
    assert_int_equal(HASH_COUNT(replica->unreachable), 1);
    say_status(&core, FW, "t1", TASK_UNREACHABLE);
    assert_true(sum_is(&framework->holdings.used, ""));
    say_agent(&core, AGENT);
    assert_int_equal(HASH_COUNT(replica->unreachable), 0);
    say_status(&core, FW, "t1", TASK_RUNNING);
    assert_true(sum_is(&replica_agent(replica, AGENT)->holdings.used, ONE));
    assert_true(sum_is(&framework->holdings.used, "cpus:1;mem:128"));
}

static void a_task_told_again_keeps_its_history(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    struct task *task;

    (void)state;
    say_task(&core, FW, "t1", AGENT, ONE);
    say_status(&core, FW, "t1", TASK_RUNNING);
    say_task(&core, FW, "t1", AGENT, "cpus:2");
    HASH_FIND_STR(replica_framework(replica, FW)->tasks, "t1", task);
    assert_int_equal(task->updates_count, 1);
    assert_int_equal(task->state, TASK_STAGING);
    assert_true(sum_is(&replica_agent(replica, AGENT)->holdings.used, "cpus:2"));
    assert_ptr_equal(replica->tasks, task);
    assert_null(task->next);
}

static void history_is_bounded(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    struct framework *framework = replica_framework(replica, FW);
    struct task *task;
    char id[32];

    (void)state;
    for (int i = 0; i < COMPLETED_TASKS_MAX + 3; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        say_task(&core, FW, id, AGENT, "cpus:1");
        say_task_removed(&core, FW, id);
    }
    assert_int_equal(framework->completed_count, COMPLETED_TASKS_MAX);
    assert_string_equal(framework->completed->id, "t3");
    say_task(&core, FW, "flapping", AGENT, "cpus:1");
    for (int i = 0; i < TASK_UPDATES_MAX; i++) {
        say_status(&core, FW, "flapping", TASK_RUNNING);
        say_status(&core, FW, "flapping", TASK_UNREACHABLE);
    }
    HASH_FIND_STR(framework->tasks, "flapping", task);
    assert_int_equal(task->updates_count, TASK_UPDATES_MAX);
    assert_int_equal(task->updates_state, TASK_UNREACHABLE);
}

static void frameworks_that_ended_are_bounded(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    char id[32];

    (void)state;
    for (int i = 1; i <= COMPLETED_FRAMEWORKS_MAX + 2; i++) {
        snprintf(id, sizeof(id), "M-%04d", i);
        say_framework(&core, id, "run");
        say_task(&core, id, "t", AGENT, "cpus:1");
        say_offer(&core, "M-O1", id, AGENT, "cpus:1");
        say_framework_removed(&core, id);
    }
    assert_int_equal(replica->completed_count, COMPLETED_FRAMEWORKS_MAX);
    assert_string_equal(replica->completed->change->framework->id, "M-0003");
    assert_int_equal(replica->completed->completed_count, 1);
    assert_null(replica->offers);
    assert_true(sum_is(&replica_agent(replica, AGENT)->holdings.used, ""));
    assert_int_equal(HASH_COUNT(replica->frameworks), 1);
}

static void a_role_is_forgotten_when_nobody_needs_it(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);
    struct role *role;

    (void)state;
    assert_int_equal(HASH_COUNT(replica->roles), 1);
    say_framework_removed(&core, FW);
    HASH_FIND_STR(replica->roles, "ads", role);
    assert_int_equal(role->members_count, 0);
    say_agent_removed(&core, AGENT, REMOVED_UNREGISTERED);
    assert_int_equal(HASH_COUNT(replica->roles), 0);
    assert_int_equal(HASH_COUNT(replica->unreachable), 0);
}

static void an_agent_that_changes_keeps_its_books(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);

    (void)state;
    say_task(&core, FW, "t1", AGENT, ONE);
    say_agent(&core, AGENT);
    assert_true(sum_is(&replica_agent(replica, AGENT)->holdings.used, ONE));
    say_task_removed(&core, FW, "t1");
    assert_true(sum_is(&replica_agent(replica, AGENT)->holdings.used, ""));
}

static void an_agent_that_is_not_back_yet_has_nothing(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = replaying(replica);
    const struct resource_info cpus = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 4000};
    const struct agent_info info = {
        .id = "M-S7", .hostname = "a7", .resources = &cpus, .resources_count = 1};

    (void)state;
    say(&core, MESSAGE(CHANGE_AGENT, change_agent, .agent = &info, .recovered = true));
    assert_true(resources_are_empty(&replica_agent(replica, "M-S7")->total));
    say(&core, MESSAGE(CHANGE_AGENT, change_agent, .agent = &info, .connected = true));
    assert_true(sum_is(&replica_agent(replica, "M-S7")->total, "cpus:4"));
}

static void a_removed_framework_whose_tasks_come_back_is_one(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = small_cluster(replica);

    (void)state;
    say_framework_removed(&core, FW);
    assert_null(replica_framework(replica, FW));
    say_framework(&core, FW, "batch");
    say_task(&core, FW, "t1", AGENT, ONE);
    assert_int_equal(replica->completed_count, 0);
    say_task_removed(&core, FW, "t1");
    say_framework_removed(&core, FW);
    assert_int_equal(replica->completed_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gap_in_the_numbers_is_refused),
        cmocka_unit_test(what_does_not_fit_is_told_with_its_number),
        cmocka_unit_test(a_task_is_used_while_it_runs),
        cmocka_unit_test(history_is_bounded_by_bytes_too),
        cmocka_unit_test(the_same_port_of_two_agents_is_no_conflict),
        cmocka_unit_test(an_offer_is_offered_until_it_is_removed),
        cmocka_unit_test(an_unreachable_agents_tasks_come_back_with_it),
        cmocka_unit_test(a_task_told_again_keeps_its_history),
        cmocka_unit_test(history_is_bounded),
        cmocka_unit_test(frameworks_that_ended_are_bounded),
        cmocka_unit_test(a_role_is_forgotten_when_nobody_needs_it),
        cmocka_unit_test(an_agent_that_changes_keeps_its_books),
        cmocka_unit_test(an_agent_that_is_not_back_yet_has_nothing),
        cmocka_unit_test(a_removed_framework_whose_tasks_come_back_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
