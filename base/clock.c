#include "base/clock.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int64_t read_us(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * US_PER_S + time.tv_nsec / 1000;
}

struct now clock_now(void)
{
    return (struct now){.mono_us = read_us(CLOCK_MONOTONIC), .wall_us = read_us(CLOCK_REALTIME)};
}

/* A time that never comes: it is the cancelling that is waited for. */
static int arm(int fd)
{
    const struct itimerspec never = {.it_value.tv_sec = UINT32_MAX};

    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

int clock_watch(struct err *err)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), r;

    if (fd >= 0 && arm(fd) == 0)
        return fd;
    r = err_errno(err, -errno, "a watch on the clock");
    if (fd >= 0)
        close(fd);
    return r;
}

void clock_watch_again(int fd)
{
    uint64_t times;

    if (read(fd, &times, sizeof(times)) < 0 && errno == ECANCELED)
        arm(fd);
}
