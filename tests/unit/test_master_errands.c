/* tests/unit/test_master_errands.c - reservations and volumes by operators: what is meant, what stands in the
 * way, and that the answer comes when the agent has written it, or says why not. */
#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "master/core/errands.h"
#include "tests/unit/operations_scene.h"

#define UUID "0123456789abcdef"
#define ALL  "cpus:4;mem:1024;disk:100;ports:[100-109]"

/* An agent that tells what became of operators' operations, with these results not acknowledged. */
static void agent_registers(struct scene *scene, const char *resources,
                            const struct operation_status *results, size_t results_count)
{
    static const char *const capabilities[] = {"RESOURCE_OPERATIONS", "OPERATOR_RESULTS"};
    struct agent_info info = {.id = scene->agent.id ? scene->agent.id : "",
                              .hostname = "host",
                              .capabilities = capabilities,
                              .capabilities_count = 2};

    info.resources = cluster_resources(scene->cluster, resources, &info.resources_count);
    scene->agent.session = cluster_session(scene->cluster);
    cluster_agent_says(scene->cluster, scene->agent.session,
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info,
                               .operations = results, .operations_count = results_count));
    scene->agent.id = cluster_last(scene->cluster, scene->agent.session, MSG_AGENT_REGISTERED)
                          ->agent_registered->agent_id;
}

static struct scene scene_telling(struct cluster *cluster, const char *resources)
{
    struct scene scene = {.cluster = cluster};

    agent_registers(&scene, resources, NULL, 0);
    return scene;
}

static struct msg_operator_reply ask_reservation(struct scene *scene,
                                                 struct msg_operator_reservation call)
{
    call.agent_id = scene->agent.id;
    call.asked_by = "me:1";
    return cluster_operator(scene->cluster, (struct message){.type = MSG_OPERATOR_RESERVATION,
                                                             .operator_reservation = &call});
}

static struct msg_operator_reply ask_volume(struct scene *scene, struct msg_operator_volume call)
{
    call.agent_id = scene->agent.id;
    call.asked_by = "me:1";
    return cluster_operator(
        scene->cluster, (struct message){.type = MSG_OPERATOR_VOLUME, .operator_volume = &call});
}

static void agent_tells(struct scene *scene, const char *id, enum operation_state state,
                        const char *message)
{
    const struct operation_status status = {
        .operation_id = id, .state = state, .message = message, .uuid = {UUID, UUID_BYTES}};

    cluster_agent_says(scene->cluster, scene->agent.session,
                       MESSAGE(OPERATION_RESULT, operation_result, .status = &status,
                               .unlike = state == OPERATION_FAILED));
}

static void assert_reply(const struct msg_operator_reply *reply, int code, const char *words)
{
    if (reply->code != code || !strstr(reply->message, words))
        fail_msg("%d \"%s\", want %d \"%s\"", (int)reply->code, reply->message, code, words);
}

/* What was asked waits for the agent, which does it. */
static void assert_done(struct scene *scene, struct msg_operator_reply reply)
{
    assert_int_equal(reply.code, 0);
    agent_tells(scene, scene_applied(scene)->operation_id, OPERATION_FINISHED, "");
    assert_reply(&scene->cluster->reply, 200, "has done it");
}

static void reserves(struct scene *scene, const char *role, const char *resources)
{
    assert_done(scene,
                ask_reservation(scene, (struct msg_operator_reservation){.kind = OPERATION_RESERVE,
                                                                         .role = role,
                                                                         .resources = resources}));
}

/* --- the answer -------------------------------------------------------------- */

static void it_is_answered_when_the_agent_has_written_it(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_telling(cluster, ALL);
    struct msg_operator_reply reply;
    const struct msg_acknowledge_result *ack;
    const struct label_info label = {"tier", "gold"};

    (void)state;
    reply = ask_reservation(&scene,
                            (struct msg_operator_reservation){.kind = OPERATION_RESERVE,
                                                              .role = "ads",
                                                              .resources = "cpus:2;ports:[100-101]",
                                                              .principal = "ops",
                                                              .labels = &label,
                                                              .labels_count = 1});
    assert_int_equal(reply.code, 0);
    assert_string_equal(scene_applied(&scene)->framework_id, "");
    assert_string_equal(scene_total(&scene),
                        "cpus:2;cpus(ads dynamic by ops {tier=gold}):2;disk:100;mem:1024;"
                        "ports:[102-109];ports(ads dynamic by ops {tier=gold}):[100-101]");
    agent_tells(&scene, scene_applied(&scene)->operation_id, OPERATION_FINISHED, "");
    assert_reply(&cluster->reply, 200, "agent M-S0 has done it");
    ack = cluster_last(cluster, scene.agent.session, MSG_ACKNOWLEDGE_RESULT)->acknowledge_result;
    assert_string_equal(ack->framework_id, "");
    assert_string_equal(ack->operation_id, scene_applied(&scene)->operation_id);
}

static void what_the_agent_could_not_do_is_told(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_telling(cluster, ALL);

    (void)state;
    reserves(&scene, "ads", "disk:50");
    assert_int_equal(ask_volume(&scene, (struct msg_operator_volume){.kind = OPERATION_CREATE,
                                                                     .role = "ads",
                                                                     .volume_id = "db",
                                                                     .mib = 20})
                         .code,
                     0);
    agent_tells(&scene, scene_applied(&scene)->operation_id, OPERATION_FAILED, "no such device");
    assert_reply(&cluster->reply, 409, "agent M-S0 could not do it: no such device");
    /* It is to say again what it has, and then that counts. */
    assert_true(cluster_is_closed(cluster, scene.agent.session));
    agent_registers(&scene, "cpus:4;mem:1024;disk:50;disk(ads dynamic):50;ports:[100-109]", NULL,
                    0);
    assert_string_equal(scene_total(&scene),
                        "cpus:4;disk:50;disk(ads dynamic):50;mem:1024;ports:[100-109]");
}

static void an_agent_that_comes_back_says_whether_it_was_done(void **state)
{
    (void)state;
    for (int was_done = 0; was_done < 2; was_done++) {
        CLUSTER(&scene_patient);
        struct scene scene = scene_telling(cluster, ALL);
        struct operation_status done = {.state = OPERATION_FINISHED, .uuid = {UUID, UUID_BYTES}};

        assert_int_equal(
            ask_reservation(&scene, (struct msg_operator_reservation){.kind = OPERATION_RESERVE,
                                                                      .role = "ads",
                                                                      .resources = "cpus:2"})
                .code,
            0);
        done.operation_id = scene_applied(&scene)->operation_id;
        cluster_close(cluster, scene.agent.session);
        assert_int_equal(cluster->reply.code, 0);
        if (!was_done) {
            agent_registers(&scene, ALL, NULL, 0);
            assert_reply(&cluster->reply, 503, "nothing was changed on agent M-S0");
            continue;
        }
        agent_registers(&scene, "cpus:2;cpus(ads dynamic):2;mem:1024", &done, 1);
        assert_int_equal(cluster->reply.code, 0);
        agent_tells(&scene, done.operation_id, OPERATION_FINISHED, "");
        assert_reply(&cluster->reply, 200, "has done it");
    }
}

static void a_silent_agent_is_waited_for_so_long(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_telling(cluster, ALL);

    (void)state;
    assert_int_equal(
        ask_reservation(&scene, (struct msg_operator_reservation){.kind = OPERATION_RESERVE,
                                                                  .role = "ads",
                                                                  .resources = "cpus:2"})
            .code,
        0);
    cluster_pass(cluster, ERRAND_WAIT_MS - 1);
    assert_int_equal(cluster->reply.code, 0);
    cluster_pass(cluster, 1);
    assert_reply(&cluster->reply, 504, "has not said for 30 s");
    /* Its word comes late, and is taken all the same. */
    agent_tells(&scene, scene_applied(&scene)->operation_id, OPERATION_FINISHED, "");
    assert_non_null(cluster_last(cluster, scene.agent.session, MSG_ACKNOWLEDGE_RESULT));
}

static void an_agent_that_is_lost_is_said(void **state)
{
    const struct master_settings settings = {
        .id = "M", .epoch = CLUSTER_EPOCH, .agent_timeout_ms = 10 * SECOND};
    CLUSTER(&settings);
    struct scene scene = scene_telling(cluster, ALL);
    const struct msg_operator_reservation call = {
        .kind = OPERATION_RESERVE, .role = "ads", .resources = "cpus:2"};
    struct msg_operator_reply reply;

    (void)state;
    assert_int_equal(ask_reservation(&scene, call).code, 0);
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 11 * SECOND);
    assert_reply(&cluster->reply, 503, "has not said whether it did it");
    reply = ask_reservation(&scene, call);
    assert_reply(&reply, 409, "agent M-S0 is away");
}

static void a_result_for_an_earlier_master_is_acknowledged(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_telling(cluster, ALL);

    (void)state;
    agent_tells(&scene, "L-P7", OPERATION_FINISHED, "");
    assert_string_equal(cluster_last(cluster, scene.agent.session, MSG_ACKNOWLEDGE_RESULT)
                            ->acknowledge_result->operation_id,
                        "L-P7");
}

static void an_older_agent_is_told_and_not_waited_for(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);
    struct msg_operator_reply reply = ask_reservation(
        &scene, (struct msg_operator_reservation){
                    .kind = OPERATION_RESERVE, .role = "ads", .resources = "cpus:2"});

    (void)state;
    assert_reply(&reply, 202, "is told to do it; it is of an older version");
    assert_string_equal(scene_applied(&scene)->operation_id, "");
}

/* --- what is in the way ------------------------------------------------------- */

static void offers_in_the_way_go_and_no_others(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_telling(cluster, "cpus:4;mem:1024;mem(eng):512;disk:100");
    struct node eng = scene_framework(cluster, "eng"), ads;

    (void)state;
    /* The first has it all and gives back what it does not use; the second is offered that. */
    scene.framework = eng;
    cluster_launch(cluster, eng, "t3", "cpus:2;mem:256");
    ads = scene_framework(cluster, "ads");
    cluster_pass(cluster, 10 * SECOND);
    assert_int_equal(cluster_count(cluster, ads.session, MSG_RESCIND), 0);
    assert_int_equal(cluster_count(cluster, eng.session, MSG_RESCIND), 0);
    assert_done(&scene,
                ask_reservation(&scene, (struct msg_operator_reservation){.kind = OPERATION_RESERVE,
                                                                          .role = "web",
                                                                          .resources = "cpus:1"}));
    assert_int_equal(cluster_count(cluster, ads.session, MSG_RESCIND) +
                         cluster_count(cluster, eng.session, MSG_RESCIND),
                     1);
}

static void tasks_in_the_way_are_named_and_offers_stay(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_telling(cluster, "cpus:4;mem:1024;ports:[100-101]");
    struct msg_operator_reply reply;

    (void)state;
    scene.framework = scene_framework(cluster, "ads");
    cluster_launch(cluster, scene.framework, "t3", "cpus:2;mem:256;ports:[100-100]");
    cluster_pass(cluster, 10 * SECOND);
    reply = ask_reservation(&scene, (struct msg_operator_reservation){.kind = OPERATION_RESERVE,
                                                                      .role = "web",
                                                                      .resources = "cpus:3"});
    assert_reply(&reply, 409,
                 "agent M-S0 has 2 of 4 cpus free; 2 are used by task t3 of framework M-0000");
    reply = ask_reservation(
        &scene, (struct msg_operator_reservation){
                    .kind = OPERATION_RESERVE, .role = "web", .resources = "ports:[100-101]"});
    assert_reply(&reply, 409, "ports [100-101]; some are used by task t3 of framework M-0000");
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND), 0);
    assert_null(scene_applied(&scene));
}

static void a_volume_in_use_is_not_destroyed(void **state)
{
    (void)state;
    for (int is_shared = 0; is_shared < 2; is_shared++) {
        CLUSTER(&scene_patient);
        struct scene scene = scene_telling(cluster, ALL);
        struct msg_operator_reply reply;

        reserves(&scene, "ads", "disk:50");
        assert_done(&scene,
                    ask_volume(&scene, (struct msg_operator_volume){.kind = OPERATION_CREATE,
                                                                    .role = "ads",
                                                                    .volume_id = "db",
                                                                    .mib = 50,
                                                                    .shared = is_shared}));
        scene.framework = scene_framework(cluster, "ads");
        cluster_launch(cluster, scene.framework, "t1",
                       is_shared ? "cpus:1;mem:64;disk(ads dynamic)[db shared]:50"
                                 : "cpus:1;mem:64;disk(ads dynamic)[db]:50");
        reply =
            ask_volume(&scene, (struct msg_operator_volume){
                                   .kind = OPERATION_DESTROY, .role = "ads", .volume_id = "db"});
        assert_reply(&reply, 409,
                     is_shared ? "tasks use volume db"
                               : "volume db of role ads is used by task t1 of framework M-0000");
    }
}

/* --- what is meant ------------------------------------------------------------- */

static void reservations_are_refined_replaced_and_undone(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_telling(cluster, "cpus:4;mem(ads):1024");

    (void)state;
    reserves(&scene, "ads", "cpus:2");
    reserves(&scene, "ads/eu", "cpus(ads):1;mem(ads):24");
    assert_string_equal(scene_total(&scene),
                        "cpus:2;cpus(ads dynamic):1;cpus(ads dynamic)(ads/eu dynamic):1;"
                        "mem(ads):1000;mem(ads)(ads/eu dynamic):24");
    assert_done(&scene, ask_reservation(
                            &scene, (struct msg_operator_reservation){.kind = OPERATION_RESERVE,
                                                                      .role = "web",
                                                                      .resources = "cpus(ads):1",
                                                                      .principal = "ops",
                                                                      .instead = true}));
    assert_string_equal(scene_total(&scene),
                        "cpus:2;cpus(ads dynamic)(ads/eu dynamic):1;cpus(web dynamic by ops):1;"
                        "mem(ads):1000;mem(ads)(ads/eu dynamic):24");
    /* All of a role; then a part of what another has. */
    assert_done(&scene,
                ask_reservation(&scene, (struct msg_operator_reservation){
                                            .kind = OPERATION_UNRESERVE, .role = "ads/eu"}));
    assert_done(&scene, ask_reservation(
                            &scene, (struct msg_operator_reservation){.kind = OPERATION_UNRESERVE,
                                                                      .role = "web",
                                                                      .resources = "cpus:0.25",
                                                                      .principal = "ops"}));
    assert_string_equal(scene_total(&scene),
                        "cpus:2.25;cpus(ads dynamic):1;cpus(web dynamic by ops):0.75;"
                        "mem(ads):1024");
}

static void volumes_are_made_resized_and_destroyed(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_telling(cluster, "cpus:4;disk:100");
    static const struct {
        enum operation_kind kind;
        int64_t mib;
        const char *left;
    } steps[] = {
        {OPERATION_CREATE, 40,
         "cpus:4;disk:20;disk(ads dynamic):40;disk(ads dynamic)[db by ops]:40"},
        {OPERATION_GROW_VOLUME, 15,
         "cpus:4;disk:20;disk(ads dynamic):25;disk(ads dynamic)[db by ops]:55"},
        {OPERATION_SHRINK_VOLUME, 5,
         "cpus:4;disk:20;disk(ads dynamic):30;disk(ads dynamic)[db by ops]:50"},
        {OPERATION_DESTROY, 0, "cpus:4;disk:20;disk(ads dynamic):80"},
    };

    (void)state;
    reserves(&scene, "ads", "disk:80");
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        assert_done(&scene, ask_volume(&scene, (struct msg_operator_volume){.kind = steps[i].kind,
                                                                            .role = "ads",
                                                                            .volume_id = "db",
                                                                            .mib = steps[i].mib,
                                                                            .principal = "ops"}));
        assert_string_equal(scene_total(&scene), steps[i].left);
    }
}

static void mistakes_about_reservations_are_explained(void **state)
{
    static const struct {
        struct msg_operator_reservation call;
        int code;
        const char *why;
    } cases[] = {
        {{.kind = OPERATION_RESERVE, .role = "ads", .resources = ""}, 400, "expected what to"},
        {{.kind = OPERATION_RESERVE, .role = "*", .resources = "cpus:1"}, 400, "what is for all"},
        {{.kind = OPERATION_RESERVE, .role = "a b", .resources = "cpus:1"}, 400, "a b"},
        {{.kind = OPERATION_RESERVE, .role = "ads", .resources = "cpus=1"}, 400, "as in cpus:4"},
        {{.kind = OPERATION_RESERVE, .role = "ads", .resources = "ports:[0]"}, 400, "1 to 65535"},
        {{.kind = OPERATION_RESERVE, .role = "ads", .resources = "cpus:9"}, 409, "has not so much"},
        {{.kind = OPERATION_RESERVE, .role = "web", .resources = "cpus(eng):1"}, 400, "eng"},
        {{.kind = OPERATION_RESERVE, .role = "web", .resources = "cpus(eng):1", .instead = true},
         400,
         "static"},
        {{.kind = OPERATION_UNRESERVE, .role = "eng", .resources = ""}, 404, "nothing is reserved"},
        {{.kind = OPERATION_UNRESERVE, .role = "eng", .resources = "cpus:1"}, 409, "not so much"},
        {{.kind = OPERATION_UNRESERVE, .role = "eng", .resources = "cpus(a):1"}, 400, "of role a"},
        {{.kind = OPERATION_CREATE, .role = "eng", .resources = "cpus:1"}, 400, "expected OPERA"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLUSTER(&scene_patient);
        struct scene scene = scene_telling(cluster, "cpus:4;cpus(eng):1");
        struct msg_operator_reply reply = ask_reservation(&scene, cases[i].call);

        assert_reply(&reply, cases[i].code, cases[i].why);
        assert_null(scene_applied(&scene));
    }
}

static void mistakes_about_volumes_are_explained(void **state)
{
    static const struct {
        struct msg_operator_volume call;
        int code;
        const char *why;
    } cases[] = {
        {{.kind = OPERATION_CREATE, .role = "ads", .volume_id = "v"}, 400, "a size in MiB"},
        {{.kind = OPERATION_CREATE, .role = "ads", .volume_id = "v", .mib = 9}, 409, "reserve it"},
        {{.kind = OPERATION_CREATE, .role = "eng", .volume_id = "v", .mib = 99}, 409, "has 10 MiB"},
        {{.kind = OPERATION_CREATE, .role = "eng", .volume_id = "v", .mib = INT64_MAX},
         409,
         "most"},
        {{.kind = OPERATION_DESTROY, .role = "eng", .volume_id = "v"}, 404, "has no volume v"},
        {{.kind = OPERATION_GROW_VOLUME, .role = "eng", .volume_id = "v", .mib = 1}, 404, "no vol"},
        {{.kind = OPERATION_LAUNCH, .role = "eng", .volume_id = "v", .mib = 1}, 400, "expected OP"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLUSTER(&scene_patient);
        struct scene scene = scene_telling(cluster, "cpus:4;disk(eng):10");
        struct msg_operator_reply reply = ask_volume(&scene, cases[i].call);

        assert_reply(&reply, cases[i].code, cases[i].why);
        assert_null(scene_applied(&scene));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_answered_when_the_agent_has_written_it),
        cmocka_unit_test(what_the_agent_could_not_do_is_told),
        cmocka_unit_test(an_agent_that_comes_back_says_whether_it_was_done),
        cmocka_unit_test(a_silent_agent_is_waited_for_so_long),
        cmocka_unit_test(an_agent_that_is_lost_is_said),
        cmocka_unit_test(a_result_for_an_earlier_master_is_acknowledged),
        cmocka_unit_test(an_older_agent_is_told_and_not_waited_for),
        cmocka_unit_test(offers_in_the_way_go_and_no_others),
        cmocka_unit_test(tasks_in_the_way_are_named_and_offers_stay),
        cmocka_unit_test(a_volume_in_use_is_not_destroyed),
        cmocka_unit_test(reservations_are_refined_replaced_and_undone),
        cmocka_unit_test(volumes_are_made_resized_and_destroyed),
        cmocka_unit_test(mistakes_about_reservations_are_explained),
        cmocka_unit_test(mistakes_about_volumes_are_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
