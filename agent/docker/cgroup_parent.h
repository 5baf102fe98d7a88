/* agent/docker/cgroup_parent.h - the groups above our containers', which the Engine makes and leaves behind, in
 * hierarchies that nobody else here uses as well. */
#ifndef PROFFER_AGENT_DOCKER_CGROUP_PARENT_H
#define PROFFER_AGENT_DOCKER_CGROUP_PARENT_H

/* Remove `path`, as "proffer/agent-1/docker", and what is above it from every hierarchy; what is still in use stays. For
 * the end of an agent: its launcher has not yet left its own groups, and does not mind. */
void cgroup_parent_remove(const char *path);

#endif
