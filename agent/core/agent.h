/* agent/core/agent.h - the agent's core: what runs here, what became of it, who has been told.
 *
 * A pure state machine, as master/core/master.h: events in with the time, effects out through
 * `struct agent_env`. It owns the task states, one update stream per task (only the oldest
 * unacknowledged update is in flight; retried after 10 s, doubling to 10 min; sent again on every
 * new registration, and when its framework comes back), kill escalation, completion timeouts and registration. It knows nothing of
 * cgroups: containers are started, signalled and reported through the env. Source of the update
 * rules: Mesos src/slave/task_status_update_manager.cpp.
 *
 * What an agent must not forget it hands out as records (KEEP_..., FORGET_...), before anything that
 * depends on them. A new agent that is given the records of an earlier one goes on where that one
 * was: its tasks outlive it.
 *
 * A task is forgotten here when its terminal update is acknowledged; who wants to show finished
 * tasks keeps them (agent/view). A framework is forgotten a while after its last task.
 */
#ifndef PROFFER_AGENT_CORE_AGENT_H
#define PROFFER_AGENT_CORE_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "proto/message.h"

struct agent;

/* What an agent does to the world. Called while an event is handled; must not call back into the
 * core. Messages and their bodies are borrowed for the call.
 *
 * `after`: the number of a record; the message may go out only when that one and all before it are
 * written down (0: at once). Who cannot write says agent_on_store_failed and forgets the sends and
 * LAUNCH_CONTAINERs that wait: the core sees to them. */
struct agent_env {
    void *ctx;
    /* A record for the checkpoint, numbered from 1 without gaps. Records that come together are
     * written together or not at all, and always in their order. `can_wait`: to lose it is as if what
     * it tells of had not come yet, so it is written with the next one that is needed, or soon. */
    void (*persist)(void *ctx, const struct message *record, bool can_wait);
    /* A message for the master; dropped when there is no session (the core re-sends what matters).
     */
    void (*send)(void *ctx, const struct message *message, uint64_t after);
    /* LAUNCH_CONTAINER, SIGNAL_CONTAINER, FORGET_CONTAINER, CHECK_CONTAINER, COLLECT_SANDBOXES or LAUNCHER_END for the
     * containerizer. */
    void (*contain)(void *ctx, const struct message *order, uint64_t after);
    /* Make the folder of a new volume, empty and on disk. 0, or -errno with a text. NULL: this agent keeps
     * neither reservations nor volumes, and does not say that it does. */
    int (*make_volume)(void *ctx, const char *role, const char *id, struct err *err);
    /* Remove a volume with all that is in it. It may be gone already. */
    void (*remove_volume)(void *ctx, const char *role, const char *id);
    /* How full the disk of the sandboxes is, in thousandths, or -errno with a text. NULL: this agent keeps
     * the sandboxes of all tasks for ever. */
    int (*disk_used)(void *ctx, struct err *err);
    /* Executors: a connection is a number that is never used again, see agent_on_executor. NULL, all or none: this
     * agent takes no executors. `can_wait`: -EAGAIN when it reads slower than it is told; agent_on_executor_ready
     * comes when it has caught up. What cannot wait and is too much ends the connection. */
    int (*tell_executor)(void *ctx, uint64_t connection, const struct message *message,
                         bool can_wait);
    /* It has said who it is: it need not be held short any more. */
    void (*admit_executor)(void *ctx, uint64_t connection);
    /* Until it is said again that it is heard (agent_on_stored), nothing is taken from it: what it says waits, and
     * agent_on_executor comes with none of it. That it is over may be told meanwhile, or afterwards. */
    void (*hear_executor)(void *ctx, uint64_t connection, bool is_heard);
    /* What it was told goes out, then it is closed; nothing comes from it any more. */
    void (*drop_executor)(void *ctx, uint64_t connection);
    /* Random bytes that nobody can guess. 0 or -errno. */
    int (*draw_secret)(void *ctx, unsigned char *bytes, size_t size);
    /* A change of the public state (CHANGE_...), numbered from 1 without gaps. */
    void (*publish)(void *ctx, const struct message *change);
    /* Something an operator should know. */
    void (*log)(void *ctx, int level, const char *text); /* enum log_level */
    /* Called once: the agent is not wanted, has ended all tasks after agent_stop, or leaves them
     * to the next one after agent_leave. Leave the process; later events change nothing. */
    void (*stopped)(void *ctx, int exit_code, const char *reason);
};

/* What an earlier agent wrote down, compacted: of each thing the newest record only. */
struct agent_past {
    const struct message *records;
    size_t count;
};

/* Of what is said of tasks, frameworks and operations when the agent registers, so much goes into one message, as
 * a copy takes it in memory: in the message it is a fourth more at most. That leaves room for what the agent says
 * of itself, which may be as much. */
#define AGENT_PART_MAX ((size_t)1024 * 1024)

struct agent_settings {
    const struct agent_info *info; /* copied; its id is empty, the past knows it */
    struct agent_past past;        /* borrowed for agent_new */
    const char *volumes_dir;       /* absolute; NULL where make_volume is */
    const char *sandboxes_dir; /* absolute; a sandbox is <dir>/<framework id>/<container id>, of a
                                      Docker task <dir>/<framework id>.docker/<container id> */
    const char *default_user;  /* for tasks whose framework names none; "": the agent's own */
    bool switch_user;          /* false (not root): tasks run as the agent, whatever they ask */
    bool has_docker;           /* tasks for a Docker Engine can be taken */
    const char *
        executors_dir; /* absolute: where the socket for executors is; NULL where tell_executor is */
    int64_t
        executor_reregister_ms; /* how long an executor without a connection is waited for; 0: 15 s */
    size_t
        executor_owed_max; /* updates of one executor that are taken before they are written; 0: 256 */
    int64_t kill_grace_ms;       /* of tasks without a policy; 0: 3 s */
    int64_t retry_min_ms;        /* of updates; 0: 10 s */
    size_t part_max;             /* bytes of what is registered in one message; 0: 1 MiB */
    int64_t retry_max_ms;        /* 0: 10 min */
    int64_t register_retry_ms;   /* REGISTER_AGENT is repeated until answered; 0: 1 s, to 15 s */
    const struct gpu_info *gpus; /* devices for one task each; copied */
    size_t gpus_count;
    int64_t gc_delay_ms;       /* how long a sandbox stays on an empty disk; 0: a week */
    int64_t gc_headroom_milli; /* how much of the disk is to stay free of it, 0 to 1000 */
    int64_t disk_watch_ms;     /* between two looks at the disk; 0: a minute */
    uint64_t seed;             /* of uuids and container ids */
};

/* The containers of the past whose end is not written down, for LAUNCHER_CONFIGURE or, `docker`, for
 * DOCKER_CONFIGURE: `ret_ids` has room for past->count, and borrows from it. None of another boot of
 * the host. */
size_t agent_past_containers(const struct agent_past *past, const char *boot_id, bool docker,
                             const char **ret_ids);
/* Which thing a record is of: those of one kind and name replace each other, and FORGET_... takes
 * them all away. Absent names are "". */
struct record_key {
    enum msg_type type;
    const char *framework_id,
        *task_id; /* borrowed from the record; of a result: operation_id, of a group: its id */
};
struct record_key agent_record_key(const struct message *record);

/* The name of a role's folder in volumes_dir, where a volume has its own under its id. Owned. */
char *agent_volume_folder(const char *role);

/* -EINVAL with a text for bad settings; -EBADMSG when the past makes no sense; -ERANGE when its
 * tasks, reservations and volumes hold more than the agent is to have. What it orders and sends may come before it returns;
 * nothing of that has any effect if it fails. */
int agent_new(const struct agent_settings *settings, const struct agent_env *env, struct now now,
              struct agent **ret_agent, struct err *err);
void agent_destroy(struct agent **self_p);

/* --- events -------------------------------------------------------------------------------------
 */

void agent_on_connected(struct agent *self, struct now now);
void agent_on_disconnected(struct agent *self, struct now now);
/* From the master. What is of an older epoch, or comes before the registration is answered, is
 * counted and dropped. */
void agent_on_message(struct agent *self, struct now now, const struct message *message);
/* CONTAINER_PROGRESS, CONTAINER_FETCHING, CONTAINER_STARTED, CONTAINER_EXITED, CONTAINER_CHECKED or
 * SANDBOXES_COLLECTED. */
void agent_on_container(struct agent *self, struct now now, const struct message *event);
/* What came on a connection of an executor, or of anybody who can reach the socket. */
void agent_on_executor(struct agent *self, struct now now, uint64_t connection,
                       const struct message *message);
/* The connection is over. */
void agent_on_executor_lost(struct agent *self, struct now now, uint64_t connection);
/* It has read what it was told: there may be more. */
void agent_on_executor_ready(struct agent *self, struct now now, uint64_t connection);
/* The records up to that number are written down. */
void agent_on_stored(struct agent *self, struct now now, uint64_t number);
/* They cannot be written now; it is tried again. Until agent_on_stored tasks are refused, and
 * nothing goes out that depends on what is not written; kills work, and what runs is kept. */
void agent_on_store_failed(struct agent *self, struct now now, const char *reason);
void agent_on_deadline(struct agent *self, struct now now);
/* mono_us of the earliest deadline, DEADLINE_NEVER when there is none. */
int64_t agent_next_deadline_us(const struct agent *self);
/* SIGTERM: kill all tasks, none with a longer grace than `grace_ms`, deliver what can be delivered,
 * say UNREGISTER, then stopped(0). It takes `grace_ms` and two seconds at most. */
void agent_stop(struct agent *self, struct now now, int64_t grace_ms, const char *reason);
/* Leave the tasks, and all that is not told yet, to the next agent: stopped(exit_code) at once. */
void agent_leave(struct agent *self, struct now now, int exit_code, const char *reason);

/* --- looking ------------------------------------------------------------------------------------
 */

/* "": not registered yet. */
const char *agent_id(const struct agent *self);
bool agent_is_registered(const struct agent *self);
bool agent_is_stopping(const struct agent *self);
/* Counters and gauges by the names of /metrics/snapshot; calls `each` in a fixed order. */
void agent_counters(const struct agent *self, struct now now,
                    void (*each)(void *ctx, const char *name, int64_t milli), void *ctx);
/* Every invariant of the books. The first violation as text, -EINVAL. For tests and the simulator.
 */
int agent_check(const struct agent *self, struct err *err);

#endif
