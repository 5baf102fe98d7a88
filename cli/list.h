/* cli/list.h - what the listing commands share: JSON fields, short ids, formats. */
#ifndef PROFFER_CLI_LIST_H
#define PROFFER_CLI_LIST_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/table.h"

/* A text field, "" when absent; a number field, 0 when absent. */
const char *field(const json_t *object, const char *name);
double number(const json_t *object, const char *name);
/* "S0" of "<master id>-S0"; `wide` gives the whole. */
const char *short_id(const char *id, bool wide);
/* Is `wanted` the id, its last part, or its beginning? */
bool id_matches(const char *id, const char *wanted);
/* "3m12s", "5d", since a time of /state; "-" for 0. */
void print_age(struct table *table, double since);
/* "1.5/4" */
void print_used(struct table *table, const json_t *used, const json_t *total, const char *name);

/* Show `array` as the options ask. `row` adds a row's cells. */
struct list_view {
    const char *const *columns;
    const char *id_field; /* for -o name */
    void (*row)(struct table *table, const json_t *item, bool wide);
};
/* As -o json. */
void list_print_json(const json_t *value);
int list_show(const struct list_options *options, const struct list_view *view, json_t *array);

#endif
