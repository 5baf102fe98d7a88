/* proto/limits.h - the limits that a task may have beside what it is granted: their names, and which values make sense.
 * The same for masters, who refuse a task early, and agents, who do not rely on that. Meaning: docs/isolators.md. */
#ifndef PROFFER_PROTO_LIMITS_H
#define PROFFER_PROTO_LIMITS_H

#include "base/resources.h"
#include "proto/schema.h"

#define LIMITS_MAX 32 /* in one task */

/* -EINVAL: unknown, or a value that cannot be; -EEXIST: named twice; -E2BIG: too many. Text in err. */
int limits_check(const struct limit_info *limits, size_t count, const struct resources *granted,
                 struct err *err);
/* The isolator that holds it; NULL: there is no such limit. */
const char *limits_isolator(const char *name);

#endif
