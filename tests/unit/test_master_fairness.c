/* tests/unit/test_master_fairness.c - who is offered what first: dominant shares, roles, turns. */
#include "tests/unit/master_fixture.h"

#include <string.h>

/* Launch a task that takes the whole of the framework's newest offer. */
static void take_all(struct cluster *cluster, struct node framework, const char *task_id)
{
    const struct offer_info *offer = cluster_offer(cluster, framework);

    cluster_launch(cluster, framework, task_id, cluster_offered(cluster, offer));
}

static void framework_with_the_smaller_share_comes_first(void **state)
{
    CLUSTER(NULL);
    struct node rich = cluster_framework(cluster, NULL), poor;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    take_all(cluster, rich, "t1");
    poor = cluster_framework(cluster, NULL);
    cluster_agent(cluster, "cpus:2;mem:200");
    assert_int_equal(cluster_offers_count(cluster, poor), 1);
    take_all(cluster, poor, "t1");
    cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, poor), 2);
    assert_int_equal(cluster_offers_count(cluster, rich), 1);
}

static void largest_of_the_shares_counts(void **state)
{
    CLUSTER(NULL);
    struct node cpus = cluster_framework(cluster, NULL), mem, most;

    (void)state;
    cluster_agent(cluster, "cpus:3;mem:10");
    take_all(cluster, cpus, "t1");
    mem = cluster_framework(cluster, NULL);
    cluster_agent(cluster, "cpus:0.1;mem:2000");
    take_all(cluster, mem, "t1");
    most = cluster_framework(cluster, NULL);
    cluster_agent(cluster, "cpus:4.9;mem:5990");
    take_all(cluster, most, "t1");
    /* A third of the cpus against a quarter of the memory. */
    cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, mem), 2);
    take_all(cluster, mem, "t2");
    cluster_agent(cluster, "mem:1000");
    take_all(cluster, mem, "t3");
    /* And now against more than a third of the memory. */
    cluster_agent(cluster, "cpus:0.1;mem:40");
    assert_int_equal(cluster_offers_count(cluster, cpus), 2);
}

static void roles_share_before_their_frameworks_do(void **state)
{
    CLUSTER(NULL);
    struct node a1 = cluster_framework(cluster, "a"), a2, b;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    take_all(cluster, a1, "t1");
    a2 = cluster_framework(cluster, "a");
    b = cluster_framework(cluster, "b");
    /* a2 holds nothing, but its role has all. */
    cluster_agent(cluster, "cpus:2;mem:200");
    take_all(cluster, b, "t1");
    cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, b), 2);
    take_all(cluster, b, "t2");
    cluster_agent(cluster, "cpus:10;mem:1000");
    take_all(cluster, b, "t3");
    cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, a2), 1);
    assert_int_equal(cluster_offers_count(cluster, a1), 1);
}

static void offered_counts_as_held(void **state)
{
    CLUSTER(NULL);
    struct node first = cluster_framework(cluster, NULL);
    struct node second = cluster_framework(cluster, NULL);

    (void)state;
    for (int i = 0; i < 10; i++)
        cluster_agent(cluster, "cpus:4;mem:400");
    assert_int_equal(cluster_offers_count(cluster, first), 5);
    assert_int_equal(cluster_offers_count(cluster, second), 5);
}

static void those_who_hold_nothing_take_turns(void **state)
{
    CLUSTER(NULL);
    struct node frameworks[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        frameworks[i] = cluster_framework(cluster, NULL);
    cluster_agent(cluster, "cpus:4;mem:400");
    for (int i = 0; i < 9; i++) {
        struct node turn = frameworks[i % 3];

        assert_int_equal(cluster_offers_count(cluster, turn), (size_t)i / 3 + 1);
        cluster_decline(cluster, turn, cluster_offer(cluster, turn)->id, 0);
        cluster_pass(cluster, SECOND);
    }
}

static void newcomer_does_not_get_all_the_turns_it_missed(void **state)
{
    CLUSTER(NULL);
    struct node old = cluster_framework(cluster, NULL), new;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    /* Few enough that it is not asked more rarely yet. */
    for (int i = 0; i < 5; i++)
        cluster_pass(cluster, 30 * SECOND);
    new = cluster_framework(cluster, NULL);
    cluster_forget(cluster);
    /* Neither answers: an offer is rescinded and made anew every half minute. */
    cluster_pass(cluster, 300 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, new), 5);
    assert_int_equal(cluster_offers_count(cluster, old), 5);
}

/* Else two of them keep one that uses something, and so comes after them, from its turn for ever. */
static void who_never_answers_is_asked_ever_more_rarely(void **state)
{
    CLUSTER(NULL);
    struct node silent[2], agent, settled = cluster_framework(cluster, "own");

    (void)state;
    agent = cluster_agent(cluster, "cpus:4;mem:400");
    cluster_launch(cluster, settled, "t", "cpus:1;mem:100");
    cluster_pass(cluster, 6 * SECOND);
    cluster_decline(cluster, settled, cluster_offer(cluster, settled)->id, 0);
    for (int i = 0; i < 2; i++)
        silent[i] = cluster_framework(cluster, "ads");
    cluster_forget(cluster);
    cluster_pass(cluster, 1800 * SECOND);
    assert_true(cluster_offers_count(cluster, silent[0]) > 10);
    assert_true(cluster_offers_count(cluster, settled) > 0);
    (void)agent;
}

/* Answers its newest offer, if that is one that it has not answered, with an accept of those tasks. */
static size_t accept_newest(struct cluster *cluster, struct node framework, size_t answered,
                            const struct task_info *tasks, size_t tasks_count)
{
    size_t offers = cluster_offers_count(cluster, framework);

    if (offers > answered)
        cluster_accept(cluster, framework, cluster_offer(cluster, framework)->id, tasks,
                       tasks_count, 0);
    return offers;
}

/* Two frameworks always accept, with these tasks; has one that uses something, and so comes after them, its
 * turn within ten minutes? */
static bool settled_has_a_turn_beside(const struct task_info *tasks, size_t tasks_count)
{
    CLUSTER(NULL);
    struct node hollow[2], settled = cluster_framework(cluster, "own");
    size_t answered[2] = {0}, before;

    cluster_agent(cluster, "cpus:4;mem:400");
    cluster_launch(cluster, settled, "t", "cpus:1;mem:100");
    cluster_pass(cluster, 6 * SECOND);
    for (int i = 0; i < 2; i++)
        hollow[i] = cluster_framework(cluster, "ads");
    before = cluster_offers_count(cluster, settled);
    cluster_decline(cluster, settled, cluster_offer(cluster, settled)->id, 0);
    assert_int_equal(cluster_offers_count(cluster, settled), before);
    for (int i = 0; i < 3000 && cluster_offers_count(cluster, settled) == before; i++) {
        answered[i % 2] =
            accept_newest(cluster, hollow[i % 2], answered[i % 2], tasks, tasks_count);
        cluster_pass(cluster, 200);
    }
    return cluster_offers_count(cluster, settled) > before;
}

static void who_accepts_for_nothing_is_asked_ever_more_rarely(void **state)
{
    (void)state;
    assert_true(settled_has_a_turn_beside(NULL, 0));
}

static void who_accepts_for_tasks_that_are_wrong_is_asked_ever_more_rarely(void **state)
{
    static const struct command_info command = {.value = "true"};
    const struct task_info wrong = {
        .task_id = "w", .name = "w", .agent_id = "nowhere", .command = &command};

    (void)state;
    assert_true(settled_has_a_turn_beside(&wrong, 1));
}

static void make_optimistic(struct cluster *cluster, const char *role)
{
    assert_int_equal(cluster_operator(cluster, MESSAGE(OPERATOR_SET_OFFERS, operator_set_offers,
                                                       .role = role, .offers = OFFERS_OPTIMISTIC))
                         .code,
                     200);
}

/* Two each in a role below its own and in another, one of which always looks at the agent, and nobody answers: were
 * the turn of its role that of those below it, it would come after the other role for ever. */
static void those_who_are_shown_something_do_not_take_the_turn_of_an_exclusive_one(void **state)
{
    const int64_t timeout_ms = 10 * SECOND;
    CLUSTER((&(struct master_settings){.offer_timeout_ms = timeout_ms}));
    struct node alone;

    (void)state;
    make_optimistic(cluster, "ads/eu");
    make_optimistic(cluster, "web");
    cluster_agent(cluster, "cpus:4;mem:400");
    alone = cluster_framework(cluster, "ads");
    cluster_framework(cluster, "ads/eu");
    cluster_framework(cluster, "web");
    cluster_decline(cluster, alone, cluster_offer(cluster, alone)->id, 0);
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_counter(cluster, "master/optimistic/offers_made"), 2);
    cluster_framework(cluster, "ads/eu");
    cluster_framework(cluster, "web");
    /* Of two roles, and two in its own: and before each turn something shown. */
    cluster_pass(cluster, 2 * 2 * 2 * timeout_ms);
    assert_true(cluster_offers_count(cluster, alone) > 1);
}

static void saturated_frameworks_end_with_equal_shares(void **state)
{
    CLUSTER(NULL);
    struct node frameworks[4];
    size_t tasks[4] = {0};

    (void)state;
    for (int i = 0; i < 4; i++)
        frameworks[i] = cluster_framework(cluster, i % 2 ? "a" : "b");
    for (int i = 0; i < 40; i++)
        cluster_agent(cluster, "cpus:1;mem:100");
    for (int i = 0; i < 4; i++)
        tasks[i] = cluster_offers_count(cluster, frameworks[i]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(tasks[i], 10);
}

static void multi_role_framework_counts_in_each_role(void **state)
{
    CLUSTER(NULL);
    const char *const roles[] = {"a", "b"};
    struct node both = cluster_subscribe(
        cluster, (struct framework_info){.name = "x", .roles = roles, .roles_count = 2});
    struct node only = cluster_framework(cluster, "b");

    (void)state;
    for (int i = 0; i < 8; i++)
        cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(cluster_offers_count(cluster, both), 6);
    assert_int_equal(cluster_offers_count(cluster, only), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framework_with_the_smaller_share_comes_first),
        cmocka_unit_test(largest_of_the_shares_counts),
        cmocka_unit_test(roles_share_before_their_frameworks_do),
        cmocka_unit_test(offered_counts_as_held),
        cmocka_unit_test(those_who_hold_nothing_take_turns),
        cmocka_unit_test(newcomer_does_not_get_all_the_turns_it_missed),
        cmocka_unit_test(who_never_answers_is_asked_ever_more_rarely),
        cmocka_unit_test(who_accepts_for_nothing_is_asked_ever_more_rarely),
        cmocka_unit_test(who_accepts_for_tasks_that_are_wrong_is_asked_ever_more_rarely),
        cmocka_unit_test(those_who_are_shown_something_do_not_take_the_turn_of_an_exclusive_one),
        cmocka_unit_test(saturated_frameworks_end_with_equal_shares),
        cmocka_unit_test(multi_role_framework_counts_in_each_role),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
