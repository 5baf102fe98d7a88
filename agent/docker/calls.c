#include "agent/docker/calls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/docker/answers.h"
#include "agent/docker/core/image_name.h"
#include "agent/docker/credentials.h"
#include "agent/docker/demux.h"
#include "agent/docker/sandbox.h"
#include "agent/docker/spec.h"
#include "agent/docker/transcript.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deadlines.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"

#define BODY_MAX       ((size_t)4 * 1024 * 1024)
#define LINE_MAX_BYTES ((size_t)256 * 1024) /* of a stream of JSON objects */
#define EXEC_OUTPUT    ((size_t)MESSAGE_MAX)
#define SEEN_MAX       4096 /* events of one turn; more are found by the sweep */
#define NS_PER_S       INT64_C(1000000000)
#define API_FIRST      "1.41" /* until the engine has said what it speaks */

struct flight {
    struct calls *calls;
    uint64_t number;
    enum dock_call_kind kind;
    struct http_exchange *exchange; /* NULL: it failed before it was sent */
    char error[600];                /* why that was */
    struct buf line;                /* what has come of it */
    struct pull_view *pull;
    bool has_progress;
    struct transcript *transcript;
    struct demux demux;
    struct buf text; /* what an exec wrote */
    char *used;      /* of IMAGES: the answer to its first half; owned */
    size_t used_size;
    UT_hash_handle hh;
};

struct calls {
    struct calls_settings settings;
    struct http *http;
    struct flight *flights;
    char api[40];
    char cgroup_driver[40];
    char *events[SEEN_MAX]; /* owned; to be told of in the next turn */
    size_t events_count;
    bool has_progress;
    bool has_failed;
};

static void on_done(void *owner, const struct http_result *result);

static void flight_destroy(struct flight *self)
{
    HASH_DEL(self->calls->flights, self);
    transcript_close(&self->transcript);
    buf_fini(&self->line);
    buf_fini(&self->text);
    free(self->pull);
    free(self->used);
    free(self);
}

/* --- streams ------------------------------------------------------------------------------------ */

static bool take_lines(struct flight *self, const char *data, size_t size,
                       void (*take)(struct flight *self, const char *line, size_t size))
{
    while (size) {
        const char *end = memchr(data, '\n', size);
        size_t part = end ? (size_t)(end - data) : size;

        if (self->line.size + part > LINE_MAX_BYTES)
            return false;
        buf_append(&self->line, data, part);
        if (!end)
            return true;
        if (self->line.size > 1)
            take(self, buf_text(&self->line), self->line.size);
        buf_consume(&self->line, self->line.size);
        data += part + 1;
        size -= part + 1;
    }
    return true;
}

static void take_event(struct flight *self, const char *line, size_t size)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const char *id = answers_read_event(line, size, arena);
    struct calls *calls = self->calls;

    if (id && calls->events_count < SEEN_MAX)
        calls->events[calls->events_count++] = mem_strdup(id);
}

static void take_pull_line(struct flight *self, const char *line, size_t size)
{
    pull_view_read(self->pull, line, size);
    self->has_progress = self->calls->has_progress = true;
}

static bool on_events(void *owner, const void *data, size_t size)
{
    return take_lines(owner, data, size, take_event);
}

static bool on_pull(void *owner, const void *data, size_t size)
{
    return take_lines(owner, data, size, take_pull_line);
}

static bool on_logs(void *owner, const void *data, size_t size)
{
    struct flight *self = owner;

    return transcript_push(self->transcript, data, size);
}

static void on_exec_bytes(void *owner, int stream, const char *data, size_t size)
{
    struct flight *self = owner;
    size_t room = EXEC_OUTPUT - self->text.size;

    (void)stream;
    buf_append(&self->text, data, size < room ? size : room);
}

static bool on_exec(void *owner, const void *data, size_t size)
{
    struct flight *self = owner;

    return demux_push(&self->demux, data, size);
}

/* --- requests ----------------------------------------------------------------------------------- */

static void add_escaped(struct buf *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                        (*c >= '0' && *c <= '9') || strchr("-_.~", *c);

        buf_printf(out, is_plain ? "%c" : "%%%02X", *c);
    }
}

/* A request in the making. */
struct plan {
    struct http_request request;
    struct buf path;
    char *body;   /* owned */
    char *header; /* owned */
};

static void plan_fini(struct plan *self)
{
    buf_fini(&self->path);
    free(self->body);
    free(self->header);
}

static void add_path(struct calls *self, struct plan *plan, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add_path(struct calls *self, struct plan *plan, const char *format, ...)
{
    char text[DOCK_ENGINE_ID_MAX + 200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_printf(&plan->path, "/v%s%s", self->api, text);
}

static void add_filters(struct calls *self, struct plan *plan, const char *more)
{
    CLEANUP(buf_fini) struct buf filters = {0};

    buf_printf(&filters, "{%s\"label\":[\"%s=%s\"]}", more, LABEL_OWNER,
               self->settings.want->owner);
    buf_puts(&plan->path, "filters=");
    add_escaped(&plan->path, buf_text(&filters));
}

static int plan_pull(struct calls *self, struct flight *flight, const struct dock_call *call,
                     struct plan *plan, struct err *err)
{
    const struct msg_docker_configure *want = self->settings.want;
    CLEANUP(free_p) char *value = NULL;
    struct image_name image;
    int rc = image_name_parse(call->image, &image, err);

    if (rc == 0)
        rc = credentials_read(want->credentials_dir, call->credentials, want->config_file,
                              image.registry, &value, err);
    if (rc < 0)
        return rc;
    add_path(self, plan, "/images/create?fromImage=");
    add_escaped(&plan->path, image.name);
    buf_puts(&plan->path, "&tag=");
    add_escaped(&plan->path, image.tag);
    if (value)
        plan->header = mem_printf("X-Registry-Auth: %s", value);
    plan->request.method = "POST";
    plan->request.data = on_pull;
    flight->pull = mem_new(struct pull_view);
    return 0;
}

static int plan_create(struct calls *self, const struct dock_call *call, struct plan *plan,
                       struct err *err)
{
    const struct msg_docker_configure *want = self->settings.want;
    int rc = 0;

    /* The Engine follows links, and an archive may have brought some where folders were made. */
    if (call->order->command->uris_count)
        rc = sandbox_make(want, self->settings.state_dir, call->order, err);
    if (rc == 0)
        rc = spec_make(want, self->cgroup_driver, call->order, &plan->body, err);
    add_path(self, plan, "/containers/create?name=proffer-");
    add_escaped(&plan->path, call->container_id);
    plan->request.method = "POST";
    return rc;
}

static int plan_logs(struct calls *self, struct flight *flight, const struct dock_call *call,
                     struct plan *plan, struct err *err)
{
    const struct transcript_settings settings = {
        .state_dir = self->settings.state_dir,
        .max_bytes = self->settings.want->log_max_bytes,
        .files = self->settings.want->log_files,
        .id = call->container_id,
        .sandbox = call->sandbox,
    };
    int rc = transcript_open(&settings, &flight->transcript, err);
    int64_t since;

    if (rc < 0)
        return rc;
    since = transcript_since_ns(flight->transcript);
    add_path(self, plan,
             "/containers/%s/logs?stdout=1&stderr=1&timestamps=1&follow=%d&since=%" PRId64
             ".%09" PRId64,
             call->engine_id, call->follow, since / NS_PER_S, since % NS_PER_S);
    plan->request.data = on_logs;
    return 0;
}

static void plan_events(struct calls *self, const struct dock_call *call, struct plan *plan)
{
    add_path(self, plan, "/events?since=%" PRId64 "&", call->since_us / US_PER_S);
    add_filters(self, plan, "\"type\":[\"container\"],\"event\":[\"die\",\"oom\",\"destroy\"],");
    plan->request.data = on_events;
}

static void plan_exec_start(struct calls *self, struct flight *flight, const struct dock_call *call,
                            struct plan *plan)
{
    add_path(self, plan, "/exec/%s/start", call->engine_id);
    plan->request.method = "POST";
    plan->body = mem_strdup("{\"Detach\":false,\"Tty\":false}");
    plan->request.data = on_exec;
    flight->demux = (struct demux){.owner = flight, .bytes = on_exec_bytes};
}

static void plan_post(struct calls *self, struct plan *plan, const char *path, const char *id)
{
    plan->request.method = "POST";
    add_path(self, plan, "/containers/%s/%s", id, path);
}

/* Calls of which there is no more to be said: method, and what stands before and behind the id. */
static const struct simple {
    const char *method, *before, *behind;
} simple_calls[CALL_KIND_MAX] = {
    [CALL_INFO] = {"GET", "/info", NULL},
    [CALL_IMAGES] = {"GET", "/containers/json?all=true", NULL},
    [CALL_START] = {"POST", "/containers/", "/start"},
    [CALL_INSPECT] = {"GET", "/containers/", "/json"},
    [CALL_STATS] = {"GET", "/containers/", "/stats?stream=false&one-shot=true"},
    [CALL_REMOVE] = {"DELETE", "/containers/", "?force=true&v=true"},
    [CALL_EXEC_INSPECT] = {"GET", "/exec/", "/json"},
};

static void plan_simple(struct calls *self, const struct simple *simple, const char *id,
                        struct plan *plan)
{
    plan->request.method = simple->method;
    add_path(self, plan, "%s%s%s", simple->before, simple->behind ? id : "",
             simple->behind ? simple->behind : "");
}

/* Those that can fail here, or know no version of the API. */
static int plan_odd(struct calls *self, struct flight *flight, const struct dock_call *call,
                    struct plan *plan, struct err *err)
{
    switch (call->kind) {
    case CALL_PING:
        buf_puts(&plan->path, "/_ping");
        return 0;
    case CALL_VERSION:
        buf_puts(&plan->path, "/version");
        return 0;
    case CALL_CONNECT:
        plan->request.url = call->url;
        plan->request.only_status = true;
        return 0;
    case CALL_PULL:
        return plan_pull(self, flight, call, plan, err);
    case CALL_LOGS:
        return plan_logs(self, flight, call, plan, err);
    case CALL_CREATE:
        return plan_create(self, call, plan, err);
    case CALL_UPDATE:
        plan_post(self, plan, "update", call->engine_id);
        return spec_make_update(call->update, &plan->body, err);
    default:
        return err_set(err, -EINVAL, "no such call");
    }
}

static int plan_call(struct calls *self, struct flight *flight, const struct dock_call *call,
                     struct plan *plan, struct err *err)
{
    switch (call->kind) {
    case CALL_EVENTS:
        plan_events(self, call, plan);
        return 0;
    case CALL_LIST:
        add_path(self, plan, "/containers/json?all=true&");
        add_filters(self, plan, "");
        return 0;
    case CALL_KILL:
        plan_post(self, plan, "kill?signal=", call->engine_id);
        add_escaped(&plan->path, call->signal);
        return 0;
    case CALL_EXEC_CREATE:
        plan_post(self, plan, "exec", call->engine_id);
        plan->body = spec_make_exec(call->exec);
        return 0;
    case CALL_EXEC_START:
        plan_exec_start(self, flight, call, plan);
        return 0;
    case CALL_REMOVE_IMAGE:
        plan->request.method = "DELETE";
        add_path(self, plan, "/images/");
        buf_puts(&plan->path, call->image);
        return 0;
    default:
        if (!simple_calls[call->kind].method)
            return plan_odd(self, flight, call, plan, err);
        plan_simple(self, &simple_calls[call->kind], call->engine_id, plan);
        return 0;
    }
}

static void send(struct calls *self, struct flight *flight, struct plan *plan)
{
    plan->request.owner = flight;
    plan->request.done = on_done;
    plan->request.body_max = BODY_MAX;
    plan->request.path = buf_text(&plan->path);
    plan->request.body = plan->body;
    plan->request.header = plan->header;
    flight->exchange = http_send(self->http, &plan->request);
    if (!flight->exchange) {
        snprintf(flight->error, sizeof(flight->error), "out of memory");
        self->has_failed = true;
    }
}

void calls_begin(struct calls *self, const struct dock_call *call)
{
    CLEANUP(plan_fini)
    struct plan plan = {.request = {.method = "GET", .timeout_ms = call->timeout_ms}};
    struct flight *flight = mem_new(struct flight);
    struct err err;

    flight->calls = self;
    flight->number = call->number;
    flight->kind = call->kind;
    HASH_ADD(hh, self->flights, number, sizeof(flight->number), flight);
    if (plan_call(self, flight, call, &plan, &err) < 0) {
        snprintf(flight->error, sizeof(flight->error), "%s", err.text);
        self->has_failed = true;
        return;
    }
    send(self, flight, &plan);
}

void calls_cancel(struct calls *self, uint64_t number)
{
    struct flight *flight;

    HASH_FIND(hh, self->flights, &number, sizeof(number), flight);
    if (!flight)
        return;
    if (flight->exchange)
        http_cancel(self->http, flight->exchange);
    flight_destroy(flight);
}

/* --- answers ------------------------------------------------------------------------------------ */

static void note(struct calls *self, const struct dock_answer *answer)
{
    if (answer->api_version)
        snprintf(self->api, sizeof(self->api), "%s", answer->api_version);
    if (answer->cgroups && *answer->cgroups)
        snprintf(self->cgroup_driver, sizeof(self->cgroup_driver), "%s", answer->cgroups);
}

/* Of a stream of status 200 that has come to its end. */
static void finish_stream(struct flight *self, struct dock_answer *answer)
{
    if (self->pull)
        answer->digest = self->pull->digest;
    if (self->pull && *self->pull->error)
        answer->error = self->pull->error;
    if (self->kind == CALL_EXEC_START)
        answer->output = (struct bytes){self->text.data, self->text.size};
}

/* Which images are in use was the first half. */
static bool go_on_with_images(struct flight *self, const struct http_result *result)
{
    CLEANUP(plan_fini) struct plan plan = {.request = {.method = "GET", .timeout_ms = 20000}};

    if (self->kind != CALL_IMAGES || self->used || result->status != 200)
        return false;
    self->used_size = result->size;
    self->used = mem_alloc(result->size + 1);
    memcpy(self->used, result->body, result->size + 1);
    add_path(self->calls, &plan, "/images/json");
    send(self->calls, self, &plan);
    return self->exchange != NULL;
}

static int mark_used(struct flight *self, struct dock_answer *answer, struct arena *arena)
{
    const char *const *ids;
    size_t count;
    int rc = answers_read_used(self->used, self->used_size, arena, &ids, &count);

    if (rc == 0)
        answers_mark_used(answer, ids, count, arena);
    return rc;
}

static void answer(struct flight *self, const struct http_result *result)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct dock_answer answer = {
        .error = result->error,
        .is_refused = result->is_refused,
        .is_late = result->is_late,
        .id = "",
        .version = "",
        .root_dir = "",
        .driver = "",
        .cgroups = "",
    };
    struct calls *calls = self->calls;
    struct err err;

    answer.number = self->number;
    if (result->status && self->kind == CALL_CONNECT)
        answer.status = result->status;
    else if (result->status)
        answers_read(self->kind, result->status, result->body, result->size, arena, &answer, &err);
    if (answer.status == 200)
        finish_stream(self, &answer);
    if (self->used && answer.status == 200 && mark_used(self, &answer, arena) < 0)
        answer.status = 0;
    note(calls, &answer);
    calls->settings.on_answer(calls->settings.owner, &answer);
    flight_destroy(self);
}

static void on_done(void *owner, const struct http_result *result)
{
    struct flight *self = owner;

    self->exchange = NULL;
    if (!go_on_with_images(self, result))
        answer(self, result);
}

static struct flight *find_failed(const struct calls *self)
{
    struct flight *flight = self->flights;

    while (flight && flight->exchange)
        flight = flight->hh.next;
    return flight;
}

/* What could not even be sent: as an engine would refuse it, and not as one that does not answer. */
static void answer_failed(struct calls *self)
{
    struct flight *flight;

    self->has_failed = false;
    while ((flight = find_failed(self))) {
        struct dock_answer answer = {
            .number = flight->number, .status = 400, .error = flight->error};

        self->settings.on_answer(self->settings.owner, &answer);
        flight_destroy(flight);
    }
}

static void tell_events(struct calls *self)
{
    for (size_t i = 0; i < self->events_count; i++) {
        CLEANUP(free_p) char *id = self->events[i];

        self->settings.on_event(self->settings.owner, id);
    }
    self->events_count = 0;
}

static void tell_progress(struct calls *self)
{
    struct flight *flight, *next;

    self->has_progress = false;
    HASH_ITER (hh, self->flights, flight, next) {
        if (!flight->has_progress)
            continue;
        flight->has_progress = false;
        if (*flight->pull->text)
            self->settings.on_progress(self->settings.owner, flight->number, flight->pull->text);
    }
}

/* --- all ---------------------------------------------------------------------------------------- */

int calls_new(const struct calls_settings *settings, struct calls **ret_calls, struct err *err)
{
    struct calls *self = mem_new(struct calls);
    int rc = http_new(settings->want->socket, &self->http, err);

    self->settings = *settings;
    snprintf(self->api, sizeof(self->api), "%s", API_FIRST);
    snprintf(self->cgroup_driver, sizeof(self->cgroup_driver), "cgroupfs");
    if (rc < 0)
        free(self);
    else
        *ret_calls = self;
    return rc;
}

void calls_destroy(struct calls **self_p)
{
    struct calls *self = TAKE(*self_p);
    struct flight *flight, *next;

    if (!self)
        return;
    HASH_ITER (hh, self->flights, flight, next)
        calls_cancel(self, flight->number);
    for (size_t i = 0; i < self->events_count; i++)
        free(self->events[i]);
    http_destroy(&self->http);
    free(self);
}

int calls_fd(const struct calls *self)
{
    return http_fd(self->http);
}

int64_t calls_next_us(const struct calls *self)
{
    return self->has_failed ? 0 : http_next_us(self->http);
}

void calls_run(struct calls *self)
{
    http_run(self->http);
    if (self->events_count)
        tell_events(self);
    if (self->has_progress)
        tell_progress(self);
    if (self->has_failed)
        answer_failed(self);
}

const char *calls_cgroup_driver(const struct calls *self)
{
    return self->cgroup_driver;
}
