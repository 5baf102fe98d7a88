/* proffer/types.h - what the SDK speaks of: errors, task states, offers, tasks, statuses.
 *
 * Everything handed to a callback is borrowed for the duration of the call; everything handed to a
 * function is copied before it returns. Texts are UTF-8, never NULL in what the SDK hands out (""
 * means absent). Resources are written as `cpus:0.5;mem:128;disk:10;ports:[31000-31001]` (mem and
 * disk in MiB). Behind a name stands whom it is reserved for, `cpus(ads):2`, a dynamic reservation
 * with who made it and its labels, `cpus(ads dynamic by ops {tier=gold}):2`, reservations on top of
 * each other, outermost first, `cpus(eng)(eng/db dynamic):2`, a volume, `disk(ads)[db1]:100` (or
 * `[db1 by ops shared]`), and `{REV}` for what may be taken back at any time.
 */
#ifndef PROFFER_TYPES_H
#define PROFFER_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PROFFER_API __attribute__((visibility("default")))

/* Functions answer 0 (or positive) for success and -errno for failure, with the reason as text
 * here. Every `struct proffer_err *` may be NULL. */
struct proffer_err {
    char text[256];
};

/* "0.1.0": of the library that runs. */
PROFFER_API const char *proffer_version(void);

/* What is told of tasks, agents and others is their text, and may hold what acts on a terminal. For people: all but printable
 * characters is written as \n, \x1b, \u009b. The first answers a copy, for free(); the other prints one line. */
PROFFER_API char *proffer_printable(const char *text);
PROFFER_API void proffer_print_line(FILE *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The states of a task, as in Mesos (always partition-aware: there is no "lost"). */
enum proffer_task_state {
    PROFFER_TASK_STAGING = 1,  /* accepted, on its way */
    PROFFER_TASK_STARTING = 2, /* being prepared */
    PROFFER_TASK_RUNNING = 3,
    PROFFER_TASK_KILLING = 4,
    PROFFER_TASK_FINISHED = 5,     /* terminal: exit code 0 */
    PROFFER_TASK_FAILED = 6,       /* terminal: another exit, a limit, or it could not be started */
    PROFFER_TASK_KILLED = 7,       /* terminal: because somebody asked for it */
    PROFFER_TASK_ERROR = 8,        /* terminal: its description is wrong; trying again is useless */
    PROFFER_TASK_DROPPED = 9,      /* terminal: it never reached its agent; may be launched again */
    PROFFER_TASK_UNREACHABLE = 10, /* its agent is cut off; it may come back RUNNING */
    PROFFER_TASK_GONE = 11,        /* terminal: its agent is there without it */
    PROFFER_TASK_GONE_BY_OPERATOR =
        12,                   /* terminal: an operator says that its agent is gone for good */
    PROFFER_TASK_UNKNOWN = 13 /* the master knows neither it nor its agent */
};

/* "TASK_RUNNING"; "" for another number. */
PROFFER_API const char *proffer_task_state_name(enum proffer_task_state state);
/* Will there be no further state? True for what is called terminal above. */
PROFFER_API bool proffer_task_state_is_terminal(enum proffer_task_state state);

/* What a task's health check says. */
enum proffer_health {
    PROFFER_HEALTH_UNKNOWN = 0, /* it has none, or has not said anything yet */
    PROFFER_HEALTH_HEALTHY = 1,
    PROFFER_HEALTH_UNHEALTHY = 2
};

/* What became of a task. */
struct proffer_status {
    const char *task_id;
    enum proffer_task_state state;
    const char *reason;  /* "REASON_CONTAINER_LIMITATION_MEMORY" and so on; "" */
    const char *source;  /* "SOURCE_AGENT"; "" */
    const char *message; /* for a person */
    const char *agent_id;
    double timestamp; /* seconds since 1970, by the source's clock */
    bool has_exit;    /* exit_code and exit_signal are known */
    int exit_code;
    int exit_signal;           /* 0: it exited by itself */
    const char *sandbox;       /* path on the agent, for proffer_fetcher_... ; "" until it runs */
    const char *agent_address; /* "ip:port" of the agent's HTTP */
    int64_t peak_mem_bytes;    /* 0: not known */
    int64_t cpu_user_us;
    int64_t cpu_system_us;
    int64_t stdout_bytes; /* of a task that has ended: how much it wrote */
    int64_t stderr_bytes;
    const void *uuid; /* 16 bytes: to be acknowledged; NULL: nothing to acknowledge */
    const void *data;
    size_t data_size;
    const char *cpus; /* hardware threads that it was granted, "2-3"; "" where agents do not say */
    const char *mems; /* NUMA nodes that its memory is bound to; "": any */
    bool exclusive;   /* its cpus are its alone */
    const char *const *gpus; /* devices that are its alone; gpu_count names */
    size_t gpu_count;
    enum proffer_health health;
    bool has_check; /* the next four are the latest result of its `check` */
    bool check_passed;
    int check_exit_code;       /* of a command; 128 and more: ended by a signal; -1: no result */
    int check_http_status;     /* 0: no answer */
    const char *check_message; /* what it printed, or why there is no result; "" */
};

struct proffer_pair {
    const char *name;
    const char *value;
};

/* Where a task sees a volume that is among its resources, or, in a group, among those of another task of it. */
struct proffer_mount {
    const char *volume; /* its id */
    const char *role;   /* NULL; needed when two have that id */
    const char *path;   /* in the sandbox: "data", "data/db" */
    bool read_only;     /* needs volume/persistent on the agent */
};

/* A container of the agent's Docker Engine, for a task that is to run in one. Zero and NULL mean "the default". What the
 * operator of the agent does not allow (see docs/docker.md) makes the task fail with a text that says so. */
enum proffer_pull {
    PROFFER_PULL_IF_MISSING = 1, /* the default */
    PROFFER_PULL_ALWAYS = 2,
    PROFFER_PULL_NEVER = 3
};

struct proffer_port {
    uint16_t host_port;      /* one of the task's; 0: one that no other names */
    uint16_t container_port; /* 0: the same number */
    const char *protocol;    /* "tcp" (default), "udp", "sctp" */
};

struct proffer_docker_volume {
    const char *container_path; /* absolute */
    const char *host_path;      /* absolute: on the agent; else beneath the sandbox */
    const char *name;           /* of a volume of the Engine, instead */
    const char *driver;         /* of such a volume */
    bool read_only;
    int64_t tmpfs_bytes; /* neither path nor name: memory, of that size */
};

struct proffer_docker_device {
    const char *host_path;
    const char *container_path; /* NULL: the same */
    const char *permissions;    /* NULL: "rwm" */
};

struct proffer_docker {
    const char *image; /* "[registry/]name[:tag]"; needed */
    const char
        *network; /* "host" (default), "none", "bridge" or the name of one that the Engine has */
    const struct proffer_port *ports; /* of the last two; `ports_count` of them */
    size_t ports_count;
    const struct proffer_docker_volume *volumes; /* ends with a NULL container_path */
    const struct proffer_docker_device *devices; /* ends with a NULL host_path */
    const char *const *cap_add;                  /* end with NULL */
    const char *const *cap_drop;
    const char *const *entrypoint; /* instead of the image's; ends with NULL */
    bool privileged;
    bool init; /* a first process that takes care of orphans */
    bool read_only;
    enum proffer_pull pull;
    const char *credentials; /* a file that the agent has under that name */
    const char *user;        /* inside: "1000:1000"; NULL: the image's */
    const char *stop_signal; /* "SIGTERM"; NULL: the image's */
    const char *workdir;
    const struct proffer_pair
        *parameters; /* of `docker run`: {"hostname", "web"}; ends with a NULL name */
};

/* What an agent fetches into a task's sandbox before it starts. */
struct proffer_uri {
    const char
        *value; /* http://, https://, file:/// or an absolute path on the agent; NULL ends a list */
    bool executable;
    bool extract;       /* a tar or zip archive: what is in it is put there instead */
    bool cache;         /* what it names never changes: once on an agent is enough */
    const char *output; /* its name in the sandbox; NULL: the last part of the URI's path */
    const char *sha256; /* hexadecimal, of what is fetched; NULL: whatever comes */
};

/* "http://host/file,extract,cache,executable,output=NAME,sha256=HEX", everything behind the URI in any order
 * and if wanted. Changes `text`, and *ret_uri borrows from it. -EINVAL. */
PROFFER_API int proffer_uri_parse(char *text, struct proffer_uri *ret_uri, struct proffer_err *err);

/* How an agent looks at a task while it runs: by a command in its container, or a connection from next to it.
 * One of `command`, `argv`, `http` and `tcp`; zero and NULL mean "the default". */
struct proffer_check {
    const char
        *command; /* a line for /bin/sh; passes by exit code 0, with the task's environment, or: */
    const char *const *argv; /* ends with NULL */
    const char *http;        /* path as "/health?full=1"; passes by a status of 200 to 399 */
    bool https;              /* that by TLS; the certificate is not verified */
    bool tcp;                /* passes when a connection comes about */
    int port;                /* of http and tcp; 0: the task's first */
    const char *address;     /* numeric; NULL: 127.0.0.1 */
    int64_t delay_ms;        /* from the task's start to the first */
    int64_t interval_ms;     /* from the end of one to the next; 0: 10 s */
    int64_t timeout_ms;      /* of one; 0: 20 s */
    /* Of a health check only: */
    int64_t
        grace_ms; /* from the task's start failures do not count so long, until one has passed; 0: 10 s,
                     negative: all count */
    int64_t failures; /* after so many in a row the task is unhealthy; 0: 3 */
    bool report_only; /* and is not ended for it */
};

/* What makes a task an executor, see proffer/executor.h. Zero means "the default". */
struct proffer_executor_rules {
    int64_t shutdown_grace_ms;       /* between its shutdown and the end of everything; 5 s */
    int64_t registration_timeout_ms; /* within which it has to have registered; 1 min */
    int64_t recovery_timeout_ms;     /* how long it waits for an agent that is away; 15 min */
};

/* What a task is in its group. */
enum proffer_part {
    PROFFER_MAIN = 1, /* all are started together; the group is done when all have finished */
    PROFFER_INIT =
        2, /* before all others, one after the other as they are given; each must finish */
    PROFFER_SIDECAR = 3 /* before the mains, in order; ended when all mains have ended */
};

/* Tasks that run as one on one agent: launched all or none, and one that fails ends all (docs/pods.md). This is what they
 * share; a task mounts a volume of the group by its `isolation`: {"mounts": [{"source_kind": "MOUNT_GROUP", "source":
 * "data", "container_path": "/data"}]}, a relative path is one in its sandbox. Zero and NULL mean "the default". */
struct proffer_group {
    const char *
        id; /* as a task's; unique among the groups of the framework on one agent while it lives; needed */
    const char *const *volumes; /* names of folders that go with the group; ends with NULL */
    const char *network;        /* "host", "none", "bridge"; NULL: the agent's default */
    const struct proffer_port
        *ports; /* of "bridge": which of the tasks' ports lead to it; port_count of them */
    size_t port_count;
    const char *hostname;
    int64_t shm_bytes;                 /* of its /dev/shm; 0: 64 MiB */
    const struct proffer_pair *labels; /* ends with a NULL name */
};

/* A task to be launched. Zero and NULL mean "the default". */
struct proffer_task {
    const char *id; /* unique in the framework while it lives; 1-255 bytes without '/' */
    const char *name;
    const char *resources; /* what it takes of the offer */
    size_t ports;        /* that many ports of the offer besides; only proffer_fit_... does this */
    const char *command; /* a line for /bin/sh -c, unless argv is given */
    const char *const *argv;            /* ends with NULL: program and arguments, no shell */
    const struct proffer_pair *env;     /* ends with a NULL name */
    const char *user;                   /* NULL: the framework's */
    const struct proffer_pair *labels;  /* ends with a NULL name */
    const struct proffer_pair *rlimits; /* {"RLMT_NOFILE", "1024:4096"} (soft, hard; one number is
                                           both), {"RLMT_CORE", "unlimited"}; ends with a NULL name */
    /* Killed and FAILED so long after its command began; what is fetched or pulled before does not count. 0: never. */
    int64_t max_completion_ms;
    int64_t kill_grace_ms; /* between SIGTERM and the end; negative: at once; 0: the agent's
                                  default, 3 s */
    int64_t pids_max;      /* processes and threads; 0: the agent's default */
    const void *data;
    size_t data_size;
    const char
        *limits; /* up to which it may use what others leave: "cpus:4;mem:unlimited"; what is not
                           named is limited to `resources` */
    /* Where the master preempts: among the tasks of its role the one with the lower priority gives way
     * first; from a million below 0 to a million, 0 for most. */
    int64_t priority;
    /* Between the notice that it is preempted and its kill, as far as the master allows; negative: none;
     * 0: as the master has it, 30 s by default. */
    int64_t preemption_grace_ms;
    const struct proffer_mount
        *mounts; /* ends with a NULL volume; a volume that is not named is seen
                                           in the sandbox under its id */
    const struct proffer_docker *docker;      /* NULL: natively; with one, command and argv may be
                                            absent: the image's */
    const struct proffer_check *health_check; /* an unhealthy task is killed, and FAILED */
    const struct proffer_check *check;        /* whose results come as updates, and nothing else */
    const struct proffer_uri *uris;           /* ends with a NULL value */
    const char *isolation; /* what it asks of the agent's isolators, as a JSON object: {"rootfs":
                              "debian12", "network": "none", "mounts": [{"source_kind": "MOUNT_TMPFS",
                              "container_path": "/tmp"}]}; fields: ISOLATION_INFO in docs/protocol.md */
    const char
        *cores; /* "compact", "spread", "exclusive", "exclusive spread": which hardware threads it
                          runs on, see docs/isolators.md; NULL: those that nobody has for himself */
    const struct proffer_executor_rules *executor; /* not NULL: it is an executor */
    const char *
        executor_id; /* the id of the executor, on the same agent, that it is for: launched before, or in
                                the same accept in front of it; `command` may be absent then; NULL: it has a
                                container of its own */
    /* Only in a group (proffer_accept_group, proffer_fit_launch_group), else not read. */
    enum proffer_part part; /* 0: PROFFER_MAIN */
    bool may_end;           /* of a sidecar: its end while mains run does not end the group */
};

/* --- reservations and volumes ---------------------------------------------------------------- */

enum proffer_operation_kind {
    PROFFER_RESERVE = 2,
    PROFFER_UNRESERVE = 3,
    PROFFER_CREATE = 4,
    PROFFER_DESTROY = 5,
    PROFFER_GROW_VOLUME = 6,
    PROFFER_SHRINK_VOLUME = 7
};

/* A change of what is reserved, or of a volume, with every word spelled out; proffer_fit_reserve and its
 * like find these out by themselves. */
struct proffer_operation {
    enum proffer_operation_kind kind;
    const char *id;        /* unique until acknowledged; NULL: nobody is told what became of it */
    const char *resources; /* of RESERVE and CREATE: as they will be, of the others: as they are */
    double amount;         /* of GROW_VOLUME and SHRINK_VOLUME: MiB */
};

/* The states of an operation, as in Mesos. */
enum proffer_operation_state {
    PROFFER_OPERATION_PENDING = 1,
    PROFFER_OPERATION_FINISHED = 2, /* terminal: its agent has it on disk */
    PROFFER_OPERATION_FAILED = 3,   /* terminal: its agent could not do it */
    PROFFER_OPERATION_ERROR = 4,    /* terminal: it is wrong; the text says why */
    PROFFER_OPERATION_DROPPED = 5,  /* terminal: it never reached its agent; may be tried again */
    PROFFER_OPERATION_UNREACHABLE = 6,      /* its agent is cut off; it may come back */
    PROFFER_OPERATION_GONE_BY_OPERATOR = 7, /* terminal: so is its agent */
    PROFFER_OPERATION_UNKNOWN = 8 /* nobody knows it: it never came there, or was acknowledged */
};

/* "OPERATION_FINISHED"; "" for another number. */
PROFFER_API const char *proffer_operation_state_name(enum proffer_operation_state state);

/* What became of an operation. */
struct proffer_operation_status {
    const char *operation_id;
    enum proffer_operation_state state;
    const char *message; /* for a person */
    const char *agent_id;
    const void *uuid; /* 16 bytes: to be acknowledged; NULL: nothing to acknowledge */
};

/* --- offers ---------------------------------------------------------------------------------- */

/* An offer: resources of one agent, ours until accepted, declined, rescinded or timed out. */
struct proffer_offer;

PROFFER_API const char *proffer_offer_id(const struct proffer_offer *offer);
PROFFER_API const char *proffer_offer_agent_id(const struct proffer_offer *offer);
PROFFER_API const char *proffer_offer_hostname(const struct proffer_offer *offer);
PROFFER_API const char *proffer_offer_agent_address(const struct proffer_offer *offer);
PROFFER_API const char *proffer_offer_role(const struct proffer_offer *offer);
/* Which of the framework's needs it serves ("": none was stated), and how many units of it. */
PROFFER_API const char *proffer_offer_need(const struct proffer_offer *offer);
PROFFER_API int64_t proffer_offer_units(const struct proffer_offer *offer);
/* All of it, as text. */
PROFFER_API const char *proffer_offer_resources(const struct proffer_offer *offer);
/* Is the same shown to other frameworks? Then the first accept has it, and the others are told by
 * `offer_reduced`. How a role is offered what is free, an operator chooses. */
PROFFER_API bool proffer_offer_is_optimistic(const struct proffer_offer *offer);
/* How much of a scalar: proffer_offer_scalar(offer, "cpus") is 3.5. 0 when there is none. */
PROFFER_API double proffer_offer_scalar(const struct proffer_offer *offer, const char *name);
/* Value of an attribute as text, or NULL. */
PROFFER_API const char *proffer_offer_attribute(const struct proffer_offer *offer,
                                                const char *name);
/* Where the agent stands; "" when it does not say. */
PROFFER_API const char *proffer_offer_region(const struct proffer_offer *offer);
PROFFER_API const char *proffer_offer_zone(const struct proffer_offer *offer);
/* How large a volume in it is, in MiB; negative when there is none of that id. */
PROFFER_API double proffer_offer_volume(const struct proffer_offer *offer, const char *volume_id);

/* When an agent is taken down: what runs there then is ended, and it is offered again when that is over. */
struct proffer_unavailability {
    double start;       /* seconds since 1970 */
    double duration;    /* seconds; 0: nobody knows yet */
    const char *reason; /* for a person */
    const char *window; /* the id of the maintenance window */
};

/* Of the offer's agent, the next; false: nothing is planned. */
PROFFER_API bool proffer_offer_unavailability(const struct proffer_offer *offer,
                                              struct proffer_unavailability *ret_unavailability);

/* An agent on which the framework has tasks will be taken down: it is asked to have them elsewhere by then. */
struct proffer_inverse_offer {
    const char *id;
    const char *agent_id;
    const char *hostname;
    struct proffer_unavailability unavailability;
};

/* What an optimistic offer has lost to an earlier accept. */
struct proffer_reduction {
    const char *offer_id;
    const char *lost;   /* "cpus:2;mem:512" */
    const char *left;   /* what it holds from now on; "": nothing */
    int64_t units;      /* of its need, that fit what is left */
    const char *reason; /* for a person */
};

/* A memory node of the agent's machine, or a socket. */
struct proffer_place {
    int64_t number;    /* as the kernel numbers it */
    int64_t mem_bytes; /* of a node */
    int64_t cores;     /* of a socket */
    const char *cpus;  /* hardware threads next to it, as "0-3,8" */
};

/* With the capability TOPOLOGY; false when there is no such node or socket (counted from 0). */
PROFFER_API bool proffer_offer_numa_node(const struct proffer_offer *offer, size_t index,
                                         struct proffer_place *ret_node);
PROFFER_API bool proffer_offer_socket(const struct proffer_offer *offer, size_t index,
                                      struct proffer_place *ret_socket);

#ifdef __cplusplus
}
#endif

#endif
