/* An agent that goes on where an earlier one was: the records of that one become tables again. */
#include "agent/core/state.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "base/resources.h"
#include "proto/executors.h"
#include "proto/resources_info.h"

struct record_key agent_record_key(const struct message *record)
{
    struct record_key key = {record->type, "", ""};

    switch (record->type) {
    case MSG_KEEP_FRAMEWORK:
        key.framework_id = record->keep_framework->framework->id;
        break;
    case MSG_FORGET_FRAMEWORK:
        key.framework_id = record->forget_framework->framework_id;
        break;
    case MSG_KEEP_TASK:
        key.framework_id = record->keep_task->framework_id;
        key.task_id = record->keep_task->task->task_id;
        break;
    case MSG_KEEP_TASK_STATE:
        key.framework_id = record->keep_task_state->framework_id;
        key.task_id = record->keep_task_state->task_id;
        break;
    case MSG_KEEP_RESULT:
        key.framework_id = record->keep_result->status->framework_id;
        key.task_id = record->keep_result->status->operation_id;
        break;
    case MSG_FORGET_RESULT:
        key.framework_id = record->forget_result->framework_id;
        key.task_id = record->forget_result->operation_id;
        break;
    case MSG_KEEP_GROUP:
        key.framework_id = record->keep_group->framework_id;
        key.task_id = record->keep_group->group->id;
        break;
    case MSG_FORGET_GROUP:
        key.framework_id = record->forget_group->framework_id;
        key.task_id = record->forget_group->group_id;
        break;
    case MSG_FORGET_TASK:
        key.framework_id = record->forget_task->framework_id;
        key.task_id = record->forget_task->task_id;
        break;
    default:
        break;
    }
    return key;
}

/* --- the past in a form that can be searched ---------------------------------------------------- */

/* One task's two records, by "framework/task": ids have no '/'. */
struct entry {
    UT_hash_handle hh;
    const struct msg_keep_task *task;
    const struct msg_keep_task_state *state; /* NULL: still staging */
    char key[];
};

struct reading {
    const struct msg_keep_identity *identity; /* NULL: none */
    struct entry *entries;
};

static struct entry *entry_get(struct reading *self, const char *framework_id, const char *task_id)
{
    CLEANUP(free_p) char *key = mem_printf("%s/%s", framework_id, task_id);
    struct entry *entry;

    HASH_FIND_STR(self->entries, key, entry);
    if (entry)
        return entry;
    entry = mem_calloc(1, sizeof(*entry) + strlen(key) + 1);
    memcpy(entry->key, key, strlen(key) + 1);
    HASH_ADD_STR(self->entries, key, entry);
    return entry;
}

static void reading_fini(struct reading *self)
{
    struct entry *entry, *next;

    HASH_ITER (hh, self->entries, entry, next) {
        HASH_DEL(self->entries, entry);
        free(entry);
    }
}

static void read_past(struct reading *self, const struct agent_past *past)
{
    for (size_t i = 0; i < past->count; i++) {
        const struct message *record = &past->records[i];
        const struct record_key key = agent_record_key(record);

        if (record->type == MSG_KEEP_IDENTITY)
            self->identity = record->keep_identity;
        else if (record->type == MSG_KEEP_TASK)
            entry_get(self, key.framework_id, key.task_id)->task = record->keep_task;
        else if (record->type == MSG_KEEP_TASK_STATE)
            entry_get(self, key.framework_id, key.task_id)->state = record->keep_task_state;
    }
}

static bool is_over(const struct entry *entry)
{
    return entry->state && task_state_is_terminal(entry->state->state);
}

static bool is_of_other_boot(const struct reading *self, const char *boot_id)
{
    return self->identity && strcmp(self->identity->boot_id, boot_id ? boot_id : "") != 0;
}

size_t agent_past_containers(const struct agent_past *past, const char *boot_id, bool docker,
                             const char **ret_ids)
{
    CLEANUP(reading_fini) struct reading reading = {0};
    size_t count = 0;

    read_past(&reading, past);
    if (is_of_other_boot(&reading, boot_id))
        return 0;
    for (const struct entry *entry = reading.entries; entry; entry = entry->hh.next)
        if (entry->task && !entry->task->waits && !is_over(entry) &&
            !task_is_inside(entry->task->task) && (entry->task->task->docker != NULL) == docker)
            ret_ids[count++] = entry->task->container_id;
    for (size_t i = 0; i < past->count && !docker; i++)
        if (past->records[i].type == MSG_KEEP_GROUP && !past->records[i].keep_group->ended)
            ret_ids[count++] = past->records[i].keep_group->holder;
    return count;
}

/* --- tables again ------------------------------------------------------------------------------- */

static void take_identity(struct agent *self, const struct msg_keep_identity *identity)
{
    self->info.id = arena_strdup(self->arena, identity->agent_id);
    self->epoch = (uint64_t)identity->epoch;
    self->master_id = arena_strdup(self->arena, identity->master_id);
    self->registered_us = identity->registered_us;
}

static void take_frameworks(struct agent *self, const struct agent_past *past)
{
    for (size_t i = 0; i < past->count; i++) {
        const struct msg_keep_framework *record = past->records[i].keep_framework;
        struct framework *framework;

        if (past->records[i].type != MSG_KEEP_FRAMEWORK)
            continue;
        framework = agent_framework_new(self, record->framework);
        framework->is_removed = record->removed;
        framework->is_recorded = true;
    }
}

/* Is it a state that keep_task_state() writes, with the updates that lead to it? */
static bool makes_sense(const struct msg_keep_task_state *state, bool is_executor)
{
    enum task_state last = TASK_STAGING;
    bool is_ending = state->state == TASK_KILLING;

    for (size_t i = 0; i < state->updates_count; i++) {
        if (i > 0 && !agent_task_may_move(last, state->updates[i].state))
            return false;
        last = state->updates[i].state;
    }
    if (state->updates_count && last != state->state)
        return false;
    if (task_state_is_terminal(state->state))
        return state->updates_count;
    if (state->state == TASK_STAGING) /* else there is no record */
        return state->rests && state->ended && !state->ending && !state->updates_count;
    if (state->state == TASK_STARTING)
        return (!state->started || is_executor) && !state->ending;
    return state->state == TASK_RUNNING ? state->started && !state->ending
                                        : is_ending && state->ending;
}

/* Files of the sandbox are asked for here now, wherever the earlier agent listened. */
static const struct task_status *take_status(const struct agent *self,
                                             const struct task_status *status, struct arena *arena)
{
    struct task_status now = *status;
    struct container_info here;

    if (status->container) {
        here = *status->container;
        here.agent_address = self->info.address;
        now.container = &here;
    }
    return record_copy(&task_status_def, &now, arena);
}

static const struct task_status *latest(const struct msg_keep_task_state *state)
{
    return state->updates_count ? &state->updates[state->updates_count - 1] : state->status;
}

static void take_state(struct agent *self, struct task *task,
                       const struct msg_keep_task_state *state)
{
    self->counters.now_in[task->state]--;
    self->counters.now_in[state->state]++;
    task->state = state->state;
    task->ending = state->ending;
    if (state->ending_why && *state->ending_why)
        task->ending_why = arena_strdup(task->arena, state->ending_why);
    task->is_started = state->started;
    task->pid = state->pid;
    task->started_us = state->started_us;
    task->kill_by_mono_us = state->kill_by_mono_us;
    task->heard_mono_us = state->heard_mono_us;
    task->grace_us = state->grace_us;
    task->asked_grace_us = state->grace_asked ? state->asked_grace_us : -1;
    task->rests = task->is_forced = state->rests;
    if (state->rests && state->ended) {
        task->ended = message_copy_body(MSG_CONTAINER_EXITED, state->ended, task->arena);
        task->is_of_before = true;
    }
    if (latest(state))
        task->status = take_status(self, latest(state), task->statuses);
    for (size_t i = 0; i < state->updates_count && !MUTATE(DROP_RECOVERED_UPDATE); i++)
        updates_add(task, take_status(self, &state->updates[i], task->statuses));
    task->recorded = (struct standing){task->state, task->status};
}

static int take_task(struct agent *self, const struct entry *entry, struct err *err)
{
    struct framework *framework;
    struct task *task;

    if (!entry->task)
        return err_set(err, -EBADMSG, "task %.200s has a state, but no record of what it is",
                       entry->key);
    framework = agent_framework_get(self, entry->task->framework_id);
    if (!framework)
        return err_set(err, -EBADMSG, "task %.200s has no record of its framework", entry->key);
    if (entry->state && !makes_sense(entry->state, entry->task->task->executor))
        return err_set(err, -EBADMSG, "task %.200s is recorded in a way that cannot be: %s",
                       entry->key, task_state_name(entry->state->state));
    task = agent_task_restore(self, framework, entry->task);
    if (entry->state)
        take_state(self, task, entry->state);
    task->executor_number = entry->state ? entry->state->executor_number : 0;
    if (!task_state_is_terminal(task->state)) {
        agent_task_contain(self, task);
        if (task->info->executor)
            executors_restore(self, task, entry->task->executor_token);
    }
    self->counters.tasks_recovered++;
    return 0;
}

/* The host was started anew: what ran is gone, and the master says so of all that is not reported.
 * How a task had ended before is told still, also if that was held back. */
static void drop_gone(struct agent *self)
{
    struct task *task, *next;
    size_t count = 0;

    for (struct framework *f = self->frameworks; f; f = f->hh.next)
        HASH_ITER (by_id, f->tasks, task, next) {
            if (!task->is_contained || groups_knows_end(task) || MUTATE(KEEP_GONE_TASK))
                continue;
            keep_forget_task(self, task);
            agent_task_destroy(self, task);
            count++;
        }
    groups_end_holders(self);
    agent_log(self, LOG_LEVEL_WARNING, "the host was started anew: %zu tasks are gone with it",
              count);
}

/* Of the records of another boot the last ones may be lost: that an end was not held back any more, was told, and was
 * acknowledged. How it had ended is on disk, so what is told first, even if no more can be written, is that. */
static void tell_ends_unwritten(struct agent *self)
{
    for (struct framework *f = self->frameworks; f; f = f->hh.next)
        for (struct task *task = f->tasks; task; task = task->by_id.next)
            if (task_state_is_terminal(task->state))
                task->told_last = task->recorded;
}

/* --- is it still the same machine? -------------------------------------------------------------- */

static int check_fit(const struct agent *self, struct err *err)
{
    CLEANUP(resources_fini) struct resources held = {0};
    CLEANUP(buf_fini) struct buf lack = {0};
    int rc = 0;

    for (const struct task *task = self->containers; task && rc == 0;
         task = task->by_container.next) {
        CLEANUP(resources_fini) struct resources resources = {0};

        rc = resources_from_info(&resources, task->info->resources, task->info->resources_count,
                                 err);
        rc = rc < 0 ? rc : resources_add(&held, &resources, err);
    }
    if (rc < 0)
        return err_wrap(err, rc, "the resources of the tasks that still run");
    for (size_t i = 0; i < held.count; i++)
        if (resource_is_shared(&held.items[i]))
            held.items[i].copies = 1; /* many may have it */
    if (resources_contain(&self->total, &held))
        return 0;
    resources_describe_lack(&self->total, &held, &lack);
    return err_set(err, -ERANGE,
                   "%u tasks of an earlier agent still run here and hold more than this one is to "
                   "have; it lacks %.120s: start it with --resources that hold them, or end them "
                   "first (start it as it was, then SIGTERM)",
                   HASH_CNT(by_container, self->containers), buf_text(&lack));
}

/* --- the whole ---------------------------------------------------------------------------------- */

static void resume(struct agent *self)
{
    struct framework *f, *next_f;

    HASH_ITER (hh, self->frameworks, f, next_f) {
        agent_framework_publish(self, f);
        for (struct task *task = f->tasks; task; task = task->by_id.next) {
            agent_task_publish(self, task);
            life_resume(self, task);
        }
        if (!f->tasks)
            agent_framework_on_task_forgotten(self, f);
    }
}

/* Of a removed framework nobody is told how its tasks end: one that had ended is forgotten. */
static void forget_untold(struct agent *self)
{
    struct task *task, *next;

    for (struct framework *f = self->frameworks; f; f = f->hh.next)
        HASH_ITER (by_id, f->tasks, task, next) {
            if (task->is_contained || task->updates)
                continue;
            keep_forget_task(self, task);
            agent_task_destroy(self, task);
        }
}

int recover(struct agent *self, const struct agent_past *past, struct err *err)
{
    CLEANUP(reading_fini) struct reading reading = {0};
    bool is_new_boot;
    int rc = 0;

    read_past(&reading, past);
    is_new_boot = is_of_other_boot(&reading, self->info.boot_id);
    if (past->count && !reading.identity)
        return err_set(err, -EBADMSG, "there are records, but none of the agent's identity");
    if (reading.identity)
        take_identity(self, reading.identity);
    take_frameworks(self, past);
    for (const struct entry *entry = reading.entries; entry && rc == 0; entry = entry->hh.next)
        rc = take_task(self, entry, err);
    if (rc == 0)
        rc = groups_recover(self, past, err);
    if (rc < 0)
        return rc;
    if (is_new_boot)
        drop_gone(self);
    forget_untold(self);
    executors_recover(self);
    place_recover(self);
    rc = agent_operations_begin(self, past, err);
    if (rc == 0 && !is_new_boot)
        rc = check_fit(self, err);
    if (rc < 0)
        return rc;
    if (!reading.identity || is_new_boot)
        keep_identity(self);
    agent_publish_itself(self);
    if (past->count)
        agent_log(self, LOG_LEVEL_INFO, "recovered %zu tasks, %u frameworks", self->tasks_count,
                  HASH_COUNT(self->frameworks));
    resume(self);
    groups_settle(self);
    if (is_new_boot)
        tell_ends_unwritten(self);
    return 0;
}
