/* What clients do not read is bounded: many slow readers of a large document cannot use up all memory. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/http_server.h"

/* More than the kernel buffers of both sides take. */
#define LARGE       ((size_t)16 * 1024 * 1024)
#define DEADLINE_US (20 * INT64_C(1000000))

static void on_large(void *owner, struct http_request *request)
{
    struct buf body = {0};

    (void)owner;
    memset(buf_reserve(&body, LARGE), 'x', LARGE);
    body.size = LARGE;
    http_reply(request, 200, "text/plain", &body);
}

static void on_small(void *owner, struct http_request *request)
{
    struct buf body = {0};

    (void)owner;
    buf_puts(&body, "small");
    http_reply(request, 200, "text/plain", &body);
}

static struct http_server *server_new(size_t answers_max)
{
    static const struct http_route routes[] = {
        {"GET", "/large", on_large, ""}, {"GET", "/small", on_small, ""}, {NULL, NULL, NULL, NULL}};
    const struct http_server_settings settings = {
        .address = "127.0.0.1", .answers_max = answers_max, .routes = routes};
    struct http_server *server;
    struct err err;

    if (http_server_new(&settings, &server, &err) < 0)
        fail_msg("%s", err.text);
    return server;
}

/* The status of an answer whose rest is left unread on the connection. */
static int ask(struct http_server *server, const char *path, int *ret_fd)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096, status = 0;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(http_server_port(server))};
    int64_t deadline = clock_now().mono_us + DEADLINE_US;
    struct pollfd answer = {.fd = fd, .events = POLLIN};
    char text[256] = "";

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    while (poll(&answer, 1, 1) == 0 && clock_now().mono_us < deadline)
        http_server_run(server);
    assert_true(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT) > 0);
    assert_int_equal(sscanf(text, "HTTP/1.1 %d", &status), 1);
    *ret_fd = fd;
    return status;
}

static void large_answers_wait_for_their_readers(void **state)
{
    CLEANUP(http_server_destroy) struct http_server *server = server_new(LARGE + LARGE / 2);
    int64_t deadline = clock_now().mono_us + DEADLINE_US;
    int fds[3], last = -1, status = 0;

    (void)state;
    assert_int_equal(ask(server, "/large", &fds[0]), 200);
    assert_int_equal(ask(server, "/large", &fds[1]), 503);
    assert_int_equal(ask(server, "/small", &fds[2]), 200);
    close(fds[0]);
    while (status != 200 && clock_now().mono_us < deadline) {
        close_fd(&last);
        status = ask(server, "/large", &last);
    }
    assert_int_equal(status, 200);
    close_fd(&last);
    close(fds[1]);
    close(fds[2]);
}

static void the_only_large_answer_may_be_larger_than_all(void **state)
{
    CLEANUP(http_server_destroy) struct http_server *server = server_new(LARGE / 2);
    int fds[2];

    (void)state;
    assert_int_equal(ask(server, "/large", &fds[0]), 200);
    assert_int_equal(ask(server, "/large", &fds[1]), 503);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_answers_wait_for_their_readers),
        cmocka_unit_test(the_only_large_answer_may_be_larger_than_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
