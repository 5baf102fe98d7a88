/* tests/unit/test_master_preempt_choice.c - whose tasks give way to whom, and how many. */
#include "tests/unit/preempt_scene.h"

#include <stdio.h>
#include <string.h>

#include "master/core/preempt_state.h"

/* --- who gives way ----------------------------------------------------------------------- */

static void equal_priority_takes_nothing(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    set_priority(cluster, "low", 10);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void role_without_a_priority_has_that_of_the_role_above(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    needy_in(cluster, "high/web", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
}

static void within_a_role_lower_tasks_give_way(void **state)
{
    CLUSTER(&preempting_master);
    struct node low;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    low = framework_in(cluster, "ads", true);
    runs(cluster, low, "a", "cpus:2;mem:200", 1);
    cluster_agent(cluster, "cpus:4;mem:400");
    runs(cluster, low, "b", "cpus:4;mem:400", 5);
    cluster_agent(cluster, "cpus:2;mem:200");
    runs(cluster, low, "c", "cpus:2;mem:200", 0);
    needy_in(cluster, "ads", "cpus:2;mem:200", 1, 1);
    cluster_pass(cluster, 2 * SECOND);
    /* "a" is on an agent with room. */
    assert_int_equal(notices(cluster, low), 0);
    needy_in(cluster, "ads", "cpus:2;mem:200", 1, 1);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    assert_string_equal(notice(cluster, low)->task_id, "c");
}

static void task_has_at_least_the_priority_of_its_need(void **state)
{
    CLUSTER(&preempting_master);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node low = framework_in(cluster, "ads", true), high;

    (void)state;
    runs(cluster, low, "t", "cpus:4;mem:400", 0);
    high = needy_in(cluster, "ads", "cpus:4;mem:400", 1, 2);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    cluster_status(cluster, agent, low.id, "t", TASK_FINISHED, 0);
    runs(cluster, high, "h", "cpus:4;mem:400", 0);
    assert_int_equal(cluster_last(cluster, agent.session, MSG_RUN_TASK)->run_task->task->priority,
                     2);
    /* So its victim cannot drive it out in turn. */
    needs(cluster, low, "ads", "cpus:4;mem:400", 1, 2);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, high), 0);
}

static void role_takes_back_what_it_is_guaranteed(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    set_priority(cluster, "low", 100); /* guarantees come before priorities */
    set_quota(cluster, "ads", "cpus:2;mem:100", NULL);
    needy_in(cluster, "ads", "cpus:2;mem:100", 2, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 1);
}

/* That a role in it lacks more still does not make what the role has anybody else's. */
static void what_a_role_is_guaranteed_is_its_own_whatever_those_in_it_lack(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    set_quota(cluster, "low", "cpus:4", NULL);
    set_quota(cluster, "low/eu", "cpus:8", NULL);
    set_quota(cluster, "high", "cpus:2", NULL);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 10 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
    set_quota(cluster, "low", "cpus:2", NULL);
    cluster_pass(cluster, 10 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
    set_quota(cluster, "low", NULL, NULL);
    cluster_pass(cluster, 10 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
}

static void two_roles_take_back_what_they_are_guaranteed_at_once(void **state)
{
    CLUSTER(&preempting_master);
    struct node low, agents[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        agents[i] = cluster_agent(cluster, "cpus:4;mem:400");
        if (!i)
            low = framework_in(cluster, "low", true);
        runs(cluster, low, i ? "b" : "a", "cpus:4;mem:400", 0);
    }
    set_quota(cluster, "ads", "cpus:3", NULL);
    set_quota(cluster, "web", "cpus:3", NULL);
    needy_in(cluster, "ads", "cpus:3;mem:100", 1, 0);
    cluster_pass(cluster, 5 * SECOND);
    needy_in(cluster, "web", "cpus:3;mem:100", 1, 0);
    cluster_pass(cluster, GRACE + 5 * SECOND);
    assert_int_equal(kills(cluster, agents[0]) + kills(cluster, agents[1]), 2);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_withdrawn"), 0);
}

static void guarantee_takes_no_more_than_it_lacks(void **state)
{
    CLUSTER(&preempting_master);
    struct node low;

    (void)state;
    for (int i = 0; i < 3; i++)
        cluster_agent(cluster, "cpus:2;mem:200");
    low = framework_in(cluster, "low", true);
    for (int i = 0; i < 3; i++) {
        const char *offer = arena_printf(cluster->arena, "M-O%d", i);
        const char *agent = arena_printf(cluster->arena, "M-S%d", i);
        struct task_info task =
            cluster_task(cluster, arena_printf(cluster->arena, "t%d", i), agent, "cpus:2;mem:200");

        cluster_accept(cluster, low, offer, &task, 1, HOUR);
    }
    set_quota(cluster, "ads", "cpus:5;mem:500", NULL);
    needy_in(cluster, "ads", "cpus:2;mem:200", 3, 0);
    cluster_pass(cluster, 20 * SECOND);
    assert_int_equal(notices(cluster, low), 2);
}

static void nobody_is_pushed_below_its_guarantee(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    set_quota(cluster, "low", "cpus:3", NULL);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void what_is_held_beyond_a_guarantee_gives_way(void **state)
{
    CLUSTER(&preempting_master);
    struct node low;
    struct task_info tasks[2];

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    set_priority(cluster, "high", 10);
    low = framework_in(cluster, "low", true);
    tasks[0] = cluster_task(cluster, "a", "M-S0", "cpus:2;mem:200");
    tasks[1] = cluster_task(cluster, "b", "M-S0", "cpus:2;mem:200");
    cluster_accept(cluster, low, cluster_offer(cluster, low)->id, tasks, 2, HOUR);
    set_quota(cluster, "low", "cpus:2;mem:100", NULL);
    needy_in(cluster, "high", "cpus:2;mem:100", 2, 0);
    cluster_pass(cluster, 20 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
}

static void below_a_common_limit_one_gives_way_to_the_other(void **state)
{
    CLUSTER(&preempting_master);
    struct node low;

    (void)state;
    set_quota(cluster, "eng", NULL, "cpus:4;mem:400");
    cluster_agent(cluster, "cpus:8;mem:800");
    low = framework_in(cluster, "eng/low", true);
    runs(cluster, low, "t", "cpus:4;mem:400", 0);
    set_priority(cluster, "eng/high", 1);
    needy_in(cluster, "eng/high", "cpus:4;mem:400", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
}

static void nobody_gives_way_for_what_the_role_may_not_have(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    set_quota(cluster, "high", NULL, "cpus:1;mem:100");
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void nobody_gives_way_when_that_would_not_be_enough(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    needy_in(cluster, "high", "cpus:5;mem:100", 1, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void as_few_as_possible_give_way(void **state)
{
    CLUSTER(&preempting_master);
    struct node low;
    struct task_info tasks[3];

    (void)state;
    cluster_agent(cluster, "cpus:7;mem:700");
    set_priority(cluster, "high", 10);
    low = framework_in(cluster, "low", true);
    tasks[0] = cluster_task(cluster, "small", "M-S0", "cpus:1;mem:100");
    tasks[1] = cluster_task(cluster, "large", "M-S0", "cpus:4;mem:400");
    tasks[2] = cluster_task(cluster, "other", "M-S0", "cpus:2;mem:200");
    tasks[1].priority = 1;
    tasks[2].priority = 2;
    cluster_accept(cluster, low, cluster_offer(cluster, low)->id, tasks, 3, HOUR);
    /* The small one comes first and is not needed then. */
    needy_in(cluster, "high", "cpus:4;mem:400", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    assert_string_equal(notice(cluster, low)->task_id, "large");
}

static void of_equal_tasks_the_youngest_gives_way(void **state)
{
    CLUSTER(&preempting_master);
    struct node low;

    (void)state;
    cluster_agent(cluster, "cpus:1;mem:100");
    low = framework_in(cluster, "low", true);
    runs(cluster, low, "old", "cpus:1;mem:100", 0);
    cluster_pass(cluster, SECOND);
    cluster_agent(cluster, "cpus:1;mem:100");
    runs(cluster, low, "young", "cpus:1;mem:100", 0);
    set_priority(cluster, "high", 10);
    needy_in(cluster, "high", "cpus:1;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_string_equal(notice(cluster, low)->task_id, "young");
}

static void revocable_tasks_give_way_to_anybody(void **state)
{
    CLUSTER(&preempting_master);
    struct node low;

    (void)state;
    cluster_agent(cluster, "cpus:2;cpus{REV}:4;mem:400");
    low = framework_in(cluster, "low", true);
    runs(cluster, low, "t", "cpus{REV}:4;mem:400", 5);
    needy_in(cluster, "low", "cpus:1;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    assert_non_null(strstr(notice(cluster, low)->reason, "revocable"));
}

static void who_holds_an_offer_that_would_do_takes_nothing(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high;

    (void)state;
    cluster_framework_says(cluster, scene.low.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_agent(cluster, "cpus:4;mem:400");
    high = framework_in(cluster, "high", true);
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    needs(cluster, high, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 20 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void need_without_end_takes_nothing_by_priority(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 0, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void who_states_no_need_takes_nothing(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    framework_in(cluster, "high", true);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

#define MANY_NEEDS 16
#define MANY_TASKS 300

static void fill(struct cluster *cluster, struct node low, int agent)
{
    struct task_info tasks[MANY_TASKS];
    char ids[MANY_TASKS][16];
    const struct offer_info *offer;

    cluster_agent(cluster, "cpus:30;mem:3000");
    offer = cluster_offer(cluster, low);
    for (int i = 0; i < MANY_TASKS; i++) {
        snprintf(ids[i], sizeof(ids[i]), "t%d-%d", agent, i);
        tasks[i] = cluster_task(cluster, ids[i], offer->agent_id, "cpus:0.1;mem:10");
    }
    cluster_accept(cluster, low, offer->id, tasks, MANY_TASKS, HOUR);
}

/* The fewer tasks and needs there are, the more agents are compared; but others wait meanwhile. */
static void many_needs_and_tasks_are_looked_at_in_small_parts(void **state)
{
    static const char *const names[MANY_NEEDS] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                                  "i", "j", "k", "l", "m", "n", "o", "p"};
    CLUSTER(&preempting_master);
    struct node low = framework_in(cluster, "low", true), high;
    struct need_info each[MANY_NEEDS];
    const struct role_needs all = {.role = "high", .needs = each, .needs_count = MANY_NEEDS};

    (void)state;
    set_priority(cluster, "high", 10);
    fill(cluster, low, 0);
    fill(cluster, low, 1);
    high = framework_in(cluster, "high", true);
    for (size_t i = 0; i < MANY_NEEDS; i++) {
        each[i] = (struct need_info){.name = names[i], .count = 1};
        each[i].minimum = cluster_resources(cluster, "cpus:31", &each[i].minimum_count);
    }
    cluster_framework_says(cluster, high.session,
                           MESSAGE(NEEDS, needs, .roles = &all, .roles_count = 1));
    while (!cluster->master->preempting->cursor)
        cluster_pass(cluster, 1);
    assert_ptr_equal(cluster->master->preempting->cursor, cluster->master->agents->hh.next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_priority_takes_nothing),
        cmocka_unit_test(role_without_a_priority_has_that_of_the_role_above),
        cmocka_unit_test(within_a_role_lower_tasks_give_way),
        cmocka_unit_test(task_has_at_least_the_priority_of_its_need),
        cmocka_unit_test(role_takes_back_what_it_is_guaranteed),
        cmocka_unit_test(what_a_role_is_guaranteed_is_its_own_whatever_those_in_it_lack),
        cmocka_unit_test(two_roles_take_back_what_they_are_guaranteed_at_once),
        cmocka_unit_test(guarantee_takes_no_more_than_it_lacks),
        cmocka_unit_test(nobody_is_pushed_below_its_guarantee),
        cmocka_unit_test(what_is_held_beyond_a_guarantee_gives_way),
        cmocka_unit_test(below_a_common_limit_one_gives_way_to_the_other),
        cmocka_unit_test(nobody_gives_way_for_what_the_role_may_not_have),
        cmocka_unit_test(nobody_gives_way_when_that_would_not_be_enough),
        cmocka_unit_test(as_few_as_possible_give_way),
        cmocka_unit_test(of_equal_tasks_the_youngest_gives_way),
        cmocka_unit_test(revocable_tasks_give_way_to_anybody),
        cmocka_unit_test(who_holds_an_offer_that_would_do_takes_nothing),
        cmocka_unit_test(need_without_end_takes_nothing_by_priority),
        cmocka_unit_test(who_states_no_need_takes_nothing),
        cmocka_unit_test(many_needs_and_tasks_are_looked_at_in_small_parts),
    };

    return cmocka_run_group_tests_name("preempt choice", tests, NULL, NULL);
}
