#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/scale/peers.h"

static const struct resource_info resources[] = {
    {.name = "cpus", .kind = VALUE_SCALAR, .scalar = INT64_C(1000) * SLOTS},
    {.name = "mem", .kind = VALUE_SCALAR, .scalar = INT64_C(1000000) * SLOTS}};

void tally_note_gap(struct tally *self, int64_t gap_us)
{
    size_t count = atomic_load_explicit(&self->gaps_count, memory_order_relaxed);

    if (!atomic_load_explicit(&self->is_measuring, memory_order_relaxed) || count == SAMPLES_MAX)
        return;
    self->gaps_us[count] = gap_us < UINT32_MAX ? (uint32_t)gap_us : UINT32_MAX;
    atomic_store(&self->gaps_count, count + 1);
}

static void update(struct fake_agent *self, const struct slot *slot, enum task_state state)
{
    const uint64_t uuid[2] = {++self->uuid, self->number};
    const struct task_status status = {.task_id = slot->task_id,
                                       .state = state,
                                       .source = SOURCE_AGENT,
                                       .agent_id = self->id,
                                       .uuid = {uuid, sizeof(uuid)},
                                       .timestamp_us = clock_now().wall_us};
    struct message message =
        MESSAGE(STATUS_UPDATE, status_update, .framework_id = slot->framework_id, .status = &status,
                .latest_state = state);

    message.epoch = self->epoch;
    self->peer.carrier->say(&self->peer, message);
}

static void on_task_end(void *owner, struct deadline *deadline)
{
    struct slot *slot = (struct slot *)deadline; /* its first member */

    (void)owner;
    slot->freed_us = slot->agent->peer.carrier->now_us();
    update(slot->agent, slot, TASK_FINISHED);
}

/* The one that has been free the longest; NULL: none is. */
static struct slot *free_slot(struct fake_agent *self)
{
    struct slot *found = NULL;

    for (size_t i = 0; i < SLOTS; i++)
        if (!deadline_is_set(&self->slots[i].end) &&
            (!found || self->slots[i].freed_us < found->freed_us))
            found = &self->slots[i];
    return found;
}

static void run_task(struct fake_agent *self, const struct msg_run_task *run)
{
    struct slot *slot = free_slot(self);
    int64_t now_us = self->peer.carrier->now_us();

    if (!slot) {
        fprintf(stderr, "scale: agent %s is given more than it has\n", self->id);
        exit(1);
    }
    if (slot->freed_us)
        tally_note_gap(self->tally, now_us - slot->freed_us);
    snprintf(slot->task_id, sizeof(slot->task_id), "%s", run->task->task_id);
    snprintf(slot->framework_id, sizeof(slot->framework_id), "%s", run->framework->id);
    /* The command is how many milliseconds it takes. */
    deadline_set(self->deadlines, &slot->end,
                 now_us + strtoll(run->task->command->value, NULL, 10) * US_PER_MS);
    atomic_fetch_add(&self->tally->launched, 1);
    update(self, slot, TASK_RUNNING);
}

void fake_agent_init(struct fake_agent *self, size_t number, struct deadlines *deadlines,
                     struct tally *tally)
{
    self->number = number;
    self->deadlines = deadlines;
    self->tally = tally;
    for (size_t i = 0; i < SLOTS; i++) {
        self->slots[i].agent = self;
        self->slots[i].end.due = on_task_end;
    }
}

void fake_agent_open(struct fake_agent *self)
{
    char hostname[NAME_TEXT];
    const struct agent_info info = {.hostname = hostname,
                                    .address = "127.0.0.1:1",
                                    .resources = resources,
                                    .resources_count = sizeof(resources) / sizeof(resources[0])};

    snprintf(hostname, sizeof(hostname), "node%zu.example", self->number);
    self->peer.carrier->say(&self->peer, MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
}

void fake_agent_hear(struct fake_agent *self, const struct message *message)
{
    if (message->epoch > self->epoch)
        self->epoch = message->epoch;
    if (message->type == MSG_RUN_TASK) {
        run_task(self, message->run_task);
    } else if (message->type == MSG_AGENT_REGISTERED && !self->is_registered) {
        snprintf(self->id, sizeof(self->id), "%s", message->agent_registered->agent_id);
        self->is_registered = true;
        atomic_fetch_add(&self->tally->registered, 1);
    } else if (message->type == MSG_KILL_TASK) {
        fprintf(stderr, "scale: the master wants task %s killed\n", message->kill_task->task_id);
        exit(1);
    }
}
