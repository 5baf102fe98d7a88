#include "master/view/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"

struct mailbox {
    pthread_mutex_t lock; /* guards posted and closed */
    struct buf posted;
    bool closed;
    size_t limit;
    int fd;
};

int frames_append(struct buf *out, const struct message *message, struct err *err)
{
    size_t start = out->size;
    uint32_t size = 0;
    int r;

    buf_append(out, &size, sizeof(size));
    r = message_encode(message, out, err);
    if (r < 0) {
        out->size = start;
        return r;
    }
    size = (uint32_t)(out->size - start - sizeof(size));
    memcpy(out->data + start, &size, sizeof(size));
    return 0;
}

bool frames_next(const struct buf *frames, size_t *offset_p, const void **ret_frame,
                 size_t *ret_size)
{
    uint32_t size;

    if (*offset_p == frames->size)
        return false;
    memcpy(&size, frames->data + *offset_p, sizeof(size));
    *ret_frame = frames->data + *offset_p + sizeof(size);
    *ret_size = size;
    *offset_p += sizeof(size) + size;
    return true;
}

int mailbox_new(size_t limit_bytes, struct mailbox **ret_mailbox, struct err *err)
{
    CLEANUP(close_fd) int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct mailbox *self;

    if (fd < 0)
        return err_errno(err, -errno, "eventfd");
    self = mem_new(struct mailbox);
    pthread_mutex_init(&self->lock, NULL);
    self->limit = limit_bytes;
    self->fd = TAKE_FD(fd);
    *ret_mailbox = self;
    return 0;
}

void mailbox_destroy(struct mailbox **self_p)
{
    struct mailbox *self = *self_p;

    if (!self)
        return;
    pthread_mutex_destroy(&self->lock);
    buf_fini(&self->posted);
    close_fd(&self->fd);
    free(self);
    *self_p = NULL;
}

int mailbox_fd(const struct mailbox *self)
{
    return self->fd;
}

static void wake(struct mailbox *self)
{
    uint64_t one = 1;

    /* EAGAIN is a counter that is full: the reader is woken already. */
    BUG_ON(write(self->fd, &one, sizeof(one)) < 0 && errno != EAGAIN);
}

static void swap_bufs(struct buf *a, struct buf *b)
{
    struct buf swapped = *a;

    *a = *b;
    *b = swapped;
}

int mailbox_post(struct mailbox *self, struct buf *frames)
{
    bool was_empty;

    if (!frames->size)
        return 0;
    pthread_mutex_lock(&self->lock);
    was_empty = !self->posted.size;
    if (frames->size > self->limit || self->posted.size > self->limit - frames->size) {
        pthread_mutex_unlock(&self->lock);
        return -ENOBUFS;
    }
    if (was_empty)
        swap_bufs(&self->posted, frames);
    else
        buf_append(&self->posted, frames->data, frames->size);
    frames->size = 0;
    pthread_mutex_unlock(&self->lock);
    if (was_empty)
        wake(self);
    return 0;
}

bool mailbox_take(struct mailbox *self, struct buf *ret_frames)
{
    uint64_t count;
    bool open;

    ret_frames->size = 0;
    pthread_mutex_lock(&self->lock);
    open = !self->closed;
    /* Under the lock, so that a wake for what is posted next is not read away. */
    if (open && read(self->fd, &count, sizeof(count)) < 0)
        BUG_ON(errno != EAGAIN);
    swap_bufs(&self->posted, ret_frames);
    pthread_mutex_unlock(&self->lock);
    return open;
}

void mailbox_close(struct mailbox *self)
{
    pthread_mutex_lock(&self->lock);
    self->closed = true;
    pthread_mutex_unlock(&self->lock);
    wake(self);
}
