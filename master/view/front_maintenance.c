#include "master/view/front.h"

#include "base/cleanup.h"

#define CALL_ARENA_MAX ((size_t)8 * 1024 * 1024)

/* NULL: the request is answered already. */
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

/* Whatever the body says, the log says who asked. */
#define CALL_HANDLER(name, call, TYPE)                                                             \
    void name(void *front, struct http_request *request)                                           \
    {                                                                                              \
        CLEANUP(arena_destroy) struct arena *arena = arena_new(CALL_ARENA_MAX);                    \
        const struct msg_##call *body = read_body(request, &msg_##call##_def, arena);              \
        struct msg_##call full;                                                                    \
        char peer[HTTP_PEER_TEXT];                                                                 \
                                                                                                   \
        if (!body)                                                                                 \
            return;                                                                                \
        http_request_peer(request, peer);                                                          \
        full = *body;                                                                              \
        full.asked_by = peer;                                                                      \
        front_call(front, request, MSG_##TYPE, &full);                                             \
    }

CALL_HANDLER(front_schedule_maintenance, operator_schedule_maintenance,
             OPERATOR_SCHEDULE_MAINTENANCE)
CALL_HANDLER(front_cancel_maintenance, operator_cancel_maintenance, OPERATOR_CANCEL_MAINTENANCE)
CALL_HANDLER(front_start_maintenance, operator_start_maintenance, OPERATOR_START_MAINTENANCE)
CALL_HANDLER(front_stop_maintenance, operator_stop_maintenance, OPERATOR_STOP_MAINTENANCE)
