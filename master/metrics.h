/* master/metrics.h - the answer to the view's question for counters: the core's and the link's. */
#ifndef PROFFER_MASTER_METRICS_H
#define PROFFER_MASTER_METRICS_H

#include "base/clock.h"
#include "base/arena.h"
#include "master/core/master.h"
#include "proto/link.h"

/* The body lives in `arena`. */
const struct msg_metrics_reply *metrics_collect(const struct master *core,
                                                const struct link_server *link, struct now now,
                                                struct arena *arena);

#endif
