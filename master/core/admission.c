/* master/core/admission.c - REGISTER_AGENT: who is let in at once, who waits, who is refused.
 *
 * The registry says which agents belong to the cluster. One that it has as admitted is registered at
 * once; one that it does not have, or has as unreachable, when it has its new record; one that is gone
 * never again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/departed.h"
#include "master/core/keep.h"
#include "master/core/log.h"
#include "master/core/maintenance.h"
#include "master/core/parts.h"
#include "master/core/waiting.h"

#define MOVES_MAX      5
#define MOVES_APART_US ((int64_t)60 * US_PER_S)

#define OVERTAKEN_TEXT "a newer session of the same agent"

static void refuse(struct master *master, uint64_t session, const struct agent_info *info,
                   const char *why)
{
    counter_add(master, COUNTER_AGENT_REFUSALS);
    log_warn(master, "agent %s (%s) is refused: %s", info->id, info->hostname, why);
    master->env.close(master->env.ctx, session, why);
}

/* It ends its tasks and itself. */
static void turn_away(struct master *master, uint64_t session, const char *id)
{
    static const char why[] =
        "an operator has marked this agent gone: start it with another, empty "
        "work folder, and it comes as a new one";
    struct message order = MESSAGE(SHUTDOWN_AGENT, shutdown_agent, .reason = why);

    counter_add(master, COUNTER_AGENT_REFUSALS);
    log_warn(master, "agent %s is refused: it is gone, and is told to shut down", id);
    order.epoch = master->epoch;
    master->env.send(master->env.ctx, session, &order);
    master->env.close(master->env.ctx, session, why);
}

static void make_id(struct master *master, char ret_id[ID_MAX + 1])
{
    /* An agent of an earlier master with the same id may have taken a number. */
    do {
        int size = snprintf(ret_id, ID_MAX + 1, "%s-S%" PRIu64, master->id, master->next_agent++);

        BUG_ON(size < 0 || size > ID_MAX);
    } while (agent_find(master, ret_id) || agent_is_gone(master, ret_id));
}

/* --- with its record --------------------------------------------------------- */

static void let_in(struct master *master, struct waiting *waiting)
{
    const struct msg_register_agent *call = waiting->message.register_agent;
    CLEANUP(resources_fini) struct resources total = {0};
    struct err err;

    if (registration_check(master, NULL, call, &total, &err) < 0)
        refuse(master, waiting->session, call->agent, err.text);
    else
        registration_apply(master, waiting->session, waiting->id, call, &total);
}

/* The registry has it as admitted, but it is not there. */
static void admit_absent(struct master *master, const struct waiting *waiting)
{
    struct agent *agent = agent_find(master, waiting->id);

    if (waiting->is_new) { /* it does not know its id: it will be given another one */
        keep_soon(master, &MESSAGE(DROP_AGENT, drop_agent, .agent_id = waiting->id));
    } else if (agent) { /* it was unreachable, and still is */
        keep_agent_soon(master, agent);
    } else if (!waiting_find_id(master, PEER_AGENT, waiting->id)) {
        agent = agent_add(master, waiting->id);
        agent_set_info(agent, waiting->message.register_agent->agent);
        maintenance_on_agent(master, agent);
        agent->registered_us = master->now.wall_us;
        agent_await_return(master, agent, master->agent_timeout_us);
        publish_agent(master, agent);
    }
}

static void on_admitted(struct master *master, void *arg, const struct kept *kept)
{
    struct waiting *waiting = arg;
    const struct agent_info *info = waiting->message.register_agent->agent;
    const struct agent *agent = agent_find(master, waiting->id);
    struct err err;

    if (kept->rc < 0) {
        err_set(&err, kept->rc, "it cannot be let in now, the registry cannot be written: %.120s",
                kept->why);
        if (waiting->session)
            refuse(master, waiting->session, info, err.text);
        if (agent)
            keep_agent_soon(master, agent);
    } else if (agent_is_gone(master, waiting->id)) {
        if (waiting->session)
            turn_away(master, waiting->session, waiting->id);
    } else if (waiting->session) {
        let_in(master, waiting);
    } else {
        admit_absent(master, waiting);
    }
    waiting_end(master, waiting);
}

static void await_record(struct master *master, uint64_t session, const struct agent *agent,
                         const struct message *message)
{
    const struct msg_register_agent *call = message->register_agent;
    struct agent coming = {.info = call->agent, .registered_us = master->now.wall_us};
    bool is_new = *call->agent->id == '\0';
    struct msg_kept_agent record;
    struct waiting *waiting;
    char id[ID_MAX + 1];

    if (is_new)
        make_id(master, id);
    else
        snprintf(id, sizeof(id), "%s", call->agent->id);
    if (agent)
        coming = *agent;
    coming.id = id;
    coming.info = call->agent;
    record = kept_agent_of(master, &coming, KEPT_ADMITTED);
    waiting = waiting_add(master, session, PEER_AGENT, id, is_new, message);
    keep(master, &(struct message){.type = MSG_KEPT_AGENT, .kept_agent = &record}, on_admitted,
         waiting);
    if (MUTATE(ADMIT_BEFORE_KEPT)) {
        let_in(master, waiting);
        waiting_leave(master, waiting);
    }
}

/* --- two in one name --------------------------------------------------------- */

static bool is_same_ip(const char *address, const char *other)
{
    const char *colon = strrchr(address, ':');
    size_t size = colon ? (size_t)(colon - address) : strlen(address);

    return !strncmp(address, other, size) && (!other[size] || strchr(other + size, ':'));
}

/* A host that was started anew has another boot id, but is called as before. */
static bool is_other_host(const struct agent_info *info, const struct agent_info *other)
{
    return *info->boot_id && *other->boot_id && strcmp(info->boot_id, other->boot_id) != 0 &&
           (strcmp(info->hostname, other->hostname) != 0 ||
            !is_same_ip(info->address, other->address));
}

/* Who has a copy of an agent's work folder takes itself for that agent. While the one that was here first
 * is connected, one on another host cannot be the same: it has to wait until that one is known to be away
 * (a folder may have been moved). On one host the newer is right, as it follows a dead one; but two that
 * live would drive each other out for ever. So whoever is there after some rounds stays, for as long as
 * the other one tries. */
static int check_rival(const struct master *master, struct agent *agent,
                       const struct agent_info *info, struct err *err)
{
    const struct agent_info *here = agent->info;
    int64_t now_us = master->now.mono_us;

    if (agent->state != AGENT_REGISTERED)
        return 0;
    if (is_other_host(info, here))
        return err_set(
            err, -EEXIST,
            "it is connected from %.60s (%.48s). Is its work folder a copy? Start it with "
            "an empty one. Else it is let in when that one has been away for the "
            "--agent-timeout",
            here->hostname, here->address);
    if (!strcmp(info->address, here->address) && !strcmp(info->boot_id, here->boot_id))
        return 0;
    if (now_us - agent->moved_us > MOVES_APART_US)
        agent->moves = 0;
    agent->moved_us = now_us;
    if (agent->moves++ < MOVES_MAX)
        return 0;
    agent->moves = MOVES_MAX;
    return err_set(
        err, -EEXIST,
        "two agents come with this id, from %.48s and from %.48s, and drive each other out: "
        "the first stays. Is a work folder a copy? Start one with an empty one",
        here->address, info->address);
}

/* --- the call ---------------------------------------------------------------- */

/* An agent with this id waits on an older session. */
static void supersede_waiting(struct master *master, const char *id)
{
    struct waiting *older = waiting_find_id(master, PEER_AGENT, id);

    if (!older)
        return;
    master->env.close(master->env.ctx, older->session, OVERTAKEN_TEXT);
    waiting_leave(master, older);
}

/* Its record as admitted, made now, would undo an operator's order that is still being written. */
static int check_orders(const struct master *master, const struct agent *agent, struct err *err)
{
    bool waits = waiting_find_id(master, PEER_AGENT, agent->id) != NULL;

    if (!waits && keep_is_waited_for(master, agent))
        return err_set(err, -EAGAIN, "another change of it is being written; try again");
    return 0;
}

static void admit(struct master *master, uint64_t session, const struct message *message,
                  struct resources *total)
{
    const struct msg_register_agent *call = message->register_agent;
    struct agent *agent = agent_find(master, call->agent->id);
    struct err err;

    if (agent && check_rival(master, agent, call->agent, &err) < 0) {
        refuse(master, session, call->agent, err.text);
        return;
    }
    if (agent && agent->state == AGENT_UNREACHABLE && check_orders(master, agent, &err) < 0) {
        refuse(master, session, call->agent, err.text);
        return;
    }
    if (*call->agent->id)
        supersede_waiting(master, call->agent->id);
    if (agent_is_gone(master, call->agent->id))
        turn_away(master, session, call->agent->id);
    else if (agent && agent->state != AGENT_UNREACHABLE)
        registration_apply(master, session, call->agent->id, call, total);
    else if (keep_has_room(master, &err) < 0)
        refuse(master, session, call->agent, err.text);
    else
        await_record(master, session, agent, message);
}

/* It was long under way. Whoever said it has come again since, or is dead and another one has. */
static bool is_overtaken(const struct master *master, uint64_t session, const char *id)
{
    const struct agent *agent = agent_find(master, id);
    const struct waiting *waiting = waiting_find_id(master, PEER_AGENT, id);

    if (MUTATE(HEAR_OVERTAKEN))
        return false;
    return (agent && session < agent->session) || (waiting && session < waiting->session);
}

void on_register_agent(struct master *master, uint64_t session, const struct message *message)
{
    const struct msg_register_agent *call = parts_join(master, session, message->register_agent);
    struct agent *agent = agent_of_session(master, session);
    CLEANUP(resources_fini) struct resources total = {0};
    struct message whole = *message;
    const char *id = call->agent->id;
    struct err err;

    counter_add(master, *id ? COUNTER_MESSAGES_REREGISTER_AGENT : COUNTER_MESSAGES_REGISTER_AGENT);
    /* It repeats itself until it is answered. What it says of its tasks is older than what we may
     * have sent it since the first time, and nothing is lost within a session: it is not looked at.
     */
    if (waiting_find(master, session))
        return;
    if (agent && (!*id || !strcmp(id, agent->id))) {
        registration_answer(master, agent);
        return;
    }
    if (!agent && is_overtaken(master, session, id)) {
        log_warn(master, "session %" PRIu64 ": agent %s has registered on a newer one already",
                 session, id);
        master->env.close(master->env.ctx, session, OVERTAKEN_TEXT);
        return;
    }
    if (registration_check(master, agent, call, &total, &err) < 0) {
        refuse(master, session, call->agent, err.text);
        if (agent)
            agent_disconnect(master, agent);
        return;
    }
    whole.register_agent = call;
    admit(master, session, &whole, &total);
}
