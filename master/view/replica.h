/* master/view/replica.h - what the master's core has published, as tables to read from.
 *
 * The core's changes (CHANGE_...) are replayed in order; what they say is kept here, together with
 * what the core forgets: how each task got where it is, and a bounded history of finished tasks and
 * frameworks. Sums of what is used and offered are kept up to date by each change. Single-threaded;
 * pure: no I/O, no clock. The tables are for reading; only replica_apply changes them.
 *
 * A task is kept as the JSON that will be asked for, written once when it arrives: a hundred
 * thousand tasks then cost a copy to show, and less memory than their records.
 */
#ifndef PROFFER_MASTER_VIEW_REPLICA_H
#define PROFFER_MASTER_VIEW_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"
#include "master/view/claims.h"
#include "proto/message.h"

#define COMPLETED_FRAMEWORKS_MAX 50
#define COMPLETED_TASKS_MAX      1000                      /* of one framework, and not more than */
#define COMPLETED_BYTES_MAX      ((size_t)8 * 1024 * 1024) /* of JSON: some tasks have large labels */
#define TASK_UPDATES_MAX         32 /* entries of one task's history; the newest replaces the last */
#define UNREACHABLE_AGENTS_MAX   16384

struct agent {
    const struct msg_change_agent *change; /* in `arena`; the latest */
    struct arena *arena;
    struct resources total;
    struct holdings holdings; /* of tasks and offers here */
    UT_hash_handle hh;        /* by change->agent->id */
};

struct task {
    char *id;
    char *agent_id;
    char *role;
    struct framework *framework;
    enum task_state state;
    struct claim claim;  /* booked while it uses its resources */
    struct buf text;     /* members of its JSON object that never change, comma-separated */
    struct buf executor; /* those of the executor that it is; empty: it is none */
    struct buf limits;   /* the object of its limits, which may change; empty: none */
    struct buf updates;  /* its statuses as JSON objects, comma-separated */
    size_t updates_last; /* where the newest one begins */
    unsigned updates_count;
    enum task_state updates_state;      /* of the newest one */
    struct buf preemption;              /* an object: for whom it gives way; empty: for nobody */
    struct task *prev, *next;           /* all of the replica, from the oldest */
    struct task *done_prev, *done_next; /* completed ones of its framework */
    UT_hash_handle hh;                  /* live ones of its framework, by id */
};

struct framework {
    const struct msg_change_framework *change; /* in `arena`; the latest */
    struct arena *arena;
    struct holdings holdings;
    struct role **roles; /* that it is subscribed to */
    size_t roles_count;
    struct task *tasks; /* hash: live ones, unreachable ones too */
    struct task *completed;
    size_t completed_count;
    size_t completed_bytes;
    struct offer *offers;
    bool is_completed;
    int64_t unregistered_us;       /* 0: it is live */
    struct framework *prev, *next; /* completed ones, from the oldest */
    UT_hash_handle hh;             /* live ones, by change->framework->id */
};

struct offer {
    const struct offer_info *info; /* in `arena` */
    struct arena *arena;
    struct claim claim;
    struct offer *prev, *next; /* of its framework */
    UT_hash_handle hh;         /* by info->id */
};

/* Exists while a framework is subscribed to it, something is used, offered or reserved, or an operator
 * has set something for it. */
struct role {
    char *name;
    struct holdings holdings;
    struct resources reserved; /* scalars */
    struct framework **members;
    size_t members_count;
    const struct msg_change_role *policy; /* in `arena`; NULL: nothing is set */
    struct arena *arena;
    UT_hash_handle hh;
};

/* A maintenance window, and what frameworks have answered to it. */
struct answer {
    const struct window_answer *info; /* in `arena` */
    struct arena *arena;
    UT_hash_handle hh; /* by info->framework_id */
};

struct window_agent {
    struct answer *answers;
    UT_hash_handle hh; /* by id */
    char id[];
};

struct window {
    const struct msg_change_window *change; /* in `arena`; the latest with a window in it */
    struct arena *arena;
    struct window_agent *agents; /* of which something was answered */
    UT_hash_handle hh;           /* by change->id */
};

struct unreachable_agent {
    char *id;
    int64_t since_us;
    UT_hash_handle hh; /* from the oldest */
};

struct replica {
    const struct msg_change_master *master; /* in `master_arena`; empty before the first change */
    struct arena *master_arena;
    uint64_t number; /* of the last change */
    struct agent *agents;
    struct framework *frameworks;
    struct framework *completed; /* list */
    size_t completed_count;
    struct offer *offers;
    struct role *roles;
    struct window *windows;
    struct unreachable_agent *unreachable;
    struct task *tasks; /* list of all, completed ones too */
};

struct replica *replica_new(void);
void replica_destroy(struct replica **self_p);

/* Replay one change. -EPROTO: its number is not the next one, so something was lost; nothing is
 * done. -EBADMSG: it does not fit what came before (a bug of the core); done as far as it makes
 * sense. */
int replica_apply(struct replica *self, const struct message *change, struct err *err);

struct agent *replica_agent(const struct replica *self, const char *id);
struct framework *replica_framework(const struct replica *self, const char *id);

#endif
