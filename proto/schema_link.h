/* proto/schema_link.h - messages: every link: who speaks, and is it alive. Part of schema.h, which says what the columns are. */
#ifndef PROFFER_PROTO_SCHEMA_LINK_H
#define PROFFER_PROTO_SCHEMA_LINK_H

/* clang-format off */

#define MESSAGES_LINK(M) \
    M(1,   hello,    HELLO,    "link", "first on every connection; answered by welcome or goodbye") \
    M(2,   welcome,  WELCOME,  "link", "the connection is a session now") \
    M(3,   goodbye,  GOODBYE,  "link", "the session ends; nothing after it is read") \
    M(4,   ping,     PING,     "link", "answered by pong; a session that is silent too long is over") \
    M(5,   pong,     PONG,     "link", "answers ping")

#define FIELDS_HELLO(F, R) \
    F(R, INT,  1, protocol_version, 0,         FIELD_REQUIRED, "PROTOCOL_VERSION") \
    F(R, ENUM, 2, kind,             peer_kind, FIELD_REQUIRED, "who speaks") \
    F(R, STR,  3, version,          TEXT_MAX,  0, "of the program, for people")

#define FIELDS_WELCOME(F, R) \
    F(R, INT, 1, protocol_version, 0,        FIELD_REQUIRED, "") \
    F(R, STR, 2, version,          TEXT_MAX, 0, "") \
    F(R, INT, 3, ping_ms,          0,        FIELD_NOT_NEGATIVE, "how often each side pings") \
    F(R, INT, 4, silence_ms,       0,        FIELD_NOT_NEGATIVE, "a session silent for so long is over")

#define FIELDS_GOODBYE(F, R) \
    F(R, STR,  1, reason,    MESSAGE_MAX, 0, "") \
    F(R, BOOL, 2, try_again, 0,           0, "a new connection may succeed")

#define FIELDS_PING(F, R) \
    F(R, INT, 1, number, 0, 0, "returned in the pong")

#define FIELDS_PONG(F, R) \
    F(R, INT, 1, number, 0, 0, "")

/* clang-format on */

#endif
