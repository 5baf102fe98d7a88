/* Registration: ask on each new session until answered, then tell again what is not acknowledged.
 */
#include "agent/core/state.h"
#include "base/mutant.h"
#include "base/cleanup.h"

#define REGISTER_MAX_US ((int64_t)15 * US_PER_S)

/* Bytes of what tasks carry (commands, labels) in one registration; the rest of a message is for what
 * the master needs of each task. */
#define CARRIED_MAX ((size_t)2 * 1024 * 1024)

void agent_publish_itself(struct agent *self)
{
    agent_publish(self, MESSAGE(CHANGE_AGENT, change_agent, .agent = &self->info,
                                .connected = self->registration == REGISTRATION_DONE,
                                .active = !self->is_stopping, .registered_us = self->registered_us,
                                .reregistered_us = self->reregistered_us));
}

/* What a list of tasks is made with. */
struct listing {
    struct arena *arena;   /* of the list */
    struct arena *measure; /* of copies that are only weighed */
    size_t carried;
};

/* A task whose command and labels would make the message too long to be sent is told without them: the
 * master only shows them, and without the registration every task here would be lost to it. */
static const struct task_info *task_for_list(struct listing *listing, const struct task_info *info)
{
    static const struct command_info none = {0};
    struct task_info *brief;
    size_t weight;

    info = agent_task_public(info, listing->arena);
    arena_reset(listing->measure);
    record_copy(&task_info_def, info, listing->measure);
    weight = arena_used(listing->measure);
    if (listing->carried + weight <= CARRIED_MAX) {
        listing->carried += weight;
        return info;
    }
    brief = arena_alloc(listing->arena, sizeof(*brief));
    *brief = *info;
    brief->command = &none;
    brief->labels_count = 0;
    brief->discovery = NULL;
    return brief;
}

/* Its data are for the framework, which is told by the update itself. */
static const struct task_status *status_for_list(struct listing *listing,
                                                 const struct task_status *status)
{
    struct task_status *shown;

    if (!status || !status->data.size)
        return status;
    shown = arena_alloc(listing->arena, sizeof(*shown));
    *shown = *status;
    shown->data = (struct bytes){0};
    return shown;
}

/* What tasks of a removed framework hold is not free before they have ended: the master counts them, and
 * acknowledges their end itself. */
static size_t list_tasks(const struct agent *self, struct agent_task *ret_tasks,
                         struct framework_info *ret_frameworks, size_t *ret_frameworks_count)
{
    CLEANUP(arena_destroy) struct arena *measure = arena_new(0);
    struct listing listing = {.arena = self->scratch, .measure = measure};
    size_t tasks_count = 0;

    *ret_frameworks_count = 0;
    for (struct framework *f = self->frameworks; f; f = f->hh.next) {
        if (!f->tasks)
            continue;
        ret_frameworks[(*ret_frameworks_count)++] = *f->info;
        for (struct task *task = f->tasks; task; task = task->by_id.next) {
            const struct standing standing = keep_standing(self, task);

            ret_tasks[tasks_count++] = (struct agent_task){
                .framework_id = f->info->id,
                .role = task->role,
                .task = task_for_list(&listing, task->info),
                .state = standing.state,
                .status = status_for_list(&listing, standing.status),
                .disowned = f->is_removed,
            };
        }
    }
    return tasks_count;
}

static void ask(struct agent *self)
{
    size_t frameworks_max = HASH_COUNT(self->frameworks);
    struct framework_info *frameworks;
    struct agent_task *tasks;
    const struct operation_status *operations;
    size_t tasks_count, frameworks_count, operations_count;

    arena_reset(self->scratch);
    tasks = arena_array(self->scratch, self->tasks_count, sizeof(*tasks));
    frameworks = arena_array(self->scratch, frameworks_max, sizeof(*frameworks));
    tasks_count = list_tasks(self, tasks, frameworks, &frameworks_count);
    operations = agent_operations_list(self, self->scratch, &operations_count);
    self->counters.registration_attempts++;
    /* While nothing can be written, it says only what is written: the agent must not be lost. */
    agent_tell_master(self,
                      MESSAGE(REGISTER_AGENT, register_agent, .agent = &self->info, .tasks = tasks,
                              .tasks_count = tasks_count, .frameworks = frameworks,
                              .frameworks_count = frameworks_count, .operations = operations,
                              .operations_count = operations_count,
                              .last_epoch = (int64_t)self->epoch,
                              .last_master_id = self->master_id),
                      self->is_store_failing ? 0 : self->records);
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
