#include "master/view/documents.h"

#include <string.h>

#include "master/view/objects.h"
#include "proto/mesos_json.h"

static bool is_wanted(const char *wanted, const char *id)
{
    return !wanted || strcmp(wanted, id) == 0;
}

/* --- /tasks -------------------------------------------------------------------------------------
 */

static bool task_is_wanted(const struct task *task, const struct tasks_query *query)
{
    return is_wanted(query->task_id, task->id) &&
           is_wanted(query->framework_id, task->framework->change->framework->id);
}

/* utlist's head knows the last one as its `prev`. */
static const struct task *next_task(const struct replica *replica, const struct task *task,
                                    bool ascending)
{
    if (ascending)
        return task ? task->next : replica->tasks;
    if (!task)
        return replica->tasks ? replica->tasks->prev : NULL;
    return task == replica->tasks ? NULL : task->prev;
}

void document_tasks(const struct replica *replica, const struct tasks_query *query, struct buf *out)
{
    size_t to_skip = query->offset, left = query->limit;
    const struct task *task = NULL;
    struct json json = JSON(out);

    json_object_begin(&json);
    json_key(&json, "tasks");
    json_array_begin(&json);
    while (left > 0 && (task = next_task(replica, task, query->ascending))) {
        if (!task_is_wanted(task, query))
            continue;
        if (to_skip > 0) {
            to_skip--;
            continue;
        }
        object_task(&json, task);
        left--;
    }
    json_array_end(&json);
    json_object_end(&json);
}

/* --- /frameworks, /slaves, /offers --------------------------------------------------------------
 */

void document_frameworks(const struct replica *replica, const char *framework_id, struct buf *out)
{
    const struct framework *framework, *next;
    struct json json = JSON(out);

    json_object_begin(&json);
    json_key(&json, "frameworks");
    json_array_begin(&json);
    HASH_ITER (hh, replica->frameworks, framework, next) {
        if (is_wanted(framework_id, framework->change->framework->id))
            object_framework(&json, framework);
    }
    json_array_end(&json);
    json_key(&json, "completed_frameworks");
    json_array_begin(&json);
    DL_FOREACH (replica->completed, framework) {
        if (is_wanted(framework_id, framework->change->framework->id))
            object_framework(&json, framework);
    }
    json_array_end(&json);
    json_key(&json, "unregistered_frameworks");
    mesos_json_texts(&json, NULL, 0);
    json_object_end(&json);
}

static void full_resources_members(struct json *json, const struct agent *agent)
{
    struct resources unreserved = {0};

    resources_of_role(&unreserved, &agent->total, RESOURCE_ROLE_ANY);
    json_key(json, "reserved_resources_full");
    mesos_json_reserved_full(json, &agent->total);
    json_key(json, "unreserved_resources_full");
    mesos_json_resources_full(json, &unreserved);
    json_key(json, "used_resources_full");
    mesos_json_resources_full(json, &agent->holdings.used);
    json_key(json, "offered_resources_full");
    mesos_json_resources_full(json, &agent->holdings.offered);
    resources_fini(&unreserved);
}

static void agents_pair(struct json *json, const char *name, const struct replica *replica,
                        const char *slave_id, bool recovered)
{
    const struct agent *agent, *next;

    json_key(json, name);
    json_array_begin(json);
    HASH_ITER (hh, replica->agents, agent, next) {
        if (agent->change->recovered != recovered || !is_wanted(slave_id, agent->change->agent->id))
            continue;
        json_object_begin(json);
        object_agent_members(json, agent);
        full_resources_members(json, agent);
        json_object_end(json);
    }
    json_array_end(json);
}

void document_slaves(const struct replica *replica, const char *slave_id, struct buf *out)
{
    struct json json = JSON(out);

    json_object_begin(&json);
    agents_pair(&json, "slaves", replica, slave_id, false);
    agents_pair(&json, "recovered_slaves", replica, slave_id, true);
    json_object_end(&json);
}

void document_offers(const struct replica *replica, struct buf *out)
{
    const struct offer *offer, *next;
    struct json json = JSON(out);

    json_object_begin(&json);
    json_key(&json, "offers");
    json_array_begin(&json);
    HASH_ITER (hh, replica->offers, offer, next) {
        object_offer(&json, offer, true);
    }
    json_array_end(&json);
    json_object_end(&json);
}
