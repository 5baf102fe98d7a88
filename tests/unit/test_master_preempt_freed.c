/* tests/unit/test_master_preempt_freed.c - what becomes of what tasks that gave way leave: who gets it, and who has to
 * wait before others give way again. */
#include "tests/unit/preempt_scene.h"

#include <inttypes.h>
#include <string.h>

/* --- what is freed ---------------------------------------------------------------------------- */

static void what_is_freed_is_held_for_the_one_it_was_freed_for(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node other = framework_in(cluster, "other", true);
    struct node high = needy_in(cluster, "high", "cpus:3;mem:300", 1, 0);
    size_t others;

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_FINISHED, 0);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, high)), "cpus:3;mem:300");
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, other)), "cpus:1;mem:100");
    /* It does not answer: then it is for all. */
    others = cluster_offers_count(cluster, other) + cluster_offers_count(cluster, scene.low);
    cluster_pass(cluster, 31 * SECOND);
    assert_int_equal(cluster_count(cluster, high.session, MSG_RESCIND), 1);
    assert_true(cluster_offers_count(cluster, other) + cluster_offers_count(cluster, scene.low) >
                others);
}

static void what_is_free_already_is_held_too(void **state)
{
    CLUSTER(&preempting_master);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node low = framework_in(cluster, "low", true), high;

    (void)state;
    runs(cluster, low, "t", "cpus:2;mem:400", 0);
    cluster_framework_says(cluster, low.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    set_priority(cluster, "high", 10);
    high = needy_in(cluster, "high", "cpus:4;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    cluster_framework_says(cluster, low.session, MESSAGE(REVIVE, revive, .roles = NULL));
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_offers_count(cluster, low), 1);
    cluster_status(cluster, agent, low.id, "t", TASK_KILLED, 0);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, high)), "cpus:4;mem:100");
}

/* The room is taken again, nobody is driven out of it for a minute, and then somebody is. */
static void assert_held_off(struct cluster *cluster, const struct scene *scene)
{
    size_t before = notices(cluster, scene->low);

    cluster_pass(cluster, 50 * SECOND);
    assert_int_equal(notices(cluster, scene->low), before);
    cluster_pass(cluster, 30 * SECOND);
    assert_int_equal(notices(cluster, scene->low), before + 1);
}

static void who_declines_what_was_freed_is_held_off(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = freed_for_high(cluster, &scene, "cpus:4;mem:400");

    (void)state;
    cluster_decline(cluster, high, cluster_offer(cluster, high)->id, 10);
    /* The victim takes its place again; nobody drives it out for a minute. */
    runs(cluster, scene.low, "t2", "cpus:4;mem:400", 0);
    assert_held_off(cluster, &scene);
}

/* "t" is driven out, and the room is taken again by another task of its framework. */
static void low_comes_back(struct cluster *cluster, const struct scene *scene,
                           const char *resources)
{
    cluster_pass(cluster, 2 * SECOND);
    runs(cluster, scene->low, "t2", resources, 0);
}

static void who_uses_a_part_of_what_was_freed_is_held_off(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = freed_for_high(cluster, &scene, "cpus:4;mem:400");

    (void)state;
    runs(cluster, high, "h", "cpus:0.5;mem:50", 0);
    low_comes_back(cluster, &scene, "cpus:3;mem:300");
    needs(cluster, high, "high", "cpus:3;mem:300", 1, 0);
    assert_held_off(cluster, &scene);
}

static void who_uses_all_of_what_was_freed_may_go_on(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = freed_for_high(cluster, &scene, "cpus:1;mem:100");

    (void)state;
    runs(cluster, high, "h", "cpus:1;mem:100", 0);
    low_comes_back(cluster, &scene, "cpus:3;mem:300");
    needs(cluster, high, "high", "cpus:3;mem:300", 1, 0);
    cluster_pass(cluster, 5 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 2);
}

static void who_needs_something_else_once_others_were_killed_is_held_off(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = killed_for_high(cluster, &scene, "cpus:2;mem:100");

    (void)state;
    needs(cluster, high, "high", "cpus:8;mem:100", 1, 0);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_KILLED, 0);
    low_comes_back(cluster, &scene, "cpus:4;mem:400");
    needs(cluster, high, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 20 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 2);
}

static void who_wants_nothing_any_more_once_others_were_killed_is_held_off(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, GRACE + 2 * SECOND);
    cluster_framework_says(cluster, high.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_KILLED, 0);
    low_comes_back(cluster, &scene, "cpus:4;mem:400");
    cluster_framework_says(cluster, high.session, MESSAGE(REVIVE, revive, .roles = NULL));
    cluster_pass(cluster, 20 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
}

static void who_leaves_with_what_was_freed_is_held_off_when_it_comes_back(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = freed_for_high(cluster, &scene, "cpus:4;mem:400");

    (void)state;
    cluster_close(cluster, high.session);
    low_comes_back(cluster, &scene, "cpus:4;mem:400");
    needy_again(cluster, high.id, "high", "cpus:4;mem:400");
    assert_held_off(cluster, &scene);
}

static void who_leaves_once_others_were_killed_is_held_off_when_it_comes_back(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = killed_for_high(cluster, &scene, "cpus:2;mem:100");

    (void)state;
    cluster_close(cluster, high.session);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_KILLED, 0);
    low_comes_back(cluster, &scene, "cpus:4;mem:400");
    needy_again(cluster, high.id, "high", "cpus:2;mem:100");
    assert_held_off(cluster, &scene);
}

static void who_leaves_before_others_were_killed_is_not_held_off(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_close(cluster, high.session);
    needy_again(cluster, high.id, "high", "cpus:2;mem:100");
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 3);
    assert_false(notice(cluster, scene.low)->withdrawn);
}

static void hold_off_is_of_whoever_comes_next_in_the_role_for_the_same_principal(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = freed_for_high(cluster, &scene, "cpus:4;mem:400");

    (void)state;
    cluster_decline(cluster, high, cluster_offer(cluster, high)->id, 10);
    cluster_framework_says(cluster, high.session, MESSAGE(TEARDOWN, teardown, .reason = ""));
    low_comes_back(cluster, &scene, "cpus:4;mem:400");
    needy_in(cluster, "high", "cpus:4;mem:400", 1, 0);
    assert_held_off(cluster, &scene);
}

static void role_that_is_left_and_taken_up_again_is_still_held_off(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:4;mem:400", 1, 0);
    const char *other = "other";

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_FINISHED, 0);
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    cluster_framework_says(
        cluster, high.session,
        MESSAGE(SUBSCRIBE, subscribe, .suppressed_roles = &other, .suppressed_roles_count = 1,
                .framework = &(const struct framework_info){
                    .id = high.id, .name = "high", .roles = &other, .roles_count = 1}));
    low_comes_back(cluster, &scene, "cpus:4;mem:400");
    needy_again(cluster, high.id, "high", "cpus:4;mem:400");
    assert_held_off(cluster, &scene);
}

/* --- quotas and caps that come in between ------------------------------------------------------- */

static void notice_is_withdrawn_when_a_lower_limit_leaves_no_room_for_what_it_is_for(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 5 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
    set_quota(cluster, "high", NULL, "cpus:3");
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 1);
    set_quota(cluster, "high", NULL, "cpus:1");
    assert_int_equal(notices(cluster, scene.low), 2);
    assert_true(notice(cluster, scene.low)->withdrawn);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(kills(cluster, scene.agent), 0);
}

static void lower_limit_withdraws_no_more_notices_than_it_must(void **state)
{
    CLUSTER(&preempting_master);
    struct node low = {0};

    (void)state;
    set_priority(cluster, "high", 10);
    cluster_agent(cluster, "cpus:4;mem:400");
    low = framework_in(cluster, "low", true);
    runs(cluster, low, "a", "cpus:4;mem:400", 0);
    cluster_agent(cluster, "cpus:4;mem:400");
    runs(cluster, low, "b", "cpus:4;mem:400", 0);
    needy_in(cluster, "high", "cpus:4;mem:100", 2, 0);
    cluster_pass(cluster, 5 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 2);
    set_quota(cluster, "high", NULL, "cpus:4");
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 1);
}

/* One offer at a time, and it answers none: on another agent, of no use for its need. */
static struct node needy_with_a_cap(struct cluster *cluster)
{
    static const char *const roles[] = {"high", "low"};
    const struct framework_info info = {.name = "capped", .roles = roles, .roles_count = 2};
    struct need_info need = {.name = "web", .count = 1};
    const struct role_needs all = {.role = "high", .needs = &need, .needs_count = 1};
    struct node framework = {.session = cluster_session(cluster)};

    need.minimum = cluster_resources(cluster, "cpus:4;mem:400", &need.minimum_count);
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(SUBSCRIBE, subscribe, .framework = &info, .needs = &all,
                                   .needs_count = 1, .offers_max = 1));
    framework.id =
        cluster_last(cluster, framework.session, MSG_SUBSCRIBED)->subscribed->framework_id;
    return framework;
}

static size_t open_offers(const struct cluster *cluster, struct node framework)
{
    return cluster_offers_count(cluster, framework) -
           cluster_count(cluster, framework.session, MSG_RESCIND);
}

static void what_was_freed_waits_while_its_framework_holds_as_many_offers_as_it_may(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_with_a_cap(cluster);

    (void)state;
    cluster_framework_says(cluster, scene.low.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_pass(cluster, GRACE + 2 * SECOND);
    assert_int_equal(kills(cluster, scene.agent), 1);
    cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(open_offers(cluster, high), 1);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_KILLED, 0);
    cluster_pass(cluster, SECOND);
    assert_int_equal(open_offers(cluster, high), 1);
    cluster_decline(cluster, high, cluster_offer(cluster, high)->id, HOUR);
    assert_int_equal(cluster_offers_count(cluster, high), 2);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, high)), "cpus:4;mem:400");
}

static void nobody_is_killed_for_one_who_holds_as_many_offers_as_it_may(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = needy_with_a_cap(cluster);

    (void)state;
    cluster_framework_says(cluster, scene.low.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_pass(cluster, 5 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
    cluster_agent(cluster, "cpus:1;mem:100");
    assert_int_equal(open_offers(cluster, high), 1);
    cluster_pass(cluster, 27 * SECOND);
    assert_int_equal(kills(cluster, scene.agent), 0);
    assert_true(notice(cluster, scene.low)->withdrawn);
}

static void who_has_declined_what_would_do_takes_nothing(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high;

    (void)state;
    cluster_framework_says(cluster, scene.low.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_agent(cluster, "cpus:4;mem:400");
    high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_decline(cluster, high, cluster_offer(cluster, high)->id, HOUR);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void role_loses_no_more_than_so_many_in_so_much_time(void **state)
{
    CLUSTER((&(struct master_settings){.preemption = true,
                                       .preemption_grace_ms = -1,
                                       .preemption_count = 2,
                                       .preemption_per_ms = 60 * SECOND}));
    struct node low, agents[5];

    (void)state;
    for (int i = 0; i < 5; i++)
        agents[i] = cluster_agent(cluster, "cpus:1;mem:100");
    low = framework_in(cluster, "low", true);
    for (int i = 0; i < 5; i++) {
        const char *offer = arena_printf(cluster->arena, "M-O%d", i);
        const char *id = arena_printf(cluster->arena, "t%d", i);
        struct task_info task = cluster_task(cluster, id, agents[i].id, "cpus:1;mem:100");

        cluster_accept(cluster, low, offer, &task, 1, HOUR);
    }
    set_priority(cluster, "high", 1);
    needy_in(cluster, "high", "cpus:1;mem:100", 5, 0);
    cluster_pass(cluster, 10 * SECOND);
    assert_int_equal(notices(cluster, low), 2);
    cluster_pass(cluster, 40 * SECOND);
    assert_int_equal(notices(cluster, low), 3);
}

/* Two that would both drive the other out if they could: it ends. */
static void preemption_ends_while_demand_stays_as_it_is(void **state)
{
    CLUSTER(&preempting_master);
    struct scene scene = full_scene(cluster);
    struct node high = freed_for_high(cluster, &scene, "cpus:4;mem:400");

    (void)state;
    runs(cluster, high, "h", "cpus:4;mem:400", 0);
    needs(cluster, scene.low, "low", "cpus:4;mem:400", 1, 1000);
    cluster_pass(cluster, HOUR);
    assert_int_equal(cluster_counter(cluster, "master/preemptions"), 1);
}

/* --- all --------------------------------------------------------------------------- */

/* --- two at a time ------------------------------------------------------------------------------ */

/* What one leaves within a limit is taken by another before. */
struct pair {
    struct node low, web; /* tasks of "team/low" have notice, those of "web" have none */
    struct node low_agent, web_agent;
    struct node high; /* of role "team/high"; team is limited to cpus:4 */
};

static struct pair pair_within_a_limit(struct cluster *cluster)
{
    struct pair pair = {0};

    set_quota(cluster, "team", NULL, "cpus:4");
    set_priority(cluster, "team/high", 10);
    set_priority(cluster, "web", 5);
    pair.low_agent = cluster_agent(cluster, "cpus:3;mem:400");
    pair.low = framework_in(cluster, "team/low", true);
    runs(cluster, pair.low, "t", "cpus:3;mem:400", 0);
    cluster_framework_says(cluster, pair.low.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    pair.web_agent = cluster_agent(cluster, "cpus:4;mem:400");
    pair.web = framework_in(cluster, "web", false);
    runs(cluster, pair.web, "w", "cpus:4;mem:400", 0);
    return pair;
}

static void nobody_gives_way_who_would_do_only_if_others_did_too(void **state)
{
    CLUSTER(&preempting_master);
    struct pair pair = pair_within_a_limit(cluster);

    (void)state;
    pair.high = needy_in(cluster, "team/high", "cpus:2;mem:100", 2, 0);
    cluster_pass(cluster, 10 * SECOND);
    assert_string_equal(notice(cluster, pair.low)->task_id, "t");
    assert_int_equal(cluster_counter(cluster, "master/preemptions"), 1);
    assert_int_equal(kills(cluster, pair.web_agent), 0);
    /* Now it would. */
    cluster_status(cluster, pair.low_agent, pair.low.id, "t", TASK_FINISHED, 0);
    runs(cluster, pair.high, "h1", "cpus:2;mem:100", 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(kills(cluster, pair.web_agent), 1);
    cluster_status(cluster, pair.web_agent, pair.web.id, "w", TASK_KILLED, 0);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, pair.high)),
                        "cpus:2;mem:100");
}

/* The older one has a grace, and what it lacks of the limit is free now: the younger one, whose own victim gives
 * back as much only later, leaves it alone. */
static void what_one_is_promised_within_a_limit_another_does_not_gather(void **state)
{
    CLUSTER(&preempting_master);
    struct node first, second, web, low, high;

    (void)state;
    set_quota(cluster, "team", NULL, "cpus:4");
    set_priority(cluster, "team/high", 10);
    set_priority(cluster, "team/low", 5);
    first = cluster_agent(cluster, "cpus:2;mem:400");
    web = framework_in(cluster, "web", true);
    runs(cluster, web, "w", "cpus:2;mem:400", 0);
    cluster_framework_says(cluster, web.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    second = cluster_agent(cluster, "cpus:4;mem:400");
    low = framework_in(cluster, "team/low", true);
    runs(cluster, low, "t", "cpus:2;mem:400", 0);
    cluster_framework_says(cluster, low.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    high = needy_in(cluster, "team/high", "cpus:2;mem:100", 2, 0);
    cluster_pass(cluster, 5 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 2);
    cluster_status(cluster, first, web.id, "w", TASK_FINISHED, 0);
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    cluster_status(cluster, second, low.id, "t", TASK_FINISHED, 0);
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_offers_count(cluster, high), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_freed_is_held_for_the_one_it_was_freed_for),
        cmocka_unit_test(what_is_free_already_is_held_too),
        cmocka_unit_test(who_declines_what_was_freed_is_held_off),
        cmocka_unit_test(who_uses_a_part_of_what_was_freed_is_held_off),
        cmocka_unit_test(who_uses_all_of_what_was_freed_may_go_on),
        cmocka_unit_test(who_needs_something_else_once_others_were_killed_is_held_off),
        cmocka_unit_test(who_wants_nothing_any_more_once_others_were_killed_is_held_off),
        cmocka_unit_test(who_leaves_with_what_was_freed_is_held_off_when_it_comes_back),
        cmocka_unit_test(who_leaves_once_others_were_killed_is_held_off_when_it_comes_back),
        cmocka_unit_test(who_leaves_before_others_were_killed_is_not_held_off),
        cmocka_unit_test(hold_off_is_of_whoever_comes_next_in_the_role_for_the_same_principal),
        cmocka_unit_test(role_that_is_left_and_taken_up_again_is_still_held_off),
        cmocka_unit_test(notice_is_withdrawn_when_a_lower_limit_leaves_no_room_for_what_it_is_for),
        cmocka_unit_test(lower_limit_withdraws_no_more_notices_than_it_must),
        cmocka_unit_test(what_was_freed_waits_while_its_framework_holds_as_many_offers_as_it_may),
        cmocka_unit_test(nobody_is_killed_for_one_who_holds_as_many_offers_as_it_may),
        cmocka_unit_test(who_has_declined_what_would_do_takes_nothing),
        cmocka_unit_test(role_loses_no_more_than_so_many_in_so_much_time),
        cmocka_unit_test(preemption_ends_while_demand_stays_as_it_is),
        cmocka_unit_test(what_one_is_promised_within_a_limit_another_does_not_gather),
        cmocka_unit_test(nobody_gives_way_who_would_do_only_if_others_did_too),
    };

    return cmocka_run_group_tests_name("preempt_freed", tests, NULL, NULL);
}
