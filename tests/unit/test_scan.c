/* The scan: bytes that would make msgpack-c ask for gigabytes are refused before it sees them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/rng.h"
#include "proto/scan.h"

struct bytes_case {
    const char *data;
    size_t size;
};
#define CASE(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

/* From memory of exactly that size, so that a sanitizer sees a read beyond it. */
static int scan(const void *data, size_t size, struct err *err)
{
    CLEANUP(free_p) char *copy = malloc(size + !size);

    memcpy(copy, data, size);
    return scan_check(copy, size, err);
}

static void assert_refused(const void *data, size_t size)
{
    struct err err = {""};

    assert_int_equal(scan(data, size, &err), -EBADMSG);
    assert_string_not_equal(err.text, "");
}

static void every_well_formed_kind_is_taken(void **state)
{
    static const struct bytes_case cases[] = {
        CASE("\x00"),
        CASE("\x7f"),
        CASE("\x80"),
        CASE("\x90"),
        CASE("\xa0"),
        CASE("\xa3"
             "abc"),
        CASE("\xc0"),
        CASE("\xc2"),
        CASE("\xc3"),
        CASE("\xc4\x01x"),
        CASE("\xc5\x00\x01x"),
        CASE("\xc6\x00\x00\x00\x01x"),
        CASE("\xca\x00\x00\x00\x00"),
        CASE("\xcb\x00\x00\x00\x00\x00\x00\x00\x00"),
        CASE("\xcc\x01"),
        CASE("\xcd\x01\x02"),
        CASE("\xce\x01\x02\x03\x04"),
        CASE("\xcf\x01\x02\x03\x04\x05\x06\x07\x08"),
        CASE("\xd0\x01"),
        CASE("\xd1\x01\x02"),
        CASE("\xd2\x01\x02\x03\x04"),
        CASE("\xd3\x01\x02\x03\x04\x05\x06\x07\x08"),
        CASE("\xd9\x01x"),
        CASE("\xda\x00\x01x"),
        CASE("\xdb\x00\x00\x00\x01x"),
        CASE("\xdc\x00\x02\x01\x02"),
        CASE("\xdd\x00\x00\x00\x02\x01\x02"),
        CASE("\xde\x00\x01\x01\x02"),
        CASE("\xdf\x00\x00\x00\x01\x01\x02"),
        CASE("\xe0"),
        CASE("\xff"),
        CASE("\x82\x01\x92\x90\x80\x02\x81\x01\xa1x"),
    };
    struct err err = {""};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (scan(cases[i].data, cases[i].size, &err) != 0)
            fail_msg("case %zu: %s", i, err.text);
        for (size_t cut = 0; cut < cases[i].size; cut++)
            assert_refused(cases[i].data, cut);
    }
}

static void bombs_of_five_bytes_are_refused(void **state)
{
    static const struct bytes_case bombs[] = {
        CASE("\xdd\x0f\xff\xff\xff"),
        CASE("\xdd\xff\xff\xff\xff"),
        CASE("\xdf\x0f\xff\xff\xff"),
        CASE("\xdf\xff\xff\xff\xff"),
        CASE("\xdf\x80\x00\x00\x00"),
        CASE("\xdc\xff\xff"),
        CASE("\xde\xff\xff"),
        CASE("\xc6\xff\xff\xff\xff"),
        CASE("\xdb\xff\xff\xff\xff"),
        CASE("\x9f"),
        CASE("\x8f"),
        CASE("\xdd\x00\x00\x00\x02\xc0"),
        CASE("\x92\xdd\x00\x00\x00\x01\xc0"),
        CASE("\x81\xc0"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bombs); i++)
        assert_refused(bombs[i].data, bombs[i].size);
}

/* Each level claims as many values as there are bytes left: each claim alone could be true. */
static void bombs_inside_bombs_are_refused(void **state)
{
    CLEANUP(buf_fini) struct buf bomb = {0};

    (void)state;
    for (int level = 0; level < 10; level++)
        buf_append(&bomb, "\xdc\x03\xe8", 3);
    for (int i = 0; i < 2000; i++)
        buf_append(&bomb, "\xc0", 1);
    assert_refused(bomb.data, bomb.size);
}

static void nesting_ends_at_sixteen(void **state)
{
    char nested[SCAN_DEPTH_MAX + 2];

    (void)state;
    memset(nested, 0x91, sizeof(nested));
    nested[SCAN_DEPTH_MAX] = 0x01;
    assert_int_equal(scan(nested, SCAN_DEPTH_MAX + 1, NULL), 0);
    nested[SCAN_DEPTH_MAX] = (char)0x91;
    nested[SCAN_DEPTH_MAX + 1] = 0x01;
    assert_refused(nested, SCAN_DEPTH_MAX + 2);
}

static void a_million_levels_are_no_trouble(void **state)
{
    size_t size = 1000000;
    CLEANUP(free_p) char *nested = malloc(size);

    (void)state;
    memset(nested, 0x91, size);
    assert_refused(nested, size);
    memset(nested, 0x81, size);
    assert_refused(nested, size);
}

/* An array of `count` times nil. */
static char *many_values(uint32_t count, size_t *ret_size)
{
    unsigned char head[5] = {0xdd, (unsigned char)(count >> 24), (unsigned char)(count >> 16),
                             (unsigned char)(count >> 8), (unsigned char)count};
    char *data = malloc(sizeof(head) + count);

    memcpy(data, head, sizeof(head));
    memset(data + sizeof(head), 0xc0, count);
    *ret_size = sizeof(head) + count;
    return data;
}

static void values_are_counted(void **state)
{
    size_t size;
    CLEANUP(free_p) char *most = many_values(SCAN_NODES_MAX - 1, &size);
    CLEANUP(free_p) char *more = NULL;

    (void)state;
    assert_int_equal(scan_check(most, size, NULL), 0);
    more = many_values(SCAN_NODES_MAX, &size);
    assert_refused(more, size);
}

static void types_that_are_not_ours_are_refused(void **state)
{
    static const unsigned char types[] = {0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        unsigned char data[32] = {types[i], 1};
        unsigned char inside[32] = {0x91, types[i], 1};

        for (size_t size = 1; size < sizeof(data); size++) {
            assert_refused(data, size);
            assert_refused(inside, size);
        }
    }
}

static void bytes_behind_the_end_are_refused(void **state)
{
    static const struct bytes_case cases[] = {CASE("\x01\x01"), CASE("\x91\x01\x01"),
                                              CASE("\x80\xc0"), CASE("\xa1xy")};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_refused(cases[i].data, cases[i].size);
}

/* The other half of the promise: msgpack-c has no trouble with what the scan takes. */
static void what_is_taken_can_be_unpacked(void **state)
{
    struct rng rng = {.state = 11};
    size_t taken = 0;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        char data[24];
        size_t size = 1 + rng_below(&rng, sizeof(data));
        size_t offset = 0;
        msgpack_object object;

        for (size_t i = 0; i < size; i++)
            data[i] = (char)rng_next(&rng);
        data[0] = (char)(0x80 | (data[0] & 0x1f));
        if (scan(data, size, NULL) != 0)
            continue;
        CLEANUP(msgpack_zone_destroy) msgpack_zone zone;

        assert_true(msgpack_zone_init(&zone, 8192));
        assert_int_equal(msgpack_unpack(data, size, &offset, &zone, &object),
                         MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(offset, size);
        taken++;
    }
    assert_true(taken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_well_formed_kind_is_taken),
        cmocka_unit_test(bombs_of_five_bytes_are_refused),
        cmocka_unit_test(bombs_inside_bombs_are_refused),
        cmocka_unit_test(nesting_ends_at_sixteen),
        cmocka_unit_test(a_million_levels_are_no_trouble),
        cmocka_unit_test(values_are_counted),
        cmocka_unit_test(types_that_are_not_ours_are_refused),
        cmocka_unit_test(bytes_behind_the_end_are_refused),
        cmocka_unit_test(what_is_taken_can_be_unpacked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
