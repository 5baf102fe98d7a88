/* isolators/builtin.h - the isolators that are part of the launcher, one file each. */
#ifndef PROFFER_ISOLATORS_BUILTIN_H
#define PROFFER_ISOLATORS_BUILTIN_H

#include "isolators/isolator.h"

extern const struct isolator_ops isolator_cgroup_cpu;
extern const struct isolator_ops isolator_cgroup_cpuset;
extern const struct isolator_ops isolator_cgroup_devices;
extern const struct isolator_ops isolator_cgroup_hugetlb;
extern const struct isolator_ops isolator_cgroup_io;
extern const struct isolator_ops isolator_cgroup_memory;
extern const struct isolator_ops isolator_cgroup_pids;
extern const struct isolator_ops isolator_gpu_devices;
extern const struct isolator_ops isolator_posix_rlimits;

#endif
