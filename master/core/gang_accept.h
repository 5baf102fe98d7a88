/* master/core/gang_accept.h - ACCEPT_GANG: offers of many agents, all tasks or none. */
#ifndef PROFFER_MASTER_CORE_GANG_ACCEPT_H
#define PROFFER_MASTER_CORE_GANG_ACCEPT_H

#include "master/core/state.h"

void on_accept_gang(struct master *master, struct framework *framework,
                    const struct message *message);

#endif
