/* namespaces/user: one user inside, who is the task's user outside; what rights it has inside reach what is inside. */
#include "isolators/builtin.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolators/namespaces.h"

/* Whether it is allowed is a setting of the system, or of a container that we are in: so it is tried. */
static int try_one(struct err *err)
{
    int status, error;
    pid_t pid = fork();

    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return err_errno(err, -errno, "cannot try a user namespace");
    error = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
    if (error)
        return err_errno(err, -error,
                         "this system allows no user namespaces "
                         "(see /proc/sys/user/max_user_namespaces)");
    return 0;
}

static int user_setup(const struct isolator_host *host, struct err *err)
{
    int rc = namespaces_check("user", err);

    (void)host;
    return rc < 0 ? rc : try_one(err);
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
