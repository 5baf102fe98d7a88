#include "proto/link.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "proto/link_peer.h"

#define GOODBYE_US (1 * US_PER_S) /* what a peer has to take its GOODBYE and leave */

/* --- the peers' time -------------------------------------------------------------------------- */

static void check_open(struct link_server *self, struct peer *peer)
{
    int64_t silent_at = peer->heard_us + self->silence_us;
    int64_t ping_at = peer->heard_us + self->ping_us;

    if (silent_at < self->merciful_until_us)
        silent_at = self->merciful_until_us;
    if (self->now_us >= silent_at) {
        peer->is_cut_soon = true;
        peer_end(self, peer, PEER_OVER, "it was silent for too long");
        return;
    }
    if (self->now_us >= ping_at) {
        if (peer_send(self, peer, &MESSAGE(PING, ping, .number = 0), NULL) < 0)
            return;
        ping_at = self->now_us + self->ping_us;
    }
    deadline_set(&self->deadlines, &peer->pulse, ping_at < silent_at ? ping_at : silent_at);
}

static void check_leaving(struct link_server *self, struct peer *peer)
{
    if (!peer->is_cut_soon) {
        peer->is_cut_soon = true;
        deadline_set(&self->deadlines, &peer->pulse, self->now_us + GOODBYE_US);
        return;
    }
    link_server_read_monitor(self); /* so that we do not cut what has this descriptor by now */
    if (peer->fd >= 0 && peer_ask_router(self, peer) != -EHOSTUNREACH)
        shutdown(peer->fd, SHUT_RDWR);
    peer_free(self, peer);
}

static void on_pulse(void *owner, struct deadline *deadline)
{
    struct link_server *self = owner;
    struct peer *peer = CONTAINER_OF(deadline, struct peer, pulse);

    switch (peer->state) {
    case PEER_OPEN:
        check_open(self, peer);
        break;
    case PEER_LOST:
        peer_move(self, peer, PEER_OVER);
        break;
    case PEER_LEAVING:
        check_leaving(self, peer);
        break;
    default:
        BUG_ON("a deadline in a state without one");
    }
}

/* We were stopped or busy for long: what peers sent in the meantime is still on its way to us, and
 * nobody is to be called silent for that. */
static void note_lateness(struct link_server *self)
{
    if (self->due_us && self->now_us - self->due_us > self->ping_us / 2)
        self->merciful_until_us = self->now_us + self->ping_us;
}

/* --- reading ---------------------------------------------------------------------------------- */

void link_server_read_monitor(struct link_server *self)
{
    int event, fd;

    while (link_socket_next_event(&self->socket, &event, &fd)) {
        if (event == ZMQ_EVENT_ACCEPTED) {
            newcomer_expect(self, fd);
        } else if (event == ZMQ_EVENT_DISCONNECTED) {
            newcomer_forget(self, fd);
            peers_forget_fd(self, fd);
        }
    }
}

/* Its fault: GOODBYE with the reason. */
static void refuse(struct link_server *self, struct peer *peer, const char *reason, bool try_again)
{
    self->stats.rejected++;
    if (peer->state == PEER_GREETING) {
        peer_dismiss(self, peer, reason, try_again);
        return;
    }
    peer_send(self, peer, &MESSAGE(GOODBYE, goodbye, .reason = reason, .try_again = try_again),
              NULL);
    peer_end(self, peer, PEER_OVER, reason);
}

static void welcome(struct link_server *self, struct peer *peer, const struct msg_hello *hello,
                    const char *address)
{
    int64_t version = hello->protocol_version;
    struct err err;
    int result;

    if (version != PROTOCOL_VERSION) {
        err_set(&err, -EPROTO, "this server speaks version %d of the protocol, you speak %" PRId64,
                PROTOCOL_VERSION, version);
        refuse(self, peer, err.text, false);
        return;
    }
    result = peer_send(self, peer,
                       &MESSAGE(WELCOME, welcome, .protocol_version = PROTOCOL_VERSION,
                                .version = self->version, .ping_ms = self->ping_us / US_PER_MS,
                                .silence_ms = self->silence_us / US_PER_MS),
                       NULL);
    peer_move(self, peer, result < 0 ? PEER_LEAVING : PEER_OPEN);
    deadline_set(&self->deadlines, &peer->pulse,
                 result < 0 ? self->now_us : self->now_us + self->ping_us);
    if (result == 0)
        self->events.on_open(self->events.owner, peer->session, hello, address);
}

static void on_first_message(struct link_server *self, struct peer *peer,
                             const struct message *message, const char *address)
{
    if (message->type != MSG_HELLO)
        refuse(self, peer, "the first message of a connection is HELLO", true);
    else if (peer->route_size != 5 || peer->route[0] != 0)
        /* Whoever names itself could take the name of one that just left. */
        refuse(self, peer, "a socket with an identity of its own is not welcome", false);
    else
        welcome(self, peer, message->hello, address);
}

/* The peer may be gone when this returns: the owner closes whom it likes. */
static void on_message(struct link_server *self, struct peer *peer, const struct message *message)
{
    struct err err;

    switch (message->type) {
    case MSG_PING:
        peer_send(self, peer, &MESSAGE(PONG, pong, .number = message->ping->number), NULL);
        break;
    case MSG_PONG:
        break;
    case MSG_GOODBYE:
        err_set(&err, -ECONNRESET, "it said goodbye%s%s", *message->goodbye->reason ? ": " : "",
                message->goodbye->reason);
        peer_end(self, peer, PEER_OVER, err.text);
        break;
    case MSG_HELLO:
    case MSG_WELCOME:
        refuse(self, peer, "a session has only one HELLO, and only its server says WELCOME", true);
        break;
    default:
        self->events.on_message(self->events.owner, peer->session, message);
    }
}

static void on_frame(struct link_server *self, struct peer *peer, zmq_msg_t *frame)
{
    struct message message;
    struct err err;
    int result;

    arena_reset(self->arena);
    result = message_decode(zmq_msg_data(frame), zmq_msg_size(frame), self->arena, &message, &err);
    if (result == -ENOMSG && peer->state != PEER_GREETING) {
        self->stats.rejected++; /* from a newer peer; it costs it nothing else */
    } else if (result < 0) {
        refuse(self, peer, err.text, result != -EPROTONOSUPPORT);
    } else if (peer->state == PEER_GREETING) {
        on_first_message(self, peer, &message, zmq_msg_gets(frame, "Peer-Address"));
    } else {
        on_message(self, peer, &message);
    }
}

/* After "closed" was told of what it had, this may be what it sent before its end. */
static void note_fd(struct link_server *self, struct peer *peer, int fd)
{
    if (peer->is_fd_doubted && peer_ask_router(self, peer) < 0)
        return;
    peer->is_fd_doubted = false;
    peer_set_fd(self, peer, fd);
    deadline_cancel(&self->deadlines, &peer->probe);
}

static void on_arrival(struct link_server *self, const zmq_msg_t *route, zmq_msg_t *frame,
                       bool is_alone)
{
    const void *name = zmq_msg_data((zmq_msg_t *)(uintptr_t)route);
    size_t name_size = zmq_msg_size(route);
    struct peer *peer = peer_find(self, name, name_size);

    if (!peer) {
        peer = peer_add(self, name, name_size);
        peer->pulse.due = on_pulse;
    }
    if (peer->state == PEER_OVER || peer->state == PEER_LEAVING)
        return;
    self->stats.messages_in++;
    self->stats.bytes_in += zmq_msg_size(frame);
    peer->heard_us = self->now_us;
    if (peer->fd < 0 && peer->state != PEER_LOST)
        note_fd(self, peer, zmq_msg_get(frame, ZMQ_SRCFD));
    if (is_alone)
        on_frame(self, peer, frame);
    else
        refuse(self, peer, "a message is one frame", true);
}

/* False: there is none. */
static bool read_one(struct link_server *self)
{
    zmq_msg_t route, frame, rest;
    bool is_alone = true;

    zmq_msg_init(&route);
    if (link_receive(self->socket.zmq, &route))
        return false;
    zmq_msg_init(&frame);
    BUG_ON(
        link_receive(self->socket.zmq, &frame)); /* ROUTER puts the name before a whole message */
    zmq_msg_init(&rest);
    for (bool more = zmq_msg_more(&frame); more; more = zmq_msg_more(&rest)) {
        is_alone = false;
        BUG_ON(link_receive(self->socket.zmq, &rest));
    }
    on_arrival(self, &route, &frame, is_alone);
    zmq_msg_close(&rest);
    zmq_msg_close(&frame);
    zmq_msg_close(&route);
    return true;
}

/* --- turning ---------------------------------------------------------------------------------- */

/* Tell the owner of sessions that are over. Those LOST wait until all is read that there is to
 * read. */
static void tell_ends(struct link_server *self)
{
    while (self->all_is_read && self->lost)
        peer_move(self, self->lost, PEER_OVER);
    while (self->over) {
        struct peer *peer = self->over;
        uint64_t session = peer->session;
        char reason[ERR_TEXT_MAX];

        memcpy(reason, peer->reason, sizeof(reason));
        peer_dismiss(self, peer, reason, true);
        self->events.on_close(self->events.owner, session, reason);
    }
}

/* From here on libzmq's descriptors speak for themselves. Its signals for "there is room" and
 * "there is a message" are the same, and whatever we do with the socket may take them: so the
 * queues, then the look. */
static bool is_there_more(struct link_server *self)
{
    int events = 0;

    if (self->lagging) {
        events = link_socket_events(self->socket.zmq);
        peers_flush(self);
    }
    events |= link_socket_events(self->socket.zmq);
    return events & ZMQ_POLLIN || self->lost || self->over;
}

int link_server_run(struct link_server *self, int64_t now_us, int budget)
{
    int where = link_waker_look(&self->waker);
    int handled = 0;

    self->now_us = now_us;
    self->is_running = true;
    self->all_is_read = !(where & LINK_AT_SOCKET);
    note_lateness(self);
    if (where & LINK_AT_MONITOR)
        link_server_read_monitor(self);
    peers_flush(self);
    while (handled < budget && !self->all_is_read) {
        if (read_one(self))
            handled++;
        else
            self->all_is_read = true;
        tell_ends(self);
    }
    deadlines_run(&self->deadlines, now_us, self);
    tell_ends(self);
    self->due_us = deadlines_next(&self->deadlines);
    self->is_running = false;
    if (is_there_more(self))
        link_waker_set(&self->waker);
    return handled;
}

int64_t link_server_next_deadline_us(const struct link_server *self)
{
    return deadlines_next(&self->deadlines);
}

int link_server_fd(const struct link_server *self)
{
    return self->waker.epoll_fd;
}

uint16_t link_server_port(const struct link_server *self)
{
    return self->port;
}

void link_server_stats(const struct link_server *self, struct link_stats *ret_stats)
{
    *ret_stats = self->stats;
}

/* --- talking ---------------------------------------------------------------------------------- */

int link_server_send(struct link_server *self, uint64_t session, const struct message *message,
                     struct err *err)
{
    struct peer *peer = peer_find_session(self, session);
    int result;

    if (!peer || peer->state != PEER_OPEN)
        return err_set(err, -ENOTCONN, "session %" PRIu64 " is over", session);
    result = peer_send(self, peer, message, err);
    if (result == -ENOTCONN)
        err_set(err, result, "session %" PRIu64 ": %s", session, peer->reason);
    else if (result == -ENOBUFS)
        err_set(err, result, "session %" PRIu64 " reads too slowly: its queue is half full",
                session);
    if (!self->is_running && !self->waker.is_set && (self->lagging || is_there_more(self)))
        link_waker_set(&self->waker);
    return result;
}

void link_server_close(struct link_server *self, uint64_t session, const char *reason,
                       bool try_again)
{
    struct peer *peer = peer_find_session(self, session);

    if (peer)
        peer_dismiss(self, peer, reason, try_again);
}
