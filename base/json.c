#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static void value_starts(struct json *self)
{
    if (self->needs_comma)
        buf_append(self->out, ",", 1);
    self->needs_comma = true;
}

static void open_with(struct json *self, const char *bracket)
{
    value_starts(self);
    buf_append(self->out, bracket, 1);
    self->needs_comma = false;
}

static void close_with(struct json *self, const char *bracket)
{
    buf_append(self->out, bracket, 1);
    self->needs_comma = true;
}

void json_object_begin(struct json *self)
{
    open_with(self, "{");
}

void json_object_end(struct json *self)
{
    close_with(self, "}");
}

void json_array_begin(struct json *self)
{
    open_with(self, "[");
}

void json_array_end(struct json *self)
{
    close_with(self, "]");
}

void json_key(struct json *self, const char *key)
{
    json_text(self, key);
    buf_append(self->out, ":", 1);
    self->needs_comma = false;
}

static void escape(struct buf *out, unsigned char c)
{
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (const char *form = short_forms; *form; form += 2) {
        if ((unsigned char)form[0] == c) {
            buf_append(out, (char[]){'\\', form[1]}, 2);
            return;
        }
    }
    buf_printf(out, "\\u%04x", c);
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c < 0x7f;
}

void json_text_size(struct json *self, const char *text, size_t size)
{
    value_starts(self);
    buf_append(self->out, "\"", 1);
    while (size > 0) {
        size_t run = 0;

        while (run < size && is_plain((unsigned char)text[run]))
            run++;
        if (run == 0 && (unsigned char)text[0] >= 0x80) {
            run = utf8_char_size(text, size);
            if (run == 0) {
                buf_puts(self->out, "\\ufffd");
                text++;
                size--;
                continue;
            }
        }
        if (run > 0) {
            buf_append(self->out, text, run);
        } else {
            escape(self->out, (unsigned char)text[0]);
            run = 1;
        }
        text += run;
        size -= run;
    }
    buf_append(self->out, "\"", 1);
}

void json_text(struct json *self, const char *text)
{
    json_text_size(self, text ? text : "", text ? strlen(text) : 0);
}

void json_int(struct json *self, int64_t value)
{
    value_starts(self);
    buf_printf(self->out, "%" PRId64, value);
}

void json_bool(struct json *self, bool value)
{
    value_starts(self);
    buf_puts(self->out, value ? "true" : "false");
}

void json_milli(struct json *self, int64_t milli)
{
    uint64_t magnitude = milli < 0 ? -(uint64_t)milli : (uint64_t)milli;
    unsigned fraction = (unsigned)(magnitude % 1000);
    int digits = 3;

    value_starts(self);
    while (digits > 1 && fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    buf_printf(self->out, "%s%" PRIu64 ".%0*u", milli < 0 ? "-" : "", magnitude / 1000, digits,
               fraction);
}

void json_seconds(struct json *self, int64_t us)
{
    uint64_t magnitude = us < 0 ? -(uint64_t)us : (uint64_t)us;

    value_starts(self);
    buf_printf(self->out, "%s%" PRIu64 ".%06" PRIu64, us < 0 ? "-" : "", magnitude / 1000000,
               magnitude % 1000000);
}

void json_bytes(struct json *self, const void *data, size_t size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *byte = data;

    value_starts(self);
    buf_append(self->out, "\"", 1);
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i < 3 ? size - i : 3;
        uint32_t word = (uint32_t)byte[i] << 16;

        word |= left > 1 ? (uint32_t)byte[i + 1] << 8 : 0;
        word |= left > 2 ? byte[i + 2] : 0;
        buf_append(self->out,
                   (char[]){alphabet[word >> 18], alphabet[(word >> 12) & 63],
                            left > 1 ? alphabet[(word >> 6) & 63] : '=',
                            left > 2 ? alphabet[word & 63] : '='},
                   4);
    }
    buf_append(self->out, "\"", 1);
}

void json_raw(struct json *self, const char *text, size_t size)
{
    value_starts(self);
    buf_append(self->out, text, size);
}

void json_pair_string(struct json *self, const char *key, const char *text)
{
    json_key(self, key);
    json_text(self, text);
}

void json_pair_int(struct json *self, const char *key, int64_t value)
{
    json_key(self, key);
    json_int(self, value);
}

void json_pair_bool(struct json *self, const char *key, bool value)
{
    json_key(self, key);
    json_bool(self, value);
}

void json_pair_milli(struct json *self, const char *key, int64_t milli)
{
    json_key(self, key);
    json_milli(self, milli);
}

void json_pair_seconds(struct json *self, const char *key, int64_t us)
{
    json_key(self, key);
    json_seconds(self, us);
}
