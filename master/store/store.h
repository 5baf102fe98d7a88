/* master/store/store.h - for those who write a registry: what a master must not forget.
 *
 * A store keeps records (KEPT_... of proto/schema.h), one for each thing, the newest; FORGET_... ends
 * one. It knows nothing of what they mean. All functions are called by the master's loop; what blocks
 * (a disk, a network) a store does in a thread of its own. Its life: open, load, begin, then records
 * until close.
 */
#ifndef PROFFER_MASTER_STORE_STORE_H
#define PROFFER_MASTER_STORE_STORE_H

#include <stdint.h>

#include "base/err.h"
#include "proto/message.h"

struct store; /* each implementation defines its own */

/* The record lives for the call. Negative stops the load: a text is in `err`. */
typedef int store_each_fn(void *ctx, const struct message *record, struct err *err);
/* `rc` 0: it is kept whatever happens now; or -errno and `why`: it may be there or not. */
typedef void store_done_fn(void *owner, uint64_t ticket, int rc, const char *why);

struct store_ops {
    const char *name; /* as --registry has it */
    bool needs_work_dir;

    /* `work_dir` is a folder that is there and that no other master uses. Creates what is missing.
     * Refuses with advice what it cannot trust: -EBADMSG for what is damaged, -EPROTONOSUPPORT for
     * what a newer version wrote, -EBUSY for what another process has open. */
    int (*open)(const char *work_dir, struct store **ret_store, struct err *err);
    /* What was given before is still kept, as far as it can be; nobody is told. */
    void (*close)(struct store **self_p);

    /* Each record once, in any order. Once, before begin. */
    int (*load)(struct store *self, store_each_fn *each, void *ctx, struct err *err);
    /* Keep KEPT_REIGN before it returns: no other reign has this epoch. Once. */
    int (*begin)(struct store *self, const struct message *reign, struct err *err);

    /* Keep it; its number is its ticket. The record is borrowed for the call. KEPT_ROLES is several records
     * (KEPT_ROLE, or DROP_ROLE for one without values): all are kept, or none is. */
    void (*put)(struct store *self, const struct message *record);
    /* At the end of each turn of the loop: what was put since the last one goes together. */
    void (*flush)(struct store *self);
    /* Readable when there are answers. */
    int (*fd)(const struct store *self);
    /* The answers that are there: one for each record. */
    void (*take)(struct store *self, store_done_fn *done, void *owner);
};

extern const struct store_ops store_sqlite; /* one file, by SQLite: the default */
extern const struct store_ops store_memory; /* gone with the process: for tests */

/* NULL: there is none of that name. */
const struct store_ops *store_find(const char *name);

#endif
