#include "base/http_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/http_internal.h"
#include "base/http_listen.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/units.h"

#define CONNECTIONS_DEFAULT 256
#define CONNECTION_BYTES    32768 /* request line, headers and the answer's head share them */
#define ANSWERS_DEFAULT     ((size_t)1024 * 1024 * 1024)
#define ANSWER_SMALL        65536 /* needs no room: their number is bounded by that of connections */
#define IDLE_S              10u
#define ARRIVE_MS           20000   /* from the last answer to the end of the next request */
#define DROPPED_MAX         1048576 /* of a body that is too large, before we hang up */
#define EVENTS_MAX          64

/* One connection. It stands in the server's list while a request is awaited or arrives: a client
 * that trickles bytes is never idle for libmicrohttpd and would hold its place for ever. */
struct http_client {
    int fd; /* borrowed */
    int64_t late_at_ms;
    bool is_awaited;
    struct http_client *prev, *next;
};

struct http_server {
    struct http_server_settings settings;
    struct MHD_Daemon *daemon;
    int epoll_fd; /* libmicrohttpd's own epoll, wake_fd, and the sockets of deferred requests */
    int wake_fd;  /* an eventfd: a deferred request was answered and wants a run */
    uint16_t port;
    struct http_client *awaited;   /* the one that is late first comes first */
    struct http_request *deferred; /* in order of deferral */
    size_t answers_bytes;          /* of large answers that are under way */
};

/* --- connections ------------------------------------------------------------------------------ */

static int64_t now_ms(void)
{
    return clock_now().mono_us / US_PER_MS;
}

static void stop_awaiting(struct http_server *self, struct http_client *client)
{
    if (client->is_awaited)
        DL_DELETE(self->awaited, client);
    client->is_awaited = false;
}

static void await_request(struct http_server *self, struct http_client *client)
{
    stop_awaiting(self, client);
    client->late_at_ms = now_ms() + ARRIVE_MS;
    client->is_awaited = true;
    DL_APPEND(self->awaited, client);
}

static int fd_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static struct http_client *client_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void on_connection(void *server, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_client *client = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        client = mem_new(struct http_client);
        client->fd = fd_of(connection);
        *context = client;
        await_request(server, client);
    } else {
        stop_awaiting(server, client);
        free(client);
        *context = NULL;
    }
}

/* libmicrohttpd has no call that closes a connection; it sees the end of the stream and does so. */
static void cut_off_late_clients(struct http_server *self)
{
    int64_t now = now_ms();

    while (self->awaited && self->awaited->late_at_ms <= now) {
        struct http_client *client = self->awaited;

        shutdown(client->fd, SHUT_RDWR);
        stop_awaiting(self, client);
    }
}

/* --- deferred requests ------------------------------------------------------------------------ */

/* libmicrohttpd does not look at a suspended connection; we watch for its end ourselves. */
static void defer(struct http_request *request)
{
    struct http_server *self = request->server;
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = request};

    request->phase = HTTP_DEFERRED;
    DL_APPEND(self->deferred, request);
    BUG_ON(epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fd_of(request->connection), &event) < 0);
    MHD_suspend_connection(request->connection);
}

void http_request_resume(struct http_request *request)
{
    struct http_server *self = request->server;

    DL_DELETE(self->deferred, request);
    epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, fd_of(request->connection), NULL);
    MHD_resume_connection(request->connection);
    /* That alone makes neither its epoll readable nor its timeout zero. */
    eventfd_write(self->wake_fd, 1);
}

static void drop_deferred(struct http_request *request)
{
    http_request_resume(request);
    request->phase = HTTP_GONE;
    if (request->on_gone)
        request->on_gone(request->on_gone_owner, request);
}

void http_request_on_gone(struct http_request *request,
                          void (*on_gone)(void *owner, struct http_request *request), void *owner)
{
    request->on_gone = on_gone;
    request->on_gone_owner = owner;
}

/* --- requests --------------------------------------------------------------------------------- */

/* The request line has arrived; what we answer comes back with every later call. */
static void *on_target(void *server, const char *raw, struct MHD_Connection *connection)
{
    struct http_request *request = mem_new(struct http_request);

    request->server = server;
    request->connection = connection;
    request->target_rc = http_target_parse(&request->target, raw, &request->target_err);
    return request;
}

static void on_completed(void *server, struct MHD_Connection *connection, void **request_p,
                         enum MHD_RequestTerminationCode code)
{
    struct http_request *request = *request_p;

    (void)code;
    if (!request)
        return;
    BUG_ON(request->phase == HTTP_DEFERRED);
    if (request->response)
        MHD_destroy_response(request->response);
    http_target_fini(&request->target);
    buf_fini(&request->body);
    free(request);
    *request_p = NULL;
    await_request(server, client_of(connection));
}

static void refuse_body(struct http_request *request)
{
    http_reply_error(request, MHD_HTTP_CONTENT_TOO_LARGE, "a body may have at most %zu bytes",
                     request->server->settings.body_max);
}

struct framing {
    const char *length;
    const char *encoding;
    size_t headers;
};

static enum MHD_Result note_framing(void *framing_p, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct framing *framing = framing_p;
    bool is_length = !strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH);

    (void)kind;
    if (!is_length && strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) != 0)
        return MHD_YES;
    *(is_length ? &framing->length : &framing->encoding) = value;
    framing->headers++;
    return MHD_YES;
}

/* Where a proxy in front sees another end of the body than libmicrohttpd does, a second request can
 * be smuggled in it. Its strict mode lets some of that pass, so whatever is in doubt ends here. */
static void check_framing(struct http_request *request)
{
    struct framing framing = {0};
    struct MHD_Response *response;
    int64_t size = 0;
    int rc = 0;

    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, note_framing, &framing);
    if (framing.length)
        rc = units_parse_int(framing.length, 0, INT64_MAX, &size, NULL);
    if (rc == -EINVAL || framing.headers > 1 ||
        (framing.encoding && strcasecmp(framing.encoding, "chunked") != 0)) {
        response = http_response_error(MHD_HTTP_BAD_REQUEST, "the body's length is in doubt");
        BUG_ON(MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") != MHD_YES);
        http_answer(request, MHD_HTTP_BAD_REQUEST, response);
    } else if (rc < 0 || (uint64_t)size > request->server->settings.body_max) {
        refuse_body(request);
    }
}

static void begin(struct http_request *request, const char *method)
{
    request->phase = HTTP_READING;
    check_framing(request);
    if (request->phase == HTTP_ANSWERED)
        return;
    if (request->target_rc == -E2BIG)
        http_reply_error(request, MHD_HTTP_URI_TOO_LONG, "%s", request->target_err.text);
    else if (request->target_rc < 0)
        http_reply_error(request, MHD_HTTP_BAD_REQUEST, "%s", request->target_err.text);
    else
        http_find_route(request, request->server->settings.routes, method);
}

/* A body without an announced size (chunked) can still turn out too large. */
static enum MHD_Result take_body(struct http_request *request, const char *data, size_t size)
{
    size_t body_max = request->server->settings.body_max;

    if (!request->dropped_bytes && size <= body_max - request->body.size) {
        buf_append(&request->body, data, size);
        return MHD_YES;
    }
    buf_fini(&request->body);
    request->dropped_bytes += size;
    return request->dropped_bytes <= DROPPED_MAX ? MHD_YES : MHD_NO;
}

static void handle(struct http_request *request)
{
    struct http_server *self = request->server;

    stop_awaiting(self, client_of(request->connection));
    request->phase = HTTP_HANDLED;
    if (request->dropped_bytes)
        refuse_body(request);
    else
        request->route->handler(self->settings.owner, request);
}

static enum MHD_Result queue_answer(struct http_request *request)
{
    enum MHD_Result result =
        MHD_queue_response(request->connection, request->status, request->response);

    stop_awaiting(request->server, client_of(request->connection));
    MHD_destroy_response(TAKE(request->response));
    return result;
}

/* Called with the headers, with each part of the body, at its end, and after each resumption. */
static enum MHD_Result on_request(void *server, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request_p)
{
    struct http_request *request = *request_p;

    (void)server, (void)connection, (void)url, (void)version;
    if (request->phase == HTTP_ARRIVING) {
        begin(request, method);
    } else if (*size) {
        size_t taken = *size;

        *size = 0;
        return take_body(request, data, taken);
    } else if (request->phase == HTTP_READING) {
        handle(request);
        if (request->phase == HTTP_HANDLED)
            defer(request);
    }
    if (request->phase == HTTP_GONE)
        return MHD_NO;
    return request->phase == HTTP_ANSWERED ? queue_answer(request) : MHD_YES;
}

const char *http_request_path(const struct http_request *request)
{
    return request->target.path;
}

const char *http_request_query(const struct http_request *request, const char *name)
{
    return http_target_query(&request->target, name);
}

void http_request_peer(const struct http_request *request, char ret_text[HTTP_PEER_TEXT])
{
    http_print_peer(fd_of(request->connection), ret_text, HTTP_PEER_TEXT);
}

const char *http_request_body(const struct http_request *request, size_t *ret_size)
{
    *ret_size = request->body.size;
    return buf_text(&request->body);
}

/* --- answers --------------------------------------------------------------------------------- */

/* One answer may be larger than all that is allowed, if it is the only one. */
bool http_server_take_room(struct http_server *self, size_t size)
{
    if (size <= ANSWER_SMALL)
        return true;
    if (self->answers_bytes && (size > self->settings.answers_max ||
                                self->answers_bytes > self->settings.answers_max - size))
        return false;
    self->answers_bytes += size;
    return true;
}

void http_server_give_room(struct http_server *self, size_t size)
{
    if (size > ANSWER_SMALL)
        self->answers_bytes -= size;
}

/* --- the server ------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void on_panic(void *unused, const char *file, unsigned line,
                                               const char *reason)
{
    (void)unused;
    bug(file, (int)line, reason ? reason : "libmicrohttpd gave up");
}

/* The raw target is decoded by http_target_parse; a second decoding would be a hole. */
static size_t keep_escapes(void *unused, struct MHD_Connection *connection, char *text)
{
    (void)unused, (void)connection;
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct http_server *self, int listen_fd)
{
    unsigned connections = self->settings.connections_max;

    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, self,
        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        connections - connections / 8, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, self, MHD_OPTION_NOTIFY_COMPLETED, on_completed, self,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, self, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes,
        NULL, MHD_OPTION_END);
}

/* Events without a pointer only say that it is time for a run. */
static int watch(struct http_server *self, struct err *err)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event event = {.events = EPOLLIN};

    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->epoll_fd < 0 || self->wake_fd < 0 ||
        epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, self->wake_fd, &event) < 0 ||
        epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) < 0)
        return err_errno(err, -errno, "HTTP server");
    return 0;
}

int http_server_new(const struct http_server_settings *settings, struct http_server **ret_server,
                    struct err *err)
{
    CLEANUP(http_server_destroy) struct http_server *self = NULL;
    CLEANUP(close_fd) int listen_fd = http_listen(settings->address, settings->port, err);
    int rc;

    if (listen_fd < 0)
        return listen_fd;
    self = mem_new(struct http_server);
    self->settings = *settings;
    self->epoll_fd = -1;
    self->wake_fd = -1;
    self->port = http_listen_port(listen_fd);
    if (!self->settings.connections_max)
        self->settings.connections_max = CONNECTIONS_DEFAULT;
    if (!self->settings.answers_max)
        self->settings.answers_max = ANSWERS_DEFAULT;
    MHD_set_panic_func(on_panic, NULL);
    self->daemon = start_daemon(self, TAKE_FD(listen_fd));
    if (!self->daemon)
        return err_set(err, -EIO, "the HTTP server on port %u could not be started", self->port);
    rc = watch(self, err);
    if (rc < 0)
        return rc;
    *ret_server = TAKE(self);
    return 0;
}

void http_server_destroy(struct http_server **self_p)
{
    struct http_server *self = *self_p;

    if (!self)
        return;
    /* libmicrohttpd aborts when it is stopped with a connection suspended. */
    while (self->deferred)
        drop_deferred(self->deferred);
    if (self->daemon)
        MHD_stop_daemon(self->daemon);
    close_fd(&self->epoll_fd);
    close_fd(&self->wake_fd);
    free(self);
    *self_p = NULL;
}

uint16_t http_server_port(const struct http_server *self)
{
    return self->port;
}

int http_server_fd(const struct http_server *self)
{
    return self->epoll_fd;
}

int64_t http_server_timeout_ms(const struct http_server *self)
{
    MHD_UNSIGNED_LONG_LONG library_ms;
    int64_t timeout_ms = -1;

    if (MHD_get_timeout(self->daemon, &library_ms) == MHD_YES)
        timeout_ms = (int64_t)library_ms;
    if (self->awaited) {
        int64_t late_ms = self->awaited->late_at_ms - now_ms();

        if (late_ms < 0)
            late_ms = 0;
        if (timeout_ms < 0 || late_ms < timeout_ms)
            timeout_ms = late_ms;
    }
    return timeout_ms;
}

static void drop_left_requests(struct http_server *self)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(self->epoll_fd, events, EVENTS_MAX, 0);

    for (int i = 0; i < count; i++) {
        struct http_request *request = events[i].data.ptr;

        /* An on_gone may have answered one whose turn is yet to come; none is freed before the run.
         */
        if (request && request->phase == HTTP_DEFERRED)
            drop_deferred(request);
    }
}

void http_server_run(struct http_server *self)
{
    eventfd_t count;

    eventfd_read(self->wake_fd, &count);
    drop_left_requests(self);
    cut_off_late_clients(self);
    MHD_run(self->daemon);
}
