/* master/core/policy.h - weights and quotas: set by operators, enforced on offers. */
#ifndef PROFFER_MASTER_CORE_POLICY_H
#define PROFFER_MASTER_CORE_POLICY_H

#include "master/core/state.h"

/* Take back offers that a quota does not allow any more, if there may be any. */
void policy_enforce(struct master *master);
/* Is it OPERATOR_SET_QUOTA or OPERATOR_SET_WEIGHT? Then it is followed: an HTTP status, with a
 * sentence in *ret_text. Otherwise 0. */
int policy_call(struct master *master, const struct message *call, struct err *ret_text);

#endif
