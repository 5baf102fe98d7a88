/* /state, /version, /flags. */
#include "agent/view/documents.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/options_shown.h"
#include "base/version.h"
#include "proto/mesos_json.h"

static void write_version(struct json *json)
{
    json_pair_string(json, "version", PROFFER_VERSION);
    json_pair_string(json, "build_date", "");
    json_pair_milli(json, "build_time", 0);
    json_pair_string(json, "build_user", "");
    if (*version_git_sha)
        json_pair_string(json, "git_sha", version_git_sha);
}

static void write_flags(struct json *json, const struct options_shown *flags)
{
    json_key(json, "flags");
    json_object_begin(json);
    for (size_t i = 0; i < flags->count; i++)
        json_pair_string(json, flags->items[i].name, flags->items[i].value);
    json_object_end(json);
}

/* --- tasks and their executors ------------------------------------------------------------------ */

static void write_task(struct json *json, const struct shown_task *task)
{
    const struct shown_status *status;

    json_object_begin(json);
    mesos_json_task(json, task->change, &task->resources);
    json_pair_string(json, "state", task_state_name(task->state));
    json_key(json, "statuses");
    json_array_begin(json);
    for (status = task->statuses; status; status = status->next)
        mesos_json_status(json, status->status);
    json_array_end(json);
    json_object_end(json);
}

/* Is it listed under that executor? One whose executor is not here any more stands alone. */
static bool is_inside(const struct shown_task *task)
{
    const char *id = task->change->task->executor_id;
    struct shown_task *executor = NULL;

    if (id && *id)
        HASH_FIND_STR(task->framework->tasks, id, executor);
    return executor && executor->change->task->executor;
}

static bool is_queued(const struct shown_task *task)
{
    return task->state == TASK_STAGING;
}

/* Those of an executor that are remembered. */
static void write_tasks_inside(struct json *json, const struct shown_task *executor, bool queued)
{
    const struct shown_task *task;

    for (task = executor->framework->tasks; task; task = task->hh.next)
        if (is_queued(task) == queued &&
            !strcmp(task->change->task->executor_id, executor->change->task->task_id))
            write_task(json, task);
}

static void write_tasks(struct json *json, const struct shown_task *task, bool is_completed)
{
    bool has_tasks = !is_completed && task->change->task->executor;

    json_key(json, "tasks");
    json_array_begin(json);
    if (!is_completed && !is_queued(task))
        write_task(json, task);
    if (has_tasks)
        write_tasks_inside(json, task, false);
    json_array_end(json);
    json_key(json, "queued_tasks");
    json_array_begin(json);
    if (!is_completed && is_queued(task))
        write_task(json, task);
    if (has_tasks)
        write_tasks_inside(json, task, true);
    json_array_end(json);
    json_key(json, "completed_tasks");
    json_array_begin(json);
    if (is_completed)
        write_task(json, task);
    json_array_end(json);
}

static void write_command_executor(struct json *json, const struct shown_task *task)
{
    CLEANUP(buf_fini) struct buf name = {0};
    const struct task_info *info = task->change->task;

    buf_printf(&name, "Command Executor (Task: %s)", info->task_id);
    json_pair_string(json, "executor_id", info->task_id);
    json_pair_string(json, "name", buf_text(&name));
    json_pair_string(json, "source", info->task_id);
    json_key(json, "resources");
    mesos_json_resources(json, &task->resources);
    json_pair_string(json, "role", task->change->role);
    if (info->labels_count) {
        json_key(json, "labels");
        mesos_json_labels(json, info->labels, info->labels_count);
    }
}

static void write_executor(struct json *json, const struct shown_task *task, bool is_completed)
{
    json_object_begin(json);
    if (task->change->task->executor)
        mesos_json_executor(json, task->change, &task->resources);
    else
        write_command_executor(json, task);
    json_pair_string(json, "container", task->change->container_id);
    json_pair_string(json, "directory", task->change->sandbox);
    write_tasks(json, task, is_completed);
    json_object_end(json);
}

/* --- frameworks --------------------------------------------------------------------------------- */

static void write_framework_members(struct json *json, const struct framework_info *info)
{
    json_pair_string(json, "id", info->id);
    json_pair_string(json, "name", info->name);
    json_pair_string(json, "user", info->user);
    json_pair_milli(json, "failover_timeout", info->failover_timeout_ms);
    json_pair_bool(json, "checkpoint", false);
    json_pair_string(json, "hostname", info->hostname);
    if (*info->principal)
        json_pair_string(json, "principal", info->principal);
    json_key(json, "roles");
    if (info->roles_count)
        mesos_json_texts(json, info->roles, info->roles_count);
    else
        mesos_json_texts(json, &(const char *){RESOURCE_ROLE_ANY}, 1);
}

static void write_framework(struct json *json, const struct shown_framework *framework)
{
    const struct shown_task *task;

    json_object_begin(json);
    write_framework_members(json, framework->info);
    json_key(json, "executors");
    json_array_begin(json);
    for (task = framework->tasks; task; task = task->hh.next)
        if (!is_inside(task))
            write_executor(json, task, false);
    json_array_end(json);
    json_key(json, "completed_executors");
    json_array_begin(json);
    for (task = framework->completed; task; task = task->next)
        write_executor(json, task, true);
    json_array_end(json);
    json_pair_seconds(json, "registered_time", framework->registered_us);
    json_pair_seconds(json, "unregistered_time", framework->unregistered_us);
    json_object_end(json);
}

static void write_frameworks(struct json *json, const char *key,
                             const struct shown_framework *frameworks)
{
    json_key(json, key);
    json_array_begin(json);
    for (; frameworks; frameworks = frameworks->hh.next)
        write_framework(json, frameworks);
    json_array_end(json);
}

/* --- the agent ---------------------------------------------------------------------------------- */

static void write_resources(struct json *json, const struct resources *resources)
{
    CLEANUP(resources_fini) struct resources unreserved = {0};

    resources_of_role(&unreserved, resources, RESOURCE_ROLE_ANY);
    json_key(json, "resources");
    mesos_json_resources(json, resources);
    json_key(json, "reserved_resources");
    mesos_json_reserved(json, resources);
    json_key(json, "unreserved_resources");
    mesos_json_resources(json, &unreserved);
    json_key(json, "reserved_resources_full");
    mesos_json_reserved_full(json, resources);
    json_key(json, "unreserved_resources_full");
    mesos_json_resources_full(json, &unreserved);
}

static void write_agent(struct json *json, const struct replica *replica)
{
    static const char *const capabilities[] = {"MULTI_ROLE", "HIERARCHICAL_ROLE",
                                               "RESERVATION_REFINEMENT"};
    const struct msg_change_agent *change = replica->agent;
    const struct agent_info *info = change->agent;
    CLEANUP(buf_fini) struct buf pid = {0};

    buf_printf(&pid, "slave(1)@%s", info->address);
    json_pair_string(json, "id", info->id);
    json_pair_string(json, "pid", buf_text(&pid));
    json_pair_string(json, "hostname", info->hostname);
    if (info->domain) {
        json_key(json, "domain");
        mesos_json_domain(json, info->domain);
    }
    json_key(json, "capabilities");
    mesos_json_texts(json, capabilities, ARRAY_SIZE(capabilities));
    write_resources(json, &replica->resources);
    json_key(json, "attributes");
    mesos_json_attributes(json, info->attributes, info->attributes_count);
    json_pair_bool(json, "registered", change->connected);
    if (change->registered_us)
        json_pair_seconds(json, "registered_time", change->registered_us);
    if (change->reregistered_us)
        json_pair_seconds(json, "reregistered_time", change->reregistered_us);
    json_pair_string(json, "boot_id", info->boot_id);
    json_key(json, "isolation");
    mesos_json_texts(json, info->isolation, info->isolation_count);
    if (info->topology) {
        json_key(json, "topology");
        record_write_json(&topology_info_def, info->topology, json);
    }
}

static void write_sandboxes(struct json *json, const struct msg_change_sandboxes *sandboxes)
{
    json_key(json, "sandboxes");
    json_object_begin(json);
    json_pair_int(json, "kept", sandboxes->kept);
    json_pair_int(json, "removed", sandboxes->removed);
    json_pair_int(json, "removed_bytes", sandboxes->removed_bytes);
    json_pair_int(json, "failed", sandboxes->failed);
    json_pair_milli(json, "max_age_secs", sandboxes->max_age_ms);
    json_pair_milli(json, "disk_used", sandboxes->disk_used);
    json_pair_string(json, "problem", sandboxes->problem);
    json_object_end(json);
}

void agent_document_state(const struct replica *replica, const struct document_context *context,
                          struct buf *out)
{
    struct json json = JSON(out);

    json_object_begin(&json);
    write_version(&json);
    json_pair_seconds(&json, "start_time", context->started_us);
    if (replica->agent)
        write_agent(&json, replica);
    if (replica->engine) {
        json_key(&json, "docker");
        record_write_json(&engine_info_def, replica->engine, &json);
    }
    if (replica->sandboxes)
        write_sandboxes(&json, replica->sandboxes);
    json_pair_string(&json, "master_hostname", context->master);
    write_flags(&json, context->flags);
    json_key(&json, "resource_providers");
    json_array_begin(&json);
    json_array_end(&json);
    write_frameworks(&json, "frameworks", replica->frameworks);
    write_frameworks(&json, "completed_frameworks", replica->completed_frameworks);
    json_object_end(&json);
}

void agent_document_version(struct buf *out)
{
    struct json json = JSON(out);

    json_object_begin(&json);
    write_version(&json);
    json_object_end(&json);
}

void agent_document_flags(const struct options_shown *flags, struct buf *out)
{
    struct json json = JSON(out);

    json_object_begin(&json);
    write_flags(&json, flags);
    json_object_end(&json);
}
