#include "master/view/front.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"

#define BUFFER_KEPT_MAX ((size_t)1024 * 1024) /* a larger one is given back after use */
#define TRIM_CHANGES    50000                 /* after so many, and */
#define TRIM_IDLE_MS    1000 /* when nothing happens for so long, memory is given back */

int front_new(const struct view_settings *settings, struct inbox *changes, struct inbox *calls,
              struct front **ret_front, struct err *err)
{
    CLEANUP(front_destroy) struct front *self = mem_new(struct front);
    const struct http_server_settings http = {
        .address = settings->address,
        .port = settings->port,
        .body_max = VIEW_CALL_MAX,
        .connections_max = VIEW_CONNECTIONS_MAX,
        .routes = front_routes,
        .owner = self,
    };
    int r;

    self->flags = settings->flags;
    self->changes = changes;
    self->calls = calls;
    self->is_open = true;
    self->replica = replica_new();
    self->arena = arena_new(0);
    r = http_server_new(&http, &self->http, err);
    if (r < 0)
        return r;
    *ret_front = TAKE(self);
    return 0;
}

void front_destroy(struct front **self_p)
{
    struct front *self = *self_p;

    if (!self)
        return;
    http_server_destroy(&self->http);
    front_drop_waiting(self);
    replica_destroy(&self->replica);
    arena_destroy(&self->arena);
    buf_fini(&self->taken);
    buf_fini(&self->replies);
    buf_fini(&self->asked);
    free(self);
    *self_p = NULL;
}

uint16_t front_port(const struct front *self)
{
    return http_server_port(self->http);
}

/* --- what the loop says -------------------------------------------------------------------------
 */

static bool is_reply(enum msg_type type)
{
    return type == MSG_OPERATOR_REPLY || type == MSG_METRICS_REPLY;
}

static void replay(struct front *self, const struct message *change)
{
    struct err err;
    int r;

    if (*self->stale.text)
        return;
    r = replica_apply(self->replica, change, &err);
    if (r == 0)
        return;
    log_error("view: %s", err.text);
    self->changes_wrong++;
    if (r == -EPROTO)
        self->stale = err;
}

/* The next message of `frames`; false at their end. */
static bool next_message(struct front *self, const struct buf *frames, size_t *offset_p,
                         struct message *ret_message)
{
    int r;

    do {
        arena_reset(self->arena);
        r = frames_read(frames, offset_p, self->arena, ret_message, &self->stale);
        if (r < 0)
            log_error("view: a change cannot be read: %s", self->stale.text);
    } while (r < 0);
    return r > 0;
}

static void give_back(struct buf *buf)
{
    buf->size = 0;
    if (buf->capacity > BUFFER_KEPT_MAX)
        buf_fini(buf);
}

/* Replies are put aside: this may run while another request is being answered. */
static void catch_up(struct front *self)
{
    struct message message;
    size_t offset = 0;

    self->is_open = inbox_take(self->changes, &self->taken) && self->is_open;
    while (next_message(self, &self->taken, &offset, &message)) {
        if (is_reply(message.type))
            frames_add(&self->replies, &message, NULL);
        else
            replay(self, &message);
    }
    give_back(&self->taken);
}

static void tell_replies(struct front *self)
{
    struct message message;
    size_t offset = 0;

    while (next_message(self, &self->replies, &offset, &message))
        front_on_reply(self, &message);
    give_back(&self->replies);
}

const struct replica *front_replica(struct front *self, struct http_request *request)
{
    catch_up(self);
    if (!*self->stale.text)
        return self->replica;
    http_reply_error(request, 503,
                     "this master's view has missed a change (%s); scheduling goes on, restart the "
                     "master to read its state",
                     self->stale.text);
    return NULL;
}

/* --- the thread --------------------------------------------------------------------------------- */

static bool is_due_for_trim(const struct front *self)
{
    return self->replica->number - self->trimmed_at >= TRIM_CHANGES;
}

static int timeout_ms(const struct front *self)
{
    int64_t ms = http_server_timeout_ms(self->http);

    if (is_due_for_trim(self) && (ms < 0 || ms > TRIM_IDLE_MS))
        return TRIM_IDLE_MS;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* The C library keeps what tasks that are forgotten have left: after a hundred thousand of them a master
 * held 170 MB of which it needed 17. */
static void give_memory_back(struct front *self)
{
    malloc_trim(0);
    self->trimmed_at = self->replica->number;
}

static void wait_for_work(struct front *self)
{
    struct pollfd fds[] = {
        {.fd = inbox_fd(self->changes), .events = POLLIN},
        {.fd = http_server_fd(self->http), .events = POLLIN},
    };
    int count = poll(fds, ARRAY_SIZE(fds), timeout_ms(self));

    BUG_ON(count < 0 && errno != EINTR);
    if (count == 0 && is_due_for_trim(self))
        give_memory_back(self);
}

void front_run(struct front *self)
{
    while (self->is_open) {
        wait_for_work(self);
        catch_up(self);
        tell_replies(self);
        http_server_run(self->http);
        inbox_post(self->calls, &self->asked, true);
    }
}
