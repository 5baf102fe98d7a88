/* examples/batch/journal.h - what a run must not forget, in the output folder.
 *
 * A line of JSON for each fact, appended: that a job is launched (before the task can run), how its
 * task ended and where its output is (before that is acknowledged, so that it is told once more
 * otherwise), that it is to be run again, that it is done. So whatever ends the program, --resume goes
 * on where it was: see journal_open.
 *
 * Lines gather in memory until journal_sync. The file is locked while the run goes on. Without
 * --output there is no journal, and every function here does nothing.
 */
#ifndef PROFFER_BATCH_JOURNAL_H
#define PROFFER_BATCH_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include <proffer/proffer.h>

struct batch;
struct job;
struct journal;

#define JOURNAL_NAME "proffer-batch.journal"

/* Begin one, or with --resume restore the jobs, and the framework's id, from the one that is there:
 * finished jobs are in their final state, those that were launched JOB_RUNNING, those whose output is
 * not at home JOB_FETCHING. -EBUSY: another process runs it; -EEXIST: there is an unfinished run and
 * --resume was not given; -EINVAL: it is one of other jobs, or damaged. */
int journal_open(struct batch *batch, struct proffer_err *err);
/* An empty one goes. */
void journal_close(struct batch *batch);

/* "": none yet. */
const char *journal_framework_id(const struct batch *batch);
void journal_note_framework(struct batch *batch, const char *framework_id);
void journal_note_launch(struct batch *batch, const struct job *job);
/* The task is on the agent that the job names. */
void journal_note_place(struct batch *batch, const struct job *job);
/* The task is over, its output has to be fetched. */
void journal_note_end(struct batch *batch, const struct job *job);
/* The attempt is over, and the job not. */
void journal_note_again(struct batch *batch, const struct job *job);
/* It is in its final state; its output is on disk. */
void journal_note_done(struct batch *batch, const struct job *job);
/* What was noted is on disk. False: it cannot be, which was said; the run cannot go on. */
bool journal_sync(struct batch *batch);

/* --- journal_read.c: from lines to jobs ------------------------------------------------------------ */

/* What the first line says, and how far the run is. */
struct journal_facts {
    size_t jobs;
    char hash[17];
    char framework_id[256];
    size_t done;
    size_t whole_bytes; /* what follows is a line that was cut off while it was written */
};

/* Every whole line of `text`. `list`: restore it, or NULL: only look. -EINVAL with "line N: why". */
struct job_list;
int journal_read(const char *text, size_t size, struct job_list *list,
                 struct journal_facts *ret_facts, struct proffer_err *err);

#endif
