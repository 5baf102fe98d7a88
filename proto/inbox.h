/* proto/inbox.h - messages from one thread to another, in order: a run of frames, handed over
 * whole.
 *
 * One side gathers frames in a buffer of its own and posts it once a turn; the other takes all that
 * is there: a lock and a swap of pointers, whatever the number of frames. The reader is woken only
 * when a post is urgent or much has gathered, so a stream of changes that nobody asks for costs no
 * system call; a reader that is about to answer takes what is there first, and so is never behind.
 */
#ifndef PROFFER_PROTO_INBOX_H
#define PROFFER_PROTO_INBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/message.h"

struct inbox;

/* Beyond `limit_bytes` posts are refused; the reader is woken at `wake_bytes`. */
int inbox_new(size_t limit_bytes, size_t wake_bytes, struct inbox **ret_inbox, struct err *err);
void inbox_destroy(struct inbox **self_p);
/* Readable while there is something for which the reader is to wake. */
int inbox_fd(const struct inbox *self);
/* Another `wake_bytes` from now on; 0: wake for everything. For the reader. */
void inbox_set_wake(struct inbox *self, size_t wake_bytes);
/* Takes what is in `frames` and leaves it empty. -ENOBUFS: beyond the limit; `frames` is as it was.
 * Any thread. */
int inbox_post(struct inbox *self, struct buf *frames, bool is_urgent);
/* Replaces *ret_frames by all that was posted. False once the inbox is closed and empty. */
bool inbox_take(struct inbox *self, struct buf *ret_frames);
/* No more will come. */
void inbox_close(struct inbox *self);

/* Append one message as a frame with its size before it. message_encode's errors; `frames` is then
 * as it was. */
int frames_add(struct buf *frames, const struct message *message, struct err *err);
/* 1: the message at *offset_p, in `arena`; 0: there is none left. message_decode's errors: that
 * frame is skipped, the next call goes on behind it. */
int frames_read(const struct buf *frames, size_t *offset_p, struct arena *arena,
                struct message *ret_message, struct err *err);

#endif
