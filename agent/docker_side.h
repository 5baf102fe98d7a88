/* agent/docker_side.h - proffer-docker seen from the agent's loop: what of the core's orders is its own, what it says.
 *
 * One that was not asked for (--containerizers without docker) does nothing anywhere.
 */
#ifndef PROFFER_AGENT_DOCKER_SIDE_H
#define PROFFER_AGENT_DOCKER_SIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/launcher_process.h"
#include "base/arena.h"
#include "base/daemon.h"

struct docker_side {
    bool is_used;
    struct launcher_process process;
    bool is_full;                     /* its channel wants to be written to */
    int epoll_fd;                     /* borrowed */
    struct arena *arena;              /* owned; of `engine` */
    const struct engine_info *engine; /* as it was told last */
    /* USAGE_REQUEST goes to the launcher, too: who answers first waits for the other. */
    struct arena *usage_arena; /* owned */
    const struct msg_usage_reply *usage;
};

/* Takes over a process that was told its policy. `recover`: containers of the past. Waits until it has looked for the
 * Engine; one that is not there is no error. */
int docker_side_start(struct docker_side *self, const struct launcher_process *process,
                      const char *socket, const char *const *recover, size_t recover_count,
                      const struct daemon_loop *loop, struct err *err);
/* As launcher_process_end. */
int docker_side_end(struct docker_side *self, const char *reason);

/* Is this order for it, and not for the launcher? */
bool docker_side_is_for(const struct message *order);
/* Is it for both? The launcher looks after sandboxes. */
bool docker_side_hears(const struct message *order);
/* -errno: it cannot be told. */
int docker_side_tell(struct docker_side *self, const struct message *order, struct err *err);
/* At the end of a turn. -errno: it is lost. */
int docker_side_flush(struct docker_side *self);
/* CHANGE_ENGINE: kept. */
void docker_side_note(struct docker_side *self, const struct engine_info *engine);
/* One of two replies. NULL: the other is still to come; else both as one, in `arena`. */
const struct msg_usage_reply *docker_side_join(struct docker_side *self,
                                               const struct msg_usage_reply *reply,
                                               struct arena *arena);

#endif
