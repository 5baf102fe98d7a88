/* master/core/filters.h - refusals: what a framework, in a role, does not want of an agent for a
 * while.
 *
 * A filter hides what it refused and anything less; when the agent has more to offer, it does not
 * apply. The newest refusal replaces an older one unless that refused as much and lasts longer. The
 * end of a filter is an event of its own: its client is asked again at that moment, and it alone if
 * nobody else wanted what the agent has.
 */
#ifndef PROFFER_MASTER_CORE_FILTERS_H
#define PROFFER_MASTER_CORE_FILTERS_H

#include "master/core/state.h"

#define REFUSE_MAX_MS INT64_C(31536000000) /* 365 days */
/* Even "at once" lets others have a chance first, and keeps one who always declines from being
 * asked as fast as the wire allows. */
#define REFUSE_MIN_MS 10
/* That doubles with each round of offers that is declined since the last was accepted, up to this. */
#define BACK_OFF_DOUBLINGS 16
#define BACK_OFF_MAX_MS    INT64_C(600000)

/* `filters` NULL or with a negative time: the default. Nothing refused makes no filter. */
void filter_set(struct master *master, struct subscription *subscription, struct agent *agent,
                const struct resources *refused, const struct filters *filters);
bool filter_hides(const struct subscription *subscription, const struct agent *agent,
                  const struct resources *candidate);
/* The same for what serves a need: one number of a range is as good as another. */
bool filter_hides_units(const struct subscription *subscription, const struct agent *agent,
                        const struct resources *candidate);
/* How much longer there is a filter; 0: there is none. */
int64_t filter_left_us(const struct master *master, const struct subscription *subscription,
                       const struct agent *agent);
void filters_clear_subscription(struct master *master, struct subscription *subscription);
/* Forget the filters on this agent that have ended since it was asked about last; up to `room` of their
 * clients are written down. How many they were. */
size_t filters_take_ended(struct master *master, struct agent *agent,
                          struct allocator_client **ret_clients, size_t room);
/* The agent's total will be another: what was refused as a whole is what it is now. */
void filters_spell_out(struct agent *agent);
void filters_clear_agent(struct master *master, struct agent *agent);

#endif
