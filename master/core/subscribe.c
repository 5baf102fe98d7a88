/* master/core/subscribe.c - SUBSCRIBE: a new framework, one that comes back, one that another
 * instance takes over, or one that changes its mind on the same session.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "master/core/changes.h"
#include "master/core/frameworks.h"
#include "master/core/log.h"
#include "master/core/needs.h"
#include "master/core/offers.h"
#include "master/core/weight.h"

static int check_roles(const struct framework_info *info, struct err *err)
{
    if (info->roles_count > FRAMEWORK_ROLES_MAX)
        return err_set(err, -EINVAL, "%zu roles are named, at most %d are allowed",
                       info->roles_count, FRAMEWORK_ROLES_MAX);
    for (size_t i = 0; i < info->roles_count; i++) {
        int r = role_check(info->roles[i], err);

        if (r < 0)
            return r;
        for (size_t j = 0; j < i; j++)
            if (!strcmp(info->roles[i], info->roles[j]))
                return err_set(err, -EINVAL, "role %.128s is named twice", info->roles[i]);
    }
    return 0;
}

static bool has_role(const struct framework_info *info, const char *role)
{
    if (!info->roles_count)
        return !strcmp(role, RESOURCE_ROLE_ANY);
    for (size_t i = 0; i < info->roles_count; i++)
        if (!strcmp(info->roles[i], role))
            return true;
    return false;
}

static int check_suppressed(const struct msg_subscribe *subscribe, struct err *err)
{
    if (subscribe->suppressed_roles_count > FRAMEWORK_ROLES_MAX)
        return err_set(err, -EINVAL, "%zu suppressed roles are named, at most %d are allowed",
                       subscribe->suppressed_roles_count, FRAMEWORK_ROLES_MAX);
    for (size_t i = 0; i < subscribe->suppressed_roles_count; i++)
        if (!has_role(subscribe->framework, subscribe->suppressed_roles[i]))
            return err_set(err, -EINVAL,
                           "suppressed role %.128s is not among the framework's roles",
                           subscribe->suppressed_roles[i]);
    return 0;
}

bool framework_is_showable(const struct master *master, const struct framework_info *info)
{
    return record_weight(&framework_info_def, info, master->scratch) <= FRAMEWORK_SHOWN_MAX;
}

/* `current`: what the session is already, or NULL. */
static int subscribe_check(const struct master *master, const struct framework *current,
                           const struct msg_subscribe *subscribe, struct err *err)
{
    const struct framework_info *info = subscribe->framework;
    int r;

    if (current && *info->id && strcmp(info->id, current->id) != 0)
        return err_set(err, -EINVAL, "this session is framework %.128s already", current->id);
    if (framework_is_completed(master, info->id))
        return err_set(err, -EINVAL, "Framework has been removed");
    if (!framework_is_showable(master, info))
        return err_set(err, -E2BIG,
                       "its labels, capabilities and all else it says of itself take more than %d "
                       "bytes",
                       FRAMEWORK_SHOWN_MAX);
    r = check_roles(info, err);
    if (r == 0)
        r = check_suppressed(subscribe, err);
    return r < 0 ? r : needs_check(info, subscribe->needs, subscribe->needs_count, err);
}

void session_refuse(struct master *master, uint64_t session, const char *why)
{
    const struct message error = MESSAGE(ERROR, error, .message = why);

    master->env.send(master->env.ctx, session, &error);
    master->env.close(master->env.ctx, session, why);
}

static struct framework *framework_new(struct master *master)
{
    char id[ID_MAX + 1];

    /* A framework of an earlier master with the same id may have taken a number. */
    do {
        int size = snprintf(id, sizeof(id), "%s-%04" PRIu64, master->id, master->next_framework++);

        BUG_ON(size < 0 || (size_t)size >= sizeof(id));
    } while (framework_find(master, id) || framework_is_completed(master, id));
    return framework_add(master, id);
}

/* The framework that the call is about; it may be subscribed on an older session. */
static struct framework *framework_meant(struct master *master, struct framework *current,
                                         const char *id)
{
    struct framework *framework = current;

    if (framework)
        return framework;
    if (!*id)
        return framework_new(master);
    framework = framework_find(master, id);
    if (!framework) {
        framework = framework_add(master, id);
        framework->is_returning = true;
    }
    return framework;
}

/* Another instance takes over: what the older one was offered is void. */
static void fail_over(struct master *master, struct framework *framework)
{
    session_refuse(master, framework->session, "Framework failed over");
    offers_remove_framework(master, framework, NULL, OFFER_ABANDONED, NULL);
    framework_move(master, framework, FRAMEWORK_DISCONNECTED);
}

/* How it wants its offers. */
static void set_manners(struct framework *framework, const struct msg_subscribe *subscribe)
{
    int64_t ms = subscribe->offer_timeout_ms;

    framework->offers_max = (size_t)subscribe->offers_max;
    framework->offer_timeout_us = (ms > FAILOVER_MAX_MS ? FAILOVER_MAX_MS : ms) * US_PER_MS;
}

static void subscribe_apply(struct master *master, uint64_t session, struct framework *framework,
                            const struct msg_subscribe *subscribe)
{
    bool is_known = framework->info != NULL;

    if (framework->state == FRAMEWORK_SUBSCRIBED && framework->session != session)
        fail_over(master, framework);
    deadline_cancel(&master->deadlines, &framework->failover);
    framework_set_info(framework, subscribe->framework);
    if (is_known)
        framework->reregistered_us = master->now.wall_us;
    else
        framework->registered_us = master->now.wall_us;
    framework->session = session;
    if (framework->state != FRAMEWORK_SUBSCRIBED)
        framework_move(master, framework, FRAMEWORK_SUBSCRIBED);
    framework_send(master, framework,
                   MESSAGE(SUBSCRIBED, subscribed, .framework_id = framework->id,
                           .master_id = master->id, .master_address = master->address));
    set_manners(framework, subscribe);
    subscriptions_update(master, framework, subscribe->suppressed_roles,
                         subscribe->suppressed_roles_count);
    needs_subscribe(master, framework, subscribe);
    publish_framework(master, framework);
}

void on_subscribe(struct master *master, uint64_t session, const struct message *message)
{
    const struct msg_subscribe *subscribe = message->subscribe;
    struct framework *current = framework_of_session(master, session);
    struct err err;

    counter_add(master, *subscribe->framework->id ? COUNTER_MESSAGES_REREGISTER_FRAMEWORK
                                                  : COUNTER_MESSAGES_REGISTER_FRAMEWORK);
    if (subscribe_check(master, current, subscribe, &err) < 0) {
        log_warn(master, "framework %s (%s) is refused: %s", subscribe->framework->id,
                 subscribe->framework->name, err.text);
        session_refuse(master, session, err.text);
        if (current)
            framework_disconnect(master, current);
        return;
    }
    subscribe_apply(master, session, framework_meant(master, current, subscribe->framework->id),
                    subscribe);
}
