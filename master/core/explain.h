/* master/core/explain.h - why a framework is offered an agent, or is not. It changes nothing.
 *
 * Each agent has one obstacle for a subscription: the first rule, in the order of docs/allocation.md,
 * that stands against an offer (explain_agent.c). The books' check compares it with what allocations do.
 */
#ifndef PROFFER_MASTER_CORE_EXPLAIN_H
#define PROFFER_MASTER_CORE_EXPLAIN_H

#include "master/core/needs.h"

/* From the furthest to the nearest, as far as several needs are concerned. */
enum obstacle {
    OBSTACLE_NONE,
    OBSTACLE_AWAY,         /* it has no session */
    OBSTACLE_OUT_OF_USE,   /* an operator has deactivated it, or drains it */
    OBSTACLE_MAINTENANCE,  /* it is in a maintenance window */
    OBSTACLE_REGION,       /* it is in another region than the master */
    OBSTACLE_NOTHING_FREE, /* all is used or offered */
    OBSTACLE_RESERVED,     /* what is free is for other roles, or revocable */
    OBSTACLE_QUOTA,        /* a limit, or what is held back for guarantees */
    OBSTACLE_TOO_SMALL,    /* not worth an offer */
    OBSTACLE_CONSTRAINT,   /* its attributes serve no need */
    OBSTACLE_TIME,         /* it has maintenance too soon for any need */
    OBSTACLE_LACKS,        /* it has too little for any need */
    OBSTACLE_SHOWN,  /* it is shown to this framework already, or to others who answer first */
    OBSTACLE_GANG,   /* another gang gathers, or this one is held off */
    OBSTACLE_FILTER, /* the framework has declined it */
    OBSTACLE_MAX,
};

/* More about it; what does not belong to the obstacle is left as it was. */
struct obstacle_detail {
    char quota[280]; /* OBSTACLE_QUOTA */
    struct allocator_cut_reason
        cut; /* likewise: the rule, and what is missing; scalar NULL: not known */
    /* OBSTACLE_LACKS, OBSTACLE_TOO_SMALL: "0.5 cpus and 1 ports for need web", and each of it: with just
     * that more on the agent it is no longer the obstacle. */
    char lack[160];
    double lack_part; /* the largest part of a minimum that is missing */
    struct quota_amount lacks[NEED_RESOURCES_MAX];
    size_t lacks_count;
    int64_t filter_us; /* OBSTACLE_FILTER: how much longer */
};

/* `ret_detail` may be NULL. */
enum obstacle obstacle_find(const struct master *master, const struct agent *agent,
                            const struct subscription *subscription,
                            struct obstacle_detail *ret_detail);
/* Whole seconds, rounded up, from a second on. */
void explain_print_time(int64_t us, struct buf *out);
/* An HTTP status, with the explanation for a person in `out`. */
int explain(const struct master *master, const struct msg_operator_explain *call, struct buf *out);

#endif
