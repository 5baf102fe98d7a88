/* master/core/check.c - do the books balance? For tests and the simulator: looks at everything. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "master/core/agents.h"
#include "master/core/departed.h"
#include "master/core/drain.h"
#include "master/core/explain.h"
#include "master/core/frameworks.h"
#include "master/core/gangs.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"
#include "master/core/preempt.h"
#include "master/core/optimistic.h"
#include "master/core/tasks.h"

#define VIOLATION(...) err_set(err, -EINVAL, __VA_ARGS__)

/* --- agents ------------------------------------------------------------------ */

static int check_account(const struct agent *agent, const char *what,
                         const struct resources *believed, const struct resources *summed,
                         struct err *err)
{
    if (resources_are_equal(believed, summed))
        return 0;
    return VIOLATION("agent %.64s: %s is not the sum of its parts", agent->id, what);
}

/* What is given out of the total; a shared volume stays in it. */
static int add_sole(struct resources *total, const struct resources *given, struct err *err)
{
    CLEANUP(resources_fini) struct resources sole = {0};

    resources_unshared(&sole, given);
    return resources_add(total, &sole, err);
}

static int check_sums(const struct agent *agent, struct err *err)
{
    CLEANUP(resources_fini) struct resources used = {0};
    CLEANUP(resources_fini) struct resources offered = {0};
    CLEANUP(resources_fini) struct resources total = {0};
    const struct offer *offer;
    const struct task *task;
    int r = 0;

    DL_FOREACH (agent->tasks, task)
        if (task->is_holding && r == 0)
            r = resources_add(&used, &task->resources, err);
    for (offer = agent->offers; offer && r == 0; offer = offer->agent_next)
        if (!offer->is_shown)
            r = resources_add(&offered, &offer->resources, err);
    resources_copy(&total, &agent->free);
    if (r == 0)
        r = add_sole(&total, &used, err);
    if (r == 0)
        r = add_sole(&total, &offered, err);
    if (r == 0)
        r = check_account(agent, "used", &agent->used, &used, err);
    return r < 0 ? r : check_account(agent, "total", &agent->total, &total, err);
}

static int check_agent_state(const struct master *master, const struct agent *agent,
                             struct err *err)
{
    bool has_session = agent_of_session(master, agent->session) == agent;

    if (agent_find(master, agent->id) != agent)
        return VIOLATION("agent %.64s is not found by its id", agent->id);
    if (has_session != (agent->state == AGENT_REGISTERED))
        return VIOLATION("agent %.64s: its session and its state disagree", agent->id);
    if (deadline_is_set(&agent->timeout) + (agent->list == AGENT_LIST_OVERDUE) +
            (agent->marking != 0) !=
        (agent->state != AGENT_REGISTERED))
        return VIOLATION("agent %.64s: its timeout and its state disagree", agent->id);
    if (agent->state != AGENT_REGISTERED && agent->offers)
        return VIOLATION("agent %.64s is away and offered", agent->id);
    if ((agent->state == AGENT_UNREACHABLE || agent->state == AGENT_RECOVERED) &&
        !resources_are_empty(&agent->total))
        return VIOLATION("agent %.64s is not there and in the pool", agent->id);
    if ((agent->state == AGENT_UNREACHABLE) != (agent->list == AGENT_LIST_UNREACHABLE))
        return VIOLATION("agent %.64s: its list and its state disagree", agent->id);
    if ((agent->state == AGENT_DISCONNECTED || agent->state == AGENT_RECOVERED) &&
        agent->list != AGENT_LIST_NONE && agent->list != AGENT_LIST_OVERDUE)
        return VIOLATION("agent %.64s is away and waits for an allocation", agent->id);
    return 0;
}

/* Free resources are offered, waiting for an allocation, or wanted by nobody. */
static int check_agent_list(const struct master *master, const struct agent *agent, struct err *err)
{
    if (!agent_is_active(agent) && agent->offers)
        return VIOLATION("agent %.64s is out of use and offered", agent->id);
    if (agent_is_active(agent) && agent->list == AGENT_LIST_NONE &&
        !resources_are_empty(&agent->free))
        return VIOLATION("agent %.64s has something free that nobody will look at", agent->id);
    if ((agent->list == AGENT_LIST_DIRTY || agent->list == AGENT_LIST_RETRY) &&
        !deadline_is_set(&master->allocation))
        return VIOLATION("agent %.64s waits for an allocation that is not due", agent->id);
    return 0;
}

/* Shared volumes that somebody has are there, and free. */
static int check_shared(const struct agent *agent, const struct resources *given, struct err *err)
{
    for (size_t i = 0; i < given->count; i++) {
        struct resource once = given->items[i]; /* borrowed */
        const struct resources one = {.items = &once, .count = 1};

        if (!resource_is_shared(&once))
            continue;
        once.copies = 1;
        if (!resources_contain(&agent->free, &one))
            return VIOLATION("agent %.64s: volume %.64s is given out and not there", agent->id,
                             once.terms->volume->id);
    }
    return 0;
}

/* There is one volume of an id in a role. */
static int check_volumes(const struct agent *agent, struct err *err)
{
    const struct resources *total = &agent->total;

    for (size_t i = 0; i < total->count; i++) {
        const struct volume *volume = resource_volume(&total->items[i]);

        for (size_t j = 0; volume && j < i; j++)
            if (resource_volume(&total->items[j]) &&
                !strcmp(resource_volume(&total->items[j])->id, volume->id) &&
                !strcmp(total->items[j].role, total->items[i].role))
                return VIOLATION("agent %.64s has two volumes %.64s", agent->id, volume->id);
        if (volume && total->items[i].copies > 1)
            return VIOLATION("agent %.64s has volume %.64s twice", agent->id, volume->id);
    }
    return 0;
}

static int check_volumes_given(const struct agent *agent, struct err *err)
{
    const struct offer *offer;
    int r = check_shared(agent, &agent->used, err);

    for (offer = agent->offers; offer && r == 0; offer = offer->agent_next)
        r = check_shared(agent, &offer->resources, err);
    return r;
}

static int check_operations(const struct agent *agent, struct err *err)
{
    const struct operation *operation;
    size_t count = 0;

    DL_FOREACH (agent->operations, operation) {
        if (operation->is_reported)
            return VIOLATION("operation %.64s is marked as reported", operation->id);
        count++;
    }
    if (count != agent->operations_count || count > AGENT_OPERATIONS_MAX)
        return VIOLATION("agent %.64s: %zu operations, %zu counted", agent->id, count,
                         agent->operations_count);
    return 0;
}

/* An allocation looks only at what changed; what it leaves is what a look at everything would leave. */
static int check_idle(const struct master *master, const struct agent *agent, struct err *err)
{
    const struct framework *framework;
    const struct subscription *subscription;

    if (agent->list != AGENT_LIST_IDLE || deadline_is_set(&master->allocation))
        return 0;
    for (framework = master->frameworks; framework; framework = framework->hh.next)
        DL_FOREACH (framework->subscriptions, subscription)
            if (subscription_wants(master, subscription) &&
                obstacle_find(master, agent, subscription, NULL) == OBSTACLE_NONE)
                return VIOLATION("agent %.64s lies idle, and framework %.64s would take it in "
                                 "role %.64s",
                                 agent->id, framework->id, subscription->role);
    return 0;
}

static int check_agents(const struct master *master, struct err *err)
{
    size_t unreachable = 0, recovered = 0, in_lists = 0, listed = 0;
    const struct agent *agent;

    for (agent = master->agents; agent; agent = agent->hh.next) {
        int r = check_sums(agent, err);

        if (r == 0)
            r = check_agent_state(master, agent, err);
        if (r == 0)
            r = check_agent_list(master, agent, err);
        if (r == 0)
            r = optimistic_check_agent(master, agent, err);
        if (r == 0)
            r = check_volumes(agent, err);
        if (r == 0)
            r = check_volumes_given(agent, err);
        if (r == 0)
            r = check_operations(agent, err);
        if (r == 0)
            r = check_idle(master, agent, err);
        if (r < 0)
            return r;
        unreachable += agent->state == AGENT_UNREACHABLE;
        recovered += agent->state == AGENT_RECOVERED;
        listed += agent->list != AGENT_LIST_NONE;
    }
    for (size_t i = 0; i < AGENT_LIST_MAX; i++) {
        size_t length;

        DL_COUNT(master->lists[i], agent, length);
        in_lists += length;
    }
    if (recovered != master->recovered_count)
        return VIOLATION("%zu agents are recovered, %zu counted", recovered,
                         master->recovered_count);
    if (master->lists[AGENT_LIST_OVERDUE] && !master->is_removal_held &&
        !deadline_is_set(&master->removal))
        return VIOLATION("an agent is overdue, and nobody will look at it");
    if (unreachable != master->unreachable_count || listed != in_lists)
        return VIOLATION("lists of agents: %zu unreachable of %zu, %zu listed of %zu", unreachable,
                         master->unreachable_count, in_lists, listed);
    return 0;
}

/* --- offers and filters ------------------------------------------------------ */

static int check_offer(const struct master *master, const struct framework *framework,
                       const struct offer *offer, struct err *err)
{
    if (offer_table_find(&master->offers, offer->number) != offer ||
        offer->subscription->framework != framework)
        return VIOLATION("offer %.64s is not found by its id, or is another's", offer->id);
    if (framework->state != FRAMEWORK_SUBSCRIBED || !offer->subscription->is_wanted)
        return VIOLATION("offer %.64s: its framework is away or has left the role", offer->id);
    if (offer->is_named || (resources_are_empty(&offer->resources) && !offer->preemption))
        return VIOLATION("offer %.64s is empty or still named", offer->id);
    if (!allocator_must_rescind(master->allocator) && !offer->is_shown &&
        allocator_is_beyond_limit(master->allocator, offer->subscription->client,
                                  &offer->resources))
        return VIOLATION("offer %.64s: the role is beyond its limit", offer->id);
    if (master->offer_timeout_us >= 0 && !offer->preemption && !deadline_is_set(&offer->timeout))
        return VIOLATION("offer %.64s: its timeout is not as set", offer->id);
    return 0;
}

static int check_offers(const struct master *master, struct err *err)
{
    const struct framework *framework;
    size_t found = 0;

    for (framework = master->frameworks; framework; framework = framework->hh.next) {
        size_t made = 0;

        for (const struct offer *offer = framework->offers; offer; offer = offer->framework_next) {
            int r = check_offer(master, framework, offer, err);

            if (r < 0)
                return r;
            found++;
            made += !offer->preemption;
        }
        if (made != framework->offers_count)
            return VIOLATION("framework %.64s has another number of offers", framework->id);
    }
    if (found != master->offers.count)
        return VIOLATION("the table has %zu offers, frameworks %zu", master->offers.count, found);
    if (master->unsent)
        return VIOLATION("offers were made and not sent");
    return 0;
}

static int check_filters(const struct subscription *subscription, struct err *err)
{
    for (const struct filter *filter = subscription->filters; filter; filter = filter->hh.next) {
        if (filter->subscription != subscription ||
            deadline_is_set(&filter->end) == filter->is_ended ||
            (filter->is_ended && filter->agent->list == AGENT_LIST_IDLE))
            return VIOLATION("a filter of role %.64s does not end, or is another's",
                             subscription->role);
        if (subscription->framework->state != FRAMEWORK_SUBSCRIBED)
            return VIOLATION("framework %.64s is away and has filters",
                             subscription->framework->id);
    }
    return 0;
}

/* --- frameworks and tasks ---------------------------------------------------- */

static int check_task(const struct task *task, size_t *tasks_in, struct err *err)
{
    bool should_hold = !task_state_is_terminal(task->state) && task->state != TASK_UNREACHABLE;

    if (task->is_holding != should_hold)
        return VIOLATION("task %.64s is %s and %s resources", task->id,
                         task_state_name(task->state), task->is_holding ? "holds" : "lacks its");
    if ((task->agent->state == AGENT_UNREACHABLE) != (task->state == TASK_UNREACHABLE))
        return VIOLATION("task %.64s is %s and its agent is not", task->id,
                         task_state_name(task->state));
    if (task->is_reported)
        return VIOLATION("task %.64s is marked as reported", task->id);
    tasks_in[task->state]++;
    return 0;
}

/* What the allocator believes that a subscription holds is what it holds. */
static int check_held(const struct master *master, const struct subscription *subscription,
                      struct err *err)
{
    const struct framework *framework = subscription->framework;
    size_t room = HASH_COUNT(framework->tasks) + 1, count = 0, tasks = 0;
    CLEANUP(free_p) const struct resources **held = NULL;
    const struct offer *offer;
    const struct task *task;

    for (offer = framework->offers; offer; offer = offer->framework_next)
        room++;
    held = mem_calloc(room, sizeof(struct resources *));
    for (offer = framework->offers; offer; offer = offer->framework_next)
        if (offer->subscription == subscription && !offer->is_shown)
            held[count++] = &offer->resources;
    for (task = framework->tasks; task; task = task->hh.next) {
        tasks += task->subscription == subscription;
        if (task->subscription == subscription && task->is_holding)
            held[count++] = &task->resources;
    }
    if (tasks != subscription->tasks_count || (!tasks && !subscription->is_wanted))
        return VIOLATION("role %.64s of framework %.64s: %zu tasks, %zu counted",
                         subscription->role, framework->id, tasks, subscription->tasks_count);
    return allocator_check_client(master->allocator, subscription->client, held, count, err);
}

static int check_framework(const struct master *master, const struct framework *framework,
                           size_t *tasks_in, struct err *err)
{
    bool is_subscribed = framework->state == FRAMEWORK_SUBSCRIBED;
    bool is_removed = framework->state == FRAMEWORK_REMOVED;
    bool has_deadline = is_removed ? !framework->tasks : !is_subscribed;
    const struct subscription *subscription;
    const struct task *task;
    int r = 0;

    if (framework_find(master, framework->id) != framework ||
        (framework_is_completed(master, framework->id) && !is_removed))
        return VIOLATION("framework %.64s is not found, or completed", framework->id);
    if ((framework_of_session(master, framework->session) == framework) != is_subscribed)
        return VIOLATION("framework %.64s: its session and its state disagree", framework->id);
    if (deadline_is_set(&framework->failover) != has_deadline)
        return VIOLATION("framework %.64s: its failover and its state disagree", framework->id);
    for (task = framework->tasks; task && r == 0; task = task->hh.next)
        r = check_task(task, tasks_in, err);
    for (subscription = framework->subscriptions; subscription && r == 0;
         subscription = subscription->next) {
        r = check_filters(subscription, err);
        if (r == 0)
            r = check_held(master, subscription, err);
    }
    return r;
}

static int check_frameworks(const struct master *master, struct err *err)
{
    size_t tasks_in[TASK_STATE_COUNT] = {0};
    const struct framework *framework;
    int r = 0;

    for (framework = master->frameworks; framework && r == 0; framework = framework->hh.next)
        r = check_framework(master, framework, tasks_in, err);
    if (r == 0 && memcmp(tasks_in, master->tasks_in, sizeof(tasks_in)) != 0)
        return VIOLATION("the numbers of tasks by state are wrong");
    return r;
}

static int check_free(const struct master *master, struct err *err)
{
    CLEANUP(free_p)
    const struct resources **free =
        mem_calloc(HASH_COUNT(master->agents), sizeof(struct resources *));
    const struct agent *agent;
    size_t count = 0;

    for (agent = master->agents; agent; agent = agent->hh.next)
        if (agent_is_active(agent))
            free[count++] = &agent->free;
    return allocator_check_free(master->allocator, free, count, err);
}

int master_check(const struct master *self, struct err *err)
{
    int r = check_agents(self, err);

    if (r == 0)
        r = check_offers(self, err);
    if (r == 0)
        r = check_frameworks(self, err);
    if (r == 0)
        r = check_free(self, err);
    if (r == 0)
        r = gangs_check(self, err);
    if (r == 0)
        r = preempt_check(self, err);
    if (r == 0)
        r = maintenance_check(self, err);
    return r < 0 ? r : allocator_check(self->allocator, err);
}
