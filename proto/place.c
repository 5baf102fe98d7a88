#include "proto/place.h"

#include <stdarg.h>
#include <stdio.h>

#define PLACE_TEXT_MAX 160

/* Answers how much of `text` is used; what does not fit is left out. */
static size_t place_print(const struct place *place, char *text, size_t size)
{
    size_t used = 0;
    int more;

    if (place->up) {
        used = place_print(place->up, text, size);
        if (used + 1 < size)
            text[used++] = '.';
    }
    if (place->index == PLACE_NO_INDEX)
        more = snprintf(text + used, size - used, "%s", place->name);
    else
        more = snprintf(text + used, size - used, "%s[%zu]", place->name, place->index);
    used += (size_t)more;
    return used < size ? used : size - 1;
}

int report_at(const struct report *report, const struct place *place, const char *format, ...)
{
    char where[PLACE_TEXT_MAX] = "";
    char what[ERR_TEXT_MAX];
    va_list args;

    if (!report->err)
        return report->code;
    if (place)
        place_print(place, where, sizeof(where));
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return err_set(report->err, report->code, "%s%s%s%s%s", report->subject ? report->subject : "",
                   report->subject ? ": " : "", where, place ? ": " : "", what);
}
