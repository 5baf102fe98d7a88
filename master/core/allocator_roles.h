/* master/core/allocator_roles.h - private to the allocator: the tree of roles and clients, and what
 * each node holds.
 *
 *     root ── "eng" ── "eng/web" ── client
 *          │        └─ client
 *          └─ "*" ─── client
 *
 * The children of a role are the roles right below it and the clients directly in it; they compete
 * with each other. A role is there while something is in it, set for it or reserved for it. All
 * scalars are numbered once, and each node has an array by number.
 */
#ifndef PROFFER_MASTER_CORE_ALLOCATOR_ROLES_H
#define PROFFER_MASTER_CORE_ALLOCATOR_ROLES_H

#include "base/rng.h"
#include "base/table.h"
#include "master/core/allocator.h"

/* Names of scalars that are counted. Agents choose them; later ones are offered like any other but
 * weigh nothing. */
#define SCALARS_MAX 64
/* What is below that is one role. */
#define ROLE_DEPTH_MAX 32
/* Recalled one by one; if they are more, all are. */
#define RECALL_MAX 16

#define NOT_IN_ORDER SIZE_MAX

/* Agents state up to 2^61 each: sums need more than 64 bits. */
__extension__ typedef __int128 wide;
typedef uint64_t scalar_set; /* by number */

#define SCALAR_BIT(number) (UINT64_C(1) << (number))
#define SCALARS_ALL        UINT64_MAX
#define WIDE_MAX           ((wide)1 << 120) /* more than there can be of anything */

struct amount {
    wide held;    /* of any kind: makes the share */
    wide counted; /* what quotas see */
};

struct node {
    struct role *parent;      /* NULL: the root */
    struct node *prev, *next; /* parent->children */
    size_t slot;              /* in parent->order, or NOT_IN_ORDER */
    double share;             /* dominant share by weight */
    double inverse_weight;
    uint64_t turn;          /* when it was made an offer last, in turns; 0: never */
    uint64_t number;        /* breaks ties */
    struct amount *amounts; /* owned; by number of the scalar */
    size_t amounts_count;
    size_t offers; /* held by it and in it */
    bool is_role;
    scalar_set recalled; /* because there is more of these; 0: not recalled */
    struct node *prev_recalled, *next_recalled;
};

/* The children of a role that want offers; kept by an implementation of struct order_ops. */
struct order {
    struct order_entry {
        double share; /* copies: what is compared lies side by side */
        uint64_t turn;
        struct node *node; /* borrowed */
    } * entries;           /* owned */
    uint32_t *frontier;    /* owned; while they are gone through */
    size_t count, capacity, frontier_count;
    double largest_weight; /* at least that of each */
};

struct quota {
    wide guarantee[SCALARS_MAX], limit[SCALARS_MAX];
    scalar_set guaranteed, limited;
};

struct role {
    struct node node;
    struct order order;
    struct node *children; /* borrowed list: clients, and owned roles */
    size_t roles_count;    /* of the children */
    wide *reserved;        /* owned; by number, NULL: nothing */
    size_t reserved_count; /* portions of agents */
    wide *lack_below;      /* owned; what the guarantees below lack, NULL: nothing ever */
    struct quota *quota;   /* owned; NULL: none */
    scalar_set lacking;    /* its own guarantee lacks these beyond what those below lack */
    struct role *prev_lacking, *next_lacking;
    scalar_set clipped; /* its limit kept these from somebody */
    int64_t weight_milli;
    UT_hash_handle hh;
    char name[];
};

struct allocator_client {
    struct node node;
    void *owner;
    wide *shown; /* owned; by number, the most that it is shown at once; NULL: nothing */
};

struct order_ops;

struct allocator {
    const struct order_ops *ops;
    struct rng rng;
    char *names[SCALARS_MAX]; /* owned */
    size_t names_count;
    char *excluded_text; /* owned */
    scalar_set excluded;
    wide total[SCALARS_MAX], free[SCALARS_MAX]; /* free: unreserved and to be offered at once */
    double inverse_total[SCALARS_MAX];          /* 0: takes no part in shares */
    struct role *root;                          /* owned */
    struct role *roles;                         /* owned, by name, without the root */
    struct role *lacking;                       /* list */
    struct node *recalled;                      /* list */
    size_t recalled_count;
    scalar_set clipped;                    /* headroom kept these from somebody... */
    wide clipped_at[SCALARS_MAX];          /* ...when that much could have been given */
    size_t quotas_count, guarantees_count; /* roles with a quota, with a guarantee */
    struct node **scopes;                  /* owned; for one question */
    size_t scopes_capacity;
    uint64_t turn, numbers;
    bool is_stale;        /* the pool changed: shares are of an older one */
    bool is_broken;       /* an offer took what is held back for others */
    bool are_limits_held; /* nobody knows yet what limited roles have */
    bool must_rescind;    /* offers may be beyond a limit, or hold what a guarantee lacks */
};

/* What a sum of resources changes, by number. */
struct delta {
    size_t count;
    struct {
        unsigned number;
        wide all, counted;
    } items[SCALARS_MAX];
};

/* For people. */
static inline int64_t to_milli(wide amount)
{
    return amount > RESOURCE_MILLI_MAX ? RESOURCE_MILLI_MAX : (int64_t)amount;
}

static inline wide node_held(const struct node *node, unsigned number)
{
    return number < node->amounts_count ? node->amounts[number].held : 0;
}

static inline wide node_counted(const struct node *node, unsigned number)
{
    return number < node->amounts_count ? node->amounts[number].counted : 0;
}

static inline struct role *node_role(struct node *node)
{
    return node->is_role ? (struct role *)node : NULL; /* it is its first member */
}

/* --- allocator_roles.c ------------------------------------------------------- */

/* SCALARS_MAX when it is not known. */
unsigned scalar_find(const struct allocator *self, const char *name);
/* SCALARS_MAX when there is no room for the name. */
unsigned scalar_get_or_add(struct allocator *self, const char *name);
void delta_read(struct allocator *self, const struct resources *resources, struct delta *ret_delta);
bool is_counted(const struct resource *item);

struct role *role_find(const struct allocator *self, const char *name);
struct role *role_get_or_add(struct allocator *self, const char *name);
/* It goes when nothing is left that it is there for, and what is above it likewise. */
void role_release(struct allocator *self, struct role *role);
void roles_init(struct allocator *self);
void roles_fini(struct allocator *self);
struct amount *node_amount_slow(struct node *node, unsigned number);
static inline struct amount *node_amount(struct node *node, unsigned number)
{
    return number < node->amounts_count ? &node->amounts[number] : node_amount_slow(node, number);
}
void node_add(struct allocator *self, struct node *node, struct role *parent);
void node_remove(struct allocator *self, struct node *node);
void node_want(struct allocator *self, struct node *node, bool wants);
/* What it holds changes, and so for all above it. */
void node_charge(struct allocator *self, struct node *node, const struct delta *delta, int sign);
/* Its share or turn is another one; it may be in an order. */
void node_settle(struct allocator *self, struct node *node);
void node_recall(struct allocator *self, struct node *node, scalar_set scalars);
void nodes_forget_recalled(struct allocator *self);
double node_share(const struct allocator *self, const struct node *node);
/* After the pool or a weight has changed: all shares anew. */
void roles_refresh(struct allocator *self);
/* Does `a` deserve to be asked before `b`? Neither is above the other. */
bool node_is_before(struct allocator *self, struct node *a, struct node *b);
bool node_is_within(const struct node *node, const struct node *above);

/* --- allocator_quota.c ------------------------------------------------------- */

/* What counts against quotas changes by `amount` of one scalar, and what the guarantees below lack by
 * `below`, for the role and all above. */
void role_count(struct allocator *self, struct role *role, unsigned number, wide amount,
                wide below);
/* Is the role, or one above it, beyond its limit in this? */
bool role_is_beyond(const struct role *role, unsigned number);
/* After a change of its quota. */
void role_note_lacking(struct allocator *self, struct role *role, unsigned number);
/* What is still lacking of the guarantees of the role and of those below. */
wide role_lack(const struct role *role, unsigned number);
/* Of what lacks, the part that only its own guarantee asks for. */
wide role_gap(const struct role *role, unsigned number);
/* How much more the node, or what is in it, may have: by the limits from it up, by headroom. */
wide node_room(const struct allocator *self, const struct node *node, unsigned number,
               struct role **ret_tightest);
wide node_allowance(const struct allocator *self, const struct node *node, unsigned number);
/* Headroom kept some of it from somebody. */
void headroom_note_clipped(struct allocator *self, unsigned number);
/* What may be given away without a guarantee; may be negative. */
wide surplus(const struct allocator *self, unsigned number);

/* --- allocator_policy.c ------------------------------------------------------ */

void quota_free(struct allocator *self, struct role *role);

#endif
