/* isolators/isolator.h - for those who write one: contain a task in one resource.
 *
 * Called in the launcher, the small root process that makes containers; one thread, so an isolator must
 * not wait for anything slow. An isolator does not log: it answers -errno with a text. What must happen in
 * the task's own process, between its creation and its exec, is asked for in `struct spawn`.
 */
#ifndef PROFFER_ISOLATORS_ISOLATOR_H
#define PROFFER_ISOLATORS_ISOLATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/resources.h"
#include "proto/schema.h"

#define ISOLATOR_API_VERSION 1

struct cgroups; /* cgroups.h: what is mounted, and our group in it */

enum isolator_need {
    ISOLATOR_ROOT = 1,
    ISOLATOR_CGROUPS = 2, /* the controller of that name, on v1 or v2 */
};

/* The container to be made. Everything borrowed for the call. */
struct isolation {
    const char *container_id;
    const struct cgroups *cgroups;   /* NULL: none here */
    struct resources limits;         /* what it is granted, and its limits unless ... */
    const struct limit_info *bursts; /* ... they are above that */
    size_t bursts_count;
    const struct command_info *command;
    int64_t pids_max; /* 0: no limit */
};

/* Up to how much of a scalar it may use, in thousandths; ISOLATION_UNLIMITED: as much as there is. */
#define ISOLATION_UNLIMITED INT64_MAX
int64_t isolation_limit(const struct isolation *want, const char *name);

#define SPAWN_GROUPS_MAX  16
#define SPAWN_RLIMITS_MAX 16

/* What the shim does for the task's process before exec, beside what it always does (own session,
 * descriptors closed, user, no_new_privs). The shim fills in the groups; isolators add the rest in
 * `prepare`. */
struct spawn {
    int cgroup_fd; /* v2 directory to be born in (CLONE_INTO_CGROUP), or -1; borrowed */
    int procs_fds[SPAWN_GROUPS_MAX]; /* v1 `tasks` files, opened for writing; borrowed */
    size_t procs_count;
    struct {
        int resource;
        struct rlimit limit;
    } rlimits[SPAWN_RLIMITS_MAX];
    size_t rlimits_count;
};

/* Why a container ended, when a limit ended it. */
struct limitation {
    enum task_reason reason; /* 0: none */
    char message[256];
};

/* The container's groups exist before `prepare` and go after `destroy`: the launcher makes and removes
 * them, an isolator writes and reads files in them. */
struct isolator_ops {
    const char *name;       /* "cgroup/memory" */
    uint32_t needs;         /* enum isolator_need */
    const char *controller; /* "memory", with ISOLATOR_CGROUPS */
    /* Set up what must exist before the task's first instruction. 0, or -errno with a text in err; on
     * failure nothing is left behind and *ret_state is untouched. */
    int (*prepare)(const struct isolation *want, struct spawn *spawn, void **ret_state,
                   struct err *err);
    /* Adopt what an earlier process prepared. -ENOENT: it is gone. */
    int (*recover)(const struct isolation *was, void **ret_state, struct err *err);
    /* Another process joins a container that runs (a command that checks it): add what that must do to itself
     * before its exec, to be held as the task is. Nothing is kept. NULL: it has nothing to do. */
    int (*enter)(const struct isolation *want, struct spawn *spawn, struct err *err);
    /* New limits for what runs. NULL: cannot be changed. */
    int (*update)(void *state, const struct resources *limits, struct err *err);
    /* Add what this isolator knows. */
    int (*usage)(void *state, struct usage_info *usage, struct err *err);
    /* Everything in the container has ended, nothing is destroyed yet: say whether this isolator's limit
     * ended it, and leave final figures in *usage. NULL: nothing to say. */
    void (*ended)(void *state, struct usage_info *usage, struct limitation *ret_limitation);
    void (*destroy)(void **state_p); /* idempotent; takes NULL */
};

/* In order of setup; destroyed the other way round. Ends with NULL. */
extern const struct isolator_ops *const isolators_builtin[];
/* NULL: there is none of that name. */
const struct isolator_ops *isolator_find(const char *name);

#endif
