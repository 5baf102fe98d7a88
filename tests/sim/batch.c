/* tests/sim/batch.c - good frameworks: one that has jobs to be done, one that keeps services running.
 *
 * A job is tried under a new task id until an attempt has finished. What is unreachable or unknown
 * is given a while to come back; an attempt that was given up and comes back is killed. Whoever
 * begins anew asks about all that he left behind, until he is answered.
 */
#include <stdio.h>
#include <string.h>

#include "framework-sdk/core/driver.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

#define PATIENCE_US (20 * (int64_t)US_PER_S)
#define LAUNCH_MAX  4 /* tasks in one accept */

/* --- jobs -------------------------------------------------------------------------------------- */

static struct job *job_of(struct sim_framework *self, const char *task_id)
{
    for (size_t i = 0; i < self->jobs_count; i++)
        if (!strcmp(self->jobs[i].task_id, task_id))
            return &self->jobs[i];
    return NULL;
}

static bool is_alive(const struct job *job)
{
    return job->state == JOB_LAUNCHED || job->state == JOB_RUNS || job->state == JOB_LOST;
}

/* Later attempts go well, so that every job is done at last. */
static void draw_command(struct sim_framework *self, struct job *job)
{
    static const char *const troubles[] = {"1",   "0 unstartable", "0 greedy", "3 stubborn",
                                           "137", "0 stubborn",    "0 flaky",  "0 flaky stubborn"};
    static const char *const hard_lives[] = {
        "run 3000 1 executor", "run 500 1 executor", "run -1 0 executor mute",
        "run 1 0 executor unstartable", "run -1 0 executor stubborn"};
    struct sim *sim = self->sim;
    bool is_service = self->character == &service_character;
    long long run_ms = is_service ? -1 : sim_between(sim, 1, sim_chance(sim, 80) ? 5000 : 60000);
    bool has_trouble = job->attempts < 4 && sim_chance(sim, 30);

    if (job->is_executor)
        snprintf(job->command, sizeof(job->command), "%s",
                 has_trouble ? SIM_PICK(sim, hard_lives) : "run -1 0 executor");
    else
        snprintf(job->command, sizeof(job->command), "run %lld %s", run_ms,
                 has_trouble ? SIM_PICK(sim, troubles) : "0");
}

static void next_attempt(struct sim_framework *self, struct job *job)
{
    job->attempts++;
    job->state = JOB_PENDING;
    job->is_unconfirmed = false;
    snprintf(job->task_id, sizeof(job->task_id), "f%zu-j%zu-a%u", self->number,
             (size_t)(job - self->jobs), job->attempts);
    draw_command(self, job);
}

static void begin(struct sim_framework *self)
{
    struct sim *sim = self->sim;
    size_t count = sim->plan.calm
                       ? 0
                       : (size_t)sim_between(sim, 1, self->character == &service_character ? 3 : 6);

    self->jobs_count = count;
    if (count && self->character == &batch_character && sim_chance(sim, 60))
        self->jobs[0].is_executor = true;
    for (size_t i = 0; i < count; i++)
        next_attempt(self, &self->jobs[i]);
}

void batch_add_job(struct sim_framework *self, const char *task_id, const char *command)
{
    struct job *job = &self->jobs[self->jobs_count++];

    *job = (struct job){.state = JOB_PENDING, .is_single = true};
    snprintf(job->task_id, sizeof(job->task_id), "%s", task_id);
    snprintf(job->command, sizeof(job->command), "%s", command);
}

bool batch_is_done(const struct sim_framework *self)
{
    enum job_state wanted = self->character == &service_character ? JOB_RUNS : JOB_DONE;

    for (size_t i = 0; i < self->jobs_count; i++)
        if (self->jobs[i].state != wanted || self->jobs[i].is_unconfirmed)
            return false;
    return true;
}

/* --- offers ------------------------------------------------------------------------------------ */

struct launching {
    struct instance *instance;
    struct held_offer *offer;
    struct resources left;
    struct operation_info operations[CONVERSIONS_MAX + 1];
    size_t operations_count;
    struct task_info tasks[LAUNCH_MAX];
    struct resources taken[LAUNCH_MAX];
    struct job *jobs[LAUNCH_MAX];
    size_t count;
};

/* A shared one stays for the next task. */
static void take_volume(struct launching *self, struct resources *taken)
{
    for (size_t i = 0; i < self->left.count; i++) {
        const struct resource *portion = &self->left.items[i];
        CLEANUP(resources_fini) struct resources one = {0};

        if (!resource_volume(portion) || sim_chance(self->instance->process.sim, 30))
            continue;
        if (resources_add_portion(&one, portion, NULL) < 0 || resources_add(taken, &one, NULL) < 0)
            return;
        if (!resource_is_shared(portion))
            resources_subtract(&self->left, &one, NULL);
        return;
    }
}

static bool take(struct launching *self, struct resources *ret_taken)
{
    static const char *const wishes[] = {"cpus:0.1;mem:32", "cpus:1;mem:128", "cpus:0.5;mem:64"};
    struct sim *sim = self->instance->process.sim;
    bool is_service = self->instance->framework->character == &service_character;
    CLEANUP(resources_fini) struct resources want = {0}, ports = {0};

    /* Services stay: all of them, and a job beside them, have room at once. */
    if (resources_parse(&want, is_service ? wishes[0] : SIM_PICK(sim, wishes), NULL) < 0 ||
        resources_pick(&self->left, self->offer->role, &want, ret_taken, NULL) < 0)
        return false;
    if (!is_service && sim_chance(sim, 50) &&
        resources_take_numbers(&self->left, "ports", 1, &ports, NULL) == 0 &&
        resources_add(ret_taken, &ports, NULL) < 0)
        return false;
    if (resources_subtract(&self->left, ret_taken, NULL) < 0)
        return false;
    if (self->instance->framework->character == &keeper_character)
        take_volume(self, ret_taken);
    return true;
}

/* Of those that can have cores for themselves, some want them. */
static const struct cores_info close_cores = {.policy = CORES_COMPACT, .exclusive = true};
static const struct cores_info far_cores = {.policy = CORES_SPREAD, .exclusive = true};

static const struct executor_info rules = {.registration_timeout_ms = 10000};

/* The executor that goes in front of it, or runs there already: mostly it is used. */
static const char *executor_for(const struct launching *self, const struct job *job)
{
    const struct sim_framework *framework = self->instance->framework;
    const struct job *first = &framework->jobs[0];

    if (job->is_executor || !first->is_executor || sim_chance(framework->sim, 20) ||
        strcmp(first->agent_id, self->offer->agent_id) != 0)
        return NULL;
    for (size_t i = 0; i < self->count; i++)
        if (self->jobs[i] == first)
            return first->task_id;
    return is_alive(first) && first->state != JOB_LOST ? first->task_id : NULL;
}

static bool add_task(struct launching *self, struct job *job)
{
    static const struct uri_info uris[] = {{.value = "http://host/data"}};
    struct sim *sim = self->instance->process.sim;
    struct command_info *command = arena_alloc(sim->arena, sizeof(*command));
    struct kill_policy *policy = arena_alloc(sim->arena, sizeof(*policy));
    struct task_info *task = &self->tasks[self->count];
    const char *inside = executor_for(self, job);

    if (!take(self, &self->taken[self->count]))
        return false;
    command->value = job->command;
    if (!sim->plan.calm && !inside && !job->is_executor && sim_chance(sim, 20)) {
        command->uris = uris;
        command->uris_count = 1;
    }
    policy->grace_ms = sim_between(sim, 0, 10000);
    *task =
        (struct task_info){.task_id = job->task_id,
                           .agent_id = self->offer->agent_id,
                           .command = command,
                           .kill_policy = sim_chance(sim, 50) ? policy : NULL,
                           .max_completion_ms = !sim->plan.calm && sim_chance(sim, 10) ? 30000 : 0};
    if (!sim->plan.calm && sim_chance(sim, 50))
        task->priority = sim_between(sim, -3, 3);
    if (!sim->plan.calm && sim_chance(sim, 30))
        task->preemption_policy = policy;
    task->executor = job->is_executor ? &rules : NULL;
    task->executor_id = inside;
    if (job->is_executor)
        snprintf(job->agent_id, sizeof(job->agent_id), "%s", self->offer->agent_id);
    if (!inside && !job->is_executor &&
        resources_scalar(&self->taken[self->count], "cpus") == 1000 && sim_chance(sim, 40))
        task->cores = sim_chance(sim, 50) ? &close_cores : &far_cores;
    task->resources =
        resources_to_info(&self->taken[self->count], sim->arena, &task->resources_count);
    if (!inside && !job->is_executor)
        looks_draw(sim, task, sim->arena);
    self->jobs[self->count++] = job;
    return true;
}

/* Once: it is the driver's to see that it arrives. */
static void kill_it(struct instance *self, const char *task_id)
{
    struct sim *sim = self->process.sim;

    if (driver_kill(self->driver, task_id, NULL, NULL) < 0)
        sim_fail(sim, "%s cannot kill %s", self->process.name, task_id);
    fact_on_kill(sim, self->framework, task_id);
}

/* What comes of it is told, or not; nothing but the limits may change by it. */
static void limit_it(struct instance *self, const char *task_id)
{
    const struct limit_info limit = {.name = "cpus",
                                     .scalar = sim_between(self->process.sim, 0, 4000)};
    const struct msg_change_limits call = {.task_id = task_id, .limits = &limit, .limits_count = 1};

    driver_change_limits(self->driver, &call, NULL); /* it may not be connected */
}

static bool has_second_thoughts(struct sim *sim)
{
    return sim->phase == SIM_BAD_TIME && !sim->plan.calm && sim_chance(sim, 3);
}

static void accept_it(struct launching *self)
{
    const char *offer_id = self->offer->id;
    struct instance *instance = self->instance;
    const struct filters filters = {.refuse_ms = sim_between(instance->process.sim, -1, 3000)};
    const struct msg_accept accept = {.offer_ids = &offer_id,
                                      .offer_ids_count = 1,
                                      .operations = self->operations,
                                      .operations_count =
                                          self->operations_count + (self->count ? 1 : 0),
                                      .filters = &filters};
    struct err err;

    self->operations[self->operations_count] = (struct operation_info){
        .kind = OPERATION_LAUNCH, .tasks = self->tasks, .tasks_count = self->count};
    pods_draw(instance, &self->operations[self->operations_count], self->tasks, self->count);
    if (driver_accept(instance->driver, &accept, &err) < 0) {
        sim_fail(instance->process.sim, "%s cannot accept: %s", instance->process.name, err.text);
        return;
    }
    pods_on_launch(instance, &self->operations[self->operations_count]);
    for (size_t i = 0; i < self->count; i++) {
        fact_on_launch(instance->process.sim, instance->framework, self->jobs[i]->task_id);
        self->jobs[i]->state = JOB_LAUNCHED;
        if (has_second_thoughts(instance->process.sim))
            kill_it(instance, self->jobs[i]->task_id);
    }
}

static void answer(struct instance *self, struct held_offer *offer)
{
    struct sim_framework *framework = self->framework;
    struct launching launching = {.instance = self, .offer = offer};
    const char *id = offer->id;

    resources_copy(&launching.left, &offer->resources);
    if (framework->character == &keeper_character)
        launching.operations_count =
            keeper_convert(self, offer, &launching.left, launching.operations);
    for (size_t i = 0; i < framework->jobs_count && launching.count < LAUNCH_MAX; i++)
        if (framework->jobs[i].state == JOB_PENDING)
            add_task(&launching, &framework->jobs[i]);
    if (launching.count || launching.operations_count)
        accept_it(&launching);
    else if (driver_decline(self->driver, &id, 1, sim_between(framework->sim, -1, 5000), NULL) < 0)
        sim_fail(framework->sim, "%s cannot decline %s", self->process.name, id);
    for (size_t i = 0; i < LAUNCH_MAX; i++)
        resources_fini(&launching.taken[i]);
    resources_fini(&launching.left);
    instance_drop_offer(self, offer);
}

static void on_offers(struct instance *self)
{
    while (self->offers)
        answer(self, self->offers);
}

/* --- updates ----------------------------------------------------------------------------------- */

static void on_end(struct sim_framework *self, struct job *job, enum task_state state)
{
    if (state == TASK_FINISHED || job->is_single)
        job->state = JOB_DONE;
    else
        next_attempt(self, job);
}

static void on_update(struct instance *self, const struct task_status *status)
{
    struct sim_framework *framework = self->framework;
    struct job *job = job_of(framework, status->task_id);

    if (!job) {
        if (!task_state_is_terminal(status->state) && status->state != TASK_UNKNOWN &&
            status->state != TASK_UNREACHABLE)
            kill_it(self, status->task_id);
        return;
    }
    if (!is_alive(job))
        return;
    job->is_unconfirmed = false;
    if (task_state_is_terminal(status->state)) {
        on_end(framework, job, status->state);
    } else if (status->state == TASK_UNREACHABLE || status->state == TASK_UNKNOWN) {
        if (job->state != JOB_LOST)
            job->lost_since_us = framework->sim->now_us;
        job->state = JOB_LOST;
    } else {
        job->state = status->state == TASK_STAGING ? JOB_LAUNCHED : JOB_RUNS;
    }
}

/* --- now and then ------------------------------------------------------------------------------ */

static int64_t pending(const struct sim_framework *self)
{
    int64_t count = 0;

    for (size_t i = 0; i < self->jobs_count; i++)
        count += self->jobs[i].state == JOB_PENDING;
    return count;
}

/* Some say what they need: enough for any job, or nothing in particular again. */
static void state_needs(struct instance *self)
{
    struct sim *sim = self->process.sim;
    const struct resource_info minimum[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 100},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = 32000},
    };
    const struct resource_info wanted[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1000},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = 128000},
        {.name = "ports", .kind = VALUE_SCALAR, .scalar = 1000},
    };
    struct sim_framework *framework = self->framework;
    const struct need_info need = {.name = "job",
                                   .count = framework->states_needs ? pending(framework) : 0,
                                   .priority = sim_between(sim, -2, 4),
                                   .minimum = minimum,
                                   .minimum_count = ARRAY_SIZE(minimum),
                                   .wanted = wanted,
                                   .wanted_count = ARRAY_SIZE(wanted)};
    const struct role_needs needs = {
        .role = self->framework->role, .needs = &need, .needs_count = sim_chance(sim, 80) ? 1 : 0};

    if (!sim->plan.calm && (framework->states_needs || sim_chance(sim, 40)))
        driver_set_needs(self->driver, &needs, NULL);
}

static void on_registered(struct instance *self)
{
    struct sim_framework *framework = self->framework;

    state_needs(self);
    /* A new framework: nobody will ever speak of what the old one had. */
    for (size_t i = 0; i < framework->jobs_count; i++) {
        struct job *job = &framework->jobs[i];

        if (is_alive(job) && !fact_find(framework->sim, framework->id, job->task_id))
            next_attempt(framework, job);
        if (!is_alive(job))
            job->is_unconfirmed = false;
    }
    /* What this instance has not launched, its driver is told of; it asks until it is answered. */
    for (size_t i = 0; i < framework->jobs_count; i++) {
        const struct job *job = &framework->jobs[i];
        const struct task_ref ref = {.task_id = job->task_id};

        if (is_alive(job) && job->is_unconfirmed && driver_reconcile(self->driver, &ref, NULL) < 0)
            sim_fail(framework->sim, "%s cannot name %s", self->process.name, job->task_id);
    }
}

static void think(struct instance *self)
{
    struct sim_framework *framework = self->framework;
    struct sim *sim = framework->sim;
    bool is_bad_time = sim->phase == SIM_BAD_TIME && !sim->plan.calm;

    if (framework->states_needs && pending(framework) && sim_chance(sim, 10))
        state_needs(self);

    for (size_t i = 0; i < framework->jobs_count; i++) {
        struct job *job = &framework->jobs[i];

        if (job->state == JOB_LOST && sim->now_us > job->lost_since_us + PATIENCE_US &&
            !job->is_single)
            next_attempt(framework, job);
        if (job->state == JOB_DONE && is_bad_time)
            next_attempt(framework, job);
        if (job->state == JOB_RUNS && has_second_thoughts(sim))
            kill_it(self, job->task_id);
        else if (job->state == JOB_RUNS && has_second_thoughts(sim))
            limit_it(self, job->task_id);
    }
    keeper_ask(self);
}

const struct character batch_character = {.name = "batch",
                                          .is_good = true,
                                          .begin = begin,
                                          .on_registered = on_registered,
                                          .on_offers = on_offers,
                                          .on_update = on_update,
                                          .think = think};

const struct character keeper_character = {.name = "keeper",
                                           .is_good = true,
                                           .begin = begin,
                                           .on_registered = on_registered,
                                           .on_offers = on_offers,
                                           .on_update = on_update,
                                           .on_operation = keeper_on_operation,
                                           .think = think};

const struct character service_character = {.name = "service",
                                            .is_good = true,
                                            .begin = begin,
                                            .on_registered = on_registered,
                                            .on_offers = on_offers,
                                            .on_update = on_update,
                                            .think = think};

/* --- scenarios --------------------------------------------------------------------------------- */

void sim_launch(struct sim *self, const char *task_id, const char *command)
{
    batch_add_job(self->frameworks[0], task_id, command);
    if (self->frameworks[0]->current)
        (void)driver_revive(self->frameworks[0]->current->driver, NULL, NULL);
}

void sim_kill(struct sim *self, const char *task_id)
{
    (void)driver_kill(self->frameworks[0]->current->driver, task_id, NULL, NULL);
}
