/* The recorded world around an agent's core. */
#include "tests/unit/agent_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/deadlines.h"
#include "base/log.h"
#include "base/mem.h"

static void record_add(struct world *world, struct record *self, const struct message *message)
{
    struct message *copy;

    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 64;
        self->items = mem_resize(self->items, self->capacity, sizeof(*self->items));
    }
    copy = &self->items[self->count++];
    *copy = *message;
    copy->body = message_copy_body(message->type, message->body, world->arena);
}

/* Whatever the core says must be something that can be said. */
static void check_speakable(const struct message *message)
{
    struct err err = {0};

    if (message_check(message, &err) < 0)
        fail_msg("%s", err.text);
}

static void on_persist(void *ctx, const struct message *record, bool can_wait)
{
    struct world *self = ctx;

    if (!can_wait)
        self->needed = record->number;

    check_speakable(record);
    record_add(self, &self->records, record);
    assert_int_equal(record->number, self->records.count);
}

static int on_make_volume(void *ctx, const char *role, const char *id, struct err *err)
{
    struct world *self = ctx;
    size_t size = strlen(self->volumes);

    if (self->volume_error)
        return err_errno(err, self->volume_error, "volume %s", id);
    snprintf(self->volumes + size, sizeof(self->volumes) - size, "+%s/%s ", role, id);
    return 0;
}

/* What is written down is that there is none any more. */
static void on_remove_volume(void *ctx, const char *role, const char *id)
{
    struct world *self = ctx;
    size_t size = strlen(self->volumes);

    snprintf(self->volumes + size, sizeof(self->volumes) - size, "-%s/%s ", role, id);
}

static int on_disk_used(void *ctx, struct err *err)
{
    const struct world *self = ctx;

    return self->disk_used < 0 ? err_errno(err, self->disk_used, "statvfs") : self->disk_used;
}

static void on_send(void *ctx, const struct message *message, uint64_t after)
{
    struct world *self = ctx;

    check_speakable(message);
    assert_true(after <= self->records.count);
    hold_send(&self->hold, message, after);
}

static void on_contain(void *ctx, const struct message *order, uint64_t after)
{
    struct world *self = ctx;

    check_speakable(order);
    assert_true(after <= self->records.count);
    hold_contain(&self->hold, order, after);
}

static void on_sent(void *ctx, const struct message *message)
{
    struct world *self = ctx;

    record_add(self, &self->sent, message);
}

static void on_ordered(void *ctx, const struct message *order)
{
    struct world *self = ctx;

    record_add(self, &self->orders, order);
}

static int on_tell_executor(void *ctx, uint64_t connection, const struct message *message,
                            bool can_wait)
{
    struct world *self = ctx;

    check_speakable(message);
    if (can_wait && self->executor_is_slow)
        return -EAGAIN;
    record_add(self, &self->told, message);
    self->told.items[self->told.count - 1].number = connection;
    return 0;
}

static void on_admit_executor(void *ctx, uint64_t connection)
{
    ((struct world *)ctx)->admitted = connection;
}

static void on_hear_executor(void *ctx, uint64_t connection, bool is_heard)
{
    struct world *self = ctx;

    assert_int_equal(self->unheard, is_heard ? connection : 0);
    self->unheard = is_heard ? 0 : connection;
}

static void on_drop_executor(void *ctx, uint64_t connection)
{
    struct world *self = ctx;

    self->dropped = connection;
    if (self->unheard == connection)
        self->unheard = 0;
}

static int on_draw_secret(void *ctx, unsigned char *bytes, size_t size)
{
    struct world *self = ctx;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(self->records.count + i * 17);
    return self->secret_error;
}

static void on_publish(void *ctx, const struct message *change)
{
    struct world *self = ctx;

    check_speakable(change);
    record_add(self, &self->changes, change);
    assert_int_equal(change->number, self->changes.count);
}

static void on_log(void *ctx, int level, const char *text)
{
    struct world *self = ctx;

    if (level == LOG_LEVEL_ERROR)
        snprintf(self->error, sizeof(self->error), "%s", text);
    if (level != LOG_LEVEL_WARNING)
        return;
    self->warnings++;
    snprintf(self->warning, sizeof(self->warning), "%s", text);
}

static void on_stopped(void *ctx, int exit_code, const char *reason)
{
    struct world *self = ctx;

    (void)reason;
    assert_false(self->is_stopped);
    self->is_stopped = true;
    self->exit_code = exit_code;
}

static void check(struct world *self)
{
    struct err err = {0};

    if (agent_check(self->agent, &err) < 0)
        fail_msg("%s", err.text);
    world_commit(self);
    if (agent_check(self->agent, &err) < 0)
        fail_msg("%s", err.text);
}

void world_commit(struct world *self)
{
    if (self->turn_goes_on || self->records.count == self->hold.written)
        return;
    if (self->disk_is_full) {
        hold_fail(&self->hold);
        agent_on_store_failed(self->agent, self->now, "no space left on device");
        return;
    }
    hold_release(&self->hold, self->records.count);
    agent_on_stored(self->agent, self->now, self->records.count);
    world_commit(self);
}

/* --- its lives ----------------------------------------------------------------------------------
 */

/* Looked up once: each is compared with all that come later. */
static struct record_key *keys_of(const struct record *all)
{
    struct record_key *keys = mem_resize(NULL, all->count + 1, sizeof(*keys));

    for (size_t i = 0; i < all->count; i++)
        keys[i] = agent_record_key(&all->items[i]);
    return keys;
}

static bool is_taken_away(const struct record_key *key, const struct record_key *by)
{
    if (strcmp(key->task_id, by->task_id) != 0 || strcmp(key->framework_id, by->framework_id) != 0)
        return false;
    if (by->type == MSG_FORGET_TASK)
        return key->type == MSG_KEEP_TASK || key->type == MSG_KEEP_TASK_STATE;
    if (by->type == MSG_FORGET_FRAMEWORK)
        return key->type == MSG_KEEP_FRAMEWORK;
    if (by->type == MSG_FORGET_GROUP)
        return key->type == MSG_KEEP_GROUP;
    if (by->type == MSG_FORGET_RESULT)
        return key->type == MSG_KEEP_RESULT;
    return key->type == by->type;
}

static bool is_kept(const struct record_key *keys, size_t count, size_t at)
{
    const struct record_key *key = &keys[at];

    if (key->type == MSG_FORGET_TASK || key->type == MSG_FORGET_FRAMEWORK ||
        key->type == MSG_FORGET_RESULT || key->type == MSG_FORGET_GROUP)
        return false;
    for (size_t later = at + 1; later < count; later++)
        if (is_taken_away(key, &keys[later]))
            return false;
    return true;
}

/* What is written of this life is now of an earlier one. */
static void store(struct world *self)
{
    for (size_t i = 0; i < self->hold.written; i++)
        record_add(self, &self->store, &self->records.items[i]);
    self->records.count = 0;
    hold_fini(&self->hold);
    hold_init(&self->hold);
}

/* As a store would give it back: of each thing the newest. */
struct agent_past world_past(struct world *self)
{
    struct message *records = arena_array(self->arena, self->store.count, sizeof(*records));
    struct record_key *keys = keys_of(&self->store);
    size_t count = 0;

    for (size_t i = 0; i < self->store.count; i++)
        if (is_kept(keys, self->store.count, i))
            records[count++] = self->store.items[i];
    free(keys);
    return (struct agent_past){records, count};
}

static size_t count_texts(const char *const *texts)
{
    size_t count = 0;

    while (texts && texts[count])
        count++;
    return count;
}

static int begin(struct world *self)
{
    static const struct range_info ports[] = {{31000, 32000}};
    static const struct resource_info resources[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 4000},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = 8192000},
        {.name = "disk", .kind = VALUE_SCALAR, .scalar = 100000},
        {.name = "ports", .kind = VALUE_RANGES, .ranges = ports, .ranges_count = 1},
    };
    const size_t isolation_count = count_texts(self->plan.isolation);
    const struct agent_info info = {
        .hostname = "host1",
        .address = self->address ? self->address : "10.0.0.2:5051",
        .boot_id = self->is_new_boot ? "boot 2" : "boot 1",
        .resources = self->resources ? self->resources : resources,
        .resources_count = self->resources ? self->resources_count : ARRAY_SIZE(resources),
        .topology = self->plan.topology,
        .isolation = self->plan.isolation,
        .isolation_count = isolation_count,
    };
    const struct agent_settings settings = {
        .info = &info,
        .past = world_past(self),
        .volumes_dir = self->plan.volumes_dir ? self->plan.volumes_dir : "/work/volumes",
        .sandboxes_dir = self->plan.sandboxes_dir ? self->plan.sandboxes_dir : "/work/sandboxes",
        .default_user = self->plan.default_user,
        .switch_user = !self->plan.no_switch,
        .has_docker = !self->plan.no_docker,
        .executors_dir = "/work/executors",
        .gpus = self->plan.gpus,
        .gpus_count = self->plan.gpus_count,
        .gc_delay_ms = (int64_t)24 * 3600 * 1000,
        .gc_headroom_milli = 100,
        .seed = 42 + self->lives++,
    };
    const struct agent_env env = {
        .ctx = self,
        .persist = on_persist,
        .send = on_send,
        .contain = on_contain,
        .make_volume = on_make_volume,
        .remove_volume = on_remove_volume,
        .disk_used = self->plan.collects ? on_disk_used : NULL,
        .tell_executor = self->plan.no_executors ? NULL : on_tell_executor,
        .admit_executor = on_admit_executor,
        .hear_executor = on_hear_executor,
        .drop_executor = on_drop_executor,
        .draw_secret = on_draw_secret,
        .publish = on_publish,
        .log = on_log,
        .stopped = on_stopped,
    };

    return agent_new(&settings, &env, self->now, &self->agent, &self->refusal);
}

struct world *world_new(const struct world_plan *plan)
{
    struct world *self = mem_new(struct world);

    self->plan = *plan;
    self->arena = arena_new(0);
    self->hold = (struct hold){.ctx = self, .send = on_sent, .contain = on_ordered};
    hold_init(&self->hold);
    self->epoch = EPOCH;
    self->now = (struct now){.mono_us = 1000000, .wall_us = 1700000000000000};
    assert_int_equal(begin(self), 0);
    check(self);
    if (!plan->unregistered) {
        world_connect(self);
        world_registered(self);
    }
    return self;
}

void world_destroy(struct world **self_p)
{
    struct world *self = *self_p;

    if (!self)
        return;
    agent_destroy(&self->agent);
    hold_fini(&self->hold);
    free(self->records.items);
    free(self->store.items);
    free(self->sent.items);
    free(self->orders.items);
    free(self->changes.items);
    free(self->told.items);
    arena_destroy(&self->arena);
    free(self);
    *self_p = NULL;
}

void world_crash(struct world *self)
{
    agent_destroy(&self->agent);
    store(self);
}

void world_set_store(struct world *self, const struct message *records, size_t count)
{
    self->store.count = 0;
    for (size_t i = 0; i < count; i++)
        if (records[i].type)
            record_add(self, &self->store, &records[i]);
}

bool world_restart(struct world *self)
{
    self->sent.count = self->orders.count = self->told.count = 0;
    self->changes.count = 0;
    self->is_stopped = false;
    self->refused = begin(self);
    if (self->refused < 0)
        return false;
    check(self);
    return true;
}

void world_reborn(struct world *self)
{
    world_crash(self);
    assert_true(world_restart(self));
    world_connect(self);
    world_registered(self);
}

void world_connect(struct world *self)
{
    agent_on_connected(self->agent, self->now);
    check(self);
}

void world_disconnect(struct world *self)
{
    hold_forget_sends(&self->hold);
    agent_on_disconnected(self->agent, self->now);
    check(self);
}

void world_say(struct world *self, struct message message)
{
    message.epoch = self->epoch;
    message.body = message_copy_body(message.type, message.body, self->arena);
    agent_on_message(self->agent, self->now, &message);
    check(self);
}

void world_registered(struct world *self)
{
    world_say(self,
              MESSAGE(AGENT_REGISTERED, agent_registered, .agent_id = AGENT, .master_id = "M"));
}

const struct task_info *simple_task(const char *task_id)
{
    static const struct command_info command = {.value = "true"};
    static struct task_info task;

    task = (struct task_info){
        .task_id = task_id, .name = task_id, .agent_id = AGENT, .command = &command};
    return &task;
}

void world_run_task(struct world *self, const struct task_info *task)
{
    const struct framework_info framework = {.id = FRAMEWORK, .name = "test", .user = "alice"};

    world_say(self,
              MESSAGE(RUN_TASK, run_task, .framework = &framework, .task = task, .role = "ads"));
}

void world_run(struct world *self, const char *task_id)
{
    world_run_task(self, simple_task(task_id));
}

static const struct msg_change_task *find_change(const struct world *self, const char *task_id)
{
    for (size_t i = self->changes.count; i > 0; i--) {
        const struct message *change = &self->changes.items[i - 1];

        if (change->type == MSG_CHANGE_TASK && !strcmp(change->change_task->task->task_id, task_id))
            return change->change_task;
    }
    return NULL;
}

static const char *container_of(const struct world *self, const char *task_id)
{
    const struct msg_change_task *change = find_change(self, task_id);

    return change ? change->container_id : "none";
}

void world_started_at(struct world *self, const char *task_id, int64_t wall_us)
{
    struct message event =
        MESSAGE(CONTAINER_STARTED, container_started, .container_id = container_of(self, task_id),
                .pid = 4711, .started_us = wall_us);

    agent_on_container(self->agent, self->now, &event);
    check(self);
}

void world_started(struct world *self, const char *task_id)
{
    world_started_at(self, task_id, self->now.wall_us);
}

void world_exited(struct world *self, const char *task_id, struct msg_container_exited end)
{
    struct message event = {.type = MSG_CONTAINER_EXITED, .container_exited = &end};

    end.container_id = container_of(self, task_id);
    agent_on_container(self->agent, self->now, &event);
    check(self);
}

static void answer_limits(struct world *self, const char *error, bool ended)
{
    for (size_t i = self->orders.count; i-- > 0;) {
        const struct msg_update_container *order = self->orders.items[i].update_container;
        struct message event;

        if (self->orders.items[i].type != MSG_UPDATE_CONTAINER || !order->number)
            continue;
        event = MESSAGE(CONTAINER_UPDATED, container_updated, .container_id = order->container_id,
                        .number = order->number, .error = error, .ended = ended);
        agent_on_container(self->agent, self->now, &event);
        check(self);
        return;
    }
    fail_msg("no limits were ordered");
}

void world_limits_set(struct world *self, const char *error)
{
    answer_limits(self, error, false);
}

void world_limits_too_late(struct world *self)
{
    answer_limits(self, "it has ended", true);
}

void world_exited_code(struct world *self, const char *task_id, int code)
{
    const struct exit_info exit_info = {.code = code};

    world_exited(self, task_id, (struct msg_container_exited){.exit = &exit_info});
}

void world_hear(struct world *self, struct message event)
{
    agent_on_container(self->agent, self->now, &event);
    check(self);
}

void world_executor_says(struct world *self, uint64_t connection, struct message message)
{
    agent_on_executor(self->agent, self->now, connection, &message);
    check(self);
}

void world_executor_lost(struct world *self, uint64_t connection)
{
    if (self->unheard == connection)
        self->unheard = 0;
    agent_on_executor_lost(self->agent, self->now, connection);
    check(self);
}

void world_executor_ready(struct world *self, uint64_t connection)
{
    agent_on_executor_ready(self->agent, self->now, connection);
    check(self);
}

void world_kill(struct world *self, const char *task_id)
{
    world_say(self, MESSAGE(KILL_TASK, kill_task, .framework_id = FRAMEWORK, .task_id = task_id));
}

void world_kill_grace(struct world *self, const char *task_id, int64_t grace_ms)
{
    const struct kill_policy policy = {.grace_ms = grace_ms};

    world_say(self, MESSAGE(KILL_TASK, kill_task, .framework_id = FRAMEWORK, .task_id = task_id,
                            .kill_policy = &policy));
}

void world_acknowledge(struct world *self, const char *task_id)
{
    const struct msg_status_update *update = world_update(self, task_id);

    assert_non_null(update);
    world_say(self, MESSAGE(ACKNOWLEDGE_UPDATE, acknowledge_update, .framework_id = FRAMEWORK,
                            .task_id = task_id, .uuid = update->status->uuid));
}

void world_stop(struct world *self, int64_t grace_ms, const char *reason)
{
    agent_stop(self->agent, self->now, grace_ms, reason);
    check(self);
}

void world_leave(struct world *self, int exit_code, const char *reason)
{
    agent_leave(self->agent, self->now, exit_code, reason);
    check(self);
}

void world_pass(struct world *self, int64_t ms)
{
    struct now end = {self->now.mono_us + ms * US_PER_MS, self->now.wall_us + ms * US_PER_MS};
    int64_t next_us;

    while ((next_us = agent_next_deadline_us(self->agent)) <= end.mono_us) {
        int64_t step_us = next_us > self->now.mono_us ? next_us - self->now.mono_us : 0;

        self->now.mono_us += step_us;
        self->now.wall_us += step_us;
        agent_on_deadline(self->agent, self->now);
        check(self);
    }
    self->now = end;
}

const struct message *record_last(const struct record *self, enum msg_type type)
{
    for (size_t i = self->count; i > 0; i--)
        if (self->items[i - 1].type == type)
            return &self->items[i - 1];
    return NULL;
}

size_t record_count(const struct record *self, enum msg_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < self->count; i++)
        count += self->items[i].type == type;
    return count;
}

static bool is_update_of(const struct message *message, const char *task_id)
{
    return message->type == MSG_STATUS_UPDATE &&
           !strcmp(message->status_update->status->task_id, task_id);
}

const struct msg_status_update *world_update(const struct world *self, const char *task_id)
{
    for (size_t i = self->sent.count; i > 0; i--)
        if (is_update_of(&self->sent.items[i - 1], task_id))
            return self->sent.items[i - 1].status_update;
    return NULL;
}

size_t world_updates_count(const struct world *self, const char *task_id)
{
    size_t count = 0;

    for (size_t i = 0; i < self->sent.count; i++)
        count += is_update_of(&self->sent.items[i], task_id);
    return count;
}

const struct msg_launch_container *world_launch(const struct world *self, const char *task_id)
{
    const char *container_id = container_of(self, task_id);

    for (size_t i = 0; i < self->orders.count; i++) {
        const struct message *order = &self->orders.items[i];

        if (order->type == MSG_LAUNCH_CONTAINER &&
            !strcmp(order->launch_container->container_id, container_id))
            return order->launch_container;
    }
    return NULL;
}

static const struct msg_keep_task *find_kept(const struct record *self, const char *task_id)
{
    for (size_t i = self->count; i > 0; i--)
        if (self->items[i - 1].type == MSG_KEEP_TASK &&
            !strcmp(self->items[i - 1].keep_task->task->task_id, task_id))
            return self->items[i - 1].keep_task;
    return NULL;
}

const struct msg_keep_task *world_kept(const struct world *self, const char *task_id)
{
    const struct msg_keep_task *kept = find_kept(&self->records, task_id);

    return kept ? kept : find_kept(&self->store, task_id);
}

size_t world_stored(struct world *self, enum msg_type type, const char *task_id)
{
    struct record all = {0};
    struct record_key *keys;
    size_t count = 0;

    for (size_t i = 0; i < self->store.count; i++)
        record_add(self, &all, &self->store.items[i]);
    for (size_t i = 0; i < self->hold.written; i++)
        record_add(self, &all, &self->records.items[i]);
    keys = keys_of(&all);
    for (size_t i = 0; i < all.count; i++)
        count += keys[i].type == type && is_kept(keys, all.count, i) &&
                 (!*task_id || !strcmp(keys[i].task_id, task_id));
    free(keys);
    free(all.items);
    return count;
}

size_t world_forgets(const struct world *self, const char *task_id)
{
    const char *container_id = container_of(self, task_id);
    size_t count = 0;

    for (size_t i = 0; i < self->orders.count; i++) {
        const struct message *order = &self->orders.items[i];

        count += order->type == MSG_FORGET_CONTAINER &&
                 !strcmp(order->forget_container->container_id, container_id);
    }
    return count;
}

size_t world_signals(const struct world *self, const char *task_id, bool kill)
{
    const char *container_id = container_of(self, task_id);
    size_t count = 0;

    for (size_t i = 0; i < self->orders.count; i++) {
        const struct message *order = &self->orders.items[i];

        count += order->type == MSG_SIGNAL_CONTAINER && order->signal_container->kill == kill &&
                 !strcmp(order->signal_container->container_id, container_id);
    }
    return count;
}

struct lookup {
    const char *name;
    int64_t milli;
    bool is_found;
};

static void look(void *ctx, const char *name, int64_t milli)
{
    struct lookup *lookup = ctx;

    if (strcmp(lookup->name, name) != 0)
        return;
    lookup->milli = milli;
    lookup->is_found = true;
}

int64_t world_counter(const struct world *self, const char *name)
{
    struct lookup lookup = {.name = name};

    agent_counters(self->agent, self->now, look, &lookup);
    if (!lookup.is_found)
        fail_msg("no counter %s", name);
    return lookup.milli / 1000;
}
