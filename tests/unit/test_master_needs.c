/* tests/unit/test_master_needs.c - a framework says what it needs, and is offered that. Also: how many
 * offers it holds, for how long, and how one who always declines is asked. */
#include "tests/unit/master_fixture.h"

#include <string.h>

static struct need_info need(struct cluster *cluster, const char *name, const char *minimum,
                             const char *wanted, int64_t count)
{
    struct need_info info = {.name = name, .count = count};

    info.minimum = cluster_resources(cluster, minimum, &info.minimum_count);
    info.wanted = cluster_resources(cluster, wanted, &info.wanted_count);
    return info;
}

static void state_needs(struct cluster *cluster, struct node framework,
                        const struct need_info *needs, size_t count)
{
    const struct role_needs role = {.role = "*", .needs = needs, .needs_count = count};

    cluster_framework_says(cluster, framework.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
}

/* A framework that needs this in role "*" from the start. */
static struct node needy(struct cluster *cluster, struct need_info info)
{
    struct node framework = {.session = cluster_session(cluster)};
    const struct framework_info self = {.name = "needy"};
    const struct role_needs role = {.role = "*", .needs = &info, .needs_count = 1};

    cluster_framework_says(
        cluster, framework.session,
        MESSAGE(SUBSCRIBE, subscribe, .framework = &self, .needs = &role, .needs_count = 1));
    framework.id =
        cluster_last(cluster, framework.session, MSG_SUBSCRIBED)->subscribed->framework_id;
    return framework;
}

static const char *newest(struct cluster *cluster, struct node framework)
{
    return cluster_offered(cluster, cluster_offer(cluster, framework));
}

static struct node agent_with(struct cluster *cluster, const char *resources, const char *attribute,
                              const char *value)
{
    struct node agent = {.session = cluster_session(cluster)};
    const struct attribute_info attributes = {.name = attribute, .kind = VALUE_TEXT, .text = value};
    struct agent_info info = {.hostname = "node7",
                              .address = "127.0.0.1:1",
                              .attributes = &attributes,
                              .attributes_count = 1};

    info.resources = cluster_resources(cluster, resources, &info.resources_count);
    cluster_agent_says(cluster, agent.session,
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    agent.id =
        cluster_last(cluster, agent.session, MSG_AGENT_REGISTERED)->agent_registered->agent_id;
    return agent;
}

/* --- sizes -------------------------------------------------------------------------------- */

static void need_is_offered_and_the_rest_goes_to_others_in_the_same_round(void **state)
{
    CLUSTER(NULL);
    struct node web = needy(cluster, need(cluster, "web", "cpus:1;mem:100;ports:2", "", 2)), other;

    (void)state;
    other = cluster_framework(cluster, NULL);
    cluster_agent(cluster, "cpus:8;mem:800;disk:50;ports:[1-9]");
    assert_string_equal(newest(cluster, web), "cpus:2;mem:200;ports:[1-4]");
    assert_string_equal(cluster_offer(cluster, web)->need, "web");
    assert_int_equal(cluster_offer(cluster, web)->units, 2);
    assert_string_equal(newest(cluster, other), "cpus:6;disk:50;mem:600;ports:[5-9]");
    assert_int_equal(cluster_count(cluster, web.session, MSG_OFFERS), 1);
}

static void what_is_wanted_is_given_if_there_is_as_much(void **state)
{
    CLUSTER(NULL);
    struct node web =
        needy(cluster, need(cluster, "web", "cpus:1;mem:100", "cpus:2;mem:400;disk:10", 4));

    (void)state;
    cluster_agent(cluster, "cpus:3;mem:500;disk:15");
    assert_int_equal(cluster_offer(cluster, web)->units, 3);
    assert_string_equal(newest(cluster, web), "cpus:3;disk:15;mem:500");
    cluster_agent(cluster, "cpus:9;mem:900");
    assert_int_equal(cluster_offer(cluster, web)->units, 1);
    assert_string_equal(newest(cluster, web), "cpus:2;mem:400");
    cluster_agent(cluster, "cpus:9;mem:900");
    assert_int_equal(cluster_offers_count(cluster, web), 2);
}

static void agent_with_less_than_the_minimum_is_not_offered(void **state)
{
    CLUSTER(NULL);
    struct node web = needy(cluster, need(cluster, "web", "cpus:2;ports:3", "", 0));

    (void)state;
    cluster_agent(cluster, "cpus:1.9;ports:[1-9]");
    cluster_agent(cluster, "cpus:9;ports:[1-2]");
    cluster_agent(cluster, "cpus:9;mem:512");
    assert_int_equal(cluster_offers_count(cluster, web), 0);
    cluster_agent(cluster, "cpus:2;ports:[1-3]");
    assert_int_equal(cluster_offers_count(cluster, web), 1);
}

static void first_need_that_the_agent_serves_counts(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    struct need_info needs[] = {need(cluster, "big", "cpus:4", "", 1),
                                need(cluster, "small", "cpus:1", "", 1)};

    (void)state;
    state_needs(cluster, framework, needs, 2);
    cluster_agent(cluster, "cpus:3");
    assert_string_equal(cluster_offer(cluster, framework)->need, "small");
    cluster_agent(cluster, "cpus:6");
    assert_string_equal(cluster_offer(cluster, framework)->need, "big");
    assert_string_equal(newest(cluster, framework), "cpus:4");
    cluster_agent(cluster, "cpus:64");
    assert_int_equal(cluster_offers_count(cluster, framework), 2);
}

static void equal_needs_share_an_agent(void **state)
{
    CLUSTER(NULL);
    struct node a = needy(cluster, need(cluster, "n", "cpus:1;mem:10", "", 0));
    struct node b = needy(cluster, need(cluster, "n", "cpus:1;mem:10", "", 0));

    (void)state;
    cluster_agent(cluster, "cpus:16;mem:160");
    assert_string_equal(newest(cluster, a), "cpus:8;mem:80");
    assert_string_equal(newest(cluster, b), "cpus:8;mem:80");
}

static void what_is_reserved_for_the_role_is_taken_first(void **state)
{
    CLUSTER(NULL);
    struct node ads = cluster_framework(cluster, "ads");
    const struct need_info info = need(cluster, "n", "cpus:3", "", 1);
    const struct role_needs role = {.role = "ads", .needs = &info, .needs_count = 1};

    (void)state;
    cluster_framework_says(cluster, ads.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
    cluster_agent(cluster, "cpus(ads):2;cpus:4");
    assert_string_equal(newest(cluster, ads), "cpus:1;cpus(ads):2");
}

static void dynamic_reservations_serve_needs_and_volumes_do_not(void **state)
{
    CLUSTER(NULL);
    struct node db = cluster_framework(cluster, "eng/db");
    const struct need_info info = need(cluster, "n", "cpus:4;disk:10", "", 1);
    const struct role_needs role = {.role = "eng/db", .needs = &info, .needs_count = 1};

    (void)state;
    cluster_framework_says(cluster, db.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
    cluster_agent(cluster, "cpus(eng):1;cpus(eng)(eng/db dynamic by ops):2;cpus:4;disk:10;"
                           "disk(eng/db)[v by ops]:20");
    assert_string_equal(newest(cluster, db),
                        "cpus:1;cpus(eng):1;cpus(eng)(eng/db dynamic by ops):2;disk:10");
}

/* --- how many ------------------------------------------------------------------------------ */

static void declined_units_are_offered_elsewhere_and_accepted_ones_are_met(void **state)
{
    CLUSTER(NULL);
    struct node web = needy(cluster, need(cluster, "web", "cpus:1;mem:100", "", 1));

    (void)state;
    cluster_agent(cluster, "cpus:1;mem:100");
    cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, web), 1);
    cluster_decline(cluster, web, cluster_offer(cluster, web)->id, 3600 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, web), 2);
    cluster_launch(cluster, web, "t1", "cpus:1;mem:100");
    cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, web), 2);
}

static void needs_stated_anew_count_what_is_offered_already(void **state)
{
    CLUSTER(NULL);
    struct node web = needy(cluster, need(cluster, "web", "cpus:1;mem:100", "", 1));
    const struct need_info two = need(cluster, "web", "cpus:1;mem:100", "", 2);

    (void)state;
    for (int i = 0; i < 3; i++)
        cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, web), 1);
    state_needs(cluster, web, &two, 1);
    assert_int_equal(cluster_offers_count(cluster, web), 2);
    state_needs(cluster, web, NULL, 0);
    assert_int_equal(cluster_offers_count(cluster, web), 3);
    assert_string_equal(cluster_offer(cluster, web)->need, "");
}

static void needs_are_forgotten_with_the_subscription_that_had_them(void **state)
{
    CLUSTER(NULL);
    struct node web = needy(cluster, need(cluster, "web", "cpus:1", "", 1));
    const struct framework_info again = {.id = web.id, .name = "needy"};

    (void)state;
    cluster_close(cluster, web.session);
    web = cluster_subscribe(cluster, again);
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_string_equal(newest(cluster, web), "cpus:4;mem:400");
}

/* --- where ------------------------------------------------------------------------------------ */

static bool is_for(const char *attribute, enum constraint_kind kind, const char *value)
{
    CLUSTER(NULL);
    const struct constraint_info constraint = {
        .attribute = attribute, .kind = kind, .value = value};
    struct need_info info = need(cluster, "n", "cpus:1", "", 0);
    struct node framework;

    info.constraints = &constraint;
    info.constraints_count = 1;
    framework = needy(cluster, info);
    agent_with(cluster, "cpus:4;mem:400", "rack", "r12-b");
    return cluster_offers_count(cluster, framework) == 1;
}

static void constraints_decide_which_agents_are_offered(void **state)
{
    (void)state;
    assert_true(is_for("rack", CONSTRAINT_EXISTS, ""));
    assert_false(is_for("zone", CONSTRAINT_EXISTS, ""));
    assert_true(is_for("zone", CONSTRAINT_NOT_EXISTS, ""));
    assert_true(is_for("rack", CONSTRAINT_EQUALS, "r12-b"));
    assert_false(is_for("rack", CONSTRAINT_EQUALS, "r12"));
    assert_true(is_for("rack", CONSTRAINT_NOT_EQUALS, "r12"));
    assert_true(is_for("zone", CONSTRAINT_NOT_EQUALS, "x"));
    assert_true(is_for("rack", CONSTRAINT_MATCHES, "r*-?"));
    assert_true(is_for("rack", CONSTRAINT_MATCHES, "*1*b*"));
    assert_false(is_for("rack", CONSTRAINT_MATCHES, "r?-b"));
    assert_false(is_for("rack", CONSTRAINT_NOT_MATCHES, "r1*"));
    assert_true(is_for("hostname", CONSTRAINT_EQUALS, "node7"));
}

/* --- what is refused ---------------------------------------------------------------------------- */

static void assert_bad(struct need_info info, const char *words)
{
    CLUSTER(NULL);
    const struct framework_info self = {.name = "x"};
    const struct role_needs role = {.role = "*", .needs = &info, .needs_count = 1};
    uint64_t session = cluster_session(cluster);

    cluster_framework_says(
        cluster, session,
        MESSAGE(SUBSCRIBE, subscribe, .framework = &self, .needs = &role, .needs_count = 1));
    assert_non_null(strstr(cluster_last(cluster, session, MSG_ERROR)->error->message, words));
}

static void bad_needs_are_refused_with_a_reason(void **state)
{
    CLUSTER(NULL);
    const struct resource_info nothing = {.name = "cpus", .kind = VALUE_SCALAR};

    (void)state;
    assert_bad((struct need_info){.name = "n", .minimum = &nothing, .minimum_count = 1},
               "minimum is nothing");
    assert_bad(need(cluster, "n", "ports:[1-2]", "", 0), "expected a plain number");
    assert_bad(need(cluster, "n", "cpus(ads):1", "", 0), "expected a plain number");
    assert_bad(need(cluster, "n", "cpus:1", "", INT64_MAX), "count is above");
    assert_bad(need(cluster, "n", "mem:9000000000000", "", 1), "too large");
}

/* --- manners ---------------------------------------------------------------------------------------- */

static struct node mannered(struct cluster *cluster, int64_t offers_max, int64_t timeout_ms)
{
    struct node framework = {.session = cluster_session(cluster)};
    const struct framework_info self = {.name = "mannered"};

    cluster_framework_says(cluster, framework.session,
                           MESSAGE(SUBSCRIBE, subscribe, .framework = &self,
                                   .offers_max = offers_max, .offer_timeout_ms = timeout_ms));
    return framework;
}

static void framework_holds_no_more_offers_than_it_may(void **state)
{
    CLUSTER((&(struct master_settings){.offers_max = 3}));
    struct node two = mannered(cluster, 2, 0), other;

    (void)state;
    for (int i = 0; i < 10; i++)
        cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, two), 2);
    cluster_decline(cluster, two, cluster_offer(cluster, two)->id, 3600 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, two), 3);
    other = cluster_framework(cluster, NULL);
    assert_int_equal(cluster_offers_count(cluster, other), 3);
    cluster_launch(cluster, other, "t1", "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, other), 4);
}

static void offers_end_when_their_framework_says_so(void **state)
{
    CLUSTER(NULL);
    struct node hasty = mannered(cluster, 0, 2 * SECOND);

    (void)state;
    cluster_agent(cluster, "cpus:1;mem:100");
    cluster_pass(cluster, 2 * SECOND - 1);
    assert_int_equal(cluster_count(cluster, hasty.session, MSG_RESCIND), 0);
    cluster_pass(cluster, 1);
    assert_int_equal(cluster_count(cluster, hasty.session, MSG_RESCIND), 1);
}

static size_t rounds_in(struct cluster *cluster, struct node framework, int64_t ms)
{
    size_t rounds = 0;

    for (int64_t i = 0; i < ms; i += 10) {
        size_t before = cluster_offers_count(cluster, framework);

        cluster_pass(cluster, 10);
        if (cluster_offers_count(cluster, framework) == before)
            continue;
        cluster_decline(cluster, framework, cluster_offer(cluster, framework)->id, 0);
        rounds++;
    }
    return rounds;
}

static void one_who_always_declines_is_asked_ever_more_rarely(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_agent(cluster, "cpus:1;mem:100");
    cluster_decline(cluster, framework, cluster_offer(cluster, framework)->id, 0);
    assert_in_range(rounds_in(cluster, framework, 10 * SECOND), 8, 10);
    assert_in_range(rounds_in(cluster, framework, 90 * SECOND), 3, 4);
    /* Until it says that it is otherwise now. */
    cluster_framework_says(cluster, framework.session, MESSAGE(REVIVE, revive, .roles = NULL));
    cluster_decline(cluster, framework, cluster_offer(cluster, framework)->id, 0);
    assert_in_range(rounds_in(cluster, framework, 10 * SECOND), 8, 10);
}

static void refusals_of_one_round_are_one(void **state)
{
    CLUSTER(NULL);
    struct node framework;

    (void)state;
    for (int i = 0; i < 20; i++)
        cluster_agent(cluster, "cpus:1;mem:100");
    framework = cluster_framework(cluster, NULL);
    for (int i = 0; i < 20; i++)
        cluster_decline(cluster, framework, arena_printf(cluster->arena, "M-O%d", i), 0);
    cluster_pass(cluster, 10);
    assert_int_equal(cluster_offers_count(cluster, framework), 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(need_is_offered_and_the_rest_goes_to_others_in_the_same_round),
        cmocka_unit_test(what_is_wanted_is_given_if_there_is_as_much),
        cmocka_unit_test(agent_with_less_than_the_minimum_is_not_offered),
        cmocka_unit_test(first_need_that_the_agent_serves_counts),
        cmocka_unit_test(equal_needs_share_an_agent),
        cmocka_unit_test(what_is_reserved_for_the_role_is_taken_first),
        cmocka_unit_test(dynamic_reservations_serve_needs_and_volumes_do_not),
        cmocka_unit_test(declined_units_are_offered_elsewhere_and_accepted_ones_are_met),
        cmocka_unit_test(needs_stated_anew_count_what_is_offered_already),
        cmocka_unit_test(needs_are_forgotten_with_the_subscription_that_had_them),
        cmocka_unit_test(constraints_decide_which_agents_are_offered),
        cmocka_unit_test(bad_needs_are_refused_with_a_reason),
        cmocka_unit_test(framework_holds_no_more_offers_than_it_may),
        cmocka_unit_test(offers_end_when_their_framework_says_so),
        cmocka_unit_test(one_who_always_declines_is_asked_ever_more_rarely),
        cmocka_unit_test(refusals_of_one_round_are_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
