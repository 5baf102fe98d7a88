#include "base/http_target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/mem.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* In place; what is decoded is never longer. */
static int decode(char *text, bool plus_is_space, struct err *err)
{
    char *out = text;

    for (const char *in = text; *in; in++) {
        int high, low;

        if (*in != '%') {
            *out++ = plus_is_space && *in == '+' ? ' ' : *in;
            continue;
        }
        high = hex_digit(in[1]);
        low = high < 0 ? -1 : hex_digit(in[2]);
        if (low < 0)
            return err_set(err, -EINVAL, "a '%%' must be followed by two hexadecimal digits");
        if (high == 0 && low == 0)
            return err_set(err, -EINVAL, "%%00 is not allowed");
        *out++ = (char)(high << 4 | low);
        in += 2;
    }
    *out = '\0';
    return 0;
}

static int add_parameter(struct http_target *self, char *pair, struct err *err)
{
    char *value = strchr(pair, '=');
    int rc;

    if (value)
        *value++ = '\0';
    else
        value = pair + strlen(pair);
    rc = decode(pair, true, err);
    if (rc >= 0)
        rc = decode(value, true, err);
    if (rc < 0)
        return rc;
    if ((self->count & (self->count - 1)) == 0)
        self->parameters = mem_resize(self->parameters, self->count ? self->count * 2 : 1,
                                      sizeof(self->parameters[0]));
    self->parameters[self->count++] = (struct http_parameter){pair, value};
    return 0;
}

static int add_parameters(struct http_target *self, char *query, struct err *err)
{
    while (query && *query) {
        char *next = strchr(query, '&');
        int rc;

        if (next)
            *next++ = '\0';
        rc = *query ? add_parameter(self, query, err) : 0;
        if (rc < 0)
            return rc;
        query = next;
    }
    return 0;
}

/* The absolute form is what a client sends to a proxy; servers have to take it (RFC 9112, 3.2.2).
 */
static char *skip_authority(char *text)
{
    static const char scheme[] = "http://";

    if (!strncasecmp(text, scheme, sizeof(scheme) - 1))
        text += strcspn(text + sizeof(scheme) - 1, "/?") + sizeof(scheme) - 1;
    return text;
}

int http_target_parse(struct http_target *ret_target, const char *raw, struct err *err)
{
    CLEANUP(http_target_fini) struct http_target target = {0};
    char *path, *query;
    size_t size = strlen(raw);
    int rc;

    if (size > HTTP_TARGET_MAX)
        return err_set(err, -E2BIG, "the target is %zu bytes long, at most %d are allowed", size,
                       HTTP_TARGET_MAX);
    target.text = mem_strdup(raw);
    path = skip_authority(target.text);
    if (*path != '/')
        return err_set(err, -EINVAL, "the target does not begin with '/'");
    target.path = path;
    query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    rc = decode(path, false, err);
    if (rc >= 0)
        rc = add_parameters(&target, query, err);
    if (rc < 0)
        return rc;
    size = strlen(path);
    if (size > 1 && path[size - 1] == '/')
        path[size - 1] = '\0';
    *ret_target = target;
    target = (struct http_target){0};
    return 0;
}

void http_target_fini(struct http_target *self)
{
    free(self->parameters);
    free(self->text);
    *self = (struct http_target){0};
}

const char *http_target_query(const struct http_target *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++)
        if (!strcmp(self->parameters[i].name, name))
            return self->parameters[i].value;
    return NULL;
}

bool http_callback_is_plain(const char *callback)
{
    bool at_start = true;

    if (strlen(callback) > HTTP_CALLBACK_MAX)
        return false;
    for (const char *c = callback; *c; c++) {
        bool is_letter = ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') || *c == '_' || *c == '$';
        bool is_digit = *c >= '0' && *c <= '9';

        if (!is_letter && (at_start || (!is_digit && *c != '.')))
            return false;
        at_start = *c == '.';
    }
    return !at_start;
}

void http_disposition(const char *download_name, char ret_value[HTTP_HEADER_VALUE_MAX])
{
    static const char before[] = "attachment; filename=\"";
    size_t size = sizeof(before) - 1;

    memcpy(ret_value, before, size);
    for (const char *c = download_name; *c && size < HTTP_HEADER_VALUE_MAX - 2; c++)
        ret_value[size++] = *c < ' ' || *c > '~' || strchr("\"\\/%", *c) ? '_' : *c;
    ret_value[size++] = '"';
    ret_value[size] = '\0';
}
