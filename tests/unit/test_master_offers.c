/* tests/unit/test_master_offers.c - offers go out when something is free, and end in every way. */
#include "tests/unit/master_fixture.h"

#include <string.h>

static void free_agent_is_offered_whole_and_once(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024;ports:[31000-31009]");
    const struct offer_info *offer = cluster_offer(cluster, framework);

    (void)state;
    assert_int_equal(cluster_offers_count(cluster, framework), 1);
    assert_string_equal(offer->id, "M-O0");
    assert_string_equal(offer->agent_id, agent.id);
    assert_string_equal(offer->framework_id, framework.id);
    assert_string_equal(offer->role, "*");
    assert_string_equal(offer->hostname, "host");
    assert_string_equal(cluster_offered(cluster, offer), "cpus:4;mem:1024;ports:[31000-31009]");
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
}

static void offers_of_one_allocation_come_in_one_message(void **state)
{
    CLUSTER(NULL);
    struct node framework;

    (void)state;
    for (int i = 0; i < 5; i++)
        cluster_agent(cluster, "cpus:4;mem:1024");
    framework = cluster_framework(cluster, NULL);
    assert_int_equal(cluster_count(cluster, framework.session, MSG_OFFERS), 1);
    assert_int_equal(cluster_offers_count(cluster, framework), 5);
}

static void burst_is_gathered_for_as_long_as_set(void **state)
{
    CLUSTER((&(struct master_settings){.offer_batch_ms = 20}));
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    cluster_pass(cluster, 10);
    cluster_agent(cluster, "cpus:4;mem:1024");
    assert_int_equal(cluster_offers_count(cluster, framework), 0);
    cluster_pass(cluster, 10);
    assert_int_equal(cluster_count(cluster, framework.session, MSG_OFFERS), 1);
    assert_int_equal(cluster_offers_count(cluster, framework), 2);
}

static void huge_allocations_are_split_into_messages(void **state)
{
    CLUSTER(NULL);
    struct node framework;

    (void)state;
    for (int i = 0; i < 1001; i++)
        cluster_agent(cluster, "cpus:4;mem:1024");
    cluster_forget(cluster);
    framework = cluster_framework(cluster, NULL);
    assert_int_equal(cluster_count(cluster, framework.session, MSG_OFFERS), 2);
    assert_int_equal(cluster_offers_count(cluster, framework), 1001);
}

static void less_than_the_least_is_not_offered(void **state)
{
    CLUSTER((&(struct master_settings){.min_allocatable = "cpus:1;mem:100|disk:5"}));
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:99");
    cluster_agent(cluster, "cpus:0.9;mem:1024");
    assert_int_equal(cluster_offers_count(cluster, framework), 0);
    cluster_agent(cluster, "cpus:1;mem:100");
    cluster_agent(cluster, "disk:5");
    assert_int_equal(cluster_offers_count(cluster, framework), 2);
}

static void reserved_resources_go_to_their_role(void **state)
{
    CLUSTER(NULL);
    struct node ads = cluster_framework(cluster, "ads");
    struct node other = cluster_framework(cluster, "other");

    (void)state;
    cluster_agent(cluster, "cpus(web):4;mem(web):64");
    assert_int_equal(cluster_offers_count(cluster, ads) + cluster_offers_count(cluster, other), 0);
    cluster_agent(cluster, "cpus(other):4;mem(other):64");
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, other)),
                        "cpus(other):4;mem(other):64");
    assert_int_equal(cluster_offers_count(cluster, ads), 0);
}

static void declined_agent_goes_to_another_framework_at_once(void **state)
{
    CLUSTER(NULL);
    struct node first = cluster_framework(cluster, NULL), second;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    second = cluster_framework(cluster, NULL);
    assert_int_equal(cluster_offers_count(cluster, second), 0);
    cluster_decline(cluster, first, cluster_offer(cluster, first)->id, 60 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, second), 1);
    assert_int_equal(cluster_offers_count(cluster, first), 1);
}

static void decline_filter_ends_by_an_event_of_its_own(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    cluster_decline(cluster, framework, cluster_offer(cluster, framework)->id, 60 * SECOND);
    cluster_pass(cluster, 60 * SECOND - 1);
    assert_int_equal(cluster_offers_count(cluster, framework), 1);
    cluster_pass(cluster, 1);
    assert_int_equal(cluster_offers_count(cluster, framework), 2);
}

static void decline_without_a_time_means_five_seconds(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    for (int i = 1; i <= 2; i++) {
        const char *id = cluster_offer(cluster, framework)->id;

        if (i == 1)
            cluster_decline(cluster, framework, id, -1);
        else
            cluster_framework_says(
                cluster, framework.session,
                MESSAGE(DECLINE, decline, .offer_ids = &id, .offer_ids_count = 1));
        cluster_pass(cluster, 5 * SECOND - 1);
        assert_int_equal(cluster_offers_count(cluster, framework), (size_t)i);
        cluster_pass(cluster, 1);
        assert_int_equal(cluster_offers_count(cluster, framework), (size_t)i + 1);
    }
}

static void declining_at_once_again_and_again_does_not_starve_others(void **state)
{
    CLUSTER(NULL);
    struct node greedy = cluster_framework(cluster, NULL), other;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    other = cluster_framework(cluster, NULL);
    cluster_decline(cluster, greedy, cluster_offer(cluster, greedy)->id, 0);
    assert_int_equal(cluster_offers_count(cluster, other), 1);
    cluster_decline(cluster, other, cluster_offer(cluster, other)->id, 60 * SECOND);
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_offers_count(cluster, greedy), 2);
}

static void filter_does_not_hide_more_than_was_refused(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);
    const char *offer = cluster_offer(cluster, framework)->id;
    struct task_info task = cluster_task(cluster, "t1", agent.id, "cpus:1;mem:24");

    (void)state;
    cluster_accept(cluster, framework, offer, &task, 1, 3600 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, framework), 1);
    cluster_status(cluster, agent, framework.id, "t1", TASK_FINISHED, 0);
    assert_int_equal(cluster_offers_count(cluster, framework), 2);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, framework)),
                        "cpus:4;mem:1024");
}

static void agent_that_registers_again_is_offered_again(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_decline(cluster, framework, cluster_offer(cluster, framework)->id, 3600 * SECOND);
    cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", NULL, 0);
    assert_int_equal(cluster_offers_count(cluster, framework), 2);
}

static void longer_refusal_is_not_shortened_by_a_lesser_one(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node framework = cluster_framework(cluster, NULL), other;
    const char *large, *small;

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:100");
    cluster_pass(cluster, SECOND);
    large = cluster_offer(cluster, framework)->id;
    cluster_status(cluster, agent, framework.id, "t1", TASK_FINISHED, 0);
    small = cluster_offer(cluster, framework)->id;
    cluster_decline(cluster, framework, large, 3600 * SECOND);
    other = cluster_framework(cluster, NULL);
    cluster_launch(cluster, other, "t2", "cpus:3;mem:300");
    cluster_framework_says(cluster, other.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_forget(cluster);
    cluster_decline(cluster, framework, small, SECOND);
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, framework), 0);
    cluster_pass(cluster, 3600 * SECOND);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, framework)),
                        "cpus:1;mem:100");
}

static void revive_clears_filters(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, "a");
    const char *const other[] = {"b"}, *const own[] = {"a"};

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    cluster_decline(cluster, framework, cluster_offer(cluster, framework)->id, 3600 * SECOND);
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(REVIVE, revive, .roles = other, .roles_count = 1));
    assert_int_equal(cluster_offers_count(cluster, framework), 1);
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(REVIVE, revive, .roles = own, .roles_count = 1));
    assert_int_equal(cluster_offers_count(cluster, framework), 2);
}

static void suppressed_framework_gets_no_offers_until_it_revives(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_framework_says(cluster, framework.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_agent(cluster, "cpus:4;mem:1024");
    assert_int_equal(cluster_offers_count(cluster, framework), 0);
    assert_int_equal(
        cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK)->change_framework->suppressed_roles_count,
        1);
    cluster_framework_says(cluster, framework.session, MESSAGE(REVIVE, revive, .roles = NULL));
    assert_int_equal(cluster_offers_count(cluster, framework), 1);
}

static void unanswered_offer_is_rescinded_and_made_anew(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    const char *first;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    first = cluster_offer(cluster, framework)->id;
    cluster_pass(cluster, 30 * SECOND - 1);
    assert_int_equal(cluster_count(cluster, framework.session, MSG_RESCIND), 0);
    cluster_pass(cluster, 1);
    assert_string_equal(cluster_last(cluster, framework.session, MSG_RESCIND)->rescind->offer_id,
                        first);
    assert_int_equal(cluster_counter(cluster, "master/offers_timed_out"), 1);
    assert_string_equal(cluster_offer(cluster, framework)->id, first);
    cluster_pass(cluster, 5 * SECOND);
    assert_string_not_equal(cluster_offer(cluster, framework)->id, first);
}

/* Who holds nothing comes first, and one that never answers holds nothing. */
static void one_that_never_answers_does_not_starve_others(void **state)
{
    CLUSTER(NULL);
    struct node busy = cluster_framework(cluster, NULL), silent;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    cluster_launch(cluster, busy, "t1", "cpus:1;mem:64");
    silent = cluster_framework(cluster, NULL);
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_offers_count(cluster, silent), 1);
    assert_int_equal(cluster_offers_count(cluster, busy), 1);
    cluster_pass(cluster, 30 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, silent), 1);
    assert_int_equal(cluster_offers_count(cluster, busy), 2);
}

static void offer_without_timeout_stays(void **state)
{
    CLUSTER((&(struct master_settings){.offer_timeout_ms = -1}));
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    cluster_pass(cluster, 24 * 3600 * SECOND);
    assert_int_equal(cluster_count(cluster, framework.session, MSG_RESCIND), 0);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
}

static void offer_is_rescinded_when_its_agent_is_lost(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");

    (void)state;
    cluster_close(cluster, agent.session);
    assert_int_equal(cluster_count(cluster, framework.session, MSG_RESCIND), 1);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 0);
    cluster_agent_back(cluster, agent.id, "cpus:4;mem:1024", NULL, 0);
    assert_int_equal(cluster_offers_count(cluster, framework), 2);
}

static void offer_of_a_lost_framework_goes_to_another(void **state)
{
    CLUSTER(NULL);
    struct node first = cluster_framework(cluster, NULL), second;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    second = cluster_framework(cluster, NULL);
    cluster_close(cluster, first.session);
    assert_int_equal(cluster_offers_count(cluster, second), 1);
}

static void decline_of_what_is_not_ones_own_changes_nothing(void **state)
{
    CLUSTER(NULL);
    struct node first = cluster_framework(cluster, NULL), second;
    const char *offer;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024");
    second = cluster_framework(cluster, NULL);
    offer = cluster_offer(cluster, first)->id;
    cluster_decline(cluster, second, offer, 0);
    cluster_decline(cluster, second, "M-O999", 0);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
    cluster_decline(cluster, first, offer, 3600 * SECOND);
    cluster_decline(cluster, first, offer, 3600 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/offers_declined"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_agent_is_offered_whole_and_once),
        cmocka_unit_test(offers_of_one_allocation_come_in_one_message),
        cmocka_unit_test(burst_is_gathered_for_as_long_as_set),
        cmocka_unit_test(huge_allocations_are_split_into_messages),
        cmocka_unit_test(less_than_the_least_is_not_offered),
        cmocka_unit_test(reserved_resources_go_to_their_role),
        cmocka_unit_test(declined_agent_goes_to_another_framework_at_once),
        cmocka_unit_test(decline_filter_ends_by_an_event_of_its_own),
        cmocka_unit_test(decline_without_a_time_means_five_seconds),
        cmocka_unit_test(declining_at_once_again_and_again_does_not_starve_others),
        cmocka_unit_test(filter_does_not_hide_more_than_was_refused),
        cmocka_unit_test(agent_that_registers_again_is_offered_again),
        cmocka_unit_test(longer_refusal_is_not_shortened_by_a_lesser_one),
        cmocka_unit_test(revive_clears_filters),
        cmocka_unit_test(suppressed_framework_gets_no_offers_until_it_revives),
        cmocka_unit_test(unanswered_offer_is_rescinded_and_made_anew),
        cmocka_unit_test(one_that_never_answers_does_not_starve_others),
        cmocka_unit_test(offer_without_timeout_stays),
        cmocka_unit_test(offer_is_rescinded_when_its_agent_is_lost),
        cmocka_unit_test(offer_of_a_lost_framework_goes_to_another),
        cmocka_unit_test(decline_of_what_is_not_ones_own_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
