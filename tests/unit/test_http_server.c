/* What a site answers, and how it starts. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/http_target.h"
#include "tests/unit/http_site.h"

/* --- answers ---------------------------------------------------------------------------------- */

static void a_route_is_answered_with_or_without_a_trailing_slash(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(site_ask(*state, "GET /state", &answer), 200);
    assert_says(answer.data, "Content-Type: application/json\r\n");
    assert_says(answer.data, "\r\n\r\n{\"a\":1}");
    assert_status(site_ask(*state, "GET /state/", &answer), 200);
    assert_status(site_ask(*state, "GET http://a/state?x=1", &answer), 200);
}

static void head_gets_the_head_of_get(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(site_ask(*state, "HEAD /state", &answer), 200);
    assert_says(answer.data, "Content-Length: 7\r\n");
    assert_string_equal(strstr(answer.data, "\r\n\r\n"), "\r\n\r\n");
}

static void an_empty_answer_has_length_zero(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(site_ask(*state, "GET /empty", &answer), 200);
    assert_says(answer.data, "Content-Length: 0\r\n");
}

static void an_unknown_path_gets_a_hint(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(site_ask(*state, "GET /nowhere%22", &answer), 404);
    assert_says(answer.data,
                "{\"code\":404,\"message\":\"there is nothing at /nowhere\\\"; GET /help");
    assert_status(site_ask(*state, "GET /help", &answer), 200);
    assert_says(answer.data, "GET  /state ");
    assert_says(answer.data, "POST /echo ");
}

static void a_wrong_method_hears_which_are_right(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(site_ask(*state, "DELETE /state", &answer), 405);
    assert_says(answer.data, "Allow: GET, HEAD\r\n");
    assert_status(site_ask(*state, "GET /echo", &answer), 405);
    assert_says(answer.data, "Allow: POST\r\n");
}

static void the_target_is_decoded_once(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_says(site_ask(*state, "GET /%71uery?q=a+b%2Bc%2541&q=second", &answer),
                "/query q=a b+c%41");
    assert_says(site_ask(*state, "GET /query?p=1", &answer), "q=(none)");
    assert_says(site_ask(*state, "GET /query?q", &answer), "/query q=");
}

static void a_broken_target_is_refused(void **state)
{
    static const char *const targets[] = {
        "GET /query?q=%", "GET /query?q=%4",  "GET /query?q=%zz",
        "GET /query%00",  "GET /query?q=%00", "GET query",
    };
    CLEANUP(buf_fini) struct buf answer = {0};

    for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
        assert_status(site_ask(*state, targets[i], &answer), 400);
    assert_still_serves(*state);
}

static void a_plain_callback_is_wrapped_around_the_answer(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(site_ask(*state, "GET /state?jsonp=angular.callbacks._0", &answer), 200);
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
        assert_status(site_ask(*state, line, &answer), 400);
    }
}

static int make_file(void **state)
{
    struct site *site;
    char block[1000];

    site_open(state);
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

    assert_status(site_ask(*state, "GET /file", &answer), 200);
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
    site_ask(site, "GET /file", &answer);
    assert_true(answer.size < 200000);
    assert_still_serves(site);
}

/* --- bodies ----------------------------------------------------------------------------------- */

static void post(const struct site *site, size_t size, struct buf *answer)
{
    CLEANUP(buf_fini) struct buf request = {0};

    buf_printf(&request,
               "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
               size);
    memset(buf_reserve(&request, size), 'x', size);
    request.size += size;
    site_ask_bytes(site, request.data, request.size, answer);
}

static void a_body_up_to_the_limit_is_handed_on(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    post(*state, 0, &answer);
    assert_status(answer.data, 200);
    post(*state, SITE_BODY_MAX, &answer);
    assert_status(answer.data, 200);
    assert_int_equal(strlen(strstr(answer.data, "\r\n\r\n") + 4), SITE_BODY_MAX);
}

static void a_body_beyond_the_limit_is_refused(void **state)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    post(*state, SITE_BODY_MAX + 1, &answer);
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
    site_ask_bytes(*state, request.data, request.size, &answer);
    assert_status(answer.data, 413);
    assert_still_serves(*state);
}

static void an_endless_body_is_cut_off(void **state)
{
    struct site *site = *state;
    CLEANUP(close_fd) int fd = site_connect(site);
    CLEANUP(buf_fini) struct buf answer = {0}, chunk = {0};
    static const char head[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

    buf_printf(&chunk, "2000\r\n%08192d\r\n", 0);
    site_send(site, fd, head, strlen(head));
    for (int i = 0; i < 1000; i++)
        site_send(site, fd, chunk.data, chunk.size);
    site_receive_to_end(site, fd, &answer);
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
        site_ask_bytes(*state, request.data, request.size, &answer);
        assert_true(!strncmp(buf_text(&answer), "HTTP/1.1 4", 10));
    }
    assert_int_equal(((struct site *)*state)->handled_count, 0);
}

/* --- starting --------------------------------------------------------------------------------- */

static int try_new(const char *address, uint16_t port, struct err *err)
{
    struct http_server_settings settings = {
        .address = address, .port = port, .body_max = SITE_BODY_MAX, .routes = site_routes};
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

#define site_test(name) cmocka_unit_test_setup_teardown(name, site_open, site_close)
#define file_test(name) cmocka_unit_test_setup_teardown(name, make_file, site_close)

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
        site_test(a_port_in_use_is_named_with_advice),
        cmocka_unit_test(an_address_that_is_none_of_ours_is_refused),
        cmocka_unit_test(no_descriptor_is_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
