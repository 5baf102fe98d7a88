/* tests/sim/facts.c - what is true of each task, beside what was said of it.
 *
 * Held here: a launch makes at most one container, ever; an end is told only of what has ended, is
 * final, and is the real one, with its exit status; what was acknowledged is not sent again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/sim/world.h"

#define KEY_MAX (2 * ID_MAX + 2)

struct fact *fact_find(const struct sim *sim, const char *framework_id, const char *task_id)
{
    char key[KEY_MAX];
    struct fact *self;

    snprintf(key, sizeof(key), "%s/%s", framework_id, task_id);
    HASH_FIND_STR(sim->facts, key, self);
    return self;
}

struct fact *fact_get(struct sim *sim, const char *framework_id, const char *task_id)
{
    struct fact *self = fact_find(sim, framework_id, task_id);
    size_t size = strlen(framework_id) + strlen(task_id) + 2;

    if (self)
        return self;
    self = mem_calloc(1, sizeof(*self) + size);
    snprintf(self->key, size, "%s/%s", framework_id, task_id);
    HASH_ADD_STR(sim->facts, key, self);
    return self;
}

void facts_fini(struct sim *sim)
{
    while (sim->facts) {
        struct fact *fact = sim->facts;

        HASH_DEL(sim->facts, fact);
        free(fact);
    }
}

/* --- launch and container ---------------------------------------------------------------------- */

void fact_on_launch(struct sim *sim, struct sim_framework *framework, const char *task_id)
{
    struct fact *self = fact_get(sim, framework->id, task_id);

    self->framework = framework;
    self->seen = TASK_STAGING;
}

void fact_on_kill(struct sim *sim, const struct sim_framework *framework, const char *task_id)
{
    struct fact *self = fact_find(sim, framework->id, task_id);

    if (self)
        self->killed_by = framework->lives;
}

void fact_on_contained(struct fact *self, struct container *container)
{
    struct sim *sim = container->agent->process.sim;

    self->containers++;
    self->agent = container->agent;
    if (!self->framework)
        return;
    /* The order was lost, and is given once more. */
    if (self->group && self->is_not_launched && !self->is_decided) {
        self->containers = 1;
        self->is_not_launched = self->has_ended = false;
    }
    if (self->containers > 1)
        sim_fail(sim, "task %s is run a second time", self->key);
    if (self->end && self->end != TASK_GONE_BY_OPERATOR)
        sim_fail(sim, "task %s is run, and its framework saw it %s", self->key,
                 task_state_name(self->end));
    self->container = container;
}

void fact_on_container_end(struct fact *self, struct container *container, bool success)
{
    if (self->container == container)
        self->container = NULL;
    self->has_succeeded = self->has_succeeded || success;
    self->has_ended = true;
    self->signal = container->is_greedy ? SIGKILL : container->signal;
    self->code = self->signal ? 0 : container->code;
}

void fact_on_inside(struct fact *self, struct container *container)
{
    fact_on_contained(self, container);
}

void fact_on_inside_end(struct fact *self, struct container *container, bool success)
{
    if (self->container == container)
        self->container = NULL;
    self->has_succeeded = self->has_succeeded || success;
}

void facts_excuse(struct sim *sim, const struct sim_agent *agent)
{
    for (struct fact *fact = sim->facts; fact; fact = fact->hh.next)
        if (fact->agent == agent) {
            fact->acknowledged_count = 0;
            fact->is_end_written = fact->is_decided = false;
        }
}

/* --- what its framework is told ---------------------------------------------------------------- */

static void check_end(struct fact *self, struct sim *sim, const struct task_status *status)
{
    const char *name = task_state_name(status->state);

    /* What an operator says of an agent, nobody on it may have heard yet. */
    if (self->container && status->state != TASK_GONE_BY_OPERATOR)
        sim_fail(sim, "task %s is told to be %s and runs on %s", self->key, name,
                 self->container->agent->process.name);
    if (status->state == TASK_FINISHED && !self->has_succeeded)
        sim_fail(sim, "task %s is told to be %s and never was", self->key, name);
}

/* Is it how it really was? */
static void check_how(const struct fact *self, struct sim *sim, const struct task_status *status)
{
    const struct exit_info *exit = status->exit;

    if (exit && (!self->has_ended || exit->code != self->code || exit->signal != self->signal))
        sim_fail(sim, "task %s is told to have ended with %d, signal %d, and ended with %d, %d",
                 self->key, (int)exit->code, (int)exit->signal, (int)self->code, (int)self->signal);
    if (status->reason == REASON_EXECUTOR_TERMINATED && status->state == TASK_DROPPED &&
        self->containers)
        sim_fail(sim, "task %s was run, and is told never to have reached its executor", self->key);
    if (strstr(status->message, "does not know it"))
        sim_fail(sim, "task %s is lost by its executor", self->key);
    if (strstr(status->message, "broke the protocol"))
        sim_fail(sim, "task %s: its executor said nothing that it must not", self->key);
    if (status->reason == REASON_EXECUTOR_TERMINATED && !self->is_unseen &&
        !strstr(status->message, "its executor"))
        sim_fail(sim, "task %s: its end was seen, and is told as if it had not been", self->key);
    if (status->reason == REASON_TASK_UNHEALTHY && !self->is_unhealthy)
        sim_fail(sim, "task %s is told to have been unhealthy, and was not", self->key);
    if (self->is_end_written && status->state == TASK_GONE)
        sim_fail(sim, "task %s: how it ended was written down, and is forgotten", self->key);
    if (status->reason == REASON_PREEMPTED && !self->is_preempted)
        sim_fail(sim, "task %s is told to have been preempted, and no master wanted that",
                 self->key);
    if (status->reason == REASON_AGENT_RESTARTED && (!self->is_not_launched || self->is_decided))
        sim_fail(sim, "task %s was launched, and is told not to have been", self->key);
}

/* It has told the others, too, before it acknowledged. */
void fact_on_seen_by_ghost(struct fact *self, const struct task_status *status)
{
    if (task_state_is_terminal(status->state))
        self->is_end_known = true;
}

void fact_on_seen(struct fact *self, struct sim *sim, const struct task_status *status)
{
    if (!self->framework)
        return;
    /* That an agent is gone is an operator's word. */
    if (self->end && self->end != status->state &&
        (self->end != TASK_GONE_BY_OPERATOR || !sim->forgets_gone))
        sim_fail(sim, "task %s was told to be %s and is now told to be %s (%s, by %s)", self->key,
                 task_state_name(self->end), task_state_name(status->state),
                 task_reason_name(status->reason), status_source_name(status->source));
    if (task_state_is_terminal(status->state)) {
        check_end(self, sim, status);
        check_how(self, sim, status);
        self->end = status->state;
        self->is_end_known = true;
    }
    self->seen = status->state;
    self->updates_seen[status->state] += status->uuid.size > 0;
}

/* --- its updates ------------------------------------------------------------------------------- */

void fact_on_sent(struct fact *self, struct sim *sim, const struct task_status *status)
{
    for (size_t i = 0; i < self->acknowledged_count; i++)
        if (!memcmp(self->acknowledged[i], status->uuid.data, UUID_BYTES))
            sim_fail(sim, "task %s: the update to %s was acknowledged and is sent again", self->key,
                     task_state_name(status->state));
    memcpy(self->sent, status->uuid.data, UUID_BYTES);
    self->sent_state = status->state;
}

void fact_on_acknowledged(struct fact *self, struct bytes uuid)
{
    if (uuid.size != UUID_BYTES || memcmp(self->sent, uuid.data, UUID_BYTES) != 0)
        return;
    if (task_state_is_terminal(self->sent_state))
        self->is_end_written = false;
    if (self->acknowledged_count < FACT_UPDATES_MAX)
        memcpy(self->acknowledged[self->acknowledged_count++], uuid.data, UUID_BYTES);
}

/* --- at the end -------------------------------------------------------------------------------- */

/* Every launch has ended, and its framework has seen that, or it runs, and the framework has seen
 * that. Of a task that was lost with its agent nobody can say more than that it is lost. */
static bool is_clear(const struct fact *self)
{
    if (self->is_end_known || (self->container && self->seen == TASK_RUNNING))
        return true;
    return !self->container && (self->seen == TASK_UNKNOWN || self->seen == TASK_UNREACHABLE);
}

bool fact_is_of(const struct fact *self, const struct sim_framework *framework)
{
    size_t size = strlen(framework->id);

    return self->framework == framework && size && !strncmp(self->key, framework->id, size) &&
           self->key[size] == '/';
}

/* A kill that was said is obeyed; whoever dies after saying it has to say it anew. */
static bool is_disobeyed(const struct fact *self)
{
    return self->container && self->killed_by && self->killed_by == self->framework->lives;
}

int facts_check(const struct sim *sim, struct err *why)
{
    for (const struct fact *fact = sim->facts; fact; fact = fact->hh.next) {
        /* What an earlier life of a framework has left, nobody speaks for. */
        if (!fact->framework || !fact_is_of(fact, fact->framework))
            continue;
        if (is_disobeyed(fact))
            return err_set(why, -EAGAIN, "task %.120s was to be killed and runs", fact->key);
        if (!is_clear(fact))
            return err_set(why, -EAGAIN, "task %.120s %s, and the last its framework heard was %s",
                           fact->key, fact->container ? "runs" : "is over",
                           task_state_name(fact->seen));
    }
    return 0;
}

enum task_state sim_seen(struct sim *self, const char *task_id)
{
    const struct fact *fact = fact_find(self, self->frameworks[0]->id, task_id);

    return fact ? fact->seen : 0;
}

size_t sim_updates_seen(struct sim *self, const char *task_id, enum task_state state)
{
    const struct fact *fact = fact_find(self, self->frameworks[0]->id, task_id);

    return fact ? fact->updates_seen[state] : 0;
}

bool sim_is_contained(struct sim *self, const char *task_id)
{
    const struct fact *fact = fact_find(self, self->frameworks[0]->id, task_id);

    return fact && fact->container;
}
