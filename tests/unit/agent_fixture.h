/* tests/unit/agent_fixture.h - an agent's core in a recorded world with a clock that we turn.
 *
 * Every event is followed by agent_check, and then, unless the disk is full, by a commit of the
 * records that it made. What the core sends, orders and publishes is copied and kept in the order in
 * which it came; what depends on a record comes when that one is written.
 */
#ifndef PROFFER_TESTS_AGENT_FIXTURE_H
#define PROFFER_TESTS_AGENT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "agent/core/agent.h"
#include "agent/hold.h"
#include "base/cleanup.h"

#define FRAMEWORK "M-0001"
#define AGENT     "M-S0"
#define EPOCH     7

struct record {
    struct message *items; /* copies, in the world's arena */
    size_t count, capacity;
};

struct world_plan {
    bool unregistered; /* leave the agent before its first connection */
    bool no_switch;    /* settings.switch_user is false */
    bool no_docker;    /* settings.has_docker is false */
    bool no_executors; /* the env has no way to tell them anything */
    const char *default_user;
    const char *sandboxes_dir;    /* NULL: "/work/sandboxes" */
    const char *volumes_dir;      /* NULL: "/work/volumes" */
    const char *const *isolation; /* ends with NULL; NULL: none */
    const struct topology_info *topology;
    const struct gpu_info *gpus;
    size_t gpus_count;
    bool collects; /* the agent removes sandboxes: a day's delay, headroom 0.1 */
};

struct world {
    struct arena *arena;
    struct agent *agent;
    struct now now;
    struct record sent, orders, changes;
    struct record told;         /* to executors; `number` is the connection */
    uint64_t admitted, dropped; /* the last connection that was */
    bool executor_is_slow;      /* what can wait is refused */
    uint64_t unheard;           /* connection that is not heard; 0: all are */
    int secret_error;           /* negative: there is no randomness */
    struct record records;      /* handed out in this life; in the store up to `hold.written` */
    uint64_t needed;            /* the last of them that must not wait */
    struct record store;        /* what earlier lives have written */
    struct hold hold;
    struct world_plan plan;
    uint64_t lives;
    bool disk_is_full;
    bool turn_goes_on; /* what comes now is of one turn, at whose end is the commit */
    bool is_new_boot;  /* of the next life */
    char volumes[256]; /* made and removed: "+role/id -role/id " */
    int volume_error;  /* of the next one that is to be made */
    int disk_used;     /* in thousandths, or -errno */
    const struct resource_info *resources; /* of the next life; NULL: 4 cpus, 8192 mem */
    size_t resources_count;
    const char *address; /* of the next life; NULL: "10.0.0.2:5051" */
    bool is_stopped;
    int exit_code;
    uint64_t epoch; /* of what the master says */
    unsigned warnings;
    char warning[512];  /* the last one */
    char error[512];    /* the last one */
    struct err refusal; /* of the last life that could not begin */
    int refused;        /* its code */
};

/* Registered as AGENT under EPOCH unless the plan says otherwise. */
struct world *world_new(const struct world_plan *plan);
void world_destroy(struct world **self_p);
/* The process dies. What it had not written is lost, what was held back is not said. */
void world_crash(struct world *self);
/* Another one begins with what is in the store; false: it does not want to, see `refusal`. What the
 * lives before have sent, ordered and published is forgotten. */
bool world_restart(struct world *self);
/* Both; and the new one registers. */
void world_reborn(struct world *self);
/* What the store would give the next life. */
struct agent_past world_past(struct world *self);
/* Between two lives; records of type 0 are left out. */
void world_set_store(struct world *self, const struct message *records, size_t count);
/* Try again to write, as the shell does by a deadline. */
void world_commit(struct world *self);

/* --- events -------------------------------------------------------------------------------------
 */

void world_connect(struct world *self);
void world_disconnect(struct world *self);
void world_say(struct world *self, struct message message); /* the master does, under self->epoch */
void world_registered(struct world *self);
/* RUN_TASK of FRAMEWORK with the command `true`; or of any task. */
void world_run(struct world *self, const char *task_id);
void world_run_task(struct world *self, const struct task_info *task);
void world_started(struct world *self, const char *task_id);
void world_started_at(struct world *self, const char *task_id, int64_t wall_us);
/* `end` without its container id. */
void world_exited(struct world *self, const char *task_id, struct msg_container_exited end);
/* The launcher's answer to the newest UPDATE_CONTAINER with a number. */
void world_limits_set(struct world *self, const char *error);
/* ... that the container has ended. */
void world_limits_too_late(struct world *self);
void world_exited_code(struct world *self, const char *task_id, int code);
void world_kill(struct world *self, const char *task_id);
void world_kill_grace(struct world *self, const char *task_id, int64_t grace_ms);
/* What comes on a connection of an executor. */
void world_executor_says(struct world *self, uint64_t connection, struct message message);
void world_executor_lost(struct world *self, uint64_t connection);
void world_executor_ready(struct world *self, uint64_t connection);
/* What the launcher says. */
void world_hear(struct world *self, struct message event);
/* The task's update that was sent last. */
void world_acknowledge(struct world *self, const char *task_id);
void world_stop(struct world *self, int64_t grace_ms, const char *reason);
void world_leave(struct world *self, int exit_code, const char *reason);
/* Turn the clock; each deadline comes at its time. */
void world_pass(struct world *self, int64_t ms);

/* --- looking ------------------------------------------------------------------------------------
 */

const struct task_info *simple_task(const char *task_id);
/* The newest of that type, or NULL; how many there are. */
const struct message *record_last(const struct record *self, enum msg_type type);
size_t record_count(const struct record *self, enum msg_type type);
/* The newest STATUS_UPDATE of a task, or NULL; how many of its updates were sent. */
const struct msg_status_update *world_update(const struct world *self, const char *task_id);
size_t world_updates_count(const struct world *self, const char *task_id);
const struct msg_launch_container *world_launch(const struct world *self, const char *task_id);
/* The newest KEEP_TASK of that task, in this life or before; NULL: there is none. */
const struct msg_keep_task *world_kept(const struct world *self, const char *task_id);
/* How many records of that type the store has of that task ("": of all). */
size_t world_stored(struct world *self, enum msg_type type, const char *task_id);
/* The orders FORGET_CONTAINER for a task's container. */
size_t world_forgets(const struct world *self, const char *task_id);
/* SIGNAL_CONTAINERs to a task's container, with force or without. */
size_t world_signals(const struct world *self, const char *task_id, bool kill);
/* The value of a counter, whole; fails the test when there is none of that name. */
int64_t world_counter(const struct world *self, const char *name);

#define assert_state(world, task_id, state_)                                                       \
    assert_string_equal(task_state_name(world_update((world), (task_id))->status->state), #state_)

#endif
