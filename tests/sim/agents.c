/* tests/sim/agents.c - the agent's process: its core's world, its crashes and its new beginnings.
 *
 * Containers outlive their agent, and the next one on that machine begins with what is on its disk.
 * Held here: it never forgets who it is, nor whom it has obeyed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/agent.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/table.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

#define AGENTS_LEAST    2
#define AGENTS_MOST     5
#define COMMIT_AGAIN_US ((int64_t)US_PER_S)
#define TURN_GOES_ON    25 /* percent */
#define TURN_MOST_US    50000
#define WAIT_MOST_US    ((int64_t)100 * US_PER_MS)

static const char *const resources_texts[] = {
    "cpus:4;mem:1024;disk:50;ports:[31000-31007]",
    "cpus:2;mem:512;cpus(ads):2;mem(ads):512;disk(ads):300;ports:[31000-31003]",
    "cpus:8;mem:2048;disk:1000;ports:[31000-31003, 31010-31013]",
    "cpus:3;cpus{REV}:4;mem:1024;ports:[31000-31002];ports(ads):[31003-31005]",
};

/* --- what the core does ------------------------------------------------------------------------ */

static void note_update(struct sim_agent *self, const struct msg_status_update *update)
{
    struct fact *fact = fact_find(self->process.sim, update->framework_id, update->status->task_id);

    if (!fact)
        return;
    fact->agent = self;
    fact_on_sent(fact, self->process.sim, update->status);
}

static void note_record(struct sim_agent *self, const struct message *record)
{
    const struct record_key key = agent_record_key(record);
    struct fact *fact = fact_find(self->process.sim, key.framework_id, key.task_id);

    /* A vandal's id may be on two agents. */
    if (fact && fact->agent != self)
        return;
    if (fact && record->type == MSG_KEEP_TASK_STATE && record->keep_task_state->ended)
        fact->is_decided = !record->keep_task_state->ended->never_launched;
    if (fact && record->type == MSG_KEEP_TASK_STATE)
        fact->is_end_written = record->keep_task_state->updates_count &&
                               task_state_is_terminal(record->keep_task_state->state);
    if (!fact || record->type != MSG_FORGET_TASK)
        return;
    if (fact->is_end_written && !(self->core && agent_is_stopping(self->core)))
        sim_fail(self->process.sim, "%s forgets how %s ended, and nobody has acknowledged it",
                 self->process.name, fact->key);
    fact->is_end_written = false;
}

static void on_persist(void *ctx, const struct message *record, bool can_wait)
{
    struct sim_agent *self = ctx;
    struct message written;

    sim_check_inert(self->process.sim, message_name(record->type));
    if (record->number != ++self->records)
        sim_fail(self->process.sim, "record %" PRIu64 " has the number %" PRIu64, self->records,
                 record->number);
    written = sim_wire(self->process.sim, record);
    disk_add(&self->disk, &written);
    if (!can_wait)
        self->is_write_needed = true;
    note_record(self, &written);
}

static void on_send(void *ctx, const struct message *message, uint64_t after)
{
    struct sim_agent *self = ctx;

    sim_check_inert(self->process.sim, message_name(message->type));
    if (message->type == MSG_STATUS_UPDATE)
        note_update(self, message->status_update);
    hold_send(&self->hold, message, after);
}

static void on_contain(void *ctx, const struct message *order, uint64_t after)
{
    struct sim_agent *self = ctx;

    sim_check_inert(self->process.sim, message_name(order->type));
    hold_contain(&self->hold, order, after);
}

/* It has left the cluster by its own word: it may forget its id. */
static void note_leave(struct sim_agent *self)
{
    self->written_id[0] = '\0';
}

static void check_identity(const struct sim_agent *self, const struct msg_register_agent *call)
{
    if ((uint64_t)call->last_epoch < self->written_epoch)
        sim_fail(self->process.sim, "%s has forgotten that it obeyed epoch %" PRIu64,
                 self->process.name, self->written_epoch);
    if (*self->written_id && strcmp(call->agent->id, self->written_id) != 0)
        sim_fail(self->process.sim, "%s was %s and calls itself %s", self->process.name,
                 self->written_id, call->agent->id);
}

static void says(void *ctx, const struct message *message)
{
    struct sim_agent *self = ctx;
    struct err err = {""};

    if (message->type == MSG_REGISTER_AGENT)
        check_identity(self, message->register_agent);
    else if (message->type == MSG_UNREGISTER)
        note_leave(self);
    (void)peer_send(&self->peer, message, &err);
}

static void orders(void *ctx, const struct message *order)
{
    struct sim_agent *self = ctx;
    struct message heard = sim_wire(self->process.sim, order);

    container_order(self, &heard);
}

/* --- what it has published ---------------------------------------------------------------------- */

struct shown {
    char *key; /* owned: framework/task */
    UT_hash_handle hh;
};

/* One that is launched once more is shown once more. */
static void show_task(struct sim_agent *self, const struct msg_change_task *change)
{
    CLEANUP(free_p)
    char *key = mem_printf("%s/%s", change->framework_id, change->task->task_id);
    struct shown *shown;

    HASH_FIND_STR(self->tasks, key, shown);
    if (shown)
        return;
    shown = mem_new(struct shown);
    shown->key = TAKE(key);
    HASH_ADD_KEYPTR(hh, self->tasks, shown->key, strlen(shown->key), shown);
}

static void hide(struct sim_agent *self, struct shown *shown)
{
    HASH_DEL(self->tasks, shown);
    free(shown->key);
    free(shown);
}

static void hide_task(struct sim_agent *self, const struct msg_change_task_removed *change)
{
    CLEANUP(free_p) char *key = mem_printf("%s/%s", change->framework_id, change->task_id);
    struct shown *shown;

    HASH_FIND_STR(self->tasks, key, shown);
    if (shown)
        hide(self, shown);
    else
        sim_fail(self->process.sim, "%s: %s is removed, and was never shown", self->process.name,
                 key);
}

static void hide_all(struct sim_agent *self)
{
    while (self->tasks)
        hide(self, self->tasks);
}

static void on_publish(void *ctx, const struct message *change)
{
    struct sim_agent *self = ctx;

    sim_check_inert(self->process.sim, message_name(change->type));
    if (change->type == MSG_CHANGE_TASK)
        show_task(self, change->change_task);
    else if (change->type == MSG_CHANGE_TASK_REMOVED)
        hide_task(self, change->change_task_removed);
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
    self->needs_folder = self->is_sent_away && !self->leaves_tasks;
}

/* --- its process ------------------------------------------------------------------------------- */

static void end(struct sim_agent *self, bool orderly, bool is_host)
{
    struct sim *sim = self->process.sim;

    peer_end(&self->peer, orderly);
    deadline_cancel(&sim->queue, &self->process.timer);
    deadline_cancel(&sim->queue, &self->commit);
    deadline_cancel(&sim->queue, &self->later);
    agent_destroy(&self->core);
    containers_end_looks(self);
    executors_lose_agent(self);
    hold_fini(&self->hold);
    sandboxes_lose_agent(self);
    self->registered_since_us = DEADLINE_NEVER;
    if (disk_on_crash(&self->disk, sim, is_host))
        facts_excuse(sim, self);
}

/* At the end of a turn. */
static void commit(struct sim_agent *self)
{
    struct sim *sim = self->process.sim;

    if (self->disk.committed == self->disk.count)
        return;
    if (!self->is_write_needed && !self->hold.is_awaited && !self->is_stopped) {
        if (!deadline_is_set(&self->later))
            sim_after(sim, &self->later, WAIT_MOST_US);
        return;
    }
    if (disk_commit(&self->disk, sim) < 0) {
        hold_fail(&self->hold);
        agent_on_store_failed(self->core, process_now(&self->process), "the disk is full");
        sim_after(sim, &self->commit, COMMIT_AGAIN_US);
        return;
    }
    executors_on_written(self);
    self->written_epoch = self->epoch;
    self->is_write_needed = false;
    deadline_cancel(&sim->queue, &self->later);
    hold_release(&self->hold, self->records);
    agent_on_stored(self->core, process_now(&self->process), self->records);
    if (!self->is_stopped && *agent_id(self->core))
        snprintf(self->written_id, sizeof(self->written_id), "%s", agent_id(self->core));
    commit(self);
}

/* Mostly; now and then more comes before that. */
static void end_turn(struct sim_agent *self)
{
    struct sim *sim = self->process.sim;

    if (self->is_stopped || sim->plan.calm || !sim_chance(sim, TURN_GOES_ON))
        commit(self);
    else
        sim_after(sim, &self->commit, sim_between(sim, 1, TURN_MOST_US));
}

static void settle(struct sim_agent *self)
{
    struct sim *sim = self->process.sim;

    if (!deadline_is_set(&self->commit) || (self->is_stopped && !self->hold.is_failing))
        end_turn(self);
    if (!agent_is_registered(self->core))
        self->registered_since_us = DEADLINE_NEVER;
    else if (self->registered_since_us == DEADLINE_NEVER)
        self->registered_since_us = sim->now_us;
    if (!self->is_stopped) {
        process_arm(&self->process, agent_next_deadline_us(self->core));
        return;
    }
    end(self, true, false);
    sim_after(sim, &self->start, sim_between(sim, 500, 20000) * US_PER_MS);
}

static void on_commit(void *owner, struct deadline *deadline)
{
    struct sim_agent *self = CONTAINER_OF(deadline, struct sim_agent, commit);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    settle(self);
    sim_event_ends(sim);
}

static void on_later(void *owner, struct deadline *deadline)
{
    struct sim_agent *self = CONTAINER_OF(deadline, struct sim_agent, later);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    self->is_write_needed = true;
    settle(self);
    sim_event_ends(sim);
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
    hold_forget_sends(&self->hold);
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
    if (message->type == MSG_SHUTDOWN_AGENT && message->epoch >= self->epoch)
        self->is_sent_away = true;
    agent_on_message(self->core, process_now(&self->process), message);
    /* Before the registration only its answer is obeyed. */
    if (message->epoch > self->epoch && message->type == MSG_AGENT_REGISTERED)
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

void agent_hears_executor(struct sim_agent *self, uint64_t connection,
                          const struct message *message)
{
    if (!self->core)
        return;
    if (message)
        agent_on_executor(self->core, process_now(&self->process), connection, message);
    else
        agent_on_executor_lost(self->core, process_now(&self->process), connection);
    settle(self);
}

void agent_sees_executor_ready(struct sim_agent *self, uint64_t connection)
{
    agent_on_executor_ready(self->core, process_now(&self->process), connection);
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

/* It is gone, and has ended all that it had: the operator does as he was told. */
static void give_new_folder(struct sim_agent *self)
{
    disk_fini(&self->disk);
    operator_forgets(self->process.sim, self);
    volumes_fini(self);
    sandboxes_fini(self);
    self->disk = (struct disk){.is_full = self->disk.is_full, .room = self->disk.room};
    self->written_epoch = self->peer.epoch_met = 0;
    self->needs_folder = false;
    note_leave(self);
}

/* As many hardware threads as cpus, in two nodes. */
static const struct topology_info *make_topology(struct sim_agent *self)
{
    struct arena *arena = self->process.sim->arena;
    struct topology_info *topology = arena_alloc(arena, sizeof(*topology));
    struct numa_info *nodes = arena_array(arena, 2, sizeof(*nodes));
    int64_t threads = resources_scalar(&self->total, "cpus") / 1000;
    int64_t half = threads / 2;

    nodes[0] = (struct numa_info){.mem_bytes = INT64_C(1) << 30,
                                  .cpus = arena_printf(arena, "0-%lld", (long long)half)};
    nodes[1] = (struct numa_info){
        .number = 1,
        .mem_bytes = INT64_C(1) << 30,
        .cpus = threads > half + 1
                    ? arena_printf(arena, "%lld-%lld", (long long)half + 1, (long long)threads - 1)
                    : ""};
    topology->numa_nodes = nodes;
    topology->numa_nodes_count = 2;
    return topology;
}

static struct agent_env env_of(struct sim_agent *self)
{
    return (struct agent_env){.ctx = self,
                              .persist = on_persist,
                              .send = on_send,
                              .contain = on_contain,
                              .make_volume = volumes_make,
                              .remove_volume = volumes_remove,
                              .disk_used = sandboxes_disk_used,
                              .tell_executor = executors_tell,
                              .admit_executor = executors_admit,
                              .hear_executor = executors_hear,
                              .drop_executor = executors_drop,
                              .draw_secret = executors_draw_secret,
                              .publish = on_publish,
                              .log = on_log,
                              .stopped = on_stopped};
}

/* One clock that nobody can set for all processes of a boot. */
static void take_clock_of_boot(struct sim_agent *self)
{
    if (self->lives == 1 || self->boot_of_clock != self->boot)
        self->clock_mono_us = self->process.mono_offset_us;
    self->process.mono_offset_us = self->clock_mono_us;
    self->boot_of_clock = self->boot;
}

static void begin_to_connect(struct sim_agent *self)
{
    static const struct peer_events events = {
        .on_open = on_open, .on_message = on_message, .on_close = on_close};

    self->peer = (struct peer){.sim = self->process.sim,
                               .kind = PEER_AGENT,
                               .name = self->process.name,
                               .is_trusted = true,
                               .events = &events,
                               .owner = self,
                               .cut_off_until_us = self->peer.cut_off_until_us,
                               .epoch_met = self->peer.epoch_met,
                               .epoch_heard = self->written_epoch};
    peer_begin(&self->peer);
}

static void start(struct sim_agent *self)
{
    static const char *const isolation[] = {"cgroup/cpuset"};
    struct sim *sim = self->process.sim;
    struct agent_info info = {.hostname = arena_printf(sim->arena, "host%zu", self->number),
                              .address = "10.0.0.2:5051"};
    struct agent_past past;
    const char **ids;
    size_t ids_count;
    struct agent_settings settings = {
        .info = &info,
        .sandboxes_dir = "/work",
        .executors_dir = "/executors",
        .executor_owed_max = SIM_OWED_MAX,
        .retry_min_ms = sim->timing.retry_min_ms,
        .retry_max_ms = sim->timing.retry_max_ms,
        .gc_delay_ms = sim->timing.gc_delay_ms,
        .part_max = sim->plan.calm || sim_chance(sim, 50) ? 0 : 2000, /* a task or two */
        .gc_headroom_milli = 100,
        .disk_watch_ms = sim->timing.disk_watch_ms,
        .seed = rng_next(&sim->rng),
    };
    const struct agent_env env = env_of(self);
    struct err err;

    if (self->needs_folder)
        give_new_folder(self);
    settings.past = past = disk_load(&self->disk);
    ids = arena_array(sim->arena, past.count, sizeof(*ids));
    process_init(&self->process, sim, on_timer, "agent %zu.%u", self->number, self->lives++);
    take_clock_of_boot(self);
    self->begun_us = sim->now_us;
    sim_trace(sim, "%s begins", self->process.name);
    info.resources = resources_to_info(&self->total, sim->arena, &info.resources_count);
    info.topology = make_topology(self);
    info.isolation = isolation;
    info.isolation_count = 1;
    info.boot_id = arena_printf(sim->arena, "boot %u", self->boot);
    ids_count = agent_past_containers(&past, info.boot_id, false, ids);
    hide_all(self);
    self->records = 0;
    self->epoch = self->written_epoch;
    self->is_write_needed = false;
    self->is_stopped = false;
    self->is_sent_away = self->leaves_tasks = false;
    self->hold = (struct hold){.ctx = self, .send = says, .contain = orders};
    hold_init(&self->hold);
    containers_recover(self, ids, ids_count);
    volumes_check(self);
    sim->has_begun_anew = true;
    if (agent_new(&settings, &env, process_now(&self->process), &self->core, &err) < 0)
        sim_fail(sim, "agent_new: %s", err.text);
    if (!self->core)
        return;
    begin_to_connect(self);
    settle(self);
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
    containers_lose_agent(self);
    end(self, sim_chance(sim, 50), false);
    sim_after(sim, &self->start, for_us);
}

void agent_crash_host(struct sim_agent *self, int64_t for_us)
{
    struct sim *sim = self->process.sim;

    sim_trace(sim, "the host of %s is switched off", self->process.name);
    self->boot++;
    containers_end(self);
    if (self->core)
        end(self, false, true);
    else if (disk_on_crash(&self->disk, sim, true))
        facts_excuse(sim, self);
    sim_after(sim, &self->start, for_us);
}

void agent_fill_disk(struct sim_agent *self, int64_t for_us)
{
    sim_trace(self->process.sim, "the disk of %s is full", self->process.name);
    self->disk.is_full = true;
    sim_after(self->process.sim, &self->disk.room, for_us);
}

void agent_empty_disk(struct sim_agent *self)
{
    self->disk.is_full = false;
    deadline_cancel(&self->process.sim->queue, &self->disk.room);
}

static void on_room(void *owner, struct deadline *deadline)
{
    struct sim_agent *self = CONTAINER_OF(deadline, struct sim_agent, disk.room);

    (void)owner;
    self->disk.is_full = false;
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
    containers_lose_agent(self);
    end(self, sim_chance(self->process.sim, 50), false);
    sim_after(self->process.sim, &self->start, sim_between(self->process.sim, 10000, 500000));
}

void agent_leave_tasks(struct sim_agent *self)
{
    if (!self->core)
        return;
    sim_trace(self->process.sim, "%s is asked to leave its tasks", self->process.name);
    self->leaves_tasks = true;
    agent_leave(self->core, process_now(&self->process), 0, "SIGUSR1");
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
        agent->commit.due = on_commit;
        agent->later.due = on_later;
        agent->disk.room.due = on_room;
        agent->registered_since_us = DEADLINE_NEVER;
        const char *text = sim->plan.contest ? contest_agent(sim) : SIM_PICK(sim, resources_texts);

        if (resources_parse(&agent->total, text, &err) < 0)
            sim_fail(sim, "%s", err.text);
        sim->agents[i] = agent;
        start(agent);
    }
}

void sim_agents_fini(struct sim *sim)
{
    for (size_t i = 0; i < sim->agents_count; i++) {
        struct sim_agent *agent = sim->agents[i];

        if (agent->core)
            end(agent, true, false);
        containers_fini(agent);
        deadline_cancel(&sim->queue, &agent->start);
        deadline_cancel(&sim->queue, &agent->disk.room);
        disk_fini(&agent->disk);
        volumes_fini(agent);
        sandboxes_fini(agent);
        hide_all(agent);
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
    for (size_t i = 0; i < sim->agents_count; i++)
        if (sim->agents[i]->core && !sim->agents[i]->is_stopped)
            sandboxes_check(sim->agents[i]);
}

void sim_cut_agent(struct sim *self, size_t agent, int64_t for_ms)
{
    peer_cut(&self->agents[agent]->peer, for_ms * US_PER_MS);
}

void sim_crash_agent(struct sim *self, size_t agent, int64_t for_ms)
{
    agent_crash(self->agents[agent], for_ms * US_PER_MS);
}

void sim_crash_host(struct sim *self, size_t agent, int64_t for_ms)
{
    agent_crash_host(self->agents[agent], for_ms * US_PER_MS);
}

void sim_fill_disk(struct sim *self, size_t agent, int64_t for_ms)
{
    agent_fill_disk(self->agents[agent], for_ms * US_PER_MS);
}

void sim_lose_shim(struct sim *self, size_t agent)
{
    container_lose_shim(self->agents[agent]);
}
