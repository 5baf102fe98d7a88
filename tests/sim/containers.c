/* tests/sim/containers.c - a model of the launcher and of what runs in its containers.
 *
 * A task's command says what becomes of it: "run MS CODE [WORD...]": it runs so many ms (negative:
 * for ever) and exits with the code. `stubborn` does not mind SIGTERM, `unstartable` never starts,
 * `greedy` is ended by its limit of memory. What a container holds is held until it has really
 * ended; the agent hears of that a little later.
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
    CLEANUP(buf_fini) struct buf lack = {0};
    struct err err;

    if (resources_from_info(&self->resources, order->resources, order->resources_count, &err) < 0 ||
        resources_add(&agent->in_use, &self->resources, &err) < 0) {
        sim_fail(sim, "%s: container %s: %s", agent->process.name, self->id, err.text);
        return;
    }
    if (resources_contain(&agent->total, &agent->in_use))
        return;
    resources_describe_lack(&agent->total, &agent->in_use, &lack);
    sim_fail(sim, "%s runs more than it has with %s: %s", agent->process.name, self->id,
             buf_text(&lack));
}

/* What it has counts no more. */
static void release(struct container *self)
{
    if (resources_subtract(&self->agent->in_use, &self->resources, NULL) < 0)
        sim_fail(self->agent->process.sim, "container %s held what it did not hold", self->id);
    resources_fini(&self->resources);
}

/* It is over, whether or not anybody has heard. */
static void ends(struct container *self)
{
    bool success = !self->signal && !self->code && !self->cannot_start && !self->is_greedy;

    if (self->state == CONTAINER_ENDED)
        return;
    fact_on_container_end(self->fact, self, success && self->state == CONTAINER_RUNS);
    self->state = CONTAINER_ENDED;
    release(self);
}

static void container_free(struct container *self)
{
    ends(self);
    deadline_cancel(&self->agent->process.sim->queue, &self->step);
    DL_DELETE(self->agent->containers, self);
    free(self);
}

void containers_end(struct sim_agent *agent)
{
    while (agent->containers) {
        agent->containers->signal = SIGKILL;
        container_free(agent->containers);
    }
}

/* --- its life ---------------------------------------------------------------------------------- */

static void report_start(struct container *self)
{
    struct sim_agent *agent = self->agent;
    struct message event = MESSAGE(CONTAINER_STARTED, container_started, .container_id = self->id,
                                   .pid = 100 + (int64_t)agent->process.sim->containers_count);

    self->state = CONTAINER_RUNS;
    if (self->run_ms >= 0)
        sim_after(agent->process.sim, &self->step, self->run_ms * US_PER_MS);
    agent_hears_container(agent, &event);
}

static void report_end(struct container *self)
{
    struct sim_agent *agent = self->agent;
    int signal = self->is_greedy ? SIGKILL : self->signal;
    const struct exit_info exit = {.code = signal ? 0 : self->code, .signal = signal};
    char id[sizeof(self->id)];
    struct message event =
        MESSAGE(CONTAINER_EXITED, container_exited, .container_id = id,
                .exit = self->cannot_start ? NULL : &exit,
                .error = self->cannot_start ? "no such program" : "",
                .limitation = self->is_greedy ? REASON_CONTAINER_LIMITATION_MEMORY : 0);

    memcpy(id, self->id, sizeof(id));
    container_free(self);
    agent_hears_container(agent, &event);
}

static void end_soon(struct container *self)
{
    struct sim *sim = self->agent->process.sim;

    ends(self);
    sim_after(sim, &self->step, sim_between(sim, 10, 5000));
}

static void on_step(void *owner, struct deadline *deadline)
{
    struct container *self = CONTAINER_OF(deadline, struct container, step);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    if (self->state == CONTAINER_ENDED)
        report_end(self);
    else if (self->state == CONTAINER_RUNS || self->cannot_start || self->signal)
        end_soon(self);
    else
        report_start(self);
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
}

static const char *variable(const struct msg_launch_container *order, const char *name)
{
    for (size_t i = 0; i < order->command->env_count; i++)
        if (!strcmp(order->command->env[i].name, name))
            return order->command->env[i].value;
    return "";
}

static void launch(struct sim_agent *agent, const struct msg_launch_container *order)
{
    struct container *self = mem_new(struct container);
    struct sim *sim = agent->process.sim;

    self->agent = agent;
    snprintf(self->id, sizeof(self->id), "%s", order->container_id);
    self->step.due = on_step;
    read_command(self, order->command->value);
    DL_APPEND(agent->containers, self);
    sim->containers_count++;
    sim_trace(sim, "%s launches %s", agent->process.name, self->id);
    hold(self, order);
    self->fact =
        fact_get(sim, variable(order, "PROFFER_FRAMEWORK_ID"), variable(order, "PROFFER_TASK_ID"));
    fact_on_contained(self->fact, self);
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
    sim_after(sim, &self->step, sim_between(sim, 100, kill ? 20000 : 800000));
}

void container_order(struct sim_agent *agent, const struct message *order)
{
    struct container *self;

    if (order->type == MSG_LAUNCH_CONTAINER) {
        launch(agent, order->launch_container);
        return;
    }
    DL_FOREACH (agent->containers, self)
        if (!strcmp(self->id, order->signal_container->container_id))
            break;
    if (self)
        signal_it(self, order->signal_container->kill);
}
