#include "cli/list.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "base/printable.h"

int list_options_check(const struct list_options *options)
{
    static const char *const formats[] = {"table", "wide", "json", "name"};

    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        if (!strcmp(options->format, formats[i]))
            return 0;
    return cli_fail(EXIT_USAGE, "-o %s: must be table, wide, json or name", options->format);
}

const char *field(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

double number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

const char *short_id(const char *id, bool wide)
{
    const char *dash = wide ? NULL : strrchr(id, '-');

    return dash && dash[1] ? dash + 1 : id;
}

bool id_matches(const char *id, const char *wanted)
{
    return *wanted && (!strcmp(id, wanted) || !strcmp(short_id(id, false), wanted) ||
                       !strncmp(id, wanted, strlen(wanted)));
}

void print_age(struct table *table, double since)
{
    CLEANUP(buf_fini) struct buf text = {0};
    double seconds = (double)time(NULL) - since;

    if (since <= 0) {
        table_cell(table, "-");
        return;
    }
    if (seconds >= 172800)
        buf_printf(&text, "%.0fd", seconds / 86400);
    else
        units_print_duration(seconds < 1 ? 0 : (int64_t)seconds * 1000, &text);
    table_cell(table, "%s", buf_text(&text));
}

void print_used(struct table *table, const json_t *used, const json_t *total, const char *name)
{
    table_cell(table, "%.*g/%.*g", 12, number(used, name), 12, number(total, name));
}

static void print_names(const struct list_view *view, const json_t *array)
{
    const json_t *item;
    size_t i;

    json_array_foreach(array, i, item) print_line(stdout, "%s", field(item, view->id_field));
}

void list_print_json(const json_t *value)
{
    CLEANUP(free_p) char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15));

    print_json(stdout, text);
}

int list_show(const struct list_options *options, const struct list_view *view, json_t *array)
{
    bool wide = !strcmp(options->format, "wide");
    CLEANUP(table_destroy) struct table *table = NULL;
    const json_t *item;
    size_t i;

    if (!strcmp(options->format, "json")) {
        list_print_json(array);
    } else if (!strcmp(options->format, "name")) {
        print_names(view, array);
    } else {
        table = table_new(view->columns);
        json_array_foreach(array, i, item) view->row(table, item, wide);
        table_print(table, !options->no_headers);
    }
    json_decref(array);
    return EXIT_OK;
}
