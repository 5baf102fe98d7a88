/* proto/link_client.h - inside the link's client: its state, and what its two files share.
 *
 * link_client.c has the session and the owner's side, link_connect.c the way to a session.
 */
#ifndef PROFFER_PROTO_LINK_CLIENT_H
#define PROFFER_PROTO_LINK_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/deadlines.h"
#include "base/rng.h"
#include "proto/link.h"
#include "proto/link_socket.h"

enum client_state {
    CLIENT_WAITING,  /* no socket; `turn` is when to connect */
    CLIENT_GREETING, /* HELLO is on its way, until WELCOME; `turn` is when to give up */
    CLIENT_OPEN,
    CLIENT_LOST, /* the connection is gone; `turn` is when what came before will have been read */
    CLIENT_OVER, /* not read any more; to be told by link_client_run */
    CLIENT_FINISHED, /* for good */
    CLIENT_STATE_MAX,
};

struct link_client {
    struct link_context *context; /* borrowed */
    struct link_client_events events;
    struct link_address address;
    enum peer_kind kind;
    bool has_keys;
    struct link_keys keys; /* without peers */
    char server_key[41];
    char *version; /* owned */
    char *name;    /* of the server, as the user wrote it; owned */
    int64_t backoff_min_us;
    int64_t backoff_max_us;
    size_t queue_max_bytes;
    struct rng rng;

    enum client_state state;
    struct link_socket socket;
    struct link_waker waker;
    struct link_queue queue;
    struct buf scratch;
    struct arena *arena;
    struct deadlines deadlines;
    struct deadline turn;
    struct deadline pulse; /* OPEN: ping or silence */
    int64_t now_us;        /* of the last run */
    int64_t due_us;        /* the next deadline at the end of the last run; 0: there was none */
    int64_t heard_us;
    int64_t opened_us;
    int64_t ping_us;
    int64_t silence_us;
    int64_t merciful_until_us; /* we were late ourselves: the server is not silent before that */
    unsigned attempts;         /* since a session was steady */
    bool is_found;             /* the name has an address */
    bool is_connected;         /* TCP */
    bool was_open;             /* OVER: a session is to be told of */
    bool is_final;             /* OVER */
    bool is_running;
    char reason[ERR_TEXT_MAX];  /* LOST and OVER */
    char trouble[ERR_TEXT_MAX]; /* told last; "" since a session */
};

/* The one way from state to state. */
void client_move(struct link_client *self, enum client_state state);
/* The attempt or session is over; told from link_client_run, when its caller is ready for it. */
void client_end(struct link_client *self, const char *reason, bool is_final);
/* The same, once what came before is read. */
void client_lose(struct link_client *self, const char *reason);

/* 0: written or queued. -ENOBUFS: dropped, as by link_client_send. -ENOTCONN: the queue was full,
 * which ends the session. */
int client_write(struct link_client *self, const struct message *message, struct err *err);

/* WAITING: make a socket, and let HELLO go as soon as it can. */
void client_connect(struct link_client *self);
/* GREETING: it took too long. */
void client_give_up(struct link_client *self);
/* What libzmq tells about the connection. */
void client_read_monitor(struct link_client *self);

#endif
