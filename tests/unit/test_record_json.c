/* Records as JSON: what is written is read back equal; what people write is taken if it is clear.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/records.h"

#define ROUNDS 50

static int read_json(const struct record_def *def, const char *text, struct arena *arena,
                     const void **ret_record, struct err *err)
{
    return record_read_json(def, text, strlen(text), arena, ret_record, err);
}

/* Reads, or fails the test with the reason. */
static const void *must_read(const struct record_def *def, const char *text, struct arena *arena)
{
    const void *record = NULL;
    struct err err = {""};

    if (read_json(def, text, arena, &record, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return record;
}

static void assert_refused(const struct record_def *def, const char *text, const char *reason)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const void *record = NULL;
    struct err err = {""};

    assert_int_equal(read_json(def, text, arena, &record, &err), -EINVAL);
    assert_string_equal(err.text, reason);
    assert_null(record);
    assert_int_equal(read_json(def, text, arena, &record, NULL), -EINVAL);
}

static void every_record_is_read_as_it_was_written(void **state)
{
    struct rng rng = {.state = 21};

    (void)state;
    for (enum msg_type type = message_next(0); type; type = message_next(type)) {
        const struct record_def *def = message_def_get(type)->body;

        for (int round = 0; round < ROUNDS; round++) {
            CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
            CLEANUP(buf_fini) struct buf out = {0};
            const void *record = record_random(def, &rng, arena);

            record_write_json(def, record, &JSON(&out));
            assert_true(record_is_equal(def, record, must_read(def, out.data, arena)));
        }
    }
}

static void absent_things_are_not_written(void **state)
{
    static const struct command_info command = {.value = "true"};
    static const struct task_info task = {.task_id = "t1", .agent_id = "a1", .command = &command};
    CLEANUP(buf_fini) struct buf out = {0};

    (void)state;
    record_write_json(&task_info_def, &task, &JSON(&out));
    assert_string_equal(
        out.data, "{\"task_id\":\"t1\",\"agent_id\":\"a1\",\"command\":{\"value\":\"true\"}}");
}

static void enums_are_names_and_bytes_are_base64(void **state)
{
    static const struct task_status status = {
        .task_id = "t", .state = TASK_GONE, .uuid = {.data = "\xfb\xff", .size = 2}};
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf out = {0};

    (void)state;
    record_write_json(&task_status_def, &status, &JSON(&out));
    assert_string_equal(out.data, "{\"task_id\":\"t\",\"state\":\"TASK_GONE\",\"uuid\":\"+/8=\"}");
    assert_true(
        record_is_equal(&task_status_def, &status, must_read(&task_status_def, out.data, arena)));
}

static void a_number_without_a_name_is_not_written(void **state)
{
    static const struct task_status status = {.task_id = "t", .state = (enum task_state)200};
    CLEANUP(buf_fini) struct buf out = {0};

    (void)state;
    record_write_json(&task_status_def, &status, &JSON(&out));
    assert_string_equal(out.data, "{\"task_id\":\"t\"}");
}

static void reading_is_as_lenient_as_mesos(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct rlimit_info *limit;
    const struct task_status *status;

    (void)state;
    limit = must_read(&rlimit_info_def,
                      " {\"name\":\"RLMT_NOFILE\",\"soft\":\"1024\",\"hard\":4096.0,"
                      "\"unlimited\":\"true\",\"who\":{\"knows\":[1,null]}}\n",
                      arena);
    assert_int_equal(limit->soft, 1024);
    assert_int_equal(limit->hard, 4096);
    assert_true(limit->unlimited);
    limit = must_read(&rlimit_info_def, "{\"name\":\"n\",\"soft\":null,\"unlimited\":\"false\"}",
                      arena);
    assert_int_equal(limit->soft, 0);
    assert_false(limit->unlimited);
    status = must_read(&task_status_def,
                       "{\"task_id\":\"t\",\"state\":3,\"message\":null,\"timestamp_us\":\"-5\","
                       "\"uuid\":\"\",\"exit\":null}",
                       arena);
    assert_int_equal(status->state, TASK_RUNNING);
    assert_int_equal(status->timestamp_us, -5);
    assert_string_equal(status->message, "");
    assert_int_equal(status->uuid.size, 0);
    assert_null(status->exit);
}

static void whole_numbers_are_exact_to_the_last_bit(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct counter_info *counter;

    (void)state;
    counter = must_read(&counter_info_def, "{\"name\":\"c\",\"milli\":9223372036854775807}", arena);
    assert_int_equal(counter->milli, INT64_MAX);
    counter =
        must_read(&counter_info_def, "{\"name\":\"c\",\"milli\":\"-9223372036854775808\"}", arena);
    assert_int_equal(counter->milli, INT64_MIN);
    counter = must_read(&counter_info_def, "{\"name\":\"c\",\"milli\":9007199254740993}", arena);
    assert_int_equal(counter->milli, 9007199254740993);
}

static void an_error_names_the_place_and_what_was_expected(void **state)
{
    static const struct {
        const char *text, *reason;
    } bad[] = {
        {"7", "is a number, expected an object"},
        {"null", "is null, expected an object"},
        {"{\"agent_id\":\"a\"}", "task_id: is missing"},
        {"{\"task_id\":7}", "task_id: is a number, expected a string"},
        {"{\"task_id\":\"a/b\",\"agent_id\":\"a\",\"command\":{}}",
         "task_id: it has a character that is not allowed (0x2f)"},
        {"{\"command\":{\"env\":[{\"name\":\"A\"},7]}}",
         "command.env[1]: is a number, expected an object"},
        {"{\"command\":{\"env\":[{\"name\":\"A\"},null]}}",
         "command.env[1]: is null, expected an object"},
        {"{\"command\":{\"env\":{}}}", "command.env: is an object, expected an array"},
        {"{\"command\":{\"argv\":[\"a\",[]]}}", "command.argv[1]: is an array, expected a string"},
        {"{\"command\":[]}", "command: is an array, expected an object"},
        {"{\"kill_policy\":{\"grace_ms\":\"3s\"}}",
         "kill_policy.grace_ms: \"3s\" is not a whole number"},
        {"{\"kill_policy\":{\"grace_ms\":\"\"}}",
         "kill_policy.grace_ms: \"\" is not a whole number"},
        {"{\"kill_policy\":{\"grace_ms\":\"-\"}}",
         "kill_policy.grace_ms: \"-\" is not a whole number"},
        {"{\"kill_policy\":{\"grace_ms\":1.5}}", "kill_policy.grace_ms: 1.5 is not a whole number"},
        {"{\"kill_policy\":{\"grace_ms\":1e300}}",
         "kill_policy.grace_ms: 1e+300 is not a whole number"},
        {"{\"kill_policy\":{\"grace_ms\":true}}",
         "kill_policy.grace_ms: is true, expected a whole number"},
        {"{\"kill_policy\":{\"grace_ms\":\"9223372036854775808\"}}",
         "kill_policy.grace_ms: 9223372036854775808 is out of range"},
        {"{\"task_id\":\"t\",\"agent_id\":\"a\",\"command\":{},\"pids_max\":-1}",
         "pids_max: is negative"},
        {"{\"resources\":[{\"name\":\"cpus\",\"kind\":\"SCALAR\"}]}",
         "resources[0].kind: \"SCALAR\" is no value_kind, expected one like \"VALUE_SCALAR\""},
        {"{\"resources\":[{\"kind\":99}]}", "resources[0].kind: 99 is no value_kind"},
        {"{\"resources\":[{\"kind\":4294967297}]}",
         "resources[0].kind: 4294967297 is no value_kind"},
        {"{\"resources\":[{\"kind\":true}]}",
         "resources[0].kind: is true, expected a name in a string"},
        {"{\"resources\":[{\"revocable\":\"yes\"}]}",
         "resources[0].revocable: is a string, expected true or false"},
        {"{\"resources\":[{\"revocable\":1}]}",
         "resources[0].revocable: is a number, expected true or false"},
        {"{\"data\":\"AA=\"}", "data: is not Base64"},
        {"{\"data\":\"A A=\"}", "data: is not Base64"},
        {"{\"data\":7}", "data: is a number, expected Base64 in a string"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_refused(&task_info_def, bad[i].text, bad[i].reason);
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "{}}",
        "{'name':1}",
        "{\"name\":\"a\",}",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"ignored\":{\"a\":1,\"a\":2},\"name\":\"n\"}",
        "{\"name\":\"\xff\"}",
        "{\"name\":\"\\u0000\"}",
        "{\"name\":\"\\ud800\"}",
        "{\"name\":\"n\",\"milli\":9223372036854775808}",
        "{\"name\":\"n\",\"milli\":1e999}",
        "{\"name\":\"n\",\"milli\":NaN}",
        "{\"name\":\"n\",\"milli\":01}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        const void *record;
        struct err err = {""};

        assert_int_equal(read_json(&counter_info_def, bad[i], arena, &record, &err), -EINVAL);
        assert_int_equal(strncmp(err.text, "JSON: line ", 11), 0);
    }
}

/* `count` times `unit` around or behind each other. */
static char *repeat(const char *before, const char *unit, size_t count, const char *after)
{
    CLEANUP(buf_fini) struct buf out = {0};

    buf_puts(&out, before);
    for (size_t i = 0; i < count; i++)
        buf_puts(&out, unit);
    buf_puts(&out, after);
    return TAKE(out.data);
}

static void ten_thousand_levels_are_refused(void **state)
{
    CLEANUP(free_p) char *arrays = repeat("", "[", 10000, "");
    CLEANUP(free_p) char *objects = repeat("", "{\"a\":", 10000, "");
    CLEANUP(free_p) char *fields = repeat("{\"command\":", "[", 10000, "");

    (void)state;
    assert_refused(&task_info_def, arrays, "JSON: nested deeper than 32");
    assert_refused(&task_info_def, objects, "JSON: nested deeper than 32");
    assert_refused(&task_info_def, fields, "JSON: nested deeper than 32");
}

static void brackets_in_strings_do_not_count(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(free_p) char *text = repeat("{\"name\":\"\\\"", "[{\\\\", 100, "\"}");
    const struct counter_info *counter = must_read(&counter_info_def, text, arena);

    (void)state;
    assert_int_equal(strlen(counter->name), 301);
}

static void size_and_number_of_values_are_bounded(void **state)
{
    CLEANUP(free_p) char *values = repeat("{\"a\":[0", ",{}", RECORD_JSON_VALUES_MAX, "]}");
    CLEANUP(free_p) char *long_text = repeat("", " ", RECORD_JSON_SIZE_MAX, "{}");

    (void)state;
    assert_refused(&task_info_def, values, "JSON: more than 131072 values");
    assert_refused(&task_info_def, long_text,
                   "JSON: 4194306 bytes long, at most 4194304 are allowed");
}

static void texts_are_held_to_the_limits_of_the_schema(void **state)
{
    CLEANUP(free_p) char *text = repeat("{\"name\":\"", "x", TEXT_MAX + 1, "\"}");

    (void)state;
    assert_refused(&counter_info_def, text, "name: 1025 bytes long, at most 1024 are allowed");
}

static void the_limit_of_the_arena_is_kept(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(256);
    CLEANUP(free_p) char *text = repeat("{\"name\":\"", "x", 500, "\"}");
    const void *record;
    struct err err;

    (void)state;
    assert_int_equal(read_json(&counter_info_def, text, arena, &record, &err), -EINVAL);
    assert_string_equal(err.text, "name: takes more memory than is allowed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_is_read_as_it_was_written),
        cmocka_unit_test(absent_things_are_not_written),
        cmocka_unit_test(enums_are_names_and_bytes_are_base64),
        cmocka_unit_test(a_number_without_a_name_is_not_written),
        cmocka_unit_test(reading_is_as_lenient_as_mesos),
        cmocka_unit_test(whole_numbers_are_exact_to_the_last_bit),
        cmocka_unit_test(an_error_names_the_place_and_what_was_expected),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(ten_thousand_levels_are_refused),
        cmocka_unit_test(brackets_in_strings_do_not_count),
        cmocka_unit_test(size_and_number_of_values_are_bounded),
        cmocka_unit_test(texts_are_held_to_the_limits_of_the_schema),
        cmocka_unit_test(the_limit_of_the_arena_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
