/* master/core/waiting.h - peers that are not let in yet: what they said waits for their record.
 *
 * One is given to keep() as its `arg`, which frees it after its callback; the callback calls
 * waiting_end first. A peer that leaves, or that comes again on a newer session, stays as a record that
 * is under way, without a session: then nobody is let in.
 */
#ifndef PROFFER_MASTER_CORE_WAITING_H
#define PROFFER_MASTER_CORE_WAITING_H

#include "master/core/state.h"

struct waiting {
    UT_hash_handle hh;           /* master->waiting, while it has a session */
    UT_hash_handle hh_id;        /* master->waiting_by_id, likewise, unless it is new */
    struct waiting *prev, *next; /* master->waiting_all */
    uint64_t session;            /* 0: it has left, or has come again */
    bool is_new;                 /* it came without an id */
    bool has_changed;            /* the message is newer than the record */
    bool is_leaving;             /* a framework that has asked for its teardown already */
    char *key;                   /* owned: kind and id */
    const char *id;              /* that it has, or is to have: in the key */
    struct arena *memory;        /* owned; of the message */
    struct message message;
};

struct waiting *waiting_find(const struct master *master, uint64_t session);
struct waiting *waiting_find_id(const struct master *master, enum peer_kind kind, const char *id);
/* All of it is copied. */
struct waiting *waiting_add(struct master *master, uint64_t session, enum peer_kind kind,
                            const char *id, bool is_new, const struct message *message);
/* It says something else instead. */
void waiting_set_message(struct master *master, struct waiting *waiting,
                         const struct message *message);
void waiting_leave(struct master *master, struct waiting *waiting);
void waiting_end(struct master *master, struct waiting *waiting);
void waiting_fini(struct master *master);

#endif
