#include "proto/mesos_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

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

static void write_name(struct json *json, const char *key, const char *name)
{
    json_key(json, key);
    json_object_begin(json);
    json_pair_string(json, "name", name);
    json_object_end(json);
}

void mesos_json_domain(struct json *json, const struct domain_info *domain)
{
    json_object_begin(json);
    json_key(json, "fault_domain");
    json_object_begin(json);
    write_name(json, "region", domain->region);
    write_name(json, "zone", domain->zone);
    json_object_end(json);
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
