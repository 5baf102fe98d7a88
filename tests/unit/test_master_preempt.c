/* tests/unit/test_master_preempt.c - whose tasks give way to whom, with which notice, and what becomes of
 * what they leave. */
#include "tests/unit/master_fixture.h"

#include <inttypes.h>
#include <string.h>

#include "proto/resources_info.h"

#define GRACE (30 * SECOND) /* the master's default */
#define HOUR  (3600 * SECOND)

static const struct master_settings on = {.id = "M", .epoch = CLUSTER_EPOCH, .preemption = true};

/* --- the players -------------------------------------------------------------------- */

static struct node framework_in(struct cluster *cluster, const char *role, bool hears)
{
    static const char *const capabilities[] = {"PREEMPTION_NOTICE", "REVOCABLE_RESOURCES"};

    return cluster_subscribe(cluster, (struct framework_info){.name = role,
                                                              .user = "nobody",
                                                              .roles = &role,
                                                              .roles_count = 1,
                                                              .capabilities = capabilities,
                                                              .capabilities_count = hears ? 2 : 0});
}

static void runs_task(struct cluster *cluster, struct node framework, const struct task_info *task)
{
    cluster_accept(cluster, framework, cluster_offer(cluster, framework)->id, task, 1, HOUR);
}

static void runs(struct cluster *cluster, struct node framework, const char *id,
                 const char *resources, int64_t priority)
{
    struct task_info task =
        cluster_task(cluster, id, cluster_offer(cluster, framework)->agent_id, resources);

    task.priority = priority;
    runs_task(cluster, framework, &task);
}

static void needs(struct cluster *cluster, struct node framework, const char *role,
                  const char *minimum, int64_t count, int64_t priority)
{
    struct need_info need = {.name = "web", .count = count, .priority = priority};
    const struct role_needs all = {.role = role, .needs = &need, .needs_count = 1};

    need.minimum = cluster_resources(cluster, minimum, &need.minimum_count);
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(NEEDS, needs, .roles = &all, .roles_count = 1));
}

static struct node needy_in(struct cluster *cluster, const char *role, const char *minimum,
                            int64_t count, int64_t priority)
{
    static const char *const capabilities[] = {"PREEMPTION_NOTICE"};
    const struct framework_info info = {.name = role,
                                        .roles = &role,
                                        .roles_count = 1,
                                        .capabilities = capabilities,
                                        .capabilities_count = 1};
    struct need_info need = {.name = "web", .count = count, .priority = priority};
    const struct role_needs all = {.role = role, .needs = &need, .needs_count = 1};
    struct node framework = {.session = cluster_session(cluster)};

    need.minimum = cluster_resources(cluster, minimum, &need.minimum_count);
    cluster_framework_says(
        cluster, framework.session,
        MESSAGE(SUBSCRIBE, subscribe, .framework = &info, .needs = &all, .needs_count = 1));
    framework.id =
        cluster_last(cluster, framework.session, MSG_SUBSCRIBED)->subscribed->framework_id;
    return framework;
}

static struct msg_operator_reply set_priority(struct cluster *cluster, const char *role,
                                              int64_t priority)
{
    return cluster_operator(cluster,
                            MESSAGE(OPERATOR_SET_PRIORITY, operator_set_priority, .role = role,
                                    .priority = priority, .asked_by = "ops"));
}

static void set_quota(struct cluster *cluster, const char *role, const char *guarantee,
                      const char *limit)
{
    struct msg_operator_set_quota call = {.role = role, .force = true};

    if (guarantee)
        call.guarantees = cluster_resources(cluster, guarantee, &call.guarantees_count);
    if (limit)
        call.limits = cluster_resources(cluster, limit, &call.limits_count);
    assert_int_equal(
        cluster_operator(cluster, (struct message){.type = MSG_OPERATOR_SET_QUOTA, .body = &call})
            .code,
        200);
}

static const struct msg_preempt *notice(struct cluster *cluster, struct node framework)
{
    const struct message *message = cluster_last(cluster, framework.session, MSG_PREEMPT);

    return message ? message->preempt : NULL;
}

static size_t notices(struct cluster *cluster, struct node framework)
{
    return cluster_count(cluster, framework.session, MSG_PREEMPT);
}

static size_t kills(struct cluster *cluster, struct node agent)
{
    return cluster_count(cluster, agent.session, MSG_KILL_TASK);
}

/* One agent, full of a task of role "low" that hears notices; role "high" comes first. */
struct scene {
    struct node agent, low;
};

static struct scene full_scene(struct cluster *cluster)
{
    struct scene scene = {.agent = cluster_agent(cluster, "cpus:4;mem:400")};

    assert_int_equal(set_priority(cluster, "high", 10).code, 200);
    scene.low = framework_in(cluster, "low", true);
    runs(cluster, scene.low, "t", "cpus:4;mem:400", 0);
    return scene;
}

/* --- notice, grace, kill, offer -------------------------------------------------------- */

static void task_of_a_lower_role_gives_way_after_notice_and_grace(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
    assert_string_equal(notice(cluster, scene.low)->task_id, "t");
    assert_int_equal(notice(cluster, scene.low)->deadline_ms, GRACE);
    assert_non_null(strstr(notice(cluster, scene.low)->reason, "high"));
    assert_int_equal(kills(cluster, scene.agent), 0);
    cluster_pass(cluster, GRACE - 2 * SECOND);
    assert_int_equal(kills(cluster, scene.agent), 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(kills(cluster, scene.agent), 1);
    assert_non_null(strstr(
        cluster_last(cluster, scene.agent.session, MSG_KILL_TASK)->kill_task->preempted, "high"));
    assert_int_equal(cluster_offers_count(cluster, high), 0);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_KILLED, 0);
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, high)), "cpus:2;mem:100");
    assert_string_equal(cluster_offer(cluster, high)->need, "web");
    assert_int_equal(cluster_counter(cluster, "master/tasks_preempted"), 1);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 0);
    runs(cluster, high, "h", "cpus:2;mem:100", 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(cluster_counter(cluster, "master/preemptions"), 1);
}

static void without_the_flag_nothing_gives_way(void **state)
{
    CLUSTER(NULL);
    struct scene scene = full_scene(cluster);

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
    assert_int_equal(kills(cluster, scene.agent), 0);
}

static void without_the_flag_setting_a_priority_says_that_it_does_nothing(void **state)
{
    CLUSTER(NULL);
    struct msg_operator_reply reply = set_priority(cluster, "high", 10);

    (void)state;
    assert_int_equal(reply.code, 200);
    assert_non_null(strstr(reply.message, "--preemption"));
}

static void who_hears_no_notice_has_no_grace(void **state)
{
    CLUSTER(&on);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node low = framework_in(cluster, "low", false);

    (void)state;
    runs(cluster, low, "t", "cpus:4;mem:400", 0);
    set_priority(cluster, "high", 10);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 0);
    assert_int_equal(kills(cluster, agent), 1);
}

static int64_t deadline_of(struct cluster *cluster, int64_t grace_ms)
{
    const struct kill_policy policy = {.grace_ms = grace_ms};
    struct node low;
    struct task_info task;

    cluster_agent(cluster, "cpus:4;mem:400");
    set_priority(cluster, "high", 10);
    low = framework_in(cluster, "low", true);
    task = cluster_task(cluster, "t", cluster_offer(cluster, low)->agent_id, "cpus:4;mem:400");
    task.preemption_policy = &policy;
    runs_task(cluster, low, &task);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    return notice(cluster, low)->deadline_ms;
}

static void task_may_ask_for_a_longer_grace(void **state)
{
    CLUSTER(&on);

    (void)state;
    assert_int_equal(deadline_of(cluster, 100 * SECOND), 100 * SECOND);
}

static void grace_is_bounded(void **state)
{
    CLUSTER(&on);

    (void)state;
    assert_int_equal(deadline_of(cluster, HOUR), 300 * SECOND);
}

static void task_may_ask_for_no_grace(void **state)
{
    CLUSTER(&on);

    (void)state;
    assert_int_equal(deadline_of(cluster, 0), 0);
}

static void framework_may_end_the_task_itself_sooner(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 5 * SECOND);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_FINISHED, 0);
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    assert_int_equal(kills(cluster, scene.agent), 0);
}

static void framework_that_comes_back_is_told_again(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    static const char *const capabilities[] = {"PREEMPTION_NOTICE"};
    const char *role = "low";
    struct node again;

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    cluster_close(cluster, scene.low.session);
    cluster_pass(cluster, 10 * SECOND);
    again = cluster_subscribe(cluster, (struct framework_info){.id = scene.low.id,
                                                               .name = "low",
                                                               .roles = &role,
                                                               .roles_count = 1,
                                                               .capabilities = capabilities,
                                                               .capabilities_count = 1});
    assert_int_equal(notices(cluster, again), 1);
    assert_in_range(notice(cluster, again)->deadline_ms, 18 * SECOND, 20 * SECOND);
}

/* --- who gives way ----------------------------------------------------------------------- */

static void equal_priority_takes_nothing(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);

    (void)state;
    set_priority(cluster, "low", 10);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void role_without_a_priority_has_that_of_the_role_above(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);

    (void)state;
    needy_in(cluster, "high/web", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
}

static void within_a_role_lower_tasks_give_way(void **state)
{
    CLUSTER(&on);
    struct node low;

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    low = framework_in(cluster, "ads", true);
    runs(cluster, low, "a", "cpus:2;mem:200", 1);
    cluster_agent(cluster, "cpus:4;mem:400");
    runs(cluster, low, "b", "cpus:4;mem:400", 5);
    cluster_agent(cluster, "cpus:2;mem:200");
    runs(cluster, low, "c", "cpus:2;mem:200", 0);
    needy_in(cluster, "ads", "cpus:2;mem:200", 1, 1);
    cluster_pass(cluster, 2 * SECOND);
    /* "a" is on an agent with room. */
    assert_int_equal(notices(cluster, low), 0);
    needy_in(cluster, "ads", "cpus:2;mem:200", 1, 1);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    assert_string_equal(notice(cluster, low)->task_id, "c");
}

static void task_has_at_least_the_priority_of_its_need(void **state)
{
    CLUSTER(&on);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node low = framework_in(cluster, "ads", true), high;

    (void)state;
    runs(cluster, low, "t", "cpus:4;mem:400", 0);
    high = needy_in(cluster, "ads", "cpus:4;mem:400", 1, 2);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    cluster_status(cluster, agent, low.id, "t", TASK_FINISHED, 0);
    runs(cluster, high, "h", "cpus:4;mem:400", 0);
    assert_int_equal(cluster_last(cluster, agent.session, MSG_RUN_TASK)->run_task->task->priority,
                     2);
    /* So its victim cannot drive it out in turn. */
    needs(cluster, low, "ads", "cpus:4;mem:400", 1, 2);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, high), 0);
}

static void role_takes_back_what_it_is_guaranteed(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);

    (void)state;
    set_priority(cluster, "low", 100); /* guarantees come before priorities */
    set_quota(cluster, "ads", "cpus:2;mem:100", NULL);
    needy_in(cluster, "ads", "cpus:2;mem:100", 2, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 1);
}

static void guarantee_takes_no_more_than_it_lacks(void **state)
{
    CLUSTER(&on);
    struct node low;

    (void)state;
    for (int i = 0; i < 3; i++)
        cluster_agent(cluster, "cpus:2;mem:200");
    low = framework_in(cluster, "low", true);
    for (int i = 0; i < 3; i++) {
        const char *offer = arena_printf(cluster->arena, "M-O%d", i);
        const char *agent = arena_printf(cluster->arena, "M-S%d", i);
        struct task_info task =
            cluster_task(cluster, arena_printf(cluster->arena, "t%d", i), agent, "cpus:2;mem:200");

        cluster_accept(cluster, low, offer, &task, 1, HOUR);
    }
    set_quota(cluster, "ads", "cpus:5;mem:500", NULL);
    needy_in(cluster, "ads", "cpus:2;mem:200", 3, 0);
    cluster_pass(cluster, 20 * SECOND);
    assert_int_equal(notices(cluster, low), 2);
}

static void nobody_is_pushed_below_its_guarantee(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);

    (void)state;
    set_quota(cluster, "low", "cpus:3", NULL);
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void what_is_held_beyond_a_guarantee_gives_way(void **state)
{
    CLUSTER(&on);
    struct node low;
    struct task_info tasks[2];

    (void)state;
    cluster_agent(cluster, "cpus:4;mem:400");
    set_priority(cluster, "high", 10);
    low = framework_in(cluster, "low", true);
    tasks[0] = cluster_task(cluster, "a", "M-S0", "cpus:2;mem:200");
    tasks[1] = cluster_task(cluster, "b", "M-S0", "cpus:2;mem:200");
    cluster_accept(cluster, low, cluster_offer(cluster, low)->id, tasks, 2, HOUR);
    set_quota(cluster, "low", "cpus:2;mem:100", NULL);
    needy_in(cluster, "high", "cpus:2;mem:100", 2, 0);
    cluster_pass(cluster, 20 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
}

static void below_a_common_limit_one_gives_way_to_the_other(void **state)
{
    CLUSTER(&on);
    struct node low;

    (void)state;
    set_quota(cluster, "eng", NULL, "cpus:4;mem:400");
    cluster_agent(cluster, "cpus:8;mem:800");
    low = framework_in(cluster, "eng/low", true);
    runs(cluster, low, "t", "cpus:4;mem:400", 0);
    set_priority(cluster, "eng/high", 1);
    needy_in(cluster, "eng/high", "cpus:4;mem:400", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
}

static void nobody_gives_way_for_what_the_role_may_not_have(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);

    (void)state;
    set_quota(cluster, "high", NULL, "cpus:1;mem:100");
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void nobody_gives_way_when_that_would_not_be_enough(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);

    (void)state;
    needy_in(cluster, "high", "cpus:5;mem:100", 1, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void as_few_as_possible_give_way(void **state)
{
    CLUSTER(&on);
    struct node low;
    struct task_info tasks[3];

    (void)state;
    cluster_agent(cluster, "cpus:7;mem:700");
    set_priority(cluster, "high", 10);
    low = framework_in(cluster, "low", true);
    tasks[0] = cluster_task(cluster, "small", "M-S0", "cpus:1;mem:100");
    tasks[1] = cluster_task(cluster, "large", "M-S0", "cpus:4;mem:400");
    tasks[2] = cluster_task(cluster, "other", "M-S0", "cpus:2;mem:200");
    tasks[1].priority = 1;
    tasks[2].priority = 2;
    cluster_accept(cluster, low, cluster_offer(cluster, low)->id, tasks, 3, HOUR);
    /* The small one comes first and is not needed then. */
    needy_in(cluster, "high", "cpus:4;mem:400", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    assert_string_equal(notice(cluster, low)->task_id, "large");
}

static void of_equal_tasks_the_youngest_gives_way(void **state)
{
    CLUSTER(&on);
    struct node low;

    (void)state;
    cluster_agent(cluster, "cpus:1;mem:100");
    low = framework_in(cluster, "low", true);
    runs(cluster, low, "old", "cpus:1;mem:100", 0);
    cluster_pass(cluster, SECOND);
    cluster_agent(cluster, "cpus:1;mem:100");
    runs(cluster, low, "young", "cpus:1;mem:100", 0);
    set_priority(cluster, "high", 10);
    needy_in(cluster, "high", "cpus:1;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_string_equal(notice(cluster, low)->task_id, "young");
}

static void revocable_tasks_give_way_to_anybody(void **state)
{
    CLUSTER(&on);
    struct node low;

    (void)state;
    cluster_agent(cluster, "cpus:2;cpus{REV}:4;mem:400");
    low = framework_in(cluster, "low", true);
    runs(cluster, low, "t", "cpus{REV}:4;mem:400", 5);
    needy_in(cluster, "low", "cpus:1;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
    assert_non_null(strstr(notice(cluster, low)->reason, "revocable"));
}

static void who_holds_an_offer_that_would_do_takes_nothing(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high;

    (void)state;
    cluster_framework_says(cluster, scene.low.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_agent(cluster, "cpus:4;mem:400");
    high = framework_in(cluster, "high", true);
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    needs(cluster, high, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 20 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void need_without_end_takes_nothing_by_priority(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 0, 0);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void who_states_no_need_takes_nothing(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);

    (void)state;
    framework_in(cluster, "high", true);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

/* --- when it stops ------------------------------------------------------------------------- */

static void notice_is_withdrawn_when_there_is_room_elsewhere(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_agent(cluster, "cpus:4;mem:400");
    assert_int_equal(cluster_offers_count(cluster, high), 1);
    assert_int_equal(notices(cluster, scene.low), 2);
    assert_true(notice(cluster, scene.low)->withdrawn);
    cluster_pass(cluster, GRACE);
    assert_int_equal(kills(cluster, scene.agent), 0);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_withdrawn"), 1);
}

static void notice_is_withdrawn_when_nobody_wants_it_any_more(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_framework_says(cluster, high.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    assert_true(notice(cluster, scene.low)->withdrawn);
    cluster_pass(cluster, GRACE);
    assert_int_equal(kills(cluster, scene.agent), 0);
}

static void notice_is_withdrawn_when_something_else_is_needed(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    needs(cluster, high, "high", "cpus:2;mem:100", 1, 0);
    assert_int_equal(notices(cluster, scene.low), 1);
    needs(cluster, high, "high", "cpus:4;mem:100", 1, 0);
    assert_int_equal(notices(cluster, scene.low), 2);
    assert_true(notice(cluster, scene.low)->withdrawn);
}

static void notice_is_withdrawn_when_the_framework_leaves(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_close(cluster, high.session);
    assert_true(notice(cluster, scene.low)->withdrawn);
}

static void lost_agent_ends_it_and_the_kill_stands(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct agent_task report;
    struct node back;

    (void)state;
    needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND + GRACE);
    assert_int_equal(kills(cluster, scene.agent), 1);
    cluster_close(cluster, scene.agent.session);
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 0);
    report = cluster_report(cluster, scene.low.id, "t", "cpus:4;mem:400", TASK_RUNNING);
    back = cluster_agent_back(cluster, scene.agent.id, "cpus:4;mem:400", &report, 1);
    assert_int_equal(kills(cluster, back), 1);
    assert_string_not_equal(
        cluster_last(cluster, back.session, MSG_KILL_TASK)->kill_task->preempted, "");
}

/* --- what is freed ---------------------------------------------------------------------------- */

static void what_is_freed_is_held_for_the_one_it_was_freed_for(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node other = framework_in(cluster, "other", true);
    struct node high = needy_in(cluster, "high", "cpus:3;mem:300", 1, 0);
    size_t others;

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_FINISHED, 0);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, high)), "cpus:3;mem:300");
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, other)), "cpus:1;mem:100");
    /* It does not answer: then it is for all. */
    others = cluster_offers_count(cluster, other) + cluster_offers_count(cluster, scene.low);
    cluster_pass(cluster, 31 * SECOND);
    assert_int_equal(cluster_count(cluster, high.session, MSG_RESCIND), 1);
    assert_true(cluster_offers_count(cluster, other) + cluster_offers_count(cluster, scene.low) >
                others);
}

static void what_is_free_already_is_held_too(void **state)
{
    CLUSTER(&on);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct node low = framework_in(cluster, "low", true), high;

    (void)state;
    runs(cluster, low, "t", "cpus:2;mem:400", 0);
    cluster_framework_says(cluster, low.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    set_priority(cluster, "high", 10);
    high = needy_in(cluster, "high", "cpus:4;mem:100", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    cluster_framework_says(cluster, low.session, MESSAGE(REVIVE, revive, .roles = NULL));
    cluster_pass(cluster, SECOND);
    assert_int_equal(cluster_offers_count(cluster, low), 1);
    cluster_status(cluster, agent, low.id, "t", TASK_KILLED, 0);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, high)), "cpus:4;mem:100");
}

static void who_declines_what_was_freed_is_held_off(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:4;mem:400", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_FINISHED, 0);
    cluster_decline(cluster, high, cluster_offer(cluster, high)->id, 10);
    /* The victim takes its place again; nobody drives it out for a minute. */
    runs(cluster, scene.low, "t2", "cpus:4;mem:400", 0);
    cluster_pass(cluster, 50 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 1);
    cluster_pass(cluster, 30 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 2);
}

static void who_has_declined_what_would_do_takes_nothing(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high;

    (void)state;
    cluster_framework_says(cluster, scene.low.session, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    cluster_agent(cluster, "cpus:4;mem:400");
    high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    cluster_decline(cluster, high, cluster_offer(cluster, high)->id, HOUR);
    cluster_pass(cluster, 120 * SECOND);
    assert_int_equal(notices(cluster, scene.low), 0);
}

static void role_loses_no_more_than_so_many_in_so_much_time(void **state)
{
    CLUSTER((&(struct master_settings){.preemption = true,
                                       .preemption_grace_ms = -1,
                                       .preemption_count = 2,
                                       .preemption_per_ms = 60 * SECOND}));
    struct node low, agents[5];

    (void)state;
    for (int i = 0; i < 5; i++)
        agents[i] = cluster_agent(cluster, "cpus:1;mem:100");
    low = framework_in(cluster, "low", true);
    for (int i = 0; i < 5; i++) {
        const char *offer = arena_printf(cluster->arena, "M-O%d", i);
        const char *id = arena_printf(cluster->arena, "t%d", i);
        struct task_info task = cluster_task(cluster, id, agents[i].id, "cpus:1;mem:100");

        cluster_accept(cluster, low, offer, &task, 1, HOUR);
    }
    set_priority(cluster, "high", 1);
    needy_in(cluster, "high", "cpus:1;mem:100", 5, 0);
    cluster_pass(cluster, 10 * SECOND);
    assert_int_equal(notices(cluster, low), 2);
    cluster_pass(cluster, 40 * SECOND);
    assert_int_equal(notices(cluster, low), 3);
}

/* Two that would both drive the other out if they could: it ends. */
static void preemption_ends_while_demand_stays_as_it_is(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:4;mem:400", 1, 0);

    (void)state;
    cluster_pass(cluster, 2 * SECOND);
    cluster_status(cluster, scene.agent, scene.low.id, "t", TASK_FINISHED, 0);
    runs(cluster, high, "h", "cpus:4;mem:400", 0);
    needs(cluster, scene.low, "low", "cpus:4;mem:400", 1, 1000);
    cluster_pass(cluster, HOUR);
    assert_int_equal(cluster_counter(cluster, "master/preemptions"), 1);
}

/* --- what operators set and see ------------------------------------------------------------------ */

static void priority_is_kept_and_outlives_the_master(void **state)
{
    CLUSTER(&on);
    const struct master_settings after = {.id = "N", .epoch = CLUSTER_EPOCH, .preemption = true};
    struct node low;

    (void)state;
    assert_int_equal(set_priority(cluster, "high", -7).code, 200);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_ROLE)->kept_role->priority, -7);
    assert_int_equal(cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role->priority, -7);
    assert_int_equal(set_priority(cluster, "high", 7).code, 200);
    cluster_restart(cluster, &after);
    cluster_agent(cluster, "cpus:4;mem:400");
    low = framework_in(cluster, "low", true);
    runs(cluster, low, "t", "cpus:4;mem:400", 0);
    needy_in(cluster, "high", "cpus:4;mem:400", 1, 0);
    cluster_pass(cluster, 2 * SECOND);
    assert_int_equal(notices(cluster, low), 1);
}

static void priority_that_cannot_be_written_is_not_set(void **state)
{
    CLUSTER(&on);

    (void)state;
    cluster->store_fails = "disk full";
    assert_int_equal(set_priority(cluster, "high", 1).code, 503);
    assert_null(cluster_last(cluster, 0, MSG_CHANGE_ROLE));
}

static void priority_and_quota_of_a_role_leave_each_other_alone(void **state)
{
    CLUSTER(&on);
    const struct msg_change_role *role;

    (void)state;
    set_priority(cluster, "ads", 3);
    set_quota(cluster, "ads", NULL, "cpus:4");
    set_priority(cluster, "ads", 4);
    role = cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role;
    assert_int_equal(role->priority, 4);
    assert_int_equal(role->limits_count, 1);
    cluster_operator(cluster, MESSAGE(OPERATOR_SET_PRIORITY, operator_set_priority, .role = "ads",
                                      .unset = true));
    role = cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role;
    assert_false(role->has_priority);
    assert_int_equal(role->limits_count, 1);
}

static void priorities_of_several_roles_are_set_together_or_not_at_all(void **state)
{
    CLUSTER(&on);
    struct role_policy roles[] = {{.role = "a", .priority = 3, .has_priority = true},
                                  {.role = "b", .priority = -2, .has_priority = true}};
    struct message call = MESSAGE(OPERATOR_SET_ROLES, operator_set_roles, .is_priority = true,
                                  .roles = roles, .roles_count = 2);

    (void)state;
    set_quota(cluster, "a", NULL, "cpus:4");
    assert_int_equal(cluster_operator(cluster, call).code, 200);
    assert_int_equal(cluster_last(cluster, 0, MSG_CHANGE_ROLE)->change_role->priority, -2);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_ROLES)->kept_roles->roles[0].priority, 3);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_ROLES)->kept_roles->roles[0].limits_count, 1);
    roles[1].role = "a";
    assert_int_equal(cluster_operator(cluster, call).code, 400);
    roles[1] = (struct role_policy){.role = "c", .priority = 9999999, .has_priority = true};
    assert_int_equal(cluster_operator(cluster, call).code, 400);
}

static void wrong_priorities_are_refused(void **state)
{
    CLUSTER(&on);
    struct node framework = cluster_framework(cluster, NULL);
    struct node agent = cluster_agent(cluster, "cpus:4;mem:400");
    struct task_info task = cluster_task(cluster, "t", agent.id, "cpus:1;mem:100");

    (void)state;
    assert_int_equal(set_priority(cluster, "ads", 1000001).code, 400);
    assert_int_equal(set_priority(cluster, "a//b", 1).code, 400);
    task.priority = -1000001;
    runs_task(cluster, framework, &task);
    assert_update(cluster, framework, "t", TASK_ERROR, REASON_TASK_INVALID);
}

static const char *explain(struct cluster *cluster, struct node framework)
{
    return cluster_operator(cluster,
                            MESSAGE(OPERATOR_EXPLAIN, operator_explain, .framework = framework.id))
        .message;
}

static void people_are_told_what_is_under_way(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node high = needy_in(cluster, "high", "cpus:2;mem:100", 1, 0);
    const struct msg_change_task_status *change;

    (void)state;
    cluster_pass(cluster, 10 * SECOND);
    assert_non_null(strstr(explain(cluster, high),
                           "need web: cpus:2;mem:100 are being preempted on agent M-S0: 1 tasks "
                           "have notice for 2"));
    assert_non_null(
        strstr(explain(cluster, scene.low), "task t on agent M-S0 gives way to role high, in 2"));
    change = cluster_last(cluster, 0, MSG_CHANGE_TASK_STATUS)->change_task_status;
    assert_string_equal(change->task_id, "t");
    assert_string_equal(change->preempt->role, "high");
    assert_int_equal(cluster_counter(cluster, "master/preemptions_pending"), 1);
}

static void people_are_told_why_nothing_gives_way(void **state)
{
    CLUSTER(&on);
    struct scene scene = full_scene(cluster);
    struct node needy = needy_in(cluster, "low", "cpus:2;mem:100", 1, 0);

    (void)state;
    (void)scene;
    cluster_pass(cluster, 10 * SECOND);
    assert_non_null(strstr(explain(cluster, needy), "nothing is preempted for it: no guarantee"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_of_a_lower_role_gives_way_after_notice_and_grace),
        cmocka_unit_test(without_the_flag_nothing_gives_way),
        cmocka_unit_test(without_the_flag_setting_a_priority_says_that_it_does_nothing),
        cmocka_unit_test(who_hears_no_notice_has_no_grace),
        cmocka_unit_test(task_may_ask_for_a_longer_grace),
        cmocka_unit_test(grace_is_bounded),
        cmocka_unit_test(task_may_ask_for_no_grace),
        cmocka_unit_test(framework_may_end_the_task_itself_sooner),
        cmocka_unit_test(framework_that_comes_back_is_told_again),
        cmocka_unit_test(equal_priority_takes_nothing),
        cmocka_unit_test(role_without_a_priority_has_that_of_the_role_above),
        cmocka_unit_test(within_a_role_lower_tasks_give_way),
        cmocka_unit_test(task_has_at_least_the_priority_of_its_need),
        cmocka_unit_test(role_takes_back_what_it_is_guaranteed),
        cmocka_unit_test(guarantee_takes_no_more_than_it_lacks),
        cmocka_unit_test(nobody_is_pushed_below_its_guarantee),
        cmocka_unit_test(what_is_held_beyond_a_guarantee_gives_way),
        cmocka_unit_test(below_a_common_limit_one_gives_way_to_the_other),
        cmocka_unit_test(nobody_gives_way_for_what_the_role_may_not_have),
        cmocka_unit_test(nobody_gives_way_when_that_would_not_be_enough),
        cmocka_unit_test(as_few_as_possible_give_way),
        cmocka_unit_test(of_equal_tasks_the_youngest_gives_way),
        cmocka_unit_test(revocable_tasks_give_way_to_anybody),
        cmocka_unit_test(who_holds_an_offer_that_would_do_takes_nothing),
        cmocka_unit_test(need_without_end_takes_nothing_by_priority),
        cmocka_unit_test(who_states_no_need_takes_nothing),
        cmocka_unit_test(notice_is_withdrawn_when_there_is_room_elsewhere),
        cmocka_unit_test(notice_is_withdrawn_when_nobody_wants_it_any_more),
        cmocka_unit_test(notice_is_withdrawn_when_something_else_is_needed),
        cmocka_unit_test(notice_is_withdrawn_when_the_framework_leaves),
        cmocka_unit_test(lost_agent_ends_it_and_the_kill_stands),
        cmocka_unit_test(what_is_freed_is_held_for_the_one_it_was_freed_for),
        cmocka_unit_test(what_is_free_already_is_held_too),
        cmocka_unit_test(who_declines_what_was_freed_is_held_off),
        cmocka_unit_test(who_has_declined_what_would_do_takes_nothing),
        cmocka_unit_test(role_loses_no_more_than_so_many_in_so_much_time),
        cmocka_unit_test(preemption_ends_while_demand_stays_as_it_is),
        cmocka_unit_test(priority_is_kept_and_outlives_the_master),
        cmocka_unit_test(priority_that_cannot_be_written_is_not_set),
        cmocka_unit_test(priority_and_quota_of_a_role_leave_each_other_alone),
        cmocka_unit_test(priorities_of_several_roles_are_set_together_or_not_at_all),
        cmocka_unit_test(wrong_priorities_are_refused),
        cmocka_unit_test(people_are_told_what_is_under_way),
        cmocka_unit_test(people_are_told_why_nothing_gives_way),
    };

    return cmocka_run_group_tests_name("preempt", tests, NULL, NULL);
}
