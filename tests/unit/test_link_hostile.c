/* The link against who does not keep to the rules: garbage, messages in the wrong order. In each
 * case a session beside it goes on undisturbed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "base/cleanup.h"
#include "base/rng.h"
#include "tests/unit/link_fixture.h"

/* --- the session beside it -------------------------------------------------------------------- */

static bool has_all_answers(struct fixture *self, void *what)
{
    const uint64_t *sent = what;

    return self->clients[0].messages >= *sent;
}

static void serve_a_good_one(struct fixture *self)
{
    self->on_message = fixture_echo;
    fixture_serve(self);
    fixture_open(self);
}

static void assert_the_good_one_is_well(struct fixture *self)
{
    struct seen *good = &self->clients[0];
    uint64_t sent = good->last + 10;

    fixture_send(good, good->last + 1, 10);
    assert_true(fixture_wait(self, has_all_answers, &sent, FIXTURE_SOON_MS));
    assert_int_equal(good->in_order, sent);
    assert_int_equal(good->opens, 1);
    assert_int_equal(good->closes, 0);
}

/* --- bare TCP --------------------------------------------------------------------------------- */

#define GREETING_SIZE 64
#define READY_SIZE    30
#define ZMTP_SIZE     (GREETING_SIZE + READY_SIZE)

/* What a DEALER without keys says in ZMTP 3.0 before its first frame. */
struct zmtp {
    char data[ZMTP_SIZE];
};

static struct zmtp zmtp_hello(void)
{
    static const char ready[] = "\4\x1c\5READY\xbSocket-Type\0\0\0\6"
                                "DEALER";
    struct zmtp self = {0};

    assert_int_equal(sizeof(ready) - 1, READY_SIZE);
    memcpy(self.data, "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", 16);
    memcpy(self.data + GREETING_SIZE, ready, READY_SIZE);
    return self;
}

static bool is_closed(struct fixture *self, void *what)
{
    char buffer[4096];
    const int *fd = what;
    ssize_t size;

    (void)self;
    do {
        size = recv(*fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    } while (size > 0);
    return size == 0 || errno != EAGAIN;
}

/* The server ends the connection, whatever it was told; the descriptor is closed here, too. */
static void assert_is_cut_off(struct fixture *self, int fd)
{
    assert_true(fixture_wait(self, is_closed, &fd, 2 * FIXTURE_SOON_MS));
    close(fd);
    assert_the_good_one_is_well(self);
    assert_int_equal(self->sessions_count, 1);
    assert_int_equal(self->closes, 0);
}

static void assert_is_cut(struct fixture *self, const void *data, size_t size)
{
    int fd = fixture_tcp(self);

    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
    assert_is_cut_off(self, fd);
}

static bool is_handshake_over(struct fixture *self, void *what)
{
    const int *fd = what;
    char answer[256];
    ssize_t size = recv(*fd, answer, sizeof(answer), MSG_DONTWAIT | MSG_PEEK);

    (void)self;
    return size > 0 && memmem(answer, (size_t)size, "ROUTER", 6);
}

static void assert_frame_is_cut(struct fixture *self, const void *frame, size_t size)
{
    struct zmtp zmtp = zmtp_hello();
    int fd = fixture_tcp(self);

    assert_int_equal(send(fd, zmtp.data, sizeof(zmtp.data), MSG_NOSIGNAL), sizeof(zmtp.data));
    assert_true(fixture_wait(self, is_handshake_over, &fd, FIXTURE_SOON_MS));
    assert_int_equal(send(fd, frame, size, MSG_NOSIGNAL), size);
    assert_is_cut_off(self, fd);
}

static void foreign_protocols_are_cut(void **state)
{
    static const char http[] = "GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char tls[] = "\x16\3\1\2\0\1\0\1\xfc\3\3abcdefghijklmnopqrstuvwxyz0123456789";
    struct fixture *self = *state;

    serve_a_good_one(self);
    assert_is_cut(self, http, sizeof(http) - 1);
    assert_is_cut(self, tls, sizeof(tls) - 1);
}

static void random_bytes_are_cut(void **state)
{
    struct fixture *self = *state;
    struct rng rng = {.state = 11};
    struct zmtp zmtp = zmtp_hello();

    serve_a_good_one(self);
    for (int round = 0; round < ZMTP_SIZE; round++) {
        CLEANUP(close_fd) int fd = fixture_tcp(self);
        unsigned char data[512];

        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = (unsigned char)rng_next(&rng);
        if (round % 2)
            memcpy(data, zmtp.data, (size_t)round); /* garbage from ever later in the handshake */
        send(fd, data, sizeof(data), MSG_NOSIGNAL);
        if (round % 10 == 0)
            assert_the_good_one_is_well(self);
    }
    assert_the_good_one_is_well(self);
    assert_int_equal(self->messages, self->clients[0].messages);
    assert_int_equal(self->sessions_count, 1);
}

static void half_a_greeting_is_cut(void **state)
{
    struct fixture *self = *state;

    serve_a_good_one(self);
    assert_is_cut(self, zmtp_hello().data, GREETING_SIZE / 2);
}

static void a_frame_that_claims_a_terabyte_is_cut(void **state)
{
    struct fixture *self = *state;

    serve_a_good_one(self);
    assert_frame_is_cut(self, "\2\0\0\1\0\0\0\0\0", 9);
}

static void garbage_in_a_frame_is_cut(void **state)
{
    struct fixture *self = *state;
    struct link_stats stats;

    serve_a_good_one(self);
    assert_frame_is_cut(self, "\0\x0fPRF\1\xdd\xff\xff\xff\xff......", 17);
    link_server_stats(self->server, &stats);
    assert_int_equal(stats.rejected, 1);
}

static void a_connection_that_breaks_off_leaves_nothing(void **state)
{
    struct fixture *self = *state;
    struct zmtp zmtp = zmtp_hello();
    struct link_stats stats;

    serve_a_good_one(self);
    for (size_t size = 0; size <= sizeof(zmtp.data); size++) {
        CLEANUP(close_fd) int fd = fixture_tcp(self);

        assert_int_equal(send(fd, zmtp.data, size, MSG_NOSIGNAL), size);
    }
    assert_the_good_one_is_well(self);
    link_server_stats(self->server, &stats);
    assert_int_equal(stats.sessions, 1);
}

/* --- a HELLO that does not come ---------------------------------------------------------------- */

#define SILENT_COUNT 3

static bool are_rejected(struct fixture *self, void *what)
{
    const uint64_t *count = what;
    struct link_stats stats;

    link_server_stats(self->server, &stats);
    return stats.rejected >= *count;
}

static int connect_silently(struct fixture *self)
{
    struct zmtp zmtp = zmtp_hello();
    int fd = fixture_tcp(self);

    assert_int_equal(send(fd, zmtp.data, sizeof(zmtp.data), MSG_NOSIGNAL), sizeof(zmtp.data));
    assert_true(fixture_wait(self, is_handshake_over, &fd, FIXTURE_SOON_MS));
    return fd;
}

static void who_never_says_hello_is_cut(void **state)
{
    struct fixture *self = *state;
    uint64_t expected = SILENT_COUNT;
    int fds[SILENT_COUNT];

    self->settings.hello_ms = 1000;
    serve_a_good_one(self);
    for (size_t i = 0; i < SILENT_COUNT; i++)
        fds[i] = connect_silently(self);
    assert_true(fixture_wait(self, are_rejected, &expected, FIXTURE_SOON_MS));
    for (size_t i = 0; i < SILENT_COUNT; i++)
        assert_is_cut_off(self, fds[i]);
    expected++;
    assert_false(are_rejected(self, &expected));
}

/* libzmq would hold such a message back until the rest of it comes. */
static void half_a_hello_is_none(void **state)
{
    struct fixture *self = *state;
    uint64_t expected = 1;
    int fd;

    self->settings.hello_ms = 1000;
    serve_a_good_one(self);
    fd = connect_silently(self);
    assert_int_equal(send(fd, "\1\4PRF\1", 6, MSG_NOSIGNAL), 6); /* "more", and there is none */
    assert_true(fixture_wait(self, are_rejected, &expected, FIXTURE_SOON_MS));
    assert_is_cut_off(self, fd);
}

static void who_left_before_hello_costs_nobody_else_a_connection(void **state)
{
    struct fixture *self = *state;
    uint64_t expected = 1;

    self->settings.hello_ms = 2000;
    serve_a_good_one(self);
    for (int i = 0; i < SILENT_COUNT; i++) {
        close(connect_silently(self));
        fixture_open(self); /* perhaps on the same descriptor */
    }
    fixture_turn(self, 2500);
    assert_false(are_rejected(self, &expected));
    assert_int_equal(self->closes, 0);
    assert_the_good_one_is_well(self);
}

/* --- ZeroMQ, but not by our rules ------------------------------------------------------------- */

struct stranger {
    void *context;
    void *socket;
    struct arena *arena;
    struct message message; /* the last one it was told */
    bool has_message;
};

static void stranger_open(struct stranger *self, struct fixture *fixture, const char *identity)
{
    char endpoint[64];
    int linger = 0;

    *self = (struct stranger){.context = zmq_ctx_new(), .arena = arena_new(0)};
    self->socket = zmq_socket(self->context, ZMQ_DEALER);
    zmq_setsockopt(self->socket, ZMQ_LINGER, &linger, sizeof(linger));
    if (identity)
        zmq_setsockopt(self->socket, ZMQ_IDENTITY, identity, strlen(identity));
    snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", fixture->settings.port);
    assert_int_equal(zmq_connect(self->socket, endpoint), 0);
}

static void stranger_close(struct stranger *self)
{
    zmq_close(self->socket);
    zmq_ctx_term(self->context);
    arena_destroy(&self->arena);
}

static void stranger_say(struct stranger *self, const struct message *message, int flags)
{
    struct buf frame = {0};

    assert_int_equal(message_encode(message, &frame, NULL), 0);
    assert_true(zmq_send(self->socket, frame.data, frame.size, flags) >= 0);
    buf_fini(&frame);
}

static void stranger_greet(struct stranger *self, int64_t version)
{
    stranger_say(self, &MESSAGE(HELLO, hello, .protocol_version = version, .kind = PEER_AGENT), 0);
}

static bool is_told(struct fixture *fixture, void *what)
{
    struct stranger *self = what;
    char frame[4096];
    int size = zmq_recv(self->socket, frame, sizeof(frame), ZMQ_DONTWAIT);

    (void)fixture;
    if (size < 0)
        return false;
    assert_int_equal(message_decode(frame, (size_t)size, self->arena, &self->message, NULL), 0);
    return true;
}

static void assert_goodbye(struct fixture *fixture, struct stranger *self, const char *reason,
                           bool try_again)
{
    assert_true(fixture_wait(fixture, is_told, self, FIXTURE_SOON_MS));
    assert_int_equal(self->message.type, MSG_GOODBYE);
    if (!strstr(self->message.goodbye->reason, reason))
        fail_msg("\"%s\" says nothing of \"%s\"", self->message.goodbye->reason, reason);
    assert_int_equal(self->message.goodbye->try_again, try_again);
    assert_the_good_one_is_well(fixture);
}

static void assert_welcome(struct fixture *fixture, struct stranger *self)
{
    stranger_greet(self, PROTOCOL_VERSION);
    assert_true(fixture_wait(fixture, is_told, self, FIXTURE_SOON_MS));
    assert_int_equal(self->message.type, MSG_WELCOME);
}

static void who_takes_its_time_for_hello_is_not_cut(void **state)
{
    struct fixture *self = *state;
    uint64_t expected = 1;
    struct stranger slow;
    int fd;

    self->settings.hello_ms = 3000;
    serve_a_good_one(self);
    stranger_open(&slow, self, NULL);
    fixture_turn(self, 1000);
    assert_welcome(self, &slow);
    fd = connect_silently(self); /* cut after the time of the slow one */
    assert_true(fixture_wait(self, are_rejected, &expected, FIXTURE_SOON_MS));
    close(fd);
    stranger_say(&slow, &MESSAGE(PING, ping, .number = 42), 0);
    assert_true(fixture_wait(self, is_told, &slow, FIXTURE_SOON_MS));
    assert_int_equal(slow.message.type, MSG_PONG);
    assert_int_equal(self->closes, 0);
    expected++;
    assert_false(are_rejected(self, &expected));
    stranger_close(&slow);
}

#define HASTY_COUNT 8
#define BYSTANDERS  64
#define LEAVING_MS  1500 /* longer than who is dismissed has to leave */

/* Says HELLO and is gone before the server looks: libzmq has told the end of its connection by the time its
 * HELLO is read, and the descriptor may be another's. */
static void come_and_go_unheard(struct fixture *self)
{
    int linger = FIXTURE_SOON_MS;
    struct stranger hasty;

    stranger_open(&hasty, self, NULL);
    zmq_setsockopt(hasty.socket, ZMQ_LINGER, &linger, sizeof(linger));
    stranger_greet(&hasty, PROTOCOL_VERSION);
    stranger_close(&hasty);
    fixture_turn(self, 50);
}

static void who_left_before_it_was_heard_costs_nobody_else_a_connection(void **state)
{
    struct fixture *self = *state;
    int pairs[BYSTANDERS][2];
    char byte;

    serve_a_good_one(self);
    self->is_server_paused = true;
    for (int i = 0; i < HASTY_COUNT; i++)
        come_and_go_unheard(self);
    for (int i = 0; i < BYSTANDERS; i++) /* on every descriptor that is free by now */
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
    self->is_server_paused = false;
    fixture_turn(self, LEAVING_MS);
    for (int i = 0; i < BYSTANDERS; i++) {
        assert_int_equal(recv(pairs[i][0], &byte, 1, MSG_DONTWAIT), -1);
        assert_int_equal(errno, EAGAIN);
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    assert_the_good_one_is_well(self);
}

static void another_protocol_version_is_refused_for_good(void **state)
{
    struct fixture *self = *state;
    struct stranger stranger;

    serve_a_good_one(self);
    stranger_open(&stranger, self, NULL);
    stranger_greet(&stranger, PROTOCOL_VERSION + 1);
    assert_goodbye(self, &stranger, "this server speaks version 1 of the protocol, you speak 2",
                   false);
    stranger_close(&stranger);
    assert_int_equal(self->sessions_count, 1);
}

static void a_frame_of_another_version_is_refused_for_good(void **state)
{
    struct fixture *self = *state;
    struct stranger stranger;

    serve_a_good_one(self);
    stranger_open(&stranger, self, NULL);
    assert_true(zmq_send(stranger.socket, "PRF\x63\x94\1\0\0\x80", 9, 0) > 0);
    assert_goodbye(self, &stranger, "version", false);
    stranger_close(&stranger);
}

static void a_message_before_hello_is_refused(void **state)
{
    struct fixture *self = *state;
    struct stranger stranger;

    serve_a_good_one(self);
    stranger_open(&stranger, self, NULL);
    stranger_say(&stranger, &MESSAGE(PING, ping, .number = 1), 0);
    stranger_greet(&stranger, PROTOCOL_VERSION); /* too late */
    assert_goodbye(self, &stranger, "HELLO", true);
    stranger_close(&stranger);
    assert_int_equal(self->sessions_count, 1);
}

static void an_identity_of_its_own_is_refused(void **state)
{
    struct fixture *self = *state;
    struct stranger stranger;

    serve_a_good_one(self);
    stranger_open(&stranger, self, "agent-1");
    stranger_greet(&stranger, PROTOCOL_VERSION);
    assert_goodbye(self, &stranger, "identity", false);
    stranger_close(&stranger);
    assert_int_equal(self->sessions_count, 1);
}

static void a_message_of_two_frames_ends_the_session(void **state)
{
    struct fixture *self = *state;
    struct stranger stranger;

    serve_a_good_one(self);
    stranger_open(&stranger, self, NULL);
    assert_welcome(self, &stranger);
    stranger_say(&stranger, &MESSAGE(PING, ping, .number = 1), ZMQ_SNDMORE);
    stranger_say(&stranger, &MESSAGE(PING, ping, .number = 2), 0);
    assert_goodbye(self, &stranger, "one frame", true);
    assert_true(fixture_happens(self, &self->closes, 1));
    stranger_close(&stranger);
}

static void garbage_ends_the_session(void **state)
{
    struct fixture *self = *state;
    struct stranger stranger;

    serve_a_good_one(self);
    stranger_open(&stranger, self, NULL);
    assert_welcome(self, &stranger);
    assert_true(zmq_send(stranger.socket, "PRF\1\x94\x01\0\0\xc1", 9, 0) > 0);
    stranger_say(&stranger, &MESSAGE(REVIVE, revive, .roles_count = 0), 0); /* not read any more */
    assert_goodbye(self, &stranger, "", true);
    assert_true(fixture_happens(self, &self->closes, 1));
    assert_int_equal(fixture_last(self)->messages, 0);
    stranger_close(&stranger);
}

static void a_second_hello_ends_the_session(void **state)
{
    struct fixture *self = *state;
    struct stranger stranger;

    serve_a_good_one(self);
    stranger_open(&stranger, self, NULL);
    assert_welcome(self, &stranger);
    stranger_greet(&stranger, PROTOCOL_VERSION);
    assert_goodbye(self, &stranger, "one HELLO", true);
    stranger_close(&stranger);
}

static void a_type_of_a_later_version_is_skipped(void **state)
{
    struct fixture *self = *state;
    struct stranger stranger;

    serve_a_good_one(self);
    stranger_open(&stranger, self, NULL);
    assert_welcome(self, &stranger);
    assert_true(zmq_send(stranger.socket, "PRF\1\x94\xcd\x7f\xff\0\0\x80", 11, 0) > 0);
    stranger_say(&stranger, &MESSAGE(PING, ping, .number = 42), 0);
    assert_true(fixture_wait(self, is_told, &stranger, FIXTURE_SOON_MS));
    assert_int_equal(stranger.message.type, MSG_PONG);
    assert_int_equal(stranger.message.pong->number, 42);
    stranger_close(&stranger);
    assert_true(
        fixture_happens(self, &self->closes, 1)); /* and a socket that is closed is noticed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(foreign_protocols_are_cut),
        FIXTURE_TEST(random_bytes_are_cut),
        FIXTURE_TEST(half_a_greeting_is_cut),
        FIXTURE_TEST(a_frame_that_claims_a_terabyte_is_cut),
        FIXTURE_TEST(garbage_in_a_frame_is_cut),
        FIXTURE_TEST(a_connection_that_breaks_off_leaves_nothing),
        FIXTURE_TEST(who_never_says_hello_is_cut),
        FIXTURE_TEST(half_a_hello_is_none),
        FIXTURE_TEST(who_left_before_hello_costs_nobody_else_a_connection),
        FIXTURE_TEST(who_takes_its_time_for_hello_is_not_cut),
        FIXTURE_TEST(who_left_before_it_was_heard_costs_nobody_else_a_connection),
        FIXTURE_TEST(another_protocol_version_is_refused_for_good),
        FIXTURE_TEST(a_frame_of_another_version_is_refused_for_good),
        FIXTURE_TEST(a_message_before_hello_is_refused),
        FIXTURE_TEST(an_identity_of_its_own_is_refused),
        FIXTURE_TEST(a_message_of_two_frames_ends_the_session),
        FIXTURE_TEST(garbage_ends_the_session),
        FIXTURE_TEST(a_second_hello_ends_the_session),
        FIXTURE_TEST(a_type_of_a_later_version_is_skipped),
    };

    return cmocka_run_group_tests_name("link, hostile", tests, NULL, NULL);
}
