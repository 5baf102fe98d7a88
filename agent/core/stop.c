/* Leaving: every task is ended, what can be delivered is delivered, the master is told. */
#include "agent/core/state.h"

static void end_all_tasks(struct agent *self)
{
    for (struct framework *f = self->frameworks; f; f = f->hh.next)
        for (struct task *task = f->tasks; task; task = task->by_id.next) {
            int64_t own_us = life_grace_us(self, task);

            life_end(self, task, ENDING_STOP,
                     own_us < self->stop_grace_us ? own_us : self->stop_grace_us);
        }
}

void stop_begin(struct agent *self, int exit_code, int64_t grace_us, const char *reason)
{
    int64_t end_us = self->now.mono_us + grace_us + STOP_TAIL_US;

    if (!self->is_stopping) {
        self->is_stopping = true;
        self->exit_code = exit_code;
        self->stop_reason = arena_strdup(self->arena, reason);
        agent_log(self, LOG_LEVEL_INFO, "leaving (%s): %zu tasks to end", reason,
                  (size_t)HASH_CNT(by_container, self->containers));
        agent_publish_itself(self);
    }
    if (!deadline_is_set(&self->stop_end) || end_us < self->stop_end.at_us) {
        self->stop_grace_us = grace_us;
        deadline_set(&self->deadlines, &self->stop_end, end_us);
    }
    end_all_tasks(self);
}

/* An acknowledged end makes a task forgotten; without a master nobody can acknowledge. */
void stop_if_done(struct agent *self)
{
    if (!self->is_stopping || self->is_stopped || self->containers || self->holders)
        return;
    if (self->tasks_count && self->registration == REGISTRATION_DONE)
        return;
    stop_now(self, self->exit_code, self->stop_reason);
}

/* Who has said that it goes begins anew as another agent: the master has ended all that it knew of this
 * one, and a second end of a task must never be told. Who could not say so comes back as the one that it
 * was, and tells how its tasks ended. */
void stop_now(struct agent *self, int exit_code, const char *reason)
{
    bool is_registered = self->registration == REGISTRATION_DONE;

    self->is_stopping = true;
    self->is_stopped = true;
    if (is_registered || self->is_unwanted)
        keep_nothing(self);
    if (is_registered)
        agent_tell_master(self, MESSAGE(UNREGISTER, unregister, .reason = reason), self->records);
    self->env.contain(self->env.ctx, &MESSAGE(LAUNCHER_END, launcher_end, .reason = reason), 0);
    self->env.stopped(self->env.ctx, exit_code, reason);
}

void stop_and_leave_all(struct agent *self, int exit_code, const char *reason)
{
    self->is_stopped = true;
    agent_log(self, LOG_LEVEL_INFO, "%zu tasks stay, for the next agent to take up",
              (size_t)HASH_CNT(by_container, self->containers));
    self->env.stopped(self->env.ctx, exit_code, reason);
}

void stop_end_due(void *owner, struct deadline *deadline)
{
    struct agent *self = owner;

    (void)deadline;
    if (self->containers)
        agent_log(self, LOG_LEVEL_WARNING, "%zu tasks have not ended in time",
                  (size_t)HASH_CNT(by_container, self->containers));
    stop_now(self, self->exit_code, self->stop_reason);
}
