#include "isolators/builtin.h"

#include <string.h>

const struct isolator_ops *const isolators_builtin[] = {
    &isolator_cgroup_cpu,
    &isolator_cgroup_memory,
    &isolator_cgroup_pids,
    &isolator_posix_rlimits,
    NULL,
};

int64_t isolation_limit(const struct isolation *want, const char *name)
{
    for (size_t i = 0; i < want->bursts_count; i++)
        if (!strcmp(want->bursts[i].name, name))
            return want->bursts[i].unlimited ? ISOLATION_UNLIMITED : want->bursts[i].scalar;
    return resources_scalar(&want->limits, name);
}

const struct isolator_ops *isolator_find(const char *name)
{
    for (const struct isolator_ops *const *one = isolators_builtin; *one; one++)
        if (strcmp((*one)->name, name) == 0)
            return *one;
    return NULL;
}
