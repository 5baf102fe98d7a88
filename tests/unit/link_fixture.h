/* tests/unit/link_fixture.h - a server and some clients of the link, driven by one poll loop as in
 * real processes: a side runs only when its descriptor is readable or its deadline has come, so
 * that a lost wake-up makes a test fail. */
#ifndef PROFFER_TESTS_LINK_FIXTURE_H
#define PROFFER_TESTS_LINK_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/link.h"

#define FIXTURE_CLIENTS_MAX  256
#define FIXTURE_SESSIONS_MAX 1024
#define FIXTURE_SOON_MS      30000 /* comes at once; so late it is an error on any machine */

struct fixture;

/* What one client saw. */
struct seen {
    struct fixture *fixture;
    struct link_client *client;
    size_t index;
    bool is_paused; /* not run: a process that hangs */
    unsigned opens;
    unsigned closes;
    unsigned troubles;
    bool is_final;
    uint64_t messages;         /* since the last open */
    uint64_t in_order;         /* of these, those whose number was one more than the last one's */
    uint64_t last;             /* number of the last message */
    char reason[ERR_TEXT_MAX]; /* of the last close or trouble */
};

/* What the server saw of one session, found by its number. */
struct met {
    uint64_t session;
    bool is_open;
    uint64_t messages, in_order, last;
    char reason[ERR_TEXT_MAX];
};

struct fixture {
    struct link_context *context;
    struct link_server *server;
    struct link_server_settings settings;
    struct seen clients[FIXTURE_CLIENTS_MAX];
    size_t clients_count;
    struct met sessions[FIXTURE_SESSIONS_MAX]; /* in order of opening */
    size_t sessions_count;
    unsigned closes;
    uint64_t messages;
    int budget;
    int64_t clock_ahead_us; /* raised: everybody was suspended for so long */
    bool is_server_paused;  /* not run: a process that hangs */
    /* When set, called for each message at the server. */
    void (*on_message)(struct fixture *self, uint64_t session, const struct message *message);
};

int fixture_setup(
    void **state); /* cmocka: *state is the fixture, with a context and nothing else */
int fixture_teardown(void **state);

/* A server with the fixture's settings; port 0 becomes the port that was found. */
void fixture_serve(struct fixture *self);
/* A client of that server. NULL settings: the defaults. Only address and seed are filled in. */
struct seen *fixture_connect(struct fixture *self, const struct link_client_settings *settings);
/* The same, and wait until its session is open. */
struct seen *fixture_open(struct fixture *self);
/* The latest session that the server saw. */
struct met *fixture_last(struct fixture *self);
struct met *fixture_met(struct fixture *self, uint64_t session);

/* Messages with consecutive numbers from `first` on, small ones. */
void fixture_send(struct seen *client, uint64_t first, uint64_t count);
void fixture_answer(struct fixture *self, uint64_t session, uint64_t first, uint64_t count);

/* For on_message: one message back, with the same number. */
void fixture_echo(struct fixture *self, uint64_t session, const struct message *message);

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

typedef bool fixture_fn(struct fixture *self, void *what);
/* Turn the loop until `is_so` says so; false after `timeout_ms`. */
bool fixture_wait(struct fixture *self, fixture_fn *is_so, void *what, int timeout_ms);
/* Turn the loop until a counter has come so far. */
bool fixture_happens(struct fixture *self, const unsigned *counter, unsigned at_least);
/* The same for counted messages, however long all of them take; fails the test when the next one does not come. */
void fixture_await(struct fixture *self, const uint64_t *counter, uint64_t at_least);
/* Turn the loop for so long: for what must not happen. */
void fixture_turn(struct fixture *self, int ms);

/* A TCP connection to the server, not blocking. */
int fixture_tcp(struct fixture *self);

#endif
