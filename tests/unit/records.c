#include "tests/unit/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bug.h"
#include "base/cleanup.h"

/* How a record is to be filled. */
struct filling {
    struct arena *arena;
    struct rng *rng; /* NULL: always the same */
    bool only_required;
};

static void *fill_new(const struct filling *how, const struct record_def *def, size_t count);

static uint64_t any_below(const struct filling *how, uint64_t bound)
{
    return rng_below(how->rng, bound);
}

/* --- values
 * ----------------------------------------------------------------------------------------- */

static int64_t fill_int(const struct filling *how, const struct field_def *field)
{
    static const int64_t edges[] = {
        1,     127,        128,       255,           256,       65535,
        65536, UINT32_MAX, INT32_MAX, 0x100000000LL, INT64_MAX, 1000000,
    };
    int64_t value = INT64_C(1000000007) * field->tag;

    if (how->rng)
        value = any_below(how, 2) ? edges[any_below(how, ARRAY_SIZE(edges))]
                                  : (int64_t)any_below(how, INT64_MAX) + 1;
    if (!(field->flags & FIELD_NOT_NEGATIVE) && (!how->rng || any_below(how, 2)))
        value = -value;
    return value;
}

static unsigned fill_enum(const struct filling *how, const struct enum_def *def)
{
    unsigned number = 1;

    while (how->rng && (any_below(how, 3) || !*enum_value_name(def, number)))
        number = 1 + (unsigned)any_below(how, def->end - 1);
    return number;
}

static const char *fill_text(const struct filling *how, const struct field_def *field)
{
    static const char *const letters[] = {"a",  "B", "7", "_",  "-",    " ",       ".",
                                          "\"", "é", "ß", "漢", "🦆", "\xc2\x80"};
    char text[16] = "x";

    if (!how->rng || field->limit < sizeof(text) * 4)
        return arena_printf(how->arena, "%.*s", (int)field->limit, field->name);
    for (size_t left = any_below(how, 8); left > 0 && strlen(text) < sizeof(text) - 5; left--) {
        const char *letter = letters[any_below(how, ARRAY_SIZE(letters))];

        memcpy(text + strlen(text), letter, strlen(letter) + 1);
    }
    return arena_strdup(how->arena, text);
}

static struct bytes fill_bytes(const struct filling *how, const struct field_def *field)
{
    size_t size = field->limit < 16 ? field->limit : 16;
    unsigned char *data = arena_alloc(how->arena, size);

    for (size_t i = 0; i < size; i++)
        data[i] = how->rng ? (unsigned char)any_below(how, 256) : (unsigned char)(i * 17);
    return (struct bytes){.data = data, .size = size};
}

static size_t fill_count(const struct filling *how)
{
    if (how->only_required)
        return 1;
    return how->rng ? 1 + any_below(how, 3) : 2;
}

static const char **fill_texts(const struct filling *how, const struct field_def *field,
                               size_t count)
{
    const char **texts = arena_array(how->arena, count, sizeof(*texts));

    for (size_t i = 0; i < count; i++)
        texts[i] = fill_text(how, field);
    return texts;
}

/* --- records
 * ---------------------------------------------------------------------------------------- */

static void fill_field(const struct filling *how, const struct field_def *field, void *record)
{
    void *value = (char *)record + field->offset;
    size_t *count = (size_t *)(void *)((char *)record + field->count_offset);

    switch ((enum field_kind)field->kind) {
    case KIND_BOOL:
        *(bool *)value = true;
        break;
    case KIND_INT:
        *(int64_t *)value = fill_int(how, field);
        break;
    case KIND_ENUM:
        *(unsigned *)value = fill_enum(how, field->enumeration);
        break;
    case KIND_STR:
        *(const char **)value = fill_text(how, field);
        break;
    case KIND_BYTES:
        *(struct bytes *)value = fill_bytes(how, field);
        break;
    case KIND_REC:
        *(const void **)value = fill_new(how, field->record, 1);
        break;
    case KIND_STRS:
        *count = fill_count(how);
        *(const char ***)value = fill_texts(how, field, *count);
        break;
    case KIND_RECS:
        *count = fill_count(how);
        *(const void **)value = fill_new(how, field->record, *count);
        break;
    case KIND_NONE:
    case KIND_MAX:
        break;
    }
}

static bool is_wanted(const struct filling *how, const struct field_def *field)
{
    if (field->flags & FIELD_REQUIRED)
        return true;
    return !how->only_required && (!how->rng || any_below(how, 3));
}

static void *fill_new(const struct filling *how, const struct record_def *def, size_t count)
{
    char *records = arena_array(how->arena, count, def->size);

    for (size_t i = 0; i < count; i++) {
        memcpy(records + i * def->size, def->empty, def->size);
        for (size_t tag = 1; tag < def->end; tag++)
            if (is_wanted(how, &def->fields[tag]))
                fill_field(how, &def->fields[tag], records + i * def->size);
    }
    return records;
}

const void *record_random(const struct record_def *def, struct rng *rng, struct arena *arena)
{
    return fill_new(&(struct filling){.arena = arena, .rng = rng}, def, 1);
}

const void *record_full(const struct record_def *def, struct arena *arena)
{
    return fill_new(&(struct filling){.arena = arena}, def, 1);
}

const void *record_least(const struct record_def *def, struct arena *arena)
{
    return fill_new(&(struct filling){.arena = arena, .only_required = true}, def, 1);
}

/* --- comparing
 * -------------------------------------------------------------------------------------- */

static bool are_records_equal(const struct field_def *field, const void *a, const void *b,
                              size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!record_is_equal(field->record, field_item_record(field, a, i),
                             field_item_record(field, b, i)))
            return false;
    return true;
}

static bool are_texts_equal(const struct field_def *field, const void *a, const void *b)
{
    for (size_t i = 0; i < field_count(field, a); i++)
        if (strcmp(field_item_text(field, a, i), field_item_text(field, b, i)) != 0)
            return false;
    return true;
}

static bool are_bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || !memcmp(a.data, b.data, a.size));
}

static bool is_field_equal(const struct field_def *field, const void *a, const void *b)
{
    switch ((enum field_kind)field->kind) {
    case KIND_BOOL:
        return field_bool(field, a) == field_bool(field, b);
    case KIND_INT:
        return field_int(field, a) == field_int(field, b);
    case KIND_ENUM:
        return field_enum(field, a) == field_enum(field, b);
    case KIND_STR:
        return !strcmp(field_text(field, a), field_text(field, b));
    case KIND_BYTES:
        return are_bytes_equal(field_bytes(field, a), field_bytes(field, b));
    case KIND_REC:
        if (!field_record(field, a) || !field_record(field, b))
            return field_record(field, a) == field_record(field, b);
        return are_records_equal(field, a, b, 1);
    case KIND_STRS:
        return field_count(field, a) == field_count(field, b) && are_texts_equal(field, a, b);
    case KIND_RECS:
        return field_count(field, a) == field_count(field, b) &&
               are_records_equal(field, a, b, field_count(field, a));
    case KIND_NONE:
    case KIND_MAX:
        break;
    }
    return true;
}

bool record_is_equal(const struct record_def *def, const void *a, const void *b)
{
    for (size_t tag = 1; tag < def->end; tag++)
        if (!is_field_equal(&def->fields[tag], a, b))
            return false;
    return true;
}

bool record_is_full(const struct record_def *def, const void *record)
{
    for (size_t tag = 1; tag < def->end; tag++) {
        const struct field_def *field = &def->fields[tag];
        size_t count;

        if (field->kind == KIND_NONE)
            continue;
        if (!field_is_set(field, record))
            return false;
        count = field->kind == KIND_RECS ? field_count(field, record) : field->kind == KIND_REC;
        for (size_t i = 0; i < count; i++)
            if (!record_is_full(field->record, field_item_record(field, record, i)))
                return false;
    }
    return true;
}

/* --- messages
 * --------------------------------------------------------------------------------------- */

enum msg_type message_next(enum msg_type type)
{
    for (unsigned next = (unsigned)type + 1; next < MSG_TYPE_MAX; next++)
        if (message_def_get((enum msg_type)next))
            return (enum msg_type)next;
    return (enum msg_type)0;
}

struct message message_random(enum msg_type type, struct rng *rng, struct arena *arena)
{
    return (struct message){
        .type = type,
        .epoch = rng_next(rng) >> rng_below(rng, 64),
        .number = rng_next(rng) >> rng_below(rng, 64),
        .body = record_random(message_def_get(type)->body, rng, arena),
    };
}

char *frame_of(const struct message *message, size_t *ret_size)
{
    CLEANUP(buf_fini) struct buf buf = {0};
    char *frame;

    BUG_ON(message_encode(message, &buf, NULL) < 0);
    frame = malloc(buf.size);
    BUG_ON(!frame);
    memcpy(frame, buf.data, buf.size);
    *ret_size = buf.size;
    return frame;
}

static void assert_same(const struct message *a, const struct message *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->number, b->number);
    assert_true(record_is_equal(message_def_get(a->type)->body, a->body, b->body));
}

void assert_comes_back(const struct message *message)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(free_p) char *frame = NULL, *again = NULL;
    size_t size, size_again;
    struct message decoded;
    struct err err = {""};

    if (message_check(message, &err) < 0)
        fail_msg("%s", err.text);
    frame = frame_of(message, &size);
    if (message_decode(frame, size, arena, &decoded, &err) < 0)
        fail_msg("%s", err.text);
    assert_same(message, &decoded);
    assert_true(arena_used(arena) <= MESSAGE_MEMORY_MAX(size));
    again = frame_of(&decoded, &size_again);
    assert_int_equal(size, size_again);
    assert_memory_equal(frame, again, size);
}
