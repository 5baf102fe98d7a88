/* master/core/books.h - moving resources between the accounts of an agent: free, used, offers. */
#ifndef PROFFER_MASTER_CORE_BOOKS_H
#define PROFFER_MASTER_CORE_BOOKS_H

#include "base/bug.h"
#include "master/core/drain.h"

/* What is moved is in `from`, and both are parts of one agent's total, whose ranges are limited so
 * that no part of them is too fragmented to be written down (AGENT_NUMBERS_MAX): it cannot fail. */
static inline void books_move(struct resources *from, struct resources *to,
                              const struct resources *what)
{
    BUG_ON(resources_subtract(from, what, NULL) < 0);
    BUG_ON(resources_add(to, what, NULL) < 0);
}

/* How what its tasks and offers hold is charged: only what an active agent has can be offered. */
static inline unsigned agent_charge(const struct agent *agent)
{
    return agent_is_active(agent) ? CHARGE_FREE : 0;
}

#endif
