/* base/clock.h - what time it is, for shells only: a core is told the time with each event.
 *
 * Deadlines and leases count on `mono_us` (CLOCK_MONOTONIC: it never jumps); `wall_us` (CLOCK_REALTIME,
 * since 1970) is for people to read and decides nothing.
 */
#ifndef PROFFER_BASE_CLOCK_H
#define PROFFER_BASE_CLOCK_H

#include <stdint.h>

#define US_PER_MS 1000
#define US_PER_S  1000000

struct now {
    int64_t mono_us;
    int64_t wall_us;
};

struct now clock_now(void);

#endif
