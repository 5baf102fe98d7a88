/* cgroup/pids: how many processes and threads there may be at once; a fork beyond that fails with
 * EAGAIN. */
#include "isolators/builtin.h"

#include "base/cleanup.h"
#include "isolators/cgroup_state.h"

static int pids_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                        struct err *err)
{
    CLEANUP(cgroup_state_destroy_typed) struct cgroup_state *self = NULL;
    int rc = cgroup_state_new(want, "pids", &self, err);

    (void)spawn;
    if (rc == 0 && want->pids_max > 0)
        rc = cgroup_state_write(self, "pids.max", want->pids_max, err);
    if (rc < 0)
        return rc;
    *ret_state = TAKE(self);
    return 0;
}

static int pids_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    return cgroup_state_recover(was, "pids", ret_state, err);
}

static int pids_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct cgroup_state *self = state;
    int processes = cgfs_count_processes(self->group);
    int rc = cgfs_read_int(self->group, "pids.current", &usage->threads);

    if (processes >= 0)
        usage->processes = processes;
    return rc < 0 ? err_errno(err, rc, "cannot read pids.current") : 0;
}

const struct isolator_ops isolator_cgroup_pids = {
    .name = "cgroup/pids",
    .needs = ISOLATOR_CGROUPS,
    .controller = "pids",
    .prepare = pids_prepare,
    .recover = pids_recover,
    .usage = pids_usage,
    .destroy = cgroup_state_destroy,
};
