/* master/core/allocator_drf.c - dominant resource fairness: a binary heap of the children of a role.
 *
 * Going through them best first leaves the heap as it is: the frontier is a second heap, of places
 * in the first, that begins with the root; a place that is taken from it brings its two children. So
 * that asking k of n costs k log k, and the common case, where the first one takes it, nothing.
 */
#include "master/core/allocator_order.h"

#include <errno.h>

static bool is_before(const struct order_entry *a, const struct order_entry *b)
{
    if (a->share < b->share || b->share < a->share)
        return a->share < b->share;
    if (a->turn != b->turn)
        return a->turn < b->turn;
    return a->node->number < b->node->number;
}

/* --- the heap ---------------------------------------------------------------- */

static void place(struct order *order, size_t slot, struct order_entry entry)
{
    order->entries[slot] = entry;
    entry.node->slot = slot;
}

static void sift_up(struct order *order, size_t slot, struct order_entry entry)
{
    while (slot > 0 && is_before(&entry, &order->entries[(slot - 1) / 2])) {
        place(order, slot, order->entries[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    place(order, slot, entry);
}

static void sift_down(struct order *order, size_t slot, struct order_entry entry)
{
    for (;;) {
        size_t child = slot * 2 + 1;

        if (child >= order->count)
            break;
        if (child + 1 < order->count &&
            is_before(&order->entries[child + 1], &order->entries[child]))
            child++;
        if (!is_before(&order->entries[child], &entry))
            break;
        place(order, slot, order->entries[child]);
        slot = child;
    }
    place(order, slot, entry);
}

static void settle(struct order *order, size_t slot, struct order_entry entry)
{
    if (slot > 0 && is_before(&entry, &order->entries[(slot - 1) / 2]))
        sift_up(order, slot, entry);
    else
        sift_down(order, slot, entry);
}

static struct order_entry entry_of(struct node *node)
{
    return (struct order_entry){.share = node->share, .turn = node->turn, .node = node};
}

static void drf_insert(struct order *order, struct node *node)
{
    order_reserve(order);
    order->count++;
    sift_up(order, order->count - 1, entry_of(node));
}

static void drf_remove(struct order *order, struct node *node)
{
    size_t slot = node->slot;

    order->count--;
    if (slot < order->count)
        settle(order, slot, order->entries[order->count]);
    node->slot = NOT_IN_ORDER;
}

static void drf_update(struct order *order, struct node *node)
{
    settle(order, node->slot, entry_of(node));
}

static void drf_rebuild(struct order *order)
{
    for (size_t i = 0; i < order->count; i++)
        order->entries[i] = entry_of(order->entries[i].node);
    for (size_t i = order->count / 2; i-- > 0;)
        sift_down(order, i, order->entries[i]);
    for (size_t i = 0; i < order->count; i++)
        order->entries[i].node->slot = i;
}

/* --- best first -------------------------------------------------------------- */

static bool frontier_is_before(const struct order *order, size_t a, size_t b)
{
    return is_before(&order->entries[order->frontier[a]], &order->entries[order->frontier[b]]);
}

static void frontier_swap(struct order *order, size_t a, size_t b)
{
    uint32_t kept = order->frontier[a];

    order->frontier[a] = order->frontier[b];
    order->frontier[b] = kept;
}

static void frontier_push(struct order *order, size_t place_in_heap)
{
    size_t slot = order->frontier_count;

    if (place_in_heap >= order->count)
        return;
    order->frontier[order->frontier_count++] = (uint32_t)place_in_heap;
    for (; slot > 0 && frontier_is_before(order, slot, (slot - 1) / 2); slot = (slot - 1) / 2)
        frontier_swap(order, slot, (slot - 1) / 2);
}

static void frontier_pop(struct order *order)
{
    size_t slot = 0;

    order->frontier[0] = order->frontier[--order->frontier_count];
    for (;;) {
        size_t child = slot * 2 + 1;

        if (child >= order->frontier_count)
            return;
        if (child + 1 < order->frontier_count && frontier_is_before(order, child + 1, child))
            child++;
        if (!frontier_is_before(order, child, slot))
            return;
        frontier_swap(order, child, slot);
        slot = child;
    }
}

static struct node *frontier_top(const struct order *order)
{
    return order->frontier_count ? order->entries[order->frontier[0]].node : NULL;
}

static struct node *drf_begin(struct order *order, struct rng *rng)
{
    (void)rng;
    order->frontier_count = 0;
    frontier_push(order, 0);
    return frontier_top(order);
}

static struct node *drf_next(struct order *order, struct rng *rng)
{
    size_t asked = order->frontier[0];

    (void)rng;
    frontier_pop(order);
    frontier_push(order, asked * 2 + 1);
    frontier_push(order, asked * 2 + 2);
    return frontier_top(order);
}

static bool drf_is_before(const struct node *a, const struct node *b, struct rng *rng)
{
    const struct order_entry x = {.share = a->share, .turn = a->turn, .node = (struct node *)a};
    const struct order_entry y = {.share = b->share, .turn = b->turn, .node = (struct node *)b};

    (void)rng;
    return is_before(&x, &y);
}

static int drf_check(const struct order *order)
{
    for (size_t i = 0; i < order->count; i++) {
        const struct order_entry *entry = &order->entries[i];

        if (entry->node->slot != i || entry->turn != entry->node->turn)
            return -EINVAL;
        if (i > 0 && is_before(entry, &order->entries[(i - 1) / 2]))
            return -EINVAL;
    }
    return 0;
}

const struct order_ops order_drf = {
    .name = "drf",
    .insert = drf_insert,
    .remove = drf_remove,
    .update = drf_update,
    .rebuild = drf_rebuild,
    .begin = drf_begin,
    .next = drf_next,
    .is_before = drf_is_before,
    .check = drf_check,
};
