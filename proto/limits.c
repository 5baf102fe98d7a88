#include "proto/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

static const struct limit {
    const char *name;
    const char *isolator;
    bool has_device;
    bool is_above_grant; /* no less than what it is granted of the same name */
    bool needs_value;    /* unlimited makes no sense */
} known[] = {
    {"cpus", "cgroup/cpu", .is_above_grant = true},
    {"cpu_burst", "cgroup/cpu", .needs_value = true},
    {"mem", "cgroup/memory", .is_above_grant = true},
    {"mem_high", "cgroup/memory", .has_device = false},
    {"swap", "cgroup/memory", .has_device = false},
    {"io_weight", "cgroup/io", .needs_value = true},
    {"io_read", "cgroup/io", .has_device = true},
    {"io_write", "cgroup/io", .has_device = true},
    {"io_read_ops", "cgroup/io", .has_device = true},
    {"io_write_ops", "cgroup/io", .has_device = true},
};

static const struct limit *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (!strcmp(known[i].name, name))
            return &known[i];
    return NULL;
}

const char *limits_isolator(const char *name)
{
    const struct limit *limit = find(name);

    return limit ? limit->isolator : NULL;
}

static const char *device_of(const struct limit_info *info)
{
    return info->device ? info->device : "";
}

static int check_one(const struct limit_info *info, const struct resources *granted,
                     struct err *err)
{
    const struct limit *limit = find(info->name);
    int64_t least = resources_scalar(granted, info->name);

    if (!limit)
        return err_set(err, -EINVAL,
                       "limits: there is none for %.64s, only for cpus, cpu_burst, mem, mem_high, "
                       "swap, io_weight, io_read, io_write, io_read_ops and io_write_ops",
                       info->name);
    if (*device_of(info) && !limit->has_device)
        return err_set(err, -EINVAL, "limits: %s has no device", info->name);
    if (info->unlimited)
        return limit->needs_value
                   ? err_set(err, -EINVAL, "limits: %s cannot be unlimited", info->name)
                   : 0;
    if (!limit->is_above_grant || info->scalar >= least)
        return 0;
    return err_set(err, -EINVAL,
                   "limits: %s is limited to less than what it is granted, which is %" PRId64
                   ".%03" PRId64,
                   info->name, least / 1000, least % 1000);
}

int limits_check(const struct limit_info *limits, size_t count, const struct resources *granted,
                 struct err *err)
{
    if (count > LIMITS_MAX)
        return err_set(err, -E2BIG, "%zu limits, at most %d are allowed", count, LIMITS_MAX);
    for (size_t i = 0; i < count; i++) {
        int rc = check_one(&limits[i], granted, err);

        if (rc < 0)
            return rc;
        for (size_t j = 0; j < i; j++)
            if (!strcmp(limits[i].name, limits[j].name) &&
                !strcmp(device_of(&limits[i]), device_of(&limits[j])))
                return err_set(err, -EEXIST, "limits: %s is named twice", limits[i].name);
    }
    return 0;
}
