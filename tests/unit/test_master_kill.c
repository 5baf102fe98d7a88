/* tests/unit/test_master_kill.c - kills by frameworks and operators, and what reconciliation answers. */
#include "tests/unit/master_fixture.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "proto/message.h"

struct scene {
    struct node agent, framework;
};

static struct scene scene_of(struct cluster *cluster)
{
    struct scene scene = {.agent = cluster_agent(cluster, "cpus:4;mem:1024")};

    scene.framework = cluster_framework(cluster, NULL);
    cluster_launch(cluster, scene.framework, "t1", "cpus:1;mem:24");
    return scene;
}

static void say_kill(struct cluster *cluster, struct node framework, const char *task_id,
                     const char *agent_id, const struct kill_policy *policy)
{
    cluster_framework_says(
        cluster, framework.session,
        MESSAGE(KILL, kill, .task_id = task_id, .agent_id = agent_id, .kill_policy = policy));
}

/* --- kill ------------------------------------------------------------------- */

static void kill_is_passed_to_the_agent_with_its_policy(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct kill_policy policy = {.grace_ms = 1234};
    const struct msg_kill_task *kill;

    (void)state;
    say_kill(cluster, scene.framework, "t1", "", NULL);
    kill = cluster_last(cluster, scene.agent.session, MSG_KILL_TASK)->kill_task;
    assert_string_equal(kill->task_id, "t1");
    assert_string_equal(kill->framework_id, scene.framework.id);
    assert_null(kill->kill_policy);
    say_kill(cluster, scene.framework, "t1", scene.agent.id, &policy);
    kill = cluster_last(cluster, scene.agent.session, MSG_KILL_TASK)->kill_task;
    assert_int_equal(kill->kill_policy->grace_ms, 1234);
    assert_null(cluster_update(cluster, scene.framework, "t1"));
}

static void kill_while_the_agent_is_away_is_remembered(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct kill_policy policy = {.grace_ms = 1234};
    struct agent_task task =
        cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    struct node back;

    (void)state;
    cluster_close(cluster, scene.agent.session);
    say_kill(cluster, scene.framework, "t1", "", &policy);
    back = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &task, 1);
    assert_int_equal(
        cluster_last(cluster, back.session, MSG_KILL_TASK)->kill_task->kill_policy->grace_ms, 1234);
}

/* It may have been on its way when the session ended. */
static void kill_is_said_again_when_the_agent_returns_with_the_task(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct agent_task task =
        cluster_report(cluster, scene.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    struct node back;

    (void)state;
    say_kill(cluster, scene.framework, "t1", "", NULL);
    back = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &task, 1);
    assert_int_equal(cluster_count(cluster, back.session, MSG_KILL_TASK), 1);
    task.state = TASK_KILLED;
    back = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:1024", &task, 1);
    assert_int_equal(cluster_count(cluster, back.session, MSG_KILL_TASK), 0);
}

static void kill_of_an_unknown_task_is_answered_as_reconciliation(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    say_kill(cluster, scene.framework, "t9", "", NULL);
    assert_update(cluster, scene.framework, "t9", TASK_UNKNOWN, REASON_RECONCILIATION);
    say_kill(cluster, scene.framework, "t9", scene.agent.id, NULL);
    assert_update(cluster, scene.framework, "t9", TASK_GONE, REASON_RECONCILIATION);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_KILL_TASK), 0);
}

static void kill_of_an_ended_task_is_left_to_its_update(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_FINISHED, 0);
    say_kill(cluster, scene.framework, "t1", "", NULL);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_KILL_TASK), 0);
    assert_int_equal(cluster_updates_count(cluster, scene.framework, "t1"), 1);
}

static void framework_cannot_kill_what_is_not_its_own(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node other = cluster_framework(cluster, NULL);

    (void)state;
    say_kill(cluster, other, "t1", scene.agent.id, NULL);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_KILL_TASK), 0);
}

/* --- operators -------------------------------------------------------------- */

static int64_t operator_kills(struct cluster *cluster, const char *framework_id,
                              const char *task_id)
{
    return cluster_operator(cluster, MESSAGE(OPERATOR_KILL, operator_kill,
                                             .framework_id = framework_id, .task_id = task_id))
        .code;
}

static void operator_kills_a_task_by_its_id_alone(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node other;

    (void)state;
    assert_int_equal(operator_kills(cluster, "", "t1"), 202);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_KILL_TASK), 1);
    assert_int_equal(operator_kills(cluster, "", "t9"), 404);
    other = cluster_framework(cluster, NULL);
    cluster_pass(cluster, 3600 * SECOND);
    cluster_agent(cluster, "cpus:1;mem:64");
    cluster_launch(cluster, other, "t1", "cpus:1;mem:64");
    assert_int_equal(operator_kills(cluster, "", "t1"), 409);
    assert_int_equal(operator_kills(cluster, scene.framework.id, "t1"), 202);
    assert_int_equal(operator_kills(cluster, "nobody", "t1"), 404);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_KILL_TASK), 2);
}

/* Replies cut long ids, and a reply that cannot be read would end the view. */
static void reply_to_an_operator_is_utf8_wherever_an_id_is_cut(void **state)
{
    CLUSTER(NULL);
    char id[202] = "a";

    (void)state;
    for (size_t i = 1; i + 2 < sizeof(id); i += 2)
        memcpy(id + i, "\303\251", 3);
    assert_int_equal(operator_kills(cluster, "", id), 404);
    assert_int_equal(operator_kills(cluster, "", id + 1), 404);
}

static void operator_tears_a_framework_down(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct message call =
        MESSAGE(OPERATOR_TEARDOWN, operator_teardown, .framework_id = scene.framework.id);

    (void)state;
    assert_int_equal(cluster_operator(cluster, call).code, 200);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_SHUTDOWN_FRAMEWORK), 1);
    assert_non_null(cluster_last(cluster, scene.framework.session, MSG_ERROR));
    assert_true(cluster_is_closed(cluster, scene.framework.session));
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_KILLED, 0);
    assert_int_equal(
        cluster_last(cluster, 0, MSG_CHANGE_FRAMEWORK_REMOVED)->change_framework_removed->reason,
        REMOVED_TEARDOWN);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 0);
    assert_int_equal(cluster_operator(cluster, call).code, 404);
}

static void other_calls_of_operators_are_refused(void **state)
{
    CLUSTER(NULL);

    (void)state;
    assert_int_equal(cluster_operator(cluster, MESSAGE(REVIVE, revive, .roles = NULL)).code, 400);
}

/* --- reconciliation --------------------------------------------------------- */

static void known_task_is_answered_with_its_state_and_place(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    const struct container_info container = {
        .container_id = "c1", .pid = 42, .sandbox = "/sandbox/c1"};
    const struct task_status running = {.task_id = "t1",
                                        .state = TASK_RUNNING,
                                        .uuid = {"0123456789abcdef", 16},
                                        .container = &container,
                                        .data = {"data", 4}};
    const struct task_status *status;

    (void)state;
    cluster_reconcile(cluster, scene.framework, "t1", "");
    assert_update(cluster, scene.framework, "t1", TASK_STAGING, REASON_RECONCILIATION);
    cluster_agent_says(cluster, scene.agent.session,
                       MESSAGE(STATUS_UPDATE, status_update, .framework_id = scene.framework.id,
                               .status = &running, .latest_state = TASK_RUNNING));
    cluster_reconcile(cluster, scene.framework, "t1", "wrong agents do not matter");
    assert_update(cluster, scene.framework, "t1", TASK_RUNNING, REASON_RECONCILIATION);
    status = cluster_update(cluster, scene.framework, "t1");
    assert_int_equal(status->uuid.size + status->data.size, 0);
    assert_int_equal(status->source, SOURCE_MASTER);
    assert_string_equal(status->container->container_id, "c1");
    assert_string_equal(status->container->sandbox, "/sandbox/c1");
    assert_string_equal(status->container->agent_address, "127.0.0.1:5051");
    assert_int_equal(status->container->pid, 42);
}

static const char *const gpus[] = {"gpu0", "gpu1"};
static const struct check_status well = {.kind = CHECK_COMMAND, .passed = true, .message = "well"};
static const struct container_info started = {.container_id = "c1", .sandbox = "/sandbox/c1"};
static const struct container_info granted = {.container_id = "c1",
                                              .pid = 42,
                                              .sandbox = "/sandbox/c1",
                                              .started_us = 7,
                                              .network_address = "10.88.0.2",
                                              .cpus = "0-3,8",
                                              .mems = "0",
                                              .exclusive = true,
                                              .gpus = gpus,
                                              .gpus_count = 2};

/* In the answer to the last question. */
static void expect_container(const struct cluster *cluster, struct node framework,
                             const struct container_info *told)
{
    const struct task_status *status = cluster_update(cluster, framework, "t1");
    CLEANUP(buf_fini) struct buf is = {0}, expected = {0};
    struct container_info all = *told;

    assert_non_null(status);
    assert_int_equal(status->reason, REASON_RECONCILIATION);
    assert_non_null(status->container);
    all.agent_address = "127.0.0.1:5051";
    assert_int_equal(status->health, HEALTH_HEALTHY);
    assert_non_null(status->check);
    assert_string_equal(status->check->message, "well");
    record_write_json(&container_info_def, status->container, &JSON(&is));
    record_write_json(&container_info_def, &all, &JSON(&expected));
    assert_string_equal(buf_text(&is), buf_text(&expected));
}

static void say_state(struct cluster *cluster, const struct scene *scene, enum task_state state,
                      const struct container_info *container)
{
    const struct task_status status = {.task_id = "t1",
                                       .state = state,
                                       .uuid = {"0123456789abcdef", 16},
                                       .container = container,
                                       .health = HEALTH_HEALTHY,
                                       .check = &well};

    cluster_agent_says(cluster, scene->agent.session,
                       MESSAGE(STATUS_UPDATE, status_update, .framework_id = scene->framework.id,
                               .status = &status, .latest_state = state));
}

static void answer_has_all_that_the_newest_update_said_of_how_it_is(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct container_info ended = granted;

    (void)state;
    say_state(cluster, &scene, TASK_STARTING, &started);
    cluster_reconcile(cluster, scene.framework, "t1", "");
    expect_container(cluster, scene.framework, &started);
    say_state(cluster, &scene, TASK_RUNNING, &granted);
    cluster_reconcile(cluster, scene.framework, "t1", "");
    expect_container(cluster, scene.framework, &granted);
    say_state(cluster, &scene, TASK_KILLING, NULL);
    cluster_reconcile(cluster, scene.framework, "t1", "");
    expect_container(cluster, scene.framework, &granted);
    ended.peak_mem_bytes = 4096;
    ended.ended_us = 9;
    say_state(cluster, &scene, TASK_KILLED, &ended);
    cluster_reconcile(cluster, scene.framework, "t1", "");
    expect_container(cluster, scene.framework, &ended);
}

static void answer_of_a_new_master_has_what_the_agent_brought_of_it(void **state)
{
    CLUSTER(NULL);
    const struct task_status running = {.task_id = "t1",
                                        .state = TASK_RUNNING,
                                        .container = &granted,
                                        .health = HEALTH_HEALTHY,
                                        .check = &well};
    struct agent_task task =
        cluster_report(cluster, "OLD-0007", "t1", "cpus:1;mem:64", TASK_RUNNING);
    struct node framework;

    (void)state;
    task.status = &running;
    cluster_agent_back(cluster, "OLD-S3", "cpus:4;mem:1024", &task, 1);
    framework =
        cluster_subscribe(cluster, (struct framework_info){.id = "OLD-0007", .name = "old"});
    cluster_reconcile(cluster, framework, "t1", "");
    expect_container(cluster, framework, &granted);
}

static void implicit_reconciliation_answers_for_all_tasks(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);

    (void)state;
    cluster_pass(cluster, SECOND);
    cluster_launch(cluster, scene.framework, "t2", "cpus:1;mem:24");
    cluster_framework_says(cluster, scene.framework.session,
                           MESSAGE(RECONCILE, reconcile, .tasks = NULL));
    assert_update(cluster, scene.framework, "t1", TASK_STAGING, REASON_RECONCILIATION);
    assert_update(cluster, scene.framework, "t2", TASK_STAGING, REASON_RECONCILIATION);
}

static void unknown_tasks_are_judged_by_their_agent(void **state)
{
    CLUSTER(NULL);
    struct scene scene = scene_of(cluster);
    struct node lost = cluster_agent(cluster, "cpus:1;mem:64");

    (void)state;
    cluster_close(cluster, lost.session);
    cluster_pass(cluster, 75 * SECOND);
    cluster_reconcile(cluster, scene.framework, "t9", scene.agent.id);
    assert_update(cluster, scene.framework, "t9", TASK_GONE, REASON_RECONCILIATION);
    cluster_reconcile(cluster, scene.framework, "t9", lost.id);
    assert_update(cluster, scene.framework, "t9", TASK_UNREACHABLE, REASON_RECONCILIATION);
    assert_int_not_equal(cluster_update(cluster, scene.framework, "t9")->unreachable_us, 0);
    cluster_reconcile(cluster, scene.framework, "t9", "nowhere");
    assert_update(cluster, scene.framework, "t9", TASK_UNKNOWN, REASON_RECONCILIATION);
}

static void framework_of_an_earlier_master_is_not_told_what_may_be_wrong(void **state)
{
    CLUSTER(NULL);
    struct node framework =
        cluster_subscribe(cluster, (struct framework_info){.id = "OLD-0000", .name = "old"});

    (void)state;
    cluster_reconcile(cluster, framework, "t1", "OLD-S0");
    cluster_reconcile(cluster, framework, "t1", "");
    assert_null(cluster_update(cluster, framework, "t1"));
    cluster_pass(cluster, 600 * SECOND);
    cluster_reconcile(cluster, framework, "t1", "OLD-S0");
    assert_update(cluster, framework, "t1", TASK_UNKNOWN, REASON_RECONCILIATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kill_is_passed_to_the_agent_with_its_policy),
        cmocka_unit_test(kill_while_the_agent_is_away_is_remembered),
        cmocka_unit_test(kill_is_said_again_when_the_agent_returns_with_the_task),
        cmocka_unit_test(kill_of_an_unknown_task_is_answered_as_reconciliation),
        cmocka_unit_test(kill_of_an_ended_task_is_left_to_its_update),
        cmocka_unit_test(framework_cannot_kill_what_is_not_its_own),
        cmocka_unit_test(operator_kills_a_task_by_its_id_alone),
        cmocka_unit_test(reply_to_an_operator_is_utf8_wherever_an_id_is_cut),
        cmocka_unit_test(operator_tears_a_framework_down),
        cmocka_unit_test(other_calls_of_operators_are_refused),
        cmocka_unit_test(known_task_is_answered_with_its_state_and_place),
        cmocka_unit_test(answer_has_all_that_the_newest_update_said_of_how_it_is),
        cmocka_unit_test(answer_of_a_new_master_has_what_the_agent_brought_of_it),
        cmocka_unit_test(implicit_reconciliation_answers_for_all_tasks),
        cmocka_unit_test(unknown_tasks_are_judged_by_their_agent),
        cmocka_unit_test(framework_of_an_earlier_master_is_not_told_what_may_be_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
