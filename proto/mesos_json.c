#include "proto/mesos_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* --- resources ----------------------------------------------------------------------------------
 */

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

static void write_reservation(struct json *json, const char *role)
{
    json_key(json, "reservations");
    json_array_begin(json);
    json_object_begin(json);
    json_pair_string(json, "type", "STATIC");
    json_pair_string(json, "role", role);
    json_object_end(json);
    json_array_end(json);
}

static void write_full_portion(struct json *json, const struct resource *portion)
{
    json_object_begin(json);
    json_pair_string(json, "name", portion->name);
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
    json_pair_string(json, "role", resource_role(portion));
    if (portion->role)
        write_reservation(json, portion->role);
    if (portion->revocable) {
        json_key(json, "revocable");
        json_object_begin(json);
        json_object_end(json);
    }
    json_object_end(json);
}

void mesos_json_resources_full(struct json *json, const struct resources *resources)
{
    json_array_begin(json);
    for (size_t i = 0; i < resources->count; i++)
        write_full_portion(json, &resources->items[i]);
    json_array_end(json);
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

/* --- small records ------------------------------------------------------------------------------
 */

static void write_ranges_text(struct json *json, const struct range_info *items, size_t count)
{
    CLEANUP(buf_fini) struct buf text = {0};

    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%lld-%lld", i ? ", " : "[", (long long)items[i].begin,
                   (long long)items[i].end);
    buf_puts(&text, count ? "]" : "[]");
    json_text_size(json, buf_text(&text), text.size);
}

void mesos_json_attributes(struct json *json, const struct attribute_info *items, size_t count)
{
    json_object_begin(json);
    for (size_t i = 0; i < count; i++) {
        json_key(json, items[i].name);
        if (items[i].kind == VALUE_SCALAR)
            json_milli(json, items[i].scalar);
        else if (items[i].kind == VALUE_RANGES)
            write_ranges_text(json, items[i].ranges, items[i].ranges_count);
        else
            json_text(json, items[i].text);
    }
    json_object_end(json);
}

void mesos_json_labels(struct json *json, const struct label_info *items, size_t count)
{
    json_array_begin(json);
    for (size_t i = 0; i < count; i++) {
        json_object_begin(json);
        json_pair_string(json, "key", items[i].key);
        json_pair_string(json, "value", items[i].value);
        json_object_end(json);
    }
    json_array_end(json);
}

void mesos_json_texts(struct json *json, const char *const *items, size_t count)
{
    json_array_begin(json);
    for (size_t i = 0; i < count; i++)
        json_text(json, items[i]);
    json_array_end(json);
}

int64_t mesos_json_address_port(const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon ? strtol(colon + 1, NULL, 10) : 0;
}

void mesos_json_address_ip(const char *address, struct buf *out)
{
    const char *colon = strrchr(address, ':');
    size_t size = colon ? (size_t)(colon - address) : strlen(address);

    if (size >= 2 && address[0] == '[' && address[size - 1] == ']')
        buf_append(out, address + 1, size - 2);
    else
        buf_append(out, address, size);
}
