/* The first process of a task's PID namespace: a program without a C library, because its start-up would cost as much
 * as the task's own. It is started with SIGCHLD ignored, so the kernel itself buries the children that come to it; it
 * has nothing to do but be there. The end of the task ends it, and its end ends all that is left in the namespace. */

#if defined(__x86_64__)

#define SYS_PRCTL 157
#define SYS_PPOLL 271

static long call(long number, long a, long b)
{
    register long c __asm__("rdx") = 0;
    register long d __asm__("r10") = 0;
    register long e __asm__("r8") = 0;

    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a), "S"(b), "r"(c), "r"(d), "r"(e)
                     : "rcx", "r11", "memory");
    return number;
}

#elif defined(__aarch64__)

#define SYS_PRCTL 167
#define SYS_PPOLL 73

static long call(long number, long a, long b)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}

#endif

#define PR_SET_NAME 15

void _start(void);

void _start(void)
{
    call(SYS_PRCTL, PR_SET_NAME, (long)"proffer-init");
    for (;;)
        call(SYS_PPOLL, 0, 0);
}
