/* agent/launcher/launcher.h - the small process that makes all containers of an agent.
 *
 * The agent starts it before it has threads or memory of its own, because a fork costs what the forking
 * process holds. One thread, one loop over three descriptors: the channel to the agent, the shims' notes,
 * signals. It forks a shim for each container, makes and removes cgroups, and tells the agent what became
 * of it. It decides nothing about tasks.
 */
#ifndef PROFFER_AGENT_LAUNCHER_LAUNCHER_H
#define PROFFER_AGENT_LAUNCHER_LAUNCHER_H

#include "agent/launcher/desks.h"

/* Takes over the channel and the desks (-1: there is none). The process's exit code: 0 when the agent has gone and all is cleaned up. */
int launcher_run(int channel_fd, const int desk_fds[DESKS_MAX]);

#endif
