/* What a container writes: followed while it runs, and read to its end when it has ended. */
#include "agent/docker/core/state.h"

#define DRAINS_MAX     6 /* attempts to read the rest of a log */
#define DRAIN_AGAIN_US ((int64_t)US_PER_S)
#define WAIT_MIN_US    ((int64_t)100 * US_PER_MS) /* between two attempts to follow it */
#define WAIT_MAX_US    ((int64_t)60 * US_PER_S)
#define STEADY_US      ((int64_t)10 * US_PER_S) /* a stream that lived so long has worked */

/* The Engine may have gone in between: the log is still there when it is back. */
static void end_or_read_again(struct dock *self, struct container *c,
                              const struct dock_answer *answer)
{
    if (answer->status == 0 && c->drains++ < DRAINS_MAX)
        deadline_set(&self->deadlines, &c->again, self->now.mono_us + DRAIN_AGAIN_US);
    else
        course_end(self, c);
}

/* Whatever ends it again and again (a folder that is not there any more, an Engine that has lost the log) may do so for
 * as long as the task runs. */
static void follow_later(struct dock *self, struct container *c)
{
    if (self->now.mono_us - c->logs_begun_us >= STEADY_US)
        c->logs_wait_us = 0;
    if (!c->logs_wait_us)
        c->logs_wait_us = WAIT_MIN_US;
    deadline_set(&self->deadlines, &c->logs_again, self->now.mono_us + c->logs_wait_us);
    c->logs_wait_us *= 2;
    if (c->logs_wait_us > WAIT_MAX_US)
        c->logs_wait_us = WAIT_MAX_US;
}

static void note_failure(struct dock *self, struct container *c, const struct dock_answer *answer)
{
    bool is_refused = answer->status && answer->status != 200;

    if (is_refused && !c->logs_are_refused)
        dock_log(self, LOG_LEVEL_WARNING, "the output of container %s is not to be had: %s", c->id,
                 answer->error);
    c->logs_are_refused = is_refused;
}

static void on_logs(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct container *c = owner;

    c->logs = 0;
    c->logs_are_whole = answer->status == 200 && !*answer->error;
    note_failure(self, c, answer);
    if (c->stage == STAGE_DRAINING) {
        end_or_read_again(self, c, answer);
    } else {
        follow_later(self, c);
        if (c->stage == STAGE_RUNNING)
            course_doubt(self, c); /* it may have ended: the event is on its way, or was lost */
    }
    engine_suspect(self, answer);
}

static void again_due(void *owner, struct deadline *deadline)
{
    struct container *c = CONTAINER_OF(deadline, struct container, logs_again);
    struct dock *self = owner;

    if (c->stage == STAGE_RUNNING && engine_is_up(self))
        logs_read(self, c, true);
}

void logs_begin(struct container *c)
{
    c->logs_again.due = again_due;
}

void logs_end(struct dock *self, struct container *c)
{
    dock_cancel(self, &c->logs);
    deadline_cancel(&self->deadlines, &c->logs_again);
}

void logs_read(struct dock *self, struct container *c, bool follow)
{
    if (c->logs || !*c->sandbox || (follow && deadline_is_set(&c->logs_again)))
        return;
    c->logs_are_whole = false;
    c->logs_begun_us = self->now.mono_us;
    c->logs = dock_call(self,
                        (struct dock_call){.kind = CALL_LOGS,
                                           .engine_id = c->engine_id,
                                           .container_id = c->id,
                                           .sandbox = c->sandbox,
                                           .follow = follow,
                                           .timeout_ms = follow ? 0 : dock_call_ms(self)},
                        c, on_logs);
}

/* As long as something comes; a stream that stands still is not waited for. */
void logs_drain(struct dock *self, struct container *c)
{
    int64_t sizes[2] = {0};
    int64_t all;

    if (!c->logs) {
        if (engine_is_up(self))
            logs_read(self, c, false);
        deadline_set(&self->deadlines, &c->again, self->now.mono_us + LOGS_WAIT_US);
        return;
    }
    self->env.sizes(self->env.ctx, c->id, &sizes[0], &sizes[1]);
    all = sizes[0] + sizes[1];
    if (all > c->drained)
        deadline_set(&self->deadlines, &c->again, self->now.mono_us + LOGS_WAIT_US);
    else
        course_end(self, c);
    c->drained = all;
}
