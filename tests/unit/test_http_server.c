#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/http_server.h"
#include "base/http_target.h"
#include "base/mem.h"

#define DEADLINE_MS 10000
#define BODY_MAX    1024
#define DEFERRED    8

struct site {
    struct http_server *server;
    struct http_request *deferred[DEFERRED];
    size_t deferred_count;
    size_t gone_count;
    size_t handled_count;
    int file_fd;
};

/* --- what the site serves ------------------------------------------------------------------------
 */

static void on_state(void *owner, struct http_request *request)
{
    struct site *site = owner;
    struct buf body = {0};

    site->handled_count++;
    buf_puts(&body, "{\"a\":1}");
    http_reply_json(request, &body);
    assert_null(body.data);
}

static void on_echo(void *owner, struct http_request *request)
{
    struct buf body = {0};
    size_t size;
    const char *data = http_request_body(request, &size);

    (void)owner;
    buf_append(&body, data, size);
    http_reply(request, 200, "text/plain", &body);
}

static void on_query(void *owner, struct http_request *request)
{
    const char *value = http_request_query(request, "q");
    struct buf body = {0};

    (void)owner;
    buf_printf(&body, "%s q=%s", http_request_path(request), value ? value : "(none)");
    http_reply(request, 200, "text/plain", &body);
}

static void on_left(void *owner, struct http_request *request)
{
    struct site *site = owner;

    site->gone_count++;
    for (size_t i = 0; i < site->deferred_count; i++)
        if (site->deferred[i] == request)
            site->deferred[i] = NULL;
}

static void on_wait(void *owner, struct http_request *request)
{
    struct site *site = owner;

    assert_true(site->deferred_count < DEFERRED);
    site->deferred[site->deferred_count++] = request;
    http_request_on_gone(request, on_left, site);
}

static void on_empty(void *owner, struct http_request *request)
{
    struct buf body = {0};

    (void)owner;
    http_reply(request, 200, "text/plain", &body);
}

static void on_file(void *owner, struct http_request *request)
{
    struct site *site = owner;

    http_reply_file(request, "application/octet-stream", "a\"b\r\n.txt", dup(site->file_fd), 100,
                    200000);
}

static const struct http_route routes[] = {
    {"GET", "/state", on_state, "the state"},
    {"GET", "/query", on_query, "the query"},
    {"GET", "/wait", on_wait, "an answer that comes later"},
    {"GET", "/empty", on_empty, "nothing"},
    {"GET", "/file", on_file, "a file"},
    {"POST", "/echo", on_echo, "the body"},
    {0},
};

static int open_site(void **state)
{
    struct site *site = mem_new(struct site);
    struct http_server_settings settings = {
        .address = "127.0.0.1",
        .body_max = BODY_MAX,
        .connections_max = 128,
        .routes = routes,
        .owner = site,
    };
    struct err err;

    site->file_fd = -1;
    assert_int_equal(http_server_new(&settings, &site->server, &err), 0);
    assert_true(http_server_port(site->server) > 0);
    *state = site;
    return 0;
}

static int close_site(void **state)
{
    struct site *site = *state;

    http_server_destroy(&site->server);
    assert_null(site->server);
    close_fd(&site->file_fd);
    free(site);
    return 0;
}

/* --- clients -------------------------------------------------------------------------------------
 */

static int connect_to(const struct site *site)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(http_server_port(site->server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* Let the server run until the client's socket is ready for `events` or `ms` have passed. */
static bool wait_for(const struct site *site, int fd, short events, int64_t ms)
{
    int64_t end_us = clock_now().mono_us + ms * US_PER_MS;

    for (;;) {
        struct pollfd fds[2] = {
            {.fd = http_server_fd(site->server), .events = POLLIN},
            {.fd = fd, .events = events},
        };
        int64_t left_ms = (end_us - clock_now().mono_us) / US_PER_MS;
        int64_t timeout_ms = http_server_timeout_ms(site->server);

        if (left_ms <= 0)
            return false;
        if (timeout_ms < 0 || timeout_ms > left_ms)
            timeout_ms = left_ms;
        assert_true(poll(fds, 2, (int)timeout_ms) >= 0);
        if (fds[1].revents)
            return true;
        http_server_run(site->server);
    }
}

static void run_until(const struct site *site, const size_t *counter, size_t wanted)
{
    int64_t end_us = clock_now().mono_us + DEADLINE_MS * US_PER_MS;

    while (*counter < wanted) {
        struct pollfd fd = {.fd = http_server_fd(site->server), .events = POLLIN};

        assert_true(clock_now().mono_us < end_us);
        poll(&fd, 1, 10);
        http_server_run(site->server);
    }
}

static void send_all(const struct site *site, int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN) {
            if (!wait_for(site, fd, POLLOUT, DEADLINE_MS))
                fail();
            continue;
        }
        if (sent < 0)
            return; /* the server hung up: what it said shows in the answer */
        data += sent;
        size -= (size_t)sent;
    }
}

/* false: the server closed the connection. */
static bool receive(const struct site *site, int fd, struct buf *answer)
{
    char part[4096];
    ssize_t size;

    assert_true(wait_for(site, fd, POLLIN, DEADLINE_MS));
    size = recv(fd, part, sizeof(part), 0);
    if (size <= 0)
        return false;
    buf_append(answer, part, (size_t)size);
    return true;
}

static size_t announced_size(const struct buf *answer)
{
    const char *header = strcasestr(buf_text(answer), "\r\nContent-Length: ");

    return header ? strtoul(header + strlen("\r\nContent-Length: "), NULL, 10) : 0;
}

/* Head and body of one answer. */
static void receive_answer(const struct site *site, int fd, struct buf *answer)
{
    const char *head_end;

    while (!(head_end = strstr(buf_text(answer), "\r\n\r\n")))
        assert_true(receive(site, fd, answer));
    while (answer->size < (size_t)(head_end + 4 - answer->data) + announced_size(answer)) {
        size_t offset = (size_t)(head_end - answer->data);

        assert_true(receive(site, fd, answer));
        head_end = answer->data + offset;
    }
}

static void receive_to_end(const struct site *site, int fd, struct buf *answer)
{
    while (receive(site, fd, answer))
        ;
}

static void ask_bytes(const struct site *site, const char *request, size_t size, struct buf *answer)
{
    CLEANUP(close_fd) int fd = connect_to(site);

    buf_fini(answer);
    send_all(site, fd, request, size);
    receive_to_end(site, fd, answer);
}

/* One request on a connection of its own. */
static const char *ask(const struct site *site, const char *line, struct buf *answer)
{
    CLEANUP(buf_fini) struct buf request = {0};

    buf_printf(&request, "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", line);
    ask_bytes(site, request.data, request.size, answer);
    return buf_text(answer);
}

static void assert_status(const char *answer, int status)
{
    char wanted[32];

    snprintf(wanted, sizeof(wanted), "HTTP/1.1 %d ", status);
    if (strncmp(answer, wanted, strlen(wanted)) != 0)
        fail_msg("wanted %d, got: %.200s", status, answer);
}

static void assert_says(const char *answer, const char *part)
{
    if (!strstr(answer, part))
        fail_msg("no \"%s\" in: %.1000s", part, answer);
}

static void assert_still_serves(const struct site *site)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(ask(site, "GET /state", &answer), 200);
}

/* --- answers -------------------------------------------------------------------------------------
 */

static void a_route_is_answered_with_or_without_a_trailing_slash(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(ask(*state, "GET /state", &answer), 200);
    assert_says(answer.data, "Content-Type: application/json\r\n");
    assert_says(answer.data, "\r\n\r\n{\"a\":1}");
    assert_status(ask(*state, "GET /state/", &answer), 200);
    assert_status(ask(*state, "GET http://a/state?x=1", &answer), 200);
}

static void head_gets_the_head_of_get(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(ask(*state, "HEAD /state", &answer), 200);
    assert_says(answer.data, "Content-Length: 7\r\n");
    assert_string_equal(strstr(answer.data, "\r\n\r\n"), "\r\n\r\n");
}

static void an_empty_answer_has_length_zero(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(ask(*state, "GET /empty", &answer), 200);
    assert_says(answer.data, "Content-Length: 0\r\n");
}

static void an_unknown_path_gets_a_hint(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(ask(*state, "GET /nowhere%22", &answer), 404);
    assert_says(answer.data,
                "{\"code\":404,\"message\":\"there is nothing at /nowhere\\\"; GET /help");
    assert_status(ask(*state, "GET /help", &answer), 200);
    assert_says(answer.data, "GET  /state ");
    assert_says(answer.data, "POST /echo ");
}

static void a_wrong_method_hears_which_are_right(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(ask(*state, "DELETE /state", &answer), 405);
    assert_says(answer.data, "Allow: GET, HEAD\r\n");
    assert_status(ask(*state, "GET /echo", &answer), 405);
    assert_says(answer.data, "Allow: POST\r\n");
}

static void the_target_is_decoded_once(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_says(ask(*state, "GET /%71uery?q=a+b%2Bc%2541&q=second", &answer), "/query q=a b+c%41");
    assert_says(ask(*state, "GET /query?p=1", &answer), "q=(none)");
    assert_says(ask(*state, "GET /query?q", &answer), "/query q=");
}

static void a_broken_target_is_refused(void **state)
{
    static const char *const targets[] = {
        "GET /query?q=%", "GET /query?q=%4",  "GET /query?q=%zz",
        "GET /query%00",  "GET /query?q=%00", "GET query",
    };
    CLEANUP(buf_fini) struct buf answer = {0};

    for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
        assert_status(ask(*state, targets[i], &answer), 400);
    assert_still_serves(*state);
}

static void a_plain_callback_is_wrapped_around_the_answer(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(ask(*state, "GET /state?jsonp=angular.callbacks._0", &answer), 200);
    assert_says(answer.data, "Content-Type: text/javascript\r\n");
    assert_says(answer.data, "\r\n\r\nangular.callbacks._0({\"a\":1});");
}

static void an_evil_callback_is_refused(void **state)
{
    static const char *const names[] = {
        "alert(1)//", "a;b", "<script>", "1a",    "a..b", "a.",
        ".a",         "",    "a%0Ab",    "a%20b", "a[0]", "%C3%A4",
    };
    CLEANUP(buf_fini) struct buf answer = {0};
    char line[128];

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(line, sizeof(line), "GET /state?jsonp=%s", names[i]);
        assert_status(ask(*state, line, &answer), 400);
    }
}

static int make_file(void **state)
{
    struct site *site;
    char block[1000];

    open_site(state);
    site = *state;
    site->file_fd = memfd_create("file", MFD_CLOEXEC);
    for (int i = 0; i < 300; i++) {
        memset(block, 'a' + i % 26, sizeof(block));
        assert_int_equal(write(site->file_fd, block, sizeof(block)), sizeof(block));
    }
    return 0;
}

static void a_part_of_a_file_is_sent_under_a_harmless_name(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};
    const char *body;

    assert_status(ask(*state, "GET /file", &answer), 200);
    assert_says(answer.data, "Content-Disposition: attachment; filename=\"a_b__.txt\"\r\n");
    body = strstr(answer.data, "\r\n\r\n") + 4;
    assert_int_equal(answer.size - (size_t)(body - answer.data), 200000);
    assert_int_equal(body[899], 'a');
    assert_int_equal(body[900], 'b');
}

static void a_file_that_is_too_short_ends_the_connection(void **state)
{
    struct site *site = *state;
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_int_equal(ftruncate(site->file_fd, 5000), 0);
    ask(site, "GET /file", &answer);
    assert_true(answer.size < 200000);
    assert_still_serves(site);
}

/* --- bodies --------------------------------------------------------------------------------------
 */

static void post(const struct site *site, size_t size, struct buf *answer)
{
    CLEANUP(buf_fini) struct buf request = {0};

    buf_printf(&request,
               "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
               size);
    memset(buf_reserve(&request, size), 'x', size);
    request.size += size;
    ask_bytes(site, request.data, request.size, answer);
}

static void a_body_up_to_the_limit_is_handed_on(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    post(*state, 0, &answer);
    assert_status(answer.data, 200);
    post(*state, BODY_MAX, &answer);
    assert_status(answer.data, 200);
    assert_int_equal(strlen(strstr(answer.data, "\r\n\r\n") + 4), BODY_MAX);
}

static void a_body_beyond_the_limit_is_refused(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    post(*state, BODY_MAX + 1, &answer);
    assert_status(answer.data, 413);
    assert_still_serves(*state);
}

static void a_chunked_body_beyond_the_limit_is_refused(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0}, request = {0};

    buf_puts(&request, "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; i++)
        buf_printf(&request, "64\r\n%0100d\r\n", i);
    buf_puts(&request, "0\r\n\r\n");
    ask_bytes(*state, request.data, request.size, &answer);
    assert_status(answer.data, 413);
    assert_still_serves(*state);
}

static void an_endless_body_is_cut_off(void **state)
{
    struct site *site = *state;
    CLEANUP(close_fd) int fd = connect_to(site);
    CLEANUP(buf_fini) struct buf answer = {0}, chunk = {0};
    static const char head[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

    buf_printf(&chunk, "2000\r\n%08192d\r\n", 0);
    send_all(site, fd, head, strlen(head));
    for (int i = 0; i < 1000; i++)
        send_all(site, fd, chunk.data, chunk.size);
    receive_to_end(site, fd, &answer);
    assert_still_serves(site);
}

/* Where a proxy in front sees another end of the body than we do, a second request can be smuggled.
 */
static void a_body_whose_length_is_in_doubt_is_refused(void **state)
{
    static const char *const headers[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: 99999999999999999999",
    };
    CLEANUP(buf_fini) struct buf answer = {0};

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        CLEANUP(buf_fini) struct buf request = {0};

        buf_printf(&request, "POST /echo HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n0\r\n\r\n", headers[i]);
        ask_bytes(*state, request.data, request.size, &answer);
        assert_true(!strncmp(buf_text(&answer), "HTTP/1.1 4", 10));
    }
    assert_int_equal(((struct site *)*state)->handled_count, 0);
}

static const char state_request[] = "GET /state HTTP/1.1\r\nHost: a\r\n\r\n";

/* --- bad clients ---------------------------------------------------------------------------------
 */

static void garbage_is_answered_or_cut_off(void **state)
{
    static const char *const garbage[] = {
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "\r\n\r\n\r\n\r\n:\r\n\r\n",
        "GET\r\n\r\n",
        "GET /state\r\n\r\n",
        "GET /state HTTP/9.9\r\n\r\n",
        "GET /state HTTP/1.1\r\n\r\n", /* no Host */
        "GET /state HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "\xff\xfe\xfd / HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    struct site *site = *state;

    for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
        CLEANUP(close_fd) int fd = connect_to(site);

        send_all(site, fd, garbage[i], strlen(garbage[i]));
        shutdown(fd, SHUT_WR);
        /* What is merely incomplete is cut off only after the idle time. */
        wait_for(site, fd, POLLIN, 10);
    }
    assert_still_serves(site);
}

static void half_a_request_harms_no_one(void **state)
{
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    struct site *site = *state;

    for (size_t size = 0; size < strlen(request); size++) {
        CLEANUP(close_fd) int fd = connect_to(site);

        send_all(site, fd, request, size);
        wait_for(site, fd, POLLIN, 1);
    }
    assert_still_serves(site);
}

static void a_target_of_100_kb_is_refused(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0}, line = {0};

    buf_printf(&line, "GET /%0100000d", 0);
    assert_status(ask(*state, line.data, &answer), 414);
    buf_fini(&line);
    buf_printf(&line, "GET /%0*d", HTTP_TARGET_MAX, 0);
    assert_status(ask(*state, line.data, &answer), 414);
    buf_fini(&line);
    buf_printf(&line, "GET /%0*d", HTTP_TARGET_MAX - 1, 0);
    assert_status(ask(*state, line.data, &answer), 404);
}

static void clients_that_leave_at_once_are_forgotten(void **state)
{
    struct site *site = *state;

    for (int i = 0; i < 300; i++) {
        CLEANUP(close_fd) int fd = connect_to(site);

        send_all(site, fd, state_request, strlen(state_request));
        http_server_run(site->server);
    }
    assert_still_serves(site);
}

/* --- deferred answers ----------------------------------------------------------------------------
 */

static const char wait_request[] = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";

static void answer_later(struct site *site, size_t i, const char *text)
{
    struct buf body = {0};

    buf_puts(&body, text);
    http_reply(site->deferred[i], 200, "text/plain", &body);
}

static void an_answer_may_come_later(void **state)
{
    struct site *site = *state;
    CLEANUP(close_fd) int fd = connect_to(site);
    CLEANUP(buf_fini) struct buf answer = {0};

    send_all(site, fd, wait_request, strlen(wait_request));
    run_until(site, &site->deferred_count, 1);
    assert_still_serves(site);
    assert_false(wait_for(site, fd, POLLIN, 20));

    answer_later(site, 0, "at last");
    receive_answer(site, fd, &answer);
    assert_says(answer.data, "\r\n\r\nat last");
    assert_int_equal(site->gone_count, 0);

    /* The connection serves on. */
    buf_fini(&answer);
    send_all(site, fd, wait_request, strlen(wait_request));
    run_until(site, &site->deferred_count, 2);
    http_reply_error(site->deferred[1], 503, "not %s", "yet");
    receive_answer(site, fd, &answer);
    assert_status(answer.data, 503);
    assert_says(answer.data, "{\"code\":503,\"message\":\"not yet\"}");
}

static void a_client_that_leaves_before_its_answer_is_told(void **state)
{
    struct site *site = *state;
    int fd = connect_to(site);

    send_all(site, fd, wait_request, strlen(wait_request));
    run_until(site, &site->deferred_count, 1);
    close(fd);
    run_until(site, &site->gone_count, 1);
    assert_null(site->deferred[0]);
    assert_still_serves(site);
}

static void deferred_answers_may_come_in_any_order(void **state)
{
    struct site *site = *state;
    int fds[4];

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = connect_to(site);
        send_all(site, fds[i], wait_request, strlen(wait_request));
        run_until(site, &site->deferred_count, i + 1);
    }
    answer_later(site, 2, "c");
    answer_later(site, 0, "a");
    close(fds[1]);
    run_until(site, &site->gone_count, 1);
    answer_later(site, 3, "d");
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        CLEANUP(buf_fini) struct buf answer = {0};

        if (i == 1)
            continue;
        receive_answer(site, fds[i], &answer);
        assert_int_equal(answer.data[answer.size - 1], "abcd"[i]);
        close(fds[i]);
    }
}

static void deferred_requests_are_dropped_with_the_server(void **state)
{
    struct site *site = *state;
    CLEANUP(close_fd) int first = connect_to(site);
    CLEANUP(close_fd) int second = connect_to(site);
    CLEANUP(close_fd) int idle = connect_to(site);

    send_all(site, first, wait_request, strlen(wait_request));
    send_all(site, second, wait_request, strlen(wait_request));
    run_until(site, &site->deferred_count, 2);
    answer_later(site, 0, "never read");
    http_server_destroy(&site->server);
    assert_int_equal(site->gone_count, 1);
    http_server_destroy(&site->server);
}

/* --- many ----------------------------------------------------------------------------------------
 */

static void connections_are_kept_and_served_side_by_side(void **state)
{
    struct site *site = *state;
    int fds[64];

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        fds[i] = connect_to(site);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
            send_all(site, fds[i], state_request, strlen(state_request));
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
            CLEANUP(buf_fini) struct buf answer = {0};

            receive_answer(site, fds[i], &answer);
            assert_status(answer.data, 200);
        }
    }
    assert_int_equal(site->handled_count, 20 * ARRAY_SIZE(fds));
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
}

static void requests_may_be_sent_ahead(void **state)
{
    struct site *site = *state;
    CLEANUP(buf_fini) struct buf answer = {0}, requests = {0};
    CLEANUP(close_fd) int fd = connect_to(site);

    for (int i = 0; i < 50; i++)
        buf_puts(&requests, "GET /state HTTP/1.1\r\nHost: a\r\n\r\n");
    buf_puts(&requests, "GET /state HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    send_all(site, fd, requests.data, requests.size);
    receive_to_end(site, fd, &answer);
    assert_int_equal(site->handled_count, 51);
}

static void connections_beyond_the_limit_are_refused_until_others_leave(void **state)
{
    struct site *site = *state;
    int fds[200];

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = connect_to(site);
        http_server_run(site->server);
    }
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
    for (int i = 0; i < 50; i++)
        http_server_run(site->server);
    assert_still_serves(site);
}

/* --- starting ------------------------------------------------------------------------------------
 */

static int try_new(const char *address, uint16_t port, struct err *err)
{
    struct http_server_settings settings = {
        .address = address, .port = port, .body_max = BODY_MAX, .routes = routes};
    struct http_server *server = NULL;
    int rc = http_server_new(&settings, &server, err);

    assert_true((rc == 0) == (server != NULL));
    http_server_destroy(&server);
    return rc;
}

static void a_port_in_use_is_named_with_advice(void **state)
{
    struct site *site = *state;
    uint16_t port = http_server_port(site->server);
    char place[32];
    struct err err;

    assert_int_equal(try_new("127.0.0.1", port, &err), -EADDRINUSE);
    snprintf(place, sizeof(place), "127.0.0.1:%u", port);
    assert_says(err.text, place);
    assert_says(err.text, "choose another port");
}

static void an_address_that_is_none_of_ours_is_refused(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(try_new("localhost", 0, &err), -EINVAL);
    assert_says(err.text, "not a numeric address");
    assert_int_equal(try_new("192.0.2.1", 0, &err), -EADDRNOTAVAIL);
    assert_says(err.text, "192.0.2.1:0");
}

static int count_fds(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void no_descriptor_is_left_behind(void **state)
{
    int before = count_fds();
    struct err err;

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(try_new("127.0.0.1", 0, &err), 0);
    assert_int_equal(count_fds(), before);
}

#define site_test(name) cmocka_unit_test_setup_teardown(name, open_site, close_site)
#define file_test(name) cmocka_unit_test_setup_teardown(name, make_file, close_site)

int main(void)
{
    const struct CMUnitTest tests[] = {
        site_test(a_route_is_answered_with_or_without_a_trailing_slash),
        site_test(head_gets_the_head_of_get),
        site_test(an_empty_answer_has_length_zero),
        site_test(an_unknown_path_gets_a_hint),
        site_test(a_wrong_method_hears_which_are_right),
        site_test(the_target_is_decoded_once),
        site_test(a_broken_target_is_refused),
        site_test(a_plain_callback_is_wrapped_around_the_answer),
        site_test(an_evil_callback_is_refused),
        file_test(a_part_of_a_file_is_sent_under_a_harmless_name),
        file_test(a_file_that_is_too_short_ends_the_connection),
        site_test(a_body_up_to_the_limit_is_handed_on),
        site_test(a_body_beyond_the_limit_is_refused),
        site_test(a_chunked_body_beyond_the_limit_is_refused),
        site_test(an_endless_body_is_cut_off),
        site_test(a_body_whose_length_is_in_doubt_is_refused),
        site_test(garbage_is_answered_or_cut_off),
        site_test(half_a_request_harms_no_one),
        site_test(a_target_of_100_kb_is_refused),
        site_test(clients_that_leave_at_once_are_forgotten),
        site_test(an_answer_may_come_later),
        site_test(a_client_that_leaves_before_its_answer_is_told),
        site_test(deferred_answers_may_come_in_any_order),
        site_test(deferred_requests_are_dropped_with_the_server),
        site_test(connections_are_kept_and_served_side_by_side),
        site_test(requests_may_be_sent_ahead),
        site_test(connections_beyond_the_limit_are_refused_until_others_leave),
        site_test(a_port_in_use_is_named_with_advice),
        cmocka_unit_test(an_address_that_is_none_of_ours_is_refused),
        cmocka_unit_test(no_descriptor_is_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
