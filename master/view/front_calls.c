#include "master/view/front.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/http_target.h"
#include "base/mem.h"
#include "base/table.h"
#include "master/view/system_metrics.h"

#define CALL_ARENA_MAX ((size_t)8 * 1024 * 1024)

/* --- requests that wait -------------------------------------------------------------------------
 */

static void forget(struct waiting *waiting)
{
    DL_DELETE(waiting->front->waiting, waiting);
    free(waiting);
}

static void on_gone(void *owner, struct http_request *request)
{
    (void)request;
    forget(owner);
}

static void wait_for(struct front *self, struct http_request *request, uint64_t number)
{
    struct waiting *waiting = mem_new(struct waiting);

    waiting->front = self;
    waiting->request = request;
    waiting->number = number;
    DL_APPEND(self->waiting, waiting);
    http_request_on_gone(request, on_gone, waiting);
}

void front_drop_waiting(struct front *self)
{
    while (self->waiting)
        forget(self->waiting);
}

/* --- operators' calls ---------------------------------------------------------------------------
 */

void front_call(struct front *self, struct http_request *request, enum msg_type type,
                const void *body)
{
    struct message message = {.type = type, .number = ++self->calls_made, .body = body};
    struct err err;

    if (message_check(&message, &err) < 0 || frames_add(&self->asked, &message, &err) < 0)
        http_reply_error(request, 400, "%s", err.text);
    else
        wait_for(self, request, message.number);
}

static void call_with_json(struct front *self, struct http_request *request, enum msg_type type,
                           const struct record_def *def)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(CALL_ARENA_MAX);
    const void *body;
    struct err err;
    size_t size;
    const char *text = http_request_body(request, &size);

    if (record_read_json_strict(def, text, size, arena, &body, &err) < 0)
        http_reply_error(request, 400, "%s", err.text);
    else
        front_call(self, request, type, body);
}

void front_kill(void *front, struct http_request *request)
{
    call_with_json(front, request, MSG_OPERATOR_KILL, &msg_operator_kill_def);
}

void front_drain(void *front, struct http_request *request)
{
    call_with_json(front, request, MSG_OPERATOR_DRAIN_AGENT, &msg_operator_drain_agent_def);
}

void front_deactivate(void *front, struct http_request *request)
{
    call_with_json(front, request, MSG_OPERATOR_DEACTIVATE_AGENT,
                   &msg_operator_deactivate_agent_def);
}

void front_reactivate(void *front, struct http_request *request)
{
    call_with_json(front, request, MSG_OPERATOR_REACTIVATE_AGENT,
                   &msg_operator_reactivate_agent_def);
}

void front_gone(void *front, struct http_request *request)
{
    call_with_json(front, request, MSG_OPERATOR_MARK_GONE, &msg_operator_mark_gone_def);
}

void front_explain(void *front, struct http_request *request)
{
    const struct msg_operator_explain explain = {
        .framework = http_request_query(request, "framework"),
        .role = http_request_query(request, "role"),
        .agent_id = http_request_query(request, "agent"),
    };

    front_call(front, request, MSG_OPERATOR_EXPLAIN, &explain);
}

static bool is_form(struct http_request *request)
{
    size_t size;
    const char *text = http_request_body(request, &size);

    while (size > 0 && (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')) {
        text++;
        size--;
    }
    return size > 0 && *text != '{';
}

/* A form's body is written as a query is. */
static void teardown_by_form(struct front *self, struct http_request *request)
{
    struct http_target form = {0};
    struct msg_operator_teardown teardown = {0};
    struct buf target = {0};
    size_t size;
    const char *text = http_request_body(request, &size);

    buf_printf(&target, "/?%.*s", (int)size, text);
    if (http_target_parse(&form, buf_text(&target), NULL) == 0)
        teardown.framework_id = http_target_query(&form, "frameworkId");
    if (!teardown.framework_id)
        http_reply_error(request, 400, "expected frameworkId=ID or {\"framework_id\":\"ID\"}");
    else
        front_call(self, request, MSG_OPERATOR_TEARDOWN, &teardown);
    http_target_fini(&form);
    buf_fini(&target);
}

void front_teardown(void *front, struct http_request *request)
{
    if (is_form(request))
        teardown_by_form(front, request);
    else
        call_with_json(front, request, MSG_OPERATOR_TEARDOWN, &msg_operator_teardown_def);
}

static struct waiting *find_waiting(const struct front *self, uint64_t number)
{
    struct waiting *waiting;

    DL_FOREACH (self->waiting, waiting) {
        if (waiting->number == number)
            return waiting;
    }
    return NULL;
}

static void on_operator_reply(struct front *self, uint64_t number,
                              const struct msg_operator_reply *reply)
{
    struct waiting *waiting = find_waiting(self, number);
    CLEANUP(buf_fini) struct buf body = {0};
    struct json json = JSON(&body);
    struct http_request *request;

    if (!waiting) /* its client has left */
        return;
    request = waiting->request;
    forget(waiting);
    json_object_begin(&json);
    json_pair_int(&json, "code", reply->code);
    json_pair_string(&json, "message", reply->message);
    json_object_end(&json);
    http_reply(request, (int)reply->code, "application/json", &body);
}

/* --- metrics ------------------------------------------------------------------------------------
 */

/* One question at a time: whoever comes while it is under way gets the same answer. */
void front_metrics(void *front, struct http_request *request)
{
    struct front *self = front;
    struct message question = MESSAGE(METRICS_REQUEST, metrics_request, .number = 0);

    wait_for(self, request, 0);
    if (self->is_asking_for_counters)
        return;
    self->is_asking_for_counters = true;
    frames_add(&self->asked, &question, NULL);
}

static void own_counters(const struct front *self, struct json *json)
{
    json_pair_milli(json, "view/changes", (int64_t)self->replica->number * 1000);
    json_pair_milli(json, "view/changes_wrong", (int64_t)self->changes_wrong * 1000);
    json_pair_milli(json, "view/stale", *self->stale.text ? 1000 : 0);
    json_pair_milli(json, "view/operator_calls", (int64_t)self->calls_made * 1000);
}

static void on_metrics_reply(struct front *self, const struct msg_metrics_reply *reply)
{
    CLEANUP(buf_fini) struct buf text = {0};
    struct waiting *waiting;
    struct json json = JSON(&text);

    self->is_asking_for_counters = false;
    json_object_begin(&json);
    for (size_t i = 0; i < reply->counters_count; i++)
        json_pair_milli(&json, reply->counters[i].name, reply->counters[i].milli);
    own_counters(self, &json);
    system_metrics(&json);
    json_object_end(&json);
    while ((waiting = find_waiting(self, 0))) {
        CLEANUP(buf_fini) struct buf body = {0};
        struct http_request *request = waiting->request;

        forget(waiting);
        buf_append(&body, text.data, text.size);
        http_reply_json(request, &body);
    }
}

void front_on_reply(struct front *self, const struct message *reply)
{
    if (reply->type == MSG_OPERATOR_REPLY)
        on_operator_reply(self, reply->number, reply->operator_reply);
    else
        on_metrics_reply(self, reply->metrics_reply);
}
