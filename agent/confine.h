/* agent/confine.h - the process that reads the network gives up all rights that it was born with. */
#ifndef PROFFER_AGENT_CONFINE_H
#define PROFFER_AGENT_CONFINE_H

#include <sys/types.h>

#include "agent/agent_user.h"
#include "base/err.h"

/* For good: that user, no other groups, no capabilities, none to be had by executing anything, no trace of it by anybody
 * of the same user, no core of it, and of system calls none that it has no use for (to execute a program is one of them).
 * It ends when `keeper`, its parent, does. Before it has threads. */
int confine(const struct agent_user *user, pid_t keeper, struct err *err);

#endif
