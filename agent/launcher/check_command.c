/* A command that checks a container from within. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/check_run.h"
#include "agent/shim/child.h"
#include "base/cleanup.h"

#define ALL_NAMESPACES                                                                             \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |  \
     CLONE_NEWPID)
#define KILL_ROUNDS  1000
#define KILL_STEP_MS 5
#define DRAIN_MOST   64 /* reads in a row */

struct running {
    const struct check_time *time;
    struct check_outcome *outcome;
    FILE *children; /* owned; of our /proc, which may be out of sight once we have joined */
    int output_fd;  /* owned */
    pid_t pid;
    int pidfd; /* owned */
    size_t said;
};

/* --- start -------------------------------------------------------------------------------------- */

/* What the container's tree has there; it may have another one than the host's. */
static int open_sandbox(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 ? fd : open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* As the container's first process, but for what is there already: its namespaces, its mounts. */
static int enter_isolators(const struct check_plan *plan, struct spawn *spawn, struct err *err)
{
    const struct isolation want = {
        .container_id = plan->container_id,
        .cgroups = plan->cgroups,
        .command = plan->info->command,
        .asks = plan->asks,
        .sandbox = plan->sandbox,
        .has_user = plan->account != NULL,
        .uid = plan->account ? plan->account->uid : 0,
        .gid = plan->account ? plan->account->gid : 0,
    };

    for (size_t i = 0; i < plan->isolators->count; i++) {
        const struct isolator_ops *ops = plan->isolators->items[i];
        void *state = NULL;
        int rc = ops->enter ? ops->enter(&want, spawn, &state, err) : 0;

        if (rc < 0)
            return err_wrap(err, rc, "%s", ops->name);
    }
    return 0;
}

/* Whom it is in the user namespace that it joins, where its own number means somebody else. */
static const struct account *account_inside(const struct check_plan *plan,
                                            const struct spawn *spawn, struct account *inner)
{
    if (!(spawn->namespaces & CLONE_NEWUSER))
        return plan->account;
    *inner = (struct account){
        .uid = spawn->inner_uid, .gid = spawn->inner_gid, .groups = &inner->gid, .groups_count = 1};
    return inner;
}

static int start(struct running *self, struct check_plan *plan, int container_pidfd,
                 struct err *err)
{
    struct spawn spawn;
    struct account inner;
    struct child child = {
        .command = plan->info->command,
        .spawn = &spawn,
        .ends_with_parent = true,
        .files = plan->files,
    };
    CLEANUP(close_fd) int write_end = -1;
    int ends[2];
    int rc = 0;

    spawn_init(&spawn);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    self->children = fopen("/proc/thread-self/children", "re");
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "pipe for its output");
    self->output_fd = ends[0];
    write_end = ends[1];
    fcntl(self->output_fd, F_SETFL, O_NONBLOCK);
    rc = enter_isolators(plan, &spawn, err);
    child.account = account_inside(plan, &spawn, &inner);
    spawn.namespaces = 0; /* they are there */
    if (rc == 0 && plan->cgroups)
        rc = cgroups_enter(plan->cgroups, plan->container_id, &spawn, err);
    if (rc == 0)
        rc = check_join(container_pidfd, plan->pid, ALL_NAMESPACES, err);
    if (rc == 0)
        rc = child_prepare(&child, err);
    if (rc < 0)
        return rc;
    child.sandbox_fd = open_sandbox(plan->sandbox);
    child.stdout_fd = child.stderr_fd = write_end;
    self->pid = child_start(&child, err);
    return self->pid < 0 ? self->pid : 0;
}

/* --- end ---------------------------------------------------------------------------------------- */

static void kill_children(struct running *self)
{
    int pid;

    if (self->pid > 0)
        kill(-self->pid, SIGKILL);
    if (!self->children)
        return;
    rewind(self->children);
    while (fscanf(self->children, "%d", &pid) == 1)
        kill(pid, SIGKILL);
}

/* We are the reaper of all that came of it. */
static void end_all(struct running *self)
{
    for (int i = 0; i < KILL_ROUNDS; i++) {
        pid_t pid;

        kill_children(self);
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            if (pid == self->pid)
                self->pid = 0;
        if (pid < 0 && errno == ECHILD)
            return;
        poll(NULL, 0, KILL_STEP_MS);
    }
}

/* What people read; the rest is read and dropped. */
static void note_output(struct running *self, const char *text, size_t size)
{
    size_t room = sizeof(self->outcome->message) - 1;

    for (size_t i = 0; i < size && self->said < room; i++)
        self->outcome->message[self->said++] = text[i];
}

static bool drain(struct running *self)
{
    char text[4096];
    ssize_t size = 1;

    /* Whoever writes for ever does not keep us from looking at the clock. */
    for (int i = 0; i < DRAIN_MOST && size > 0; i++) {
        size = read(self->output_fd, text, sizeof(text));
        if (size > 0)
            note_output(self, text, (size_t)size);
    }
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

/* A single line of printable ASCII, without what is around it. */
static void tidy(char *text)
{
    size_t size = strlen(text);

    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = *c == '\n' || *c == '\t' ? ' ' : '?';
    while (size && text[size - 1] == ' ')
        text[--size] = '\0';
}

static void hold(struct running *self)
{
    bool has_output = true;
    siginfo_t info = {0};

    for (;;) {
        struct pollfd fds[2] = {{self->pidfd, POLLIN, 0},
                                {has_output ? self->output_fd : -1, POLLIN, 0}};
        int left_ms = check_time_left_ms(self->time);

        if (!left_ms) {
            self->outcome->timed_out = 1;
            return;
        }
        poll(fds, 2, left_ms);
        if (fds[1].revents)
            has_output = drain(self);
        if (fds[0].revents)
            break;
    }
    if (waitid(P_PID, (id_t)self->pid, &info, WEXITED | WNOWAIT) < 0)
        return;
    if (info.si_code == CLD_EXITED)
        self->outcome->exit_code = info.si_status;
    else
        self->outcome->signal = info.si_status;
    self->outcome->passed = info.si_code == CLD_EXITED && info.si_status == 0;
}

void check_run_command(struct check_plan *plan, int pidfd, const struct check_time *time,
                       struct check_outcome *ret)
{
    struct running self = {.time = time, .outcome = ret, .output_fd = -1, .pidfd = -1};
    struct err err;

    if (start(&self, plan, pidfd, &err) < 0) {
        snprintf(ret->message, sizeof(ret->message), "%s", err.text);
        end_all(&self);
        return;
    }
    self.pidfd = (int)syscall(SYS_pidfd_open, self.pid, 0);
    hold(&self);
    end_all(&self);
    drain(&self);
    tidy(ret->message);
}
