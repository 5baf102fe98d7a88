#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/fetcher/fetcher.h"
#include "base/cleanup.h"
#include "base/fds.h"

/* What it says at its end; an empty text is good news. */
struct verdict {
    int32_t rc;
    struct err err;
};

static int become(const struct msg_fetch *fetch, struct err *err)
{
    if (fetch->has_user &&
        (setgroups(fetch->groups.size / sizeof(gid_t), fetch->groups.data) < 0 ||
         setresgid((gid_t)fetch->gid, (gid_t)fetch->gid, (gid_t)fetch->gid) < 0 ||
         setresuid((uid_t)fetch->uid, (uid_t)fetch->uid, (uid_t)fetch->uid) < 0))
        return err_errno(err, -errno, "cannot become the task's user");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_errno(err, -errno, "prctl");
    return 0;
}

__attribute__((noreturn)) static void work(const struct fetch_job *job,
                                           int (*run)(const struct fetch_job *, int, struct err *),
                                           int fd, int verdict_fd, pid_t parent)
{
    struct verdict verdict = {0};
    int kept[] = {job->sandbox_fd, job->report_fd, fd, verdict_fd};

    fds_close_but(kept, ARRAY_SIZE(kept)); /* nothing of the cache, above all */
    verdict.rc = become(job->fetch, &verdict.err);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
        _exit(1);
    if (verdict.rc == 0)
        verdict.rc = run(job, fd, &verdict.err);
    (void)!write(verdict_fd, &verdict, sizeof(verdict));
    _exit(0);
}

/* 0 and a verdict; -ETIMEDOUT; -EPIPE: it ended without one. */
static int wait_for(const struct fetch_job *job, int fd, struct verdict *ret)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};
    int rc;

    do
        rc = poll(&poll_fd, 1, fetch_left_ms(job));
    while (rc < 0 && errno == EINTR);
    if (rc == 0)
        return -ETIMEDOUT;
    return read(fd, ret, sizeof(*ret)) == (ssize_t)sizeof(*ret) ? 0 : -EPIPE;
}

static int judge(const struct fetch_job *job, pid_t pid, int fd, struct err *err)
{
    struct verdict verdict;
    int rc = wait_for(job, fd, &verdict);
    int status = 0;

    if (rc < 0)
        kill(pid, rc == -ETIMEDOUT ? SIGKILL : 0);
    waitpid(pid, &status, 0);
    if (rc == -ETIMEDOUT)
        return err_set(err, rc, "it takes longer than all that may be fetched for a task");
    if (rc < 0 && WIFSIGNALED(status))
        return err_set(err, rc, "the process that fetched was ended by signal %d (%s)",
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (rc < 0)
        return err_set(err, rc, "the process that fetched ended too early");
    verdict.err.text[sizeof(verdict.err.text) - 1] = '\0';
    return verdict.rc < 0 ? err_set(err, verdict.rc, "%s", verdict.err.text) : 0;
}

int job_run(const struct fetch_job *job,
            int (*run)(const struct fetch_job *job, int fd, struct err *err), int fd,
            struct err *err)
{
    CLEANUP(close_fd) int read_end = -1;
    CLEANUP(close_fd) int write_end = -1;
    pid_t parent = getpid();
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "pipe");
    read_end = ends[0];
    write_end = ends[1];
    pid = fork();
    if (pid == 0)
        work(job, run, fd, write_end, parent);
    close_fd(&write_end);
    if (pid < 0)
        return err_errno(err, -errno, "fork");
    return judge(job, pid, read_end, err);
}
