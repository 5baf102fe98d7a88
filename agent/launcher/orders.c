/* What the agent asks for: launch, signal, usage. */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/launcher/collector.h"
#include "agent/launcher/groups.h"
#include "agent/launcher/state.h"
#include "agent/launcher/volumes.h"
#include "agent/shim/child.h"
#include "agent/shim/shim.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/isolation.h"
#include "proto/resources_info.h"

struct launched *launcher_find(struct launcher *self, const char *id)
{
    struct launched *launched;

    HASH_FIND(by_id, self->by_id, id, strlen(id), launched);
    return launched;
}

/* --- launch ------------------------------------------------------------------------------------- */

/* There is one thread and no lock, so nothing to be made good for the child, and no page to be written to for that. */
static pid_t fork_in_namespace(bool of_pids)
{
    struct clone_args args = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};

    return of_pids ? (pid_t)syscall(SYS_clone3, &args, sizeof(args)) : _Fork();
}

static int fork_shim(struct launcher *self, struct launched *launched, struct shim_plan *plan,
                     struct err *err)
{
    char spare[RECORD_SPARE_MAX];
    struct launched *other;
    pid_t pid;

    records_spare(&self->records, spare);
    plan->spare = spare;
    plan->is_init =
        self->proc_fd >= 0 && child_can_have_shim_as_init(plan->spawn, plan->order->group);
    pid = fork_in_namespace(plan->is_init);
    if (pid == 0)
        shim_run(plan);
    if (pid < 0)
        return err_errno(err, -errno,
                         plan->is_init ? "cannot fork (see /proc/sys/user/max_pid_namespaces)"
                                       : "cannot fork");
    records_take(&self->records);
    /* An adopted one whose end we have not looked at yet had that number, which is now the new one's. */
    other = launcher_find_by_shim(self, pid);
    if (other)
        HASH_DELETE(by_shim, self->by_shim, other);
    launched->shim = pid;
    HASH_ADD_KEYPTR(by_id, self->by_id, launched->id, strlen(launched->id), launched);
    HASH_ADD(by_shim, self->by_shim, shim, sizeof(launched->shim), launched);
    if (other)
        launcher_end(self, other);
    return 0;
}

bool launcher_uses(const struct launcher *self, const char *name)
{
    for (size_t i = 0; i < self->isolators.count; i++)
        if (strcmp(self->isolators.items[i]->name, name) == 0)
            return true;
    return false;
}

static int launch_isolated(struct launcher *self, const struct msg_launch_container *order,
                           struct isolation *isolation, const struct group_launch *group,
                           struct err *err)
{
    struct shim_plan plan = {
        .order = order,
        .cgroups = self->isolators.cgroups,
        .spawn = &self->spawn,
        .records_dir = self->records.dir,
        .launcher = getpid(),
        .proc_fd = self->proc_fd,
        .notes_fd = self->records.notes_write_fd,
        .signals_fd = self->signals_fd,
        .channel_fd = self->channel.fd,
        .leave_launcher = launcher_leave_wholly,
        .launcher_self = self,
        .files = self->has_more_files ? &self->files : NULL,
        .log_max_bytes = self->log_max_bytes,
        .log_files = self->log_files,
        .fetcher = self->fetcher,
        .fetcher_program = launcher_program(self, "proffer-fetcher", self->arena),
    };
    CLEANUP(identity_destroy) struct identity *identity = NULL;
    struct launched *launched = NULL;
    int rc = accounts_find(&self->accounts, order->user, &plan.account, err);

    if (rc == 0)
        rc = identity_make(order, plan.account, &identity, err);
    plan.kept = identity ? identity->kept : NULL;

    if (rc == 0)
        rc = sandboxes_make(&self->sandboxes, order->sandbox, plan.account, &plan.sandbox, err);
    if (rc == 0 && plan.account) {
        isolation->has_user = true;
        isolation->uid = plan.account->uid;
        isolation->gid = plan.account->gid;
    }
    spawn_init(&self->spawn);
    if (rc == 0)
        rc = launched_new(isolation, &self->isolators, &self->spawn, &launched, err);
    if (rc == 0) /* now that what is made in the sandbox is of its project (disk/quota) */
        rc = volumes_place(&plan.sandbox, order->volumes, order->volumes_count, plan.account,
                           launcher_uses(self, "volume/persistent"), err);
    if (rc == 0)
        rc = launcher_group_place(self, order, &plan.sandbox, plan.account, err);
    if (rc == 0)
        rc = launcher_group_spawn(group, &self->spawn, err);
    if (rc == 0)
        rc = fork_shim(self, launched, &plan, err);
    if (rc == 0)
        launched->identity = TAKE(identity);
    if (rc < 0 && launched) {
        launched_release(launched);
        launched_destroy(&launched);
    }
    return rc;
}

static int launch(struct launcher *self, const struct msg_launch_container *order, struct err *err)
{
    struct isolation isolation = {
        .container_id = order->container_id,
        .cgroups = self->isolators.cgroups,
        .bursts = order->limits,
        .bursts_count = order->limits_count,
        .command = order->command,
        .asks = order->isolation ? order->isolation : &isolation_asks_nothing,
        .volumes = order->volumes,
        .volumes_count = order->volumes_count,
        .sandbox = order->sandbox,
        .pids_max = order->pids_max ? order->pids_max : self->pids_max,
        .cpus = order->cpus,
        .mems = order->mems,
        .gpus = order->gpus,
        .gpus_count = order->gpus_count,
        .executors_dir = order->executor && *self->executors_dir ? self->executors_dir : NULL,
    };
    CLEANUP(launcher_group_close) struct group_launch group = {.seen.mounts_fd = -1};
    int rc;

    if (self->records.dir < 0)
        return err_set(err, -EINVAL, "the launcher is not configured");
    if (strlen(order->container_id) > CGFS_NAME_MAX)
        return err_set(err, -ENAMETOOLONG, "a container_id has at most %d bytes", CGFS_NAME_MAX);
    rc = launcher_check_launch(self, order, err);
    if (rc == 0)
        rc = isolation_info_check(order->isolation, err);
    if (rc == 0)
        rc = launcher_group_find(self, order, &group, err);
    if (group.seen.is_holder)
        isolation.asks = &group.asks;
    if (group.seen.is_holder || group.seen.folder)
        isolation.group = &group.seen;
    if (rc == 0)
        rc = isolation_check_asks(&isolation, self->isolators.items, self->isolators.count, err);
    if (rc == 0 && order->pids_max && !launcher_uses(self, "cgroup/pids"))
        rc =
            err_set(err, -ENOTSUP, "it asks for pids_max, and this agent does not use cgroup/pids");
    if (rc == 0)
        rc = resources_from_info(&isolation.limits, order->resources, order->resources_count, err);
    if (rc == 0)
        rc = launch_isolated(self, order, &isolation, &group, err);
    resources_fini(&isolation.limits);
    return rc;
}

void launcher_launch(struct launcher *self, const struct msg_launch_container *order)
{
    struct err err;

    if (launcher_find(self, order->container_id)) {
        /* An answer would be taken for the end of the one that runs. */
        log_error("container %s is asked for twice", order->container_id);
        return;
    }
    if (launch(self, order, &err) < 0)
        launcher_send(self, &MESSAGE(CONTAINER_EXITED, container_exited,
                                     .container_id = order->container_id, .error = err.text,
                                     .ended_us = clock_now().wall_us));
}

/* --- new limits --------------------------------------------------------------------------------- */

static bool is_there(const struct launched *launched)
{
    return launched && launched->state != LAUNCHED_ENDING;
}

static int update(struct launcher *self, const struct msg_update_container *order, struct err *err)
{
    struct isolation now = {
        .container_id = order->container_id,
        .cgroups = self->isolators.cgroups,
        .bursts = order->limits,
        .bursts_count = order->limits_count,
        .asks = &isolation_asks_nothing,
        .pids_max = order->pids_max ? order->pids_max : self->pids_max,
        .sandbox = order->sandbox,
        .cpus = order->cpus,
        .mems = order->mems,
    };
    struct launched *launched = launcher_find(self, order->container_id);
    int rc;

    if (!is_there(launched))
        return err_set(err, -ESRCH, "it has ended");
    rc = *order->sandbox ? launcher_check_sandbox(self, order->sandbox, err) : 0;
    if (rc == 0)
        rc = resources_from_info(&now.limits, order->resources, order->resources_count, err);
    if (rc == 0)
        rc = launched_update(launched, &now, order->only_cpus, err);
    resources_fini(&now.limits);
    return rc;
}

void launcher_update(struct launcher *self, const struct msg_update_container *order)
{
    struct err err = {""};

    if (update(self, order, &err) == 0)
        *err.text = '\0';
    else if (!order->number && launcher_find(self, order->container_id))
        log_error("container %s: %s", order->container_id, err.text);
    if (!order->number)
        return;
    launcher_send(self, &MESSAGE(CONTAINER_UPDATED, container_updated,
                                 .container_id = order->container_id, .number = order->number,
                                 .error = err.text,
                                 .ended = !is_there(launcher_find(self, order->container_id))));
}

/* --- signals ------------------------------------------------------------------------------------ */

/* By us as well as by the shim: the shim stands still while its task's process is on its way to exec. */
void launcher_kill(const struct launched *launched)
{
    launched_signal_shim(launched, SHIM_SIGNAL_KILL);
    launched_kill(launched);
}

void launcher_signal(struct launcher *self, const struct msg_signal_container *order)
{
    struct launched *launched = launcher_find(self, order->container_id);

    if (!launched)
        return; /* it has ended, and the agent will read of it */
    if (order->kill)
        launcher_kill(launched);
    else
        launched_signal_shim(launched, SHIM_SIGNAL_TERM);
}

void launcher_forget(struct launcher *self, const struct msg_forget_container *order)
{
    if (launcher_find(self, order->container_id)) {
        log_error("container %s is to be forgotten before its end is told", order->container_id);
    } else if (self->records.dir >= 0) {
        launcher_mark_sandbox(self, order->sandbox);
        records_give(&self->records, order->container_id);
    }
}

/* --- usage -------------------------------------------------------------------------------------- */

static void report_each(struct launcher *self, const struct msg_usage_request *request)
{
    size_t max =
        request->container_ids_count ? request->container_ids_count : HASH_CNT(by_id, self->by_id);
    struct usage_info *usages = arena_array(self->arena, max, sizeof(*usages));
    struct usage_more *more = arena_array(self->arena, max, sizeof(*more));
    struct launched *launched, *next;
    size_t count = 0;

    if (!usages || !more)
        max = 0;
    for (size_t i = 0; i < max; i++)
        usages[i].more = &more[i];
    if (request->container_ids_count) {
        for (size_t i = 0; i < request->container_ids_count && count < max; i++)
            if ((launched = launcher_find(self, request->container_ids[i])))
                launched_read_usage(launched, &usages[count++]);
    } else {
        HASH_ITER (by_id, self->by_id, launched, next)
            if (count < max)
                launched_read_usage(launched, &usages[count++]);
    }
    launcher_send(self, &MESSAGE(USAGE_REPLY, usage_reply, .number = request->number,
                                 .usages = usages, .usages_count = count));
}

/* The kernel has summed it up: the isolators look at the group that all containers' are in. */
static void report_total(struct launcher *self, int64_t number)
{
    const bool is_ready = self->records.dir >= 0; /* before that there are no isolators */
    const struct isolation was = {
        .container_id = ".", .cgroups = self->isolators.cgroups, .asks = &isolation_asks_nothing};
    struct usage_more more = {0};
    struct usage_info usage = {.more = &more};

    if (is_ready && !self->whole)
        launched_recover(&was, &self->isolators, &self->whole);
    if (is_ready)
        launched_read_usage(self->whole, &usage);
    usage.container_id = "all";
    launcher_send(self, &MESSAGE(USAGE_REPLY, usage_reply, .number = number, .usages = &usage,
                                 .usages_count = is_ready ? 1 : 0));
}

void launcher_report_usage(struct launcher *self, const struct msg_usage_request *request)
{
    if (request->total) {
        report_total(self, request->number);
        return;
    }
    report_each(self, request);
}
