/* master/core/accept.h - ACCEPT: offers become tasks, what is left is declined. */
#ifndef PROFFER_MASTER_CORE_ACCEPT_H
#define PROFFER_MASTER_CORE_ACCEPT_H

#include "master/core/state.h"

void on_accept(struct master *master, struct framework *framework, const struct message *message);

#endif
