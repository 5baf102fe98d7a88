/* agent/launcher/removal.h - remove what a task has left, whatever it has built.
 *
 * A trash folder that only we can reach takes what is to go, by a rename; then it is emptied. Nothing is
 * ever named by more than one name beneath an open directory, no link is followed, no other mount is
 * entered, nothing but directories is opened. A folder within a folder is moved up into the trash before
 * it is emptied, so neither descriptors, nor the stack, nor the length of a path grow with its depth.
 */
#ifndef PROFFER_AGENT_LAUNCHER_REMOVAL_H
#define PROFFER_AGENT_LAUNCHER_REMOVAL_H

#include <stdint.h>

#include "base/err.h"

struct removal {
    int trash_fd;   /* owned */
    uint64_t names; /* given in the trash so far */
    int64_t bytes;  /* freed so far */
    uint64_t stuck; /* things that stay in the trash after the latest emptying */
    struct err why; /* of the first of them; "" */
};

/* The folder is made when it is missing, with mode 0700. */
int removal_open(struct removal *self, const char *trash_dir, struct err *err);
void removal_close(struct removal *self);
/* Move a directory out of the way: a name beneath an open directory. -EXDEV: on another file system. */
int removal_take(struct removal *self, int parent_fd, const char *name, struct err *err);
/* All that is in the trash. What cannot be removed is counted and stays. */
void removal_empty(struct removal *self);

#endif
