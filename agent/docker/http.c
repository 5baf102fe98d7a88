#include "agent/docker/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deadlines.h"
#include "base/mem.h"

#define TCP_SCHEME "tcp://"
#define CONNECT_MS 5000
#define EVENTS_MAX 64
#define BUFFER_BYTES                                                                               \
    16384 /* of libcurl, for each request: the default is as large, said so that it stays */

struct http_exchange {
    struct http *http; /* borrowed */
    CURL *easy;        /* owned */
    struct curl_slist *headers;
    struct http_request request; /* its texts are not kept */
    char *sent;                  /* the body; owned */
    struct buf body;
    bool is_connection;
    bool has_status; /* all that is asked for */
    size_t head_size;
    bool is_too_long;
    bool is_senseless;
    char error[CURL_ERROR_SIZE];
};

struct http {
    CURLM *multi;
    char *socket;
    int epoll_fd;
    int64_t timer_us; /* DEADLINE_NEVER: none */
};

/* --- libcurl's side ----------------------------------------------------------------------------- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known)
{
    struct http *self = user;
    struct epoll_event event = {.data.fd = fd};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    if (epoll_ctl(self->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
        epoll_ctl(self->epoll_fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
    curl_multi_assign(self->multi, fd, self);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct http *self = user;

    (void)multi;
    self->timer_us = timeout_ms < 0 ? DEADLINE_NEVER : clock_now().mono_us + timeout_ms * US_PER_MS;
    return 0;
}

#define HEAD_MAX 65536 /* bytes of all headers of an answer */

/* A line at a time; an empty one ends them. 1xx is followed by others. */
static size_t on_header(char *bytes, size_t unit, size_t count, void *user)
{
    struct http_exchange *self = user;
    size_t size = unit * count;
    long status = 0;

    self->head_size += size;
    self->is_too_long = self->head_size > HEAD_MAX;
    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    self->has_status = self->request.only_status && status >= 200 && size <= 2 &&
                       (*bytes == '\r' || *bytes == '\n');
    return self->is_too_long || self->has_status ? 0 : size;
}

static size_t on_data(char *bytes, size_t unit, size_t count, void *user)
{
    struct http_exchange *self = user;
    size_t size = unit * count;
    long status = 0;

    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    if (self->request.data && status == 200) {
        self->is_senseless = !self->request.data(self->request.owner, bytes, size);
        return self->is_senseless ? 0 : size;
    }
    if (self->body.size + size > self->request.body_max) {
        self->is_too_long = true;
        return 0;
    }
    buf_append(&self->body, bytes, size);
    return size;
}

/* --- one exchange ------------------------------------------------------------------------------- */

static void exchange_destroy(struct http_exchange *self)
{
    if (self->easy) {
        curl_multi_remove_handle(self->http->multi, self->easy);
        curl_easy_cleanup(self->easy);
    }
    curl_slist_free_all(self->headers);
    buf_fini(&self->body);
    free(self->sent);
    free(self);
}

static void add_header(struct http_exchange *self, const char *header)
{
    struct curl_slist *more = curl_slist_append(self->headers, header);

    if (more)
        self->headers = more;
}

static void set_body(struct http_exchange *self, const struct http_request *request)
{
    bool is_post = !strcmp(request->method, "POST");

    if (!request->body && !is_post)
        return;
    self->sent = mem_strdup(request->body);
    curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, self->sent);
    curl_easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(self->sent));
    add_header(self, "Content-Type: application/json");
    add_header(self, "Expect:");
}

/* What a task serves is looked at, not trusted: neither its certificate nor where it sends us. */
static void set_other(struct http_exchange *self, const char *url)
{
    self->is_connection = !strncmp(url, TCP_SCHEME, strlen(TCP_SCHEME));
    if (self->is_connection) {
        CLEANUP(free_p) char *plain = mem_printf("http://%s", url + strlen(TCP_SCHEME));

        curl_easy_setopt(self->easy, CURLOPT_URL, plain);
        curl_easy_setopt(self->easy, CURLOPT_CONNECT_ONLY, 1L);
    } else {
        curl_easy_setopt(self->easy, CURLOPT_URL, url);
    }
    curl_easy_setopt(self->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(self->easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(self->easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(self->easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

static void set_engine(struct http_exchange *self, const char *path)
{
    CLEANUP(free_p) char *url = mem_printf("http://docker%s", path);

    curl_easy_setopt(self->easy, CURLOPT_URL, url);
    curl_easy_setopt(self->easy, CURLOPT_UNIX_SOCKET_PATH, self->http->socket);
}

static void set_options(struct http_exchange *self, const struct http_request *request)
{
    CURL *easy = self->easy;

    if (request->url)
        set_other(self, request->url);
    else
        set_engine(self, request->path);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    set_body(self, request);
    if (request->header)
        add_header(self, request->header);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, self->headers);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, request->url ? "http,https" : "http");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, self);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, self);
}

struct http_exchange *http_send(struct http *self, const struct http_request *request)
{
    struct http_exchange *exchange = mem_new(struct http_exchange);

    exchange->http = self;
    exchange->request = *request;
    exchange->easy = curl_easy_init();
    if (!exchange->easy) {
        exchange_destroy(exchange);
        return NULL;
    }
    set_options(exchange, request);
    if (curl_multi_add_handle(self->multi, exchange->easy) != CURLM_OK) {
        curl_easy_cleanup(TAKE(exchange->easy));
        exchange_destroy(exchange);
        return NULL;
    }
    return exchange;
}

void http_cancel(struct http *self, struct http_exchange *exchange)
{
    (void)self;
    exchange_destroy(exchange);
}

static const char *describe(const struct http_exchange *self, CURLcode code)
{
    if (self->is_too_long)
        return "its answer is too long";
    if (self->is_senseless)
        return "its answer makes no sense";
    return *self->error ? self->error : curl_easy_strerror(code);
}

static void finish(struct http_exchange *self, CURLcode code)
{
    long status = 0;
    struct http_result result = {.error = "", .body = buf_text(&self->body)};

    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    result.size = self->body.size;
    if (code == CURLE_OK || self->has_status) {
        result.status = self->is_connection ? 200 : (int)status;
    } else {
        result.error = describe(self, code);
        result.is_refused = code == CURLE_COULDNT_CONNECT;
        result.is_late = code == CURLE_OPERATION_TIMEDOUT;
    }
    self->request.done(self->request.owner, &result);
    exchange_destroy(self);
}

/* --- all ---------------------------------------------------------------------------------------- */

int http_new(const char *socket, struct http **ret_http, struct err *err)
{
    struct http *self = mem_new(struct http);

    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    self->timer_us = DEADLINE_NEVER;
    self->socket = mem_strdup(socket);
    if (self->epoll_fd < 0 || curl_global_init(CURL_GLOBAL_SSL) != CURLE_OK ||
        !(self->multi = curl_multi_init())) {
        http_destroy(&self);
        return err_set(err, -ENOMEM, "HTTP cannot be set up");
    }
    curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self);
    curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self);
    *ret_http = self;
    return 0;
}

void http_destroy(struct http **self_p)
{
    struct http *self = TAKE(*self_p);

    if (!self)
        return;
    if (self->multi)
        curl_multi_cleanup(self->multi);
    close_fd(&self->epoll_fd);
    free(self->socket);
    free(self);
}

int http_fd(const struct http *self)
{
    return self->epoll_fd;
}

int64_t http_next_us(const struct http *self)
{
    return self->timer_us;
}

static void read_ended(struct http *self)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(self->multi, &left))) {
        struct http_exchange *exchange = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&exchange);
        finish(exchange, message->data.result);
    }
}

void http_run(struct http *self)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(self->epoll_fd, events, EVENTS_MAX, 0);
    int running;

    for (int i = 0; i < count; i++) {
        int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

        curl_multi_socket_action(self->multi, events[i].data.fd, what, &running);
    }
    if (self->timer_us <= clock_now().mono_us) {
        self->timer_us = DEADLINE_NEVER;
        curl_multi_socket_action(self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    read_ended(self);
}
