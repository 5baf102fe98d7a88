#include "master/view/front.h"

#include "base/cleanup.h"
#include "master/view/policy_json.h"

#define CALL_ARENA_MAX ((size_t)8 * 1024 * 1024)

static void set_quota(struct front *self, struct http_request *request,
                      struct msg_operator_set_quota *call)
{
    char peer[HTTP_PEER_TEXT];

    http_request_peer(request, peer);
    call->asked_by = peer;
    front_call(self, request, MSG_OPERATOR_SET_QUOTA, call);
}

static void set_weight(struct front *self, struct http_request *request,
                       struct msg_operator_set_weight *call)
{
    char peer[HTTP_PEER_TEXT];

    http_request_peer(request, peer);
    call->asked_by = peer;
    front_call(self, request, MSG_OPERATOR_SET_WEIGHT, call);
}

static void set_priority(struct front *self, struct http_request *request,
                         struct msg_operator_set_priority *call)
{
    char peer[HTTP_PEER_TEXT];

    http_request_peer(request, peer);
    call->asked_by = peer;
    front_call(self, request, MSG_OPERATOR_SET_PRIORITY, call);
}

void front_set_quota(void *front, struct http_request *request)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(CALL_ARENA_MAX);
    struct msg_operator_set_quota call = {0};
    struct err err;
    size_t size;
    const char *text = http_request_body(request, &size);

    if (policy_read_quota(text, size, arena, &call, &err) < 0)
        http_reply_error(request, 400, "%s", err.text);
    else
        set_quota(front, request, &call);
}

void front_set_weight(void *front, struct http_request *request)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(CALL_ARENA_MAX);
    struct msg_operator_set_weight call = {0};
    struct err err;
    size_t size;
    const char *text = http_request_body(request, &size);

    if (policy_read_weight(text, size, arena, &call, &err) < 0)
        http_reply_error(request, 400, "%s", err.text);
    else
        set_weight(front, request, &call);
}

void front_remove_quota(void *front, struct http_request *request)
{
    struct msg_operator_set_quota call = {.role = http_request_query(request, "role")};

    if (!call.role)
        http_reply_error(request, 400, "expected ?role=ROLE");
    else
        set_quota(front, request, &call);
}

void front_remove_weight(void *front, struct http_request *request)
{
    struct msg_operator_set_weight call = {.role = http_request_query(request, "role")};

    if (!call.role)
        http_reply_error(request, 400, "expected ?role=ROLE");
    else
        set_weight(front, request, &call);
}

void front_set_priority(void *front, struct http_request *request)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(CALL_ARENA_MAX);
    struct msg_operator_set_priority call = {0};
    struct err err;
    size_t size;
    const char *text = http_request_body(request, &size);

    if (policy_read_priority(text, size, arena, &call, &err) < 0)
        http_reply_error(request, 400, "%s", err.text);
    else
        set_priority(front, request, &call);
}

void front_remove_priority(void *front, struct http_request *request)
{
    struct msg_operator_set_priority call = {.role = http_request_query(request, "role"),
                                             .unset = true};

    if (!call.role)
        http_reply_error(request, 400, "expected ?role=ROLE");
    else
        set_priority(front, request, &call);
}
