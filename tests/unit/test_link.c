/* The link between one server and its clients on real sockets: sessions, order, limits, ends. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/link_fixture.h"

/* --- messages --------------------------------------------------------------------------------- */

static void messages_go_both_ways_in_order(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    fixture_serve(self);
    seen = fixture_open(self);
    fixture_send(seen, 1, 10000);
    fixture_answer(self, fixture_last(self)->session, 1, 10000);
    fixture_await(self, &fixture_last(self)->messages, 10000);
    fixture_await(self, &seen->messages, 10000);
    assert_int_equal(fixture_last(self)->in_order, 10000);
    assert_int_equal(seen->in_order, 10000);
    assert_int_equal(self->closes + seen->closes, 0);
}

static void no_wake_up_is_lost_with_a_budget_of_one(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    self->budget = 1;
    self->on_message = fixture_echo;
    fixture_serve(self);
    seen = fixture_open(self);
    for (uint64_t i = 0; i < 200; i++) {
        fixture_send(seen, 1 + 10 * i, 10);
        fixture_await(self, &seen->messages, 10 * (i + 1));
    }
    assert_int_equal(seen->in_order, 2000);
}

/* An ACCEPT whose frame has exactly this size. */
static int send_sized(struct seen *seen, size_t size, struct err *err)
{
    static char data[DATA_MAX];
    const char *offer = "o1";
    const struct command_info command = {.value = "true"};
    struct task_info tasks[5];
    struct operation_info operation = {.kind = OPERATION_LAUNCH, .tasks = tasks, .tasks_count = 5};
    struct message message = MESSAGE(ACCEPT, accept, .offer_ids = &offer, .offer_ids_count = 1,
                                     .operations = &operation, .operations_count = 1);
    struct buf empty = {0};
    size_t left;

    for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
        tasks[i] = (struct task_info){
            .task_id = "t1", .agent_id = "a1", .command = &command, .data = {data, 100000}};
    assert_int_equal(message_encode(&message, &empty, err), 0);
    left = size - empty.size;
    buf_fini(&empty);
    for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
        size_t more = left > DATA_MAX - 100000 ? DATA_MAX - 100000 : left;

        tasks[i].data.size += more;
        left -= more;
    }
    assert_int_equal(left, 0);
    return link_client_send(seen->client, &message, err);
}

static void the_largest_message_passes_and_a_larger_one_is_refused(void **state)
{
    struct fixture *self = *state;
    struct err err = {""};
    struct seen *seen;

    fixture_serve(self);
    seen = fixture_open(self);
    assert_int_equal(send_sized(seen, FRAME_MAX, &err), 0);
    fixture_await(self, &fixture_last(self)->messages, 1);
    assert_int_equal(send_sized(seen, FRAME_MAX + 1, &err), -EMSGSIZE);
    assert_string_not_equal(err.text, "");
    fixture_send(seen, 1, 1);
    fixture_await(self, &fixture_last(self)->messages, 2);
    assert_int_equal(self->closes, 0);
}

static void two_hundred_clients_come_at_once(void **state)
{
    struct fixture *self = *state;
    struct link_stats stats;

    self->on_message = fixture_echo;
    fixture_serve(self);
    for (unsigned i = 0; i < 200; i++)
        fixture_connect(self, NULL);
    for (unsigned i = 0; i < 200; i++)
        assert_true(fixture_happens(self, &self->clients[i].opens, 1));
    for (unsigned i = 0; i < 200; i++)
        fixture_send(&self->clients[i], 1, 10);
    for (unsigned i = 0; i < 200; i++)
        fixture_await(self, &self->clients[i].messages, 10);
    link_server_stats(self->server, &stats);
    assert_int_equal(stats.sessions, 200);
    assert_int_equal(stats.messages_in, 200 * 11);
    assert_int_equal(stats.rejected + stats.cut_for_lag + stats.queued_bytes, 0);
}

/* --- ends ------------------------------------------------------------------------------------- */

static void what_was_said_before_the_goodbye_arrives(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    fixture_serve(self);
    seen = fixture_open(self);
    fixture_send(seen, 1, 1000);
    link_client_destroy(&seen->client, 1000);
    assert_true(fixture_happens(self, &self->closes, 1));
    assert_int_equal(fixture_last(self)->in_order, 1000);
    assert_string_equal(fixture_last(self)->reason, "it said goodbye: it ends");
}

static void close_it_for_good(struct fixture *self, uint64_t session, const struct message *message)
{
    (void)message;
    link_server_close(self->server, session, "not you", false);
    fixture_met(self, session)->is_open = false;
    assert_int_equal(
        link_server_send(self->server, session, &MESSAGE(PING, ping, .number = 1), NULL),
        -ENOTCONN);
}

static void a_session_can_be_closed_within_its_message(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    self->on_message = close_it_for_good;
    fixture_serve(self);
    seen = fixture_open(self);
    fixture_send(seen, 1, 10);
    assert_true(fixture_happens(self, &seen->closes, 1));
    assert_string_equal(seen->reason, "not you");
    assert_true(seen->is_final);
    fixture_turn(self, 100);
    assert_int_equal(seen->opens, 1);
    assert_int_equal(self->messages, 1);
    assert_int_equal(self->closes, 0);
}

static void close_all(struct fixture *self, uint64_t session, const struct message *message)
{
    (void)session;
    (void)message;
    for (size_t i = 0; i < self->sessions_count; i++) {
        link_server_close(self->server, self->sessions[i].session, "once more", true);
        self->sessions[i].is_open = false;
    }
    self->on_message = NULL;
}

static void closing_all_within_a_message_brings_all_back(void **state)
{
    struct fixture *self = *state;

    self->on_message = close_all;
    fixture_serve(self);
    for (unsigned i = 0; i < 5; i++)
        fixture_open(self);
    fixture_send(&self->clients[2], 1, 1);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(fixture_happens(self, &self->clients[i].opens, 2));
        assert_false(self->clients[i].is_final);
        assert_string_equal(self->clients[i].reason, "once more");
    }
    assert_int_equal(self->sessions_count, 10);
}

static void a_client_connects_again_when_told_to(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    fixture_serve(self);
    seen = fixture_open(self);
    link_client_reconnect(seen->client, "another master leads");
    seen->closes++; /* it is not told */
    assert_false(link_client_is_open(seen->client));
    assert_true(fixture_happens(self, &seen->opens, 2));
    assert_true(fixture_happens(self, &self->closes, 1));
    assert_string_equal(self->sessions[0].reason, "it said goodbye: another master leads");
    assert_true(self->sessions[1].session > self->sessions[0].session);
}

static void nothing_old_is_delivered_after_a_restart(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    fixture_serve(self);
    seen = fixture_open(self);
    link_server_destroy(&self->server);
    fixture_send(seen, 1, 100); /* it does not know yet */
    fixture_serve(self);
    assert_true(fixture_happens(self, &seen->opens, 2));
    fixture_send(seen, 1000, 10);
    fixture_await(self, &fixture_last(self)->messages, 10);
    assert_int_equal(fixture_last(self)->messages, 10);
    assert_int_equal(fixture_last(self)->in_order, 10);
    assert_int_equal(fixture_last(self)->last, 1009);
    assert_int_equal(self->sessions_count, 2);
}

static void a_server_that_ends_says_so(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    fixture_serve(self);
    seen = fixture_open(self);
    link_server_destroy(&self->server);
    assert_true(fixture_happens(self, &seen->closes, 1));
    assert_string_equal(seen->reason, "the server ends");
    assert_false(seen->is_final);
}

static void a_client_waits_for_its_server(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    fixture_serve(self); /* to find a port */
    link_server_destroy(&self->server);
    seen = fixture_connect(self, &(struct link_client_settings){.backoff_max_ms = 100});
    assert_true(fixture_happens(self, &seen->troubles, 1));
    assert_non_null(strstr(seen->reason, "cannot be reached"));
    fixture_turn(self, 300);
    assert_int_equal(seen->troubles, 1); /* the same reason is told once */
    fixture_serve(self);
    assert_true(fixture_happens(self, &seen->opens, 1));
}

/* --- lag and silence -------------------------------------------------------------------------- */

static void a_slow_reader_is_cut_and_others_go_on(void **state)
{
    static const char data[32768];
    struct fixture *self = *state;
    const struct task_status status = {
        .task_id = "t1", .state = TASK_RUNNING, .data = {data, sizeof(data)}};
    const struct message large = MESSAGE(UPDATE, update, .status = &status);
    struct seen *slow, *quick;
    struct link_stats stats;
    uint64_t to_slow, to_quick;
    uint64_t sent = 0;

    self->settings.queue_max_bytes = 1000000;
    fixture_serve(self);
    slow = fixture_open(self);
    to_slow = fixture_last(self)->session;
    quick = fixture_open(self);
    to_quick = fixture_last(self)->session;
    slow->is_paused = true;
    for (;;) {
        fixture_answer(self, to_quick, ++sent, 1);
        if (link_server_send(self->server, to_slow, &large, NULL))
            break;
        if (sent % 100 == 0)
            fixture_await(self, &quick->messages, sent);
        assert_true(sent < 1000000);
    }
    fixture_await(self, &quick->messages, sent);
    assert_true(fixture_happens(self, &self->closes, 1));
    assert_string_equal(fixture_met(self, to_slow)->reason,
                        "it reads too slowly: its queue is full");
    link_server_stats(self->server, &stats);
    assert_int_equal(stats.cut_for_lag, 1);
    assert_int_equal(stats.queued_bytes, 0);
    slow->is_paused = false;
    assert_true(fixture_happens(self, &slow->opens, 2));
    assert_int_equal(quick->in_order, sent);
    assert_int_equal(quick->closes, 0);
}

static void opaque_messages_are_dropped_before_a_slow_reader_is_cut(void **state)
{
    static const char data[32768];
    struct fixture *self = *state;
    const struct message opaque =
        MESSAGE(MESSAGE_TO_FRAMEWORK, message_to_framework, .framework_id = "f1", .task_id = "t1",
                .data = {data, sizeof(data)});
    struct link_stats stats;
    struct seen *slow;
    uint64_t session;
    int sent = 0;
    struct err err;

    self->settings.queue_max_bytes = 1000000;
    fixture_serve(self);
    slow = fixture_open(self);
    session = fixture_last(self)->session;
    slow->is_paused = true;
    while (link_server_send(self->server, session, &opaque, &err) == 0)
        assert_true(++sent < 1000000);
    assert_int_equal(link_server_send(self->server, session, &opaque, &err), -ENOBUFS);
    assert_non_null(strstr(err.text, "half full"));
    fixture_answer(self, session, 1, 10); /* there is room for what was promised */
    link_server_stats(self->server, &stats);
    assert_int_equal(stats.dropped_for_lag, 2);
    assert_int_equal(stats.cut_for_lag, 0);
    assert_in_range(stats.queued_bytes, 400000, 510000);
    slow->is_paused = false;
    fixture_await(self, &slow->messages, (uint64_t)sent + 10);
    assert_int_equal(slow->last, 10);
    assert_int_equal(self->closes, 0);
}

static void opaque_messages_are_dropped_before_a_client_gives_up(void **state)
{
    static const char data[32768];
    struct fixture *self = *state;
    const struct message opaque =
        MESSAGE(MESSAGE_TO_FRAMEWORK, message_to_framework, .framework_id = "f1", .task_id = "t1",
                .data = {data, sizeof(data)});
    const struct link_client_settings settings = {.queue_max_bytes = 1000000};
    struct seen *seen;
    uint64_t sent = 0;
    struct err err;

    fixture_serve(self);
    seen = fixture_connect(self, &settings);
    assert_true(fixture_happens(self, &seen->opens, 1));
    self->is_server_paused = true;
    while (link_client_send(seen->client, &opaque, &err) == 0)
        assert_true(++sent < 1000000);
    assert_int_equal(link_client_send(seen->client, &opaque, &err), -ENOBUFS);
    assert_non_null(strstr(err.text, "half full"));
    fixture_send(seen, 1, 10); /* there is room for what was promised */
    self->is_server_paused = false;
    fixture_await(self, &self->messages, sent + 10);
    assert_int_equal(fixture_last(self)->last, 10);
    assert_int_equal(self->closes + seen->closes, 0);
}

static void a_reader_that_pauses_gets_everything(void **state)
{
    static const char data[32768];
    struct fixture *self = *state;
    struct message large = MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .agent_id = "a1",
                                   .task_id = "t1", .data = {data, sizeof(data)});
    struct link_stats stats;
    struct seen *seen;

    self->settings.silence_ms = 600000; /* a PING is behind all of them */
    fixture_serve(self);
    seen = fixture_open(self);
    seen->is_paused = true;
    for (large.number = 1; large.number <= 1000; large.number++)
        assert_int_equal(link_server_send(self->server, fixture_last(self)->session, &large, NULL),
                         0);
    link_server_stats(self->server, &stats);
    assert_true(stats.queued_bytes > 0);
    seen->is_paused = false;
    fixture_await(self, &seen->messages, 1000);
    assert_int_equal(seen->in_order, 1000);
    for (large.number = 1001; large.number <= 2000; large.number++)
        assert_int_equal(link_client_send(seen->client, &large, NULL), 0);
    fixture_await(self, &self->messages, 1000);
    assert_int_equal(fixture_last(self)->in_order, 1000);
    link_server_stats(self->server, &stats);
    assert_int_equal(stats.queued_bytes, 0);
}

/* libzmq aborts when a heartbeat of its own is due on such a connection. */
static void a_peer_that_floods_and_dies_harms_nobody(void **state)
{
    static const char data[32768];
    struct fixture *self = *state;
    const struct message large = MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .agent_id = "a1",
                                         .task_id = "t1", .data = {data, sizeof(data)});
    int64_t until = clock_now().mono_us + 300 * US_PER_MS;
    struct seen *seen;

    self->settings.ping_ms = 20;
    fixture_serve(self);
    seen = fixture_open(self);
    while (clock_now().mono_us < until) {
        link_client_send(seen->client, &large, NULL);
        link_client_run(seen->client, clock_now().mono_us, 1000);
    }
    link_client_destroy(&seen->client, 0);
    poll(NULL, 0, 200); /* the server does not read; its threads notice the end */
    assert_true(fixture_happens(self, &self->closes, 1));
    seen = fixture_open(self);
    fixture_send(seen, 1, 1);
    assert_int_equal(seen->closes, 0);
}

static void an_idle_session_stays(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    self->settings.ping_ms = 50;
    self->settings.silence_ms = 200;
    fixture_serve(self);
    seen = fixture_open(self);
    fixture_turn(self, 1000);
    assert_int_equal(self->closes + seen->closes, 0);
    fixture_send(seen, 1, 1);
    fixture_await(self, &self->messages, 1);
}

static void a_silent_client_is_closed(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    self->settings.ping_ms = 50;
    self->settings.silence_ms = 200;
    fixture_serve(self);
    seen = fixture_open(self);
    seen->is_paused = true;
    assert_true(fixture_happens(self, &self->closes, 1));
    assert_string_equal(fixture_last(self)->reason, "it was silent for too long");
    seen->is_paused = false;
    assert_true(fixture_happens(self, &seen->opens, 2));
}

static void a_silent_server_is_left(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    self->settings.ping_ms = 50;
    self->settings.silence_ms = 200;
    fixture_serve(self);
    seen = fixture_open(self);
    self->is_server_paused = true;
    assert_true(fixture_happens(self, &seen->closes, 1));
    assert_string_equal(seen->reason, "the server was silent for too long");
    assert_false(seen->is_final);
    self->is_server_paused = false;
    assert_true(fixture_happens(self, &seen->opens, 2));
}

static void nobody_is_called_silent_by_a_server_that_was_stopped(void **state)
{
    struct fixture *self = *state;
    struct seen *seen;

    self->settings.ping_ms = 50;
    self->settings.silence_ms = 200;
    fixture_serve(self);
    seen = fixture_open(self);
    self->clock_ahead_us += 500 * US_PER_MS;
    fixture_turn(self, 500);
    assert_int_equal(self->closes + seen->closes, 0);
}

/* --- processes -------------------------------------------------------------------------------- */

/* Forked before there is a context here: it is told the port, and is a client until killed. */
static pid_t fork_client(int *ret_pipe)
{
    uint16_t port;
    int fds[2];
    pid_t pid;
    void *state;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        close(fds[0]);
        *ret_pipe = fds[1];
        return pid;
    }
    if (read(fds[0], &port, sizeof(port)) != sizeof(port))
        _exit(1);
    fixture_setup(&state);
    ((struct fixture *)state)->settings.port = port;
    fixture_open(state);
    fixture_turn(state, 60 * 1000);
    _exit(0);
}

struct child {
    pid_t pid;
    int pipe;
};

static int setup_with_child(void **state)
{
    struct child *child = mem_new(struct child);

    child->pid = fork_client(&child->pipe);
    *state = child;
    return 0;
}

static struct fixture *meet_child(const struct child *child, int64_t ping_ms)
{
    unsigned opened = 0;
    struct fixture *self;
    void *made;

    fixture_setup(&made);
    self = made;
    self->settings.ping_ms = ping_ms;
    fixture_serve(self);
    assert_int_equal(write(child->pipe, &self->settings.port, sizeof(self->settings.port)),
                     sizeof(self->settings.port));
    for (int64_t until_us = clock_now().mono_us + FIXTURE_SOON_MS * US_PER_MS; !opened;
         opened = (unsigned)self->sessions_count) {
        fixture_turn(self, 10);
        assert_true(clock_now().mono_us < until_us);
    }
    return self;
}

static int teardown_child(void **state)
{
    struct child *child = *state;

    kill(child->pid, SIGKILL);
    waitpid(child->pid, NULL, 0);
    close(child->pipe);
    free(child);
    return 0;
}

static void a_killed_client_is_noticed_at_once(void **state)
{
    struct child *child = *state;
    struct fixture *self = meet_child(child, 0);
    int64_t killed_us = clock_now().mono_us;
    void *made = self;

    kill(child->pid, SIGKILL);
    assert_true(fixture_happens(self, &self->closes, 1));
    print_message("noticed after %.1f ms\n", (double)(clock_now().mono_us - killed_us) / 1e3);
    assert_string_equal(fixture_last(self)->reason, "the connection was lost");
    fixture_teardown(&made);
}

static void a_stopped_client_is_closed_after_its_silence(void **state)
{
    struct child *child = *state;
    struct fixture *self = meet_child(child, 100);
    void *made = self;

    kill(child->pid, SIGSTOP);
    assert_true(fixture_happens(self, &self->closes, 1));
    kill(child->pid, SIGCONT);
    for (int i = 0; i < 500 && self->sessions_count < 2; i++)
        fixture_turn(self, 10);
    assert_true(self->sessions_count >= 2);
    fixture_teardown(&made);
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define CHILD_TEST(name)   cmocka_unit_test_setup_teardown(name, setup_with_child, teardown_child)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(messages_go_both_ways_in_order),
        FIXTURE_TEST(no_wake_up_is_lost_with_a_budget_of_one),
        FIXTURE_TEST(the_largest_message_passes_and_a_larger_one_is_refused),
        FIXTURE_TEST(two_hundred_clients_come_at_once),
        FIXTURE_TEST(what_was_said_before_the_goodbye_arrives),
        FIXTURE_TEST(a_session_can_be_closed_within_its_message),
        FIXTURE_TEST(closing_all_within_a_message_brings_all_back),
        FIXTURE_TEST(a_client_connects_again_when_told_to),
        FIXTURE_TEST(nothing_old_is_delivered_after_a_restart),
        FIXTURE_TEST(a_server_that_ends_says_so),
        FIXTURE_TEST(a_client_waits_for_its_server),
        FIXTURE_TEST(a_slow_reader_is_cut_and_others_go_on),
        FIXTURE_TEST(opaque_messages_are_dropped_before_a_slow_reader_is_cut),
        FIXTURE_TEST(opaque_messages_are_dropped_before_a_client_gives_up),
        FIXTURE_TEST(a_reader_that_pauses_gets_everything),
        FIXTURE_TEST(a_peer_that_floods_and_dies_harms_nobody),
        FIXTURE_TEST(an_idle_session_stays),
        FIXTURE_TEST(a_silent_client_is_closed),
        FIXTURE_TEST(a_silent_server_is_left),
        FIXTURE_TEST(nobody_is_called_silent_by_a_server_that_was_stopped),
        CHILD_TEST(a_killed_client_is_noticed_at_once),
        CHILD_TEST(a_stopped_client_is_closed_after_its_silence),
    };

    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
