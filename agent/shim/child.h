/* agent/shim/child.h - from the shim to the task: one process creation, up to exec.
 *
 * The child shares the shim's memory until it has executed the command (CLONE_VM | CLONE_VFORK: the
 * shim stands still meanwhile), which costs half of what a fork does. So everything is prepared
 * before, the child makes bare system calls only, and what goes wrong is simply left in `struct
 * child`.
 */
#ifndef PROFFER_AGENT_SHIM_CHILD_H
#define PROFFER_AGENT_SHIM_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/launcher/accounts.h"
#include "base/err.h"
#include "isolators/isolator.h"
#include "proto/schema.h"

struct child {
    /* Given. */
    const struct command_info *command;
    const struct account *account; /* NULL: stay who we are */
    struct spawn *spawn;
    int sandbox_fd;
    int stdout_fd;
    int stderr_fd;
    bool ends_with_parent;      /* without cgroups nobody could find it, were its shim killed */
    const struct rlimit *files; /* NULL: as the shim's */
    /* Made by child_prepare; never freed, a shim ends with its task. */
    char **argv;
    char **envp;
    char **paths; /* where the program may be, in order; ends with NULL */
    pid_t parent;
    /* Left by the child when it could not execute the command. */
    const char *failed_step;
    int error; /* positive errno */
};

/* -EINVAL: there is nothing to execute. */
int child_prepare(struct child *self, struct err *err);
/* The pid once the command was executed, or -errno with a text. Nothing has to be reaped on
 * failure. */
pid_t child_start(struct child *self, struct err *err);

#endif
