/* master/core/preempt_state.h - private to preempt*.c: what is under way, and who looks for more. */
#ifndef PROFFER_MASTER_CORE_PREEMPT_STATE_H
#define PROFFER_MASTER_CORE_PREEMPT_STATE_H

#include "master/core/allocator_yield.h"
#include "master/core/needs.h"
#include "master/core/preempt.h"

#define PREEMPTIONS_MAX 64 /* under way at a time */
#define VICTIMS_MAX     64 /* of one */

enum preemption_stage {
    PREEMPT_NOTICE,
    PREEMPT_KILLING,
    PREEMPT_DONE, /* all is there: the offer is made at the next moment */
};

/* One task that is to give way. */
struct victim {
    struct victim *prev, *next; /* preemption->victims */
    struct preemption *preemption;
    struct task *task; /* whose `victim` this is */
};

struct preemption {
    struct preemption *prev, *next; /* preempting->list, oldest first */
    enum preemption_stage stage;
    struct subscription *subscription; /* for whom */
    struct need *need;                 /* one unit of it */
    struct offer *offer;               /* holds what there is of it */
    struct resources missing;          /* the rest */
    struct victim *victims;            /* owned; those that have not ended */
    bool by_guarantee;
    bool is_waiting;     /* DONE: until its framework may hold one more offer */
    struct deadline due; /* of the stage */
    int64_t kill_us;     /* wall clock: the end of the notice */
};

/* Why is nobody made to give way for a need? */
enum seek_outcome {
    SEEK_NOT_YET, /* nobody has looked */
    SEEK_FOUND,
    SEEK_GANG,
    SEEK_ENDLESS,  /* it has no count, and no guarantee speaks for it */
    SEEK_NO_RIGHT, /* nobody comes after it */
    SEEK_FILTERED, /* it has declined what would meet it */
    SEEK_HELD,     /* it holds an offer that would meet it */
    SEEK_NO_ROOM,  /* no agent would have room, or quotas would not allow it */
    SEEK_BUSY,     /* too many are under way */
};

/* Tasks that a role has lost of late. */
struct losses {
    UT_hash_handle hh;
    int64_t next_us; /* when the next would be due at the even rate */
    char role[];
};

/* What was freed for that principal in that role was not used. */
struct hold_off {
    UT_hash_handle hh;
    int64_t not_before_us;
    unsigned failures; /* in a row */
    char key[];        /* of both */
};

struct preempting {
    bool is_on;
    int64_t grace_us, grace_max_us;
    int64_t every_us, burst_us; /* the rate at which a role may lose tasks */
    struct preemption *list;    /* owned */
    size_t count;
    struct subscription *seekers;
    struct deadline look;
    const struct agent *cursor; /* where looking goes on; NULL: at the first */
    struct losses *losses;      /* owned table by role */
    struct hold_off *hold_offs; /* owned table by key */
    size_t revocable_tasks;     /* records */
    int64_t lowest_priority;    /* that any task had so far; 0 at most */
};

/* What was found: on one agent, in the order in which they were asked. */
struct found {
    struct agent *agent;
    struct task *victims[VICTIMS_MAX];
    size_t count;
    struct resources wanted; /* owned: a unit of the need */
    bool by_guarantee;
};

/* A look at agents, for one need. */
struct seek {
    struct master *master;
    struct subscription *subscription;
    struct need *need;
    int64_t role_priority;
    const char *lacking;            /* the role whose guarantee speaks for it; NULL: none does */
    struct allocator_yield *yields; /* what is under way, and behind that what is tried */
    size_t base;                    /* of these, are under way */
    struct agent *agent;            /* that is being looked at */
    struct resources sum;           /* owned: what is free there, with what the tried ones hold */
    struct found *best;
};

/* --- preempt.c ------------------------------------------------------------------ */

void preemption_begin(struct master *master, struct subscription *subscription, struct need *need,
                      struct found *found);
/* --- preempt_bounds.c ------------------------------------------------------------- */

/* How many more tasks the role may lose now. */
int64_t losses_left(const struct master *master, const char *role);
/* It loses one. */
void losses_note(struct master *master, const char *role);
/* What was freed for it, it does not use. */
void preemption_hold_off(struct master *master, struct subscription *subscription);
void preempt_bounds_fini(struct preempting *self);

/* --- preempt_say.c ---------------------------------------------------------------- */

/* Why it is this task. */
void preemption_describe(const struct master *master, const struct preemption *preemption,
                         const struct task *task, char ret_why[PREEMPT_WHY_MAX]);
void preemption_tell(struct master *master, const struct task *task, const char *why,
                     bool withdrawn);

/* --- preempt_choose.c ------------------------------------------------------------ */

/* May the task have to give way to the need at all? Guarantees apart. */
bool preempt_comes_after(const struct seek *seek, const struct task *task);
/* If tasks of the agent can give way, and less is lost than with the best so far, they are that. */
void preempt_choose(struct seek *seek, struct agent *agent);

/* --- preempt_seek.c -------------------------------------------------------------- */

/* Of its needs, and some agents: the callback of preempting->look. */
void preempt_look(void *owner, struct deadline *deadline);
void seek_again(struct master *master, struct subscription *subscription);
void seek_again_all(struct master *master);
/* Those whose quotas may be the same. */
void seek_again_beside(struct master *master, const struct subscription *subscription);
/* As priorities and quotas are now: do all of its victims still come after the need it is for, and may its
 * subscription have what they would leave? */
bool preemption_is_right(struct master *master, const struct preemption *preemption);

/* Of what it may have now, what it may still have when all others are done. */
void preemption_leave_others(struct master *master, const struct preemption *preemption,
                             struct resources *available);

#endif
