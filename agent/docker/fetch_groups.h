/* agent/docker/fetch_groups.h - cgroups for what fetches for a container that is not there yet: with the container's own
 * limits, beside where the Engine will put it, so that what a task fetches counts as the task does.
 *
 * Where there are no cgroups for us, there are none for this. One object a process; not thread-safe.
 */
#ifndef PROFFER_AGENT_DOCKER_FETCH_GROUPS_H
#define PROFFER_AGENT_DOCKER_FETCH_GROUPS_H

#include "agent/launcher/launched.h"
#include "proto/schema.h"

#define FETCH_GROUP_PREFIX "fetch."

struct fetch_groups;

/* Beneath `parent`, as `proffer/a1/docker`. What an earlier process has left of them is killed and removed. */
int fetch_groups_new(const char *parent, int64_t pids_max, struct fetch_groups **ret_groups,
                     struct err *err);
/* All of them are empty, or will be in a moment. */
void fetch_groups_destroy(struct fetch_groups **self_p);
/* *ret_group stays NULL where there are no cgroups. */
int fetch_groups_make(struct fetch_groups *self, const struct msg_launch_container *order,
                      struct launched **ret_group, struct err *err);
/* Files into which a process writes "0" to be in it; until the next call. How many; -errno with a text. */
int fetch_groups_open(struct fetch_groups *self, const struct launched *group, const int **ret_fds,
                      struct err *err);
void fetch_groups_close(struct fetch_groups *self);
/* Kill what is in it, and remove it, now or when that has ended. Which limit it was that ended it; no reason: none. */
void fetch_groups_end(struct fetch_groups *self, struct launched **group_p,
                      struct limitation *ret_limitation);
/* Readable when it is to be tried again to remove some: fetch_groups_run. */
int fetch_groups_fd(const struct fetch_groups *self);
void fetch_groups_run(struct fetch_groups *self);

#endif
