/* tests/unit/test_master_maintenance.c - maintenance windows. */
#include "tests/unit/maintenance_scene.h"

#include <string.h>

#include "master/core/maintenance.h"

static const struct master_settings ten_minutes = {.maintenance_notice_ms = 10 * MINUTE};

static int64_t start(struct cluster *cluster, const char *id)
{
    return cluster_operator(
               cluster, MESSAGE(OPERATOR_START_MAINTENANCE, operator_start_maintenance, .id = id))
        .code;
}

static int64_t stop(struct cluster *cluster, const char *id, const char *agent)
{
    return cluster_operator(cluster,
                            MESSAGE(OPERATOR_STOP_MAINTENANCE, operator_stop_maintenance, .id = id,
                                    .agents = &agent, .agents_count = agent != NULL))
        .code;
}

static const struct msg_change_agent *change(const struct cluster *cluster)
{
    return cluster_last(cluster, 0, MSG_CHANGE_AGENT)->change_agent;
}

static void set_clock(struct cluster *cluster, int64_t by_ms)
{
    cluster->now.wall_us += by_ms * US_PER_MS;
}

/* Any event that changes nothing: the loop has come round. */
static void nothing_happens(struct cluster *cluster)
{
    master_on_deadline(cluster->master, cluster->now);
    cluster_pass(cluster, 1);
}

static int64_t offers_out(const struct cluster *cluster)
{
    return cluster_counter(cluster, "master/outstanding_offers");
}

/* --- scheduling ---------------------------------------------------------------------- */

static void window_is_kept_before_it_is_answered(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    cluster->is_store_slow = true;
    assert_int_equal(maintenance_schedule(cluster, "w", agent.id, HOUR, HOUR), 0);
    assert_int_equal(cluster_counter(cluster, "master/maintenance_windows"), 0);
    cluster_answer_records(cluster);
    assert_int_equal(cluster->reply.code, 200);
    assert_non_null(strstr(cluster->reply.message, "names 1 agents, of which 1 are known"));
    assert_int_equal(cluster_counter(cluster, "master/maintenance_windows"), 1);
    assert_int_equal(maintenance_state(cluster), WINDOW_SCHEDULED);
    assert_int_equal(change(cluster)->unavailability->duration_ms, HOUR);
    assert_string_equal(change(cluster)->unavailability->window_id, "w");
    assert_false(change(cluster)->down);
    assert_true(change(cluster)->active);
}

static void window_that_is_not_kept_is_none(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    cluster->store_fails = "the disk is full";
    assert_int_equal(maintenance_schedule(cluster, "w", agent.id, HOUR, HOUR), 503);
    assert_int_equal(cluster_counter(cluster, "master/maintenance_windows"), 0);
    cluster->store_fails = NULL;
    cluster_pass(cluster, MINUTE);
    /* It may be on disk all the same. */
    assert_non_null(cluster_record(cluster, MSG_DROP_WINDOW));
}

static void offers_are_made_anew_with_the_window(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);
    size_t offers = cluster_offers_count(cluster, scene.framework);

    (void)state;
    assert_null(cluster_offer(cluster, scene.framework)->unavailability);
    maintenance_schedule(cluster, "w", scene.agent.id, HOUR, 2 * HOUR);
    assert_int_equal(cluster_count(cluster, scene.framework.session, MSG_RESCIND), 1);
    assert_int_equal(cluster_offers_count(cluster, scene.framework), offers + 1);
    assert_string_equal(cluster_offer(cluster, scene.framework)->unavailability->reason,
                        "new disks");
    assert_int_equal(maintenance_cancel(cluster, "w"), 200);
    assert_int_equal(cluster_offers_count(cluster, scene.framework), offers + 2);
    assert_null(cluster_offer(cluster, scene.framework)->unavailability);
    assert_null(change(cluster)->unavailability);
    assert_non_null(cluster_record(cluster, MSG_DROP_WINDOW));
    assert_int_equal(maintenance_cancel(cluster, "w"), 404);
}

static void agent_need_not_be_known_yet(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent, framework = maintenance_framework(cluster);

    (void)state;
    assert_int_equal(maintenance_schedule(cluster, "w", "host", HOUR, HOUR), 200);
    assert_non_null(strstr(cluster->reply.message, "of which 0 are known"));
    agent = cluster_agent(cluster, RESOURCES);
    assert_int_equal(cluster_offer(cluster, framework)->unavailability->duration_ms, HOUR);
    assert_string_equal(change(cluster)->agent->id, agent.id);
    assert_string_equal(change(cluster)->unavailability->window_id, "w");
}

static void windows_of_one_agent_do_not_overlap(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    assert_int_equal(maintenance_schedule(cluster, "w", agent.id, HOUR, HOUR), 200);
    assert_int_equal(maintenance_schedule(cluster, "w", agent.id, 5 * HOUR, HOUR), 409);
    assert_non_null(strstr(cluster->reply.message, "take another id, or replace it"));
    assert_int_equal(maintenance_schedule(cluster, "x", agent.id, HOUR + 30 * MINUTE, HOUR), 409);
    assert_non_null(strstr(cluster->reply.message, "is in maintenance window w at that time"));
    /* By its other name, too. */
    assert_int_equal(maintenance_schedule(cluster, "x", "host", 30 * MINUTE, 0), 409);
    assert_int_equal(maintenance_schedule(cluster, "x", "host", 30 * MINUTE, 30 * MINUTE), 200);
    assert_int_equal(maintenance_schedule(cluster, "y", agent.id, 2 * HOUR, 0), 200);
    assert_int_equal(maintenance_schedule(cluster, "z", agent.id, 100 * HOUR, HOUR), 409);
    /* Nobody is known by that name. */
    assert_int_equal(maintenance_schedule(cluster, "a", "absent", HOUR, HOUR), 200);
    assert_int_equal(maintenance_schedule(cluster, "b", "absent", HOUR, HOUR), 409);
    assert_string_equal(change(cluster)->unavailability->window_id, "x");
}

static void what_cannot_be_is_refused_with_a_word(void **state)
{
    CLUSTER(&ten_minutes);
    const char *const twice[] = {"a", "b", "a"};
    const char *none = "";

    (void)state;
    assert_int_equal(maintenance_schedule(cluster, "w", "a", -HOUR, 2 * HOUR), 400);
    assert_non_null(strstr(cluster->reply.message, "its start was 1h ago"));
    assert_int_equal(maintenance_schedule(cluster, "w", "a", -HOUR / 10, MINUTE), 400);
    assert_non_null(strstr(cluster->reply.message, "it would be over already"));
    assert_int_equal(maintenance_schedule(cluster, "w", "a", INT64_C(400000000000), MINUTE), 400);
    assert_int_equal(maintenance_schedule(cluster, "w", none, HOUR, MINUTE), 400);
    assert_int_equal(cluster_operator(cluster, MESSAGE(OPERATOR_SCHEDULE_MAINTENANCE,
                                                       operator_schedule_maintenance,
                                                       .agents = twice, .agents_count = 3))
                         .code,
                     400);
    assert_non_null(strstr(cluster->reply.message, "agent a is named twice"));
    assert_int_equal(start(cluster, "w"), 404);
    assert_int_equal(stop(cluster, "w", NULL), 404);
    assert_int_equal(cluster_records_count(cluster, MSG_KEPT_WINDOW), 0);
}

static void window_without_id_or_start_gets_one_and_begins(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    assert_int_equal(cluster_operator(cluster, MESSAGE(OPERATOR_SCHEDULE_MAINTENANCE,
                                                       operator_schedule_maintenance,
                                                       .agents = &agent.id, .agents_count = 1))
                         .code,
                     200);
    assert_non_null(strstr(cluster->reply.message, "window w-"));
    assert_true(change(cluster)->down);
    cluster_pass(cluster, 1000 * HOUR);
    assert_true(change(cluster)->down);
}

/* --- a window's life -------------------------------------------------------------------- */

static void window_begins_drains_and_ends_by_itself(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);
    const struct msg_kill_task *kill;

    (void)state;
    maintenance_schedule(cluster, "w", scene.agent.id, HOUR, 2 * HOUR);
    cluster_pass(cluster, HOUR - 11 * MINUTE);
    assert_int_equal(maintenance_state(cluster), WINDOW_SCHEDULED);
    cluster_pass(cluster, MINUTE);
    assert_int_equal(maintenance_state(cluster), WINDOW_ANNOUNCED);
    assert_int_equal(cluster_count(cluster, scene.agent.session, MSG_KILL_TASK), 0);
    cluster_pass(cluster, 10 * MINUTE);
    assert_int_equal(maintenance_state(cluster), WINDOW_DOWN);
    kill = cluster_last(cluster, scene.agent.session, MSG_KILL_TASK)->kill_task;
    assert_string_equal(kill->task_id, "t1");
    assert_int_equal(kill->drain->max_grace_ms, 7000);
    assert_int_equal(offers_out(cluster), 0);
    assert_true(change(cluster)->down);
    assert_false(change(cluster)->active);
    assert_int_equal(cluster_counter(cluster, "master/slaves_in_maintenance"), 1);
    cluster_status(cluster, scene.agent, scene.framework.id, "t1", TASK_KILLED, 0);
    cluster_acknowledge(cluster, scene.framework, "t1");
    cluster_pass(cluster, 2 * HOUR - SECOND);
    assert_int_equal(offers_out(cluster), 0);
    cluster_pass(cluster, SECOND);
    assert_int_equal(maintenance_state(cluster), WINDOW_OVER);
    assert_false(change(cluster)->down);
    assert_true(change(cluster)->active);
    assert_null(change(cluster)->unavailability);
    assert_string_equal(cluster_offered(cluster, cluster_offer(cluster, scene.framework)),
                        RESOURCES);
    cluster_pass(cluster, 2 * HOUR);
    assert_int_equal(cluster_counter(cluster, "master/maintenance_windows"), 0);
    assert_string_equal(cluster_record(cluster, MSG_DROP_WINDOW)->drop_window->id, "w");
}

static void agent_that_comes_during_a_window_is_drained_and_not_offered(void **state)
{
    CLUSTER(&ten_minutes);
    struct node framework = maintenance_framework(cluster);
    const struct agent_task task =
        cluster_report(cluster, framework.id, "t1", "cpus:1", TASK_RUNNING);
    struct node agent;

    (void)state;
    maintenance_schedule(cluster, "w", "host", 0, HOUR);
    agent = cluster_agent_back(cluster, "A7", RESOURCES, &task, 1);
    assert_int_equal(cluster_count(cluster, agent.session, MSG_KILL_TASK), 1);
    assert_true(change(cluster)->down);
    assert_int_equal(offers_out(cluster), 0);
    cluster_pass(cluster, HOUR);
    assert_int_equal(offers_out(cluster), 1);
}

static void operator_starts_and_stops_a_window(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);

    (void)state;
    maintenance_schedule(cluster, "w", scene.agent.id, HOUR, HOUR);
    assert_int_equal(stop(cluster, "w", NULL), 409);
    assert_int_equal(start(cluster, "w"), 200);
    assert_int_equal(maintenance_state(cluster), WINDOW_DOWN);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_WINDOW)->kept_window->window->start_us,
                     cluster->now.wall_us);
    assert_int_equal(start(cluster, "w"), 200);
    assert_int_equal(maintenance_cancel(cluster, "w"), 409);
    assert_int_equal(stop(cluster, "w", NULL), 200);
    assert_true(change(cluster)->active);
    assert_int_equal(offers_out(cluster), 1);
    assert_int_equal(stop(cluster, "w", NULL), 404);
}

static void some_agents_of_a_window_are_done_earlier(void **state)
{
    CLUSTER(&ten_minutes);
    struct node one = cluster_agent(cluster, RESOURCES), two = cluster_agent(cluster, RESOURCES);
    const char *const both[] = {one.id, two.id};

    (void)state;
    cluster_operator(cluster, MESSAGE(OPERATOR_SCHEDULE_MAINTENANCE, operator_schedule_maintenance,
                                      .id = "w", .agents = both, .agents_count = 2, .force = true));
    assert_int_equal(cluster_counter(cluster, "master/slaves_in_maintenance"), 2);
    assert_int_equal(stop(cluster, "w", "host"), 400);
    assert_int_equal(stop(cluster, "w", one.id), 200);
    assert_int_equal(cluster_counter(cluster, "master/slaves_in_maintenance"), 1);
    assert_int_equal(cluster_record(cluster, MSG_KEPT_WINDOW)->kept_window->window->agents_count,
                     1);
    assert_int_equal(stop(cluster, "w", two.id), 200);
    assert_int_equal(cluster_counter(cluster, "master/maintenance_windows"), 0);
}

static void window_is_replaced_as_a_whole(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);
    struct msg_operator_schedule_maintenance call = {.id = "w",
                                                     .agents = &agent.id,
                                                     .agents_count = 1,
                                                     .start_us = cluster->now.wall_us,
                                                     .duration_ms = HOUR,
                                                     .replace = true};
    const struct message message = {.type = MSG_OPERATOR_SCHEDULE_MAINTENANCE,
                                    .operator_schedule_maintenance = &call};

    (void)state;
    assert_int_equal(cluster_operator(cluster, message).code, 404);
    assert_int_equal(maintenance_schedule(cluster, "w", agent.id, 0, 30 * MINUTE), 200);
    cluster_pass(cluster, 20 * MINUTE);
    assert_true(change(cluster)->down);
    /* It takes longer. */
    assert_int_equal(cluster_operator(cluster, message).code, 200);
    cluster_pass(cluster, 39 * MINUTE);
    assert_true(change(cluster)->down);
    cluster_pass(cluster, MINUTE);
    assert_false(change(cluster)->down);
}

static void agent_in_maintenance_cannot_be_reactivated(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    maintenance_schedule(cluster, "w", agent.id, 0, HOUR);
    assert_int_equal(
        cluster_operator(cluster, MESSAGE(OPERATOR_REACTIVATE_AGENT, operator_reactivate_agent,
                                          .agent_id = agent.id))
            .code,
        409);
    assert_non_null(strstr(cluster->reply.message, "maintenance window w"));
}

/* An operator's own drain is his to end. */
static void drained_agent_stays_drained_after_its_maintenance(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    cluster_operator(cluster,
                     MESSAGE(OPERATOR_DRAIN_AGENT, operator_drain_agent, .agent_id = agent.id));
    maintenance_schedule(cluster, "w", agent.id, 0, HOUR);
    cluster_pass(cluster, 2 * HOUR);
    assert_false(change(cluster)->active);
    assert_int_equal(
        cluster_operator(cluster, MESSAGE(OPERATOR_REACTIVATE_AGENT, operator_reactivate_agent,
                                          .agent_id = agent.id))
            .code,
        200);
    assert_true(change(cluster)->active);
}

/* --- the clock and the registry ------------------------------------------------------------ */

static void clock_that_is_set_makes_windows_begin_and_end(void **state)
{
    CLUSTER(&ten_minutes);
    struct maintenance_scene scene = maintenance_scene(cluster);

    (void)state;
    maintenance_schedule(cluster, "w", scene.agent.id, 5 * HOUR, HOUR);
    set_clock(cluster, 5 * HOUR);
    nothing_happens(cluster);
    assert_int_equal(maintenance_state(cluster), WINDOW_DOWN);
    set_clock(cluster, HOUR);
    nothing_happens(cluster);
    assert_int_equal(maintenance_state(cluster), WINDOW_OVER);
    assert_true(change(cluster)->active);
    /* That was wrong, and is set right: nothing is lost. */
    set_clock(cluster, -6 * HOUR);
    nothing_happens(cluster);
    assert_int_equal(maintenance_state(cluster), WINDOW_SCHEDULED);
    cluster_pass(cluster, 5 * HOUR);
    assert_int_equal(maintenance_state(cluster), WINDOW_DOWN);
    /* A little is no reason to begin it twice. */
    set_clock(cluster, -SECOND);
    nothing_happens(cluster);
    assert_int_equal(maintenance_state(cluster), WINDOW_DOWN);
    cluster_pass(cluster, HOUR + SECOND);
    assert_int_equal(maintenance_state(cluster), WINDOW_OVER);
}

static void clock_that_runs_fast_is_seen_within_a_minute(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    maintenance_schedule(cluster, "w", agent.id, HOUR, HOUR);
    for (int i = 0; i < 59; i++) {
        set_clock(cluster, 50);
        cluster_pass(cluster, MINUTE);
    }
    assert_int_equal(maintenance_state(cluster), WINDOW_ANNOUNCED);
    cluster_pass(cluster, MINUTE - 59 * 50);
    assert_int_equal(maintenance_state(cluster), WINDOW_DOWN);
}

static void windows_outlive_the_master(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES), framework;
    const char *id = arena_strdup(cluster->arena, agent.id);

    (void)state;
    maintenance_schedule(cluster, "now", id, 0, HOUR);
    maintenance_schedule(cluster, "later", id, 2 * HOUR, HOUR);
    maintenance_schedule(cluster, "not", id, 10 * HOUR, HOUR);
    maintenance_cancel(cluster, "not");
    cluster_pass(cluster, 10 * MINUTE);
    cluster_restart(cluster, &ten_minutes);
    assert_int_equal(cluster_counter(cluster, "master/maintenance_windows"), 2);
    framework = maintenance_framework(cluster);
    agent = cluster_agent_back(cluster, id, RESOURCES, NULL, 0);
    assert_true(change(cluster)->down);
    assert_string_equal(change(cluster)->unavailability->window_id, "now");
    assert_int_equal(cluster_offers_count(cluster, framework), 0);
    cluster_pass(cluster, 50 * MINUTE);
    assert_string_equal(cluster_offer(cluster, framework)->unavailability->window_id, "later");
    cluster_pass(cluster, HOUR);
    assert_true(change(cluster)->down);
}

static void window_that_passed_while_there_was_no_master_is_over(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);
    const char *id = arena_strdup(cluster->arena, agent.id);

    (void)state;
    maintenance_schedule(cluster, "w", id, HOUR, HOUR);
    cluster->now.wall_us += 5 * HOUR * US_PER_MS;
    cluster->now.mono_us += 5 * HOUR * US_PER_MS;
    cluster_restart(cluster, &ten_minutes);
    assert_int_equal(maintenance_state(cluster), WINDOW_OVER);
    cluster_agent_back(cluster, id, RESOURCES, NULL, 0);
    assert_true(change(cluster)->active);
}

/* Three of four are away because an operator wants it so: that is no reason to believe in a broken
 * network when the fourth is lost. */
static void agents_in_maintenance_do_not_count_as_lost_at_once(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agents[4];
    const char *ids[3];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        agents[i] = cluster_agent(cluster, RESOURCES);
    for (size_t i = 0; i < 3; i++)
        ids[i] = agents[i].id;
    cluster_operator(cluster, MESSAGE(OPERATOR_SCHEDULE_MAINTENANCE, operator_schedule_maintenance,
                                      .id = "w", .agents = ids, .agents_count = 3, .force = true));
    for (size_t i = 0; i < 4; i++)
        cluster_close(cluster, agents[i].session);
    cluster_pass(cluster, 10 * MINUTE);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 4);
    /* The same without maintenance: nobody is lost, it is the network. */
    for (size_t i = 0; i < 4; i++)
        agents[i] = cluster_agent(cluster, RESOURCES);
    for (size_t i = 0; i < 4; i++)
        cluster_close(cluster, agents[i].session);
    cluster_pass(cluster, 10 * MINUTE);
    assert_int_equal(cluster_counter(cluster, "master/slaves_unreachable"), 4);
}

/* --- how much at once ------------------------------------------------------------------------ */

/* Of those agents, in so long, for an hour. */
static struct msg_operator_reply schedule_some(struct cluster *cluster, const char *id,
                                               const struct node *agents, size_t count,
                                               int64_t in_ms, bool force)
{
    const char *ids[8];

    for (size_t i = 0; i < count; i++)
        ids[i] = agents[i].id;
    return cluster_operator(cluster,
                            MESSAGE(OPERATOR_SCHEDULE_MAINTENANCE, operator_schedule_maintenance,
                                    .id = id, .agents = ids, .agents_count = count,
                                    .start_us = cluster->now.wall_us + in_ms * US_PER_MS,
                                    .duration_ms = HOUR, .force = force));
}

static void more_than_half_of_the_agents_are_taken_down_by_force_only(void **state)
{
    CLUSTER(&ten_minutes);
    struct msg_operator_reply reply;
    struct node agents[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        agents[i] = cluster_agent(cluster, RESOURCES);
    reply = schedule_some(cluster, "w", agents, 3, HOUR, false);
    assert_int_equal(reply.code, 409);
    assert_string_equal(
        reply.message, "3 of 4 agents would be down at once, with other windows at that time; more "
                       "than 50% (--maintenance-limit) have to be forced");
    assert_int_equal(cluster_counter(cluster, "master/maintenance_windows"), 0);
    assert_int_equal(schedule_some(cluster, "w", agents, 2, HOUR, false).code, 200);
    assert_int_equal(schedule_some(cluster, "more", agents + 2, 2, HOUR, true).code, 200);
}

static void windows_at_the_same_time_count_together(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agents[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        agents[i] = cluster_agent(cluster, RESOURCES);
    assert_int_equal(schedule_some(cluster, "a", agents, 1, HOUR, false).code, 200);
    assert_int_equal(schedule_some(cluster, "b", agents + 1, 1, 2 * HOUR, false).code, 200);
    /* Over one and the other, but never both of them. */
    assert_int_equal(schedule_some(cluster, "c", agents + 2, 1, HOUR + HOUR / 2, false).code, 200);
    assert_int_equal(schedule_some(cluster, "d", agents + 3, 1, HOUR + HOUR / 2, false).code, 409);
    assert_int_equal(schedule_some(cluster, "d", agents + 3, 1, 3 * HOUR, false).code, 200);
    /* Begun by hand it would be with the others. */
    cluster_pass(cluster, HOUR + 3 * HOUR / 4);
    assert_int_equal(start(cluster, "d"), 409);
    assert_int_equal(
        cluster_operator(cluster, MESSAGE(OPERATOR_START_MAINTENANCE, operator_start_maintenance,
                                          .id = "d", .force = true))
            .code,
        200);
}

static void one_agent_may_always_be_taken_down(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);

    (void)state;
    assert_int_equal(schedule_some(cluster, "w", &agent, 1, HOUR, false).code, 200);
}

static void how_many_may_be_down_at_once_is_a_setting(void **state)
{
    CLUSTER((&(struct master_settings){.maintenance_limit = 100}));
    struct node agents[2];

    (void)state;
    for (size_t i = 0; i < 2; i++)
        agents[i] = cluster_agent(cluster, RESOURCES);
    assert_int_equal(schedule_some(cluster, "w", agents, 2, HOUR, false).code, 200);
}

/* --- who gets what -------------------------------------------------------------------------- */

static void need_of_some_time_is_not_offered_an_agent_with_maintenance_before(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES), framework;
    struct need_info need = {.name = "long", .count = 1, .min_available_ms = 2 * HOUR};
    const struct role_needs role = {.role = "*", .needs = &need, .needs_count = 1};

    (void)state;
    need.minimum = cluster_resources(cluster, "cpus:1", &need.minimum_count);
    maintenance_schedule(cluster, "w", agent.id, HOUR, HOUR);
    framework = maintenance_framework(cluster);
    cluster_decline(cluster, framework, cluster_offer(cluster, framework)->id, 0);
    cluster_forget(cluster);
    cluster_framework_says(cluster, framework.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
    cluster_pass(cluster, 10 * MINUTE);
    assert_int_equal(cluster_offers_count(cluster, framework), 0);
    cluster_operator(cluster,
                     MESSAGE(OPERATOR_EXPLAIN, operator_explain, .framework = framework.id));
    assert_non_null(strstr(cluster->reply.message,
                           "1 of 1 agents: with maintenance too soon for any open need: the first "
                           "in 50m"));
    /* The clock was wrong: there is time. */
    set_clock(cluster, -5 * HOUR);
    nothing_happens(cluster);
    assert_int_equal(cluster_offers_count(cluster, framework), 1);
}

static void explain_tells_of_agents_in_maintenance(void **state)
{
    CLUSTER(&ten_minutes);
    struct node agent = cluster_agent(cluster, RESOURCES);
    struct node framework = maintenance_framework(cluster);

    (void)state;
    maintenance_schedule(cluster, "w", agent.id, 0, 2 * HOUR);
    cluster_operator(cluster,
                     MESSAGE(OPERATOR_EXPLAIN, operator_explain, .framework = framework.id));
    assert_non_null(strstr(cluster->reply.message,
                           "1 of 1 agents: in maintenance, from 1970-01-01 00:33:20 UTC for 2h "
                           "(window w: new disks)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_is_kept_before_it_is_answered),
        cmocka_unit_test(window_that_is_not_kept_is_none),
        cmocka_unit_test(offers_are_made_anew_with_the_window),
        cmocka_unit_test(agent_need_not_be_known_yet),
        cmocka_unit_test(windows_of_one_agent_do_not_overlap),
        cmocka_unit_test(what_cannot_be_is_refused_with_a_word),
        cmocka_unit_test(window_without_id_or_start_gets_one_and_begins),
        cmocka_unit_test(window_begins_drains_and_ends_by_itself),
        cmocka_unit_test(agent_that_comes_during_a_window_is_drained_and_not_offered),
        cmocka_unit_test(operator_starts_and_stops_a_window),
        cmocka_unit_test(some_agents_of_a_window_are_done_earlier),
        cmocka_unit_test(window_is_replaced_as_a_whole),
        cmocka_unit_test(agent_in_maintenance_cannot_be_reactivated),
        cmocka_unit_test(drained_agent_stays_drained_after_its_maintenance),
        cmocka_unit_test(clock_that_is_set_makes_windows_begin_and_end),
        cmocka_unit_test(clock_that_runs_fast_is_seen_within_a_minute),
        cmocka_unit_test(windows_outlive_the_master),
        cmocka_unit_test(window_that_passed_while_there_was_no_master_is_over),
        cmocka_unit_test(agents_in_maintenance_do_not_count_as_lost_at_once),
        cmocka_unit_test(more_than_half_of_the_agents_are_taken_down_by_force_only),
        cmocka_unit_test(windows_at_the_same_time_count_together),
        cmocka_unit_test(one_agent_may_always_be_taken_down),
        cmocka_unit_test(how_many_may_be_down_at_once_is_a_setting),
        cmocka_unit_test(need_of_some_time_is_not_offered_an_agent_with_maintenance_before),
        cmocka_unit_test(explain_tells_of_agents_in_maintenance),
    };

    return cmocka_run_group_tests_name("master_maintenance", tests, NULL, NULL);
}
