/* agent/launcher/groups.h - containers of a group of tasks: the holder, and those that join it.
 *
 * The holder is a container like any other, with a shim and a record, but what runs in it is the tiny init alone. Its
 * namespaces are the group's, its sandbox is the group's folder. A task's container is made as without a group, but that
 * it joins the holder's network, IPC and host name, where these are others than ours.
 */
#ifndef PROFFER_AGENT_LAUNCHER_GROUPS_H
#define PROFFER_AGENT_LAUNCHER_GROUPS_H

#include "agent/launcher/sandboxes.h"
#include "isolators/isolator.h"
#include "proto/schema.h"

struct launcher;

#define GROUP_JOINS_MAX 3

/* What a launch needs of its group. */
struct group_launch {
    struct isolation_group seen;     /* by isolators */
    struct isolation_info asks;      /* of a holder */
    int fds[GROUP_JOINS_MAX];        /* owned; of the holder's namespaces */
    uint64_t kinds[GROUP_JOINS_MAX]; /* CLONE_NEW... */
    size_t count;
};

/* In no group: nothing is found. -errno with a text: the holder does not run, or is none. */
int launcher_group_find(struct launcher *self, const struct msg_launch_container *order,
                        struct group_launch *ret_part, struct err *err);
void launcher_group_close(struct group_launch *part);
/* Of a holder: the volumes. Of a task: the places of volumes in its sandbox, empty folders or links. */
int launcher_group_place(struct launcher *self, const struct msg_launch_container *order,
                         const struct sandbox *sandbox, const struct account *account,
                         struct err *err);
/* What isolators have asked for is complete: what the process joins, or what the holder is. */
int launcher_group_spawn(const struct group_launch *part, struct spawn *spawn, struct err *err);

#endif
