/* The codec among strangers: frames made by hand, damaged or hostile, are refused with a reason. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "tests/unit/records.h"

/* --- frames made by hand
 * ------------------------------------------------------------------------------ */

struct raw {
    const char *data;
    size_t size;
};
#define RAW(text)                                                                                  \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

/* A frame around a body; malloc'ed in its exact size. */
static char *frame_around(enum msg_type type, struct raw body, size_t *ret_size)
{
    char head[] = {'P', 'R', 'F', PROTOCOL_VERSION, (char)0x94, (char)0xcc, (char)type, 0, 0};
    char *frame = malloc(sizeof(head) + body.size);

    BUG_ON(!frame);
    memcpy(frame, head, sizeof(head));
    memcpy(frame + sizeof(head), body.data, body.size);
    *ret_size = sizeof(head) + body.size;
    return frame;
}

static int decode_body(enum msg_type type, struct raw body, struct arena *arena,
                       struct message *ret_message, struct err *err)
{
    size_t size;
    CLEANUP(free_p) char *frame = frame_around(type, body, &size);

    return message_decode(frame, size, arena, ret_message, err);
}

static void tags_that_a_reader_does_not_know_are_skipped(void **state)
{
    static const struct raw body =
        RAW("\x84\x02\xa1r\x7f\x81\xa1k\x92\xc0\xcb\x3f\xf0\0\0\0\0\0\0\x01\xa2o1\x60\xc4\x01\0");
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct message message;
    struct err err = {""};

    (void)state;
    assert_int_equal(decode_body(MSG_RESCIND, body, arena, &message, &err), 0);
    assert_string_equal(message.rescind->offer_id, "o1");
    assert_string_equal(message.rescind->reason, "r");
}

static void a_number_without_a_name_counts_as_absent(void **state)
{
    /* agent_lost.reason may be absent, hello.kind may not */
    static const struct raw lost = RAW("\x82\x01\xa1"
                                       "a\x03\xcd\x03\xe8");
    static const struct raw hello = RAW("\x82\x01\x01\x02\x09");
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct message message;
    struct err err;

    (void)state;
    assert_int_equal(decode_body(MSG_AGENT_LOST, lost, arena, &message, NULL), 0);
    assert_int_equal(message.agent_lost->reason, 0);
    assert_int_equal(decode_body(MSG_HELLO, hello, arena, &message, &err), -EBADMSG);
    assert_string_equal(err.text, "HELLO: kind: is missing");
}

static void a_kind_of_operation_that_is_not_known_is_left_to_the_master(void **state)
{
    static const struct raw body = RAW("\x82\x01\x91\xa1o\x02\x91\x81\x01\x63");
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct message message;

    (void)state;
    assert_int_equal(decode_body(MSG_ACCEPT, body, arena, &message, NULL), 0);
    assert_int_equal(message.accept->operations_count, 1);
    assert_int_equal(message.accept->operations[0].kind, 0);
}

static void bytes_may_come_as_text(void **state)
{
    static const struct raw body = RAW("\x83\x01\xa1"
                                       "a\x02\xa1t\x03\xa2\xff\x01");
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct message message;

    (void)state;
    assert_int_equal(decode_body(MSG_ACKNOWLEDGE, body, arena, &message, NULL), 0);
    assert_int_equal(message.acknowledge->uuid.size, 2);
    assert_memory_equal(message.acknowledge->uuid.data, "\xff\x01", 2);
}

static const struct bad_body {
    enum msg_type type;
    struct raw body;
    const char *text;
} bad_bodies[] = {
    {MSG_RESCIND, RAW("\x80"), "RESCIND: offer_id: is missing"},
    {MSG_RESCIND, RAW("\x81\x01\xa0"), "RESCIND: offer_id: is missing"},
    {MSG_RESCIND, RAW("\x81\x01\x05"), "RESCIND: offer_id: is an integer, expected a text"},
    {MSG_RESCIND, RAW("\x81\x01\xc0"), "RESCIND: offer_id: is nil, expected a text"},
    {MSG_RESCIND, RAW("\x81\x01\xc4\x01o"), "RESCIND: offer_id: is bytes, expected a text"},
    {MSG_RESCIND, RAW("\x81\x01\xa2.."), "RESCIND: offer_id: it must not be \"..\""},
    {MSG_RESCIND,
     RAW("\x81\x01\xa3"
         "a/b"),
     "RESCIND: offer_id: it has a character that is not allowed (0x2f)"},
    {MSG_RESCIND,
     RAW("\x81\x01\xa3"
         "a\0b"),
     "RESCIND: offer_id: has a NUL inside"},
    {MSG_RESCIND, RAW("\x82\x01\xa1o\x02\xa2\xc3("), "RESCIND: reason: is not valid UTF-8"},
    {MSG_RESCIND, RAW("\x82\x01\xa1o\x02\xa3\xed\xa0\x80"), "RESCIND: reason: is not valid UTF-8"},
    {MSG_RESCIND, RAW("\x82\x01\xa1o\x01\xa1p"), "RESCIND: tag 1 stands twice"},
    {MSG_RESCIND, RAW("\x83\x01\xa1o\x50\xc0\x50\xc0"), "RESCIND: tag 80 stands twice"},
    {MSG_RESCIND, RAW("\x81\x00\xa1o"), "RESCIND: a key is not a tag, 1 to 255"},
    {MSG_RESCIND, RAW("\x81\xcd\x01\x00\xa1o"), "RESCIND: a key is not a tag, 1 to 255"},
    {MSG_RESCIND, RAW("\x81\xa1o\xa1o"), "RESCIND: a key is not a tag, 1 to 255"},
    {MSG_RESCIND, RAW("\x81\xff\xa1o"), "RESCIND: a key is not a tag, 1 to 255"},
    {MSG_RESCIND, RAW("\x91\x01"), "RESCIND: is an array, expected a map"},
    {MSG_RESCIND, RAW("\xc0"), "RESCIND: is nil, expected a map"},
    {MSG_GOODBYE, RAW("\x81\x02\x01"), "GOODBYE: try_again: is an integer, expected a boolean"},
    {MSG_PING, RAW("\x81\x01\xcb\0\0\0\0\0\0\0\0"),
     "PING: number: is a float, expected an integer"},
    {MSG_PING, RAW("\x81\x01\xcf\x80\0\0\0\0\0\0\0"), "PING: number: is greater than 2^63-1"},
    {MSG_WELCOME, RAW("\x82\x01\x01\x03\xff"), "WELCOME: ping_ms: is negative"},
    {MSG_ACKNOWLEDGE,
     RAW("\x83\x01\xa1"
         "a\x02\xa1t\x03\xc4\x11"
         "12345678901234567"),
     "ACKNOWLEDGE: uuid: 17 bytes long, at most 16 are allowed"},
    {MSG_ACKNOWLEDGE,
     RAW("\x83\x01\xa1"
         "a\x02\xa1t\x03\x07"),
     "ACKNOWLEDGE: uuid: is an integer, expected bytes"},
    {MSG_DECLINE, RAW("\x81\x01\xa1o"), "DECLINE: offer_ids: is a text, expected an array"},
    {MSG_DECLINE, RAW("\x81\x01\x90"), "DECLINE: offer_ids: is missing"},
    {MSG_DECLINE, RAW("\x81\x01\x92\xa1o\x01"),
     "DECLINE: offer_ids[1]: is an integer, expected a text"},
    {MSG_DECLINE, RAW("\x81\x01\x92\xa1o\xa1/"),
     "DECLINE: offer_ids[1]: it has a character that is not allowed (0x2f)"},
    {MSG_DECLINE, RAW("\x82\x01\x91\xa1o\x02\x07"),
     "DECLINE: filters: is an integer, expected a map"},
    {MSG_RECONCILE, RAW("\x81\x01\x92\x81\x01\xa1t\x80"),
     "RECONCILE: tasks[1].task_id: is missing"},
    {MSG_RECONCILE, RAW("\x81\x01\x91\x81\x01\x93\x01\x02\x03"),
     "RECONCILE: tasks[0].task_id: is an array, expected a text"},
    {MSG_UPDATE, RAW("\x81\x01\x83\x01\xa1t\x02\x03\x09\x81\x01\xff"),
     "UPDATE: status.exit.code: is negative"},
    {MSG_UPDATE, RAW("\x81\x01\x82\x01\xa1t\x02\xa1R"),
     "UPDATE: status.state: is a text, expected an integer"},
};

static void a_bad_body_is_refused_with_the_place_of_the_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_bodies); i++) {
        const struct bad_body *bad = &bad_bodies[i];
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        struct message message = {.number = 77};
        struct err err = {""};

        if (decode_body(bad->type, bad->body, arena, &message, &err) != -EBADMSG)
            fail_msg("taken, but: %s", bad->text);
        assert_int_equal(message.number, 77);
        assert_string_equal(err.text, bad->text);
    }
}

static const struct bad_frame {
    struct raw frame;
    int code;
} bad_frames[] = {
    {RAW(""), -EBADMSG},
    {RAW("P"), -EBADMSG},
    {RAW("PRF"), -EBADMSG},
    {RAW("PRF\x01"), -EBADMSG},
    {RAW("GET / HTTP/1.1\r\n"), -EBADMSG},
    {RAW("PRF\x02\x94\x04\x00\x00\x80"), -EPROTONOSUPPORT},
    {RAW("PRF\x00\x94\x04\x00\x00\x80"), -EPROTONOSUPPORT},
    {RAW("PRF\x01\xc0"), -EBADMSG},
    {RAW("PRF\x01\x84\x04\x00\x00\x80\x01\x01\x02\x02"), -EBADMSG},
    {RAW("PRF\x01\x93\x04\x00\x00"), -EBADMSG},
    {RAW("PRF\x01\x95\x04\x00\x00\x80\x00"), -EBADMSG},
    {RAW("PRF\x01\x94\xff\x00\x00\x80"), -EBADMSG},
    {RAW("PRF\x01\x94\xa1\x04\x00\x00\x80"), -EBADMSG},
    {RAW("PRF\x01\x94\x04\xff\x00\x80"), -EBADMSG},
    {RAW("PRF\x01\x94\x04\x00\xc0\x80"), -EBADMSG},
    {RAW("PRF\x01\x94\x00\x00\x00\x80"), -ENOMSG},
    {RAW("PRF\x01\x94\x63\x00\x00\x80"), -ENOMSG},
    {RAW("PRF\x01\x94\xcc\xff\x00\x00\x80"), -ENOMSG},
    {RAW("PRF\x01\x94\xcd\x01\x04\x00\x00\x80"), -ENOMSG},
    {RAW("PRF\x01\x94\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x80"), -ENOMSG},
    {RAW("PRF\x01\x94\x04\x00\x00\x80\x00"), -EBADMSG},
    {RAW("PRF\x01\xdd\x0f\xff\xff\xff"), -EBADMSG},
};

static void what_is_no_frame_of_ours_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_frames); i++) {
        const struct bad_frame *bad = &bad_frames[i];
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        struct message message;
        struct err err = {""};

        assert_int_equal(message_decode(bad->frame.data, bad->frame.size, arena, &message, &err),
                         bad->code);
        assert_string_not_equal(err.text, "");
        assert_int_equal(message_decode(bad->frame.data, bad->frame.size, arena, &message, NULL),
                         bad->code);
    }
}

/* --- damaged frames
 * ------------------------------------------------------------------------------------- */

static void a_frame_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (enum msg_type type = message_next(0); type; type = message_next(type)) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        const struct record_def *def = message_def_get(type)->body;
        struct message message = {.type = type, .body = record_full(def, arena)};
        struct message decoded;
        size_t size;
        CLEANUP(free_p) char *frame = frame_of(&message, &size);

        for (size_t cut = 0; cut < size; cut++) {
            CLEANUP(free_p) char *part = malloc(cut + !cut);

            memcpy(part, frame, cut);
            assert_int_equal(message_decode(part, cut, arena, &decoded, NULL), -EBADMSG);
        }
    }
}

/* Whatever is accepted must be as good as what we make ourselves. */
static void assert_harmless(const char *frame, size_t size)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct message message;
    struct err err = {""};
    int result = message_decode(frame, size, arena, &message, &err);

    assert_true(arena_used(arena) <= MESSAGE_MEMORY_MAX(size));
    if (result < 0)
        assert_string_not_equal(err.text, "");
    else
        assert_comes_back(&message);
}

static void flipped_bits_do_no_harm(void **state)
{
    struct rng rng = {.state = 3};

    (void)state;
    for (enum msg_type type = message_next(0); type; type = message_next(type)) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        struct message message = message_random(type, &rng, arena);
        size_t size;
        CLEANUP(free_p) char *frame = frame_of(&message, &size);
        size_t bits = size * 8 < 4000 ? size * 8 : 4000;

        for (size_t bit = 0; bit < bits; bit++) {
            frame[bit / 8] = (char)(frame[bit / 8] ^ (1 << bit % 8));
            assert_harmless(frame, size);
            frame[bit / 8] = (char)(frame[bit / 8] ^ (1 << bit % 8));
        }
    }
}

static void random_bytes_do_no_harm(void **state)
{
    struct rng rng = {.state = 4};

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char data[64];
        size_t size = 9 + rng_below(&rng, sizeof(data) - 9);

        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = (char)rng_next(&rng);
        memcpy(data, "PRF\x01\x94", 5);
        data[5] = (char)rng_below(&rng, 128);
        data[6] = data[7] = 0;
        assert_harmless(data, size);
    }
}

/* --- bounds
 * ---------------------------------------------------------------------------------------------- */

/* An array of `count` one-byte values as field `tag` of a message. */
static char *frame_with_many(enum msg_type type, unsigned tag, char value, uint32_t count,
                             size_t *ret_size)
{
    char head[] = {(char)0x81,          (char)tag,          (char)0xdd, (char)(count >> 24),
                   (char)(count >> 16), (char)(count >> 8), (char)count};
    CLEANUP(buf_fini) struct buf body = {0};

    buf_append(&body, head, sizeof(head));
    memset(buf_reserve(&body, count), value, count);
    body.size += count;
    return frame_around(type, (struct raw){body.data, body.size}, ret_size);
}

static void decoding_takes_no_more_than_a_constant_times_the_frame(void **state)
{
    (void)state;
    for (enum msg_type type = message_next(0); type; type = message_next(type)) {
        const struct record_def *def = message_def_get(type)->body;

        for (unsigned tag = 1; tag < def->end; tag++) {
            bool is_records = def->fields[tag].kind == KIND_RECS;
            CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
            struct message message;
            size_t size;
            CLEANUP(free_p)
            char *frame =
                frame_with_many(type, tag, (char)(is_records ? 0x80 : 0xa0), 500000, &size);

            message_decode(frame, size, arena, &message, NULL);
            assert_true(arena_used(arena) <= MESSAGE_MEMORY_MAX(size));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_that_a_reader_does_not_know_are_skipped),
        cmocka_unit_test(a_number_without_a_name_counts_as_absent),
        cmocka_unit_test(a_kind_of_operation_that_is_not_known_is_left_to_the_master),
        cmocka_unit_test(bytes_may_come_as_text),
        cmocka_unit_test(a_bad_body_is_refused_with_the_place_of_the_fault),
        cmocka_unit_test(what_is_no_frame_of_ours_is_refused),
        cmocka_unit_test(a_frame_cut_anywhere_is_refused),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(decoding_takes_no_more_than_a_constant_times_the_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
