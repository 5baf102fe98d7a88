#include "isolators/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/table.h"

/* --- in the child ------------------------------------------------------------------------------- */

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void close_but(int fds[], size_t count)
{
    unsigned from = 0;

    qsort(fds, count, sizeof(fds[0]), compare_ints);
    for (size_t i = 0; i < count; i++) {
        if (fds[i] < 0)
            continue;
        if ((unsigned)fds[i] > from)
            syscall(SYS_close_range, from, (unsigned)fds[i] - 1, 0);
        from = (unsigned)fds[i] + 1;
    }
    syscall(SYS_close_range, from, ~0U, 0);
}

__attribute__((noreturn)) static void become(pid_t launcher, int fds[], size_t count,
                                             worker_run *run, const void *arg, int result_fd)
{
    prctl(PR_SET_NAME, "proffer-worker", 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != launcher)
        _exit(1);
    close_but(fds, count);
    run(arg, result_fd);
    _exit(0);
}

/* --- in the launcher ---------------------------------------------------------------------------- */

struct known {
    pid_t pid;
    UT_hash_handle hh;
};

static struct known *all; /* owned */

static struct known *find(pid_t pid)
{
    struct known *known;

    HASH_FIND(hh, all, &pid, sizeof(pid), known);
    return known;
}

static void remember(pid_t pid)
{
    struct known *known = find(pid);

    if (known)
        return;
    known = mem_new(struct known);
    known->pid = pid;
    HASH_ADD(hh, all, pid, sizeof(pid), known);
}

bool workers_have(pid_t pid)
{
    return find(pid) != NULL;
}

void workers_reaped(pid_t pid)
{
    struct known *known = find(pid);

    if (!known)
        return;
    HASH_DEL(all, known);
    free(known);
}

/* Only our end does not wait. */
static int make_pipe(int ret_fds[2])
{
    int rc = pipe2(ret_fds, O_CLOEXEC) < 0 ? -errno : 0;

    if (rc == 0)
        fcntl(ret_fds[0], F_SETFL, O_NONBLOCK);
    return rc;
}

int worker_start(struct worker *self, const int kept[], size_t kept_count, worker_run *run,
                 const void *arg)
{
    const pid_t launcher = getpid();
    int fds[WORKER_KEPT + 1];
    CLEANUP(close_fd) int ours = -1;
    CLEANUP(close_fd) int theirs = -1;
    int ends[2];
    pid_t child;
    int rc = make_pipe(ends);

    BUG_ON(kept_count > WORKER_KEPT);
    if (rc < 0)
        return rc;
    ours = ends[0];
    fds[0] = theirs = ends[1];
    for (size_t i = 0; i < kept_count; i++)
        fds[1 + i] = kept[i];
    child = fork();
    if (child == 0)
        become(launcher, fds, 1 + kept_count, run, arg, theirs);
    if (child < 0)
        return -errno;
    remember(child);
    self->process_fd = (int)syscall(SYS_pidfd_open, child, 0); /* not waited for yet: it is his */
    if (self->process_fd < 0) {
        rc = -errno;
        kill(child, SIGKILL);
        return rc;
    }
    self->result_fd = TAKE_FD(ours);
    return 0;
}

int worker_read(const struct worker *self, void *ret_data, size_t size)
{
    ssize_t got = read(self->result_fd, ret_data, size);

    if (got == (ssize_t)size)
        return 1;
    return got < 0 && errno == EAGAIN ? -EAGAIN : 0;
}

void worker_signal(const struct worker *self, int signal)
{
    if (self->process_fd >= 0)
        syscall(SYS_pidfd_send_signal, self->process_fd, signal, NULL, 0);
}

void worker_end(struct worker *self)
{
    worker_signal(self, SIGKILL);
    close_fd(&self->process_fd);
    close_fd(&self->result_fd);
}
