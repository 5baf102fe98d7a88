/* proto/groups.h - tasks that are launched as one: one rule for those who ask for them, grant them and run them.
 *
 * This is about what can be said of the texts alone: which tasks make a group, and what is the group's and not theirs.
 */
#ifndef PROFFER_PROTO_GROUPS_H
#define PROFFER_PROTO_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "proto/schema.h"

#define GROUP_TASKS_MAX   64
#define GROUP_VOLUMES_MAX 32
#define GROUP_LABELS_MAX  64

/* Do they make a group? 0, or -errno with a text; *ret_task_id is then the id of the task that is wrong, or NULL: the
 * group itself is. What is to be said of a task by itself is not looked at. */
int group_check(const struct group_info *group, const struct task_info *tasks, size_t count,
                const char **ret_task_id, struct err *err);
/* Two of its tasks have a volume among their resources that is not shared, one of them this task: rc, with what would be
 * right. */
int group_volume_is_taken(const char *volume, const char *task_id, int rc, struct err *err);
/* Of the group alone. */
int group_check_itself(const struct group_info *group, struct err *err);
/* Of a task in no group: does it ask for what only a group has? */
int group_check_alone(const struct task_info *task, struct err *err);

/* GROUP_MAIN where nothing is said. */
enum group_part group_part_of(const struct task_info *task);
/* What the group asks of isolators. Borrows from it. */
struct isolation_info group_isolation(const struct group_info *group);
/* Where a volume of the group is, below the group's folder. */
#define GROUP_VOLUMES_DIR "volumes"

#endif
