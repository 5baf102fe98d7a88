/* Clients that send garbage, leave early, wait long or come in numbers. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/http_target.h"
#include "tests/unit/http_site.h"

/* --- bad clients ------------------------------------------------------------------------------ */

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
        CLEANUP(close_fd) int fd = site_connect(site);

        site_send(site, fd, garbage[i], strlen(garbage[i]));
        shutdown(fd, SHUT_WR);
        /* What is merely incomplete is cut off only after the idle time. */
        site_wait_for(site, fd, POLLIN, 10);
    }
    assert_still_serves(site);
}

static void half_a_request_harms_no_one(void **state)
{
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    struct site *site = *state;

    for (size_t size = 0; size < strlen(request); size++) {
        CLEANUP(close_fd) int fd = site_connect(site);

        site_send(site, fd, request, size);
        site_wait_for(site, fd, POLLIN, 1);
    }
    assert_still_serves(site);
}

static void a_target_of_100_kb_is_refused(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0}, line = {0};

    buf_printf(&line, "GET /%0100000d", 0);
    assert_status(site_ask(*state, line.data, &answer), 414);
    buf_fini(&line);
    buf_printf(&line, "GET /%0*d", HTTP_TARGET_MAX, 0);
    assert_status(site_ask(*state, line.data, &answer), 414);
    buf_fini(&line);
    buf_printf(&line, "GET /%0*d", HTTP_TARGET_MAX - 1, 0);
    assert_status(site_ask(*state, line.data, &answer), 404);
}

static void clients_that_leave_at_once_are_forgotten(void **state)
{
    struct site *site = *state;

    for (int i = 0; i < 300; i++) {
        CLEANUP(close_fd) int fd = site_connect(site);

        site_send(site, fd, site_state_request, strlen(site_state_request));
        http_server_run(site->server);
    }
    assert_still_serves(site);
}

/* --- deferred answers ------------------------------------------------------------------------- */

static void answer_later(struct site *site, size_t i, const char *text)
{
    struct buf body = {0};

    buf_puts(&body, text);
    http_reply(site->deferred[i], 200, "text/plain", &body);
}

static void an_answer_may_come_later(void **state)
{
    struct site *site = *state;
    CLEANUP(close_fd) int fd = site_connect(site);
    CLEANUP(buf_fini) struct buf answer = {0};

    site_send(site, fd, site_wait_request, strlen(site_wait_request));
    site_run_until(site, &site->deferred_count, 1);
    assert_still_serves(site);
    assert_false(site_wait_for(site, fd, POLLIN, 20));

    answer_later(site, 0, "at last");
    site_receive(site, fd, &answer);
    assert_says(answer.data, "\r\n\r\nat last");
    assert_int_equal(site->gone_count, 0);

    /* The connection serves on. */
    buf_fini(&answer);
    site_send(site, fd, site_wait_request, strlen(site_wait_request));
    site_run_until(site, &site->deferred_count, 2);
    http_reply_error(site->deferred[1], 503, "not %s", "yet");
    site_receive(site, fd, &answer);
    assert_status(answer.data, 503);
    assert_says(answer.data, "{\"code\":503,\"message\":\"not yet\"}");
}

static void a_client_that_leaves_before_its_answer_is_told(void **state)
{
    struct site *site = *state;
    int fd = site_connect(site);

    site_send(site, fd, site_wait_request, strlen(site_wait_request));
    site_run_until(site, &site->deferred_count, 1);
    close(fd);
    site_run_until(site, &site->gone_count, 1);
    assert_null(site->deferred[0]);
    assert_still_serves(site);
}

static void deferred_answers_may_come_in_any_order(void **state)
{
    struct site *site = *state;
    int fds[4];

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = site_connect(site);
        site_send(site, fds[i], site_wait_request, strlen(site_wait_request));
        site_run_until(site, &site->deferred_count, i + 1);
    }
    answer_later(site, 2, "c");
    answer_later(site, 0, "a");
    close(fds[1]);
    site_run_until(site, &site->gone_count, 1);
    answer_later(site, 3, "d");
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        CLEANUP(buf_fini) struct buf answer = {0};

        if (i == 1)
            continue;
        site_receive(site, fds[i], &answer);
        assert_int_equal(answer.data[answer.size - 1], "abcd"[i]);
        close(fds[i]);
    }
}

static void deferred_requests_are_dropped_with_the_server(void **state)
{
    struct site *site = *state;
    CLEANUP(close_fd) int first = site_connect(site);
    CLEANUP(close_fd) int second = site_connect(site);
    CLEANUP(close_fd) int idle = site_connect(site);

    site_send(site, first, site_wait_request, strlen(site_wait_request));
    site_send(site, second, site_wait_request, strlen(site_wait_request));
    site_run_until(site, &site->deferred_count, 2);
    answer_later(site, 0, "never read");
    http_server_destroy(&site->server);
    assert_int_equal(site->gone_count, 1);
    http_server_destroy(&site->server);
}

/* --- many ------------------------------------------------------------------------------------- */

static void connections_are_kept_and_served_side_by_side(void **state)
{
    struct site *site = *state;
    int fds[64];

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        fds[i] = site_connect(site);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
            site_send(site, fds[i], site_state_request, strlen(site_state_request));
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
            CLEANUP(buf_fini) struct buf answer = {0};

            site_receive(site, fds[i], &answer);
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
    CLEANUP(close_fd) int fd = site_connect(site);

    for (int i = 0; i < 50; i++)
        buf_puts(&requests, "GET /state HTTP/1.1\r\nHost: a\r\n\r\n");
    buf_puts(&requests, "GET /state HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    site_send(site, fd, requests.data, requests.size);
    site_receive_to_end(site, fd, &answer);
    assert_int_equal(site->handled_count, 51);
}

static void connections_beyond_the_limit_are_refused_until_others_leave(void **state)
{
    struct site *site = *state;
    int fds[200];

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = site_connect(site);
        http_server_run(site->server);
    }
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
    for (int i = 0; i < 50; i++)
        http_server_run(site->server);
    assert_still_serves(site);
}

#define site_test(name) cmocka_unit_test_setup_teardown(name, site_open, site_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
