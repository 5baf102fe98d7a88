/* cgroup/cpuset: which hardware threads a task runs on, and which NUMA nodes its memory comes from. Which ones is
 * chosen by the agent (agent/core/cores.h), who knows what all tasks have; here it is written, and changed on what
 * runs. Source: the kernel's cgroup-v1/cpusets.rst, admin-guide/cgroup-v2.rst. */
#include "isolators/builtin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/cgroup_state.h"

#define LIST_SIZE (TEXT_MAX + 1)

struct cpuset_state {
    struct cgroup_state *group; /* owned */
    char cpus[LIST_SIZE];       /* what `usage` has told last */
    char mems[LIST_SIZE];
};

/* v1 lets nobody into a group without either; v2 takes an empty list for that of the group above. */
static int write_list(const struct cgroup_state *self, const char *file, const char *list,
                      struct err *err)
{
    const struct cgfs above = {self->group.dir, "."};
    char inherited[LIST_SIZE];
    ssize_t size;
    int rc;

    if (list && *list) {
        rc = cgfs_write(self->group, file, list);
        if (rc == -EINVAL || rc == -EACCES || rc == -ERANGE)
            return err_set(err, -EINVAL,
                           "%s: this host has, or the agent's group may use, not all of %.200s",
                           file, list);
        return rc < 0 ? err_errno(err, rc, "cannot set %s to %.200s", file, list) : 0;
    }
    if (self->is_unified)
        return 0;
    size = cgfs_read(above, file, inherited, sizeof(inherited));
    if (size < 0)
        return err_errno(err, (int)size, "cannot read %s of the agent's group", file);
    inherited[strcspn(inherited, "\n")] = '\0';
    return cgroup_state_write_text(self, file, inherited, err);
}

static void cpuset_destroy(void **state_p)
{
    struct cpuset_state *self = TAKE(*state_p);

    if (!self)
        return;
    cgroup_state_destroy_typed(&self->group);
    free(self);
}

static void keep(struct cgroup_state *group, void **ret_state)
{
    struct cpuset_state *self = mem_new(struct cpuset_state);

    self->group = group;
    *ret_state = self;
}

static int cpuset_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                          struct err *err)
{
    CLEANUP(cgroup_state_destroy_typed) struct cgroup_state *self = NULL;
    int rc = cgroup_state_new(want, "cpuset", &self, err);

    (void)spawn;
    if (rc == 0 && !self->is_unified) /* v2 always does: memory moves along when the nodes change */
        cgfs_write_int(self->group, "cpuset.memory_migrate", 1);
    if (rc == 0)
        rc = write_list(self, "cpuset.mems", want->mems, err);
    if (rc == 0)
        rc = write_list(self, "cpuset.cpus", want->cpus, err);
    if (rc < 0)
        return rc;
    keep(TAKE(self), ret_state);
    return 0;
}

static int cpuset_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    void *group = NULL;
    int rc = cgroup_state_recover(was, "cpuset", &group, err);

    if (rc == 0)
        keep(group, ret_state);
    return rc;
}

static int cpuset_update(void *state, const struct isolation *now, struct err *err)
{
    const struct cgroup_state *self = ((struct cpuset_state *)state)->group;
    char before[LIST_SIZE] = "";
    int rc = 0;

    cgfs_read(self->group, "cpuset.mems", before, sizeof(before));
    before[strcspn(before, "\n")] = '\0';
    if (now->mems && *now->mems)
        rc = write_list(self, "cpuset.mems", now->mems, err);
    if (rc == 0 && now->cpus && *now->cpus) {
        rc = write_list(self, "cpuset.cpus", now->cpus, err);
        if (rc < 0)
            cgfs_write(self->group, "cpuset.mems", before);
    }
    return rc;
}

static const char *read_list(const struct cpuset_state *self, const char *v1, const char *v2,
                             char text[LIST_SIZE])
{
    const struct cgroup_state *group = self->group;

    if (cgfs_read(group->group, group->is_unified ? v2 : v1, text, LIST_SIZE) < 0)
        *text = '\0';
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static int cpuset_usage(void *state, struct usage_info *usage, struct err *err)
{
    struct cpuset_state *self = state;

    (void)err;
    usage_more(usage)->cpus =
        read_list(self, "cpuset.effective_cpus", "cpuset.cpus.effective", self->cpus);
    usage_more(usage)->mems =
        read_list(self, "cpuset.effective_mems", "cpuset.mems.effective", self->mems);
    return 0;
}

const struct isolator_ops isolator_cgroup_cpuset = {
    .name = "cgroup/cpuset",
    .needs = ISOLATOR_CGROUPS | ISOLATOR_PLACES,
    .controller = "cpuset",
    .prepare = cpuset_prepare,
    .recover = cpuset_recover,
    .update = cpuset_update,
    .usage = cpuset_usage,
    .destroy = cpuset_destroy,
};
