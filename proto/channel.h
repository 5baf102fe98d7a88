/* proto/channel.h - messages over a stream socket between two processes of one host: agent and
 * launcher.
 *
 * On the wire: four bytes of length (little-endian), then one frame of message.h. Single-threaded;
 * never blocks. Life: init, then on a readable descriptor `fill` and `next` until it gives 0;
 * `send` queues and `flush` writes, so that a loop writes once for all it has to say. What either
 * side can make us hold is bounded by FRAME_MAX and CHANNEL_BACKLOG_MAX.
 */
#ifndef PROFFER_PROTO_CHANNEL_H
#define PROFFER_PROTO_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "proto/message.h"

#define CHANNEL_BACKLOG_MAX                                                                        \
    ((size_t)64 * 1024 * 1024) /* bytes queued for a peer that does not read */

struct channel {
    int fd; /* owned */
    struct buf in;
    size_t in_taken; /* bytes of `in` that `next` has handed out */
    struct buf out;
    size_t out_sent; /* bytes of `out` that are written */
};

/* Takes over a connected SOCK_STREAM socket, blocking or not. */
void channel_init(struct channel *self, int fd);
/* Closes it; what was not flushed is lost. A second call does nothing. */
void channel_fini(struct channel *self);

/* Read once. The number of bytes; 0: the peer has closed, and `next` gives what came before that;
 * -EAGAIN: nothing there now; another -errno: the connection is over. */
int channel_fill(struct channel *self);
/* 1: a message, living in `arena`; 0: none is complete. -EMSGSIZE: the stream cannot be followed
 * any more (a length of 0 or beyond FRAME_MAX), close it. Any other -errno is message_decode's:
 * that frame is skipped, the next call goes on behind it. */
int channel_next(struct channel *self, struct arena *arena, struct message *ret_message,
                 struct err *err);

/* Queue. message_encode's errors, or -ENOBUFS when the backlog is full; nothing is queued then. */
int channel_send(struct channel *self, const struct message *message, struct err *err);
/* Write what is queued. 0: all of it; 1: the rest when the descriptor is writable; -errno (-EPIPE
 * and so on): the connection is over. No SIGPIPE. */
int channel_flush(struct channel *self);
bool channel_has_output(const struct channel *self);

#endif
