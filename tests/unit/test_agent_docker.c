/* The agent's core and tasks for a Docker Engine: which containerizer an order is for, what is told before the start. */
#include "tests/unit/agent_fixture.h"

#include <string.h>

static const struct docker_info docker = {.image = "busybox:1"};

static void run(struct world *world, const char *task_id)
{
    static const struct command_info none = {0};
    struct task_info task = *simple_task(task_id);

    task.docker = &docker;
    task.command = &none;
    world_run_task(world, &task);
}

static void progress(struct world *world, const char *text)
{
    const struct message event =
        MESSAGE(CONTAINER_PROGRESS, container_progress,
                .container_id = world_launch(world, "t1")->container_id, .text = text);

    agent_on_container(world->agent, world->now, &event);
    world_commit(world);
}

static void orders_say_that_they_are_for_docker(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const struct msg_launch_container *launch;

    (void)state;
    run(world, "t1");
    launch = world_launch(world, "t1");
    assert_string_equal(launch->docker->image, "busybox:1");
    assert_int_equal(launch->labels_count, 3);
    assert_string_equal(launch->labels[2].value, "t1");
    world_started(world, "t1");
    world_kill(world, "t1");
    assert_true(record_last(&world->orders, MSG_SIGNAL_CONTAINER)->signal_container->docker);
    world_exited(world, "t1", (struct msg_container_exited){.docker = true});
    assert_true(record_last(&world->orders, MSG_FORGET_CONTAINER)->forget_container->docker);
}

static void orders_of_native_tasks_do_not(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    world_run(world, "t1");
    assert_null(world_launch(world, "t1")->docker);
    assert_int_equal(world_launch(world, "t1")->labels_count, 0);
    world_started(world, "t1");
    world_kill(world, "t1");
    assert_false(record_last(&world->orders, MSG_SIGNAL_CONTAINER)->signal_container->docker);
}

static const char *variable(const struct msg_launch_container *launch, const char *name)
{
    for (size_t i = 0; i < launch->command->env_count; i++)
        if (!strcmp(launch->command->env[i].name, name))
            return launch->command->env[i].value;
    return NULL;
}

static void the_sandbox_is_where_the_container_sees_it_and_the_path_is_the_images(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run(world, "t1");
    assert_string_equal(variable(world_launch(world, "t1"), "MESOS_SANDBOX"), DOCKER_SANDBOX);
    assert_string_equal(variable(world_launch(world, "t1"), "PROFFER_SANDBOX"), DOCKER_SANDBOX);
    assert_non_null(strstr(world_launch(world, "t1")->sandbox, FRAMEWORK ".docker/"));
    assert_null(variable(world_launch(world, "t1"), "PATH"));
    assert_null(variable(world_launch(world, "t1"), "HOME"));
}

static void progress_is_an_update_and_only_the_newest_is_told(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run(world, "t1");
    progress(world, "pulling");
    assert_state(world, "t1", TASK_STARTING);
    assert_string_equal(world_update(world, "t1")->status->message, "pulling");
    progress(world, "still pulling"); /* the first is not acknowledged */
    assert_int_equal(world_updates_count(world, "t1"), 1);
    world_acknowledge(world, "t1");
    progress(world, "nearly there");
    assert_string_equal(world_update(world, "t1")->status->message, "nearly there");
    world_acknowledge(world, "t1");
    world_started(world, "t1");
    assert_state(world, "t1", TASK_RUNNING);
    world_acknowledge(world, "t1");
    progress(world, "late");
    assert_int_equal(world_updates_count(world, "t1"), 3);
}

static void what_was_being_prepared_is_dropped_when_it_never_ran(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run(world, "t1");
    progress(world, "pulling");
    world_reborn(world);
    world_exited(world, "t1", (struct msg_container_exited){.never_launched = true});
    world_acknowledge(world, "t1");
    assert_state(world, "t1", TASK_DROPPED);
}

static void an_agent_without_docker_says_so(void **state)
{
    CLEANUP(world_destroy)
    struct world *world = world_new(&(struct world_plan){.no_docker = true});

    (void)state;
    run(world, "t1");
    assert_state(world, "t1", TASK_FAILED);
    assert_non_null(strstr(world_update(world, "t1")->status->message, "--containerizers"));
    assert_int_equal(record_count(&world->orders, MSG_LAUNCH_CONTAINER), 0);
}

#define ASKS_NOTHING .hostname = "", .network = "", .seccomp_profile = ""

static void what_an_engine_has_not_is_refused(void **state)
{
    static const struct isolation_info asks[] = {{ASKS_NOTHING, .rootfs = "debian12"},
                                                 {ASKS_NOTHING, .rootfs = "", .ambient = true},
                                                 {ASKS_NOTHING, .rootfs = "", .inner_root = true}};
    static const char *const words[] = {"rootfs", "ambient", "inner_root"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
        CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
        struct task_info task = *simple_task("t1");

        task.docker = &docker;
        task.isolation = &asks[i];
        world_run_task(world, &task);
        assert_state(world, "t1", TASK_ERROR);
        assert_non_null(strstr(world_update(world, "t1")->status->message, words[i]));
    }
}

/* The users inside are the image's: who means one of the host's is not made root for it. */
static void a_user_of_the_host_is_refused(void **state)
{
    static const struct command_info command = {.value = "true", .user = "nobody"};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");

    (void)state;
    task.docker = &docker;
    task.command = &command;
    world_run_task(world, &task);
    assert_state(world, "t1", TASK_ERROR);
    assert_non_null(strstr(world_update(world, "t1")->status->message, "docker.user"));
}

/* What an agent has natively its Engine has as well. */
static void files_and_isolation_go_to_the_engine(void **state)
{
    static const struct uri_info uris[] = {
        {.value = "http://h/x", .output_file = "", .sha256 = ""}};
    static const struct command_info command = {.value = "", .uris = uris, .uris_count = 1};
    static const struct isolation_info asks = {ASKS_NOTHING, .rootfs = "", .shm_bytes = 4096};
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    struct task_info task = *simple_task("t1");
    const struct msg_launch_container *order;

    (void)state;
    task.docker = &docker;
    task.command = &command;
    task.isolation = &asks;
    world_run_task(world, &task);
    order = record_last(&world->orders, MSG_LAUNCH_CONTAINER)->launch_container;
    assert_int_equal(order->command->uris_count, 1);
    assert_int_equal(order->isolation->shm_bytes, 4096);
}

static void the_address_of_a_container_is_in_its_status(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});

    (void)state;
    run(world, "t1");
    agent_on_container(world->agent, world->now,
                       &MESSAGE(CONTAINER_STARTED, container_started,
                                .container_id = world_launch(world, "t1")->container_id,
                                .network_address = "172.17.0.2"));
    world_commit(world);
    assert_string_equal(world_update(world, "t1")->status->container->network_address,
                        "172.17.0.2");
}

static void containers_of_both_kinds_are_recovered_apart(void **state)
{
    CLEANUP(world_destroy) struct world *world = world_new(&(struct world_plan){0});
    const char *ids[8];
    struct agent_past past;

    (void)state;
    run(world, "t1");
    world_run(world, "t2");
    world_crash(world);
    past = world_past(world);
    assert_int_equal(agent_past_containers(&past, "boot 1", true, ids), 1);
    assert_non_null(strstr(ids[0], "t1."));
    assert_int_equal(agent_past_containers(&past, "boot 1", false, ids), 1);
    assert_non_null(strstr(ids[0], "t2."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_say_that_they_are_for_docker),
        cmocka_unit_test(orders_of_native_tasks_do_not),
        cmocka_unit_test(the_sandbox_is_where_the_container_sees_it_and_the_path_is_the_images),
        cmocka_unit_test(progress_is_an_update_and_only_the_newest_is_told),
        cmocka_unit_test(what_was_being_prepared_is_dropped_when_it_never_ran),
        cmocka_unit_test(an_agent_without_docker_says_so),
        cmocka_unit_test(what_an_engine_has_not_is_refused),
        cmocka_unit_test(a_user_of_the_host_is_refused),
        cmocka_unit_test(files_and_isolation_go_to_the_engine),
        cmocka_unit_test(the_address_of_a_container_is_in_its_status),
        cmocka_unit_test(containers_of_both_kinds_are_recovered_apart),
    };

    return cmocka_run_group_tests_name("agent docker", tests, NULL, NULL);
}
