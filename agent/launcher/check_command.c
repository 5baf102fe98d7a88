/* A command that checks a container from within.
 *
 *     helper ──► keeper ──► command
 *
 * The helper has joined the container's namespaces but for the PIDs', of which only a child can be: the keeper. That
 * is the reaper of all that the command starts, in whatever session, so the helper, which sees the host's /proc, finds
 * it all as the keeper's children. Whoever kills the keeper from inside gets the command killed with it. Where there are
 * cgroups the command is in one of its own inside of the container's, by which all of it is ended at once, however fast
 * it forks. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/check_confine.h"
#include "agent/launcher/check_mark.h"
#include "agent/launcher/check_run.h"
#include "agent/shim/child.h"
#include "base/children.h"
#include "base/cleanup.h"
#include "base/fds.h"

#define ALL_NAMESPACES                                                                             \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |  \
     CLONE_NEWPID)
#define KILL_ROUNDS  1000
#define KILL_STEP_MS 5
#define DRAIN_MOST   64 /* reads in a row */

/* From the keeper to the helper, over a pipe: one when the command was executed or could not be, one when it has ended. */
struct word {
    int32_t rc;     /* of the start; then 0 */
    int32_t status; /* as wait gives it */
    struct err err;
};

struct running {
    const struct check_plan *plan;
    const struct check_time *time;
    struct check_outcome *outcome;
    int proc_fd;   /* owned; the host's, which may be out of sight once we have joined */
    int output_fd; /* owned */
    int words_fd;  /* owned */
    int outcome_fd;
    int launcher_fd;                /* owned; its pidfd */
    int mark_fd;                    /* owned; -1: none, as there are groups, or no need */
    pid_t keeper;                   /* 0: it has ended */
    bool was_killed;                /* the keeper */
    bool has_pids;                  /* it is in a PID namespace that is not ours */
    char group[CGFS_NAME_MAX + 32]; /* inside of the container's; "": none */
    size_t said;
};

/* --- the keeper --------------------------------------------------------------------------------- */

static void say(int fd, const struct word *word)
{
    (void)!write(fd, word, sizeof(*word));
}

/* Until nothing is left that came of the command. */
__attribute__((noreturn)) static void keep(struct child *child, int words_fd, int helper_fd)
{
    struct word word = {0};
    pid_t command, pid;
    int status;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        _exit(1);
    prctl(PR_SET_NAME, "proffer-keeper", 0, 0, 0);
    command = child_start(child, &word.err);
    word.rc = command < 0 ? command : 0;
    child->parent_fd = helper_fd;
    /* What may look into it, as it is not dumpable, is no more than this. */
    if (word.rc == 0 && child_give_up_rights(child) < 0)
        word.rc = err_errno(&word.err, -errno, "cannot give up the rights of who looks after it");
    fds_close_but(&words_fd, 1);
    if (word.rc == 0)
        word.rc = check_filter(CHECK_FILTER_KEEPER, &word.err);
    say(words_fd, &word);
    if (word.rc < 0)
        _exit(1); /* and the command with us */
    while ((pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR)
        if (pid == command)
            say(words_fd, &(struct word){.status = status});
    _exit(0);
}

/* --- start -------------------------------------------------------------------------------------- */

/* What the container's tree has there; it may have another one than the host's. Not to be read: who is in there by then
 * is the user, and enters only what he may. */
static int open_sandbox(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 ? fd : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
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

static int enter_groups(struct running *self, struct spawn *spawn, struct err *err)
{
    const struct check_plan *plan = self->plan;
    char name[32];
    int rc = cgroups_enter(plan->cgroups, plan->container_id, spawn, err);

    snprintf(name, sizeof(name), CHECK_GROUP_PREFIX "%d", getpid());
    if (rc == 0)
        rc = cgroups_enter_inner(plan->cgroups, plan->container_id, name, spawn, err);
    if (rc > 0)
        snprintf(self->group, sizeof(self->group), "%s/%s", plan->container_id, name);
    return rc < 0 ? rc : 0;
}

static int open_pipe(int *ret_read, int *ret_write, struct err *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "pipe for a check");
    *ret_read = ends[0];
    *ret_write = ends[1];
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? err_errno(err, -errno, "pipe for a check") : 0;
}

static int open_fds(struct running *self, struct err *err)
{
    self->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    self->launcher_fd = (int)syscall(SYS_pidfd_open, self->plan->launcher, 0);
    if (self->proc_fd < 0 || self->launcher_fd < 0 || getppid() != self->plan->launcher)
        return err_set(err, -ESRCH, "its launcher has ended");
    return 0;
}

static int join(struct running *self, struct child *child, int container_pidfd, struct err *err)
{
    const struct check_plan *plan = self->plan;
    struct spawn *spawn = child->spawn;
    int rc = enter_isolators(plan, spawn, err);

    if (rc == 0 && plan->cgroups)
        rc = enter_groups(self, spawn, err);
    if (rc == 0)
        rc = child_prepare(child, err);
    if (rc == 0)
        rc = check_join(container_pidfd, plan->pid, ALL_NAMESPACES, err);
    if (rc < 0)
        return rc;
    self->has_pids = rc & CLONE_NEWPID;
    /* The one in which its user is somebody else; the others are joined and done with. */
    spawn->namespaces &= (unsigned)rc & CLONE_NEWUSER;
    child->has_joined = true;
    child->sandbox_fd = open_sandbox(plan->sandbox);
    return child->sandbox_fd < 0 ? err_errno(err, -errno, "its sandbox") : 0;
}

/* The launcher has it as well, for when we are killed. */
static int share_mark(const struct running *self)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec nothing = {(char[]){0}, 1};
    struct msghdr message = {.msg_iov = &nothing,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);

    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(item), &self->mark_fd, sizeof(int));
    return sendmsg(self->outcome_fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* In a PID namespace the orphans of a keeper that was killed are no children of ours. A kernel that has no marks leaves them
 * to the container's end. */
static int mark(struct running *self, struct err *err)
{
    int rc;

    if (*self->group || !self->has_pids)
        return 0;
    self->mark_fd = check_mark_make(self->proc_fd);
    rc = self->mark_fd < 0 ? 0 : share_mark(self);
    return rc < 0 ? err_errno(err, rc, "its mark") : 0;
}

static int start(struct running *self, int container_pidfd, struct err *err)
{
    struct spawn spawn;
    struct child child = {
        .command = self->plan->info->command,
        .account = self->plan->account,
        .spawn = &spawn,
        .ends_with_parent = true,
        .files = self->plan->files,
    };
    CLEANUP(close_fd) int output = -1;
    CLEANUP(close_fd) int words = -1;
    CLEANUP(close_fd) int ours = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int rc = open_fds(self, err);

    spawn_init(&spawn);
    if (rc == 0)
        rc = open_pipe(&self->output_fd, &output, err);
    if (rc == 0)
        rc = open_pipe(&self->words_fd, &words, err);
    if (rc == 0)
        rc = join(self, &child, container_pidfd, err);
    if (rc == 0)
        rc = mark(self, err);
    if (rc < 0)
        return rc;
    child.stdout_fd = child.stderr_fd = output;
    self->keeper = fork();
    if (self->keeper == 0)
        keep(&child, words, ours);
    return self->keeper < 0 ? err_errno(err, -errno, "fork") : 0;
}

/* --- end ---------------------------------------------------------------------------------------- */

struct parent {
    const struct running *running;
    pid_t pid;
};

/* Its number may be another's by now: not by the descriptor. */
static void kill_child(void *owner, pid_t pid)
{
    const struct parent *parent = owner;
    CLEANUP(close_fd) int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd >= 0 && process_parent(parent->running->proc_fd, pid) == parent->pid)
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

/* False: it has none. */
static bool kill_children(const struct running *self, pid_t pid)
{
    struct parent parent = {self, pid};

    return children_each(self->proc_fd, pid, kill_child, &parent) > 0;
}

/* Of a keeper that ended by itself there are none. */
static bool has_marked(const struct running *self)
{
    return self->mark_fd >= 0 && self->was_killed &&
           check_mark_kill(self->proc_fd, self->mark_fd) > 0;
}

static void end_processes(struct running *self)
{
    for (int i = 0; i < KILL_ROUNDS && self->proc_fd >= 0; i++) {
        int status;
        pid_t pid;

        if (*self->group)
            cgroups_kill(self->plan->cgroups, self->group);
        /* The last one: nothing that is left could be its child any more. */
        if (self->keeper > 0 && !kill_children(self, self->keeper))
            kill(self->keeper, SIGKILL);
        if (self->keeper <= 0)
            kill_children(
                self, getpid()); /* without a PID namespace, those of a keeper that was killed */
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == self->keeper) {
                self->keeper = 0;
                self->was_killed = WIFSIGNALED(status);
            }
        if (pid < 0 && errno == ECHILD && !has_marked(self))
            return;
        poll(NULL, 0, KILL_STEP_MS);
    }
}

static void end_all(struct running *self)
{
    end_processes(self);
    if (*self->group)
        cgroups_leave_inner(self->plan->cgroups, self->group);
}

/* --- while it runs ------------------------------------------------------------------------------ */

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

static void on_end(struct check_outcome *ret, int status)
{
    ret->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    ret->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    ret->passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* 1: it has ended; 0: not yet; -errno with a text: it never began, or will not be seen to end. */
static int take_word(struct running *self, bool *has_started, struct err *err)
{
    struct word word;
    ssize_t size = read(self->words_fd, &word, sizeof(word));

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (size != (ssize_t)sizeof(word))
        return err_set(err, -EPIPE, "the process that looked was killed");
    if (word.rc < 0) {
        word.err.text[sizeof(word.err.text) - 1] = '\0';
        return err_set(err, word.rc, "%s", word.err.text);
    }
    if (!*has_started) {
        *has_started = true;
        return 0;
    }
    on_end(self->outcome, word.status);
    return 1;
}

/* 1: it has ended; 0: it was not to go on; -errno. */
static int hold(struct running *self, struct err *err)
{
    bool has_output = true, has_started = false;

    for (int rc = 0;;) {
        struct pollfd fds[] = {{self->words_fd, POLLIN, 0},
                               {has_output ? self->output_fd : -1, POLLIN, 0},
                               {self->launcher_fd, POLLIN, 0}};
        int left_ms = check_time_left_ms(self->time);

        if (!left_ms)
            self->outcome->timed_out = 1;
        if (!left_ms || poll(fds, ARRAY_SIZE(fds), left_ms) < 0)
            return 0;
        if (fds[1].revents)
            has_output = drain(self);
        if (fds[0].revents)
            rc = take_word(self, &has_started, err);
        if (rc != 0 || fds[2].revents)
            return rc;
    }
}

static void close_others(const struct running *self)
{
    int kept[6 + CGROUPS_KILL_FDS_MAX] = {self->proc_fd,     self->output_fd,  self->words_fd,
                                          self->launcher_fd, self->outcome_fd, self->mark_fd};
    size_t count = 6;

    if (*self->group)
        count += cgroups_kill_fds(self->plan->cgroups, &kept[count]);
    fds_close_but(kept, count);
}

static int run(struct running *self, int container_pidfd, struct err *err)
{
    int rc = start(self, container_pidfd, err);

    if (rc < 0)
        return rc;
    /* From now on we see to the end of all of it, before we end for the want of a launcher. */
    prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    close_others(self);
    return hold(self, err);
}

void check_run_command(const struct check_plan *plan, int pidfd, const struct check_time *time,
                       int outcome_fd, struct check_outcome *ret)
{
    struct running self = {
        .plan = plan,
        .time = time,
        .outcome = ret,
        .outcome_fd = outcome_fd,
        .proc_fd = -1,
        .output_fd = -1,
        .words_fd = -1,
        .launcher_fd = -1,
        .mark_fd = -1,
    };
    struct err err;
    int rc;

    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    rc = run(&self, pidfd, &err);
    end_all(&self);
    if (rc < 0)
        snprintf(ret->message, sizeof(ret->message), "%s", err.text);
    else
        drain(&self);
    tidy(ret->message);
}
