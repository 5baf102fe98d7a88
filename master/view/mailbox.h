/* master/view/mailbox.h - frames from one thread to another: a run of bytes, handed over whole.
 *
 * One side writes frames into a buffer of its own and posts it once a turn, the other side takes
 * all that is there: a lock and a swap of pointers, whatever the number of frames. So posting costs
 * the same whether the reader is busy or not, and the order is kept. What a reader does not take
 * piles up to the limit; what does not fit then is refused as a whole, and the poster says so.
 */
#ifndef PROFFER_MASTER_VIEW_MAILBOX_H
#define PROFFER_MASTER_VIEW_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/message.h"

/* Append one message as a frame with its size before it. -EMSGSIZE as message_encode; `out` is then
 * as it was. */
int frames_append(struct buf *out, const struct message *message, struct err *err);
/* The frame at *offset_p, which moves behind it; false at the end. */
bool frames_next(const struct buf *frames, size_t *offset_p, const void **ret_frame,
                 size_t *ret_size);

struct mailbox;

int mailbox_new(size_t limit_bytes, struct mailbox **ret_mailbox, struct err *err);
void mailbox_destroy(struct mailbox **self_p);
/* Readable while there is something to take, or the mailbox is closed. */
int mailbox_fd(const struct mailbox *self);
/* Takes what is in `frames` and leaves it empty; nothing to do when it is. -ENOBUFS: beyond the
 * limit; `frames` is as it was. Any thread. */
int mailbox_post(struct mailbox *self, struct buf *frames);
/* Replaces *ret_frames by all that was posted. False once the mailbox is closed. */
bool mailbox_take(struct mailbox *self, struct buf *ret_frames);
void mailbox_close(struct mailbox *self);

#endif
