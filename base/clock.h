/* base/clock.h - what time it is, for shells only: a core is told the time with each event.
 *
 * Deadlines and leases count on `mono_us` (CLOCK_MONOTONIC: it never jumps); `wall_us` (CLOCK_REALTIME,
 * since 1970) is for people to read and decides nothing but when maintenance begins and ends.
 */
#ifndef PROFFER_BASE_CLOCK_H
#define PROFFER_BASE_CLOCK_H

#include <stdint.h>

#include "base/err.h"

#define US_PER_MS 1000
#define US_PER_S  1000000

struct now {
    int64_t mono_us;
    int64_t wall_us;
};

struct now clock_now(void);

/* A descriptor that becomes readable when somebody sets the wall clock (timerfd_create(2),
 * TFD_TIMER_CANCEL_ON_SET). -errno with a text. */
int clock_watch(struct err *err);
/* After it was readable: until the next time. */
void clock_watch_again(int fd);

#endif
