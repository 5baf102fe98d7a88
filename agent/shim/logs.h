/* agent/shim/logs.h - a task's stdout or stderr: from a pipe into a file of its sandbox, bounded in
 * size.
 *
 * The task writes into a pipe and never learns of the disk: when it is full, what comes is dropped
 * and counted, and a line in the file says so once there is room again. At `max_bytes` the file
 * becomes NAME.1, that one NAME.2, and so on. The sandbox is in the task's hands, so nothing there
 * is followed or overwritten through a link. Runs in the shim.
 */
#ifndef PROFFER_AGENT_SHIM_LOGS_H
#define PROFFER_AGENT_SHIM_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/launcher/accounts.h"
#include "base/err.h"

struct log_stream {
    const char *name; /* "stdout" */
    int pipe_fd;      /* read end; -1 once all writers are gone */
    int file_fd;
    int dir_fd; /* the sandbox; borrowed */
    const struct account *account;
    int64_t max_bytes; /* 0: never rotated */
    int64_t files;     /* kept, the current one included */
    int64_t size;      /* of the current file */
    int64_t written;   /* in all, by the task: what was dropped, too */
    int64_t dropped;   /* since the last note about it */
    bool is_copied;    /* the file system takes no splice */
};

/* Make the file and the pipe. `self` has name, dir_fd, account, max_bytes and files set. The pipe's
 * write end is the caller's. */
int log_stream_open(struct log_stream *self, int *ret_write_fd, struct err *err);
/* Move what is in the pipe now, in a bounded number of steps. */
void log_stream_pump(struct log_stream *self);
/* All writers are dead: move the rest, note what was dropped. */
void log_stream_drain(struct log_stream *self);

/* Without a pipe, for who has the bytes (agent/docker): open the file where it ends, or make it; then write. What the
 * task has put in its place is moved aside as by rotation. */
int log_stream_append(struct log_stream *self, struct err *err);
void log_stream_write(struct log_stream *self, const void *data, size_t size);

#endif
