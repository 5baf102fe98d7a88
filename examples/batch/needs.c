/* With --needs: the master is told what the jobs that are ready need, so that offers are cut to it, and so
 * that others may have to give way where a priority or a guarantee speaks for it. */
#include "examples/batch/batch.h"

#include <stdlib.h>
#include <string.h>

#include "examples/batch/memory.h"

#define NEED_NAME "jobs"

static size_t open_jobs(const struct batch *batch)
{
    size_t ready = batch->list.counts[JOB_READY], most = batch->options->jobs_max;
    size_t running = batch->list.counts[JOB_RUNNING];

    if (!most)
        return ready;
    most = most > running ? most - running : 0;
    return ready < most ? ready : most;
}

static char *minimum_of(const struct job *job)
{
    return job->ports ? batch_printf("%s;ports:%zu", job->resources, job->ports)
                      : batch_strdup(job->resources);
}

void needs_state(struct batch *batch)
{
    const struct job *job = job_list_first_ready(&batch->list);
    size_t count = open_jobs(batch);
    struct proffer_need need = {.name = NEED_NAME, .priority = batch->options->priority};
    struct proffer_err err;
    char *minimum;

    if (!batch->options->needs || !job || !count)
        return;
    minimum = minimum_of(job);
    if (batch->need && !strcmp(batch->need, minimum) && batch->need_left >= count) {
        free(minimum);
        return;
    }
    need.minimum = minimum;
    need.count = (int64_t)count;
    if (proffer_set_needs(batch->scheduler,
                          batch->options->scheduler.roles ? batch->options->scheduler.roles[0]
                                                          : NULL,
                          &need, 1, &err) < 0)
        progress_say(batch, "cannot say what %s needs: %s", job->name, err.text);
    free(batch->need);
    batch->need = minimum;
    batch->need_left = count;
}

/* Units that were offered may be met from now on; when more jobs are ready than that, it is said anew. */
void needs_note_offers(struct batch *batch, const struct proffer_offer *const *offers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t units = proffer_offer_units(offers[i]);

        if (units <= 0)
            continue;
        batch->need_left -= (size_t)units < batch->need_left ? (size_t)units : batch->need_left;
    }
}

/* After a new connection the master believes what it was told last. */
void needs_forget(struct batch *batch)
{
    free(batch->need);
    batch->need = NULL;
    batch->need_left = 0;
}
