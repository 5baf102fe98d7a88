/* tests/sim/agents.c - the agent's process: its core's world, its crashes and its new beginnings.
 *
 * An agent that dies takes its containers with it, because its launcher dies too, and the next one
 * on that machine begins with nothing: the daemon of today remembers nothing. What is to outlive it
 * would be kept in struct sim_agent, as on a disk, and handed to agent_new in start().
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/agent.h"
#include "base/mem.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

#define AGENTS_LEAST 2
#define AGENTS_MOST  5

static const char *const resources_texts[] = {
    "cpus:4;mem:1024;ports:[31000-31007]",
    "cpus:2;mem:512;cpus(ads):2;mem(ads):512;ports:[31000-31003]",
    "cpus:8;mem:2048;disk:1000;ports:[31000-31003, 31010-31013]",
};

/* --- what the core does ------------------------------------------------------------------------ */

static void note_update(struct sim_agent *self, const struct msg_status_update *update)
{
    struct fact *fact = fact_find(self->process.sim, update->framework_id, update->status->task_id);

    if (fact)
        fact_on_sent(fact, self->process.sim, update->status);
}

static void on_send(void *ctx, const struct message *message)
{
    struct sim_agent *self = ctx;
    struct err err = {""};

    sim_check_inert(self->process.sim, message_name(message->type));
    if (message->type == MSG_STATUS_UPDATE)
        note_update(self, message->status_update);
    (void)peer_send(&self->peer, message, &err);
}

static void on_contain(void *ctx, const struct message *order)
{
    struct sim_agent *self = ctx;
    struct message heard;

    sim_check_inert(self->process.sim, message_name(order->type));
    heard = sim_wire(self->process.sim, order);
    container_order(self, &heard);
}

static void on_publish(void *ctx, const struct message *change)
{
    struct sim_agent *self = ctx;

    sim_check_inert(self->process.sim, message_name(change->type));
    if (change->type == MSG_CHANGE_TASK)
        self->tasks++;
    else if (change->type == MSG_CHANGE_TASK_REMOVED)
        self->tasks--;
}

static void on_log(void *ctx, int level, const char *text)
{
    struct sim_agent *self = ctx;

    (void)level;
    sim_trace(self->process.sim, "%s: %s", self->process.name, text);
}

static void on_stopped(void *ctx, int exit_code, const char *reason)
{
    struct sim_agent *self = ctx;

    sim_trace(self->process.sim, "%s leaves with %d: %s", self->process.name, exit_code, reason);
    if (self->is_stopped)
        sim_fail(self->process.sim, "%s stops twice", self->process.name);
    self->is_stopped = true;
}

/* --- its process ------------------------------------------------------------------------------- */

static void end(struct sim_agent *self, bool orderly)
{
    struct sim *sim = self->process.sim;

    peer_end(&self->peer, orderly);
    deadline_cancel(&sim->queue, &self->process.timer);
    agent_destroy(&self->core);
    containers_end(self);
    self->registered_since_us = DEADLINE_NEVER;
}

static void settle(struct sim_agent *self)
{
    struct sim *sim = self->process.sim;

    if (!agent_is_registered(self->core))
        self->registered_since_us = DEADLINE_NEVER;
    else if (self->registered_since_us == DEADLINE_NEVER)
        self->registered_since_us = sim->now_us;
    if (!self->is_stopped) {
        process_arm(&self->process, agent_next_deadline_us(self->core));
        return;
    }
    end(self, true);
    sim_after(sim, &self->start, sim_between(sim, 500, 20000) * US_PER_MS);
}

static void on_timer(void *owner, struct deadline *deadline)
{
    struct sim_agent *self = CONTAINER_OF(deadline, struct sim_agent, process.timer);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    agent_on_deadline(self->core, process_now(&self->process));
    settle(self);
    sim_event_ends(sim);
}

/* --- what it hears ----------------------------------------------------------------------------- */

static void on_open(void *owner)
{
    struct sim_agent *self = owner;

    agent_on_connected(self->core, process_now(&self->process));
    settle(self);
}

static void on_close(void *owner, const char *reason)
{
    struct sim_agent *self = owner;

    sim_trace(self->process.sim, "%s <- the session is over: %s", self->process.name, reason);
    agent_on_disconnected(self->core, process_now(&self->process));
    settle(self);
}

static void note_acknowledgement(struct sim_agent *self, const struct message *message)
{
    const struct msg_acknowledge_update *ack = message->acknowledge_update;
    struct fact *fact;

    if (!agent_is_registered(self->core) || message->epoch < self->epoch)
        return;
    fact = fact_find(self->process.sim, ack->framework_id, ack->task_id);
    if (fact)
        fact_on_acknowledged(fact, ack->uuid);
}

static void on_message(void *owner, const struct message *message)
{
    struct sim_agent *self = owner;

    sim_trace(self->process.sim, "%s <- %s", self->process.name, message_name(message->type));
    if (message->type == MSG_ACKNOWLEDGE_UPDATE)
        note_acknowledgement(self, message);
    agent_on_message(self->core, process_now(&self->process), message);
    if (message->epoch > self->epoch)
        self->epoch = message->epoch;
    settle(self);
}

void agent_hears_container(struct sim_agent *self, const struct message *event)
{
    struct message heard = sim_wire(self->process.sim, event);

    sim_trace(self->process.sim, "%s <- %s", self->process.name, message_name(event->type));
    agent_on_container(self->core, process_now(&self->process), &heard);
    settle(self);
}

void agent_hears_echo(struct sim_agent *self)
{
    static const struct command_info command = {.value = "run 10 0"};
    struct sim *sim = self->process.sim;
    const struct framework_info framework = {.id = "F", .name = "old"};
    const struct task_info task = {.task_id = "old", .agent_id = "A", .command = &command};
    const struct message echoes[] = {
        MESSAGE(RUN_TASK, run_task, .framework = &framework, .task = &task),
        MESSAGE(AGENT_REGISTERED, agent_registered, .agent_id = "A", .master_id = "M"),
        MESSAGE(SHUTDOWN_AGENT, shutdown_agent, .reason = "an old master says so"),
    };
    struct message echo = SIM_PICK(sim, echoes);

    if (!self->core || self->epoch < 2)
        return;
    echo.epoch = self->epoch - 1;
    sim->inert_why = "a message is of an older epoch";
    on_message(self, &echo);
    sim->inert_why = NULL;
}

/* --- beginnings and ends ----------------------------------------------------------------------- */

static void start(struct sim_agent *self)
{
    static const struct peer_events events = {
        .on_open = on_open, .on_message = on_message, .on_close = on_close};
    struct sim *sim = self->process.sim;
    struct agent_info info = {.hostname = "host", .address = "10.0.0.2:5051"};
    const struct agent_settings settings = {
        .info = &info,
        .sandboxes_dir = "/work",
        .retry_min_ms = sim->timing.retry_min_ms,
        .retry_max_ms = sim->timing.retry_max_ms,
        .seed = rng_next(&sim->rng),
    };
    const struct agent_env env = {.ctx = self,
                                  .send = on_send,
                                  .contain = on_contain,
                                  .publish = on_publish,
                                  .log = on_log,
                                  .stopped = on_stopped};
    struct err err;

    process_init(&self->process, sim, on_timer, "agent %zu.%u", self->number, self->lives++);
    sim_trace(sim, "%s begins", self->process.name);
    info.resources = resources_to_info(&self->total, sim->arena, &info.resources_count);
    self->tasks = 0;
    self->epoch = 0;
    self->is_stopped = false;
    if (agent_new(&settings, &env, process_now(&self->process), &self->core, &err) < 0)
        sim_fail(sim, "agent_new: %s", err.text);
    self->peer = (struct peer){.sim = sim,
                               .kind = PEER_AGENT,
                               .name = self->process.name,
                               .is_trusted = true,
                               .events = &events,
                               .owner = self,
                               .cut_off_until_us = self->peer.cut_off_until_us};
    peer_begin(&self->peer);
}

static void on_start(void *owner, struct deadline *deadline)
{
    struct sim_agent *self = CONTAINER_OF(deadline, struct sim_agent, start);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    start(self);
    sim_event_ends(sim);
}

void agent_start_now(struct sim_agent *self)
{
    if (!self->core)
        sim_after(self->process.sim, &self->start, US_PER_MS);
}

void agent_crash(struct sim_agent *self, int64_t for_us)
{
    struct sim *sim = self->process.sim;

    if (!self->core)
        return;
    sim_trace(sim, "%s is killed", self->process.name);
    end(self, sim_chance(sim, 50));
    sim_after(sim, &self->start, for_us);
}

void agent_terminate(struct sim_agent *self)
{
    if (!self->core)
        return;
    sim_trace(self->process.sim, "%s is asked to leave", self->process.name);
    agent_stop(self->core, process_now(&self->process), sim_between(self->process.sim, 0, 5000),
               "SIGTERM");
    settle(self);
}

void agent_lose_launcher(struct sim_agent *self)
{
    if (!self->core)
        return;
    sim_trace(self->process.sim, "%s loses its launcher", self->process.name);
    agent_on_launcher_lost(self->core, process_now(&self->process), "the launcher is gone");
    settle(self);
}

const char *sim_agent_id(const struct sim_agent *self)
{
    return self->core ? agent_id(self->core) : "";
}

/* --- all of them ------------------------------------------------------------------------------- */

void sim_agents_begin(struct sim *sim)
{
    struct err err;

    sim->agents_count =
        sim->plan.agents ? sim->plan.agents : (size_t)sim_between(sim, AGENTS_LEAST, AGENTS_MOST);
    for (size_t i = 0; i < sim->agents_count; i++) {
        struct sim_agent *agent = mem_new(struct sim_agent);

        agent->process.sim = sim;
        agent->number = i;
        agent->start.due = on_start;
        agent->registered_since_us = DEADLINE_NEVER;
        if (resources_parse(&agent->total, SIM_PICK(sim, resources_texts), &err) < 0)
            sim_fail(sim, "%s", err.text);
        sim->agents[i] = agent;
        start(agent);
    }
}

void sim_agents_fini(struct sim *sim)
{
    for (size_t i = 0; i < sim->agents_count; i++) {
        struct sim_agent *agent = sim->agents[i];

        end(agent, true);
        deadline_cancel(&sim->queue, &agent->start);
        resources_fini(&agent->total);
        resources_fini(&agent->in_use);
        free(agent);
    }
}

void sim_agents_check(struct sim *sim)
{
    struct err err;

    for (size_t i = 0; i < sim->agents_count; i++)
        if (sim->agents[i]->core && agent_check(sim->agents[i]->core, &err) < 0)
            sim_fail(sim, "%s: %s", sim->agents[i]->process.name, err.text);
}

void sim_cut_agent(struct sim *self, size_t agent, int64_t for_ms)
{
    peer_cut(&self->agents[agent]->peer, for_ms * US_PER_MS);
}

void sim_crash_agent(struct sim *self, size_t agent, int64_t for_ms)
{
    agent_crash(self->agents[agent], for_ms * US_PER_MS);
}
