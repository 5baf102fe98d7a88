/* tests/sim/registry.c - a model of the master's registry: a disk that is slow, or takes nothing for a
 * while, and keeps what it has said it keeps.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "master/core/master.h"
#include "tests/sim/mirror.h"
#include "tests/sim/world.h"

#define KEY_MAX (ID_MAX + 3)

/* --- what is on disk --------------------------------------------------------------------------- */

static void key_of(const struct message *record, char ret_key[KEY_MAX])
{
    if (record->type == MSG_KEPT_AGENT)
        snprintf(ret_key, KEY_MAX, "A/%s", record->kept_agent->agent->id);
    else if (record->type == MSG_DROP_AGENT)
        snprintf(ret_key, KEY_MAX, "A/%s", record->drop_agent->agent_id);
    else if (record->type == MSG_KEPT_FRAMEWORK)
        snprintf(ret_key, KEY_MAX, "F/%s", record->kept_framework->framework->id);
    else if (record->type == MSG_KEPT_ROLE)
        snprintf(ret_key, KEY_MAX, "R/%s", record->kept_role->role);
    else if (record->type == MSG_DROP_ROLE)
        snprintf(ret_key, KEY_MAX, "R/%s", record->drop_role->role);
    else if (record->type == MSG_KEPT_WINDOW)
        snprintf(ret_key, KEY_MAX, "W/%s", record->kept_window->window->id);
    else if (record->type == MSG_DROP_WINDOW)
        snprintf(ret_key, KEY_MAX, "W/%s", record->drop_window->id);
    else
        snprintf(ret_key, KEY_MAX, "F/%s", record->drop_framework->framework_id);
}

static struct sim_record *find(const struct sim_registry *self, char kind, const char *id)
{
    struct sim_record *record;
    char key[KEY_MAX];

    snprintf(key, sizeof(key), "%c/%s", kind, id);
    HASH_FIND_STR(self->records, key, record);
    return record;
}

static void record_free(struct sim_registry *self, struct sim_record *record)
{
    HASH_DEL(self->records, record);
    arena_destroy(&record->memory);
    free(record);
}

static void record_add(struct sim_registry *self, const char *key, const struct message *message)
{
    size_t size = strlen(key) + 1;
    struct sim_record *record = mem_calloc(1, sizeof(*record) + size);

    memcpy(record->key, key, size);
    record->memory = arena_new(0);
    record->message = *message;
    record->message.body = message_copy_body(message->type, message->body, record->memory);
    record->is_final =
        (message->type == MSG_KEPT_AGENT && message->kept_agent->state == KEPT_GONE) ||
        (message->type == MSG_KEPT_FRAMEWORK && message->kept_framework->removed);
    HASH_ADD_STR(self->records, key, record);
}

static bool is_forgetting(const struct message *message)
{
    return message->type == MSG_DROP_AGENT || message->type == MSG_DROP_FRAMEWORK ||
           message->type == MSG_DROP_ROLE || message->type == MSG_DROP_WINDOW;
}

static void apply_one(struct sim *sim, struct sim_registry *self, const struct message *message)
{
    struct sim_record *record;
    char key[KEY_MAX];
    bool was_final;

    key_of(message, key);
    HASH_FIND_STR(self->records, key, record);
    was_final = record && record->is_final;
    if (record)
        record_free(self, record);
    if (is_forgetting(message))
        return;
    record_add(self, key, message);
    HASH_FIND_STR(self->records, key, record);
    if (was_final && !record->is_final)
        sim_fail(sim, "the registry had %s as gone or removed, and it is written as alive", key);
}

/* KEPT_ROLES is a record for each of the roles. */
static void apply(struct sim *sim, struct sim_registry *self, const struct message *message)
{
    const struct msg_kept_roles *roles =
        message->type == MSG_KEPT_ROLES ? message->kept_roles : NULL;

    if (!roles)
        apply_one(sim, self, message);
    for (size_t i = 0; roles && i < roles->roles_count; i++) {
        const struct role_policy *role = &roles->roles[i];
        const struct msg_drop_role drop = {.role = role->role};
        const struct msg_kept_role kept = {.role = role->role,
                                           .weight_milli = role->weight_milli,
                                           .guarantees = role->guarantees,
                                           .guarantees_count = role->guarantees_count,
                                           .limits = role->limits,
                                           .limits_count = role->limits_count,
                                           .priority = role->priority,
                                           .has_priority = role->has_priority,
                                           .offers = role->offers};

        if (role->weight_milli || role->guarantees_count || role->limits_count || role->offers ||
            role->has_priority)
            apply_one(sim, self, &(struct message){.type = MSG_KEPT_ROLE, .kept_role = &kept});
        else
            apply_one(sim, self, &(struct message){.type = MSG_DROP_ROLE, .drop_role = &drop});
    }
}

void registry_destroy(struct sim_registry **self_p)
{
    struct sim_registry *self = *self_p;

    if (!self)
        return;
    while (self->records)
        record_free(self, self->records);
    free(self);
    *self_p = NULL;
}

struct sim_registry *registry_clone(const struct sim_registry *self)
{
    struct sim_registry *clone = mem_new(struct sim_registry);

    clone->epoch = self->epoch;
    for (const struct sim_record *record = self->records; record; record = record->hh.next)
        record_add(clone, record->key, &record->message);
    return clone;
}

void registry_recall(struct sim_master *master)
{
    const struct sim_record *record;
    size_t roles = 0, windows = 0;
    struct err err;

    for (record = master->registry->records; record; record = record->hh.next) {
        roles += record->message.type == MSG_KEPT_ROLE;
        windows += record->message.type == MSG_KEPT_WINDOW;
        if (master_recall(master->core, &record->message, &err) < 0)
            sim_fail(master->process.sim, "%s cannot recall %s: %s", master->process.name,
                     record->key, err.text);
    }
    if (roles != master->roles_told)
        sim_fail(master->process.sim, "%s knows what is set for %zu roles, its registry for %zu",
                 master->process.name, master->roles_told, roles);
    if (windows != HASH_COUNT(master->mirror->windows))
        sim_fail(master->process.sim, "%s knows %u maintenance windows, its registry %zu",
                 master->process.name, HASH_COUNT(master->mirror->windows), windows);
}

/* --- what is on its way there ------------------------------------------------------------------ */

static void write_free(struct sim_write *write)
{
    deadline_cancel(&write->master->process.sim->queue, &write->end);
    DL_DELETE(write->master->writes, write);
    arena_destroy(&write->memory);
    free(write);
}

static void on_write_ends(void *owner, struct deadline *deadline)
{
    struct sim_write *write = CONTAINER_OF(deadline, struct sim_write, end);
    struct sim_master *master = write->master;
    uint64_t ticket = write->ticket;
    struct sim *sim = owner;
    bool fails = sim->now_us < sim->disk_fails_until_us;

    if (!sim_event_begins(sim))
        return;
    master->has_failed |= fails;
    if (!fails)
        apply(sim, master->registry, &write->record);
    write_free(write);
    master_hears_kept(master, ticket, fails ? -ENOSPC : 0, fails ? "the disk is full" : "");
    sim_event_ends(sim);
}

/* An agent that is silent is not said to be unreachable while too many are. */
static void check_removal(const struct sim_master *master, const struct message *record)
{
    int64_t limit = master->process.sim->timing.agent_removal_limit;
    int64_t admitted = 0, away = 0;
    const struct mirror_agent *agent;

    if (record->type != MSG_KEPT_AGENT || record->kept_agent->state != KEPT_UNREACHABLE)
        return;
    agent = mirror_agent(master->mirror, record->kept_agent->agent->id);
    if (!agent || agent->is_unreachable)
        return;
    for (agent = master->mirror->agents; agent; agent = agent->hh.next) {
        bool is_expected = agent->is_down && !agent->is_connected;
        bool is_admitted = !agent->is_unreachable && !agent->has_left && !is_expected;

        admitted += is_admitted;
        away += is_admitted && !agent->is_connected;
    }
    if (away > 1 && away * 100 > admitted * limit)
        sim_fail(master->process.sim,
                 "%s marks %s unreachable while %" PRId64 " of %" PRId64 " agents are away",
                 master->process.name, record->kept_agent->agent->id, away, admitted);
}

/* After so long an id may be used again, whether or not the disk has heard. */
static void note_forgetting(struct sim *sim, struct sim_registry *self,
                            const struct message *record)
{
    struct sim_record *old;
    char key[KEY_MAX];

    if (!is_forgetting(record))
        return;
    key_of(record, key);
    HASH_FIND_STR(self->records, key, old);
    if (!old)
        return;
    sim->forgets_gone |= old->is_final && record->type == MSG_DROP_AGENT;
    old->is_final = false;
}

void registry_write(struct sim_master *master, uint64_t ticket, const struct message *record)
{
    struct sim_write *write = mem_new(struct sim_write);
    struct sim *sim = master->process.sim;

    check_removal(master, record);
    note_forgetting(sim, master->registry, record);
    write->master = master;
    write->ticket = ticket;
    write->memory = arena_new(0);
    write->record = *record;
    write->record.body = message_copy_body(record->type, record->body, write->memory);
    write->end.due = on_write_ends;
    DL_APPEND(master->writes, write);
    /* One after the other. */
    if (master->writes_end_us < sim->now_us)
        master->writes_end_us = sim->now_us;
    master->writes_end_us += sim_between(sim, 50, 50 + sim->disk_write_us);
    deadline_set(&sim->queue, &write->end, master->writes_end_us);
}

/* --- what depends on it ------------------------------------------------------------------------ */

static void check_agent_registered(const struct sim_master *master, const char *id)
{
    const struct sim_record *record = find(master->registry, 'A', id);

    if (!record || record->is_final)
        sim_fail(master->process.sim, "%s admits agent %s, and its registry %s",
                 master->process.name, id, record ? "has it as gone" : "does not have it");
}

static void check_subscribed(const struct sim_master *master, const char *id)
{
    const struct sim_record *record = find(master->registry, 'F', id);

    if (!record || record->is_final)
        sim_fail(master->process.sim, "%s lets framework %s in, and its registry %s",
                 master->process.name, id, record ? "has it as removed" : "does not have it");
}

static void check_lost(const struct sim_master *master, const struct msg_agent_lost *lost)
{
    const struct sim_record *record = find(master->registry, 'A', lost->agent_id);

    if (lost->reason == REMOVED_UNREACHABLE &&
        (!record || record->message.kept_agent->state != KEPT_UNREACHABLE))
        sim_fail(master->process.sim, "%s says that %s is unreachable, before its registry does",
                 master->process.name, lost->agent_id);
}

/* The agent is among those that may bring the task: nobody knows yet what became of it. */
static void check_judgement(const struct sim_master *master, const struct task_status *status)
{
    const struct sim_record *record = find(master->registry, 'A', status->agent_id);
    const struct mirror_agent *agent = mirror_agent(master->mirror, status->agent_id);

    if (status->reason != REASON_RECONCILIATION ||
        (status->state != TASK_UNKNOWN && status->state != TASK_GONE))
        return;
    if (record && record->message.kept_agent->state == KEPT_ADMITTED &&
        (!agent || !agent->was_connected) && !(agent && agent->is_unreachable) &&
        !mirror_agent_has_left(master->mirror, status->agent_id))
        sim_fail(master->process.sim, "%s says that %s is %s, and %s may still bring it",
                 master->process.name, status->task_id, task_state_name(status->state),
                 status->agent_id);
}

/* Nothing is under way: what operators have ordered is what the next master will know. */
static void check_orders(const struct sim_master *master)
{
    const struct mirror_agent *agent;

    for (agent = master->mirror->agents; agent; agent = agent->hh.next) {
        const struct sim_record *record = find(master->registry, 'A', agent->id);
        const struct msg_kept_agent *kept = record ? record->message.kept_agent : NULL;

        if (agent->has_left || agent->is_unreachable)
            continue;
        if (!kept || kept->state == KEPT_GONE ||
            (kept->deactivated || kept->drain) != agent->is_ordered)
            sim_fail(master->process.sim, "%s has agent %s %s use, and its registry has it %s",
                     master->process.name, agent->id, agent->is_ordered ? "out of" : "in",
                     kept ? "otherwise" : "not at all");
    }
}

void registry_master_ends(struct sim_master *master)
{
    struct sim *sim = master->process.sim;
    bool arrives = sim->now_us >= sim->disk_fails_until_us;

    if (!master->writes && !master->has_failed)
        check_orders(master);
    while (master->writes) {
        arrives = arrives && sim_chance(sim, 50);
        if (arrives)
            apply(sim, master->registry, &master->writes->record);
        write_free(master->writes);
    }
}

static bool are_same(const struct resource_info *a, size_t a_count, const struct resource_info *b,
                     size_t b_count)
{
    for (size_t i = 0; i < a_count && a_count == b_count; i++)
        if (strcmp(a[i].name, b[i].name) != 0 || a[i].scalar != b[i].scalar)
            return false;
    return a_count == b_count;
}

static bool is_same_role(const struct msg_kept_role *kept, const struct msg_change_role *told)
{
    return kept->weight_milli == told->weight_milli && kept->priority == told->priority &&
           kept->has_priority == told->has_priority && kept->offers == told->offers &&
           are_same(kept->guarantees, kept->guarantees_count, told->guarantees,
                    told->guarantees_count) &&
           are_same(kept->limits, kept->limits_count, told->limits, told->limits_count);
}

void registry_check_role(struct sim_master *master, const struct msg_change_role *told)
{
    const struct sim_record *record = find(master->registry, 'R', told->role);
    const struct msg_kept_role none = {.role = told->role};

    master->roles_told++;
    if (!is_same_role(record ? record->message.kept_role : &none, told))
        sim_fail(master->process.sim, "%s sets role %s to something else than its registry has",
                 master->process.name, told->role);
}

static bool is_same_window(const struct window_info *a, const struct window_info *b)
{
    if (a->start_us != b->start_us || a->duration_ms != b->duration_ms ||
        a->agents_count != b->agents_count)
        return false;
    for (size_t i = 0; i < a->agents_count; i++)
        if (strcmp(a->agents[i], b->agents[i]) != 0)
            return false;
    return true;
}

void registry_check_window(const struct sim_master *master, const struct msg_change_window *told)
{
    const struct sim_record *record = find(master->registry, 'W', told->id);

    if (told->window &&
        (!record || !is_same_window(record->message.kept_window->window, told->window)))
        sim_fail(master->process.sim, "%s has maintenance window %s, and its registry has it %s",
                 master->process.name, told->id, record ? "otherwise" : "not at all");
}

/* As it is set for the role, or for the nearest above it. */
static bool is_optimistic(const struct sim_master *master, const char *role)
{
    char name[ID_MAX + 1];
    char *slash = name;

    snprintf(name, sizeof(name), "%s", role);
    while (slash) {
        const struct sim_record *record = find(master->registry, 'R', name);

        if (record && record->message.kept_role->offers)
            return record->message.kept_role->offers == OFFERS_OPTIMISTIC;
        slash = strrchr(name, '/');
        if (slash)
            *slash = '\0';
    }
    return false;
}

/* Offers are of the kind that its registry has for the role, those that a gang gathers, or others have
 * given way for, exclusive. */
static void check_offers(const struct sim_master *master, const struct msg_offers *offers)
{
    for (size_t i = 0; i < offers->offers_count && !master->writes && !master->has_failed; i++) {
        const struct offer_info *offer = &offers->offers[i];

        if (offer->optimistic != is_optimistic(master, offer->role) &&
            (offer->optimistic || (strcmp(offer->need, "gang") != 0 && !offer->preempted)))
            sim_fail(master->process.sim,
                     "%s makes an offer to role %s of another kind than is set",
                     master->process.name, offer->role);
    }
}

void registry_check_said(const struct sim_master *master, const struct message *message)
{
    if (message->type == MSG_AGENT_REGISTERED)
        check_agent_registered(master, message->agent_registered->agent_id);
    else if (message->type == MSG_SUBSCRIBED)
        check_subscribed(master, message->subscribed->framework_id);
    else if (message->type == MSG_AGENT_LOST)
        check_lost(master, message->agent_lost);
    else if (message->type == MSG_OFFERS)
        check_offers(master, message->offers);
    else if (message->type == MSG_UPDATE)
        check_judgement(master, message->update->status);
}
