/* master/core/subscribe.c - SUBSCRIBE: a new framework, one that comes back, one that another
 * instance takes over, or one that changes its mind on the same session.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/departed.h"
#include "master/core/frameworks.h"
#include "master/core/inverse.h"
#include "master/core/keep.h"
#include "master/core/log.h"
#include "master/core/needs.h"
#include "master/core/offers.h"
#include "master/core/preempt.h"
#include "master/core/waiting.h"
#include "master/core/weight.h"

#define REMOVED_TEXT "Framework has been removed" /* as Mesos says it; tools look for it */

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
        return err_set(err, -EINVAL, REMOVED_TEXT);
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

static void make_id(struct master *master, char ret_id[ID_MAX + 1])
{
    /* A framework of an earlier master with the same id may have taken a number. */
    do {
        int size =
            snprintf(ret_id, ID_MAX + 1, "%s-%04" PRIu64, master->id, master->next_framework++);

        BUG_ON(size < 0 || size > ID_MAX);
    } while (framework_find(master, ret_id) || framework_is_completed(master, ret_id));
}

/* Another instance takes over: what the older one was offered is void. */
static void fail_over(struct master *master, struct framework *framework)
{
    session_refuse(master, framework->session, "Framework failed over");
    offers_remove_framework(master, framework, NULL, OFFER_ABANDONED, NULL);
    framework_move(master, framework, FRAMEWORK_DISCONNECTED);
}

/* Its updates come at once: their agents may have repeated them for long, and pause for minutes. */
static void ask_for_updates(struct master *master, const struct framework *framework)
{
    struct task *task, *next;

    HASH_ITER (hh, framework->tasks, task, next) {
        if (!task->agent->is_told)
            agent_send(master, task->agent,
                       MESSAGE(RESEND_UPDATES, resend_updates, .framework_id = framework->id));
        task->agent->is_told = true;
    }
    HASH_ITER (hh, framework->tasks, task, next)
        task->agent->is_told = false;
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
    bool is_known = framework->info != NULL, is_anew = framework->session != session;

    if (framework->state == FRAMEWORK_SUBSCRIBED && framework->session != session)
        fail_over(master, framework);
    deadline_cancel(&master->deadlines, &framework->failover);
    framework_set_info(framework, subscribe->framework);
    if (is_known)
        framework->reregistered_us = master->now.wall_us;
    else
        framework->registered_us = master->now.wall_us;
    framework->session = session;
    framework->deadline_us = 0;
    if (framework->state != FRAMEWORK_SUBSCRIBED)
        framework_move(master, framework, FRAMEWORK_SUBSCRIBED);
    framework_send(master, framework,
                   MESSAGE(SUBSCRIBED, subscribed, .framework_id = framework->id,
                           .master_id = master->id, .master_address = master->address));
    set_manners(framework, subscribe);
    subscriptions_update(master, framework, subscribe->suppressed_roles,
                         subscribe->suppressed_roles_count);
    if (is_known)
        keep_framework_soon(master, framework);
    needs_subscribe(master, framework, subscribe);
    publish_framework(master, framework);
    inverse_on_subscribed(master, framework, is_anew);
    ask_for_updates(master, framework);
    preempt_on_subscribed(master, framework);
}

/* --- one that the registry does not have ------------------------------------- */

static void let_in(struct master *master, const struct waiting *waiting)
{
    struct framework *framework = framework_find(master, waiting->id);

    if (!framework) {
        framework = framework_add(master, waiting->id);
        framework->is_returning = !waiting->is_new;
    }
    framework->is_recorded = true;
    subscribe_apply(master, waiting->session, framework, waiting->message.subscribe);
    if (waiting->has_changed)
        keep_framework_soon(master, framework);
}

/* The registry has it, but it is not there. */
static void note_absent(struct master *master, const struct waiting *waiting)
{
    struct framework *framework = framework_find(master, waiting->id);

    if (waiting->is_new) { /* it does not know its id: it will be given another one */
        keep_soon(master, &MESSAGE(DROP_FRAMEWORK, drop_framework, .framework_id = waiting->id));
        return;
    }
    if (!framework && !waiting_find_id(master, PEER_FRAMEWORK, waiting->id))
        framework = framework_recover(master, waiting->id, waiting->message.subscribe->framework);
    if (framework && framework->state != FRAMEWORK_SUBSCRIBED && waiting->is_leaving)
        framework_remove(master, framework, REMOVED_TEARDOWN, "it asked for its teardown");
}

static void on_recorded(struct master *master, void *arg, const struct kept *kept)
{
    struct waiting *waiting = arg;
    struct err err;

    if (kept->rc < 0) {
        /* It may come again, and is let in when the registry has room. */
        err_set(&err, kept->rc, "not now, the registry cannot be written: %.150s", kept->why);
        log_warn(master, "framework %s (%s) is refused: %s", waiting->id,
                 waiting->message.subscribe->framework->name, err.text);
        if (waiting->session)
            master->env.close(master->env.ctx, waiting->session, err.text);
    } else if (framework_is_completed(master, waiting->id)) {
        if (waiting->session)
            session_refuse(master, waiting->session, REMOVED_TEXT);
    } else if (waiting->session) {
        let_in(master, waiting);
    } else {
        note_absent(master, waiting);
    }
    waiting_end(master, waiting);
}

static void await_record(struct master *master, uint64_t session, const struct message *message)
{
    const char *given = message->subscribe->framework->id;
    struct framework_info info = *message->subscribe->framework;
    const struct msg_kept_framework record = {.framework = &info,
                                              .registered_us = master->now.wall_us};
    struct waiting *waiting, *older = waiting_find_id(master, PEER_FRAMEWORK, given);
    char id[ID_MAX + 1];

    if (older) {
        session_refuse(master, older->session, "Framework failed over");
        waiting_leave(master, older);
    }
    if (*given)
        snprintf(id, sizeof(id), "%s", given);
    else
        make_id(master, id);
    info.id = id;
    waiting = waiting_add(master, session, PEER_FRAMEWORK, id, !*given, message);
    keep(master, &(struct message){.type = MSG_KEPT_FRAMEWORK, .kept_framework = &record},
         on_recorded, waiting);
    if (MUTATE(ADMIT_BEFORE_KEPT)) {
        let_in(master, waiting);
        waiting_leave(master, waiting);
    }
}

/* --- the call ---------------------------------------------------------------- */

void on_teardown_while_waiting(struct master *master, uint64_t session)
{
    struct waiting *waiting = waiting_find(master, session);

    waiting->is_leaving = true;
    master->env.close(master->env.ctx, session, "it asked for its teardown");
    waiting_leave(master, waiting);
}

static void take_up(struct master *master, uint64_t session, struct framework *current,
                    const struct message *message)
{
    const struct framework_info *info = message->subscribe->framework;
    struct framework *framework = current ? current : framework_find(master, info->id);
    struct waiting *waiting = waiting_find(master, session);
    struct err err;

    /* It changes its mind before it is answered. */
    if (waiting && !strcmp(info->id, waiting->is_new ? "" : waiting->id)) {
        waiting_set_message(master, waiting, message);
        waiting->has_changed = true;
        return;
    }
    if (waiting)
        waiting_leave(master, waiting);
    if (framework && framework->is_recorded) {
        subscribe_apply(master, session, framework, message->subscribe);
    } else if (keep_has_room(master, &err) < 0) {
        log_warn(master, "framework %s (%s) is refused: %s", info->id, info->name, err.text);
        master->env.close(master->env.ctx, session, err.text);
    } else {
        await_record(master, session, message);
    }
}

/* It was long under way: the same instance, or the one after it, has subscribed on a newer session. */
static bool is_overtaken(const struct master *master, uint64_t session, const char *id)
{
    const struct framework *framework = framework_find(master, id);
    const struct waiting *waiting = waiting_find_id(master, PEER_FRAMEWORK, id);

    return (framework && framework->state == FRAMEWORK_SUBSCRIBED &&
            session < framework->session) ||
           (waiting && session < waiting->session);
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
        if (waiting_find(master, session))
            waiting_leave(master, waiting_find(master, session));
        return;
    }
    if (is_overtaken(master, session, subscribe->framework->id))
        master->env.close(master->env.ctx, session, "a newer session of the same framework");
    else
        take_up(master, session, current, message);
}
