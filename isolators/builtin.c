#include "isolators/builtin.h"

#include <string.h>

const struct isolator_ops *const isolators_builtin[] = {
    &isolator_cgroup_cpu,     &isolator_cgroup_cpuset,
    &isolator_cgroup_devices, &isolator_cgroup_hugetlb,
    &isolator_cgroup_io,      &isolator_cgroup_memory,
    &isolator_cgroup_pids,    &isolator_gpu_devices,
    &isolator_posix_rlimits,  NULL,
};

const struct limit_info *isolation_find(const struct isolation *want, const char *name)
{
    for (size_t i = 0; i < want->bursts_count; i++)
        if (!strcmp(want->bursts[i].name, name))
            return &want->bursts[i];
    return NULL;
}

int64_t isolation_limit(const struct isolation *want, const char *name)
{
    const struct limit_info *limit = isolation_find(want, name);

    if (!limit)
        return resources_scalar(&want->limits, name);
    return limit->unlimited ? ISOLATION_UNLIMITED : limit->scalar;
}

const struct isolator_ops *isolator_find(const char *name)
{
    for (const struct isolator_ops *const *one = isolators_builtin; *one; one++)
        if (strcmp((*one)->name, name) == 0)
            return *one;
    return NULL;
}
