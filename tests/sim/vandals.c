/* tests/sim/vandals.c - frameworks without a driver that want to do harm.
 *
 * The vandal knows how things work and says what is wrong: offers of others, used ones, the same one
 * twice, task ids that are taken, acknowledgements of what was never sent. The madman says anything
 * that is well-formed, made from the schema itself. Neither may cost anybody else anything.
 */
#include <stdio.h>
#include <string.h>

#include "tests/sim/mirror.h"
#include "tests/sim/world.h"
#include "tests/unit/records.h"

#define TASK_IDS 4 /* few, so that they are in use */

static void say(struct instance *self, struct message message)
{
    struct err err = {""};

    (void)peer_send(&self->peer, &message, &err);
}

static void subscribe(struct instance *self)
{
    const struct sim_framework *framework = self->framework;
    const struct framework_info info = {.id = framework->id,
                                        .name = framework->character->name,
                                        .roles = &framework->role,
                                        .roles_count = 1,
                                        .failover_timeout_ms = framework->failover_ms};

    say(self, MESSAGE(SUBSCRIBE, subscribe, .framework = &info));
}

/* --- what it remembers ------------------------------------------------------------------------- */

static void remember_offer(struct sim_framework *self, const struct offer_info *info)
{
    char *slot = self->last_offers[self->last_offers_count++ % ARRAY_SIZE(self->last_offers)];

    snprintf(slot, sizeof(self->last_offers[0]), "%s", info->id);
    snprintf(self->last_agent, sizeof(self->last_agent), "%s", info->agent_id);
}

static void on_message(struct instance *self, const struct message *message)
{
    struct sim_framework *framework = self->framework;

    if (message->type == MSG_SUBSCRIBED) {
        snprintf(framework->id, sizeof(framework->id), "%s", message->subscribed->framework_id);
        self->subscribed_since_us = self->process.sim->now_us;
    }
    if (message->type == MSG_OFFERS)
        for (size_t i = 0; i < message->offers->offers_count; i++)
            remember_offer(framework, &message->offers->offers[i]);
    if (message->type == MSG_ERROR) {
        framework->id[0] = '\0';
        self->has_ended = true;
    }
}

/* Of its own, or of anybody's. */
static const char *any_offer(struct instance *self)
{
    const struct sim_framework *framework = self->framework;
    struct sim *sim = self->process.sim;
    const struct mirror_offer *offer = sim->master ? sim->master->mirror->offers : NULL;

    if (offer && sim_chance(sim, 30))
        return offer->id;
    if (!framework->last_offers_count)
        return "no-such-offer";
    return framework->last_offers[sim_below(sim, framework->last_offers_count <
                                                         ARRAY_SIZE(framework->last_offers)
                                                     ? framework->last_offers_count
                                                     : ARRAY_SIZE(framework->last_offers))];
}

static const char *any_task(struct instance *self)
{
    struct sim *sim = self->process.sim;

    return arena_printf(sim->arena, "v%zu", (size_t)sim_below(sim, TASK_IDS));
}

static const char *any_agent(const struct instance *self)
{
    return *self->framework->last_agent ? self->framework->last_agent : "no-such-agent";
}

/* --- tricks ------------------------------------------------------------------------------------ */

static void misaccept(struct instance *self)
{
    static const struct command_info command = {.value = "run 3000 0"};
    struct resource_info cpus = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 100};
    const char *offers[2] = {any_offer(self), any_offer(self)};
    struct task_info tasks[2];
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = tasks, .tasks_count = ARRAY_SIZE(tasks)};

    if (sim_chance(self->process.sim, 50))
        offers[1] = offers[0];
    if (sim_chance(self->process.sim, 20))
        cpus.scalar = INT64_MAX / 8;
    for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
        tasks[i] = (struct task_info){.task_id = any_task(self),
                                      .agent_id = any_agent(self),
                                      .command = &command,
                                      .resources = &cpus,
                                      .resources_count = 1};
    say(self, MESSAGE(ACCEPT, accept, .offer_ids = offers,
                      .offer_ids_count = 1 + sim_below(self->process.sim, 2), .operations = &launch,
                      .operations_count = 1));
}

static void misaccept_twice(struct instance *self)
{
    static const struct command_info command = {.value = "run 9000 0"};
    const struct resource_info cpus = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1000};
    const char *offer = any_offer(self);

    for (int i = 0; i < 2; i++) {
        const struct task_info task = {.task_id = any_task(self),
                                       .agent_id = any_agent(self),
                                       .command = &command,
                                       .resources = &cpus,
                                       .resources_count = 1};
        const struct operation_info launch = {
            .kind = OPERATION_LAUNCH, .tasks = &task, .tasks_count = 1};

        say(self, MESSAGE(ACCEPT, accept, .offer_ids = &offer, .offer_ids_count = 1,
                          .operations = &launch, .operations_count = 1));
    }
}

static void misdecline(struct instance *self)
{
    const char *offers[2] = {any_offer(self), any_offer(self)};
    const struct filters filters = {.refuse_ms = sim_between(self->process.sim, -1000, 1000)};

    say(self,
        MESSAGE(DECLINE, decline, .offer_ids = offers, .offer_ids_count = 2, .filters = &filters));
}

static void miskill(struct instance *self)
{
    say(self, MESSAGE(KILL, kill, .task_id = any_task(self), .agent_id = any_agent(self)));
}

static void misacknowledge(struct instance *self)
{
    unsigned char uuid[UUID_BYTES];

    uuid_make(&self->process.sim->rng, uuid);
    say(self, MESSAGE(ACKNOWLEDGE, acknowledge, .agent_id = any_agent(self),
                      .task_id = any_task(self), .uuid = {.data = uuid, .size = UUID_BYTES}));
}

static void misreconcile(struct instance *self)
{
    const struct task_ref refs[] = {{.task_id = any_task(self), .agent_id = any_agent(self)},
                                    {.task_id = "f0-j0-a1"}};

    say(self, MESSAGE(RECONCILE, reconcile, .tasks = refs,
                      .tasks_count = sim_below(self->process.sim, 3)));
}

static void play_trick(struct instance *self)
{
    static void (*const tricks[])(struct instance *) = {
        misaccept, misaccept,      misaccept_twice, misdecline,
        miskill,   misacknowledge, misreconcile,    subscribe,
    };

    SIM_PICK(self->process.sim, tricks)(self);
}

const struct character vandal_character = {.name = "vandal",
                                           .is_raw = true,
                                           .on_open = subscribe,
                                           .on_message = on_message,
                                           .think = play_trick};

/* --- the madman -------------------------------------------------------------------------------- */

static void rave(struct instance *self)
{
    struct sim *sim = self->process.sim;
    enum msg_type type = 0;

    for (uint64_t i = sim_below(sim, 64); i > 0 || !type; i -= i > 0)
        type = message_next(type);
    say(self, message_random(type, &sim->rng, sim->arena));
}

const struct character madman_character = {.name = "madman",
                                           .is_raw = true,
                                           .on_open = subscribe,
                                           .on_message = on_message,
                                           .think = rave};
