/* Is a task well, and how is it: when it is looked at, and what follows.
 *
 * The rules are those of Mesos (docs/health-checks.md) with two exceptions: a task is unhealthy only after
 * its `consecutive_failures`, and one that is ended for it has FAILED, as nobody asked for its end.
 */
#include "agent/core/state.h"
#include "base/cleanup.h"
#include "base/mutant.h"
#include "proto/checks.h"

#include <stdio.h>

#define RESULT_TEXT_MAX 512

struct probe {
    struct task *task;
    const struct check_info *info;
    bool is_health;
    struct deadline due; /* when it is looked the next time */
    int64_t running;     /* number of the CHECK_CONTAINER whose answer is to come; 0: none */
    int64_t failures;    /* in a row */
    char why[RESULT_TEXT_MAX + 128];
};

/* --- looking ------------------------------------------------------------------------------------ */

static void on_due(void *owner, struct deadline *deadline)
{
    struct probe *probe = CONTAINER_OF(deadline, struct probe, due);
    struct agent *self = owner;

    probe->running = ++self->checks_asked;
    order_check(self, probe->task, probe->info, probe->running);
}

static struct probe *make_probe(struct task *task, const struct check_info *info, bool is_health)
{
    struct probe *probe;

    if (!info)
        return NULL;
    probe = arena_alloc(task->arena, sizeof(*probe));
    probe->task = task;
    probe->info = info;
    probe->is_health = is_health;
    probe->due.due = on_due;
    return probe;
}

static void begin(struct agent *self, struct probe *probe)
{
    int64_t at_us;

    if (!probe)
        return;
    at_us = probe->task->heard_mono_us + probe->info->delay_ms * US_PER_MS;
    deadline_set(&self->deadlines, &probe->due,
                 at_us > self->now.mono_us ? at_us : self->now.mono_us);
}

void checks_begin(struct agent *self, struct task *task)
{
    const struct task_info *info = task->info;

    if (!info->health_check && !info->check)
        return;
    task->health = make_probe(task, info->health_check, true);
    task->check = make_probe(task, info->check, false);
    begin(self, task->health);
    begin(self, task->check);
}

static void end(struct agent *self, struct probe *probe)
{
    if (!probe || MUTATE(CHECK_ENDING))
        return;
    deadline_cancel(&self->deadlines, &probe->due);
    probe->running = 0;
}

void checks_end(struct agent *self, struct task *task)
{
    end(self, task->health);
    end(self, task->check);
}

/* Its own memory goes. */
void checks_drop(struct agent *self, struct task *task)
{
    if (task->health)
        deadline_cancel(&self->deadlines, &task->health->due);
    if (task->check)
        deadline_cancel(&self->deadlines, &task->check->due);
}

/* --- what follows ------------------------------------------------------------------------------- */

static void describe(const struct check_status *result, char ret_text[RESULT_TEXT_MAX])
{
    const char *said = result->message ? result->message : "";
    const char *colon = *said ? ": " : "";

    if (result->timed_out)
        snprintf(ret_text, RESULT_TEXT_MAX, "no answer in time%s%.300s", colon, said);
    else if (result->http_status)
        snprintf(ret_text, RESULT_TEXT_MAX, "HTTP status %d", (int)result->http_status);
    else if (result->signal)
        snprintf(ret_text, RESULT_TEXT_MAX, "its command was ended by signal %d%s%.300s",
                 (int)result->signal, colon, said);
    else if (result->exit_code)
        snprintf(ret_text, RESULT_TEXT_MAX, "its command exited with status %d%s%.300s",
                 (int)result->exit_code, colon, said);
    else
        snprintf(ret_text, RESULT_TEXT_MAX, "%.300s",
                 *said            ? said
                 : result->passed ? "passed"
                                  : "failed");
}

static void tell(struct agent *self, struct task *task, const struct task_news *news)
{
    struct task_news told = *news;

    told.state = TASK_RUNNING;
    agent_task_move(self, task, &told);
}

static enum health_state health_of(const struct task *task)
{
    return task->status ? task->status->health : 0;
}

static void on_healthy(struct agent *self, struct probe *probe)
{
    struct task *task = probe->task;

    probe->failures = 0;
    if (health_of(task) != HEALTH_HEALTHY)
        tell(self, task,
             &(struct task_news){.reason = REASON_TASK_HEALTH_CHECK_STATUS_UPDATED,
                                 .health = HEALTH_HEALTHY,
                                 .message = "its health check passed"});
}

/* Failures do not count in the grace, until one has passed. */
static bool is_in_grace(const struct agent *self, const struct probe *probe)
{
    int64_t grace_us = check_value(probe->info->grace_ms, CHECK_GRACE_MS) * US_PER_MS;

    return !health_of(probe->task) && self->now.mono_us < probe->task->heard_mono_us + grace_us &&
           !MUTATE(IGNORE_GRACE);
}

static void on_failure(struct agent *self, struct probe *probe, const struct check_status *result)
{
    int64_t most = check_value(probe->info->consecutive_failures, CHECK_FAILURES);
    char how[RESULT_TEXT_MAX];

    if (is_in_grace(self, probe))
        return;
    self->counters.checks_failed++;
    probe->failures++;
    if (probe->failures < most)
        return;
    describe(result, how);
    snprintf(probe->why, sizeof(probe->why), "its health check failed %lld times in a row: %.400s",
             (long long)probe->failures, how);
    if (!probe->info->report_only)
        life_end(self, probe->task, ENDING_UNHEALTHY, life_grace_us(self, probe->task));
    else if (health_of(probe->task) != HEALTH_UNHEALTHY)
        tell(self, probe->task,
             &(struct task_news){.reason = REASON_TASK_HEALTH_CHECK_STATUS_UPDATED,
                                 .health = HEALTH_UNHEALTHY,
                                 .message = probe->why});
}

const char *checks_why(const struct task *task)
{
    return task->health ? task->health->why : "";
}

static bool is_same(const struct check_status *a, const struct check_status *b)
{
    return a && a->kind == b->kind && a->passed == b->passed && a->exit_code == b->exit_code &&
           a->signal == b->signal && a->http_status == b->http_status &&
           a->timed_out == b->timed_out;
}

static void on_result(struct agent *self, struct probe *probe, const struct check_status *result)
{
    const struct task *task = probe->task;
    char how[RESULT_TEXT_MAX];

    if (is_same(task->status ? task->status->check : NULL, result))
        return;
    describe(result, how);
    tell(self, probe->task,
         &(struct task_news){
             .reason = REASON_TASK_CHECK_STATUS_UPDATED, .check = result, .message = how});
}

static struct probe *find(struct task *task, int64_t number)
{
    if (task->health && task->health->running == number)
        return task->health;
    return task->check && task->check->running == number ? task->check : NULL;
}

void checks_on_checked(struct agent *self, const struct msg_container_checked *event)
{
    struct task *task = agent_container_get(self, event->container_id);
    struct probe *probe = task && event->number ? find(task, event->number) : NULL;
    int64_t interval_ms;

    /* Late, of a task that is being ended. */
    if (!probe)
        return;
    probe->running = 0;
    interval_ms = check_value(probe->info->interval_ms, CHECK_INTERVAL_MS);
    deadline_set(&self->deadlines, &probe->due, self->now.mono_us + interval_ms * US_PER_MS);
    self->counters.checks_done++;
    if (!probe->is_health)
        on_result(self, probe, event->result);
    else if (event->result->passed)
        on_healthy(self, probe);
    else
        on_failure(self, probe, event->result);
}

/* --- invariants --------------------------------------------------------------------------------- */

static bool is_right(const struct task *task, const struct probe *probe)
{
    bool waits, is_looked_at = task->state == TASK_RUNNING && !task->ended && !task->rests;

    if (!probe)
        return true;
    waits = deadline_is_set(&probe->due);
    return is_looked_at ? waits != (probe->running > 0) : !waits && !probe->running;
}

bool checks_wait(const struct task *task)
{
    return task->info->docker && task->state == TASK_RUNNING && !task->health && !task->check;
}

bool checks_are_right(const struct task *task)
{
    bool is_wanted = task->state == TASK_RUNNING && !task->rests && !checks_wait(task);

    if (is_wanted &&
        (!task->health != !task->info->health_check || !task->check != !task->info->check))
        return false;
    return is_right(task, task->health) && is_right(task, task->check);
}
