/* master/core/offer_table.c - open addressing with the number itself as hash. Who is farther from its place comes first
 * (Celis, "Robin Hood Hashing", 1986): so what is removed leaves no mark behind, and those after it move up only until one
 * is in its place, which in a long row of offers is the next one.
 */
#include "master/core/offer_table.h"

#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"

#define CAPACITY_LEAST 64

void offer_table_fini(struct offer_table *self)
{
    free(self->slots);
    *self = (struct offer_table){0};
}

static size_t home_of(const struct offer_table *self, uint64_t number)
{
    return (size_t)(number & (self->capacity - 1));
}

static size_t after(const struct offer_table *self, size_t slot)
{
    return (slot + 1) & (self->capacity - 1);
}

/* From its place to where it is. */
static size_t distance_of(const struct offer_table *self, size_t slot)
{
    return (slot - home_of(self, self->slots[slot].number)) & (self->capacity - 1);
}

/* Where it is, or the first slot behind all where it could be. */
static size_t slot_of(const struct offer_table *self, uint64_t number)
{
    size_t slot = home_of(self, number), distance = 0;

    while (self->slots[slot].offer && self->slots[slot].number != number &&
           distance_of(self, slot) >= distance) {
        slot = after(self, slot);
        distance++;
    }
    return slot;
}

static void put(struct offer_table *self, struct offer_slot item)
{
    size_t slot = home_of(self, item.number), distance = 0;

    for (; self->slots[slot].offer; slot = after(self, slot), distance++) {
        size_t other = distance_of(self, slot);
        struct offer_slot nearer = self->slots[slot];

        if (other >= distance)
            continue;
        self->slots[slot] = item;
        item = nearer;
        distance = other;
    }
    self->slots[slot] = item;
}

static void resize(struct offer_table *self, size_t capacity)
{
    struct offer_table old = *self;

    self->capacity = capacity;
    self->slots = mem_calloc(capacity, sizeof(self->slots[0]));
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].offer)
            put(self, old.slots[i]);
    free(old.slots);
}

void offer_table_add(struct offer_table *self, uint64_t number, struct offer *offer)
{
    if (self->count * 2 >= self->capacity)
        resize(self, self->capacity ? self->capacity * 2 : CAPACITY_LEAST);
    put(self, (struct offer_slot){number, offer});
    self->count++;
}

struct offer *offer_table_find(const struct offer_table *self, uint64_t number)
{
    const struct offer_slot *slot = self->count ? &self->slots[slot_of(self, number)] : NULL;

    return slot && slot->number == number ? slot->offer : NULL;
}

void offer_table_remove(struct offer_table *self, uint64_t number)
{
    size_t hole = slot_of(self, number), slot = after(self, hole);

    BUG_ON(!self->slots[hole].offer || self->slots[hole].number != number);
    self->count--;
    for (; self->slots[slot].offer && distance_of(self, slot) > 0; slot = after(self, slot)) {
        self->slots[hole] = self->slots[slot];
        hole = slot;
    }
    self->slots[hole] = (struct offer_slot){0};
    if (self->capacity > CAPACITY_LEAST && self->count * 16 < self->capacity)
        resize(self, self->capacity / 4);
}
