/* The states of jobs and the queue of those that may start. How they are read is in job_read.c. */
#include "examples/batch/job.h"

#include <stdlib.h>

#include "examples/batch/memory.h"

static const char *const state_names[JOB_STATE_MAX] = {
    [JOB_WAITING] = "waiting",     [JOB_READY] = "ready",     [JOB_RUNNING] = "running",
    [JOB_FETCHING] = "fetching",   [JOB_FAILED] = "failed",   [JOB_SKIPPED] = "skipped",
    [JOB_SUCCEEDED] = "succeeded", [JOB_STOPPED] = "stopped",
};

const char *job_state_name(enum job_state state)
{
    return state_names[state];
}

static void job_fini(struct job *job)
{
    for (struct proffer_pair *pair = job->env; pair && pair->name; pair++) {
        free((char *)pair->name);
        free((char *)pair->value);
    }
    for (size_t i = 0; i < job->after_count; i++)
        free(job->after[i]);
    free(job->env);
    free(job->after);
    free(job->dependents);
    free(job->name);
    free(job->command);
    free(job->resources);
    free(job->user);
    free(job->image);
    free(job->isolation);
    free(job->message);
    free(job->host);
    free(job->sandbox);
    free(job->agent_id);
}

void job_list_fini(struct job_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        job_fini(&list->jobs[i]);
    free(list->jobs);
    *list = (struct job_list){0};
}

static void set_state(struct job_list *list, struct job *job, enum job_state state)
{
    list->counts[job->state]--;
    list->counts[state]++;
    job->state = state;
}

static size_t slot_of(const struct job_list *list, const struct job *job)
{
    return (size_t)(job - list->jobs) + 1;
}

static void enqueue(struct job_list *list, struct job *job)
{
    size_t slot = slot_of(list, job);

    set_state(list, job, JOB_READY);
    job->next = 0;
    if (list->queue_tail)
        list->jobs[list->queue_tail - 1].next = slot;
    else
        list->queue_head = slot;
    list->queue_tail = slot;
}

struct job *job_list_first_ready(struct job_list *list)
{
    return list->queue_head ? &list->jobs[list->queue_head - 1] : NULL;
}

static void take_head(struct job_list *list)
{
    list->queue_head = list->jobs[list->queue_head - 1].next;
    if (!list->queue_head)
        list->queue_tail = 0;
}

void job_list_launch(struct job_list *list, struct job *job)
{
    take_head(list);
    job->attempt++;
    set_state(list, job, JOB_RUNNING);
}

void job_list_requeue(struct job_list *list, struct job *job)
{
    set_state(list, job, JOB_READY);
    job->next = list->queue_head;
    list->queue_head = slot_of(list, job);
    if (!list->queue_tail)
        list->queue_tail = list->queue_head;
}

void job_list_fetch(struct job_list *list, struct job *job)
{
    set_state(list, job, JOB_FETCHING);
}

/* Jobs whose end has not been passed on yet: a work list instead of recursion, because a chain of
 * dependencies may be as long as the list. */
struct ends {
    size_t *items;
    size_t count;
};

static void push_end(struct ends *ends, size_t index)
{
    ends->items = batch_resize(ends->items, ends->count + 1, sizeof(size_t));
    ends->items[ends->count++] = index;
}

static void pass_on(struct job_list *list, const struct job *job, struct ends *ends,
                    void (*done)(struct job *job, void *user), void *user)
{
    for (size_t i = 0; i < job->dependent_count; i++) {
        struct job *dependent = &list->jobs[job->dependents[i]];

        if (dependent->state != JOB_WAITING)
            continue;
        if (job->state == JOB_SUCCEEDED) {
            if (--dependent->blockers == 0)
                enqueue(list, dependent);
            continue;
        }
        set_state(list, dependent, JOB_SKIPPED);
        dependent->message = batch_printf("\"%s\" did not succeed", job->name);
        done(dependent, user);
        push_end(ends, job->dependents[i]);
    }
}

void job_list_finish(struct job_list *list, struct job *job, enum job_state state,
                     void (*done)(struct job *job, void *user), void *user)
{
    struct ends ends = {0};

    set_state(list, job, state);
    done(job, user);
    push_end(&ends, slot_of(list, job) - 1);
    while (ends.count > 0)
        pass_on(list, &list->jobs[ends.items[--ends.count]], &ends, done, user);
    free(ends.items);
}

void job_list_stop_all(struct job_list *list, void (*done)(struct job *job, void *user), void *user)
{
    for (size_t i = 0; i < list->count; i++) {
        struct job *job = &list->jobs[i];

        if (job->state != JOB_WAITING && job->state != JOB_READY)
            continue;
        set_state(list, job, JOB_STOPPED);
        done(job, user);
    }
    list->queue_head = list->queue_tail = 0;
}

/* --- what an earlier run knew ---------------------------------------------------------------------- */

void job_list_restore(struct job_list *list, struct job *job, enum job_state state)
{
    set_state(list, job, state);
}

static void unblock_dependents(struct job_list *list, const struct job *job)
{
    for (size_t i = 0; i < job->dependent_count; i++)
        if (list->jobs[job->dependents[i]].blockers > 0)
            list->jobs[job->dependents[i]].blockers--;
}

void job_list_restored(struct job_list *list, void (*done)(struct job *job, void *user), void *user)
{
    struct ends ends = {0};

    list->queue_head = list->queue_tail = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->jobs[i].state == JOB_SUCCEEDED)
            unblock_dependents(list, &list->jobs[i]);
    for (size_t i = 0; i < list->count; i++) {
        struct job *job = &list->jobs[i];

        if (job->state == JOB_WAITING || job->state == JOB_READY)
            set_state(list, job, JOB_WAITING);
        else if (job->state == JOB_FAILED || job->state == JOB_SKIPPED)
            push_end(&ends, i);
    }
    while (ends.count > 0)
        pass_on(list, &list->jobs[ends.items[--ends.count]], &ends, done, user);
    free(ends.items);
    for (size_t i = 0; i < list->count; i++)
        if (list->jobs[i].state == JOB_WAITING && list->jobs[i].blockers == 0)
            enqueue(list, &list->jobs[i]);
}

/* FNV-1a, the end of each text included. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    while (*text++);
    return hash;
}

uint64_t job_list_hash(const struct job_list *list)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < list->count; i++) {
        const struct job *job = &list->jobs[i];

        hash = hash_text(hash_text(hash, job->name), job->command);
        for (const struct proffer_pair *pair = job->env; pair && pair->name; pair++)
            hash = hash_text(hash_text(hash, pair->name), pair->value);
        hash = hash_text(hash, ""); /* between what may be missing */
        for (size_t k = 0; k < job->after_count; k++)
            hash = hash_text(hash, job->after[k]);
        hash = hash_text(hash, "");
    }
    return hash;
}

bool job_list_is_done(const struct job_list *list)
{
    return list->counts[JOB_WAITING] + list->counts[JOB_READY] + list->counts[JOB_RUNNING] +
               list->counts[JOB_FETCHING] ==
           0;
}
