/* The scheduler: offers are answered with jobs from the queue, updates move jobs on.
 *
 * A task's id is "<job number>.<attempt>". An attempt that the cluster lost (its agent is cut off,
 * gone, or never got it) is done again elsewhere without counting against the job's retries; should
 * the old task show up again, it is killed.
 *
 * With a journal nothing is launched or acknowledged that it does not know of. A later run goes on as
 * the same framework, and asks about each task whose end the journal does not know.
 */
#include "examples/batch/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "examples/batch/journal.h"
#include "examples/batch/memory.h"

#define ASK_SECONDS    10.0
#define LOSSES_MAX     100 /* of one job: beyond it something is wrong with more than an agent */
#define REFUSE_SECONDS 5.0 /* what no job fits into now */
#define TASK_ID_MAX    64

static void job_is_done(struct job *job, void *user)
{
    struct batch *batch = user;

    if (job->state != JOB_STOPPED)
        journal_note_done(batch, job);
    else if (job->attempt > 0)
        journal_note_again(batch, job);
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

    if (wanted)
        needs_state(batch);
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
    const struct proffer_docker docker = {.image = job->image};
    struct proffer_task task = {
        .id = id,
        .name = job->name,
        .resources = job->resources,
        .ports = job->ports,
        .command = job->command,
        .env = job->env,
        .user = job->user,
        .isolation = job->isolation,
        .max_completion_ms = job->timeout_ms,
        .kill_grace_ms = batch->options->kill_grace_ms,
        .docker = job->image ? &docker : NULL,
        .uris = batch->options->uris,
        .priority = batch->options->priority,
    };
    int r;

    snprintf(id, sizeof(id), "%zu.%d", job->number, job->attempt + 1);
    r = proffer_fit_launch(fit, &task, err);
    if (r == 0) {
        job_list_launch(&batch->list, job);
        job->started = batch_now();
        job->is_end_awaited = false;
        free(job->agent_id);
        job->agent_id = NULL;
        journal_note_launch(batch, job);
    }
    return r;
}

static void ask_about(struct batch *batch, const struct job *job)
{
    char id[TASK_ID_MAX];

    snprintf(id, sizeof(id), "%zu.%d", job->number, job->attempt);
    proffer_reconcile(batch->scheduler, id, job->agent_id);
}

static void ask_about_running(struct batch *batch)
{
    for (size_t i = 0; i < batch->list.count; i++)
        if (batch->list.jobs[i].state == JOB_RUNNING)
            ask_about(batch, &batch->list.jobs[i]);
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
    const struct proffer_offer **good = batch_resize(NULL, count, sizeof(*good));
    struct proffer_fit *fit;
    struct proffer_err err;
    struct job *job;
    double seconds;

    count = batch_decline_leaving(batch, job_list_first_ready(&batch->list), offers, count, good,
                                  &seconds);
    fit = proffer_fit_new(scheduler, good, count);
    free(good);
    batch->shortage[0] = '\0';
    while (may_launch(batch) && (job = job_list_first_ready(&batch->list)) &&
           (double)job->timeout_ms / 1000 <= seconds) {
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
    if (!journal_sync(batch)) {
        proffer_fit_destroy(&fit);
        batch->failed = true;
        return;
    }
    if (proffer_fit_finish(&fit, REFUSE_SECONDS) < 0)
        ask_about_running(batch); /* which of them have left */
    needs_note_offers(batch, offers, count);
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
    free(job->sandbox);
    job->sandbox = batch_strdup(status->sandbox);
    job->stdout_bytes = status->stdout_bytes;
    job->stderr_bytes = status->stderr_bytes;
}

static void requeue(struct batch *batch, struct job *job)
{
    journal_note_again(batch, job);
    job_list_requeue(&batch->list, job);
}

/* The attempt is the last one; what it wrote is wanted. */
static void fetch(struct batch *batch, struct job *job)
{
    journal_note_end(batch, job);
    job_list_fetch(&batch->list, job);
    output_fetch(batch, job);
}

static void attempt_failed(struct batch *batch, struct job *job)
{
    job->failures++;
    if (job->failures <= job->retries && !batch->interrupted) {
        progress_say(batch, "%s failed: %s; attempt %d of %d follows", job->name, job->message,
                     job->failures + 1, job->retries + 1);
        requeue(batch, job);
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
    requeue(batch, job);
}

/* Nothing is wrong with the job, nor with an agent: however often it was so, it is done again. */
static void attempt_preempted(struct batch *batch, struct job *job)
{
    if (batch->interrupted) {
        finish(batch, job, JOB_STOPPED);
        return;
    }
    progress_say(batch, "%s has given way (%s): it runs again", job->name, job->message);
    requeue(batch, job);
}

static void on_terminal(struct batch *batch, struct job *job, const struct proffer_status *status)
{
    take_facts(job, status);
    switch (status->state) {
    case PROFFER_TASK_FINISHED:
        fetch(batch, job);
        break;
    case PROFFER_TASK_FAILED:
        if (job->failures >= job->retries || batch->interrupted) {
            job->failures++;
            fetch(batch, job);
            break;
        }
        attempt_failed(batch, job);
        break;
    case PROFFER_TASK_ERROR:
        finish(batch, job, JOB_FAILED);
        break;
    case PROFFER_TASK_KILLED:
        if (!batch->interrupted && !strcmp(status->reason, "REASON_AGENT_DRAINING"))
            attempt_lost(batch, job, "its agent is being drained");
        else if (!strcmp(status->reason, "REASON_PREEMPTED"))
            attempt_preempted(batch, job);
        else if (batch->interrupted)
            finish(batch, job, JOB_STOPPED);
        else
            attempt_failed(batch, job);
        break;
    default:
        /* In an optimistic role that is no misfortune: it never began. */
        if (!batch->interrupted && !strcmp(status->reason, "REASON_OFFER_CONFLICT"))
            requeue(batch, job);
        else
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

struct owed {
    char task_id[TASK_ID_MAX];
    char agent_id[256];
    unsigned char uuid[16];
};

/* Sent again until it is acknowledged: not before the journal has it. */
static void owe(struct batch *batch, const struct proffer_status *status)
{
    struct owed *owed;

    if (!batch->journal || !status->uuid || strlen(status->task_id) >= TASK_ID_MAX)
        return;
    batch->owed = batch_resize(batch->owed, batch->owed_count + 1, sizeof(*batch->owed));
    owed = &batch->owed[batch->owed_count++];
    snprintf(owed->task_id, sizeof(owed->task_id), "%s", status->task_id);
    snprintf(owed->agent_id, sizeof(owed->agent_id), "%s", status->agent_id);
    memcpy(owed->uuid, status->uuid, sizeof(owed->uuid));
}

void batch_settle(struct batch *batch)
{
    if (!journal_sync(batch)) {
        batch->failed = true;
        return;
    }
    for (size_t i = 0; i < batch->owed_count; i++)
        proffer_acknowledge(batch->scheduler,
                            &(struct proffer_status){.task_id = batch->owed[i].task_id,
                                                     .agent_id = batch->owed[i].agent_id,
                                                     .uuid = batch->owed[i].uuid});
    batch->owed_count = 0;
}

/* An answer tells that a task has ended, not what became of it: its update does, which follows, unless
 * its agent is lost with it. So it is asked about until one of the two is told. */
static bool await_end(struct batch *batch, struct job *job, const struct proffer_status *status)
{
    if (status->uuid ||
        (status->state != PROFFER_TASK_FINISHED && status->state != PROFFER_TASK_FAILED))
        return false;
    job->is_end_awaited = true;
    if (batch->ask_again == 0)
        batch->ask_again = batch_now() + ASK_SECONDS;
    return true;
}

void batch_tick(struct batch *batch, double now)
{
    bool any = false;

    if (batch->ask_again == 0 || now < batch->ask_again)
        return;
    for (size_t i = 0; i < batch->list.count; i++) {
        const struct job *job = &batch->list.jobs[i];

        if (job->state != JOB_RUNNING || !job->is_end_awaited)
            continue;
        ask_about(batch, job);
        any = true;
    }
    batch->ask_again = any ? now + ASK_SECONDS : 0;
}

static void note_place(struct batch *batch, struct job *job, const char *agent_id)
{
    if (!*agent_id || (job->agent_id && !strcmp(job->agent_id, agent_id)))
        return;
    free(job->agent_id);
    job->agent_id = batch_strdup(agent_id);
    journal_note_place(batch, job);
}

static bool is_alive(enum proffer_task_state state)
{
    return !proffer_task_state_is_terminal(state) && state != PROFFER_TASK_UNREACHABLE &&
           state != PROFFER_TASK_UNKNOWN && state != PROFFER_TASK_KILLING;
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct batch *batch = user;
    int attempt;
    struct job *job = find_job(batch, status->task_id, &attempt);

    owe(batch, status);
    if (!job || attempt != job->attempt || job->state != JOB_RUNNING) {
        if (is_alive(status->state))
            proffer_kill(scheduler, status->task_id, 0);
        return;
    }
    if (await_end(batch, job, status))
        return;
    if (proffer_task_state_is_terminal(status->state))
        on_terminal(batch, job, status);
    else if (status->state == PROFFER_TASK_UNREACHABLE)
        attempt_lost(batch, job, "its agent cannot be reached");
    else if (status->state == PROFFER_TASK_UNKNOWN)
        attempt_lost(batch, job, "the master knows nothing of it");
    else
        note_place(batch, job, status->agent_id);
    want_offers(batch);
}

/* It may end before; if not, it runs again elsewhere. */
static void on_preempted(struct proffer_scheduler *scheduler,
                         const struct proffer_preemption *preemption, void *user)
{
    struct batch *batch = user;
    int attempt;
    const struct job *job = find_job(batch, preemption->task_id, &attempt);

    (void)scheduler;
    if (!job || attempt != job->attempt || job->state != JOB_RUNNING || batch->options->quiet)
        return;
    if (preemption->withdrawn)
        progress_say(batch, "%s may stay: %s", job->name, preemption->reason);
    else
        progress_say(batch, "%s has to give way in %.0f s: %s", job->name, preemption->seconds,
                     preemption->reason);
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

/* --- an earlier run ------------------------------------------------------------------------------- */

static void lose_running(struct batch *batch, const char *why)
{
    for (size_t i = 0; i < batch->list.count; i++)
        if (batch->list.jobs[i].state == JOB_RUNNING)
            attempt_lost(batch, &batch->list.jobs[i], why);
}

void batch_restore(struct batch *batch)
{
    struct job_list *list = &batch->list;

    job_list_restored(list, job_is_done, batch);
    for (size_t i = 0; i < list->count; i++)
        if (list->jobs[i].state >= JOB_SUCCEEDED)
            report_job(batch, &list->jobs[i]);
    progress_say(batch, "resuming: %zu of %zu jobs are done, %zu were running",
                 list->counts[JOB_SUCCEEDED] + list->counts[JOB_FAILED] + list->counts[JOB_SKIPPED],
                 list->count, list->counts[JOB_RUNNING]);
}

void batch_fetch_restored(struct batch *batch)
{
    for (size_t i = 0; i < batch->list.count; i++)
        if (batch->list.jobs[i].state == JOB_FETCHING)
            output_fetch(batch, &batch->list.jobs[i]);
}

void batch_forget_framework(struct batch *batch)
{
    lose_running(batch, "its framework was removed");
    batch->is_framework_gone = false;
}

/* What this process has not launched, the library does not know of. */
static void take_over(struct batch *batch, const char *framework_id)
{
    const char *known = journal_framework_id(batch);

    if (*known && strcmp(known, framework_id) != 0)
        lose_running(batch, "its framework was forgotten");
    journal_note_framework(batch, framework_id);
    ask_about_running(batch);
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
    if (!batch->ever_registered)
        take_over(batch, framework_id);
    batch->ever_registered = true;
    needs_forget(batch);
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
    /* Nothing of it runs any more, but for what its agents will be told to kill. */
    if (!batch->ever_registered && *journal_framework_id(batch) &&
        strstr(message, "has been removed")) {
        batch->is_framework_gone = true;
        return;
    }
    progress_say(batch, "the master ended this framework: %s", message);
    batch->failed = true;
}

const struct proffer_callbacks batch_callbacks = {
    .registered = on_registered,
    .offers = on_offers,
    .inverse_offers = batch_on_inverse_offers,
    .update = on_update,
    .preempted = on_preempted,
    .error = on_error,
    .disconnected = on_disconnected,
};
