#include "bench/scale/core.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bench/scale/crowd.h"
#include "bench/scale/peers.h"
#include "bench/scale/report.h"
#include "master/core/master.h"

#define BEGIN_US  1000000
#define WALL_US   INT64_C(1700000000000000)
#define SETTLE_US (10 * US_PER_S)

/* What was said to the master and waits for it, in order; the bodies live in the arena. */
struct inbox {
    struct said {
        uint64_t session;
        enum peer_kind kind;
        struct message message;
    } * items; /* owned */
    size_t count, capacity;
    struct arena *arena; /* owned */
};

/* One: the carrier has no other way to it. Sessions 1... are agents, then come frameworks. */
static struct core {
    struct master *master;
    int64_t now_us;       /* of the master: what it has done until now took so long */
    int64_t peer_now_us;  /* of those who talk to it */
    int64_t begun_ns;     /* when the core was called, by the processor time used */
    int64_t elsewhere_ns; /* of the time since then, what was not the core's */
    int64_t spent_ns;     /* by the core, in all */
    int64_t rest_ns;      /* spent, and less than a microsecond */
    struct inbox inboxes[2], *inbox;
    struct fake_agent *agents;         /* owned */
    struct fake_framework *frameworks; /* owned */
    size_t agents_count, frameworks_count;
    struct deadlines deadlines;
    struct tally *tally; /* owned */
    struct load load;
    uint64_t *tickets; /* owned; of records that the core asked to be kept */
    size_t tickets_count, tickets_capacity;
} core;

static int64_t clock_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* --- what peers say ---------------------------------------------------------------------------------- */

static uint64_t session_of(const struct peer *peer)
{
    return (uint64_t)(uintptr_t)peer->link;
}

static void say(struct peer *peer, struct message message)
{
    struct inbox *inbox = core.inbox;
    struct said *said;

    if (inbox->count == inbox->capacity) {
        inbox->capacity = inbox->capacity ? inbox->capacity * 2 : 1024;
        inbox->items = mem_resize(inbox->items, inbox->capacity, sizeof(inbox->items[0]));
    }
    said = &inbox->items[inbox->count++];
    said->session = session_of(peer);
    said->kind = said->session <= core.agents_count ? PEER_AGENT : PEER_FRAMEWORK;
    said->message = message;
    said->message.body = message_copy_body(message.type, message.body, inbox->arena);
}

static int64_t peer_now_us(void)
{
    return core.peer_now_us;
}

static const struct carrier core_carrier = {say, peer_now_us};

/* --- what the core does -------------------------------------------------------------------------------- */

static void on_send(void *ctx, uint64_t session, const struct message *message)
{
    int64_t from_ns = clock_ns();

    (void)ctx;
    core.peer_now_us = core.now_us + (from_ns - core.begun_ns - core.elsewhere_ns) / 1000;
    if (session <= core.agents_count)
        fake_agent_hear(&core.agents[session - 1], message);
    else
        fake_framework_hear(&core.frameworks[session - core.agents_count - 1], message);
    core.elsewhere_ns += clock_ns() - from_ns;
}

static void on_close(void *ctx, uint64_t session, const char *reason)
{
    (void)ctx;
    (void)session;
    die(reason);
}

static void on_publish(void *ctx, const struct message *change)
{
    (void)ctx;
    (void)change;
}

static void on_persist(void *ctx, uint64_t ticket, const struct message *record)
{
    (void)ctx;
    (void)record;
    if (core.tickets_count == core.tickets_capacity) {
        core.tickets_capacity = core.tickets_capacity ? core.tickets_capacity * 2 : 64;
        core.tickets = mem_resize(core.tickets, core.tickets_capacity, sizeof(core.tickets[0]));
    }
    core.tickets[core.tickets_count++] = ticket;
}

static void on_reply(void *ctx, uint64_t number, const struct msg_operator_reply *reply)
{
    (void)ctx;
    (void)number;
    (void)reply;
}

static void on_log(void *ctx, int level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* --- time ------------------------------------------------------------------------------------------------ */

static struct now core_now(void)
{
    return (struct now){.mono_us = core.now_us, .wall_us = WALL_US + core.now_us};
}

static void core_begin(void)
{
    core.begun_ns = clock_ns();
    core.elsewhere_ns = 0;
}

/* What the core has taken since core_begin passes. */
static void core_end(void)
{
    int64_t took_ns;

    /* A registry that keeps all at once. */
    for (size_t i = 0; i < core.tickets_count; i++)
        master_on_persisted(core.master, core_now(), core.tickets[i], 0, "");
    core.tickets_count = 0;
    took_ns = clock_ns() - core.begun_ns - core.elsewhere_ns;
    core.spent_ns += took_ns;
    core.rest_ns += took_ns;
    core.now_us += core.rest_ns / 1000;
    core.rest_ns %= 1000;
}

/* Tasks that have ended by now, each in its time. */
static void end_tasks(void)
{
    while (deadlines_next(&core.deadlines) <= core.now_us) {
        core.peer_now_us = deadlines_next(&core.deadlines);
        deadlines_run(&core.deadlines, core.peer_now_us, NULL);
    }
}

/* As the master's shell: what has come in, then what is due. */
static void turn(void)
{
    struct inbox *inbox = core.inbox;

    core.inbox = inbox == &core.inboxes[0] ? &core.inboxes[1] : &core.inboxes[0];
    for (size_t i = 0; i < inbox->count; i++) {
        const struct said *said = &inbox->items[i];

        core_begin();
        master_on_message(core.master, core_now(), said->session, said->kind, &said->message);
        core_end();
    }
    inbox->count = 0;
    arena_reset(inbox->arena);
    core_begin();
    master_on_deadline(core.master, core_now());
    core_end();
    end_tasks();
}

static void run_until(int64_t end_us)
{
    while (core.now_us < end_us) {
        int64_t next_us = master_next_deadline_us(core.master);

        if (deadlines_next(&core.deadlines) < next_us)
            next_us = deadlines_next(&core.deadlines);
        if (!core.inbox->count && next_us > core.now_us)
            core.now_us = next_us < end_us ? next_us : end_us;
        end_tasks();
        turn();
    }
}

/* --- the run ----------------------------------------------------------------------------------------------- */

static void begin(size_t agents, size_t frameworks, int64_t task_ms)
{
    const struct master_settings settings = {
        .id = "M", .epoch = 1, .seed = 1, .offer_timeout_ms = 30000};
    const struct master_env env = {.send = on_send,
                                   .close = on_close,
                                   .publish = on_publish,
                                   .log = on_log,
                                   .persist = on_persist,
                                   .reply = on_reply};
    struct err err = {""};

    core = (struct core){.now_us = BEGIN_US,
                         .inbox = &core.inboxes[0],
                         .agents_count = agents,
                         .frameworks_count = frameworks};
    core.load = (struct load){.mean_ms = task_ms, .begun = agents * SLOTS, .rng.state = 1};
    for (size_t i = 0; i < 2; i++)
        core.inboxes[i].arena = arena_new(0);
    core.tally = mem_new(struct tally);
    core.agents = mem_calloc(agents, sizeof(core.agents[0]));
    core.frameworks = mem_calloc(frameworks, sizeof(core.frameworks[0]));
    if (master_new(&settings, &env, core_now(), &core.master, &err) < 0)
        die(err.text);
}

static void add_peers(void)
{
    for (size_t i = 0; i < core.frameworks_count; i++) {
        core.frameworks[i] = (struct fake_framework){
            .peer = {&core_carrier, (void *)(uintptr_t)(core.agents_count + 1 + i)},
            .load = &core.load,
            .number = i,
            .launches_max = SIZE_MAX};
        fake_framework_open(&core.frameworks[i]);
    }
    turn();
    for (size_t i = 0; i < core.agents_count; i++) {
        fake_agent_init(&core.agents[i], i, &core.deadlines, core.tally);
        core.agents[i].peer = (struct peer){&core_carrier, (void *)(uintptr_t)(i + 1)};
        fake_agent_open(&core.agents[i]);
    }
    while (atomic_load(&core.tally->launched) < core.agents_count * SLOTS)
        run_until(core.now_us + 1);
}

int run_core(size_t agents, size_t frameworks, int64_t task_ms, int64_t seconds, bool has_needs)
{
    int64_t from_us, spent_ns;
    size_t launched, count;
    double took_s;

    begin(agents, frameworks, task_ms);
    core.load.has_needs = has_needs;
    add_peers();
    run_until(core.now_us + SETTLE_US);
    from_us = core.now_us;
    spent_ns = core.spent_ns;
    launched = atomic_load(&core.tally->launched);
    atomic_store(&core.tally->is_measuring, true);
    run_until(core.now_us + seconds * US_PER_S);
    launched = atomic_load(&core.tally->launched) - launched;
    took_s = (double)(core.now_us - from_us) / US_PER_S;
    spent_ns = core.spent_ns - spent_ns;
    count = atomic_load(&core.tally->gaps_count);
    sort_us(core.tally->gaps_us, count);
    report("core_overhead_p50_ms", agents, quantile_ms(core.tally->gaps_us, count, 0.5), "ms");
    report("core_overhead_p95_ms", agents, quantile_ms(core.tally->gaps_us, count, 0.95), "ms");
    report("core_launches_per_s", agents, (double)launched / took_s, "tasks/s");
    report("core_cpu_percent", agents, (double)spent_ns / 1e7 / took_s, "%");
    report("core_us_per_launch", agents, (double)spent_ns / 1e3 / (double)launched, "us");
    return 0;
}
