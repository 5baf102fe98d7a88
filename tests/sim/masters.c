/* tests/sim/masters.c - the master's process: its core's world, its crashes, and reigns that overlap.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "master/core/master.h"
#include "proto/executors.h"
#include "tests/sim/mirror.h"
#include "tests/sim/world.h"

/* --- what the core does ------------------------------------------------------------------------ */

/* A drain's kill that was lost with its session is not said again when the drain is over: what the agent says when
 * it registers anew counts then. */
static bool is_to_end(const struct mirror_task *task, uint64_t session)
{
    return task_state_is_terminal(task->state) || task->state == TASK_KILLING ||
           task->gives_way_since_us || task->is_kill_wanted || task->kill_session == session;
}

/* What runs in an executor ends with it: none is sent into one that is to end. */
static void check_executor(const struct sim_master *self, uint64_t session,
                           const char *framework_id, const struct task_info *task)
{
    const struct mirror_task *executor;
    char key[2 * ID_MAX + 2];

    snprintf(key, sizeof(key), "%s/%s", framework_id, task->executor_id);
    executor = task_is_inside(task) ? mirror_task(self->mirror, key) : NULL;
    if (executor && is_to_end(executor, session))
        sim_fail(self->process.sim, "task %s is launched into executor %s, which is to end",
                 task->task_id, task->executor_id);
}

static void check_launch(const struct sim_master *self, const struct task_info *task)
{
    const struct mirror_agent *agent = mirror_agent(self->mirror, task->agent_id);

    if (agent && agent->is_out_of_use)
        sim_fail(self->process.sim, "task %s is launched on agent %s, which is out of use",
                 task->task_id, agent->id);
}

/* All of it, or what its framework has sent was refused. */
static void check_group(const struct sim_master *self, const struct msg_run_group *run)
{
    struct sim *sim = self->process.sim;
    const struct fact *fact = fact_find(sim, run->framework->id, run->tasks[0].task_id), *other;
    size_t count = 0;

    for (size_t i = 0; i < run->tasks_count; i++)
        check_launch(self, &run->tasks[i]);
    for (other = fact && fact->group ? sim->facts : NULL; other; other = other->hh.next)
        count += other->group == fact->group;
    if (count && count != run->tasks_count)
        sim_fail(sim, "of a group of %zu tasks %zu are launched", count, run->tasks_count);
}

/* Who has obeyed a newer master is not served by an older one. That it has obeyed one since it said this,
 * on a wire that stalls, nobody here can know: it has left that session. */
static void check_reign(const struct sim_master *self, uint64_t session)
{
    struct sim *sim = self->process.sim;
    const struct peer *peer = net_peer(sim, session);

    for (size_t i = 0; i < sim->agents_count; i++)
        if (&sim->agents[i]->peer == peer && sim->agents[i]->epoch > self->epoch)
            sim_fail(sim, "%s registers %s, which has obeyed a newer one", self->process.name,
                     sim->agents[i]->process.name);
}

static void check_run(const struct sim_master *self, uint64_t session,
                      const struct msg_run_task *run)
{
    check_launch(self, run->task);
    check_executor(self, session, run->framework->id, run->task);
}

static void note_kill(struct sim_master *self, uint64_t session, const struct msg_kill_task *kill)
{
    struct fact *fact = fact_find(self->process.sim, kill->framework_id, kill->task_id);

    mirror_on_kill(self->mirror, session, kill);
    if (fact && kill->preempted && *kill->preempted)
        fact->is_preempted = true;
}

static void on_send(void *ctx, uint64_t session, const struct message *message)
{
    struct sim_master *self = ctx;

    sim_check_inert(self->process.sim, message_name(message->type));
    registry_check_said(self, message);
    if (message->type == MSG_RUN_TASK)
        check_run(self, session, message->run_task);
    else if (message->type == MSG_RUN_GROUP)
        check_group(self, message->run_group);
    else if (message->type == MSG_AGENT_REGISTERED)
        check_reign(self, session);
    else if (message->type == MSG_KILL_TASK)
        note_kill(self, session, message->kill_task);
    net_send(self->process.sim, session, message);
}

static void on_close(void *ctx, uint64_t session, const char *reason)
{
    struct sim_master *self = ctx;

    net_close(self->process.sim, session, reason);
}

static void on_publish(void *ctx, const struct message *change)
{
    struct sim_master *self = ctx;

    sim_check_inert(self->process.sim, message_name(change->type));
    if (change->type == MSG_CHANGE_ROLE)
        registry_check_role(self, change->change_role);
    if (change->type == MSG_CHANGE_WINDOW)
        registry_check_window(self, change->change_window);
    self->mirror->now = process_now(&self->process);
    mirror_on_change(self->mirror, change);
}

static void on_log(void *ctx, int level, const char *text)
{
    struct sim_master *self = ctx;

    (void)level;
    preempt_on_log(self, text);
    sim_trace(self->process.sim, "%s: %s", self->process.name, text);
}

static void on_persist(void *ctx, uint64_t ticket, const struct message *record)
{
    registry_write(ctx, ticket, record);
}

static void on_reply(void *ctx, uint64_t number, const struct msg_operator_reply *reply)
{
    struct sim_master *self = ctx;

    sim_trace(self->process.sim, "%s: call %" PRIu64 ": %" PRId64 " %s", self->process.name, number,
              reply->code, reply->message);
    operator_hears(self->process.sim, number, reply);
}

/* --- events ------------------------------------------------------------------------------------ */

static void settle(struct sim_master *self)
{
    mirror_check(self->mirror);
    process_arm(&self->process, master_next_deadline_us(self->core));
}

static void on_timer(void *owner, struct deadline *deadline)
{
    struct sim_master *self = CONTAINER_OF(deadline, struct sim_master, process.timer);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    master_on_deadline(self->core, process_now(&self->process));
    settle(self);
    windows_check_clock(self->mirror, process_now(&self->process));
    sim_event_ends(sim);
}

void master_hears(struct sim_master *self, uint64_t session, enum peer_kind kind,
                  const struct message *message)
{
    sim_trace(self->process.sim, "%s <- session %" PRIu64 ": %s", self->process.name, session,
              message_name(message->type));
    master_on_message(self->core, process_now(&self->process), session, kind, message);
    settle(self);
}

void master_hears_end(struct sim_master *self, uint64_t session, const char *reason)
{
    sim_trace(self->process.sim, "%s <- session %" PRIu64 " ends: %s", self->process.name, session,
              reason);
    master_on_session_closed(self->core, process_now(&self->process), session, reason);
    settle(self);
}

void master_hears_kept(struct sim_master *self, uint64_t ticket, int rc, const char *why)
{
    master_on_persisted(self->core, process_now(&self->process), ticket, rc, why);
    settle(self);
}

void master_is_asked(struct sim_master *self, const struct message *call)
{
    struct message heard = sim_wire(self->process.sim, call);

    sim_trace(self->process.sim, "%s <- %s", self->process.name, message_name(call->type));
    heard.number = ++self->process.sim->calls;
    master_on_operator(self->core, process_now(&self->process), &heard);
    settle(self);
}

/* --- reigns ------------------------------------------------------------------------------------ */

static void on_old_reign_over(void *owner, struct deadline *deadline)
{
    struct sim_master *self = CONTAINER_OF(deadline, struct sim_master, end);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    masters_end(sim, &self, sim_chance(sim, 50));
    sim_event_ends(sim);
}

void masters_new_reign(struct sim *sim)
{
    struct sim_master *self = mem_new(struct sim_master);
    uint64_t epoch = sim->disk->epoch + 1;
    struct master_settings settings = {
        .epoch = epoch > sim->epoch_at_least ? epoch : sim->epoch_at_least,
        .seed = rng_next(&sim->rng),
        .hostname = "master",
        .address = "10.0.0.1:5050",
        .offer_timeout_ms = sim->timing.offer_timeout_ms,
        .gang_hold_ms = sim->timing.gang_hold_ms,
        .preemption = sim->timing.preemption,
        .preemption_grace_ms = sim->timing.preemption_grace_ms,
        .preemption_grace_max_ms = sim->timing.preemption_grace_max_ms,
        .preemption_count = sim->timing.preemption_count,
        .maintenance_notice_ms = sim->timing.maintenance_notice_ms,
        .agent_timeout_ms = sim->timing.agent_timeout_ms,
        .agent_removed_keep_ms = sim->timing.agent_removed_keep_ms,
        .agent_reregister_ms = sim->timing.agent_reregister_ms,
        .agent_removal_limit = sim->timing.agent_removal_limit,
        .failover_default_ms = 120000,
    };
    const struct master_env env = {.ctx = self,
                                   .send = on_send,
                                   .close = on_close,
                                   .publish = on_publish,
                                   .log = on_log,
                                   .persist = on_persist,
                                   .reply = on_reply};
    struct err err;

    self->registry = sim->disk;
    self->epoch = sim->disk->epoch = settings.epoch;
    self->is_fenced = settings.epoch <= sim->epoch;
    if (!self->is_fenced)
        sim->epoch = settings.epoch;
    process_init(&self->process, sim, on_timer, "master %" PRIu64, self->epoch);
    self->mirror = mirror_new(sim);
    self->end.due = on_old_reign_over;
    sim_trace(sim, "%s begins", self->process.name);
    sim->has_begun_anew = true;
    if (master_new(&settings, &env, process_now(&self->process), &self->core, &err) < 0)
        sim_fail(sim, "master_new: %s", err.text);
    DL_APPEND(sim->masters, self);
    sim->master = self;
    if (self->core) {
        registry_recall(self);
        settle(self);
    }
}

static void on_new_reign(void *owner, struct deadline *deadline)
{
    struct sim *sim = owner;

    (void)deadline;
    if (!sim_event_begins(sim))
        return;
    if (!sim->master)
        masters_new_reign(sim);
    sim_event_ends(sim);
}

void masters_end(struct sim *sim, struct sim_master **master_p, bool orderly)
{
    struct sim_master *self = *master_p;

    sim_trace(sim, "%s is gone", self->process.name);
    net_master_ends(sim, self, orderly);
    registry_master_ends(self);
    deadline_cancel(&sim->queue, &self->process.timer);
    deadline_cancel(&sim->queue, &self->end);
    DL_DELETE(sim->masters, self);
    if (sim->master == self)
        sim->master = NULL;
    if (self->registry != sim->disk)
        registry_destroy(&self->registry);
    master_destroy(&self->core);
    mirror_destroy(&self->mirror);
    free(self);
    *master_p = NULL;
}

/* --- a registry that is an old copy ------------------------------------------------------------ */

void masters_heed_advice(struct sim *sim)
{
    struct sim_master *master = sim->master;
    /* Hosts that never come back are many here: he does not wait for them for ever. */
    bool is_held = sim->phase != SIM_BAD_TIME && sim->timing.agent_removal_limit < 100;

    deadline_cancel(&sim->queue, &sim->operator);
    if (!master || (!master->is_fenced && !is_held))
        return;
    sim->epoch_at_least = sim->epoch + 1;
    if (is_held)
        sim->timing.agent_removal_limit = 100;
    sim_trace(sim, "%s is started again with --epoch-at-least %" PRIu64, master->process.name,
              sim->epoch_at_least);
    masters_end(sim, &master, true);
    masters_new_reign(sim);
}

static void on_operator(void *owner, struct deadline *deadline)
{
    struct sim *sim = owner;

    (void)deadline;
    if (!sim_event_begins(sim))
        return;
    masters_heed_advice(sim);
    sim_event_ends(sim);
}

void masters_restore(struct sim *sim)
{
    struct sim_master *master = sim->master;

    if (!master || sim->masters->next || !sim->backup || sim->backup->epoch >= sim->epoch)
        return;
    masters_end(sim, &master, sim_chance(sim, 50));
    registry_destroy(&sim->disk);
    sim->disk = TAKE(sim->backup);
    sim->forgets_gone = true;
    sim_trace(sim, "an old copy of the registry is put in its place");
    masters_new_reign(sim);
    sim_after(sim, &sim->operator, sim_between(sim, 1000, 40000) * US_PER_MS);
}

void masters_begin(struct sim *sim)
{
    sim->new_reign.due = on_new_reign;
    sim->operator.due = on_operator;
    sim->disk = mem_new(struct sim_registry);
    sim->disk_write_us = 2000;
    masters_new_reign(sim);
}

void masters_fini(struct sim *sim)
{
    while (sim->masters) {
        struct sim_master *master = sim->masters;

        masters_end(sim, &master, true);
    }
    registry_destroy(&sim->disk);
    registry_destroy(&sim->backup);
}

void masters_check(struct sim *sim)
{
    struct sim_master *self;
    struct err err;

    DL_FOREACH (sim->masters, self)
        if (master_check(self->core, &err) < 0)
            sim_fail(sim, "%s: %s", self->process.name, err.text);
}

void sim_crash_master(struct sim *self, int64_t for_ms)
{
    struct sim_master *master = self->master;

    if (!master)
        return;
    masters_end(self, &master, sim_chance(self, 50));
    sim_after(self, &self->new_reign, for_ms * US_PER_MS);
}

void sim_replace_master(struct sim *self, int64_t overlap_ms)
{
    struct sim_master *old = self->master;

    if (!old)
        return;
    sim_after(self, &old->end, overlap_ms * US_PER_MS);
    /* Its disk stays with it; what the new one has is what was there. */
    self->disk = registry_clone(old->registry);
    self->forgets_gone = true;
    masters_new_reign(self);
}
