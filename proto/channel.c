#include "proto/channel.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH_BYTES 4
#define READ_SIZE    ((size_t)16 * 1024)
/* A buffer that one large message made is not kept: the launcher forks, and pays for what it holds.
 */
#define KEEP_CAPACITY ((size_t)64 * 1024)

void channel_init(struct channel *self, int fd)
{
    *self = (struct channel){.fd = fd};
}

void channel_fini(struct channel *self)
{
    if (self->fd >= 0)
        close(self->fd);
    buf_fini(&self->in);
    buf_fini(&self->out);
    *self = (struct channel){.fd = -1};
}

/* Drop the first *used bytes, which are done with. */
static void compact(struct buf *buf, size_t *used)
{
    buf_consume(buf, *used);
    *used = 0;
    if (!buf->size && buf->capacity > KEEP_CAPACITY)
        buf_fini(buf);
}

static uint32_t read_length(const char *data)
{
    const unsigned char *bytes = (const unsigned char *)data;

    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void write_length(char *data, size_t length)
{
    for (int i = 0; i < LENGTH_BYTES; i++)
        data[i] = (char)(length >> (8 * i) & 0xff);
}

int channel_fill(struct channel *self)
{
    ssize_t size;

    compact(&self->in, &self->in_taken);
    do
        size = recv(self->fd, buf_reserve(&self->in, READ_SIZE), READ_SIZE, MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return -errno;
    self->in.size += (size_t)size;
    self->in.data[self->in.size] = '\0';
    return (int)size;
}

int channel_next(struct channel *self, struct arena *arena, struct message *ret_message,
                 struct err *err)
{
    size_t left = self->in.size - self->in_taken;
    const char *data;
    uint32_t length;
    int rc;

    if (left < LENGTH_BYTES)
        return 0;
    data = self->in.data + self->in_taken;
    length = read_length(data);
    if (!length || length > FRAME_MAX)
        return err_set(err, -EMSGSIZE, "a message of %u bytes, at most %d can be", length,
                       FRAME_MAX);
    if (left - LENGTH_BYTES < length)
        return 0;
    self->in_taken += LENGTH_BYTES + length;
    rc = message_decode(data + LENGTH_BYTES, length, arena, ret_message, err);
    return rc < 0 ? rc : 1;
}

int channel_send(struct channel *self, const struct message *message, struct err *err)
{
    size_t start;
    int rc;

    compact(&self->out, &self->out_sent);
    if (self->out.size >= CHANNEL_BACKLOG_MAX)
        return err_set(err, -ENOBUFS, "the peer does not read: %zu bytes are queued for it",
                       self->out.size);
    start = self->out.size;
    buf_reserve(&self->out, LENGTH_BYTES);
    self->out.size += LENGTH_BYTES;
    rc = message_encode(message, &self->out, err);
    if (rc < 0) {
        self->out.size = start;
        return rc;
    }
    write_length(self->out.data + start, self->out.size - start - LENGTH_BYTES);
    return 0;
}

int channel_flush(struct channel *self)
{
    while (channel_has_output(self)) {
        ssize_t size = send(self->fd, self->out.data + self->out_sent,
                            self->out.size - self->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno == EAGAIN ? 1 : -errno;
        self->out_sent += (size_t)size;
    }
    compact(&self->out, &self->out_sent);
    return 0;
}

bool channel_has_output(const struct channel *self)
{
    return self->out_sent < self->out.size;
}
