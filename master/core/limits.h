/* master/core/limits.h - new limits of live tasks, and what agents have left of their cores. */
#ifndef PROFFER_MASTER_CORE_LIMITS_H
#define PROFFER_MASTER_CORE_LIMITS_H

#include "master/core/state.h"

void on_change_limits(struct master *master, struct framework *framework,
                      const struct message *message);
void on_limits_changed(struct master *master, struct agent *agent, const struct message *message);
void on_cores_free(struct master *master, struct agent *agent, const struct message *message);

#endif
