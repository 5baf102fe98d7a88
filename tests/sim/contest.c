/* tests/sim/contest.c - calm worlds in which frameworks compete, and nobody may wait for ever. What is
 * held here is what docs/allocation.md promises:
 *
 * Gangs: while what is used, and who wants what, does not change, and there is room for one of the
 * gangs that wait, one is launched within the longest hold-off and four times the hold for each that
 * waits: each has two turns at most before that one has its own, and a turn is at most two holds.
 *
 * Offers: who has nothing, wants anything and has refused nothing that still counts, is made an offer
 * after at most as many offers of the longest time as it has competitors: the product, over the levels
 * of the tree of roles, of how many children want offers. One that uses something already, and so comes
 * behind all others, gets its turn when these, who decline or never answer, are asked rarely enough.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework-sdk/core/driver.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

#define RUN_US       (7200 * (int64_t)US_PER_S)
#define HOLD_OFF_US  (600 * (int64_t)US_PER_S)
#define BACK_OFF_US  (600 * (int64_t)US_PER_S)
#define BACK_OFF_MIN (10 * (int64_t)US_PER_MS)
#define DEFAULT_US   (5 * (int64_t)US_PER_S)
#define SLACK_US     (4 * (int64_t)US_PER_S) /* we look once a second, and messages take a while */
#define PARTS        16
#define GANGS_EACH   5

static const char *const agents_texts[] = {"cpus:1;mem:64000", "cpus:2;mem:64000",
                                           "cpus:4;mem:64000", "cpus:6;mem:64000"};

const char *contest_agent(struct sim *sim)
{
    return SIM_PICK(sim, agents_texts);
}

/* --- gangs ------------------------------------------------------------------------------------- */

static void state_gang(struct instance *self)
{
    struct contender *contender = &self->framework->contender;
    struct sim *sim = self->process.sim;
    const struct resource_info minimum = {
        .name = "cpus",
        .kind = VALUE_SCALAR,
        .scalar = sim_between(sim, 1, sim_chance(sim, 50) ? 2 : 6) * 1000};
    const struct need_info need = {.name = "gang",
                                   .minimum = &minimum,
                                   .minimum_count = 1,
                                   .count = sim_between(sim, 1, sim_chance(sim, 50) ? 1 : 5),
                                   .gang = true};
    const struct role_needs needs = {
        .role = self->framework->role, .needs = &need, .needs_count = 1};

    if (driver_set_needs(self->driver, &needs, NULL) < 0)
        sim_fail(sim, "%s cannot say that it needs a gang", self->process.name);
    contender->cpus_milli = minimum.scalar;
    contender->count = need.count;
    contender->is_waiting = true;
    sim->contest_changes++;
    sim_trace(sim, "%s waits for %" PRId64 " times %" PRId64 " cpus", self->process.name,
              need.count, minimum.scalar / 1000);
}

static void launch_gang(struct instance *self)
{
    struct contender *contender = &self->framework->contender;
    struct sim *sim = self->process.sim;
    struct gang_part parts[PARTS];
    struct operation_info operations[PARTS];
    struct task_info tasks[PARTS];
    const char *ids[PARTS];
    struct command_info command = {.value = "run -1 0"};
    struct msg_accept_gang call = {.parts = parts};
    const struct held_offer *offer;
    struct err err;

    if (sim_chance(sim, 60))
        command.value = arena_printf(sim->arena, "run %" PRId64 " 0", sim_between(sim, 100, 60000));
    for (offer = self->offers; offer && call.parts_count < PARTS; offer = offer->next) {
        size_t i = call.parts_count++;

        tasks[i] = (struct task_info){.agent_id = offer->agent_id, .command = &command};
        tasks[i].task_id = arena_printf(sim->arena, "g%u-%zu", contender->gangs, i);
        tasks[i].resources =
            resources_to_info(&offer->resources, sim->arena, &tasks[i].resources_count);
        ids[i] = offer->id;
        operations[i] =
            (struct operation_info){.kind = OPERATION_LAUNCH, .tasks = &tasks[i], .tasks_count = 1};
        parts[i] = (struct gang_part){&ids[i], 1, &operations[i], 1};
    }
    if (driver_accept_gang(self->driver, &call, &err) < 0)
        sim_fail(sim, "%s cannot accept a gang: %s", self->process.name, err.text);
    contender->gangs++;
    contender->alive = call.parts_count;
    contender->is_waiting = false;
    sim->contest_changes++;
    while (self->offers)
        instance_drop_offer(self, self->offers);
}

static void gather(struct instance *self)
{
    const struct held_offer *offer;
    int64_t units = 0;

    DL_FOREACH (self->offers, offer)
        units += offer->units;
    if (units >= self->framework->contender.count)
        launch_gang(self);
}

static void gatherer_begin(struct sim_framework *self)
{
    /* One or two take something for ever, so that not all gangs can be. */
    self->contender.is_squatter = self->number < 2 && sim_chance(self->sim, 60);
}

static void squat(struct instance *self)
{
    struct sim *sim = self->process.sim;
    const struct command_info command = {.value = "run -1 0"};
    /* Nearly all of it, so that something is left that is of no use to most. */
    int64_t milli = resources_scalar(&self->offers->resources, "cpus");
    const struct resource_info cpus = {.name = "cpus",
                                       .kind = VALUE_SCALAR,
                                       .scalar = milli > 1000 ? milli - sim_between(sim, 0, 2) * 500
                                                              : milli};
    struct task_info task = {.task_id = "squat",
                             .agent_id = self->offers->agent_id,
                             .command = &command,
                             .resources = &cpus,
                             .resources_count = 1};
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = &task, .tasks_count = 1};
    const char *id = self->offers->id;
    const struct msg_accept accept = {
        .offer_ids = &id, .offer_ids_count = 1, .operations = &launch, .operations_count = 1};

    if (!self->framework->contender.is_settled && (driver_accept(self->driver, &accept, NULL) < 0 ||
                                                   driver_suppress(self->driver, NULL, NULL) < 0))
        sim_fail(sim, "%s cannot accept", self->process.name);
    if (!self->framework->contender.is_settled)
        instance_drop_offer(self, self->offers);
    self->framework->contender.is_settled = true;
    while (self->offers) {
        id = self->offers->id;
        (void)driver_decline(self->driver, &id, 1, 0, NULL);
        instance_drop_offer(self, self->offers);
    }
    sim->contest_changes++;
}

static void gatherer_on_offers(struct instance *self)
{
    if (self->framework->contender.is_squatter)
        squat(self);
    else
        gather(self);
}

/* Before it is offered anything. */
static void gatherer_on_registered(struct instance *self)
{
    if (!self->framework->contender.is_squatter)
        state_gang(self);
}

static void gatherer_on_update(struct instance *self, const struct task_status *status)
{
    struct contender *contender = &self->framework->contender;
    struct sim *sim = self->process.sim;

    if (!task_state_is_terminal(status->state) || contender->is_squatter)
        return;
    /* Its hold was over while it answered: it goes on waiting. */
    if (status->state == TASK_DROPPED && status->reason == REASON_INVALID_OFFERS)
        contender->is_waiting = true;
    else if (status->state != TASK_FINISHED)
        sim_fail(sim, "%s: a gang is offered, and its part is %s: %s", self->process.name,
                 task_state_name(status->state), status->message);
    sim->contest_changes++;
    if (contender->alive && --contender->alive == 0)
        contender->next_us = sim->now_us + sim_between(sim, 0, 60) * US_PER_S;
}

static void gatherer_think(struct instance *self)
{
    struct contender *contender = &self->framework->contender;

    /* Not for ever: then nothing changes any more. */
    if (!contender->is_squatter && !contender->is_waiting && !contender->alive &&
        contender->gangs < GANGS_EACH && self->process.sim->now_us >= contender->next_us)
        state_gang(self);
}

const struct character gatherer_character = {.name = "gatherer",
                                             .begin = gatherer_begin,
                                             .on_registered = gatherer_on_registered,
                                             .on_offers = gatherer_on_offers,
                                             .on_update = gatherer_on_update,
                                             .think = gatherer_think};

/* Of what no task has. */
static bool has_room(const struct sim *sim, const struct contender *contender)
{
    int64_t units = 0;

    for (size_t i = 0; i < sim->agents_count; i++)
        units += (resources_scalar(&sim->agents[i]->total, "cpus") -
                  resources_scalar(&sim->agents[i]->in_use, "cpus")) /
                 contender->cpus_milli;
    return units >= contender->count;
}

static bool is_subscribed(const struct sim_framework *framework)
{
    return framework->current && driver_is_subscribed(framework->current->driver);
}

static void watch_gangs(struct sim *sim)
{
    int64_t hold_us = sim->timing.gang_hold_ms * US_PER_MS, waiting = 0, bound_us;
    const struct sim_framework *possible = NULL;

    for (size_t i = 0; i < sim->frameworks_count; i++) {
        const struct sim_framework *framework = sim->frameworks[i];

        if (!framework->contender.is_waiting || !is_subscribed(framework))
            continue;
        waiting++;
        if (has_room(sim, &framework->contender))
            possible = framework;
    }
    if (!possible || sim->contest_changes != sim->contest_seen) {
        sim->contest_seen = sim->contest_changes;
        sim->contest_since_us = sim->now_us;
        return;
    }
    bound_us = HOLD_OFF_US + 4 * waiting * hold_us + SLACK_US;
    if (sim->now_us - sim->contest_since_us > bound_us)
        sim_fail(sim, "no gang is launched for %" PRId64 " s, and there is room for that of %s",
                 (sim->now_us - sim->contest_since_us) / US_PER_S, possible->current->process.name);
}

/* --- offers ------------------------------------------------------------------------------------ */

enum manner { DECLINES_AT_ONCE, DECLINES_LATE, NEVER_ANSWERS, MANNER_MAX };

static int64_t timeout_us(const struct sim *sim)
{
    return sim->timing.offer_timeout_ms * US_PER_MS;
}

/* No filter of its is in force after that. */
static void note_refusal(struct instance *self, int64_t refuse_us)
{
    struct contender *contender = &self->framework->contender;
    int64_t now_us = self->process.sim->now_us, back_off_us = BACK_OFF_US;

    if (!contender->refusals)
        back_off_us = 0;
    else if (contender->refusals <= 16)
        back_off_us = BACK_OFF_MIN << (contender->refusals - 1);
    if (refuse_us < back_off_us)
        refuse_us = back_off_us < BACK_OFF_US ? back_off_us : BACK_OFF_US;
    contender->free_since_us = now_us;
    if (now_us + refuse_us > contender->filtered_until_us)
        contender->filtered_until_us = now_us + refuse_us;
}

static void decline_all(struct instance *self)
{
    struct sim *sim = self->process.sim;
    int64_t refuse_ms = sim_chance(sim, 50) ? 0 : sim_between(sim, 0, 3000);

    while (self->offers) {
        const char *id = self->offers->id;

        (void)driver_decline(self->driver, &id, 1, refuse_ms, NULL);
        instance_drop_offer(self, self->offers);
    }
    self->framework->contender.has_offers = false;
    note_refusal(self, refuse_ms * US_PER_MS);
}

/* It uses something from now on, and comes behind all others. */
static void settle_down(struct instance *self)
{
    const struct command_info command = {.value = "run -1 0"};
    const struct resource_info cpus = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 100};
    const struct task_info task = {.task_id = "settled",
                                   .agent_id = self->offers->agent_id,
                                   .command = &command,
                                   .resources = &cpus,
                                   .resources_count = 1};
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = &task, .tasks_count = 1};
    const char *id = self->offers->id;
    const struct msg_accept accept = {
        .offer_ids = &id, .offer_ids_count = 1, .operations = &launch, .operations_count = 1};

    if (driver_accept(self->driver, &accept, NULL) < 0)
        sim_fail(self->process.sim, "%s cannot accept", self->process.name);
    instance_drop_offer(self, self->offers);
    self->framework->contender.is_settled = true;
    if (self->offers)
        decline_all(self);
    else
        note_refusal(self, DEFAULT_US);
}

static void wanter_begin(struct sim_framework *self)
{
    struct sim *sim = self->sim;

    self->contender.free_since_us = sim->now_us;
    self->contender.manner = (int)sim_below(sim, MANNER_MAX);
    if (!self->number)
        sim->contest_settles = sim_chance(sim, 40);
    if (sim->contest_settles && sim_chance(sim, 50))
        self->contender.manner = NEVER_ANSWERS;
    if (!self->number && sim->contest_settles) {
        self->role = "own";
        self->contender.manner = DECLINES_AT_ONCE;
    }
}

static void wanter_on_offers(struct instance *self)
{
    struct contender *contender = &self->framework->contender;
    struct sim *sim = self->process.sim;

    contender->has_offers = true;
    contender->free_since_us = sim->now_us;
    contender->refusals++; /* at most, as the master counts them */
    if (!self->framework->number && sim->contest_settles && !contender->is_settled)
        settle_down(self);
    else if (contender->manner == DECLINES_AT_ONCE)
        decline_all(self);
    else
        contender->next_us = sim->now_us + sim_between(sim, 0, timeout_us(sim));
}

static void wanter_think(struct instance *self)
{
    struct contender *contender = &self->framework->contender;
    struct sim *sim = self->process.sim;
    bool may_revive = !sim->contest_settles || !self->framework->number;

    if (self->offers && contender->manner == DECLINES_LATE && sim->now_us >= contender->next_us)
        decline_all(self);
    /* Before it is asked too rarely to be of interest. */
    if (may_revive && contender->filtered_until_us > sim->now_us + 20 * (int64_t)US_PER_S) {
        (void)driver_revive(self->driver, NULL, NULL);
        contender->refusals = 0;
        contender->filtered_until_us = sim->now_us;
    }
}

const struct character wanter_character = {
    .name = "wanter", .begin = wanter_begin, .on_offers = wanter_on_offers, .think = wanter_think};

/* The same length of both: of the role itself, or of the one above it. */
static bool is_same(const char *a, const char *b, size_t size)
{
    return !strncmp(a, b, size) && (a[size] == '\0' || a[size] == '/') &&
           (b[size] == '\0' || b[size] == '/');
}

/* How many children of that role, of so many bytes ("": the top), want offers. */
static int64_t children(const struct sim *sim, const char *role, size_t size)
{
    int64_t count = 0;

    for (size_t i = 0; i < sim->frameworks_count; i++) {
        const char *own = sim->frameworks[i]->role;
        const char *rest = own;
        bool is_first = true;

        if (size && !is_same(own, role, size))
            continue;
        if (size)
            rest = own + size + (own[size] == '/');
        /* Those in one role below are one child. */
        for (size_t j = 0; j < i && *rest && is_first; j++)
            is_first =
                !is_same(sim->frameworks[j]->role, own, (size_t)(rest - own) + strcspn(rest, "/"));
        count += is_first;
    }
    return count;
}

static int64_t competitors(const struct sim *sim, const char *role)
{
    int64_t product = children(sim, role, 0);

    for (size_t size = strcspn(role, "/");; size += 1 + strcspn(role + size + 1, "/")) {
        product *= children(sim, role, size);
        if (!role[size])
            return product;
    }
}

/* Of one that comes last: until all others are filtered at a time. */
static int64_t last_turn_us(const struct sim *sim)
{
    int64_t round_us = (int64_t)sim->frameworks_count * timeout_us(sim), rounds = 2;

    for (int64_t us = BACK_OFF_MIN; us < round_us; us *= 2)
        rounds++;
    return rounds * round_us;
}

static void watch_framework(struct sim *sim, struct sim_framework *framework)
{
    struct contender *contender = &framework->contender;
    int64_t since_us = contender->free_since_us, bound_us;

    if (!is_subscribed(framework)) {
        contender->free_since_us = sim->now_us;
        return;
    }
    if (framework->current->offers)
        return;
    if (contender->has_offers) { /* taken back, as if they had been declined */
        contender->has_offers = false;
        note_refusal(framework->current, DEFAULT_US);
        return;
    }
    if (contender->filtered_until_us > since_us)
        since_us = contender->filtered_until_us;
    bound_us = competitors(sim, framework->role) * timeout_us(sim) + SLACK_US;
    /* Before each turn, what is shown to others may have to be answered. */
    if (sim->contest_shows)
        bound_us += competitors(sim, framework->role) * timeout_us(sim);
    if (contender->is_settled)
        bound_us += last_turn_us(sim);
    if (sim->now_us - since_us > bound_us)
        sim_fail(sim,
                 "%s in role %s has waited for an offer for %" PRId64 " ms, and not for at "
                 "most %" PRId64,
                 framework->current->process.name, framework->role,
                 (sim->now_us - since_us) / US_PER_MS, bound_us / US_PER_MS);
}

/* --- both -------------------------------------------------------------------------------------- */

void contest_begin(struct sim *sim)
{
    static const char *const roles[] = {"*", "ads", "ads/eu", "web"};

    sim->timing.gang_hold_ms = sim_between(sim, 1000, 15000);
    sim->timing.offer_timeout_ms = sim_between(sim, 2000, 10000);
    sim->contest_since_us = sim->now_us;
    masters_begin(sim);
    for (size_t i = 0; i < ARRAY_SIZE(roles) && sim->plan.contest == SIM_CONTEST_OF_OFFERS; i++)
        if (sim_chance(sim, 40)) {
            master_is_asked(sim->master, &MESSAGE(OPERATOR_SET_OFFERS, operator_set_offers,
                                                  .role = roles[i], .offers = OFFERS_OPTIMISTIC));
            sim->contest_shows = true;
        }
}

const char *contest_role(struct sim *sim)
{
    static const char *const roles[] = {"*", "ads", "ads", "ads/eu", "web"};

    return SIM_PICK(sim, roles);
}

bool contest_watch(struct sim *sim)
{
    if (sim->plan.contest == SIM_CONTEST_OF_GANGS)
        watch_gangs(sim);
    for (size_t i = 0; i < sim->frameworks_count && sim->plan.contest == SIM_CONTEST_OF_OFFERS; i++)
        watch_framework(sim, sim->frameworks[i]);
    return sim->now_us - sim->phase_since_us > RUN_US;
}
