/* tests/sim/registry.c - a model of the master's registry: a disk that is slow, or takes nothing for a
 * while, and keeps what it has said it keeps.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "master/core/master.h"
#include "tests/sim/world.h"

/* --- what is on disk --------------------------------------------------------------------------- */

static void key_of(const struct message *record, char *ret_key, size_t size)
{
    if (record->type == MSG_KEPT_AGENT)
        snprintf(ret_key, size, "A/%s", record->kept_agent->agent->id);
    else if (record->type == MSG_FORGET_AGENT)
        snprintf(ret_key, size, "A/%s", record->forget_agent->agent_id);
    else if (record->type == MSG_KEPT_FRAMEWORK)
        snprintf(ret_key, size, "F/%s", record->kept_framework->framework->id);
    else
        snprintf(ret_key, size, "F/%s", record->forget_framework->framework_id);
}

static void record_free(struct sim_registry *registry, struct sim_record *record)
{
    HASH_DEL(registry->records, record);
    arena_destroy(&record->memory);
    free(record);
}

static void apply(struct sim_registry *registry, const struct message *message)
{
    struct sim_record *record;
    char key[ID_MAX + 3];
    size_t size;

    key_of(message, key, sizeof(key));
    HASH_FIND_STR(registry->records, key, record);
    if (record)
        record_free(registry, record);
    if (message->type == MSG_FORGET_AGENT || message->type == MSG_FORGET_FRAMEWORK)
        return;
    size = strlen(key) + 1;
    record = mem_calloc(1, sizeof(*record) + size);
    memcpy(record->key, key, size);
    record->memory = arena_new(0);
    record->message = *message;
    record->message.body = message_copy_body(message->type, message->body, record->memory);
    HASH_ADD_STR(registry->records, key, record);
}

void registry_clear(struct sim_registry *self)
{
    while (self->records)
        record_free(self, self->records);
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

    if (!sim_event_begins(sim))
        return;
    apply(&sim->registry, &write->record);
    write_free(write);
    master_hears_kept(master, ticket, 0, "");
    sim_event_ends(sim);
}

void registry_write(struct sim_master *master, uint64_t ticket, const struct message *record)
{
    struct sim_write *write = mem_new(struct sim_write);
    struct sim *sim = master->process.sim;

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
    master->writes_end_us += sim_between(sim, 50, 2000);
    deadline_set(&sim->queue, &write->end, master->writes_end_us);
}

void registry_master_ends(struct sim_master *master)
{
    while (master->writes)
        write_free(master->writes);
}
