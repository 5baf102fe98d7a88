/* agent/shim/fetch_report.h - what proffer-fetcher says to its shim, as it is on their socket. */
#ifndef PROFFER_AGENT_SHIM_FETCH_REPORT_H
#define PROFFER_AGENT_SHIM_FETCH_REPORT_H

#include <stdint.h>

#include "base/err.h"

/* The program's socket: it reads a length (four bytes, as the host has them) and a frame with FETCH, and
 * answers with these. */
#define FETCH_FD 1

enum fetch_report_kind {
    FETCH_PROGRESS,
    FETCH_FAILED, /* the last one */
    FETCH_DONE,   /* the last one */
};

struct fetch_report {
    int32_t kind;
    int32_t uri; /* index */
    int64_t bytes;
    char text[sizeof(((struct err *)0)->text)]; /* why it failed */
};

#endif
