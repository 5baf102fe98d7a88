/* A task's way through its container: launched, started, ended by itself, by a limit or by us. */
#include "agent/core/state.h"

#include <stdio.h>

#define HOW_MAX 128

static void refuse(struct agent *self, struct task *task, enum task_state state,
                   enum task_reason reason, const char *message)
{
    self->counters.tasks_refused++;
    agent_task_move(self, task,
                    &(struct task_news){.state = state, .reason = reason, .message = message});
}

static void launch(struct agent *self, struct task *task)
{
    task->is_contained = true;
    HASH_ADD_KEYPTR(by_container, self->containers, task->container_id, strlen(task->container_id),
                    task);
    self->counters.tasks_launched++;
    order_launch(self, task);
}

/* A task id that is here already is not answered: an update of that id would speak of the one that
 * runs. It can only be a message that came twice, for masters refuse doubled ids. */
static bool is_expected(struct agent *self, const struct framework *framework, const char *task_id)
{
    if (agent_task_get(framework, task_id)) {
        self->counters.tasks_doubled++;
        agent_log(self, LOG_LEVEL_WARNING, "task %s of %s is here already: ignored", task_id,
                  framework->info->id);
        return false;
    }
    return true;
}

void life_run(struct agent *self, const struct msg_run_task *run)
{
    struct framework *framework;
    struct task *task;
    struct err err;

    if (!run->framework->id || !*run->framework->id) {
        self->counters.tasks_refused++;
        agent_log(self, LOG_LEVEL_WARNING, "task %s is not run: its framework has no id",
                  run->task->task_id);
        return;
    }
    framework = agent_framework_meet(self, run->framework);
    if (!is_expected(self, framework, run->task->task_id))
        return;
    task = agent_task_new(self, framework, run);
    if (self->is_stopping)
        refuse(self, task, TASK_DROPPED, REASON_AGENT_REMOVED, "the agent is leaving");
    else if (framework->is_removed)
        refuse(self, task, TASK_DROPPED, REASON_FRAMEWORK_REMOVED, "its framework was removed");
    else if (validate_run(self, run, &err) < 0)
        refuse(self, task, TASK_ERROR, REASON_TASK_INVALID, err.text);
    else
        launch(self, task);
}

static struct task *find_container(struct agent *self, const char *container_id)
{
    struct task *task;

    HASH_FIND(by_container, self->containers, container_id, strlen(container_id), task);
    if (!task)
        self->counters.containers_unknown++;
    return task;
}

void life_on_started(struct agent *self, const struct msg_container_started *event)
{
    struct task *task = find_container(self, event->container_id);

    if (!task || task->is_started)
        return;
    task->is_started = true;
    task->pid = event->pid;
    task->started_us = event->started_us ? event->started_us : self->now.wall_us;
    if (task->state != TASK_STAGING)
        return;
    agent_task_move(self, task, &(struct task_news){.state = TASK_RUNNING});
    if (task->info->max_completion_ms)
        deadline_set(&self->deadlines, &task->completion,
                     self->now.mono_us + task->info->max_completion_ms * US_PER_MS);
}

/* "exited with status 3" */
static void describe_exit(const struct exit_info *exit, char ret_text[HOW_MAX])
{
    const char *name = exit && exit->signal ? sigdescr_np((int)exit->signal) : NULL;

    if (!exit)
        snprintf(ret_text, HOW_MAX, "its end was not seen");
    else if (exit->signal)
        snprintf(ret_text, HOW_MAX, "terminated by signal %d (%s)", (int)exit->signal,
                 name ? name : "unknown");
    else
        snprintf(ret_text, HOW_MAX, "exited with status %d", (int)exit->code);
}

/* What it is that came to pass when nobody here had asked for its end. */
static struct task_news news_of_own_end(const struct msg_container_exited *event, const char *how)
{
    struct task_news news = {.state = TASK_FAILED, .message = how, .end = event};

    if (event->error && *event->error) {
        news.reason = REASON_CONTAINER_LAUNCH_FAILED;
        news.message = event->error;
    } else if (event->limitation) {
        news.reason = event->limitation;
        news.message = event->message && *event->message ? event->message : how;
    } else if (!event->exit) {
        news.reason = REASON_EXECUTOR_TERMINATED;
    } else if (event->exit->signal || event->exit->code) {
        news.reason = REASON_COMMAND_EXECUTOR_FAILED;
    } else {
        news.state = TASK_FINISHED;
    }
    return news;
}

static void move_to_end(struct agent *self, struct task *task,
                        const struct msg_container_exited *event)
{
    char how[HOW_MAX], text[HOW_MAX + 64];
    struct task_news news;

    describe_exit(event->exit, how);
    news = news_of_own_end(event, how);
    switch (task->ending) {
    case ENDING_NONE:
        agent_task_move(self, task, &news);
        return;
    case ENDING_KILL:
        news.state = TASK_KILLED;
        news.reason = task->is_started ? 0 : REASON_TASK_KILLED_DURING_LAUNCH;
        snprintf(text, sizeof(text), "killed on request: %s", how);
        break;
    case ENDING_DRAIN:
    case ENDING_GONE:
        news.state = task->ending == ENDING_GONE ? TASK_GONE_BY_OPERATOR : TASK_KILLED;
        news.reason = REASON_AGENT_DRAINING;
        snprintf(text, sizeof(text), "killed because its agent is being drained: %s", how);
        break;
    case ENDING_TIMEOUT:
        news.state = TASK_FAILED;
        news.reason = REASON_MAX_COMPLETION_TIME_REACHED;
        snprintf(text, sizeof(text), "ran longer than the %lld ms it may: %s",
                 (long long)task->info->max_completion_ms, how);
        break;
    case ENDING_STOP:
        news.state = TASK_KILLED;
        news.reason = REASON_AGENT_REMOVED;
        snprintf(text, sizeof(text), "the agent left: %s", how);
        break;
    case ENDING_REMOVED:
        news.state = TASK_KILLED;
        news.reason = REASON_FRAMEWORK_REMOVED;
        snprintf(text, sizeof(text), "its framework was removed: %s", how);
        break;
    }
    news.message = text;
    agent_task_move(self, task, &news);
}

void life_on_exited(struct agent *self, const struct msg_container_exited *event)
{
    struct task *task = find_container(self, event->container_id);

    if (!task)
        return;
    HASH_DELETE(by_container, self->containers, task);
    task->is_contained = false;
    deadline_cancel(&self->deadlines, &task->completion);
    deadline_cancel(&self->deadlines, &task->kill);
    if (event->error && *event->error)
        self->counters.launch_errors++;
    move_to_end(self, task, event);
}

int64_t life_grace_us(const struct agent *self, const struct task *task)
{
    const struct kill_policy *policy = task->info->kill_policy;

    return policy ? policy->grace_ms * US_PER_MS : self->kill_grace_us;
}

static void set_ending(struct agent *self, struct task *task, enum task_ending ending)
{
    static const enum task_reason reasons[] = {
        [ENDING_DRAIN] = REASON_AGENT_DRAINING,
        [ENDING_GONE] = REASON_AGENT_DRAINING,
        [ENDING_TIMEOUT] = REASON_MAX_COMPLETION_TIME_REACHED,
        [ENDING_STOP] = REASON_AGENT_REMOVED,
        [ENDING_REMOVED] = REASON_FRAMEWORK_REMOVED,
    };

    if (ending == ENDING_REMOVED || task->ending == ENDING_NONE)
        task->ending = ending;
    deadline_cancel(&self->deadlines, &task->completion);
    if (task->state != TASK_KILLING)
        agent_task_move(self, task,
                        &(struct task_news){.state = TASK_KILLING, .reason = reasons[ending]});
}

/* Before the start there is nothing that could end gracefully, and a signal could come too early.
 */
static void escalate(struct agent *self, struct task *task, int64_t grace_us, bool is_first)
{
    int64_t end_us = self->now.mono_us + grace_us;

    if (grace_us <= 0 || !task->is_started) {
        deadline_cancel(&self->deadlines, &task->kill);
        task->is_forced = true;
        order_signal(self, task, true);
        return;
    }
    if (is_first)
        order_signal(self, task, false);
    if (!deadline_is_set(&task->kill) || end_us < task->kill.at_us)
        deadline_set(&self->deadlines, &task->kill, end_us);
}

void life_end(struct agent *self, struct task *task, enum task_ending ending, int64_t grace_us)
{
    bool is_first = task->ending == ENDING_NONE;

    if (!task->is_contained)
        return;
    set_ending(self, task, ending);
    if (!task->is_forced)
        escalate(self, task, grace_us, is_first);
}
