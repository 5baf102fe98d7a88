/* The report: one JSON object a line for each job that has ended, in the order of their ends. */
#include "examples/batch/batch.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

int report_open(struct batch *batch, struct proffer_err *err)
{
    const char *path = batch->options->report_path;

    if (!path)
        return 0;
    batch->report = fopen(path, "we");
    if (batch->report)
        return 0;
    snprintf(err->text, sizeof(err->text), "--report %.150s: %s", path, strerror(errno));
    return -errno;
}

static void set(json_t *object, const char *key, json_t *value)
{
    if (value)
        json_object_set_new(object, key, value);
}

static void set_attempt(json_t *object, const struct job *job)
{
    if (job->attempt == 0)
        return;
    set(object, "attempts", json_integer(job->attempt));
    set(object, "started", json_real(job->started));
    if (job->ended > 0) {
        set(object, "ended", json_real(job->ended));
        set(object, "seconds", json_real(job->ended - job->started));
    }
    if (job->has_exit && job->exit_signal)
        set(object, "signal", json_integer(job->exit_signal));
    else if (job->has_exit)
        set(object, "exit_code", json_integer(job->exit_code));
    set(object, "agent", json_string(job->host ? job->host : ""));
    set(object, "cpu_seconds", json_real(job->cpu_seconds));
    set(object, "peak_mem_bytes", json_integer(job->peak_mem_bytes));
}

void report_job(struct batch *batch, const struct job *job)
{
    json_t *object;

    if (!batch->report)
        return;
    object = json_object();
    set(object, "job", json_integer((json_int_t)job->number));
    set(object, "name", json_string(job->name));
    set(object, "state", json_string(job_state_name(job->state)));
    set(object, "cmd", json_string(job->command));
    set_attempt(object, job);
    if (job->message && *job->message)
        set(object, "message", json_string(job->message));
    json_dumpf(object, batch->report, JSON_COMPACT | JSON_REAL_PRECISION(15));
    fputc('\n', batch->report);
    fflush(batch->report);
    json_decref(object);
}

void report_close(struct batch *batch)
{
    bool bad;

    if (!batch->report)
        return;
    bad = ferror(batch->report);
    bad |= fclose(batch->report) != 0;
    batch->report = NULL;
    if (bad) {
        progress_say(batch, "--report %s: could not be written", batch->options->report_path);
        batch->failed = true;
    }
}
