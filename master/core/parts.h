/* master/core/parts.h - what an agent says before it registers, when it is too much for one message.
 *
 * REGISTER_TASKS comes any number of times before REGISTER_AGENT, in the same session; what they say is gathered
 * by session and becomes part of that one. All that is gathered is bounded: an agent beyond that is told to
 * come later.
 */
#ifndef PROFFER_MASTER_CORE_PARTS_H
#define PROFFER_MASTER_CORE_PARTS_H

#include "master/core/state.h"

void on_register_tasks(struct master *master, uint64_t session, const struct message *message);
/* What the session has said before and in `call`, in the event's scratch memory; what was said before is to stay until
 * parts_drop. `call` itself when there is nothing more. */
const struct msg_register_agent *parts_join(struct master *master, uint64_t session,
                                            const struct msg_register_agent *call);
/* The session has registered, says something else, or is over. */
void parts_drop(struct master *master, uint64_t session);
void parts_fini(struct master *master);

#endif
