/* examples/batch/job.h - jobs: what was asked for, how far each one is, which may start.
 *
 * A list is read once, whole, so that dependencies can be checked before anything runs; after that
 * only states change, through job_list_... functions that keep the counts and the queue of ready
 * jobs.
 */
#ifndef PROFFER_BATCH_JOB_H
#define PROFFER_BATCH_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <proffer/proffer.h>

enum job_state {
    JOB_WAITING,   /* for the jobs in `after` */
    JOB_READY,     /* in the queue */
    JOB_RUNNING,   /* launched */
    JOB_FETCHING,  /* ended well; its output is on its way */
    JOB_SUCCEEDED, /* final, as all below */
    JOB_FAILED,
    JOB_SKIPPED, /* a job that it comes after did not succeed */
    JOB_STOPPED, /* interrupted, or never started because of that */
    JOB_STATE_MAX,
};

struct job {
    size_t number; /* from 1, in the order read */
    char *name;
    char *command;
    char *resources; /* "cpus:1;mem:128" */
    char *user;      /* NULL: the agent's default */
    char *image;     /* NULL: natively */
    char *isolation; /* JSON; NULL: as all tasks */
    size_t ports;
    struct proffer_pair *env; /* ends with a NULL name; owned with its texts; NULL: none */
    char **after;             /* names, as read */
    size_t after_count;
    int retries;
    int64_t timeout_ms;

    enum job_state state;
    size_t blockers;    /* jobs in `after` that have not succeeded yet */
    size_t *dependents; /* indexes of jobs that wait for this one */
    size_t dependent_count;
    int attempt;  /* of the task that is out, or was last; from 1 */
    int failures; /* attempts that the job itself failed */
    int losses;   /* attempts that the cluster lost */
    size_t next;  /* in the queue: index + 1; 0: last */

    char *agent_id;        /* where the task is; NULL: not known */
    bool is_end_awaited;   /* it is known that the task has ended, and how will be told */
    double started, ended; /* seconds since 1970, of the last attempt */
    int exit_code, exit_signal;
    bool has_exit;
    char *message; /* about the last end */
    char *host;    /* "ip:port" of its agent's HTTP */
    char *sandbox; /* there */
    double cpu_seconds;
    int64_t peak_mem_bytes;
    int64_t stdout_bytes, stderr_bytes; /* what it has written */
};

/* What a job gets that does not say otherwise. */
struct job_defaults {
    const char *resources;
    const char *user;
    const char *image;
    const char *isolation;
    int retries;
    int64_t timeout_ms;
};

struct job_list {
    struct job *jobs;
    size_t count;
    size_t capacity;
    size_t counts[JOB_STATE_MAX];
    size_t queue_head; /* index + 1; 0: empty */
    size_t queue_tail;
};

void job_list_fini(struct job_list *list);
/* One job a line: a shell command, or an object as
 * {"cmd":"...","name":"...","cpus":1,"mem":128,"disk":0,
 * "ports":0,"env":{},"retries":0,"timeout":"5m","after":["..."],"user":"...","isolation":{},
 * "image":"..."}. Blank lines and
 * lines that begin with '#' are passed over. -EINVAL with "FILE:LINE: what is wrong". */
int job_list_read(struct job_list *list, FILE *file, const char *file_name,
                  const struct job_defaults *defaults, struct proffer_err *err);

/* The job at the head of the queue; NULL when none is ready. */
struct job *job_list_first_ready(struct job_list *list);
/* Take the head off: it is JOB_RUNNING now, its attempt counted. */
void job_list_launch(struct job_list *list, struct job *job);
/* A running job goes back into the queue, at its head. */
void job_list_requeue(struct job_list *list, struct job *job);
void job_list_fetch(struct job_list *list, struct job *job);
/* It has ended: frees or skips what comes after it. `done` is called for it and for each job
 * skipped. */
void job_list_finish(struct job_list *list, struct job *job, enum job_state state,
                     void (*done)(struct job *job, void *user), void *user);
/* What has not started never will. */
void job_list_stop_all(struct job_list *list, void (*done)(struct job *job, void *user),
                       void *user);
/* Bring back what an earlier run knew: the state of each job, in any order, then, once all are there, what
 * follows for the others. `done` is called for those that are skipped. */
void job_list_restore(struct job_list *list, struct job *job, enum job_state state);
void job_list_restored(struct job_list *list, void (*done)(struct job *job, void *user),
                       void *user);
/* Over what makes them these jobs: names, commands, environments, what comes after what. What they are
 * given (resources, retries, time) may be another the next time. */
uint64_t job_list_hash(const struct job_list *list);
/* Have all jobs ended? */
bool job_list_is_done(const struct job_list *list);

const char *job_state_name(enum job_state state); /* "succeeded" */

#endif
