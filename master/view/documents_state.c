#include "master/view/documents.h"

#include "master/view/objects.h"
#include "proto/mesos_json.h"

static void empty_array_pair(struct json *json, const char *key)
{
    json_key(json, key);
    mesos_json_texts(json, NULL, 0);
}

static void flags_pair(struct json *json, const struct options_shown *flags)
{
    json_key(json, "flags");
    json_object_begin(json);
    for (size_t i = 0; i < flags->count; i++)
        json_pair_string(json, flags->items[i].name, flags->items[i].value);
    json_object_end(json);
}

static void counts_members(struct json *json, const struct replica *replica)
{
    const struct agent *agent, *next;
    int64_t active = 0, inactive = 0;

    HASH_ITER (hh, replica->agents, agent, next) {
        active += agent->change->active;
        inactive += !agent->change->active && !agent->change->recovered;
    }
    json_pair_int(json, "activated_slaves", active);
    json_pair_int(json, "deactivated_slaves", inactive);
    json_pair_int(json, "unreachable_slaves", (int64_t)HASH_COUNT(replica->unreachable));
}

/* The pid is where tools ask for more, so it is the address of the HTTP side, not of the link. */
static void master_members(struct json *json, const struct replica *replica)
{
    const struct msg_change_master *master = replica->master;
    struct buf pid = {0};

    buf_printf(&pid, "master@%s", master->address);
    json_pair_seconds(json, "start_time", master->started_us);
    json_pair_seconds(json, "elected_time", master->elected_us);
    json_pair_string(json, "id", master->master_id);
    json_pair_string(json, "pid", buf_text(&pid));
    json_pair_string(json, "hostname", master->hostname);
    empty_array_pair(json, "capabilities");
    counts_members(json, replica);
    json_pair_string(json, "leader", buf_text(&pid));
    json_key(json, "leader_info");
    json_object_begin(json);
    json_pair_string(json, "id", master->master_id);
    json_pair_string(json, "pid", buf_text(&pid));
    json_pair_int(json, "port", mesos_json_address_port(master->address));
    json_pair_string(json, "hostname", master->hostname);
    json_object_end(json);
    if (*master->cluster)
        json_pair_string(json, "cluster", master->cluster);
    buf_fini(&pid);
}

static void agents_pair(struct json *json, const char *name, const struct replica *replica,
                        bool recovered)
{
    const struct agent *agent, *next;

    json_key(json, name);
    json_array_begin(json);
    HASH_ITER (hh, replica->agents, agent, next) {
        if (agent->change->recovered != recovered)
            continue;
        json_object_begin(json);
        object_agent_members(json, agent);
        json_object_end(json);
    }
    json_array_end(json);
}

static void frameworks_members(struct json *json, const struct replica *replica)
{
    const struct framework *framework, *next;

    json_key(json, "frameworks");
    json_array_begin(json);
    HASH_ITER (hh, replica->frameworks, framework, next) {
        object_framework(json, framework);
    }
    json_array_end(json);
    json_key(json, "completed_frameworks");
    json_array_begin(json);
    DL_FOREACH (replica->completed, framework) {
        object_framework(json, framework);
    }
    json_array_end(json);
}

void document_state(const struct replica *replica, const struct options_shown *flags,
                    struct buf *out)
{
    struct json json = JSON(out);

    json_object_begin(&json);
    object_version_members(&json);
    master_members(&json, replica);
    flags_pair(&json, flags);
    agents_pair(&json, "slaves", replica, false);
    agents_pair(&json, "recovered_slaves", replica, true);
    frameworks_members(&json, replica);
    empty_array_pair(&json, "orphan_tasks"); /* always empty in Mesos too, but looked for */
    empty_array_pair(&json, "unregistered_frameworks");
    document_roles_pair(&json, replica); /* Mesos has them at /roles only */
    json_object_end(&json);
}

void document_version(struct buf *out)
{
    struct json json = JSON(out);

    json_object_begin(&json);
    object_version_members(&json);
    json_object_end(&json);
}

void document_flags(const struct options_shown *flags, struct buf *out)
{
    struct json json = JSON(out);

    json_object_begin(&json);
    flags_pair(&json, flags);
    json_object_end(&json);
}
