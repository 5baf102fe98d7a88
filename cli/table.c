#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/printable.h"

struct table {
    const char *const *columns;
    size_t column_count;
    char **cells; /* owned, row by row */
    size_t cell_count;
    size_t capacity;
};

struct table *table_new(const char *const *columns)
{
    struct table *self = mem_new(struct table);

    self->columns = columns;
    while (columns[self->column_count])
        self->column_count++;
    return self;
}

void table_destroy(struct table **self_p)
{
    struct table *self = *self_p;

    if (!self)
        return;
    for (size_t i = 0; i < self->cell_count; i++)
        free(self->cells[i]);
    free(self->cells);
    free(self);
    *self_p = NULL;
}

void table_cell(struct table *self, const char *format, ...)
{
    CLEANUP(free_p) char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    if (self->cell_count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 64;
        self->cells = mem_resize(self->cells, self->capacity, sizeof(char *));
    }
    self->cells[self->cell_count++] = printable(text);
}

/* Characters, not bytes: the columns of UTF-8 text line up. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static const char *title(const char *column)
{
    return column[0] == '>' ? column + 1 : column;
}

static size_t *measure(const struct table *self, bool with_titles)
{
    size_t *widths = mem_calloc(self->column_count, sizeof(size_t));

    for (size_t i = 0; with_titles && i < self->column_count; i++)
        widths[i] = width_of(title(self->columns[i]));
    for (size_t i = 0; i < self->cell_count; i++) {
        size_t width = width_of(self->cells[i]);

        if (width > widths[i % self->column_count])
            widths[i % self->column_count] = width;
    }
    return widths;
}

static void print_cell(const struct table *self, size_t column, const char *text,
                       const size_t *widths)
{
    int padding = (int)(widths[column] - width_of(text));
    bool is_last = column + 1 == self->column_count;

    if (self->columns[column][0] == '>')
        printf("%*s%s", padding, "", text);
    else
        printf("%s%*s", text, is_last ? 0 : padding, "");
    fputs(is_last ? "\n" : "  ", stdout);
}

void table_print(const struct table *self, bool with_titles)
{
    CLEANUP(free_p) size_t *widths = measure(self, with_titles);

    for (size_t i = 0; with_titles && i < self->column_count; i++)
        print_cell(self, i, title(self->columns[i]), widths);
    for (size_t i = 0; i < self->cell_count; i++)
        print_cell(self, i % self->column_count, self->cells[i], widths);
}
