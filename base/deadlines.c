#include "base/deadlines.h"

#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"

static bool is_before(const struct deadline *a, const struct deadline *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void place(struct deadlines *self, size_t slot, struct deadline *deadline)
{
    self->heap[slot - 1] = deadline;
    deadline->slot = slot;
}

static void sift_up(struct deadlines *self, struct deadline *deadline)
{
    size_t slot = deadline->slot;

    while (slot > 1 && is_before(deadline, self->heap[slot / 2 - 1])) {
        place(self, slot, self->heap[slot / 2 - 1]);
        slot /= 2;
    }
    place(self, slot, deadline);
}

static void sift_down(struct deadlines *self, struct deadline *deadline)
{
    size_t slot = deadline->slot;

    for (;;) {
        size_t child = slot * 2;

        if (child > self->count)
            break;
        if (child < self->count && is_before(self->heap[child], self->heap[child - 1]))
            child++;
        if (!is_before(self->heap[child - 1], deadline))
            break;
        place(self, slot, self->heap[child - 1]);
        slot = child;
    }
    place(self, slot, deadline);
}

void deadlines_fini(struct deadlines *self)
{
    free(self->heap);
    *self = (struct deadlines){0};
}

void deadline_set(struct deadlines *self, struct deadline *deadline, int64_t at_us)
{
    BUG_ON(!deadline->due);
    deadline_cancel(self, deadline);
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 16;
        self->heap = mem_resize(self->heap, self->capacity, sizeof(struct deadline *));
    }
    deadline->at_us = at_us;
    deadline->order = self->order++;
    self->count++;
    place(self, self->count, deadline);
    sift_up(self, deadline);
}

void deadline_cancel(struct deadlines *self, struct deadline *deadline)
{
    struct deadline *last;
    size_t slot = deadline->slot;

    if (!slot)
        return;
    BUG_ON(slot > self->count || self->heap[slot - 1] != deadline);
    last = self->heap[--self->count];
    deadline->slot = 0;
    if (last == deadline)
        return;
    place(self, slot, last);
    sift_up(self, last);
    sift_down(self, last);
}

bool deadline_is_set(const struct deadline *deadline)
{
    return deadline->slot != 0;
}

int64_t deadlines_next(const struct deadlines *self)
{
    return self->count ? self->heap[0]->at_us : DEADLINE_NEVER;
}

void deadlines_run(struct deadlines *self, int64_t now_us, void *owner)
{
    while (self->count && self->heap[0]->at_us <= now_us) {
        struct deadline *deadline = self->heap[0];

        deadline_cancel(self, deadline);
        deadline->due(owner, deadline);
    }
}
