/* docs/protocol.md shows the schema as it is. Runs from the top of the tree. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "proto/schema_tables.h"

#define DOCUMENT     "docs/protocol.md"
#define DOCUMENT_MAX (1024 * 1024)

static void the_tables_are_those_of_the_schema(void **state)
{
    CLEANUP(buf_fini) struct buf text = {0}, tables = {0};
    FILE *file = fopen(DOCUMENT, "re");
    const char *begin;

    (void)state;
    if (!file)
        fail_msg("%s: %s; run from the top of the tree", DOCUMENT, strerror(errno));
    text.size = fread(buf_reserve(&text, DOCUMENT_MAX), 1, DOCUMENT_MAX, file);
    fclose(file);
    text.data[text.size] = '\0';

    begin = strstr(text.data, SCHEMA_TABLES_BEGIN);
    assert_non_null(begin);
    schema_write_tables(&tables);
    buf_puts(&tables, SCHEMA_TABLES_END);
    if (strncmp(begin + strlen(SCHEMA_TABLES_BEGIN), tables.data, tables.size) != 0)
        fail_msg("%s differs from proto/schema.h; renew it: make docs", DOCUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_those_of_the_schema),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
