/* tests/sim/sim.c - the world's beginning and end, its time, its chance and its trace. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define WATCH_US           US_PER_S
#define CHECK_EVENTS       64 /* between two looks at all books, if nobody has begun anew */
#define BAD_EVENTS_DEFAULT 3000
#define LOOP_LATENCY_US    200
#define BEGIN_US           ((int64_t)1000 * US_PER_S)
#define WALL_BEGIN_US      ((int64_t)1700000000 * US_PER_S)

/* --- chance and time --------------------------------------------------------------------------- */

uint64_t sim_below(struct sim *self, uint64_t bound)
{
    return rng_below(&self->rng, bound);
}

bool sim_chance(struct sim *self, unsigned percent)
{
    return sim_below(self, 100) < percent;
}

int64_t sim_between(struct sim *self, int64_t low, int64_t high)
{
    return low + (int64_t)sim_below(self, (uint64_t)(high - low) + 1);
}

void sim_after(struct sim *self, struct deadline *deadline, int64_t delay_us)
{
    deadline_set(&self->queue, deadline, self->now_us + delay_us);
}

bool sim_event_begins(struct sim *self)
{
    if (*self->failure)
        return false;
    self->events++;
    arena_reset(self->arena);
    return true;
}

void sim_event_ends(struct sim *self)
{
    net_reap(self);
    if (self->events % CHECK_EVENTS && !self->has_begun_anew)
        return;
    self->has_begun_anew = false;
    masters_check(self);
    sim_agents_check(self);
    sim_frameworks_check(self);
}

/* --- processes --------------------------------------------------------------------------------- */

void process_init(struct process *self, struct sim *sim, deadline_fn *on_timer, const char *format,
                  ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(self->name, sizeof(self->name), format, args);
    va_end(args);
    self->sim = sim;
    self->mono_offset_us = sim_between(sim, 0, 1000 * (int64_t)US_PER_S);
    self->wall_offset_us = sim_between(sim, -5 * (int64_t)US_PER_S, 5 * (int64_t)US_PER_S);
    self->timer.due = on_timer;
}

struct now process_now(const struct process *self)
{
    int64_t now_us = self->sim->now_us;

    return (struct now){.mono_us = now_us + self->mono_offset_us,
                        .wall_us = WALL_BEGIN_US + now_us + self->wall_offset_us};
}

void process_arm(struct process *self, int64_t next_us)
{
    struct sim *sim = self->sim;
    int64_t at_us;

    deadline_cancel(&sim->queue, &self->timer);
    if (next_us == DEADLINE_NEVER)
        return;
    at_us = next_us - self->mono_offset_us;
    if (at_us < sim->now_us)
        at_us = sim->now_us;
    deadline_set(&sim->queue, &self->timer, at_us + 1 + (int64_t)sim_below(sim, LOOP_LATENCY_US));
}

/* --- failure and trace ------------------------------------------------------------------------- */

void sim_fail(struct sim *self, const char *format, ...)
{
    va_list args;

    if (*self->failure)
        return;
    va_start(args, format);
    vsnprintf(self->failure, sizeof(self->failure), format, args);
    va_end(args);
    sim_trace(self, "VIOLATED: %s", self->failure);
}

const char *sim_failure(const struct sim *self)
{
    return self->failure;
}

void sim_trace(struct sim *self, const char *format, ...)
{
    char *line = self->trace[self->trace_count++ % TRACE_LINES];
    int64_t us = self->now_us - BEGIN_US;
    va_list args;
    int size;

    size = snprintf(line, TRACE_WIDTH, "%8lld.%06lld ", (long long)(us / US_PER_S),
                    (long long)(us % US_PER_S));
    va_start(args, format);
    vsnprintf(line + size, (size_t)(TRACE_WIDTH - size), format, args);
    va_end(args);
    if (self->plan.tell)
        fprintf(stderr, "%s\n", line);
}

void sim_print_trace(const struct sim *self, int fd)
{
    uint64_t first = self->trace_count < TRACE_LINES ? 0 : self->trace_count - TRACE_LINES;

    for (uint64_t i = first; i < self->trace_count; i++)
        dprintf(fd, "# %s\n", self->trace[i % TRACE_LINES]);
}

uint64_t sim_events(const struct sim *self)
{
    return self->events;
}

void sim_check_inert(struct sim *self, const char *what)
{
    if (self->inert_why)
        sim_fail(self, "%s, yet it has an effect: %s", self->inert_why, what);
}

struct message sim_wire(struct sim *self, const struct message *message)
{
    CLEANUP(buf_fini) struct buf frame = {0};
    struct message decoded = *message;
    struct err err = {""};

    if (message_encode(message, &frame, &err) < 0 ||
        message_decode(frame.data, frame.size, self->arena, &decoded, &err) < 0)
        sim_fail(self, "a bad %s is sent: %s", message_name(message->type), err.text);
    return decoded;
}

/* --- the course of events ---------------------------------------------------------------------- */

static void enter(struct sim *self, enum sim_phase phase)
{
    static const char *const names[] = {"bad time", "settling", "leaving", "over"};

    sim_trace(self, "=== %s after %llu events", names[phase], (unsigned long long)self->events);
    self->phase = phase;
    self->phase_since_us = self->now_us;
}

static void settle(struct sim *self)
{
    int64_t since_us = self->now_us - self->phase_since_us;
    struct err why = {""};

    if (self->phase == SIM_SETTLING)
        settle_operate(self);
    if (self->phase == SIM_SETTLING && settle_is_done(self, &why)) {
        enter(self, SIM_LEAVING);
        for (size_t i = 0; i < self->frameworks_count; i++)
            framework_leave(self->frameworks[i]);
    } else if (self->phase == SIM_LEAVING && settle_is_empty(self, &why)) {
        enter(self, SIM_OVER);
    } else if (since_us > SIM_SETTLE_S * (int64_t)US_PER_S) {
        sim_fail(self, "not in order after %d s: %s", SIM_SETTLE_S, why.text);
    }
}

static void on_watch(void *owner, struct deadline *deadline)
{
    struct sim *self = owner;

    (void)deadline;
    if (!sim_event_begins(self))
        return;
    settle_sweep(self);
    if (self->plan.contest) {
        if (contest_watch(self))
            enter(self, SIM_OVER);
    } else if (self->plan.calm) {
        /* the test decides what comes next */
    } else if (self->phase == SIM_BAD_TIME && self->events >= self->plan.bad_events) {
        enter(self, SIM_SETTLING);
        faults_end(self);
    } else if (self->phase != SIM_BAD_TIME) {
        settle(self);
    }
    sim_event_ends(self);
    sim_after(self, &self->watch, WATCH_US);
}

static bool step(struct sim *self, int64_t until_us)
{
    int64_t next_us = deadlines_next(&self->queue);

    if (*self->failure || self->phase == SIM_OVER || next_us > until_us)
        return false;
    self->now_us = next_us;
    deadlines_run(&self->queue, next_us, self);
    return true;
}

bool sim_run(struct sim *self)
{
    while (step(self, DEADLINE_NEVER - 1))
        ;
    return !*self->failure;
}

bool sim_run_until(struct sim *self, bool (*is_so)(struct sim *self), int64_t ms)
{
    int64_t until_us = self->now_us + ms * US_PER_MS;

    while (!is_so(self))
        if (!step(self, until_us)) {
            sim_fail(self, "it does not come about within %lld ms", (long long)ms);
            return false;
        }
    return true;
}

void sim_pass(struct sim *self, int64_t ms)
{
    int64_t until_us = self->now_us + ms * US_PER_MS;

    while (step(self, until_us))
        ;
    self->now_us = until_us;
}

/* --- beginning and end ------------------------------------------------------------------------- */

static struct sim_timing draw_timing(struct sim *self)
{
    if (self->plan.calm)
        return (struct sim_timing){.offer_timeout_ms = 30000,
                                   .gang_hold_ms = 30000,
                                   .maintenance_notice_ms = 60000,
                                   .agent_timeout_ms = 20000,
                                   .agent_removed_keep_ms = 60000,
                                   .agent_reregister_ms = 20000,
                                   .agent_removal_limit = 100,
                                   .retry_min_ms = 10000,
                                   .retry_max_ms = 60000,
                                   .gc_delay_ms = 120000,
                                   .disk_watch_ms = 10000,
                                   .silence_us = 5 * (int64_t)US_PER_S,
                                   .delay_max_us = 2000};
    return (struct sim_timing){.offer_timeout_ms = sim_between(self, 2000, 30000),
                               .gang_hold_ms = sim_between(self, 2000, 30000),
                               .preemption = sim_chance(self, 70),
                               .preemption_grace_ms = sim_between(self, -1, 6000),
                               .preemption_grace_max_ms = sim_between(self, 1000, 10000),
                               .preemption_count = sim_between(self, 5, 60),
                               .maintenance_notice_ms = sim_between(self, 1000, 120000),
                               .agent_timeout_ms = sim_between(self, 8000, 75000),
                               .agent_removed_keep_ms = sim_between(self, 30000, 120000),
                               .agent_reregister_ms = sim_between(self, 5000, 60000),
                               .agent_removal_limit =
                                   sim_chance(self, 50) ? 100 : sim_between(self, 30, 70),
                               .retry_min_ms = sim_between(self, 500, 10000),
                               .retry_max_ms = sim_between(self, 10000, 120000),
                               .gc_delay_ms = sim_between(self, 20000, 300000),
                               .disk_watch_ms = sim_between(self, 1000, 20000),
                               .silence_us = sim_between(self, 1, 15) * US_PER_S,
                               .delay_max_us = sim_between(self, 1000, 1000000)};
}

const struct sim_world sim_worlds[SIM_WORLDS] = {
    {.name = "any"},
    {.name = "claimers",
     .plan = {.frameworks = {SIM_CLAIMER, SIM_HOG, SIM_CLAIMER, SIM_CLAIMER},
              .frameworks_count = 4}},
    {.name = "gangs",
     .plan = {.frameworks = {SIM_GANG, SIM_BATCH, SIM_GANG}, .frameworks_count = 3}},
    {.name = "contest-offers", .plan = {.contest = SIM_CONTEST_OF_OFFERS}, .is_calm = true},
    {.name = "contest-gangs", .plan = {.contest = SIM_CONTEST_OF_GANGS}, .is_calm = true},
};

struct sim *sim_new(uint64_t seed, const struct sim_plan *plan)
{
    struct sim *self = mem_new(struct sim);

    self->seed = seed;
    self->plan = *plan;
    self->plan.calm = plan->calm || plan->contest;
    if (!self->plan.bad_events)
        self->plan.bad_events = BAD_EVENTS_DEFAULT;
    self->rng = (struct rng){.state = seed};
    self->now_us = BEGIN_US;
    self->arena = arena_new(0);
    self->timing = draw_timing(self);
    self->watch.due = on_watch;
    enter(self, SIM_BAD_TIME);
    if (self->plan.contest)
        contest_begin(self);
    else
        masters_begin(self);
    sim_agents_begin(self);
    sim_frameworks_begin(self);
    faults_begin(self);
    sim_after(self, &self->watch, WATCH_US);
    return self;
}

void sim_destroy(struct sim **self_p)
{
    struct sim *self = *self_p;

    if (!self)
        return;
    sim_frameworks_fini(self);
    sim_agents_fini(self);
    masters_fini(self);
    net_fini(self);
    facts_fini(self);
    operator_fini(self);
    deadlines_fini(&self->queue);
    arena_destroy(&self->arena);
    free(self);
    *self_p = NULL;
}
