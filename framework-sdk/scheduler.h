/* framework-sdk/scheduler.h - what the shell's files share: a driver, its link and its descriptors.
 *
 * One thread per scheduler; only `stop_request` and the bell may be touched from elsewhere
 * (another thread, a signal handler).
 */
#ifndef PROFFER_SDK_SCHEDULER_H
#define PROFFER_SDK_SCHEDULER_H

#include <proffer/scheduler.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "framework-sdk/core/driver.h"
#include "framework-sdk/pollable.h"
#include "proto/link.h"

/* Of what one ACCEPT holds in memory. On the wire it is smaller, so that it keeps below FRAME_MAX.
 */
#define SDK_ACCEPT_MAX ((size_t)FRAME_MAX / 2)

enum stop_request { STOP_NONE, STOP_LEAVE, STOP_TEARDOWN };

struct proffer_scheduler {
    struct proffer_callbacks callbacks;
    void *user;
    struct driver *driver;        /* owned */
    struct link_context *context; /* shared, counted */
    struct link_client *link;     /* owned */
    struct link_keys keys;
    struct pollable pollable;
    atomic_int stop_request;
    int log_level;       /* -1: silent */
    bool is_dispatching; /* destroying has to wait */
    bool is_doomed;      /* destroyed inside a callback; freed when dispatch returns */
    bool has_failed;
};

/* events.c: the driver's effects, as callbacks; ctx is the scheduler. */
extern const struct driver_env sdk_driver_env;

/* Have dispatch called soon: what was just sent has to leave. */
void sdk_scheduler_wake(struct proffer_scheduler *self);

/* scheduler_calls.c */
int64_t sdk_refuse_ms(double refuse_seconds);
/* A task on that agent, in the arena. */
int sdk_task_on_offer(const struct proffer_task *task, const char *agent_id, struct arena *arena,
                      struct task_info *ret_info, struct err *err);
/* What is to be done on offers: operations, then tasks. */
struct sdk_work {
    const struct operation_info *operations;
    size_t operations_count;
    const struct task_info *tasks;
    size_t tasks_count;
};
/* As driver_accept; without any work the offers are declined. Negative `refuse_ms`: the default. */
int sdk_accept(struct proffer_scheduler *self, const char *const *offer_ids, size_t offer_count,
               const struct sdk_work *work, int64_t refuse_ms, struct err *err);

#endif
