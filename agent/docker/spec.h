/* agent/docker/spec.h - a task's order as the Engine wants it: the body of POST /containers/create. Of
 * the host it only reads: where a path leads, what a seccomp profile says.
 *
 * What a task asks for is checked here against what the operator allows: it runs as root in an Engine that can do
 * anything. Without --docker-allow there is no privileged container, no device, no capability beyond Docker's own set,
 * no namespace of the host's but the network, no volume of the Engine's; without --docker-host-paths no file of the
 * host's but the sandbox and persistent volumes. Nobody gains privileges by setuid programs.
 */
#ifndef PROFFER_AGENT_DOCKER_SPEC_H
#define PROFFER_AGENT_DOCKER_SPEC_H

#include <stdbool.h>

#include "base/err.h"
#include "proto/message.h"

/* "/proffer/agent-1/docker", or a slice's name for an engine of the driver systemd. Owned. */
char *spec_cgroup_parent(const struct msg_docker_configure *want, const char *cgroup_driver);

/* The JSON, owned. -EINVAL, -EPERM with a text: it asks for what cannot be, or is not allowed. */
int spec_make(const struct msg_docker_configure *want, const char *cgroup_driver,
              const struct msg_launch_container *order, char **ret_json, struct err *err);
/* Of POST /containers/{id}/exec; owned. */
char *spec_make_exec(const struct msg_exec_container *order);
/* Of POST /containers/{id}/update; owned. */
int spec_make_update(const struct msg_update_container *order, char **ret_json, struct err *err);

/* Is `name` in the operator's list? */
bool spec_is_allowed(const struct msg_docker_configure *want, const char *name);

#endif
