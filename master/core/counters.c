/* master/core/counters.c - counting, and what is computed when somebody asks. */
#include "master/core/counters.h"

#include "base/cleanup.h"
#include "master/core/drain.h"
#include "master/core/inverse.h"
#include "master/core/keep.h"
#include "master/core/preempt.h"
#include "master/core/state.h"

typedef void counter_each_fn(void *ctx, const char *name, int64_t milli);

static const char *const counter_names[COUNTER_MAX] = {
#define COUNTER_NAME(constant, name) [COUNTER_##constant] = (name),
    COUNTER_LIST(COUNTER_NAME)
#undef COUNTER_NAME
};

void counter_add(struct master *master, enum counter counter)
{
    master->counters[counter]++;
}

void counter_add_task_end(struct master *master, enum task_state state)
{
    static const struct {
        enum task_state state;
        enum counter counter;
    } ends[] = {
        {TASK_FINISHED, COUNTER_TASKS_FINISHED},
        {TASK_FAILED, COUNTER_TASKS_FAILED},
        {TASK_KILLED, COUNTER_TASKS_KILLED},
        {TASK_ERROR, COUNTER_TASKS_ERROR},
        {TASK_DROPPED, COUNTER_TASKS_DROPPED},
        {TASK_GONE, COUNTER_TASKS_GONE},
        {TASK_GONE_BY_OPERATOR, COUNTER_TASKS_GONE_BY_OPERATOR},
    };

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        if (ends[i].state == state)
            counter_add(master, ends[i].counter);
}

/* --- gauges ------------------------------------------------------------------ */

struct gauge {
    const char *name;
    int64_t value;
};

struct resource_gauges {
    const char *resource, *total, *used, *percent;
};

static const struct resource_gauges resource_gauges[] = {
    {"cpus", "master/cpus_total", "master/cpus_used", "master/cpus_percent"},
    {"gpus", "master/gpus_total", "master/gpus_used", "master/gpus_percent"},
    {"mem", "master/mem_total", "master/mem_used", "master/mem_percent"},
    {"disk", "master/disk_total", "master/disk_used", "master/disk_percent"},
};

static int64_t add_capped(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void each_resource(const struct master *master, const struct resource_gauges *gauges,
                          counter_each_fn *each, void *ctx)
{
    int64_t total = 0, used = 0;

    for (const struct agent *agent = master->agents; agent; agent = agent->hh.next) {
        total = add_capped(total, resources_scalar(&agent->total, gauges->resource));
        used = add_capped(used, resources_scalar(&agent->used, gauges->resource));
    }
    each(ctx, gauges->total, total);
    each(ctx, gauges->used, used);
    each(ctx, gauges->percent, total ? (int64_t)((double)used / (double)total * 1000) : 0);
}

static void each_gauge(const struct gauge *gauges, size_t gauges_count, counter_each_fn *each,
                       void *ctx)
{
    for (size_t i = 0; i < gauges_count; i++)
        each(ctx, gauges[i].name, gauges[i].value * 1000);
}

static void each_peer_gauge(const struct master *master, counter_each_fn *each, void *ctx)
{
    int64_t agents = HASH_COUNT(master->agents) - (int64_t)master->unreachable_count -
                     (int64_t)master->recovered_count;
    int64_t agents_on = HASH_CNT(hh_session, master->sessions_of_agents);
    int64_t frameworks = 0;
    int64_t frameworks_on = HASH_CNT(hh_session, master->sessions_of_frameworks);
    int64_t active = 0, deactivated = 0, draining = 0, drained = 0, down = 0;

    for (const struct framework *f = master->frameworks; f; f = f->hh.next)
        frameworks += f->state != FRAMEWORK_REMOVED;
    for (const struct agent *agent = master->agents; agent; agent = agent->hh.next) {
        active += agent_is_active(agent);
        deactivated += agent->is_deactivated;
        down += agent->is_down;
        draining += agent->is_draining && !agent->drain.drained;
        drained += agent->is_draining && agent->drain.drained;
    }
    const struct gauge gauges[] = {
        {"master/slaves_connected", agents_on},
        {"master/slaves_disconnected", agents - agents_on},
        {"master/slaves_active", active},
        {"master/slaves_inactive", agents - active},
        {"master/slaves_deactivated", deactivated},
        {"master/slaves_draining", draining},
        {"master/slaves_in_maintenance", down},
        {"master/maintenance_windows", HASH_COUNT(master->maintenance->windows)},
        {"master/outstanding_inverse_offers", inverse_outstanding(master)},
        {"master/slaves_drained", drained},
        {"master/slaves_unreachable", (int64_t)master->unreachable_count},
        {"master/recovered_slaves", (int64_t)master->recovered_count},
        {"master/slaves_gone", HASH_COUNT(master->gone)},
        {"master/frameworks_connected", frameworks_on},
        {"master/frameworks_disconnected", frameworks - frameworks_on},
        {"master/frameworks_active", frameworks_on},
        {"master/frameworks_inactive", frameworks - frameworks_on},
        {"master/outstanding_offers", (int64_t)(master->offers.count - preempt_count(master))},
        {"master/preemptions_pending", (int64_t)preempt_count(master)},
    };

    each_gauge(gauges, ARRAY_SIZE(gauges), each, ctx);
}

static void each_registry_gauge(const struct master *master, counter_each_fn *each, void *ctx)
{
    const struct agent *agent;
    int64_t overdue;

    DL_COUNT(master->lists[AGENT_LIST_OVERDUE], agent, overdue);
    const struct gauge gauges[] = {
        {"registrar/ok", !*master->keep_problem.text},
        {"registrar/queued_operations", (int64_t)keep_under_way(master)},
        {"master/slave_removals_pending", overdue},
        {"master/slave_removals_held", master->is_removal_held ? overdue : 0},
    };

    each_gauge(gauges, ARRAY_SIZE(gauges), each, ctx);
}

static void each_task_gauge(const struct master *master, counter_each_fn *each, void *ctx)
{
    const struct gauge gauges[] = {
        {"master/tasks_staging", (int64_t)master->tasks_in[TASK_STAGING]},
        {"master/tasks_starting", (int64_t)master->tasks_in[TASK_STARTING]},
        {"master/tasks_running", (int64_t)master->tasks_in[TASK_RUNNING]},
        {"master/tasks_killing", (int64_t)master->tasks_in[TASK_KILLING]},
        {"master/tasks_unreachable", (int64_t)master->tasks_in[TASK_UNREACHABLE]},
    };

    each_gauge(gauges, ARRAY_SIZE(gauges), each, ctx);
}

void master_counters(const struct master *self, struct now now, counter_each_fn *each, void *ctx)
{
    each(ctx, "master/elected", 1000);
    each(ctx, "master/uptime_secs", (now.mono_us - self->started.mono_us) / US_PER_MS);
    each_peer_gauge(self, each, ctx);
    each_registry_gauge(self, each, ctx);
    each_task_gauge(self, each, ctx);
    for (size_t i = 0; i < ARRAY_SIZE(resource_gauges); i++)
        each_resource(self, &resource_gauges[i], each, ctx);
    for (size_t i = 0; i < COUNTER_MAX; i++)
        each(ctx, counter_names[i], (int64_t)self->counters[i] * 1000);
}
