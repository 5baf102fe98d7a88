/* master/core/allocator.h - who deserves the next offer, and how much of it: a module of its own.
 *
 * The allocator knows roles as a tree ("eng/web" lies in "eng"), clients (a framework in a role)
 * with what they hold, weights and quotas. It does not know agents, offers or filters: whoever has
 * something to offer asks it for the first client that takes it. In which order the children of a
 * role are asked is exchangeable (allocator_order.h); everything else is the same for all orders:
 *
 * 1. Roles whose guarantee is not met are asked first.
 * 2. A role never gets beyond its limit or that of a role above it. What counts: what its clients
 *    and those of the roles in it hold of the unreserved pool (offered counts as held), and all that
 *    is reserved for these roles, used or not.
 * 3. What is free and unreserved never falls below what all guarantees together still lack
 *    ("headroom"), except to meet one of them; nor does what is left within a limit fall below what the
 *    guarantees within it lack.
 *
 * Only scalars that are not revocable count in 1 to 3. Amounts are exact (128 bits), shares are not
 * (double). Pure, single-threaded, no I/O, no clock, chance only from the seed.
 */
#ifndef PROFFER_MASTER_CORE_ALLOCATOR_H
#define PROFFER_MASTER_CORE_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/resources.h"

#define ALLOCATOR_ORDER_DEFAULT "drf"
#define WEIGHT_DEFAULT_MILLI    1000
#define WEIGHT_MAX_MILLI        INT64_C(1000000000) /* a million */

struct allocator;
struct allocator_client;

struct allocator_settings {
    const char *order;    /* "drf" or "random"; "" or NULL: drf */
    const char *excluded; /* names of scalars that do not count in shares: "gpus,licences" */
    uint64_t seed;
};

/* -EINVAL with a text for an unknown order or a bad name. */
int allocator_new(const struct allocator_settings *settings, struct allocator **ret_allocator,
                  struct err *err);
void allocator_destroy(struct allocator **self_p); /* all clients have left */
const char *allocator_order_name(const struct allocator *self);

/* --- the pool ---------------------------------------------------------------- */

/* An agent's resources join or leave what there is in all: what shares are parts of, and what is
 * reserved for whom. */
void allocator_pool_add(struct allocator *self, const struct resources *total);
void allocator_pool_remove(struct allocator *self, const struct resources *total);
/* What could be offered this moment becomes more or less by another way than a charge. */
void allocator_free_add(struct allocator *self, const struct resources *free);
void allocator_free_remove(struct allocator *self, const struct resources *free);

/* --- policy ------------------------------------------------------------------ */

/* Of a role among its siblings; WEIGHT_DEFAULT_MILLI is what all have that were not set. -EINVAL
 * with a text unless 0 < weight <= WEIGHT_MAX_MILLI. */
int allocator_set_weight(struct allocator *self, const char *role, int64_t weight_milli,
                         struct err *err);
int allocator_check_weight(const char *role, int64_t weight_milli, struct err *err);
/* Of a role and all roles in it; replaces what was set. Names that are not in `limit` are without a
 * limit; a limit of 0 is one, so names are listed with their amounts. Both empty: no quota any
 * more. -EINVAL with a text: not scalars, reserved or revocable; a guarantee above the limit of the
 * role or of one above it, or guarantees of roles in it that are together above its limit. */
struct quota_amount {
    const char *name;
    int64_t milli;
};
struct quota_request {
    const char *role;
    const struct quota_amount *guarantees, *limits;
    size_t guarantees_count, limits_count;
};
int allocator_set_quota(struct allocator *self, const struct quota_request *quota, struct err *err);
/* Those of several roles, all or none; also -EINVAL when one is there twice. */
int allocator_set_quotas(struct allocator *self, const struct quota_request *quotas, size_t count,
                         struct err *err);
/* Could they be set? They still can later, if no other quota was set in between. -EINVAL as above;
 * -ENOSPC with a text when, unless `force`, more would be guaranteed in all than the pool has. */
int allocator_check_quotas(struct allocator *self, const struct quota_request *quotas, size_t count,
                           bool force, struct err *err);
/* While it is held, what limited roles have is not all known: they get no more of what is limited. */
void allocator_hold_limits(struct allocator *self, bool held);
bool allocator_has_quotas(const struct allocator *self);
/* The first scalar of which the pool has less than is guaranteed in all, or NULL. */
const char *allocator_overcommitted(const struct allocator *self);

/* --- clients ----------------------------------------------------------------- */

/* A client that wants nothing yet. `owner` is handed to `visit`. */
struct allocator_client *allocator_join(struct allocator *self, const char *role, void *owner);
/* It holds nothing any more. */
void allocator_leave(struct allocator *self, struct allocator_client **client_p);
void allocator_want(struct allocator *self, struct allocator_client *client, bool wants);

/* How it comes to hold more or less, a sum of these. */
enum charge {
    CHARGE_FREE = 1,   /* what can be offered is less by this, or more */
    CHARGE_OFFER = 2,  /* an offer: those who deserve as much come before it next time */
    CHARGE_MORE = 4,   /* an offer that it has becomes larger */
    CHARGE_BESIDE = 8, /* with CHARGE_OFFER: it has had a turn, the roles above it have not */
};
void allocator_charge(struct allocator *self, struct allocator_client *client,
                      const struct resources *resources, unsigned how);
void allocator_discharge(struct allocator *self, struct allocator_client *client,
                         const struct resources *resources, unsigned how);

/* Cut down what could be offered to the client to what it may have: limits and headroom. True when
 * that changed it. */
bool allocator_cut(const struct allocator *self, const struct allocator_client *client,
                   struct resources *available);
/* Why the client may not have `wanted` of that scalar (unreserved, not revocable): the role whose limit
 * keeps it from that, or NULL for what is held back for guarantees; how much of it the client may have by
 * that rule; and what is missing, exactly: by how much that limit would have to be raised, or how much
 * more be free, for this rule to allow it. Other rules may then not. False: it may have as much. */
struct allocator_cut_reason {
    const char *scalar, *role;
    int64_t wanted_milli, may_milli, limit_milli, missing_milli;
    bool is_held; /* allocator_hold_limits: nothing is missing but word of the agents */
};
bool allocator_cut_reason(const struct allocator *self, const struct allocator_client *client,
                          const char *scalar, int64_t wanted_milli,
                          struct allocator_cut_reason *ret_reason);
/* Of the first scalar of a sum that is cut. */
bool allocator_cut_reason_of(const struct allocator *self, const struct allocator_client *client,
                             const struct resources *wanted,
                             struct allocator_cut_reason *ret_reason);
/* Like allocator_cut, and it is recalled when it may have more. */
bool allocator_clip(struct allocator *self, const struct allocator_client *client,
                    struct resources *available);
/* What is shown to a client without being its own is no charge. The allocator remembers the most of each
 * scalar that one of these sums has, so that nobody need look at each of them to find out whether quotas
 * still allow them. */
void allocator_note_shown(struct allocator *self, struct allocator_client *client,
                          const struct resources *shown);
void allocator_forget_shown(struct allocator *self, struct allocator_client *client);
/* Might one of them be cut, as quotas are now? False: none would. */
bool allocator_is_shown_too_much(const struct allocator *self,
                                 const struct allocator_client *client);
/* For checks: is it within what is remembered? */
bool allocator_knows_shown(const struct allocator *self, const struct allocator_client *client,
                           const struct resources *shown);
/* Would this help to meet a guarantee of the client's role or of one above it? */
bool allocator_is_guaranteed(const struct allocator *self, const struct allocator_client *client,
                             const struct resources *available);
/* Offers may have to be taken back: to come below a limit that was lowered or that tasks of a returning
 * agent have passed, or for a new guarantee. Until whoever did so says that it was done. */
bool allocator_must_rescind(const struct allocator *self);
void allocator_has_rescinded(struct allocator *self);
/* Is a role of the client beyond its limit in a scalar that is in `resources`? */
bool allocator_is_beyond_limit(const struct allocator *self, const struct allocator_client *client,
                               const struct resources *resources);
/* Does it hold, for no guarantee of its own, a scalar of which less is free than guarantees lack? */
bool allocator_is_in_the_way(const struct allocator *self, const struct allocator_client *client,
                             const struct resources *resources);

/* --- asking ------------------------------------------------------------------ */

enum answer {
    ANSWER_NO,
    ANSWER_NOT_THIS_ROLE, /* nor would any other client directly in its role take it */
    ANSWER_YES,
};

/* Does it take what there is? `for_guarantee`: only if that helps to meet a guarantee. Must not change
 * the allocator, but for allocator_clip. */
typedef enum answer allocator_visit_fn(void *ctx, void *owner, bool for_guarantee);

/* Visit the clients that want offers, the one that deserves most first, until one takes it. Its
 * owner, or NULL. A client may be visited twice, the first time for a guarantee. */
void *allocator_first(struct allocator *self, allocator_visit_fn *visit, void *ctx);
/* The same among these clients only; those that want no offers are left out. */
void *allocator_first_of(struct allocator *self, struct allocator_client *const *clients,
                         size_t clients_count, allocator_visit_fn *visit, void *ctx);

/* Something that nobody wanted lies idle. Who is to be asked again about it is recalled: a client
 * that wants offers anew (allocator_recall), and by the allocator itself those who were kept from it
 * by a quota that has room again. Between begin and end, everything idle is shown to the recalled
 * with allocator_first_recalled, as long as allocator_recall_goes_on. */
void allocator_recall(struct allocator *self, struct allocator_client *client);
bool allocator_recall_is_due(const struct allocator *self);
void allocator_recall_begin(struct allocator *self);
bool allocator_recall_goes_on(struct allocator *self);
void *allocator_first_recalled(struct allocator *self, allocator_visit_fn *visit, void *ctx);
void allocator_recall_end(struct allocator *self);

/* --- looking ----------------------------------------------------------------- */

/* Are the books of this client what the caller believes: the sum of scalars that it holds? */
int allocator_check_client(struct allocator *self, const struct allocator_client *client,
                           const struct resources *const *held, size_t held_count, struct err *err);
/* Is what it believes to be free the sum of this? */
int allocator_check_free(struct allocator *self, const struct resources *const *free,
                         size_t free_count, struct err *err);
/* Orders, sums over the tree, what guarantees lack, limits; -EINVAL with the first violation. */
int allocator_check(const struct allocator *self, struct err *err);

#endif
