/* agent/shim/rights.h - the one right that the shim has of its own and must not write with.
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
/* A step, for SPAWN_BOUNDING: what is executed never has it, whoever it is. */
extern const struct spawn_step rights_keep_limits;

#endif
