/* master/core/master.h - the master's core: who is offered what, and what became of each task.
 *
 * A pure state machine: an event comes in together with the time, tables change, effects go out
 * through `struct master_env`. Single-threaded; it never blocks, reads no clock, draws only seeded
 * random numbers, touches no file or socket. So the same code runs in the daemon, in the simulator
 * and in benchmarks.
 *
 * Semantics follow Mesos (docs/scheduler-http-api.md, high-availability-framework-guide.md) with
 * these choices: always partition-aware (never TASK_LOST), offers as soon as something is free, an
 * offer timeout by default. An offer that is declined for no time at all is made again after 10 ms, so
 * that others have a chance first. See docs/architecture.md.
 */
#ifndef PROFFER_MASTER_CORE_MASTER_H
#define PROFFER_MASTER_CORE_MASTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/resources.h"
#include "proto/message.h"

struct master;

/* What a master does to the world. Called while an event is handled; must not call back into the
 * core. Messages and their bodies are borrowed for the call. */
struct master_env {
    void *ctx;
    /* A message for an agent or a framework. A session that is gone is no error: its end is on its
     * way as an event. */
    void (*send)(void *ctx, uint64_t session, const struct message *message);
    /* End a session; no master_on_session_closed follows. */
    void (*close)(void *ctx, uint64_t session, const char *reason);
    /* A change of the public state (CHANGE_...), numbered from 1 without gaps. */
    void (*publish)(void *ctx, const struct message *change);
    /* Something an operator should know. */
    void (*log)(void *ctx, int level, const char *text); /* enum log_level */
    /* Keep a record (KEPT_..., FORGET_...) in the registry, behind those that were given before. It is
     * answered by master_on_persisted with the ticket, later, in any order; its number is the ticket
     * too. */
    void (*persist)(void *ctx, uint64_t ticket, const struct message *record);
    /* The answer to the operator's call of that number. */
    void (*reply)(void *ctx, uint64_t number, const struct msg_operator_reply *reply);
};

struct master_settings {
    const char *id; /* prefix of every id this master gives; "": made from the seed */
    const char *hostname;
    const char *address; /* ip:port of its HTTP, as told to others */
    const char *cluster;
    const char *region, *zone; /* where it stands; NULL or "": not known */
    uint64_t epoch;            /* of this reign, in every message to and from agents; > 0 */
    uint64_t seed;
    int64_t offer_timeout_ms;    /* 0: 30 s; negative: never */
    int64_t gang_hold_ms;        /* a gang holds what it has gathered no longer; 0: 30 s */
    int64_t offer_batch_ms;      /* how long a burst may gather before offers go out; default 0 */
    int64_t refuse_default_ms;   /* 0: 5 s */
    int64_t failover_default_ms; /* 0: one week */
    int64_t agent_timeout_ms;    /* silence until an agent is unreachable; 0: 75 s */
    int64_t agent_reregister_ms; /* from the start, for agents of the registry; 0: 10 minutes */
    /* Percent of the agents that operators may have down at once without saying that they mean it; 0: 50. */
    int64_t maintenance_limit;
    int64_t maintenance_notice_ms; /* frameworks are asked to leave so long before; 0: an hour */
    int64_t agent_removed_keep_ms; /* how long unreachable agents are remembered; 0: two weeks */
    /* At most so many agents are marked unreachable in so much time; 0: 20 in a minute. */
    int64_t agent_removal_count, agent_removal_per_ms;
    /* None is while more percent than this, and more than one, are away at once; 0: 50; 100: always. */
    int64_t agent_removal_limit;
    /* Tasks are killed for others that need their room and come first (preempt.h). Between notice and kill:
     * 0: 30 s, negative: nothing; what a task asks for, up to the most: 0: 5 minutes. A role loses at
     * most so many in so much time; 0: 20 in a minute. */
    bool preemption;
    int64_t preemption_grace_ms, preemption_grace_max_ms;
    int64_t preemption_count, preemption_per_ms;
    const char *min_allocatable; /* "": "cpus:0.01|mem:32" ('|' or, ';' and) */
    size_t offers_max;           /* that a framework holds at a time; 0: no limit */
    size_t
        optimistic_offers_max; /* frameworks that are shown the same of an agent at a time; 0: 16 */
    const char *allocator;     /* "": "drf"; or "random" */
    const char *fair_sharing_excluded; /* scalars that do not count in shares: "gpus,licences" */
};

/* `started` is when the process began. -EINVAL with a text for bad settings. */
int master_new(const struct master_settings *settings, const struct master_env *env,
               struct now started, struct master **ret_master, struct err *err);
void master_destroy(struct master **self_p);
/* A record of the registry (KEPT_...), before the first event. What it is about is known from then on:
 * agents and frameworks that are not there yet. -EINVAL with a text for a record that cannot be. */
int master_recall(struct master *self, const struct message *record, struct err *err);

/* --- events ------------------------------------------------------------------ */

/* A message from a session, as message_decode gives it: it has passed the schema's check. What this
 * kind of peer may not say, or says wrongly, is answered or counted and dropped; it never harms
 * another. Sessions are numbered as they begin: of two the one with the greater number is newer. */
void master_on_message(struct master *self, struct now now, uint64_t session, enum peer_kind kind,
                       const struct message *message);
/* A session ended that the master did not end itself. One that never registered or subscribed, or that
 * a newer one has replaced, is no matter. */
void master_on_session_closed(struct master *self, struct now now, uint64_t session,
                              const char *reason);
/* An operator's call (OPERATOR_...), checked likewise. It is answered by env.reply with the call's
 * number, at once or when what it changed is in the registry. */
void master_on_operator(struct master *self, struct now now, const struct message *call);
/* The record of that ticket is in the registry: it will be there after a crash too (`rc` 0); or it is not
 * (-errno, `why` for a person), and then may be there or not. */
void master_on_persisted(struct master *self, struct now now, uint64_t ticket, int rc,
                         const char *why);
/* Run what is due. Offers are deadlines too: due at once after an event that freed something, so
 * that a shell which first drains its input and then calls this gathers a burst by itself. */
void master_on_deadline(struct master *self, struct now now);
/* mono_us of the earliest deadline, DEADLINE_NEVER when there is none. */
int64_t master_next_deadline_us(const struct master *self);

/* --- looking ----------------------------------------------------------------- */

/* Counters and gauges by the names of /metrics/snapshot; calls `each` in a fixed order. */
void master_counters(const struct master *self, struct now now,
                     void (*each)(void *ctx, const char *name, int64_t milli), void *ctx);
/* Every invariant of the books: allocated + offered + free = total on each agent, indexes agree,
 * ... The first violation as text, -EINVAL. For tests and the simulator. */
int master_check(const struct master *self, struct err *err);

#endif
