#include "proto/message.h"

#include <string.h>

#include "proto/descriptor.h"

static bool copy_content(const struct record_def *def, void *record, struct arena *arena);

/* All of these replace what `record`, a plain copy of the struct, still borrows. False: the arena's
 * limit. */

static bool copy_text(const char **text, struct arena *arena)
{
    if (!*text || !**text)
        *text = "";
    else
        *text = arena_strdup(arena, *text);
    return *text != NULL;
}

static bool copy_bytes(struct bytes *bytes, struct arena *arena)
{
    if (bytes->size == 0) {
        bytes->data = NULL;
        return true;
    }
    bytes->data = arena_memdup(arena, bytes->data, bytes->size);
    return bytes->data != NULL;
}

static bool copy_texts(const char *const **texts, size_t count, struct arena *arena)
{
    const char **copies;

    if (count == 0) {
        *texts = NULL;
        return true;
    }
    copies = arena_array(arena, count, sizeof(*copies));
    if (!copies)
        return false;
    for (size_t i = 0; i < count; i++) {
        copies[i] = (*texts)[i];
        if (!copy_text(&copies[i], arena))
            return false;
    }
    *texts = copies;
    return true;
}

static bool copy_records(const struct record_def *def, const void **records, size_t count,
                         struct arena *arena)
{
    char *copies;

    if (count == 0 || !*records) {
        *records = NULL;
        return true;
    }
    copies = arena_array(arena, count, def->size);
    if (!copies)
        return false;
    memcpy(copies, *records, count * def->size);
    *records = copies;
    for (size_t i = 0; i < count; i++)
        if (!copy_content(def, copies + i * def->size, arena))
            return false;
    return true;
}

static bool copy_field(const struct field_def *field, void *record, struct arena *arena)
{
    void *value = (char *)record + field->offset;

    switch ((enum field_kind)field->kind) {
    case KIND_STR:
        return copy_text(value, arena);
    case KIND_BYTES:
        return copy_bytes(value, arena);
    case KIND_REC:
        return copy_records(field->record, value, 1, arena);
    case KIND_STRS:
        return copy_texts(value, field_count(field, record), arena);
    case KIND_RECS:
        return copy_records(field->record, value, field_count(field, record), arena);
    case KIND_BOOL:
    case KIND_INT:
    case KIND_ENUM:
    case KIND_NONE:
    case KIND_MAX:
        break;
    }
    return true;
}

static bool copy_content(const struct record_def *def, void *record, struct arena *arena)
{
    RECORD_FOREACH_TAG (tag, def)
        if (!copy_field(&def->fields[tag], record, arena))
            return false;
    return true;
}

const void *record_copy(const struct record_def *def, const void *record, struct arena *arena)
{
    return copy_records(def, &record, 1, arena) ? record : NULL;
}

const void *message_copy_body(enum msg_type type, const void *body, struct arena *arena)
{
    const struct message_def *def = message_def_get(type);

    return def ? record_copy(def->body, body, arena) : NULL;
}
