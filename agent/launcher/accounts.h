/* agent/launcher/accounts.h - whom a task runs as: name service look-ups, made before any fork,
 * kept a while.
 *
 * A look-up may load libraries and ask a server, so neither the shim nor the task's process makes
 * one.
 */
#ifndef PROFFER_AGENT_LAUNCHER_ACCOUNTS_H
#define PROFFER_AGENT_LAUNCHER_ACCOUNTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define ACCOUNT_GROUPS_MAX 256
#define ACCOUNTS_MAX       16 /* kept; the oldest one goes */

struct account {
    char *name; /* owned */
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* owned; supplementary ones, the first included */
    size_t groups_count;
    int64_t read_us; /* mono */
};

struct accounts {
    struct account items[ACCOUNTS_MAX];
    size_t count;
};

void accounts_fini(struct accounts *self);
/* *ret_account is valid until the next call; NULL when nothing has to be switched ("" or our own
 * name). -ENOENT: no such user; -EPERM: we are not root and cannot become somebody else. */
int accounts_find(struct accounts *self, const char *name, const struct account **ret_account,
                  struct err *err);

#endif
