/* base/http_server.h - the HTTP side of a daemon: libmicrohttpd driven by its thread's own loop.
 *
 * Life: new, then whenever `fd` is readable or `timeout` has passed call `run`, and ask for the
 * timeout anew after each run; destroy on the same thread. Everything happens on that one thread.
 * Requests are limited: target 8 KiB, body as set, 10 s between bytes and 20 s to arrive,
 * connections as set; beyond that the client gets 414, 413 or a closed connection. GET is also
 * HEAD, GET /help lists the routes. A client that is slow costs memory for its own answer only. Put
 * no proxy in front that does not normalise requests itself.
 */
#ifndef PROFFER_BASE_HTTP_SERVER_H
#define PROFFER_BASE_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct http_server;
struct http_request;

typedef void http_handler_fn(void *owner, struct http_request *request);

struct http_route {
    const char *method; /* "GET", "POST", "PUT" or "DELETE" */
    const char *path;   /* exact: "/state"; a trailing slash in the request is ignored */
    http_handler_fn *handler;
    const char *help; /* one line for GET /help */
};

struct http_server_settings {
    const char *address; /* numeric IPv4 or IPv6 */
    uint16_t port;       /* 0: the kernel picks */
    size_t body_max;
    unsigned connections_max;        /* 0: 256; seven eighths of them may come from one address */
    size_t answers_max;              /* bytes that clients have not read yet, in all; 0: 1 GiB */
    const struct http_route *routes; /* ends with a NULL path; borrowed for life */
    void *owner;                     /* handed to handlers */
};

/* -EADDRINUSE and so on with advice in the text. */
int http_server_new(const struct http_server_settings *settings, struct http_server **ret_server,
                    struct err *err);
/* Requests not yet answered are dropped: their on_gone is called. */
void http_server_destroy(struct http_server **self_p);
uint16_t http_server_port(const struct http_server *self);
int http_server_fd(const struct http_server *self);             /* an epoll descriptor */
int64_t http_server_timeout_ms(const struct http_server *self); /* -1: none */
void http_server_run(struct http_server *self);

/* --- in a handler ----------------------------------------------------------------------------- */

const char *http_request_path(const struct http_request *request);
/* Decoded value of ?name=, or NULL. */
const char *http_request_query(const struct http_request *request, const char *name);
const char *http_request_body(const struct http_request *request, size_t *ret_size);
/* "10.0.0.7:51324", whoever is at the other end of the connection; "somebody" when that is not known. */
#define HTTP_PEER_TEXT 64
void http_request_peer(const struct http_request *request, char ret_text[HTTP_PEER_TEXT]);

/* Every request is answered exactly once, in the handler or later (the handler returns without an
 * answer, keeps the pointer and answers from the same thread; `on_gone` tells when the client left
 * first, after which the pointer is dead). `body` is taken over and left empty. */
void http_reply(struct http_request *request, int status, const char *content_type,
                struct buf *body);
/* 200 application/json, wrapped as `callback(...);` text/javascript for ?jsonp=callback (only a
 * plain JavaScript name is taken, else 400). */
void http_reply_json(struct http_request *request, struct buf *body);
/* {"code":404,"message":"..."} */
void http_reply_error(struct http_request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 307: the same request belongs at `location`, "//host:port/path". */
void http_reply_redirect(struct http_request *request, const char *location);
/* 200 with `size` bytes of an open file from `offset`, never all of it in memory; takes `fd`. The
 * client is cut off when the file turns out shorter. `download_name` (or NULL) is what to save it
 * as. */
void http_reply_file(struct http_request *request, const char *content_type,
                     const char *download_name, int fd, uint64_t offset, uint64_t size);
/* Of our own, in the answer that follows; `name` is static, `value` is cut at HTTP_HEADER_OWN_MAX - 1 bytes. At most
 * HTTP_HEADERS_OWN. */
#define HTTP_HEADERS_OWN    4
#define HTTP_HEADER_OWN_MAX 64
void http_request_add_header(struct http_request *request, const char *name, const char *value);
/* A client that closes its sending side counts as gone, too. */
void http_request_on_gone(struct http_request *request,
                          void (*on_gone)(void *owner, struct http_request *request), void *owner);

#endif
