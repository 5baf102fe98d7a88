/* isolators/cgroups.h - where cgroups are mounted, our group in them, and the containers' groups in
 * ours.
 *
 * Three forms: v2 (all controllers on one cgroup2 mount), v1 (a mount for each), and hybrid
 * (controllers on v1 and a cgroup2 mount beside them: it may have no controller and still gives
 * birth in a group, cgroup.kill and CPU accounting). libcgroup finds the mounts and makes the fixed
 * levels, once; from then on there is one open directory for each hierarchy, and a container's
 * group is a name beneath it. A container has a group in each hierarchy in use; isolators write
 * limits into them and never make or remove one. Not thread-safe (libcgroup is not). Life: new,
 * clear, then add/enter/kill/remove for each container, leave, destroy.
 */
#ifndef PROFFER_ISOLATORS_CGROUPS_H
#define PROFFER_ISOLATORS_CGROUPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "isolators/cgfs.h"
#include "isolators/isolator.h"

enum cgroups_mode {
    CGROUPS_NONE,
    CGROUPS_V1,
    CGROUPS_V2,
    CGROUPS_HYBRID,
    CGROUPS_MODE_MAX,
};

#define CGROUPS_CONTROLLERS_MAX 16
#define CGROUPS_LEVELS_MAX      8 /* in cgroup_root */
/* Where agent and launcher live when they were started in a group that must be an inner node on v2.
 */
#define CGROUPS_OWN_LEAF "proffer-agent"

/* Beneath ours: where the agent's Docker Engine has its containers, so that all are counted together. Neither made nor
 * removed here. */
#define CGROUPS_DOCKER "docker"

/* A controller that was asked for. */
struct cgroups_controller {
    char name[16];
    int dir;         /* our group in its hierarchy; -1: cannot be had, and `why` says why */
    bool is_unified; /* v2 files */
    struct err why;
};

struct cgroups {
    enum cgroups_mode mode;
    char *root;  /* "proffer/a1" */
    int unified; /* our group on the cgroup2 mount, or -1 */
    bool has_kill;
    struct cgroups_controller controllers[CGROUPS_CONTROLLERS_MAX];
    size_t controllers_count;
    int v1[CGROUPS_CONTROLLERS_MAX]; /* our group on each v1 mount in use; owned, as is `unified` */
    size_t v1_count;
};

const char *cgroups_mode_name(enum cgroups_mode mode); /* "v1"; "none" */

/* Find and make our group `root` in every hierarchy that has one of the controllers, and on
 * cgroup2. What cannot be had is told by cgroups_find. -EINVAL: `root` is no path of plain names.
 */
int cgroups_new(const char *root, const char *const *controllers, size_t count,
                struct cgroups **ret_cgroups, struct err *err);
void cgroups_destroy(struct cgroups **self_p);
/* 0 and the controller; -ENOENT with the reason in err. */
int cgroups_find(const struct cgroups *self, const char *controller,
                 const struct cgroups_controller **ret_controller, struct err *err);
/* Kill and remove what earlier agents left in our group, but for those containers that `is_kept` wants; waits for
 * it, a few seconds at most. How many groups there were; -EBUSY: something could not be removed, named in err. */
int cgroups_clear(const struct cgroups *self, bool (*is_kept)(const void *owner, const char *id),
                  const void *owner, struct err *err);
/* Remove our own levels as far as nobody else uses them. */
void cgroups_leave(const struct cgroups *self);

/* --- a container's groups -----------------------------------------------------------------------
 */

/* Make them. -ENAMETOOLONG, -EEXIST and so on; nothing is left behind then. */
int cgroups_add(const struct cgroups *self, const char *id, struct err *err);
/* Open what the container's first process needs to get in; the descriptors are the caller's then.
 */
int cgroups_enter(const struct cgroups *self, const char *id, struct spawn *spawn, struct err *err);
/* Another process joins it, and is to be ended with all that comes of it while the container goes on: in a group of this
 * name inside of the container's, which is made. After cgroups_enter, whose `spawn` leads there then. 0: it does not, for
 * want of a hierarchy in which a group can be ended at once. 1: "ID/NAME" is one for cgroups_kill and cgroups_leave_inner. */
int cgroups_enter_inner(const struct cgroups *self, const char *id, const char *name,
                        struct spawn *spawn, struct err *err);
/* 0: it is gone; -EBUSY and so on. */
int cgroups_leave_inner(const struct cgroups *self, const char *path);
/* SIGKILL for everything in it, at once where the kernel has cgroup.kill. Elsewhere forks are
 * stopped first (pids.max), but without the pids controller a process may slip through: call it
 * again. */
void cgroups_kill(const struct cgroups *self, const char *id);
/* The same, but that something else will run in it: nothing is kept from forking. */
void cgroups_kill_and_go_on(const struct cgroups *self, const char *id);
/* The descriptors that cgroups_kill works with, for a process that closes all others. How many. */
#define CGROUPS_KILL_FDS_MAX 2
size_t cgroups_kill_fds(const struct cgroups *self, int ret_fds[CGROUPS_KILL_FDS_MAX]);
/* How many processes are in it; -errno. */
int cgroups_count_processes(const struct cgroups *self, const char *id);
/* 0: all are gone; -EBUSY: a process is still in one, call it again. */
int cgroups_remove(const struct cgroups *self, const char *id);

#endif
