/* base/json.h - a streaming JSON writer: commas, escapes and number forms; no tree is built.
 *
 * Text that is not valid UTF-8 is written with U+FFFD in place of each bad byte, so that what a task
 * or a peer says can never break a document. Reading JSON is jansson's work (proto/json.h).
 */
#ifndef PROFFER_BASE_JSON_H
#define PROFFER_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
    struct buf *out; /* borrowed */
    bool needs_comma;
};

#define JSON(buffer) ((struct json){.out = (buffer)})

void json_object_begin(struct json *self);
void json_object_end(struct json *self);
void json_array_begin(struct json *self);
void json_array_end(struct json *self);
void json_key(struct json *self, const char *key);

void json_text(struct json *self, const char *text); /* NULL is written as "" */
void json_text_size(struct json *self, const char *text, size_t size);
void json_int(struct json *self, int64_t value);
void json_bool(struct json *self, bool value);
/* Fixed point 1/1000, always with a decimal point, as Mesos prints doubles: 4.0, 0.5, 0.125. */
void json_milli(struct json *self, int64_t milli);
/* Microseconds as seconds since 1970 with six decimals: 1470820172.070000. */
void json_seconds(struct json *self, int64_t us);
/* Base64 (RFC 4648) in a string. */
void json_bytes(struct json *self, const void *data, size_t size);
/* Something that is JSON already. */
void json_raw(struct json *self, const char *text, size_t size);

/* key and value in one call */
void json_pair_string(struct json *self, const char *key, const char *text);
void json_pair_int(struct json *self, const char *key, int64_t value);
void json_pair_bool(struct json *self, const char *key, bool value);
void json_pair_milli(struct json *self, const char *key, int64_t milli);
void json_pair_seconds(struct json *self, const char *key, int64_t us);

#endif
