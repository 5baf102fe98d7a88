/* framework-sdk/fetch.h - one file on its way, and the fetcher that it belongs to; for fetch.c and
 * fetcher.c.
 *
 * A fetch waits for its turn, runs (curl has it), may pause (it follows a file that is not there
 * yet, or its agent is away) and ends with one callback.
 */
#ifndef PROFFER_SDK_FETCH_H
#define PROFFER_SDK_FETCH_H

#include <proffer/sandbox.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/deadlines.h"
#include "framework-sdk/pollable.h"
#include "framework-sdk/fetch_url.h"

struct fetch {
    struct proffer_fetcher *fetcher; /* borrowed */
    CURL *easy;                      /* owned; NULL while it waits for its turn */
    char *url;                       /* owned; of the file */
    struct fetch_range range;        /* as it was asked for */
    struct proffer_log_place
        *place;        /* borrowed; NULL: the offset of `range` is all there is to know */
    bool had_place;    /* that knew its file, before the last answer */
    int fd;            /* borrowed */
    int64_t bytes;     /* written by now */
    int64_t bytes_max; /* 0: no limit */
    int64_t timeout_us;
    int64_t follow_until_us; /* 0: a file that is not there is an error at once */
    int64_t away_since_us;   /* the agent does not answer, or breaks off; 0: it does */
    int64_t away_bytes;      /* what was here then */
    int64_t away_pause_us;   /* the next one */
    size_t refusal_bytes;
    int error;                /* of our own: of writing, or the limit */
    struct deadline deadline; /* no progress until then; or, in a pause, ask again */
    proffer_fetched_fn *done;
    void *user;
    struct fetch **list; /* of the fetcher: the one that it is in */
    struct fetch *prev, *next;
};

struct proffer_fetcher {
    CURLM *multi; /* owned */
    struct pollable pollable;
    int64_t curl_due_us;
    struct deadlines deadlines;
    struct fetch *waiting;
    struct fetch *running;
    struct fetch *pausing; /* the turn is another one's meanwhile */
    unsigned parallel;
    unsigned running_count;
    unsigned count;
    int64_t patience_us; /* with an agent that is away */
    bool is_dispatching; /* destroying has to wait */
    bool is_doomed;
};

/* Into the list of those that wait, as a new one or after a pause. */
void sdk_fetch_wait(struct fetch *fetch);
bool sdk_fetch_is_running(const struct fetch *fetch);
/* -ENOMEM. */
int sdk_fetch_run(struct fetch *fetch);
/* Curl is through with it: pause or finish. */
void sdk_fetch_settle(struct fetch *fetch, CURLcode result);
/* Frees it, then calls `done`. */
void sdk_fetch_finish(struct fetch *fetch, int error, const char *message);
/* Without a callback. */
void sdk_fetch_free(struct fetch *fetch);

#endif
