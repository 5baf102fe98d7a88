/* namespaces/pid: it sees its own processes only, and is ended as a whole with the first one. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "isolators/init_image.h"
#include "isolators/mounting.h"
#include "isolators/namespaces.h"

static int init_fd = -1;

/* Who is in the namespace joins the others of it by one call for all, of Linux 5.8. */
static int check_joining(struct err *err)
{
    CLEANUP(close_fd) int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (fd < 0)
        return err_errno(err, -errno, "this kernel has no pidfds (Linux 5.3)");
    /* -EPERM where we may not; that is found out below. */
    if (setns(fd, CLONE_NEWUTS) < 0 && errno == EINVAL)
        return err_set(err, -ENOTSUP, "this kernel cannot join namespaces by a pidfd (Linux 5.8)");
    return 0;
}

/* Inside of some containers nobody gets a whole one. */
static int try_proc(struct err *err)
{
    return mounting_proc(AT_FDCWD, "/proc", err);
}

static int pid_setup(const struct isolator_host *host, struct err *err)
{
    int rc = check_joining(err);

    if (rc == 0)
        rc = namespaces_try(host, "pid", CLONE_NEWPID | CLONE_NEWNS, try_proc, err);
    return rc == 0 ? init_image_fd(&init_fd, err) : rc;
}

/* Into the host's tree; who makes a root of its own has one there. */
static int mount_proc(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    (void)step;
    if (spawned->root_fd >= 0)
        return 0;
    return mounting_proc(AT_FDCWD, "/proc", err);
}

static int pid_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                       struct err *err)
{
    const struct spawn_step step = {
        .phase = SPAWN_VOLUMES,
        .what = "mount its /proc",
        .run = mount_proc,
    };
    int rc = spawn_add_step(spawn, &step, err);

    (void)want;
    (void)ret_state;
    if (rc < 0)
        return rc;
    spawn->namespaces |= CLONE_NEWPID;
    spawn->init_fd = init_fd;
    return 0;
}

static const char *const pid_with[] = {"namespaces/mount", NULL};

const struct isolator_ops isolator_namespaces_pid = {
    .name = "namespaces/pid",
    .needs = ISOLATOR_PRIVILEGED,
    .with = pid_with,
    .setup = pid_setup,
    .prepare = pid_prepare,
};
