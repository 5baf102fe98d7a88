/* protocol_tables [FILE] - print the tables of the protocol, or renew them in FILE between their
 * markers.
 *
 * Part of `make docs`; tests/unit/test_protocol_doc.c says when it is due. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "proto/schema_tables.h"

#define READ_STEP 65536

static int fail(const char *path, const char *what)
{
    fprintf(stderr, "protocol_tables: %s: %s\n", path, what);
    return EXIT_FAILURE;
}

static int read_file(const char *path, struct buf *ret_text)
{
    FILE *file = fopen(path, "re");
    size_t size = 1;

    if (!file)
        return -1;
    while (size > 0) {
        size = fread(buf_reserve(ret_text, READ_STEP), 1, READ_STEP, file);
        ret_text->size += size;
    }
    ret_text->data[ret_text->size] = '\0';
    return fclose(file);
}

static int write_file(const char *path, const struct buf *text)
{
    FILE *file = fopen(path, "we");
    size_t written;

    if (!file)
        return -1;
    written = fwrite(text->data, 1, text->size, file);
    return fclose(file) == 0 && written == text->size ? 0 : -1;
}

static int renew(const char *path)
{
    CLEANUP(buf_fini) struct buf old = {0}, renewed = {0};
    const char *begin, *end;

    if (read_file(path, &old) != 0)
        return fail(path, "cannot be read");
    begin = strstr(old.data, SCHEMA_TABLES_BEGIN);
    end = begin ? strstr(begin, SCHEMA_TABLES_END) : NULL;
    if (!end)
        return fail(path, "has no markers for the tables");
    begin += strlen(SCHEMA_TABLES_BEGIN);
    buf_append(&renewed, old.data, (size_t)(begin - old.data));
    schema_write_tables(&renewed);
    buf_puts(&renewed, end);
    if (write_file(path, &renewed) != 0)
        return fail(path, "cannot be written");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    CLEANUP(buf_fini) struct buf tables = {0};

    if (argc > 1)
        return renew(argv[1]);
    schema_write_tables(&tables);
    fputs(buf_text(&tables), stdout);
    return EXIT_SUCCESS;
}
