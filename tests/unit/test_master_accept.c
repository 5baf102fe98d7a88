/* tests/unit/test_master_accept.c - ACCEPT: what is launched, what is refused, with which words. */
#include "tests/unit/master_fixture.h"

#include <stdio.h>
#include <string.h>

/* One agent "cpus:4;mem:1024;ports:[100-109]" and a framework in role "ads" that is offered it. */
struct scene {
    struct cluster *cluster;
    struct node agent, framework;
    const char *offer;
};

static struct scene scene_of(struct cluster *cluster)
{
    struct scene scene = {.cluster = cluster};

    scene.agent = cluster_agent(cluster, "cpus:4;mem:1024;ports:[100-109]");
    scene.framework = cluster_framework(cluster, "ads");
    scene.offer = cluster_offer(cluster, scene.framework)->id;
    return scene;
}

static void accepted_task_is_sent_to_its_agent(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct msg_run_task *run;
    const struct message *message;

    (void)state;
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24;ports:[100-100]");
    message = cluster_last(cluster, scene.agent.session, MSG_RUN_TASK);
    assert_int_equal(message->epoch, CLUSTER_EPOCH);
    run = message->run_task;
    assert_string_equal(run->task->task_id, "t1");
    assert_string_equal(run->framework->id, scene.framework.id);
    assert_string_equal(run->framework->user, "nobody");
    assert_string_equal(run->role, "ads");
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 1);
    assert_int_equal(cluster_counter(cluster, "master/mem_used"), 24);
}

static void what_is_left_is_offered_again(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24;ports:[100-100]");
    cluster_pass(cluster, SECOND);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, scene.framework)),
                        "cpus:3;mem:1000;ports:[101-109]");
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND), 0);
}

static void published_task_has_no_data_and_no_environment(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct env_info env = {.name = "SECRET", .value = "x"};
    const struct command_info command = {.value = "true", .env = &env, .env_count = 1};
    struct task_info task = cluster_task(cluster, "t1", scene.agent.id, "cpus:1;mem:24");
    const struct msg_change_task *change;

    (void)state;
    task.command = &command;
    task.data = (struct bytes){"data", 4};
    cluster_accept(cluster, scene.framework, scene.offer, &task, 1, 0);
    change = cluster_last(cluster, 0, MSG_CHANGE_TASK)->change_task;
    assert_int_equal(change->task->command->env_count, 0);
    assert_int_equal(change->task->data.size, 0);
    assert_string_equal(change->user, "nobody");
    assert_string_equal(change->role, "ads");
    task = *cluster_last(cluster, scene.agent.session, MSG_RUN_TASK)->run_task->task;
    assert_int_equal(task.command->env_count, 1);
    assert_int_equal(task.data.size, 4);
}

static void several_offers_of_one_agent_are_used_together(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct task_info task = cluster_task(cluster, "t3", scene.agent.id, "cpus:4;mem:1024");
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = &task, .tasks_count = 1};
    const char *ids[2];

    (void)state;
    cluster_launch(cluster, scene.framework, "t1", "cpus:2;mem:512");
    cluster_pass(cluster, SECOND);
    ids[0] = cluster_offer(cluster, scene.framework)->id;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    ids[1] = cluster_offer(cluster, scene.framework)->id;
    assert_string_not_equal(ids[0], ids[1]);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACCEPT, accept, .offer_ids = ids, .offer_ids_count = 2,
                                   .operations = &launch, .operations_count = 1));
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 4);
}

/* --- refused tasks ---------------------------------------------------------- */

/* The change made by `spoil` to a good task makes it invalid, with `text` in the answer. */
static void assert_invalid(void (*spoil)(struct cluster *, struct task_info *), const char *text)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct task_info task = cluster_task(cluster, "t1", scene.agent.id, "cpus:1;mem:24");

    spoil(cluster, &task);
    cluster_accept(cluster, scene.framework, scene.offer, &task, 1, 0);
    assert_update(cluster, scene.framework, "t1", TASK_ERROR, REASON_TASK_INVALID);
    if (!strstr(cluster_update(cluster, scene.framework, "t1")->message, text))
        fail_msg("\"%s\" does not say \"%s\"",
                 cluster_update(cluster, scene.framework, "t1")->message, text);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_TASK), 0);
    assert_int_equal(cluster_counter(cluster, "master/tasks_error"), 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
}

static void spoil_agent(struct cluster *cluster, struct task_info *task)
{
    (void)cluster;
    task->agent_id = "M-S99";
}

static void spoil_command(struct cluster *cluster, struct task_info *task)
{
    static const struct command_info empty = {.user = "x"};

    (void)cluster;
    task->command = &empty;
}

static void spoil_both_commands(struct cluster *cluster, struct task_info *task)
{
    static const char *const argv[] = {"true"};
    static const struct command_info both = {.value = "true", .argv = argv, .argv_count = 1};

    (void)cluster;
    task->command = &both;
}

static void spoil_program(struct cluster *cluster, struct task_info *task)
{
    static const char *const argv[] = {"", "x"};
    static const struct command_info empty = {.argv = argv, .argv_count = 2};

    (void)cluster;
    task->command = &empty;
}

static void spoil_environment(struct cluster *cluster, struct task_info *task)
{
    static const struct env_info env = {.name = "A=B", .value = "c"};
    static const struct command_info command = {.value = "x", .env = &env, .env_count = 1};

    (void)cluster;
    task->command = &command;
}

static void spoil_size(struct cluster *cluster, struct task_info *task)
{
    const char **argv = arena_array(cluster->arena, 20, sizeof(char *));
    struct command_info *command = arena_alloc(cluster->arena, sizeof(*command));
    char *text = arena_alloc(cluster->arena, 100001);

    memset(text, 'x', 100000);
    for (int i = 0; i < 20; i++)
        argv[i] = text;
    *command = (struct command_info){.argv = argv, .argv_count = 20};
    task->command = command;
}

static void spoil_rlimit(struct cluster *cluster, struct task_info *task)
{
    static const struct rlimit_info limit = {.name = "RLMT_NOFILE", .soft = 2, .hard = 1};
    static const struct command_info command = {
        .value = "x", .rlimits = &limit, .rlimits_count = 1};

    (void)cluster;
    task->command = &command;
}

static void spoil_policy(struct cluster *cluster, struct task_info *task)
{
    static const struct kill_policy policy = {.grace_ms = INT64_MAX};

    (void)cluster;
    task->kill_policy = &policy;
}

static void spoil_port(struct cluster *cluster, struct task_info *task)
{
    static const struct port_info port = {.number = 70000};
    static const struct discovery_info discovery = {.ports = &port, .ports_count = 1};

    (void)cluster;
    task->discovery = &discovery;
}

static void spoil_pids(struct cluster *cluster, struct task_info *task)
{
    (void)cluster;
    task->pids_max = INT64_MAX;
}

static void spoil_completion(struct cluster *cluster, struct task_info *task)
{
    (void)cluster;
    task->max_completion_ms = INT64_MAX;
}

static void spoil_labels(struct cluster *cluster, struct task_info *task)
{
    struct label_info *labels = arena_array(cluster->arena, 2000, sizeof(*labels));

    for (int i = 0; i < 2000; i++)
        labels[i].key = "k";
    task->labels = labels;
    task->labels_count = 2000;
}

static void spoil_amount(struct cluster *cluster, struct task_info *task)
{
    task->resources = cluster_resources(cluster, "cpus:4.5;mem:24", &task->resources_count);
}

static void spoil_ports(struct cluster *cluster, struct task_info *task)
{
    task->resources = cluster_resources(cluster, "cpus:1;ports:[99-101]", &task->resources_count);
}

static void spoil_port_number(struct cluster *cluster, struct task_info *task)
{
    static const struct range_info range = {.begin = 70000, .end = 70000};
    static const struct resource_info port = {
        .name = "ports", .kind = VALUE_RANGES, .ranges = &range, .ranges_count = 1};

    (void)cluster;
    task->resources = &port;
    task->resources_count = 1;
}

static void spoil_role(struct cluster *cluster, struct task_info *task)
{
    task->resources = cluster_resources(cluster, "cpus(web):1", &task->resources_count);
}

static void spoil_everything(struct cluster *cluster, struct task_info *task)
{
    (void)cluster;
    task->resources_count = 0;
}

static void spoil_name(struct cluster *cluster, struct task_info *task)
{
    static const struct resource_info bad = {.name = "cp us", .kind = VALUE_SCALAR, .scalar = 1000};

    (void)cluster;
    task->resources = &bad;
    task->resources_count = 1;
}

/* More than an agent could be told, or could tell who makes its container. */
static const char *const *much(struct cluster *cluster, size_t *ret_count)
{
    static char text[3500];
    const char **texts = arena_array(cluster->arena, 1000, sizeof(*texts));

    memset(text, 'x', sizeof(text) - 1);
    for (*ret_count = 0; *ret_count < 1000; (*ret_count)++)
        texts[*ret_count] = text;
    return texts;
}

static void spoil_docker(struct cluster *cluster, struct task_info *task)
{
    struct docker_info *docker = arena_alloc(cluster->arena, sizeof(*docker));

    docker->image = "busybox";
    docker->entrypoint = much(cluster, &docker->entrypoint_count);
    task->docker = docker;
}

static void spoil_check(struct cluster *cluster, struct task_info *task)
{
    struct check_info *check = arena_alloc(cluster->arena, sizeof(*check));
    struct command_info *command = arena_alloc(cluster->arena, sizeof(*command));

    command->argv = much(cluster, &command->argv_count);
    check->command = command;
    task->check = check;
}

static void invalid_task_is_told_what_would_be_right(void **state)
{
    (void)state;
    assert_invalid(spoil_agent, "the offers are of agent M-S0");
    assert_invalid(spoil_command, "`value`");
    assert_invalid(spoil_both_commands, "one of them");
    assert_invalid(spoil_program, "argv[0]");
    assert_invalid(spoil_environment, "A=B");
    assert_invalid(spoil_size, "at most 1048576");
    assert_invalid(spoil_rlimit, "RLMT_NOFILE");
    assert_invalid(spoil_policy, "more than a week");
    assert_invalid(spoil_port, "70000");
    assert_invalid(spoil_pids, "4194304");
    assert_invalid(spoil_completion, "ten years");
    assert_invalid(spoil_labels, "at most 1024");
    assert_invalid(spoil_amount, "0.5 cpus");
    assert_invalid(spoil_ports, "ports");
    assert_invalid(spoil_port_number, "70000 is none: they are numbers from 1 to 65535");
    assert_invalid(spoil_role, "role web");
    assert_invalid(spoil_everything, "no resources");
    assert_invalid(spoil_name, "cp us");
    assert_invalid(spoil_docker, "bytes, at most 3145728 are allowed");
    assert_invalid(spoil_check, "bytes, at most 3145728 are allowed");
}

static void duplicate_task_id_is_an_error_and_leaves_the_first(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    cluster_pass(cluster, SECOND);
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    assert_update(cluster, scene.framework, "t1", TASK_ERROR, REASON_TASK_INVALID);
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 1);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 1);
}

/* Whatever was said, in however many words: nothings and parts of the same thing. */
static void task_is_given_what_it_was_granted(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct task_info task = cluster_task(cluster, "t1", scene.agent.id, "cpus:1;mem:24");
    struct resource_info *parts = arena_array(cluster->arena, 60000, sizeof(*parts));
    char name[64];

    (void)state;
    memset(name, 'x', 63);
    name[63] = '\0';
    parts[0] = (struct resource_info){.name = "cpus", .kind = VALUE_SCALAR, .scalar = 400};
    parts[1] = (struct resource_info){.name = "cpus", .kind = VALUE_SCALAR, .scalar = 600};
    for (size_t i = 2; i < 60000; i++)
        parts[i] = (struct resource_info){.name = name, .kind = VALUE_SCALAR};
    task.resources = parts;
    task.resources_count = 60000;
    cluster_accept(cluster, scene.framework, scene.offer, &task, 1, 0);
    task = *cluster_last(cluster, scene.agent.session, MSG_RUN_TASK)->run_task->task;
    assert_int_equal(task.resources_count, 1);
    assert_int_equal(task.resources[0].scalar, 1000);
    task = *cluster_last(cluster, 0, MSG_CHANGE_TASK)->change_task->task;
    assert_int_equal(task.resources_count, 1);
}

static void refusal_is_utf8_wherever_an_id_is_cut(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    char id[202] = "a";

    (void)state;
    for (size_t i = 1; i + 2 < sizeof(id); i += 2)
        memcpy(id + i, "\303\251", 3);
    cluster_launch(cluster, scene.framework, id, "cpus:1;mem:24");
    cluster_pass(cluster, SECOND);
    cluster_launch(cluster, scene.framework, id, "cpus:1;mem:24");
    assert_update(cluster, scene.framework, id, TASK_ERROR, REASON_TASK_INVALID);
    cluster_pass(cluster, SECOND);
    cluster_launch(cluster, scene.framework, id + 1, "cpus:9;mem:24");
    assert_update(cluster, scene.framework, id + 1, TASK_ERROR, REASON_TASK_INVALID);
}

static void task_ids_of_two_frameworks_may_be_equal(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node other = cluster_framework(cluster, NULL);

    (void)state;
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    cluster_launch(cluster, other, "t1", "cpus:1;mem:24");
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 2);
}

static void wrong_task_does_not_stop_the_next(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct task_info tasks[3];

    (void)state;
    tasks[0] = cluster_task(cluster, "t1", scene.agent.id, "cpus:3;mem:24");
    tasks[1] = cluster_task(cluster, "t2", scene.agent.id, "cpus:3;mem:24");
    tasks[2] = cluster_task(cluster, "t3", scene.agent.id, "cpus:1;mem:24");
    cluster_accept(cluster, scene.framework, scene.offer, tasks, 3, 0);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_TASK), 2);
    assert_update(cluster, scene.framework, "t2", TASK_ERROR, REASON_TASK_INVALID);
    assert_null(cluster_update(cluster, scene.framework, "t3"));
}

static void unknown_operation_is_an_error_of_its_tasks(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct task_info task = cluster_task(cluster, "t1", scene.agent.id, "cpus:1;mem:24");
    const struct operation_info operation = {
        .kind = (enum operation_kind)99, .tasks = &task, .tasks_count = 1};

    (void)state;
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACCEPT, accept, .offer_ids = &scene.offer, .offer_ids_count = 1,
                                   .operations = &operation, .operations_count = 1));
    assert_update(cluster, scene.framework, "t1", TASK_ERROR, REASON_TASK_INVALID);
}

/* --- refused offers --------------------------------------------------------- */

static void assert_dropped(struct scene *scene, const char *const *ids, size_t ids_count,
                           const char *text)
{
    struct task_info task = cluster_task(scene->cluster, "t1", scene->agent.id, "cpus:1;mem:24");
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = &task, .tasks_count = 1};
    struct cluster *cluster = scene->cluster;

    cluster_framework_says(cluster, scene->framework.session,
                           MESSAGE(ACCEPT, accept, .offer_ids = ids, .offer_ids_count = ids_count,
                                   .operations = &launch, .operations_count = 1));
    assert_update(cluster, scene->framework, "t1", TASK_DROPPED, REASON_INVALID_OFFERS);
    if (!strstr(cluster_update(cluster, scene->framework, "t1")->message, text))
        fail_msg("\"%s\" does not say \"%s\"",
                 cluster_update(cluster, scene->framework, "t1")->message, text);
    assert_int_equal(cluster_count(cluster, scene->agent.session, MSG_RUN_TASK), 0);
    assert_int_equal(cluster_counter(cluster, "master/tasks_dropped"), 1);
}

static void unknown_offer_drops_the_tasks_and_the_good_offers(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const char *ids[] = {scene.offer, "M-O77"};

    (void)state;
    assert_dropped(&scene, ids, 2, "offer M-O77 is not valid");
    /* What the good offer held is free: it is offered anew. */
    assert_string_not_equal(cluster_offer(cluster, scene.framework)->id, scene.offer);
}

static void offer_of_another_framework_is_none(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct scene other = {.cluster = cluster, .agent = scene.agent};

    (void)state;
    other.framework = cluster_framework(cluster, NULL);
    assert_dropped(&other, &scene.offer, 1, "not valid");
    assert_int_equal(cluster_counter(cluster, "master/outstanding_offers"), 1);
}

static void offer_named_twice_is_refused(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const char *ids[] = {scene.offer, scene.offer};

    (void)state;
    assert_dropped(&scene, ids, 2, "twice");
}

static void offers_of_two_agents_are_refused(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const char *ids[2] = {scene.offer};

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:64");
    ids[1] = cluster_offer(cluster, scene.framework)->id;
    assert_dropped(&scene, ids, 2, "different agents");
}

static void offers_to_two_roles_are_refused(void **state)
{
    CLUSTER(NULL);
    const char *const roles[] = {"a", "b"};
    struct scene scene = {.cluster = cluster};
    const char *ids[2];

    (void)state;
    scene.agent = cluster_agent(cluster, "cpus(a):1;cpus(b):1");
    scene.framework = cluster_subscribe(
        cluster, (struct framework_info){.name = "x", .roles = roles, .roles_count = 2});
    assert_int_equal(cluster_offers_count(cluster, scene.framework), 2);
    ids[0] = "M-O0";
    ids[1] = "M-O1";
    assert_dropped(&scene, ids, 2, "different roles");
}

static void used_offer_cannot_be_used_again(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct task_info task = cluster_task(cluster, "wrong", "nowhere", "cpus:1;mem:32");

    (void)state;
    cluster_accept(cluster, scene.framework, scene.offer, &task, 1, 3600 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/offers_accepted"), 1);
    assert_dropped(&scene, &scene.offer, 1, "not valid");
}

static void accept_of_nothing_is_a_decline(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_accept(cluster, scene.framework, scene.offer, NULL, 0, 3600 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/offers_accepted"), 0);
    assert_int_equal(cluster_counter(cluster, "master/offers_declined"), 1);
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, scene.framework), 1);
    assert_dropped(&scene, &scene.offer, 1, "not valid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_task_is_sent_to_its_agent),
        cmocka_unit_test(what_is_left_is_offered_again),
        cmocka_unit_test(published_task_has_no_data_and_no_environment),
        cmocka_unit_test(several_offers_of_one_agent_are_used_together),
        cmocka_unit_test(invalid_task_is_told_what_would_be_right),
        cmocka_unit_test(duplicate_task_id_is_an_error_and_leaves_the_first),
        cmocka_unit_test(task_is_given_what_it_was_granted),
        cmocka_unit_test(refusal_is_utf8_wherever_an_id_is_cut),
        cmocka_unit_test(task_ids_of_two_frameworks_may_be_equal),
        cmocka_unit_test(wrong_task_does_not_stop_the_next),
        cmocka_unit_test(unknown_operation_is_an_error_of_its_tasks),
        cmocka_unit_test(unknown_offer_drops_the_tasks_and_the_good_offers),
        cmocka_unit_test(offer_of_another_framework_is_none),
        cmocka_unit_test(offer_named_twice_is_refused),
        cmocka_unit_test(offers_of_two_agents_are_refused),
        cmocka_unit_test(offers_to_two_roles_are_refused),
        cmocka_unit_test(used_offer_cannot_be_used_again),
        cmocka_unit_test(accept_of_nothing_is_a_decline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
