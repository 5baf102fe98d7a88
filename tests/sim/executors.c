/* tests/sim/executors.c - what runs in the container of an executor: the SDK's runner, and a model of its tasks.
 *
 * A task's command is read as that of a container. Between runner and agent is a wire that keeps the order; what is on
 * it when one side goes is read by the other, or lost. Held here: a task is launched once, in an executor that lives;
 * what runs in executors and beside them fits the agent; nothing that an executor has is lost by it. An agent that cannot
 * write takes only so much of what it says: the rest waits on the wire.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/agent.h"
#include "base/mem.h"
#include "framework-sdk/core/runner.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

#define IDLE_US (4 * (int64_t)US_PER_S)

/* A task that it has. */
struct inside {
    struct inside *prev, *next;
    struct sim_executor *executor;
    struct fact *fact;
    struct resources resources;
    int code;
    bool is_stubborn, is_killed;
    struct deadline end;
    char task_id[64];
};

/* On the wire; without a message: its end. */
struct parcel {
    struct parcel *prev, *next;
    struct sim_executor *executor;
    uint64_t connection;
    bool is_to_agent;
    bool waits;           /* its agent does not hear */
    struct arena *memory; /* owned; of the message */
    struct message message;
    struct deadline arrives;
};

struct sim_executor {
    struct container *container;
    struct runner *runner;
    uint64_t connection; /* as the executor sees it; 0: none */
    uint64_t agent_side; /* as the agent does */
    struct parcel *parcels;
    int64_t to_agent_us, to_executor_us; /* when the last parcel arrives */
    struct inside *tasks;
    struct deadline timer;
    struct deadline idle;
    struct deadline answer; /* to a try to connect */
    struct deadline ready;  /* it has read what it was told */
    struct deadline rest;   /* what has waited is heard */
    bool is_unheard;        /* on the agent's side */
    size_t owed;            /* records that its updates have made, not written yet */
    bool is_leaving;
};

static struct sim *sim_of(const struct sim_executor *self)
{
    return self->container->agent->process.sim;
}

static struct now now_of(const struct sim_executor *self)
{
    return (struct now){.mono_us = sim_of(self)->now_us, .wall_us = sim_of(self)->now_us};
}

static void arm(struct sim_executor *self)
{
    struct sim *sim = sim_of(self);
    int64_t next_us = runner_next_deadline_us(self->runner);

    deadline_cancel(&sim->queue, &self->timer);
    if (next_us != DEADLINE_NEVER)
        sim_after(sim, &self->timer, next_us > sim->now_us ? next_us - sim->now_us : 0);
}

/* --- its end ----------------------------------------------------------------------------------- */

static void exit_soon(struct sim_executor *self)
{
    struct sim *sim = sim_of(self);

    if (self->container->state == CONTAINER_RUNS && !self->container->signal)
        sim_after(sim, &self->container->step, sim_between(sim, 100, 100000));
}

/* Nothing to do, and nothing left to say. */
static void look_idle(struct sim_executor *self)
{
    struct sim *sim = sim_of(self);

    deadline_cancel(&sim->queue, &self->idle);
    if (self->tasks || runner_pending(self->runner))
        return;
    if (self->is_leaving)
        exit_soon(self);
    else
        sim_after(sim, &self->idle, IDLE_US);
}

static void on_idle(void *owner, struct deadline *deadline)
{
    struct sim_executor *self = CONTAINER_OF(deadline, struct sim_executor, idle);

    if (!sim_event_begins(owner))
        return;
    self->is_leaving = true;
    look_idle(self);
    sim_event_ends(owner);
}

/* --- its tasks --------------------------------------------------------------------------------- */

static void inside_free(struct inside *self, bool success)
{
    struct sim_executor *executor = self->executor;
    struct sim_agent *agent = executor->container->agent;

    fact_on_inside_end(self->fact, executor->container, success);
    if (resources_subtract(&agent->in_use, &self->resources, NULL) < 0)
        sim_fail(agent->process.sim, "task %s held what it did not hold", self->fact->key);
    deadline_cancel(&agent->process.sim->queue, &self->end);
    resources_fini(&self->resources);
    DL_DELETE(executor->tasks, self);
    free(self);
}

static void say(struct sim_executor *self, const char *task_id, enum task_state state)
{
    const struct task_status status = {.task_id = task_id, .state = state, .data = {"x", 1}};
    struct err err;

    if (runner_update(self->runner, &status, &err) < 0)
        sim_fail(sim_of(self), "an executor cannot say that %s is %s: %s", task_id,
                 task_state_name(state), err.text);
}

static void end_task(struct inside *self)
{
    struct sim_executor *executor = self->executor;
    char id[sizeof(self->task_id)];
    enum task_state state = self->is_killed ? TASK_KILLED
                            : self->code    ? TASK_FAILED
                                            : TASK_FINISHED;

    memcpy(id, self->task_id, sizeof(id));
    inside_free(self, state == TASK_FINISHED);
    say(executor, id, state);
    look_idle(executor);
}

static void on_end(void *owner, struct deadline *deadline)
{
    struct inside *self = CONTAINER_OF(deadline, struct inside, end);
    struct sim_executor *executor = self->executor;

    if (!sim_event_begins(owner))
        return;
    end_task(self);
    arm(executor);
    sim_event_ends(owner);
}

/* Its container has grown before it is given another task. */
static void check_room(const struct sim_executor *self, const struct inside *newest)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    const struct inside *inside;

    resources_copy(&sum, &self->container->resources);
    if (resources_add(&sum, &newest->resources, NULL) < 0)
        return;
    DL_FOREACH (self->tasks, inside)
        if (inside != newest && resources_add(&sum, &inside->resources, NULL) < 0)
            return;
    if (!resources_contain(&self->container->room, &sum))
        sim_fail(sim_of(self), "executor %s is given %s, and has no room for it",
                 self->container->id, newest->task_id);
}

static void hold(struct inside *self, const struct task_info *task)
{
    struct sim_agent *agent = self->executor->container->agent;
    struct sim *sim = agent->process.sim;
    CLEANUP(resources_fini) struct resources all = {0}, asked = {0};

    if (resources_from_info(&asked, task->resources, task->resources_count, NULL) < 0)
        return;
    resources_strip(&asked, &self->resources);
    if (resources_add(&agent->in_use, &self->resources, NULL) < 0)
        sim_fail(sim, "task %s has what another has", self->fact->key);
    resources_strip(&agent->total, &all);
    if (!resources_contain(&all, &agent->in_use))
        sim_fail(sim, "%s runs more than it has with %s", agent->process.name, self->fact->key);
    check_room(self->executor, self);
}

static void on_launch(void *ctx, const struct task_info *task)
{
    struct sim_executor *self = ctx;
    struct sim *sim = sim_of(self);
    struct inside *inside = mem_new(struct inside);
    long long run_ms = 0;
    int code = 0;

    if (sscanf(task->command->value, "run %lld %d", &run_ms, &code) != 2)
        sim_fail(sim, "executor %s is given %s", self->container->id, task->command->value);
    snprintf(inside->task_id, sizeof(inside->task_id), "%s", task->task_id);
    inside->executor = self;
    inside->end.due = on_end;
    inside->code = code || strstr(task->command->value, "unstartable") ||
                   strstr(task->command->value, "greedy");
    inside->is_stubborn = strstr(task->command->value, "stubborn");
    inside->fact = fact_get(sim, self->container->framework_id, task->task_id);
    DL_APPEND(self->tasks, inside);
    hold(inside, task);
    fact_on_inside(inside->fact, self->container);
    sim_after(sim, &inside->end, run_ms * US_PER_MS);
    deadline_cancel(&sim->queue, &self->idle);
    if (sim_chance(sim, 30))
        say(self, inside->task_id, TASK_STARTING);
    say(self, inside->task_id, TASK_RUNNING);
}

static void on_kill(void *ctx, const char *task_id, int64_t grace_ms)
{
    struct sim_executor *self = ctx;
    struct sim *sim = sim_of(self);
    struct inside *inside;

    DL_FOREACH (self->tasks, inside)
        if (!strcmp(inside->task_id, task_id))
            break;
    if (!inside) {
        sim_fail(sim, "executor %s has not %s, which it is to kill", self->container->id, task_id);
        return;
    }
    inside->is_killed = true;
    sim_after(sim, &inside->end,
              inside->is_stubborn ? grace_ms * US_PER_MS : sim_between(sim, 0, 200000));
}

static void on_shutdown(void *ctx, int64_t grace_ms)
{
    struct sim_executor *self = ctx;
    struct inside *inside, *next;

    self->is_leaving = true;
    DL_FOREACH_SAFE (self->tasks, inside, next)
        on_kill(self, inside->task_id, grace_ms / 2);
    look_idle(self);
}

/* --- the wire ---------------------------------------------------------------------------------- */

static void parcel_free(struct parcel *self)
{
    deadline_cancel(&sim_of(self->executor)->queue, &self->arrives);
    DL_DELETE(self->executor->parcels, self);
    arena_destroy(&self->memory);
    free(self);
}

/* What waits has not been heard by that one, nor will be. */
static void leave_agent(struct sim_executor *self)
{
    struct parcel *parcel, *next;

    self->agent_side = 0;
    self->is_unheard = false;
    DL_FOREACH_SAFE (self->parcels, parcel, next)
        if (parcel->waits)
            parcel_free(parcel);
}

static void lose_connection(struct sim_executor *self, const char *why)
{
    if (!self->connection)
        return;
    self->connection = 0;
    runner_on_disconnected(self->runner, now_of(self), why);
}

/* One that is written at once owes nothing. */
static void note_owed(struct sim_executor *self, size_t before)
{
    const struct disk *disk = &self->container->agent->disk;

    if (disk->count > before && disk->count > disk->committed)
        self->owed += disk->count - before;
    if (self->owed > SIM_OWED_MAX)
        sim_fail(sim_of(self), "executor %s is heard though %zu of its updates are not written",
                 self->container->id, self->owed);
}

static void arrive_at_agent(struct parcel *self)
{
    struct sim_executor *executor = self->executor;
    struct container *container = executor->container;
    struct sim_agent *agent = container->agent;
    size_t records = agent->disk.count;
    struct message heard;

    if (!agent->core || executor->agent_side != self->connection)
        return;
    if (!self->message.type) {
        executor->agent_side = 0;
        agent_hears_executor(agent, self->connection, NULL);
        return;
    }
    heard = sim_wire(sim_of(executor), &self->message);
    agent_hears_executor(agent, self->connection, &heard);
    if (heard.type == MSG_EXECUTOR_UPDATE && container->executor == executor && agent->core)
        note_owed(executor, records);
}

static void arrive(struct parcel *self)
{
    struct sim_executor *executor = self->executor;
    struct message heard;

    if (self->is_to_agent) {
        arrive_at_agent(self);
        return;
    }
    if (executor->connection != self->connection)
        return;
    if (!self->message.type) {
        lose_connection(executor, "the agent has gone");
        return;
    }
    heard = sim_wire(sim_of(executor), &self->message);
    runner_on_message(executor->runner, now_of(executor), &heard);
}

static struct parcel *first_waiting(const struct sim_executor *self)
{
    struct parcel *parcel;

    DL_FOREACH (self->parcels, parcel)
        if (parcel->waits)
            return parcel;
    return NULL;
}

/* In their order, as long as they are heard. */
static void on_rest(void *owner, struct deadline *deadline)
{
    struct sim_executor *self = CONTAINER_OF(deadline, struct sim_executor, rest);
    struct container *container = self->container;
    struct parcel *parcel;

    if (!sim_event_begins(owner))
        return;
    while (container->executor == self && !self->is_unheard && (parcel = first_waiting(self))) {
        parcel->waits = false;
        arrive(parcel);
        if (container->executor == self)
            parcel_free(parcel);
    }
    if (container->executor == self) {
        look_idle(self);
        arm(self);
    }
    sim_event_ends(owner);
}

static void on_arrival(void *owner, struct deadline *deadline)
{
    struct parcel *self = CONTAINER_OF(deadline, struct parcel, arrives);
    struct sim_executor *executor = self->executor;
    struct container *container = executor->container;

    if (!sim_event_begins(owner))
        return;
    self->waits = self->is_to_agent && self->connection == executor->agent_side &&
                  (executor->is_unheard || first_waiting(executor));
    if (self->waits) {
        sim_event_ends(owner);
        return;
    }
    arrive(self);
    if (container->executor == executor) {
        parcel_free(self);
        look_idle(executor);
        arm(executor);
    }
    sim_event_ends(owner);
}

/* NULL: the wire ends there. In the order in which it is sent. */
static void send(struct sim_executor *self, uint64_t connection, bool is_to_agent,
                 const struct message *message)
{
    struct sim *sim = sim_of(self);
    struct parcel *parcel = mem_new(struct parcel);
    int64_t *last_us = is_to_agent ? &self->to_agent_us : &self->to_executor_us;
    int64_t at_us = sim->now_us + sim_between(sim, 1, sim_chance(sim, 5) ? 500000 : 2000);

    *last_us = at_us > *last_us ? at_us : *last_us + 1;
    parcel->executor = self;
    parcel->connection = connection;
    parcel->is_to_agent = is_to_agent;
    parcel->memory = arena_new(0);
    parcel->arrives.due = on_arrival;
    if (message) {
        parcel->message = *message;
        parcel->message.body = message_copy_body(message->type, message->body, parcel->memory);
    }
    DL_APPEND(self->parcels, parcel);
    sim_after(sim, &parcel->arrives, *last_us - sim->now_us);
}

static int on_send(void *ctx, const struct message *message, bool can_wait)
{
    struct sim_executor *self = ctx;

    (void)can_wait;
    if (self->connection)
        send(self, self->connection, true, message);
    return 0;
}

static void on_connect(void *ctx)
{
    struct sim_executor *self = ctx;

    sim_after(sim_of(self), &self->answer, sim_between(sim_of(self), 1, 5000));
}

/* An older connection is still there for an agent that has not heard of its end. */
static void on_answer(void *owner, struct deadline *deadline)
{
    struct sim_executor *self = CONTAINER_OF(deadline, struct sim_executor, answer);
    struct container *container = self->container;
    struct sim_agent *agent = container->agent;

    if (!sim_event_begins(owner))
        return;
    if (!agent->core || agent->is_stopped) {
        runner_on_disconnected(self->runner, now_of(self), "there is no agent");
    } else if (self->agent_side) {
        uint64_t older = self->agent_side;

        leave_agent(self);
        agent_hears_executor(agent, older, NULL);
    }
    if (container->executor == self && agent->core && !agent->is_stopped) {
        self->connection = self->agent_side = ++sim_of(self)->connections_count;
        runner_on_connected(self->runner, now_of(self));
    }
    if (container->executor == self)
        arm(self);
    sim_event_ends(owner);
}

static void on_timer(void *owner, struct deadline *deadline)
{
    struct sim_executor *self = CONTAINER_OF(deadline, struct sim_executor, timer);

    if (!sim_event_begins(owner))
        return;
    runner_on_deadline(self->runner, now_of(self));
    arm(self);
    sim_event_ends(owner);
}

static void on_registered(void *ctx, const struct msg_executor_subscribed *answer, bool again)
{
    struct sim_executor *self = ctx;

    (void)answer, (void)again;
    look_idle(self);
}

static void on_message(void *ctx, const struct msg_message_to_executor *message)
{
    (void)ctx, (void)message;
}

static void on_disconnected(void *ctx, const char *reason)
{
    (void)ctx, (void)reason;
}

/* It ends, and its tasks with it. */
static void on_error(void *ctx, const char *text)
{
    struct sim_executor *self = ctx;

    sim_trace(sim_of(self), "executor %s: %s", self->container->id, text);
    self->container->code = 1;
    exit_soon(self);
}

/* --- as the agent sees it ---------------------------------------------------------------------- */

static struct sim_executor *find(struct sim_agent *agent, uint64_t connection)
{
    struct container *container;

    DL_FOREACH (agent->containers, container)
        if (container->executor && container->executor->agent_side == connection)
            return container->executor;
    return NULL;
}

static void on_ready(void *owner, struct deadline *deadline)
{
    struct sim_executor *self = CONTAINER_OF(deadline, struct sim_executor, ready);

    if (!sim_event_begins(owner))
        return;
    if (self->agent_side && self->container->agent->core)
        agent_sees_executor_ready(self->container->agent, self->agent_side);
    sim_event_ends(owner);
}

/* Else the next agent would launch into it what ends with it. */
static void check_ending(const struct sim_executor *self, struct sim_agent *agent)
{
    const struct fact *fact = self->container->fact;

    if (agent->hold.is_failing)
        return;
    for (size_t i = agent->disk.committed; i-- > 0;) {
        const struct message *record = &agent->disk.records[i];
        const struct record_key key = agent_record_key(record);

        if (record->type != MSG_KEEP_TASK_STATE ||
            fact_find(sim_of(self), key.framework_id, key.task_id) != fact)
            continue;
        if (record->keep_task_state->ending)
            return;
        break;
    }
    sim_fail(sim_of(self), "executor %s is told to end before that is written down", fact->key);
}

/* Else the next agent would not know of a task that runs. */
static void check_launch(const struct sim_agent *agent, const char *run_id)
{
    for (size_t i = agent->disk.committed; i-- > 0;) {
        const struct message *record = &agent->disk.records[i];

        if (record->type == MSG_KEEP_TASK && !strcmp(record->keep_task->container_id, run_id))
            return;
    }
    sim_fail(agent->process.sim, "%s is handed to its executor before it is written down", run_id);
}

int executors_tell(void *ctx, uint64_t connection, const struct message *message, bool can_wait)
{
    struct sim_agent *agent = ctx;
    struct sim_executor *self = find(agent, connection);
    struct sim *sim = agent->process.sim;

    if (!self)
        return 0;
    if (message->type == MSG_EXECUTOR_SHUTDOWN)
        check_ending(self, agent);
    else if (message->type == MSG_EXECUTOR_LAUNCH)
        check_launch(agent, message->executor_launch->run_id);
    if (can_wait && sim_chance(sim, 5)) {
        sim_after(sim, &self->ready, sim_between(sim, 1000, 2000000));
        return -EAGAIN;
    }
    send(self, connection, false, message);
    return 0;
}

void executors_admit(void *ctx, uint64_t connection)
{
    (void)ctx, (void)connection;
}

void executors_hear(void *ctx, uint64_t connection, bool is_heard)
{
    struct sim_executor *self = find(ctx, connection);

    if (!self)
        return;
    self->is_unheard = !is_heard;
    if (is_heard)
        sim_after(sim_of(self), &self->rest, 0);
}

void executors_on_written(struct sim_agent *agent)
{
    struct container *container;

    DL_FOREACH (agent->containers, container)
        if (container->executor)
            container->executor->owed = 0;
}

void executors_drop(void *ctx, uint64_t connection)
{
    struct sim_executor *self = find(ctx, connection);

    if (!self)
        return;
    send(self, connection, false, NULL);
    leave_agent(self);
}

int executors_draw_secret(void *ctx, unsigned char *bytes, size_t size)
{
    struct sim_agent *agent = ctx;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)sim_below(agent->process.sim, 256);
    return 0;
}

/* It was said, and had not left its process yet. */
static void lose_unsent(struct sim_executor *self)
{
    struct parcel *parcel, *next;

    DL_FOREACH_SAFE (self->parcels, parcel, next)
        if (!parcel->is_to_agent)
            parcel_free(parcel);
}

/* What it had said is still read, or never left it. */
void executors_lose_agent(struct sim_agent *agent)
{
    struct container *container;

    DL_FOREACH (agent->containers, container) {
        struct sim_executor *self = container->executor;

        if (!self || !self->agent_side)
            continue;
        leave_agent(self);
        self->owed = 0;
        deadline_cancel(&agent->process.sim->queue, &self->ready);
        if (sim_chance(agent->process.sim, 50))
            lose_unsent(self);
        if (self->connection)
            send(self, self->connection, false, NULL);
    }
}

/* --- its life ---------------------------------------------------------------------------------- */

void executor_begin(struct container *container)
{
    const struct runner_settings settings = {
        .framework_id = container->framework_id,
        .executor_id = strchr(container->fact->key, '/') + 1,
        .token = container->token,
        .seed = rng_next(&container->agent->process.sim->rng),
    };
    struct sim_executor *self = mem_new(struct sim_executor);
    const struct runner_env env = {
        .ctx = self,
        .connect = on_connect,
        .send = on_send,
        .registered = on_registered,
        .launch = on_launch,
        .kill = on_kill,
        .message = on_message,
        .shutdown = on_shutdown,
        .disconnected = on_disconnected,
        .error = on_error,
    };
    struct err err;

    self->container = container;
    container->executor = self;
    self->timer.due = on_timer;
    self->idle.due = on_idle;
    self->answer.due = on_answer;
    self->ready.due = on_ready;
    self->rest.due = on_rest;
    if (runner_new(&settings, &env, now_of(self), &self->runner, &err) < 0)
        sim_fail(sim_of(self), "runner_new: %s", err.text);
    arm(self);
}

void executor_end(struct container *container)
{
    struct sim_executor *self = container->executor;
    struct sim *sim = container->agent->process.sim;
    uint64_t seen = self ? self->agent_side : 0;

    if (!self)
        return;
    while (self->tasks)
        inside_free(self->tasks, false);
    while (self->parcels)
        parcel_free(self->parcels);
    deadline_cancel(&sim->queue, &self->timer);
    deadline_cancel(&sim->queue, &self->idle);
    deadline_cancel(&sim->queue, &self->answer);
    deadline_cancel(&sim->queue, &self->ready);
    deadline_cancel(&sim->queue, &self->rest);
    container->executor = NULL;
    container->ghost = seen;
    if (seen) /* before its end is heard of, or after it */
        sim_after(sim, &container->hangup, sim_between(sim, 1, 3000));
    runner_destroy(&self->runner);
    free(self);
}
