/* bench/allocator.c - what an allocation costs as it grows: the master's core alone, one thread, no
 * sockets.
 *
 *     allocator [AGENTS FRAMEWORKS]      all sizes without arguments
 *
 * For AGENTS x FRAMEWORKS, lines "name_AxF value unit":
 *
 *     alloc_bare      what stands next to it: a heap of the frameworks and nothing else, an agent a pick
 *     alloc_round     from all agents free and all frameworks new until the offers are sent
 *     alloc_decline   a framework declines what it was offered, for each offer
 *     alloc_again     all of that goes to others
 *     alloc_accept    a task that takes the whole agent, for each
 *     alloc_freed     in a full cluster one task ends; its agent is offered (median)
 *     alloc_join      a framework comes, nothing is free (median)
 *     alloc_join_idle a framework comes and is offered everything, which lay idle
 *     alloc_shown     as alloc_round, with optimistic roles: each agent is shown to 16 (up to 10,000 agents)
 *     alloc_limit     a limit is set on a role, nothing is free (median)
 *
 * and once, by what malloc has given away: bytes an agent, a framework, a filter, a running task.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bug.h"
#include "base/mem.h"
#include "master/core/master.h"
#include "proto/resources_info.h"

#define SAMPLES        201
#define ID_TEXT_MAX    48
#define ROLES_PART     10 /* frameworks in a role, roles in a role above */
#define TASKS_AN_AGENT 10
#define SHOWN_MOST     10000 /* agents: of each there are 16 offers */
#define REFUSE_MS      INT64_C(3600000)
#define AGENT_HAS      "cpus:8;mem:16384;disk:100000;ports:[31000-32000]"
#define TASK_TAKES     "cpus:0.8;mem:1638;disk:1000;ports:[%zu-%zu]"

struct offered {
    uint32_t agent;
    char id[ID_TEXT_MAX];
};

struct bench {
    struct master *master;
    struct now now;
    size_t agents_count, frameworks_count;
    struct framework {
        char id[ID_TEXT_MAX];
        struct offered *offers; /* owned; not answered yet */
        size_t count, capacity;
    } * frameworks;     /* owned */
    uint32_t *runs_for; /* owned; by agent: the framework whose task it has */
    struct arena *arena;
    const struct resource_info *whole;
    size_t whole_count;
    uint64_t uuids;
    struct arena *said; /* the message that is being said, as decoding would give it */
    double spent;       /* seconds in the core since they were taken last */
    uint64_t *tickets;  /* owned; of records that the core asked to be kept */
    size_t tickets_count, tickets_capacity;
    int64_t reply_code; /* of the last answer to an operator */
};

static double seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void say(const struct bench *bench, const char *name, double value, const char *unit)
{
    printf("%s_%zux%zu %.*f %s\n", name, bench->agents_count, bench->frameworks_count,
           value < 10    ? 2
           : value < 100 ? 1
                         : 0,
           value, unit);
    fflush(stdout);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *samples, size_t count)
{
    qsort(samples, count, sizeof(samples[0]), compare_doubles);
    return samples[count / 2];
}

/* --- the world: sessions 1... are agents, then come frameworks ----------------------------------- */

static uint64_t agent_session(size_t agent)
{
    return agent + 1;
}

static uint64_t framework_session(const struct bench *bench, size_t framework)
{
    return bench->agents_count + 1 + framework;
}

static void keep_offers(struct framework *framework, const struct msg_offers *offers)
{
    if (framework->count + offers->offers_count > framework->capacity) {
        framework->capacity = (framework->count + offers->offers_count) * 2;
        framework->offers =
            mem_resize(framework->offers, framework->capacity, sizeof(struct offered));
    }
    for (size_t i = 0; i < offers->offers_count; i++) {
        struct offered *offered = &framework->offers[framework->count++];

        offered->agent = (uint32_t)strtoul(offers->offers[i].agent_id + 3, NULL, 10);
        memcpy(offered->id, offers->offers[i].id, strlen(offers->offers[i].id) + 1);
    }
}

static void on_send(void *ctx, uint64_t session, const struct message *message)
{
    struct bench *bench = ctx;
    size_t number = session - bench->agents_count - 1;

    if (message->type == MSG_OFFERS)
        keep_offers(&bench->frameworks[number], message->offers);
    else if (message->type == MSG_SUBSCRIBED)
        memcpy(bench->frameworks[number].id, message->subscribed->framework_id,
               strlen(message->subscribed->framework_id) + 1);
}

static void on_close(void *ctx, uint64_t session, const char *reason)
{
    (void)ctx;
    fprintf(stderr, "allocator: session %" PRIu64 " is closed: %s\n", session, reason);
    exit(1);
}

static void on_publish(void *ctx, const struct message *change)
{
    (void)ctx;
    (void)change;
}

static void on_persist(void *ctx, uint64_t ticket, const struct message *record)
{
    struct bench *bench = ctx;

    (void)record;
    if (bench->tickets_count == bench->tickets_capacity) {
        bench->tickets_capacity = bench->tickets_capacity ? bench->tickets_capacity * 2 : 64;
        bench->tickets =
            mem_resize(bench->tickets, bench->tickets_capacity, sizeof(bench->tickets[0]));
    }
    bench->tickets[bench->tickets_count++] = ticket;
}

static void on_reply(void *ctx, uint64_t number, const struct msg_operator_reply *reply)
{
    struct bench *bench = ctx;

    (void)number;
    bench->reply_code = reply->code;
}

static void on_log(void *ctx, int level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* A registry that keeps all at once. */
static void keep_all(struct bench *bench)
{
    for (size_t i = 0; i < bench->tickets_count; i++)
        master_on_persisted(bench->master, bench->now, bench->tickets[i], 0, "");
    bench->tickets_count = 0;
}

/* As decoding would give it: a text that is not there is "", never NULL. */
static struct message as_decoded(struct bench *bench, struct message message)
{
    arena_reset(bench->said);
    message.body = message_copy_body(message.type, message.body, bench->said);
    return message;
}

static void says(struct bench *bench, uint64_t session, enum peer_kind kind, struct message message)
{
    double from;

    message = as_decoded(bench, message);
    from = seconds();
    master_on_message(bench->master, bench->now, session, kind, &message);
    keep_all(bench);
    bench->spent += seconds() - from;
}

static void agent_says(struct bench *bench, size_t agent, struct message message)
{
    message.epoch = 1;
    says(bench, agent_session(agent), PEER_AGENT, message);
}

static void framework_says(struct bench *bench, size_t framework, struct message message)
{
    says(bench, framework_session(bench, framework), PEER_FRAMEWORK, message);
}

static void settle(struct bench *bench)
{
    double from = seconds();

    master_on_deadline(bench->master, bench->now);
    keep_all(bench);
    bench->spent += seconds() - from;
}

static double take_spent(struct bench *bench)
{
    double spent = bench->spent;

    bench->spent = 0;
    return spent;
}

static const struct resource_info *parse(struct bench *bench, const char *text, size_t *ret_count)
{
    struct resources resources = {0};
    struct resource_info *items;
    const struct resource_info *infos;

    if (resources_parse(&resources, text, NULL) < 0)
        abort();
    infos = resources_to_info(&resources, bench->arena, ret_count);
    items = arena_array(bench->arena, *ret_count, sizeof(*items));
    for (size_t i = 0; i < *ret_count; i++)
        memcpy(&items[i], record_copy(&resource_info_def, &infos[i], bench->arena), sizeof(*items));
    resources_fini(&resources);
    return items;
}

static void add_agent(struct bench *bench, size_t agent)
{
    char hostname[ID_TEXT_MAX];
    const struct agent_info info = {.hostname = hostname,
                                    .address = "10.0.0.1:5051",
                                    .resources = bench->whole,
                                    .resources_count = bench->whole_count};

    snprintf(hostname, sizeof(hostname), "node%zu.example", agent);
    agent_says(bench, agent, MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
}

static void add_framework(struct bench *bench, size_t framework)
{
    char role[ID_TEXT_MAX];
    const char *const roles[] = {role};
    const struct framework_info info = {
        .name = "bench", .user = "nobody", .roles = roles, .roles_count = 1};

    snprintf(role, sizeof(role), "d%zu/t%zu", framework / ROLES_PART / ROLES_PART,
             framework / ROLES_PART);
    framework_says(bench, framework, MESSAGE(SUBSCRIBE, subscribe, .framework = &info));
}

static struct bench *bench_new(size_t agents, size_t frameworks)
{
    const struct master_settings settings = {
        .id = "M", .epoch = 1, .seed = 1, .offer_timeout_ms = 0};
    struct bench *bench = mem_new(struct bench);
    const struct master_env env = {.ctx = bench,
                                   .send = on_send,
                                   .close = on_close,
                                   .publish = on_publish,
                                   .log = on_log,
                                   .persist = on_persist,
                                   .reply = on_reply};

    bench->agents_count = agents;
    bench->frameworks_count = frameworks;
    bench->now = (struct now){.mono_us = 1000000, .wall_us = 1700000000000000};
    bench->frameworks = mem_calloc(frameworks + SAMPLES + 1, sizeof(struct framework));
    bench->runs_for = mem_calloc(agents, sizeof(uint32_t));
    bench->arena = arena_new(0);
    bench->said = arena_new(0);
    bench->whole = parse(bench, AGENT_HAS, &bench->whole_count);
    if (master_new(&settings, &env, bench->now, &bench->master, NULL) < 0)
        abort();
    for (size_t i = 0; i < agents; i++)
        add_agent(bench, i);
    settle(bench);
    return bench;
}

static void bench_destroy(struct bench *bench)
{
    master_destroy(&bench->master);
    for (size_t i = 0; i < bench->frameworks_count + SAMPLES + 1; i++)
        free(bench->frameworks[i].offers);
    free(bench->frameworks);
    free(bench->runs_for);
    free(bench->tickets);
    arena_destroy(&bench->arena);
    arena_destroy(&bench->said);
    free(bench);
}

/* --- what they do -------------------------------------------------------------- */

static void decline_all(struct bench *bench, size_t number)
{
    struct framework *framework = &bench->frameworks[number];
    const struct filters filters = {.refuse_ms = REFUSE_MS};
    const char **ids = mem_calloc(framework->count, sizeof(char *));

    for (size_t i = 0; i < framework->count; i++)
        ids[i] = framework->offers[i].id;
    if (framework->count)
        framework_says(bench, number,
                       MESSAGE(DECLINE, decline, .offer_ids = ids,
                               .offer_ids_count = framework->count, .filters = &filters));
    framework->count = 0;
    free(ids);
}

static void accept(struct bench *bench, size_t number, const struct offered *offered,
                   struct task_info *tasks, size_t count)
{
    static const struct command_info command = {.value = "true"};
    const struct filters filters = {.refuse_ms = REFUSE_MS};
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = tasks, .tasks_count = count};
    const char *id = offered->id;
    char agent_id[ID_TEXT_MAX];

    snprintf(agent_id, sizeof(agent_id), "M-S%" PRIu32, offered->agent);
    for (size_t i = 0; i < count; i++) {
        tasks[i].agent_id = agent_id;
        tasks[i].command = &command;
    }
    framework_says(bench, number,
                   MESSAGE(ACCEPT, accept, .offer_ids = &id, .offer_ids_count = 1,
                           .operations = &launch, .operations_count = 1, .filters = &filters));
    bench->runs_for[offered->agent] = (uint32_t)number;
}

/* One task on each agent, of all that it has. */
static void take_all(struct bench *bench, size_t number)
{
    struct framework *framework = &bench->frameworks[number];

    for (size_t i = 0; i < framework->count; i++) {
        char id[ID_TEXT_MAX];
        struct task_info task = {
            .task_id = id, .resources = bench->whole, .resources_count = bench->whole_count};

        snprintf(id, sizeof(id), "t%" PRIu32, framework->offers[i].agent);
        accept(bench, number, &framework->offers[i], &task, 1);
    }
    framework->count = 0;
}

static void update(struct bench *bench, size_t agent, const char *task_id, enum task_state state)
{
    const char *framework_id = bench->frameworks[bench->runs_for[agent]].id;
    struct task_status status = {.task_id = task_id, .state = state, .source = SOURCE_EXECUTOR};
    uint64_t uuid[2] = {++bench->uuids, 0};

    status.uuid = (struct bytes){uuid, sizeof(uuid)};
    agent_says(bench, agent,
               MESSAGE(STATUS_UPDATE, status_update, .framework_id = framework_id,
                       .status = &status, .latest_state = state));
    if (state == TASK_FINISHED) {
        char agent_id[ID_TEXT_MAX];

        snprintf(agent_id, sizeof(agent_id), "M-S%zu", agent);
        framework_says(bench, bench->runs_for[agent],
                       MESSAGE(ACKNOWLEDGE, acknowledge, .agent_id = agent_id, .task_id = task_id,
                               .uuid = status.uuid));
    }
}

/* --- what is measured ------------------------------------------------------------- */

/* A heap of shares: the smallest takes the next agent. */
static void measure_bare(const struct bench *bench)
{
    size_t count = bench->frameworks_count;
    double *heap = mem_calloc(count, sizeof(double)), from, sum = 0;

    from = seconds();
    for (size_t agent = 0; agent < bench->agents_count; agent++) {
        double share = heap[0] + 1 / (double)bench->agents_count;
        size_t slot = 0;

        for (;;) {
            size_t child = slot * 2 + 1;

            if (child >= count)
                break;
            child += child + 1 < count && heap[child + 1] < heap[child];
            if (heap[child] >= share)
                break;
            heap[slot] = heap[child];
            slot = child;
        }
        heap[slot] = share;
        sum += share;
    }
    say(bench, "alloc_bare_ms", (seconds() - from) * 1e3, "ms");
    BUG_ON(sum <= 0);
    free(heap);
}

static void measure_round(struct bench *bench)
{
    for (size_t i = 0; i < bench->frameworks_count; i++)
        add_framework(bench, i);
    take_spent(bench);
    settle(bench);
    say(bench, "alloc_round_ms", take_spent(bench) * 1e3, "ms");
}

static void measure_declines(struct bench *bench)
{
    for (size_t i = 0; i < bench->frameworks_count; i++)
        decline_all(bench, i);
    say(bench, "alloc_decline_us", take_spent(bench) * 1e6 / (double)bench->agents_count, "us");
    settle(bench);
    say(bench, "alloc_again_ms", take_spent(bench) * 1e3, "ms");
}

/* All that is offered is taken; the declines of one framework alone have left it nothing. */
static void measure_accepts(struct bench *bench)
{
    if (bench->frameworks_count == 1)
        framework_says(bench, 0, MESSAGE(REVIVE, revive, .roles = NULL));
    settle(bench);
    take_spent(bench);
    for (size_t i = 0; i < bench->frameworks_count; i++)
        take_all(bench, i);
    say(bench, "alloc_accept_us", take_spent(bench) * 1e6 / (double)bench->agents_count, "us");
    settle(bench);
}

static void measure_freed(struct bench *bench)
{
    double samples[SAMPLES];

    for (size_t i = 0; i < SAMPLES; i++) {
        size_t agent = (i * 7919 + 13) % bench->agents_count;
        char id[ID_TEXT_MAX];

        snprintf(id, sizeof(id), "t%zu", agent);
        take_spent(bench);
        update(bench, agent, id, TASK_FINISHED);
        settle(bench);
        samples[i] = take_spent(bench) * 1e6;
        for (size_t j = 0; j < bench->frameworks_count; j++)
            take_all(bench, j);
        settle(bench);
    }
    say(bench, "alloc_freed_us", median(samples, SAMPLES), "us");
}

static void measure_joins(struct bench *bench)
{
    double samples[SAMPLES];

    for (size_t i = 0; i < SAMPLES; i++) {
        take_spent(bench);
        add_framework(bench, bench->frameworks_count + i);
        settle(bench);
        samples[i] = take_spent(bench) * 1e6;
    }
    say(bench, "alloc_join_us", median(samples, SAMPLES), "us");
}

static void measure_limits(struct bench *bench)
{
    double samples[SAMPLES];

    for (size_t i = 0; i < SAMPLES; i++) {
        const struct resource_info limit = {
            .name = "cpus", .kind = VALUE_SCALAR, .scalar = (int64_t)i * 1000, .role = ""};
        const struct message call =
            as_decoded(bench, MESSAGE(OPERATOR_SET_QUOTA, operator_set_quota, .role = "d0",
                                      .limits = &limit, .limits_count = 1));
        double from = seconds();

        master_on_operator(bench->master, bench->now, &call);
        keep_all(bench);
        BUG_ON(bench->reply_code != 200);
        settle(bench);
        samples[i] = (seconds() - from) * 1e6;
    }
    say(bench, "alloc_limit_us", median(samples, SAMPLES), "us");
}

static void measure_join_idle(size_t agents, size_t frameworks)
{
    struct bench *bench = bench_new(agents, frameworks);

    for (size_t i = 0; i < frameworks; i++) {
        add_framework(bench, i);
        framework_says(bench, i, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    }
    settle(bench);
    take_spent(bench);
    add_framework(bench, frameworks);
    settle(bench);
    say(bench, "alloc_join_idle_ms", take_spent(bench) * 1e3, "ms");
    BUG_ON(bench->frameworks[frameworks].count != agents);
    bench_destroy(bench);
}

static void measure_shown(size_t agents, size_t frameworks)
{
    struct bench *bench = bench_new(agents, frameworks);

    for (size_t i = 0; i <= (frameworks - 1) / ROLES_PART / ROLES_PART; i++) {
        char role[ID_TEXT_MAX];
        struct message call;

        snprintf(role, sizeof(role), "d%zu", i);
        call = as_decoded(bench, MESSAGE(OPERATOR_SET_OFFERS, operator_set_offers, .role = role,
                                         .offers = OFFERS_OPTIMISTIC));
        master_on_operator(bench->master, bench->now, &call);
        keep_all(bench);
        BUG_ON(bench->reply_code != 200);
    }
    for (size_t i = 0; i < frameworks; i++)
        add_framework(bench, i);
    take_spent(bench);
    settle(bench);
    say(bench, "alloc_shown_ms", take_spent(bench) * 1e3, "ms");
    bench_destroy(bench);
}

static void measure(size_t agents, size_t frameworks)
{
    struct bench *bench = bench_new(agents, frameworks);

    measure_bare(bench);
    measure_round(bench);
    measure_declines(bench);
    measure_accepts(bench);
    measure_freed(bench);
    measure_joins(bench);
    measure_limits(bench);
    bench_destroy(bench);
    measure_join_idle(agents, frameworks);
    if (agents <= SHOWN_MOST)
        measure_shown(agents, frameworks);
}

/* --- memory ------------------------------------------------------------------------ */

static double allocated(void)
{
    struct mallinfo2 info = mallinfo2();

    return (double)info.uordblks + (double)info.hblkhd;
}

/* Ten tasks on an agent, each on ports of its own. */
static void fill(struct bench *bench, size_t number)
{
    struct framework *framework = &bench->frameworks[number];
    static const struct resource_info *takes[TASKS_AN_AGENT];
    static size_t takes_count;

    for (size_t i = 0; i < TASKS_AN_AGENT && !takes[TASKS_AN_AGENT - 1]; i++) {
        char text[128];

        snprintf(text, sizeof(text), TASK_TAKES, 31000 + i, 31000 + i);
        takes[i] = parse(bench, text, &takes_count);
    }
    for (size_t i = 0; i < framework->count; i++) {
        struct task_info tasks[TASKS_AN_AGENT] = {0};
        char ids[TASKS_AN_AGENT][ID_TEXT_MAX];

        for (size_t j = 0; j < TASKS_AN_AGENT; j++) {
            snprintf(ids[j], sizeof(ids[j]), "web.%" PRIu32 ".%zu", framework->offers[i].agent, j);
            tasks[j].task_id = ids[j];
            tasks[j].resources = takes[j];
            tasks[j].resources_count = takes_count;
        }
        accept(bench, number, &framework->offers[i], tasks, TASKS_AN_AGENT);
        for (size_t j = 0; j < TASKS_AN_AGENT; j++)
            update(bench, framework->offers[i].agent, ids[j], TASK_RUNNING);
    }
    framework->count = 0;
}

static void measure_memory(size_t agents, size_t frameworks)
{
    double empty = allocated(), with_agents, with_frameworks, before, tasks;
    struct bench *bench = bench_new(agents, frameworks);

    with_agents = allocated();
    printf("bytes_per_agent %.0f bytes\n", (with_agents - empty) / (double)agents);
    for (size_t i = 0; i < frameworks; i++) {
        add_framework(bench, i);
        framework_says(bench, i, MESSAGE(SUPPRESS, suppress, .roles = NULL));
    }
    settle(bench);
    with_frameworks = allocated();
    printf("bytes_per_framework %.0f bytes\n",
           (with_frameworks - with_agents) / (double)frameworks);
    for (size_t i = 0; i < frameworks; i++)
        framework_says(bench, i, MESSAGE(REVIVE, revive, .roles = NULL));
    settle(bench);
    before = allocated();
    for (size_t i = 0; i < frameworks; i++)
        decline_all(bench, i);
    settle(bench);
    printf("bytes_per_filter %.0f bytes\n", (allocated() - before) / (double)agents);
    before = allocated();
    for (size_t i = 0; i < frameworks; i++)
        fill(bench, i);
    settle(bench);
    tasks = (double)agents * TASKS_AN_AGENT;
    printf("bytes_per_task %.0f bytes\n", (allocated() - before) / tasks);
    printf("master_mb_%.0f_tasks %.0f MiB\n", tasks, (allocated() - empty) / 1048576);
    fflush(stdout);
    bench_destroy(bench);
}

int main(int argc, char **argv)
{
    static const size_t agents[] = {1000, 10000, 100000}, frameworks[] = {1, 200, 1000};

    if (argc == 3) {
        size_t agents_count = strtoul(argv[1], NULL, 10);
        size_t frameworks_count = strtoul(argv[2], NULL, 10);

        measure(agents_count, frameworks_count);
        /* What one has declined nobody else would take: no task would be measured. */
        if (frameworks_count > 1)
            measure_memory(agents_count, frameworks_count);
        return 0;
    }
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
        for (size_t j = 0; j < sizeof(frameworks) / sizeof(frameworks[0]); j++)
            measure(agents[i], frameworks[j]);
    measure_memory(100000, 1000);
    return 0;
}
