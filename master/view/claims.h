/* master/view/claims.h - who uses what: sums over an agent, a framework and a role, kept up to date.
 *
 * What a task uses and what an offer holds is a claim; booking it adds it to the sums of its agent,
 * its framework and its role, unbooking takes it away. An agent's sums are exact. Those of a
 * framework and a role are sums over many agents and hold scalars only: port 31000 of two agents is
 * not one port.
 */
#ifndef PROFFER_MASTER_VIEW_CLAIMS_H
#define PROFFER_MASTER_VIEW_CLAIMS_H

#include <stdbool.h>

#include "base/resources.h"

struct agent;
struct framework;
struct replica;
struct role;

struct holdings {
    struct resources used;
    struct resources offered;
    struct claim *claims; /* of an agent: what is booked here */
};

struct claim {
    struct resources resources;
    bool is_offer;
    bool is_booked;
    struct agent *agent; /* borrowed, as are the next two; NULL: it is not here */
    struct framework *framework;
    struct role *role;
    struct claim *prev, *next; /* of its agent */
};

/* Sums hold each scalar once, whatever its role. */
int scalars_add(struct resources *sum, const struct resources *what, struct err *err);
int scalars_subtract(struct resources *sum, const struct resources *what, struct err *err);

void holdings_fini(struct holdings *self);
void claim_fini(struct claim *self); /* must not be booked */
/* Both do nothing when it is done already. -EBADMSG: a sum cannot take it, which is left out there.
 */
int claim_book(struct claim *self, struct err *err);
int claim_unbook(struct claim *self, struct err *err);

#endif
