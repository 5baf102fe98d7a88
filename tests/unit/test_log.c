/* What is logged, and how much of the same. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/log_limit.h"

#define START 1000000
#define BURST 3

/* How many of `count` such texts are written; each has its number in it. */
static unsigned flood(struct log_limit *limit, int64_t now_us, const char *format, unsigned count)
    __attribute__((format(printf, 3, 0)));

static unsigned flood(struct log_limit *limit, int64_t now_us, const char *format, unsigned count)
{
    unsigned written = 0;
    char text[128];

    for (unsigned i = 0; i < count; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof(text), format, i);
#pragma GCC diagnostic pop
        written += log_limit_check(limit, now_us, LOG_LEVEL_WARNING, text, BURST) == LOG_WRITE;
    }
    return written;
}

static void so_many_of_a_kind_are_written(void **state)
{
    struct log_limit limit = {0};

    (void)state;
    assert_int_equal(flood(&limit, START, "session %u: a message is dropped", 1000), BURST);
    assert_int_equal(flood(&limit, START, "session %u is closed", 2), 2);
    assert_int_equal(
        flood(&limit, START + LOG_WINDOW_US - 1, "session %u: a message is dropped", 1000), 0);
}

static void levels_are_kinds_of_their_own(void **state)
{
    struct log_limit limit = {0};

    (void)state;
    assert_int_equal(flood(&limit, START, "something %u", 1000), BURST);
    assert_int_equal(log_limit_check(&limit, START, LOG_LEVEL_ERROR, "something 1", BURST),
                     LOG_WRITE);
}

static void first_that_is_left_out_is_told_apart(void **state)
{
    struct log_limit limit = {0};

    (void)state;
    assert_int_equal(log_limit_check(&limit, START, 0, "same", 1), LOG_WRITE);
    assert_int_equal(log_limit_check(&limit, START, 0, "same", 1), LOG_LEAVE_OUT_FIRST);
    assert_int_equal(log_limit_check(&limit, START, 0, "same", 1), LOG_LEAVE_OUT);
}

static void what_was_left_out_is_told_once_its_time_is_over(void **state)
{
    struct log_limit limit = {0};
    struct log_kind over;

    (void)state;
    flood(&limit, START, "few %u", 2);
    flood(&limit, START, "many %u", 1000);
    assert_false(log_limit_take_over(&limit, START + LOG_WINDOW_US - 1, &over));
    assert_true(log_limit_take_over(&limit, START + LOG_WINDOW_US, &over));
    assert_int_equal(over.left_out, 1000 - BURST);
    assert_int_equal(over.level, LOG_LEVEL_WARNING);
    assert_string_equal(over.example, "many 0");
    assert_false(log_limit_take_over(&limit, START + LOG_WINDOW_US, &over));
    assert_int_equal(flood(&limit, START + LOG_WINDOW_US, "many %u", 1000), BURST);
}

static void made_up_words_do_not_get_by(void **state)
{
    struct log_limit limit = {0};
    unsigned written = 0;
    char text[] = "a name: aaa";

    (void)state;
    for (int i = 0; i < 26 * 26; i++) {
        text[8] = (char)('a' + i % 26);
        text[9] = (char)('a' + i / 26);
        written += log_limit_check(&limit, START, LOG_LEVEL_WARNING, text, BURST) == LOG_WRITE;
    }
    assert_true(written <= LOG_KINDS_MAX - 1 + BURST);
}

static void a_flood_fills_no_log(void **state)
{
    CLEANUP(close_fd) int file = memfd_create("log", MFD_CLOEXEC);
    CLEANUP(close_fd) int before = dup(STDERR_FILENO);
    char text[8192] = "";
    unsigned lines = 0;

    (void)state;
    log_open("test", LOG_LEVEL_INFO);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    for (unsigned i = 0; i < 100000; i++)
        log_warning("peer %u talks\nnon\x1bsense", i);
    log_info("something else");
    dup2(before, STDERR_FILENO);
    assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
    for (const char *c = text; (c = strchr(c, '\n')); c++)
        lines++;
    assert_in_range(lines, 12, 24); /* a slow machine may see more than one window */
    assert_non_null(strstr(text, "peer 0 talks\\nnon\\x1bsense"));
    assert_non_null(strstr(text, "too much of the same"));
    assert_non_null(strstr(text, "something else"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_of_a_kind_are_written),
        cmocka_unit_test(levels_are_kinds_of_their_own),
        cmocka_unit_test(first_that_is_left_out_is_told_apart),
        cmocka_unit_test(what_was_left_out_is_told_once_its_time_is_over),
        cmocka_unit_test(made_up_words_do_not_get_by),
        cmocka_unit_test(a_flood_fills_no_log),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
