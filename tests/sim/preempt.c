/* tests/sim/preempt.c - tasks that give way: may they have to, and does it end?
 *
 * Held here, by what a master has published alone: a task gives way only to a role or a need that comes
 * before it, or to a guarantee; no role is left with less than it is guaranteed; at the end of its grace
 * it is killed, or spared; while nothing goes wrong any more only so many have to.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "master/core/master.h"
#include "tests/sim/mirror.h"
#include "tests/sim/world.h"

/* Between the longest grace and the kill: clocks of a master turn only between its lives. */
#define SLACK_US ((int64_t)US_PER_S)
/* In the whole of a settling. Each lets a unit of some need run, and jobs are few. */
#define SETTLING_MAX 400
/* In a row, of which nobody had anything: its framework may have taken the room elsewhere meanwhile. */
#define IN_VAIN_MAX 2

/* --- priorities ---------------------------------------------------------------------------------- */

static const struct mirror_role *role_find(const struct mirror *self, const char *name)
{
    const struct mirror_role *role;

    for (role = self->roles; role; role = role->hh.next)
        if (!strcmp(role->name, name))
            return role;
    return NULL;
}

static int64_t priority_of(const struct mirror *self, const char *name)
{
    char above[ID_MAX + 1];
    char *end;

    snprintf(above, sizeof(above), "%s", name);
    do {
        const struct mirror_role *role = role_find(self, above);

        if (role && role->has_priority)
            return role->priority;
        end = strrchr(above, '/');
        if (end)
            *end = '\0';
    } while (end);
    return 0;
}

static void check_order(struct mirror *self, const struct mirror_task *task,
                        const struct preempt_info *info)
{
    if (task->is_revocable || info->guarantee)
        return;
    if (!strcmp(info->role, task->role) && task->priority >= info->priority)
        sim_fail(self->sim, "task %s of priority %" PRId64 " gives way to one of %" PRId64,
                 task->key, task->priority, info->priority);
    if (strcmp(info->role, task->role) != 0 &&
        priority_of(self, task->role) >= priority_of(self, info->role))
        sim_fail(self->sim, "task %s of role %s gives way to role %s, which comes not before it",
                 task->key, task->role, info->role);
}

/* --- guarantees ---------------------------------------------------------------------------------- */

static bool is_alive(const struct mirror_task *task)
{
    return !task_state_is_terminal(task->state) && task->state != TASK_UNREACHABLE;
}

static void add_unreserved(struct resources *sum, const struct resources *more, const char *name)
{
    const struct resource *portion = resources_find(more, name, NULL, false);

    if (portion && resources_add_portion(sum, portion, NULL) < 0)
        return;
}

static int64_t reserved_for(const struct mirror *self, const char *role, const char *name)
{
    int64_t milli = 0;

    for (const struct mirror_agent *agent = self->agents; agent; agent = agent->hh.next)
        for (size_t i = 0; i < agent->total.count; i++) {
            const struct resource *item = &agent->total.items[i];

            if (item->kind == RESOURCE_SCALAR && item->role && !item->revocable &&
                role_is_within(item->role, role) && !strcmp(item->name, name))
                milli += item->milli;
        }
    return milli;
}

/* What the role keeps of one scalar when all have gone that give way. */
static int64_t kept_by(const struct mirror *self, const char *role, const char *name)
{
    CLEANUP(resources_fini) struct resources sum = {0};

    for (const struct mirror_task *task = self->tasks; task; task = task->hh.next)
        if (is_alive(task) && !task->gives_way_since_us && role_is_within(task->role, role))
            add_unreserved(&sum, &task->resources, name);
    for (const struct mirror_offer *offer = self->offers; offer; offer = offer->hh.next)
        if (role_is_within(offer->role, role))
            add_unreserved(&sum, &offer->resources, name);
    return resources_scalar(&sum, name) + reserved_for(self, role, name);
}

/* Somebody in it gathers what is not offered yet: how much it has then nobody can see. */
static bool is_gathering(const struct mirror *self, const char *role)
{
    for (const struct mirror_task *task = self->tasks; task; task = task->hh.next)
        if (task->gives_way_since_us && role_is_within(task->gives_way_to, role))
            return true;
    return false;
}

static void check_guarantees(struct mirror *self, const struct mirror_task *task,
                             const struct preempt_info *info)
{
    const struct mirror_role *role;

    for (role = self->roles; role; role = role->hh.next) {
        if (!role_is_within(task->role, role->name) || role_is_within(info->role, role->name) ||
            is_gathering(self, role->name))
            continue;
        for (size_t i = 0; i < role->guarantee.count; i++) {
            const struct resource *item = &role->guarantee.items[i];
            const struct resource *taken =
                resources_find(&task->resources, item->name, NULL, false);

            if (taken && taken->milli > 0 && kept_by(self, role->name, item->name) < item->milli)
                sim_fail(self->sim,
                         "task %s gives way, and role %s is left with less %s than it "
                         "is guaranteed",
                         task->key, role->name, item->name);
        }
    }
}

/* --- who would take others along ---------------------------------------------------------------- */

/* Not a task of a group; an executor only when its tasks do, too, or have ended. */
static void check_alone(struct mirror *self, const struct mirror_task *task)
{
    if (task->is_grouped)
        sim_fail(self->sim, "task %s of a group gives way", task->key);
    for (const struct mirror_task *other = self->tasks; other; other = other->hh.next)
        if (!strcmp(other->executor, task->key) && is_alive(other) && !other->gives_way_since_us)
            sim_fail(self->sim, "executor %s gives way, and has %s", task->key, other->key);
}

/* --- what is published --------------------------------------------------------------------------- */

static void note_begin(struct mirror *self, struct mirror_task *task,
                       const struct preempt_info *info)
{
    struct sim *sim = self->sim;
    struct mirror_agent *agent = mirror_agent(self, task->agent_id);

    sim_trace(sim, "task %s gives way to role %s", task->key, info->role);
    task->gives_way_since_us = sim->now_us;
    if (agent)
        agent->gives_way_since_us = sim->now_us;
    snprintf(task->gives_way_to, sizeof(task->gives_way_to), "%s", info->role);
    self->giving_way++;
    if (!sim->timing.preemption)
        sim_fail(sim, "task %s gives way, and this master is not to preempt", task->key);
    check_order(self, task, info);
    check_alone(self, task);
    check_guarantees(self, task, info);
    if (sim->phase != SIM_BAD_TIME && ++sim->preempted_since_settling > SETTLING_MAX)
        sim_fail(sim, "tasks give way to each other without end");
}

void preempt_on_change(struct mirror *self, struct mirror_task *task,
                       const struct preempt_info *info)
{
    if (info && !task->gives_way_since_us) {
        note_begin(self, task, info);
    } else if (!info && task->gives_way_since_us) {
        task->gives_way_since_us = 0;
        self->giving_way--;
    }
}

/* --- in vain ------------------------------------------------------------------------------------- */

static void note_offered(void *ctx, const char *name, int64_t milli)
{
    if (!strcmp(name, "master/preemptions_offered"))
        *(int64_t *)ctx = milli / 1000;
}

/* Those that were under way together may have come to nothing by one and the same thing: others in a role with a limit
 * have taken what it left. They count once. */
static void note_in_vain(struct sim_master *master, int64_t since_us)
{
    int64_t offered = 0;

    master_counters(master->core, process_now(&master->process), note_offered, &offered);
    if (offered != master->preempted_of_use)
        master->preempted_in_vain = 0;
    master->preempted_of_use = offered;
    if (master->preempted_in_vain && since_us <= master->preempted_in_vain_us)
        return;
    master->preempted_in_vain_us = master->process.sim->now_us;
    if (++master->preempted_in_vain >= IN_VAIN_MAX)
        sim_fail(master->process.sim, "%s: tasks gave way %d times in a row for nothing",
                 master->process.name, master->preempted_in_vain);
}

/* All tasks of a preemption have ended, and what they left is not what was promised: nothing that was said since
 * may have made it less. What comes of its framework's own wish (it needs something else) is told by other words. */
void preempt_on_log(struct sim_master *master, const char *text)
{
    const struct mirror_agent *agent;
    char id[ID_MAX + 1];

    if (sscanf(text, "preemption on agent %255s", id) != 1 ||
        (!strstr(text, "what became free is not enough") &&
         !strstr(text, "have not ended in time")))
        return;
    agent = mirror_agent(master->mirror, id);
    if (agent && agent->gives_way_since_us > master->mirror->less_since_us)
        note_in_vain(master, agent->gives_way_since_us);
}

void preempt_check_time(struct mirror *self)
{
    struct sim *sim = self->sim;
    int64_t longest_us = sim->timing.preemption_grace_max_ms * US_PER_MS + SLACK_US;

    for (const struct mirror_task *task = self->tasks; task; task = task->hh.next)
        if (task->gives_way_since_us && !task->kill_session &&
            sim->now_us - task->gives_way_since_us > longest_us)
            sim_fail(sim, "task %s has had its grace, and is not killed", task->key);
}
