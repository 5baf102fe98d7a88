#include "base/fds.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int compare_ints(const void *a, const void *b)
{
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

void fds_close_but(int fds[], size_t count)
{
    unsigned from = STDERR_FILENO + 1;

    qsort(fds, count, sizeof(fds[0]), compare_ints);
    for (size_t i = 0; i < count; i++) {
        if (fds[i] > (int)from)
            syscall(SYS_close_range, from, (unsigned)fds[i] - 1, 0);
        if (fds[i] >= (int)from)
            from = (unsigned)fds[i] + 1;
    }
    syscall(SYS_close_range, from, ~0U, 0);
}
