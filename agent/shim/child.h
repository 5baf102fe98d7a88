/* agent/shim/child.h - from the shim to the task: creation of its process, or of two, up to exec.
 *
 * The child shares the shim's memory until it has executed the command (CLONE_VM | CLONE_VFORK: the
 * shim stands still meanwhile), which costs half of what a fork does. So everything is prepared
 * before, and what goes wrong is simply left in `struct child`.
 *
 * In a new user namespace that is not possible: somebody has to write its maps while the child waits. Then it
 * is forked, and `struct child` lies in memory that both share.
 *
 * A new PID namespace has an init, whose end is the end of all others in there. Usually that is the shim: the launcher
 * has forked it so, it makes the other namespaces and the mounts for itself, and the command is born in them. It has
 * rights that no task has, and the task sees it: so it must not be one that could trace it. Where it could, and where
 * namespaces are the user's or the cgroups', there are two children: first a tiny init that has no rights, which makes
 * the namespaces and the mounts, then the command, which joins them.
 */
#ifndef PROFFER_AGENT_SHIM_CHILD_H
#define PROFFER_AGENT_SHIM_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/launcher/accounts.h"
#include "base/arena.h"
#include "base/err.h"
#include "isolators/isolator.h"
#include "proto/schema.h"

struct child {
    /* Given. */
    const struct command_info *command;
    const struct account *account; /* NULL: stay who we are */
    struct spawn *spawn;
    int sandbox_fd;
    const char *sandbox; /* the same, as a path on the host */
    int stdout_fd;
    int stderr_fd;
    bool is_holder;             /* no command: the init alone, whose namespaces others join */
    bool ends_with_parent;      /* without cgroups nobody could find it, were its shim killed */
    const struct rlimit *files; /* NULL: as the shim's */
    bool shim_is_init;          /* the shim is the first process of the PID namespace already */
    int proc_fd;                /* borrowed; of the /proc that numbers are told by */
    /* Made by child_prepare; never freed, a shim ends with its task. All in one place: each page that a shim writes to
     * becomes its own. */
    struct arena *memory;
    char **argv;
    char **envp;
    char **paths;  /* where the program may be, in order; ends with NULL */
    int parent_fd; /* of the shim, when `ends_with_parent`; only while it starts */
    /* Made on the way. */
    pid_t told_pid;    /* the command's, as in `proc_fd` */
    pid_t init;        /* of a new PID namespace; 0: there is none */
    int init_fd;       /* its pidfd */
    pid_t command_pid; /* created by a process between */
    int go_fd;         /* the child waits for its user maps; -1: not */
    int go_far_fd;     /* the other end, which it closes */
    bool
        has_joined; /* its namespaces already. Given, where those of `spawn` are others' that it was joined to */
    struct spawned spawned;
    __attribute__((noreturn)) void (*run)(struct child *self); /* what the child does */
    /* Left by the child when it could not execute the command. */
    const char *failed_step;
    int error;       /* positive errno */
    struct err text; /* instead of both, if there is one */
};

/* May whoever starts it be the init of its PID namespace, and in its mounts? */
bool child_can_have_shim_as_init(const struct spawn *spawn, bool is_holder);
/* -EINVAL: there is nothing to execute. */
int child_prepare(struct child *self, struct err *err);
/* The pid once the command was executed, or -errno with a text. Nothing has to be reaped on
 * failure. */
pid_t child_start(struct child *self, struct err *err);

/* child_run.c: what is done in the child. */
__attribute__((noreturn)) void child_run_command(struct child *self);
__attribute__((noreturn)) void child_run_init(struct child *self);
/* In the shim, if it is init: new namespaces, but for the PIDs', and what is mounted in them. The step that failed, with
 * errno and perhaps a text; or NULL. */
const char *child_make_world(struct child *self);
/* For whoever stays beside the command: its user, no capabilities, and the end with the parent. 0 or -1 with errno. */
int child_give_up_rights(const struct child *self);

#endif
