/* agent/executor_socket.h - the socket by which executors reach their agent: <work>/executors/agent.sock.
 *
 * Any local user can connect; who somebody is, the core finds out. Until it has (admit), a connection is a stranger's:
 * there are few, for a short time, and they may not say much. A slow or silent peer costs no more than its buffers. The
 * wire is that of proto/channel.h. For the agent's loop, single-threaded; never blocks.
 */
#ifndef PROFFER_AGENT_EXECUTOR_SOCKET_H
#define PROFFER_AGENT_EXECUTOR_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/message.h"

#define STRANGERS_MAX       64                     /* of more the oldest is dropped */
#define STRANGER_US         ((int64_t)5 * 1000000) /* to say who it is */
#define STRANGER_BYTES      ((size_t)64 * 1024)
#define EXECUTOR_LATE_BYTES ((size_t)1024 * 1024)      /* unread: it is told to wait */
#define EXECUTOR_LOST_BYTES ((size_t)16 * 1024 * 1024) /* unread: it is dropped */

struct executor_socket;

/* Called from run; each may send, admit, hear and drop. `connection` is never used again. */
struct executor_events {
    void *owner;
    void (*on_message)(void *owner, uint64_t connection, const struct message *message);
    /* It is over, and not by a drop. */
    void (*on_lost)(void *owner, uint64_t connection);
    /* What was queued for it, when a send said -EAGAIN, is read. */
    void (*on_ready)(void *owner, uint64_t connection);
};

/* In that folder (O_PATH is enough), which is ours; a socket that an earlier agent left in it is replaced. */
int executor_socket_open(int dir_fd, const struct executor_events *events,
                         struct executor_socket **ret_socket, struct err *err);
void executor_socket_close(struct executor_socket **self_p);
/* Readable when run has something to do. */
int executor_socket_fd(const struct executor_socket *self);
/* What has come, and whose time is over. */
void executor_socket_run(struct executor_socket *self, int64_t now_us);
/* Once a turn: what was sent goes out, what was dropped is closed. */
void executor_socket_flush(struct executor_socket *self);
/* Monotonic; DEADLINE_NEVER. */
int64_t executor_socket_next_deadline_us(const struct executor_socket *self);

/* 0, of a connection that is no more too; -EAGAIN with `can_wait`: it has enough to read. */
int executor_socket_send(struct executor_socket *self, uint64_t connection,
                         const struct message *message, bool can_wait);
void executor_socket_admit(struct executor_socket *self, uint64_t connection);
/* While it is not heard, what it says stays where it is: no more of it is in memory than has been read already. That it
 * has gone is told when it is heard again and all that it had said was, or when it cannot be told something. */
void executor_socket_hear(struct executor_socket *self, uint64_t connection, bool is_heard);
void executor_socket_drop(struct executor_socket *self, uint64_t connection);

#endif
