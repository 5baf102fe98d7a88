/* agent/ready.h - tell whoever started the agent that it works now: a script by a descriptor,
 * systemd by its socket. */
#ifndef PROFFER_AGENT_READY_H
#define PROFFER_AGENT_READY_H

#include "base/err.h"

/* "READY\n<address>\n" to `fd`, which is closed then; negative: nobody waits. */
int ready_tell_fd(int fd, const char *address, struct err *err);
/* sd_notify(3), without its library: `state` as "READY=1". 0 when systemd did not ask to be told.
 */
int ready_tell_systemd(const char *state, struct err *err);

#endif
