#include "agent/launcher/looks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/launcher/check_mark.h"
#include "agent/launcher/check_run.h"
#include "agent/launcher/state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/checks.h"

/* A helper keeps the time by itself; one that cannot is killed. */
#define BACKSTOP_US ((int64_t)3 * US_PER_S)
/* A task has a check and a health check, each with one look at a time. */
#define PER_CONTAINER_MAX 2
#define LOOKS_MAX         4096
/* How long what a helper left that was killed is looked for. */
#define CLEAN_TRIES 100
#define CLEAN_US    ((int64_t)20 * US_PER_MS)

struct container_look {
    struct container_look *prev, *next; /* launcher->looks */
    struct helper helper;
    pid_t pid; /* of the helper, and of one that has ended */
    unsigned tries;
    struct deadline backstop; /* of the helper; then the next try to clean up */
    int64_t number;
    enum check_kind kind;
    bool
        has_marks; /* it is a command's: then its helper is never the task's, who connects may be */
    int mark_fd;   /* owned; -1: none was needed */
    struct check_outcome outcome;
    bool has_outcome;
    char container_id[];
};

static void answer(struct launcher *launcher, const char *container_id, int64_t number,
                   const struct check_status *result)
{
    launcher_send(launcher,
                  &MESSAGE(CONTAINER_CHECKED, container_checked, .container_id = container_id,
                           .number = number, .result = result));
}

/* Its command, and the launcher has yet to hear of it. */
static bool has_ended(const struct launched *launched)
{
    CLEANUP(close_fd) int pidfd = -1;
    struct pollfd end;

    if (launched->state != LAUNCHED_RUNNING)
        return true;
    pidfd = check_open_process(launched->pid, launched->shim, NULL);
    end = (struct pollfd){pidfd, POLLIN, 0};
    return pidfd < 0 ? pidfd == -ESRCH : poll(&end, 1, 0) > 0;
}

/* Of what has ended its end is told: a look in that very moment fails, and would make a failure of a task that is done. */
static void answer_unless_ended(struct launcher *launcher, const struct container_look *self,
                                const struct check_status *result)
{
    const struct launched *launched = launcher_find(launcher, self->container_id);

    if (launched && !has_ended(launched))
        answer(launcher, self->container_id, self->number, result);
}

static void on_readable(struct launcher *launcher, struct helper *helper)
{
    struct container_look *self = CONTAINER_OF(helper, struct container_look, helper);

    (void)launcher;
    if (check_outcome_receive(helper->fd, self->has_marks ? &self->mark_fd : NULL, &self->outcome))
        self->has_outcome = true;
}

static void drop(struct launcher *launcher, struct container_look *self)
{
    deadline_cancel(&launcher->deadlines, &self->backstop);
    DL_DELETE(launcher->looks, self);
    close_fd(&self->mark_fd);
    free(self);
}

/* --- what a helper left that was killed -------------------------------------------------------------- */

static bool has_marked(const struct container_look *self)
{
    CLEANUP(close_fd) int proc_fd = -1;

    if (self->mark_fd < 0)
        return false;
    proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return check_mark_kill(proc_fd, self->mark_fd) > 0;
}

static bool is_clean(struct launcher *launcher, const struct container_look *self)
{
    const struct cgroups *cgroups = launcher->isolators.cgroups;
    const bool has_strays = launcher_kill_strays(launcher);
    char group[CGFS_NAME_MAX + 32];

    if (!cgroups)
        return !has_marked(self) && !has_strays;
    snprintf(group, sizeof(group), "%s/" CHECK_GROUP_PREFIX "%d", self->container_id, self->pid);
    cgroups_kill(cgroups, group);
    return cgroups_leave_inner(cgroups, group) == 0 && !has_strays;
}

static void on_clean_again(void *owner, struct deadline *deadline);

static void clean_up(struct launcher *launcher, struct container_look *self)
{
    if (is_clean(launcher, self) || ++self->tries >= CLEAN_TRIES) {
        drop(launcher, self);
        return;
    }
    self->backstop.due = on_clean_again;
    deadline_set(&launcher->deadlines, &self->backstop, clock_now().mono_us + CLEAN_US);
}

static void on_clean_again(void *owner, struct deadline *deadline)
{
    clean_up(owner, CONTAINER_OF(deadline, struct container_look, backstop));
}

/* --- its end ------------------------------------------------------------------------------------ */

static void on_ended(struct launcher *launcher, struct helper *helper, int status)
{
    struct container_look *self = CONTAINER_OF(helper, struct container_look, helper);
    struct check_status result = check_outcome_status(&self->outcome, self->kind);

    (void)status;
    if (!self->has_outcome) {
        result.timed_out = true;
        result.message = "the process that looked was killed";
    }
    answer_unless_ended(launcher, self, &result);
    if (self->has_outcome)
        drop(launcher, self);
    else
        clean_up(launcher, self);
}

static void on_backstop(void *owner, struct deadline *deadline)
{
    const struct container_look *self = CONTAINER_OF(deadline, struct container_look, backstop);

    (void)owner;
    helper_kill(&self->helper);
}

/* --- start -------------------------------------------------------------------------------------- */

static int count(const struct launcher *launcher, const char *container_id, struct err *err)
{
    const struct container_look *look;
    size_t all = 0, here = 0;

    DL_FOREACH (launcher->looks, look) {
        all++;
        here += look->helper.pid && strcmp(look->container_id, container_id) == 0;
    }
    if (here >= PER_CONTAINER_MAX)
        return err_set(err, -EBUSY, "%zu others look at it", here);
    return all > LOOKS_MAX ? err_set(err, -EBUSY, "%d others look at containers", LOOKS_MAX) : 0;
}

/* What the order says of the command, its limits, too, being those of the container. */
static struct check_info complete(const struct check_info *info, const struct identity *identity,
                                  struct command_info *command)
{
    struct check_info complete = *info;

    if (!info->command)
        return complete;
    *command = *info->command;
    command->rlimits = identity->kept->rlimits;
    command->rlimits_count = identity->kept->rlimits_count;
    complete.command = command;
    return complete;
}

static int start_helper(struct launcher *launcher, const struct msg_check_container *order,
                        const struct launched *launched, struct container_look *self,
                        struct err *err)
{
    const struct identity *identity = launched->identity;
    struct command_info command;
    const struct check_info info = complete(order->check, identity, &command);
    struct check_plan plan = {
        .info = &info,
        .account = identity_account(identity),
        .cgroups = launcher->isolators.cgroups,
        .container_id = order->container_id,
        .sandbox = identity->kept->sandbox,
        .isolators = &launcher->isolators,
        .asks = identity->kept->isolation ? identity->kept->isolation : &isolation_asks_nothing,
        .pid = launched->pid,
        .shim = launched->shim,
        .launcher = getpid(),
        .files = launcher->has_more_files ? &launcher->files : NULL,
        .program = launcher_program(launcher, "proffer-check", launcher->arena),
    };
    int rc = helper_start(launcher, &self->helper, true, check_run, &plan, err);

    self->pid = self->helper.pid;
    return rc;
}

static int start(struct launcher *launcher, const struct msg_check_container *order,
                 struct container_look *self, struct err *err)
{
    struct launched *launched = launcher_find(launcher, order->container_id);
    int rc;

    if (!launched || launched->state != LAUNCHED_RUNNING)
        return err_set(err, -ESRCH, "it does not run");
    rc = count(launcher, order->container_id, err);
    if (rc == 0 && !launched->identity)
        rc = identity_read(launcher->records.dir, launched->id, &launched->identity, err);
    return rc < 0 ? rc : start_helper(launcher, order, launched, self, err);
}

void launcher_look(struct launcher *launcher, const struct msg_check_container *order)
{
    size_t size = strlen(order->container_id) + 1;
    struct container_look *self = mem_calloc(1, sizeof(*self) + size);
    const struct check_info *info = order->check;
    struct err err;

    memcpy(self->container_id, order->container_id, size);
    self->number = order->number;
    self->kind = check_kind_of(info);
    self->mark_fd = -1;
    self->has_marks = info->command != NULL;
    self->helper.on_readable = on_readable;
    self->helper.on_ended = on_ended;
    self->backstop.due = on_backstop;
    DL_APPEND(launcher->looks, self);
    if (!info->command && !info->http && !info->tcp)
        err_set(&err, -EINVAL, "there is nothing to look at");
    else if (start(launcher, order, self, &err) == 0) {
        deadline_set(&launcher->deadlines, &self->backstop,
                     clock_now().mono_us + BACKSTOP_US + check_timeout_ms(info) * US_PER_MS);
        return;
    }
    answer_unless_ended(launcher, self,
                        &(struct check_status){.kind = self->kind, .message = err.text});
    drop(launcher, self);
}

void launcher_looks_fini(struct launcher *launcher)
{
    while (launcher->looks)
        drop(launcher, launcher->looks);
}
