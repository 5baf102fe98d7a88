/* framework-sdk/fit.h - what the files of the fit helper share: offers of one agent to one role make one
 * heap of resources, from which tasks and operations take.
 */
#ifndef PROFFER_SDK_FIT_H
#define PROFFER_SDK_FIT_H

#include <proffer/scheduler.h>

#include "base/arena.h"
#include "base/resources.h"
#include "base/table.h"
#include "proto/schema.h"

struct heap {
    const struct offer_info *first; /* names the agent and the role */
    const char **offer_ids;         /* owned; the ids are the offers' */
    size_t offers_count;
    struct resources left;
    struct task_info *tasks; /* owned; what they point to lives in the arena */
    size_t tasks_count;
    size_t tasks_capacity;
    struct operation_info *operations; /* owned, likewise */
    size_t operations_count;
    size_t grouped;      /* tasks in groups, which are among the operations */
    struct arena *arena; /* owned; NULL until it is needed. Its limit is that of one ACCEPT. */
    uint64_t room;       /* for tasks of the size that was wanted last */
    uint64_t tried;      /* the launch that last tried it */
    struct heap *other;  /* of this agent: offers to another role */
    UT_hash_handle hh;
};

/* An id that was placed already: the master would refuse the second one. */
struct placed {
    const char *id; /* in its heap's arena */
    const char *agent_id;
    UT_hash_handle hh;
};

struct proffer_fit {
    struct proffer_scheduler *scheduler; /* borrowed */
    struct heap *heaps;                  /* owned */
    size_t heaps_count;
    struct heap *by_agent; /* the first of each agent */
    struct placed *placed;
    uint64_t launches;
    /* What the last task wanted: mostly the next one wants the same. */
    char *want_text; /* owned; NULL: there was none */
    struct resources want;
};

/* fit.c: of one ACCEPT; made when it is needed first. */
struct arena *heap_arena(struct heap *heap);
/* What a task of that want gets of the heap, and what then remains; nothing changes. -ERANGE. */
int fit_carve(const struct heap *heap, const struct resources *want, size_t ports,
              struct resources *ret_granted, struct resources *ret_left, struct err *err);
/* Heap after heap, the one with the most room for that first; NULL: all were tried. */
void fit_measure(struct proffer_fit *fit, const struct resources *want);
struct heap *fit_next(struct proffer_fit *fit);
bool fit_is_placed(const struct proffer_fit *fit, const char *task_id);
/* The id lives as long as the heap's arena. */
void fit_note_placed(struct proffer_fit *fit, const struct heap *heap, const char *task_id);

#endif
