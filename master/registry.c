#include "master/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/folder.h"
#include "base/mem.h"

#define LOCK_NAME "master.lock"

static int make_uuid(char ret_text[UUID_TEXT], struct err *err)
{
    unsigned char uuid[UUID_BYTES];
    struct rng rng;

    if (getrandom(&rng.state, sizeof(rng.state), 0) != (ssize_t)sizeof(rng.state))
        return err_errno(err, -errno, "getrandom");
    uuid_make(&rng, uuid);
    uuid_print(uuid, ret_text);
    return 0;
}

static int note_record(void *registry, const struct message *record, struct err *err)
{
    struct registry *self = registry;

    (void)err;
    if (record->type == MSG_KEPT_REIGN) {
        self->epoch = (uint64_t)record->kept_reign->epoch;
        snprintf(self->id, sizeof(self->id), "%s", record->kept_reign->registry_id);
        return 0;
    }
    if (self->records_count == self->records_capacity) {
        self->records_capacity = self->records_capacity ? self->records_capacity * 2 : 64;
        self->records = mem_resize(self->records, self->records_capacity, sizeof(*self->records));
    }
    self->records[self->records_count] = *record;
    self->records[self->records_count++].body =
        message_copy_body(record->type, record->body, self->memory);
    return 0;
}

static int open_folder(struct registry *self, const char *path, struct err *err)
{
    int r = folder_make(path, 0700, &self->folder, err);

    return r < 0 ? r : folder_lock(self->folder, LOCK_NAME, "master", &self->lock_fd, err);
}

static void next_epoch(struct registry *self, const struct master_flags *flags, struct now now)
{
    /* Grows from one start to the next as long as nobody turns the clock back. */
    if (!self->folder)
        self->epoch = (uint64_t)now.wall_us - 1;
    self->epoch++;
    if (self->epoch < (uint64_t)flags->epoch_at_least)
        self->epoch = (uint64_t)flags->epoch_at_least;
}

static int begin_reign(struct registry *self, const struct master_flags *flags, struct now now,
                       struct err *err)
{
    int r = *self->id ? 0 : make_uuid(self->id, err);

    if (r == 0)
        r = make_uuid(self->master_id, err);
    if (r < 0)
        return r;
    next_epoch(self, flags, now);
    return self->ops->begin(self->store,
                            &MESSAGE(KEPT_REIGN, kept_reign, .registry_id = self->id,
                                     .epoch = (int64_t)self->epoch, .master_id = self->master_id,
                                     .since_us = now.wall_us),
                            err);
}

int registry_open(struct registry *self, const struct master_flags *flags, struct now now,
                  struct err *err)
{
    int r = 0;

    self->memory = arena_new(0);
    self->ops = store_find(flags->registry);
    if (self->ops->needs_work_dir)
        r = open_folder(self, flags->work_dir, err);
    if (r == 0)
        r = self->ops->open(self->folder, &self->store, err);
    if (r == 0)
        r = self->ops->load(self->store, note_record, self, err);
    return r < 0 ? r : begin_reign(self, flags, now, err);
}

int registry_recall(struct registry *self, struct master *core, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < self->records_count && r == 0; i++)
        r = master_recall(core, &self->records[i], err);
    free(TAKE(self->records));
    self->records_count = self->records_capacity = 0;
    arena_destroy(&self->memory);
    return r < 0 ? err_wrap(err, r, "registry in %s", self->folder ? self->folder : "memory") : 0;
}

void registry_close(struct registry *self)
{
    if (self->ops)
        self->ops->close(&self->store);
    close_fd(&self->lock_fd);
    arena_destroy(&self->memory);
    free(self->records);
    free(self->folder);
    *self = (struct registry){.lock_fd = -1};
}
