/* /monitor/statistics, /containers, /metrics/snapshot: what is asked of the loop and the launcher. */
#include "agent/view/documents.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"

static void pair_if_any(struct json *json, const char *key, int64_t value)
{
    if (value)
        json_pair_int(json, key, value);
}

/* What only some isolators know is left out where it is nothing: a thousand tasks make a long document. */
static void write_more(struct json *json, const struct usage_more *more)
{
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {
        {"cpus_nr_bursts", more->cpu_bursts},
        {"mem_soft_limit_bytes", more->mem_soft_bytes},
        {"mem_swap_bytes", more->mem_swap_bytes},
        {"mem_kernel_bytes", more->mem_kernel_bytes},
        {"mem_shmem_bytes", more->mem_shmem_bytes},
        {"mem_mapped_file_bytes", more->mem_mapped_bytes},
        {"mem_dirty_bytes", more->mem_dirty_bytes},
        {"mem_writeback_bytes", more->mem_writeback_bytes},
        {"mem_unevictable_bytes", more->mem_unevictable_bytes},
        {"mem_major_faults", more->mem_major_faults},
        {"mem_limit_hits", more->mem_limit_hits},
        {"mem_oom_kills", more->mem_oom_kills},
        {"mem_low_pressure_counter", more->mem_low_pressure},
        {"mem_medium_pressure_counter", more->mem_medium_pressure},
        {"mem_critical_pressure_counter", more->mem_critical_pressure},
        {"pids_limit", more->pids_limit},
        {"pids_refused", more->pids_refused},
        {"io_read_bytes", more->io_read_bytes},
        {"io_write_bytes", more->io_write_bytes},
        {"io_reads", more->io_reads},
        {"io_writes", more->io_writes},
        {"hugetlb_bytes", more->hugetlb_bytes},
        {"hugetlb_refused", more->hugetlb_refused},
        {"disk_used_bytes", more->disk_bytes},
        {"disk_limit_bytes", more->disk_limit_bytes},
        {"disk_files", more->disk_files},
        {"disk_volumes_used_bytes", more->volume_bytes},
        {"disk_volumes_limit_bytes", more->volume_limit_bytes},
    };
    const struct {
        const char *key;
        int64_t us;
    } times[] = {
        {"cpus_burst_time_secs", more->cpu_burst_us},
        {"cpu_some_pressure_secs", more->cpu_some_us},
        {"cpu_full_pressure_secs", more->cpu_full_us},
        {"mem_some_pressure_secs", more->mem_some_us},
        {"mem_full_pressure_secs", more->mem_full_us},
        {"io_some_pressure_secs", more->io_some_us},
        {"io_full_pressure_secs", more->io_full_us},
    };

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        pair_if_any(json, numbers[i].key, numbers[i].value);
    for (size_t i = 0; i < ARRAY_SIZE(times); i++)
        if (times[i].us)
            json_pair_seconds(json, times[i].key, times[i].us);
    if (more->cpus && *more->cpus)
        json_pair_string(json, "cpuset_cpus", more->cpus);
    if (more->mems && *more->mems)
        json_pair_string(json, "cpuset_mems", more->mems);
    if (more->address && *more->address)
        json_pair_string(json, "net_address", more->address);
    if (more->ports_outside && *more->ports_outside)
        json_pair_string(json, "net_ports_outside", more->ports_outside);
}

static int64_t granted_cpus(const struct task_info *task)
{
    int64_t milli = 0;

    for (size_t i = 0; i < task->resources_count; i++)
        if (!strcmp(task->resources[i].name, "cpus"))
            milli += task->resources[i].scalar;
    return milli;
}

/* Where there is no ceiling, or nobody who knows of one, the limit is what is granted, as Mesos says it; how many processes
 * there are is left out where nobody counts them. */
static void write_statistics(struct json *json, const struct usage_info *usage,
                             const struct task_info *task)
{
    json_key(json, "statistics");
    json_object_begin(json);
    json_pair_seconds(json, "timestamp", usage->timestamp_us);
    pair_if_any(json, "processes", usage->processes);
    pair_if_any(json, "threads", usage->threads);
    json_pair_milli(json, "cpus_limit", usage->cpus_limit ? usage->cpus_limit : granted_cpus(task));
    json_pair_seconds(json, "cpus_user_time_secs", usage->cpu_user_us);
    json_pair_seconds(json, "cpus_system_time_secs", usage->cpu_system_us);
    json_pair_int(json, "cpus_nr_periods", usage->cpu_periods);
    json_pair_int(json, "cpus_nr_throttled", usage->cpu_throttled);
    json_pair_seconds(json, "cpus_throttled_time_secs", usage->cpu_throttled_us);
    json_pair_int(json, "mem_limit_bytes", usage->mem_limit_bytes);
    json_pair_int(json, "mem_total_bytes", usage->mem_total_bytes);
    json_pair_int(json, "mem_rss_bytes", usage->mem_rss_bytes);
    json_pair_int(json, "mem_anon_bytes", usage->mem_rss_bytes);
    json_pair_int(json, "mem_cache_bytes", usage->mem_cache_bytes);
    json_pair_int(json, "mem_file_bytes", usage->mem_cache_bytes);
    json_pair_int(json, "mem_peak_bytes", usage->mem_peak_bytes);
    if (usage->more)
        write_more(json, usage->more);
    json_object_end(json);
}

static void write_executor_members(struct json *json, const struct shown_task *task)
{
    CLEANUP(buf_fini) struct buf name = {0};
    const char *id = task->change->task->task_id;

    if (task->change->task->executor)
        buf_puts(&name, *task->change->task->name ? task->change->task->name : id);
    else
        buf_printf(&name, "Command Executor (Task: %s)", id);
    json_pair_string(json, "executor_id", id);
    json_pair_string(json, "executor_name", buf_text(&name));
    json_pair_string(json, "framework_id", task->change->framework_id);
    json_pair_string(json, "source", id);
}

static int64_t pid_of(const struct shown_task *task)
{
    const struct task_status *status = task->statuses ? task->statuses->prev->status : NULL;

    return status && status->container ? status->container->pid : 0;
}

static void write_container_members(struct json *json, const struct shown_task *task)
{
    json_pair_string(json, "container_id", task->change->container_id);
    json_key(json, "status");
    json_object_begin(json);
    json_key(json, "container_id");
    json_object_begin(json);
    json_pair_string(json, "value", task->change->container_id);
    json_object_end(json);
    if (pid_of(task))
        json_pair_int(json, "executor_pid", pid_of(task));
    json_object_end(json);
    json_pair_string(json, "state", task_state_name(task->state));
    json_pair_string(json, "sandbox", task->change->sandbox);
}

static void write_usages(const struct replica *replica, const struct msg_usage_reply *reply,
                         bool with_container, struct buf *out)
{
    struct json json = JSON(out);

    json_array_begin(&json);
    for (size_t i = 0; i < reply->usages_count; i++) {
        const struct usage_info *usage = &reply->usages[i];
        const struct shown_task *task = agent_replica_find_container(replica, usage->container_id);

        if (!task)
            continue;
        json_object_begin(&json);
        write_executor_members(&json, task);
        write_statistics(&json, usage, task->change->task);
        if (with_container)
            write_container_members(&json, task);
        json_object_end(&json);
    }
    json_array_end(&json);
}

void agent_document_statistics(const struct replica *replica, const struct msg_usage_reply *usage,
                               struct buf *out)
{
    write_usages(replica, usage, false, out);
}

void agent_document_containers(const struct replica *replica, const struct msg_usage_reply *usage,
                               struct buf *out)
{
    write_usages(replica, usage, true, out);
}

static void write_system(struct json *json)
{
    static const char *const names[] = {"system/load_1min", "system/load_5min",
                                        "system/load_15min"};
    double loads[3];
    int count = getloadavg(loads, 3);
    struct sysinfo info;

    json_pair_milli(json, "system/cpus_total", (int64_t)sysconf(_SC_NPROCESSORS_ONLN) * 1000);
    for (int i = 0; i < count; i++)
        json_pair_milli(json, names[i], (int64_t)(loads[i] * 1000));
    if (sysinfo(&info) < 0)
        return;
    json_pair_milli(json, "system/mem_total_bytes", (int64_t)info.totalram * info.mem_unit * 1000);
    json_pair_milli(json, "system/mem_free_bytes", (int64_t)info.freeram * info.mem_unit * 1000);
}

void agent_document_metrics(const struct msg_metrics_reply *metrics, struct buf *out)
{
    struct json json = JSON(out);

    json_object_begin(&json);
    for (size_t i = 0; i < metrics->counters_count; i++)
        json_pair_milli(&json, metrics->counters[i].name, metrics->counters[i].milli);
    write_system(&json);
    json_object_end(&json);
}
