/* framework-sdk/pollable.h - the one descriptor by which a program's own loop waits for a scheduler, an executor or a
 * fetcher: an epoll set that holds a timer, a bell, and whatever else its owner watches.
 */
#ifndef PROFFER_SDK_POLLABLE_H
#define PROFFER_SDK_POLLABLE_H

#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

struct pollable {
    int epoll_fd; /* owned, as are the others: what the program polls */
    int timer_fd;
    int bell_fd;      /* an eventfd */
    int64_t armed_us; /* what the timer is set to */
};

/* Nothing is open yet; pollable_fini may be called. */
#define POLLABLE_NONE ((struct pollable){.epoll_fd = -1, .timer_fd = -1, .bell_fd = -1})

/* `whose`: "a scheduler". What was opened before an error, pollable_fini closes. */
int pollable_init(struct pollable *self, const char *whose, struct err *err);
void pollable_fini(struct pollable *self);

/* Readable from then on (monotonic); DEADLINE_NEVER: never. What is past already: at once. */
void pollable_arm(struct pollable *self, int64_t at_us);
/* Readable when `fd` is. */
int pollable_watch(const struct pollable *self, int fd);
/* Readable at once. From any thread, or a signal handler: errno is left as it was. */
void pollable_ring(const struct pollable *self);

/* Wait for at most that long, -1: for ever. How many of what its owner watches has come, in `ret_events`; the timer and the
 * bell only end the wait. */
int pollable_wait(struct pollable *self, int timeout_ms, struct epoll_event *ret_events, int max);

/* By which pauses are spread: random, or the clock. */
uint64_t sdk_draw_seed(void);

#endif
