/* agent/docker/culprits.h - the end of a command that was run in a container, and of what it has started. */
#ifndef PROFFER_AGENT_DOCKER_CULPRITS_H
#define PROFFER_AGENT_DOCKER_CULPRITS_H

#include <stdint.h>

/* SIGKILL to the process of that number, if it lives, and to all of its session and its group: the runtime makes both for
 * each command, and they outlive it. The number is the host's and may be another one's by now: only what is in the groups
 * (/proc/PID/cgroup) of the container `engine_id` is killed. What has made a session of its own is left: it is the
 * container's, and ends with it. */
void culprits_kill(int64_t pid, const char *engine_id);

#endif
