/* tests/unit/test_master_bad_input.c - whatever a peer says, it harms only itself. */
#include "tests/unit/master_fixture.h"

#include <string.h>

#define OTHERS_ARE_WELL(cluster)                                                                   \
    do {                                                                                           \
        assert_int_equal(cluster_counter((cluster), "master/slaves_active"), 1);                   \
        assert_int_equal(cluster_counter((cluster), "master/frameworks_active"), 1);               \
    } while (0)

static void who_says_what_is_not_for_him_to_say_is_told_and_shown_out(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:1;mem:64");
    struct node framework = cluster_framework(cluster, NULL);
    struct node other = cluster_framework(cluster, NULL);
    uint64_t stranger = cluster_session(cluster);

    (void)state;
    cluster_agent_says(cluster, agent.session, MESSAGE(REVIVE, revive, .roles = NULL));
    assert_true(cluster_is_closed(cluster, agent.session));
    assert_string_equal(cluster->closed_reason, "REVIVE is not for an agent to say");
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(UNREGISTER, unregister, .reason = ""));
    assert_true(cluster_is_closed(cluster, framework.session));
    assert_string_equal(cluster_last(cluster, framework.session, MSG_ERROR)->error->message,
                        "UNREGISTER is not for a framework to say");
    cluster_framework_says(cluster, other.session,
                           MESSAGE(SHUTDOWN_AGENT, shutdown_agent, .reason = ""));
    assert_true(cluster_is_closed(cluster, other.session));
    cluster_framework_says(cluster, stranger,
                           MESSAGE(CHANGE_MASTER, change_master, .master_id = "x"));
    assert_true(cluster_is_closed(cluster, stranger));
    assert_int_equal(cluster_counter(cluster, "master/dropped_messages/unexpected"), 4);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 0);
    assert_int_equal(cluster_counter(cluster, "master/frameworks_active"), 0);
}

static void message_of_no_known_type_is_dropped(void **state)
{
    CLUSTER(NULL);
    struct node framework = cluster_framework(cluster, NULL);
    struct message message = {.type = (enum msg_type)1000};

    (void)state;
    cluster_agent(cluster, "cpus:1;mem:64");
    master_on_message(cluster->master, cluster->now, framework.session, PEER_FRAMEWORK, &message);
    message.type = (enum msg_type) - 1;
    master_on_message(cluster->master, cluster->now, framework.session, PEER_FRAMEWORK, &message);
    message.type = (enum msg_type)255;
    master_on_message(cluster->master, cluster->now, framework.session, PEER_FRAMEWORK, &message);
    assert_int_equal(cluster_counter(cluster, "master/dropped_messages"), 3);
    OTHERS_ARE_WELL(cluster);
}

static void session_cannot_be_two_agents(void **state)
{
    CLUSTER(NULL);
    struct node agent = cluster_agent(cluster, "cpus:1;mem:64");
    const struct agent_info other = {.id = "other", .hostname = "h"};

    (void)state;
    cluster_agent_says(cluster, agent.session,
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &other));
    assert_true(cluster_is_closed(cluster, agent.session));
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 0);
    assert_int_equal(cluster_counter(cluster, "master/slaves_disconnected"), 1);
}

static void assert_agent_is_refused(const struct agent_info *info, const char *text)
{
    CLUSTER(NULL);
    uint64_t session = cluster_session(cluster);

    cluster_agent_says(cluster, session, MESSAGE(REGISTER_AGENT, register_agent, .agent = info));
    assert_true(cluster_is_closed(cluster, session));
    if (!strstr(cluster->closed_reason, text))
        fail_msg("\"%s\" does not say \"%s\"", cluster->closed_reason, text);
    assert_int_equal(cluster_counter(cluster, "master/slaves_active"), 0);
    assert_int_equal(cluster_counter(cluster, "master/slave_registrations_refused"), 1);
}

static void agent_with_impossible_resources_is_refused(void **state)
{
    const struct range_info down = {.begin = 9, .end = 1}, wide = {.begin = 0, .end = INT64_MAX};
    const struct range_info many[] = {{.begin = 1, .end = 100000},
                                      {.begin = 200000, .end = 300000}},
                            zero = {.begin = 0, .end = 9}, high = {.begin = 70000, .end = 70001};
    const struct resource_info resources[] = {
        {.name = "ports", .kind = VALUE_RANGES, .ranges = &zero, .ranges_count = 1},
        {.name = "ports", .kind = VALUE_RANGES, .ranges = &high, .ranges_count = 1},
        {.name = "ports", .kind = VALUE_RANGES, .ranges = &down, .ranges_count = 1},
        {.name = "ids", .kind = VALUE_RANGES, .ranges = &wide, .ranges_count = 1},
        {.name = "ids", .kind = VALUE_RANGES, .ranges = many, .ranges_count = 2},
        {.name = "a b", .kind = VALUE_SCALAR, .scalar = 1},
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = INT64_MAX},
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1, .role = "a//b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
        assert_agent_is_refused(
            &(struct agent_info){.hostname = "h", .resources = &resources[i], .resources_count = 1},
            "resources");
}

static void agent_that_is_too_large_for_an_offer_is_refused(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct attribute_info *attributes = arena_array(arena, 3000, sizeof(*attributes));
    char text[1001];

    (void)state;
    memset(text, 'x', 1000);
    text[1000] = '\0';
    for (size_t i = 0; i < 3000; i++)
        attributes[i] = (struct attribute_info){.name = "a", .kind = VALUE_TEXT, .text = text};
    assert_agent_is_refused(
        &(struct agent_info){.hostname = "h", .attributes = attributes, .attributes_count = 3000},
        "more than");
}

static void agent_that_is_too_large_to_be_shown_is_refused(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct cache_info *caches = arena_array(arena, 3900, sizeof(*caches));
    struct topology_info topology = {.caches = caches, .caches_count = 3900};
    char text[1001];

    (void)state;
    memset(text, '1', 1000);
    text[1000] = '\0';
    for (size_t i = 0; i < 3900; i++)
        caches[i].cpus = text;
    assert_agent_is_refused(&(struct agent_info){.hostname = "h", .topology = &topology},
                            "topology");
}

static void agent_cannot_report_states_that_are_none(void **state)
{
    CLUSTER(NULL);
    struct agent_task task = cluster_report(cluster, "F", "t1", "cpus:1", TASK_UNREACHABLE);
    struct node agent = cluster_agent_back(cluster, "", "cpus:4", &task, 1);

    (void)state;
    assert_true(cluster_is_closed(cluster, agent.session));
    assert_non_null(strstr(cluster->closed_reason, "t1"));
}

static void task_reported_twice_counts_once(void **state)
{
    CLUSTER(NULL);
    struct agent_task tasks[] = {
        cluster_report(cluster, "F", "t1", "cpus:1", TASK_RUNNING),
        cluster_report(cluster, "F", "t1", "cpus:2", TASK_RUNNING),
    };

    (void)state;
    cluster_agent_back(cluster, "", "cpus:4", tasks, 2);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
}

static void agent_cannot_invent_roles_without_end(void **state)
{
    CLUSTER(NULL);
    struct agent_task *tasks = arena_array(cluster->arena, 500, sizeof(*tasks));

    (void)state;
    for (size_t i = 0; i < 500; i++) {
        const char *id = arena_printf(cluster->arena, "t%zu", i);

        tasks[i] = cluster_report(cluster, "F", id, "cpus:0.001", TASK_RUNNING);
        tasks[i].role = i % 2 ? arena_printf(cluster->arena, "r%zu", i) : "not//a role";
    }
    cluster_agent_back(cluster, "", "cpus:4", tasks, 500);
    assert_int_equal(cluster_counter(cluster, "master/tasks_running"), 500);
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    const struct master_settings settings[] = {
        {.epoch = 0},
        {.epoch = 1, .id = "a/b"},
        {.epoch = 1, .agent_timeout_ms = -1},
        {.epoch = 1, .refuse_default_ms = INT64_MAX},
        {.epoch = 1, .min_allocatable = "cpus"},
        {.epoch = 1, .min_allocatable = "ports:[1-2]"},
        {.epoch = 1,
         .min_allocatable = "a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|"
                            "a:1|a:1|a:1"},
    };
    const struct master_env env = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        struct master *master = NULL;
        struct err err = {""};

        assert_true(master_new(&settings[i], &env, (struct now){0}, &master, &err) < 0);
        assert_null(master);
        assert_string_not_equal(err.text, "");
    }
}

static void master_without_an_id_makes_one_from_its_seed(void **state)
{
    CLEANUP(cluster_destroy)
    struct cluster *a = cluster_new(&(struct master_settings){.id = "", .seed = 1});
    CLEANUP(cluster_destroy)
    struct cluster *b = cluster_new(&(struct master_settings){.id = "", .seed = 1});
    const char *id = cluster_last(a, 0, MSG_CHANGE_MASTER)->change_master->master_id;

    (void)state;
    assert_int_equal(strlen(id), 36);
    assert_string_equal(id, cluster_last(b, 0, MSG_CHANGE_MASTER)->change_master->master_id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_says_what_is_not_for_him_to_say_is_told_and_shown_out),
        cmocka_unit_test(message_of_no_known_type_is_dropped),
        cmocka_unit_test(session_cannot_be_two_agents),
        cmocka_unit_test(agent_with_impossible_resources_is_refused),
        cmocka_unit_test(agent_that_is_too_large_for_an_offer_is_refused),
        cmocka_unit_test(agent_that_is_too_large_to_be_shown_is_refused),
        cmocka_unit_test(agent_cannot_report_states_that_are_none),
        cmocka_unit_test(task_reported_twice_counts_once),
        cmocka_unit_test(agent_cannot_invent_roles_without_end),
        cmocka_unit_test(settings_that_make_no_sense_are_refused),
        cmocka_unit_test(master_without_an_id_makes_one_from_its_seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
