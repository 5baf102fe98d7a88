#include "proto/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "proto/check.h"
#include "proto/descriptor.h"
#include "proto/place.h"

/* Up to here a double counts whole numbers one by one. */
#define EXACT_DOUBLE_MAX 9007199254740992.0

struct reader {
    struct arena *arena;
    struct report report;
    bool is_strict; /* a field that is not known is an error */
};

static int read_record(const struct reader *self, const struct record_def *def, const json_t *value,
                       void *record, const struct place *place);

static int no_memory(const struct reader *self, const struct place *place)
{
    return report_at(&self->report, place, "takes more memory than is allowed");
}

static int wrong_kind(const struct reader *self, const struct place *place, const char *expected,
                      const json_t *value)
{
    static const char *const kinds[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };

    return report_at(&self->report, place, "is %s, expected %s", kinds[json_typeof(value)],
                     expected);
}

static int read_bool(const struct reader *self, const json_t *value, bool *ret_value,
                     const struct place *place)
{
    const char *text = json_string_value(value);

    if (!json_is_boolean(value) && !(text && (!strcmp(text, "true") || !strcmp(text, "false"))))
        return wrong_kind(self, place, "true or false", value);
    *ret_value = text ? !strcmp(text, "true") : json_is_true(value);
    return 0;
}

static int read_number_text(const struct reader *self, const char *text, int64_t *ret_value,
                            const struct place *place)
{
    size_t digits = strspn(text + (*text == '-'), "0123456789");
    long long number;

    if (digits == 0 || text[digits + (*text == '-')] != '\0')
        return report_at(&self->report, place, "\"%.40s\" is not a whole number", text);
    errno = 0;
    number = strtoll(text, NULL, 10);
    if (errno)
        return report_at(&self->report, place, "%.40s is out of range", text);
    *ret_value = number;
    return 0;
}

static int read_int(const struct reader *self, const json_t *value, int64_t *ret_value,
                    const struct place *place)
{
    double real = json_real_value(value);

    if (json_is_integer(value)) {
        *ret_value = json_integer_value(value);
        return 0;
    }
    if (json_is_string(value))
        return read_number_text(self, json_string_value(value), ret_value, place);
    if (!json_is_real(value))
        return wrong_kind(self, place, "a whole number", value);
    if (!(real >= -EXACT_DOUBLE_MAX && real <= EXACT_DOUBLE_MAX) || (double)(int64_t)real != real)
        return report_at(&self->report, place, "%g is not a whole number", real);
    *ret_value = (int64_t)real;
    return 0;
}

static int read_enum(const struct reader *self, const struct enum_def *def, const json_t *value,
                     unsigned *ret_value, const struct place *place)
{
    const char *text = json_string_value(value);

    for (size_t number = 1; number < def->end; number++) {
        const char *name = enum_value_name(def, (int64_t)number);

        if (*name && (text ? !strcmp(text, name)
                           : json_is_integer(value) && json_integer_value(value) == (int)number)) {
            *ret_value = (unsigned)number;
            return 0;
        }
    }
    if (text)
        return report_at(&self->report, place, "\"%.60s\" is no %s, expected one like \"%s\"", text,
                         def->name, enum_value_name(def, 1));
    if (json_is_integer(value))
        return report_at(&self->report, place, "%lld is no %s",
                         (long long)json_integer_value(value), def->name);
    return wrong_kind(self, place, "a name in a string", value);
}

static int read_text(const struct reader *self, const json_t *value, const char **ret_text,
                     const struct place *place)
{
    const char *text;

    if (!json_is_string(value))
        return wrong_kind(self, place, "a string", value);
    text = arena_memdup(self->arena, json_string_value(value), json_string_length(value));
    if (!text)
        return no_memory(self, place);
    *ret_text = text;
    return 0;
}

static int read_bytes(const struct reader *self, const json_t *value, struct bytes *ret_bytes,
                      const struct place *place)
{
    const char *text = json_string_value(value);
    size_t size_max = json_string_length(value) / 4 * 3 + 3;
    const char *end;
    unsigned char *data;
    size_t size;

    if (!text)
        return wrong_kind(self, place, "Base64 in a string", value);
    if (!*text)
        return 0;
    data = arena_alloc(self->arena, size_max);
    if (!data)
        return no_memory(self, place);
    if (sodium_base642bin(data, size_max, text, json_string_length(value), NULL, &size, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        *end != '\0')
        return report_at(&self->report, place, "is not Base64");
    *ret_bytes = (struct bytes){.data = data, .size = size};
    return 0;
}

static int read_nested(const struct reader *self, const struct record_def *def, const json_t *value,
                       const void **ret_record, const struct place *place)
{
    void *record = arena_alloc(self->arena, def->size);

    if (!record)
        return no_memory(self, place);
    *ret_record = record;
    return read_record(self, def, value, record, place);
}

static int read_array(const struct reader *self, const struct field_def *field, const json_t *array,
                      void *record, struct place *place)
{
    size_t count = json_array_size(array);
    size_t item_size = field->kind == KIND_STRS ? sizeof(const char *) : field->record->size;
    size_t *ret_count = (size_t *)(void *)((char *)record + field->count_offset);
    char *items;
    int result = 0;

    if (!json_is_array(array))
        return wrong_kind(self, place, "an array", array);
    if (count == 0)
        return 0;
    items = arena_array(self->arena, count, item_size);
    if (!items)
        return no_memory(self, place);
    for (size_t i = 0; i < count && result == 0; i++) {
        const json_t *value = json_array_get(array, i);
        void *item = items + i * item_size;

        place->index = i;
        if (field->kind == KIND_STRS)
            result = read_text(self, value, item, place);
        else
            result = read_record(self, field->record, value, item, place);
    }
    if (result < 0)
        return result;
    *(const void **)(void *)((char *)record + field->offset) = items;
    *ret_count = count;
    return 0;
}

static int read_field(const struct reader *self, const struct field_def *field, const json_t *value,
                      void *record, const struct place *up)
{
    struct place place = {.up = up, .name = field->name, .index = PLACE_NO_INDEX};
    void *out = (char *)record + field->offset;

    switch ((enum field_kind)field->kind) {
    case KIND_BOOL:
        return read_bool(self, value, out, &place);
    case KIND_INT:
        return read_int(self, value, out, &place);
    case KIND_ENUM:
        return read_enum(self, field->enumeration, value, out, &place);
    case KIND_STR:
        return read_text(self, value, out, &place);
    case KIND_BYTES:
        return read_bytes(self, value, out, &place);
    case KIND_REC:
        return read_nested(self, field->record, value, out, &place);
    case KIND_STRS:
    case KIND_RECS:
        return read_array(self, field, value, record, &place);
    case KIND_NONE:
    case KIND_MAX:
        break;
    }
    return 0;
}

static bool is_known(const struct record_def *def, const char *name)
{
    RECORD_FOREACH_TAG (tag, def)
        if (!strcmp(def->fields[tag].name, name))
            return true;
    return false;
}

static int check_known(const struct reader *self, const struct record_def *def, const json_t *value,
                       const struct place *place)
{
    const json_t *member;
    const char *name;

    json_object_foreach((json_t *)value, name, member)
    {
        if (!is_known(def, name))
            return report_at(&self->report, place, "has no field \"%.64s\"", name);
    }
    return 0;
}

static int read_record(const struct reader *self, const struct record_def *def, const json_t *value,
                       void *record, const struct place *place)
{
    if (!json_is_object(value))
        return wrong_kind(self, place, "an object", value);
    if (self->is_strict && check_known(self, def, value, place) < 0)
        return -EINVAL;
    memcpy(record, def->empty, def->size);
    RECORD_FOREACH_TAG (tag, def) {
        const struct field_def *field = &def->fields[tag];
        const json_t *member = json_object_get(value, field->name);
        int result;

        if (!member || json_is_null(member))
            continue;
        result = read_field(self, field, member, record, place);
        if (result < 0)
            return result;
    }
    return 0;
}

/* Before jansson builds a tree: it recurses for each level, and spends up to 220 bytes on "{},". */
int json_check_bounds(const char *text, size_t size, struct err *err)
{
    size_t values = 0;
    size_t depth = 0;
    bool in_string = false;

    if (size > RECORD_JSON_SIZE_MAX)
        return err_set(err, -EINVAL, "JSON: %zu bytes long, at most %d are allowed", size,
                       RECORD_JSON_SIZE_MAX);
    for (size_t i = 0; i < size; i++) {
        char c = text[i];

        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
            continue;
        }
        in_string = c == '"';
        values += c == '{' || c == '[' || c == ',' || c == ':';
        depth += c == '{' || c == '[';
        depth -= depth > 0 && (c == '}' || c == ']');
        if (depth > RECORD_JSON_DEPTH_MAX)
            return err_set(err, -EINVAL, "JSON: nested deeper than %d", RECORD_JSON_DEPTH_MAX);
    }
    if (values > RECORD_JSON_VALUES_MAX)
        return err_set(err, -EINVAL, "JSON: more than %d values", RECORD_JSON_VALUES_MAX);
    return 0;
}

static int read_json(const struct record_def *def, const char *text, size_t size, bool is_strict,
                     struct arena *arena, const void **ret_record, struct err *err)
{
    struct reader self = {
        .arena = arena, .report = {.code = -EINVAL, .err = err}, .is_strict = is_strict};
    json_auto_t *root = NULL;
    json_error_t trouble;
    const void *record;
    int result = json_check_bounds(text, size, err);

    if (result < 0)
        return result;
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &trouble);
    if (!root)
        return err_set(err, -EINVAL, "JSON: line %d, column %d: %s", trouble.line, trouble.column,
                       trouble.text);
    result = read_nested(&self, def, root, &record, NULL);
    if (result == 0)
        result = check_record(def, record, &self.report, NULL);
    if (result == 0)
        *ret_record = record;
    return result;
}

int record_read_json(const struct record_def *def, const char *text, size_t size,
                     struct arena *arena, const void **ret_record, struct err *err)
{
    return read_json(def, text, size, false, arena, ret_record, err);
}

int record_read_json_strict(const struct record_def *def, const char *text, size_t size,
                            struct arena *arena, const void **ret_record, struct err *err)
{
    return read_json(def, text, size, true, arena, ret_record, err);
}
