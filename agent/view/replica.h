/* agent/view/replica.h - the public state as the core's changes tell it, with the history that the core
 * does not keep. For the view's thread.
 *
 * Finished tasks and frameworks are kept up to HISTORY_..._MAX, the oldest go first.
 */
#ifndef PROFFER_AGENT_VIEW_REPLICA_H
#define PROFFER_AGENT_VIEW_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/resources.h"
#include "base/table.h"
#include "proto/message.h"

#define HISTORY_TASKS_MAX      500
#define HISTORY_FRAMEWORKS_MAX 50

/* One a state that the task was in, oldest first; of what repeats a state, the newest. */
struct shown_status {
    const struct task_status *status;
    struct arena *arena; /* owned, of the next ones; NULL: it is in the task's */
    struct shown_status *prev, *next;
};

struct shown_task {
    struct shown_framework *framework; /* borrowed */
    struct arena *arena;               /* owned; holds the texts */
    const struct msg_change_task *change;
    struct resources resources;
    enum task_state state;
    struct shown_status *statuses;
    UT_hash_handle hh;                      /* framework->tasks, while the core remembers it */
    struct shown_task *prev, *next;         /* framework->completed, after that */
    struct shown_task *old_prev, *old_next; /* replica->completed */
};

struct shown_framework {
    struct arena *arena; /* owned */
    const struct framework_info *info;
    int64_t registered_us;
    int64_t unregistered_us; /* 0: active */
    struct shown_task *tasks;
    struct shown_task *completed;
    UT_hash_handle hh; /* replica->frameworks or ->completed_frameworks */
};

struct replica {
    struct arena *agent_arena;                    /* owned; holds the next one */
    const struct msg_change_agent *agent;         /* NULL before the first change */
    struct resources resources;                   /* the agent's */
    struct arena *sandboxes_arena;                /* owned; holds the next one */
    const struct msg_change_sandboxes *sandboxes; /* NULL before the first change */
    struct arena *engine_arena;                   /* owned; holds the next one */
    const struct engine_info *engine;             /* NULL: the agent uses none */
    struct shown_framework *frameworks;
    struct shown_framework *completed_frameworks;
    struct shown_task *completed; /* of all frameworks, oldest first */
    size_t completed_count;
    uint64_t number; /* of the newest change */
    bool has_gap;    /* changes are missing: what is here may be wrong */
};

struct replica *agent_replica_new(void);
void agent_replica_destroy(struct replica **self_p);
/* Other messages than changes do nothing. */
void agent_replica_apply(struct replica *self, const struct message *change);
/* One that the core remembers, or NULL. */
const struct shown_task *agent_replica_find_task(const struct replica *self,
                                                 const char *framework_id, const char *task_id);
/* The task whose live container this is, or NULL. */
const struct shown_task *agent_replica_find_container(const struct replica *self,
                                                      const char *container_id);

#endif
