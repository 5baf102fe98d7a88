/* tests/unit/test_master_groups.c - LAUNCH_GROUP: tasks that go to one agent as one, all of them or none. */
#include "tests/unit/master_fixture.h"

#include <string.h>

#include "base/cleanup.h"

#define MEMBERS 3

/* An agent of "cpus:4;mem:1024", a framework that is offered it, and an init, a sidecar and a main. */
struct scene {
    struct cluster *cluster;
    struct node agent, framework;
    const char *offer;
    const char *volumes[2];
    struct group_info group;
    struct group_member members[MEMBERS];
    struct task_info tasks[MEMBERS];
    struct isolation_info asks;
    struct isolation_mount mount;
    struct docker_info docker;
    struct operation_info operation;
};

static void scene_init_on(struct scene *self, struct cluster *cluster, const char *resources)
{
    static const enum group_part parts[MEMBERS] = {GROUP_INIT, GROUP_SIDECAR, GROUP_MAIN};

    memset(self, 0, sizeof(*self));
    self->cluster = cluster;
    self->framework = cluster_framework(cluster, "ads");
    self->agent = cluster_agent(cluster, resources);
    self->offer = cluster_offer(cluster, self->framework)->id;
    self->volumes[0] = "data";
    self->group = (struct group_info){
        .id = "pod", .volumes = self->volumes, .volumes_count = 1, .network = "none"};
    for (size_t i = 0; i < MEMBERS; i++) {
        self->members[i] = (struct group_member){.id = "pod", .part = parts[i]};
        self->tasks[i] = cluster_task(cluster, arena_printf(cluster->arena, "t%zu", i + 1),
                                      self->agent.id, "cpus:1;mem:24");
        self->tasks[i].group = &self->members[i];
    }
    self->mount = (struct isolation_mount){
        .source_kind = MOUNT_GROUP, .source = "data", .container_path = "/data"};
    self->asks = (struct isolation_info){.rootfs = "",
                                         .hostname = "",
                                         .network = "",
                                         .seccomp_profile = "",
                                         .mounts = &self->mount,
                                         .mounts_count = 1};
    self->operation = (struct operation_info){.kind = OPERATION_LAUNCH_GROUP,
                                              .tasks = self->tasks,
                                              .tasks_count = MEMBERS,
                                              .group = &self->group};
}

static void scene_init(struct scene *self, struct cluster *cluster)
{
    scene_init_on(self, cluster, "cpus:4;mem:1024");
}

/* NULL: there was none. */
static const char *newest_offer_of(const struct cluster *cluster, const char *agent_id)
{
    const char *offer = NULL;

    for (size_t i = 0; i < cluster->sent_count; i++) {
        const struct message *message = &cluster->sent[i].message;

        for (size_t j = 0; message->type == MSG_OFFERS && j < message->offers->offers_count; j++)
            if (!strcmp(message->offers->offers[j].agent_id, agent_id))
                offer = message->offers->offers[j].id;
    }
    return offer;
}

static void scene_accept(struct scene *self)
{
    const struct filters filters = {.refuse_ms = 3600 * SECOND};

    cluster_framework_says(self->cluster, self->framework.session,
                           MESSAGE(ACCEPT, accept, .offer_ids = &self->offer, .offer_ids_count = 1,
                                   .operations = &self->operation, .operations_count = 1,
                                   .filters = &filters));
}

/* Nothing is launched, all are told, and `text` is in it; what was offered is offered again. */
static void assert_refused(struct scene *self, enum task_state state, enum task_reason reason,
                           const char *text)
{
    struct cluster *cluster = self->cluster;

    scene_accept(self);
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 0);
    assert_int_equal(cluster_count(cluster, self->agent.session, MSG_RUN_GROUP), 0);
    assert_int_equal(cluster_count(cluster, self->agent.session, MSG_RUN_TASK), 0);
    for (size_t i = 0; i < self->operation.tasks_count; i++) {
        const char *id = self->tasks[i].task_id;
        const char *message;

        assert_update(cluster, self->framework, id, state, reason);
        message = cluster_update(cluster, self->framework, id)->message;
        if (!strstr(message, text))
            fail_msg("\"%s\" does not say \"%s\"", message, text);
    }
}

#define assert_invalid(scene, text)                                                                \
    assert_refused((scene), TASK_ERROR, REASON_TASK_GROUP_INVALID, (text))

static void group_goes_to_its_agent_in_one_message(void **state)
{
    CLUSTER(NULL);
    const struct msg_run_group *run;
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.tasks[2].isolation = &scene.asks;
    scene_accept(&scene);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_GROUP), 1);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_TASK), 0);
    run = cluster_last(cluster, scene.agent.session, MSG_RUN_GROUP)->run_group;
    assert_int_equal(run->tasks_count, MEMBERS);
    assert_string_equal(run->group->volumes[0], "data");
    assert_string_equal(run->role, "ads");
    for (size_t i = 0; i < MEMBERS; i++) {
        assert_string_equal(run->tasks[i].task_id, scene.tasks[i].task_id);
        assert_int_equal(run->tasks[i].group->number, i);
        assert_int_equal(run->tasks[i].resources_count, 2);
    }
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), MEMBERS);
}

static void its_tasks_are_tasks_like_others_in_the_books(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene_accept(&scene);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_RUNNING, TASK_RUNNING);
    cluster_acknowledge(cluster, scene.framework, "t1");
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, TASK_FINISHED);
    cluster_acknowledge(cluster, scene.framework, "t1");
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), MEMBERS - 1);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(KILL, kill, .task_id = "t3", .agent_id = scene.agent.id));
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_KILL_TASK), 1);
}

static void one_bad_task_stops_the_group_and_is_named(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.tasks[1] = cluster_task(cluster, "t2", scene.agent.id, "cpus:9");
    scene.tasks[1].group = &scene.members[1];
    assert_invalid(&scene,
                   "nothing of group pod is launched: task t2: it asks for more than is left");
}

static void all_together_must_fit(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    for (size_t i = 0; i < MEMBERS; i++) {
        scene.tasks[i] =
            cluster_task(cluster, scene.tasks[i].task_id, scene.agent.id, "cpus:1.5;mem:24");
        scene.tasks[i].group = &scene.members[i];
    }
    assert_invalid(&scene, "task t3: it asks for more than is left of the offers, by 0.5 cpus");
}

static void group_needs_a_main_and_to_be_described(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.operation.tasks_count = 2;
    assert_invalid(&scene, "none of its tasks is a main one");
    scene_init(&scene, cluster);
    scene.operation.group = NULL;
    assert_invalid(&scene, "nothing is said of the group itself");
}

static void what_is_the_groups_is_not_a_tasks(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.asks.network = "none";
    scene.tasks[2].isolation = &scene.asks;
    assert_invalid(&scene, "task t3: network, port_mappings, hostname and shm_bytes are the group");
    scene_init(&scene, cluster);
    scene.mount.source = "other";
    scene.tasks[2].isolation = &scene.asks;
    assert_invalid(&scene, "task t3: the group has no volume other");
    scene_init(&scene, cluster);
    scene.volumes[0] = "../x";
    assert_invalid(&scene, "\"../x\" cannot be the name of a volume");
    scene_init(&scene, cluster);
    scene.members[2].may_end = true;
    assert_invalid(&scene, "task t3: may_end is for sidecars");
    scene_init(&scene, cluster);
    scene.docker.image = "busybox";
    scene.tasks[2].docker = &scene.docker;
    assert_invalid(&scene, "task t3: a task of a group runs natively, and this one is for Docker");
}

static void members_name_their_group_and_are_named_once(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.members[1].id = "other";
    assert_invalid(&scene, "task t2: it says that it is in group other");
    scene_init(&scene, cluster);
    scene.tasks[1].group = NULL;
    assert_invalid(&scene, "task t2: it does not say that it is in the group");
    scene_init(&scene, cluster);
    scene.tasks[1].task_id = "t1";
    assert_invalid(&scene, "task t1: its id is there twice");
}

static void task_of_a_group_is_not_launched_alone(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.operation.kind = OPERATION_LAUNCH;
    scene.operation.group = NULL;
    assert_refused(&scene, TASK_ERROR, REASON_TASK_INVALID, "it is to be in a group");
}

static void volume_of_a_group_is_not_had_alone(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.operation.kind = OPERATION_LAUNCH;
    scene.operation.tasks_count = 1;
    scene.tasks[0].group = NULL;
    scene.tasks[0].isolation = &scene.asks;
    assert_refused(&scene, TASK_ERROR, REASON_TASK_INVALID, "it asks for a volume of a group");
}

#define VOLUME "disk(ads)[own]:100"

/* With a volume, which t2 has; the others mount it. */
static void scene_init_with_volume(struct scene *self, struct cluster *cluster,
                                   const struct mount_info *mount)
{
    scene_init_on(self, cluster, "cpus:4;mem:1024;" VOLUME);
    self->tasks[1] = cluster_task(cluster, "t2", self->agent.id, "cpus:1;" VOLUME);
    self->tasks[1].group = &self->members[1];
    self->tasks[0].mounts = self->tasks[2].mounts = mount;
    self->tasks[0].mounts_count = self->tasks[2].mounts_count = 1;
}

static const struct mount_info mount_own = {
    .volume_id = "own", .role = "", .container_path = "data"};

static void volume_of_one_is_mounted_by_others_and_counts_once(void **state)
{
    CLUSTER(NULL);
    const struct msg_run_group *run;
    struct scene scene;

    (void)state;
    scene_init_with_volume(&scene, cluster, &mount_own);
    scene_accept(&scene);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_GROUP), 1);
    run = cluster_last(cluster, scene.agent.session, MSG_RUN_GROUP)->run_group;
    assert_int_equal(run->tasks[1].resources_count, 2);
    assert_int_equal(run->tasks[2].resources_count, 2); /* cpus and mem */
    assert_string_equal(run->tasks[2].mounts[0].volume_id, "own");
}

static void volume_is_not_granted_to_two(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init_with_volume(&scene, cluster, &mount_own);
    scene.tasks[2] = cluster_task(cluster, "t3", scene.agent.id, "cpus:1;" VOLUME);
    scene.tasks[2].group = &scene.members[2];
    assert_invalid(&scene, "task t3: volume own is not shared and t2 has it: name it there, "
                           "elsewhere in the mounts alone");
}

/* Before they are compared with those of others. */
static void volumes_of_a_task_are_few(void **state)
{
    static struct resource_info many[RESOURCES_MAX + 1];
    const struct volume_info volume = {.id = "v"};
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(many); i++)
        many[i] = (struct resource_info){
            .name = "disk", .kind = VALUE_SCALAR, .role = "ads", .volume = &volume};
    scene_init(&scene, cluster);
    scene.tasks[2].resources = many;
    scene.tasks[2].resources_count = ARRAY_SIZE(many);
    assert_invalid(&scene, "task t3: 1025 resources, at most 1024 are allowed");
    scene_init(&scene, cluster);
    scene.tasks[2].resources = many;
    scene.tasks[2].resources_count = 65;
    assert_invalid(&scene, "task t3: a task may have 64 volumes");
}

static void volume_that_no_task_has_is_not_mounted(void **state)
{
    static const struct mount_info other = {
        .volume_id = "other", .role = "", .container_path = "data"};
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init_with_volume(&scene, cluster, &other);
    assert_invalid(&scene, "task t1: mounts: there is no volume other among its resources");
}

static void volume_of_another_is_not_mounted_without_a_group(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init_with_volume(&scene, cluster, &mount_own);
    scene.operation.kind = OPERATION_LAUNCH;
    scene.operation.group = NULL;
    scene.operation.tasks_count = 1;
    scene.tasks[0].group = NULL;
    assert_refused(&scene, TASK_ERROR, REASON_TASK_INVALID, "there is no volume own among its");
}

static void group_of_a_gang_is_tried_with_it(void **state)
{
    CLUSTER(NULL);
    struct scene scene;
    struct gang_part parts[2];
    struct node other;
    struct task_info task;
    struct operation_info launch;
    const char *offer;

    (void)state;
    scene_init(&scene, cluster);
    other = cluster_agent(cluster, "cpus:1;mem:64");
    offer = cluster_offer(cluster, scene.framework)->id;
    task = cluster_task(cluster, "big", other.id, "cpus:2");
    launch = (struct operation_info){.kind = OPERATION_LAUNCH, .tasks = &task, .tasks_count = 1};
    parts[0] = (struct gang_part){.offer_ids = &scene.offer,
                                  .offer_ids_count = 1,
                                  .operations = &scene.operation,
                                  .operations_count = 1};
    parts[1] = (struct gang_part){
        .offer_ids = &offer, .offer_ids_count = 1, .operations = &launch, .operations_count = 1};
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACCEPT_GANG, accept_gang, .parts = parts, .parts_count = 2));
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_GROUP), 0);
    assert_update(cluster, scene.framework, "t3", TASK_DROPPED, REASON_TASK_INVALID);

    task = cluster_task(cluster, "small", other.id, "cpus:1");
    offer = newest_offer_of(cluster, other.id);
    scene.offer = newest_offer_of(cluster, scene.agent.id);
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACCEPT_GANG, accept_gang, .parts = parts, .parts_count = 2));
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_GROUP), 1);
    assert_int_equal(cluster_count(cluster, other.session, MSG_RUN_TASK), 1);
}

static void group_that_its_agent_cannot_be_told_is_refused(void **state)
{
    static const char data[DATA_MAX];
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    for (size_t i = 0; i < MEMBERS; i++)
        scene.tasks[i].data = (struct bytes){data, sizeof(data)};
    assert_invalid(&scene, "its tasks take 31");
}

static void agent_that_is_too_old_gets_no_group(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    cluster->agents_are_old = true;
    scene_init(&scene, cluster);
    assert_invalid(&scene, "nothing of group pod is launched: agent ");
    assert_non_null(strstr(cluster_update(cluster, scene.framework, "t1")->message,
                           "is too old for groups of tasks"));
}

/* The group is at fault, and none of the tasks that were tried before it. */
static void agent_that_is_too_old_stops_the_gang(void **state)
{
    CLUSTER(NULL);
    struct operation_info operations[2];
    struct task_info before;
    struct gang_part part;
    struct scene scene;

    (void)state;
    cluster->agents_are_old = true;
    scene_init(&scene, cluster);
    before = cluster_task(cluster, "before", scene.agent.id, "cpus:1");
    operations[0] =
        (struct operation_info){.kind = OPERATION_LAUNCH, .tasks = &before, .tasks_count = 1};
    operations[1] = scene.operation;
    part = (struct gang_part){.offer_ids = &scene.offer,
                              .offer_ids_count = 1,
                              .operations = operations,
                              .operations_count = 2};
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(ACCEPT_GANG, accept_gang, .parts = &part, .parts_count = 1));
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 0);
    assert_update(cluster, scene.framework, "before", TASK_DROPPED, REASON_TASK_GROUP_INVALID);
    assert_update(cluster, scene.framework, "t1", TASK_DROPPED, REASON_TASK_GROUP_INVALID);
    assert_non_null(
        strstr(cluster_update(cluster, scene.framework, "before")->message, "part 1 of 1: agent "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(group_goes_to_its_agent_in_one_message),
        cmocka_unit_test(its_tasks_are_tasks_like_others_in_the_books),
        cmocka_unit_test(one_bad_task_stops_the_group_and_is_named),
        cmocka_unit_test(all_together_must_fit),
        cmocka_unit_test(group_needs_a_main_and_to_be_described),
        cmocka_unit_test(what_is_the_groups_is_not_a_tasks),
        cmocka_unit_test(members_name_their_group_and_are_named_once),
        cmocka_unit_test(task_of_a_group_is_not_launched_alone),
        cmocka_unit_test(volume_of_a_group_is_not_had_alone),
        cmocka_unit_test(volume_of_one_is_mounted_by_others_and_counts_once),
        cmocka_unit_test(volume_is_not_granted_to_two),
        cmocka_unit_test(volumes_of_a_task_are_few),
        cmocka_unit_test(volume_that_no_task_has_is_not_mounted),
        cmocka_unit_test(volume_of_another_is_not_mounted_without_a_group),
        cmocka_unit_test(group_of_a_gang_is_tried_with_it),
        cmocka_unit_test(group_that_its_agent_cannot_be_told_is_refused),
        cmocka_unit_test(agent_that_is_too_old_gets_no_group),
        cmocka_unit_test(agent_that_is_too_old_stops_the_gang),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
