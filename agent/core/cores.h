/* agent/core/cores.h - who has which hardware threads of this machine, and whose memory is bound to which NUMA node.
 *
 * A task may have threads for itself (exclusive): whole ones, as many as its cpus. All other tasks share what nobody has
 * for himself, the pool, and are told whenever it shrinks or grows. Compact: as near to each other as can be, within
 * one node if it has room, whole cores first; its memory comes from these nodes. Spread: one after the other from the
 * node, and the core, that has most left. Shared and compact: the pool of one node, the one that has promised least.
 *
 * Pure books: no policy of tasks, no I/O. What is given is decided by what is free and nothing else, so that the same
 * questions get the same answers.
 */
#ifndef PROFFER_AGENT_CORE_CORES_H
#define PROFFER_AGENT_CORE_CORES_H

#include "base/err.h"
#include "base/numbers.h"
#include "proto/schema.h"

struct cores;

struct cores_wish {
    enum core_policy policy; /* 0: none */
    bool is_exclusive;
    int64_t cpus_milli;
    int64_t mem_bytes;
};

/* What a task has. */
struct cores_grant {
    bool is_exclusive;
    struct numbers
        cpus; /* exclusive: these; else those of its node if it is bound, or nothing: the pool */
    struct numbers mems; /* nodes that it is bound to; none: all */
    int64_t cpus_milli;
    int64_t mem_bytes;
};

/* -EINVAL: it makes no sense, or tells no processors. */
int cores_new(const struct topology_info *topology, struct cores **ret_cores, struct err *err);
void cores_destroy(struct cores **self_p);

/* Choose and take. -EINVAL: exclusive, and its cpus are not whole; -EBUSY: that many are not free, or it would leave
 * nothing for those who share. The text says how many are free. */
int cores_take(struct cores *self, const struct cores_wish *wish, struct cores_grant *ret_grant,
               struct err *err);
/* Of an earlier life of the agent. -EBUSY: not all of it is free, or here. */
int cores_retake(struct cores *self, const struct cores_grant *grant, struct err *err);
void cores_give(struct cores *self, const struct cores_grant *grant);
/* Where a task with that grant may run now. */
void cores_now(const struct cores *self, const struct cores_grant *grant, struct numbers *ret_cpus);

/* What is left, as it is offered: `free_cpus`, `free_cores` and `free_mem_bytes` of each node, in the order of the
 * topology. Texts are in `arena`. */
struct arena;
void cores_describe(const struct cores *self, struct arena *arena, struct node_threads *nodes,
                    size_t nodes_count);
/* The sums agree with these grants. For tests and the simulator. */
int cores_check(const struct cores *self, const struct cores_grant *const grants[], size_t count,
                struct err *err);

#endif
