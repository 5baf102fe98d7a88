/* proto/link_listen.c - a server's beginning and end: keys, port, and giving the port back. */
#include "proto/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"
#include "proto/link_peer.h"
#include "proto/link_zap.h"

#define BACKLOG   4096 /* libzmq's 100 makes the 101st of a restarted cluster wait a second */
#define LINGER_MS 500  /* for the peers to take their GOODBYE */
#define UNBIND_MS 1000 /* until libzmq's thread has closed the listening socket */

static int bind_failed(const struct link_address *address, int code, struct err *err)
{
    const char *advice = "";

    if (code == EADDRINUSE)
        advice = ": is another master running? choose another --port";
    else if (code == EACCES)
        advice = ": ports below 1024 are for root; choose another --port";
    else if (code == EADDRNOTAVAIL || code == ENODEV)
        advice = ": this host has no such address";
    return err_set(err, -code, "bind %s%s%s:%u: %s%s", address->is_ipv6 ? "[" : "", address->host,
                   address->is_ipv6 ? "]" : "", address->port, zmq_strerror(code), advice);
}

static int listen_on(struct link_server *self, const struct link_address *address, struct err *err)
{
    char endpoint[LINK_ENDPOINT_MAX];
    size_t size = sizeof(self->endpoint);
    int64_t port = 0;
    int result;

    link_address_print(address, endpoint, sizeof(endpoint));
    if (zmq_bind(self->socket.zmq, endpoint))
        return bind_failed(address, errno, err);
    if (zmq_getsockopt(self->socket.zmq, ZMQ_LAST_ENDPOINT, self->endpoint, &size))
        return bind_failed(address, errno, err);
    result = units_parse_int(strrchr(self->endpoint, ':') + 1, 1, UINT16_MAX, &port, err);
    self->port = (uint16_t)port;
    return result;
}

/* Also without keys: a ZAP domain is what makes libzmq refuse peers that speak ZMTP 1.0. */
static int guard(struct link_server *self, const struct link_keys *keys, struct err *err)
{
    int result = 0;

    pthread_mutex_lock(&self->context->lock);
    if (!self->context->zap)
        result = link_zap_new(self->context->zmq, &self->context->zap, err);
    pthread_mutex_unlock(&self->context->lock);
    if (result < 0)
        return result;
    snprintf(self->domain, sizeof(self->domain), "link-%" PRIuFAST64,
             atomic_fetch_add(&self->context->names, 1));
    result = link_zap_add(self->context->zap, self->domain, keys, err);
    if (result < 0)
        return result;
    if (zmq_setsockopt(self->socket.zmq, ZMQ_ZAP_DOMAIN, self->domain, strlen(self->domain)))
        return err_set(err, -errno, "ZAP domain: %s", zmq_strerror(errno));
    return keys ? link_socket_set_keys(&self->socket, keys, NULL, err) : 0;
}

static int open_server(struct link_server *self, const struct link_server_settings *settings,
                       struct err *err)
{
    struct link_address address;
    int result = link_address_set(&address, settings->address, settings->port, err);

    if (result < 0)
        return result;
    if (!address.is_loopback && !settings->keys && !settings->insecure)
        return err_set(err, -EPERM,
                       "bind %s: without keys only this host may connect: give keys, bind "
                       "127.0.0.1, or say that it shall be insecure",
                       settings->address);
    result = link_socket_open(
        &self->socket, self->context, ZMQ_ROUTER,
        (const struct link_option[]){
            {ZMQ_ROUTER_MANDATORY, 1}, {ZMQ_BACKLOG, BACKLOG}, {ZMQ_IPV6, address.is_ipv6}, {0, 0}},
        err);
    if (result == 0)
        result = guard(self, settings->keys, err);
    if (result == 0)
        result = listen_on(self, &address, err);
    if (result == 0)
        result = link_waker_init(&self->waker, err);
    return result ? result : link_waker_watch(&self->waker, &self->socket, err);
}

static void on_retry(void *owner, struct deadline *deadline)
{
    (void)deadline;
    peers_flush(owner);
}

int link_server_new(struct link_context *context, const struct link_server_settings *settings,
                    const struct link_server_events *events, struct link_server **ret_server,
                    struct err *err)
{
    CLEANUP(link_server_destroy) struct link_server *self = mem_new(struct link_server);
    int64_t ping_ms = settings->ping_ms ? settings->ping_ms : LINK_PING_MS;
    int64_t silence_ms = settings->silence_ms ? settings->silence_ms : ping_ms * LINK_SILENT_PINGS;
    int result;

    self->context = context;
    self->events = *events;
    self->version = mem_strdup(settings->version);
    self->ping_us = ping_ms * US_PER_MS;
    self->silence_us = silence_ms * US_PER_MS;
    self->hello_us = (settings->hello_ms ? settings->hello_ms : LINK_HELLO_MS) * US_PER_MS;
    self->queue_max_bytes = settings->queue_max_bytes ? settings->queue_max_bytes : LINK_QUEUE_MAX;
    self->retry.due = on_retry;
    self->arena = arena_new(MESSAGE_MEMORY_MAX(FRAME_MAX));
    self->waker = (struct link_waker){.epoll_fd = -1, .event_fd = -1};
    result = open_server(self, settings, err);
    if (result < 0)
        return result;
    *ret_server = TAKE(self);
    return 0;
}

/* libzmq's thread closes the listening socket when it comes to it; whoever starts a server again at
 * once wants the port. The connections go with it, after what was written to them. */
static void stop_listening(struct link_server *self)
{
    zmq_pollitem_t item = {.socket = self->socket.monitor, .events = ZMQ_POLLIN};
    int linger_ms = LINGER_MS;
    int event = 0, fd;

    if (!*self->endpoint)
        return;
    zmq_setsockopt(self->socket.zmq, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
    if (zmq_unbind(self->socket.zmq, self->endpoint))
        return;
    while (event != ZMQ_EVENT_CLOSED && zmq_poll(&item, 1, UNBIND_MS) > 0)
        link_socket_next_event(&self->socket, &event, &fd);
}

void link_server_destroy(struct link_server **self_p)
{
    struct link_server *self = *self_p;
    struct peer *peer, *next;

    if (!self)
        return;
    HASH_ITER (by_route, self->by_route, peer, next) {
        peer_dismiss(self, peer, "the server ends", true);
        peer_free(self, peer);
    }
    if (self->socket.zmq) {
        stop_listening(self);
        link_waker_forget(&self->waker, &self->socket);
    }
    link_socket_close(&self->socket, LINGER_MS);
    link_waker_fini(&self->waker);
    if (*self->domain)
        link_zap_remove(self->context->zap, self->domain);
    newcomers_fini(self);
    deadlines_fini(&self->deadlines);
    arena_destroy(&self->arena);
    buf_fini(&self->scratch);
    free(self->by_fd);
    free(self->version);
    free(self);
    *self_p = NULL;
}
