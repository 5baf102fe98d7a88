#include "proto/inbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"

struct inbox {
    pthread_mutex_t lock; /* guards the next four */
    struct buf posted;
    bool is_closed;
    bool is_awake; /* the eventfd is readable */
    size_t wake_bytes;
    size_t limit_bytes;
    int fd;
};

int inbox_new(size_t limit_bytes, size_t wake_bytes, struct inbox **ret_inbox, struct err *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct inbox *self;

    if (fd < 0)
        return err_errno(err, -errno, "eventfd");
    self = mem_new(struct inbox);
    pthread_mutex_init(&self->lock, NULL);
    self->limit_bytes = limit_bytes;
    self->wake_bytes = wake_bytes;
    self->fd = fd;
    *ret_inbox = self;
    return 0;
}

void inbox_destroy(struct inbox **self_p)
{
    struct inbox *self = *self_p;

    if (!self)
        return;
    pthread_mutex_destroy(&self->lock);
    buf_fini(&self->posted);
    close_fd(&self->fd);
    free(self);
    *self_p = NULL;
}

int inbox_fd(const struct inbox *self)
{
    return self->fd;
}

/* Under the lock, as the next one, so that a wake for what is posted next is not read away. */
static void wake(struct inbox *self)
{
    uint64_t one = 1;

    if (self->is_awake)
        return;
    BUG_ON(write(self->fd, &one, sizeof(one)) != (ssize_t)sizeof(one));
    self->is_awake = true;
}

static void rest(struct inbox *self)
{
    uint64_t count;

    if (!self->is_awake)
        return;
    BUG_ON(read(self->fd, &count, sizeof(count)) != (ssize_t)sizeof(count));
    self->is_awake = false;
}

void inbox_set_wake(struct inbox *self, size_t wake_bytes)
{
    pthread_mutex_lock(&self->lock);
    self->wake_bytes = wake_bytes;
    if (self->posted.size && self->posted.size >= wake_bytes)
        wake(self);
    pthread_mutex_unlock(&self->lock);
}

static void swap(struct buf *a, struct buf *b)
{
    struct buf swapped = *a;

    *a = *b;
    *b = swapped;
}

static bool has_room(const struct inbox *self, size_t size)
{
    return size <= self->limit_bytes && self->posted.size <= self->limit_bytes - size;
}

int inbox_post(struct inbox *self, struct buf *frames, bool is_urgent)
{
    int rc = -ENOBUFS;

    if (!frames->size)
        return 0;
    pthread_mutex_lock(&self->lock);
    if (has_room(self, frames->size)) {
        if (!self->posted.size)
            swap(&self->posted, frames);
        else
            buf_append(&self->posted, frames->data, frames->size);
        frames->size = 0;
        if (is_urgent || self->posted.size >= self->wake_bytes)
            wake(self);
        rc = 0;
    }
    pthread_mutex_unlock(&self->lock);
    return rc;
}

bool inbox_take(struct inbox *self, struct buf *ret_frames)
{
    bool is_open;

    ret_frames->size = 0;
    pthread_mutex_lock(&self->lock);
    swap(&self->posted, ret_frames);
    is_open = !self->is_closed || ret_frames->size;
    if (!self->is_closed)
        rest(self);
    pthread_mutex_unlock(&self->lock);
    return is_open;
}

void inbox_close(struct inbox *self)
{
    pthread_mutex_lock(&self->lock);
    self->is_closed = true;
    wake(self);
    pthread_mutex_unlock(&self->lock);
}

int frames_add(struct buf *frames, const struct message *message, struct err *err)
{
    size_t start = frames->size;
    uint32_t size = 0;
    int rc;

    buf_append(frames, &size, sizeof(size));
    rc = message_encode(message, frames, err);
    if (rc < 0) {
        frames->size = start;
        return rc;
    }
    size = (uint32_t)(frames->size - start - sizeof(size));
    memcpy(frames->data + start, &size, sizeof(size));
    return 0;
}

int frames_read(const struct buf *frames, size_t *offset_p, struct arena *arena,
                struct message *ret_message, struct err *err)
{
    const char *frame;
    uint32_t size;
    int rc;

    if (*offset_p >= frames->size)
        return 0;
    memcpy(&size, frames->data + *offset_p, sizeof(size));
    frame = frames->data + *offset_p + sizeof(size);
    *offset_p += sizeof(size) + size;
    rc = message_decode(frame, size, arena, ret_message, err);
    return rc < 0 ? rc : 1;
}
