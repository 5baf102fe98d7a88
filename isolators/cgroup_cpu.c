/* cgroup/cpu: a share of the processors under contention (shares, weight) and a ceiling (CFS
 * quota). */
#include "isolators/builtin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "isolators/cgroup_state.h"

#define SHARES_PER_CPU 1024 /* also what a new group has */
#define SHARES_MIN     2
#define SHARES_MAX     262144 /* v1 takes more and means this; v2's weights end here */
#define PERIOD_US      100000 /* what a new group has */
#define QUOTA_MIN_US   1000   /* the kernel takes nothing shorter */
#define QUOTA_NONE     (-1)   /* as v1 writes it */

static int64_t at_least(int64_t value, int64_t min)
{
    return value < min ? min : value;
}

/* Docker's and systemd's mapping of 2..262144 to 1..10000. */
static int64_t weight_of(int64_t shares)
{
    return 1 + (shares - 2) * 9999 / 262142;
}

static int limit_v1(const struct cgroup_state *self, int64_t shares, int64_t quota_us,
                    struct err *err)
{
    int rc = 0;

    if (shares != SHARES_PER_CPU)
        rc = cgroup_state_write(self, "cpu.shares", shares, err);
    if (rc < 0)
        return rc;
    return cgroup_state_write(self, "cpu.cfs_quota_us", quota_us, err);
}

static int limit_v2(const struct cgroup_state *self, int64_t shares, int64_t quota_us,
                    struct err *err)
{
    char text[48];
    int rc = cgroup_state_write(self, "cpu.weight", weight_of(shares), err);

    if (rc < 0)
        return rc;
    if (quota_us == QUOTA_NONE)
        snprintf(text, sizeof(text), "max %d", PERIOD_US);
    else
        snprintf(text, sizeof(text), "%" PRId64 " %d", quota_us, PERIOD_US);
    rc = cgfs_write(self->group, "cpu.max", text);
    return rc < 0 ? err_errno(err, rc, "cannot set cpu.max to %s", text) : 0;
}

/* A share by what it is granted, a ceiling by its limit. */
static int set_limits(const struct cgroup_state *self, int64_t granted, int64_t limit,
                      struct err *err)
{
    int64_t shares, quota_us = QUOTA_NONE;

    if (granted > INT64_MAX / SHARES_PER_CPU ||
        (limit != ISOLATION_UNLIMITED && limit > INT64_MAX / SHARES_PER_CPU))
        return err_set(err, -ERANGE, "that many cpus cannot be");
    shares = at_least(granted * SHARES_PER_CPU / 1000, SHARES_MIN);
    if (shares > SHARES_MAX)
        shares = SHARES_MAX;
    if (limit != ISOLATION_UNLIMITED)
        quota_us = at_least(limit * (PERIOD_US / 1000), QUOTA_MIN_US);
    return self->is_unified ? limit_v2(self, shares, quota_us, err)
                            : limit_v1(self, shares, quota_us, err);
}

static int cpu_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                       struct err *err)
{
    CLEANUP(cgroup_state_destroy_typed) struct cgroup_state *self = NULL;
    int rc = cgroup_state_new(want, "cpu", &self, err);

    (void)spawn;
    if (rc == 0)
        rc = set_limits(self, resources_scalar(&want->limits, "cpus"),
                        isolation_limit(want, "cpus"), err);
    if (rc < 0)
        return rc;
    *ret_state = TAKE(self);
    return 0;
}

static int cpu_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    return cgroup_state_recover(was, "cpu", ret_state, err);
}

static int cpu_update(void *state, const struct isolation *now, struct err *err)
{
    const struct cgroup_state *self = state;

    /* A group that ran on other shares does not have the default any more. */
    if (!self->is_unified)
        cgfs_write_int(self->group, "cpu.shares", SHARES_PER_CPU);
    return set_limits(self, resources_scalar(&now->limits, "cpus"), isolation_limit(now, "cpus"),
                      err);
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

static int cpu_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct cgroup_state *self = state;
    int64_t quota_us = 0, throttled_ns = -1;
    const struct cgfs_key times[] = {{"user_usec", &usage->cpu_user_us},
                                     {"system_usec", &usage->cpu_system_us}};
    const struct cgfs_key throttling[] = {{"nr_periods", &usage->cpu_periods},
                                          {"nr_throttled", &usage->cpu_throttled},
                                          {"throttled_time", &throttled_ns},
                                          {"throttled_usec", &usage->cpu_throttled_us}};
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
    rc = cgfs_read_keys(self->group, "cpu.stat", throttling, ARRAY_SIZE(throttling));
    if (rc < 0)
        return err_errno(err, rc, "cannot read cpu.stat");
    if (throttled_ns >= 0)
        usage->cpu_throttled_us = throttled_ns / 1000;
    if (self->cgroups->unified >= 0)
        cgfs_read_keys((struct cgfs){self->cgroups->unified, self->id}, "cpu.stat", times,
                       ARRAY_SIZE(times));
    else
        usage_by_cpuacct(self, usage);
    return 0;
}

const struct isolator_ops isolator_cgroup_cpu = {
    .name = "cgroup/cpu",
    .needs = ISOLATOR_CGROUPS,
    .controller = "cpu",
    .prepare = cpu_prepare,
    .recover = cpu_recover,
    .update = cpu_update,
    .usage = cpu_usage,
    .destroy = cgroup_state_destroy,
};
