/* tests/unit/test_master_quota.c - what quotas and weights do to offers. */
#include "tests/unit/master_fixture.h"

#include <errno.h>
#include <string.h>

/* "" for none. */
static struct msg_operator_reply ask_quota(struct cluster *cluster, const char *role,
                                           const char *guarantees, const char *limits, bool force)
{
    struct msg_operator_set_quota call = {
        .role = role, .force = force, .asked_by = "10.0.0.1:4000"};

    call.guarantees = cluster_resources(cluster, guarantees, &call.guarantees_count);
    call.limits = cluster_resources(cluster, limits, &call.limits_count);
    return cluster_operator(cluster,
                            (struct message){.type = MSG_OPERATOR_SET_QUOTA, .body = &call});
}

static struct msg_operator_reply set_quota(struct cluster *cluster, const char *role,
                                           const char *guarantees, const char *limits)
{
    return ask_quota(cluster, role, guarantees, limits, true);
}

static struct msg_operator_reply set_weight(struct cluster *cluster, const char *role,
                                            int64_t weight_milli)
{
    return cluster_operator(cluster, MESSAGE(OPERATOR_SET_WEIGHT, operator_set_weight, .role = role,
                                             .weight_milli = weight_milli));
}

static const char *newest(struct cluster *cluster, struct node framework)
{
    return cluster_offered(cluster, cluster_offer(cluster, framework));
}

static void role_is_offered_up_to_its_limit_and_the_rest_goes_to_others(void **state)
{
    CLUSTER(NULL);
    struct node ads = cluster_framework(cluster, "ads"), web;

    (void)state;
    assert_int_equal(set_quota(cluster, "ads", "", "cpus:3;mem:300").code, 200);
    cluster_agent(cluster, "cpus:8;mem:1000;ports:[1-9]");
    assert_string_equal(newest(cluster, ads), "cpus:3;mem:300;ports:[1-9]");
    cluster_agent(cluster, "cpus:8;mem:1000");
    assert_int_equal(cluster_offers_count(cluster, ads), 1);
    web = cluster_framework(cluster, "web");
    assert_int_equal(cluster_offers_count(cluster, web), 2);
    assert_string_equal(newest(cluster, web), "cpus:8;mem:1000");
}

static void limit_counts_for_the_roles_in_it_too(void **state)
{
    CLUSTER(NULL);
    struct node eu = cluster_framework(cluster, "ads/eu"), us;

    (void)state;
    set_quota(cluster, "ads", "", "cpus:3;mem:300");
    cluster_agent(cluster, "cpus:2;mem:200");
    cluster_launch(cluster, eu, "t1", "cpus:2;mem:200");
    us = cluster_framework(cluster, "ads/us");
    cluster_agent(cluster, "cpus:8;mem:800");
    assert_string_equal(newest(cluster, us), "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, eu), 1);
}

static void lower_limit_takes_offers_back(void **state)
{
    CLUSTER(NULL);
    struct node ads = cluster_framework(cluster, "ads");

    (void)state;
    cluster_agent(cluster, "cpus:8;mem:800");
    set_quota(cluster, "ads", "", "cpus:2;mem:200");
    assert_int_equal(cluster_count(cluster, ads.session, MSG_RESCIND), 1);
    assert_string_equal(newest(cluster, ads), "cpus:2;mem:200");
}

static void quota_that_is_removed_gives_at_once_what_it_kept(void **state)
{
    CLUSTER(NULL);
    struct node ads = cluster_framework(cluster, "ads");

    (void)state;
    set_quota(cluster, "ads", "", "cpus:2;mem:200");
    cluster_agent(cluster, "cpus:8;mem:800");
    assert_int_equal(set_quota(cluster, "ads", "", "").code, 200);
    assert_int_equal(cluster_offers_count(cluster, ads), 2);
    assert_string_equal(newest(cluster, ads), "cpus:6;mem:600");
}

static void end_of_a_task_gives_its_role_room_on_other_agents(void **state)
{
    CLUSTER(NULL);
    struct node small = cluster_agent(cluster, "cpus:2;mem:200");
    struct node ads = cluster_framework(cluster, "ads"), web;

    (void)state;
    set_quota(cluster, "ads", "", "cpus:2;mem:200");
    cluster_launch(cluster, ads, "t1", "cpus:2;mem:200");
    cluster_agent(cluster, "cpus:8;mem:800");
    assert_int_equal(cluster_offers_count(cluster, ads), 1);
    /* The small agent goes to another role, so the large one is what is left for this. */
    web = cluster_framework(cluster, "web");
    cluster_decline(cluster, web, cluster_offer(cluster, web)->id, 3600 * SECOND);
    cluster_status(cluster, small, ads.id, "t1", TASK_FINISHED, 0);
    cluster_decline(cluster, web, cluster_offer(cluster, web)->id, 3600 * SECOND);
    cluster_decline(cluster, ads, cluster_offer(cluster, ads)->id, 3600 * SECOND);
    assert_string_equal(newest(cluster, ads), "cpus:2;mem:200");
    assert_string_not_equal(cluster_offer(cluster, ads)->agent_id, small.id);
}

static void guarantee_is_held_back_from_others(void **state)
{
    CLUSTER(NULL);
    struct node web = cluster_framework(cluster, "web"), ads;

    (void)state;
    set_quota(cluster, "ads", "cpus:4;mem:400", "");
    cluster_agent(cluster, "cpus:5;mem:500");
    assert_string_equal(newest(cluster, web), "cpus:1;mem:100");
    cluster_agent(cluster, "cpus:5;mem:500");
    assert_string_equal(newest(cluster, web), "cpus:5;mem:500");
    ads = cluster_framework(cluster, "ads");
    assert_string_equal(newest(cluster, ads), "cpus:4;mem:400");
}

static void agent_out_of_use_has_nothing_free_for_guarantees(void **state)
{
    CLUSTER(NULL);
    struct node web = cluster_framework(cluster, "web"), idle;

    (void)state;
    set_quota(cluster, "ads", "cpus:4;mem:400", "");
    idle = cluster_agent(cluster, "cpus:4;mem:400");
    cluster_operator(cluster,
                     MESSAGE(OPERATOR_DRAIN_AGENT, operator_drain_agent, .agent_id = idle.id));
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_int_equal(cluster_offers_count(cluster, web), 0);
    cluster_operator(cluster, MESSAGE(OPERATOR_REACTIVATE_AGENT, operator_reactivate_agent,
                                      .agent_id = idle.id));
    assert_int_equal(cluster_offers_count(cluster, web), 1);
}

static void guaranteed_role_comes_first_whatever_its_share(void **state)
{
    CLUSTER(NULL);
    struct node ads = cluster_framework(cluster, "ads"), web;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_launch(cluster, ads, "t1", "cpus:4;mem:400");
    web = cluster_framework(cluster, "web");
    set_quota(cluster, "ads", "cpus:6;mem:400", "");
    cluster_agent(cluster, "cpus:2;mem:200");
    assert_int_equal(cluster_offers_count(cluster, ads), 2);
    assert_int_equal(cluster_offers_count(cluster, web), 0);
    cluster_agent(cluster, "cpus:2;mem:200");
    assert_int_equal(cluster_offers_count(cluster, web), 1);
}

static void new_guarantee_takes_offers_back_that_are_in_its_way(void **state)
{
    CLUSTER(NULL);
    struct node web = cluster_framework(cluster, "web"), ads;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    ads = cluster_framework(cluster, "ads");
    set_quota(cluster, "ads", "cpus:3;mem:100", "");
    assert_int_equal(cluster_count(cluster, web.session, MSG_RESCIND), 1);
    assert_string_equal(newest(cluster, ads), "cpus:4;mem:400");
}

static void reservations_count_against_the_quota(void **state)
{
    CLUSTER(NULL);
    struct node ads = cluster_framework(cluster, "ads");

    (void)state;
    set_quota(cluster, "ads", "cpus:3;mem:300", "cpus:3;mem:300");
    cluster_agent(cluster, "cpus(ads):2;mem(ads):200;cpus:8;mem:800");
    assert_string_equal(newest(cluster, ads), "cpus:1;cpus(ads):2;mem:100;mem(ads):200");
}

static void tasks_of_a_returning_agent_take_offers_beyond_the_limit_back(void **state)
{
    CLUSTER(NULL);
    struct node ads = cluster_framework(cluster, "ads");
    struct agent_task task;

    (void)state;
    set_quota(cluster, "ads", "", "cpus:4;mem:400");
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_int_equal(cluster_offers_count(cluster, ads), 1);
    task = cluster_report(cluster, ads.id, "t1", "cpus:2;mem:200", TASK_RUNNING);
    task.role = "ads";
    cluster_agent_back(cluster, "OLD-S1", "cpus:2;mem:200", &task, 1);
    assert_int_equal(cluster_count(cluster, ads.session, MSG_RESCIND), 1);
    assert_string_equal(newest(cluster, ads), "cpus:2;mem:200");
}

static void weighted_role_gets_its_multiple(void **state)
{
    CLUSTER(NULL);
    struct node heavy = cluster_framework(cluster, "heavy");
    struct node light = cluster_framework(cluster, "light");

    (void)state;
    assert_int_equal(cluster_operator(cluster, MESSAGE(OPERATOR_SET_WEIGHT, operator_set_weight,
                                                       .role = "heavy", .weight_milli = 3000))
                         .code,
                     200);
    for (int i = 0; i < 40; i++)
        cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, heavy), 30);
    assert_int_equal(cluster_offers_count(cluster, light), 10);
}

static void what_cannot_be_is_refused_with_a_reason(void **state)
{
    CLUSTER(NULL);
    struct msg_operator_reply reply = set_quota(cluster, "ads", "cpus:4", "cpus:3");

    (void)state;
    assert_int_equal(reply.code, 400);
    assert_non_null(strstr(reply.message, "more cpus than its limit"));
    reply = set_quota(cluster, "ads", "ports:[1-2]", "");
    assert_int_equal(reply.code, 400);
    assert_non_null(strstr(reply.message, "ports is no number"));
    reply = set_quota(cluster, "ads", "", "cpus(web):1");
    assert_int_equal(reply.code, 400);
    reply = set_quota(cluster, "ads", "mem:100", "");
    assert_int_equal(reply.code, 200);
    assert_non_null(strstr(reply.message, "less mem than is guaranteed"));
}

static void more_than_there_is_is_guaranteed_only_by_force(void **state)
{
    CLUSTER(NULL);
    struct msg_operator_reply reply;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_int_equal(ask_quota(cluster, "ads", "cpus:3", "", false).code, 200);
    reply = ask_quota(cluster, "web", "cpus:1.5", "", false);
    assert_int_equal(reply.code, 409);
    assert_non_null(strstr(reply.message, "4.5 cpus would be guaranteed in all, and the agents"
                                          " have 4"));
    assert_int_equal(cluster_records_count(cluster, MSG_KEPT_ROLE), 1);
    assert_int_equal(ask_quota(cluster, "web", "cpus:1.5", "", true).code, 200);
    /* What was too much already may become less. */
    assert_int_equal(ask_quota(cluster, "ads", "cpus:2.9", "", false).code, 200);
    assert_int_equal(ask_quota(cluster, "web", "", "cpus:100", false).code, 200);
}

/* Found by test_master_explain_random. */
static void what_is_reserved_for_one_takes_offers_from_its_siblings(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, "a/c");

    (void)state;
    set_quota(cluster, "a", "", "cpus:2");
    cluster_agent(cluster, "cpus:2;mem:200");
    assert_int_equal(cluster_count(cluster, framework.session, MSG_RESCIND), 0);
    cluster_agent(cluster, "cpus(a/b):1;mem(a/b):100");
    assert_int_equal(cluster_count(cluster, framework.session, MSG_RESCIND), 1);
    assert_string_equal(newest(cluster, framework), "cpus:1;mem:200");
}

/* --- the registry -------------------------------------------------------------- */

static void quota_is_answered_when_it_is_kept_and_has_no_effect_before(void **state)
{
    CLUSTER(NULL);
    struct node ads = cluster_framework(cluster, "ads");

    (void)state;
    cluster_agent(cluster, "cpus:2;mem:200");
    cluster->is_store_slow = true;
    assert_int_equal(cluster_offers_count(cluster, ads), 1);
    assert_int_equal(set_quota(cluster, "ads", "", "cpus:1").code, 0);
    assert_int_equal(cluster_count(cluster, ads.session, MSG_RESCIND), 0);
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_ROLE));
    cluster_answer_records(cluster);
    assert_int_equal(cluster->reply.code, 200);
    assert_int_equal(cluster_count(cluster, ads.session, MSG_RESCIND), 1);
    assert_int_equal(cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role->limits[0].scalar,
                     1000);
}

static void quota_that_cannot_be_kept_is_refused_and_unwritten(void **state)
{
    CLUSTER(NULL);
    struct node ads = cluster_framework(cluster, "ads");
    struct msg_operator_reply reply;

    (void)state;
    assert_int_equal(set_quota(cluster, "ads", "", "cpus:4").code, 200);
    cluster->store_fails = "the disk is full";
    reply = set_quota(cluster, "ads", "", "cpus:1");
    assert_int_equal(reply.code, 503);
    assert_non_null(strstr(reply.message, "the disk is full"));
    cluster->store_fails = NULL;
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_ROLE)->kept_role->limits[0].scalar, 4000);
    cluster_agent(cluster, "cpus:8;mem:800");
    assert_string_equal(newest(cluster, ads), "cpus:4;mem:800");
}

/* A limit of "ads" and a guarantee in it, a limit of "web". */
static struct msg_operator_reply set_three(struct cluster *cluster, int64_t limit_milli,
                                           int64_t guarantee_milli)
{
    const struct resource_info limit = {
        .name = "cpus", .kind = VALUE_SCALAR, .scalar = limit_milli};
    const struct resource_info guarantee = {
        .name = "cpus", .kind = VALUE_SCALAR, .scalar = guarantee_milli};
    const struct role_policy roles[] = {
        {.role = "ads/eu", .guarantees = &guarantee, .guarantees_count = 1},
        {.role = "ads", .limits = &limit, .limits_count = 1},
        {.role = "web", .limits = &limit, .limits_count = 1},
    };

    return cluster_operator(cluster,
                            MESSAGE(OPERATOR_SET_ROLES, operator_set_roles, .is_quota = true,
                                    .force = true, .roles = roles, .roles_count = 3));
}

static void quotas_of_several_roles_are_set_together_or_not_at_all(void **state)
{
    CLUSTER(NULL);
    struct msg_operator_reply reply;

    (void)state;
    assert_int_equal(set_weight(cluster, "web", 2000).code, 200);
    assert_int_equal(set_three(cluster, 1000, 1000).code, 200);
    /* In whatever order: the guarantee is above the limit that was, and below the one that will be. */
    assert_int_equal(set_three(cluster, 8000, 5000).code, 200);
    assert_int_equal(cluster_records_count(cluster, MSG_KEPT_ROLES), 2);
    cluster_forget(cluster);
    reply = set_three(cluster, 4000, 5000);
    assert_int_equal(reply.code, 400);
    assert_non_null(strstr(reply.message, "guaranteed more cpus than its limit"));
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_ROLE));
    assert_int_equal(cluster_records_count(cluster, MSG_KEPT_ROLES), 2);
    /* A new master has them all, and what was set for one of them before. */
    cluster_restart(cluster, NULL);
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_ROLE), 3);
    assert_int_equal(set_quota(cluster, "ads/eu", "cpus:9", "").code, 400);
    assert_int_equal(cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role->weight_milli, 2000);
}

static void weights_of_several_roles_are_set_together_or_not_at_all(void **state)
{
    static const struct {
        struct role_policy roles[2];
        int code;
    } cases[] = {
        {{{.role = "a", .weight_milli = 2000}, {.role = "b", .weight_milli = 1000}}, 200},
        {{{.role = "a", .weight_milli = 3000}, {.role = "b/", .weight_milli = 5}}, 400},
        {{{.role = "a", .weight_milli = 3000}, {.role = "a", .weight_milli = 5}}, 400},
        {{{.role = "a", .weight_milli = 3000}, {.role = "b", .weight_milli = INT64_MAX}}, 400},
    };
    CLUSTER(NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(
            cluster_operator(cluster, MESSAGE(OPERATOR_SET_ROLES, operator_set_roles,
                                              .roles = cases[i].roles, .roles_count = 2))
                .code,
            cases[i].code);
    cluster_forget(cluster);
    cluster_restart(cluster, NULL);
    /* 1 is what all have. */
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_ROLE), 1);
    assert_int_equal(cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role->weight_milli, 2000);
}

static void several_roles_that_cannot_be_kept_are_as_they_were(void **state)
{
    CLUSTER(NULL);

    (void)state;
    assert_int_equal(set_three(cluster, 8000, 5000).code, 200);
    cluster->store_fails = "the disk is full";
    assert_int_equal(set_three(cluster, 2000, 1000).code, 503);
    cluster->store_fails = NULL;
    cluster_pass(cluster, 60 * SECOND);
    /* Each is written as it is, since some of it may have been. */
    assert_int_equal(cluster_records_count(cluster, MSG_KEPT_ROLE), 6);
    cluster_forget(cluster);
    cluster_restart(cluster, NULL);
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_ROLE), 3);
    assert_int_equal(set_quota(cluster, "ads/eu", "cpus:8", "").code, 200);
}

static void changes_of_policy_come_one_after_the_other(void **state)
{
    CLUSTER(NULL);

    (void)state;
    cluster->is_store_slow = true;
    set_quota(cluster, "ads", "", "cpus:4");
    set_weight(cluster, "ads", 3000);
    set_quota(cluster, "ads/eu", "cpus:5", ""); /* beyond the limit that is not kept yet */
    assert_int_equal(cluster_records_count(cluster, MSG_KEPT_ROLE), 1);
    cluster_answer_records(cluster);
    assert_int_equal(cluster_records_count(cluster, MSG_KEPT_ROLE), 2);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_ROLE)->kept_role->limits_count, 1);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_ROLE)->kept_role->weight_milli, 3000);
    assert_int_equal(cluster->reply.code, 400);
    assert_non_null(strstr(cluster->reply.message, "than its limit"));
}

static void quotas_and_weights_outlive_the_master(void **state)
{
    CLUSTER(NULL);
    struct node ads;

    (void)state;
    set_quota(cluster, "ads", "", "cpus:1;mem:100");
    set_weight(cluster, "ads", 3000);
    set_quota(cluster, "web", "", "cpus:1;mem:100");
    set_quota(cluster, "web", "", "");
    assert_non_null(cluster_record(cluster, MSG_DROP_ROLE));
    cluster_forget(cluster);
    cluster_restart(cluster, NULL);
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_ROLE), 1);
    assert_int_equal(cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role->weight_milli, 3000);
    cluster_agent(cluster, "cpus:4;mem:400");
    ads = cluster_framework(cluster, "ads");
    assert_string_equal(newest(cluster, ads), "cpus:1;mem:100");
    assert_string_equal(newest(cluster, cluster_framework(cluster, "web")), "cpus:3;mem:300");
}

/* A limited role with all it may have on one agent, after a restart; another agent is back. */
static struct node restart_with_a_limit(struct cluster *cluster, struct node *ret_first,
                                        struct node *ret_second)
{
    struct node ads = cluster_framework(cluster, "ads");

    set_quota(cluster, "ads", "", "cpus:2;mem:200");
    *ret_first = cluster_agent(cluster, "cpus:2;mem:200");
    cluster_launch(cluster, ads, "t1", "cpus:2;mem:200");
    *ret_second = cluster_agent(cluster, "cpus:2;mem:200");
    cluster_forget(cluster);
    cluster_restart(cluster, NULL);
    *ret_second = cluster_agent_back(cluster, ret_second->id, "cpus:2;mem:200", NULL, 0);
    return cluster_subscribe(cluster, (struct framework_info){.id = ads.id,
                                                              .name = "ads",
                                                              .roles = (const char *const[]){"ads"},
                                                              .roles_count = 1});
}

static void limited_role_waits_for_the_agents_that_may_have_its_tasks(void **state)
{
    CLUSTER(NULL);
    struct node first, second, ads = restart_with_a_limit(cluster, &first, &second), web;
    struct agent_task task = cluster_report(cluster, ads.id, "t1", "cpus:2;mem:200", TASK_RUNNING);

    (void)state;
    task.role = "ads";
    assert_int_equal(cluster_offers_count(cluster, ads), 0);
    assert_non_null(strstr(
        cluster_operator(cluster, MESSAGE(OPERATOR_EXPLAIN, operator_explain, .framework = ads.id))
            .message,
        "role ads waits for 1 agents of the registry, 10m more: what it has of its limit"));
    cluster_agent_back(cluster, first.id, "cpus:2;mem:200", &task, 1);
    assert_int_equal(cluster_offers_count(cluster, ads), 0);
    web = cluster_framework(cluster, "web");
    assert_int_equal(cluster_offers_count(cluster, web), 1);
}

static void limited_role_waits_no_longer_than_agents_may_take(void **state)
{
    CLUSTER(NULL);
    struct node first, second, ads = restart_with_a_limit(cluster, &first, &second);

    (void)state;
    cluster_pass(cluster, 599 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, ads), 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, ads), 1);
}

static void second_record_of_a_role_is_refused(void **state)
{
    CLUSTER(NULL);
    const struct message record =
        MESSAGE(KEPT_ROLE, kept_role, .role = "ads", .weight_milli = 2000);
    struct err err;

    (void)state;
    assert_int_equal(master_recall(cluster->master, &record, &err), 0);
    assert_int_equal(master_recall(cluster->master, &record, &err), -EINVAL);
    assert_non_null(strstr(err.text, "two records"));
}

static void order_by_chance_gives_to_all(void **state)
{
    CLUSTER((&(struct master_settings){.allocator = "random", .seed = 5}));
    struct node a = cluster_framework(cluster, "a"), b = cluster_framework(cluster, "b");

    (void)state;
    for (int i = 0; i < 100; i++)
        cluster_agent(cluster, "cpus:1;mem:100");
    assert_in_range(cluster_offers_count(cluster, a), 30, 70);
    assert_int_equal(cluster_offers_count(cluster, a) + cluster_offers_count(cluster, b), 100);
}

static void unknown_allocator_is_refused(void **state)
{
    const struct master_settings settings = {.epoch = 1, .allocator = "dice"};
    const struct master_env env = {0};
    struct master *master = NULL;
    struct err err = {""};

    (void)state;
    assert_int_equal(master_new(&settings, &env, (struct now){0}, &master, &err), -EINVAL);
    assert_non_null(strstr(err.text, "expected drf or random"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(role_is_offered_up_to_its_limit_and_the_rest_goes_to_others),
        cmocka_unit_test(limit_counts_for_the_roles_in_it_too),
        cmocka_unit_test(lower_limit_takes_offers_back),
        cmocka_unit_test(quota_that_is_removed_gives_at_once_what_it_kept),
        cmocka_unit_test(end_of_a_task_gives_its_role_room_on_other_agents),
        cmocka_unit_test(guarantee_is_held_back_from_others),
        cmocka_unit_test(agent_out_of_use_has_nothing_free_for_guarantees),
        cmocka_unit_test(guaranteed_role_comes_first_whatever_its_share),
        cmocka_unit_test(new_guarantee_takes_offers_back_that_are_in_its_way),
        cmocka_unit_test(reservations_count_against_the_quota),
        cmocka_unit_test(tasks_of_a_returning_agent_take_offers_beyond_the_limit_back),
        cmocka_unit_test(weighted_role_gets_its_multiple),
        cmocka_unit_test(what_cannot_be_is_refused_with_a_reason),
        cmocka_unit_test(more_than_there_is_is_guaranteed_only_by_force),
        cmocka_unit_test(quota_is_answered_when_it_is_kept_and_has_no_effect_before),
        cmocka_unit_test(quota_that_cannot_be_kept_is_refused_and_unwritten),
        cmocka_unit_test(what_is_reserved_for_one_takes_offers_from_its_siblings),
        cmocka_unit_test(quotas_of_several_roles_are_set_together_or_not_at_all),
        cmocka_unit_test(weights_of_several_roles_are_set_together_or_not_at_all),
        cmocka_unit_test(several_roles_that_cannot_be_kept_are_as_they_were),
        cmocka_unit_test(changes_of_policy_come_one_after_the_other),
        cmocka_unit_test(quotas_and_weights_outlive_the_master),
        cmocka_unit_test(limited_role_waits_for_the_agents_that_may_have_its_tasks),
        cmocka_unit_test(limited_role_waits_no_longer_than_agents_may_take),
        cmocka_unit_test(second_record_of_a_role_is_refused),
        cmocka_unit_test(order_by_chance_gives_to_all),
        cmocka_unit_test(unknown_allocator_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
