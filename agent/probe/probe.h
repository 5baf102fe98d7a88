/* agent/probe/probe.h - what this machine has: asked once, at start, before any thread.
 *
 * hwloc tells sockets, cores, threads, caches and NUMA nodes, and only those that our cgroup's
 * cpuset allows; HWLOC_SYNTHETIC in the environment puts another machine in their place, for tests.
 */
#ifndef PROFFER_AGENT_PROBE_PROBE_H
#define PROFFER_AGENT_PROBE_PROBE_H

#include "base/arena.h"
#include "base/err.h"
#include "proto/schema.h"

struct probe_settings {
    const char *work_dir;  /* whose file system's size is the disk */
    const char *hostname;  /* "": the machine's own */
    const char *resources; /* what it names replaces what was detected */
    const char *attributes;
    const char *domain; /* "REGION/ZONE", "": not known */
    size_t gpus;        /* how many there are */
};

/* All of an agent's record but id, address and isolation; in `arena`, which is unbounded. */
int probe_machine(const struct probe_settings *settings, struct arena *arena,
                  struct agent_info **ret_info, struct err *err);

/* Of the running kernel, in `arena`; "": it does not say. */
const char *probe_boot_id(struct arena *arena);

/* In topology.c. */
int probe_topology(struct arena *arena, struct topology_info **ret_topology, struct err *err);

/* What is left for tasks: all but `keep`, or half of what has less than twice as much. Any unit. */
int64_t probe_share(int64_t total, int64_t keep);

#endif
