/* proto/isolation.h - what a task may ask of isolators: one rule for those who check it.
 *
 * What an agent has (roots, profiles, folders of its host) only the agent knows; this is about what can be said of the
 * text alone.
 */
#ifndef PROFFER_PROTO_ISOLATION_H
#define PROFFER_PROTO_ISOLATION_H

#include "base/err.h"
#include "proto/schema.h"

#define ISOLATION_MOUNTS_MAX       64
#define ISOLATION_CAPABILITIES_MAX 64
#define ISOLATION_MAPPINGS_MAX     64
/* Where a task with a root of its own finds its sandbox. At the top, as only there a place can be made in an image whose
 * folders are not the task's. */
#define ISOLATION_SANDBOX "/sandbox"
/* Where an executor with a root of its own finds the folder with the socket of its agent. */
#define ISOLATION_EXECUTORS "/proffer"

/* NULL is fine. 0, or -errno with a text. */
int isolation_info_check(const struct isolation_info *info, struct err *err);

#endif
