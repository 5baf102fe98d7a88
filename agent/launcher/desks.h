/* agent/launcher/desks.h - what the agent asks at its desks (proto/desk.h): files of sandboxes, folders of volumes.
 *
 * Each question is checked against the policy and answered by a helper of its own, which may take as long as a disk
 * takes; the loop waits for none of them. The descriptors come behind the channel's when the launcher is executed.
 */
#ifndef PROFFER_AGENT_LAUNCHER_DESKS_H
#define PROFFER_AGENT_LAUNCHER_DESKS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/launcher/helpers.h"

#define DESKS_MAX 2 /* the agent's loop and its view have one each */

struct clerk;

struct desks {
    int fds[DESKS_MAX]; /* owned; -1: none */
    int inotify_fds
        [DESKS_MAX];      /* owned; of files that were opened to be watched; -1: not asked for */
    struct clerk *clerks; /* owned; those that work */
    size_t clerks_count;  /* bounded: who asks too much waits */
    struct helper trash;  /* empties what was volumes */
    bool has_trash;       /* there is more for it */
};

void desks_init(struct desks *self, const int fds[DESKS_MAX]);
void desks_fini(struct launcher *launcher);
/* In a process that was forked and answers nobody: closes them. */
void desks_leave(const struct desks *self);
/* For poll(2): -1 when nothing is to be read there now. */
int desks_fd(const struct desks *self, size_t number);
/* One is readable. */
void desks_read(struct launcher *launcher, size_t number);
/* Begin to empty what earlier launchers have left. */
void desks_empty_trash(struct launcher *launcher);

#endif
