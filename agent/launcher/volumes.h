/* agent/launcher/volumes.h - a task's volumes in its sandbox. */
#ifndef PROFFER_AGENT_LAUNCHER_VOLUMES_H
#define PROFFER_AGENT_LAUNCHER_VOLUMES_H

#include "agent/launcher/accounts.h"
#include "agent/launcher/sandboxes.h"
#include "proto/schema.h"

/* Link each volume to its place in the new sandbox. It belongs to whom the task runs as (`account`, NULL:
 * ourselves) from then on; one that is shared, to the first. -errno with a text: a volume is not there, or
 * its place cannot be made. */
int volumes_link(const struct sandbox *sandbox, const struct volume_link *links, size_t count,
                 const struct account *account, struct err *err);

#endif
