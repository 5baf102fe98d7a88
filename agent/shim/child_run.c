/* In the child: from its creation to exec. Its memory is the shim's, or lost with an error; see child.h. */
#include "agent/shim/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/children.h"
#include "base/cleanup.h"

#define EXIT_NO_EXEC        127
#define CLOSE_RANGE_CLOEXEC (1U << 2)

#define STEP(name, call)                                                                           \
    {                                                                                              \
        if ((call) < 0)                                                                            \
            give_up(self, (name));                                                                 \
    }

__attribute__((noreturn)) static void give_up(struct child *self, const char *step)
{
    self->error = errno;
    self->failed_step = step;
    _exit(EXIT_NO_EXEC);
}

static bool has_new(const struct child *self, uint64_t kind)
{
    return self->spawn->namespaces & kind;
}

/* What it is that failed, with errno and a text; or NULL. */
static const char *try_steps(struct child *self, enum spawn_phase first, enum spawn_phase last)
{
    const struct spawn *spawn = self->spawn;

    for (enum spawn_phase phase = first; phase <= last; phase++)
        for (size_t i = 0; i < spawn->steps_count; i++) {
            const struct spawn_step *step = &spawn->steps[i];
            int rc = step->phase == phase ? step->run(step, &self->spawned, &self->text) : 0;

            if (rc == 0)
                continue;
            if (!*self->text.text)
                err_errno(&self->text, rc, "cannot %s", step->what);
            errno = -rc;
            return step->what;
        }
    return NULL;
}

static void run_steps(struct child *self, enum spawn_phase first, enum spawn_phase last)
{
    const char *failed = try_steps(self, first, last);

    if (failed)
        give_up(self, failed);
}

/* --- its user ----------------------------------------------------------------------------------- */

/* The C library's setuid and its kin stop all threads of the process, as they know it: not here. */
static long drop_to(const struct account *account)
{
    if (syscall(SYS_setgroups, account->groups_count, account->groups) < 0 ||
        syscall(SYS_setresgid, account->gid, account->gid, account->gid) < 0)
        return -1;
    return syscall(SYS_setresuid, account->uid, account->uid, account->uid);
}

/* Where we were not root outside, the kernel wants setgroups to be denied: our groups stay. */
static long drop_to_inner(const struct spawn *spawn)
{
    if (syscall(SYS_setgroups, 1, &spawn->inner_gid) < 0 && errno != EPERM)
        return -1;
    if (syscall(SYS_setresgid, spawn->inner_gid, spawn->inner_gid, spawn->inner_gid) < 0)
        return -1;
    return syscall(SYS_setresuid, spawn->inner_uid, spawn->inner_uid, spawn->inner_uid);
}

/* What the namespace does not know it can make no file for: so its user comes first. The capabilities in it are kept,
 * for the steps. */
static long become_inner(const struct spawn *spawn)
{
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
        return -1;
    return drop_to_inner(spawn);
}

static long clear_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capset, &header, data);
}

static long become_user(const struct child *self)
{
    const struct spawn *spawn = self->spawn;

    if (!has_new(self, CLONE_NEWUSER)) {
        if (!self->account)
            return 0;
        if (spawn->keeps_capabilities && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
            return -1;
        return drop_to(self->account);
    }
    if (become_inner(spawn) < 0 || prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0)
        return -1;
    return spawn->inner_uid && !spawn->keeps_capabilities ? clear_capabilities() : 0;
}

/* --- namespaces --------------------------------------------------------------------------------- */

static long wait_for_maps(const struct child *self)
{
    char one;

    if (self->go_fd < 0)
        return 0;
    close(self->go_far_fd); /* or it would not be seen to close */
    return read(self->go_fd, &one, 1) == 1 ? 0 : -1;
}

static long enter_groups(const struct spawn *spawn)
{
    for (size_t i = 0; i < spawn->procs_count; i++)
        if (write(spawn->procs_fds[i], "0", 1) < 0)
            return -1;
    return 0;
}

static long join_others(const struct spawn *spawn)
{
    for (size_t i = 0; i < spawn->joins_count; i++)
        if (setns(spawn->joins[i].fd, (int)spawn->joins[i].kind) < 0)
            return -1;
    return 0;
}

/* All that is done in the first process of the namespaces, whoever that is: the step that failed, with errno, or NULL. */
static const char *try_world(struct child *self)
{
    const struct spawn *spawn = self->spawn;

    if (has_new(self, CLONE_NEWUSER) && become_inner(spawn) < 0)
        return "cannot become its user in its namespace";
    if (join_others(spawn) < 0)
        return "cannot join a namespace";
    /* Seen from the groups that it is in only now. */
    if (has_new(self, CLONE_NEWCGROUP) && unshare(CLONE_NEWCGROUP) < 0)
        return "cannot make a cgroup namespace";
    /* What is mounted in here stays in here; what the host unmounts goes here, too. */
    if (has_new(self, CLONE_NEWNS) && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return "cannot make its mounts its own";
    return try_steps(self, SPAWN_ROOT, SPAWN_SYSTEM);
}

static void make_world(struct child *self)
{
    const char *failed = try_world(self);

    if (failed)
        give_up(self, failed);
}

const char *child_make_world(struct child *self)
{
    const uint64_t kinds = self->spawn->namespaces & ~(uint64_t)CLONE_NEWPID;

    return unshare((int)kinds) < 0 ? "cannot make its namespaces" : try_world(self);
}

static uint64_t kinds_to_join(const struct spawn *spawn)
{
    uint64_t kinds = spawn->namespaces & ~(uint64_t)CLONE_NEWPID;

    for (size_t i = 0; i < spawn->joins_count; i++)
        kinds |= spawn->joins[i].kind;
    return kinds;
}

static long join_init(const struct child *self)
{
    uint64_t kinds = kinds_to_join(self->spawn);

    return kinds ? setns(self->init_fd, (int)kinds) : 0;
}

static void enter_world(struct child *self)
{
    if (self->has_joined || self->shim_is_init)
        return;
    if (self->init)
        STEP("cannot join its namespaces", join_init(self))
    else
        make_world(self);
}

/* --- what a process starts with ------------------------------------------------------------------ */

/* A descriptor from outside of the mount namespace would lead out of it: so the folder is opened by its name inside,
 * and must be the one that was made. */
static long enter_folder_inside(const struct child *self)
{
    const char *name = self->spawn->work_folder ? self->spawn->work_folder : self->sandbox;
    CLEANUP(close_fd) int fd = open(name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat found, made;
    char path[4096];

    if (fd < 0 || fstat(fd, &found) < 0 || fstat(self->sandbox_fd, &made) < 0 || fchdir(fd) < 0)
        return -1;
    if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
        return -1;
    if (found.st_dev == made.st_dev && found.st_ino == made.st_ino && path[0] == '/')
        return 0;
    errno = EXDEV;
    return -1;
}

static long enter_folder(const struct child *self)
{
    return kinds_to_join(self->spawn) & CLONE_NEWNS ? enter_folder_inside(self)
                                                    : fchdir(self->sandbox_fd);
}

/* Whoever joined a container has opened its folder as root, by a path of the container's: the user must be one who can
 * enter it. */
static long stay_in_folder(void)
{
    return chdir(".") < 0 ? chdir("/") : 0;
}

static long set_rlimits(const struct spawn *spawn, const struct rlimit *files)
{
    if (files && syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, files, NULL) < 0)
        return -1;
    for (size_t i = 0; i < spawn->rlimits_count; i++)
        if (syscall(SYS_prlimit64, 0, spawn->rlimits[i].resource, &spawn->rlimits[i].limit, NULL) <
            0)
            return -1;
    return 0;
}

/* Behind the change of the user, which takes it back. In its namespace a parent outside has no number. */
static long end_with_parent(const struct child *self)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return -1;
    if (poll(&(struct pollfd){self->parent_fd, POLLIN, 0}, 1, 0) > 0)
        _exit(EXIT_NO_EXEC); /* it died before that */
    return 0;
}

/* The exec closes them; one of them tells the shim of it, where that does not stand still. */
static long close_others(const struct child *self)
{
    return syscall(SYS_close_range, 3, ~0U, self->go_fd < 0 ? 0 : CLOSE_RANGE_CLOEXEC);
}

static long take_streams(const struct child *self)
{
    if (dup2(self->stdout_fd, STDOUT_FILENO) < 0 || dup2(self->stderr_fd, STDERR_FILENO) < 0)
        return -1;
    return 0;
}

static long unblock_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The error that says most: a file that may not be executed, before one that is not there. */
static void execute(struct child *self)
{
    int error = ENOENT;

    for (char **path = self->paths; *path; path++) {
        execve(*path, self->argv, self->envp);
        if (errno != ENOENT && errno != ENOTDIR)
            error = errno;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            break;
    }
    errno = error;
}

/* A process cannot be asked what number it has in another namespace, but sees there what it has itself. */
static long tell_pid(struct child *self)
{
    self->told_pid = process_self(self->proc_fd);
    return self->told_pid ? 0 : -1;
}

void child_run_command(struct child *self)
{
    STEP("cannot see its own number", self->shim_is_init ? tell_pid(self) : 0)
    STEP("cannot wait for its user maps", wait_for_maps(self))
    STEP("cannot enter its cgroups", enter_groups(self->spawn))
    STEP("setsid", setsid())
    enter_world(self);
    STEP("cannot enter its sandbox", enter_folder(self))
    STEP("cannot set up its descriptors", take_streams(self))
    STEP("cannot set its resource limits", set_rlimits(self->spawn, self->files))
    run_steps(self, SPAWN_BOUNDING, SPAWN_BOUNDING);
    STEP("cannot become its user", become_user(self))
    run_steps(self, SPAWN_CAPABILITIES, SPAWN_CAPABILITIES);
    STEP("cannot enter a folder", self->has_joined ? stay_in_folder() : 0)
    STEP("pdeathsig", self->ends_with_parent && !self->init ? end_with_parent(self) : 0)
    STEP("cannot close its descriptors", close_others(self))
    STEP("sigprocmask", unblock_signals())
    if (!self->spawn->may_gain_privileges)
        STEP("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    run_steps(self, SPAWN_FILTER, SPAWN_FILTER);
    execute(self);
    STEP("exec", -1)
    __builtin_unreachable();
}

/* --- the first process of a PID namespace ---------------------------------------------------------- */

int child_give_up_rights(const struct child *self)
{
    if (has_new(self, CLONE_NEWUSER) ? drop_to_inner(self->spawn) < 0
                                     : self->account && drop_to(self->account) < 0)
        return -1;
    if (self->ends_with_parent && end_with_parent(self) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return clear_capabilities() < 0 ? -1 : 0;
}

/* It needs no rights: children that it ignores are nobody's to wait for. Nor does it keep what it is not seen to need,
 * as the task could be of its user. All before the exec: with capabilities root could read its program, and so trace it. */
static long become_harmless(const struct child *self)
{
    const int root_gets_nothing = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;

    if (prctl(PR_SET_SECUREBITS, root_gets_nothing, 0, 0, 0) < 0)
        return -1;
    return child_give_up_rights(self);
}

void child_run_init(struct child *self)
{
    static char name[] = "proffer-init";
    char *const argv[] = {name, NULL}, *const envp[] = {NULL};

    STEP("cannot wait for its user maps", wait_for_maps(self))
    STEP("cannot enter its cgroups", enter_groups(self->spawn))
    /* No session of its own, as the shim has none: nobody sees it, and it costs a scheduling group. */
    make_world(self);
    STEP("chdir /", chdir("/"))
    STEP("cannot set up descriptors", dup2(STDIN_FILENO, STDOUT_FILENO))
    STEP("cannot set up descriptors", dup2(STDIN_FILENO, STDERR_FILENO))
    STEP("cannot close descriptors", syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC))
    STEP("cannot give up its rights", become_harmless(self))
    signal(SIGCHLD, SIG_IGN);
    STEP("sigprocmask", unblock_signals())
    syscall(SYS_execveat, self->spawn->init_fd, "", argv, envp, AT_EMPTY_PATH);
    STEP("cannot execute the init of its PID namespace", -1)
    __builtin_unreachable();
}
