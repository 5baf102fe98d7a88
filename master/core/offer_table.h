/* master/core/offer_table.h - offers by number: what their ids end in. Numbers are counted up, so that
 * a number is nearly its own place, and a round of a hundred thousand offers fills the table in order.
 */
#ifndef PROFFER_MASTER_CORE_OFFER_TABLE_H
#define PROFFER_MASTER_CORE_OFFER_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct offer;

/* Zeroed: empty. */
struct offer_table {
    struct offer_slot {
        uint64_t number;
        struct offer *offer; /* borrowed; NULL: free */
    } * slots;               /* owned */
    size_t count, capacity;  /* a power of two */
};

void offer_table_fini(struct offer_table *self);
/* The number is not in it. */
void offer_table_add(struct offer_table *self, uint64_t number, struct offer *offer);
/* NULL: there is none. */
struct offer *offer_table_find(const struct offer_table *self, uint64_t number);
/* It is in it. */
void offer_table_remove(struct offer_table *self, uint64_t number);

#endif
