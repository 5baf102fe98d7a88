/* proto/message.h - a message in memory, and the one way in and out of it.
 *
 * Everything here is driven by the descriptors of schema.c; it knows no message by name.
 * Thread-safe (no global state). Frame: the four bytes "PRF" and PROTOCOL_VERSION, then one msgpack
 * array [type, epoch, number, {tag: value, ...}]. Reading a frame goes in this order: size, magic
 * and version, bounded scan (scan.h) of what counts claim against the bytes that are left, msgpack,
 * schema. The result lives in the arena given, and is never larger than a small constant times the
 * frame.
 */
#ifndef PROFFER_PROTO_MESSAGE_H
#define PROFFER_PROTO_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "proto/schema.h"

#define FRAME_MAX (4 * 1024 * 1024) /* bytes of one message on any link */

/* What a decoded frame of `size` bytes takes from its arena at most. The dearest honest content is
 * an array of empty records, 32 bytes each for one on the wire; the rest is alignment and the body
 * itself. msgpack's own objects, while decoding, take at most 24 bytes for each byte of the frame. */
#define MESSAGE_MEMORY_FACTOR    64
#define MESSAGE_MEMORY_STEP      16 /* the arena's alignment */
#define MESSAGE_MEMORY_MAX(size) ((size_t)(size)*MESSAGE_MEMORY_FACTOR + 1024)

/* `epoch`: which master's reign it belongs to, between master and agent; 0 elsewhere. `number`:
 * counts the changes that a core publishes; 0 elsewhere. The body is borrowed. */
struct message {
    enum msg_type type;
    uint64_t epoch;
    uint64_t number;
    union {
        const void *body;
#define MESSAGE_MEMBER(number, name, NAME, way, help) const struct msg_##name *name;
        MESSAGE_LIST(MESSAGE_MEMBER)
#undef MESSAGE_MEMBER
    };
};

/* MESSAGE(RESCIND, rescind, .offer_id = id): a message whose body lives as long as the block. */
#define MESSAGE(TYPE, name_, ...)                                                                  \
    ((struct message){.type = MSG_##TYPE, .name_ = &(const struct msg_##name_){__VA_ARGS__}})

/* "RUN_TASK"; "?" for a number that is no message. */
const char *message_name(enum msg_type type);
/* "TASK_RUNNING"; "" for 0 or an unknown number. The enum's list gives the names. */
const char *task_state_name(enum task_state state);
const char *task_reason_name(enum task_reason reason);
const char *status_source_name(enum status_source source);
const char *removal_reason_name(enum removal_reason reason);
const char *operation_kind_name(enum operation_kind kind);
const char *operation_state_name(enum operation_state state);

bool task_state_is_terminal(enum task_state state);

/* Append the frame. -EMSGSIZE when it would be longer than FRAME_MAX (then `out` is as it was). */
int message_encode(const struct message *message, struct buf *out, struct err *err);
/* -EBADMSG with a text that names the message and field: not ours, cut short, too deep, a claimed
 * count that the bytes cannot hold, a wrong kind, a missing required field, a bad id, invalid
 * UTF-8, a text with a NUL inside. -EPROTONOSUPPORT: another version. -ENOMSG: a type that this
 * version does not know. */
int message_decode(const void *frame, size_t size, struct arena *arena, struct message *ret_message,
                   struct err *err);
/* Check what the schema asks of a message that was built in memory; as message_decode does. */
int message_check(const struct message *message, struct err *err);
/* A deep copy in `arena`: absent texts become "". NULL only beyond the arena's limit. */
const void *message_copy_body(enum msg_type type, const void *body, struct arena *arena);

/* --- records on their own
 * -------------------------------------------------------------------------- */

struct json;       /* base/json.h, whose names jansson's would clash with in one file */
struct record_def; /* schema.c: the descriptor of one record or body */
#define RECORD_DEF(name, NAME) extern const struct record_def name##_def;
RECORD_LIST(RECORD_DEF)
#undef RECORD_DEF
#define BODY_DEF(number, name, NAME, way, help) extern const struct record_def msg_##name##_def;
MESSAGE_LIST(BODY_DEF)
#undef BODY_DEF

/* A deep copy: `record_copy(&task_info_def, task, arena)`. NULL only beyond the arena's limit. */
const void *record_copy(const struct record_def *def, const void *record, struct arena *arena);
/* Append it alone, as it is in a message: compact, to be kept in memory. -EMSGSIZE beyond FRAME_MAX (then `out` is as it was). */
int record_encode(const struct record_def *def, const void *record, struct buf *out,
                  struct err *err);
/* What record_encode has made, in `arena`. -EBADMSG as for message_decode. */
int record_decode(const struct record_def *def, const void *data, size_t size, struct arena *arena,
                  const void **ret_record, struct err *err);
int record_check(const struct record_def *def, const void *record, struct err *err);
/* {"task_id":"t1",...}: names of the schema, zero and absent fields left out, enums by name, bytes
 * as Base64. */
void record_write_json(const struct record_def *def, const void *record, struct json *json);
/* Bounds of a JSON text that is read: what jansson makes of each value may take 220 bytes. */
#define RECORD_JSON_SIZE_MAX   FRAME_MAX
#define RECORD_JSON_VALUES_MAX 131072
#define RECORD_JSON_DEPTH_MAX  32

/* For what is read in another way: is it within these bounds? -EINVAL with a text. */
int json_check_bounds(const char *text, size_t size, struct err *err);

/* The other way. As lenient as Mesos: unknown fields are ignored, null is absent, numbers and
 * booleans may stand in strings, enums may be numbers. -EINVAL with the path of the offending field
 * and what was expected; required fields, limits, ids as for message_decode. Duplicate keys are
 * refused. */
int record_read_json(const struct record_def *def, const char *text, size_t size,
                     struct arena *arena, const void **ret_record, struct err *err);
/* The same, but a field that is not known is an error: for what must not be left out silently. */
int record_read_json_strict(const struct record_def *def, const char *text, size_t size,
                            struct arena *arena, const void **ret_record, struct err *err);

#endif
