/* master/core/operations.h - reservations and volumes: changed in the books at once, then by the agent,
 * whose word counts.
 *
 * What an operation makes can be used by the next one in the same ACCEPT: it is done in the books before
 * the agent has heard of it. An agent that cannot do it says so and registers again, which puts the books
 * right. A framework that gave the operation an id is told what became of it, by the agent until it has
 * acknowledged that, or by the master.
 */
#ifndef PROFFER_MASTER_CORE_OPERATIONS_H
#define PROFFER_MASTER_CORE_OPERATIONS_H

#include "master/core/state.h"

/* Whose operation it is. */
struct operating {
    struct subscription *subscription; /* NULL: an operator's */
    struct resources *remaining; /* of the offers; NULL: all that is free, offers are rescinded */
};

/* Everything but LAUNCH. 0, or -errno with a text that says what would be right, and nothing has changed.
 * The change is not published yet: see publish_agent. */
int operation_do(struct master *master, struct agent *agent, const struct operating *who,
                 const struct operation_info *operation, struct err *err);
/* An operation that is not told of yet; of an operator with framework_id "". NULL: there is none. */
struct operation *operation_find(const struct agent *agent, const char *framework_id,
                                 const char *id);
/* Does the agent say so of itself? */
bool agent_has_capability(const struct agent *agent, const char *capability);
/* It was not done. Only those who gave it an id are told. */
void operation_refuse(struct master *master, const struct framework *framework,
                      const char *agent_id, const struct operation_info *operation,
                      enum operation_state state, const char *why);

/* --- the agent's life -------------------------------------------------------- */

void operations_tell_unreachable(struct master *master, struct agent *agent);
/* The agent will not be back: nobody can say more of what is still open. */
void operations_end(struct master *master, struct agent *agent, enum operation_state state,
                    const char *why);
/* The agent is back: what it does not know has never reached it. */
void operations_settle(struct master *master, struct agent *agent,
                       const struct msg_register_agent *call);
/* Nobody is told. */
void operations_drop(struct agent *agent);

/* --- messages ---------------------------------------------------------------- */

void on_operation_result(struct master *master, struct agent *agent, const struct message *message);
void on_acknowledge_operation(struct master *master, struct framework *framework,
                              const struct message *message);
void on_reconcile_operations(struct master *master, struct framework *framework,
                             const struct message *message);
#endif
