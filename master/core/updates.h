/* master/core/updates.h - what goes between an agent and a framework through the master: status
 * updates one way, acknowledgements the other, and messages of executors both ways.
 */
#ifndef PROFFER_MASTER_CORE_UPDATES_H
#define PROFFER_MASTER_CORE_UPDATES_H

#include "master/core/state.h"

void on_status_update(struct master *master, struct agent *agent, const struct message *message);
void on_acknowledge(struct master *master, struct framework *framework,
                    const struct message *message);
void on_message_to_executor(struct master *master, struct framework *framework,
                            const struct message *message);
void on_message_to_framework(struct master *master, struct agent *agent,
                             const struct message *message);

#endif
