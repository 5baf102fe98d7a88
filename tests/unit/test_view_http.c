/* The view as its clients meet it: a thread, real requests on loopback, and a loop that publishes. The test
 * itself is the loop. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "master/view/view.h"
#include "tests/unit/replica_fixture.h"

#define FW         "M-0000"
#define AGENT      "M-S0"
#define DEADLINE_S 20L

struct loop {
    struct view *view;
    struct publisher core;
    int calls;
    enum msg_type last_call;
    char last_id[64];
};

static void publish(void *view, const struct message *change)
{
    view_publish(view, change);
}

static int set_up(void **state)
{
    static struct option_shown flag = {"cluster", "c"};
    const struct view_settings settings = {.address = "127.0.0.1", .flags = {&flag, 1}};
    struct loop *loop = calloc(1, sizeof(*loop));
    struct err err;

    if (view_new(&settings, &loop->view, &err) < 0)
        fail_msg("%s", err.text);
    loop->core = (struct publisher){.publish = publish, .ctx = loop->view};
    say_master(&loop->core);
    say_agent(&loop->core, AGENT);
    say_framework(&loop->core, FW, "marathon");
    say_task(&loop->core, FW, "t1", AGENT, "cpus:1");
    view_flush(loop->view);
    *state = loop;
    return 0;
}

static int tear_down(void **state)
{
    struct loop *loop = *state;

    view_destroy(&loop->view);
    free(loop);
    return 0;
}

/* --- the loop's side ---------------------------------------------------------------------------- */

static void reply(struct loop *loop, const struct message *call, struct message message)
{
    message.number = call->number;
    view_publish(loop->view, &message);
}

/* "ads: cpus 4000 | mem 100 by force", and who asked is of this machine. */
static void note_quota(struct loop *loop, const struct msg_operator_set_quota *call)
{
    CLEANUP(buf_fini) struct buf text = {0};

    buf_printf(&text, "%s:", call->role);
    for (size_t i = 0; i < call->guarantees_count; i++)
        buf_printf(&text, " %s %d", call->guarantees[i].name, (int)call->guarantees[i].scalar);
    buf_printf(&text, " |");
    for (size_t i = 0; i < call->limits_count; i++)
        buf_printf(&text, " %s %d", call->limits[i].name, (int)call->limits[i].scalar);
    buf_printf(&text, "%s", call->force ? " by force" : "");
    snprintf(loop->last_id, sizeof(loop->last_id), "%s", buf_text(&text));
    assert_int_equal(strncmp(call->asked_by, "127.0.0.1:", 10), 0);
}

static void note_reservation(struct loop *loop, const struct msg_operator_reservation *call)
{
    snprintf(loop->last_id, sizeof(loop->last_id), "%d %s %s %s %s %zu %d", (int)call->kind,
             call->agent_id, call->role, call->resources, call->principal, call->labels_count,
             call->instead);
    assert_int_equal(strncmp(call->asked_by, "127.0.0.1:", 10), 0);
}

static void note_volume(struct loop *loop, const struct msg_operator_volume *call)
{
    snprintf(loop->last_id, sizeof(loop->last_id), "%d %s %s %s %d %s %d", (int)call->kind,
             call->agent_id, call->role, call->volume_id, (int)call->mib, call->principal,
             call->shared);
    assert_int_equal(strncmp(call->asked_by, "127.0.0.1:", 10), 0);
}

/* "quotas ROLE WEIGHT GUARANTEES LIMITS ..." */
static void note_roles(struct loop *loop, const struct msg_operator_set_roles *call)
{
    CLEANUP(buf_fini) struct buf text = {0};

    if (call->is_priority) {
        buf_puts(&text, "priorities");
        for (size_t i = 0; i < call->roles_count; i++)
            buf_printf(&text, " %s %d", call->roles[i].role, (int)call->roles[i].priority);
        snprintf(loop->last_id, sizeof(loop->last_id), "%s", buf_text(&text));
        return;
    }
    buf_puts(&text, call->is_quota ? "quotas" : "weights");
    for (size_t i = 0; i < call->roles_count; i++)
        buf_printf(&text, " %s %d %zu %zu", call->roles[i].role, (int)call->roles[i].weight_milli,
                   call->roles[i].guarantees_count, call->roles[i].limits_count);
    buf_puts(&text, call->force ? " by force" : "");
    snprintf(loop->last_id, sizeof(loop->last_id), "%s", buf_text(&text));
    assert_int_equal(strncmp(call->asked_by, "127.0.0.1:", 10), 0);
}

static void answer(void *owner, const struct message *call)
{
    static const struct counter_info counters[] = {{.name = "master/elected", .milli = 1000}};
    struct loop *loop = owner;

    loop->calls++;
    loop->last_call = call->type;
    if (call->type == MSG_METRICS_REQUEST) {
        reply(loop, call,
              MESSAGE(METRICS_REPLY, metrics_reply, .counters = counters, .counters_count = 1));
        return;
    }
    if (call->type == MSG_OPERATOR_SET_QUOTA)
        note_quota(loop, call->operator_set_quota);
    else if (call->type == MSG_OPERATOR_SET_WEIGHT)
        snprintf(loop->last_id, sizeof(loop->last_id), "%s %d", call->operator_set_weight->role,
                 (int)call->operator_set_weight->weight_milli);
    else if (call->type == MSG_OPERATOR_SET_PRIORITY)
        snprintf(loop->last_id, sizeof(loop->last_id), "%s %d%s", call->operator_set_priority->role,
                 (int)call->operator_set_priority->priority,
                 call->operator_set_priority->unset ? " unset" : "");
    else if (call->type == MSG_OPERATOR_SET_OFFERS)
        snprintf(loop->last_id, sizeof(loop->last_id), "%s %d", call->operator_set_offers->role,
                 (int)call->operator_set_offers->offers);
    else if (call->type == MSG_OPERATOR_EXPLAIN)
        snprintf(loop->last_id, sizeof(loop->last_id), "%s in %s",
                 call->operator_explain->framework, call->operator_explain->role);
    else if (call->type == MSG_OPERATOR_SET_ROLES)
        note_roles(loop, call->operator_set_roles);
    else if (call->type == MSG_OPERATOR_RESERVATION)
        note_reservation(loop, call->operator_reservation);
    else if (call->type == MSG_OPERATOR_VOLUME)
        note_volume(loop, call->operator_volume);
    else
        snprintf(loop->last_id, sizeof(loop->last_id), "%s",
                 call->type == MSG_OPERATOR_KILL ? call->operator_kill->task_id
                                                 : call->operator_teardown->framework_id);
    if (call->type == MSG_OPERATOR_KILL)
        say_status(&loop->core, FW, "t1", TASK_KILLING);
    reply(loop, call, MESSAGE(OPERATOR_REPLY, operator_reply, .code = 200, .message = "done"));
}

static void serve_calls(struct loop *loop, int timeout_ms)
{
    struct pollfd fd = {.fd = view_calls_fd(loop->view), .events = POLLIN};

    poll(&fd, 1, timeout_ms);
    view_take_calls(loop->view, answer, loop);
    view_flush(loop->view);
}

/* --- the client's side -------------------------------------------------------------------------- */

struct request {
    struct loop *loop;
    const char *path;
    const char *post; /* NULL: GET */
    long status;
    struct buf body;
    char type[64];
    atomic_bool is_done;
};

static size_t take(char *data, size_t size, size_t count, void *body)
{
    buf_append(body, data, size * count);
    return size * count;
}

static void *perform(void *arg)
{
    struct request *request = arg;
    CURL *curl = curl_easy_init();
    const char *type = NULL;
    char url[256];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", view_port(request->loop->view),
             request->path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, DEADLINE_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &request->body);
    if (request->post)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->post);
    if (curl_easy_perform(curl) == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &request->status);
        curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
        snprintf(request->type, sizeof(request->type), "%s", type ? type : "");
    }
    curl_easy_cleanup(curl);
    atomic_store(&request->is_done, true);
    return NULL;
}

/* Performs it while the loop goes on; the body is parsed when it is JSON. */
static json_t *ask(struct request *request)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, perform, request), 0);
    while (!atomic_load(&request->is_done))
        serve_calls(request->loop, 2);
    pthread_join(thread, NULL);
    if (strcmp(request->type, "application/json") == 0)
        return parsed(&request->body);
    return NULL;
}

static void get_status(struct loop *loop, const char *path, const char *post, long status)
{
    struct request request = {.loop = loop, .path = path, .post = post};
    json_t *root = ask(&request);

    if (request.status != status)
        fail_msg("%s: %ld, not %ld", path, request.status, status);
    if (status >= 400)
        assert_int_equal((long)number_at(root, "code"), status);
    json_decref(root);
    buf_fini(&request.body);
}

/* --- tests -------------------------------------------------------------------------------------- */

static void every_place_answers(void **state)
{
    static const char *const paths[] = {"/state",         "/master/state",
                                        "/state.json",    "/master/state.json",
                                        "/state-summary", "/master/state-summary",
                                        "/tasks",         "/tasks?limit=1&offset=0&order=asc",
                                        "/master/tasks",  "/frameworks",
                                        "/slaves",        "/slaves?slave_id=M-S0",
                                        "/roles",         "/offers",
                                        "/quota",         "/weights",
                                        "/priorities",    "/master/priorities",
                                        "/reservations",  "/volumes?role=ads&agent_id=x",
                                        "/health",        "/version",
                                        "/flags",         "/metrics/snapshot",
                                        "/help",          "/master/health",
                                        "/master/version"};
    struct loop *loop = *state;

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        get_status(loop, paths[i], NULL, 200);
    get_status(loop, "/nothing", NULL, 404);
    get_status(loop, "/tasks?limit=many", NULL, 400);
    get_status(loop, "/redirect", NULL, 307);
    get_status(loop, "/kill", NULL, 405);
}

static void an_answer_is_never_older_than_its_question(void **state)
{
    struct loop *loop = *state;
    char id[32];

    for (int i = 0; i < 50; i++) {
        struct request request = {.loop = loop, .path = "/tasks?limit=1&order=des"};
        json_t *root;

        snprintf(id, sizeof(id), "n%d", i);
        say_task(&loop->core, FW, id, AGENT, "cpus:0.01");
        view_flush(loop->view);
        root = ask(&request);
        assert_string_equal(text_at(root, "tasks.0.id"), id);
        json_decref(root);
    }
}

static void jsonp_wraps_an_answer(void **state)
{
    struct request request = {.loop = *state, .path = "/master/state?jsonp=angular.callbacks._0"};

    assert_null(ask(&request));
    assert_string_equal(request.type, "text/javascript");
    assert_memory_equal(buf_text(&request.body), "angular.callbacks._0({", 22);
    buf_fini(&request.body);
}

static void a_kill_is_answered_after_what_it_did_can_be_seen(void **state)
{
    struct loop *loop = *state;
    struct request kill = {.loop = loop, .path = "/kill", .post = "{\"task_id\":\"t1\"}"};
    struct request tasks = {.loop = loop, .path = "/tasks"};
    json_t *root = ask(&kill);

    assert_int_equal(kill.status, 200);
    assert_string_equal(text_at(root, "message"), "done");
    assert_int_equal(loop->last_call, MSG_OPERATOR_KILL);
    assert_string_equal(loop->last_id, "t1");
    json_decref(root);
    root = ask(&tasks);
    assert_string_equal(text_at(root, "tasks.0.state"), "TASK_KILLING");
    json_decref(root);
}

static void an_explanation_is_asked_of_the_loop(void **state)
{
    struct loop *loop = *state;
    struct request request = {.loop = loop, .path = "/explain?framework=M-0000&role=a%2Fb"};
    json_t *root = ask(&request);

    assert_int_equal(request.status, 200);
    assert_string_equal(text_at(root, "message"), "done");
    assert_string_equal(loop->last_id, "M-0000 in a/b");
    json_decref(root);
    get_status(loop, "/explain", NULL, 400);
    get_status(loop, "/explain?framework=x&agent=a%2Fb", NULL, 400);
}

static void reservations_and_volumes_reach_the_loop_as_their_routes_say(void **state)
{
    struct loop *loop = *state;
    static const struct {
        const char *path, *body;
        enum operation_kind kind;
    } volumes[] = {
        {"/volumes/create", ",\"mib\":40,\"principal\":\"me\",\"shared\":true", OPERATION_CREATE},
        {"/volumes/destroy", "", OPERATION_DESTROY},
        {"/volumes/grow", ",\"mib\":4", OPERATION_GROW_VOLUME},
        {"/volumes/shrink", ",\"mib\":4", OPERATION_SHRINK_VOLUME}};

    get_status(
        loop, "/reservations",
        "{\"agent_id\":\"S0\",\"role\":\"ads\",\"resources\":\"cpus:2\",\"principal\":\"me\","
        "\"labels\":[{\"key\":\"a\",\"value\":\"b\"}],\"instead\":true,\"asked_by\":\"you\"}",
        200);
    assert_string_equal(loop->last_id, "2 S0 ads cpus:2 me 1 1");
    get_status(loop, "/reservations/remove",
               "{\"agent_id\":\"S0\",\"role\":\"ads\",\"kind\":\"OPERATION_RESERVE\"}", 200);
    assert_string_equal(loop->last_id, "3 S0 ads   0 0");
    for (size_t i = 0; i < ARRAY_SIZE(volumes); i++) {
        char body[160], expected[64];

        snprintf(body, sizeof(body),
                 "{\"agent_id\":\"S0\",\"role\":\"ads\",\"volume_id\":\"db\"%s}", volumes[i].body);
        get_status(loop, volumes[i].path, body, 200);
        snprintf(expected, sizeof(expected), "%d S0 ads db %d %s %d", (int)volumes[i].kind,
                 i == 0   ? 40
                 : i == 1 ? 0
                          : 4,
                 i == 0 ? "me" : "", i == 0);
        assert_string_equal(loop->last_id, expected);
    }
}

static void bad_reservations_and_volumes_do_not_reach_the_loop(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"agent_id\":\"a/b\",\"role\":\"x\",\"volume_id\":\"v\"}",
        "{\"agent_id\":\"a\",\"role\":7,\"volume_id\":\"v\"}",
        "{\"agent_id\":\"a\",\"volume_id\":\"v\"}"};
    struct loop *loop = *state;
    int calls = loop->calls;

    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        get_status(loop, "/reservations", bodies[i], 400);
        get_status(loop, "/volumes/create", bodies[i], 400);
    }
    assert_int_equal(loop->calls, calls);
}

static void quotas_and_weights_are_taken_as_people_and_mesos_write_them(void **state)
{
    struct loop *loop = *state;

    get_status(loop, "/quota",
               "{\"role\":\"ads\",\"guarantees\":\"cpus:4\",\"limits\":{\"mem\":0.5}}", 200);
    assert_string_equal(loop->last_id, "ads: cpus 4000 | mem 500");
    get_status(loop, "/quota",
               "{\"role\":\"a/b\",\"force\":true,\"asked_by\":\"me\","
               "\"guarantee\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":2}}],"
               "\"limits\":{\"cpus\":{\"value\":2.25}}}",
               200);
    assert_string_equal(loop->last_id, "a/b: cpus 2000 | cpus 2250 by force");
    get_status(loop, "/weights", "[{\"role\":\"ads\",\"weight\":2.5}]", 200);
    assert_string_equal(loop->last_id, "ads 2500");
    get_status(loop, "/roles/offers", "{\"role\":\"a/b\",\"offers\":\"optimistic\"}", 200);
    assert_string_equal(loop->last_id, "a/b 2");
    get_status(loop, "/roles/offers", "{\"role\":\"a/b\",\"offers\":\"exclusive\"}", 200);
    assert_string_equal(loop->last_id, "a/b 1");
    get_status(loop, "/weights",
               "[{\"role\":\"ads\",\"weight\":2.5},{\"role\":\"web\",\"weight\":1}]", 200);
    assert_string_equal(loop->last_id, "weights ads 2500 0 0 web 1000 0 0");
    get_status(loop, "/quota", "[{\"role\":\"a\",\"limits\":\"cpus:1\"},{\"role\":\"b\"}]", 200);
    assert_string_equal(loop->last_id, "quotas a 0 0 1 b 0 0 0");
    get_status(loop, "/quota",
               "{\"force\":true,\"quota_configs\":[{\"role\":\"a\",\"guarantees\":{\"cpus\":1}},"
               "{\"role\":\"b\"}]}",
               200);
    assert_string_equal(loop->last_id, "quotas a 0 1 0 b 0 0 0 by force");
}

/* A window without a start begins at once, a quota of nothing is none: a typo must not make one. */
static void misspelt_fields_are_refused(void **state)
{
    static const struct {
        const char *path, *body;
    } calls[] = {
        {"/quota", "{\"role\":\"ads\",\"guaranteed\":\"cpus:4\"}"},
        {"/quota", "{\"quota_configs\":[{\"role\":\"a\",\"max\":{\"cpus\":1}}]}"},
        {"/weights", "[{\"role\":\"ads\",\"weight\":2,\"priority\":9}]"},
        {"/priorities", "{\"role\":\"ads\",\"priority\":2,\"weight\":9}"},
        {"/roles/offers", "{\"role\":\"ads\",\"offers\":\"exclusive\",\"priority\":1}"},
        {"/maintenance", "{\"id\":\"w\",\"agents\":[\"a1\"],\"start\":1795999218}"},
        {"/maintenance/stop", "{\"id\":\"w\",\"agent\":[\"a1\"]}"},
        {"/agents/drain", "{\"agent_id\":\"S0\",\"grace_ms\":60000}"},
        {"/reservations", "{\"agent_id\":\"S0\",\"role\":\"ads\",\"amounts\":\"cpus:2\"}"},
        {"/reservations/remove", "{\"agent_id\":\"S0\",\"role\":\"ads\",\"resource\":\"cpus:2\"}"},
        {"/volumes/create",
         "{\"agent_id\":\"S0\",\"role\":\"ads\",\"volume_id\":\"db\",\"mib\":4,\"size\":8}"}};
    struct loop *loop = *state;
    int before = loop->calls;

    for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
        get_status(loop, calls[i].path, calls[i].body, 400);
    assert_int_equal(loop->calls, before);
}

static void priorities_are_set_like_weights(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{\"role\":\"a\"}",
        "{\"role\":\"a\",\"priority\":1.5}",
        "{\"role\":\"a\",\"priority\":\"2\"}",
        "{\"priority\":2}",
        "[{\"role\":\"a\",\"priority\":1},{\"role\":\"b\"}]",
    };
    struct loop *loop = *state;
    int calls;

    get_status(loop, "/priorities", "{\"role\":\"ads\",\"priority\":-5}", 200);
    assert_string_equal(loop->last_id, "ads -5");
    get_status(loop, "/priorities", "[{\"role\":\"ads\",\"priority\":7}]", 200);
    assert_string_equal(loop->last_id, "ads 7");
    get_status(loop, "/priorities",
               "[{\"role\":\"a\",\"priority\":1},{\"role\":\"b\",\"priority\":-2}]", 200);
    assert_string_equal(loop->last_id, "priorities a 1 b -2");
    calls = loop->calls;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        get_status(loop, "/priorities", bad[i], 400);
    assert_int_equal(loop->calls, calls);
}

static void bad_quotas_and_weights_do_not_reach_the_loop(void **state)
{
    static const char *const quotas[] = {
        "",
        "[]",
        "{}",
        "{\"role\":7}",
        "{\"role\":\"\"}",
        "{\"role\":\"a\",\"limits\":7}",
        "{\"role\":\"a\",\"limits\":\"cpus\"}",
        "{\"role\":\"a\",\"limits\":{\"cpus\":-1}}",
        "{\"role\":\"a\",\"limits\":{\"cpus\":1e300}}",
        "{\"role\":\"a\",\"limits\":{\"cpus\":{\"worth\":1}}}",
        "{\"role\":\"a\",\"limits\":[{\"scalar\":{\"value\":1}}]}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    };
    static const char *const weights[] = {
        "[]",
        "[{\"role\":\"a\",\"weight\":1},{\"role\":\"b\",\"weight\":0}]",
        "[{\"role\":\"a\",\"weight\":1},7]",
        "{\"role\":\"a\"}",
        "{\"role\":\"a\",\"weight\":0}",
        "{\"role\":\"a\",\"weight\":\"2\"}",
    };
    static const char *const offers[] = {
        "",
        "{\"offers\":\"optimistic\"}",
        "{\"role\":\"a\"}",
        "{\"role\":\"a\",\"offers\":\"shared\"}",
        "{\"role\":\"a\",\"offers\":2}",
    };
    struct loop *loop = *state;
    int calls = loop->calls;

    for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
        get_status(loop, "/roles/offers", offers[i], 400);
    for (size_t i = 0; i < ARRAY_SIZE(quotas); i++)
        get_status(loop, "/quota", quotas[i], 400);
    for (size_t i = 0; i < ARRAY_SIZE(weights); i++)
        get_status(loop, "/weights", weights[i], 400);
    assert_int_equal(loop->calls, calls);
}

static void a_teardown_is_taken_as_json_and_as_a_form(void **state)
{
    struct loop *loop = *state;

    get_status(loop, "/teardown", "{\"framework_id\":\"M-0000\"}", 200);
    assert_string_equal(loop->last_id, "M-0000");
    get_status(loop, "/master/teardown", "frameworkId=M%2D0001", 200);
    assert_string_equal(loop->last_id, "M-0001");
    assert_int_equal(loop->last_call, MSG_OPERATOR_TEARDOWN);
}

static void what_is_no_call_does_not_reach_the_loop(void **state)
{
    struct loop *loop = *state;
    char deep[20001];

    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    get_status(loop, "/kill", "", 400);
    get_status(loop, "/kill", "{", 400);
    get_status(loop, "/kill", "{}", 400);
    get_status(loop, "/kill", "{\"task_id\":\"a/b\"}", 400);
    get_status(loop, "/kill", "{\"task_id\":7}", 400);
    get_status(loop, "/kill", deep, 400);
    get_status(loop, "/teardown", "frameworkId=", 400);
    get_status(loop, "/teardown", "frameworkId=%zz", 400);
    get_status(loop, "/teardown", "other=M-0000", 400);
    assert_int_equal(loop->calls, 0);
}

static void readers_share_one_question_for_counters(void **state)
{
    enum { READERS = 8 };
    struct loop *loop = *state;
    struct request requests[READERS] = {0};
    pthread_t threads[READERS];
    struct pollfd fd = {.fd = view_calls_fd(loop->view), .events = POLLIN};

    for (int i = 0; i < READERS; i++) {
        requests[i].loop = loop;
        requests[i].path = "/metrics/snapshot";
        pthread_create(&threads[i], NULL, perform, &requests[i]);
    }
    /* The first question has come; by the time of the answer most of them wait for it. */
    assert_int_equal(poll(&fd, 1, (int)DEADLINE_S * 1000), 1);
    for (int i = 0; i < READERS; i++)
        while (!atomic_load(&requests[i].is_done))
            serve_calls(loop, 2);
    for (int i = 0; i < READERS; i++) {
        json_t *root;

        pthread_join(threads[i], NULL);
        assert_int_equal(requests[i].status, 200);
        root = parsed(&requests[i].body);
        assert_true(number_at(root, "master/elected") == 1.0);
        assert_true(number_at(root, "view/changes") == 4.0);
        assert_true(number_at(root, "system/cpus_total") >= 1.0);
        json_decref(root);
    }
    assert_in_range(loop->calls, 1, READERS);
}

static int connect_to(const struct loop *loop)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(view_port(loop->view))};

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void a_slow_reader_delays_nobody(void **state)
{
    static const char get[] = "GET /state HTTP/1.1\r\nHost: x\r\n\r\n";
    struct loop *loop = *state;
    CLEANUP(close_fd) int fd = -1;
    char id[32];

    for (int i = 0; i < 20000; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        say_task(&loop->core, FW, id, AGENT, "cpus:0.001");
    }
    view_flush(loop->view);
    fd = connect_to(loop);
    assert_int_equal(write(fd, get, sizeof(get) - 1), sizeof(get) - 1);
    get_status(loop, "/health", NULL, 200);
    say_task(&loop->core, FW, "later", AGENT, "cpus:0.001");
    view_flush(loop->view);
    get_status(loop, "/tasks?limit=1", NULL, 200);
}

static void a_client_that_leaves_before_its_answer_harms_nobody(void **state)
{
    static const char post[] = "POST /kill HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n"
                               "{\"task_id\":\"t1\"}";
    struct loop *loop = *state;
    struct pollfd calls = {.fd = view_calls_fd(loop->view), .events = POLLIN};
    int fd = connect_to(loop);

    assert_int_equal(write(fd, post, sizeof(post) - 1), sizeof(post) - 1);
    assert_int_equal(poll(&calls, 1, (int)DEADLINE_S * 1000), 1);
    close(fd);
    get_status(loop, "/health", NULL, 200);
    assert_int_equal(loop->calls, 1);
    get_status(loop, "/metrics/snapshot", NULL, 200);
}

static void garbage_harms_nobody(void **state)
{
    struct loop *loop = *state;
    unsigned char noise[512];

    for (int i = 0; i < 50; i++) {
        CLEANUP(close_fd) int fd = connect_to(loop);

        for (size_t at_byte = 0; at_byte < sizeof(noise); at_byte++)
            noise[at_byte] = (unsigned char)(at_byte * 167 + (size_t)i * 31);
        assert_true(send(fd, noise, sizeof(noise), MSG_NOSIGNAL) > 0);
    }
    get_status(loop, "/health", NULL, 200);
}

static void a_registry_that_takes_nothing_is_no_good_health(void **state)
{
    struct loop *loop = *state;

    say(&loop->core, MESSAGE(CHANGE_MASTER, change_master, .master_id = "M", .hostname = "m1",
                             .problem = "the disk is full"));
    view_flush(loop->view);
    get_status(loop, "/health", NULL, 503);
    get_status(loop, "/state", NULL, 200);
    say_master(&loop->core);
    view_flush(loop->view);
    get_status(loop, "/health", NULL, 200);
}

static void a_gap_is_told_and_not_painted_over(void **state)
{
    struct loop *loop = *state;
    struct request request = {.loop = loop, .path = "/metrics/snapshot"};
    json_t *root;

    loop->core.number++;
    say_task(&loop->core, FW, "t9", AGENT, "cpus:1");
    view_flush(loop->view);
    get_status(loop, "/state", NULL, 503);
    get_status(loop, "/health", NULL, 503);
    get_status(loop, "/version", NULL, 200);
    root = ask(&request);
    assert_true(number_at(root, "view/stale") == 1.0);
    json_decref(root);
}

static void the_view_can_end_while_a_client_waits(void **state)
{
    struct loop *loop = *state;
    static const char get[] = "GET /metrics/snapshot HTTP/1.1\r\nHost: x\r\n\r\n";
    struct pollfd calls = {.fd = view_calls_fd(loop->view), .events = POLLIN};
    CLEANUP(close_fd) int fd = connect_to(loop);

    assert_int_equal(write(fd, get, sizeof(get) - 1), sizeof(get) - 1);
    assert_int_equal(poll(&calls, 1, (int)DEADLINE_S * 1000), 1);
}

static void a_port_in_use_is_told(void **state)
{
    struct loop *loop = *state;
    const struct view_settings settings = {.address = "127.0.0.1", .port = view_port(loop->view)};
    struct view *second = NULL;
    struct err err;

    assert_int_equal(view_new(&settings, &second, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, "port"));
    assert_null(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_place_answers),
        TEST(an_answer_is_never_older_than_its_question),
        TEST(jsonp_wraps_an_answer),
        TEST(a_kill_is_answered_after_what_it_did_can_be_seen),
        TEST(an_explanation_is_asked_of_the_loop),
        TEST(reservations_and_volumes_reach_the_loop_as_their_routes_say),
        TEST(bad_reservations_and_volumes_do_not_reach_the_loop),
        TEST(quotas_and_weights_are_taken_as_people_and_mesos_write_them),
        TEST(bad_quotas_and_weights_do_not_reach_the_loop),
        TEST(misspelt_fields_are_refused),
        TEST(priorities_are_set_like_weights),
        TEST(a_teardown_is_taken_as_json_and_as_a_form),
        TEST(what_is_no_call_does_not_reach_the_loop),
        TEST(readers_share_one_question_for_counters),
        TEST(a_slow_reader_delays_nobody),
        TEST(a_client_that_leaves_before_its_answer_harms_nobody),
        TEST(garbage_harms_nobody),
        TEST(a_registry_that_takes_nothing_is_no_good_health),
        TEST(a_gap_is_told_and_not_painted_over),
        TEST(the_view_can_end_while_a_client_waits),
        TEST(a_port_in_use_is_told),
    };

    curl_global_init(CURL_GLOBAL_ALL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
