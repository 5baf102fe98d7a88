/* master/core/launch_check.h - may this task be launched on what was accepted? */
#ifndef PROFFER_MASTER_CORE_LAUNCH_CHECK_H
#define PROFFER_MASTER_CORE_LAUNCH_CHECK_H

#include "master/core/state.h"
#include "proto/message.h"

/* On what a task is to be launched. */
struct launch {
    const struct framework *framework;
    const struct agent *agent;
    const char *role;                  /* of the offers */
    const struct resources *remaining; /* of the offers, after the tasks before this one */
    const struct msg_accept
        *trial; /* the call, of which nothing is done yet; NULL: what comes before the task is */
    const struct operation_info *group; /* LAUNCH_GROUP, of whose tasks it is; NULL: by itself */
};

/* What an agent is told of tasks: with what masters and agents add to them it must fit in a frame, to the agent and from there
 * to who makes its container. */
#define LAUNCH_BYTES_MAX (FRAME_MAX / 4 * 3)

/* 0 and what it takes, or -errno with a text that says what would be right; *ret_resources is freed
 * by the caller in either case. -ERANGE: not so much is left of the offers; -ESRCH: its executor ends,
 * which its framework may not have heard of. */
int launch_check(const struct launch *launch, const struct task_info *task,
                 struct resources *ret_resources, struct err *err);

#endif
