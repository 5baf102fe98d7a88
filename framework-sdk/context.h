/* framework-sdk/context.h - the one link context that all schedulers of a process share.
 *
 * Made by the first `get`, gone with the last `put`. Thread-safe.
 */
#ifndef PROFFER_SDK_CONTEXT_H
#define PROFFER_SDK_CONTEXT_H

#include "base/err.h"
#include "proto/link.h"

int sdk_context_get(struct link_context **ret_context, struct err *err);
void sdk_context_put(struct link_context **context_p); /* NULL inside is left alone */

#endif
