/* The journal of proffer-batch: what one run writes, the next one finds; what is no journal is refused. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "examples/batch/batch.h"
#include "examples/batch/journal.h"
#include "examples/batch/memory.h"

#define JOBS "echo a\necho b\n{\"name\":\"c\",\"cmd\":\"echo c\",\"after\":[\"job-1\",\"job-2\"]}\n"

struct site {
    char dir[64];
    struct batch_options options;
    struct batch batch;
    struct proffer_err err;
};

static void site_read(struct site *self, const char *jobs)
{
    FILE *file = fmemopen((char *)jobs, strlen(jobs), "r");

    assert_non_null(file);
    assert_int_equal(
        job_list_read(&self->batch.list, file, "jobs", &self->options.defaults, &self->err), 0);
    fclose(file);
}

/* A run in the same folder; what journal_open answers. */
static int site_open(struct site *self, bool resume, const char *jobs)
{
    self->options = (struct batch_options){
        .output_dir = self->dir, .resume = resume, .quiet = true, .defaults.resources = "cpus:1"};
    self->batch = (struct batch){.options = &self->options,
                                 .output_fd = open(self->dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC)};
    assert_true(self->batch.output_fd >= 0);
    site_read(self, jobs);
    return journal_open(&self->batch, &self->err);
}

static void site_close(struct site *self)
{
    journal_close(&self->batch);
    close(self->batch.output_fd);
    job_list_fini(&self->batch.list);
}

static int set_up(void **state)
{
    struct site *self = calloc(1, sizeof(*self));

    snprintf(self->dir, sizeof(self->dir), "/tmp/proffer-journal.XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct site *self = *state;
    char path[128];

    snprintf(path, sizeof(path), "%s/" JOURNAL_NAME, self->dir);
    unlink(path);
    assert_int_equal(rmdir(self->dir), 0);
    free(self);
    return 0;
}

static void journal_is(struct site *self, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/" JOURNAL_NAME, self->dir);
    file = fopen(path, "we");
    fputs(text, file);
    fclose(file);
}

static size_t journal_size(const struct site *self)
{
    char path[128];
    struct stat stat_of;

    snprintf(path, sizeof(path), "%s/" JOURNAL_NAME, self->dir);
    return stat(path, &stat_of) == 0 ? (size_t)stat_of.st_size : 0;
}

static void ignore(struct job *job, void *user)
{
    (void)job;
    ++*(int *)user;
}

static void launch(struct batch *batch, struct job *job)
{
    job_list_launch(&batch->list, job);
    journal_note_launch(batch, job);
}

static void finish(struct batch *batch, struct job *job, enum job_state job_state)
{
    int skipped = 0;

    job_list_finish(&batch->list, job, job_state, ignore, &skipped);
    journal_note_done(batch, job);
}

/* --- what is written is found ------------------------------------------------------------------------ */

static void jobs_are_found_as_they_were(void **state)
{
    struct site *site = *state;
    struct job *jobs;
    int skipped = 0;

    assert_int_equal(site_open(site, false, JOBS), 0);
    jobs = site->batch.list.jobs;
    journal_note_framework(&site->batch, "F1");
    launch(&site->batch, &jobs[0]);
    launch(&site->batch, &jobs[1]);
    jobs[1].agent_id = batch_strdup("S1");
    journal_note_place(&site->batch, &jobs[1]);
    jobs[0].has_exit = true;
    jobs[0].exit_code = 0;
    jobs[0].failures = 2;
    jobs[0].host = batch_strdup("127.0.0.1:80");
    finish(&site->batch, &jobs[0], JOB_SUCCEEDED);
    assert_true(journal_sync(&site->batch));
    site_close(site);

    assert_int_equal(site_open(site, true, JOBS), 0);
    job_list_restored(&site->batch.list, ignore, &skipped);
    jobs = site->batch.list.jobs;
    assert_string_equal(journal_framework_id(&site->batch), "F1");
    assert_int_equal(jobs[0].state, JOB_SUCCEEDED);
    assert_true(jobs[0].has_exit);
    assert_int_equal(jobs[0].failures, 2);
    assert_string_equal(jobs[0].host, "127.0.0.1:80");
    assert_int_equal(jobs[1].state, JOB_RUNNING);
    assert_int_equal(jobs[1].attempt, 1);
    assert_string_equal(jobs[1].agent_id, "S1");
    assert_int_equal(jobs[2].state, JOB_WAITING);
    assert_int_equal(jobs[2].blockers, 1);
    assert_int_equal(skipped, 0);
    finish(&site->batch, &jobs[1], JOB_SUCCEEDED);
    assert_ptr_equal(job_list_first_ready(&site->batch.list), &jobs[2]);
    site_close(site);
}

static void what_is_not_synced_is_not_there(void **state)
{
    struct site *site = *state;

    assert_int_equal(site_open(site, false, JOBS), 0);
    journal_note_framework(&site->batch, "F1");
    assert_int_equal(journal_size(site), 0);
    assert_true(journal_sync(&site->batch));
    assert_true(journal_size(site) > 0);
    site_close(site);
}

static void run_that_never_began_leaves_nothing(void **state)
{
    struct site *site = *state;
    char path[128];

    assert_int_equal(site_open(site, false, JOBS), 0);
    site_close(site);
    snprintf(path, sizeof(path), "%s/" JOURNAL_NAME, site->dir);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(site_open(site, true, JOBS), 0); /* nothing to resume: it begins */
    assert_string_equal(journal_framework_id(&site->batch), "");
    site_close(site);
}

static void output_that_was_on_its_way_is_fetched_again(void **state)
{
    struct site *site = *state;
    struct job *job;

    assert_int_equal(site_open(site, false, JOBS), 0);
    job = &site->batch.list.jobs[0];
    journal_note_framework(&site->batch, "F1");
    launch(&site->batch, job);
    job->host = batch_strdup("127.0.0.1:80");
    job->sandbox = batch_strdup("/sandbox \"x\"");
    job->stdout_bytes = 5000000000;
    job->exit_signal = 9;
    job->has_exit = true;
    journal_note_end(&site->batch, job);
    assert_true(journal_sync(&site->batch));
    site_close(site);

    assert_int_equal(site_open(site, true, JOBS), 0);
    job = &site->batch.list.jobs[0];
    assert_int_equal(job->state, JOB_FETCHING);
    assert_string_equal(job->sandbox, "/sandbox \"x\"");
    assert_int_equal(job->stdout_bytes, 5000000000);
    assert_int_equal(job->exit_signal, 9);
    site_close(site);
}

static void those_behind_a_failed_one_are_skipped_though_nobody_wrote_it_down(void **state)
{
    struct site *site = *state;
    int skipped = 0;

    assert_int_equal(site_open(site, false, JOBS), 0);
    journal_note_framework(&site->batch, "F1");
    launch(&site->batch, &site->batch.list.jobs[0]);
    finish(&site->batch, &site->batch.list.jobs[0], JOB_FAILED);
    assert_true(journal_sync(&site->batch));
    site_close(site);

    assert_int_equal(site_open(site, true, JOBS), 0);
    job_list_restored(&site->batch.list, ignore, &skipped);
    assert_int_equal(skipped, 1);
    assert_int_equal(site->batch.list.jobs[2].state, JOB_SKIPPED);
    assert_ptr_equal(job_list_first_ready(&site->batch.list), &site->batch.list.jobs[1]);
    site_close(site);
}

/* --- what is refused ------------------------------------------------------------------------------------ */

#define HEADER "{\"proffer-batch\":1,\"jobs\":3,\"hash\":\"%016llx\"}\n"

static void journal_with(struct site *site, const char *lines)
{
    char text[1024];

    site_read(site, JOBS);
    snprintf(text, sizeof(text), HEADER "%s", (unsigned long long)job_list_hash(&site->batch.list),
             lines);
    job_list_fini(&site->batch.list);
    journal_is(site, text);
}

static void refuse(struct site *site, bool resume, const char *jobs, int error, const char *part)
{
    size_t before = journal_size(site);

    site->batch = (struct batch){0};
    assert_int_equal(site_open(site, resume, jobs), error);
    if (!strstr(site->err.text, part))
        fail_msg("\"%s\" does not say \"%s\"", site->err.text, part);
    site_close(site);
    assert_int_equal(journal_size(site), before);
}

static void unfinished_run_is_not_begun_anew(void **state)
{
    struct site *site = *state;

    site->options.defaults.resources = "cpus:1";
    journal_with(site, "{\"job\":1,\"is\":\"succeeded\",\"attempt\":1}\n");
    refuse(site, false, JOBS, -EEXIST, "1 of 3 jobs are done");
    refuse(site, false, "true\n", -EEXIST, "--resume");
}

static void finished_run_makes_way(void **state)
{
    struct site *site = *state;

    site->options.defaults.resources = "cpus:1";
    journal_with(site, "{\"job\":1,\"is\":\"succeeded\",\"attempt\":1}\n"
                       "{\"job\":2,\"is\":\"failed\",\"attempt\":1}\n"
                       "{\"job\":3,\"is\":\"skipped\",\"attempt\":0}\n");
    assert_int_equal(site_open(site, false, "true\n"), 0);
    assert_int_equal(journal_size(site), 0);
    site_close(site);
}

static void other_jobs_are_refused(void **state)
{
    struct site *site = *state;

    site->options.defaults.resources = "cpus:1";
    journal_with(site, "");
    refuse(site, true, "echo a\necho b\n{\"name\":\"c\",\"cmd\":\"echo c\",\"after\":\"job-1\"}\n",
           -EINVAL, "not the 3 that were begun");
    refuse(site, true, "echo a\necho b\n", -EINVAL, "these 2 jobs are not the 3");
    /* What they are given may change. */
    assert_int_equal(
        site_open(site, true,
                  "{\"cmd\":\"echo a\",\"cpus\":2}\n{\"cmd\":\"echo b\",\"retries\":7}\n"
                  "{\"name\":\"c\",\"cmd\":\"echo c\",\"after\":[\"job-1\",\"job-2\"]}\n"),
        0);
    site_close(site);
}

static void what_is_no_journal_is_told_by_its_line(void **state)
{
    static const struct {
        const char *lines, *part;
    } wrong[] = {
        {"garbage\n", "line 2: not an object"},
        {"\n", "line 2: not an object"},
        {"{\"framework\":\"F\"}\n[]\n", "line 3: not an object"},
        {"{\"job\":0,\"is\":\"launched\"}\n", "line 2: \"job\" must be from 1 to 3"},
        {"{\"job\":4,\"is\":\"launched\"}\n", "line 2: \"job\" must be from 1 to 3"},
        {"{\"job\":1,\"is\":\"lunched\"}\n", "line 2: \"is\""},
        {"{\"job\":1}\n", "line 2: \"is\""},
        {"{\"job\":1,\"is\":\"launched\",\"attempt\":-1}\n", "line 2: \"attempt\""},
        {"{\"job\":1,\"job\":2,\"is\":\"launched\"}\n", "line 2: not an object"},
        {"{\"job\":1,\"is\":\"failed\"}\n{\"job\":1,\"is\":\"launched\"}\n",
         "line 3: job 1 is done"},
    };
    struct site *site = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        site->options.defaults.resources = "cpus:1";
        site->batch = (struct batch){0};
        journal_with(site, wrong[i].lines);
        refuse(site, true, JOBS, -EINVAL, wrong[i].part);
    }
    journal_is(site, "{\"proffer-batch\":2,\"jobs\":3,\"hash\":\"0123456789abcdef\"}\n");
    refuse(site, true, JOBS, -EINVAL, "newer proffer-batch (format 2");
    journal_is(site, "{\"jobs\":3}\n");
    refuse(site, false, JOBS, -EINVAL, "no journal of proffer-batch");
}

static void line_that_was_cut_off_is_removed(void **state)
{
    struct site *site = *state;
    size_t whole;

    site->options.defaults.resources = "cpus:1";
    journal_with(site, "{\"job\":1,\"is\":\"succeeded\",\"attempt\":1}\n");
    whole = journal_size(site);
    journal_with(site, "{\"job\":1,\"is\":\"succeeded\",\"attempt\":1}\n{\"job\":2,\"is");
    site->batch = (struct batch){0};
    assert_int_equal(site_open(site, true, JOBS), 0);
    assert_int_equal(site->batch.list.jobs[0].state, JOB_SUCCEEDED);
    assert_int_equal(site->batch.list.jobs[1].state, JOB_READY);
    assert_int_equal(journal_size(site), whole);
    launch(&site->batch, &site->batch.list.jobs[1]);
    assert_true(journal_sync(&site->batch));
    site_close(site);
    assert_int_equal(site_open(site, true, JOBS), 0);
    assert_int_equal(site->batch.list.jobs[1].state, JOB_RUNNING);
    site_close(site);
}

static void two_processes_do_not_share_a_folder(void **state)
{
    struct site *site = *state;
    pid_t child;
    int status;

    assert_int_equal(site_open(site, false, JOBS), 0);
    child = fork();
    if (child == 0) {
        struct site other = {.err = {""}};
        char expected[64];

        memcpy(other.dir, site->dir, sizeof(other.dir));
        snprintf(expected, sizeof(expected), "(process %d)", (int)getppid());
        status = site_open(&other, true, JOBS);
        journal_close(&other.batch); /* does not take the other's file away */
        _exit(status == -EBUSY && strstr(other.err.text, expected) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    journal_note_framework(&site->batch, "F1");
    assert_true(journal_sync(&site->batch));
    assert_true(journal_size(site) > 0);
    site_close(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jobs_are_found_as_they_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_synced_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(run_that_never_began_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(output_that_was_on_its_way_is_fetched_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            those_behind_a_failed_one_are_skipped_though_nobody_wrote_it_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unfinished_run_is_not_begun_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finished_run_makes_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_jobs_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_journal_is_told_by_its_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(line_that_was_cut_off_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_processes_do_not_share_a_folder, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
