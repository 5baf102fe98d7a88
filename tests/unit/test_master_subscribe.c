/* tests/unit/test_master_subscribe.c - frameworks come: what they are told, and who is refused. */
#include "tests/unit/master_fixture.h"

#include <string.h>

static void framework_gets_an_id_of_the_master(void **state)
{
    CLUSTER(NULL);
    struct node first = cluster_framework(cluster, NULL);
    struct node second = cluster_framework(cluster, "ads");
    const struct msg_subscribed *answer =
        cluster_last(cluster, first.session, MSG_SUBSCRIBED)->subscribed;

    (void)state;
    assert_string_equal(first.id, "M-0000");
    assert_string_equal(second.id, "M-0001");
    assert_string_equal(answer->master_id, "M");
    assert_string_equal(answer->master_address, "127.0.0.1:5050");
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 2);
}

static void framework_without_roles_is_in_the_unreserved_one(void **state)
{
    CLUSTER(NULL);
    const struct framework_info *info;

    (void)state;
    cluster_framework(cluster, NULL);
    info = cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK)->change_framework->framework;
    assert_int_equal(info->roles_count, 1);
    assert_string_equal(info->roles[0], "*");
}

static void repeated_subscription_is_answered_with_the_same_id(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    const struct framework_info info = {.name = "test"};

    (void)state;
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(SUBSCRIBE, subscribe, .framework = &info));
    assert_int_equal(cluster_count(cluster, framework.session, MSG_SUBSCRIBED), 2);
    assert_string_equal(
        cluster_last(cluster, framework.session, MSG_SUBSCRIBED)->subscribed->framework_id,
        framework.id);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 1);
}

static void framework_of_an_earlier_master_keeps_its_id(void **state)
{
    CLUSTER(NULL);
    struct node framework =
        cluster_subscribe(cluster, (struct framework_info){.id = "OLD-0001", .name = "old"});

    (void)state;
    assert_string_equal(framework.id, "OLD-0001");
}

static void removed_framework_may_not_come_back(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL), again;

    (void)state;
    cluster_framework_says(cluster, framework.session, MESSAGE(TEARDOWN, teardown, .reason = ""));
    assert_true(cluster_is_closed(cluster, framework.session));
    again = cluster_subscribe(cluster, (struct framework_info){.id = framework.id, .name = "x"});
    assert_string_equal(cluster_last(cluster, again.session, MSG_ERROR)->error->message,
                        "Framework has been removed");
    assert_true(cluster_is_closed(cluster, again.session));
}

static void assert_refused(struct cluster *cluster, struct msg_subscribe call, const char *text)
{
    uint64_t session = cluster_session(cluster);
    const struct message *error;

    cluster_framework_says(cluster, session,
                           (struct message){.type = MSG_SUBSCRIBE, .subscribe = &call});
    error = cluster_last(cluster, session, MSG_ERROR);
    assert_non_null(error);
    assert_non_null(strstr(error->error->message, text));
    assert_true(cluster_is_closed(cluster, session));
    assert_null(cluster_last(cluster, session, MSG_SUBSCRIBED));
}

static void bad_subscription_gets_an_error_and_its_session_ends(void **state)
{
    CLUSTER(NULL);
    const char *const twice[] = {"ads", "ads"}, *const bad[] = {"a//b"}, *const ads[] = {"ads"};
    const struct framework_info with_twice = {.name = "x", .roles = twice, .roles_count = 2};
    const struct framework_info with_bad = {.name = "x", .roles = bad, .roles_count = 1};
    const struct framework_info plain = {.name = "x"};

    (void)state;
    assert_refused(cluster, (struct msg_subscribe){.framework = &with_twice}, "twice");
    assert_refused(cluster, (struct msg_subscribe){.framework = &with_bad}, "a//b");
    assert_refused(cluster,
                   (struct msg_subscribe){
                       .framework = &plain, .suppressed_roles = ads, .suppressed_roles_count = 1},
                   "suppressed role ads");
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 0);
}

static void too_many_roles_are_refused(void **state)
{
    CLUSTER(NULL);
    const char *roles[200];
    const struct framework_info info = {.name = "x", .roles = roles, .roles_count = 200};

    (void)state;
    for (size_t i = 0; i < 200; i++)
        roles[i] = arena_printf(cluster->arena, "r%zu", i);
    assert_refused(cluster, (struct msg_subscribe){.framework = &info}, "at most 128");
}

/* Its description goes to the view with each change: that must fit in a message, and not be what the
 * master is busy with. */
static void framework_with_a_huge_description_is_refused(void **state)
{
    CLUSTER(NULL);
    struct label_info *labels = arena_array(cluster->arena, 1000, sizeof(*labels));
    const struct framework_info info = {.name = "x", .labels = labels, .labels_count = 1000};
    char value[4097];

    (void)state;
    memset(value, 'x', 4096);
    value[4096] = '\0';
    for (size_t i = 0; i < 1000; i++)
        labels[i] = (struct label_info){.key = "key", .value = value};
    assert_refused(cluster, (struct msg_subscribe){.framework = &info}, "labels");
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_FRAMEWORK), 0);
}

/* Each is looked for among the framework's roles. */
static void more_roles_than_there_can_be_are_not_looked_at(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    const struct framework_info info = {.name = "x"};
    const char *roles[129];
    size_t count = 129;

    (void)state;
    for (size_t i = 0; i < count; i++)
        roles[i] = "*";
    assert_refused(cluster,
                   (struct msg_subscribe){.framework = &info,
                                          .suppressed_roles = roles,
                                          .suppressed_roles_count = count},
                   "at most 128");
    cluster_forget(cluster);
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(SUPPRESS, suppress, .roles = roles, .roles_count = count));
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(REVIVE, revive, .roles = roles, .roles_count = count));
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_FRAMEWORK), 0);
    assert_int_equal(cluster_counter(cluster, "master/dropped_messages"), 2);
}

static void wish_that_changes_nothing_is_not_published(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);

    (void)state;
    cluster_forget(cluster);
    cluster_framework_says(cluster, framework.session, MESSAGE(REVIVE, revive, .roles = NULL));
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_FRAMEWORK), 0);
    cluster_framework_says(cluster, framework.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_framework_says(cluster, framework.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    assert_int_equal(cluster_count(cluster, 0, MSG_CHANGE_FRAMEWORK), 1);
}

static void session_of_one_framework_cannot_become_another(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    const struct framework_info other = {.name = "x", .id = "other"};

    (void)state;
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(SUBSCRIBE, subscribe, .framework = &other));
    assert_non_null(cluster_last(cluster, framework.session, MSG_ERROR));
    assert_true(cluster_is_closed(cluster, framework.session));
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 0);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_inactive"), 1);
}

static void call_before_subscribing_gets_an_error(void **state)
{
    CLUSTER(NULL);
    uint64_t session = cluster_session(cluster);

    (void)state;
    cluster_framework_says(cluster, session, MESSAGE(REVIVE, revive, .roles = NULL));
    assert_non_null(cluster_last(cluster, session, MSG_ERROR));
    assert_true(cluster_is_closed(cluster, session));
}

static void roles_suppressed_at_the_start_get_no_offers(void **state)
{
    CLUSTER(NULL);
    const char *const roles[] = {"a", "b"}, *const suppressed[] = {"a"};
    const struct framework_info info = {.name = "x", .roles = roles, .roles_count = 2};
    struct node framework = {.session = cluster_session(cluster)};

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:1024;cpus(a):1;mem(a):64");
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(SUBSCRIBE, subscribe, .framework = &info,
                                   .suppressed_roles = suppressed, .suppressed_roles_count = 1));
    assert_int_equal(cluster_offers_count(cluster, framework), 1);
    assert_string_equal(cluster_offer(cluster, framework)->role, "b");
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, framework)),
                        "cpus:4;mem:1024");
    cluster_framework_says(cluster, framework.session, MESSAGE(REVIVE, revive, .roles = NULL));
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, framework)),
                        "cpus(a):1;mem(a):64");
}

static void role_that_is_left_takes_its_offers_along(void **state)
{
    CLUSTER(NULL);
    const char *const both[] = {"a", "b"};
    const struct framework_info fewer = {.name = "x", .roles = both + 1, .roles_count = 1};
    struct node framework;

    (void)state;
    cluster_agent(cluster, "cpus(a):1;mem(a):64");
    framework = cluster_subscribe(
        cluster, (struct framework_info){.name = "x", .roles = both, .roles_count = 2});
    assert_string_equal(cluster_offer(cluster, framework)->role, "a");
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(SUBSCRIBE, subscribe, .framework = &fewer));
    assert_int_equal(cluster_count(cluster, framework.session, MSG_RESCIND), 1);
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 0);
}

static void task_in_a_role_that_was_left_goes_on(void **state)
{
    CLUSTER(NULL);
    const char *const a[] = {"a"}, *const b[] = {"b"};
    const struct framework_info other = {.name = "x", .roles = b, .roles_count = 1};
    struct node agent = cluster_agent(cluster, "cpus:4;mem:1024");
    struct node framework = cluster_subscribe(
        cluster, (struct framework_info){.name = "x", .roles = a, .roles_count = 1});

    (void)state;
    cluster_launch(cluster, framework, "t1", "cpus:1;mem:64");
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(SUBSCRIBE, subscribe, .framework = &other));
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 1);
    cluster_status(cluster, agent, framework.id, "t1", TASK_FINISHED, 0);
    cluster_acknowledge(cluster, framework, "t1");
    assert_string_equal(cluster_offer(cluster, framework)->role, "b");
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, framework)),
                        "cpus:1;mem:64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framework_gets_an_id_of_the_master),
        cmocka_unit_test(framework_without_roles_is_in_the_unreserved_one),
        cmocka_unit_test(repeated_subscription_is_answered_with_the_same_id),
        cmocka_unit_test(framework_of_an_earlier_master_keeps_its_id),
        cmocka_unit_test(removed_framework_may_not_come_back),
        cmocka_unit_test(bad_subscription_gets_an_error_and_its_session_ends),
        cmocka_unit_test(too_many_roles_are_refused),
        cmocka_unit_test(framework_with_a_huge_description_is_refused),
        cmocka_unit_test(more_roles_than_there_can_be_are_not_looked_at),
        cmocka_unit_test(wish_that_changes_nothing_is_not_published),
        cmocka_unit_test(session_of_one_framework_cannot_become_another),
        cmocka_unit_test(call_before_subscribing_gets_an_error),
        cmocka_unit_test(roles_suppressed_at_the_start_get_no_offers),
        cmocka_unit_test(role_that_is_left_takes_its_offers_along),
        cmocka_unit_test(task_in_a_role_that_was_left_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
