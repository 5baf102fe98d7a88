/* master/core/errands.h - reservations and volumes, by operators: what is meant on an agent, what stands in
 * the way, and the answer when the agent has written it down.
 *
 * An operation of an operator is one like a framework's (operations.h), under an id of the master. Its
 * caller is answered once: when the agent says that it is done (200) or could not be (409), when it is
 * known that it was not (503: it never reached the agent) or cannot be known yet (503: the agent is not
 * reachable; 504: no word after ERRAND_WAIT_MS). No master keeps it: what the agent has is what counts, so
 * that a new master finds the whole of it or nothing.
 *
 * errands.c waits and answers, errand_plan.c finds what is meant, errand_room.c what is in the way.
 */
#ifndef PROFFER_MASTER_CORE_ERRANDS_H
#define PROFFER_MASTER_CORE_ERRANDS_H

#include "master/core/state.h"

#define ERRAND_WAIT_MS 30000

/* --- errands.c --------------------------------------------------------------- */

/* Each is answered once, and logged with who asked. */
void operator_operation(struct master *master, uint64_t number,
                        const struct msg_operator_operation *call);
void operator_reservation(struct master *master, uint64_t number,
                          const struct msg_operator_reservation *call);
void operator_volume(struct master *master, uint64_t number,
                     const struct msg_operator_volume *call);
/* What became of it. */
void errand_tell(struct master *master, const char *operation_id, const char *agent_id,
                 enum operation_state state, const char *why);
void errands_fini(struct master *master);

/* --- errand_plan.c ----------------------------------------------------------- */

/* The operation that is meant; zeroed at first, and freed by errand_plan_fini. */
struct errand_plan {
    struct operation_info operation; /* of the next ones, and of the master's scratch memory */
    struct resource_change change;
    struct resources before, after;
};
void errand_plan_fini(struct errand_plan *self);
/* -EINVAL, -ENOENT, -ERANGE with a text that says what would be right. What nobody uses is taken first. */
int errand_plan_reservation(struct master *master, const struct agent *agent,
                            const struct msg_operator_reservation *call, struct errand_plan *ret,
                            struct err *err);
int errand_plan_volume(struct master *master, const struct agent *agent,
                       const struct msg_operator_volume *call, struct errand_plan *ret,
                       struct err *err);

/* --- errand_room.c ----------------------------------------------------------- */

/* What no task has: free or offered. Replaces *ret. */
void errand_idle(const struct agent *agent, struct resources *ret);
/* So much is free from now on: offers that hold it are rescinded, others not. -ERANGE, and nothing has
 * changed: tasks use it, named in the text, or the agent has not so much. */
int errand_make_room(struct master *master, struct agent *agent, const struct resources *wanted,
                     struct err *err);

#endif
