/* namespaces/user: one user inside, who is the task's user outside; what rights it has inside reach what is inside. */
#include "isolators/builtin.h"

#include <sched.h>
#include <unistd.h>

#include "isolators/namespaces.h"

static int user_setup(const struct isolator_host *host, struct err *err)
{
    return namespaces_try(host, "user", CLONE_NEWUSER, NULL, err);
}

static int user_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                        struct err *err)
{
    const uid_t uid = want->has_user ? want->uid : geteuid();
    const gid_t gid = want->has_user ? want->gid : getegid();

    (void)ret_state;
    (void)err;
    spawn->namespaces |= CLONE_NEWUSER;
    spawn->inner_uid = want->asks->inner_root ? 0 : uid;
    spawn->inner_gid = want->asks->inner_root ? 0 : gid;
    return 0;
}

const struct isolator_ops isolator_namespaces_user = {
    .name = "namespaces/user",
    .setup = user_setup,
    .prepare = user_prepare,
    .enter = user_prepare,
};
