/* master/core/master.c - a master's beginning and end, and who handles what. */
#include "master/core/master.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "master/core/accept.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/departed.h"
#include "master/core/errands.h"
#include "master/core/frameworks.h"
#include "master/core/gang_accept.h"
#include "master/core/gangs.h"
#include "master/core/inverse.h"
#include "master/core/keep.h"
#include "master/core/kill.h"
#include "master/core/limits.h"
#include "master/core/log.h"
#include "master/core/maintenance.h"
#include "master/core/needs.h"
#include "master/core/offers.h"
#include "master/core/policy.h"
#include "master/core/preempt.h"
#include "master/core/operations.h"
#include "master/core/parts.h"
#include "master/core/optimistic.h"
#include "master/core/operator.h"
#include "master/core/recall.h"
#include "master/core/reconcile.h"
#include "master/core/removals.h"
#include "master/core/state.h"
#include "master/core/tasks.h"
#include "master/core/updates.h"
#include "master/core/waiting.h"

#define OFFER_TIMEOUT_MS  30000
#define GANG_HOLD_MS      30000
#define REFUSE_MS         5000
#define FAILOVER_MS       INT64_C(604800000) /* one week */
#define AGENT_TIMEOUT_MS  75000
#define AGENT_REMOVED_MS  INT64_C(1209600000) /* two weeks */
#define REREGISTER_MS     600000
#define REMOVAL_COUNT     20
#define REMOVAL_PER_MS    60000
#define REMOVAL_LIMIT     50      /* percent */
#define NOTICE_MS         3600000 /* one hour */
#define MAINTENANCE_LIMIT 50      /* percent of the agents */
#define SETTING_MAX_MS    FAILOVER_MAX_MS
#define MASTER_ID_MAX     128 /* room for what is appended in the ids made from it */

/* --- beginning and end ------------------------------------------------------- */

struct duration {
    const char *name;
    int64_t ms;
    int64_t default_ms;
    bool may_be_negative;
    int64_t *ret_us;
};

static int duration_set(const struct duration *duration, struct err *err)
{
    int64_t ms = duration->ms ? duration->ms : duration->default_ms;

    if (ms < 0 && !duration->may_be_negative)
        return err_set(err, -EINVAL, "%s is negative", duration->name);
    if (ms > SETTING_MAX_MS)
        return err_set(err, -EINVAL, "%s is more than ten years", duration->name);
    *duration->ret_us = ms < 0 ? -1 : ms * US_PER_MS;
    return 0;
}

static int set_durations(struct master *self, const struct master_settings *settings,
                         struct err *err)
{
    const struct duration durations[] = {
        {"offer_timeout", settings->offer_timeout_ms, OFFER_TIMEOUT_MS, true,
         &self->offer_timeout_us},
        {"offer_batch", settings->offer_batch_ms, 0, false, &self->offer_batch_us},
        {"gang_hold", settings->gang_hold_ms, GANG_HOLD_MS, false, &self->gang_hold_us},
        {"refuse_default", settings->refuse_default_ms, REFUSE_MS, false, &self->refuse_default_us},
        {"failover_default", settings->failover_default_ms, FAILOVER_MS, false,
         &self->failover_default_us},
        {"agent_timeout", settings->agent_timeout_ms, AGENT_TIMEOUT_MS, false,
         &self->agent_timeout_us},
        {"agent_reregister", settings->agent_reregister_ms, REREGISTER_MS, false,
         &self->agent_reregister_us},
        {"agent_removed_keep", settings->agent_removed_keep_ms, AGENT_REMOVED_MS, false,
         &self->agent_removed_keep_us},
        {"maintenance_notice", settings->maintenance_notice_ms, NOTICE_MS, false,
         &self->maintenance->notice_us},
    };

    for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
        int r = duration_set(&durations[i], err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int set_id(struct master *self, const char *id, struct err *err)
{
    unsigned char uuid[UUID_BYTES];
    char text[UUID_TEXT];
    int r;

    if (!id || !*id) {
        uuid_make(&self->rng, uuid);
        uuid_print(uuid, text);
        id = text;
    }
    r = id_check(id, "the master's id", err);
    if (r < 0)
        return r;
    if (strlen(id) > MASTER_ID_MAX)
        return err_set(err, -EINVAL, "the master's id is longer than %d bytes", MASTER_ID_MAX);
    self->id = mem_strdup(id);
    return 0;
}

static int set_removals(struct master *self, const struct master_settings *settings,
                        struct err *err)
{
    int64_t count = settings->agent_removal_count, per_ms = settings->agent_removal_per_ms;

    if (count < 0 || per_ms < 0 || per_ms > SETTING_MAX_MS)
        return err_set(err, -EINVAL, "the rate of agents' removals is negative or too slow");
    if (settings->agent_removal_limit < 0 || settings->agent_removal_limit > 100)
        return err_set(err, -EINVAL, "the limit of agents' removals is not 0 to 100 percent");
    if (settings->maintenance_limit < 0 || settings->maintenance_limit > 100)
        return err_set(err, -EINVAL, "the limit of maintenance is not 0 to 100 percent");
    self->maintenance->limit =
        settings->maintenance_limit ? settings->maintenance_limit : MAINTENANCE_LIMIT;
    count = count ? count : REMOVAL_COUNT;
    per_ms = per_ms ? per_ms : REMOVAL_PER_MS;
    self->removal_every_us = per_ms * US_PER_MS / count;
    self->removal_burst_us = (count - 1) * self->removal_every_us;
    self->removal_limit =
        settings->agent_removal_limit ? settings->agent_removal_limit : REMOVAL_LIMIT;
    return 0;
}

static int set_allocator(struct master *self, const struct master_settings *settings,
                         struct err *err)
{
    const struct allocator_settings wanted = {
        .order = settings->allocator,
        .excluded = settings->fair_sharing_excluded,
        .seed = rng_next(&self->rng),
    };

    return allocator_new(&wanted, &self->allocator, err);
}

static int apply_settings(struct master *self, const struct master_settings *settings,
                          struct err *err)
{
    int r;

    if (!settings->epoch)
        return err_set(err, -EINVAL, "the epoch is 0: reigns are counted from 1");
    self->offers_max = settings->offers_max;
    self->optimistic_max =
        settings->optimistic_offers_max ? settings->optimistic_offers_max : OPTIMISTIC_OFFERS_MAX;
    r = set_id(self, settings->id, err);
    if (r == 0)
        r = set_allocator(self, settings, err);
    if (r == 0)
        r = set_durations(self, settings, err);
    if (r == 0)
        r = set_removals(self, settings, err);
    return r < 0 ? r : offers_init(self, settings->min_allocatable, err);
}

int master_new(const struct master_settings *settings, const struct master_env *env,
               struct now started, struct master **ret_master, struct err *err)
{
    CLEANUP(master_destroy) struct master *self = mem_new(struct master);
    int r;

    self->env = *env;
    self->epoch = settings->epoch;
    self->rng = (struct rng){.state = settings->seed};
    self->started = self->now = started;
    self->hostname = mem_strdup(settings->hostname);
    self->address = mem_strdup(settings->address);
    self->cluster = mem_strdup(settings->cluster);
    self->region = mem_strdup(settings->region);
    self->zone = mem_strdup(settings->zone);
    self->allocation.due = allocate;
    gangs_init(self);
    maintenance_init(self);
    keep_init(self);
    removals_init(self);
    policy_init(self);
    departed_init(self);
    self->scratch = arena_new(0);
    r = preempt_init(self, settings, err);
    if (r == 0)
        r = apply_settings(self, settings, err);
    if (r < 0)
        return r;
    publish_master(self);
    *ret_master = TAKE(self);
    return 0;
}

static void event_begins(struct master *self, struct now now)
{
    self->now = now;
    arena_reset(self->scratch);
    maintenance_begins(self);
}

int master_recall(struct master *self, const struct message *record, struct err *err)
{
    int r;

    event_begins(self, self->started);
    r = recall(self, record, err);
    maintenance_settle(self);
    return r;
}

/* Everything is dropped, nobody is told. */
static void drop_all(struct master *self)
{
    struct framework *framework, *next_framework;
    struct task *task, *next_task;

    preempt_drop_all(self);
    HASH_ITER (hh, self->frameworks, framework, next_framework)
        while (framework->offers)
            offer_drop(self, framework->offers);
    HASH_ITER (hh, self->frameworks, framework, next_framework)
        HASH_ITER (hh, framework->tasks, task, next_task)
            task_drop(self, task);
    frameworks_fini(self);
    agents_fini(self);
}

void master_destroy(struct master **self_p)
{
    struct master *self = *self_p;

    if (!self)
        return;
    maintenance_drop_all(self);
    drop_all(self);
    maintenance_fini(self);
    departed_fini(self);
    waiting_fini(self); /* before keep_fini, which frees what these were given with */
    keep_fini(self);
    parts_fini(self);
    offers_fini(self);
    offer_table_fini(&self->offers);
    optimistic_fini(self);
    policy_fini(self);
    preempt_fini(self);
    errands_fini(self);
    allocator_destroy(&self->allocator);
    deadlines_fini(&self->deadlines);
    arena_destroy(&self->scratch);
    free(self->id);
    free(self->hostname);
    free(self->address);
    free(self->cluster);
    free(self->region);
    free(self->zone);
    free(self);
    *self_p = NULL;
}

/* --- dispatch ---------------------------------------------------------------- */

static const struct {
    void (*handle)(struct master *, struct framework *, const struct message *);
    enum counter counter;
} framework_calls[MSG_TYPE_MAX] = {
    [MSG_TEARDOWN] = {on_teardown, COUNTER_MESSAGES_UNREGISTER_FRAMEWORK},
    [MSG_ACCEPT] = {on_accept, COUNTER_MESSAGES_LAUNCH_TASKS},
    [MSG_DECLINE] = {on_decline, COUNTER_MESSAGES_DECLINE_OFFERS},
    [MSG_REVIVE] = {on_revive, COUNTER_MESSAGES_REVIVE_OFFERS},
    [MSG_SUPPRESS] = {on_suppress, COUNTER_MESSAGES_SUPPRESS_OFFERS},
    [MSG_ACCEPT_GANG] = {on_accept_gang, COUNTER_MESSAGES_LAUNCH_TASKS},
    [MSG_ACCEPT_INVERSE] = {on_accept_inverse, COUNTER_MESSAGES_ACCEPT_INVERSE},
    [MSG_DECLINE_INVERSE] = {on_decline_inverse, COUNTER_MESSAGES_DECLINE_INVERSE},
    [MSG_NEEDS] = {on_needs, COUNTER_MESSAGES_NEEDS},
    [MSG_KILL] = {on_kill, COUNTER_MESSAGES_KILL_TASK},
    [MSG_ACKNOWLEDGE] = {on_acknowledge, COUNTER_MESSAGES_ACKNOWLEDGE},
    [MSG_RECONCILE] = {on_reconcile, COUNTER_MESSAGES_RECONCILE_TASKS},
    [MSG_CHANGE_LIMITS] = {on_change_limits, COUNTER_MESSAGES_CHANGE_LIMITS},
    [MSG_MESSAGE_TO_EXECUTOR] = {on_message_to_executor, COUNTER_MESSAGES_TO_EXECUTOR},
    [MSG_RECONCILE_OPERATIONS] = {on_reconcile_operations, COUNTER_MESSAGES_RECONCILE_OPERATIONS},
    [MSG_ACKNOWLEDGE_OPERATION] = {on_acknowledge_operation,
                                   COUNTER_MESSAGES_ACKNOWLEDGE_OPERATION},
};

static const struct {
    void (*handle)(struct master *, struct agent *, const struct message *);
    enum counter counter;
} agent_calls[MSG_TYPE_MAX] = {
    [MSG_STATUS_UPDATE] = {on_status_update, COUNTER_MESSAGES_STATUS_UPDATE},
    [MSG_UNREGISTER] = {on_unregister, COUNTER_MESSAGES_UNREGISTER_AGENT},
    [MSG_LIMITS_CHANGED] = {on_limits_changed, COUNTER_MESSAGES_LIMITS_CHANGED},
    [MSG_CORES_FREE] = {on_cores_free, COUNTER_MESSAGES_CORES_FREE},
    [MSG_MESSAGE_TO_FRAMEWORK] = {on_message_to_framework, COUNTER_MESSAGES_TO_FRAMEWORK},
    [MSG_OPERATION_RESULT] = {on_operation_result, COUNTER_MESSAGES_OPERATION_RESULT},
};

static void drop_message(struct master *self, uint64_t session, const struct message *message,
                         enum counter counter, const char *why)
{
    counter_add(self, COUNTER_MESSAGES_DROPPED);
    counter_add(self, counter);
    log_warn(self, "session %" PRIu64 ": %s is dropped: %s", session, message_name(message->type),
             why);
}

/* A framework that says what is not for it to say is wrong about who it is talking to. */
static void refuse_framework(struct master *self, uint64_t session, struct framework *framework,
                             const struct message *message)
{
    struct err err;

    drop_message(self, session, message, COUNTER_MESSAGES_UNEXPECTED,
                 "a framework does not say that");
    err_set(&err, -EPROTO, "%s is not for a framework to say", message_name(message->type));
    session_refuse(self, session, err.text);
    if (framework)
        framework_disconnect(self, framework);
}

static void refuse_agent(struct master *self, uint64_t session, struct agent *agent,
                         const struct message *message)
{
    struct err err;

    drop_message(self, session, message, COUNTER_MESSAGES_UNEXPECTED, "an agent does not say that");
    err_set(&err, -EPROTO, "%s is not for an agent to say", message_name(message->type));
    self->env.close(self->env.ctx, session, err.text);
    if (agent)
        agent_disconnect(self, agent);
}

static void on_framework_message(struct master *self, uint64_t session,
                                 const struct message *message)
{
    struct framework *framework = framework_of_session(self, session);
    struct waiting *waiting = waiting_find(self, session);

    if (message->type == MSG_SUBSCRIBE) {
        on_subscribe(self, session, message);
    } else if (!framework_calls[message->type].handle) {
        if (waiting)
            waiting_leave(self, waiting);
        refuse_framework(self, session, framework, message);
    } else if (waiting && message->type == MSG_TEARDOWN) {
        on_teardown_while_waiting(self, session);
    } else if (!framework) {
        drop_message(self, session, message, COUNTER_MESSAGES_UNEXPECTED, "not subscribed");
        if (waiting)
            waiting_leave(self, waiting);
        session_refuse(self, session, "SUBSCRIBE must come first");
    } else {
        counter_add(self, framework_calls[message->type].counter);
        framework_calls[message->type].handle(self, framework, message);
    }
}

static void on_agent_message(struct master *self, uint64_t session, const struct message *message)
{
    struct agent *agent = agent_of_session(self, session);
    struct waiting *waiting = waiting_find(self, session);

    if (message->type == MSG_REGISTER_TASKS) {
        on_register_tasks(self, session, message);
        return;
    }
    if (message->type == MSG_REGISTER_AGENT) {
        on_register_agent(self, session, message);
        parts_drop(self, session);
        return;
    }
    parts_drop(self, session);
    if (waiting)
        waiting_leave(self, waiting);
    if (!agent_calls[message->type].handle) {
        refuse_agent(self, session, agent, message);
    } else if (!agent) {
        drop_message(self, session, message, COUNTER_MESSAGES_UNEXPECTED, "not registered");
        self->env.close(self->env.ctx, session, "REGISTER_AGENT must come first");
    } else if (message->epoch != self->epoch) {
        drop_message(self, session, message, COUNTER_MESSAGES_OTHER_EPOCH, "of another epoch");
    } else {
        counter_add(self, agent_calls[message->type].counter);
        agent_calls[message->type].handle(self, agent, message);
    }
}

/* Whoever has become able to have more is offered what lies idle. */
static void event_ends(struct master *self)
{
    optimistic_settle(self);
    maintenance_settle(self);
    gangs_settle(self);
    preempt_settle(self);
    offers_look(self);
}

void master_on_message(struct master *self, struct now now, uint64_t session, enum peer_kind kind,
                       const struct message *message)
{
    event_begins(self, now);
    /* What a newer peer says may be passed over. */
    if (!strcmp(message_name(message->type), "?"))
        drop_message(self, session, message, COUNTER_MESSAGES_UNEXPECTED, "unknown");
    else if (kind == PEER_FRAMEWORK)
        on_framework_message(self, session, message);
    else
        on_agent_message(self, session, message);
    event_ends(self);
}

void master_on_session_closed(struct master *self, struct now now, uint64_t session,
                              const char *reason)
{
    struct framework *framework = framework_of_session(self, session);
    struct agent *agent = agent_of_session(self, session);
    struct waiting *waiting = waiting_find(self, session);

    event_begins(self, now);
    parts_drop(self, session);
    if (waiting)
        waiting_leave(self, waiting);
    if (framework || agent)
        log_note(self, "session %" PRIu64 " of %s is over: %s", session,
                 framework ? framework->id : agent->id, reason);
    if (framework)
        framework_disconnect(self, framework);
    if (agent)
        agent_disconnect(self, agent);
    event_ends(self);
}

void master_on_operator(struct master *self, struct now now, const struct message *call)
{
    event_begins(self, now);
    operator_call(self, call);
    event_ends(self);
}

void master_on_persisted(struct master *self, struct now now, uint64_t ticket, int rc,
                         const char *why)
{
    event_begins(self, now);
    keep_on_persisted(self, ticket, rc, why);
    event_ends(self);
}

void master_on_deadline(struct master *self, struct now now)
{
    event_begins(self, now);
    maintenance_catch_up(self);
    deadlines_run(&self->deadlines, now.mono_us, self);
    event_ends(self);
}

int64_t master_next_deadline_us(const struct master *self)
{
    return deadlines_next(&self->deadlines);
}
