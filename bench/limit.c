/* bench/limit.c - this machine's own limit: the program that the tasks run, started by a bare loop
 * in fresh cgroups with the same limits, by one process a processor; no scheduler, no messages, no
 * logs.
 *
 *     limit [--namespaces | --contained PROFILE] COUNT PARENT... -- PROGRAM [ARGUMENT...]
 *
 * --namespaces: in new ones of mounts, PIDs, IPC and host names, as the agent's default isolators make; nothing is
 * mounted or filtered in them.
 * --contained: all that the kernel does for a task by default: in these namespaces its own /proc, /dev/shm and message
 * queues, /proc and /sys covered and read-only, a session, capabilities dropped, no_new_privs, and the filter of a
 * profile (isolators/seccomp/default.json).
 *
 * PARENT is a cgroup directory below which each start makes a group, joins it and removes it again;
 * ":file=value" parts after it are the limits written first. Prints "N per_s".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isolators/mounting.h"
#include "isolators/seccomp_profile.h"

#define NAMESPACES  (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)
#define PARENTS_MAX 16
#define LIMITS_MAX  8
/* What linux/capabilities leaves a task of root. */
#define CAPABILITIES     UINT64_C(0xa00425fb)
#define CAPABILITIES_MAX 64

struct parent {
    const char *path;
    const char *files[LIMITS_MAX];
    const char *values[LIMITS_MAX];
    int limit_count;
    int fd;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void parse_parent(struct parent *parent, char *text)
{
    parent->path = strsep(&text, ":");
    while (text && parent->limit_count < LIMITS_MAX) {
        char *value = strsep(&text, ":");

        parent->files[parent->limit_count] = strsep(&value, "=");
        parent->values[parent->limit_count++] = value ? value : "";
    }
    parent->fd = open(parent->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (parent->fd < 0)
        die(parent->path);
}

static int make_group(const struct parent *parent, const char *name)
{
    char path[256];
    int procs;

    if (mkdirat(parent->fd, name, 0755) < 0)
        die(parent->path);
    for (int i = 0; i < parent->limit_count; i++) {
        int fd;

        snprintf(path, sizeof(path), "%s/%s", name, parent->files[i]);
        fd = openat(parent->fd, path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, parent->values[i], strlen(parent->values[i])) < 0)
            die(path);
        close(fd);
    }
    /* v1 has a file that moves one thread and so needs no lock on the whole group; v2 has not. */
    snprintf(path, sizeof(path), "%s/tasks", name);
    procs = openat(parent->fd, path, O_WRONLY | O_CLOEXEC);
    if (procs < 0) {
        snprintf(path, sizeof(path), "%s/cgroup.procs", name);
        procs = openat(parent->fd, path, O_WRONLY | O_CLOEXEC);
    }
    if (procs < 0)
        die(path);
    return procs;
}

/* What is started, in memory that is shared until the exec. */
struct start {
    int procs[PARENTS_MAX];
    int count;
    const struct seccomp_program *filter; /* NULL: it is not contained any further */
    char **program;
};

static int mount_all(void)
{
    static const struct mounting_option shm[] = {
        {"size", "67108864"}, {"mode", "1777"}, {NULL, NULL}};
    const uint64_t harmless = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        mounting_proc(AT_FDCWD, "/proc", NULL) < 0 || mounting_protect_system(NULL) < 0)
        return -1;
    if (access("/dev/shm", F_OK) == 0 &&
        mounting_new_at("tmpfs", shm, harmless, AT_FDCWD, "/dev/shm", NULL) < 0)
        return -1;
    return access("/dev/mqueue", F_OK) == 0
               ? mounting_new_at("mqueue", NULL, harmless | MOUNT_ATTR_NOEXEC, AT_FDCWD,
                                 "/dev/mqueue", NULL)
               : 0;
}

static int give_up_rights(const struct seccomp_program *filter)
{
    const struct sock_fprog program = {filter->count, filter->code};

    for (int number = 0; number < CAPABILITIES_MAX; number++)
        if (!(CAPABILITIES >> number & 1) && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0)
            break; /* the kernel knows no more */
    if (syscall(SYS_close_range, 3, ~0U, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static int run(void *argument)
{
    const struct start *self = argument;

    for (int i = 0; i < self->count; i++)
        if (write(self->procs[i], "0", 1) != 1)
            _exit(126);
    if (self->filter && (setsid() < 0 || mount_all() < 0 || give_up_rights(self->filter) < 0))
        _exit(126);
    execv(self->program[0], self->program);
    _exit(127);
}

/* How all of them are started. */
struct way {
    uint64_t namespaces;
    const struct seccomp_program *filter;
    char **program;
};

static void start_one(const struct parent *parents, int count, int number, const struct way *way)
{
    static char stack[65536] __attribute__((aligned(16)));
    struct start self = {.count = count, .filter = way->filter, .program = way->program};
    int *procs = self.procs, status;
    char name[64];
    pid_t pid;

    snprintf(name, sizeof(name), "limit-%d-%d", (int)getpid(), number);
    for (int i = 0; i < count; i++)
        procs[i] = make_group(&parents[i], name);
    pid = clone(run, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD | (int)way->namespaces,
                &self);
    if (pid < 0)
        die("clone");
    if (waitpid(pid, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "limit: %s ended with %x\n", way->program[0], status);
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        close(procs[i]);
        while (unlinkat(parents[i].fd, name, AT_REMOVEDIR) < 0)
            if (errno != EBUSY)
                die(name);
    }
}

static void read_filter(const char *path, struct seccomp_program *ret_filter)
{
    static char text[SECCOMP_PROFILE_MAX];
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, sizeof(text), file) : 0;
    struct err err;

    if (!size)
        die(path);
    fclose(file);
    if (seccomp_profile_compile(text, size, CAPABILITIES, ret_filter, &err) < 0) {
        fprintf(stderr, "limit: %s: %s\n", path, err.text);
        exit(1);
    }
}

/* How many arguments that took. */
static int read_way(int argc, char **argv, struct way *way)
{
    static struct seccomp_program filter;

    if (argc > 1 && strcmp(argv[1], "--namespaces") == 0) {
        way->namespaces = NAMESPACES;
        return 1;
    }
    if (argc > 2 && strcmp(argv[1], "--contained") == 0) {
        read_filter(argv[2], &filter);
        way->namespaces = NAMESPACES;
        way->filter = &filter;
        return 2;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct parent parents[PARENTS_MAX];
    int workers = (int)sysconf(_SC_NPROCESSORS_ONLN), count = 0, next = 2, number, status, bad = 0;
    struct timespec from, to;
    struct way way = {0};
    int taken = read_way(argc, argv, &way);
    double seconds;

    argc -= taken;
    argv += taken;
    if (argc < 4)
        return 2;
    number = (int)strtol(argv[1], NULL, 10);
    for (; next < argc && strcmp(argv[next], "--") != 0 && count < PARENTS_MAX; next++)
        parse_parent(&parents[count++], argv[next]);
    way.program = argv + next + 1;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int worker = 0; worker < workers; worker++) {
        pid_t pid = fork();

        if (pid < 0)
            die("fork");
        if (pid == 0) {
            for (int i = 0; i < number / workers; i++)
                start_one(parents, count, i, &way);
            _exit(0);
        }
    }
    for (int worker = 0; worker < workers; worker++)
        bad |= wait(&status) < 0 || status != 0;
    clock_gettime(CLOCK_MONOTONIC, &to);
    seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    printf("%.1f per_s\n", number / workers * workers / seconds);
    return bad;
}
