/* master/core/allocator.c - a life of an allocator: pool, clients, and who is asked. */
#include "master/core/allocator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/allocator_order.h"

static const struct order_ops *const orders[] = {&order_drf, &order_random};

/* --- beginning and end ------------------------------------------------------- */

void order_reserve(struct order *order)
{
    if (order->count < order->capacity)
        return;
    order->capacity = order->capacity ? order->capacity * 2 : 4;
    order->entries = mem_resize(order->entries, order->capacity, sizeof(order->entries[0]));
    order->frontier = mem_resize(order->frontier, order->capacity, sizeof(order->frontier[0]));
}

void order_fini(struct order *order)
{
    free(order->entries);
    free(order->frontier);
    *order = (struct order){0};
}

static int set_order(struct allocator *self, const char *name, struct err *err)
{
    if (!name || !*name)
        name = ALLOCATOR_ORDER_DEFAULT;
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        if (strcmp(orders[i]->name, name) != 0)
            continue;
        self->ops = orders[i];
        return 0;
    }
    return err_set(err, -EINVAL, "allocator \"%.64s\": expected drf or random", name);
}

static int set_excluded(struct allocator *self, const char *text, struct err *err)
{
    while (text && *text) {
        size_t size = strcspn(text, ",");
        CLEANUP(resources_fini) struct resources probe = {0};
        CLEANUP(free_p) char *name = mem_printf("%.*s", (int)size, text);
        int r = resources_add_scalar(&probe, name, NULL, 1, err);
        unsigned number;

        if (r < 0)
            return err_wrap(err, r, "fair_sharing_excluded");
        number = scalar_get_or_add(self, name);
        if (number == SCALARS_MAX)
            return err_set(err, -E2BIG, "fair_sharing_excluded: more than %d names", SCALARS_MAX);
        self->excluded |= SCALAR_BIT(number);
        text += size;
        text += *text == ',';
    }
    return 0;
}

int allocator_new(const struct allocator_settings *settings, struct allocator **ret_allocator,
                  struct err *err)
{
    CLEANUP(allocator_destroy) struct allocator *self = mem_new(struct allocator);
    int r;

    self->rng = (struct rng){.state = settings->seed};
    roles_init(self);
    r = set_order(self, settings->order, err);
    if (r == 0)
        r = set_excluded(self, settings->excluded, err);
    if (r < 0)
        return r;
    *ret_allocator = TAKE(self);
    return 0;
}

void allocator_destroy(struct allocator **self_p)
{
    struct allocator *self = *self_p;

    if (!self)
        return;
    roles_fini(self);
    for (size_t i = 0; i < self->names_count; i++)
        free(self->names[i]);
    free(self->scopes);
    free(self);
    *self_p = NULL;
}

const char *allocator_order_name(const struct allocator *self)
{
    return self->ops->name;
}

/* --- the pool ---------------------------------------------------------------- */

/* Is a limit passed, by the role or by one above it, while offers are out that count against it? They may be
 * another's: what is reserved for "a/b" leaves less for "a/c" within the limit of "a". */
static bool is_beyond_with_offers(const struct role *role, unsigned number)
{
    for (; role; role = role->node.parent)
        if (role->node.offers && role->quota && (role->quota->limited & SCALAR_BIT(number)) &&
            node_counted(&role->node, number) > role->quota->limit[number])
            return true;
    return false;
}

static void reserve(struct allocator *self, const struct resource *item, unsigned number, int sign)
{
    struct role *role = role_get_or_add(self, item->role);
    wide amount = (wide)sign * item->milli;

    if (!role->reserved)
        role->reserved = mem_calloc(SCALARS_MAX, sizeof(wide));
    role->reserved[number] += amount;
    role->reserved_count += (size_t)sign;
    role_count(self, role, number, amount, 0);
    if (is_beyond_with_offers(role, number))
        self->must_rescind = true;
    role_release(self, role);
}

static void pool_change(struct allocator *self, const struct resources *total, int sign)
{
    for (size_t i = 0; i < total->count; i++) {
        const struct resource *item = &total->items[i];
        unsigned number;

        if (item->kind != RESOURCE_SCALAR)
            continue;
        number = scalar_get_or_add(self, item->name);
        if (number == SCALARS_MAX)
            continue;
        self->total[number] += (wide)sign * item->milli;
        if (item->role && !item->revocable)
            reserve(self, item, number, sign);
    }
    self->is_stale = true;
}

void allocator_pool_add(struct allocator *self, const struct resources *total)
{
    pool_change(self, total, 1);
}

void allocator_pool_remove(struct allocator *self, const struct resources *total)
{
    pool_change(self, total, -1);
}

static void free_change(struct allocator *self, const struct delta *delta, int sign)
{
    for (size_t i = 0; i < delta->count; i++)
        self->free[delta->items[i].number] += sign * delta->items[i].counted;
}

void allocator_free_add(struct allocator *self, const struct resources *free)
{
    struct delta delta;

    delta_read(self, free, &delta);
    free_change(self, &delta, 1);
}

void allocator_free_remove(struct allocator *self, const struct resources *free)
{
    struct delta delta;

    delta_read(self, free, &delta);
    free_change(self, &delta, -1);
}

/* --- clients ----------------------------------------------------------------- */

struct allocator_client *allocator_join(struct allocator *self, const char *role, void *owner)
{
    struct allocator_client *client = mem_new(struct allocator_client);

    client->owner = owner;
    node_add(self, &client->node, role_get_or_add(self, role));
    return client;
}

void allocator_leave(struct allocator *self, struct allocator_client **client_p)
{
    struct allocator_client *client = *client_p;
    struct role *role = client->node.parent;

    node_want(self, &client->node, false);
    node_remove(self, &client->node);
    role_release(self, role);
    free(client->shown);
    free(client);
    *client_p = NULL;
}

void allocator_want(struct allocator *self, struct allocator_client *client, bool wants)
{
    node_want(self, &client->node, wants);
}

static void count_offers(struct node *node, int sign)
{
    for (; node; node = node->parent ? &node->parent->node : NULL)
        node->offers += (size_t)sign;
}

/* It holds more than a limit allows, not by an offer: other offers have to go. */
static void look_beyond(struct allocator *self, const struct role *role, const struct delta *delta)
{
    for (size_t i = 0; i < delta->count; i++)
        if (delta->items[i].counted && role_is_beyond(role, delta->items[i].number))
            self->must_rescind = true;
}

/* Of each scalar that it gets: what was left beyond what guarantees lack, before and now. */
struct headroom {
    wide before[SCALARS_MAX];
};

static void headroom_read(const struct allocator *self, const struct delta *delta,
                          struct headroom *ret_headroom)
{
    for (size_t i = 0; i < delta->count; i++)
        ret_headroom->before[i] = surplus(self, delta->items[i].number);
}

/* An offer may close a gap or take what nobody lacks, never widen what is short. For allocator_check. */
static void headroom_judge(struct allocator *self, const struct delta *delta,
                           const struct headroom *headroom)
{
    for (size_t i = 0; i < delta->count; i++) {
        wide now = surplus(self, delta->items[i].number);

        if (now < 0 && now < headroom->before[i])
            self->is_broken = true;
    }
}

/* An offer is cut to what the limits leave. Likewise. */
static void limits_judge(struct allocator *self, const struct role *role, const struct delta *delta)
{
    for (size_t i = 0; i < delta->count; i++)
        if (delta->items[i].counted && role_is_beyond(role, delta->items[i].number))
            self->is_broken = true;
}

void allocator_charge(struct allocator *self, struct allocator_client *client,
                      const struct resources *resources, unsigned how)
{
    struct headroom headroom;
    struct delta delta;

    delta_read(self, resources, &delta);
    if (self->guarantees_count)
        headroom_read(self, &delta, &headroom);
    if (how & CHARGE_FREE)
        free_change(self, &delta, -1);
    if (how & CHARGE_OFFER) {
        uint64_t turn = ++self->turn;

        if (MUTATE(KEEP_TURN))
            turn = 0;
        for (struct node *node = &client->node; node->parent; node = &node->parent->node) {
            node->turn = turn;
            if (how & CHARGE_BESIDE)
                break;
        }
        count_offers(&client->node, 1);
    }
    node_charge(self, &client->node, &delta, 1);
    if ((how & (CHARGE_OFFER | CHARGE_MORE)) && self->guarantees_count)
        headroom_judge(self, &delta, &headroom);
    if ((how & (CHARGE_OFFER | CHARGE_MORE)) && self->quotas_count)
        limits_judge(self, client->node.parent, &delta);
    if (!(how & (CHARGE_OFFER | CHARGE_MORE)) && self->quotas_count && !self->must_rescind)
        look_beyond(self, client->node.parent, &delta);
}

void allocator_discharge(struct allocator *self, struct allocator_client *client,
                         const struct resources *resources, unsigned how)
{
    struct delta delta;

    delta_read(self, resources, &delta);
    if (how & CHARGE_FREE)
        free_change(self, &delta, 1);
    if (how & CHARGE_OFFER)
        count_offers(&client->node, -1);
    node_charge(self, &client->node, &delta, -1);
}

bool allocator_must_rescind(const struct allocator *self)
{
    return self->must_rescind;
}

void allocator_has_rescinded(struct allocator *self)
{
    self->must_rescind = false;
}

/* --- asking ------------------------------------------------------------------ */

struct asking {
    allocator_visit_fn *visit;
    void *ctx;
    bool for_guarantee;
};

static struct allocator_client *ask_role(struct allocator *self, struct role *role,
                                         const struct asking *asking)
{
    bool is_refused = false; /* by all clients directly in it */

    for (struct node *node = self->ops->begin(&role->order, &self->rng); node;
         node = self->ops->next(&role->order, &self->rng)) {
        struct allocator_client *client = (struct allocator_client *)node;

        if (node->is_role) {
            client = ask_role(self, node_role(node), asking);
            if (client)
                return client;
        } else if (!is_refused) {
            enum answer answer = asking->visit(asking->ctx, client->owner, asking->for_guarantee);

            if (answer == ANSWER_YES)
                return client;
            is_refused = answer == ANSWER_NOT_THIS_ROLE;
        }
        if (is_refused && !role->roles_count)
            return NULL;
    }
    return NULL;
}

static struct allocator_client *ask_node(struct allocator *self, struct node *node,
                                         const struct asking *asking)
{
    struct allocator_client *client = (struct allocator_client *)node;

    if (node->is_role)
        return ask_role(self, node_role(node), asking);
    if (node->slot == NOT_IN_ORDER ||
        asking->visit(asking->ctx, client->owner, asking->for_guarantee) != ANSWER_YES)
        return NULL;
    return client;
}

/* The scopes one after the other, the best first; they are used up. */
static struct allocator_client *ask_scopes(struct allocator *self, struct node **scopes,
                                           size_t count, const struct asking *asking)
{
    struct allocator_client *client = NULL;

    while (count > 0 && !client) {
        size_t best = 0;
        struct node *node;

        for (size_t i = 1; i < count; i++)
            if (node_is_before(self, scopes[i], scopes[best]))
                best = i;
        node = scopes[best];
        scopes[best] = scopes[--count];
        client = ask_node(self, node, asking);
    }
    return client;
}

static struct node **scratch_scopes(struct allocator *self, size_t count)
{
    if (count > self->scopes_capacity) {
        self->scopes_capacity = count;
        self->scopes = mem_resize(self->scopes, count, sizeof(struct node *));
    }
    return self->scopes;
}

/* Parts of the scopes that have a guarantee which lacks something. */
static size_t lacking_within(struct allocator *self, struct node *const *scopes, size_t count,
                             struct node **ret_lacking)
{
    size_t found = 0;
    struct role *role;

    for (size_t i = 0; i < count; i++)
        DL_FOREACH2(self->lacking, role, next_lacking)
        {
            if (node_is_within(&role->node, scopes[i])) {
                ret_lacking[found++] = &role->node;
            } else if (node_is_within(scopes[i], &role->node)) {
                ret_lacking[found++] = scopes[i];
                break;
            }
        }
    return found;
}

static void *first_within(struct allocator *self, struct node *const *scopes, size_t count,
                          allocator_visit_fn *visit, void *ctx)
{
    struct asking asking = {.visit = visit, .ctx = ctx, .for_guarantee = true};
    struct allocator_client *client = NULL;
    struct node **chosen;

    if (self->is_stale)
        roles_refresh(self);
    if (self->lacking) {
        struct role *role;
        size_t lacking;

        DL_COUNT2(self->lacking, role, lacking, next_lacking);
        chosen = scratch_scopes(self, (lacking + 1) * count);
        lacking = lacking_within(self, scopes, count, chosen);
        client = ask_scopes(self, chosen, lacking, &asking);
    }
    if (!client) {
        asking.for_guarantee = false;
        chosen = scratch_scopes(self, count);
        memcpy(chosen, scopes, count * sizeof(chosen[0]));
        client = ask_scopes(self, chosen, count, &asking);
    }
    return client ? client->owner : NULL;
}

void *allocator_first(struct allocator *self, allocator_visit_fn *visit, void *ctx)
{
    struct node *const scope = &self->root->node;

    return first_within(self, &scope, 1, visit, ctx);
}

void *allocator_first_of(struct allocator *self, struct allocator_client *const *clients,
                         size_t clients_count, allocator_visit_fn *visit, void *ctx)
{
    struct node *scopes[RECALL_MAX];

    if (clients_count > RECALL_MAX)
        return allocator_first(self, visit, ctx);
    for (size_t i = 0; i < clients_count; i++)
        scopes[i] = &clients[i]->node;
    return first_within(self, scopes, clients_count, visit, ctx);
}

/* --- asking again ------------------------------------------------------------ */

void allocator_recall(struct allocator *self, struct allocator_client *client)
{
    node_recall(self, &client->node, SCALARS_ALL);
}

/* Of which scalars is there more than when headroom kept them from somebody? */
static scalar_set released(const struct allocator *self)
{
    scalar_set scalars = 0;

    for (unsigned number = 0; self->clipped && number < self->names_count; number++)
        if ((self->clipped & SCALAR_BIT(number)) && surplus(self, number) > 0 &&
            surplus(self, number) > self->clipped_at[number])
            scalars |= SCALAR_BIT(number);
    return scalars;
}

bool allocator_recall_is_due(const struct allocator *self)
{
    return self->recalled || released(self);
}

void allocator_recall_begin(struct allocator *self)
{
    scalar_set scalars = released(self);

    self->clipped &= ~scalars;
    node_recall(self, &self->root->node, scalars);
    if (self->recalled_count <= RECALL_MAX)
        return;
    nodes_forget_recalled(self);
    node_recall(self, &self->root->node, SCALARS_ALL);
}

/* Could anybody in it have any of what it is recalled for? What could not is remembered, so that it
 * is recalled again. */
static bool may_have_some(struct allocator *self, struct node *node)
{
    /* It comes anew: what is reserved for it concerns it too. */
    if (node->recalled == SCALARS_ALL)
        return true;
    for (unsigned number = 0; number < self->names_count; number++) {
        struct role *tightest;

        if (!(node->recalled & SCALAR_BIT(number)))
            continue;
        if (!node_room(self, node, number, &tightest)) {
            tightest->clipped |= SCALAR_BIT(number);
        } else if (!node_allowance(self, node, number)) {
            headroom_note_clipped(self, number);
        } else {
            return true;
        }
    }
    return false;
}

static bool wants_some(struct node *node)
{
    return node->is_role ? node_role(node)->order.count > 0 : node->slot != NOT_IN_ORDER;
}

bool allocator_recall_goes_on(struct allocator *self)
{
    struct node *node, *next;

    for (node = self->recalled; node; node = next) {
        next = node->next_recalled;
        if (wants_some(node) && (!self->quotas_count || may_have_some(self, node)))
            continue;
        DL_DELETE2(self->recalled, node, prev_recalled, next_recalled);
        self->recalled_count--;
        node->recalled = 0;
    }
    return self->recalled != NULL;
}

void *allocator_first_recalled(struct allocator *self, allocator_visit_fn *visit, void *ctx)
{
    struct node *scopes[RECALL_MAX + 1], *node;
    size_t count = 0;

    DL_FOREACH2(self->recalled, node, next_recalled)
    if (count < RECALL_MAX + 1)
        scopes[count++] = node;
    return first_within(self, scopes, count, visit, ctx);
}

void allocator_recall_end(struct allocator *self)
{
    nodes_forget_recalled(self);
}
