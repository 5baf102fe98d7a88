/* tests/sim/claimer.c - a framework that says how much it needs, of which priority, and runs a task on all
 * that it is offered for it. Where its master preempts, others give way to it. */
#include <inttypes.h>
#include <stdio.h>

#include "framework-sdk/core/driver.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

static void claim(struct instance *self)
{
    struct sim *sim = self->process.sim;
    const struct resource_info minimum[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = sim_between(sim, 3, 30) * 100},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = sim_between(sim, 1, 8) * 64000},
    };
    const struct need_info need = {.name = sim_chance(sim, 50) ? "claim" : "other",
                                   .minimum = minimum,
                                   .minimum_count = ARRAY_SIZE(minimum),
                                   .count = sim_between(sim, sim_chance(sim, 10) ? 0 : 1, 6),
                                   .priority = sim_between(sim, -3, 6)};
    const struct role_needs needs = {
        .role = self->framework->role, .needs = &need, .needs_count = sim_chance(sim, 95) ? 1 : 0};

    if (driver_set_needs(self->driver, &needs, NULL) < 0)
        sim_fail(sim, "%s cannot say what it needs", self->process.name);
}

static void run_on(struct instance *self, const struct held_offer *offer)
{
    static const char *const commands[] = {"run 3000 0", "run 30000 0", "run -1 0",
                                           "run 20000 0 stubborn"};
    struct sim *sim = self->process.sim;
    const char *offer_id = offer->id;
    const struct command_info command = {.value = SIM_PICK(sim, commands)};
    const struct kill_policy grace = {.grace_ms = sim_between(sim, 0, 20000)};
    struct task_info task = {.agent_id = offer->agent_id,
                             .command = &command,
                             .priority = sim_between(sim, -3, 3),
                             .preemption_policy = sim_chance(sim, 30) ? &grace : NULL};
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = &task, .tasks_count = 1};
    const struct msg_accept accept = {
        .offer_ids = &offer_id, .offer_ids_count = 1, .operations = &launch, .operations_count = 1};

    task.task_id = arena_printf(sim->arena, "claim-%" PRIu64, rng_next(&sim->rng));
    task.resources = resources_to_info(&offer->resources, sim->arena, &task.resources_count);
    if (driver_accept(self->driver, &accept, NULL) < 0)
        sim_fail(sim, "%s cannot accept %s", self->process.name, offer_id);
}

/* Mostly it takes what it has asked for. */
static void take(struct instance *self)
{
    struct sim *sim = self->process.sim;

    while (self->offers) {
        const char *id = self->offers->id;

        if (sim_chance(sim, 85))
            run_on(self, self->offers);
        else if (driver_decline(self->driver, &id, 1, sim_between(sim, -1, 4000), NULL) < 0)
            sim_fail(sim, "%s cannot decline %s", self->process.name, id);
        instance_drop_offer(self, self->offers);
    }
}

static void think(struct instance *self)
{
    struct sim *sim = self->process.sim;

    if (sim_chance(sim, 15))
        claim(self);
    if (sim_chance(sim, 4))
        (void)driver_suppress(self->driver, NULL, NULL);
    if (sim_chance(sim, 10))
        (void)driver_revive(self->driver, NULL, NULL);
}

const struct character claimer_character = {
    .name = "claimer", .on_registered = claim, .on_offers = take, .think = think};
