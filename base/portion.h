/* base/portion.h - one portion of a sum of resources: its value's arithmetic, whatever its kind.
 *
 * For base/resources*.c only. The functions on two portions look at the value and leave the key (name,
 * role, terms, flag) alone; both have the same key and kind and are canonical (see base/resources.h).
 */
#ifndef PROFFER_BASE_PORTION_H
#define PROFFER_BASE_PORTION_H

#include <string.h>

#include "base/resources.h"
#include "base/terms.h"

void portion_fini(struct resource *self); /* leaves it zeroed */
/* *ret_copy is written, not freed: it was zeroed before. */
void portion_copy(struct resource *ret_copy, const struct resource *from);
/* The same key and kind, with an empty value. */
void portion_copy_key(struct resource *ret_copy, const struct resource *from);

/* Check the key and every value, and bring it into canonical form. -EINVAL, -EEXIST, -ERANGE. */
int portion_normalize(struct resource *self, struct err *err);
/* By the whole key; both are canonical. Unreserved portions come before those of roles. Inline: most
 * have neither role nor terms, and this is what lookups consist of. */
static inline int portion_compare_keys(const struct resource *a, const struct resource *b)
{
    int order = a->name == b->name ? 0 : strcmp(a->name, b->name);

    if (order == 0 && (a->role || b->role))
        order = a->role && b->role ? strcmp(a->role, b->role) : (a->role ? 1 : -1);
    if (order == 0 && (a->terms || b->terms))
        order = terms_compare(a->terms, b->terms);
    return order ? order : (int)a->revocable - (int)b->revocable;
}
bool portion_is_empty(const struct resource *self);
bool portion_values_are_equal(const struct resource *a, const struct resource *b);
bool portion_contains(const struct resource *self, const struct resource *other);

/* Would the sum be valid? 0, -EEXIST or -ERANGE. */
int portion_check_add(const struct resource *self, const struct resource *other, struct err *err);
void portion_add(struct resource *self, const struct resource *other); /* after the check */
/* How many ranges are left when `other`, which is contained, is taken away. */
int portion_check_subtract(const struct resource *self, const struct resource *other,
                           struct err *err);
/* Take away what of `other` is there. */
void portion_subtract(struct resource *self, const struct resource *other);
/* Keep only what is in `other` too. */
void portion_intersect(struct resource *self, const struct resource *other);

/* "cpus", "cpus(ads)", "disk(eng)(eng/db dynamic)[db1]" */
void portion_print_key(const struct resource *self, struct buf *out);

/* Takes the portion over (it is zeroed then), which is normalized already; on failure nothing
 * changed. An empty one vanishes. In base/resources.c. */
int resources_adopt(struct resources *self, struct resource *portion, struct err *err);

#endif
