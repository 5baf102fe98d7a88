/* From the journal's lines to the states of the jobs. Only the last word on each job counts. */
#include "examples/batch/journal.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "examples/batch/job.h"
#include "examples/batch/memory.h"

#define VERSION  1
#define JOBS_MAX 1e9

struct reading {
    struct journal_facts facts;
    struct job_list *list; /* NULL: only look */
    unsigned char *done;   /* a bit a job */
    size_t line;
    struct proffer_err *err;
};

__attribute__((format(printf, 2, 3))) static int wrong(struct reading *self, const char *format,
                                                       ...)
{
    char *text = self->err->text;
    size_t size = sizeof(self->err->text);
    int used = snprintf(text, size, "line %zu: ", self->line);
    va_list args;

    va_start(args, format);
    vsnprintf(text + used, size - (size_t)used, format, args);
    va_end(args);
    return -EINVAL;
}

/* --- values ----------------------------------------------------------------------------------------- */

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static double real_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void take_text(const json_t *object, const char *key, char **text)
{
    const char *value = json_string_value(json_object_get(object, key));

    free(*text);
    *text = batch_strdup(value ? value : "");
}

static int count_of(const json_t *object, const char *key)
{
    json_int_t number = number_of(object, key);

    return number < 0 ? 0 : number > INT_MAX ? INT_MAX : (int)number;
}

/* --- what a line says -------------------------------------------------------------------------------- */

static void take_outcome(struct job *job, const json_t *object)
{
    job->has_exit = json_object_get(object, "exit_code") != NULL;
    job->exit_code = (int)number_of(object, "exit_code");
    job->exit_signal = (int)number_of(object, "signal");
    job->ended = real_of(object, "ended");
    job->cpu_seconds = real_of(object, "cpu_seconds");
    job->peak_mem_bytes = number_of(object, "peak_mem_bytes");
    take_text(object, "message", &job->message);
    take_text(object, "address", &job->host);
}

static void on_launched(struct job *job, const json_t *object)
{
    job->started = real_of(object, "started");
    free(job->agent_id);
    job->agent_id = NULL;
}

static void on_placed(struct job *job, const json_t *object)
{
    take_text(object, "agent", &job->agent_id);
}

static void on_ended(struct job *job, const json_t *object)
{
    take_outcome(job, object);
    take_text(object, "sandbox", &job->sandbox);
    job->stdout_bytes = number_of(object, "stdout_bytes");
    job->stderr_bytes = number_of(object, "stderr_bytes");
}

static void on_waiting(struct job *job, const json_t *object)
{
    (void)job, (void)object;
}

static const struct {
    const char *name;
    enum job_state state;
    void (*take)(struct job *job, const json_t *object);
    bool has_counts;
} kinds[] = {
    {"launched", JOB_RUNNING, on_launched, false},    {"placed", JOB_RUNNING, on_placed, false},
    {"ended", JOB_FETCHING, on_ended, true},          {"waiting", JOB_READY, on_waiting, true},
    {"succeeded", JOB_SUCCEEDED, take_outcome, true}, {"failed", JOB_FAILED, take_outcome, true},
    {"skipped", JOB_SKIPPED, take_outcome, true},
};

static int find_kind(const char *name, size_t *ret_kind)
{
    for (size_t i = 0; name && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strcmp(kinds[i].name, name)) {
            *ret_kind = i;
            return 0;
        }
    return -EINVAL;
}

static void note_done(struct reading *self, size_t index)
{
    unsigned char bit = (unsigned char)(1u << (index % 8));

    if (!(self->done[index / 8] & bit))
        self->facts.done++;
    self->done[index / 8] |= bit;
}

static int read_job(struct reading *self, const json_t *object)
{
    json_int_t number = number_of(object, "job"), attempt = number_of(object, "attempt");
    struct job *job;
    size_t kind;

    if (number < 1 || (size_t)number > self->facts.jobs)
        return wrong(self, "\"job\" must be from 1 to %zu", self->facts.jobs);
    if (find_kind(json_string_value(json_object_get(object, "is")), &kind) < 0)
        return wrong(self, "\"is\" says nothing that a job can be");
    if (attempt < 0 || attempt > INT_MAX)
        return wrong(self, "\"attempt\" must be a whole number");
    if (kinds[kind].state >= JOB_SUCCEEDED)
        note_done(self, (size_t)number - 1);
    if (!self->list)
        return 0;
    job = &self->list->jobs[number - 1];
    if (job->state >= JOB_SUCCEEDED)
        return wrong(self, "job %d is done already", (int)number);
    job->attempt = (int)attempt;
    kinds[kind].take(job, object);
    if (kinds[kind].has_counts) {
        job->failures = count_of(object, "failures");
        job->losses = count_of(object, "losses");
    }
    job_list_restore(self->list, job, kinds[kind].state);
    return 0;
}

static int read_header(struct reading *self, const json_t *object)
{
    json_int_t version = number_of(object, "proffer-batch"), jobs = number_of(object, "jobs");
    const char *hash = json_string_value(json_object_get(object, "hash"));

    if (version < 1 || jobs < 1 || jobs > JOBS_MAX || !hash ||
        strlen(hash) + 1 != sizeof(self->facts.hash))
        return wrong(self, "this is no journal of proffer-batch");
    if (version > VERSION)
        return wrong(self, "it was written by a newer proffer-batch (format %d, this one knows %d)",
                     (int)version, VERSION);
    if (self->list && (size_t)jobs != self->list->count)
        return wrong(self, "it is of %d jobs, these are %zu", (int)jobs, self->list->count);
    self->facts.jobs = (size_t)jobs;
    memcpy(self->facts.hash, hash, sizeof(self->facts.hash));
    self->done = batch_resize(NULL, self->facts.jobs / 8 + 1, 1);
    memset(self->done, 0, self->facts.jobs / 8 + 1);
    return 0;
}

static int read_object(struct reading *self, const json_t *object)
{
    const char *framework_id = json_string_value(json_object_get(object, "framework"));

    if (self->line == 1)
        return read_header(self, object);
    if (!framework_id)
        return read_job(self, object);
    if (strlen(framework_id) >= sizeof(self->facts.framework_id))
        return wrong(self, "\"framework\" is too long");
    memcpy(self->facts.framework_id, framework_id, strlen(framework_id) + 1);
    return 0;
}

static int read_line(struct reading *self, const char *line, size_t size)
{
    json_error_t why;
    json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
    int r;

    self->line++;
    if (!json_is_object(object))
        r = wrong(self, "not an object of JSON: %.100s", object ? "another value" : why.text);
    else
        r = read_object(self, object);
    json_decref(object);
    return r;
}

int journal_read(const char *text, size_t size, struct job_list *list,
                 struct journal_facts *ret_facts, struct proffer_err *err)
{
    struct reading self = {.list = list, .err = err};
    const char *end;
    size_t at = 0;
    int r = 0;

    while (r == 0 && (end = memchr(text + at, '\n', size - at))) {
        r = read_line(&self, text + at, (size_t)(end - text) - at);
        at = (size_t)(end - text) + 1;
    }
    free(self.done);
    if (r < 0)
        return r;
    self.facts.whole_bytes = at;
    *ret_facts = self.facts;
    return 0;
}
