/* namespaces/pid: it sees its own processes only, and is ended as a whole with the first one. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sealed.h"
#include "isolators/mounting.h"
#include "isolators/namespaces.h"

#ifdef INIT_IMAGE /* the path of the program that init/init.c becomes */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        "init_image:\n"
        ".incbin \"" INIT_IMAGE "\"\n"
        "init_image_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const char init_image[] __attribute__((visibility("hidden")));
extern const char init_image_end[] __attribute__((visibility("hidden")));
#endif

static int init_fd = -1;

static int make_init(struct err *err)
{
#ifdef INIT_IMAGE
    /* The task's user executes it and cannot read it: so it cannot trace it, and make calls in its name that its own
     * seccomp profile does not let through. */
    return sealed_from_bytes("proffer-init", init_image, (size_t)(init_image_end - init_image),
                             0111, &init_fd, err);
#else
    return err_set(err, -ENOTSUP, "its init has not been written for this kind of machine");
#endif
}

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
    return rc == 0 && init_fd < 0 ? make_init(err) : rc;
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
