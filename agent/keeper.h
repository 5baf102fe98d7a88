/* agent/keeper.h - the process that the operator has started, when that is root: it starts the others and waits.
 *
 *     keeper (root) ──► launcher, proffer-docker (root)
 *        │                 ▲ channel, desks
 *        └──► the agent, a user without rights: reads the network
 *
 * The keeper reads nothing from anybody but single letters from the agent that it has forked. It hands signals on,
 * begins anew when the agent wants that, or was killed, and its exit code is the agent's. The agent and those who
 * have the rights never know more of each other than a socket's two ends.
 */
#ifndef PROFFER_AGENT_KEEPER_H
#define PROFFER_AGENT_KEEPER_H

#include "agent/agent_user.h"
#include "agent/crew.h"
#include "agent/flags.h"
#include "agent/work_dir.h"
#include "base/err.h"

/* What an agent has from its keeper. */
struct kept {
    struct work_dir work_dir;
    struct crew crew; /* others look after the processes */
    struct agent_user user;
    pid_t keeper;
    int words_fd;
};

enum keeper_word {
    KEEPER_READY = 'R',      /* registered, and who waited for that was told */
    KEEPER_ENDS_TASKS = 'E', /* the crew was told to leave nothing running */
    KEEPER_AGAIN = 'A',      /* we end to begin anew */
    KEEPER_STOPPING = 'S',   /* and the next one is to end all tasks */
};

/* As agent_shell_run; `user` is not root. */
int keeper_run(const struct agent_flags *flags, const struct agent_user *user, struct err *err);
/* For the agent. */
void keeper_tell(int words_fd, enum keeper_word word);

#endif
