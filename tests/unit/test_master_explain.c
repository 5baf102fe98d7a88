/* tests/unit/test_master_explain.c - why a framework is offered nothing: each reason is said, and when it
 * is gone, the offer comes. */
#include "tests/unit/master_fixture.h"

#include <stdio.h>
#include <string.h>

static const char *why(struct cluster *cluster, struct node framework, const char *agent_id)
{
    struct msg_operator_reply reply =
        cluster_operator(cluster, MESSAGE(OPERATOR_EXPLAIN, operator_explain,
                                          .framework = framework.id, .agent_id = agent_id));

    assert_int_equal(reply.code, 200);
    return reply.message;
}

static void assert_says(struct cluster *cluster, struct node framework, const char *words)
{
    const char *text = why(cluster, framework, "");

    if (!strstr(text, words))
        fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static void state_need_named(struct cluster *cluster, struct node framework, const char *name,
                             const char *minimum, int64_t count,
                             const struct constraint_info *constraint)
{
    struct need_info need = {.name = name,
                             .count = count,
                             .constraints = constraint,
                             .constraints_count = constraint ? 1 : 0};
    const struct role_needs role = {.role = "*", .needs = &need, .needs_count = 1};

    need.minimum = cluster_resources(cluster, minimum, &need.minimum_count);
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
}

static void state_need(struct cluster *cluster, struct node framework, const char *minimum,
                       int64_t count, const struct constraint_info *constraint)
{
    state_need_named(cluster, framework, "web", minimum, count, constraint);
}

static void suppressed_role_is_said(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_framework_says(cluster, framework.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_says(cluster, framework, "the framework has suppressed the role");
    cluster_framework_says(cluster, framework.session, MESSAGE(REVIVE, revive, .roles = NULL));
    assert_says(cluster, framework, "role *: 1 offers are out");
    assert_says(cluster, framework, "1 of 1 agents: with nothing free");
}

static void filters_are_said_with_their_time(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_decline(cluster, framework, cluster_offer(cluster, framework)->id, 60 * SECOND);
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_decline(cluster, framework, cluster_offer(cluster, framework)->id, 90 * SECOND);
    cluster_pass(cluster, 20 * SECOND);
    assert_says(cluster, framework,
                "2 of 2 agents: filtered by its declines, the first for 40s more, the last for "
                "1m10s");
    cluster_pass(cluster, 40 * SECOND);
    assert_says(cluster, framework, "role *: 1 offers are out");
}

static void limit_is_said(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, "ads/eu");
    const struct resource_info limits[] = {{.name = "cpus", .kind = VALUE_SCALAR, .scalar = 2000},
                                           {.name = "mem", .kind = VALUE_SCALAR, .scalar = 200000}};

    (void)state;
    cluster_operator(cluster, MESSAGE(OPERATOR_SET_QUOTA, operator_set_quota, .role = "ads",
                                      .limits = limits, .limits_count = 2));
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_says(cluster, framework, "role ads/eu: 1 offers are out");
    assert_says(cluster, framework,
                "kept by a quota: role ads has 0 cpus left of its limit of 2 "
                "cpus, which would have to be higher by 0.01");
    cluster_operator(cluster, MESSAGE(OPERATOR_SET_QUOTA, operator_set_quota, .role = "ads"));
    assert_says(cluster, framework, "role ads/eu: 2 offers are out");
}

static void headroom_is_said(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, "web");
    const struct resource_info much[] = {{.name = "cpus", .kind = VALUE_SCALAR, .scalar = 4000},
                                         {.name = "mem", .kind = VALUE_SCALAR, .scalar = 400000}};

    (void)state;
    cluster_operator(cluster, MESSAGE(OPERATOR_SET_QUOTA, operator_set_quota, .role = "ads",
                                      .force = true, .guarantees = much, .guarantees_count = 2));
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_says(cluster, framework,
                "all but 0 cpus is held back for what other roles are "
                "guaranteed; 0.01 more would have to be free");
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_says(cluster, framework, "role web: 1 offers are out");
}

static void nearest_miss_is_said(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL), near;
    char words[128];

    (void)state;
    state_need(cluster, framework, "cpus:2;mem:100", 1, NULL);
    cluster_agent(cluster, "cpus:0.5;mem:400");
    near = cluster_agent(cluster, "cpus:1.5;mem:400");
    cluster_agent(cluster, "cpus:4;mem:32");
    snprintf(words, sizeof(words), "the nearest miss: agent %s lacks 0.5 cpus for need web",
             near.id);
    assert_says(cluster, framework, words);
    assert_non_null(strstr(why(cluster, framework, near.id), "1 of 1 agents: with too little"));
    cluster_agent(cluster, "cpus:2;mem:100");
    assert_says(cluster, framework, "1 offers are out");
    assert_says(cluster, framework, "all that it said it needs is met or offered");
}

/* The answer has lines, and a framework must not be able to add one. */
static void name_of_a_need_is_on_one_line(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    state_need_named(cluster, framework, "w\nrole ads: \x1b[2J", "cpus:2;mem:100", 1, NULL);
    cluster_agent(cluster, "cpus:1.5;mem:400");
    assert_says(cluster, framework, "lacks 0.5 cpus for need w\\nrole ads: \\x1b[2J");
}

static void constraints_are_said(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    const struct constraint_info constraint = {
        .attribute = "rack", .kind = CONSTRAINT_EXISTS, .value = ""};

    (void)state;
    state_need(cluster, framework, "cpus:1", 0, &constraint);
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_says(cluster, framework, "1 of 1 agents: that meet the constraints of no open need");
    state_need(cluster, framework, "cpus:1", 0, NULL);
    assert_says(cluster, framework, "role *: 1 offers are out");
}

static void reserved_small_and_lost_agents_are_said(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    struct node lost = cluster_agent(cluster, "cpus(ads):4;mem(ads):400");

    (void)state;
    cluster_agent(cluster, "cpus:0.001;mem:1");
    cluster_agent(cluster, "cpus(ads):4;mem{REV}:400");
    cluster_close(cluster, lost.session);
    assert_says(cluster, framework, "1 of 3 agents: without a connection");
    assert_says(cluster, framework, "1 of 3 agents: with nothing but what is for others");
    assert_says(cluster, framework,
                "1 of 3 agents: with too little free for any offer; the nearest "
                "miss: agent M-S1 lacks 0.009 cpus for any offer");
}

static void agents_out_of_use_are_said(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");

    (void)state;
    cluster_operator(cluster, MESSAGE(OPERATOR_DEACTIVATE_AGENT, operator_deactivate_agent,
                                      .agent_id = agent.id));
    assert_says(cluster, framework, "role *: 0 offers are out");
    assert_says(cluster, framework, "1 of 1 agents: taken out of use by an operator");
    cluster_operator(cluster, MESSAGE(OPERATOR_REACTIVATE_AGENT, operator_reactivate_agent,
                                      .agent_id = agent.id));
    assert_says(cluster, framework, "role *: 1 offers are out");
}

/* It is the agent that has too little, whatever a quota would keep besides. */
static void what_an_agent_lacks_is_not_blamed_on_a_quota(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, "ads");
    const struct resource_info limit = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1};

    (void)state;
    cluster_operator(cluster, MESSAGE(OPERATOR_SET_QUOTA, operator_set_quota, .role = "ads",
                                      .limits = &limit, .limits_count = 1));
    cluster_agent(cluster, "cpus:0.004;mem:1");
    assert_says(cluster, framework, "agent M-S0 lacks 0.006 cpus for any offer");
}

static void cap_is_said(void **state)
{
    CLUSTER((&(struct master_settings){.offers_max = 1}));
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_says(cluster, framework, "it holds as many offers as it may");
}

static void unknown_names_are_said(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, "a");
    const struct {
        struct msg_operator_explain call;
        int code;
    } cases[] = {
        {{.framework = "nobody"}, 404},
        {{.framework = "test"}, 200},
        {{.framework = framework.id, .role = "b"}, 404},
        {{.framework = framework.id, .agent_id = "S9"}, 404},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(cluster_operator(cluster, (struct message){.type = MSG_OPERATOR_EXPLAIN,
                                                                    .body = &cases[i].call})
                             .code,
                         cases[i].code);
    cluster_framework(cluster, "a");
    assert_int_equal(
        cluster_operator(cluster, MESSAGE(OPERATOR_EXPLAIN, operator_explain, .framework = "test"))
            .code,
        409);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suppressed_role_is_said),
        cmocka_unit_test(filters_are_said_with_their_time),
        cmocka_unit_test(limit_is_said),
        cmocka_unit_test(headroom_is_said),
        cmocka_unit_test(nearest_miss_is_said),
        cmocka_unit_test(name_of_a_need_is_on_one_line),
        cmocka_unit_test(constraints_are_said),
        cmocka_unit_test(reserved_small_and_lost_agents_are_said),
        cmocka_unit_test(agents_out_of_use_are_said),
        cmocka_unit_test(what_an_agent_lacks_is_not_blamed_on_a_quota),
        cmocka_unit_test(cap_is_said),
        cmocka_unit_test(unknown_names_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
