/* cgroup/memory: a ceiling on memory, one on swap; the kernel kills what goes beyond, and we say so. Where the ceiling
 * is above what a task is granted, that much is kept for it when memory is short.
 *
 * A task that meets its ceiling ends as a whole: v2 has memory.oom.group for that; on v1 the kernel kills one process,
 * and we are told of it (cgroup_memory_events.c) and kill the rest.
 * Source: the kernel's admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst. */
#include "isolators/builtin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"
#include "isolators/cgroup_memory.h"

#define MIB ((int64_t)1024 * 1024)
/* Below this a dynamic program dies while it starts, and nobody understands why. */
#define LIMIT_MIN_BYTES (4 * MIB)

#define UNLIMITED_BYTES INT64_MAX

/* In bytes. */
struct memory_limits {
    int64_t hard;
    int64_t soft; /* the last to be taken away; 0: none */
    int64_t swap;
    int64_t high; /* v2: above it the task is slowed down; UNLIMITED_BYTES: no such */
};

static int64_t bytes_of(int64_t milli)
{
    if (milli == ISOLATION_UNLIMITED)
        return UNLIMITED_BYTES;
    return milli > INT64_MAX / MIB ? INT64_MAX / 1000 : milli * MIB / 1000;
}

static int64_t at_least(int64_t bytes)
{
    return bytes < LIMIT_MIN_BYTES ? LIMIT_MIN_BYTES : bytes;
}

static struct memory_limits compute(const struct isolation *want)
{
    int64_t limit = isolation_limit(want, "mem"), granted = resources_scalar(&want->limits, "mem");
    bool has_high = isolation_find(want, "mem_high");

    return (struct memory_limits){
        .hard = at_least(bytes_of(limit)),
        .soft = limit == granted ? 0 : at_least(bytes_of(granted)),
        .swap = bytes_of(isolation_limit(want, "swap")),
        .high = has_high ? at_least(bytes_of(isolation_limit(want, "mem_high"))) : UNLIMITED_BYTES,
    };
}

/* -1 and max: none. */
static int write_bytes(const struct cgroup_state *self, const char *file, int64_t bytes)
{
    return bytes == UNLIMITED_BYTES ? cgfs_write(self->group, file, self->is_unified ? "max" : "-1")
                                    : cgfs_write_int(self->group, file, bytes);
}

static int write_named(const struct cgroup_state *self, const char *file, int64_t bytes,
                       struct err *err)
{
    int rc = write_bytes(self, file, bytes);
    int64_t used = 0;

    if (rc != -EBUSY)
        return rc < 0 ? err_errno(err, rc, "cannot set %s to %" PRId64, file, bytes) : 0;
    cgfs_read_int(self->group, "memory.usage_in_bytes", &used);
    return err_set(err, rc, "mem: %" PRId64 " MiB are in use and cannot be taken away", used / MIB);
}

/* For files that not every kernel has: swap accounting may be off, oom.group came with 4.19. */
static int write_if_there(const struct cgroup_state *self, const char *file, int64_t bytes,
                          struct err *err)
{
    int rc = write_bytes(self, file, bytes);

    if (rc == -ENOENT)
        return 0;
    return rc < 0 ? err_errno(err, rc, "cannot set %s to %" PRId64, file, bytes) : 0;
}

/* --- v1 ------------------------------------------------------------------------------------------ */

static int64_t with_swap(const struct memory_limits *limits)
{
    if (limits->hard == UNLIMITED_BYTES || limits->swap >= UNLIMITED_BYTES - limits->hard)
        return UNLIMITED_BYTES;
    return limits->hard + limits->swap;
}

/* Memory with swap must never be less than memory, so a limit that grows goes the other way round. */
static int limit_v1(const struct cgroup_state *self, const struct memory_limits *limits,
                    struct err *err)
{
    int64_t both = with_swap(limits);
    int rc = write_bytes(self, "memory.limit_in_bytes", limits->hard);

    if (rc == -EINVAL) {
        rc = write_if_there(self, "memory.memsw.limit_in_bytes", both, err);
        return rc < 0 ? rc : write_named(self, "memory.limit_in_bytes", limits->hard, err);
    }
    if (rc < 0) /* once more, for its text */
        rc = write_named(self, "memory.limit_in_bytes", limits->hard, err);
    return rc < 0 ? rc : write_if_there(self, "memory.memsw.limit_in_bytes", both, err);
}

static int set_v1(const struct cgroup_state *self, const struct memory_limits *limits, bool is_new,
                  struct err *err)
{
    bool has_limit = limits->hard != UNLIMITED_BYTES || !is_new;
    int rc = 0;

    if (limits->high != UNLIMITED_BYTES)
        return err_set(err, -EOPNOTSUPP, "mem_high: only cgroup v2 can slow a task down");
    if (limits->swap && limits->swap != UNLIMITED_BYTES &&
        !cgfs_has(self->group, "memory.memsw.limit_in_bytes"))
        return err_set(
            err, -EOPNOTSUPP,
            "swap: this kernel does not account swap (swapaccount=1 on its command line)");
    if (has_limit)
        rc = limit_v1(self, limits, err);
    if (rc == 0 && (limits->soft || !is_new))
        rc = write_named(self, "memory.soft_limit_in_bytes",
                         limits->soft ? limits->soft : UNLIMITED_BYTES, err);
    return rc;
}

/* --- v2 ------------------------------------------------------------------------------------------ */

/* The kernel would kill rather than refuse. Who has the memory may allocate meanwhile: then it is the task's own
 * doing. */
static int make_room(const struct cgroup_state *self, int64_t bytes, struct err *err)
{
    int64_t used = 0;

    cgfs_read_int(self->group, "memory.current", &used);
    if (used > bytes)
        cgfs_write_int(self->group, "memory.reclaim", used - bytes);
    cgfs_read_int(self->group, "memory.current", &used);
    if (used <= bytes)
        return 0;
    return err_set(err, -EBUSY, "mem: %" PRId64 " MiB are in use and cannot be taken away",
                   used / MIB);
}

static int set_v2(const struct cgroup_state *self, const struct memory_limits *limits, bool is_new,
                  struct err *err)
{
    int rc = is_new ? 0 : make_room(self, limits->hard, err);

    if (rc == 0 && (limits->hard != UNLIMITED_BYTES || !is_new))
        rc = write_named(self, "memory.max", limits->hard, err);
    if (rc == 0)
        rc = write_if_there(self, "memory.swap.max", limits->swap, err);
    if (rc == 0 && is_new)
        rc = write_if_there(self, "memory.oom.group", 1, err);
    if (rc == 0 && (limits->soft || !is_new))
        rc = write_named(self, "memory.low", limits->soft, err);
    if (rc == 0 && (limits->high != UNLIMITED_BYTES || !is_new))
        rc = write_named(self, "memory.high", limits->high, err);
    return rc;
}

static int set_limits(const struct cgroup_state *self, const struct memory_limits *limits,
                      bool is_new, struct err *err)
{
    return self->is_unified ? set_v2(self, limits, is_new, err) : set_v1(self, limits, is_new, err);
}

/* --- life ---------------------------------------------------------------------------------------- */

static void memory_destroy(void **state_p)
{
    struct memory_state *self = TAKE(*state_p);

    if (!self)
        return;
    memory_events_end(self);
    cgroup_state_destroy_typed(&self->group);
    free(self);
}

static void memory_destroy_typed(struct memory_state **self_p)
{
    void *self = TAKE(*self_p);

    memory_destroy(&self);
}

static struct memory_state *allocate(void)
{
    struct memory_state *self = mem_new(struct memory_state);

    for (size_t i = 0; i < PRESSURE_LEVELS; i++)
        self->pressure_fds[i] = -1;
    return self;
}

static int memory_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                          struct err *err)
{
    CLEANUP(memory_destroy_typed) struct memory_state *self = allocate();
    const struct memory_limits limits = compute(want);
    int rc = cgroup_state_new(want, "memory", &self->group, err);

    (void)spawn;
    if (rc == 0)
        rc = set_limits(self->group, &limits, true, err);
    if (rc < 0)
        return rc;
    memory_events_watch(self);
    *ret_state = TAKE(self);
    return 0;
}

static int memory_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    CLEANUP(memory_destroy_typed) struct memory_state *self = allocate();
    void *group = NULL;
    int rc = cgroup_state_recover(was, "memory", &group, err);

    if (rc < 0)
        return rc;
    self->group = group;
    memory_events_watch(self);
    *ret_state = TAKE(self);
    return 0;
}

/* What stands there, to be put back. */
static struct memory_limits read_limits(const struct cgroup_state *self)
{
    bool v2 = self->is_unified;
    struct memory_limits limits = {.hard = UNLIMITED_BYTES, .high = UNLIMITED_BYTES};
    int64_t both = UNLIMITED_BYTES;

    cgfs_read_int(self->group, v2 ? "memory.max" : "memory.limit_in_bytes", &limits.hard);
    cgfs_read_int(self->group, v2 ? "memory.low" : "memory.soft_limit_in_bytes", &limits.soft);
    if (v2) {
        cgfs_read_int(self->group, "memory.swap.max", &limits.swap);
        cgfs_read_int(self->group, "memory.high", &limits.high);
    } else if (cgfs_read_int(self->group, "memory.memsw.limit_in_bytes", &both) == 0) {
        limits.swap = both - limits.hard;
    }
    return limits;
}

static int memory_update(void *state, const struct isolation *now, struct err *err)
{
    const struct cgroup_state *group = ((struct memory_state *)state)->group;
    const struct memory_limits before = read_limits(group), limits = compute(now);
    int rc = set_limits(group, &limits, false, err);

    if (rc < 0)
        set_limits(group, &before, false, NULL);
    return rc;
}

/* --- usage --------------------------------------------------------------------------------------- */

/* A kernel without memory.peak (before 5.19) leaves what the shim saw of its children. */
static void read_peak(const struct cgroup_state *self, struct usage_info *usage)
{
    cgfs_read_int(self->group, self->is_unified ? "memory.peak" : "memory.max_usage_in_bytes",
                  &usage->mem_peak_bytes);
}

static void read_kinds(const struct cgroup_state *self, struct usage_info *usage)
{
    bool v2 = self->is_unified;
    const struct cgfs_key keys[] = {
        {v2 ? "anon" : "total_rss", &usage->mem_rss_bytes},
        {v2 ? "file" : "total_cache", &usage->mem_cache_bytes},
        {v2 ? "shmem" : "total_shmem", &usage_more(usage)->mem_shmem_bytes},
        {v2 ? "file_mapped" : "total_mapped_file", &usage_more(usage)->mem_mapped_bytes},
        {v2 ? "file_dirty" : "total_dirty", &usage_more(usage)->mem_dirty_bytes},
        {v2 ? "file_writeback" : "total_writeback", &usage_more(usage)->mem_writeback_bytes},
        {v2 ? "unevictable" : "total_unevictable", &usage_more(usage)->mem_unevictable_bytes},
        {v2 ? "pgmajfault" : "total_pgmajfault", &usage_more(usage)->mem_major_faults},
        {v2 ? "kernel" : "total_kernel", &usage_more(usage)->mem_kernel_bytes},
        {v2 ? "-" : "total_swap", &usage_more(usage)->mem_swap_bytes},
    };

    cgfs_read_keys(self->group, "memory.stat", keys, ARRAY_SIZE(keys));
    if (v2)
        cgfs_read_int(self->group, "memory.swap.current", &usage_more(usage)->mem_swap_bytes);
    else
        cgfs_read_int(self->group, "memory.kmem.usage_in_bytes",
                      &usage_more(usage)->mem_kernel_bytes);
}

static void read_events(const struct cgroup_state *self, struct usage_info *usage)
{
    const struct cgfs_key v2[] = {{"max", &usage_more(usage)->mem_limit_hits},
                                  {"oom_kill", &usage_more(usage)->mem_oom_kills}};
    int64_t with_swap = 0;

    cgfs_read_keys(self->group, self->is_unified ? "memory.events" : "memory.oom_control", v2,
                   ARRAY_SIZE(v2));
    if (self->is_unified)
        return;
    /* Where memory may not be swapped both limits are the same, and the one with swap is met first. */
    cgfs_read_int(self->group, "memory.failcnt", &usage_more(usage)->mem_limit_hits);
    cgfs_read_int(self->group, "memory.memsw.failcnt", &with_swap);
    usage_more(usage)->mem_limit_hits += with_swap;
}

static int memory_usage(void *state, struct usage_info *usage, struct err *err)
{
    struct memory_state *self = state;
    const struct cgroup_state *group = self->group;
    bool v2 = group->is_unified;
    int rc = cgfs_read_int(group->group, v2 ? "memory.current" : "memory.usage_in_bytes",
                           &usage->mem_total_bytes);

    if (rc < 0)
        return err_errno(err, rc, "cannot read the memory in use");
    cgfs_read_int(group->group, v2 ? "memory.max" : "memory.limit_in_bytes",
                  &usage->mem_limit_bytes);
    cgfs_read_int(group->group, v2 ? "memory.low" : "memory.soft_limit_in_bytes",
                  &usage_more(usage)->mem_soft_bytes);
    if (usage_more(usage)->mem_soft_bytes >= INT64_C(1)
                                                 << 60) /* v1's way to say that there is none */
        usage_more(usage)->mem_soft_bytes = 0;
    read_kinds(group, usage);
    read_events(group, usage);
    read_peak(group, usage);
    cgroup_state_read_pressure(group, "memory.pressure", &usage_more(usage)->mem_some_us,
                               &usage_more(usage)->mem_full_us);
    memory_events_read_pressure(self, usage);
    return 0;
}

/* --- its end ------------------------------------------------------------------------------------- */

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

static int64_t count_killed(const struct cgroup_state *self)
{
    int64_t kills = 0;
    const struct cgfs_key keys[] = {{"oom_kill", &kills}};

    cgfs_read_keys(self->group, self->is_unified ? "memory.events" : "memory.oom_control", keys,
                   ARRAY_SIZE(keys));
    return kills;
}

static void memory_ended(void *state, struct usage_info *usage, struct limitation *ret_limitation)
{
    const struct cgroup_state *group = ((struct memory_state *)state)->group;

    read_peak(group, usage);
    if (!count_killed(group))
        return;
    cgfs_read_int(group->group, group->is_unified ? "memory.max" : "memory.limit_in_bytes",
                  &usage->mem_limit_bytes);
    describe(usage, ret_limitation);
}

static void memory_check(void *state, struct limitation *ret_limitation)
{
    struct usage_info usage = {0};

    memory_ended(state, &usage, ret_limitation);
}

const struct isolator_ops isolator_cgroup_memory = {
    .name = "cgroup/memory",
    .needs = ISOLATOR_CGROUPS,
    .controller = "memory",
    .prepare = memory_prepare,
    .recover = memory_recover,
    .update = memory_update,
    .usage = memory_usage,
    .events_fd = memory_events_fd,
    .on_event = memory_events_happened,
    .check = memory_check,
    .ended = memory_ended,
    .destroy = memory_destroy,
};
