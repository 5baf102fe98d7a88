#include "master/view/front.h"

#include "base/cleanup.h"

#define CALL_ARENA_MAX ((size_t)8 * 1024 * 1024)

/* The body, as a record of that definition; NULL: it is answered. Lives in `arena`. */
static const void *read_body(struct http_request *request, const struct record_def *def,
                             struct arena *arena)
{
    const void *body;
    struct err err;
    size_t size;
    const char *text = http_request_body(request, &size);

    if (record_read_json_strict(def, text, size, arena, &body, &err) == 0)
        return body;
    http_reply_error(request, 400, "%s", err.text);
    return NULL;
}

/* The route says what is to be done, the connection who asks. */
static void call_reservation(struct front *self, struct http_request *request,
                             enum operation_kind kind)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(CALL_ARENA_MAX);
    const struct msg_operator_reservation *body =
        read_body(request, &msg_operator_reservation_def, arena);
    struct msg_operator_reservation call;
    char peer[HTTP_PEER_TEXT];

    if (!body)
        return;
    call = *body;
    http_request_peer(request, peer);
    call.kind = kind;
    call.asked_by = peer;
    front_call(self, request, MSG_OPERATOR_RESERVATION, &call);
}

static void call_volume(struct front *self, struct http_request *request, enum operation_kind kind)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(CALL_ARENA_MAX);
    const struct msg_operator_volume *body = read_body(request, &msg_operator_volume_def, arena);
    struct msg_operator_volume call;
    char peer[HTTP_PEER_TEXT];

    if (!body)
        return;
    call = *body;
    http_request_peer(request, peer);
    call.kind = kind;
    call.asked_by = peer;
    front_call(self, request, MSG_OPERATOR_VOLUME, &call);
}

void front_reserve(void *front, struct http_request *request)
{
    call_reservation(front, request, OPERATION_RESERVE);
}

void front_unreserve(void *front, struct http_request *request)
{
    call_reservation(front, request, OPERATION_UNRESERVE);
}

void front_create_volume(void *front, struct http_request *request)
{
    call_volume(front, request, OPERATION_CREATE);
}

void front_destroy_volume(void *front, struct http_request *request)
{
    call_volume(front, request, OPERATION_DESTROY);
}

void front_grow_volume(void *front, struct http_request *request)
{
    call_volume(front, request, OPERATION_GROW_VOLUME);
}

void front_shrink_volume(void *front, struct http_request *request)
{
    call_volume(front, request, OPERATION_SHRINK_VOLUME);
}
