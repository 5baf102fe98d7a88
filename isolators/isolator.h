/* isolators/isolator.h - for those who write one: contain a task in one resource.
 *
 * An isolator lives in the launcher, the small process that makes containers; one thread, so it must not wait for
 * anything slow. It does not log: it answers -errno with a text. Its life:
 *
 *     setup                       once, when the launcher is configured: settings, what this host has
 *     prepare, or recover         of a container: before its first process; or by a launcher that adopts it
 *     update usage check          while it runs
 *     ended destroy               nothing runs in it any more
 *
 * What must happen in the task's own process, between its creation and its exec, is asked for in `struct spawn`
 * (spawn.h): namespaces, mounts, limits, capabilities, filters.
 */
#ifndef PROFFER_ISOLATORS_ISOLATOR_H
#define PROFFER_ISOLATORS_ISOLATOR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/resources.h"
#include "isolators/spawn.h"
#include "proto/schema.h"

/* Counted up with every change that a plug-in would notice: of this file, spawn.h, or of what they show. */
#ifndef ISOLATOR_API_VERSION
#define ISOLATOR_API_VERSION 8
#endif

#define ISOLATORS_MAX 64 /* in one launcher */

/* -ISOLATOR_WRONG_SETTING, from `setup`: what the operator has set cannot be meant. No agent starts then, so that a slip
 * of the pen leaves nobody without what was to hold him. */
#define ISOLATOR_WRONG_SETTING EBADRQC

struct isolator_ops;
struct cgroups; /* cgroups.h: what is mounted, and our group in it */

enum isolator_need {
    ISOLATOR_ROOT = 1,
    ISOLATOR_CGROUPS = 2,    /* the controller of that name, on v1 or v2 */
    ISOLATOR_PRIVILEGED = 4, /* root, or the root of a user namespace: namespaces/user is in use */
    ISOLATOR_PLACES = 8, /* its `update` is called, too, when nothing but cpus and mems changes */
};

/* A setting of one isolator: `--isolator-options=volume/host.allow=/srv:/data;...` */
struct isolator_option {
    const char *key; /* "allow" */
    const char *help;
};

/* What `setup` sees. Borrowed for the call. */
struct isolator_host {
    const struct cgroups *cgroups;    /* NULL: none here */
    const struct label_info *options; /* of all isolators, keys as "volume/host.allow" */
    size_t options_count;
    const char *const *names; /* all that are wanted */
    size_t names_count;
};

/* The value of a setting; NULL: it is not set. */
ISOLATOR_SHOWN const char *isolator_option(const struct isolator_host *host, const char *isolator,
                                           const char *key);

/* Is one of that name wanted, too? Whether it will be in use is not said. */
ISOLATOR_SHOWN bool isolator_is_wanted(const struct isolator_host *host, const char *name);

/* Of a container in a group of tasks. One is the holder: its namespaces are what they share, it runs nothing. */
struct isolation_group {
    bool is_holder;
    uint64_t
        shared; /* CLONE_NEW...: the holder's namespaces, which it joins; it makes none of these */
    int mounts_fd; /* the holder's mount namespace; -1: it has none of its own. Lives until its first process runs */
    const char *folder;              /* of the group: its volumes are beneath GROUP_VOLUMES_DIR */
    uint64_t folder_dev, folder_ino; /* which that is */
};

/* The container to be made, or that was. Everything borrowed for the call. */
struct isolation {
    const char *container_id;
    const struct cgroups *cgroups;   /* NULL: none here */
    struct resources limits;         /* what it is granted, and its limits unless ... */
    const struct limit_info *bursts; /* ... they are above that */
    size_t bursts_count;
    const struct command_info *command; /* NULL in recover and update */
    const struct isolation_info *asks;  /* what the task asks of isolators; never NULL */
    const struct volume_link *volumes;  /* persistent ones */
    size_t volumes_count;
    int64_t pids_max;    /* 0: no limit */
    const char *sandbox; /* absolute path on the host; made. NULL in recover */
    bool has_user;       /* false: it runs as we do */
    uid_t uid;
    gid_t gid;
    const char *cpus;        /* "0-3,8": hardware threads to be held to; NULL or "": all */
    const char *mems;        /* NUMA nodes likewise */
    const char *const *gpus; /* that it is granted, by name */
    size_t gpus_count;
    const char *
        executors_dir; /* of an executor: to be seen as ISOLATION_EXECUTORS where its root is its own; else NULL */
    const struct isolation_group *group; /* NULL: it is in none */
};

/* Is that kind of namespace (CLONE_NEW...) there already, for it to join? */
static inline bool isolation_is_shared(const struct isolation *want, uint64_t kind)
{
    return want->group && want->group->shared & kind;
}

/* The limit of that name that was asked for; NULL: none. */
const struct limit_info *isolation_find(const struct isolation *want, const char *name);

/* Asks for nothing. */
extern const struct isolation_info isolation_asks_nothing;
/* Is everything that it asks for in the hands of one that is in use? -ENOTSUP with the name of the one that is
 * missing: what a task asks is never silently left out. */
int isolation_check_asks(const struct isolation *want, const struct isolator_ops *const used[],
                         size_t used_count, struct err *err);

/* Where an isolator writes what only it knows; never NULL in `usage`. */
static inline struct usage_more *usage_more(struct usage_info *usage)
{
    return (struct usage_more *)usage->more;
}

/* Up to how much of a scalar it may use, in thousandths; ISOLATION_UNLIMITED: as much as there is. */
#define ISOLATION_UNLIMITED INT64_MAX
ISOLATOR_SHOWN int64_t isolation_limit(const struct isolation *want, const char *name);

/* How much of a scalar it is granted. */
ISOLATOR_SHOWN int64_t isolation_granted(const struct isolation *want, const char *name);
/* In `destroy`: the launcher goes and the container runs on, for the next one to recover: what is in the kernel and on
 * disk stays. */
ISOLATOR_SHOWN bool isolation_is_left(void);
void isolation_leave(void); /* for the launcher: from now on it is */
/* Our group of a controller on this host, and whether its files are those of v2: the container's is the one of its id
 * beneath it (cgfs.h). -ENOENT with the reason. */
ISOLATOR_SHOWN int isolation_cgroup(const struct isolation *want, const char *controller,
                                    int *ret_dir_fd, bool *ret_is_unified, struct err *err);
/* For plug-ins: as err_set of base/err.h, which is not theirs to call. */
ISOLATOR_SHOWN int isolator_err(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Why a container ended, or has to, when a limit ended it. */
struct limitation {
    enum task_reason reason; /* 0: none */
    char message[256];
};

/* Which containers were adopted. */
struct isolator_living {
    bool (*has)(const void *owner, const char *container_id);
    const void *owner;
};

/* The container's groups exist before `prepare` and go after `destroy`: the launcher makes and removes
 * them, an isolator writes and reads files in them. */
struct isolator_ops {
    const char *name;        /* "cgroup/memory" */
    uint32_t needs;          /* enum isolator_need */
    const char *controller;  /* "memory", with ISOLATOR_CGROUPS */
    const char *const *with; /* others that must be in use too, ends with NULL; NULL: none */
    const struct isolator_option *options; /* ends with a NULL key; NULL: none */

    /* Once: take the settings, see whether it can work here. -errno with the reason: it is not used then (but see
     * ISOLATOR_WRONG_SETTING). What is found it keeps in variables of its own: there is one launcher. NULL: nothing to see to. */
    int (*setup)(const struct isolator_host *host, struct err *err);
    /* Set up what must exist before the task's first instruction. 0, or -errno with a text in err; on
     * failure nothing is left behind and *ret_state is untouched. */
    int (*prepare)(const struct isolation *want, struct spawn *spawn, void **ret_state,
                   struct err *err);
    /* Adopt what an earlier process prepared. -ENOENT: it is gone. NULL: there is nothing to adopt, but it has no
     * state then, and only `prepare`. */
    int (*recover)(const struct isolation *was, void **ret_state, struct err *err);
    /* Another process joins a container that runs (a command that checks it), whose namespaces it is in already: what
     * that must do to itself before its exec, to be held as the task is. As `prepare`, and mostly the same; called in a
     * process that ends with it, so what is kept need not be freed. NULL: it has nothing to do. */
    int (*enter)(const struct isolation *want, struct spawn *spawn, void **ret_state,
                 struct err *err);
    /* New limits for what runs: `limits`, `bursts`, `pids_max`, `cpus` and `mems` are read. NULL: nothing to change.
     * On failure what was is asked for again. */
    int (*update)(void *state, const struct isolation *now, struct err *err);
    /* Add what this isolator knows. NULL: nothing. */
    int (*usage)(void *state, struct usage_info *usage, struct err *err);
    /* Called each `check_ms` while it runs: is it within its limits? With a reason it is killed, and ends with that.
     * Not slow: who has to look long forks a process, and looks at what it found the next time. NULL: never. */
    void (*check)(void *state, struct limitation *ret_limitation);
    int64_t check_ms;
    /* A descriptor that becomes readable when something happened to a container; asked for after each `prepare` and
     * `recover`. -1: none yet. NULL: never any. */
    int (*events_fd)(void);
    /* It is readable: read it. True: `check` is called for all containers, at once and a few times soon after. */
    bool (*on_event)(void);
    /* Everything in the container has ended, nothing is destroyed yet: say whether this isolator's limit
     * ended it, and leave final figures in *usage. NULL: nothing to say. */
    void (*ended)(void *state, struct usage_info *usage, struct limitation *ret_limitation);
    void (*destroy)(void **state_p); /* idempotent; takes NULL. NULL: it has no state */
    /* Once, after all that is to be recovered was, and everything else that an earlier launcher left has ended: what is
     * kept of others (kept.h, in the kernel) goes. NULL: nothing. */
    void (*settled)(const struct isolator_living *living);
    /* Once, at the end of a launcher that used it, behind the last `destroy`: what no launcher is there for any more goes. A
     * launcher that is killed does not come to this. NULL: nothing. */
    void (*leave)(void);
};

/* In order of setup; destroyed the other way round. Ends with NULL. */
extern const struct isolator_ops *const isolators_builtin[];
/* NULL: there is none of that name. */
const struct isolator_ops *isolator_find(const char *name);

/* --- plug-ins -----------------------------------------------------------------------------------
 *
 * A shared object that was built outside of this tree, named in the agent's `--modules`. It has one public symbol,
 * PROFFER_ISOLATOR_PLUGIN; see examples/isolator. It is loaded only if its file and all folders above it belong to
 * root (or to whom the launcher runs as) and nobody else may write there, and if its version is this one's. */
struct isolator_plugin {
    uint32_t api_version; /* ISOLATOR_API_VERSION; read before anything else */
    uint32_t sizes;       /* ISOLATOR_SIZES: of the structures that both sides see */
    const char *name;     /* of the whole, for the log */
    const struct isolator_ops *const *isolators; /* ends with NULL */
};

/* What was built beside other headers shows it, whatever its version says. */
#define ISOLATOR_SIZES                                                                             \
    (uint32_t)(sizeof(struct isolator_ops) + (sizeof(struct isolation) << 4) +                     \
               (sizeof(struct spawn) << 8) + (sizeof(struct isolation_info) << 12) +               \
               (sizeof(struct usage_info) << 16))

#define ISOLATOR_PLUGIN_SYMBOL "proffer_isolator_plugin"
#define PROFFER_ISOLATOR_PLUGIN(plugin_name, ops_list)                                             \
    __attribute__((visibility("default"))) const struct isolator_plugin proffer_isolator_plugin;   \
    const struct isolator_plugin proffer_isolator_plugin = {                                       \
        .api_version = ISOLATOR_API_VERSION,                                                       \
        .sizes = ISOLATOR_SIZES,                                                                   \
        .name = (plugin_name),                                                                     \
        .isolators = (ops_list),                                                                   \
    }

#endif
