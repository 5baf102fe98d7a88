/* master/core/offers.h - offers: made when something becomes free, and what ends them.
 *
 * Whoever changes what an agent has free, or who might want it, wakes the agents concerned; one
 * deadline then gathers them (allocate.c) and asks the allocator for each whom to offer it to.
 */
#ifndef PROFFER_MASTER_CORE_OFFERS_H
#define PROFFER_MASTER_CORE_OFFERS_H

#include "master/core/state.h"

/* How an offer ends. */
enum offer_end {
    OFFER_ACCEPTED,
    OFFER_DECLINED,
    OFFER_INVALIDATED, /* named in a call that could not be followed */
    OFFER_TIMED_OUT,
    OFFER_RESCINDED,
    OFFER_LEFT,      /* likewise, since its framework has left the role */
    OFFER_ABANDONED, /* its framework is gone */
    OFFER_TAKEN,     /* optimistic, and too little is left of it: others were first */
    OFFER_END_MAX,
};

/* Put the agent in another list, or in none. */
void agent_list_move(struct master *master, struct agent *agent, enum agent_list list);
/* Something about its free resources, or who may have them, changed. */
void offers_wake(struct master *master, struct agent *agent);
/* The filter of a client that was asked has ended: it alone is to be asked again. */
void offers_retry(struct master *master, struct agent *agent);
/* If somebody is to be asked again about what nobody wanted, or offers have to be taken back. */
void offers_look(struct master *master);

/* "cpus:0.01|mem:32". -EINVAL with a text. */
int offers_init(struct master *master, const char *min_allocatable, struct err *err);
void offers_fini(struct master *master);

/* One that has been made, or NULL. */
struct offer *offer_find(const struct master *master, const char *id);
/* What is offered to whom. */
struct portion_offered {
    struct subscription *subscription;
    struct agent *agent;
    struct resources *resources; /* free on the agent, perhaps all that is: &agent->free */
    struct need *need;           /* NULL: none */
    int64_t units;
    bool is_shown; /* optimistic: the resources, which are not &agent->free, stay free */
};

/* An offer that is not made yet: nobody hears of it. It holds what it is given, and is charged for that. */
struct offer *offer_reserve(struct master *master, struct subscription *subscription,
                            struct agent *agent, struct preemption *preemption);
/* `more` is free on its agent. */
void offer_absorb(struct master *master, struct offer *offer, const struct resources *more);
/* It is made now, for so many units of the need, and goes out at once. Not while an allocation runs; the
 * event's scratch memory is reset. */
void offer_reveal(struct master *master, struct offer *offer, struct need *need, int64_t units);
/* Make an offer, or add to the one that the running allocation has made already for the same need;
 * the resources are taken over. It goes out when the allocation ends. */
void offer_make(struct master *master, const struct portion_offered *portion);
/* What it holds is another sum than before: for the view. */
void offer_publish_again(struct master *master, const struct offer *offer);
/* Its resources are free again. The framework is told what it does not know already, with the
 * reason. */
void offer_remove(struct master *master, struct offer *offer, enum offer_end end,
                  const char *reason);
/* The same, and nobody is told. */
void offer_drop(struct master *master, struct offer *offer);
void offers_rescind_agent(struct master *master, struct agent *agent, const char *reason);
/* All, or those of one role. */
void offers_remove_framework(struct master *master, struct framework *framework,
                             const struct subscription *only, enum offer_end end,
                             const char *reason);
/* Send what the allocation made for this framework. */
void offers_send(struct master *master, struct framework *framework);

/* The subscription has refused offers, the newest of them of that round of allocations. */
void offers_note_refusal(const struct master *master, struct subscription *subscription,
                         uint64_t round);
void on_decline(struct master *master, struct framework *framework, const struct message *message);

/* --- allocate.c -------------------------------------------------------------- */

/* The deadline's callback. */
void allocate(void *owner, struct deadline *deadline);
/* Is it in another region, of which the framework does not know? */
bool is_too_remote(const struct master *master, const struct subscription *subscription,
                   const struct agent *agent);
/* What the agent has free that is for it, whatever quotas say. Replaces *ret_available. */
void available_for(const struct subscription *subscription, const struct agent *agent,
                   struct resources *ret_available);
/* Is it worth an offer at all? */
bool is_allocatable(const struct master *master, const struct resources *available);

#endif
