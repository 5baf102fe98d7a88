/* What isolators are told by the kernel while containers run, and new limits for these. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "agent/launcher/state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/resources_info.h"

/* --- events -------------------------------------------------------------------------------------- */

size_t launcher_watched(const struct launcher *self, struct pollfd ret_fds[])
{
    size_t count = 0;

    for (size_t i = 0; i < self->isolators.count; i++) {
        const struct isolator_ops *ops = self->isolators.items[i];
        int fd = ops->events_fd ? ops->events_fd() : -1;

        if (fd >= 0)
            ret_fds[count++] = (struct pollfd){fd, POLLIN, 0};
    }
    return count;
}

/* The kernel tells that a process is to be killed before it has chosen and killed one: so it is looked again, a few
 * times, ever later. */
#define LOOK_FIRST_MS 2
#define LOOKS         10

static void check(struct launched *launched, size_t index)
{
    struct limitation limitation = {0};

    if (launched->lacks[index] || launched->limitation.reason || launched->state == LAUNCHED_ENDING)
        return;
    launched->isolators->items[index]->check(launched->states[index], &limitation);
    if (!limitation.reason)
        return;
    launched->limitation = limitation;
    launcher_kill(launched);
}

static void check_all(struct launcher *self)
{
    struct launched *launched, *next;

    for (size_t i = 0; i < self->isolators.count; i++)
        if (self->isolators.items[i]->check)
            HASH_ITER (by_id, self->by_id, launched, next)
                check(launched, i);
}

static void look_again(void *owner, struct deadline *deadline);

static void look(struct launcher *self)
{
    int64_t pause_ms = (int64_t)LOOK_FIRST_MS << self->looks;

    check_all(self);
    if (++self->looks > LOOKS)
        return;
    self->look.due = look_again;
    deadline_set(&self->deadlines, &self->look, clock_now().mono_us + pause_ms * US_PER_MS);
}

static void look_again(void *owner, struct deadline *deadline)
{
    (void)deadline;
    look(owner);
}

void launcher_on_events(struct launcher *self)
{
    bool has_happened = false;

    for (size_t i = 0; i < self->isolators.count; i++) {
        const struct isolator_ops *ops = self->isolators.items[i];

        if (ops->on_event && ops->on_event())
            has_happened = true;
    }
    if (!has_happened)
        return;
    deadline_cancel(&self->deadlines, &self->look);
    self->looks = 0;
    look(self);
}

/* --- new limits ---------------------------------------------------------------------------------- */

static int update_all(struct launched *launched, const struct isolation *now, struct err *err)
{
    for (size_t i = 0; i < launched->isolators->count; i++) {
        const struct isolator_ops *ops = launched->isolators->items[i];
        int rc =
            ops->update && !launched->lacks[i] ? ops->update(launched->states[i], now, err) : 0;

        if (rc < 0)
            return err_wrap(err, rc, "%s", ops->name);
    }
    return 0;
}

static int update(struct launcher *self, struct launched *launched,
                  const struct msg_update_container *order, struct err *err)
{
    struct isolation now = {
        .container_id = order->container_id,
        .cgroups = self->isolators.cgroups,
        .bursts = order->limits,
        .bursts_count = order->limits_count,
        .pids_max = order->pids_max ? order->pids_max : self->pids_max,
        .sandbox = order->sandbox,
        .cpus = order->cpus,
        .mems = order->mems,
        .has_only_cpus = order->only_cpus,
    };
    int rc;

    if (launched->state == LAUNCHED_ENDING)
        return err_set(err, -ESRCH, "it is ending");
    rc = resources_from_info(&now.limits, order->resources, order->resources_count, err);
    if (rc == 0)
        rc = update_all(launched, &now, err);
    resources_fini(&now.limits);
    return rc;
}

void launcher_update(struct launcher *self, const struct msg_update_container *order)
{
    struct launched *launched = launcher_find(self, order->container_id);
    struct err err = {""};
    int rc = launched ? update(self, launched, order, &err) : err_set(&err, -ESRCH, "it has ended");

    if (order->number)
        launcher_send(self, &MESSAGE(CONTAINER_UPDATED, container_updated,
                                     .container_id = order->container_id, .number = order->number,
                                     .error = rc < 0 ? err.text : ""));
    else if (rc < 0 && launched && launched->state != LAUNCHED_ENDING)
        log_error("container %s: %s", order->container_id, err.text);
}
