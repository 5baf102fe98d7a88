/* proto/link_peer.h - inside the link's server: its peers, one for each connection that said
 * something.
 *
 * link_peer.c keeps them, moves them through their lives and writes to them; link_newcomers.c ends
 * connections that never become one; link_server.c reads, decides and talks to the owner.
 */
#ifndef PROFFER_PROTO_LINK_PEER_H
#define PROFFER_PROTO_LINK_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/deadlines.h"
#include "base/table.h"
#include "proto/link.h"
#include "proto/link_socket.h"

enum peer_state {
    PEER_GREETING, /* nothing understood yet */
    PEER_OPEN,     /* a session */
    PEER_LOST,     /* the connection is gone; what arrived before is still read, then on_close */
    PEER_OVER,     /* not read any more; on_close comes next */
    PEER_LEAVING,  /* no session; the connection has a moment to take our GOODBYE, then it is cut */
    PEER_STATE_MAX,
};

struct peer {
    enum peer_state state;
    uint64_t session;      /* 0: never had one */
    int fd;                /* of its connection; -1: not sure */
    int64_t heard_us;      /* when the last frame came */
    struct deadline pulse; /* OPEN: ping or silence; LOST: enough read; LEAVING: cut */
    struct deadline probe; /* is the connection whose descriptor was closed really this one? */
    unsigned probes;       /* sent since */
    bool is_fd_doubted;    /* what it had was told closed */
    bool is_cut_soon;      /* the moment of LEAVING has begun, or there is none */
    char reason[ERR_TEXT_MAX];
    struct link_queue queue;
    struct peer *lag_prev, *lag_next; /* in lagging, while the queue is not empty */
    struct peer *end_prev, *end_next; /* in lost or over */
    struct peer *fd_prev, *fd_next;   /* in by_fd[fd] */
    UT_hash_handle by_route, by_session;
    size_t route_size;
    unsigned char route[]; /* ROUTER's name for the connection */
};

/* A connection whose time for HELLO is not over yet. */
struct newcomer {
    int fd;
    struct deadline hello; /* by then a peer was heard on it */
    UT_hash_handle hh;
};

struct link_server {
    struct link_context *context; /* borrowed */
    struct link_server_events events;
    char *version; /* owned */
    int64_t ping_us;
    int64_t silence_us;
    int64_t hello_us;
    size_t queue_max_bytes;
    uint16_t port;
    char endpoint[LINK_ENDPOINT_MAX]; /* "": does not listen yet */
    char domain[32];                  /* in ZAP; "": none yet */
    struct link_socket socket;
    struct link_waker waker;
    struct buf scratch;
    struct arena *arena;
    struct deadlines deadlines;
    struct deadline retry;     /* of lagging queues */
    int64_t now_us;            /* of the last run */
    int64_t due_us;            /* the next deadline at the end of the last run; 0: there was none */
    int64_t merciful_until_us; /* we were late ourselves: nobody is silent before that */
    bool is_running;
    bool all_is_read;        /* there was nothing to read, and no peer was lost since we looked */
    struct peer *by_route;   /* owned table of all peers */
    struct peer *by_session; /* OPEN, LOST and OVER */
    struct peer **by_fd;     /* owned array of lists */
    size_t by_fd_count;
    struct newcomer *newcomers; /* owned table by fd */
    struct peer *lagging;       /* longest not tried first */
    struct peer *lost;          /* LOST */
    struct peer *over;          /* OVER */
    struct link_stats stats;
};

struct peer *peer_find(struct link_server *self, const void *route, size_t size);
struct peer *peer_find_session(struct link_server *self, uint64_t session);
struct peer *peer_add(struct link_server *self, const void *route, size_t size);
void peer_free(struct link_server *self, struct peer *peer);

/* The one way from state to state. */
void peer_move(struct link_server *self, struct peer *peer, enum peer_state state);
/* The session is over for this reason, OVER or LOST; on_close is told from link_server_run. */
void peer_end(struct link_server *self, struct peer *peer, enum peer_state how, const char *reason);
/* GOODBYE, then the end of the connection. */
void peer_dismiss(struct link_server *self, struct peer *peer, const char *reason, bool try_again);

/* Write or queue. 0, -ENOTCONN when the peer is gone or was cut, or -ENOBUFS as link_server_send. */
int peer_send(struct link_server *self, struct peer *peer, const struct message *message,
              struct err *err);
/* Try what lags, for as many peers as one turn may take. */
void peers_flush(struct link_server *self);

/* Is its connection still there? By a PING past its queue. 0: it is; -EAGAIN: it has no room, so it probably
 * is; -EHOSTUNREACH: it is gone. */
int peer_ask_router(struct link_server *self, struct peer *peer);
/* Which connection a frame came on; a hint, see link_peer.c. */
void peer_set_fd(struct link_server *self, struct peer *peer, int fd);
void peers_forget_fd(struct link_server *self, int fd);

/* Look at the connection once its time for HELLO is over; see link_newcomers.c. */
void newcomer_expect(struct link_server *self, int fd);
void newcomer_forget(struct link_server *self, int fd);
void newcomers_fini(struct link_server *self);

/* What libzmq has told of connections so far. Look before you act on a descriptor. */
void link_server_read_monitor(struct link_server *self);

#endif
