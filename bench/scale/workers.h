/* bench/scale/workers.h - the processes that the agents live in: one has not enough descriptors for all. They end with
 * their parent. */
#ifndef PROFFER_BENCH_SCALE_WORKERS_H
#define PROFFER_BENCH_SCALE_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bench/scale/peers.h"

#define WORKERS_MAX 64

struct workers {
    size_t count;
    pid_t pids[WORKERS_MAX];
    struct tally *tallies; /* by worker, shared with it */
    struct meeting *meeting;
};

/* Shared: where the master is, once the agents may come. */
struct meeting {
    atomic_bool is_set;
    char address[64];
};

enum agents_do { AGENTS_RUN_TASKS, AGENTS_ECHO };

/* Forks. Agents that echo say an update again whenever it is acknowledged. */
void workers_start(struct workers *self, size_t agents, enum agents_do what);
/* The agents come. */
void workers_connect(struct workers *self, const char *address);
size_t workers_registered(const struct workers *self);
size_t workers_launched(const struct workers *self);
void workers_measure(struct workers *self, bool is_measuring);
/* Sorted; owned by the caller. */
uint32_t *workers_gaps(const struct workers *self, size_t *ret_count);

#endif
