#include "base/ranges.h"

#include <errno.h>
#include <stdlib.h>

/* Where results go, joined as they come in ascending order. */
struct sink {
    struct range *out; /* borrowed; NULL: only count */
    struct range last;
    size_t count;
};

static void emit(struct sink *sink, uint64_t begin, uint64_t end)
{
    if (sink->count && sink->last.end != UINT64_MAX && sink->last.end + 1 == begin) {
        sink->last.end = end;
        sink->count--;
    } else {
        sink->last = (struct range){begin, end};
    }
    if (sink->out)
        sink->out[sink->count] = sink->last;
    sink->count++;
}

static int compare_begin(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    return (x->begin > y->begin) - (x->begin < y->begin);
}

int ranges_normalize(struct ranges *self, struct range *ret_bad)
{
    struct sink sink = {.out = self->items};

    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].begin > self->items[i].end) {
            *ret_bad = self->items[i];
            return -EINVAL;
        }
    }
    if (self->count > 1)
        qsort(self->items, self->count, sizeof(self->items[0]), compare_begin);
    for (size_t i = 1; i < self->count; i++) {
        if (self->items[i].begin <= self->items[i - 1].end) {
            *ret_bad = self->items[i];
            return -EEXIST;
        }
    }
    for (size_t i = 0; i < self->count; i++)
        emit(&sink, self->items[i].begin, self->items[i].end);
    self->count = sink.count;
    return 0;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool ranges_overlap(const struct ranges *a, const struct ranges *b, struct range *ret_common)
{
    size_t i = 0, j = 0;

    while (i < a->count && j < b->count) {
        const struct range *x = &a->items[i], *y = &b->items[j];

        if (x->end < y->begin) {
            i++;
        } else if (y->end < x->begin) {
            j++;
        } else {
            *ret_common = (struct range){max_u64(x->begin, y->begin), min_u64(x->end, y->end)};
            return true;
        }
    }
    return false;
}

bool ranges_contain(const struct ranges *self, const struct ranges *other)
{
    size_t i = 0;

    for (size_t j = 0; j < other->count; j++) {
        while (i < self->count && self->items[i].end < other->items[j].end)
            i++;
        if (i == self->count || self->items[i].begin > other->items[j].begin)
            return false;
    }
    return true;
}

size_t ranges_add(const struct ranges *a, const struct ranges *b, struct range *out)
{
    struct sink sink = {.out = out};
    size_t i = 0, j = 0;

    while (i < a->count || j < b->count) {
        bool from_a = j == b->count || (i < a->count && a->items[i].begin < b->items[j].begin);
        const struct range *next = from_a ? &a->items[i++] : &b->items[j++];

        emit(&sink, next->begin, next->end);
    }
    return sink.count;
}

size_t ranges_subtract(const struct ranges *a, const struct ranges *b, struct range *out)
{
    struct sink sink = {.out = out};
    size_t j = 0;

    for (size_t i = 0; i < a->count; i++) {
        uint64_t begin = a->items[i].begin, end = a->items[i].end;
        bool has_rest = true;

        while (j < b->count && b->items[j].end < begin)
            j++;
        for (; has_rest && j < b->count && b->items[j].begin <= end; j++) {
            if (b->items[j].begin > begin)
                emit(&sink, begin, b->items[j].begin - 1);
            has_rest = b->items[j].end < end;
            if (!has_rest)
                break; /* it may cover the next of a as well */
            begin = b->items[j].end + 1;
        }
        if (has_rest)
            emit(&sink, begin, end);
    }
    return sink.count;
}

size_t ranges_intersect(const struct ranges *a, const struct ranges *b, struct range *out)
{
    struct sink sink = {.out = out};
    size_t i = 0, j = 0;

    while (i < a->count && j < b->count) {
        const struct range *x = &a->items[i], *y = &b->items[j];

        if (x->begin <= y->end && y->begin <= x->end)
            emit(&sink, max_u64(x->begin, y->begin), min_u64(x->end, y->end));
        if (x->end < y->end)
            i++;
        else
            j++;
    }
    return sink.count;
}
