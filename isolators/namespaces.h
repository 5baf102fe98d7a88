/* isolators/namespaces.h - what the files namespaces_*.c share. */
#ifndef PROFFER_ISOLATORS_NAMESPACES_H
#define PROFFER_ISOLATORS_NAMESPACES_H

#include <stdint.h>

#include "base/err.h"
#include "isolators/isolator.h"

/* Does this kernel have namespaces of that kind ("pid", as in /proc/self/ns), and may we make `kinds` (CLONE_NEW...)?
 * Root in somebody else's container may not, and settings of a system forbid it to others: so it is tried, in a process
 * of its own, with a user namespace if that is wanted too. `then`, if there is one, is tried inside. -errno with the
 * reason. */
int namespaces_try(const struct isolator_host *host, const char *name, uint64_t kinds,
                   int (*then)(struct err *err), struct err *err);

#endif
