/* tests/unit/agent_fixture.h - an agent's core in a recorded world with a clock that we turn.
 *
 * Every event is followed by agent_check. What the core sends, orders and publishes is copied and
 * kept in the order in which it came.
 */
#ifndef PROFFER_TESTS_AGENT_FIXTURE_H
#define PROFFER_TESTS_AGENT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "agent/core/agent.h"
#include "base/cleanup.h"

#define FRAMEWORK "M-0001"
#define AGENT     "M-S0"
#define EPOCH     7

struct record {
    struct message *items; /* copies, in the world's arena */
    size_t count, capacity;
};

struct world {
    struct arena *arena;
    struct agent *agent;
    struct now now;
    struct record sent, orders, changes;
    bool is_stopped;
    int exit_code;
    uint64_t epoch; /* of what the master says */
    unsigned warnings;
    char warning[512]; /* the last one */
};

struct world_plan {
    bool unregistered; /* leave the agent before its first connection */
    bool no_switch;    /* settings.switch_user is false */
    const char *default_user;
    const char *sandboxes_dir; /* NULL: "/work/sandboxes" */
};

/* Registered as AGENT under EPOCH unless the plan says otherwise. */
struct world *world_new(const struct world_plan *plan);
void world_destroy(struct world **self_p);

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
/* `end` without its container id. */
void world_exited(struct world *self, const char *task_id, struct msg_container_exited end);
void world_exited_code(struct world *self, const char *task_id, int code);
void world_kill(struct world *self, const char *task_id);
void world_kill_grace(struct world *self, const char *task_id, int64_t grace_ms);
/* The task's update that was sent last. */
void world_acknowledge(struct world *self, const char *task_id);
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
/* SIGNAL_CONTAINERs to a task's container, with force or without. */
size_t world_signals(const struct world *self, const char *task_id, bool kill);
/* The value of a counter, whole; fails the test when there is none of that name. */
int64_t world_counter(const struct world *self, const char *name);

#define assert_state(world, task_id, state_)                                                       \
    assert_string_equal(task_state_name(world_update((world), (task_id))->status->state), #state_)

#endif
