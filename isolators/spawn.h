/* isolators/spawn.h - what happens between the creation of a task's process and its exec, as isolators ask for it.
 *
 * An isolator fills this in in `prepare`, in the launcher; the shim does it. What always happens is not asked for: own
 * session, descriptors closed, the task's user, no_new_privs. The order:
 *
 *     1  its cgroups; new namespaces are made, others are joined
 *     2  steps SPAWN_ROOT, SPAWN_VOLUMES, SPAWN_PIVOT, SPAWN_SYSTEM    as root of its namespaces
 *     3  its folder, streams, limits
 *     4  steps SPAWN_BOUNDING                                          the last as root
 *     5  groups and user; steps SPAWN_CAPABILITIES                     capabilities are kept if `keeps_capabilities`
 *     6  no_new_privs; steps SPAWN_FILTER                              nothing but the exec follows
 *
 * With a new PID namespace the namespaces of 1, and 2, are done by its first process, which is the shim or a tiny init
 * (agent/shim/child.h): so the command is never process 1, and its end is the end of all.
 *
 * A step runs in the shim, or in a process that shares the shim's memory while the shim stands still (vfork): it reads what
 * `prepare` has left in `data`, may call the C library, starts no thread and leaves no descriptor that it opened.
 */
#ifndef PROFFER_ISOLATORS_SPAWN_H
#define PROFFER_ISOLATORS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/err.h"

/* What plug-ins can call. */
#define ISOLATOR_SHOWN __attribute__((visibility("default")))

#define SPAWN_GROUPS_MAX  24
#define SPAWN_RLIMITS_MAX 16
#define SPAWN_STEPS_MAX   160
#define SPAWN_JOINS_MAX   8
#define SPAWN_PATH_MAX    1024

enum spawn_phase {
    SPAWN_ROOT,    /* mounts do not propagate any more; what will be the root is made: `root_fd` */
    SPAWN_VOLUMES, /* bound into it, or into the host's tree */
    SPAWN_PIVOT,   /* the one that goes there; one at most */
    SPAWN_SYSTEM,  /* of the namespaces: host name, loopback, kernel settings */
    SPAWN_BOUNDING,
    SPAWN_CAPABILITIES,
    SPAWN_FILTER,
    SPAWN_PHASES,
};

/* What steps see and hand on. */
struct spawned {
    int root_fd;         /* of what will be the root, once SPAWN_ROOT has made it; -1: the host's */
    int sandbox_fd;      /* opened before there were namespaces: to compare with, not to mount */
    const char *sandbox; /* its path on the host */
    bool has_user_namespace;
    bool has_user; /* false: it stays who it is */
    uid_t uid;
    gid_t gid;
};

struct spawn_step {
    enum spawn_phase phase;
    const char
        *what; /* "cannot <what>: ..." when it fails without a text; static or owned by the state */
    /* 0 or -errno; a text in err is used, else strerror. */
    int (*run)(const struct spawn_step *step, struct spawned *spawned, struct err *err);
    const void *data; /* borrowed, of the isolator's state: lives until `destroy` */
    int number;       /* for the step itself */
};

struct spawn {
    int cgroup_fd; /* v2 directory to be born in (CLONE_INTO_CGROUP), or -1; borrowed. Of the shim */
    int procs_fds
        [SPAWN_GROUPS_MAX]; /* v1 `tasks` files, opened for writing; borrowed. Of the shim */
    size_t procs_count;
    struct {
        int resource;
        struct rlimit limit;
    } rlimits[SPAWN_RLIMITS_MAX];
    size_t rlimits_count;
    uint64_t namespaces; /* CLONE_NEW...: to be made */
    struct {
        uint64_t kind;        /* CLONE_NEW... */
        int fd;               /* of the namespace; borrowed of the isolator's state */
    } joins[SPAWN_JOINS_MAX]; /* namespaces that are there already; never the user's or the PIDs' */
    size_t joins_count;
    struct spawn_step steps[SPAWN_STEPS_MAX];
    size_t steps_count;
    bool keeps_capabilities;  /* over the change of the user, for SPAWN_CAPABILITIES */
    bool may_gain_privileges; /* no no_new_privs: setuid programs work */
    bool cannot_reach_shim; /* nothing in it ever has a capability by which it could trace, limit or
                               * schedule its shim, which may so be among what it sees */
    uid_t inner_uid;        /* with CLONE_NEWUSER: whom the task's user is inside */
    gid_t inner_gid;
    uint32_t inner_base; /* 0: nobody else is there; or user_map.h: the range of the others */
    int init_fd; /* with CLONE_NEWPID: the program of its first process; borrowed, -1: none */
    const char *
        work_folder; /* the sandbox as seen after SPAWN_PIVOT; NULL: where it is on the host; borrowed */
};

/* Nothing is asked for. What the lists hold beyond their counts stays as it is: memory that is not written to costs a fork
 * nothing. */
void spawn_init(struct spawn *spawn);
/* -E2BIG: too many; then nothing is added. */
ISOLATOR_SHOWN int spawn_add_step(struct spawn *spawn, const struct spawn_step *step,
                                  struct err *err);
ISOLATOR_SHOWN int spawn_join(struct spawn *spawn, uint64_t kind, int fd, struct err *err);

#endif
