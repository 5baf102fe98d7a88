/* namespaces/cgroup: it sees its own groups as the root of all, and not what others there are. */
#include "isolators/builtin.h"

#include <sched.h>

#include "isolators/namespaces.h"

static int cgroup_setup(const struct isolator_host *host, struct err *err)
{
    return namespaces_try(host, "cgroup", CLONE_NEWCGROUP, NULL, err);
}

static int cgroup_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                          struct err *err)
{
    (void)want;
    (void)ret_state;
    (void)err;
    spawn->namespaces |= CLONE_NEWCGROUP;
    return 0;
}

const struct isolator_ops isolator_namespaces_cgroup = {
    .name = "namespaces/cgroup",
    .needs = ISOLATOR_PRIVILEGED,
    .setup = cgroup_setup,
    .prepare = cgroup_prepare,
};
