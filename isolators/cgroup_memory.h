/* isolators/cgroup_memory.h - what cgroup/memory keeps of a container, and what v1's kernel tells by eventfd. */
#ifndef PROFFER_ISOLATORS_CGROUP_MEMORY_H
#define PROFFER_ISOLATORS_CGROUP_MEMORY_H

#include "isolators/cgroup_state.h"

#define PRESSURE_LEVELS 3 /* low, medium, critical */

struct memory_state {
    struct cgroup_state *group; /* owned */
    bool is_watched; /* its kernel tells of out-of-memory in the descriptor that all share */
    bool has_asked;  /* for pressure */
    int pressure_fds[PRESSURE_LEVELS]; /* owned eventfds; -1: none */
    int64_t pressure[PRESSURE_LEVELS]; /* events so far */
};

/* v1: one descriptor for all containers becomes readable when a process of one was killed for memory. Nothing to do
 * on v2. A kernel that will not tell is no error. */
void memory_events_watch(struct memory_state *self);
int memory_events_fd(void);
/* Readable: is it more than that groups were removed, of which the kernel tells in the same way? Then whose process
 * was killed has to be looked for. */
bool memory_events_happened(void);
void memory_events_end(struct memory_state *self);
/* v1: how often memory was hard to get, since the first call; that one begins to count. Three descriptors, so only
 * for those that are asked for. */
void memory_events_read_pressure(struct memory_state *self, struct usage_info *usage);

#endif
