/* framework-sdk/offers.h - offers as a framework's author sees them, for the time of one callback.
 */
#ifndef PROFFER_SDK_OFFERS_H
#define PROFFER_SDK_OFFERS_H

#include <proffer/types.h>

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/resources.h"
#include "proto/schema.h"

struct proffer_offer {
    const struct offer_info *info; /* borrowed */
    struct resources resources;
    struct arena *arena; /* borrowed; of the texts, which are made when they are asked for */
    const char **texts;  /* of all resources, then of each attribute; NULL: not asked for yet */
};

/* `self` is zeroed. -EINVAL and so on when the resources are no resources; nothing to fini then. */
int sdk_offer_init(struct proffer_offer *self, const struct offer_info *info, struct arena *arena,
                   struct err *err);
void sdk_offer_fini(struct proffer_offer *self);
struct proffer_unavailability sdk_unavailability(const struct unavailability *info);

#endif
