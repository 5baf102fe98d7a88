/* agent/shim/record.h - a container's file in the records folder: <container_id>.run.
 *
 * That it is there says that a shim was about to start the container. A lock on it says that this shim lives, and
 * which process it is: a POSIX record lock names its holder, is not inherited, and goes with its process, so that no
 * number can be mistaken for another's. What stands in it is what came to pass: nothing, CONTAINER_STARTED (with
 * CONTAINER_KEPT before it, if the container is to be looked at), and behind that, or alone, CONTAINER_EXITED. Each is four bytes of length (little-endian) and a frame of message.h; a
 * length of 0 ends it. So a file is used again without being cut, and as all lies within one page, each is there
 * whole or not at all, however its writer ends.
 */
#ifndef PROFFER_AGENT_SHIM_RECORD_H
#define PROFFER_AGENT_SHIM_RECORD_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "proto/message.h"

#define RECORD_SUFFIX   ".run"
#define RECORD_NAME_MAX 255
#define RECORD_MAX      4096 /* bytes that are written and read */

struct record {
    int fd;     /* owned; closing any descriptor of the file gives the lock back */
    off_t size; /* of what it holds: where the next frame goes */
};

/* What is in a record, in memory of an arena. */
struct record_text {
    const struct msg_container_kept *kept;       /* NULL: nobody is to look at it */
    const struct msg_container_started *started; /* NULL: its command was not executed, or never */
    const struct msg_container_exited *exited;   /* NULL: it has not ended, or nobody saw it */
    off_t exited_at;                             /* where that stands, or would */
};

void record_name(const char *id, char ret_name[RECORD_NAME_MAX + 1]);
/* The shim's: lock the file `spare` (made when it is missing, emptied) and make it the record of `id`. */
int record_take(int dir, const char *spare, const char *id, struct record *ret_record,
                struct err *err);
/* Write behind what it holds. -EMSGSIZE, -EIO (no room): what it held it still does. */
int record_append(struct record *self, const struct message *message);
void record_close(struct record *self);

/* The launcher's: -ENOENT: there is none. */
int record_open(int dir, const char *id, struct record *ret_record);
/* The process that has it locked; 0: nobody, its shim is dead. -errno: that cannot be told. */
pid_t record_holder(const struct record *self);
/* -EBADMSG with a text that says what is wrong with it; what stands before that is in *ret_text. */
int record_read(const struct record *self, const char *id, struct arena *arena,
                struct record_text *ret_text, struct err *err);

#endif
