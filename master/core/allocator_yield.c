/* master/core/allocator_yield.c - quotas as they would be if some gave back what they hold. The rules are
 * those of allocator_quota.c, which keeps the sums of what is. */
#include "master/core/allocator_yield.h"

#include <string.h>

#include "master/core/allocator_roles.h"

/* What comes back of one scalar. */
struct returned {
    const struct allocator *allocator;
    const struct allocator_yield *yields;
    size_t count;
    unsigned number;
};

static wide amount_in(const struct returned *returned, const struct resources *resources)
{
    const char *name = returned->allocator->names[returned->number];
    wide sum = 0;

    for (size_t i = 0; i < resources->count; i++)
        if (is_counted(&resources->items[i]) && !strcmp(resources->items[i].name, name))
            sum += resources->items[i].milli;
    return sum;
}

/* By clients in the role; NULL: by all. */
static wide returned_in(const struct returned *returned, const struct role *role)
{
    wide sum = 0;

    for (size_t i = 0; i < returned->count; i++) {
        const struct allocator_yield *yield = &returned->yields[i];

        if (role && !node_is_within(&yield->client->node, &role->node))
            continue;
        sum += (yield->is_gain ? -1 : 1) * amount_in(returned, yield->resources);
    }
    return sum;
}

static bool has_bit(scalar_set set, unsigned number)
{
    return set & SCALAR_BIT(number);
}

static wide lack_below(const struct role *role, unsigned number)
{
    return role->lack_below ? role->lack_below[number] : 0;
}

/* What the role would lack by its own guarantee, if those below it lacked `below`. */
static wide gap_after(const struct returned *returned, const struct role *role, wide below)
{
    wide gap;

    if (!role->quota || !has_bit(role->quota->guaranteed, returned->number))
        return 0;
    gap = role->quota->guarantee[returned->number] - node_counted(&role->node, returned->number) +
          returned_in(returned, role) - below;
    return gap > 0 ? gap : 0;
}

/* --- may it be taken? ---------------------------------------------------------- */

/* Of its own guarantee, whatever the roles in it lack: what that comes to is held back in any case, but what it
 * has now would be gone. */
static bool widens(const struct allocator *self, const struct allocator_yield *yields, size_t count,
                   const struct role *role)
{
    for (unsigned number = 0; role->quota && number < self->names_count; number++) {
        const struct returned returned = {self, yields, count, number};
        wide counted = node_counted(&role->node, number), back = returned_in(&returned, role);

        if (has_bit(role->quota->guaranteed, number) && back > 0 &&
            counted - back < role->quota->guarantee[number])
            return true;
    }
    return false;
}

bool allocator_may_yield(const struct allocator *self, const struct allocator_client *taker,
                         const struct allocator_yield *yields, size_t first, size_t count)
{
    for (size_t i = first; i < count && self->guarantees_count; i++)
        for (const struct role *role = yields[i].client->node.parent;
             role && !node_is_within(&taker->node, &role->node); role = role->node.parent)
            if (widens(self, yields, count, role))
                return false;
    return true;
}

/* --- how much may the taker have then? ------------------------------------------ */

/* Within the limit of a role, as in allocator_quota.c. */
static wide room_after(const struct returned *returned, const struct role *role, wide below,
                       wide covered)
{
    wide left, extra, may;

    if (!role->quota || !has_bit(role->quota->limited, returned->number))
        return WIDE_MAX;
    if (returned->allocator->are_limits_held)
        return 0;
    left = role->quota->limit[returned->number] - node_counted(&role->node, returned->number) +
           returned_in(returned, role);
    extra = left - below;
    may = covered + (extra > 0 ? extra : 0);
    return may < left ? may : left;
}

static wide may_have_after(const struct returned *returned, const struct node *taker)
{
    const struct allocator *self = returned->allocator;
    unsigned number = returned->number;
    wide room = WIDE_MAX, covered = 0, below = 0, grown = 0, extra;

    for (const struct role *role = taker->parent; role; role = role->node.parent) {
        wide here, gap;

        below = lack_below(role, number) + grown;
        here = room_after(returned, role, below, covered);
        gap = gap_after(returned, role, below);
        covered += gap;
        grown = below + gap - role_lack(role, number);
        room = here < room ? here : room;
    }
    /* `below` is now what all guarantees together would lack. */
    if (self->guarantees_count && below > 0) {
        extra = self->free[number] + returned_in(returned, NULL) - below;
        extra = covered + (extra > 0 ? extra : 0);
        room = extra < room ? extra : room;
    }
    return room > 0 ? room : 0;
}

void allocator_cut_after(const struct allocator *self, const struct allocator_client *taker,
                         const struct allocator_yield *yields, size_t count,
                         struct resources *available)
{
    for (size_t i = available->count; self->quotas_count && i-- > 0;) {
        const struct resource *item = &available->items[i];
        unsigned number = is_counted(item) ? scalar_find(self, item->name) : SCALARS_MAX;
        const struct returned returned = {self, yields, count, number};
        wide may;

        if (number == SCALARS_MAX)
            continue;
        may = may_have_after(&returned, &taker->node);
        if (may < item->milli)
            resources_cap(available, i, (int64_t)may);
    }
}

/* --- what is guaranteed to it ------------------------------------------------------ */

static bool is_guaranteed(const struct node *node, unsigned number)
{
    for (const struct role *role = node->parent; role; role = role->node.parent)
        if (role->quota && has_bit(role->quota->guaranteed, number))
            return true;
    return false;
}

static wide gaps_above(const struct node *node, unsigned number, const struct role **lowest)
{
    wide sum = 0;

    for (const struct role *role = node->parent; role; role = role->node.parent) {
        wide gap = role_gap(role, number);

        if (gap > 0 && !*lowest)
            *lowest = role;
        sum += gap;
    }
    return sum;
}

const char *allocator_lacks(const struct allocator *self, const struct allocator_client *client,
                            const struct quota_amount *amounts, size_t amounts_count)
{
    const struct role *lowest = NULL;

    for (size_t i = 0; i < amounts_count && self->guarantees_count; i++) {
        unsigned number = scalar_find(self, amounts[i].name);

        if (number == SCALARS_MAX || !amounts[i].milli || !is_guaranteed(&client->node, number))
            continue;
        if (gaps_above(&client->node, number, &lowest) < amounts[i].milli)
            return NULL;
    }
    return lowest ? lowest->name : NULL;
}
