/* agent/docker/cgroup_parent.h - the group above our containers', which the Engine makes and leaves behind. */
#ifndef PROFFER_AGENT_DOCKER_CGROUP_PARENT_H
#define PROFFER_AGENT_DOCKER_CGROUP_PARENT_H

/* Remove `path`, as "proffer/agent-1/docker", from every hierarchy; what is still in use stays. */
void cgroup_parent_remove(const char *path);

#endif
