#include "proto/codec.h"

#include <errno.h>
#include <string.h>

#include <msgpack/unpack.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "proto/check.h"
#include "proto/descriptor.h"
#include "proto/message.h"
#include "proto/place.h"
#include "proto/scan.h"

/* Memory for msgpack's objects is taken in chunks of so much. Most frames need one. */
#define ZONE_CHUNK 8192

struct decoder {
    struct arena *arena;
    size_t memory_left; /* of MESSAGE_MEMORY_MAX */
    struct report report;
};

static int decode_record(struct decoder *self, const struct record_def *def,
                         const msgpack_object *object, void *record, const struct place *place);

/* NULL when the message is not worth so much memory. Small things count for what the arena makes of
 * them. */
static void *take(struct decoder *self, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total) || total > self->memory_left)
        return NULL;
    total = (total + MESSAGE_MEMORY_STEP - 1) / MESSAGE_MEMORY_STEP * MESSAGE_MEMORY_STEP;
    if (total > self->memory_left)
        return NULL;
    self->memory_left -= total;
    return arena_alloc(self->arena, total);
}

static int too_much(const struct decoder *self, const struct place *place)
{
    return report_at(&self->report, place, "takes more memory than a message of its size may");
}

static int wrong_kind(const struct decoder *self, const struct place *place, const char *expected,
                      const msgpack_object *object)
{
    static const char *const kinds[] = {
        [MSGPACK_OBJECT_NIL] = "nil",
        [MSGPACK_OBJECT_BOOLEAN] = "a boolean",
        [MSGPACK_OBJECT_POSITIVE_INTEGER] = "an integer",
        [MSGPACK_OBJECT_NEGATIVE_INTEGER] = "an integer",
        [MSGPACK_OBJECT_FLOAT64] = "a float",
        [MSGPACK_OBJECT_STR] = "a text",
        [MSGPACK_OBJECT_ARRAY] = "an array",
        [MSGPACK_OBJECT_MAP] = "a map",
        [MSGPACK_OBJECT_BIN] = "bytes",
        [MSGPACK_OBJECT_FLOAT32] = "a float",
    };
    size_t type = (size_t)object->type;
    const char *found = type < ARRAY_SIZE(kinds) && kinds[type] ? kinds[type] : "something else";

    return report_at(&self->report, place, "is %s, expected %s", found, expected);
}

static int decode_int(struct decoder *self, const msgpack_object *object, int64_t *ret_value,
                      const struct place *place)
{
    if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        *ret_value = object->via.i64;
        return 0;
    }
    if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return wrong_kind(self, place, "an integer", object);
    if (object->via.u64 > INT64_MAX)
        return report_at(&self->report, place, "is greater than 2^63-1");
    *ret_value = (int64_t)object->via.u64;
    return 0;
}

static int decode_enum(struct decoder *self, const struct enum_def *def,
                       const msgpack_object *object, unsigned *ret_value, const struct place *place)
{
    int64_t number = 0;
    int result = decode_int(self, object, &number, place);

    if (result == 0)
        *ret_value = *enum_value_name(def, number) ? (unsigned)number : 0;
    return result;
}

static int decode_text(struct decoder *self, const msgpack_object *object, const char **ret_text,
                       const struct place *place)
{
    char *text;

    if (object->type != MSGPACK_OBJECT_STR)
        return wrong_kind(self, place, "a text", object);
    if (object->via.str.size == 0) {
        *ret_text = "";
        return 0;
    }
    if (memchr(object->via.str.ptr, '\0', object->via.str.size))
        return report_at(&self->report, place, "has a NUL inside");
    text = take(self, 1, (size_t)object->via.str.size + 1);
    if (!text)
        return too_much(self, place);
    memcpy(text, object->via.str.ptr, object->via.str.size);
    *ret_text = text;
    return 0;
}

static int decode_bytes(struct decoder *self, const msgpack_object *object, struct bytes *ret_bytes,
                        const struct place *place)
{
    bool is_text = object->type == MSGPACK_OBJECT_STR;
    const char *from;
    size_t size;
    void *data;

    if (!is_text && object->type != MSGPACK_OBJECT_BIN)
        return wrong_kind(self, place, "bytes", object);
    from = is_text ? object->via.str.ptr : object->via.bin.ptr;
    size = is_text ? object->via.str.size : object->via.bin.size;
    if (size == 0)
        return 0;
    data = take(self, 1, size);
    if (!data)
        return too_much(self, place);
    *ret_bytes = (struct bytes){.data = memcpy(data, from, size), .size = size};
    return 0;
}

static int decode_nested(struct decoder *self, const struct record_def *def,
                         const msgpack_object *object, const void **ret_record,
                         const struct place *place)
{
    void *record = take(self, 1, def->size);

    if (!record)
        return too_much(self, place);
    *ret_record = record;
    return decode_record(self, def, object, record, place);
}

static int decode_texts(struct decoder *self, const msgpack_object_array *array,
                        const char *const **ret_texts, struct place *place)
{
    const char **texts = take(self, array->size, sizeof(*texts));

    if (!texts)
        return too_much(self, place);
    for (size_t i = 0; i < array->size; i++) {
        int result;

        place->index = i;
        result = decode_text(self, &array->ptr[i], &texts[i], place);
        if (result < 0)
            return result;
    }
    *ret_texts = texts;
    return 0;
}

static int decode_records(struct decoder *self, const struct record_def *def,
                          const msgpack_object_array *array, const void **ret_records,
                          struct place *place)
{
    char *records = take(self, array->size, def->size);

    if (!records)
        return too_much(self, place);
    for (size_t i = 0; i < array->size; i++) {
        int result;

        place->index = i;
        result = decode_record(self, def, &array->ptr[i], records + i * def->size, place);
        if (result < 0)
            return result;
    }
    *ret_records = records;
    return 0;
}

static int decode_array(struct decoder *self, const struct field_def *field,
                        const msgpack_object *object, void *record, struct place *place)
{
    void *value = (char *)record + field->offset;
    size_t *count = (size_t *)(void *)((char *)record + field->count_offset);
    int result;

    if (object->type != MSGPACK_OBJECT_ARRAY)
        return wrong_kind(self, place, "an array", object);
    if (object->via.array.size == 0)
        return 0;
    if (field->kind == KIND_STRS)
        result = decode_texts(self, &object->via.array, value, place);
    else
        result = decode_records(self, field->record, &object->via.array, value, place);
    if (result == 0)
        *count = object->via.array.size;
    return result;
}

static int decode_field(struct decoder *self, const struct field_def *field,
                        const msgpack_object *object, void *record, const struct place *up)
{
    struct place place = {.up = up, .name = field->name, .index = PLACE_NO_INDEX};
    void *value = (char *)record + field->offset;

    switch ((enum field_kind)field->kind) {
    case KIND_BOOL:
        if (object->type != MSGPACK_OBJECT_BOOLEAN)
            return wrong_kind(self, &place, "a boolean", object);
        *(bool *)value = object->via.boolean;
        return 0;
    case KIND_INT:
        return decode_int(self, object, value, &place);
    case KIND_ENUM:
        return decode_enum(self, field->enumeration, object, value, &place);
    case KIND_STR:
        return decode_text(self, object, value, &place);
    case KIND_BYTES:
        return decode_bytes(self, object, value, &place);
    case KIND_REC:
        return decode_nested(self, field->record, object, value, &place);
    case KIND_STRS:
    case KIND_RECS:
        return decode_array(self, field, object, record, &place);
    case KIND_NONE:
    case KIND_MAX:
        break;
    }
    return 0;
}

/* Which tags a map had so far: one that stands twice has two meanings, depending on who reads. */
struct tags_seen {
    uint64_t words[(FIELD_TAG_MAX + 64) / 64];
};

static bool was_seen(struct tags_seen *seen, uint64_t tag)
{
    uint64_t bit = UINT64_C(1) << (tag % 64);
    uint64_t *word = &seen->words[tag / 64];
    bool was = (*word & bit) != 0;

    *word |= bit;
    return was;
}

static int decode_record(struct decoder *self, const struct record_def *def,
                         const msgpack_object *object, void *record, const struct place *place)
{
    struct tags_seen seen = {0};

    if (object->type != MSGPACK_OBJECT_MAP)
        return wrong_kind(self, place, "a map", object);
    memcpy(record, def->empty, def->size);
    for (size_t i = 0; i < object->via.map.size; i++) {
        const msgpack_object_kv *pair = &object->via.map.ptr[i];
        uint64_t tag = pair->key.via.u64;
        int result;

        if (pair->key.type != MSGPACK_OBJECT_POSITIVE_INTEGER || tag == 0 || tag > FIELD_TAG_MAX)
            return report_at(&self->report, place, "a key is not a tag, 1 to %d", FIELD_TAG_MAX);
        if (was_seen(&seen, tag))
            return report_at(&self->report, place, "tag %u stands twice", (unsigned)tag);
        if (tag >= def->end)
            continue;
        result = decode_field(self, &def->fields[tag], &pair->val, record, place);
        if (result < 0)
            return result;
    }
    return 0;
}

/* `name`: of the message, or of the record that is alone. */
static int decode_body(const char *name, const struct record_def *def, const msgpack_object *object,
                       size_t frame_size, struct arena *arena, const void **ret_body,
                       struct err *err)
{
    struct decoder self = {
        .arena = arena,
        .memory_left = MESSAGE_MEMORY_MAX(frame_size),
        .report = {.subject = name, .code = -EBADMSG, .err = err},
    };
    void *body = take(&self, 1, def->size);
    int result;

    if (!body)
        return too_much(&self, NULL);
    result = decode_record(&self, def, object, body, NULL);
    if (result == 0)
        result = check_record(def, body, &self.report, NULL);
    if (result == 0)
        *ret_body = body;
    return result;
}

static int decode_parts(const msgpack_object *root, size_t frame_size, struct arena *arena,
                        struct message *ret_message, struct err *err)
{
    const msgpack_object *parts = root->via.array.ptr;
    const struct message_def *def;
    struct message message = {0};
    int result;

    if (root->type != MSGPACK_OBJECT_ARRAY || root->via.array.size != FRAME_PARTS)
        return err_set(err, -EBADMSG, "message: not an array of %d parts", FRAME_PARTS);
    for (size_t i = 0; i < FRAME_PARTS - 1; i++)
        if (parts[i].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
            return err_set(err, -EBADMSG, "message: its %s is not a number",
                           ((const char *const[]){"type", "epoch", "count"})[i]);
    if (parts[0].via.u64 >= MSG_TYPE_MAX)
        return err_set(err, -ENOMSG, "message: type %llu is not known",
                       (unsigned long long)parts[0].via.u64);
    message.type = (enum msg_type)parts[0].via.u64;
    message.epoch = parts[1].via.u64;
    message.number = parts[2].via.u64;
    def = message_def_get(message.type);
    if (!def)
        return err_set(err, -ENOMSG, "message: type %u is not known", (unsigned)message.type);
    result = decode_body(def->name, def->body, &parts[3], frame_size, arena, &message.body, err);
    if (result == 0)
        *ret_message = message;
    return result;
}

static int check_magic(const unsigned char *frame, size_t size, struct err *err)
{
    static const unsigned char magic[FRAME_MAGIC_SIZE] = FRAME_MAGIC;

    if (size > FRAME_MAX)
        return err_set(err, -EBADMSG, "message: %zu bytes long, at most %d are allowed", size,
                       FRAME_MAX);
    if (size < FRAME_MAGIC_SIZE || memcmp(frame, magic, FRAME_MAGIC_SIZE - 1))
        return err_set(err, -EBADMSG, "message: does not begin as ours do");
    if (frame[FRAME_MAGIC_SIZE - 1] != PROTOCOL_VERSION)
        return err_set(err, -EPROTONOSUPPORT,
                       "message: protocol version %u, this program speaks version %d",
                       frame[FRAME_MAGIC_SIZE - 1], PROTOCOL_VERSION);
    return 0;
}

static int unpack(const char *data, size_t data_size, size_t frame_size, struct arena *arena,
                  struct message *ret_message, struct err *err)
{
    CLEANUP(msgpack_zone_destroy) msgpack_zone zone;
    msgpack_object root;
    size_t offset = 0;

    BUG_ON(!msgpack_zone_init(&zone, ZONE_CHUNK));
    if (msgpack_unpack(data, data_size, &offset, &zone, &root) != MSGPACK_UNPACK_SUCCESS)
        return err_set(err, -EBADMSG, "message: no memory to unpack %zu bytes", data_size);
    return decode_parts(&root, frame_size, arena, ret_message, err);
}

int message_decode(const void *frame, size_t size, struct arena *arena, struct message *ret_message,
                   struct err *err)
{
    const char *data = (const char *)frame + FRAME_MAGIC_SIZE;
    int result = check_magic(frame, size, err);

    if (result < 0)
        return result;
    result = scan_check(data, size - FRAME_MAGIC_SIZE, err);
    if (result < 0)
        return err_wrap(err, result, "message");
    return unpack(data, size - FRAME_MAGIC_SIZE, size, arena, ret_message, err);
}

int record_decode(const struct record_def *def, const void *data, size_t size, struct arena *arena,
                  const void **ret_record, struct err *err)
{
    CLEANUP(msgpack_zone_destroy) msgpack_zone zone;
    msgpack_object root;
    size_t offset = 0;
    int result;

    BUG_ON(!msgpack_zone_init(&zone, ZONE_CHUNK));
    result = scan_check(data, size, err);
    if (result < 0)
        return err_wrap(err, result, "%s", def->name);
    if (msgpack_unpack(data, size, &offset, &zone, &root) != MSGPACK_UNPACK_SUCCESS)
        return err_set(err, -EBADMSG, "%s: no memory to unpack %zu bytes", def->name, size);
    return decode_body(def->name, def, &root, size, arena, ret_record, err);
}
