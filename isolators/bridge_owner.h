/* isolators/bridge_owner.h - a bridge is one agent's: who removes his last task's link takes bridge and table along.
 *
 * It is held by a record lock, which ends with the launcher, on a file of the host for this network namespace and name. Who
 * leaves removes the file; that of one who was killed is taken by the next.
 */
#ifndef PROFFER_ISOLATORS_BRIDGE_OWNER_H
#define PROFFER_ISOLATORS_BRIDGE_OWNER_H

#include "base/err.h"

/* Until we end, or take another. An earlier launcher of the same agent, which is about to end, is waited for. -EBUSY with
 * the process: another agent's has it. */
int bridge_own(const char *name, struct err *err);
/* What we have, if any. Not in a child: it is the launcher's. */
void bridge_leave(void);

#endif
