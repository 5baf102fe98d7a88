#include "proto/mesos_json.h"

#include <string.h>

#include "base/cleanup.h"
#include "proto/groups.h"

static bool has(const char *text)
{
    return text && *text;
}

static void pair_if_set(struct json *json, const char *key, const char *text)
{
    if (has(text))
        json_pair_string(json, key, text);
}

/* --- a task -------------------------------------------------------------------------------------
 */

static void write_port(struct json *json, const struct port_info *port)
{
    json_object_begin(json);
    json_pair_int(json, "number", port->number);
    pair_if_set(json, "name", port->name);
    pair_if_set(json, "protocol", port->protocol);
    json_object_end(json);
}

static void write_discovery(struct json *json, const struct discovery_info *discovery)
{
    json_key(json, "discovery");
    json_object_begin(json);
    json_pair_string(json, "visibility",
                     has(discovery->visibility) ? discovery->visibility : "FRAMEWORK");
    pair_if_set(json, "name", discovery->name);
    pair_if_set(json, "environment", discovery->environment);
    pair_if_set(json, "location", discovery->location);
    pair_if_set(json, "version", discovery->version);
    json_key(json, "ports");
    json_object_begin(json);
    json_key(json, "ports");
    json_array_begin(json);
    for (size_t i = 0; i < discovery->ports_count; i++)
        write_port(json, &discovery->ports[i]);
    json_array_end(json);
    json_object_end(json);
    json_object_end(json);
}

/* Mesos writes "Infinity" as a text. */
void mesos_json_limits(struct json *json, const struct limit_info *limits, size_t count)
{
    json_object_begin(json);
    for (size_t i = 0; i < count; i++) {
        const struct limit_info *limit = &limits[i];
        CLEANUP(buf_fini) struct buf name = {0};

        buf_printf(&name, "%s%s%s", limit->name, has(limit->device) ? "@" : "",
                   has(limit->device) ? limit->device : "");
        if (limit->unlimited)
            json_pair_string(json, buf_text(&name), "Infinity");
        else
            json_pair_milli(json, buf_text(&name), limit->scalar);
    }
    json_object_end(json);
}

/* One line for people; where it is cut, it says so. The JSON writer replaces a character cut in
 * half. */
static void write_command(struct json *json, const struct command_info *command)
{
    CLEANUP(buf_fini) struct buf line = {0};

    for (size_t i = 0; i < command->argv_count && line.size < COMMAND_SHOWN_MAX; i++)
        buf_printf(&line, "%s%.*s", i ? " " : "", COMMAND_SHOWN_MAX, command->argv[i]);
    if (!command->argv_count && command->value)
        buf_printf(&line, "%.*s", COMMAND_SHOWN_MAX + 1, command->value);
    if (line.size > COMMAND_SHOWN_MAX) {
        line.size = COMMAND_SHOWN_MAX;
        buf_puts(&line, "...");
    }
    json_key(json, "command");
    json_text_size(json, buf_text(&line), line.size);
}

/* As Mesos has it. */
static void write_docker(struct json *json, const struct docker_info *docker)
{
    json_key(json, "container");
    json_object_begin(json);
    json_pair_string(json, "type", "DOCKER");
    json_key(json, "docker");
    json_object_begin(json);
    json_pair_string(json, "image", docker->image);
    json_pair_string(json, "network", has(docker->network) ? docker->network : "host");
    json_pair_bool(json, "privileged", docker->privileged);
    json_pair_bool(json, "force_pull_image", docker->pull == PULL_ALWAYS);
    json_key(json, "port_mappings");
    json_array_begin(json);
    for (size_t i = 0; i < docker->port_mappings_count; i++) {
        json_object_begin(json);
        json_pair_int(json, "host_port", docker->port_mappings[i].host_port);
        json_pair_int(json, "container_port", docker->port_mappings[i].container_port);
        pair_if_set(json, "protocol", docker->port_mappings[i].protocol);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
    json_object_end(json);
}

/* In Mesos the tasks of a pod have an executor in common, whose id they show. */
static void write_group(struct json *json, const struct task_info *task)
{
    static const char *const parts[] = {
        [GROUP_MAIN] = "MAIN", [GROUP_INIT] = "INIT", [GROUP_SIDECAR] = "SIDECAR"};

    json_key(json, "group");
    json_object_begin(json);
    json_pair_string(json, "id", task->group->id);
    json_pair_string(json, "part", parts[group_part_of(task)]);
    json_pair_int(json, "number", task->group->number);
    json_object_end(json);
}

/* Of a group Mesos says the same: its tasks have one executor. */
static const char *executor_of(const struct task_info *task)
{
    if (has(task->executor_id))
        return task->executor_id;
    return task->group ? task->group->id : "";
}

void mesos_json_task(struct json *json, const struct msg_change_task *change,
                     const struct resources *resources)
{
    const struct task_info *task = change->task;

    json_pair_string(json, "id", task->task_id);
    json_pair_string(json, "name", has(task->name) ? task->name : task->task_id);
    json_pair_string(json, "framework_id", change->framework_id);
    json_pair_string(json, "executor_id", executor_of(task));
    json_pair_string(json, "slave_id", task->agent_id);
    json_key(json, "resources");
    mesos_json_resources(json, resources);
    if (task->limits_count) {
        json_key(json, "limits");
        mesos_json_limits(json, task->limits, task->limits_count);
    }
    json_pair_string(json, "role", has(change->role) ? change->role : RESOURCE_ROLE_ANY);
    pair_if_set(json, "user", change->user);
    if (task->priority)
        json_pair_int(json, "priority", task->priority);
    if (task->labels_count) {
        json_key(json, "labels");
        mesos_json_labels(json, task->labels, task->labels_count);
    }
    if (task->discovery)
        write_discovery(json, task->discovery);
    if (task->docker)
        write_docker(json, task->docker);
    if (task->group)
        write_group(json, task);
    if (task->command)
        write_command(json, task->command);
    if (task->health_check) {
        json_key(json, "health_check");
        record_write_json(&check_info_def, task->health_check, json);
    }
    if (task->check) {
        json_key(json, "check");
        record_write_json(&check_info_def, task->check, json);
    }
}

/* --- an executor -------------------------------------------------------------------------------
 */

/* Mesos's CommandInfo; what it is given in its environment is not for everybody. */
static void write_command_info(struct json *json, const struct command_info *command)
{
    json_key(json, "command");
    json_object_begin(json);
    json_pair_bool(json, "shell", !command->argv_count);
    json_pair_string(json, "value",
                     command->argv_count ? command->argv[0]
                     : command->value    ? command->value
                                         : "");
    json_key(json, "argv");
    mesos_json_texts(json, command->argv, command->argv_count);
    json_object_end(json);
}

void mesos_json_executor(struct json *json, const struct msg_change_task *change,
                         const struct resources *resources)
{
    const struct task_info *task = change->task;

    json_pair_string(json, "executor_id", task->task_id);
    json_pair_string(json, "name", has(task->name) ? task->name : task->task_id);
    json_pair_string(json, "source", task->task_id);
    json_pair_string(json, "type", "CUSTOM");
    json_pair_string(json, "framework_id", change->framework_id);
    json_pair_string(json, "slave_id", task->agent_id);
    if (task->command)
        write_command_info(json, task->command);
    json_key(json, "resources");
    mesos_json_resources(json, resources);
    json_pair_string(json, "role", has(change->role) ? change->role : RESOURCE_ROLE_ANY);
    if (task->labels_count) {
        json_key(json, "labels");
        mesos_json_labels(json, task->labels, task->labels_count);
    }
}

/* --- a status -----------------------------------------------------------------------------------
 */

/* A task that has its host's network has the address at which the agent is reached. */
static void write_network(struct json *json, const struct container_info *container)
{
    CLEANUP(buf_fini) struct buf ip = {0};

    if (has(container->network_address))
        buf_puts(&ip, container->network_address);
    else
        mesos_json_address_ip(container->agent_address, &ip);
    json_key(json, "network_infos");
    json_array_begin(json);
    json_object_begin(json);
    json_key(json, "ip_addresses");
    json_array_begin(json);
    json_object_begin(json);
    json_pair_string(json, "protocol", strchr(buf_text(&ip), ':') ? "IPv6" : "IPv4");
    json_pair_string(json, "ip_address", buf_text(&ip));
    json_object_end(json);
    json_array_end(json);
    json_object_end(json);
    json_array_end(json);
}

static void pair_int_if_set(struct json *json, const char *key, int64_t value)
{
    if (value)
        json_pair_int(json, key, value);
}

static void write_container(struct json *json, const struct container_info *container)
{
    json_key(json, "container_status");
    json_object_begin(json);
    json_key(json, "container_id");
    json_object_begin(json);
    json_pair_string(json, "value", container->container_id);
    json_object_end(json);
    if (has(container->agent_address))
        write_network(json, container);
    pair_int_if_set(json, "executor_pid", container->pid);
    pair_if_set(json, "sandbox", container->sandbox);
    pair_if_set(json, "agent_address", container->agent_address);
    pair_int_if_set(json, "peak_mem_bytes", container->peak_mem_bytes);
    pair_int_if_set(json, "cpu_user_us", container->cpu_user_us);
    pair_int_if_set(json, "cpu_system_us", container->cpu_system_us);
    pair_int_if_set(json, "stdout_bytes", container->stdout_bytes);
    pair_int_if_set(json, "stderr_bytes", container->stderr_bytes);
    pair_if_set(json, "cpus", container->cpus);
    pair_if_set(json, "mems", container->mems);
    if (container->exclusive)
        json_pair_bool(json, "exclusive", true);
    if (container->gpus_count) {
        json_key(json, "gpus");
        mesos_json_texts(json, container->gpus, container->gpus_count);
    }
    if (container->started_us)
        json_pair_seconds(json, "started_time", container->started_us);
    if (container->ended_us)
        json_pair_seconds(json, "ended_time", container->ended_us);
    json_object_end(json);
}

static void write_exit(struct json *json, const struct exit_info *ended)
{
    json_key(json, "exit");
    json_object_begin(json);
    if (ended->signal)
        json_pair_int(json, "signal", ended->signal);
    else
        json_pair_int(json, "code", ended->code);
    json_object_end(json);
}

/* Mesos's CheckStatusInfo, and what it does not say: whether it passed, and why not. */
static void write_check_status(struct json *json, const struct check_status *check)
{
    static const char *const types[] = {
        [CHECK_COMMAND] = "COMMAND", [CHECK_HTTP] = "HTTP", [CHECK_TCP] = "TCP"};
    bool has_result =
        !check->timed_out && (check->passed || check->exit_code || check->http_status);

    json_key(json, "check_status");
    json_object_begin(json);
    json_pair_string(json, "type", check->kind ? types[check->kind] : "UNKNOWN");
    if (check->kind == CHECK_COMMAND && has_result) {
        json_key(json, "command");
        json_object_begin(json);
        json_pair_int(json, "exit_code", check->exit_code);
        json_object_end(json);
    } else if (check->kind == CHECK_HTTP && check->http_status) {
        json_key(json, "http");
        json_object_begin(json);
        json_pair_int(json, "status_code", check->http_status);
        json_object_end(json);
    } else if (check->kind == CHECK_TCP) {
        json_key(json, "tcp");
        json_object_begin(json);
        json_pair_bool(json, "succeeded", check->passed);
        json_object_end(json);
    }
    json_pair_bool(json, "passed", check->passed);
    if (check->timed_out)
        json_pair_bool(json, "timed_out", true);
    pair_if_set(json, "message", check->message);
    json_object_end(json);
}

void mesos_json_status(struct json *json, const struct task_status *status)
{
    json_object_begin(json);
    json_pair_string(json, "state", task_state_name(status->state));
    json_pair_seconds(json, "timestamp", status->timestamp_us);
    if (status->container)
        write_container(json, status->container);
    pair_if_set(json, "reason", task_reason_name(status->reason));
    pair_if_set(json, "source", status_source_name(status->source));
    pair_if_set(json, "message", status->message);
    if (status->exit)
        write_exit(json, status->exit);
    if (status->health)
        json_pair_bool(json, "healthy", status->health == HEALTH_HEALTHY);
    if (status->check)
        write_check_status(json, status->check);
    if (status->unreachable_us)
        json_pair_seconds(json, "unreachable_time", status->unreachable_us);
    json_object_end(json);
}
