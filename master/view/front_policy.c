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

static void set_one(struct front *self, struct http_request *request,
                    const struct msg_operator_set_roles *roles)
{
    struct msg_operator_set_quota quota = {
        .role = roles->roles->role,
        .guarantees = roles->roles->guarantees,
        .guarantees_count = roles->roles->guarantees_count,
        .limits = roles->roles->limits,
        .limits_count = roles->roles->limits_count,
        .force = roles->force,
    };
    struct msg_operator_set_weight weight = {
        .role = roles->roles->role,
        .weight_milli = roles->roles->weight_milli,
    };

    struct msg_operator_set_priority priority = {
        .role = roles->roles->role,
        .priority = roles->roles->priority,
    };

    if (roles->is_priority)
        set_priority(self, request, &priority);
    else if (roles->is_quota)
        set_quota(self, request, &quota);
    else
        set_weight(self, request, &weight);
}

static void set_roles(struct front *self, struct http_request *request,
                      struct msg_operator_set_roles *roles)
{
    char peer[HTTP_PEER_TEXT];

    if (roles->roles_count == 1) {
        set_one(self, request, roles);
        return;
    }
    http_request_peer(request, peer);
    roles->asked_by = peer;
    front_call(self, request, MSG_OPERATOR_SET_ROLES, roles);
}

typedef int read_fn(const char *text, size_t size, struct arena *arena,
                    struct msg_operator_set_roles *ret_call, struct err *err);

static void read_and_set(struct front *self, struct http_request *request, read_fn *read)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(CALL_ARENA_MAX);
    struct msg_operator_set_roles call = {0};
    struct err err;
    size_t size;
    const char *text = http_request_body(request, &size);

    if (read(text, size, arena, &call, &err) < 0)
        http_reply_error(request, 400, "%s", err.text);
    else
        set_roles(self, request, &call);
}

void front_set_quota(void *front, struct http_request *request)
{
    read_and_set(front, request, policy_json_quotas);
}

void front_set_weight(void *front, struct http_request *request)
{
    read_and_set(front, request, policy_json_weights);
}

void front_set_priority(void *front, struct http_request *request)
{
    read_and_set(front, request, policy_json_priorities);
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

static void set_offers(struct front *self, struct http_request *request,
                       struct msg_operator_set_offers *call)
{
    char peer[HTTP_PEER_TEXT];

    http_request_peer(request, peer);
    call->asked_by = peer;
    front_call(self, request, MSG_OPERATOR_SET_OFFERS, call);
}

void front_set_offers(void *front, struct http_request *request)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(CALL_ARENA_MAX);
    struct msg_operator_set_offers call = {0};
    struct err err;
    size_t size;
    const char *text = http_request_body(request, &size);

    if (policy_json_offers(text, size, arena, &call, &err) < 0)
        http_reply_error(request, 400, "%s", err.text);
    else
        set_offers(front, request, &call);
}

void front_remove_offers(void *front, struct http_request *request)
{
    struct msg_operator_set_offers call = {.role = http_request_query(request, "role")};

    if (!call.role)
        http_reply_error(request, 400, "expected ?role=ROLE");
    else
        set_offers(front, request, &call);
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
