/* agent/launcher/accounts.h - whom a task runs as: looked up before any fork, kept a minute.
 *
 * The name service loads libraries and asks servers; the launcher forks with all that it holds. So id(1)
 * is asked, in a process of its own, and the launcher can be a static program.
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
    const char *const *allowed; /* borrowed; none: whoever is not `held_back` */
    size_t allowed_count;
    uid_t held_back; /* 0: nobody */
};

/* From now on nobody but these, or, when they are none, nobody who is the agent. The names live on. */
void accounts_restrict(struct accounts *self, const char *const *names, size_t count,
                       uid_t agent_uid);
void accounts_fini(struct accounts *self);
/* *ret_account is valid until the next call; NULL when nothing has to be switched ("" or our own
 * name). -ENOENT: no such user; -EPERM: we are not root and cannot become somebody else, or no task may be that
 * user. */
int accounts_find(struct accounts *self, const char *name, const struct account **ret_account,
                  struct err *err);

#endif
