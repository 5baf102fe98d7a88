/* framework-sdk/core/driver.h - the driver's core: a framework's side of the talk with the master.
 *
 * A pure state machine like the master's: an event comes in together with the time, tables change,
 * effects go out through `struct driver_env`. Single-threaded; it never blocks, reads no clock,
 * draws only seeded random numbers, touches no file or socket. So the same code runs in libproffer
 * and in the simulator.
 *
 * It holds what has to outlast a connection (the framework's id, which roles are suppressed, the
 * tasks known to be alive) and what must not (the offers). Semantics follow Mesos's scheduler API;
 * after each new subscription it asks about every task that it believes alive until each has been
 * answered, and about those that are unreachable for as long as they are (docs/reconciliation.md
 * there), and, some seconds after it and every quarter of an hour, what else the master knows of. A kill
 * is said again until it is seen to work. An end that was told is final: no later answer to an earlier
 * question contradicts it.
 */
#ifndef PROFFER_SDK_CORE_DRIVER_H
#define PROFFER_SDK_CORE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "proto/message.h"

#define DRIVER_OFFERS_MAX 100000    /* held; what comes beyond is left to the offer timeout */
#define DRIVER_TASKS_MAX  (1 << 20) /* alive; a launch beyond is refused */

struct driver;

/* What a driver does to the world, while an event or a call is handled. What is handed over is
 * borrowed for the call. */
struct driver_env {
    void *ctx;
    /* To the master, in the session that is open. 0, -ENOTCONN or -EMSGSIZE with a text. */
    int (*send)(void *ctx, const struct message *message, struct err *err);

    /* What the framework's author is told (see proffer/scheduler.h). Inside these, and only inside
     * these, the driver may be called: the calls below, not the events. */
    void (*registered)(void *ctx, const char *framework_id, const char *master_id, bool again);
    void (*offers)(void *ctx, const struct offer_info *const *offers, size_t count);
    void (*rescinded)(void *ctx, const char *offer_id);
    /* An optimistic offer that we hold is smaller from now on. NULL: nobody is told. */
    void (*reduced)(void *ctx, const struct msg_offer_reduced *reduced);
    void (*update)(void *ctx, const struct task_status *status);
    /* NULL: nobody is told what became of operations. */
    void (*operation)(void *ctx, const struct operation_status *status);
    /* NULL: nobody is told that tasks have to give way. */
    void (*preempted)(void *ctx, const struct msg_preempt *preempt);
    /* NULL: nobody knows what to do with them, and the master is not told that it can be asked. */
    void (*inverse_offers)(void *ctx, const struct inverse_offer_info *offers, size_t count);
    void (*inverse_rescinded)(void *ctx, const char *id); /* NULL: nobody is told */
    void (*message)(void *ctx, const struct msg_message_to_framework *message);
    /* NULL: nobody is told. */
    void (*limits_changed)(void *ctx, const struct msg_limits_changed *changed);
    void (*agent_lost)(void *ctx, const struct msg_agent_lost *lost);
    void (*error)(void *ctx, const char *text);
    void (*disconnected)(void *ctx, const char *reason);

    /* Something a person who looks for a fault would like to know. */
    void (*log)(void *ctx, int level, const char *text); /* enum log_level */
};

struct driver_settings {
    const struct framework_info *framework; /* copied; no roles: "*"; no id: a new framework */
    bool suppressed;                        /* all roles, from the start */
    bool acknowledge_by_hand;
    bool decline_all;                     /* nobody looks at offers */
    int64_t offers_max, offer_timeout_ms; /* as in SUBSCRIBE */
    uint64_t seed;
};

/* -EINVAL with a text when the framework is wrong. */
int driver_new(const struct driver_settings *settings, const struct driver_env *env,
               struct driver **ret_driver, struct err *err);
void driver_destroy(struct driver **self_p);

/* --- events ----------------------------------------------------------------------------------- */

void driver_on_connected(struct driver *self, struct now now);
/* Also for an attempt to connect that failed. `final`: trying again is useless; it is an error. */
void driver_on_disconnected(struct driver *self, const char *reason, bool final);
/* What makes no sense now, or comes from no master, is logged and dropped. */
void driver_on_message(struct driver *self, struct now now, const struct message *message);
void driver_on_deadline(struct driver *self, struct now now);
/* mono_us of the earliest deadline, DEADLINE_NEVER when there is none. */
int64_t driver_next_deadline_us(const struct driver *self);

/* --- calls ------------------------------------------------------------------------------------ */
/* -ENOTCONN while not subscribed, what `send` answers, and what each one says. Nothing has changed
 * then. */

/* Launch the tasks of `accept`, whose agent_id is the offers' agent. -ENOENT: an offer is not, or
 * no longer, ours. -EINVAL: offers of several agents or roles, an offer twice, another agent's
 * task. -EEXIST: such a task is alive. -ENOSPC: too many are. */
int driver_accept(struct driver *self, const struct msg_accept *accept, struct err *err);
/* The same for offers of many agents, part by part; the master launches all the tasks or none. */
int driver_accept_gang(struct driver *self, const struct msg_accept_gang *gang, struct err *err);
/* Those that are ours; -ENOENT when none is. Negative `refuse_ms`: the master's default. */
int driver_decline(struct driver *self, const char *const *offer_ids, size_t count,
                   int64_t refuse_ms, struct err *err);
/* An inverse offer's answer, which may be another one later. Negative `refuse_ms`: the master's default. */
int driver_accept_inverse(struct driver *self, const char *id, struct err *err);
int driver_decline_inverse(struct driver *self, const char *id, int64_t refuse_ms, struct err *err);
/* `role` NULL: all. -EINVAL: not a role of this framework. While not subscribed these are kept and
 * told to the master later. */
int driver_suppress(struct driver *self, const char *role, struct err *err);
int driver_revive(struct driver *self, const char *role, struct err *err);
/* Likewise kept. What was said of the role before is void; copied. -EINVAL: not a role of ours, or not
 * what the schema allows. */
int driver_set_needs(struct driver *self, const struct role_needs *needs, struct err *err);
/* Said once; answered by limits_changed. */
int driver_change_limits(struct driver *self, const struct msg_change_limits *call,
                         struct err *err);
/* `policy` NULL: the task's own. Also while not subscribed (until the driver has ended): the driver says
 * it, and says it again, until the task is KILLING, UNREACHABLE (the master remembers it then) or over.
 * -ENOSPC: it is a task we have not heard of, and too many are alive. */
int driver_kill(struct driver *self, const char *task_id, const struct kill_policy *policy,
                struct err *err);
int driver_acknowledge(struct driver *self, const struct msg_acknowledge *acknowledge,
                       struct err *err);
int driver_acknowledge_operation(struct driver *self,
                                 const struct msg_acknowledge_operation *acknowledge,
                                 struct err *err);
/* What has become of it? No answer comes while its agent is away. */
int driver_reconcile_operation(struct driver *self, const struct operation_ref *operation,
                               struct err *err);
/* NULL: all that the master knows, once. Else the task joins those that the driver believes alive and asks
 * about until it is answered, also while not subscribed; -ENOSPC: too many. */
int driver_reconcile(struct driver *self, const struct task_ref *ref, struct err *err);
int driver_message(struct driver *self, const struct msg_message_to_executor *message,
                   struct err *err);
/* The end. With teardown the master is told; while there is no session, one is awaited for 5 s for
 * that, when the master can know of us at all; a second stop without teardown gives that up. */
void driver_stop(struct driver *self, struct now now, bool teardown);

/* --- looking ---------------------------------------------------------------------------------- */

const char *driver_framework_id(const struct driver *self); /* "" until there is one */
const char *driver_principal(const struct driver *self);
bool driver_is_subscribed(const struct driver *self);
bool driver_has_ended(const struct driver *self); /* stopped, or failed for good */
/* The agent of an offer that is ours, or NULL. */
const char *driver_offer_agent(const struct driver *self, const char *offer_id);
bool driver_has_task(const struct driver *self, const char *task_id);
/* Where it is, if it is alive and that is known; else "". */
const char *driver_task_agent(const struct driver *self, const char *task_id);
size_t driver_offers(const struct driver *self);
size_t driver_tasks(const struct driver *self);
/* Tasks of which the loop awaits an answer. */
size_t driver_unanswered(const struct driver *self);
/* Every invariant of the tables; the first violation as text, -EINVAL. For tests and the simulator.
 */
int driver_check(const struct driver *self, struct err *err);

#endif
