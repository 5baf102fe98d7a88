/* base/rng.h - seeded random numbers: the only randomness a core may use. Not for secrets.
 *
 * splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
 */
#ifndef PROFFER_BASE_RNG_H
#define PROFFER_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *self)
{
    uint64_t z = (self->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 <= result < bound; bound > 0. The bias is below bound / 2^64. */
static inline uint64_t rng_below(struct rng *self, uint64_t bound)
{
    __extension__ typedef unsigned __int128 wide;

    return (uint64_t)(((wide)rng_next(self) * bound) >> 64);
}

#endif
