/* master/registry.h - the registry as the shell holds it: the work folder, the lock, the reign, and
 * what was found until the core has it.
 *
 * A reign's epoch is one more than that of the reign before, and is on disk before anybody can
 * connect. Without a disk it comes from the clock.
 */
#ifndef PROFFER_MASTER_REGISTRY_H
#define PROFFER_MASTER_REGISTRY_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/ids.h"
#include "master/core/master.h"
#include "master/flags.h"
#include "master/store/store.h"

struct registry {
    const struct store_ops *ops; /* NULL until it is open */
    struct store *store;
    char *folder; /* owned; NULL without a disk */
    int lock_fd;  /* owned */
    uint64_t epoch;
    char id[ID_MAX + 1];       /* the same for ever */
    char master_id[UUID_TEXT]; /* of this reign */
    struct arena *memory;      /* owned; of the records until they are recalled */
    struct message *records;
    size_t records_count, records_capacity;
};

/* Begins a reign. `self` is zeroed, with a lock_fd of -1. */
int registry_open(struct registry *self, const struct master_flags *flags, struct now now,
                  struct err *err);
/* Hands over what was found, once. */
int registry_recall(struct registry *self, struct master *core, struct err *err);
void registry_close(struct registry *self);

#endif
