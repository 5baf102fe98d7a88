/* tests/unit/test_master_operations.c - what becomes of operations: feedback, agents that fail or go, operators.
 */
#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "tests/unit/operations_scene.h"

static void agent_tells(struct scene *scene, const char *id, enum operation_state state,
                        const char *uuid, bool unlike)
{
    const struct operation_status status = {.operation_id = id,
                                            .framework_id = scene->framework.id,
                                            .state = state,
                                            .message = "said by the agent",
                                            .uuid = {uuid, UUID_BYTES}};

    cluster_agent_says(
        scene->cluster, scene->agent.session,
        MESSAGE(OPERATION_RESULT, operation_result, .status = &status, .unlike = unlike));
}

#define DISK   "disk(ads dynamic by ops)"
#define UUID_1 "0123456789abcdef"
#define UUID_2 "fedcba9876543210"

/* --- feedback ---------------------------------------------------------------- */

static void a_result_is_passed_on_and_acknowledged(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);
    const struct msg_acknowledge_result *ack;

    (void)state;
    scene_do(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    assert_string_equal(scene_applied(&scene)->operation_id, "r1");
    assert_string_equal(scene_applied(&scene)->framework_id, scene.framework.id);
    agent_tells(&scene, "r1", OPERATION_FINISHED, UUID_1, false);
    scene_assert_told(&scene, "r1", OPERATION_FINISHED, "said by the agent");
    assert_string_equal(scene_told(&scene, "r1")->agent_id, scene.agent.id);
    assert_memory_equal(scene_told(&scene, "r1")->uuid.data, UUID_1, UUID_BYTES);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACKNOWLEDGE_OPERATION, acknowledge_operation,
                                   .agent_id = scene.agent.id, .operation_id = "r1",
                                   .uuid = {UUID_1, UUID_BYTES}));
    ack = cluster_last(cluster, scene.agent.session, MSG_ACKNOWLEDGE_RESULT)->acknowledge_result;
    assert_string_equal(ack->operation_id, "r1");
    assert_string_equal(ack->framework_id, scene.framework.id);
    assert_memory_equal(ack->uuid.data, UUID_1, UUID_BYTES);
}

static void an_operation_id_is_in_use_until_its_result_is_acknowledged(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);

    (void)state;
    scene_do(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    cluster_pass(cluster, 3601 * SECOND);
    scene_do(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    scene_assert_told(&scene, "r1", OPERATION_ERROR, "in use");
    agent_tells(&scene, "r1", OPERATION_FINISHED, UUID_1, false);
    for (int i = 0; i < 2; i++) { /* of another uuid, then of the right one */
        cluster_framework_says(cluster, scene.framework.session,
                               MESSAGE(ACKNOWLEDGE_OPERATION, acknowledge_operation,
                                       .agent_id = scene.agent.id, .operation_id = "r1",
                                       .uuid = {i ? UUID_1 : UUID_2, UUID_BYTES}));
        cluster_forget(cluster);
        cluster_pass(cluster, 3601 * SECOND);
        scene_do(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
        assert_int_equal(scene_told(&scene, "r1") != NULL, i == 0);
    }
}

static void operations_without_acknowledgement_are_limited(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);
    struct operation_info *many = arena_array(cluster->arena, 1025, sizeof(*many));
    char *ids = arena_array(cluster->arena, 1025, 8);

    (void)state;
    for (int i = 0; i < 1025; i++) {
        snprintf(ids + 8 * i, 8, "o%d", i);
        many[i] = scene_operation(cluster, OPERATION_RESERVE, ids + 8 * i,
                                  "mem(ads dynamic by ops):0.5", 0);
    }
    scene_accept(&scene, many, 1025);
    assert_null(scene_told(&scene, "o1023"));
    scene_assert_told(&scene, "o1024", OPERATION_ERROR, "not acknowledged yet");
}

static void operations_on_bad_offers_are_dropped(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);
    const char *const offer = "M-O99";
    const struct operation_info one =
        scene_operation(cluster, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);

    (void)state;
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACCEPT, accept, .offer_ids = &offer, .offer_ids_count = 1,
                                   .operations = &one, .operations_count = 1));
    scene_assert_told(&scene, "r1", OPERATION_DROPPED, "M-O99 is not valid");
}

static void an_agent_that_keeps_nothing_is_not_asked_to(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = {.cluster = cluster};
    struct agent_info info = {.hostname = "old"};

    (void)state;
    info.resources = cluster_resources(cluster, "cpus:4;mem:64", &info.resources_count);
    scene.agent.session = cluster_session(cluster);
    cluster_agent_says(cluster, scene.agent.session,
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    scene.framework = scene_framework(cluster, "ads");
    scene_do(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    scene_assert_told(&scene, "r1", OPERATION_ERROR, "does not keep reservations");
    assert_null(scene_applied(&scene));
}

/* --- agents that fail, and come back ----------------------------------------- */

static void an_agent_that_could_not_do_it_says_again_what_it_has(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);

    (void)state;
    scene_do(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    agent_tells(&scene, "r1", OPERATION_FAILED, UUID_1, true);
    scene_assert_told(&scene, "r1", OPERATION_FAILED, "said by the agent");
    assert_true(cluster_is_closed(cluster, scene.agent.session));
    cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", NULL, 0);
    assert_string_equal(scene_total(&scene), "cpus:4;mem:1024");
    cluster_pass(cluster, 3601 * SECOND);
    assert_string_equal(scene_offered(&scene), "cpus:4;mem:1024");
    assert_int_equal(cluster_counter(cluster, "master/operations/failed"), 1);
}

static void what_never_reached_its_agent_is_dropped(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);
    const struct operation_info both[] = {
        scene_operation(cluster, OPERATION_RESERVE, "lost", "cpus(ads dynamic by ops):1", 0),
        scene_operation(cluster, OPERATION_RESERVE, "there", "cpus(ads dynamic by ops):1", 0),
    };
    const struct operation_status there = {.operation_id = "there",
                                           .framework_id = scene.framework.id,
                                           .state = OPERATION_FINISHED,
                                           .uuid = {UUID_1, UUID_BYTES}};
    struct agent_info info = {.id = scene.agent.id, .hostname = "host"};

    (void)state;
    scene_accept(&scene, both, 2);
    cluster_close(cluster, scene.agent.session);
    info.resources = cluster_resources(cluster, "cpus:3;cpus(ads dynamic by ops):1;mem:64",
                                       &info.resources_count);
    cluster_agent_says(cluster, cluster_session(cluster),
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info, .operations = &there,
                               .operations_count = 1));
    scene_assert_told(&scene, "lost", OPERATION_DROPPED, "never reached");
    assert_null(scene_told(&scene, "there"));
    assert_string_equal(scene_total(&scene), "cpus:3;cpus(ads dynamic by ops):1;mem:64");
}

static void operations_share_the_fate_of_their_agent(void **state)
{
    const struct master_settings settings = {
        .id = "M", .epoch = CLUSTER_EPOCH, .agent_timeout_ms = 10 * SECOND};
    CLUSTER(&settings);
    struct scene scene = scene_of(cluster), second = scene;

    (void)state;
    scene_do(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 11 * SECOND);
    scene_assert_told(&scene, "r1", OPERATION_UNREACHABLE, "may come back");
    second.agent = cluster_agent(cluster, "cpus:4;mem:1024");
    scene_do(&second, OPERATION_RESERVE, "r2", "cpus(ads dynamic by ops):1", 0);
    cluster_agent_says(cluster, second.agent.session,
                       MESSAGE(UNREGISTER, unregister, .reason = "x"));
    scene_assert_told(&second, "r2", OPERATION_UNKNOWN, "unregistered");
}

static void results_of_a_removed_framework_are_acknowledged_for_it(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);

    (void)state;
    scene_do(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = ""));
    agent_tells(&scene, "r1", OPERATION_FINISHED, UUID_1, false);
    assert_non_null(cluster_last(cluster, scene.agent.session, MSG_ACKNOWLEDGE_RESULT));
}

static void an_agent_brings_its_reservations_to_a_new_master(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = {.cluster = cluster};
    const char *const all = "cpus:2;cpus(ads dynamic by ops):2;" DISK "[v by ops]:40;mem:64";

    (void)state;
    scene.agent = cluster_agent_back(cluster, "old-S1", all, NULL, 0);
    scene.framework = scene_framework(cluster, "ads");
    assert_string_equal(scene_offered(&scene), all);
}

/* --- operators --------------------------------------------------------------- */

static struct msg_operator_reply operate(struct scene *scene, enum operation_kind kind,
                                         const char *resources, const char *source)
{
    struct resource_change *change = scene_change(scene->cluster, resources);
    const struct operation_info info = {.kind = kind, .change = change};

    change->source = cluster_resources(scene->cluster, source, &change->source_count);
    return cluster_operator(scene->cluster,
                            MESSAGE(OPERATOR_OPERATION, operator_operation,
                                    .agent_id = scene->agent.id, .operation = &info));
}

static void an_operator_reserves_for_any_role_and_takes_offers_back_for_it(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);

    (void)state;
    assert_int_equal(operate(&scene, OPERATION_RESERVE, "cpus(eng dynamic by root):3", "").code,
                     202);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND), 1);
    assert_string_equal(scene_applied(&scene)->framework_id, "");
    cluster_pass(cluster, SECOND);
    assert_string_equal(scene_offered(&scene), "cpus:1;disk:100;mem:1024;ports:[100-109]");
    /* To another role in one step; twice is once too often. */
    assert_int_equal(operate(&scene, OPERATION_RESERVE, "cpus(ads dynamic {k=v}):2",
                             "cpus(eng dynamic by root):2")
                         .code,
                     202);
    assert_string_equal(scene_total(&scene),
                        "cpus:1;cpus(ads dynamic {k=v}):2;"
                        "cpus(eng dynamic by root):1;disk:100;mem:1024;ports:[100-109]");
    assert_int_equal(operate(&scene, OPERATION_RESERVE, "cpus(ads dynamic {k=v}):2",
                             "cpus(eng dynamic by root):2")
                         .code,
                     409);
    assert_int_equal(operate(&scene, OPERATION_UNRESERVE, "cpus(eng dynamic by root):1", "").code,
                     202);
}

static void an_operators_mistakes_are_explained(void **state)
{
    static const struct {
        enum operation_kind kind;
        const char *resources, *source;
        int code;
        const char *why;
    } cases[] = {
        {OPERATION_RESERVE, "cpus(eng dynamic):5", "", 409,
         "agent M-S0 has 4 cpus in all; asked for are 5"},
        {OPERATION_RESERVE, "cpus(eng dynamic):2", "cpus:1", 400, "not the same quantities"},
        {OPERATION_RESERVE, "cpus(eng):2", "", 400, "as they will be"},
        {OPERATION_UNRESERVE, "cpus:1", "", 400, "is not reserved"},
        {OPERATION_LAUNCH, "cpus:1", "", 400, "does not know the kind"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLUSTER(&scene_patient);
        struct scene scene = scene_of(cluster);
        struct msg_operator_reply reply =
            operate(&scene, cases[i].kind, cases[i].resources, cases[i].source);

        assert_int_equal(reply.code, cases[i].code);
        if (!strstr(reply.message, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", reply.message, cases[i].why);
        assert_null(scene_applied(&scene));
    }
}

static void a_framework_may_not_take_from_another_reservation(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);
    struct operation_info one =
        scene_operation(cluster, OPERATION_RESERVE, "r", "cpus(ads dynamic by ops):1", 0);
    struct resource_change change = *one.change;

    (void)state;
    change.source = cluster_resources(cluster, "cpus:1", &change.source_count);
    one.change = &change;
    scene_accept(&scene, &one, 1);
    scene_assert_told(&scene, "r", OPERATION_ERROR, "only an operator");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_is_passed_on_and_acknowledged),
        cmocka_unit_test(an_operation_id_is_in_use_until_its_result_is_acknowledged),
        cmocka_unit_test(operations_without_acknowledgement_are_limited),
        cmocka_unit_test(operations_on_bad_offers_are_dropped),
        cmocka_unit_test(an_agent_that_keeps_nothing_is_not_asked_to),
        cmocka_unit_test(an_agent_that_could_not_do_it_says_again_what_it_has),
        cmocka_unit_test(what_never_reached_its_agent_is_dropped),
        cmocka_unit_test(operations_share_the_fate_of_their_agent),
        cmocka_unit_test(results_of_a_removed_framework_are_acknowledged_for_it),
        cmocka_unit_test(an_agent_brings_its_reservations_to_a_new_master),
        cmocka_unit_test(an_operator_reserves_for_any_role_and_takes_offers_back_for_it),
        cmocka_unit_test(an_operators_mistakes_are_explained),
        cmocka_unit_test(a_framework_may_not_take_from_another_reservation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
