/* cli/find_agent.h - which agent is meant. */
#ifndef PROFFER_CLI_FIND_AGENT_H
#define PROFFER_CLI_FIND_AGENT_H

#include <jansson.h>

/* The agent whose id is `wanted`, whole, its last part or its beginning, or whose host is called so, as
 * GET /slaves shows it; the caller's. One that is not shown is taken to be meant by its whole id: the
 * object has only that. NULL: *ret_exit is the exit code, the reason was told. */
json_t *find_agent(const char *http, const char *wanted, int *ret_exit);

/* "active", "draining", "drained", "deactivated", "inactive" (it is away). */
const char *agent_state_name(const json_t *agent);

#endif
