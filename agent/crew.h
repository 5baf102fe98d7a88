/* agent/crew.h - the processes beside the agent that have the rights which it may lack: launcher, proffer-docker.
 *
 * Started, and told their policy, by the agent itself, or by its keeper before there is an agent.
 */
#ifndef PROFFER_AGENT_CREW_H
#define PROFFER_AGENT_CREW_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/flags.h"
#include "agent/launcher_process.h"
#include "agent/work_dir.h"

struct crew {
    struct launcher_process launcher, docker;
    bool has_docker;
};

#define CREW_NONE                                                                                  \
    {                                                                                              \
        .launcher = LAUNCHER_PROCESS_NONE, .docker = LAUNCHER_PROCESS_NONE                         \
    }

/* Before any thread and any socket of ZeroMQ. What was started by half is the caller's to end. `agent_uid`: see
 * policy.h. */
int crew_start(struct crew *self, const struct agent_flags *flags, const struct work_dir *work_dir,
               uid_t agent_uid, struct err *err);
/* As launcher_process_leave, both. */
void crew_leave(struct crew *self);
/* As launcher_process_end, both: whether the launcher's end was good. `ends_tasks`: they were to end with them, and what
 * Docker may have left of them is told. */
int crew_end(struct crew *self, bool ends_tasks);
/* A launcher that was to end all has died: another one does it. It begins by ending what it is not told to recover. */
void crew_clear_up(const struct agent_flags *flags, const struct work_dir *work_dir);

#endif
