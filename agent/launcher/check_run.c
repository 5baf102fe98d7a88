#include "agent/launcher/check_run.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/children.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "proto/checks.h"

#define ANCESTORS_MAX 4 /* between a shim and its container's first process */

int check_time_left_ms(const struct check_time *time)
{
    int64_t left_us = time->until_us - clock_now().mono_us;

    return left_us > 0 ? (int)((left_us + US_PER_MS - 1) / US_PER_MS) : 0;
}

/* --- is it still there? ------------------------------------------------------------------------- */

int check_open_process(pid_t pid, pid_t shim, struct err *err)
{
    CLEANUP(close_fd) int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    CLEANUP(close_fd) int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || proc_fd < 0)
        return err_errno(err, -errno, "its process");
    for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
        pid = process_parent(proc_fd, pid);
        if (pid == shim)
            return TAKE_FD(fd);
    }
    return err_set(err, -ESRCH, "it has ended");
}

/* --- where ------------------------------------------------------------------------------ */

/* 1: it is in another one than we; 0: in ours, or there are none of that kind; -errno: that cannot be told, as it has ended,
 * say: then nothing may run in ours instead. */
static int is_elsewhere(pid_t pid, const char *name)
{
    char path[64];
    struct stat ours, theirs;

    snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
    if (stat(path, &ours) < 0)
        return errno == ENOENT ? 0 : -errno;
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
    if (stat(path, &theirs) < 0)
        return -errno;
    return ours.st_ino != theirs.st_ino;
}

int check_join(int pidfd, pid_t pid, int kinds, struct err *err)
{
    static const struct {
        const char *name;
        int kind;
    } all[] = {
        {"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},  {"net", CLONE_NEWNET},
        {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP},
        {"pid", CLONE_NEWPID},
    };
    int wanted = 0;

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        int rc = kinds & all[i].kind ? is_elsewhere(pid, all[i].name) : 0;

        if (rc < 0)
            return err_errno(err, rc, "its namespace %s", all[i].name);
        if (rc > 0)
            wanted |= all[i].kind;
    }
    if (wanted && setns(pidfd, wanted) < 0)
        return err_errno(err, -errno, "cannot join its namespaces");
    return wanted;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static void look(const struct check_plan *plan, const struct check_time *time, int fd,
                 struct check_outcome *ret)
{
    struct err err;
    CLEANUP(close_fd) int pidfd = check_open_process(plan->pid, plan->shim, &err);

    if (pidfd < 0)
        snprintf(ret->message, sizeof(ret->message), "%s", err.text);
    else if (plan->info->command)
        check_run_command(plan, pidfd, time, fd, ret);
    else
        check_run_connection(plan, pidfd, time, fd, ret);
}

int check_run(void *plan_p, int fd)
{
    const struct check_plan *plan = plan_p;
    struct check_outcome outcome = {0};
    const struct check_time time = {clock_now().mono_us + check_timeout_ms(plan->info) * US_PER_MS};

    /* What is about to join a container shares our memory until it executes the command: nothing in there may
     * look into it, and take our descriptors. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return 1;
    look(plan, &time, fd, &outcome);
    return send(fd, &outcome, sizeof(outcome), MSG_NOSIGNAL) < 0;
}
