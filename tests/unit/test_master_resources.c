/* tests/unit/test_master_resources.c - reservations, volumes and their kin in the master's books. */
#include <string.h>

#include "tests/unit/operations_scene.h"

/* --- reservations ------------------------------------------------------------ */

static void what_is_reserved_is_offered_as_reserved_and_to_its_role_only(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);
    struct node other = scene_framework(cluster, "eng");

    (void)state;
    scene_do(&scene, OPERATION_RESERVE, "r1", "cpus(ads dynamic by ops {k=v}):3", 0);
    assert_string_equal(
        scene_total(&scene),
        "cpus:1;cpus(ads dynamic by ops {k=v}):3;disk:100;mem:1024;ports:[100-109]");
    assert_string_equal(
        scene_print(&scene, scene_applied(&scene)->consumed, scene_applied(&scene)->consumed_count),
        "cpus:3");
    assert_string_equal(scene_print(&scene, scene_applied(&scene)->converted,
                                    scene_applied(&scene)->converted_count),
                        "cpus(ads dynamic by ops {k=v}):3");
    assert_int_equal(scene_applied(&scene)->kind, OPERATION_RESERVE);
    cluster_pass(cluster, SECOND);
    /* The rest was declined; what was converted is something new, and the rest comes along with it or
     * goes to the other. */
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, other)),
                        "cpus:1;disk:100;mem:1024;ports:[100-109]");
    assert_string_equal(scene_offered(&scene), "cpus(ads dynamic by ops {k=v}):3");
}

static void what_an_operation_makes_can_be_used_by_the_next(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_of(cluster);
    const char *const volume = "disk(ads dynamic by ops)[db by ops]:40";
    const struct operation_info all[] = {
        scene_operation(cluster, OPERATION_RESERVE, "",
                        "cpus(ads dynamic by ops):2;disk(ads dynamic by ops):50", 0),
        scene_operation(cluster, OPERATION_CREATE, "", volume, 0),
        scene_launch(&scene, "t1",
                     "cpus(ads dynamic by ops):1;mem:32;disk(ads dynamic by ops)[db by ops]:40"),
        scene_operation(cluster, OPERATION_UNRESERVE, "",
                        "cpus(ads dynamic by ops):1;disk(ads dynamic by ops):10", 0),
        scene_launch(&scene, "t2", "cpus:3;mem:32"),
    };

    (void)state;
    scene_accept(&scene, all, 5);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_APPLY_OPERATION), 3);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_TASK), 2);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_UPDATE), 0);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_OPERATION_UPDATE), 0);
    assert_string_equal(scene_total(&scene), "cpus:3;cpus(ads dynamic by ops):1;disk:60;"
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
        CLUSTER(&scene_patient);
        struct scene scene = scene_of(cluster);
        const struct operation_info both[] = {
            scene_operation(cluster, cases[i].kind, "bad", cases[i].resources, cases[i].amount),
            scene_operation(cluster, OPERATION_RESERVE, "good", "cpus(ads dynamic by ops):1", 0),
        };

        scene_accept(&scene, both, 2);
        scene_assert_told(&scene, "bad", OPERATION_ERROR, cases[i].why);
        assert_int_equal(scene_told(&scene, "bad")->uuid.size, 0);
        assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_APPLY_OPERATION), 1);
        assert_null(scene_told(&scene, "good"));
        assert_int_equal(cluster_counter(cluster, "master/operations/error"), 1);
    }
}

static void what_is_reserved_above_is_for_those_below(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = {.cluster = cluster};
    struct node stranger;
    struct operation_info refine;

    (void)state;
    scene.agent = cluster_agent(cluster, "cpus(eng):4;mem(eng):1024");
    stranger = scene_framework(cluster, "english");
    scene.framework = scene_framework(cluster, "eng/db");
    assert_null(cluster_offer(cluster, stranger));
    assert_string_equal(scene_offered(&scene), "cpus(eng):4;mem(eng):1024");
    refine =
        scene_operation(cluster, OPERATION_RESERVE, "r", "cpus(eng)(eng/db dynamic by ops):1", 0);
    scene_accept(&scene, &refine, 1);
    assert_string_equal(scene_total(&scene),
                        "cpus(eng):3;cpus(eng)(eng/db dynamic by ops):1;mem(eng):1024");
    cluster_pass(cluster, SECOND);
    cluster_decline(cluster, scene.framework, cluster_offer(cluster, scene.framework)->id, 0);
    /* Those above do not get it. */
    scene.framework = scene_framework(cluster, "eng");
    cluster_pass(cluster, 3601 * SECOND);
    assert_string_equal(scene_offered(&scene), "cpus(eng):3;mem(eng):1024");
    scene_do(&scene, OPERATION_UNRESERVE, "u", "cpus(eng)(eng/db dynamic by ops):1", 0);
    scene_assert_told(&scene, "u", OPERATION_ERROR, "the offers are to role eng");
}

static void tasks_use_what_is_reserved_above(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = {.cluster = cluster};
    struct operation_info tasks[2];

    (void)state;
    scene.agent = cluster_agent(cluster, "cpus(eng):4;mem(eng):1024;cpus(ads):1");
    scene.framework = scene_framework(cluster, "eng/db");
    tasks[0] = scene_launch(&scene, "t1", "cpus(eng):1;mem(eng):32");
    tasks[1] = scene_launch(&scene, "t2", "cpus(ads):1;mem(eng):32");
    scene_accept(&scene, tasks, 2);
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
        scene_operation(cluster, OPERATION_RESERVE, "", DISK ":90", 0),
        scene_operation(cluster, OPERATION_CREATE, "c",
                        arena_printf(cluster->arena, DISK "[v by ops%s]:40", terms), 0),
    };

    scene_accept(&scene, both, 2);
    assert_null(scene_told(&scene, "c"));
    cluster_pass(cluster, 3601 * SECOND);
    return scene;
}

static void a_volume_grows_and_shrinks(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_with_volume(cluster, "");

    (void)state;
    scene_do(&scene, OPERATION_GROW_VOLUME, "g", DISK "[v by ops]:40", 50000);
    assert_string_equal(scene_total(&scene),
                        "cpus:4;disk:10;" DISK "[v by ops]:90;mem:1024;ports:[100-109]");
    cluster_pass(cluster, 3601 * SECOND);
    scene_do(&scene, OPERATION_SHRINK_VOLUME, "s", DISK "[v by ops]:90", 60000);
    assert_string_equal(scene_total(&scene), "cpus:4;disk:10;" DISK ":60;" DISK
                                             "[v by ops]:30;mem:1024;ports:[100-109]");
    cluster_pass(cluster, 3601 * SECOND);
    scene_do(&scene, OPERATION_DESTROY, "d", DISK "[v by ops]:30", 0);
    assert_string_equal(scene_total(&scene), "cpus:4;disk:10;" DISK ":90;mem:1024;ports:[100-109]");
    assert_null(scene_told(&scene, "g"));
}

static void an_id_is_given_to_one_volume_of_a_role_on_an_agent(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_with_volume(cluster, "");

    (void)state;
    scene_do(&scene, OPERATION_CREATE, "c2", DISK "[v by ops shared]:10", 0);
    scene_assert_told(&scene, "c2", OPERATION_ERROR, "has a volume v on this agent already");
    cluster_pass(cluster, 3601 * SECOND);
    scene_do(&scene, OPERATION_CREATE, "c3", DISK "[w by ops]:1;" DISK "[w by ops shared]:2", 0);
    scene_assert_told(&scene, "c3", OPERATION_ERROR, "has a volume w on this agent already");
}

static void a_task_holds_its_volume_alone(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_with_volume(cluster, "");
    const struct operation_info tasks[] = {
        scene_launch(&scene, "t1", "cpus:1;" DISK "[v by ops]:40"),
        scene_launch(&scene, "t2", "cpus:1;" DISK "[v by ops]:40"),
        scene_operation(cluster, OPERATION_DESTROY, "d", DISK "[v by ops]:40", 0),
    };

    (void)state;
    scene_accept(&scene, tasks, 3);
    assert_null(cluster_update(cluster, scene.framework, "t1"));
    assert_update(cluster, scene.framework, "t2", TASK_ERROR, REASON_TASK_INVALID);
    scene_assert_told(&scene, "d", OPERATION_ERROR, "left of the offers");
    cluster_pass(cluster, 3601 * SECOND);
    assert_null(strstr(scene_offered(&scene), "[v"));
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_pass(cluster, 3601 * SECOND);
    assert_non_null(strstr(scene_offered(&scene), "[v"));
}

static void a_shared_volume_is_for_many_at_once(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_with_volume(cluster, " shared");
    const struct operation_info tasks[] = {
        scene_launch(&scene, "t1", "cpus:1;mem:32;" DISK "[v by ops shared]:40"),
        scene_launch(&scene, "t2", "cpus:1;mem:32;" DISK "[v by ops shared]:40"),
        scene_launch(&scene, "twice", "cpus:1;mem:32;" DISK "[v by ops shared x2]:40"),
        scene_operation(cluster, OPERATION_DESTROY, "d", DISK "[v by ops shared]:40", 0),
    };

    (void)state;
    scene_accept(&scene, tasks, 4);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_RUN_TASK), 2);
    assert_update(cluster, scene.framework, "twice", TASK_ERROR, REASON_TASK_INVALID);
    scene_assert_told(&scene, "d", OPERATION_ERROR, "tasks use volume v");
    cluster_pass(cluster, 3601 * SECOND);
    assert_non_null(strstr(scene_offered(&scene), "[v by ops shared]:40")); /* still */
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_status(cluster, scene.agent, scene.framework.id, "t2", TASK_FINISHED, 0);
    cluster_pass(cluster, 3601 * SECOND);
    scene_do(&scene, OPERATION_DESTROY, "d2", DISK "[v by ops shared]:40", 0);
    assert_null(scene_told(&scene, "d2"));
    assert_null(strstr(scene_total(&scene), "[v"));
}

static void a_shared_volume_that_is_destroyed_is_offered_to_nobody_any_more(void **state)
{
    CLUSTER(&scene_patient);
    struct scene scene = scene_with_volume(cluster, " shared");
    struct node other;
    const struct operation_info task = scene_launch(&scene, "t1", "cpus:3;mem:900");
    const struct offer_info *theirs;

    (void)state;
    scene_accept(&scene, &task, 1);
    other = scene_framework(cluster, "ads");
    theirs = cluster_offer(cluster, other); /* it does not mind our filter */
    assert_non_null(strstr(cluster_offered(cluster, theirs), "[v"));
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    cluster_pass(cluster, SECOND);
    assert_non_null(strstr(scene_offered(&scene), "[v"));
    scene_do(&scene, OPERATION_DESTROY, "d", DISK "[v by ops shared]:40", 0);
    assert_null(scene_told(&scene, "d"));
    assert_string_equal(cluster_last(cluster, other.session, MSG_RESCIND)->rescind->offer_id,
                        theirs->id);
}

/* --- revocable, remote, topology --------------------------------------------- */

static void revocable_resources_are_for_those_who_ask_for_them(void **state)
{
    static const char *const capabilities[] = {"REVOCABLE_RESOURCES"};
    CLUSTER(&scene_patient);
    struct scene scene = {.cluster = cluster};
    struct node brave;

    (void)state;
    scene.agent = cluster_agent(cluster, "cpus:1;cpus{REV}:3;mem:64");
    scene.framework = scene_framework(cluster, "ads");
    assert_string_equal(scene_offered(&scene), "cpus:1;mem:64");
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
        if (i == 1)
            assert_non_null(
                strstr(cluster_operator(cluster, MESSAGE(OPERATOR_EXPLAIN, operator_explain,
                                                         .framework = framework.id))
                           .message,
                       "1 of 1 agents: in another region"));
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
        CLUSTER(&scene_patient);
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
                 {other, 1, "there is none for disk, only for cpus, cpu_burst, mem"},
                 {twice, 2, "named twice"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLUSTER(&scene_patient);
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
        CLUSTER(&scene_patient);
        struct scene scene = scene_with_volume(cluster, "");
        struct task_info task;

        scene_do(&scene, OPERATION_CREATE, "", DISK "[w by ops]:1", 0);
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
        cmocka_unit_test(revocable_resources_are_for_those_who_ask_for_them),
        cmocka_unit_test(remote_regions_are_for_those_who_know_of_them),
        cmocka_unit_test(topology_is_told_to_those_who_want_it),
        cmocka_unit_test(limits_are_above_what_is_granted),
        cmocka_unit_test(volumes_are_mounted_in_the_sandbox_each_at_its_own_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
