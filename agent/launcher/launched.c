#include "agent/launcher/launched.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proto/limits.h"

static void destroy_states(struct launched *self, size_t count)
{
    while (count-- > 0)
        if (self->isolators->items[count]->destroy)
            self->isolators->items[count]->destroy(&self->parts[count].state);
}

static struct launched *allocate(const char *id, const struct isolator_set *isolators)
{
    struct launched *self =
        mem_calloc(1, sizeof(*self) + isolators->count * sizeof(self->parts[0]));

    self->id = mem_strdup(id);
    self->shim_fd = -1;
    self->isolators = isolators;
    return self;
}

static int prepare(struct launched *self, const struct isolation *want, struct spawn *spawn,
                   struct err *err)
{
    for (size_t i = 0; i < self->isolators->count; i++) {
        const struct isolator_ops *ops = self->isolators->items[i];
        int rc = ops->prepare(want, spawn, &self->parts[i].state, err);

        if (rc < 0) {
            destroy_states(self, i);
            return err_wrap(err, rc, "%s", ops->name);
        }
    }
    return 0;
}

int launched_new(const struct isolation *want, const struct isolator_set *isolators,
                 struct spawn *spawn, struct launched **ret_launched, struct err *err)
{
    CLEANUP(launched_destroy) struct launched *self = allocate(want->container_id, isolators);
    int rc = 0;

    if (isolators->cgroups)
        rc = cgroups_add(isolators->cgroups, self->id, err);
    if (rc < 0)
        return rc;
    rc = prepare(self, want, spawn, err);
    if (rc < 0) {
        if (isolators->cgroups)
            cgroups_remove(isolators->cgroups, self->id);
        return rc;
    }
    *ret_launched = TAKE(self);
    return 0;
}

void launched_recover(const struct isolation *was, const struct isolator_set *isolators,
                      struct launched **ret_launched)
{
    struct launched *self = allocate(was->container_id, isolators);

    for (size_t i = 0; i < isolators->count; i++) {
        const struct isolator_ops *ops = isolators->items[i];

        self->parts[i].is_lacking =
            ops->recover && ops->recover(was, &self->parts[i].state, NULL) < 0;
    }
    *ret_launched = self;
}

void launched_destroy(struct launched **self_p)
{
    struct launched *self = TAKE(*self_p);

    if (!self)
        return;
    destroy_states(self, self->isolators->count);
    close_fd(&self->shim_fd);
    identity_destroy(&self->identity);
    free(self->limitation);
    free(self->id);
    free(self);
}

void launched_move(struct launched *self, enum launched_state state)
{
    static const bool allowed[LAUNCHED_STATE_MAX][LAUNCHED_STATE_MAX] = {
        [LAUNCHED_STARTING] = {[LAUNCHED_RUNNING] = true, [LAUNCHED_ENDING] = true},
        [LAUNCHED_RUNNING] = {[LAUNCHED_ENDING] = true},
    };

    BUG_ON(!allowed[self->state][state]);
    self->state = state;
}

/* The first one is the reason. */
static void note_limitation(struct launched *self, const struct limitation *one)
{
    if (!one->reason || self->limitation)
        return;
    self->limitation = mem_new(struct limitation);
    *self->limitation = *one;
}

void launched_ask_isolators(struct launched *self)
{
    struct usage_more more = {0};
    struct usage_info usage = {.more = &more};

    if (self->was_asked)
        return;
    self->was_asked = true;
    for (size_t i = 0; i < self->isolators->count; i++) {
        struct limitation one = {0};

        if (self->parts[i].is_lacking || !self->isolators->items[i]->ended)
            continue;
        self->isolators->items[i]->ended(self->parts[i].state, &usage, &one);
        note_limitation(self, &one);
    }
    self->peak_mem_bytes = usage.mem_peak_bytes;
    self->cpu_user_us = usage.cpu_user_us;
    self->cpu_system_us = usage.cpu_system_us;
}

void launched_read_usage(struct launched *self, struct usage_info *usage)
{
    usage->container_id = self->id;
    usage->timestamp_us = clock_now().wall_us;
    for (size_t i = 0; i < self->isolators->count; i++)
        if (!self->parts[i].is_lacking && self->isolators->items[i]->usage)
            self->isolators->items[i]->usage(self->parts[i].state, usage, NULL);
}

/* Does one of the limits that are asked for need it? */
static bool is_asked(const struct isolator_ops *ops, const struct isolation *now)
{
    for (size_t i = 0; i < now->bursts_count; i++) {
        const char *isolator = limits_isolator(now->bursts[i].name);

        if (isolator && strcmp(isolator, ops->name) == 0)
            return true;
    }
    return false;
}

/* Of a task that was started before this isolator was in use there is nothing to change. */
static int update_one(struct launched *self, size_t number, const struct isolation *now,
                      bool only_places, struct err *err)
{
    const struct isolator_ops *ops = self->isolators->items[number];

    if (!self->parts[number].is_lacking)
        return ops->update(self->parts[number].state, now, err);
    if (!only_places && !is_asked(ops, now))
        return 0;
    return err_set(err, -ENOTSUP, "it was started when that was not in use");
}

int launched_update(struct launched *self, const struct isolation *now, bool only_places,
                    struct err *err)
{
    int first = 0;

    for (size_t i = 0; i < self->isolators->count; i++) {
        const struct isolator_ops *ops = self->isolators->items[i];
        struct err why;
        int rc;

        if (!ops->update || (only_places && !(ops->needs & ISOLATOR_PLACES)))
            continue;
        rc = update_one(self, i, now, only_places, &why);
        if (rc < 0 && first == 0)
            first = err_set(err, rc, "%s: %s", ops->name, why.text);
    }
    return first;
}

bool launched_check(struct launched *self, size_t number)
{
    const struct isolator_ops *ops = self->isolators->items[number];
    struct limitation one = {0};

    if (!self->parts[number].is_lacking && !self->limitation)
        ops->check(self->parts[number].state, &one);
    note_limitation(self, &one);
    return !self->limitation;
}

void launched_signal_shim(const struct launched *self, int signal)
{
    if (self->shim_fd >= 0)
        syscall(SYS_pidfd_send_signal, self->shim_fd, signal, NULL, 0);
    else if (self->shim)
        kill(self->shim, signal); /* our child: its number is its own until we have waited for it */
}

void launched_kill(const struct launched *self)
{
    if (self->isolators->cgroups)
        cgroups_kill(self->isolators->cgroups, self->id);
}

int launched_release(struct launched *self)
{
    int rc = self->isolators->cgroups ? cgroups_remove(self->isolators->cgroups, self->id) : 0;

    if (rc == 0)
        destroy_states(self, self->isolators->count);
    return rc;
}
