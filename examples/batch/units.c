#include "examples/batch/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS_MAX (INT64_C(365) * 86400 * 1000 * 10)

static double unit_ms(const char **text)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

    if (**text == '\0')
        return 1000;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t size = strlen(units[i].name);

        if (!strncmp(*text, units[i].name, size) && !isalpha((unsigned char)(*text)[size])) {
            *text += size;
            return units[i].ms;
        }
    }
    return 0;
}

int units_parse_ms(const char *text, int64_t *ret_ms)
{
    double total = 0;

    do {
        char *end;
        double number, ms;

        if (!isdigit((unsigned char)*text))
            return -EINVAL;
        number = strtod(text, &end);
        text = end;
        ms = unit_ms(&text);
        if (ms == 0)
            return -EINVAL;
        total += number * ms;
    } while (*text);
    if (!(total <= (double)MS_MAX))
        return -EINVAL;
    *ret_ms = (int64_t)total;
    return 0;
}

void units_print_clock(double seconds, char *text, size_t size)
{
    unsigned long whole = seconds > 0 ? (unsigned long)(seconds + 0.5) : 0;

    if (whole >= 3600)
        snprintf(text, size, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, size, "%lu:%02lu", whole / 60, whole % 60);
}
