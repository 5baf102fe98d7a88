#include "base/options_shown.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/units.h"

static void print_value(const struct option_def *option, struct buf *out)
{
    if (option->kind == OPTION_FLAG)
        buf_puts(out, *(const bool *)option->value ? "true" : "false");
    else if (option->kind == OPTION_STRING)
        buf_puts(out, *(const char *const *)option->value);
    else if (option->kind == OPTION_DURATION)
        units_print_duration(*(const int64_t *)option->value, out);
    else
        buf_printf(out, "%" PRId64, *(const int64_t *)option->value);
}

static char *shown_name(const char *name)
{
    char *shown = mem_strdup(name);

    for (char *c = shown; *c; c++)
        if (*c == '-')
            *c = '_';
    return shown;
}

void options_show(const struct option_def *options, struct options_shown *ret_shown)
{
    struct option_shown *items = mem_calloc(OPTIONS_MAX, sizeof(*items));
    size_t count = 0;

    for (const struct option_def *option = options; option->name; option++) {
        CLEANUP(buf_fini) struct buf value = {0};

        print_value(option, &value);
        if (!value.size)
            continue;
        items[count].name = shown_name(option->name);
        items[count++].value = mem_strdup(buf_text(&value));
    }
    *ret_shown = (struct options_shown){items, count};
}

void options_shown_fini(struct options_shown *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free((char *)self->items[i].name);
        free((char *)self->items[i].value);
    }
    free(self->items);
    *self = (struct options_shown){0};
}
