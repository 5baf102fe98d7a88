/* agent/launcher/collector.h - COLLECT_SANDBOXES: a helper walks the sandboxes and removes old ones.
 *
 * It asks the launcher about each before it takes it away: only the launcher makes sandboxes, so what it
 * does not hold at that moment cannot come to life behind its back. When a task ended stands in the
 * sandbox's own change time, which nobody but the clock can set back; sandbox_mark sets it.
 */
#ifndef PROFFER_AGENT_LAUNCHER_COLLECTOR_H
#define PROFFER_AGENT_LAUNCHER_COLLECTOR_H

#include "agent/launcher/helpers.h"
#include "proto/schema.h"

/* What the helper says at its end; a question is a container's id. */
struct collector_report {
    int64_t removed, removed_bytes, left, oldest_us, failed;
    char error[sizeof(((struct err *)0)->text)];
};

struct collector {
    struct helper helper;
    struct collector_report report; /* of the helper that runs */
    bool has_report;
};

/* Answered by SANDBOXES_COLLECTED in any case. */
void launcher_collect(struct launcher *launcher, const struct msg_collect_sandboxes *order);
/* Its age begins now. */
void launcher_mark_sandbox(struct launcher *launcher, const char *path);

#endif
