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
extern const struct isolator_ops isolator_filesystem_rootfs;
extern const struct isolator_ops isolator_linux_capabilities;
extern const struct isolator_ops isolator_linux_nnp;
extern const struct isolator_ops isolator_linux_seccomp;
extern const struct isolator_ops isolator_namespaces_cgroup;
extern const struct isolator_ops isolator_namespaces_ipc;
extern const struct isolator_ops isolator_namespaces_mount;
extern const struct isolator_ops isolator_namespaces_net;
extern const struct isolator_ops isolator_namespaces_pid;
extern const struct isolator_ops isolator_namespaces_user;
extern const struct isolator_ops isolator_namespaces_uts;
extern const struct isolator_ops isolator_disk_quota;
extern const struct isolator_ops isolator_disk_usage;
extern const struct isolator_ops isolator_network_bridge;
extern const struct isolator_ops isolator_network_ports;
extern const struct isolator_ops isolator_posix_rlimits;
extern const struct isolator_ops isolator_volume_group;
extern const struct isolator_ops isolator_volume_host;
extern const struct isolator_ops isolator_volume_persistent;
extern const struct isolator_ops isolator_volume_sandbox;

#endif
