/* agent/launcher/check_run.h - one look at a container, in a helper of the launcher.
 *
 * A command runs in all namespaces and cgroups of the container, as its user, held by its isolators; a
 * connection is made in its network namespace and its cgroups, as its user and without a capability. What is
 * started is ended with all that came of it before the helper ends, also when its launcher has died.
 */
#ifndef PROFFER_AGENT_LAUNCHER_CHECK_RUN_H
#define PROFFER_AGENT_LAUNCHER_CHECK_RUN_H

#include "agent/launcher/accounts.h"
#include "agent/launcher/check_outcome.h"
#include "agent/launcher/launched.h"
#include "isolators/cgroups.h"
#include "isolators/isolator.h"
#include "proto/schema.h"

/* Borrowed; the helper has its own copy by the fork. */
struct check_plan {
    const struct check_info *info;
    const struct account *account; /* NULL: stay who we are */
    const struct cgroups *cgroups; /* NULL: none */
    const char *container_id;
    const char *sandbox; /* as the container sees it */
    const struct isolator_set *isolators;
    const struct isolation_info *asks; /* of the container */
    pid_t pid;                         /* of the container's first process, and of its shim: */
    pid_t shim;
    pid_t launcher;             /* our parent, if it is alive */
    const struct rlimit *files; /* NULL: as ours */
    const char *program;        /* that asks by TLS */
};

/* For helper_start: sends one struct check_outcome. */
int check_run(void *plan, int fd);

/* The group of its command inside of the container's, with the helper's pid behind it. */
#define CHECK_GROUP_PREFIX "proffer-check-"

/* --- what its files share ------------------------------------------------------------------------- */

/* Up to the end of its time. */
struct check_time {
    int64_t until_us; /* monotonic */
};
int check_time_left_ms(const struct check_time *time);
/* Join the container's namespaces of these kinds (CLONE_NEW...), as far as they are not ours: which those were. */
int check_join(int pidfd, pid_t pid, int kinds, struct err *err);
void check_run_command(const struct check_plan *plan, int pidfd, const struct check_time *time,
                       int outcome_fd, struct check_outcome *ret);
/* HTTP or TCP. Does not return when another program takes over, which sends the outcome to `outcome_fd`. */
void check_run_connection(const struct check_plan *plan, int pidfd, const struct check_time *time,
                          int outcome_fd, struct check_outcome *ret);

/* A pidfd of a process below that shim: its number may be another's by now, a descriptor of it, taken before, is not. -ESRCH
 * and so on with a text. */
int check_open_process(pid_t pid, pid_t shim, struct err *err);

#endif
