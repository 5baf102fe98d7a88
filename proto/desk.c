#include "proto/desk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* What descriptors come in, aligned as the kernel wants it. */
union control {
    char bytes[CMSG_SPACE(sizeof(int) * DESK_DESCRIPTORS_MAX)];
    struct cmsghdr header;
};

/* --- packets ------------------------------------------------------------------------------------ */

static void attach(struct msghdr *header, union control *control, const int *fds, size_t count)
{
    struct cmsghdr *item;

    if (!count)
        return;
    header->msg_control = control->bytes;
    header->msg_controllen = CMSG_SPACE(sizeof(int) * count);
    item = CMSG_FIRSTHDR(header);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(item), fds, sizeof(int) * count);
}

int desk_send(int fd, uint64_t number, const struct message *message, const int *fds, size_t count,
              struct err *err)
{
    CLEANUP(buf_fini) struct buf frame = {0};
    struct iovec parts[2] = {{.iov_base = &number, .iov_len = sizeof(number)}};
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = 2};
    union control control = {{0}};
    ssize_t size;
    int rc = message_encode(message, &frame, err);

    if (rc < 0)
        return rc;
    BUG_ON(count > DESK_DESCRIPTORS_MAX);
    if (frame.size > DESK_PACKET_MAX - sizeof(number))
        return err_set(err, -EMSGSIZE, "%s is too long for a packet", message_name(message->type));
    parts[1] = (struct iovec){.iov_base = frame.data, .iov_len = frame.size};
    attach(&header, &control, fds, count);
    do
        size = sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    return size < 0 ? err_errno(err, -errno, "%s", message_name(message->type)) : 0;
}

/* More than fit were closed by the kernel. */
static void take_fds(struct msghdr *header, struct desk_packet *packet)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
        size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS)
            continue;
        BUG_ON(packet->fds_count + count > DESK_DESCRIPTORS_MAX);
        memcpy(packet->fds + packet->fds_count, CMSG_DATA(item), count * sizeof(int));
        packet->fds_count += count;
    }
}

/* A socket that lingers would keep whoever closes it waiting. */
void desk_packet_fini(struct desk_packet *packet)
{
    static const struct linger none = {0};

    while (packet->fds_count) {
        int *fd = &packet->fds[--packet->fds_count];

        if (*fd >= 0)
            setsockopt(*fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        close_fd(fd);
    }
}

static int understand(const char *bytes, size_t size, int flags, struct arena *arena,
                      struct desk_packet *packet, struct err *err)
{
    if (size <= sizeof(packet->number))
        return err_set(err, -EBADMSG, "a packet of %zu bytes", size);
    memcpy(&packet->number, bytes, sizeof(packet->number));
    if (flags & (MSG_TRUNC | MSG_CTRUNC))
        return err_set(err, -EBADMSG, "a packet of more than %d bytes or %d descriptors",
                       DESK_PACKET_MAX, DESK_DESCRIPTORS_MAX);
    if (message_decode(bytes + sizeof(packet->number), size - sizeof(packet->number), arena,
                       &packet->message, err) < 0)
        return -EBADMSG;
    return 1;
}

int desk_receive(int fd, struct arena *arena, struct desk_packet *ret_packet, struct err *err)
{
    char bytes[DESK_PACKET_MAX];
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    union control control;
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    struct desk_packet packet = {0};
    ssize_t size;
    int rc;

    do
        size = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return -errno;
    take_fds(&header, &packet);
    /* The end looks like an empty packet, which nobody sends: it is the same to us. */
    rc = size ? understand(bytes, (size_t)size, header.msg_flags, arena, &packet, err) : 0;
    if (rc <= 0)
        desk_packet_fini(&packet);
    *ret_packet = packet;
    return rc;
}

int desk_answer(int fd, uint64_t number, int rc, const struct err *why, int64_t watch,
                const int *fds, size_t count)
{
    return desk_send(fd, number,
                     &MESSAGE(DESK_ANSWER, desk_answer, .code = -rc,
                              .error = rc < 0 ? why->text : "", .watch = watch),
                     fds, count, NULL);
}

/* --- who asks ----------------------------------------------------------------------------------- */

void desk_init(struct desk *self, int fd)
{
    *self = (struct desk){.fd = fd};
}

void desk_fini(struct desk *self)
{
    close_fd(&self->fd);
}

/* 0: it is readable. */
static int wait_readable(int fd, int64_t until_us)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left_us = until_us - clock_now().mono_us;
        int rc = left_us < 0 ? 0 : poll(&poll_fd, 1, (int)(left_us / US_PER_MS) + 1);

        if (rc >= 0)
            return rc ? 0 : -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/* The answer with our number; older ones are late. */
static int wait_answer(const struct desk *self, struct arena *arena, struct desk_packet *packet,
                       struct err *err)
{
    int64_t until_us = clock_now().mono_us + (int64_t)DESK_TIMEOUT_MS * US_PER_MS;

    for (;;) {
        int rc = wait_readable(self->fd, until_us);

        if (rc == 0)
            rc = desk_receive(self->fd, arena, packet, err);
        if (rc == -EAGAIN)
            continue;
        if (rc == -ETIMEDOUT)
            return err_set(err, rc, "the launcher has not answered in time");
        if (rc == 0)
            return err_set(err, -EPIPE, "the launcher is gone");
        if (rc < 0)
            return rc == -EBADMSG ? rc : err_errno(err, rc, "the launcher's answer");
        if (packet->number == self->asked && packet->message.type == MSG_DESK_ANSWER)
            return 0;
        desk_packet_fini(packet);
    }
}

static int take_answer(struct desk_packet *packet, const struct msg_desk_answer **ret_answer,
                       int ret_fds[DESK_DESCRIPTORS_MAX], struct err *err)
{
    const struct msg_desk_answer *answer = packet->message.desk_answer;

    if (answer->code) {
        int rc = answer->code > 0 && answer->code < 4096 ? -(int)answer->code : -EPROTO;

        desk_packet_fini(packet);
        return err_set(err, rc, "%s", answer->error);
    }
    for (size_t i = 0; ret_fds && i < DESK_DESCRIPTORS_MAX; i++) {
        ret_fds[i] = i < packet->fds_count ? packet->fds[i] : -1;
        packet->fds[i] = -1;
    }
    desk_packet_fini(packet);
    if (ret_answer)
        *ret_answer = answer;
    return 0;
}

int desk_ask(struct desk *self, const struct message *question, struct arena *arena,
             const struct msg_desk_answer **ret_answer, int ret_fds[DESK_DESCRIPTORS_MAX],
             struct err *err)
{
    struct desk_packet packet;
    int rc = desk_send(self->fd, ++self->asked, question, NULL, 0, err);

    if (rc < 0)
        return rc;
    rc = wait_answer(self, arena, &packet, err);
    return rc < 0 ? rc : take_answer(&packet, ret_answer, ret_fds, err);
}
