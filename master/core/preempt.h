/* master/core/preempt.h - preemption: tasks give way to what comes before them.
 *
 * A need that nothing free meets, and that comes first, may have other tasks of one agent killed, so few
 * and so little that they leave it just room enough; docs/allocation.md has the rules. Such a preemption
 * is under way from the notice until what was freed is offered:
 *
 *     notice ──(grace)──► kill ──► all have ended ──► an offer to the one it is for
 *        └── withdrawn: it has found room elsewhere, or wants it no more; nothing has happened
 *
 * What is free of it, and what becomes free, is held in an offer that is not made yet (struct offer,
 * `preemption`), so the books, shares and quotas know of it. Who does not use what was freed for it is
 * held off. All of this is this master's alone: after a restart nothing is left of it but tasks that
 * agents have been told to kill, which end as preempted.
 */
#ifndef PROFFER_MASTER_CORE_PREEMPT_H
#define PROFFER_MASTER_CORE_PREEMPT_H

#include "master/core/state.h"

#define PRIORITY_MAX    1000000
#define PREEMPT_WHY_MAX 288
/* The offer that comes of it is answered within this even where offers have no timeout. */
#define PREEMPT_HOLD_US (30 * (int64_t)US_PER_S)

int preempt_init(struct master *master, const struct master_settings *settings, struct err *err);
/* Nobody is told. */
void preempt_drop_all(struct master *master);
void preempt_fini(struct master *master);
/* At the end of each event: what is no more needed is withdrawn. */
void preempt_settle(struct master *master);
size_t preempt_count(const struct master *master);
bool preempt_is_on(const struct master *master);

/* --- what it hears of ------------------------------------------------------------ */

/* Whether the subscription wants offers, or for what, has changed. */
void preempt_on_wish(struct master *master, struct subscription *subscription);
/* These are its needs from now on; the old ones are there yet. */
void preempt_on_needs(struct master *master, struct subscription *subscription,
                      struct needs *needs);
void preempt_forget(struct master *master, struct subscription *subscription);
/* `granted` is what its agent is told. */
void preempt_on_launch(struct master *master, struct task *task, const struct task_info *granted);
void preempt_on_report(struct master *master, struct task *task, const struct agent_task *reported);
/* It holds nothing any more: what it held is free. */
void preempt_on_released(struct master *master, struct task *task);
void preempt_on_task_gone(struct master *master, struct task *task);
void preempt_on_agent_gone(struct master *master, const struct agent *agent);
/* An offer is dropped that was not made yet. */
void preempt_on_offer_gone(struct master *master, struct preemption *preemption);
/* An offer of what was freed, made or not, ends so: enum offer_end. */
void preempt_on_answer(struct master *master, const struct offer *offer, int offer_end);
/* Of what was offered so, tasks hold as much as was needed. */
void preempt_on_used(struct master *master, struct subscription *subscription);
/* The subscription is new. */
void preempt_on_joined(struct master *master, struct subscription *subscription);
/* Priorities or quotas are others. */
void preempt_on_policy(struct master *master);
/* It is there again, and may not have heard. */
void preempt_on_subscribed(struct master *master, const struct framework *framework);

/* --- what others show -------------------------------------------------------------- */

/* NULL: the task need not give way. The texts are borrowed. */
const struct preempt_info *preempt_of(const struct task *task, struct preempt_info *ret_info);
/* For its kill: why, and the longest grace that it may have, in ms. */
int64_t preempt_describe_kill(const struct master *master, const struct task *task,
                              char ret_why[PREEMPT_WHY_MAX]);
/* For `explain`: what is under way for the subscription, and against it, and why not more is. */
void preempt_explain(const struct master *master, const struct subscription *subscription,
                     struct buf *out);
/* Of a role: its own, or of the nearest above that has one, or 0. */
int64_t preempt_role_priority(const struct master *master, const char *role);
int preempt_check(const struct master *master, struct err *err);

#endif
