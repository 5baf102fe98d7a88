#include "proto/descriptor.h"

#include "base/cleanup.h"
#include "base/ids.h"
#include "proto/message.h"

_Static_assert(ID_TEXT == ID_MAX, "ids on the wire are as long as ids may be");
_Static_assert(sizeof(enum task_state) == sizeof(unsigned), "field_enum() reads an unsigned int");

/* The lists of schema.h have no terminators that a formatter could understand. */
/* clang-format off */

/* --- enums ------------------------------------------------------------------------------------ */

#define VALUE_NAME(number, name) [number] = #name,
#define VALUES(name, NAME) static const char *const name##_values[] = {ENUM_##NAME(VALUE_NAME)};
ENUM_LIST(VALUES)

#define ENUM(name_, NAME) \
    const struct enum_def name_##_enum = { \
        .name = #name_, \
        .values = name_##_values, \
        .end = ARRAY_SIZE(name_##_values), \
    };
ENUM_LIST(ENUM)

/* --- records: DETAILS_kind(struct, field, arg) is what only fields of that kind have ---------- */

#define DETAILS_BOOL(R, name, arg)
#define DETAILS_INT(R, name, arg)
#define DETAILS_ENUM(R, name, arg)  .enumeration = &arg##_enum,
#define DETAILS_STR(R, name, arg)   .limit = (arg),
#define DETAILS_BYTES(R, name, arg) .limit = (arg),
#define DETAILS_REC(R, name, arg)   .record = &arg##_def,
#define DETAILS_STRS(R, name, arg)  .limit = (arg), .count_offset = offsetof(struct R, name##_count),
#define DETAILS_RECS(R, name, arg)  .record = &arg##_def, .count_offset = offsetof(struct R, name##_count),

#define FIELD(R, kind_, tag_, name_, arg, flags_, help_) \
    [tag_] = { \
        .name = #name_, \
        .help = (help_), \
        .kind = KIND_##kind_, \
        .tag = (tag_), \
        .flags = (flags_), \
        .offset = offsetof(struct R, name_), \
        DETAILS_##kind_(R, name_, arg) \
    },

/* What a field reads as when it is absent. */
#define EMPTY_BOOL  false
#define EMPTY_INT   0
#define EMPTY_ENUM  0
#define EMPTY_STR   ""
#define EMPTY_BYTES {NULL, 0}
#define EMPTY_REC   NULL
#define EMPTY_STRS  NULL
#define EMPTY_RECS  NULL
#define EMPTY(R, kind, tag, name_, arg, flags, help) .name_ = EMPTY_##kind,

/* Which tags there are, by words of 64. */
#define TAG_BIT(tag, word) | ((tag) / 64 == (word) ? UINT64_C(1) << (tag) % 64 : 0)
#define TAG_0(R, kind, tag, name, arg, flags, help) TAG_BIT(tag, 0)
#define TAG_1(R, kind, tag, name, arg, flags, help) TAG_BIT(tag, 1)
#define TAG_2(R, kind, tag, name, arg, flags, help) TAG_BIT(tag, 2)
#define TAG_3(R, kind, tag, name, arg, flags, help) TAG_BIT(tag, 3)

#define RECORD_AS(R, name_, NAME) \
    static const struct field_def R##_fields[] = {FIELDS_##NAME(FIELD, R)}; \
    static const struct R R##_empty = {FIELDS_##NAME(EMPTY, R)}; \
    const struct record_def R##_def = { \
        .name = #name_, \
        .fields = R##_fields, \
        .end = ARRAY_SIZE(R##_fields), \
        .tags = {0 FIELDS_##NAME(TAG_0, R), 0 FIELDS_##NAME(TAG_1, R), \
                 0 FIELDS_##NAME(TAG_2, R), 0 FIELDS_##NAME(TAG_3, R)}, \
        .size = sizeof(struct R), \
        .empty = &R##_empty, \
    }; \
    _Static_assert(ARRAY_SIZE(R##_fields) <= FIELD_TAG_MAX + 1, "a tag of " #R " is too great"); \
    _Static_assert(sizeof(struct R) <= UINT16_MAX, "struct " #R " is too large");

#define RECORD(name, NAME) RECORD_AS(name, name, NAME)
RECORD_LIST(RECORD)

#define BODY(number, name, NAME, way, help) RECORD_AS(msg_##name, name, NAME)
MESSAGE_LIST(BODY)

/* --- messages --------------------------------------------------------------------------------- */

#define MESSAGE_DEF(number, name_, NAME, way_, help_) \
    [number] = {.name = #NAME, .way = (way_), .help = (help_), .body = &msg_##name_##_def},
static const struct message_def messages[MSG_TYPE_MAX] = {MESSAGE_LIST(MESSAGE_DEF)};

/* clang-format on */

const struct message_def *message_def_get(enum msg_type type)
{
    if ((unsigned)type >= MSG_TYPE_MAX || !messages[type].name)
        return NULL;
    return &messages[type];
}

const char *enum_value_name(const struct enum_def *def, int64_t number)
{
    if (number < 0 || (uint64_t)number >= def->end || !def->values[number])
        return "";
    return def->values[number];
}
