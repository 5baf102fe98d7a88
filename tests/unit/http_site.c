#include "tests/unit/http_site.h"

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
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

const char site_state_request[] = "GET /state HTTP/1.1\r\nHost: a\r\n\r\n";
const char site_wait_request[] = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";

/* --- what the site serves --------------------------------------------------------------------- */

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

    assert_true(site->deferred_count < SITE_DEFERRED);
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

const struct http_route site_routes[] = {
    {"GET", "/state", on_state, "the state"},
    {"GET", "/query", on_query, "the query"},
    {"GET", "/wait", on_wait, "an answer that comes later"},
    {"GET", "/empty", on_empty, "nothing"},
    {"GET", "/file", on_file, "a file"},
    {"POST", "/echo", on_echo, "the body"},
    {0},
};

int site_open(void **state)
{
    struct site *site = mem_new(struct site);
    struct http_server_settings settings = {
        .address = "127.0.0.1",
        .body_max = SITE_BODY_MAX,
        .connections_max = 128,
        .routes = site_routes,
        .owner = site,
    };
    struct err err;

    site->file_fd = -1;
    assert_int_equal(http_server_new(&settings, &site->server, &err), 0);
    assert_true(http_server_port(site->server) > 0);
    *state = site;
    return 0;
}

int site_close(void **state)
{
    struct site *site = *state;

    http_server_destroy(&site->server);
    assert_null(site->server);
    close_fd(&site->file_fd);
    free(site);
    return 0;
}

/* --- clients ---------------------------------------------------------------------------------- */

int site_connect(const struct site *site)
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

bool site_wait_for(const struct site *site, int fd, short events, int64_t ms)
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

void site_run_until(const struct site *site, const size_t *counter, size_t wanted)
{
    int64_t end_us = clock_now().mono_us + SITE_DEADLINE_MS * US_PER_MS;

    while (*counter < wanted) {
        struct pollfd fd = {.fd = http_server_fd(site->server), .events = POLLIN};

        assert_true(clock_now().mono_us < end_us);
        poll(&fd, 1, 10);
        http_server_run(site->server);
    }
}

void site_send(const struct site *site, int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN) {
            if (!site_wait_for(site, fd, POLLOUT, SITE_DEADLINE_MS))
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

    assert_true(site_wait_for(site, fd, POLLIN, SITE_DEADLINE_MS));
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

void site_receive(const struct site *site, int fd, struct buf *answer)
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

void site_receive_to_end(const struct site *site, int fd, struct buf *answer)
{
    while (receive(site, fd, answer))
        ;
}

void site_ask_bytes(const struct site *site, const char *request, size_t size, struct buf *answer)
{
    CLEANUP(close_fd) int fd = site_connect(site);

    buf_fini(answer);
    site_send(site, fd, request, size);
    site_receive_to_end(site, fd, answer);
}

const char *site_ask(const struct site *site, const char *line, struct buf *answer)
{
    CLEANUP(buf_fini) struct buf request = {0};

    buf_printf(&request, "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", line);
    site_ask_bytes(site, request.data, request.size, answer);
    return buf_text(answer);
}

void assert_status(const char *answer, int status)
{
    char wanted[32];

    snprintf(wanted, sizeof(wanted), "HTTP/1.1 %d ", status);
    if (strncmp(answer, wanted, strlen(wanted)) != 0)
        fail_msg("wanted %d, got: %.200s", status, answer);
}

void assert_says(const char *answer, const char *part)
{
    if (!strstr(answer, part))
        fail_msg("no \"%s\" in: %.1000s", part, answer);
}

void assert_still_serves(const struct site *site)
{
    CLEANUP(buf_fini) struct buf answer = {0};

    assert_status(site_ask(site, "GET /state", &answer), 200);
}
