#include "tests/unit/link_fixture.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/mem.h"

#define BUDGET  256
#define LOOK_US (10 * US_PER_MS) /* how long a change that is not ours may go unseen */

/* --- what is seen ----------------------------------------------------------------------------- */

static void count(uint64_t number, uint64_t *messages, uint64_t *in_order, uint64_t *last)
{
    if (++*messages == 1 || number == *last + 1)
        ++*in_order;
    *last = number;
}

struct met *fixture_met(struct fixture *self, uint64_t session)
{
    for (size_t i = self->sessions_count; i-- > 0;) {
        if (self->sessions[i].session == session)
            return &self->sessions[i];
    }
    return NULL;
}

struct met *fixture_last(struct fixture *self)
{
    assert_true(self->sessions_count > 0);
    return &self->sessions[self->sessions_count - 1];
}

static void server_on_open(void *owner, uint64_t session, const struct msg_hello *hello,
                           const char *peer_address)
{
    struct fixture *self = owner;

    assert_int_equal(hello->protocol_version, PROTOCOL_VERSION);
    assert_string_equal(peer_address, "127.0.0.1");
    assert_null(fixture_met(self, session));
    assert_true(self->sessions_count < FIXTURE_SESSIONS_MAX);
    self->sessions[self->sessions_count++] = (struct met){.session = session, .is_open = true};
}

static void server_on_message(void *owner, uint64_t session, const struct message *message)
{
    struct fixture *self = owner;
    struct met *met = fixture_met(self, session);

    assert_true(met && met->is_open);
    count(message->number, &met->messages, &met->in_order, &met->last);
    self->messages++;
    if (self->on_message)
        self->on_message(self, session, message);
}

static void server_on_close(void *owner, uint64_t session, const char *reason)
{
    struct fixture *self = owner;
    struct met *met = fixture_met(self, session);

    assert_true(met && met->is_open);
    met->is_open = false;
    snprintf(met->reason, sizeof(met->reason), "%s", reason);
    self->closes++;
}

static void client_on_open(void *owner, const struct msg_welcome *welcome)
{
    struct seen *self = owner;

    assert_int_equal(welcome->protocol_version, PROTOCOL_VERSION);
    assert_int_equal(self->opens, self->closes);
    self->opens++;
    self->messages = self->in_order = self->last = 0;
}

static void client_on_message(void *owner, const struct message *message)
{
    struct seen *self = owner;

    count(message->number, &self->messages, &self->in_order, &self->last);
}

static void client_on_close(void *owner, const char *reason, bool final)
{
    struct seen *self = owner;

    self->closes++;
    self->is_final = final;
    snprintf(self->reason, sizeof(self->reason), "%s", reason);
}

static void client_on_trouble(void *owner, const char *reason)
{
    struct seen *self = owner;

    self->troubles++;
    snprintf(self->reason, sizeof(self->reason), "%s", reason);
}

/* --- life ------------------------------------------------------------------------------------- */

int fixture_setup(void **state)
{
    struct fixture *self = mem_new(struct fixture);
    struct err err;

    self->settings.address = "127.0.0.1";
    self->settings.version = "0.1.0 (test)";
    self->budget = BUDGET;
    if (link_context_new(&self->context, &err))
        fail_msg("%s", err.text);
    *state = self;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *self = *state;

    for (size_t i = 0; i < self->clients_count; i++)
        link_client_destroy(&self->clients[i].client, 0);
    link_server_destroy(&self->server);
    link_context_destroy(&self->context);
    free(self);
    return 0;
}

void fixture_serve(struct fixture *self)
{
    struct link_server_events events = {
        .owner = self,
        .on_open = server_on_open,
        .on_message = server_on_message,
        .on_close = server_on_close,
    };
    struct err err;

    if (link_server_new(self->context, &self->settings, &events, &self->server, &err))
        fail_msg("%s", err.text);
    self->settings.port = link_server_port(self->server);
}

struct seen *fixture_connect(struct fixture *self, const struct link_client_settings *settings)
{
    struct link_client_settings mine = settings ? *settings : (struct link_client_settings){0};
    struct seen *seen = &self->clients[self->clients_count];
    struct link_client_events events = {
        .owner = seen,
        .on_open = client_on_open,
        .on_message = client_on_message,
        .on_close = client_on_close,
        .on_trouble = client_on_trouble,
    };
    char address[64];
    struct err err;

    assert_true(self->clients_count < FIXTURE_CLIENTS_MAX);
    snprintf(address, sizeof(address), "127.0.0.1:%u", self->settings.port);
    mine.address = mine.address ? mine.address : address;
    mine.kind = mine.kind ? mine.kind : PEER_AGENT;
    mine.version = "0.1.0 (test)";
    mine.seed = self->clients_count;
    *seen = (struct seen){.fixture = self, .index = self->clients_count};
    if (link_client_new(self->context, &mine, &events, &seen->client, &err))
        fail_msg("%s", err.text);
    self->clients_count++;
    return seen;
}

static bool is_open(struct fixture *self, void *what)
{
    const struct seen *seen = what;

    (void)self;
    return seen->opens > seen->closes;
}

struct seen *fixture_open(struct fixture *self)
{
    struct seen *seen = fixture_connect(self, NULL);

    if (!fixture_wait(self, is_open, seen, FIXTURE_SOON_MS))
        fail_msg("no session: %s", seen->reason);
    return seen;
}

void fixture_send(struct seen *client, uint64_t first, uint64_t count_)
{
    for (uint64_t i = 0; i < count_; i++) {
        struct message message = MESSAGE(REVIVE, revive, .roles_count = 0);
        struct err err;

        message.number = first + i;
        if (link_client_send(client->client, &message, &err))
            fail_msg("%s", err.text);
    }
}

void fixture_answer(struct fixture *self, uint64_t session, uint64_t first, uint64_t count_)
{
    for (uint64_t i = 0; i < count_; i++) {
        struct message message = MESSAGE(RESCIND, rescind, .offer_id = "o1");
        struct err err;

        message.number = first + i;
        if (link_server_send(self->server, session, &message, &err))
            fail_msg("%s", err.text);
    }
}

void fixture_echo(struct fixture *self, uint64_t session, const struct message *message)
{
    fixture_answer(self, session, message->number, 1);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void run_ready(struct fixture *self, const struct pollfd *ready, int64_t now_us)
{
    if (self->server && !self->is_server_paused &&
        (ready[0].revents || link_server_next_deadline_us(self->server) <= now_us))
        link_server_run(self->server, now_us, self->budget);
    for (size_t i = 0; i < self->clients_count; i++) {
        struct seen *seen = &self->clients[i];

        if (seen->client && !seen->is_paused &&
            (ready[i + 1].revents || link_client_next_deadline_us(seen->client) <= now_us))
            link_client_run(seen->client, now_us, self->budget);
    }
}

static int64_t fill(struct fixture *self, struct pollfd *fds, int64_t until_us)
{
    bool serves = self->server && !self->is_server_paused;
    int64_t next_us = until_us;

    fds[0] = (struct pollfd){.fd = serves ? link_server_fd(self->server) : -1, .events = POLLIN};
    if (serves && link_server_next_deadline_us(self->server) < next_us)
        next_us = link_server_next_deadline_us(self->server);
    for (size_t i = 0; i < self->clients_count; i++) {
        const struct seen *seen = &self->clients[i];
        bool runs = seen->client && !seen->is_paused;

        fds[i + 1] =
            (struct pollfd){.fd = runs ? link_client_fd(seen->client) : -1, .events = POLLIN};
        if (runs && link_client_next_deadline_us(seen->client) < next_us)
            next_us = link_client_next_deadline_us(seen->client);
    }
    return next_us;
}

static int64_t read_clock(const struct fixture *self)
{
    return clock_now().mono_us + self->clock_ahead_us;
}

bool fixture_wait(struct fixture *self, fixture_fn *is_so, void *what, int timeout_ms)
{
    int64_t now_us = read_clock(self);
    int64_t until_us = now_us + (int64_t)timeout_ms * US_PER_MS;

    while (!is_so(self, what)) {
        struct pollfd fds[FIXTURE_CLIENTS_MAX + 1];
        int64_t wait_us = fill(self, fds, until_us) - now_us;
        struct timespec timeout = {0};

        if (wait_us > LOOK_US)
            wait_us = LOOK_US;
        if (wait_us > 0)
            timeout = (struct timespec){.tv_sec = wait_us / US_PER_S,
                                        .tv_nsec = wait_us % US_PER_S * 1000};
        if (ppoll(fds, self->clients_count + 1, &timeout, NULL) < 0)
            assert_int_equal(errno, EINTR);
        now_us = read_clock(self);
        run_ready(self, fds, now_us);
        if (now_us >= until_us)
            return is_so(self, what);
    }
    return true;
}

struct awaited {
    const unsigned *events; /* or */
    const uint64_t *messages;
    uint64_t at_least;
};

static bool has_come(struct fixture *self, void *what)
{
    const struct awaited *awaited = what;

    (void)self;
    return (awaited->events ? *awaited->events : *awaited->messages) >= awaited->at_least;
}

bool fixture_happens(struct fixture *self, const unsigned *counter, unsigned at_least)
{
    struct awaited awaited = {.events = counter, .at_least = at_least};

    return fixture_wait(self, has_come, &awaited, FIXTURE_SOON_MS);
}

void fixture_await(struct fixture *self, const uint64_t *counter, uint64_t at_least)
{
    while (*counter < at_least) {
        struct awaited next = {.messages = counter, .at_least = *counter + 1};

        if (!fixture_wait(self, has_come, &next, FIXTURE_SOON_MS))
            fail_msg("%ju of %ju messages came", (uintmax_t)*counter, (uintmax_t)at_least);
    }
}

static bool never(struct fixture *self, void *what)
{
    (void)self;
    (void)what;
    return false;
}

void fixture_turn(struct fixture *self, int ms)
{
    fixture_wait(self, never, NULL, ms);
}

int fixture_tcp(struct fixture *self)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(self->settings.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}
