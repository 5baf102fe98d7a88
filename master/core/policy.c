/* master/core/policy.c - weights and quotas: set by operators, enforced on offers. */
#include "master/core/policy.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "master/core/log.h"
#include "master/core/offers.h"

/* --- enforcing --------------------------------------------------------------- */

static void enforce_on(struct master *master, struct framework *framework)
{
    struct offer *offer, *next;

    for (offer = framework->offers; offer; offer = next) {
        const struct allocator_client *client = offer->subscription->client;

        next = offer->framework_next;
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

/* --- setting ----------------------------------------------------------------- */

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

static int set_quota(struct master *master, const struct msg_operator_set_quota *call,
                     struct err *err)
{
    CLEANUP(free_p)
    struct quota_amount *guarantees = mem_calloc(call->guarantees_count, sizeof(*guarantees));
    CLEANUP(free_p) struct quota_amount *limits = mem_calloc(call->limits_count, sizeof(*limits));
    const struct quota_request request = {
        .role = call->role,
        .guarantees = guarantees,
        .guarantees_count = call->guarantees_count,
        .limits = limits,
        .limits_count = call->limits_count,
    };
    int r = read_amounts(call->guarantees, call->guarantees_count, "guarantee", guarantees, err);

    if (r == 0)
        r = read_amounts(call->limits, call->limits_count, "limit", limits, err);
    return r < 0 ? r : allocator_set_quota(master->allocator, &request, err);
}

static int call_set_quota(struct master *master, const struct msg_operator_set_quota *call,
                          struct err *ret_text)
{
    const char *short_of;

    if (set_quota(master, call, ret_text) < 0)
        return 400;
    short_of = allocator_overcommitted(master->allocator);
    log_note(master, "an operator sets the quota of role %s", call->role);
    if (short_of)
        snprintf(ret_text->text, sizeof(ret_text->text),
                 "set; but the cluster has less %.63s than is guaranteed in all", short_of);
    else
        snprintf(ret_text->text, sizeof(ret_text->text), "the quota of role %.128s is set",
                 call->role);
    return 200;
}

static int call_set_weight(struct master *master, const struct msg_operator_set_weight *call,
                           struct err *ret_text)
{
    int64_t weight = call->weight_milli ? call->weight_milli : WEIGHT_DEFAULT_MILLI;

    if (allocator_set_weight(master->allocator, call->role, weight, ret_text) < 0)
        return 400;
    log_note(master, "an operator sets the weight of role %s", call->role);
    snprintf(ret_text->text, sizeof(ret_text->text), "the weight of role %.128s is set",
             call->role);
    return 200;
}

int policy_call(struct master *master, const struct message *call, struct err *ret_text)
{
    if (call->type == MSG_OPERATOR_SET_QUOTA)
        return call_set_quota(master, call->operator_set_quota, ret_text);
    if (call->type == MSG_OPERATOR_SET_WEIGHT)
        return call_set_weight(master, call->operator_set_weight, ret_text);
    return 0;
}
