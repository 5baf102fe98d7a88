#include "tests/unit/driver_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/deadlines.h"
#include "base/mem.h"

/* --- what the driver calls -------------------------------------------------------------------- */

static int on_send(void *ctx, const struct message *message, struct err *err)
{
    struct driver_fixture *self = ctx;
    struct message *copy;

    if (self->send_answer < 0)
        return err_set(err, self->send_answer, "cannot send");
    if (message_check(message, err) < 0)
        fail_msg("%s is wrong: %s", message_name(message->type), err->text);
    self->sent = mem_resize(self->sent, self->sent_count + 1, sizeof(*self->sent));
    copy = &self->sent[self->sent_count++];
    *copy = *message;
    copy->body = message_copy_body(message->type, message->body, self->arena);
    return 0;
}

static void note(struct driver_fixture *self, const char *text)
{
    snprintf(self->text, sizeof(self->text), "%s", text);
}

static void on_registered(void *ctx, const char *framework_id, const char *master_id, bool again)
{
    struct driver_fixture *self = ctx;

    (void)master_id;
    self->registered++;
    self->again = again;
    note(self, framework_id);
}

static void on_offers(void *ctx, const struct offer_info *const *offers, size_t count)
{
    struct driver_fixture *self = ctx;

    self->offers++;
    self->offers_last = count;
    if (self->in_offers)
        self->in_offers(self, offers, count);
}

static void on_inverse_offers(void *ctx, const struct inverse_offer_info *offers, size_t count)
{
    struct driver_fixture *self = ctx;

    self->inverse_offers += (int)count;
    note(self, offers[count - 1].agent_id);
}

static void on_inverse_rescinded(void *ctx, const char *id)
{
    struct driver_fixture *self = ctx;

    self->inverse_rescinded++;
    note(self, id);
}

static void on_rescinded(void *ctx, const char *offer_id)
{
    struct driver_fixture *self = ctx;

    self->rescinded++;
    note(self, offer_id);
}

static void on_reduced(void *ctx, const struct msg_offer_reduced *reduced)
{
    struct driver_fixture *self = ctx;

    self->reduced++;
    note(self, reduced->offer_id);
}

static void on_update(void *ctx, const struct task_status *status)
{
    struct driver_fixture *self = ctx;

    self->updates++;
    note(self, status->task_id);
    if (self->in_update)
        self->in_update(self, status);
}

static void on_message(void *ctx, const struct msg_message_to_framework *message)
{
    struct driver_fixture *self = ctx;

    self->messages++;
    note(self, message->task_id);
}

static void on_agent_lost(void *ctx, const struct msg_agent_lost *lost)
{
    struct driver_fixture *self = ctx;

    self->agents_lost++;
    note(self, lost->agent_id);
}

static void on_error(void *ctx, const char *text)
{
    struct driver_fixture *self = ctx;

    self->errors++;
    note(self, text);
}

static void on_disconnected(void *ctx, const char *reason)
{
    struct driver_fixture *self = ctx;

    self->disconnected++;
    note(self, reason);
}

static void on_log(void *ctx, int level, const char *text)
{
    (void)ctx, (void)level, (void)text;
}

/* --- life ------------------------------------------------------------------------------------- */

struct driver_fixture *driver_fixture_new(void)
{
    struct driver_fixture *self = mem_new(struct driver_fixture);

    self->framework.name = "f";
    self->settings.framework = &self->framework;
    self->settings.seed = 1;
    self->now = (struct now){.mono_us = 1000 * S, .wall_us = 1700000000 * (int64_t)S};
    self->arena = arena_new(0);
    return self;
}

struct driver_fixture *driver_fixture_new_with_roles(void)
{
    static const char *const roles[] = {"dev", "ops"};
    struct driver_fixture *self = driver_fixture_new();

    self->framework.roles = roles;
    self->framework.roles_count = 2;
    return self;
}

struct driver_fixture *driver_fixture_new_subscribed(void)
{
    struct driver_fixture *self = driver_fixture_new();

    driver_fixture_subscribe(self);
    return self;
}

void driver_fixture_destroy(struct driver_fixture **self_p)
{
    struct driver_fixture *self = *self_p;

    if (!self)
        return;
    driver_destroy(&self->driver);
    arena_destroy(&self->arena);
    free(self->sent);
    free(self);
    *self_p = NULL;
}

static void check(struct driver_fixture *self)
{
    struct err err = {0};

    if (driver_check(self->driver, &err) < 0)
        fail_msg("the driver is inconsistent: %s", err.text);
}

void driver_fixture_start(struct driver_fixture *self)
{
    const struct driver_env env = {
        .ctx = self,
        .send = on_send,
        .registered = on_registered,
        .offers = on_offers,
        .rescinded = on_rescinded,
        .reduced = on_reduced,
        .update = on_update,
        .inverse_offers = self->leaves_agents ? on_inverse_offers : NULL,
        .inverse_rescinded = on_inverse_rescinded,
        .message = on_message,
        .agent_lost = on_agent_lost,
        .error = on_error,
        .disconnected = on_disconnected,
        .log = on_log,
    };
    struct err err = {0};

    if (driver_new(&self->settings, &env, &self->driver, &err) < 0)
        fail_msg("driver_new: %s", err.text);
    check(self);
}

void driver_fixture_subscribe(struct driver_fixture *self)
{
    driver_fixture_start(self);
    driver_fixture_connect(self);
    driver_fixture_hear_subscribed(self, "F1");
    assert_true(driver_is_subscribed(self->driver));
    driver_fixture_forget(self);
}

/* --- events ----------------------------------------------------------------------------------- */

void driver_fixture_hear(struct driver_fixture *self, struct message message)
{
    /* As from the wire: absent texts are "". */
    message.body = message_copy_body(message.type, message.body, self->arena);
    driver_on_message(self->driver, self->now, &message);
    check(self);
}

void driver_fixture_connect(struct driver_fixture *self)
{
    driver_on_connected(self->driver, self->now);
    check(self);
}

void driver_fixture_disconnect(struct driver_fixture *self)
{
    driver_on_disconnected(self->driver, "the cable was cut", false);
    check(self);
}

void driver_fixture_hear_subscribed(struct driver_fixture *self, const char *framework_id)
{
    driver_fixture_hear(
        self, MESSAGE(SUBSCRIBED, subscribed, .framework_id = framework_id, .master_id = "M1"));
}

void driver_fixture_offer(struct driver_fixture *self, const char *id, const char *agent_id,
                          const char *role)
{
    const struct resource_info cpus = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1000};
    const struct offer_info offer = {.id = id,
                                     .agent_id = agent_id,
                                     .hostname = agent_id,
                                     .role = role,
                                     .resources = &cpus,
                                     .resources_count = 1};

    driver_fixture_hear(self, MESSAGE(OFFERS, offers, .offers = &offer, .offers_count = 1));
}

void driver_fixture_update(struct driver_fixture *self, const char *task_id, enum task_state state,
                           bool acknowledge)
{
    const struct task_status status = {
        .task_id = task_id,
        .state = state,
        .agent_id = "A1",
        .uuid = {.data = "0123456789abcdef", .size = acknowledge ? 16 : 0},
    };

    driver_fixture_hear(self, MESSAGE(UPDATE, update, .status = &status));
}

void driver_fixture_pass(struct driver_fixture *self, int64_t us)
{
    int64_t until_us = self->now.mono_us + us;

    while (driver_next_deadline_us(self->driver) <= until_us) {
        int64_t next_us = driver_next_deadline_us(self->driver);

        if (next_us > self->now.mono_us)
            self->now.mono_us = next_us;
        driver_on_deadline(self->driver, self->now);
        check(self);
    }
    self->now.mono_us = until_us;
}

int driver_fixture_launch(struct driver_fixture *self, const char *offer_id, const char *agent_id,
                          const char *task_id)
{
    const struct command_info command = {.value = "true"};
    const struct task_info task = {.task_id = task_id, .agent_id = agent_id, .command = &command};
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = &task, .tasks_count = 1};
    const struct msg_accept accept = {
        .offer_ids = &offer_id, .offer_ids_count = 1, .operations = &launch, .operations_count = 1};
    int rc = driver_accept(self->driver, &accept, NULL);

    check(self);
    return rc;
}

/* --- looking ---------------------------------------------------------------------------------- */

void driver_fixture_forget(struct driver_fixture *self)
{
    self->sent_count = 0;
}

size_t driver_fixture_sent(const struct driver_fixture *self, enum msg_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < self->sent_count; i++)
        count += self->sent[i].type == type;
    return count;
}

const struct message *driver_fixture_last(const struct driver_fixture *self, enum msg_type type)
{
    const struct message *last;

    assert_true(self->sent_count > 0);
    last = &self->sent[self->sent_count - 1];
    assert_string_equal(message_name(last->type), message_name(type));
    return last;
}
