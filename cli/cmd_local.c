/* proffer local: a master and some agents on this machine, for trying out. With a command it runs
 * that and takes the cluster down again.
 *
 * The daemons are children of this process and are told to die with it; the machine's processors,
 * memory, disk and ports are shared out among the agents.
 */
#include "cli/cli.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#define AGENTS_MAX       64
#define READY_TIMEOUT_MS 20000
#define STOP_TIMEOUT_MS  20000
#define PORTS_BEGIN      31000
#define PORTS_END        32000
#define MIB              1048576

struct local_options {
    int64_t agents;
    int64_t port, http_port;
    const char *work_dir;
    const char *resources;
    struct option_strings agent_options;
    bool keep;
};

struct local {
    const struct local_options *options;
    char *bin_dir;
    char *work_dir; /* owned */
    bool temporary;
    pid_t master;
    pid_t agents[AGENTS_MAX];
    size_t agent_count;
    pid_t command;
    char *link_address, *http_address; /* NULL until the master serves */
    int signals;
    int exit_code; /* of the command */
    bool stopping;
};

/* --- children
 * ------------------------------------------------------------------------------------------ */

/* Start a program of ours; its log goes to WORK_DIR/NAME.log, *ret_ready is what it writes when it
 * serves. */
static pid_t start(const struct local *local, const char *name, const char *const *argv,
                   int *ret_ready)
{
    CLEANUP(free_p) char *log = mem_printf("%s/%s.log", local->work_dir, name);
    CLEANUP(free_p) char *program = mem_printf("%s/%s", local->bin_dir, argv[0]);
    FILE *log_file = fopen(log, "ae");
    pid_t parent = getpid(), pid;
    sigset_t none;
    int fds[2];

    if (!log_file || pipe(fds) < 0) {
        cli_fail(0, "%s: %s", log, strerror(errno));
        return -1;
    }
    pid = fork();
    if (pid == 0) {
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        setpgid(0, 0); /* Ctrl-C is for us: we stop them in order */
        close(fds[0]);
        dup2(fileno(log_file), STDERR_FILENO);
        if (dup2(fds[1], 3) < 0 || getppid() != parent)
            _exit(127);
        if (fds[1] != 3)
            close(fds[1]);
        execv(program, (char *const *)argv);
        dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
        _exit(127);
    }
    fclose(log_file);
    close(fds[1]);
    *ret_ready = fds[0];
    return pid;
}

/* The lines after "READY"; -1 when the child ends or says nothing in time. */
static int read_ready(int fd, char **ret_lines, size_t count)
{
    char text[1024];
    size_t used = 0, lines = 0;

    while (lines < count + 1 && used < sizeof(text) - 1) {
        struct pollfd poll_fd = {fd, POLLIN, 0};
        ssize_t size;

        if (poll(&poll_fd, 1, READY_TIMEOUT_MS) <= 0)
            return -1;
        size = read(fd, text + used, sizeof(text) - 1 - used);
        if (size <= 0)
            return -1;
        for (ssize_t i = 0; i < size; i++)
            lines += text[used + (size_t)i] == '\n';
        used += (size_t)size;
    }
    text[used] = '\0';
    if (lines < count + 1 || strncmp(text, "READY\n", 6) != 0)
        return -1;
    for (char *line = text + 6; count > 0; count--) {
        char *end = strchr(line, '\n');

        *end = '\0';
        *ret_lines++ = mem_strdup(line);
        line = end + 1;
    }
    return 0;
}

static void show_log(const struct local *local, const char *name)
{
    CLEANUP(free_p) char *path = mem_printf("%s/%s.log", local->work_dir, name);
    FILE *file = fopen(path, "re");
    char line[512];

    while (file && fgets(line, sizeof(line), file))
        fprintf(stderr, "  %s", line);
    if (file)
        fclose(file);
}

static int start_master(struct local *local)
{
    CLEANUP(free_p) char *port = mem_printf("--port=%lld", (long long)local->options->port);
    CLEANUP(free_p)
    char *http = mem_printf("--http-port=%lld", (long long)local->options->http_port);
    CLEANUP(free_p) char *work_dir = mem_printf("--work-dir=%s/master", local->work_dir);
    const char *const argv[] = {"proffer-master",  port, http, work_dir, "--ready-fd=3",
                                "--cluster=local", NULL};
    CLEANUP(close_fd) int ready = -1;
    char *lines[2];

    local->master = start(local, "master", argv, &ready);
    if (local->master < 0 || read_ready(ready, lines, 2) < 0) {
        cli_fail(0, "the master did not start:");
        show_log(local, "master");
        return EXIT_FAILED;
    }
    local->link_address = lines[0];
    local->http_address = lines[1];
    return 0;
}

/* What the machine itself keeps: `kept`, or half when there is not twice that. */
static unsigned long long leave_some(uint64_t mib, uint64_t kept)
{
    return mib > 2 * kept ? mib - kept : mib / 2;
}

static uint64_t disk_mib(const char *path)
{
    struct statvfs info;

    return statvfs(path, &info) < 0 ? 0 : (uint64_t)info.f_blocks * info.f_frsize / MIB;
}

/* An equal share of this machine for each agent; ports must not be given out twice. */
static char *share(const struct local *local, size_t index)
{
    size_t count = (size_t)local->options->agents;
    size_t ports = (PORTS_END - PORTS_BEGIN + 1) / count, first = PORTS_BEGIN + index * ports;
    long cpus_milli = sysconf(_SC_NPROCESSORS_ONLN) * 1000 / (long)count;
    struct sysinfo info;

    /* What asks for one processor, as most tasks do, must fit. */
    if (cpus_milli < 1000)
        cpus_milli = 1000;
    if (local->options->resources)
        return mem_printf("%s;ports:[%zu-%zu]", local->options->resources, first,
                          first + ports - 1);
    sysinfo(&info);
    return mem_printf(
        "cpus:%ld.%03ld;mem:%llu;disk:%llu;ports:[%zu-%zu]", cpus_milli / 1000, cpus_milli % 1000,
        leave_some((uint64_t)info.totalram * info.mem_unit / MIB, 1024) / count,
        leave_some(disk_mib(local->work_dir), 5120) / count, first, first + ports - 1);
}

static int start_agent(struct local *local, size_t index)
{
    CLEANUP(free_p) char *name = mem_printf("agent%zu", index + 1);
    CLEANUP(free_p) char *master = mem_printf("--master=%s", local->link_address);
    CLEANUP(free_p) char *work_dir = mem_printf("--work-dir=%s/%s", local->work_dir, name);
    CLEANUP(free_p) char *hostname = mem_printf("--hostname=%s", name);
    CLEANUP(free_p) char *resources = share(local, index);
    CLEANUP(free_p) char *flag = mem_printf("--resources=%s", resources);
    const char *const ours[] = {"proffer-agent", master,   work_dir, "--port=0",
                                "--ready-fd=3",  hostname, flag};
    const struct option_strings *more = &local->options->agent_options;
    CLEANUP(free_p)
    const char **argv = mem_calloc(ARRAY_SIZE(ours) + more->count + 1, sizeof(*argv));
    CLEANUP(close_fd) int ready = -1;
    char *line = NULL;

    memcpy(argv, ours, sizeof(ours));
    for (size_t i = 0; i < more->count; i++)
        argv[ARRAY_SIZE(ours) + i] = more->items[i];
    local->agents[index] = start(local, name, argv, &ready);
    local->agent_count = index + 1;
    if (local->agents[index] < 0 || read_ready(ready, &line, 1) < 0) {
        cli_fail(0, "%s did not start:", name);
        show_log(local, name);
        return EXIT_FAILED;
    }
    free(line);
    return 0;
}

/* So that the command finds the programs that belong to this one. */
static void add_to_path(const char *dir)
{
    const char *path = getenv("PATH");
    CLEANUP(free_p) char *longer = mem_printf("%s%s%s", path ? path : "", path ? ":" : "", dir);

    setenv("PATH", longer, 1);
}

static void start_command(struct local *local, char **argv)
{
    sigset_t none;

    local->command = fork();
    if (local->command != 0)
        return;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setenv("PROFFER_MASTER", local->link_address, 1);
    setenv("PROFFER_HTTP", local->http_address, 1);
    add_to_path(local->bin_dir);
    execvp(argv[0], argv);
    fprintf(stderr, "proffer: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* --- until the end
 * ------------------------------------------------------------------------------------------ */

static bool wait_child(pid_t pid, int timeout_ms)
{
    int64_t deadline = clock_now().mono_us + (int64_t)timeout_ms * US_PER_MS;
    struct pollfd poll_fd = {(int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};
    int64_t left = deadline - clock_now().mono_us;
    bool ended = poll_fd.fd < 0 || poll(&poll_fd, 1, (int)(left / US_PER_MS)) > 0;

    if (poll_fd.fd >= 0)
        close(poll_fd.fd);
    if (ended)
        waitpid(pid, NULL, 0);
    return ended;
}

static void stop_child(pid_t *pid)
{
    if (*pid <= 0)
        return;
    kill(*pid, SIGTERM);
    if (!wait_child(*pid, STOP_TIMEOUT_MS)) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void stop_all(struct local *local)
{
    for (size_t i = 0; i < local->agent_count; i++)
        if (local->agents[i] > 0)
            kill(local->agents[i], SIGTERM);
    for (size_t i = 0; i < local->agent_count; i++)
        stop_child(&local->agents[i]);
    stop_child(&local->master);
    if (local->temporary && !local->options->keep)
        nftw(local->work_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(local->link_address);
    free(local->http_address);
    free(local->work_dir);
    free(local->bin_dir);
}

/* Which child was it, and what follows? */
static void on_child(struct local *local, pid_t pid, int status)
{
    if (pid == local->command) {
        local->command = 0;
        local->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        local->stopping = true;
        return;
    }
    if (pid == local->master) {
        local->master = 0;
        local->exit_code = cli_fail(EXIT_FAILED, "the master ended; its log:");
        show_log(local, "master");
        local->stopping = true;
        return;
    }
    for (size_t i = 0; i < local->agent_count; i++) {
        if (pid == local->agents[i]) {
            local->agents[i] = 0;
            cli_fail(0, "agent%zu ended; see %s/agent%zu.log", i + 1, local->work_dir, i + 1);
        }
    }
}

static void reap(struct local *local)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        on_child(local, pid, status);
}

static void loop(struct local *local)
{
    while (!local->stopping) {
        struct signalfd_siginfo info;

        if (read(local->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
            return;
        if (info.ssi_signo == SIGCHLD)
            reap(local);
        else if (local->command <= 0)
            local->stopping = true;
        else if (info.ssi_signo == SIGTERM)
            kill(local->command, SIGTERM); /* SIGINT of a terminal reaches the command by itself */
    }
}

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* --- the beginning
 * ---------------------------------------------------------------------------------------- */

static char *own_dir(void)
{
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash;

    if (size < 0)
        return mem_strdup(".");
    path[size] = '\0';
    slash = strrchr(path, '/');
    *slash = '\0';
    return mem_strdup(path);
}

static int make_work_dir(struct local *local)
{
    if (local->options->work_dir) {
        local->work_dir = mem_strdup(local->options->work_dir);
        if (mkdir(local->work_dir, 0755) < 0 && errno != EEXIST)
            return cli_fail(EXIT_FAILED, "--work-dir %s: %s", local->work_dir, strerror(errno));
        return 0;
    }
    local->work_dir = mem_strdup("/tmp/proffer-local.XXXXXX");
    local->temporary = true;
    if (!mkdtemp(local->work_dir) || chmod(local->work_dir, 0755) < 0)
        return cli_fail(EXIT_FAILED, "%s: %s", local->work_dir, strerror(errno));
    return 0;
}

static int run_local(struct local *local, char **command)
{
    int code = make_work_dir(local);

    local->bin_dir = own_dir();
    local->signals = open_signals();
    if (code == 0)
        code = start_master(local);
    for (size_t i = 0; code == 0 && i < (size_t)local->options->agents; i++)
        code = start_agent(local, i);
    if (code)
        return code;
    if (*command) {
        start_command(local, command);
    } else {
        printf("A cluster of %zu agents runs. In another terminal:\n\n"
               "  export PROFFER_MASTER=%s PROFFER_HTTP=%s\n"
               "  proffer status\n"
               "  proffer run 'echo hello from $(hostname)'\n\n"
               "Logs and sandboxes are in %s. Ctrl-C ends everything.\n",
               local->agent_count, local->link_address, local->http_address, local->work_dir);
        fflush(stdout);
    }
    loop(local);
    return local->exit_code;
}

int cmd_local(int argc, char **argv)
{
    static struct local_options options = {.agents = 2, .port = 0, .http_port = 0};
    const struct option_def defs[] = {
        {OPTION_INT, "agents", 'a', "N", "how many", &options.agents, 1, AGENTS_MAX, true},
        {OPTION_INT, "port", 'p', "PORT", "of the master; 0: one that is free", &options.port, 0,
         65535, true},
        {OPTION_INT, "http-port", '\0', "PORT", "of the master; 0: one that is free",
         &options.http_port, 0, 65535, true},
        {OPTION_STRING, "work-dir", '\0', "DIR", "logs and sandboxes (default: a temporary one)",
         &options.work_dir, 0, 0, true},
        {OPTION_STRING, "resources", 'R', "TEXT",
         "of each agent (default: a share of this machine)", &options.resources, 0, 0, true},
        {OPTION_STRINGS, "agent-option", 'A', "OPTION",
         "of each proffer-agent, as --isolation=default,cgroup/cpuset; may be repeated",
         &options.agent_options, 0, 0, true},
        {OPTION_FLAG, "keep", 'k', NULL, "leave the temporary folder behind", &options.keep, 0, 0,
         true},
        {.name = NULL}};
    const struct command_def def = {
        .name = "proffer local",
        .synopsis = "[OPTION...] [COMMAND [ARGUMENT...]]",
        .summary =
            "Run a cluster on this machine until Ctrl-C, or while COMMAND runs (it finds the "
            "master through PROFFER_MASTER and PROFFER_HTTP).",
        .footer = "Exit: the command's own code; 0 after Ctrl-C; 1 when a daemon did not start.",
        .options = defs,
        .stop_at_operand = true};
    struct local local = {.options = &options, .signals = -1};
    int operand, code = cli_options(&def, argc, argv, &operand);

    if (code >= 0)
        return code;
    code = run_local(&local, argv + operand);
    stop_all(&local);
    if (local.signals >= 0)
        close(local.signals);
    options_fini_strings(&options.agent_options);
    return code;
}
