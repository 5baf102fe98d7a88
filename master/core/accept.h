/* master/core/accept.h - ACCEPT: offers become tasks, what is left is declined. */
#ifndef PROFFER_MASTER_CORE_ACCEPT_H
#define PROFFER_MASTER_CORE_ACCEPT_H

#include "master/core/state.h"

/* The two halves of an ACCEPT, for gangs (gang_accept.c) too. */
/* Are all named offers good, of one agent and to one role? Nothing changes. */
int accept_check_offers(const struct master *master, const struct framework *framework,
                        const struct msg_accept *call, struct err *err);
/* ... which they are. */
void accept_perform(struct master *master, struct framework *framework,
                    const struct msg_accept *call);
/* What one more of the offers adds to what there is; a shared volume that is in several is there once. */
void accept_gather(struct resources *remaining, const struct resources *offered);
/* What a task takes is there no more; a shared volume is, for the next task. */
void accept_consume(struct resources *remaining, const struct resources *taken);
/* From now on the named offers of the framework hold what they show, optimistic ones too. */
void accept_claim_offers(struct master *master, const struct framework *framework,
                         const struct msg_accept *call);
/* The named offers end, without a filter. */
void accept_drop_offers(struct master *master, const struct framework *framework,
                        const struct msg_accept *call);

void on_accept(struct master *master, struct framework *framework, const struct message *message);

#endif
