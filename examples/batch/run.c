/* The scheduler: offers are answered with jobs from the queue, updates move jobs on.
 *
 * A task's id is "<job number>.<attempt>". An attempt that the cluster lost (its agent is cut off,
 * gone, or never got it) is done again elsewhere without counting against the job's retries; should
 * the old task show up again, it is killed.
 */
#include "examples/batch/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "examples/batch/memory.h"

#define LOSSES_MAX     100 /* of one job: beyond it something is wrong with more than an agent */
#define REFUSE_SECONDS 5.0 /* what no job fits into now */
#define TASK_ID_MAX    64

static void job_is_done(struct job *job, void *user)
{
    struct batch *batch = user;

    report_job(batch, job);
    if (job->state == JOB_FAILED)
        progress_say(batch, "%s failed: %s%s", job->name, job->message ? job->message : "",
                     job->failures > 1 ? " (the last of several attempts)" : "");
    else if (job->state == JOB_SKIPPED)
        progress_say(batch, "%s skipped: %s", job->name, job->message);
}

static void finish(struct batch *batch, struct job *job, enum job_state state)
{
    job_list_finish(&batch->list, job, state, job_is_done, batch);
    if (state == JOB_FAILED && batch->options->fail_fast && !batch->interrupted) {
        progress_say(batch, "--fail-fast: stopping");
        batch_interrupt(batch);
    }
}

/* Offers only while there is something to launch: an idle framework must not hold what others need.
 */
static void want_offers(struct batch *batch)
{
    bool full =
        batch->options->jobs_max && batch->list.counts[JOB_RUNNING] >= batch->options->jobs_max;
    bool wanted = job_list_first_ready(&batch->list) && !batch->interrupted && !full;

    if (wanted == !batch->suppressed || !proffer_scheduler_is_connected(batch->scheduler))
        return;
    if ((wanted ? proffer_revive : proffer_suppress)(batch->scheduler, NULL) == 0)
        batch->suppressed = !wanted;
}

/* --- launching ---------------------------------------------------------------------------------
 */

static int launch(struct batch *batch, struct proffer_fit *fit, struct job *job,
                  struct proffer_err *err)
{
    char id[TASK_ID_MAX];
    struct proffer_task task = {
        .id = id,
        .name = job->name,
        .resources = job->resources,
        .ports = job->ports,
        .command = job->command,
        .env = job->env,
        .user = job->user,
        .max_completion_ms = job->timeout_ms,
        .kill_grace_ms = batch->options->kill_grace_ms,
    };
    int r;

    snprintf(id, sizeof(id), "%zu.%d", job->number, job->attempt + 1);
    r = proffer_fit_launch(fit, &task, err);
    if (r == 0) {
        job_list_launch(&batch->list, job);
        job->started = batch_now();
    }
    return r;
}

static bool may_launch(const struct batch *batch)
{
    return !batch->interrupted && (!batch->options->jobs_max ||
                                   batch->list.counts[JOB_RUNNING] < batch->options->jobs_max);
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct batch *batch = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);
    struct proffer_err err;
    struct job *job;

    batch->shortage[0] = '\0';
    while (may_launch(batch) && (job = job_list_first_ready(&batch->list))) {
        int r = launch(batch, fit, job, &err);

        if (r == 0)
            continue;
        if (r == -ENOSPC) {
            snprintf(batch->shortage, sizeof(batch->shortage), "%s: %.180s", job->name, err.text);
            break;
        }
        job_list_launch(&batch->list, job);
        job->message = batch_strdup(err.text);
        finish(batch, job, JOB_FAILED);
    }
    proffer_fit_finish(&fit, REFUSE_SECONDS);
    want_offers(batch);
}

/* --- updates -------------------------------------------------------------------------------------
 */

static struct job *find_job(struct batch *batch, const char *task_id, int *ret_attempt)
{
    char *end;
    unsigned long number = strtoul(task_id, &end, 10);

    if (*end != '.' || number == 0 || number > batch->list.count)
        return NULL;
    *ret_attempt = (int)strtol(end + 1, &end, 10);
    return *end == '\0' ? &batch->list.jobs[number - 1] : NULL;
}

static void take_facts(struct job *job, const struct proffer_status *status)
{
    job->ended = status->timestamp;
    job->has_exit = status->has_exit;
    job->exit_code = status->exit_code;
    job->exit_signal = status->exit_signal;
    job->cpu_seconds = (double)(status->cpu_user_us + status->cpu_system_us) / 1e6;
    job->peak_mem_bytes = status->peak_mem_bytes;
    free(job->message);
    job->message = batch_strdup(*status->message ? status->message : status->reason);
    free(job->host);
    job->host = batch_strdup(status->agent_address);
}

static void attempt_failed(struct batch *batch, struct job *job)
{
    job->failures++;
    if (job->failures <= job->retries && !batch->interrupted) {
        progress_say(batch, "%s failed: %s; attempt %d of %d follows", job->name, job->message,
                     job->failures + 1, job->retries + 1);
        job_list_requeue(&batch->list, job);
        return;
    }
    finish(batch, job, batch->interrupted ? JOB_STOPPED : JOB_FAILED);
}

static void attempt_lost(struct batch *batch, struct job *job, const char *why)
{
    if (batch->interrupted) {
        finish(batch, job, JOB_STOPPED);
        return;
    }
    if (++job->losses > LOSSES_MAX) {
        char *message = batch_printf("lost %d times, at last: %s", job->losses, why);

        free(job->message);
        job->message = message;
        finish(batch, job, JOB_FAILED);
        return;
    }
    progress_say(batch, "%s was lost (%s): it runs again", job->name, why);
    job_list_requeue(&batch->list, job);
}

static void on_terminal(struct batch *batch, struct job *job, const struct proffer_status *status)
{
    take_facts(job, status);
    switch (status->state) {
    case PROFFER_TASK_FINISHED:
        job_list_fetch(&batch->list, job);
        output_fetch(batch, job, status);
        break;
    case PROFFER_TASK_FAILED:
        if (job->failures >= job->retries || batch->interrupted) {
            job_list_fetch(&batch->list, job);
            job->failures++;
            output_fetch(batch, job, status);
            break;
        }
        attempt_failed(batch, job);
        break;
    case PROFFER_TASK_ERROR:
        finish(batch, job, JOB_FAILED);
        break;
    case PROFFER_TASK_KILLED:
        if (batch->interrupted)
            finish(batch, job, JOB_STOPPED);
        else
            attempt_failed(batch, job);
        break;
    default:
        attempt_lost(batch, job, status->message);
    }
}

void batch_output_done(struct batch *batch, struct job *job, const char *error, bool is_ours)
{
    bool finished = job->has_exit && job->exit_code == 0 && job->exit_signal == 0;

    if (error && is_ours) {
        free(job->message);
        job->message = batch_strdup(error);
        finish(batch, job, JOB_FAILED);
    } else if (error && finished) {
        attempt_lost(batch, job, error);
    } else if (finished) {
        finish(batch, job, JOB_SUCCEEDED);
    } else {
        finish(batch, job, batch->interrupted ? JOB_STOPPED : JOB_FAILED);
    }
    want_offers(batch);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct batch *batch = user;
    int attempt;
    struct job *job = find_job(batch, status->task_id, &attempt);
    bool terminal = proffer_task_state_is_terminal(status->state);

    if (!job || attempt != job->attempt || job->state != JOB_RUNNING) {
        if (!terminal && status->state == PROFFER_TASK_RUNNING)
            proffer_kill(scheduler, status->task_id, 0);
        return;
    }
    if (terminal)
        on_terminal(batch, job, status);
    else if (status->state == PROFFER_TASK_UNREACHABLE || status->state == PROFFER_TASK_UNKNOWN)
        attempt_lost(batch, job, "its agent cannot be reached");
    want_offers(batch);
}

/* --- the rest
 * --------------------------------------------------------------------------------------- */

static void kill_running(struct batch *batch)
{
    for (size_t i = 0; i < batch->list.count; i++) {
        const struct job *job = &batch->list.jobs[i];
        char id[TASK_ID_MAX];

        if (job->state != JOB_RUNNING)
            continue;
        snprintf(id, sizeof(id), "%zu.%d", job->number, job->attempt);
        proffer_kill(batch->scheduler, id, -1);
    }
}

void batch_interrupt(struct batch *batch)
{
    batch->interrupted = true;
    job_list_stop_all(&batch->list, job_is_done, batch);
    kill_running(batch);
    want_offers(batch);
}

static void on_registered(struct proffer_scheduler *scheduler, const char *framework_id,
                          const char *master_id, bool again, void *user)
{
    struct batch *batch = user;

    (void)scheduler;
    (void)master_id;
    if (again)
        progress_say(batch, "connected again");
    else if (!batch->terminal && !batch->options->quiet)
        progress_say(batch, "%zu jobs; framework %s", batch->list.count, framework_id);
    batch->ever_registered = true;
    if (batch->interrupted)
        kill_running(batch);
    want_offers(batch);
}

static void on_disconnected(struct proffer_scheduler *scheduler, const char *reason, void *user)
{
    (void)scheduler;
    progress_say(user, "no connection to the master: %s; trying again", reason);
}

static void on_error(struct proffer_scheduler *scheduler, const char *message, void *user)
{
    struct batch *batch = user;

    (void)scheduler;
    progress_say(batch, "the master ended this framework: %s", message);
    batch->failed = true;
}

const struct proffer_callbacks batch_callbacks = {
    .registered = on_registered,
    .offers = on_offers,
    .update = on_update,
    .error = on_error,
    .disconnected = on_disconnected,
};
