/* agent/store/queue.h - records that are to be written, in order, encoded.
 *
 * Usually a turn's. While the disk is full they stay, and what happens meanwhile makes more: of each thing the newest
 * is all that counts once they are written together, so what a later one makes useless can be dropped.
 */
#ifndef PROFFER_AGENT_STORE_QUEUE_H
#define PROFFER_AGENT_STORE_QUEUE_H

#include <stddef.h>

#include "agent/core/agent.h"
#include "base/arena.h"
#include "base/buf.h"
#include "proto/message.h"

#define QUEUED_ROWS_MAX 2

/* One record, or what takes one away. */
struct queued {
    struct record_key key; /* its texts are in queue->keys */
    size_t at, size;       /* of its frame, in queue->frames */
};

struct queue {
    struct queued *items;
    size_t count, capacity;
    struct buf frames;
    struct arena *keys;
    size_t thin_bytes; /* of frames, from which on dropping is worth a try */
};

void queue_init(struct queue *self);
void queue_fini(struct queue *self);
/* Copied. */
void queue_put(struct queue *self, const struct message *record);
/* They could not be written: once there are many, those that later ones make useless go. */
void queue_thin(struct queue *self);
void queue_clear(struct queue *self);
/* Types of the rows that it is to be, or that it takes away. How many. */
size_t queued_rows(const struct queued *self, enum msg_type ret_types[QUEUED_ROWS_MAX]);

#endif
