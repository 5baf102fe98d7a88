/* master/core/allocator_quota.c - guarantees and limits: what counts, what lacks, who may have what.
 *
 * Of a role, `counted` is what counts against its quota. What lacks of the guarantees of a role and of
 * those below it is the larger of its guarantee less what counts, and of what lacks below: more for a
 * role below is more for this one. So each role has a gap of its own beyond what lacks below, all
 * gaps together are the headroom that is held back, and what a client is given closes the gaps on
 * its way up, each in turn. All of it is kept up to date with each change, along one way up.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/allocator_roles.h"

/* --- what lacks -------------------------------------------------------------- */

static wide lack_below(const struct role *role, unsigned number)
{
    return role->lack_below ? role->lack_below[number] : 0;
}

wide role_gap(const struct role *role, unsigned number)
{
    wide gap;

    if (!role->quota || !(role->quota->guaranteed & SCALAR_BIT(number)))
        return 0;
    gap = role->quota->guarantee[number] - node_counted(&role->node, number) -
          lack_below(role, number);
    return gap > 0 ? gap : 0;
}

wide role_lack(const struct role *role, unsigned number)
{
    return lack_below(role, number) + role_gap(role, number);
}

wide surplus(const struct allocator *self, unsigned number)
{
    return self->free[number] - lack_below(self->root, number);
}

void role_note_lacking(struct allocator *self, struct role *role, unsigned number)
{
    scalar_set bit = SCALAR_BIT(number), lacking = role->lacking & ~bit;

    if (role_gap(role, number) > 0)
        lacking |= bit;
    if (lacking && !role->lacking)
        DL_APPEND2(self->lacking, role, prev_lacking, next_lacking);
    if (!lacking && role->lacking)
        DL_DELETE2(self->lacking, role, prev_lacking, next_lacking);
    role->lacking = lacking;
}

static void lack_changes_below(struct role *role, unsigned number, wide amount)
{
    if (!amount)
        return;
    if (!role->lack_below)
        role->lack_below = mem_calloc(SCALARS_MAX, sizeof(wide));
    role->lack_below[number] += amount;
}

/* Less counts: who was kept from it by the limit may have it now. */
static void note_room(struct allocator *self, struct role *role, unsigned number)
{
    scalar_set bit = SCALAR_BIT(number);

    if (!(role->clipped & bit))
        return;
    role->clipped &= ~bit;
    node_recall(self, &role->node, bit);
}

/* More lacks: what headroom kept from the role's clients is for them now. */
static void note_gap(struct allocator *self, struct role *role, unsigned number, wide before)
{
    if ((self->clipped & SCALAR_BIT(number)) && role_gap(role, number) > before)
        node_recall(self, &role->node, SCALAR_BIT(number));
}

void role_count(struct allocator *self, struct role *role, unsigned number, wide amount, wide below)
{
    for (; role; role = role->node.parent) {
        wide lack = self->guarantees_count ? role_lack(role, number) : 0;
        wide gap = self->guarantees_count ? role_gap(role, number) : 0;

        node_amount(&role->node, number)->counted += amount;
        if (amount < 0 || amount + below < 0)
            note_room(self, role, number);
        if (!self->guarantees_count)
            continue;
        lack_changes_below(role, number, below);
        role_note_lacking(self, role, number);
        note_gap(self, role, number, gap);
        below = role_lack(role, number) - lack;
    }
}

/* --- who may have what ------------------------------------------------------- */

static struct role *role_of(const struct node *node)
{
    return node->is_role ? node_role((struct node *)node) : node->parent;
}

/* Within the limit of a role, what the guarantees below it lack is held back as it is in the whole
 * pool; `covered` of it is for who asks. */
static wide room_in(const struct role *role, unsigned number, wide covered)
{
    wide left = role->quota->limit[number] - node_counted(&role->node, number);
    wide extra = left - lack_below(role, number);
    wide may = covered + (extra > 0 ? extra : 0);

    return may < left ? may : left;
}

wide node_room(const struct allocator *self, const struct node *node, unsigned number,
               struct role **ret_tightest)
{
    wide room = WIDE_MAX, covered = node->is_role ? lack_below(role_of(node), number) : 0;

    *ret_tightest = NULL;
    for (struct role *role = role_of(node); role; role = role->node.parent) {
        bool is_limited = role->quota && (role->quota->limited & SCALAR_BIT(number));
        wide here = is_limited ? room_in(role, number, covered) : WIDE_MAX;

        if (is_limited && self->are_limits_held)
            here = 0;
        covered += role_gap(role, number);
        if (here >= room)
            continue;
        room = here;
        *ret_tightest = role;
    }
    return room > 0 ? room : 0;
}

static wide covered(const struct node *node, unsigned number)
{
    wide sum = 0;

    for (const struct role *role = role_of(node); role; role = role->node.parent)
        sum += role_gap(role, number);
    return sum;
}

wide node_allowance(const struct allocator *self, const struct node *node, unsigned number)
{
    wide extra;

    if (!self->guarantees_count || !lack_below(self->root, number))
        return WIDE_MAX;
    extra = surplus(self, number);
    /* What lacks below a role is for somebody in it. */
    if (node->is_role)
        extra = (extra > 0 ? extra : 0) + lack_below(role_of(node), number);
    return covered(node, number) + (extra > 0 ? extra : 0);
}

/* How much of the scalar the client may have. */
static wide may_have(const struct allocator *self, const struct node *node, unsigned number)
{
    struct role *tightest;
    wide room = MUTATE(IGNORE_LIMIT) ? WIDE_MAX : node_room(self, node, number, &tightest);
    wide allowance = MUTATE(IGNORE_HEADROOM) ? WIDE_MAX : node_allowance(self, node, number);

    return room < allowance ? room : allowance;
}

/* Of several times, the one with the least counts: then anybody may have been kept from more. */
void headroom_note_clipped(struct allocator *self, unsigned number)
{
    wide left = surplus(self, number);

    if (!(self->clipped & SCALAR_BIT(number)) || left < self->clipped_at[number])
        self->clipped_at[number] = left;
    self->clipped |= SCALAR_BIT(number);
}

/* Who keeps it from having that much, so that it is recalled when there is more. */
static void note_clipped(struct allocator *self, const struct node *node, unsigned number,
                         wide wanted)
{
    struct role *tightest;

    if (wanted > node_room(self, node, number, &tightest))
        tightest->clipped |= SCALAR_BIT(number);
    if (wanted > node_allowance(self, node, number))
        headroom_note_clipped(self, number);
}

void allocator_hold_limits(struct allocator *self, bool held)
{
    struct role *role;

    self->are_limits_held = held;
    for (role = self->roles; role && !held; role = role->hh.next)
        for (unsigned number = 0; number < self->names_count; number++)
            note_room(self, role, number);
}

bool allocator_cut(const struct allocator *self, const struct allocator_client *client,
                   struct resources *available)
{
    bool is_cut = false;

    for (size_t i = available->count; self->quotas_count && i-- > 0;) {
        const struct resource *item = &available->items[i];
        unsigned number = is_counted(item) ? scalar_find(self, item->name) : SCALARS_MAX;
        wide may;

        if (number == SCALARS_MAX)
            continue;
        may = may_have(self, &client->node, number);
        if (may >= item->milli)
            continue;
        resources_cap(available, i, (int64_t)may);
        is_cut = true;
    }
    return is_cut;
}

/* The least that is left of the role's limit with which room_in() gives `wanted`, less what is left. */
static wide missing_in(const struct role *role, const struct node *node, unsigned number,
                       wide wanted)
{
    wide left = role->quota->limit[number] - node_counted(&role->node, number);
    wide covered = 0, enough = wanted;

    for (const struct role *below = role_of(node); below != role; below = below->node.parent)
        covered += role_gap(below, number);
    if (covered < wanted && wanted - covered + lack_below(role, number) > enough)
        enough = wanted - covered + lack_below(role, number);
    return enough - left;
}

bool allocator_cut_reason(const struct allocator *self, const struct allocator_client *client,
                          const char *scalar, int64_t wanted_milli,
                          struct allocator_cut_reason *ret_reason)
{
    unsigned number = self->quotas_count ? scalar_find(self, scalar) : SCALARS_MAX;
    const struct node *node = &client->node;
    struct allocator_cut_reason reason = {0};
    struct role *tightest;
    wide room;

    if (number == SCALARS_MAX || may_have(self, node, number) >= wanted_milli)
        return false;
    reason.scalar = self->names[number];
    reason.wanted_milli = wanted_milli;
    room = node_room(self, node, number, &tightest);
    if (room < wanted_milli) {
        reason.role = tightest->name;
        reason.may_milli = to_milli(room);
        reason.limit_milli = to_milli(tightest->quota->limit[number]);
        reason.missing_milli = to_milli(missing_in(tightest, node, number, wanted_milli));
        reason.is_held = self->are_limits_held;
    } else {
        reason.may_milli = to_milli(node_allowance(self, node, number));
        reason.missing_milli =
            to_milli(wanted_milli - covered(node, number) - surplus(self, number));
    }
    *ret_reason = reason;
    return true;
}

bool allocator_cut_reason_of(const struct allocator *self, const struct allocator_client *client,
                             const struct resources *wanted,
                             struct allocator_cut_reason *ret_reason)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (is_counted(&wanted->items[i]) &&
            allocator_cut_reason(self, client, wanted->items[i].name, wanted->items[i].milli,
                                 ret_reason))
            return true;
    return false;
}

bool allocator_clip(struct allocator *self, const struct allocator_client *client,
                    struct resources *available)
{
    for (size_t i = 0; self->quotas_count && i < available->count; i++) {
        const struct resource *item = &available->items[i];
        unsigned number = is_counted(item) ? scalar_find(self, item->name) : SCALARS_MAX;

        if (number < SCALARS_MAX && may_have(self, &client->node, number) < item->milli)
            note_clipped(self, &client->node, number, item->milli);
    }
    return allocator_cut(self, client, available);
}

/* --- what is shown ------------------------------------------------------------ */

void allocator_note_shown(struct allocator *self, struct allocator_client *client,
                          const struct resources *shown)
{
    for (size_t i = 0; i < shown->count; i++) {
        const struct resource *item = &shown->items[i];
        unsigned number = is_counted(item) ? scalar_get_or_add(self, item->name) : SCALARS_MAX;

        if (number == SCALARS_MAX)
            continue;
        if (!client->shown)
            client->shown = mem_calloc(SCALARS_MAX, sizeof(wide));
        if (item->milli > client->shown[number])
            client->shown[number] = item->milli;
    }
}

void allocator_forget_shown(struct allocator *self, struct allocator_client *client)
{
    (void)self;
    free(client->shown);
    client->shown = NULL;
}

bool allocator_is_shown_too_much(const struct allocator *self,
                                 const struct allocator_client *client)
{
    for (unsigned number = 0; client->shown && number < self->names_count; number++)
        if (client->shown[number] && may_have(self, &client->node, number) < client->shown[number])
            return true;
    return false;
}

bool allocator_knows_shown(const struct allocator *self, const struct allocator_client *client,
                           const struct resources *shown)
{
    for (size_t i = 0; i < shown->count; i++) {
        const struct resource *item = &shown->items[i];
        unsigned number = is_counted(item) ? scalar_find(self, item->name) : SCALARS_MAX;

        if (number < SCALARS_MAX && (!client->shown || client->shown[number] < item->milli))
            return false;
    }
    return true;
}

/* --- questions about a sum ---------------------------------------------------- */

typedef bool scalar_test_fn(const struct allocator *self, const struct node *node, unsigned number);

/* Is it so of any scalar in it that counts? */
static bool any_counted(const struct allocator *self, const struct node *node,
                        const struct resources *resources, scalar_test_fn *test)
{
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *item = &resources->items[i];
        unsigned number = is_counted(item) ? scalar_find(self, item->name) : SCALARS_MAX;

        if (number < SCALARS_MAX && test(self, node, number))
            return true;
    }
    return false;
}

static bool is_covered(const struct allocator *self, const struct node *node, unsigned number)
{
    (void)self;
    return covered(node, number) > 0;
}

bool allocator_is_guaranteed(const struct allocator *self, const struct allocator_client *client,
                             const struct resources *available)
{
    return any_counted(self, &client->node, available, is_covered);
}

bool role_is_beyond(const struct role *role, unsigned number)
{
    for (; role; role = role->node.parent)
        if (role->quota && (role->quota->limited & SCALAR_BIT(number)) &&
            node_counted(&role->node, number) > role->quota->limit[number])
            return true;
    return false;
}

static bool is_beyond(const struct allocator *self, const struct node *node, unsigned number)
{
    (void)self;
    return role_is_beyond(node->parent, number);
}

bool allocator_is_beyond_limit(const struct allocator *self, const struct allocator_client *client,
                               const struct resources *resources)
{
    return self->quotas_count && any_counted(self, &client->node, resources, is_beyond);
}

static bool is_in_the_way(const struct allocator *self, const struct node *node, unsigned number)
{
    for (const struct role *role = node->parent; role; role = role->node.parent) {
        if (!role->quota)
            continue;
        if ((role->quota->limited & SCALAR_BIT(number)) &&
            role->quota->limit[number] - node_counted(&role->node, number) <
                lack_below(role, number))
            return true;
        if (role->quota->guaranteed & SCALAR_BIT(number))
            return false;
    }
    return surplus(self, number) < 0 && lack_below(self->root, number) > 0;
}

bool allocator_is_in_the_way(const struct allocator *self, const struct allocator_client *client,
                             const struct resources *resources)
{
    return self->guarantees_count && any_counted(self, &client->node, resources, is_in_the_way);
}
