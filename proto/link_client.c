#include "proto/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proto/link_client.h"

#define BACKOFF_MIN_MS  50
#define BACKOFF_MAX_MS  15000
#define ATTEMPT_MS      5000           /* from the name's look-up to WELCOME */
#define STEADY_US       (1 * US_PER_S) /* a session of so long makes the back-off start anew */
#define LOST_READ_US    (10 * US_PER_MS)
#define GOODBYE_MS      200 /* to leave, when we connect again */
#define INTERVAL_MIN_MS 10  /* whatever a server says */

static const bool moves[CLIENT_STATE_MAX][CLIENT_STATE_MAX] = {
    [CLIENT_WAITING] = {[CLIENT_GREETING] = true, [CLIENT_OVER] = true},
    [CLIENT_GREETING] =
        {[CLIENT_OPEN] = true, [CLIENT_LOST] = true, [CLIENT_OVER] = true, [CLIENT_WAITING] = true},
    [CLIENT_OPEN] = {[CLIENT_LOST] = true, [CLIENT_OVER] = true, [CLIENT_WAITING] = true},
    [CLIENT_LOST] = {[CLIENT_OVER] = true, [CLIENT_WAITING] = true},
    [CLIENT_OVER] = {[CLIENT_WAITING] = true, [CLIENT_FINISHED] = true},
};

void client_move(struct link_client *self, enum client_state state)
{
    BUG_ON(!moves[self->state][state]);
    self->state = state;
    deadline_cancel(&self->deadlines, &self->turn);
    deadline_cancel(&self->deadlines, &self->pulse);
}

static void close_socket(struct link_client *self, int linger_ms)
{
    link_waker_forget(&self->waker, &self->socket);
    link_socket_close(&self->socket, linger_ms);
    link_queue_clear(&self->queue);
}

/* --- ends ------------------------------------------------------------------------------------- */

void client_end(struct link_client *self, const char *reason, bool is_final)
{
    if (self->state == CLIENT_OVER)
        return;
    client_move(self, CLIENT_OVER);
    self->is_final = is_final;
    if (reason != self->reason)
        snprintf(self->reason, sizeof(self->reason), "%s", reason);
    if (!self->is_running)
        link_waker_set(&self->waker);
}

void client_lose(struct link_client *self, const char *reason)
{
    client_move(self, CLIENT_LOST);
    snprintf(self->reason, sizeof(self->reason), "%s", reason);
    deadline_set(&self->deadlines, &self->turn, self->now_us + LOST_READ_US);
}

static int64_t draw_backoff(struct link_client *self)
{
    int64_t backoff = self->backoff_min_us;

    for (unsigned i = 0; i < self->attempts && backoff < self->backoff_max_us; i++)
        backoff *= 2;
    if (backoff > self->backoff_max_us)
        backoff = self->backoff_max_us;
    self->attempts++;
    return backoff / 2 + (int64_t)rng_below(&self->rng, (uint64_t)(backoff / 2 + 1));
}

static void tell_end(struct link_client *self)
{
    bool was_open = self->was_open;
    bool is_final = self->is_final;
    bool is_news = strcmp(self->reason, self->trouble) != 0;
    char reason[ERR_TEXT_MAX];

    memcpy(reason, self->reason, sizeof(reason));
    close_socket(self, 0);
    self->was_open = false;
    client_move(self, is_final ? CLIENT_FINISHED : CLIENT_WAITING);
    if (was_open && self->now_us - self->opened_us >= STEADY_US)
        self->attempts = 0;
    if (!is_final)
        deadline_set(&self->deadlines, &self->turn, self->now_us + draw_backoff(self));
    if (was_open || is_final) {
        self->events.on_close(self->events.owner, reason, is_final);
    } else if (is_news) {
        memcpy(self->trouble, reason, sizeof(reason));
        self->events.on_trouble(self->events.owner, reason);
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

static void flush(struct link_client *self)
{
    while (self->queue.head && link_transmit(self->socket.zmq, link_queue_first(&self->queue)) == 0)
        link_queue_pop(&self->queue);
}

int client_write(struct link_client *self, const struct message *message, struct err *err)
{
    zmq_msg_t frame;
    int result = link_frame_make(message, &self->scratch, &frame, err);
    size_t queued;

    if (result < 0)
        return result;
    if (!self->queue.head && link_transmit(self->socket.zmq, &frame) == 0)
        return 0;
    queued = self->queue.bytes + link_queue_cost(&frame);
    if (!link_has_promise(message->type) && queued > self->queue_max_bytes / 2) {
        zmq_msg_close(&frame);
        return err_set(err, -ENOBUFS, "%s reads too slowly: our queue is half full", self->name);
    }
    if (queued > self->queue_max_bytes) {
        zmq_msg_close(&frame);
        client_end(self, "the server reads too slowly: our queue is full", false);
        return err_set(err, -ENOTCONN, "%s", self->reason);
    }
    link_queue_push(&self->queue, &frame);
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int64_t interval_us(int64_t ms, int64_t otherwise_ms)
{
    if (ms == 0 || ms > INT32_MAX)
        ms = otherwise_ms;
    return (ms < INTERVAL_MIN_MS ? INTERVAL_MIN_MS : ms) * US_PER_MS;
}

/* The server pings after one interval of silence; we only when that does not come. */
static int64_t patience_us(const struct link_client *self)
{
    return self->ping_us + self->ping_us / 2;
}

static void on_greeting(struct link_client *self, const struct message *message)
{
    struct err err;

    if (message->type != MSG_WELCOME) {
        err_set(&err, -EPROTO, "%s: %s instead of WELCOME", self->name,
                message_name(message->type));
        client_end(self, err.text, false);
        return;
    }
    self->ping_us = interval_us(message->welcome->ping_ms, LINK_PING_MS);
    self->silence_us =
        interval_us(message->welcome->silence_ms, LINK_PING_MS * (int64_t)LINK_SILENT_PINGS);
    self->opened_us = self->now_us;
    self->trouble[0] = '\0';
    self->was_open = true;
    client_move(self, CLIENT_OPEN);
    deadline_set(&self->deadlines, &self->pulse, self->now_us + patience_us(self));
    self->events.on_open(self->events.owner, message->welcome);
}

static void on_message(struct link_client *self, const struct message *message)
{
    bool is_open = self->state == CLIENT_OPEN;

    if (message->type == MSG_GOODBYE) {
        client_end(self,
                   *message->goodbye->reason ? message->goodbye->reason : "the server said goodbye",
                   !message->goodbye->try_again);
    } else if (self->state == CLIENT_GREETING) {
        on_greeting(self, message);
    } else if (!self->was_open) {
        return; /* the connection was lost before it became a session */
    } else if (message->type == MSG_PING) {
        if (is_open)
            client_write(self, &MESSAGE(PONG, pong, .number = message->ping->number), NULL);
    } else if (message->type == MSG_HELLO || message->type == MSG_WELCOME) {
        client_end(self, "the server said HELLO or WELCOME inside a session", false);
    } else if (message->type != MSG_PONG) {
        self->events.on_message(self->events.owner, message);
    }
}

static void on_frame(struct link_client *self, zmq_msg_t *frame)
{
    struct message message;
    struct err err;
    int result;

    arena_reset(self->arena);
    result = message_decode(zmq_msg_data(frame), zmq_msg_size(frame), self->arena, &message, &err);
    if (result == -ENOMSG)
        return; /* from a newer server */
    if (result < 0) {
        err_wrap(&err, result, "from %s", self->name);
        client_end(self, err.text, result == -EPROTONOSUPPORT);
        return;
    }
    on_message(self, &message);
}

/* False: there is none. */
static bool read_one(struct link_client *self)
{
    zmq_msg_t frame;
    bool is_alone = true;

    zmq_msg_init(&frame);
    if (link_receive(self->socket.zmq, &frame))
        return false;
    self->heard_us = self->now_us;
    if (zmq_msg_more(&frame))
        is_alone = false;
    else
        on_frame(self, &frame);
    zmq_msg_close(&frame);
    if (!is_alone)
        client_end(self, "the server sent a message of several frames", false);
    return true;
}

static bool is_reading(const struct link_client *self)
{
    return self->state == CLIENT_GREETING || self->state == CLIENT_OPEN ||
           self->state == CLIENT_LOST;
}

/* --- time ------------------------------------------------------------------------------------- */

static void on_turn(void *owner, struct deadline *deadline)
{
    struct link_client *self = owner;

    if (self->state == CLIENT_WAITING)
        client_connect(self);
    else if (self->state == CLIENT_GREETING)
        client_give_up(self);
    else if (link_socket_events(self->socket.zmq) & ZMQ_POLLIN)
        deadline_set(&self->deadlines, deadline, self->now_us + LOST_READ_US);
    else
        client_end(self, self->reason, false);
}

static void on_pulse(void *owner, struct deadline *deadline)
{
    struct link_client *self = owner;
    int64_t silent_at = self->heard_us + self->silence_us;
    int64_t ping_at = self->heard_us + patience_us(self);

    if (silent_at < self->merciful_until_us)
        silent_at = self->merciful_until_us;
    if (self->now_us >= silent_at) {
        client_end(self, "the server was silent for too long", false);
        return;
    }
    if (self->now_us >= ping_at) {
        if (client_write(self, &MESSAGE(PING, ping, .number = 0), NULL) < 0)
            return;
        ping_at = self->now_us + self->ping_us;
    }
    deadline_set(&self->deadlines, deadline, ping_at < silent_at ? ping_at : silent_at);
}

/* As in the server: what came while we were stopped is still to be read. */
static void note_lateness(struct link_client *self)
{
    if (self->due_us && self->now_us - self->due_us > self->ping_us / 2)
        self->merciful_until_us = self->now_us + self->ping_us;
}

/* The descriptors speak for themselves only after a last look at the socket; writing comes before
 * it. */
static bool is_there_more(struct link_client *self)
{
    int events;

    if (self->state == CLIENT_OVER)
        return true;
    if (!self->socket.zmq)
        return false;
    if (self->queue.head)
        flush(self);
    events = link_socket_events(self->socket.zmq);
    return events & ZMQ_POLLIN || (self->queue.head && events & ZMQ_POLLOUT);
}

int link_client_run(struct link_client *self, int64_t now_us, int budget)
{
    int where = link_waker_look(&self->waker);
    int handled = 0;

    self->now_us = now_us;
    self->is_running = true;
    note_lateness(self);
    if (where & LINK_AT_MONITOR)
        client_read_monitor(self);
    if (self->queue.head)
        flush(self);
    while (where & LINK_AT_SOCKET && handled < budget && is_reading(self) && read_one(self))
        handled++;
    deadlines_run(&self->deadlines, now_us, self);
    if (self->state == CLIENT_OVER)
        tell_end(self);
    self->due_us = deadlines_next(&self->deadlines);
    self->is_running = false;
    if (is_there_more(self))
        link_waker_set(&self->waker);
    return handled;
}

/* --- the owner's side ------------------------------------------------------------------------- */

int64_t link_client_next_deadline_us(const struct link_client *self)
{
    return deadlines_next(&self->deadlines);
}

int link_client_fd(const struct link_client *self)
{
    return self->waker.epoll_fd;
}

bool link_client_is_open(const struct link_client *self)
{
    return self->state == CLIENT_OPEN;
}

int link_client_send(struct link_client *self, const struct message *message, struct err *err)
{
    int result;

    if (self->state != CLIENT_OPEN)
        return err_set(err, -ENOTCONN, "there is no session with %s", self->name);
    result = client_write(self, message, err);
    if (!self->is_running && !self->waker.is_set && is_there_more(self))
        link_waker_set(&self->waker);
    return result;
}

static void say_goodbye(struct link_client *self, const char *reason)
{
    if (self->state == CLIENT_OPEN)
        client_write(self, &MESSAGE(GOODBYE, goodbye, .reason = reason, .try_again = true), NULL);
}

void link_client_reconnect(struct link_client *self, const char *reason)
{
    if (self->state == CLIENT_FINISHED)
        return;
    say_goodbye(self, reason);
    close_socket(self, self->state == CLIENT_OPEN ? GOODBYE_MS : 0);
    if (self->state != CLIENT_WAITING)
        client_move(self, CLIENT_WAITING);
    self->was_open = false;
    deadline_set(&self->deadlines, &self->turn, self->now_us);
    if (!self->is_running)
        link_waker_set(&self->waker);
}

/* --- life ------------------------------------------------------------------------------------- */

static int take_keys(struct link_client *self, const struct link_keys *keys, struct err *err)
{
    if (!keys->peers_count)
        return err_set(err, -EINVAL,
                       "connect %s: the server's public key is missing: write it as `server` into "
                       "the metadata of the certificate",
                       self->name);
    if (keys->peers_count != 1)
        return err_set(err, -EINVAL, "connect %s: exactly one key of a server is needed, not %zu",
                       self->name, keys->peers_count);
    if (!*keys->secret_key)
        return err_set(err, -EINVAL, "connect %s: the certificate has no secret key", self->name);
    self->has_keys = true;
    memcpy(self->keys.public_key, keys->public_key, sizeof(keys->public_key));
    memcpy(self->keys.secret_key, keys->secret_key, sizeof(keys->secret_key));
    snprintf(self->server_key, sizeof(self->server_key), "%s", keys->peers[0]);
    return 0;
}

static int64_t ms_or(int64_t ms, int64_t otherwise_ms)
{
    return (ms ? ms : otherwise_ms) * US_PER_MS;
}

int link_client_new(struct link_context *context, const struct link_client_settings *settings,
                    const struct link_client_events *events, struct link_client **ret_client,
                    struct err *err)
{
    struct link_client *self = mem_new(struct link_client);
    int result;

    self->context = context;
    self->events = *events;
    self->kind = settings->kind;
    self->version = mem_strdup(settings->version);
    self->name = mem_strdup(settings->address);
    self->backoff_min_us = ms_or(settings->backoff_min_ms, BACKOFF_MIN_MS);
    self->backoff_max_us = ms_or(settings->backoff_max_ms, BACKOFF_MAX_MS);
    self->queue_max_bytes = settings->queue_max_bytes ? settings->queue_max_bytes : LINK_QUEUE_MAX;
    self->rng.state = settings->seed;
    self->ping_us = LINK_PING_MS * US_PER_MS;
    self->turn.due = on_turn;
    self->pulse.due = on_pulse;
    self->arena = arena_new(MESSAGE_MEMORY_MAX(FRAME_MAX));
    self->waker = (struct link_waker){.epoll_fd = -1, .event_fd = -1};
    result = link_address_parse(&self->address, settings->address, err);
    if (result == 0 && settings->keys)
        result = take_keys(self, settings->keys, err);
    else if (result == 0 && !self->address.is_loopback && !settings->insecure)
        result = err_set(err, -EPERM,
                         "connect %s: without keys only to this host: give keys, or say that it "
                         "shall be insecure",
                         self->name);
    if (result == 0)
        result = link_waker_init(&self->waker, err);
    if (result < 0) {
        link_client_destroy(&self, 0);
        return result;
    }
    deadline_set(&self->deadlines, &self->turn, 0);
    link_waker_set(&self->waker);
    *ret_client = self;
    return 0;
}

void link_client_destroy(struct link_client **self_p, int64_t linger_ms)
{
    struct link_client *self = *self_p;
    int64_t until_us;

    if (!self)
        return;
    until_us = clock_now().mono_us + linger_ms * US_PER_MS;
    say_goodbye(self, "it ends");
    while (self->state == CLIENT_OPEN && self->queue.head && clock_now().mono_us < until_us) {
        zmq_pollitem_t item = {.socket = self->socket.zmq, .events = ZMQ_POLLOUT};
        int64_t left_us = until_us - clock_now().mono_us;

        zmq_poll(&item, 1, left_us > 0 ? (long)(left_us / US_PER_MS + 1) : 0);
        flush(self);
    }
    if (self->state != CLIENT_OPEN)
        linger_ms = 0; /* a HELLO is not worth waiting for */
    close_socket(self, linger_ms > INT32_MAX ? INT32_MAX : (int)linger_ms);
    link_waker_fini(&self->waker);
    deadlines_fini(&self->deadlines);
    arena_destroy(&self->arena);
    buf_fini(&self->scratch);
    free(self->name);
    free(self->version);
    free(self);
    *self_p = NULL;
}
