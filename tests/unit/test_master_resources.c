/* tests/unit/test_master_resources.c - reservations, volumes and their kin in the master's books. */
#include "tests/unit/master_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "base/resources.h"
#include "proto/resources_info.h"

/* One agent "cpus:4;mem:1024;disk:100;ports:[100-109]" and a framework of principal ops in role "ads" that is
 * offered it. */
struct scene {
    struct cluster *cluster;
    struct node agent, framework;
};

/* Offers stay until they are answered. */
static const struct master_settings patient = {
    .id = "M", .epoch = CLUSTER_EPOCH, .offer_timeout_ms = -1};

static struct node framework_of(struct cluster *cluster, const char *role)
{
    return cluster_subscribe(
        cluster, (struct framework_info){
                     .name = "test", .principal = "ops", .roles = &role, .roles_count = 1});
}

static struct scene scene_of(struct cluster *cluster)
{
    struct scene scene = {.cluster = cluster};

    scene.agent = cluster_agent(cluster, "cpus:4;mem:1024;disk:100;ports:[100-109]");
    scene.framework = framework_of(cluster, "ads");
    return scene;
}

static struct resource_change *change_of(struct cluster *cluster, const char *resources)
{
    struct resource_change *change = arena_alloc(cluster->arena, sizeof(*change));

    change->resources = cluster_resources(cluster, resources, &change->resources_count);
    return change;
}

static struct operation_info operation(struct cluster *cluster, enum operation_kind kind,
                                       const char *id, const char *resources, int64_t amount)
{
    struct resource_change *change = change_of(cluster, resources);

    change->id = id;
    change->amount = amount;
    return (struct operation_info){.kind = kind, .change = change};
}

static struct operation_info launch(struct scene *scene, const char *task_id, const char *resources)
{
    struct task_info *task = arena_alloc(scene->cluster->arena, sizeof(*task));

    *task = cluster_task(scene->cluster, task_id, scene->agent.id, resources);
    return (struct operation_info){.kind = OPERATION_LAUNCH, .tasks = task, .tasks_count = 1};
}

/* On the newest offer of this framework. */
static void accept_by(struct scene *scene, struct node framework,
                      const struct operation_info *operations, size_t count)
{
    const struct offer_info *offer = cluster_offer(scene->cluster, framework);
    const struct filters filters = {.refuse_ms = 3600 * SECOND};

    assert_non_null(offer);
    cluster_framework_says(scene->cluster, framework.session,
                           MESSAGE(ACCEPT, accept, .offer_ids = &offer->id, .offer_ids_count = 1,
                                   .operations = operations, .operations_count = count,
                                   .filters = &filters));
}

static void accept(struct scene *scene, const struct operation_info *operations, size_t count)
{
    accept_by(scene, scene->framework, operations, count);
}

static void do_one(struct scene *scene, enum operation_kind kind, const char *id,
                   const char *resources, int64_t amount)
{
    const struct operation_info one = operation(scene->cluster, kind, id, resources, amount);

    accept(scene, &one, 1);
}

/* The newest word on an operation, or NULL. */
static const struct operation_status *told(const struct scene *scene, const char *id)
{
    const struct operation_status *last = NULL;

    for (size_t i = 0; i < scene->cluster->sent_count; i++) {
        const struct sent *sent = &scene->cluster->sent[i];

        if (sent->session == scene->framework.session &&
            sent->message.type == MSG_OPERATION_UPDATE &&
            !strcmp(sent->message.operation_update->status->operation_id, id))
            last = sent->message.operation_update->status;
    }
    return last;
}

static void assert_told(const struct scene *scene, const char *id, enum operation_state state,
                        const char *text)
{
    const struct operation_status *status = told(scene, id);

    assert_non_null(status);
    if (status->state != state || !strstr(status->message, text))
        fail_msg("%s: %d \"%s\", want %d \"%s\"", id, (int)status->state, status->message,
                 (int)state, text);
}

static const char *print(struct scene *scene, const struct resource_info *items, size_t count)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    CLEANUP(buf_fini) struct buf text = {0};

    assert_int_equal(resources_from_info(&resources, items, count, NULL), 0);
    resources_print(&resources, &text);
    return arena_strdup(scene->cluster->arena, buf_text(&text));
}

/* All that the agent has, as published. */
static const char *total(struct scene *scene)
{
    const struct agent_info *info =
        cluster_last(scene->cluster, 0, MSG_CHANGE_AGENT)->change_agent->agent;

    return print(scene, info->resources, info->resources_count);
}

static const char *offered(struct scene *scene)
{
    return cluster_offered(scene->cluster, cluster_offer(scene->cluster, scene->framework));
}

static const struct msg_apply_operation *applied(const struct scene *scene)
{
    const struct message *message =
        cluster_last(scene->cluster, scene->agent.session, MSG_APPLY_OPERATION);

    return message ? message->apply_operation : NULL;
}

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

#define UUID_1 "0123456789abcdef"
#define UUID_2 "fedcba9876543210"

/* --- reservations ------------------------------------------------------------ */

static void what_is_reserved_is_offered_as_reserved_and_to_its_role_only(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);
    struct node other = framework_of(cluster, "eng");

    (void)state;
    do_one(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops {k=v}):3", 0);
    assert_string_equal(
        total(&scene), "cpus:1;cpus(ads dynamic by ops {k=v}):3;disk:100;mem:1024;ports:[100-109]");
    assert_string_equal(print(&scene, applied(&scene)->consumed, applied(&scene)->consumed_count),
                        "cpus:3");
    assert_string_equal(print(&scene, applied(&scene)->converted, applied(&scene)->converted_count),
                        "cpus(ads dynamic by ops {k=v}):3");
    assert_int_equal(applied(&scene)->kind, OPERATION_RESERVE);
    cluster_pass(cluster, SECOND);
    /* The rest was declined; what was converted is something new, and the rest comes along with it or
     * goes to the other. */
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, other)),
                        "cpus:1;disk:100;mem:1024;ports:[100-109]");
    assert_string_equal(offered(&scene), "cpus(ads dynamic by ops {k=v}):3");
}

static void what_an_operation_makes_can_be_used_by_the_next(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);
    const char *const volume = "disk(ads dynamic by ops)[db by ops]:40";
    const struct operation_info all[] = {
        operation(cluster, OPERATION_RESERVE, "",
                  "cpus(ads dynamic by ops):2;disk(ads dynamic by ops):50", 0),
        operation(cluster, OPERATION_CREATE, "", volume, 0),
        launch(&scene, "t1",
               "cpus(ads dynamic by ops):1;mem:32;disk(ads dynamic by ops)[db by ops]:40"),
        operation(cluster, OPERATION_UNRESERVE, "",
                  "cpus(ads dynamic by ops):1;disk(ads dynamic by ops):10", 0),
        launch(&scene, "t2", "cpus:3;mem:32"),
    };

    (void)state;
    accept(&scene, all, 5);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_APPLY_OPERATION), 3);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_TASK), 2);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_UPDATE), 0);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_OPERATION_UPDATE), 0);
    assert_string_equal(total(&scene), "cpus:3;cpus(ads dynamic by ops):1;disk:60;"
                                       "disk(ads dynamic by ops)[db by ops]:40;mem:1024;"
                                       "ports:[100-109]");
}

static void what_is_wrong_with_an_operation_is_said_and_the_next_is_done(void **state)
{
    static const struct {
        enum operation_kind kind;
        const char *resources;
        int64_t amount;
        const char *why;
    } cases[] = {
        {OPERATION_RESERVE, "cpus(ads dynamic by ops):5", 0, "left of the offers, by 1 cpus"},
        {OPERATION_RESERVE, "cpus:1", 0, "as they will be"},
        {OPERATION_RESERVE, "cpus(ads):1", 0, "as they will be"},
        {OPERATION_RESERVE, "cpus(eng dynamic by ops):1", 0, "the offers are to role ads"},
        {OPERATION_RESERVE, "cpus(ads dynamic by me):1", 0, "the framework's is \"ops\""},
        {OPERATION_RESERVE, "cpus(ads dynamic):1", 0, "the framework's is \"ops\""},
        {OPERATION_RESERVE, "", 0, "names no resources"},
        {OPERATION_RESERVE, "disk(ads dynamic by ops)[v]:1", 0, "cannot be reserved again"},
        {OPERATION_UNRESERVE, "cpus:1", 0, "is not reserved"},
        {OPERATION_UNRESERVE, "cpus(ads):1", 0, "static"},
        {OPERATION_UNRESERVE, "cpus(ads dynamic by ops):1", 0, "left of the offers"},
        {OPERATION_UNRESERVE, "cpus(eng dynamic by ops):1", 0, "the offers are to role ads"},
        {OPERATION_CREATE, "disk:10", 0, "is no volume"},
        {OPERATION_CREATE, "disk(ads dynamic by ops)[v by ops]:10", 0, "left of the offers"},
        {OPERATION_CREATE, "disk(ads dynamic by ops)[v by me]:10", 0, "the framework's is \"ops\""},
        {OPERATION_DESTROY, "disk(ads dynamic by ops)[v by ops]:10", 0, "left of the offers"},
        {OPERATION_DESTROY, "disk(ads dynamic by ops):10", 0, "is no volume"},
        {OPERATION_GROW_VOLUME, "disk(ads dynamic by ops)[v by ops]:10", 1000,
         "left of the offers"},
        {OPERATION_GROW_VOLUME, "disk(ads)[v]:10", 0, "by how much"},
        {OPERATION_SHRINK_VOLUME, "disk(ads)[v]:10", 10000, "some must be left"},
        {OPERATION_SHRINK_VOLUME, "disk(ads)[v shared]:10", 1000, "shared"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLUSTER(&patient);
        struct scene scene = scene_of(cluster);
        const struct operation_info both[] = {
            operation(cluster, cases[i].kind, "bad", cases[i].resources, cases[i].amount),
            operation(cluster, OPERATION_RESERVE, "good", "cpus(ads dynamic by ops):1", 0),
        };

        accept(&scene, both, 2);
        assert_told(&scene, "bad", OPERATION_ERROR, cases[i].why);
        assert_int_equal(told(&scene, "bad")->uuid.size, 0);
        assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_APPLY_OPERATION), 1);
        assert_null(told(&scene, "good"));
        assert_int_equal(cluster_counter(cluster, "master/operations/error"), 1);
    }
}

static void what_is_reserved_above_is_for_those_below(void **state)
{
    CLUSTER(&patient);
    struct scene scene = {.cluster = cluster};
    struct node stranger;
    struct operation_info refine;

    (void)state;
    scene.agent = cluster_agent(cluster, "cpus(eng):4;mem(eng):1024");
    stranger = framework_of(cluster, "english");
    scene.framework = framework_of(cluster, "eng/db");
    assert_null(cluster_offer(cluster, stranger));
    assert_string_equal(offered(&scene), "cpus(eng):4;mem(eng):1024");
    refine = operation(cluster, OPERATION_RESERVE, "r", "cpus(eng)(eng/db dynamic by ops):1", 0);
    accept(&scene, &refine, 1);
    assert_string_equal(total(&scene),
                        "cpus(eng):3;cpus(eng)(eng/db dynamic by ops):1;mem(eng):1024");
    cluster_pass(cluster, SECOND);
    cluster_decline(cluster, scene.framework, cluster_offer(cluster, scene.framework)->id, 0);
    /* Those above do not get it. */
    scene.framework = framework_of(cluster, "eng");
    cluster_pass(cluster, 3601 * SECOND);
    assert_string_equal(offered(&scene), "cpus(eng):3;mem(eng):1024");
    do_one(&scene, OPERATION_UNRESERVE, "u", "cpus(eng)(eng/db dynamic by ops):1", 0);
    assert_told(&scene, "u", OPERATION_ERROR, "the offers are to role eng");
}

static void tasks_use_what_is_reserved_above(void **state)
{
    CLUSTER(&patient);
    struct scene scene = {.cluster = cluster};
    struct operation_info tasks[2];

    (void)state;
    scene.agent = cluster_agent(cluster, "cpus(eng):4;mem(eng):1024;cpus(ads):1");
    scene.framework = framework_of(cluster, "eng/db");
    tasks[0] = launch(&scene, "t1", "cpus(eng):1;mem(eng):32");
    tasks[1] = launch(&scene, "t2", "cpus(ads):1;mem(eng):32");
    accept(&scene, tasks, 2);
    assert_null(cluster_update(cluster, scene.framework, "t1"));
    assert_update(cluster, scene.framework, "t2", TASK_ERROR, REASON_TASK_INVALID);
}

/* --- volumes ----------------------------------------------------------------- */

#define DISK "disk(ads dynamic by ops)"

/* With disk reserved, and a volume "v" of 40. */
static struct scene scene_with_volume(struct cluster *cluster, const char *terms)
{
    struct scene scene = scene_of(cluster);
    const struct operation_info both[] = {
        operation(cluster, OPERATION_RESERVE, "", DISK ":90", 0),
        operation(cluster, OPERATION_CREATE, "c",
                  arena_printf(cluster->arena, DISK "[v by ops%s]:40", terms), 0),
    };

    accept(&scene, both, 2);
    assert_null(told(&scene, "c"));
    cluster_pass(cluster, 3601 * SECOND);
    return scene;
}

static void a_volume_grows_and_shrinks(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_with_volume(cluster, "");

    (void)state;
    do_one(&scene, OPERATION_GROW_VOLUME, "g", DISK "[v by ops]:40", 50000);
    assert_string_equal(total(&scene),
                        "cpus:4;disk:10;" DISK "[v by ops]:90;mem:1024;ports:[100-109]");
    cluster_pass(cluster, 3601 * SECOND);
    do_one(&scene, OPERATION_SHRINK_VOLUME, "s", DISK "[v by ops]:90", 60000);
    assert_string_equal(total(&scene), "cpus:4;disk:10;" DISK ":60;" DISK
                                       "[v by ops]:30;mem:1024;ports:[100-109]");
    cluster_pass(cluster, 3601 * SECOND);
    do_one(&scene, OPERATION_DESTROY, "d", DISK "[v by ops]:30", 0);
    assert_string_equal(total(&scene), "cpus:4;disk:10;" DISK ":90;mem:1024;ports:[100-109]");
    assert_null(told(&scene, "g"));
}

static void an_id_is_given_to_one_volume_of_a_role_on_an_agent(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_with_volume(cluster, "");

    (void)state;
    do_one(&scene, OPERATION_CREATE, "c2", DISK "[v by ops shared]:10", 0);
    assert_told(&scene, "c2", OPERATION_ERROR, "has a volume v on this agent already");
    cluster_pass(cluster, 3601 * SECOND);
    do_one(&scene, OPERATION_CREATE, "c3", DISK "[w by ops]:1;" DISK "[w by ops shared]:2", 0);
    assert_told(&scene, "c3", OPERATION_ERROR, "has a volume w on this agent already");
}

static void a_task_holds_its_volume_alone(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_with_volume(cluster, "");
    const struct operation_info tasks[] = {
        launch(&scene, "t1", "cpus:1;" DISK "[v by ops]:40"),
        launch(&scene, "t2", "cpus:1;" DISK "[v by ops]:40"),
        operation(cluster, OPERATION_DESTROY, "d", DISK "[v by ops]:40", 0),
    };

    (void)state;
    accept(&scene, tasks, 3);
    assert_null(cluster_update(cluster, scene.framework, "t1"));
    assert_update(cluster, scene.framework, "t2", TASK_ERROR, REASON_TASK_INVALID);
    assert_told(&scene, "d", OPERATION_ERROR, "left of the offers");
    cluster_pass(cluster, 3601 * SECOND);
    assert_null(strstr(offered(&scene), "[v"));
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_pass(cluster, 3601 * SECOND);
    assert_non_null(strstr(offered(&scene), "[v"));
}

static void a_shared_volume_is_for_many_at_once(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_with_volume(cluster, " shared");
    const struct operation_info tasks[] = {
        launch(&scene, "t1", "cpus:1;mem:32;" DISK "[v by ops shared]:40"),
        launch(&scene, "t2", "cpus:1;mem:32;" DISK "[v by ops shared]:40"),
        launch(&scene, "twice", "cpus:1;mem:32;" DISK "[v by ops shared x2]:40"),
        operation(cluster, OPERATION_DESTROY, "d", DISK "[v by ops shared]:40", 0),
    };

    (void)state;
    accept(&scene, tasks, 4);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_TASK), 2);
    assert_update(cluster, scene.framework, "twice", TASK_ERROR, REASON_TASK_INVALID);
    assert_told(&scene, "d", OPERATION_ERROR, "tasks use volume v");
    cluster_pass(cluster, 3601 * SECOND);
    assert_non_null(strstr(offered(&scene), "[v by ops shared]:40")); /* still */
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_status(cluster, scene.agent, scene.framework.id, "t2", TASK_FINISHED, 0);
    cluster_pass(cluster, 3601 * SECOND);
    do_one(&scene, OPERATION_DESTROY, "d2", DISK "[v by ops shared]:40", 0);
    assert_null(told(&scene, "d2"));
    assert_null(strstr(total(&scene), "[v"));
}

static void a_shared_volume_that_is_destroyed_is_offered_to_nobody_any_more(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_with_volume(cluster, " shared");
    struct node other;
    const struct operation_info task = launch(&scene, "t1", "cpus:3;mem:900");
    const struct offer_info *theirs;

    (void)state;
    accept(&scene, &task, 1);
    other = framework_of(cluster, "ads");
    theirs = cluster_offer(cluster, other); /* it does not mind our filter */
    assert_non_null(strstr(cluster_offered(cluster, theirs), "[v"));
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_pass(cluster, SECOND);
    assert_non_null(strstr(offered(&scene), "[v"));
    do_one(&scene, OPERATION_DESTROY, "d", DISK "[v by ops shared]:40", 0);
    assert_null(told(&scene, "d"));
    assert_string_equal(cluster_last(cluster, other.session, MSG_RESCIND)->rescind->offer_id,
                        theirs->id);
}

/* --- feedback ---------------------------------------------------------------- */

static void a_result_is_passed_on_and_acknowledged(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);
    const struct msg_acknowledge_result *ack;

    (void)state;
    do_one(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    assert_string_equal(applied(&scene)->operation_id, "r1");
    assert_string_equal(applied(&scene)->framework_id, scene.framework.id);
    agent_tells(&scene, "r1", OPERATION_FINISHED, UUID_1, false);
    assert_told(&scene, "r1", OPERATION_FINISHED, "said by the agent");
    assert_string_equal(told(&scene, "r1")->agent_id, scene.agent.id);
    assert_memory_equal(told(&scene, "r1")->uuid.data, UUID_1, UUID_BYTES);
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
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);

    (void)state;
    do_one(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    cluster_pass(cluster, 3601 * SECOND);
    do_one(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    assert_told(&scene, "r1", OPERATION_ERROR, "in use");
    agent_tells(&scene, "r1", OPERATION_FINISHED, UUID_1, false);
    for (int i = 0; i < 2; i++) { /* of another uuid, then of the right one */
        cluster_framework_says(cluster, scene.framework.session,
                               MESSAGE(ACKNOWLEDGE_OPERATION, acknowledge_operation,
                                       .agent_id = scene.agent.id, .operation_id = "r1",
                                       .uuid = {i ? UUID_1 : UUID_2, UUID_BYTES}));
        cluster_forget(cluster);
        cluster_pass(cluster, 3601 * SECOND);
        do_one(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
        assert_int_equal(told(&scene, "r1") != NULL, i == 0);
    }
}

static void operations_without_acknowledgement_are_limited(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);
    struct operation_info *many = arena_array(cluster->arena, 1025, sizeof(*many));
    char *ids = arena_array(cluster->arena, 1025, 8);

    (void)state;
    for (int i = 0; i < 1025; i++) {
        snprintf(ids + 8 * i, 8, "o%d", i);
        many[i] =
            operation(cluster, OPERATION_RESERVE, ids + 8 * i, "mem(ads dynamic by ops):0.5", 0);
    }
    accept(&scene, many, 1025);
    assert_null(told(&scene, "o1023"));
    assert_told(&scene, "o1024", OPERATION_ERROR, "not acknowledged yet");
}

static void operations_on_bad_offers_are_dropped(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);
    const char *const offer = "M-O99";
    const struct operation_info one =
        operation(cluster, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);

    (void)state;
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACCEPT, accept, .offer_ids = &offer, .offer_ids_count = 1,
                                   .operations = &one, .operations_count = 1));
    assert_told(&scene, "r1", OPERATION_DROPPED, "M-O99 is not valid");
}

static void an_agent_that_keeps_nothing_is_not_asked_to(void **state)
{
    CLUSTER(&patient);
    struct scene scene = {.cluster = cluster};
    struct agent_info info = {.hostname = "old"};

    (void)state;
    info.resources = cluster_resources(cluster, "cpus:4;mem:64", &info.resources_count);
    scene.agent.session = cluster_session(cluster);
    cluster_agent_says(cluster, scene.agent.session,
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    scene.framework = framework_of(cluster, "ads");
    do_one(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    assert_told(&scene, "r1", OPERATION_ERROR, "does not keep reservations");
    assert_null(applied(&scene));
}

/* --- agents that fail, and come back ----------------------------------------- */

static void an_agent_that_could_not_do_it_says_again_what_it_has(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);

    (void)state;
    do_one(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    agent_tells(&scene, "r1", OPERATION_FAILED, UUID_1, true);
    assert_told(&scene, "r1", OPERATION_FAILED, "said by the agent");
    assert_true(cluster_is_closed(cluster, scene.agent.session));
    cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", NULL, 0);
    assert_string_equal(total(&scene), "cpus:4;mem:1024");
    cluster_pass(cluster, 3601 * SECOND);
    assert_string_equal(offered(&scene), "cpus:4;mem:1024");
    assert_int_equal(cluster_counter(cluster, "master/operations/failed"), 1);
}

static void what_never_reached_its_agent_is_dropped(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);
    const struct operation_info both[] = {
        operation(cluster, OPERATION_RESERVE, "lost", "cpus(ads dynamic by ops):1", 0),
        operation(cluster, OPERATION_RESERVE, "there", "cpus(ads dynamic by ops):1", 0),
    };
    const struct operation_status there = {.operation_id = "there",
                                           .framework_id = scene.framework.id,
                                           .state = OPERATION_FINISHED,
                                           .uuid = {UUID_1, UUID_BYTES}};
    struct agent_info info = {.id = scene.agent.id, .hostname = "host"};

    (void)state;
    accept(&scene, both, 2);
    cluster_close(cluster, scene.agent.session);
    info.resources = cluster_resources(cluster, "cpus:3;cpus(ads dynamic by ops):1;mem:64",
                                       &info.resources_count);
    cluster_agent_says(cluster, cluster_session(cluster),
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info, .operations = &there,
                               .operations_count = 1));
    assert_told(&scene, "lost", OPERATION_DROPPED, "never reached");
    assert_null(told(&scene, "there"));
    assert_string_equal(total(&scene), "cpus:3;cpus(ads dynamic by ops):1;mem:64");
}

static void operations_share_the_fate_of_their_agent(void **state)
{
    const struct master_settings settings = {
        .id = "M", .epoch = CLUSTER_EPOCH, .agent_timeout_ms = 10 * SECOND};
    CLUSTER(&settings);
    struct scene scene = scene_of(cluster), second = scene;

    (void)state;
    do_one(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    cluster_close(cluster, scene.agent.session);
    cluster_pass(cluster, 11 * SECOND);
    assert_told(&scene, "r1", OPERATION_UNREACHABLE, "may come back");
    second.agent = cluster_agent(cluster, "cpus:4;mem:1024");
    do_one(&second, OPERATION_RESERVE, "r2", "cpus(ads dynamic by ops):1", 0);
    cluster_agent_says(cluster, second.agent.session,
                       MESSAGE(UNREGISTER, unregister, .reason = "x"));
    assert_told(&second, "r2", OPERATION_UNKNOWN, "unregistered");
}

static void results_of_a_removed_framework_are_acknowledged_for_it(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);

    (void)state;
    do_one(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops):1", 0);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(TEARDOWN, teardown, .reason = ""));
    agent_tells(&scene, "r1", OPERATION_FINISHED, UUID_1, false);
    assert_non_null(cluster_last(cluster, scene.agent.session, MSG_ACKNOWLEDGE_RESULT));
}

static void an_agent_brings_its_reservations_to_a_new_master(void **state)
{
    CLUSTER(&patient);
    struct scene scene = {.cluster = cluster};
    const char *const all = "cpus:2;cpus(ads dynamic by ops):2;" DISK "[v by ops]:40;mem:64";

    (void)state;
    scene.agent = cluster_agent_back(cluster, "old-S1", all, NULL, 0);
    scene.framework = framework_of(cluster, "ads");
    assert_string_equal(offered(&scene), all);
}

/* --- revocable, remote, topology --------------------------------------------- */

static void revocable_resources_are_for_those_who_ask_for_them(void **state)
{
    static const char *const capabilities[] = {"REVOCABLE_RESOURCES"};
    CLUSTER(&patient);
    struct scene scene = {.cluster = cluster};
    struct node brave;

    (void)state;
    scene.agent = cluster_agent(cluster, "cpus:1;cpus{REV}:3;mem:64");
    scene.framework = framework_of(cluster, "ads");
    assert_string_equal(offered(&scene), "cpus:1;mem:64");
    brave = cluster_subscribe(cluster, (struct framework_info){.name = "brave",
                                                               .capabilities = capabilities,
                                                               .capabilities_count = 1});
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, brave)), "cpus{REV}:3");
}

static void remote_regions_are_for_those_who_know_of_them(void **state)
{
    static const char *const capabilities[] = {"REGION_AWARE"};
    static const struct domain_info far = {.region = "eu", .zone = "a"};
    static const struct domain_info near = {.region = "us", .zone = "b"};
    const struct master_settings settings = {
        .id = "M", .epoch = CLUSTER_EPOCH, .region = "us", .zone = "a"};

    (void)state;
    for (int i = 0; i < 4; i++) {
        CLUSTER(&settings);
        struct agent_info info = {.hostname = "h", .domain = i & 1 ? &far : &near};
        struct node framework;

        info.resources = cluster_resources(cluster, "cpus:1;mem:64", &info.resources_count);
        cluster_agent_says(cluster, cluster_session(cluster),
                           MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
        framework = cluster_subscribe(cluster,
                                      (struct framework_info){.name = "f",
                                                              .capabilities = capabilities,
                                                              .capabilities_count = i & 2 ? 1 : 0});
        assert_int_equal(cluster_offer(cluster, framework) != NULL, i != 1);
        if (i == 3)
            assert_string_equal(cluster_offer(cluster, framework)->domain->region, "eu");
    }
}

static void topology_is_told_to_those_who_want_it(void **state)
{
    static const char *const capabilities[] = {"TOPOLOGY"};
    static const struct numa_info node = {.number = 0, .mem_bytes = 5, .cpus = "0-3"};
    static const struct topology_info topology = {.numa_nodes = &node, .numa_nodes_count = 1};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        CLUSTER(&patient);
        struct agent_info info = {.hostname = "h", .topology = &topology};
        const struct offer_info *offer;

        info.resources = cluster_resources(cluster, "cpus:1;mem:64", &info.resources_count);
        cluster_agent_says(cluster, cluster_session(cluster),
                           MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
        offer = cluster_offer(cluster, cluster_subscribe(cluster, (struct framework_info){
                                                                      .name = "f",
                                                                      .capabilities = capabilities,
                                                                      .capabilities_count = i}));
        assert_int_equal(offer->topology != NULL, i);
        if (offer->topology)
            assert_int_equal(offer->topology->numa_nodes[0].mem_bytes, 5);
    }
}

/* --- tasks ------------------------------------------------------------------- */

static void limits_are_above_what_is_granted(void **state)
{
    static const struct limit_info good[] = {{.name = "cpus", .scalar = 1000},
                                             {.name = "mem", .unlimited = true}};
    static const struct limit_info low[] = {{.name = "cpus", .scalar = 999}};
    static const struct limit_info other[] = {{.name = "disk", .scalar = 1000}};
    static const struct limit_info twice[] = {{.name = "mem", .scalar = 99000},
                                              {.name = "mem", .scalar = 99000}};
    static const struct {
        const struct limit_info *limits;
        size_t count;
        const char *why;
    } cases[] = {{good, 2, NULL},
                 {low, 1, "less than what it is granted, which is 1.000"},
                 {other, 1, "only for cpus and mem"},
                 {twice, 2, "named twice"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLUSTER(&patient);
        struct scene scene = scene_of(cluster);
        struct task_info task = cluster_task(cluster, "t", scene.agent.id, "cpus:1;mem:32");

        task.limits = cases[i].limits;
        task.limits_count = cases[i].count;
        cluster_accept(cluster, scene.framework, cluster_offer(cluster, scene.framework)->id, &task,
                       1, 0);
        if (cases[i].why) {
            assert_update(cluster, scene.framework, "t", TASK_ERROR, REASON_TASK_INVALID);
            assert_non_null(
                strstr(cluster_update(cluster, scene.framework, "t")->message, cases[i].why));
            continue;
        }
        assert_int_equal(
            cluster_last(cluster, scene.agent.session, MSG_RUN_TASK)->run_task->task->limits_count,
            2);
        assert_int_equal(cluster_counter(cluster, "master/mem_used"), 32); /* what is granted */
    }
}

static void volumes_are_mounted_in_the_sandbox_each_at_its_own_place(void **state)
{
    static const struct {
        struct mount_info mounts[2];
        size_t count;
        const char *why;
    } cases[] = {
        {{{.volume_id = "v", .role = "", .container_path = "data/db"}}, 1, NULL},
        {{{.volume_id = "v", .role = "ads", .container_path = "data"}}, 1, NULL},
        {{{.volume_id = "v", .role = "", .container_path = "w"}}, 1, "are one place"},
        {{{.volume_id = "v", .role = "", .container_path = "w/v"}}, 1, "are one place"},
        {{{.volume_id = "x", .role = "", .container_path = "d"}}, 1, "no volume x"},
        {{{.volume_id = "v", .role = "eng", .container_path = "d"}}, 1, "no volume v"},
        {{{.volume_id = "v", .role = "", .container_path = "/etc"}}, 1, "no path in the sandbox"},
        {{{.volume_id = "v", .role = "", .container_path = "a/../../b"}}, 1, "no path in"},
        {{{.volume_id = "v", .role = "", .container_path = "a//b"}}, 1, "no path in"},
        {{{.volume_id = "v", .role = "", .container_path = "."}}, 1, "no path in"},
        {{{.volume_id = "v", .role = "", .container_path = "a"},
          {.volume_id = "v", .role = "", .container_path = "b"}},
         2,
         "named twice"},
        {{{.volume_id = "v", .role = "", .container_path = "a"},
          {.volume_id = "w", .role = "", .container_path = "a/b"}},
         2,
         "are one place"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLUSTER(&patient);
        struct scene scene = scene_with_volume(cluster, "");
        struct task_info task;

        do_one(&scene, OPERATION_CREATE, "", DISK "[w by ops]:1", 0);
        cluster_pass(cluster, 3601 * SECOND);
        task = cluster_task(cluster, "t", scene.agent.id,
                            "cpus:1;" DISK "[v by ops]:40;" DISK "[w by ops]:1");
        task.mounts = cases[i].mounts;
        task.mounts_count = cases[i].count;
        cluster_accept(cluster, scene.framework, cluster_offer(cluster, scene.framework)->id, &task,
                       1, 0);
        if (!cases[i].why) {
            assert_null(cluster_update(cluster, scene.framework, "t"));
            continue;
        }
        assert_update(cluster, scene.framework, "t", TASK_ERROR, REASON_TASK_INVALID);
        if (!strstr(cluster_update(cluster, scene.framework, "t")->message, cases[i].why))
            fail_msg("case %zu: %s", i, cluster_update(cluster, scene.framework, "t")->message);
    }
}

/* --- operators --------------------------------------------------------------- */

static struct msg_operator_reply operate(struct scene *scene, enum operation_kind kind,
                                         const char *resources, const char *source)
{
    struct resource_change *change = change_of(scene->cluster, resources);
    const struct operation_info info = {.kind = kind, .change = change};

    change->source = cluster_resources(scene->cluster, source, &change->source_count);
    return cluster_operator(scene->cluster,
                            MESSAGE(OPERATOR_OPERATION, operator_operation,
                                    .agent_id = scene->agent.id, .operation = &info));
}

static void an_operator_reserves_for_any_role_and_takes_offers_back_for_it(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);

    (void)state;
    assert_int_equal(operate(&scene, OPERATION_RESERVE, "cpus(eng dynamic by root):3", "").code,
                     202);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND), 1);
    assert_string_equal(applied(&scene)->framework_id, "");
    cluster_pass(cluster, SECOND);
    assert_string_equal(offered(&scene), "cpus:1;disk:100;mem:1024;ports:[100-109]");
    /* To another role in one step; twice is once too often. */
    assert_int_equal(operate(&scene, OPERATION_RESERVE, "cpus(ads dynamic {k=v}):2",
                             "cpus(eng dynamic by root):2")
                         .code,
                     202);
    assert_string_equal(total(&scene),
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
        {OPERATION_RESERVE, "cpus(eng dynamic):5", "", 409, "than is free, by 1 cpus"},
        {OPERATION_RESERVE, "cpus(eng dynamic):2", "cpus:1", 400, "not the same quantities"},
        {OPERATION_RESERVE, "cpus(eng):2", "", 400, "as they will be"},
        {OPERATION_UNRESERVE, "cpus:1", "", 400, "is not reserved"},
        {OPERATION_LAUNCH, "cpus:1", "", 400, "does not know the kind"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLUSTER(&patient);
        struct scene scene = scene_of(cluster);
        struct msg_operator_reply reply =
            operate(&scene, cases[i].kind, cases[i].resources, cases[i].source);

        assert_int_equal(reply.code, cases[i].code);
        if (!strstr(reply.message, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", reply.message, cases[i].why);
        assert_null(applied(&scene));
    }
}

static void a_framework_may_not_take_from_another_reservation(void **state)
{
    CLUSTER(&patient);
    struct scene scene = scene_of(cluster);
    struct operation_info one =
        operation(cluster, OPERATION_RESERVE, "r", "cpus(ads dynamic by ops):1", 0);
    struct resource_change change = *one.change;

    (void)state;
    change.source = cluster_resources(cluster, "cpus:1", &change.source_count);
    one.change = &change;
    accept(&scene, &one, 1);
    assert_told(&scene, "r", OPERATION_ERROR, "only an operator");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_reserved_is_offered_as_reserved_and_to_its_role_only),
        cmocka_unit_test(what_an_operation_makes_can_be_used_by_the_next),
        cmocka_unit_test(what_is_wrong_with_an_operation_is_said_and_the_next_is_done),
        cmocka_unit_test(what_is_reserved_above_is_for_those_below),
        cmocka_unit_test(tasks_use_what_is_reserved_above),
        cmocka_unit_test(a_volume_grows_and_shrinks),
        cmocka_unit_test(an_id_is_given_to_one_volume_of_a_role_on_an_agent),
        cmocka_unit_test(a_task_holds_its_volume_alone),
        cmocka_unit_test(a_shared_volume_is_for_many_at_once),
        cmocka_unit_test(a_shared_volume_that_is_destroyed_is_offered_to_nobody_any_more),
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
        cmocka_unit_test(revocable_resources_are_for_those_who_ask_for_them),
        cmocka_unit_test(remote_regions_are_for_those_who_know_of_them),
        cmocka_unit_test(topology_is_told_to_those_who_want_it),
        cmocka_unit_test(limits_are_above_what_is_granted),
        cmocka_unit_test(volumes_are_mounted_in_the_sandbox_each_at_its_own_place),
        cmocka_unit_test(an_operator_reserves_for_any_role_and_takes_offers_back_for_it),
        cmocka_unit_test(an_operators_mistakes_are_explained),
        cmocka_unit_test(a_framework_may_not_take_from_another_reservation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
