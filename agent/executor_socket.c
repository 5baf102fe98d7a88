#include "agent/executor_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/deadlines.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "proto/channel.h"
#include "proto/executors.h"

#define NEW_NAME    EXECUTOR_SOCKET ".new"
#define EVENTS_MAX  64 /* of one turn */
#define ACCEPTS_MAX 16
#define LISTEN_MAX  128
#define REST_US     100000 /* without descriptors nobody is accepted for so long */

struct peer {
    uint64_t id;
    struct channel channel;
    int64_t until_us; /* a stranger's time */
    bool is_admitted;
    bool is_behind;    /* a send was refused */
    bool is_full;      /* it waits for its descriptor to be writable */
    bool is_lost;      /* the core is to hear that it is over */
    bool is_unheard;   /* nothing is read from it, nor taken of what was */
    bool is_unwatched; /* it has hung up meanwhile, which epoll would tell again and again */
    bool has_rest;     /* what was read, and is to be heard now */
    bool is_ended;     /* nothing comes after that */
    bool is_dropped;
    struct peer *prev, *next; /* oldest first */
    UT_hash_handle hh;
};

struct executor_socket {
    struct executor_events events;
    struct arena *arena; /* of the message at hand */
    int listen_fd, epoll_fd;
    struct peer *list;
    struct peer *by_id;
    size_t strangers;
    size_t rests;          /* of peers: has_rest */
    int64_t rest_until_us; /* until then nobody is accepted; DEADLINE_NEVER: whoever comes is */
    uint64_t ids;          /* given out so far */
    int64_t now_us;
};

static struct peer *find(const struct executor_socket *self, uint64_t id)
{
    struct peer *peer;

    HASH_FIND(hh, self->by_id, &id, sizeof(id), peer);
    return peer;
}

static void peer_free(struct executor_socket *self, struct peer *peer)
{
    self->strangers -= !peer->is_admitted;
    self->rests -= peer->has_rest;
    DL_DELETE(self->list, peer);
    HASH_DEL(self->by_id, peer);
    channel_fini(&peer->channel);
    free(peer);
}

/* --- opening ------------------------------------------------------------------------------------ */

/* A path of any length is within reach by its folder's descriptor. */
static struct sockaddr_un address_in(int dir_fd, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
    return address;
}

/* Under another name first: who connects finds a socket that listens. */
static int listen_in(int dir_fd, int listen_fd)
{
    const struct sockaddr_un address = address_in(dir_fd, NEW_NAME);

    if (fchmodat(dir_fd, ".", 0755, 0) < 0)
        return -errno;
    if (unlinkat(dir_fd, NEW_NAME, 0) < 0 && errno != ENOENT)
        return -errno;
    if (bind(listen_fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        fchmodat(dir_fd, NEW_NAME, 0666, 0) < 0 || listen(listen_fd, LISTEN_MAX) < 0 ||
        renameat(dir_fd, NEW_NAME, dir_fd, EXECUTOR_SOCKET) < 0)
        return -errno;
    return 0;
}

static int watch(const struct executor_socket *self, int fd, uint64_t id)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = id};

    return epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int executor_socket_open(int dir_fd, const struct executor_events *events,
                         struct executor_socket **ret_socket, struct err *err)
{
    CLEANUP(executor_socket_close) struct executor_socket *self = mem_new(struct executor_socket);
    int rc;

    self->events = *events;
    self->arena = arena_new(0);
    self->rest_until_us = DEADLINE_NEVER;
    self->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->listen_fd < 0 || self->epoll_fd < 0)
        return err_errno(err, -errno, "the socket for executors");
    rc = listen_in(dir_fd, self->listen_fd);
    if (rc == 0)
        rc = watch(self, self->listen_fd, 0);
    if (rc < 0)
        return err_errno(err, rc, "the socket for executors");
    *ret_socket = TAKE(self);
    return 0;
}

void executor_socket_close(struct executor_socket **self_p)
{
    struct executor_socket *self = *self_p;

    if (!self)
        return;
    while (self->list)
        peer_free(self, self->list);
    close_fd(&self->listen_fd);
    close_fd(&self->epoll_fd);
    arena_destroy(&self->arena);
    free(self);
    *self_p = NULL;
}

int executor_socket_fd(const struct executor_socket *self)
{
    return self->epoll_fd;
}

/* --- strangers ---------------------------------------------------------------------------------- */

static struct peer *oldest_stranger(const struct executor_socket *self)
{
    struct peer *peer;

    DL_FOREACH (self->list, peer)
        if (!peer->is_admitted && !peer->is_dropped)
            return peer;
    return NULL;
}

static void drop(struct peer *peer)
{
    peer->is_dropped = true;
    peer->is_lost = false;
}

static void greet(struct executor_socket *self, int fd)
{
    struct peer *peer = mem_new(struct peer);

    if (self->strangers >= STRANGERS_MAX) {
        struct peer *oldest = oldest_stranger(self);

        if (oldest)
            drop(oldest);
    }
    peer->id = ++self->ids;
    channel_init(&peer->channel, fd);
    peer->until_us = self->now_us + STRANGER_US;
    self->strangers++;
    DL_APPEND(self->list, peer);
    HASH_ADD(hh, self->by_id, id, sizeof(peer->id), peer);
    if (watch(self, fd, peer->id) < 0)
        drop(peer);
}

/* There is no descriptor for who waits. The oldest stranger's is soon free; else it is looked again later. */
static void make_room(struct executor_socket *self)
{
    struct peer *oldest = oldest_stranger(self);

    if (oldest)
        drop(oldest);
    else if (epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, self->listen_fd, NULL) == 0)
        self->rest_until_us = self->now_us + REST_US;
}

static void end_rest(struct executor_socket *self)
{
    if (self->rest_until_us <= self->now_us)
        self->rest_until_us =
            watch(self, self->listen_fd, 0) < 0 ? self->now_us + REST_US : DEADLINE_NEVER;
}

static void accept_some(struct executor_socket *self)
{
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_un nobody; /* unix sockets of clients have no names */
        socklen_t size = sizeof(nobody);
        int fd = accept4(self->listen_fd, (struct sockaddr *)&nobody, &size,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            greet(self, fd);
            continue;
        }
        if (errno == ECONNABORTED || errno == EINTR)
            continue;
        if (errno == EMFILE || errno == ENFILE)
            make_room(self);
        return;
    }
}

static void end_strangers(struct executor_socket *self)
{
    struct peer *peer;

    DL_FOREACH (self->list, peer)
        if (!peer->is_admitted && !peer->is_dropped && peer->until_us <= self->now_us)
            drop(peer);
}

int64_t executor_socket_next_deadline_us(const struct executor_socket *self)
{
    const struct peer *oldest = self->strangers ? oldest_stranger(self) : NULL;

    if (self->rests)
        return self->now_us; /* no descriptor tells of that */
    return oldest && oldest->until_us < self->rest_until_us ? oldest->until_us
                                                            : self->rest_until_us;
}

/* --- reading ------------------------------------------------------------------------------------ */

/* A stranger's first message is small, or never heard. */
static bool says_too_much(const struct peer *peer)
{
    return !peer->is_admitted && peer->channel.in.size - peer->channel.in_taken > STRANGER_BYTES;
}

/* What cannot be read is nothing that an executor says: there is no sense in what follows. */
static void hear_all(struct executor_socket *self, uint64_t id)
{
    struct peer *peer;

    while ((peer = find(self, id)) && !peer->is_dropped && !peer->is_unheard) {
        struct message message;
        struct err err;
        int rc;

        arena_reset(self->arena);
        rc = channel_next(&peer->channel, self->arena, &message, &err);
        if (rc == 0)
            return;
        if (rc == -ENOMSG && peer->is_admitted)
            continue; /* of a newer executor */
        if (rc < 0) {
            log_warning("a connection for executors is closed: %s", err.text);
            peer->is_lost = true;
            return;
        }
        self->events.on_message(self->events.owner, id, &message);
    }
}

static void read_peer(struct executor_socket *self, struct peer *peer)
{
    uint64_t id = peer->id;
    int filled = channel_fill(&peer->channel);

    if (says_too_much(peer)) {
        peer->is_lost = true;
        return;
    }
    peer->is_ended = filled == 0 || (filled < 0 && filled != -EAGAIN);
    hear_all(self, id);
    if (!peer->is_unheard && peer->is_ended)
        peer->is_lost = true;
}

static void set_rest(struct executor_socket *self, struct peer *peer, bool has_rest)
{
    self->rests += (size_t)has_rest - peer->has_rest;
    peer->has_rest = has_rest;
}

static void hear_rests(struct executor_socket *self)
{
    struct peer *peer;

    DL_FOREACH (self->list, peer) {
        if (!peer->has_rest)
            continue;
        set_rest(self, peer, false);
        hear_all(self, peer->id);
        if (!peer->is_unheard && peer->is_ended)
            peer->is_lost = true;
    }
}

/* --- writing ------------------------------------------------------------------------------------ */

static size_t unread(const struct peer *peer)
{
    return peer->channel.out.size - peer->channel.out_sent;
}

static void watch_as_it_is(struct executor_socket *self, struct peer *peer)
{
    struct epoll_event event = {.data.u64 = peer->id};

    if (peer->is_unwatched)
        return;
    event.events = (peer->is_unheard ? 0 : EPOLLIN) | (peer->is_full ? EPOLLOUT : 0);
    if (epoll_ctl(self->epoll_fd, EPOLL_CTL_MOD, peer->channel.fd, &event) < 0)
        peer->is_lost = true;
}

static void flush(struct executor_socket *self, struct peer *peer)
{
    int rc = channel_flush(&peer->channel);

    if (rc < 0)
        peer->is_lost = true;
    if (rc < 0 || (rc > 0) == peer->is_full)
        return;
    peer->is_full = rc > 0;
    watch_as_it_is(self, peer);
}

/* Half of what it may be behind, so that it is not told for each message. */
static bool tell_ready(struct executor_socket *self, struct peer *peer)
{
    if (!peer->is_behind || peer->is_lost || unread(peer) > EXECUTOR_LATE_BYTES / 2)
        return false;
    peer->is_behind = false;
    self->events.on_ready(self->events.owner, peer->id);
    return true;
}

int executor_socket_send(struct executor_socket *self, uint64_t connection,
                         const struct message *message, bool can_wait)
{
    struct peer *peer = find(self, connection);
    struct err err;

    if (!peer || peer->is_dropped || peer->is_lost)
        return 0;
    if (can_wait && unread(peer) > EXECUTOR_LATE_BYTES) {
        peer->is_behind = true;
        return -EAGAIN;
    }
    if (unread(peer) > EXECUTOR_LOST_BYTES || channel_send(&peer->channel, message, &err) < 0)
        peer->is_lost = true;
    return 0;
}

void executor_socket_admit(struct executor_socket *self, uint64_t connection)
{
    struct peer *peer = find(self, connection);

    if (!peer || peer->is_admitted)
        return;
    peer->is_admitted = true;
    self->strangers--;
}

void executor_socket_hear(struct executor_socket *self, uint64_t connection, bool is_heard)
{
    struct peer *peer = find(self, connection);

    if (!peer || peer->is_lost || peer->is_dropped || peer->is_unheard == !is_heard)
        return;
    peer->is_unheard = !is_heard;
    set_rest(self, peer, is_heard);
    if (is_heard && peer->is_unwatched) {
        peer->is_unwatched = false;
        if (watch(self, peer->channel.fd, peer->id) < 0)
            peer->is_lost = true;
    }
    watch_as_it_is(self, peer);
}

void executor_socket_drop(struct executor_socket *self, uint64_t connection)
{
    struct peer *peer = find(self, connection);

    if (peer)
        drop(peer);
}

/* --- turns -------------------------------------------------------------------------------------- */

static void handle(struct executor_socket *self, const struct epoll_event *event)
{
    struct peer *peer = event->data.u64 ? find(self, event->data.u64) : NULL;

    if (!event->data.u64)
        accept_some(self);
    if (!peer || peer->is_dropped || peer->is_lost)
        return;
    if (event->events & EPOLLOUT) {
        flush(self, peer);
        tell_ready(self, peer);
    }
    if (peer->is_unheard && event->events & (EPOLLHUP | EPOLLERR)) {
        peer->is_unwatched = true;
        epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, peer->channel.fd, NULL);
    } else if (!peer->is_unheard && event->events & ~(uint32_t)EPOLLOUT) {
        read_peer(self, peer);
    }
}

void executor_socket_run(struct executor_socket *self, int64_t now_us)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(self->epoll_fd, events, EVENTS_MAX, 0);

    self->now_us = now_us;
    hear_rests(self);
    for (int i = 0; i < count; i++)
        handle(self, &events[i]);
    end_strangers(self);
    end_rest(self);
}

static void bury(struct executor_socket *self, struct peer *peer)
{
    uint64_t id = peer->id;
    bool is_lost = peer->is_lost && peer->is_admitted;

    if (peer->is_dropped)
        (void)channel_flush(&peer->channel);
    peer_free(self, peer);
    if (is_lost)
        self->events.on_lost(self->events.owner, id);
}

/* What the core says when it hears of an end may end others: round and round, until there is none. */
void executor_socket_flush(struct executor_socket *self)
{
    struct peer *peer, *next;
    bool has_more = true;

    while (has_more) {
        has_more = false;
        DL_FOREACH_SAFE (self->list, peer, next) {
            if (!peer->is_lost && !peer->is_dropped && channel_has_output(&peer->channel) &&
                !peer->is_full)
                flush(self, peer);
            has_more = peer->is_lost || peer->is_dropped || tell_ready(self, peer);
            if (peer->is_lost || peer->is_dropped)
                bury(self, peer);
            if (has_more)
                break;
        }
    }
}
