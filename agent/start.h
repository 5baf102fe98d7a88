/* agent/start.h - what the loop works with, and how it is brought up and down; for shell.c and start.c. */
#ifndef PROFFER_AGENT_START_H
#define PROFFER_AGENT_START_H

#include <stdbool.h>

#include "agent/core/agent.h"
#include "agent/docker_side.h"
#include "agent/executor_socket.h"
#include "agent/flags.h"
#include "agent/hold.h"
#include "agent/keeper.h"
#include "agent/launcher_process.h"
#include "agent/store/checkpoint.h"
#include "agent/view/view.h"
#include "agent/work_dir.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "proto/desk.h"
#include "proto/link.h"

struct shell {
    const struct agent_flags *flags; /* borrowed */
    struct work_dir work_dir;
    struct checkpoint *store;
    struct agent_past past;  /* in arena */
    const struct kept *kept; /* borrowed; NULL: we have no keeper */
    struct desk desk;        /* for volumes */
    struct hold hold;        /* what waits for the store */
    uint64_t records;        /* number of the last one queued */
    bool is_write_needed;    /* one of them must not wait for others */
    int64_t write_by_us;     /* monotonic; 0: none waits for others */
    int64_t store_retry_us;  /* monotonic; 0: it does not fail */
    struct launcher_process launcher;
    struct docker_side docker;
    struct executor_socket *executors;
    const struct gpu_info *gpus; /* in arena */
    size_t gpus_count;
    struct agent_view *view;
    struct link_context *context;
    struct link_keys keys;
    struct link_client *link;
    struct agent *core;
    struct arena *arena;    /* what lives as long as the shell */
    struct arena *messages; /* of the message at hand */
    struct now now;         /* of this turn */
    char http_address[DAEMON_ADDRESS_MAX];
    struct daemon_loop loop;
    bool has_told_ready;
    bool link_has_more;
    bool launcher_is_full;     /* its channel wants to be written to */
    bool launcher_is_awaited;  /* something in it is to be done soon */
    uint64_t dropped_messages; /* of executors, in this session */
    int64_t tell_by_us;        /* monotonic; 0: nothing in it waits for others */
    bool launcher_is_lost;
    bool ends_tasks; /* the launcher is to leave nothing running */
    struct err lost; /* how that came */
    bool is_over;
    bool is_restart; /* it ends to begin anew */
    int exit_code;
};

/* Everything but the loop. What link and core say goes to the tables given, which shell.c has. */
struct shell_events {
    const struct agent_env *env;
    const struct link_client_events *link;
    const struct executor_events *executors;
};
int agent_shell_start(struct shell *self, const struct shell_events *events, struct err *err);
/* The other way round; takes what was started by half. */
void agent_shell_stop(struct shell *self);

#endif
