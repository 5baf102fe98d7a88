#include "master/view/front.h"

#include <stdint.h>

#include "base/cleanup.h"
#include "base/units.h"

/* What all of them do: look at the replica, write a document, answer. */
#define DOCUMENT_HANDLER(name, write)                                                              \
    static void name(void *owner, struct http_request *request)                                    \
    {                                                                                              \
        const struct replica *replica = front_replica(owner, request);                             \
        CLEANUP(buf_fini) struct buf body = {0};                                                   \
                                                                                                   \
        if (!replica)                                                                              \
            return;                                                                                \
        write;                                                                                     \
        http_reply_json(request, &body);                                                           \
    }

DOCUMENT_HANDLER(get_state, document_state(replica, &((struct front *)owner)->flags, &body))
DOCUMENT_HANDLER(get_state_summary, document_state_summary(replica, &body))
DOCUMENT_HANDLER(get_roles, document_roles(replica, &body))
DOCUMENT_HANDLER(get_quota, document_quota(replica, &body))
DOCUMENT_HANDLER(get_weights, document_weights(replica, &body))
DOCUMENT_HANDLER(get_priorities, document_priorities(replica, &body))
DOCUMENT_HANDLER(get_reservations,
                 document_reservations(replica, http_request_query(request, "agent_id"),
                                       http_request_query(request, "role"), &body))
DOCUMENT_HANDLER(get_volumes, document_volumes(replica, http_request_query(request, "agent_id"),
                                               http_request_query(request, "role"), &body))
DOCUMENT_HANDLER(get_maintenance, document_maintenance(replica, &body))
DOCUMENT_HANDLER(get_schedule, document_maintenance_schedule(replica, &body))
DOCUMENT_HANDLER(get_maintenance_status, document_maintenance_status(replica, &body))
DOCUMENT_HANDLER(get_offers, document_offers(replica, &body))
DOCUMENT_HANDLER(get_frameworks,
                 document_frameworks(replica, http_request_query(request, "framework_id"), &body))
DOCUMENT_HANDLER(get_slaves,
                 document_slaves(replica, http_request_query(request, "slave_id"), &body))

/* --- /tasks -------------------------------------------------------------------------------------
 */

static int read_count(struct http_request *request, const char *name, size_t *count,
                      struct err *err)
{
    const char *text = http_request_query(request, name);
    int64_t value;
    int r;

    if (!text)
        return 0;
    r = units_parse_int(text, 0, INT32_MAX, &value, err);
    if (r < 0)
        return err_wrap(err, r, "%s", name);
    *count = (size_t)value;
    return 0;
}

static int read_tasks_query(struct http_request *request, struct tasks_query *query,
                            struct err *err)
{
    const char *order = http_request_query(request, "order");
    int r;

    query->limit = TASKS_LIMIT_DEFAULT;
    query->ascending = order && order[0] == 'a';
    query->framework_id = http_request_query(request, "framework_id");
    query->task_id = http_request_query(request, "task_id");
    r = read_count(request, "limit", &query->limit, err);
    if (r == 0)
        r = read_count(request, "offset", &query->offset, err);
    return r;
}

static void get_tasks(void *owner, struct http_request *request)
{
    const struct replica *replica;
    CLEANUP(buf_fini) struct buf body = {0};
    struct tasks_query query = {0};
    struct err err;

    if (read_tasks_query(request, &query, &err) < 0) {
        http_reply_error(request, 400, "%s", err.text);
        return;
    }
    replica = front_replica(owner, request);
    if (!replica)
        return;
    document_tasks(replica, &query, &body);
    http_reply_json(request, &body);
}

/* --- the rest -----------------------------------------------------------------------------------
 */

static void get_health(void *owner, struct http_request *request)
{
    const struct replica *replica = front_replica(owner, request);
    struct buf empty = {0};

    if (replica && *replica->master->problem)
        http_reply_error(request, 503, "%s", replica->master->problem);
    else if (replica)
        http_reply(request, 200, "text/plain", &empty);
}

static void get_version(void *owner, struct http_request *request)
{
    CLEANUP(buf_fini) struct buf body = {0};

    (void)owner;
    document_version(&body);
    http_reply_json(request, &body);
}

static void get_flags(void *owner, struct http_request *request)
{
    const struct front *self = owner;
    CLEANUP(buf_fini) struct buf body = {0};

    document_flags(&self->flags, &body);
    http_reply_json(request, &body);
}

/* There is one master, so it leads. */
static void get_redirect(void *owner, struct http_request *request)
{
    const struct replica *replica = front_replica(owner, request);
    CLEANUP(buf_fini) struct buf location = {0};

    if (!replica)
        return;
    buf_printf(&location, "//%s", replica->master->address);
    http_reply_redirect(request, buf_text(&location));
}

/* Mesos's masters answer at both places. */
#define ROUTE(method, path, handler, help)                                                         \
    {method, path, handler, help},                                                                 \
    {                                                                                              \
        method, "/master" path, handler, "the same"                                                \
    }

const struct http_route front_routes[] = {
    ROUTE("GET", "/state", get_state, "all there is: agents, frameworks, their tasks and offers"),
    ROUTE("GET", "/state.json", get_state, "the same"),
    ROUTE("GET", "/state-summary", get_state_summary, "agents and frameworks with counts of tasks"),
    ROUTE("GET", "/tasks", get_tasks, "?limit=100&offset=0&order=asc|des&framework_id=&task_id="),
    ROUTE("GET", "/frameworks", get_frameworks, "?framework_id="),
    ROUTE("GET", "/slaves", get_slaves, "agents, ?slave_id="),
    ROUTE("GET", "/roles", get_roles, "what each role uses, is offered and has reserved"),
    ROUTE("POST", "/roles/offers", front_set_offers,
          "{\"role\":\"...\",\"offers\":\"optimistic\"}, or exclusive: how it is offered what is "
          "free"),
    ROUTE("PUT", "/roles/offers", front_set_offers, "the same"),
    ROUTE("DELETE", "/roles/offers", front_remove_offers, "?role=: as the role above it again"),
    ROUTE("GET", "/quota", get_quota, "what roles are guaranteed, and their limits"),
    ROUTE(
        "POST", "/quota", front_set_quota,
        "{\"role\":\"...\",\"guarantees\":{\"cpus\":4},\"limits\":{},\"force\":false}: of a role; "
        "of several, all or none: [{...},...]"),
    ROUTE("PUT", "/quota", front_set_quota, "the same"),
    ROUTE("DELETE", "/quota", front_remove_quota, "?role=: no quota for it any more"),
    ROUTE("GET", "/weights", get_weights, "of roles for which one is set"),
    ROUTE("PUT", "/weights", front_set_weight,
          "[{\"role\":\"...\",\"weight\":2.0},...]: of roles, all or none"),
    ROUTE("POST", "/weights", front_set_weight, "the same"),
    ROUTE("DELETE", "/weights", front_remove_weight, "?role=: 1 again"),
    ROUTE("GET", "/priorities", get_priorities, "of roles for which one is set"),
    ROUTE("POST", "/priorities", front_set_priority,
          "[{\"role\":\"...\",\"priority\":10},...]: whose tasks give way to whose"),
    ROUTE("PUT", "/priorities", front_set_priority, "the same"),
    ROUTE("DELETE", "/priorities", front_remove_priority, "?role=: that of the role above again"),
    ROUTE("GET", "/reservations", get_reservations,
          "?agent_id=&role=: what is reserved for whom, and how much of it is used"),
    ROUTE("POST", "/reservations", front_reserve,
          "{\"agent_id\":\"...\",\"role\":\"ads\",\"resources\":\"cpus:2\",\"principal\":\"...\","
          "\"labels\":[{\"key\":\"...\",\"value\":\"...\"}],\"instead\":false}: reserve it"),
    ROUTE("POST", "/reservations/remove", front_unreserve,
          "{\"agent_id\":\"...\",\"role\":\"ads\",\"resources\":\"cpus:2\"}: reserve it no longer"),
    ROUTE("GET", "/volumes", get_volumes, "?agent_id=&role=: volumes, and who uses them"),
    ROUTE("POST", "/volumes/create", front_create_volume,
          "{\"agent_id\":\"...\",\"role\":\"ads\",\"volume_id\":\"db\",\"mib\":40,\"principal\":\"."
          "..\","
          "\"shared\":false}: of disk that is reserved for the role"),
    ROUTE("POST", "/volumes/destroy", front_destroy_volume,
          "{\"agent_id\":\"...\",\"role\":\"ads\",\"volume_id\":\"db\"}: with what is in it"),
    ROUTE("POST", "/volumes/grow", front_grow_volume,
          "{\"agent_id\":\"...\",\"role\":\"ads\",\"volume_id\":\"db\",\"mib\":10}: by so much"),
    ROUTE("POST", "/volumes/shrink", front_shrink_volume, "likewise"),
    ROUTE("GET", "/offers", get_offers, "offers that are not answered yet"),
    ROUTE("GET", "/health", get_health, "200 while this master and its view are well"),
    ROUTE("GET", "/version", get_version, "which Proffer this is"),
    ROUTE("GET", "/flags", get_flags, "what it was started with"),
    ROUTE("GET", "/redirect", get_redirect, "to the leading master"),
    ROUTE("GET", "/metrics/snapshot", front_metrics, "counters and gauges"),
    ROUTE("GET", "/explain", front_explain,
          "?framework=&role=&agent=: why it is offered something, or not"),
    ROUTE("POST", "/kill", front_kill, "{\"task_id\":\"...\",\"framework_id\":\"...\"}"),
    ROUTE("POST", "/agents/drain", front_drain,
          "{\"agent_id\":\"...\",\"max_grace_ms\":0,\"mark_gone\":false}: end all tasks there"),
    ROUTE("POST", "/agents/deactivate", front_deactivate,
          "{\"agent_id\":\"...\"}: no offers of it any more"),
    ROUTE("POST", "/agents/reactivate", front_reactivate, "{\"agent_id\":\"...\"}: use it again"),
    ROUTE("POST", "/agents/gone", front_gone, "{\"agent_id\":\"...\"}: it will never come back"),
    ROUTE("GET", "/maintenance", get_maintenance,
          "windows, the agents in them, what runs there, who has answered what"),
    ROUTE("POST", "/maintenance", front_schedule_maintenance,
          "{\"id\":\"...\",\"agents\":[\"host1\"],\"start_us\":0,\"duration_ms\":7200000,"
          "\"reason\":\"...\",\"max_grace_ms\":0,\"replace\":false}: take agents down then"),
    ROUTE("POST", "/maintenance/cancel", front_cancel_maintenance,
          "{\"id\":\"...\"}: a window that has not begun"),
    ROUTE("POST", "/maintenance/start", front_start_maintenance,
          "{\"id\":\"...\"}: now, not when it was to begin"),
    ROUTE("POST", "/maintenance/stop", front_stop_maintenance,
          "{\"id\":\"...\",\"agents\":[\"host1\"]}: use its agents, or these of them, again"),
    ROUTE("GET", "/maintenance/schedule", get_schedule, "windows, in the form of Mesos"),
    ROUTE("GET", "/maintenance/status", get_maintenance_status, "agents, in the form of Mesos"),
    ROUTE("POST", "/teardown", front_teardown,
          "{\"framework_id\":\"...\"} or frameworkId=...: kill all its tasks and forget it"),
    {NULL, NULL, NULL, NULL},
};
