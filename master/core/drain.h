/* master/core/drain.h - agents that an operator takes out of use, or back into it.
 *
 * Deactivated: its tasks go on, and it is not offered. Draining: its tasks are killed too, and when the
 * last is over and acknowledged it is drained, or gone if that was asked for. Gone: its tasks are over
 * by the operator's word, and its id is refused for ever. All of it is in the registry before it is
 * answered or has an effect; the kills of a drain are said again whenever the agent registers. Source:
 * Mesos, docs/maintenance.md.
 */
#ifndef PROFFER_MASTER_CORE_DRAIN_H
#define PROFFER_MASTER_CORE_DRAIN_H

#include "master/core/state.h"

/* Is it there, and may it be offered? */
bool agent_is_active(const struct agent *agent);

/* Its tasks are to end: how; NULL: they are not. By an operator's order, or because it is down. */
const struct drain_info *agent_drain(const struct agent *agent);

void operator_drain(struct master *master, uint64_t number,
                    const struct msg_operator_drain_agent *call);
void operator_deactivate(struct master *master, uint64_t number,
                         const struct msg_operator_deactivate_agent *call);
void operator_reactivate(struct master *master, uint64_t number,
                         const struct msg_operator_reactivate_agent *call);
void operator_mark_gone(struct master *master, uint64_t number,
                        const struct msg_operator_mark_gone *call);

void drain_init_agent(struct agent *agent);
/* Its maintenance begins: it is drained, without a record of its own, as long as that lasts. */
void drain_begins(struct master *master, struct agent *agent, const char *why);
/* A task of it is no more: was it the last? */
void drain_look(struct master *master, struct agent *agent);
/* It is there (again), with what runs on it. */
void drain_on_registered(struct master *master, struct agent *agent);

#endif
