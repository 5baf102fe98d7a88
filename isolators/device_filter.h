/* isolators/device_filter.h - cgroup v2's way to say which devices may be used: a BPF program on the group.
 *
 * The program is made here, a few instructions a rule, and given to the kernel by bpf(2); it lives as long as the group
 * that it is attached to. Those of the groups above are asked as well, and all must agree. Needs root and
 * CONFIG_CGROUP_BPF. Source: the kernel's admin-guide/cgroup-v2.rst, "Device controller"; include/uapi/linux/bpf.h.
 */
#ifndef PROFFER_ISOLATORS_DEVICE_FILTER_H
#define PROFFER_ISOLATORS_DEVICE_FILTER_H

#include "isolators/device_list.h"

#define DEVICE_FILTER_RULES_MAX 512

/* A program that lets through what a rule names, and nothing else: its descriptor, the caller's. -errno with a text;
 * -E2BIG: too many rules. */
int device_filter_load(const struct device_rules *rules, struct err *err);
/* From now on it is asked for every access by what is in the group (a directory of cgroup2). */
int device_filter_attach(int program_fd, int group_fd, struct err *err);
/* Can this kernel do that, for us? */
bool device_filter_is_possible(struct err *err);

#endif
