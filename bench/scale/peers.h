/* bench/scale/peers.h - agents and frameworks as the protocol sees them, made of nothing else: no containers, no
 * checkpoint, no SDK. What carries their messages is behind `struct peer`: a link (crowd.h), or the master's core
 * itself (core.c).
 *
 * As in the experiment of figure 11 of Hindman et al., NSDI 2011: an agent has room for two tasks; a framework launches
 * one task for each offer it gets; a task's length is drawn from a normal distribution with a deviation of a third of
 * the mean.
 */
#ifndef PROFFER_BENCH_SCALE_PEERS_H
#define PROFFER_BENCH_SCALE_PEERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/deadlines.h"
#include "base/rng.h"
#include "proto/message.h"

#define NAME_TEXT   128 /* an id */
#define SLOTS       2   /* of an agent: tasks that it runs at a time */
#define SAMPLES_MAX 500000

struct peer {
    const struct carrier *carrier;
    void *link; /* the carrier's */
};

struct carrier {
    void (*say)(struct peer *peer, struct message message);
    int64_t (*now_us)(void);
};

/* What some agents have seen; of several processes when it lies in shared memory. One writes. */
struct tally {
    atomic_size_t registered, launched;
    atomic_bool is_measuring;
    atomic_size_t gaps_count;
    uint32_t gaps_us[SAMPLES_MAX]; /* from a task's end at its agent until the next one is there */
};

void tally_note_gap(struct tally *self, int64_t gap_us);

/* --- an agent ------------------------------------------------------------------------------------ */

struct fake_agent;

struct slot {
    struct deadline end; /* of its task; not set: it is free */
    struct fake_agent *agent;
    int64_t freed_us; /* 0: nothing ran there yet */
    char task_id[NAME_TEXT], framework_id[NAME_TEXT];
};

struct fake_agent {
    struct peer peer;
    struct deadlines *deadlines;
    struct tally *tally;
    size_t number;
    uint64_t epoch, uuid;
    char id[NAME_TEXT];
    bool is_registered;
    struct slot slots[SLOTS];
};

void fake_agent_init(struct fake_agent *self, size_t number, struct deadlines *deadlines,
                     struct tally *tally);
void fake_agent_open(struct fake_agent *self);
void fake_agent_hear(struct fake_agent *self, const struct message *message);

/* --- a framework ----------------------------------------------------------------------------------- */

/* What all frameworks have in common. */
struct load {
    int64_t mean_ms;
    /* So many first tasks end after a part of the mean, as if they had run for a while: the cluster is at once as it
     * would be after many generations of tasks. */
    size_t begun;
    bool is_exact;  /* each takes the mean */
    bool has_needs; /* frameworks say what they need: room for one task */
    struct rng rng;
};

struct fake_framework {
    struct peer peer;
    struct load *load;
    size_t number, launched;
    size_t launches_max; /* declines what comes after that */
    bool is_subscribed;
    char id[NAME_TEXT];
    int64_t asked_us;  /* when it said SUBSCRIBE */
    bool has_finished; /* a task */
};

void fake_framework_open(struct fake_framework *self);
void fake_framework_hear(struct fake_framework *self, const struct message *message);

#endif
