#include "proto/codec.h"

#include <errno.h>
#include <string.h>

#include <msgpack/pack.h>

#include "base/bug.h"
#include "proto/descriptor.h"
#include "proto/message.h"

/* Where the packer writes to. Once the frame is too long nothing more is taken. */
struct sink {
    struct buf *out;
    size_t end_max;
    bool is_full;
};

static int sink_write(void *data, const char *bytes, size_t size)
{
    struct sink *sink = data;
    struct buf *out = sink->out;

    if (sink->is_full || size > sink->end_max - out->size) {
        sink->is_full = true;
        return -1;
    }
    /* Most pieces are one byte, and this is called for each: so not by buf_append. */
    if (size >= out->capacity - out->size)
        buf_reserve(out, size);
    if (size == 1)
        out->data[out->size] = *bytes;
    else if (size)
        memcpy(out->data + out->size, bytes, size);
    out->size += size;
    return 0;
}

/* What the packer answers is left unread here: the sink remembers. */

static void encode_record(const struct record_def *def, const void *record, msgpack_packer *packer);

static void encode_text(const char *text, msgpack_packer *packer)
{
    size_t size = strlen(text);

    msgpack_pack_str(packer, size);
    msgpack_pack_str_body(packer, text, size);
}

static void encode_bytes(struct bytes bytes, msgpack_packer *packer)
{
    msgpack_pack_bin(packer, bytes.size);
    msgpack_pack_bin_body(packer, bytes.data, bytes.size);
}

static void encode_value(const struct field_def *field, const void *record, msgpack_packer *packer)
{
    switch ((enum field_kind)field->kind) {
    case KIND_BOOL:
        msgpack_pack_true(packer);
        break;
    case KIND_INT:
        msgpack_pack_int64(packer, field_int(field, record));
        break;
    case KIND_ENUM:
        msgpack_pack_uint32(packer, field_enum(field, record));
        break;
    case KIND_STR:
        encode_text(field_text(field, record), packer);
        break;
    case KIND_BYTES:
        encode_bytes(field_bytes(field, record), packer);
        break;
    case KIND_REC:
        encode_record(field->record, field_record(field, record), packer);
        break;
    case KIND_STRS:
        msgpack_pack_array(packer, field_count(field, record));
        for (size_t i = 0; i < field_count(field, record); i++)
            encode_text(field_item_text(field, record, i), packer);
        break;
    case KIND_RECS:
        msgpack_pack_array(packer, field_count(field, record));
        for (size_t i = 0; i < field_count(field, record); i++)
            encode_record(field->record, field_item_record(field, record, i), packer);
        break;
    case KIND_NONE:
    case KIND_MAX:
        break;
    }
}

static void encode_record(const struct record_def *def, const void *record, msgpack_packer *packer)
{
    const struct field_def *said[FIELD_TAG_MAX];
    size_t count = 0;

    RECORD_FOREACH_TAG (tag, def)
        if (field_is_set(&def->fields[tag], record))
            said[count++] = &def->fields[tag];
    msgpack_pack_map(packer, count);
    for (size_t i = 0; i < count; i++) {
        msgpack_pack_uint8(packer, said[i]->tag);
        encode_value(said[i], record, packer);
    }
}

int message_encode(const struct message *message, struct buf *out, struct err *err)
{
    static const char magic[FRAME_MAGIC_SIZE] = FRAME_MAGIC;
    const struct message_def *def = message_def_get(message->type);
    size_t start = out->size;
    struct sink sink = {.out = out, .end_max = start + FRAME_MAX};
    msgpack_packer packer;

    BUG_ON(!def || !message->body);
    msgpack_packer_init(&packer, &sink, sink_write);
    buf_append(out, magic, sizeof(magic));
    msgpack_pack_array(&packer, FRAME_PARTS);
    msgpack_pack_uint32(&packer, message->type);
    msgpack_pack_uint64(&packer, message->epoch);
    msgpack_pack_uint64(&packer, message->number);
    encode_record(def->body, message->body, &packer);
    if (sink.is_full)
        out->size = start;
    out->data[out->size] = '\0';
    if (!sink.is_full)
        return 0;
    return err_set(err, -EMSGSIZE, "%s: longer than the %d bytes that a message may have",
                   def->name, FRAME_MAX);
}

int record_encode(const struct record_def *def, const void *record, struct buf *out,
                  struct err *err)
{
    size_t start = out->size;
    struct sink sink = {.out = out, .end_max = start + FRAME_MAX};
    msgpack_packer packer;

    msgpack_packer_init(&packer, &sink, sink_write);
    encode_record(def, record, &packer);
    if (!sink.is_full)
        return 0;
    out->size = start;
    return err_set(err, -EMSGSIZE, "%s: longer than the %d bytes that a message may have",
                   def->name, FRAME_MAX);
}
