#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/rng.h"
#include "base/units.h"

typedef int parse_fn(const char *text, int64_t *ret_value, struct err *err);
typedef void print_fn(int64_t value, struct buf *out);

struct reading {
    const char *text;
    int64_t value;
};

static void check_readings(parse_fn *parse, const struct reading *readings)
{
    for (; readings->text; readings++) {
        int64_t value = -1;
        struct err err;

        if (parse(readings->text, &value, &err) < 0)
            fail_msg("%s: %s", readings->text, err.text);
        if (value != readings->value)
            fail_msg("%s: %" PRId64, readings->text, value);
    }
}

static void check_refusals(parse_fn *parse, const char *const *texts)
{
    for (; *texts; texts++) {
        int64_t value = -7;
        struct err err = {""};
        int rc = parse(*texts, &value, &err);

        if (rc != -EINVAL && rc != -ERANGE)
            fail_msg("\"%s\" was taken as %" PRId64, *texts, value);
        assert_int_equal(value, -7);
        assert_true(strlen(err.text) > 10);
        assert_int_equal(parse(*texts, &value, NULL), rc);
    }
}

/* What is printed reads as it was, to the bit. */
static void check_round_trips(parse_fn *parse, print_fn *print)
{
    struct rng rng = {11};

    for (int i = 0; i < 20000; i++) {
        int64_t value = (int64_t)(rng_next(&rng) >> (1 + rng_below(&rng, 63))), again = -1;
        CLEANUP(buf_fini) struct buf text = {0};

        print(value, &text);
        assert_int_equal(parse(buf_text(&text), &again, NULL), 0);
        assert_int_equal(again, value);
    }
}

static void durations_are_read_as_people_write_them(void **state)
{
    static const struct reading readings[] = {
        {"0", 0},
        {"10", 10000},
        {"1.5", 1500},
        {"500ms", 500},
        {"10s", 10000},
        {"5m", 300000},
        {"1h30m", 5400000},
        {"2d", 172800000},
        {"1w", 604800000},
        {"15secs", 15000},
        {"10mins", 600000},
        {"2hrs", 7200000},
        {"1weeks", 604800000},
        {"1days", 86400000},
        {"1.5s", 1500},
        {".5s", 500},
        {"0.0004s", 0},
        {"0.0005s", 1},
        {"1d2h3m4s5ms", 93784005},
        {"9223372036854775807ms", INT64_MAX},
        {NULL, 0},
    };

    (void)state;
    check_readings(units_parse_duration_ms, readings);
}

static void what_is_no_duration_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "s",
        "-1s",
        "+1s",
        "1 s",
        "1s ",
        " 1s",
        "1x",
        "1sx",
        "1h30",
        "1s1s",
        "1s1m",
        "1.s",
        ".",
        "1..5s",
        "nan",
        "inf",
        "1e3s",
        "0x10",
        "5us",
        "5ns",
        "1,5s",
        "99999999999999999999s",
        "1s\n",
        "--1",
        "1s;",
        "1.5.",
        "1h-1m",
        "9223372036854775808ms",
        "9223372036854775807s",
        "1d99999999999999999m",
        NULL,
    };

    (void)state;
    check_refusals(units_parse_duration_ms, texts);
}

static void durations_are_printed_without_loss(void **state)
{
    static const struct reading readings[] = {
        {"0s", 0},         {"250ms", 250},      {"1s500ms", 1500}, {"1h30m", 5400000},
        {"7d", 604800000}, {"1d1ms", 86400001}, {"-5s", -5000},    {NULL, 0},
    };

    (void)state;
    for (const struct reading *reading = readings; reading->text; reading++) {
        CLEANUP(buf_fini) struct buf out = {0};

        units_print_duration(reading->value, &out);
        assert_string_equal(buf_text(&out), reading->text);
    }
    check_round_trips(units_parse_duration_ms, units_print_duration);
}

static void sizes_are_read_as_people_write_them(void **state)
{
    static const struct reading readings[] = {
        {"0", 0},
        {"4096", 4096},
        {"4096B", 4096},
        {"1K", 1024},
        {"1k", 1024},
        {"1Ki", 1024},
        {"1KiB", 1024},
        {"1KB", 1000},
        {"512M", 536870912},
        {"512Mi", 536870912},
        {"512MiB", 536870912},
        {"10MB", 10000000},
        {"1.5GiB", 1610612736},
        {"1.5gib", 1610612736},
        {"2G", INT64_C(2147483648)},
        {"2GB", INT64_C(2000000000)},
        {"1T", INT64_C(1099511627776)},
        {"1TB", INT64_C(1000000000000)},
        {"1P", INT64_C(1125899906842624)},
        {"0.3KiB", 307},
        {"9223372036854775807", INT64_MAX},
        {"8191PiB", INT64_C(8191) << 50},
        {NULL, 0},
    };

    (void)state;
    check_readings(units_parse_bytes, readings);
}

static void what_is_no_size_is_refused(void **state)
{
    static const char *const texts[] = {
        "",        "B",
        "-1",      "+1",
        "1.5",     "1.5B",
        "1 K",     "1KiBs",
        "1KK",     "nan",
        "0x10",    "1e6",
        "1.5.5G",  "1G ",
        " 1G",     "9223372036854775808",
        "8192PiB", "99999999999999999999G",
        "1Gi1",    "\xff",
        NULL,
    };

    (void)state;
    check_refusals(units_parse_bytes, texts);
}

static void sizes_are_printed_with_at_most_one_decimal(void **state)
{
    static const struct reading readings[] = {
        {"0B", 0},         {"512B", 512},          {"1023B", 1023},        {"1KiB", 1024},
        {"1.5KiB", 1500},  {"1.5GiB", 1610612736}, {"1023.9KiB", 1048474}, {"1MiB", 1048575},
        {"1MiB", 1048576}, {"-1KiB", -1024},       {"8EiB", INT64_MAX},    {"-8EiB", INT64_MIN},
        {NULL, 0},
    };

    (void)state;
    for (const struct reading *reading = readings; reading->text; reading++) {
        CLEANUP(buf_fini) struct buf out = {0};

        units_print_bytes(reading->value, &out);
        assert_string_equal(buf_text(&out), reading->text);
    }
}

static void thousandths_are_read_as_people_write_them(void **state)
{
    static const struct reading readings[] = {
        {"0", 0},
        {"4", 4000},
        {"4.0", 4000},
        {"0.5", 500},
        {".5", 500},
        {"0.125", 125},
        {"500m", 500},
        {"1500m", 1500},
        {"0.0004", 0},
        {"0.0005", 1},
        {"0.1234", 123},
        {"0.1235", 124},
        {"0.9999", 1000},
        {"007", 7000},
        {"0.50000000000000000000000001", 500},
        {"9223372036854775.807", INT64_MAX},
        {NULL, 0},
    };

    (void)state;
    check_readings(units_parse_milli, readings);
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "-1",
        "+1",
        "1.",
        ".",
        "1.5.5",
        "nan",
        "inf",
        "1e3",
        "0x1",
        "1 ",
        " 1",
        "1M",
        "1mm",
        "m",
        "1,5",
        "9223372036854775.808",
        "9223372036854775807",
        "99999999999999999999",
        NULL,
    };

    (void)state;
    check_refusals(units_parse_milli, texts);
}

static void thousandths_are_printed_without_loss(void **state)
{
    static const struct reading readings[] = {
        {"0", 0},       {"4", 4000},    {"0.5", 500}, {"0.125", 125},
        {"1.01", 1010}, {"-0.001", -1}, {NULL, 0},
    };

    (void)state;
    for (const struct reading *reading = readings; reading->text; reading++) {
        CLEANUP(buf_fini) struct buf out = {0};

        units_print_milli(reading->value, &out);
        assert_string_equal(buf_text(&out), reading->text);
    }
    check_round_trips(units_parse_milli, units_print_milli);
}

static void whole_numbers_are_read_within_their_bounds(void **state)
{
    int64_t value;

    (void)state;
    assert_int_equal(units_parse_int("65535", 0, 65535, &value, NULL), 0);
    assert_int_equal(value, 65535);
    assert_int_equal(units_parse_int("-3", -3, 3, &value, NULL), 0);
    assert_int_equal(value, -3);
    assert_int_equal(units_parse_int("-9223372036854775808", INT64_MIN, 0, &value, NULL), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(units_parse_int("9223372036854775807", 0, INT64_MAX, &value, NULL), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(units_parse_int("0", 0, 0, &value, NULL), 0);
}

static void other_whole_numbers_are_refused(void **state)
{
    static const char *const malformed[] = {"", "-", "+1", "1.0", "0x10", " 1", "1 ", "1k", "--1"};
    static const char *const outside[] = {"-4", "4", "9223372036854775808", "-9223372036854775809",
                                          "99999999999999999999999"};
    int64_t value = 77;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++)
        assert_int_equal(units_parse_int(malformed[i], -3, 3, &value, &err), -EINVAL);
    for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
        assert_int_equal(units_parse_int(outside[i], -3, 3, &value, &err), -ERANGE);
    assert_non_null(strstr(err.text, "-3 and 3"));
    assert_int_equal(value, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_as_people_write_them),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_are_printed_without_loss),
        cmocka_unit_test(sizes_are_read_as_people_write_them),
        cmocka_unit_test(what_is_no_size_is_refused),
        cmocka_unit_test(sizes_are_printed_with_at_most_one_decimal),
        cmocka_unit_test(thousandths_are_read_as_people_write_them),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(thousandths_are_printed_without_loss),
        cmocka_unit_test(whole_numbers_are_read_within_their_bounds),
        cmocka_unit_test(other_whole_numbers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
