/* agent/docker/strays.h - what was left by processes that we have started: it becomes our child, whatever session or group
 * it has made, and is killed. */
#ifndef PROFFER_AGENT_DOCKER_STRAYS_H
#define PROFFER_AGENT_DOCKER_STRAYS_H

#include <stddef.h>
#include <sys/types.h>

/* From now on they come to us. */
void strays_adopt(void);
/* All children but `own`. 0; -EBUSY: there are some still, which are as fast as we are or do not end. */
int strays_end(const pid_t *own, size_t count);

#endif
