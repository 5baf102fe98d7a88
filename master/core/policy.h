/* master/core/policy.h - weights, quotas, priorities, kinds of offers: set by operators, kept in the registry before they have
 * an effect, enforced on offers.
 *
 * One change after the other, since each is checked against all that is set. Every call is logged,
 * whatever became of it. */
#ifndef PROFFER_MASTER_CORE_POLICY_H
#define PROFFER_MASTER_CORE_POLICY_H

#include "master/core/state.h"

void operator_set_quota(struct master *master, uint64_t number,
                        const struct msg_operator_set_quota *call);
void operator_set_offers(struct master *master, uint64_t number,
                         const struct msg_operator_set_offers *call);
void operator_set_weight(struct master *master, uint64_t number,
                         const struct msg_operator_set_weight *call);
void operator_set_priority(struct master *master, uint64_t number,
                           const struct msg_operator_set_priority *call);
/* Several roles, all or none. */
#define POLICY_ROLES_MAX 1024
void operator_set_roles(struct master *master, uint64_t number,
                        const struct msg_operator_set_roles *call);
void policy_init(struct master *master);
/* After a restart there are agents that are still to come back: what limited roles have there is not
 * known, so they are given nothing of what is limited until all are back or their time is over. */
void policy_await_agents(struct master *master);
void policy_on_agent(struct master *master); /* one is back, or no longer awaited */
/* As the registry has it, before the first event. */
int policy_recall(struct master *master, const struct msg_kept_role *record, struct err *err);
void policy_fini(struct master *master);
/* Take offers back that a new or lower quota leaves no room for. */
void policy_enforce(struct master *master);

/* What is set for the role itself; NULL: nothing. */
struct policy *policy_find(const struct master *master, const char *role);

/* --- between policy.c and policy_change.c -------------------------------------- */

bool policy_is_nothing(const struct msg_kept_role *record);
/* In the books; `record` is not of the policy that there is. */
void policy_replace(struct master *master, const struct msg_kept_role *record);
struct role_policy policy_of(const struct msg_kept_role *record);
struct msg_kept_role policy_record(const struct role_policy *policy);
int64_t policy_weight(const struct role_policy *policy);
/* The allocator's words for it; they live until the event ends. */
int policy_read_quotas(struct master *master, const struct role_policy *roles, size_t count,
                       struct quota_request **ret_requests, struct err *err);
/* In the allocator, quotas or weights of all of these roles, or of none. */
int policy_apply(struct master *master, const struct role_policy *roles, size_t count, bool quota,
                 bool weight, struct err *err);
void policy_changes_fini(struct master *master);

#endif
