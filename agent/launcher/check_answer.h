/* agent/launcher/check_answer.h - the first line of what a service answers to a check. It may be any bytes. */
#ifndef PROFFER_AGENT_LAUNCHER_CHECK_ANSWER_H
#define PROFFER_AGENT_LAUNCHER_CHECK_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

/* The status, 100 to 999, of "HTTP/1.1 200 OK"; nothing of what follows it need be there. 0: that is none. `any_version`:
 * also of one that is not 1.0 or 1.1, as "HTTP/2 200". */
int check_answer_status(const char *line, size_t size, bool any_version);

#endif
