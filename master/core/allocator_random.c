/* master/core/allocator_random.c - by chance: each child of a role comes first with a probability in
 * proportion to its weight, then each of the others, and so on.
 *
 * The entries are an unsorted array; those asked in this run stand behind `frontier_count`. A draw
 * takes any of the rest and keeps it with the probability weight / largest weight, which is at once
 * when weights are equal; if they are so different that it takes too long, the weights are added up.
 */
#include "master/core/allocator_order.h"

#include <errno.h>

#define DRAWS_MAX 16
/* 53 bits make all doubles between 0 and 1 that are a multiple of 2^-53. */
#define DOUBLE_BITS 53

static double chance(struct rng *rng)
{
    return (double)(rng_next(rng) >> (64 - DOUBLE_BITS)) / (double)(UINT64_C(1) << DOUBLE_BITS);
}

static double weight_of(const struct node *node)
{
    return 1 / node->inverse_weight;
}

static void place(struct order *order, size_t slot, struct node *node)
{
    order->entries[slot].node = node;
    node->slot = slot;
}

static void swap(struct order *order, size_t a, size_t b)
{
    struct node *kept = order->entries[a].node;

    place(order, a, order->entries[b].node);
    place(order, b, kept);
}

static void note_largest(struct order *order, const struct node *node)
{
    if (weight_of(node) > order->largest_weight)
        order->largest_weight = weight_of(node);
}

static void random_insert(struct order *order, struct node *node)
{
    order_reserve(order);
    place(order, order->count++, node);
    note_largest(order, node);
}

static void random_remove(struct order *order, struct node *node)
{
    swap(order, node->slot, order->count - 1);
    order->count--;
    node->slot = NOT_IN_ORDER;
}

static void random_update(struct order *order, struct node *node)
{
    (void)order;
    (void)node;
}

static void random_rebuild(struct order *order)
{
    order->largest_weight = 0;
    for (size_t i = 0; i < order->count; i++)
        note_largest(order, order->entries[i].node);
}

static size_t draw_slowly(const struct order *order, struct rng *rng)
{
    double sum = 0, at;
    size_t slot = 0;

    for (size_t i = 0; i < order->frontier_count; i++)
        sum += weight_of(order->entries[i].node);
    at = chance(rng) * sum;
    for (; slot + 1 < order->frontier_count; slot++) {
        at -= weight_of(order->entries[slot].node);
        if (at < 0)
            break;
    }
    return slot;
}

static size_t draw(const struct order *order, struct rng *rng)
{
    for (int i = 0; i < DRAWS_MAX; i++) {
        size_t slot = (size_t)rng_below(rng, order->frontier_count);

        if (chance(rng) * order->largest_weight <= weight_of(order->entries[slot].node))
            return slot;
    }
    return draw_slowly(order, rng);
}

static struct node *random_next(struct order *order, struct rng *rng)
{
    if (!order->frontier_count)
        return NULL;
    swap(order, draw(order, rng), order->frontier_count - 1);
    return order->entries[--order->frontier_count].node;
}

static struct node *random_begin(struct order *order, struct rng *rng)
{
    order->frontier_count = order->count;
    return random_next(order, rng);
}

static bool random_is_before(const struct node *a, const struct node *b, struct rng *rng)
{
    return chance(rng) * (weight_of(a) + weight_of(b)) < weight_of(a);
}

static int random_check(const struct order *order)
{
    for (size_t i = 0; i < order->count; i++)
        if (order->entries[i].node->slot != i ||
            weight_of(order->entries[i].node) > order->largest_weight)
            return -EINVAL;
    return 0;
}

const struct order_ops order_random = {
    .name = "random",
    .insert = random_insert,
    .remove = random_remove,
    .update = random_update,
    .rebuild = random_rebuild,
    .begin = random_begin,
    .next = random_next,
    .is_before = random_is_before,
    .check = random_check,
};
