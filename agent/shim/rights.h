/* agent/shim/rights.h - what the shim may do, and what may be done to it.
 *
 * Who has CAP_SYS_RESOURCE is above disk quotas on some file systems (ext4), and what the shim writes into a sandbox, and
 * the fetcher, is the task's. The task's own process needs it until it has its limits. Nothing happens to who is not root.
 */
#ifndef PROFFER_AGENT_SHIM_RIGHTS_H
#define PROFFER_AGENT_SHIM_RIGHTS_H

#include <stdbool.h>

#include "base/err.h"
#include "isolators/spawn.h"

/* Have it or not, for as long as it was not given up. */
void rights_exceed_limits(bool may);
/* The launcher's, for its shims: no process of any user has the same ids as they then, which the kernel asks for before one
 * may trace another or set its limits, unless it has CAP_SYS_PTRACE or CAP_SYS_RESOURCE: __ptrace_may_access() and
 * check_prlimit_permission() in Linux. False: we may not. */
bool rights_be_nobodys_equal(void);
/* A step, for SPAWN_BOUNDING: what is executed never has it, whoever it is. */
extern const struct spawn_step rights_keep_limits;

#endif
