/* Messages over a stream socket: framing, limits, and a peer that does everything wrong. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/channel.h"

struct pair {
    struct channel a, b;
    struct arena *arena;
};

static int pair_setup(void **state)
{
    struct pair *pair = mem_new(struct pair);
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    channel_init(&pair->a, ends[0]);
    channel_init(&pair->b, ends[1]);
    pair->arena = arena_new(0);
    *state = pair;
    return 0;
}

static int pair_teardown(void **state)
{
    struct pair *pair = *state;

    channel_fini(&pair->a);
    channel_fini(&pair->b);
    arena_destroy(&pair->arena);
    free(pair);
    return 0;
}

static void send_signal(struct channel *channel, const char *id)
{
    struct err err;

    assert_int_equal(channel_send(channel,
                                  &MESSAGE(SIGNAL_CONTAINER, signal_container, .container_id = id),
                                  &err),
                     0);
}

static void expect_signal(struct pair *pair, const char *id)
{
    struct message message;
    struct err err;

    assert_int_equal(channel_next(&pair->b, pair->arena, &message, &err), 1);
    assert_int_equal(message.type, MSG_SIGNAL_CONTAINER);
    assert_string_equal(message.signal_container->container_id, id);
}

static void expect_no_more(struct pair *pair)
{
    struct message message;
    struct err err;

    assert_int_equal(channel_next(&pair->b, pair->arena, &message, &err), 0);
}

static void messages_arrive_in_order_and_are_written_at_once(void **state)
{
    struct pair *pair = *state;

    send_signal(&pair->a, "one");
    send_signal(&pair->a, "two");
    assert_true(channel_has_output(&pair->a));
    assert_int_equal(channel_fill(&pair->b), -EAGAIN); /* nothing leaves before the flush */
    assert_int_equal(channel_flush(&pair->a), 0);
    assert_false(channel_has_output(&pair->a));

    assert_true(channel_fill(&pair->b) > 0);
    expect_signal(pair, "one");
    expect_signal(pair, "two");
    expect_no_more(pair);
}

static void a_message_may_come_byte_by_byte(void **state)
{
    struct pair *pair = *state;
    struct buf bytes = {0};

    send_signal(&pair->a, "slow");
    buf_append(&bytes, pair->a.out.data, pair->a.out.size);
    for (size_t i = 0; i < bytes.size; i++) {
        expect_no_more(pair);
        assert_int_equal(write(pair->a.fd, bytes.data + i, 1), 1);
        assert_int_equal(channel_fill(&pair->b), 1);
    }
    expect_signal(pair, "slow");
    buf_fini(&bytes);
}

static void a_large_message_passes_in_pieces(void **state)
{
    struct pair *pair = *state;
    static char word[100001];
    const char *const argv[] = {word, word, word, word, word, word, word, word};
    const struct command_info command = {.argv = argv, .argv_count = ARRAY_SIZE(argv)};
    struct message message;
    struct err err;
    int rc = 0;

    memset(word, 'w', sizeof(word) - 1);
    assert_int_equal(channel_send(&pair->a,
                                  &MESSAGE(LAUNCH_CONTAINER, launch_container, .container_id = "c",
                                           .sandbox = "/s", .command = &command),
                                  &err),
                     0);
    while (rc == 0) {
        channel_flush(&pair->a);
        assert_true(channel_fill(&pair->b) > 0);
        rc = channel_next(&pair->b, pair->arena, &message, &err);
    }
    assert_int_equal(rc, 1);
    assert_int_equal(message.launch_container->command->argv_count, ARRAY_SIZE(argv));
    assert_string_equal(message.launch_container->command->argv[7], word);
    /* What one large message needed is not kept. */
    assert_int_equal(channel_flush(&pair->a), 0);
    assert_int_equal(channel_fill(&pair->b), -EAGAIN);
    assert_true(pair->b.in.capacity < 65536 * 2);
    assert_int_equal(pair->a.out.capacity, 0);
}

static void the_end_comes_after_what_was_sent_before(void **state)
{
    struct pair *pair = *state;

    send_signal(&pair->a, "last");
    assert_int_equal(channel_flush(&pair->a), 0);
    channel_fini(&pair->a);
    channel_fini(&pair->a); /* a second time does nothing */

    assert_true(channel_fill(&pair->b) > 0);
    expect_signal(pair, "last");
    assert_int_equal(channel_fill(&pair->b), 0);
}

static void a_frame_that_cannot_be_read_is_skipped(void **state)
{
    struct pair *pair = *state;
    struct message message;
    struct err err;

    assert_int_equal(write(pair->a.fd, "\7\0\0\0garbage", 11), 11);
    send_signal(&pair->a, "next");
    assert_int_equal(channel_flush(&pair->a), 0);

    assert_true(channel_fill(&pair->b) > 0);
    assert_int_equal(channel_next(&pair->b, pair->arena, &message, &err), -EBADMSG);
    assert_true(strlen(err.text) > 0);
    expect_signal(pair, "next");
}

static void a_length_that_cannot_be_is_the_end(void **state)
{
    struct pair *pair = *state;
    static const char bad[][5] = {"\0\0\0\0", "\377\377\377\377", "\1\0\100\0"};
    struct message message;
    struct err err;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(write(pair->a.fd, bad[i], 4), 4);
        assert_int_equal(channel_fill(&pair->b), 4);
        assert_int_equal(channel_next(&pair->b, pair->arena, &message, &err), -EMSGSIZE);
        buf_consume(&pair->b.in, 4); /* it stays the end; start anew for the next one */
    }
}

static void a_message_that_is_not_right_is_not_queued(void **state)
{
    struct pair *pair = *state;
    struct buf *out = &pair->a.out;
    static char word[131072];
    const char *argv[64];
    const struct command_info command = {.argv = argv, .argv_count = ARRAY_SIZE(argv)};
    struct err err;

    memset(word, 'w', sizeof(word) - 1);
    for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
        argv[i] = word;
    assert_int_equal(channel_send(&pair->a,
                                  &MESSAGE(LAUNCH_CONTAINER, launch_container, .container_id = "c",
                                           .sandbox = "/s", .command = &command),
                                  &err),
                     -EMSGSIZE);
    assert_int_equal(out->size, 0);
    send_signal(&pair->a, "small");
    assert_int_equal(channel_flush(&pair->a), 0);
    assert_true(channel_fill(&pair->b) > 0);
    expect_signal(pair, "small");
}

static void a_peer_that_does_not_read_is_bounded(void **state)
{
    struct pair *pair = *state;
    static char word[131000];
    const char *const argv[] = {word, word, word, word, word, word, word, word};
    const struct command_info command = {.argv = argv, .argv_count = ARRAY_SIZE(argv)};
    struct err err;
    int rc = 0;

    memset(word, 'w', sizeof(word) - 1);
    for (int i = 0; i < 100 && rc == 0; i++) {
        rc = channel_send(&pair->a,
                          &MESSAGE(LAUNCH_CONTAINER, launch_container, .container_id = "c",
                                   .sandbox = "/s", .command = &command),
                          &err);
        channel_flush(&pair->a);
    }
    assert_int_equal(rc, -ENOBUFS);
    assert_true(pair->a.out.size < CHANNEL_BACKLOG_MAX + FRAME_MAX);
    assert_int_equal(channel_flush(&pair->a), 1);
}

static void a_peer_that_is_gone_is_an_error_and_no_signal(void **state)
{
    struct pair *pair = *state;

    channel_fini(&pair->b);
    send_signal(&pair->a, "nobody");
    assert_int_equal(channel_flush(&pair->a), -EPIPE);
}

#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(messages_arrive_in_order_and_are_written_at_once),
        PAIR_TEST(a_message_may_come_byte_by_byte),
        PAIR_TEST(a_large_message_passes_in_pieces),
        PAIR_TEST(the_end_comes_after_what_was_sent_before),
        PAIR_TEST(a_frame_that_cannot_be_read_is_skipped),
        PAIR_TEST(a_length_that_cannot_be_is_the_end),
        PAIR_TEST(a_message_that_is_not_right_is_not_queued),
        PAIR_TEST(a_peer_that_does_not_read_is_bounded),
        PAIR_TEST(a_peer_that_is_gone_is_an_error_and_no_signal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
