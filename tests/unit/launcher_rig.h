/* tests/unit/launcher_rig.h - a real launcher process, driven as the agent does, for test_launcher*.c.
 *
 * Works in a directory of its own and in a cgroup root of its own; rig_destroy checks that neither a
 * cgroup nor a record is left.
 */
#ifndef PROFFER_TESTS_LAUNCHER_RIG_H
#define PROFFER_TESTS_LAUNCHER_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/channel.h"
#include "proto/desk.h"

/* ARGV("/bin/sh", "-c", "x"): the array for argv and env below. */
#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

#define RIG_TIMEOUT_MS 30000
#define RIG_EVENTS_MAX 4096

/* What differs from plain isolation on cgroups. */
struct rig_plan {
    bool is_posix;                    /* ask for no cgroup isolator */
    uid_t uid;                        /* run the launcher as somebody else; 0: as we are */
    const char *isolation;            /* ask for this one only */
    const char *const *also;          /* besides, ends with NULL */
    const struct label_info *options; /* ends with a NULL key */
    const char *module;               /* a file with isolators; by the launcher that can load it */
    bool is_unconfigured;             /* LAUNCHER_CONFIGURE is not sent */
    bool is_inside;     /* and as root of a user namespace in which that one is the only user */
    bool is_bounded;    /* root without CAP_SYS_ADMIN and CAP_SETPCAP, as in a container */
    bool hides_cgroup2; /* the launcher sees no cgroup2 mount */
    const char *const *isolators; /* instead of all, ends with NULL */
    const char *const *devices;   /* ends with NULL */
    const struct gpu_info *gpus;
    size_t gpus_count;
    int64_t log_max_bytes;
    int64_t log_files;
    const char *root;           /* cgroup_root; NULL: one of its own */
    const char *dir;            /* instead of a new one */
    const char *const *recover; /* ids, ends with NULL */
    const struct fetcher_info *fetcher;
    const char *volumes_dir;  /* NULL: `volumes` in its directory */
    const char *const *users; /* that tasks may be; ends with NULL */
    uid_t agent_uid;
    const char *programs; /* a folder with others than ours; NULL: ours */
};

/* One task. */
struct rig_task {
    const char *id;
    const char *shell;       /* a line for /bin/sh, or: */
    const char *const *argv; /* ends with NULL */
    const char *const *env;  /* name, value, name, value, NULL */
    const struct rlimit_info *rlimit;
    const char *user;
    int64_t cpus_milli; /* 0: 1000 */
    int64_t mem_mib;    /* 0: 64 */
    int64_t pids_max;
    const struct limit_info *limits;
    size_t limits_count;
    const struct uri_info *uris;
    size_t uris_count;
    const struct isolation_info *isolation;
    const struct volume_link *volumes;
    size_t volumes_count;
    const char *cpus, *mems;
    const char *const *gpus; /* ends with NULL */
    const char *resource;    /* one more, in MiB */
    int64_t resource_mib;
    const struct range_info *ports; /* one range */
    const struct group_info *group; /* it is the holder of that group */
    const char *holder;             /* id of the holder that it joins */
    bool is_unchecked;              /* it is not to be looked at */
};

struct rig {
    struct rig_plan plan;
    pid_t pid; /* of the launcher; 0: it has ended */
    int status;
    char dir[128];
    char root[128];
    bool has_dir;    /* made by us */
    bool keeps_root; /* a later rig cleans up */
    struct channel channel;
    struct desk desk;
    struct arena *arena;
    struct message ready;
    struct message *events[RIG_EVENTS_MAX]; /* arrived, not yet asked for */
    size_t events_count;
};

/* Path of the launcher beside the running test. */
const char *rig_launcher_path(void);
/* The test program itself, for tasks that need more than a shell. */
const char *rig_self_path(void);

/* Starts it and configures it; `ready` is its answer. */
struct rig *rig_new(const struct rig_plan *plan);
/* Says LAUNCHER_END, waits for the end of the launcher, looks for what it left. */
void rig_destroy(struct rig **self_p);
/* What rig_new sends of a plan that is configured. */
void rig_configure(struct rig *self);
/* As an agent that dies: closes the channel without a word and waits for the end of the launcher. */
void rig_leave(struct rig *self);
/* The next agent: another launcher in the same folder and groups. The first rig must have no launcher any more, and no
 * longer looks for what is left. */
struct rig *rig_again(struct rig *self, const char *const *recover);

void rig_launch(struct rig *self, const struct rig_task *task);
/* New limits for it: those of the task, all of them. The answer's error, "" if there is none. */
const char *rig_update(struct rig *self, const struct rig_task *task);
/* Nothing but its cpus and mems. */
const char *rig_move(struct rig *self, const char *id, const char *cpus, const char *mems);
/* Is that isolator in use? */
bool rig_uses(const struct rig *self, const char *isolator);
/* A file of its group, whole; "" when there is none. Lives as long as the rig. */
const char *rig_group_file(struct rig *self, const char *controller, const char *id,
                           const char *file);
/* What it uses now. Lives as long as the rig. */
const struct usage_info *rig_usage(struct rig *self, const char *id);
void rig_signal(struct rig *self, const char *id, bool kill);
void rig_forget(struct rig *self, const char *id);
void rig_send(struct rig *self, const struct message *message);
/* The next message of that type about that container (NULL: any); fails the test after a while. Lives as
 * long as the rig. */
const struct message *rig_wait(struct rig *self, enum msg_type type, const char *id);
/* Launch and wait for the end. */
const struct msg_container_exited *rig_run(struct rig *self, const struct rig_task *task);

/* A file of a task's sandbox, whole; "" when there is none. Lives as long as the rig. */
const char *rig_read(struct rig *self, const char *id, const char *file);
const char *rig_path(struct rig *self, const char *id, const char *file);
bool rig_has(struct rig *self, const char *id, const char *file);
/* Wait until a sandbox's file has something in it. */
const char *rig_wait_file(struct rig *self, const char *id, const char *file);
void rig_write(struct rig *self, const char *id, const char *file); /* an empty one */
/* Wait for the exit record of a container whose launcher is dead. */
const struct msg_container_exited *rig_wait_record(struct rig *self, const char *id);
const char *rig_record_path(struct rig *self, const char *id);
void rig_wait_gone(pid_t pid);
/* Between two looks, with RIG_TIMEOUT_MS of them to begin with; then it fails the test. */
void rig_pause(int64_t *left_ms, const char *what);
pid_t rig_parent_of(pid_t pid);
/* The one that has that number in the PID namespace of `pid`. */
pid_t rig_pid_beside(pid_t pid, pid_t number);
/* A child of that process, by its name (TASK_COMM_LEN cuts it); waits for it. */
pid_t rig_wait_child(pid_t parent, const char *name);
/* Until there is none of that name any more. */
void rig_wait_no_child(pid_t parent, const char *name);
/* A line of /proc/PID/status without its name, as "0000..." of "CapEff"; "" when there is none. */
const char *rig_status_of(struct rig *self, pid_t pid, const char *name);
/* Make a file and write zeros until there is no room; how many. */
long rig_fill(const char *path);
void rig_remove(const char *dir);                    /* and all in it */
void rig_end_launcher(struct rig *self, int signal); /* and wait for it; no checks */

/* Skip the test, saying why, when this machine cannot run it. */
void rig_skip_unless_root(void);
void rig_skip_unless_cgroups(const struct rig *self);
void rig_skip_unless_readable_by(uid_t uid); /* the launcher's file */

/* With these isolators, which ends with cgroup/pids, so that there are groups. */
#define ISOLATE(...) ((struct rig_plan){.isolators = ARGV(__VA_ARGS__, "cgroup/pids")})
/* Skips the test, saying why, when one of the isolators cannot be had here. */
struct rig *rig_new_or_skip(const struct rig_plan *plan);
/* Ends it, and skips the test. */
void rig_skip(struct rig *rig, const char *why);

#endif
