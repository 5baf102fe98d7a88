#include "proto/link_socket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"

/* What CURVE adds to a frame, and some room: a message that is a little too large is refused with a
 * text, not by cutting the connection. */
#define FRAME_SLACK 1024

/* What libzmq tells about connections and we act on. ACCEPT_FAILED is not among them: out of
 * descriptors, libzmq repeats it a hundred thousand times a second. */
#define MONITORED                                                                                  \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED |     \
     ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |                               \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

static int option_failed(const char *what, struct err *err)
{
    int code = errno;

    return err_set(err, -code, "%s: %s", what, zmq_strerror(code));
}

static int set_options(void *socket, const struct link_option *options, struct err *err)
{
    for (; options->name; options++) {
        if (zmq_setsockopt(socket, options->name, &options->value, sizeof(options->value)))
            return err_set(err, -errno, "socket option %d = %d: %s", options->name, options->value,
                           zmq_strerror(errno));
    }
    return 0;
}

static int open_monitor(struct link_socket *self, struct link_context *context, struct err *err)
{
    static const struct link_option unbounded[] = {{ZMQ_RCVHWM, 0}, {ZMQ_LINGER, 0}, {0, 0}};
    char endpoint[64];

    snprintf(endpoint, sizeof(endpoint), "inproc://link-%" PRIuFAST64,
             atomic_fetch_add(&context->names, 1));
    if (zmq_socket_monitor(self->zmq, endpoint, MONITORED))
        return option_failed("socket monitor", err);
    self->monitor = zmq_socket(context->zmq, ZMQ_PAIR);
    if (!self->monitor)
        return option_failed("socket", err);
    if (set_options(self->monitor, unbounded, err) || zmq_connect(self->monitor, endpoint))
        return option_failed("socket monitor", err);
    link_socket_events(self->monitor); /* libzmq signals only to whom it has once told "nothing" */
    return 0;
}

/* No heartbeats of ZeroMQ's own (ours notice a dead connection): libzmq 4.3.4 aborts the process when one is
 * due on a connection that broke while its receive queue was full, which any peer can bring about. */
int link_socket_open(struct link_socket *self, struct link_context *context, int type,
                     const struct link_option *options, struct err *err)
{
    static const struct link_option common[] = {
        {ZMQ_SNDHWM, LINK_FRAMES_AHEAD},
        {ZMQ_RCVHWM, LINK_FRAMES_AHEAD},
        {ZMQ_HANDSHAKE_IVL, LINK_HANDSHAKE_MS},
        {ZMQ_LINGER, 0},
        {0, 0},
    };
    int64_t largest = FRAME_MAX + FRAME_SLACK;
    int result;

    *self = (struct link_socket){0};
    self->zmq = zmq_socket(context->zmq, type);
    if (!self->zmq)
        return option_failed("socket", err);
    if (zmq_setsockopt(self->zmq, ZMQ_MAXMSGSIZE, &largest, sizeof(largest)))
        return option_failed("largest message", err);
    result = set_options(self->zmq, common, err);
    if (result == 0)
        result = set_options(self->zmq, options, err);
    if (result == 0)
        result = open_monitor(self, context, err);
    return result;
}

void link_socket_close(struct link_socket *self, int linger_ms)
{
    if (self->zmq) {
        zmq_socket_monitor(self->zmq, NULL, 0);
        zmq_setsockopt(self->zmq, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
        zmq_close(self->zmq);
    }
    if (self->monitor)
        zmq_close(self->monitor);
    *self = (struct link_socket){0};
}

int link_socket_set_keys(struct link_socket *self, const struct link_keys *keys,
                         const char *server_key, struct err *err)
{
    int is_server = 1;

    if (zmq_setsockopt(self->zmq, ZMQ_CURVE_PUBLICKEY, keys->public_key, 41))
        return err_set(err, -EINVAL, "the public key is not 40 characters of Z85");
    if (zmq_setsockopt(self->zmq, ZMQ_CURVE_SECRETKEY, keys->secret_key, 41))
        return err_set(err, -EINVAL, "the secret key is not 40 characters of Z85");
    if (!server_key)
        return zmq_setsockopt(self->zmq, ZMQ_CURVE_SERVER, &is_server, sizeof(is_server))
                   ? option_failed("CURVE", err)
                   : 0;
    if (zmq_setsockopt(self->zmq, ZMQ_CURVE_SERVERKEY, server_key, 41))
        return err_set(err, -EINVAL, "the server's key is not 40 characters of Z85");
    return 0;
}

int link_socket_fd(void *socket)
{
    int fd = -1;
    size_t size = sizeof(fd);

    zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    return fd;
}

int link_socket_events(void *socket)
{
    int events = 0;
    size_t size = sizeof(events);

    while (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) && errno == EINTR)
        ;
    return events;
}

bool link_socket_next_event(struct link_socket *self, int *ret_event, int *ret_value)
{
    zmq_msg_t part;
    uint16_t event;
    uint32_t value;
    bool more = true;

    zmq_msg_init(&part);
    if (link_receive(self->monitor, &part))
        return false;
    BUG_ON(zmq_msg_size(&part) != sizeof(event) + sizeof(value));
    memcpy(&event, zmq_msg_data(&part), sizeof(event));
    memcpy(&value, (char *)zmq_msg_data(&part) + sizeof(event), sizeof(value));
    while (more && zmq_msg_more(&part))
        more = link_receive(self->monitor, &part) == 0;
    zmq_msg_close(&part);
    *ret_event = event;
    *ret_value = (int)value;
    return true;
}

int link_receive(void *socket, zmq_msg_t *frame)
{
    int size;

    do {
        size = zmq_msg_recv(frame, socket, ZMQ_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    return size < 0 ? -errno : 0;
}

int link_transmit(void *socket, zmq_msg_t *frame)
{
    int size;

    do {
        size = zmq_msg_send(frame, socket, ZMQ_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    return size < 0 ? -errno : 0;
}

/* --- wake-ups --------------------------------------------------------------------------------- */

static int watch(struct link_waker *self, int fd, uint32_t what, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};

    return epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? err_errno(err, -errno, "epoll")
                                                                : 0;
}

int link_waker_init(struct link_waker *self, struct err *err)
{
    self->is_set = false;
    self->event_fd = -1;
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll_fd < 0)
        return err_errno(err, -errno, "epoll");
    self->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->event_fd < 0)
        return err_errno(err, -errno, "eventfd");
    return watch(self, self->event_fd, LINK_AT_SOCKET, err);
}

void link_waker_fini(struct link_waker *self)
{
    close_fd(&self->event_fd);
    close_fd(&self->epoll_fd);
}

int link_waker_watch(struct link_waker *self, const struct link_socket *socket, struct err *err)
{
    int result = watch(self, link_socket_fd(socket->zmq), LINK_AT_SOCKET, err);

    return result ? result : watch(self, link_socket_fd(socket->monitor), LINK_AT_MONITOR, err);
}

void link_waker_forget(struct link_waker *self, const struct link_socket *socket)
{
    if (socket->zmq)
        epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, link_socket_fd(socket->zmq), NULL);
    if (socket->monitor)
        epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, link_socket_fd(socket->monitor), NULL);
}

void link_waker_set(struct link_waker *self)
{
    if (self->is_set)
        return;
    BUG_ON(eventfd_write(self->event_fd, 1));
    self->is_set = true;
}

int link_waker_look(struct link_waker *self)
{
    struct epoll_event events[3];
    int count = epoll_wait(self->epoll_fd, events, ARRAY_SIZE(events), 0);
    eventfd_t ignored;
    int result = 0;

    for (int i = 0; i < count; i++)
        result |= (int)events[i].data.u32;
    if (self->is_set)
        BUG_ON(eventfd_read(self->event_fd, &ignored));
    self->is_set = false;
    return count < 0 ? LINK_AT_SOCKET | LINK_AT_MONITOR : result;
}
