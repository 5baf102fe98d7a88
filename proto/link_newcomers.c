/* Who finishes ZeroMQ's handshake and then says nothing would keep its descriptor for ever: libzmq's
 * limit ends with the handshake, its heartbeats are answered by any libzmq, and ROUTER does not speak
 * of who did not. So each connection is looked at once, when its time for HELLO is over. That time
 * runs from the accept, because only that event has the descriptor: the handshake's own says 0.
 *
 * A connection on which a peer was heard needs nothing from us: its first message made it a session
 * or had it dismissed. It is not struck off before, because a HELLO may be read before the accept is
 * told; and a frame of an earlier connection with the same descriptor (see link_peer.c) would strike
 * off the wrong one. By the look that is sorted out. */
#include "proto/link_peer.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/mem.h"

static void remove_newcomer(struct link_server *self, struct newcomer *newcomer)
{
    deadline_cancel(&self->deadlines, &newcomer->hello);
    HASH_DEL(self->newcomers, newcomer);
    free(newcomer);
}

static struct newcomer *find(struct link_server *self, int fd)
{
    struct newcomer *newcomer;

    HASH_FIND_INT(self->newcomers, &fd, newcomer);
    return newcomer;
}

static bool is_heard(const struct link_server *self, int fd)
{
    return (size_t)fd < self->by_fd_count && self->by_fd[fd];
}

static void on_hello_due(void *owner, struct deadline *deadline)
{
    struct link_server *self = owner;
    int fd = CONTAINER_OF(deadline, struct newcomer, hello)->fd;
    struct newcomer *newcomer;

    link_server_read_monitor(self); /* so that we do not cut what has this descriptor by now */
    newcomer = find(self, fd);
    if (!newcomer || deadline_is_set(&newcomer->hello))
        return; /* it is gone, or this is another one */
    if (is_heard(self, fd)) {
        remove_newcomer(self, newcomer);
        return;
    }
    if (self->now_us < self->merciful_until_us) {
        deadline_set(&self->deadlines, deadline, self->merciful_until_us);
        return;
    }
    self->stats.rejected++;
    shutdown(fd, SHUT_RDWR);
    remove_newcomer(self, newcomer);
}

void newcomer_expect(struct link_server *self, int fd)
{
    struct newcomer *newcomer = fd < 0 ? NULL : find(self, fd);

    if (fd < 0)
        return;
    if (!newcomer) {
        newcomer = mem_new(struct newcomer);
        newcomer->fd = fd;
        newcomer->hello.due = on_hello_due;
        HASH_ADD_INT(self->newcomers, fd, newcomer);
    }
    deadline_set(&self->deadlines, &newcomer->hello, self->now_us + self->hello_us);
}

void newcomer_forget(struct link_server *self, int fd)
{
    struct newcomer *newcomer = find(self, fd);

    if (newcomer)
        remove_newcomer(self, newcomer);
}

void newcomers_fini(struct link_server *self)
{
    struct newcomer *newcomer, *next;

    HASH_ITER (hh, self->newcomers, newcomer, next)
        remove_newcomer(self, newcomer);
}
