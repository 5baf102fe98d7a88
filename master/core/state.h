/* master/core/state.h - private: what the master's core knows, and who points at whom.
 *
 *     master ── agents (by id, by session) ──── tasks, offers, filters on that agent
 *            ── frameworks (by id, by session) ─ subscriptions (one a role) ── filters
 *                                              ─ tasks (by id), offers
 *            ── offers (by id)
 *
 * A task belongs to one agent and one subscription, an offer likewise. What follows from a change
 * is done by the file that is named for the thing: tasks.c moves tasks, agents.c agents, and so on.
 */
#ifndef PROFFER_MASTER_CORE_STATE_H
#define PROFFER_MASTER_CORE_STATE_H

#include "base/arena.h"
#include "base/deadlines.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/resources.h"
#include "base/rng.h"
#include "base/table.h"
#include "master/core/allocator.h"
#include "master/core/counters.h"
#include "master/core/master.h"
#include "master/core/offer_table.h"

#define FRAMEWORK_ROLES_MAX 128
#define FAILOVER_MAX_MS     INT64_C(315360000000) /* ten years */
#define FRAMEWORKS_AWAY_MAX 1000                  /* beyond, the oldest without tasks is removed */
#define COMPLETED_MAX       4096    /* ids of removed frameworks that are remembered */
#define UNREACHABLE_MAX     102400  /* unreachable agents that are remembered */
#define GONE_MAX            102400  /* ids of agents that an operator has marked gone */
#define AGENT_WEIGHT_MAX    1048576 /* bytes of resources and attributes: they fit in an offer */
#define AGENT_SHOWN_MAX     2097152 /* bytes of all that it says of itself: it fits in a change */
#define FRAMEWORK_SHOWN_MAX 262144  /* likewise; it is published with each change of its wishes */
/* Numbers in one of an agent's ranges: so that no part of it is more than RESOURCE_RANGES_MAX
 * ranges. */
#define AGENT_NUMBERS_MAX    (2 * RESOURCE_RANGES_MAX)
#define AGENT_OPERATIONS_MAX 1024 /* on an agent, whose results are not acknowledged */
/* Records under way to the registry, and bytes of what waits for them. */
#define KEEP_TICKETS_MAX 65536
#define KEEP_WAITING_MAX ((size_t)256 * 1024 * 1024)
/* Bytes of registrations that are not whole yet; one part more may come. */
#define PARTS_BYTES_MAX ((size_t)256 * 1024 * 1024)

enum agent_state {
    AGENT_REGISTERED, /* has a session */
    AGENT_DISCONNECTED,
    AGENT_RECOVERED,   /* from the registry: this master has not seen it; it has nothing yet */
    AGENT_UNREACHABLE, /* its resources have left the pool */
    AGENT_REMOVED,
    AGENT_STATE_MAX,
};

struct inverse_offer;
struct lost_offer;
struct maintenance;
struct need;
struct needs;
struct preemption;
struct victim;
struct offer_loss;
struct stay;
struct window;

/* A framework of whose end an agent was told. */
struct told_end {
    struct told_end *prev, *next;
    char framework_id[];
};

/* In which of the master's lists an agent stands. */
enum agent_list {
    AGENT_LIST_NONE,
    AGENT_LIST_DIRTY,       /* something about its free resources changed: offer them */
    AGENT_LIST_RETRY,       /* some had refused what it has free, and their filters have ended */
    AGENT_LIST_IDLE,        /* has free resources that nobody wanted */
    AGENT_LIST_UNREACHABLE, /* oldest first */
    AGENT_LIST_OVERDUE,     /* away for too long, not marked unreachable yet: oldest first */
    AGENT_LIST_MAX,
};

struct agent {
    UT_hash_handle hh;         /* master->agents */
    UT_hash_handle hh_session; /* master->sessions_of_agents, while AGENT_REGISTERED */
    struct agent *prev, *next; /* in `list` */
    enum agent_list list;
    enum agent_state state;
    bool is_told;          /* of a framework, while that goes on */
    struct told_end *told; /* owned list, newest first: SHUTDOWN_FRAMEWORKs of this session */
    size_t told_count;
    char *id; /* owned */
    uint64_t session;
    struct deadline timeout; /* away: until it is overdue; unreachable: until forgotten */
    uint64_t marking;        /* the ticket of its record as unreachable, while under way; or 0 */
    struct arena *memory;    /* owned: of info */
    const struct agent_info *info;
    int64_t moved_us; /* when it last came from another place while it was here (admission.c) ... */
    unsigned moves;   /* ... and how often before that, not a minute apart */
    size_t weight;    /* about how many bytes an offer of it takes */
    int64_t registered_us, reregistered_us, unreachable_us; /* wall clock */
    /* What an operator ordered; in the registry, as is all that follows from it. */
    bool is_deactivated;
    bool is_draining;
    struct drain_info drain;
    struct deadline drain_due;   /* it may be empty now */
    struct stay *stays;          /* maintenance windows that name it */
    const struct window *window; /* of these the next, or the one that it is in; NULL: none */
    bool is_down;                /* it is in that one */
    bool is_stirred;             /* its tasks have changed, and it has windows ... */
    struct agent *stirred_prev, *stirred_next; /* ... in maintenance->stirred */
    bool has_special; /* something in total is not for everybody, or is shared */
    /* used + free + its exclusive offers = total, which is empty while AGENT_UNREACHABLE or AGENT_RECOVERED. Shared
     * volumes are always free; the other accounts count who has them. */
    struct resources total, used, free;
    struct operation *operations; /* owned list */
    size_t operations_count;
    struct task *tasks; /* owned list */
    struct offer *offers;
    size_t shown;    /* of its offers, those that are optimistic: they take nothing of `free` */
    bool is_awaited; /* an exclusive offer would be made of what is shown, were it not ... */
    uint64_t awaited_round; /* ... since this allocation */
    struct filter *filters; /* those that have ended first */
    /* Something of `free` was taken in this event: is what is shown still there? */
    struct agent *prev_taken, *next_taken;
    bool is_taken;
    const struct subscription *taker; /* NULL: not one alone */
};

enum framework_state {
    FRAMEWORK_RECOVERED, /* known from the registry or from agents */
    FRAMEWORK_SUBSCRIBED,
    FRAMEWORK_DISCONNECTED,
    FRAMEWORK_REMOVED, /* its tasks are being killed; it ends with the last of them */
    FRAMEWORK_STATE_MAX,
};

/* One framework in one role: what the allocator calls a client. Outlives the role's subscription as
 * long as tasks of it live. */
struct subscription {
    struct subscription *prev, *next; /* framework->subscriptions */
    struct framework *framework;
    struct allocator_client *client; /* owned */
    struct filter *filters;          /* owned table by agent */
    size_t tasks_count;
    struct needs *needs;        /* owned; NULL: it takes whatever there is */
    unsigned gang_failures;     /* holds in a row that came to nothing */
    int64_t gang_not_before_us; /* its gangs are held off until then */
    unsigned refusals;          /* rounds of offers that it has declined since it last accepted */
    uint64_t refused_round;
    /* preempt_seek.c: its needs wait, and others may have to give way. */
    struct subscription *seek_prev, *seek_next; /* preempting->seekers, while is_seeking */
    int64_t seek_at_us;                         /* when agents are looked at (again) for it */
    int64_t seek_not_before_us;                 /* what was freed for it last, it did not use */
    size_t seek_seen;       /* agents, since one was found, or all had been looked at */
    unsigned seek_tries;    /* times that all were looked at in vain */
    unsigned seek_failures; /* times in a row that it did not use what was freed */
    bool is_seeking;
    size_t shown;       /* optimistic offers to it */
    bool is_asked;      /* the allocator knows that it wants offers */
    bool is_wanted;     /* among the framework's roles */
    bool is_suppressed; /* wants no offers now */
    bool is_optimistic; /* of its role: what is offered to it is shown to others too */
    char role[];
};

struct framework {
    UT_hash_handle hh;         /* master->frameworks */
    UT_hash_handle hh_session; /* master->sessions_of_frameworks, while FRAMEWORK_SUBSCRIBED */
    enum framework_state state;
    bool is_recorded;  /* the registry has it */
    bool is_returning; /* not from our registry: agents that we do not know may have its tasks */
    enum removal_reason removal; /* while FRAMEWORK_REMOVED */
    char *id;                    /* owned */
    uint64_t session;
    struct deadline failover; /* away: until it is removed; removed: its end */
    int64_t deadline_us;      /* the same, by the wall clock */
    struct arena *memory;     /* owned: of info */
    const struct framework_info *info;
    int64_t registered_us, reregistered_us; /* wall clock */
    struct subscription *subscriptions;     /* owned list */
    struct task *tasks;                     /* table by id */
    struct offer *offers;
    /* Of its capabilities. */
    bool takes_revocable, is_region_aware, wants_topology, takes_inverse, hears_notice;
    struct inverse_offer *inverse_offers;
    bool is_unasked;                               /* it has some that were not sent ... */
    struct framework *unasked_prev, *unasked_next; /* ... in maintenance->unasked */
    size_t offers_count, offers_max;               /* 0: no limit of its own */
    size_t offers_waiting;    /* of what was preempted for it, until it may hold more */
    int64_t offer_timeout_us; /* 0: the master's */
    struct offer *unsent;     /* the first that the running allocation made, and those behind it */
    struct framework *next_unsent; /* frameworks with such offers */
};

struct offer {
    uint64_t number;                               /* in master->offers, which owns it */
    struct offer *agent_prev, *agent_next;         /* agent->offers */
    struct offer *framework_prev, *framework_next; /* framework->offers */
    struct agent *agent;
    struct subscription *subscription;
    struct resources resources;
    struct deadline timeout;
    struct need *need; /* that it serves, with so many units; NULL: none */
    int64_t units;
    uint64_t round;                /* of allocations, in which it was made */
    bool is_named;                 /* the call being handled has named it already */
    bool is_shown;                 /* optimistic: it takes nothing until it is accepted */
    bool was_preempted;            /* what it holds was taken from others for it */
    struct preemption *preemption; /* it is being gathered, and not made yet; NULL: it is made */
    struct offer_loss *loss; /* owned; what others, or a quota, have taken of it; NULL: nothing */
    char id[];
};

/* Do not offer this or less of the agent to the subscription. */
struct filter {
    UT_hash_handle hh;          /* subscription->filters */
    struct filter *prev, *next; /* agent->filters */
    struct agent *agent;
    struct subscription *subscription;
    struct resources refused; /* unless all that the agent has */
    bool is_whole;
    bool is_ended; /* it hides nothing; the subscription is to be asked again */
    struct deadline end;
};

/* A million of these are meant to fit: what is only shown is published at launch and not kept. */
struct task {
    UT_hash_handle hh;        /* framework->tasks, which owns it */
    struct task *prev, *next; /* agent->tasks */
    struct agent *agent;
    struct subscription *subscription;
    struct resources resources;
    struct noted_record *container; /* owned; NULL until the agent tells */
    struct noted_record *check;     /* owned; of its check; NULL: no result */
    char *executor_id;        /* owned; whose task it is; NULL: it has a container of its own */
    int64_t kill_grace_ms;    /* of kill_policy below */
    struct victim *victim;    /* it is to give way to another; NULL: it is not */
    int64_t since_us;         /* about when it began, wall clock */
    int64_t notice_ms;        /* before it is preempted; negative: as the master has it */
    int32_t priority;         /* among the tasks of its role */
    enum task_state state;    /* what it counts as: the newest that the agent told us */
    enum task_state told;     /* what its framework was told last; 0: nothing yet */
    enum health_state health; /* 0: not known */
    unsigned char told_uuid[UUID_BYTES];
    bool has_told_uuid;
    bool is_holding;     /* its resources are in agent->used */
    bool is_preempted;   /* its kill is for that */
    bool is_revocable;   /* something that it holds is */
    bool is_grouped;     /* it would not end alone: it gives way to nobody */
    bool is_kill_wanted; /* the agent is told whenever it registers */
    bool is_kill_sent;   /* it has been since it last did, by a drain or for that */
    bool has_kill_policy;
    bool is_reported; /* by the registration being handled */
    bool is_executor;
    char id[];
};

/* A record as it is in messages. */
struct noted_record {
    size_t size;
    char data[];
};

/* A change of reservations or volumes that its framework is to be told of. */
struct operation {
    struct operation *prev, *next;  /* agent->operations */
    char *framework_id;             /* owned */
    bool is_reported;               /* by the registration being handled */
    bool has_result;                /* it was told by the agent, and is not acknowledged */
    unsigned char uuid[UUID_BYTES]; /* of that */
    char id[];
};

/* What is no more: a framework that was removed, an agent that is gone. Its id is never used again. */
struct departed {
    UT_hash_handle hh;
    int64_t since_us; /* wall clock */
    char id[];
};

/* What operators have set for a role, as it is in the registry. */
struct policy {
    UT_hash_handle hh;
    struct arena *memory; /* owned: of the record */
    const struct msg_kept_role *record;
};

struct policy_change;
struct keep_ticket;
struct keep_thing;
struct waiting;
struct pile;

struct master {
    struct master_env env;
    char *id, *hostname, *address, *cluster; /* owned */
    char *region, *zone;                     /* owned; "": not known */
    uint64_t epoch;
    int64_t offer_timeout_us; /* negative: never */
    int64_t offer_batch_us;
    int64_t gang_hold_us;
    size_t offers_max;     /* of a framework at a time; 0: no limit */
    size_t optimistic_max; /* frameworks to which the same of an agent is shown at a time */
    int64_t refuse_default_us;
    int64_t failover_default_us;
    int64_t agent_timeout_us;
    int64_t agent_reregister_us; /* from the start, for agents of the registry */
    int64_t removal_every_us;    /* one agent may be marked unreachable; 0: any number */
    int64_t removal_burst_us;    /* how far ahead of that they may be */
    int64_t removal_limit;       /* percent of the agents that may be away at once */
    int64_t agent_removed_keep_us;
    struct resources *min_allocatable; /* owned array: any of them suffices */
    size_t min_allocatable_count;

    struct now started;
    struct now now; /* of the event being handled */
    struct rng rng;
    struct deadlines deadlines;
    struct deadline allocation;
    struct deadline removal;       /* looks at AGENT_LIST_OVERDUE */
    int64_t removal_next_us;       /* when the next one would be marked at the even rate */
    int64_t removal_not_before_us; /* the registry has failed */
    bool is_removal_held;          /* too many are away at once */

    struct agent *agents;
    struct agent *sessions_of_agents;
    struct agent *lists[AGENT_LIST_MAX];
    size_t unreachable_count, recovered_count;
    struct framework *frameworks;
    struct framework *sessions_of_frameworks;
    struct departed *completed; /* frameworks; oldest first, as the next one */
    struct departed *gone;      /* agents */
    struct deadline tidy;       /* the lists of what is no more */
    struct offer_table offers;
    struct framework *unsent; /* those for whom the running allocation made offers */
    size_t shown;             /* offers that are optimistic */
    struct agent *taken;      /* those of which something was taken in this event */
    struct lost_offer *lost;  /* owned; offers that ended because others were first; oldest first */
    struct allocator *allocator;
    struct deadline
        limits_held;         /* set: tasks of agents that are not back yet count against limits */
    struct policy *policies; /* owned table by role: those for which something is set */
    struct policy_change *policy_changes; /* owned list: the first is being written */
    struct errand *errands;               /* owned list: what operators wait for that agents do */
    uint64_t errands_made;
    struct maintenance *maintenance; /* owned */

    struct preempting *preempting;    /* owned by preempt.c */
    struct need *gangs;               /* those that are gangs */
    struct need *gang_turn;           /* the one of them that gathers, or NULL */
    uint64_t gang_round;              /* of turns; each that waits has one in it */
    struct deadline gang_due;         /* the end of its hold, or another may try */
    uint64_t round;                   /* of allocations */
    struct keep_ticket *keep_tickets; /* owned by keep.c, as the next one */
    struct keep_thing *keep_things;
    uint64_t keep_tickets_made;
    struct deadline keep_again;
    int64_t keep_wait_us;
    struct err keep_problem;       /* why the registry takes nothing; "" while it does */
    struct waiting *waiting;       /* new peers that wait for their record, by session */
    struct waiting *waiting_by_id; /* likewise, those that came with an id */
    struct waiting *waiting_all;   /* owned list; those that have left in the meantime, too */
    size_t waiting_bytes;          /* of all of these */
    struct pile *piles;            /* owned by parts.c; by session */
    size_t piles_bytes;

    uint64_t next_framework, next_agent, next_offer;
    uint64_t changes; /* published */
    uint64_t counters[COUNTER_MAX];
    size_t tasks_in[TASK_STATE_COUNT]; /* live records by state */
    struct arena *scratch;             /* reset with each event */
};

#endif
