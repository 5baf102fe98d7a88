#include "cli/run_group.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <proffer/proffer.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/group_file.h"

struct member {
    enum proffer_task_state state; /* 0: nothing heard yet */
    int code;                      /* once it has ended */
    bool has_followed;             /* it was ended because another had */
};

struct group_run {
    struct group_file *file;
    struct proffer_scheduler *scheduler;
    struct member *members;
    int64_t give_up_us; /* 0: never */
    bool is_launched, is_killed, is_broken, has_told_shortage;
    int code;
};

/* --- what is told ------------------------------------------------------------------------------- */

static void show(const struct proffer_status *status)
{
    printf("%s %s%s%s\n", status->task_id, proffer_task_state_name(status->state),
           *status->message ? ": " : "", status->message);
    fflush(stdout);
}

static int code_of(const struct proffer_status *status)
{
    if (status->state == PROFFER_TASK_FINISHED)
        return 0;
    if (status->has_exit && status->exit_signal)
        return 128 + status->exit_signal;
    if (status->has_exit && status->exit_code)
        return status->exit_code;
    return status->state == PROFFER_TASK_KILLED ? 128 + SIGTERM : EXIT_RUN_FAILED;
}

static bool is_over(const struct group_run *run)
{
    for (size_t i = 0; i < run->file->tasks_count; i++)
        if (!proffer_task_state_is_terminal(run->members[i].state) &&
            run->members[i].state != PROFFER_TASK_UNKNOWN)
            return false;
    return true;
}

/* Of the one that began the end. Others are ended for it, and what is told of them may come first. */
static int code_of_all(const struct group_run *run)
{
    int any = 0;

    for (size_t i = 0; i < run->file->tasks_count; i++) {
        const struct member *member = &run->members[i];

        if (!member->code || run->file->tasks[i].may_end)
            continue;
        if (!member->has_followed)
            return member->code;
        any = any ? any : member->code;
    }
    return any;
}

/* A sidecar that is ended because it is not needed any more has done its work. */
static bool was_asked_to_end(const struct group_run *run, size_t number,
                             const struct proffer_status *status)
{
    if (run->file->tasks[number].part != PROFFER_SIDECAR || status->state != PROFFER_TASK_KILLED ||
        *status->reason)
        return false;
    return !run->is_killed;
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct group_run *run = user;

    (void)scheduler;
    for (size_t i = 0; i < run->file->tasks_count; i++) {
        struct member *member = &run->members[i];

        if (strcmp(run->file->tasks[i].id, status->task_id) != 0 ||
            proffer_task_state_is_terminal(member->state))
            continue;
        if (member->state != status->state)
            show(status);
        member->state = status->state;
        if (!proffer_task_state_is_terminal(status->state) && status->state != PROFFER_TASK_UNKNOWN)
            continue;
        member->code = was_asked_to_end(run, i, status) ? 0 : code_of(status);
        member->has_followed = !strcmp(status->reason, "REASON_TASK_GROUP_ENDED");
    }
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct group_run *run = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);
    struct proffer_err err;
    int rc = run->is_launched ? 0
                              : proffer_fit_launch_group(fit, &run->file->group, run->file->tasks,
                                                         run->file->tasks_count, &err);

    if (rc < 0 && rc != -ENOSPC) {
        run->code = cli_fail(EXIT_RUN_FAILED, "%s", err.text);
        run->is_broken = true;
    } else if (rc == -ENOSPC && !run->has_told_shortage) {
        cli_fail(0, "no offer is large enough yet: %s", err.text);
        run->has_told_shortage = true;
    }
    run->is_launched = run->is_launched || rc == 0;
    proffer_fit_finish(&fit, rc == -ENOSPC ? 5.0 : 3600.0);
    if (run->is_launched)
        proffer_suppress(scheduler, NULL);
}

static void on_disconnected(struct proffer_scheduler *scheduler, const char *reason, void *user)
{
    (void)scheduler;
    (void)user;
    cli_fail(0, "no connection to the master: %s; trying again (--master, PROFFER_MASTER)", reason);
}

static void on_error(struct proffer_scheduler *scheduler, const char *message, void *user)
{
    struct group_run *run = user;

    (void)scheduler;
    run->is_broken = true;
    run->code = cli_fail(EXIT_RUN_FAILED, "%s", message);
}

/* --- the loop ----------------------------------------------------------------------------------- */

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The kill of one is the end of all; the second time there is no waiting for it. */
static void on_signal(struct group_run *run, int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (run->is_killed || !run->is_launched) {
            run->is_broken = true;
            run->code = 128 + (int)info.ssi_signo;
        }
        run->is_killed = true;
        for (size_t i = 0; i < run->file->tasks_count; i++)
            if (!proffer_task_state_is_terminal(run->members[i].state))
                proffer_kill(run->scheduler, run->file->tasks[i].id, -1);
    }
}

static int timeout_ms(const struct group_run *run)
{
    int64_t left_ms = (run->give_up_us - clock_now().mono_us + US_PER_MS - 1) / US_PER_MS;

    if (run->is_launched || !run->give_up_us)
        return -1;
    return left_ms > 0 ? (int)left_ms : 0;
}

static void loop(struct group_run *run, int signals)
{
    struct pollfd fds[] = {{proffer_scheduler_fd(run->scheduler), POLLIN, 0}, {signals, POLLIN, 0}};

    while (!run->is_broken && !is_over(run)) {
        poll(fds, ARRAY_SIZE(fds), timeout_ms(run));
        if (fds[1].revents)
            on_signal(run, signals);
        if (fds[0].revents && proffer_scheduler_dispatch(run->scheduler) <= 0)
            return;
        if (!run->is_launched && run->give_up_us && clock_now().mono_us >= run->give_up_us) {
            run->code =
                cli_fail(EXIT_RUN_FAILED, "nothing could be launched within the --wait time");
            return;
        }
    }
}

int run_group(const struct proffer_scheduler_options *options, const char *path, int64_t wait_ms)
{
    static const struct proffer_callbacks callbacks = {.offers = on_offers,
                                                       .update = on_update,
                                                       .error = on_error,
                                                       .disconnected = on_disconnected};
    CLEANUP(group_file_fini) struct group_file file = {.root = NULL};
    struct group_run run = {.file = &file};
    CLEANUP(close_fd) int signals = -1;
    struct proffer_err err;
    int code = group_file_read(path, &file);

    if (code)
        return code;
    signals = open_signals();
    run.members = mem_calloc(file.tasks_count, sizeof(*run.members));
    run.give_up_us = wait_ms ? clock_now().mono_us + wait_ms * US_PER_MS : 0;
    if (proffer_scheduler_new(options, &callbacks, &run, &run.scheduler, &err) < 0) {
        run.code = cli_fail(EXIT_RUN_FAILED, "%s", err.text);
    } else {
        loop(&run, signals);
        proffer_scheduler_stop(run.scheduler, true);
        proffer_scheduler_run(run.scheduler);
    }
    proffer_scheduler_destroy(&run.scheduler);
    if (!run.code)
        run.code = code_of_all(&run);
    free_p(&run.members);
    return run.code;
}
