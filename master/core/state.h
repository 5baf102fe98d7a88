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
#include "base/buf.h"
#include "base/deadlines.h"
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
#define AGENT_WEIGHT_MAX    1048576 /* bytes of resources and attributes: they fit in an offer */
#define AGENT_SHOWN_MAX     2097152 /* bytes of all that it says of itself: it fits in a change */
#define FRAMEWORK_SHOWN_MAX 262144  /* likewise; it is published with each change of its wishes */
/* Numbers in one of an agent's ranges: so that no part of it is more than RESOURCE_RANGES_MAX
 * ranges. */
#define AGENT_NUMBERS_MAX (2 * RESOURCE_RANGES_MAX)

enum agent_state {
    AGENT_REGISTERED, /* has a session */
    AGENT_DISCONNECTED,
    AGENT_UNREACHABLE, /* its resources have left the pool */
    AGENT_REMOVED,
    AGENT_STATE_MAX,
};

struct need;
struct needs;

/* In which of the master's lists an agent stands. */
enum agent_list {
    AGENT_LIST_NONE,
    AGENT_LIST_DIRTY,       /* something about its free resources changed: offer them */
    AGENT_LIST_RETRY,       /* some had refused what it has free, and their filters have ended */
    AGENT_LIST_IDLE,        /* has free resources that nobody wanted */
    AGENT_LIST_UNREACHABLE, /* oldest first */
    AGENT_LIST_MAX,
};

struct agent {
    UT_hash_handle hh;         /* master->agents */
    UT_hash_handle hh_session; /* master->sessions_of_agents, while AGENT_REGISTERED */
    struct agent *prev, *next; /* in `list` */
    enum agent_list list;
    enum agent_state state;
    bool is_told; /* of the removal of a framework, while that goes on */
    char *id;     /* owned */
    uint64_t session;
    struct deadline timeout; /* disconnected: until unreachable; unreachable: until forgotten */
    struct arena *memory;    /* owned: of info */
    const struct agent_info *info;
    size_t weight; /* about how many bytes an offer of it takes */
    int64_t registered_us, reregistered_us, unreachable_us; /* wall clock */
    bool has_reserved; /* something in total is not for everybody */
    /* used + free + its offers = total, and all but total empty while AGENT_UNREACHABLE */
    struct resources total, used, free;
    struct task *tasks; /* owned list */
    struct offer *offers;
    struct filter *filters; /* those that have ended first */
};

enum framework_state {
    FRAMEWORK_RECOVERED, /* known from agents only */
    FRAMEWORK_SUBSCRIBED,
    FRAMEWORK_DISCONNECTED,
    FRAMEWORK_REMOVED,
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
    struct needs *needs; /* owned; NULL: it takes whatever there is */
    unsigned refusals;   /* rounds of offers that it has declined since it last accepted */
    uint64_t refused_round;
    bool is_asked;      /* the allocator knows that it wants offers */
    bool is_wanted;     /* among the framework's roles */
    bool is_suppressed; /* wants no offers now */
    char role[];
};

struct framework {
    UT_hash_handle hh;         /* master->frameworks */
    UT_hash_handle hh_session; /* master->sessions_of_frameworks, while FRAMEWORK_SUBSCRIBED */
    enum framework_state state;
    bool is_returning; /* of an earlier master's life: agents that we do not know may have its tasks
                        */
    char *id;          /* owned */
    uint64_t session;
    struct deadline failover;
    struct arena *memory; /* owned: of info */
    const struct framework_info *info;
    int64_t registered_us, reregistered_us; /* wall clock */
    struct subscription *subscriptions;     /* owned list */
    struct task *tasks;                     /* table by id */
    struct offer *offers;
    size_t offers_count, offers_max; /* 0: no limit of its own */
    int64_t offer_timeout_us;        /* 0: the master's */
    struct offer *unsent; /* the first that the running allocation made, and those behind it */
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
    uint64_t round; /* of allocations, in which it was made */
    bool is_named;  /* the call being handled has named it already */
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
    struct task_place *place; /* owned; NULL until the agent tells */
    int64_t kill_grace_ms;    /* of kill_policy below */
    enum task_state state;    /* what it counts as: the newest that the agent told us */
    enum task_state told;     /* what its framework was told last; 0: nothing yet */
    unsigned char told_uuid[UUID_BYTES];
    bool has_told_uuid;
    bool is_holding;     /* its resources are in agent->used */
    bool is_kill_wanted; /* the agent is told whenever it registers */
    bool has_kill_policy;
    bool is_reported; /* by the registration being handled */
    char id[];
};

/* Where its sandbox is; a framework that fails over asks for it. */
struct task_place {
    int64_t pid;
    const char *sandbox; /* behind container_id */
    char container_id[];
};

/* A framework that is no more; its id is never used again. */
struct completed {
    UT_hash_handle hh;
    char id[];
};

struct master {
    struct master_env env;
    char *id, *hostname, *address, *cluster; /* owned */
    uint64_t epoch;
    int64_t offer_timeout_us; /* negative: never */
    int64_t offer_batch_us;
    size_t offers_max; /* of a framework at a time; 0: no limit */
    int64_t refuse_default_us;
    int64_t failover_default_us;
    int64_t agent_timeout_us;
    int64_t agent_removed_keep_us;
    struct resources *min_allocatable; /* owned array: any of them suffices */
    size_t min_allocatable_count;

    struct now started;
    struct now now; /* of the event being handled */
    struct rng rng;
    struct deadlines deadlines;
    struct deadline allocation;

    struct agent *agents;
    struct agent *sessions_of_agents;
    struct agent *lists[AGENT_LIST_MAX];
    size_t unreachable_count;
    struct framework *frameworks;
    struct framework *sessions_of_frameworks;
    struct completed *completed; /* oldest first */
    struct offer_table offers;
    struct framework *unsent; /* those for whom the running allocation made offers */
    struct allocator *allocator;

    uint64_t round; /* of allocations */
    uint64_t next_framework, next_agent, next_offer;
    uint64_t changes; /* published */
    uint64_t counters[COUNTER_MAX];
    size_t tasks_in[TASK_STATE_COUNT]; /* live records by state */
    struct arena *scratch;             /* reset with each event */
    struct buf text;                   /* of the last reply to an operator */
};

#endif
