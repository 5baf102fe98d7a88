/* master/core/departed.h - ids that are never used again: of frameworks that were removed, of agents
 * that an operator has marked gone. They are in the registry too; the lists are bounded, and what is
 * forgotten here is forgotten there. */
#ifndef PROFFER_MASTER_CORE_DEPARTED_H
#define PROFFER_MASTER_CORE_DEPARTED_H

#include "master/core/state.h"

bool framework_is_completed(const struct master *master, const char *id);
bool agent_is_gone(const struct master *master, const char *id);
/* Its record is given to the registry by whoever calls. Nothing happens when it is known already. */
void departed_add_framework(struct master *master, const char *id, int64_t since_us);
void departed_add_agent(struct master *master, const char *id, int64_t since_us);
void departed_init(struct master *master);
void departed_fini(struct master *master);

#endif
