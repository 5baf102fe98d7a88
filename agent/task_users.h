/* agent/task_users.h - whom tasks run as (--default-user, --task-users): what can never be is said at the start, and not
 * by every task. */
#ifndef PROFFER_AGENT_TASK_USERS_H
#define PROFFER_AGENT_TASK_USERS_H

#include "agent/agent_user.h"
#include "agent/flags.h"
#include "base/err.h"

/* Is everybody there who is named, and can tasks be those? A number is one that has a name on this host: nobody else
 * is found when a task starts. -EINVAL with advice. Who cannot be looked up now, as no directory answers, is logged. */
int task_users_check(const struct agent_flags *flags, const struct agent_user *agent,
                     struct err *err);

#endif
