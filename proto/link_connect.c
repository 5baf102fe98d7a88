/* proto/link_connect.c - a client's way to a session: look-up, TCP, ZeroMQ's handshake, HELLO. */
#include "proto/link_client.h"

#include <errno.h>

#include "base/clock.h"

#define ATTEMPT_MS 5000 /* from the name's look-up to WELCOME */

/* A session's socket is closed when its connection ends, so libzmq is not to connect it again. Its
 * own ways to say so (-1, or IMMEDIATE) make it throw away, when the connection ends, what we had
 * not read yet: the server's GOODBYE, most of all. */
#define NEVER_MS (60 * 60 * 1000)

static void on_handshake_failure(struct link_client *self, int event, int detail)
{
    const char *reason = "ended the connection within the handshake";
    struct err err;

    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && detail == 400) {
        err_set(&err, -EACCES, "%s does not let this key in: have %s put on its list", self->name,
                self->has_keys ? self->keys.public_key : "a key");
        client_end(self, err.text, true);
        return;
    }
    if (detail == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
        reason =
            self->has_keys ? "does not use keys, and we do" : "asks for keys, and we have none";
    else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
        reason = "does not speak our protocol";
    else if (self->has_keys)
        reason = "ended the connection within the handshake: is the server's key the right one?";
    err_set(&err, -EPROTO, "%s %s", self->name, reason);
    client_end(self, err.text, false);
}

static void on_event(struct link_client *self, int event, int value)
{
    struct err err;

    switch (event) {
    case ZMQ_EVENT_CONNECTED:
        self->is_connected = true;
        self->is_found = true;
        break;
    case ZMQ_EVENT_CONNECT_DELAYED:
        self->is_found = true;
        break;
    case ZMQ_EVENT_CLOSED:
        if (self->is_connected)
            break;
        err_set(&err, -ECONNREFUSED, "%s cannot be reached: does a master run there?", self->name);
        client_end(self, err.text, false);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        err_set(&err, -ECONNRESET, "the connection to %s was lost", self->name);
        if (self->state != CLIENT_LOST)
            client_lose(self, err.text);
        break;
    default:
        on_handshake_failure(self, event, value);
    }
}

void client_read_monitor(struct link_client *self)
{
    int event, value;

    while (self->socket.zmq && self->state != CLIENT_OVER &&
           link_socket_next_event(&self->socket, &event, &value))
        on_event(self, event, value);
}

static int open_socket(struct link_client *self, struct err *err)
{
    /* libzmq takes a name's first address of one family; so the families take turns. */
    bool is_ipv6 = self->address.is_name ? self->attempts % 2 : self->address.is_ipv6;
    const struct link_option options[] = {
        {ZMQ_RECONNECT_IVL, NEVER_MS},
        {ZMQ_IPV6, is_ipv6},
        {ZMQ_CONNECT_TIMEOUT, ATTEMPT_MS},
        {0, 0},
    };
    char endpoint[LINK_ENDPOINT_MAX];
    int result = link_socket_open(&self->socket, self->context, ZMQ_DEALER, options, err);

    if (result == 0 && self->has_keys)
        result = link_socket_set_keys(&self->socket, &self->keys, self->server_key, err);
    if (result == 0)
        result = link_waker_watch(&self->waker, &self->socket, err);
    if (result < 0)
        return result;
    link_address_print(&self->address, endpoint, sizeof(endpoint));
    if (zmq_connect(self->socket.zmq, endpoint))
        return err_set(err, -errno, "%s: %s", self->name, zmq_strerror(errno));
    return 0;
}

void client_connect(struct link_client *self)
{
    struct err err;

    self->is_found = false;
    self->is_connected = false;
    if (open_socket(self, &err) < 0) {
        client_end(self, err.text, false);
        return;
    }
    client_move(self, CLIENT_GREETING);
    deadline_set(&self->deadlines, &self->turn, self->now_us + ATTEMPT_MS * US_PER_MS);
    client_write(self,
                 &MESSAGE(HELLO, hello, .protocol_version = PROTOCOL_VERSION, .kind = self->kind,
                          .version = self->version),
                 NULL);
}

void client_give_up(struct link_client *self)
{
    const char *what = self->is_connected ? "does not answer: is it a Proffer master?"
                       : self->is_found   ? "cannot be reached: does a master run there?"
                                          : "has no address that can be found: is the name right?";
    struct err err;

    err_set(&err, -ETIMEDOUT, "%s %s", self->name, what);
    client_end(self, err.text, false);
}
