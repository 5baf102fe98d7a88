#include "agent/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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

/* What is of use to who has broken in, and of none to us. All else stays: libraries change what they call. */
static const int refused[] = {
    SYS_execve,
    SYS_execveat,
#ifdef SYS_fork
    SYS_fork, /* what it forks would outlive it, with its locks and sockets */
    SYS_vfork,
#endif
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_syslog,
    SYS_open_by_handle_at,
    SYS_personality,
    SYS_acct,
    SYS_quotactl,
    SYS_move_pages,
    SYS_setdomainname,
    SYS_sethostname,
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
#endif
#ifdef SYS_move_mount
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsmount,
    SYS_fsconfig,
    SYS_fspick,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
};

#define OTHER_MODE 0x40000000 /* x32 */
#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

struct program {
    struct sock_filter code[ARRAY_SIZE(refused) * 2 + 32];
    size_t size;
};

static void put(struct program *self, struct sock_filter one)
{
    BUG_ON(self->size == ARRAY_SIZE(self->code));
    self->code[self->size++] = one;
}

static void load(struct program *self, size_t offset)
{
    put(self, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

/* The lower half of an argument: all of one that is an int, and all flags of clone. */
static void load_argument(struct program *self, size_t number)
{
    const size_t half = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(unsigned) : 0;

    load(self, offsetof(struct seccomp_data, args) + number * sizeof(uint64_t) + half);
}

static void answer(struct program *self, unsigned value)
{
    put(self, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value));
}

/* Passes over `then` steps if it is not so. */
static void when(struct program *self, unsigned short test, unsigned value, unsigned char then)
{
    put(self, (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, 0, then));
}

static void unless(struct program *self, unsigned short test, unsigned value, unsigned char then)
{
    put(self, (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, then, 0));
}

#ifdef THIS_ARCH
/* Threads and nothing else. What clone3 is told lies in memory, where no filter sees it: libc then takes clone. */
static void put_clones(struct program *self)
{
#ifdef SYS_clone3
    when(self, BPF_JEQ, SYS_clone3, 1);
    answer(self, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    when(self, BPF_JEQ, SYS_clone, 5);
    load_argument(self, 0);
    when(self, BPF_JSET, NAMESPACES, 1);
    answer(self, SECCOMP_RET_ERRNO | EPERM);
    unless(self, BPF_JSET, CLONE_THREAD, 1);
    answer(self, SECCOMP_RET_ERRNO | EPERM);
    load(self, offsetof(struct seccomp_data, nr));
}

/* Whoever is sent a socket that lingers, and does not even take it, waits as long as it says. */
static void put_linger(struct program *self)
{
    when(self, BPF_JEQ, SYS_setsockopt, 5);
    load_argument(self, 1);
    when(self, BPF_JEQ, SOL_SOCKET, 3);
    load_argument(self, 2);
    when(self, BPF_JEQ, SO_LINGER, 1);
    answer(self, SECCOMP_RET_ERRNO | EPERM);
    load(self, offsetof(struct seccomp_data, nr));
}

static void put_all(struct program *self)
{
    load(self, offsetof(struct seccomp_data, arch));
    unless(self, BPF_JEQ, THIS_ARCH, 1);
    answer(self, SECCOMP_RET_KILL_PROCESS);
    load(self, offsetof(struct seccomp_data, nr));
    /* The calls of another mode of the same machine have numbers of their own. */
    when(self, BPF_JGE, OTHER_MODE, 1);
    answer(self, SECCOMP_RET_ERRNO | EPERM);
    put_clones(self);
    put_linger(self);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        when(self, BPF_JEQ, (unsigned)refused[i], 1);
        answer(self, SECCOMP_RET_ERRNO | EPERM);
    }
    answer(self, SECCOMP_RET_ALLOW);
}
#endif

static int filter_calls(struct err *err)
{
#ifdef THIS_ARCH
    struct program program = {.size = 0};
    struct sock_fprog all = {.filter = program.code};

    put_all(&program);
    all.len = (unsigned short)program.size;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all, 0, 0) < 0 && errno != EINVAL)
        return err_errno(err, -errno, "seccomp");
#else
    (void)err;
#endif
    return 0;
}

/* --- rights ------------------------------------------------------------------------------------- */

static void drop_bounds(void)
{
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

/* Those that a change of the user leaves: what may be inherited. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};

    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int become(const struct agent_user *user, struct err *err)
{
    drop_bounds();
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return err_errno(err, -errno, "cannot become user %u (--agent-user root keeps all rights)",
                         user->uid);
    if (drop_capabilities() < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(err, -errno, "cannot give up rights");
    return 0;
}

int confine(const struct agent_user *user, pid_t keeper, struct err *err)
{
    const struct rlimit no_core = {0, 0};
    int rc = become(user, err);

    if (rc < 0)
        return rc;
    setrlimit(RLIMIT_CORE, &no_core);
    /* A change of the user has undone this, if it was so before. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != keeper)
        return err_set(err, -ESRCH, "the agent's keeper is gone");
#ifndef __SANITIZE_ADDRESS__
    /* (A sanitizer's search for leaks is a trace.) */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return filter_calls(err);
#else
    return 0;
#endif
}
