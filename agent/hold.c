#include "agent/hold.h"

#include "base/table.h"

struct held {
    struct held *prev, *next;
    bool is_order;
    uint64_t after;
    struct message message; /* its body is a copy, in the arena */
};

void hold_init(struct hold *self)
{
    self->arena = arena_new(0);
    self->items = NULL;
    self->written = 0;
    self->is_awaited = false;
    self->is_failing = false;
}

void hold_fini(struct hold *self)
{
    self->items = NULL;
    arena_destroy(&self->arena);
}

static void emit(struct hold *self, const struct message *message, bool is_order)
{
    if (is_order)
        self->contain(self->ctx, message);
    else
        self->send(self->ctx, message);
}

static void add(struct hold *self, const struct message *message, bool is_order, uint64_t after)
{
    struct held *held = arena_alloc(self->arena, sizeof(*held));

    held->is_order = is_order;
    held->after = after;
    held->message = *message;
    held->message.body = message_copy_body(message->type, message->body, self->arena);
    DL_APPEND(self->items, held);
    if (message->type != MSG_FORGET_CONTAINER)
        self->is_awaited = true;
}

void hold_send(struct hold *self, const struct message *message, uint64_t after)
{
    if (after <= self->written)
        emit(self, message, false);
    else if (!self->is_failing)
        add(self, message, false, after);
}

void hold_contain(struct hold *self, const struct message *order, uint64_t after)
{
    if (after <= self->written)
        emit(self, order, true);
    else if (!self->is_failing || order->type != MSG_LAUNCH_CONTAINER)
        add(self, order, true, after);
}

static void reset_if_empty(struct hold *self)
{
    if (!self->items)
        arena_reset(self->arena);
}

void hold_release(struct hold *self, uint64_t written)
{
    struct held *held, *next;

    self->written = written;
    self->is_awaited = false;
    self->is_failing = false;
    DL_FOREACH_SAFE (self->items, held, next) {
        if (held->after > written)
            continue;
        DL_DELETE(self->items, held);
        emit(self, &held->message, held->is_order);
    }
    reset_if_empty(self);
}

void hold_fail(struct hold *self)
{
    struct held *held, *next;

    self->is_failing = true;
    DL_FOREACH_SAFE (self->items, held, next) {
        if (!held->is_order || held->message.type == MSG_LAUNCH_CONTAINER)
            DL_DELETE(self->items, held);
    }
    reset_if_empty(self);
}

void hold_forget_sends(struct hold *self)
{
    struct held *held, *next;

    DL_FOREACH_SAFE (self->items, held, next) {
        if (!held->is_order)
            DL_DELETE(self->items, held);
    }
    reset_if_empty(self);
}
