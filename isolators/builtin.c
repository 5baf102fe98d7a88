#include "isolators/builtin.h"

#include <string.h>

const struct isolator_ops *const isolators_builtin[] = {
    &isolator_cgroup_cpu,
    &isolator_cgroup_memory,
    &isolator_cgroup_pids,
    &isolator_posix_rlimits,
    NULL,
};

const struct isolator_ops *isolator_find(const char *name)
{
    for (const struct isolator_ops *const *one = isolators_builtin; *one; one++)
        if (strcmp((*one)->name, name) == 0)
            return *one;
    return NULL;
}
