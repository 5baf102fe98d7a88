/* proffer/scheduler.h - a framework's scheduler: offers come in, decisions go out.
 *
 * Make one with proffer_scheduler_new, then either let it run (proffer_scheduler_run returns when
 * it was stopped or has failed) or drive it from a loop of your own (proffer_scheduler_fd,
 * _dispatch). One thread per scheduler: callbacks come from run or dispatch only, and every
 * function is called on that thread (proffer_scheduler_stop also from a signal handler).
 *
 * What it does by itself:
 * - It connects, with growing pauses and jitter, and after a lost connection subscribes again with the
 *   same framework id, so that tasks go on.
 * - After each subscription it asks the master about each task that it knows to be alive until each has
 *   been answered, with growing pauses up to a minute, and about unreachable ones for as long as they are;
 *   some seconds later, and every quarter of an hour, it asks what else the master knows of (the loop that
 *   Mesos recommends to framework authors). The answers are updates.
 * - It says a kill again until the task is known to be on its way out: a kill needs to be called once.
 * - Updates that came while there was no connection come at once when there is one again.
 *
 * What only the author can do, after a restart of the program:
 * - Keep the framework's id (the registered callback tells it), and give it to the new instance; an older
 *   one that still lives is told so by its error callback and does not come back.
 * - Keep the ids of the tasks that were launched, before they are, and name each that has no end yet with
 *   proffer_reconcile: the library asks until it is answered. What was on its way and never arrived is
 *   answered PROFFER_TASK_UNKNOWN or PROFFER_TASK_GONE.
 * - Kill or adopt a task that shows up in an update and is not known, and say kills that matter again.
 *
 * PROFFER_SDK_LOG=info in the environment has it tell on stderr what it does
 * (also: warning, error); otherwise it writes nothing there.
 */
#ifndef PROFFER_SCHEDULER_H
#define PROFFER_SCHEDULER_H

#include <proffer/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct proffer_scheduler;

/* A task is to give way to another. */
struct proffer_preemption {
    const char *task_id;
    const char *agent_id;
    double seconds;     /* from now until it is killed */
    const char *reason; /* for a person: for whom, and by which rule */
    bool withdrawn;     /* it may stay after all, the reason says why */
};

/* All are optional. `user` is what was given to proffer_scheduler_new. */
struct proffer_callbacks {
    /* The master has taken us; `again` when it is not the first time in this process. */
    void (*registered)(struct proffer_scheduler *scheduler, const char *framework_id,
                       const char *master_id, bool again, void *user);
    /* Answer each with accept or decline, now or before the master's offer timeout (30 s by
     * default). Without this callback offers are declined for an hour. The array is borrowed; an
     * offer's id may be kept. */
    void (*offers)(struct proffer_scheduler *scheduler, const struct proffer_offer *const *offers,
                   size_t count, void *user);
    void (*rescinded)(struct proffer_scheduler *scheduler, const char *offer_id, void *user);
    /* A new state of a task, or an answer about it. The same one may come more than once: it is
     * repeated until its acknowledgement has arrived. An answer (no uuid) tells the state alone; of an end
     * that it tells, exit code and all else come with the update, which follows until it is acknowledged.
     * Of a task that is told to be unknown nothing more will come, unless its agent returns after all. */
    void (*update)(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                   void *user);
    void (*message)(struct proffer_scheduler *scheduler, const char *agent_id, const char *task_id,
                    const void *data, size_t size, void *user);
    /* Updates of its tasks come by themselves. */
    void (*agent_lost)(struct proffer_scheduler *scheduler, const char *agent_id,
                       const char *hostname, void *user);
    /* The end: the framework was removed, replaced by a newer instance, or refused. run returns
     * then. */
    void (*error)(struct proffer_scheduler *scheduler, const char *message, void *user);
    /* The connection is lost or could not be made; it is being made again. Offers held are void. */
    void (*disconnected)(struct proffer_scheduler *scheduler, const char *reason, void *user);
    /* What became of an operation that has an id. The same may come more than once. */
    void (*operation)(struct proffer_scheduler *scheduler,
                      const struct proffer_operation_status *status, void *user);
    /* A task is going to be killed so that another can run in its place; its last update has the reason
     * REASON_PREEMPTED then. It may end by itself before: save its work, kill it, let it go on to the
     * deadline. Without this callback there is no notice, and no grace but that of its kill. The same
     * notice may come more than once. */
    void (*preempted)(struct proffer_scheduler *scheduler,
                      const struct proffer_preemption *preemption, void *user);
    /* Agents with tasks of ours will be taken down: answer each with proffer_accept_inverse (the tasks will
     * be elsewhere in time) or proffer_decline_inverse. Whatever is answered, what still runs there when
     * the time comes is ended. Without this callback the framework is not asked. The array is borrowed;
     * an id may be kept. The same id may come again: after a reconnection, or when it was declined. A new
     * master asks under new ids, whatever was answered before. */
    void (*inverse_offers)(struct proffer_scheduler *scheduler,
                           const struct proffer_inverse_offer *offers, size_t count, void *user);
    /* It need not be answered any more: the window has begun, was changed or cancelled, or we have no tasks
     * there. */
    void (*inverse_rescinded)(struct proffer_scheduler *scheduler, const char *id, void *user);
    /* An optimistic offer that we hold has lost something to an earlier accept. What is left may be
     * accepted; when that is too little for any offer, `rescinded` follows. A task of an accept that
     * crosses this, and for which too little is left, ends as PROFFER_TASK_DROPPED with
     * REASON_OFFER_CONFLICT and a message that says what was taken and what is left. */
    void (*offer_reduced)(struct proffer_scheduler *scheduler,
                          const struct proffer_reduction *reduction, void *user);
    /* The answer to proffer_change_limits. `error` NULL: they are in force. */
    void (*limits_changed)(struct proffer_scheduler *scheduler, const char *task_id,
                           const char *error, void *user);
};

struct proffer_scheduler_options {
    const char *master;       /* "host:port"; NULL: $PROFFER_MASTER, else 127.0.0.1:5050 */
    const char *name;         /* of the framework; required */
    const char *user;         /* whom tasks run as; NULL: the agent's default */
    const char *const *roles; /* ends with NULL; NULL: the unreserved pool, "*" */
    const char
        *framework_id;    /* of an earlier life that this one continues; NULL: a new framework */
    const char *hostname; /* NULL: this host's */
    const char *principal;
    const char *webui_url;
    const struct proffer_pair *labels;
    double failover_timeout;  /* seconds that tasks outlive the connection; 0: the master's default,
                                 a week */
    bool ends_with_session;   /* a tool in the foreground: when it goes, its tasks go, at once */
    bool suppressed;          /* want no offers until proffer_revive */
    size_t offers_max;        /* hold no more offers at a time; 0: as many as the master allows */
    double offer_timeout;     /* seconds after which the master takes an offer back that was not
                                 answered; 0: as the master has it, 30 s by default */
    bool acknowledge_by_hand; /* else each update is acknowledged when its callback returns */
    /* Certificate file (a ZeroMQ certificate, as zcert writes it) whose metadata name the master's public key as `server`. NULL:
     * $PROFFER_KEYS, else none: a master on loopback only, unless ... */
    const char *keys;
    bool insecure; /* ... a master elsewhere is allowed without keys */
    /* Ends with NULL. "REVOCABLE_RESOURCES": is offered them, too. "REGION_AWARE": is offered agents
     * in other regions than the master's. "TOPOLOGY": sees sockets and memory nodes in offers. */
    const char *const *capabilities;
};

/* -EINVAL and so on with a text. Connects in the background: a master that is not there yet is no
 * error. */
PROFFER_API int proffer_scheduler_new(const struct proffer_scheduler_options *options,
                                      const struct proffer_callbacks *callbacks, void *user,
                                      struct proffer_scheduler **ret_scheduler,
                                      struct proffer_err *err);
/* Without proffer_scheduler_stop before, tasks go on and the framework may come back by its id. What
 * was sent has up to a second to leave. Inside a callback it is the last one: the scheduler goes when
 * the callback has returned, run or dispatch answers 0 then. */
PROFFER_API void proffer_scheduler_destroy(struct proffer_scheduler **scheduler_p);

/* --- running --------------------------------------------------------------------------------- */

/* Until stopped (0) or an error (-ECONNABORTED, the callback has told why). -EDEADLK inside a
 * callback. */
PROFFER_API int proffer_scheduler_run(struct proffer_scheduler *scheduler);
/* With teardown the master kills all tasks and forgets the framework; without, tasks go on for
 * failover_timeout. From a signal handler and from another thread too. Should there be no connection,
 * teardown waits up to 5 s for one; a second call, without, ends that. */
PROFFER_API void proffer_scheduler_stop(struct proffer_scheduler *scheduler, bool teardown);

/* For a loop of your own: readable when proffer_scheduler_dispatch has something to do (timers
 * included). */
PROFFER_API int proffer_scheduler_fd(const struct proffer_scheduler *scheduler);
/* Does what there is to do and never waits. 1: go on; 0: stopped; -ECONNABORTED: an error; -EDEADLK:
 * inside a callback. */
PROFFER_API int proffer_scheduler_dispatch(struct proffer_scheduler *scheduler);

/* "" until registered. */
PROFFER_API const char *proffer_scheduler_framework_id(const struct proffer_scheduler *scheduler);
PROFFER_API bool proffer_scheduler_is_connected(const struct proffer_scheduler *scheduler);

/* --- calls ----------------------------------------------------------------------------------- */
/* -ENOTCONN while there is no connection, -EINVAL with a text for a bad argument. What is wrong
 * with a task or an offer in the master's eyes comes back as an update. */

#define PROFFER_REFUSE_DEFAULT (-1.0) /* the master's default, 5 s */

/* Launch tasks on offers of one agent and one role; what is left over is declined for
 * `refuse_seconds`. All or none: -ENOENT when an offer is not ours any more (answered, rescinded,
 * void), -EEXIST when a task of that id is alive, -EMSGSIZE when it is too much for one message. */
PROFFER_API int proffer_accept(struct proffer_scheduler *scheduler, const char *const *offer_ids,
                               size_t offer_count, const struct proffer_task *tasks,
                               size_t task_count, double refuse_seconds, struct proffer_err *err);
/* The same with operations, which are done in order before the tasks are launched, so that these can use
 * what comes out of them. One that is wrong does not stop the next. */
PROFFER_API int proffer_accept_operations(struct proffer_scheduler *scheduler,
                                          const char *const *offer_ids, size_t offer_count,
                                          const struct proffer_operation *operations,
                                          size_t operation_count, const struct proffer_task *tasks,
                                          size_t task_count, double refuse_seconds,
                                          struct proffer_err *err);
/* A part of a gang: tasks on offers of one agent and one role. */
struct proffer_gang_part {
    const char *const *offer_ids;
    size_t offer_count;
    const struct proffer_task *tasks; /* without any the offers are given back with the gang */
    size_t task_count;
};
/* Launch the tasks of all parts or none of them: the master first tries them all, without effect. If
 * one part cannot be done, each task gets an update with the name of that part and why:
 * PROFFER_TASK_ERROR the task that is wrong, PROFFER_TASK_DROPPED all others; the offers of all
 * parts are void then, and what they held is offered anew at once. A gang is one at its accept, not a
 * transaction over machines: if an agent is lost after it, the tasks of the others go on, and the
 * updates tell what became of each. Answers as proffer_accept; nothing has changed then. */
PROFFER_API int proffer_accept_gang(struct proffer_scheduler *scheduler,
                                    const struct proffer_gang_part *parts, size_t part_count,
                                    double refuse_seconds, struct proffer_err *err);
/* Launch tasks as one group on offers of one agent and one role: all or none. If one cannot be, each gets
 * PROFFER_TASK_ERROR with REASON_TASK_GROUP_INVALID and a message that names the one that is wrong. A kill of one of
 * them is the end of all. Answers as proffer_accept. */
PROFFER_API int proffer_accept_group(struct proffer_scheduler *scheduler,
                                     const char *const *offer_ids, size_t offer_count,
                                     const struct proffer_group *group,
                                     const struct proffer_task *tasks, size_t task_count,
                                     double refuse_seconds, struct proffer_err *err);
/* Not this, for so long (0: soon again, when others have had a chance). */
PROFFER_API int proffer_decline(struct proffer_scheduler *scheduler, const char *offer_id,
                                double refuse_seconds);
/* To an inverse offer; either may be said after the other, the last word counts. After a refusal the
 * framework is asked again (the master's default is five minutes). An id that is void is no error. */
PROFFER_API int proffer_accept_inverse(struct proffer_scheduler *scheduler, const char *id);
PROFFER_API int proffer_decline_inverse(struct proffer_scheduler *scheduler, const char *id,
                                        double refuse_seconds);
/* No more offers (`role` NULL: for all roles) ... */
PROFFER_API int proffer_suppress(struct proffer_scheduler *scheduler, const char *role);
/* ... and again offers, what was refused included. Both outlast a reconnection, and can be called
 * before and between connections. */
PROFFER_API int proffer_revive(struct proffer_scheduler *scheduler, const char *role);
/* --- needs ------------------------------------------------------------------------------------ */
/* A framework that says what it needs is offered that, in pieces of agents, and nothing else; one that
 * does not is offered whatever an agent has free. It helps both: others get the rest at once. */

enum proffer_constraint_kind {
    PROFFER_EXISTS = 1, /* the agent has such an attribute */
    PROFFER_NOT_EXISTS,
    PROFFER_EQUALS, /* one of that name has this value */
    PROFFER_NOT_EQUALS,
    PROFFER_MATCHES, /* `*` is any text, `?` any character */
    PROFFER_NOT_MATCHES,
};

struct proffer_constraint {
    const char *attribute; /* "hostname": the name of the agent's host. NULL ends an array */
    enum proffer_constraint_kind kind;
    const char *value;
};

struct proffer_need {
    const char *name;    /* among those of a role; required; offers carry it (proffer_offer_need) */
    const char *minimum; /* what one unit cannot do without: "cpus:1;mem:512;ports:2" (two ports) */
    const char *wanted;  /* what it would like to have; NULL: the minimum */
    int64_t count;       /* units that are needed; 0: without end */
    const struct proffer_constraint *constraints; /* all must hold; NULL: none */
    /* The units are of use only together: offers are gathered and held until there are `count` units,
     * to be taken with proffer_accept_gang. One gang of the cluster gathers at a time. What is not
     * whole and answered in time is rescinded, all at once, and gathered again after a while, which
     * grows each time. */
    bool gang;
    double hold_seconds; /* of a gang: no longer; 0: the master's bound, 30 s by default */
    /* Of the tasks that are to run on it, which get no less (struct proffer_task). Where the master
     * preempts, tasks of less in the role may have to give way to this need, if nothing free meets it;
     * those of roles with a lower priority, and what is held beyond guarantees, whatever this is. Not
     * to a gang, and not to a need without a count unless it is guaranteed. */
    int64_t priority;
    double
        min_available_seconds; /* of agents only that are not taken down for so long; 0: of any */
};

/* What is needed in a role (NULL: "*") from now on, in order of preference: the first need that an agent serves
 * counts. Without any (`count` 0) the framework takes whatever there is, as before. An offer for some
 * units counts as met until it is answered or ends, an accepted one for good; once all are met there
 * are no offers until this is called again. It outlasts a reconnection as it was said last, so say it
 * anew in `registered` if some have been met. -EINVAL with a text when something is wrong. */
PROFFER_API int proffer_set_needs(struct proffer_scheduler *scheduler, const char *role,
                                  const struct proffer_need *needs, size_t count,
                                  struct proffer_err *err);

/* --- tasks ------------------------------------------------------------------------------------ */

/* `grace_ms` instead of the task's own; negative: the task's own. Also while there is no connection: it is
 * said, and said again, until the task is KILLING or over. -ENOSPC: of a task that is not known, while a
 * million are. */
PROFFER_API int proffer_kill(struct proffer_scheduler *scheduler, const char *task_id,
                             int64_t grace_ms);
/* New limits for a task that runs: `limits` as in struct proffer_task, all of them, instead of those that it has (NULL:
 * none beside its resources), and `pids_max` (0: as it is). Answered by `limits_changed`; where an isolator cannot, with
 * the reason, and all is as it was. Not repeated by itself: after `disconnected` no answer may come. */
PROFFER_API int proffer_change_limits(struct proffer_scheduler *scheduler, const char *task_id,
                                      const char *limits, int64_t pids_max,
                                      struct proffer_err *err);
/* Only with acknowledge_by_hand. The status may be a copy; its uuid must be the update's. */
PROFFER_API int proffer_acknowledge(struct proffer_scheduler *scheduler,
                                    const struct proffer_status *status);
PROFFER_API int proffer_acknowledge_operation(struct proffer_scheduler *scheduler,
                                              const struct proffer_operation_status *status);
/* Ask what became of an operation, after a reconnection for example. While its agent is away no answer
 * comes. */
PROFFER_API int proffer_reconcile_operation(struct proffer_scheduler *scheduler,
                                            const char *operation_id, const char *agent_id);
/* Ask about one task (agent_id may be NULL) until it is answered, from the next connection on if there is
 * none, or, with task_id NULL, once about all that the master knows. A task that is named counts as alive:
 * another of that id cannot be launched until it is answered. */
PROFFER_API int proffer_reconcile(struct proffer_scheduler *scheduler, const char *task_id,
                                  const char *agent_id);
/* To the executor of a task; may be lost. */
PROFFER_API int proffer_message(struct proffer_scheduler *scheduler, const char *agent_id,
                                const char *task_id, const void *data, size_t size);

/* --- fitting --------------------------------------------------------------------------------- */
/* In the offers callback: put tasks where they fit, then answer all offers at once.
 *
 *     struct proffer_fit *fit = proffer_fit_new(scheduler, offers, count);
 *     while (have_work() && proffer_fit_launch(fit, &task, NULL) == 0)
 *         next_task();
 *     proffer_fit_finish(&fit, PROFFER_REFUSE_DEFAULT);
 */
struct proffer_fit;

PROFFER_API struct proffer_fit *proffer_fit_new(struct proffer_scheduler *scheduler,
                                                const struct proffer_offer *const *offers,
                                                size_t count);
/* Place it on the offers of the agent that has the most room left (so tasks spread; one with an executor_id goes to that
 * executor's agent), picking its `ports`. -ENOSPC with the nearest miss as text ("host1 lacks 0.5 cpus") when it fits nowhere,
 * -EINVAL when it is wrong, -EEXIST when such a task is alive or placed already. */
PROFFER_API int proffer_fit_launch(struct proffer_fit *fit, const struct proffer_task *task,
                                   struct proffer_err *err);

/* The same for a group, all of it on one agent. */
PROFFER_API int proffer_fit_launch_group(struct proffer_fit *fit, const struct proffer_group *group,
                                         const struct proffer_task *tasks, size_t task_count,
                                         struct proffer_err *err);

/* Change what is reserved on an offer's agent, for the role of the offer, and its volumes; what comes
 * out of it can be used by the next call. All are done before the tasks are launched. `operation_id` as in
 * struct proffer_operation; `resources` of the offer as a task names them. -ENOENT: the offer is not
 * in this fit; -ERANGE: there is less; -EINVAL: it cannot be, with the reason. */
PROFFER_API int proffer_fit_reserve(struct proffer_fit *fit, const char *offer_id,
                                    const char *resources, const struct proffer_pair *labels,
                                    const char *operation_id, struct proffer_err *err);
/* What is reserved for the role of the offer, dynamically: "cpus(ads):2". */
PROFFER_API int proffer_fit_unreserve(struct proffer_fit *fit, const char *offer_id,
                                      const char *resources, const char *operation_id,
                                      struct proffer_err *err);
/* Of disk that is reserved for the role of the offer, under one reservation. */
PROFFER_API int proffer_fit_create(struct proffer_fit *fit, const char *offer_id,
                                   const char *volume_id, double size_mib, bool shared,
                                   const char *operation_id, struct proffer_err *err);
/* The data are lost. */
PROFFER_API int proffer_fit_destroy_volume(struct proffer_fit *fit, const char *offer_id,
                                           const char *volume_id, const char *operation_id,
                                           struct proffer_err *err);
/* Larger by so much, or, negative, smaller. */
PROFFER_API int proffer_fit_resize(struct proffer_fit *fit, const char *offer_id,
                                   const char *volume_id, double more_mib, const char *operation_id,
                                   struct proffer_err *err);
/* Accept what was used, decline the rest, both for `refuse_seconds`. How many tasks were launched,
 * or -errno. Without this call (proffer_fit_destroy) nothing is answered. */
PROFFER_API int proffer_fit_finish(struct proffer_fit **fit_p, double refuse_seconds);
PROFFER_API void proffer_fit_destroy(struct proffer_fit **fit_p);

#ifdef __cplusplus
}
#endif

#endif
