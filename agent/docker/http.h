/* agent/docker/http.h - HTTP to a Docker Engine on its unix socket: libcurl's multi interface on an epoll, any number of
 * requests in one thread.
 *
 * Nothing blocks. Every answer is bounded in size, and in time unless it is a stream. `done` comes once for each request
 * from http_run, never from within http_send, unless it was cancelled.
 */
#ifndef PROFFER_AGENT_DOCKER_HTTP_H
#define PROFFER_AGENT_DOCKER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct http;
struct http_exchange; /* one request and its answer */

struct http_result {
    int status;        /* 0: no answer came, or not the whole of it */
    bool is_refused;   /* nobody listens there */
    bool is_late;      /* its time was over */
    const char *error; /* of status 0; else "" */
    const char *body;  /* with a NUL behind it; what `data` has not taken */
    size_t size;
};

struct http_request {
    const char *method;
    const char *path; /* with the query, escaped: "/v1.41/info" */
    const char *
        url; /* instead: of somebody else than the Engine, who is connected to as it says; "tcp://HOST:PORT" is
                           a connection and no more, with status 200 */
    const char *body;   /* JSON; NULL: none */
    const char *header; /* one more, as "X-Registry-Auth: ..."; NULL: none */
    int64_t timeout_ms; /* 0: none, it is a stream */
    size_t body_max;    /* more is an error */
    bool only_status;   /* what comes behind it is not read */
    void *owner;
    /* Bytes of an answer of status 200, as they come; false: they make no sense, end it. Must not send or cancel. NULL:
     * the body is gathered. */
    bool (*data)(void *owner, const void *bytes, size_t size);
    void (*done)(void *owner, const struct http_result *result);
};

/* `socket`: its path. */
int http_new(const char *socket, struct http **ret_http, struct err *err);
void http_destroy(struct http **self_p);

/* Borrows for the call. NULL: it cannot be made; `done` does not come. */
struct http_exchange *http_send(struct http *self, const struct http_request *request);
void http_cancel(struct http *self, struct http_exchange *exchange);

/* Readable when http_run has something to do. */
int http_fd(const struct http *self);
/* Monotonic; DEADLINE_NEVER: never. */
int64_t http_next_us(const struct http *self);
void http_run(struct http *self);

#endif
