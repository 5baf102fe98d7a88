/* Registration: ask on each new session until answered, then tell again what is not acknowledged.
 */
#include "agent/core/state.h"
#include "base/mutant.h"
#include "base/cleanup.h"

#define REGISTER_MAX_US ((int64_t)15 * US_PER_S)

void agent_publish_itself(struct agent *self)
{
    agent_publish(self, MESSAGE(CHANGE_AGENT, change_agent, .agent = &self->info,
                                .connected = self->registration == REGISTRATION_DONE,
                                .active = !self->is_stopping, .registered_us = self->registered_us,
                                .reregistered_us = self->reregistered_us));
}

/* A message's worth of what is here. */
struct part {
    struct agent *agent;
    struct arena *measure; /* of copies that are only weighed */
    uint64_t after;        /* the record that it waits for */
    size_t weight;
    struct agent_task
        *tasks; /* as all arrays, in the agent's scratch, with room for all that there are */
    struct framework_info *frameworks;
    struct operation_status *operations;
    size_t tasks_count, frameworks_count, operations_count;
};

static size_t weigh(struct part *part, const struct record_def *def, const void *record)
{
    arena_reset(part->measure);
    record_copy(def, record, part->measure);
    return arena_used(part->measure);
}

/* What is in it is said, and the next one begins. */
static void say_part(struct part *part)
{
    if (!part->weight)
        return;
    agent_tell_master(part->agent,
                      MESSAGE(REGISTER_TASKS, register_tasks, .tasks = part->tasks,
                              .tasks_count = part->tasks_count, .frameworks = part->frameworks,
                              .frameworks_count = part->frameworks_count,
                              .operations = part->operations,
                              .operations_count = part->operations_count),
                      part->after);
    part->weight = part->tasks_count = part->frameworks_count = part->operations_count = 0;
}

static void make_room(struct part *part, size_t weight)
{
    if (part->weight + weight > part->agent->part_max)
        say_part(part);
    part->weight += weight;
}

/* A task that would be too much for a message is told without what the master only shows, ... */
static const struct task_info *make_brief(struct arena *arena, const struct task_info *info)
{
    static const struct command_info none = {0};
    struct task_info *brief = arena_alloc(arena, sizeof(*brief));

    *brief = *info;
    brief->command = &none;
    brief->labels_count = 0;
    brief->discovery = NULL;
    return brief;
}

/* ... and then without its status, which an update tells: else no task here could be told at all. */
static void add_task(struct part *part, struct agent_task task)
{
    size_t weight = weigh(part, &agent_task_def, &task);

    if (weight > AGENT_PART_MAX) {
        task.task = make_brief(part->agent->scratch, task.task);
        weight = weigh(part, &agent_task_def, &task);
    }
    if (weight > AGENT_PART_MAX)
        task.status = NULL;
    make_room(part, weight);
    part->tasks[part->tasks_count++] = task;
}

/* Its data are for the framework, which is told by the update itself. */
static const struct task_status *status_for_list(struct arena *arena,
                                                 const struct task_status *status)
{
    struct task_status *shown;

    if (!status || !status->data.size)
        return status;
    shown = arena_alloc(arena, sizeof(*shown));
    *shown = *status;
    shown->data = (struct bytes){0};
    return shown;
}

/* What tasks of a removed framework hold is not free before they have ended: the master counts them, and
 * acknowledges their end itself. */
static void add_tasks_of(struct part *part, const struct framework *framework)
{
    struct agent *self = part->agent;

    make_room(part, weigh(part, &framework_info_def, framework->info));
    part->frameworks[part->frameworks_count++] = *framework->info;
    for (struct task *task = framework->tasks; task; task = task->by_id.next) {
        const struct standing standing = keep_standing(self, task);

        add_task(part, (struct agent_task){
                           .framework_id = framework->info->id,
                           .role = task->role,
                           .task = agent_task_public(task->info, self->scratch),
                           .state = standing.state,
                           .status = status_for_list(self->scratch, standing.status),
                           .disowned = framework->is_removed,
                       });
    }
}

static void add_operations(struct part *part)
{
    size_t count;
    const struct operation_status *operations =
        agent_operations_list(part->agent, part->agent->scratch, &count);

    for (size_t i = 0; i < count; i++) {
        make_room(part, weigh(part, &operation_status_def, &operations[i]));
        part->operations[part->operations_count++] = operations[i];
    }
}

static void ask(struct agent *self)
{
    CLEANUP(arena_destroy) struct arena *measure = arena_new(0);
    struct part part = {.agent = self, .measure = measure};
    size_t operations_max;

    arena_reset(self->scratch);
    /* While nothing can be written, it says only what is written: the agent must not be lost. */
    part.after = self->is_store_failing ? 0 : self->records;
    part.tasks = arena_array(self->scratch, self->tasks_count, sizeof(*part.tasks));
    part.frameworks =
        arena_array(self->scratch, HASH_COUNT(self->frameworks), sizeof(*part.frameworks));
    (void)agent_operations_list(self, self->scratch, &operations_max);
    part.operations = arena_array(self->scratch, operations_max, sizeof(*part.operations));
    for (const struct framework *f = self->frameworks; f; f = f->hh.next)
        if (f->tasks)
            add_tasks_of(&part, f);
    add_operations(&part);
    self->counters.registration_attempts++;
    agent_tell_master(
        self,
        MESSAGE(REGISTER_AGENT, register_agent, .agent = &self->info, .tasks = part.tasks,
                .tasks_count = part.tasks_count, .frameworks = part.frameworks,
                .frameworks_count = part.frameworks_count, .operations = part.operations,
                .operations_count = part.operations_count, .last_epoch = (int64_t)self->epoch,
                .last_master_id = self->master_id),
        part.after);
    deadline_set(&self->deadlines, &self->register_again,
                 self->now.mono_us + self->register_wait_us);
}

void register_start(struct agent *self)
{
    if (self->registration == REGISTRATION_DONE)
        register_end(self);
    self->registration = REGISTRATION_ASKED;
    self->register_wait_us = self->register_retry_us;
    ask(self);
}

void register_again_due(void *owner, struct deadline *deadline)
{
    struct agent *self = owner;

    (void)deadline;
    self->register_wait_us *= 2;
    if (self->register_wait_us > REGISTER_MAX_US)
        self->register_wait_us = REGISTER_MAX_US;
    ask(self);
}

static void for_each_task(struct agent *self, void (*act)(struct agent *self, struct task *task))
{
    for (struct framework *f = self->frameworks; f; f = f->hh.next)
        for (struct task *task = f->tasks; task; task = task->by_id.next)
            act(self, task);
}

void register_end(struct agent *self)
{
    bool was_registered = self->registration == REGISTRATION_DONE;

    self->registration = REGISTRATION_OFFLINE;
    deadline_cancel(&self->deadlines, &self->register_again);
    for_each_task(self, updates_pause);
    agent_operations_pause(self);
    if (was_registered)
        agent_publish_itself(self);
}

static void take_id(struct agent *self, const char *agent_id)
{
    if (*self->info.id) {
        self->reregistered_us = self->now.wall_us;
        return;
    }
    self->info.id = arena_strdup(self->arena, agent_id);
    self->registered_us = self->now.wall_us;
    keep_identity(self);
}

bool register_is_rival(struct agent *self, const struct message *message)
{
    if (message->type != MSG_AGENT_REGISTERED || message->epoch != self->epoch ||
        !*self->master_id || !strcmp(self->master_id, message->agent_registered->master_id))
        return false;
    self->counters.messages_old++;
    if (self->has_told_rival)
        return true;
    self->has_told_rival = true;
    agent_log(self, LOG_LEVEL_ERROR,
              "master %s is not obeyed: its epoch is %llu, and in that epoch this agent has obeyed "
              "master %s: two masters rule at once; stop one, and start the other again",
              message->agent_registered->master_id, (unsigned long long)self->epoch,
              self->master_id);
    return true;
}

void register_tell_all(struct agent *self)
{
    if (self->registration == REGISTRATION_DONE)
        for_each_task(self, updates_resume);
    if (self->registration == REGISTRATION_DONE)
        agent_operations_resume(self);
}

void register_on_answer(struct agent *self, const struct msg_agent_registered *answer)
{
    /* The second answer to a question that was asked twice. */
    if (self->registration != REGISTRATION_ASKED)
        return;
    if (*self->info.id && strcmp(self->info.id, answer->agent_id) != 0) {
        agent_log(self, LOG_LEVEL_ERROR,
                  "the master calls this agent %s, but it is %s: two agents in one name?",
                  answer->agent_id, self->info.id);
        stop_begin(self, 1, self->kill_grace_us, "the master gave this agent another id");
        return;
    }
    deadline_cancel(&self->deadlines, &self->register_again);
    take_id(self, answer->agent_id);
    self->registration = REGISTRATION_DONE;
    self->is_unlike = false;
    self->counters.registrations++;
    agent_log(self, LOG_LEVEL_INFO, "registered as %s with master %s, epoch %llu, %zu tasks",
              self->info.id, answer->master_id, (unsigned long long)self->epoch, self->tasks_count);
    agent_publish(self, MESSAGE(CHANGE_MASTER, change_master, .master_id = answer->master_id));
    agent_publish_itself(self);
    if (!MUTATE(SILENT_ON_RETURN))
        register_tell_all(self);
}
