#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"

static void objects_and_arrays_get_their_commas(void **state)
{
    CLEANUP(buf_fini) struct buf out = {0};
    struct json json = JSON(&out);

    (void)state;
    json_object_begin(&json);
    json_pair_string(&json, "name", "web");
    json_key(&json, "ports");
    json_array_begin(&json);
    json_int(&json, 1);
    json_int(&json, -2);
    json_object_begin(&json);
    json_object_end(&json);
    json_array_begin(&json);
    json_array_end(&json);
    json_array_end(&json);
    json_pair_bool(&json, "live", true);
    json_pair_int(&json, "n", INT64_MIN);
    json_key(&json, "raw");
    json_raw(&json, "{}", 2);
    json_object_end(&json);
    assert_string_equal(buf_text(&out), "{\"name\":\"web\",\"ports\":[1,-2,{},[]],\"live\":true,"
                                        "\"n\":-9223372036854775808,\"raw\":{}}");
}

static void assert_string_form(const char *text, size_t size, const char *wanted)
{
    CLEANUP(buf_fini) struct buf out = {0};
    struct json json = JSON(&out);

    json_text_size(&json, text, size);
    assert_string_equal(buf_text(&out), wanted);
}

static void what_json_forbids_in_strings_is_escaped(void **state)
{
    (void)state;
    assert_string_form("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    assert_string_form("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    assert_string_form("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\"");
    assert_string_form("/", 1, "\"/\"");
    assert_string_form("", 0, "\"\"");
}

static void bad_utf8_becomes_the_replacement_character(void **state)
{
    (void)state;
    assert_string_form("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
                       "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
    assert_string_form("a\xff"
                       "b",
                       3, "\"a\\ufffdb\"");
    assert_string_form("\xc3", 1, "\"\\ufffd\"");
    assert_string_form("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");
    assert_string_form("\xc0\x80", 2, "\"\\ufffd\\ufffd\"");
}

static void a_null_text_is_the_empty_string(void **state)
{
    CLEANUP(buf_fini) struct buf out = {0};
    struct json json = JSON(&out);

    (void)state;
    json_text(&json, NULL);
    assert_string_equal(buf_text(&out), "\"\"");
}

static void thousandths_always_have_a_decimal_point(void **state)
{
    static const struct {
        int64_t milli;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {4000, "4.0"},
        {500, "0.5"},
        {125, "0.125"},
        {1010, "1.01"},
        {-1500, "-1.5"},
        {-1, "-0.001"},
        {INT64_MAX, "9223372036854775.807"},
        {INT64_MIN, "-9223372036854775.808"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_fini) struct buf out = {0};
        struct json json = JSON(&out);

        json_milli(&json, cases[i].milli);
        assert_string_equal(buf_text(&out), cases[i].text);
    }
}

static void times_are_seconds_with_six_decimals(void **state)
{
    CLEANUP(buf_fini) struct buf out = {0};
    struct json json = JSON(&out);

    (void)state;
    json_array_begin(&json);
    json_seconds(&json, INT64_C(1470820172070000));
    json_seconds(&json, 0);
    json_seconds(&json, -1500000);
    json_array_end(&json);
    assert_string_equal(buf_text(&out), "[1470820172.070000,0.000000,-1.500000]");
}

/* RFC 4648, section 10 */
static void bytes_are_base64(void **state)
{
    static const char *const cases[][2] = {
        {"", "\"\""},
        {"f", "\"Zg==\""},
        {"fo", "\"Zm8=\""},
        {"foo", "\"Zm9v\""},
        {"foob", "\"Zm9vYg==\""},
        {"fooba", "\"Zm9vYmE=\""},
        {"foobar", "\"Zm9vYmFy\""},
        {"\xff\xff\xfe", "\"///+\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_fini) struct buf out = {0};
        struct json json = JSON(&out);

        json_bytes(&json, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(buf_text(&out), cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_and_arrays_get_their_commas),
        cmocka_unit_test(what_json_forbids_in_strings_is_escaped),
        cmocka_unit_test(bad_utf8_becomes_the_replacement_character),
        cmocka_unit_test(a_null_text_is_the_empty_string),
        cmocka_unit_test(thousandths_always_have_a_decimal_point),
        cmocka_unit_test(times_are_seconds_with_six_decimals),
        cmocka_unit_test(bytes_are_base64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
