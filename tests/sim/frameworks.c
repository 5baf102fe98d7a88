/* tests/sim/frameworks.c - a framework's processes: the SDK's driver in its world, crashes, new
 * instances with the id or without, and what every kind of framework has in common. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "framework-sdk/core/driver.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

#define THINK_LEAST_US (100 * (int64_t)US_PER_MS)
#define THINK_MOST_US  (3 * (int64_t)US_PER_S)

static const struct character *const characters[SIM_CHARACTER_MAX] = {
    [SIM_BATCH] = &batch_character,       [SIM_SERVICE] = &service_character,
    [SIM_DECLINER] = &decliner_character, [SIM_HOLDER] = &holder_character,
    [SIM_HOG] = &hog_character,           [SIM_KEEPER] = &keeper_character,
    [SIM_GANG] = &gang_character,         [SIM_VANDAL] = &vandal_character,
    [SIM_MADMAN] = &madman_character,     [SIM_GATHERER] = &gatherer_character,
    [SIM_WANTER] = &wanter_character,     [SIM_CLAIMER] = &claimer_character,
};

static void instance_free(struct instance **self_p, bool orderly);

/* --- offers ------------------------------------------------------------------------------------ */

void instance_drop_offer(struct instance *self, struct held_offer *offer)
{
    DL_DELETE(self->offers, offer);
    resources_fini(&offer->resources);
    free(offer);
}

static void drop_offers(struct instance *self)
{
    while (self->offers)
        instance_drop_offer(self, self->offers);
}

static void hold(struct instance *self, const struct offer_info *info)
{
    struct held_offer *offer = mem_new(struct held_offer);
    struct err err;

    snprintf(offer->id, sizeof(offer->id), "%s", info->id);
    snprintf(offer->agent_id, sizeof(offer->agent_id), "%s", info->agent_id);
    snprintf(offer->role, sizeof(offer->role), "%s", info->role);
    offer->is_optimistic = info->optimistic;
    offer->units = info->units;
    if (resources_from_info(&offer->resources, info->resources, info->resources_count, &err) < 0)
        sim_fail(self->process.sim, "offer %s: %s", offer->id, err.text);
    for (size_t i = 0; i < offer->resources.count; i++)
        if (offer->resources.items[i].revocable && !self->framework->takes_revocable)
            sim_fail(self->process.sim, "%s is offered what is revocable, and never asked for it",
                     self->process.name);
    DL_APPEND(self->offers, offer);
}

/* --- what the driver tells --------------------------------------------------------------------- */

static int on_send(void *ctx, const struct message *message, struct err *err)
{
    struct instance *self = ctx;

    return peer_send(&self->peer, message, err);
}

static void on_registered(void *ctx, const char *framework_id, const char *master_id, bool again)
{
    struct instance *self = ctx;
    struct sim_framework *framework = self->framework;

    (void)master_id, (void)again;
    if (self->is_ghost)
        return;
    snprintf(framework->id, sizeof(framework->id), "%s", framework_id);
    self->subscribed_since_us = self->process.sim->now_us;
    if (framework->character->on_registered)
        framework->character->on_registered(self);
}

static void on_offers(void *ctx, const struct offer_info *const *offers, size_t count)
{
    struct instance *self = ctx;
    struct sim_framework *framework = self->framework;

    for (size_t i = 0; i < count; i++)
        hold(self, offers[i]);
    if (!self->is_ghost && !framework->is_slow && framework->character->on_offers)
        framework->character->on_offers(self);
}

static void on_rescinded(void *ctx, const char *offer_id)
{
    struct instance *self = ctx;
    struct held_offer *offer;

    DL_FOREACH (self->offers, offer)
        if (!strcmp(offer->id, offer_id))
            break;
    if (offer)
        instance_drop_offer(self, offer);
    else
        sim_fail(self->process.sim, "%s is told that an offer is rescinded that it has not: %s",
                 self->process.name, offer_id);
}

/* What it has is what it was told to have before, less what it is told to have lost. */
static void on_reduced(void *ctx, const struct msg_offer_reduced *reduced)
{
    struct instance *self = ctx;
    CLEANUP(resources_fini) struct resources lost = {0}, left = {0}, sum = {0};
    struct held_offer *offer;
    struct err err;

    DL_FOREACH (self->offers, offer)
        if (!strcmp(offer->id, reduced->offer_id))
            break;
    if (!offer) {
        sim_fail(self->process.sim, "%s is told that an offer is reduced that it has not: %s",
                 self->process.name, reduced->offer_id);
        return;
    }
    if (resources_from_info(&lost, reduced->lost, reduced->lost_count, &err) < 0 ||
        resources_from_info(&left, reduced->left, reduced->left_count, &err) < 0) {
        sim_fail(self->process.sim, "offer %s: %s", offer->id, err.text);
        return;
    }
    resources_copy(&sum, &left);
    if (!offer->is_optimistic || resources_add(&sum, &lost, NULL) < 0 ||
        !resources_are_equal(&sum, &offer->resources))
        sim_fail(self->process.sim, "%s: offer %s was something else than it has lost and has left",
                 self->process.name, offer->id);
    resources_swap(&offer->resources, &left);
}

static void on_update(void *ctx, const struct task_status *status)
{
    struct instance *self = ctx;
    struct sim_framework *framework = self->framework;
    struct sim *sim = self->process.sim;
    struct fact *fact = fact_find(sim, framework->id, status->task_id);

    sim_trace(sim, "%s: %s is %s (%s)", self->process.name, status->task_id,
              task_state_name(status->state), task_reason_name(status->reason));
    /* What a new instance has heard may be newer than what still reaches the old one. */
    if (fact && self->is_ghost)
        fact_on_seen_by_ghost(fact, status);
    else if (fact)
        fact_on_seen(fact, sim, status);
    if (framework->character->on_update &&
        (!self->is_ghost || task_state_is_terminal(status->state)))
        framework->character->on_update(self, status);
}

static void on_operation(void *ctx, const struct operation_status *status)
{
    struct instance *self = ctx;

    sim_trace(self->process.sim, "%s: operation %s is %s: %s", self->process.name,
              status->operation_id, operation_state_name(status->state), status->message);
    if (self->framework->character->on_operation)
        self->framework->character->on_operation(self, status);
}

static void on_text(void *ctx, const struct msg_message_to_framework *message)
{
    (void)ctx, (void)message;
}

/* Who asks for no notice gets none. */
static void on_preempted(void *ctx, const struct msg_preempt *preempt)
{
    struct instance *self = ctx;
    struct sim *sim = self->process.sim;

    if (!self->framework->hears_notice)
        sim_fail(sim, "%s is given notice, and never asked for it", self->process.name);
    if (preempt->deadline_ms > sim->timing.preemption_grace_max_ms)
        sim_fail(sim, "%s has a longer grace than there is", preempt->task_id);
    /* Some end at once what has to go. */
    if (!self->is_ghost && !preempt->withdrawn && self->framework->character->is_good &&
        sim_chance(sim, 10) && driver_kill(self->driver, preempt->task_id, NULL, NULL) >= 0)
        fact_on_kill(sim, self->framework, preempt->task_id);
}

static void on_agent_lost(void *ctx, const struct msg_agent_lost *lost)
{
    (void)ctx, (void)lost;
}

/* Nothing that can be mended: the process ends. A framework that is no more begins anew. */
static void on_error(void *ctx, const char *text)
{
    struct instance *self = ctx;

    sim_trace(self->process.sim, "%s: error: %s", self->process.name, text);
    self->has_ended = true;
    if (!self->is_ghost)
        self->framework->id[0] = '\0';
}

static void drop_inverse(struct instance *self, struct held_inverse *inverse)
{
    DL_DELETE(self->inverses, inverse);
    free(inverse);
}

static struct held_inverse *inverse_find(const struct instance *self, const char *id)
{
    struct held_inverse *inverse;

    DL_FOREACH (self->inverses, inverse)
        if (!strcmp(inverse->id, id))
            return inverse;
    return NULL;
}

/* Yes, no, or nothing at all. */
static void answer_inverse(struct instance *self, struct held_inverse *inverse)
{
    struct sim *sim = self->process.sim;
    int r = 0;

    if (sim_chance(sim, 20))
        return;
    if (sim_chance(sim, 50))
        r = driver_accept_inverse(self->driver, inverse->id, NULL);
    else
        r = driver_decline_inverse(self->driver, inverse->id, sim_between(sim, -1, 20000), NULL);
    if (r == 0)
        drop_inverse(self, inverse);
}

static void on_inverse(void *ctx, const struct inverse_offer_info *offers, size_t count)
{
    struct instance *self = ctx;

    for (size_t i = 0; i < count; i++) {
        struct held_inverse *inverse = inverse_find(self, offers[i].id);

        if (!inverse) {
            inverse = mem_new(struct held_inverse);
            snprintf(inverse->id, sizeof(inverse->id), "%s", offers[i].id);
            DL_APPEND(self->inverses, inverse);
        }
        snprintf(inverse->agent_id, sizeof(inverse->agent_id), "%s", offers[i].agent_id);
        snprintf(inverse->window_id, sizeof(inverse->window_id), "%s",
                 offers[i].unavailability->window_id);
        if (!self->is_ghost)
            answer_inverse(self, inverse);
    }
}

static void on_inverse_rescinded(void *ctx, const char *id)
{
    struct instance *self = ctx;
    struct held_inverse *inverse = inverse_find(self, id);

    if (inverse)
        drop_inverse(self, inverse);
}

static void on_disconnected(void *ctx, const char *reason)
{
    struct instance *self = ctx;

    (void)reason;
    while (self->inverses)
        drop_inverse(self, self->inverses);
    self->subscribed_since_us = DEADLINE_NEVER;
    drop_offers(self);
}

static void on_log(void *ctx, int level, const char *text)
{
    struct instance *self = ctx;

    (void)level;
    sim_trace(self->process.sim, "%s: %s", self->process.name, text);
}

/* --- its process ------------------------------------------------------------------------------- */

static void restart_after(struct sim_framework *self, int64_t delay_us)
{
    if (!self->has_left)
        sim_after(self->sim, &self->start, delay_us);
}

void instance_settle(struct instance *self)
{
    struct sim_framework *framework = self->framework;
    bool has_ended = self->has_ended || (self->driver && driver_has_ended(self->driver));

    if (!has_ended) {
        if (self->driver)
            process_arm(&self->process, driver_next_deadline_us(self->driver));
        return;
    }
    if (self == framework->ghost) {
        instance_free(&framework->ghost, true);
        return;
    }
    instance_free(&framework->current, true);
    restart_after(framework, sim_between(framework->sim, 1000, 2000000));
}

static void on_timer(void *owner, struct deadline *deadline)
{
    struct instance *self = CONTAINER_OF(deadline, struct instance, process.timer);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    driver_on_deadline(self->driver, process_now(&self->process));
    instance_settle(self);
    sim_event_ends(sim);
}

static void think_later(struct instance *self)
{
    sim_after(self->process.sim, &self->think,
              sim_between(self->process.sim, THINK_LEAST_US, THINK_MOST_US));
}

static void on_think(void *owner, struct deadline *deadline)
{
    struct instance *self = CONTAINER_OF(deadline, struct instance, think);
    const struct character *character = self->framework->character;
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    think_later(self);
    if (!self->is_ghost && self->framework->is_slow && character->on_offers && self->offers)
        character->on_offers(self);
    if (!self->is_ghost && character->think)
        character->think(self);
    instance_settle(self);
    sim_event_ends(sim);
}

/* --- what it hears ----------------------------------------------------------------------------- */

static void on_open(void *owner)
{
    struct instance *self = owner;

    if (self->driver)
        driver_on_connected(self->driver, process_now(&self->process));
    else
        self->framework->character->on_open(self);
    instance_settle(self);
}

static void on_message(void *owner, const struct message *message)
{
    struct instance *self = owner;

    sim_trace(self->process.sim, "%s <- %s", self->process.name, message_name(message->type));
    if (self->driver)
        driver_on_message(self->driver, process_now(&self->process), message);
    else
        self->framework->character->on_message(self, message);
    instance_settle(self);
}

static void on_close(void *owner, const char *reason)
{
    struct instance *self = owner;

    if (self->driver)
        driver_on_disconnected(self->driver, reason, false);
    /* Who has been replaced does not come back to replace the other. */
    self->has_ended = self->has_ended || self->is_ghost;
    instance_settle(self);
}

/* --- beginnings and ends ----------------------------------------------------------------------- */

static void instance_free(struct instance **self_p, bool orderly)
{
    struct instance *self = *self_p;
    struct sim *sim;

    if (!self)
        return;
    sim = self->process.sim;
    sim_trace(sim, "%s is gone", self->process.name);
    peer_end(&self->peer, orderly);
    deadline_cancel(&sim->queue, &self->process.timer);
    deadline_cancel(&sim->queue, &self->think);
    driver_destroy(&self->driver);
    drop_offers(self);
    while (self->inverses)
        drop_inverse(self, self->inverses);
    free(self);
    *self_p = NULL;
}

static size_t list_capabilities(const struct sim_framework *framework, const char *ret_names[2])
{
    size_t count = 0;

    if (framework->takes_revocable)
        ret_names[count++] = "REVOCABLE_RESOURCES";
    if (framework->hears_notice)
        ret_names[count++] = "PREEMPTION_NOTICE";
    return count;
}

static void driver_begin(struct instance *self)
{
    struct sim_framework *framework = self->framework;
    const char *capabilities[2];
    size_t capabilities_count = list_capabilities(framework, capabilities);
    const struct framework_info info = {.id = framework->id,
                                        .name = framework->character->name,
                                        .principal = framework->character->name,
                                        .user = "nobody",
                                        .roles = &framework->role,
                                        .roles_count = 1,
                                        .failover_timeout_ms = framework->failover_ms,
                                        .capabilities = capabilities,
                                        .capabilities_count = capabilities_count,
                                        .ends_with_session = framework->ends_with_session};
    const struct driver_settings settings = {.framework = &info,
                                             .seed = rng_next(&framework->sim->rng)};
    const struct driver_env env = {.ctx = self,
                                   .send = on_send,
                                   .registered = on_registered,
                                   .offers = on_offers,
                                   .rescinded = on_rescinded,
                                   .reduced = on_reduced,
                                   .update = on_update,
                                   .operation = on_operation,
                                   .preempted = on_preempted,
                                   .inverse_offers = framework->number % 4 ? on_inverse : NULL,
                                   .inverse_rescinded = on_inverse_rescinded,
                                   .message = on_text,
                                   .agent_lost = on_agent_lost,
                                   .error = on_error,
                                   .disconnected = on_disconnected,
                                   .log = on_log};
    struct err err;

    if (driver_new(&settings, &env, &self->driver, &err) < 0)
        sim_fail(framework->sim, "driver_new: %s", err.text);
}

static void start(struct sim_framework *framework)
{
    static const struct peer_events events = {
        .on_open = on_open, .on_message = on_message, .on_close = on_close};
    struct instance *self = mem_new(struct instance);
    struct sim *sim = framework->sim;

    if (!*framework->id) /* another framework: it replaces nobody */
        instance_free(&framework->ghost, true);
    framework->current = self;
    self->framework = framework;
    self->think.due = on_think;
    self->subscribed_since_us = DEADLINE_NEVER;
    process_init(&self->process, sim, on_timer, "%s %zu.%u", framework->character->name,
                 framework->number, framework->lives++);
    sim_trace(sim, "%s begins as \"%s\"", self->process.name, framework->id);
    for (size_t i = 0; i < framework->jobs_count; i++)
        framework->jobs[i].is_unconfirmed = true;
    if (!framework->character->is_raw)
        driver_begin(self);
    self->peer = (struct peer){.sim = sim,
                               .kind = PEER_FRAMEWORK,
                               .name = self->process.name,
                               .is_trusted = !framework->character->is_raw,
                               .events = &events,
                               .owner = self};
    peer_begin(&self->peer);
    think_later(self);
}

static void on_start(void *owner, struct deadline *deadline)
{
    struct sim_framework *self = CONTAINER_OF(deadline, struct sim_framework, start);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    start(self);
    sim_event_ends(sim);
}

void framework_start_now(struct sim_framework *self)
{
    if (!self->current)
        restart_after(self, US_PER_MS);
}

void framework_crash(struct sim_framework *self, int64_t for_us, bool forgets_id)
{
    if (!self->current)
        return;
    sim_trace(self->sim, "%s is killed", self->current->process.name);
    instance_free(&self->current, sim_chance(self->sim, 50));
    if (forgets_id)
        self->id[0] = '\0';
    restart_after(self, for_us);
}

void framework_take_over(struct sim_framework *self)
{
    if (!self->current || self->ghost || self->character->is_raw || !*self->id ||
        !self->current->peer.session)
        return;
    self->ghost = TAKE(self->current);
    self->ghost->is_ghost = true;
    start(self);
}

void framework_leave(struct sim_framework *self)
{
    self->has_left = true;
    deadline_cancel(&self->sim->queue, &self->start);
    instance_free(&self->ghost, false);
    if (!self->current)
        return;
    if (self->character->is_good) {
        driver_stop(self->current->driver, process_now(&self->current->process), true);
        instance_settle(self->current);
    } else {
        instance_free(&self->current, true);
    }
}

/* --- all of them ------------------------------------------------------------------------------- */

static enum sim_character draw_character(struct sim *sim, size_t index)
{
    static const enum sim_character others[] = {
        SIM_BATCH,   SIM_BATCH,   SIM_SERVICE, SIM_DECLINER, SIM_HOLDER, SIM_HOG,    SIM_GANG,
        SIM_CLAIMER, SIM_CLAIMER, SIM_CLAIMER, SIM_KEEPER,   SIM_KEEPER, SIM_VANDAL, SIM_MADMAN,
    };

    if (sim->plan.contest)
        return sim->plan.contest == SIM_CONTEST_OF_GANGS ? SIM_GATHERER : SIM_WANTER;
    if (sim->plan.frameworks_count)
        return sim->plan.frameworks[index];
    return index == 0 ? SIM_BATCH : SIM_PICK(sim, others);
}

static void framework_add(struct sim *sim, size_t number)
{
    static const char *const roles[] = {"*", "*", "ads", "ads/web"};
    static const char *const keepers_roles[] = {"ads", "ads", "ads/web", "eng"};
    struct sim_framework *self = mem_new(struct sim_framework);

    self->sim = sim;
    self->number = number;
    self->character = characters[draw_character(sim, number)];
    self->role = sim->plan.calm ? "*" : SIM_PICK(sim, roles);
    if (sim->plan.contest)
        self->role = contest_role(sim);
    if (self->character == &keeper_character)
        self->role = SIM_PICK(sim, keepers_roles);
    self->failover_ms = sim_between(sim, sim->plan.calm ? 120000 : 20000, 120000);
    self->ends_with_session = !sim->plan.calm && sim_chance(sim, 5);
    self->is_slow = !sim->plan.calm && sim_chance(sim, 40);
    self->takes_revocable = !sim->plan.calm && sim_chance(sim, 30);
    self->hears_notice = !sim->plan.calm && sim_chance(sim, 60);
    self->states_needs = !sim->plan.calm && sim_chance(sim, 30);
    self->min_available_ms = sim_chance(sim, 50) ? 0 : sim_between(sim, 1000, 60000);
    self->start.due = on_start;
    sim->frameworks[sim->frameworks_count++] = self;
    if (self->character->begin)
        self->character->begin(self);
    start(self);
}

void sim_frameworks_begin(struct sim *sim)
{
    size_t count = sim->plan.frameworks_count ? sim->plan.frameworks_count
                   : sim->plan.contest == SIM_CONTEST_OF_GANGS
                       ? (size_t)sim_between(sim, 3, SIM_FRAMEWORKS_MAX)
                       : (size_t)sim_between(sim, sim->plan.contest ? 2 : 1, 6);

    for (size_t i = 0; i < count; i++)
        framework_add(sim, i);
}

void sim_frameworks_fini(struct sim *sim)
{
    for (size_t i = 0; i < sim->frameworks_count; i++) {
        struct sim_framework *framework = sim->frameworks[i];

        deadline_cancel(&sim->queue, &framework->start);
        instance_free(&framework->ghost, true);
        instance_free(&framework->current, true);
        free(framework);
    }
}

void sim_frameworks_check(struct sim *sim)
{
    struct err err;

    for (size_t i = 0; i < sim->frameworks_count; i++) {
        const struct instance *instance = sim->frameworks[i]->current;

        if (instance && instance->driver && driver_check(instance->driver, &err) < 0)
            sim_fail(sim, "%s: %s", instance->process.name, err.text);
    }
}

void sim_cut_framework(struct sim *self, size_t framework, int64_t for_ms)
{
    if (self->frameworks[framework]->current)
        peer_cut(&self->frameworks[framework]->current->peer, for_ms * US_PER_MS);
}

void sim_crash_framework(struct sim *self, size_t framework, int64_t for_ms)
{
    framework_crash(self->frameworks[framework], for_ms * US_PER_MS, false);
}

void sim_tear_down(struct sim *self, size_t framework)
{
    framework_leave(self->frameworks[framework]);
}
