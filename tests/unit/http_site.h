/* tests/unit/http_site.h - a small site on 127.0.0.1 and its clients, all in the test's own thread.
 *
 * Whatever waits here lets the server run meanwhile, and fails the test after SITE_DEADLINE_MS.
 */
#ifndef PROFFER_TESTS_UNIT_HTTP_SITE_H
#define PROFFER_TESTS_UNIT_HTTP_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/http_server.h"

#define SITE_DEADLINE_MS 10000
#define SITE_BODY_MAX    1024
#define SITE_DEFERRED    8

struct site {
    struct http_server *server;
    struct http_request *deferred[SITE_DEFERRED]; /* GET /wait, in order; NULL: the client left */
    size_t deferred_count;
    size_t gone_count;
    size_t handled_count; /* GET /state */
    int file_fd;          /* what GET /file sends 200000 bytes of, from 100 on */
};

extern const struct http_route site_routes[];
extern const char site_state_request[]; /* on a connection that is kept */
extern const char site_wait_request[];

/* cmocka's set-up and tear-down; *state is the site. */
int site_open(void **state);
int site_close(void **state);

int site_connect(const struct site *site);
/* Let the server run until the client's socket is ready for `events` or `ms` have passed (false).
 */
bool site_wait_for(const struct site *site, int fd, short events, int64_t ms);
void site_run_until(const struct site *site, const size_t *counter, size_t wanted);

void site_send(const struct site *site, int fd, const char *data, size_t size);
/* Head and body of one answer. */
void site_receive(const struct site *site, int fd, struct buf *answer);
void site_receive_to_end(const struct site *site, int fd, struct buf *answer);
/* On a connection of its own, until the server closes it. */
void site_ask_bytes(const struct site *site, const char *request, size_t size, struct buf *answer);
/* The same for one request line; the text of the answer. */
const char *site_ask(const struct site *site, const char *line, struct buf *answer);

void assert_status(const char *answer, int status);
void assert_says(const char *answer, const char *part);
void assert_still_serves(const struct site *site);

#endif
