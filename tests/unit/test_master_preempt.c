/* tests/unit/test_master_preempt.c - tasks that give way: with which notice, and when it is withdrawn. */
#include "tests/unit/preempt_scene.h"

#include <inttypes.h>
#include <string.h>

/* --- notice, grace, kill, offer -------------------------------------------------------- */

static void task_of_a_lower_role_gives_way_after_notice_and_grace(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
    assert_string_equal(notice(cluster, scene.low)->task_id, "t");
    assert_int_equal(notice(cluster, scene.low)->deadline_ms, GRACE);
    assert_non_null(strstr(notice(cluster, scene.low)->reason, "high"));
    assert_int_equal(kills(cluster, scene.agent), 0);
    cluster_pass(cluster, GRACE - 2 * SECOND);
    assert_int_equal(kills(cluster, scene.agent), 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(kills(cluster, scene.agent), 1);
    assert_non_null(strstr(
        cluster_last(cluster, scene.agent.session, MSG_KILL_TASK)->kill_task->preempted, "high"));
    assert_int_equal(cluster_offers_count(cluster, high), 0);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_KILLED, 0);
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, high)), "cpus:2;mem:100");
    assert_string_equal(cluster_offer(cluster, high)->need, "web");
    assert_int_equal(cluster_counter(cluster, "master/tasks_preempted"), 1);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 0);
    runs(cluster, high, "h", "cpus:2;mem:100", 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/preemptions"), 1);
}

static void without_the_flag_nothing_gives_way(void **state)
{
    CLUSTER(NULL);
    struct scene scene = full_scene(cluster);

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
    assert_int_equal(kills(cluster, scene.agent), 0);
}

static void without_the_flag_setting_a_priority_says_that_it_does_nothing(void **state)
{
    CLUSTER(NULL);
    struct msg_operator_reply reply = set_priority(cluster, "high", 10);

    (void)state;
    assert_int_equal(reply.code, 200);
    assert_non_null(strstr(reply.message, "--preemption"));
}

static void who_hears_no_notice_has_no_grace(void **state)
{
    CLUSTER(&preempting_master);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node low = framework_in(cluster, "low", false);

    (void)state;
    runs(cluster, low, "t", "cpus:4;mem:400", 0);
    set_priority(cluster, "high", 10);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 0);
    assert_int_equal(kills(cluster, agent), 1);
}

static int64_t deadline_of(struct cluster *cluster, int64_t grace_ms)
{
    const struct kill_policy policy = {.grace_ms = grace_ms};
    struct node low;
    struct task_info task;

    cluster_agent(cluster, "cpus:4;mem:400");
    set_priority(cluster, "high", 10);
    low = framework_in(cluster, "low", true);
    task = cluster_task(cluster, "t", cluster_offer(cluster, low)->agent_id, "cpus:4;mem:400");
    task.preemption_policy = &policy;
    runs_task(cluster, low, &task);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    return notice(cluster, low)->deadline_ms;
}

static void task_may_ask_for_a_longer_grace(void **state)
{
    CLUSTER(&preempting_master);

    (void)state;
    assert_int_equal(deadline_of(cluster, 100 * SECOND), 100 * SECOND);
}

static void grace_is_bounded(void **state)
{
    CLUSTER(&preempting_master);

    (void)state;
    assert_int_equal(deadline_of(cluster, HOUR), 300 * SECOND);
}

static void task_may_ask_for_no_grace(void **state)
{
    CLUSTER(&preempting_master);

    (void)state;
    assert_int_equal(deadline_of(cluster, 0), 0);
}

static void framework_may_end_the_task_itself_sooner(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 5 * SECOND);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_FINISHED, 0);
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    assert_int_equal(kills(cluster, scene.agent), 0);
}

static struct node framework_again(struct cluster *cluster, const char *id)
{
    static const char *const capabilities[] = {"PREEMPTION_NOTICE"};
    const char *role = "low";

    return cluster_subscribe(cluster, (struct framework_info){.id = id,
                                                              .name = "low",
                                                              .roles = &role,
                                                              .roles_count = 1,
                                                              .capabilities = capabilities,
                                                              .capabilities_count = 1});
}

static void framework_that_comes_back_is_told_again(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node again;

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    cluster_close(cluster, scene.low.session);
    cluster_pass(cluster, 10 * SECOND);
    again = framework_again(cluster, scene.low.id);
    assert_int_equal(notices(cluster, again), 1);
    assert_in_range(notice(cluster, again)->deadline_ms, 18 * SECOND, 20 * SECOND);
}

/* --- when it stops ------------------------------------------------------------------------- */

static void notice_is_withdrawn_when_there_is_room_elsewhere(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    assert_int_equal(notices(cluster, scene.low), 2);
    assert_true(notice(cluster, scene.low)->withdrawn);
    cluster_pass(cluster, GRACE);
    assert_int_equal(kills(cluster, scene.agent), 0);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_withdrawn"), 1);
}

static void notice_is_withdrawn_when_nobody_wants_it_any_more(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_framework_says(cluster, high.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    assert_true(notice(cluster, scene.low)->withdrawn);
    cluster_pass(cluster, GRACE);
    assert_int_equal(kills(cluster, scene.agent), 0);
}

static void notice_is_withdrawn_when_something_else_is_needed(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    needs(cluster, high, "high", "cpus:2;mem:100", 1, 0);
    assert_int_equal(notices(cluster, scene.low), 1);
    needs(cluster, high, "high", "cpus:4;mem:100", 1, 0);
    assert_int_equal(notices(cluster, scene.low), 2);
    assert_true(notice(cluster, scene.low)->withdrawn);
}

static void notice_is_withdrawn_when_an_operator_lowers_the_priority(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 5 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
    set_priority(cluster, "other", 5);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 1);
    set_priority(cluster, "high", 0);
    assert_true(notice(cluster, scene.low)->withdrawn);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(kills(cluster, scene.agent), 0);
}

static void notice_is_withdrawn_when_an_operator_takes_the_guarantee_back(void **state)
{
    CLUSTER(&preempting_master);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node low = framework_in(cluster, "low", true);

    (void)state;
    runs(cluster, low, "t", "cpus:4;mem:400", 0);
    set_quota(cluster, "high", "cpus:2", NULL);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 5 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    set_quota(cluster, "high", "cpus:3", NULL);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 1);
    set_quota(cluster, "high", "cpus:1", NULL);
    assert_true(notice(cluster, low)->withdrawn);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(kills(cluster, agent), 0);
}

static void notice_is_withdrawn_when_the_framework_leaves(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_close(cluster, high.session);
    assert_true(notice(cluster, scene.low)->withdrawn);
}

static void lost_agent_ends_it_and_the_kill_stands(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct agent_task report;
    struct node back;

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND + GRACE);
    assert_int_equal(kills(cluster, scene.agent), 1);
    cluster_close(cluster, scene.agent.session);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 0);
    report = cluster_report(cluster, scene.low.id, "t", "cpus:4;mem:400", TASK_RUNNING);
    back = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:400", &report, 1);
    assert_int_equal(kills(cluster, back), 1);
    assert_string_not_equal(
        cluster_last(cluster, back.session, MSG_KILL_TASK)->kill_task->preempted, "");
}

/* --- what operators set and see ------------------------------------------------------------------ */

static void priority_is_kept_and_outlives_the_master(void **state)
{
    CLUSTER(&preempting_master);
    const struct master_settings after = {.id = "N", .epoch = CLUSTER_EPOCH, .preemption = true};
    struct node low;

    (void)state;
    assert_int_equal(set_priority(cluster, "high", -7).code, 200);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_ROLE)->kept_role->priority, -7);
    assert_int_equal(cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role->priority, -7);
    assert_int_equal(set_priority(cluster, "high", 7).code, 200);
    cluster_restart(cluster, &after);
    cluster_agent(cluster, "cpus:4;mem:400");
    low = framework_in(cluster, "low", true);
    runs(cluster, low, "t", "cpus:4;mem:400", 0);
    needy_in(cluster, "high", "cpus:4;mem:400", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
}

/* The notice is forgotten; the need, stated anew, begins again. */
static void master_that_dies_meanwhile_leaves_nothing_half_done(void **state)
{
    CLUSTER(&preempting_master);
    const struct master_settings after = {.id = "N", .epoch = CLUSTER_EPOCH, .preemption = true};
    struct scene scene = full_scene(cluster);
    struct agent_task report;
    struct node low, agent;

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
    cluster_restart(cluster, &after);
    report = cluster_report(cluster, scene.low.id, "t", "cpus:4;mem:400", TASK_RUNNING);
    agent = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:400", &report, 1);
    low = framework_again(cluster, scene.low.id);
    cluster_pass(cluster, 2 * GRACE);
    assert_int_equal(kills(cluster, agent), 0);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    cluster_pass(cluster, GRACE);
    assert_int_equal(kills(cluster, agent), 1);
}

static void priority_that_cannot_be_written_is_not_set(void **state)
{
    CLUSTER(&preempting_master);

    (void)state;
    cluster->store_fails = "disk full";
    assert_int_equal(set_priority(cluster, "high", 1).code, 503);
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_ROLE));
}

static void priority_and_quota_of_a_role_leave_each_other_alone(void **state)
{
    CLUSTER(&preempting_master);
    const struct msg_change_role *role;

    (void)state;
    set_priority(cluster, "ads", 3);
    set_quota(cluster, "ads", NULL, "cpus:4");
    set_priority(cluster, "ads", 4);
    role = cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role;
    assert_int_equal(role->priority, 4);
    assert_int_equal(role->limits_count, 1);
    cluster_operator(cluster, MESSAGE(OPERATOR_SET_PRIORITY, operator_set_priority, .role = "ads",
                                      .unset = true));
    role = cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role;
    assert_false(role->has_priority);
    assert_int_equal(role->limits_count, 1);
}

static void priorities_of_several_roles_are_set_together_or_not_at_all(void **state)
{
    CLUSTER(&preempting_master);
    struct role_policy roles[] = {{.role = "a", .priority = 3, .has_priority = true},
                                  {.role = "b", .priority = -2, .has_priority = true}};
    struct message call = MESSAGE(OPERATOR_SET_ROLES, operator_set_roles, .is_priority = true,
                                  .roles = roles, .roles_count = 2);

    (void)state;
    set_quota(cluster, "a", NULL, "cpus:4");
    assert_int_equal(cluster_operator(cluster, call).code, 200);
    assert_int_equal(cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role->priority, -2);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_ROLES)->kept_roles->roles[0].priority, 3);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_ROLES)->kept_roles->roles[0].limits_count, 1);
    roles[1].role = "a";
    assert_int_equal(cluster_operator(cluster, call).code, 400);
    roles[1] = (struct role_policy){.role = "c", .priority = 9999999, .has_priority = true};
    assert_int_equal(cluster_operator(cluster, call).code, 400);
}

static void wrong_priorities_are_refused(void **state)
{
    CLUSTER(&preempting_master);
    struct node framework = cluster_framework(cluster, NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct task_info task = cluster_task(cluster, "t", agent.id, "cpus:1;mem:100");

    (void)state;
    assert_int_equal(set_priority(cluster, "ads", 1000001).code, 400);
    assert_int_equal(set_priority(cluster, "a//b", 1).code, 400);
    task.priority = -1000001;
    runs_task(cluster, framework, &task);
    assert_update(cluster, framework, "t", TASK_ERROR, REASON_TASK_INVALID);
}

static const char *explain(struct cluster *cluster, struct node framework)
{
    return cluster_operator(cluster,
                            MESSAGE(OPERATOR_EXPLAIN, operator_explain, .framework = framework.id))
        .message;
}

static void people_are_told_what_is_under_way(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    const struct msg_change_task_status *change;

    (void)state;
    cluster_pass(cluster, 10 * SECOND);
    assert_non_null(strstr(explain(cluster, high),
                           "need web: cpus:2;mem:100 are being preempted on agent M-S0: 1 tasks "
                           "have notice for 2"));
    assert_non_null(
        strstr(explain(cluster, scene.low), "task t on agent M-S0 gives way to role high, in 2"));
    change = cluster_last(cluster, 0, MSG_CHANGE_TASK_STATUS)->change_task_status;
    assert_string_equal(change->task_id, "t");
    assert_string_equal(change->preempt->role, "high");
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 1);
}

static void people_are_told_why_nothing_gives_way(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node needy = needy_in(cluster, "low", "cpus:2;mem:100", 1, 0);

    (void)state;
    (void)scene;
    cluster_pass(cluster, 10 * SECOND);
    assert_non_null(strstr(explain(cluster, needy), "nothing is preempted for it: no guarantee"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_of_a_lower_role_gives_way_after_notice_and_grace),
        cmocka_unit_test(without_the_flag_nothing_gives_way),
        cmocka_unit_test(without_the_flag_setting_a_priority_says_that_it_does_nothing),
        cmocka_unit_test(who_hears_no_notice_has_no_grace),
        cmocka_unit_test(task_may_ask_for_a_longer_grace),
        cmocka_unit_test(grace_is_bounded),
        cmocka_unit_test(task_may_ask_for_no_grace),
        cmocka_unit_test(framework_may_end_the_task_itself_sooner),
        cmocka_unit_test(framework_that_comes_back_is_told_again),
        cmocka_unit_test(notice_is_withdrawn_when_there_is_room_elsewhere),
        cmocka_unit_test(notice_is_withdrawn_when_nobody_wants_it_any_more),
        cmocka_unit_test(notice_is_withdrawn_when_something_else_is_needed),
        cmocka_unit_test(notice_is_withdrawn_when_the_framework_leaves),
        cmocka_unit_test(lost_agent_ends_it_and_the_kill_stands),
        cmocka_unit_test(notice_is_withdrawn_when_an_operator_lowers_the_priority),
        cmocka_unit_test(notice_is_withdrawn_when_an_operator_takes_the_guarantee_back),
        cmocka_unit_test(priority_is_kept_and_outlives_the_master),
        cmocka_unit_test(master_that_dies_meanwhile_leaves_nothing_half_done),
        cmocka_unit_test(priority_that_cannot_be_written_is_not_set),
        cmocka_unit_test(priority_and_quota_of_a_role_leave_each_other_alone),
        cmocka_unit_test(priorities_of_several_roles_are_set_together_or_not_at_all),
        cmocka_unit_test(wrong_priorities_are_refused),
        cmocka_unit_test(people_are_told_what_is_under_way),
        cmocka_unit_test(people_are_told_why_nothing_gives_way),
    };

    return cmocka_run_group_tests_name("preempt", tests, NULL, NULL);
}
