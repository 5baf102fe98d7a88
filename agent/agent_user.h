/* agent/agent_user.h - whom the process is that reads the network, when the agent was started as root. */
#ifndef PROFFER_AGENT_AGENT_USER_H
#define PROFFER_AGENT_AGENT_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Without --agent-user: this one, if the host has it; else a number that no host and no range of systemd's has for
 * anybody. No account is needed: nobody logs in. */
#define AGENT_USER_NAME   "proffer"
#define AGENT_USER_NUMBER 61000

struct agent_user {
    bool is_split; /* there is a process of its own, without rights */
    uid_t uid;
    gid_t gid;
};

/* `wanted`: --agent-user, "" for the default, a name or a number; "root": not split. -EINVAL with advice. What
 * cannot be had here without anybody having asked for it is logged. */
int agent_user_choose(const char *wanted, struct agent_user *ret_user, struct err *err);
/* `task_users`: --task-users. If tasks may be root, that is said, as whoever has the split process then has the host. */
void agent_user_warn(const struct agent_user *user, const char *task_users);

#endif
