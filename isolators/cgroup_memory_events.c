/* What v1's kernel says of a group's memory by eventfd: "<eventfd> <descriptor of the file> [arguments]" written to
 * cgroup.event_control. Source: the kernel's cgroup-v1/memory.rst, "Memory thresholds", "Memory pressure".
 *
 * Out of memory: all containers share one eventfd, so that a thousand of them cost one descriptor. The kernel signals
 * it once more when a watched group is removed, some time later. As each removal counts exactly one, we subtract: what
 * is more than that is an event. One that comes while removals are not told yet is taken for one of those, and shows
 * as soon as they are. */
#include "isolators/cgroup_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"

static int shared_fd = -1; /* one launcher, one thread */
static uint64_t removals;  /* of watched groups, not told of yet */

static int ask(const struct memory_state *self, const char *file, int event_fd, const char *what)
{
    char path[CGFS_NAME_MAX + 64], order[64];
    CLEANUP(close_fd) int fd = -1;

    snprintf(path, sizeof(path), "%s/%s", self->group->id, file);
    fd = openat(self->group->group.dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    snprintf(order, sizeof(order), "%d %d%s%s", event_fd, fd, *what ? " " : "", what);
    return cgfs_write(self->group->group, "cgroup.event_control", order);
}

int memory_events_fd(void)
{
    return shared_fd;
}

void memory_events_watch(struct memory_state *self)
{
    /* "." is the group that all are in: what happens in theirs is told by theirs. */
    if (self->group->is_unified || !strcmp(self->group->id, "."))
        return;
    if (shared_fd < 0)
        shared_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->is_watched = shared_fd >= 0 && ask(self, "memory.oom_control", shared_fd, "") == 0;
}

bool memory_events_happened(void)
{
    uint64_t count = 0;

    if (shared_fd < 0 || read(shared_fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
        return false;
    if (count <= removals) {
        removals -= count;
        return false;
    }
    removals = 0;
    return true;
}

void memory_events_end(struct memory_state *self)
{
    if (self->is_watched)
        removals++;
    for (size_t i = 0; i < PRESSURE_LEVELS; i++)
        close_fd(&self->pressure_fds[i]);
}

static void begin_pressure(struct memory_state *self)
{
    static const char *const levels[PRESSURE_LEVELS] = {"low", "medium", "critical"};

    self->has_asked = true;
    for (size_t i = 0; i < PRESSURE_LEVELS; i++) {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        if (fd >= 0 && ask(self, "memory.pressure_level", fd, levels[i]) < 0)
            close_fd(&fd);
        self->pressure_fds[i] = fd;
    }
}

void memory_events_read_pressure(struct memory_state *self, struct usage_info *usage)
{
    uint64_t count;

    if (self->group->is_unified)
        return;
    if (!self->has_asked)
        begin_pressure(self);
    for (size_t i = 0; i < PRESSURE_LEVELS; i++)
        if (self->pressure_fds[i] >= 0 &&
            read(self->pressure_fds[i], &count, sizeof(count)) == (ssize_t)sizeof(count))
            self->pressure[i] += (int64_t)count;
    usage_more(usage)->mem_low_pressure = self->pressure[0];
    usage_more(usage)->mem_medium_pressure = self->pressure[1];
    usage_more(usage)->mem_critical_pressure = self->pressure[2];
}
