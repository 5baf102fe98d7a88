#include "isolators/quota_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "isolators/spawn.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#define OUR_ARCH 0 /* not known: refused */
#endif

#define X32_BIT 0x40000000U /* its calls have other numbers; nowhere else is it set */

#define NR_FILE_SETATTR   469        /* Linux 6.17, the same everywhere */
#define SETFLAGS_OF_32BIT 0x40046602 /* FS_IOC32_SETFLAGS */

#define LOAD(field)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), (yes), (no))
#define ANSWER(what)       BPF_STMT(BPF_RET | BPF_K, (what))

/* The low word of args[1] is loaded (both are little-endian): the kernel takes a command as an unsigned int. */
int quota_filter_install(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    struct sock_filter code[] = {
        LOAD(arch),
        IF(OUR_ARCH, 1, 0),
        ANSWER(SECCOMP_RET_ERRNO | EPERM),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 7, 0),
        IF(NR_FILE_SETATTR, 6, 0),
        IF(SYS_ioctl, 1, 0),
        ANSWER(SECCOMP_RET_ALLOW),
        LOAD(args[1]),
        IF(FS_IOC_FSSETXATTR, 2, 0),
        IF(FS_IOC_SETFLAGS, 1, 0),
        IF(SETFLAGS_OF_32BIT, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | EPERM),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    (void)step;
    (void)spawned;
    if (OUR_ARCH == 0)
        return err_set(err, -ENOTSUP, "system calls of this processor are not known");
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}
