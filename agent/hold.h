/* agent/hold.h - what must not go out before the records that it depends on are written down.
 *
 * The world around an agent's core, daemon or test, passes what the core sends and orders through
 * this: at once when nothing is in its way, else in order when the records are written. While they
 * cannot be, sends and launches are forgotten (the core was told, and sees to them); the other
 * orders wait. Single-threaded.
 */
#ifndef PROFFER_AGENT_HOLD_H
#define PROFFER_AGENT_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "proto/message.h"

struct hold {
    void *ctx;
    void (*send)(void *ctx, const struct message *message);
    void (*contain)(void *ctx, const struct message *order);
    struct arena *arena; /* owned; of what is held */
    struct held *items;
    uint64_t written; /* records up to this one are on disk */
    bool is_awaited;  /* something is held that should go out soon: all but FORGET_CONTAINER */
    bool is_failing;
};

/* The callbacks are set. */
void hold_init(struct hold *self);
/* What is held is forgotten. Takes a zeroed one. */
void hold_fini(struct hold *self);
void hold_send(struct hold *self, const struct message *message, uint64_t after);
void hold_contain(struct hold *self, const struct message *order, uint64_t after);
/* The records up to that number are written: what waited for them goes out. */
void hold_release(struct hold *self, uint64_t written);
/* They cannot be written now. */
void hold_fail(struct hold *self);
/* The session is over, and what was to be said in it is not said. */
void hold_forget_sends(struct hold *self);

#endif
