/* agent/view/rotation.h - a reader's place in what a task writes, over the rotation of its file.
 *
 * NAME becomes NAME.1, that NAME.2 and so on (agent/shim/logs.h), at any time. A reader that knows which file it was in
 * is given the rest of that one, wherever it is by now, and then the next one. Stateless; where the files are.
 */
#ifndef PROFFER_AGENT_VIEW_ROTATION_H
#define PROFFER_AGENT_VIEW_ROTATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "agent/view/sandbox_files.h"

#define ROTATION_ID_SIZE 40
#define ROTATION_MOST                                                                              \
    100 /* files of one name that are looked at: as many as --log-files may keep */

struct rotated {
    char id[ROTATION_ID_SIZE]; /* of the file: no other has it, also none that comes to be later */
    int64_t offset;            /* in it */
    bool is_newest;            /* what the task writes now */
    bool has_gap;              /* what came before it in the reader's eyes is not there any more */
    struct stat info;
};

/* Of an open file. Never written on failure; then "" stands for it. */
void rotation_id(int fd, char ret_id[ROTATION_ID_SIZE]);
/* The descriptor of the file to go on in after `offset` bytes of the one with that id; NULL or "": of the newest. An id that no
 * file has: the oldest that is kept, from its beginning. Errors as those of sandbox_files_open. */
int rotation_open(struct sandbox_files *files, const char *path, const char *id, int64_t offset,
                  struct rotated *ret, struct err *err);
/* The same in a file that is open already, is the newest, and is the one with that id (NULL or "": any is); another
 * descriptor of it. */
int rotation_go_on(int fd, const char *id, int64_t offset, struct rotated *ret, struct err *err);

#endif
