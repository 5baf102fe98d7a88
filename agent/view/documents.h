/* agent/view/documents.h - the answers: each appends one JSON document made from the replica.
 *
 * Names, number forms and conventions are those of Mesos's agent (src/slave/http.cpp), so that tools made
 * for it can read them; what Mesos lacks stands after what it has. A command task is shown as Mesos shows
 * it: one executor of its own, whose `directory` is the sandbox.
 */
#ifndef PROFFER_AGENT_VIEW_DOCUMENTS_H
#define PROFFER_AGENT_VIEW_DOCUMENTS_H

#include "agent/view/replica.h"
#include "agent/view/view.h"
#include "base/buf.h"

struct document_context {
    const struct options_shown *flags;
    const char *master; /* its host */
    int64_t started_us; /* wall clock */
};

void agent_document_state(const struct replica *replica, const struct document_context *context,
                          struct buf *out);
void agent_document_version(struct buf *out);
void agent_document_flags(const struct options_shown *flags, struct buf *out);

/* /monitor/statistics, and /containers, which also tells ids and states. */
void agent_document_statistics(const struct replica *replica, const struct msg_usage_reply *usage,
                               struct buf *out);
void agent_document_containers(const struct replica *replica, const struct msg_usage_reply *usage,
                               struct buf *out);
/* What the core and the loop count, and what the machine says. */
void agent_document_metrics(const struct msg_metrics_reply *metrics, struct buf *out);

#endif
