/* tests/unit/test_master_gang.c - ACCEPT_GANG: offers of many agents as one, all tasks or none. */
#include "tests/unit/master_fixture.h"

#include <string.h>

#define AGENTS 3

/* Three agents of "cpus:4;mem:1024" and a framework that is offered them; a task on each. */
struct scene {
    struct cluster *cluster;
    struct node agents[AGENTS], framework;
    const char *offers[AGENTS];
    struct task_info tasks[AGENTS];
    struct operation_info operations[AGENTS];
    struct gang_part parts[AGENTS];
};

static void scene_init(struct scene *self, struct cluster *cluster)
{
    self->cluster = cluster;
    self->framework = cluster_framework(cluster, "ads");
    for (size_t i = 0; i < AGENTS; i++) {
        self->agents[i] = cluster_agent(cluster, "cpus:4;mem:1024");
        self->offers[i] = cluster_offer(cluster, self->framework)->id;
        self->tasks[i] = cluster_task(cluster, arena_printf(cluster->arena, "t%zu", i + 1),
                                      self->agents[i].id, "cpus:3;mem:24");
        self->operations[i] = (struct operation_info){
            .kind = OPERATION_LAUNCH, .tasks = &self->tasks[i], .tasks_count = 1};
        self->parts[i] = (struct gang_part){.offer_ids = &self->offers[i],
                                            .offer_ids_count = 1,
                                            .operations = &self->operations[i],
                                            .operations_count = 1};
    }
}

static void scene_accept(struct scene *self)
{
    const struct filters filters = {.refuse_ms = 3600 * SECOND};

    cluster_framework_says(self->cluster, self->framework.session,
                           MESSAGE(ACCEPT_GANG, accept_gang, .parts = self->parts,
                                   .parts_count = AGENTS, .filters = &filters));
}

static void all_tasks_of_a_gang_are_launched_and_the_rest_is_declined(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene_accept(&scene);
    for (size_t i = 0; i < AGENTS; i++)
        assert_string_equal(
            cluster_last(cluster, scene.agents[i].session, MSG_RUN_TASK)->run_task->task->task_id,
            scene.tasks[i].task_id);
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), AGENTS);
    assert_int_equal(cluster_counter(cluster, "master/offers_accepted"), AGENTS);
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, scene.framework), AGENTS);
}

/* Nothing is launched; the task `wrong` (NULL: none) is told that it is, the others that they are
 * dropped, all of them with `text`; what the good offers held is offered again. */
static void assert_none(struct scene *scene, const char *wrong, enum task_reason reason,
                        const char *text)
{
    struct cluster *cluster = scene->cluster;

    scene_accept(scene);
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 0);
    for (size_t i = 0; i < AGENTS; i++) {
        const char *id = scene->tasks[i].task_id;
        bool is_wrong = wrong && !strcmp(wrong, id);

        assert_update(cluster, scene->framework, id, is_wrong ? TASK_ERROR : TASK_DROPPED, reason);
        if (!strstr(cluster_update(cluster, scene->framework, id)->message, text))
            fail_msg("\"%s\" does not say \"%s\"",
                     cluster_update(cluster, scene->framework, id)->message, text);
        assert_int_equal(cluster_count(cluster, scene->agents[i].session, MSG_RUN_TASK), 0);
    }
}

static void one_wrong_task_stops_the_gang_and_is_named(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.tasks[1] = cluster_task(cluster, "t2", scene.agents[1].id, "cpus:5");
    assert_none(&scene, "t2", REASON_TASK_INVALID,
                "part 2 of 3, task t2: it asks for more than is left of the offers, by 1 cpus");
    /* All three are offered anew, at once. */
    assert_int_equal(cluster_offers_count(cluster, scene.framework), 2 * AGENTS);
}

static void tasks_of_one_part_share_what_its_offers_hold(void **state)
{
    CLUSTER(NULL);
    struct task_info two[2];
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    two[0] = cluster_task(cluster, "a", scene.agents[2].id, "cpus:3");
    two[1] = cluster_task(cluster, "t3", scene.agents[2].id, "cpus:2");
    scene.operations[2].tasks = two;
    scene.operations[2].tasks_count = 2;
    assert_none(&scene, "t3", REASON_TASK_INVALID, "part 3 of 3, task t3: it asks for more");
    assert_update(cluster, scene.framework, "a", TASK_DROPPED, REASON_TASK_INVALID);
}

static void one_bad_offer_stops_the_gang(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    cluster_close(cluster, scene.agents[2].session);
    assert_none(&scene, NULL, REASON_INVALID_OFFERS, "part 3 of 3: offer M-O2 is not valid");
    assert_int_equal(cluster_counter(cluster, "master/offers_named_invalid"), 2);
}

static void offer_in_two_parts_is_refused(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.parts[2].offer_ids = &scene.offers[0];
    assert_none(&scene, NULL, REASON_INVALID_OFFERS, "part 3 of 3: offer M-O0 is named twice");
}

static void task_id_in_two_parts_is_refused(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.tasks[2].task_id = "t1";
    assert_none(&scene, "t1", REASON_TASK_INVALID,
                "part 3 of 3, task t1: task id t1 is there twice");
}

static void gang_launches_and_nothing_else(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.operations[0].kind = 0;
    assert_none(&scene, "t1", REASON_TASK_INVALID,
                "a gang has no other operations than LAUNCH and LAUNCH_GROUP");
}

static void part_without_tasks_gives_its_offers_back(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene.parts[1].operations_count = 0;
    scene_accept(&scene);
    assert_int_equal(cluster_counter(cluster, "master/tasks_staging"), 2);
    cluster_pass(cluster, 60 * SECOND);
    assert_int_equal(cluster_offers_count(cluster, scene.framework), AGENTS);
}

/* A gang is one at its accept, not after it. */
static void gang_goes_on_without_an_agent_that_is_lost_after_the_accept(void **state)
{
    CLUSTER(NULL);
    struct scene scene;

    (void)state;
    scene_init(&scene, cluster);
    scene_accept(&scene);
    cluster_close(cluster, scene.agents[0].session);
    cluster_status(cluster, scene.agents[1], scene.framework.id, "t2", TASK_RUNNING, 0);
    cluster_pass(cluster, 80 * SECOND);
    assert_update(cluster, scene.framework, "t1", TASK_UNREACHABLE, REASON_AGENT_REMOVED);
    assert_update(cluster, scene.framework, "t2", TASK_RUNNING, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_tasks_of_a_gang_are_launched_and_the_rest_is_declined),
        cmocka_unit_test(one_wrong_task_stops_the_gang_and_is_named),
        cmocka_unit_test(tasks_of_one_part_share_what_its_offers_hold),
        cmocka_unit_test(one_bad_offer_stops_the_gang),
        cmocka_unit_test(offer_in_two_parts_is_refused),
        cmocka_unit_test(task_id_in_two_parts_is_refused),
        cmocka_unit_test(gang_launches_and_nothing_else),
        cmocka_unit_test(part_without_tasks_gives_its_offers_back),
        cmocka_unit_test(gang_goes_on_without_an_agent_that_is_lost_after_the_accept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
