#include "agent/store/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/table.h"

#define THIN_BYTES ((size_t)256 * 1024)

void queue_init(struct queue *self)
{
    *self = (struct queue){.keys = arena_new(0), .thin_bytes = THIN_BYTES};
}

void queue_fini(struct queue *self)
{
    free(self->items);
    buf_fini(&self->frames);
    arena_destroy(&self->keys);
}

void queue_clear(struct queue *self)
{
    self->count = 0;
    self->frames.size = 0;
    self->thin_bytes = THIN_BYTES;
    arena_reset(self->keys);
}

/* Without its frame. */
static struct queued *add(struct queue *self, const struct record_key *key)
{
    struct queued *queued;

    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 64;
        self->items = mem_resize(self->items, self->capacity, sizeof(*self->items));
    }
    queued = &self->items[self->count++];
    queued->key.type = key->type;
    queued->key.framework_id = arena_strdup(self->keys, key->framework_id);
    queued->key.task_id = arena_strdup(self->keys, key->task_id);
    queued->at = self->frames.size;
    return queued;
}

void queue_put(struct queue *self, const struct message *record)
{
    const struct record_key key = agent_record_key(record);
    struct queued *queued = add(self, &key);

    /* The core has seen to it that no record is longer than a message can be. */
    BUG_ON(message_encode(record, &self->frames, NULL) < 0);
    queued->size = self->frames.size - queued->at;
}

size_t queued_rows(const struct queued *self, enum msg_type ret_types[QUEUED_ROWS_MAX])
{
    switch (self->key.type) {
    case MSG_FORGET_TASK:
        ret_types[0] = MSG_KEEP_TASK;
        ret_types[1] = MSG_KEEP_TASK_STATE;
        return 2;
    case MSG_FORGET_FRAMEWORK:
        ret_types[0] = MSG_KEEP_FRAMEWORK;
        return 1;
    case MSG_FORGET_GROUP:
        ret_types[0] = MSG_KEEP_GROUP;
        return 1;
    case MSG_FORGET_RESULT:
        ret_types[0] = MSG_KEEP_RESULT;
        return 1;
    default:
        ret_types[0] = self->key.type;
        return 1;
    }
}

/* --- dropping what is useless ------------------------------------------------------------------- */

/* A row of which a later record says what is in it, or that it is gone. */
struct settled {
    UT_hash_handle hh;
    size_t size;
    char name[]; /* type, framework, task */
};

struct settling {
    struct settled *rows;
    struct arena *arena;
};

static struct settled *name_row(struct arena *arena, enum msg_type type,
                                const struct record_key *key)
{
    size_t framework_size = strlen(key->framework_id) + 1, task_size = strlen(key->task_id);
    size_t size = sizeof(type) + framework_size + task_size;
    struct settled *row = arena_alloc(arena, sizeof(*row) + size);

    row->size = size;
    memcpy(row->name, &type, sizeof(type));
    memcpy(row->name + sizeof(type), key->framework_id, framework_size);
    memcpy(row->name + sizeof(type) + framework_size, key->task_id, task_size);
    return row;
}

/* Was it settled already? */
static bool settle(struct settling *self, enum msg_type type, const struct record_key *key)
{
    struct settled *row = name_row(self->arena, type, key), *found;

    HASH_FIND(hh, self->rows, row->name, row->size, found);
    if (!found)
        HASH_ADD_KEYPTR(hh, self->rows, row->name, row->size, row);
    return found != NULL;
}

/* From the newest on: it is if each of its rows is another's by then. */
static bool is_useless(struct settling *self, const struct queued *queued)
{
    enum msg_type types[QUEUED_ROWS_MAX];
    size_t count = queued_rows(queued, types), settled = 0;

    for (size_t i = 0; i < count; i++)
        settled += settle(self, types[i], &queued->key);
    return settled == count;
}

static void mark_useless(struct queue *self)
{
    struct settling settling = {.arena = arena_new(0)};

    for (size_t i = self->count; i-- > 0;)
        if (is_useless(&settling, &self->items[i]))
            self->items[i].size = 0;
    HASH_CLEAR(hh, settling.rows);
    arena_destroy(&settling.arena);
}

static void copy(struct queue *self, const struct queue *from, const struct queued *queued)
{
    struct queued *copy = add(self, &queued->key);

    copy->size = queued->size;
    buf_append(&self->frames, from->frames.data + queued->at, queued->size);
}

void queue_thin(struct queue *self)
{
    struct queue rest;

    if (self->frames.size < self->thin_bytes)
        return;
    mark_useless(self);
    queue_init(&rest);
    for (size_t i = 0; i < self->count; i++)
        if (self->items[i].size)
            copy(&rest, self, &self->items[i]);
    if (rest.thin_bytes < 2 * rest.frames.size)
        rest.thin_bytes = 2 * rest.frames.size;
    queue_fini(self);
    *self = rest;
}
