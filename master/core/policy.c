/* master/core/policy.c - weights, quotas, kinds of offers: set by operators, enforced on offers. */
#include "master/core/policy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "base/units.h"
#include "master/core/changes.h"
#include "master/core/keep.h"
#include "master/core/log.h"
#include "master/core/offers.h"
#include "master/core/operator.h"
#include "master/core/optimistic.h"

/* --- enforcing --------------------------------------------------------------- */

static void enforce_on(struct master *master, struct framework *framework)
{
    struct offer *offer, *next;

    for (offer = framework->offers; offer; offer = next) {
        const struct allocator_client *client = offer->subscription->client;

        next = offer->framework_next;
        if (offer->is_shown)
            continue; /* it holds nothing: optimistic_enforce */
        if (allocator_is_beyond_limit(master->allocator, client, &offer->resources))
            offer_remove(master, offer, OFFER_RESCINDED, "the role is beyond its limit");
        else if (allocator_is_in_the_way(master->allocator, client, &offer->resources))
            offer_remove(master, offer, OFFER_RESCINDED, "another role is guaranteed this");
    }
}

void policy_enforce(struct master *master)
{
    struct framework *framework;

    if (!allocator_must_rescind(master->allocator))
        return;
    for (framework = master->frameworks; framework; framework = framework->hh.next)
        enforce_on(master, framework);
    allocator_has_rescinded(master->allocator);
}

/* --- after a restart --------------------------------------------------------- */

/* Those who are not back by then no longer count. */
static void on_hold_ends(void *owner, struct deadline *deadline)
{
    struct master *master = owner;

    (void)deadline;
    allocator_hold_limits(master->allocator, false);
}

void policy_init(struct master *master)
{
    master->limits_held.due = on_hold_ends;
}

void policy_await_agents(struct master *master)
{
    if (!deadline_is_set(&master->limits_held))
        deadline_set(&master->deadlines, &master->limits_held,
                     master->now.mono_us + master->agent_reregister_us);
    allocator_hold_limits(master->allocator, true);
}

void policy_on_agent(struct master *master)
{
    if (master->recovered_count || !deadline_is_set(&master->limits_held))
        return;
    deadline_cancel(&master->deadlines, &master->limits_held);
    allocator_hold_limits(master->allocator, false);
}

/* --- what is set ------------------------------------------------------------- */

struct policy *policy_find(const struct master *master, const char *role)
{
    struct policy *policy;

    HASH_FIND_STR(master->policies, role, policy);
    return policy;
}

bool policy_is_nothing(const struct msg_kept_role *record)
{
    return !record->weight_milli && !record->guarantees_count && !record->limits_count &&
           !record->has_priority && !record->offers;
}

static void policy_free(struct master *master, struct policy *policy)
{
    HASH_DEL(master->policies, policy);
    arena_destroy(&policy->memory);
    free(policy);
}

/* `record` is not of the policy that there is. */
void policy_replace(struct master *master, const struct msg_kept_role *record)
{
    struct policy *policy = policy_find(master, record->role);

    if (policy)
        policy_free(master, policy);
    publish_role(master, record);
    if (policy_is_nothing(record))
        return;
    policy = mem_new(struct policy);
    policy->memory = arena_new(0);
    policy->record = record_copy(&msg_kept_role_def, record, policy->memory);
    HASH_ADD_KEYPTR(hh, master->policies, policy->record->role, strlen(policy->record->role),
                    policy);
}

/* --- the allocator's words for it ---------------------------------------------- */

/* What a person sets is of the unreserved pool, a plain number of each. */
static int read_amounts(const struct resource_info *infos, size_t count, const char *what,
                        struct quota_amount *ret_amounts, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct resource_info *info = &infos[i];

        if (info->kind != VALUE_SCALAR)
            return err_set(err, -EINVAL, "%s: %.63s is no number, as in cpus:20", what, info->name);
        if ((*info->role && strcmp(info->role, RESOURCE_ROLE_ANY) != 0) || info->revocable)
            return err_set(err, -EINVAL, "%s: %.63s is reserved or revocable; quotas are neither",
                           what, info->name);
        ret_amounts[i] = (struct quota_amount){.name = info->name, .milli = info->scalar};
    }
    return 0;
}

/* Its arrays live until the event ends. */
static int read_quota(struct master *master, const struct role_policy *record,
                      struct quota_request *ret_request, struct err *err)
{
    struct quota_amount *guarantees =
        arena_alloc(master->scratch, (record->guarantees_count + 1) * sizeof(*guarantees));
    struct quota_amount *limits =
        arena_alloc(master->scratch, (record->limits_count + 1) * sizeof(*limits));
    int r =
        read_amounts(record->guarantees, record->guarantees_count, "guarantee", guarantees, err);

    *ret_request = (struct quota_request){
        .role = record->role,
        .guarantees = guarantees,
        .guarantees_count = record->guarantees_count,
        .limits = limits,
        .limits_count = record->limits_count,
    };
    return r < 0 ? r : read_amounts(record->limits, record->limits_count, "limit", limits, err);
}

int policy_read_quotas(struct master *master, const struct role_policy *roles, size_t count,
                       struct quota_request **ret_requests, struct err *err)
{
    struct quota_request *requests = arena_array(master->scratch, count, sizeof(*requests));
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        r = read_quota(master, &roles[i], &requests[i], err);
    *ret_requests = requests;
    return r;
}

int64_t policy_weight(const struct role_policy *record)
{
    return record->weight_milli ? record->weight_milli : WEIGHT_DEFAULT_MILLI;
}

struct role_policy policy_of(const struct msg_kept_role *record)
{
    return (struct role_policy){
        .role = record->role,
        .weight_milli = record->weight_milli,
        .priority = record->priority,
        .has_priority = record->has_priority,
        .guarantees = record->guarantees,
        .guarantees_count = record->guarantees_count,
        .limits = record->limits,
        .limits_count = record->limits_count,
        .offers = record->offers,
    };
}

struct msg_kept_role policy_record(const struct role_policy *policy)
{
    return (struct msg_kept_role){
        .role = policy->role,
        .weight_milli = policy->weight_milli,
        .priority = policy->priority,
        .has_priority = policy->has_priority,
        .guarantees = policy->guarantees,
        .guarantees_count = policy->guarantees_count,
        .limits = policy->limits,
        .limits_count = policy->limits_count,
        .offers = policy->offers,
    };
}

int policy_apply(struct master *master, const struct role_policy *roles, size_t count, bool quota,
                 bool weight, struct err *err)
{
    struct quota_request *requests;
    int r = quota ? policy_read_quotas(master, roles, count, &requests, err) : 0;

    if (r == 0 && quota)
        r = allocator_set_quotas(master->allocator, requests, count, err);
    for (size_t i = 0; i < count && r == 0 && weight; i++)
        r = allocator_set_weight(master->allocator, roles[i].role, policy_weight(&roles[i]), err);
    return r;
}

int policy_recall(struct master *master, const struct msg_kept_role *record, struct err *err)
{
    const struct role_policy policy = policy_of(record);
    int r;

    if (policy_find(master, record->role))
        return err_set(err, -EINVAL, "role %.128s has two records", record->role);
    if (MUTATE(FORGET_POLICY))
        return 0;
    r = policy_apply(master, &policy, 1, record->guarantees_count || record->limits_count,
                     record->weight_milli != 0, err);
    if (r == 0)
        policy_replace(master, record);
    return r;
}

void policy_fini(struct master *master)
{
    while (master->policies)
        policy_free(master, master->policies);
    policy_changes_fini(master);
}
