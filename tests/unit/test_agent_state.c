/* What an agent shows by HTTP, as tools made for Mesos read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <poll.h>

#include "agent/view/replica.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "tests/unit/agent_fixture.h"
#include "tests/unit/agent_site.h"

#define DEADLINE_MS 10000

static void json_drop(json_t **json)
{
    json_decref(*json);
}

struct shown {
    struct agent_site *site;
    struct world *world;
    size_t published;
};

static void shown_destroy(struct shown *self)
{
    agent_site_destroy(&self->site);
    world_destroy(&self->world);
}

static void publish(struct shown *self)
{
    for (; self->published < self->world->changes.count; self->published++)
        agent_view_publish(self->site->view, &self->world->changes.items[self->published]);
    agent_view_flush(self->site->view);
}

static struct shown shown_new(void)
{
    return (struct shown){.site = agent_site_new(), .world = world_new(&(struct world_plan){0})};
}

static json_t *parse(const struct buf *body)
{
    json_error_t error;
    json_t *json = json_loadb(body->data, body->size, 0, &error);

    if (!json)
        fail_msg("%s at %d in %s", error.text, error.position, buf_text(body));
    return json;
}

static json_t *get(struct shown *self, const char *target)
{
    CLEANUP(buf_fini) struct buf body = {0};

    publish(self);
    assert_int_equal(agent_site_get(self->site, target, &body), 200);
    return parse(&body);
}

static const char *text_at(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));

    if (!text)
        fail_msg("no text \"%s\"", key);
    return text;
}

static const json_t *first_of(const json_t *json, const char *key)
{
    const json_t *list = json_object_get(json, key);

    if (json_array_size(list) == 0)
        fail_msg("\"%s\" is empty", key);
    return json_array_get(list, 0);
}

static size_t count_at(const json_t *json, const char *key)
{
    const json_t *list = json_object_get(json, key);

    assert_true(json_is_array(list));
    return json_array_size(list);
}

/* --- state -------------------------------------------------------------------------------------- */

static void state_tells_the_agent_as_mesos_does(void **state)
{
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    CLEANUP(json_drop) json_t *json = get(&shown, "/state");
    const json_t *resources = json_object_get(json, "resources");

    (void)state;
    assert_string_equal(text_at(json, "id"), AGENT);
    assert_string_equal(text_at(json, "pid"), "slave(1)@10.0.0.2:5051");
    assert_string_equal(text_at(json, "hostname"), "host1");
    assert_string_equal(text_at(json, "master_hostname"), "master1");
    assert_string_equal(text_at(json_object_get(json, "flags"), "work_dir"), "/somewhere");
    assert_true(json_real_value(json_object_get(resources, "cpus")) == 4.0);
    assert_true(json_real_value(json_object_get(resources, "mem")) == 8192.0);
    assert_true(json_is_real(json_object_get(resources, "gpus")));
    assert_true(json_is_real(json_object_get(json, "start_time")));
    assert_true(json_is_true(json_object_get(json, "registered")));
    assert_int_equal(count_at(json, "frameworks"), 0);
    assert_int_equal(count_at(json, "completed_frameworks"), 0);
}

static void state_is_the_same_under_all_its_names(void **state)
{
    static const char *const names[] = {"/state.json", "/slave(1)/state", "/slave(1)/state.json"};
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    CLEANUP(json_drop) json_t *json = get(&shown, "/state");

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP(json_drop) json_t *other = get(&shown, names[i]);

        assert_true(json_equal(json, other));
    }
}

static void task_is_shown_as_an_executor_with_its_sandbox(void **state)
{
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    const json_t *framework, *executor, *task;

    (void)state;
    world_run(shown.world, "t1");
    CLEANUP(json_drop) json_t *staging = get(&shown, "/state");
    executor = first_of(first_of(staging, "frameworks"), "executors");
    assert_int_equal(count_at(executor, "tasks"), 0);
    assert_int_equal(count_at(executor, "queued_tasks"), 1);

    world_started(shown.world, "t1");
    CLEANUP(json_drop) json_t *running = get(&shown, "/state");
    framework = first_of(running, "frameworks");
    executor = first_of(framework, "executors");
    task = first_of(executor, "tasks");
    assert_string_equal(text_at(framework, "id"), FRAMEWORK);
    assert_string_equal(text_at(framework, "user"), "alice");
    assert_string_equal(text_at(executor, "executor_id"), "t1");
    assert_string_equal(text_at(executor, "directory"), world_launch(shown.world, "t1")->sandbox);
    assert_string_equal(text_at(executor, "container"),
                        world_launch(shown.world, "t1")->container_id);
    assert_string_equal(text_at(task, "id"), "t1");
    assert_string_equal(text_at(task, "state"), "TASK_RUNNING");
    assert_string_equal(text_at(task, "slave_id"), AGENT);
    assert_string_equal(text_at(task, "role"), "ads");
    assert_string_equal(text_at(first_of(task, "statuses"), "state"), "TASK_RUNNING");
}

static void finished_task_is_history_once_it_is_acknowledged(void **state)
{
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    const json_t *framework, *executor;

    (void)state;
    world_run(shown.world, "t1");
    world_exited_code(shown.world, "t1", 1);
    CLEANUP(json_drop) json_t *before = get(&shown, "/state");
    framework = first_of(before, "frameworks");
    assert_int_equal(count_at(framework, "executors"), 1);

    world_acknowledge(shown.world, "t1");
    CLEANUP(json_drop) json_t *after = get(&shown, "/state");
    framework = first_of(after, "frameworks");
    assert_int_equal(count_at(framework, "executors"), 0);
    executor = first_of(framework, "completed_executors");
    assert_string_equal(text_at(first_of(executor, "completed_tasks"), "state"), "TASK_FAILED");

    world_pass(shown.world, 61000);
    CLEANUP(json_drop) json_t *idle = get(&shown, "/state");
    assert_int_equal(count_at(idle, "frameworks"), 0);
    framework = first_of(idle, "completed_frameworks");
    assert_int_equal(count_at(framework, "completed_executors"), 1);

    world_run(shown.world, "t2");
    CLEANUP(json_drop) json_t *again = get(&shown, "/state");
    assert_int_equal(count_at(again, "completed_frameworks"), 0);
    assert_int_equal(count_at(first_of(again, "frameworks"), "completed_executors"), 1);
}

static void history_is_bounded(void **state)
{
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    const json_t *completed;
    char id[16];

    (void)state;
    for (int i = 0; i < HISTORY_TASKS_MAX + 10; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        world_run(shown.world, id);
        world_exited_code(shown.world, id, 0);
        world_acknowledge(shown.world, id);
    }
    CLEANUP(json_drop) json_t *json = get(&shown, "/state");
    completed = json_object_get(first_of(json, "frameworks"), "completed_executors");
    assert_int_equal(json_array_size(completed), HISTORY_TASKS_MAX);
    assert_string_equal(text_at(json_array_get(completed, 0), "executor_id"), "t10");
}

static void lost_changes_are_told_not_hidden(void **state)
{
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    CLEANUP(buf_fini) struct buf body = {0};

    (void)state;
    publish(&shown);
    world_run(shown.world, "t1");
    shown.published++; /* this one never comes */
    publish(&shown);
    assert_int_equal(agent_site_get(shown.site, "/state", &body), 503);
    assert_int_equal(agent_site_get(shown.site, "/health", &body), 200);
}

static void small_documents_are_there(void **state)
{
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    CLEANUP(json_drop) json_t *version = get(&shown, "/version");
    CLEANUP(json_drop) json_t *flags = get(&shown, "/flags");
    CLEANUP(buf_fini) struct buf body = {0};

    (void)state;
    assert_string_equal(text_at(version, "version"), "0.1.0");
    assert_string_equal(text_at(json_object_get(flags, "flags"), "work_dir"), "/somewhere");
    assert_int_equal(agent_site_get(shown.site, "/help", &body), 200);
    assert_non_null(strstr(buf_text(&body), "/monitor/statistics"));
    assert_int_equal(agent_site_get(shown.site, "/none", &body), 404);
    assert_int_equal(agent_site_get(shown.site, "/state?jsonp=f", &body), 200);
    assert_int_equal(strncmp(buf_text(&body), "f(", 2), 0);
}

/* --- what the loop is asked --------------------------------------------------------------------- */

struct asked {
    size_t count;
    enum msg_type types[8];
    int64_t numbers[8];
};

static void on_question(void *owner, const struct message *question)
{
    struct asked *asked = owner;

    asked->types[asked->count] = question->type;
    asked->numbers[asked->count++] = question->type == MSG_USAGE_REQUEST
                                         ? question->usage_request->number
                                         : question->metrics_request->number;
}

static struct asked wait_question(const struct shown *shown)
{
    struct pollfd fd = {.fd = agent_view_questions_fd(shown->site->view), .events = POLLIN};
    struct asked asked = {0};

    assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
    agent_view_take_questions(shown->site->view, on_question, &asked);
    assert_int_equal(asked.count, 1);
    return asked;
}

static void answer_usage_by(struct shown *shown, int64_t number, const char *container_id,
                            int64_t cpus_limit)
{
    const struct usage_info usages[] = {
        {.container_id = container_id,
         .cpus_limit = cpus_limit,
         .cpu_user_us = 2500000,
         .mem_rss_bytes = 4096,
         .timestamp_us = 1700000000000000},
        {.container_id = "unknown"},
    };

    agent_view_publish(shown->site->view, &MESSAGE(USAGE_REPLY, usage_reply, .number = number,
                                                   .usages = usages, .usages_count = 2));
    agent_view_flush(shown->site->view);
}

static void answer_usage(struct shown *shown, int64_t number, const char *container_id)
{
    answer_usage_by(shown, number, container_id, 1500);
}

static json_t *ask_usage_by(struct shown *shown, const char *target, int64_t cpus_limit)
{
    CLEANUP(buf_fini) struct buf body = {0};
    struct asked asked;
    int fd;

    publish(shown);
    fd = agent_site_ask(shown->site, target);
    asked = wait_question(shown);
    assert_int_equal(asked.types[0], MSG_USAGE_REQUEST);
    answer_usage_by(shown, asked.numbers[0], world_launch(shown->world, "t1")->container_id,
                    cpus_limit);
    assert_int_equal(agent_site_receive(fd, &body), 200);
    return parse(&body);
}

static json_t *ask_usage(struct shown *shown, const char *target)
{
    return ask_usage_by(shown, target, 1500);
}

static void those_who_ask_meanwhile_share_the_next_answer(void **state)
{
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    CLEANUP(buf_fini) struct buf body = {0};
    struct asked asked;
    int first, others[4];

    (void)state;
    first = agent_site_ask(shown.site, "/monitor/statistics");
    asked = wait_question(&shown);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        others[i] = agent_site_ask(shown.site, i % 2 ? "/containers" : "/monitor/statistics");
    assert_int_equal(agent_site_get(shown.site, "/health", &body), 200); /* they have arrived */
    answer_usage(&shown, asked.numbers[0], "c1");
    assert_int_equal(agent_site_receive(first, &body), 200);

    asked = wait_question(&shown); /* one */
    answer_usage(&shown, asked.numbers[0], "c1");
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_int_equal(agent_site_receive(others[i], &body), 200);
}

static void what_nobody_knows_is_not_said_to_be_nothing(void **state)
{
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    const struct resource_info cpus = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 2500};
    struct task_info task = *simple_task("t1");
    const json_t *statistics;

    (void)state;
    task.resources = &cpus;
    task.resources_count = 1;
    world_run_task(shown.world, &task);
    world_started(shown.world, "t1");
    CLEANUP(json_drop) json_t *json = ask_usage_by(&shown, "/monitor/statistics", 0);
    statistics = json_object_get(json_array_get(json, 0), "statistics");
    assert_null(json_object_get(statistics, "processes"));
    assert_null(json_object_get(statistics, "threads"));
    assert_true(json_real_value(json_object_get(statistics, "cpus_limit")) == 2.5);
}

static void statistics_are_asked_of_the_launcher(void **state)
{
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    const json_t *entry, *statistics;

    (void)state;
    world_run(shown.world, "t1");
    world_started(shown.world, "t1");
    CLEANUP(json_drop) json_t *json = ask_usage(&shown, "/monitor/statistics");
    assert_int_equal(json_array_size(json), 1);
    entry = json_array_get(json, 0);
    statistics = json_object_get(entry, "statistics");
    assert_string_equal(text_at(entry, "executor_id"), "t1");
    assert_string_equal(text_at(entry, "framework_id"), FRAMEWORK);
    assert_true(json_real_value(json_object_get(statistics, "cpus_limit")) == 1.5);
    assert_true(json_real_value(json_object_get(statistics, "cpus_user_time_secs")) == 2.5);
    assert_int_equal(json_integer_value(json_object_get(statistics, "mem_rss_bytes")), 4096);

    CLEANUP(json_drop) json_t *containers = ask_usage(&shown, "/containers");
    entry = json_array_get(containers, 0);
    assert_string_equal(text_at(entry, "container_id"),
                        world_launch(shown.world, "t1")->container_id);
    assert_string_equal(text_at(entry, "state"), "TASK_RUNNING");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(entry, "status"), "executor_pid")),
        4711);
}

static void metrics_are_asked_of_the_loop(void **state)
{
    static const struct counter_info counter = {.name = "slave/tasks_running", .milli = 3000};
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    CLEANUP(buf_fini) struct buf body = {0};
    int fd = agent_site_ask(shown.site, "/metrics/snapshot");
    struct asked asked = wait_question(&shown);

    (void)state;
    assert_int_equal(asked.types[0], MSG_METRICS_REQUEST);
    agent_view_publish(shown.site->view,
                       &MESSAGE(METRICS_REPLY, metrics_reply, .number = asked.numbers[0],
                                .counters = &counter, .counters_count = 1));
    agent_view_flush(shown.site->view);
    assert_int_equal(agent_site_receive(fd, &body), 200);
    CLEANUP(json_drop) json_t *json = parse(&body);
    assert_true(json_real_value(json_object_get(json, "slave/tasks_running")) == 3.0);
    assert_true(json_is_real(json_object_get(json, "system/cpus_total")));
}

static void question_without_an_answer_ends_in_503(void **state)
{
    CLEANUP(shown_destroy) struct shown shown = shown_new();
    CLEANUP(buf_fini) struct buf body = {0};

    (void)state;
    assert_int_equal(agent_site_get(shown.site, "/monitor/statistics", &body), 503);
    wait_question(&shown);
    close(agent_site_ask(shown.site, "/metrics/snapshot")); /* one that leaves */
    assert_int_equal(agent_site_get(shown.site, "/health", &body), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_tells_the_agent_as_mesos_does),
        cmocka_unit_test(state_is_the_same_under_all_its_names),
        cmocka_unit_test(task_is_shown_as_an_executor_with_its_sandbox),
        cmocka_unit_test(finished_task_is_history_once_it_is_acknowledged),
        cmocka_unit_test(history_is_bounded),
        cmocka_unit_test(lost_changes_are_told_not_hidden),
        cmocka_unit_test(small_documents_are_there),
        cmocka_unit_test(what_nobody_knows_is_not_said_to_be_nothing),
        cmocka_unit_test(statistics_are_asked_of_the_launcher),
        cmocka_unit_test(those_who_ask_meanwhile_share_the_next_answer),
        cmocka_unit_test(metrics_are_asked_of_the_loop),
        cmocka_unit_test(question_without_an_answer_ends_in_503),
    };

    return cmocka_run_group_tests_name("agent state", tests, NULL, NULL);
}
