/* tests/sim/looks.c - checks of tasks: what an agent looks at, what it finds, and what it must make of it.
 *
 * Held here: of each check one goes on at a time, and only while the task runs and is not being ended; a task
 * is ended for its health exactly after so many failures in a row, and never in its grace.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/sim/world.h"

#define FAILURES    2
#define GRACE_MS    6000
#define INTERVAL_MS 700
#define LOOK_US     ((int64_t)US_PER_S) /* the longest that one takes */

void looks_draw(struct sim *sim, struct task_info *task, struct arena *arena)
{
    struct check_info *infos;
    struct tcp_check *tcp;
    struct command_info *command;

    if (sim->plan.calm || !sim_chance(sim, 40))
        return;
    infos = arena_array(arena, 2, sizeof(*infos));
    tcp = arena_alloc(arena, sizeof(*tcp));
    command = arena_alloc(arena, sizeof(*command));
    tcp->port = 80;
    command->value = "look";
    infos[0] = (struct check_info){.tcp = tcp,
                                   .interval_ms = INTERVAL_MS,
                                   .grace_ms = GRACE_MS,
                                   .consecutive_failures = FAILURES,
                                   .report_only = sim_chance(sim, 20)};
    infos[1] = (struct check_info){
        .command = command, .interval_ms = INTERVAL_MS, .delay_ms = sim_between(sim, 0, 3000)};
    task->health_check = &infos[0];
    if (sim_chance(sim, 50))
        task->check = &infos[1];
}

/* --- what is found ------------------------------------------------------------------------------ */

static bool passes(struct container *self)
{
    struct sim *sim = self->agent->process.sim;

    return !self->is_flaky || sim->phase != SIM_BAD_TIME || sim_chance(sim, 45);
}

static void tell(struct container *self, int64_t number, const struct check_status *result)
{
    struct message event = MESSAGE(CONTAINER_CHECKED, container_checked, .container_id = self->id,
                                   .number = number, .result = result);

    agent_hears_container(self->agent, &event);
}

/* What the agent must make of it. */
static void judge(struct container *self, bool passed, bool reports_only)
{
    struct sim *sim = self->agent->process.sim;
    int64_t grace_us = (int64_t)GRACE_MS * US_PER_MS;

    self->failures = passed ? 0 : self->failures + 1;
    if (passed)
        self->has_passed = true;
    if (self->failures >= FAILURES && !reports_only &&
        (self->has_passed || sim->now_us >= self->first_heard_us + grace_us))
        self->fact->is_unhealthy = true;
}

static bool must_end(const struct container *self, bool was_outside, bool reports_only)
{
    return was_outside && !reports_only && self->failures >= FAILURES;
}

static void on_health(void *owner, struct deadline *deadline)
{
    struct look *look = CONTAINER_OF(deadline, struct look, end);
    struct container *self = look->container;
    struct sim *sim = owner;
    struct check_status result = {.kind = CHECK_TCP, .passed = passes(self)};
    int64_t number = look->number;
    bool was_outside;

    if (!sim_event_begins(sim))
        return;
    look->number = 0;
    /* By any clock, and for as many failures as it takes. */
    was_outside = sim->now_us > self->last_heard_us + (int64_t)GRACE_MS * US_PER_MS +
                                    FAILURES * (LOOK_US + INTERVAL_MS * US_PER_MS);
    judge(self, result.passed, self->reports_only);
    if (self->agent->core) {
        tell(self, number, &result);
        if (must_end(self, was_outside, self->reports_only) && self->state == CONTAINER_RUNS &&
            !self->is_signalled)
            sim_fail(sim, "%s: task %s has failed its health check %u times and goes on",
                     self->agent->process.name, self->fact->key, self->failures);
    }
    sim_event_ends(sim);
}

static void on_check(void *owner, struct deadline *deadline)
{
    struct look *look = CONTAINER_OF(deadline, struct look, end);
    struct container *self = look->container;
    struct sim *sim = owner;
    struct check_status result = {.kind = CHECK_COMMAND, .passed = passes(self)};
    int64_t number = look->number;

    if (!sim_event_begins(sim))
        return;
    look->number = 0;
    result.exit_code = !result.passed;
    if (self->agent->core)
        tell(self, number, &result);
    sim_event_ends(sim);
}

/* --- orders ------------------------------------------------------------------------------------- */

void looks_init(struct container *self)
{
    self->health = (struct look){.container = self, .end.due = on_health};
    self->check = (struct look){.container = self, .end.due = on_check};
}

void looks_on_order(struct container *self, const struct msg_check_container *order)
{
    struct look *look = order->check->tcp ? &self->health : &self->check;
    struct sim *sim = self->agent->process.sim;

    if (look->number)
        sim_fail(sim, "task %s is looked at twice at once", self->fact->key);
    if (self->is_signalled)
        sim_fail(sim, "task %s is being ended, and is looked at", self->fact->key);
    if (self->state == CONTAINER_STARTING)
        sim_fail(sim, "task %s does not run yet, and is looked at", self->fact->key);
    self->reports_only = order->check->tcp ? order->check->report_only : self->reports_only;
    if (self->state == CONTAINER_ENDED)
        return; /* which its agent is still to hear */
    look->number = order->number;
    sim_after(sim, &look->end, sim_between(sim, 1000, LOOK_US));
}

void looks_end(struct container *self)
{
    struct deadlines *queue = &self->agent->process.sim->queue;

    deadline_cancel(queue, &self->health.end);
    deadline_cancel(queue, &self->check.end);
    self->health.number = self->check.number = 0;
    self->failures = 0;
}
