/* agent/store/checkpoint.h - the agent's checkpoint on disk: SQLite, one table of records, of each thing the
 * newest.
 *
 * Records are queued while an event is handled and written together, in one transaction, at the end of
 * the loop's turn. A transaction with the agent's identity, or its reservations and volumes, is synced to the disk; one of tasks survives
 * the end of the process, and after a crash of the host a prefix of them is there (write-ahead log). What
 * could not be written stays queued; of each thing the newest, however long that lasts. One thread; one process at a
 * time (the work folder's lock).
 */
#ifndef PROFFER_AGENT_STORE_CHECKPOINT_H
#define PROFFER_AGENT_STORE_CHECKPOINT_H

#include <stdbool.h>

#include "agent/core/agent.h"
#include "base/arena.h"
#include "base/err.h"
#include "proto/message.h"

/* Counted up when an older agent could not read the file any more; older ones are always read. */
#define CHECKPOINT_VERSION 1

struct checkpoint;

/* `path`: made when it is not there. -EBADMSG: damaged, or not a checkpoint; -EPROTONOSUPPORT: a newer
 * agent's. The text says which file, and what to do. */
int checkpoint_open(const char *path, struct checkpoint **ret_checkpoint, struct err *err);
/* By another name than that which people know, as /proc/self/fd/7/agent.db. */
int checkpoint_open_as(const char *name, const char *path, struct checkpoint **ret_checkpoint,
                       struct err *err);
/* What is queued is lost. */
void checkpoint_close(struct checkpoint **self_p);
/* All records, in `arena`. -EBADMSG as above. */
int checkpoint_load(struct checkpoint *self, struct arena *arena, struct agent_past *ret_past,
                    struct err *err);
/* A KEEP_... or FORGET_...; copied. */
void checkpoint_put(struct checkpoint *self, const struct message *record);
bool checkpoint_has_queued(const struct checkpoint *self);
/* Of what is queued: twice what there is to know, and some, at most, while it cannot be written. */
size_t checkpoint_queued_bytes(const struct checkpoint *self);
/* Write what is queued: all of it or, with -errno and a text, nothing, and it stays queued. */
int checkpoint_commit(struct checkpoint *self, struct err *err);

#endif
