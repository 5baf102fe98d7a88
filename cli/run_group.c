#include "cli/run_group.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <proffer/proffer.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/printable.h"
#include "cli/cli.h"
#include "cli/group_file.h"
#include "cli/running.h"

struct member {
    enum proffer_task_state state; /* 0: nothing heard yet */
    int code;                      /* once it has ended */
    bool has_followed;             /* it was ended because another had */
};

struct group_run {
    struct running running;
    struct group_file *file;
    struct member *members;
};

/* --- what is told ------------------------------------------------------------------------------- */

static void show(const struct proffer_status *status)
{
    print_line(stdout, "%s %s%s%s", status->task_id, proffer_task_state_name(status->state),
               *status->message ? ": " : "", status->message);
    fflush(stdout);
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
    return !run->running.is_killed;
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
        member->code = was_asked_to_end(run, i, status) ? 0 : running_code_of(status);
        member->has_followed = !strcmp(status->reason, "REASON_TASK_GROUP_ENDED");
    }
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct group_run *run = user;
    struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);
    struct proffer_err err;
    int rc = run->running.is_launched
                 ? 0
                 : proffer_fit_launch_group(fit, &run->file->group, run->file->tasks,
                                            run->file->tasks_count, &err);

    running_settle(&run->running, fit, rc, &err);
}

static void on_error(struct proffer_scheduler *scheduler, const char *message, void *user)
{
    struct group_run *run = user;

    (void)scheduler;
    run->running.is_broken = true;
    run->running.code = cli_fail(EXIT_RUN_FAILED, "%s", message);
}

/* --- the loop ----------------------------------------------------------------------------------- */

/* The kill of one is the end of all; the second time there is no waiting for it. */
static void on_signal(struct group_run *run, int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (run->running.is_killed || !run->running.is_launched) {
            run->running.is_broken = true;
            run->running.code = 128 + (int)info.ssi_signo;
        }
        run->running.is_killed = true;
        for (size_t i = 0; i < run->file->tasks_count; i++)
            if (!proffer_task_state_is_terminal(run->members[i].state))
                proffer_kill(run->running.scheduler, run->file->tasks[i].id, -1);
    }
}

static void loop(struct group_run *run, int signals)
{
    struct pollfd fds[] = {{proffer_scheduler_fd(run->running.scheduler), POLLIN, 0},
                           {signals, POLLIN, 0}};

    while (!run->running.is_broken && !is_over(run)) {
        poll(fds, ARRAY_SIZE(fds), running_timeout_ms(&run->running));
        if (fds[1].revents)
            on_signal(run, signals);
        if (fds[0].revents && proffer_scheduler_dispatch(run->running.scheduler) <= 0)
            return;
        if (running_gave_up(&run->running))
            return;
    }
}

int run_group(const struct proffer_scheduler_options *options, const char *path, int64_t wait_ms)
{
    static const struct proffer_callbacks callbacks = {.offers = on_offers,
                                                       .update = on_update,
                                                       .error = on_error,
                                                       .disconnected = running_disconnected};
    CLEANUP(group_file_fini) struct group_file file = {.root = NULL};
    struct group_run run = {.file = &file};
    CLEANUP(close_fd) int signals = -1;
    struct proffer_err err;
    int code = group_file_read(path, &file);

    if (code)
        return code;
    signals = running_signals();
    run.members = mem_calloc(file.tasks_count, sizeof(*run.members));
    running_wait(&run.running, wait_ms);
    if (proffer_scheduler_new(options, &callbacks, &run, &run.running.scheduler, &err) < 0) {
        run.running.code = cli_fail(EXIT_RUN_FAILED, "%s", err.text);
    } else {
        loop(&run, signals);
        proffer_scheduler_stop(run.running.scheduler, true);
        proffer_scheduler_run(run.running.scheduler);
    }
    proffer_scheduler_destroy(&run.running.scheduler);
    if (!run.running.code)
        run.running.code = code_of_all(&run);
    free_p(&run.members);
    return run.running.code;
}
