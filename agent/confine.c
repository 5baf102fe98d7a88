#include "agent/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

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
#define HEAD       5
#define TAIL       2

static int filter_calls(struct err *err)
{
#ifdef THIS_ARCH
    struct sock_filter code[HEAD + ARRAY_SIZE(refused) + TAIL];
    struct sock_fprog program = {.filter = code};
    const size_t count = ARRAY_SIZE(refused);
    unsigned short at = 0;

    code[at++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[at++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    /* The calls of another mode of the same machine have numbers of their own. */
    code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OTHER_MODE,
                                              (unsigned char)(count + 1), 0);
    for (size_t i = 0; i < count; i++)
        code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refused[i],
                                                  (unsigned char)(count - i), 0);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    program.len = at;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 && errno != EINVAL)
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
