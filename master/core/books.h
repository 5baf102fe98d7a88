/* master/core/books.h - moving resources between the accounts of an agent: free, used, offers. */
#ifndef PROFFER_MASTER_CORE_BOOKS_H
#define PROFFER_MASTER_CORE_BOOKS_H

#include "base/bug.h"
#include "master/core/drain.h"

/* What is moved is in `from`, and both are parts of one agent's total, whose ranges are limited so
 * that no part of them is too fragmented to be written down (AGENT_NUMBERS_MAX): it cannot fail. */
/* A shared volume is free however many have it: these leave it there. */
static inline void books_subtract(struct resources *free, const struct resources *what)
{
    struct resources sole = {0};

    if (!resources_have_shared(what)) {
        BUG_ON(resources_subtract(free, what, NULL) < 0);
        return;
    }
    resources_unshared(&sole, what);
    BUG_ON(resources_subtract(free, &sole, NULL) < 0);
    resources_fini(&sole);
}

/* Takes over what it is given, or leaves it. */
static inline void books_return(struct resources *free, struct resources *what)
{
    struct resources sole = {0};

    if (resources_have_shared(what)) {
        resources_unshared(&sole, what);
        BUG_ON(resources_add(free, &sole, NULL) < 0);
        resources_fini(&sole);
    } else if (resources_are_empty(free)) {
        resources_swap(free, what);
    } else {
        BUG_ON(resources_add(free, what, NULL) < 0);
    }
}

static inline void books_take(struct resources *free, struct resources *account,
                              const struct resources *what)
{
    books_subtract(free, what);
    BUG_ON(resources_add(account, what, NULL) < 0);
}

static inline void books_give_back(struct resources *account, struct resources *free,
                                   const struct resources *what)
{
    struct resources sole = {0};

    BUG_ON(resources_subtract(account, what, NULL) < 0);
    if (resources_have_shared(what))
        resources_unshared(&sole, what);
    BUG_ON(resources_add(free, resources_have_shared(what) ? &sole : what, NULL) < 0);
    resources_fini(&sole);
}

/* How what its tasks and offers hold is charged: only what an active agent has can be offered. */
static inline unsigned agent_charge(const struct agent *agent)
{
    return agent_is_active(agent) ? CHARGE_FREE : 0;
}

#endif
