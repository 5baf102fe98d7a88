/* A task's record and its states: the table of allowed moves, and the one function that makes a
 * move. */
#include "agent/core/state.h"
#include "base/cleanup.h"
#include "base/mem.h"

#define STATE_BIT(state) (UINT32_C(1) << (state))
#define TERMINAL_BITS                                                                              \
    (STATE_BIT(TASK_FINISHED) | STATE_BIT(TASK_FAILED) | STATE_BIT(TASK_KILLED) |                  \
     STATE_BIT(TASK_GONE_BY_OPERATOR))

/* From here to there; what stays where it is has something new to say. What is terminal moves no more. */
static const uint32_t moves[AGENT_STATES] = {
    [TASK_STAGING] = STATE_BIT(TASK_STARTING) | STATE_BIT(TASK_RUNNING) | STATE_BIT(TASK_KILLING) |
                     STATE_BIT(TASK_ERROR) | STATE_BIT(TASK_DROPPED) | TERMINAL_BITS,
    [TASK_STARTING] = STATE_BIT(TASK_STARTING) | STATE_BIT(TASK_RUNNING) | STATE_BIT(TASK_KILLING) |
                      STATE_BIT(TASK_ERROR) | STATE_BIT(TASK_DROPPED) | TERMINAL_BITS,
    [TASK_RUNNING] =
        STATE_BIT(TASK_RUNNING) | STATE_BIT(TASK_KILLING) | STATE_BIT(TASK_ERROR) | TERMINAL_BITS,
    [TASK_KILLING] = TERMINAL_BITS,
};

bool agent_task_may_move(enum task_state from, enum task_state to)
{
    return from < AGENT_STATES && to < AGENT_STATES && (moves[from] & STATE_BIT(to));
}

struct task *agent_task_get(const struct framework *framework, const char *task_id)
{
    struct task *task;

    HASH_FIND(by_id, framework->tasks, task_id, strlen(task_id), task);
    return task;
}

/* command.user, else the framework's, else the agent's default; who cannot switch runs as itself.
 */
static const char *choose_user(const struct agent *self, const struct msg_run_task *run)
{
    const char *asked = run->task->command->user;

    if (!self->switch_user)
        return "";
    if (!asked || !*asked)
        asked = run->framework->user;
    return asked && *asked ? asked : self->default_user;
}

void agent_task_publish(struct agent *self, const struct task *task)
{
    struct task_status shown = task->status ? *task->status : (struct task_status){0};

    shown.data = (struct bytes){0};
    arena_reset(self->scratch);
    agent_publish(self, MESSAGE(CHANGE_TASK, change_task, .framework_id = task->framework->info->id,
                                .role = task->role, .user = task->user,
                                .task = agent_task_public(task->info, self->scratch),
                                .state = task->state, .status = task->status ? &shown : NULL,
                                .container_id = task->container_id, .sandbox = task->sandbox));
}

void agent_task_contain(struct agent *self, struct task *task)
{
    task->is_contained = true;
    HASH_ADD_KEYPTR(by_container, self->containers, task->container_id, strlen(task->container_id),
                    task);
}

static void on_completion_due(void *owner, struct deadline *deadline)
{
    struct task *task = CONTAINER_OF(deadline, struct task, completion);

    life_end(owner, task, ENDING_TIMEOUT, life_grace_us(owner, task));
}

static void on_kill_due(void *owner, struct deadline *deadline)
{
    struct task *task = CONTAINER_OF(deadline, struct task, kill);

    life_end(owner, task, task->ending, 0);
}

static struct task *task_make(struct agent *self, struct framework *framework,
                              const struct task_info *info)
{
    struct task *task = mem_new(struct task);

    task->framework = framework;
    task->arena = arena_new(0);
    task->statuses = arena_new(0);
    task->info = record_copy(&task_info_def, info, task->arena);
    task->state = TASK_STAGING;
    task->recorded.state = TASK_STAGING;
    task->asked_grace_us = -1;
    task->completion.due = on_completion_due;
    task->kill.due = on_kill_due;
    task->retry.due = updates_retry_due;
    HASH_ADD_KEYPTR(by_id, framework->tasks, task->info->task_id, strlen(task->info->task_id),
                    task);
    self->tasks_count++;
    self->counters.now_in[TASK_STAGING]++;
    return task;
}

void agent_task_place(const struct agent *self, struct task *task, const char *framework_id)
{
    task->sandbox = arena_printf(task->arena, "%s/%s%s/%s", self->sandboxes_dir, framework_id,
                                 task->info->docker ? DOCKER_SANDBOXES : "", task->container_shown);
}

struct task *agent_task_new(struct agent *self, struct framework *framework,
                            const struct msg_run_task *run)
{
    struct executor *executor = executors_find(framework, run->task->executor_id);
    struct task *task = task_make(self, framework, run->task);
    const struct task *host = executor ? executor->task : NULL;
    struct arena *arena = task->arena;

    task->role = arena_strdup(arena, run->role && *run->role ? run->role : "*");
    task->user = arena_strdup(arena, host ? host->user : choose_user(self, run));
    task->container_id = container_id_make(self, task->info->task_id, arena);
    task->container_shown = host ? arena_strdup(arena, host->container_id) : task->container_id;
    agent_task_place(self, task, framework->info->id);
    self->counters.entered[TASK_STAGING]++;
    agent_task_publish(self, task);
    return task;
}

struct task *agent_task_restore(struct agent *self, struct framework *framework,
                                const struct msg_keep_task *record)
{
    struct task *task = task_make(self, framework, record->task);

    task->role = arena_strdup(task->arena, record->role);
    task->user = arena_strdup(task->arena, record->user);
    task->container_id = task->container_shown = arena_strdup(task->arena, record->container_id);
    task->sandbox = arena_strdup(task->arena, record->sandbox);
    task->kept_cpus = arena_strdup(task->arena, record->cpus);
    task->kept_mems = arena_strdup(task->arena, record->mems);
    task->waits = record->waits;
    task->gpus = arena_array(task->arena, record->gpus_count, sizeof(*task->gpus));
    for (size_t i = 0; i < record->gpus_count; i++)
        task->gpus[task->gpus_count++] = arena_strdup(task->arena, record->gpus[i]);
    return task;
}

/* An executor may be forgotten before the last word of its task is acknowledged. */
static const char *address_of(const struct task *host, const struct task *task)
{
    if (host == task || !host->network_address)
        return host->network_address;
    return arena_strdup(task->statuses, host->network_address);
}

static const struct container_info *describe_container(const struct agent *self,
                                                       const struct task *task,
                                                       const struct msg_container_exited *end)
{
    struct container_info *info = arena_alloc(task->statuses, sizeof(*info));
    const struct task *host = task->host ? task->host->task : task;

    *info = (struct container_info){
        .container_id = task->container_shown,
        .pid = host->pid,
        .sandbox = task->sandbox,
        .agent_address = self->info.address,
        .started_us = task->started_us,
        .network_address = address_of(host, task),
    };
    place_describe(task, info);
    if (end) {
        info->peak_mem_bytes = end->peak_mem_bytes;
        info->cpu_user_us = end->cpu_user_us;
        info->cpu_system_us = end->cpu_system_us;
        info->stdout_bytes = end->stdout_bytes;
        info->stderr_bytes = end->stderr_bytes;
        info->started_us = end->started_us ? end->started_us : task->started_us;
        info->ended_us = end->ended_us ? end->ended_us : self->now.wall_us;
    }
    return info;
}

/* What only an executor can know. */
static void add_said(struct task_status *status, const struct task_status *said,
                     struct arena *arena)
{
    if (said->data.size)
        status->data =
            (struct bytes){arena_memdup(arena, said->data.data, said->data.size), said->data.size};
    if (said->exit)
        status->exit = record_copy(&exit_info_def, said->exit, arena);
    if (said->health)
        status->health = said->health;
}

static const struct task_status *make_status(struct agent *self, const struct task *task,
                                             const struct task_news *news)
{
    const struct task_status *was = task->status;
    struct task_status *status = arena_alloc(task->statuses, sizeof(*status));
    unsigned char *uuid = arena_alloc(task->statuses, UUID_BYTES);

    uuid_make(&self->rng, uuid);
    *status = (struct task_status){
        .task_id = task->info->task_id,
        .state = news->state,
        .reason = news->reason,
        .source = news->said ? SOURCE_EXECUTOR : SOURCE_AGENT,
        .message = arena_strdup(task->statuses, news->message ? news->message : ""),
        .agent_id = self->info.id,
        .uuid = {.data = uuid, .size = UUID_BYTES},
        .timestamp_us = self->now.wall_us,
        .container = describe_container(self, task, news->end),
        .health = news->health ? news->health
                  : was        ? was->health
                               : 0,
        .check = was ? was->check : NULL,
    };
    if (news->end && news->end->exit)
        status->exit = record_copy(&exit_info_def, news->end->exit, task->statuses);
    if (news->said)
        add_said(status, news->said, task->statuses);
    if (news->check)
        status->check = record_copy(&check_status_def, news->check, task->statuses);
    return status;
}

#define STATUSES_MAX_BYTES ((size_t)32 * 1024)
#define STATUSES_MOST      16 /* that are still of use at once: updates of a task that repeats none */

/* A status that several point to is copied once. */
struct compaction {
    struct arena *arena;
    const struct task_status *from[STATUSES_MOST], *to[STATUSES_MOST];
    size_t count;
};

static void save(struct compaction *self, const struct task_status **status_p)
{
    if (!*status_p)
        return;
    for (size_t i = 0; i < self->count; i++)
        if (self->from[i] == *status_p) {
            *status_p = self->to[i];
            return;
        }
    BUG_ON(self->count == STATUSES_MOST);
    self->from[self->count] = *status_p;
    *status_p = self->to[self->count++] = record_copy(&task_status_def, *status_p, self->arena);
}

/* A task that lives long may say the same again and again; what it once said is dropped. */
static void compact(struct task *task)
{
    struct compaction compaction = {.arena = arena_new(0)};
    struct update *update, *updates = task->updates;

    task->updates = NULL;
    DL_FOREACH (updates, update) {
        struct update *copy = arena_alloc(compaction.arena, sizeof(*copy));

        copy->status = update->status;
        save(&compaction, &copy->status);
        DL_APPEND(task->updates, copy);
    }
    save(&compaction, &task->status);
    save(&compaction, &task->recorded.status);
    save(&compaction, &task->told_last.status);
    arena_destroy(&task->statuses);
    task->statuses = compaction.arena;
}

/* Its data is for its framework. */
static void publish_status(struct agent *self, const struct task *task)
{
    struct task_status shown = *task->status;

    shown.data = (struct bytes){0};
    agent_publish(self,
                  MESSAGE(CHANGE_TASK_STATUS, change_task_status,
                          .framework_id = task->framework->info->id, .task_id = task->info->task_id,
                          .state = task->state, .status = &shown));
}

void agent_task_move(struct agent *self, struct task *task, const struct task_news *news)
{
    BUG_ON(!agent_task_may_move(task->state, news->state));
    if (task->state == news->state && arena_used(task->statuses) > STATUSES_MAX_BYTES)
        compact(task);
    self->counters.now_in[task->state]--;
    self->counters.now_in[news->state]++;
    self->counters.entered[news->state] += news->state != task->state;
    task->state = news->state;
    task->status = make_status(self, task, news);
    publish_status(self, task);
    updates_add(task, task->status);
    keep_task_state(self, task);
    updates_tell(self, task);
    groups_stir(self, task);
}

void agent_task_destroy(struct agent *self, struct task *task)
{
    if (task->is_contained)
        HASH_DELETE(by_container, self->containers, task);
    deadline_cancel(&self->deadlines, &task->completion);
    deadline_cancel(&self->deadlines, &task->kill);
    deadline_cancel(&self->deadlines, &task->retry);
    executors_forget(self, task);
    place_forget(self, task);
    limits_forget(task);
    checks_drop(self, task);
    groups_forget_member(task);
    HASH_DELETE(by_id, task->framework->tasks, task);
    self->tasks_count--;
    self->counters.now_in[task->state]--;
    arena_destroy(&task->statuses);
    arena_destroy(&task->arena);
    free(task);
}

void agent_task_forget(struct agent *self, struct task *task)
{
    struct framework *framework = task->framework;

    BUG_ON(task->is_contained || !task_state_is_terminal(task->state));
    agent_publish(self,
                  MESSAGE(CHANGE_TASK_REMOVED, change_task_removed,
                          .framework_id = framework->info->id, .task_id = task->info->task_id));
    keep_forget_task(self, task);
    agent_task_destroy(self, task);
    agent_framework_on_task_forgotten(self, framework);
}
