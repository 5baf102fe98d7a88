/* bench/scale/crowd.h - many links in one process, and what comes due for those who use them. One thread. */
#ifndef PROFFER_BENCH_SCALE_CROWD_H
#define PROFFER_BENCH_SCALE_CROWD_H

#include "base/deadlines.h"
#include "bench/scale/peers.h"
#include "proto/link.h"

struct crowd {
    struct link_context *context; /* owned */
    const char *address;          /* borrowed */
    int epoll_fd;
    struct link_client **links; /* owned; by index */
    size_t count, capacity;
    struct deadlines deadlines; /* what is due when; the owner given to it is NULL */
    int64_t scanned_us;
};

/* Peers that are carried by links; `link` of each is what crowd_add gave. */
extern const struct carrier crowd_carrier;

_Noreturn void die(const char *what);

/* After every fork. */
void crowd_init(struct crowd *self, const char *address, size_t capacity);
struct link_client *crowd_add(struct crowd *self, enum peer_kind kind,
                              const struct link_client_events *events);
/* Wait for something, not beyond `until_us`, and do it. */
void crowd_turn(struct crowd *self, int64_t until_us);

#endif
