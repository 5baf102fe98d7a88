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

/* What `setup` sees. Borrowed for the call. */
struct isolator_host {
    const struct cgroups *cgroups; /* NULL: none here */
};

/* The container to be made. Everything borrowed for the call. */
struct isolation {
    const char *container_id;
    const struct cgroups *cgroups;   /* NULL: none here */
    struct resources limits;         /* what it is granted, and its limits unless ... */
    const struct limit_info *bursts; /* ... they are above that */
    size_t bursts_count;
    const struct command_info *command;
    int64_t pids_max;        /* 0: no limit */
    const char *sandbox;     /* absolute path; NULL in recover and update */
    const char *cpus;        /* "0-3,8": hardware threads to be held to; NULL or "": all */
    const char *mems;        /* NUMA nodes likewise */
    bool has_only_cpus;      /* in update: nothing but cpus and mems changes */
    const char *const *gpus; /* that it is granted, by name */
    size_t gpus_count;
};

/* The limit of that name that was asked for; NULL: none. */
const struct limit_info *isolation_find(const struct isolation *want, const char *name);

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
    const char *name;        /* "cgroup/memory" */
    uint32_t needs;          /* enum isolator_need */
    const char *controller;  /* "memory", with ISOLATOR_CGROUPS */
    const char *const *with; /* others that must be in use too, ends with NULL; NULL: none */
    /* Once: see whether it can work here. -errno with the reason: it is not used then. What is found it keeps in
     * variables of its own: there is one launcher. NULL: nothing to see to. */
    int (*setup)(const struct isolator_host *host, struct err *err);
    /* Set up what must exist before the task's first instruction. 0, or -errno with a text in err; on
     * failure nothing is left behind and *ret_state is untouched. */
    int (*prepare)(const struct isolation *want, struct spawn *spawn, void **ret_state,
                   struct err *err);
    /* Adopt what an earlier process prepared. -ENOENT: it is gone. */
    int (*recover)(const struct isolation *was, void **ret_state, struct err *err);
    /* New limits for what runs: `limits`, `bursts`, `pids_max`, `cpus` and `mems` are read. NULL: nothing to change.
     * On failure all is as it was. */
    int (*update)(void *state, const struct isolation *now, struct err *err);
    /* Add what this isolator knows. */
    int (*usage)(void *state, struct usage_info *usage, struct err *err);
    /* A descriptor that becomes readable when something happened to a container; asked for after each `prepare` and
     * `recover`. -1: none yet. NULL: never any. */
    int (*events_fd)(void);
    /* It is readable: read it. True: all containers are to be checked. */
    bool (*on_event)(void);
    /* Is it within its limits? With a reason it is killed, and ends with that. NULL: nothing to say. */
    void (*check)(void *state, struct limitation *ret_limitation);
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
