#include "agent/shim/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"
#define EXIT_NO_EXEC 127

/* --- before -------------------------------------------------------------------------------------
 */

static char **make_argv(const struct command_info *command)
{
    char **argv = mem_calloc(command->argv_count + 4, sizeof(*argv));

    for (size_t i = 0; i < command->argv_count; i++)
        argv[i] = mem_strdup(command->argv[i]);
    if (!command->argv_count) {
        argv[0] = mem_strdup("sh");
        argv[1] = mem_strdup("-c");
        argv[2] = mem_strdup(command->value);
    }
    return argv;
}

static char **make_envp(const struct command_info *command)
{
    char **envp = mem_calloc(command->env_count + 1, sizeof(*envp));

    for (size_t i = 0; i < command->env_count; i++)
        envp[i] = mem_printf("%s=%s", command->env[i].name, command->env[i].value);
    return envp;
}

static const char *search_path(const struct command_info *command)
{
    for (size_t i = 0; i < command->env_count; i++)
        if (strcmp(command->env[i].name, "PATH") == 0)
            return command->env[i].value;
    return PATH_DEFAULT;
}

/* As execvp, with the task's own PATH: an empty part is the working folder. */
static char **make_paths(const struct command_info *command, const char *program)
{
    const char *path = search_path(command);
    size_t count = 0, parts = 1;
    char **paths;

    for (const char *c = path; *c; c++)
        parts += *c == ':';
    paths = mem_calloc(parts + 1, sizeof(*paths));
    if (strchr(program, '/')) {
        paths[0] = mem_strdup(program);
        return paths;
    }
    for (const char *start = path; count < parts; count++) {
        const char *end = strchrnul(start, ':');

        paths[count] =
            mem_printf("%.*s%s%s", (int)(end - start), start, end > start ? "/" : "./", program);
        start = end + 1;
    }
    return paths;
}

int child_prepare(struct child *self, struct err *err)
{
    const struct command_info *command = self->command;

    if (command->argv_count ? !*command->argv[0] : !*command->value)
        return err_set(err, -EINVAL, "the command is empty");
    self->argv = make_argv(command);
    self->envp = make_envp(command);
    self->parent = getpid();
    self->paths = make_paths(command, command->argv_count ? command->argv[0] : "/bin/sh");
    return 0;
}

/* --- in the child -------------------------------------------------------------------------------
 */

/* The C library's setuid and its kin stop all threads of the process, as they know it: not here. */
static long drop_to(const struct account *account)
{
    if (syscall(SYS_setgroups, account->groups_count, account->groups) < 0 ||
        syscall(SYS_setresgid, account->gid, account->gid, account->gid) < 0)
        return -1;
    return syscall(SYS_setresuid, account->uid, account->uid, account->uid);
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

/* Behind the change of the user, which takes it back. A parent in another PID namespace has no number here. */
static long end_with(pid_t parent)
{
    pid_t now;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return -1;
    now = getppid();
    if (now != parent && now != 0)
        _exit(EXIT_NO_EXEC); /* it died before that */
    return 0;
}

static long enter_groups(const struct spawn *spawn)
{
    for (size_t i = 0; i < spawn->procs_count; i++)
        if (write(spawn->procs_fds[i], "0", 1) < 0)
            return -1;
    return 0;
}

static long take_streams(const struct child *self)
{
    if (dup2(self->stdout_fd, STDOUT_FILENO) < 0 || dup2(self->stderr_fd, STDERR_FILENO) < 0)
        return -1;
    return syscall(SYS_close_range, 3, ~0U, 0);
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

#define STEP(name, call)                                                                           \
    if ((call) < 0) {                                                                              \
        self->failed_step = (name);                                                                \
        self->error = errno;                                                                       \
        _exit(EXIT_NO_EXEC);                                                                       \
    }

__attribute__((noinline, noreturn)) static void child_run(struct child *self)
{
    sigset_t none;

    sigemptyset(&none);
    STEP("cannot enter its cgroups", enter_groups(self->spawn))
    STEP("setsid", setsid())
    STEP("cannot enter its sandbox", fchdir(self->sandbox_fd))
    STEP("cannot set up its descriptors", take_streams(self))
    STEP("cannot set its resource limits", set_rlimits(self->spawn, self->files))
    STEP("cannot become its user", self->account ? drop_to(self->account) : 0)
    STEP("pdeathsig", self->ends_with_parent ? end_with(self->parent) : 0)
    STEP("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    STEP("sigprocmask", sigprocmask(SIG_SETMASK, &none, NULL))
    execute(self);
    STEP("exec", -1)
    __builtin_unreachable();
}

/* --- creation -----------------------------------------------------------------------------------
 */

#if defined(__x86_64__) || defined(__aarch64__)

/* clone3 with shared memory and no stack of its own returns twice on the same stack, as vfork does,
 * and no C function in between may return in the child: so it is made here and nothing lies above.
 * -ENOSYS on kernels before 5.3, -EINVAL without CLONE_INTO_CGROUP (5.7). */
__attribute__((noinline)) static long clone_sharing(struct clone_args *args, struct child *child)
{
    long rc;

#if defined(__x86_64__)
    __asm__ volatile("syscall"
                     : "=a"(rc)
                     : "a"((long)SYS_clone3), "D"(args), "S"(sizeof(*args))
                     : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = SYS_clone3;
    register long x0 __asm__("x0") = (long)args;
    register long x1 __asm__("x1") = (long)sizeof(*args);

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    rc = x0;
#endif
    if (rc == 0)
        child_run(child);
    return rc;
}

#else

static long clone_sharing(struct clone_args *args, struct child *child)
{
    (void)args;
    (void)child;
    return -ENOSYS;
}

#endif

/* For kernels without CLONE_INTO_CGROUP: the child writes itself into the v2 group too. */
__attribute__((noinline)) static long clone_by_vfork(struct child *child)
{
    struct spawn *spawn = child->spawn;
    pid_t pid;

    if (spawn->cgroup_fd >= 0 && spawn->procs_count < SPAWN_GROUPS_MAX) {
        int fd = openat(spawn->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

        if (fd < 0)
            return -errno;
        spawn->procs_fds[spawn->procs_count++] = fd;
    }
    pid = vfork();
    if (pid == 0)
        child_run(child);
    return pid < 0 ? -errno : pid;
}

pid_t child_start(struct child *self, struct err *err)
{
    struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};
    long pid;

    if (self->spawn->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)self->spawn->cgroup_fd;
    }
    pid = clone_sharing(&args, self);
    if (pid == -ENOSYS || pid == -EINVAL || pid == -E2BIG)
        pid = clone_by_vfork(self);
    if (pid < 0)
        return err_errno(err, (int)pid, "cannot create its process");
    if (!self->failed_step)
        return (pid_t)pid;
    waitpid((pid_t)pid, NULL, 0);
    if (strcmp(self->failed_step, "exec") == 0)
        return err_errno(err, -self->error, "exec %.150s",
                         self->command->argv_count ? self->command->argv[0] : "/bin/sh");
    return err_errno(err, -self->error, "%s", self->failed_step);
}
