/* About descriptors: libzmq tells the end of a connection by its descriptor only, and a frame's
 * descriptor is what it was when the frame was read. Descriptors are reused and the two are not
 * ordered, so both are hints. "Closed" makes us write to each peer last heard on it: ROUTER answers
 * EHOSTUNREACH for one that is gone, and one that is there answers. Frames of one that is gone may
 * be read after that, and so its HELLO may be, with a descriptor that is another's by then: so a
 * connection is cut, by shutdown(2), only after ROUTER was asked once more. It knows: libzmq tells it of
 * an end before it closes the descriptor. What remains is the moment between our question and our
 * call, in which another connection would have to be born, or a peer that went while its queue was
 * full; that other connection would simply come again. */
#include "proto/link_peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

/* ROUTER does not say which peer has room again, but its descriptor signals that one has; the
 * deadline is for signals that came while nobody looked. */
#define RETRY_US      (10 * US_PER_MS)
#define FLUSH_AT_ONCE 64

#define PROBE_FIRST_US US_PER_MS
#define PROBES_MAX     8 /* twice as long each: a quarter of a second */

#define LOST_READ_US (100 * US_PER_MS) /* however busy we are, on_close comes by then */

static const bool moves[PEER_STATE_MAX][PEER_STATE_MAX] = {
    [PEER_GREETING] = {[PEER_OPEN] = true, [PEER_LEAVING] = true},
    [PEER_OPEN] = {[PEER_LOST] = true, [PEER_OVER] = true, [PEER_LEAVING] = true},
    [PEER_LOST] = {[PEER_OVER] = true, [PEER_LEAVING] = true},
    [PEER_OVER] = {[PEER_LEAVING] = true},
};

static bool has_session(enum peer_state state)
{
    return state == PEER_OPEN || state == PEER_LOST || state == PEER_OVER;
}

static bool is_ending(enum peer_state state)
{
    return state == PEER_LOST || state == PEER_OVER;
}

struct peer *peer_find(struct link_server *self, const void *route, size_t size)
{
    struct peer *peer;

    HASH_FIND(by_route, self->by_route, route, size, peer);
    return peer;
}

struct peer *peer_find_session(struct link_server *self, uint64_t session)
{
    struct peer *peer;

    HASH_FIND(by_session, self->by_session, &session, sizeof(session), peer);
    return peer;
}

static void begin_session(struct link_server *self, struct peer *peer)
{
    peer->session = atomic_fetch_add(&self->context->sessions, 1) + 1;
    HASH_ADD(by_session, self->by_session, session, sizeof(peer->session), peer);
    self->stats.sessions++;
    self->stats.sessions_opened++;
}

static void end_session(struct link_server *self, struct peer *peer)
{
    HASH_DELETE(by_session, self->by_session, peer);
    self->stats.sessions--;
    self->stats.sessions_closed++;
}

static void clear_queue(struct link_server *self, struct peer *peer)
{
    if (!peer->queue.head)
        return;
    DL_DELETE2(self->lagging, peer, lag_prev, lag_next);
    self->stats.queued_bytes -= peer->queue.bytes;
    link_queue_clear(&peer->queue);
}

static void enlist(struct link_server *self, struct peer *peer, enum peer_state state)
{
    if (state == PEER_LOST)
        DL_APPEND2(self->lost, peer, end_prev, end_next);
    else if (state == PEER_OVER)
        DL_APPEND2(self->over, peer, end_prev, end_next);
}

static void unlist(struct link_server *self, struct peer *peer, enum peer_state state)
{
    if (state == PEER_LOST)
        DL_DELETE2(self->lost, peer, end_prev, end_next);
    else if (state == PEER_OVER)
        DL_DELETE2(self->over, peer, end_prev, end_next);
}

void peer_move(struct link_server *self, struct peer *peer, enum peer_state state)
{
    enum peer_state before = peer->state;

    BUG_ON(!moves[before][state]);
    peer->state = state;
    if (!has_session(before) && has_session(state))
        begin_session(self, peer);
    if (has_session(before) && !has_session(state))
        end_session(self, peer);
    unlist(self, peer, before);
    enlist(self, peer, state);
    if (state != PEER_OPEN)
        deadline_cancel(&self->deadlines, &peer->probe);
    if (is_ending(state))
        clear_queue(self, peer);
}

void peer_free(struct link_server *self, struct peer *peer)
{
    clear_queue(self, peer);
    peer_set_fd(self, peer, -1);
    deadline_cancel(&self->deadlines, &peer->pulse);
    deadline_cancel(&self->deadlines, &peer->probe);
    if (has_session(peer->state))
        end_session(self, peer);
    unlist(self, peer, peer->state);
    HASH_DELETE(by_route, self->by_route, peer);
    free(peer);
}

/* The caller of link_server_send is not ready to be told of an end: the next run tells. */
static void wake_outside_run(struct link_server *self)
{
    if (!self->is_running)
        link_waker_set(&self->waker);
}

void peer_end(struct link_server *self, struct peer *peer, enum peer_state how, const char *reason)
{
    BUG_ON(!is_ending(how));
    if (peer->state == how || peer->state == PEER_OVER)
        return;
    if (peer->state == PEER_LEAVING || peer->state == PEER_GREETING)
        return;
    snprintf(peer->reason, sizeof(peer->reason), "%s", reason);
    peer_move(self, peer, how);
    if (how == PEER_LOST) {
        self->all_is_read = false; /* what tells us of it came behind its last messages */
        deadline_set(&self->deadlines, &peer->pulse, self->now_us + LOST_READ_US);
    } else {
        deadline_cancel(&self->deadlines, &peer->pulse);
    }
    wake_outside_run(self);
}

void peer_dismiss(struct link_server *self, struct peer *peer, const char *reason, bool try_again)
{
    if (peer->state == PEER_LEAVING)
        return;
    if (!is_ending(peer->state))
        peer_send(self, peer, &MESSAGE(GOODBYE, goodbye, .reason = reason, .try_again = try_again),
                  NULL);
    peer_move(self, peer, PEER_LEAVING);
    /* Due at once: our time may be of long ago, and the next run knows what it is. */
    deadline_set(&self->deadlines, &peer->pulse, self->now_us);
    wake_outside_run(self);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* -EAGAIN: no room. -EHOSTUNREACH: gone. The frame stays the caller's on failure. */
static int write_frame(struct link_server *self, struct peer *peer, zmq_msg_t *frame)
{
    size_t size = zmq_msg_size(frame);
    int result;

    do {
        result =
            zmq_send(self->socket.zmq, peer->route, peer->route_size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    } while (result < 0 && errno == EINTR);
    if (result < 0)
        return -errno;
    result = link_transmit(self->socket.zmq, frame);
    if (result == 0) {
        self->stats.messages_out++;
        self->stats.bytes_out += size;
    }
    return result;
}

static int drop_frame(zmq_msg_t *frame, int code)
{
    zmq_msg_close(frame);
    return code;
}

static void queue_frame(struct link_server *self, struct peer *peer, zmq_msg_t *frame)
{
    if (!peer->queue.head)
        DL_APPEND2(self->lagging, peer, lag_prev, lag_next);
    self->stats.queued_bytes += link_queue_cost(frame);
    link_queue_push(&peer->queue, frame);
}

static int cut_for_lag(struct link_server *self, struct peer *peer)
{
    self->stats.cut_for_lag++;
    peer->is_cut_soon = true; /* a GOODBYE would only wait behind the rest */
    peer_end(self, peer, PEER_OVER, "it reads too slowly: its queue is full");
    return -ENOTCONN;
}

static int send_frame(struct link_server *self, struct peer *peer, zmq_msg_t *frame,
                      bool is_promised)
{
    size_t queued = peer->queue.bytes + link_queue_cost(frame);
    int result = -EAGAIN;

    if (is_ending(peer->state))
        return drop_frame(frame, -ENOTCONN);
    if (!peer->queue.head)
        result = write_frame(self, peer, frame);
    if (result == 0)
        return 0;
    if (result != -EAGAIN) {
        peer_end(self, peer, PEER_LOST, "the connection was lost");
        return drop_frame(frame, -ENOTCONN);
    }
    if (!is_promised && queued > self->queue_max_bytes / 2) {
        self->stats.dropped_for_lag++;
        return drop_frame(frame, -ENOBUFS);
    }
    if (queued > self->queue_max_bytes)
        return drop_frame(frame, cut_for_lag(self, peer));
    queue_frame(self, peer, frame);
    return 0;
}

int peer_send(struct link_server *self, struct peer *peer, const struct message *message,
              struct err *err)
{
    zmq_msg_t frame;
    int result = link_frame_make(message, &self->scratch, &frame, err);

    return result < 0 ? result : send_frame(self, peer, &frame, link_has_promise(message->type));
}

/* True: there is more, and no room. */
static bool flush_one(struct link_server *self, struct peer *peer)
{
    while (peer->queue.head) {
        zmq_msg_t *frame = link_queue_first(&peer->queue);
        size_t cost = link_queue_cost(frame);
        int result = write_frame(self, peer, frame);

        if (result == -EAGAIN)
            return true;
        if (result < 0) {
            clear_queue(self, peer);
            peer_end(self, peer, PEER_LOST, "the connection was lost");
            return false;
        }
        self->stats.queued_bytes -= cost;
        link_queue_pop(&peer->queue);
        if (!peer->queue.head)
            DL_DELETE2(self->lagging, peer, lag_prev, lag_next);
    }
    return false;
}

void peers_flush(struct link_server *self)
{
    const struct peer *first_stuck = NULL;

    for (int tries = 0; tries < FLUSH_AT_ONCE && self->lagging != first_stuck; tries++) {
        struct peer *peer = self->lagging;

        if (!flush_one(self, peer))
            continue;
        if (!first_stuck)
            first_stuck = peer;
        DL_DELETE2(self->lagging, peer, lag_prev, lag_next);
        DL_APPEND2(self->lagging, peer, lag_prev, lag_next);
    }
    if (self->lagging)
        deadline_set(&self->deadlines, &self->retry, self->now_us + RETRY_US);
    else
        deadline_cancel(&self->deadlines, &self->retry);
}

/* --- which connection ------------------------------------------------------------------------- */

void peer_set_fd(struct link_server *self, struct peer *peer, int fd)
{
    if (peer->fd == fd)
        return;
    if (peer->fd >= 0)
        DL_DELETE2(self->by_fd[peer->fd], peer, fd_prev, fd_next);
    peer->fd = fd;
    if (fd < 0)
        return;
    if ((size_t)fd >= self->by_fd_count) {
        size_t count = ((size_t)fd + 1) * 2;

        self->by_fd = mem_resize(self->by_fd, count, sizeof(struct peer *));
        memset(self->by_fd + self->by_fd_count, 0,
               (count - self->by_fd_count) * sizeof(struct peer *));
        self->by_fd_count = count;
    }
    DL_APPEND2(self->by_fd[fd], peer, fd_prev, fd_next);
}

int peer_ask_router(struct link_server *self, struct peer *peer)
{
    zmq_msg_t frame;
    int result = link_frame_make(&MESSAGE(PING, ping, .number = 0), &self->scratch, &frame, NULL);

    BUG_ON(result < 0);
    link_socket_events(self->socket.zmq); /* writing alone may put off libzmq's own news */
    result = write_frame(self, peer, &frame);
    return result < 0 ? drop_frame(&frame, result) : 0;
}

static void probe(struct link_server *self, struct peer *peer)
{
    /* What waits in the queue is tried anyhow. */
    if (!peer->queue.head && peer_send(self, peer, &MESSAGE(PING, ping, .number = 0), NULL) < 0)
        return;
    if (peer->probes < PROBES_MAX)
        deadline_set(&self->deadlines, &peer->probe,
                     self->now_us + ((int64_t)PROBE_FIRST_US << peer->probes++));
}

static void on_probe(void *owner, struct deadline *deadline)
{
    probe(owner, CONTAINER_OF(deadline, struct peer, probe));
}

void peers_forget_fd(struct link_server *self, int fd)
{
    while (fd >= 0 && (size_t)fd < self->by_fd_count && self->by_fd[fd]) {
        struct peer *peer = self->by_fd[fd];

        peer_set_fd(self, peer, -1);
        peer->is_fd_doubted = true;
        peer->probes = 0;
        if (peer->state == PEER_OPEN)
            probe(self, peer);
    }
}

struct peer *peer_add(struct link_server *self, const void *route, size_t size)
{
    struct peer *peer = mem_calloc(1, sizeof(*peer) + size);

    peer->fd = -1;
    peer->probe.due = on_probe;
    peer->route_size = size;
    memcpy(peer->route, route, size);
    HASH_ADD_KEYPTR(by_route, self->by_route, peer->route, size, peer);
    return peer;
}
