/* master/core/frameworks.h - frameworks: subscribed, away, recovered from agents, removed.
 *
 * frameworks.c is their life, subscribe.c how they come (back), subscriptions.c their roles and
 * what they want of each.
 */
#ifndef PROFFER_MASTER_CORE_FRAMEWORKS_H
#define PROFFER_MASTER_CORE_FRAMEWORKS_H

#include "master/core/state.h"

/* --- frameworks.c ------------------------------------------------------------ */

struct framework *framework_find(const struct master *master, const char *id);
struct framework *framework_of_session(const struct master *master, uint64_t session);
/* Dropped unless it is subscribed. */
void framework_send(struct master *master, const struct framework *framework,
                    struct message message);
/* Known from now on, in state FRAMEWORK_RECOVERED. `id` is copied; it has no info yet. */
struct framework *framework_add(struct master *master, const char *id);
/* Known to others, not to the registry. `info` may be NULL: then its id is all that we know. */
struct framework *framework_recover(struct master *master, const char *id,
                                    const struct framework_info *info);
/* An agent still has tasks of one that was removed: they count until the agent says that they have
 * ended. */
struct framework *framework_recover_removed(struct master *master, const char *id,
                                            const struct framework_info *info);
/* It is away, and after so long it is removed. */
void framework_await_return(struct master *master, struct framework *framework, int64_t for_us);
int64_t framework_failover_us(const struct master *master, const struct framework *framework);
/* The one place where its state changes. */
void framework_move(struct master *master, struct framework *framework, enum framework_state state);
void framework_set_info(struct framework *framework, const struct framework_info *info);
/* Its session is over: no offers, and it has its failover timeout to come back. It may be removed. */
void framework_disconnect(struct master *master, struct framework *framework);
/* Its tasks are killed, its offers forgotten, its id is remembered and never used again. What its
 * tasks hold is held until their agents say that they have ended; it is freed after the last of them,
 * or at once. */
void framework_remove(struct master *master, struct framework *framework,
                      enum removal_reason reason, const char *why);
/* The same, and the registry has it already. */
void framework_end(struct master *master, struct framework *framework, enum removal_reason reason,
                   const char *why);
/* The record of its removal, in the caller's memory. */
struct message framework_removal_of(const struct master *master, const struct framework *framework,
                                    struct msg_kept_framework *ret_body,
                                    struct framework_info *ret_info);
/* A task of it has gone; it may have been what it waited for. */
void framework_on_task_gone(struct master *master, struct framework *framework);
void frameworks_fini(struct master *master);
void on_teardown(struct master *master, struct framework *framework, const struct message *message);

/* --- subscribe.c ------------------------------------------------------------- */

/* ERROR, and the end of the session: the framework must stop. */
void session_refuse(struct master *master, uint64_t session, const char *why);
/* Is what it says of itself small enough to be kept and published? */
bool framework_is_showable(const struct master *master, const struct framework_info *info);
/* It says so before it is let in. */
void on_teardown_while_waiting(struct master *master, uint64_t session);
void on_subscribe(struct master *master, uint64_t session, const struct message *message);

/* --- subscriptions.c --------------------------------------------------------- */

/* NULL: not among the framework's roles, and no task in it. */
struct subscription *subscription_find(const struct framework *framework, const char *role);
struct subscription *subscription_get_or_add(struct master *master, struct framework *framework,
                                             const char *role);
/* Does it get offers? */
bool subscription_wants(const struct master *master, const struct subscription *subscription);
/* What it has refused is forgotten. */
void subscription_forgive(struct master *master, struct subscription *subscription);
/* How many offers it may have at a time; 0: any number. */
size_t framework_offers_max(const struct master *master, const struct framework *framework);
/* Has it as many, with what was preempted for it and is not shown yet? */
bool framework_is_at_cap(const struct master *master, const struct framework *framework);
/* Tell the allocator. */
void subscription_settle(struct master *master, struct subscription *subscription);
/* A task of it has gone; it may be the last thing that held the subscription. */
void subscription_drop_task(struct master *master, struct subscription *subscription);
/* The framework's roles are those of its info from now on. Offers in other roles are rescinded. */
void subscriptions_update(struct master *master, struct framework *framework,
                          const char *const *suppressed, size_t suppressed_count);
/* All of them want offers, or none, as the framework's state has it; without offers, no filters. */
void subscriptions_settle(struct master *master, struct framework *framework);
void subscriptions_fini(struct master *master, struct framework *framework);
void on_revive(struct master *master, struct framework *framework, const struct message *message);
void on_suppress(struct master *master, struct framework *framework, const struct message *message);

#endif
