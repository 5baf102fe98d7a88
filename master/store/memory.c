/* master/store/memory.c - a registry that is gone with its process: nothing of it could be found
 * again, so it need not be held either. */
#include <errno.h>
#include <sys/eventfd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "master/store/store.h"

struct store {
    uint64_t *tickets; /* not answered yet */
    size_t count, capacity;
    int fd;
};

static void memory_close(struct store **self_p)
{
    struct store *self = *self_p;

    if (!self)
        return;
    close_fd(&self->fd);
    free(self->tickets);
    free(self);
    *self_p = NULL;
}

static int memory_open(const char *work_dir, struct store **ret_store, struct err *err)
{
    CLEANUP(memory_close) struct store *self = mem_new(struct store);

    (void)work_dir;
    self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->fd < 0)
        return err_errno(err, -errno, "eventfd");
    *ret_store = TAKE(self);
    return 0;
}

static int memory_load(struct store *self, store_each_fn *each, void *ctx, struct err *err)
{
    (void)self;
    (void)each;
    (void)ctx;
    (void)err;
    return 0;
}

static int memory_begin(struct store *self, const struct message *reign, struct err *err)
{
    (void)self;
    (void)reign;
    (void)err;
    return 0;
}

static void memory_put(struct store *self, const struct message *record)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 64;
        self->tickets = mem_resize(self->tickets, self->capacity, sizeof(*self->tickets));
    }
    self->tickets[self->count++] = record->number;
}

static void memory_flush(struct store *self)
{
    if (self->count)
        BUG_ON(eventfd_write(self->fd, 1) < 0);
}

static int memory_fd(const struct store *self)
{
    return self->fd;
}

static void memory_take(struct store *self, store_done_fn *done, void *owner)
{
    size_t count = self->count;
    CLEANUP(free_p) uint64_t *tickets = TAKE(self->tickets);
    eventfd_t value;

    (void)eventfd_read(self->fd, &value);
    self->count = self->capacity = 0;
    for (size_t i = 0; i < count; i++)
        done(owner, tickets[i], 0, "");
}

const struct store_ops store_memory = {
    .name = "memory",
    .open = memory_open,
    .close = memory_close,
    .load = memory_load,
    .begin = memory_begin,
    .put = memory_put,
    .flush = memory_flush,
    .fd = memory_fd,
    .take = memory_take,
};
