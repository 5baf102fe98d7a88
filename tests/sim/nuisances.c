/* tests/sim/nuisances.c - frameworks that are within their rights and a trial to the others: one that
 * wants nothing, one that never answers, one that takes everything. */
#include <stdio.h>
#include <string.h>

#include "framework-sdk/core/driver.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

/* --- the decliner ------------------------------------------------------------------------------ */

static void decline_all(struct instance *self)
{
    struct sim *sim = self->process.sim;

    while (self->offers) {
        const char *id = self->offers->id;

        if (driver_decline(self->driver, &id, 1, sim_between(sim, -1, 4000), NULL) < 0)
            sim_fail(sim, "%s cannot decline %s", self->process.name, id);
        instance_drop_offer(self, self->offers);
    }
}

static void waver(struct instance *self)
{
    if (sim_chance(self->process.sim, 5))
        (void)driver_suppress(self->driver, NULL, NULL);
    if (sim_chance(self->process.sim, 5))
        (void)driver_revive(self->driver, NULL, NULL);
}

const struct character decliner_character = {
    .name = "decliner", .on_offers = decline_all, .think = waver};

const struct character holder_character = {.name = "holder"};

/* --- the hog ----------------------------------------------------------------------------------- */

/* One task that takes all, and one for which nothing is left. */
static void take_all(struct instance *self, struct held_offer *offer)
{
    struct sim *sim = self->process.sim;
    const char *offer_id = offer->id;
    const struct command_info command = {.value = sim_chance(sim, 50) ? "run -1 0 stubborn"
                                                                      : "run 20000 0"};
    struct task_info tasks[2];
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = tasks, .tasks_count = ARRAY_SIZE(tasks)};
    const struct msg_accept accept = {
        .offer_ids = &offer_id, .offer_ids_count = 1, .operations = &launch, .operations_count = 1};

    for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
        tasks[i] = (struct task_info){.agent_id = offer->agent_id, .command = &command};
        tasks[i].task_id =
            arena_printf(sim->arena, "hog-%llu", (unsigned long long)rng_next(&sim->rng));
        tasks[i].resources =
            resources_to_info(&offer->resources, sim->arena, &tasks[i].resources_count);
    }
    if (driver_accept(self->driver, &accept, NULL) < 0)
        sim_fail(sim, "%s cannot accept %s", self->process.name, offer_id);
}

static void gobble(struct instance *self)
{
    while (self->offers) {
        take_all(self, self->offers);
        instance_drop_offer(self, self->offers);
    }
}

const struct character hog_character = {.name = "hog", .on_offers = gobble};
