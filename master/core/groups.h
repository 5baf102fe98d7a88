/* master/core/groups.h - LAUNCH_GROUP: tasks that go to one agent as one, all or none.
 *
 * Once launched they are tasks like others in the books. That one's end is the end of all is the agent's to see to. */
#ifndef PROFFER_MASTER_CORE_GROUPS_H
#define PROFFER_MASTER_CORE_GROUPS_H

#include "master/core/launch_check.h"
#include "master/core/optimistic.h"

/* May all of the operation be launched? `launch->remaining` is *remaining, from which is taken what they take. 0, or -errno
 * with a text that names the task that is wrong, `*ret_task_id` (NULL: the group is), and *ret_reason. What each takes is in
 * ret_taken (NULL: nobody asks), of tasks_count; the caller frees it in either case. */
int group_try(const struct launch *launch, struct resources *remaining,
              const struct offer_loss *loss, const struct operation_info *operation,
              struct resources *ret_taken, const char **ret_task_id, enum task_reason *ret_reason,
              struct err *err);

#endif
