/* tests/sim/world.h - what the simulator's files share: the world, its processes, its links.
 *
 * Everything that happens is a `struct deadline` in the world's queue; a callback brackets its work
 * with sim_event_begins and sim_event_ends, between which the cores are called.
 */
#ifndef PROFFER_TESTS_SIM_WORLD_H
#define PROFFER_TESTS_SIM_WORLD_H

#include "agent/hold.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deadlines.h"
#include "base/ids.h"
#include "base/resources.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "base/table.h"
#include "proto/message.h"
#include "tests/sim/executors.h"
#include "tests/sim/sim.h"

#define SIM_AGENTS_MAX 8

struct container;
struct fact;
struct instance;
struct mirror;
struct session;
struct sim_agent;
struct sim_framework;
struct sim_master;

enum sim_phase {
    SIM_BAD_TIME,
    SIM_SETTLING, /* nothing goes wrong any more */
    SIM_LEAVING,  /* everybody goes home */
    SIM_OVER,
};

/* What a seed draws once. */
struct sim_timing {
    int64_t offer_timeout_ms;
    int64_t gang_hold_ms;
    bool preemption;
    int64_t preemption_grace_ms, preemption_grace_max_ms;
    int64_t preemption_count; /* in a minute */
    int64_t maintenance_notice_ms;
    int64_t agent_timeout_ms;
    int64_t agent_removed_keep_ms;
    int64_t agent_reregister_ms;
    int64_t agent_removal_limit;
    int64_t retry_min_ms, retry_max_ms;
    int64_t silence_us; /* after so long a side notices that its session is dead */
    int64_t delay_max_us;
    int64_t gc_delay_ms; /* of sandboxes */
    int64_t disk_watch_ms;
};

struct sim_record {
    UT_hash_handle hh;
    struct arena *memory; /* owned; of the message */
    struct message message;
    bool is_final; /* gone, or removed: only forgetting may follow */
    char key[];
};

/* What is on a master's disk. */
struct sim_registry {
    struct sim_record *records;
    uint64_t epoch;
};

#define TRACE_LINES 256
#define TRACE_WIDTH 200

struct sim {
    uint64_t seed;
    struct sim_plan plan;
    struct sim_timing timing;
    struct rng rng;
    int64_t now_us;
    struct deadlines queue;
    uint64_t events;
    uint64_t calls;      /* of operators, to any master: an old registry brings old epochs back */
    bool has_begun_anew; /* a master or an agent: what it has of the one before is looked at */
    struct arena *arena; /* of the event being handled */

    enum sim_phase phase;
    int64_t phase_since_us;
    struct deadline watch;     /* looks at the whole now and then */
    struct deadline fault;     /* the next one */
    struct deadline new_reign; /* a master begins */

    struct sim_master *master;   /* who answers new connections; NULL: nobody */
    struct sim_master *masters;  /* those that were replaced and live on, too */
    uint64_t epoch;              /* the newest that a reign began with */
    uint64_t epoch_at_least;     /* what the operator has learned */
    struct sim_registry *disk;   /* that the next master opens */
    struct sim_registry *backup; /* an old copy of it, or NULL */
    bool forgets_gone; /* a registry is an old copy, or has forgotten who is gone for long */
    int64_t disk_fails_until_us; /* it takes nothing */
    int64_t disk_write_us;       /* the longest that a write takes */
    struct deadline operator;    /* looks at a master that nobody obeys */
    struct sim_agent *agents[SIM_AGENTS_MAX];
    size_t agents_count;
    struct sim_framework *frameworks[SIM_FRAMEWORKS_MAX];
    size_t frameworks_count;

    struct session *sessions;
    uint64_t sessions_count;
    uint64_t connections_count; /* of executors */
    enum msg_type cut_at;       /* the session that says this is cut */

    struct order *orders; /* operator.c */
    struct fact *facts;
    uint64_t containers_count;
    uint64_t groups_count;
    size_t preempted_since_settling; /* tasks that were to give way */
    /* Of a contest: what has changed, what the watch knows of, since when; is one settled? */
    uint64_t contest_changes, contest_seen;
    int64_t contest_since_us;
    bool contest_shows; /* some roles are optimistic */
    bool contest_settles;
    const char *inert_why; /* not NULL: the event being handled must have no effect */

    char failure[512];
    char trace[TRACE_LINES][TRACE_WIDTH];
    uint64_t trace_count;
};

/* --- sim.c: chance, time, the course of events -------------------------------------------------- */

uint64_t sim_below(struct sim *self, uint64_t bound);
bool sim_chance(struct sim *self, unsigned percent);
int64_t sim_between(struct sim *self, int64_t low, int64_t high);
#define SIM_PICK(sim, array) ((array)[sim_below((sim), ARRAY_SIZE(array))])

/* False: the run is over, do nothing. */
bool sim_event_begins(struct sim *self);
void sim_event_ends(struct sim *self);
void sim_after(struct sim *self, struct deadline *deadline, int64_t delay_us);
/* The first one counts. */
void sim_fail(struct sim *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As it comes out of the codec at the other end; lives until the event ends. */
struct message sim_wire(struct sim *self, const struct message *message);
/* A core has acted: was it allowed to? */
void sim_check_inert(struct sim *self, const char *what);

/* A process has clocks of its own. */
struct process {
    struct sim *sim;
    char name[24];
    int64_t mono_offset_us, wall_offset_us;
    struct deadline timer; /* for its core's deadlines */
};

void process_init(struct process *self, struct sim *sim, deadline_fn *on_timer, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
struct now process_now(const struct process *self);
/* `next_us` on the process's own clock. */
void process_arm(struct process *self, int64_t next_us);

/* --- net.c: sessions ------------------------------------------------------------------------------ */

struct peer_events {
    void (*on_open)(void *owner);
    void (*on_message)(void *owner, const struct message *message);
    void (*on_close)(void *owner, const char *reason);
};

/* The client's side of the link: it connects by itself, again and again. */
struct peer {
    struct sim *sim;
    enum peer_kind kind;
    const char *name; /* borrowed */
    bool is_trusted;  /* what it says is always well-formed */
    const struct peer_events *events;
    void *owner;
    struct session *session; /* NULL: none */
    struct deadline connect;
    int64_t backoff_us;
    int64_t cut_off_until_us;
    uint64_t epoch_met, epoch_heard; /* of the master it last connected to; the newest it heard */
};

/* The rest of *self is set. */
void peer_begin(struct peer *self);
/* Its process is gone. `orderly`: what it has said arrives, and then the end of the session. */
void peer_end(struct peer *self, bool orderly);
/* -ENOTCONN */
int peer_send(struct peer *self, const struct message *message, struct err *err);
/* The wire of its session breaks, and no new one comes about for a while. */
void peer_cut(struct peer *self, int64_t for_us);

void net_send(struct sim *sim, uint64_t session, const struct message *message);
void net_close(struct sim *sim, uint64_t session, const char *reason);
/* Who is on it; NULL: nobody any more. */
const struct peer *net_peer(const struct sim *sim, uint64_t session);
/* A master's process is gone. */
void net_master_ends(struct sim *sim, const struct sim_master *master, bool orderly);
/* Sessions that both sides have left are freed. */
void net_reap(struct sim *sim);
void net_fini(struct sim *sim);
/* Is nothing under way from the master to this peer, on a session that both believe in? */
bool net_is_quiet(const struct peer *peer);
bool net_is_between(const struct peer *peer, const struct sim_master *master);

/* --- masters.c ------------------------------------------------------------------------------------- */

/* A record on its way to the disk. */
struct sim_write {
    struct sim_write *prev, *next; /* master->writes */
    struct sim_master *master;
    uint64_t ticket;
    struct arena *memory; /* owned; of the record */
    struct message record;
    struct deadline end;
};

struct sim_master {
    struct process process;
    struct sim_master *prev, *next;
    struct master *core;
    uint64_t epoch;
    bool is_fenced;                /* there was one of that epoch, or a newer one, before it */
    struct sim_registry *registry; /* sim->disk, or its own after it was replaced */
    struct mirror *mirror;
    uint64_t checks;
    size_t roles_told;        /* changes of what is set for one */
    int64_t preempted_of_use; /* preemptions of use, when the last came to nothing */
    int preempted_in_vain;    /* in a row until then, each begun after the one before had ended */
    int64_t preempted_in_vain_us; /* when the last of them had; true time */
    struct sim_write *writes;
    bool has_failed;       /* one of them: the core tries again, some time */
    int64_t writes_end_us; /* when the last of them is done */
    struct deadline end;   /* of one that was replaced */
};

void masters_begin(struct sim *sim);
void masters_new_reign(struct sim *sim);
/* It begins with an old copy of the registry. */
void masters_restore(struct sim *sim);
/* Its operator has read why nobody obeys it, and does what is advised. */
void masters_heed_advice(struct sim *sim);
void masters_end(struct sim *sim, struct sim_master **master_p, bool orderly);
void masters_fini(struct sim *sim);
void masters_check(struct sim *sim);
void master_hears(struct sim_master *self, uint64_t session, enum peer_kind kind,
                  const struct message *message);
void master_hears_end(struct sim_master *self, uint64_t session, const char *reason);
void master_hears_kept(struct sim_master *self, uint64_t ticket, int rc, const char *why);
/* OPERATOR_KILL, OPERATOR_TEARDOWN */
void master_is_asked(struct sim_master *self, const struct message *call);

/* --- registry.c ------------------------------------------------------------------------------------ */

void registry_destroy(struct sim_registry **self_p);
struct sim_registry *registry_clone(const struct sim_registry *self);
void registry_recall(struct sim_master *master);
void registry_write(struct sim_master *master, uint64_t ticket, const struct message *record);
/* Its process is gone: what was under way may be there or not. */
void registry_master_ends(struct sim_master *master);
/* It says or publishes something that depends on a record. */
void registry_check_role(struct sim_master *master, const struct msg_change_role *told);
void registry_check_window(const struct sim_master *master, const struct msg_change_window *told);
void registry_check_said(const struct sim_master *master, const struct message *message);

/* --- agents.c, disks.c, containers.c ---------------------------------------------------------------- */

/* What an agent has written, oldest first. */
struct disk {
    struct arena *arena;     /* owned; of the records' bodies */
    struct message *records; /* `epoch` is the disk's: which commit wrote it */
    struct message *read;    /* owned; what an agent begins with, while it writes more */
    uint64_t commits;
    size_t count, capacity;
    size_t committed; /* survive the end of the process */
    size_t synced;    /* of these, survive the end of the host */
    bool is_full;
    struct deadline room; /* it is not any more */
};

void disk_fini(struct disk *self);
void disk_add(struct disk *self, const struct message *record);
/* What was added since the last time, all or nothing: -ENOSPC. */
int disk_commit(struct disk *self, struct sim *sim);
/* The process, or its host, is gone. True: something was lost of which more was known already. */
bool disk_on_crash(struct disk *self, struct sim *sim, bool is_host);
/* Of each thing the newest; the rest is dropped. Borrowed until the next call. */
struct agent_past disk_load(struct disk *self);

struct sim_agent {
    struct process process;
    struct peer peer;
    struct agent *core; /* NULL: not running */
    size_t number;
    unsigned lives;
    const char *resources_text;
    struct resources total;
    /* By what really lives, whomever it is reserved for; no shared volumes. */
    struct resources in_use;
    struct folder *folders; /* of volumes */
    struct sandbox *sandboxes;
    struct deadline collection;  /* its end */
    int64_t collected_before_us; /* what goes then; true time */
    int64_t disk_used;           /* in thousandths */
    int64_t begun_us;            /* when this life began; true time */
    struct container *containers;
    struct shown *tasks;    /* that its core remembers, as it has published them */
    uint64_t epoch;         /* the newest that it has obeyed */
    uint64_t written_epoch; /* that it must never forget again */
    char written_id[ID_MAX + 1];
    struct disk disk;
    struct hold hold;
    uint64_t records;       /* of this life */
    struct deadline commit; /* another try to write */
    struct deadline later;  /* records that can wait have waited for long enough */
    bool is_write_needed;
    unsigned boot, boot_of_clock;
    int64_t clock_mono_us;       /* since that boot */
    int64_t registered_since_us; /* DEADLINE_NEVER: it is not */
    bool is_stopped;             /* its core has said so */
    bool is_sent_away;           /* it has heard that it is gone */
    bool leaves_tasks;           /* to the next one, which has to begin with the same folder */
    bool needs_folder;           /* and has ended */
    uint64_t checks;
    struct deadline start;
};

void sim_agents_begin(struct sim *sim);
void sim_agents_fini(struct sim *sim);
void sim_agents_check(struct sim *sim);
void agent_crash(struct sim_agent *self, int64_t for_us);
void agent_terminate(struct sim_agent *self);
/* It has to begin anew. */
void agent_lose_launcher(struct sim_agent *self);
/* SIGUSR1: its tasks are left to the next one. */
void agent_leave_tasks(struct sim_agent *self);
void agent_crash_host(struct sim_agent *self, int64_t for_us);
void agent_fill_disk(struct sim_agent *self, int64_t for_us);
void agent_empty_disk(struct sim_agent *self);
void agent_start_now(struct sim_agent *self);
const char *sim_agent_id(const struct sim_agent *self); /* "": none */
/* All that it has, as it is reserved now. */
void sim_agent_has(const struct sim_agent *self, struct resources *ret);
void agent_hears_container(struct sim_agent *self, const struct message *event);
/* NULL: the connection is over. */
void agent_hears_executor(struct sim_agent *self, uint64_t id, const struct message *message);
void agent_sees_executor_ready(struct sim_agent *self, uint64_t connection);
/* Say something to it that is of an older epoch. */
void agent_hears_echo(struct sim_agent *self);

/* operator.c */
void operator_reserves(struct sim *sim);
void operator_hears(struct sim *sim, uint64_t number, const struct msg_operator_reply *reply);
void operator_check(struct sim *sim);
/* Its folder is a new one. */
void operator_forgets(struct sim *sim, const struct sim_agent *agent);
void operator_fini(struct sim *sim);

/* volumes.c */
int volumes_make(void *agent, const char *role, const char *id, struct err *err);
void volumes_remove(void *agent, const char *role, const char *id);
/* Does the container find its volumes? */
void volumes_check_launch(const struct sim_agent *self, const struct container *container);
/* After a beginning: is all there that is written down? */
void volumes_check(const struct sim_agent *self);
void volumes_fini(struct sim_agent *self);

/* sandboxes.c */
int sandboxes_disk_used(void *agent, struct err *err);
void sandboxes_on_launch(struct sim_agent *self, const char *container_id);
/* FORGET_CONTAINER, COLLECT_SANDBOXES */
void sandboxes_on_forget(struct sim_agent *self, const struct msg_forget_container *order);
void sandboxes_on_collect(struct sim_agent *self, const struct msg_collect_sandboxes *order);
/* What its launcher was about is not done. */
void sandboxes_lose_agent(struct sim_agent *self);
void sandboxes_check(struct sim_agent *self);
void sandboxes_fini(struct sim_agent *self);

/* looks.c: what is looked at in a container. */
struct look {
    struct container *container;
    int64_t number;      /* that is under way; 0: none */
    struct deadline end; /* of that */
};

#define HELD_MAX 8

struct container {
    struct container *prev, *next; /* agent->containers */
    struct sim_agent *agent;
    struct fact *fact;
    char id[128];
    enum { CONTAINER_STARTING, CONTAINER_RUNS, CONTAINER_ENDED } state;
    struct resources resources; /* without their reservations */
    struct resources volumes;
    int64_t run_ms; /* negative: for ever */
    int code;
    bool is_stubborn, cannot_start, is_greedy;
    bool is_dying;
    bool is_not_launched; /* the order was lost with the agent that gave it */
    bool is_refused;      /* cannot_start: by the launcher, which alone knows */
    bool is_flaky;        /* its health check fails now and then ... */
    bool reports_only;    /* ... and that does not end it */
    bool has_passed;      /* one has not */
    bool has_uris;        /* it takes its time to start */
    bool is_fetching;
    bool is_signalled;                     /* by the agent that has it now */
    unsigned failures;                     /* of these in a row, as this agent knows them */
    int64_t first_heard_us, last_heard_us; /* when an agent was told that it runs */
    struct look health, check;
    int signal;
    struct numbers cpus;  /* where it may run, as it was last ordered; none: anywhere */
    int64_t limits_asked; /* number of the newest order for new limits */
    struct resources room,
        asked; /* owned: its limits, an executor's with its tasks; those of that order */
    struct deadline limits_set;
    bool is_exclusive;         /* nobody else may */
    bool is_executor, is_mute; /* one that never says who it is */
    char framework_id[ID_MAX + 1], token[65];
    struct sim_executor *executor; /* while it runs */
    uint64_t ghost;                /* the connection that it had; 0: none */
    struct deadline hangup;        /* its agent hears of that */
    bool is_holder;                /* of a group: of no task */
    char holder[128];              /* of its group; "": it is in none */
    struct resources granted;      /* what it held when it lived, if it is in a group */
    bool is_passed;                /* some of that is the holder's */
    char held[HELD_MAX][128];      /* paths of the volumes that it alone, or its group, has */
    size_t held_count;
    struct deadline step;
    struct deadline report;                                /* the agent hears */
    int64_t unknown_to_master_us, unknown_to_framework_us; /* since when; 0: known */
    int64_t overdue_us; /* since when its agent is down and hears its master; 0: it is not */
};

/* A task of a good framework may have checks; in `arena`. */
void looks_draw(struct sim *sim, struct task_info *task, struct arena *arena);
void looks_init(struct container *self);
void looks_on_order(struct container *self, const struct msg_check_container *order);
/* Nobody waits for what is under way: its agent is gone, or it has ended. */
void looks_end(struct container *self);

void container_order(struct sim_agent *agent, const struct message *order);
/* All end at once, and nobody sees how: the host is gone, or the agent wants it so. */
void containers_end(struct sim_agent *agent);
void containers_fini(struct sim_agent *agent);
/* The agent is gone, and what it had said last may not have been heard. */
void containers_lose_agent(struct sim_agent *agent);
void containers_end_looks(struct sim_agent *agent);
/* A new one takes up those that it knows; the others are removed. */
void containers_recover(struct sim_agent *agent, const char *const *ids, size_t count);
/* One that runs loses its shim: it ends, and nobody sees how. */
void container_lose_shim(struct sim_agent *agent);

/* --- facts.c: what is true of each task, and what was said of it -------------------------------------- */

#define FACT_UPDATES_MAX 8

/* One launch of a task. Of frameworks that reuse ids only the containers are looked at. */
struct fact {
    UT_hash_handle hh;
    struct sim_framework *framework; /* a good one that launched it, or NULL */
    unsigned containers;             /* so far */
    struct container *container;     /* that lives */
    const struct sim_agent *agent;   /* where it lived last */
    bool has_succeeded;              /* one has ended with status 0 */
    bool has_ended;                  /* one has, with the next two, unless nobody saw it */
    int64_t code, signal;
    bool is_unseen;
    bool is_not_launched;      /* an order to launch it was lost */
    bool is_unhealthy;         /* its health check has failed often enough to end it */
    bool is_end_written;       /* its agent will tell how it ended */
    bool is_decided;           /* ... or has written that and held it back with its group */
    enum task_state seen, end; /* the last, and the terminal state, that its framework saw */
    bool is_end_known;         /* to its framework, by whichever instance */
    bool is_preempted;         /* a master has said so when it had it killed */
    uint64_t group;            /* launched with others as one, whose number that is; 0: alone */
    enum group_part part;      /* and what it is there */
    int64_t number;            /* its place there */
    bool may_end;              /* of a sidecar: without the others */
    bool has_started;          /* its command has been executed */
    bool is_told;              /* of a group: its agent has heard of its end */
    bool maps_ports;           /* of a group to which ports of its tasks lead */
    unsigned killed_by;        /* the life of its framework that wants it killed; 0: none */
    size_t updates_seen[TASK_UNKNOWN + 1];
    unsigned char sent[UUID_BYTES]; /* the update that is in flight from its agent */
    enum task_state sent_state;
    unsigned char acknowledged[FACT_UPDATES_MAX][UUID_BYTES];
    size_t acknowledged_count;
    char key[]; /* framework id/task id */
};

struct fact *fact_get(struct sim *sim, const char *framework_id, const char *task_id);
struct fact *fact_find(const struct sim *sim, const char *framework_id, const char *task_id);
void fact_on_launch(struct sim *sim, struct sim_framework *framework, const char *task_id);
void fact_on_kill(struct sim *sim, const struct sim_framework *framework, const char *task_id);
void fact_on_contained(struct fact *self, struct container *container);
void fact_on_container_end(struct fact *self, struct container *container, bool success);
/* The same of a task that an executor runs in its container. */
void fact_on_inside(struct fact *self, struct container *container);
void fact_on_inside_end(struct fact *self, struct container *container, bool success);
/* What this agent was told of acknowledgements it may have forgotten. */
void facts_excuse(struct sim *sim, const struct sim_agent *agent);
/* A framework's current instance is told. */
void fact_on_seen(struct fact *self, struct sim *sim, const struct task_status *status);
/* The one that it has replaced is still told. */
void fact_on_seen_by_ghost(struct fact *self, const struct task_status *status);
/* An agent sends an update, or has taken an acknowledgement for it. */
void fact_on_sent(struct fact *self, struct sim *sim, const struct task_status *status);
void fact_on_acknowledged(struct fact *self, struct bytes uuid);
/* Of a launch by the framework as which it is known now. */
bool fact_is_of(const struct fact *self, const struct sim_framework *framework);
/* Does every framework know how each of its launches ended? */
int facts_check(const struct sim *sim, struct err *why);
void facts_fini(struct sim *sim);

/* pods.c: some good frameworks launch what they have as one. */
/* Of tasks for one offer: the operation is another then, and the facts are told. Before fact_on_launch. */
void pods_draw(struct instance *self, struct operation_info *launch, struct task_info *tasks,
               size_t count);
void pods_on_launch(struct instance *self, const struct operation_info *launch);
/* A container of one is launched: was it its turn? */
void pods_check_launch(const struct container *container, const struct msg_launch_container *order);
/* Does none live of which one has failed? */
/* Its agent is about to hear of its end. */
void pods_on_told(struct container *container);
int pods_check_ends(const struct sim *sim, struct err *why);

/* --- frameworks.c, batch.c, nuisances.c, vandals.c ------------------------------------------------------ */

enum job_state {
    JOB_PENDING,
    JOB_LAUNCHED,
    JOB_RUNS,
    JOB_LOST, /* unreachable, or unknown */
    JOB_DONE,
};

#define JOBS_MAX 16

/* What a good framework wants: one task after the other until one does it. */
struct job {
    char task_id[32]; /* of the newest attempt */
    char command[64];
    enum job_state state;
    unsigned attempts;
    bool is_single;      /* no retry */
    bool is_unconfirmed; /* nothing was heard of it since this instance began */
    bool is_executor;
    char agent_id[ID_MAX + 1]; /* where an executor was launched */
    int64_t lost_since_us;
};

#define OPEN_OPERATIONS_MAX 16

/* An operation of a keeper that it has not been told the end of. */
struct open_operation {
    char id[32]; /* "": none */
    char agent_id[ID_MAX + 1];
};

/* An inverse offer that is not answered. */
struct held_inverse {
    struct held_inverse *prev, *next;
    char id[ID_MAX + 1];
    char agent_id[ID_MAX + 1];
    char window_id[ID_MAX + 1];
};

struct held_offer {
    struct held_offer *prev, *next;
    char id[ID_MAX + 1];
    char agent_id[ID_MAX + 1];
    char role[ID_MAX + 1];
    bool is_optimistic;
    int64_t units; /* of its need */
    struct resources resources;
};

/* Of a contest (contest.c). */
struct contender {
    bool is_squatter, is_waiting, is_settled, has_offers;
    int manner;
    int64_t cpus_milli, count; /* of the gang that it waits for */
    size_t alive;              /* tasks of the one that it has launched */
    unsigned gangs, refusals;
    int64_t next_us, free_since_us, filtered_until_us;
};

/* One process of a framework. */
struct instance {
    struct process process;
    struct sim_framework *framework;
    struct peer peer;
    struct driver *driver; /* NULL: a vandal, who speaks for himself */
    struct held_offer *offers;
    struct held_inverse *inverses;
    bool is_ghost; /* a newer one has taken over */
    bool has_ended;
    int64_t subscribed_since_us; /* DEADLINE_NEVER: it is not */
    uint64_t checks;
    struct deadline think;
};

struct character {
    const char *name;
    bool is_good;
    bool is_raw; /* without a driver */
    void (*begin)(struct sim_framework *framework);
    void (*on_registered)(struct instance *instance);
    void (*on_offers)(struct instance *instance);
    void (*on_update)(struct instance *instance, const struct task_status *status);
    void (*on_operation)(struct instance *instance, const struct operation_status *status);
    void (*think)(struct instance *instance);
    void (*on_open)(struct instance *instance); /* raw only, as the next one */
    void (*on_message)(struct instance *instance, const struct message *message);
};

/* What outlives its processes, as if it were on disk. */
struct sim_framework {
    struct sim *sim;
    size_t number;
    const struct character *character;
    char id[ID_MAX + 1]; /* "": none */
    const char *role;
    int64_t failover_ms;
    bool ends_with_session;
    bool is_slow; /* answers offers when it comes to it */
    bool takes_revocable;
    bool hears_notice;
    bool states_needs;        /* how many of what, again and again */
    int64_t min_available_ms; /* in its needs */
    struct instance *current; /* NULL: not running */
    struct instance *ghost;
    unsigned lives;
    bool has_left;
    struct deadline start;
    struct job jobs[JOBS_MAX];
    size_t jobs_count;
    struct open_operation open[OPEN_OPERATIONS_MAX];
    unsigned operations, volumes;     /* made so far */
    char last_offers[16][ID_MAX + 1]; /* of a vandal: used or not, its own or not */
    size_t last_offers_count;
    char last_agent[ID_MAX + 1];
    struct contender contender;
};

extern const struct character batch_character, service_character, decliner_character,
    holder_character, hog_character, keeper_character, gang_character, vandal_character,
    madman_character, gatherer_character, wanter_character, claimer_character;

void sim_frameworks_begin(struct sim *sim);
void sim_frameworks_fini(struct sim *sim);
void sim_frameworks_check(struct sim *sim);
void framework_crash(struct sim_framework *self, int64_t for_us, bool forgets_id);
void framework_take_over(struct sim_framework *self);
void framework_start_now(struct sim_framework *self);
/* Teardown: by itself, or by what it is. */
void framework_leave(struct sim_framework *self);
void instance_drop_offer(struct instance *self, struct held_offer *offer);
void instance_settle(struct instance *self);

/* batch.c */
bool batch_is_done(const struct sim_framework *self);
void batch_add_job(struct sim_framework *self, const char *task_id, const char *command);
/* contest.c */
void contest_begin(struct sim *sim);
const char *contest_agent(struct sim *sim); /* what one more has */
const char *contest_role(struct sim *sim);
bool contest_watch(struct sim *sim); /* is it over? */
/* keeper.c */
#define CONVERSIONS_MAX 4
/* Change what is left of an offer, by operations that go before its launch. */
size_t keeper_convert(struct instance *self, const struct held_offer *offer, struct resources *left,
                      struct operation_info *operations);
bool keeper_is_done(const struct sim_framework *self);
void keeper_on_operation(struct instance *self, const struct operation_status *status);
void keeper_ask(struct instance *self);
/* Its services are no longer wanted. */
void batch_kill_all(struct sim_framework *self);

/* --- faults.c, settle.c -------------------------------------------------------------------------------- */

void faults_begin(struct sim *sim);
/* No more of them, and what is down comes back. */
void faults_end(struct sim *sim);

/* Operators have no more business with agents: what is out of use is used again. */
void settle_operate(struct sim *sim);
/* Does every party know of what runs, within the bounds? */
void settle_sweep(struct sim *sim);
/* Are all of one mind, and all good frameworks content? If not, why not. */
bool settle_is_done(struct sim *sim, struct err *ret_why);
/* Has everybody left, and nothing been left behind? */
bool settle_is_empty(struct sim *sim, struct err *ret_why);

#endif
