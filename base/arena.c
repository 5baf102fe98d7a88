#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"

#define CHUNK_FIRST    1024
#define CHUNK_MAX      (1024 * 1024)
#define CHUNK_KEPT_MAX ((size_t)16 * 1024)
#define ALIGNMENT      _Alignof(max_align_t)

struct chunk {
    struct chunk *next;
    size_t size; /* bytes in data */
    size_t used;
    _Alignas(max_align_t) char data[];
};

struct arena {
    struct chunk *current; /* newest first; the last one in the list is the first chunk */
    size_t limit;
    size_t used;
};

static struct chunk *chunk_new(size_t size)
{
    struct chunk *chunk = mem_alloc(sizeof(*chunk) + size);

    chunk->next = NULL;
    chunk->size = size;
    chunk->used = 0;
    return chunk;
}

struct arena *arena_new(size_t limit_bytes)
{
    struct arena *self = mem_new(struct arena);

    self->limit = limit_bytes;
    self->current = chunk_new(CHUNK_FIRST);
    return self;
}

static void drop_chunks_until(struct arena *self, const struct chunk *last)
{
    while (self->current && self->current != last) {
        struct chunk *next = self->current->next;

        free(self->current);
        self->current = next;
    }
}

void arena_destroy(struct arena **self_p)
{
    struct arena *self = *self_p;

    if (!self)
        return;
    drop_chunks_until(self, NULL);
    free(self);
    *self_p = NULL;
}

/* The largest one that is no burden is kept: who makes the same things again and again has them in the same place. */
void arena_reset(struct arena *self)
{
    struct chunk *kept = self->current;

    while (kept->size > CHUNK_KEPT_MAX)
        kept = kept->next;
    drop_chunks_until(self, kept);
    for (struct chunk *older = TAKE(kept->next), *next; older; older = next) {
        next = older->next;
        free(older);
    }
    kept->used = 0;
    self->used = 0;
}

void *arena_alloc(struct arena *self, size_t size)
{
    struct chunk *chunk = self->current;
    void *memory;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (self->limit && size > self->limit - self->used)
        return NULL;
    if (size > chunk->size - chunk->used) {
        size_t grown = chunk->size * 2 < CHUNK_MAX ? chunk->size * 2 : CHUNK_MAX;

        chunk = chunk_new(size > grown ? size : grown);
        chunk->next = self->current;
        self->current = chunk;
    }
    memory = chunk->data + chunk->used;
    chunk->used += size;
    self->used += size;
    return memset(memory, 0, size);
}

void *arena_array(struct arena *self, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(self, total);
}

char *arena_memdup(struct arena *self, const void *data, size_t size)
{
    char *copy = size < SIZE_MAX ? arena_alloc(self, size + 1) : NULL;

    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

char *arena_strdup(struct arena *self, const char *text)
{
    return arena_memdup(self, text, strlen(text));
}

char *arena_printf(struct arena *self, const char *format, ...)
{
    va_list args;
    char *text;
    int size;

    va_start(args, format);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    BUG_ON(size < 0);
    text = arena_alloc(self, (size_t)size + 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    return text;
}

size_t arena_used(const struct arena *self)
{
    return self->used;
}
