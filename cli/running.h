/* cli/running.h - what `proffer run` does alike for one task and for the tasks of a group. */
#ifndef PROFFER_CLI_RUNNING_H
#define PROFFER_CLI_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

#include <proffer/proffer.h>

struct running {
    struct proffer_scheduler *scheduler;
    int64_t give_up_us; /* when nothing could be launched until then; 0: never */
    bool is_launched;
    bool is_killed; /* by a signal to us */
    bool is_broken; /* there is nothing more to wait for */
    bool has_told_shortage;
    int code; /* the command's exit code */
};

/* A descriptor of SIGINT and SIGTERM, which do nothing else from then on; nor does SIGPIPE. */
int running_signals(void);
/* From now on. 0: for ever. */
void running_wait(struct running *self, int64_t wait_ms);
/* Until then; -1: launched, or for ever. */
int running_timeout_ms(const struct running *self);
/* It is too late; `code` and a word say so. */
bool running_gave_up(struct running *self);

/* What came of a launch on these offers: 0, -ENOSPC as long as none is large enough, or another error, which is the end.
 * The rest of the offers goes back. */
void running_settle(struct running *self, struct proffer_fit *fit, int rc,
                    const struct proffer_err *err);

/* Of a task that has ended, as a shell tells it. */
int running_code_of(const struct proffer_status *status);

/* A callback that tells of it. */
void running_disconnected(struct proffer_scheduler *scheduler, const char *reason, void *user);

#endif
