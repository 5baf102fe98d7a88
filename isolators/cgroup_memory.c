/* cgroup/memory: a ceiling on memory, swap included; the kernel kills what goes beyond it, and we
 * say so. Where the ceiling is above what a task is granted, that much is kept for it when memory is
 * short. */
#include "isolators/builtin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "isolators/cgroup_state.h"

#define MIB ((int64_t)1024 * 1024)
/* Below this a dynamic program dies while it starts, and nobody understands why. */
#define LIMIT_MIN_BYTES (4 * MIB)

#define UNLIMITED_BYTES INT64_MAX

static int64_t bytes_of(int64_t milli)
{
    int64_t bytes;

    if (milli > INT64_MAX / MIB)
        return INT64_MAX / 1000;
    bytes = milli * MIB / 1000;
    return bytes < LIMIT_MIN_BYTES ? LIMIT_MIN_BYTES : bytes;
}

/* For files that not every kernel has: swap accounting may be off, oom.group came with 4.19. */
static int write_if_there(const struct cgroup_state *self, const char *file, int64_t value,
                          struct err *err)
{
    int rc = cgfs_write_int(self->group, file, value);

    if (rc == -ENOENT)
        return 0;
    return rc < 0 ? err_errno(err, rc, "cannot set %s to %" PRId64, file, value) : 0;
}

/* How much of it is the last to be taken away. */
static int keep(const struct cgroup_state *self, int64_t bytes, struct err *err)
{
    return cgroup_state_write(self, self->is_unified ? "memory.low" : "memory.soft_limit_in_bytes",
                              bytes, err);
}

/* Memory with swap must never be less than memory, so a limit that grows goes the other way round.
 */
static int limit_v1(const struct cgroup_state *self, int64_t bytes, struct err *err)
{
    int rc = cgfs_write_int(self->group, "memory.limit_in_bytes", bytes);

    if (rc == -EINVAL) {
        rc = write_if_there(self, "memory.memsw.limit_in_bytes", bytes, err);
        if (rc < 0)
            return rc;
        return cgroup_state_write(self, "memory.limit_in_bytes", bytes, err);
    }
    if (rc < 0)
        return err_errno(err, rc, "cannot set memory.limit_in_bytes to %" PRId64, bytes);
    return write_if_there(self, "memory.memsw.limit_in_bytes", bytes, err);
}

static int limit_v2(const struct cgroup_state *self, int64_t bytes, struct err *err)
{
    int rc = bytes == UNLIMITED_BYTES ? 0 : cgroup_state_write(self, "memory.max", bytes, err);

    if (rc == 0)
        rc = write_if_there(self, "memory.swap.max", 0, err);
    if (rc == 0)
        rc = write_if_there(self, "memory.oom.group", 1, err);
    return rc;
}

static int set_limit(const struct cgroup_state *self, int64_t bytes, struct err *err)
{
    if (self->is_unified)
        return limit_v2(self, bytes, err);
    return bytes == UNLIMITED_BYTES ? 0 : limit_v1(self, bytes, err);
}

/* Of a group that had a limit. */
static int lift_limit(const struct cgroup_state *self, struct err *err)
{
    int rc;

    if (self->is_unified) {
        rc = cgfs_write(self->group, "memory.max", "max");
        return rc < 0 ? err_errno(err, rc, "cannot set memory.max to max") : 0;
    }
    rc = write_if_there(self, "memory.memsw.limit_in_bytes", -1, err);
    return rc < 0 ? rc : cgroup_state_write(self, "memory.limit_in_bytes", -1, err);
}

/* Less than is in use: the kernel takes back what it can, and on v1 (-EBUSY) leaves the limit as it was if that is
 * not enough; on v2 it kills. */
static int memory_update(void *state, const struct isolation *now, struct err *err)
{
    const struct cgroup_state *self = state;
    int64_t limit = isolation_limit(now, "mem"), granted = resources_scalar(&now->limits, "mem");
    int rc = limit == ISOLATION_UNLIMITED ? lift_limit(self, err)
                                          : set_limit(self, bytes_of(limit), err);

    return rc < 0 ? rc : keep(self, bytes_of(granted), err);
}

/* A new group has no limit. */
static int set_first_limits(const struct cgroup_state *self, const struct isolation *want,
                            struct err *err)
{
    int64_t limit = isolation_limit(want, "mem"), granted = resources_scalar(&want->limits, "mem");
    int rc = set_limit(self, limit == ISOLATION_UNLIMITED ? UNLIMITED_BYTES : bytes_of(limit), err);

    return rc == 0 && limit != granted ? keep(self, bytes_of(granted), err) : rc;
}

static int memory_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                          struct err *err)
{
    CLEANUP(cgroup_state_destroy_typed) struct cgroup_state *self = NULL;
    int rc = cgroup_state_new(want, "memory", &self, err);

    (void)spawn;
    if (rc == 0)
        rc = set_first_limits(self, want, err);
    if (rc < 0)
        return rc;
    *ret_state = TAKE(self);
    return 0;
}

static int memory_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    return cgroup_state_recover(was, "memory", ret_state, err);
}

/* A kernel without memory.peak (before 5.19) leaves what the shim saw of its children. */
static void read_peak(const struct cgroup_state *self, struct usage_info *usage)
{
    cgfs_read_int(self->group, self->is_unified ? "memory.peak" : "memory.max_usage_in_bytes",
                  &usage->mem_peak_bytes);
}

static int memory_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct cgroup_state *self = state;
    bool v2 = self->is_unified;
    const struct cgfs_key keys[] = {{v2 ? "anon" : "total_rss", &usage->mem_rss_bytes},
                                    {v2 ? "file" : "total_cache", &usage->mem_cache_bytes}};
    int rc = cgfs_read_int(self->group, v2 ? "memory.current" : "memory.usage_in_bytes",
                           &usage->mem_total_bytes);

    if (rc < 0)
        return err_errno(err, rc, "cannot read the memory in use");
    cgfs_read_int(self->group, v2 ? "memory.max" : "memory.limit_in_bytes",
                  &usage->mem_limit_bytes);
    cgfs_read_keys(self->group, "memory.stat", keys, ARRAY_SIZE(keys));
    read_peak(self, usage);
    return 0;
}

static void describe(const struct usage_info *usage, struct limitation *limitation)
{
    CLEANUP(buf_fini) struct buf limit = {0}, peak = {0};

    units_print_bytes(usage->mem_limit_bytes, &limit);
    units_print_bytes(usage->mem_peak_bytes, &peak);
    limitation->reason = REASON_CONTAINER_LIMITATION_MEMORY;
    snprintf(limitation->message, sizeof(limitation->message),
             "Memory limit exceeded: the limit is %s, the most in use was %s", buf_text(&limit),
             buf_text(&peak));
}

static void memory_ended(void *state, struct usage_info *usage, struct limitation *ret_limitation)
{
    const struct cgroup_state *self = state;
    int64_t killed = 0;
    const struct cgfs_key keys[] = {{"oom_kill", &killed}};

    read_peak(self, usage);
    cgfs_read_keys(self->group, self->is_unified ? "memory.events" : "memory.oom_control", keys,
                   ARRAY_SIZE(keys));
    if (!killed)
        return;
    cgfs_read_int(self->group, self->is_unified ? "memory.max" : "memory.limit_in_bytes",
                  &usage->mem_limit_bytes);
    describe(usage, ret_limitation);
}

const struct isolator_ops isolator_cgroup_memory = {
    .name = "cgroup/memory",
    .needs = ISOLATOR_CGROUPS,
    .controller = "memory",
    .prepare = memory_prepare,
    .recover = memory_recover,
    .update = memory_update,
    .usage = memory_usage,
    .ended = memory_ended,
    .destroy = cgroup_state_destroy,
};
