/* Maintenance: agents that are about to be taken down are left, and not gone to. */
#include "examples/batch/batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/batch/memory.h"

#define REFUSE_SECONDS 60.0 /* another job may be of use there */

/* An agent that we have agreed to leave before that window. */
struct left {
    char *agent_id, *window; /* owned */
    struct left *next;
};

static bool has_agreed(const struct batch *batch, const char *agent_id, const char *window)
{
    for (const struct left *left = batch->left; left; left = left->next)
        if (!strcmp(left->agent_id, agent_id) && !strcmp(left->window, window))
            return true;
    return false;
}

/* What still runs there when the time comes is ended and runs again elsewhere: nothing is lost by saying
 * yes, and the operator need not wait for us. */
static void agree(struct batch *batch, const struct proffer_inverse_offer *offer)
{
    struct left *left;

    proffer_accept_inverse(batch->scheduler, offer->id);
    if (has_agreed(batch, offer->agent_id, offer->unavailability.window))
        return;
    left = batch_resize(NULL, 1, sizeof(*left));
    left->agent_id = batch_strdup(offer->agent_id);
    left->window = batch_strdup(offer->unavailability.window);
    left->next = batch->left;
    batch->left = left;
    progress_say(batch,
                 "%s will be taken down%s%s: no more jobs go there, what does not end in "
                 "time runs again elsewhere",
                 offer->hostname, *offer->unavailability.reason ? " for " : "",
                 offer->unavailability.reason);
}

void batch_on_inverse_offers(struct proffer_scheduler *scheduler,
                             const struct proffer_inverse_offer *offers, size_t count, void *user)
{
    (void)scheduler;
    for (size_t i = 0; i < count; i++)
        agree(user, &offers[i]);
}

/* Would the next job end there in time? Of one without a time limit nobody knows: then what counts is
 * whether we have agreed to leave. */
static bool is_of_use(const struct batch *batch, const struct job *next,
                      const struct proffer_offer *offer)
{
    struct proffer_unavailability unavailability;

    if (!proffer_offer_unavailability(offer, &unavailability))
        return true;
    if (next && next->timeout_ms)
        return unavailability.start - batch_now() >= (double)next->timeout_ms / 1000;
    return !has_agreed(batch, proffer_offer_agent_id(offer), unavailability.window);
}

size_t batch_decline_leaving(struct batch *batch, const struct job *next,
                             const struct proffer_offer *const *offers, size_t count,
                             const struct proffer_offer **ret_good, double *ret_seconds)
{
    size_t good = 0;

    *ret_seconds = INFINITY;
    for (size_t i = 0; i < count; i++) {
        struct proffer_unavailability unavailability;

        if (!is_of_use(batch, next, offers[i])) {
            proffer_decline(batch->scheduler, proffer_offer_id(offers[i]), REFUSE_SECONDS);
            continue;
        }
        ret_good[good++] = offers[i];
        if (proffer_offer_unavailability(offers[i], &unavailability) &&
            unavailability.start - batch_now() < *ret_seconds)
            *ret_seconds = unavailability.start - batch_now();
    }
    return good;
}

void batch_forget_leaving(struct batch *batch)
{
    while (batch->left) {
        struct left *left = batch->left;

        batch->left = left->next;
        free(left->agent_id);
        free(left->window);
        free(left);
    }
}
