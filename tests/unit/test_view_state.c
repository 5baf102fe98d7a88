/* The documents, key by key: what tools that were made for Mesos look for is there, in the form
 * they expect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/replica_fixture.h"

#define FW    "M-0000"
#define AGENT "M-S0"

static void json_done(json_t **root_p)
{
    json_decref(*root_p);
}

static struct replica *some_cluster(struct publisher *core)
{
    struct replica *replica = replica_new();

    *core = replaying(replica);
    say_master(core);
    say_agent(core, AGENT);
    say_framework(core, FW, "marathon");
    say_task(core, FW, "web.1", AGENT, "cpus:1;mem:128;ports:[31000-31000]");
    say_status(core, FW, "web.1", TASK_STARTING);
    say_status(core, FW, "web.1", TASK_RUNNING);
    say_status(core, FW, "web.1", TASK_RUNNING);
    say_offer(core, "M-O0", FW, AGENT, "cpus:0.5;mem:64;ports:[31001-31003]");
    return replica;
}

static json_t *some_state(void)
{
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);

    return state_of(replica);
}

static void must_have(const json_t *object, const char *const *keys)
{
    for (; *keys; keys++)
        at(object, *keys);
}

static json_t *state_of_drained(const struct drain_info *drain)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    struct publisher core = replaying(replica);
    const struct agent_info info = {
        .id = AGENT, .hostname = "a1", .address = "10.0.0.2:5051", .version = "0.1.0"};

    say_master(&core);
    say(&core, MESSAGE(CHANGE_AGENT, change_agent, .agent = &info, .connected = true,
                       .registered_us = 200000000, .drain = drain));
    return state_of(replica);
}

static void agent_that_is_drained_is_shown_as_mesos_shows_it(void **state)
{
    CLEANUP(json_done)
    json_t *draining = state_of_drained(
        &(struct drain_info){.since_us = 300000000, .max_grace_ms = 1500, .mark_gone = true});
    CLEANUP(json_done) json_t *drained = state_of_drained(&(struct drain_info){.drained = true});
    CLEANUP(json_done) json_t *plain = some_state();

    (void)state;
    assert_string_equal(text_at(draining, "slaves.0.drain_info.state"), "DRAINING");
    assert_true(number_at(draining, "slaves.0.drain_info.config.max_grace_period.nanoseconds") ==
                1.5e9);
    assert_true(json_is_true(at(draining, "slaves.0.drain_info.config.mark_gone")));
    assert_true(number_at(draining, "slaves.0.estimated_drain_start_time_seconds") == 300);
    assert_true(json_is_true(at(draining, "slaves.0.deactivated")));
    assert_true(json_is_false(at(draining, "slaves.0.active")));
    assert_string_equal(text_at(drained, "slaves.0.drain_info.state"), "DRAINED");
    assert_null(json_object_get(at(drained, "slaves.0.drain_info.config"), "max_grace_period"));
    assert_null(json_object_get(at(plain, "slaves.0"), "drain_info"));
    assert_true(json_is_false(at(plain, "slaves.0.deactivated")));
}

static void every_key_of_mesos_is_there(void **state)
{
    static const char *const top[] = {"version",
                                      "build_date",
                                      "build_time",
                                      "build_user",
                                      "start_time",
                                      "elected_time",
                                      "id",
                                      "pid",
                                      "hostname",
                                      "capabilities",
                                      "activated_slaves",
                                      "deactivated_slaves",
                                      "leader",
                                      "leader_info.id",
                                      "leader_info.pid",
                                      "leader_info.port",
                                      "unreachable_slaves",
                                      "leader_info.hostname",
                                      "cluster",
                                      "flags",
                                      "slaves",
                                      "recovered_slaves",
                                      "frameworks",
                                      "completed_frameworks",
                                      "orphan_tasks",
                                      "unregistered_frameworks",
                                      NULL};
    static const char *const slave[] = {"id",
                                        "hostname",
                                        "port",
                                        "attributes",
                                        "pid",
                                        "registered_time",
                                        "resources",
                                        "used_resources",
                                        "offered_resources",
                                        "reserved_resources",
                                        "unreserved_resources",
                                        "active",
                                        "deactivated",
                                        "version",
                                        "capabilities",
                                        NULL};
    static const char *const framework[] = {"id",
                                            "name",
                                            "used_resources",
                                            "offered_resources",
                                            "capabilities",
                                            "hostname",
                                            "webui_url",
                                            "active",
                                            "connected",
                                            "recovered",
                                            "user",
                                            "failover_timeout",
                                            "checkpoint",
                                            "registered_time",
                                            "unregistered_time",
                                            "principal",
                                            "resources",
                                            "reregistered_time",
                                            "roles",
                                            "tasks",
                                            "unreachable_tasks",
                                            "completed_tasks",
                                            "offers",
                                            "executors",
                                            "labels",
                                            NULL};
    static const char *const task[] = {
        "id",   "name",     "framework_id", "executor_id", "slave_id",  "state", "resources",
        "role", "statuses", "user",         "labels",      "discovery", NULL};
    CLEANUP(json_done) json_t *root = some_state();

    (void)state;
    must_have(root, top);
    must_have(at(root, "slaves.0"), slave);
    must_have(at(root, "frameworks.0"), framework);
    must_have(at(root, "frameworks.0.tasks.0"), task);
    /* Tools that look for it resolve it as a host; frameworks on HTTP have none in Mesos either. */
    assert_null(json_object_get(at(root, "frameworks.0"), "pid"));
}

static void pids_are_where_more_can_be_asked(void **state)
{
    CLEANUP(json_done) json_t *root = some_state();

    (void)state;
    assert_string_equal(text_at(root, "pid"), "master@10.0.0.1:5055");
    assert_string_equal(text_at(root, "leader"), "master@10.0.0.1:5055");
    assert_string_equal(text_at(root, "leader_info.pid"), "master@10.0.0.1:5055");
    assert_int_equal((int)number_at(root, "leader_info.port"), 5055);
    assert_string_equal(text_at(root, "slaves.0.pid"), "slave(1)@10.0.0.2:5051");
    assert_int_equal((int)number_at(root, "slaves.0.port"), 5051);
}

static void resources_are_summaries(void **state)
{
    CLEANUP(json_done) json_t *root = some_state();
    json_t *slave = at(root, "slaves.0");

    (void)state;
    assert_true(json_is_real(at(slave, "resources.cpus")));
    assert_true(number_at(slave, "resources.cpus") == 4.0);
    assert_true(number_at(slave, "resources.gpus") == 0.0);
    assert_true(number_at(slave, "resources.mem") == 8000.0);
    assert_string_equal(text_at(slave, "resources.ports"), "[31000-32000]");
    assert_string_equal(text_at(slave, "resources.fpgas"), "{f1, f2}");
    assert_true(number_at(slave, "used_resources.cpus") == 1.0);
    assert_string_equal(text_at(slave, "used_resources.ports"), "[31000-31000]");
    assert_true(number_at(slave, "offered_resources.cpus") == 0.5);
    assert_string_equal(text_at(slave, "offered_resources.ports"), "[31001-31003]");
    assert_true(number_at(slave, "reserved_resources.ads.cpus") == 1.0);
    assert_true(number_at(slave, "unreserved_resources.cpus") == 3.0);
    assert_true(number_at(root, "frameworks.0.resources.cpus") == 1.5);
    assert_true(number_at(root, "frameworks.0.used_resources.mem") == 128.0);
    assert_string_equal(text_at(root, "frameworks.0.tasks.0.resources.ports"), "[31000-31000]");
}

static void times_are_seconds_with_a_point(void **state)
{
    CLEANUP(json_done) json_t *root = some_state();

    (void)state;
    assert_true(json_is_real(at(root, "start_time")));
    assert_true(number_at(root, "elected_time") == 100.0);
    assert_true(json_is_real(at(root, "frameworks.0.unregistered_time")));
    assert_true(number_at(root, "frameworks.0.unregistered_time") == 0.0);
    assert_true(json_is_real(at(root, "frameworks.0.failover_timeout")));
    assert_true(number_at(root, "frameworks.0.failover_timeout") == 604800.0);
    assert_true(number_at(root, "frameworks.0.reregistered_time") == 310.0);
    assert_null(json_object_get(at(root, "slaves.0"), "reregistered_time"));
}

static void attributes_are_numbers_or_text(void **state)
{
    CLEANUP(json_done) json_t *root = some_state();

    (void)state;
    assert_string_equal(text_at(root, "slaves.0.attributes.rack"), "r1");
    assert_true(number_at(root, "slaves.0.attributes.level") == 2.5);
}

static void mesos_dns_finds_what_it_needs(void **state)
{
    CLEANUP(json_done) json_t *root = some_state();
    json_t *task = at(root, "frameworks.0.tasks.0");
    json_t *status = at(task, "statuses.1");

    (void)state;
    assert_string_equal(text_at(task, "state"), "TASK_RUNNING");
    assert_string_equal(text_at(task, "slave_id"), text_at(root, "slaves.0.id"));
    assert_string_equal(text_at(status, "state"), "TASK_RUNNING");
    assert_string_equal(
        text_at(status, "container_status.network_infos.0.ip_addresses.0.ip_address"), "10.0.0.2");
    assert_string_equal(text_at(status, "container_status.network_infos.0.ip_addresses.0.protocol"),
                        "IPv4");
    assert_string_equal(text_at(task, "discovery.name"), "www");
    assert_string_equal(text_at(task, "discovery.visibility"), "CLUSTER");
    assert_int_equal((int)number_at(task, "discovery.ports.ports.0.number"), 31000);
    assert_string_equal(text_at(task, "discovery.ports.ports.0.protocol"), "tcp");
}

static void a_status_of_the_same_state_replaces_the_last(void **state)
{
    CLEANUP(json_done) json_t *root = some_state();
    json_t *statuses = at(root, "frameworks.0.tasks.0.statuses");

    (void)state;
    assert_int_equal(json_array_size(statuses), 2);
    assert_string_equal(text_at(statuses, "0.state"), "TASK_STARTING");
    assert_true(number_at(statuses, "0.timestamp") == 1004.0);
    assert_true(number_at(statuses, "1.timestamp") == 1006.0);
    assert_null(json_object_get(at(statuses, "1"), "data"));
}

static void what_mesos_lacks_is_there_too(void **state)
{
    CLEANUP(json_done) json_t *root = some_state();
    json_t *status = at(root, "frameworks.0.tasks.0.statuses.1");

    (void)state;
    assert_string_equal(text_at(status, "reason"), "REASON_CONTAINER_LIMITATION_MEMORY");
    assert_string_equal(text_at(status, "source"), "SOURCE_AGENT");
    assert_string_equal(text_at(status, "message"), "of note");
    assert_string_equal(text_at(status, "container_status.container_id.value"), "c1");
    assert_string_equal(text_at(status, "container_status.sandbox"), "/var/s/c1");
    assert_string_equal(text_at(root, "frameworks.0.tasks.0.command"), "sleep 100");
    assert_int_equal((int)number_at(root, "slaves.0.topology.cores"), 4);
    assert_string_equal(text_at(root, "slaves.0.isolation.0"), "cgroup/cpu");
}

static void tasks_stand_where_their_state_puts_them(void **state)
{
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);
    json_t *root;

    (void)state;
    say_status(&core, FW, "web.1", TASK_UNREACHABLE);
    root = state_of(replica);
    assert_int_equal(json_array_size(at(root, "frameworks.0.tasks")), 0);
    assert_string_equal(text_at(root, "frameworks.0.unreachable_tasks.0.state"),
                        "TASK_UNREACHABLE");
    json_decref(root);
    say_status(&core, FW, "web.1", TASK_FAILED);
    say_task_removed(&core, FW, "web.1");
    root = state_of(replica);
    assert_string_equal(text_at(root, "frameworks.0.completed_tasks.0.id"), "web.1");
    assert_int_equal((int)number_at(root, "frameworks.0.completed_tasks.0.statuses.3.exit.code"),
                     3);
    json_decref(root);
}

static void an_ended_framework_is_completed(void **state)
{
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);
    CLEANUP(json_done) json_t *root = NULL;

    (void)state;
    say_framework_removed(&core, FW);
    root = state_of(replica);
    assert_int_equal(json_array_size(at(root, "frameworks")), 0);
    assert_true(number_at(root, "completed_frameworks.0.unregistered_time") == 800.0);
    assert_true(json_is_false(at(root, "completed_frameworks.0.active")));
    assert_int_equal(json_array_size(at(root, "completed_frameworks.0.completed_tasks")), 1);
}

static void the_summary_counts_tasks(void **state)
{
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);
    struct buf document = {0};
    CLEANUP(json_done) json_t *root = NULL;

    (void)state;
    say_task(&core, FW, "web.2", AGENT, "cpus:0.1");
    document_state_summary(replica, &document);
    root = parsed(&document);
    assert_string_equal(text_at(root, "hostname"), "m1");
    assert_string_equal(text_at(root, "cluster"), "c");
    assert_int_equal((int)number_at(root, "slaves.0.TASK_RUNNING"), 1);
    assert_int_equal((int)number_at(root, "slaves.0.TASK_STAGING"), 1);
    assert_int_equal((int)number_at(root, "slaves.0.TASK_LOST"), 0);
    assert_string_equal(text_at(root, "slaves.0.framework_ids.0"), FW);
    assert_int_equal((int)number_at(root, "frameworks.0.TASK_RUNNING"), 1);
    assert_string_equal(text_at(root, "frameworks.0.slave_ids.0"), AGENT);
    assert_int_equal(json_array_size(at(root, "frameworks.0.slave_ids")), 1);
}

static json_t *tasks_of(const struct replica *replica, struct tasks_query query)
{
    struct buf document = {0};

    document_tasks(replica, &query, &document);
    return parsed(&document);
}

static void tasks_are_listed_in_pages(void **state)
{
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);
    json_t *root;

    (void)state;
    say_task(&core, FW, "web.2", AGENT, "cpus:0.1");
    say_task(&core, FW, "web.3", AGENT, "cpus:0.1");
    say_task_removed(&core, FW, "web.2");
    root = tasks_of(replica, (struct tasks_query){.limit = 100});
    assert_int_equal(json_array_size(at(root, "tasks")), 3);
    assert_string_equal(text_at(root, "tasks.0.id"), "web.3");
    json_decref(root);
    root = tasks_of(replica, (struct tasks_query){.limit = 1, .offset = 1, .ascending = true});
    assert_int_equal(json_array_size(at(root, "tasks")), 1);
    assert_string_equal(text_at(root, "tasks.0.id"), "web.2");
    json_decref(root);
    root = tasks_of(replica, (struct tasks_query){.limit = 9, .task_id = "web.3"});
    assert_int_equal(json_array_size(at(root, "tasks")), 1);
    json_decref(root);
    root = tasks_of(replica, (struct tasks_query){.limit = 9, .framework_id = "other"});
    assert_int_equal(json_array_size(at(root, "tasks")), 0);
    json_decref(root);
}

static void slaves_frameworks_roles_and_offers_have_lists(void **state)
{
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);
    struct buf document = {0};
    json_t *root;

    (void)state;
    document_slaves(replica, AGENT, &document);
    root = parsed(&document);
    assert_string_equal(text_at(root, "slaves.0.used_resources_full.0.name"), "cpus");
    assert_true(number_at(root, "slaves.0.used_resources_full.0.scalar.value") == 1.0);
    assert_string_equal(text_at(root, "slaves.0.reserved_resources_full.ads.0.role"), "ads");
    at(root, "slaves.0.unreserved_resources_full.0");
    at(root, "slaves.0.offered_resources_full.0");
    json_decref(root);
    document_slaves(replica, "other", &document);
    root = parsed(&document);
    assert_int_equal(json_array_size(at(root, "slaves")), 0);
    json_decref(root);
    document_frameworks(replica, FW, &document);
    root = parsed(&document);
    assert_string_equal(text_at(root, "frameworks.0.offers.0.allocation_info.role"), "ads");
    at(root, "completed_frameworks");
    at(root, "unregistered_frameworks");
    json_decref(root);
    document_roles(replica, &document);
    root = parsed(&document);
    assert_string_equal(text_at(root, "roles.0.name"), "ads");
    assert_true(number_at(root, "roles.0.weight") == 1.0);
    assert_true(number_at(root, "roles.0.allocated.cpus") == 1.0);
    assert_true(number_at(root, "roles.0.quota.consumed.cpus") == 1.0);
    assert_true(number_at(root, "roles.0.offered.cpus") == 0.5);
    assert_true(number_at(root, "roles.0.reserved.mem") == 100.0);
    assert_string_equal(text_at(root, "roles.0.frameworks.0"), FW);
    json_decref(root);
    document_offers(replica, &document);
    root = parsed(&document);
    assert_string_equal(text_at(root, "offers.0.slave_id"), AGENT);
    assert_string_equal(text_at(root, "offers.0.hostname"), "a1");
    json_decref(root);
}

static void what_operators_have_set_for_roles_is_shown(void **state)
{
    static const struct resource_info amounts[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 4500},
        {.name = "gpus", .kind = VALUE_SCALAR}};
    CLEANUP(buf_fini) struct buf document = {0};
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);
    json_t *root;

    (void)state;
    say(&core, MESSAGE(CHANGE_ROLE, change_role, .role = "x", .weight_milli = 2500));
    say(&core,
        MESSAGE(CHANGE_ROLE, change_role, .role = "x", .weight_milli = 2500, .guarantees = amounts,
                .guarantees_count = 1, .limits = amounts, .limits_count = 2));
    document_quota(replica, &document);
    root = parsed(&document);
    assert_true(number_at(root, "configs.0.guarantees.cpus.value") == 4.5);
    assert_true(number_at(root, "configs.0.limits.gpus.value") == 0.0);
    json_decref(root);
    document_weights(replica, &document);
    root = parsed(&document);
    assert_int_equal(json_array_size(root), 1);
    json_decref(root);
    root = state_of(replica);
    assert_string_equal(text_at(root, "roles.1.name"), "x");
    assert_true(number_at(root, "roles.1.weight") == 2.5);
    assert_true(number_at(root, "roles.1.quota.limit.cpus") == 4.5);
    json_decref(root);
    say(&core,
        MESSAGE(CHANGE_ROLE, change_role, .role = "x", .has_priority = true, .priority = -3));
    document_priorities(replica, &document);
    root = parsed(&document);
    assert_true(number_at(root, "0.priority") == -3.0);
    json_decref(root);
    say(&core, MESSAGE(CHANGE_ROLE, change_role, .role = "x/y", .weight_milli = 2000));
    root = state_of(replica);
    assert_string_equal(text_at(root, "roles.2.name"), "x/y");
    assert_true(number_at(root, "roles.2.priority") == -3.0);
    json_decref(root);
    say(&core, MESSAGE(CHANGE_ROLE, change_role, .role = "x/y"));
    say(&core, MESSAGE(CHANGE_ROLE, change_role, .role = "x", .offers = OFFERS_OPTIMISTIC));
    say(&core, MESSAGE(CHANGE_ROLE, change_role, .role = "x/y", .weight_milli = 2000));
    root = state_of(replica);
    assert_string_equal(text_at(root, "roles.0.offers"), "exclusive");
    assert_string_equal(text_at(root, "roles.1.offers"), "optimistic");
    assert_string_equal(text_at(root, "roles.2.name"), "x/y");
    assert_string_equal(text_at(root, "roles.2.offers"), "optimistic");
    json_decref(root);
    say(&core, MESSAGE(CHANGE_ROLE, change_role, .role = "x/y"));
    say(&core, MESSAGE(CHANGE_ROLE, change_role, .role = "x"));
    root = state_of(replica);
    assert_int_equal(json_array_size(at(root, "roles")), 1);
    json_decref(root);
}

static void a_task_shows_for_whom_it_gives_way(void **state)
{
    const struct preempt_info preempt = {.role = "ads", .need = "web", .deadline_us = 5 * 1000000};
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);
    json_t *root;

    (void)state;
    say(&core, MESSAGE(CHANGE_TASK_STATUS, change_task_status, .framework_id = FW,
                       .task_id = "web.1", .state = TASK_RUNNING, .preempt = &preempt));
    root = state_of(replica);
    assert_string_equal(text_at(root, "frameworks.0.tasks.0.preemption.role"), "ads");
    assert_true(number_at(root, "frameworks.0.tasks.0.preemption.deadline") == 5.0);
    json_decref(root);
    say(&core, MESSAGE(CHANGE_TASK_STATUS, change_task_status, .framework_id = FW,
                       .task_id = "web.1", .state = TASK_RUNNING));
    root = state_of(replica);
    assert_null(json_object_get(at(root, "frameworks.0.tasks.0"), "preemption"));
    json_decref(root);
}

/* A window of "a1", at 1000 s for an hour, as it stands. */
static void say_window(struct publisher *core, enum window_state state)
{
    static const char *const names[] = {"a1", "not-yet"};
    const struct window_info window = {.id = "w",
                                       .agents = names,
                                       .agents_count = 2,
                                       .start_us = 1000 * (int64_t)1000000,
                                       .duration_ms = 3600000,
                                       .reason = "fans"};
    const struct unavailability unavailability = {.start_us = window.start_us,
                                                  .duration_ms = window.duration_ms,
                                                  .reason = "fans",
                                                  .window_id = "w"};
    const struct agent_info info = {.id = AGENT, .hostname = "a1", .address = "10.0.0.2:5051"};

    say(core, MESSAGE(CHANGE_WINDOW, change_window, .id = "w", .window = &window, .state = state));
    say(core, MESSAGE(CHANGE_AGENT, change_agent, .agent = &info, .connected = true,
                      .unavailability = &unavailability, .down = state == WINDOW_DOWN));
}

static void say_answer(struct publisher *core, enum inverse_state state)
{
    const struct window_answer answer = {
        .agent_id = AGENT, .framework_id = FW, .state = state, .when_us = 900 * (int64_t)1000000};

    say(core, MESSAGE(CHANGE_WINDOW, change_window, .id = "w", .answer = &answer));
}

static json_t *maintenance_of(const struct replica *replica,
                              void (*document)(const struct replica *replica, struct buf *out))
{
    CLEANUP(buf_fini) struct buf text = {0};

    document(replica, &text);
    return parsed(&text);
}

static void windows_are_shown_with_what_runs_and_who_has_answered(void **state)
{
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);
    json_t *root;

    (void)state;
    say_window(&core, WINDOW_ANNOUNCED);
    say_answer(&core, INVERSE_ASKED);
    say_answer(&core, INVERSE_ACCEPTED);
    root = maintenance_of(replica, document_maintenance);
    assert_string_equal(text_at(root, "windows.0.state"), "ANNOUNCED");
    assert_true(number_at(root, "windows.0.end") == 4600.0);
    assert_string_equal(text_at(root, "windows.0.agents.1"), "not-yet");
    assert_string_equal(text_at(root, "windows.0.machines.0.state"), "UP");
    assert_true(number_at(root, "windows.0.machines.0.tasks") == 1.0);
    assert_int_equal(json_array_size(at(root, "windows.0.machines.0.answers")), 1);
    assert_string_equal(text_at(root, "windows.0.machines.0.answers.0.answer"), "ACCEPTED");
    assert_string_equal(text_at(root, "windows.0.machines.0.answers.0.name"), "marathon");
    json_decref(root);
    root = maintenance_of(replica, document_maintenance_schedule);
    assert_string_equal(text_at(root, "windows.0.machine_ids.0.hostname"), "a1");
    assert_true(number_at(root, "windows.0.unavailability.start.nanoseconds") == 1e12);
    json_decref(root);
    root = maintenance_of(replica, document_maintenance_status);
    assert_string_equal(text_at(root, "draining_machines.0.id.hostname"), "a1");
    assert_string_equal(text_at(root, "draining_machines.0.statuses.0.status"), "ACCEPT");
    json_decref(root);
    root = state_of(replica);
    assert_string_equal(text_at(root, "slaves.0.unavailability_reason"), "fans");
    json_decref(root);
    say_window(&core, WINDOW_DOWN);
    root = maintenance_of(replica, document_maintenance);
    assert_string_equal(text_at(root, "windows.0.machines.0.state"), "DRAINING");
    json_decref(root);
    say_status(&core, FW, "web.1", TASK_KILLED);
    say_answer(&core, INVERSE_WITHDRAWN);
    root = maintenance_of(replica, document_maintenance);
    assert_string_equal(text_at(root, "windows.0.machines.0.state"), "DOWN");
    assert_int_equal(json_array_size(at(root, "windows.0.machines.0.answers")), 0);
    json_decref(root);
    say(&core, MESSAGE(CHANGE_WINDOW, change_window, .id = "w"));
    root = maintenance_of(replica, document_maintenance);
    assert_int_equal(json_array_size(at(root, "windows")), 0);
    json_decref(root);
}

static void an_empty_master_has_a_whole_document(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    CLEANUP(json_done) json_t *root = state_of(replica);

    (void)state;
    assert_int_equal(json_array_size(at(root, "slaves")), 0);
    assert_string_equal(text_at(root, "flags.http_port"), "5055");
}

static void text_from_outside_cannot_break_a_document(void **state)
{
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);
    CLEANUP(json_done) json_t *root = NULL;

    (void)state;
    say_framework(&core, "M-0001", "\"}],\\ \xff\x01 <script>");
    root = state_of(replica);
    assert_string_equal(text_at(root, "frameworks.1.name"), "\"}],\\ \xef\xbf\xbd\x01 <script>");
}

/* Not a promise of a time, which a busy machine would break, but what a tree or a rendering anew at
 * each request would cost is far above it. */
static void a_large_state_is_written_quickly(void **state)
{
    struct publisher core;
    CLEANUP(replica_destroy) struct replica *replica = some_cluster(&core);
    CLEANUP(buf_fini) struct buf document = {0};
    clock_t began;
    double ms;
    char id[32];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        snprintf(id, sizeof(id), "batch.%d", i);
        say_task(&core, FW, id, AGENT, "cpus:0.00001;mem:0.01");
        say_status(&core, FW, id, TASK_RUNNING);
    }
    began = clock();
    document_state(replica, &(const struct options_shown){0}, &document);
    ms = (double)(clock() - began) * 1000 / CLOCKS_PER_SEC;
    print_message("100,000 tasks: %zu MB in %.0f ms\n", document.size / 1000000, ms);
    assert_true(ms < 1000 * ((double)document.size / 30e6));
}

static void agents_that_are_not_back_yet_are_listed_apart(void **state)
{
    CLEANUP(replica_destroy) struct replica *replica = replica_new();
    CLEANUP(buf_fini) struct buf document = {0};
    const struct agent_info info = {.id = "M-S7", .hostname = "a7"};
    struct publisher core = replaying(replica);
    json_t *root;

    (void)state;
    say_master(&core);
    say(&core, MESSAGE(CHANGE_AGENT, change_agent, .agent = &info, .recovered = true));
    document_state(replica, &(const struct options_shown){0}, &document);
    root = json_loadb(document.data, document.size, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "slaves")), 0);
    assert_int_equal(json_array_size(json_object_get(root, "recovered_slaves")), 1);
    assert_int_equal(json_integer_value(json_object_get(root, "deactivated_slaves")), 0);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_mesos_is_there),
        cmocka_unit_test(agent_that_is_drained_is_shown_as_mesos_shows_it),
        cmocka_unit_test(pids_are_where_more_can_be_asked),
        cmocka_unit_test(resources_are_summaries),
        cmocka_unit_test(times_are_seconds_with_a_point),
        cmocka_unit_test(attributes_are_numbers_or_text),
        cmocka_unit_test(mesos_dns_finds_what_it_needs),
        cmocka_unit_test(a_status_of_the_same_state_replaces_the_last),
        cmocka_unit_test(what_mesos_lacks_is_there_too),
        cmocka_unit_test(tasks_stand_where_their_state_puts_them),
        cmocka_unit_test(an_ended_framework_is_completed),
        cmocka_unit_test(the_summary_counts_tasks),
        cmocka_unit_test(tasks_are_listed_in_pages),
        cmocka_unit_test(slaves_frameworks_roles_and_offers_have_lists),
        cmocka_unit_test(what_operators_have_set_for_roles_is_shown),
        cmocka_unit_test(a_task_shows_for_whom_it_gives_way),
        cmocka_unit_test(windows_are_shown_with_what_runs_and_who_has_answered),
        cmocka_unit_test(an_empty_master_has_a_whole_document),
        cmocka_unit_test(text_from_outside_cannot_break_a_document),
        cmocka_unit_test(agents_that_are_not_back_yet_are_listed_apart),
        cmocka_unit_test(a_large_state_is_written_quickly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
