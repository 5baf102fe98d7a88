/* proto/link_socket.h - inside the link: ZeroMQ sockets with their options and monitors, wake-ups,
 * frames.
 *
 * Only the files proto/link*.c include this or know libzmq. Nothing here blocks. A -errno may be
 * one of libzmq's own numbers; texts come from zmq_strerror.
 */
#ifndef PROFFER_PROTO_LINK_SOCKET_H
#define PROFFER_PROTO_LINK_SOCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>

#include <zmq.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/link.h"

#define LINK_PING_MS      5000
#define LINK_SILENT_PINGS 3 /* without an answer: silence */
#define LINK_QUEUE_MAX    (64 * 1024 * 1024)
#define LINK_HANDSHAKE_MS 5000 /* from the TCP connection to ZeroMQ's own handshake's end */
/* From the TCP connection to HELLO: five seconds beyond the handshake's. */
#define LINK_HELLO_MS (LINK_HANDSHAKE_MS + 5000)
/* Messages of one peer inside libzmq, each way: it does not count bytes, and what waits there is
 * beyond queue_max_bytes. So few, but enough that its thread always has something to write. */
#define LINK_FRAMES_AHEAD 64

struct link_zap;

struct link_context {
    void *zmq;
    pthread_mutex_t lock;          /* of zap's birth */
    struct link_zap *zap;          /* owned; from the first server on */
    atomic_uint_fast64_t sessions; /* numbers given so far, by all servers */
    atomic_uint_fast64_t names;    /* of inner endpoints and ZAP domains, given so far */
};

/* --- addresses -------------------------------------------------------------------------------- */

#define LINK_ENDPOINT_MAX 300

struct link_address {
    char host[256]; /* without brackets */
    uint16_t port;
    bool is_name; /* no numeric ip */
    bool is_ipv6;
    bool is_loopback; /* "localhost" included */
};

/* "10.0.0.1:5050", "[::1]:5050", "master.example:5050". */
int link_address_parse(struct link_address *self, const char *text, struct err *err);
/* A numeric ip. */
int link_address_set(struct link_address *self, const char *ip, uint16_t port, struct err *err);
/* "tcp://[::1]:5050"; port 0 gives "*". */
void link_address_print(const struct link_address *self, char *ret_endpoint, size_t size);

/* --- sockets ---------------------------------------------------------------------------------- */

struct link_option {
    int name;
    int value;
};

struct link_socket {
    void *zmq;     /* NULL: closed */
    void *monitor; /* a PAIR that tells of connections; never full, so that it never holds up libzmq
                    */
};

/* With the options every socket of ours has, and `options` (ended by {0, 0}). Close it in any case.
 */
int link_socket_open(struct link_socket *self, struct link_context *context, int type,
                     const struct link_option *options, struct err *err);
void link_socket_close(struct link_socket *self, int linger_ms);
/* CURVE. `server_key` NULL: this is the server. */
int link_socket_set_keys(struct link_socket *self, const struct link_keys *keys,
                         const char *server_key, struct err *err);
int link_socket_fd(void *socket);
/* ZMQ_POLLIN, ZMQ_POLLOUT. Asking makes libzmq see to its commands, as writing does; only after
 * this is the descriptor's silence to be trusted. */
int link_socket_events(void *socket);
/* The event (ZMQ_EVENT_...) and its number; false when there is none. */
bool link_socket_next_event(struct link_socket *self, int *ret_event, int *ret_value);

/* zmq_msg_recv and zmq_msg_send, DONTWAIT, over signals. 0 or -errno. */
int link_receive(void *socket, zmq_msg_t *frame);
int link_transmit(void *socket, zmq_msg_t *frame);

/* --- frames ----------------------------------------------------------------------------------- */

/* Encode; on success *ret_frame is initialised. `scratch` is reused; a large frame takes its
 * memory. */
int link_frame_make(const struct message *message, struct buf *scratch, zmq_msg_t *ret_frame,
                    struct err *err);

/* Opaque data between a framework and its tasks: whoever sends it floods a queue at will, and nobody
 * was promised that it comes. It shall not cost the session of who was promised the rest: it is
 * dropped when it would take the queue over half its limit. */
bool link_has_promise(enum msg_type type);

/* Frames that wait for one peer. Zeroed is empty. */
struct link_queue {
    struct link_frame *head; /* oldest first */
    struct link_frame *tail;
    size_t bytes; /* what they cost us in memory */
};

size_t link_queue_cost(const zmq_msg_t *frame);
void link_queue_push(struct link_queue *self, zmq_msg_t *frame); /* moves it */
zmq_msg_t *link_queue_first(const struct link_queue *self);      /* NULL when empty */
void link_queue_pop(struct link_queue *self);
void link_queue_clear(struct link_queue *self);

/* --- wake-ups --------------------------------------------------------------------------------- */

#define LINK_AT_SOCKET  1
#define LINK_AT_MONITOR 2

/* One epoll descriptor over what libzmq signals and over our own "there is more to do". */
struct link_waker {
    int epoll_fd;
    int event_fd;
    bool is_set;
};

int link_waker_init(struct link_waker *self, struct err *err);
void link_waker_fini(struct link_waker *self);
/* Both of the socket's descriptors. Forget them before the socket is closed. */
int link_waker_watch(struct link_waker *self, const struct link_socket *socket, struct err *err);
void link_waker_forget(struct link_waker *self, const struct link_socket *socket);
/* Keep the epoll descriptor readable until the next look. */
void link_waker_set(struct link_waker *self);
/* What is there to look at, as LINK_AT_... bits. After each turn libzmq was asked until it had
 * nothing, so what is not among them has nothing to tell: asking it costs more than this. */
int link_waker_look(struct link_waker *self);

#endif
