/* What is a status in what a service answers to a check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/launcher/check_answer.h"
#include "base/cleanup.h"

struct reading {
    const char *line;
    int plain, any; /* of 1.0 and 1.1 alone; of all versions */
};

static void check(const struct reading *readings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *line = readings[i].line;

        if (check_answer_status(line, strlen(line), false) != readings[i].plain ||
            check_answer_status(line, strlen(line), true) != readings[i].any)
            fail_msg("%s", line);
    }
}

static void status_is_what_follows_the_version(void **state)
{
    static const struct reading readings[] = {
        {"HTTP/1.1 200 OK\r\nX: y\r\n", 200, 200},
        {"HTTP/1.0 404\r\n", 404, 404},
        {"HTTP/1.1 500\n", 500, 500},
        {"HTTP/1.1 999", 999, 999},
        {"HTTP/1.1  204 ", 204, 204},
        {"HTTP/2 200 \r\n", 0, 200},
        {"HTTP/1 200 OK", 0, 200},
        {"HTTP/9.9 200 OK", 0, 200},
    };

    (void)state;
    check(readings, ARRAY_SIZE(readings));
}

static void anything_else_is_no_answer(void **state)
{
    static const struct reading readings[] = {
        {.line = ""},
        {.line = "HTTP/"},
        {.line = "HTTP/1.1"},
        {.line = "HTTP/1.1 "},
        {.line = "HTTP/1.1 20"},
        {.line = "HTTP/1.1 2000 OK"},
        {.line = "HTTP/1.1 200OK"},
        {.line = "HTTP/1.1200"},
        {.line = "HTTP/1.1\n200 OK"},
        {.line = "HTTP/1.1 -99"},
        {.line = "HTTP/1.1 +99"},
        {.line = "HTTP/1.1 099 OK"},
        {.line = "HTTP/1.12 200 OK"},
        {.line = "http/1.1 200 OK"},
        {.line = " HTTP/1.1 200 OK"},
        {.line = "SSH-2.0-OpenSSH_9.2"},
    };

    (void)state;
    check(readings, ARRAY_SIZE(readings));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_is_what_follows_the_version),
        cmocka_unit_test(anything_else_is_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
