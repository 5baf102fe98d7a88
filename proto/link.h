/* proto/link.h - the link: ZeroMQ sockets, sessions, queues, keys. Only proto/link*.c know libzmq.
 *
 * A server (the master) is one ROUTER socket, a client (an agent, a framework) one DEALER without
 * an identity of its own. A connection becomes a *session* when the client's HELLO is answered by
 * WELCOME; a session never outlives its connection, and its number is never used again in the
 * process's life. What a peer sends before that, or garbage, costs it its connection, nobody else
 * anything.
 *
 * The link answers HELLO, PING and GOODBYE itself; everything else goes up decoded. A message of a
 * type that this version does not know is skipped. It pings idle sessions and closes silent ones. A
 * peer that reads too slowly has its own queue up to `queue_max_bytes` (and some dozens
 * of messages inside libzmq), then it is cut. All functions of one object on one thread; nothing
 * blocks unless said. Time is given by the caller (mono_us), so that the loop above stays the only
 * one that reads clocks. Callbacks come from link_*_run only, never from within a call that sends
 * or closes, and must not destroy the object.
 *
 * Keys: without `keys` only loopback addresses may be bound or connected to (-EPERM else, unless
 * `insecure`); a ZAP handler runs in either case, because without one random bytes arrive as
 * messages. With keys the link is CURVE, and a server takes only clients whose public key it was
 * given (or any, when none is listed).
 */
#ifndef PROFFER_PROTO_LINK_H
#define PROFFER_PROTO_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/message.h"

/* The context of a process; at most one. Made after every fork that the process will do, and
 * destroyed after its servers and clients; that waits for what lingers. */
struct link_context;
int link_context_new(struct link_context **ret_context, struct err *err);
void link_context_destroy(struct link_context **self_p);

struct link_keys {
    char public_key[41]; /* Z85 */
    char secret_key[41]; /* "": a public certificate was read */
    /* Public keys, Z85, borrowed: of the server (a client has exactly one), or of those let in. */
    const char *const *peers;
    size_t peers_count;
    const char **loaded; /* owned, as the next: the peers that link_keys_load read */
    char *loaded_text;
};

enum link_side { LINK_SERVER, LINK_CLIENT };

/* Read a certificate as czmq's zcert writes it: `path`_secret when there is such a file, else `path`.
 * Its metadata say who the peers are: for a client `server`, the server's public key; for a server
 * `clients`, the path of a list of those let in: one public key a line, then, after a space, a note; a
 * line that begins with '#' and is no key is a comment. Without them there are no peers; others may be
 * set in their place. -EACCES: the secret can be read by others; -EINVAL and so on with a text. */
int link_keys_load(const char *path, enum link_side side, struct link_keys *ret_keys,
                   struct err *err);
void link_keys_fini(struct link_keys *self);

/* --- server ----------------------------------------------------------------------------------- */

struct link_server;

/* Borrowed until link_server_new returns. */
struct link_server_settings {
    const char *address; /* numeric ip */
    uint16_t port;       /* 0: the kernel picks */
    const struct link_keys *keys;
    bool insecure;
    int64_t ping_ms;        /* 0: 5 s */
    int64_t silence_ms;     /* 0: 3 pings */
    int64_t hello_ms;       /* from the TCP connection to HELLO; 0: 10 s */
    size_t queue_max_bytes; /* of one peer; 0: 64 MiB */
    const char *version;    /* told in WELCOME */
};

struct link_server_events {
    void *owner;
    /* A session began. Called before its first message. `peer_address` is an ip. */
    void (*on_open)(void *owner, uint64_t session, const struct msg_hello *hello,
                    const char *peer_address);
    /* `message` lives until the call returns. Closing this or other sessions inside is allowed. */
    void (*on_message)(void *owner, uint64_t session, const struct message *message);
    /* The session is over: by its peer, by silence, by an error. What a peer sent before it left
     * was told before. Not called for link_server_close and link_server_destroy. */
    void (*on_close)(void *owner, uint64_t session, const char *reason);
};

/* -EADDRINUSE and the like with advice in the text, -EINVAL, -EPERM. */
int link_server_new(struct link_context *context, const struct link_server_settings *settings,
                    const struct link_server_events *events, struct link_server **ret_server,
                    struct err *err);
/* Says GOODBYE to all. Blocks until the port is free again: a few milliseconds. */
void link_server_destroy(struct link_server **self_p);
uint16_t link_server_port(const struct link_server *self);
/* An epoll descriptor, level-triggered as any: readable when there may be something to do. */
int link_server_fd(const struct link_server *self);
/* Do what there is to do, for at most `budget` messages; the descriptor stays readable when there
 * is more. How many were handled. Call it when the descriptor is readable, and when the deadline
 * has come (DEADLINE_NEVER: none). */
int link_server_run(struct link_server *self, int64_t now_us, int budget);
int64_t link_server_next_deadline_us(const struct link_server *self);

/* 0: sent or queued. -ENOTCONN: no such session (any more); its on_close comes, if it was not
 * closed by you. -EMSGSIZE. -ENOBUFS: MESSAGE_TO_EXECUTOR and MESSAGE_TO_FRAMEWORK, which carry no
 * promise, are dropped when they would take the peer's queue over half its limit; the session goes
 * on. The bytes are made at once: the message is the caller's again. */
int link_server_send(struct link_server *self, uint64_t session, const struct message *message,
                     struct err *err);
/* GOODBYE and the end of the session; `try_again` false: the client gives up for good. Nothing
 * happens when there is no such session. */
void link_server_close(struct link_server *self, uint64_t session, const char *reason,
                       bool try_again);

/* What happened so far, for metrics. */
struct link_stats {
    uint64_t messages_in, messages_out, bytes_in, bytes_out;
    uint64_t sessions, sessions_opened, sessions_closed;
    uint64_t rejected;    /* what was no message of ours or not in its place, or no HELLO in time */
    uint64_t cut_for_lag; /* sessions closed because their queue was full */
    uint64_t dropped_for_lag; /* messages without a promise, for a queue that was half full */
    uint64_t queued_bytes;    /* now */
};
void link_server_stats(const struct link_server *self, struct link_stats *ret_stats);

/* --- client ----------------------------------------------------------------------------------- */

struct link_client;

/* Borrowed until link_client_new returns. */
struct link_client_settings {
    const char *address; /* "host:port" of the server; a name is resolved at each attempt */
    enum peer_kind kind;
    const struct link_keys *keys;
    bool insecure;
    const char *version;
    int64_t backoff_min_ms; /* 0: 50 ms; doubles, with jitter, until a session has lasted a while */
    int64_t backoff_max_ms; /* 0: 15 s */
    size_t queue_max_bytes; /* 0: 64 MiB */
    uint64_t seed;          /* of the jitter */
};

struct link_client_events {
    void *owner;
    void (*on_open)(void *owner, const struct msg_welcome *welcome);
    void (*on_message)(void *owner, const struct message *message);
    /* The session is over; the client connects again by itself unless `final`: trying again is
     * useless (a version that does not fit, a key that is not let in); then it may come without an
     * on_open before it. Not called for link_client_reconnect and link_client_destroy. */
    void (*on_close)(void *owner, const char *reason, bool final);
    /* An attempt to connect failed; told once per different reason, anew after each session. */
    void (*on_trouble)(void *owner, const char *reason);
};

/* Connects from link_client_run. Each session has a socket of its own: nothing of an old session is
 * delivered in a new one. */
int link_client_new(struct link_context *context, const struct link_client_settings *settings,
                    const struct link_client_events *events, struct link_client **ret_client,
                    struct err *err);
/* Says GOODBYE. What was sent has `linger_ms` to leave; blocks while some of it still waits for
 * room, and link_context_destroy for the rest. */
void link_client_destroy(struct link_client **self_p, int64_t linger_ms);
/* As link_server_fd; the same for life. */
int link_client_fd(const struct link_client *self);
/* As link_server_run. */
int link_client_run(struct link_client *self, int64_t now_us, int budget);
int64_t link_client_next_deadline_us(const struct link_client *self);
bool link_client_is_open(const struct link_client *self);
/* As link_server_send: -ENOTCONN while there is no session, -EMSGSIZE, -ENOBUFS. */
int link_client_send(struct link_client *self, const struct message *message, struct err *err);
/* End the session and connect again at once. */
void link_client_reconnect(struct link_client *self, const char *reason);

#endif
