/* master/core/agents.h - agents: registered, silent, unreachable, back again, gone.
 *
 * agents.c is their life, registration.c how they come (back) with what runs on them, admission.c
 * what that waits for.
 */
#ifndef PROFFER_MASTER_CORE_AGENTS_H
#define PROFFER_MASTER_CORE_AGENTS_H

#include "master/core/state.h"

/* --- agents.c ---------------------------------------------------------------- */

struct agent *agent_find(const struct master *master, const char *id);
struct agent *agent_of_session(const struct master *master, uint64_t session);
/* With the master's epoch; dropped while the agent has no session. */
void agent_send(struct master *master, const struct agent *agent, struct message message);
/* The framework is no more: SHUTDOWN_FRAMEWORK, once a session. What is said in a session is heard while that lasts. */
void agent_tell_end(struct master *master, struct agent *agent, const char *framework_id);
/* It has begun anew since: its next end is another. */
void agent_forget_end(struct agent *agent, const char *framework_id);
/* Away, without resources, not in the pool. `id` is copied. */
struct agent *agent_add(struct master *master, const char *id);
/* What it says of itself, copied; its id is the one that it has here. */
void agent_set_info(struct agent *agent, const struct agent_info *info);
/* The one place where its state changes. */
void agent_move(struct master *master, struct agent *agent, enum agent_state state);
/* After a change of whether it may be offered: what it has free counts for guarantees, or no longer. */
void agent_count_free(struct master *master, const struct agent *agent, bool was_active);
/* What it has from now on, taken over. Nothing of what it had may be offered or held. */
/* What kind its total is of, when that has changed. */
void agent_look(struct agent *agent);
void agent_set_total(struct master *master, struct agent *agent, struct resources *total);
/* Its session is over: no offers, and it has its timeout to come back. */
void agent_disconnect(struct master *master, struct agent *agent);
/* It is away, and after so long it is overdue. */
void agent_await_return(struct master *master, struct agent *agent, int64_t for_us);
/* It is unreachable, and after so long it is forgotten. */
void agent_await_forgetting(struct master *master, struct agent *agent, int64_t for_us);
/* What follows when the registry has its record as unreachable, or as gone. The latter frees it. */
void agent_become_unreachable(struct master *master, struct agent *agent);
void agent_become_gone(struct master *master, struct agent *agent, const char *why);
void agents_fini(struct master *master);
void on_unregister(struct master *master, struct agent *agent, const struct message *message);

/* --- registration.c ---------------------------------------------------------- */

/* About how much room an offer of an agent that says this takes. */
size_t agent_weight(const struct master *master, const struct agent_info *info);
/* Can it be registered? What it has is added to *ret_total. -errno with a text for its operator. */
int registration_check(const struct master *master, const struct agent *current,
                       const struct msg_register_agent *call, struct resources *ret_total,
                       struct err *err);
/* It is there from now on, with what it reports, under this id. */
void registration_apply(struct master *master, uint64_t session, const char *id,
                        const struct msg_register_agent *call, struct resources *total);
void registration_answer(struct master *master, const struct agent *agent);

/* --- admission.c ------------------------------------------------------------- */

void on_register_agent(struct master *master, uint64_t session, const struct message *message);

#endif
