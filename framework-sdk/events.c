/* The driver's effects: a message goes to the link, news go to the framework author's callbacks. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "framework-sdk/offers.h"
#include "framework-sdk/scheduler.h"
#include "framework-sdk/status.h"
#include "proto/resources_info.h"

#define REFUSE_WRONG_MS ((int64_t)3600 * 1000)

/* The callback, unless there is none or the scheduler is destroyed already. */
#define TELL(self, callback, ...)                                                                  \
    do {                                                                                           \
        if ((self)->callbacks.callback && !(self)->is_doomed)                                      \
            (self)->callbacks.callback((self), __VA_ARGS__, (self)->user);                         \
    } while (0)

/* A library has no business on its program's stderr, unless asked ($PROFFER_SDK_LOG). */
static void on_log(void *ctx, int level, const char *text)
{
    const struct proffer_scheduler *self = ctx;

    if (level <= self->log_level)
        log_write((enum log_level)level, "scheduler: %s", text);
}

static int on_send(void *ctx, const struct message *message, struct err *err)
{
    struct proffer_scheduler *self = ctx;

    return link_client_send(self->link, message, err);
}

static void on_registered(void *ctx, const char *framework_id, const char *master_id, bool again)
{
    struct proffer_scheduler *self = ctx;

    TELL(self, registered, framework_id, master_id, again);
}

/* An offer that cannot be read is of no use to anybody here; others may have it. */
static void refuse_wrong(struct proffer_scheduler *self, const char *offer_id, const char *why)
{
    on_log(self, LOG_LEVEL_WARNING, why);
    driver_decline(self->driver, &offer_id, 1, REFUSE_WRONG_MS, NULL);
}

static void on_offers(void *ctx, const struct offer_info *const *infos, size_t count)
{
    struct proffer_scheduler *self = ctx;
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct proffer_offer *offers = arena_array(arena, count, sizeof(*offers));
    const struct proffer_offer **good =
        arena_array(arena, count, sizeof(const struct proffer_offer *));
    size_t good_count = 0;

    for (size_t i = 0; i < count; i++) {
        struct err err = {0};

        if (sdk_offer_init(&offers[i], infos[i], arena, &err) < 0)
            refuse_wrong(self, infos[i]->id, err.text);
        else
            good[good_count++] = &offers[i];
    }
    if (good_count)
        TELL(self, offers, good, good_count);
    for (size_t i = 0; i < count; i++)
        sdk_offer_fini(&offers[i]);
}

static void on_rescinded(void *ctx, const char *offer_id)
{
    struct proffer_scheduler *self = ctx;

    TELL(self, rescinded, offer_id);
}

static void on_reduced(void *ctx, const struct msg_offer_reduced *info)
{
    struct proffer_scheduler *self = ctx;
    CLEANUP(resources_fini) struct resources lost = {0}, left = {0};
    CLEANUP(buf_fini) struct buf lost_text = {0}, left_text = {0};
    struct proffer_reduction reduction = {
        .offer_id = info->offer_id, .units = info->units, .reason = info->reason};

    if (resources_from_info(&lost, info->lost, info->lost_count, NULL) < 0 ||
        resources_from_info(&left, info->left, info->left_count, NULL) < 0)
        return; /* its accept will tell */
    resources_print(&lost, &lost_text);
    resources_print(&left, &left_text);
    reduction.lost = buf_text(&lost_text);
    reduction.left = buf_text(&left_text);
    TELL(self, offer_reduced, &reduction);
}

static void on_update(void *ctx, const struct task_status *info)
{
    struct proffer_scheduler *self = ctx;
    struct proffer_status status = sdk_status(info);

    TELL(self, update, &status);
}

static void on_operation(void *ctx, const struct operation_status *info)
{
    struct proffer_scheduler *self = ctx;
    struct proffer_operation_status status = sdk_operation_status(info);

    TELL(self, operation, &status);
}

static void on_inverse_offers(void *ctx, const struct inverse_offer_info *infos, size_t count)
{
    struct proffer_scheduler *self = ctx;
    CLEANUP(free_p) struct proffer_inverse_offer *offers = mem_calloc(count, sizeof(*offers));

    for (size_t i = 0; i < count; i++)
        offers[i] = (struct proffer_inverse_offer){
            .id = infos[i].id,
            .agent_id = infos[i].agent_id,
            .hostname = infos[i].hostname,
            .unavailability = sdk_unavailability(infos[i].unavailability),
        };
    TELL(self, inverse_offers, offers, count);
}

static void on_inverse_rescinded(void *ctx, const char *id)
{
    struct proffer_scheduler *self = ctx;

    TELL(self, inverse_rescinded, id);
}

static void on_message(void *ctx, const struct msg_message_to_framework *message)
{
    struct proffer_scheduler *self = ctx;

    TELL(self, message, message->agent_id, message->task_id, message->data.data,
         message->data.size);
}

static void on_limits_changed(void *ctx, const struct msg_limits_changed *changed)
{
    struct proffer_scheduler *self = ctx;

    TELL(self, limits_changed, changed->task_id, *changed->error ? changed->error : NULL);
}

static void on_agent_lost(void *ctx, const struct msg_agent_lost *lost)
{
    struct proffer_scheduler *self = ctx;

    TELL(self, agent_lost, lost->agent_id, lost->hostname);
}

static void on_preempted(void *ctx, const struct msg_preempt *preempt)
{
    struct proffer_scheduler *self = ctx;
    const struct proffer_preemption preemption = {.task_id = preempt->task_id,
                                                  .agent_id = preempt->agent_id,
                                                  .seconds = (double)preempt->deadline_ms / 1000,
                                                  .reason = preempt->reason,
                                                  .withdrawn = preempt->withdrawn};

    TELL(self, preempted, &preemption);
}

static void on_error(void *ctx, const char *text)
{
    struct proffer_scheduler *self = ctx;

    self->has_failed = true;
    TELL(self, error, text);
}

static void on_disconnected(void *ctx, const char *reason)
{
    struct proffer_scheduler *self = ctx;

    TELL(self, disconnected, reason);
}

const struct driver_env sdk_driver_env = {
    .send = on_send,
    .registered = on_registered,
    .offers = on_offers,
    .rescinded = on_rescinded,
    .reduced = on_reduced,
    .update = on_update,
    .operation = on_operation,
    .inverse_offers = on_inverse_offers,
    .inverse_rescinded = on_inverse_rescinded,
    .message = on_message,
    .limits_changed = on_limits_changed,
    .agent_lost = on_agent_lost,
    .preempted = on_preempted,
    .error = on_error,
    .disconnected = on_disconnected,
    .log = on_log,
};
