/* agent/launcher/state.h - what the launcher's files share; for them only.
 *
 *     launcher.c   the loop, and what happens when the agent goes
 *     configure.c  LAUNCHER_CONFIGURE: isolators, cgroups, leftovers
 *     orders.c     LAUNCH_CONTAINER, SIGNAL_CONTAINER, USAGE_REQUEST
 *     endings.c    from the end of a shim to CONTAINER_EXITED
 */
#ifndef PROFFER_AGENT_LAUNCHER_STATE_H
#define PROFFER_AGENT_LAUNCHER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/launcher/accounts.h"
#include "agent/launcher/launched.h"
#include "agent/launcher/records.h"
#include "agent/launcher/sandboxes.h"
#include "base/arena.h"
#include "base/deadlines.h"
#include "proto/channel.h"

struct launcher {
    struct channel channel;
    int signals_fd; /* SIGCHLD, SIGTERM; the shims read theirs from it too */
    int notes_read_fd;
    int notes_write_fd;     /* the shims' end */
    struct records records; /* not open before LAUNCHER_CONFIGURE */
    int64_t pids_max;
    int64_t log_max_bytes;
    int64_t log_files;
    struct isolator_set isolators;
    struct accounts accounts;
    struct sandboxes sandboxes;
    struct launched *by_id; /* owned; the head of both tables' objects */
    struct launched *by_shim;
    struct deadlines deadlines;
    struct arena *arena; /* of the message at hand */
    bool is_leaving;     /* the agent is gone: kill, clean up, exit */
    bool has_failed;     /* LAUNCHER_READY carried an error: say it and exit */
};

void launcher_send(struct launcher *self, const struct message *message);

/* configure.c */
void launcher_configure(struct launcher *self, const struct msg_launcher_configure *want);

/* orders.c */
void launcher_launch(struct launcher *self, const struct msg_launch_container *order);
void launcher_signal(struct launcher *self, const struct msg_signal_container *order);
void launcher_report_usage(struct launcher *self, const struct msg_usage_request *request);
void launcher_kill(const struct launched *launched);

/* endings.c */
void launcher_read_notes(struct launcher *self);
void launcher_reap(struct launcher *self);

#endif
