/* proffer/executor.h - an executor: a program of a framework that runs many of its tasks on one agent.
 *
 * An executor is a task that takes tasks. Its framework launches it as any task, with `executor` set in struct
 * proffer_task: it has a container, resources, updates of its own. Tasks whose `executor_id` is its id are not given a
 * container; the agent hands them to it (`launch`), and it says what becomes of them (proffer_executor_update). What
 * "running" such a task means is the executor's business: a process, a thread, an entry in a table; the task's `data`
 * and `command` are for it to read.
 *
 * What you know from Mesos: ExecutorInfo is that first task. So an executor is launched explicitly and by itself, in the
 * same accept as its first tasks or in an earlier one; its id is a task id, its resources are counted once, it is killed as
 * a task is (Mesos: SHUTDOWN), and its end is an update. Its container has the sum of its own resources and those
 * of its live tasks, and changes with them. It is PROFFER_TASK_RUNNING when it has registered.
 *
 * Make one with proffer_executor_new, then proffer_executor_run, or _fd and _dispatch in a loop of your own. One
 * thread per executor: callbacks come from run or dispatch only, and every function is called on that thread
 * (proffer_executor_stop also from a signal handler or another thread).
 *
 * What it does by itself:
 * - It finds its agent by its environment (PROFFER_EXECUTOR_SOCKET, PROFFER_FRAMEWORK_ID, PROFFER_EXECUTOR_ID,
 *   PROFFER_EXECUTOR_TOKEN) and says who it is. The token it takes out of the environment, so that what the executor starts
 *   does not have it; who makes an executor twice in a process gives it in the options.
 * - When the agent is restarted it connects again, with growing pauses; tasks go on meanwhile, and updates are kept. An
 *   agent that stays away for the recovery timeout (15 min unless the framework says otherwise) is an error.
 * - It says an update again until the agent has it on disk. So what was said before a crash of the agent is not lost,
 *   and its framework hears of it once (or until it has acknowledged).
 *
 * What is left to you: to end every task that is killed, and say so; to end when it is told to shut down; not to exit
 * while something is to be told (proffer_executor_pending). Tasks that live when the executor ends have failed.
 */
#ifndef PROFFER_EXECUTOR_H
#define PROFFER_EXECUTOR_H

#include <proffer/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct proffer_executor;

/* A task to run. Borrowed for the call. */
struct proffer_executor_task {
    const char *id;
    const char *name;
    const char *resources;   /* "cpus:1;mem:64": what the executor's container has got for it */
    const char *command;     /* a line for a shell, if its framework gave one; "" */
    const char *const *argv; /* ends with NULL; never NULL */
    const struct proffer_pair *env;    /* ends with a NULL name; never NULL */
    const struct proffer_pair *labels; /* likewise */
    const void *data;
    size_t data_size;
};

/* All but `launch` and `kill` are optional. `user` is what was given to proffer_executor_new. */
struct proffer_executor_callbacks {
    /* The agent has taken us: tasks may come. `again`: after it was away. */
    void (*registered)(struct proffer_executor *executor, const char *agent_id,
                       const char *hostname, bool again, void *user);
    /* Each task comes once. Say PROFFER_TASK_RUNNING when it runs, and how it ended, now or later. */
    void (*launch)(struct proffer_executor *executor, const struct proffer_executor_task *task,
                   void *user);
    /* End it within the time given and say so; how it ended counts if it had just finished. May come again with
     * a shorter time. */
    void (*kill)(struct proffer_executor *executor, const char *task_id, int64_t grace_ms,
                 void *user);
    /* Of the framework, about a task or (the executor's id) the executor; may have been lost. */
    void (*message)(struct proffer_executor *executor, const char *task_id, const void *data,
                    size_t size, void *user);
    /* End all tasks, say so, and end: when the time is over all that is in the container is killed. Without this
     * callback run returns. */
    void (*shutdown)(struct proffer_executor *executor, int64_t grace_ms, void *user);
    /* The agent is away; tasks go on. */
    void (*disconnected)(struct proffer_executor *executor, const char *reason, void *user);
    /* The end: the agent was away for too long, or does not know us. run returns then. */
    void (*error)(struct proffer_executor *executor, const char *message, void *user);
};

/* Each NULL and 0 is what the environment says. */
struct proffer_executor_options {
    const char *socket;
    const char *framework_id;
    const char *executor_id;
    const char *token;
    double recovery_timeout; /* seconds */
};

/* -EINVAL with a text: the environment is not that of an executor. Connects in the background. `options` may be NULL. */
PROFFER_API int proffer_executor_new(const struct proffer_executor_options *options,
                                     const struct proffer_executor_callbacks *callbacks, void *user,
                                     struct proffer_executor **ret_executor,
                                     struct proffer_err *err);
/* What was not acknowledged is lost. Inside a callback it is the last one: it goes when the callback has returned. */
PROFFER_API void proffer_executor_destroy(struct proffer_executor **executor_p);

/* --- running --------------------------------------------------------------------------------- */

/* Until it was stopped and nothing is left to be told (0), or an error (-ECONNABORTED, the callback has told why).
 * -EDEADLK inside a callback. */
PROFFER_API int proffer_executor_run(struct proffer_executor *executor);
/* run returns as soon as all updates are acknowledged; a second call: at once. From a signal handler and from another
 * thread too. */
PROFFER_API void proffer_executor_stop(struct proffer_executor *executor);
/* For a loop of your own: readable when proffer_executor_dispatch has something to do (timers included). */
PROFFER_API int proffer_executor_fd(const struct proffer_executor *executor);
/* Does what there is to do and never waits. 1: go on; 0: stopped; -ECONNABORTED: an error; -EDEADLK: inside a
 * callback. */
PROFFER_API int proffer_executor_dispatch(struct proffer_executor *executor);

PROFFER_API const char *proffer_executor_id(const struct proffer_executor *executor);
PROFFER_API const char *proffer_executor_framework_id(const struct proffer_executor *executor);
PROFFER_API bool proffer_executor_is_connected(const struct proffer_executor *executor);

/* --- calls ----------------------------------------------------------------------------------- */

/* What became of a task. Zero and NULL mean "nothing to say". */
struct proffer_executor_update {
    const char *task_id;
    /* PROFFER_TASK_STARTING or RUNNING (as often as there is something new to say: of the same state the newest
     * counts), and one end: FINISHED, FAILED, KILLED or ERROR (its description is wrong). */
    enum proffer_task_state state;
    const char *message; /* for a person */
    const void *data;    /* for the framework: up to 1 MiB */
    size_t data_size;
    bool has_exit; /* the next two are set */
    int exit_code;
    int exit_signal; /* 0: it exited by itself */
    enum proffer_health health;
};

/* -ENOENT: no such task lives here; -EINVAL: it cannot be in that state now; -ENOBUFS: too much is not acknowledged
 * (never for an end); -EMSGSIZE. With a text. Needs no connection. */
PROFFER_API int proffer_executor_update(struct proffer_executor *executor,
                                        const struct proffer_executor_update *update,
                                        struct proffer_err *err);
/* To the framework's scheduler, about a task or (NULL) the executor; may be lost. -ENOTCONN: the agent is away;
 * -EAGAIN: it reads slowly, wait a little; -EMSGSIZE: more than 1 MiB. */
PROFFER_API int proffer_executor_message(struct proffer_executor *executor, const char *task_id,
                                         const void *data, size_t size, struct proffer_err *err);
/* How many updates are not acknowledged yet. */
PROFFER_API size_t proffer_executor_pending(const struct proffer_executor *executor);

#ifdef __cplusplus
}
#endif

#endif
