/* linux/seccomp: which system calls a task can make: by a profile of ours, by the operator's, or all. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/capabilities.h"
#include "isolators/seccomp_profile.h"

#define OURS       "default"
#define UNCONFINED "unconfined"
#define KEPT_MAX                                                                                   \
    32 /* programs; a profile has one for each set of capabilities that it is asked for with */

#ifdef SECCOMP_PROFILE /* the path of seccomp/default.json */
__asm__(".pushsection .rodata\n"
        "seccomp_default:\n"
        ".incbin \"" SECCOMP_PROFILE "\"\n"
        "seccomp_default_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const char seccomp_default[] __attribute__((visibility("hidden")));
extern const char seccomp_default_end[] __attribute__((visibility("hidden")));
#endif

/* Compiled. Who uses one holds it, so that it can be given up for another meanwhile. */
struct kept {
    char *name; /* owned */
    uint64_t capabilities;
    struct seccomp_program program; /* owned */
    size_t users;
};

static char *folder, *usual; /* owned */
static bool may_be_unconfined;
static struct kept *kept[KEPT_MAX]; /* owned by this table and by users */
static size_t next_place;

/* --- programs ----------------------------------------------------------------------------------------- */

static void release(struct kept *self)
{
    if (!self || --self->users > 0)
        return;
    seccomp_program_fini(&self->program);
    free(self->name);
    free(self);
}

static int read_file(const char *name, char **ret_text, size_t *ret_size, struct err *err)
{
    CLEANUP(free_p) char *path = folder ? mem_printf("%s/%s.json", folder, name) : NULL;
    CLEANUP(close_fd) int fd = -1;
    struct stat info;
    char *text;

    if (strchr(name, '/'))
        return err_set(err, -EINVAL, "'%.64s' is no name of a profile", name);
    if (!path)
        return err_set(err, -ENOENT, "there is no profile '%.64s': linux/seccomp.dir is not set",
                       name);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &info) < 0)
        return err_errno(err, -errno, "%.150s", path);
    if (!S_ISREG(info.st_mode) || info.st_size > SECCOMP_PROFILE_MAX)
        return err_set(err, -EFBIG, "%.150s: want a file of at most 1 MiB", path);
    text = mem_calloc(1, (size_t)info.st_size + 1);
    if (read(fd, text, (size_t)info.st_size) != info.st_size) {
        free(text);
        return err_errno(err, -EIO, "%.150s", path);
    }
    *ret_text = text;
    *ret_size = (size_t)info.st_size;
    return 0;
}

static int compile(const char *name, uint64_t capabilities, struct seccomp_program *ret_program,
                   struct err *err)
{
    CLEANUP(free_p) char *text = NULL;
    size_t size = 0;
    int rc;

#ifdef SECCOMP_PROFILE
    if (strcmp(name, OURS) == 0)
        return seccomp_profile_compile(seccomp_default,
                                       (size_t)(seccomp_default_end - seccomp_default),
                                       capabilities, ret_program, err);
#endif
    rc = read_file(name, &text, &size, err);
    if (rc == 0)
        rc = seccomp_profile_compile(text, size, capabilities, ret_program, err);
    return rc < 0 ? err_wrap(err, rc, "profile %.64s", name) : 0;
}

/* --- in a process of its own -------------------------------------------------------------------------- */

/* What compiling takes and gives back lies all over the heap, and every shim is a copy of that. */
struct compiled {
    bool has_ended; /* and not been killed on the way */
    int rc;
    struct err err;
    unsigned short count;
    struct sock_filter code[BPF_MAXINSNS];
};

__attribute__((noreturn)) static void compile_there(const char *name, uint64_t capabilities,
                                                    struct compiled *shared)
{
    struct seccomp_program program = {0};

    shared->rc = compile(name, capabilities, &program, &shared->err);
    if (shared->rc == 0) {
        shared->count = program.count;
        memcpy(shared->code, program.code, program.count * sizeof(program.code[0]));
    }
    shared->has_ended = true;
    _exit(0);
}

static int take(const struct compiled *shared, struct seccomp_program *ret_program, struct err *err)
{
    if (!shared->has_ended)
        return err_set(err, -EIO, "making a seccomp program ended without a word");
    if (shared->rc < 0)
        return err_set(err, shared->rc, "%s", shared->err.text);
    ret_program->code = mem_calloc(shared->count, sizeof(ret_program->code[0]));
    ret_program->count = shared->count;
    memcpy(ret_program->code, shared->code, shared->count * sizeof(shared->code[0]));
    return 0;
}

static int compile_apart(const char *name, uint64_t capabilities,
                         struct seccomp_program *ret_program, struct err *err)
{
    struct compiled *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid;
    int rc;

    if (shared == MAP_FAILED)
        return err_errno(err, -errno, "cannot share memory");
    pid = fork();
    if (pid == 0)
        compile_there(name, capabilities, shared);
    if (pid < 0) {
        rc = err_errno(err, -errno, "fork");
    } else {
        waitpid(pid, NULL, 0);
        rc = take(shared, ret_program, err);
    }
    munmap(shared, sizeof(*shared));
    return rc;
}

static int find(const char *name, uint64_t capabilities, struct kept **ret_kept, struct err *err)
{
    struct seccomp_program program;
    struct kept *one;
    int rc;

    for (size_t i = 0; i < KEPT_MAX; i++)
        if (kept[i] && kept[i]->capabilities == capabilities && strcmp(kept[i]->name, name) == 0) {
            *ret_kept = kept[i];
            return 0;
        }
    rc = compile_apart(name, capabilities, &program, err);
    if (rc < 0)
        return rc;
    one = mem_new(struct kept);
    *one = (struct kept){mem_strdup(name), capabilities, program, 1};
    release(kept[next_place]);
    kept[next_place] = one;
    next_place = (next_place + 1) % KEPT_MAX;
    *ret_kept = one;
    return 0;
}

/* --- setup ---------------------------------------------------------------------------------------------- */

static int seccomp_setup(const struct isolator_host *host, struct err *err)
{
    const char *dir = isolator_option(host, "linux/seccomp", "dir");
    const char *profile = isolator_option(host, "linux/seccomp", "default");
    const char *allow = isolator_option(host, "linux/seccomp", "allow_unconfined");
    struct kept *ours;
    int rc;

    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
        return err_set(err, -ENOTSUP, "this kernel has no seccomp");
    if (dir && *dir != '/')
        return err_set(err, -ISOLATOR_WRONG_SETTING, "dir=%.100s: want an absolute path", dir);
    if (allow && strcmp(allow, "yes") != 0 && strcmp(allow, "no") != 0)
        return err_set(err, -ISOLATOR_WRONG_SETTING, "allow_unconfined=%.32s: want yes or no",
                       allow);
    free(folder);
    free(usual);
    folder = dir ? mem_strdup(dir) : NULL;
    usual = mem_strdup(profile ? profile : OURS);
    may_be_unconfined = allow && strcmp(allow, "yes") == 0;
    if (strcmp(usual, UNCONFINED) == 0)
        return 0;
    rc = find(usual, 0, &ours, err); /* said now, if it is of no use */
    return rc < 0 && profile ? err_wrap(err, -ISOLATOR_WRONG_SETTING, "default=%.64s", profile)
                             : rc;
}

/* --- a task --------------------------------------------------------------------------------------------- */

static int load(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    const struct kept *self = step->data;
    const struct sock_fprog program = {self->program.count, self->program.code};

    (void)spawned;
    (void)err;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

static int seccomp_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                           struct err *err)
{
    const char *name = *want->asks->seccomp_profile ? want->asks->seccomp_profile : usual;
    /* Without no_new_privs only root may, and only before it gives up what it is. */
    struct spawn_step step = {
        .phase = want->asks->new_privileges ? SPAWN_BOUNDING : SPAWN_FILTER,
        .what = "load its seccomp profile",
        .run = load,
    };
    uint64_t capabilities;
    struct kept *program = NULL;
    int rc;

    if (strcmp(name, UNCONFINED) == 0) {
        if (may_be_unconfined || strcmp(usual, UNCONFINED) == 0)
            return 0;
        return err_set(err, -EPERM,
                       "it asks to be unconfined; this agent does not allow that "
                       "(linux/seccomp.allow_unconfined=yes would)");
    }
    rc = capabilities_of(want, &capabilities, err);
    if (rc == 0)
        rc = find(name, capabilities, &program, err);
    step.data = program;
    if (rc == 0)
        rc = spawn_add_step(spawn, &step, err);
    if (rc < 0)
        return rc;
    program->users++;
    *ret_state = program;
    return 0;
}

static void seccomp_destroy(void **state_p)
{
    release(TAKE(*state_p));
}

static const struct isolator_option seccomp_options[] = {
    {"default", "the profile of tasks that do not say: default, unconfined or a name"},
    {"dir", "the folder with profiles, as NAME.json in Docker's format"},
    {"allow_unconfined", "yes: a task can ask to have none"},
    {NULL, NULL},
};

const struct isolator_ops isolator_linux_seccomp = {
    .name = "linux/seccomp",
    .options = seccomp_options,
    .setup = seccomp_setup,
    .prepare = seccomp_prepare,
    .enter = seccomp_prepare,
    .destroy = seccomp_destroy,
};
