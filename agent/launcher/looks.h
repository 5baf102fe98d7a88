/* agent/launcher/looks.h - CHECK_CONTAINER: a helper looks at a container, once, in bounded time. */
#ifndef PROFFER_AGENT_LAUNCHER_LOOKS_H
#define PROFFER_AGENT_LAUNCHER_LOOKS_H

#include "proto/schema.h"

struct launcher;
struct container_look; /* one that goes on */

/* Answered by CONTAINER_CHECKED, unless the container ends before. */
void launcher_look(struct launcher *launcher, const struct msg_check_container *order);
/* Frees what goes on; the helpers are gone. */
void launcher_looks_fini(struct launcher *launcher);

#endif
