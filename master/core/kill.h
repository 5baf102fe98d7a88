/* master/core/kill.h - KILL, from a framework or an operator. */
#ifndef PROFFER_MASTER_CORE_KILL_H
#define PROFFER_MASTER_CORE_KILL_H

#include "master/core/state.h"

/* Kill it, now or as soon as its agent is back. `policy` NULL: the task's own. */
void kill_task(struct master *master, struct task *task, const struct kill_policy *policy);
/* Tell the agent of a kill that was wanted while it was away. */
void kill_send(struct master *master, struct task *task);
void on_kill(struct master *master, struct framework *framework, const struct message *message);

#endif
