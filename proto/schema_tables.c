#include "proto/schema_tables.h"

#include "base/cleanup.h"
#include "proto/descriptor.h"
#include "proto/message.h"

static const struct record_def *const records[] = {
#define RECORD(name, NAME) &name##_def,
    RECORD_LIST(RECORD)
#undef RECORD
};

static const struct enum_def *const enums[] = {
#define ENUM(name, NAME) &name##_enum,
    ENUM_LIST(ENUM)
#undef ENUM
};

/* A body of a message can be a field of another. */
static bool is_body(const struct record_def *def)
{
    for (unsigned type = 0; type < MSG_TYPE_MAX; type++) {
        const struct message_def *message = message_def_get((enum msg_type)type);

        if (message && message->body == def)
            return true;
    }
    return false;
}

static void write_record(const struct record_def *def, struct buf *out)
{
    buf_printf(out, "[%s](#%s%s)", def->name, is_body(def) ? "message-" : "", def->name);
}

static void write_kind(const struct field_def *field, struct buf *out)
{
    const char *noun = field->flags & FIELD_ID ? "id" : "text";

    switch ((enum field_kind)field->kind) {
    case KIND_BOOL:
        buf_puts(out, "boolean");
        break;
    case KIND_INT:
        buf_puts(out, field->flags & FIELD_NOT_NEGATIVE ? "integer, not negative" : "integer");
        break;
    case KIND_ENUM:
        buf_printf(out, "[%s](#%s)", field->enumeration->name, field->enumeration->name);
        break;
    case KIND_STR:
        buf_printf(out, "%s, up to %u", noun, field->limit);
        break;
    case KIND_BYTES:
        buf_printf(out, "bytes, up to %u", field->limit);
        break;
    case KIND_REC:
        write_record(field->record, out);
        break;
    case KIND_STRS:
        buf_printf(out, "list of %ss, each up to %u", noun, field->limit);
        break;
    case KIND_RECS:
        buf_puts(out, "list of ");
        write_record(field->record, out);
        break;
    case KIND_NONE:
    case KIND_MAX:
        break;
    }
}

static void write_fields(const struct record_def *def, struct buf *out)
{
    buf_puts(out, "| tag | field | kind | | meaning |\n|---|---|---|---|---|\n");
    RECORD_FOREACH_TAG (tag, def) {
        const struct field_def *field = &def->fields[tag];

        buf_printf(out, "| %u | `%s` | ", (unsigned)field->tag, field->name);
        write_kind(field, out);
        buf_printf(out, " | %s | %s |\n", field->flags & FIELD_REQUIRED ? "required" : "",
                   field->help);
    }
    buf_puts(out, "\n");
}

static void write_overview(struct buf *out)
{
    buf_puts(out, "## All messages\n\n| number | message | way | |\n|---|---|---|---|\n");
    for (unsigned type = 0; type < MSG_TYPE_MAX; type++) {
        const struct message_def *def = message_def_get((enum msg_type)type);

        if (def)
            buf_printf(out, "| %u | [%s](#message-%s) | %s | %s |\n", type, def->name,
                       def->body->name, def->way, def->help);
    }
    buf_puts(out, "\n");
}

static void write_messages(struct buf *out)
{
    buf_puts(out, "## The fields of each message\n\n");
    for (unsigned type = 0; type < MSG_TYPE_MAX; type++) {
        const struct message_def *def = message_def_get((enum msg_type)type);

        if (!def)
            continue;
        buf_printf(out, "### Message %s\n\nNumber %u, %s: %s.\n\n", def->body->name, type, def->way,
                   def->help);
        write_fields(def->body, out);
    }
}

static void write_records(struct buf *out)
{
    buf_puts(out, "## Records\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
        buf_printf(out, "### %s\n\n", records[i]->name);
        write_fields(records[i], out);
    }
}

static void write_enums(struct buf *out)
{
    buf_puts(out, "## Enums\n\nNumber 0 is \"unset\" everywhere and is never sent.\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(enums); i++) {
        buf_printf(out, "### %s\n\n| number | name |\n|---|---|\n", enums[i]->name);
        for (size_t number = 1; number < enums[i]->end; number++)
            if (enums[i]->values[number])
                buf_printf(out, "| %zu | `%s` |\n", number, enums[i]->values[number]);
        buf_puts(out, "\n");
    }
}

void schema_write_tables(struct buf *out)
{
    write_overview(out);
    write_messages(out);
    write_records(out);
    write_enums(out);
}
