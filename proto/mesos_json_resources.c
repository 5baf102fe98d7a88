/* Resources in the JSON of Mesos: the summary object, and arrays of its Resource. */
#include "proto/mesos_json.h"

#include <string.h>

#include "base/cleanup.h"

static const char *const always_shown[] = {"cpus", "gpus", "mem", "disk"};

static bool is_always_shown(const struct resource *portion)
{
    for (size_t i = 0; i < ARRAY_SIZE(always_shown); i++)
        if (!portion->revocable && strcmp(portion->name, always_shown[i]) == 0)
            return true;
    return false;
}

static int64_t scalar_of_all_roles(const struct resources *resources, const char *name,
                                   bool revocable)
{
    int64_t milli = 0;

    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *portion = &resources->items[i];

        if (portion->kind == RESOURCE_SCALAR && portion->revocable == revocable &&
            strcmp(portion->name, name) == 0)
            milli += portion->milli;
    }
    return milli;
}

static void write_key(struct json *json, const struct resource *portion)
{
    CLEANUP(buf_fini) struct buf key = {0};

    buf_printf(&key, "%s%s", portion->name, portion->revocable ? "_revocable" : "");
    json_key(json, buf_text(&key));
}

/* Portions of one name and flag but different roles are shown as one: sum them up without their
 * roles. */
static void write_portion(struct json *json, const struct resources *resources,
                          const struct resource *first)
{
    CLEANUP(resources_fini) struct resources merged = {0};
    CLEANUP(buf_fini) struct buf text = {0};

    for (size_t i = 0; i < resources->count; i++) {
        struct resource portion = resources->items[i];

        portion.role = NULL;
        portion.terms = NULL;
        if (portion.revocable == first->revocable && strcmp(portion.name, first->name) == 0)
            resources_add_portion(&merged, &portion, NULL);
    }
    if (merged.count == 1) {
        write_key(json, first);
        resource_print_value(&merged.items[0], &text);
        json_text_size(json, buf_text(&text), text.size);
    }
}

static bool is_first_of_its_name(const struct resources *resources, size_t index)
{
    const struct resource *portion = &resources->items[index];

    for (size_t i = 0; i < index; i++)
        if (resources->items[i].revocable == portion->revocable &&
            strcmp(resources->items[i].name, portion->name) == 0)
            return false;
    return true;
}

void mesos_json_resources(struct json *json, const struct resources *resources)
{
    json_object_begin(json);
    for (size_t i = 0; i < ARRAY_SIZE(always_shown); i++)
        json_pair_milli(json, always_shown[i],
                        scalar_of_all_roles(resources, always_shown[i], false));
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *portion = &resources->items[i];

        if (is_always_shown(portion) || !is_first_of_its_name(resources, i))
            continue;
        if (portion->kind != RESOURCE_SCALAR) {
            write_portion(json, resources, portion);
            continue;
        }
        write_key(json, portion);
        json_milli(json, scalar_of_all_roles(resources, portion->name, portion->revocable));
    }
    json_object_end(json);
}

static void write_full_ranges(struct json *json, const struct ranges *ranges)
{
    json_pair_string(json, "type", "RANGES");
    json_key(json, "ranges");
    json_object_begin(json);
    json_key(json, "range");
    json_array_begin(json);
    for (size_t i = 0; i < ranges->count; i++) {
        json_object_begin(json);
        json_pair_int(json, "begin", (int64_t)ranges->items[i].begin);
        json_pair_int(json, "end", (int64_t)ranges->items[i].end);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static void write_full_set(struct json *json, const struct string_set *set)
{
    json_pair_string(json, "type", "SET");
    json_key(json, "set");
    json_object_begin(json);
    json_key(json, "item");
    mesos_json_texts(json, (const char *const *)set->items, set->count);
    json_object_end(json);
}

static void write_full_scalar(struct json *json, int64_t milli)
{
    json_pair_string(json, "type", "SCALAR");
    json_key(json, "scalar");
    json_object_begin(json);
    json_pair_milli(json, "value", milli);
    json_object_end(json);
}

static void write_labels(struct json *json, const struct reservation *reservation)
{
    json_key(json, "labels");
    json_object_begin(json);
    json_key(json, "labels");
    json_array_begin(json);
    for (size_t i = 0; i < reservation->labels_count; i++) {
        json_object_begin(json);
        json_pair_string(json, "key", reservation->labels[i].key);
        json_pair_string(json, "value", reservation->labels[i].value);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static void write_reservation(struct json *json, const struct reservation *reservation)
{
    json_object_begin(json);
    json_pair_string(json, "type", reservation->is_dynamic ? "DYNAMIC" : "STATIC");
    json_pair_string(json, "role", reservation->role);
    if (reservation->principal)
        json_pair_string(json, "principal", reservation->principal);
    if (reservation->labels_count)
        write_labels(json, reservation);
    json_object_end(json);
}

static void write_reservations(struct json *json, const struct resource *portion)
{
    const struct reservation fixed = {.role = portion->role};
    size_t depth = portion->terms ? portion->terms->depth : 0;

    json_key(json, "reservations");
    json_array_begin(json);
    for (size_t i = 0; i < depth; i++)
        write_reservation(json, &portion->terms->stack[i]);
    if (!depth)
        write_reservation(json, &fixed);
    json_array_end(json);
}

static void empty_object_pair(struct json *json, const char *key)
{
    json_key(json, key);
    json_object_begin(json);
    json_object_end(json);
}

static void write_volume(struct json *json, const struct volume *volume)
{
    json_key(json, "disk");
    json_object_begin(json);
    json_key(json, "persistence");
    json_object_begin(json);
    json_pair_string(json, "id", volume->id);
    if (volume->principal)
        json_pair_string(json, "principal", volume->principal);
    json_object_end(json);
    json_object_end(json);
    if (volume->is_shared)
        empty_object_pair(json, "shared");
}

static void write_value(struct json *json, const struct resource *portion)
{
    switch (portion->kind) {
    case RESOURCE_RANGES:
        write_full_ranges(json, &portion->ranges);
        break;
    case RESOURCE_SET:
        write_full_set(json, &portion->set);
        break;
    default:
        write_full_scalar(json, portion->milli);
        break;
    }
}

static void write_full_portion(struct json *json, const struct resource *portion,
                               const char *allocated_to)
{
    json_object_begin(json);
    json_pair_string(json, "name", portion->name);
    write_value(json, portion);
    json_pair_string(json, "role", resource_role(portion));
    if (portion->role)
        write_reservations(json, portion);
    if (resource_volume(portion))
        write_volume(json, portion->terms->volume);
    if (portion->revocable)
        empty_object_pair(json, "revocable");
    if (allocated_to) {
        json_key(json, "allocation_info");
        json_object_begin(json);
        json_pair_string(json, "role", allocated_to);
        json_object_end(json);
    }
    json_object_end(json);
}

void mesos_json_resources_allocated(struct json *json, const struct resources *resources,
                                    const char *role)
{
    json_array_begin(json);
    for (size_t i = 0; i < resources->count; i++)
        write_full_portion(json, &resources->items[i], role);
    json_array_end(json);
}

void mesos_json_resources_full(struct json *json, const struct resources *resources)
{
    mesos_json_resources_allocated(json, resources, NULL);
}

typedef void write_fn(struct json *json, const struct resources *resources);

static bool is_first_of_its_role(const struct resources *resources, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(resource_role(&resources->items[i]), resource_role(&resources->items[index])) ==
            0)
            return false;
    return true;
}

static void write_by_role(struct json *json, const struct resources *resources, write_fn *write)
{
    json_object_begin(json);
    for (size_t i = 0; i < resources->count; i++) {
        const char *role = resources->items[i].role;
        CLEANUP(resources_fini) struct resources of_role = {0};

        if (!role || !is_first_of_its_role(resources, i))
            continue;
        resources_of_role(&of_role, resources, role);
        json_key(json, role);
        write(json, &of_role);
    }
    json_object_end(json);
}

void mesos_json_reserved(struct json *json, const struct resources *resources)
{
    write_by_role(json, resources, mesos_json_resources);
}

void mesos_json_reserved_full(struct json *json, const struct resources *resources)
{
    write_by_role(json, resources, mesos_json_resources_full);
}
