/* cli/table.h - tables for people: columns as wide as their widest cell, two spaces apart. */
#ifndef PROFFER_CLI_TABLE_H
#define PROFFER_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;

/* `columns`: titles, ends with NULL; one that begins with '>' is aligned right. Borrowed. */
struct table *table_new(const char *const *columns);
void table_destroy(struct table **self_p);
/* Cells of a row come one after the other. Control characters are shown as '?'. */
void table_cell(struct table *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *self, bool with_titles);

#endif
