/* agent/launcher/check_outcome.h - what comes of one look at a container, as it is sent from the process
 * that looks to the launcher: one packet.
 */
#ifndef PROFFER_AGENT_LAUNCHER_CHECK_OUTCOME_H
#define PROFFER_AGENT_LAUNCHER_CHECK_OUTCOME_H

#include <stdint.h>

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

#endif
