#include "cli/running.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "cli/cli.h"

#define SHORTAGE_REFUSE_S 5.0
#define REST_REFUSE_S     3600.0

int running_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void running_wait(struct running *self, int64_t wait_ms)
{
    self->give_up_us = wait_ms ? clock_now().mono_us + wait_ms * US_PER_MS : 0;
}

int running_timeout_ms(const struct running *self)
{
    int64_t left_ms = (self->give_up_us - clock_now().mono_us + US_PER_MS - 1) / US_PER_MS;

    if (self->is_launched || !self->give_up_us)
        return -1;
    return left_ms > 0 ? (int)left_ms : 0;
}

bool running_gave_up(struct running *self)
{
    if (self->is_launched || !self->give_up_us || clock_now().mono_us < self->give_up_us)
        return false;
    self->code = cli_fail(EXIT_RUN_FAILED, "nothing could be launched within the --wait time");
    return true;
}

void running_settle(struct running *self, struct proffer_fit *fit, int rc,
                    const struct proffer_err *err)
{
    if (rc < 0 && rc != -ENOSPC) {
        self->code = cli_fail(EXIT_RUN_FAILED, "%s", err->text);
        self->is_broken = true;
    } else if (rc == -ENOSPC && !self->has_told_shortage) {
        cli_fail(0, "no offer is large enough yet: %s", err->text);
        self->has_told_shortage = true;
    }
    self->is_launched = self->is_launched || rc == 0;
    proffer_fit_finish(&fit, rc == -ENOSPC ? SHORTAGE_REFUSE_S : REST_REFUSE_S);
    if (self->is_launched)
        proffer_suppress(self->scheduler, NULL);
}

int running_code_of(const struct proffer_status *status)
{
    if (status->state == PROFFER_TASK_FINISHED)
        return 0;
    if (status->has_exit && status->exit_signal)
        return 128 + status->exit_signal;
    if (status->has_exit && status->exit_code)
        return status->exit_code;
    return status->state == PROFFER_TASK_KILLED ? 128 + SIGTERM : EXIT_RUN_FAILED;
}

void running_disconnected(struct proffer_scheduler *scheduler, const char *reason, void *user)
{
    (void)scheduler;
    (void)user;
    cli_fail(0, "no connection to the master: %s; trying again (--master, PROFFER_MASTER)", reason);
}
