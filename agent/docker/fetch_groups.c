#include "agent/docker/fetch_groups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "isolators/builtin.h"
#include "proto/resources_info.h"

#define AGAIN_NS 20000000 /* what was killed has ended by then, mostly */

/* A group that is not empty yet. */
struct leaving {
    struct launched *group; /* owned */
    struct leaving *prev, *next;
};

struct fetch_groups {
    struct isolator_set set;
    int64_t pids_max;
    struct spawn spawn; /* of the one at hand */
    struct leaving *leaving;
    int timer_fd; /* owned; set while there are some */
};

static const struct isolator_ops *const wanted[] = {&isolator_cgroup_memory, &isolator_cgroup_cpu,
                                                    &isolator_cgroup_pids};

/* The others there are the Engine's. */
static bool is_not_ours(const void *owner, const char *id)
{
    (void)owner;
    return strncmp(id, FETCH_GROUP_PREFIX, strlen(FETCH_GROUP_PREFIX)) != 0;
}

static void clear(struct fetch_groups *self)
{
    struct err err;

    if (cgroups_clear(self->set.cgroups, is_not_ours, NULL, &err) < 0)
        log_warning("what fetched for containers has left groups: %s", err.text);
}

int fetch_groups_new(const char *parent, int64_t pids_max, struct fetch_groups **ret_groups,
                     struct err *err)
{
    const char *names[ARRAY_SIZE(wanted)];
    CLEANUP(fetch_groups_destroy) struct fetch_groups *self = mem_new(struct fetch_groups);
    int rc;

    self->pids_max = pids_max;
    self->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (self->timer_fd < 0)
        return err_errno(err, -errno, "timer of what fetches");
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        names[i] = wanted[i]->controller;
    rc = cgroups_new(parent, names, ARRAY_SIZE(names), &self->set.cgroups, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        const struct isolator_host host = {.cgroups = self->set.cgroups};
        const struct cgroups_controller *one;

        if (cgroups_find(self->set.cgroups, names[i], &one, NULL) == 0 &&
            (!wanted[i]->setup || wanted[i]->setup(&host, NULL) == 0))
            self->set.items[self->set.count++] = wanted[i];
    }
    if (self->set.cgroups->mode == CGROUPS_NONE)
        cgroups_destroy(&self->set.cgroups);
    else
        clear(self);
    *ret_groups = TAKE(self);
    return 0;
}

static void release_all(struct fetch_groups *self)
{
    struct leaving *one, *next;

    DL_FOREACH_SAFE (self->leaving, one, next) {
        launched_kill(one->group);
        if (launched_release(one->group) < 0)
            continue;
        DL_DELETE(self->leaving, one);
        launched_destroy(&one->group);
        free(one);
    }
    if (self->leaving)
        timerfd_settime(self->timer_fd, 0, &(struct itimerspec){.it_value = {.tv_nsec = AGAIN_NS}},
                        NULL);
}

int fetch_groups_fd(const struct fetch_groups *self)
{
    return self->timer_fd;
}

void fetch_groups_run(struct fetch_groups *self)
{
    uint64_t times;

    if (read(self->timer_fd, &times, sizeof(times)) == sizeof(times))
        release_all(self);
}

void fetch_groups_destroy(struct fetch_groups **self_p)
{
    struct fetch_groups *self = TAKE(*self_p);

    if (!self)
        return;
    if (self->set.cgroups)
        clear(self); /* it waits for those that are not empty */
    release_all(self);
    cgroups_destroy(&self->set.cgroups);
    close_fd(&self->timer_fd);
    free(self);
}

int fetch_groups_make(struct fetch_groups *self, const struct msg_launch_container *order,
                      struct launched **ret_group, struct err *err)
{
    CLEANUP(free_p) char *name = mem_printf(FETCH_GROUP_PREFIX "%s", order->container_id);
    struct isolation want = {
        .container_id = name,
        .cgroups = self->set.cgroups,
        .bursts = order->limits,
        .bursts_count = order->limits_count,
        .command = order->command,
        .asks = &isolation_asks_nothing,
        .sandbox = order->sandbox,
        .pids_max = order->pids_max ? order->pids_max : self->pids_max,
    };
    int rc;

    release_all(self);
    if (!self->set.cgroups)
        return 0;
    rc = resources_from_info(&want.limits, order->resources, order->resources_count, err);
    if (rc < 0)
        return rc;
    spawn_init(&self->spawn);
    rc = launched_new(&want, &self->set, &self->spawn, ret_group, err);
    resources_fini(&want.limits);
    return rc;
}

int fetch_groups_open(struct fetch_groups *self, const struct launched *group, const int **ret_fds,
                      struct err *err)
{
    struct spawn *spawn = &self->spawn;
    int rc;

    spawn_init(spawn);
    rc = group ? cgroups_enter(self->set.cgroups, group->id, spawn, err) : 0;
    if (rc == 0 && spawn->cgroup_fd >= 0 && spawn->procs_count < SPAWN_GROUPS_MAX) {
        int fd = openat(spawn->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

        if (fd < 0)
            rc = err_errno(err, -errno, "cannot open a group for what fetches");
        else
            spawn->procs_fds[spawn->procs_count++] = fd;
    }
    *ret_fds = spawn->procs_fds;
    if (rc == 0)
        return (int)spawn->procs_count;
    fetch_groups_close(self);
    return rc;
}

void fetch_groups_close(struct fetch_groups *self)
{
    struct spawn *spawn = &self->spawn;

    while (spawn->procs_count)
        close(spawn->procs_fds[--spawn->procs_count]);
    close_fd(&spawn->cgroup_fd);
}

void fetch_groups_end(struct fetch_groups *self, struct launched **group_p,
                      struct limitation *ret_limitation)
{
    struct launched *group = TAKE(*group_p);
    struct leaving *one;

    *ret_limitation = (struct limitation){0};
    if (!group)
        return;
    launched_kill(group);
    launched_ask_isolators(group);
    if (group->limitation)
        *ret_limitation = *group->limitation;
    one = mem_new(struct leaving);
    one->group = group;
    DL_APPEND(self->leaving, one);
    release_all(self);
}
