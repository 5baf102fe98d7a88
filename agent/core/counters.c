/* The agent's counters and gauges, as /metrics/snapshot shows them. */
#include "agent/core/state.h"

#include <stdio.h>

struct report {
    void (*each)(void *ctx, const char *name, int64_t milli);
    void *ctx;
};

static void say(const struct report *report, const char *name, uint64_t value)
{
    report->each(report->ctx, name, (int64_t)value * 1000);
}

static int64_t sum_scalar(const struct resource_info *items, size_t count, const char *name)
{
    int64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        if (items[i].kind == VALUE_SCALAR && !strcmp(items[i].name, name))
            sum += items[i].scalar;
    return sum;
}

static void say_resource(const struct agent *self, const struct report *report, const char *name)
{
    int64_t total = sum_scalar(self->info.resources, self->info.resources_count, name);
    int64_t used = 0;
    char text[64];

    for (const struct task *task = self->containers; task; task = task->by_container.next)
        used += sum_scalar(task->info->resources, task->info->resources_count, name);
    snprintf(text, sizeof(text), "slave/%s_total", name);
    report->each(report->ctx, text, total);
    snprintf(text, sizeof(text), "slave/%s_used", name);
    report->each(report->ctx, text, used);
    snprintf(text, sizeof(text), "slave/%s_percent", name);
    report->each(report->ctx, text, total ? (int64_t)((double)used / (double)total * 1000) : 0);
}

static void say_states(const struct agent *self, const struct report *report)
{
    const struct counters *counters = &self->counters;

    say(report, "slave/tasks_staging", counters->now_in[TASK_STAGING]);
    say(report, "slave/tasks_starting", counters->now_in[TASK_STARTING]);
    say(report, "slave/tasks_running", counters->now_in[TASK_RUNNING]);
    say(report, "slave/tasks_killing", counters->now_in[TASK_KILLING]);
    say(report, "slave/tasks_finished", counters->entered[TASK_FINISHED]);
    say(report, "slave/tasks_failed", counters->entered[TASK_FAILED]);
    say(report, "slave/tasks_killed", counters->entered[TASK_KILLED]);
    say(report, "slave/tasks_gone", counters->entered[TASK_GONE_BY_OPERATOR]);
    say(report, "slave/tasks_error", counters->entered[TASK_ERROR]);
    say(report, "slave/tasks_dropped", counters->entered[TASK_DROPPED]);
}

void agent_counters(const struct agent *self, struct now now,
                    void (*each)(void *ctx, const char *name, int64_t milli), void *ctx)
{
    const struct report report = {.each = each, .ctx = ctx};

    each(ctx, "slave/uptime_secs", (now.mono_us - self->started.mono_us) / US_PER_MS);
    say(&report, "slave/registered", self->registration == REGISTRATION_DONE);
    say(&report, "slave/checkpoint_failing", self->is_store_failing);
    say(&report, "slave/frameworks_active", HASH_COUNT(self->frameworks));
    say(&report, "slave/tasks_remembered", self->tasks_count);
    say_states(self, &report);
    say_resource(self, &report, "cpus");
    say_resource(self, &report, "gpus");
    say_resource(self, &report, "mem");
    say_resource(self, &report, "disk");
    say(&report, "gc/path_removals_failed", (uint64_t)self->garbage.failed);
    say(&report, "gc/path_removals_pending", (uint64_t)self->garbage.kept);
    each(ctx, "gc/max_age_secs", garbage_age_us(self) / US_PER_MS);
    each(ctx, "gc/disk_used", self->garbage.used_milli);
#define SAY_COUNTER(member, name) say(&report, name, self->counters.member);
    AGENT_COUNTERS(SAY_COUNTER)
#undef SAY_COUNTER
}
