/* base/mem.h - a daemon's own small allocations: they succeed or the process aborts.
 *
 * What a peer or a user sizes does not come from here but from a bounded arena or malloc with a check.
 */
#ifndef PROFFER_BASE_MEM_H
#define PROFFER_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size); /* not zeroed */
void *mem_calloc(size_t count, size_t size);
/* Grow or shrink an array to `count` members of `size` bytes. */
void *mem_resize(void *memory, size_t count, size_t size);
char *mem_strdup(const char *text); /* NULL gives "" */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define mem_new(type) ((type *)mem_calloc(1, sizeof(type)))

#endif
