/* agent/launcher/volumes.h - a task's volumes in its sandbox. */
#ifndef PROFFER_AGENT_LAUNCHER_VOLUMES_H
#define PROFFER_AGENT_LAUNCHER_VOLUMES_H

#include <stdbool.h>

#include "agent/launcher/accounts.h"
#include "agent/launcher/sandboxes.h"
#include "proto/schema.h"

/* Give each volume its place in the new sandbox: a link to it, or, if it `is_mounted` by an isolator, an empty folder.
 * It belongs to whom the task runs as (`account`, NULL: ourselves) from then on; one that is shared, to the first.
 * -errno with a text: a volume is not there, or its place cannot be made. */
int volumes_place(const struct sandbox *sandbox, const struct volume_link *links, size_t count,
                  const struct account *account, bool is_mounted, struct err *err);
/* The place alone: whose the volume is stays as it is. */
int volumes_put(const struct sandbox *sandbox, const struct volume_link *link,
                const struct account *account, bool is_mounted, struct err *err);

#endif
