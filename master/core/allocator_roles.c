/* master/core/allocator_roles.c - the tree of roles and clients, and what each node holds. */
#include "master/core/allocator_roles.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "master/core/allocator_order.h"

/* --- sums of scalars --------------------------------------------------------- */

unsigned scalar_find(const struct allocator *self, const char *name)
{
    for (size_t i = 0; i < self->names_count; i++)
        if (!strcmp(self->names[i], name))
            return (unsigned)i;
    return SCALARS_MAX;
}

unsigned scalar_get_or_add(struct allocator *self, const char *name)
{
    unsigned number = scalar_find(self, name);

    if (number < SCALARS_MAX || self->names_count == SCALARS_MAX)
        return number;
    self->names[self->names_count] = mem_strdup(name);
    return (unsigned)self->names_count++;
}

bool is_counted(const struct resource *item)
{
    return item->kind == RESOURCE_SCALAR && !item->revocable && !item->role;
}

void delta_read(struct allocator *self, const struct resources *resources, struct delta *ret_delta)
{
    ret_delta->count = 0;
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *item = &resources->items[i];
        wide counted = is_counted(item) ? item->milli : 0;
        size_t last = ret_delta->count;
        unsigned number;

        if (item->kind != RESOURCE_SCALAR)
            continue;
        number = scalar_get_or_add(self, item->name);
        if (number == SCALARS_MAX)
            continue;
        /* Portions of one name stand side by side. */
        if (last > 0 && ret_delta->items[last - 1].number == number) {
            ret_delta->items[last - 1].all += item->milli;
            ret_delta->items[last - 1].counted += counted;
            continue;
        }
        ret_delta->items[last].number = number;
        ret_delta->items[last].all = item->milli;
        ret_delta->items[last].counted = counted;
        ret_delta->count++;
    }
}

struct amount *node_amount_slow(struct node *node, unsigned number)
{
    node->amounts = mem_resize(node->amounts, number + 1, sizeof(struct amount));
    while (node->amounts_count <= number)
        node->amounts[node->amounts_count++] = (struct amount){0};
    return &node->amounts[number];
}

/* --- shares ------------------------------------------------------------------ */

static double to_double(wide amount)
{
    /* The conversion of 128 bits is slow and seldom needed. */
    return amount == (int64_t)amount ? (double)(int64_t)amount : (double)amount;
}

double node_share(const struct allocator *self, const struct node *node)
{
    double share = 0;

    for (size_t i = 0; i < node->amounts_count; i++) {
        double part = to_double(node->amounts[i].held) * self->inverse_total[i];

        if (part > share)
            share = part;
    }
    return share * node->inverse_weight;
}

void node_settle(struct allocator *self, struct node *node)
{
    node->share = node_share(self, node);
    if (node->slot != NOT_IN_ORDER)
        self->ops->update(&node->parent->order, node);
}

static void refresh_below(struct allocator *self, struct role *role)
{
    struct node *node;

    DL_FOREACH (role->children, node) {
        node->share = node_share(self, node);
        if (node->is_role)
            refresh_below(self, node_role(node));
    }
    self->ops->rebuild(&role->order);
}

void roles_refresh(struct allocator *self)
{
    for (size_t i = 0; i < self->names_count; i++)
        self->inverse_total[i] = self->total[i] > 0 && !(self->excluded & SCALAR_BIT(i))
                                     ? 1 / to_double(self->total[i])
                                     : 0;
    refresh_below(self, self->root);
    self->is_stale = false;
}

static size_t depth_of(const struct node *node)
{
    size_t depth = 0;

    for (; node->parent; node = &node->parent->node)
        depth++;
    return depth;
}

bool node_is_within(const struct node *node, const struct node *above)
{
    for (; node; node = node->parent ? &node->parent->node : NULL)
        if (node == above)
            return true;
    return false;
}

bool node_is_before(struct allocator *self, struct node *a, struct node *b)
{
    size_t depth_a = depth_of(a), depth_b = depth_of(b);

    for (; depth_a > depth_b; depth_a--)
        a = &a->parent->node;
    for (; depth_b > depth_a; depth_b--)
        b = &b->parent->node;
    while (a->parent != b->parent) {
        a = &a->parent->node;
        b = &b->parent->node;
    }
    return a != b && self->ops->is_before(a, b, &self->rng);
}

/* --- the tree ---------------------------------------------------------------- */

void node_add(struct allocator *self, struct node *node, struct role *parent)
{
    node->parent = parent;
    node->slot = NOT_IN_ORDER;
    node->inverse_weight = 1;
    node->number = self->numbers++;
    if (!parent)
        return;
    parent->roles_count += node->is_role;
    DL_APPEND(parent->children, node);
}

void node_remove(struct allocator *self, struct node *node)
{
    struct role *parent = node->parent;

    BUG_ON(node->slot != NOT_IN_ORDER);
    if (node->recalled) {
        DL_DELETE2(self->recalled, node, prev_recalled, next_recalled);
        self->recalled_count--;
    }
    free(node->amounts);
    if (!parent)
        return;
    parent->roles_count -= node->is_role;
    DL_DELETE(parent->children, node);
}

struct role *role_find(const struct allocator *self, const char *name)
{
    struct role *role;

    HASH_FIND(hh, self->roles, name, strlen(name), role);
    return role;
}

static struct role *role_new(struct allocator *self, struct role *parent, const char *name,
                             size_t size)
{
    struct role *role = mem_calloc(1, sizeof(*role) + size + 1);

    memcpy(role->name, name, size);
    role->node.is_role = true;
    role->weight_milli = WEIGHT_DEFAULT_MILLI;
    node_add(self, &role->node, parent);
    if (parent)
        HASH_ADD_KEYPTR(hh, self->roles, role->name, size, role);
    return role;
}

struct role *role_get_or_add(struct allocator *self, const char *name)
{
    struct role *role = role_find(self, name), *above = self->root;
    size_t size = 0;

    if (role)
        return role;
    for (size_t depth = 1; !size || name[size]; depth++) {
        size += size > 0;
        size += strcspn(name + size, "/");
        if (depth == ROLE_DEPTH_MAX)
            size = strlen(name);
        HASH_FIND(hh, self->roles, name, size, role);
        above = role ? role : role_new(self, above, name, size);
    }
    return above;
}

void role_release(struct allocator *self, struct role *role)
{
    while (role != self->root && !role->children && !role->reserved_count && !role->quota &&
           role->weight_milli == WEIGHT_DEFAULT_MILLI) {
        struct role *parent = role->node.parent;

        BUG_ON(role->lacking);
        HASH_DEL(self->roles, role);
        node_remove(self, &role->node);
        order_fini(&role->order);
        free(role->reserved);
        free(role->lack_below);
        free(role);
        role = parent;
    }
}

void roles_init(struct allocator *self)
{
    self->root = role_new(self, NULL, "", 0);
}

static void role_clear_policy(struct allocator *self, struct role *role)
{
    quota_free(self, role);
    role->weight_milli = WEIGHT_DEFAULT_MILLI;
    role->reserved_count = 0;
}

void roles_fini(struct allocator *self)
{
    struct role *role, *next;

    HASH_ITER (hh, self->roles, role, next)
        role_clear_policy(self, role);
    /* Deepest first, as what is above goes with the last below it. */
    while (self->roles) {
        role = self->roles;
        while (role->children) {
            BUG_ON(!role->children->is_role);
            role = node_role(role->children);
        }
        role_release(self, role);
    }
    order_fini(&self->root->order);
    node_remove(self, &self->root->node);
    free(self->root->lack_below);
    free(self->root);
}

/* --- what nodes hold and want ------------------------------------------------ */

void node_charge(struct allocator *self, struct node *node, const struct delta *delta, int sign)
{
    /* Without quotas nothing follows from what counts. */
    bool is_simple = !self->quotas_count;

    for (struct node *at = node;; at = &at->parent->node) {
        for (size_t i = 0; i < delta->count; i++) {
            struct amount *amount = node_amount(at, delta->items[i].number);

            amount->held += sign * delta->items[i].all;
            if (is_simple || at == node)
                amount->counted += sign * delta->items[i].counted;
        }
        if (!at->parent)
            break;
        node_settle(self, at);
    }
    for (size_t i = 0; !is_simple && i < delta->count; i++)
        if (delta->items[i].counted)
            role_count(self, node->parent, delta->items[i].number, sign * delta->items[i].counted,
                       0);
}

void node_want(struct allocator *self, struct node *node, bool wants)
{
    while (node->parent && wants != (node->slot != NOT_IN_ORDER)) {
        struct role *parent = node->parent;

        if (wants) {
            node->share = node_share(self, node);
            self->ops->insert(&parent->order, node);
        } else {
            self->ops->remove(&parent->order, node);
        }
        wants = parent->order.count > 0;
        node = &parent->node;
    }
}

void node_recall(struct allocator *self, struct node *node, scalar_set scalars)
{
    if (!scalars)
        return;
    if (!node->recalled) {
        DL_APPEND2(self->recalled, node, prev_recalled, next_recalled);
        self->recalled_count++;
    }
    node->recalled |= scalars;
}

void nodes_forget_recalled(struct allocator *self)
{
    while (self->recalled) {
        struct node *node = self->recalled;

        DL_DELETE2(self->recalled, node, prev_recalled, next_recalled);
        node->recalled = 0;
    }
    self->recalled_count = 0;
}
