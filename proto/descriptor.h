/* proto/descriptor.h - what the schema's lists become at run time, for the files of proto only (and
 * for programs that look at the schema itself: the tables of docs/protocol.md, the tests'
 * generator).
 *
 * A record's fields are an array indexed by tag: a tag from the wire is looked up by one index. A tag that is
 * not in use is KIND_NONE; most are not, so who goes through all fields goes by the set of those that are, in
 * tag order. All constant.
 */
#ifndef PROFFER_PROTO_DESCRIPTOR_H
#define PROFFER_PROTO_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/schema.h"

/* In a descriptor a tag is one byte, and the tags that were seen fit in four words. */
#define FIELD_TAG_MAX 255
#define TAG_WORDS     4

enum field_kind {
    KIND_NONE,
    KIND_BOOL,
    KIND_INT,
    KIND_ENUM,
    KIND_STR,
    KIND_BYTES,
    KIND_REC,
    KIND_STRS,
    KIND_RECS,
    KIND_MAX,
};

struct enum_def {
    const char *name;          /* "task_state" */
    const char *const *values; /* by number; NULL where there is none */
    size_t end;                /* greatest number + 1 */
};

struct record_def;

struct field_def {
    const char *name;
    const char *help;
    const struct record_def *record;    /* of REC, RECS */
    const struct enum_def *enumeration; /* of ENUM */
    uint32_t limit;                     /* of STR, BYTES, STRS: bytes */
    uint16_t offset;
    uint16_t count_offset; /* of STRS, RECS */
    uint8_t kind;          /* enum field_kind */
    uint8_t tag;
    uint8_t flags;
};

struct record_def {
    const char *name;
    const struct field_def *fields; /* by tag; number 0 is never one */
    size_t end;                     /* greatest tag + 1 */
    uint64_t tags[TAG_WORDS];       /* which are in use, a bit each */
    size_t size;                    /* of the struct */
    const void *empty;              /* a struct with nothing set: texts are "" */
};

struct message_def {
    const char *name; /* "RUN_TASK"; NULL: no such message */
    const char *way;
    const char *help;
    const struct record_def *body;
};

/* NULL when this version knows no such message. */
const struct message_def *message_def_get(enum msg_type type);
/* "" for 0 and for numbers that this version does not know. */
const char *enum_value_name(const struct enum_def *def, int64_t number);

#define ENUM_DEF(name, NAME) extern const struct enum_def name##_enum;
ENUM_LIST(ENUM_DEF)
#undef ENUM_DEF

/* --- fields of a struct known by its descriptor only
 * ---------------------------------------------- */

static inline const void *field_at(const struct field_def *field, const void *record)
{
    return (const char *)record + field->offset;
}

static inline bool field_bool(const struct field_def *field, const void *record)
{
    return *(const bool *)field_at(field, record);
}

static inline int64_t field_int(const struct field_def *field, const void *record)
{
    return *(const int64_t *)field_at(field, record);
}

/* Every enum of the schema is stored as an unsigned int, as this compiler does without negative
 * values. */
static inline unsigned field_enum(const struct field_def *field, const void *record)
{
    return *(const unsigned *)field_at(field, record);
}

static inline const char *field_text(const struct field_def *field, const void *record)
{
    const char *text = *(const char *const *)field_at(field, record);

    return text ? text : "";
}

static inline struct bytes field_bytes(const struct field_def *field, const void *record)
{
    return *(const struct bytes *)field_at(field, record);
}

/* Of REC (NULL: absent) and RECS (the first one). */
static inline const void *field_record(const struct field_def *field, const void *record)
{
    return *(const void *const *)field_at(field, record);
}

/* Of STRS and RECS. */
static inline size_t field_count(const struct field_def *field, const void *record)
{
    return *(const size_t *)((const char *)record + field->count_offset);
}

static inline const char *field_item_text(const struct field_def *field, const void *record,
                                          size_t index)
{
    const char *const *items = *(const char *const *const *)field_at(field, record);

    return items[index] ? items[index] : "";
}

static inline const void *field_item_record(const struct field_def *field, const void *record,
                                            size_t index)
{
    return (const char *)field_record(field, record) + index * field->record->size;
}

/* Whether it is said at all: zero, "" and nothing are left out on the wire and in JSON. */
static inline bool field_is_set(const struct field_def *field, const void *record)
{
    switch ((enum field_kind)field->kind) {
    case KIND_BOOL:
        return field_bool(field, record);
    case KIND_INT:
        return field_int(field, record) != 0;
    case KIND_ENUM:
        return field_enum(field, record) != 0;
    case KIND_STR:
        return *field_text(field, record) != '\0';
    case KIND_BYTES:
        return field_bytes(field, record).size != 0;
    case KIND_REC:
        return field_record(field, record) != NULL;
    case KIND_STRS:
    case KIND_RECS:
        return field_count(field, record) != 0;
    case KIND_NONE:
    case KIND_MAX:
        break;
    }
    return false;
}

/* The same, and an enum's number that this version has no name for counts as absent. */
static inline bool field_has_meaning(const struct field_def *field, const void *record)
{
    if (field->kind == KIND_ENUM)
        return *enum_value_name(field->enumeration, field_enum(field, record)) != '\0';
    return field_is_set(field, record);
}

/* --- all fields of a record -------------------------------------------------------------------- */

/* The next one in use behind that (0: the first), or 0. */
static inline size_t record_tag_after(const struct record_def *def, size_t tag)
{
    size_t word = (tag + 1) / 64;
    uint64_t bits = word < TAG_WORDS ? def->tags[word] & UINT64_MAX << (tag + 1) % 64 : 0;

    while (!bits && ++word < TAG_WORDS)
        bits = def->tags[word];
    return bits ? word * 64 + (size_t)__builtin_ctzll(bits) : 0;
}

#define RECORD_FOREACH_TAG(tag, def)                                                               \
    for (size_t tag = record_tag_after((def), 0); tag; tag = record_tag_after((def), tag))

#endif
