/* namespaces/uts: a host name of its own, which changes nobody else's. */
#include "isolators/builtin.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "isolators/namespaces.h"

#define HOSTNAME_MAX 63 /* the kernel takes 64 bytes; a name of DNS is at most that */

static int uts_setup(const struct isolator_host *host, struct err *err)
{
    return namespaces_try(host, "uts", CLONE_NEWUTS, NULL, err);
}

static int set_hostname(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const char *name = step->data;

    (void)spawned;
    (void)err;
    return sethostname(name, strlen(name)) < 0 ? -errno : 0;
}

static int uts_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                       struct err *err)
{
    const char *name = want->asks->hostname;
    const struct spawn_step step = {
        .phase = SPAWN_SYSTEM,
        .what = "set its host name",
        .run = set_hostname,
    };
    int rc;

    if (isolation_is_shared(want, CLONE_NEWUTS))
        return 0;
    if (strlen(name) > HOSTNAME_MAX)
        return err_set(err, -EINVAL, "a host name has at most %d bytes", HOSTNAME_MAX);
    spawn->namespaces |= CLONE_NEWUTS;
    if (!*name)
        return 0;
    rc = spawn_add_step(spawn, &step, err);
    if (rc < 0)
        return rc;
    *ret_state = mem_strdup(name);
    spawn->steps[spawn->steps_count - 1].data = *ret_state;
    return 0;
}

static void uts_destroy(void **state_p)
{
    free(*state_p);
    *state_p = NULL;
}

const struct isolator_ops isolator_namespaces_uts = {
    .name = "namespaces/uts",
    .needs = ISOLATOR_PRIVILEGED,
    .setup = uts_setup,
    .prepare = uts_prepare,
    .destroy = uts_destroy,
};
