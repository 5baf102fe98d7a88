/* proto/desk.h - questions of an agent that its launcher answers one at a time, with descriptors if need be.
 *
 * A socket that keeps the bounds of what is written (SOCK_SEQPACKET) is a desk: one packet is one question or
 * one answer (DESK_ANSWER), a number of eight bytes and behind it a frame of message.h. Who asks waits; an answer
 * that comes after nobody waited any more is told by its number and thrown away, with the descriptor in it. Each
 * desk is for one thread.
 */
#ifndef PROFFER_PROTO_DESK_H
#define PROFFER_PROTO_DESK_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "proto/message.h"

#define DESK_PACKET_MAX      16384 /* bytes */
#define DESK_DESCRIPTORS_MAX 2
#define DESK_TIMEOUT_MS      10000

/* --- who asks ----------------------------------------------------------------------------------- */

struct desk {
    int fd;         /* owned */
    uint64_t asked; /* so many times */
};

/* Takes over a connected SOCK_SEQPACKET socket. */
void desk_init(struct desk *self, int fd);
void desk_fini(struct desk *self);
/* Ask, and wait for the answer, which lives in `arena`. 0;
 * -errno with a text: the answer's code, -ETIMEDOUT, or -EPIPE: there is nobody. `ret_fds` are the caller's; -1 for
 * those that the answer does not bring; NULL: none is wanted. */
int desk_ask(struct desk *self, const struct message *question, struct arena *arena,
             const struct msg_desk_answer **ret_answer, int ret_fds[DESK_DESCRIPTORS_MAX],
             struct err *err);

/* --- who answers -------------------------------------------------------------------------------- */

struct desk_packet {
    uint64_t number;
    struct message message;        /* in the arena */
    int fds[DESK_DESCRIPTORS_MAX]; /* owned, see desk_packet_fini */
    size_t fds_count;
};

/* 1: a packet; 0: the other end is closed; -EAGAIN: nothing there now; -EBADMSG with a text: not to be understood,
 * and dropped but for its number, 0 if that is not known; another -errno: the socket is over. Does not wait. */
int desk_receive(int fd, struct arena *arena, struct desk_packet *ret_packet, struct err *err);
void desk_packet_fini(struct desk_packet *packet);
/* With up to DESK_DESCRIPTORS_MAX descriptors, which stay the caller's. Waits for nobody: -EAGAIN when the other side
 * does not read. */
int desk_send(int fd, uint64_t number, const struct message *message, const int *fds, size_t count,
              struct err *err);
/* DESK_ANSWER: `rc` 0 or -errno with the text in `why`; with the first `count` of these descriptors. */
int desk_answer(int fd, uint64_t number, int rc, const struct err *why, int64_t watch,
                const int *fds, size_t count);

#endif
