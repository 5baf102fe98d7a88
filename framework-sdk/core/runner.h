/* framework-sdk/core/runner.h - the runner's core: an executor's side of the talk with its agent.
 *
 * A pure state machine like the driver's (core/driver.h), and used the same way. It keeps what the agent has not
 * acknowledged, and says it again on the next connection; it connects again and again, with growing pauses, until its
 * agent has been away for the recovery timeout. A run is one task, from its launch until its end is acknowledged.
 */
#ifndef PROFFER_SDK_CORE_RUNNER_H
#define PROFFER_SDK_CORE_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "proto/message.h"

/* Of updates of live tasks, not acknowledged; how tasks have ended is always taken. */
#define RUNNER_PENDING_BYTES ((size_t)64 * 1024 * 1024)

struct runner;

/* What is handed over is borrowed for the call. Inside those that tell, and only inside these, the calls below may be
 * used. */
struct runner_env {
    void *ctx;
    /* Begin to connect; answered by runner_on_connected or runner_on_disconnected, later. */
    void (*connect)(void *ctx);
    /* On the connection that is there. 0; -EAGAIN with `can_wait`: the agent reads slowly. */
    int (*send)(void *ctx, const struct message *message, bool can_wait);

    void (*registered)(void *ctx, const struct msg_executor_subscribed *answer, bool again);
    void (*launch)(void *ctx, const struct task_info *task);
    void (*kill)(void *ctx, const char *task_id, int64_t grace_ms);
    void (*message)(void *ctx, const struct msg_message_to_executor *message);
    void (*shutdown)(void *ctx, int64_t grace_ms);
    void (*disconnected)(void *ctx, const char *reason);
    /* The end: nothing more comes. */
    void (*error)(void *ctx, const char *text);
};

struct runner_settings {
    const char *framework_id, *executor_id, *token; /* copied, as all */
    const char *version;
    int64_t recovery_ms; /* 0: 15 min */
    uint64_t seed;
};

int runner_new(const struct runner_settings *settings, const struct runner_env *env, struct now now,
               struct runner **ret_runner, struct err *err);
void runner_destroy(struct runner **self_p);

/* --- events ----------------------------------------------------------------------------------- */

void runner_on_connected(struct runner *self, struct now now);
void runner_on_message(struct runner *self, struct now now, const struct message *message);
/* The connection is over, or did not come about. */
void runner_on_disconnected(struct runner *self, struct now now, const char *reason);
void runner_on_deadline(struct runner *self, struct now now);
int64_t runner_next_deadline_us(const struct runner *self);

/* --- calls ------------------------------------------------------------------------------------ */

/* A new state of a task: `status` has its task_id, state, message, data, exit, health. It is told now, or when there is
 * a connection. -ENOENT: no such task lives here; -EINVAL: not a state that it can have now; -ENOBUFS, -EMSGSIZE. With
 * a text. */
int runner_update(struct runner *self, const struct task_status *status, struct err *err);
/* -ENOTCONN, -EAGAIN, -EMSGSIZE with a text. `task_id` NULL: about the executor. */
int runner_message(struct runner *self, const char *task_id, const void *data, size_t size,
                   struct err *err);
bool runner_is_subscribed(const struct runner *self);
bool runner_has_ended(const struct runner *self);
/* Updates that are not acknowledged. */
size_t runner_pending(const struct runner *self);
/* How many tasks live. */
size_t runner_tasks(const struct runner *self);

#endif
