/* agent/launcher/state.h - what the launcher's files share; for them only.
 *
 *     launcher.c   the loop, and what happens when the agent goes
 *     configure.c  LAUNCHER_CONFIGURE: isolators, cgroups
 *     adopt.c      what earlier launchers left: adopted or removed
 *     orders.c     LAUNCH_CONTAINER, UPDATE_CONTAINER, SIGNAL_CONTAINER, USAGE_REQUEST, FORGET_CONTAINER
 *     watch.c      what the kernel tells isolators while containers run
 *     checks.c     isolators that look after what runs
 *     endings.c    from the end of a shim to CONTAINER_EXITED
 *     collector.c  COLLECT_SANDBOXES
 *     policy.c     what orders may not ask for, whoever gives them
 *     desks.c      what is asked beside the channel: files, volumes
 *     looks.c      CHECK_CONTAINER; check_*.c: its helper
 */
#ifndef PROFFER_AGENT_LAUNCHER_STATE_H
#define PROFFER_AGENT_LAUNCHER_STATE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "agent/launcher/accounts.h"
#include "agent/launcher/collector.h"
#include "agent/launcher/desks.h"
#include "agent/launcher/helpers.h"
#include "agent/launcher/launched.h"
#include "agent/launcher/looks.h"
#include "agent/launcher/records.h"
#include "agent/launcher/sandboxes.h"
#include "base/arena.h"
#include "base/deadlines.h"
#include "proto/channel.h"

struct launcher {
    struct channel channel;
    struct desks desks;
    const struct msg_launcher_configure
        *policy;            /* in `configured`; NULL before LAUNCHER_CONFIGURE */
    int signals_fd;         /* SIGCHLD; the shims read theirs from it too */
    int adopted_fd;         /* epoll over the pidfds of shims that are not our children */
    int proc_fd;            /* the /proc that has our numbers; -1: no task may see its shim */
    struct records records; /* not open before LAUNCHER_CONFIGURE */
    struct rlimit files;    /* RLIMIT_NOFILE as we found it; for tasks */
    bool has_more_files;    /* ours is another one now */
    int64_t pids_max;
    int64_t log_max_bytes;
    int64_t log_files;
    struct arena *configured;           /* owned; of policy and the next two */
    const struct fetcher_info *fetcher; /* NULL: nothing is fetched */
    const char *programs_dir;           /* "": not known */
    const char *executors_dir;          /* "": there is none */
    struct isolator_set isolators;
    struct helpers helpers;
    struct collector collector;
    struct container_look *looks; /* owned; those that go on */
    struct spawn
        spawn; /* of the container that is made now; large, and most of it is never touched */
    struct accounts accounts;
    struct sandboxes sandboxes;
    struct launched
        *whole; /* owned: our own groups, with all that is in them; NULL: not asked for yet */
    struct launched *by_id; /* owned; the head of both tables' objects */
    struct launched *by_shim;
    struct deadlines deadlines;
    struct deadline watch_again;           /* for what an isolator was told of */
    unsigned watch_rounds;                 /* since then */
    struct deadline checks[ISOLATORS_MAX]; /* of the isolators in use, by their number */
    struct arena *arena;                   /* of the message at hand */
    bool is_deaf;    /* the agent does not read any more; what it has said is still heard */
    bool is_alone;   /* the agent is gone: leave everything as it is, and exit */
    bool is_ending;  /* LAUNCHER_END: kill, clean up, exit */
    bool has_failed; /* LAUNCHER_READY carried an error: say it and exit */
};

void launcher_send(struct launcher *self, const struct message *message);
/* In a process that was forked: closes what only the launcher has a use for. The channel above all, or the agent would
 * not see the launcher die while that process lives. */
void launcher_leave(const struct launcher *self);
/* And the desks, for who answers at none. `self` is a struct launcher. */
void launcher_leave_wholly(void *self);

/* configure.c */
/* Where a program of ours is; in `arena`. */
const char *launcher_program(const struct launcher *self, const char *name, struct arena *arena);
/* The policy is kept; work begins with what is to be recovered. */
void launcher_configure(struct launcher *self, const struct msg_launcher_configure *want);
void launcher_recover(struct launcher *self, const struct msg_launcher_recover *past);

/* policy.c: -EACCES with a text; an order that was asked of whoever reads the network is never believed */
int launcher_check_launch(const struct launcher *self, const struct msg_launch_container *order,
                          struct err *err);
int launcher_check_sandbox(const struct launcher *self, const char *path, struct err *err);
int launcher_check_collection(const struct launcher *self, const char *sandboxes_dir,
                              struct err *err);

/* adopt.c: first adopt, then send LAUNCHER_READY, then tell of each. */
int launcher_adopt(struct launcher *self, const struct msg_launcher_configure *want,
                   struct err *err);
/* Kill and remove what is not adopted. How much that was; -errno: some of it is left, named in err. */
int launcher_remove_others(struct launcher *self, struct err *err);
void launcher_tell_adopted(struct launcher *self, const struct msg_launcher_configure *want);

/* orders.c */
void launcher_launch(struct launcher *self, const struct msg_launch_container *order);
void launcher_signal(struct launcher *self, const struct msg_signal_container *order);
void launcher_report_usage(struct launcher *self, const struct msg_usage_request *request);
void launcher_forget(struct launcher *self, const struct msg_forget_container *order);
void launcher_kill(const struct launched *launched);
/* An isolator of that name. */
bool launcher_uses(const struct launcher *self, const char *name);
struct launched *launcher_find(struct launcher *self, const char *id);

/* watch.c */
/* The descriptors of isolators that have something to tell; at most ISOLATORS_MAX. How many. */
size_t launcher_watched(const struct launcher *self, struct pollfd ret_fds[]);
/* One of them is readable: what is beyond its limits is killed. */
void launcher_on_events(struct launcher *self);

void launcher_update(struct launcher *self, const struct msg_update_container *order);

/* checks.c */
void launcher_start_checks(struct launcher *self);

/* endings.c */
void launcher_read_notes(struct launcher *self);
void launcher_reap(struct launcher *self);
void launcher_reap_adopted(struct launcher *self);
/* What shims and helpers that were killed have left. Whether there was any. */
bool launcher_kill_strays(struct launcher *self);
/* Out of all tables, and freed. */
void launcher_drop(struct launcher *self, struct launched *launched);
struct launched *launcher_find_by_shim(struct launcher *self, pid_t pid);
/* Its shim is dead: what the record says, or that its end was not seen, is told. */
void launcher_end(struct launcher *self, struct launched *launched);

#endif
