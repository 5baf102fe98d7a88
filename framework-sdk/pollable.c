#include "framework-sdk/pollable.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deadlines.h"

int pollable_init(struct pollable *self, const char *whose, struct err *err)
{
    int rc;

    self->armed_us = DEADLINE_NEVER;
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    self->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    self->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->epoll_fd < 0 || self->timer_fd < 0 || self->bell_fd < 0)
        return err_errno(err, -errno, "%s's descriptors", whose);
    rc = pollable_watch(self, self->timer_fd);
    if (rc == 0)
        rc = pollable_watch(self, self->bell_fd);
    return rc < 0 ? err_errno(err, rc, "%s's descriptors", whose) : 0;
}

void pollable_fini(struct pollable *self)
{
    close_fd(&self->epoll_fd);
    close_fd(&self->timer_fd);
    close_fd(&self->bell_fd);
}

void pollable_arm(struct pollable *self, int64_t at_us)
{
    struct itimerspec timer = {0};

    if (at_us == self->armed_us)
        return;
    self->armed_us = at_us;
    if (at_us != DEADLINE_NEVER) {
        /* Zero would disarm it. */
        timer.it_value.tv_sec = (at_us > 0 ? at_us : 1) / US_PER_S;
        timer.it_value.tv_nsec = (at_us > 0 ? at_us : 1) % US_PER_S * 1000;
    }
    timerfd_settime(self->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

int pollable_watch(const struct pollable *self, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void pollable_ring(const struct pollable *self)
{
    const uint64_t one = 1;
    int saved = errno;

    while (write(self->bell_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    errno = saved;
}

static void drain(int fd)
{
    uint64_t count;

    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

int pollable_wait(struct pollable *self, int timeout_ms, struct epoll_event *ret_events, int max)
{
    int count = epoll_wait(self->epoll_fd, ret_events, max, timeout_ms), kept = 0;

    for (int i = 0; i < count; i++) {
        int fd = ret_events[i].data.fd;

        if (fd == self->timer_fd)
            self->armed_us = DEADLINE_NEVER; /* it has fired */
        if (fd == self->timer_fd || fd == self->bell_fd)
            drain(fd);
        else
            ret_events[kept++] = ret_events[i];
    }
    return kept;
}

uint64_t sdk_draw_seed(void)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
        seed = (uint64_t)clock_now().mono_us;
    return seed;
}
