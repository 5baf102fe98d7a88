#include "base/json.h"
#include "proto/descriptor.h"
#include "proto/message.h"

static void write_texts(const struct field_def *field, const void *record, struct json *json)
{
    json_array_begin(json);
    for (size_t i = 0; i < field_count(field, record); i++)
        json_text(json, field_item_text(field, record, i));
    json_array_end(json);
}

static void write_records(const struct field_def *field, const void *record, struct json *json)
{
    json_array_begin(json);
    for (size_t i = 0; i < field_count(field, record); i++)
        record_write_json(field->record, field_item_record(field, record, i), json);
    json_array_end(json);
}

static void write_value(const struct field_def *field, const void *record, struct json *json)
{
    switch ((enum field_kind)field->kind) {
    case KIND_BOOL:
        json_bool(json, field_bool(field, record));
        break;
    case KIND_INT:
        json_int(json, field_int(field, record));
        break;
    case KIND_ENUM:
        json_text(json, enum_value_name(field->enumeration, field_enum(field, record)));
        break;
    case KIND_STR:
        json_text(json, field_text(field, record));
        break;
    case KIND_BYTES:
        json_bytes(json, field_bytes(field, record).data, field_bytes(field, record).size);
        break;
    case KIND_REC:
        record_write_json(field->record, field_record(field, record), json);
        break;
    case KIND_STRS:
        write_texts(field, record, json);
        break;
    case KIND_RECS:
        write_records(field, record, json);
        break;
    case KIND_NONE:
    case KIND_MAX:
        break;
    }
}

void record_write_json(const struct record_def *def, const void *record, struct json *json)
{
    json_object_begin(json);
    RECORD_FOREACH_TAG (tag, def) {
        const struct field_def *field = &def->fields[tag];

        if (!field_has_meaning(field, record))
            continue;
        json_key(json, field->name);
        write_value(field, record, json);
    }
    json_object_end(json);
}
