/* base/deadlines.h - what comes due when: a binary heap of deadlines that live in their owners.
 *
 * Setting, moving and cancelling cost O(log n), the earliest one O(1). Ties come due in the order in
 * which they were set, so that a run can be repeated. Single-threaded; times are mono_us.
 */
#ifndef PROFFER_BASE_DEADLINES_H
#define PROFFER_BASE_DEADLINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEADLINE_NEVER INT64_MAX

struct deadline;
typedef void deadline_fn(void *owner, struct deadline *deadline);

/* Part of its owner; zeroed is "not set". Cancel it before the owner is freed. */
struct deadline {
    int64_t at_us;
    uint64_t order;   /* breaks ties */
    size_t slot;      /* position in the heap + 1; 0: not set */
    deadline_fn *due; /* called once; the deadline is no longer set then and may be set again */
};

struct deadlines {
    struct deadline **heap;
    size_t count;
    size_t capacity;
    uint64_t order;
};

void deadlines_fini(struct deadlines *self);
void deadline_set(struct deadlines *self, struct deadline *deadline, int64_t at_us);
void deadline_cancel(struct deadlines *self, struct deadline *deadline);
bool deadline_is_set(const struct deadline *deadline);
/* DEADLINE_NEVER when none is set. */
int64_t deadlines_next(const struct deadlines *self);
/* Call `due` of each whose time has come; what those calls set for a time that has come runs too. */
void deadlines_run(struct deadlines *self, int64_t now_us, void *owner);

#endif
