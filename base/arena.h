/* base/arena.h - memory that is freed all at once: a decoded message, a parsed file, one answer.
 *
 * Single-threaded. The limit bounds what a peer can make us hold; beyond it an allocation answers
 * NULL. An arena with limit 0 is for our own use: it is unbounded and aborts when memory is out.
 */
#ifndef PROFFER_BASE_ARENA_H
#define PROFFER_BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(size_t limit_bytes);
void arena_destroy(struct arena **self_p);

/* Zeroed, aligned for any type. NULL only beyond the limit. A size of 0 gives a valid pointer. */
void *arena_alloc(struct arena *self, size_t size);
/* The same for an array; NULL also when count * size overflows. */
void *arena_array(struct arena *self, size_t count, size_t size);
/* A copy with a NUL behind it. */
char *arena_memdup(struct arena *self, const void *data, size_t size);
char *arena_strdup(struct arena *self, const char *text);
char *arena_printf(struct arena *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Forget everything that was allocated, keep the first chunk for the next use. */
void arena_reset(struct arena *self);
/* Bytes handed out so far, rounding included. */
size_t arena_used(const struct arena *self);

#endif
