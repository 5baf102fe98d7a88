/* master/core/tasks.c - the life of a task's record. */
#include "master/core/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/books.h"
#include "master/core/changes.h"
#include "master/core/drain.h"
#include "master/core/frameworks.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"
#include "master/core/preempt.h"
#include "master/core/optimistic.h"
#include "proto/executors.h"
#include "proto/message.h"

#define MOVE(state) (1u << TASK_##state)
#define ENDS                                                                                       \
    (MOVE(FINISHED) | MOVE(FAILED) | MOVE(KILLED) | MOVE(ERROR) | MOVE(DROPPED) | MOVE(GONE) |     \
     MOVE(GONE_BY_OPERATOR))
#define LIVE_STATES  (MOVE(STAGING) | MOVE(STARTING) | MOVE(RUNNING) | MOVE(KILLING))
#define AGENT_STATES (LIVE_STATES | ENDS)

/* A terminal state is for ever. An agent that comes back brings the state that its task has now. */
static const unsigned task_moves[TASK_STATE_COUNT] = {
    [TASK_STAGING] = MOVE(STARTING) | MOVE(RUNNING) | MOVE(KILLING) | MOVE(UNREACHABLE) | ENDS,
    [TASK_STARTING] = MOVE(RUNNING) | MOVE(KILLING) | MOVE(UNREACHABLE) | ENDS,
    [TASK_RUNNING] = MOVE(KILLING) | MOVE(UNREACHABLE) | ENDS,
    [TASK_KILLING] = MOVE(UNREACHABLE) | ENDS,
    [TASK_UNREACHABLE] = LIVE_STATES | MOVE(UNKNOWN) | ENDS,
};

static bool is_in(unsigned states, enum task_state state)
{
    return (unsigned)state < TASK_STATE_COUNT && (states & (1u << state));
}

bool task_state_is_of_agent(enum task_state state)
{
    return is_in(AGENT_STATES, state);
}

bool task_may_move(const struct task *task, enum task_state state)
{
    return is_in(task_moves[task->state], state);
}

struct task *task_find(const struct framework *framework, const char *id)
{
    struct task *task;

    HASH_FIND_STR(framework->tasks, id, task);
    return task;
}

/* --- the record -------------------------------------------------------------- */

struct task *task_add(struct master *master, struct subscription *subscription, struct agent *agent,
                      const char *id, struct resources *resources, enum task_state state)
{
    struct framework *framework = subscription->framework;
    size_t size = strlen(id);
    struct task *task = mem_calloc(1, sizeof(*task) + size + 1);

    memcpy(task->id, id, size + 1);
    task->agent = agent;
    task->subscription = subscription;
    task->state = state;
    resources_swap(&task->resources, resources);
    HASH_ADD_STR(framework->tasks, id, task);
    DL_APPEND(agent->tasks, task);
    maintenance_stir(master, agent);
    subscription->tasks_count++;
    master->tasks_in[state]++;
    task->since_us = master->now.wall_us;
    task->notice_ms = -1;
    return task;
}

void task_drop(struct master *master, struct task *task)
{
    struct subscription *subscription = task->subscription;
    struct framework *framework = subscription->framework;
    struct agent *agent = task->agent;

    task_release(master, task);
    preempt_on_task_gone(master, task);
    master->tasks_in[task->state]--;
    HASH_DEL(subscription->framework->tasks, task);
    DL_DELETE(agent->tasks, task);
    maintenance_stir(master, agent);
    resources_fini(&task->resources);
    free(task->container);
    free(task->check);
    free(task->executor_id);
    free(task);
    subscription_drop_task(master, subscription);
    framework_on_task_gone(master, framework);
    drain_look(master, agent);
}

void task_remove(struct master *master, struct task *task)
{
    publish_task_removed(master, task);
    task_drop(master, task);
}

void task_note_executor(struct task *task, const struct task_info *info)
{
    task->is_executor = info->executor != NULL;
    if (task_is_inside(info) && !task->executor_id)
        task->executor_id = mem_strdup(info->executor_id);
}

bool task_has_tasks(const struct task *task)
{
    const struct task *other;

    if (!task->is_executor)
        return false;
    DL_FOREACH (task->agent->tasks, other)
        if (other->executor_id && !task_state_is_terminal(other->state) &&
            other->subscription->framework == task->subscription->framework &&
            !strcmp(other->executor_id, task->id))
            return true;
    return false;
}

/* As it is in a message: of many tasks only what is set counts for memory. */
static void keep_record(struct noted_record **kept_p, const struct record_def *def,
                        const void *record)
{
    CLEANUP(buf_fini) struct buf out = {0};
    struct noted_record *kept = *kept_p;

    if (record_encode(def, record, &out, NULL) < 0)
        return;
    if (!kept || kept->size != out.size) {
        free(kept);
        kept = mem_alloc(sizeof(*kept) + out.size);
        kept->size = out.size;
    }
    memcpy(kept->data, out.data, out.size);
    *kept_p = kept;
}

static const void *noted_record_read(const struct noted_record *kept, const struct record_def *def,
                                     struct arena *arena)
{
    const void *record;

    if (!kept || record_decode(def, kept->data, kept->size, arena, &record, NULL) < 0)
        return NULL;
    return record;
}

void task_note_status(struct task *task, const struct task_status *status)
{
    task->health = status ? status->health : 0;
    if (status && status->container) {
        struct container_info container = *status->container;

        container.agent_address = ""; /* it is the agent's, and may change */
        keep_record(&task->container, &container_info_def, &container);
    }
    if (status && status->check) {
        keep_record(&task->check, &check_status_def, status->check);
    } else {
        free(task->check);
        task->check = NULL;
    }
}

void task_add_noted(const struct task *task, struct task_status *status, struct arena *arena)
{
    const struct container_info *kept =
        noted_record_read(task->container, &container_info_def, arena);
    struct container_info *container;

    status->health = task->health;
    status->check = noted_record_read(task->check, &check_status_def, arena);
    if (!kept)
        return;
    container = arena_alloc(arena, sizeof(*container));
    *container = *kept;
    container->agent_address = task->agent->info->address;
    status->container = container;
}

/* --- what it holds ----------------------------------------------------------- */

void task_release(struct master *master, struct task *task)
{
    struct agent *agent = task->agent;

    if (!task->is_holding)
        return;
    task->is_holding = MUTATE(RELEASE_TWICE);
    books_give_back(&agent->used, &agent->free, &task->resources);
    allocator_discharge(master->allocator, task->subscription->client, &task->resources,
                        agent_charge(agent));
    preempt_on_released(master, task);
    offers_wake(master, agent);
}

void task_settle(struct master *master, struct task *task)
{
    if (!is_in(LIVE_STATES, task->state)) {
        task_release(master, task);
        return;
    }
    if (task->is_holding)
        return;
    task->is_holding = true;
    books_take(&task->agent->free, &task->agent->used, &task->resources);
    allocator_charge(master->allocator, task->subscription->client, &task->resources,
                     agent_charge(task->agent));
    optimistic_on_taken(master, task->agent, task->subscription);
}

void task_move(struct master *master, struct task *task, enum task_state state)
{
    if (task->state == state)
        return;
    BUG_ON(!task_may_move(task, state));
    master->tasks_in[task->state]--;
    master->tasks_in[state]++;
    task->state = state;
    maintenance_stir(master, task->agent);
    counter_add_task_end(master, state);
    task_settle(master, task);
}

/* --- what frameworks are told
 * ---------------------------------------------------------------------- */

struct task_status status_by_master(const struct master *master, const char *task_id,
                                    const char *agent_id, const struct verdict *verdict)
{
    return (struct task_status){
        .task_id = task_id,
        .state = verdict->state,
        .reason = verdict->reason,
        .source = SOURCE_MASTER,
        .message = verdict->text,
        .agent_id = agent_id,
        .timestamp_us = master->now.wall_us,
    };
}

void framework_tell(struct master *master, const struct framework *framework,
                    const struct task_status *status)
{
    framework_send(master, framework, MESSAGE(UPDATE, update, .status = status));
}

void task_tell(struct master *master, struct task *task, const struct verdict *verdict)
{
    struct task_status status = status_by_master(master, task->id, task->agent->id, verdict);

    if (verdict->state == TASK_UNREACHABLE)
        status.unreachable_us = task->agent->unreachable_us;
    task_move(master, task, verdict->state);
    task->told = verdict->state;
    task->has_told_uuid = false;
    publish_task_status(master, task, &status);
    framework_tell(master, task->subscription->framework, &status);
}

void task_end(struct master *master, struct task *task, const struct verdict *verdict)
{
    struct verdict end = *verdict;

    if (task_state_is_terminal(task->state) && !MUTATE(END_TWICE))
        end.state = task->state;
    /* A framework that has been told the end already need not hear it twice. */
    if (task->told != end.state)
        task_tell(master, task, &end);
    task_remove(master, task);
}

void task_refuse(struct master *master, const struct framework *framework, const char *task_id,
                 const char *agent_id, const struct verdict *verdict)
{
    const struct task_status status = status_by_master(master, task_id, agent_id, verdict);

    counter_add_task_end(master, verdict->state);
    framework_tell(master, framework, &status);
}
