/* /reservations, /volumes: what agents have that is for somebody. */
#include "master/view/documents.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/mesos_json.h"

static bool is_wanted(const char *wanted, const char *name)
{
    return !wanted || !strcmp(wanted, name);
}

static void agent_members(struct json *json, const struct agent *agent)
{
    json_pair_string(json, "agent_id", agent->change->agent->id);
    json_pair_string(json, "hostname", agent->change->agent->hostname);
}

/* --- /reservations ------------------------------------------------------------------------------
 */

static bool is_same_text(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static bool is_same_reservation(const struct reservation *a, const struct reservation *b)
{
    if (strcmp(a->role, b->role) != 0 || a->is_dynamic != b->is_dynamic ||
        !is_same_text(a->principal, b->principal) || a->labels_count != b->labels_count)
        return false;
    for (size_t i = 0; i < a->labels_count; i++)
        if (strcmp(a->labels[i].key, b->labels[i].key) != 0 ||
            strcmp(a->labels[i].value, b->labels[i].value) != 0)
            return false;
    return true;
}

static size_t depth_of(const struct resource *portion)
{
    return portion->terms ? portion->terms->depth : 0;
}

/* Reserved by the same ones, one after the other, for the same roles. */
static bool is_reserved_alike(const struct resource *a, const struct resource *b)
{
    if (!a->role || !b->role || strcmp(a->role, b->role) != 0 || depth_of(a) != depth_of(b))
        return false;
    for (size_t i = 0; i < depth_of(a); i++)
        if (!is_same_reservation(&a->terms->stack[i], &b->terms->stack[i]))
            return false;
    return true;
}

/* What is reserved as that portion is; a volume counts with its size. */
static void select_alike(const struct resources *from, const struct resource *like,
                         struct resources *ret)
{
    resources_fini(ret);
    for (size_t i = 0; i < from->count; i++)
        if (is_reserved_alike(&from->items[i], like))
            (void)resources_add_portion(ret, &from->items[i], NULL); /* it was in a sum */
}

static bool is_first_alike(const struct resources *total, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (is_reserved_alike(&total->items[i], &total->items[index]))
            return false;
    return true;
}

static void labels_pair(struct json *json, const struct reservation *reservation)
{
    json_key(json, "labels");
    json_array_begin(json);
    for (size_t i = 0; i < reservation->labels_count; i++) {
        json_object_begin(json);
        json_pair_string(json, "key", reservation->labels[i].key);
        json_pair_string(json, "value", reservation->labels[i].value);
        json_object_end(json);
    }
    json_array_end(json);
}

/* Of the innermost reservation, and within which roles' it lies. */
static void reservation_members(struct json *json, const struct resource *portion)
{
    static const struct reservation fixed = {0};
    size_t depth = depth_of(portion);
    const struct reservation *last = depth ? &portion->terms->stack[depth - 1] : &fixed;

    json_pair_string(json, "role", portion->role);
    json_pair_bool(json, "dynamic", last->is_dynamic);
    json_pair_string(json, "principal", last->principal);
    labels_pair(json, last);
    json_key(json, "within");
    json_array_begin(json);
    for (size_t i = 0; i + 1 < depth; i++)
        json_text(json, portion->terms->stack[i].role);
    json_array_end(json);
}

static void text_pair(struct json *json, const char *key, const struct resources *resources)
{
    CLEANUP(buf_fini) struct buf text = {0};

    resources_print(resources, &text);
    json_pair_string(json, key, buf_text(&text));
}

static void reservation_object(struct json *json, const struct agent *agent,
                               const struct resource *portion)
{
    CLEANUP(resources_fini) struct resources reserved = {0}, used = {0}, plain = {0};

    select_alike(&agent->total, portion, &reserved);
    select_alike(&agent->holdings.used, portion, &used);
    json_object_begin(json);
    agent_members(json, agent);
    reservation_members(json, portion);
    json_key(json, "resources");
    mesos_json_resources(json, &reserved);
    json_key(json, "used");
    mesos_json_resources(json, &used);
    resources_strip(&reserved, &plain);
    text_pair(json, "amounts", &plain);
    resources_strip(&used, &plain);
    text_pair(json, "used_amounts", &plain);
    text_pair(json, "exactly", &reserved);
    json_object_end(json);
}

void document_reservations(const struct replica *replica, const char *agent_id, const char *role,
                           struct buf *out)
{
    const struct agent *agent, *next;
    struct json json = JSON(out);

    json_object_begin(&json);
    json_key(&json, "reservations");
    json_array_begin(&json);
    HASH_ITER (hh, replica->agents, agent, next) {
        for (size_t i = 0; i < agent->total.count; i++) {
            const struct resource *portion = &agent->total.items[i];

            if (portion->role && is_wanted(agent_id, agent->change->agent->id) &&
                is_wanted(role, portion->role) && is_first_alike(&agent->total, i))
                reservation_object(&json, agent, portion);
        }
    }
    json_array_end(&json);
    json_object_end(&json);
}

/* --- /volumes -----------------------------------------------------------------------------------
 */

static bool has_volume(const struct resources *resources, const struct resource *wanted)
{
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *portion = &resources->items[i];

        if (resource_volume(portion) &&
            !strcmp(resource_volume(portion)->id, resource_volume(wanted)->id) &&
            !strcmp(resource_role(portion), resource_role(wanted)))
            return true;
    }
    return false;
}

static void users_pair(struct json *json, const struct agent *agent, const struct resource *portion)
{
    const struct claim *claim;

    json_key(json, "used_by");
    json_array_begin(json);
    DL_FOREACH (agent->holdings.claims, claim) {
        const struct task *task = CONTAINER_OF(claim, struct task, claim);

        if (claim->is_offer || !has_volume(&claim->resources, portion))
            continue;
        json_object_begin(json);
        json_pair_string(json, "framework_id", task->framework->change->framework->id);
        json_pair_string(json, "task_id", task->id);
        json_object_end(json);
    }
    json_array_end(json);
}

static void volume_object(struct json *json, const struct agent *agent,
                          const struct resource *portion)
{
    const struct volume *volume = resource_volume(portion);

    json_object_begin(json);
    agent_members(json, agent);
    json_pair_string(json, "role", resource_role(portion));
    json_pair_string(json, "id", volume->id);
    json_pair_milli(json, "mib", portion->milli);
    json_pair_string(json, "principal", volume->principal);
    json_pair_bool(json, "shared", volume->is_shared);
    json_pair_bool(json, "offered", has_volume(&agent->holdings.offered, portion));
    users_pair(json, agent, portion);
    json_object_end(json);
}

void document_volumes(const struct replica *replica, const char *agent_id, const char *role,
                      struct buf *out)
{
    const struct agent *agent, *next;
    struct json json = JSON(out);

    json_object_begin(&json);
    json_key(&json, "volumes");
    json_array_begin(&json);
    HASH_ITER (hh, replica->agents, agent, next) {
        for (size_t i = 0; i < agent->total.count; i++) {
            const struct resource *portion = &agent->total.items[i];

            if (resource_volume(portion) && is_wanted(agent_id, agent->change->agent->id) &&
                is_wanted(role, resource_role(portion)))
                volume_object(&json, agent, portion);
        }
    }
    json_array_end(&json);
    json_object_end(&json);
}
