/* tests/unit/launcher_driver.h - a real launcher process, driven as the agent does, for test_launcher*.c.
 *
 * Works in a directory of its own and in a cgroup root of its own; launcher_driver_destroy checks that neither a
 * cgroup nor a record is left.
 */
#ifndef PROFFER_TESTS_LAUNCHER_DRIVER_H
#define PROFFER_TESTS_LAUNCHER_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/channel.h"

#define DRIVER_TIMEOUT_MS 30000
#define DRIVER_EVENTS_MAX 4096

/* What differs from plain isolation on cgroups. */
struct driver_plan {
    bool is_posix;         /* ask for no cgroup isolator */
    uid_t uid;             /* run the launcher as somebody else; 0: as we are */
    const char *isolation; /* ask for this one only */
    int64_t log_max_bytes;
    int64_t log_files;
    const char *root; /* cgroup_root; NULL: one of its own */
    const char *dir;  /* instead of a new one */
};

/* One task. */
struct driver_task {
    const char *id;
    const char *shell;       /* a line for /bin/sh, or: */
    const char *const *argv; /* ends with NULL */
    const char *const *env;  /* name, value, name, value, NULL */
    const struct rlimit_info *rlimit;
    const char *user;
    int64_t cpus_milli; /* 0: 1000 */
    int64_t mem_mib;    /* 0: 64 */
    int64_t pids_max;
};

struct driver {
    pid_t pid; /* of the launcher; 0: it has ended */
    int status;
    char dir[128];
    char root[128];
    bool has_dir;    /* made by us */
    bool keeps_root; /* a later driver cleans up */
    struct channel channel;
    struct arena *arena;
    struct message ready;
    struct message *events[DRIVER_EVENTS_MAX]; /* arrived, not yet asked for */
    size_t events_count;
};

/* Path of the launcher beside the running test. */
const char *driver_launcher_path(void);
/* The test program itself, for tasks that need more than a shell. */
const char *driver_self_path(void);

/* Starts it and configures it; `ready` is its answer. */
struct driver *launcher_driver_new(const struct driver_plan *plan);
/* Closes the channel, waits for the end of the launcher, looks for what it left. */
void launcher_driver_destroy(struct driver **self_p);

void driver_launch(struct driver *self, const struct driver_task *task);
void driver_signal(struct driver *self, const char *id, bool kill);
void driver_send(struct driver *self, const struct message *message);
/* The next message of that type about that container (NULL: any); fails the test after a while. Lives as
 * long as the driver. */
const struct message *driver_wait(struct driver *self, enum msg_type type, const char *id);
/* Launch and wait for the end. */
const struct msg_container_exited *driver_run(struct driver *self, const struct driver_task *task);

/* A file of a task's sandbox, whole; "" when there is none. Lives as long as the driver. */
const char *driver_read(struct driver *self, const char *id, const char *file);
bool driver_has(struct driver *self, const char *id, const char *file);
/* Wait until a sandbox's file has something in it. */
const char *driver_wait_file(struct driver *self, const char *id, const char *file);
void driver_wait_gone(pid_t pid);
void driver_end_launcher(struct driver *self, int signal); /* and wait for it; no checks */

#endif
