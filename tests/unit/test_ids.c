#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/ids.h"
#include "base/utf8.h"

static void ordinary_ids_are_taken(void **state)
{
    static const char *const ids[] = {"a", "web.3", "...", "a b", "b\xc3\xa4r", "-", "a:b@c"};
    char longest[ID_MAX + 1];
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        assert_int_equal(id_check(ids[i], "task_id", &err), 0);
    memset(longest, 'x', ID_MAX);
    longest[ID_MAX] = '\0';
    assert_int_equal(id_check(longest, "task_id", &err), 0);
}

static void ids_that_could_leave_a_folder_or_a_line_are_refused(void **state)
{
    static const char *const ids[] = {
        "", ".", "..", "a/b", "a\\b", "a\nb", "\x01", "\x7f", "\xff", "\xc3",
    };
    char too_long[ID_MAX + 2];
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        assert_int_equal(id_check(ids[i], "task_id", &err), -EINVAL);
        assert_memory_equal(err.text, "task_id ", 8);
    }
    memset(too_long, 'x', ID_MAX + 1);
    too_long[ID_MAX + 1] = '\0';
    assert_int_equal(id_check(too_long, "task_id", &err), -EINVAL);
}

static void uuids_have_the_form_of_version_4(void **state)
{
    struct rng rng = {1};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        unsigned char uuid[UUID_BYTES];
        char text[UUID_TEXT];

        uuid_make(&rng, uuid);
        uuid_print(uuid, text);
        assert_int_equal(strlen(text), UUID_TEXT - 1);
        assert_int_equal(strspn(text, "0123456789abcdef-"), UUID_TEXT - 1);
        assert_int_equal(text[8], '-');
        assert_int_equal(text[13], '-');
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
        assert_int_equal(text[23], '-');
    }
}

static void one_seed_gives_one_run_of_uuids(void **state)
{
    struct rng a = {5}, b = {5};
    unsigned char x[UUID_BYTES], y[UUID_BYTES];

    (void)state;
    uuid_make(&a, x);
    uuid_make(&b, y);
    assert_memory_equal(x, y, UUID_BYTES);
    uuid_make(&a, x);
    assert_memory_not_equal(x, y, UUID_BYTES);
}

static void valid_utf8_is_recognised(void **state)
{
    static const char *const texts[] = {
        "",
        "abc",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_true(utf8_is_valid(texts[i], strlen(texts[i])));
    assert_true(utf8_is_valid("a\0b", 3));
}

static void overlong_forms_surrogates_and_stumps_are_not_utf8(void **state)
{
    static const char *const texts[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x7f",
        "\xc2\xc0",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xe2\x82",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x98",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xfe",
        "\xff",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_false(utf8_is_valid(texts[i], strlen(texts[i])));
        assert_int_equal(utf8_char_size(texts[i], strlen(texts[i])), 0);
    }
    assert_int_equal(utf8_char_size("\xf0\x9f\x98\x80", 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_ids_are_taken),
        cmocka_unit_test(ids_that_could_leave_a_folder_or_a_line_are_refused),
        cmocka_unit_test(uuids_have_the_form_of_version_4),
        cmocka_unit_test(one_seed_gives_one_run_of_uuids),
        cmocka_unit_test(valid_utf8_is_recognised),
        cmocka_unit_test(overlong_forms_surrogates_and_stumps_are_not_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
