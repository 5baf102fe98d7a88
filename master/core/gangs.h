/* master/core/gangs.h - needs whose units are of use only together: one gang gathers at a time.
 *
 * A gang that has the turn is offered what there is, in the allocator's order, and may hold it while
 * it waits for the rest; nobody else may. One that is whole gives the turn on and waits for nothing but
 * its framework's answer. So no two gangs ever wait for what the other holds. Turns go in rounds: who
 * has had one waits until all others that wait have had theirs, so that none that cannot be whole keeps
 * one that could from it. Whatever a gang holds,
 * it holds until `hold_end_us`, counted from its first offer; then all of it is taken back at once, and the subscription's gangs are
 * held off, for longer each time.
 */
#ifndef PROFFER_MASTER_CORE_GANGS_H
#define PROFFER_MASTER_CORE_GANGS_H

#include "master/core/needs.h"

void gangs_init(struct master *master);
/* The subscription's needs are these from now on, or will be no more. */
void gangs_add(struct master *master, struct subscription *subscription);
void gangs_remove(struct master *master, struct needs *needs);
/* What they hold is taken back. */
void gangs_release(struct master *master, const struct needs *needs, const char *reason);
/* May this need be offered something now? */
bool gang_may_take(const struct master *master, const struct need *need);
/* One more offer for the need is out: the first begins its hold. */
void gang_takes(struct master *master, struct need *need);
/* Its time is over before it was answered. */
void gang_give_up(struct master *master, struct need *need);
/* An offer to it was accepted. */
void gang_is_met(struct need *need);
/* At the end of each event: whose turn is it now? */
void gangs_settle(struct master *master);
/* -EINVAL with the first violation. */
int gangs_check(const struct master *master, struct err *err);

#endif
