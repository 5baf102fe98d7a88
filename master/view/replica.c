#include "master/view/replica.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "master/view/replica_parts.h"

struct replica *replica_new(void)
{
    static const struct msg_change_master none = {0};
    struct replica *self = mem_new(struct replica);

    self->master_arena = arena_new(0);
    self->master = message_copy_body(MSG_CHANGE_MASTER, &none, self->master_arena);
    return self;
}

void replica_destroy(struct replica **self_p)
{
    struct replica *self = *self_p;

    if (!self)
        return;
    while (self->frameworks)
        replica_free_framework(self, self->frameworks);
    while (self->completed)
        replica_free_framework(self, self->completed);
    while (self->agents)
        replica_free_agent(self, self->agents);
    while (self->unreachable)
        replica_free_unreachable(self, self->unreachable);
    while (self->windows)
        replica_free_window(self, self->windows);
    while (self->roles)
        replica_free_role(self, self->roles);
    arena_destroy(&self->master_arena);
    free(self);
    *self_p = NULL;
}

static int on_master(struct replica *self, const struct msg_change_master *change)
{
    arena_reset(self->master_arena);
    self->master = message_copy_body(MSG_CHANGE_MASTER, change, self->master_arena);
    return 0;
}

static int apply_body(struct replica *self, const struct message *change, struct err *err)
{
    switch (change->type) {
    case MSG_CHANGE_MASTER:
        return on_master(self, change->change_master);
    case MSG_CHANGE_AGENT:
        return replica_on_agent(self, change->change_agent, err);
    case MSG_CHANGE_AGENT_REMOVED:
        return replica_on_agent_removed(self, change->change_agent_removed, err);
    case MSG_CHANGE_FRAMEWORK:
        return replica_on_framework(self, change->change_framework, err);
    case MSG_CHANGE_FRAMEWORK_REMOVED:
        return replica_on_framework_removed(self, change->change_framework_removed, err);
    case MSG_CHANGE_ROLE:
        return replica_on_role(self, change->change_role);
    case MSG_CHANGE_WINDOW:
        return replica_on_window(self, change->change_window, err);
    case MSG_CHANGE_TASK:
        return replica_on_task(self, change->change_task, err);
    case MSG_CHANGE_TASK_STATUS:
        return replica_on_task_status(self, change->change_task_status, err);
    case MSG_CHANGE_TASK_REMOVED:
        return replica_on_task_removed(self, change->change_task_removed, err);
    case MSG_CHANGE_OFFER:
        return replica_on_offer(self, change->change_offer, err);
    case MSG_CHANGE_OFFER_REMOVED:
        return replica_on_offer_removed(self, change->change_offer_removed, err);
    default:
        return err_set(err, -EBADMSG, "no change of the public state");
    }
}

int replica_apply(struct replica *self, const struct message *change, struct err *err)
{
    int r;

    if (change->number != self->number + 1)
        return err_set(err, -EPROTO, "change %" PRIu64 " follows change %" PRIu64, change->number,
                       self->number);
    self->number = change->number;
    r = apply_body(self, change, err);
    if (r < 0)
        return err_wrap(err, r, "change %" PRIu64 " (%s)", change->number,
                        message_name(change->type));
    return 0;
}

struct agent *replica_agent(const struct replica *self, const char *id)
{
    struct agent *agent;

    HASH_FIND_STR(self->agents, id, agent);
    return agent;
}

struct framework *replica_framework(const struct replica *self, const char *id)
{
    struct framework *framework;

    HASH_FIND_STR(self->frameworks, id, framework);
    return framework;
}
