/* proffer-docker's core: images, limits, usage, commands and checks beside a modelled Engine. */
#include "tests/unit/dock_fixture.h"

#include <stdio.h>
#include <string.h>

static const struct msg_container_exited *end_of(const struct dock_bench *bench, const char *id)
{
    const struct message *told = bench_told(bench, MSG_CONTAINER_EXITED, id);

    return told ? told->container_exited : NULL;
}

static struct dock_bench *running(const char *id)
{
    struct dock_bench *bench = bench_new(NULL);

    bench_work(bench);
    bench_launch(bench, id);
    bench_work(bench);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, id));
    return bench;
}

/* --- images ------------------------------------------------------------------------------------- */

static void a_missing_image_is_pulled_once_for_all_who_wait_for_it(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch_image(bench, "t.1", "new:1", 0);
    bench_launch_image(bench, "t.2", "new:1", 0);
    bench_work(bench);
    assert_int_equal(bench->calls_of[CALL_PULL], 1);
    assert_non_null(bench_told(bench, MSG_CONTAINER_PROGRESS, "t.1"));
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.2"));
}

static void an_image_is_pulled_first_when_the_task_says_always(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch_image(bench, "t.1", "busybox", PULL_ALWAYS);
    bench_work(bench);
    assert_int_equal(bench->calls_of[CALL_PULL], 1);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
}

static void an_image_is_not_pulled_when_the_task_says_never(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch_image(bench, "t.1", "new:1", PULL_NEVER);
    bench_work(bench);
    assert_int_equal(bench->calls_of[CALL_PULL], 0);
    assert_exit(bench, "t.1", 125);
    assert_non_null(strstr(end_of(bench, "t.1")->error, "new:1"));
}

static void a_pull_that_fails_ends_the_task_with_the_registrys_words(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench->pull_error = "no basic auth credentials";
    bench_launch_image(bench, "t.1", "new:1", 0);
    bench_work(bench);
    assert_non_null(strstr(end_of(bench, "t.1")->error, "no basic auth credentials"));
}

static void a_pull_goes_on_when_the_engine_is_back(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch_image(bench, "t.1", "new:1", 0);
    bench_step(bench); /* the create, which says that it is missing */
    assert_int_equal(bench_asked(bench, CALL_PULL), 1);
    bench_break(bench, MOOD_REFUSES);
    bench_pass(bench, 5000);
    assert_null(end_of(bench, "t.1"));
    bench->mood = MOOD_WELL;
    bench_pass(bench, 10000);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
}

static void progress_is_told_now_and_then(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);
    uint64_t number = 0;

    (void)state;
    bench_work(bench);
    bench_launch_image(bench, "t.1", "new:1", 0);
    bench_step(bench);
    for (size_t i = 0; i < BENCH_CALLS; i++)
        if (bench->asked[i].kind == CALL_PULL && bench->asked[i].number)
            number = bench->asked[i].number;
    for (int i = 0; i < 60; i++) {
        bench->now.mono_us += US_PER_S / 5;
        dock_on_progress(bench->dock, bench->now, number, "1 of 3 layers");
    }
    assert_in_range(bench_told_count(bench, MSG_CONTAINER_PROGRESS, "t.1"), 3, 4);
    assert_non_null(strstr(
        bench_told(bench, MSG_CONTAINER_PROGRESS, "t.1")->container_progress->text, "1 of 3"));
}

static void a_kill_ends_the_wait_for_an_image_and_the_pull_with_it(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch_image(bench, "t.1", "new:1", 0);
    bench_step(bench);
    bench_signal(bench, "t.1", true);
    assert_non_null(end_of(bench, "t.1"));
    assert_int_equal(bench_asked(bench, CALL_PULL), 0);
}

static void images_that_were_pulled_go_when_the_disk_is_nearly_full(void **state)
{
    const struct msg_docker_configure configure = {
        .gc_high = 90, .gc_low = 80, .gc_min_age_ms = 3600000};
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(&configure);

    (void)state;
    bench_work(bench);
    dock_on_kept_image(bench->dock, "old:1", bench->now.wall_us - 7200 * (int64_t)US_PER_S);
    dock_on_kept_image(bench->dock, "nginx:1", bench->now.wall_us - 60 * (int64_t)US_PER_S);
    bench->disk_percent = 89;
    bench_pass(bench, 120000);
    assert_int_equal(bench->removed_images, 0);
    bench->disk_percent = 95; /* one brings 10: then it is still 85, but the other is young */
    bench_pass(bench, 120000);
    assert_int_equal(bench->removed_images, 1);
}

/* What a task calls `busybox` the Engine shows as busybox:latest, and what it names by its digest by no tag. */
static void images_go_by_whatever_name_they_came(void **state)
{
    static const char *const names[] = {"docker.io/library/alpine:latest", "r:5000/x@sha256:0123"};
    static const struct dock_image images[] = {{.id = "1", .names = &names[0], .names_count = 1},
                                               {.id = "2", .names = &names[1], .names_count = 1}};
    const struct msg_docker_configure configure = {.gc_high = 90, .gc_low = 80};
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(&configure);

    (void)state;
    bench_work(bench);
    bench->shown_images = images;
    bench->shown_images_count = 2;
    dock_on_kept_image(bench->dock, "alpine", 1);
    bench->disk_percent = 95;
    bench_pass(bench, 120000);
    assert_int_equal(bench->removed_images, 1);
    assert_string_equal(bench->removed_image, "docker.io/library/alpine:latest");
    dock_on_kept_image(bench->dock, "r:5000/x:v1@sha256:0123", 1);
    bench->disk_percent = 95;
    bench_pass(bench, 120000);
    assert_int_equal(bench->removed_images, 2);
    assert_string_equal(bench->removed_image, "r:5000/x@sha256:0123");
}

/* Its tag is another image's since it was pulled anew. */
static void an_image_that_has_lost_its_tag_goes_by_its_digest(void **state)
{
    static const char *const names[] = {"r:1/new:1", "r:1/new@sha256:2", "r:1/new@sha256:1"};
    static const struct dock_image images[] = {{.id = "2", .names = &names[0], .names_count = 2},
                                               {.id = "1", .names = &names[2], .names_count = 1}};
    const struct msg_docker_configure configure = {
        .gc_high = 90, .gc_low = 80, .gc_min_age_ms = 3600000};
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(&configure);

    (void)state;
    bench_work(bench);
    bench->pull_digest = "sha256:1";
    bench_launch_image(bench, "t.1", "r:1/new:1", PULL_ALWAYS);
    bench_work(bench);
    bench_end_box(bench, "t.1", 0);
    bench_forget(bench, "t.1");
    bench_pass(bench, 4000000);
    bench->pull_digest = "sha256:2";
    bench_launch_image(bench, "t.2", "r:1/new:1", PULL_ALWAYS);
    bench_work(bench);
    bench->shown_images = images;
    bench->shown_images_count = 2;
    bench->disk_percent = 95;
    bench_pass(bench, 120000);
    assert_int_equal(bench->removed_images, 1);
    assert_string_equal(bench->removed_image, "r:1/new@sha256:1");
}

static void an_image_that_is_pulled_and_is_never_there_fails(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench->pulls_in_vain = true;
    bench_launch_image(bench, "t.1", "new:1", 0);
    for (int i = 0; i < 100; i++)
        bench_step(bench);
    assert_exit(bench, "t.1", 125);
    assert_int_equal(bench->calls_of[CALL_PULL], 3);
    assert_non_null(strstr(end_of(bench, "t.1")->error, "No such image"));
}

static void a_registry_that_never_ends_keeps_nobody_from_another(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);
    char id[16], image[32];

    (void)state;
    bench_work(bench);
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "slow.%d", i);
        snprintf(image, sizeof(image), "tar.pit/x:%d", i);
        bench_launch_image(bench, id, image, PULL_ALWAYS);
    }
    assert_int_equal(bench_asked(bench, CALL_PULL), 3);
    bench->slow_pull = "tar.pit/x:0";
    bench_launch_image(bench, "t.1", "other.host/x", PULL_ALWAYS);
    assert_int_equal(bench_asked(bench, CALL_PULL), 4);
    bench_work(bench);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
    assert_int_equal(bench_asked(bench, CALL_PULL), 1);
}

/* --- files -------------------------------------------------------------------------------------- */

static void files_are_there_before_the_container_is_made(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch_fetching(bench, "t.1");
    bench_work(bench);
    assert_int_equal(bench->fetches, 1);
    assert_int_equal(bench->calls_of[CALL_CREATE], 0);
    dock_on_fetching(bench->dock, bench->now, "t.1", 0, 4096);
    assert_int_equal(bench_told(bench, MSG_CONTAINER_FETCHING, "")->container_fetching->bytes,
                     4096);
    dock_on_fetched(bench->dock, bench->now, "t.1", "", 0);
    bench_work(bench);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
    assert_int_equal(bench->cancelled_fetches, 0);
}

static void files_that_cannot_be_had_end_the_task(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch_fetching(bench, "t.1");
    dock_on_fetched(bench->dock, bench->now, "t.1", "404 Not Found", 0);
    bench_work(bench);
    assert_exit(bench, "t.1", 125);
    assert_string_equal(end_of(bench, "t.1")->error, "404 Not Found");
    assert_int_equal(bench->calls_of[CALL_CREATE], 0);
}

static void files_that_met_a_limit_of_the_task_end_it_with_that(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch_fetching(bench, "t.1");
    dock_on_fetched(bench->dock, bench->now, "t.1", "fetching its URIs: Memory limit exceeded",
                    REASON_CONTAINER_LIMITATION_MEMORY);
    bench_work(bench);
    assert_exit(bench, "t.1", 125);
    assert_int_equal(end_of(bench, "t.1")->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
    assert_string_equal(end_of(bench, "t.1")->message, "fetching its URIs: Memory limit exceeded");
    assert_int_equal(bench->calls_of[CALL_CREATE], 0);
}

static void a_kill_ends_the_fetching(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch_fetching(bench, "t.1");
    bench_signal(bench, "t.1", false);
    assert_int_equal(bench->cancelled_fetches, 1);
    assert_non_null(end_of(bench, "t.1"));
    bench_launch_fetching(bench, "t.2"); /* and the end of all */
    dock_on_order(bench->dock, bench->now, &MESSAGE(LAUNCHER_END, launcher_end, .reason = "bye"));
    assert_int_equal(bench->cancelled_fetches, 2);
    assert_true(bench->is_over);
}

/* --- output ------------------------------------------------------------------------------------- */

static void output_that_cannot_be_written_is_tried_ever_more_rarely(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench->refuses_logs = true;
    bench_work(bench);
    bench_launch(bench, "t.1");
    bench_pass(bench, 600000);
    assert_in_range(bench->calls_of[CALL_LOGS], 8, 24);
    bench->refuses_logs = false;
    bench_pass(bench, 70000);
    assert_int_equal(bench_asked(bench, CALL_LOGS), 1);
}

static void an_image_that_the_operator_keeps_stays(void **state)
{
    static const char *const keep[] = {"old:*"};
    const struct msg_docker_configure configure = {
        .gc_high = 90, .gc_low = 80, .gc_keep = keep, .gc_keep_count = 1};
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(&configure);

    (void)state;
    bench_work(bench);
    dock_on_kept_image(bench->dock, "old:1", 0);
    bench->disk_percent = 95;
    bench_pass(bench, 120000);
    assert_int_equal(bench->removed_images, 0);
}

/* --- usage and exec ----------------------------------------------------------------------------- */

static void usage_of_all_that_run_comes_in_one_answer(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);
    const struct msg_usage_reply *reply;
    char id[16];

    (void)state;
    bench_work(bench);
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "t.%d", i);
        bench_launch(bench, id);
    }
    bench_work(bench);
    dock_on_order(bench->dock, bench->now, &MESSAGE(USAGE_REQUEST, usage_request, .number = 9));
    assert_in_range(bench_asked(bench, CALL_STATS), 1, 8);
    bench_work(bench);
    reply = bench_told(bench, MSG_USAGE_REPLY, "")->usage_reply;
    assert_int_equal(reply->number, 9);
    assert_int_equal(reply->usages_count, 20);
    assert_int_equal(reply->usages[0].mem_total_bytes, 5);
}

static void usage_is_answered_in_time_by_an_engine_that_hangs(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench->mood = MOOD_HANGS;
    dock_on_order(bench->dock, bench->now, &MESSAGE(USAGE_REQUEST, usage_request, .number = 9));
    bench_pass(bench, 3500);
    assert_int_equal(bench_told(bench, MSG_USAGE_REPLY, "")->usage_reply->usages_count, 0);
}

static void exec(struct dock_bench *bench, int64_t timeout_ms)
{
    static const char *const argv[] = {"check"};

    dock_on_order(bench->dock, bench->now,
                  &MESSAGE(EXEC_CONTAINER, exec_container, .container_id = "t.1", .number = 4,
                           .argv = argv, .argv_count = 1, .timeout_ms = timeout_ms));
}

static void a_command_is_run_in_a_container(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");
    const struct msg_container_executed *done;

    (void)state;
    exec(bench, 0);
    bench_work(bench);
    done = bench_told(bench, MSG_CONTAINER_EXECUTED, "t.1")->container_executed;
    assert_int_equal(done->exit->code, 3);
    assert_int_equal(done->output.size, 3);
    assert_int_equal(done->number, 4);
}

static void a_command_that_takes_too_long_is_killed(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    exec(bench, 2000);
    bench_step(bench); /* made; its start is not answered */
    for (size_t i = 0; i < BENCH_CALLS; i++)
        if (bench->asked[i].number && bench->asked[i].kind == CALL_EXEC_START)
            bench->asked[i].kind = CALL_EVENTS; /* a stream that does not end */
    bench_pass(bench, 3000);
    assert_int_equal(bench->killed_pid, 55);
    assert_null(bench_told(bench, MSG_CONTAINER_EXECUTED, "t.1")->container_executed->exit);
}

/* A slow Engine begins it when its time is over already: nobody waits for it any more, and it would be left. */
static void a_command_that_begins_too_late_is_killed_then(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench->execs_are_slow = true;
    exec(bench, 2000);
    bench_step(bench);
    for (size_t i = 0; i < BENCH_CALLS; i++)
        if (bench->asked[i].number && bench->asked[i].kind == CALL_EXEC_START)
            bench->asked[i].kind = CALL_EVENTS;
    bench_pass(bench, 5000);
    assert_int_equal(bench_told_count(bench, MSG_CONTAINER_EXECUTED, "t.1"), 1);
    assert_int_equal(bench->killed_pid, 0);
    bench->execs_are_slow = false;
    bench_pass(bench, 5000);
    assert_int_equal(bench->killed_pid, 55);
    assert_int_equal(bench_told_count(bench, MSG_CONTAINER_EXECUTED, "t.1"), 1);
}

static void a_command_in_what_does_not_run_is_refused(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    exec(bench, 0);
    assert_string_equal(bench_told(bench, MSG_CONTAINER_EXECUTED, "t.1")->container_executed->error,
                        "the container does not run");
}

/* --- checks ------------------------------------------------------------------------------------- */

static void check(struct dock_bench *bench, const struct check_info *info)
{
    dock_on_order(bench->dock, bench->now,
                  &MESSAGE(CHECK_CONTAINER, check_container, .container_id = "t.1", .number = 6,
                           .check = info));
}

static const struct command_info check_line = {.value = "test -e /ok"};
static const struct check_info by_command = {.command = &check_line, .timeout_ms = 5000};

static const struct check_status *checked(const struct dock_bench *bench)
{
    const struct message *told = bench_told(bench, MSG_CONTAINER_CHECKED, "");

    return told ? told->container_checked->result : NULL;
}

static void a_check_by_command_is_run_in_the_container(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    check(bench, &by_command);
    bench_pass(bench, 1000);
    assert_int_equal(checked(bench)->kind, CHECK_COMMAND);
    assert_int_equal(checked(bench)->exit_code, 3);
    assert_false(checked(bench)->passed);
    assert_string_equal(checked(bench)->message, "hi\n");
}

/* A task must not be ended as unhealthy because nobody could look. */
static void a_check_waits_for_an_engine_that_is_away(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench->mood = MOOD_HANGS;
    check(bench, &by_command);
    bench_pass(bench, 300000);
    assert_null(checked(bench));
    bench->mood = MOOD_WELL;
    bench_pass(bench, 20000);
    assert_int_equal(checked(bench)->exit_code, 3);
}

/* What is asked now; NULL: nothing. */
static const char *connects_to(const struct dock_bench *bench)
{
    for (size_t i = 0; i < BENCH_CALLS; i++)
        if (bench->asked[i].number && bench->asked[i].kind == CALL_CONNECT)
            return bench->asked[i].image;
    return NULL;
}

static struct dock_bench *running_in(const char *address)
{
    struct dock_bench *bench = running("t.1");
    struct box *box = bench_box(bench, "t.1");

    box->has_own_network = true;
    snprintf(box->address, sizeof(box->address), "%s", address);
    dock_on_event(bench->dock, bench->now, "t.1");
    bench_work(bench);
    return bench;
}

/* proffer-docker asks from the host's network: a framework must not choose what. */
static void a_check_asks_nobody_but_the_container(void **state)
{
    static const struct http_check http = {.port = 80, .path = "/x", .address = "169.254.169.254"};
    static const struct check_info info = {.http = &http, .timeout_ms = 5000};
    CLEANUP(bench_destroy) struct dock_bench *bench = running_in("172.18.0.2");

    (void)state;
    check(bench, &info);
    assert_string_equal(connects_to(bench), "http://172.18.0.2:80/x");
}

static void a_check_of_a_container_without_a_network_fails(void **state)
{
    static const struct http_check http = {.port = 80, .path = "/x", .address = "127.0.0.1"};
    static const struct check_info info = {.http = &http, .timeout_ms = 5000};
    CLEANUP(bench_destroy) struct dock_bench *bench = running_in("");

    (void)state;
    check(bench, &info);
    assert_null(connects_to(bench));
    bench_pass(bench, 1000);
    assert_false(checked(bench)->passed);
    assert_string_equal(checked(bench)->message, "the container has no network to be asked in");
}

static void a_check_by_connection_goes_to_the_host_where_that_is_its_network(void **state)
{
    static const struct http_check http = {.port = 80, .path = "/health"};
    static const struct check_info info = {.http = &http, .timeout_ms = 5000};
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    check(bench, &info);
    assert_string_equal(connects_to(bench), "http://127.0.0.1:80/health");
    bench_work(bench);
    assert_true(checked(bench)->passed);
    assert_int_equal(checked(bench)->http_status, 200);
}

static void a_check_of_what_has_ended_is_not_answered(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    check(bench, &by_command);
    bench_end_box_silently(bench, "t.1", 0);
    dock_on_event(bench->dock, bench->now, "t.1");
    bench->mood = MOOD_WELL;
    bench_pass(bench, 30000);
    check(bench, &by_command);
    bench_pass(bench, 30000);
    assert_int_equal(bench_told_count(bench, MSG_CONTAINER_CHECKED, ""), 0);
}

/* The Engine says that it has ended only after what that did to the command. */
static void a_check_that_its_end_made_fail_is_not_answered(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    check(bench, &by_command);
    bench_work(bench);
    assert_null(checked(bench));
    bench_end_box_silently(bench, "t.1", 0);
    bench_pass(bench, 30000);
    assert_null(checked(bench));
    assert_non_null(bench_told(bench, MSG_CONTAINER_EXITED, "t.1"));
}

/* --- cores ---- */

static void move_to(struct dock_bench *bench, const char *id, const char *cpus)
{
    dock_on_order(bench->dock, bench->now,
                  &MESSAGE(UPDATE_CONTAINER, update_container, .container_id = id, .cpus = cpus,
                           .only_cpus = true, .docker = true));
}

/* The cores of the call in flight of that kind; NULL: there is none, or more than one. */
static const char *asked_cpus(const struct dock_bench *bench)
{
    const char *cpus = NULL;

    if (bench_asked(bench, CALL_UPDATE) != 1)
        return NULL;
    for (size_t i = 0; i < BENCH_CALLS; i++)
        if (bench->asked[i].number && bench->asked[i].kind == CALL_UPDATE)
            cpus = bench->asked[i].image;
    return cpus;
}

static void new_cores_reach_one_whose_image_is_on_its_way(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = bench_new(NULL);

    (void)state;
    bench_work(bench);
    bench_launch_image(bench, "t.1", "new:1", PULL_ALWAYS);
    move_to(bench, "t.1", "2-3");
    bench_step(bench); /* pulled; it is made with them */
    assert_int_equal(bench_asked(bench, CALL_CREATE), 1);
    assert_string_equal(bench->created_cpus, "2-3");
    move_to(bench, "t.1", "3"); /* too late for that */
    bench_work(bench);
    assert_non_null(bench_told(bench, MSG_CONTAINER_STARTED, "t.1"));
    assert_int_equal(bench->calls_of[CALL_UPDATE], 1);
    assert_int_equal(bench_told_count(bench, MSG_CONTAINER_UPDATED, ""), 0);
}

static void new_cores_wait_for_an_engine_that_is_away_and_the_newest_count(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench_break(bench, MOOD_REFUSES);
    move_to(bench, "t.1", "0-1");
    move_to(bench, "t.1", "1");
    bench_pass(bench, 20000);
    assert_int_equal(bench->calls_of[CALL_UPDATE], 0);
    bench->mood = MOOD_WELL;
    bench->holds_updates = true;
    bench_pass(bench, 10000);
    assert_string_equal(asked_cpus(bench), "1");
    move_to(bench, "t.1", "2"); /* one is in flight */
    move_to(bench, "t.1", "3");
    assert_string_equal(asked_cpus(bench), "1");
    bench->holds_updates = false;
    bench_step(bench);
    assert_string_equal(asked_cpus(bench), "3");
    bench_work(bench);
    assert_int_equal(bench->calls_of[CALL_UPDATE], 2);
}

static void new_cores_reach_one_that_is_taken_over(void **state)
{
    static const char *const ids[] = {"t.1"};
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench->mood = MOOD_REFUSES;
    bench_reborn(bench, ids, 1);
    move_to(bench, "t.1", "0");
    bench->mood = MOOD_WELL;
    bench_pass(bench, 10000);
    assert_int_equal(bench->calls_of[CALL_UPDATE], 1);
}

static void new_cores_that_are_refused_are_said_again_now_and_then(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    bench->update_status = 500;
    move_to(bench, "t.1", "7");
    bench_pass(bench, 60000);
    assert_in_range(bench->calls_of[CALL_UPDATE], 4, 10);
    bench->update_status = 0;
    bench_pass(bench, 120000);
    bench->calls_of[CALL_UPDATE] = 0;
    bench_pass(bench, 120000);
    assert_int_equal(bench->calls_of[CALL_UPDATE], 0);
}

/* --- limits ------------------------------------------------------------------------------------- */

static void update(struct dock_bench *bench, const char *id)
{
    dock_on_order(bench->dock, bench->now,
                  &MESSAGE(UPDATE_CONTAINER, update_container, .container_id = id, .number = 5));
}

static const char *updated(const struct dock_bench *bench)
{
    return bench_told(bench, MSG_CONTAINER_UPDATED, "")->container_updated->error;
}

static void new_limits_are_the_engines_to_set(void **state)
{
    CLEANUP(bench_destroy) struct dock_bench *bench = running("t.1");

    (void)state;
    update(bench, "t.1");
    assert_int_equal(bench_asked(bench, CALL_UPDATE), 1);
    bench_work(bench);
    assert_string_equal(updated(bench), "");
    update(bench, "none");
    assert_string_equal(updated(bench), "its container does not run");
    bench->mood = MOOD_HANGS;
    update(bench, "t.1");
    bench_pass(bench, 70000);
    assert_string_equal(updated(bench), "Operation timed out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_image_is_pulled_once_for_all_who_wait_for_it),
        cmocka_unit_test(an_image_is_pulled_first_when_the_task_says_always),
        cmocka_unit_test(an_image_is_not_pulled_when_the_task_says_never),
        cmocka_unit_test(a_pull_that_fails_ends_the_task_with_the_registrys_words),
        cmocka_unit_test(a_pull_goes_on_when_the_engine_is_back),
        cmocka_unit_test(progress_is_told_now_and_then),
        cmocka_unit_test(a_kill_ends_the_wait_for_an_image_and_the_pull_with_it),
        cmocka_unit_test(images_that_were_pulled_go_when_the_disk_is_nearly_full),
        cmocka_unit_test(images_go_by_whatever_name_they_came),
        cmocka_unit_test(an_image_that_has_lost_its_tag_goes_by_its_digest),
        cmocka_unit_test(an_image_that_is_pulled_and_is_never_there_fails),
        cmocka_unit_test(a_registry_that_never_ends_keeps_nobody_from_another),
        cmocka_unit_test(files_are_there_before_the_container_is_made),
        cmocka_unit_test(files_that_cannot_be_had_end_the_task),
        cmocka_unit_test(files_that_met_a_limit_of_the_task_end_it_with_that),
        cmocka_unit_test(a_kill_ends_the_fetching),
        cmocka_unit_test(output_that_cannot_be_written_is_tried_ever_more_rarely),
        cmocka_unit_test(new_cores_reach_one_whose_image_is_on_its_way),
        cmocka_unit_test(new_cores_wait_for_an_engine_that_is_away_and_the_newest_count),
        cmocka_unit_test(new_cores_reach_one_that_is_taken_over),
        cmocka_unit_test(new_cores_that_are_refused_are_said_again_now_and_then),
        cmocka_unit_test(an_image_that_the_operator_keeps_stays),
        cmocka_unit_test(usage_of_all_that_run_comes_in_one_answer),
        cmocka_unit_test(usage_is_answered_in_time_by_an_engine_that_hangs),
        cmocka_unit_test(a_command_is_run_in_a_container),
        cmocka_unit_test(a_command_that_takes_too_long_is_killed),
        cmocka_unit_test(a_command_that_begins_too_late_is_killed_then),
        cmocka_unit_test(a_command_in_what_does_not_run_is_refused),
        cmocka_unit_test(a_check_by_command_is_run_in_the_container),
        cmocka_unit_test(a_check_waits_for_an_engine_that_is_away),
        cmocka_unit_test(a_check_asks_nobody_but_the_container),
        cmocka_unit_test(a_check_of_a_container_without_a_network_fails),
        cmocka_unit_test(a_check_by_connection_goes_to_the_host_where_that_is_its_network),
        cmocka_unit_test(a_check_of_what_has_ended_is_not_answered),
        cmocka_unit_test(a_check_that_its_end_made_fail_is_not_answered),
        cmocka_unit_test(new_limits_are_the_engines_to_set),
    };

    return cmocka_run_group_tests_name("docker services", tests, NULL, NULL);
}
