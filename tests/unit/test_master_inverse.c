/* tests/unit/test_master_inverse.c - inverse offers: who is asked to leave agents, and what is made of the answers. */
#include "tests/unit/maintenance_scene.h"

#include <string.h>

#include "master/core/maintenance.h"

static const struct master_settings ten_minutes = {.maintenance_notice_ms = 10 * MINUTE};

static const struct window_answer *answer(const struct cluster *cluster)
{
    for (size_t i = cluster->sent_count; i-- > 0;)
        if (cluster->sent[i].message.type == MSG_CHANGE_WINDOW &&
            cluster->sent[i].message.change_window->answer)
            return cluster->sent[i].message.change_window->answer;
    return NULL;
}

static const struct inverse_offer_info *inverse(const struct cluster *cluster, struct node node)
{
    const struct message *message = cluster_last(cluster, node.session, MSG_INVERSE_OFFERS);

    return message ? &message->inverse_offers->offers[0] : NULL;
}

/* --- inverse offers ------------------------------------------------------------------------- */

static void framework_with_tasks_there_is_asked_to_leave(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);
    struct node other = maintenance_framework(cluster);

    (void)state;
    maintenance_schedule(cluster, "w", scene.agent.id, HOUR, 2 * HOUR);
    assert_null(inverse(cluster, scene.framework));
    cluster_pass(cluster, 50 * MINUTE);
    assert_string_equal(inverse(cluster, scene.framework)->agent_id, scene.agent.id);
    assert_int_equal(inverse(cluster, scene.framework)->unavailability->duration_ms, 2 * HOUR);
    assert_null(inverse(cluster, other));
    assert_int_equal(answer(cluster)->state, INVERSE_ASKED);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_inverse_offers"), 1);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACCEPT_INVERSE, accept_inverse,
                                   .ids = &inverse(cluster, scene.framework)->id, .ids_count = 1));
    assert_int_equal(answer(cluster)->state, INVERSE_ACCEPTED);
    assert_string_equal(answer(cluster)->framework_id, scene.framework.id);
    assert_int_equal(cluster_counter(cluster, "master/inverse_offers_accepted"), 1);
    cluster_pass(cluster, 9 * MINUTE);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_INVERSE_OFFERS), 1);
    /* It has changed its mind. */
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(DECLINE_INVERSE, decline_inverse,
                                   .ids = &inverse(cluster, scene.framework)->id, .ids_count = 1));
    assert_int_equal(answer(cluster)->state, INVERSE_DECLINED);
    cluster_pass(cluster, MINUTE);
    assert_int_equal(maintenance_state(cluster), WINDOW_DOWN);
    assert_int_equal(answer(cluster)->state, INVERSE_DECLINED);
}

static void answer_that_is_repeated_counts_once(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);
    const char *ids[1000];

    (void)state;
    maintenance_schedule(cluster, "w", scene.agent.id, HOUR, 2 * HOUR);
    cluster_pass(cluster, 50 * MINUTE);
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        ids[i] = inverse(cluster, scene.framework)->id;
    cluster_framework_says(
        cluster, scene.framework.session,
        MESSAGE(ACCEPT_INVERSE, accept_inverse, .ids = ids, .ids_count = ARRAY_SIZE(ids)));
    assert_int_equal(cluster_counter(cluster, "master/inverse_offers_accepted"), 1);
    cluster_framework_says(
        cluster, scene.framework.session,
        MESSAGE(DECLINE_INVERSE, decline_inverse, .ids = ids, .ids_count = ARRAY_SIZE(ids)));
    assert_int_equal(cluster_counter(cluster, "master/inverse_offers_declined"), 1);
    assert_int_equal(answer(cluster)->state, INVERSE_DECLINED);
}

static void who_declines_is_asked_again_after_its_filter_or_when_it_revives(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);
    const struct filters filters = {.refuse_ms = MINUTE};
    const char *id;

    (void)state;
    maintenance_schedule(cluster, "w", scene.agent.id, 10 * MINUTE, HOUR);
    id = inverse(cluster, scene.framework)->id;
    cluster_framework_says(
        cluster, scene.framework.session,
        MESSAGE(DECLINE_INVERSE, decline_inverse, .ids = &id, .ids_count = 1, .filters = &filters));
    cluster_pass(cluster, MINUTE - SECOND);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_INVERSE_OFFERS), 1);
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_INVERSE_OFFERS), 2);
    assert_int_equal(answer(cluster)->state, INVERSE_ASKED);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(DECLINE_INVERSE, decline_inverse, .ids = &id, .ids_count = 1));
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(REVIVE, revive, .roles_count = 0));
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_INVERSE_OFFERS), 3);
}

static void inverse_offer_is_rescinded_when_it_is_void(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);

    (void)state;
    maintenance_schedule(cluster, "w", scene.agent.id, 10 * MINUTE, HOUR);
    maintenance_cancel(cluster, "w");
    assert_string_equal(
        cluster_last(cluster, scene.framework.session, MSG_RESCIND_INVERSE)->rescind_inverse->id,
        inverse(cluster, scene.framework)->id);
    maintenance_schedule(cluster, "x", scene.agent.id, 10 * MINUTE, HOUR);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND_INVERSE), 2);
    assert_int_equal(answer(cluster)->state, INVERSE_WITHDRAWN);
    /* Whoever comes late is asked, too. */
    cluster_acknowledge(cluster, scene.framework, "t1");
    cluster_launch(cluster, scene.framework, "t2", "cpus:1;mem:24");
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_INVERSE_OFFERS), 3);
    cluster_pass(cluster, 10 * MINUTE);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND_INVERSE), 3);
    /* An answer that comes too late is no matter. */
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACCEPT_INVERSE, accept_inverse,
                                   .ids = &inverse(cluster, scene.framework)->id, .ids_count = 1));
    assert_int_equal(cluster_counter(cluster, "master/inverse_offers_accepted"), 0);
}

static void who_has_accepted_and_left_is_still_seen(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);

    (void)state;
    maintenance_schedule(cluster, "w", scene.agent.id, 10 * MINUTE, HOUR);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACCEPT_INVERSE, accept_inverse,
                                   .ids = &inverse(cluster, scene.framework)->id, .ids_count = 1));
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_acknowledge(cluster, scene.framework, "t1");
    cluster_pass(cluster, 20 * MINUTE);
    assert_int_equal(answer(cluster)->state, INVERSE_ACCEPTED);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND_INVERSE), 0);
}

static void framework_that_knows_no_inverse_offers_is_shown_as_not_asked(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES), old = cluster_framework(cluster, NULL);
    static const char *const capabilities[] = {"INVERSE_OFFERS"};
    struct node updated;

    (void)state;
    cluster_launch(cluster, old, "t1", "cpus:1;mem:24");
    maintenance_schedule(cluster, "w", agent.id, 5 * MINUTE, HOUR);
    assert_null(inverse(cluster, old));
    assert_int_equal(answer(cluster)->state, INVERSE_NOT_ASKED);
    cluster_close(cluster, old.session);
    updated = cluster_subscribe(cluster, (struct framework_info){.id = old.id,
                                                                 .name = "test",
                                                                 .user = "nobody",
                                                                 .capabilities = capabilities,
                                                                 .capabilities_count = 1});
    assert_non_null(inverse(cluster, updated));
    assert_int_equal(answer(cluster)->state, INVERSE_ASKED);
}

static void inverse_offer_is_sent_again_to_a_framework_that_comes_back(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);
    static const char *const capabilities[] = {"INVERSE_OFFERS"};
    struct node back;

    (void)state;
    cluster_close(cluster, scene.framework.session);
    maintenance_schedule(cluster, "w", scene.agent.id, 5 * MINUTE, HOUR);
    back = cluster_subscribe(cluster, (struct framework_info){.id = scene.framework.id,
                                                              .name = "knowing",
                                                              .user = "nobody",
                                                              .capabilities = capabilities,
                                                              .capabilities_count = 1});
    assert_non_null(inverse(cluster, back));
    cluster_framework_says(cluster, back.session, MESSAGE(TEARDOWN, teardown, .reason = "over"));
    assert_int_equal(answer(cluster)->state, INVERSE_WITHDRAWN);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_inverse_offers"), 0);
}

/* It asked twice, because the first answer was long under way: the answer to the first inverse offer crosses
 * whatever is sent now. */
static void inverse_offer_is_sent_once_in_a_session(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);
    static const char *const capabilities[] = {"INVERSE_OFFERS"};
    const struct framework_info info = {.id = scene.framework.id,
                                        .name = "knowing",
                                        .user = "nobody",
                                        .capabilities = capabilities,
                                        .capabilities_count = 1};

    (void)state;
    maintenance_schedule(cluster, "w", scene.agent.id, 5 * MINUTE, HOUR);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_INVERSE_OFFERS), 1);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(SUBSCRIBE, subscribe, .framework = &info));
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_SUBSCRIBED), 2);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_INVERSE_OFFERS), 1);
    maintenance_cancel(cluster, "w");
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND_INVERSE), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framework_with_tasks_there_is_asked_to_leave),
        cmocka_unit_test(answer_that_is_repeated_counts_once),
        cmocka_unit_test(who_declines_is_asked_again_after_its_filter_or_when_it_revives),
        cmocka_unit_test(inverse_offer_is_rescinded_when_it_is_void),
        cmocka_unit_test(who_has_accepted_and_left_is_still_seen),
        cmocka_unit_test(framework_that_knows_no_inverse_offers_is_shown_as_not_asked),
        cmocka_unit_test(inverse_offer_is_sent_again_to_a_framework_that_comes_back),
        cmocka_unit_test(inverse_offer_is_sent_once_in_a_session),
    };

    return cmocka_run_group_tests_name("master_inverse", tests, NULL, NULL);
}
