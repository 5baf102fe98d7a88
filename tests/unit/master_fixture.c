/* tests/unit/master_fixture.c - the recorded world of a master's core. */
#include "tests/unit/master_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "base/mem.h"
#include "proto/resources_info.h"

/* --- the world -------------------------------------------------------------- */

static void record(struct cluster *self, uint64_t session, const struct message *message)
{
    struct message copy = *message;
    struct buf frame = {0};
    struct err err = {""};

    copy.body = message_copy_body(message->type, message->body, self->arena);
    if (message_check(&copy, &err) < 0 || message_encode(message, &frame, &err) < 0)
        fail_msg("the master sends a bad %s: %s", message_name(message->type), err.text);
    buf_fini(&frame);
    if (self->sent_count == self->sent_capacity) {
        self->sent_capacity = self->sent_capacity ? self->sent_capacity * 2 : 64;
        self->sent = mem_resize(self->sent, self->sent_capacity, sizeof(struct sent));
    }
    self->sent[self->sent_count++] = (struct sent){.session = session, .message = copy};
}

static void on_send(void *ctx, uint64_t session, const struct message *message)
{
    assert_int_not_equal(session, 0);
    record(ctx, session, message);
}

static void on_close(void *ctx, uint64_t session, const char *reason)
{
    struct cluster *self = ctx;

    if (self->closed_count == self->closed_capacity) {
        self->closed_capacity = self->closed_capacity ? self->closed_capacity * 2 : 16;
        self->closed = mem_resize(self->closed, self->closed_capacity, sizeof(uint64_t));
    }
    self->closed[self->closed_count++] = session;
    self->closed_reason = arena_strdup(self->arena, reason);
}

static void on_publish(void *ctx, const struct message *change)
{
    struct cluster *self = ctx;

    assert_int_equal(change->number, self->changes + 1);
    self->changes = change->number;
    record(self, 0, change);
}

static void on_log(void *ctx, int level, const char *text)
{
    (void)ctx;
    (void)level;
    assert_true(strlen(text) > 0);
}

static void on_persist(void *ctx, uint64_t ticket, const struct message *record)
{
    struct cluster *self = ctx;
    struct message copy = *record;
    struct err err = {""};

    copy.body = message_copy_body(record->type, record->body, self->arena);
    if (message_check(&copy, &err) < 0)
        fail_msg("the master keeps a bad %s: %s", message_name(record->type), err.text);
    if (self->records_count == self->records_capacity) {
        self->records_capacity = self->records_capacity ? self->records_capacity * 2 : 16;
        self->records =
            mem_resize(self->records, self->records_capacity, sizeof(struct kept_record));
    }
    self->records[self->records_count++] = (struct kept_record){.ticket = ticket, .message = copy};
}

static void on_reply(void *ctx, uint64_t number, const struct msg_operator_reply *reply)
{
    struct cluster *self = ctx;
    struct err err = {""};

    assert_in_range(number, 1, self->calls);
    if (number < self->calls) /* it waited, and another one was made meanwhile */
        return;
    assert_int_equal(self->reply.code, 0);
    if (record_check(&msg_operator_reply_def, reply, &err) < 0)
        fail_msg("a bad reply to an operator: %s", err.text);
    self->reply = *reply;
    self->reply.message = arena_strdup(self->arena, reply->message);
}

static void settle(struct cluster *self);

static void start(struct cluster *self, const struct master_settings *settings, const char *id)
{
    struct master_settings full = {0};
    struct err err = {""};

    if (settings)
        full = *settings;
    if (!full.id)
        full.id = id;
    if (!full.epoch)
        full.epoch = CLUSTER_EPOCH;
    full.address = "127.0.0.1:5050";
    if (master_new(&full,
                   &(struct master_env){.ctx = self,
                                        .send = on_send,
                                        .close = on_close,
                                        .publish = on_publish,
                                        .log = on_log,
                                        .persist = on_persist,
                                        .reply = on_reply},
                   self->now, &self->master, &err) < 0)
        fail_msg("master_new: %s", err.text);
}

struct cluster *cluster_new(const struct master_settings *settings)
{
    struct cluster *self = mem_new(struct cluster);

    self->arena = arena_new(0);
    self->now = (struct now){.mono_us = 1000 * US_PER_S, .wall_us = 2000 * US_PER_S};
    start(self, settings, CLUSTER_MASTER);
    return self;
}

/* KEPT_ROLES is about several things. */
static size_t count_parts(const struct message *record)
{
    return record->type == MSG_KEPT_ROLES ? record->kept_roles->roles_count : 1;
}

static void name_thing(const struct message *record, size_t part, char *ret_name, size_t size)
{
    if (record->type == MSG_KEPT_AGENT)
        snprintf(ret_name, size, "A/%s", record->kept_agent->agent->id);
    else if (record->type == MSG_DROP_AGENT)
        snprintf(ret_name, size, "A/%s", record->drop_agent->agent_id);
    else if (record->type == MSG_KEPT_FRAMEWORK)
        snprintf(ret_name, size, "F/%s", record->kept_framework->framework->id);
    else if (record->type == MSG_KEPT_ROLE)
        snprintf(ret_name, size, "R/%s", record->kept_role->role);
    else if (record->type == MSG_DROP_ROLE)
        snprintf(ret_name, size, "R/%s", record->drop_role->role);
    else if (record->type == MSG_KEPT_ROLES)
        snprintf(ret_name, size, "R/%s", record->kept_roles->roles[part].role);
    else if (record->type == MSG_KEPT_WINDOW)
        snprintf(ret_name, size, "W/%s", record->kept_window->window->id);
    else if (record->type == MSG_DROP_WINDOW)
        snprintf(ret_name, size, "W/%s", record->drop_window->id);
    else
        snprintf(ret_name, size, "F/%s", record->drop_framework->framework_id);
}

/* Is there a newer record of the same thing? */
static bool is_old(const struct cluster *self, size_t index, size_t part)
{
    char name[ID_MAX + 3], other[ID_MAX + 3];

    name_thing(&self->records[index].message, part, name, sizeof(name));
    for (size_t i = index + 1; i < self->records_count; i++)
        for (size_t j = 0; j < count_parts(&self->records[i].message); j++) {
            name_thing(&self->records[i].message, j, other, sizeof(other));
            if (self->records[i].is_kept && !strcmp(name, other))
                return true;
        }
    return false;
}

/* As a registry has it: a record for each role, unless it says nothing. */
static void recall_part(struct cluster *self, const struct message *record, size_t part)
{
    const struct role_policy *role =
        record->type == MSG_KEPT_ROLES ? &record->kept_roles->roles[part] : NULL;
    struct msg_kept_role kept;
    struct message one = *record;
    struct err err = {""};

    if (role) {
        kept = (struct msg_kept_role){.role = role->role,
                                      .weight_milli = role->weight_milli,
                                      .guarantees = role->guarantees,
                                      .guarantees_count = role->guarantees_count,
                                      .limits = role->limits,
                                      .limits_count = role->limits_count,
                                      .priority = role->priority,
                                      .has_priority = role->has_priority,
                                      .offers = role->offers};
        one = (struct message){.type = MSG_KEPT_ROLE, .kept_role = &kept};
        if (!role->weight_milli && !role->guarantees_count && !role->limits_count &&
            !role->offers && !role->has_priority)
            return;
    }
    if (master_recall(self->master, &one, &err) < 0)
        fail_msg("%s", err.text);
}

void cluster_restart(struct cluster *self, const struct master_settings *settings)
{
    master_destroy(&self->master);
    self->changes = 0;
    start(self, settings, "N");
    for (size_t i = 0; i < self->records_count; i++) {
        const struct message *record = &self->records[i].message;

        if (!self->records[i].is_kept || record->type == MSG_DROP_AGENT ||
            record->type == MSG_DROP_FRAMEWORK || record->type == MSG_DROP_ROLE ||
            record->type == MSG_DROP_WINDOW)
            continue;
        for (size_t part = 0; part < count_parts(record); part++)
            if (!is_old(self, i, part))
                recall_part(self, record, part);
    }
    for (size_t i = 0; i < self->records_count; i++)
        self->records[i].is_answered = true;
    settle(self);
}

void cluster_destroy(struct cluster **self_p)
{
    struct cluster *self = *self_p;

    if (!self)
        return;
    master_destroy(&self->master);
    arena_destroy(&self->arena);
    free(self->sent);
    free(self->closed);
    free(self->records);
    free(self);
    *self_p = NULL;
}

/* --- events ----------------------------------------------------------------- */

static void check(struct cluster *self)
{
    struct err err = {""};

    if (master_check(self->master, &err) < 0)
        fail_msg("the books do not balance: %s", err.text);
}

void cluster_answer_records(struct cluster *self)
{
    for (size_t i = 0; i < self->records_count; i++) {
        if (self->records[i].is_answered)
            continue;
        self->records[i].is_answered = true;
        self->records[i].is_kept = !self->store_fails;
        master_on_persisted(self->master, self->now, self->records[i].ticket,
                            self->store_fails ? -ENOSPC : 0,
                            self->store_fails ? self->store_fails : "");
        check(self);
    }
    master_on_deadline(self->master, self->now);
    check(self);
}

static void settle(struct cluster *self)
{
    check(self);
    if (!self->is_store_slow)
        cluster_answer_records(self);
    master_on_deadline(self->master, self->now);
    check(self);
    if (!self->is_store_slow)
        cluster_answer_records(self);
}

static void says(struct cluster *self, uint64_t session, enum peer_kind kind,
                 struct message message)
{
    struct err err = {""};

    message.body = message_copy_body(message.type, message.body, self->arena);
    if (message_check(&message, &err) < 0)
        fail_msg("the test says a bad %s: %s", message_name(message.type), err.text);
    master_on_message(self->master, self->now, session, kind, &message);
    settle(self);
}

void cluster_agent_says(struct cluster *self, uint64_t session, struct message message)
{
    if (!message.epoch)
        message.epoch = CLUSTER_EPOCH;
    says(self, session, PEER_AGENT, message);
}

void cluster_framework_says(struct cluster *self, uint64_t session, struct message message)
{
    says(self, session, PEER_FRAMEWORK, message);
}

void cluster_close(struct cluster *self, uint64_t session)
{
    master_on_session_closed(self->master, self->now, session, "the test says so");
    settle(self);
}

void cluster_pass(struct cluster *self, int64_t ms)
{
    int64_t end_us = self->now.mono_us + ms * US_PER_MS;

    while (self->now.mono_us < end_us) {
        int64_t next_us = master_next_deadline_us(self->master);
        int64_t step_us = (next_us < end_us ? next_us : end_us) - self->now.mono_us;

        self->now.mono_us += step_us;
        self->now.wall_us += step_us;
        settle(self);
    }
}

uint64_t cluster_session(struct cluster *self)
{
    return ++self->sessions;
}

struct msg_operator_reply cluster_operator(struct cluster *self, struct message call)
{
    self->reply = (struct msg_operator_reply){0};
    call.number = ++self->calls;
    call.body = message_copy_body(call.type, call.body, self->arena);
    master_on_operator(self->master, self->now, &call);
    settle(self);
    return self->reply;
}

/* --- agents ----------------------------------------------------------------- */

const struct resource_info *cluster_resources(struct cluster *self, const char *text,
                                              size_t *ret_count)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    const struct resource_info *borrowed;
    struct resource_info *items;
    struct err err = {""};

    if (resources_parse(&resources, text, &err) < 0)
        fail_msg("%s", err.text);
    borrowed = resources_to_info(&resources, self->arena, ret_count);
    items = arena_array(self->arena, *ret_count + 1, sizeof(*items));
    for (size_t i = 0; i < *ret_count; i++) {
        const void *copy = record_copy(&resource_info_def, &borrowed[i], self->arena);

        memcpy(&items[i], copy, sizeof(*items));
    }
    return items;
}

void cluster_agent_registers(struct cluster *self, struct node agent, const char *resources,
                             const struct agent_task *tasks, size_t tasks_count)
{
    static const char *const capabilities[] = {"RESOURCE_OPERATIONS", "TASK_GROUPS", "EXECUTORS"};
    struct agent_info info = {.id = agent.id,
                              .hostname = "host",
                              .address = "127.0.0.1:5051",
                              .capabilities = capabilities,
                              .capabilities_count =
                                  self->agents_are_old ? 1 : ARRAY_SIZE(capabilities)};

    info.resources = cluster_resources(self, resources, &info.resources_count);
    cluster_agent_says(self, agent.session,
                       MESSAGE(REGISTER_AGENT, register_agent, .agent = &info, .tasks = tasks,
                               .tasks_count = tasks_count));
}

struct node cluster_agent_back(struct cluster *self, const char *id, const char *resources,
                               const struct agent_task *tasks, size_t tasks_count)
{
    struct node agent = {.session = cluster_session(self), .id = id};

    cluster_agent_registers(self, agent, resources, tasks, tasks_count);
    return agent;
}

struct node cluster_agent(struct cluster *self, const char *resources)
{
    struct node agent = cluster_agent_back(self, "", resources, NULL, 0);
    const struct message *answer = cluster_last(self, agent.session, MSG_AGENT_REGISTERED);

    assert_non_null(answer);
    assert_int_equal(answer->epoch, CLUSTER_EPOCH);
    agent.id = answer->agent_registered->agent_id;
    return agent;
}

struct agent_task cluster_report(struct cluster *self, const char *framework_id,
                                 const char *task_id, const char *resources, enum task_state state)
{
    struct task_info task = cluster_task(self, task_id, "a", resources);

    return (struct agent_task){
        .framework_id = framework_id,
        .role = "*",
        .task = record_copy(&task_info_def, &task, self->arena),
        .state = state,
    };
}

void cluster_status(struct cluster *self, struct node agent, const char *framework_id,
                    const char *task_id, enum task_state state, enum task_state latest)
{
    char uuid[UUID_BYTES + 1];
    struct task_status status = {
        .task_id = task_id, .state = state, .source = SOURCE_EXECUTOR, .uuid = {uuid, UUID_BYTES}};

    snprintf(uuid, sizeof(uuid), "%016llx", (unsigned long long)++self->uuids);
    cluster_agent_says(self, agent.session,
                       MESSAGE(STATUS_UPDATE, status_update, .framework_id = framework_id,
                               .status = &status, .latest_state = latest));
}

/* --- frameworks ------------------------------------------------------------- */

struct node cluster_subscribe(struct cluster *self, struct framework_info info)
{
    struct node framework = {.session = cluster_session(self)};
    const struct message *answer;

    cluster_framework_says(self, framework.session,
                           MESSAGE(SUBSCRIBE, subscribe, .framework = &info));
    answer = cluster_last(self, framework.session, MSG_SUBSCRIBED);
    framework.id = answer ? answer->subscribed->framework_id : "";
    return framework;
}

struct node cluster_framework(struct cluster *self, const char *role)
{
    struct node framework = cluster_subscribe(
        self, (struct framework_info){
                  .name = "test", .user = "nobody", .roles = &role, .roles_count = role ? 1 : 0});

    assert_string_not_equal(framework.id, "");
    return framework;
}

struct task_info cluster_task(struct cluster *self, const char *task_id, const char *agent_id,
                              const char *resources)
{
    static const struct command_info command = {.value = "true"};
    struct task_info task = {
        .task_id = task_id, .name = task_id, .agent_id = agent_id, .command = &command};

    task.resources = cluster_resources(self, resources, &task.resources_count);
    return task;
}

void cluster_accept(struct cluster *self, struct node framework, const char *offer_id,
                    const struct task_info *tasks, size_t tasks_count, int64_t refuse_ms)
{
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = tasks, .tasks_count = tasks_count};
    const struct filters filters = {.refuse_ms = refuse_ms};

    cluster_framework_says(self, framework.session,
                           MESSAGE(ACCEPT, accept, .offer_ids = &offer_id, .offer_ids_count = 1,
                                   .operations = &launch, .operations_count = 1,
                                   .filters = &filters));
}

void cluster_launch(struct cluster *self, struct node framework, const char *task_id,
                    const char *resources)
{
    const struct offer_info *offer = cluster_offer(self, framework);
    struct task_info task;

    assert_non_null(offer);
    task = cluster_task(self, task_id, offer->agent_id, resources);
    cluster_accept(self, framework, offer->id, &task, 1, 0);
}

void cluster_decline(struct cluster *self, struct node framework, const char *offer_id,
                     int64_t refuse_ms)
{
    const struct filters filters = {.refuse_ms = refuse_ms};

    cluster_framework_says(self, framework.session,
                           MESSAGE(DECLINE, decline, .offer_ids = &offer_id, .offer_ids_count = 1,
                                   .filters = &filters));
}

void cluster_acknowledge(struct cluster *self, struct node framework, const char *task_id)
{
    const struct task_status *status = cluster_update(self, framework, task_id);

    assert_non_null(status);
    cluster_framework_says(self, framework.session,
                           MESSAGE(ACKNOWLEDGE, acknowledge, .agent_id = status->agent_id,
                                   .task_id = task_id, .uuid = status->uuid));
}

void cluster_reconcile(struct cluster *self, struct node framework, const char *task_id,
                       const char *agent_id)
{
    const struct task_ref ref = {.task_id = task_id, .agent_id = agent_id};

    cluster_framework_says(self, framework.session,
                           MESSAGE(RECONCILE, reconcile, .tasks = &ref, .tasks_count = 1));
}

/* --- looking ---------------------------------------------------------------- */

void cluster_forget(struct cluster *self)
{
    self->sent_count = 0;
    self->closed_count = 0;
}

const struct message *cluster_last(const struct cluster *self, uint64_t session, enum msg_type type)
{
    for (size_t i = self->sent_count; i-- > 0;)
        if (self->sent[i].session == session && self->sent[i].message.type == type)
            return &self->sent[i].message;
    return NULL;
}

size_t cluster_count(const struct cluster *self, uint64_t session, enum msg_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < self->sent_count; i++)
        count += self->sent[i].session == session && self->sent[i].message.type == type;
    return count;
}

const struct offer_info *cluster_offer(const struct cluster *self, struct node framework)
{
    const struct message *message = cluster_last(self, framework.session, MSG_OFFERS);

    return message ? &message->offers->offers[message->offers->offers_count - 1] : NULL;
}

size_t cluster_offers_count(const struct cluster *self, struct node framework)
{
    size_t count = 0;

    for (size_t i = 0; i < self->sent_count; i++)
        if (self->sent[i].session == framework.session && self->sent[i].message.type == MSG_OFFERS)
            count += self->sent[i].message.offers->offers_count;
    return count;
}

static bool is_update_of(const struct sent *sent, struct node framework, const char *task_id)
{
    return sent->session == framework.session && sent->message.type == MSG_UPDATE &&
           !strcmp(sent->message.update->status->task_id, task_id);
}

const struct task_status *cluster_update(const struct cluster *self, struct node framework,
                                         const char *task_id)
{
    for (size_t i = self->sent_count; i-- > 0;)
        if (is_update_of(&self->sent[i], framework, task_id))
            return self->sent[i].message.update->status;
    return NULL;
}

size_t cluster_updates_count(const struct cluster *self, struct node framework, const char *task_id)
{
    size_t count = 0;

    for (size_t i = 0; i < self->sent_count; i++)
        count += is_update_of(&self->sent[i], framework, task_id);
    return count;
}

const struct message *cluster_record(const struct cluster *self, enum msg_type type)
{
    for (size_t i = self->records_count; i-- > 0;)
        if (self->records[i].message.type == type)
            return &self->records[i].message;
    return NULL;
}

size_t cluster_records_count(const struct cluster *self, enum msg_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < self->records_count; i++)
        count += self->records[i].message.type == type;
    return count;
}

bool cluster_is_closed(const struct cluster *self, uint64_t session)
{
    for (size_t i = 0; i < self->closed_count; i++)
        if (self->closed[i] == session)
            return true;
    return false;
}

struct wanted {
    const char *name;
    int64_t milli;
    bool is_found;
};

static void look_at_counter(void *ctx, const char *name, int64_t milli)
{
    struct wanted *wanted = ctx;

    if (strcmp(name, wanted->name) != 0)
        return;
    assert_false(wanted->is_found);
    wanted->milli = milli;
    wanted->is_found = true;
}

int64_t cluster_counter(const struct cluster *self, const char *name)
{
    struct wanted wanted = {.name = name};

    master_counters(self->master, self->now, look_at_counter, &wanted);
    if (!wanted.is_found)
        fail_msg("no counter is called %s", name);
    return wanted.milli / 1000;
}

const char *cluster_offered(struct cluster *self, const struct offer_info *offer)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    CLEANUP(buf_fini) struct buf text = {0};

    assert_non_null(offer);
    assert_int_equal(
        resources_from_info(&resources, offer->resources, offer->resources_count, NULL), 0);
    resources_print(&resources, &text);
    return arena_strdup(self->arena, buf_text(&text));
}
