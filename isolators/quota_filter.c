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
#define X32_BIT  0x40000000U
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#define X32_BIT  0U
#else
#error "say which AUDIT_ARCH_ this is"
#endif

#define NR_FILE_SETATTR   469        /* Linux 6.17, the same everywhere */
#define SETFLAGS_OF_32BIT 0x40046602 /* FS_IOC32_SETFLAGS */

#define LOAD(field)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), (yes), (no))
#define ANSWER(what)       BPF_STMT(BPF_RET | BPF_K, (what))

/* The second word of an ioctl's command does not matter: the kernel takes an unsigned int. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "where the low half of an argument is"
#endif

int quota_filter_install(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    struct sock_filter code[] = {
        LOAD(arch),
        IF(OUR_ARCH, 1, 0),
        ANSWER(SECCOMP_RET_ERRNO | EPERM),
        LOAD(nr),
        IF(NR_FILE_SETATTR, 7, 0),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~X32_BIT),
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
    (void)err;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}
