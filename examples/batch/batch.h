/* examples/batch/batch.h - one run: the jobs, the scheduler, and what has been told to people.
 *
 * main.c reads the command line and owns the loop; run.c answers the scheduler's callbacks; leaving.c
 * those about maintenance; output.c brings home what jobs wrote; journal.c keeps what a later run must know; report.c and
 * progress.c tell. Single-threaded.
 */
#ifndef PROFFER_BATCH_BATCH_H
#define PROFFER_BATCH_BATCH_H

#include <stdbool.h>
#include <stdio.h>

#include "examples/batch/job.h"

struct batch_options {
    struct proffer_scheduler_options scheduler;
    struct job_defaults defaults;
    const char *output_dir;  /* NULL: output stays in the sandboxes */
    const char *report_path; /* NULL: none */
    bool resume;             /* go on with what the journal in the output folder says */
    int64_t connect_timeout_ms;
    int64_t kill_grace_ms;
    const struct proffer_uri *uris; /* of every job; ends with a NULL value; NULL: none */
    size_t jobs_max;                /* at the same time; 0: as many as fit */
    int64_t priority;               /* of the tasks, and of what they need */
    bool needs;                     /* say what they need */
    bool fail_fast;
    bool quiet;
};

struct batch {
    const struct batch_options *options;
    struct job_list list;
    struct proffer_scheduler *scheduler;
    struct proffer_fetcher *fetcher;
    struct journal *journal; /* NULL: nothing is kept */
    struct owed *owed;       /* acknowledgements that wait for the journal; owned */
    size_t owed_count;
    struct left *left; /* agents that we leave before they are taken down; owned */
    int output_fd;     /* directory; -1 */
    FILE *report;      /* NULL */
    char *need;        /* that the master was told last: of one job; NULL: none; owned */
    size_t need_left;  /* of how many it may still be open */
    bool suppressed;   /* we told the master that we want no offers */
    bool interrupted;  /* no more launches; what runs is being killed */
    bool ever_registered;
    bool failed;            /* the scheduler is of no use any more */
    bool is_framework_gone; /* the one to be resumed; its jobs run again under a new one */
    double ask_again;       /* when to ask about tasks whose end is awaited; 0: there are none */
    char shortage[256];     /* why the head of the queue does not fit; "" */
    double began;           /* seconds since 1970 */

    bool terminal;     /* stderr is one: a progress line is redrawn */
    size_t line_width; /* of the progress line that stands there now */
    double last_line;  /* when it was drawn */
};

/* --- run.c
 * ---------------------------------------------------------------------------------------- */

extern const struct proffer_callbacks batch_callbacks; /* `user` is the struct batch */
/* Before there is a scheduler: go on where an earlier run was; ... */
void batch_restore(struct batch *batch);
/* ... and when there is one. */
void batch_fetch_restored(struct batch *batch);
/* The framework to be resumed is no more: what it ran is lost. */
void batch_forget_framework(struct batch *batch);
/* After what happened in one turn of the loop: it is kept, then acknowledged. */
void batch_settle(struct batch *batch);
/* Now and then. */
void batch_tick(struct batch *batch, double now);
/* Ctrl-C: launch nothing more, kill what runs. */
void batch_interrupt(struct batch *batch);
/* A job's output is at home, or lost (`error` != NULL): then the job runs again, unless the fault is
 * ours. */
void batch_output_done(struct batch *batch, struct job *job, const char *error, bool is_ours);

/* --- leaving.c
 * -------------------------------------------------------------------------------------- */

void batch_on_inverse_offers(struct proffer_scheduler *scheduler,
                             const struct proffer_inverse_offer *offers, size_t count, void *user);
/* Offers of agents that will be taken down before the next job would end there are declined; the others, of
 * which there are at most `count`, are written down. How many; *ret_seconds: how long all of them are there. */
size_t batch_decline_leaving(struct batch *batch, const struct job *next,
                             const struct proffer_offer *const *offers, size_t count,
                             const struct proffer_offer **ret_good, double *ret_seconds);
void batch_forget_leaving(struct batch *batch);

/* --- output.c
 * --------------------------------------------------------------------------------------- */

int output_open(struct batch *batch, struct proffer_err *err);
void output_close(struct batch *batch);
/* Fetch what the task wrote into NAME.out and NAME.err; batch_output_done follows, maybe at once.
 */
void output_fetch(struct batch *batch, struct job *job);

/* --- needs.c
 * ---------------------------------------------------------------------------------------- */

/* What the jobs that are ready need, if it is not what was said last. */
void needs_state(struct batch *batch);
void needs_note_offers(struct batch *batch, const struct proffer_offer *const *offers,
                       size_t count);
void needs_forget(struct batch *batch);

/* --- report.c
 * --------------------------------------------------------------------------------------- */

int report_open(struct batch *batch, struct proffer_err *err);
/* One line for a job that has ended. */
void report_job(struct batch *batch, const struct job *job);
void report_close(struct batch *batch);

/* --- progress.c
 * -------------------------------------------------------------------------------------- */

/* Draw or print where we are, if it is time for it. */
void progress_show(struct batch *batch, double now);
/* A line of its own, above the progress line. */
void progress_say(struct batch *batch, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void progress_summary(struct batch *batch, double now);

double batch_now(void); /* seconds since 1970 */

#endif
