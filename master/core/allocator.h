/* master/core/allocator.h - for those who write an allocator: in which order clients are asked.
 *
 * A client is one framework in one role. The allocator keeps what each client holds (offered counts
 * as held) against what the pool has, and names the clients that want offers in the order in which
 * they deserve one. Whether an agent suits a client (filters, least sizes, reservations) is the
 * caller's question, put in `visit`. Pure, single-threaded, no I/O, no clock.
 */
#ifndef PROFFER_MASTER_CORE_ALLOCATOR_H
#define PROFFER_MASTER_CORE_ALLOCATOR_H

#include <stdbool.h>

#include "base/err.h"
#include "base/resources.h"

struct allocator;        /* each implementation defines its own */
struct allocator_client; /* likewise */

/* Does it take the offer? */
typedef bool allocator_visit_fn(void *ctx, void *owner);

struct allocator_ops {
    const char *name;
    struct allocator *(*new)(void);
    void (*destroy)(struct allocator **self_p); /* all clients have left */

    /* An agent's resources join or leave what there is in all. */
    void (*pool_add)(struct allocator *self, const struct resources *total);
    void (*pool_remove)(struct allocator *self, const struct resources *total);

    /* A client that wants nothing yet. `owner` is handed to `visit`; the role's name is copied. */
    struct allocator_client *(*join)(struct allocator *self, const char *role, void *owner);
    /* It holds nothing any more. */
    void (*leave)(struct allocator *self, struct allocator_client **client_p);
    void (*want)(struct allocator *self, struct allocator_client *client, bool wants);

    /* It holds more, or less, than before. */
    void (*charge)(struct allocator *self, struct allocator_client *client,
                   const struct resources *resources);
    void (*discharge)(struct allocator *self, struct allocator_client *client,
                      const struct resources *resources);
    /* It was made an offer: those who deserve as much come before it next time. */
    void (*took_turn)(struct allocator *self, struct allocator_client *client);

    /* Visit the clients that want offers, the one that deserves most first, until one takes it. Its
     * owner, or NULL. `visit` must not call the allocator. */
    void *(*first)(struct allocator *self, allocator_visit_fn *visit, void *ctx);

    /* Are the books of this client what the caller believes: the sum of scalars that it holds? */
    int (*check_client)(struct allocator *self, const struct allocator_client *client,
                        const struct resources *const *held, size_t held_count, struct err *err);
    /* The order and the totals; -EINVAL with the first violation. */
    int (*check)(struct allocator *self, struct err *err);
};

/* Dominant resource fairness (Ghodsi and others, NSDI 2011) over roles, then over the frameworks of
 * a role. */
extern const struct allocator_ops allocator_drf;

#endif
