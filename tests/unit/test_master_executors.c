/* tests/unit/test_master_executors.c - executors and their tasks, as the master sees them. */
#include "tests/unit/preempt_scene.h"

#include <string.h>

static const struct executor_info rules = {0};
static const struct command_info nothing = {.value = ""};

/* An agent, and a framework that is offered it. */
struct stage {
    struct cluster *cluster;
    struct node agent, framework;
};

static struct stage stage_of(struct cluster *cluster)
{
    struct stage stage = {.cluster = cluster};

    stage.agent = cluster_agent(cluster, "cpus:4;mem:1024");
    stage.framework = cluster_framework(cluster, "ads");
    return stage;
}

static struct task_info executor(struct stage *stage, const char *id)
{
    struct task_info task = cluster_task(stage->cluster, id, stage->agent.id, "cpus:1;mem:24");

    task.executor = &rules;
    return task;
}

static struct task_info inside(struct stage *stage, const char *id, const char *executor_id)
{
    struct task_info task = cluster_task(stage->cluster, id, stage->agent.id, "cpus:1;mem:24");

    task.executor_id = executor_id;
    task.command = &nothing;
    return task;
}

static void accept(struct stage *stage, const struct task_info *tasks, size_t count)
{
    cluster_pass(stage->cluster, SECOND);
    cluster_accept(stage->cluster, stage->framework,
                   cluster_offer(stage->cluster, stage->framework)->id, tasks, count, 0);
}

static void is_told(struct cluster *cluster, struct node framework, const char *task_id,
                    enum task_state state, const char *text)
{
    const struct task_status *status = cluster_update(cluster, framework, task_id);

    assert_non_null(status);
    assert_int_equal(status->state, state);
    if (!strstr(status->message, text))
        fail_msg("\"%s\" does not say \"%s\"", status->message, text);
}

static void says(const struct stage *stage, const char *task_id, const char *text)
{
    is_told(stage->cluster, stage->framework, task_id, TASK_ERROR, text);
}

/* It was right when it was said. */
static void is_dropped(const struct stage *stage, const char *task_id, const char *text)
{
    is_told(stage->cluster, stage->framework, task_id, TASK_DROPPED, text);
    assert_int_equal(cluster_update(stage->cluster, stage->framework, task_id)->reason,
                     REASON_EXECUTOR_TERMINATED);
}

static void executor_and_its_tasks_are_launched_in_one_accept(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    const struct task_info tasks[] = {executor(&stage, "e"), inside(&stage, "t1", "e"),
                                      inside(&stage, "t2", "e")};

    (void)state;
    accept(&stage, tasks, 3);
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_RUN_TASK), 3);
    assert_int_equal(cluster_counter(cluster, "master/cpus_used"), 3);
    assert_string_equal(
        cluster_last(cluster, stage.agent.session, MSG_RUN_TASK)->run_task->task->executor_id, "e");
}

static void agent_that_is_too_old_gets_no_executor(void **state)
{
    CLUSTER(NULL);
    struct task_info tasks[2];
    struct stage stage;

    (void)state;
    cluster->agents_are_old = true;
    stage = stage_of(cluster);
    tasks[0] = executor(&stage, "e");
    tasks[1] = inside(&stage, "t1", "e");
    accept(&stage, tasks, 2);
    says(&stage, "e", "is too old for executors");
    says(&stage, "t1", "no executor of that id");
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_RUN_TASK), 0);
}

static void executor_may_have_been_launched_before(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    struct task_info task = executor(&stage, "e");

    (void)state;
    accept(&stage, &task, 1);
    cluster_status(cluster, stage.agent, stage.framework.id, "e", TASK_RUNNING, 0);
    task = inside(&stage, "t1", "e");
    accept(&stage, &task, 1);
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_RUN_TASK), 2);
}

static void task_needs_an_executor_that_is_one(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    const struct task_info tasks[] = {
        inside(&stage, "early", "e"),
        executor(&stage, "e"),
        cluster_task(cluster, "plain", stage.agent.id, "cpus:1;mem:24"),
        inside(&stage, "t1", "plain"),
        inside(&stage, "t2", "t2"),
    };
    struct task_info both = inside(&stage, "t3", "e");

    (void)state;
    both.executor = &rules;
    accept(&stage, tasks, 5);
    says(&stage, "early", "no executor of that id");
    says(&stage, "t1", "no executor of that id");
    says(&stage, "t2", "it is for itself");
    accept(&stage, &both, 1);
    says(&stage, "t3", "can only be one of these");
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_RUN_TASK), 2);
}

static void task_goes_to_its_executors_agent(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    struct task_info task = executor(&stage, "e");
    struct node other;

    (void)state;
    accept(&stage, &task, 1);
    other = cluster_agent(cluster, "cpus:8;mem:1024"); /* before what is left of the first */
    assert_string_equal(cluster_offer(cluster, stage.framework)->agent_id, other.id);
    task = inside(&stage, "t1", "e");
    task.agent_id = other.id;
    cluster_accept(cluster, stage.framework, cluster_offer(cluster, stage.framework)->id, &task, 1,
                   0);
    says(&stage, "t1", "not on this one");
}

static void executor_that_ends_takes_no_tasks(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    struct task_info task = executor(&stage, "e");

    (void)state;
    accept(&stage, &task, 1);
    cluster_status(cluster, stage.agent, stage.framework.id, "e", TASK_KILLING, 0);
    task = inside(&stage, "t1", "e");
    accept(&stage, &task, 1);
    is_dropped(&stage, "t1", "has ended, or is about to");
}

static void executor_that_is_to_be_killed_takes_no_tasks(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    struct task_info task = executor(&stage, "e");

    (void)state;
    accept(&stage, &task, 1);
    cluster_status(cluster, stage.agent, stage.framework.id, "e", TASK_RUNNING, 0);
    cluster_framework_says(cluster, stage.framework.session, MESSAGE(KILL, kill, .task_id = "e"));
    task = inside(&stage, "t1", "e");
    accept(&stage, &task, 1);
    is_dropped(&stage, "t1", "has ended, or is about to");
}

/* A window that is there for as long as its agent takes to hear of it. */
static void window_passes(struct cluster *cluster, const char *agent_id)
{
    cluster_operator(cluster, MESSAGE(OPERATOR_SCHEDULE_MAINTENANCE, operator_schedule_maintenance,
                                      .id = "w", .agents = &agent_id, .agents_count = 1,
                                      .duration_ms = 1, .force = true));
    assert_int_equal(cluster->reply.code, 200);
    cluster_pass(cluster, SECOND);
}

static struct agent_task report_executor(const struct stage *stage, enum task_state state)
{
    struct agent_task reported =
        cluster_report(stage->cluster, stage->framework.id, "e", "cpus:1;mem:24", state);
    struct task_info *task = arena_alloc(stage->cluster->arena, sizeof(*task));

    *task = *reported.task;
    task->executor = &rules;
    reported.task = task;
    return reported;
}

/* Its agent has yet to say that it ends, and is in use again. */
static void executor_that_maintenance_has_ended_takes_no_tasks_after_it(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    struct task_info task = executor(&stage, "e");

    (void)state;
    accept(&stage, &task, 1);
    cluster_status(cluster, stage.agent, stage.framework.id, "e", TASK_RUNNING, 0);
    window_passes(cluster, stage.agent.id);
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_KILL_TASK), 1);
    task = inside(&stage, "t1", "e");
    accept(&stage, &task, 1);
    is_dropped(&stage, "t1", "has ended, or is about to");
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_RUN_TASK), 1);
}

/* Whether it has heard of its end its agent says when it comes back. */
static void executor_that_maintenance_has_missed_takes_tasks_after_it(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    struct task_info task = executor(&stage, "e");
    struct agent_task reported;

    (void)state;
    accept(&stage, &task, 1);
    cluster_status(cluster, stage.agent, stage.framework.id, "e", TASK_RUNNING, 0);
    window_passes(cluster, stage.agent.id);
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_KILL_TASK), 1);
    reported = report_executor(&stage, TASK_RUNNING);
    stage.agent = cluster_agent_back(cluster, stage.agent.id, "cpus:4;mem:1024", &reported, 1);
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_KILL_TASK), 0);
    task = inside(&stage, "t1", "e");
    accept(&stage, &task, 1);
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_RUN_TASK), 1);

    reported = report_executor(&stage, TASK_KILLING);
    stage.agent = cluster_agent_back(cluster, stage.agent.id, "cpus:4;mem:1024", &reported, 1);
    task = inside(&stage, "t2", "e");
    accept(&stage, &task, 1);
    is_dropped(&stage, "t2", "has ended, or is about to");
}

static void other_frameworks_executors_are_not_seen(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    struct task_info task = executor(&stage, "e");

    (void)state;
    accept(&stage, &task, 1);
    cluster_decline(cluster, stage.framework, cluster_offer(cluster, stage.framework)->id, HOUR);
    stage.framework = cluster_framework(cluster, "other");
    task = inside(&stage, "t1", "e");
    accept(&stage, &task, 1);
    says(&stage, "t1", "no executor of that id");
}

static void gang_may_have_an_executor_and_its_tasks(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    const struct task_info good[] = {executor(&stage, "e"), inside(&stage, "t1", "e")};
    const struct task_info bad[] = {inside(&stage, "t2", "f"), executor(&stage, "f")};
    struct operation_info operation = {.kind = OPERATION_LAUNCH, .tasks = bad, .tasks_count = 2};
    struct gang_part part = {.offer_ids_count = 1, .operations = &operation, .operations_count = 1};
    const char *offer_id;

    (void)state;
    offer_id = cluster_offer(cluster, stage.framework)->id;
    part.offer_ids = &offer_id;
    cluster_framework_says(cluster, stage.framework.session,
                           MESSAGE(ACCEPT_GANG, accept_gang, .parts = &part, .parts_count = 1));
    says(&stage, "t2", "no executor of that id");
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_RUN_TASK), 0);
    cluster_pass(cluster, SECOND);
    operation.tasks = good;
    offer_id = cluster_offer(cluster, stage.framework)->id;
    cluster_framework_says(cluster, stage.framework.session,
                           MESSAGE(ACCEPT_GANG, accept_gang, .parts = &part, .parts_count = 1));
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_RUN_TASK), 2);
}

static void gang_for_an_executor_that_ends_is_dropped(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    const struct task_info tasks[] = {executor(&stage, "f"), inside(&stage, "t1", "e")};
    struct operation_info operation = {.kind = OPERATION_LAUNCH, .tasks = tasks, .tasks_count = 2};
    struct gang_part part = {.offer_ids_count = 1, .operations = &operation, .operations_count = 1};
    struct task_info task = executor(&stage, "e");
    const char *offer_id;

    (void)state;
    accept(&stage, &task, 1);
    cluster_status(cluster, stage.agent, stage.framework.id, "e", TASK_KILLING, 0);
    cluster_pass(cluster, SECOND);
    offer_id = cluster_offer(cluster, stage.framework)->id;
    part.offer_ids = &offer_id;
    cluster_framework_says(cluster, stage.framework.session,
                           MESSAGE(ACCEPT_GANG, accept_gang, .parts = &part, .parts_count = 1));
    is_dropped(&stage, "f", "has ended, or is about to");
    is_dropped(&stage, "t1", "has ended, or is about to");
}

static void executor_is_known_to_the_next_master(void **state)
{
    CLUSTER(NULL);
    struct stage stage = stage_of(cluster);
    struct agent_task reported[2];
    struct task_info task, tasks[2];

    (void)state;
    task = executor(&stage, "e");
    accept(&stage, &task, 1);
    reported[0] = cluster_report(cluster, stage.framework.id, "t1", "cpus:1;mem:24", TASK_RUNNING);
    reported[1] = cluster_report(cluster, stage.framework.id, "f", "cpus:1;mem:24", TASK_RUNNING);
    tasks[0] = *reported[0].task;
    tasks[1] = *reported[1].task;
    tasks[0].executor_id = "f";
    tasks[1].executor = &rules;
    reported[0].task = &tasks[0];
    reported[1].task = &tasks[1];
    stage.agent = cluster_agent_back(cluster, stage.agent.id, "cpus:4;mem:1024", reported, 2);
    task = inside(&stage, "t2", "f");
    accept(&stage, &task, 1);
    assert_int_equal(cluster_count(cluster, stage.agent.session, MSG_RUN_TASK), 1);
}

static void executor_gives_way_after_its_tasks(void **state)
{
    CLUSTER(&preempting_master);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node low = framework_in(cluster, "low", true);
    struct task_info tasks[2];

    (void)state;
    tasks[0] = cluster_task(cluster, "e", agent.id, "cpus:2;mem:200");
    tasks[0].executor = &rules;
    tasks[1] = cluster_task(cluster, "t", agent.id, "cpus:2;mem:200");
    tasks[1].executor_id = "e";
    tasks[1].priority = 5; /* it would come after its executor */
    cluster_accept(cluster, low, cluster_offer(cluster, low)->id, tasks, 2, HOUR);
    cluster_status(cluster, agent, low.id, "e", TASK_RUNNING, 0);
    cluster_status(cluster, agent, low.id, "t", TASK_RUNNING, 0);
    set_priority(cluster, "high", 10);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    assert_string_equal(notice(cluster, low)->task_id, "t");
}

static void executor_without_tasks_gives_way_as_any_task(void **state)
{
    CLUSTER(&preempting_master);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node low = framework_in(cluster, "low", true);
    struct task_info task;

    (void)state;
    task = cluster_task(cluster, "e", agent.id, "cpus:4;mem:400");
    task.executor = &rules;
    cluster_accept(cluster, low, cluster_offer(cluster, low)->id, &task, 1, HOUR);
    cluster_status(cluster, agent, low.id, "e", TASK_RUNNING, 0);
    set_priority(cluster, "high", 10);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    assert_string_equal(notice(cluster, low)->task_id, "e");
}

/* It would end with its executor, though nobody may have it give way. */
static void executor_that_gives_way_takes_no_tasks_meanwhile(void **state)
{
    CLUSTER(&preempting_master);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node low = framework_in(cluster, "low", true);
    struct task_info task;

    (void)state;
    task = cluster_task(cluster, "e", agent.id, "cpus:3;mem:300");
    task.executor = &rules;
    cluster_accept(cluster, low, cluster_offer(cluster, low)->id, &task, 1, 0);
    cluster_status(cluster, agent, low.id, "e", TASK_RUNNING, 0);
    cluster_pass(cluster, SECOND); /* what is left is offered to it */
    set_priority(cluster, "high", 10);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_string_equal(notice(cluster, low)->task_id, "e");
    task = cluster_task(cluster, "t", agent.id, "cpus:1;mem:50");
    task.executor_id = "e";
    task.command = &nothing;
    cluster_accept(cluster, low, cluster_offer(cluster, low)->id, &task, 1, 0);
    is_told(cluster, low, "t", TASK_DROPPED, "its executor e is being preempted, for role high");

    set_priority(cluster, "high", -10);
    assert_true(notice(cluster, low)->withdrawn);
    cluster_pass(cluster, SECOND);
    cluster_accept(cluster, low, cluster_offer(cluster, low)->id, &task, 1, 0);
    assert_int_equal(cluster_count(cluster, agent.session, MSG_RUN_TASK), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(executor_and_its_tasks_are_launched_in_one_accept),
        cmocka_unit_test(agent_that_is_too_old_gets_no_executor),
        cmocka_unit_test(executor_may_have_been_launched_before),
        cmocka_unit_test(task_needs_an_executor_that_is_one),
        cmocka_unit_test(task_goes_to_its_executors_agent),
        cmocka_unit_test(executor_that_ends_takes_no_tasks),
        cmocka_unit_test(executor_that_is_to_be_killed_takes_no_tasks),
        cmocka_unit_test(executor_that_maintenance_has_ended_takes_no_tasks_after_it),
        cmocka_unit_test(executor_that_maintenance_has_missed_takes_tasks_after_it),
        cmocka_unit_test(gang_for_an_executor_that_ends_is_dropped),
        cmocka_unit_test(other_frameworks_executors_are_not_seen),
        cmocka_unit_test(gang_may_have_an_executor_and_its_tasks),
        cmocka_unit_test(executor_is_known_to_the_next_master),
        cmocka_unit_test(executor_gives_way_after_its_tasks),
        cmocka_unit_test(executor_without_tasks_gives_way_as_any_task),
        cmocka_unit_test(executor_that_gives_way_takes_no_tasks_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
