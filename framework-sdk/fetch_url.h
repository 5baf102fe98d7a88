/* framework-sdk/fetch_url.h - where an agent serves a file of a sandbox. */
#ifndef PROFFER_SDK_FETCH_URL_H
#define PROFFER_SDK_FETCH_URL_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct fetch_target {
    const char *agent_address; /* "ip:port" */
    const char *sandbox;
    const char *file;
};

/* What of it. */
struct fetch_range {
    int64_t offset;
    int64_t length;  /* 0: all */
    int64_t wait_ms; /* how long the agent may hold an empty answer back */
    const char *
        file; /* borrowed; the id of the file that `offset` is in; NULL: of whichever has the name */
};

/* -EINVAL with a text for an address, path or number that is none. */
int fetch_check(const struct fetch_target *target, const struct fetch_range *range,
                struct err *err);
/* Append the URL of the file, to which a range may be appended. */
void fetch_url(const struct fetch_target *target, struct buf *out);
void fetch_url_range(const struct fetch_range *range, struct buf *out);

#endif
