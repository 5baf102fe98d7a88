/* cgroup/cpu: a share of the processors under contention (shares, weight), a ceiling (CFS quota), and what of it may be
 * saved for later (burst). Source: the kernel's Documentation/scheduler/sched-bwc.rst, admin-guide/cgroup-v2.rst. */
#include "isolators/builtin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "isolators/cgroup_state.h"

#define SHARES_PER_CPU 1024 /* also what a new group has */
#define SHARES_PER_REVOCABLE_CPU                                                                   \
    10 /* what may be taken back gives way to all else; Mesos's number */
#define SHARES_MIN   2
#define SHARES_MAX   262144 /* v1 takes more and means this; v2's weights end here */
#define PERIOD_US    100000 /* what a new group has */
#define QUOTA_MIN_US 1000   /* the kernel takes nothing shorter */
#define QUOTA_NONE   (-1)   /* as v1 writes it */
#define MILLI_MAX    (INT64_MAX / SHARES_PER_CPU)

struct cpu_limits {
    int64_t shares;
    int64_t quota_us;
    int64_t burst_us;
};

static int64_t at_least(int64_t value, int64_t min)
{
    return value < min ? min : value;
}

/* Docker's and systemd's mapping of 2..262144 to 1..10000. */
static int64_t weight_of(int64_t shares)
{
    return 1 + (shares - 2) * 9999 / 262142;
}

static int64_t shares_of(const struct resources *granted)
{
    int64_t shares = 0;

    for (size_t i = 0; i < granted->count; i++) {
        const struct resource *portion = &granted->items[i];

        if (portion->kind == RESOURCE_SCALAR && !strcmp(portion->name, "cpus"))
            shares += portion->milli *
                      (portion->revocable ? SHARES_PER_REVOCABLE_CPU : SHARES_PER_CPU) / 1000;
    }
    shares = at_least(shares, SHARES_MIN);
    return shares > SHARES_MAX ? SHARES_MAX : shares;
}

static int compute(const struct isolation *want, struct cpu_limits *ret_limits, struct err *err)
{
    int64_t limit = isolation_limit(want, "cpus");
    int64_t burst = isolation_find(want, "cpu_burst") ? isolation_limit(want, "cpu_burst") : 0;

    *ret_limits = (struct cpu_limits){.quota_us = QUOTA_NONE};
    if (resources_scalar(&want->limits, "cpus") > MILLI_MAX ||
        (limit != ISOLATION_UNLIMITED && limit > MILLI_MAX))
        return err_set(err, -ERANGE, "that many cpus cannot be");
    ret_limits->shares = shares_of(&want->limits);
    if (limit != ISOLATION_UNLIMITED)
        ret_limits->quota_us = at_least(limit * (PERIOD_US / 1000), QUOTA_MIN_US);
    if (!burst)
        return 0;
    if (limit == ISOLATION_UNLIMITED || burst > limit)
        return err_set(
            err, -EINVAL,
            "cpu_burst is what may be saved of the limit on cpus: no more than that limit");
    ret_limits->burst_us = burst * (PERIOD_US / 1000);
    return 0;
}

static const char *burst_file(const struct cgroup_state *self)
{
    return self->is_unified ? "cpu.max.burst" : "cpu.cfs_burst_us";
}

static int write_burst(const struct cgroup_state *self, int64_t burst_us, struct err *err)
{
    int rc = cgfs_write_int(self->group, burst_file(self), burst_us);

    if (rc == -ENOENT)
        return err_set(err, -EOPNOTSUPP, "cpu_burst: this kernel has no %s (it came with 5.14)",
                       burst_file(self));
    return rc < 0 ? err_errno(err, rc, "cannot set %s to %" PRId64, burst_file(self), burst_us) : 0;
}

static int write_v1(const struct cgroup_state *self, const struct cpu_limits *limits,
                    struct err *err)
{
    int rc = 0;

    if (limits->shares != SHARES_PER_CPU)
        rc = cgroup_state_write(self, "cpu.shares", limits->shares, err);
    if (rc < 0)
        return rc;
    return cgroup_state_write(self, "cpu.cfs_quota_us", limits->quota_us, err);
}

static int write_v2(const struct cgroup_state *self, const struct cpu_limits *limits,
                    struct err *err)
{
    char text[48];
    int rc = cgroup_state_write(self, "cpu.weight", weight_of(limits->shares), err);

    if (rc < 0)
        return rc;
    if (limits->quota_us == QUOTA_NONE)
        snprintf(text, sizeof(text), "max %d", PERIOD_US);
    else
        snprintf(text, sizeof(text), "%" PRId64 " %d", limits->quota_us, PERIOD_US);
    return cgroup_state_write_text(self, "cpu.max", text, err);
}

/* To a group that has no burst, or had its burst taken away: it may not be above the quota. */
static int set_limits(const struct cgroup_state *self, const struct cpu_limits *limits,
                      struct err *err)
{
    int rc = self->is_unified ? write_v2(self, limits, err) : write_v1(self, limits, err);

    return rc == 0 && limits->burst_us ? write_burst(self, limits->burst_us, err) : rc;
}

static int cpu_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                       struct err *err)
{
    CLEANUP(cgroup_state_destroy_typed) struct cgroup_state *self = NULL;
    struct cpu_limits limits;
    int rc = compute(want, &limits, err);

    (void)spawn;
    if (rc == 0)
        rc = cgroup_state_new(want, "cpu", &self, err);
    if (rc == 0)
        rc = set_limits(self, &limits, err);
    if (rc < 0)
        return rc;
    *ret_state = TAKE(self);
    return 0;
}

static int cpu_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    return cgroup_state_recover(was, "cpu", ret_state, err);
}

/* What stands there now, to be put back. */
static void read_limits(const struct cgroup_state *self, char quota[48], char burst[24])
{
    *quota = *burst = '\0';
    cgfs_read(self->group, self->is_unified ? "cpu.max" : "cpu.cfs_quota_us", quota, 48);
    cgfs_read(self->group, burst_file(self), burst, 24);
}

static int cpu_update(void *state, const struct isolation *now, struct err *err)
{
    const struct cgroup_state *self = state;
    char quota[48], burst[24];
    struct cpu_limits limits;
    int rc;

    rc = compute(now, &limits, err);
    if (rc < 0)
        return rc;
    read_limits(self, quota, burst);
    cgfs_write_int(self->group, burst_file(self), 0);
    /* A group that ran on other shares does not have the default any more. */
    if (!self->is_unified)
        cgfs_write_int(self->group, "cpu.shares", SHARES_PER_CPU);
    rc = set_limits(self, &limits, err);
    if (rc < 0) {
        cgfs_write(self->group, self->is_unified ? "cpu.max" : "cpu.cfs_quota_us", quota);
        cgfs_write(self->group, burst_file(self), burst);
    }
    return rc;
}

/* v1 without a cgroup2 mount beside it: clock ticks. */
static void usage_by_cpuacct(const struct cgroup_state *self, struct usage_info *usage)
{
    const struct cgroups_controller *cpuacct;
    int64_t user = 0, system = 0, per_second = sysconf(_SC_CLK_TCK);
    const struct cgfs_key keys[] = {{"user", &user}, {"system", &system}};

    if (cgroups_find(self->cgroups, "cpuacct", &cpuacct, NULL) < 0 || per_second <= 0)
        return;
    cgfs_read_keys((struct cgfs){cpuacct->dir, self->id}, "cpuacct.stat", keys, ARRAY_SIZE(keys));
    usage->cpu_user_us = user * (US_PER_S / per_second);
    usage->cpu_system_us = system * (US_PER_S / per_second);
}

static void read_times(const struct cgroup_state *self, struct usage_info *usage)
{
    const struct cgfs_key times[] = {{"user_usec", &usage->cpu_user_us},
                                     {"system_usec", &usage->cpu_system_us}};

    if (self->cgroups->unified >= 0)
        cgfs_read_keys((struct cgfs){self->cgroups->unified, self->id}, "cpu.stat", times,
                       ARRAY_SIZE(times));
    else
        usage_by_cpuacct(self, usage);
}

static int read_throttling(const struct cgroup_state *self, struct usage_info *usage,
                           struct err *err)
{
    int64_t throttled_ns = -1, burst_ns = -1;
    const struct cgfs_key keys[] = {{"nr_periods", &usage->cpu_periods},
                                    {"nr_throttled", &usage->cpu_throttled},
                                    {"throttled_time", &throttled_ns},
                                    {"throttled_usec", &usage->cpu_throttled_us},
                                    {"nr_bursts", &usage_more(usage)->cpu_bursts},
                                    {"burst_time", &burst_ns},
                                    {"burst_usec", &usage_more(usage)->cpu_burst_us}};
    int rc = cgfs_read_keys(self->group, "cpu.stat", keys, ARRAY_SIZE(keys));

    if (rc < 0)
        return err_errno(err, rc, "cannot read cpu.stat");
    if (throttled_ns >= 0)
        usage->cpu_throttled_us = throttled_ns / 1000;
    if (burst_ns >= 0)
        usage_more(usage)->cpu_burst_us = burst_ns / 1000;
    return 0;
}

static int cpu_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct cgroup_state *self = state;
    int64_t quota_us = 0;
    /* "50000 100000" on v2: the number in front is the same. */
    int rc =
        cgfs_read_int(self->group, self->is_unified ? "cpu.max" : "cpu.cfs_quota_us", &quota_us);

    if (rc == -EINVAL || quota_us == CGFS_UNLIMITED) { /* v1's -1, v2's max: no limit */
        quota_us = 0;
        rc = 0;
    }
    if (rc < 0)
        return err_errno(err, rc, "cannot read the CPU quota");
    usage->cpus_limit = quota_us / (PERIOD_US / 1000);
    rc = read_throttling(self, usage, err);
    if (rc < 0)
        return rc;
    read_times(self, usage);
    cgroup_state_read_pressure(self, "cpu.pressure", &usage_more(usage)->cpu_some_us,
                               &usage_more(usage)->cpu_full_us);
    return 0;
}

/* Of all that ran in it; the shim has only seen what it waited for. */
static void cpu_ended(void *state, struct usage_info *usage, struct limitation *ret_limitation)
{
    (void)ret_limitation;
    read_times(state, usage);
}

const struct isolator_ops isolator_cgroup_cpu = {
    .name = "cgroup/cpu",
    .needs = ISOLATOR_CGROUPS,
    .controller = "cpu",
    .prepare = cpu_prepare,
    .recover = cpu_recover,
    .update = cpu_update,
    .usage = cpu_usage,
    .ended = cpu_ended,
    .destroy = cgroup_state_destroy,
};
