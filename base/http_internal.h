/* base/http_internal.h - what http_server.c (requests come in) and http_reply.c (answers go out)
 * share. */
#ifndef PROFFER_BASE_HTTP_INTERNAL_H
#define PROFFER_BASE_HTTP_INTERNAL_H

#include <microhttpd.h>

#include "base/http_server.h"
#include "base/http_target.h"

enum http_phase {
    HTTP_ARRIVING, /* the request line is there */
    HTTP_READING,  /* the headers are there, the body comes */
    HTTP_HANDLED,  /* the handler runs */
    HTTP_DEFERRED, /* the handler came back without an answer; libmicrohttpd has it suspended */
    HTTP_ANSWERED,
    HTTP_GONE,
};

struct http_request {
    struct http_server *server;        /* borrowed */
    struct MHD_Connection *connection; /* borrowed */
    enum http_phase phase;
    struct http_target target;
    int target_rc; /* of parsing it, with the text beside */
    struct err target_err;
    const struct http_route *routes; /* borrowed: all of them, for GET /help */
    const struct http_route *route;  /* borrowed; NULL: answered without one */
    struct buf body;
    size_t dropped_bytes;          /* of a body that is too large */
    struct MHD_Response *response; /* owned until it is queued */
    struct {
        const char *name;
        char value[HTTP_HEADER_OWN_MAX];
    } headers[HTTP_HEADERS_OWN]; /* of our own, for the answer */
    size_t headers_count;
    unsigned status;
    void (*on_gone)(void *owner, struct http_request *request);
    void *on_gone_owner;
    struct http_request *prev, *next; /* the server's deferred requests */
};

/* A deferred request has its answer: wake its connection. In http_server.c. */
void http_request_resume(struct http_request *request);

/* Room for an answer of `size` bytes until it is given back; false: clients are to read first what
 * there is. In http_server.c. */
bool http_server_take_room(struct http_server *self, size_t size);
void http_server_give_room(struct http_server *self, size_t size);

/* Sets the request's route, or answers it: 404, 405. In http_routes.c. */
void http_find_route(struct http_request *request, const struct http_route *routes,
                     const char *method);

/* In http_reply.c. The body is taken over. */
struct MHD_Response *http_response_new(const char *content_type, struct buf *body);
struct MHD_Response *http_response_error(int status, const char *message);
void http_answer(struct http_request *request, int status, struct MHD_Response *response);

#endif
