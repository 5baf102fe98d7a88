#include "base/http_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"

#define MESSAGE_MAX 1024

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    BUG_ON(MHD_add_response_header(response, name, value) != MHD_YES);
}

static void add_common_headers(struct MHD_Response *response, const char *content_type)
{
    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    /* A task's output must not be run as a script because a browser guessed that it is one. */
    add_header(response, "X-Content-Type-Options", "nosniff");
}

struct MHD_Response *http_response_new(const char *content_type, struct buf *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(body->size, TAKE(body->data), free);

    BUG_ON(!response);
    buf_fini(body);
    add_common_headers(response, content_type);
    return response;
}

struct MHD_Response *http_response_error(int status, const char *message)
{
    CLEANUP(buf_fini) struct buf body = {0};
    struct json json = JSON(&body);

    json_object_begin(&json);
    json_pair_int(&json, "code", status);
    json_pair_string(&json, "message", message);
    json_object_end(&json);
    buf_puts(&body, "\n");
    return http_response_new("application/json", &body);
}

void http_request_add_header(struct http_request *request, const char *name, const char *value)
{
    size_t i = request->headers_count++;

    BUG_ON(i >= HTTP_HEADERS_OWN);
    request->headers[i].name = name;
    snprintf(request->headers[i].value, sizeof(request->headers[i].value), "%s", value);
}

void http_answer(struct http_request *request, int status, struct MHD_Response *response)
{
    BUG_ON(request->phase == HTTP_ANSWERED || request->phase == HTTP_GONE);
    for (size_t i = 0; i < request->headers_count; i++)
        add_header(response, request->headers[i].name, request->headers[i].value);
    request->status = (unsigned)status;
    request->response = response;
    if (request->phase == HTTP_DEFERRED)
        http_request_resume(request);
    request->phase = HTTP_ANSWERED;
}

/* --- large answers are counted until their client has read them ------------------------------- */

struct answer {
    struct http_server *server; /* borrowed: it outlives its responses */
    char *data;
    size_t size;
};

static void free_answer(void *answer)
{
    struct answer *self = answer;

    http_server_give_room(self->server, self->size);
    free(self->data);
    free(self);
}

static struct MHD_Response *counted_response_new(struct http_server *server,
                                                 const char *content_type, struct buf *body)
{
    struct answer *answer = mem_new(struct answer);
    struct MHD_Response *response;

    *answer = (struct answer){.server = server, .data = TAKE(body->data), .size = body->size};
    response = MHD_create_response_from_buffer_with_free_callback_cls(answer->size, answer->data,
                                                                      free_answer, answer);
    BUG_ON(!response);
    buf_fini(body);
    add_common_headers(response, content_type);
    return response;
}

void http_reply(struct http_request *request, int status, const char *content_type,
                struct buf *body)
{
    if (http_server_take_room(request->server, body->size)) {
        http_answer(request, status, counted_response_new(request->server, content_type, body));
        return;
    }
    buf_fini(body);
    http_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                     "too many large answers are still being read; try again later");
}

void http_reply_json(struct http_request *request, struct buf *body)
{
    const char *callback = http_request_query(request, "jsonp");
    CLEANUP(buf_fini) struct buf script = {0};

    if (!callback) {
        http_reply(request, MHD_HTTP_OK, "application/json", body);
    } else if (!http_callback_is_plain(callback)) {
        buf_fini(body);
        http_reply_error(request, MHD_HTTP_BAD_REQUEST,
                         "jsonp must be a plain JavaScript name of at most %d bytes",
                         HTTP_CALLBACK_MAX);
    } else {
        buf_printf(&script, "%s(", callback);
        buf_append(&script, buf_text(body), body->size);
        buf_puts(&script, ");");
        buf_fini(body);
        http_reply(request, MHD_HTTP_OK, "text/javascript", &script);
    }
}

void http_reply_error(struct http_request *request, int status, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    http_answer(request, status, http_response_error(status, message));
}

void http_reply_redirect(struct http_request *request, const char *location)
{
    struct MHD_Response *response = http_response_error(MHD_HTTP_TEMPORARY_REDIRECT, location);

    add_header(response, MHD_HTTP_HEADER_LOCATION, location);
    http_answer(request, MHD_HTTP_TEMPORARY_REDIRECT, response);
}

void http_reply_file(struct http_request *request, const char *content_type,
                     const char *download_name, int fd, uint64_t offset, uint64_t size)
{
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(size, fd, offset);
    char disposition[HTTP_HEADER_VALUE_MAX];

    if (!response) {
        close(fd);
        http_reply_error(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "the file cannot be sent");
        return;
    }
    add_common_headers(response, content_type);
    if (download_name) {
        http_disposition(download_name, disposition);
        add_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION, disposition);
    }
    http_answer(request, MHD_HTTP_OK, response);
}
