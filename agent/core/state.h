/* agent/core/state.h - the tables behind agent.h, for agent/core/ only.
 *
 * An agent has frameworks, a framework has tasks, a task has one container and one stream of
 * updates. Each task owns an arena for all of its texts, so that forgetting it is one call.
 * Functions say `agent_` where the master's core has the same word: the simulator links both.
 */
#ifndef PROFFER_AGENT_CORE_STATE_H
#define PROFFER_AGENT_CORE_STATE_H

#include "agent/core/agent.h"
#include "agent/core/cores.h"
#include "agent/core/counters.h"
#include "base/arena.h"
#include "base/bug.h"
#include "base/deadlines.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/resources.h"
#include "base/rng.h"
#include "base/table.h"

/* Long enough that a framework with one short task after the other stays, short enough that what no
 * master speaks of any more does not pile up. */
#define FRAMEWORK_IDLE_US ((int64_t)60 * US_PER_S)
/* After the tasks' grace: time for the last kill, the exits and the acknowledgements. */
#define STOP_TAIL_US ((int64_t)2 * US_PER_S)

/* One status that the framework must acknowledge; in the task's own arena for these. */
struct update {
    const struct task_status *status;
    struct update *prev, *next;
};

/* What others may be told of a task. */
struct standing {
    enum task_state state;
    const struct task_status *status; /* of the task; NULL while staging */
};

/* An update of a task that its executor is told to be written down, when it is. */
struct debt {
    struct debt *prev, *next;
    int64_t number;
    uint64_t record;
    char run_id[];
};

/* What makes a task an executor; executors.c. The run of a task that it has is that task's container_id. */
struct executor {
    struct task *task;        /* borrowed: it owns this */
    const char *token;        /* in the task's arena */
    uint64_t connection;      /* 0: none */
    bool is_subscribed;       /* on that */
    bool is_behind;           /* it does not read: agent_on_executor_ready is to come */
    struct deadline patience; /* the end of the time that it has to subscribe */
    struct task *queued;      /* its live tasks: not handed over yet */
    struct task *handed;      /* ... and those that it has, as far as we know */
    struct debt *debts;       /* owned list, oldest first */
    size_t owed, owed_bytes;  /* updates of it that were taken and are not written down, as ... */
    uint64_t owed_record;     /* ... this record is not */
    bool is_unheard;          /* there are so many that no more is taken from it */
    int64_t sizing;           /* number of the UPDATE_CONTAINER under way; 0: none */
    uint64_t
        ending_record; /* it says that this is to end; 0: it is not, or an earlier life wrote it */
    bool is_end_due;   /* when that is written down, it is asked to end, or ended by force */
    bool has_exited;   /* its container is no more, as far as has been heard */
    bool is_unsized;   /* its tasks are others than its container was told */
    struct deadline size_again;   /* what could not be taken from it */
    struct resources asked;       /* owned; the sum in that order */
    struct resources room;        /* owned; the sum that its container has; empty: not known */
    struct executor *prev, *next; /* agent->executors, while it is contained */
    UT_hash_handle by_connection; /* agent->connections, while there is one */
};

struct task {
    struct framework *framework; /* borrowed: outlives its tasks */
    struct group *group;         /* borrowed: while both live; NULL: it is in none */
    bool waits;                  /* it is held, and its turn in the group has not come */
    uint64_t waiting_record;     /* KEEP_TASK that says so */
    const struct msg_container_exited
        *ended;             /* in arena; held back while its group uses what it was granted; NULL */
    bool is_of_before;      /* that is of an earlier life: the launcher is to tell it once more */
    bool rests;             /* it has ended, and that is held back and written down */
    int64_t asked_grace_us; /* when its turn to end comes; negative: its own */
    struct arena *arena;    /* owned; holds the texts below */
    const struct task_info *info;
    const char *role;
    const char *user; /* "": the launcher's own */
    const char *container_id;
    const char *container_shown; /* its executor's, or container_id */
    const char *sandbox;

    struct executor *executor; /* owned; NULL: it is none */
    struct executor *host; /* borrowed; the executor that it is for, while both live; NULL: none */
    struct task *inside_prev, *inside_next; /* in one of its lists */
    int64_t executor_number;                /* of the newest update that was taken from there */
    bool is_handed;                         /* to it */
    bool is_known;                          /* while it subscribes: it has said so */
    bool is_sized;                          /* its container has room for it */
    int64_t size_number; /* the UPDATE_CONTAINER that first counted it; 0: none yet */

    enum task_state state;
    enum task_ending ending; /* 0: none; the first cause stands, but for ENDING_REMOVED */
    const char *ending_why;  /* more about it, in the arena; NULL: nothing */
    bool is_contained;       /* the launcher has it: its CONTAINER_EXITED is still to come */
    bool is_started;         /* CONTAINER_STARTED came: the next two are known */
    int64_t pid;
    const char *network_address; /* in arena; "": its host's. Of this life of the agent only */
    int64_t started_us;
    int64_t heard_mono_us; /* when an agent first heard of that */
    bool is_forced;        /* SIGKILL was ordered: nothing is left to escalate to */
    struct deadline completion;
    struct deadline kill;    /* the end of the grace */
    int64_t grace_us;        /* how long that was to be */
    int64_t kill_by_mono_us; /* the end of its grace; 0: no end is near */

    struct cores_grant *grant; /* owned; NULL: it is not held, or nobody counts cores here */
    char *cpus, *mems;         /* owned; as the launcher was told last; kept for its last status */
    bool is_exclusive;         /* they are its alone */
    const char *kept_cpus, *kept_mems; /* of an earlier life */
    const char **gpus;                 /* in the arena; devices that it has for itself */
    size_t gpus_count;

    const struct msg_change_limits *wanted; /* under way; NULL: none */
    int64_t change_number;
    struct arena *wanted_arena; /* owned; of `wanted` */
    struct arena *limits_arena; /* owned; of limits that came later than info */
    struct task_info info_now;  /* then `info` is this */

    bool is_volatile;          /* refused without a record: nothing of it is written down */
    uint64_t spec_record;      /* KEEP_TASK; 0: an earlier life wrote it */
    uint64_t record;           /* the newest of its records; 0: the same */
    struct standing recorded;  /* as that record has it */
    struct standing told_last; /* as the last one has it that was written when `record` was made */

    struct arena *statuses; /* owned; holds the statuses and updates: of what repeats, the newest */
    struct probe *health, *check;     /* while it runs, what is looked at; NULL: nothing */
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
    bool is_removed; /* SHUTDOWN_FRAMEWORK: ends with its last task */
    bool is_recorded;
    struct task *tasks;   /* by task id */
    struct group *groups; /* by group id; groups.c */
    struct deadline idle;
    UT_hash_handle hh; /* in agent->frameworks, by id */
};

/* What came of an operation on resources; not acknowledged yet. */
struct result {
    struct arena *arena; /* owned; of status */
    const struct operation_status *status;
    uint64_t record; /* it may be told when that one is written down */
    int64_t retry_us;
    struct deadline retry;
    struct result *prev, *next;
};

/* A volume that was destroyed: its folder goes when that is written down. */
struct destroyed {
    char *role, *id; /* owned */
    uint64_t record;
    struct destroyed *prev, *next;
};

#define GARBAGE_NONE INT64_MAX

/* Sandboxes of ended tasks; garbage.c. */
struct garbage {
    int64_t delay_us;
    int64_t headroom_milli;
    int64_t watch_us;
    struct deadline watch; /* the next look at the disk */
    int64_t used_milli;    /* how full it is */
    bool is_blind;         /* and that cannot be seen */
    bool is_collecting;    /* SANDBOXES_COLLECTED is still to come */
    int64_t oldest_us;     /* monotonic: none ended before; GARBAGE_NONE: there is none */
    int64_t ended_us;      /* the same of those that ended since the collection began */
    int64_t kept;
    int64_t told_kept; /* what the view knows */
    int64_t failed;
    int64_t again_us;    /* when these are tried again, monotonic */
    struct arena *arena; /* owned; of the next one */
    const char *problem;
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
    const char *volumes_dir; /* "": none */
    const char *default_user;
    bool switch_user;
    bool has_docker;
    int64_t kill_grace_us;
    int64_t retry_min_us;
    int64_t retry_max_us;
    size_t part_max; /* of a registration, in bytes */
    int64_t register_retry_us;

    struct now now; /* of the event that is being handled */
    struct now started;
    struct rng rng;
    struct deadlines deadlines;
    struct arena *scratch; /* for one order or message; reset before each use */

    enum registration registration;
    uint64_t epoch;        /* the newest seen */
    const char *master_id; /* of the newest obeyed; "": none */
    uint64_t told_epoch;   /* the older one that was last complained of */
    bool has_told_rival;   /* that a second master of the same epoch was complained of */
    int64_t register_wait_us;
    struct deadline register_again;
    int64_t registered_us; /* wall clock; 0: never */
    int64_t reregistered_us;

    struct resources total;    /* what info.resources says */
    struct arena *total_arena; /* owned; of info.resources */
    struct result *results;    /* owned list, oldest first */
    size_t results_count;
    struct destroyed *destroyed; /* owned list */
    bool
        is_unlike; /* an operation failed: until it registers again the master believes in what is not */

    struct cores *cores;        /* owned; NULL: cgroup/cpuset is not in use */
    struct node_threads *nodes; /* of info.topology, in arena; ours to change */
    struct arena *free_arena;   /* owned; of what is free there */
    const char **gpus;          /* owned array; names of devices, where gpu/devices is in use */
    size_t gpus_count;
    int64_t limit_changes; /* ordered so far */

    struct executor *executors;   /* contained ones */
    struct executor *connections; /* by connection */
    const char *executors_dir;
    int64_t reregister_us; /* how long an executor that is away is waited for */
    size_t executor_owed_max;

    struct framework *frameworks;
    struct task *containers; /* by container id */
    struct group *holders;   /* of all frameworks, by the holder's container id */
    struct group *stirred;   /* to be looked at before the event ends */
    size_t tasks_count;
    uint64_t changes; /* published so far */

    uint64_t records;         /* handed out so far */
    uint64_t written;         /* of these, are on disk */
    uint64_t identity_record; /* the newest of ours */
    bool is_store_failing;

    bool is_stopping;
    bool is_unwanted; /* the master has said so */
    bool is_stopped;
    int64_t stop_grace_us;
    int exit_code;
    const char *stop_reason; /* in arena */
    struct deadline stop_end;

    int64_t checks_asked; /* so far */
    struct garbage garbage;
    struct counters counters;
};

/* --- agent.c ------------------------------------------------------------------------------------
 */

void agent_log(struct agent *self, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Under the newest epoch. */
void agent_tell_master(struct agent *self, struct message message, uint64_t after);
void agent_publish(struct agent *self, struct message change);

/* --- register.c ---------------------------------------------------------------------------------
 */

void register_start(struct agent *self);
void register_end(struct agent *self);
void register_on_answer(struct agent *self, const struct msg_agent_registered *answer);
void register_again_due(void *owner, struct deadline *deadline);
/* Of the epoch that we know, but not the one whom we have obeyed in it. */
bool register_is_rival(struct agent *self, const struct message *message);
void agent_publish_itself(struct agent *self);
/* All updates that are not acknowledged, again, if registered. */
void register_tell_all(struct agent *self);

/* --- stop.c -------------------------------------------------------------------------------------
 */

/* What agent_stop does, and SHUTDOWN_AGENT with another exit code. */
void stop_begin(struct agent *self, int exit_code, int64_t grace_us, const char *reason);
/* Leave if nothing is left to wait for. After every event. */
void stop_if_done(struct agent *self);
void stop_now(struct agent *self, int exit_code, const char *reason);
void stop_and_leave_all(struct agent *self, int exit_code, const char *reason);
void stop_end_due(void *owner, struct deadline *deadline);

/* --- keep.c: what is written down ---------------------------------------------------------------
 */

/* Hand a record out; its number. `can_wait`: as env.persist says. */
uint64_t agent_persist(struct agent *self, struct message record, bool can_wait);
void keep_identity(struct agent *self);
void keep_framework(struct agent *self, struct framework *framework);
/* Before it is launched, or the first that is told of it. With its framework. */
void keep_task(struct agent *self, struct task *task);
/* What it is has changed: its launch does not depend on that. */
void keep_task_again(struct agent *self, const struct task *task);
void keep_task_state(struct agent *self, struct task *task);
/* Its oldest update is told for good. */
void keep_acknowledged(struct agent *self, const struct task *task);
void keep_forget_task(struct agent *self, const struct task *task);
void keep_forget_framework(struct agent *self, const struct framework *framework);
/* The agent leaves the cluster: whom it has obeyed is all that is left, and its id if it was sent away. */
void keep_nothing(struct agent *self);
bool keep_is_written(const struct agent *self, const struct task *task);
/* What may be told of it whatever happens next. */
struct standing keep_standing(const struct agent *self, const struct task *task);
/* The record after which its update may be sent. */
uint64_t keep_needed(const struct agent *self, const struct task *task);
uint64_t keep_group(struct agent *self, const struct msg_keep_group *group);
void keep_forget_group(struct agent *self, const char *framework_id, const char *group_id);

/* --- recover.c ----------------------------------------------------------------------------------
 */

int recover(struct agent *self, const struct agent_past *past, struct err *err);

/* --- frameworks.c -------------------------------------------------------------------------------
 */

struct framework *agent_framework_get(const struct agent *self, const char *id);
/* The one of that id, made when it is new. */
struct framework *agent_framework_meet(struct agent *self, const struct framework_info *info);
/* Neither published nor written down. */
struct framework *agent_framework_new(struct agent *self, const struct framework_info *info);
void agent_framework_publish(struct agent *self, const struct framework *framework);
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
    enum health_state health;         /* 0: as it was */
    const struct check_status *check; /* NULL: as it was */
    const struct task_status *said;   /* by its executor; NULL: the agent says it */
};

struct task *agent_task_get(const struct framework *framework, const char *task_id);
/* In TASK_STAGING, not launched. */
struct task *agent_task_new(struct agent *self, struct framework *framework,
                            const struct msg_run_task *run);
/* As it is written down; neither published nor in the index of containers. */
struct task *agent_task_restore(struct agent *self, struct framework *framework,
                                const struct msg_keep_task *record);
/* The task whose live container that is, or NULL. */
struct task *agent_container_get(struct agent *self, const char *container_id);
/* Where its sandbox is. */
void agent_task_place(const struct agent *self, struct task *task, const char *framework_id);
void agent_task_publish(struct agent *self, const struct task *task);
void agent_task_contain(struct agent *self, struct task *task);
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
/* It is being prepared: TASK_STARTING, with what is done. */
void life_on_progress(struct agent *self, const struct msg_container_progress *event);
/* Before its start. */
void life_on_fetching(struct agent *self, const struct msg_container_fetching *event);
/* End it with SIGTERM, and with force when the grace is over. Again: may only shorten the grace. */
void life_end(struct agent *self, struct task *task, enum task_ending ending, int64_t grace_us);
/* The grace that the task's own policy gives. */
int64_t life_grace_us(const struct agent *self, const struct task *task);
/* Recovered: its end, or its time, goes on. */
void life_resume(struct agent *self, struct task *task);
/* It is not launched: why, in the words of who would have run it. */
void life_refuse(struct agent *self, struct task *task, const struct task_news *news);
/* DROPPED, and nothing of it is written down. */
void life_refuse_volatile(struct agent *self, struct task *task, enum task_reason reason,
                          const char *message);
bool life_is_too_large(const struct task *task);
/* place_take, for one that is to have a container. */
int life_take_place(struct agent *self, struct task *task, struct err *err);
/* Of one that waits: it has been ended, or cannot be launched. */
void life_end_unlaunched(struct agent *self, struct task *task);
void life_fail_unlaunched(struct agent *self, struct task *task, const char *why);
/* It has ended, which is not told yet. */
void life_rest(struct agent *self, struct task *task);
/* ... and now it is. */
void life_let_go(struct agent *self, struct task *task);
/* What it will be then, of one whose `ended` is here; the message is for a person. */
enum task_state life_foresee(const struct task *task, char *ret_message, size_t size);
/* Not launched, because it cannot be written down. */
void life_give_up(struct agent *self, struct task *task, const char *reason);

/* --- groups.c: tasks that are one; the rules of their life stand there ---------------------------
 */

void groups_run(struct agent *self, const struct msg_run_group *run);
/* Is it about the holder of a group? Then it is done. */
bool groups_on_container(struct agent *self, const struct message *event);
/* One of its tasks is to be ended, for a cause that is not its own: all of it is. Within most_us, if that is not 0. */
void groups_on_kill(struct agent *self, struct task *task, enum task_ending ending,
                    int64_t grace_us, int64_t most_us);
/* Something is new with a task, if it is in a group. */
void groups_stir(struct agent *self, const struct task *task);
/* It will be looked for no more. */
void groups_forget_member(struct task *task);
/* What follows from what has been stirred: who is launched, who is ended. At the end of each event. */
void groups_settle(struct agent *self);
/* Nothing of it ever ran, as an agent died: true, if it is launched once more. */
bool groups_launch_again(struct agent *self, struct task *task);
/* The end of its container is not told yet, as its group still uses what it was granted: true. */
bool groups_hold_back(struct agent *self, struct task *task,
                      const struct msg_container_exited *event);
/* The same of one that waits, and is to end. */
bool groups_hold_back_waiting(struct agent *self, struct task *task);
/* To its group it has ended. */
bool groups_is_held_back(const struct task *task);
/* What is not written down does not run. True: the task is held on, and launched when it can be written. */
bool groups_hold_on(struct agent *self, struct task *task);
void groups_on_stored(struct agent *self);
void groups_on_store_failed(struct agent *self);
/* After all tasks. */
int groups_recover(struct agent *self, const struct agent_past *past, struct err *err);
/* It has ended, which is held back, and nobody need be asked how. */
bool groups_knows_end(const struct task *task);
/* The host was started anew: nothing is in use any more, and nothing is told once more. */
void groups_end_holders(struct agent *self);
void groups_keep_nothing(struct agent *self, const struct framework *framework);
void groups_destroy_all(struct agent *self, struct framework *framework);
/* The holders, for who lists what lives: `ret_ids` has room for groups_count. */
size_t groups_count(const struct agent *self);
void groups_list(const struct agent *self, const char **ret_ids);
/* Whom a task's container joins, and where its volumes are. */
const char *groups_holder(const struct task *task);
/* The number-th of those of its group that are here, with itself; NULL: they are fewer, or it is in none. */
const struct task *groups_member(const struct task *task, size_t number);
const char *groups_folder(const struct task *task);
/* Why it ends with the others, for its last status. */
const char *groups_why(const struct task *task);
int groups_check(const struct agent *self, struct err *err);
/* --- life.c, for executors.c --- */

/* It is over; `news` says how. Nothing is left of it but that to be told. */
void life_finish(struct agent *self, struct task *task, const struct task_news *news);
/* The same of one that is being ended; how it came about, for a person. */
void life_finish_ending(struct agent *self, struct task *task, const struct task_news *base);
/* Its executor says so: a live state. */
void life_tell(struct agent *self, struct task *task, const struct task_news *news);
/* An executor has subscribed for the first time. */
void life_register(struct agent *self, struct task *task);

/* --- executors.c --------------------------------------------------------------------------------
 */

/* The live executor of that id, not on its way out; NULL: there is none. */
struct executor *executors_find(const struct framework *framework, const char *executor_id);
/* It is one, not launched yet. -errno with a text. */
int executors_new(struct agent *self, struct task *task, struct err *err);
/* Of an earlier life. */
void executors_restore(struct agent *self, struct task *task, const char *token);
/* All tasks are restored: those of executors find theirs. */
void executors_recover(struct agent *self);
/* Its time goes on. */
void executors_resume(struct agent *self, struct task *task);
/* Its container has started. */
void executors_on_started(struct agent *self, struct task *task);
/* Its container has ended, as `how` says: what it had has ended with it. Before its own end is told. */
void executors_on_exited(struct agent *self, struct task *task,
                         const struct msg_container_exited *event, const char *how);
/* It is being ended: so are its tasks. */
void executors_end_tasks(struct agent *self, struct task *task, int64_t grace_us);
/* It is asked to end, or ended by force, when it is written down that it is to. `is_first`: task->record says so. */
void executors_end(struct agent *self, struct task *task, bool is_first);
void executors_on_store_failed(struct agent *self);
/* Of an executor or one of its tasks: nothing of it lives any more. */
void executors_leave(struct agent *self, struct task *task);
void executors_forget(struct agent *self, struct task *task);
void executors_on_message(struct agent *self, const struct msg_message_to_executor *message);
int executors_check_books(const struct agent *self, struct err *err);

/* What waits for its ending_record, if that is written. */
void executor_end_if_due(struct agent *self, struct executor *executor);

/* --- executor_tasks.c: what it is given, and what it says of that --------------------------------
 */

/* A task for it is written down, or will be. */
void executor_take(struct agent *self, struct executor *executor, struct task *task);
void executor_unlink(struct task *task);
/* It is to be ended: its executor is asked to, if it has it. True: it has ended by that. */
bool executor_end_task(struct agent *self, struct task *task, int64_t grace_us);
/* What waits for nothing any more. */
void executor_hand_over(struct agent *self, struct executor *executor);
void executors_on_stored(struct agent *self);
/* What it says that it has, of what we know. */
void executor_settle(struct agent *self, struct executor *executor,
                     const struct msg_executor_subscribe *call);
/* 0, or -EPROTO with a text: an executor must not say that. */
int executor_on_update(struct agent *self, struct executor *executor,
                       const struct msg_executor_update *update, struct err *err);
void executor_drop_debts(struct executor *executor);
/* It is not heard while too much of what it said is not written down, on whichever connection. */
void executor_listen(struct agent *self, struct executor *executor);
int executor_tell(struct agent *self, struct executor *executor, struct message message,
                  bool can_wait);

/* --- executor_size.c: its container grows and shrinks with its tasks -----------------------------
 */

void executor_size(struct agent *self, struct executor *executor);
void executor_size_again_due(void *owner, struct deadline *deadline);
/* Its framework's change of its limits is over. */
void executors_on_limits(struct agent *self, struct task *task);
/* True: the answer was to one of its orders. */
bool executors_on_updated(struct agent *self, const struct msg_container_updated *event);
/* What the task's container is to have. In `arena`, or borrowed. */
const struct resource_info *container_resources(const struct task *task, struct arena *arena,
                                                size_t *ret_count);
/* Limits of an executor's own are above what it and its tasks have. */
const struct limit_info *container_limits(const struct task *task, const struct limit_info *limits,
                                          size_t count, struct arena *arena);

/* --- place.c: which cores, which devices -------------------------------------------------------
 */

int place_begin(struct agent *self, const struct agent_settings *settings, struct err *err);
void place_end(struct agent *self);
/* Could it ever be had here? */
int place_validate(const struct agent *self, const struct task_info *info, struct err *err);
/* Choose and take, before it is written down. -EBUSY and so on with a text; nothing is taken then. */
int place_take(struct agent *self, struct task *task, struct err *err);
/* It is in the index of containers and written down, and not launched yet: others make room, the master hears of it. */
void place_taken(struct agent *self, const struct task *task);
/* Nothing runs in it any more. Again: nothing. */
void place_give(struct agent *self, struct task *task);
/* The same, nobody is told and nothing of it is shown: it never ran there, or is destroyed. */
void place_forget(struct agent *self, struct task *task);
/* What tasks of an earlier life have. */
void place_recover(struct agent *self);
void place_describe(const struct task *task, struct container_info *info);
int place_check(const struct agent *self, struct err *err);

/* --- limits.c -----------------------------------------------------------------------------------
 */

void limits_on_change(struct agent *self, const struct msg_change_limits *call);
void limits_on_updated(struct agent *self, const struct msg_container_updated *event);
/* What is under way is not waited for any more. */
void limits_drop(struct task *task);
/* The task is destroyed. */
void limits_forget(struct task *task);
/* --- checks.c -----------------------------------------------------------------------------------
 */

/* It runs, or is found running. */
void checks_begin(struct agent *self, struct task *task);
/* It is being ended, or has ended: what is still said of it does not count. */
void checks_end(struct agent *self, struct task *task);
void checks_drop(struct agent *self, struct task *task);
void checks_on_checked(struct agent *self, const struct msg_container_checked *event);
/* Of one that is ended because of it; borrowed from the task. */
const char *checks_why(const struct task *task);
/* It ran before this life of the agent, and proffer-docker has not found it yet: it says so by CONTAINER_STARTED. */
bool checks_wait(const struct task *task);
bool checks_are_right(const struct task *task);

/* --- updates.c ----------------------------------------------------------------------------------
 */

/* At the end of the stream; said when it is written down. One that only says more of the same state takes
 * the place of the last, unless that is in flight. */
void updates_add(struct task *task, const struct task_status *status);
/* The newest one is written down now. */
void updates_tell(struct agent *self, struct task *task);
/* The head again, at once and with the shortest retry: after a registration. */
void updates_resume(struct agent *self, struct task *task);
void updates_pause(struct agent *self, struct task *task);
/* Nobody is to be told any more. */
void updates_drop(struct agent *self, struct task *task);
void updates_on_acknowledge(struct agent *self, const struct msg_acknowledge_update *ack);
void updates_on_resend(struct agent *self, const char *framework_id);
void updates_retry_due(void *owner, struct deadline *deadline);

/* --- operations.c -------------------------------------------------------------------------------
 */

/* What the settings say, and what an earlier agent has made of it. -ERANGE with a text: see agent_new. */
int agent_operations_begin(struct agent *self, const struct agent_past *past, struct err *err);
/* Records were written down. */
void agent_operations_on_stored(struct agent *self);
void agent_operations_end(struct agent *self);
void agent_operations_apply(struct agent *self, const struct msg_apply_operation *apply);
void agent_operations_on_acknowledge(struct agent *self, const struct msg_acknowledge_result *ack);
/* All results again, at once and with the shortest retry: after a registration. */
void agent_operations_resume(struct agent *self);
void agent_operations_pause(struct agent *self);
/* For a registration. */
const struct operation_status *agent_operations_list(const struct agent *self, struct arena *arena,
                                                     size_t *ret_count);
/* Its framework is gone. NULL: nobody is told anything any more. */
void agent_operations_forget(struct agent *self, const char *framework_id);
int agent_operations_check(const struct agent *self, struct err *err);

/* --- garbage.c ----------------------------------------------------------------------------------
 */

void garbage_begin(struct agent *self);
/* How long a sandbox stays, as full as the disk is. */
int64_t garbage_age_us(const struct agent *self);
/* A task has a sandbox; it has ended. */
void garbage_on_started(struct agent *self);
void garbage_on_ended(struct agent *self);
void garbage_on_collected(struct agent *self, const struct msg_sandboxes_collected *answer);

/* --- validate.c, orders.c -----------------------------------------------------------------------
 */

/* Could this ever run here? -EINVAL with a text for the framework. */
int validate_run(const struct agent *self, const struct msg_run_task *run, struct err *err);
int validate_group(const struct agent *self, const struct msg_run_group *run, struct err *err);
void order_launch(struct agent *self, const struct task *task);
/* Can that be said of it, whose place is taken? -E2BIG with a text. */
int order_launch_check(struct agent *self, const struct task *task, struct err *err);
/* The container that holds what a group shares, with the ports of all its tasks. */
struct holder_order {
    const char *container_id, *folder, *user;
    const struct group_info *group;
    const struct resource_info *resources;
    size_t resources_count;
    uint64_t after;
};
void order_holder(struct agent *self, const struct holder_order *holder);
void order_holder_end(struct agent *self, const char *container_id, uint64_t after);
/* With a complete environment, and ports. */
void order_check(struct agent *self, const struct task *task, const struct check_info *check,
                 int64_t number);
void order_signal(struct agent *self, const struct task *task, bool kill);
/* Its end, or all that ever was of it, is written down. `sandbox`: "" when it is not known. */
void order_forget(struct agent *self, const struct msg_container_exited *end, const char *sandbox);
/* What others are told of a task: without environment and data. The copies live in `arena`. */
const struct task_info *agent_task_public(const struct task_info *info, struct arena *arena);
/* A part that a person recognizes, and one that makes it unique. In `arena`. */
const char *container_id_make(struct agent *self, const char *task_id, struct arena *arena);

#endif
