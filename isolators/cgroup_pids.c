/* cgroup/pids: how many processes and threads there may be at once; a fork beyond that fails with
 * EAGAIN. */
#include "isolators/builtin.h"

#include "base/cleanup.h"
#include "isolators/cgroup_state.h"

static int set_limit(const struct cgroup_state *self, int64_t max, struct err *err)
{
    return max > 0 ? cgroup_state_write(self, "pids.max", max, err)
                   : cgroup_state_write_text(self, "pids.max", "max", err);
}

static int pids_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                        struct err *err)
{
    CLEANUP(cgroup_state_destroy_typed) struct cgroup_state *self = NULL;
    int rc = cgroup_state_new(want, "pids", &self, err);

    (void)spawn;
    if (rc == 0 && want->pids_max > 0) /* a new group has none */
        rc = set_limit(self, want->pids_max, err);
    if (rc < 0)
        return rc;
    *ret_state = TAKE(self);
    return 0;
}

static int pids_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    return cgroup_state_recover(was, "pids", ret_state, err);
}

/* Below what there is now: no fork succeeds until some have ended; nothing is killed. */
static int pids_update(void *state, const struct isolation *now, struct err *err)
{
    return set_limit(state, now->pids_max, err);
}

static int pids_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct cgroup_state *self = state;
    const struct cgfs_key events[] = {{"max", &usage_more(usage)->pids_refused}};
    int processes = cgfs_count_processes(self->group);
    int rc = cgfs_read_int(self->group, "pids.current", &usage->threads);

    if (processes >= 0)
        usage->processes = processes;
    cgfs_read_int(self->group, "pids.max", &usage_more(usage)->pids_limit);
    if (usage_more(usage)->pids_limit == CGFS_UNLIMITED)
        usage_more(usage)->pids_limit = 0;
    cgfs_read_keys(self->group, "pids.events", events, ARRAY_SIZE(events));
    return rc < 0 ? err_errno(err, rc, "cannot read pids.current") : 0;
}

const struct isolator_ops isolator_cgroup_pids = {
    .name = "cgroup/pids",
    .needs = ISOLATOR_CGROUPS,
    .controller = "pids",
    .prepare = pids_prepare,
    .recover = pids_recover,
    .update = pids_update,
    .usage = pids_usage,
    .destroy = cgroup_state_destroy,
};
