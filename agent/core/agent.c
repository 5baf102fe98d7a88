/* The agent's core from outside: its making, and which event goes where. */
#include "agent/core/agent.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "agent/core/state.h"
#include "base/mem.h"
#include "base/mutant.h"

#define KILL_GRACE_DEFAULT_MS  3000
#define REREGISTER_DEFAULT_MS  15000
#define EXECUTOR_OWED_DEFAULT  256
#define RETRY_MIN_DEFAULT_MS   10000
#define RETRY_MAX_DEFAULT_MS   600000
#define REGISTER_DEFAULT_MS    1000
#define GC_DELAY_DEFAULT_MS    ((int64_t)7 * 24 * 3600 * 1000)
#define DISK_WATCH_DEFAULT_MS  60000
#define SANDBOXES_DIR_TEXT_MAX 2048 /* leaves room for the ids in a sandbox's path */

static int check_settings(const struct agent_settings *settings, struct err *err)
{
    if (!settings->info->hostname || !*settings->info->hostname)
        return err_set(err, -EINVAL, "an agent needs a hostname");
    if (settings->sandboxes_dir[0] != '/' ||
        strlen(settings->sandboxes_dir) > SANDBOXES_DIR_TEXT_MAX)
        return err_set(err, -EINVAL,
                       "sandboxes folder %s: want an absolute path of at most %d bytes",
                       settings->sandboxes_dir, SANDBOXES_DIR_TEXT_MAX);
    if (settings->kill_grace_ms < 0 || settings->retry_min_ms < 0 || settings->retry_max_ms < 0 ||
        settings->register_retry_ms < 0 || settings->executor_reregister_ms < 0)
        return err_set(err, -EINVAL, "an agent's times must not be negative");
    if (settings->gc_delay_ms < 0 || settings->disk_watch_ms < 0 ||
        settings->gc_headroom_milli < 0 || settings->gc_headroom_milli > 1000)
        return err_set(err, -EINVAL,
                       "the rule for sandboxes of ended tasks: want times that are "
                       "not negative, and a headroom between 0 and 1");
    return 0;
}

static int64_t us_or(int64_t ms, int64_t default_ms)
{
    return (ms ? ms : default_ms) * US_PER_MS;
}

static void copy_settings(struct agent *self, const struct agent_settings *settings)
{
    const struct agent_info *info = record_copy(&agent_info_def, settings->info, self->arena);

    self->info = *info;
    self->sandboxes_dir = arena_strdup(self->arena, settings->sandboxes_dir);
    self->volumes_dir =
        arena_strdup(self->arena, settings->volumes_dir ? settings->volumes_dir : "");
    self->master_id = "";
    self->default_user =
        arena_strdup(self->arena, settings->default_user ? settings->default_user : "");
    self->switch_user = settings->switch_user;
    self->has_docker = settings->has_docker;
    self->executors_dir =
        arena_strdup(self->arena, settings->executors_dir ? settings->executors_dir : "");
    self->reregister_us = us_or(settings->executor_reregister_ms, REREGISTER_DEFAULT_MS);
    self->executor_owed_max =
        settings->executor_owed_max ? settings->executor_owed_max : EXECUTOR_OWED_DEFAULT;
    self->kill_grace_us = us_or(settings->kill_grace_ms, KILL_GRACE_DEFAULT_MS);
    self->retry_min_us = us_or(settings->retry_min_ms, RETRY_MIN_DEFAULT_MS);
    self->retry_max_us = us_or(settings->retry_max_ms, RETRY_MAX_DEFAULT_MS);
    self->part_max = settings->part_max ? settings->part_max : AGENT_PART_MAX;
    self->register_retry_us = us_or(settings->register_retry_ms, REGISTER_DEFAULT_MS);
    self->rng = (struct rng){.state = settings->seed};
    self->garbage.delay_us = us_or(settings->gc_delay_ms, GC_DELAY_DEFAULT_MS);
    self->garbage.headroom_milli = settings->gc_headroom_milli;
    self->garbage.watch_us = us_or(settings->disk_watch_ms, DISK_WATCH_DEFAULT_MS);
    self->garbage.ended_us = GARBAGE_NONE;
    self->garbage.problem = "";
}

int agent_new(const struct agent_settings *settings, const struct agent_env *env, struct now now,
              struct agent **ret_agent, struct err *err)
{
    struct agent *self;
    int rc = check_settings(settings, err);

    if (rc < 0)
        return rc;
    self = mem_new(struct agent);
    self->arena = arena_new(0);
    self->scratch = arena_new(0);
    self->garbage.arena = arena_new(0);
    self->env = *env;
    self->now = self->started = now;
    self->register_again.due = register_again_due;
    self->stop_end.due = stop_end_due;
    copy_settings(self, settings);
    rc = place_begin(self, settings, err);
    if (rc == 0)
        rc = recover(self, &settings->past, err);
    if (rc < 0) {
        agent_destroy(&self);
        return rc;
    }
    garbage_begin(self);
    *ret_agent = self;
    return 0;
}

void agent_destroy(struct agent **self_p)
{
    struct agent *self = *self_p;
    struct framework *framework, *next;

    if (!self)
        return;
    HASH_ITER (hh, self->frameworks, framework, next) {
        agent_framework_destroy(self, &framework);
    }
    place_end(self);
    agent_operations_end(self);
    deadlines_fini(&self->deadlines);
    arena_destroy(&self->garbage.arena);
    arena_destroy(&self->scratch);
    arena_destroy(&self->arena);
    free(self);
    *self_p = NULL;
}

void agent_log(struct agent *self, enum log_level level, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    self->env.log(self->env.ctx, (int)level, text);
}

void agent_tell_master(struct agent *self, struct message message, uint64_t after)
{
    message.epoch = self->epoch;
    self->env.send(self->env.ctx, &message, after);
}

void agent_publish(struct agent *self, struct message change)
{
    change.number = ++self->changes;
    self->env.publish(self->env.ctx, &change);
}

/* What follows from the event. */
static void settle(struct agent *self)
{
    groups_settle(self);
    stop_if_done(self);
}

void agent_on_connected(struct agent *self, struct now now)
{
    self->now = now;
    if (!self->is_stopped)
        register_start(self);
}

void agent_on_disconnected(struct agent *self, struct now now)
{
    self->now = now;
    if (self->is_stopped)
        return;
    register_end(self);
    settle(self);
}

/* 0: as much as it wants. */
static int64_t most_grace_us(const struct msg_kill_task *kill)
{
    int64_t most_us = kill->drain ? kill->drain->max_grace_ms * US_PER_MS : 0;
    int64_t also_us = kill->max_grace_ms * US_PER_MS;

    return also_us && (!most_us || also_us < most_us) ? also_us : most_us;
}

static int64_t grace_of(const struct agent *self, const struct task *task,
                        const struct msg_kill_task *kill)
{
    int64_t grace_us =
        kill->kill_policy ? kill->kill_policy->grace_ms * US_PER_MS : life_grace_us(self, task);
    int64_t most_us = most_grace_us(kill);

    return most_us && most_us < grace_us ? most_us : grace_us;
}

static enum task_ending ending_of(const struct msg_kill_task *kill)
{
    if (!kill->drain)
        return kill->preempted && *kill->preempted ? ENDING_PREEMPTED : ENDING_KILL;
    return kill->drain->mark_gone ? ENDING_GONE : ENDING_DRAIN;
}

static void on_kill(struct agent *self, const struct msg_kill_task *kill)
{
    struct framework *framework = agent_framework_get(self, kill->framework_id);
    struct task *task = framework ? agent_task_get(framework, kill->task_id) : NULL;

    if (!task) {
        self->counters.kills_unknown++;
        return;
    }
    if (task->is_contained && !task->ending && ending_of(kill) == ENDING_PREEMPTED)
        task->ending_why = arena_strdup(task->arena, kill->preempted);
    if (task->group)
        groups_on_kill(self, task, ending_of(kill),
                       kill->kill_policy ? kill->kill_policy->grace_ms * US_PER_MS : -1,
                       most_grace_us(kill));
    else
        life_end(self, task, ending_of(kill), grace_of(self, task, kill));
}

static void on_shutdown_framework(struct agent *self, const char *framework_id)
{
    struct framework *framework = agent_framework_get(self, framework_id);

    agent_operations_forget(self, framework_id);
    if (framework)
        agent_framework_shutdown(self, framework);
}

static void on_shutdown_agent(struct agent *self, const char *reason)
{
    agent_log(self, LOG_LEVEL_ERROR, "the master does not want this agent: %s", reason);
    self->is_unwanted = true;
    stop_begin(self, 1, self->kill_grace_us, reason);
}

static void ignore_old(struct agent *self, uint64_t epoch)
{
    self->counters.messages_old++;
    if (self->told_epoch == epoch)
        return;
    self->told_epoch = epoch;
    agent_log(self, LOG_LEVEL_WARNING,
              "a master of epoch %llu is not obeyed: this agent has seen one of epoch %llu; if no "
              "other master runs, its registry is an old copy or a new one: start it with "
              "--epoch-at-least %llu",
              (unsigned long long)epoch, (unsigned long long)self->epoch,
              (unsigned long long)self->epoch + 1);
}

/* Whom we obey is written down before anything that is done under it. */
static void obey(struct agent *self, const struct message *message)
{
    bool is_new = message->epoch != self->epoch;
    const char *master_id =
        message->type == MSG_AGENT_REGISTERED ? message->agent_registered->master_id : NULL;

    self->epoch = message->epoch;
    if (is_new)
        self->master_id = "";
    if (master_id && strcmp(self->master_id, master_id) != 0) {
        self->master_id = arena_strdup(self->arena, master_id);
        is_new = true;
    }
    if (is_new && !MUTATE(FORGET_EPOCH))
        keep_identity(self);
}

static bool is_obeyed(struct agent *self, const struct message *message)
{
    if (message->epoch < self->epoch && !MUTATE(OBEY_OLD_EPOCH)) {
        ignore_old(self, message->epoch);
        return false;
    }
    if (self->registration != REGISTRATION_DONE && message->type != MSG_AGENT_REGISTERED &&
        message->type != MSG_SHUTDOWN_AGENT) {
        self->counters.messages_early++;
        return false;
    }
    if (register_is_rival(self, message))
        return false;
    obey(self, message);
    return true;
}

static void dispatch(struct agent *self, const struct message *message)
{
    switch (message->type) {
    case MSG_AGENT_REGISTERED:
        register_on_answer(self, message->agent_registered);
        break;
    case MSG_RUN_TASK:
        life_run(self, message->run_task);
        break;
    case MSG_RUN_GROUP:
        groups_run(self, message->run_group);
        break;
    case MSG_KILL_TASK:
        on_kill(self, message->kill_task);
        break;
    case MSG_ACKNOWLEDGE_UPDATE:
        updates_on_acknowledge(self, message->acknowledge_update);
        break;
    case MSG_RESEND_UPDATES:
        updates_on_resend(self, message->resend_updates->framework_id);
        break;
    case MSG_CHANGE_LIMITS:
        limits_on_change(self, message->change_limits);
        break;
    case MSG_SHUTDOWN_FRAMEWORK:
        on_shutdown_framework(self, message->shutdown_framework->framework_id);
        break;
    case MSG_SHUTDOWN_AGENT:
        on_shutdown_agent(self, message->shutdown_agent->reason);
        break;
    case MSG_APPLY_OPERATION:
        agent_operations_apply(self, message->apply_operation);
        break;
    case MSG_ACKNOWLEDGE_RESULT:
        agent_operations_on_acknowledge(self, message->acknowledge_result);
        break;
    case MSG_MESSAGE_TO_EXECUTOR:
        executors_on_message(self, message->message_to_executor);
        break;
    default:
        self->counters.messages_unexpected++;
        break;
    }
}

void agent_on_message(struct agent *self, struct now now, const struct message *message)
{
    self->now = now;
    if (self->is_stopped || !is_obeyed(self, message))
        return;
    dispatch(self, message);
    settle(self);
}

void agent_on_container(struct agent *self, struct now now, const struct message *event)
{
    self->now = now;
    if (self->is_stopped)
        return;
    if (groups_on_container(self, event))
        ; /* it is a group's */
    else if (event->type == MSG_CONTAINER_STARTED)
        life_on_started(self, event->container_started);
    else if (event->type == MSG_CONTAINER_EXITED)
        life_on_exited(self, event->container_exited);
    else if (event->type == MSG_CONTAINER_PROGRESS)
        life_on_progress(self, event->container_progress);
    else if (event->type == MSG_CONTAINER_UPDATED)
        limits_on_updated(self, event->container_updated);
    else if (event->type == MSG_CONTAINER_FETCHING)
        life_on_fetching(self, event->container_fetching);
    else if (event->type == MSG_CONTAINER_CHECKED)
        checks_on_checked(self, event->container_checked);
    else if (event->type == MSG_SANDBOXES_COLLECTED)
        garbage_on_collected(self, event->sandboxes_collected);
    else
        self->counters.messages_unexpected++;
    settle(self);
}

void agent_on_stored(struct agent *self, struct now now, uint64_t number)
{
    self->now = now;
    BUG_ON(number > self->records);
    self->written = number;
    agent_operations_on_stored(self);
    executors_on_stored(self);
    if (!self->is_store_failing)
        return;
    self->is_store_failing = false;
    groups_on_stored(self);
    agent_log(self, LOG_LEVEL_INFO, "the checkpoint can be written again: tasks are taken again");
    if (self->is_stopped)
        return;
    register_tell_all(self);
    groups_settle(self);
}

static void give_up_unwritten(struct agent *self, const char *reason)
{
    struct task *task, *next;

    HASH_ITER (by_container, self->containers, task, next) {
        if (task->spec_record > self->written && !groups_hold_on(self, task))
            life_give_up(self, task, reason);
    }
}

void agent_on_store_failed(struct agent *self, struct now now, const char *reason)
{
    self->now = now;
    if (!self->is_store_failing)
        agent_log(self, LOG_LEVEL_ERROR,
                  "the checkpoint cannot be written: %s. New tasks are refused and nothing is told "
                  "that is not written down, until it works again; what runs goes on",
                  reason);
    self->is_store_failing = true;
    self->counters.store_failures++;
    if (self->is_stopped)
        return;
    give_up_unwritten(self, reason);
    executors_on_store_failed(self);
    groups_on_store_failed(self);
    groups_settle(self);
}

void agent_on_deadline(struct agent *self, struct now now)
{
    self->now = now;
    if (self->is_stopped)
        return;
    deadlines_run(&self->deadlines, now.mono_us, self);
    settle(self);
}

int64_t agent_next_deadline_us(const struct agent *self)
{
    return self->is_stopped ? DEADLINE_NEVER : deadlines_next(&self->deadlines);
}

void agent_stop(struct agent *self, struct now now, int64_t grace_ms, const char *reason)
{
    self->now = now;
    if (self->is_stopped)
        return;
    stop_begin(self, 0, grace_ms * US_PER_MS, reason);
    settle(self);
}

void agent_leave(struct agent *self, struct now now, int exit_code, const char *reason)
{
    self->now = now;
    if (!self->is_stopped)
        stop_and_leave_all(self, exit_code, reason);
}

const char *agent_id(const struct agent *self)
{
    return self->info.id;
}

bool agent_is_registered(const struct agent *self)
{
    return self->registration == REGISTRATION_DONE;
}

bool agent_is_stopping(const struct agent *self)
{
    return self->is_stopping;
}
