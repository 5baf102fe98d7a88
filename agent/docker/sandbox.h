/* agent/docker/sandbox.h - the folders of the host that a container is given, before it is made. */
#ifndef PROFFER_AGENT_DOCKER_SANDBOX_H
#define PROFFER_AGENT_DOCKER_SANDBOX_H

#include "proto/message.h"

/* The sandbox with what is above it, and folders in it that the task names as volumes. It belongs to the task's user if
 * that is a number ("1000", "1000:1000"; what a name means only the image knows), else to root; nobody else of the host
 * comes in: root of a container could leave programs there that run as root. Persistent volumes that are still root's
 * are given to that user, too. */
int sandbox_make(const struct msg_launch_container *order, struct err *err);

/* Are its sandbox and its volumes where the policy has them? What asks for it reads the network. -EACCES. */
int sandbox_check(const struct msg_docker_configure *policy,
                  const struct msg_launch_container *order, struct err *err);

#endif
