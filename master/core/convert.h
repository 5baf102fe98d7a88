/* master/core/convert.h - what an operation on reservations or volumes makes of which resources.
 *
 * Pure: whether these are free, and what follows, is the caller's matter (operations.h).
 */
#ifndef PROFFER_MASTER_CORE_CONVERT_H
#define PROFFER_MASTER_CORE_CONVERT_H

#include "base/err.h"
#include "base/resources.h"
#include "proto/schema.h"

struct conversion {
    struct resources consumed, converted;
};

void conversion_fini(struct conversion *self);

/* Who wants it, and where. */
struct converting {
    const char
        *role; /* of the offers: what it changes is reserved for just that; NULL: an operator */
    const char *principal; /* who makes reservations and volumes; of an operator not looked at */
    const struct resources *total; /* of the agent: the ids of volumes are unique in it */
};

/* 0, or -errno with a text that says what would be right; *ret is zeroed, and freed by the caller in
 * either case. */
int conversion_make(const struct converting *by, const struct operation_info *operation,
                    struct conversion *ret, struct err *err);
/* "CREATE" */
const char *operation_verb(enum operation_kind kind);

#endif
