#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/utf8.h"

static void set_text(struct err *err, const char *format, va_list args)
{
    if (!err)
        return;
    vsnprintf(err->text, sizeof(err->text), format, args);
    utf8_repair(err->text);
}

int err_set(struct err *err, int code, const char *format, ...)
{
    va_list args;

    BUG_ON(code >= 0);
    va_start(args, format);
    set_text(err, format, args);
    va_end(args);
    return code;
}

int err_errno(struct err *err, int code, const char *format, ...)
{
    va_list args;
    size_t used;

    BUG_ON(code >= 0);
    if (!err)
        return code;
    va_start(args, format);
    set_text(err, format, args);
    va_end(args);
    used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(-code));
    utf8_repair(err->text);
    return code;
}

int err_wrap(struct err *err, int code, const char *format, ...)
{
    char inner[ERR_TEXT_MAX];
    va_list args;
    size_t used;

    BUG_ON(code >= 0);
    if (!err)
        return code;
    memcpy(inner, err->text, sizeof(inner));
    va_start(args, format);
    set_text(err, format, args);
    va_end(args);
    used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
    utf8_repair(err->text);
    return code;
}
