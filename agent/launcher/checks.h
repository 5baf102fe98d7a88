/* agent/launcher/checks.h - CHECK_CONTAINER: a helper looks at a container, once, in bounded time. */
#ifndef PROFFER_AGENT_LAUNCHER_CHECKS_H
#define PROFFER_AGENT_LAUNCHER_CHECKS_H

#include "proto/schema.h"

struct launcher;
struct container_check; /* one that goes on */

/* Answered by CONTAINER_CHECKED, unless the container ends before. */
void launcher_check(struct launcher *launcher, const struct msg_check_container *order);
/* Frees what goes on; the helpers are gone. */
void launcher_checks_fini(struct launcher *launcher);

#endif
