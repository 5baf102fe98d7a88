/* master/core/weight.h - how large is what a peer says of itself? It is kept, and told to others. */
#ifndef PROFFER_MASTER_CORE_WEIGHT_H
#define PROFFER_MASTER_CORE_WEIGHT_H

#include "base/arena.h"
#include "proto/message.h"

/* What a copy takes in memory; a little more than in a message. `scratch` is used for it. */
static inline size_t record_weight(const struct record_def *def, const void *record,
                                   struct arena *scratch)
{
    size_t before = arena_used(scratch);

    record_copy(def, record, scratch);
    return arena_used(scratch) - before;
}

#endif
