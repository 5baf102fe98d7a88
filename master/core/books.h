/* master/core/books.h - moving resources between the accounts of an agent: free, offered, used. */
#ifndef PROFFER_MASTER_CORE_BOOKS_H
#define PROFFER_MASTER_CORE_BOOKS_H

#include "base/bug.h"
#include "base/resources.h"

/* What is moved is in `from`, and both are parts of one agent's total, whose ranges are limited so
 * that no part of them is too fragmented to be written down (AGENT_NUMBERS_MAX): it cannot fail. */
static inline void books_move(struct resources *from, struct resources *to,
                              const struct resources *what)
{
    BUG_ON(resources_subtract(from, what, NULL) < 0);
    BUG_ON(resources_add(to, what, NULL) < 0);
}

/* Take from what is free, and give back. A shared volume is free however many have it: the other
 * account counts them. */
static inline void books_take(struct resources *free, struct resources *account,
                              const struct resources *what)
{
    struct resources sole = {0};

    if (!resources_have_shared(what)) {
        books_move(free, account, what);
        return;
    }
    resources_unshared(&sole, what);
    BUG_ON(resources_subtract(free, &sole, NULL) < 0);
    BUG_ON(resources_add(account, what, NULL) < 0);
    resources_fini(&sole);
}

static inline void books_give_back(struct resources *account, struct resources *free,
                                   const struct resources *what)
{
    struct resources sole = {0};

    if (!resources_have_shared(what)) {
        books_move(account, free, what);
        return;
    }
    resources_unshared(&sole, what);
    BUG_ON(resources_subtract(account, what, NULL) < 0);
    BUG_ON(resources_add(free, &sole, NULL) < 0);
    resources_fini(&sole);
}

#endif
