/* Any bytes as the file of jobs of proffer-batch. What is wrong is said, with the file's name; what is taken can be run to its
 * end in the order that was asked for, and never stands still. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "examples/batch/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_done(struct job *job, void *user)
{
    size_t *done = user;

    (void)job;
    ++*done;
}

static void check_job(const struct job *job)
{
    BUG_ON(!job->name || !*job->name || !job->command || !job->resources);
    BUG_ON(job->retries < 0 || job->timeout_ms < 0 || job->ports > UINT16_MAX);
}

/* Each third one fails, so that what comes after it is passed over. */
static void run_all(struct job_list *list)
{
    size_t done = 0, launched = 0;
    struct job *job;

    while ((job = job_list_first_ready(list))) {
        BUG_ON(job->blockers);
        job_list_launch(list, job);
        job_list_finish(list, job, ++launched % 3 ? JOB_SUCCEEDED : JOB_FAILED, on_done, &done);
    }
    BUG_ON(!job_list_is_done(list) || done != list->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct job_defaults defaults = {.resources = "cpus:1;mem:128", .retries = 1};
    struct job_list list = {0};
    struct proffer_err err = {""};
    CLEANUP(free_p) char *text = malloc(size + 1);
    FILE *file;
    int rc;

    BUG_ON(!text);
    memcpy(text, data, size);
    file = fmemopen(text, size, "r");
    if (!file)
        return 0; /* nothing, which is no file to it */
    rc = job_list_read(&list, file, "jobs", &defaults, &err);
    fclose(file);
    BUG_ON((rc < 0) != (strncmp(err.text, "jobs:", 5) == 0));
    for (size_t i = 0; rc == 0 && i < list.count; i++)
        check_job(&list.jobs[i]);
    if (rc == 0) {
        job_list_hash(&list);
        run_all(&list);
    }
    job_list_fini(&list);
    return 0;
}
