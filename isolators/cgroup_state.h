/* isolators/cgroup_state.h - what each cgroup isolator keeps of a container: where its group is. */
#ifndef PROFFER_ISOLATORS_CGROUP_STATE_H
#define PROFFER_ISOLATORS_CGROUP_STATE_H

#include "isolators/cgfs.h"
#include "isolators/cgroups.h"
#include "isolators/isolator.h"

struct cgroup_state {
    const struct cgroups *cgroups; /* borrowed; outlives every container */
    struct cgfs group;             /* in the controller's hierarchy */
    bool is_unified;               /* v2 files */
    char id[];
};

/* -ENOENT with the reason: there is no such controller here. */
int cgroup_state_new(const struct isolation *want, const char *controller,
                     struct cgroup_state **ret_state, struct err *err);
/* The same for a group that must exist already; else -ENOENT. */
int cgroup_state_recover(const struct isolation *was, const char *controller, void **ret_state,
                         struct err *err);
/* Frees it. The group itself is the launcher's: all isolators of a hierarchy share it. */
void cgroup_state_destroy(void **state_p);
void cgroup_state_destroy_typed(struct cgroup_state **state_p);

/* Write one limit; the error names file and value. */
int cgroup_state_write(const struct cgroup_state *self, const char *file, int64_t value,
                       struct err *err);
int cgroup_state_write_text(const struct cgroup_state *self, const char *file, const char *value,
                            struct err *err);
/* "cpu.pressure" and so on, which is beside v1 controllers too: for how long some and all threads waited, in
 * microseconds. Left as they are where the kernel has no PSI, or has it switched off (psi=1 on its command line). */
void cgroup_state_read_pressure(const struct cgroup_state *self, const char *file,
                                int64_t *ret_some_us, int64_t *ret_full_us);

#endif
