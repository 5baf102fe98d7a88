/* agent/launcher/identity.h - as whom a container runs, where, and what it asked of isolators: as it was launched.
 *
 * A look at it goes by this and by nothing that the order says. Its launcher has it, and its record (CONTAINER_KEPT) for the
 * next one. Only of containers that are launched to be looked at.
 */
#ifndef PROFFER_AGENT_LAUNCHER_IDENTITY_H
#define PROFFER_AGENT_LAUNCHER_IDENTITY_H

#include "agent/launcher/accounts.h"
#include "proto/schema.h"

#define IDENTITY_MAX 2560 /* bytes of its frame: a record has room for more besides */

struct identity {
    struct arena *arena; /* owned; of the rest */
    const struct msg_container_kept *kept;
    struct account account;
};

/* Of an order that was checked. *ret_identity is NULL if it is not to be looked at. -E2BIG: it asks for too much to be kept. */
int identity_make(const struct msg_launch_container *order, const struct account *account,
                  struct identity **ret_identity, struct err *err);
/* Of an earlier launcher's container. -ENOENT, -EBADMSG with a text. */
int identity_read(int records_dir, const char *container_id, struct identity **ret_identity,
                  struct err *err);
void identity_destroy(struct identity **self_p);
/* NULL: who we are. */
const struct account *identity_account(const struct identity *self);

#endif
