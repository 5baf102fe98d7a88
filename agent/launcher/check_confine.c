#include "agent/launcher/check_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#endif

/* --- system calls ------------------------------------------------------------------------------- */

static const int of_a_keeper[] = {
    SYS_wait4, SYS_write, SYS_exit_group, SYS_rt_sigreturn, SYS_restart_syscall,
};

/* What libcurl and OpenSSL work with once they are loaded. What they would open besides (a list of certificates, a source of
 * random numbers) they do without. */
static const int of_a_connection[] = {
    SYS_read,          SYS_readv,           SYS_write,
    SYS_writev,        SYS_close,           SYS_close_range,
    SYS_lseek,         SYS_fstat,
#ifdef SYS_poll
    SYS_poll,          SYS_select,          SYS_pipe,
#endif
    SYS_ppoll,         SYS_pselect6,        SYS_pipe2,
    SYS_eventfd2,      SYS_connect,         SYS_sendto,
    SYS_sendmsg,       SYS_recvfrom,        SYS_recvmsg,
    SYS_shutdown,      SYS_getsockopt,      SYS_setsockopt,
    SYS_getsockname,   SYS_getpeername,     SYS_socketpair,
    SYS_brk,           SYS_munmap,          SYS_mremap,
    SYS_madvise,       SYS_futex,           SYS_sched_yield,
    SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep,
    SYS_gettimeofday,  SYS_getrandom,       SYS_sysinfo,
    SYS_getpid,        SYS_getppid,         SYS_gettid,
    SYS_getuid,        SYS_geteuid,         SYS_getgid,
    SYS_getegid,       SYS_rt_sigaction,    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,  SYS_restart_syscall, SYS_exit,
    SYS_exit_group,
};

#define OTHER_MODE 0x40000000 /* x32 */
#define KIND_MASK  0xf        /* of a socket's type; what is above are flags */
#define STEPS_MAX  (ARRAY_SIZE(of_a_connection) * 2 + 64)

struct program {
    struct sock_filter code[STEPS_MAX];
    size_t size;
};

static void put(struct program *self, unsigned code, unsigned value, unsigned char yes,
                unsigned char no)
{
    BUG_ON(self->size == STEPS_MAX);
    self->code[self->size++] = (struct sock_filter){(unsigned short)code, yes, no, value};
}

static void load(struct program *self, size_t offset)
{
    put(self, BPF_LD | BPF_W | BPF_ABS, (unsigned)offset, 0, 0);
}

/* The lower half: all of one that is an int, or flags. */
static void load_argument(struct program *self, size_t number)
{
    const size_t half = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(unsigned) : 0;

    load(self, offsetof(struct seccomp_data, args) + number * sizeof(uint64_t) + half);
}

static void answer(struct program *self, unsigned value)
{
    put(self, BPF_RET | BPF_K, value, 0, 0);
}

/* The next `count` steps only if it is that. */
static void when(struct program *self, unsigned value, size_t count)
{
    put(self, BPF_JMP | BPF_JEQ | BPF_K, value, 0, (unsigned char)count);
}

static void allow_when(struct program *self, unsigned value)
{
    when(self, value, 1);
    answer(self, SECCOMP_RET_ALLOW);
}

/* With an argument that is one of these; nothing else is looked at behind it. */
static void put_choice(struct program *self, int call, size_t argument, const unsigned values[],
                       size_t count)
{
    when(self, (unsigned)call, 1 + 2 * count + 1);
    load_argument(self, argument);
    for (size_t i = 0; i < count; i++)
        allow_when(self, values[i]);
    answer(self, SECCOMP_RET_ERRNO | EPERM);
}

/* Memory, but none that is executed. */
static void put_memory(struct program *self, int call)
{
    when(self, (unsigned)call, 4);
    load_argument(self, 2);
    put(self, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
    answer(self, SECCOMP_RET_ERRNO | EPERM);
    answer(self, SECCOMP_RET_ALLOW);
}

/* Raw and packet sockets would take a capability, others lead out of the network. */
static void put_sockets(struct program *self)
{
    when(self, SYS_socket, 10);
    load_argument(self, 1);
    put(self, BPF_ALU | BPF_AND | BPF_K, KIND_MASK, 0, 0);
    put(self, BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 1, 0);
    put(self, BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 0, 5);
    load_argument(self, 0);
    allow_when(self, AF_INET);
    allow_when(self, AF_INET6);
    answer(self, SECCOMP_RET_ERRNO | EPERM);
}

/* fcntl and ioctl can have signals sent to others. */
static void put_connection(struct program *self)
{
    static const unsigned of_fcntl[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL};
    static const unsigned of_ioctl[] = {FIONBIO, FIONREAD};

    put_choice(self, SYS_fcntl, 1, of_fcntl, ARRAY_SIZE(of_fcntl));
    put_choice(self, SYS_ioctl, 1, of_ioctl, ARRAY_SIZE(of_ioctl));
    put_memory(self, SYS_mmap);
    put_memory(self, SYS_mprotect);
    put_sockets(self);
    for (size_t i = 0; i < ARRAY_SIZE(of_a_connection); i++)
        allow_when(self, (unsigned)of_a_connection[i]);
}

#if defined(THIS_ARCH) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
int check_filter(enum check_filter kind, struct err *err)
{
    struct program program = {.size = 0};
    struct sock_fprog all = {.filter = program.code};

    load(&program, offsetof(struct seccomp_data, arch));
    put(&program, BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
    answer(&program, SECCOMP_RET_KILL_PROCESS);
    load(&program, offsetof(struct seccomp_data, nr));
    put(&program, BPF_JMP | BPF_JGE | BPF_K, OTHER_MODE, 0, 1);
    answer(&program, SECCOMP_RET_KILL_PROCESS);
    if (kind == CHECK_FILTER_CONNECTION)
        put_connection(&program);
    for (size_t i = 0; i < ARRAY_SIZE(of_a_keeper) && kind == CHECK_FILTER_KEEPER; i++)
        allow_when(&program, (unsigned)of_a_keeper[i]);
    answer(&program, SECCOMP_RET_ERRNO | EPERM);
    all.len = (unsigned short)program.size;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all, 0, 0) < 0 && errno != EINVAL)
        return err_errno(err, -errno, "cannot filter its system calls");
    return 0;
}
#else
int check_filter(enum check_filter kind, struct err *err)
{
    (void)kind;
    (void)err;
    (void)put_connection;
    (void)of_a_keeper;
    return 0;
}
#endif

/* --- files -------------------------------------------------------------------------------------- */

int check_open_nothing(void)
{
    CLEANUP(close_fd) int config_fd = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    int fd;

    if (config_fd < 0 ||
        syscall(SYS_fsconfig, config_fd, FSCONFIG_SET_STRING, "mode", "0555", 0) < 0 ||
        syscall(SYS_fsconfig, config_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    fd = (int)syscall(SYS_fsmount, config_fd, FSMOUNT_CLOEXEC,
                      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
    return fd < 0 ? -errno : fd;
}

int check_enter_nothing(int *fd, struct err *err)
{
    if (fchdir(*fd) < 0 || chroot(".") < 0)
        return err_errno(err, -errno, "cannot leave the host's files");
    close_fd(fd);
    return 0;
}

int check_clear_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}
