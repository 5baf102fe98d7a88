/* master/view/documents.h - the answers: each appends one JSON document made from the replica.
 *
 * Field names, number forms and conventions are those of Mesos's master
 * (src/master/readonly_handler.cpp), so that tools made for it can read them; what Mesos lacks
 * stands after what it has. No tree is built: a document costs about the copying of its bytes.
 */
#ifndef PROFFER_MASTER_VIEW_DOCUMENTS_H
#define PROFFER_MASTER_VIEW_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/options_shown.h"
#include "master/view/replica.h"

#define TASKS_LIMIT_DEFAULT 100

struct tasks_query {
    size_t limit;
    size_t offset;
    bool ascending;           /* oldest first; Mesos's default is the newest */
    const char *framework_id; /* NULL: of any, as the next one */
    const char *task_id;
};

void document_state(const struct replica *replica, const struct options_shown *flags,
                    struct buf *out);
void document_state_summary(const struct replica *replica, struct buf *out);
void document_tasks(const struct replica *replica, const struct tasks_query *query,
                    struct buf *out);
/* An id of NULL asks for all. */
void document_frameworks(const struct replica *replica, const char *framework_id, struct buf *out);
void document_slaves(const struct replica *replica, const char *slave_id, struct buf *out);
void document_roles(const struct replica *replica, struct buf *out);
/* "roles":[...], within a document */
struct json;
void document_roles_pair(struct json *json, const struct replica *replica);
/* What operators have set, in the forms of Mesos. */
void document_quota(const struct replica *replica, struct buf *out);
void document_priorities(const struct replica *replica, struct buf *out);
void document_weights(const struct replica *replica, struct buf *out);
/* What is reserved for whom, and which volumes there are; NULL: of any agent, of any role. */
void document_reservations(const struct replica *replica, const char *agent_id, const char *role,
                           struct buf *out);
void document_volumes(const struct replica *replica, const char *agent_id, const char *role,
                      struct buf *out);
/* Maintenance windows with who has answered what; and in the forms of Mesos. */
void document_maintenance(const struct replica *replica, struct buf *out);
void document_maintenance_schedule(const struct replica *replica, struct buf *out);
void document_maintenance_status(const struct replica *replica, struct buf *out);
void document_offers(const struct replica *replica, struct buf *out);
void document_version(struct buf *out);
void document_flags(const struct options_shown *flags, struct buf *out);

#endif
