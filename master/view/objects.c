#include "master/view/objects.h"

#include <string.h>

#include "base/version.h"
#include "proto/mesos_json.h"

/* Every agent and framework of ours can do this; it is said for those who ask. */
static const char *const agent_capabilities[] = {"MULTI_ROLE", "HIERARCHICAL_ROLE",
                                                 "RESERVATION_REFINEMENT"};

static void resources_pair(struct json *json, const char *key, const struct resources *resources)
{
    json_key(json, key);
    mesos_json_resources(json, resources);
}

/* --- agent --------------------------------------------------------------------------------------
 */

static void unreserved_pair(struct json *json, const struct resources *total)
{
    struct resources unreserved = {0};

    resources_of_role(&unreserved, total, RESOURCE_ROLE_ANY);
    resources_pair(json, "unreserved_resources", &unreserved);
    resources_fini(&unreserved);
}

static void pid_pair(struct json *json, const char *address)
{
    struct buf pid = {0};

    buf_printf(&pid, "slave(1)@%s", address);
    json_pair_string(json, "pid", buf_text(&pid));
    buf_fini(&pid);
}

static void own_agent_members(struct json *json, const struct msg_change_agent *change)
{
    const struct agent_info *info = change->agent;

    json_pair_bool(json, "connected", change->connected);
    json_pair_string(json, "address", info->address);
    json_pair_string(json, "boot_id", info->boot_id);
    json_key(json, "isolation");
    mesos_json_texts(json, info->isolation, info->isolation_count);
    if (info->topology) {
        json_key(json, "topology");
        record_write_json(&topology_info_def, info->topology, json);
    }
}

static void nanoseconds_pair(struct json *json, const char *key, int64_t us)
{
    int64_t ns;

    json_key(json, key);
    json_object_begin(json);
    json_pair_int(json, "nanoseconds", __builtin_mul_overflow(us, 1000, &ns) ? INT64_MAX : ns);
    json_object_end(json);
}

void object_unavailability(struct json *json, int64_t start_us, int64_t duration_ms)
{
    json_object_begin(json);
    nanoseconds_pair(json, "start", start_us);
    if (duration_ms)
        nanoseconds_pair(json, "duration", duration_ms * 1000);
    json_object_end(json);
}

static void unavailability_pairs(struct json *json, const struct unavailability *unavailability)
{
    if (!unavailability)
        return;
    json_key(json, "unavailability");
    object_unavailability(json, unavailability->start_us, unavailability->duration_ms);
    json_pair_string(json, "unavailability_reason", unavailability->reason);
    json_pair_string(json, "maintenance_window", unavailability->window_id);
}

static void drain_pairs(struct json *json, const struct drain_info *drain)
{
    json_key(json, "drain_info");
    json_object_begin(json);
    json_pair_string(json, "state", drain->drained ? "DRAINED" : "DRAINING");
    json_key(json, "config");
    json_object_begin(json);
    if (drain->max_grace_ms) {
        json_key(json, "max_grace_period");
        json_object_begin(json);
        json_pair_int(json, "nanoseconds", drain->max_grace_ms * 1000000);
        json_object_end(json);
    }
    json_pair_bool(json, "mark_gone", drain->mark_gone);
    json_object_end(json);
    json_object_end(json);
    json_pair_seconds(json, "estimated_drain_start_time_seconds", drain->since_us);
}

void object_agent_members(struct json *json, const struct agent *agent)
{
    const struct msg_change_agent *change = agent->change;
    const struct agent_info *info = change->agent;

    json_pair_string(json, "id", info->id);
    json_pair_string(json, "hostname", info->hostname);
    json_pair_int(json, "port", mesos_json_address_port(info->address));
    json_key(json, "attributes");
    mesos_json_attributes(json, info->attributes, info->attributes_count);
    if (info->domain) {
        json_key(json, "domain");
        mesos_json_domain(json, info->domain);
    }
    pid_pair(json, info->address);
    json_pair_seconds(json, "registered_time", change->registered_us);
    if (change->reregistered_us)
        json_pair_seconds(json, "reregistered_time", change->reregistered_us);
    resources_pair(json, "resources", &agent->total);
    resources_pair(json, "used_resources", &agent->holdings.used);
    resources_pair(json, "offered_resources", &agent->holdings.offered);
    json_key(json, "reserved_resources");
    mesos_json_reserved(json, &agent->total);
    unreserved_pair(json, &agent->total);
    json_pair_bool(json, "active", change->active);
    json_pair_bool(json, "deactivated", change->deactivated || change->drain);
    if (change->drain)
        drain_pairs(json, change->drain);
    unavailability_pairs(json, change->unavailability);
    json_pair_bool(json, "in_maintenance", change->down);
    json_pair_string(json, "version", info->version);
    json_key(json, "capabilities");
    mesos_json_texts(json, agent_capabilities,
                     sizeof(agent_capabilities) / sizeof(agent_capabilities[0]));
    own_agent_members(json, change);
}

/* --- framework ----------------------------------------------------------------------------------
 */

void object_framework_summary_members(struct json *json, const struct framework *framework)
{
    const struct msg_change_framework *change = framework->change;
    const struct framework_info *info = change->framework;

    json_pair_string(json, "id", info->id);
    json_pair_string(json, "name", info->name);
    resources_pair(json, "used_resources", &framework->holdings.used);
    resources_pair(json, "offered_resources", &framework->holdings.offered);
    json_key(json, "capabilities");
    mesos_json_texts(json, info->capabilities, info->capabilities_count);
    json_pair_string(json, "hostname", info->hostname);
    json_pair_string(json, "webui_url", info->webui_url);
    json_pair_bool(json, "active", !framework->is_completed && change->active);
    json_pair_bool(json, "connected", !framework->is_completed && change->connected);
    json_pair_bool(json, "recovered", change->recovered);
}

static void roles_members(struct json *json, const struct framework_info *info)
{
    static const char *const unreserved[] = {RESOURCE_ROLE_ANY};
    size_t count = info->roles_count ? info->roles_count : 1;
    const char *const *roles = info->roles_count ? info->roles : unreserved;

    json_key(json, "roles");
    mesos_json_texts(json, roles, count);
    if (count == 1) /* what tools from before MULTI_ROLE look for */
        json_pair_string(json, "role", roles[0]);
}

static void total_pair(struct json *json, const struct framework *framework)
{
    struct resources total = {0};

    resources_copy(&total, &framework->holdings.used);
    resources_add(&total, &framework->holdings.offered, NULL);
    resources_pair(json, "resources", &total);
    resources_fini(&total);
}

static void framework_members(struct json *json, const struct framework *framework)
{
    const struct msg_change_framework *change = framework->change;
    const struct framework_info *info = change->framework;

    json_pair_string(json, "user", info->user);
    json_pair_milli(json, "failover_timeout", info->failover_timeout_ms); /* ms are thousandths */
    json_pair_bool(json, "checkpoint", true);
    json_pair_seconds(json, "registered_time", change->registered_us);
    json_pair_seconds(json, "unregistered_time", framework->unregistered_us);
    if (*info->principal)
        json_pair_string(json, "principal", info->principal);
    total_pair(json, framework);
    if (change->reregistered_us && change->reregistered_us != change->registered_us)
        json_pair_seconds(json, "reregistered_time", change->reregistered_us);
    roles_members(json, info);
    if (info->labels_count) {
        json_key(json, "labels");
        mesos_json_labels(json, info->labels, info->labels_count);
    }
}

static void tasks_pair(struct json *json, const char *key, const struct framework *framework,
                       bool unreachable)
{
    const struct task *task, *next;

    json_key(json, key);
    json_array_begin(json);
    HASH_ITER (hh, framework->tasks, task, next) {
        if ((task->state == TASK_UNREACHABLE) == unreachable)
            object_task(json, task);
    }
    json_array_end(json);
}

static void completed_tasks_pair(struct json *json, const struct framework *framework)
{
    const struct task *task;

    json_key(json, "completed_tasks");
    json_array_begin(json);
    DL_FOREACH2(framework->completed, task, done_next)
    object_task(json, task);
    json_array_end(json);
}

static void executors_pair(struct json *json, const struct framework *framework)
{
    const struct task *task, *next;

    json_key(json, "executors");
    json_array_begin(json);
    HASH_ITER (hh, framework->tasks, task, next) {
        if (!task->executor.size || task->state == TASK_UNREACHABLE)
            continue;
        json_object_begin(json);
        json_raw(json, buf_text(&task->executor), task->executor.size);
        json_object_end(json);
    }
    json_array_end(json);
}

static void offers_pair(struct json *json, const struct framework *framework)
{
    const struct offer *offer;

    json_key(json, "offers");
    json_array_begin(json);
    DL_FOREACH (framework->offers, offer) {
        object_offer(json, offer, false);
    }
    json_array_end(json);
}

void object_framework(struct json *json, const struct framework *framework)
{
    const struct msg_change_framework *change = framework->change;

    json_object_begin(json);
    object_framework_summary_members(json, framework);
    framework_members(json, framework);
    tasks_pair(json, "tasks", framework, false);
    tasks_pair(json, "unreachable_tasks", framework, true);
    completed_tasks_pair(json, framework);
    offers_pair(json, framework);
    executors_pair(json, framework);
    json_key(json, "suppressed_roles");
    mesos_json_texts(json, change->suppressed_roles, change->suppressed_roles_count);
    json_object_end(json);
}

/* --- task, offer, version -----------------------------------------------------------------------
 */

void object_task(struct json *json, const struct task *task)
{
    json_object_begin(json);
    json_raw(json, buf_text(&task->text), task->text.size);
    if (task->limits.size) {
        json_key(json, "limits");
        json_raw(json, buf_text(&task->limits), task->limits.size);
    }
    json_pair_string(json, "state", task_state_name(task->state));
    if (task->preemption.size) {
        json_key(json, "preemption");
        json_raw(json, buf_text(&task->preemption), task->preemption.size);
    }
    json_key(json, "statuses");
    json_array_begin(json);
    if (task->updates.size)
        json_raw(json, buf_text(&task->updates), task->updates.size);
    json_array_end(json);
    json_object_end(json);
}

void object_offer(struct json *json, const struct offer *offer, bool full)
{
    const struct offer_info *info = offer->info;

    json_object_begin(json);
    json_pair_string(json, "id", info->id);
    json_pair_string(json, "framework_id", info->framework_id);
    json_key(json, "allocation_info");
    json_object_begin(json);
    json_pair_string(json, "role", *info->role ? info->role : RESOURCE_ROLE_ANY);
    json_object_end(json);
    json_pair_string(json, "slave_id", info->agent_id);
    resources_pair(json, "resources", &offer->claim.resources);
    json_pair_bool(json, "optimistic", info->optimistic);
    unavailability_pairs(json, info->unavailability);
    if (full) {
        json_pair_string(json, "hostname", info->hostname);
        json_pair_string(json, "address", info->address);
        json_key(json, "resources_full");
        mesos_json_resources_allocated(json, &offer->claim.resources,
                                       *info->role ? info->role : RESOURCE_ROLE_ANY);
    }
    json_object_end(json);
}

/* Builds are reproducible: they know their commit, not their hour. */
void object_version_members(struct json *json)
{
    json_pair_string(json, "version", PROFFER_VERSION);
    json_pair_string(json, "build_date", "");
    json_pair_milli(json, "build_time", 0);
    json_pair_string(json, "build_user", "");
    if (*version_git_sha)
        json_pair_string(json, "git_sha", version_git_sha);
}
