/* agent/policy.h - the command line as those are told who have the rights: what may be done here.
 *
 * Said by who starts them, before there is a process that reads the network.
 */
#ifndef PROFFER_AGENT_POLICY_H
#define PROFFER_AGENT_POLICY_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/flags.h"
#include "agent/work_dir.h"
#include "base/arena.h"
#include "base/err.h"
#include "proto/schema.h"

/* All in one arena; nothing is recovered yet, and nobody knows where programs are. */
struct policy {
    struct fetcher_info fetcher;
    struct msg_launcher_configure launcher;
    struct msg_docker_configure docker;
    bool wants_docker; /* "docker" is among the containerizers */
};

/* `agent_uid`: who reads the network, 0 when that is root. -EINVAL: an option is not understood. */
int policy_make(const struct agent_flags *flags, const struct work_dir *work_dir, uid_t agent_uid,
                struct arena *arena, struct policy *ret_policy, struct err *err);

#endif
