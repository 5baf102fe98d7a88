/* agent/launcher_process.h - the launcher seen from the agent: started, configured, ended; and proffer-docker, which is
 * held in the same way.
 *
 * It is started before anything of ZeroMQ or a thread exists, speaks on a socket pair (its end is
 * its descriptor LAUNCHER_FD) and ends when the agent's end is closed: with all containers if it was
 * told LAUNCHER_END before, else it leaves them running for the next agent. Its parent is the agent, or, when
 * that has no rights, the keeper (agent/keeper.h), which hands the sockets on.
 */
#ifndef PROFFER_AGENT_LAUNCHER_PROCESS_H
#define PROFFER_AGENT_LAUNCHER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "proto/channel.h"
#include "proto/schema.h"

#define LAUNCHER_FD    3
#define LAUNCHER_DESKS 2 /* proto/desk.h; their descriptors follow the channel's */

struct launcher_process {
    pid_t pid;                 /* 0: none, or another process looks after it */
    struct channel channel;    /* owned */
    int desks[LAUNCHER_DESKS]; /* owned; -1: it has none */
    char *programs_dir;        /* owned; where its file is, and what it executes */
};

#define LAUNCHER_PROCESS_NONE                                                                      \
    {                                                                                              \
        .channel.fd = -1, .desks = { -1, -1 }                                                      \
    }

/* A program that speaks so: `name` as "proffer-launcher", or "proffer-launcher-modules", which can load isolators; `option`
 * as "--launcher", which says where it is. `path` "": ../libexec/proffer/<name> as seen from this program's file. */
struct launcher_program {
    const char *name, *option, *path;
    bool has_desks;
};
int launcher_process_start(const struct launcher_program *program,
                           struct launcher_process *ret_launcher, struct err *err);
/* All of a message, now: the policy, before anybody else has the channel. */
int launcher_process_tell(struct launcher_process *self, const struct message *message,
                          struct err *err);
/* Say what is to be recovered and wait for the answer (LAUNCHER_READY, DOCKER_READY: a hanging Engine takes its time),
 * which lives in `arena`. */
int launcher_process_recover(struct launcher_process *self, const char *const *recover,
                             size_t count, enum msg_type expected, struct arena *arena,
                             struct message *ret_ready, struct err *err);
/* Close what is ours and leave the process to whoever looks after it, or to us. */
void launcher_process_leave(struct launcher_process *self);
/* Have all containers ended and cleaned up, or (`reason` NULL) leave them to the next launcher, and wait
 * until it has gone; kill it when that takes too long. 0; -EIO: it did not end in order, and containers
 * may be left. */
int launcher_process_end(struct launcher_process *self, const char *reason);

#endif
