/* master/core/agents.h - agents: registered, silent, unreachable, back again, gone.
 *
 * agents.c is their life, registration.c how they come (back) with what runs on them.
 */
#ifndef PROFFER_MASTER_CORE_AGENTS_H
#define PROFFER_MASTER_CORE_AGENTS_H

#include "master/core/state.h"

/* --- agents.c ---------------------------------------------------------------- */

struct agent *agent_find(const struct master *master, const char *id);
struct agent *agent_of_session(const struct master *master, uint64_t session);
/* With the master's epoch; dropped while the agent has no session. */
void agent_send(struct master *master, const struct agent *agent, struct message message);
/* In state AGENT_DISCONNECTED, without resources, not in the pool. `id` is copied. */
struct agent *agent_add(struct master *master, const char *id);
/* The one place where its state changes. */
void agent_move(struct master *master, struct agent *agent, enum agent_state state);
/* What it has from now on, taken over. Nothing of what it had may be offered or held. */
void agent_set_total(struct master *master, struct agent *agent, struct resources *total);
/* Its session is over: no offers, and it has its timeout to come back. */
void agent_disconnect(struct master *master, struct agent *agent);
void agents_fini(struct master *master);
void on_unregister(struct master *master, struct agent *agent, const struct message *message);

/* --- registration.c ---------------------------------------------------------- */

/* About how much room an offer of an agent that says this takes. */
size_t agent_weight(const struct master *master, const struct agent_info *info);
/* What it says of itself, copied; its id is the one that it has here. */
void agent_set_info(const struct master *master, struct agent *agent,
                    const struct agent_info *info);

void on_register_agent(struct master *master, uint64_t session, const struct message *message);

#endif
