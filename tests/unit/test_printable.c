/* Text of others as a person is shown it: nothing of it acts on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <proffer/types.h>

#include "base/cleanup.h"
#include "base/printable.h"
#include "base/rng.h"
#include "base/utf8.h"

static void expect(const char *text, const char *shown)
{
    CLEANUP(free_p) char *is = printable(text);

    assert_string_equal(is, shown);
}

static void control_characters_are_written_out(void **state)
{
    (void)state;
    expect("", "");
    expect("plain: \\ ~ ü € 𝄞", "plain: \\ ~ ü € 𝄞");
    expect("a\nb\tc\rd", "a\\nb\\tc\\rd");
    expect("\x1b[31mred\x07", "\\x1b[31mred\\x07");
    expect("\x7f", "\\x7f");
    expect("\xc2\x9b"
           "31m\xc2\x80\xc2\xa0",
           "\\u009b31m\\u0080\xc2\xa0");
    expect("\x9b"
           "31m\xc3",
           "\\x9b31m\\xc3");
}

/* What comes out has no control character in it and is UTF-8, whatever goes in, and wherever it is cut. */
static void nothing_else_comes_out(void **state)
{
    struct rng rng = {.state = 1};

    (void)state;
    for (int round = 0; round < 20000; round++) {
        static const char bytes[] = "\xc2\x80\x9b\x9f\xa0\x1b\n\x7f"
                                    "ab\xe2\x82\xac\xf0";
        char text[12], out[40];
        size_t size = rng_next(&rng) % sizeof(text), room = 1 + rng_next(&rng) % sizeof(out);

        for (size_t i = 0; i < size; i++)
            text[i] = bytes[rng_next(&rng) % (sizeof(bytes) - 1)];
        text[size] = '\0';
        size = printable_copy(out, room, text, "");
        assert_true(strlen(out) < room && strlen(out) <= size);
        if (size < room)
            assert_int_equal(strlen(out), size);
        assert_true(utf8_is_valid(out, strlen(out)));
        for (const char *c = out; *c; c++)
            assert_true((unsigned char)*c >= 0x20 && *c != 0x7f &&
                        !((unsigned char)c[0] == 0xc2 && (unsigned char)c[1] < 0xa0));
    }
}

static void line_is_one_line(void **state)
{
    CLEANUP(free_p) char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    print_line(out, "%s failed: %s", "t\n1", "\x1b[2J");
    proffer_print_line(out, "%s", "of a framework\n");
    print_lines(out, "one\ntwo\x1b");
    fclose(out);
    assert_string_equal(text, "t\\n1 failed: \\x1b[2J\nof a framework\\n\none\ntwo\\x1b\n");
}

static void json_has_the_values_that_it_had(void **state)
{
    CLEANUP(free_p) char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    print_json(out, "{\n  \"ü\": \"\x7f\xc2\x9b\xc2\xa0\"\n}");
    fclose(out);
    assert_string_equal(text, "{\n  \"ü\": \"\\u007f\\u009b\xc2\xa0\"\n}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_are_written_out),
        cmocka_unit_test(nothing_else_comes_out),
        cmocka_unit_test(line_is_one_line),
        cmocka_unit_test(json_has_the_values_that_it_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
