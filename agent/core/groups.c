/* Groups of tasks: who is launched when, and whose end is the end of whom.
 *
 *     the holder ──► inits, one after the other ──► sidecars, likewise ──► mains, together
 *
 * All tasks are held from the beginning, with their resources; one whose turn has not come waits. An init must finish; a
 * sidecar counts as started once it runs. The end of the group begins when
 *
 *   - an init or a main has ended and has not FINISHED, or a sidecar has ended while there are mains (unless it may):
 *     that task is named as the cause;
 *   - one of its tasks is to be killed, by its framework, a drain or a preemption: all end for that reason;
 *   - the holder has ended, or all mains have: then the sidecars are not needed any more.
 *
 * Then who waits ends at once, the others by their own grace: first inits and mains, together, then the sidecars, the last
 * one first. An agent that leaves, and the removal of the framework, end all at once. The holder goes when nothing else
 * is left; the end of the last task is told after that, as is that of one whose port led to the group or whose volume others
 * mounted (groups_last.c).
 *
 * What follows is not remembered but seen from the tasks' states, each time that one of them has changed: so a new agent
 * goes on wherever the last one was. That the end has begun, and why, is written down, because the task that was the
 * cause may be forgotten by then.
 */
#include "agent/core/groups.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "proto/groups.h"

#define WHY_MAX 600
#define HOW_MAX 301

/* --- tables ------------------------------------------------------------------------------------- */

struct group *group_find(const struct framework *framework, const char *id)
{
    struct group *group;

    HASH_FIND(by_id, framework->groups, id, strlen(id), group);
    return group;
}

void group_stir(struct agent *self, struct group *group)
{
    if (group->is_stirred)
        return;
    group->is_stirred = true;
    DL_APPEND(self->stirred, group);
}

void groups_stir(struct agent *self, const struct task *task)
{
    if (task->group)
        group_stir(self, task->group);
}

void group_name_holder(struct agent *self, struct group *group)
{
    group->holder = container_id_make(self, group->info->id, group->arena);
    group->folder = arena_printf(group->arena, "%s/%s/%s", self->sandboxes_dir,
                                 group->framework->info->id, group->holder);
}

void group_index_holder(struct agent *self, struct group *group)
{
    HASH_ADD_KEYPTR(by_holder, self->holders, group->holder, strlen(group->holder), group);
}

struct group *group_new(struct framework *framework, const struct group_info *info, size_t count)
{
    struct group *group = mem_new(struct group);

    group->framework = framework;
    group->arena = arena_new(0);
    group->info = record_copy(&group_info_def, info, group->arena);
    group->why = "";
    group->members = mem_calloc(count, sizeof(struct task *));
    group->count = count;
    HASH_ADD_KEYPTR(by_id, framework->groups, group->info->id, strlen(group->info->id), group);
    return group;
}

void group_join(struct group *group, struct task *task, size_t number)
{
    group->members[number] = task;
    task->group = group;
}

void groups_forget_member(struct task *task)
{
    struct group *group = task->group;

    for (size_t i = 0; group && i < group->count; i++)
        if (group->members[i] == task)
            group->members[i] = NULL;
    task->group = NULL;
}

static void group_destroy(struct agent *self, struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->members[i])
            group->members[i]->group = NULL;
    if (group->is_stirred)
        DL_DELETE(self->stirred, group);
    HASH_DELETE(by_id, group->framework->groups, group);
    HASH_DELETE(by_holder, self->holders, group);
    arena_destroy(&group->arena);
    free(group->members);
    free(group);
}

void groups_destroy_all(struct agent *self, struct framework *framework)
{
    while (framework->groups)
        group_destroy(self, framework->groups);
}

void groups_keep_nothing(struct agent *self, const struct framework *framework)
{
    for (const struct group *group = framework->groups; group; group = group->by_id.next)
        keep_forget_group(self, framework->info->id, group->info->id);
}

size_t groups_count(const struct agent *self)
{
    return HASH_CNT(by_holder, self->holders);
}

void groups_list(const struct agent *self, const char **ret_ids)
{
    for (const struct group *group = self->holders; group; group = group->by_holder.next)
        *ret_ids++ = group->holder;
}

const char *groups_holder(const struct task *task)
{
    return task->group ? task->group->holder : NULL;
}

const struct task *groups_member(const struct task *task, size_t number)
{
    const struct group *group = task->group;

    for (size_t i = 0; group && i < group->count; i++)
        if (group->members[i] && number-- == 0)
            return group->members[i];
    return NULL;
}

const char *groups_folder(const struct task *task)
{
    return task->group ? task->group->folder : NULL;
}

const char *groups_why(const struct task *task)
{
    return task->group ? task->group->why : "";
}

void group_keep(struct agent *self, const struct group *group)
{
    const struct msg_keep_group record = {
        .framework_id = group->framework->info->id,
        .group = group->info,
        .holder = group->holder,
        .folder = group->folder,
        .user = group->user,
        .ending = group->ending,
        .ending_why = group->why,
        .kill_by_mono_us = group->kill_by_mono_us,
        .ended = group->state == HOLDER_ENDED,
    };

    keep_group(self, &record);
}

/* --- its tasks ---------------------------------------------------------------------------------- */

static bool is_part(const struct task *task, enum group_part part)
{
    return group_part_of(task->info) == part;
}

static bool has_living(const struct group *group, enum group_part part)
{
    for (size_t i = 0; i < group->count; i++)
        if (group_task_lives(group->members[i]) && is_part(group->members[i], part))
            return true;
    return false;
}

static bool is_empty(const struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (group_task_lives(group->members[i]))
            return false;
    return true;
}

/* --- the end ------------------------------------------------------------------------------------ */

static void begin_end(struct agent *self, struct group *group, enum task_ending ending,
                      const char *why, int64_t most_us)
{
    group->ending = ending;
    group->why = arena_strdup(group->arena, why);
    if (most_us)
        group->kill_by_mono_us = self->now.mono_us + most_us;
    group_keep(self, group);
    group_stir(self, group);
}

/* How it has ended, though that may not be told yet; 0: it has not. */
static enum task_state how_ended(const struct task *task, char ret_why[HOW_MAX])
{
    if (task->ended)
        return life_foresee(task, ret_why, HOW_MAX);
    if (!task_state_is_terminal(task->state))
        return 0;
    snprintf(ret_why, HOW_MAX, "%s", task->status ? task->status->message : "");
    return task->state;
}

/* It has ended, and not as the others could go on after it. */
static bool is_fatal(const struct group *group, const struct task *task, enum task_state state)
{
    if (is_part(task, GROUP_SIDECAR))
        return !task->info->group->may_end && has_living(group, GROUP_MAIN);
    return state != TASK_FINISHED;
}

/* True: it was the end of one that is that of all. */
static bool begin_end_after(struct agent *self, struct group *group, const struct task *task)
{
    char how[HOW_MAX], why[WHY_MAX];
    enum task_state state = how_ended(task, how);

    if (!state || !is_fatal(group, task, state))
        return false;
    snprintf(why, sizeof(why), "task %.200s is %s: %s", task->info->task_id, task_state_name(state),
             how);
    begin_end(self, group, ENDING_GROUP, why, 0);
    return true;
}

static void look_for_end(struct agent *self, struct group *group)
{
    if (group->framework->is_removed || self->is_stopping) {
        begin_end(self, group, self->is_stopping ? ENDING_STOP : ENDING_REMOVED, "", 0);
        return;
    }
    for (size_t i = 0; i < group->count && !MUTATE(SURVIVE_GROUP); i++) {
        const struct task *task = group->members[i];

        if (task && begin_end_after(self, group, task))
            return;
    }
    if (group->state == HOLDER_ENDED)
        begin_end(self, group, ENDING_GROUP, "what holds its namespaces has ended", 0);
    else if (!has_living(group, GROUP_INIT) && !has_living(group, GROUP_MAIN) && !is_empty(group))
        begin_end(self, group, ENDING_GROUP_DONE, "", 0);
}

static int64_t grace_us(const struct agent *self, const struct group *group,
                        const struct task *task)
{
    int64_t own_us = task->asked_grace_us >= 0 ? task->asked_grace_us : life_grace_us(self, task);
    int64_t left_us = group->kill_by_mono_us - self->now.mono_us;

    if (!group->kill_by_mono_us || own_us < left_us)
        return own_us;
    return left_us > 0 ? left_us : 0;
}

static void end_member(struct agent *self, const struct group *group, struct task *task)
{
    if (task->ending)
        return;
    if (group->ending == ENDING_PREEMPTED)
        task->ending_why = arena_strdup(task->arena, group->why);
    life_end(self, task, group->ending, grace_us(self, group, task));
}

static void end_members(struct agent *self, const struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (group_task_lives(group->members[i]) &&
            (group->members[i]->waits || !is_part(group->members[i], GROUP_SIDECAR)))
            end_member(self, group, group->members[i]);
    if (has_living(group, GROUP_INIT) || has_living(group, GROUP_MAIN))
        return;
    for (size_t i = group->count; i-- > 0;)
        if (group_task_lives(group->members[i])) {
            end_member(self, group, group->members[i]);
            return; /* the one before it comes when that has ended */
        }
}

void groups_on_kill(struct agent *self, struct task *task, enum task_ending ending,
                    int64_t asked_us, int64_t most_us)
{
    struct group *group = task->group;
    int64_t by_us = most_us ? self->now.mono_us + most_us : 0;
    bool is_new = group_task_lives(task) && asked_us >= 0 && asked_us != task->asked_grace_us;

    if (is_empty(group) || !task->is_contained)
        return;
    if (!group->ending)
        begin_end(self, group, ending, task->ending_why ? task->ending_why : "", most_us);
    else if (by_us && (!group->kill_by_mono_us || by_us < group->kill_by_mono_us)) {
        group->kill_by_mono_us = by_us;
        group_keep(self, group);
    }
    if (is_new)
        task->asked_grace_us = asked_us;
    /* Again: who is on the way out already may have less time than before. */
    for (size_t i = 0; i < group->count; i++)
        if (group_task_lives(group->members[i]) && group->members[i]->ending)
            life_end(self, group->members[i], ending, grace_us(self, group, group->members[i]));
    /* Its turn may come in another life. One that is only launched by now has its turn now. */
    if (is_new && !task->ending && task->state != TASK_STAGING)
        keep_task_state(self, task);
    group_stir(self, group);
}

/* --- the beginning ------------------------------------------------------------------------------ */

static void launch_member(struct agent *self, struct task *task)
{
    task->waits = false;
    keep_task(self, task);
    self->counters.tasks_launched++;
    garbage_on_started(self);
    order_launch(self, task);
}

/* Launched if it waits. True: whoever comes after it has to wait. */
static bool launch_in_order(struct agent *self, struct task *task)
{
    bool is_awaited = is_part(task, GROUP_INIT) || !task->is_started;

    if (task->waits)
        launch_member(self, task);
    return is_awaited;
}

static void launch_next(struct agent *self, const struct group *group)
{
    static const enum group_part in_order[] = {GROUP_INIT, GROUP_SIDECAR};

    for (size_t p = 0; p < ARRAY_SIZE(in_order) && !MUTATE(MAINS_FIRST); p++)
        for (size_t i = 0; i < group->count; i++) {
            struct task *task = group->members[i];

            if (group_task_lives(task) && is_part(task, in_order[p]) && launch_in_order(self, task))
                return;
        }
    for (size_t i = 0; i < group->count; i++)
        if (group_task_lives(group->members[i]) && group->members[i]->waits)
            launch_member(self, group->members[i]);
}

/* What its tasks are granted of ports: in the scratch arena. */
static const struct resource_info *list_ports(struct agent *self, const struct group *group,
                                              size_t *ret_count)
{
    struct resource_info *ports;
    size_t max = 0;

    *ret_count = 0;
    arena_reset(self->scratch);
    for (size_t i = 0; i < group->count; i++)
        max += group->members[i] ? group->members[i]->info->resources_count : 0;
    ports = arena_array(self->scratch, max, sizeof(*ports));
    for (size_t i = 0; i < group->count; i++) {
        const struct task_info *info = group->members[i] ? group->members[i]->info : NULL;

        for (size_t j = 0; info && j < info->resources_count; j++)
            if (!strcmp(info->resources[j].name, "ports"))
                ports[(*ret_count)++] = info->resources[j];
    }
    return ports;
}

static void launch_holder(struct agent *self, struct group *group)
{
    size_t ports_count;
    const struct resource_info *ports = list_ports(self, group, &ports_count);

    group->state = HOLDER_ORDERED;
    group->ordered = self->records;
    order_holder(self, &(struct holder_order){.container_id = group->holder,
                                              .folder = group->folder,
                                              .user = group->user,
                                              .group = group->info,
                                              .resources = ports,
                                              .resources_count = ports_count,
                                              .after = group->ordered});
    garbage_on_started(self);
}

/* --- the whole ---------------------------------------------------------------------------------- */

static void forget(struct agent *self, struct group *group)
{
    struct framework *framework = group->framework;

    keep_forget_group(self, framework->info->id, group->info->id);
    group_destroy(self, group);
    agent_framework_on_task_forgotten(self, framework);
}

/* May destroy the group. */
static void leave(struct agent *self, struct group *group)
{
    if (!group_holder_lives(group)) {
        if (!group_has_any(
                group)) /* else it was said to be left before, and how it ended is to come */
            forget(self, group);
        return;
    }
    if (!group->is_told_to_end && !MUTATE(LEAVE_HOLDER))
        order_holder_end(self, group->holder,
                         self->is_store_failing ? group->ordered : self->records);
    group->is_told_to_end = true;
}

static void step(struct agent *self, struct group *group)
{
    if (!group->ending && !is_empty(group))
        look_for_end(self, group);
    if (group->ending)
        end_members(self, group);
    else if (!self->is_store_failing && group->state == HOLDER_NONE && !is_empty(group))
        launch_holder(self, group);
    else if (!self->is_store_failing && group->state == HOLDER_RUNS)
        launch_next(self, group);
    group_let_go(self, group);
    if (is_empty(group))
        leave(self, group);
}

void groups_settle(struct agent *self)
{
    while (self->stirred && !self->is_stopped) {
        struct group *group = self->stirred;

        DL_DELETE(self->stirred, group);
        group->is_stirred = false;
        step(self, group);
    }
}

/* --- the holder --------------------------------------------------------------------------------- */

/* None of them came to be launched: that is a failure, and not an end with others. */
static void fail_launch(struct agent *self, struct group *group,
                        const struct msg_container_exited *event)
{
    char why[WHY_MAX];

    snprintf(why, sizeof(why), "what its group shares cannot be had: %.500s",
             event->error && *event->error ? event->error : "what holds it ended at once");
    begin_end(self, group, ENDING_GROUP, why, 0);
    for (size_t i = 0; i < group->count; i++)
        if (group_task_lives(group->members[i]) && group->members[i]->waits)
            life_fail_unlaunched(self, group->members[i], why);
}

/* It is forgotten by the launcher when what has become of the group is written. May destroy the group. */
static void on_holder_exited(struct agent *self, struct group *group,
                             const struct msg_container_exited *event)
{
    bool has_run = group->state == HOLDER_RUNS || event->started_us;
    CLEANUP(free_p) char *folder = mem_strdup(event->never_launched ? "" : group->folder);

    if (event->never_launched && !group->ending && !is_empty(group)) {
        HASH_DELETE(by_holder, self->holders, group);
        group->state = HOLDER_NONE;
        group_name_holder(self, group);
        group_index_holder(self, group);
        group_keep(self, group);
    } else {
        group->state = HOLDER_ENDED;
        garbage_on_ended(self);
        if (!has_run && !group->ending && !is_empty(group))
            fail_launch(self, group, event);
        if (group_has_any(group))
            group_keep(self, group);
    }
    group_stir(self, group);
    groups_settle(self);
    order_forget(self, event, folder);
}

bool groups_on_container(struct agent *self, const struct message *event)
{
    const char *id = event->type == MSG_CONTAINER_STARTED  ? event->container_started->container_id
                     : event->type == MSG_CONTAINER_EXITED ? event->container_exited->container_id
                                                           : "";
    struct group *group;

    HASH_FIND(by_holder, self->holders, id, strlen(id), group);
    if (!group)
        return false;
    if (event->type == MSG_CONTAINER_EXITED) {
        on_holder_exited(self, group, event->container_exited);
        return true;
    }
    if (group->state != HOLDER_ENDED)
        group->state = HOLDER_RUNS;
    group_stir(self, group);
    return true;
}

/* --- when something went wrong ------------------------------------------------------------------ */

static void wait_again(struct agent *self, struct task *task)
{
    task->waits = true;
    group_stir(self, task->group);
}

bool groups_launch_again(struct agent *self, struct task *task)
{
    if (!task->group || task->group->ending || task->ending || task->is_started || task->waits ||
        groups_is_held_back(task))
        return false;
    HASH_DELETE(by_container, self->containers, task);
    task->container_id = container_id_make(self, task->info->task_id, task->arena);
    task->container_shown = task->container_id;
    agent_task_place(self, task, task->framework->info->id);
    agent_task_contain(self, task);
    agent_task_publish(self, task);
    wait_again(self, task);
    return true;
}

bool groups_hold_on(struct agent *self, struct task *task)
{
    if (!task->group || task->waiting_record > self->written)
        return false;
    task->spec_record = task->waiting_record;
    wait_again(self, task);
    if (task->ending && !groups_hold_back_waiting(self, task))
        life_end_unlaunched(self, task);
    return true;
}

void groups_on_stored(struct agent *self)
{
    for (struct group *group = self->holders; group; group = group->by_holder.next)
        group_stir(self, group);
}

void groups_on_store_failed(struct agent *self)
{
    for (struct group *group = self->holders; group; group = group->by_holder.next)
        if (group->state == HOLDER_ORDERED && group->ordered > self->written) {
            group->state = HOLDER_NONE; /* the order was never given */
            group_stir(self, group);
        }
}

/* --- another life ------------------------------------------------------------------------------- */

static void gather(struct group *group, const struct msg_keep_group *record)
{
    for (struct task *task = group->framework->tasks; task; task = task->by_id.next) {
        const struct group_member *member = task->info->group;

        if (!member || !task->is_contained || strcmp(member->id, group->info->id) != 0)
            continue;
        if (member->number < GROUP_TASKS_MAX && !group->members[member->number])
            group_join(group, task, (size_t)member->number);
        task->rests |= record->left;
        if (groups_is_held_back(task))
            task->is_forced = true;
    }
}

static int take_group(struct agent *self, const struct msg_keep_group *record, struct err *err)
{
    struct framework *framework = agent_framework_get(self, record->framework_id);
    struct group *group;

    if (!framework)
        return err_set(err, -EBADMSG, "group %.200s has no record of its framework",
                       record->group->id);
    group = group_new(framework, record->group, GROUP_TASKS_MAX);
    group->holder = arena_strdup(group->arena, record->holder);
    group->folder = arena_strdup(group->arena, record->folder);
    group->user = arena_strdup(group->arena, record->user);
    group->state = record->ended ? HOLDER_ENDED : HOLDER_ORDERED;
    group->ending = record->ending;
    group->why = arena_strdup(group->arena, record->ending_why ? record->ending_why : "");
    group->kill_by_mono_us = record->kill_by_mono_us;
    group_index_holder(self, group);
    gather(group, record);
    group_stir(self, group);
    return 0;
}

int groups_recover(struct agent *self, const struct agent_past *past, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < past->count && rc == 0; i++)
        if (past->records[i].type == MSG_KEEP_GROUP)
            rc = take_group(self, past->records[i].keep_group, err);
    for (const struct task *task = self->containers; task && rc == 0;
         task = task->by_container.next)
        if (task->info->group && !task->group)
            rc = err_set(err, -EBADMSG, "task %.200s has no record of its group",
                         task->info->task_id);
    return rc;
}

void groups_end_holders(struct agent *self)
{
    for (struct group *group = self->holders; group; group = group->by_holder.next) {
        group->state = HOLDER_ENDED;
        for (size_t i = 0; i < group->count; i++)
            if (group->members[i])
                group->members[i]->is_of_before = false;
        group_stir(self, group);
    }
}

/* --- looking ------------------------------------------------------------------------------------ */

static int wrong(const struct group *group, struct err *err, const char *text)
{
    return err_set(err, -EINVAL, "group %.80s: %s", group->info->id, text);
}

static int check_order(const struct group *group, struct err *err)
{
    bool is_any_launched = false;

    for (size_t i = 0; i < group->count; i++) {
        const struct task *task = group->members[i];

        if (task && task->group != group)
            return wrong(group, err, "one of its tasks is in another");
        if (group_task_lives(task) && !task->waits && is_part(task, GROUP_MAIN))
            is_any_launched = true;
    }
    for (size_t i = 0; i < group->count && is_any_launched; i++) {
        const struct task *task = group->members[i];

        if (group_task_lives(task) && is_part(task, GROUP_INIT))
            return wrong(group, err, "a main runs beside an init");
        if (group_task_lives(task) && is_part(task, GROUP_SIDECAR) && task->waits)
            return wrong(group, err, "a main was launched before a sidecar");
    }
    return 0;
}

static int check_one(const struct group *group, struct err *err)
{
    for (size_t i = 0; i < group->count && group->ending; i++) {
        const struct task *task = group->members[i];

        if (group_task_lives(task) && task->waits)
            return wrong(group, err, "it is ending, and a task of it waits");
        if (group_task_lives(task) && !task->ending && !is_part(task, GROUP_SIDECAR))
            return wrong(group, err, "it is ending, and a task of it is not");
    }
    if (is_empty(group) && !group->is_told_to_end && group->state != HOLDER_ENDED)
        return wrong(group, err, "nothing is left in it, and its holder is not told");
    if (group_check_last(group, err) < 0)
        return -EINVAL;
    return check_order(group, err);
}

int groups_check(const struct agent *self, struct err *err)
{
    if (self->stirred && !self->is_stopped)
        return err_set(err, -EINVAL, "a group was not looked at");
    for (const struct group *group = self->holders; group; group = group->by_holder.next) {
        int rc = self->is_stopped ? 0 : check_one(group, err);

        if (rc < 0)
            return rc;
    }
    for (const struct task *task = self->containers; task; task = task->by_container.next)
        if (task->waits && !task->group)
            return err_set(err, -EINVAL, "task %.80s waits, and is in no group",
                           task->info->task_id);
    return 0;
}
