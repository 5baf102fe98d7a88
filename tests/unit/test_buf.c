#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"

static void an_empty_buffer_reads_as_empty_text(void **state)
{
    CLEANUP(buf_fini) struct buf buf = {0};

    (void)state;
    assert_string_equal(buf_text(&buf), "");
    buf_consume(&buf, 0);
    buf_append(&buf, NULL, 0);
    assert_string_equal(buf_text(&buf), "");
    assert_int_equal(buf.size, 0);
}

static void reserved_room_is_terminated_before_it_is_used(void **state)
{
    CLEANUP(buf_fini) struct buf buf = {0};

    (void)state;
    memset(buf_reserve(&buf, 5) + 1, 'x', 4);
    assert_string_equal(buf_text(&buf), "");
}

static void what_is_appended_stands_in_order(void **state)
{
    CLEANUP(buf_fini) struct buf buf = {0};

    (void)state;
    buf_puts(&buf, "one ");
    buf_printf(&buf, "%d %s ", 2, "three");
    buf_append(&buf, "four!", 4);
    assert_string_equal(buf_text(&buf), "one 2 three four");
    assert_int_equal(buf.size, 16);
}

static void zeros_may_be_part_of_it(void **state)
{
    CLEANUP(buf_fini) struct buf buf = {0};

    (void)state;
    buf_append(&buf, "a\0b", 3);
    buf_puts(&buf, "c");
    assert_int_equal(buf.size, 4);
    assert_memory_equal(buf.data, "a\0bc", 5);
}

static void it_grows_as_needed(void **state)
{
    CLEANUP(buf_fini) struct buf buf = {0};
    char number[16];
    size_t at = 0;

    (void)state;
    for (int i = 0; i < 20000; i++)
        buf_printf(&buf, "%d,", i);
    for (int i = 0; i < 20000; i++) {
        size_t size = (size_t)snprintf(number, sizeof(number), "%d,", i);

        assert_memory_equal(buf.data + at, number, size);
        at += size;
    }
    assert_int_equal(buf.size, at);
    assert_int_equal(buf.data[at], '\0');
}

static void the_front_can_be_dropped(void **state)
{
    CLEANUP(buf_fini) struct buf buf = {0};

    (void)state;
    buf_puts(&buf, "header:body");
    buf_consume(&buf, 7);
    assert_string_equal(buf_text(&buf), "body");
    buf_consume(&buf, 4);
    assert_string_equal(buf_text(&buf), "");
    buf_puts(&buf, "next");
    assert_string_equal(buf_text(&buf), "next");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_reads_as_empty_text),
        cmocka_unit_test(reserved_room_is_terminated_before_it_is_used),
        cmocka_unit_test(what_is_appended_stands_in_order),
        cmocka_unit_test(zeros_may_be_part_of_it),
        cmocka_unit_test(it_grows_as_needed),
        cmocka_unit_test(the_front_can_be_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
