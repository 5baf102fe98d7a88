/* UPDATE_CONTAINER: new limits for one that runs. What the Engine does not take is told in its words. */
#include "agent/docker/core/state.h"

static void update_destroy(struct dock *self, struct update *update)
{
    dock_cancel(self, &update->call);
    DL_DELETE(self->updates, update);
    free(update->container_id);
    free(update);
}

void update_fini(struct dock *self)
{
    while (self->updates)
        update_destroy(self, self->updates);
}

/* Number 0: nobody waits for the answer. */
static void tell(struct dock *self, const char *container_id, int64_t number, const char *error)
{
    if (number)
        dock_tell(self, MESSAGE(CONTAINER_UPDATED, container_updated, .container_id = container_id,
                                .number = number, .error = error));
    else if (*error)
        dock_log(self, LOG_LEVEL_WARNING, "container %s: its limits are as they were: %s",
                 container_id, error);
}

static void on_updated(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct update *update = owner;

    update->call = 0;
    tell(self, update->container_id, update->number, answer->status == 200 ? "" : answer->error);
    update_destroy(self, update);
    engine_suspect(self, answer);
}

void update_begin(struct dock *self, const struct msg_update_container *order)
{
    struct container *c = container_find(self, order->container_id);
    struct update *update;

    if (order->only_cpus) {
        if (c && !c->is_orphan && c->stage < STAGE_DRAINING)
            cpus_set(self, c, order->cpus);
        return;
    }
    if (!c || c->is_orphan || !c->is_told || c->stage >= STAGE_DRAINING) {
        tell(self, order->container_id, order->number, "its container does not run");
        return;
    }
    if (!engine_is_up(self)) {
        tell(self, order->container_id, order->number, "the Docker Engine does not answer");
        return;
    }
    update = mem_new(struct update);
    update->container_id = mem_strdup(order->container_id);
    update->number = order->number;
    DL_APPEND(self->updates, update);
    update->call = dock_call(self,
                             (struct dock_call){.kind = CALL_UPDATE,
                                                .engine_id = c->engine_id,
                                                .update = order,
                                                .timeout_ms = dock_call_ms(self)},
                             update, on_updated);
}
