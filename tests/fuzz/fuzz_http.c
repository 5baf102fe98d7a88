/* Any text as a request's target, as a JSONP callback and as a file's name in a header. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/http_target.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(const char *text)
{
    CLEANUP(http_target_fini) struct http_target target = {0};
    struct err err = {""};
    int rc = http_target_parse(&target, text, &err);

    BUG_ON((rc < 0) != (*err.text != '\0'));
    BUG_ON((rc < 0) != (target.path == NULL));
    if (rc < 0)
        return;
    BUG_ON(target.path[0] != '/');
    BUG_ON(strlen(target.path) > strlen(text));
    for (size_t i = 0; i < target.count; i++)
        BUG_ON(!http_target_query(&target, target.parameters[i].name));
    http_target_query(&target, "jsonp");
}

static void check_callback(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.";

    if (http_callback_is_plain(text))
        BUG_ON(!*text || strspn(text, allowed) != strlen(text) || strlen(text) > HTTP_CALLBACK_MAX);
}

static void check_disposition(const char *text)
{
    char value[HTTP_HEADER_VALUE_MAX];
    size_t size, quotes = 0;

    http_disposition(text, value);
    size = strlen(value);
    BUG_ON(size >= sizeof(value) || value[size - 1] != '"');
    for (const char *c = value; *c; c++) {
        BUG_ON(*c < ' ' || *c > '~' || *c == '\\');
        quotes += *c == '"';
    }
    BUG_ON(quotes != 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(free_p) char *text = mem_alloc(size + 1);

    memcpy(text, data, size);
    text[size] = '\0';
    check_target(text);
    check_callback(text);
    check_disposition(text);
    return 0;
}
