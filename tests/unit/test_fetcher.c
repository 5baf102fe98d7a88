/* Fetching files of sandboxes, from a small HTTP server on 127.0.0.1 in the same loop. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <proffer/sandbox.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/http_server.h"
#include "base/mem.h"

#define PATIENCE_MS 20000
#define TEXT        "one\ntwo\nthree\n"
#define BIG         (32 * 1024 * 1024) /* more than sockets hold */

/* An agent with one sandbox, "/sb", and a fetcher. */
struct site {
    struct http_server *server;
    char address[32];
    struct proffer_fetcher *fetcher;
    int file;        /* what was fetched */
    int absences;    /* of "growing", before it is there */
    int64_t wait_ms; /* of the last request */
    int64_t offset;
    int requests;
    uint16_t port;
    int turns; /* of the fetcher's loop */
    struct http_request *held;

    int done, failed;
    int error;
    int64_t bytes;
    char message[256];
    bool destroy_when_done;
};

/* --- the agent -------------------------------------------------------------------------------- */

static int64_t number(const struct http_request *request, const char *name, int64_t otherwise)
{
    const char *text = http_request_query(request, name);

    return text ? strtoll(text, NULL, 10) : otherwise;
}

static void reply_part(struct http_request *request, const char *data, int64_t size)
{
    int64_t offset = number(request, "offset", 0), length = number(request, "length", size);
    CLEANUP(buf_fini) struct buf body = {0};

    if (offset > size) {
        http_reply_error(request, 416, "the file is shorter");
        return;
    }
    if (length > size - offset)
        length = size - offset;
    buf_append(&body, data + offset, (size_t)length);
    http_reply(request, 200, "application/octet-stream", &body);
}

static void reply_big(struct http_request *request)
{
    CLEANUP(free_p) char *data = mem_alloc(BIG);

    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)(i * 7 % 251);
    reply_part(request, data, BIG);
}

static void download(void *owner, struct http_request *request)
{
    struct site *site = owner;
    const char *path = http_request_query(request, "path");

    site->wait_ms = number(request, "wait_ms", 0);
    site->offset = number(request, "offset", 0);
    site->requests++;
    if (!strcmp(path, "/sb/stdout") || !strcmp(path, "/sb/a b?&=#%/\xc3\xa9"))
        reply_part(request, TEXT, (int64_t)strlen(TEXT));
    else if (!strcmp(path, "/sb/big"))
        reply_big(request);
    else if (!strcmp(path, "/sb/secret"))
        http_reply_error(request, 403, "not yours");
    else if (!strcmp(path, "/sb/moved"))
        http_reply_error(request, 302, "elsewhere");
    else if (!strcmp(path, "/sb/silent"))
        site->held = request;
    else if (!strcmp(path, "/sb/growing") && site->absences-- <= 0)
        reply_part(request, "new", 3);
    else if (!strcmp(path, "/sb/ended"))
        reply_part(request, "", 0);
    else
        http_reply_error(request, 404, "no such file");
}

/* --- the fetching side ------------------------------------------------------------------------ */

static void on_done(void *user, int error, const char *message, int64_t bytes)
{
    struct site *site = user;

    site->done++;
    site->failed += error < 0;
    site->error = error;
    site->bytes = bytes;
    snprintf(site->message, sizeof(site->message), "%s", message);
    if (site->destroy_when_done)
        proffer_fetcher_destroy(&site->fetcher);
}

/* Again on the same port, when it was there before. */
static void agent_comes(struct site *site)
{
    static const struct http_route routes[] = {{"GET", "/files/download", download, "a file"},
                                               {NULL, NULL, NULL, NULL}};
    const struct http_server_settings settings = {
        .address = "127.0.0.1", .port = site->port, .routes = routes, .owner = site};
    struct err err = {0};

    if (http_server_new(&settings, &site->server, &err) < 0)
        fail_msg("%s", err.text);
    site->port = http_server_port(site->server);
}

static void agent_goes(struct site *site)
{
    http_server_destroy(&site->server);
    site->requests = 0;
}

static struct site *site_new(unsigned parallel)
{
    struct site *site = mem_new(struct site);

    agent_comes(site);
    snprintf(site->address, sizeof(site->address), "127.0.0.1:%u", site->port);
    assert_int_equal(proffer_fetcher_new(parallel, &site->fetcher, NULL), 0);
    site->file = memfd_create("fetched", MFD_CLOEXEC);
    assert_true(site->file >= 0);
    return site;
}

static void site_destroy(struct site **site_p)
{
    struct site *site = *site_p;

    proffer_fetcher_destroy(&site->fetcher);
    http_server_destroy(&site->server);
    close(site->file);
    free(site);
    *site_p = NULL;
}

#define SITE CLEANUP(site_destroy) struct site

/* Both loops, once. The fetcher must wake up by itself when there is nobody to answer. */
static void turn(struct site *site)
{
    struct pollfd fds[] = {
        {.fd = proffer_fetcher_fd(site->fetcher), .events = POLLIN},
        {.fd = site->server ? http_server_fd(site->server) : -1, .events = POLLIN}};
    int64_t timeout_ms = site->server ? http_server_timeout_ms(site->server) : -1;

    poll(fds, ARRAY_SIZE(fds), timeout_ms < 0 || timeout_ms > 1000 ? 1000 : (int)timeout_ms);
    if (site->server)
        http_server_run(site->server);
    if (fds[0].revents) {
        site->turns++;
        proffer_fetcher_dispatch(site->fetcher);
    }
}

/* Until so many have ended. */
static void wait_for(struct site *site, int wanted)
{
    int64_t until_us = clock_now().mono_us + PATIENCE_MS * (int64_t)US_PER_MS;

    while (site->done < wanted) {
        if (clock_now().mono_us > until_us)
            fail_msg("waited in vain");
        turn(site);
    }
}

static void turn_for(struct site *site, int64_t ms)
{
    int64_t until_us = clock_now().mono_us + ms * US_PER_MS;

    while (clock_now().mono_us < until_us)
        turn(site);
}

static void add(struct site *site, const char *file, int64_t offset, int64_t bytes_max,
                int64_t timeout_ms)
{
    struct proffer_err err = {0};

    if (proffer_fetcher_add(site->fetcher, site->address, "/sb", file, offset, bytes_max,
                            site->file, timeout_ms, on_done, site, &err) < 0)
        fail_msg("%s", err.text);
}

static int follow(struct site *site, const char *file, int64_t offset, bool wait)
{
    return proffer_fetcher_follow(site->fetcher, site->address, "/sb", file, offset, wait,
                                  site->file, on_done, site, NULL);
}

/* Ends with that error; what was written in all is that text. */
static void expect(struct site *site, int error, const char *text)
{
    char written[256] = "";
    ssize_t size;

    wait_for(site, site->done + 1);
    if (site->error != error)
        fail_msg("%d (%s) instead of %d", site->error, site->message, error);
    size = pread(site->file, written, sizeof(written) - 1, 0);
    assert_true(size >= 0);
    assert_string_equal(written, text);
    assert_int_equal(ftruncate(site->file, 0), 0);
    lseek(site->file, 0, SEEK_SET);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_file_is_written_from_its_offset_on(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    add(site, "stdout", 0, 0, 0);
    expect(site, 0, TEXT);
    assert_int_equal(site->bytes, strlen(TEXT));
    add(site, "stdout", 4, 0, 0);
    expect(site, 0, "two\nthree\n");
    add(site, "a b?&=#%/\xc3\xa9", 0, 0, 0);
    expect(site, 0, TEXT);
}

static void at_and_beyond_the_end_there_is_nothing(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    add(site, "stdout", (int64_t)strlen(TEXT), 0, 0);
    expect(site, 0, "");
    add(site, "stdout", 1000, 0, 0);
    expect(site, 0, "");
    assert_int_equal(site->bytes, 0);
}

static void more_than_the_limit_is_not_written(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    add(site, "stdout", 0, (int64_t)strlen(TEXT), 0);
    expect(site, 0, TEXT);
    add(site, "stdout", 0, 4, 0);
    expect(site, -EFBIG, "one\n");
    assert_int_equal(site->bytes, 4);
    assert_string_equal(site->message, "there is more than 4 bytes");
}

static void what_the_agent_refuses_is_an_error(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    add(site, "none", 0, 0, 0);
    expect(site, -ENOENT, "");
    assert_string_equal(site->message, "the agent answered HTTP 404: there is no such file");
    add(site, "secret", 0, 0, 0);
    expect(site, -EACCES, "");
    add(site, "moved", 0, 0, 0);
    expect(site, -EPROTO, "");
}

static void an_agent_that_is_not_there_is_unreachable(void **state)
{
    SITE *site = site_new(0);
    SITE *other = site_new(0);

    (void)state;
    snprintf(site->address, sizeof(site->address), "%s", other->address);
    http_server_destroy(&other->server);
    add(site, "stdout", 0, 0, 0);
    expect(site, -EHOSTUNREACH, "");
}

static void an_agent_that_says_nothing_is_given_up(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    add(site, "silent", 0, 0, 100);
    expect(site, -ETIMEDOUT, "");
    assert_non_null(site->held);
}

static void a_descriptor_that_takes_nothing_is_an_error(void **state)
{
    SITE *site = site_new(0);
    CLEANUP(close_fd) int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(proffer_fetcher_add(site->fetcher, site->address, "/sb", "stdout", 0, 0, null,
                                         0, on_done, site, NULL),
                     0);
    expect(site, -EBADF, "");
}

static void wrong_arguments_are_refused_at_once(void **state)
{
    SITE *site = site_new(0);
    const char *const addresses[] = {"",          "host",    "user@host:1", "host:1/x",
                                     "host:1?x=", "ho st:1", NULL};
    struct proffer_err err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
        assert_int_equal(proffer_fetcher_add(site->fetcher, addresses[i], "/sb", "stdout", 0, 0, 1,
                                             0, on_done, site, &err),
                         -EINVAL);
    assert_int_equal(proffer_fetcher_add(site->fetcher, site->address, "", "stdout", 0, 0, 1, 0,
                                         on_done, site, &err),
                     -EINVAL);
    assert_string_equal(err.text, "the sandbox is not known (yet)");
    assert_int_equal(proffer_fetcher_add(site->fetcher, site->address, "/sb", "stdout", -1, 0, 1, 0,
                                         on_done, site, &err),
                     -EINVAL);
    assert_int_equal(proffer_fetcher_dispatch(site->fetcher), 0);
}

static void a_proxy_of_the_environment_is_not_asked(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    add(site, "stdout", 0, 0, 0);
    expect(site, 0, TEXT);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

static void expect_big(struct site *site)
{
    struct stat info;
    unsigned char *data;

    wait_for(site, 1);
    assert_int_equal(site->error, 0);
    assert_int_equal(site->bytes, BIG);
    assert_int_equal(fstat(site->file, &info), 0);
    assert_int_equal(info.st_size, BIG);
    data = mmap(NULL, BIG, PROT_READ, MAP_PRIVATE, site->file, 0);
    assert_true(data != MAP_FAILED);
    for (size_t i = 0; i < BIG; i++)
        if (data[i] != i * 7 % 251)
            fail_msg("byte %zu is wrong", i);
    munmap(data, BIG);
}

static void a_large_file_arrives_whole(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    add(site, "big", 0, 0, 0);
    expect_big(site);
}

/* --- an agent that is away -------------------------------------------------------------------- */

static void an_agent_that_comes_in_time_is_asked_again(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    assert_int_equal(proffer_fetcher_set_patience(site->fetcher, 60000, NULL), 0);
    agent_goes(site);
    add(site, "stdout", 4, 0, 0);
    turn_for(site, 300);
    assert_int_equal(site->done, 0);
    assert_true(site->turns < 30); /* it waits, and does not turn round and round */
    agent_comes(site);
    expect(site, 0, "two\nthree\n");
    assert_int_equal(site->requests, 1);
}

static void what_broke_off_goes_on_where_it_was(void **state)
{
    SITE *site = site_new(0);
    struct stat info = {0};

    (void)state;
    assert_int_equal(proffer_fetcher_set_patience(site->fetcher, 60000, NULL), 0);
    add(site, "big", 0, 0, 0);
    while (info.st_size == 0) {
        turn(site);
        assert_int_equal(fstat(site->file, &info), 0);
    }
    assert_true(info.st_size < BIG);
    agent_goes(site);
    turn_for(site, 300);
    assert_int_equal(site->done, 0);
    assert_int_equal(fstat(site->file, &info), 0);
    agent_comes(site);
    expect_big(site);
    assert_int_equal(site->requests, 1);
    assert_int_equal(site->offset, info.st_size);
}

static void following_goes_on_when_the_agent_is_back(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    assert_int_equal(proffer_fetcher_set_patience(site->fetcher, 60000, NULL), 0);
    assert_int_equal(follow(site, "silent", 3, true), 0);
    while (!site->held)
        turn(site);
    agent_goes(site);
    site->held = NULL;
    turn_for(site, 200);
    assert_int_equal(site->done, 0);
    agent_comes(site);
    while (!site->held)
        turn(site);
    assert_int_equal(site->offset, 3);
    reply_part(site->held, "abcdef", 6);
    expect(site, 0, "def");
}

static void patience_has_an_end(void **state)
{
    SITE *site = site_new(0);
    int64_t start_us = clock_now().mono_us, spent_us;

    (void)state;
    assert_int_equal(proffer_fetcher_set_patience(site->fetcher, 500, NULL), 0);
    assert_int_equal(proffer_fetcher_set_patience(site->fetcher, -1, NULL), -EINVAL);
    agent_goes(site);
    add(site, "stdout", 0, 0, 0);
    expect(site, -EHOSTUNREACH, "");
    spent_us = clock_now().mono_us - start_us;
    assert_true(spent_us >= 300 * US_PER_MS && spent_us < 10 * US_PER_S);
}

static void without_patience_what_breaks_off_is_told_with_what_is_here(void **state)
{
    SITE *site = site_new(0);
    struct stat info = {0};

    (void)state;
    add(site, "big", 0, 0, 0);
    while (info.st_size == 0) {
        turn(site);
        assert_int_equal(fstat(site->file, &info), 0);
    }
    agent_goes(site);
    wait_for(site, 1);
    assert_int_equal(site->error, -ECONNRESET);
    assert_int_equal(fstat(site->file, &info), 0);
    assert_int_equal(site->bytes, info.st_size);
}

static void who_waits_for_an_agent_keeps_nobody_else_waiting(void **state)
{
    SITE *site = site_new(1);
    SITE *other = site_new(1);

    (void)state;
    assert_int_equal(proffer_fetcher_set_patience(site->fetcher, 60000, NULL), 0);
    agent_goes(other);
    assert_int_equal(proffer_fetcher_add(site->fetcher, other->address, "/sb", "stdout", 0, 0,
                                         other->file, 0, on_done, other, NULL),
                     0);
    add(site, "stdout", 0, 0, 0);
    expect(site, 0, TEXT);
    assert_int_equal(other->done, 0);
}

static void many_are_fetched_a_few_at_a_time(void **state)
{
    SITE *site = site_new(3);

    (void)state;
    for (int i = 0; i < 200; i++)
        add(site, i % 4 ? "stdout" : "none", 0, 0, 0);
    wait_for(site, 200);
    assert_int_equal(site->failed, 50);
    assert_int_equal(proffer_fetcher_dispatch(site->fetcher), 0);
}

static void following_waits_until_there_is_something(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    site->absences = 3;
    assert_int_equal(follow(site, "growing", 0, true), 0);
    expect(site, 0, "new");
    assert_int_equal(site->bytes, 3);
    assert_int_equal(site->wait_ms, 20000);
    site->absences = 1;
    assert_int_equal(follow(site, "growing", 0, false), 0);
    expect(site, -ENOENT, "");
    assert_int_equal(site->wait_ms, 0);
}

static void following_ends_when_the_agent_says_that_nothing_will_come(void **state)
{
    SITE *site = site_new(0);
    int64_t start_us = clock_now().mono_us;

    (void)state;
    assert_int_equal(follow(site, "ended", 0, true), 0);
    expect(site, 0, "");
    assert_int_equal(site->bytes, 0);
    assert_true(clock_now().mono_us - start_us < 15 * US_PER_S);
}

static void following_gives_a_piece_of_a_large_file(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    assert_int_equal(follow(site, "big", 100, true), 0);
    wait_for(site, 1);
    assert_int_equal(site->error, 0);
    assert_int_equal(site->bytes, 1024 * 1024);
}

static void destroying_drops_what_is_under_way(void **state)
{
    SITE *site = site_new(1);

    (void)state;
    add(site, "stdout", 0, 0, 0);
    add(site, "stdout", 0, 0, 0);
    assert_int_equal(proffer_fetcher_dispatch(site->fetcher), 2);
    proffer_fetcher_destroy(&site->fetcher);
    assert_int_equal(site->done, 0);
}

static void destroying_inside_a_callback_waits_for_its_end(void **state)
{
    SITE *site = site_new(0);

    (void)state;
    site->destroy_when_done = true;
    add(site, "stdout", 0, 0, 0);
    add(site, "stdout", 0, 0, 0);
    wait_for(site, 1);
    assert_null(site->fetcher);
    assert_int_equal(site->done, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_written_from_its_offset_on),
        cmocka_unit_test(at_and_beyond_the_end_there_is_nothing),
        cmocka_unit_test(more_than_the_limit_is_not_written),
        cmocka_unit_test(what_the_agent_refuses_is_an_error),
        cmocka_unit_test(an_agent_that_is_not_there_is_unreachable),
        cmocka_unit_test(an_agent_that_says_nothing_is_given_up),
        cmocka_unit_test(a_descriptor_that_takes_nothing_is_an_error),
        cmocka_unit_test(wrong_arguments_are_refused_at_once),
        cmocka_unit_test(a_proxy_of_the_environment_is_not_asked),
        cmocka_unit_test(a_large_file_arrives_whole),
        cmocka_unit_test(an_agent_that_comes_in_time_is_asked_again),
        cmocka_unit_test(what_broke_off_goes_on_where_it_was),
        cmocka_unit_test(following_goes_on_when_the_agent_is_back),
        cmocka_unit_test(patience_has_an_end),
        cmocka_unit_test(without_patience_what_breaks_off_is_told_with_what_is_here),
        cmocka_unit_test(who_waits_for_an_agent_keeps_nobody_else_waiting),
        cmocka_unit_test(many_are_fetched_a_few_at_a_time),
        cmocka_unit_test(following_waits_until_there_is_something),
        cmocka_unit_test(following_ends_when_the_agent_says_that_nothing_will_come),
        cmocka_unit_test(following_gives_a_piece_of_a_large_file),
        cmocka_unit_test(destroying_drops_what_is_under_way),
        cmocka_unit_test(destroying_inside_a_callback_waits_for_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
