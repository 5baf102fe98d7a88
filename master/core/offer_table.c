/* master/core/offer_table.c - open addressing with the number itself as hash; what is removed leaves no
 * mark behind, those after it move up.
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

/* Where it is, or the free slot where it would be. */
static size_t slot_of(const struct offer_table *self, uint64_t number)
{
    size_t slot = home_of(self, number);

    while (self->slots[slot].offer && self->slots[slot].number != number)
        slot = after(self, slot);
    return slot;
}

static void resize(struct offer_table *self, size_t capacity)
{
    struct offer_table old = *self;

    self->capacity = capacity;
    self->slots = mem_calloc(capacity, sizeof(self->slots[0]));
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].offer)
            self->slots[slot_of(self, old.slots[i].number)] = old.slots[i];
    free(old.slots);
}

void offer_table_add(struct offer_table *self, uint64_t number, struct offer *offer)
{
    if (self->count * 2 >= self->capacity)
        resize(self, self->capacity ? self->capacity * 2 : CAPACITY_LEAST);
    self->slots[slot_of(self, number)] = (struct offer_slot){number, offer};
    self->count++;
}

struct offer *offer_table_find(const struct offer_table *self, uint64_t number)
{
    return self->count ? self->slots[slot_of(self, number)].offer : NULL;
}

void offer_table_remove(struct offer_table *self, uint64_t number)
{
    size_t hole = slot_of(self, number), slot = after(self, hole);

    BUG_ON(!self->slots[hole].offer);
    self->count--;
    for (; self->slots[slot].offer; slot = after(self, slot)) {
        size_t home = home_of(self, self->slots[slot].number);
        size_t mask = self->capacity - 1;

        /* It may move up unless its home lies behind the hole. */
        if (((slot - home) & mask) < ((slot - hole) & mask))
            continue;
        self->slots[hole] = self->slots[slot];
        hole = slot;
    }
    self->slots[hole] = (struct offer_slot){0};
    if (self->capacity > CAPACITY_LEAST && self->count * 16 < self->capacity)
        resize(self, self->capacity / 4);
}
