/* base/numbers.h - a set of small numbers, as the kernel writes those of processors and NUMA nodes: "0-3,8". */
#ifndef PROFFER_BASE_NUMBERS_H
#define PROFFER_BASE_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define NUMBERS_MAX 4096 /* 0 to one less */

struct numbers {
    uint64_t words[NUMBERS_MAX / 64];
};

/* -EINVAL: it is no such list; -ERANGE: a number is too large. */
int numbers_parse(const char *text, struct numbers *ret_numbers);
void numbers_print(const struct numbers *self, struct buf *out);
void numbers_set(struct numbers *self, unsigned number);
void numbers_clear(struct numbers *self, unsigned number);
bool numbers_have(const struct numbers *self, unsigned number);
unsigned numbers_count(const struct numbers *self);
/* The smallest that is at least `from`; NUMBERS_MAX: there is none. */
unsigned numbers_next(const struct numbers *self, unsigned from);
void numbers_add(struct numbers *self, const struct numbers *others);
void numbers_remove(struct numbers *self, const struct numbers *others);
void numbers_intersect(struct numbers *self, const struct numbers *others);

#define NUMBERS_EACH(self, n)                                                                      \
    for (unsigned n = numbers_next((self), 0); n < NUMBERS_MAX; n = numbers_next((self), n + 1))

#endif
