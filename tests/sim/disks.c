/* tests/sim/disks.c - a model of the agent's checkpoint: records in order, of which a crash of the process
 * loses what was not committed, and one of the host a part of what was not synced.
 */
#include <errno.h>
#include <string.h>

#include "agent/core/agent.h"
#include "base/mem.h"
#include "tests/sim/world.h"

void disk_fini(struct disk *self)
{
    free(self->records);
    free(self->read);
    arena_destroy(&self->arena);
}

void disk_add(struct disk *self, const struct message *record)
{
    struct message *copy;

    if (!self->arena)
        self->arena = arena_new(0);
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 64;
        self->records = mem_resize(self->records, self->capacity, sizeof(*self->records));
    }
    copy = &self->records[self->count++];
    *copy = *record;
    copy->body = message_copy_body(record->type, record->body, self->arena);
}

int disk_commit(struct disk *self, struct sim *sim)
{
    bool is_synced = sim_chance(sim, 5); /* the kernel writes when it likes */

    if (self->is_full)
        return -ENOSPC;
    self->commits++;
    for (size_t i = self->committed; i < self->count; i++) {
        is_synced = is_synced || self->records[i].type == MSG_KEEP_IDENTITY ||
                    self->records[i].type == MSG_KEEP_RESOURCES;
        self->records[i].epoch = self->commits;
    }
    self->committed = self->count;
    if (is_synced)
        self->synced = self->committed;
    return 0;
}

bool disk_on_crash(struct disk *self, struct sim *sim, bool is_host)
{
    size_t before = self->count;

    if (is_host)
        self->committed = self->synced + (size_t)sim_below(sim, self->committed - self->synced + 1);
    /* A transaction is there as a whole or not at all. */
    while (self->committed > self->synced && self->committed < before &&
           self->records[self->committed].epoch == self->records[self->committed - 1].epoch)
        self->committed--;
    self->count = self->committed;
    if (is_host)
        self->synced = self->committed;
    return self->count < before;
}

static bool is_taken_away(const struct message *record, const struct message *later)
{
    const struct record_key key = agent_record_key(record), by = agent_record_key(later);

    if (strcmp(key.task_id, by.task_id) != 0 || strcmp(key.framework_id, by.framework_id) != 0)
        return false;
    if (later->type == MSG_FORGET_TASK)
        return key.type == MSG_KEEP_TASK || key.type == MSG_KEEP_TASK_STATE;
    if (later->type == MSG_FORGET_FRAMEWORK)
        return key.type == MSG_KEEP_FRAMEWORK;
    if (later->type == MSG_FORGET_GROUP)
        return key.type == MSG_KEEP_GROUP;
    if (later->type == MSG_FORGET_RESULT)
        return key.type == MSG_KEEP_RESULT;
    return key.type == by.type;
}

static bool is_kept(const struct disk *self, size_t at)
{
    const struct message *record = &self->records[at];

    if (record->type == MSG_FORGET_TASK || record->type == MSG_FORGET_FRAMEWORK ||
        record->type == MSG_FORGET_RESULT || record->type == MSG_FORGET_GROUP)
        return false;
    for (size_t later = at + 1; later < self->count; later++)
        if (is_taken_away(record, &self->records[later]))
            return false;
    return true;
}

struct agent_past disk_load(struct disk *self)
{
    struct disk kept = {0};

    for (size_t i = 0; i < self->count; i++)
        if (is_kept(self, i))
            disk_add(&kept, &self->records[i]);
    free(self->records);
    arena_destroy(&self->arena);
    self->records = kept.records;
    self->arena = kept.arena;
    self->count = self->committed = self->synced = kept.count;
    self->capacity = kept.capacity;
    self->read = mem_resize(self->read, self->count + 1, sizeof(*self->read));
    if (self->count)
        memcpy(self->read, self->records, self->count * sizeof(*self->read));
    return (struct agent_past){self->read, self->count};
}
