/* agent/flags.h - proffer-agent's command line. */
#ifndef PROFFER_AGENT_FLAGS_H
#define PROFFER_AGENT_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/options_shown.h"

#define AGENT_HTTP_PORT 5051

/* The usual isolators, and how they are called together. */
#define AGENT_ISOLATION                                                                            \
    "cgroup/cpu,cgroup/memory,cgroup/pids,namespaces/mount,namespaces/pid,namespaces/ipc,"         \
    "namespaces/uts,filesystem/rootfs,volume/persistent,volume/host,volume/sandbox,"               \
    "volume/group,linux/capabilities,linux/nnp,linux/seccomp,posix/rlimits"
#define AGENT_ISOLATION_USUAL "default"

struct agent_flags {
    const char *master;    /* HOST:PORT */
    const char *address;   /* numeric; HTTP listens there */
    const char *advertise; /* numeric; what others are told, "" for `address` */
    int64_t port;          /* 0: the kernel picks */
    const char *hostname;  /* "": the machine's */
    const char *work_dir;
    const char *resources;
    const char *attributes;
    const char *domain;
    const char *isolation;        /* names with commas */
    const char *isolator_options; /* "volume/host.allow=/srv;..." */
    const char *devices;          /* "/dev/fuse:rw,..." */
    const char *gpus;             /* "gpu0=/dev/nvidia0+/dev/nvidiactl;..." */
    const char *modules;          /* files with commas */
    const char *cgroup_root;
    int64_t pids_max; /* of a task that does not say; 0: no limit */
    int64_t log_max_bytes;
    int64_t log_files;
    int64_t kill_grace_ms;
    int64_t executor_reregister_ms;
    const char *fetcher_cache_dir; /* "": in the work folder */
    int64_t fetcher_cache_bytes;
    const char *fetcher_files; /* folders with commas */
    const char *fetcher_ca_file;
    int64_t fetcher_max_bytes;
    int64_t fetcher_timeout_ms;
    int64_t gc_delay_ms;
    int64_t gc_headroom_percent;
    int64_t disk_watch_ms;
    bool switch_user;
    const char *default_user;
    const char *task_users; /* names with commas; "": anybody but the agent */
    const char *agent_user; /* "": see agent_user.h */
    const char *keys;
    const char *master_key;
    bool insecure;
    const char *log_level;
    const char *launcher;       /* "": beside this program */
    const char *containerizers; /* names with commas */
    const char *docker_socket;
    const char *docker_program; /* proffer-docker; "": beside this program */
    const char *docker_config;
    const char *docker_credentials;
    const char *docker_allow;      /* names with commas */
    const char *docker_host_paths; /* folders with colons */
    int64_t docker_call_timeout_ms;
    int64_t docker_pull_timeout_ms;
    int64_t docker_patience_ms;
    int64_t docker_gc_high; /* percent; 0: never */
    int64_t docker_gc_low;
    int64_t docker_gc_min_age_ms;
    const char *docker_gc_keep;
    int64_t ready_fd; /* -1: none */

    enum log_level level;       /* from log_level */
    struct options_shown shown; /* all of them as text; owned */
};

/* OPTIONS_HELP or OPTIONS_VERSION when that was asked for and printed; -EINVAL with a text for the
 * user. For the main thread, once in a process. */
int agent_flags_parse(struct agent_flags *ret_flags, int argc, char **argv, struct err *err);
void agent_flags_fini(struct agent_flags *self);

#endif
