/* base/ranges.h - algebra on runs of ranges: sorted, disjoint, joined where they touch.
 *
 * What the functions take is in that form and so is what they give, except for ranges_normalize,
 * which brings it about. An output has room for the sum of both counts; NULL asks for the count
 * alone. Linear in the counts, no allocation.
 */
#ifndef PROFFER_BASE_RANGES_H
#define PROFFER_BASE_RANGES_H

#include "base/resources.h"

/* 0; -EINVAL when begin > end, -EEXIST when two overlap. *ret_bad is the culprit. */
int ranges_normalize(struct ranges *self, struct range *ret_bad);

/* The lowest numbers that are in both; false: none are. */
bool ranges_overlap(const struct ranges *a, const struct ranges *b, struct range *ret_common);
bool ranges_contain(const struct ranges *self, const struct ranges *other);

/* a and b must not overlap. */
size_t ranges_add(const struct ranges *a, const struct ranges *b, struct range *out);
/* What of a is not in b. */
size_t ranges_subtract(const struct ranges *a, const struct ranges *b, struct range *out);
size_t ranges_intersect(const struct ranges *a, const struct ranges *b, struct range *out);

#endif
