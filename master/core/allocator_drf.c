/* master/core/allocator_drf.c - dominant resource fairness in two levels: roles, then the
 * frameworks of each.
 *
 * A node's share is the largest part that it holds of any scalar in the pool; of equal shares, the one
 * that was made an offer longest ago comes first, so that those who hold nothing take turns. Nodes that
 * want offers stand in an array sorted by this, so that asking for the next one costs no sort: a charge
 * moves one node from its place. A change of the pool alters all shares by about the same factor; they
 * are computed again once, before the next question.
 */
#include "master/core/allocator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/table.h"

/* Names of scalars that take part in shares. Agents choose them; later ones are offered like any
 * other but weigh nothing. */
#define SCALARS_MAX 64

#define NOT_IN_ORDER SIZE_MAX

/* Agents state up to 2^61 each: sums need more than 64 bits. */
__extension__ typedef __int128 wide;

struct node {
    double share;
    uint64_t last_turn; /* when it was made an offer last, in turns; 0: never */
    size_t slot;        /* in its order, or NOT_IN_ORDER */
    wide *held;         /* owned; by number of the scalar */
    size_t held_count;
};

struct order {
    struct node **nodes; /* owned array of borrowed nodes, sorted */
    size_t count;
    size_t capacity;
};

struct role {
    struct node node;
    struct order clients; /* those that want offers */
    size_t clients_count; /* all */
    UT_hash_handle hh;
    char name[];
};

struct allocator_client {
    struct node node;
    struct role *role; /* borrowed */
    void *owner;
};

struct allocator {
    char *names[SCALARS_MAX]; /* owned */
    wide total[SCALARS_MAX];
    size_t names_count;
    struct role *roles; /* owned, by name */
    struct order order; /* roles with a client that wants offers */
    uint64_t turn;
    bool is_stale; /* the pool changed: shares are of an older one */
};

/* --- sums of scalars --------------------------------------------------------- */

/* The scalar's number, SCALARS_MAX when there is no room for its name. */
static size_t scalar_number(struct allocator *self, const char *name)
{
    for (size_t i = 0; i < self->names_count; i++)
        if (!strcmp(self->names[i], name))
            return i;
    if (self->names_count == SCALARS_MAX)
        return SCALARS_MAX;
    self->names[self->names_count] = mem_strdup(name);
    return self->names_count++;
}

static void node_hold(struct node *node, size_t number, wide amount)
{
    if (number >= node->held_count) {
        node->held = mem_resize(node->held, number + 1, sizeof(wide));
        while (node->held_count <= number)
            node->held[node->held_count++] = 0;
    }
    node->held[number] += amount;
}

static void node_hold_all(struct allocator *self, struct node *node,
                          const struct resources *resources, int sign)
{
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *item = &resources->items[i];
        size_t number;

        if (item->kind != RESOURCE_SCALAR)
            continue;
        number = scalar_number(self, item->name);
        if (number < SCALARS_MAX)
            node_hold(node, number, (wide)sign * item->milli);
    }
}

static double node_share(const struct allocator *self, const struct node *node)
{
    double share = 0;

    for (size_t i = 0; i < node->held_count; i++) {
        double part = self->total[i] > 0 ? (double)node->held[i] / (double)self->total[i] : 0;

        if (part > share)
            share = part;
    }
    return share;
}

/* --- the order --------------------------------------------------------------- */

static bool node_is_before(const struct node *a, const struct node *b)
{
    if (a->share < b->share || b->share < a->share)
        return a->share < b->share;
    return a->last_turn < b->last_turn;
}

static void order_place(struct order *self, size_t slot, struct node *node)
{
    self->nodes[slot] = node;
    node->slot = slot;
}

/* Move the node to where it belongs; the others are in order. */
static void order_settle(struct order *self, struct node *node)
{
    size_t slot = node->slot;

    for (; slot > 0 && node_is_before(node, self->nodes[slot - 1]); slot--)
        order_place(self, slot, self->nodes[slot - 1]);
    for (; slot + 1 < self->count && node_is_before(self->nodes[slot + 1], node); slot++)
        order_place(self, slot, self->nodes[slot + 1]);
    order_place(self, slot, node);
}

static void order_insert(struct order *self, struct node *node)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 4;
        self->nodes = mem_resize(self->nodes, self->capacity, sizeof(struct node *));
    }
    order_place(self, self->count++, node);
    order_settle(self, node);
}

static void order_remove(struct order *self, struct node *node)
{
    for (size_t slot = node->slot; slot + 1 < self->count; slot++)
        order_place(self, slot, self->nodes[slot + 1]);
    self->count--;
    node->slot = NOT_IN_ORDER;
}

/* Compute all shares anew. An insertion sort: next to nothing moves, as all shares changed alike.
 */
static void order_refresh(const struct allocator *allocator, struct order *self)
{
    size_t count = self->count;

    for (size_t i = 0; i < count; i++)
        self->nodes[i]->share = node_share(allocator, self->nodes[i]);
    for (self->count = 0; self->count < count;) {
        self->count++;
        order_settle(self, self->nodes[self->count - 1]);
    }
}

static void refresh_if_stale(struct allocator *self)
{
    if (!self->is_stale)
        return;
    order_refresh(self, &self->order);
    for (size_t i = 0; i < self->order.count; i++)
        order_refresh(self, &CONTAINER_OF(self->order.nodes[i], struct role, node)->clients);
    self->is_stale = false;
}

/* --- the interface ----------------------------------------------------------- */

static struct allocator *drf_new(void)
{
    return mem_new(struct allocator);
}

static void drf_destroy(struct allocator **self_p)
{
    struct allocator *self = *self_p;

    if (!self)
        return;
    BUG_ON(self->roles);
    for (size_t i = 0; i < self->names_count; i++)
        free(self->names[i]);
    free(self->order.nodes);
    free(self);
    *self_p = NULL;
}

static void pool_change(struct allocator *self, const struct resources *total, int sign)
{
    for (size_t i = 0; i < total->count; i++) {
        size_t number;

        if (total->items[i].kind != RESOURCE_SCALAR)
            continue;
        number = scalar_number(self, total->items[i].name);
        if (number < SCALARS_MAX)
            self->total[number] += (wide)sign * total->items[i].milli;
    }
    self->is_stale = true;
}

static void drf_pool_add(struct allocator *self, const struct resources *total)
{
    pool_change(self, total, 1);
}

static void drf_pool_remove(struct allocator *self, const struct resources *total)
{
    pool_change(self, total, -1);
}

static struct role *role_get_or_add(struct allocator *self, const char *name)
{
    size_t size = strlen(name);
    struct role *role;

    HASH_FIND(hh, self->roles, name, size, role);
    if (role)
        return role;
    role = mem_calloc(1, sizeof(*role) + size + 1);
    memcpy(role->name, name, size + 1);
    role->node.slot = NOT_IN_ORDER;
    HASH_ADD_KEYPTR(hh, self->roles, role->name, size, role);
    return role;
}

static struct allocator_client *drf_join(struct allocator *self, const char *role, void *owner)
{
    struct allocator_client *client = mem_new(struct allocator_client);

    client->role = role_get_or_add(self, role);
    client->role->clients_count++;
    client->node.slot = NOT_IN_ORDER;
    client->owner = owner;
    return client;
}

static void node_want(struct allocator *self, struct order *order, struct node *node, bool wants)
{
    if (wants == (node->slot != NOT_IN_ORDER))
        return;
    if (!wants) {
        order_remove(order, node);
        return;
    }
    node->share = node_share(self, node);
    order_insert(order, node);
}

static void drf_want(struct allocator *self, struct allocator_client *client, bool wants)
{
    struct role *role = client->role;

    node_want(self, &role->clients, &client->node, wants);
    node_want(self, &self->order, &role->node, role->clients.count > 0);
}

static void drf_leave(struct allocator *self, struct allocator_client **client_p)
{
    struct allocator_client *client = *client_p;
    struct role *role = client->role;

    drf_want(self, client, false);
    if (--role->clients_count == 0) {
        HASH_DEL(self->roles, role);
        free(role->clients.nodes);
        free(role->node.held);
        free(role);
    }
    free(client->node.held);
    free(client);
    *client_p = NULL;
}

static void node_recharge(struct allocator *self, struct order *order, struct node *node,
                          const struct resources *resources, int sign)
{
    node_hold_all(self, node, resources, sign);
    if (node->slot == NOT_IN_ORDER)
        return;
    node->share = node_share(self, node);
    order_settle(order, node);
}

static void drf_charge(struct allocator *self, struct allocator_client *client,
                       const struct resources *resources)
{
    node_recharge(self, &client->role->clients, &client->node, resources, 1);
    node_recharge(self, &self->order, &client->role->node, resources, 1);
}

static void drf_discharge(struct allocator *self, struct allocator_client *client,
                          const struct resources *resources)
{
    node_recharge(self, &client->role->clients, &client->node, resources, -1);
    node_recharge(self, &self->order, &client->role->node, resources, -1);
}

static void node_took_turn(struct order *order, struct node *node, uint64_t turn)
{
    node->last_turn = turn;
    if (node->slot != NOT_IN_ORDER)
        order_settle(order, node);
}

static void drf_took_turn(struct allocator *self, struct allocator_client *client)
{
    uint64_t turn = ++self->turn;

    node_took_turn(&client->role->clients, &client->node, turn);
    node_took_turn(&self->order, &client->role->node, turn);
}

static void *drf_first(struct allocator *self, allocator_visit_fn *visit, void *ctx)
{
    refresh_if_stale(self);
    for (size_t i = 0; i < self->order.count; i++) {
        const struct role *role = CONTAINER_OF(self->order.nodes[i], struct role, node);

        for (size_t j = 0; j < role->clients.count; j++) {
            const struct allocator_client *client =
                CONTAINER_OF(role->clients.nodes[j], struct allocator_client, node);

            if (visit(ctx, client->owner))
                return client->owner;
        }
    }
    return NULL;
}

/* --- checks ------------------------------------------------------------------ */

static wide held_of(const struct node *node, size_t number)
{
    return number < node->held_count ? node->held[number] : 0;
}

static int drf_check_client(struct allocator *self, const struct allocator_client *client,
                            const struct resources *const *held, size_t held_count, struct err *err)
{
    struct node believed = {.slot = NOT_IN_ORDER};
    int r = 0;

    for (size_t i = 0; i < held_count; i++)
        node_hold_all(self, &believed, held[i], 1);
    for (size_t i = 0; i < self->names_count && r == 0; i++)
        if (held_of(&believed, i) != held_of(&client->node, i))
            r = err_set(err, -EINVAL, "role %s: %s held: allocator has %lld, books say %lld",
                        client->role->name, self->names[i], (long long)held_of(&client->node, i),
                        (long long)held_of(&believed, i));
    free(believed.held);
    return r;
}

static int check_order(const struct order *order, const char *what, struct err *err)
{
    for (size_t i = 0; i < order->count; i++) {
        if (order->nodes[i]->slot != i)
            return err_set(err, -EINVAL, "%s: node %zu believes it is %zu", what, i,
                           order->nodes[i]->slot);
        if (i && node_is_before(order->nodes[i], order->nodes[i - 1]))
            return err_set(err, -EINVAL, "%s: nodes %zu and %zu are out of order", what, i - 1, i);
    }
    return 0;
}

static int drf_check(struct allocator *self, struct err *err)
{
    int r = check_order(&self->order, "roles", err);

    for (const struct role *role = self->roles; role && r == 0; role = role->hh.next) {
        if ((role->clients.count > 0) != (role->node.slot != NOT_IN_ORDER))
            return err_set(err, -EINVAL, "role %s: in the order without a client, or not with one",
                           role->name);
        r = check_order(&role->clients, role->name, err);
    }
    for (size_t i = 0; i < self->names_count && r == 0; i++)
        if (self->total[i] < 0)
            return err_set(err, -EINVAL, "the pool has less than no %s", self->names[i]);
    return r;
}

const struct allocator_ops allocator_drf = {
    .name = "drf",
    .new = drf_new,
    .destroy = drf_destroy,
    .pool_add = drf_pool_add,
    .pool_remove = drf_pool_remove,
    .join = drf_join,
    .leave = drf_leave,
    .want = drf_want,
    .charge = drf_charge,
    .discharge = drf_discharge,
    .took_turn = drf_took_turn,
    .first = drf_first,
    .check_client = drf_check_client,
    .check = drf_check,
};
