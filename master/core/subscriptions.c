/* master/core/subscriptions.c - a framework's roles: which it has, and for which it wants offers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "master/core/changes.h"
#include "master/core/filters.h"
#include "master/core/frameworks.h"
#include "master/core/inverse.h"
#include "master/core/log.h"
#include "master/core/needs.h"
#include "master/core/offers.h"
#include "master/core/preempt.h"
#include "master/core/optimistic.h"

struct subscription *subscription_find(const struct framework *framework, const char *role)
{
    struct subscription *subscription;

    DL_FOREACH (framework->subscriptions, subscription)
        if (!strcmp(subscription->role, role))
            return subscription;
    return NULL;
}

struct subscription *subscription_get_or_add(struct master *master, struct framework *framework,
                                             const char *role)
{
    struct subscription *subscription = subscription_find(framework, role);
    size_t size = strlen(role);

    if (subscription)
        return subscription;
    subscription = mem_calloc(1, sizeof(*subscription) + size + 1);
    memcpy(subscription->role, role, size + 1);
    subscription->framework = framework;
    subscription->client = allocator_join(master->allocator, role, subscription);
    subscription->is_optimistic = optimistic_is_role(master, role);
    DL_APPEND(framework->subscriptions, subscription);
    preempt_on_joined(master, subscription);
    return subscription;
}

static void subscription_destroy(struct master *master, struct subscription *subscription)
{
    filters_clear_subscription(master, subscription);
    needs_destroy(master, &subscription->needs);
    preempt_forget(master, subscription);
    optimistic_forget_taker(master, subscription);
    allocator_leave(master->allocator, &subscription->client);
    DL_DELETE(subscription->framework->subscriptions, subscription);
    free(subscription);
}

/* What it refused is forgotten: it is asked again about everything. */
void subscription_forgive(struct master *master, struct subscription *subscription)
{
    filters_clear_subscription(master, subscription);
    subscription->refusals = 0;
    allocator_recall(master->allocator, subscription->client);
}

size_t framework_offers_max(const struct master *master, const struct framework *framework)
{
    size_t own = framework->offers_max, max = master->offers_max;

    return own && (!max || own < max) ? own : max;
}

bool framework_is_at_cap(const struct master *master, const struct framework *framework)
{
    size_t max = framework_offers_max(master, framework);

    return max && framework->offers_count + framework->offers_waiting >= max;
}

bool subscription_wants(const struct master *master, const struct subscription *subscription)
{
    return subscription->framework->state == FRAMEWORK_SUBSCRIBED && subscription->is_wanted &&
           !subscription->is_suppressed && needs_are_open(subscription->needs) &&
           !framework_is_at_cap(master, subscription->framework);
}

void subscription_settle(struct master *master, struct subscription *subscription)
{
    bool wants = subscription_wants(master, subscription);

    if (wants == subscription->is_asked)
        return;
    subscription->is_asked = wants;
    allocator_want(master->allocator, subscription->client, wants);
    if (wants)
        allocator_recall(master->allocator, subscription->client);
    preempt_on_wish(master, subscription);
}

void subscription_drop_task(struct master *master, struct subscription *subscription)
{
    subscription->tasks_count--;
    if (!subscription->tasks_count && !subscription->is_wanted)
        subscription_destroy(master, subscription);
}

static bool is_among(const char *text, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(texts[i], text))
            return true;
    return false;
}

static void drop_unwanted(struct master *master, struct framework *framework)
{
    struct subscription *subscription, *next;

    DL_FOREACH_SAFE (framework->subscriptions, subscription, next) {
        if (subscription->is_wanted)
            continue;
        offers_remove_framework(master, framework, subscription, OFFER_LEFT,
                                "the framework has left the role");
        filters_clear_subscription(master, subscription);
        needs_destroy(master, &subscription->needs);
        subscription_settle(master, subscription);
        if (!subscription->tasks_count)
            subscription_destroy(master, subscription);
    }
}

void subscriptions_update(struct master *master, struct framework *framework,
                          const char *const *suppressed, size_t suppressed_count)
{
    const struct framework_info *info = framework->info;
    struct subscription *subscription;

    DL_FOREACH (framework->subscriptions, subscription)
        subscription->is_wanted = false;
    for (size_t i = 0; i < info->roles_count; i++) {
        subscription = subscription_get_or_add(master, framework, info->roles[i]);
        subscription->is_wanted = true;
        subscription->is_suppressed = is_among(info->roles[i], suppressed, suppressed_count);
        subscription_settle(master, subscription);
    }
    drop_unwanted(master, framework);
}

void subscriptions_settle(struct master *master, struct framework *framework)
{
    struct subscription *subscription;

    DL_FOREACH (framework->subscriptions, subscription) {
        subscription_settle(master, subscription);
        if (framework->state != FRAMEWORK_SUBSCRIBED)
            filters_clear_subscription(master, subscription);
    }
}

void subscriptions_fini(struct master *master, struct framework *framework)
{
    while (framework->subscriptions)
        subscription_destroy(master, framework->subscriptions);
}

/* Of the roles named, or of all. */
static void set_suppressed(struct master *master, struct framework *framework,
                           const char *const *roles, size_t roles_count, bool is_suppressed)
{
    struct subscription *subscription;
    bool has_changed = false;

    if (roles_count > FRAMEWORK_ROLES_MAX) {
        counter_add(master, COUNTER_MESSAGES_DROPPED);
        counter_add(master, COUNTER_MESSAGES_UNEXPECTED);
        log_warn(master, "framework %s: a wish about %zu roles is dropped, at most %d are allowed",
                 framework->id, roles_count, FRAMEWORK_ROLES_MAX);
        return;
    }
    DL_FOREACH (framework->subscriptions, subscription) {
        if (!subscription->is_wanted)
            continue;
        if (roles_count && !is_among(subscription->role, roles, roles_count))
            continue;
        has_changed = has_changed || subscription->is_suppressed != is_suppressed;
        subscription->is_suppressed = is_suppressed;
        subscription_settle(master, subscription);
        if (!is_suppressed)
            subscription_forgive(master, subscription);
    }
    if (has_changed)
        publish_framework(master, framework);
}

void on_revive(struct master *master, struct framework *framework, const struct message *message)
{
    set_suppressed(master, framework, message->revive->roles, message->revive->roles_count, false);
    inverse_on_revived(master, framework);
}

void on_suppress(struct master *master, struct framework *framework, const struct message *message)
{
    set_suppressed(master, framework, message->suppress->roles, message->suppress->roles_count,
                   true);
}
