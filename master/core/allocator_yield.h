/* master/core/allocator_yield.h - what if some clients gave back some of what they hold, and others had
 * got more? For whoever thinks of taking something away, before he does.
 *
 * Nothing changes by asking. `yields` are borrowed for the call.
 */
#ifndef PROFFER_MASTER_CORE_ALLOCATOR_YIELD_H
#define PROFFER_MASTER_CORE_ALLOCATOR_YIELD_H

#include "master/core/allocator.h"

struct allocator_yield {
    const struct allocator_client *client;
    const struct resources *resources;
    bool is_gain; /* it gets this, of what is free; else it gives it back */
};

/* May those from `first` on be taken for `taker`? No role would lack more of its guarantee than it does,
 * but for those that the taker is in too. */
bool allocator_may_yield(const struct allocator *self, const struct allocator_client *taker,
                         const struct allocator_yield *yields, size_t first, size_t count);
/* Cut down what could be offered to the taker to what it may have once all of that has come to pass. */
void allocator_cut_after(const struct allocator *self, const struct allocator_client *taker,
                         const struct allocator_yield *yields, size_t count,
                         struct resources *available);
/* Is so much within what guarantees of the client's role, or of one above it, lack: of each name that
 * one guarantees, and of at least one? The lowest role that lacks some, or NULL. */
const char *allocator_lacks(const struct allocator *self, const struct allocator_client *client,
                            const struct quota_amount *amounts, size_t amounts_count);

#endif
