/* /state-summary: how many tasks of which state each agent and framework has, and who runs where.
 * Counted by one walk over all tasks when it is asked for; nothing of it is kept. */
#include "master/view/documents.h"

#include <string.h>

#include "master/view/objects.h"

#define STATES (TASK_UNKNOWN + 1)

/* Mesos's states in its order, then ours that it does not count. */
static const enum task_state shown_states[] = {
    TASK_STAGING,     TASK_STARTING, TASK_RUNNING, TASK_KILLING,
    TASK_FINISHED,    TASK_KILLED,   TASK_FAILED,  TASK_ERROR,
    TASK_UNREACHABLE, TASK_DROPPED,  TASK_GONE,    TASK_GONE_BY_OPERATOR,
};

struct partner {
    const char *id;
    struct partner *next;
};

/* Of one agent or one framework. */
struct tally {
    const char *id;
    int64_t counts[STATES];
    struct partner *partners; /* ids of the other kind */
    UT_hash_handle hh;
};

struct pair {
    const struct tally *members[2]; /* the key */
    UT_hash_handle hh;
};

struct summary {
    struct arena *arena; /* owns all of it but the tables */
    struct tally *agents;
    struct tally *frameworks;
    struct pair *pairs;
};

static struct tally *tally_of(struct summary *self, struct tally **table, const char *id)
{
    struct tally *tally;

    HASH_FIND_STR(*table, id, tally);
    if (tally)
        return tally;
    tally = arena_alloc(self->arena, sizeof(*tally));
    tally->id = id;
    HASH_ADD_KEYPTR(hh, *table, tally->id, strlen(tally->id), tally);
    return tally;
}

static void add_partner(struct summary *self, struct tally *tally, const char *id)
{
    struct partner *partner = arena_alloc(self->arena, sizeof(*partner));

    partner->id = id;
    LL_PREPEND(tally->partners, partner);
}

static void note_pair(struct summary *self, struct tally *framework, struct tally *agent)
{
    struct pair wanted = {.members = {framework, agent}};
    struct pair *pair;

    HASH_FIND(hh, self->pairs, &wanted.members, sizeof(wanted.members), pair);
    if (pair)
        return;
    pair = arena_alloc(self->arena, sizeof(*pair));
    pair->members[0] = framework;
    pair->members[1] = agent;
    HASH_ADD(hh, self->pairs, members, sizeof(pair->members), pair);
    add_partner(self, framework, agent->id);
    add_partner(self, agent, framework->id);
}

static void count(struct summary *self, const struct replica *replica)
{
    const struct task *task;

    DL_FOREACH (replica->tasks, task) {
        struct tally *framework, *agent;

        if (task->framework->is_completed)
            continue;
        framework = tally_of(self, &self->frameworks, task->framework->change->framework->id);
        agent = tally_of(self, &self->agents, task->agent_id);
        framework->counts[task->state]++;
        agent->counts[task->state]++;
        note_pair(self, framework, agent);
    }
}

static void tally_members(struct json *json, struct tally *table, const char *id,
                          const char *partners_key)
{
    static const struct tally none = {0};
    const struct partner *partner;
    const struct tally *tally;

    HASH_FIND_STR(table, id, tally);
    if (!tally)
        tally = &none;
    for (size_t i = 0; i < sizeof(shown_states) / sizeof(shown_states[0]); i++)
        json_pair_int(json, task_state_name(shown_states[i]), tally->counts[shown_states[i]]);
    json_pair_int(json, "TASK_LOST", 0); /* a state that we never tell */
    json_key(json, partners_key);
    json_array_begin(json);
    LL_FOREACH (tally->partners, partner) {
        json_text(json, partner->id);
    }
    json_array_end(json);
}

static void agents_pair(struct json *json, const struct replica *replica, struct summary *summary)
{
    const struct agent *agent, *next;

    json_key(json, "slaves");
    json_array_begin(json);
    HASH_ITER (hh, replica->agents, agent, next) {
        if (agent->change->recovered)
            continue;
        json_object_begin(json);
        object_agent_members(json, agent);
        tally_members(json, summary->agents, agent->change->agent->id, "framework_ids");
        json_object_end(json);
    }
    json_array_end(json);
}

static void frameworks_pair(struct json *json, const struct replica *replica,
                            struct summary *summary)
{
    const struct framework *framework, *next;

    json_key(json, "frameworks");
    json_array_begin(json);
    HASH_ITER (hh, replica->frameworks, framework, next) {
        json_object_begin(json);
        object_framework_summary_members(json, framework);
        tally_members(json, summary->frameworks, framework->change->framework->id, "slave_ids");
        json_object_end(json);
    }
    json_array_end(json);
}

void document_state_summary(const struct replica *replica, struct buf *out)
{
    struct summary summary = {.arena = arena_new(0)};
    struct json json = JSON(out);

    count(&summary, replica);
    json_object_begin(&json);
    json_pair_string(&json, "hostname", replica->master->hostname);
    json_pair_string(&json, "cluster", replica->master->cluster);
    agents_pair(&json, replica, &summary);
    frameworks_pair(&json, replica, &summary);
    json_object_end(&json);
    HASH_CLEAR(hh, summary.agents);
    HASH_CLEAR(hh, summary.frameworks);
    HASH_CLEAR(hh, summary.pairs);
    arena_destroy(&summary.arena);
}
