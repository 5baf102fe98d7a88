/* The signals that end a container: its polite one, then SIGKILL, again until it has ended. */
#include "agent/docker/core/state.h"

static void on_killed(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct container *c = owner;
    bool is_done = answer->status >= 200 && answer->status < 300;

    c->kill = 0;
    if (!is_done)
        c->sent_signal = 0;
    if (c->stage == STAGE_RUNNING && !is_done) {
        course_doubt(self, c); /* it may have ended; else it is signalled once more */
    } else if (c->stage == STAGE_RUNNING && c->want_signal > c->sent_signal) {
        signals_send(self, c);
    } else if (c->stage == STAGE_RUNNING && c->sent_signal == 2) {
        deadline_set(&self->deadlines, &c->again, self->now.mono_us + KILL_AGAIN_US);
    }
    engine_suspect(self, answer);
}

void signals_send(struct dock *self, struct container *c)
{
    const char *polite = *c->stop_signal ? c->stop_signal : "SIGTERM";

    if (c->kill || c->sent_signal >= c->want_signal)
        return;
    c->sent_signal = c->want_signal;
    c->kill = dock_call(self,
                        (struct dock_call){.kind = CALL_KILL,
                                           .engine_id = c->engine_id,
                                           .container_id = c->id,
                                           .signal = c->want_signal > 1 ? "SIGKILL" : polite,
                                           .timeout_ms = dock_call_ms(self)},
                        c, on_killed);
}
