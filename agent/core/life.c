/* A task's way through its container: launched, started, ended by itself, by a limit or by us. */
#include "agent/core/state.h"
#include "base/mutant.h"
#include "proto/executors.h"
#include "proto/uris.h"

#include <stdio.h>

#define HOW_MAX        128
#define LIMIT_TEXT_MAX 80
#define REFUSAL_MAX    (HOW_MAX + 64)
#define UNHEALTHY_MAX  768 /* why a task is unhealthy */
#define FETCHING_MAX   512 /* of a URI */

#define WHY_MAX       300
#define GROUP_WHY_MAX 600
#define ENDING_MAX    (HOW_MAX + UNHEALTHY_MAX) /* how one ended that was being ended */

/* Of what is told before the end. */
static const enum task_reason reasons_of_endings[] = {
    [ENDING_DRAIN] = REASON_AGENT_DRAINING,
    [ENDING_GONE] = REASON_AGENT_DRAINING,
    [ENDING_TIMEOUT] = REASON_MAX_COMPLETION_TIME_REACHED,
    [ENDING_STOP] = REASON_AGENT_REMOVED,
    [ENDING_REMOVED] = REASON_FRAMEWORK_REMOVED,
    [ENDING_UNHEALTHY] = REASON_TASK_UNHEALTHY,
    [ENDING_PREEMPTED] = REASON_PREEMPTED,
    [ENDING_GROUP] = REASON_TASK_GROUP_ENDED,
    [ENDING_GROUP_DONE] = 0,
    [ENDING_UNREGISTERED] = REASON_EXECUTOR_REGISTRATION_TIMEOUT,
    [ENDING_UNREREGISTERED] = REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
    [ENDING_UNRULY] = REASON_EXECUTOR_TERMINATED,
};

/* A task whose record would be larger than the disk's format allows. Masters refuse less. */
#define TASK_BYTES_MAX ((size_t)3 * 1024 * 1024)

static void refuse(struct agent *self, struct task *task, enum task_state state,
                   enum task_reason reason, const char *message)
{
    self->counters.tasks_refused++;
    if (!task->is_volatile)
        keep_task(self, task);
    agent_task_move(self, task,
                    &(struct task_news){.state = state, .reason = reason, .message = message});
}

/* Nothing is written of it, and nothing of it is left behind: DROPPED is also what the master says
 * of a task that the agent does not know, so it can be told at once. */
static void refuse_volatile(struct agent *self, struct task *task, enum task_reason reason,
                            const char *message)
{
    task->is_volatile = true;
    refuse(self, task, TASK_DROPPED, reason, message);
}

void life_refuse(struct agent *self, struct task *task, const struct task_news *news)
{
    refuse(self, task, news->state, news->reason, news->message);
}

void life_refuse_volatile(struct agent *self, struct task *task, enum task_reason reason,
                          const char *message)
{
    refuse_volatile(self, task, reason, message);
}

int life_take_place(struct agent *self, struct task *task, struct err *err)
{
    int rc = place_take(self, task, err);

    if (rc == 0)
        rc = order_launch_check(self, task, err);
    if (rc < 0)
        place_forget(self, task);
    return rc;
}

static int prepare(struct agent *self, struct task *task, struct err *err)
{
    int rc = task->info->executor ? executors_new(self, task, err) : 0;

    if (rc == 0)
        rc = life_take_place(self, task, err);
    if (rc < 0)
        executors_forget(self, task);
    return rc;
}

static void launch(struct agent *self, struct task *task)
{
    struct err err;

    if (prepare(self, task, &err) < 0) {
        refuse(self, task, TASK_FAILED, REASON_CONTAINER_LAUNCH_FAILED, err.text);
        return;
    }
    keep_task(self, task);
    agent_task_contain(self, task);
    place_taken(self, task);
    self->counters.tasks_launched++;
    garbage_on_started(self);
    order_launch(self, task);
}

/* It has no container of its own. */
static void hand_over(struct agent *self, struct task *task)
{
    struct executor *executor = executors_find(task->framework, task->info->executor_id);
    struct err err;

    if (!executor) {
        refuse(self, task, TASK_DROPPED, REASON_EXECUTOR_TERMINATED,
               "its executor is not here, or is about to end");
        return;
    }
    if (place_take(self, task, &err) < 0) {
        refuse(self, task, TASK_FAILED, REASON_CONTAINER_LAUNCH_FAILED, err.text);
        return;
    }
    keep_task(self, task);
    agent_task_contain(self, task);
    place_taken(self, task);
    self->counters.tasks_launched++;
    executor_take(self, executor, task);
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

bool life_is_too_large(const struct task *task)
{
    return arena_used(task->arena) > TASK_BYTES_MAX;
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
    if (self->is_store_failing)
        refuse_volatile(self, task, REASON_CONTAINER_LAUNCH_FAILED,
                        "the agent cannot write down what it runs: its disk is full or broken");
    else if (life_is_too_large(task))
        refuse_volatile(self, task, REASON_TASK_INVALID, "the task takes more than 3 MiB");
    else if (self->is_stopping)
        refuse(self, task, TASK_DROPPED, REASON_AGENT_REMOVED, "the agent is leaving");
    else if (framework->is_removed)
        refuse(self, task, TASK_DROPPED, REASON_FRAMEWORK_REMOVED, "its framework was removed");
    else if (self->is_unlike)
        refuse(self, task, TASK_DROPPED, REASON_INVALID_OFFERS,
               "an operation on the agent's resources failed before it");
    else if (run->task->docker && !self->has_docker)
        refuse(self, task, TASK_FAILED, REASON_CONTAINER_LAUNCH_FAILED,
               "this agent runs no Docker containers (--containerizers=native,docker)");
    else if (validate_run(self, run, &err) < 0)
        refuse(self, task, TASK_ERROR, REASON_TASK_INVALID, err.text);
    else if (task_is_inside(run->task))
        hand_over(self, task);
    else
        launch(self, task);
}

struct task *agent_container_get(struct agent *self, const char *container_id)
{
    struct task *task;

    HASH_FIND(by_container, self->containers, container_id, strlen(container_id), task);
    if (!task)
        self->counters.containers_unknown++;
    return task;
}

/* Its time runs from when an agent first heard of its start, by the one clock that all agents of a boot share
 * and that nobody can set. */
static void set_completion(struct agent *self, struct task *task)
{
    if (task->info->max_completion_ms)
        deadline_set(&self->deadlines, &task->completion,
                     task->heard_mono_us + task->info->max_completion_ms * US_PER_MS);
}

static bool is_before_start(const struct task *task)
{
    return task->state == TASK_STAGING || task->state == TASK_STARTING;
}

void life_on_started(struct agent *self, const struct msg_container_started *event)
{
    struct task *task = agent_container_get(self, event->container_id);

    if (task && event->network_address && *event->network_address)
        task->network_address = arena_strdup(task->arena, event->network_address);
    if (task && task->is_started && checks_wait(task))
        checks_begin(self, task);
    if (!task || task->is_started)
        return;
    task->is_started = true;
    task->pid = event->pid;
    task->started_us = event->started_us ? event->started_us : self->now.wall_us;
    task->heard_mono_us = self->now.mono_us;
    if (!is_before_start(task))
        return;
    if (task->executor)
        executors_on_started(self, task);
    else
        life_register(self, task);
}

void life_register(struct agent *self, struct task *task)
{
    agent_task_move(self, task, &(struct task_news){.state = TASK_RUNNING});
    set_completion(self, task);
    checks_begin(self, task);
}

void life_tell(struct agent *self, struct task *task, const struct task_news *news)
{
    bool is_start = news->state == TASK_RUNNING && !task->is_started;

    if (is_start) {
        task->is_started = true;
        task->started_us = self->now.wall_us;
        task->heard_mono_us = self->now.mono_us;
    }
    agent_task_move(self, task, news);
    if (is_start)
        set_completion(self, task);
}

void life_on_fetching(struct agent *self, const struct msg_container_fetching *event)
{
    struct task *task = agent_container_get(self, event->container_id);
    const struct command_info *command = task ? task->info->command : NULL;
    char text[HOW_MAX + FETCHING_MAX];

    if (!task || task->is_started || task->ending || event->uri >= (int64_t)command->uris_count)
        return;
    arena_reset(self->scratch);
    snprintf(text, sizeof(text), "fetching %.*s (%lld of %zu), %lld bytes so far", FETCHING_MAX,
             uri_shown(command->uris[event->uri].value, self->scratch), (long long)event->uri + 1,
             command->uris_count, (long long)event->bytes);
    agent_task_move(self, task, &(struct task_news){.state = TASK_STARTING, .message = text});
}

/* What is not acknowledged yet need not be followed by more of its kind. */
void life_on_progress(struct agent *self, const struct msg_container_progress *event)
{
    struct task *task = agent_container_get(self, event->container_id);

    if (!task || !is_before_start(task) || task->updates)
        return;
    agent_task_move(self, task,
                    &(struct task_news){.state = TASK_STARTING, .message = event->text});
}

static bool is_text(const char *text)
{
    return text && *text;
}

/* "exited with status 3" */
static void describe_end(const struct task *task, const struct msg_container_exited *event,
                         char ret_text[HOW_MAX])
{
    const struct exit_info *exit = event->exit;
    const char *name = exit && exit->signal ? sigdescr_np((int)exit->signal) : NULL;

    if (!exit && is_text(event->error) && is_text(event->message))
        snprintf(ret_text, HOW_MAX, "%.*s; %.*s", LIMIT_TEXT_MAX, event->message,
                 HOW_MAX - LIMIT_TEXT_MAX - 3, event->error);
    else if (!exit && is_text(event->error))
        snprintf(ret_text, HOW_MAX, "%.*s", HOW_MAX - 1, event->error);
    else if (!exit)
        snprintf(ret_text, HOW_MAX, "%s",
                 task->is_started || event->started_us ? "its end was not seen"
                                                       : "it had not been started");
    else if (exit->signal)
        snprintf(ret_text, HOW_MAX, "terminated by signal %d (%s)", (int)exit->signal,
                 name ? name : "unknown");
    else
        snprintf(ret_text, HOW_MAX, "exited with status %d", (int)exit->code);
}

/* What it is that came to pass when nobody here had asked for its end. */
static struct task_news news_of_own_end(const struct task *task,
                                        const struct msg_container_exited *event, const char *how)
{
    struct task_news news = {.state = TASK_FAILED, .message = how, .end = event};
    bool has_run = task->is_started || event->started_us;

    if (event->never_launched && is_before_start(task)) {
        news.state = TASK_DROPPED;
        news.reason = REASON_AGENT_RESTARTED;
        news.message = "the agent was restarted before it could start the task";
    } else if (event->limitation) { /* also of one whose URIs were still being fetched */
        news.reason = event->limitation;
        if (is_text(event->message) && !is_text(event->error))
            news.message = event->message;
    } else if (is_text(event->error)) {
        news.reason = has_run ? REASON_EXECUTOR_TERMINATED : REASON_CONTAINER_LAUNCH_FAILED;
        news.message = event->error;
    } else if (!event->exit) {
        news.reason = REASON_EXECUTOR_TERMINATED;
    } else if (event->exit->signal || event->exit->code) {
        news.reason = REASON_COMMAND_EXECUTOR_FAILED;
    } else {
        news.state = TASK_FINISHED;
    }
    return news;
}

static bool is_clean(const struct exit_info *exit)
{
    return exit && !exit->signal && !exit->code;
}

/* How one ends that is being ended; `how` it came about is for a person. In `text`. */
static struct task_news news_of_ending(const struct task *task, const struct task_news *base,
                                       const char *how, char text[ENDING_MAX])
{
    struct task_news news = *base;

    switch (task->ending) {
    case ENDING_KILL:
        news.state = TASK_KILLED;
        news.reason = task->is_started ? 0 : REASON_TASK_KILLED_DURING_LAUNCH;
        snprintf(text, ENDING_MAX, "killed on request: %s", how);
        break;
    case ENDING_DRAIN:
    case ENDING_GONE:
        news.state = task->ending == ENDING_GONE ? TASK_GONE_BY_OPERATOR : TASK_KILLED;
        news.reason = REASON_AGENT_DRAINING;
        snprintf(text, ENDING_MAX, "killed because its agent is being drained: %s", how);
        break;
    case ENDING_PREEMPTED:
        news.state = TASK_KILLED;
        news.reason = REASON_PREEMPTED;
        snprintf(text, ENDING_MAX, "preempted: %.*s: %s", WHY_MAX,
                 task->ending_why ? task->ending_why : "another is to run in its place", how);
        break;
    case ENDING_TIMEOUT:
        news.state = TASK_FAILED;
        news.reason = REASON_MAX_COMPLETION_TIME_REACHED;
        snprintf(text, ENDING_MAX, "ran longer than the %lld ms it may: %s",
                 (long long)task->info->max_completion_ms, how);
        break;
    case ENDING_STOP:
        news.state = TASK_KILLED;
        news.reason = REASON_AGENT_REMOVED;
        snprintf(text, ENDING_MAX, "the agent left: %s", how);
        break;
    case ENDING_UNHEALTHY:
        news.state = TASK_FAILED;
        news.reason = REASON_TASK_UNHEALTHY;
        snprintf(text, ENDING_MAX, "%.*s; %s", UNHEALTHY_MAX - 8, task->status->message, how);
        break;
    case ENDING_REMOVED:
        news.state = TASK_KILLED;
        news.reason = REASON_FRAMEWORK_REMOVED;
        snprintf(text, ENDING_MAX, "its framework was removed: %s", how);
        break;
    case ENDING_UNREGISTERED:
    case ENDING_UNREREGISTERED:
    case ENDING_UNRULY:
        news.state = TASK_FAILED;
        news.reason = reasons_of_endings[task->ending];
        snprintf(text, ENDING_MAX, "%.*s: %s", WHY_MAX,
                 task->ending_why ? task->ending_why : "its executor failed", how);
        break;
    case ENDING_GROUP:
        news.state = TASK_KILLED;
        news.reason = REASON_TASK_GROUP_ENDED;
        snprintf(text, ENDING_MAX, "ended with its group: %.*s; %s", GROUP_WHY_MAX,
                 groups_why(task), how);
        break;
    case ENDING_GROUP_DONE:
        news.state = is_clean(base->end ? base->end->exit : NULL) ? TASK_FINISHED : TASK_KILLED;
        news.reason = 0;
        snprintf(text, ENDING_MAX, "all tasks that it was there for have ended: %s", how);
        break;
    }
    news.message = text;
    return news;
}

static void move_as_ending(struct agent *self, struct task *task, const struct task_news *base,
                           const char *how)
{
    char text[ENDING_MAX];
    const struct task_news news = news_of_ending(task, base, how, text);

    agent_task_move(self, task, &news);
}

/* The texts that its news borrow. */
struct end_texts {
    char how[HOW_MAX];
    char whole[ENDING_MAX];
};

static struct task_news news_of_end(const struct task *task,
                                    const struct msg_container_exited *event,
                                    struct end_texts *texts)
{
    struct task_news news;

    describe_end(task, event, texts->how);
    if (task->waits)
        snprintf(texts->how, sizeof(texts->how), "it had not been started");
    news = news_of_own_end(task, event, texts->how);
    return task->ending ? news_of_ending(task, &news, texts->how, texts->whole) : news;
}

static void move_to_end(struct agent *self, struct task *task,
                        const struct msg_container_exited *event)
{
    struct end_texts texts;
    const struct task_news news = news_of_end(task, event, &texts);

    agent_task_move(self, task, &news);
}

enum task_state life_foresee(const struct task *task, char *ret_message, size_t size)
{
    struct end_texts texts;
    const struct task_news news = news_of_end(task, task->ended, &texts);

    snprintf(ret_message, size, "%s", news.message);
    return news.state;
}

static void uncontain(struct agent *self, struct task *task)
{
    HASH_DELETE(by_container, self->containers, task);
    task->is_contained = task->rests = false;
    task->ended = NULL;
    executors_leave(self, task);
    limits_drop(task);
    place_give(self, task);
    deadline_cancel(&self->deadlines, &task->completion);
    deadline_cancel(&self->deadlines, &task->kill);
    checks_end(self, task);
}

void life_finish(struct agent *self, struct task *task, const struct task_news *news)
{
    uncontain(self, task);
    agent_task_move(self, task, news);
}

void life_finish_ending(struct agent *self, struct task *task, const struct task_news *base)
{
    uncontain(self, task);
    move_as_ending(self, task, base, base->message);
}

static void end(struct agent *self, struct task *task, const struct msg_container_exited *event)
{
    move_to_end(self, task, event);
}

/* Of an executor. */
static void end_what_it_had(struct agent *self, struct task *task,
                            const struct msg_container_exited *event)
{
    char how[HOW_MAX];

    describe_end(task, event, how);
    executors_on_exited(self, task, event,
                        event->error && *event->error       ? event->error
                        : event->message && *event->message ? event->message
                                                            : how);
}

static void end_contained(struct agent *self, struct task *task,
                          const struct msg_container_exited *event)
{
    if (event->error && *event->error)
        self->counters.launch_errors++;
    end_what_it_had(self, task, event);
    uncontain(self, task);
    end(self, task, event);
    garbage_on_ended(self);
    order_forget(self, event, task->sandbox);
}

void life_on_exited(struct agent *self, const struct msg_container_exited *event)
{
    struct task *task = agent_container_get(self, event->container_id);

    if (task && event->never_launched && groups_launch_again(self, task))
        task = NULL;
    /* What is on disk stands. Of a launch that was refused an earlier launcher may have been the only one to know. */
    if (task && task->ended) {
        task->is_of_before = false;
        event = task->ended;
    }
    if (!task)
        order_forget(self, event, "");
    else if (!groups_hold_back(self, task, event))
        end_contained(self, task, event);
}

void life_rest(struct agent *self, struct task *task)
{
    limits_drop(task);
    deadline_cancel(&self->deadlines, &task->completion);
    deadline_cancel(&self->deadlines, &task->kill);
    checks_end(self, task);
    task->is_forced = true;
}

void life_let_go(struct agent *self, struct task *task)
{
    end_contained(self, task, task->ended);
}

/* Nothing of it is anywhere but here. */
void life_end_unlaunched(struct agent *self, struct task *task)
{
    uncontain(self, task);
    end(self, task, &(struct msg_container_exited){0});
}

void life_fail_unlaunched(struct agent *self, struct task *task, const char *why)
{
    uncontain(self, task);
    agent_task_move(self, task,
                    &(struct task_news){.state = TASK_FAILED,
                                        .reason = REASON_CONTAINER_LAUNCH_FAILED,
                                        .message = why});
}

/* What was done for it in this turn is undone: the order was never given, and its records are taken
 * back before the others are written. */
void life_give_up(struct agent *self, struct task *task, const char *reason)
{
    char text[REFUSAL_MAX];

    snprintf(text, sizeof(text), "the agent cannot write it down: %.*s", HOW_MAX, reason);
    uncontain(self, task);
    keep_forget_task(self, task);
    updates_drop(self, task);
    if (is_before_start(task)) {
        refuse_volatile(self, task, REASON_CONTAINER_LAUNCH_FAILED, text);
        return;
    }
    task->is_volatile = true;
    end(self, task, &(struct msg_container_exited){.error = text});
}

int64_t life_grace_us(const struct agent *self, const struct task *task)
{
    const struct kill_policy *policy = task->info->kill_policy;

    if (policy)
        return policy->grace_ms * US_PER_MS;
    if (task->info->executor)
        return executor_ms(task->info->executor->shutdown_grace_ms, EXECUTOR_GRACE_MS) * US_PER_MS;
    return self->kill_grace_us;
}

/* True: it is the first that ends it. */
static bool set_ending(struct agent *self, struct task *task, enum task_ending ending)
{
    bool is_first = !task->ending;

    if (ending == ENDING_REMOVED || is_first)
        task->ending = ending;
    deadline_cancel(&self->deadlines, &task->completion);
    checks_end(self, task);
    return is_first;
}

static void force(struct agent *self, struct task *task)
{
    deadline_cancel(&self->deadlines, &task->kill);
    task->is_forced = true;
    task->kill_by_mono_us = self->now.mono_us;
}

/* Before the start there is nothing that could end gracefully, and a signal could come too early. True: it is to hear of
 * that. */
static bool escalate(struct agent *self, struct task *task, int64_t grace_us, bool is_first)
{
    int64_t end_us = self->now.mono_us + grace_us;

    if (grace_us <= 0 || !task->is_started) {
        force(self, task);
        return true;
    }
    if (deadline_is_set(&task->kill) && end_us >= task->kill.at_us)
        return is_first;
    deadline_set(&self->deadlines, &task->kill, end_us);
    task->grace_us = grace_us;
    task->kill_by_mono_us = end_us;
    return is_first;
}

/* A signal need not wait until it is written down why: should the agent die now, the task ends by a
 * signal that nobody is known to have sent, which is true as well. An executor may take its time to end, with more
 * that is launched into it. */
static void press(struct agent *self, struct task *task, bool is_first)
{
    if (task->executor)
        executors_end(self, task, is_first);
    else
        order_signal(self, task, task->is_forced);
}

void life_end(struct agent *self, struct task *task, enum task_ending ending, int64_t grace_us)
{
    bool is_unhealthy = ending == ENDING_UNHEALTHY;
    bool is_first, is_pressed;

    if (!task->is_contained || (groups_is_held_back(task) && ending != ENDING_REMOVED))
        return;
    is_first = set_ending(self, task, ending);
    if (task->host && executor_end_task(self, task, grace_us))
        return;
    if (task->waits && !groups_hold_back_waiting(self, task)) {
        life_end_unlaunched(self, task);
        return;
    }
    is_pressed = !task->is_forced && escalate(self, task, grace_us, is_first);
    if (is_first)
        executors_end_tasks(self, task, grace_us);
    if (task->state != TASK_KILLING)
        agent_task_move(self, task,
                        &(struct task_news){.state = TASK_KILLING,
                                            .reason = reasons_of_endings[ending],
                                            .health = is_unhealthy ? HEALTH_UNHEALTHY : 0,
                                            .message = is_unhealthy ? checks_why(task) : NULL});
    else
        keep_task_state(self, task);
    if (is_pressed)
        press(self, task, is_first);
}

/* What is left of its grace, and never more than the whole, whatever stands in the record. */
static int64_t grace_left_us(const struct agent *self, const struct task *task)
{
    int64_t left_us = task->kill_by_mono_us - self->now.mono_us;

    return left_us < task->grace_us ? left_us : task->grace_us;
}

void life_resume(struct agent *self, struct task *task)
{
    if (!task->is_contained || task->rests)
        return;
    executors_resume(self, task);
    if (task->state == TASK_RUNNING) {
        set_completion(self, task);
        if (!checks_wait(task))
            checks_begin(self, task);
    } else if (task->state == TASK_KILLING && !task->is_forced && !MUTATE(LEAVE_ENDING)) {
        /* An executor is told when it is there again. */
        if (escalate(self, task, grace_left_us(self, task), !task->executor))
            press(self, task, false);
    }
}
