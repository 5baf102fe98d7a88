/* isolators/capabilities.h - the capabilities that a task will have, for those whose doing depends on it. */
#ifndef PROFFER_ISOLATORS_CAPABILITIES_H
#define PROFFER_ISOLATORS_CAPABILITIES_H

#include <stdint.h>

#include "base/err.h"
#include "isolators/isolator.h"

/* CAP_SYS_ADMIN, sys_admin: its number, or -EINVAL. */
int capability_number(const char *name);

/* What it can come to have at most, as bits. When linux/capabilities is not in use, root can have all. */
int capabilities_of(const struct isolation *want, uint64_t *ret_set, struct err *err);

/* For the launcher, when linux/capabilities is in use: whatever it executes from now on has no more than tasks can be given
 * (and what Proffer's own helpers work with), though it keeps its own. So tasks need not give up the rest one by one. */
void capabilities_narrow(void);

#endif
