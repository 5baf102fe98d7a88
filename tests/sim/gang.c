/* tests/sim/gang.c - a framework of gangs: it gathers offers of several agents and takes them as one.
 * Some of its gangs have a part that cannot be done: then none of their tasks may ever be seen. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework-sdk/core/driver.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

#define PARTS_MAX 4
#define DOOMED    "doomed-"

struct gang {
    struct gang_part parts[PARTS_MAX];
    struct operation_info operations[PARTS_MAX];
    struct task_info tasks[PARTS_MAX + 1];
    const char *offer_ids[PARTS_MAX];
    size_t count;
};

static void add_part(struct instance *self, struct gang *gang, const struct held_offer *offer,
                     bool is_doomed)
{
    static const struct command_info command = {.value = "run 3000 0"};
    struct sim *sim = self->process.sim;
    size_t i = gang->count++;
    struct task_info *task = &gang->tasks[i];

    *task = (struct task_info){.agent_id = offer->agent_id, .command = &command};
    task->task_id =
        arena_printf(sim->arena, "%s%" PRIu64, is_doomed ? DOOMED : "gang-", rng_next(&sim->rng));
    task->resources = resources_to_info(&offer->resources, sim->arena, &task->resources_count);
    gang->offer_ids[i] = offer->id;
    gang->operations[i] =
        (struct operation_info){.kind = OPERATION_LAUNCH, .tasks = task, .tasks_count = 1};
    gang->parts[i] = (struct gang_part){.offer_ids = &gang->offer_ids[i],
                                        .offer_ids_count = 1,
                                        .operations = &gang->operations[i],
                                        .operations_count = 1};
}

/* Its last part has one more task, for which nothing is left. */
static void doom(struct instance *self, struct gang *gang)
{
    struct task_info *last = &gang->tasks[gang->count];

    *last = last[-1];
    last->task_id = arena_printf(self->process.sim->arena, DOOMED "%" PRIu64,
                                 rng_next(&self->process.sim->rng));
    gang->operations[gang->count - 1].tasks_count = 2;
}

static void accept_gang(struct instance *self)
{
    struct sim *sim = self->process.sim;
    bool is_doomed = sim_chance(sim, 30);
    struct gang gang = {0};
    struct msg_accept_gang call = {.parts = gang.parts};
    const struct held_offer *offer;
    struct err err;

    for (offer = self->offers; offer && gang.count < PARTS_MAX; offer = offer->next)
        add_part(self, &gang, offer, is_doomed);
    if (is_doomed)
        doom(self, &gang);
    call.parts_count = gang.count;
    if (driver_accept_gang(self->driver, &call, &err) < 0)
        sim_fail(sim, "%s cannot accept a gang: %s", self->process.name, err.text);
    while (gang.count-- > 0)
        instance_drop_offer(self, self->offers);
}

static void gather(struct instance *self)
{
    /* Mostly it waits for more. */
    while (self->offers && sim_chance(self->process.sim, self->offers->next ? 30 : 10))
        accept_gang(self);
}

/* Some say how many units they need together; the others take what there is. */
static void state_gang(struct instance *self)
{
    struct sim *sim = self->process.sim;
    const struct resource_info minimum[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = sim_between(sim, 3, 30) * 100},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = 64000},
    };
    const struct need_info need = {.name = "gang",
                                   .min_available_ms = self->framework->min_available_ms,
                                   .minimum = minimum,
                                   .minimum_count = ARRAY_SIZE(minimum),
                                   .count = sim_between(sim, 1, 12),
                                   .gang = true,
                                   .hold_ms = sim_between(sim, 0, 40000)};
    const struct role_needs needs = {
        .role = self->framework->role, .needs = &need, .needs_count = sim_chance(sim, 90) ? 1 : 0};

    if (driver_set_needs(self->driver, &needs, NULL) < 0)
        sim_fail(sim, "%s cannot say that it needs a gang", self->process.name);
}

static void think(struct instance *self)
{
    gather(self);
    if (sim_chance(self->process.sim, 5))
        state_gang(self);
}

static void on_update(struct instance *self, const struct task_status *status)
{
    bool is_seen = status->state == TASK_STAGING || status->state == TASK_STARTING ||
                   status->state == TASK_RUNNING || status->state == TASK_FINISHED;

    if (is_seen && !strncmp(status->task_id, DOOMED, strlen(DOOMED)))
        sim_fail(self->process.sim, "%s: a part of a gang that cannot be whole is %s: %s",
                 self->process.name, task_state_name(status->state), status->task_id);
}

const struct character gang_character = {.name = "gang",
                                         .on_registered = state_gang,
                                         .on_offers = gather,
                                         .on_update = on_update,
                                         .think = think};
