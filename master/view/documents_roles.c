/* /roles, /quota, /weights, /priorities: what roles use, and what operators have set for them. */
#include "master/view/documents.h"

#include <string.h>

#include "base/cleanup.h"
#include "proto/mesos_json.h"

/* --- what is set --------------------------------------------------------------------------------
 */

static int64_t weight_of(const struct role *role)
{
    return role->policy && role->policy->weight_milli ? role->policy->weight_milli : 1000;
}

/* Its own, or that of the nearest role above that has one. */
static int64_t priority_of(const struct replica *replica, const struct role *role)
{
    const char *name = role->name;
    size_t size = strlen(name);

    while (size) {
        struct role *above;

        HASH_FIND(hh, replica->roles, name, size, above);
        if (above && above->policy && above->policy->has_priority)
            return above->policy->priority;
        while (size > 0 && name[size - 1] != '/')
            size--;
        size -= size > 0;
    }
    return 0;
}

static bool has_quota(const struct role *role)
{
    return role->policy && (role->policy->guarantees_count || role->policy->limits_count);
}

static bool is_in(const struct role *role, const struct role *above)
{
    size_t size = strlen(above->name);

    return !strncmp(role->name, above->name, size) &&
           (role->name[size] == '\0' || role->name[size] == '/');
}

/* As it is set for the role, or for the nearest above it for which something is. */
static const char *offers_of(const struct replica *replica, const struct role *role)
{
    for (size_t size = strlen(role->name); size > 0;) {
        const struct role *at;

        HASH_FIND(hh, replica->roles, role->name, size, at);
        if (at && at->policy && at->policy->offers)
            return at->policy->offers == OFFERS_OPTIMISTIC ? "optimistic" : "exclusive";
        while (size > 0 && role->name[size - 1] != '/')
            size--;
        size -= size > 0;
    }
    return "exclusive";
}

/* What is named, and nothing else: a limit of 0 is one. */
static void amounts_pair(struct json *json, const char *key, const struct resource_info *items,
                         size_t count)
{
    json_key(json, key);
    json_object_begin(json);
    for (size_t i = 0; i < count; i++)
        json_pair_milli(json, items[i].name, items[i].scalar);
    json_object_end(json);
}

/* Of a role that has a quota, what those in it use counts too. */
static void consumed_pair(struct json *json, const struct replica *replica, const struct role *role)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    const struct role *each, *next;

    json_key(json, "consumed");
    if (!has_quota(role)) {
        mesos_json_resources(json, &role->holdings.used);
        return;
    }
    HASH_ITER (hh, replica->roles, each, next) {
        if (is_in(each, role))
            (void)scalars_add(&sum, &each->holdings.used, NULL); /* as much as can be counted */
    }
    mesos_json_resources(json, &sum);
}

static void quota_pair(struct json *json, const struct replica *replica, const struct role *role)
{
    static const struct msg_change_role none = {0};
    const struct msg_change_role *policy = role->policy ? role->policy : &none;

    json_key(json, "quota");
    json_object_begin(json);
    json_pair_string(json, "role", role->name);
    amounts_pair(json, "guarantee", policy->guarantees, policy->guarantees_count);
    amounts_pair(json, "limit", policy->limits, policy->limits_count);
    consumed_pair(json, replica, role);
    json_object_end(json);
}

/* --- /roles -------------------------------------------------------------------------------------
 */

static void role_object(struct json *json, const struct replica *replica, const struct role *role)
{
    json_object_begin(json);
    json_pair_string(json, "name", role->name);
    json_pair_milli(json, "weight", weight_of(role));
    json_pair_int(json, "priority", priority_of(replica, role));
    json_pair_bool(json, "has_priority", role->policy && role->policy->has_priority);
    json_pair_string(json, "offers", offers_of(replica, role));
    quota_pair(json, replica, role);
    json_key(json, "resources"); /* Mesos's older name of "allocated" */
    mesos_json_resources(json, &role->holdings.used);
    json_key(json, "allocated");
    mesos_json_resources(json, &role->holdings.used);
    json_key(json, "offered");
    mesos_json_resources(json, &role->holdings.offered);
    json_key(json, "reserved");
    mesos_json_resources(json, &role->reserved);
    json_key(json, "frameworks");
    json_array_begin(json);
    for (size_t i = 0; i < role->members_count; i++)
        json_text(json, role->members[i]->change->framework->id);
    json_array_end(json);
    json_object_end(json);
}

void document_roles_pair(struct json *json, const struct replica *replica)
{
    const struct role *role, *next;

    json_key(json, "roles");
    json_array_begin(json);
    HASH_ITER (hh, replica->roles, role, next) {
        role_object(json, replica, role);
    }
    json_array_end(json);
}

void document_roles(const struct replica *replica, struct buf *out)
{
    struct json json = JSON(out);

    json_object_begin(&json);
    document_roles_pair(&json, replica);
    json_object_end(&json);
}

/* --- /quota, /weights, /priorities ---------------------------------------------------------------------------
 */

static void values_pair(struct json *json, const char *key, const struct resource_info *items,
                        size_t count)
{
    json_key(json, key);
    json_object_begin(json);
    for (size_t i = 0; i < count; i++) {
        json_key(json, items[i].name);
        json_object_begin(json);
        json_pair_milli(json, "value", items[i].scalar);
        json_object_end(json);
    }
    json_object_end(json);
}

void document_quota(const struct replica *replica, struct buf *out)
{
    const struct role *role, *next;
    struct json json = JSON(out);

    json_object_begin(&json);
    json_key(&json, "configs");
    json_array_begin(&json);
    HASH_ITER (hh, replica->roles, role, next) {
        if (!has_quota(role))
            continue;
        json_object_begin(&json);
        json_pair_string(&json, "role", role->name);
        values_pair(&json, "guarantees", role->policy->guarantees, role->policy->guarantees_count);
        values_pair(&json, "limits", role->policy->limits, role->policy->limits_count);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
}

void document_weights(const struct replica *replica, struct buf *out)
{
    const struct role *role, *next;
    struct json json = JSON(out);

    json_array_begin(&json);
    HASH_ITER (hh, replica->roles, role, next) {
        if (!role->policy || !role->policy->weight_milli)
            continue;
        json_object_begin(&json);
        json_pair_string(&json, "role", role->name);
        json_pair_milli(&json, "weight", role->policy->weight_milli);
        json_object_end(&json);
    }
    json_array_end(&json);
}

void document_priorities(const struct replica *replica, struct buf *out)
{
    const struct role *role, *next;
    struct json json = JSON(out);

    json_array_begin(&json);
    HASH_ITER (hh, replica->roles, role, next) {
        if (!role->policy || !role->policy->has_priority)
            continue;
        json_object_begin(&json);
        json_pair_string(&json, "role", role->name);
        json_pair_int(&json, "priority", role->policy->priority);
        json_object_end(&json);
    }
    json_array_end(&json);
}
