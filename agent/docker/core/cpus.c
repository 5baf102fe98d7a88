/* Cores of the shared pool: when a task gets some for itself, the others have to leave them, whatever stage they are in and
 * whether the Engine answers or not. The newest are kept until the Engine has taken them; one order is in flight. */
#include "agent/docker/core/state.h"

#include <string.h>

#define WAIT_MIN_US ((int64_t)US_PER_S)
#define WAIT_MAX_US ((int64_t)60 * US_PER_S)

static void later(struct dock *self, struct container *c)
{
    deadline_set(&self->deadlines, &c->cpus_again, self->now.mono_us + c->cpus_wait_us);
    c->cpus_wait_us *= 2;
    if (c->cpus_wait_us > WAIT_MAX_US)
        c->cpus_wait_us = WAIT_MAX_US;
}

static void on_set(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct container *c = owner;

    c->cpus_call = 0;
    if (answer->status == 200) {
        c->cpus_are_due = c->cpus_are_newer;
        c->cpus_wait_us = WAIT_MIN_US;
        cpus_send(self, c);
    } else {
        if (answer->status && c->cpus_wait_us == WAIT_MIN_US)
            dock_log(self, LOG_LEVEL_ERROR, "container %s is not moved to the cores %s: %s", c->id,
                     c->cpus, answer->error);
        later(self, c);
    }
    engine_suspect(self, answer);
}

void cpus_send(struct dock *self, struct container *c)
{
    const struct msg_update_container update = {
        .container_id = c->id, .cpus = c->cpus, .mems = "", .only_cpus = true};

    if (!c->cpus_are_due || c->cpus_call || c->stage != STAGE_RUNNING || !engine_is_up(self))
        return;
    deadline_cancel(&self->deadlines, &c->cpus_again);
    c->cpus_are_newer = false;
    c->cpus_call = dock_call(self,
                             (struct dock_call){.kind = CALL_UPDATE,
                                                .engine_id = c->engine_id,
                                                .update = &update,
                                                .timeout_ms = dock_call_ms(self)},
                             c, on_set);
}

static void again_due(void *owner, struct deadline *deadline)
{
    cpus_send(owner, CONTAINER_OF(deadline, struct container, cpus_again));
}

void cpus_begin(struct container *c)
{
    c->cpus_again.due = again_due;
    c->cpus_wait_us = WAIT_MIN_US;
}

void cpus_end(struct dock *self, struct container *c)
{
    dock_cancel(self, &c->cpus_call);
    deadline_cancel(&self->deadlines, &c->cpus_again);
    c->cpus_are_due = false;
}

void cpus_fini(struct dock *self, struct container *c)
{
    cpus_end(self, c);
    free(c->cpus);
}

void cpus_are_in_order(struct container *c)
{
    c->cpus_are_due = false;
}

void cpus_set(struct dock *self, struct container *c, const char *cpus)
{
    free(c->cpus);
    c->cpus = mem_strdup(cpus);
    if (c->order)
        c->order->cpus = c->cpus;
    c->cpus_are_due = c->cpus_are_newer = true;
    c->cpus_wait_us = WAIT_MIN_US;
    cpus_send(self, c);
}
