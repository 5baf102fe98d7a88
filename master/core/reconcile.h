/* master/core/reconcile.h - RECONCILE: what the master knows of a framework's tasks, when it asks.
 */
#ifndef PROFFER_MASTER_CORE_RECONCILE_H
#define PROFFER_MASTER_CORE_RECONCILE_H

#include "master/core/state.h"

/* May an agent that has not been seen yet bring what is asked about? `agent` is the one that is named in
 * `ref`, NULL when it is not known. */
bool may_still_return(const struct master *master, const struct framework *framework,
                      const struct task_ref *ref, const struct agent *agent);
/* Answer for one task, or not at all while its agent may still come back from an earlier master. */
void reconcile_one(struct master *master, const struct framework *framework,
                   const struct task_ref *ref);
void on_reconcile(struct master *master, struct framework *framework,
                  const struct message *message);

#endif
