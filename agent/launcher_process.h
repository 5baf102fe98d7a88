/* agent/launcher_process.h - the launcher seen from the agent: started, configured, ended; and proffer-docker, which is
 * held in the same way.
 *
 * It is started before anything of ZeroMQ or a thread exists, speaks on a socket pair (its end is
 * its descriptor LAUNCHER_FD) and ends when the agent's end is closed: with all containers if it was
 * told LAUNCHER_END before, else it leaves them running for the next agent.
 */
#ifndef PROFFER_AGENT_LAUNCHER_PROCESS_H
#define PROFFER_AGENT_LAUNCHER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "proto/channel.h"

#define LAUNCHER_FD 3

struct launcher_process {
    pid_t pid;              /* 0: none */
    struct channel channel; /* owned */
    char *programs_dir;     /* owned; where its file is, and what it executes */
};

/* A program that speaks so: `name` as "proffer-launcher", or "proffer-launcher-modules", which can load isolators; `option`
 * as "--launcher", which says where it is. `path` "": ../libexec/proffer/<name> as seen from this program's file. */
struct launcher_program {
    const char *name, *option, *path;
};
int launcher_process_start(const struct launcher_program *program,
                           struct launcher_process *ret_launcher, struct err *err);
/* Send the configuration and wait for LAUNCHER_READY, which lives in `arena`. Its error, if it says
 * one, is this one's. */
int launcher_process_configure(struct launcher_process *self,
                               const struct msg_launcher_configure *configure, struct arena *arena,
                               const struct msg_launcher_ready **ret_ready, struct err *err);
/* The same of a proffer-docker, whose first answer may take as long as an Engine that hangs. */
int launcher_process_configure_docker(struct launcher_process *self,
                                      const struct msg_docker_configure *configure,
                                      struct arena *arena,
                                      const struct msg_docker_ready **ret_ready, struct err *err);
/* Have all containers ended and cleaned up, or (`reason` NULL) leave them to the next launcher, and wait
 * until it has gone; kill it when that takes too long. 0; -EIO: it did not end in order, and containers
 * may be left. */
int launcher_process_end(struct launcher_process *self, const char *reason);

#endif
