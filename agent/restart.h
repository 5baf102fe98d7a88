/* agent/restart.h - the agent executes itself anew, with the same arguments, when its launcher has died.
 *
 * Not again and again: what dies at once each time is left to whoever started us. The times of the last
 * ones are handed on in the environment. (An agent that has a keeper ends instead, and the keeper begins anew.)
 */
#ifndef PROFFER_AGENT_RESTART_H
#define PROFFER_AGENT_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Fewer than three in the last minute? `now_us`: monotonic, which goes on across an exec. */
bool restart_is_due(int64_t now_us);
/* One more, at that time, in our environment. */
int restart_note(int64_t now_us);
/* Does not return but for a failure. Who was told that we are ready is not told again: its descriptor is
 * closed, and the number may be another one's. */
int restart(char **argv, bool has_told_ready, struct err *err);

#endif
