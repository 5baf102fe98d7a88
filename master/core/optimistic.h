/* master/core/optimistic.h - optimistic offers: the same resources shown to several frameworks, and
 * the first accept has them. Source: Schwarzkopf and others, Omega (EuroSys 2013), section 3.4.
 *
 * An operator chooses them by role. An optimistic offer takes nothing: what it shows stays in
 * agent->free, so that it can be shown to others too. Held at the end of each event:
 *
 * - what is shown to one framework on an agent is, all of it at once, in agent->free;
 * - what an exclusive offer has is in no other offer, optimistic or not.
 *
 * So an accept finds all that its offer still holds. Whoever takes something (an accept, an exclusive
 * offer, an operator) may make optimistic offers smaller: their holders are told so in the same event,
 * with what they have lost, to whom and what is left. Quotas are looked at when an offer is made and
 * again at its accept, since what is shown counts as nobody's. Gangs gather exclusive offers whatever
 * their role: what may be taken away cannot be held.
 */
#ifndef PROFFER_MASTER_CORE_OPTIMISTIC_H
#define PROFFER_MASTER_CORE_OPTIMISTIC_H

#include "master/core/state.h"

#define OPTIMISTIC_OFFERS_MAX 16 /* settings.optimistic_offers_max, by default */
/* An exclusive offer does not wait longer for those who look at it, even where offers have no timeout. */
#define OPTIMISTIC_HOLD_US (30 * (int64_t)US_PER_S)
#define LOST_OFFERS_MAX    4096 /* that are remembered, for accepts that come too late */

/* What an offer has lost, and to whom: "were taken by an earlier accept in role ads". */
struct offer_loss {
    struct resources lost;
    char how[160];
};

/* --- which roles are optimistic ------------------------------------------------ */

/* As it is set for the role, or for the nearest one above it for which something is. */
bool optimistic_is_role(const struct master *master, const char *role);
/* Something else is set: offers of the other kind are taken back. */
void optimistic_on_policy(struct master *master);

/* --- what may be offered ------------------------------------------------------- */

/* Cut down what is free for the subscription to what an offer to it may hold: an exclusive offer nothing
 * that is shown, an optimistic one nothing that its framework is shown already. */
void optimistic_leave(const struct agent *agent, const struct subscription *subscription,
                      bool is_exclusive, struct resources *available);
/* May one more framework be shown the agent? Not if enough are, or if an exclusive offer of it has been
 * wanted since an earlier allocation: those who look at it answer first. */
bool optimistic_may_show(const struct master *master, const struct agent *agent);

/* An exclusive offer of the agent is wanted, and is not made because it is shown to others. */
void optimistic_await(struct master *master, struct agent *agent);

/* --- the life of an optimistic offer ------------------------------------------- */

/* It has been made, or ends without being claimed; its books. */
void optimistic_begin(struct master *master, struct offer *offer);
void optimistic_end(struct master *master, struct offer *offer);
/* It is accepted: from now on what it holds is its own, as far as quotas leave it that. */
void optimistic_claim(struct master *master, struct offer *offer);
/* Something of the agent's `free` was taken; NULL: by nobody in particular. */
void optimistic_on_taken(struct master *master, struct agent *agent,
                         const struct subscription *taker);
/* The subscription, or the agent, is no more. */
void optimistic_forget_taker(struct master *master, const struct subscription *taker);
void optimistic_forget_agent(struct master *master, struct agent *agent);
/* At the end of each event: tell those who have lost something. */
void optimistic_settle(struct master *master);
/* After an allocation: what quotas leave no room for is not shown any longer. */
void optimistic_enforce(struct master *master);
void optimistic_fini(struct master *master);
void offer_loss_free(struct offer *offer);

/* --- accepts that come too late ------------------------------------------------ */

/* Add what the offer has lost to *loss. */
void optimistic_gather_loss(struct offer_loss *loss, const struct offer *offer);
/* What is missing in `remaining` was in the offers when they were made: then the text says what was
 * taken and what is left. */
bool optimistic_is_conflict(const struct agent *agent, const struct offer_loss *loss,
                            const struct resources *remaining, const struct resources *wanted,
                            struct err *ret_text);
/* Did an offer of that id to the framework end because somebody else was first? -ESTALE with how,
 * 0: no. */
int optimistic_was_lost(const struct master *master, const struct framework *framework,
                        const char *offer_id, struct err *err);

/* -EINVAL with the first violation. */
int optimistic_check_agent(const struct master *master, const struct agent *agent, struct err *err);

#endif
