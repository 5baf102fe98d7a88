/* bench/limit.c - this machine's own limit: the program that the tasks run, started by a bare loop
 * in fresh cgroups with the same limits, by one process a processor; no scheduler, no messages, no
 * logs.
 *
 *     limit [--namespaces] COUNT PARENT... -- PROGRAM [ARGUMENT...]
 *
 * --namespaces: in new ones of mounts, PIDs, IPC and host names, as the agent's default isolators make; nothing is
 * mounted or filtered in them.
 *
 * PARENT is a cgroup directory below which each start makes a group, joins it and removes it again;
 * ":file=value" parts after it are the limits written first. Prints "N per_s".
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES  (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)
#define PARENTS_MAX 16
#define LIMITS_MAX  8

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
    char **program;
};

static int run(void *argument)
{
    const struct start *self = argument;

    for (int i = 0; i < self->count; i++)
        if (write(self->procs[i], "0", 1) != 1)
            _exit(126);
    execv(self->program[0], self->program);
    _exit(127);
}

static void start_one(const struct parent *parents, int count, int number, bool has_namespaces,
                      char **program)
{
    static char stack[65536] __attribute__((aligned(16)));
    struct start self = {.count = count, .program = program};
    int *procs = self.procs, status;
    char name[64];
    pid_t pid;

    snprintf(name, sizeof(name), "limit-%d-%d", (int)getpid(), number);
    for (int i = 0; i < count; i++)
        procs[i] = make_group(&parents[i], name);
    pid = clone(run, stack + sizeof(stack),
                CLONE_VM | CLONE_VFORK | SIGCHLD | (has_namespaces ? NAMESPACES : 0), &self);
    if (pid < 0)
        die("clone");
    if (waitpid(pid, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "limit: %s ended with %x\n", program[0], status);
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        close(procs[i]);
        while (unlinkat(parents[i].fd, name, AT_REMOVEDIR) < 0)
            if (errno != EBUSY)
                die(name);
    }
}

int main(int argc, char **argv)
{
    static struct parent parents[PARENTS_MAX];
    int workers = (int)sysconf(_SC_NPROCESSORS_ONLN), count = 0, next = 2, number, status, bad = 0;
    struct timespec from, to;
    bool has_namespaces = argc > 1 && strcmp(argv[1], "--namespaces") == 0;
    double seconds;

    argc -= has_namespaces;
    argv += has_namespaces;
    if (argc < 4)
        return 2;
    number = (int)strtol(argv[1], NULL, 10);
    for (; next < argc && strcmp(argv[next], "--") != 0 && count < PARENTS_MAX; next++)
        parse_parent(&parents[count++], argv[next]);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int worker = 0; worker < workers; worker++) {
        pid_t pid = fork();

        if (pid < 0)
            die("fork");
        if (pid == 0) {
            for (int i = 0; i < number / workers; i++)
                start_one(parents, count, i, has_namespaces, argv + next + 1);
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
