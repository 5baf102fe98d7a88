/* proto/link_context.c - the process's ZeroMQ context. */
#include "proto/link_socket.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/link_zap.h"

/* A client takes three: the socket, its monitor, and libzmq's end of that. */
#define SOCKETS_MAX 8192

int link_context_new(struct link_context **ret_context, struct err *err)
{
    CLEANUP(link_context_destroy) struct link_context *self = mem_new(struct link_context);

    pthread_mutex_init(&self->lock, NULL);
    self->zmq = zmq_ctx_new();
    if (!self->zmq)
        return err_set(err, -errno, "ZeroMQ context: %s", zmq_strerror(errno));
    if (zmq_ctx_set(self->zmq, ZMQ_MAX_SOCKETS, SOCKETS_MAX))
        return err_set(err, -errno, "ZeroMQ sockets: %s", zmq_strerror(errno));
    *ret_context = TAKE(self);
    return 0;
}

void link_context_destroy(struct link_context **self_p)
{
    struct link_context *self = *self_p;

    if (!self)
        return;
    if (self->zmq)
        zmq_ctx_shutdown(self->zmq); /* ends the ZAP thread; what lingers goes on */
    link_zap_destroy(&self->zap);
    while (self->zmq && zmq_ctx_term(self->zmq) && errno == EINTR)
        ;
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}
