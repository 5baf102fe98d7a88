/* tests/sim/containers.c - a model of the launcher and of what runs in its containers.
 *
 * A task's command says what becomes of it: "run MS CODE [WORD...]": it runs so many ms (negative:
 * for ever) and exits with the code. `stubborn` does not mind SIGTERM, `unstartable` never starts, of
 * which now and then only the launcher knows that tells it; `greedy` is ended by its limit of memory. What a container holds is held until it has really
 * ended; the agent hears of that a little later. Containers and how they ended outlive the agent, until
 * it says that it has written that down; a new one is told again. Held here: a new agent knows all that
 * runs.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

/* --- what it holds ----------------------------------------------------------------------------- */

static void hold(struct container *self, const struct msg_launch_container *order)
{
    struct sim_agent *agent = self->agent;
    struct sim *sim = agent->process.sim;
    CLEANUP(resources_fini) struct resources all = {0};
    CLEANUP(buf_fini) struct buf lack = {0};
    struct err err;

    if (self->is_holder)
        return; /* what it is granted its tasks are */
    if (resources_from_info(&self->volumes, order->resources, order->resources_count, &err) < 0) {
        sim_fail(sim, "%s: container %s: %s", agent->process.name, self->id, err.text);
        return;
    }
    volumes_check_launch(agent, self);
    resources_unshared(&self->resources, &self->volumes);
    resources_strip(&self->resources, &self->resources);
    if (*self->holder)
        resources_copy(&self->granted, &self->resources);
    resources_copy(&self->room, &self->resources);
    if (resources_add(&agent->in_use, &self->resources, &err) < 0) {
        sim_fail(sim, "%s: container %s: %s", agent->process.name, self->id, err.text);
        return;
    }
    resources_strip(&agent->total, &all);
    if (resources_contain(&all, &agent->in_use))
        return;
    resources_describe_lack(&all, &agent->in_use, &lack);
    sim_fail(sim, "%s runs more than it has with %s: %s", agent->process.name, self->id,
             buf_text(&lack));
}

static void hold_volumes(struct container *self, const struct msg_launch_container *order)
{
    for (size_t i = 0; i < order->volumes_count && self->held_count < HELD_MAX; i++)
        if (!order->volumes[i].shared)
            snprintf(self->held[self->held_count++], sizeof(self->held[0]), "%s",
                     order->volumes[i].path);
}

/* What it has counts no more. */
static void release(struct container *self)
{
    if (resources_subtract(&self->agent->in_use, &self->resources, NULL) < 0)
        sim_fail(self->agent->process.sim, "container %s held what it did not hold", self->id);
    resources_fini(&self->resources);
    resources_fini(&self->volumes);
}

/* It is over, whether or not anybody has heard. */
static void ends(struct container *self)
{
    bool success = !self->signal && !self->code && !self->cannot_start && !self->is_greedy;

    if (self->state == CONTAINER_ENDED)
        return;
    executor_end(self);
    fact_on_container_end(self->fact, self, success && self->state == CONTAINER_RUNS);
    looks_end(self);
    self->state = CONTAINER_ENDED;
    release(self);
}

static void container_free(struct container *self)
{
    ends(self);
    deadline_cancel(&self->agent->process.sim->queue, &self->step);
    deadline_cancel(&self->agent->process.sim->queue, &self->report);
    deadline_cancel(&self->agent->process.sim->queue, &self->hangup);
    deadline_cancel(&self->agent->process.sim->queue, &self->limits_set);
    DL_DELETE(self->agent->containers, self);
    resources_fini(&self->granted);
    resources_fini(&self->room);
    resources_fini(&self->asked);
    free(self);
}

void containers_end(struct sim_agent *agent)
{
    struct container *container;

    DL_FOREACH (agent->containers, container) {
        struct deadlines *queue = &agent->process.sim->queue;

        container->fact->is_unseen = true;
        if (container->state != CONTAINER_ENDED)
            container->signal = SIGKILL;
        ends(container);
        deadline_cancel(queue, &container->step);
        deadline_cancel(queue, &container->report);
    }
}

void containers_fini(struct sim_agent *agent)
{
    while (agent->containers)
        container_free(agent->containers);
}

/* --- its life ---------------------------------------------------------------------------------- */

static void tell_start(struct container *self)
{
    int64_t now_us = self->agent->process.sim->now_us;
    struct message event =
        MESSAGE(CONTAINER_STARTED, container_started, .container_id = self->id, .pid = 4711);

    if (!self->first_heard_us)
        self->first_heard_us = now_us;
    self->last_heard_us = now_us;
    agent_hears_container(self->agent, &event);
}

static void starts(struct container *self)
{
    struct sim_agent *agent = self->agent;

    self->state = CONTAINER_RUNS;
    if (self->is_executor && !self->is_mute)
        executor_begin(self);
    self->fact->has_started = true;
    if (self->run_ms >= 0)
        sim_after(agent->process.sim, &self->step, self->run_ms * US_PER_MS);
    if (agent->core)
        tell_start(self);
}

static const char *error_of(const struct container *self)
{
    if (self->cannot_start && !self->is_not_launched)
        return "no such program";
    return self->fact->is_unseen ? "its shim is gone" : "";
}

static void tell_end(struct container *self)
{
    int signal = self->is_greedy ? SIGKILL : self->signal;
    bool is_seen = !self->cannot_start && !self->fact->is_unseen && !self->is_not_launched;
    const struct exit_info exit = {.code = signal ? 0 : self->code, .signal = signal};
    char id[sizeof(self->id)]; /* the answer may take the container away */
    struct message event =
        MESSAGE(CONTAINER_EXITED, container_exited, .container_id = id,
                .exit = is_seen ? &exit : NULL, .error = error_of(self),
                .limitation = self->is_greedy ? REASON_CONTAINER_LIMITATION_MEMORY : 0,
                .never_launched = self->is_not_launched);

    memcpy(id, self->id, sizeof(id));
    pods_on_told(self);
    agent_hears_container(self->agent, &event);
}

static void report_soon(struct container *self)
{
    struct sim *sim = self->agent->process.sim;

    sim_after(sim, &self->report, sim_between(sim, 10, 5000));
}

static void end_soon(struct container *self)
{
    ends(self);
    report_soon(self);
}

static void on_report(void *owner, struct deadline *deadline)
{
    struct container *self = CONTAINER_OF(deadline, struct container, report);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    if (self->agent->core && self->state == CONTAINER_ENDED)
        tell_end(self);
    else if (self->agent->core && self->state == CONTAINER_RUNS)
        tell_start(self);
    sim_event_ends(sim);
}

/* Now and then something has to be fetched first. */
static bool fetches(struct container *self)
{
    struct sim *sim = self->agent->process.sim;
    struct message event = MESSAGE(CONTAINER_FETCHING, container_fetching, .container_id = self->id,
                                   .bytes = (int64_t)sim_below(sim, 1000));

    if (!self->has_uris || sim_chance(sim, 40))
        return false;
    sim_after(sim, &self->step, sim_between(sim, 1000, 2000000));
    self->is_fetching = true;
    if (self->agent->core)
        agent_hears_container(self->agent, &event);
    return true;
}

static void on_step(void *owner, struct deadline *deadline)
{
    struct container *self = CONTAINER_OF(deadline, struct container, step);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    if (self->state == CONTAINER_RUNS || self->cannot_start || self->signal)
        end_soon(self);
    else if (!fetches(self))
        starts(self);
    sim_event_ends(sim);
}

/* --- without an agent, and with a new one ------------------------------------------------------ */

/* However it left: who looks is its launcher's. */
void containers_end_looks(struct sim_agent *agent)
{
    struct container *container;

    DL_FOREACH (agent->containers, container)
        looks_end(container);
}

void containers_lose_agent(struct sim_agent *agent)
{
    struct container *container;

    DL_FOREACH (agent->containers, container) {
        deadline_cancel(&agent->process.sim->queue, &container->report);
        container->fact->is_told = false; /* it is told again */
        if (container->is_refused && container->state == CONTAINER_ENDED)
            container->is_not_launched = container->fact->is_not_launched = true;
        if (container->state != CONTAINER_STARTING || container->signal || container->is_fetching ||
            !sim_chance(agent->process.sim, 30))
            continue;
        deadline_cancel(&agent->process.sim->queue, &container->step);
        container->is_not_launched = container->fact->is_not_launched = true;
        ends(container);
    }
}

static bool is_listed(const char *id, const char *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(ids[i], id))
            return true;
    return false;
}

static struct container *find(struct sim_agent *agent, const char *id)
{
    struct container *container;

    DL_FOREACH (agent->containers, container)
        if (!strcmp(container->id, id))
            return container;
    return NULL;
}

void containers_recover(struct sim_agent *agent, const char *const *ids, size_t count)
{
    struct container *container, *next;

    DL_FOREACH_SAFE (agent->containers, container, next) {
        if (is_listed(container->id, ids, count))
            continue;
        if (container->state != CONTAINER_ENDED)
            sim_fail(agent->process.sim, "%s does not know of %s, which runs", agent->process.name,
                     container->fact->key);
        container_free(container);
    }
    for (size_t i = 0; i < count; i++) {
        container = find(agent, ids[i]);
        if (container) {
            container->is_signalled = false;
            report_soon(container);
        } else {
            sim_fail(agent->process.sim, "%s asks for %s, which it has forgotten",
                     agent->process.name, ids[i]);
        }
    }
}

void container_lose_shim(struct sim_agent *agent)
{
    struct container *container;

    DL_FOREACH (agent->containers, container)
        if (container->state == CONTAINER_RUNS)
            break;
    if (!container)
        return;
    sim_trace(agent->process.sim, "the shim of %s is killed", container->id);
    container->fact->is_unseen = true;
    container->signal = SIGKILL;
    end_soon(container);
}

/* --- cores ------------------------------------------------------------------------------------- */

/* Who has cores for itself has them alone, from its launch to its end. */
static void check_cores(struct sim_agent *agent)
{
    const struct container *one, *other;

    DL_FOREACH (agent->containers, one) {
        if (!one->is_exclusive || one->state == CONTAINER_ENDED)
            continue;
        DL_FOREACH (agent->containers, other) {
            struct numbers both = one->cpus;

            numbers_intersect(&both, &other->cpus);
            if (other != one && other->state != CONTAINER_ENDED && numbers_count(&both))
                sim_fail(agent->process.sim, "%s: %s runs on cores that %s has for itself",
                         agent->process.name, other->fact->key, one->fact->key);
        }
    }
}

static void put(struct container *self, const char *cpus)
{
    if (numbers_parse(cpus, &self->cpus) < 0 || (*cpus && !numbers_count(&self->cpus)))
        sim_fail(self->agent->process.sim, "container %s: cpus \"%s\"", self->id, cpus);
}

static void update(struct sim_agent *agent, const struct msg_update_container *order)
{
    struct container *self = find(agent, order->container_id);

    if (!self)
        return;
    if (*order->cpus && self->state != CONTAINER_ENDED)
        put(self, order->cpus);
    if (!order->number)
        return;
    self->limits_asked = order->number;
    resources_fini(&self->asked);
    if (resources_from_info(&self->asked, order->resources, order->resources_count, NULL) < 0)
        sim_fail(agent->process.sim, "container %s is to have what nothing can be", self->id);
    resources_strip(&self->asked, &self->asked);
    sim_after(agent->process.sim, &self->limits_set, sim_between(agent->process.sim, 100, 50000));
}

/* Some cannot be set. */
static void on_limits_set(void *owner, struct deadline *deadline)
{
    struct container *self = CONTAINER_OF(deadline, struct container, limits_set);
    struct sim *sim = owner;
    bool has_ended = self->state == CONTAINER_ENDED;
    struct message event;

    if (!sim_event_begins(sim))
        return;
    event = MESSAGE(CONTAINER_UPDATED, container_updated, .container_id = self->id,
                    .number = self->limits_asked, .ended = has_ended,
                    .error = has_ended             ? "it has ended"
                             : sim_chance(sim, 30) ? "cgroup/memory: it is in use"
                                                   : "");
    if (!*event.container_updated->error)
        resources_swap(&self->room, &self->asked);
    if (self->agent->core)
        agent_hears_container(self->agent, &event);
    sim_event_ends(sim);
}

/* --- orders ------------------------------------------------------------------------------------ */

static void read_command(struct container *self, const char *command)
{
    long long run_ms = 0;
    int code = 0;

    if (sscanf(command, "run %lld %d", &run_ms, &code) != 2)
        code = 127;
    self->run_ms = run_ms;
    self->code = code;
    self->is_stubborn = strstr(command, "stubborn");
    self->cannot_start = strstr(command, "unstartable");
    self->is_greedy = strstr(command, "greedy");
    self->is_flaky = strstr(command, "flaky");
    self->is_executor = strstr(command, "executor");
    self->is_mute = strstr(command, "mute");
}

static const char *variable(const struct msg_launch_container *order, const char *name)
{
    for (size_t i = 0; i < order->command->env_count; i++)
        if (!strcmp(order->command->env[i].name, name))
            return order->command->env[i].value;
    return "";
}

static void on_hangup(void *owner, struct deadline *deadline)
{
    struct container *self = CONTAINER_OF(deadline, struct container, hangup);
    struct sim *sim = owner;
    uint64_t connection = self->ghost;

    if (!sim_event_begins(sim))
        return;
    self->ghost = 0;
    if (connection && self->agent->core)
        agent_hears_executor(self->agent, connection, NULL);
    sim_event_ends(sim);
}

static void launch(struct sim_agent *agent, const struct msg_launch_container *order)
{
    struct container *self = mem_new(struct container);
    struct sim *sim = agent->process.sim;

    self->agent = agent;
    snprintf(self->id, sizeof(self->id), "%s", order->container_id);
    self->step.due = on_step;
    self->hangup.due = on_hangup;
    snprintf(self->framework_id, sizeof(self->framework_id), "%s",
             variable(order, "PROFFER_FRAMEWORK_ID"));
    snprintf(self->token, sizeof(self->token), "%s", variable(order, "PROFFER_EXECUTOR_TOKEN"));
    self->report.due = on_report;
    looks_init(self);
    self->limits_set.due = on_limits_set;
    self->is_holder = order->group;
    snprintf(self->holder, sizeof(self->holder), "%s", order->holder ? order->holder : "");
    read_command(self, self->is_holder ? "run -1 0" : order->command->value);
    self->is_refused = self->cannot_start && sim_chance(sim, 50);
    self->has_uris = order->command->uris_count > 0;
    DL_APPEND(agent->containers, self);
    sim->containers_count++;
    sim_trace(sim, "%s launches %s", agent->process.name, self->id);
    hold(self, order);
    hold_volumes(self, order);
    sandboxes_on_launch(agent, self->id);
    self->fact = self->is_holder ? fact_get(sim, "holder", self->id)
                                 : fact_get(sim, variable(order, "PROFFER_FRAMEWORK_ID"),
                                            variable(order, "PROFFER_TASK_ID"));
    fact_on_contained(self->fact, self);
    pods_check_launch(self, order);
    put(self, order->cpus);
    self->is_exclusive = *variable(order, "PROFFER_CPUS");
    check_cores(agent);
    sim_after(sim, &self->step, sim_between(sim, 500, 100000));
}

static void signal_it(struct container *self, bool kill)
{
    struct sim *sim = self->agent->process.sim;

    if (self->state == CONTAINER_ENDED || self->is_dying)
        return;
    if (!kill && (self->is_stubborn || self->state == CONTAINER_STARTING))
        return;
    self->is_dying = kill;
    self->signal = kill ? SIGKILL : SIGTERM;
    if (self->is_holder && sim_chance(sim, 30)) /* its network takes its time to go */
        sim_after(sim, &self->step, sim_between(sim, 100, 3 * (int64_t)US_PER_S));
    else
        sim_after(sim, &self->step, sim_between(sim, 100, kill ? 20000 : 800000));
}

void container_order(struct sim_agent *agent, const struct message *order)
{
    struct container *self;

    if (order->type == MSG_LAUNCH_CONTAINER) {
        launch(agent, order->launch_container);
        return;
    }
    if (order->type == MSG_UPDATE_CONTAINER) {
        update(agent, order->update_container);
        return;
    }
    if (order->type == MSG_LAUNCHER_END) {
        containers_end(agent);
        return;
    }
    if (order->type == MSG_COLLECT_SANDBOXES) {
        sandboxes_on_collect(agent, order->collect_sandboxes);
        return;
    }
    if (order->type == MSG_FORGET_CONTAINER) {
        sandboxes_on_forget(agent, order->forget_container);
        self = find(agent, order->forget_container->container_id);
        if (self && self->state == CONTAINER_ENDED)
            container_free(self);
        return;
    }
    if (order->type == MSG_CHECK_CONTAINER) {
        self = find(agent, order->check_container->container_id);
        if (self)
            looks_on_order(self, order->check_container);
        return;
    }
    self = find(agent, order->signal_container->container_id);
    if (self)
        self->is_signalled = true;
    if (self)
        signal_it(self, order->signal_container->kill);
}
