/* bench/steady.c - the same work again and again, for what limits cost who runs within them.
 *
 *     steady ROUNDS
 *
 * A round computes, gets memory from the kernel and gives it back, calls the kernel, writes and reads a pipe. Prints how
 * many ms of processor time that took, in the program and in the kernel for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MEMORY (4 * 1024 * 1024)
#define PAGE   4096
#define CALLS  2000
#define STEPS  2000000

static unsigned compute(unsigned value)
{
    for (int i = 0; i < STEPS; i++)
        value = value * 1664525 + 1013904223;
    return value;
}

static int use_memory(void)
{
    volatile char *memory =
        mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if ((void *)memory == MAP_FAILED)
        return -1;
    for (size_t i = 0; i < MEMORY; i += PAGE)
        memory[i] = 1;
    return munmap((void *)memory, MEMORY);
}

static int use_pipe(const int ends[2])
{
    char text[512] = {0};

    for (int i = 0; i < CALLS; i++) {
        syscall(SYS_getppid);
        if (write(ends[1], text, sizeof(text)) < 0 || read(ends[0], text, sizeof(text)) < 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    struct timespec used;
    unsigned value = 1;
    int ends[2];

    if (rounds <= 0 || pipe(ends) < 0)
        return 2;
    for (long i = 0; i < rounds; i++) {
        value = compute(value);
        if (use_memory() < 0 || use_pipe(ends) < 0)
            return 1;
    }
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
        return 1;
    printf("%lld\n", (long long)used.tv_sec * 1000 + used.tv_nsec / 1000000);
    return value == 1; /* it has been computed */
}
