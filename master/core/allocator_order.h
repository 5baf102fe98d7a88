/* master/core/allocator_order.h - for those who write an order: in which the children of a role are
 * asked.
 *
 * An implementation keeps the entries of a struct order as it likes (node->slot is its note of where
 * a node is) and goes through them, best first, without changing what it will answer next time.
 * begin may come again before the end was reached. Entries change only between the runs.
 */
#ifndef PROFFER_MASTER_CORE_ALLOCATOR_ORDER_H
#define PROFFER_MASTER_CORE_ALLOCATOR_ORDER_H

#include "master/core/allocator_roles.h"

struct order_ops {
    const char *name;
    void (*insert)(struct order *order, struct node *node);
    void (*remove)(struct order *order, struct node *node);
    /* The node's share or turn is another one. */
    void (*update)(struct order *order, struct node *node);
    /* Those of many are. */
    void (*rebuild)(struct order *order);
    /* The one to be asked first, and after it; NULL: there is none (any more). */
    struct node *(*begin)(struct order *order, struct rng *rng);
    struct node *(*next)(struct order *order, struct rng *rng);
    /* Which of two siblings comes first, when only these are asked? */
    bool (*is_before)(const struct node *a, const struct node *b, struct rng *rng);
    /* -EINVAL when the entries are not as they should be. */
    int (*check)(const struct order *order);
};

/* Dominant resource fairness (Ghodsi and others, NSDI 2011): the smallest dominant share by weight
 * first; of equal shares, the one that was made an offer longest ago. */
extern const struct order_ops order_drf;
/* Each in proportion to its weight by chance, whatever it holds. */
extern const struct order_ops order_random;

/* Room for one more entry. For implementations. */
void order_reserve(struct order *order);
void order_fini(struct order *order);

#endif
