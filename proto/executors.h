/* proto/executors.h - executors and their tasks: one rule for the SDK, the master and the agent.
 *
 * An executor is a task with an `executor`: it is launched as any task is, in a container of its own. A task with an
 * `executor_id` is handed to that one instead of being launched; it lives in the executor's container, so that what
 * has to do with containers is the executor's to ask for.
 */
#ifndef PROFFER_PROTO_EXECUTORS_H
#define PROFFER_PROTO_EXECUTORS_H

#include <stdbool.h>

#include "base/err.h"
#include "proto/schema.h"

#define EXECUTOR_GRACE_MS        5000
#define EXECUTOR_REGISTRATION_MS 60000
#define EXECUTOR_RECOVERY_MS     900000
#define EXECUTOR_SOCKET          "agent.sock" /* in the folder that executors see */

/* Is it for an executor? */
bool task_is_inside(const struct task_info *task);
/* 0, or -EINVAL with a text for the framework's author. */
int executors_check(const struct task_info *task, struct err *err);
/* What an executor may say of a task. */
bool executor_may_say(enum task_state state);
/* `ms`, or the default when it is 0. */
int64_t executor_ms(int64_t ms, int64_t default_ms);

#endif
