/* proffer-batch's jobs: how they are read, which may start, what follows from an end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "examples/batch/job.h"
#include "examples/batch/units.h"

#define DEFAULTS                                                                                   \
    (&(const struct job_defaults){                                                                 \
        .resources = "cpus:1;mem:128", .user = NULL, .retries = 2, .timeout_ms = 5000})

static int read_text(struct job_list *list, const char *text, size_t size, struct proffer_err *err)
{
    FILE *file = fmemopen((char *)text, size, "r");
    int r;

    assert_non_null(file);
    r = job_list_read(list, file, "jobs", DEFAULTS, err);
    fclose(file);
    return r;
}

static void read_jobs(struct job_list *list, const char *text)
{
    struct proffer_err err = {""};

    if (read_text(list, text, strlen(text), &err) < 0)
        fail_msg("%s", err.text);
}

/* It is refused with a text that has `part` in it. */
static void refuse(const char *text, const char *part)
{
    struct job_list list = {0};
    struct proffer_err err = {""};

    assert_int_equal(read_text(&list, text, strlen(text), &err), -EINVAL);
    if (!strstr(err.text, part))
        fail_msg("\"%s\" is refused with \"%s\", without \"%s\"", text, err.text, part);
    job_list_fini(&list);
}

/* Names of the jobs that ended, in order, with blanks between. */
struct ends {
    char names[1024];
};

static void on_done(struct job *job, void *user)
{
    struct ends *ends = user;
    size_t used = strlen(ends->names);

    snprintf(ends->names + used, sizeof(ends->names) - used, "%s ", job->name);
}

static void run_next(struct job_list *list, enum job_state state, struct ends *ends)
{
    struct job *job = job_list_first_ready(list);

    assert_non_null(job);
    job_list_launch(list, job);
    job_list_finish(list, job, state, on_done, ends);
}

static void assert_counts_add_up(const struct job_list *list)
{
    size_t counts[JOB_STATE_MAX] = {0};

    for (size_t i = 0; i < list->count; i++)
        counts[list->jobs[i].state]++;
    assert_memory_equal(counts, list->counts, sizeof(counts));
}

/* --- reading -------------------------------------------------------------------------------------- */

static void a_line_is_a_command_with_the_defaults(void **state)
{
    struct job_list list = {0};

    (void)state;
    read_jobs(&list, "echo {a}\r\n\n  # no job\n   spaced  \nlast");
    assert_int_equal(list.count, 3);
    assert_string_equal(list.jobs[0].command, "echo {a}");
    assert_string_equal(list.jobs[0].name, "job-1");
    assert_string_equal(list.jobs[0].resources, "cpus:1;mem:128");
    assert_int_equal(list.jobs[0].retries, 2);
    assert_int_equal(list.jobs[0].timeout_ms, 5000);
    assert_string_equal(list.jobs[1].command, "spaced  ");
    assert_string_equal(list.jobs[2].command, "last");
    assert_int_equal(list.counts[JOB_READY], 3);
    job_list_fini(&list);
}

static void an_object_says_what_is_different(void **state)
{
    struct job_list list = {0};
    const struct job *job;

    (void)state;
    read_jobs(&list, "{\"cmd\":\"x\",\"name\":\"n\",\"cpus\":0.5,\"disk\":10,\"ports\":3,\"env\":{"
                     "\"A\":\"1\",\"B\":\"\"},\"retries\":0,\"timeout\":\"1m30s\",\"user\":\"u\"}\n"
                     "{\"cmd\":\"y\",\"timeout\":0.5,\"mem\":0,\"retries\":null}\n");
    job = &list.jobs[0];
    assert_string_equal(job->name, "n");
    assert_string_equal(job->resources, "mem:128;cpus:0.500;disk:10.000");
    assert_int_equal(job->ports, 3);
    assert_string_equal(job->env[0].name, "A");
    assert_string_equal(job->env[1].value, "");
    assert_null(job->env[2].name);
    assert_int_equal(job->retries, 0);
    assert_int_equal(job->timeout_ms, 90000);
    assert_string_equal(job->user, "u");
    assert_string_equal(list.jobs[1].resources, "cpus:1");
    assert_int_equal(list.jobs[1].timeout_ms, 500);
    assert_int_equal(list.jobs[1].retries, 2);
    job_list_fini(&list);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    refuse("true\n{\"cmd\":\n", "jobs:2: not JSON");
    refuse("{\"cmd\":\"x\"} {\"cmd\":\"y\"}\n", "jobs:1: not JSON");
    refuse("{\"name\":\"x\"}\n", "jobs:1: \"cmd\" is missing");
    refuse("{\"cmd\":1}\n", "\"cmd\" must be a text");
    refuse("{\"cmd\":\"x\",\"cmd\":\"y\"}\n", "duplicate");
    refuse("{\"cmd\":\"x\",\"commmand\":\"y\"}\n", "unknown field \"commmand\"");
    refuse("{\"cmd\":\"x\",\"cpus\":-1}\n", "\"cpus\" must be a number");
    refuse("{\"cmd\":\"x\",\"cpus\":1e300}\n", "\"cpus\" must be a number");
    refuse("{\"cmd\":\"x\",\"retries\":1.5}\n", "\"retries\" must be a whole number");
    refuse("{\"cmd\":\"x\",\"ports\":70000}\n", "\"ports\" must be a whole number");
    refuse("{\"cmd\":\"x\",\"timeout\":\"5 parsecs\"}\n", "\"timeout\" is not a duration");
    refuse("{\"cmd\":\"x\",\"env\":[]}\n", "\"env\" must be an object");
    refuse("{\"cmd\":\"x\",\"env\":{\"A\":1}}\n", "\"env\": \"A\" must be a text");
    refuse("{\"cmd\":\"x\",\"after\":[1]}\n", "\"after\" must be a text");
    refuse("\xff\n", "jobs:1: the command is not valid UTF-8");
}

static void names_are_names_of_files(void **state)
{
    (void)state;
    refuse("{\"cmd\":\"x\",\"name\":\"\"}\n", "\"name\" must be");
    refuse("{\"cmd\":\"x\",\"name\":\"a/b\"}\n", "\"name\" must be");
    refuse("{\"cmd\":\"x\",\"name\":\"..\"}\n", "\"name\" must be");
    refuse("{\"cmd\":\"x\",\"name\":\"a\\nb\"}\n", "control character");
    refuse("x\n{\"cmd\":\"x\",\"name\":\"job-1\"}\n", "jobs 1 and 2 are both named \"job-1\"");
}

static void a_zero_byte_does_not_cut_a_command(void **state)
{
    struct job_list list = {0};
    struct proffer_err err = {""};

    (void)state;
    assert_int_equal(read_text(&list, "echo a\0rm b\n", 12, &err), -EINVAL);
    assert_non_null(strstr(err.text, "jobs:1"));
    job_list_fini(&list);
}

static void circles_and_strangers_are_found_before_anything_runs(void **state)
{
    (void)state;
    refuse("{\"cmd\":\"x\",\"name\":\"a\",\"after\":\"a\"}\n", "\"a\" waits for itself");
    refuse("{\"cmd\":\"x\",\"name\":\"a\",\"after\":\"c\"}\n"
           "{\"cmd\":\"x\",\"name\":\"b\",\"after\":\"a\"}\n"
           "{\"cmd\":\"x\",\"name\":\"c\",\"after\":[\"b\"]}\nfree\n",
           "waits for itself");
    refuse("{\"cmd\":\"x\",\"after\":[\"nobody\"]}\n", "\"nobody\", which is no job here");
}

/* --- running ---------------------------------------------------------------------------------------- */

static void jobs_start_in_order_and_after_those_they_wait_for(void **state)
{
    struct job_list list = {0};
    struct ends ends = {""};

    (void)state;
    read_jobs(&list, "{\"cmd\":\"x\",\"name\":\"last\",\"after\":[\"one\",\"two\",\"one\"]}\n"
                     "{\"cmd\":\"x\",\"name\":\"one\"}\n{\"cmd\":\"x\",\"name\":\"two\"}\n");
    assert_int_equal(list.counts[JOB_WAITING], 1);
    while (job_list_first_ready(&list)) {
        run_next(&list, JOB_SUCCEEDED, &ends);
        assert_counts_add_up(&list);
    }
    assert_string_equal(ends.names, "one two last ");
    assert_true(job_list_is_done(&list));
    job_list_fini(&list);
}

static void what_waits_for_a_failed_job_is_skipped_to_the_end_of_the_chain(void **state)
{
    struct job_list list = {0};
    struct ends ends = {""};

    (void)state;
    read_jobs(&list,
              "{\"cmd\":\"x\",\"name\":\"a\"}\n{\"cmd\":\"x\",\"name\":\"b\",\"after\":\"a\"}\n"
              "{\"cmd\":\"x\",\"name\":\"c\",\"after\":\"b\"}\nother\n"
              "{\"cmd\":\"x\",\"name\":\"d\",\"after\":[\"c\",\"job-4\"]}\n");
    run_next(&list, JOB_FAILED, &ends);
    assert_string_equal(ends.names, "a b c d ");
    assert_string_equal(list.jobs[1].message, "\"a\" did not succeed");
    assert_int_equal(list.counts[JOB_SKIPPED], 3);
    assert_false(job_list_is_done(&list));
    run_next(&list, JOB_SUCCEEDED, &ends);
    assert_true(job_list_is_done(&list));
    assert_counts_add_up(&list);
    job_list_fini(&list);
}

static void a_chain_of_a_hundred_thousand_is_no_recursion(void **state)
{
    enum { COUNT = 100000 };
    struct job_list list = {0};
    struct ends ends = {""};
    char *text = malloc(COUNT * 64), *end = text;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < COUNT; i++)
        end += i ? snprintf(end, 64, "{\"cmd\":\"x\",\"after\":\"job-%d\"}\n", i)
                 : snprintf(end, 64, "x\n");
    read_jobs(&list, text);
    free(text);
    run_next(&list, JOB_FAILED, &ends);
    assert_int_equal(list.counts[JOB_SKIPPED], COUNT - 1);
    assert_true(job_list_is_done(&list));
    job_list_fini(&list);
}

static void a_job_that_runs_again_comes_first(void **state)
{
    struct job_list list = {0};
    struct ends ends = {""};
    struct job *first;

    (void)state;
    read_jobs(&list, "a\nb\n");
    first = job_list_first_ready(&list);
    job_list_launch(&list, first);
    assert_int_equal(first->attempt, 1);
    job_list_requeue(&list, first);
    assert_ptr_equal(job_list_first_ready(&list), first);
    job_list_launch(&list, first);
    assert_int_equal(first->attempt, 2);
    run_next(&list, JOB_SUCCEEDED, &ends);
    /* Into an empty queue, and still found. */
    job_list_requeue(&list, first);
    assert_ptr_equal(job_list_first_ready(&list), first);
    run_next(&list, JOB_SUCCEEDED, &ends);
    assert_string_equal(ends.names, "job-2 job-1 ");
    assert_counts_add_up(&list);
    job_list_fini(&list);
}

static void stopping_ends_all_that_has_not_begun(void **state)
{
    struct job_list list = {0};
    struct ends ends = {""};
    struct job *running;

    (void)state;
    read_jobs(&list, "a\nb\n{\"cmd\":\"x\",\"name\":\"c\",\"after\":\"job-1\"}\n");
    running = job_list_first_ready(&list);
    job_list_launch(&list, running);
    job_list_stop_all(&list, on_done, &ends);
    assert_string_equal(ends.names, "job-2 c ");
    assert_null(job_list_first_ready(&list));
    assert_false(job_list_is_done(&list));
    job_list_finish(&list, running, JOB_STOPPED, on_done, &ends);
    assert_true(job_list_is_done(&list));
    assert_int_equal(list.counts[JOB_STOPPED], 3);
    assert_counts_add_up(&list);
    job_list_fini(&list);
}

/* --- units ---------------------------------------------------------------------------------------- */

static void times_are_read_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* negative: refused */
    } cases[] = {{"30", 30000},      {"1.5s", 1500},
                 {"250ms", 250},     {"5m", 300000},
                 {"1h30m", 5400000}, {"2d", 172800000},
                 {"0", 0},           {"", -1},
                 {"s", -1},          {"-1", -1},
                 {"5x", -1},         {"5m30q", -1},
                 {"1e400", -1},      {"99999999999999d", -1},
                 {"inf", -1},        {"nan", -1},
                 {" 5", -1}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = -1;
        int r = units_parse_ms(cases[i].text, &ms);

        if (ms != cases[i].ms || (r < 0) != (cases[i].ms < 0))
            fail_msg("\"%s\": %d, %lld", cases[i].text, r, (long long)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_command_with_the_defaults),
        cmocka_unit_test(an_object_says_what_is_different),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(names_are_names_of_files),
        cmocka_unit_test(a_zero_byte_does_not_cut_a_command),
        cmocka_unit_test(circles_and_strangers_are_found_before_anything_runs),
        cmocka_unit_test(jobs_start_in_order_and_after_those_they_wait_for),
        cmocka_unit_test(what_waits_for_a_failed_job_is_skipped_to_the_end_of_the_chain),
        cmocka_unit_test(a_chain_of_a_hundred_thousand_is_no_recursion),
        cmocka_unit_test(a_job_that_runs_again_comes_first),
        cmocka_unit_test(stopping_ends_all_that_has_not_begun),
        cmocka_unit_test(times_are_read_as_people_write_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
