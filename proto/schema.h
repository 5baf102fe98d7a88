/* proto/schema.h - everything that is said, once.
 *
 * Each record and message is one list of fields. From the lists come the C structs (here), the
 * descriptors (schema.c), and through those the one codec, validator, copier, JSON writer and reader,
 * and the tables of docs/protocol.md. Nothing else in the tree packs or unpacks by hand.
 *
 *     F(R, kind, tag, name, arg, flags, help)      R: the struct, handed through from FIELDS_X(F, R)
 *
 *     kind   C field                                     arg
 *     BOOL   bool name                                   0
 *     INT    int64_t name                                0
 *     ENUM   enum arg name                               the enum's name
 *     STR    const char *name (never NULL once decoded)  longest allowed, bytes
 *     BYTES  struct bytes name                           longest allowed, bytes
 *     REC    const struct arg *name (NULL: absent)       the record's name; msg_<name>: a message's body
 *     STRS   const char *const *name, name_count         longest allowed, bytes each
 *     RECS   const struct arg *name, name_count          the record's name
 *
 *     flags  0, or FIELD_REQUIRED (a value of zero, "" or nothing is refused on receipt), FIELD_ID (a
 *            non-empty text, or each text of STRS, must pass id_check), FIELD_NOT_NEGATIVE
 *
 * Tags are what stands on the wire: a tag is never reused and never changes its kind. A field with the
 * value zero, "", NULL or empty is left out when sent, and an absent field reads as that; a tag that
 * the reader does not know is skipped. So fields can be added, and old and new peers understand each
 * other; a new meaning gets a new field. Tags are 1 to 255.
 *
 * The lists stand beside this file: schema_enums.h, schema_records.h, and the messages by who speaks them,
 * schema_link.h, _framework.h, _agent.h, _launcher.h, _docker.h, _executor.h, _operator.h, _view.h and _disk.h.
 */
#ifndef PROFFER_PROTO_SCHEMA_H
#define PROFFER_PROTO_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/schema_agent.h"
#include "proto/schema_disk.h"
#include "proto/schema_docker.h"
#include "proto/schema_enums.h"
#include "proto/schema_executor.h"
#include "proto/schema_framework.h"
#include "proto/schema_launcher.h"
#include "proto/schema_link.h"
#include "proto/schema_operator.h"
#include "proto/schema_records.h"
#include "proto/schema_view.h"

/* Counted up when a peer of the older version could no longer work with us at all. */
#define PROTOCOL_VERSION 1

#define TEXT_MAX    1024    /* a name, an address, a label */
#define MESSAGE_MAX 4096    /* a sentence for a person */
#define COMMAND_MAX 131072  /* one argument or variable: Linux's MAX_ARG_STRLEN */
#define DATA_MAX    1048576 /* opaque bytes between a framework and its executor */

enum field_flag {
    FIELD_REQUIRED = 1,
    FIELD_ID = 2,
    FIELD_NOT_NEGATIVE = 4,
};

struct bytes {
    const void *data;
    size_t size;
};

/* clang-format off */

/* M(number, name, NAME, way, help): struct msg_<name>, MSG_<NAME>, its fields are FIELDS_<NAME>.
 * Ways: `link` both ways on every link, `F>M` framework to master, `M>F`, `A>M` agent to master, `M>A`,
 * `A>L` agent to its launcher, `L>A`, `A>D` agent to its proffer-docker, `D>A`, `desk` between an agent and its launcher, each by itself (desk.h), `E>A` an executor to its agent, `A>E`, `shim` a shim's record on disk, `disk` a record of an agent's
 * checkpoint (KEEP_, FORGET_) or of the master's registry (KEPT_, DROP_), `core` what a core publishes to
 * its view, `http` an operator's call. */
#define MESSAGE_LIST(M) \
    MESSAGES_LINK(M) \
    MESSAGES_FRAMEWORK(M) \
    MESSAGES_AGENT(M) \
    MESSAGES_LAUNCHER(M) \
    MESSAGES_DOCKER(M) \
    MESSAGES_EXECUTOR(M) \
    MESSAGES_OPERATOR(M) \
    MESSAGES_VIEW(M) \
    MESSAGES_DISK(M)

#define ID_TEXT 255 /* ID_MAX of base/ids.h */

#define SCHEMA_ENUMERATOR(number, name) name = (number),
#define SCHEMA_ENUM(name, NAME) enum name { ENUM_##NAME(SCHEMA_ENUMERATOR) };
ENUM_LIST(SCHEMA_ENUM)

#define SCHEMA_MEMBER_BOOL(name, arg)  bool name;
#define SCHEMA_MEMBER_INT(name, arg)   int64_t name;
#define SCHEMA_MEMBER_ENUM(name, arg)  enum arg name;
#define SCHEMA_MEMBER_STR(name, arg)   const char *name;
#define SCHEMA_MEMBER_BYTES(name, arg) struct bytes name;
#define SCHEMA_MEMBER_REC(name, arg)   const struct arg *name;
#define SCHEMA_MEMBER_STRS(name, arg)  const char *const *name; size_t name##_count;
#define SCHEMA_MEMBER_RECS(name, arg)  const struct arg *name; size_t name##_count;
#define SCHEMA_MEMBER(R, kind, tag, name, arg, flags, help) SCHEMA_MEMBER_##kind(name, arg)
#define SCHEMA_RECORD(name, NAME) struct name { FIELDS_##NAME(SCHEMA_MEMBER, name) };
RECORD_LIST(SCHEMA_RECORD)
#define SCHEMA_BODY(number, name, NAME, way, help) struct msg_##name { FIELDS_##NAME(SCHEMA_MEMBER, msg_##name) };
MESSAGE_LIST(SCHEMA_BODY)

#define SCHEMA_TYPE(number, name, NAME, way, help) MSG_##NAME = (number),
enum msg_type { MESSAGE_LIST(SCHEMA_TYPE) MSG_TYPE_MAX = 256 };

/* clang-format on */

#endif
