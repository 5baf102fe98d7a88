/* agent/docker/core/dock.h - the pure core of proffer-docker: which containers there are to be, how far each one is, and
 * what is asked of the Engine next.
 *
 * Events in with the time, effects out through `struct dock_env`, as the other cores. It knows neither HTTP nor JSON: a
 * call is a kind with its arguments, an answer is what was read out of it. It believes nothing but what the Engine says
 * when it is asked: a call that is not answered, a stream that breaks, an Engine that went away make a container
 * doubtful, and a doubtful one is looked at again when the Engine answers. So no task fails because a connection did.
 *
 * The container object in the Engine is the record of how a task ended: it is removed when the agent has written the end
 * down (FORGET_CONTAINER) and not before.
 */
#ifndef PROFFER_AGENT_DOCKER_CORE_DOCK_H
#define PROFFER_AGENT_DOCKER_CORE_DOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "proto/message.h"

#define DOCK_ENGINE_ID_MAX 320 /* bytes of an id or a name in the Engine, its NUL included */

enum dock_call_kind {
    CALL_PING,
    CALL_VERSION,
    CALL_INFO,
    CALL_EVENTS, /* answered when the stream ends; what comes on it: dock_on_event */
    CALL_LIST,   /* containers with our label */
    CALL_PULL,   /* progress: dock_on_progress */
    CALL_CREATE,
    CALL_START,
    CALL_INSPECT,
    CALL_LOGS, /* answered when the stream ends */
    CALL_KILL,
    CALL_UPDATE,
    CALL_STATS,
    CALL_REMOVE,
    CALL_EXEC_CREATE,
    CALL_EXEC_START, /* answered when the command has ended */
    CALL_EXEC_INSPECT,
    CALL_IMAGES, /* all of them, and which are in use */
    CALL_REMOVE_IMAGE,
    CALL_CONNECT, /* to the task itself, for a check; the status is that of an HTTP answer, 200 for a connection */
    CALL_KIND_MAX,
};

/* "POST /containers/create" and so on, for texts. */
const char *dock_call_name(enum dock_call_kind kind);

/* Borrowed for the call. */
struct dock_call {
    uint64_t number;
    enum dock_call_kind kind;
    int64_t timeout_ms;                        /* 0: a stream without end */
    const char *engine_id;                     /* which container, image or exec; a name will do */
    const char *container_id;                  /* ours */
    const char *sandbox;                       /* of LOGS */
    bool follow;                               /* of LOGS: not only what is there */
    const char *signal;                        /* of KILL: "SIGTERM" */
    const char *image, *credentials;           /* of PULL */
    const struct msg_launch_container *order;  /* of CREATE */
    const struct msg_exec_container *exec;     /* of EXEC_CREATE */
    const struct msg_update_container *update; /* of UPDATE */
    const char *url;  /* of CONNECT: "http://172.17.0.2:80/", "tcp://172.17.0.2:80" */
    int64_t since_us; /* of EVENTS, wall clock */
};

enum dock_seen_state { SEEN_CREATED, SEEN_RUNNING, SEEN_EXITED };

/* A container as the Engine shows it. "" and 0: not known. */
struct dock_seen {
    const char *engine_id;
    const char *owner, *container_id, *sandbox; /* by its labels */
    enum dock_seen_state state;
    int64_t pid;
    int64_t exit_code;
    bool oom_killed;
    const char *error; /* why it could not be started */
    int64_t started_us, ended_us;
    const char *stop_signal;
    bool is_host_network;
    const char *address;
    int64_t mem_limit_bytes;
};

struct dock_image {
    const char *id;
    const char *const *names; /* normal ones (image_name.h), by tag and by digest */
    size_t names_count;
    int64_t size_bytes;
    bool is_used; /* by a container, running or not */
};

/* What came of a call. Borrowed. */
struct dock_answer {
    uint64_t number;
    int status;        /* of HTTP; 0: no answer came, or none that could be understood */
    bool is_refused;   /* status 0: nobody listens there */
    bool is_late;      /* status 0: its time was over */
    const char *error; /* the Engine's words, or what happened instead of an answer; "" */
    /* By the kind of the call: */
    const char *id;               /* CREATE, EXEC_CREATE */
    const char *version;          /* VERSION */
    const char *api_version;      /* VERSION: what will be spoken */
    const char *digest;           /* PULL: of what came; "" or NULL: not told */
    const char *root_dir;         /* INFO */
    const char *driver, *cgroups; /* INFO */
    const struct dock_seen *seen; /* LIST, INSPECT: one */
    size_t seen_count;
    const struct usage_info *usage;  /* STATS */
    int64_t exit_code;               /* EXEC_INSPECT */
    int64_t pid;                     /* EXEC_INSPECT: also of one that has ended */
    struct bytes output;             /* EXEC_START */
    const struct dock_image *images; /* IMAGES */
    size_t images_count;
};

struct dock_env {
    void *ctx;
    /* Answered by dock_on_answer with its number, later, whatever happens. */
    void (*call)(void *ctx, const struct dock_call *call);
    /* Nothing of it will be heard any more. */
    void (*cancel)(void *ctx, uint64_t number);
    /* To the agent. */
    void (*tell)(void *ctx, const struct message *message);
    /* Make the sandbox and all that must be there before the container is; checks what the task asks for against what
     * the operator allows. 0, or -errno with a text. */
    int (*prepare)(void *ctx, const struct msg_launch_container *order, struct err *err);
    /* Fetch its URIs into the sandbox: dock_on_fetched follows, unless it is cancelled. -errno with a text: it cannot be
     * begun. */
    int (*fetch)(void *ctx, const struct msg_launch_container *order, struct err *err);
    void (*cancel_fetch)(void *ctx, const char *container_id);
    /* How much was written into its files in all. Zeroes: nothing is known. */
    void (*sizes)(void *ctx, const char *container_id, int64_t *ret_stdout, int64_t *ret_stderr);
    /* What was kept about its logs may go. */
    void (*forget)(void *ctx, const char *container_id);
    /* The command of an exec has had its time: it, and what it has started. It may have ended itself. */
    void (*kill_process)(void *ctx, int64_t pid, const char *engine_id);
    /* Percent of the disk below the Engine's folder in use; negative: cannot be seen from here. */
    int (*disk_percent)(void *ctx, const char *root_dir);
    /* Images that were pulled, and when they were last used, are written down. */
    void (*keep_image)(void *ctx, const char *name, int64_t used_us);
    void (*log)(void *ctx, int level, const char *text);
    /* After LAUNCHER_END: nothing is left (exit_code 0), or something is. */
    void (*over)(void *ctx, int exit_code);
};

struct dock;

/* `configure` is copied. */
struct dock *dock_new(const struct msg_docker_configure *configure, const struct dock_env *env,
                      struct now now);
void dock_destroy(struct dock **self_p);

/* LAUNCH_CONTAINER, SIGNAL_CONTAINER, UPDATE_CONTAINER, FORGET_CONTAINER, USAGE_REQUEST, EXEC_CONTAINER,
 * CHECK_CONTAINER, LAUNCHER_END. */
void dock_on_order(struct dock *self, struct now now, const struct message *order);
void dock_on_answer(struct dock *self, struct now now, const struct dock_answer *answer);
/* A container of ours has ended, or changed somehow: a hint, no more. `container_id` is ours. */
void dock_on_event(struct dock *self, struct now now, const char *container_id);
/* What `fetch` began is done (`error` ""), or failed, if a limit of the task was met by that (0: none was); how far it is,
 * for people. */
void dock_on_fetched(struct dock *self, struct now now, const char *container_id, const char *error,
                     enum task_reason limitation);
void dock_on_fetching(struct dock *self, struct now now, const char *container_id, int64_t uri,
                      int64_t bytes);
/* How far a pull is, for people. */
void dock_on_progress(struct dock *self, struct now now, uint64_t number, const char *text);
/* An image that was pulled in an earlier life. */
void dock_on_kept_image(struct dock *self, const char *name, int64_t used_us);
void dock_on_deadline(struct dock *self, struct now now);
int64_t dock_next_deadline_us(const struct dock *self);

/* --- looking ------------------------------------------------------------------------------------ */

/* What is known of the engine; borrowed. */
const struct engine_info *dock_engine(const struct dock *self);
size_t dock_count(const struct dock *self);
/* Every invariant of the books. The first violation as text, -EINVAL. For tests. */
int dock_check(const struct dock *self, struct err *err);

#endif
