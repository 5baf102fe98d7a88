/* The offers that are ours: from the OFFERS that brought them until they are answered, rescinded or
 * void with their session. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "framework-sdk/core/state.h"

#define REFUSE_WHEN_UNWATCHED_MS ((int64_t)3600 * 1000)

struct driver_offer *driver_find_offer(const struct driver *self, const char *offer_id)
{
    struct driver_offer *offer;

    HASH_FIND_STR(self->offers, offer_id, offer);
    return offer;
}

static void hold(struct driver *self, const struct offer_info *info)
{
    struct driver_offer *offer = mem_new(struct driver_offer);

    offer->id = mem_strdup(info->id);
    offer->agent_id = mem_strdup(info->agent_id);
    offer->role = mem_strdup(info->role);
    HASH_ADD_KEYPTR(hh, self->offers, offer->id, strlen(offer->id), offer);
}

void driver_drop_offer(struct driver *self, struct driver_offer *offer)
{
    HASH_DEL(self->offers, offer);
    free(offer->id);
    free(offer->agent_id);
    free(offer->role);
    free(offer);
}

void driver_drop_offers(struct driver *self)
{
    struct driver_offer *offer, *next;

    HASH_ITER (hh, self->offers, offer, next)
        driver_drop_offer(self, offer);
}

/* Of those just held. */
static void decline_unwatched(struct driver *self, const struct offer_info *const *offers,
                              size_t count)
{
    CLEANUP(free_p) const char **ids = mem_calloc(count, sizeof(*ids));
    struct err err = {0};

    for (size_t i = 0; i < count; i++)
        ids[i] = offers[i]->id;
    if (driver_decline(self, ids, count, REFUSE_WHEN_UNWATCHED_MS, &err) < 0)
        driver_log(self, LOG_LEVEL_WARNING, "cannot decline offers: %s", err.text);
}

void driver_on_offers(struct driver *self, const struct msg_offers *offers)
{
    CLEANUP(free_p)
    const struct offer_info **fresh = mem_calloc(offers->offers_count, sizeof(*fresh));
    size_t count = 0, dropped = 0;

    for (size_t i = 0; i < offers->offers_count; i++) {
        const struct offer_info *info = &offers->offers[i];

        if (driver_find_offer(self, info->id))
            continue;
        if (HASH_COUNT(self->offers) >= DRIVER_OFFERS_MAX) {
            dropped++; /* the master's offer timeout takes it back */
            continue;
        }
        hold(self, info);
        fresh[count++] = info;
    }
    if (dropped)
        driver_log(self, LOG_LEVEL_WARNING, "%zu offers dropped: %d are unanswered", dropped,
                   DRIVER_OFFERS_MAX);
    if (!count)
        return;
    if (self->decline_all)
        decline_unwatched(self, fresh, count);
    else
        self->env.offers(self->env.ctx, fresh, count);
}

void driver_on_rescind(struct driver *self, const struct msg_rescind *rescind)
{
    struct driver_offer *offer = driver_find_offer(self, rescind->offer_id);

    if (!offer)
        return; /* it crossed our answer */
    driver_drop_offer(self, offer);
    self->env.rescinded(self->env.ctx, rescind->offer_id);
}

/* What it still holds is ours to accept. */
void driver_on_reduced(struct driver *self, const struct msg_offer_reduced *reduced)
{
    if (driver_find_offer(self, reduced->offer_id) && self->env.reduced)
        self->env.reduced(self->env.ctx, reduced);
}

const char *driver_offer_agent(const struct driver *self, const char *offer_id)
{
    const struct driver_offer *offer = driver_find_offer(self, offer_id);

    return offer ? offer->agent_id : NULL;
}

size_t driver_offers(const struct driver *self)
{
    return HASH_COUNT(self->offers);
}
