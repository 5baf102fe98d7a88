/* tests/unit/master_fixture.h - a master's core in a recorded world with a clock that we turn.
 *
 * Every event is followed by what is due at that time and by master_check. What the core sends and
 * publishes must pass the schema's own check and fit in a frame; it is copied and kept in order. What
 * peers say to it passes the same check first, as it would on a link.
 */
#ifndef PROFFER_TESTS_MASTER_FIXTURE_H
#define PROFFER_TESTS_MASTER_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "master/core/master.h"

#define CLUSTER_MASTER "M"
#define CLUSTER_EPOCH  3
#define SECOND         1000 /* in ms */

struct sent {
    uint64_t session; /* 0: a change */
    struct message message;
};

/* A record that the master wants kept. */
struct kept_record {
    uint64_t ticket;
    struct message message;
    bool is_answered;
    bool is_kept;
};

struct cluster {
    struct arena *arena;
    struct master *master;
    struct now now;
    struct sent *sent; /* and published */
    size_t sent_count, sent_capacity;
    uint64_t *closed; /* sessions that the master ended */
    size_t closed_count, closed_capacity;
    char *closed_reason; /* of the last one */
    uint64_t changes;    /* number of the last one */
    uint64_t sessions, uuids;
    struct kept_record *records; /* in order */
    size_t records_count, records_capacity;
    bool is_store_slow;              /* records wait for cluster_answer_records */
    const char *store_fails;         /* why; NULL: it works */
    struct msg_operator_reply reply; /* the last one; code 0: none yet */
    uint64_t calls;
    bool agents_are_old; /* those that register from now on: without groups and executors */
};

/* An agent or a framework on its session. */
struct node {
    uint64_t session;
    const char *id;
};

/* NULL: defaults, under the id "M", epoch 3. */
struct cluster *cluster_new(const struct master_settings *settings);
void cluster_destroy(struct cluster **self_p);
/* The master is gone and another one has its registry; it is called "N" unless the settings say so. */
void cluster_restart(struct cluster *self, const struct master_settings *settings);
#define CLUSTER(settings) CLEANUP(cluster_destroy) struct cluster *cluster = cluster_new(settings)

/* --- events ----------------------------------------------------------------- */

void cluster_agent_says(struct cluster *self, uint64_t session, struct message message);
void cluster_framework_says(struct cluster *self, uint64_t session, struct message message);
void cluster_close(struct cluster *self, uint64_t session);
/* Turn the clock; each deadline comes at its time. */
void cluster_pass(struct cluster *self, int64_t ms);
uint64_t cluster_session(struct cluster *self);
/* The reply; its code is 0 when it waits for a record (cluster->reply has it later). */
struct msg_operator_reply cluster_operator(struct cluster *self, struct message call);
/* Answer the records that wait: kept, or with store_fails. */
void cluster_answer_records(struct cluster *self);

/* --- agents ----------------------------------------------------------------- */

/* A new agent, registered. */
struct node cluster_agent(struct cluster *self, const char *resources);
/* An agent that comes (back) on a new session; `id` may be "". Its answer is not looked at. */
struct node cluster_agent_back(struct cluster *self, const char *id, const char *resources,
                               const struct agent_task *tasks, size_t tasks_count);
/* It says so on the session that it has. */
void cluster_agent_registers(struct cluster *self, struct node agent, const char *resources,
                             const struct agent_task *tasks, size_t tasks_count);
struct agent_task cluster_report(struct cluster *self, const char *framework_id,
                                 const char *task_id, const char *resources, enum task_state state);
/* STATUS_UPDATE with a uuid of its own; `latest` 0: the same state. */
void cluster_status(struct cluster *self, struct node agent, const char *framework_id,
                    const char *task_id, enum task_state state, enum task_state latest);
const struct resource_info *cluster_resources(struct cluster *self, const char *text,
                                              size_t *ret_count);

/* --- frameworks ------------------------------------------------------------- */

/* A new framework in the role, or in "*" for NULL. */
struct node cluster_framework(struct cluster *self, const char *role);
struct node cluster_subscribe(struct cluster *self, struct framework_info info);
struct task_info cluster_task(struct cluster *self, const char *task_id, const char *agent_id,
                              const char *resources);
void cluster_accept(struct cluster *self, struct node framework, const char *offer_id,
                    const struct task_info *tasks, size_t tasks_count, int64_t refuse_ms);
/* Accept the framework's newest offer with one task. */
void cluster_launch(struct cluster *self, struct node framework, const char *task_id,
                    const char *resources);
void cluster_decline(struct cluster *self, struct node framework, const char *offer_id,
                     int64_t refuse_ms);
/* The newest update of that task. */
void cluster_acknowledge(struct cluster *self, struct node framework, const char *task_id);
void cluster_reconcile(struct cluster *self, struct node framework, const char *task_id,
                       const char *agent_id);

/* --- looking ---------------------------------------------------------------- */

void cluster_forget(struct cluster *self); /* what was sent and closed so far */
/* The newest of that type on the session (0: published), or NULL; how many. */
const struct message *cluster_last(const struct cluster *self, uint64_t session,
                                   enum msg_type type);
size_t cluster_count(const struct cluster *self, uint64_t session, enum msg_type type);
/* The offer that the framework was made last, or NULL; how many in all. */
const struct offer_info *cluster_offer(const struct cluster *self, struct node framework);
size_t cluster_offers_count(const struct cluster *self, struct node framework);
/* The newest update of the task, or NULL; how many. */
const struct task_status *cluster_update(const struct cluster *self, struct node framework,
                                         const char *task_id);
size_t cluster_updates_count(const struct cluster *self, struct node framework,
                             const char *task_id);
/* The newest record of that type, or NULL; how many. */
const struct message *cluster_record(const struct cluster *self, enum msg_type type);
size_t cluster_records_count(const struct cluster *self, enum msg_type type);
bool cluster_is_closed(const struct cluster *self, uint64_t session);
/* The value of a counter, whole; fails the test when there is none of that name. */
int64_t cluster_counter(const struct cluster *self, const char *name);
/* An offer's resources as text, in the cluster's arena. */
const char *cluster_offered(struct cluster *self, const struct offer_info *offer);

#define assert_update(cluster, framework, task_id, state_, reason_)                                \
    do {                                                                                           \
        const struct task_status *status_ = cluster_update((cluster), (framework), (task_id));     \
        assert_non_null(status_);                                                                  \
        assert_string_equal(task_state_name(status_->state), task_state_name(state_));             \
        assert_string_equal(task_reason_name(status_->reason), task_reason_name(reason_));         \
    } while (0)

#endif
