/* master/core/removals.h - agents that were away for too long become unreachable: not all at once.
 *
 * That a machine is silent is a guess; many at once are rather one failure of what stands between
 * them and us. So they are marked at a bounded rate, and none while more than a share of all agents
 * is away. The record comes first: nobody is told UNREACHABLE before the registry says so.
 */
#ifndef PROFFER_MASTER_CORE_REMOVALS_H
#define PROFFER_MASTER_CORE_REMOVALS_H

#include "master/core/state.h"

/* It has been away for as long as it may. */
void removal_is_due(struct master *master, struct agent *agent);
/* An agent has come, or gone: the rules may have another answer. */
void removals_wake(struct master *master);
void removals_init(struct master *master);

#endif
