/* agent/launcher/launched.h - one container in the launcher, from the order (or its adoption) to its end.
 *
 *     STARTING ──► RUNNING ──► ENDING ──► gone
 *         └──────────────────────┘
 *
 * STARTING: the shim is forked. RUNNING: the shim says that the command was executed. ENDING: the shim has
 * ended; what is left is killed if need be, the isolators are asked why it ended, the groups are removed.
 * Then it is gone: CONTAINER_EXITED was sent, and the object is freed; its record stays until FORGET_CONTAINER.
 */
#ifndef PROFFER_AGENT_LAUNCHER_LAUNCHED_H
#define PROFFER_AGENT_LAUNCHER_LAUNCHED_H

#include <stdint.h>
#include <sys/types.h>

#include "agent/launcher/identity.h"
#include "base/deadlines.h"
#include "base/table.h"
#include "isolators/cgroups.h"
#include "isolators/isolator.h"

/* The isolators in use, in order of setup. */
struct isolator_set {
    const struct isolator_ops *items[ISOLATORS_MAX];
    size_t count;
    struct cgroups *cgroups; /* owned by the launcher; NULL: none is in use */
};

enum launched_state {
    LAUNCHED_STARTING,
    LAUNCHED_RUNNING,
    LAUNCHED_ENDING,
    LAUNCHED_STATE_MAX,
};

struct launched {
    char *id; /* owned */
    enum launched_state state;
    pid_t shim;  /* 0: it has ended */
    int shim_fd; /* owned: a pidfd, of a shim that is not our child; else -1 */
    pid_t pid;   /* of the command; 0 before RUNNING */
    int64_t started_us;
    int status; /* of the command, when `has_status`: the shim could not write it down */
    bool has_status;
    int start_error;  /* -errno: the command never ran, and the shim could not write down why */
    bool is_orphaned; /* its shim did not end it: what runs in it has to be killed by us */
    unsigned tries;   /* to end it */
    struct identity
        *identity; /* owned; NULL: it is not to be looked at, or adopted and was not yet */
    struct deadline retry;
    bool was_asked;                /* the isolators have said what is in the next two */
    struct limitation *limitation; /* owned; NULL: nothing says that a limit ended it */
    int64_t peak_mem_bytes;        /* 0: not known, and so below */
    int64_t cpu_user_us, cpu_system_us;
    const struct isolator_set *isolators; /* borrowed */
    UT_hash_handle by_id;
    UT_hash_handle by_shim;
    struct launched_part {
        void *state;
        bool is_lacking; /* adopted without this isolator's state: it is gone */
    } parts[];           /* one for each isolator in use */
};

/* Groups made and isolators prepared, in that order; no process yet. On failure nothing is left. */
int launched_new(const struct isolation *want, const struct isolator_set *isolators,
                 struct spawn *spawn, struct launched **ret_launched, struct err *err);
/* Of an earlier launcher: what the isolators still find of it. STARTING. */
void launched_recover(const struct isolation *was, const struct isolator_set *isolators,
                      struct launched **ret_launched);
/* Frees it; groups that still exist are left. */
void launched_destroy(struct launched **self_p);
/* The one way to another state; a move that is not in the picture above is a bug. */
void launched_move(struct launched *self, enum launched_state state);

/* All that runs in it is gone: keep what the isolators know of it, before its groups go one by one. */
void launched_ask_isolators(struct launched *self);
/* What it uses now. Errors of single isolators leave their figures at 0. */
void launched_read_usage(struct launched *self, struct usage_info *usage);
/* New limits. All isolators are asked that had to do with it when it started; -errno and the text of the first that could
 * not, or that would have to and did not. */
int launched_update(struct launched *self, const struct isolation *now, bool only_places,
                    struct err *err);
/* Ask one that has a check. False: it is beyond a limit, which is kept for its end. */
bool launched_check(struct launched *self, size_t number);
/* To its shim, if that lives. */
void launched_signal_shim(const struct launched *self, int signal);
/* SIGKILL for everything in its groups. */
void launched_kill(const struct launched *self);
/* Undo launched_new. 0, or -EBUSY: something still runs in it, call it again. */
int launched_release(struct launched *self);

#endif
