/* agent/core/state.h - the tables behind agent.h, for agent/core/ only.
 *
 * An agent has frameworks, a framework has tasks, a task has one container and one stream of
 * updates. Each task owns an arena for all of its texts, so that forgetting it is one call.
 * Functions say `agent_` where the master's core has the same word: the simulator links both.
 */
#ifndef PROFFER_AGENT_CORE_STATE_H
#define PROFFER_AGENT_CORE_STATE_H

#include "agent/core/agent.h"
#include "agent/core/counters.h"
#include "base/arena.h"
#include "base/bug.h"
#include "base/deadlines.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/table.h"

/* Long enough that a framework with one short task after the other stays, short enough that what no
 * master speaks of any more does not pile up. */
#define FRAMEWORK_IDLE_US ((int64_t)60 * US_PER_S)
/* After the tasks' grace: time for the last kill, the exits and the acknowledgements. */
#define STOP_TAIL_US ((int64_t)2 * US_PER_S)

/* One status that the framework must acknowledge; in the task's arena. */
struct update {
    const struct task_status *status;
    struct update *prev, *next;
};

/* Why a task is being ended; the first cause stands. */
enum task_ending {
    ENDING_NONE,
    ENDING_KILL,    /* the framework or an operator asked */
    ENDING_DRAIN,   /* an operator empties the agent */
    ENDING_GONE,    /* likewise, and it will not come back */
    ENDING_TIMEOUT, /* max_completion_ms */
    ENDING_STOP,    /* the agent leaves */
    ENDING_REMOVED, /* its framework is gone: the master acknowledges how it ends */
};

struct task {
    struct framework *framework; /* borrowed: outlives its tasks */
    struct arena *arena;         /* owned; holds the texts below */
    const struct task_info *info;
    const char *role;
    const char *user; /* "": the launcher's own */
    const char *container_id;
    const char *sandbox;

    enum task_state state;
    enum task_ending ending;
    bool is_contained; /* the launcher has it: its CONTAINER_EXITED is still to come */
    bool is_started;   /* CONTAINER_STARTED came: the next two are known */
    int64_t pid;
    int64_t started_us;
    bool is_forced; /* SIGKILL was ordered: nothing is left to escalate to */
    struct deadline completion;
    struct deadline kill; /* the end of the grace */

    struct update *updates;           /* oldest first; the head is in flight */
    const struct task_status *status; /* the latest, NULL while staging */
    int64_t retry_us;
    struct deadline retry;

    UT_hash_handle by_id;        /* in framework->tasks, while it is remembered */
    UT_hash_handle by_container; /* in agent->containers, while is_contained */
};

struct framework {
    struct arena *arena; /* owned; holds info */
    const struct framework_info *info;
    bool is_removed;    /* SHUTDOWN_FRAMEWORK: ends with its last task */
    struct task *tasks; /* by task id */
    struct deadline idle;
    UT_hash_handle hh; /* in agent->frameworks, by id */
};

enum registration {
    REGISTRATION_OFFLINE,
    REGISTRATION_ASKED,
    REGISTRATION_DONE,
};

struct agent {
    struct agent_env env;
    struct arena *arena; /* owned; holds info and the settings' texts */
    struct agent_info info;
    const char *sandboxes_dir;
    const char *default_user;
    bool switch_user;
    int64_t kill_grace_us;
    int64_t retry_min_us;
    int64_t retry_max_us;
    int64_t register_retry_us;

    struct now now; /* of the event that is being handled */
    struct now started;
    struct rng rng;
    struct deadlines deadlines;
    struct arena *scratch; /* for one order or message; reset before each use */

    enum registration registration;
    uint64_t epoch;      /* the newest seen */
    uint64_t told_epoch; /* the older one that was last complained of */
    int64_t register_wait_us;
    struct deadline register_again;
    int64_t registered_us; /* wall clock; 0: never */
    int64_t reregistered_us;

    struct framework *frameworks;
    struct task *containers; /* by container id */
    size_t tasks_count;
    uint64_t changes; /* published so far */

    bool is_stopping;
    bool is_stopped;
    int64_t stop_grace_us;
    int exit_code;
    const char *stop_reason; /* in arena */
    struct deadline stop_end;

    struct counters counters;
};

/* --- agent.c ------------------------------------------------------------------------------------
 */

void agent_log(struct agent *self, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Under the newest epoch. */
void agent_tell_master(struct agent *self, struct message message);
void agent_publish(struct agent *self, struct message change);

/* --- register.c ---------------------------------------------------------------------------------
 */

void register_start(struct agent *self);
void register_end(struct agent *self);
void register_on_answer(struct agent *self, const struct msg_agent_registered *answer);
void register_again_due(void *owner, struct deadline *deadline);
void agent_publish_itself(struct agent *self);

/* --- stop.c -------------------------------------------------------------------------------------
 */

/* What agent_stop does, and SHUTDOWN_AGENT with another exit code. */
void stop_begin(struct agent *self, int exit_code, int64_t grace_us, const char *reason);
/* Leave if nothing is left to wait for. After every event. */
void stop_if_done(struct agent *self);
void stop_now(struct agent *self, int exit_code, const char *reason);
void stop_end_due(void *owner, struct deadline *deadline);

/* --- frameworks.c -------------------------------------------------------------------------------
 */

struct framework *agent_framework_get(const struct agent *self, const char *id);
/* The one of that id, made when it is new. */
struct framework *agent_framework_meet(struct agent *self, const struct framework_info *info);
void agent_framework_shutdown(struct agent *self, struct framework *framework);
/* A task was forgotten. May destroy the framework. */
void agent_framework_on_task_forgotten(struct agent *self, struct framework *framework);
void agent_framework_destroy(struct agent *self, struct framework **framework_p);

/* --- tasks.c ------------------------------------------------------------------------------------
 */

/* What a move is about; everything but the state may be absent. */
struct task_news {
    enum task_state state;
    enum task_reason reason;
    const char *message;
    const struct msg_container_exited *end;
};

struct task *agent_task_get(const struct framework *framework, const char *task_id);
/* In TASK_STAGING, not launched. */
struct task *agent_task_new(struct agent *self, struct framework *framework,
                            const struct msg_run_task *run);
/* The only way into a state: checks the move, counts it, publishes it, tells the framework. */
void agent_task_move(struct agent *self, struct task *task, const struct task_news *news);
bool agent_task_may_move(enum task_state from, enum task_state to);
/* No trace is left here; the container must have ended. */
void agent_task_forget(struct agent *self, struct task *task);
void agent_task_destroy(struct agent *self, struct task *task);

/* --- life.c -------------------------------------------------------------------------------------
 */

void life_run(struct agent *self, const struct msg_run_task *run);
void life_on_started(struct agent *self, const struct msg_container_started *event);
void life_on_exited(struct agent *self, const struct msg_container_exited *event);
/* End it with SIGTERM, and with force when the grace is over. Again: may only shorten the grace. */
void life_end(struct agent *self, struct task *task, enum task_ending ending, int64_t grace_us);
/* The grace that the task's own policy gives. */
int64_t life_grace_us(const struct agent *self, const struct task *task);

/* --- updates.c ----------------------------------------------------------------------------------
 */

void updates_add(struct agent *self, struct task *task, const struct task_status *status);
/* The head again, at once and with the shortest retry: after a registration. */
void updates_resume(struct agent *self, struct task *task);
void updates_pause(struct agent *self, struct task *task);
void updates_on_acknowledge(struct agent *self, const struct msg_acknowledge_update *ack);
void updates_on_resend(struct agent *self, const char *framework_id);
void updates_retry_due(void *owner, struct deadline *deadline);

/* --- validate.c, orders.c -----------------------------------------------------------------------
 */

/* Could this ever run here? -EINVAL with a text for the framework. */
int validate_run(const struct agent *self, const struct msg_run_task *run, struct err *err);
void order_launch(struct agent *self, const struct task *task);
void order_signal(struct agent *self, const struct task *task, bool kill);
/* What others are told of a task: without environment and data. The copies live in `arena`. */
const struct task_info *agent_task_public(const struct task_info *info, struct arena *arena);
/* A part that a person recognizes, and one that makes it unique. In `arena`. */
const char *container_id_make(struct agent *self, const char *task_id, struct arena *arena);

#endif
