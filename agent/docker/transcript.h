/* agent/docker/transcript.h - what a container writes, from the Engine's log into its sandbox: rotated as native tasks' is,
 * and gone on with where an earlier process has stopped.
 *
 * How far it was read stands in <state_dir>/<container id>.logs, written behind each piece. The Engine gives each piece
 * the time of its writing; many may have the same one (a long line comes in parts), so they are counted as well.
 */
#ifndef PROFFER_AGENT_DOCKER_TRANSCRIPT_H
#define PROFFER_AGENT_DOCKER_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct transcript;

struct transcript_settings {
    int state_dir;       /* borrowed, for life */
    int64_t max_bytes;   /* of one file; 0: never rotated */
    int64_t files;       /* kept */
    const char *id;      /* of the container */
    const char *sandbox; /* absolute */
};

int transcript_open(const struct transcript_settings *settings, struct transcript **ret_transcript,
                    struct err *err);
void transcript_close(struct transcript **self_p);
/* Where to go on in the Engine's log; 0: from the beginning. */
int64_t transcript_since_ns(const struct transcript *self);
/* Bytes of GET .../logs with timestamps. False: they make no sense. */
bool transcript_push(struct transcript *self, const char *data, size_t size);

/* What was written in all, as it stands in the file. Zeroes when there is none. */
void transcript_read_sizes(int state_dir, const char *id, int64_t *ret_stdout, int64_t *ret_stderr);
void transcript_forget(int state_dir, const char *id);

#endif
