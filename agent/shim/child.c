#include "agent/shim/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "isolators/user_map.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

/* --- before -------------------------------------------------------------------------------------
 */

static char **make_argv(struct arena *memory, const struct command_info *command)
{
    char **argv = arena_array(memory, command->argv_count + 4, sizeof(*argv));

    for (size_t i = 0; i < command->argv_count; i++)
        argv[i] = arena_strdup(memory, command->argv[i]);
    if (!command->argv_count) {
        argv[0] = arena_strdup(memory, "sh");
        argv[1] = arena_strdup(memory, "-c");
        argv[2] = arena_strdup(memory, command->value);
    }
    return argv;
}

static char **make_envp(struct arena *memory, const struct command_info *command)
{
    char **envp = arena_array(memory, command->env_count + 1, sizeof(*envp));

    for (size_t i = 0; i < command->env_count; i++)
        envp[i] = arena_printf(memory, "%s=%s", command->env[i].name, command->env[i].value);
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
static char **make_paths(struct arena *memory, const struct command_info *command,
                         const char *program)
{
    const char *path = search_path(command);
    size_t count = 0, parts = 1;
    char **paths;

    for (const char *c = path; *c; c++)
        parts += *c == ':';
    paths = arena_array(memory, parts + 1, sizeof(*paths));
    if (strchr(program, '/')) {
        paths[0] = arena_strdup(memory, program);
        return paths;
    }
    for (const char *start = path; count < parts; count++) {
        const char *end = strchrnul(start, ':');

        paths[count] = arena_printf(memory, "%.*s%s%s", (int)(end - start), start,
                                    end > start ? "/" : "./", program);
        start = end + 1;
    }
    return paths;
}

int child_prepare(struct child *self, struct err *err)
{
    const struct command_info *command = self->command;

    if (command->argv_count ? !*command->argv[0] : !*command->value)
        return err_set(err, -EINVAL, "the command is empty");
    self->memory = arena_new(0);
    self->argv = make_argv(self->memory, command);
    self->envp = make_envp(self->memory, command);
    self->paths =
        make_paths(self->memory, command, command->argv_count ? command->argv[0] : "/bin/sh");
    return 0;
}

/* --- creation ----------------------------------------------------------------------------------- */

#if defined(__x86_64__) || defined(__aarch64__)

/* The address sanitizer's marks of what the child has called lie on the stack that both have, and nobody has come back to
 * take them away. (It does so itself for a vfork() that it sees.) */
#ifdef __SANITIZE_ADDRESS__
void __asan_handle_vfork(void *stack);
#define FORGET_STACK_OF_CHILD() __asan_handle_vfork(__builtin_frame_address(0))
#else
#define FORGET_STACK_OF_CHILD() ((void)0)
#endif

/* clone3 with shared memory and no stack of its own returns twice on the same stack, as vfork does,
 * and no C function in between may return in the child: so it is made here and nothing lies above.
 * -ENOSYS on kernels before 5.3, -EINVAL without CLONE_INTO_CGROUP (5.7). */
__attribute__((noinline)) static long clone_to(struct clone_args *args, struct child *child)
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
        child->run(child);
    FORGET_STACK_OF_CHILD();
    return rc;
}

#else

static long clone_to(struct clone_args *args, struct child *child)
{
    (void)args;
    (void)child;
    return -ENOSYS;
}

#endif

/* The child writes itself into the v2 group, too, instead of being born in it. */
static int enter_unified(struct spawn *spawn)
{
    int fd;

    if (spawn->cgroup_fd < 0 || spawn->procs_count == SPAWN_GROUPS_MAX)
        return 0;
    fd = openat(spawn->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    spawn->procs_fds[spawn->procs_count++] = fd;
    spawn->cgroup_fd = -1;
    return 0;
}

/* For kernels without clone3. */
__attribute__((noinline)) static long clone_by_vfork(struct child *child)
{
    pid_t pid = vfork();

    if (pid == 0)
        child->run(child);
    return pid < 0 ? -errno : pid;
}

static bool is_too_new(long rc)
{
    return rc == -ENOSYS || rc == -EINVAL || rc == -E2BIG;
}

/* With a pidfd if `ret_fd`. */
static long create(struct child *self, uint64_t flags, int *ret_fd)
{
    struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
    struct spawn *spawn = self->spawn;
    long pid;
    int rc;

    if (ret_fd) {
        args.flags |= CLONE_PIDFD;
        args.pidfd = (uint64_t)(uintptr_t)ret_fd;
    }
    if (spawn->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)spawn->cgroup_fd;
    }
    pid = clone_to(&args, self);
    if (!is_too_new(pid))
        return pid;
    rc = enter_unified(spawn);
    if (rc < 0)
        return rc;
    args.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
    args.cgroup = 0;
    pid = clone_to(&args, self);
    /* Less than was asked for there is only where nothing was. */
    return is_too_new(pid) && flags == (CLONE_VM | CLONE_VFORK) && !ret_fd ? clone_by_vfork(self)
                                                                           : pid;
}

/* --- a new user namespace -------------------------------------------------------------------------- */

static int write_file(pid_t pid, const char *name, const char *text)
{
    char path[64];
    CLEANUP(close_fd) int fd = -1;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
}

/* Nothing of others is ever within reach: there are the task's user, and those of a range that is nobody's. */
static int write_maps(const struct child *self, pid_t pid, struct err *err)
{
    const struct spawn *spawn = self->spawn;
    const uid_t uid = self->account ? self->account->uid : geteuid();
    const gid_t gid = self->account ? self->account->gid : getegid();
    char text[USER_MAP_TEXT_SIZE];
    int rc = 0;

    if (geteuid() != 0)
        rc = write_file(pid, "setgroups", "deny");
    user_map_print(spawn->inner_uid, uid, spawn->inner_base, text);
    if (rc == 0)
        rc = write_file(pid, "uid_map", text);
    user_map_print(spawn->inner_gid, gid, spawn->inner_base, text);
    if (rc == 0)
        rc = write_file(pid, "gid_map", text);
    return rc < 0 ? err_errno(err, rc, "cannot write the maps of its user namespace") : 0;
}

/* The child's own copies of the other ends are closed by its exec, or with it. */
struct handshake {
    int go[2];
    int done[2];
};

static int let_go(const struct child *self, pid_t pid, struct handshake *hands, struct err *err)
{
    char byte = 0;
    int rc = write_maps(self, pid, err);

    close_fd(&hands->done[1]);
    close_fd(&hands->go[0]);
    if (rc == 0 && write(hands->go[1], &byte, 1) != 1)
        rc = err_errno(err, -errno, "cannot tell its process to go on");
    close_fd(&hands->go[1]); /* it ends, if it was not told */
    while (read(hands->done[0], &byte, 1) < 0 && errno == EINTR)
        ;
    return rc;
}

/* Forked, as the maps are written by us while the child waits. */
static long fork_mapped(struct child *shared, uint64_t flags, int *ret_fd, struct err *err)
{
    struct handshake hands = {{-1, -1}, {-1, -1}};
    long pid;
    int rc;

    if (pipe2(hands.go, O_CLOEXEC) < 0 || pipe2(hands.done, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "cannot make a pipe to its process");
    shared->go_fd = hands.go[0];
    shared->go_far_fd = hands.go[1];
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* or its maps would be root's to write, whoever we are */
    pid = create(shared, flags & ~(uint64_t)(CLONE_VM | CLONE_VFORK), ret_fd);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (pid < 0)
        return err_errno(err, (int)pid, "cannot create its process in a user namespace");
    rc = let_go(shared, (pid_t)pid, &hands, err);
    close_fd(&hands.done[0]);
    if (rc < 0)
        waitpid((pid_t)pid, NULL, 0);
    return rc < 0 ? rc : pid;
}

/* What the child leaves it leaves in memory that both have. */
static long create_mapped(struct child *self, uint64_t flags, int *ret_fd, struct err *err)
{
    struct child *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long pid;

    if (shared == MAP_FAILED)
        return err_errno(err, -errno, "cannot share memory with its process");
    *shared = *self;
    pid = fork_mapped(shared, flags, ret_fd, err);
    self->failed_step = shared->failed_step;
    self->error = shared->error;
    self->text = shared->text;
    munmap(shared, sizeof(*shared));
    return pid;
}

/* --- all of it -------------------------------------------------------------------------------------- */

static int tell_failure(const struct child *self, struct err *err)
{
    if (*self->text.text)
        return err_set(err, -(self->error ? self->error : EIO), "%s", self->text.text);
    if (strcmp(self->failed_step, "exec") == 0)
        return err_errno(err, -self->error, "exec %.150s",
                         self->command->argv_count ? self->command->argv[0] : "/bin/sh");
    return err_errno(err, -self->error, "%s", self->failed_step);
}

/* One process, up to its exec. */
static pid_t run(struct child *self, uint64_t namespaces, int *ret_fd, struct err *err)
{
    const uint64_t flags = namespaces | CLONE_VM | CLONE_VFORK;
    long pid;

    if (namespaces & CLONE_NEWUSER) {
        pid = create_mapped(self, flags, ret_fd, err);
        if (pid < 0)
            return (pid_t)pid;
    } else {
        pid = create(self, flags, ret_fd);
        if (pid < 0)
            return err_errno(err, (int)pid, "cannot create its process");
    }
    if (!self->failed_step)
        return (pid_t)pid;
    waitpid((pid_t)pid, NULL, 0);
    return tell_failure(self, err);
}

/* Made by unshare, in the groups that it is seen from. */
static uint64_t made_by_clone(const struct spawn *spawn)
{
    return spawn->namespaces & ~(uint64_t)CLONE_NEWCGROUP;
}

/* Who may not join a PID namespace without being in its user namespace first, and that is all who are not root: in a
 * process between us and the command, whose parent we become. */
__attribute__((noreturn)) static void run_between(struct child *self)
{
    struct clone_args args = {.flags = CLONE_PARENT | CLONE_VM | CLONE_VFORK};
    long pid;

    if (setns(self->init_fd, (int)(self->spawn->namespaces | CLONE_NEWPID)) < 0) {
        self->failed_step = "cannot join its namespaces";
        self->error = errno;
        _exit(1);
    }
    self->has_joined = true;
    self->run = child_run_command;
    pid = clone_to(&args, self);
    self->command_pid = (pid_t)pid;
    if (pid < 0) {
        self->failed_step = "cannot create its process";
        self->error = (int)-pid;
    }
    _exit(0);
}

static pid_t run_by_another(struct child *self, struct err *err)
{
    pid_t pid, between;

    self->run = run_between;
    between = (pid_t)create(self, CLONE_VM | CLONE_VFORK, NULL);
    if (between < 0)
        return err_errno(err, between, "cannot create its process");
    waitpid(between, NULL, 0);
    pid = self->command_pid;
    if (!self->failed_step)
        return pid;
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return tell_failure(self, err);
}

static pid_t run_beside_init(struct child *self, struct err *err)
{
    pid_t pid;

    self->run = child_run_init;
    pid = run(self, made_by_clone(self->spawn), &self->init_fd, err);
    if (pid < 0)
        return pid;
    self->init = pid;
    self->go_fd = -1;
    if (self->spawn->namespaces & CLONE_NEWUSER) {
        pid = run_by_another(self, err);
    } else if (setns(self->init_fd, CLONE_NEWPID) < 0) {
        pid = err_errno(err, -errno, "cannot join its PID namespace");
    } else {
        self->run = child_run_command;
        pid = run(self, 0, NULL, err);
    }
    if (pid < 0) {
        kill(self->init, SIGKILL);
        waitpid(self->init, NULL, 0);
        self->init = 0;
    }
    close_fd(&self->init_fd);
    return pid;
}

/* Not in a new cgroup namespace: from there it would be seen which groups we are in. */
bool child_can_have_shim_as_init(const struct spawn *spawn, bool is_holder)
{
    const uint64_t needed = CLONE_NEWPID | CLONE_NEWNS;
    const uint64_t plain = CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;
    uint64_t others = spawn->namespaces & ~needed;

    for (size_t i = 0; i < spawn->joins_count; i++)
        others |= spawn->joins[i].kind;
    return (spawn->namespaces & needed) == needed && !(others & ~plain) &&
           spawn->cannot_reach_shim && !is_holder;
}

static pid_t run_below_shim(struct child *self, struct err *err)
{
    self->failed_step = child_make_world(self);
    if (self->failed_step) {
        self->error = errno;
        return tell_failure(self, err);
    }
    self->run = child_run_command;
    return run(self, 0, NULL, err);
}

pid_t child_start(struct child *self, struct err *err)
{
    pid_t pid;

    self->go_fd = -1;
    self->init_fd = -1;
    self->parent_fd = self->ends_with_parent ? (int)syscall(SYS_pidfd_open, getpid(), 0) : -1;
    self->spawned = (struct spawned){
        .root_fd = -1,
        .sandbox_fd = self->sandbox_fd,
        .sandbox = self->sandbox,
        .has_user_namespace = self->spawn->namespaces & CLONE_NEWUSER,
        .has_user = self->account,
        .uid = self->account ? self->account->uid : geteuid(),
        .gid = self->account ? self->account->gid : getegid(),
    };
    if (self->is_holder) {
        self->run = child_run_init;
        pid = run(self, made_by_clone(self->spawn), NULL, err);
    } else if (self->shim_is_init) {
        pid = run_below_shim(self, err);
    } else if (self->spawn->namespaces & CLONE_NEWPID && !self->has_joined) {
        pid = run_beside_init(self, err);
    } else {
        self->run = child_run_command;
        pid = run(self, self->has_joined ? 0 : made_by_clone(self->spawn), NULL, err);
    }
    close_fd(&self->parent_fd);
    if (!self->shim_is_init)
        self->told_pid = pid;
    return pid;
}
