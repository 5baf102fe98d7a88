/* agent/launcher/sandboxes.h - a task's directory, made beneath a parent that is kept open.
 *
 * Sandboxes of one framework share a parent, so the path is walked once and not for each task.
 */
#ifndef PROFFER_AGENT_LAUNCHER_SANDBOXES_H
#define PROFFER_AGENT_LAUNCHER_SANDBOXES_H

#include "agent/launcher/accounts.h"
#include "base/err.h"

struct sandboxes {
    char *parent; /* owned; the latest one */
    int parent_fd;
};

/* Where a sandbox is. */
struct sandbox {
    int parent_fd;    /* borrowed, valid until the next call */
    const char *name; /* borrowed from the path */
};

void sandboxes_init(struct sandboxes *self);
void sandboxes_fini(struct sandboxes *self);
/* Make the directory, and what is missing above it. Its owner is `account`, NULL: ourselves.
 * -EINVAL: not an absolute path of plain names; -EEXIST: it was there already, and is left alone.
 */
int sandboxes_make(struct sandboxes *self, const char *path, const struct account *account,
                   struct sandbox *ret_sandbox, struct err *err);
/* One that was made. -ENOENT: what is above it is gone; -EINVAL as above. */
int sandboxes_find(struct sandboxes *self, const char *path, struct sandbox *ret_sandbox);

#endif
