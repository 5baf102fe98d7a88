/* agent/launcher/check_outcome.h - what comes of one look at a container, as it is sent from the process
 * that looks to the launcher: one packet.
 */
#ifndef PROFFER_AGENT_LAUNCHER_CHECK_OUTCOME_H
#define PROFFER_AGENT_LAUNCHER_CHECK_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/schema.h"

#define CHECK_MESSAGE_MAX  512
#define CHECK_STATUS_LEAST 200 /* HTTP statuses that pass, as Mesos has it */
#define CHECK_STATUS_MOST  399

struct check_outcome {
    int32_t passed;
    int32_t exit_code;
    int32_t signal;
    int32_t http_status;
    int32_t timed_out;
    char message[CHECK_MESSAGE_MAX]; /* ends with a NUL */
};

/* For the launcher: what is there of what a helper sends, which may be anything, as a service may have taken it over. The
 * last outcome counts, and can be sent on. False: there is none, and *ret is as it was. The helper of a command may send a
 * descriptor, which takes the place of *mark_fd; mark_fd NULL: none is taken. */
bool check_outcome_receive(int fd, int *mark_fd, struct check_outcome *ret);
/* Borrows the message. */
struct check_status check_outcome_status(const struct check_outcome *self, enum check_kind kind);

#endif
