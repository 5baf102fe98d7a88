#include "master/view/replica_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/resources_info.h"

static void add_unreachable(struct replica *self, const char *id, int64_t since_us)
{
    struct unreachable_agent *agent;

    HASH_FIND_STR(self->unreachable, id, agent);
    if (agent)
        return;
    agent = mem_new(struct unreachable_agent);
    agent->id = mem_strdup(id);
    agent->since_us = since_us;
    HASH_ADD_KEYPTR(hh, self->unreachable, agent->id, strlen(agent->id), agent);
    if (HASH_COUNT(self->unreachable) > UNREACHABLE_AGENTS_MAX)
        replica_free_unreachable(self, self->unreachable);
}

void replica_free_unreachable(struct replica *self, struct unreachable_agent *agent)
{
    HASH_DEL(self->unreachable, agent);
    free(agent->id);
    free(agent);
}

static void forget_unreachable(struct replica *self, const char *id)
{
    struct unreachable_agent *agent;

    HASH_FIND_STR(self->unreachable, id, agent);
    if (agent)
        replica_free_unreachable(self, agent);
}

/* The key of the table lives in the arena that goes. */
static void replace_record(struct replica *self, struct agent *agent,
                           const struct msg_change_agent *change)
{
    struct arena *arena = arena_new(0);

    if (agent->change)
        HASH_DEL(self->agents, agent);
    agent->change = message_copy_body(MSG_CHANGE_AGENT, change, arena);
    arena_destroy(&agent->arena);
    agent->arena = arena;
    HASH_ADD_KEYPTR(hh, self->agents, agent->change->agent->id, strlen(agent->change->agent->id),
                    agent);
}

static int replace_total(struct replica *self, struct agent *agent, struct err *err)
{
    const struct agent_info *info = agent->change->agent;
    int r;

    r = replica_unreserve(self, &agent->total, err);
    if (r < 0)
        return r;
    resources_fini(&agent->total);
    /* One that is not back yet has nothing that anybody could use. */
    if (agent->change->recovered)
        return 0;
    r = resources_from_info(&agent->total, info->resources, info->resources_count, err);
    if (r < 0)
        return err_wrap(err, -EBADMSG, "resources of agent %s", info->id);
    return replica_reserve(self, &agent->total, err);
}

int replica_on_agent(struct replica *self, const struct msg_change_agent *change, struct err *err)
{
    struct agent *agent = replica_agent(self, change->agent->id);

    forget_unreachable(self, change->agent->id);
    if (!agent)
        agent = mem_new(struct agent);
    replace_record(self, agent, change);
    return replace_total(self, agent, err);
}

/* What is booked here stays booked with its framework until the core says what became of it. */
static void detach_claims(struct agent *agent)
{
    struct claim *claim, *next;

    DL_FOREACH_SAFE (agent->holdings.claims, claim, next) {
        DL_DELETE(agent->holdings.claims, claim);
        claim->agent = NULL;
    }
}

void replica_free_agent(struct replica *self, struct agent *agent)
{
    detach_claims(agent);
    HASH_DEL(self->agents, agent);
    replica_unreserve(self, &agent->total, NULL);
    resources_fini(&agent->total);
    holdings_fini(&agent->holdings);
    arena_destroy(&agent->arena);
    free(agent);
}

int replica_on_agent_removed(struct replica *self, const struct msg_change_agent_removed *change,
                             struct err *err)
{
    struct agent *agent = replica_agent(self, change->agent_id);

    if (change->reason == REMOVED_UNREACHABLE)
        add_unreachable(self, change->agent_id, change->when_us);
    else
        forget_unreachable(self, change->agent_id);
    if (agent)
        replica_free_agent(self, agent);
    else if (change->reason == REMOVED_UNREACHABLE)
        return err_set(err, -EBADMSG, "agent %s is not known", change->agent_id);
    return 0;
}
