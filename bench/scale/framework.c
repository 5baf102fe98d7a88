#include <stdio.h>
#include <stdlib.h>

#include "bench/scale/peers.h"

#define REFUSE_MS INT64_C(3600000)

static const struct resource_info task_resources[] = {
    {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1000},
    {.name = "mem", .kind = VALUE_SCALAR, .scalar = 1000000}};

static void say(struct fake_framework *self, struct message message)
{
    self->peer.carrier->say(&self->peer, message);
}

/* Normal enough: twelve uniform numbers less six have a deviation of one. */
static int64_t task_ms(struct load *load)
{
    int64_t sum = 0, ms;

    if (load->is_exact)
        return load->mean_ms;
    if (load->begun) {
        load->begun--;
        return (int64_t)rng_below(&load->rng, (uint64_t)load->mean_ms);
    }
    for (int i = 0; i < 12; i++)
        sum += (int64_t)rng_below(&load->rng, 1000000);
    ms = load->mean_ms + load->mean_ms / 3 * (sum - 6000000) / 1000000;
    return ms > 0 ? ms : 0;
}

static void launch(struct fake_framework *self, const struct offer_info *offer)
{
    static const struct filters none = {.refuse_ms =
                                            0}; /* others may have the rest, and we later */
    char id[NAME_TEXT], value[NAME_TEXT];
    const struct command_info command = {.value = value};
    const struct task_info task = {.task_id = id,
                                   .name = "one of many",
                                   .agent_id = offer->agent_id,
                                   .resources = task_resources,
                                   .resources_count =
                                       sizeof(task_resources) / sizeof(task_resources[0]),
                                   .command = &command};
    const struct operation_info operation = {
        .kind = OPERATION_LAUNCH, .tasks = &task, .tasks_count = 1};

    snprintf(id, sizeof(id), "t%zu", self->launched++);
    snprintf(value, sizeof(value), "%lld", (long long)task_ms(self->load));
    say(self, MESSAGE(ACCEPT, accept, .offer_ids = &offer->id, .offer_ids_count = 1,
                      .operations = &operation, .operations_count = 1, .filters = &none));
}

static void on_offer(struct fake_framework *self, const struct offer_info *offer)
{
    static const struct filters long_time = {.refuse_ms = REFUSE_MS};

    if (self->launched < self->launches_max)
        launch(self, offer);
    else
        say(self, MESSAGE(DECLINE, decline, .offer_ids = &offer->id, .offer_ids_count = 1,
                          .filters = &long_time));
}

static void on_update(struct fake_framework *self, const struct task_status *status)
{
    if (status->uuid.size)
        say(self, MESSAGE(ACKNOWLEDGE, acknowledge, .agent_id = status->agent_id,
                          .task_id = status->task_id, .uuid = status->uuid));
    if (status->state == TASK_FINISHED) {
        self->has_finished = true;
    } else if (status->state != TASK_RUNNING) {
        fprintf(stderr, "scale: task %s of %s is %s: %s\n", status->task_id, self->id,
                task_state_name(status->state), status->message);
        exit(1);
    }
}

void fake_framework_open(struct fake_framework *self)
{
    char name[NAME_TEXT];
    const struct framework_info info = {.name = name};

    snprintf(name, sizeof(name), "scale-%zu", self->number);
    self->asked_us = self->peer.carrier->now_us();
    say(self, MESSAGE(SUBSCRIBE, subscribe, .framework = &info));
}

static void tell_needs(struct fake_framework *self)
{
    const struct need_info need = {.name = "task",
                                   .minimum = task_resources,
                                   .minimum_count =
                                       sizeof(task_resources) / sizeof(task_resources[0])};
    const struct role_needs role = {.role = "*", .needs = &need, .needs_count = 1};

    say(self, MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
}

void fake_framework_hear(struct fake_framework *self, const struct message *message)
{
    if (message->type == MSG_SUBSCRIBED) {
        snprintf(self->id, sizeof(self->id), "%s", message->subscribed->framework_id);
        if (self->load->has_needs && !self->is_subscribed)
            tell_needs(self);
        self->is_subscribed = true;
    } else if (message->type == MSG_OFFERS) {
        for (size_t i = 0; i < message->offers->offers_count; i++)
            on_offer(self, &message->offers->offers[i]);
    } else if (message->type == MSG_UPDATE) {
        on_update(self, message->update->status);
    }
}
