/* master/core/operator.h - what an operator may ask of the core: kill a task, tear a framework
 * down. */
#ifndef PROFFER_MASTER_CORE_OPERATOR_H
#define PROFFER_MASTER_CORE_OPERATOR_H

#include "master/core/state.h"

/* The reply's text lives until the next call. */
void operator_call(struct master *master, const struct message *call,
                   struct msg_operator_reply *ret_reply);

#endif
