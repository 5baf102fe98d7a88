#include "framework-sdk/core/driver.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/resources.h"
#include "framework-sdk/core/state.h"

#define SUBSCRIBE_PAUSE_MIN_US (2 * US_PER_S)
#define SUBSCRIBE_PAUSE_MAX_US (60 * US_PER_S)
#define STOP_WAIT_US           (5 * US_PER_S)
#define LOG_TEXT_MAX           512

/* --- life cycle ------------------------------------------------------------------------------- */

#define MOVE_TO(state) (1u << (state))

static const struct {
    const char *name;
    unsigned moves;
} states[DRIVER_STATE_MAX] = {
    [DRIVER_DISCONNECTED] = {"disconnected", MOVE_TO(DRIVER_SUBSCRIBING) |
                                                 MOVE_TO(DRIVER_STOPPING) | MOVE_TO(DRIVER_ENDED)},
    [DRIVER_SUBSCRIBING] = {"subscribing", MOVE_TO(DRIVER_SUBSCRIBED) |
                                               MOVE_TO(DRIVER_DISCONNECTED) |
                                               MOVE_TO(DRIVER_ENDED)},
    [DRIVER_SUBSCRIBED] = {"subscribed", MOVE_TO(DRIVER_DISCONNECTED) | MOVE_TO(DRIVER_ENDED)},
    [DRIVER_STOPPING] = {"stopping", MOVE_TO(DRIVER_ENDED)},
    [DRIVER_ENDED] = {"ended", 0},
};

static void move(struct driver *self, enum driver_state state)
{
    BUG_ON(!(states[self->state].moves & MOVE_TO(state)));
    driver_log(self, LOG_LEVEL_DEBUG, "%s -> %s", states[self->state].name, states[state].name);
    self->state = state;
    if (state != DRIVER_SUBSCRIBING)
        deadline_cancel(&self->deadlines, &self->subscribe_again);
    if (state != DRIVER_STOPPING)
        deadline_cancel(&self->deadlines, &self->stop);
    if (state != DRIVER_SUBSCRIBED) {
        driver_drop_offers(self);
        driver_stop_reconciliation(self);
    }
}

static void fail(struct driver *self, const char *text)
{
    move(self, DRIVER_ENDED);
    self->env.error(self->env.ctx, text);
}

/* --- small things for all files --------------------------------------------------------------- */

void driver_log(struct driver *self, enum log_level level, const char *format, ...)
{
    char text[LOG_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    self->env.log(self->env.ctx, level, text);
}

int driver_check_subscribed(const struct driver *self, struct err *err)
{
    if (self->state == DRIVER_SUBSCRIBED)
        return 0;
    return err_set(err, -ENOTCONN, "no connection to the master: %s", states[self->state].name);
}

int driver_check_goes_on(const struct driver *self, struct err *err)
{
    if (self->state != DRIVER_STOPPING && self->state != DRIVER_ENDED)
        return 0;
    return err_set(err, -ENOTCONN, "the scheduler is %s", states[self->state].name);
}

int64_t driver_jitter(struct driver *self, int64_t pause_us)
{
    int64_t half = pause_us / 2;

    return half + (int64_t)rng_below(&self->rng, (uint64_t)half + 1);
}

/* --- subscription ----------------------------------------------------------------------------- */

static void send_subscribe(struct driver *self)
{
    struct framework_info framework = *self->framework;
    CLEANUP(free_p) const char **names = mem_calloc(self->roles_count, sizeof(*names));
    CLEANUP(free_p) struct role_needs *needs = mem_calloc(self->roles_count, sizeof(*needs));
    size_t count = 0, needs_count = 0;
    struct err err = {0};

    for (size_t i = 0; i < self->roles_count; i++) {
        if (self->roles[i].suppressed)
            names[count++] = self->roles[i].name;
        if (self->roles[i].needs)
            needs[needs_count++] = *self->roles[i].needs;
        self->roles[i].needs_are_news = false;
    }
    framework.id = self->framework_id;
    if (self->env.send(
            self->env.ctx,
            &MESSAGE(SUBSCRIBE, subscribe, .framework = &framework, .suppressed_roles = names,
                     .suppressed_roles_count = count, .needs = needs, .needs_count = needs_count,
                     .offers_max = self->offers_max, .offer_timeout_ms = self->offer_timeout_ms),
            &err) < 0)
        driver_log(self, LOG_LEVEL_WARNING, "cannot subscribe: %s", err.text);
}

static void subscribe(struct driver *self)
{
    send_subscribe(self);
    deadline_set(&self->deadlines, &self->subscribe_again,
                 self->now_us + driver_jitter(self, self->subscribe_pause_us));
    self->subscribe_pause_us *= 2;
    if (self->subscribe_pause_us > SUBSCRIBE_PAUSE_MAX_US)
        self->subscribe_pause_us = SUBSCRIBE_PAUSE_MAX_US;
}

static void on_subscribe_again(void *owner, struct deadline *deadline)
{
    struct driver *self = owner;

    (void)deadline;
    driver_log(self, LOG_LEVEL_INFO, "the master has not answered: subscribing again");
    subscribe(self);
}

/* What was wished for after SUBSCRIBE had left, or what SUBSCRIBE cannot say: reviving also drops
 * the filters that the master keeps from an earlier session. */
static void tell_wishes(struct driver *self)
{
    for (size_t i = 0; i < self->roles_count; i++) {
        struct driver_role *role = &self->roles[i];
        struct err err = {0};
        int rc = 0;

        if (role->suppressed && !role->told_suppressed)
            rc = driver_suppress(self, role->name, &err);
        else if (!role->suppressed && (role->told_suppressed || role->revived))
            rc = driver_revive(self, role->name, &err);
        if (rc >= 0 && role->needs_are_news)
            rc = driver_tell_needs(self, role, &err);
        if (rc < 0)
            driver_log(self, LOG_LEVEL_WARNING, "role %s: %s", role->name, err.text);
    }
}

static void on_subscribed(struct driver *self, const struct msg_subscribed *subscribed)
{
    bool again = self->was_subscribed;

    if (self->state == DRIVER_SUBSCRIBED)
        return; /* the answer to a SUBSCRIBE that was sent again */
    if (*self->framework_id && strcmp(self->framework_id, subscribed->framework_id) != 0)
        driver_log(self, LOG_LEVEL_WARNING, "the master gave framework %s the new id %s",
                   self->framework_id, subscribed->framework_id);
    free(self->framework_id);
    self->framework_id = mem_strdup(subscribed->framework_id);
    self->was_subscribed = true;
    move(self, DRIVER_SUBSCRIBED);
    tell_wishes(self);
    driver_start_reconciliation(self);
    self->env.registered(self->env.ctx, self->framework_id, subscribed->master_id, again);
}

/* --- stopping --------------------------------------------------------------------------------- */

static void send_teardown(struct driver *self)
{
    struct err err = {0};

    if (self->env.send(self->env.ctx, &MESSAGE(TEARDOWN, teardown, .reason = "stopped"), &err) < 0)
        driver_log(self, LOG_LEVEL_WARNING, "cannot tear down: %s", err.text);
}

static void on_stop_due(void *owner, struct deadline *deadline)
{
    struct driver *self = owner;

    (void)deadline;
    driver_log(self, LOG_LEVEL_WARNING,
               "no master to be told that framework %s ends: its tasks go on until its failover "
               "timeout",
               self->framework_id);
    move(self, DRIVER_ENDED);
}

void driver_stop(struct driver *self, struct now now, bool teardown)
{
    self->now_us = now.mono_us;
    if (self->state == DRIVER_ENDED || (self->state == DRIVER_STOPPING && teardown))
        return;
    if (teardown && self->state == DRIVER_DISCONNECTED && *self->framework_id) {
        move(self, DRIVER_STOPPING);
        deadline_set(&self->deadlines, &self->stop, self->now_us + STOP_WAIT_US);
        return;
    }
    /* Behind a SUBSCRIBE that is on its way it arrives in order. */
    if (teardown && self->state != DRIVER_DISCONNECTED)
        send_teardown(self);
    move(self, DRIVER_ENDED);
}

/* --- events ----------------------------------------------------------------------------------- */

void driver_on_connected(struct driver *self, struct now now)
{
    self->now_us = now.mono_us;
    if (self->state == DRIVER_ENDED)
        return;
    if (self->state == DRIVER_STOPPING) {
        send_subscribe(self);
        send_teardown(self);
        move(self, DRIVER_ENDED);
        return;
    }
    if (self->state != DRIVER_DISCONNECTED)
        move(self, DRIVER_DISCONNECTED);
    move(self, DRIVER_SUBSCRIBING);
    for (size_t i = 0; i < self->roles_count; i++)
        self->roles[i].told_suppressed = self->roles[i].suppressed;
    self->subscribe_pause_us = SUBSCRIBE_PAUSE_MIN_US;
    subscribe(self);
}

void driver_on_disconnected(struct driver *self, const char *reason, bool final)
{
    if (self->state == DRIVER_ENDED)
        return;
    if (final) {
        fail(self, reason);
        return;
    }
    if (self->state == DRIVER_STOPPING)
        return;
    if (self->state != DRIVER_DISCONNECTED)
        move(self, DRIVER_DISCONNECTED);
    self->env.disconnected(self->env.ctx, reason);
}

static void on_update(struct driver *self, const struct task_status *status)
{
    struct err err = {0};

    if (driver_is_late(self, status))
        return;
    driver_note_status(self, status);
    self->env.update(self->env.ctx, status);
    if (self->acknowledge_by_hand || !status->uuid.size || self->state != DRIVER_SUBSCRIBED)
        return;
    if (driver_acknowledge(self,
                           &(struct msg_acknowledge){.agent_id = status->agent_id,
                                                     .task_id = status->task_id,
                                                     .uuid = status->uuid},
                           &err) < 0)
        driver_log(self, LOG_LEVEL_WARNING, "task %s: cannot acknowledge: %s", status->task_id,
                   err.text);
}

static void on_operation(struct driver *self, const struct operation_status *status)
{
    struct err err = {0};

    if (self->env.operation)
        self->env.operation(self->env.ctx, status);
    if (self->acknowledge_by_hand || !status->uuid.size || self->state != DRIVER_SUBSCRIBED)
        return;
    if (driver_acknowledge_operation(
            self,
            &(struct msg_acknowledge_operation){.agent_id = status->agent_id,
                                                .operation_id = status->operation_id,
                                                .uuid = status->uuid},
            &err) < 0)
        driver_log(self, LOG_LEVEL_WARNING, "operation %s: cannot acknowledge: %s",
                   status->operation_id, err.text);
}

static void on_message_when_subscribed(struct driver *self, const struct message *message)
{
    switch (message->type) {
    case MSG_OFFERS:
        driver_on_offers(self, message->offers);
        break;
    case MSG_RESCIND:
        driver_on_rescind(self, message->rescind);
        break;
    case MSG_OFFER_REDUCED:
        driver_on_reduced(self, message->offer_reduced);
        break;
    case MSG_UPDATE:
        on_update(self, message->update->status);
        break;
    case MSG_OPERATION_UPDATE:
        on_operation(self, message->operation_update->status);
        break;
    case MSG_PREEMPT:
        if (self->env.preempted)
            self->env.preempted(self->env.ctx, message->preempt);
        break;
    case MSG_INVERSE_OFFERS:
        if (self->env.inverse_offers)
            self->env.inverse_offers(self->env.ctx, message->inverse_offers->offers,
                                     message->inverse_offers->offers_count);
        break;
    case MSG_RESCIND_INVERSE:
        if (self->env.inverse_rescinded)
            self->env.inverse_rescinded(self->env.ctx, message->rescind_inverse->id);
        break;
    case MSG_MESSAGE_TO_FRAMEWORK:
        self->env.message(self->env.ctx, message->message_to_framework);
        break;
    case MSG_LIMITS_CHANGED:
        if (self->env.limits_changed)
            self->env.limits_changed(self->env.ctx, message->limits_changed);
        break;
    case MSG_AGENT_LOST:
        self->env.agent_lost(self->env.ctx, message->agent_lost);
        break;
    default:
        driver_log(self, LOG_LEVEL_WARNING, "%s is not for a framework: dropped",
                   message_name(message->type));
    }
}

void driver_on_message(struct driver *self, struct now now, const struct message *message)
{
    self->now_us = now.mono_us;
    if (self->state != DRIVER_SUBSCRIBING && self->state != DRIVER_SUBSCRIBED)
        return;
    if (message->type == MSG_ERROR)
        fail(self, message->error->message);
    else if (message->type == MSG_SUBSCRIBED)
        on_subscribed(self, message->subscribed);
    else if (self->state == DRIVER_SUBSCRIBED)
        on_message_when_subscribed(self, message);
    else
        driver_log(self, LOG_LEVEL_WARNING, "%s came before SUBSCRIBED: dropped",
                   message_name(message->type));
}

void driver_on_deadline(struct driver *self, struct now now)
{
    self->now_us = now.mono_us;
    deadlines_run(&self->deadlines, now.mono_us, self);
}

int64_t driver_next_deadline_us(const struct driver *self)
{
    return deadlines_next(&self->deadlines);
}

/* --- birth and death -------------------------------------------------------------------------- */

static int take_roles(struct driver *self, bool suppressed, struct err *err)
{
    static const char *const any[] = {RESOURCE_ROLE_ANY};
    const char *const *names = self->framework->roles;

    self->roles_count = self->framework->roles_count;
    if (!self->roles_count) {
        names = any;
        self->roles_count = 1;
    }
    self->roles = arena_array(self->arena, self->roles_count, sizeof(*self->roles));
    for (size_t i = 0; i < self->roles_count; i++) {
        int rc = role_check(names[i], err);

        if (rc < 0)
            return rc;
        self->roles[i] = (struct driver_role){.name = names[i], .suppressed = suppressed};
    }
    return 0;
}

/* As its author has it, with what the driver can do for it. */
static void take_framework(struct driver *self, const struct framework_info *given)
{
    size_t count = given->capabilities_count;
    CLEANUP(free_p) const char **capabilities = mem_calloc(count + 1, sizeof(*capabilities));
    struct framework_info full = *given;

    for (size_t i = 0; i < count; i++)
        capabilities[i] = given->capabilities[i];
    if (self->env.inverse_offers) {
        capabilities[count] = "INVERSE_OFFERS";
        full.capabilities = capabilities;
        full.capabilities_count = count + 1;
    }
    self->framework = record_copy(&framework_info_def, &full, self->arena);
}

int driver_new(const struct driver_settings *settings, const struct driver_env *env,
               struct driver **ret_driver, struct err *err)
{
    CLEANUP(driver_destroy) struct driver *self = NULL;
    int rc;

    if (record_check(&framework_info_def, settings->framework, err) < 0)
        return err_wrap(err, -EINVAL, "framework");
    self = mem_new(struct driver);
    self->env = *env;
    self->arena = arena_new(0);
    take_framework(self, settings->framework);
    self->framework_id = mem_strdup(self->framework->id);
    self->acknowledge_by_hand = settings->acknowledge_by_hand;
    self->decline_all = settings->decline_all;
    self->offers_max = settings->offers_max;
    self->offer_timeout_ms = settings->offer_timeout_ms;
    self->rng.state = settings->seed;
    self->subscribe_again.due = on_subscribe_again;
    self->stop.due = on_stop_due;
    driver_init_reconciliation(self);
    rc = take_roles(self, settings->suppressed, err);
    if (rc < 0)
        return rc;
    *ret_driver = TAKE(self);
    return 0;
}

void driver_destroy(struct driver **self_p)
{
    struct driver *self = *self_p;
    struct driver_task *task, *next;

    if (!self)
        return;
    driver_drop_offers(self);
    driver_stop_reconciliation(self);
    HASH_ITER (hh, self->tasks, task, next)
        driver_drop_task(self, task);
    driver_forget_ends(self);
    driver_forget_kills(self);
    deadlines_fini(&self->deadlines);
    for (size_t i = 0; i < self->roles_count; i++)
        arena_destroy(&self->roles[i].needs_memory);
    arena_destroy(&self->arena);
    free(self->framework_id);
    free(self);
    *self_p = NULL;
}

/* --- looking ---------------------------------------------------------------------------------- */

const char *driver_framework_id(const struct driver *self)
{
    return self->framework_id;
}

const char *driver_principal(const struct driver *self)
{
    return self->framework->principal;
}

bool driver_is_subscribed(const struct driver *self)
{
    return self->state == DRIVER_SUBSCRIBED;
}

bool driver_has_ended(const struct driver *self)
{
    return self->state == DRIVER_ENDED;
}
