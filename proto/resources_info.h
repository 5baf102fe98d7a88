/* proto/resources_info.h - resources between the wire (struct resource_info) and the algebra
 * (struct resources). */
#ifndef PROFFER_PROTO_RESOURCES_INFO_H
#define PROFFER_PROTO_RESOURCES_INFO_H

#include "base/arena.h"
#include "base/resources.h"
#include "proto/schema.h"

/* Replaces *self. -EINVAL, -ERANGE, -EEXIST with the offending name in the text; *self is then as before. */
int resources_from_info(struct resources *self, const struct resource_info *items, size_t count,
                        struct err *err);
/* An array in `arena` that borrows the texts of `from` (valid until `from` changes). Never NULL unless the
 * arena is at its limit. */
const struct resource_info *resources_to_info(const struct resources *from, struct arena *arena,
                                              size_t *ret_count);

/* Attributes as people write them: "rack:abc;zone:west;level:10;span:[1-10]". */
int attributes_parse(const char *text, struct arena *arena, const struct attribute_info **ret_items,
                     size_t *ret_count, struct err *err);

/* "REGION/ZONE"; "" gives NULL. */
int domain_parse(const char *text, struct arena *arena, const struct domain_info **ret_domain,
                 struct err *err);

#endif
